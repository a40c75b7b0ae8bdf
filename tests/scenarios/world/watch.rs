//! What must hold for every message of ours, whatever the scenario is: numbers of a dialog rise, every final answer to
//! an INVITE is acknowledged, nothing is sent on a connection that never was.

use std::collections::{BTreeMap, BTreeSet};

use trunkline::sip::flow::Destination;

use super::text::Text;

/// Call-ID, CSeq number, To tag.
type Answer = (String, String, String);

#[derive(Default)]
pub struct Watch {
    flows: BTreeSet<u64>,
    /// Branches sent: a repetition is no new request.
    branches: BTreeSet<String>,
    /// Highest CSeq of a dialog: Call-ID, From tag, To tag.
    numbers: BTreeMap<(String, String, String), u64>,
    /// Requests of known peers that we owe a final answer: branch and CSeq.
    owed: BTreeMap<(String, String), String>,
    paid: BTreeSet<(String, String)>,
    finals: BTreeSet<Answer>,
    acks: BTreeSet<Answer>,
    /// The reliable response last sent to each INVITE: Call-ID and CSeq number.
    reliable: BTreeMap<(String, String), Reliable>,
}

/// A reliable provisional response of ours (RFC 3262 3).
struct Reliable {
    number: u64,
    describes: bool,
    is_acknowledged: bool,
}

impl Watch {
    /// A connection or a remote address has been heard from, or dialled.
    pub fn flow_opened(&mut self, id: u64) {
        self.flows.insert(id);
    }

    /// A final answer to an INVITE of ours reached its transaction.
    pub fn answered(&mut self, text: &Text) {
        if text.status().is_some_and(|status| status >= 200) && text.header("CSeq").ends_with("INVITE") {
            self.finals.insert(answer(text));
        }
    }

    /// A request of a known peer reached the engine.
    pub fn asked(&mut self, text: &Text) {
        if text.status().is_none() && text.method() != "ACK" && !self.paid.contains(&request(text)) {
            self.owed.insert(request(text), text.start_line().to_owned());
        }
    }

    /// A PRACK of a known peer is about to reach the engine.
    pub fn pracked(&mut self, text: &Text) {
        if text.method() == "PRACK" {
            let rack = text.header("RAck");
            let (number, cseq) = rack.split_once(' ').unwrap_or_default();
            let invite = (text.header("Call-ID"), first_word(cseq));
            if let Some(said) = self.reliable.get_mut(&invite).filter(|said| said.number.to_string() == number) {
                said.is_acknowledged = true;
            }
        }
    }

    /// RFC 3262 3: numbers rise by one, each waits for the PRACK of the one before, and no 2xx overtakes a description.
    fn said(&mut self, text: &Text, status: u16) -> Result<(), String> {
        let cseq = text.header("CSeq");
        if !cseq.ends_with("INVITE") {
            return Ok(());
        }
        let invite = (text.header("Call-ID"), first_word(&cseq));
        let before = self.reliable.get(&invite);
        if (200..300).contains(&status) && before.is_some_and(|said| said.describes && !said.is_acknowledged) {
            return Err(format!("a 2xx overtakes a reliable description:\n{}", text.as_str()));
        }
        let Ok(number) = text.header("RSeq").parse::<u64>() else { return Ok(()) };
        match before {
            Some(said) if said.number == number => return Ok(()),
            Some(said) if said.number + 1 != number || !said.is_acknowledged => {
                return Err(format!("RSeq {number} after {} (PRACK: {})", said.number, said.is_acknowledged));
            }
            Some(_) | None => {}
        }
        let said = Reliable { number, describes: !text.body().is_empty(), is_acknowledged: false };
        self.reliable.insert(invite, said);
        Ok(())
    }

    /// A request that never had a final answer.
    pub fn unanswered(&self) -> Option<String> {
        self.owed.values().next().map(|request| format!("no final answer to {request}"))
    }

    /// We send something.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn sent(&mut self, to: &Destination, text: &Text) -> Result<(), String> {
        if let Destination::Flow(flow) | Destination::FlowOr(flow, _) = to
            && !self.flows.contains(&flow.id.0)
        {
            return Err(format!("sent on flow {} that never was", flow.id.0));
        }
        if let Some(status) = text.status() {
            self.said(text, status)?;
            if status >= 200 {
                self.owed.remove(&request(text));
                self.paid.insert(request(text));
            }
            return Ok(());
        }
        match text.method() {
            "ACK" => {
                self.acks.insert(answer(text));
                Ok(())
            }
            "CANCEL" => Ok(()),
            _ => self.numbered(text),
        }
    }

    fn numbered(&mut self, text: &Text) -> Result<(), String> {
        if !self.branches.insert(text.branch()) {
            return Ok(());
        }
        let number: u64 = text.header("CSeq").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let dialog = (text.header("Call-ID"), text.tag("From").unwrap_or_default(), text.tag("To").unwrap_or_default());
        let before = self.numbers.insert(dialog, number).unwrap_or(0);
        if number <= before { Err(format!("CSeq {number} after {before}:\n{}", text.as_str())) } else { Ok(()) }
    }

    /// An answer to an INVITE of ours that never got its ACK.
    pub fn unacknowledged(&self) -> Option<String> {
        self.finals.difference(&self.acks).next().map(|answer| format!("no ACK for {answer:?}"))
    }
}

fn first_word(text: &str) -> String {
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn request(text: &Text) -> (String, String) {
    (text.branch(), text.header("CSeq"))
}

fn answer(text: &Text) -> Answer {
    let number = text.header("CSeq").split(' ').next().unwrap_or_default().to_owned();
    (text.header("Call-ID"), number, text.tag("To").unwrap_or_default())
}
