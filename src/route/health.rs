//! Which ways to a peer have failed lately: they are tried last for a while, so that not every call waits for what the
//! call before it has found dead (RFC 3263 4.3 leaves this to the client). Nothing is ever left out: when every way
//! has failed, all are tried in their order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::base::Instant;
use crate::base::bounds::Bound;
use crate::base::ids::TrunkId;
use crate::base::limits::PENALISED_WAYS;

/// The first penalty; each failure after it doubles it.
const SHORTEST: Duration = Duration::from_secs(30);
/// The longest penalty: a peer that came back is asked again after this at the latest.
const LONGEST: Duration = Duration::from_secs(600);
/// A way that has not failed for this long starts over with the shortest penalty.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// One address of one trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Way {
    pub trunk: TrunkId,
    pub address: SocketAddr,
    /// The target whose address it is; `None`: of no target (a redirection, a registrar's route).
    pub target: Option<TargetId>,
}

/// Place of a target in its trunk's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub u16);

impl Way {
    const fn key(self) -> (TrunkId, SocketAddr) {
        (self.trunk, self.address)
    }
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    penalties: BTreeMap<(TrunkId, SocketAddr), Penalty>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Penalty {
    length: Duration,
    until: Instant,
    evidence: Evidence,
    kind: Kind,
}

/// Where a penalty's length comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Found,
    AskedFor,
}

/// What showed that a way fails, or works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A call's INVITE.
    Call,
    /// One of our OPTIONS. That these are answered takes nothing back of what only calls have found: there are peers that
    /// answer OPTIONS and no INVITE. Where a probe has failed too, its answer is the end of it.
    Probe,
}

impl Health {
    /// No answer came on this way, or none that says that anybody can take a call there (503). A failure during a
    /// penalty is the same failure seen again: it changes nothing but who has seen it.
    pub fn failed(&mut self, now: Instant, way: Way, evidence: Evidence) {
        let length = match self.penalties.get_mut(&way.key()) {
            Some(penalty) if now < penalty.until => {
                if (evidence, penalty.kind) == (Evidence::Probe, Kind::Found) {
                    penalty.evidence = evidence;
                }
                return;
            }
            Some(penalty) if now < penalty.until + FORGOTTEN => (penalty.length * 2).min(LONGEST),
            Some(_) | None => SHORTEST,
        };
        self.make_room(way);
        self.penalties.insert(way.key(), Penalty { length, until: now + length, evidence, kind: Kind::Found });
    }

    /// Who answers there asks to be left alone for `pause` (503 with Retry-After, RFC 3261 21.5.4). Asked for longer than
    /// the longest penalty, that one is kept.
    pub fn told_to_wait(&mut self, now: Instant, way: Way, pause: Duration, evidence: Evidence) {
        let until = now + pause.min(LONGEST);
        self.make_room(way);
        let asked = Penalty { length: SHORTEST, until, evidence, kind: Kind::AskedFor };
        let known = self.penalties.entry(way.key()).or_insert(asked);
        *known = Penalty { length: known.length, ..asked };
    }

    /// Somebody answered on this way.
    pub fn works(&mut self, way: Way, evidence: Evidence) {
        if self
            .penalties
            .get(&way.key())
            .is_some_and(|penalty| evidence == Evidence::Call || penalty.evidence == evidence)
        {
            self.penalties.remove(&way.key());
        }
    }

    /// True while this way is to be tried last.
    pub fn is_penalised(&self, now: Instant, way: Way) -> bool {
        self.penalties.get(&way.key()).is_some_and(|penalty| now < penalty.until)
    }

    /// Forgets the ways of trunks that are no more.
    pub fn retain(&mut self, is_there: impl Fn(TrunkId) -> bool) {
        self.penalties.retain(|(trunk, _), _| is_there(*trunk));
    }

    fn make_room(&mut self, way: Way) {
        if self.penalties.len() < PENALISED_WAYS || self.penalties.contains_key(&way.key()) {
            return;
        }
        Bound::PenalisedWays.reached();
        let first = self.penalties.iter().min_by_key(|(_, penalty)| penalty.until).map(|(way, _)| *way);
        if let Some(first) = first {
            self.penalties.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(last: u8) -> Way {
        Way { trunk: TrunkId(0), address: ([192, 0, 2, last], 5060).into(), target: None }
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_failure_penalises_its_own_way_for_half_a_minute() {
        let mut health = Health::default();
        health.failed(at(0), way(1), Evidence::Call);
        assert!(health.is_penalised(at(29), way(1)));
        assert!(!health.is_penalised(at(30), way(1)));
        assert!(!health.is_penalised(at(1), way(2)));
        assert!(!health.is_penalised(at(1), Way { trunk: TrunkId(1), ..way(1) }));
    }

    #[test]
    fn each_failure_after_a_penalty_doubles_it_up_to_ten_minutes() {
        let mut health = Health::default();
        let mut now = at(0);
        let mut lengths = Vec::new();
        for _ in 0..7 {
            health.failed(now, way(1), Evidence::Call);
            let until = health.penalties[&way(1).key()].until;
            lengths.push(until.since(now).as_secs());
            now = until;
        }
        assert_eq!(lengths, [30, 60, 120, 240, 480, 600, 600]);
    }

    #[test]
    fn calls_that_fail_together_count_once() {
        let mut health = Health::default();
        (0..10).for_each(|second| health.failed(at(second), way(1), Evidence::Call));
        assert!(!health.is_penalised(at(30), way(1)));
    }

    #[test]
    fn an_answer_clears_the_past() {
        let mut health = Health::default();
        health.failed(at(0), way(1), Evidence::Call);
        health.works(way(1), Evidence::Call);
        assert!(!health.is_penalised(at(1), way(1)));
        health.failed(at(2), way(1), Evidence::Call);
        assert!(!health.is_penalised(at(32), way(1)));
    }

    #[test]
    fn a_failure_long_ago_is_forgotten() {
        let mut health = Health::default();
        health.failed(at(0), way(1), Evidence::Call);
        health.failed(at(30 + 3600), way(1), Evidence::Call);
        assert!(!health.is_penalised(at(30 + 3600 + 30), way(1)));
    }

    #[test]
    fn the_table_does_not_grow_without_end() {
        let mut health = Health::default();
        for port in 1..=5000 {
            health.failed(
                at(u64::from(port)),
                Way { trunk: TrunkId(0), address: ([192, 0, 2, 1], port).into(), target: None },
                Evidence::Call,
            );
        }
        assert_eq!(health.penalties.len(), PENALISED_WAYS);
    }

    #[test]
    fn a_peer_that_names_its_pause_is_left_alone_that_long() {
        let mut health = Health::default();
        health.told_to_wait(at(0), way(1), Duration::from_secs(120), Evidence::Call);
        health.failed(at(0), way(1), Evidence::Call);
        assert!(health.is_penalised(at(119), way(1)) && !health.is_penalised(at(120), way(1)));
        health.told_to_wait(at(200), way(1), Duration::from_secs(5), Evidence::Call);
        assert!(health.is_penalised(at(204), way(1)) && !health.is_penalised(at(205), way(1)));
        health.told_to_wait(at(300), way(1), Duration::from_secs(86_400), Evidence::Call);
        assert!(!health.is_penalised(at(300 + 600), way(1)));
    }

    #[test]
    fn an_answered_probe_lifts_what_a_probe_has_found_and_nothing_else() {
        let mut health = Health::default();
        health.failed(at(0), way(1), Evidence::Call);
        health.failed(at(0), way(2), Evidence::Probe);
        health.works(way(1), Evidence::Probe);
        health.works(way(2), Evidence::Probe);
        assert!(health.is_penalised(at(1), way(1)) && !health.is_penalised(at(1), way(2)));
        health.works(way(1), Evidence::Call);
        assert!(!health.is_penalised(at(1), way(1)));
    }

    /// A target that dies and heals takes calls again with the first probe it answers.
    #[test]
    fn what_a_probe_has_seen_too_ends_with_an_answered_probe() {
        let mut health = Health::default();
        health.failed(at(0), way(1), Evidence::Call);
        health.failed(at(5), way(1), Evidence::Probe);
        health.works(way(1), Evidence::Probe);
        assert!(!health.is_penalised(at(6), way(1)));
        health.told_to_wait(at(10), way(2), Duration::from_secs(60), Evidence::Call);
        health.failed(at(15), way(2), Evidence::Probe);
        health.works(way(2), Evidence::Probe);
        assert!(health.is_penalised(at(20), way(2)), "a pause that was asked for is kept");
    }
}
