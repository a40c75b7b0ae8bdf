//! The messages of a call, each written fresh from state (DESIGN rule 4).

use bytes::Bytes;

use super::cause::Cause;
use super::digits;
use super::effect::Branch;
use super::own_address::OwnAddress;
use super::parting::Parting;
use super::passed::Passed;
use super::proof::Credentials;
use super::screening::Refusal;
use crate::base::limits::MAX_FORWARDS;
use crate::dialog::refer::ReferSub;
use crate::dialog::reliable::Provisional;
use crate::dialog::{Dialog, Role};
use crate::media::dtmf::HeardDigit;
use crate::route::mark::Marked;
use crate::route::policy::Line;
use crate::sip::header::early_media::P_EARLY_MEDIA;
use crate::sip::{Method, Name, RAck, RSeq, Response, ResponseHead, SipMessage, Status, Uri, Writer, bodies, frame};

/// Methods we take (RFC 3261 20.5).
pub use crate::route::presence::ALLOW;
/// Bodies we read (RFC 3261 20.1).
pub const ACCEPT: &str = "application/sdp";
/// Option tag of reliable provisional responses (RFC 3262 8.1).
pub const RELIABLE: &str = "100rel";
/// Content-Type of every body we write.
pub const SDP: &str = "application/sdp";

/// What makes a request out of a dialog (RFC 3261 8.1.1). Kept for CANCEL, for ACK and for the dialog.
#[derive(Clone, Debug)]
pub struct NewRequest {
    pub uri: Uri,
    /// Written name-addr with our tag.
    pub from: Bytes,
    /// Written name-addr without tag.
    pub to: Bytes,
    pub call_id: Bytes,
    pub cseq: u32,
    pub max_forwards: u8,
    /// Route values: the Service-Route of a registration (RFC 3608 6.1).
    pub routes: Vec<Bytes>,
    /// Fields of the INVITE alone: Referred-By, Replaces, Diversion and the like.
    pub extra: Vec<Line>,
    /// Of the INVITE alone: what stands beside its description.
    pub beside: Beside,
}

/// Parts beside a description, and the boundary between them all. Without parts there is no boundary.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    pub boundary: String,
    pub parts: Vec<Bytes>,
}

impl NewRequest {
    fn start(&self, method: &Method, own: &OwnAddress, branch: &Branch) -> Writer {
        let mut writer = Writer::request(method, &self.uri)
            .parts(Name::Via, &own.via(branch))
            .number(Name::MaxForwards, self.max_forwards.into());
        for route in &self.routes {
            writer = writer.header(Name::Route, route);
        }
        let writer = writer
            .header(Name::From, &self.from)
            .header(Name::To, &self.to)
            .header(Name::CallId, &self.call_id)
            .cseq(self.cseq, method);
        own.signed_request(writer)
    }

    /// The INVITE that opens a leg.
    pub fn invite(&self, own: &OwnAddress, branch: &Branch, offer: &[u8], credentials: &Credentials) -> Bytes {
        let writer = proven(self.start(&Method::Invite, own, branch), credentials);
        let with_extra = |writer: Writer, line: &Line| writer.raw(&line.name, &line.value);
        let writer = self
            .extra
            .iter()
            .fold(writer, with_extra)
            .header(Name::Contact, own.contact())
            .header(Name::Allow, own.allow());
        let writer = supported(writer, own);
        let Beside { boundary, parts } = &self.beside;
        if parts.is_empty() {
            return writer.body(SDP, offer);
        }
        let mixed = bodies::mixed(boundary, offer, parts);
        writer.raw(b"MIME-Version", b"1.0").body(&bodies::mixed_type(boundary), &mixed)
    }

    /// CANCEL of that INVITE: same Via, same CSeq number (RFC 3261 9.1).
    pub fn cancel(&self, own: &OwnAddress, branch: &Branch, cause: Cause) -> Bytes {
        // RFC 3326 2: who stops ringing because another one took the call shows no missed call.
        let reason = match cause {
            Cause::Replaced | Cause::AnsweredElsewhere => ELSEWHERE.to_owned(),
            cause => cause.reason(),
        };
        self.start(&Method::Cancel, own, branch).header(Name::Reason, reason).finish()
    }

    /// OPTIONS that asks whether the peer lives.
    pub fn options(&self, own: &OwnAddress, branch: &Branch) -> Bytes {
        self.start(&Method::Options, own, branch)
            .header(Name::Contact, own.contact())
            .header(Name::Accept, ACCEPT)
            .header(Name::Allow, own.allow())
            .header(Name::Supported, own.supported())
            .finish()
    }
}

/// What a request inside a dialog carries besides the dialog's own headers.
pub enum Inside<'a> {
    /// re-INVITE with this offer.
    Invite(&'a [u8], &'a Credentials),
    /// BYE, with why.
    Bye(&'a Parting, &'a Credentials),
    /// ACK for a 2xx; our INVITEs carry an offer, so it never carries an answer.
    Ack,
    /// CANCEL of our re-INVITE with the same branch and number (RFC 3261 9.1), with why.
    Cancel(Cause),
    /// UPDATE: with this offer, or to refresh the session (RFC 3311, RFC 4028 7.4).
    Update(Option<&'a [u8]>, &'a Credentials),
    /// INFO with a digit.
    Digit(HeardDigit, &'a Credentials),
    /// A request whose fields are settled elsewhere.
    Carried(&'a Carried),
    /// PRACK of this provisional response (RFC 3262 7.1); our INVITEs carry an offer, so it never carries an answer.
    Prack(&'a RAck, &'a Credentials),
}

/// A request whose fields are settled elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    pub method: Method,
    pub headers: Passed,
    /// Content-Type and body.
    pub body: Option<(String, Bytes)>,
}

impl Inside<'_> {
    /// Its method.
    pub fn method(&self) -> Method {
        match self {
            Inside::Invite(..) => Method::Invite,
            Inside::Bye(..) => Method::Bye,
            Inside::Ack => Method::Ack,
            Inside::Cancel(_) => Method::Cancel,
            Inside::Update(..) => Method::Update,
            Inside::Digit(..) => Method::Info,
            Inside::Carried(carried) => carried.method.clone(),
            Inside::Prack(..) => Method::Prack,
        }
    }
}

/// A request inside a dialog (RFC 3261 12.2.1.1). `cseq`: the dialog's next, or the INVITE's for ACK and CANCEL.
pub fn inside(dialog: &Dialog, own: &OwnAddress, branch: &Branch, cseq: u32, what: &Inside<'_>) -> Bytes {
    let method = what.method();
    let path = dialog.request_path();
    let mut writer = Writer::request(&method, &path.uri)
        .parts(Name::Via, &own.via(branch))
        .number(Name::MaxForwards, MAX_FORWARDS.into());
    for route in path.routes.iter() {
        writer = writer.header(Name::Route, route);
    }
    let writer = writer
        .header(Name::From, &dialog.local)
        .header(Name::To, &dialog.remote)
        .header(Name::CallId, &dialog.call_id)
        .cseq(cseq, &method);
    let writer = own.signed_request(writer);
    let writer = match what {
        Inside::Ack | Inside::Cancel(_) => writer,
        Inside::Invite(..)
        | Inside::Bye(..)
        | Inside::Update(..)
        | Inside::Digit(..)
        | Inside::Carried(_)
        | Inside::Prack(..) => marked(writer, own, Marked::Inside),
    };
    match what {
        Inside::Invite(offer, credentials) => described(changing(proven(writer, credentials), own), Some(offer)),
        Inside::Update(offer, credentials) => described(changing(proven(writer, credentials), own), *offer),
        Inside::Bye(parting, credentials) => {
            carrying(proven(writer, credentials).header(Name::Reason, parting.reason()), &parting.passed).finish()
        }
        Inside::Cancel(cause) => writer.header(Name::Reason, cause.reason()).finish(),
        Inside::Ack => writer.finish(),
        Inside::Prack(rack, credentials) => proven(writer, credentials).header(Name::RAck, rack.to_string()).finish(),
        Inside::Digit(heard, credentials) => {
            let writer = proven(writer, credentials).header(Name::Contact, own.contact());
            writer.body(digits::DTMF_RELAY, digits::write_relay(*heard).as_bytes())
        }
        Inside::Carried(carried) => loaded(writer.header(Name::Contact, own.contact()), carried),
    }
}

/// With the custom header, where such a message carries it (PV-34).
fn marked(writer: Writer, own: &OwnAddress, message: Marked) -> Writer {
    match own.mark(message) {
        Some((name, contents)) => writer.raw(name.as_bytes(), contents.as_bytes()),
        None => writer,
    }
}

/// What a request that refreshes the target says of us (RFC 3261 14.1, RFC 3311 5.1).
fn changing(writer: Writer, own: &OwnAddress) -> Writer {
    supported(writer.header(Name::Contact, own.contact()).header(Name::Allow, own.allow()), own)
}

fn loaded(writer: Writer, carried: &Carried) -> Bytes {
    let writer = carrying(writer, &carried.headers);
    match &carried.body {
        Some((kind, body)) => writer.body(kind, body),
        None => writer.finish(),
    }
}

/// With fields that are settled elsewhere.
fn carrying(writer: Writer, fields: &Passed) -> Writer {
    fields.iter().fold(writer, |writer, (name, value)| writer.raw(name, value))
}

/// The answer to a request that crossed.
pub fn carried_response(status: Status, head: &ResponseHead, own: &OwnAddress, answer: &Carried) -> Bytes {
    let writer = response(status, head, None, own).header(Name::Allow, own.allow());
    loaded(if status.is_success() { writer.header(Name::Contact, own.contact()) } else { writer }, answer)
}

fn proven(writer: Writer, credentials: &Credentials) -> Writer {
    credentials.iter().fold(writer, |writer, (name, value)| writer.header(*name, value))
}

/// ACK of a final response that is no 2xx (RFC 3261 17.1.1.3): Request-URI, Via, Route, From, Call-ID and CSeq number
/// of our INVITE, To of the response. `None` when `invite` is no request of ours.
pub fn failure_ack(invite: &Bytes, response: &Response) -> Option<Bytes> {
    let source = (std::net::Ipv4Addr::UNSPECIFIED, 0).into();
    let Some(Ok(SipMessage::Request(request))) = frame::datagram(invite, source) else { return None };
    let mut writer = Writer::request(&Method::Ack, &request.uri)
        .header(Name::Via, request.message.header(Name::Via)?)
        .number(Name::MaxForwards, MAX_FORWARDS.into());
    for route in request.message.headers(Name::Route) {
        writer = writer.header(Name::Route, route);
    }
    let to = response.message.header(Name::To)?;
    let writer = writer
        .header(Name::From, request.message.header(Name::From)?)
        .header(Name::To, to)
        .header(Name::CallId, &request.call_id)
        .cseq(request.cseq.number, &Method::Ack);
    let signature = request.message.raw_headers().filter(|(name, _)| is_signature(name));
    Some(signature.fold(writer, |writer, (name, value)| writer.raw(name, value)).finish())
}

/// What names the product goes into the ACK as it stood in the INVITE (MD-79).
fn is_signature(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"User-Agent") || name.eq_ignore_ascii_case(b"X-MS-SBC")
}

/// An answer to a request inside a dialog, or to OPTIONS anywhere: what we take, and where we are.
pub fn inside_response(status: Status, head: &ResponseHead, own: &OwnAddress) -> Bytes {
    let mut writer = response(status, head, None, own).header(Name::Allow, own.allow());
    if status.is_success() {
        writer = writer
            .header(Name::Contact, own.contact())
            .header(Name::Accept, ACCEPT)
            .header(Name::Supported, own.supported());
    }
    if status == Status::SERVER_INTERNAL_ERROR {
        writer = writer.header(Name::RetryAfter, RETRY_AFTER_S.to_string());
    }
    if status == Status::UNSUPPORTED_MEDIA_TYPE {
        // Only INFO is answered so here: what it may carry (RFC 3261 21.4.13).
        writer = writer.header(Name::Accept, digits::ACCEPTED);
    }
    writer.finish()
}

/// 202 to a REFER; who wanted no reports is told that none come (RFC 4488 4.1).
pub fn refer_accepted(head: &ResponseHead, own: &OwnAddress, sub: ReferSub) -> Bytes {
    let writer = response(Status::ACCEPTED, head, None, own).header(Name::Contact, own.contact());
    match sub {
        ReferSub::Reported => writer.finish(),
        ReferSub::Unreported => writer.raw(b"Refer-Sub", b"false").finish(),
    }
}

/// The answer to OPTIONS out of a dialog (RFC 3261 11.2).
pub fn options_response(head: &ResponseHead, tag: &[u8], own: &OwnAddress) -> Bytes {
    response(Status::OK, head, Some(tag), own)
        .header(Name::Contact, own.contact())
        .header(Name::Accept, ACCEPT)
        .header(Name::Allow, own.allow())
        .header(Name::Supported, own.supported())
        .finish()
}

/// 401 with our challenges, the strongest first (RFC 8760 2.3).
pub fn challenge(head: &ResponseHead, tag: &[u8], own: &OwnAddress, challenges: &[Vec<u8>]) -> Bytes {
    let writer = response(Status::UNAUTHORIZED, head, Some(tag), own);
    let challenged = |writer: Writer, value: &Vec<u8>| writer.header(Name::WwwAuthenticate, value);
    challenges.iter().fold(writer, challenged).finish()
}

/// A response without a body and without a Contact.
pub fn plain_response(status: Status, head: &ResponseHead, tag: Option<&[u8]>, own: Option<&OwnAddress>) -> Bytes {
    anybodys(status, head, tag, own).finish()
}

/// A 18x that makes or keeps the peer's dialog: with its Record-Route (RFC 3261 12.1.1), our Contact, and a body
/// when there is one.
pub fn dialog_response(said: &Provisional, head: &ResponseHead, dialog: &Dialog, own: &OwnAddress) -> Bytes {
    described(carrying(provisional(said, head, dialog, own), &said.passed), said.body.as_deref())
}

/// The same for a provisional response that is sent reliably (RFC 3262 3).
pub fn reliable_response(
    said: &Provisional,
    number: RSeq,
    head: &ResponseHead,
    dialog: &Dialog,
    own: &OwnAddress,
) -> Bytes {
    let writer = provisional(said, head, dialog, own).header(Name::Require, RELIABLE);
    described(carrying(writer.header(Name::RSeq, number.to_string()), &said.passed), said.body.as_deref())
}

/// With what it says of early media (RFC 5009).
fn provisional(said: &Provisional, head: &ResponseHead, dialog: &Dialog, own: &OwnAddress) -> Writer {
    let writer = dialog_writer(said.status, head, dialog, own);
    match said.early_media {
        Some(early) => writer.raw(P_EARLY_MEDIA.as_bytes(), early.word().as_bytes()),
        None => writer,
    }
}

fn dialog_writer(status: Status, head: &ResponseHead, dialog: &Dialog, own: &OwnAddress) -> Writer {
    let writer = response(status, head, Some(&dialog.local_tag), own);
    let writer = recorded(dialog).iter().fold(writer, |writer, route| writer.header(Name::RecordRoute, route));
    let writer = writer.header(Name::Contact, own.contact()).header(Name::Allow, own.allow());
    match status.is_success() {
        true => marked(supported(writer, own), own, Marked::Success),
        false => marked(writer, own, Marked::Provisional),
    }
}

/// 200 to an INVITE or UPDATE: the dialog's, with these fields of its session and those that pass.
pub fn accepting_response(
    head: &ResponseHead,
    dialog: &Dialog,
    own: &OwnAddress,
    fields: &Credentials,
    (passed, body): (&Passed, Option<&[u8]>),
) -> Bytes {
    described(carrying(proven(dialog_writer(Status::OK, head, dialog, own), fields), passed), body)
}

/// 422 with the least interval that is taken (RFC 4028 6).
pub fn interval_too_small(head: &ResponseHead, tag: &[u8], own: &OwnAddress, min_se: u32) -> Bytes {
    let writer = response(Status::SESSION_INTERVAL_TOO_SMALL, head, Some(tag), own);
    writer.header(Name::MinSe, min_se.to_string()).finish()
}

/// 200 to a PRACK or an UPDATE with the answer to what it offered.
pub fn answering_response(head: &ResponseHead, own: &OwnAddress, body: Option<&[u8]>) -> Bytes {
    let writer = response(Status::OK, head, None, own).header(Name::Contact, own.contact());
    described(writer.header(Name::Allow, own.allow()), body)
}

/// 500 to a request that comes while another one of its sender is open, with the seconds to wait (RFC 3261 14.2, RFC 3311
/// 5.2).
pub fn try_again(head: &ResponseHead, own: &OwnAddress, seconds: u64) -> Bytes {
    let writer = response(Status::SERVER_INTERNAL_ERROR, head, None, own);
    writer.header(Name::Allow, own.allow()).header(Name::RetryAfter, seconds.to_string()).finish()
}

/// A refusal of a description inside a dialog, with its Warning.
pub fn warned(status: Status, head: &ResponseHead, own: &OwnAddress, warning: Option<String>) -> Bytes {
    let writer = response(status, head, None, own);
    warning.into_iter().fold(writer, |writer, text| writer.header(Name::Warning, text)).finish()
}

/// What every response of ours begins with.
fn response(status: Status, head: &ResponseHead, tag: Option<&[u8]>, own: &OwnAddress) -> Writer {
    own.signed_response(Writer::response_from(status, None, head, tag))
}

/// The same where the sender may be on no trunk of ours any more.
fn anybodys(status: Status, head: &ResponseHead, tag: Option<&[u8]>, own: Option<&OwnAddress>) -> Writer {
    let writer = Writer::response_from(status, None, head, tag);
    match own {
        Some(own) => own.signed_response(writer),
        None => writer,
    }
}

fn described(writer: Writer, body: Option<&[u8]>) -> Bytes {
    match body {
        Some(body) => writer.body(SDP, body),
        None => writer.finish(),
    }
}

fn supported(writer: Writer, own: &OwnAddress) -> Writer {
    if own.supported().is_empty() { writer } else { writer.header(Name::Supported, own.supported()) }
}

/// The Record-Route of the request that made the dialog, when it was the peer's.
fn recorded(dialog: &Dialog) -> &[Bytes] {
    match dialog.role() {
        Role::Uas => dialog.route_set(),
        Role::Uac => &[],
    }
}

/// The refusal of a request that did not pass screening. `tag`: ours, for a request out of a dialog; `why`: for an INVITE
/// that is not to become a call (RFC 6432).
pub fn screened(
    refusal: &Refusal,
    head: &ResponseHead,
    (tag, why): (Option<&[u8]>, Option<Cause>),
    own: Option<&OwnAddress>,
) -> Bytes {
    let mut writer = anybodys(refusal.status(), head, tag, own);
    if let Some((name, value)) = refusal.explanation() {
        writer = writer.header(name, value);
    }
    if refusal.status() == Status::SERVICE_UNAVAILABLE {
        // R-A2: those refused together do not come back together. The same for each repetition.
        writer = writer.header(Name::RetryAfter, (1 + head.spread() % 10).to_string());
    }
    match why {
        Some(cause) => writer.header(Name::Reason, cause.reason()).finish(),
        None => writer.finish(),
    }
}

/// A refusal with its Q.850 cause.
pub fn refusal(parting: &Parting, head: &ResponseHead, tag: &[u8], own: &OwnAddress) -> Bytes {
    carrying(refusing(parting.cause.status(), parting.reason(), head, (tag, own)), &parting.passed).finish()
}

/// A 3xx for the caller, with contacts in the order of preference.
pub fn redirection(status: Status, head: &ResponseHead, tag: &[u8], own: &OwnAddress, contacts: &[Vec<u8>]) -> Bytes {
    let writer = response(status, head, Some(tag), own);
    contacts.iter().fold(writer, |writer, contact| writer.header(Name::Contact, contact)).finish()
}

/// A refusal with another status, and a Warning text (RFC 3261 20.43) when there is one: `399 - "text"`.
pub fn refusal_with(
    status: Status,
    cause: Cause,
    head: &ResponseHead,
    (tag, own): (&[u8], &OwnAddress),
    warning: Option<String>,
) -> Bytes {
    let writer = refusing(status, cause.reason(), head, (tag, own));
    warning.into_iter().fold(writer, |writer, text| writer.header(Name::Warning, text)).finish()
}

fn refusing(status: Status, reason: String, head: &ResponseHead, (tag, own): (&[u8], &OwnAddress)) -> Writer {
    let writer = response(status, head, Some(tag), own).header(Name::Reason, reason);
    match status {
        Status::SERVICE_UNAVAILABLE => writer.header(Name::RetryAfter, RETRY_AFTER_S.to_string()),
        _ => writer,
    }
}

const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// Seconds a refused caller is asked to wait: long enough for a burst to pass, short enough that nobody gives up.
const RETRY_AFTER_S: u32 = 5;
