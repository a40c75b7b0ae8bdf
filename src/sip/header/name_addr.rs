//! `name-addr` and `addr-spec` with header parameters (RFC 3261 20.10): From, To, Contact, Route, Record-Route, Refer-To,
//! Referred-By, P-Asserted-Identity, Diversion, History-Info.

use bytes::Bytes;

use super::BadHeader;
use super::params::Params;
use crate::sip::grammar::{quoted_end, share, split, trim, trim_start};
use crate::sip::octet::Class;
use crate::sip::uri::Uri;

/// `[display-name] <uri> *(;param)` or a bare addr-spec (RFC 3261 s.20.10). Lossless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// Display name as written, quotes included; `None` when absent.
    pub display: Option<Bytes>,
    pub uri: Uri,
    /// Header parameters in order, as written (quotes kept).
    pub params: Params,
}

impl NameAddr {
    /// Reads one value (unfolded, not a list).
    ///
    /// # Errors
    /// What no name-addr can be.
    pub fn parse(value: &Bytes) -> Result<NameAddr, BadHeader> {
        NameAddr::parse_within(value, value)
    }

    /// Reads one value that lies inside `owner`.
    pub(crate) fn parse_within(owner: &Bytes, text: &[u8]) -> Result<NameAddr, BadHeader> {
        let text = trim(text);
        if text.first() == Some(&b'"') {
            let end = quoted_end(text).ok_or(BadHeader)?;
            let (display, rest) = split(text, end);
            return NameAddr::parse_bracketed(owner, Some(display), trim(rest));
        }
        let (display, rest) = Class::DISPLAY.leading(text);
        let rest = trim_start(rest);
        if rest.first() == Some(&b'<') {
            let display = trim(display);
            return NameAddr::parse_bracketed(owner, (!display.is_empty()).then_some(display), rest);
        }
        // A bracket behind what no display name has.
        if text.contains(&b'<') { Err(BadHeader) } else { NameAddr::parse_bare(owner, text) }
    }

    /// `text` must begin with the left angle bracket.
    fn parse_bracketed(owner: &Bytes, display: Option<&[u8]>, text: &[u8]) -> Result<NameAddr, BadHeader> {
        let text = text.strip_prefix(b"<").ok_or(BadHeader)?;
        let (uri, rest) = Uri::leading(owner, text)?;
        let params = Params::parse(owner, rest.strip_prefix(b">").ok_or(BadHeader)?)?;
        Ok(NameAddr { display: display.map(|text| share(owner, text)), uri, params })
    }

    /// RFC 3261 20: without brackets a semicolon begins header parameters, and comma and question mark are forbidden.
    fn parse_bare(owner: &Bytes, text: &[u8]) -> Result<NameAddr, BadHeader> {
        let is_end = |octet: &u8| matches!(octet, b';' | b'?' | b',');
        let (uri, rest) = split(text, text.iter().position(is_end).unwrap_or(text.len()));
        let uri = Uri::parse_within(owner, trim(uri))?;
        Ok(NameAddr { display: None, uri, params: Params::parse(owner, rest)? })
    }

    /// Only the URI, no display name and no parameter.
    pub fn new(uri: Uri) -> NameAddr {
        NameAddr { display: None, uri, params: Params::new() }
    }

    /// The `tag` parameter of From and To (RFC 3261 19.3).
    pub fn tag(&self) -> Option<&[u8]> {
        self.param("tag").flatten()
    }

    /// Sets the tag, replacing one that is there.
    pub fn set_tag(&mut self, tag: &[u8]) {
        self.params.set("tag", Some(tag));
    }

    /// Value of a header parameter, name compared without case; `Some(None)` for a flag.
    pub fn param(&self, name: &str) -> Option<Option<&[u8]>> {
        self.params.find(name)
    }

    /// Replaces or appends a header parameter. The caller quotes the value where it needs it.
    pub fn set_param(&mut self, name: &str, value: Option<&str>) {
        self.params.set(name, value.map(str::as_bytes));
    }

    /// The display name without quotes and escapes; empty when absent.
    pub fn display_text(&self) -> Vec<u8> {
        self.display.as_deref().map(|text| crate::sip::grammar::unquoted(text).into_owned()).unwrap_or_default()
    }

    /// False for a tag that stands more than once (two readers could differ) or has no value (RFC 3261 25.1 `tag-param`).
    pub(crate) fn has_sound_tag(&self) -> bool {
        self.params.is_sound("tag", |tag| !tag.is_empty() && !tag.starts_with(b"\""))
    }

    /// Always with angle brackets.
    pub fn write(&self, out: &mut Vec<u8>) {
        if let Some(display) = &self.display {
            out.extend_from_slice(display);
            out.push(b' ');
        }
        out.push(b'<');
        self.uri.write(out);
        out.push(b'>');
        self.params.write(out);
    }

    /// The value in a buffer of its own.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(96);
        self.write(&mut out);
        Bytes::from(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NameAddr, BadHeader> {
        NameAddr::parse(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn every_legal_form_gives_uri_and_tag() {
        for text in [
            "<sip:a@h>;tag=1",
            "sip:a@h;tag=1",
            "sip:a@h ;   tag    = 1",
            "<sip:a@h>; tag=1",
            "Alice <sip:a@h> ;tag=1",
            "Alice<sip:a@h>;tag=1",
            "\"Alice, \\\"<sip:x@y>\" <sip:a@h>;Tag=1",
            "\"\"<sip:a@h>;x=\"a;tag=2\";tag=1",
        ] {
            let read = read(text).unwrap();
            assert_eq!(read.uri.to_bytes(), "sip:a@h", "{text}");
            assert_eq!(read.tag(), Some(b"1".as_slice()), "{text}");
        }
    }

    #[test]
    fn parameters_inside_the_brackets_belong_to_the_uri() {
        let read = read("<sip:a@h;tag=uri>;tag=header").unwrap();
        assert_eq!(read.tag(), Some(b"header".as_slice()));
    }

    #[test]
    fn what_no_name_addr_can_be_is_refused() {
        for bad in [
            "",
            "\"Mr. J. User <sip:j@example.com>",
            "Bell, Alexander <sip:a@h>",
            "\"W\" < sip:t@h >",
            "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            "<sip:a@h",
            "<sip:a@h>;;;;",
            "<sip:a@h> x",
            "\"a\" \"b\" <sip:a@h>",
            "alan@jasomi.com",
            "*",
        ] {
            assert_eq!(read(bad), Err(BadHeader), "{bad}");
        }
    }

    #[test]
    fn a_latin_1_octet_in_a_display_name_survives() {
        let text = Bytes::from_static(b"\"J\xfcrgen\" <sip:a@h>;tag=1");
        assert_eq!(NameAddr::parse(&text).unwrap().to_bytes(), text);
        assert_eq!(NameAddr::parse(&text).unwrap().display_text(), b"J\xfcrgen");
    }

    #[test]
    fn a_tag_is_replaced_not_doubled() {
        let mut value = read("<sip:a@h>;x=1;tag=1").unwrap();
        value.set_tag(b"2");
        assert_eq!(value.to_bytes(), "<sip:a@h>;x=1;tag=2");
    }
}
