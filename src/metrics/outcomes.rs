//! What became of calls that have ended, as the ratios of ITU-T E.425 want it counted (MD-230).

use std::time::Duration;

use crate::call::{CallRecord, Cause};

/// An answered call that ends sooner is a short one (PF-197).
const SHORT: Duration = Duration::from_secs(10);

/// How many calls ended which way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcomes {
    pub(super) seizures: u64,
    pub(super) answered: u64,
    /// Answered, or the network did its part.
    pub(super) effective: u64,
    /// Answered, and soon over.
    pub(super) short: u64,
    /// Answered, and ended by neither party nor an operator (PF-57: active call failures).
    pub(super) broken: u64,
}

impl Outcomes {
    /// Counts one more.
    pub(super) fn add(&mut self, record: &CallRecord) {
        let is_answered = record.after.answered.is_some();
        self.seizures += 1;
        self.answered += u64::from(is_answered);
        self.effective += u64::from(is_answered || is_effective(record));
        self.short += u64::from(is_answered && record.after.talked() < SHORT);
        self.broken += u64::from(is_answered && is_failure(record.cause));
    }
}

/// The network did its part although nobody answered (ITU-T E.425, MD-230): the called party was busy, did not answer,
/// or did not want to.
fn is_effective(record: &CallRecord) -> bool {
    match record.cause {
        Cause::NoAnswer => true,
        Cause::CallerCancelled | Cause::AnsweredElsewhere => record.after.rang.is_some(),
        Cause::Refused(status) => matches!(status.code(), 480 | 486 | 487 | 600 | 603 | 607 | 608),
        _ => false,
    }
}

/// Whether an answered call that ended so was cut off: media or a party lost, a message that could not leave, an error.
/// Hanging up, a transfer, an operator's order and the longest duration are ends that somebody wanted.
const fn is_failure(cause: Cause) -> bool {
    match cause {
        Cause::NormalClearing
        | Cause::CallerCancelled
        | Cause::AnsweredElsewhere
        | Cause::Transferred
        | Cause::Replaced
        | Cause::Shutdown
        | Cause::Terminated
        | Cause::TooLong => false,
        Cause::NoAnswer
        | Cause::PeerSilent
        | Cause::Unreachable
        | Cause::NameNotResolved
        | Cause::Refused(_)
        | Cause::Malformed
        | Cause::NoRoute
        | Cause::MediaRefused
        | Cause::BadAnswer
        | Cause::NoPorts
        | Cause::TooManyCalls
        | Cause::TrunkOutOfService
        | Cause::NoAck
        | Cause::NoPrack
        | Cause::MediaSilent
        | Cause::SessionExpired
        | Cause::DialogLost
        | Cause::Loop
        | Cause::TooManyHops
        | Cause::EmergencyMisdirected
        | Cause::DestinationBlocked
        | Cause::FraudLimit
        | Cause::NoSuchDialog
        | Cause::NotAllowed
        | Cause::Pending
        | Cause::Denied(_)
        | Cause::Unroutable(_)
        | Cause::NotTaken(_)
        | Cause::Unexpected => true,
    }
}
