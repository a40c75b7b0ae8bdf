//! Master key identifiers: read where the peer signalled one, never sent (MD-170).

use trunkline::rtp::srtp::{Inbound, Mki, Outbound, SrtpFault, SrtpSuite};

use crate::{SSRC, index_of, key_of, report, seal_report, sealed_under};

/// With an MKI where the suite has it: behind everything for AES-GCM (RFC 7714 8, 9.1), else before the tag.
fn with_mki(sealed: &[u8], tag: usize, mki: &[u8]) -> Vec<u8> {
    let at = sealed.len() - tag;
    [&sealed[..at], mki, &sealed[at..]].concat()
}

fn tags(suite: SrtpSuite) -> (usize, usize) {
    let is_gcm = matches!(suite, SrtpSuite::AeadAes128Gcm | SrtpSuite::AeadAes256Gcm);
    if is_gcm { (0, 0) } else { (suite.shape().rtp_tag, suite.shape().rtcp_tag) }
}

fn expecting(suite: SrtpSuite, value: u32, octets: u8) -> Inbound {
    Inbound::with_mki(&key_of(suite, 1), Some(Mki::new(value, octets).unwrap())).unwrap()
}

#[test]
fn packets_and_reports_with_the_mki_of_the_description_are_read() {
    for suite in SrtpSuite::ALL {
        for octets in 1..=4u8 {
            let mki = &0x0102_0304u32.to_be_bytes()[..usize::from(octets)];
            let value = mki.iter().fold(0, |value, octet| value << 8 | u32::from(*octet));
            let mut receiver = expecting(suite, value, octets);
            let packet = with_mki(&sealed_under(&key_of(suite, 1), SSRC, 9), tags(suite).0, mki);
            assert_eq!(index_of(&mut receiver, &packet), Ok(9), "{suite:?} {octets}");
            let sealed = seal_report(&mut Outbound::new(&key_of(suite, 1)).unwrap(), &report(28));
            let mut packet = with_mki(&sealed, tags(suite).1, mki);
            let opened = receiver.open_rtcp(&mut packet).unwrap();
            assert_eq!(packet[..opened.octets], report(28), "{suite:?} {octets}");
        }
    }
}

#[test]
fn another_mki_or_none_is_refused() {
    for suite in SrtpSuite::ALL {
        let mut receiver = expecting(suite, 1, 1);
        let sealed = sealed_under(&key_of(suite, 1), SSRC, 9);
        let other = with_mki(&sealed, tags(suite).0, &[2]);
        assert_eq!(index_of(&mut receiver, &other), Err(SrtpFault::Unauthenticated), "{suite:?}");
        assert_eq!(index_of(&mut receiver, &sealed), Err(SrtpFault::Unauthenticated), "{suite:?}");
        let report = seal_report(&mut Outbound::new(&key_of(suite, 1)).unwrap(), &report(28));
        assert!(receiver.open_rtcp(&mut report.clone()).is_err());
        assert!(receiver.open_rtcp(&mut with_mki(&report, tags(suite).1, &[2])).is_err());
    }
}

#[test]
fn a_new_key_may_come_with_another_mki() {
    for suite in SrtpSuite::ALL {
        let mut receiver = expecting(suite, 1, 1);
        let old = |index| with_mki(&sealed_under(&key_of(suite, 1), SSRC, index), tags(suite).0, &[1]);
        let new = |index| with_mki(&sealed_under(&key_of(suite, 2), SSRC, index), tags(suite).0, &[0, 2]);
        assert_eq!(index_of(&mut receiver, &old(3)), Ok(3));
        receiver.rekey(&key_of(suite, 2), Mki::new(2, 2)).unwrap();
        assert_eq!(index_of(&mut receiver, &old(4)), Ok(4));
        assert_eq!(index_of(&mut receiver, &new(5)), Ok(5));
    }
}

#[test]
fn the_same_key_under_another_mki_keeps_what_was_seen() {
    let suite = SrtpSuite::AesCm128HmacSha1_80;
    let mut receiver = Inbound::new(&key_of(suite, 1)).unwrap();
    let sealed = sealed_under(&key_of(suite, 1), SSRC, 3);
    assert_eq!(index_of(&mut receiver, &sealed), Ok(3));
    receiver.rekey(&key_of(suite, 1), Mki::new(1, 1)).unwrap();
    assert_eq!(index_of(&mut receiver, &with_mki(&sealed, 10, &[1])), Err(SrtpFault::Replayed));
}
