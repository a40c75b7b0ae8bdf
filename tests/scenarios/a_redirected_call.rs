//! 3xx by the trunk's rule (RFC 3261 8.1.3.4, PF-150): followed with Diversion, handed to the caller, or a failure.

use std::sync::Arc;

use trunkline::call::CallEvent;
use trunkline::call::Cause;
use trunkline::engine::io::Event;
use trunkline::route::number::{FieldForms, IncomingForm, NumberPlan, country};
use trunkline::route::presentation::{DivertingHeaders, Presentation};
use trunkline::route::transfer::RedirectPolicy;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{Text, invite, sdp, with_header};

/// A 302 of carrier A with these contacts.
fn moved(offered: &Text, contacts: &str) -> String {
    let answer = offered.respond(302, CarrierA, "");
    let lines: Vec<&str> = answer.split("\r\n").collect();
    let with_contact = |line: &&str| {
        if line.starts_with("Contact:") { format!("Contact: {contacts}") } else { (*line).to_owned() }
    };
    lines.iter().map(with_contact).collect::<Vec<_>>().join("\r\n")
}

#[test]
fn is_offered_to_another_user_of_the_same_trunk() {
    let mut world = World::moving(|_| {});
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, moved(&offered, "<sip:+4930777@198.51.100.7>"));
    world.expect(CarrierA, "ACK");
    let again = world.expect(CarrierA, "INVITE sip:+4930777@198.51.100.7");
    let diversion = again.header("Diversion");
    assert!(diversion.starts_with("<sip:+49301234567@203.0.113.1>;reason=unconditional;counter=1"), "{diversion}");
    assert_ne!(again.header("Call-ID"), offered.header("Call-ID"));
    let mut talk = world.answer(Platform, CarrierA, again);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    let followed = |event: &Event| matches!(event, Event::Call(CallEvent::Redirected { contacts: 1, .. }));
    assert!(world.events.iter().any(followed));
    let records = world.finish();
    assert_eq!((records[0].redirects, records[0].attempts, records[0].cause), (1, 2, Cause::NormalClearing));
}

/// Several choices say nothing of why the party is elsewhere.
#[test]
fn its_diversion_names_no_reason_where_the_redirection_had_none() {
    let mut world = World::moving(|_| {});
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, moved(&offered, "<sip:+4930777@198.51.100.7>").replace("SIP/2.0 302", "SIP/2.0 300"));
    world.expect(CarrierA, "ACK");
    let again = world.expect(CarrierA, "INVITE");
    assert!(again.header("Diversion").contains(";reason=unknown;counter=1"), "{}", again.header("Diversion"));
    world.send(CarrierA, again.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

/// The best first, by q; each as the routes of the redirecting trunk lead there.
#[test]
fn goes_by_the_routes_and_by_preference() {
    let mut world = World::moving(|_| {});
    let (offered, _) = world.dial(Platform, CarrierA);
    let contacts = "<sip:+4930777@198.51.100.7>;q=0.2, <sip:+4931888@elsewhere.example>;q=0.9, <mailto:x@y>";
    world.send(CarrierA, moved(&offered, contacts));
    world.expect(CarrierA, "ACK");
    let best = world.expect(CarrierB, "INVITE sip:+4931888@198.51.100.8");
    world.send(CarrierB, best.respond(503, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    let other = world.expect(CarrierA, "INVITE sip:+4930777@198.51.100.7");
    let mut talk = world.answer(Platform, CarrierA, other);
    world.send(Platform, talk.caller.ack(""));
    world.callee_hangs_up(&mut talk);
    world.finish();
}

/// A contact is a number in the form of who redirects, and calls go by one form (PF-134).
#[test]
fn goes_by_the_number_whatever_form_the_redirecting_peer_writes() {
    for contact in
        ["<sip:031888@elsewhere.example>", "<tel:+49-31-888>", "<sip:004931888@elsewhere.example;user=phone>"]
    {
        let mut world = World::moving(|settings| {
            let carrier = settings.trunks.iter_mut().find(|trunk| trunk.name == "carrier-a").expect("a carrier");
            let mut presentation = Presentation::clone(&carrier.behaviour.presentation);
            let incoming = FieldForms::all(IncomingForm::National);
            presentation.numbers = NumberPlan { country: country("DE"), incoming, ..NumberPlan::default() };
            carrier.behaviour.presentation = Arc::new(presentation);
        });
        let (offered, _) = world.dial(Platform, CarrierA);
        world.send(CarrierA, moved(&offered, contact));
        world.expect(CarrierA, "ACK");
        let routed = world.expect(CarrierB, "INVITE sip:+4931888@198.51.100.8");
        world.send(CarrierB, routed.respond(486, CarrierB, ""));
        world.expect(CarrierB, "ACK");
        assert_eq!(world.refusal(Platform).status(), Some(486), "{contact}");
        world.finish();
    }
}

/// RFC 3261 8.1.3.4: no target twice; a chain of redirections is bounded and told in Diversion, the newest first.
#[test]
fn in_a_circle_is_482() {
    let mut world = World::moving(|_| {});
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, moved(&offered, "<sip:+4930777@198.51.100.7>"));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierA, "INVITE sip:+4930777@");
    world.send(CarrierA, moved(&second, "<sip:+4930778@198.51.100.7>"));
    world.expect(CarrierA, "ACK");
    let third = world.expect(CarrierA, "INVITE sip:+4930778@");
    let diversions = third.headers("Diversion");
    assert!(diversions[0].starts_with("<sip:+4930777@") && diversions[1].starts_with("<sip:+49301234567@"));
    world.send(CarrierA, moved(&third, "<sip:+49301234567@198.51.100.7:5060>, <sip:+4930777@198.51.100.7>"));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(482));
    assert_eq!(world.finish()[0].cause, Cause::Loop);
}

#[test]
fn is_followed_five_times_and_no_more() {
    let mut world = World::moving(|_| {});
    let (mut offered, _) = world.dial(Platform, CarrierA);
    for number in 0..6 {
        world.send(CarrierA, moved(&offered, &format!("<sip:+493066{number}@198.51.100.7>")));
        world.expect(CarrierA, "ACK");
        if number < 5 {
            offered = world.expect(CarrierA, "INVITE");
        }
    }
    assert_eq!(world.refusal(Platform).status(), Some(482));
    world.finish();
}

#[test]
fn where_nothing_leads_is_480() {
    let mut world = World::moving(|settings| settings.routes.retain(|route| route.from != "carrier-a"));
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, moved(&offered, "<sip:bob@elsewhere.example>"));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(480));
    world.finish();
}

/// The caller is told where to call, at an address of ours.
#[test]
fn is_handed_to_the_caller() {
    let mut world = World::moving(|settings| {
        settings.trunks[0].behaviour.transfer.redirect = RedirectPolicy::Relay;
    });
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, moved(&offered, "<sip:+4930777@198.51.100.7>;q=0.5, <tel:+4930778>"));
    world.expect(CarrierA, "ACK");
    let told = world.refusal(Platform);
    assert_eq!(told.status(), Some(302));
    assert_eq!(
        told.headers("Contact"),
        ["<sip:+4930778@sbc.example.com:5061;transport=tls>", "<sip:+4930777@sbc.example.com:5061;transport=tls>"]
    );
    world.finish();
}

#[test]
fn is_refused_where_the_trunk_says_so() {
    let mut world = World::moving(|settings| {
        settings.trunks[0].behaviour.transfer.redirect = RedirectPolicy::Refuse;
    });
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, moved(&offered, "<sip:+4930777@198.51.100.7>"));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(480));
    world.finish();
}

/// The new party of a transfer may be elsewhere too.
#[test]
fn of_a_transfer() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(CarrierA, Platform);
    world.refers(Platform, &mut talk.callee, "<sip:+49301234567@sbc.example.com>");
    let offered = world.expect(CarrierA, "INVITE sip:+49301234567@");
    world.send(CarrierA, moved(&offered, "<sip:+4931555@elsewhere.example>"));
    world.expect(CarrierA, "ACK");
    let followed = world.expect(CarrierB, "INVITE sip:+4931555@198.51.100.8");
    assert!(followed.header("Diversion").starts_with("<sip:+49301234567@"), "{}", followed.header("Diversion"));
    let mut new = world.answers(CarrierB, &followed);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.callee);
    world.leaves(CarrierB, &mut new);
    world.hears_bye(CarrierA);
    assert_eq!(world.finish()[0].redirects, 1);
}

/// RFC 7044 9.3, 10.4: the history goes on from where it stood; its last entry is where the call goes now, with the
/// cause of RFC 4458 and the entry it came from. Who hid stays hidden.
#[test]
fn its_history_goes_on_to_the_new_target() {
    for (privacy, shows) in [("", true), ("?Privacy=history", false)] {
        let mut world = World::moving(|settings| {
            for trunk in settings.trunks.iter_mut().filter(|trunk| trunk.name == "carrier-a") {
                let mut presentation = Presentation::clone(&trunk.behaviour.presentation);
                presentation.diverting.send = DivertingHeaders::HistoryInfo;
                presentation.showing.trusted = false;
                trunk.behaviour.presentation = Arc::new(presentation);
            }
        });
        let came = format!(
            "History-Info: <sip:+4930999@a.example{privacy}>;index=1, <sip:+49301234567@a.example;cause=486>;index=1.1;mp=1"
        );
        world.send(Platform, with_header(&invite(Platform, "+49301234567", &sdp(Platform, "sendrecv")), &came));
        let offered = world.expect(CarrierA, "INVITE");
        assert_eq!(offered.headers("History-Info").len(), 2, "{}", offered.as_str());
        world.send(CarrierA, moved(&offered, "<sip:+4930777@198.51.100.7>"));
        world.expect(CarrierA, "ACK");
        let again = world.expect(CarrierA, "INVITE sip:+4930777@");
        let entries = again.headers("History-Info");
        assert_eq!(entries.len(), 3, "{entries:?}");
        assert_eq!(entries[0].starts_with("<sip:+4930999@"), shows, "{entries:?}");
        assert!(entries[0].ends_with(">;index=1"), "{entries:?}");
        assert!(entries[1].starts_with("<sip:+49301234567@") && entries[1].contains(";cause=486>;index=1.1;mp=1"));
        assert!(entries[2].starts_with("<sip:+4930777@"), "{entries:?}");
        assert!(entries[2].contains(";cause=302>;index=1.1.1;mp=1.1"), "{entries:?}");
        world.send(CarrierA, again.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        world.refusal(Platform);
        world.finish();
    }
}
