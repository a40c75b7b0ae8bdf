//! SAVP on one leg, AVP on the other, both directions.

use std::time::Duration;

use trunkline::call::negotiate::{AudioPlan, LegMedia};
use trunkline::media::plan::{Protection, SourceRule};
use trunkline::route::media::{MediaSettings, Security};

use crate::stage::{
    CARRIER_ANSWER, CARRIER_OFFER, PLATFORM_KEY, TEAMS_ANSWER, TEAMS_OFFER, bridged, carried, carrier, leg_of, line,
    lines, offer_text, platform, settings, text,
};

#[test]
fn a_platform_offer_becomes_a_plain_offer_of_the_carriers_codecs() {
    let offer = platform().read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    let written = offer_text(&mut carrier(), &offer.plan);
    assert_eq!(line(&written, "m="), "audio 20000 RTP/AVP 8 0 101 13");
    assert_eq!(line(&written, "c="), "IN IP4 10.1.0.4");
    assert_eq!(line(&written, "a=rtcp:"), "20001 IN IP4 10.1.0.4");
    assert_eq!(lines(&written, "a=fmtp:"), ["101 0-16"]);
    assert_eq!(line(&written, "a=ptime:"), "20");
    assert!(written.ends_with("a=sendrecv\r\n"));
}

#[test]
fn nothing_of_the_platforms_text_reaches_the_carrier() {
    let offer = platform().read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    let written = offer_text(&mut carrier(), &offer.plan);
    for foreign in ["52.112", "crypto", "label", "mid", "b=CT", "184467", "RED", "session"] {
        assert!(!written.contains(foreign), "{foreign} in {written}");
    }
}

#[test]
fn the_carriers_answer_becomes_a_secure_answer_with_the_offered_numbers_and_tag() {
    let (a, _) = bridged();
    let answer = text(&a.repeat().unwrap());
    assert_eq!(line(&answer, "m="), "audio 30000 RTP/SAVP 8 101");
    let crypto = line(&answer, "a=crypto:");
    assert!(crypto.starts_with("1 AES_CM_128_HMAC_SHA1_80 inline:") && crypto.ends_with("|2^31"), "{crypto}");
    assert!(!crypto.contains(PLATFORM_KEY));
}

#[test]
fn a_carrier_offer_becomes_a_secure_offer_and_its_numbers_come_back_in_the_answer() {
    let (mut a, mut b) = (carrier(), platform());
    let offer = a.read_offer(CARRIER_OFFER.as_bytes()).unwrap();
    let written = offer_text(&mut b, &offer.plan);
    assert_eq!(line(&written, "m="), "audio 30000 RTP/SAVP 8 0 97");
    let answer = TEAMS_ANSWER.replace("101", "97");
    let accepted = b.read_answer(answer.as_bytes()).unwrap();
    let answered = text(&a.write_answer(&offer, &accepted).unwrap());
    assert_eq!(line(&answered, "m="), "audio 20000 RTP/AVP 8 97");
}

#[test]
fn the_relay_gets_keys_addresses_and_directions_of_each_leg() {
    let (mut a, b) = bridged();
    assert_eq!(a.endpoint_plan(&b).unwrap().silence, None, "nobody is silent before the answer");
    a.answered();
    let (secure, plain) = (a.endpoint_plan(&b).unwrap(), b.endpoint_plan(&a).unwrap());
    assert_eq!(secure.remote.unwrap().rtp, "52.112.60.10:51030".parse().unwrap());
    assert_eq!(secure.remote.unwrap().rtcp, "52.112.60.10:51031".parse().unwrap());
    assert_eq!(plain.remote.unwrap().rtcp, "10.1.0.9:6001".parse().unwrap());
    assert!(matches!(secure.protection, Protection::Srtp { .. }));
    assert_eq!(plain.protection, Protection::Rtp);
    assert!(secure.flowing.send && secure.flowing.receive);
    assert_eq!(secure.silence, Some(Duration::from_secs(30)));
    assert_eq!((secure.event_payload, plain.event_payload), (Some(101), Some(101)));
}

#[test]
fn payload_types_are_mapped_where_the_legs_differ() {
    let (mut a, mut b) = (carrier(), platform());
    let offer = a.read_offer(CARRIER_OFFER.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    // The platform answers with a number of its own (RFC 3264 6.1 allows it).
    let accepted = b.read_answer(TEAMS_ANSWER.as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    let (from_carrier, from_platform) = (a.endpoint_plan(&b).unwrap(), b.endpoint_plan(&a).unwrap());
    assert_eq!(carried(&from_carrier, 8), Some(8));
    assert_eq!(carried(&from_carrier, 97), Some(101));
    assert_eq!(carried(&from_platform, 97), Some(97), "the number we offered");
    assert_eq!(carried(&from_platform, 101), Some(97), "the platform's own, should it send that");
    assert_eq!(carried(&from_carrier, 0), None, "not answered");
}

#[test]
fn there_is_no_plan_before_both_legs_have_settled() {
    let (mut a, mut b) = (platform(), carrier());
    let offer = a.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    assert!(a.endpoint_plan(&b).is_none());
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    assert!(b.endpoint_plan(&a).is_none());
    a.write_answer(&offer, &accepted).unwrap();
    assert!(a.endpoint_plan(&b).is_some() && b.endpoint_plan(&a).is_some());
}

#[test]
fn only_a_plain_leg_learns_and_only_inside_the_list() {
    let learning = |security| MediaSettings {
        learn: true,
        sources: vec!["10.1.0.0/24".parse().unwrap()],
        ..settings(security, &[])
    };
    let mut a = leg_of(learning(Security::Srtp), [203, 0, 113, 10], 30000, 1);
    let mut b = leg_of(learning(Security::Rtp), [10, 1, 0, 4], 20000, 2);
    let offer = a.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    assert_eq!(a.endpoint_plan(&b).unwrap().sources, SourceRule::Described);
    let list = ["10.1.0.0/24".parse().unwrap()].as_slice().into();
    assert_eq!(b.endpoint_plan(&a).unwrap().sources, SourceRule::LearnOnce(list));
}

#[test]
fn an_offer_without_numbers_for_static_codecs_is_understood() {
    let bare = CARRIER_OFFER.replace("97", "18").replace("a=rtpmap:18 telephone-event/8000\n", "");
    let open = leg_of(settings(Security::Rtp, &[]), [10, 1, 0, 4], 20000, 1);
    let offer = open.read_offer(bare.as_bytes()).unwrap();
    let names: Vec<_> = offer.plan.codecs.iter().map(|codec| &*codec.name).collect();
    assert_eq!(names, ["PCMA", "PCMU", "G729"]);
}

#[test]
fn two_variants_of_one_codec_stay_apart() {
    let wide = "v=0\no=- 1 1 IN IP4 10.1.0.9\ns=-\nc=IN IP4 10.1.0.9\nt=0 0\nm=audio 6000 RTP/AVP 100 101\n\
                a=rtpmap:100 AMR-WB/16000\na=fmtp:100 octet-align=1\na=rtpmap:101 AMR-WB/16000\na=fmtp:101 octet-align=0\n";
    let open = |seed| leg_of(settings(Security::Rtp, &[]), [10, 1, 0, 4], 20000, seed);
    let (mut a, mut b): (LegMedia, LegMedia) = (open(1), open(2));
    let offer = a.read_offer(wide.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let answer = "v=0\no=- 1 1 IN IP4 10.1.0.8\ns=-\nc=IN IP4 10.1.0.8\nt=0 0\nm=audio 7000 RTP/AVP 101\n\
                  a=rtpmap:101 AMR-WB/16000\na=fmtp:101 octet-align=0; mode-set=0\n";
    let accepted = b.read_answer(answer.as_bytes()).unwrap();
    let answered = text(&a.write_answer(&offer, &accepted).unwrap());
    assert_eq!(line(&answered, "m="), "audio 20000 RTP/AVP 101");
    assert_eq!(carried(&a.endpoint_plan(&b).unwrap(), 101), Some(101));
}

#[test]
fn a_late_offer_is_written_from_the_trunks_settings() {
    let plan = AudioPlan::from_settings(&settings(Security::Srtp, &["PCMA", "PCMU"]));
    let written = offer_text(&mut platform(), &plan);
    assert_eq!(line(&written, "m="), "audio 30000 RTP/SAVP 8 0 101");
    assert_eq!(lines(&written, "a=crypto:").len(), 1);
}

#[test]
fn a_channel_count_crosses() {
    let opus = CARRIER_OFFER.replace("8 0 97", "111 97").replace("a=ptime:20", "a=rtpmap:111 opus/48000/2");
    let open = |seed| leg_of(settings(Security::Rtp, &[]), [10, 1, 0, 4], 20000, seed);
    let offer = open(1).read_offer(opus.as_bytes()).unwrap();
    assert!(offer_text(&mut open(2), &offer.plan).contains("a=rtpmap:111 opus/48000/2\r\n"));
}
