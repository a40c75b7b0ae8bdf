//! The memory ceiling (`limits.memory_mb`, S-H): near it new calls are refused, so that the kernel never kills the process
//! with every call it has.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::{Instant, sleep_until};

use super::inbox::Inbox;
use crate::base::ids::CommandId;
use crate::engine::io::{Command, Hold, Input, NewCalls};
use crate::metrics::gauges::GaugeBoard;
use crate::metrics::memory::{self, MIB};
use crate::route::snapshot::Snapshot;

/// How often memory is looked at near the ceiling, and at least.
const LOOK: Duration = Duration::from_millis(250);
const LOOK_AT_LEAST: Duration = Duration::from_secs(1);
/// Octets that come in a second at most: 3,000 calls/s of 20 kB each. Far from the ceiling nobody wakes to see that it
/// is far.
const GROWTH: u64 = 64 * MIB;
/// Hundredths of the ceiling where new calls are refused, and below which they are taken again.
const REFUSE: u64 = 90;
const TAKE: u64 = 85;

/// Whether new calls are taken, by what the process holds. A pure value.
///
/// An allocator does not give all memory back, so memory alone might refuse calls for ever: room for a new call is also
/// where one has ended. So calls are taken again too when an eighth of those at the refusal have ended, and until they are
/// as many again, or memory grows beyond what it was.
#[derive(Debug)]
pub struct Ceiling {
    octets: u64,
    state: State,
}

/// What the process held when calls were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    octets: u64,
    calls: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Taking,
    Refusing(Held),
    /// Taking again while memory is still high: calls have ended since.
    Refilling(Held),
}

impl Ceiling {
    /// `octets`: what the process may have.
    pub const fn new(octets: u64) -> Ceiling {
        Ceiling { octets, state: State::Taking }
    }

    /// What is held now. Returns what shall become of new calls, where that changes.
    pub fn see(&mut self, octets: u64, calls: usize) -> Option<NewCalls> {
        let held = Held { octets, calls };
        let (is_high, is_low) = (octets >= self.hundredths(REFUSE), octets < self.hundredths(TAKE));
        let before = self.state;
        self.state = match before {
            State::Taking if is_high => State::Refusing(held),
            State::Refusing(_) | State::Refilling(_) if is_low => State::Taking,
            State::Refusing(at) if calls < at.calls && calls <= at.calls - at.calls / 8 => State::Refilling(at),
            State::Refilling(at) if is_high && (calls >= at.calls || octets > at.octets.saturating_add(MIB)) => {
                State::Refusing(held)
            }
            State::Taking | State::Refusing(_) | State::Refilling(_) => before,
        };
        let refuses = |state: &State| matches!(state, State::Refusing(_));
        match (refuses(&before), refuses(&self.state)) {
            (false, true) => Some(NewCalls::Refused),
            (true, false) => Some(NewCalls::Taken),
            (true, true) | (false, false) => None,
        }
    }

    /// When to look again: before so much can have come that calls must be refused.
    fn next_look(&self, octets: u64) -> Duration {
        let room = self.hundredths(REFUSE).saturating_sub(octets);
        Duration::from_secs(room / GROWTH).clamp(LOOK, LOOK_AT_LEAST)
    }

    const fn hundredths(&self, hundredths: u64) -> u64 {
        self.octets / 100 * hundredths
    }
}

/// Looks after the ceiling until the process ends, at times counted from `beat`: one wake-up serves whoever keeps it. Call
/// it inside the runtime.
pub fn watch(beat: Instant, gauges: Arc<GaugeBoard>, snapshot: Arc<ArcSwap<Snapshot>>, inbox: Arc<Inbox>) {
    tokio::spawn(async move {
        let mut watchman = Watchman::default();
        let mut patience = Duration::ZERO;
        loop {
            sleep_until(on_beat(beat, beat.elapsed() + patience)).await;
            watchman.heed(snapshot.load().limits.memory_mb);
            patience = LOOK;
            let Some(held) = memory::held() else { continue };
            patience = watchman.next_look(held);
            let Some(new_calls) = watchman.see(held, gauges.read().calls) else { continue };
            match new_calls {
                NewCalls::Refused => tracing::error!(held_mb = held / MIB, "memory is short: new calls get 503"),
                NewCalls::Taken => tracing::warn!(held_mb = held / MIB, "new calls are taken again"),
            }
            inbox.put(Input::Command(CommandId(0), Command::NewCalls(Hold::Memory, new_calls)));
        }
    });
}

/// The last moment on the beat that is no later than `after` its first.
fn on_beat(beat: Instant, after: Duration) -> Instant {
    beat + after - Duration::from_nanos(u64::try_from(after.as_nanos() % LOOK.as_nanos()).unwrap_or(0))
}

/// The ceiling, and the setting it was read from.
#[derive(Debug, Default)]
struct Watchman {
    memory_mb: Option<u64>,
    ceiling: Option<Ceiling>,
}

impl Watchman {
    /// `limits.memory_mb` as it is in force now: a reload may change it.
    fn heed(&mut self, memory_mb: u64) {
        if self.memory_mb == Some(memory_mb) {
            return;
        }
        self.memory_mb = Some(memory_mb);
        let Some(octets) = memory::ceiling(memory_mb) else {
            tracing::warn!(
                "neither limits.memory_mb nor the system says how much memory there is: no call is refused for it"
            );
            return;
        };
        tracing::info!(ceiling_mb = octets / MIB, "new calls are refused at nine tenths of this memory");
        match &mut self.ceiling {
            Some(ceiling) => ceiling.octets = octets,
            None => self.ceiling = Some(Ceiling::new(octets)),
        }
    }

    fn next_look(&self, held: u64) -> Duration {
        self.ceiling.as_ref().map_or(LOOK_AT_LEAST, |ceiling| ceiling.next_look(held))
    }

    fn see(&mut self, held: u64, calls: usize) -> Option<NewCalls> {
        self.ceiling.as_mut()?.see(held, calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ceiling() -> Ceiling {
        Ceiling::new(1000 * MIB)
    }

    #[test]
    fn calls_are_refused_at_nine_tenths_and_taken_again_below_85_hundredths() {
        let mut ceiling = ceiling();
        assert_eq!(ceiling.see(899 * MIB, 10), None);
        assert_eq!(ceiling.see(900 * MIB, 10), Some(NewCalls::Refused));
        assert_eq!(ceiling.see(860 * MIB, 10), None);
        assert_eq!(ceiling.see(849 * MIB, 10), Some(NewCalls::Taken));
        assert_eq!(ceiling.see(899 * MIB, 10), None);
        assert_eq!(ceiling.see(950 * MIB, 10), Some(NewCalls::Refused));
    }

    #[test]
    fn the_nearer_the_ceiling_the_sooner_the_next_look() {
        let looks = [0, 835, 840, 899, 900, 2000].map(|held| ceiling().next_look(held * MIB));
        assert_eq!(looks, [LOOK_AT_LEAST, LOOK_AT_LEAST, LOOK, LOOK, LOOK, LOOK]);
    }

    #[test]
    fn a_look_that_came_late_does_not_move_the_beat() {
        let beat = Instant::now();
        let moments = [0, 3, 249, 250, 1253].map(|after| on_beat(beat, Duration::from_millis(after)) - beat);
        assert_eq!(moments.map(|moment| moment.as_millis()), [0, 0, 0, 250, 1250]);
    }

    #[test]
    fn memory_that_is_not_given_back_does_not_refuse_calls_for_ever() {
        let mut ceiling = ceiling();
        assert_eq!(ceiling.see(900 * MIB, 800), Some(NewCalls::Refused));
        assert_eq!(ceiling.see(900 * MIB, 701), None);
        assert_eq!(ceiling.see(900 * MIB, 700), Some(NewCalls::Taken));
        assert_eq!(ceiling.see(900 * MIB, 799), None);
        assert_eq!(ceiling.see(900 * MIB, 800), Some(NewCalls::Refused), "as many as before");
    }

    #[test]
    fn memory_that_grows_beyond_what_it_was_refuses_calls_again() {
        let mut ceiling = ceiling();
        ceiling.see(900 * MIB, 800);
        ceiling.see(900 * MIB, 100);
        assert_eq!(ceiling.see(901 * MIB, 101), None);
        assert_eq!(ceiling.see(902 * MIB, 102), Some(NewCalls::Refused));
    }

    #[test]
    fn a_ceiling_that_is_raised_by_a_reload_takes_calls_again() {
        let mut watchman = Watchman::default();
        watchman.heed(1000);
        assert_eq!(watchman.see(900 * MIB, 10), Some(NewCalls::Refused));
        watchman.heed(2000);
        assert_eq!(watchman.see(900 * MIB, 10), Some(NewCalls::Taken));
        watchman.heed(900);
        assert_eq!(watchman.see(900 * MIB, 10), Some(NewCalls::Refused));
    }

    #[test]
    fn what_fills_memory_without_calls_is_waited_out() {
        let mut ceiling = ceiling();
        assert_eq!(ceiling.see(950 * MIB, 0), Some(NewCalls::Refused));
        assert_eq!(ceiling.see(950 * MIB, 0), None);
        assert_eq!(ceiling.see(100 * MIB, 0), Some(NewCalls::Taken));
    }
}
