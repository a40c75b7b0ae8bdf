//! Answers that do not fit, and those that fit although they are odd.

use trunkline::call::negotiate::{AudioPlan, LegMedia, MediaRefusal};
use trunkline::route::media::Security;

use crate::stage::{
    CARRIER_ANSWER, TEAMS_ANSWER, TEAMS_OFFER, bridged, carried, carrier, leg_of, line, offer_text, platform, settings,
    text,
};

fn offering() -> LegMedia {
    let mut leg = platform();
    leg.write_offer(&AudioPlan::from_settings(&settings(Security::Srtp, &["PCMA", "PCMU"]))).unwrap();
    leg
}

fn refusal(answer: &str) -> Option<MediaRefusal> {
    offering().read_answer(answer.as_bytes()).err()
}

#[test]
fn an_answer_to_nothing_is_refused() {
    assert_eq!(platform().read_answer(TEAMS_ANSWER.as_bytes()), Err(MediaRefusal::AnswerMismatch));
}

#[test]
fn an_answer_in_plain_rtp_to_a_secure_offer_is_refused() {
    assert_eq!(refusal(&TEAMS_ANSWER.replace("SAVP", "AVP")), Some(MediaRefusal::PlainRefused));
    let mut optional = leg_of(settings(Security::Optional, &[]), [10, 1, 0, 4], 20000, 3);
    let written = offer_text(&mut optional, &AudioPlan::from_settings(&settings(Security::Optional, &[])));
    assert_eq!(line(&written, "m=audio 20000 "), "RTP/SAVP 8 0 101");
    assert_eq!(optional.read_answer(CARRIER_ANSWER.as_bytes()), Err(MediaRefusal::Profile));
}

#[test]
fn an_answer_without_a_codec_of_the_offer_is_refused() {
    let answer = TEAMS_ANSWER.replace("8 101 13", "18 101 13").replace("8 PCMA/8000", "18 G729/8000");
    assert_eq!(refusal(&answer), Some(MediaRefusal::NoCommonCodec));
}

#[test]
fn an_answer_that_switches_the_audio_off_is_told_apart() {
    assert_eq!(refusal(&TEAMS_ANSWER.replace("audio 52210", "audio 0")), Some(MediaRefusal::AudioOff));
}

#[test]
fn an_answer_with_another_media_line_in_our_place_is_refused() {
    assert_eq!(refusal(&TEAMS_ANSWER.replace("m=audio", "m=video")), Some(MediaRefusal::AnswerMismatch));
    let (head, _) = TEAMS_ANSWER.split_once("m=audio").unwrap();
    assert_eq!(refusal(head), Some(MediaRefusal::AnswerMismatch));
}

#[test]
fn a_refused_answer_changes_nothing() {
    let mut leg = offering();
    let offer = leg.repeat();
    leg.read_answer(TEAMS_ANSWER.replace("crypto:1", "crypto:9").as_bytes()).unwrap_err();
    assert_eq!(leg.repeat(), offer);
    assert!(leg.remote_plan().is_none());
    leg.read_answer(TEAMS_ANSWER.as_bytes()).unwrap();
}

#[test]
fn of_several_keys_the_one_under_our_tag_counts() {
    let other = "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:x0IWxsEXxeQQZ4fl/PHkMFwtHBLOiQ09ZwV1T0eN\na=crypto:1";
    assert_eq!(refusal(&TEAMS_ANSWER.replace("a=crypto:1", other)), None);
}

#[test]
fn a_number_without_a_name_means_what_we_offered_under_it() {
    let mut leg = offering();
    let accepted = leg.read_answer(TEAMS_ANSWER.replace("a=rtpmap:101 telephone-event/8000\n", "").as_bytes()).unwrap();
    assert!(accepted.codecs.iter().any(|codec| &*codec.name == "telephone-event"));
}

#[test]
fn codecs_that_were_not_offered_do_not_cross() {
    let accepted = offering().read_answer(TEAMS_ANSWER.as_bytes()).unwrap();
    let names: Vec<_> = accepted.codecs.iter().map(|codec| &*codec.name).collect();
    assert_eq!(names, ["PCMA", "telephone-event"], "comfort noise was not in the offer");
}

#[test]
fn an_answer_codec_the_offerer_did_not_name_leaves_no_common_codec() {
    let (mut a, mut b) = (platform(), carrier());
    let only_silk = a.read_offer(TEAMS_OFFER.replace(" 9 103 8 0 18 97", "").as_bytes()).unwrap();
    b.write_offer(&AudioPlan::from_settings(&settings(Security::Rtp, &["PCMA"]))).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    assert_eq!(a.write_answer(&only_silk, &accepted), Err(MediaRefusal::NoCommonCodec));
    assert!(a.repeat().is_none(), "nothing was settled");
}

#[test]
fn muxed_rtcp_is_taken_when_offered_and_not_offered_first() {
    let (mut a, mut b) = (platform(), carrier());
    let muxed = TEAMS_OFFER.replace("a=mid:1", "a=rtcp-mux");
    let offer = a.read_offer(muxed.as_bytes()).unwrap();
    assert!(!offer_text(&mut b, &offer.plan).contains("rtcp-mux"));
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    let answer = text(&a.write_answer(&offer, &accepted).unwrap());
    assert!(answer.contains("a=rtcp-mux\r\n") && !answer.contains("a=rtcp:"));
    let plan = a.endpoint_plan(&b).unwrap();
    assert_eq!(plan.remote.unwrap().rtp, plan.remote.unwrap().rtcp);
    let again = a.remote_plan().unwrap().clone();
    assert!(offer_text(&mut a, &again).contains("a=rtcp-mux\r\n"), "what is agreed does not lapse by itself (MD-126)");
}

#[test]
fn an_answer_cannot_mux_what_was_not_offered_so() {
    let (mut a, mut b) = (carrier(), platform());
    let offer = a.read_offer(crate::stage::CARRIER_OFFER.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let accepted = b.read_answer(format!("{TEAMS_ANSWER}a=rtcp-mux\n").as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    assert_eq!(b.endpoint_plan(&a).unwrap().remote.unwrap().rtcp.port(), 52211);
}

#[test]
fn a_codec_keeps_its_number_on_a_leg_over_new_offers() {
    let (mut a, mut b) = (platform(), carrier());
    let offer = a.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    let renumbered = TEAMS_OFFER.replace("101", "126");
    let offer = a.read_offer(renumbered.as_bytes()).unwrap();
    assert_eq!(line(&offer_text(&mut b, &offer.plan), "m="), "audio 20000 RTP/AVP 8 0 101 13");
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    let answer = text(&a.write_answer(&offer, &accepted).unwrap());
    assert_eq!(line(&answer, "m="), "audio 30000 RTP/SAVP 8 126", "an answer keeps the offer's numbers");
    assert_eq!(carried(&a.endpoint_plan(&b).unwrap(), 126), Some(101));
}

#[test]
fn the_200_may_answer_otherwise_than_the_183_did() {
    let (a, mut b) = (platform(), carrier());
    let offer = a.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    let written = offer_text(&mut b, &offer.plan);
    b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    let other = CARRIER_ANSWER.replace("10.1.0.9", "10.1.0.33").replace("AVP 8 101", "AVP 0 101");
    let accepted = b.read_answer(other.replace("a=rtpmap:8 PCMA/8000\n", "").as_bytes()).unwrap();
    assert_eq!(accepted.codecs.first().map(|codec| &*codec.name), Some("PCMU"));
    assert_eq!(b.read_answer(b"v=0"), Err(MediaRefusal::Malformed));
    assert_eq!(text(&b.repeat().unwrap()), written);
}

#[test]
fn an_answer_after_an_answer_of_ours_is_refused() {
    let (mut a, _) = bridged();
    assert_eq!(a.read_answer(TEAMS_ANSWER.as_bytes()), Err(MediaRefusal::AnswerMismatch));
}
