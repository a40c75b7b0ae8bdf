//! Which new calls are refused when messages wait too long for the engine (RFC 6357, R-A): those only, and at once, so that
//! what is under way goes on. A pure value.
//!
//! Four things begin it. Requests have waited longer than `limits.max_wait_ms` for a while ([`strain`]): a short stall of the
//! machine refuses nobody. Or ever longer beyond a third of it, while half as many again come as began before: what such a
//! rush costs shows when all of them talk, and those taken meanwhile are too many already. Packets of the calls that talk wait
//! too long for the relay ([`media`]), which counts as if the requests had. Or many more come than the node is known to bear
//! ([`Known`]), however soon they are read.
//!
//! While calls are shed, a third of that wait is late. What is steered towards a wait is beyond it much of the time, and
//! refusals, which wait in the same queue, are to be told within 100 ms (R-A2); with less, a slow node, to which a few
//! messages are a wait, is never used up. Late calls are shed at once, and those on time are taken at a [`pace`]. Once that
//! refuses nobody any more, the rush is over, and a stall of the machine is borne as ever. It ends when none was late or
//! shed for [`CALM`].
//!
//! Trunks share what there is ([`shares`]): one that asks for less than its share of the pace, or began less than its share
//! of the latest calls, is served all the same, and the others get the less (R-A8). Emergency calls never come here (R-A9).

mod known;
mod media;
mod pace;
mod shares;
mod strain;

use std::time::Duration;

use crate::base::Instant;
use crate::base::ids::TrunkId;

use known::Known;
use media::Media;
use pace::{Bounds, Pace};
use shares::Shares;
use strain::{Strain, Timing};

/// Fewer that were late say nothing of a rush: what they wait for may be anything else that is read.
const RUSH: u32 = 10;
/// Nor do fewer in a second: any node bears as many, and what is known of a quiet hour's stall may be less.
const RUSH_PER_S: u32 = 50;
/// How long none may have been late or shed before lateness is borne again.
const CALM: Duration = Duration::from_secs(5);
/// How often the pace is set anew.
const LOOK: Duration = Duration::from_millis(100);
/// While calls are shed, this part of what is borne otherwise is late; and before, where a rush comes.
const LATE_WHILE_SHEDDING: u32 = 3;

/// What waits no longer than this part of what is borne finds a node at leisure.
const SOON: u32 = 10;

/// What becomes of a new call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Taken,
    Shed,
}

/// How long a request has waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    For(Duration),
    /// It was judged before it was read, and taken.
    Borne,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Overload {
    state: State,
    shares: Shares,
    media: Media,
    known: Option<Known>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Lateness is borne.
    Bearing(Bearing),
    /// Late, or shed, last at this moment.
    Shedding { last: Instant, pace: Pace },
}

impl Default for State {
    fn default() -> State {
        State::Bearing(Bearing::default())
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Bearing {
    /// Of requests that have waited for longer than is borne.
    strain: Strain,
    /// Of those beyond a third of it: a rush shows sooner there.
    rush: Strain,
}

impl Overload {
    /// A new call of `trunk` that has waited so long, where `most` is borne.
    pub fn judge(&mut self, now: Instant, trunk: TrunkId, waited: Duration, most: Duration) -> Fate {
        let (borne, media) = match self.state {
            State::Shedding { pace, .. } if pace.is_used_up() => (most / LATE_WHILE_SHEDDING, self.media.now()),
            State::Bearing(_) | State::Shedding { .. } => (most, self.media.lately()),
        };
        let timing = if waited > borne { Timing::Late } else { media };
        let early = if waited > most / LATE_WHILE_SHEDDING { Timing::Late } else { media };
        self.observe(now, (timing, early, waited), most);
        self.shares.asked(now, trunk);
        if let State::Shedding { last, pace } = &mut self.state {
            let is_in_time = timing == Timing::OnTime && pace.takes(now);
            if !is_in_time {
                if !self.shares.has_less_than_its_share(now, trunk, pace.left_per_s()) {
                    *last = now;
                    return Fate::Shed;
                }
                pace.owe(now);
            }
            pace.took();
        }
        self.shares.begun(now, trunk);
        Fate::Taken
    }

    /// Packets have waited for the relay for so long at most since this was told before.
    pub fn media_waited(&mut self, waited: Duration) {
        self.media.looked(waited);
    }

    /// What was told last.
    pub const fn media_wait(&self) -> Duration {
        self.media.latest()
    }

    /// True while calls are shed.
    pub const fn is_shedding(&self) -> bool {
        matches!(self.state, State::Shedding { .. })
    }

    fn sheds_from(&mut self, now: Instant) {
        let known = self.known.and_then(|known| known.per_s(now));
        let bounds = if known.is_some() { Bounds::Known } else { Bounds::Unknown };
        let pace = Pace::new(now, self.shares.first_pace(now, known), bounds);
        self.state = State::Shedding { last: now, pace };
    }

    fn observe(&mut self, now: Instant, (timing, early, waited): (Timing, Timing, Duration), most: Duration) {
        match (&mut self.state, timing) {
            (State::Bearing(bearing), Timing::Late | Timing::OnTime) => {
                bearing.strain = bearing.strain.with(now, (timing, waited));
                bearing.rush = bearing.rush.with(now, (early, waited));
                let Bearing { strain, rush } = *bearing;
                let is_rushed = self.known.as_mut().is_some_and(|known| known.is_rushed(now, timing));
                let is_too_much = timing == Timing::Late && strain.is_too_much()
                    || early == Timing::Late && rush.is_rush(|| self.shares.begun_per_s(now));
                if is_rushed || is_too_much {
                    self.sheds_from(now);
                }
            }
            (State::Shedding { last, pace }, Timing::OnTime) if now.since(*last) >= CALM => {
                if pace.has_learned() {
                    self.known = Some(Known::new(now, pace.borne_per_s()));
                }
                if let Some(known) = &mut self.known {
                    known.was_borne(now, self.shares.begun_per_s(now));
                }
                self.state = State::default();
            }
            (State::Shedding { last, pace }, Timing::Late | Timing::OnTime) => {
                pace.note(now, (timing, waited <= most / SOON));
                if timing == Timing::Late {
                    *last = now;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trial;
