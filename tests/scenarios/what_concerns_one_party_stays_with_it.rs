//! MD-125: a re-INVITE that says nothing new for the other party is answered here: another address, fewer codecs
//! (RFC 3264 10.2). T.38 and further media lines are refused so that the call goes on (PF-148, RFC 3264 6).

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::Talk;
use crate::world::text::{sdp, sdp_with};

/// The caller asks with this description, and is answered without the other party.
fn answered_here(world: &mut World, talk: &mut Talk, body: &str) -> String {
    let asked = talk.caller.request("INVITE", body);
    world.send(Platform, asked);
    let answer = world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(CarrierA));
    answer.body().to_owned()
}

#[test]
fn the_lock_down_to_one_codec() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    assert!(talk.accepted.body().contains("0 8 101"), "{}", talk.accepted.body());
    let one = sdp_with(Platform, "sendrecv", "0 101", 2).replace("a=rtpmap:8 PCMA/8000\r\n", "");
    let answer = answered_here(&mut world, &mut talk, &one);
    assert!(answer.contains("RTP/SAVP 0 101\r\n"), "{answer}");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_lock_down_to_another_codec_than_the_other_party_sends_crosses() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let one = sdp_with(Platform, "sendrecv", "8 101", 2).replace("a=rtpmap:0 PCMU/8000\r\n", "");
    let asked = talk.caller.request("INVITE", &one);
    world.send(Platform, asked);
    let crossed = world.expect(CarrierA, "INVITE");
    assert!(crossed.body().contains("RTP/AVP 8 101"), "{}", crossed.body());
    let answer = sdp_with(CarrierA, "sendrecv", "8 101", 2).replace("a=rtpmap:0 PCMU/8000\r\n", "");
    world.reinvite_answered(&talk.caller, &crossed, (CarrierA, &answer));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_new_address_and_a_new_port() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let moved = sdp_with(Platform, "sendrecv", "0 8 101", 2).replace("m=audio 40000", "m=audio 40400");
    answered_here(&mut world, &mut talk, &moved);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn t38_is_refused_and_the_call_goes_on() {
    for audio in ["", "m=audio 0 RTP/AVP 0 8\r\n"] {
        let mut world = World::new();
        let mut talk = world.talk(Platform, CarrierA);
        let fax = format!(
            "v=0\r\no=- 1 2 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{audio}m=image 40002 udptl t38\r\na=T38FaxVersion:0\r\n"
        );
        let asked = talk.callee.request("INVITE", &fax);
        world.send(CarrierA, asked);
        let refused = world.refusal(CarrierA);
        assert_eq!(refused.status(), Some(488));
        assert!(!refused.header("Warning").is_empty() && world.is_quiet(Platform));
        // The far side falls back to G.711 in the same call.
        let back = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendrecv", "0 8 101", 3));
        world.send(CarrierA, back);
        world.expect(CarrierA, "SIP/2.0 200");
        world.send(CarrierA, talk.callee.ack(""));
        world.caller_hangs_up(&mut talk);
        assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
    }
}

#[test]
fn further_media_lines_get_port_0_in_their_place() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let more = sdp(Platform, "sendrecv") + "m=video 40010 RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\n";
    let answer = answered_here(&mut world, &mut talk, &more);
    assert!(answer.contains("m=video 0 RTP/SAVP 96"), "{answer}");
    world.caller_hangs_up(&mut talk);
    world.finish();
}
