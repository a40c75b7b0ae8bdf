//! Whether and when our own key changes (`media.srtp`, MD-172..174, DESIGN 5).

use std::collections::BTreeSet;

use trunkline::base::entropy::{Entropy, SeededEntropy};
use trunkline::call::negotiate::LegMedia;
use trunkline::media::plan::{ClockRate, OnRekey, Protection, SrtpSuite};
use trunkline::route::media::{KeyGeneration, MediaSettings, Security, SrtpKeying, SsrcOnRekey};

use crate::stage::{
    CARRIER_ANSWER, CARRIER_OFFER, PLATFORM_KEY, TEAMS_ANSWER, TEAMS_OFFER, bridged, carrier, leg_of, line, offer_text,
    settings, text, version,
};

fn with(srtp: SrtpKeying) -> LegMedia {
    leg_of(MediaSettings { srtp, ..settings(Security::Srtp, &[]) }, [203, 0, 113, 10], 30000, 1)
}

fn always() -> LegMedia {
    with(SrtpKeying { generate: KeyGeneration::Always, ..SrtpKeying::default() })
}

/// Answers what the platform offers with what it offers; gives our key line.
fn answer(leg: &mut LegMedia, offer: &str) -> String {
    let offer = leg.read_offer(offer.as_bytes()).unwrap();
    line(&text(&leg.write_answer(&offer, &offer.plan).unwrap()), "a=crypto:")
}

fn held() -> String {
    TEAMS_OFFER.replace("a=sendrecv", "a=inactive")
}

#[test]
fn unless_the_trunk_wants_it_no_reinvite_changes_our_key() {
    let mut leg = with(SrtpKeying::default());
    let key = answer(&mut leg, TEAMS_OFFER);
    let moved = TEAMS_OFFER.replace("52.112.60.10", "52.112.60.99").replace("inline:x0", "inline:z0");
    for again in [&held(), TEAMS_OFFER, &moved] {
        assert_eq!(answer(&mut leg, again), key);
    }
    let plan = leg.remote_plan().unwrap().clone();
    assert_eq!(line(&offer_text(&mut leg, &plan), "a=crypto:"), key);
}

#[test]
fn a_trunk_that_wants_it_gets_a_new_key_with_each_answer_that_says_something_new() {
    let mut leg = always();
    let mut keys = BTreeSet::from([answer(&mut leg, TEAMS_OFFER)]);
    for round in 0..20 {
        let offer = if round % 2 == 0 { held() } else { TEAMS_OFFER.to_owned() };
        assert!(keys.insert(answer(&mut leg, &offer)));
    }
}

#[test]
fn a_trunk_that_wants_it_gets_a_new_key_with_each_offer_that_says_something_new() {
    let (a, mut b) = (carrier(), always());
    let mut plan = a.read_offer(CARRIER_OFFER.as_bytes()).unwrap().plan;
    let first = line(&offer_text(&mut b, &plan), "a=crypto:");
    b.read_answer(TEAMS_ANSWER.as_bytes()).unwrap();
    plan.ptime_ms = Some(40);
    assert_ne!(line(&offer_text(&mut b, &plan), "a=crypto:"), first);
}

#[test]
fn a_refresh_changes_no_key_even_where_the_trunk_wants_new_ones() {
    let (a, mut b) = (carrier(), always());
    let plan = a.read_offer(CARRIER_OFFER.as_bytes()).unwrap().plan;
    let first = offer_text(&mut b, &plan);
    b.read_answer(TEAMS_ANSWER.as_bytes()).unwrap();
    assert_eq!(offer_text(&mut b, &plan), first);
    b.read_answer(TEAMS_ANSWER.as_bytes()).unwrap();
    let again = b.read_offer(TEAMS_ANSWER.as_bytes()).unwrap();
    assert!(b.is_refresh(&again));
    assert_eq!(text(&b.repeat().unwrap()), first);
}

#[test]
fn the_200_after_a_183_says_what_that_said() {
    let mut leg = always();
    let offer = leg.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    let early = text(&leg.write_answer(&offer, &offer.plan).unwrap());
    let late = text(&leg.write_answer(&offer, &offer.plan).unwrap());
    assert_eq!(early, late);
    assert_eq!(version(&late), 1);
}

#[test]
fn until_a_new_key_is_agreed_the_relay_keeps_the_old() {
    let (mut a, mut b) = (always(), carrier());
    let offer = a.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    let agreed = a.endpoint_plan(&b).unwrap();
    let mut plan = b.remote_plan().unwrap().clone();
    plan.ptime_ms = Some(60);
    offer_text(&mut a, &plan);
    assert_eq!(a.endpoint_plan(&b).unwrap(), agreed);
    a.withdraw_offer();
    assert_eq!(a.endpoint_plan(&b).unwrap(), agreed);
    assert!(a.is_refresh(&a.read_offer(TEAMS_OFFER.as_bytes()).unwrap()));
}

#[test]
fn the_key_in_use_sent_back_is_refused_though_a_newer_one_was_offered() {
    let mut leg = always();
    let ours = answer(&mut leg, TEAMS_OFFER);
    let mut plan = leg.remote_plan().unwrap().clone();
    plan.ptime_ms = Some(60);
    offer_text(&mut leg, &plan);
    leg.withdraw_offer();
    let reflected = TEAMS_OFFER.replace(PLATFORM_KEY, ours.split([':', '|']).nth(1).unwrap());
    assert!(leg.read_offer(reflected.as_bytes()).is_err());
}

#[test]
fn a_key_that_went_out_of_use_never_comes_back() {
    let suites = vec![SrtpSuite::AesCm128HmacSha1_32, SrtpSuite::AesCm128HmacSha1_80];
    let mut leg = leg_of(MediaSettings { suites, ..settings(Security::Srtp, &[]) }, [203, 0, 113, 10], 30000, 1);
    let other = TEAMS_OFFER.replace("SHA1_80", "SHA1_32");
    let keys: BTreeSet<String> = (0..10).map(|round| answer(&mut leg, [TEAMS_OFFER, &other][round % 2])).collect();
    assert_eq!(keys.len(), 10);
}

#[test]
fn over_a_storm_of_descriptions_no_spent_key_of_ours_protects_again() {
    let (mut a, mut b) = (always(), carrier());
    let mut entropy = SeededEntropy::new(8);
    let (mut spent, mut current): (Vec<Vec<u8>>, Option<Vec<u8>>) = (Vec::new(), None);
    for _ in 0..400 {
        let direction = ["sendrecv", "inactive", "sendonly"][entropy.below(3) as usize];
        let asked = TEAMS_OFFER
            .replace("sendrecv", direction)
            .replace("a=ptime:20", ["a=ptime:20", "a=ptime:40"][entropy.below(2) as usize]);
        match entropy.below(4) {
            0 => {
                let mut plan = a.remote_plan().unwrap_or_else(|| a.read_offer(TEAMS_OFFER.as_bytes()).unwrap().plan);
                plan.ptime_ms = Some([20, 30, 40][entropy.below(3) as usize]);
                a.write_offer(&plan).unwrap();
                if entropy.below(2) == 0 {
                    a.withdraw_offer()
                } else {
                    a.read_answer(TEAMS_ANSWER.as_bytes()).unwrap();
                }
            }
            _ => {
                let offer = a.read_offer(asked.as_bytes()).unwrap();
                if !a.is_refresh(&offer) {
                    b.write_offer(&offer.plan).unwrap();
                    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
                    a.write_answer(&offer, &accepted).unwrap();
                }
            }
        }
        let Some(plan) = a.endpoint_plan(&b) else { continue };
        let Protection::Srtp { local, .. } = plan.protection else { panic!("no SRTP") };
        let key = local.key_salt.expose().clone();
        if current.as_ref() != Some(&key) {
            assert!(!spent.contains(&key));
            spent.extend(current.replace(key));
        }
    }
    assert!(spent.len() > 50, "{}", spent.len());
}

#[test]
fn the_relay_is_told_what_a_new_key_does_to_our_stream() {
    let told = |ssrc, reset| SrtpKeying { ssrc, reset, ..SrtpKeying::default() }.on_rekey();
    assert_eq!(told(SsrcOnRekey::New, false), OnRekey::NewSource);
    assert_eq!(told(SsrcOnRekey::New, true), OnRekey::NewSource);
    assert_eq!(told(SsrcOnRekey::Keep, false), OnRekey::KeepAll);
    assert_eq!(told(SsrcOnRekey::Keep, true), OnRekey::KeepFromZero);
    let (mut a, mut b) = (with(SrtpKeying { ssrc: SsrcOnRekey::Keep, ..SrtpKeying::default() }), carrier());
    let offer = a.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    assert_eq!(a.endpoint_plan(&b).unwrap().keying.on_rekey, OnRekey::KeepAll);
}

#[test]
fn the_relay_is_told_the_clock_of_the_speech_that_crosses() {
    let (a, b) = bridged();
    assert_eq!(a.endpoint_plan(&b).unwrap().clock, ClockRate::NARROW_BAND);
    for (name, hz) in [("SILK/16000", 16_000), ("opus/48000/2", 48_000)] {
        let wide = format!(
            "v=0\no=- 1 1 IN IP4 10.1.0.9\ns=-\nc=IN IP4 10.1.0.9\nt=0 0\nm=audio 6000 RTP/AVP 100 101\n\
             a=rtpmap:100 {name}\na=rtpmap:101 telephone-event/{hz}\n"
        );
        let open = |seed| leg_of(settings(Security::Rtp, &[]), [10, 1, 0, 4], 20000, seed);
        let (mut a, mut b) = (open(1), open(2));
        let offer = a.read_offer(wide.as_bytes()).unwrap();
        b.write_offer(&offer.plan).unwrap();
        let accepted = b.read_answer(wide.as_bytes()).unwrap();
        a.write_answer(&offer, &accepted).unwrap();
        assert_eq!(b.endpoint_plan(&a).unwrap().clock.hz(), hz);
    }
}
