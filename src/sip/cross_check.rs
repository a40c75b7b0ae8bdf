//! The second reader (DESIGN 6): rsip reads the octets we have read, and what both can represent must be the same. Our
//! reading decides; a difference is counted and logged. rsip 0.4.0 is stalled and has known gaps (crates-measured.md
//! 3.3, R1 to R24), so a refusal is explained by what the message holds. rsip went through 12 million mutated inputs
//! without a panic.

use memchr::memmem;
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::HeadersExt;

use super::grammar::{ListItems, cut, is_wsp};
use super::header::{Name, NameAddr};
use super::message::{Message, SipMessage};
use super::uri::{Host, Uri};

/// What the second reader says of a message that we have read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Agreement {
    /// Both read start line, Call-ID, CSeq, tags and top branch alike.
    Agrees,
    /// rsip cannot read the message, most likely because of this.
    RsipRefuses(Weakness),
    /// Both read it, but not alike.
    Differs(Difference),
}

/// What in a legal message rsip 0.4.0 cannot read. The first one found is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weakness {
    /// R15: an octet that is no UTF-8 anywhere in the message, its body included.
    NotUtf8,
    /// R2: a header field over several lines.
    Fold,
    /// R1: one-letter header names are stored as unknown headers, so mandatory ones are missing.
    CompactName,
    /// R10, R3, R4, R24: white space before a colon or around `;`, `=` and `/`.
    WhiteSpace,
    /// R8: the method enum is closed.
    ExtensionMethod,
    /// R6: `tel:` is read as host and port.
    TelUri,
    /// R7: `urn:` and any other scheme.
    OtherScheme,
    /// R5: an IPv6 address in a URI or Via.
    Ipv6,
    /// R14: a user part with parameters, a password or characters beyond letters, digits and a few marks.
    UserPart,
    /// R11: a display name with escapes or angle brackets in its quotes, or none of the plain forms.
    DisplayName,
    /// R23: a Via with a transport outside its list.
    ViaTransport,
    /// A header parameter with a quoted value or an unusual name in From, To or Via.
    Parameter,
    /// A status code without a variant is read, but its phrase, an empty phrase or an unusual one is not.
    ReasonPhrase,
    /// An empty header value, or a name beyond letters, digits and hyphens.
    HeaderForm,
    /// Octets in Call-ID, branch or tag that its parser does not take.
    TokenForm,
    /// None of the above: worth a look.
    Unexplained,
}

/// What the two readers disagree about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Difference {
    /// One saw a request, the other a response.
    Kind,
    Method,
    Status,
    CallId,
    /// Number or method.
    CSeq,
    FromTag,
    ToTag,
    /// The branch of the topmost Via.
    Branch,
    /// R3: rsip loses parameters behind white space at a semicolon, without an error. Known, ours is right.
    WhiteSpace,
}

impl Weakness {
    /// Metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Weakness::NotUtf8 => "refused_not_utf8",
            Weakness::Fold => "refused_fold",
            Weakness::CompactName => "refused_compact_name",
            Weakness::WhiteSpace => "refused_white_space",
            Weakness::ExtensionMethod => "refused_extension_method",
            Weakness::TelUri => "refused_tel_uri",
            Weakness::OtherScheme => "refused_other_scheme",
            Weakness::Ipv6 => "refused_ipv6",
            Weakness::UserPart => "refused_user_part",
            Weakness::DisplayName => "refused_display_name",
            Weakness::ViaTransport => "refused_via_transport",
            Weakness::Parameter => "refused_parameter",
            Weakness::ReasonPhrase => "refused_reason_phrase",
            Weakness::HeaderForm => "refused_header_form",
            Weakness::TokenForm => "refused_token_form",
            Weakness::Unexplained => "refused_unexplained",
        }
    }
}

impl Difference {
    /// Metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Difference::Kind => "differs_kind",
            Difference::Method => "differs_method",
            Difference::Status => "differs_status",
            Difference::CallId => "differs_call_id",
            Difference::CSeq => "differs_cseq",
            Difference::FromTag => "differs_from_tag",
            Difference::ToTag => "differs_to_tag",
            Difference::Branch => "differs_branch",
            Difference::WhiteSpace => "differs_white_space",
        }
    }
}

/// Lets rsip read the same octets and compares.
pub fn cross_check(message: &SipMessage) -> Agreement {
    let Ok(theirs) = rsip::SipMessage::try_from(message.message().bytes().as_ref()) else {
        return Agreement::RsipRefuses(weakness(message));
    };
    if let Some(difference) = start_line_difference(message, &theirs) {
        return Agreement::Differs(difference);
    }
    match Theirs::read(&theirs) {
        Some(theirs) => match difference(message, &theirs) {
            None => Agreement::Agrees,
            Some(Difference::Branch | Difference::FromTag | Difference::ToTag)
                if has_loose_white_space(message.message()) =>
            {
                Agreement::Differs(Difference::WhiteSpace)
            }
            Some(difference) => Agreement::Differs(difference),
        },
        None => Agreement::RsipRefuses(weakness(message)),
    }
}

fn start_line_difference(ours: &SipMessage, theirs: &rsip::SipMessage) -> Option<Difference> {
    match (ours, theirs) {
        (SipMessage::Request(ours), rsip::SipMessage::Request(theirs)) => {
            (ours.method.as_str() != theirs.method.to_string()).then_some(Difference::Method)
        }
        (SipMessage::Response(ours), rsip::SipMessage::Response(theirs)) => {
            (ours.status.code() != u16::from(theirs.status_code.clone())).then_some(Difference::Status)
        }
        (SipMessage::Request(_), rsip::SipMessage::Response(_))
        | (SipMessage::Response(_), rsip::SipMessage::Request(_)) => Some(Difference::Kind),
    }
}

/// rsip's reading of the fields that matter; `None` when it cannot read one.
struct Theirs {
    call_id: String,
    cseq: (u32, String),
    from_tag: Option<String>,
    to_tag: Option<String>,
    branch: Option<String>,
}

impl Theirs {
    fn read(message: &rsip::SipMessage) -> Option<Theirs> {
        let cseq = message.cseq_header().ok()?.clone().typed().ok()?;
        let from = message.from_header().ok()?.clone().typed().ok()?;
        let to = message.to_header().ok()?.clone().typed().ok()?;
        let via = message.via_header().ok()?.clone().typed().ok()?;
        Some(Theirs {
            call_id: message.call_id_header().ok()?.value().to_owned(),
            cseq: (cseq.seq, cseq.method.to_string()),
            from_tag: from.tag().map(ToString::to_string),
            to_tag: to.tag().map(ToString::to_string),
            branch: via.branch().map(ToString::to_string),
        })
    }
}

fn difference(ours: &SipMessage, theirs: &Theirs) -> Option<Difference> {
    let (via, from, to, call_id, cseq) = match ours {
        SipMessage::Request(request) => (&request.via, &request.from, &request.to, &request.call_id, &request.cseq),
        SipMessage::Response(response) => {
            (&response.via, &response.from, &response.to, &response.call_id, &response.cseq)
        }
    };
    let same = |ours: Option<&[u8]>, theirs: &Option<String>| ours == theirs.as_deref().map(str::as_bytes);
    if call_id.as_ref() != theirs.call_id.as_bytes() {
        return Some(Difference::CallId);
    }
    if (cseq.number, cseq.method.as_str()) != (theirs.cseq.0, theirs.cseq.1.as_str()) {
        return Some(Difference::CSeq);
    }
    if !same(from.tag(), &theirs.from_tag) {
        return Some(Difference::FromTag);
    }
    if !same(to.tag(), &theirs.to_tag) {
        return Some(Difference::ToTag);
    }
    (!same(via.branch(), &theirs.branch)).then_some(Difference::Branch)
}

/// Looks for the known gaps in the order in which rsip meets them.
fn weakness(message: &SipMessage) -> Weakness {
    let octets = message.message();
    if std::str::from_utf8(octets.bytes()).is_err() {
        return Weakness::NotUtf8;
    }
    [
        (Weakness::Fold, octets.raw_headers().any(|(_, value)| value.contains(&b'\n'))),
        (Weakness::ExtensionMethod, has_extension_method(message)),
        (Weakness::CompactName, octets.raw_headers().any(|(name, _)| name.len() == 1)),
        (Weakness::WhiteSpace, has_loose_white_space(octets)),
        (Weakness::TelUri, uris(message).any(|uri| matches!(uri, Uri::Tel(_)))),
        (Weakness::OtherScheme, uris(message).any(|uri| matches!(uri, Uri::Other { .. }))),
        (Weakness::Ipv6, has_ipv6(message)),
        (Weakness::ViaTransport, has_strange_transport(octets)),
        (Weakness::UserPart, uris(message).any(has_strange_user)),
        (Weakness::DisplayName, addresses(message).any(has_strange_display)),
        (Weakness::Parameter, addresses(message).any(has_strange_parameter)),
        (
            Weakness::ReasonPhrase,
            matches!(message, SipMessage::Response(response) if !is_plain_phrase(&response.reason)),
        ),
        (Weakness::HeaderForm, octets.raw_headers().any(|(name, value)| value.is_empty() || !is_plain_name(name))),
        (Weakness::TokenForm, has_strange_token(message)),
    ]
    .into_iter()
    .find_map(|(weakness, present)| present.then_some(weakness))
    .unwrap_or(Weakness::Unexplained)
}

fn addresses(message: &SipMessage) -> impl Iterator<Item = &NameAddr> {
    let (from, to) = match message {
        SipMessage::Request(request) => (&request.from, &request.to),
        SipMessage::Response(response) => (&response.from, &response.to),
    };
    [from, to].into_iter()
}

fn uris(message: &SipMessage) -> impl Iterator<Item = &Uri> {
    let target = match message {
        SipMessage::Request(request) => Some(&request.uri),
        SipMessage::Response(_) => None,
    };
    addresses(message).map(|address| &address.uri).chain(target)
}

fn has_extension_method(message: &SipMessage) -> bool {
    match message {
        SipMessage::Request(request) => request.method.is_unknown(),
        SipMessage::Response(response) => response.cseq.method.is_unknown(),
    }
}

fn has_ipv6(message: &SipMessage) -> bool {
    let via = match message {
        SipMessage::Request(request) => &request.via,
        SipMessage::Response(response) => &response.via,
    };
    let in_uri = |uri: &Uri| uri.as_sip().is_some_and(|sip| matches!(sip.host, Host::V6(_)));
    matches!(via.host, Host::V6(_)) || uris(message).any(in_uri)
}

fn has_loose_white_space(message: &Message) -> bool {
    let loose = |value: &[u8]| {
        [b"; ".as_slice(), b" ;", b"= ", b" =", b"/ ", b" /", b"\t", b" ,", b">;;"]
            .iter()
            .any(|text| memmem::find(value, text).is_some())
            || memmem::find(value, b"<").is_some_and(|at| at > 0 && value.get(at.saturating_sub(1)) != Some(&b' '))
    };
    has_space_before_colon(message)
        || [Name::Via, Name::From, Name::To, Name::CSeq]
            .into_iter()
            .any(|name| message.headers(name).any(|value| loose(&value)))
}

fn has_space_before_colon(message: &Message) -> bool {
    let lines = message.bytes().split(|&octet| octet == b'\n').take_while(|line| !line.is_empty() && *line != b"\r");
    lines.skip(1).any(|line| cut(line, b':').0.last().is_some_and(|&octet| is_wsp(octet)))
}

fn has_strange_transport(message: &Message) -> bool {
    let known = [b"UDP".as_slice(), b"TCP", b"TLS", b"WS", b"WSS", b"SCTP", b"TLS-SCTP"];
    message.headers(Name::Via).any(|value| {
        ListItems::new(&value).any(|item| {
            let transport = item.splitn(3, |&octet| octet == b'/').nth(2).map(|rest| cut(rest, b' ').0);
            !transport.is_some_and(|token| known.contains(&token))
        })
    })
}

fn has_strange_user(uri: &Uri) -> bool {
    uri.as_sip().is_some_and(|sip| {
        sip.password().is_some()
            || sip.headers().is_some()
            || sip.user.as_ref().is_some_and(|user| {
                !user.iter().all(|&octet| octet.is_ascii_alphanumeric() || b"+-._".contains(&octet))
            })
            || sip.params.iter().any(|(name, _)| !is_plain_name(name))
    })
}

fn has_strange_display(address: &NameAddr) -> bool {
    address.display.as_ref().is_some_and(|display| {
        let inner = display.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(display);
        !inner.iter().all(|&octet| octet.is_ascii_alphanumeric() || octet == b' ')
    })
}

fn has_strange_parameter(address: &NameAddr) -> bool {
    address.params.iter().any(|(name, value)| {
        !is_plain_name(name)
            || value
                .is_some_and(|text| !text.iter().all(|&octet| octet.is_ascii_alphanumeric() || b"-._".contains(&octet)))
    })
}

fn has_strange_token(message: &SipMessage) -> bool {
    let via = match message {
        SipMessage::Request(request) => &request.via,
        SipMessage::Response(response) => &response.via,
    };
    let plain = |text: &[u8]| text.iter().all(|&octet| octet.is_ascii_alphanumeric() || b"-._@".contains(&octet));
    !plain(message.call_id())
        || !via.branch().is_none_or(plain)
        || via.params.iter().any(|(_, value)| value.is_some_and(|text| !plain(text)))
}

fn is_plain_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

fn is_plain_phrase(phrase: &[u8]) -> bool {
    !phrase.is_empty() && phrase.iter().all(|&octet| octet.is_ascii_alphabetic() || matches!(octet, b' ' | b'-' | b'/'))
}
