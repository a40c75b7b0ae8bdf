//! Attributes with a meaning for us, each read from the text after its colon.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::description::{Attribute, MediaDescription, SessionDescription};

/// Which way media flows, seen from the party that writes it (RFC 8866 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    const ALL: [Direction; 4] = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

    /// The attribute's name.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The writer sends.
    pub const fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// The writer receives.
    pub const fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The most an answer that wishes `self` may say to an offer of `offered` (RFC 3264 6.1).
    pub const fn answering(self, offered: Direction) -> Direction {
        match (self.sends() && offered.receives(), self.receives() && offered.sends()) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// What counts for `media`: its own attribute, else the session's, else sendrecv (RFC 8866 6.7).
    pub fn of(session: &SessionDescription<'_>, media: &MediaDescription<'_>) -> Direction {
        first_direction(&media.attributes)
            .or_else(|| first_direction(&session.attributes))
            .unwrap_or(Direction::SendRecv)
    }
}

fn first_direction(attributes: &[Attribute<'_>]) -> Option<Direction> {
    attributes.iter().find_map(|attribute| {
        Direction::ALL.into_iter().find(|direction| direction.name().as_bytes() == attribute.name.as_ref())
    })
}

/// `a=rtpmap:<payload> <name>/<clock>[/<channels>]` (RFC 8866 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpMap<'a> {
    /// 0..=127.
    pub payload: u8,
    /// Visible ASCII without a slash, at most 64 octets.
    pub name: &'a str,
    /// Hz, not 0.
    pub clock: u32,
    /// 1 unless written.
    pub channels: u8,
}

/// Octets of an encoding name; the longest registered one has 24.
const NAME_OCTETS: usize = 64;

impl<'a> RtpMap<'a> {
    /// Reads the value; `None` for anything else.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (payload, encoding) = cut(value, b' ')?;
        let (name, rest) = cut(encoding.trim(), b'/')?;
        let (clock, channels) = cut(rest, b'/').map_or((rest, None), |(clock, rest)| (clock, Some(rest)));
        let clock = decimal::<u32>(clock).filter(|clock| *clock > 0)?;
        let channels = channels.map(|rest| cut(rest, b'/').map_or(rest, |(channels, _)| channels));
        let channels = channels.map_or(Some(1), decimal::<u8>).filter(|channels| *channels > 0)?;
        let payload = payload_type(payload)?;
        (is_token(name) && name.len() <= NAME_OCTETS).then_some(RtpMap { payload, name, clock, channels })
    }
}

/// `a=fmtp:<payload> <text>` (RFC 8866 6.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fmtp<'a> {
    /// 0..=127.
    pub payload: u8,
    /// Opaque; holds no control characters.
    pub text: &'a str,
}

impl<'a> Fmtp<'a> {
    /// Reads the value; `None` for a format that is no payload type, or text with control characters.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (payload, text) = cut(value, b' ')?;
        let text = text.trim();
        let clean = !text.is_empty() && !text.chars().any(char::is_control);
        Some(Fmtp { payload: payload_type(payload)?, text }).filter(|_| clean)
    }
}

/// `a=rtcp:<port> [IN IP4 <address>]` (RFC 3605).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpAttribute {
    pub port: u16,
    /// `None`: the address of `c=`.
    pub address: Option<Result<IpAddr, AddressFault>>,
}

impl RtcpAttribute {
    /// Reads the value; `None` when there is no port from 1 to 65535.
    pub fn parse(value: &str) -> Option<Self> {
        let (port, rest) = value.split_once(' ').unwrap_or((value, ""));
        let port = decimal::<u16>(port).filter(|port| *port > 0)?;
        let address = (!rest.trim().is_empty()).then(|| literal_address(rest.trim()));
        Some(RtcpAttribute { port, address })
    }
}

/// Packet times we pass on, in milliseconds (MD-188).
const PTIME_MS: std::ops::RangeInclusive<u16> = 10..=60;

/// `a=ptime` of a media description in milliseconds. What is not a number from 10 to 60 counts as not said: 0 has
/// divided by zero elsewhere, and 2^32-1 has sized buffers.
pub fn ptime_ms(media: &MediaDescription<'_>) -> Option<u16> {
    media.values("ptime").next().and_then(|text| decimal::<u16>(text.trim())).filter(|ms| PTIME_MS.contains(ms))
}

/// Why an address in a description cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressFault {
    /// No `c=` applies.
    Missing,
    /// A name, an octal, shortened or unknown form, or a TTL or count behind the address.
    NotLiteral,
}

/// Reads `IN IP4 192.0.2.1` or `IN IP6 2001:db8::1`: full literals only, no names, no TTL, no leading zeros.
///
/// # Errors
/// [`AddressFault::NotLiteral`] for everything else.
pub fn literal_address(text: &str) -> Result<IpAddr, AddressFault> {
    let mut fields = text.split(' ').filter(|field| !field.is_empty());
    let (Some("IN"), Some(kind), Some(address), None) = (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(AddressFault::NotLiteral);
    };
    // The standard library's readers refuse leading zeros and short forms.
    let address = match kind {
        "IP4" => address.parse().map(IpAddr::V4),
        "IP6" => address.parse().map(IpAddr::V6),
        _ => return Err(AddressFault::NotLiteral),
    };
    address.map_err(|_| AddressFault::NotLiteral)
}

/// Splits at the first `mark`, which is ASCII. Octet by octet: the texts are short.
fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|octet| octet == mark)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A payload type, 0..=127.
pub(crate) fn payload_type(text: &str) -> Option<u8> {
    decimal::<u8>(text).filter(|payload| *payload < 128)
}

/// Digits only (the standard library also takes a plus sign), within the type.
pub(crate) fn decimal<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// One or more visible ASCII characters.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rtpmap_gives_name_clock_and_channels() {
        let map = RtpMap { payload: 111, name: "opus", clock: 48000, channels: 2 };
        assert_eq!(RtpMap::parse("111 opus/48000/2"), Some(map));
        assert_eq!(RtpMap::parse("8 PCMA/8000").map(|map| map.channels), Some(1));
    }

    #[test]
    fn an_rtpmap_without_a_clock_or_beyond_127_is_none() {
        for value in ["8 PCMA", "8 PCMA/0", "128 X/8000", "+8 PCMA/8000", "8 /8000", "8 PCMA/8000/0", ""] {
            assert_eq!(RtpMap::parse(value), None, "{value}");
        }
    }

    #[test]
    fn only_full_literals_are_addresses() {
        assert_eq!(literal_address("IN IP4 192.0.2.1"), Ok(IpAddr::from([192, 0, 2, 1])));
        assert!(literal_address("IN IP6 2001:db8::1").is_ok());
        for text in [
            "IN IP4 localhost",
            "IN IP4 127.1",
            "IN IP4 0177.0.0.1",
            "IN IP4 192.0.2.1/127",
            "IN IP6 192.0.2.1",
            "IN IP4 ::1",
            "IP4 192.0.2.1",
            "IN IP4 192.0.2.1 x",
            "",
        ] {
            assert_eq!(literal_address(text), Err(AddressFault::NotLiteral), "{text}");
        }
    }

    #[test]
    fn an_answer_never_says_more_than_the_offer_allows() {
        assert_eq!(Direction::SendRecv.answering(Direction::SendOnly), Direction::RecvOnly);
        assert_eq!(Direction::RecvOnly.answering(Direction::SendOnly), Direction::RecvOnly);
        assert_eq!(Direction::SendOnly.answering(Direction::SendOnly), Direction::Inactive);
        assert_eq!(Direction::SendRecv.answering(Direction::Inactive), Direction::Inactive);
    }

    #[test]
    fn rtcp_names_a_port_and_perhaps_an_address() {
        assert_eq!(RtcpAttribute::parse("30001"), Some(RtcpAttribute { port: 30001, address: None }));
        let full = RtcpAttribute::parse("53 IN IP4 10.0.0.1");
        assert_eq!(full.and_then(|rtcp| rtcp.address), Some(Ok(IpAddr::from([10, 0, 0, 1]))));
        assert_eq!(RtcpAttribute::parse("0"), None);
        assert_eq!(RtcpAttribute::parse("65536"), None);
    }
}
