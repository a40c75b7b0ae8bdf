//! From the octets of a file that people write to its text: what no text can hold is told in words that say how to mend it,
//! before anybody tries to read the text as something.

/// Why octets are no text, and where. Completes the sentence "FILE:LINE ...".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Illegible {
    /// From 1.
    pub(super) line: usize,
    pub(super) text: String,
}

/// The text, without the byte order mark that some editors begin it with.
pub(super) fn text_of(octets: Vec<u8>) -> Result<String, Illegible> {
    if let Some(name) = wide(&octets) {
        let text = format!("the file is {name}; save it as UTF-8");
        return Err(Illegible { line: 1, text });
    }
    let text =
        String::from_utf8(octets).map_err(|error| foreign(error.as_bytes(), error.utf8_error().valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    match flaw(&text) {
        Some((place, told)) => Err(Illegible { line: line_at(text.as_bytes(), place), text: told.to_owned() }),
        None => Ok(text),
    }
}

/// Unicode in units of two or four octets, by its mark or, without one, by the zeros beside each letter.
fn wide(octets: &[u8]) -> Option<&'static str> {
    const LOOKED_AT: usize = 64;
    match octets {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some("UTF-16"),
        _ => {}
    }
    let begin = octets.get(..LOOKED_AT.min(octets.len())).unwrap_or_default();
    let zeros = |offset: usize| begin.iter().skip(offset).step_by(2).filter(|octet| **octet == 0).count();
    let (even, odd, units) = (zeros(0), zeros(1), begin.len() / 2);
    let is_wide = units >= 2 && even.abs_diff(odd) >= units.div_ceil(2);
    is_wide.then_some("UTF-16")
}

/// The line of the first octet that is no UTF-8, and what that octet is.
fn foreign(octets: &[u8], place: usize) -> Illegible {
    let octet = octets.get(place).copied().unwrap_or_default();
    let line = line_at(octets, place);
    Illegible { line, text: format!("is not UTF-8 (octet 0x{octet:02x}); save the file as UTF-8 text") }
}

/// The first thing that is UTF-8 and yet in no text that was saved whole.
fn flaw(text: &str) -> Option<(usize, &'static str)> {
    const NUL: &str = "holds a NUL octet (0x00): the file is damaged, or no text; write it anew from a good copy";
    const MARK: &str = "holds a byte order mark, which may only begin a file: two files were joined; delete it (the first character, unseen)";
    const RETURN: &str = "holds a carriage return that ends no line; save the file with line ends LF or CR LF";
    let octets = text.as_bytes();
    let nul = memchr::memchr(0, octets).map(|place| (place, NUL));
    let mark = text.find('\u{feff}').map(|place| (place, MARK));
    let alone = |place: &usize| octets.get(place.saturating_add(1)) != Some(&b'\n');
    let bare = memchr::memchr_iter(b'\r', octets).find(alone).map(|place| (place, RETURN));
    [nul, mark, bare].into_iter().flatten().min()
}

/// The line of an octet, from 1.
fn line_at(octets: &[u8], place: usize) -> usize {
    let before = octets.get(..place).unwrap_or(octets);
    memchr::memchr_iter(b'\n', before).count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(octets: &[u8]) -> (usize, String) {
        let Illegible { line, text } = text_of(octets.to_vec()).unwrap_err();
        (line, text)
    }

    fn units(text: &str, write: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(write).collect()
    }

    #[test]
    fn wide_text_is_known_with_its_mark_and_without() {
        let text = "[node]\nname = \"sbc1\" # Kölner Straße\n";
        for write in [u16::to_le_bytes, u16::to_be_bytes] {
            assert_eq!(refused(&units(text, write)), (1, "the file is UTF-16; save it as UTF-8".to_owned()));
            assert_eq!(refused(&units(&format!("\u{feff}{text}"), write)).1, "the file is UTF-16; save it as UTF-8");
        }
        let long: Vec<u8> = "\u{feff}[node]".chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect();
        assert_eq!(refused(&long).1, "the file is UTF-32; save it as UTF-8");
    }

    #[test]
    fn a_flaw_is_told_with_its_line() {
        let told = |octets: &[u8], line, says: &str| {
            let (found, text) = refused(octets);
            assert_eq!(found, line, "{text}");
            assert!(text.contains(says), "{text}");
        };
        told(b"a = 1\nb = \"x\0y\"\n", 2, "NUL");
        told(&[0; 5000], 1, "NUL");
        told(b"a = 1\nb = \"M\xfcller\"\n", 2, "is not UTF-8 (octet 0xfc)");
        told(b"[a]\rb = 1\rc = 2\r", 1, "carriage return");
        told(b"[a]\r\nb = 1\rc = 2\r\n", 2, "carriage return");
        told("[a]\n\u{feff}[b]\n".as_bytes(), 2, "byte order mark");
    }

    #[test]
    fn every_other_text_is_taken_as_it_is() {
        assert_eq!(text_of("\u{feff}a = 1\r\n".as_bytes().to_vec()), Ok("a = 1\r\n".to_owned()));
        for text in ["", "a", "ä = \"ö\"\n# 漢字\n", "\u{7}\n"] {
            assert_eq!(text_of(text.as_bytes().to_vec()).as_deref(), Ok(text));
        }
    }
}
