//! `scheme name=value, name="value", ...` as challenges and credentials write it (RFC 3261 25.1, RFC 7235 2.1).

use crate::base::bounds::Bound;
use crate::base::limits::{AUTH_PARAMS, AUTH_SCHEMES, AUTH_VALUE_OCTETS};
use crate::sip::grammar::{ListItems, cut, is_token, is_token_octet, is_wsp, quoted_end, split, trim, unquoted};

/// One scheme and what was said for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scheme {
    name: Vec<u8>,
    /// Names in lower case, values without quotes and escapes.
    params: Vec<(Vec<u8>, Vec<u8>)>,
    /// Something in it cannot be read, stands there twice, or is too long: nothing of it is used.
    broken: bool,
}

impl Scheme {
    /// Every scheme of one field value, in order; several may share a line. At most [`AUTH_SCHEMES`].
    pub(super) fn all(value: &[u8]) -> Vec<Scheme> {
        let mut schemes: Vec<Scheme> = Vec::new();
        for item in ListItems::new(value) {
            let param = match beginning(item) {
                Some(_) if schemes.len() == AUTH_SCHEMES => {
                    Bound::AuthSchemes.reached();
                    break;
                }
                Some((name, rest)) => {
                    schemes.push(Scheme { name: name.to_vec(), params: Vec::new(), broken: false });
                    rest
                }
                None => item,
            };
            if let Some(scheme) = schemes.last_mut() {
                scheme.take(param);
            }
        }
        schemes
    }

    /// True for a readable `Digest`.
    pub(super) fn is_digest(&self) -> bool {
        !self.broken && self.name.eq_ignore_ascii_case(b"digest")
    }

    pub(super) fn value(&self, name: &str) -> Option<&[u8]> {
        let found = self.params.iter().find(|(found, _)| found == name.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }

    fn take(&mut self, param: &[u8]) {
        let (name, value) = cut(param, b'=');
        // A bare word is the rest of a list that lost its quotes (`qop=auth,auth-int`), or nothing at all.
        let Some(value) = value.map(trim) else { return };
        let name = trim(name).to_ascii_lowercase();
        let twice = self.params.iter().any(|(found, _)| *found == name);
        let has_room = self.params.len() < AUTH_PARAMS;
        if !has_room {
            Bound::AuthParams.reached();
        }
        let sound = is_token(&name) && is_value(value) && !twice && has_room;
        if sound {
            self.params.push((name, unquoted(value).into_owned()));
        } else {
            self.broken = true;
        }
    }
}

/// A value that may be written back: one token or one whole quoted string, without control octets.
fn is_value(value: &[u8]) -> bool {
    let quoted = value.first() == Some(&b'"');
    let whole = if quoted { quoted_end(value) == Some(value.len()) } else { !value.contains(&b'"') };
    if value.len() > AUTH_VALUE_OCTETS {
        Bound::AuthValueOctets.reached();
        return false;
    }
    whole && !value.iter().any(u8::is_ascii_control)
}

/// The scheme's name when `item` begins one: a token, white space, and no equals sign after it.
fn beginning(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = item.iter().take_while(|octet| is_token_octet(**octet)).count();
    let (name, rest) = split(item, length);
    let param = trim(rest);
    let spaced = rest.first().copied().is_some_and(is_wsp);
    (!name.is_empty() && spaced && !param.is_empty() && param.first() != Some(&b'=')).then_some((name, param))
}

/// `name="value"` with what must be escaped escaped (RFC 3261 25.1 quoted-string).
pub(super) fn push_quoted(name: &str, value: &[u8], out: &mut Vec<u8>) {
    push_name(name, out);
    out.push(b'"');
    for octet in value {
        if matches!(octet, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*octet);
    }
    out.push(b'"');
}

/// `name=value`.
pub(super) fn push_plain(name: &str, value: &[u8], out: &mut Vec<u8>) {
    push_name(name, out);
    out.extend_from_slice(value);
}

fn push_name(name: &str, out: &mut Vec<u8>) {
    if !out.ends_with(b" ") {
        out.extend_from_slice(b", ");
    }
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(text: &str) -> Vec<Scheme> {
        Scheme::all(text.as_bytes()).into_iter().filter(Scheme::is_digest).collect()
    }

    #[test]
    fn several_schemes_share_a_line() {
        let found = digests("Basic realm=\"b, c\", Digest realm=\"x\", nonce=\"1,2\", DIGEST realm = \"y\" ,nonce=3");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].value("nonce"), Some(&b"1,2"[..]));
        assert_eq!((found[1].value("realm"), found[1].value("nonce")), (Some(&b"y"[..]), Some(&b"3"[..])));
    }

    #[test]
    fn escapes_are_removed_and_written_again() {
        let found = digests(r#"Digest realm="a \"b\" \\c""#);
        assert_eq!(found[0].value("realm"), Some(&br#"a "b" \c"#[..]));
        let mut out = b"Digest ".to_vec();
        push_quoted("realm", br#"a "b" \c"#, &mut out);
        assert_eq!(out, br#"Digest realm="a \"b\" \\c""#);
    }

    #[test]
    fn what_cannot_be_read_is_not_used() {
        for bad in [
            "Digest realm=\"open",
            "Digest realm=\"a\"b",
            "Digest realm=\"a\", realm=\"b\"",
            "Digest =\"a\"",
            "Digest realm=\"a\tb\"",
            "Digest",
            "",
        ] {
            assert!(digests(bad).is_empty(), "{bad}");
        }
    }

    #[test]
    fn parameters_and_schemes_beyond_the_limits_are_not_used() {
        let many: Vec<String> = (0..=AUTH_PARAMS).map(|n| format!("p{n}=1")).collect();
        assert!(digests(&format!("Digest {}", many.join(", "))).is_empty());
        let long = "x".repeat(AUTH_VALUE_OCTETS + 1);
        assert!(digests(&format!("Digest nonce=\"{long}\"")).is_empty());
        assert_eq!(digests(&"Digest a=1, ".repeat(AUTH_SCHEMES + 5)).len(), AUTH_SCHEMES);
    }
}
