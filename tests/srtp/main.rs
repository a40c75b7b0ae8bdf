//! Our SRTP against webrtc-srtp on good packets, and alone on bad ones: the eight defects measured in
//! webrtc-srtp 0.17.2 (D1 to D8) must not be ours.

#![cfg(feature = "lab")]

mod indices;
mod mki;
mod suites;

use std::collections::BTreeSet;

use trunkline::base::Secret;
use trunkline::base::entropy::{Entropy, SeededEntropy};
use trunkline::base::limits::{SRTP_RETIRED_SOURCES, SRTP_SOURCES};
use trunkline::rtp::packet::{RtpFault, RtpHeader};
use trunkline::rtp::srtp::{Inbound, Opened, Outbound, SrtpFault, SrtpMaster, SrtpSuite};

const SSRC: u32 = 0xcafe_babe;
const TURN: u64 = 1 << 16;

fn key_of(suite: SrtpSuite, fill: u8) -> SrtpMaster {
    SrtpMaster { suite, key_salt: Secret::new(vec![fill; suite.key_salt_octets()]) }
}

fn master(fill: u8) -> SrtpMaster {
    key_of(SrtpSuite::AesCm128HmacSha1_80, fill)
}

fn inbound() -> Inbound {
    Inbound::new(&master(1)).unwrap()
}

/// A packet whose payload tells its index.
fn plain(ssrc: u32, index: u64) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(((index % TURN) as u16).to_be_bytes());
    packet.extend([0, 0, 0, 1]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(index.to_be_bytes());
    packet.resize(172, 0x55);
    packet
}

/// Seals any index, as a sender that got there would: a new context has no past that forbids it.
fn sealed_under(key: &SrtpMaster, ssrc: u32, index: u64) -> Vec<u8> {
    seal(&mut Outbound::new(key).unwrap(), &plain(ssrc, index), index).unwrap()
}

fn sealed_by(fill: u8, ssrc: u32, index: u64) -> Vec<u8> {
    sealed_under(&master(fill), ssrc, index)
}

fn seal(outbound: &mut Outbound, packet: &[u8], index: u64) -> Result<Vec<u8>, SrtpFault> {
    let mut buffer = [packet, &[0; 32]].concat();
    let header = RtpHeader::read(packet).unwrap();
    let octets = outbound.seal_rtp(&mut buffer, packet.len(), &header, index)?;
    buffer.truncate(octets);
    Ok(buffer)
}

/// The plain packet, and what is known of it.
fn open(inbound: &mut Inbound, sealed: &[u8]) -> Result<(Vec<u8>, Opened), SrtpFault> {
    let mut packet = sealed.to_vec();
    let header = RtpHeader::read(&packet).unwrap();
    let opened = inbound.open_rtp(&mut packet, &header)?;
    packet.truncate(opened.octets);
    Ok((packet, opened))
}

fn index_of(inbound: &mut Inbound, sealed: &[u8]) -> Result<u64, SrtpFault> {
    open(inbound, sealed).map(|(_, opened)| opened.index)
}

fn report(length: usize) -> Vec<u8> {
    let mut report = vec![0x80, 201, 0, (length / 4 - 1) as u8];
    report.extend(SSRC.to_be_bytes());
    report.resize(length, 0x77);
    report
}

fn seal_report(outbound: &mut Outbound, report: &[u8]) -> Vec<u8> {
    let mut buffer = [report, &[0; 32]].concat();
    let octets = outbound.seal_rtcp(&mut buffer, report.len()).unwrap();
    buffer.truncate(octets);
    buffer
}

#[test]
fn d1_extensions_that_overrun_are_refused_before_anything_reads_them() {
    for words in [1u8, 2, 255] {
        for body in [&[0x1f, 1, 2, 3, 0, 0][..], &[0xbe, 0xde], &[]] {
            let mut packet = plain(SSRC, 1)[..12].to_vec();
            packet[0] |= 0x10;
            packet.extend([0xbe, 0xde, 0, words]);
            packet.extend(body);
            match RtpHeader::read(&packet) {
                Err(fault) => assert_eq!(fault, RtpFault::ExtensionOverrun),
                Ok(header) => assert!(inbound().open_rtp(&mut packet, &header).is_err()),
            }
        }
    }
}

#[test]
fn d2_short_reports_are_refused_at_every_length() {
    for length in 0..22 {
        let mut packet = vec![0x80; length];
        assert_eq!(inbound().open_rtcp(&mut packet), Err(SrtpFault::TooShort), "{length}");
    }
}

#[test]
fn d3_a_report_without_its_e_bit_is_refused() {
    let mut forged = [&report(12)[..], &[0, 0, 0, 9], &[0; 10]].concat();
    assert_eq!(inbound().open_rtcp(&mut forged), Err(SrtpFault::Unencrypted));
}

#[test]
fn d4_a_forged_report_with_a_high_index_does_not_silence_genuine_ones() {
    let mut receiver = inbound();
    for flags in [0u8, 0x80] {
        let mut forged = [&report(12)[..], &[flags, 0x0f, 0xff, 0xff], &[0; 10]].concat();
        assert!(receiver.open_rtcp(&mut forged).is_err());
    }
    let mut genuine = seal_report(&mut Outbound::new(&master(1)).unwrap(), &report(12));
    assert!(receiver.open_rtcp(&mut genuine).is_ok());
}

#[test]
fn d5_a_forged_packet_before_the_stream_does_not_move_the_window() {
    let mut receiver = inbound();
    assert_eq!(index_of(&mut receiver, &sealed_by(9, SSRC, 21_000)), Err(SrtpFault::Unauthenticated));
    assert_eq!(index_of(&mut receiver, &sealed_by(1, SSRC, 1000)), Ok(1000));
}

#[test]
fn d6_an_extension_with_id_15_has_its_full_length() {
    let mut packet = plain(SSRC, 5)[..12].to_vec();
    packet[0] |= 0x10;
    packet.extend([0xbe, 0xde, 0, 2, 0x10, 0xaa, 0xf0, 0, 1, 2, 3, 4]);
    packet.extend([0x55; 20]);
    assert_eq!(RtpHeader::read(&packet).unwrap().payload_offset, 24);
    let sealed = seal(&mut Outbound::new(&master(1)).unwrap(), &packet, 5).unwrap();
    assert_eq!(sealed[..24], packet[..24]);
    assert_eq!(open(&mut inbound(), &sealed).unwrap().0, packet);
}

#[test]
fn d7_forged_ssrcs_leave_no_state_and_take_no_place() {
    let mut receiver = inbound();
    let mut forged = sealed_by(9, SSRC, 5);
    for ssrc in 0..100_000u32 {
        forged[8..12].copy_from_slice(&ssrc.to_be_bytes());
        assert_eq!(index_of(&mut receiver, &forged), Err(SrtpFault::Unauthenticated));
    }
    let most = u32::try_from(SRTP_SOURCES + SRTP_RETIRED_SOURCES).unwrap();
    for ssrc in 0..most {
        assert_eq!(index_of(&mut receiver, &sealed_by(1, ssrc, 5)), Ok(5));
    }
    assert_eq!(index_of(&mut receiver, &sealed_by(1, most, 5)), Err(SrtpFault::SourcesFull));
}

#[test]
fn d8_replayed_packets_neither_pass_nor_pull_the_index_back() {
    let mut receiver = inbound();
    let captured: Vec<_> = [1000, 31_000].map(|index| sealed_by(1, SSRC, index)).to_vec();
    for index in [1000, 31_000, 61_000, TURN + 20_000] {
        assert_eq!(index_of(&mut receiver, &sealed_by(1, SSRC, index)), Ok(index));
    }
    for packet in captured.iter().cycle().take(1000) {
        assert!(index_of(&mut receiver, packet).is_err());
    }
    assert_eq!(index_of(&mut receiver, &sealed_by(1, SSRC, TURN + 20_001)), Ok(TURN + 20_001));
}

#[test]
fn the_key_in_use_signalled_again_changes_nothing() {
    let mut receiver = inbound();
    assert_eq!(index_of(&mut receiver, &sealed_by(1, SSRC, 3)), Ok(3));
    receiver.rekey(&master(2), None).unwrap();
    receiver.rekey(&master(1), None).unwrap();
    assert_eq!(index_of(&mut receiver, &sealed_by(1, SSRC, 3)), Err(SrtpFault::Replayed));
    assert_eq!(index_of(&mut receiver, &sealed_by(2, SSRC, 4)), Err(SrtpFault::Unauthenticated));
}

#[test]
fn a_sender_never_seals_two_packets_with_one_index() {
    let mut outbound = Outbound::new(&master(1)).unwrap();
    let mut entropy = SeededEntropy::new(5);
    let mut used = BTreeSet::new();
    for _ in 0..20_000 {
        let (ssrc, index) = (entropy.below(3) as u32, 1000 + entropy.below(900));
        match seal(&mut outbound, &plain(ssrc, index), index) {
            Ok(_) => assert!(used.insert((ssrc, index))),
            Err(fault) => assert_eq!(fault, SrtpFault::IndexUsed),
        }
    }
    assert!(!used.is_empty());
}

#[test]
fn a_packet_without_room_for_its_tag_uses_no_index() {
    let mut outbound = Outbound::new(&master(1)).unwrap();
    let mut packet = plain(SSRC, 1);
    let header = RtpHeader::read(&packet).unwrap();
    let octets = packet.len();
    assert_eq!(outbound.seal_rtp(&mut packet, octets, &header, 1), Err(SrtpFault::NoRoom));
    assert!(seal(&mut outbound, &plain(SSRC, 1), 1).is_ok());
}
