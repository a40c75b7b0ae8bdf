use super::teams;
use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::text::route;

/// T19: 488 or no audio: a plain profile, no crypto line, or too many suites.
#[test]
fn t19_one_suite_with_its_lifetime_is_offered() {
    let mut world = teams(|_| {});
    let (offered, _) = world.dial(CarrierA, Platform);
    let cryptos: Vec<&str> = offered.body().lines().filter(|line| line.starts_with("a=crypto")).collect();
    assert_eq!(cryptos.len(), 1, "{}", offered.body());
    assert!(cryptos[0].starts_with("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:") && cryptos[0].ends_with("|2^31"));
    assert!(offered.body().contains("RTP/SAVP "), "MD-167: {}", offered.body());
    assert_eq!(offered.body().matches("m=").count(), 1, "MD-178");
    assert!(!offered.body().contains("a=ice"), "MD-203");
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.finish();
}

/// T28: audio dies after a transfer on the carrier's side, because the platform does not follow another media address.
#[test]
fn t28_microsofts_leg_keeps_its_address_and_port_over_a_transfer_of_the_carrier() {
    use trunkline::route::transfer::{ReferPolicy, TransferSettings};
    let mut world = teams(|settings| {
        settings.trunks[0].behaviour.transfer = TransferSettings { refer: ReferPolicy::Execute, ..Default::default() };
        settings.routes.insert(0, route("carrier-a", Some("+4931"), &["carrier-b"]));
    });
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(CarrierA, &mut talk.callee, "<sip:+4931555@sbc.example.com>");
    let offered = world.expect(CarrierB, "INVITE");
    world.answers(CarrierB, &offered);
    world.is_told(CarrierA, "SIP/2.0 200 OK");
    world.leaves(CarrierA, &mut talk.callee);
    assert_eq!(world.hears(Platform), [CarrierB]);
    assert!(world.is_quiet(Platform), "MD-126: no re-INVITE");
    world.leaves(Platform, &mut talk.caller);
    world.hears_bye(CarrierB);
    world.finish();
}
