//! RFC 3261 22.2 inside a dialog: a re-INVITE and a BYE go again with credentials and the dialog's next number.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::digest::{REALM, assert_proven, auth, challenge};
use crate::world::text::sdp_with;

fn world() -> World {
    World::configured(|settings| settings.trunks[0].auth = auth(None))
}

#[test]
fn a_reinvite_crosses_all_the_same() {
    let mut world = world();
    let mut talk = world.talk(Platform, CarrierA);
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let first = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, challenge(&first, 407, CarrierA, REALM, "n"));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierA, "INVITE");
    assert_eq!((first.header("CSeq"), second.header("CSeq")), ("2 INVITE".into(), "3 INVITE".into()));
    assert_proven(&second, "Proxy-Authorization", "n");
    world.send(CarrierA, second.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    let ack = world.expect(CarrierA, "ACK");
    assert_eq!(ack.header("CSeq"), "3 ACK");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_bye_ends_the_call_at_the_peer_too() {
    let mut world = world();
    let mut talk = world.talk(Platform, CarrierA);
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    let first = world.expect(CarrierA, "BYE");
    assert!(first.header("Authorization").is_empty());
    world.send(CarrierA, challenge(&first, 401, CarrierA, REALM, "n"));
    let second = world.hears_bye(CarrierA);
    assert_eq!(second.header("CSeq"), "3 BYE");
    assert_proven(&second, "Authorization", "n");
    world.finish();
}
