//! Calls that were refused at a glance, known again when they are repeated. Over UDP a caller repeats its INVITE until
//! it has heard the 503, and what it repeats may come when there is room again: taken then, it would be a call that
//! nobody asks for any more (RFC 3261 8.2.7, 17.1.1.2).

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::base::bounds::Bound;
use crate::base::ids::ById;
use crate::base::limits::REFUSALS;
use crate::sip::flow::Flow;
use crate::sip::glance::PlainInvite;

/// Nobody repeats an INVITE for longer (RFC 3261 17.1.1.2: timer B, 64*T1). Each is known for one to two of these.
const GENERATION: Duration = Duration::from_secs(32);

/// See the module. Of one socket.
#[derive(Debug)]
pub struct Refusals {
    /// Of the keys, which are hashes: the sets need no secret of their own.
    keys: RandomState,
    young: HashSet<u64, ById>,
    old: HashSet<u64, ById>,
    /// When the younger ones began.
    since: Instant,
}

impl Refusals {
    pub fn new(now: Instant) -> Refusals {
        Refusals { keys: RandomState::new(), young: HashSet::default(), old: HashSet::default(), since: now }
    }

    /// What is the same in each repetition, and in no other request of anybody.
    pub fn key(&self, flow: &Flow, invite: &PlainInvite<'_>) -> u64 {
        self.keys.hash_one((flow.remote, invite.via().branch(), invite.identity()))
    }

    /// This one was refused.
    pub fn note(&mut self, now: Instant, key: u64) {
        self.turn(now);
        if self.young.len() >= REFUSALS {
            Bound::Refusals.reached();
            self.begin(now);
        }
        self.young.insert(key);
    }

    /// True when it was refused before.
    pub fn holds(&self, key: u64) -> bool {
        self.young.contains(&key) || self.old.contains(&key)
    }

    /// True when nothing was refused lately.
    pub fn is_empty(&mut self, now: Instant) -> bool {
        self.turn(now);
        self.young.is_empty() && self.old.is_empty()
    }

    fn turn(&mut self, now: Instant) {
        let past = now - self.since;
        if past >= GENERATION {
            self.begin(now);
        }
        if past >= 2 * GENERATION {
            self.old = HashSet::default();
        }
    }

    /// The younger ones are the older ones from now on.
    fn begin(&mut self, now: Instant) {
        self.old = std::mem::take(&mut self.young);
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_known_until_nobody_repeats_it() {
        let start = Instant::now();
        let mut refusals = Refusals::new(start);
        assert!(refusals.is_empty(start));
        refusals.note(start + Duration::from_secs(31), 1);
        let known = |refusals: &mut Refusals, seconds: u64| {
            let is_empty = refusals.is_empty(start + Duration::from_secs(seconds));
            (is_empty, refusals.holds(1), refusals.holds(2))
        };
        assert_eq!(known(&mut refusals, 63), (false, true, false));
        assert_eq!(known(&mut refusals, 95), (true, false, false));
        refusals.note(start + Duration::from_secs(96), 2);
        assert_eq!(known(&mut refusals, 200), (true, false, false), "nothing was refused for long");
    }

    #[test]
    fn no_more_are_known_than_two_generations_hold() {
        let start = Instant::now();
        let mut refusals = Refusals::new(start);
        let before = Bound::Refusals.count();
        (0..=2 * REFUSALS as u64).for_each(|key| refusals.note(start, key));
        assert_eq!([0, REFUSALS as u64, 2 * REFUSALS as u64].map(|key| refusals.holds(key)), [false, true, true]);
        assert_eq!(Bound::Refusals.count() - before, 2);
    }
}
