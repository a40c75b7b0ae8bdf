//! A call's record as lines of JSON: its legs first, the call last, so that a group without its last line is known to be
//! cut. Text from outside is escaped by JSON; no line is longer than 8 KiB (S-L2).

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use super::SCHEMA;
use super::object::Object;
use crate::base::WallTime;
use crate::base::bounds::Bound;
use crate::base::limits::RECORDED_TRANSFERS;
use crate::base::text::push_number;
use crate::call::Cause;
use crate::call::record::{CallRecord, LegMediaCounts, Said, Sent, Side, TransferKind, TransferRecord, user_of};
use crate::call::subcode;
use crate::route::directory::AccountName;
use crate::route::number::E164;

/// Characters of one text from outside.
const TEXT: usize = 256;

/// Which process of which node writes: with the call's number a name that is never given twice.
#[derive(Clone, Debug)]
pub struct Origin {
    pub node: String,
    /// When the process began.
    pub since: WallTime,
}

impl Origin {
    /// The record's identifier: node, process, call.
    pub fn id(&self, record: &CallRecord) -> String {
        let mut id = String::with_capacity(self.node.len() + 40);
        id.push_str(&self.node);
        // A string takes everything.
        let _ = write!(id, "-{:x}-", self.since.0);
        push_number(&mut id, record.id.0);
        id
    }
}

#[derive(Serialize)]
struct TransferLine<'a> {
    kind: TransferKind,
    side: Side,
    by: &'a str,
    asked: &'a str,
    to: Option<&'a str>,
    call_id: Option<&'a str>,
    began_ms: u64,
    ended_ms: u64,
    cause: &'static str,
}

#[derive(Serialize)]
struct ReasonLine<'a> {
    side: Side,
    reason: &'a str,
    /// The call in the platform's own books (MD-94).
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_call: Option<&'a str>,
    /// MD-233, where the text names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'static str>,
}

/// Appends the lines of one record.
pub fn write(origin: &Origin, seq: u64, record: &CallRecord, out: &mut Vec<u8>) {
    let head = Head { id: origin.id(record), seq };
    caller(record, head.line("leg", out));
    let mut legs = 1;
    if let (Some(trunk), Some(sent)) = (&record.to, &record.sent) {
        callee(record, trunk, sent, head.line("leg", out));
        legs += 1;
    }
    for side in [Side::Caller, Side::Callee] {
        let media = record.media(side).skip(1);
        let parties = record.entered(side).zip(media).zip(2u64..).take(RECORDED_TRANSFERS);
        for ((transfer, media), place) in parties {
            party(transfer, media, place, head.line("leg", out));
            legs += 1;
        }
    }
    call(origin, record, head.line("call", out), legs);
}

/// What every line has.
struct Head {
    id: String,
    seq: u64,
}

impl Head {
    fn line<'o>(&self, kind: &'static str, out: &'o mut Vec<u8>) -> Object<'o> {
        let mut line = Object::begin(out);
        line.label("schema", SCHEMA).label("type", kind).text("id", &self.id).number("seq", self.seq);
        line
    }
}

fn call(origin: &Origin, record: &CallRecord, mut line: Object<'_>, legs: u64) {
    line.text("node", &origin.node).number("call", record.id.0);
    line.text("from", &record.from).text_if_any("to", record.to.as_deref());
    line.text_if_any("route", record.route.as_deref().filter(|name| !name.is_empty()));
    line.text_if_any("account", record.account.as_ref().map(AccountName::as_str));
    line.text("calling", shown(&record.calling)).text("called", shown(&record.called));
    times(record, &mut line);
    line.label("cause", record.cause.label()).label("cause_text", record.cause.text());
    line.number("status", record.cause.status().code().into()).number("q850", record.cause.q850().into());
    line.number_if_any("peer_status", peer_status(record.cause).map(u64::from))
        .label("ended_by", record.ended_by.name());
    line.text_if_any("detail", record.detail.as_deref().map(shown));
    line.text_if_any("emergency", record.emergency.as_deref());
    line.text_if_any("elin", record.elin.as_ref().map(E164::as_str));
    line.number("attempts", record.attempts.into()).number("redirects", record.redirects.into());
    line.number("transfer_count", u64::try_from(record.transfers.len()).unwrap_or(u64::MAX));
    line.list("transfers", Bound::RecordedTransfers.first(RECORDED_TRANSFERS, record.transfers.iter()).map(transfer));
    line.list("reasons", record.said.iter().map(reason)).number("legs", legs);
    line.end();
}

fn times(record: &CallRecord, line: &mut Object<'_>) {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    line.time("started", record.started).time_if_any("rang", record.rang);
    line.time_if_any("answered", record.answered).time("ended", record.ended);
    line.number("started_ms", record.started.0).number("ended_ms", record.ended.0);
    line.number_if_any("post_dial_delay_ms", record.after.post_dial_delay().map(millis));
    line.number("duration_ms", millis(record.after.talked()));
}

fn reason(said: &Said) -> ReasonLine<'_> {
    let read = subcode::read(&said.reason);
    ReasonLine {
        side: said.side,
        reason: shown(&said.reason),
        platform_call: read.call,
        platform_code: read.code,
        meaning: read.explanation.map(|row| row.meaning),
        check: read.explanation.map(|row| row.check),
    }
}

/// What the called side answered, where that ended the call.
fn peer_status(cause: Cause) -> Option<u16> {
    match cause {
        Cause::Refused(status) => Some(status.code()),
        _ => None,
    }
}

fn transfer(transfer: &TransferRecord) -> TransferLine<'_> {
    TransferLine {
        kind: transfer.kind,
        side: transfer.side,
        by: &transfer.by,
        asked: shown(&transfer.asked),
        to: transfer.to.as_deref(),
        call_id: transfer.call_id.as_deref().map(shown),
        began_ms: transfer.began.0,
        ended_ms: transfer.ended.0,
        cause: transfer.cause.label(),
    }
}

/// Numbers as they were received.
fn caller(record: &CallRecord, mut line: Object<'_>) {
    let (calling, called) = match &record.received {
        Some(written) => (&written.calling, &written.called),
        None => (&record.calling, &record.called),
    };
    line.label("side", Side::Caller.name()).text("trunk", &record.from).text("call_id", shown(&record.caller_call_id));
    match record.caller_address {
        Some(address) => line.address("address", address),
        None => line.null("address"),
    };
    line.text("policy", &record.caller_policy);
    line.text("calling", shown(calling)).text("called", shown(called));
    media(record.first_media(Side::Caller), &mut line);
    line.end();
}

/// Numbers as they were sent.
fn callee(record: &CallRecord, trunk: &str, sent: &Sent, mut line: Object<'_>) {
    let call_id = shown(record.callee_call_id.as_deref().unwrap_or_default());
    line.label("side", Side::Callee.name())
        .text("trunk", trunk)
        .text("call_id", call_id)
        .address("address", sent.address);
    if let Some(target) = &sent.target {
        // As the configuration names it.
        line.text("target", target);
    }
    line.text("policy", &sent.policy);
    line.text("calling", shown(&user_of(&sent.from))).text("called", shown(&String::from_utf8_lossy(&sent.called)));
    media(record.first_media(Side::Callee), &mut line);
    line.end();
}

/// A party that came by a transfer: numbers as its INVITE has them.
fn party(transfer: &TransferRecord, heard: &LegMediaCounts, place: u64, mut line: Object<'_>) {
    let (Some(trunk), Some(entered)) = (&transfer.to, &transfer.entered) else { return line.end() };
    line.label("side", transfer.side.name()).number("party", place).text("trunk", trunk);
    line.text("call_id", shown(transfer.call_id.as_deref().unwrap_or_default()));
    line.address("address", entered.address).text("policy", &entered.policy);
    line.text("calling", shown(&entered.written.calling)).text("called", shown(&entered.written.called));
    media(heard, &mut line);
    line.end();
}

fn media(counts: &LegMediaCounts, line: &mut Object<'_>) {
    if *counts == LegMediaCounts::default() {
        line.null("media")
    } else {
        line.value("media", counts)
    };
}

/// At most so much of a text from outside.
fn shown(text: &str) -> &str {
    if text.len() <= TEXT {
        return text;
    }
    text.char_indices().nth(TEXT).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
