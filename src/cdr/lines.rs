//! A call's record as lines of JSON: its legs first, the call last, so that a group without its last line is known to be
//! cut. Text from outside is escaped by JSON; no line is longer than 8 KiB (S-L2).

use std::net::SocketAddr;

use bytes::Bytes;
use serde::Serialize;

use super::SCHEMA;
use crate::base::WallTime;
use crate::call::Cause;
use crate::call::record::{CallRecord, EndedBy, LegMediaCounts, Said, Side, TransferKind, TransferRecord};
use crate::call::subcode;
use crate::route::directory::AccountName;
use crate::route::number::E164;
use crate::sip::NameAddr;
use crate::store::wall;

/// Characters of one text from outside.
const TEXT: usize = 256;
/// Transfers told of one call; more are counted.
const TRANSFERS: usize = 8;

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
        format!("{}-{:x}-{}", self.node, self.since.0, record.id.0)
    }
}

/// What every line has.
#[derive(Serialize)]
struct Head<'a> {
    schema: &'static str,
    r#type: &'static str,
    id: &'a str,
    seq: u64,
}

#[derive(Serialize)]
struct CallLine<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    node: &'a str,
    call: u64,
    from: &'a str,
    to: Option<&'a str>,
    route: Option<&'a str>,
    account: Option<&'a str>,
    calling: &'a str,
    called: &'a str,
    started: String,
    rang: Option<String>,
    answered: Option<String>,
    ended: String,
    started_ms: u64,
    ended_ms: u64,
    post_dial_delay_ms: Option<u64>,
    duration_ms: u64,
    cause: &'static str,
    cause_text: &'static str,
    status: u16,
    q850: u8,
    peer_status: Option<u16>,
    ended_by: EndedBy,
    detail: Option<&'a str>,
    emergency: Option<&'a str>,
    elin: Option<&'a str>,
    attempts: u32,
    redirects: u32,
    transfer_count: usize,
    transfers: Vec<TransferLine<'a>>,
    reasons: Vec<ReasonLine<'a>>,
    legs: usize,
}

#[derive(Serialize)]
struct TransferLine<'a> {
    kind: TransferKind,
    side: Side,
    by: &'a str,
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

#[derive(Serialize)]
struct LegLine<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    side: Side,
    trunk: &'a str,
    call_id: &'a str,
    address: Option<SocketAddr>,
    /// As the configuration names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    policy: &'a str,
    calling: String,
    called: String,
    media: Option<&'a LegMediaCounts>,
}

/// Appends the lines of one record.
pub fn write(origin: &Origin, seq: u64, record: &CallRecord, out: &mut Vec<u8>) {
    let id = origin.id(record);
    let head = |kind| Head { schema: SCHEMA, r#type: kind, id: &id, seq };
    let legs = [Some(caller(record, head("leg"))), callee(record, head("leg"))];
    let count = legs.iter().flatten().count();
    legs.iter().flatten().for_each(|leg| line(leg, out));
    line(&call(origin, record, head("call"), count), out);
}

fn line(value: &impl Serialize, out: &mut Vec<u8>) {
    let before = out.len();
    // Plain structures of texts and numbers always serialise; half a line must not stay if one ever does not.
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
        return;
    }
    out.push(b'\n');
}

fn call<'a>(origin: &'a Origin, record: &'a CallRecord, head: Head<'a>, legs: usize) -> CallLine<'a> {
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    CallLine {
        head,
        node: &origin.node,
        call: record.id.0,
        from: &record.from,
        to: record.to.as_deref(),
        route: record.route.as_deref().filter(|name| !name.is_empty()),
        account: record.account.as_ref().map(AccountName::as_str),
        calling: shown(&record.calling),
        called: shown(&record.called),
        started: wall::text(record.started),
        rang: record.rang.map(wall::text),
        answered: record.answered.map(wall::text),
        ended: wall::text(record.ended),
        started_ms: record.started.0,
        ended_ms: record.ended.0,
        post_dial_delay_ms: record.after.post_dial_delay().map(millis),
        duration_ms: millis(record.after.talked()),
        cause: record.cause.label(),
        cause_text: record.cause.text(),
        status: record.cause.status().code(),
        q850: record.cause.q850(),
        peer_status: peer_status(record.cause),
        ended_by: record.ended_by,
        detail: record.detail.as_deref().map(shown),
        emergency: record.emergency.as_deref(),
        elin: record.elin.as_ref().map(E164::as_str),
        attempts: record.attempts,
        redirects: record.redirects,
        transfer_count: record.transfers.len(),
        transfers: record.transfers.iter().take(TRANSFERS).map(transfer).collect(),
        reasons: record.said.iter().map(reason).collect(),
        legs,
    }
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
        to: transfer.to.as_deref(),
        call_id: transfer.call_id.as_deref().map(shown),
        began_ms: transfer.began.0,
        ended_ms: transfer.ended.0,
        cause: transfer.cause.label(),
    }
}

/// Numbers as they were received.
fn caller<'a>(record: &'a CallRecord, head: Head<'a>) -> LegLine<'a> {
    let (calling, called) = match &record.received {
        Some(written) => (&written.calling, &written.called),
        None => (&record.calling, &record.called),
    };
    LegLine {
        head,
        side: Side::Caller,
        trunk: &record.from,
        call_id: shown(&record.caller_call_id),
        address: record.caller_address,
        target: None,
        policy: &record.caller_policy,
        calling: shown(calling).to_owned(),
        called: shown(called).to_owned(),
        media: heard(&record.caller_media),
    }
}

/// Numbers as they were sent. `None`: no INVITE went out.
fn callee<'a>(record: &'a CallRecord, head: Head<'a>) -> Option<LegLine<'a>> {
    let (trunk, sent) = (record.to.as_deref()?, record.sent.as_ref()?);
    Some(LegLine {
        head,
        side: Side::Callee,
        trunk,
        call_id: shown(record.callee_call_id.as_deref().unwrap_or_default()),
        address: Some(sent.address),
        target: sent.target.as_deref(),
        policy: &sent.policy,
        calling: user_of(&sent.from),
        called: text(&sent.called),
        media: heard(&record.callee_media),
    })
}

fn heard(media: &LegMediaCounts) -> Option<&LegMediaCounts> {
    (*media != LegMediaCounts::default()).then_some(media)
}

fn user_of(name_addr: &Bytes) -> String {
    let address = NameAddr::parse(name_addr).ok();
    address.and_then(|address| address.uri.user_decoded().map(|user| text(&user))).unwrap_or_default()
}

fn text(octets: &[u8]) -> String {
    shown(&String::from_utf8_lossy(octets)).to_owned()
}

/// At most so much of a text from outside.
fn shown(text: &str) -> &str {
    text.char_indices().nth(TEXT).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
