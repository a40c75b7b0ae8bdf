//! Content-Type and the media ranges of Accept (RFC 3261 20.15, 20.1).

use bytes::Bytes;

use super::BadHeader;
use super::params::Params;
use crate::sip::grammar::{cut, is_token, share, split_params, trim};

/// `type / subtype *(; param)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    pub kind: Bytes,
    pub subtype: Bytes,
    pub params: Params,
}

impl ContentType {
    /// Reads one value; `*` is a token, so media ranges are read too.
    ///
    /// # Errors
    /// What is no media type.
    pub fn parse(value: &Bytes) -> Result<ContentType, BadHeader> {
        let (media, rest) = split_params(value);
        let (kind, subtype) = cut(media, b'/');
        let (kind, subtype) = (trim(kind), trim(subtype.ok_or(BadHeader)?));
        if !is_token(kind) || !is_token(subtype) {
            return Err(BadHeader);
        }
        Ok(ContentType {
            kind: share(value, kind),
            subtype: share(value, subtype),
            params: Params::parse(value, rest)?,
        })
    }

    /// True for this media type, compared without case; `essence` is `type/subtype`.
    pub fn is(&self, essence: &str) -> bool {
        let (kind, subtype) = cut(essence.as_bytes(), b'/');
        self.kind.eq_ignore_ascii_case(kind) && subtype.is_some_and(|text| self.subtype.eq_ignore_ascii_case(text))
    }

    /// True when this media range covers the media type `essence` (RFC 3261 20.1).
    pub fn covers(&self, essence: &str) -> bool {
        let (kind, _) = cut(essence.as_bytes(), b'/');
        let any_subtype = self.subtype.as_ref() == b"*";
        self.is(essence) || any_subtype && (self.kind.as_ref() == b"*" || self.kind.eq_ignore_ascii_case(kind))
    }

    /// Value of a parameter, name compared without case; `Some(None)` for a flag.
    pub fn param(&self, name: &str) -> Option<Option<&[u8]>> {
        self.params.find(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<ContentType, BadHeader> {
        ContentType::parse(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_type_is_compared_without_case_and_white_space() {
        let multipart = read("Multipart / MIXED ; boundary=\"a;b\"").unwrap();
        assert!(multipart.is("multipart/mixed"));
        assert_eq!(multipart.param("boundary"), Some(Some(b"\"a;b\"".as_slice())));
    }

    #[test]
    fn ranges_cover_what_they_name() {
        assert!(read("*/*").unwrap().covers("application/sdp"));
        assert!(read("application/*;q=0.1").unwrap().covers("application/sdp"));
        assert!(!read("text/*").unwrap().covers("application/sdp"));
        assert!(!read("text/nobodyKnowsThis").unwrap().covers("application/sdp"));
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        for bad in ["", "text", "/sdp", "a/b/c", "a b/c", "a/b;;"] {
            assert_eq!(read(bad), Err(BadHeader), "{bad}");
        }
    }
}
