//! Replaces (RFC 3891), as a header field and as the header part of a Refer-To URI (RFC 5589).

use bytes::Bytes;

use super::BadHeader;
use super::params::Params;
use crate::sip::grammar::{cut, is_wsp, percent_decoded, split_params, trim};
use crate::sip::uri::SipUri;

/// The dialog that an INVITE shall replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    pub call_id: Bytes,
    pub to_tag: Bytes,
    pub from_tag: Bytes,
    pub extent: Extent,
}

/// Which dialogs may be replaced (RFC 3891 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Any,
    /// One that is not yet confirmed.
    EarlyOnly,
}

impl Replaces {
    /// Reads `callid;to-tag=..;from-tag=..[;early-only]`.
    ///
    /// # Errors
    /// A missing or repeated tag, or white space in the Call-ID.
    pub fn parse(value: &Bytes) -> Result<Replaces, BadHeader> {
        let (call_id, rest) = split_params(value);
        let call_id = trim(call_id);
        if call_id.is_empty() || call_id.iter().any(|&octet| is_wsp(octet)) {
            return Err(BadHeader);
        }
        let params = Params::parse(value, rest)?;
        let extent = if params.find("early-only").is_some() { Extent::EarlyOnly } else { Extent::Any };
        Ok(Replaces {
            call_id: value.slice_ref(call_id),
            to_tag: only(&params, "to-tag")?,
            from_tag: only(&params, "from-tag")?,
            extent,
        })
    }

    /// The Replaces header inside a URI's header part (`?Replaces=...`), unescaped once. `None` when there is none.
    ///
    /// # Errors
    /// A header part that names Replaces but cannot be read.
    pub fn in_uri(uri: &SipUri) -> Option<Result<Replaces, BadHeader>> {
        let headers = uri.headers()?;
        let value = headers.split(|&octet| octet == b'&').find_map(|field| {
            let (name, value) = cut(field, b'=');
            name.eq_ignore_ascii_case(b"Replaces").then(|| value.unwrap_or_default())
        })?;
        Some(Replaces::parse(&Bytes::from(percent_decoded(value).into_owned())))
    }
}

fn only(params: &Params, name: &str) -> Result<Bytes, BadHeader> {
    let is_sound = params.is_sound(name, |tag| !tag.is_empty());
    let tag = params.find(name).flatten().filter(|_| is_sound);
    tag.map(Bytes::copy_from_slice).ok_or(BadHeader)
}

impl std::fmt::Display for Replaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |octets: &Bytes| String::from_utf8_lossy(octets).into_owned();
        write!(f, "{};to-tag={};from-tag={}", text(&self.call_id), text(&self.to_tag), text(&self.from_tag))?;
        match self.extent {
            Extent::EarlyOnly => f.write_str(";early-only"),
            Extent::Any => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::uri::Uri;

    #[test]
    fn a_dialog_is_named_by_call_id_and_both_tags() {
        let read =
            Replaces::parse(&Bytes::from_static(b"98732@h ;from-tag=r33th4x0r; to-tag=ff87ff;early-only")).unwrap();
        assert_eq!(read.to_string(), "98732@h;to-tag=ff87ff;from-tag=r33th4x0r;early-only");
    }

    #[test]
    fn missing_and_repeated_tags_are_refused() {
        for bad in [
            "a;to-tag=1",
            "a;from-tag=1",
            ";to-tag=1;from-tag=2",
            "a b;to-tag=1;from-tag=2",
            "a;to-tag=1;to-tag=3;from-tag=2",
        ] {
            assert_eq!(Replaces::parse(&Bytes::copy_from_slice(bad.as_bytes())), Err(BadHeader), "{bad}");
        }
    }

    #[test]
    fn the_header_part_of_a_refer_to_uri_is_unescaped_once() {
        let uri =
            Uri::parse(&Bytes::from_static(b"sip:b@h?Require=replaces&Replaces=a%40h%3Bto-tag%3D1%3Bfrom-tag%3D2"))
                .unwrap();
        let read = Replaces::in_uri(uri.as_sip().unwrap()).unwrap().unwrap();
        assert_eq!((read.call_id.as_ref(), read.to_tag.as_ref()), (b"a@h".as_slice(), b"1".as_slice()));
    }
}
