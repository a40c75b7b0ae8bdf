//! Why a message is refused, and the answer that goes back (DESIGN 10, RFC 3261 8.2, 16.3, 18.3).

use bytes::Bytes;

use super::grammar::{ListItems, controls_are_quoted, cut, share, trim};
use super::header::{Name, NameAddr, via};
use super::message::Source;
use super::scan::{Head, names_sip};
use super::status::Status;
use super::write::{Copied, ResponseHead, Writer};

/// Why a message is refused, with the answer to send (if an answer can be made at all) and whether a stream must close.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// Metric label.
    pub kind: RejectionKind,
    /// The response to send back on the flow, already written; `None`: drop.
    pub answer: Option<Bytes>,
    /// A stream has lost its framing: close it after the answer.
    pub close: bool,
}

impl Rejection {
    /// A refusal without an answer of its own: the caller, who has the request, writes one.
    pub const fn unanswered(kind: RejectionKind) -> Rejection {
        Rejection { kind, answer: None, close: false }
    }
}

/// What is wrong with a message. The label is the metric's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectionKind {
    /// HTTP, a TLS handshake or noise: no answer, the connection is closed.
    NotSip,
    /// A CR without LF in the head (reliability-security P3).
    BareCarriageReturn,
    /// An LF without CR in the head.
    BareLineFeed,
    /// A NUL outside a quoted pair.
    NulOctet,
    /// A line of the head that is no header field.
    BadHeaderLine,
    /// `limits::HEADER_NAME_OCTETS`.
    HeaderNameTooLong,
    /// A continuation line right after the start line.
    FoldWithoutField,
    /// A datagram that ends before the blank line.
    HeadIncomplete,
    /// `limits::LINE_OCTETS`.
    LineTooLong,
    /// `limits::HEADER_BLOCK_OCTETS`.
    HeaderBlockTooLarge,
    /// `limits::HEADER_COUNT`.
    TooManyHeaders,
    /// `limits::FOLDS`.
    TooManyFolds,
    /// `limits::VIA_COUNT`.
    TooManyVias,
    /// `limits::MESSAGE_OCTETS`.
    MessageTooLarge,
    /// A stream message without Content-Length (RFC 3261 18.3).
    MissingContentLength,
    /// More than one Content-Length, even when equal.
    SeveralContentLengths,
    /// Not a plain decimal number of 64 bits.
    BadContentLength,
    /// A datagram with fewer body octets than Content-Length says.
    BodyTruncated,
    /// The promised body passes `limits::MESSAGE_OCTETS`.
    BodyTooLarge,
    /// White space or parts where RFC 3261 7.1 has none.
    BadStartLine,
    /// A SIP version other than 2.0.
    UnsupportedVersion,
    /// A Request-URI that no URI can be.
    BadRequestUri,
    /// RFC 3261 19.1.1: no header part in a Request-URI.
    RequestUriHeaders,
    /// `limits::URI_OCTETS`.
    UriTooLong,
    /// A status code that is not three digits from 100 to 699.
    BadStatusCode,
    /// No Via: nobody can be answered.
    MissingVia,
    /// The topmost Via cannot be read.
    BadVia,
    /// A branch of the magic cookie alone, empty or given twice (RFC 4475 3.2.1).
    BadBranch,
    /// No From.
    MissingFrom,
    /// More than one From.
    RepeatedFrom,
    /// From is no name-addr, or has several tags or an empty one.
    BadFrom,
    /// No To.
    MissingTo,
    /// More than one To.
    RepeatedTo,
    /// To is no name-addr, or has several tags or an empty one.
    BadTo,
    /// No Call-ID.
    MissingCallId,
    /// More than one Call-ID, long and compact counted together.
    RepeatedCallId,
    /// An empty Call-ID or white space in it.
    BadCallId,
    /// No CSeq.
    MissingCSeq,
    /// More than one CSeq.
    RepeatedCSeq,
    /// A number of 2^31 or more, or no method.
    BadCSeq,
    /// The CSeq method differs from the request's (RFC 4475 3.1.2.17).
    CSeqMethodMismatch,
    /// The same for a method we do not know (RFC 4475 3.1.2.18).
    UnknownMethodMismatch,
    /// More than one Max-Forwards.
    RepeatedMaxForwards,
    /// Not a number from 0 to 255.
    BadMaxForwards,
    /// Another field twice of which one value counts (RFC 3261 7.3.1).
    RepeatedField,
    /// A Contact that cannot be read (RFC 4475 3.1.2.13).
    BadContact,
    /// Another header of addresses (Route, Refer-To, ...) that cannot be read.
    BadAddressHeader,
}

impl RejectionKind {
    /// Every kind, for the metric's label set.
    #[rustfmt::skip]
    pub const ALL: [RejectionKind; 47] = [
        RejectionKind::NotSip, RejectionKind::BareCarriageReturn, RejectionKind::BareLineFeed,
        RejectionKind::NulOctet, RejectionKind::BadHeaderLine, RejectionKind::HeaderNameTooLong,
        RejectionKind::FoldWithoutField, RejectionKind::HeadIncomplete, RejectionKind::LineTooLong,
        RejectionKind::HeaderBlockTooLarge, RejectionKind::TooManyHeaders, RejectionKind::TooManyFolds,
        RejectionKind::TooManyVias, RejectionKind::MessageTooLarge, RejectionKind::MissingContentLength,
        RejectionKind::SeveralContentLengths, RejectionKind::BadContentLength, RejectionKind::BodyTruncated,
        RejectionKind::BodyTooLarge, RejectionKind::BadStartLine, RejectionKind::UnsupportedVersion,
        RejectionKind::BadRequestUri, RejectionKind::RequestUriHeaders, RejectionKind::UriTooLong,
        RejectionKind::BadStatusCode, RejectionKind::MissingVia, RejectionKind::BadVia, RejectionKind::BadBranch,
        RejectionKind::MissingFrom, RejectionKind::RepeatedFrom, RejectionKind::BadFrom, RejectionKind::MissingTo,
        RejectionKind::RepeatedTo, RejectionKind::BadTo, RejectionKind::MissingCallId, RejectionKind::RepeatedCallId,
        RejectionKind::BadCallId, RejectionKind::MissingCSeq, RejectionKind::RepeatedCSeq, RejectionKind::BadCSeq,
        RejectionKind::CSeqMethodMismatch, RejectionKind::UnknownMethodMismatch, RejectionKind::RepeatedMaxForwards,
        RejectionKind::BadMaxForwards, RejectionKind::RepeatedField, RejectionKind::BadContact, RejectionKind::BadAddressHeader,
    ];

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            RejectionKind::NotSip => "not-sip",
            RejectionKind::BareCarriageReturn => "bare-cr",
            RejectionKind::BareLineFeed => "bare-lf",
            RejectionKind::NulOctet => "nul",
            RejectionKind::BadHeaderLine => "header-line",
            RejectionKind::HeaderNameTooLong => "header-name-too-long",
            RejectionKind::FoldWithoutField => "fold-without-field",
            RejectionKind::HeadIncomplete => "head-incomplete",
            RejectionKind::LineTooLong => "line-too-long",
            RejectionKind::HeaderBlockTooLarge => "header-block-too-large",
            RejectionKind::TooManyHeaders => "too-many-headers",
            RejectionKind::TooManyFolds => "too-many-folds",
            RejectionKind::TooManyVias => "too-many-vias",
            RejectionKind::MessageTooLarge => "message-too-large",
            RejectionKind::MissingContentLength => "content-length-missing",
            RejectionKind::SeveralContentLengths => "content-length-repeated",
            RejectionKind::BadContentLength => "content-length-bad",
            RejectionKind::BodyTruncated => "body-truncated",
            RejectionKind::BodyTooLarge => "body-too-large",
            RejectionKind::BadStartLine => "start-line",
            RejectionKind::UnsupportedVersion => "version",
            RejectionKind::BadRequestUri => "request-uri",
            RejectionKind::RequestUriHeaders => "request-uri-headers",
            RejectionKind::UriTooLong => "uri-too-long",
            RejectionKind::BadStatusCode => "status-code",
            RejectionKind::MissingVia => "via-missing",
            RejectionKind::BadVia => "via",
            RejectionKind::BadBranch => "branch",
            RejectionKind::MissingFrom => "from-missing",
            RejectionKind::RepeatedFrom => "from-repeated",
            RejectionKind::BadFrom => "from",
            RejectionKind::MissingTo => "to-missing",
            RejectionKind::RepeatedTo => "to-repeated",
            RejectionKind::BadTo => "to",
            RejectionKind::MissingCallId => "call-id-missing",
            RejectionKind::RepeatedCallId => "call-id-repeated",
            RejectionKind::BadCallId => "call-id",
            RejectionKind::MissingCSeq => "cseq-missing",
            RejectionKind::RepeatedCSeq => "cseq-repeated",
            RejectionKind::BadCSeq => "cseq",
            RejectionKind::CSeqMethodMismatch => "cseq-method",
            RejectionKind::UnknownMethodMismatch => "cseq-method-unknown",
            RejectionKind::RepeatedMaxForwards => "max-forwards-repeated",
            RejectionKind::BadMaxForwards => "max-forwards",
            RejectionKind::RepeatedField => "field-repeated",
            RejectionKind::BadContact => "contact",
            RejectionKind::BadAddressHeader => "address-header",
        }
    }

    /// The status of the answer to a request; `None`: it is dropped.
    pub const fn status(self) -> Option<Status> {
        match self {
            RejectionKind::NotSip | RejectionKind::BadStatusCode | RejectionKind::MissingVia => None,
            RejectionKind::BareCarriageReturn
            | RejectionKind::BareLineFeed
            | RejectionKind::NulOctet
            | RejectionKind::BadHeaderLine
            | RejectionKind::HeaderNameTooLong
            | RejectionKind::FoldWithoutField
            | RejectionKind::HeadIncomplete
            | RejectionKind::MissingContentLength
            | RejectionKind::SeveralContentLengths
            | RejectionKind::BadContentLength
            | RejectionKind::BodyTruncated
            | RejectionKind::BadStartLine
            | RejectionKind::BadRequestUri
            | RejectionKind::RequestUriHeaders
            | RejectionKind::BadVia
            | RejectionKind::BadBranch
            | RejectionKind::MissingFrom
            | RejectionKind::RepeatedFrom
            | RejectionKind::BadFrom
            | RejectionKind::MissingTo
            | RejectionKind::RepeatedTo
            | RejectionKind::BadTo
            | RejectionKind::MissingCallId
            | RejectionKind::RepeatedCallId
            | RejectionKind::BadCallId
            | RejectionKind::MissingCSeq
            | RejectionKind::RepeatedCSeq
            | RejectionKind::BadCSeq
            | RejectionKind::CSeqMethodMismatch
            | RejectionKind::RepeatedMaxForwards
            | RejectionKind::BadMaxForwards
            | RejectionKind::RepeatedField
            | RejectionKind::BadContact
            | RejectionKind::BadAddressHeader => Some(Status::BAD_REQUEST),
            RejectionKind::LineTooLong
            | RejectionKind::HeaderBlockTooLarge
            | RejectionKind::TooManyHeaders
            | RejectionKind::TooManyFolds
            | RejectionKind::TooManyVias
            | RejectionKind::MessageTooLarge => Some(Status::MESSAGE_TOO_LARGE),
            RejectionKind::BodyTooLarge => Some(Status::REQUEST_ENTITY_TOO_LARGE),
            RejectionKind::UnsupportedVersion => Some(Status::VERSION_NOT_SUPPORTED),
            RejectionKind::UriTooLong => Some(Status::REQUEST_URI_TOO_LONG),
            RejectionKind::UnknownMethodMismatch => Some(Status::NOT_IMPLEMENTED),
        }
    }

    /// RFC 3261 21.4.1: the reason phrase of a 400 says what is wrong.
    const fn phrase(self) -> Option<&'static str> {
        match self {
            RejectionKind::NotSip
            | RejectionKind::LineTooLong
            | RejectionKind::HeaderBlockTooLarge
            | RejectionKind::TooManyHeaders
            | RejectionKind::TooManyFolds
            | RejectionKind::TooManyVias
            | RejectionKind::MessageTooLarge
            | RejectionKind::BodyTooLarge
            | RejectionKind::UnsupportedVersion
            | RejectionKind::UriTooLong
            | RejectionKind::BadStatusCode
            | RejectionKind::MissingVia
            | RejectionKind::UnknownMethodMismatch => None,
            RejectionKind::BareCarriageReturn => Some("Bare CR in Header"),
            RejectionKind::BareLineFeed => Some("Bare LF in Header"),
            RejectionKind::NulOctet => Some("NUL in Header"),
            RejectionKind::BadHeaderLine | RejectionKind::FoldWithoutField => Some("Bad Header Line"),
            RejectionKind::HeaderNameTooLong => Some("Header Name Too Long"),
            RejectionKind::HeadIncomplete => Some("Missing Blank Line"),
            RejectionKind::MissingContentLength => Some("Missing Content-Length"),
            RejectionKind::SeveralContentLengths => Some("Repeated Content-Length"),
            RejectionKind::BadContentLength => Some("Bad Content-Length"),
            RejectionKind::BodyTruncated => Some("Content-Length Exceeds Body"),
            RejectionKind::BadStartLine => Some("Bad Request-Line"),
            RejectionKind::BadRequestUri => Some("Bad Request-URI"),
            RejectionKind::RequestUriHeaders => Some("Header Part in Request-URI"),
            RejectionKind::BadVia => Some("Bad Via"),
            RejectionKind::BadBranch => Some("Bad Via Branch"),
            RejectionKind::MissingFrom => Some("Missing From"),
            RejectionKind::RepeatedFrom => Some("Repeated From"),
            RejectionKind::BadFrom => Some("Bad From"),
            RejectionKind::MissingTo => Some("Missing To"),
            RejectionKind::RepeatedTo => Some("Repeated To"),
            RejectionKind::BadTo => Some("Bad To"),
            RejectionKind::MissingCallId => Some("Missing Call-ID"),
            RejectionKind::RepeatedCallId => Some("Repeated Call-ID"),
            RejectionKind::BadCallId => Some("Bad Call-ID"),
            RejectionKind::MissingCSeq => Some("Missing CSeq"),
            RejectionKind::RepeatedCSeq => Some("Repeated CSeq"),
            RejectionKind::BadCSeq => Some("Bad CSeq"),
            RejectionKind::CSeqMethodMismatch => Some("CSeq Method Mismatch"),
            RejectionKind::RepeatedMaxForwards => Some("Repeated Max-Forwards"),
            RejectionKind::BadMaxForwards => Some("Bad Max-Forwards"),
            RejectionKind::RepeatedField => Some("Repeated Header Field"),
            RejectionKind::BadContact => Some("Bad Contact"),
            RejectionKind::BadAddressHeader => Some("Bad Address Header"),
        }
    }

    /// True when the place of the next message on a stream is no longer known, or no more of it shall be read.
    pub const fn loses_framing(self) -> bool {
        match self {
            RejectionKind::NotSip
            | RejectionKind::BareCarriageReturn
            | RejectionKind::BareLineFeed
            | RejectionKind::NulOctet
            | RejectionKind::BadHeaderLine
            | RejectionKind::HeaderNameTooLong
            | RejectionKind::FoldWithoutField
            | RejectionKind::HeadIncomplete
            | RejectionKind::LineTooLong
            | RejectionKind::HeaderBlockTooLarge
            | RejectionKind::TooManyHeaders
            | RejectionKind::TooManyFolds
            | RejectionKind::TooManyVias
            | RejectionKind::MessageTooLarge
            | RejectionKind::MissingContentLength
            | RejectionKind::SeveralContentLengths
            | RejectionKind::BadContentLength
            | RejectionKind::BodyTooLarge => true,
            RejectionKind::BodyTruncated
            | RejectionKind::BadStartLine
            | RejectionKind::UnsupportedVersion
            | RejectionKind::BadRequestUri
            | RejectionKind::RequestUriHeaders
            | RejectionKind::UriTooLong
            | RejectionKind::BadStatusCode
            | RejectionKind::MissingVia
            | RejectionKind::BadVia
            | RejectionKind::BadBranch
            | RejectionKind::MissingFrom
            | RejectionKind::RepeatedFrom
            | RejectionKind::BadFrom
            | RejectionKind::MissingTo
            | RejectionKind::RepeatedTo
            | RejectionKind::BadTo
            | RejectionKind::MissingCallId
            | RejectionKind::RepeatedCallId
            | RejectionKind::BadCallId
            | RejectionKind::MissingCSeq
            | RejectionKind::RepeatedCSeq
            | RejectionKind::BadCSeq
            | RejectionKind::CSeqMethodMismatch
            | RejectionKind::UnknownMethodMismatch
            | RejectionKind::RepeatedMaxForwards
            | RejectionKind::BadMaxForwards
            | RejectionKind::RepeatedField
            | RejectionKind::BadContact
            | RejectionKind::BadAddressHeader => false,
        }
    }
}

/// Writes the answer to a request that is refused: Vias, From, To, Call-ID and CSeq as far as they could be read.
/// Nothing for responses, for ACK (RFC 3261 17.1.1.3: it is never answered) and without a usable Via.
pub(crate) fn answer(kind: RejectionKind, start_line: &[u8], head: Head<'_>, source: Source) -> Option<Bytes> {
    let status = kind.status()?;
    let start_line = trim(start_line);
    if names_sip(start_line) || cut(start_line, b' ').0 == b"ACK" {
        return None;
    }
    if !has_usable_via(head) {
        return None;
    }
    let copied = ResponseHead::copy(head, source, Copied::FromRefused);
    let tag = (!copied.has_to_tag()).then(|| stateless_tag(head));
    Some(Writer::response_from(status, kind.phrase(), &copied, tag.as_ref().map(String::as_bytes)).finish())
}

fn has_usable_via(head: Head<'_>) -> bool {
    let Some(field) = head.named(Name::Via).next() else { return false };
    let value = Bytes::from(head.value(field).into_owned());
    controls_are_quoted(&value)
        && ListItems::new(&value).next().is_some_and(|top| via::parse_without_params(&share(&value, top)).is_ok())
}

/// True when To can be read and carries no tag, so that one may be appended.
pub(crate) fn lacks_tag(to: &Bytes) -> bool {
    NameAddr::parse(to).is_ok_and(|to| to.tag().is_none())
}

/// RFC 3261 8.2.7: a stateless answer takes the same tag each time, so it is made of what identifies the request.
fn stateless_tag(head: Head<'_>) -> String {
    let mut hash = FNV_OFFSET;
    for name in [Name::CallId, Name::CSeq, Name::From, Name::Via] {
        if let Some(field) = head.named(name).next() {
            hash = head.raw(field).iter().fold(hash, |hash, &octet| (hash ^ u64::from(octet)).wrapping_mul(FNV_PRIME));
        }
    }
    format!("r{hash:016x}")
}

/// FNV-1a, 64 bits: the tag must be the same each time, not secret.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn labels_are_distinct_and_all_kinds_are_listed() {
        let labels: HashSet<_> = RejectionKind::ALL.iter().map(|kind| kind.label()).collect();
        assert_eq!(labels.len(), RejectionKind::ALL.len());
    }

    #[test]
    fn limits_answer_as_the_design_says() {
        use RejectionKind::*;
        for kind in [LineTooLong, HeaderBlockTooLarge, TooManyHeaders, TooManyVias, MessageTooLarge] {
            assert_eq!(kind.status(), Some(Status::MESSAGE_TOO_LARGE));
        }
        assert_eq!(UriTooLong.status(), Some(Status::REQUEST_URI_TOO_LONG));
        assert_eq!(BodyTooLarge.status(), Some(Status::REQUEST_ENTITY_TOO_LARGE));
        assert_eq!(MissingContentLength.status(), Some(Status::BAD_REQUEST));
        assert!(MissingContentLength.loses_framing() && SeveralContentLengths.loses_framing());
    }
}
