//! What each account's calls came to (PF-196, PF-197), counted at their end. The first accounts that call have rows of
//! their own, the others one together: a node has more accounts than a page of metrics has room for.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::delays::Delays;
use super::outcomes::Outcomes;
use super::rows::{counters, histograms};
use crate::base::limits::METRIC_ACCOUNTS;
use crate::call::{CallRecord, Cause};
use crate::route::directory::Denial;

/// The row of those without one: a name that no account can have.
pub(super) const OTHERS: &str = "(others)";

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct AccountCounts(BTreeMap<String, Counts>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    outcomes: Outcomes,
    delays: Delays,
    /// The caller showed a number that is not its account's.
    screened: u64,
}

impl AccountCounts {
    /// Counts a call that has ended. One of nobody's is not counted here.
    pub fn ended(&mut self, record: &CallRecord) {
        if let Some(account) = &record.account {
            self.row(account.as_str()).add(record);
        }
    }

    fn row(&mut self, account: &str) -> &mut Counts {
        let has_row = self.0.contains_key(account) || self.0.len() < METRIC_ACCOUNTS;
        self.0.entry(if has_row { account } else { OTHERS }.to_owned()).or_default()
    }

    /// Writes every family.
    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut sum = |name: &str, help: &str, value: fn(&Counts) -> u64| {
            let row = |(account, counts): (&String, &Counts)| ([("account", account.clone())], value(counts));
            counters(encoder, name, help, self.0.iter().map(row))
        };
        sum(
            "account_seizures",
            "Calls of an account that have ended; of the first 100, and all others as one",
            |counts| counts.outcomes.seizures,
        )?;
        sum("account_answered", "Of those, answered", |counts| counts.outcomes.answered)?;
        sum("account_effective", "Of those, answered, busy, unanswered or declined", |counts| {
            counts.outcomes.effective
        })?;
        sum("account_short_calls", "Of those, answered and over within 10 s", |counts| counts.outcomes.short)?;
        let broken = "Of those answered, cut off: media or a party lost, an error";
        sum("account_broken_calls", broken, |counts| counts.outcomes.broken)?;
        sum("screening_rejects", "Calls refused for a number that is not its account's", |counts| counts.screened)?;
        let delays = self.0.iter().map(|(account, counts)| ([("account", account.clone())], counts.delays.row()));
        histograms(encoder, "account_post_dial_delay_seconds", Delays::HELP, delays)
    }
}

impl Counts {
    fn add(&mut self, record: &CallRecord) {
        self.outcomes.add(record);
        if let Some(delay) = record.after.post_dial_delay() {
            self.delays.add(delay);
        }
        let is_screened = matches!(record.cause, Cause::Denied(denied) if denied.why == Denial::ScreeningFailed);
        self.screened += u64::from(is_screened);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_beyond_the_first_hundred_share_one_row() {
        let mut counts = AccountCounts::default();
        for at in (0..METRIC_ACCOUNTS + 20).chain([99]) {
            counts.row(&format!("a{at:04}")).outcomes.seizures += 1;
        }
        assert_eq!((counts.0.len(), counts.0[OTHERS].outcomes.seizures), (METRIC_ACCOUNTS + 1, 20));
        assert_eq!((counts.0["a0098"].outcomes.seizures, counts.0["a0099"].outcomes.seizures), (1, 2));
    }
}
