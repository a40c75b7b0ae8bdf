//! The ways a secret may be written down, and where one of them stands.

use trunkline::base::text::Escaped;

pub fn alphabet(last: &[u8; 2]) -> [u8; 64] {
    let all: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last).collect();
    all.try_into().unwrap()
}

/// Without padding.
pub fn base64(octets: &[u8], alphabet: &[u8; 64]) -> String {
    octets
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk.iter().fold(0u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - chunk.len()));
            (0..=chunk.len())
                .map(move |place| char::from(alphabet[(bits >> (18 - 6 * place)) as usize & 63]))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The digits of base64 that are the octets' own, wherever in a longer text they stand.
fn base64_anywhere(octets: &[u8], alphabet: &[u8; 64]) -> impl Iterator<Item = String> {
    (0..3usize).map(move |before| {
        let text = base64(&[vec![0; before], octets.to_vec()].concat(), alphabet);
        let first = (before * 8).div_ceil(6);
        let whole = (before + octets.len()) * 8 / 6;
        text[first..whole].to_owned()
    })
}

/// Raw, escaped, in both cases of hexadecimal with what may stand between, as a list of numbers, in both alphabets of
/// base64, and URL-encoded.
fn spellings(octets: &[u8]) -> Vec<Vec<u8>> {
    let joined = |shown: &dyn Fn(&u8) -> String, between: &str| {
        octets.iter().map(shown).collect::<Vec<_>>().join(between).into_bytes()
    };
    let mut all = vec![octets.to_vec(), Escaped::new(octets).to_string().into_bytes()];
    for between in ["", ":", " ", "\\x", ", 0x"] {
        all.push(joined(&|octet| format!("{octet:02x}"), between));
        all.push(joined(&|octet| format!("{octet:02X}"), between));
    }
    all.extend([", ", ",", " "].map(|between| joined(&|octet| octet.to_string(), between)));
    for last in [b"+/", b"-_"] {
        all.extend(base64_anywhere(octets, &alphabet(last)).map(String::into_bytes));
    }
    let plain = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~".contains(octet);
    let percent = |octet: &u8| if plain(octet) { char::from(*octet).to_string() } else { format!("%{octet:02X}") };
    all.push(joined(&percent, ""));
    all.push(joined(&|octet| percent(octet).to_lowercase(), ""));
    all
}

/// Where a secret is to be read, in any of its spellings. `secrets`: what it is, and its octets.
pub fn places(secrets: &[(String, Vec<u8>)], written: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut found = Vec::new();
    for (what, octets) in secrets {
        assert!(octets.len() >= 8, "{what} would be found by chance");
        for spelling in spellings(octets) {
            let holds = |(_, text): &&(String, Vec<u8>)| memchr::memmem::find(text, &spelling).is_some();
            let shown = String::from_utf8_lossy(&spelling);
            found.extend(written.iter().filter(holds).map(|(place, _)| format!("{what} as {shown} in {place}")));
        }
    }
    found
}

#[test]
fn a_secret_is_found_in_each_spelling() {
    let secret = ("it".to_owned(), b"pa+ss/w\xf0rd".to_vec());
    let digits = b"+/";
    for text in [
        "70612b73732f77f0726400",
        "70:61:2B:73:73:2F:77:F0:72:64",
        "[112, 97, 43, 115, 115, 47, 119, 240, 114, 100]",
        "x pa%2Bss%2Fw%F0rd",
        &base64(b"user:pa+ss/w\xf0rd!", &alphabet(digits)),
        &base64(b"user1:pa+ss/w\xf0rd", &alphabet(b"-_")),
        &base64(b"pa+ss/w\xf0rd", &alphabet(digits)),
    ] {
        let written = [(text.to_owned(), text.as_bytes().to_vec())];
        assert!(!places(std::slice::from_ref(&secret), &written).is_empty(), "{text}");
    }
    assert!(places(&[secret], &[("other".to_owned(), b"pa+ss".to_vec())]).is_empty());
}
