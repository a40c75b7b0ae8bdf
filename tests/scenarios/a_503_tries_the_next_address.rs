//! RFC 3263 4.3: 503 is a failure of the path: the other addresses of the same name come first.

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;

#[test]
fn of_the_same_name() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].targets[0].host = "sip.carrier.test".into();
        settings.trunks[0].targets[0].address = None;
        settings.trunks[0].sources = Some(vec!["198.51.100.0/24".parse().expect("a range")]);
        settings.trunks.remove(1);
        settings.routes.truncate(3);
        settings.routes[0].to.truncate(1);
    });
    let both = ["198.51.100.7:5060", "198.51.100.8:5060"].map(|address| address.parse().expect("an address"));
    world.names.insert("sip.carrier.test".into(), both.to_vec());
    let (first, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, first.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierB, "INVITE");
    let mut talk = world.answer(Platform, CarrierB, second);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].attempts, 2);
}
