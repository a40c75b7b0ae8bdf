//! The order of a trunk group as calls meet it: the fewest calls for its weight first, or by chance in proportion.

use std::time::Duration;

use trunkline::route::group::Order;
use trunkline::route::settings::{GroupSettings, MemberSettings};

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::{Talk, number_of};
use crate::world::text::{invite, sdp};

/// Both carriers as one group, carrier A of this weight and carrier B of weight 1.
fn world(order: Order, weight: u16) -> World {
    World::configured(|settings| {
        let member = |trunk: &str, weight| MemberSettings { trunk: trunk.to_owned(), priority: 1, weight };
        let members = vec![member("carrier-a", weight), member("carrier-b", 1)];
        settings.groups = vec![GroupSettings { name: "carriers".to_owned(), order, members }];
        settings.routes[0].to = vec!["carriers".to_owned()];
    })
}

/// The platform calls; true where carrier A is offered the call. It ends as busy.
fn is_first(world: &mut World) -> bool {
    let before = world.heard(CarrierA).len();
    world.send(Platform, invite(Platform, number_of(CarrierB), &sdp(Platform, "sendrecv")));
    world.expect(Platform, "SIP/2.0 100");
    world.pass(Duration::from_millis(100));
    let is_first = world.heard(CarrierA).len() > before;
    let at = if is_first { CarrierA } else { CarrierB };
    let offered = world.expect(at, "INVITE");
    world.send(at, offered.respond(486, at, ""));
    world.expect(at, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(486));
    is_first
}

#[test]
fn the_trunk_with_the_fewest_calls_for_its_weight_comes_first() {
    let mut world = world(Order::LeastLoaded, 2);
    let mut talks: Vec<Talk> = Vec::new();
    // None each, the heavier; 1 of 2 shares or none of 1; 1 or 1 of 1; 2 of 2 or 1 of 1, the heavier.
    for to in [CarrierA, CarrierB, CarrierA, CarrierA] {
        let (offered, _) = world.dial_number(Platform, number_of(CarrierB), to);
        let talk = world.answer(Platform, to, offered);
        world.send(Platform, talk.caller.ack(""));
        talks.push(talk);
    }
    for mut talk in talks.drain(..2).collect::<Vec<_>>() {
        world.caller_hangs_up(&mut talk);
    }
    // Two of two shares or none of one: who hung up counts no more.
    let (offered, _) = world.dial_number(Platform, number_of(CarrierB), CarrierB);
    talks.push(world.answer(Platform, CarrierB, offered));
    world.send(Platform, talks[2].caller.ack(""));
    for mut talk in talks {
        world.caller_hangs_up(&mut talk);
    }
    assert_eq!(world.finish().len(), 5);
}

#[test]
fn weights_are_shares_of_the_calls() {
    let mut world = world(Order::Weighted, 3);
    let firsts = (0..60).filter(|_| is_first(&mut world)).count();
    assert!((36..=54).contains(&firsts), "{firsts} of 60 where 45 are its share");
    world.finish();
}
