//! RFC 3261 22.2: a carrier's 401 or 407 is acknowledged and answered in the same call; the caller hears nothing of it.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::digest::{REALM, assert_proven, auth, challenge};
use crate::world::steps::number_of;

fn world() -> World {
    World::configured(|settings| settings.trunks[0].auth = auth(None))
}

#[test]
fn with_credentials_and_the_next_number() {
    for (status, header) in [(401, "Authorization"), (407, "Proxy-Authorization")] {
        let mut world = world();
        let (first, _) = world.dial(Platform, CarrierA);
        assert!(first.header(header).is_empty());
        world.send(CarrierA, challenge(&first, status, CarrierA, REALM, "n1"));
        world.expect(CarrierA, "ACK");
        let second = world.expect(CarrierA, "INVITE");
        assert_eq!(second.header("CSeq"), "2 INVITE");
        assert_eq!((second.header("Call-ID"), second.header("From")), (first.header("Call-ID"), first.header("From")));
        assert_eq!(second.body(), first.body());
        assert_ne!(second.branch(), first.branch());
        assert_proven(&second, header, "n1");
        world.send(CarrierA, second.respond(180, CarrierA, ""));
        world.expect(Platform, "SIP/2.0 180");
        let mut talk = world.answer(Platform, CarrierA, second);
        world.send(Platform, talk.caller.ack(""));
        world.caller_hangs_up(&mut talk);
        let records = world.finish();
        assert_eq!((records.len(), records[0].attempts), (1, 1));
    }
}

#[test]
fn to_a_proxy_and_then_to_the_peer_behind_it() {
    let mut world = world();
    let (first, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, challenge(&first, 407, CarrierA, REALM, "p"));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, challenge(&second, 401, CarrierA, REALM, "e"));
    world.expect(CarrierA, "ACK");
    let third = world.expect(CarrierA, "INVITE");
    assert_eq!(third.header("CSeq"), "3 INVITE");
    assert_proven(&third, "Authorization", "e");
    assert_proven(&third, "Proxy-Authorization", "p");
    let mut talk = world.answer(Platform, CarrierA, third);
    world.send(Platform, talk.caller.ack(""));
    world.callee_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn and_is_cancelled_by_its_new_number() {
    let mut world = world();
    let (first, sent) = world.dial(Platform, CarrierA);
    world.send(CarrierA, challenge(&first, 407, CarrierA, REALM, "n"));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, second.respond(180, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 180");
    world.send(Platform, sent.cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    let cancel = world.hears_cancel(CarrierA, &second);
    assert_eq!((cancel.header("CSeq"), cancel.branch()), ("2 CANCEL".into(), second.branch()));
    assert!(cancel.header("Proxy-Authorization").is_empty());
    world.finish();
}

#[test]
fn but_only_once_when_the_password_is_wrong() {
    let mut world = world();
    let (first, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, challenge(&first, 401, CarrierA, REALM, "n1"));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, challenge(&second, 401, CarrierA, REALM, "n2"));
    world.expect(CarrierA, "ACK");
    let refused = world.refusal(Platform);
    assert_eq!(refused.status(), Some(403));
    assert!(!refused.as_str().contains("Authenticate"), "{}", refused.as_str());
    world.finish();
}

#[test]
fn and_a_second_carrier_is_challenged_for_itself() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].auth = auth(None);
        settings.trunks[1].auth = auth(None);
    });
    let (first, _) = world.dial_number(Platform, number_of(crate::world::Name::CarrierB), CarrierA);
    world.send(CarrierA, challenge(&first, 401, CarrierA, REALM, "a"));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, second.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let other = world.expect(crate::world::Name::CarrierB, "INVITE");
    assert!(other.header("Authorization").is_empty());
    world.send(crate::world::Name::CarrierB, other.respond(486, crate::world::Name::CarrierB, ""));
    world.expect(crate::world::Name::CarrierB, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(486));
    world.finish();
}
