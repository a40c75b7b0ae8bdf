//! A Via value: read, written, read again.

use bytes::Bytes;
use trunkline::sip::Via;

pub fn run(octets: &[u8]) {
    let octets = Bytes::copy_from_slice(octets);
    let Ok(via) = Via::parse(&octets) else { return };
    let written = via.to_bytes();
    let again = Via::parse(&written).expect("what we write we read");
    assert_eq!(again, via, "{written:?}");
    assert_eq!(again.to_bytes(), written);
}
