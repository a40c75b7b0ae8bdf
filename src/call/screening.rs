//! What a request must be before anything is done for it (RFC 3261 8.2), in the RFC's order. Pure: a request in,
//! a refusal or the call's numbers out.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::compose;
use super::record::Side;
use crate::base::limits::{DIALLED_DIGITS, DIVERSIONS, E164_DIGITS, USER_OCTETS};
use crate::dialog::session_timer::{Said, SessionTimer, TIMER, TimerMode, TooSmall};
use crate::route::emergency::is_sos;
use crate::route::provisional::Reliability;
use crate::route::trunk::Trunk;
use crate::sip::bodies::{BadBody, Bodies};
use crate::sip::grammar::is_token;
use crate::sip::header::{ContentType, max_breadth};
use crate::sip::{Message, Method, Name, NameAddr, Request, Status, Uri};

/// Why a request out of a dialog is refused. The variant's name is the metric label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 501: a method nobody told us about.
    UnknownMethod,
    /// 405: a method we know and do not take here.
    MethodNotAllowed,
    /// 416.
    UnknownScheme,
    /// 483.
    TooManyHops,
    /// 440: it may be sent on over no branch at all (RFC 5393 5.3.3).
    NoBreadth,
    /// 400: several Max-Breadth, or one that is no number.
    BadBreadth,
    /// 400: something in Require or Proxy-Require that no option tag can be.
    BadRequire,
    /// 420, with the tags that we do not know.
    BadExtension(Vec<String>),
    /// 421: an INVITE without an extension that its trunk demands (RFC 3261 21.4.16).
    ExtensionRequired(&'static str),
    /// 422, with the least interval that is taken (RFC 4028 6).
    IntervalTooSmall(u32),
    /// 415.
    MediaType,
    /// 400: a body is promised to be a description, and there is none.
    EmptyDescription,
    /// 400: a body of several parts that does not keep to its boundary.
    BrokenBody,
    /// 406.
    NotAcceptable,
    /// 404: a called party that no number and no user name can be.
    BadNumber,
    /// 484: more digits than a number may have.
    TooManyDigits,
    /// 404 or 484: what no number of this trunk can be; the text names the rule.
    Unroutable { status: Status, text: String },
    /// 404: an OPTIONS for a name below ours that is no account's (MD-62).
    UnknownName,
    /// 482: the same request by another path (RFC 3261 8.2.2.2).
    Merged,
    /// 482: the called number has come round more than once (RFC 5806, RFC 7044).
    Loop,
    /// 483: more diversions than a call may have.
    TooManyDiversions,
    /// 481: inside a dialog that is not there.
    NoDialog,
    /// 400: a Replaces that cannot be read, several, one beside Join (RFC 3891 3, RFC 3911 5), or in another request than
    /// INVITE.
    BadReplaces,
    /// 403, 481, 486, 603: the dialog that Replaces names may not be replaced (RFC 3891 3).
    NotReplaceable(Status),
    /// 503: limits or draining.
    Overload,
    /// 503: an operator has taken the trunk out of service.
    TrunkOutOfService,
}

impl Refusal {
    /// What the sender is told.
    pub fn status(&self) -> Status {
        let code = match self {
            Refusal::Unroutable { status, .. } => return *status,
            Refusal::UnknownMethod => 501,
            Refusal::MethodNotAllowed => 405,
            Refusal::UnknownScheme => 416,
            Refusal::TooManyHops => 483,
            Refusal::NoBreadth => 440,
            Refusal::BadBreadth => 400,
            Refusal::BadRequire => 400,
            Refusal::BadExtension(_) => 420,
            Refusal::ExtensionRequired(_) => 421,
            Refusal::IntervalTooSmall(_) => 422,
            Refusal::MediaType => 415,
            Refusal::EmptyDescription => 400,
            Refusal::BrokenBody => 400,
            Refusal::NotAcceptable => 406,
            Refusal::BadNumber | Refusal::UnknownName => 404,
            Refusal::TooManyDigits => 484,
            Refusal::Merged => 482,
            Refusal::Loop => 482,
            Refusal::TooManyDiversions => 483,
            Refusal::NoDialog => 481,
            Refusal::BadReplaces => 400,
            Refusal::NotReplaceable(status) => status.code(),
            Refusal::Overload | Refusal::TrunkOutOfService => 503,
        };
        Status::new(code).unwrap_or(Status::SERVER_INTERNAL_ERROR)
    }

    /// Metric label.
    pub const fn label(&self) -> &'static str {
        match self {
            Refusal::UnknownMethod => "unknown_method",
            Refusal::MethodNotAllowed => "method_not_allowed",
            Refusal::UnknownScheme => "unknown_scheme",
            Refusal::TooManyHops => "too_many_hops",
            Refusal::NoBreadth => "no_breadth",
            Refusal::BadBreadth => "bad_breadth",
            Refusal::BadRequire => "bad_require",
            Refusal::BadExtension(_) => "bad_extension",
            Refusal::ExtensionRequired(_) => "extension_required",
            Refusal::IntervalTooSmall(_) => "interval_too_small",
            Refusal::MediaType => "media_type",
            Refusal::EmptyDescription => "empty_description",
            Refusal::BrokenBody => "broken_body",
            Refusal::NotAcceptable => "not_acceptable",
            Refusal::BadNumber => "bad_number",
            Refusal::TooManyDigits => "too_many_digits",
            Refusal::UnknownName => "host_unknown",
            Refusal::Unroutable { .. } => "unroutable_number",
            Refusal::Merged => "merged_request",
            Refusal::Loop => "loop",
            Refusal::TooManyDiversions => "too_many_diversions",
            Refusal::NoDialog => "no_dialog",
            Refusal::BadReplaces => "bad_replaces",
            Refusal::NotReplaceable(_) => "not_replaceable",
            Refusal::Overload => "overload",
            Refusal::TrunkOutOfService => "trunk_out_of_service",
        }
    }

    /// The header that tells the sender what would be taken.
    pub fn explanation(&self) -> Option<(Name, String)> {
        match self {
            Refusal::MethodNotAllowed => Some((Name::Allow, compose::ALLOW.to_owned())),
            Refusal::BadExtension(tags) => Some((Name::Unsupported, tags.join(", "))),
            Refusal::ExtensionRequired(tag) => Some((Name::Require, (*tag).to_owned())),
            Refusal::IntervalTooSmall(seconds) => Some((Name::MinSe, seconds.to_string())),
            Refusal::MediaType => Some((Name::Accept, compose::ACCEPT.to_owned())),
            Refusal::Unroutable { text, .. } => Some((Name::Warning, format!("399 - \"{text}\""))),
            Refusal::Overload
            | Refusal::TrunkOutOfService
            | Refusal::UnknownMethod
            | Refusal::UnknownScheme
            | Refusal::TooManyHops
            | Refusal::NoBreadth
            | Refusal::BadBreadth
            | Refusal::BadRequire
            | Refusal::NotAcceptable
            | Refusal::EmptyDescription
            | Refusal::BrokenBody
            | Refusal::BadNumber
            | Refusal::TooManyDigits
            | Refusal::UnknownName
            | Refusal::Merged
            | Refusal::Loop
            | Refusal::TooManyDiversions
            | Refusal::BadReplaces
            | Refusal::NotReplaceable(_)
            | Refusal::NoDialog => None,
        }
    }
}

/// The numbers of a call, as the caller wrote them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// Decoded user parts: for routes and records.
    pub calling: String,
    pub called: String,
    /// Octets of the user parts, escapes kept: for the outgoing request.
    pub calling_user: Option<Bytes>,
    pub called_user: Option<Bytes>,
    /// Who was called first of all, where the call was sent on.
    #[serde(default)]
    pub original_called: Option<String>,
}

/// Checks every request out of a dialog must pass (RFC 3261 8.2.1 to 8.2.3). OPTIONS and INVITE go on from here.
///
/// # Errors
/// The first check that fails.
pub fn screen(request: &Request, trunk: &Trunk) -> Result<(), Refusal> {
    method(&request.method)?;
    match &request.uri {
        Uri::Sip(_) => {}
        tel @ Uri::Tel(_) => telephone(&decoded(tel))?,
        // RFC 5031, PF-161.
        urn if request.method == Method::Invite && is_sos(urn) => {}
        Uri::Other { .. } => return Err(Refusal::UnknownScheme),
    }
    // RFC 3261 8.1.1.6, S-R: the budget is spent; an OPTIONS addressed to us is answered all the same (zeromf).
    if request.max_forwards == Some(0) && request.method != Method::Options {
        return Err(Refusal::TooManyHops);
    }
    breadth(request)?;
    extensions(request, trunk)?;
    demanded(request, trunk)?;
    circles(request)?;
    if matches!(request.method, Method::Invite | Method::Options) {
        length(&request.uri)?;
    }
    // RFC 3261 11.2: OPTIONS are answered as an INVITE to that party would be.
    if request.method == Method::Options {
        called(&request.uri)?;
    }
    body(request)
}

/// RFC 3966 3: a global number is digits behind a plus, a local one digits, `A` to `F`, `*` and `#`; separators aside.
fn telephone(number: &[u8]) -> Result<(), Refusal> {
    let is_number = match number.strip_prefix(b"+") {
        Some(global) => !global.is_empty() && global.iter().all(u8::is_ascii_digit),
        None => !number.is_empty() && number.iter().all(|octet| octet.is_ascii_hexdigit() || b"*#".contains(octet)),
    };
    if is_number { Ok(()) } else { Err(Refusal::BadNumber) }
}

/// A number behind a plus is E.164 whatever its trunk reads; other dialled digits may have an international prefix and an
/// outside line before them; and no user part is endless (PF-52).
fn length(uri: &Uri) -> Result<(), Refusal> {
    let dialled = digits(decoded(uri));
    let is_global = dialled.starts_with(b"+");
    let rest = dialled.strip_prefix(b"+").unwrap_or(&dialled);
    let is_number = !rest.is_empty() && rest.iter().all(u8::is_ascii_digit);
    match (is_number, is_global) {
        (true, true) if rest.len() > E164_DIGITS => Err(Refusal::TooManyDigits),
        (true, true) if rest.starts_with(b"0") => Err(Refusal::BadNumber),
        (true, false) if rest.len() > DIALLED_DIGITS => Err(Refusal::TooManyDigits),
        _ if dialled.len() > USER_OCTETS => Err(Refusal::TooManyDigits),
        _ => Ok(()),
    }
}

/// RFC 5393 5.3.3: what may be spread over no branch goes nowhere. What we answer ourselves needs none (5.3.4).
fn breadth(request: &Request) -> Result<(), Refusal> {
    if request.method != Method::Invite {
        return Ok(());
    }
    match max_breadth(&request.message) {
        Ok(Some(0)) => Err(Refusal::NoBreadth),
        Ok(_) => Ok(()),
        Err(_) => Err(Refusal::BadBreadth),
    }
}

/// RFC 5806 and RFC 7044 as they bound a forwarded call (MD-100): so many diversions, and the called number not twice
/// among those that it left. Once is no circle: a number may be forwarded to a namesake elsewhere.
fn circles(request: &Request) -> Result<(), Refusal> {
    if request.method != Method::Invite {
        return Ok(());
    }
    let diversions = addresses(request, Name::Diversion);
    let mut history = addresses(request, Name::HistoryInfo);
    // The last entry is where the call goes now.
    history.pop();
    let counted: usize = diversions.iter().map(diversion_count).fold(0, usize::saturating_add);
    let most = usize::from(DIVERSIONS);
    if counted > most || history.len() > most {
        return Err(Refusal::TooManyDiversions);
    }
    let called = decoded(&request.uri);
    let times = |list: &[NameAddr]| list.iter().filter(|entry| decoded(&entry.uri) == called).count();
    if !called.is_empty() && times(&diversions).max(times(&history)) > 1 { Err(Refusal::Loop) } else { Ok(()) }
}

/// Entries of an informative field; one that cannot be read says nothing.
fn addresses(request: &Request, name: Name) -> Vec<NameAddr> {
    request.message.list(name).iter().filter_map(|entry| NameAddr::parse(entry).ok()).collect()
}

/// How many diversions an entry stands for (RFC 5806 6: its counter).
fn diversion_count(entry: &NameAddr) -> usize {
    let counter = entry.param("counter").flatten().and_then(|count| std::str::from_utf8(count).ok());
    counter.and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn method(method: &Method) -> Result<(), Refusal> {
    match method {
        Method::Invite | Method::Ack | Method::Cancel | Method::Bye | Method::Options => Ok(()),
        Method::Register | Method::Refer | Method::Subscribe | Method::Message | Method::Publish => {
            Err(Refusal::MethodNotAllowed)
        }
        // They are taken in a dialog alone (RFC 3262 3, RFC 3311 5.2, RFC 6086 4.2.2, RFC 6665 4.1.3).
        Method::Prack | Method::Update | Method::Info | Method::Notify => Err(Refusal::NoDialog),
        Method::Other(_) => Err(Refusal::UnknownMethod),
    }
}

/// Option tags listed in a 420 at most; more are not repeated back.
const TAGS_SHOWN: usize = 16;

/// RFC 3261 8.2.2.3: each tag of Require that we do not take from this trunk, and each of Proxy-Require, is one too many.
/// And no request but INVITE has a Replaces.
pub(super) fn extensions(request: &Request, trunk: &Trunk) -> Result<(), Refusal> {
    // RFC 3891 3.
    if request.method != Method::Invite && request.message.header(Name::Replaces).is_some() {
        return Err(Refusal::BadReplaces);
    }
    let demands = [Name::Require, Name::ProxyRequire];
    if demands.into_iter().any(|name| request.message.list(name).iter().any(|tag| !is_token(tag))) {
        return Err(Refusal::BadRequire);
    }
    let tags: Vec<String> = demands
        .into_iter()
        .flat_map(|name| request.message.tokens(name))
        .filter(|tag| !is_supported(tag, &request.method, trunk))
        .take(TAGS_SHOWN)
        .collect();
    if tags.is_empty() { Ok(()) } else { Err(Refusal::BadExtension(tags)) }
}

/// Extensions whose rules are kept (RFC 3262, RFC 3891, RFC 4028, RFC 4488).
fn is_supported(tag: &str, method: &Method, trunk: &Trunk) -> bool {
    let is = |known: &str| tag.eq_ignore_ascii_case(known);
    match method {
        Method::Invite | Method::Update if is(TIMER) => trunk.session_timer.mode != TimerMode::Off,
        Method::Invite if is(compose::RELIABLE) => trunk.provisional.reliable != Reliability::Off,
        Method::Invite => is("replaces"),
        Method::Refer => is("norefersub"),
        _ => false,
    }
}

/// What the trunk demands of an INVITE.
fn demanded(request: &Request, trunk: &Trunk) -> Result<(), Refusal> {
    let demands = request.method == Method::Invite && trunk.provisional.reliable == Reliability::Required;
    if demands && !names_reliability(request) {
        return Err(Refusal::ExtensionRequired(compose::RELIABLE));
    }
    session(request, trunk)
}

/// RFC 4028: an INVITE of a trunk that demands session timers names them, and none has an interval below the trunk's.
fn session(request: &Request, trunk: &Trunk) -> Result<(), Refusal> {
    if request.method != Method::Invite {
        return Ok(());
    }
    let said = Said::of(&request.message);
    if trunk.session_timer.mode == TimerMode::Required && !said.is_supported() {
        return Err(Refusal::ExtensionRequired(TIMER));
    }
    let checked = SessionTimer::new(trunk.session_timer).check(&said);
    checked.map_err(|TooSmall(seconds)| Refusal::IntervalTooSmall(seconds))
}

/// True when the sender of an INVITE acknowledges provisional responses (RFC 3262 3).
pub(super) fn names_reliability(request: &Request) -> bool {
    [Name::Supported, Name::Require].into_iter().any(|name| request.message.has_token(name, compose::RELIABLE))
}

/// RFC 3261 8.2.3: an INVITE's body is a session description or nothing, not encoded; its answer may be one.
fn body(request: &Request) -> Result<(), Refusal> {
    if request.method != Method::Invite {
        return Ok(());
    }
    match Bodies::of(&request.message) {
        Ok(Bodies { description: Some(text), .. }) if text.is_empty() => return Err(Refusal::EmptyDescription),
        Ok(_) => {}
        Err(BadBody::MediaType) => return Err(Refusal::MediaType),
        Err(BadBody::Malformed) => return Err(Refusal::BrokenBody),
    }
    // No Accept in an INVITE means application/sdp, one without a type means none (RFC 3261 20.1).
    let says_nothing = request.message.header(Name::Accept).is_none();
    if says_nothing || accepts_description(&request.message.list(Name::Accept)) {
        Ok(())
    } else {
        Err(Refusal::NotAcceptable)
    }
}

/// The most specific range that covers a description decides, and `q=0` takes it out (RFC 3261 20.1, RFC 2616 14.1).
fn accepts_description(ranges: &[Bytes]) -> bool {
    let ranges = ranges.iter().filter_map(media_range).filter(|range| range.covers(compose::SDP));
    let closest = ranges.max_by_key(|range| (range.is(compose::SDP), range.kind.as_ref() != b"*"));
    let is_zero = |q: &[u8]| q.iter().all(|octet| b"0.".contains(octet));
    closest.is_some_and(|range| !range.param("q").flatten().is_some_and(is_zero))
}

/// Parameters that cannot be read say nothing.
fn media_range(entry: &Bytes) -> Option<ContentType> {
    let plain = || entry.split(|&octet| octet == b';').next().map(Bytes::copy_from_slice);
    ContentType::parse(entry).ok().or_else(|| ContentType::parse(&plain()?).ok())
}

/// The session description of a message, alone or among other parts; empty when it has none.
///
/// # Errors
/// A body that cannot be read.
pub fn described(message: &Message) -> Result<Bytes, BadBody> {
    if message.body().is_empty() {
        return Ok(Bytes::new());
    }
    Bodies::of(message).map(|bodies| bodies.description.unwrap_or_default())
}

/// The number a URI names, decoded for routes and records, and its user part for an outgoing URI.
///
/// # Errors
/// Octets that no number and no user name has.
pub fn called(uri: &Uri) -> Result<(String, Option<Bytes>), Refusal> {
    let called = decoded(uri);
    if called.iter().all(|&octet| is_fit(octet)) {
        Ok((text(called.into_owned()), user(uri)))
    } else {
        Err(Refusal::BadNumber)
    }
}

impl Numbers {
    /// Another party stands on `side`.
    pub fn renamed(&mut self, side: Side, number: String, user: Option<Bytes>) {
        match side {
            Side::Caller => (self.calling, self.calling_user) = (number, user),
            Side::Callee => (self.called, self.called_user) = (number, user),
        }
    }
}

/// Octets of a number or a plain user name.
const fn is_fit(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'"' | b'\'' | b'`' | b'\\' | b'<' | b'>')
}

fn text(octets: Vec<u8>) -> String {
    String::from_utf8(octets).unwrap_or_default()
}

/// The user part for the outgoing URI: a tel number without its visual separators, a sip user as it is.
fn user(uri: &Uri) -> Option<Bytes> {
    match uri {
        // Octets of its own: a part of a message keeps the whole message in memory.
        Uri::Sip(sip) => sip.user.as_deref().map(Bytes::copy_from_slice),
        Uri::Tel(tel) => Some(digits(Cow::Borrowed(&tel.number)).into_owned().into()),
        Uri::Other { .. } => None,
    }
}

/// The same for routes and records.
fn decoded(uri: &Uri) -> Cow<'_, [u8]> {
    match uri {
        Uri::Tel(tel) => digits(Cow::Borrowed(&tel.number)),
        Uri::Sip(_) | Uri::Other { .. } => uri.user_decoded().unwrap_or_default(),
    }
}

/// A tel number without its visual separators (RFC 3966 3).
fn digits(number: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let separates = |octet: &u8| matches!(octet, b'-' | b'.' | b'(' | b')');
    match number.iter().any(separates) {
        true => number.iter().copied().filter(|octet| !separates(octet)).collect(),
        false => number,
    }
}
