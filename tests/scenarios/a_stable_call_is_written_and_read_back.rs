//! DESIGN 8: a stable call is data. The world writes, reads and swaps every stable call after every step of every
//! scenario; here is what a checkpoint is and is not.

use std::time::Duration;

use trunkline::call::{Cause, Checkpoint, Unrestorable};
use trunkline::engine::io::Input;
use trunkline::route::snapshot::Snapshot;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::digest::{REALM, auth, challenge};
use crate::world::text::{sdp, sdp_with, settings, with_header};

fn only(world: &World) -> Option<Checkpoint> {
    world.checkpoints().pop()
}

#[test]
fn while_nothing_of_it_waits() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    assert!(only(&world).is_none(), "not answered");
    let mut talk = world.answer(Platform, CarrierA, offered);
    assert!(only(&world).is_none(), "not acknowledged");
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(1));
    let checkpoint = only(&world).expect("a stable call");
    assert_eq!(checkpoint.trunks(), ["platform", "carrier-a"]);
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    assert!(only(&world).is_none(), "an offer crosses");
    world.reinvite_answered(&talk.caller, &crossed, (CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.pass(Duration::from_secs(1));
    let message = talk.caller.request("MESSAGE", "");
    world.send(Platform, message);
    let crossed = world.expect(CarrierA, "MESSAGE");
    assert!(only(&world).is_none(), "a request crosses");
    world.send(CarrierA, crossed.respond(200, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 200");
    assert!(only(&world).is_some() && world.restored >= 3, "{}", world.restored);
    world.caller_hangs_up(&mut talk);
    assert!(only(&world).is_none());
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}

#[test]
fn keys_numbers_session_and_nonces_go_on() {
    let mut world = World::configured(|settings| settings.trunks[0].auth = auth(None));
    let (mut talk, _) = world.talk_saying(Platform, CarrierA, &[], &["Session-Expires: 90;refresher=uac"]);
    let refresh = world.expect(CarrierA, "INVITE");
    assert_eq!(refresh.header("CSeq"), "2 INVITE");
    world.send(CarrierA, challenge(&refresh, 407, CarrierA, REALM, "n"));
    world.expect(CarrierA, "ACK");
    let proven = world.expect(CarrierA, "INVITE");
    let answer = proven.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    world.send(CarrierA, with_header(&answer, "Session-Expires: 90;refresher=uac"));
    world.expect(CarrierA, "ACK");
    world.pass(Duration::from_secs(1));
    // The count of the peer's nonce goes on, as do the numbers of the dialog.
    let refresh = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, challenge(&refresh, 407, CarrierA, REALM, "n"));
    world.expect(CarrierA, "ACK");
    let proven = world.expect(CarrierA, "INVITE");
    assert!(proven.header("Proxy-Authorization").contains("nc=00000002"), "{}", proven.as_str());
    assert_eq!(proven.header("CSeq"), "5 INVITE");
    world.send(CarrierA, proven.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    // The key of the platform's leg is the one of the first answer.
    let asked = talk.caller.request("INVITE", &sdp(Platform, "sendrecv"));
    world.send(Platform, asked);
    assert_eq!(world.expect(Platform, "SIP/2.0 200").body(), talk.accepted.body());
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn without_its_trunk_it_makes_no_call() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.pass(Duration::from_secs(1));
    let checkpoint = only(&world).expect("a stable call");
    let mut other = settings();
    other.trunks.retain(|trunk| trunk.name != "carrier-a");
    other.routes.clear();
    let snapshot = Snapshot::compile(&other).expect("a configuration without the carrier");
    world.feed(Input::Snapshot(snapshot.into()));
    assert_eq!(world.engine().resume(checkpoint), Err(Unrestorable::NoTrunk("carrier-a".into())));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
