//! RFC 3262 3: no 2xx goes while a reliable response with a description lacks its PRACK. The called party has its ACK
//! meanwhile, and whatever ends the call then ends it for both.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp};

/// The platform has answered; the carrier has not acknowledged the 183.
struct Waiting {
    world: World,
    invite: Text,
    early: Text,
    callee: Dialog,
}

fn waiting() -> Waiting {
    let mut world = World::new();
    let sent = crate::world::text::with_header(
        &crate::world::text::invite(CarrierA, crate::world::steps::number_of(Platform), &sdp(CarrierA, "sendrecv")),
        "Require: 100rel",
    );
    world.send(CarrierA, sent.clone());
    let offered = world.expect(Platform, "INVITE");
    world.send(Platform, offered.respond(183, Platform, &sdp(Platform, "sendrecv")));
    let early = world.expect(CarrierA, "SIP/2.0 183");
    let answer = offered.respond(200, Platform, &sdp(Platform, "sendrecv"));
    let callee = Dialog::of_callee(Platform, &offered, &answer);
    world.send(Platform, answer);
    world.expect(Platform, "ACK");
    world.pass(Duration::from_millis(200));
    assert!(world.is_quiet(CarrierA), "the answer waits");
    Waiting { world, invite: Text::of(sent), early, callee }
}

#[test]
fn and_goes_with_it() {
    let Waiting { mut world, early, .. } = waiting();
    let mut dialog = Dialog::of_caller(CarrierA, &early);
    world.pracks(CarrierA, &mut dialog, &early, "");
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    assert!(accepted.header("CSeq").ends_with("INVITE") && accepted.body().is_empty(), "{}", accepted.as_str());
    world.send(CarrierA, dialog.ack_of(1, ""));
    world.send(CarrierA, dialog.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    assert!(world.finish()[0].answered.is_some());
}

#[test]
fn and_never_comes_without_it() {
    let Waiting { mut world, .. } = waiting();
    world.hears_bye(Platform);
    let refused = world.refusal(CarrierA);
    assert_eq!(refused.status(), Some(504));
    let records = world.finish();
    assert_eq!((records[0].cause, records[0].answered), (Cause::NoPrack, None));
}

#[test]
fn a_cancel_still_ends_it() {
    let Waiting { mut world, invite, .. } = waiting();
    world.send(CarrierA, invite.cancel());
    world.expect(CarrierA, "SIP/2.0 200");
    assert_eq!(world.refusal(CarrierA).status(), Some(487));
    world.hears_bye(Platform);
    assert_eq!(world.finish()[0].cause, Cause::CallerCancelled);
}

#[test]
fn the_called_party_may_hang_up_meanwhile() {
    let Waiting { mut world, mut callee, .. } = waiting();
    world.send(Platform, callee.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    assert_eq!(world.refusal(CarrierA).status(), Some(480));
    world.finish();
}

/// RFC 5407 3.1: the called party's 200 is lost, and its BYE overtakes the repetition.
#[test]
fn a_bye_that_overtakes_the_200_ends_the_call() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    let mut callee = Dialog::of_callee(CarrierA, &offered, &answer);
    world.send(CarrierA, callee.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, answer);
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(480));
    world.finish();
}

/// An UPDATE of the called party is about early media no more, and takes nothing of its answer away.
#[test]
fn an_update_of_the_called_party_meanwhile() {
    let Waiting { mut world, early, mut callee, .. } = waiting();
    world.send(Platform, callee.request("UPDATE", ""));
    world.expect(Platform, "SIP/2.0 200");
    let mut dialog = Dialog::of_caller(CarrierA, &early);
    world.pracks(CarrierA, &mut dialog, &early, "");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, dialog.ack_of(1, ""));
    world.send(CarrierA, dialog.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    assert!(world.finish()[0].answered.is_some());
}
