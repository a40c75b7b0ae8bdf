//! RFC 3323, RFC 3325, PF-135: the INVITE of a transfer is written by the rules of the trunk it goes to, as that of any
//! call is: who hides stays hidden, and what the trunk's peer asks for before it takes the INVITE is given.

use std::sync::Arc;

use trunkline::route::caller::IdentityHeader;
use trunkline::route::presentation::{DivertingHeaders, DivertingSettings, Presentation};
use trunkline::route::provisional::Reliability;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::Talk;
use crate::world::text::{Text, reliably, with_header};

const NEW_PARTY: &str = "<sip:+4931555@sbc.example.com>";

/// Carrier B is shown asserted identities; whether it may learn who hides.
fn world(trusted: bool) -> World {
    World::moving(|settings| {
        let carrier = &mut settings.trunks[1].behaviour;
        let mut presentation = Presentation::clone(&carrier.presentation);
        presentation.showing.trusted = trusted;
        presentation.showing.headers = vec![IdentityHeader::Asserted];
        carrier.presentation = Arc::new(presentation);
        carrier.provisional.reliable = Reliability::Accept;
    })
}

#[test]
fn a_caller_who_hides_stays_hidden() {
    for trusted in [true, false] {
        let mut world = world(trusted);
        let asserted = "P-Asserted-Identity: <sip:+493077665544@sbc.example.com>";
        let asks = ["Privacy: id", asserted];
        let (mut talk, _) = world.talk_saying(Platform, CarrierA, &asks, &[]);
        world.refers(CarrierA, &mut talk.callee, NEW_PARTY);
        let offered = world.expect(CarrierB, "INVITE");
        assert!(offered.header("From").contains("anonymous.invalid"), "{}", offered.header("From"));
        assert_eq!(offered.header("P-Asserted-Identity").contains("77665544"), trusted, "{}", offered.as_str());
        assert_eq!(offered.as_str().contains("77665544"), trusted, "{}", offered.as_str());
        assert_eq!(offered.header("Privacy"), "id");
        world.send(CarrierB, offered.respond(486, CarrierB, ""));
        world.expect(CarrierB, "ACK");
        world.is_told(CarrierA, "SIP/2.0 486 Busy Here");
        world.caller_hangs_up(&mut talk);
        world.finish();
    }
}

/// Privacy in its 200 (RFC 3323 4.1): it holds for those who come after its caller too.
#[test]
fn a_called_party_that_hides_stays_hidden() {
    let mut world = world(false);
    let (mut talk, _) = world.talk_saying(Platform, CarrierA, &[], &["Privacy: id"]);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    assert!(offered.header("From").contains("anonymous.invalid"), "{}", offered.header("From"));
    assert!(!offered.as_str().contains("301234567"), "{}", offered.as_str());
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 3261 21.4.16: a peer that wants 100rel gets it; the transfer has not failed.
#[test]
fn an_extension_that_is_asked_for_is_given() {
    let mut world = world(true);
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let first = world.expect(CarrierB, "INVITE");
    assert!(!first.headers("Supported").contains(&"100rel".to_owned()));
    world.send(CarrierB, with_header(&first.respond(421, CarrierB, ""), "Require: 100rel"));
    world.expect(CarrierB, "ACK");
    let again = world.expect(CarrierB, "INVITE");
    assert!(again.headers("Supported").contains(&"100rel".to_owned()));
    assert_eq!(again.header("CSeq"), "2 INVITE");
    world.send(CarrierB, reliably(&again.respond(180, CarrierB, ""), 1));
    world.hears_prack(CarrierB, "1 2 INVITE");
    world.is_told(Platform, "SIP/2.0 180 Ringing");
    world.answers(CarrierB, &again);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.caller);
    world.callee_hangs_up_to(CarrierB, &mut talk);
    world.finish();
}

/// Carrier B is written History-Info; `always`: on every call.
fn with_history(always: bool) -> World {
    World::moving(|settings| {
        let carrier = &mut settings.trunks[1].behaviour;
        let mut presentation = Presentation::clone(&carrier.presentation);
        presentation.diverting =
            DivertingSettings { send: DivertingHeaders::HistoryInfo, always, ..DivertingSettings::default() };
        carrier.presentation = Arc::new(presentation);
    })
}

/// The platform, whose call came with a history, sends carrier A to a new party, which carrier B is asked for.
fn transferred(world: &mut World) -> (Talk, Text) {
    let came = "History-Info: <sip:+4930999@a.example>;index=1, <sip:+4930555@a.example;cause=302>;index=1.1;mp=1";
    let (mut talk, _) = world.talk_saying(Platform, CarrierA, &[came], &[]);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    (talk, offered)
}

fn declined(mut world: World, mut talk: Talk, offered: &Text) {
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 7044 5, MD-99: a transfer is a call of its own and no retargeting: how the first call came about is not told of it.
#[test]
fn the_history_of_the_call_before_is_not_its_own() {
    let mut world = with_history(false);
    let (talk, offered) = transferred(&mut world);
    assert!(offered.headers("History-Info").is_empty(), "{}", offered.as_str());
    assert!(offered.headers("Diversion").is_empty() && !offered.as_str().contains("4930999"), "{}", offered.as_str());
    declined(world, talk, &offered);
}

#[test]
fn a_trunk_that_wants_a_history_on_every_call_has_one_here() {
    let mut world = with_history(true);
    let (talk, offered) = transferred(&mut world);
    let entries = offered.headers("History-Info");
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert!(entries.iter().all(|entry| entry.starts_with("<sip:+4931555@")), "{entries:?}");
    assert!(entries[0].ends_with(">;index=1") && entries[1].contains(";index=1.1"), "{entries:?}");
    declined(world, talk, &offered);
}

/// RFC 7044 9.3: it begins where the new party sends the call on.
#[test]
fn the_new_party_that_sends_it_on_begins_a_history() {
    let mut world = with_history(false);
    let (talk, offered) = transferred(&mut world);
    let moved = with_header(&offered.respond(302, CarrierB, ""), "Contact: <sip:+4931888@198.51.100.8>");
    world.send(CarrierB, moved.replacen("Contact: <sip:ua@198.51.100.8:5060>\r\n", "", 1));
    world.expect(CarrierB, "ACK");
    let again = world.expect(CarrierB, "INVITE sip:+4931888@198.51.100.8");
    let entries = again.headers("History-Info");
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert!(entries[0].starts_with("<sip:+4931555@") && entries[0].ends_with(">;index=1"), "{entries:?}");
    assert!(
        entries[1].starts_with("<sip:+4931888@") && entries[1].contains(";cause=302>;index=1.1;mp=1"),
        "{entries:?}"
    );
    declined(world, talk, &again);
}
