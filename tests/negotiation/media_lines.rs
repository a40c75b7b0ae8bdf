//! Several media lines, addresses, and what is refused before anything is written.

use trunkline::call::negotiate::{LegMedia, MediaRefusal};
use trunkline::route::media::Security;

use crate::stage::{CARRIER_ANSWER, CARRIER_OFFER, carrier, leg_of, lines, settings, text};

const VIDEO: &str = "m=video 7000 RTP/AVP 99 100\nc=IN IP4 10.1.0.9\na=rtpmap:99 H264/90000\n";

/// The carrier's offer with media lines before and behind its audio.
fn with(before: &str, behind: &str) -> String {
    CARRIER_OFFER.replace("m=audio", &format!("{before}m=audio")) + behind
}

fn answer(leg: &mut LegMedia, offer: &str) -> String {
    let offer = leg.read_offer(offer.as_bytes()).unwrap();
    let plan = offer.plan.clone();
    text(&leg.write_answer(&offer, &plan).unwrap())
}

fn refusal(offer: &str) -> Option<MediaRefusal> {
    carrier().read_offer(offer.as_bytes()).err()
}

#[test]
fn other_media_lines_are_answered_in_their_place_with_port_zero() {
    let answer = answer(&mut carrier(), &with(VIDEO, "m=image 7100 udptl t38\n"));
    let expected = ["video 0 RTP/AVP 99 100", "audio 20000 RTP/AVP 8 0 97", "image 0 udptl t38"];
    assert_eq!(lines(&answer, "m="), expected);
}

#[test]
fn the_first_audio_line_that_can_be_used_is_taken() {
    let off = "m=audio 0 RTP/AVP 8\n";
    let secure = "m=audio 7200 RTP/SAVP 8\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\n";
    let answer = answer(&mut carrier(), &with(&format!("{off}{secure}"), "m=audio 7300 RTP/AVP 0\n"));
    let expected = ["audio 0 RTP/AVP 8", "audio 0 RTP/SAVP 8", "audio 20000 RTP/AVP 8 0 97", "audio 0 RTP/AVP 0"];
    assert_eq!(lines(&answer, "m="), expected);
}

#[test]
fn an_offer_of_ours_never_has_fewer_media_lines_than_were_agreed() {
    let mut leg = carrier();
    answer(&mut leg, &with(VIDEO, ""));
    let plan = leg.remote_plan().unwrap().clone();
    let written = text(&leg.write_offer(&plan).unwrap());
    assert_eq!(lines(&written, "m="), ["video 0 RTP/AVP 99 100", "audio 20000 RTP/AVP 8 0 97"]);
    let short = CARRIER_ANSWER.replace("101", "97");
    assert_eq!(leg.read_answer(short.as_bytes()), Err(MediaRefusal::AnswerMismatch));
    let full = short.replace("m=audio", "m=video 0 RTP/AVP 99\nm=audio");
    assert!(leg.read_answer(full.as_bytes()).is_ok());
}

#[test]
fn the_audio_line_of_the_call_is_kept_when_another_one_is_offered_before_it() {
    let mut leg = carrier();
    answer(&mut leg, &with("m=audio 0 RTP/AVP 8\n", ""));
    let answer = answer(&mut leg, &with("m=audio 7200 RTP/AVP 8\n", ""));
    assert_eq!(lines(&answer, "m="), ["audio 0 RTP/AVP 8", "audio 20000 RTP/AVP 8 0 97"]);
}

#[test]
fn an_offer_without_audio_is_refused_with_a_media_type_warning() {
    let fax = CARRIER_OFFER.replace("m=audio 6000 RTP/AVP 8 0 97", "m=image 6000 udptl t38");
    assert_eq!(refusal(&fax), Some(MediaRefusal::NoAudio));
    assert_eq!(MediaRefusal::NoAudio.warning_code(), 304);
}

#[test]
fn no_common_codec_is_488_with_warning_305() {
    let offer = CARRIER_OFFER.replace("8 0 97", "18 97");
    assert_eq!(refusal(&offer), Some(MediaRefusal::NoCommonCodec));
    assert_eq!((MediaRefusal::NoCommonCodec.status(), MediaRefusal::NoCommonCodec.warning_code()), (488, 305));
}

#[test]
fn a_profile_nobody_serves_is_refused() {
    for profile in ["RTP/AVPF", "UDP/TLS/RTP/SAVPF", "udp"] {
        assert_eq!(refusal(&CARRIER_OFFER.replace("RTP/AVP", profile)), Some(MediaRefusal::Profile), "{profile}");
    }
}

#[test]
fn the_address_of_the_media_line_counts_before_that_of_the_session() {
    let own = CARRIER_OFFER.replace("RTP/AVP 8 0 97\n", "RTP/AVP 8 0 97\nc=IN IP4 10.1.0.77\n");
    let bad = CARRIER_OFFER.replace("RTP/AVP 8 0 97\n", "RTP/AVP 8 0 97\nc=IN IP4 127.0.0.1\n");
    assert_eq!(refusal(&own), None);
    assert_eq!(refusal(&bad), Some(MediaRefusal::AddressRefused));
}

#[test]
fn an_offer_without_any_address_is_refused() {
    assert_eq!(refusal(&CARRIER_OFFER.replace("c=IN IP4 10.1.0.9\n", "")), Some(MediaRefusal::NoAddress));
}

#[test]
fn the_address_for_rtcp_passes_the_same_rules() {
    let rtcp = |value: &str| refusal(&format!("{CARRIER_OFFER}a=rtcp:{value}\n"));
    assert_eq!(rtcp("6009 IN IP4 10.1.0.10"), None);
    assert_eq!(rtcp("6009 IN IP4 127.0.0.1"), Some(MediaRefusal::AddressRefused));
    assert_eq!(rtcp("6009 IN IP4 localhost"), Some(MediaRefusal::NoAddress));
}

#[test]
fn an_address_of_the_other_ip_version_is_told_apart() {
    let six = CARRIER_OFFER.replace("c=IN IP4 10.1.0.9", "c=IN IP6 2a00:1450::1");
    assert_eq!(refusal(&six), Some(MediaRefusal::AddressFamily));
}

#[test]
fn the_last_port_has_no_next_one_for_rtcp() {
    let mut leg = carrier();
    answer(&mut leg, &CARRIER_OFFER.replace("6000", "65535"));
    let plan = leg.endpoint_plan(&leg).unwrap();
    assert_eq!(plan.remote.unwrap().rtcp.port(), 65535);
}

#[test]
fn an_ipv6_leg_writes_ip6() {
    let rules = trunkline::media::plan::AddressRules::default();
    let lease = carrier().lease();
    let address = "2a00:1450::5".parse().unwrap();
    let mut entropy = trunkline::base::entropy::SeededEntropy::new(4);
    let mut leg = LegMedia::new(settings(Security::Rtp, &[]).into(), rules.into(), address, lease, &mut entropy);
    let answer = answer(&mut leg, &CARRIER_OFFER.replace("c=IN IP4 10.1.0.9", "c=IN IP6 2a00:1450::1"));
    assert!(answer.contains("c=IN IP6 2a00:1450::5\r\n") && answer.contains("a=rtcp:20001 IN IP6 2a00:1450::5\r\n"));
}

#[test]
fn parameters_with_control_characters_and_giant_ones_do_not_cross() {
    let long = format!("a=fmtp:97 0-15{}", ",16".repeat(600));
    let offer = carrier().read_offer(CARRIER_OFFER.replace("a=fmtp:97 0-15", &long).as_bytes()).unwrap();
    assert_eq!(offer.plan.codecs.len(), 2, "a codec whose parameters are beyond measure is left out");
    let tab = CARRIER_OFFER.replace("a=fmtp:97 0-15", "a=fmtp:97 0-\u{7}15");
    let offer = carrier().read_offer(tab.as_bytes()).unwrap();
    assert!(offer.plan.codecs.iter().all(|codec| codec.fmtp.is_none()));
}

#[test]
fn numbers_that_look_like_rtcp_are_passed_over() {
    let offer = leg_of(settings(Security::Rtp, &[]), [10, 1, 0, 4], 20000, 2)
        .read_offer(CARRIER_OFFER.replace("97", "72").as_bytes())
        .unwrap();
    assert_eq!(offer.plan.codecs.len(), 2);
}
