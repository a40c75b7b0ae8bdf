//! Octets -> [`SessionDescription`]. One pass; every list has its limit.

use std::borrow::Cow;

use super::attribute::{decimal, is_token};
use super::description::{Attribute, Connection, Line, MediaDescription, Origin, SessionDescription};
use crate::base::bounds::Bound;
use crate::base::limits::{SDP_ATTRIBUTES, SDP_FORMATS, SDP_MEDIA, SDP_OCTETS};
use crate::base::text::first_control;

/// Why octets are no description we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SdpFault {
    /// Nothing, or nothing but line ends.
    Empty,
    /// More than [`SDP_OCTETS`].
    TooLong,
    /// Does not begin with `v=0`.
    Version,
    /// A line that is not `letter=value`, or an empty one in the middle.
    Line,
    /// A NUL, or a CR that ends no line (RFC 8866 9 forbids both; they are how lines are smuggled).
    ControlOctet,
    /// `o=` missing, or with fewer than six fields.
    Origin,
    /// `o=`, `s=` or `c=` twice in one place: two readers would choose differently.
    Repeated,
    /// `m=` without its four fields, or with octets that are not visible ASCII.
    Media,
    /// A port beyond 65535 or not in digits.
    Port,
    /// A port count (`40000/2`): we never take several pairs.
    PortCount,
    /// More than [`SDP_MEDIA`] media descriptions.
    TooManyMedia,
    /// More than [`SDP_ATTRIBUTES`] attributes or other lines in one place.
    TooManyAttributes,
}

impl<'a> SessionDescription<'a> {
    /// Reads a description. Lines end with CRLF or LF; the last one may lack its end.
    ///
    /// # Errors
    /// What makes it unusable as a whole. What is wrong inside one attribute is found by whoever asks for it.
    pub fn parse(body: &'a [u8]) -> Result<Self, SdpFault> {
        if body.len() > SDP_OCTETS {
            return Err(SdpFault::TooLong);
        }
        let mut lines = Lines { rest: body };
        match lines.next().ok_or(SdpFault::Empty)? {
            Ok((b'v', b"0")) => {}
            Ok(_) | Err(_) => return Err(SdpFault::Version),
        }
        let mut reading = Reading::default();
        for line in lines {
            let (kind, value) = line?;
            reading.take(kind, value)?;
        }
        reading.finish()
    }
}

/// Room for the attributes of nearly every audio line, so that the list is not moved while it grows.
const USUAL_ATTRIBUTES: usize = 12;

/// Yields `(kind, value)` for each line.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<(u8, &'a [u8]), SdpFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.iter().all(|octet| matches!(octet, b'\r' | b'\n')) {
            return None;
        }
        let line;
        (line, self.rest) = match cut_line(self.rest) {
            Ok(cut) => cut,
            Err(fault) => return Some(Err(fault)),
        };
        Some(split_line(line))
    }
}

/// The first line without its end, and what follows it. The last line may end with a CR alone or with nothing.
fn cut_line(text: &[u8]) -> Result<(&[u8], &[u8]), SdpFault> {
    let mut searched = 0;
    while let Some(found) = text.get(searched..).and_then(first_control) {
        let at = searched + found;
        let (line, end) = text.split_at_checked(at).unwrap_or((text, &[]));
        match end {
            [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => return Ok((line, rest)),
            [b'\r'] => return Ok((line, &[])),
            [b'\r' | 0, ..] => return Err(SdpFault::ControlOctet),
            _ => searched = at + 1,
        }
    }
    Ok((text, &[]))
}

fn split_line(line: &[u8]) -> Result<(u8, &[u8]), SdpFault> {
    match line {
        [kind, b'=', value @ ..] if kind.is_ascii_alphabetic() => Ok((*kind, value)),
        _ => Err(SdpFault::Line),
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reading<'a> {
    origin: Option<Origin<'a>>,
    name: Option<Cow<'a, [u8]>>,
    about: Vec<Line<'a>>,
    connection: Option<Connection<'a>>,
    others: Vec<Line<'a>>,
    attributes: Vec<Attribute<'a>>,
    media: Vec<MediaDescription<'a>>,
}

impl<'a> Reading<'a> {
    fn take(&mut self, kind: u8, value: &'a [u8]) -> Result<(), SdpFault> {
        if kind == b'm' {
            if self.media.len() >= SDP_MEDIA {
                return Err(SdpFault::TooManyMedia);
            }
            self.media.push(media(value)?);
            return Ok(());
        }
        match self.media.last_mut() {
            Some(media) => take_media_line(media, kind, value),
            None => self.take_session_line(kind, value),
        }
    }

    fn take_session_line(&mut self, kind: u8, value: &'a [u8]) -> Result<(), SdpFault> {
        match kind {
            b'v' => Err(SdpFault::Repeated),
            b'o' => once(&mut self.origin, origin(value)?),
            b's' => once(&mut self.name, Cow::Borrowed(value)),
            b'c' => once(&mut self.connection, Connection(Cow::Borrowed(value))),
            b'a' => bounded(&mut self.attributes, attribute(value)),
            b'i' | b'u' | b'e' | b'p' => bounded(&mut self.about, Line { kind, value: Cow::Borrowed(value) }),
            _ => bounded(&mut self.others, Line { kind, value: Cow::Borrowed(value) }),
        }
    }

    fn finish(self) -> Result<SessionDescription<'a>, SdpFault> {
        Ok(SessionDescription {
            origin: self.origin.ok_or(SdpFault::Origin)?,
            name: self.name.unwrap_or_default(),
            about: self.about,
            connection: self.connection,
            others: self.others,
            attributes: self.attributes,
            media: self.media,
        })
    }
}

fn take_media_line<'a>(media: &mut MediaDescription<'a>, kind: u8, value: &'a [u8]) -> Result<(), SdpFault> {
    match kind {
        b'c' => once(&mut media.connection, Connection(Cow::Borrowed(value))),
        b'a' => bounded(&mut media.attributes, attribute(value)),
        b'i' => bounded(&mut media.about, Line { kind, value: Cow::Borrowed(value) }),
        _ => bounded(&mut media.others, Line { kind, value: Cow::Borrowed(value) }),
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), SdpFault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(SdpFault::Repeated),
    }
}

fn bounded<T>(list: &mut Vec<T>, value: T) -> Result<(), SdpFault> {
    if list.len() >= SDP_ATTRIBUTES {
        return Err(SdpFault::TooManyAttributes);
    }
    list.push(value);
    Ok(())
}

/// The five last fields are fixed; what stands before them is the user name, spaces and all.
fn origin(value: &[u8]) -> Result<Origin<'_>, SdpFault> {
    let mut fields = value.rsplitn(6, |octet| *octet == b' ').map(Cow::Borrowed);
    let mut next = || fields.next().filter(|field| !field.is_empty()).ok_or(SdpFault::Origin);
    let (address, kind, network) = (next()?, next()?, next()?);
    let (version, session_id, username) = (next()?, next()?, next()?);
    Ok(Origin { username, session_id, version, address: [network, kind, address] })
}

fn attribute(value: &[u8]) -> Attribute<'_> {
    match value.iter().position(|&octet| octet == b':').and_then(|at| value.split_at_checked(at)) {
        Some((name, rest)) => {
            Attribute { name: Cow::Borrowed(name), value: rest.split_first().map(|(_, value)| Cow::Borrowed(value)) }
        }
        None => Attribute { name: Cow::Borrowed(value), value: None },
    }
}

/// `m=<kind> <port> <protocol> <format> ...`
fn media(value: &[u8]) -> Result<MediaDescription<'_>, SdpFault> {
    let text = std::str::from_utf8(value).map_err(|_| SdpFault::Media)?;
    let mut fields = text.split(' ').filter(|field| !field.is_empty());
    let (Some(kind), Some(port), Some(protocol)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(SdpFault::Media);
    };
    let formats: Vec<_> = Bound::SdpFormats.first(SDP_FORMATS, fields).map(Cow::Borrowed).collect();
    let tokens = is_token(kind) && is_token(protocol) && formats.iter().all(|format| is_token(format));
    if !tokens || formats.is_empty() {
        return Err(SdpFault::Media);
    }
    Ok(MediaDescription {
        kind: Cow::Borrowed(kind),
        port: media_port(port)?,
        protocol: Cow::Borrowed(protocol),
        formats,
        about: Vec::new(),
        connection: None,
        others: Vec::new(),
        attributes: Vec::with_capacity(USUAL_ATTRIBUTES),
    })
}

fn media_port(text: &str) -> Result<u16, SdpFault> {
    // RFC 8866 5.14: a count of one says what no count says.
    let port = match text.split_once('/') {
        Some((port, "1")) => port,
        Some(_) => return Err(SdpFault::PortCount),
        None => text,
    };
    decimal::<u16>(port).ok_or(SdpFault::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n";

    fn fault(text: &str) -> Option<SdpFault> {
        SessionDescription::parse(text.as_bytes()).err()
    }

    #[test]
    fn line_feeds_alone_end_lines_too() {
        let text = format!("{HEAD}m=audio 4000 RTP/AVP 8\r\na=ptime:20").replace('\r', "");
        let read = SessionDescription::parse(text.as_bytes()).unwrap();
        assert_eq!(read.media[0].values("ptime").collect::<Vec<_>>(), ["20"]);
    }

    #[test]
    fn a_lone_cr_or_a_nul_refuses_the_description() {
        assert_eq!(fault(&format!("{HEAD}a=x\ra=y\r\n")), Some(SdpFault::ControlOctet));
        assert_eq!(fault(&format!("{HEAD}i=a\0b\r\n")), Some(SdpFault::ControlOctet));
    }

    #[test]
    fn an_empty_line_is_taken_at_the_end_only() {
        assert_eq!(fault(&format!("{HEAD}\r\n\r\n")), None);
        assert_eq!(fault(&format!("{HEAD}\r\na=x\r\n")), Some(SdpFault::Line));
    }

    #[test]
    fn ports_wrap_nowhere_and_are_never_counted() {
        assert_eq!(fault(&format!("{HEAD}m=audio 65536 RTP/AVP 8\r\n")), Some(SdpFault::Port));
        assert_eq!(fault(&format!("{HEAD}m=audio +4000 RTP/AVP 8\r\n")), Some(SdpFault::Port));
        assert_eq!(fault(&format!("{HEAD}m=audio 4000/2 RTP/AVP 8\r\n")), Some(SdpFault::PortCount));
        assert_eq!(fault(&format!("{HEAD}m=audio 4000/1 RTP/AVP 8\r\n")), None);
    }

    #[test]
    fn a_second_connection_in_one_place_is_refused() {
        let c = "c=IN IP4 192.0.2.1\r\n";
        assert_eq!(fault(&format!("{HEAD}{c}{c}")), Some(SdpFault::Repeated));
        assert_eq!(fault(&format!("{HEAD}{c}m=audio 4000 RTP/AVP 8\r\n{c}")), None);
    }

    #[test]
    fn an_origin_may_have_a_name_with_spaces_and_any_version() {
        let text = "v=0\r\no=My PBX 1 18446744073709551616 IN IP4 192.0.2.1\r\n";
        let read = SessionDescription::parse(text.as_bytes()).unwrap();
        assert_eq!(read.origin.username.as_ref(), b"My PBX");
        assert_eq!(read.origin.version.as_ref(), b"18446744073709551616");
    }

    #[test]
    fn formats_beyond_the_limit_are_cut() {
        let formats = " 8".repeat(SDP_FORMATS + 10);
        let text = format!("{HEAD}m=audio 4000 RTP/AVP{formats}\r\n");
        assert_eq!(SessionDescription::parse(text.as_bytes()).unwrap().media[0].formats.len(), SDP_FORMATS);
    }

    #[test]
    fn each_list_has_an_end() {
        assert_eq!(
            fault(&format!("{HEAD}{}", "a=x\r\n".repeat(SDP_ATTRIBUTES + 1))),
            Some(SdpFault::TooManyAttributes)
        );
        let media = "m=audio 0 RTP/AVP 8\r\n".repeat(SDP_MEDIA + 1);
        assert_eq!(fault(&format!("{HEAD}{media}")), Some(SdpFault::TooManyMedia));
        assert_eq!(fault(&format!("{HEAD}i={}", "x".repeat(SDP_OCTETS))), Some(SdpFault::TooLong));
    }

    #[test]
    fn what_is_no_description_is_told_from_a_bad_one() {
        assert_eq!(fault(""), Some(SdpFault::Empty));
        assert_eq!(fault("\r\n"), Some(SdpFault::Empty));
        assert_eq!(fault("hello"), Some(SdpFault::Version));
        assert_eq!(fault("v=1\r\n"), Some(SdpFault::Version));
        assert_eq!(fault("v=0\r\ns=-\r\n"), Some(SdpFault::Origin));
    }
}
