//! D1 of the security sheet: a challenge for another realm, or on a trunk without credentials, ends the attempt; the caller
//! hears 403 and no challenge.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::digest::{REALM, auth, challenge};
use crate::world::text::sdp_with;

#[test]
fn on_an_invite() {
    for (auth, realm) in [(auth(None), "other-trunk.example"), (auth(None), ""), (None, REALM)] {
        let mut world = World::configured(|settings| settings.trunks[0].auth = auth);
        let (first, _) = world.dial(Platform, CarrierA);
        world.send(CarrierA, challenge(&first, 407, CarrierA, realm, "x"));
        world.expect(CarrierA, "ACK");
        let refused = world.refusal(Platform);
        assert_eq!(refused.status(), Some(403));
        assert!(!refused.as_str().contains("Authenticate"), "{}", refused.as_str());
        assert!(world.is_quiet(CarrierA));
        world.finish();
    }
}

#[test]
fn on_a_reinvite_and_on_a_bye() {
    let mut world = World::configured(|settings| settings.trunks[0].auth = auth(None));
    let mut talk = world.talk(Platform, CarrierA);
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, challenge(&crossed, 401, CarrierA, "other.example", "x"));
    world.expect(CarrierA, "ACK");
    let refused = world.refusal(Platform);
    assert_eq!(refused.status(), Some(488));
    assert!(!refused.as_str().contains("Authenticate"));
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    let bye = world.expect(CarrierA, "BYE");
    world.send(CarrierA, challenge(&bye, 401, CarrierA, "other.example", "x"));
    world.finish();
}
