//! What one side wrote and the other is shown: number forms, identity, diversions and passed headers of each trunk
//! (PF-12, PF-134..138, MD-83, MD-86, MD-98).

use std::sync::Arc;

use trunkline::route::caller::{CallerShowing, FromShows, IdentityHeader};
use trunkline::route::diverting::HistoryStyle;
use trunkline::route::number::{FieldForms, IncomingForm, NumberPlan, OutgoingForm, Reads, country};
use trunkline::route::policy::{Edit, HeaderName, Template};
use trunkline::route::presentation::{DivertingHeaders, DivertingSettings, Presentation, RouteKey, Unroutable};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Text, invite, sdp, with_header};

/// The trunks' names in the world's configuration.
const PLATFORM: &str = "platform";
const CARRIER: &str = "carrier-a";

/// What a scenario changes about the trunk of this name.
type TrunkChange<'c> = (&'c str, &'c dyn Fn(&mut Presentation));

fn world(changes: &[TrunkChange<'_>]) -> World {
    World::configured(|settings| {
        for (name, change) in changes {
            let trunk = settings.trunks.iter_mut().find(|trunk| trunk.name == *name).expect("a trunk of this name");
            let mut presentation = Presentation::clone(&trunk.behaviour.presentation);
            change(&mut presentation);
            trunk.behaviour.presentation = Arc::new(presentation);
        }
    })
}

fn german(incoming: IncomingForm, outgoing: OutgoingForm) -> NumberPlan {
    NumberPlan {
        reads: Reads::ByForm,
        country: country("DE"),
        incoming: FieldForms::all(incoming),
        outgoing: FieldForms::all(outgoing),
        ..NumberPlan::default()
    }
}

/// The platform calls the carrier with these lines more; what the carrier gets.
fn offered(world: &mut World, lines: &[&str]) -> Text {
    let plain = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    let sent = lines.iter().fold(plain, |sent, line| with_header(&sent, line));
    world.send(Platform, sent);
    world.expect(CarrierA, "INVITE")
}

fn done(mut world: World, offered: &Text) {
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

#[test]
fn a_carrier_that_dials_nationally_is_written_national_numbers() {
    let mut world = world(&[(CARRIER, &|own| own.numbers = german(IncomingForm::National, OutgoingForm::National))]);
    let offered = offered(&mut world, &[]);
    let called = number_of(CarrierA).trim_start_matches("+49");
    assert!(offered.start_line().starts_with(&format!("INVITE sip:0{called}@")), "{}", offered.start_line());
    assert!(offered.header("To").contains(&format!("<sip:0{called}@")));
    assert!(offered.header("From").contains("<sip:03099887766@"), "{}", offered.header("From"));
    done(world, &offered);
}

#[test]
fn a_number_that_is_none_is_refused_with_the_rule_it_broke() {
    let plan = |own: &mut Presentation| own.numbers = german(IncomingForm::E164, OutgoingForm::E164);
    for (unroutable, status) in [(Unroutable::NotFound, "404"), (Unroutable::AddressIncomplete, "484")] {
        let mut world = world(&[(PLATFORM, &|own| {
            plan(own);
            own.unroutable = unroutable;
        })]);
        world.send(Platform, invite(Platform, "3012345678", &sdp(Platform, "sendrecv")));
        let refusal = world.refusal(Platform);
        assert!(refusal.start_line().contains(status), "{}", refusal.start_line());
        let warning = refusal.header("Warning");
        assert!(warning.contains("request_uri") && warning.contains("numbers.incoming = e164, DE"), "{warning}");
        world.finish();
    }
}

#[test]
fn the_call_is_routed_by_the_header_the_trunk_names() {
    let mut world = world(&[(PLATFORM, &|own| own.route_key = RouteKey::PCalledPartyId)]);
    let line = format!("P-Called-Party-ID: <sip:{}@sbc.example.com>", number_of(CarrierA));
    world.send(Platform, with_header(&invite(Platform, "trunk-main", &sdp(Platform, "sendrecv")), &line));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.start_line().contains(number_of(CarrierA)), "{}", offered.start_line());
    done(world, &offered);
}

#[test]
fn context_crosses_octet_for_octet_and_the_platforms_own_headers_stay_there() {
    let mut world = World::new();
    let lines = [
        "User-to-User: 56a3;encoding=hex;purpose=isdn-uui",
        "X-cRm-Id: a ,b;c=\"d\"",
        "X-MS-Conversation: 1",
        "Organization: Inside",
    ];
    let offered = offered(&mut world, &lines);
    assert_eq!(offered.header("User-to-User"), "56a3;encoding=hex;purpose=isdn-uui");
    assert!(offered.as_str().contains("\r\nX-cRm-Id: a ,b;c=\"d\"\r\n"));
    assert!(offered.headers("X-MS-Conversation").is_empty() && offered.headers("Organization").is_empty());
    done(world, &offered);
}

#[test]
fn edits_of_the_trunk_are_written_with_their_variables() {
    let add = |own: &mut Presentation| {
        let name = HeaderName::parse("X-Path").unwrap();
        let value = Template::parse("${from_trunk}>${to_trunk};to=${called}").unwrap();
        own.headers.edits = vec![Edit::Add { name, value }];
    };
    let mut world = world(&[(CARRIER, &add)]);
    let offered = offered(&mut world, &[]);
    assert_eq!(offered.header("X-Path"), format!("{PLATFORM}>{CARRIER};to={}", number_of(CarrierA)));
    done(world, &offered);
}

#[test]
fn a_hidden_caller_is_hidden_from_an_untrusted_carrier_and_vouched_for_to_a_trusted_one() {
    for trusted in [true, false] {
        let showing = CallerShowing { trusted, headers: vec![IdentityHeader::Asserted], ..CallerShowing::default() };
        let mut world = world(&[(CARRIER, &|own| own.showing = showing.clone())]);
        let lines = ["P-Asserted-Identity: <sip:+493077665544@inside.example>", "Privacy: id"];
        let offered = offered(&mut world, &lines);
        assert!(
            offered.header("From").starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>"),
            "{}",
            offered.header("From")
        );
        let asserted = offered.headers("P-Asserted-Identity");
        match trusted {
            true => assert!(asserted[0].starts_with("<sip:+493077665544@") && !asserted[0].contains("inside")),
            false => assert!(asserted.is_empty()),
        }
        assert_eq!(offered.header("Privacy"), "id");
        assert_eq!(offered.as_str().contains("77665544"), trusted);
        assert!(!offered.as_str().contains("99887766"), "the number of From");
        done(world, &offered);
    }
}

#[test]
fn a_peer_that_displays_from_is_shown_the_asserted_number_there() {
    let mut world = world(&[(CARRIER, &|own| own.showing.from = FromShows::Asserted)]);
    let offered = offered(&mut world, &["P-Asserted-Identity: <sip:+493077665544@inside.example>"]);
    assert!(offered.header("From").starts_with("\"Ann\" <sip:+493077665544@"), "{}", offered.header("From"));
    done(world, &offered);
}

#[test]
fn history_info_becomes_diversion_and_the_reverse() {
    let history = "History-Info: <sip:+49301@inside.example?Reason=SIP%3Bcause%3D486>;index=1,<sip:+49302@inside.example>;index=1.1";
    let send = |send| DivertingSettings { send, style: HistoryStyle::Rfc7044, always: false };
    let mut one = world(&[(CARRIER, &|own| own.diverting = send(DivertingHeaders::Diversion))]);
    let told = offered(&mut one, &[history]);
    assert!(told.headers("History-Info").is_empty());
    let diversion = told.header("Diversion");
    assert!(
        diversion.starts_with("<sip:+49301@") && diversion.ends_with(";reason=user-busy;counter=1;privacy=off"),
        "{diversion}"
    );
    done(one, &told);
    let mut two = world(&[(CARRIER, &|own| own.diverting = send(DivertingHeaders::HistoryInfo))]);
    let told = offered(&mut two, &["Diversion: <sip:+49301@inside.example>;reason=no-answer"]);
    assert!(told.headers("Diversion").is_empty());
    let entries = told.headers("History-Info");
    assert!(entries[0].starts_with("<sip:+49301@") && entries[0].ends_with(">;index=1"), "{entries:?}");
    assert!(entries[1].contains(";cause=408>;index=1.1;mp=1"), "{entries:?}");
    assert!(!told.as_str().contains("inside.example"));
    done(two, &told);
}

/// RFC 7044 10.1.2: one word in Privacy hides every entry, whatever the entries say.
#[test]
fn a_history_that_is_hidden_as_a_whole_is_no_bodys_outside_the_trust_domain() {
    let history = "History-Info: <sip:+4930111@inside.example?Reason=SIP%3Bcause%3D486>;index=1,\
                   <sip:+4930222@inside.example>;index=1.1";
    for (word, trusted, shows) in
        [("history", false, false), ("header", false, false), ("critical", false, true), ("history", true, true)]
    {
        let mut world = world(&[(CARRIER, &|own| {
            own.showing.trusted = trusted;
            own.diverting = DivertingSettings { send: DivertingHeaders::Both, ..DivertingSettings::default() };
        })]);
        let told = offered(&mut world, &[history, &format!("Privacy: {word}")]);
        assert_eq!(told.as_str().contains("4930111"), shows, "{word} {trusted}: {}", told.as_str());
        assert_eq!(told.header("Diversion").contains("privacy=full"), word != "critical");
        done(world, &told);
    }
}

#[test]
fn a_trunk_may_want_a_diversion_on_every_call() {
    let always = DivertingSettings { always: true, send: DivertingHeaders::Diversion, ..DivertingSettings::default() };
    let mut world = world(&[(CARRIER, &|own| own.diverting = always)]);
    let told = offered(&mut world, &[]);
    assert!(
        told.header("Diversion").starts_with(&format!("<sip:{}@", number_of(CarrierA))),
        "{}",
        told.header("Diversion")
    );
    done(world, &told);
}

/// Issue 7 behaviour 2: the record has both numbers as they came, as they are kept and as they went out, the rules they
/// were written by, and what the called side said.
#[test]
fn the_record_has_numbers_as_they_came_and_as_they_went_out() {
    let mut world = world(&[
        (PLATFORM, &|own| own.numbers = german(IncomingForm::International, OutgoingForm::E164)),
        (CARRIER, &|own| own.numbers = german(IncomingForm::National, OutgoingForm::National)),
    ]);
    let written = number_of(CarrierA).replacen("+49", "0049", 1);
    world.send(Platform, invite(Platform, &written, &sdp(Platform, "sendrecv")));
    let offered = world.expect(CarrierA, "INVITE");
    let refused = offered.respond(486, CarrierA, "");
    world.send(CarrierA, with_header(&refused, "Reason: Q.850;cause=17;text=\"7d3a;Busy\""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    let record = world.finish().remove(0);
    assert_eq!(record.called, number_of(CarrierA));
    assert_eq!(record.received.expect("it came otherwise").called, written);
    let sent = record.sent.expect("an INVITE went out");
    let national = number_of(CarrierA).replacen("+49", "0", 1);
    assert_eq!(std::str::from_utf8(&sent.called), Ok(national.as_str()));
    assert!(std::str::from_utf8(&sent.from).unwrap().contains("<sip:03099887766@"));
    assert_ne!(sent.policy, record.caller_policy);
    assert_eq!(record.said.len(), 1);
    assert_eq!(record.said[0].reason, "Q.850;cause=17;text=\"7d3a;Busy\"");
}
