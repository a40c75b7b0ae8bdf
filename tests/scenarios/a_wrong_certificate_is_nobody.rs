//! A peer whose verified certificate names no trunk gets nothing, and its connection is closed.

use std::time::Duration;

use trunkline::engine::io::{Dropped, Event};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

#[test]
fn the_connection_is_closed() {
    let mut world = World::configured(|settings| {
        settings.trunks[2].peer_names = vec!["sip.platform.example".into()];
    });
    world.agent(Platform).certificate = vec!["sip.other.example".into()];
    world.cut(Platform);
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    world.pass(Duration::from_secs(1));
    assert!(world.heard(Platform).is_empty() && world.heard(CarrierA).is_empty());
    assert_eq!(world.closed.len(), 1);
    assert!(world.events.iter().any(|event| matches!(event, Event::Dropped(Dropped::WrongCertificate))));
    world.agent(Platform).forget();
    world.finish();
}
