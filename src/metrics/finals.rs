//! Final responses to INVITEs by trunk (PF-57): what each peer answered to ours, and what it was told. Counted when an attempt
//! fails and when a call ends. All SIP messages, whoever's, are counted by the wire (`sbc_sip_responses_total`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::DescriptorEncoder;

use super::rows::counters;
use crate::call::{CallRecord, Cause};
use crate::sip::Status;

/// Whose response it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    /// The peer answered our INVITE.
    Received,
    /// It was told.
    Sent,
}

impl Direction {
    const fn label(self) -> &'static str {
        match self {
            Direction::Received => "received",
            Direction::Sent => "sent",
        }
    }
}

/// Classes of final responses.
const CLASSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "6xx"];
/// Nothing final came: silence, no connection, no address.
const NONE: &str = "none";

/// See the module. Rows: trunks, two directions, six classes.
#[derive(Clone, Debug, Default)]
pub struct FinalResponses(BTreeMap<(Arc<str>, Direction, &'static str), u64>);

impl FinalResponses {
    /// The rows of a trunk that is configured, as long as nothing has come.
    pub fn begin(&mut self, trunk: &Arc<str>) {
        for class in CLASSES.into_iter().chain([NONE]) {
            self.0.entry((Arc::clone(trunk), Direction::Received, class)).or_default();
        }
        for class in CLASSES {
            self.0.entry((Arc::clone(trunk), Direction::Sent, class)).or_default();
        }
    }

    /// Counts an attempt that failed.
    pub fn failed(&mut self, to: &Arc<str>, cause: Cause) {
        if let Cause::Refused(status) = cause {
            self.add(to, Direction::Received, class(status));
        } else if matches!(cause, Cause::PeerSilent | Cause::Unreachable | Cause::NameNotResolved) {
            self.add(to, Direction::Received, NONE);
        }
        // Else we gave it up: the 487 to our CANCEL tells nothing of the peer.
    }

    /// Counts a 3xx that is followed.
    pub fn redirected(&mut self, from: &Arc<str>) {
        self.add(from, Direction::Received, class(Status::MOVED_TEMPORARILY));
    }

    /// Counts a call that has ended.
    pub fn ended(&mut self, record: &CallRecord) {
        let is_answered = record.after.answered.is_some();
        let told = if is_answered { class(Status::OK) } else { class(record.cause.status()) };
        self.add(&record.from, Direction::Sent, told);
        if let Some(to) = record.to.as_ref().filter(|_| is_answered) {
            self.add(to, Direction::Received, class(Status::OK));
        }
    }

    fn add(&mut self, trunk: &Arc<str>, direction: Direction, class: &'static str) {
        *self.0.entry((Arc::clone(trunk), direction, class)).or_default() += 1;
    }

    /// Writes the family.
    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let rows = self.0.iter().map(|((trunk, direction, class), count)| {
            let labels = [("trunk", &**trunk), ("direction", direction.label()), ("class", *class)];
            (labels.map(|(name, value)| (name, value.to_owned())), *count)
        });
        let help = "Final responses to INVITEs that begin calls, by trunk, direction and class; none: nothing came";
        counters(encoder, "trunk_final_responses", help, rows)
    }
}

const fn class(status: Status) -> &'static str {
    match status.code() {
        0..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500..600 => "5xx",
        _ => "6xx",
    }
}
