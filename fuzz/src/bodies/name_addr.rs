//! A name-addr (From, To, Contact, Route, ...): read, written, read again.

use bytes::Bytes;
use trunkline::sip::NameAddr;

pub fn run(octets: &[u8]) {
    let octets = Bytes::copy_from_slice(octets);
    let Ok(value) = NameAddr::parse(&octets) else { return };
    let written = value.to_bytes();
    let again = NameAddr::parse(&written).expect("what we write we read");
    assert_eq!(again, value, "{written:?}");
    assert!(value.display_text().len() <= octets.len());
    let mut tagged = value.clone();
    tagged.set_tag(b"ours");
    let tagged = NameAddr::parse(&tagged.to_bytes()).expect("with our tag it is read");
    assert_eq!(tagged.tag(), Some(b"ours".as_slice()));
    assert_eq!((tagged.uri, tagged.display), (value.uri, value.display));
}
