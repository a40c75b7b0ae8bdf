//! Every description of the hostile set, as an offer and where it is meant so as an answer, with its verdict.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::{NetworkId, WorkerId};
use trunkline::call::negotiate::{AudioPlan, LegMedia, MediaRefusal};
use trunkline::media::plan::{AddressRules, PortLease, SrtpSuite};
use trunkline::route::media::{Ice, MediaSettings, Security, SrtpKeying};

/// What is said to an offer on a trunk with mandatory SRTP, and to the same text with RTP/AVP on a plain trunk.
/// `None`: accepted.
type Verdict = (&'static str, Option<MediaRefusal>, Option<MediaRefusal>);

const fn both(file: &'static str, refusal: MediaRefusal) -> Verdict {
    (file, Some(refusal), Some(refusal))
}

const fn srtp_only(file: &'static str, refusal: MediaRefusal) -> Verdict {
    (file, Some(refusal), None)
}

use MediaRefusal as R;

const VERDICTS: [Verdict; 39] = [
    both("addr-any6.sdp", R::AddressRefused),
    both("addr-broadcast.sdp", R::AddressRefused),
    both("addr-cgnat.sdp", R::AddressRefused),
    both("addr-compat-loopback.sdp", R::AddressRefused),
    both("addr-linklocal6.sdp", R::AddressRefused),
    both("addr-loopback4.sdp", R::AddressRefused),
    both("addr-loopback6.sdp", R::AddressRefused),
    both("addr-mapped-private.sdp", R::AddressRefused),
    both("addr-multicast4.sdp", R::NoAddress),
    both("addr-name-internal.sdp", R::NoAddress),
    both("addr-octal.sdp", R::NoAddress),
    both("addr-rfc1918-10.sdp", R::AddressRefused),
    both("addr-rfc1918-172.sdp", R::AddressRefused),
    both("addr-self.sdp", R::AddressRefused),
    both("addr-short.sdp", R::NoAddress),
    both("addr-sixtofour.sdp", R::AddressRefused),
    both("addr-ula.sdp", R::AddressRefused),
    both("attrs-20000.sdp", R::TooLarge),
    srtp_only("avp-downgrade.sdp", R::PlainRefused),
    ("bare-lf.sdp", None, None),
    // Bounded: the first 16 keys are looked at.
    ("crypto-100.sdp", None, None),
    srtp_only("crypto-all-zero.sdp", R::ZeroKey),
    both("crypto-inject.sdp", R::Malformed),
    srtp_only("crypto-null.sdp", R::NoUsableKey),
    srtp_only("crypto-short-key.sdp", R::NoUsableKey),
    // As an offer its tag is as good as any.
    ("crypto-tag-answer.sdp", None, None),
    srtp_only("crypto-unencrypted.sdp", R::WeakKey),
    both("empty.sdp", R::NotSdp),
    both("fmtp-64k.sdp", R::TooLarge),
    srtp_only("no-crypto-savp.sdp", R::NoKey),
    both("nul.sdp", R::Malformed),
    ("origin-version-wrap.sdp", None, None),
    // Bounded: 128 formats are read.
    ("payloads-2000.sdp", None, None),
    both("port-65536.sdp", R::Port),
    both("port-count.sdp", R::Port),
    both("port-zero-only.sdp", R::AudioOff),
    srtp_only("ptime-huge.sdp", R::NoKey),
    srtp_only("ptime-zero.sdp", R::NoKey),
    both("rtcp-foreign.sdp", R::AddressRefused),
];

fn corpus(file: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpora/sdp-hostile").join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn settings(security: Security) -> MediaSettings {
    MediaSettings {
        security,
        codecs: Vec::new(),
        suites: vec![SrtpSuite::AesCm128HmacSha1_80],
        srtp_lifetime: true,
        srtp: SrtpKeying::default(),
        learn: false,
        sources: Vec::new(),
        ice: Ice::Off,
        silence: Default::default(),
        sound: Default::default(),
    }
}

/// The documentation ranges count as public here; 192.0.2.1 is ours.
fn rules() -> AddressRules {
    let ranges = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"];
    AddressRules {
        allow: ranges.iter().map(|range| range.parse().unwrap()).collect(),
        own: vec![(IpAddr::from([192, 0, 2, 1]), 5061, 5061)],
    }
}

fn leg(security: Security) -> LegMedia {
    let lease = PortLease { network: NetworkId(0), worker: WorkerId(0), rtp_port: 30000 };
    let address = IpAddr::from([192, 0, 2, 1]);
    LegMedia::new(Arc::new(settings(security)), Arc::new(rules()), address, lease, &mut SeededEntropy::new(1))
}

fn as_plain(body: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(body) {
        Ok(text) => text.replace("RTP/SAVP", "RTP/AVP").into_bytes(),
        Err(_) => body.to_vec(),
    }
}

#[test]
fn the_set_is_the_one_of_the_index() {
    let index = String::from_utf8(corpus("INDEX.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = index.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    for row in &rows {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &corpus(row[0]));
        let sum: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(sum, row[2], "{}", row[0]);
    }
    let mut indexed: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    indexed.sort_unstable();
    assert_eq!(indexed, VERDICTS.map(|(file, ..)| file));
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpora/sdp-hostile");
    assert_eq!(fs::read_dir(folder).unwrap().count(), VERDICTS.len() + 1);
}

#[test]
fn on_a_trunk_with_mandatory_srtp_each_offer_gets_its_verdict() {
    for (file, verdict, _) in VERDICTS {
        assert_eq!(leg(Security::Srtp).read_offer(&corpus(file)).err(), verdict, "{file}");
    }
}

#[test]
fn on_a_plain_trunk_each_offer_gets_its_verdict() {
    for (file, _, verdict) in VERDICTS {
        assert_eq!(leg(Security::Rtp).read_offer(&as_plain(&corpus(file))).err(), verdict, "{file}");
    }
}

#[test]
fn a_plain_trunk_takes_no_secure_offer() {
    assert_eq!(leg(Security::Rtp).read_offer(&corpus("bare-lf.sdp")).err(), Some(R::SecureRefused));
}

#[test]
fn every_refusal_has_a_status_a_warning_and_a_text() {
    for (file, verdict, _) in VERDICTS {
        let Some(refusal) = verdict else { continue };
        let status = if file == "empty.sdp" { 400 } else { 488 };
        assert_eq!(refusal.status(), status, "{file}");
        assert!((300..400).contains(&refusal.warning_code()), "{file}");
        assert!(!refusal.text().contains('"') && !refusal.label().contains(' '), "{file}");
    }
}

#[test]
fn what_was_accepted_is_answered_with_crlf_only_and_nothing_copied() {
    for (file, verdict, _) in VERDICTS {
        let mut leg = leg(Security::Srtp);
        let Ok(offer) = leg.read_offer(&corpus(file)) else { continue };
        assert_eq!(verdict, None);
        let answer = leg.write_answer(&offer, &offer.plan).unwrap();
        let text = std::str::from_utf8(&answer).unwrap();
        assert!(text.split_inclusive('\n').all(|line| line.ends_with("\r\n")), "{file}");
        assert_eq!(text.matches('\r').count(), text.matches('\n').count(), "{file}");
        assert!(text.contains("o=- ") && text.contains(" 1 IN IP4 192.0.2.1\r\n"), "{file}: our version starts anew");
        assert!(!text.contains("WVNfX19zZW1j") && !text.contains("198.51.100.10"), "{file}");
    }
}

#[test]
fn a_packet_time_out_of_range_is_not_passed_on() {
    for file in ["ptime-zero.sdp", "ptime-huge.sdp"] {
        let offer = leg(Security::Rtp).read_offer(&as_plain(&corpus(file))).unwrap();
        assert_eq!(offer.plan.ptime_ms, None, "{file}");
    }
}

#[test]
fn an_answer_with_a_tag_nobody_offered_is_refused() {
    let mut leg = leg(Security::Srtp);
    leg.write_offer(&AudioPlan::from_settings(&settings(Security::Srtp))).unwrap();
    assert_eq!(leg.read_answer(&corpus("crypto-tag-answer.sdp")), Err(R::AnswerTag));
    assert!(leg.read_answer(&corpus("bare-lf.sdp")).is_ok(), "the refused answer left the offer open");
}

#[test]
fn as_answers_they_are_judged_by_the_same_rules() {
    for (file, verdict, _) in VERDICTS {
        if file == "crypto-tag-answer.sdp" {
            continue; // has its own test above
        }
        let mut leg = leg(Security::Srtp);
        leg.write_offer(&AudioPlan::from_settings(&settings(Security::Srtp))).unwrap();
        assert_eq!(leg.read_answer(&corpus(file)).err(), verdict, "{file}");
    }
}
