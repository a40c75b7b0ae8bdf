//! RFC 3261 8.1.3.3: our requests have one Via, so what comes back with another one below it is not for us.

use std::time::Duration;

use trunkline::engine::io::{Dropped, Event};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn in_a_field_of_its_own_or_in_a_list() {
    for between in ["\r\nVia: ", ", "] {
        let mut world = World::new();
        let (offered, _) = world.ring(Platform, CarrierA);
        let answer = offered.respond(486, CarrierA, "");
        let ours = offered.header("Via");
        let both = format!("{ours}{between}SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx");
        world.send(CarrierA, answer.replace(&ours, &both));
        world.pass(Duration::from_secs(1));
        assert!(world.is_quiet(Platform));
        assert!(world.events.iter().any(|event| matches!(event, Event::Dropped(Dropped::StrayResponse))));
        world.send(CarrierA, answer);
        world.expect(CarrierA, "ACK");
        assert_eq!(world.refusal(Platform).status(), Some(486));
        world.finish();
    }
}
