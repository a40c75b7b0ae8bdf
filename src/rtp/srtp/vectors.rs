//! The published vectors, for the tests of this module.

use serde_json::Value;

use super::keys::SessionKeys;
use super::suite::SuiteShape;
use super::transform::Position;
use super::{Inbound, Outbound, SrtpFault, SrtpMaster, SrtpSuite};
use crate::base::Secret;
use crate::rtp::packet::{RtpFault, RtpHeader};

/// The vectors of one kind.
pub fn vectors(kind: &str) -> Vec<Value> {
    let corpus: Value = serde_json::from_str(include_str!("../../../tests/corpora/srtp/vectors.json")).unwrap();
    let found: Vec<Value> =
        corpus["vectors"].as_array().unwrap().iter().filter(|v| v["kind"] == kind).cloned().collect();
    assert!(!found.is_empty(), "no vector of kind {kind}");
    found
}

/// Hexadecimal text as octets.
pub fn octets(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Why a vector's suite has no name here.
fn unnamed(suite: &str) -> &'static str {
    match suite {
        "AES_192_CM_HMAC_SHA1_80" => "no peer of the matrix offers AES-192; its packets are tried below without a name",
        "NULL_HMAC_SHA1_80" => "never negotiated: media would be readable",
        other => panic!("a suite without a reason: {other}"),
    }
}

fn key_salt(vector: &Value) -> Vec<u8> {
    [octets(&vector["master_key"]), octets(&vector["master_salt"])].concat()
}

/// The master of a vector, or why the vector is skipped.
fn master(vector: &Value) -> Result<SrtpMaster, &'static str> {
    let name = vector["suite"].as_str().unwrap_or_default();
    let suite = SrtpSuite::from_name(name).ok_or_else(|| unnamed(name))?;
    Ok(SrtpMaster { suite, key_salt: Secret::new(key_salt(vector)) })
}

/// Seals `plain` with room for a tag.
fn sealed(outbound: &mut Outbound, plain: &[u8], index: u64) -> Vec<u8> {
    let header = RtpHeader::read(plain).unwrap();
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + 32, 0);
    let octets = outbound.seal_rtp(&mut buffer, plain.len(), &header, index).unwrap();
    buffer.truncate(octets);
    buffer
}

fn opened(inbound: &mut Inbound, sealed: &[u8]) -> Result<Vec<u8>, SrtpFault> {
    let header = RtpHeader::read(sealed).unwrap();
    let mut packet = sealed.to_vec();
    let octets = inbound.open_rtp(&mut packet, &header)?.octets;
    packet.truncate(octets);
    Ok(packet)
}

#[test]
fn published_rtp_packets_are_sealed_and_opened_byte_for_byte() {
    let mut tried = std::collections::BTreeSet::new();
    for vector in vectors("srtp-packet") {
        let Ok(master) = master(&vector) else { continue };
        let (plain, protected) = (octets(&vector["plain"]), octets(&vector["protected"]));
        let index = u64::from(RtpHeader::read(&plain).unwrap().sequence);
        assert_eq!(sealed(&mut Outbound::new(&master).unwrap(), &plain, index), protected);
        assert_eq!(opened(&mut Inbound::new(&master).unwrap(), &protected), Ok(plain));
        tried.insert(master.suite.name());
    }
    assert_eq!(tried.len(), 4, "{tried:?}");
}

#[test]
fn the_published_packet_of_aes_192_is_sealed_and_opened_byte_for_byte() {
    let shape = SuiteShape::counter_mode(24, 10);
    let of_suite = |v: &Value| v["suite"] == "AES_192_CM_HMAC_SHA1_80";
    let vector = vectors("srtp-packet").into_iter().find(of_suite).unwrap();
    let keys = SessionKeys::of_shape(shape, &key_salt(&vector)).unwrap().rtp;
    let (plain, protected) = (octets(&vector["plain"]), octets(&vector["protected"]));
    let header = RtpHeader::read(&plain).unwrap();
    let at = Position { ssrc: header.ssrc, index: u64::from(header.sequence) };
    let mut buffer = [&plain[..], &[0; 10]].concat();
    assert_eq!(keys.seal_rtp(&mut buffer, 12, plain.len(), at), Ok(protected.len()));
    assert_eq!(buffer, protected);
    let layout = keys.rtp_layout(buffer.len(), 12, 0).unwrap();
    assert!(keys.open_rtp(&mut buffer, 12, &layout, at));
    assert_eq!(buffer[..layout.body], plain);
}

#[test]
fn published_rtcp_packets_are_sealed_and_opened_byte_for_byte() {
    for vector in vectors("srtcp-packet") {
        let Ok(master) = master(&vector) else { continue };
        let (plain, protected) = (octets(&vector["plain"]), octets(&vector["protected"]));
        let mut buffer = plain.clone();
        buffer.resize(plain.len() + 32, 0);
        let octets = Outbound::new(&master).unwrap().seal_rtcp(&mut buffer, plain.len()).unwrap();
        assert_eq!(buffer[..octets], protected);
        let mut packet = protected.clone();
        let opened = Inbound::new(&master).unwrap().open_rtcp(&mut packet).unwrap();
        assert_eq!((&packet[..opened.octets], opened.index), (&plain[..], 1));
    }
}

#[test]
fn every_negative_vector_is_dropped_and_the_good_packet_still_opens() {
    let good = vectors("srtp-packet").into_iter().find(|v| v["id"] == "libsrtp-aes128cm-sha1_80-rtp").unwrap();
    for vector in vectors("negative") {
        let mut inbound = Inbound::new(&master(&vector).unwrap()).unwrap();
        let bad = octets(&vector["protected"]);
        let id = vector["id"].as_str().unwrap();
        let result = RtpHeader::read(&bad).map(|_| opened(&mut inbound, &bad).map(|_| ()));
        let expected = match id {
            "neg-short" => Err(RtpFault::TooShort),
            "neg-csrc-overrun" => Err(RtpFault::CsrcOverrun),
            "neg-ext-overrun" => Err(RtpFault::ExtensionOverrun),
            "neg-version1" => Err(RtpFault::Version),
            "neg-header-only" => Ok(Err(SrtpFault::TooShort)),
            "replay-same" => Ok(Ok(())),
            _ => Ok(Err(SrtpFault::Unauthenticated)),
        };
        assert_eq!(result, expected, "{id}");
        let again = opened(&mut inbound, &octets(&good["protected"])).map(|_| ());
        assert_eq!(again, if id == "replay-same" { Err(SrtpFault::Replayed) } else { Ok(()) }, "{id}");
    }
}

#[test]
fn published_sequences_over_the_wrap_are_sealed_and_opened() {
    for vector in vectors("srtp-sequence") {
        let master = master(&vector).unwrap();
        let (mut outbound, mut inbound) = (Outbound::new(&master).unwrap(), Inbound::new(&master).unwrap());
        for packet in vector["packets"].as_array().unwrap() {
            let (plain, protected) = (octets(&packet["plain"]), octets(&packet["protected"]));
            assert_eq!(sealed(&mut outbound, &plain, packet["ext_seq"].as_u64().unwrap()), protected);
            assert_eq!(opened(&mut inbound, &protected), Ok(plain));
        }
    }
}
