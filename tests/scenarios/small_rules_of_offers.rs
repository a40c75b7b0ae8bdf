//! What of an offer the other party must hear of, what stays in its place in every later description, and where an early
//! dialog leads.

use std::time::Duration;

use trunkline::route::media::KeyGeneration;
use trunkline::route::provisional::{ProvisionalSettings, Reliability};
use trunkline::rtp::srtp::SrtpSuite;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::{Talk, number_of};
use crate::world::text::{Dialog, Text, invite, reliably, sdp, sdp_with, with_header};

/// The caller offers this; what the called party is asked, which takes it.
fn crosses(world: &mut World, talk: &mut Talk, body: &str, answer: &str) -> Text {
    let asked = talk.caller.request("INVITE", body);
    world.send(Platform, asked);
    let crossed = world.expect(CarrierA, "INVITE");
    world.reinvite_answered(&talk.caller, &crossed, (CarrierA, answer));
    crossed
}

/// RFC 3264 8.3: packet time and events are agreed from end to end.
#[test]
fn another_packet_time_or_no_more_events_cross() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let slower = sdp_with(Platform, "sendrecv", "0 8 101", 2) + "a=ptime:40\r\n";
    let crossed = crosses(&mut world, &mut talk, &slower, &sdp_with(CarrierA, "sendrecv", "0 8 101", 2));
    assert!(crossed.body().contains("a=ptime:40\r\n"), "{}", crossed.body());
    let plain = sdp_with(Platform, "sendrecv", "0 8", 3) + "a=ptime:40\r\n";
    let crossed = crosses(&mut world, &mut talk, &plain, &sdp_with(CarrierA, "sendrecv", "0 8", 3));
    assert!(crossed.body().contains("RTP/AVP 0 8\r\n"), "{}", crossed.body());
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 3264 8: a media line keeps its place, switched off or not, in our offers too.
#[test]
fn a_refused_media_line_stays_in_what_we_offer() {
    let mut world = World::new();
    let more = sdp(Platform, "sendrecv") + "m=video 40010 RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\n";
    world.send(Platform, invite(Platform, number_of(CarrierA), &more));
    let offered = world.expect(CarrierA, "INVITE");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    let hold = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, hold);
    let crossed = world.expect(Platform, "INVITE");
    let lines: Vec<&str> = crossed.body().lines().filter(|line| line.starts_with("m=")).collect();
    assert!(lines.len() == 2 && lines[0].starts_with("m=audio ") && lines[1].starts_with("m=video 0 "), "{lines:?}");
    let answer = sdp_with(Platform, "recvonly", "0 8 101", 2) + "m=video 0 RTP/SAVP 96\r\n";
    world.reinvite_answered(&talk.callee, &crossed, (Platform, &answer));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 3264 8.4: nothing may be sent to 0.0.0.0, so that a party which only receives there does nothing at all.
#[test]
fn zero_address_beside_recvonly_is_inactive() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let zero = sdp_with(Platform, "recvonly", "0 8 101", 2).replace("c=IN IP4 192.0.2.50", "c=IN IP4 0.0.0.0");
    let crossed = crosses(&mut world, &mut talk, &zero, &sdp_with(CarrierA, "inactive", "0 8 101", 2));
    assert!(crossed.body().contains("a=inactive\r\n"), "{}", crossed.body());
    assert_eq!(world.hears(CarrierA), [Platform], "it stays where it was");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 4028 9: our answer is never below the caller's Min-SE, and whoever cannot know 422 is not refused with it (8.1).
#[test]
fn a_session_lasts_as_long_as_the_caller_must_have_it() {
    let mut world = World::new();
    let asks = ["Supported: timer", "Session-Expires: 3600", "Min-SE: 2400"];
    let (mut talk, _) = world.talk_saying(Platform, CarrierA, &asks, &[]);
    assert!(talk.accepted.header("Session-Expires").starts_with("2400"), "{}", talk.accepted.as_str());
    world.caller_hangs_up(&mut talk);
    let (mut talk, _) = world.talk_saying(Platform, CarrierA, &["Session-Expires: 60"], &[]);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 3311 5.2: an UPDATE before the answer refreshes the target of the early dialog.
#[test]
fn an_early_dialog_follows_its_party() {
    let settings = ProvisionalSettings { reliable: Reliability::Supported, ..Default::default() };
    let mut world = World::provisional(&[("platform", settings)]);
    let (offered, _) = world.dial(CarrierA, Platform);
    let progress = reliably(&offered.respond(183, Platform, &sdp(Platform, "sendrecv")), 1);
    let mut callee = Dialog::of_callee(Platform, &offered, &progress);
    world.send(Platform, progress);
    world.hears_prack(Platform, "1 1 INVITE");
    world.expect(CarrierA, "SIP/2.0 183");
    let moves = callee.request("UPDATE", "").replace("<sip:ua@192.0.2.50", "<sip:moved@192.0.2.50");
    world.send(Platform, moves);
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, reliably(&offered.respond(180, Platform, ""), 2));
    let prack = world.hears_prack(Platform, "2 1 INVITE");
    assert!(prack.start_line().contains("sip:moved@"), "{}", prack.start_line());
    world.expect(CarrierA, "SIP/2.0 180");
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.finish();
}

/// RFC 3261 12.2.1.1: the BYE of a fork that was asked something before its late 2xx is numbered above that.
#[test]
fn the_bye_of_an_unwanted_answer_is_numbered_above_what_its_early_dialog_heard() {
    let settings = ProvisionalSettings { reliable: Reliability::Supported, ..Default::default() };
    let mut world = World::provisional(&[("platform", settings)]);
    let (offered, sent) = world.dial(CarrierA, Platform);
    let progress = reliably(&offered.respond(183, Platform, &sdp(Platform, "sendrecv")), 1);
    world.send(Platform, progress);
    let number = |message: &Text| -> u32 {
        message.header("CSeq").split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
    };
    let asked = number(&world.hears_prack(Platform, "1 1 INVITE"));
    world.expect(CarrierA, "SIP/2.0 183");
    world.send(CarrierA, sent.cancel());
    world.expect(CarrierA, "SIP/2.0 200");
    world.expect(CarrierA, "SIP/2.0 487");
    let cancel = world.expect(Platform, "CANCEL");
    world.send(Platform, cancel.respond(200, Platform, ""));
    world.send(Platform, with_header(&offered.respond(200, Platform, ""), "X-Crossed: yes"));
    world.expect(Platform, "ACK");
    let bye = world.hears_bye(Platform);
    assert!(number(&bye) > asked, "{}", bye.as_str());
    world.pass(Duration::from_secs(1));
    world.finish();
}

/// RFC 6337 3.1.1: the answer that came reliably is the answer; what another response of its fork describes is not read.
#[test]
fn an_answer_that_came_reliably_stands() {
    let settings = ProvisionalSettings { reliable: Reliability::Supported, ..Default::default() };
    let mut world = World::provisional(&[("carrier-a", settings)]);
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, reliably(&offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")), 1));
    world.hears_prack(CarrierA, "1 1 INVITE");
    let first = world.expect(Platform, "SIP/2.0 183");
    let other = sdp_with(CarrierA, "sendrecv", "8 101", 1);
    world.send(CarrierA, offered.respond(183, CarrierA, &other));
    world.pass(Duration::from_millis(100));
    world.send(CarrierA, offered.respond(200, CarrierA, &other));
    world.expect(CarrierA, "ACK");
    let accepted = loop {
        let heard = world.expect(Platform, "SIP/2.0");
        assert!(heard.body().is_empty() || heard.body() == first.body(), "{}", heard.as_str());
        if heard.status() == Some(200) {
            break heard;
        }
    };
    let mut caller = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, caller.ack(""));
    world.leaves(Platform, &mut caller);
    world.hears_bye(CarrierA);
    world.finish();
}

/// RFC 3264 6.1: a party that answered our offer says the same again. Our offer is no answer to that.
#[test]
fn a_refresh_by_who_answered_gets_what_an_answer_may_say() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, "recvonly"));
    let mut callee = Dialog::of_callee(CarrierA, &offered, &answer);
    world.send(CarrierA, answer);
    world.expect(CarrierA, "ACK");
    let mut caller = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 200"));
    world.send(Platform, caller.ack(""));
    world.send(CarrierA, callee.request("INVITE", &sdp(CarrierA, "recvonly")));
    let taken = world.expect(CarrierA, "SIP/2.0 200");
    assert!(taken.body().contains("a=sendonly\r\n"), "{}", taken.body());
    world.send(CarrierA, callee.ack(""));
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(Platform));
    world.leaves(Platform, &mut caller);
    world.hears_bye(CarrierA);
    world.finish();
}

/// RFC 3711 9.1: a key of ours that was in use and went out of it is not used again, as its indices would begin anew.
#[test]
fn a_key_of_ours_never_comes_back() {
    let mut world = World::with_media("platform", |media| {
        media.suites = vec![SrtpSuite::AesCm128HmacSha1_80, SrtpSuite::AesCm128HmacSha1_32];
    });
    let key = |text: &Text| text.body().split("inline:").nth(1).and_then(|rest| rest.get(..40)).map(str::to_owned);
    let mut talk = world.talk(Platform, CarrierA);
    let mut keys = vec![key(&talk.accepted)];
    for (suite, version) in [("HMAC_SHA1_32", 2), ("HMAC_SHA1_80", 3)] {
        let body = sdp_with(Platform, "sendrecv", "0 8 101", version).replace("HMAC_SHA1_80", suite);
        world.send(Platform, talk.caller.request("INVITE", &body));
        let taken = world.expect(Platform, "SIP/2.0 200");
        assert!(taken.body().contains(suite), "{}", taken.body());
        world.send(Platform, talk.caller.ack(""));
        assert!(!keys.contains(&key(&taken)), "{keys:?}");
        keys.push(key(&taken));
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 3261 13.2.1: the 200 repeats what the 183 described, its key too, where a trunk's keys are new in all that is new.
#[test]
fn a_200_that_says_what_the_183_said_has_its_key() {
    let mut world = World::with_media("platform", |media| media.srtp.generate = KeyGeneration::Always);
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")));
    let early = world.expect(Platform, "SIP/2.0 183");
    assert!(early.body().contains("inline:"), "{}", early.body());
    let mut talk = world.answer(Platform, CarrierA, offered);
    assert_eq!(talk.accepted.body(), early.body());
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
