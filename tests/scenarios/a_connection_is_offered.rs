//! RFC 5923: a trunk whose peer may use our connections says `alias` in the Via of what we send it.

use trunkline::route::settings::Reuse;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn where_the_trunk_says_so() {
    assert!(via_of_a_call(Reuse::Offered).ends_with(";rport;alias"));
}

#[test]
fn and_nowhere_else() {
    assert!(via_of_a_call(Reuse::Unsaid).ends_with(";rport"));
}

/// The Via of an INVITE to the platform, after a call that was as good as any.
fn via_of_a_call(reuse: Reuse) -> String {
    let mut world = World::configured(|settings| {
        let platform = settings.trunks.iter_mut().find(|trunk| trunk.listener == "platform");
        platform.expect("a trunk of the platform").reuse = reuse;
    });
    let (offered, _) = world.dial(CarrierA, Platform);
    let via = offered.header("Via");
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
    via
}
