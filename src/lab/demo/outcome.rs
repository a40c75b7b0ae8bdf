//! What came of a call, and whether it is what it should be.

use std::time::Duration;

use super::script::LongCall;
use crate::lab::ladder::{Entry, Way};
use crate::lab::stream::StreamReport;

/// The part of the planned ticks that must have been sent: the three parts of a talk round down.
const SENT_SHARE: f64 = 0.95;
/// Loss by sequence numbers above which a call fails; packets cut off by hold and BYE are below it.
const LOSS_LIMIT: f64 = 0.01;

/// One leg as its lab end saw it.
#[derive(Clone, Debug)]
pub struct LegOutcome {
    pub agent: &'static str,
    pub call_id: String,
    pub ladder: Vec<Entry>,
    pub report: StreamReport,
}

impl LegOutcome {
    /// True when a message with this label went this way.
    #[must_use]
    pub fn saw(&self, way: Way, label: &str) -> bool {
        self.ladder.iter().any(|entry| entry.way == way && entry.label.starts_with(label))
    }

    fn time_of(&self, way: Way, wanted: impl Fn(&Entry) -> bool) -> Option<Duration> {
        self.ladder.iter().find(|entry| entry.way == way && wanted(entry)).map(|entry| entry.at)
    }
}

/// One call. The caller's leg comes first; a call that never arrived has only that one.
#[derive(Clone, Debug)]
pub struct CallOutcome {
    pub title: String,
    pub legs: Vec<LegOutcome>,
    /// Empty: passed.
    pub findings: Vec<String>,
}

impl CallOutcome {
    /// A call that did not come about.
    #[must_use]
    pub fn stillborn(legs: Vec<LegOutcome>, words: String) -> CallOutcome {
        CallOutcome { title: String::new(), legs, findings: vec![words] }
    }

    /// With its headline.
    #[must_use]
    pub fn titled(self, title: String) -> CallOutcome {
        CallOutcome { title, ..self }
    }

    /// From INVITE to the first 18x at the caller.
    #[must_use]
    pub fn post_dial_delay(&self) -> Option<Duration> {
        let caller = self.legs.first()?;
        let dialled = caller.time_of(Way::Sent, |entry| entry.label == "INVITE")?;
        let announced = caller.time_of(Way::Received, |entry| entry.label.starts_with("18"))?;
        announced.checked_sub(dialled)
    }

    fn find(&mut self, words: impl Into<String>) {
        self.findings.push(words.into());
    }

    /// Judges ladder and media of a long call.
    pub fn check_long_call(&mut self, plan: LongCall, talk: Duration) {
        let Ok([caller, called]) = <[LegOutcome; 2]>::try_from(self.legs.clone()) else { return };
        self.check_legs(&caller, &called);
        for (leg, way, label) in [
            (&caller, Way::Received, "100 "),
            (&caller, Way::Received, "180 "),
            (&caller, Way::Received, "200 "),
            (&caller, Way::Sent, "ACK"),
            (&called, Way::Received, "INVITE"),
            (&called, Way::Received, "ACK"),
        ] {
            self.expect_message(leg, way, label);
        }
        self.check_direction(&caller, &called, talk);
        self.check_direction(&called, &caller, talk);
        self.check_key(&called, plan.key);
    }

    /// Judges the ladder of a call without media.
    pub fn check_short_call(&mut self) {
        let Ok([caller, called]) = <[LegOutcome; 2]>::try_from(self.legs.clone()) else { return };
        self.check_legs(&caller, &called);
        self.expect_message(&caller, Way::Received, "100 ");
        self.expect_message(&called, Way::Received, "ACK");
    }

    /// A B2BUA originates: nothing of one leg's dialog on the other (RFC 7092 B2BUA, DESIGN rule 4).
    fn check_legs(&mut self, caller: &LegOutcome, called: &LegOutcome) {
        if caller.call_id == called.call_id {
            self.find(SAME_CALL_ID);
        }
    }

    fn expect_message(&mut self, leg: &LegOutcome, way: Way, label: &str) {
        if !leg.saw(way, label) {
            let verb = if way == Way::Sent { "sent" } else { "saw" };
            self.find(format!("the {} never {verb} {}", leg.agent, label.trim_end()));
        }
    }

    /// What `near` sent must be what `far` heard.
    fn check_direction(&mut self, near: &LegOutcome, far: &LegOutcome, talk: Duration) {
        let planned = talk.as_secs_f64() * 50.0 * SENT_SHARE;
        let (sent, heard) = (near.report.steady.len(), &far.report);
        let missing = heard.missing_from(&near.report);
        let way = format!("{} to {}", near.agent, far.agent);
        let faults = [
            ((sent as f64) < planned, format!("{way}: only {sent} packets of steady audio sent")),
            (missing > 0, format!("{way}: {missing} of {sent} payloads never arrived")),
            (heard.foreign > 0, format!("{way}: {} payloads are not what was sent", heard.foreign)),
            (heard.again > 0, format!("{way}: {} payloads arrived twice", heard.again)),
            (heard.refused > 0, format!("{way}: {} packets did not open", heard.refused)),
            (heard.strangers > 0, format!("{way}: {} packets from an unnamed address", heard.strangers)),
            (heard.loss() > LOSS_LIMIT, format!("{way}: {:.1} % lost", heard.loss() * 100.0)),
            (heard.reports_received == 0, format!("{way}: no RTCP sender report arrived")),
            (heard.reports_refused > 0, format!("{way}: {} RTCP packets did not open", heard.reports_refused)),
        ];
        for (is_fault, words) in faults {
            if is_fault {
                self.find(words);
            }
        }
    }

    fn check_key(&mut self, called: &LegOutcome, key: char) {
        let heard: Vec<(char, u32)> = called.report.digits.iter().map(|digit| (digit.key, digit.ends)).collect();
        if heard != [(key, 3)] {
            self.find(format!("key {key} arrived as {heard:?} (key, ends)"));
        }
    }
}

/// The finding of a call that was forwarded instead of originated anew.
pub const SAME_CALL_ID: &str = "both legs have the same Call-ID";
