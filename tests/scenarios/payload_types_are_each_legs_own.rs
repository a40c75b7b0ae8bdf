//! RFC 3264 5.1, 6.1: the called party answers under its own numbers, the caller sees only its own.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Dialog, invite, sdp};

#[test]
fn the_caller_keeps_its_numbers() {
    let mut world = World::new();
    let body = sdp(Platform, "sendrecv")
        .replace("0 8 101", "0 8 127")
        .replace("a=rtpmap:101", "a=rtpmap:127")
        .replace("a=fmtp:101", "a=fmtp:127");
    world.send(Platform, invite(Platform, number_of(CarrierA), &body));
    let offered = world.expect(CarrierA, "INVITE");
    let answer = sdp(CarrierA, "sendrecv").replace("0 8 101", "8 96").replace(":101", ":96");
    world.send(CarrierA, offered.respond(200, CarrierA, &answer));
    world.expect(CarrierA, "ACK");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    assert!(accepted.body().contains("RTP/SAVP 8 127\r\n"), "{}", accepted.body());
    let mut caller = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, caller.ack(""));
    world.send(Platform, caller.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}
