//! URIs: sip, sips, tel, urn and unknown schemes, lossless (RFC 3261 s.19.1, RFC 3966).

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;

use super::grammar::{cut, number_as, part, percent_decoded, share, split};
use super::header::params::Params;
use super::octet::Class;
use crate::base::text::{append, append_address, append_number};

/// A URI as received or made: written back octet for octet unless changed through a setter of its parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Uri {
    Sip(SipUri),
    Tel(TelUri),
    /// Unknown scheme or `urn`: scheme and the opaque rest.
    Other {
        scheme: Bytes,
        rest: Bytes,
    },
}

/// Which of the two SIP schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SipScheme {
    Sip,
    Sips,
}

impl SipScheme {
    /// In lower case, without the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            SipScheme::Sip => "sip",
            SipScheme::Sips => "sips",
        }
    }
}

/// sip: or sips: URI. Everything keeps its octets, order, case and escaping. Made with [`SipUri::new`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SipUri {
    pub scheme: SipScheme,
    /// The user part without password and without the at sign, user parameters (`;npdi;rn=..`) included, escapes kept.
    pub user: Option<Bytes>,
    pub host: Host,
    pub port: Option<u16>,
    /// Parameters after the host, in order: name as written, value as written.
    pub params: Params,
    /// `None` when all of it is.
    rare: Option<Box<Rare>>,
}

/// What few URIs have. It stands apart, because a message is full of URIs that are moved and copied without it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Rare {
    password: Option<Bytes>,
    headers: Option<Bytes>,
    /// The scheme as received, when it was not in lower case.
    scheme: Option<Bytes>,
    /// Host and port as received, when we would write them otherwise (`[2001:DB8::1]`, `h:05060`).
    host: Option<Bytes>,
}

/// A host part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    Name(Bytes),
    V4(Ipv4Addr),
    /// Written in brackets; a [`SipUri`] keeps the text as received.
    V6(Ipv6Addr),
}

/// tel: URI (RFC 3966).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TelUri {
    /// Digits as written (visual separators kept), with the plus if there is one.
    pub number: Bytes,
    pub params: Params,
}

/// Why octets are not a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadUri;

impl Uri {
    /// Reads a URI that fills `octets`.
    ///
    /// # Errors
    /// Octets that no URI can be.
    pub fn parse(octets: &Bytes) -> Result<Uri, BadUri> {
        Uri::parse_within(octets, octets)
    }

    /// Reads a URI that fills `text`, which lies inside `owner`.
    pub(crate) fn parse_within(owner: &Bytes, text: &[u8]) -> Result<Uri, BadUri> {
        match Uri::leading(owner, text)? {
            (uri, []) => Ok(uri),
            (_, [_, ..]) => Err(BadUri),
        }
    }

    /// Reads a URI up to the first octet that no URI has; `text` lies inside `owner`. Gives also what follows.
    pub(crate) fn leading<'a>(owner: &Bytes, text: &'a [u8]) -> Result<(Uri, &'a [u8]), BadUri> {
        let (scheme, after) = cut(text, b':');
        let after = after.ok_or(BadUri)?;
        let known = match scheme {
            b"sip" => Some(SipScheme::Sip),
            b"sips" => Some(SipScheme::Sips),
            _ if scheme.eq_ignore_ascii_case(b"sip") => Some(SipScheme::Sip),
            _ if scheme.eq_ignore_ascii_case(b"sips") => Some(SipScheme::Sips),
            _ => None,
        };
        if let Some(known) = known {
            let (uri, rest) = SipUri::leading(owner, known, scheme, after)?;
            return Ok((Uri::Sip(uri), rest));
        }
        let (body, rest) = Class::URI.leading(after);
        if body.is_empty() || !is_scheme(scheme) {
            return Err(BadUri);
        }
        let is_tel = scheme.eq_ignore_ascii_case(b"tel");
        let uri = match is_tel {
            true => Uri::Tel(TelUri::parse_rest(owner, body)?),
            false => Uri::Other { scheme: share(owner, scheme), rest: share(owner, body) },
        };
        Ok((uri, rest))
    }

    /// Appends the URI.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Uri::Sip(uri) => uri.write(out),
            Uri::Tel(uri) => uri.write(out),
            Uri::Other { scheme, rest } => {
                out.extend_from_slice(scheme);
                out.push(b':');
                out.extend_from_slice(rest);
            }
        }
    }

    /// The URI in a buffer of its own.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(64);
        self.write(&mut out);
        Bytes::from(out)
    }

    /// RFC 3261 19.1.4; tel by RFC 3966 s.4 (visual separators ignored); others octet by octet, scheme without case.
    pub fn equivalent(&self, other: &Uri) -> bool {
        match (self, other) {
            (Uri::Sip(one), Uri::Sip(two)) => one.equivalent(two),
            (Uri::Tel(one), Uri::Tel(two)) => one.equivalent(two),
            (Uri::Other { scheme, rest }, Uri::Other { scheme: other_scheme, rest: other_rest }) => {
                scheme.eq_ignore_ascii_case(other_scheme) && rest == other_rest
            }
            (Uri::Sip(_) | Uri::Tel(_) | Uri::Other { .. }, _) => false,
        }
    }

    /// The user part or telephone number, without user parameters, one level of escapes removed. `None` for others.
    pub fn user_decoded(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Uri::Sip(uri) => uri.user.as_ref().map(|user| percent_decoded(cut(user, b';').0)),
            Uri::Tel(uri) => Some(percent_decoded(&uri.number)),
            Uri::Other { .. } => None,
        }
    }

    /// The same as text, for records and for people: octets that are no UTF-8 become U+FFFD.
    pub fn user_text(&self) -> Option<String> {
        self.user_decoded().map(|user| String::from_utf8_lossy(&user).into_owned())
    }

    /// The SIP or SIPS URI, if it is one.
    pub const fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Uri::Sip(uri) => Some(uri),
            Uri::Tel(_) | Uri::Other { .. } => None,
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(&self.to_bytes()))
    }
}

fn is_scheme(octets: &[u8]) -> bool {
    octets.first().is_some_and(u8::is_ascii_alphabetic)
        && octets.iter().all(|&octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.'))
}

impl SipUri {
    /// A fresh `sip:` URI.
    pub fn new(user: Option<Bytes>, host: Host, port: Option<u16>) -> SipUri {
        SipUri { scheme: SipScheme::Sip, user, host, port, params: Params::new(), rare: None }
    }

    /// The at sign is looked for first: a semicolon or question mark before it belongs to the user (RFC 4475 3.1.1.9).
    fn leading<'a>(
        owner: &Bytes,
        scheme: SipScheme,
        written: &[u8],
        text: &'a [u8],
    ) -> Result<(SipUri, &'a [u8]), BadUri> {
        let (user_info, after) = match Class::BEFORE_AT.leading(text) {
            (user_info, [b'@', after @ ..]) => (Some(user_info), after),
            (_, _) => (None, text),
        };
        let (host_port, after) = Class::HOST_PORT.leading(after);
        let (host, port) = host_port_of(owner, host_port).ok_or(BadUri)?;
        let (params, after) = match after {
            [b';', ..] => Class::BEFORE_HEADERS.leading(after),
            _ => (&[][..], after),
        };
        let (headers, rest) = match after {
            [b'?', headers @ ..] => {
                let (headers, rest) = Class::URI.leading(headers);
                (Some(headers), rest)
            }
            _ => (None, after),
        };
        let (user, password) = match user_info.map(|text| cut(text, b':')) {
            // RFC 3261 25.1: whoever writes the at sign names a user.
            Some((b"", _)) => return Err(BadUri),
            Some((user, password)) => (Some(share(owner, user)), password),
            None => (None, None),
        };
        let is_other_scheme = written != scheme.as_str().as_bytes();
        let is_other_host = differs(&host, port, host_port);
        let rare = (password.is_some() || headers.is_some() || is_other_scheme || is_other_host).then(|| {
            Box::new(Rare {
                password: password.map(|text| share(owner, text)),
                headers: headers.map(|text| share(owner, text)),
                scheme: is_other_scheme.then(|| share(owner, written)),
                host: is_other_host.then(|| share(owner, host_port)),
            })
        });
        Ok((SipUri { scheme, user, host, port, params: Params::written(owner, params), rare }, rest))
    }

    /// The password, without the colon.
    pub fn password(&self) -> Option<&Bytes> {
        self.rare.as_ref()?.password.as_ref()
    }

    /// Octets after the question mark, opaque.
    pub fn headers(&self) -> Option<&Bytes> {
        self.rare.as_ref()?.headers.as_ref()
    }

    /// Replaces what stands after the question mark.
    pub fn set_headers(&mut self, headers: Bytes) {
        self.rare.get_or_insert_default().headers = Some(headers);
    }

    /// Takes away what stands after the question mark.
    pub fn take_headers(&mut self) -> Option<Bytes> {
        let mut rare = self.rare.take()?;
        let headers = rare.headers.take();
        self.rare = rare.boxed();
        headers
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self.rare.as_ref().and_then(|rare| rare.scheme.as_ref()) {
            Some(text) if text.eq_ignore_ascii_case(self.scheme.as_str().as_bytes()) => out.extend_from_slice(text),
            Some(_) | None => out.extend_from_slice(self.scheme.as_str().as_bytes()),
        }
        out.push(b':');
        if let Some(user) = &self.user {
            out.extend_from_slice(user);
            if let Some(password) = self.password() {
                out.push(b':');
                out.extend_from_slice(password);
            }
            out.push(b'@');
        }
        self.write_host_port(out);
        self.params.write(out);
        if let Some(headers) = self.headers() {
            out.push(b'?');
            out.extend_from_slice(headers);
        }
    }

    /// The received text is written only while it still says what `host` and `port` say.
    fn write_host_port(&self, out: &mut Vec<u8>) {
        match self.rare.as_ref().and_then(|rare| rare.host.as_ref()) {
            Some(text) if host_port_of(text, text) == Some((self.host.clone(), self.port)) => {
                out.extend_from_slice(text)
            }
            Some(_) | None => append_host_port(&self.host, self.port, out),
        }
    }

    /// Value of a parameter, name compared without case; `Some(None)` for a flag.
    pub fn param(&self, name: &str) -> Option<Option<&[u8]>> {
        self.params.find(name)
    }

    /// Replaces or appends a parameter. The caller escapes the value (RFC 3261 19.1.2).
    pub fn set_param(&mut self, name: &str, value: Option<&str>) {
        self.params.set(name, value.map(str::as_bytes));
    }

    /// Removes a parameter, name compared without case.
    pub fn remove_param(&mut self, name: &str) {
        self.params.remove(name);
    }

    /// RFC 3261 19.1.4: user and password by octets (escapes aside), host without case, ports as written, the parameters
    /// `user`, `ttl`, `method`, `maddr` and `transport` in both or in neither, others only where both have them.
    fn equivalent(&self, other: &SipUri) -> bool {
        self == other || self.parts_agree(other)
    }

    fn parts_agree(&self, other: &SipUri) -> bool {
        self.scheme == other.scheme
            && same_escaped(self.user.as_ref(), other.user.as_ref())
            && same_escaped(self.password(), other.password())
            && self.host.equivalent(&other.host)
            && self.port == other.port
            && self.params_agree(other)
            && other.params_agree(self)
            && same_headers(self.headers(), other.headers())
    }

    fn params_agree(&self, other: &SipUri) -> bool {
        self.params.iter().all(|(name, value)| {
            let found = other.params.iter().find(|(there, _)| there.eq_ignore_ascii_case(name));
            match found {
                Some((_, there)) => same_folded(value, there),
                None => !MUST_AGREE.iter().any(|must| name.eq_ignore_ascii_case(must.as_bytes())),
            }
        })
    }
}

impl Rare {
    fn boxed(self) -> Option<Box<Rare>> {
        let Rare { password, headers, scheme, host } = &self;
        let is_needed = [password, headers, scheme, host].into_iter().any(Option::is_some);
        is_needed.then(|| Box::new(self))
    }
}

/// Whether we would write this host and port otherwise than they were received: only an IPv6 text or a port with leading
/// zeros can differ.
fn differs(host: &Host, port: Option<u16>, text: &[u8]) -> bool {
    let before_port = || text.iter().rposition(|&octet| octet == b':').and_then(|colon| text.get(colon..));
    let may_differ =
        matches!(host, Host::V6(_)) || port.is_some() && before_port().is_some_and(|port| port.starts_with(b":0"));
    may_differ && written_host_port(host, port) != text
}

/// Name and value of one field of a URI's header part, the value unescaped once.
pub(crate) fn embedded_header(field: &[u8]) -> (&[u8], Cow<'_, [u8]>) {
    let (name, value) = cut(field, b'=');
    (name, percent_decoded(value.unwrap_or_default()))
}

/// Parameters that make two URIs differ even when only one has them (RFC 3261 19.1.4).
const MUST_AGREE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

/// Octets above the ASCII letters' case are compared after one unescape; a reserved character and its escape differ
/// (RFC 3261 19.1.4), so reserved octets keep their escape.
fn same_escaped(one: Option<&Bytes>, two: Option<&Bytes>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => one == two || normalized(one) == normalized(two),
        (one, two) => one.is_none() && two.is_none(),
    }
}

fn same_folded(one: Option<&[u8]>, two: Option<&[u8]>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => normalized(one).eq_ignore_ascii_case(&normalized(two)),
        (one, two) => one.is_none() && two.is_none(),
    }
}

/// URI headers may stand in any order (RFC 3261 19.1.4).
fn same_headers(one: Option<&Bytes>, two: Option<&Bytes>) -> bool {
    let sorted = |text: Option<&Bytes>| {
        text.map(|text| {
            let mut fields: Vec<_> = text.split(|&octet| octet == b'&').map(normalized).collect();
            fields.sort();
            fields
        })
    };
    sorted(one) == sorted(two)
}

/// Removes escapes of unreserved characters; the other escapes are written with upper-case digits.
fn normalized(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((&first, after)) = rest.split_first() {
        let decoded = percent_decoded(part(rest, 0, 3));
        match (first, decoded.as_ref()) {
            (b'%', &[octet]) => {
                if is_unreserved(octet) {
                    out.push(octet);
                } else {
                    out.extend_from_slice(&part(rest, 0, 3).to_ascii_uppercase());
                }
                rest = rest.get(3..).unwrap_or_default();
            }
            _ => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

const fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

impl TelUri {
    fn parse_rest(owner: &Bytes, rest: &[u8]) -> Result<TelUri, BadUri> {
        let (number, params) = split(rest, rest.iter().position(|&octet| octet == b';').unwrap_or(rest.len()));
        if number.is_empty() {
            return Err(BadUri);
        }
        Ok(TelUri { number: share(owner, number), params: Params::written(owner, params) })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"tel:");
        out.extend_from_slice(&self.number);
        self.params.write(out);
    }

    /// True for a global number (RFC 3966 5.1.4): it begins with a plus.
    pub fn is_global(&self) -> bool {
        self.number.first() == Some(&b'+')
    }

    /// The number without visual separators (RFC 3966 5.1.1).
    pub fn digits(&self) -> Vec<u8> {
        self.number.iter().copied().filter(|octet| !matches!(octet, b'-' | b'.' | b'(' | b')')).collect()
    }

    /// Value of a parameter, name compared without case; `Some(None)` for a flag.
    pub fn param(&self, name: &str) -> Option<Option<&[u8]>> {
        self.params.find(name)
    }

    /// RFC 3966 s.4: separators do not count, parameters in any order, without case, all must agree.
    fn equivalent(&self, other: &TelUri) -> bool {
        let covers = |one: &TelUri, two: &TelUri| {
            one.params.iter().all(|(name, value)| {
                let found = two.params.iter().find(|(there, _)| there.eq_ignore_ascii_case(name));
                found.is_some_and(|(_, there)| same_folded(value, there))
            })
        };
        self == other
            || self.digits().eq_ignore_ascii_case(&other.digits()) && covers(self, other) && covers(other, self)
    }
}

impl Host {
    /// Reads a name, an IPv4 or a (bracketed or bare) IPv6 address.
    pub fn parse(text: &str) -> Option<Host> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(address.into());
        }
        let owner = Bytes::copy_from_slice(text.as_bytes());
        host_of(&owner, &owner)
    }

    /// The address, when the host is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(address) => Some(IpAddr::V4(*address)),
            Host::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// Names without case and without the root's dot; addresses by value.
    pub fn equivalent(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Name(one), Host::Name(two)) => without_root(one).eq_ignore_ascii_case(without_root(two)),
            (Host::V4(one), Host::V4(two)) => one == two,
            (Host::V6(one), Host::V6(two)) => one == two,
            (Host::Name(_) | Host::V4(_) | Host::V6(_), _) => false,
        }
    }
}

fn without_root(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Host {
        match address {
            IpAddr::V4(address) => Host::V4(address),
            IpAddr::V6(address) => Host::V6(address),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(&String::from_utf8_lossy(name)),
            Host::V4(address) => write!(f, "{address}"),
            Host::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// Reads `host [: port]`; white space around the colon is legal (RFC 3261 25.1 `COLON`). IPv6 needs its brackets.
pub(crate) fn host_port_of(owner: &Bytes, text: &[u8]) -> Option<(Host, Option<u16>)> {
    if let Some((address, after @ ([] | [b':', ..]))) = leading_address(text) {
        return Some((Host::V4(address), port_of(after)?));
    }
    let (host, after) = match text.first() {
        Some(b'[') => text.split_at_checked(text.iter().position(|&octet| octet == b']')?.checked_add(1)?)?,
        _ => split(text, text.iter().position(|&octet| octet == b':').unwrap_or(text.len())),
    };
    Some((host_of(owner, host.trim_ascii_end())?, port_of(after)?))
}

/// What stands behind a host: the inner `None` is no port.
fn port_of(after: &[u8]) -> Option<Option<u16>> {
    match after.trim_ascii() {
        [] => Some(None),
        [b':', digits @ ..] => number_as::<u16>(digits.trim_ascii()).map(Some),
        _ => None,
    }
}

fn host_of(owner: &Bytes, text: &[u8]) -> Option<Host> {
    match text.first()? {
        b'[' => {
            let inner = std::str::from_utf8(text.strip_prefix(b"[")?.strip_suffix(b"]")?).ok()?;
            return inner.parse().ok().map(Host::V6);
        }
        // Most names show with their first octet that they are no address.
        b'0'..=b'9' | b'.' => {
            if let Some((address, [])) = leading_address(text) {
                return Some(Host::V4(address));
            }
            if text.contains(&b'.') && text.iter().all(|&octet| octet.is_ascii_digit() || octet == b'.') {
                return None;
            }
        }
        _ => {}
    }
    Class::HOST.has_all(text).then(|| Host::Name(share(owner, text)))
}

/// Reads an IPv4 address, and gives what follows it: four numbers of at most three digits, none above 255, none with a zero
/// before it (as the standard library does, which takes four times as long).
fn leading_address(text: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    let (a, rest) = leading_octet(text)?;
    let (b, rest) = leading_octet(rest.strip_prefix(b".")?)?;
    let (c, rest) = leading_octet(rest.strip_prefix(b".")?)?;
    let (d, rest) = leading_octet(rest.strip_prefix(b".")?)?;
    Some((Ipv4Addr::new(a, b, c, d), rest))
}

/// One of the four, and what follows it.
fn leading_octet(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'0', rest @ ..] => Some((0, rest)),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
            let number = u16::from(a - b'0') * 100 + u16::from((b - b'0') * 10 + (c - b'0'));
            Some((u8::try_from(number).ok()?, rest))
        }
        [a @ b'1'..=b'9', b @ b'0'..=b'9', rest @ ..] => Some(((a - b'0') * 10 + (b - b'0'), rest)),
        [a @ b'1'..=b'9', rest @ ..] => Some((a - b'0', rest)),
        _ => None,
    }
}

fn written_host_port(host: &Host, port: Option<u16>) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    append_host_port(host, port, &mut out);
    out
}

/// Appends `host[:port]`, IPv6 in brackets.
pub(crate) fn append_host_port(host: &Host, port: Option<u16>, out: &mut Vec<u8>) {
    match host {
        Host::Name(name) => out.extend_from_slice(name),
        Host::V4(address) => append_address(out, (*address).into()),
        Host::V6(_) => append(out, format_args!("{host}")),
    }
    if let Some(port) = port {
        out.push(b':');
        append_number(out, port.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(&Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    fn refused(text: &str) -> bool {
        Uri::parse(&Bytes::copy_from_slice(text.as_bytes())).is_err()
    }

    #[test]
    fn dotted_numbers_are_an_address_or_no_host() {
        for text in ["0.0.0.0", "255.255.255.255", "192.0.2.1"] {
            assert_eq!(leading_address(text.as_bytes()), text.parse().ok().map(|address| (address, &b""[..])));
        }
        for bad in
            ["256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1..2.3", ".1.2.3.4", "1.2.3.4.", "1.2.3.0004", "999.1.1.1"]
        {
            assert!(bad.parse::<Ipv4Addr>().is_err() && Host::parse(bad).is_none(), "{bad}");
        }
        assert!(matches!(Host::parse("1a.2.3.4"), Some(Host::Name(_))));
    }

    #[test]
    fn what_is_read_is_written_octet_for_octet() {
        for text in [
            "sip:alice@example.com",
            "SIPS:Alice%2B%23:pass@EXAMPLE.com:05061;Transport=TLS;lr;x=a/b;;?Replaces=a%40b&c=d",
            "sip:+15551234;npdi;rn=+15550000@carrier.example;user=phone",
            "sip:+4930;tgrp=1;trunk-context=x@h1:5061",
            "sip:b@[2001:DB8:0::1]:5061;transport=tls",
            "sip:[2001:db8::1]",
            "tel:+49-30-123;phone-context=example.com",
            "tel:112",
            "urn:service:sos",
            "soap.beep://192.0.2.103:3002",
            "sip:192.0.2.1:5060",
        ] {
            assert_eq!(uri(text).to_bytes(), text);
        }
    }

    #[test]
    fn semicolons_before_the_at_sign_belong_to_the_user() {
        let Uri::Sip(read) = uri("sip:user;par=u%40example.net@example.com;p=1") else { panic!("not sip") };
        assert_eq!(read.user.as_deref(), Some(b"user;par=u%40example.net".as_slice()));
        assert_eq!(read.host, Host::Name(Bytes::from_static(b"example.com")));
        assert_eq!(read.params.iter().count(), 1);
    }

    #[test]
    fn the_user_is_unescaped_once_and_without_its_parameters() {
        assert_eq!(*uri("sip:+49%252B;rn=1@h").user_decoded().unwrap(), *b"+49%2B");
        assert_eq!(*uri("tel:+49-30;x").user_decoded().unwrap(), *b"+49-30");
        assert_eq!(uri("urn:service:sos").user_decoded(), None);
    }

    #[test]
    fn what_no_uri_can_be_is_refused() {
        for bad in [
            "",
            "sip:",
            "alice",
            "sip:a@",
            "sip:a@b c",
            "<sip:a@b>",
            "sip:a@b:99999",
            "sip:a@b:",
            "sip:2001:db8::1",
            "sip:[2001:db8:::1]",
            "sip:[2001:db8::1",
            "sip:a@b@c",
            "sip:300.1.1.1",
            "tel:",
            "1x:y",
            "sip:a\0@b",
            "sip:@host",
            "sips::secret@host",
        ] {
            assert!(refused(bad), "{bad}");
        }
    }

    #[test]
    fn a_changed_host_is_written_and_not_the_old_text() {
        let Uri::Sip(mut read) = uri("sip:b@[2001:DB8::1]:5061") else { panic!("not sip") };
        read.host = Host::V4(Ipv4Addr::new(192, 0, 2, 9));
        assert_eq!(Uri::Sip(read).to_bytes(), "sip:b@192.0.2.9:5061");
    }

    #[test]
    fn setting_a_parameter_replaces_it_in_place() {
        let Uri::Sip(mut read) = uri("sip:h;a=1;B=2") else { panic!("not sip") };
        read.set_param("b", Some("3"));
        read.set_param("lr", None);
        assert_eq!(Uri::Sip(read.clone()).to_bytes(), "sip:h;a=1;B=3;lr");
        read.remove_param("A");
        assert_eq!(Uri::Sip(read).to_bytes(), "sip:h;B=3;lr");
    }

    #[test]
    fn the_equivalences_of_rfc_3261_19_1_4_hold() {
        for (one, two) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("tel:+1-201-555-0123", "tel:+12015550123"),
            ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"),
        ] {
            assert!(uri(one).equivalent(&uri(two)), "{one} {two}");
        }
    }

    #[test]
    fn the_differences_of_rfc_3261_19_1_4_hold() {
        for (one, two) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:a@h;security=on", "sip:a@h;security=off"),
            ("sip:+1@h", "sip:%2B1@h"),
            ("sip:a@h", "sips:a@h"),
        ] {
            assert!(!uri(one).equivalent(&uri(two)), "{one} {two}");
        }
    }

    #[test]
    fn a_host_is_read_with_and_without_brackets() {
        assert_eq!(Host::parse("2001:db8::1"), Host::parse("[2001:db8::1]"));
        assert_eq!(Host::parse("2001:db8::1").unwrap().to_string(), "[2001:db8::1]");
        assert_eq!(Host::parse("192.0.2.1"), Some(Host::V4(Ipv4Addr::new(192, 0, 2, 1))));
        assert_eq!(Host::parse("a b"), None);
    }
}
