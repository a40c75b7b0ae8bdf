//! What a location object says (PIDF-LO, RFC 4119; civic elements RFC 5139): the text of one of its elements.
//!
//! Simplified: a reader of tags and texts, not of XML. No namespaces (a prefix is passed over), no document type, no
//! entities but those of XML itself; a broken document gives the texts up to its break. Octets that are no UTF-8 are
//! replaced.

use memchr::memmem;

/// Octets of a text at most; a longer one is cut.
const TEXT_OCTETS: usize = 512;
/// Octets between `&` and `;`.
const ENTITY_OCTETS: usize = 8;

/// The text of the first element of this local name that has one, trimmed. Names are compared as they are written.
pub fn text_of(document: &[u8], element: &str) -> Option<String> {
    let mut rest = document;
    while let Some(tag) = next_tag(&mut rest) {
        if local_name(tag) == element.as_bytes() && !tag.ends_with(b"/") {
            let found = text(rest);
            if !found.is_empty() {
                return Some(found);
            }
        }
    }
    None
}

/// What stands in the next opening tag, without its brackets; `rest` begins behind it.
fn next_tag<'d>(rest: &mut &'d [u8]) -> Option<&'d [u8]> {
    loop {
        let after = rest.get(memchr::memchr(b'<', rest)?.saturating_add(1)..)?;
        let end = [(&b"!--"[..], &b"-->"[..]), (b"![CDATA[", b"]]>"), (b"?", b"?>")];
        if let Some((_, end)) = end.into_iter().find(|(begin, _)| after.starts_with(begin)) {
            *rest = after.get(memmem::find(after, end)?.saturating_add(end.len())..)?;
            continue;
        }
        let length = tag_octets(after)?;
        let tag = after.get(..length)?;
        *rest = after.get(length.saturating_add(1)..)?;
        if !tag.starts_with(b"/") && !tag.starts_with(b"!") {
            return Some(tag);
        }
    }
}

/// Octets up to the bracket that closes a tag; one inside a quoted value does not.
fn tag_octets(tag: &[u8]) -> Option<usize> {
    let mut quote = None;
    tag.iter().position(|octet| {
        match (quote, *octet) {
            (None, b'>') => return true,
            (None, mark @ (b'"' | b'\'')) => quote = Some(mark),
            (Some(mark), octet) if octet == mark => quote = None,
            (Some(_) | None, _) => {}
        }
        false
    })
}

/// The name of a tag, without its prefix.
fn local_name(tag: &[u8]) -> &[u8] {
    let name = tag.split(|octet| octet.is_ascii_whitespace() || *octet == b'/').next().unwrap_or_default();
    name.rsplit(|octet| *octet == b':').next().unwrap_or_default()
}

/// Text up to the next tag.
fn text(rest: &[u8]) -> String {
    let end = memchr::memchr(b'<', rest).unwrap_or(rest.len()).min(TEXT_OCTETS);
    let raw = String::from_utf8_lossy(rest.get(..end).unwrap_or_default());
    unescaped(raw.trim())
}

fn unescaped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut pieces = raw.split('&');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        match piece.split_once(';').and_then(|(name, rest)| Some((character(name)?, rest))) {
            Some((character, rest)) => {
                out.push(character);
                out.push_str(rest);
            }
            None => {
                out.push('&');
                out.push_str(piece);
            }
        }
    }
    out
}

/// XML 1.0 4.1 and 4.6.
fn character(name: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ if name.len() > ENTITY_OCTETS => None,
        _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(hex), _) => number(hex, 16),
            (None, Some(decimal)) => number(decimal, 10),
            (None, None) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "<?xml version=\"1.0\"?><!-- <ca:ELIN>1</ca:ELIN> -->\r\n<presence xmlns='urn:x' entity=\"a>b\">\
                         <ca:civicAddress><ca:country>US</ca:country><ca:NAM/><ca:ELIN> </ca:ELIN>\
                         <ca:LOC>2nd &amp; 3rd &#x46;loor &bogus; &#9999999;</ca:LOC>\
                         <ca:ELIN a='>'>\r\n +1425-555-0100; 4255550101 </ca:ELIN></ca:civicAddress></presence>";

    #[test]
    fn the_first_text_of_a_name_is_found_whatever_its_prefix() {
        let found = |name| text_of(PLACE.as_bytes(), name);
        assert_eq!(found("ELIN").as_deref(), Some("+1425-555-0100; 4255550101"));
        assert_eq!(found("country").as_deref(), Some("US"));
        assert_eq!(found("LOC").as_deref(), Some("2nd & 3rd Floor &bogus; &#9999999;"));
        assert_eq!((found("NAM"), found("elin"), found("ca:ELIN"), found("")), (None, None, None, None));
    }

    #[test]
    fn a_document_cut_anywhere_is_read_as_far_as_it_goes() {
        for end in 0..PLACE.len() {
            let cut = &PLACE.as_bytes()[..end];
            assert!(text_of(cut, "ELIN").is_none_or(|text| "+1425-555-0100; 4255550101".starts_with(&text)));
        }
    }

    #[test]
    fn hostile_documents_are_read_once_through() {
        let deep = "<a>".repeat(20_000) + "<ELIN>7</ELIN>";
        assert_eq!(text_of(deep.as_bytes(), "ELIN").as_deref(), Some("7"));
        let bombs = ["<".repeat(60_000), "<!--".repeat(15_000), "<a b='".repeat(10_000), "&".repeat(60_000)];
        for bomb in bombs {
            assert_eq!(text_of(bomb.as_bytes(), "ELIN"), None);
        }
        let long = format!("<ELIN>{}</ELIN>", "9".repeat(60_000));
        assert_eq!(text_of(long.as_bytes(), "ELIN").map(|text| text.len()), Some(TEXT_OCTETS));
        assert_eq!(text_of(b"<ELIN>\xff\xfe</ELIN>", "ELIN").as_deref(), Some("\u{fffd}\u{fffd}"));
    }
}
