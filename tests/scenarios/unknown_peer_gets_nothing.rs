//! A source that no trunk has is not answered, whatever it sends.

use std::time::Duration;

use trunkline::engine::io::{Dropped, Event};

use crate::world::Name::Stranger;
use crate::world::World;
use crate::world::text::{invite, request, sdp};

#[test]
fn a_stranger_is_ignored() {
    let mut world = World::new();
    world.send(Stranger, invite(Stranger, "+4930555", &sdp(Stranger, "sendrecv")));
    world.send(Stranger, request(Stranger, "OPTIONS", "sip:sbc.example.com", ""));
    world.send(Stranger, request(Stranger, "REGISTER", "sip:sbc.example.com", ""));
    world.send(
        Stranger,
        request(Stranger, "BYE", "sip:sbc.example.com", "")
            .replace("sbc.example.com>\r\nCall", "sbc.example.com>;tag=x\r\nCall"),
    );
    world.pass(Duration::from_secs(40));
    assert!(world.heard(Stranger).is_empty());
    let dropped = world.events.iter().filter(|event| matches!(event, Event::Dropped(Dropped::UnknownSource))).count();
    assert!(dropped >= 4);
    world.agent(Stranger).forget();
    assert!(world.finish().is_empty());
}
