//! What the lab saw: every message with its time, as a ladder a person reads.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Messages kept; a run has a few hundred, `--keep` may have any number. What exceeds it is not kept.
const ENTRY_LIMIT: usize = 20_000;

/// Which way a message went, as its agent sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Sent,
    Received,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Since the ladder began.
    pub at: Duration,
    /// The agent's name.
    pub agent: &'static str,
    pub way: Way,
    pub call_id: String,
    /// `INVITE`, `180 Ringing`.
    pub label: String,
    /// The method of the CSeq, upper case.
    pub method: String,
    /// The direction of its session description, if it has one.
    pub sdp: Option<&'static str>,
    /// True for octets that went the same way before.
    pub repeated: bool,
}

/// Shared by the agents of one run. Cloning shares.
#[derive(Clone, Debug)]
pub struct Ladder {
    began: Instant,
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Default for Ladder {
    fn default() -> Ladder {
        Ladder { began: Instant::now(), entries: Arc::default() }
    }
}

impl Ladder {
    /// Time since the ladder began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Writes a message down; its time is now.
    pub fn record(&self, entry: Entry) {
        let entry = Entry { at: self.elapsed(), ..entry };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() < ENTRY_LIMIT {
            entries.push(entry);
        }
    }

    /// The messages of one Call-ID, in order.
    #[must_use]
    pub fn of_call(&self, call_id: &str) -> Vec<Entry> {
        self.filtered(|entry| entry.call_id == call_id)
    }

    /// The messages for which `wanted` is true, in order.
    pub fn filtered(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().filter(|entry| wanted(entry)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_sees_only_its_own_messages() {
        let ladder = Ladder::default();
        for call_id in ["a", "b", "a"] {
            ladder.record(Entry {
                at: Duration::ZERO,
                agent: "platform",
                way: Way::Sent,
                call_id: call_id.to_owned(),
                label: "INVITE".to_owned(),
                method: "INVITE".to_owned(),
                sdp: Some("sendrecv"),
                repeated: false,
            });
        }
        assert_eq!(ladder.of_call("a").len(), 2);
    }
}
