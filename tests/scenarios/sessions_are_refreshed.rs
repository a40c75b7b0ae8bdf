//! RFC 4028: a session timer on each leg, in both roles; MD-132..135, PF-145.

use std::time::Duration;

use trunkline::base::limits::SESSION_EXPIRES_S;
use trunkline::call::Cause;
use trunkline::dialog::session_timer::TimerMode;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::{Talk, number_of};
use crate::world::text::{Dialog, Text, invite, sdp, sdp_with, with_header};

const TAKES_UPDATE: &str = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE";
const WE_REFRESH: [&str; 2] = ["Session-Expires: 1800;refresher=uac", "Require: timer"];
const THEY_REFRESH: [&str; 2] = ["Session-Expires: 1800;refresher=uas", "Require: timer"];

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// The next refresh of a session of half an hour.
fn refresh_of(world: &mut World, method: &str) -> Text {
    world.pass(minutes(14));
    assert!(world.is_quiet(CarrierA));
    world.expect(CarrierA, method)
}

fn off(world: &mut World, mut talk: Talk) {
    world.caller_hangs_up(&mut talk);
}

#[test]
fn our_invite_asks_for_half_an_hour_and_the_callers_answer_says_who_refreshes() {
    let mut world = World::new();
    let asks = ["Session-Expires: 600;refresher=uac", "Supported: timer"];
    let (talk, offered) = world.talk_saying(Platform, CarrierA, &asks, &[]);
    assert_eq!((offered.header("Session-Expires").as_str(), offered.header("Supported").as_str()), ("1800", "timer"));
    let said = |name| talk.accepted.header(name);
    assert_eq!((said("Session-Expires").as_str(), said("Require").as_str()), ("600;refresher=uac", "timer"));
    off(&mut world, talk);
    world.finish();
}

#[test]
fn a_reinvite_with_the_description_of_before_refreshes_a_peer_without_update() {
    let mut world = World::new();
    let (talk, offered) = world.talk_saying(Platform, CarrierA, &[], &WE_REFRESH);
    let refresh = refresh_of(&mut world, "INVITE");
    assert_eq!(refresh.header("Session-Expires"), "1800;refresher=uac");
    assert_eq!(refresh.body(), offered.body());
    let answer = refresh.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    world.send(CarrierA, WE_REFRESH.iter().fold(answer, |answer, line| with_header(&answer, line)));
    world.expect(CarrierA, "ACK");
    world.pass(minutes(14));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform), "it never crosses");
    off(&mut world, talk);
    world.finish();
}

/// One offer at a time: where neither takes UPDATE the second one is refreshed later, but in time.
#[test]
fn both_parties_are_refreshed_where_both_leave_it_to_us() {
    let mut world = World::new();
    let asks = ["Supported: timer", "Session-Expires: 1800;refresher=uas"];
    let (mut talk, _) = world.talk_saying(Platform, CarrierA, &asks, &WE_REFRESH);
    let mut refreshed = [0; 2];
    for _ in 0..4 * 360 {
        world.pass(Duration::from_secs(10));
        for (at, count) in [Platform, CarrierA].into_iter().zip(&mut refreshed) {
            if world.is_quiet(at) {
                continue;
            }
            let refresh = world.expect(at, "INVITE");
            let answer = refresh.respond(200, at, &sdp(at, "sendrecv"));
            world.send(at, WE_REFRESH.iter().fold(answer, |answer, line| with_header(&answer, line)));
            world.expect(at, "ACK");
            *count += 1;
        }
    }
    assert!(refreshed.iter().all(|count| *count >= 8), "{refreshed:?}");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// The same where what is under way is the party's own offer, and is refused.
#[test]
fn a_refresh_that_falls_into_a_refused_offer_comes_later() {
    let mut world = World::new();
    let (mut talk, _) = world.talk_saying(Platform, CarrierA, &[], &WE_REFRESH);
    world.pass(Duration::from_secs(895));
    world.send(CarrierA, talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2)));
    let crossed = world.expect(Platform, "INVITE");
    world.send(Platform, crossed.respond(180, Platform, ""));
    world.pass(Duration::from_secs(10));
    world.send(Platform, crossed.respond(488, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 488");
    world.pass(minutes(5));
    let refresh = world.expect(CarrierA, "INVITE");
    assert!(refresh.body().contains("a=sendrecv\r\n"), "{}", refresh.body());
    world.send(CarrierA, with_header(&refresh.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")), WE_REFRESH[0]));
    world.expect(CarrierA, "ACK");
    off(&mut world, talk);
    world.finish();
}

#[test]
fn an_update_without_a_description_refreshes_a_peer_that_takes_it() {
    let mut world = World::new();
    let (talk, _) = world.talk_saying(Platform, CarrierA, &[], &[WE_REFRESH[0], TAKES_UPDATE]);
    for _ in 0..3 {
        let refresh = refresh_of(&mut world, "UPDATE");
        assert_eq!((refresh.header("Session-Expires").as_str(), refresh.body()), ("1800;refresher=uac", ""));
        world.send(CarrierA, with_header(&refresh.respond(200, CarrierA, ""), WE_REFRESH[0]));
    }
    off(&mut world, talk);
    world.finish();
}

#[test]
fn a_peer_that_refuses_update_after_all_is_sent_a_reinvite() {
    let mut world = World::new();
    let (talk, _) = world.talk_saying(Platform, CarrierA, &[], &[WE_REFRESH[0], TAKES_UPDATE]);
    let refresh = refresh_of(&mut world, "UPDATE");
    world.send(CarrierA, refresh.respond(405, CarrierA, ""));
    let refresh = world.expect(CarrierA, "INVITE");
    let answer = refresh.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    world.send(CarrierA, with_header(&answer, WE_REFRESH[0]));
    world.expect(CarrierA, "ACK");
    let refresh = refresh_of(&mut world, "INVITE");
    world.send(CarrierA, refresh.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    off(&mut world, talk);
    world.finish();
}

#[test]
fn a_party_that_holds_with_its_answer_to_a_refresh_is_heard_by_the_other() {
    let mut world = World::new();
    let (talk, _) = world.talk_saying(Platform, CarrierA, &[], &WE_REFRESH);
    let refresh = refresh_of(&mut world, "INVITE");
    world.send(CarrierA, refresh.respond(200, CarrierA, &sdp_with(CarrierA, "inactive", "0 8 101", 2)));
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "INVITE");
    assert!(told.body().contains("a=inactive"), "{}", told.body());
    world.send(Platform, told.respond(200, Platform, &sdp_with(Platform, "inactive", "0 8 101", 2)));
    world.expect(Platform, "ACK");
    off(&mut world, talk);
    world.finish();
}

#[test]
fn the_peers_refresh_is_answered_here() {
    let mut world = World::new();
    let (mut talk, _) = world.talk_saying(Platform, CarrierA, &["Supported: timer", "Session-Expires: 900"], &[]);
    for (method, body) in [("UPDATE", String::new()), ("INVITE", sdp(Platform, "sendrecv"))] {
        world.pass(minutes(7));
        let refresh = with_header(&talk.caller.request(method, &body), "Session-Expires: 900;refresher=uac");
        world.send(Platform, with_header(&refresh, "Supported: timer"));
        let answer = world.expect(Platform, "SIP/2.0 200");
        assert_eq!(answer.header("Session-Expires"), "900;refresher=uac");
        if method == "INVITE" {
            assert_eq!(answer.body(), talk.accepted.body());
            world.send(Platform, talk.caller.ack(""));
        }
    }
    world.pass(minutes(14));
    assert!(world.is_quiet(CarrierA));
    off(&mut world, talk);
    world.finish();
}

#[test]
fn a_missed_refresh_ends_the_call_before_the_session_is_over() {
    let mut world = World::new();
    world.talk_saying(Platform, CarrierA, &[], &THEY_REFRESH);
    world.pass(Duration::from_secs(1800 - 33));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    world.pass(Duration::from_secs(2));
    assert!(!world.is_quiet(CarrierA), "RFC 4028 10: 32 seconds before");
    let bye = world.hears_bye(CarrierA);
    assert!(bye.header("Reason").contains("cause=102"), "{}", bye.as_str());
    world.hears_bye(Platform);
    assert_eq!(world.finish()[0].cause, Cause::SessionExpired);
}

#[test]
fn a_refresh_of_ours_that_is_never_taken_ends_the_call_too() {
    let mut world = World::new();
    world.talk_saying(Platform, CarrierA, &[], &[WE_REFRESH[0], TAKES_UPDATE]);
    let mut refused = 0;
    while world.agent(CarrierA).peek_new().is_none_or(|text| text.method() != "BYE") {
        if world.is_quiet(CarrierA) {
            world.pass(Duration::from_secs(1));
            continue;
        }
        let refresh = world.expect(CarrierA, "UPDATE");
        world.send(CarrierA, refresh.respond(500, CarrierA, ""));
        refused += 1;
    }
    assert!((3..20).contains(&refused), "{refused} refreshes");
    world.hears_bye(CarrierA);
    world.hears_bye(Platform);
    assert_eq!(world.finish()[0].cause, Cause::SessionExpired);
}

#[test]
fn a_peer_that_answers_no_refresh_is_gone() {
    for method in ["UPDATE", "INVITE"] {
        let mut world = World::new();
        let allow = if method == "UPDATE" { TAKES_UPDATE } else { "Allow: INVITE" };
        world.talk_saying(Platform, CarrierA, &[], &[WE_REFRESH[0], allow]);
        let refresh = refresh_of(&mut world, method);
        world.send(CarrierA, refresh.respond(481, CarrierA, ""));
        if method == "INVITE" {
            world.expect(CarrierA, "ACK");
        }
        world.hears_bye(Platform);
        world.hears_bye(CarrierA);
        assert_eq!(world.finish()[0].cause, Cause::DialogLost);
    }
}

#[test]
fn too_short_an_interval_gets_422_before_a_call_and_inside() {
    let mut world = World::new();
    let short = with_header(&invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")), "Session-Expires: 60");
    world.send(Platform, with_header(&short, "Supported: timer"));
    let refused = world.refusal(Platform);
    assert_eq!((refused.status(), refused.header("Min-SE").as_str()), (Some(422), "90"));
    let mut talk = world.talk(Platform, CarrierA);
    for (method, body) in [("INVITE", sdp_with(Platform, "sendonly", "0 8 101", 2)), ("UPDATE", String::new())] {
        let short = with_header(&talk.caller.request(method, &body), "Session-Expires: 60");
        world.send(Platform, with_header(&short, "Supported: timer"));
        let refused = world.refusal(Platform);
        assert_eq!((refused.status(), refused.header("Min-SE").as_str()), (Some(422), "90"));
    }
    off(&mut world, talk);
    world.finish();
}

#[test]
fn a_422_is_answered_with_the_longer_interval_and_the_caller_hears_nothing() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, with_header(&offered.respond(422, CarrierA, ""), "Min-SE: 3600"));
    world.expect(CarrierA, "ACK");
    let again = world.expect(CarrierA, "INVITE");
    assert_eq!(
        (again.header("Session-Expires"), again.header("Min-SE"), again.header("CSeq")),
        ("3600".into(), "3600".into(), "2 INVITE".into())
    );
    assert_eq!((again.header("Call-ID"), again.tag("From")), (offered.header("Call-ID"), offered.tag("From")));
    let answer = again.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    world.send(CarrierA, with_header(&answer, "Session-Expires: 3600;refresher=uac"));
    world.expect(CarrierA, "ACK");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, Dialog::of_caller(Platform, &accepted).ack(""));
    world.pass(minutes(29));
    let refresh = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, with_header(&refresh.respond(422, CarrierA, ""), "Min-SE: 7200"));
    world.expect(CarrierA, "ACK");
    let longer = world.expect(CarrierA, "INVITE");
    assert_eq!(longer.header("Session-Expires"), "7200;refresher=uac");
    world.send(CarrierA, longer.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    world.order(trunkline::engine::io::Command::HangUpAll);
    world.hears_bye(CarrierA);
    world.hears_bye(Platform);
    world.finish();
}

#[test]
fn a_422_that_asks_for_nothing_longer_or_for_days_is_a_refusal() {
    for wanted in [90, SESSION_EXPIRES_S + 1] {
        let mut world = World::new();
        let (offered, _) = world.dial(Platform, CarrierA);
        world.send(CarrierA, with_header(&offered.respond(422, CarrierA, ""), &format!("Min-SE: {wanted}")));
        world.expect(CarrierA, "ACK");
        assert_eq!(world.refusal(Platform).status(), Some(480));
        world.finish();
    }
}

/// RFC 4028 9, table 2: where a proxy asked for it and the caller knows no timers, nobody but us can refresh.
#[test]
fn a_caller_without_timers_is_refreshed() {
    let mut world = World::new();
    let (talk, _) = world.talk_saying(Platform, CarrierA, &["Session-Expires: 900"], &[]);
    let said = |name| talk.accepted.header(name);
    assert_eq!((said("Session-Expires").as_str(), said("Require").as_str()), ("900;refresher=uas", ""));
    world.pass(minutes(7));
    assert!(world.is_quiet(Platform));
    let refresh = world.expect(Platform, "INVITE");
    world.send(Platform, refresh.respond(200, Platform, &sdp(Platform, "sendrecv")));
    world.expect(Platform, "ACK");
    off(&mut world, talk);
    world.finish();
}

#[test]
fn a_trunk_without_timers_neither_offers_nor_answers_them() {
    let mut world = World::configured(|settings| {
        settings.trunks.iter_mut().for_each(|trunk| trunk.behaviour.session_timer.mode = TimerMode::Off);
    });
    let (talk, offered) = world.talk_saying(Platform, CarrierA, &["Supported: timer", "Session-Expires: 600"], &[]);
    for message in [&offered, &talk.accepted] {
        assert!(message.header("Session-Expires").is_empty(), "{}", message.as_str());
        assert!(!message.header("Supported").contains("timer"));
    }
    let demands = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    world.send(Platform, with_header(&demands, "Require: timer"));
    assert_eq!(world.refusal(Platform).header("Unsupported"), "timer");
    off(&mut world, talk);
    world.finish();
}

#[test]
fn a_trunk_that_demands_timers_gets_no_call_through_without_them() {
    let mut world = World::configured(|settings| {
        settings.trunks.iter_mut().for_each(|trunk| trunk.behaviour.session_timer.mode = TimerMode::Required);
    });
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    let refused = world.refusal(Platform);
    assert_eq!((refused.status(), refused.header("Require").as_str()), (Some(421), "timer"));
    let (talk, offered) = world.talk_saying(Platform, CarrierA, &["Supported: timer"], &[]);
    assert_eq!(offered.header("Require"), "timer");
    // Who answers without an interval is refreshed all the same.
    let refresh = refresh_of(&mut world, "INVITE");
    world.send(CarrierA, refresh.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    world.order(trunkline::engine::io::Command::HangUpAll);
    world.hears_bye(CarrierA);
    world.hears_bye(Platform);
    drop(talk);
    world.finish();
}

/// RFC 4028 7.3: at once, and not when the next refresh is due.
#[test]
fn a_422_to_an_update_of_ours_is_answered_with_the_longer_interval() {
    let mut world = World::new();
    let (talk, _) = world.talk_saying(Platform, CarrierA, &[], &[WE_REFRESH[0], TAKES_UPDATE]);
    let refresh = refresh_of(&mut world, "UPDATE");
    world.send(CarrierA, with_header(&refresh.respond(422, CarrierA, ""), "Min-SE: 3600"));
    world.pass(Duration::from_secs(1));
    assert!(!world.is_quiet(CarrierA));
    let again = world.expect(CarrierA, "UPDATE");
    assert_eq!((again.header("Session-Expires").as_str(), again.body()), ("3600;refresher=uac", ""));
    world.send(CarrierA, with_header(&again.respond(200, CarrierA, ""), "Session-Expires: 3600;refresher=uac"));
    world.pass(minutes(29));
    assert!(world.is_quiet(CarrierA));
    off(&mut world, talk);
    world.finish();
}
