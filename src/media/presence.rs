//! Whether a far end is there: when it was last heard, and how long it said nothing while it was to be heard.

use std::time::Duration;

use crate::base::Instant;
use crate::media::plan::Flowing;

/// Signs of life of one far end.
#[derive(Debug)]
pub struct Presence {
    /// Longer without a sign of life is silence; `None`: not watched.
    patience: Option<Duration>,
    last_sign: Instant,
    state: State,
    silences: u32,
    last_voice: Instant,
    longest_pause: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    There,
    /// And said so to the core.
    Silent,
}

/// What changed, for the core to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    FellSilent,
    /// It is heard again after it had fallen silent.
    CameBack,
}

impl Presence {
    /// Silence is counted from `now`.
    pub const fn new(now: Instant, patience: Option<Duration>) -> Presence {
        Presence {
            patience,
            last_sign: now,
            state: State::There,
            silences: 0,
            last_voice: now,
            longest_pause: Duration::ZERO,
        }
    }

    /// A valid packet of any kind came.
    pub fn sign(&mut self, now: Instant) -> Option<Change> {
        self.last_sign = now;
        let was_silent = self.state == State::Silent;
        self.state = State::There;
        was_silent.then_some(Change::CameBack)
    }

    /// Voice came.
    pub fn voice(&mut self, now: Instant, flowing: Flowing) {
        self.note_pause(now, flowing);
        self.last_voice = now;
    }

    /// A new plan; `flowing` is what held until now. Another patience counts from now on: after a hold nobody is silent
    /// yet.
    pub fn replan(&mut self, now: Instant, flowing: Flowing, patience: Option<Duration>) {
        self.note_pause(now, flowing);
        self.last_voice = now;
        if self.patience != patience {
            self.patience = patience;
            self.last_sign = now;
            self.state = State::There;
        }
    }

    /// Looks whether the far end has just fallen silent. It is told once until it comes back.
    pub fn watch(&mut self, now: Instant, flowing: Flowing) -> Option<Change> {
        self.note_pause(now, flowing);
        let patience = self.patience.filter(|_| self.state == State::There)?;
        if now - self.last_sign < patience {
            return None;
        }
        self.state = State::Silent;
        self.silences = self.silences.saturating_add(1);
        Some(Change::FellSilent)
    }

    /// Nothing more is expected: the pause that lasted until `now` counts as every other.
    pub fn end(&mut self, now: Instant, flowing: Flowing) {
        self.note_pause(now, flowing);
    }

    /// The longest time without voice while it was to be heard.
    pub const fn longest_pause(&self) -> Duration {
        self.longest_pause
    }

    /// How often it fell silent.
    pub const fn silences(&self) -> u32 {
        self.silences
    }

    /// Looks at the pause that lasts now, if it is one.
    fn note_pause(&mut self, now: Instant, flowing: Flowing) {
        if flowing.receive {
            self.longest_pause = self.longest_pause.max(now - self.last_voice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Flowing = Flowing { send: true, receive: true };
    const HELD: Flowing = Flowing { send: false, receive: false };

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn silence_and_its_end_are_told_once_each() {
        let mut presence = Presence::new(at(0), Some(Duration::from_secs(30)));
        assert_eq!(presence.watch(at(29), BOTH), None);
        assert_eq!(presence.watch(at(30), BOTH), Some(Change::FellSilent));
        assert_eq!(presence.watch(at(90), BOTH), None);
        assert_eq!(presence.sign(at(91)), Some(Change::CameBack));
        assert_eq!(presence.sign(at(92)), None);
        assert_eq!(presence.silences(), 1);
    }

    #[test]
    fn a_resumed_far_end_has_its_whole_patience_before_it() {
        let mut presence = Presence::new(at(0), Some(Duration::from_secs(30)));
        presence.replan(at(20), BOTH, None);
        assert_eq!(presence.watch(at(500), HELD), None);
        presence.replan(at(500), HELD, Some(Duration::from_secs(30)));
        assert_eq!(presence.watch(at(529), BOTH), None);
        assert_eq!(presence.watch(at(530), BOTH), Some(Change::FellSilent));
        assert_eq!(presence.longest_pause(), Duration::from_secs(30), "the hold is no pause");
    }
}
