//! What each trunk's calls came to (PF-197): seizures, answers, effectiveness, short calls, post-dial delay and media, in
//! each direction. Counted once per call, at its end; ratios over windows are left to who reads. Bounded by the number of
//! trunks: two rows of each family for each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::DescriptorEncoder;

use super::accounts::OTHERS;
use super::calls::{Grade, Quality};
use super::delays::Delays;
use super::outcomes::Outcomes;
use super::rows::{Labels, counters, gauges, histograms};
use crate::base::limits::METRIC_ACCOUNTS;
use crate::call::CallRecord;
use crate::call::record::{Side, TransferKind};
use crate::engine::io::Census;
use crate::route::standing::Standing;

/// Calls that are not over.
pub(super) fn active(encoder: &mut DescriptorEncoder<'_>, census: &Census) -> fmt::Result {
    let rows = census.trunks.iter().flat_map(|(trunk, load)| {
        let row = move |(way, count): (Way, usize)| {
            ([("trunk", trunk.to_string()), ("direction", way.label().to_owned())], count)
        };
        [(Way::Incoming, load.began), (Way::Outgoing, load.called)].map(row)
    });
    gauges(encoder, "calls_active", "Calls that are not over, by trunk", rows)
}

/// Which trunks an operator has taken out of service.
pub(super) fn standings(encoder: &mut DescriptorEncoder<'_>, census: &Census) -> fmt::Result {
    let rows = census.trunks.iter().flat_map(|(trunk, load)| {
        Standing::ALL.map(|standing| {
            let labels = [("trunk", trunk.to_string()), ("standing", standing.label().to_owned())];
            (labels, usize::from(standing == load.standing))
        })
    });
    gauges(encoder, "trunk_standing", "1 for what an operator has ordered of each trunk", rows)
}

/// The same by account: the busiest, the rest together under a name that no account can have.
pub(super) fn active_of_accounts(encoder: &mut DescriptorEncoder<'_>, census: &Census) -> fmt::Result {
    let help = "Calls that are not over, by account: the 100 with most, and all others as one";
    let rows = busiest(census).into_iter().map(|(account, count)| ([("account", account)], count));
    gauges(encoder, "account_calls_active", help, rows)
}

fn busiest(census: &Census) -> Vec<(String, usize)> {
    let mut rows: Vec<_> = census.accounts.iter().collect();
    // Sorted by name before, and stably: of equals the same ones are named at each scrape.
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let (named, others) = rows.split_at(rows.len().min(METRIC_ACCOUNTS));
    let named = named.iter().map(|(name, count)| (name.to_string(), **count));
    let rest = others.iter().map(|(_, count)| **count).sum::<usize>();
    named.chain((rest > 0).then(|| (OTHERS.to_owned(), rest))).collect()
}

/// Which way a call went over a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// The trunk's peer called.
    Incoming,
    /// It was called; of several that were tried, the last.
    Outgoing,
}

impl Way {
    const fn label(self) -> &'static str {
        match self {
            Way::Incoming => "incoming",
            Way::Outgoing => "outgoing",
        }
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct TrunkCounts(BTreeMap<Arc<str>, [Counts; 2]>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    outcomes: Outcomes,
    talked_ms: u64,
    delays: Delays,
    quality: Quality,
}

impl TrunkCounts {
    /// Both rows of a trunk that is configured: what grows between two scrapes must have been there at the first.
    pub fn begin(&mut self, trunk: &Arc<str>) {
        self.0.entry(Arc::clone(trunk)).or_default();
    }

    /// Counts a call that has ended.
    pub fn ended(&mut self, record: &CallRecord) {
        self.counts(&record.from, Way::Incoming).add(record, |quality| quality.add(record.first_media(Side::Caller)));
        if let Some(to) = &record.to {
            self.counts(to, Way::Outgoing).add(record, |quality| quality.add(record.first_media(Side::Callee)));
        }
        for side in [Side::Caller, Side::Callee] {
            for (transfer, media) in record.entered(side).zip(record.media(side).skip(1)) {
                let way = match transfer.kind {
                    TransferKind::Blind | TransferKind::Consultative => Way::Outgoing,
                    TransferKind::Replaces => Way::Incoming,
                };
                let counts = transfer.to.as_ref().map(|to| self.counts(to, way));
                counts.into_iter().for_each(|counts| counts.quality.add(media));
            }
        }
    }

    fn counts(&mut self, trunk: &Arc<str>, way: Way) -> &mut Counts {
        let [incoming, outgoing] = self.0.entry(Arc::clone(trunk)).or_default();
        match way {
            Way::Incoming => incoming,
            Way::Outgoing => outgoing,
        }
    }

    fn rows(&self) -> impl Iterator<Item = (Labels<2>, &Counts)> {
        self.0.iter().flat_map(|(trunk, ways)| {
            let row = move |(way, counts)| {
                ([("trunk", trunk.to_string()), ("direction", Way::label(way).to_owned())], counts)
            };
            [Way::Incoming, Way::Outgoing].into_iter().zip(ways).map(row)
        })
    }

    /// Writes every family.
    pub fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut sum = |name: &str, help: &str, value: fn(&Counts) -> u64| {
            counters(encoder, name, help, self.rows().map(|(labels, counts)| (labels, value(counts))))
        };
        sum("trunk_seizures", "Calls over a trunk that have ended", |counts| counts.outcomes.seizures)?;
        sum("trunk_answered", "Of those, answered: by seizures the answer-seizure ratio", |counts| {
            counts.outcomes.answered
        })?;
        let effective = "Of those, answered, busy, unanswered or declined: by seizures the network effectiveness ratio";
        sum("trunk_effective", effective, |counts| counts.outcomes.effective)?;
        sum("trunk_short_calls", "Of those, answered and over within 10 s", |counts| counts.outcomes.short)?;
        let broken = "Of those answered, cut off: media or a party lost, an error";
        sum("trunk_broken_calls", broken, |counts| counts.outcomes.broken)?;
        sum("trunk_talked_milliseconds", "Sum of the durations of answered calls", |counts| counts.talked_ms)?;
        self.quality(encoder)?;
        let delays = self.rows().map(|(labels, counts)| (labels, counts.delays.row()));
        histograms(encoder, "post_dial_delay_seconds", Delays::HELP, delays)
    }

    /// Of the media of ended calls: what each trunk's legs sent us, and what they reported.
    fn quality(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut sum = |name: &str, help: &str, value: fn(&Quality) -> u64| {
            counters(encoder, name, help, self.rows().map(|(labels, counts)| (labels, value(&counts.quality))))
        };
        sum("leg_packets_received", "RTP packets taken, of ended calls", |quality| quality.received)?;
        sum("leg_packets_lost", "RTP packets expected and not received, of ended calls", |quality| quality.lost)?;
        sum("leg_jitter_microseconds", "Sum of the legs' jitter at their end", |quality| quality.jitter_us)?;
        sum("leg_round_trips", "Legs whose peer reported a round trip", |quality| quality.round_trips)?;
        sum("leg_round_trip_microseconds", "Sum of those round trips", |quality| quality.round_trip_us)?;
        sum("leg_packets_missed", "RTP packets sent that the peer reported lost", |quality| quality.missed)?;
        let silence = "Sum of each leg's longest time without voice while it was to be heard";
        sum("leg_silence_milliseconds", silence, |quality| quality.silence_ms)?;
        let scores = "Sum of opinion scores (E-model) in hundredths, of legs on which voice came";
        sum("leg_opinion_hundredths", scores, |quality| quality.mos)?;
        let grades = self.rows().flat_map(|([trunk, way], counts)| {
            let row = move |(grade, count): (Grade, u64)| {
                ([trunk.clone(), way.clone(), ("grade", grade.label().to_owned())], count)
            };
            Grade::ALL.into_iter().zip(counts.quality.graded).map(row)
        });
        counters(encoder, "leg_grades", "Legs of ended calls by their opinion score (E-model)", grades)
    }
}

impl Counts {
    fn add(&mut self, record: &CallRecord, media: impl FnOnce(&mut Quality)) {
        self.outcomes.add(record);
        self.talked_ms = self.talked_ms.saturating_add(millis(record.after.talked()));
        if let Some(delay) = record.after.post_dial_delay() {
            self.delays.add(delay);
        }
        if record.after.answered.is_some() {
            media(&mut self.quality);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::directory::AccountName;

    #[test]
    fn the_busiest_accounts_are_named_and_the_others_are_one() {
        let mut census = Census::default();
        for at in 0..METRIC_ACCOUNTS + 20 {
            let name = AccountName::parse(&format!("a{at:04}")).unwrap();
            census.accounts.insert(name, if at == 110 { 9 } else { 2 });
        }
        let rows = busiest(&census);
        assert_eq!((rows.len(), rows[0].clone()), (METRIC_ACCOUNTS + 1, ("a0110".to_owned(), 9)));
        assert_eq!(rows[1].0, "a0000", "of equals the first by name");
        assert_eq!(rows.last(), Some(&("(others)".to_owned(), 40)));
        assert_eq!(rows.iter().map(|(_, count)| count).sum::<usize>(), 119 * 2 + 9);
    }
}
