use std::time::Duration;

use super::{teams, world_of};
use crate::world::Name::{CarrierA, Platform};
use crate::world::text::{Text, sdp, sdp_with};

fn line(text: &Text, start: &str) -> String {
    text.body().lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned()
}

/// T6: one-way audio after 27 minutes: the refresh is answered with another key.
#[test]
fn t06_a_refresh_is_answered_with_the_key_and_version_of_before() {
    let mut world = teams(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let plans = world.relay.plans.clone();
    for _ in 0..2 {
        world.pass(Duration::from_secs(810));
        let again = talk.caller.request("INVITE", &sdp_with(Platform, "sendrecv", "0 8 101", 1));
        world.send(Platform, again);
        let refreshed = world.expect(Platform, "SIP/2.0 200");
        world.send(Platform, talk.caller.ack(""));
        for start in ["o=", "m=audio", "a=crypto"] {
            assert_eq!(line(&refreshed, start), line(&talk.accepted, start), "MD-134");
        }
    }
    assert_eq!(world.relay.plans, plans, "MD-172: the SRTP context goes on untouched");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// T7: audio is lost after hold and resume on long calls: the SRTP state was made anew.
#[test]
fn t07_hold_and_resume_keep_the_srtp_context() {
    let mut world = teams(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let before = world.relay.plans.clone();
    for (direction, version) in [("inactive", 2), ("sendrecv", 3)] {
        let changed = talk.caller.request("INVITE", &sdp_with(Platform, direction, "0 8 101", version));
        world.send(Platform, changed);
        let crossed = world.expect(CarrierA, "INVITE");
        world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, direction, "0 8 101", version)));
        world.expect(CarrierA, "ACK");
        let answered = world.expect(Platform, "SIP/2.0 200");
        world.send(Platform, talk.caller.ack(""));
        assert_eq!(line(&answered, "a=crypto"), line(&talk.accepted, "a=crypto"));
        assert_eq!(line(&answered, "a=inactive").is_empty(), direction != "inactive", "MD-130: mirrored");
    }
    assert_eq!(world.relay.plans.len(), before.len(), "no endpoint is new");
    world.pass(Duration::from_secs(1));
    for (endpoint, plan) in &before {
        assert_eq!(world.relay.plans[endpoint].protection, plan.protection, "MD-172");
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// T8: a bypass call on hold is cut after 25 s: ice-lite lost, or a restart where there was none.
#[test]
fn t08_a_reinvite_with_the_same_ice_credentials_is_no_restart() {
    let mut world = world_of("microsoft-teams-bypass", |_| {});
    let ice = |direction: &str, version| {
        let ice = "a=ice-ufrag:8Kdz\r\na=ice-pwd:Vt3mQ9xR1bLs7wYnE5hJc2pA\r\na=rtcp-mux\r\na=candidate:1 1 UDP 2130706431 192.0.2.55 50008 typ host\r\n";
        sdp_with(Platform, direction, "0 8 101", version) + ice
    };
    world.send(Platform, crate::world::text::invite(Platform, "+49301234567", &ice("sendrecv", 1)));
    let offered = world.expect(CarrierA, "INVITE");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    assert_eq!(line(&talk.accepted, "a=ice-lite"), "a=ice-lite", "MD-195");
    let hold = talk.caller.request("INVITE", &ice("inactive", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    let held =
        world.reinvite_answered(&talk.caller, &crossed, (CarrierA, &sdp_with(CarrierA, "inactive", "0 8 101", 2)));
    for start in ["a=ice-lite", "a=ice-ufrag", "a=ice-pwd", "a=candidate", "a=rtcp-mux", "a=crypto", "m=audio"] {
        assert_eq!(line(&held, start), line(&talk.accepted, start), "MD-201");
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// T22: hold breaks with a PBX: c=0.0.0.0, sendonly, and an offerless resume.
#[test]
fn t22_hold_is_inactive_with_our_address_and_an_offerless_resume_offers_sendrecv() {
    let mut world = teams(|_| {});
    let mut talk = world.talk(CarrierA, Platform);
    for (version, body) in [
        (2, sdp_with(CarrierA, "sendrecv", "0 8 101", 2).replace("c=IN IP4 198.51.100.7", "c=IN IP4 0.0.0.0")),
        (3, sdp_with(CarrierA, "sendonly", "0 8 101", 3)),
    ] {
        let hold = talk.caller.request("INVITE", &body);
        world.send(CarrierA, hold);
        if version == 2 {
            let held = world.expect(Platform, "INVITE");
            assert_eq!(line(&held, "a=inactive"), "a=inactive", "MD-127");
            assert!(!held.body().contains("0.0.0.0") && !held.body().contains("sendonly"), "MD-129: {}", held.body());
            world.send(Platform, held.respond(200, Platform, &sdp_with(Platform, "inactive", "0 8 101", 2)));
            world.expect(Platform, "ACK");
        }
        world.expect(CarrierA, "SIP/2.0 200");
        world.send(CarrierA, talk.caller.ack(""));
    }
    let resume = talk.caller.request("INVITE", "");
    world.send(CarrierA, resume);
    let offered = world.expect(CarrierA, "SIP/2.0 200");
    assert_eq!(line(&offered, "a=sendrecv"), "a=sendrecv", "MD-131: {}", offered.body());
    world.send(CarrierA, talk.caller.ack(&sdp_with(CarrierA, "sendrecv", "0 8 101", 4)));
    let resumed = world.expect(Platform, "INVITE");
    assert_eq!(line(&resumed, "a=sendrecv"), "a=sendrecv", "MD-131: {}", resumed.body());
    world.send(Platform, resumed.respond(200, Platform, &sdp_with(Platform, "sendrecv", "0 8 101", 3)));
    world.expect(Platform, "ACK");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// T29: seconds of silence at the answer: several re-INVITEs in a row, none of which concerns the carrier.
#[test]
fn t29_reinvites_right_after_the_answer_are_answered_here() {
    let mut world = teams(|_| {});
    let (offered, _) = world.dial(CarrierA, Platform);
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    for port in [40_002, 40_004, 40_006] {
        let moved = sdp(Platform, "sendrecv").replace("m=audio 40000", &format!("m=audio {port}"));
        let again = talk.callee.request("INVITE", &moved);
        world.send(Platform, again);
        world.expect(Platform, "SIP/2.0 200");
        world.send(Platform, talk.callee.ack(""));
    }
    world.pass(Duration::from_secs(5));
    assert!(world.heard(CarrierA).iter().all(|line| !line.starts_with("INVITE")), "MD-125");
    world.caller_hangs_up(&mut talk);
    world.finish();
}
