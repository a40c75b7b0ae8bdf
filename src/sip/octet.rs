//! What an octet may be, in one table. The grammar asks for nearly every octet of a message: one load costs less than a
//! chain of comparisons, and all classes come with it.

use super::grammar::is_token_octet;

/// A set of octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class(u16);

impl Class {
    /// RFC 3261 25.1 `token`.
    pub const TOKEN: Class = Class(1);
    /// What may stand in a URI: no control octet, no space, none of the delimiters around URIs. Octets above 127 are let
    /// through, because a peer's broken escaping is no reason to lose its call.
    pub const URI: Class = Class(1 << 1);
    /// Letters, digits, hyphen, dot; the underscore is no host name's but is met.
    pub const HOST: Class = Class(1 << 2);
    /// What may stand in a display name without quotes. Wider than `*(token LWS)`: parentheses, slashes and octets above
    /// 127 are met; commas and semicolons would change what a list means, and quotes must be whole.
    pub const DISPLAY: Class = Class(1 << 3);
    /// A header parameter's name. Wider than `token`: peers write slashes and colons in names of their own.
    pub const PARAM_NAME: Class = Class(1 << 4);
    /// A header parameter's value without quotes.
    pub const PARAM_VALUE: Class = Class(1 << 5);
    /// What a URI has before its at sign.
    pub const BEFORE_AT: Class = Class(1 << 6);
    /// A host of any kind and the port behind it.
    pub const HOST_PORT: Class = Class(1 << 7);
    /// What a URI has before the question mark of its header part.
    pub const BEFORE_HEADERS: Class = Class(1 << 8);

    /// Whether every octet is of the class; no octet at all is.
    pub fn has_all(self, octets: &[u8]) -> bool {
        self.run(octets) == octets.len()
    }

    /// How many octets from the first on are of the class.
    #[inline(never)]
    pub fn run(self, octets: &[u8]) -> usize {
        let mut rest = octets;
        // Four are judged together: most names and values are longer.
        while let Some((four, after)) = rest.split_first_chunk::<4>() {
            if four.iter().fold(self.0, |held, &octet| held & classes_of(octet)) == 0 {
                break;
            }
            rest = after;
        }
        let others = rest.iter().take_while(|&&octet| classes_of(octet) & self.0 != 0).count();
        octets.len().saturating_sub(rest.len()).saturating_add(others)
    }

    /// The octets from the first on that are of the class, and what follows them.
    pub fn leading(self, octets: &[u8]) -> (&[u8], &[u8]) {
        octets.split_at_checked(self.run(octets)).unwrap_or((octets, &[]))
    }

    const fn bit_if(self, holds: bool) -> u16 {
        if holds { self.0 } else { 0 }
    }
}

fn classes_of(octet: u8) -> u16 {
    CLASSES.get(usize::from(octet)).copied().unwrap_or_default()
}

static CLASSES: [u16; 256] = table();

#[expect(clippy::indexing_slicing, reason = "the compiler builds the table, and would not build past its end")]
const fn table() -> [u16; 256] {
    let mut classes = [0; 256];
    let mut octet = 0;
    loop {
        classes[octet as usize] = judged(octet);
        if octet == u8::MAX {
            return classes;
        }
        octet += 1;
    }
}

const fn judged(octet: u8) -> u16 {
    let is_visible = octet > b' ' && octet != 0x7f;
    let is_text = octet >= b' ' || octet == b'\t';
    let is_uri = is_visible && !matches!(octet, b'<' | b'>' | b'"');
    let is_host = octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    Class::TOKEN.bit_if(is_token_octet(octet))
        | Class::URI.bit_if(is_uri)
        | Class::HOST.bit_if(is_host)
        | Class::DISPLAY.bit_if(is_text && !matches!(octet, b'"' | b',' | b';' | b'<' | b'>' | b'\\' | 0x7f))
        | Class::PARAM_NAME.bit_if(is_uri && !matches!(octet, b',' | b';' | b'='))
        | Class::PARAM_VALUE.bit_if(is_visible && !matches!(octet, b'"' | b',' | b';'))
        | Class::BEFORE_AT.bit_if(is_uri && octet != b'@')
        | Class::HOST_PORT.bit_if(is_host || matches!(octet, b':' | b'[' | b']'))
        | Class::BEFORE_HEADERS.bit_if(is_uri && octet != b'?')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(class: Class) -> Vec<u8> {
        (0..=u8::MAX).filter(|&octet| class.has_all(&[octet])).collect()
    }

    #[test]
    fn tokens_and_hosts_are_of_few_octets() {
        let tokens: Vec<u8> = (0..=u8::MAX).filter(|&octet| is_token_octet(octet)).collect();
        assert_eq!(members(Class::TOKEN), tokens);
        assert_eq!(members(Class::HOST), b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
    }

    #[test]
    fn the_wide_classes_leave_out_what_delimits_them() {
        let left_out = |class| (b'!'..=u8::MAX).filter(|octet| !members(class).contains(octet)).collect::<Vec<_>>();
        assert_eq!(left_out(Class::URI), b"\"<>\x7f");
        assert_eq!(left_out(Class::DISPLAY), b"\",;<>\\\x7f");
        assert_eq!(left_out(Class::PARAM_NAME), b"\",;<=>\x7f");
        assert_eq!(left_out(Class::PARAM_VALUE), b"\",;\x7f");
        assert_eq!(left_out(Class::BEFORE_AT), b"\"<>@\x7f");
        assert_eq!(left_out(Class::BEFORE_HEADERS), b"\"<>?\x7f");
        for class in [Class::URI, Class::PARAM_NAME, Class::PARAM_VALUE, Class::BEFORE_AT, Class::BEFORE_HEADERS] {
            assert!((0..=b' ').all(|octet| !class.has_all(&[octet])));
        }
        assert!(Class::DISPLAY.has_all(b" \t") && !Class::DISPLAY.has_all(b"\r") && !Class::DISPLAY.has_all(b"\0"));
    }

    #[test]
    fn one_octet_of_another_class_is_enough() {
        assert!(Class::HOST.has_all(b"") && Class::HOST.has_all(b"a-1.example"));
        for bad in [b"a b.example".as_slice(), b" a", b"a ", b"a\xff"] {
            assert!(!Class::HOST.has_all(bad));
        }
    }
}
