//! RFC 3261 12.1, 16.12: the caller's Record-Route is copied into the 200, the called party's turned round; requests
//! follow loose and strict routes, and neither leg sees the other's.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Dialog, invite, sdp, with_header};

#[test]
fn loose_routes() {
    let mut world = World::new();
    let call = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    world.send(Platform, with_header(&call, "Record-Route: <sip:192.0.2.50:5061;lr;n=1>, <sip:192.0.2.51;lr;n=2>"));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.header("Record-Route").is_empty() && offered.header("Route").is_empty());
    let answer = with_header(
        &offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")),
        "Record-Route: <sip:198.51.100.77;lr>,\r\n <sip:198.51.100.7:5060;lr>",
    );
    let mut callee = Dialog::of_callee(CarrierA, &offered, &answer);
    world.send(CarrierA, answer);
    let ack = world.expect(CarrierA, "ACK sip:ua@198.51.100.7:5060");
    assert_eq!(ack.headers("Route"), ["<sip:198.51.100.7:5060;lr>", "<sip:198.51.100.77;lr>"]);
    let accepted = world.expect(Platform, "SIP/2.0 200");
    assert_eq!(accepted.headers("Record-Route"), ["<sip:192.0.2.50:5061;lr;n=1>", "<sip:192.0.2.51;lr;n=2>"]);
    world.send(Platform, Dialog::of_caller(Platform, &accepted).ack(""));
    world.send(CarrierA, callee.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    let bye = world.hears_bye(Platform);
    assert_eq!(bye.headers("Route"), ["<sip:192.0.2.50:5061;lr;n=1>", "<sip:192.0.2.51;lr;n=2>"]);
    world.finish();
}

#[test]
fn a_strict_route() {
    let mut world = World::new();
    let call = invite(CarrierA, number_of(Platform), &sdp(CarrierA, "sendrecv"));
    world.send(CarrierA, with_header(&call, "Record-Route: <sip:198.51.100.7:5060>"));
    let offered = world.expect(Platform, "INVITE");
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    let bye = talk.callee.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    let bye = world.hears_bye(CarrierA);
    assert!(bye.start_line().starts_with("BYE sip:198.51.100.7:5060 "), "{}", bye.start_line());
    assert_eq!(bye.headers("Route"), ["<sip:ua@198.51.100.7:5060>"]);
    world.finish();
}
