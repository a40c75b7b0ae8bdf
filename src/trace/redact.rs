//! What nobody may read in a trace, masked in place: a message keeps its length, so that Content-Length and spans stay
//! right (PF-184, S-L1). Masked are credentials, SDP keys, ICE passwords, User-to-User, passwords in URIs, and every body
//! that is no session description and no message fragment: digits, texts, locations.

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The first word: `Digest`.
    Scheme,
    Nothing,
}

/// What a body is, as far as masking goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyKind {
    Description,
    /// Parts, of which descriptions are shown.
    Parts,
    /// Headers again (RFC 3420): status lines of a REFER's NOTIFY.
    Fragment,
    Other,
}

/// Masks a message.
pub fn redact(octets: &mut [u8]) {
    let body = body_start(octets);
    let (head, body) = octets.split_at_mut(body);
    let kind = mask_head(head);
    match kind {
        BodyKind::Description => each_line(body, mask_description_line),
        BodyKind::Parts => each_line(body, mask_part_line),
        BodyKind::Fragment => {
            mask_head(body);
            each_line(body, mask_description_line);
        }
        BodyKind::Other => mask(body),
    }
}

fn body_start(octets: &[u8]) -> usize {
    let crlf = memchr::memmem::find(octets, b"\r\n\r\n").map(|at| at + 4);
    let lf = memchr::memmem::find(octets, b"\n\n").map(|at| at + 2);
    crlf.into_iter().chain(lf).min().unwrap_or(octets.len())
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

/// Masks the head's secrets; says what its body is.
fn mask_head(head: &mut [u8]) -> BodyKind {
    let mut kind = BodyKind::Other;
    // What the folded line after this one belongs to.
    let mut hides_folds = false;
    for line in head.split_mut(|octet| *octet == b'\n') {
        if line.first().is_some_and(|octet| matches!(octet, b' ' | b'\t')) {
            if hides_folds {
                mask(line);
            }
            continue;
        }
        mask_uri_passwords(line);
        let Some(colon) = memchr::memchr(b':', line) else {
            hides_folds = false;
            continue;
        };
        let (name, value) = line.split_at_mut(colon);
        let name = name.trim_ascii().to_ascii_lowercase();
        let value = value.get_mut(1..).unwrap_or_default();
        if name == b"content-type" || name == b"c" {
            kind = kind_of(value);
        }
        let secret = SECRET_HEADERS.iter().find(|(secret, _)| secret.as_bytes() == name);
        hides_folds = secret.is_some();
        match secret {
            Some((_, Shown::Scheme)) => mask(after_first_word(value)),
            Some((_, Shown::Nothing)) => mask(value),
            None => {}
        }
    }
    kind
}

fn kind_of(value: &[u8]) -> BodyKind {
    let value = value.trim_ascii().to_ascii_lowercase();
    match value {
        _ if value.starts_with(b"application/sdp") => BodyKind::Description,
        _ if value.starts_with(b"multipart/") => BodyKind::Parts,
        _ if value.starts_with(b"message/sipfrag") => BodyKind::Fragment,
        _ => BodyKind::Other,
    }
}

fn after_first_word(value: &mut [u8]) -> &mut [u8] {
    let start = value.iter().position(|octet| *octet != b' ').unwrap_or(value.len());
    let word = value.iter().skip(start).position(|octet| *octet == b' ').map_or(value.len(), |at| start + at);
    value.get_mut(word.saturating_add(1)..).unwrap_or_default()
}

/// `sip:user:password@host`: the password.
fn mask_uri_passwords(line: &mut [u8]) {
    let mut from = 0;
    while let Some(at) = line.get(from..).and_then(|rest| memchr::memmem::find(rest, b"sip")) {
        let scheme = from + at;
        from = scheme + 3;
        let colon = if line.get(from) == Some(&b's') { from + 1 } else { from };
        if line.get(colon) != Some(&b':') {
            continue;
        }
        let rest = line.get_mut(colon + 1..).unwrap_or_default();
        let ends = |octet: &u8| matches!(octet, b'@' | b'>' | b',' | b'"' | b'<' | b' ' | b'\r');
        let Some(end) = rest.iter().position(ends).filter(|end| rest.get(*end) == Some(&b'@')) else { continue };
        if let Some(user) = rest.get_mut(..end)
            && let Some(password) = memchr::memchr(b':', user)
        {
            mask(user.get_mut(password + 1..).unwrap_or_default());
        }
    }
}

fn mask_description_line(line: &mut [u8]) {
    let lower = line.to_ascii_lowercase();
    for word in KEY_WORDS {
        if let Some(at) = memchr::memmem::find(&lower, word) {
            mask(line.get_mut(at + word.len()..).unwrap_or_default());
        }
    }
    if lower.trim_ascii_start().starts_with(b"k=") {
        let value = lower.iter().position(|octet| *octet == b'=').map_or(0, |at| at + 1);
        mask(line.get_mut(value..).unwrap_or_default());
    } else if is_keyless_crypto(&lower) {
        let words = line.splitn_mut(3, |octet| *octet == b' ');
        words.skip(2).for_each(mask);
    }
}

/// RFC 4568 writes `inline:`; who leaves it out has written a key all the same.
fn is_keyless_crypto(lower: &[u8]) -> bool {
    lower.trim_ascii_start().starts_with(b"a=crypto") && memchr::memmem::find(lower, b"inline:").is_none()
}

/// Of several parts: boundaries, their headers, and lines of descriptions.
fn mask_part_line(line: &mut [u8]) {
    let is_description = line.get(1) == Some(&b'=') && line.first().is_some_and(u8::is_ascii_lowercase);
    if is_description {
        mask_description_line(line);
    } else if !line.starts_with(b"--") && !line.to_ascii_lowercase().starts_with(b"content-") {
        mask(line);
    }
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
        let text = body("multipart/mixed;boundary=b", parts);
        assert!(text.contains("v=0\r\na=crypto:1 S inline:xxx\r\n--b\r\n"), "{text}");
        assert!(!text.contains("52"), "{text}");
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
    fn a_fragment_shows_its_status_line() {
        assert!(body("message/sipfrag;version=2.0", "SIP/2.0 180 Ringing\r\n").contains("SIP/2.0 180 Ringing"));
    }
}
