//! S-F, D4: a destination that nobody allowed is refused, whoever wants it: a new call, a forwarded one, a transfer, a
//! redirection. The record names the key, the caller hears only that it may not.

use trunkline::call::{CallEvent, Cause};
use trunkline::engine::io::Event;
use trunkline::route::fraud::Iso;
use trunkline::route::settings::RoutingSettings;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{Text, invite, route, sdp, with_header};

/// Abroad, of a network without a country, premium, satellite.
const FRANCE: &str = "+33123456789";
const NETWORK: &str = "+88234567890";
const PREMIUM: &str = "+499001234567";

/// At home in Germany, and every call of a platform goes to a carrier.
fn at_home(settings: &mut RoutingSettings) {
    settings.fraud.allow_countries = vec![Iso::parse("DE").unwrap()];
    settings.routes.push(route("platform", None, &["carrier-a", "carrier-b"]));
}

fn guarded() -> World {
    World::configured(at_home)
}

/// Nothing of the rules, and nothing was sent to a carrier.
fn is_told_nothing(world: &World, refusal: &Text) {
    assert_eq!(refusal.status(), Some(403), "{}", refusal.as_str());
    assert_eq!(refusal.header("Reason"), "Q.850;cause=21;text=\"Destination not allowed\"");
    for word in ["fraud", "allow_", "premium", "FR", "Warning"] {
        assert!(!refusal.as_str().contains(word), "{word}: {}", refusal.as_str());
    }
    assert_eq!((world.heard(CarrierA).len(), world.heard(CarrierB).len()), (0, 0));
}

fn was_stopped(world: &World) -> usize {
    world.events.iter().filter(|event| matches!(event, Event::Call(CallEvent::Guarded { .. }))).count()
}

#[test]
fn a_new_call_abroad_is_refused_and_the_record_names_the_key() {
    let table = [
        (FRANCE, "fraud.allow_countries"),
        ("0033123456789", "fraud.allow_countries"),
        ("900882345678", "fraud.allow_classes"),
        (NETWORK, "fraud.allow_classes"),
        (PREMIUM, "fraud.allow_classes"),
        ("+999123456", "fraud.allow_prefixes"),
    ];
    for (called, key) in table {
        let mut world = guarded();
        world.send(Platform, invite(Platform, called, &sdp(Platform, "sendrecv")));
        let refusal = world.refusal(Platform);
        is_told_nothing(&world, &refusal);
        assert_eq!(was_stopped(&world), 1);
        let records = world.finish();
        assert_eq!(records[0].cause, Cause::DestinationBlocked, "{called}");
        let detail = records[0].detail.clone().unwrap_or_default();
        assert!(detail.contains(key) && !detail.contains(called), "{detail}");
    }
}

#[test]
fn an_own_country_is_called_as_ever() {
    let mut world = guarded();
    let mut talk = world.talk(Platform, CarrierA);
    world.caller_hangs_up(&mut talk);
    assert_eq!(was_stopped(&world), 0);
    assert_eq!(world.finish()[0].detail, None);
}

#[test]
fn a_country_that_is_named_is_called() {
    let mut world = World::configured(|settings| {
        at_home(settings);
        settings.fraud.allow_countries.push(Iso::parse("FR").unwrap());
    });
    let (offered, _) = world.dial_number(Platform, FRANCE, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// Who forwarded it, and from a number of home, changes nothing.
#[test]
fn a_forwarded_call_is_judged_by_where_it_goes() {
    let mut world = guarded();
    let forwarded = with_header(
        &invite(Platform, NETWORK, &sdp(Platform, "sendrecv")),
        "Diversion: <sip:+4930111222@sbc.example.com>;reason=unconditional",
    );
    world.send(Platform, forwarded);
    let refusal = world.refusal(Platform);
    is_told_nothing(&world, &refusal);
    world.finish();
}

/// Calls that end at users of ours cost nothing.
#[test]
fn calls_to_a_platform_are_not_judged() {
    let mut world = guarded();
    let (offered, _) = world.dial_number(CarrierA, FRANCE, Platform);
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    assert_eq!(world.refusal(CarrierA).status(), Some(486));
    world.finish();
}

/// Where a call may go to a platform or a carrier, the way that costs nothing stays.
#[test]
fn a_way_to_a_platform_stays_open() {
    let mut world = World::configured(|settings| {
        settings.fraud.allow_countries = vec![Iso::parse("DE").unwrap()];
        settings.routes.insert(0, route("carrier-a", None, &["carrier-b", "platform"]));
    });
    let (offered, _) = world.dial_number(CarrierA, FRANCE, Platform);
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    assert_eq!(world.heard(CarrierB).len(), 0);
    world.finish();
}

/// `refer-premium.dat`: the transferor hears 403, the parties talk on.
#[test]
fn a_transfer_is_judged_as_a_new_call_of_its_trunk() {
    for target in [NETWORK, PREMIUM, FRANCE] {
        let mut world = World::moving(at_home);
        let mut talk = world.talk(Platform, CarrierA);
        world.refers(Platform, &mut talk.caller, &format!("<sip:{target}@sbc.example.com>"));
        world.is_told(Platform, "SIP/2.0 403 Forbidden");
        assert_eq!(was_stopped(&world), 1);
        assert_eq!(world.hears(CarrierA), [Platform]);
        world.caller_hangs_up(&mut talk);
        let records = world.finish();
        assert_eq!((records[0].attempts, records[0].transfers[0].cause), (1, Cause::DestinationBlocked));
        assert!(records[0].detail.as_deref().unwrap_or_default().contains("fraud.allow_"));
    }
}

/// A carrier that sends a caller back to itself, for a number that costs more.
#[test]
fn a_transfer_back_to_the_carrier_is_judged_too() {
    let mut world = World::moving(|settings| {
        at_home(settings);
        settings.trunks.iter_mut().for_each(|trunk| {
            trunk.behaviour.transfer.target = trunkline::route::transfer::ReferTarget::Peer;
        });
    });
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(CarrierA, &mut talk.callee, &format!("<sip:{PREMIUM}@198.51.100.7>"));
    world.is_told(CarrierA, "SIP/2.0 403 Forbidden");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

fn moved(offered: &Text, contacts: &str) -> String {
    let answer = offered.respond(302, CarrierA, "");
    let lines = answer.split("\r\n").map(|line| match line.starts_with("Contact:") {
        true => format!("Contact: {contacts}"),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\r\n")
}

#[test]
fn a_redirection_abroad_is_not_followed() {
    let mut world = World::moving(at_home);
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, moved(&offered, &format!("<sip:{NETWORK}@198.51.100.7>")));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(403));
    let records = world.finish();
    assert_eq!((records[0].cause, records[0].attempts), (Cause::DestinationBlocked, 1));
}

#[test]
fn of_several_contacts_those_at_home_are_followed() {
    let mut world = World::moving(at_home);
    let (offered, _) = world.dial(Platform, CarrierA);
    let contacts = format!("<sip:{NETWORK}@198.51.100.7>;q=0.9, <sip:+4930777@198.51.100.7>;q=0.1");
    world.send(CarrierA, moved(&offered, &contacts));
    world.expect(CarrierA, "ACK");
    let again = world.expect(CarrierA, "INVITE sip:+4930777@198.51.100.7");
    world.send(CarrierA, again.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(486));
    world.finish();
}
