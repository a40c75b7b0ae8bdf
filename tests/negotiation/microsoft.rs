//! What Microsoft's descriptions hold beside the usual, and what ours must not (MD-166..205; the rest of these rows has
//! its tests under keys, ice, hold, refresh and media_lines).

use trunkline::call::negotiate::{LegMedia, MediaRefusal};
use trunkline::media::plan::{Protection, SrtpMaster};
use trunkline::route::media::{Ice, MediaSettings, Security};

use crate::stage::{
    CARRIER_ANSWER, CARRIER_OFFER, TEAMS_OFFER, bridged, carrier, leg_of, line, lines, offer_text, platform, settings,
    text,
};

fn answer(leg: &mut LegMedia, offer: &str) -> String {
    let mut other = carrier();
    let offer = leg.read_offer(offer.as_bytes()).unwrap();
    other.write_offer(&offer.plan).unwrap();
    let accepted = other.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    text(&leg.write_answer(&offer, &accepted).unwrap())
}

fn with(lines: &str) -> String {
    TEAMS_OFFER.replace("a=mid:1\n", &format!("a=mid:1\n{lines}\n"))
}

const FINGERPRINT: &str = "a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:1A:2B:3C:4D:5E:6F:70:81:92:A3:B4:C5\na=setup:actpass";

#[test]
fn keys_beside_a_fingerprint_are_taken_and_the_fingerprint_is_not() {
    let shown = answer(&mut platform(), &with(FINGERPRINT));
    assert_eq!(lines(&shown, "a=crypto:").len(), 1);
    assert!(!shown.contains("fingerprint") && !shown.contains("setup"), "{shown}");
}

#[test]
fn a_bypass_offer_for_dtls_with_keys_is_answered_under_its_own_profile_and_never_offered() {
    let offer = with(FINGERPRINT).replace("RTP/SAVP", "UDP/TLS/RTP/SAVP");
    let mut leg = platform();
    let shown = answer(&mut leg, &offer);
    assert!(line(&shown, "m=audio ").contains(" UDP/TLS/RTP/SAVP "), "{shown}");
    let plan = bridged().0.remote_plan().unwrap().clone();
    let ours = text(&leg.write_offer(&plan).unwrap());
    assert!(line(&ours, "m=audio ").contains(" RTP/SAVP "), "{ours}");
}

#[test]
fn dtls_alone_is_refused_for_want_of_a_key() {
    let keyless = TEAMS_OFFER.lines().filter(|line| !line.starts_with("a=crypto")).collect::<Vec<_>>().join("\n");
    let offer = format!("{keyless}\n{FINGERPRINT}\n").replace("RTP/SAVP", "UDP/TLS/RTP/SAVP");
    assert_eq!(platform().read_offer(offer.as_bytes()).err(), Some(MediaRefusal::NoKey));
}

/// MD-171, MD-177, MD-183: what is unknown changes nothing and goes nowhere.
#[test]
fn scales_ranges_feedback_and_labels_are_passed_over() {
    let odd = "a=cryptoscale:1 client AES_CM_128_HMAC_SHA1_80 inline:AAAAxsEXxeQQZ4fl/PHkMFwtHBLOiQ09ZwV1T0eN|2^31|1:1\n\
               a=x-ssrc-range:1-100\na=x-source-streamid:2\na=x-mediabw:main-audio send=1\na=rtcp-fb:* x-message app send:dsh recv:dsh\n\
               a=x-candidate-ipv6:1 1 UDP 1 2001:db8::1 50000 typ host\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\na=mid:1";
    let (plain, odd) = (answer(&mut platform(), TEAMS_OFFER), answer(&mut platform(), &with(odd)));
    assert_eq!(plain, odd, "octet for octet");
}

/// MD-177, MD-179: plain lines only.
#[test]
fn ours_have_no_bundle_no_mid_no_trickle_and_no_extensions() {
    let mut leg =
        leg_of(MediaSettings { ice: Ice::Lite, ..settings(Security::Srtp, &[]) }, [203, 0, 113, 10], 30000, 1);
    let offered = carrier().read_offer(CARRIER_OFFER.as_bytes()).unwrap();
    let offer = text(&leg.write_offer(&offered.plan).unwrap());
    let known = [
        "a=ice-lite",
        "a=ice-ufrag:",
        "a=ice-pwd:",
        "a=candidate:",
        "a=crypto:",
        "a=rtcp-mux",
        "a=rtcp:",
        "a=rtpmap:",
        "a=fmtp:",
        "a=ptime:",
        "a=sendrecv",
    ];
    for shown in [offer, answer(&mut platform(), TEAMS_OFFER)] {
        for line in shown.lines().filter(|line| line.starts_with("a=")) {
            assert!(known.iter().any(|start| line.starts_with(start)), "{line}");
        }
    }
}

/// MD-180, T8: once multiplexed, it stays so, whoever asks next.
#[test]
fn the_decision_to_multiplex_is_kept_in_offers_of_ours() {
    let mut leg = platform();
    assert!(answer(&mut leg, &with("a=rtcp-mux")).contains("a=rtcp-mux"));
    let plan = bridged().0.remote_plan().unwrap().clone();
    let ours = text(&leg.write_offer(&plan).unwrap());
    assert!(ours.contains("a=rtcp-mux") && lines(&ours, "a=rtcp:").is_empty(), "{ours}");
}

/// MD-188: packets of 10 to 60 ms are asked for as the other party asked; anything else is left out.
#[test]
fn packet_times_cross_within_bounds() {
    for (asked, crosses) in [(10, true), (20, true), (60, true), (5, false), (200, false)] {
        let offer = TEAMS_OFFER.replace("a=ptime:20", &format!("a=ptime:{asked}"));
        let plan = platform().read_offer(offer.as_bytes()).unwrap().plan;
        let ours = offer_text(&mut carrier(), &plan);
        assert_eq!(ours.contains(&format!("a=ptime:{asked}\r\n")), crosses, "{asked}");
    }
}

/// MD-182: a bandwidth line says nothing to us, and none is written.
#[test]
fn bandwidth_is_neither_policed_nor_written() {
    assert!(!answer(&mut platform(), &TEAMS_OFFER.replace("b=CT:50000", "b=CT:1")).contains("\nb="));
}

/// MD-172: whatever a re-INVITE changes, the key that protects what we send stays.
#[test]
fn our_key_stays_over_another_far_end_address_and_codec() {
    let local = |leg: &LegMedia, other: &LegMedia| -> SrtpMaster {
        match leg.endpoint_plan(other).unwrap().protection {
            Protection::Srtp { local, .. } => local,
            Protection::Rtp => panic!("plain"),
        }
    };
    let (mut a, mut b) = bridged();
    let before = local(&a, &b);
    let moved = TEAMS_OFFER
        .replace("52.112.60.10", "52.112.60.99")
        .replace("104 9 103 8 0", "0 8")
        .replace("a=sendrecv", "a=inactive");
    let offer = a.read_offer(moved.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    assert_eq!(local(&a, &b), before);
}
