//! What callers are told of a refusal, where the operator wants another status than PV-37 has (PV-38).

use std::collections::BTreeMap;

use super::decision::{Denial, Denied, Direction};

/// Statuses that may be told, each with the cause of Q.850 that goes with it (RFC 3398 8.2.6.1).
const STATUSES: [(u16, u8); 11] = [
    (403, 21),
    (404, 1),
    (410, 22),
    (480, 18),
    (484, 28),
    (486, 17),
    (500, 41),
    (503, 42),
    (600, 17),
    (603, 21),
    (604, 1),
];

/// A status that a refusal may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefusalStatus(u16);

impl RefusalStatus {
    /// `None`: a caller must not be told that.
    pub fn new(status: u16) -> Option<RefusalStatus> {
        STATUSES.iter().any(|(known, _)| *known == status).then_some(RefusalStatus(status))
    }

    /// Every one, for people.
    pub fn all() -> impl Iterator<Item = u16> {
        STATUSES.iter().map(|(status, _)| *status)
    }

    fn q850(self) -> u8 {
        STATUSES.iter().find(|(known, _)| *known == self.0).map_or(21, |(_, cause)| *cause)
    }
}

/// `provisioning.codes`: the statuses that differ from [`Denial::towards`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DenialCodes(BTreeMap<(Denial, Direction), RefusalStatus>);

impl DenialCodes {
    /// From now on calls this way are told `status` of it.
    pub fn set(&mut self, why: Denial, direction: Direction, status: RefusalStatus) {
        self.0.insert((why, direction), status);
    }

    /// The refusal as callers are told it.
    pub fn told(&self, denied: Denied, direction: Direction) -> Denied {
        match self.0.get(&(denied.why, direction)) {
            Some(status) => Denied { status: status.0, q850: status.q850(), ..denied },
            None => denied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_ones_own_brings_its_cause_and_leaves_the_other_way_alone() {
        let mut codes = DenialCodes::default();
        codes.set(Denial::InboundDisabled, Direction::CarrierToPlatform, RefusalStatus::new(404).unwrap());
        let told = |direction| {
            let denied = codes.told(Denial::InboundDisabled.towards(direction), direction);
            (denied.status, denied.q850)
        };
        assert_eq!(told(Direction::CarrierToPlatform), (404, 1));
        assert_eq!(told(Direction::PlatformToCarrier), (403, 21));
        assert!([200, 302, 401, 407, 481, 487, 699].into_iter().all(|status| RefusalStatus::new(status).is_none()));
    }
}
