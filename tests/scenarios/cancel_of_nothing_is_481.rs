//! RFC 3261 9.2: a CANCEL that matches no INVITE.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Text, invite, sdp};

#[test]
fn nobody_is_rung_for_it() {
    let mut world = World::new();
    let sent = Text::of(invite(Platform, "+49301", &sdp(Platform, "sendrecv")));
    world.send(Platform, sent.cancel());
    world.expect(Platform, "SIP/2.0 481");
    assert!(world.finish().is_empty());
}

#[test]
fn a_refused_invite_cannot_be_cancelled() {
    let mut world = World::new();
    let (offered, sent) = world.dial(CarrierA, Platform);
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 486");
    world.send(CarrierA, sent.cancel());
    let answer = world.expect(CarrierA, "SIP/2.0");
    assert!(matches!(answer.status(), Some(200 | 481)), "{}", answer.as_str());
    assert_eq!(world.finish().len(), 1);
}
