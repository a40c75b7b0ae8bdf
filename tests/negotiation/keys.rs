//! SRTP keys in descriptions (RFC 4568, MD-166..173).

use trunkline::call::negotiate::{AudioPlan, LegMedia, MediaRefusal};
use trunkline::media::plan::{Mki, Protection, SrtpSuite};
use trunkline::route::media::{MediaSettings, Security};
use trunkline::sdp::CryptoLine;

use crate::stage::{
    CARRIER_ANSWER, CARRIER_OFFER, PLATFORM_KEY, TEAMS_ANSWER, TEAMS_OFFER, bridged, carrier, leg_of, line, lines,
    offer_text, platform, settings, text,
};

const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

/// The platform's offer with other crypto lines.
fn offer(lines: &[&str]) -> String {
    let old = line(TEAMS_OFFER, "a=crypto:");
    let new = lines.join("\na=crypto:");
    TEAMS_OFFER.replace(&old, &new)
}

fn refusal(lines: &[&str]) -> Option<MediaRefusal> {
    platform().read_offer(offer(lines).as_bytes()).err()
}

/// The crypto line of the answer to an offer with these lines.
fn answered(lines: &[&str]) -> String {
    let (mut a, mut b) = (platform(), carrier());
    let offer = a.read_offer(offer(lines).as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    line(&text(&a.write_answer(&offer, &accepted).unwrap()), "a=crypto:")
}

#[test]
fn unknown_suites_are_passed_over_and_the_chosen_tag_is_repeated() {
    let first = format!("0 AEAD_AES_256_GCM inline:{PLATFORM_KEY}");
    let second = format!("17 {SUITE} inline:{PLATFORM_KEY}|2^31");
    assert!(answered(&[&first, &second]).starts_with("17 AES_CM_128_HMAC_SHA1_80 inline:"));
}

#[test]
fn a_line_without_mki_is_preferred_even_to_a_better_suite() {
    let with = format!("1 {SUITE} inline:{PLATFORM_KEY}|2^31|1:1");
    let without = format!("2 {SUITE} inline:{PLATFORM_KEY}|2^31");
    assert!(answered(&[&with, &without]).starts_with("2 "));
    let gcm = MediaSettings {
        suites: vec![SrtpSuite::Aes256CmHmacSha1_80, SrtpSuite::AesCm128HmacSha1_80],
        ..settings(Security::Srtp, &[])
    };
    let long = format!("1 AES_256_CM_HMAC_SHA1_80 inline:{}|1:4", "A1".repeat(31));
    let mut leg = leg_of(gcm, [203, 0, 113, 10], 30000, 1);
    let read = leg.read_offer(offer(&[&long, &without]).as_bytes()).unwrap();
    let answer = text(&leg.write_answer(&read, &read.plan).unwrap());
    assert!(line(&answer, "a=crypto:").starts_with("2 AES_CM_128"));
}

#[test]
fn what_the_trunk_does_not_list_and_what_weakens_is_refused() {
    let gcm = format!("1 AEAD_AES_128_GCM inline:{}", "E".repeat(40));
    assert_eq!(refusal(&[&gcm]), Some(MediaRefusal::NoUsableKey));
    let weak = format!("1 {SUITE} inline:{PLATFORM_KEY} UNENCRYPTED_SRTCP");
    assert_eq!(refusal(&[&weak]), Some(MediaRefusal::WeakKey));
    let short = format!("1 {SUITE} inline:{}", "E".repeat(36));
    assert_eq!(refusal(&[&short]), Some(MediaRefusal::NoUsableKey));
}

#[test]
fn a_peer_with_mki_only_is_answered_without_and_its_mki_reaches_the_relay() {
    let with = format!("1 {SUITE} inline:{PLATFORM_KEY}|2^31|258:2");
    assert!(!answered(&[&with]).contains("|258:2"));
    let (mut a, mut b) = (platform(), carrier());
    let offer = a.read_offer(offer(&[&with]).as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    assert_eq!(a.endpoint_plan(&b).unwrap().keying.mki, Mki::new(258, 2));
    assert_eq!(b.endpoint_plan(&a).unwrap().keying.mki, None);
}

#[test]
fn an_answer_with_mki_is_taken() {
    let (a, mut b) = (carrier(), platform());
    let offer = a.read_offer(CARRIER_OFFER.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    assert!(b.read_answer(TEAMS_ANSWER.replace("|2^31", "|2^31|7:1").as_bytes()).is_ok());
}

#[test]
fn every_suite_of_the_trunk_is_offered_in_its_order_with_a_key_of_its_own() {
    let suites = SrtpSuite::ALL.into_iter().rev().collect();
    let mut leg = leg_of(MediaSettings { suites, ..settings(Security::Srtp, &[]) }, [203, 0, 113, 10], 30000, 1);
    let plan = AudioPlan::from_settings(&settings(Security::Srtp, &[]));
    let lines = lines(&offer_text(&mut leg, &plan), "a=crypto:");
    let read: Vec<CryptoLine<'_>> = lines.iter().map(|line| CryptoLine::parse(line).unwrap()).collect();
    let named: Vec<(u32, &str, usize)> =
        read.iter().map(|line| (line.tag, line.suite, line.key_salt.expose().len())).collect();
    assert_eq!(
        named,
        [
            (1, "AEAD_AES_256_GCM", 44),
            (2, "AEAD_AES_128_GCM", 28),
            (3, "AES_256_CM_HMAC_SHA1_32", 46),
            (4, "AES_256_CM_HMAC_SHA1_80", 46),
            (5, "AES_CM_128_HMAC_SHA1_32", 30),
            (6, "AES_CM_128_HMAC_SHA1_80", 30),
        ]
    );
}

#[test]
fn the_trunks_order_decides_among_offered_suites_and_one_line_answers() {
    let suites = vec![SrtpSuite::AeadAes256Gcm, SrtpSuite::AesCm128HmacSha1_80];
    let mut leg = leg_of(MediaSettings { suites, ..settings(Security::Srtp, &[]) }, [203, 0, 113, 10], 30000, 1);
    let [short, long] = [(0, 40), (7, 59)].map(|(tag, digits)| {
        let suite = if digits == 40 { SUITE } else { "AEAD_AES_256_GCM" };
        format!("{tag} {suite} inline:{}{}", "E".repeat(digits), if digits == 59 { "=" } else { "" })
    });
    let read = leg.read_offer(offer(&[&short, &long]).as_bytes()).unwrap();
    let answer = text(&leg.write_answer(&read, &read.plan).unwrap());
    let keys = lines(&answer, "a=crypto:");
    assert_eq!(keys.len(), 1);
    assert!(keys[0].starts_with("7 AEAD_AES_256_GCM inline:"));
}

#[test]
fn the_peers_key_reaches_the_relay_as_the_one_that_opens() {
    let (a, b) = bridged();
    let Protection::Srtp { local, remote } = a.endpoint_plan(&b).unwrap().protection else { panic!("no SRTP") };
    let octets = trunkline::sdp::base64::decode(PLATFORM_KEY).unwrap();
    assert_eq!(remote.key_salt.expose(), &*octets);
    let mut ours = Vec::new();
    trunkline::sdp::base64::encode(local.key_salt.expose(), &mut ours);
    assert!(text(&a.repeat().unwrap()).contains(std::str::from_utf8(&ours).unwrap()));
}

#[test]
fn our_key_stays_when_the_peers_changes() {
    let (mut a, mut b) = bridged();
    let before = line(&text(&a.repeat().unwrap()), "a=crypto:");
    let rekeyed = a.read_offer(TEAMS_OFFER.replace("inline:x0", "inline:y0").as_bytes()).unwrap();
    b.write_offer(&rekeyed.plan).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    let answer = text(&a.write_answer(&rekeyed, &accepted).unwrap());
    assert_eq!(line(&answer, "a=crypto:"), before);
}

#[test]
fn an_offer_of_ours_in_a_call_repeats_the_agreed_key_line() {
    let (mut a, mut b) = bridged();
    let agreed = line(&text(&a.repeat().unwrap()), "a=crypto:");
    let plan = b.remote_plan().unwrap().clone();
    b.withdraw_offer();
    assert_eq!(line(&offer_text(&mut a, &plan), "a=crypto:"), agreed);
}

#[test]
fn our_own_key_sent_back_is_refused() {
    let mut leg = platform();
    let offer = offer_text(&mut leg, &AudioPlan::from_settings(&settings(Security::Srtp, &[])));
    let ours = line(&offer, "a=crypto:");
    assert_eq!(leg.read_offer(self::offer(&[&ours]).as_bytes()).err(), Some(MediaRefusal::KeyIsOurs));
}

#[test]
fn no_two_legs_share_a_key() {
    let plan = AudioPlan::from_settings(&settings(Security::Srtp, &[]));
    let key = |seed| {
        let mut leg = leg_of(settings(Security::Srtp, &[]), [203, 0, 113, 10], 30000, seed);
        line(&offer_text(&mut leg, &plan), "a=crypto:")
    };
    assert_ne!(key(1), key(2));
}

#[test]
fn the_lifetime_is_written_only_where_the_trunk_wants_it() {
    let bare = MediaSettings { srtp_lifetime: false, ..settings(Security::Srtp, &[]) };
    let mut leg = leg_of(bare, [203, 0, 113, 10], 30000, 1);
    let plan = AudioPlan::from_settings(&settings(Security::Srtp, &[]));
    assert!(!line(&offer_text(&mut leg, &plan), "a=crypto:").contains('|'));
}

#[test]
fn savpf_is_answered_with_itself() {
    let (mut a, mut b) = (platform(), carrier());
    let offer = a.read_offer(TEAMS_OFFER.replace("RTP/SAVP", "RTP/SAVPF").as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    let answer = text(&a.write_answer(&offer, &accepted).unwrap());
    assert_eq!(line(&answer, "m="), "audio 30000 RTP/SAVPF 8 101");
}

#[test]
fn an_optional_leg_takes_plain_rtp_and_stays_with_it() {
    let mut leg: LegMedia = leg_of(settings(Security::Optional, &[]), [10, 1, 0, 4], 20000, 3);
    let offer = leg.read_offer(CARRIER_ANSWER.as_bytes()).unwrap();
    let answer = text(&leg.write_answer(&offer, &offer.plan).unwrap());
    assert!(answer.contains("RTP/AVP") && !answer.contains("crypto"));
    assert!(offer_text(&mut leg, &offer.plan).contains("RTP/AVP"));
}

#[test]
fn no_key_prints() {
    let (a, _) = bridged();
    let key = line(&text(&a.repeat().unwrap()), "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:");
    let shown = format!("{a:?}");
    assert!(!shown.contains(key.trim_end_matches("|2^31")) && !shown.contains(PLATFORM_KEY));
}
