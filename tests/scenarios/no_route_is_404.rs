//! No route for the number: 404 with cause 1; a number that no number can be: 404 before any route.

use trunkline::call::Cause;
use trunkline::engine::io::Event;

use crate::world::Name::Platform;
use crate::world::World;
use crate::world::text::{invite, sdp};

#[test]
fn the_caller_hears_that_the_number_is_unknown() {
    let mut world = World::new();
    world.send(Platform, invite(Platform, "+33123", &sdp(Platform, "sendrecv")));
    let refused = world.refusal(Platform);
    assert_eq!(refused.status(), Some(404));
    assert!(refused.header("Reason").contains("cause=1;"), "{}", refused.as_str());
    assert!(world.events.iter().any(|event| matches!(event, Event::NoRoute { .. })));
    assert_eq!(world.finish()[0].cause, Cause::NoRoute);
}

#[test]
fn a_called_party_of_control_characters() {
    let mut world = World::new();
    world.send(Platform, invite(Platform, "+4930%0d%0aX", &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(404));
    assert_eq!(world.finish()[0].attempts, 0);
}
