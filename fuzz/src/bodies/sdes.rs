//! The value of `a=crypto`, and base64 under it.

use trunkline::rtp::srtp::{Inbound, SrtpMaster, SrtpSuite};
use trunkline::sdp::{CryptoLine, base64};

pub fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Some(decoded) = base64::decode(text) {
        let mut written = Vec::new();
        base64::encode(&decoded, &mut written);
        let written = String::from_utf8(written).expect("base64 is ASCII");
        assert_eq!(base64::decode(&written).as_deref(), Some(&*decoded));
    }
    let Ok(line) = CryptoLine::parse(text) else { return };
    assert!(line.tag < 1_000_000_000);
    if let Some(mki) = line.mki {
        assert!((1..=4).contains(&mki.octets) && u64::from(mki.value) < 1 << (8 * u32::from(mki.octets)));
    }
    let Some(suite) = SrtpSuite::from_name(line.suite) else { return };
    let fits = line.key_salt.expose().len() == suite.key_salt_octets();
    let master = SrtpMaster { suite, key_salt: line.key_salt.clone() };
    assert_eq!(Inbound::new(&master).is_some(), fits, "a key is taken when it has the length of its suite");
}
