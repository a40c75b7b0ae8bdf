//! RFC 3264 8.4, MD-127..131: a caller without an offer answers ours in its ACK or PRACK, and holds in it. The called party
//! has agreed to talk; it hears of the hold as its trunk wants to, and of the resume.

use std::time::Duration;

use trunkline::route::media::HoldForm;
use trunkline::rtp::srtp::SrtpSuite;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::{Talk, number_of};
use crate::world::text::{Dialog, invite, reliably, sdp, sdp_with, with_header};

const TAKES: &str = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE";

/// The platform calls the carrier without an offer; the carrier answers `direction`.
fn answered(mut world: World, direction: &str) -> (World, Talk) {
    world.send(Platform, invite(Platform, number_of(CarrierA), ""));
    let offered = world.expect(CarrierA, "INVITE");
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, direction));
    let callee = Dialog::of_callee(CarrierA, &offered, &answer);
    world.send(CarrierA, answer);
    world.expect(CarrierA, "ACK");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    let caller = Dialog::of_caller(Platform, &accepted);
    (world, Talk { from: Platform, to: CarrierA, caller, callee, accepted })
}

#[test]
fn in_the_ack_is_told_by_re_invite() {
    let zero = sdp(Platform, "sendrecv").replace("c=IN IP4 192.0.2.50", "c=IN IP4 0.0.0.0");
    let cases = [
        (HoldForm::Pass, sdp(Platform, "sendonly"), "sendonly"),
        (HoldForm::Pass, sdp(Platform, "inactive"), "inactive"),
        (HoldForm::Pass, zero.clone(), "sendonly"),
        (HoldForm::Inactive, sdp(Platform, "sendonly"), "inactive"),
        (HoldForm::SendOnly, sdp(Platform, "inactive"), "sendonly"),
    ];
    for (form, body, told_as) in cases {
        let (mut world, mut talk) = answered(World::sounding("carrier-a", |sound| sound.hold = form), "sendrecv");
        world.send(Platform, talk.caller.ack(&body));
        let told = world.expect(CarrierA, "INVITE");
        assert!(told.body().contains(&format!("a={told_as}\r\n")), "{told_as}: {}", told.body());
        assert!(!told.body().contains("0.0.0.0"), "MD-129");
        let back = if told_as == "sendonly" { "recvonly" } else { "inactive" };
        world.send(CarrierA, told.respond(200, CarrierA, &sdp_with(CarrierA, back, "0 8 101", 2)));
        world.expect(CarrierA, "ACK");
        world.pass(Duration::from_secs(5));
        assert!(world.is_quiet(Platform) && world.is_quiet(CarrierA));
        let resume = talk.caller.request("INVITE", &sdp_with(Platform, "sendrecv", "0 8 101", 2));
        world.send(Platform, resume);
        let crossed = world.expect(CarrierA, "INVITE");
        assert!(crossed.body().contains("a=sendrecv\r\n"), "{}", crossed.body());
        world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "0 8 101", 3)));
        world.expect(CarrierA, "ACK");
        assert!(world.expect(Platform, "SIP/2.0 200").body().contains("a=sendrecv\r\n"));
        world.send(Platform, talk.caller.ack(""));
        world.caller_hangs_up(&mut talk);
        assert!(world.finish()[0].answered.is_some());
    }
}

/// MD-128: a trunk that is told of no hold hears nothing.
#[test]
fn is_not_told_where_the_trunk_wants_no_hold() {
    let (mut world, mut talk) =
        answered(World::sounding("carrier-a", |sound| sound.hold = HoldForm::Unsaid), "sendrecv");
    world.send(Platform, talk.caller.ack(&sdp(Platform, "sendonly")));
    world.pass(Duration::from_secs(5));
    assert!(world.is_quiet(CarrierA));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// An answer that says what the called party's own hold left it to say is no hold.
#[test]
fn to_a_called_party_that_holds_itself_is_no_news() {
    for (theirs, answer) in [("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")] {
        let (mut world, mut talk) = answered(World::new(), theirs);
        assert!(talk.accepted.body().contains(&format!("a={theirs}\r\n")), "{}", talk.accepted.body());
        world.send(Platform, talk.caller.ack(&sdp(Platform, answer)));
        world.pass(Duration::from_secs(5));
        assert!(world.is_quiet(CarrierA), "{theirs}");
        world.caller_hangs_up(&mut talk);
        world.finish();
    }
}

/// In a PRACK: by UPDATE before the answer where the called party takes it, else by re-INVITE after it.
#[test]
fn in_the_prack_is_told_as_soon_as_it_may_be() {
    for takes_update in [true, false] {
        let settings = trunkline::route::provisional::ProvisionalSettings {
            reliable: trunkline::route::provisional::Reliability::Supported,
            ..Default::default()
        };
        let mut world = World::provisional(&[("carrier-a", settings), ("platform", settings)]);
        let offered = world.dial_with(CarrierA, Platform, "Require: 100rel", "");
        let progress = reliably(&offered.respond(183, Platform, &sdp(Platform, "sendrecv")), 1);
        world.send(Platform, if takes_update { with_header(&progress, TAKES) } else { progress });
        world.hears_prack(Platform, "1 1 INVITE");
        let early = world.expect(CarrierA, "SIP/2.0 183");
        let mut caller = Dialog::of_caller(CarrierA, &early);
        world.pracks(CarrierA, &mut caller, &early, &sdp(CarrierA, "inactive"));
        if takes_update {
            let told = world.expect(Platform, "UPDATE");
            assert!(told.body().contains("a=inactive\r\n"), "{}", told.body());
            world.send(Platform, told.respond(200, Platform, &sdp_with(Platform, "inactive", "0 8 101", 2)));
        }
        world.pass(Duration::from_secs(1));
        assert!(world.is_quiet(Platform) && world.is_quiet(CarrierA));
        world.send(Platform, offered.respond(200, Platform, ""));
        world.expect(Platform, "ACK");
        world.expect(CarrierA, "SIP/2.0 200");
        world.send(CarrierA, caller.ack_of(1, ""));
        if !takes_update {
            let told = world.expect(Platform, "INVITE");
            assert!(told.body().contains("a=inactive\r\n"), "{}", told.body());
            world.send(Platform, told.respond(200, Platform, &sdp_with(Platform, "inactive", "0 8 101", 2)));
            world.expect(Platform, "ACK");
        }
        world.pass(Duration::from_secs(5));
        assert!(world.is_quiet(Platform) && world.is_quiet(CarrierA));
        world.send(CarrierA, caller.request("BYE", ""));
        world.expect(CarrierA, "SIP/2.0 200");
        world.hears_bye(Platform);
        world.finish();
    }
}

/// A caller over SRTP that took our offer, which named every suite, has nothing more to hear.
#[test]
fn one_that_only_chose_a_key_hears_of_nothing() {
    let settings = trunkline::route::provisional::ProvisionalSettings {
        reliable: trunkline::route::provisional::Reliability::Supported,
        ..Default::default()
    };
    let mut world = World::configured(|change| {
        let platform = &mut change.trunks[2].behaviour;
        platform.provisional = settings;
        platform.media.suites = vec![SrtpSuite::AesCm128HmacSha1_80, SrtpSuite::AesCm128HmacSha1_32];
    });
    let offered = world.dial_with(Platform, CarrierA, &format!("Require: 100rel\r\n{TAKES}"), "");
    world.send(CarrierA, offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")));
    let early = world.expect(Platform, "SIP/2.0 183");
    let mut caller = Dialog::of_caller(Platform, &early);
    world.pracks(Platform, &mut caller, &early, &sdp(Platform, "sendrecv"));
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(Platform) && world.is_quiet(CarrierA));
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, caller.ack_of(1, ""));
    world.pass(Duration::from_secs(5));
    assert!(world.is_quiet(Platform) && world.is_quiet(CarrierA));
    world.send(Platform, caller.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}
