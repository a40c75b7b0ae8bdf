//! Every suite against webrtc-srtp, and what holds for each of them.

use trunkline::rtp::packet::RtpHeader;
use trunkline::rtp::srtp::{Inbound, Outbound, SrtpFault, SrtpSuite};
use webrtc_srtp::context::Context;
use webrtc_srtp::protection_profile::ProtectionProfile;

use crate::{SSRC, TURN, index_of, key_of, open, plain, report, seal, seal_report, sealed_under};

fn webrtc(suite: SrtpSuite, fill: u8) -> Context {
    let profile = match suite {
        SrtpSuite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpSuite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        SrtpSuite::Aes256CmHmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        SrtpSuite::Aes256CmHmacSha1_32 => ProtectionProfile::Aes256CmHmacSha1_32,
        SrtpSuite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpSuite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
    };
    let shape = suite.shape();
    Context::new(&vec![fill; shape.key], &vec![fill; shape.salt], profile, None, None).unwrap()
}

#[test]
fn packets_equal_those_of_webrtc_srtp_over_three_wraps_and_cross_both_ways() {
    for suite in SrtpSuite::ALL {
        let key = key_of(suite, 1);
        let (mut ours, mut theirs) = (Outbound::new(&key).unwrap(), webrtc(suite, 1));
        let (mut our_receiver, mut their_receiver) = (Inbound::new(&key).unwrap(), webrtc(suite, 1));
        for index in (100..3 * TURN + 500).step_by(37) {
            let packet = plain(SSRC, index);
            let sealed = seal(&mut ours, &packet, index).unwrap();
            assert_eq!(sealed, theirs.encrypt_rtp(&packet).unwrap(), "{suite:?} {index}");
            assert_eq!(their_receiver.decrypt_rtp(&sealed).unwrap(), packet);
            assert_eq!(open(&mut our_receiver, &sealed).unwrap().0, packet);
        }
    }
}

#[test]
fn reports_equal_those_of_webrtc_srtp_and_cross_both_ways() {
    for suite in SrtpSuite::ALL {
        let key = key_of(suite, 1);
        let (mut ours, mut theirs) = (Outbound::new(&key).unwrap(), webrtc(suite, 1));
        let (mut our_receiver, mut their_receiver) = (Inbound::new(&key).unwrap(), webrtc(suite, 1));
        for length in [12usize, 28, 52, 100] {
            let report = report(length);
            let sealed = seal_report(&mut ours, &report);
            assert_eq!(sealed, theirs.encrypt_rtcp(&report).unwrap(), "{suite:?}");
            assert_eq!(their_receiver.decrypt_rtcp(&sealed).unwrap(), report);
            let mut packet = sealed.clone();
            let opened = our_receiver.open_rtcp(&mut packet).unwrap();
            assert_eq!(packet[..opened.octets], report);
        }
    }
}

#[test]
fn every_octet_of_a_packet_is_authenticated_and_a_refused_packet_is_as_it_was() {
    for suite in SrtpSuite::ALL {
        let mut receiver = Inbound::new(&key_of(suite, 1)).unwrap();
        receiver.rekey(&key_of(suite, 2), None).unwrap();
        let good = sealed_under(&key_of(suite, 1), SSRC, 7);
        for at in 1..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            let before = bad.clone();
            let header = RtpHeader::read(&bad).unwrap();
            assert_eq!(receiver.open_rtp(&mut bad, &header), Err(SrtpFault::Unauthenticated), "{suite:?} {at}");
            assert_eq!(bad, before, "{suite:?} {at}");
        }
        assert_eq!(index_of(&mut receiver, &good), Ok(7));
    }
}

#[test]
fn every_octet_of_a_report_is_authenticated_and_a_refused_report_is_as_it_was() {
    for suite in SrtpSuite::ALL {
        let mut receiver = Inbound::new(&key_of(suite, 1)).unwrap();
        let good = seal_report(&mut Outbound::new(&key_of(suite, 1)).unwrap(), &report(28));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x80;
            let before = bad.clone();
            assert!(receiver.open_rtcp(&mut bad).is_err(), "{suite:?} {at}");
            assert_eq!(bad, before, "{suite:?} {at}");
        }
        assert!(receiver.open_rtcp(&mut good.clone()).is_ok());
    }
}

#[test]
fn packets_and_reports_cut_anywhere_are_refused() {
    for suite in SrtpSuite::ALL {
        let mut receiver = Inbound::new(&key_of(suite, 1)).unwrap();
        let packet = sealed_under(&key_of(suite, 1), SSRC, 7);
        let report = seal_report(&mut Outbound::new(&key_of(suite, 1)).unwrap(), &report(28));
        for length in 12..packet.len() {
            assert!(index_of(&mut receiver, &packet[..length]).is_err(), "{suite:?} {length}");
        }
        for length in 0..report.len() {
            assert!(receiver.open_rtcp(&mut report[..length].to_vec()).is_err(), "{suite:?} {length}");
        }
    }
}

#[test]
fn the_longest_packet_of_the_relay_is_sealed_and_opened() {
    for suite in SrtpSuite::ALL {
        let mut packet = plain(SSRC, 5);
        packet.resize(2000, 0x66);
        let sealed = seal(&mut Outbound::new(&key_of(suite, 1)).unwrap(), &packet, 5).unwrap();
        assert_eq!(open(&mut Inbound::new(&key_of(suite, 1)).unwrap(), &sealed).unwrap().0, packet);
    }
}

#[test]
fn over_a_new_key_reports_are_counted_on() {
    for suite in SrtpSuite::ALL {
        let mut sender = Outbound::new(&key_of(suite, 1)).unwrap();
        seal_report(&mut sender, &report(28));
        seal_report(&mut sender, &report(28));
        let mut sender = sender.under(&key_of(suite, 2)).unwrap();
        let mut third = seal_report(&mut sender, &report(28));
        let opened = Inbound::new(&key_of(suite, 2)).unwrap().open_rtcp(&mut third).unwrap();
        assert_eq!(opened.index, 3);
    }
}

#[test]
fn a_key_of_another_suite_takes_over_like_any_new_key() {
    for (old, new) in [
        (SrtpSuite::AesCm128HmacSha1_80, SrtpSuite::AeadAes256Gcm),
        (SrtpSuite::AeadAes128Gcm, SrtpSuite::AesCm128HmacSha1_32),
    ] {
        let mut receiver = Inbound::new(&key_of(old, 1)).unwrap();
        for index in (0..3 * TURN).step_by(30_000) {
            assert_eq!(index_of(&mut receiver, &sealed_under(&key_of(old, 1), SSRC, index)), Ok(index));
        }
        receiver.rekey(&key_of(new, 1), None).unwrap();
        let next = 3 * TURN + 9;
        assert_eq!(index_of(&mut receiver, &sealed_under(&key_of(old, 1), SSRC, next)), Ok(next));
        assert_eq!(index_of(&mut receiver, &sealed_under(&key_of(new, 1), SSRC, next + 1)), Ok(next + 1));
    }
}
