//! What nobody may read in a trace, masked in place: a message keeps its length, so that Content-Length and spans stay
//! right (PF-184, S-L1). Masked are credentials, SDP keys, ICE passwords, User-to-User, passwords in URIs, and every body
//! that is no session description and no message fragment: digits, texts, locations.

use memchr::memmem;

/// What a key or a password comes after, wherever it stands in a line: a description that cannot be read has its lines in
/// odd places.
const KEY_WORDS: [&[u8]; 4] = [b"inline:", b"ice-pwd:", b"key-mgmt:", b"\rk="];
/// What stands in the place of an octet.
const MASK: u8 = b'x';
/// Headers whose value is masked, after its first word where it begins with a scheme.
const SECRET_HEADERS: [(&str, Shown); 6] = [
    ("authorization", Shown::Scheme),
    ("proxy-authorization", Shown::Scheme),
    ("authentication-info", Shown::Nothing),
    ("proxy-authentication-info", Shown::Nothing),
    ("user-to-user", Shown::Nothing),
    ("x-user-to-user", Shown::Nothing),
];
/// What a URI may have in it besides (RFC 3261 19.1.1, RFC 7433 4.2): headers and body of the request it leads to, and the
/// digits to be sent once it is answered.
const SECRET_FIELDS: [&[u8]; 6] =
    [b"authorization=", b"proxy-authorization=", b"user-to-user=", b"x-user-to-user=", b"body=", b"postd="];
/// Parts within parts that are looked into.
const NESTED: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The first word: `Digest`.
    Scheme,
    Nothing,
}

/// What a body is, as far as masking goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum BodyKind {
    Description,
    /// Parts between lines of this text, each masked by its own type.
    Parts(Vec<u8>),
    /// Headers again (RFC 3420): status lines of a REFER's NOTIFY.
    Fragment,
    Other,
}

/// Masks a message.
pub fn redact(octets: &mut [u8]) {
    let end = head_end(octets).unwrap_or(octets.len());
    let (head, body) = octets.split_at_mut(end);
    let kind = mask_head(head);
    mask_body(body, kind, NESTED);
}

fn mask_body(body: &mut [u8], kind: BodyKind, depth: usize) {
    match kind {
        BodyKind::Description => each_line(body, mask_description_line),
        BodyKind::Parts(delimiter) if depth > 0 => mask_parts(body, &delimiter, depth - 1),
        BodyKind::Fragment => {
            mask_head(body);
            each_line(body, mask_description_line);
        }
        BodyKind::Parts(_) | BodyKind::Other => mask(body),
    }
}

/// What stands before the first delimiter, after the last one, or after one that nothing closes, is nobody's part.
fn mask_parts(body: &mut [u8], delimiter: &[u8], depth: usize) {
    let (mut rest, mut is_part) = (body, false);
    while let Some((start, end, closes)) = delimiter_line(rest, delimiter) {
        let (before, after) = rest.split_at_mut(end);
        let text = before.get_mut(..start).unwrap_or_default();
        match head_end(text).filter(|_| is_part) {
            Some(end) => {
                let (head, body) = text.split_at_mut(end);
                let kind = mask_head(head);
                each_line(head, mask_foreign_line);
                mask_body(body, kind, depth);
            }
            None => mask(text),
        }
        (rest, is_part) = (after, !closes);
    }
    mask(rest);
}

/// A part's head has nothing but these to tell.
fn mask_foreign_line(line: &mut [u8]) {
    if !line.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"content-")) {
        mask(line);
    }
}

/// Where the next delimiter's line begins and ends, and whether it is the last one.
fn delimiter_line(octets: &[u8], delimiter: &[u8]) -> Option<(usize, usize, bool)> {
    let mut start = 0;
    octets.split_inclusive(|octet| *octet == b'\n').find_map(|line| {
        let begin = start;
        start += line.len();
        let after = line.trim_ascii_end().strip_prefix(delimiter)?;
        (after.is_empty() || after == b"--").then_some((begin, start, !after.is_empty()))
    })
}

/// Where a head ends, its empty line with it. A part may begin with that line.
fn head_end(octets: &[u8]) -> Option<usize> {
    let empty = [b"\r\n".as_slice(), b"\n"].into_iter().find(|line| octets.starts_with(line)).map(<[u8]>::len);
    let crlf = || memmem::find(octets, b"\r\n\r\n").map(|at| at + 4);
    let lf = || memmem::find(octets, b"\n\n").map(|at| at + 2);
    empty.or_else(|| crlf().into_iter().chain(lf()).min())
}

/// Line ends stay: the shape of what is hidden may be seen.
fn mask(octets: &mut [u8]) {
    for octet in octets.iter_mut().filter(|octet| !matches!(octet, b'\r' | b'\n')) {
        *octet = MASK;
    }
}

fn each_line(octets: &mut [u8], act: impl Fn(&mut [u8])) {
    octets.split_mut(|octet| *octet == b'\n').for_each(act);
}

/// The header that folded lines go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    Secret,
    ContentType,
    Other,
}

/// Masks the head's secrets; says what its body is.
fn mask_head(head: &mut [u8]) -> BodyKind {
    let (mut content_type, mut header) = (Vec::new(), Header::Other);
    for line in head.split_mut(|octet| *octet == b'\n') {
        if line.first().is_some_and(|octet| matches!(octet, b' ' | b'\t')) {
            match header {
                Header::Secret => mask(line),
                Header::ContentType => content_type.extend_from_slice(line.trim_ascii()),
                Header::Other => mask_uris(line),
            }
            continue;
        }
        mask_uris(line);
        let Some(colon) = memchr::memchr(b':', line) else {
            header = Header::Other;
            continue;
        };
        let (name, value) = line.split_at_mut(colon);
        let name = name.trim_ascii().to_ascii_lowercase();
        let value = value.get_mut(1..).unwrap_or_default();
        header = mask_value(&name, value);
        if header == Header::ContentType {
            content_type = value.trim_ascii().to_vec();
        }
    }
    kind_of(&content_type)
}

fn mask_value(name: &[u8], value: &mut [u8]) -> Header {
    if name == b"content-type" || name == b"c" {
        return Header::ContentType;
    }
    match SECRET_HEADERS.iter().find(|(secret, _)| secret.as_bytes() == name) {
        Some((_, Shown::Scheme)) => mask(after_scheme_word(value)),
        Some((_, Shown::Nothing)) => mask(value),
        None => return Header::Other,
    }
    Header::Secret
}

fn kind_of(content_type: &[u8]) -> BodyKind {
    let lower = content_type.to_ascii_lowercase();
    if lower.starts_with(b"application/sdp") {
        BodyKind::Description
    } else if lower.starts_with(b"message/sipfrag") {
        BodyKind::Fragment
    } else if lower.starts_with(b"multipart/") {
        delimiter(content_type, &lower).map_or(BodyKind::Other, BodyKind::Parts)
    } else {
        BodyKind::Other
    }
}

/// What the lines between parts begin with (RFC 2046 5.1.1).
fn delimiter(content_type: &[u8], lower: &[u8]) -> Option<Vec<u8>> {
    const PARAMETER: &[u8] = b"boundary=";
    let value = content_type.get(memmem::find(lower, PARAMETER)? + PARAMETER.len()..)?;
    let boundary = match value.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|octet| *octet == b'"').next()?,
        None => value.split(|octet| *octet == b';' || octet.is_ascii_whitespace()).next()?,
    };
    (!boundary.is_empty()).then(|| [b"--", boundary].concat())
}

/// All but the scheme; where there is no more than one word, that one.
fn after_scheme_word(value: &mut [u8]) -> &mut [u8] {
    let start = value.iter().position(|octet| !octet.is_ascii_whitespace()).unwrap_or(value.len());
    let word = value.iter().skip(start).position(|octet| matches!(octet, b' ' | b'\t')).map_or(0, |at| start + at + 1);
    value.get_mut(word..).unwrap_or_default()
}

fn mask_uris(line: &mut [u8]) {
    mask_passwords(line);
    mask_fields(line);
}

/// Neither stands in a URI.
const fn ends_uri(octet: u8) -> bool {
    matches!(octet, b'<' | b'>' | b'"') || octet.is_ascii_whitespace()
}

/// `sip:user:password@host`, in any scheme and in either case: the password.
fn mask_passwords(line: &mut [u8]) {
    let mut from = 0;
    while let Some(at) = line.get(from..).and_then(|rest| memchr::memchr(b'@', rest)).map(|at| from + at) {
        let uri = line.get_mut(from..at).unwrap_or_default();
        let start = uri.iter().rposition(|octet| ends_uri(*octet)).map_or(0, |end| end + 1);
        let uri = uri.get_mut(start..).unwrap_or_default();
        if let Some(user) = user_start(uri)
            && let Some(password) = uri.iter().skip(user).position(|octet| *octet == b':')
        {
            mask(uri.get_mut(user + password + 1..).unwrap_or_default());
        }
        from = at + 1;
    }
}

/// Where the user part begins: after the scheme, which a header's name may stand before.
fn user_start(uri: &[u8]) -> Option<usize> {
    let lower = uri.to_ascii_lowercase();
    let after = |scheme: &[u8]| memmem::find(&lower, scheme).map(|at| at + scheme.len());
    [after(b"sip:"), after(b"sips:"), after(b"://")].into_iter().flatten().min()
}

/// `?User-to-User=value`, and the other fields that nobody may read. What a value has in it is masked with it, and not
/// looked at again: a line is as long as its sender likes.
fn mask_fields(line: &mut [u8]) {
    let lower = line.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower.get(from..).and_then(|rest| rest.iter().position(|octet| begins_field(*octet))) {
        let name = from + at + 1;
        let after = lower.get(name..).unwrap_or_default();
        from = match SECRET_FIELDS.iter().find(|field| after.starts_with(field)) {
            Some(field) => {
                let value = line.get_mut(name + field.len()..).unwrap_or_default();
                let end = value.iter().position(|octet| ends_value(*octet)).unwrap_or(value.len());
                mask(value.get_mut(..end).unwrap_or_default());
                name + field.len() + end
            }
            None => name,
        };
    }
}

const fn begins_field(octet: u8) -> bool {
    matches!(octet, b'?' | b'&' | b';')
}

const fn ends_value(octet: u8) -> bool {
    matches!(octet, b'&' | b'@') || ends_uri(octet)
}

fn mask_description_line(line: &mut [u8]) {
    let lower = line.to_ascii_lowercase();
    for word in KEY_WORDS {
        if let Some(at) = memmem::find(&lower, word) {
            mask(line.get_mut(at + word.len()..).unwrap_or_default());
        }
    }
    let start = lower.trim_ascii_start();
    if start.starts_with(b"k=") {
        let value = lower.iter().position(|octet| *octet == b'=').map_or(0, |at| at + 1);
        mask(line.get_mut(value..).unwrap_or_default());
    } else if start.starts_with(b"a=crypto") {
        let indent = lower.len() - start.len();
        mask_keys(line.get_mut(indent..).unwrap_or_default());
    }
}

/// RFC 4568 9.1: tag, suite, and then keys, each after the word `inline:`; who leaves that out or writes another one has
/// written a key all the same.
fn mask_keys(line: &mut [u8]) {
    const METHOD: &[u8] = b"inline:";
    let mut words = line.splitn_mut(3, |octet| octet.is_ascii_whitespace());
    let keys = words.nth(2).unwrap_or_default();
    let is_known = keys.get(..METHOD.len()).is_some_and(|word| word.eq_ignore_ascii_case(METHOD));
    mask(keys.get_mut(if is_known { METHOD.len() } else { 0 }..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut octets = text.as_bytes().to_vec();
        redact(&mut octets);
        assert_eq!(octets.len(), text.len());
        String::from_utf8(octets).unwrap()
    }

    fn body(kind: &str, body: &str) -> String {
        shown(&format!("INFO sip:a@b SIP/2.0\r\nContent-Type: {kind}\r\nCall-ID: 1\r\n\r\n{body}"))
    }

    #[test]
    fn keys_of_a_description_are_masked_and_the_rest_is_not() {
        let text = body(
            "application/sdp",
            "v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^31\r\na=ice-pwd:pw\r\nm=audio 1 RTP/SAVP 8\r\n",
        );
        assert!(
            text.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxxxxxxxxxxx\r\na=ice-pwd:xx\r\nm=audio 1"),
            "{text}"
        );
    }

    #[test]
    fn keys_in_descriptions_that_cannot_be_read_are_masked_too() {
        for odd in [
            "v=0\ra=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:S3CRET\r",
            " a=crypto:1 AES_CM_128_HMAC_SHA1_80 INLINE:S3CRET\r\n",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 S3CRET\r\n",
            "a=crypto :1 AES_CM_128_HMAC_SHA1_80  S3CRET\r\n",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 other:S3CRET;inline:S3CRET\r\n",
            "a=crypto:1\tAES_CM_128_HMAC_SHA1_80\tS3CRET\r\n",
            "m=audio 1 RTP/SAVP 8 a=ice-pwd:S3CRET\r\n",
            "v=0\rk=clear:S3CRET\r",
            " k=clear:S3CRET\r\n",
        ] {
            for kind in ["application/sdp", "message/sipfrag"] {
                let text = body(kind, odd);
                assert!(!text.contains("S3CRET"), "{kind}: {text:?}");
            }
        }
    }

    #[test]
    fn credentials_are_masked_over_their_folds() {
        let text = shown(
            "REGISTER sip:r SIP/2.0\r\nAuthorization: Digest username=\"u\",\r\n response=\"abc\"\r\nCall-ID: 1\r\n\r\n",
        );
        assert!(text.contains("Authorization: Digest xxx"), "{text}");
        assert!(!text.contains("username") && !text.contains("abc") && text.contains("Call-ID: 1"), "{text}");
    }

    #[test]
    fn digits_texts_and_locations_are_masked() {
        for (kind, hidden) in [
            ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"),
            ("application/dtmf", "7"),
            ("text/plain", "my PIN is 4711"),
            ("application/pidf+xml", "<gml:pos>52.5 13.4</gml:pos>"),
        ] {
            let text = body(kind, hidden);
            let rest = text.split_once("\r\n\r\n").unwrap().1;
            assert!(rest.bytes().all(|octet| matches!(octet, b'x' | b'\r' | b'\n')), "{text}");
        }
    }

    #[test]
    fn of_parts_the_description_is_shown_without_its_keys() {
        let parts = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\na=crypto:1 S inline:KEY\r\n--b\r\nContent-Type: application/pidf+xml\r\n\r\n<pos>52</pos>\r\n--b--\r\n";
        for kind in ["multipart/mixed;boundary=b", "multipart/mixed;\r\n boundary=\"b\";x=y"] {
            let text = body(kind, parts);
            assert!(text.contains("v=0\r\na=crypto:1 S inline:xxx\r\n--b\r\n"), "{text}");
            assert!(!text.contains("52"), "{text}");
        }
    }

    #[test]
    fn a_part_that_looks_like_a_description_or_a_delimiter_is_masked_by_its_type() {
        let hidden = "p=4711\r\n--4711\r\nContent-4711: 4711\r\n\r\na=4711";
        let inner = format!("--i\r\n\r\n{hidden}\r\n--i\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--i--\r\n");
        let parts = format!(
            "{hidden}\r\n--b\r\nContent-Type: text/plain\r\n\r\n{hidden}\r\n--b\r\np=4711\r\n\r\n--b\r\n\
             a=4711\r\n--b\r\n\
             Content-Type: multipart/mixed;boundary=i\r\n\r\n{inner}\r\n--b--\r\n{hidden}"
        );
        let text = body("multipart/mixed;boundary=\"b\"", &parts);
        assert!(text.contains("\r\n\r\nv=0\r\n--i--\r\n\r\n--b--\r\n"), "{text}");
        // Of a part without an empty line nobody knows where its head ends.
        assert_eq!(text.matches("4711").count(), 0, "{text}");
        for unclosed in ["multipart/mixed", "multipart/mixed;boundary=c"] {
            assert!(!body(unclosed, &parts).contains("4711"));
        }
    }

    #[test]
    fn a_password_in_a_uri_and_the_users_data_are_masked() {
        let text =
            shown("INVITE sip:bob:hunter2@h SIP/2.0\r\nUser-to-User: 0400;encoding=hex\r\nTo: <sip:bob@h>\r\n\r\n");
        assert_eq!(
            text,
            "INVITE sip:bob:xxxxxxx@h SIP/2.0\r\nUser-to-User:xxxxxxxxxxxxxxxxxxx\r\nTo: <sip:bob@h>\r\n\r\n"
                .replace("xxxxxxxxxxxxxxxxxxx\r\nTo", &format!("{}\r\nTo", "x".repeat(18)))
        );
    }

    #[test]
    fn passwords_keys_and_data_are_masked_wherever_they_may_stand() {
        for odd in [
            "From: <SIP:bob:S3CRET@h>;tag=1",
            "From:Sips:bob:S3CRET@h;tag=1",
            "From: <sip:bob:a,S3CRET@h>",
            "From: <sip:bob;x=1?y:a&=+$S3CRET@h>",
            "Contact: <sip:[::1]:5060>,\r\n <sip:bob:S3CRET@[::1]>",
            "Call-Info: <https://bob:S3CRET@h/x>;purpose=icon",
            "Refer-To: <sip:a@h?Replaces=1%40h&User-to-User=S3CRET%3Bencoding%3Dhex>",
            "Refer-To: sip:a@h?x-user-to-user=S3CRET",
            "Contact: <sip:a@h?Authorization=Digest%20S3CRET&body=S3CRET>",
            "To: <tel:+4930;postd=ppS3CRET;x=y>",
            "To: <sip:+4930;postd=ppS3CRET@h>",
            "Contact: <sip:a;postd=1;body=S3CRET;postd=S3CRET@h?body=1&?;postd=;body=S3CRET>,<sip:b@h;postd=S3CRET>",
            "Authorization:\tDigest\tusername=\"S3CRET\"",
            "Proxy-Authorization: S3CRET",
            "Authorization:\r\n\tDigest S3CRET",
        ] {
            let text = shown(&format!("INVITE sip:b@h SIP/2.0\r\n{odd}\r\nCall-ID: 1\r\n\r\n"));
            assert!(!text.contains("S3CRET") && text.contains("\r\nCall-ID: 1\r\n"), "{text}");
        }
        let text =
            shown("INVITE sip:b@h SIP/2.0\r\nRefer-To: <sip:a@h;user=phone?Replaces=1%40h&Require=replaces>\r\n\r\n");
        assert!(text.contains("<sip:a@h;user=phone?Replaces=1%40h&Require=replaces>"), "{text}");
    }

    #[test]
    fn a_fragment_shows_its_status_line() {
        assert!(body("message/sipfrag;version=2.0", "SIP/2.0 180 Ringing\r\n").contains("SIP/2.0 180 Ringing"));
    }
}
