//! MD-110, MD-111, PF-143: many early dialogs of the called side are one for the caller, in one of three ways.

use std::time::Duration;

use trunkline::route::provisional::{ForkView, ProvisionalSettings};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp, sdp_with, with_tag};

/// The carrier calls; the platform forks: 180, then 183 of two others.
fn three_forks(forks: ForkView) -> (World, Text) {
    let mut world = World::provisional(&[("carrier-a", ProvisionalSettings { forks, ..Default::default() })]);
    let (offered, _) = world.dial(CarrierA, Platform);
    world.send(Platform, with_tag(&offered.respond(180, Platform, ""), "forkone"));
    for (tag, formats) in [("forktwo", "0 8 101"), ("forkthree", "8 101")] {
        world.pass(Duration::from_millis(50));
        let early = offered.respond(183, Platform, &sdp_with(Platform, "sendrecv", formats, 1));
        world.send(Platform, with_tag(&early, tag));
    }
    world.pass(Duration::from_millis(100));
    (world, offered)
}

/// Everything but 100 that the caller heard: status and whether it describes.
fn shown(world: &mut World) -> Vec<(u16, bool)> {
    let mut shown = Vec::new();
    while !world.is_quiet(CarrierA) {
        let heard = world.expect(CarrierA, "SIP/2.0 1");
        let tag = heard.tag("To");
        let status = heard.status().unwrap_or(0);
        if status > 100 {
            assert!(tag.is_some());
            shown.push((status, !heard.body().is_empty()));
        }
    }
    shown
}

/// How many such lines the caller got, repetitions too.
fn heard(world: &World, start: &str) -> usize {
    world.heard(CarrierA).iter().filter(|line| line.starts_with(start)).count()
}

/// The fork that only rang answers.
fn answered_by_the_first(mut world: World, offered: &Text) {
    let answer = with_tag(&offered.respond(200, Platform, &sdp(Platform, "sendrecv")), "forkone");
    world.send(Platform, answer);
    assert_eq!(world.expect(Platform, "ACK").tag("To").as_deref(), Some("forkone"));
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    assert!(accepted.body().contains("RTP/AVP 0 8 101\r\n"), "{}", accepted.as_str());
    let mut caller = Dialog::of_caller(CarrierA, &accepted);
    world.send(CarrierA, caller.ack(""));
    assert_eq!(world.engine.gauges().streams, 2);
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

#[test]
fn single_shows_all_under_one_tag_with_the_latest_media() {
    let (mut world, offered) = three_forks(ForkView::Single);
    world.expect(CarrierA, "SIP/2.0 180");
    let second = world.expect(CarrierA, "SIP/2.0 183");
    let third = world.expect(CarrierA, "SIP/2.0 183");
    assert_eq!(second.tag("To"), third.tag("To"));
    assert!(second.body().contains("RTP/AVP 0 8 101\r\n"), "{}", second.as_str());
    assert!(third.body().contains("RTP/AVP 8 101\r\n"), "{}", third.as_str());
    answered_by_the_first(world, &offered);
}

#[test]
fn first_shows_the_first_alone() {
    let (mut world, offered) = three_forks(ForkView::First);
    assert_eq!((shown(&mut world), heard(&world, "SIP/2.0 18")), (vec![(180, false)], 1));
    assert_eq!(world.engine.gauges().streams, 0);
    answered_by_the_first(world, &offered);
}

#[test]
fn ringing_shows_no_media() {
    let (mut world, offered) = three_forks(ForkView::Ringing);
    assert_eq!(shown(&mut world), [(180, false)]);
    assert_eq!(heard(&world, "SIP/2.0 180"), 3);
    assert_eq!(world.engine.gauges().streams, 0);
    answered_by_the_first(world, &offered);
}

/// MD-110: ten tags and more; any of them may answer, the others are ended.
#[test]
fn twelve_tags_are_kept() {
    let mut world = World::new();
    let (offered, _) = world.dial(CarrierA, Platform);
    for fork in 0..12 {
        let formats = if fork == 3 { "8 101" } else { "0 8 101" };
        let early = offered.respond(183, Platform, &sdp_with(Platform, "sendrecv", formats, 1));
        world.send(Platform, with_tag(&early, &format!("fork{fork:02}")));
    }
    world.pass(Duration::from_secs(1));
    shown(&mut world);
    // Its description is the one of its own 183.
    world.send(Platform, with_tag(&offered.respond(200, Platform, ""), "fork03"));
    world.expect(Platform, "ACK");
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    assert!(accepted.body().contains("RTP/AVP 8 101\r\n"), "{}", accepted.as_str());
    let mut caller = Dialog::of_caller(CarrierA, &accepted);
    world.send(CarrierA, caller.ack(""));
    world.send(Platform, with_tag(&offered.respond(200, Platform, &sdp(Platform, "sendrecv")), "fork07"));
    world.expect(Platform, "ACK");
    assert_eq!(world.hears_bye(Platform).tag("To").as_deref(), Some("fork07"));
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

/// DESIGN rule 8: a peer that forks without end fills no table.
#[test]
fn more_forks_than_are_kept_are_heard_without_their_media() {
    let mut world = World::new();
    let (offered, _) = world.dial(CarrierA, Platform);
    for fork in 0..40 {
        let early = offered.respond(183, Platform, &sdp(Platform, "sendrecv"));
        world.send(Platform, with_tag(&early, &format!("fork{fork:02}")));
    }
    world.pass(Duration::from_secs(1));
    shown(&mut world);
    assert_eq!(heard(&world, "SIP/2.0 183"), 40);
    assert_eq!(world.engine.gauges().dialogs, 17, "sixteen of the called side, one of the caller");
    answered_by_the_first(world, &offered);
}

/// RFC 6228: the fork that is heard ends; the one that described itself before is heard again.
#[test]
fn a_199_gives_the_word_back() {
    let (mut world, offered) = three_forks(ForkView::Single);
    shown(&mut world);
    world.send(Platform, with_tag(&offered.respond(199, Platform, ""), "forkthree"));
    world.pass(Duration::from_millis(100));
    assert_eq!(heard(&world, "SIP/2.0 183"), 3);
    world.send(Platform, with_tag(&offered.respond(199, Platform, ""), "forkone"));
    world.pass(Duration::from_millis(100));
    assert_eq!(heard(&world, "SIP/2.0 18"), 4, "it was not heard");
    answered_by_the_first(world, &offered);
}
