//! A URI: what is written reads the same, and equality is one.

use bytes::Bytes;
use trunkline::sip::Uri;

pub fn run(octets: &[u8]) {
    let octets = Bytes::copy_from_slice(octets);
    let Ok(uri) = Uri::parse(&octets) else { return };
    let written = uri.to_bytes();
    let again = Uri::parse(&written).expect("what we write we read");
    assert_eq!(again, uri, "{written:?}");
    assert_eq!(again.to_bytes(), written);
    assert!(uri.equivalent(&again) && again.equivalent(&uri), "equal to itself, RFC 3261 19.1.4: {written:?}");
    assert!(!written.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)), "{written:?}");
    if let Some(user) = uri.user_decoded() {
        assert!(user.len() <= octets.len());
    }
}
