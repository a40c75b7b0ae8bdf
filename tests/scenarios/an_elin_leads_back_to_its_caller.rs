//! MD-164, PF-50, PF-161: an emergency call shows the number of its place instead of its caller's to a trunk that wants
//! it; whoever calls that number back within the time reaches the caller, and afterwards nobody does.

use std::sync::Arc;
use std::time::Duration;

use trunkline::call::CallRecord;
use trunkline::engine::io::{ElinNews, Event, Input};
use trunkline::route::caller::{FromShows, IdentityHeader};
use trunkline::route::directory::{
    Account, AccountName, AccountState, Change, Directory, NumberEntry, Service, ServiceSet,
};
use trunkline::route::emergency::{EmergencyCaller, EmergencyRouteSettings};
use trunkline::route::number::{E164, Party, country};
use trunkline::route::presentation::Presentation;
use trunkline::route::settings::RoutingSettings;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{Text, invite, sdp, with_header};

/// Who calls in every INVITE of the platform.
const CALLER: &str = "+493099887766";
const ELIN: &str = "+4930555500";
const SECOND: &str = "+4930555501";

fn number(text: &str) -> E164 {
    E164::parse(text).unwrap()
}

/// In Germany; help by carrier B, which wants to see the place, and by carrier A, which does not.
fn world(change: impl FnOnce(&mut RoutingSettings)) -> World {
    World::configured(|settings| {
        for trunk in &mut settings.trunks {
            let mut presentation = Presentation::clone(&trunk.behaviour.presentation);
            presentation.numbers.country = country("DE");
            if trunk.name == "carrier-b" {
                presentation.emergency.caller = EmergencyCaller::Elin;
                presentation.showing.headers = vec![IdentityHeader::Asserted];
                presentation.showing.from = FromShows::Pilot;
                presentation.showing.pilot = Some(Party::of(number("+4930999000")));
            }
            trunk.behaviour.presentation = Arc::new(presentation);
        }
        let to = vec!["carrier-b".to_owned(), "carrier-a".to_owned()];
        settings.emergency.routes = vec![EmergencyRouteSettings { from: None, numbers: Vec::new(), to }];
        change(settings);
    })
}

/// A call for help whose location has this civic element.
fn located(element: &str) -> String {
    let plain = invite(Platform, "112", "");
    let session = format!("Content-Type: application/sdp\r\n\r\n{}", sdp(Platform, "sendrecv"));
    let place = format!(
        "Content-Type: application/pidf+xml\r\n\r\n<presence xmlns:ca=\"urn:x\"><ca:civicAddress>{element}</ca:civicAddress></presence>"
    );
    let body = format!("--b\r\n{session}\r\n--b\r\n{place}\r\n--b--\r\n");
    let head = plain.strip_suffix("Content-Length: 0\r\n\r\n").unwrap();
    format!("{head}Content-Type: multipart/mixed;boundary=b\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn elin(text: &str) -> String {
    located(&format!("<ca:country>DE</ca:country><ca:ELIN>{text}</ca:ELIN>"))
}

/// The call for help as carrier B sees it; it talks and is over.
fn helped(world: &mut World, asked: String) -> Text {
    world.send(Platform, asked);
    let offered = world.expect(CarrierB, "INVITE sip:112@");
    let mut talk = world.answer(Platform, CarrierB, offered.clone());
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    offered
}

fn call_back(from: crate::world::Name, called: &str) -> String {
    invite(from, called, &sdp(from, "sendrecv"))
}

fn refused(world: &mut World, from: crate::world::Name) -> Option<u16> {
    world.send(from, call_back(from, ELIN));
    world.refusal(from).status()
}

fn news(world: &World) -> Vec<ElinNews> {
    let news = |event: &Event| if let Event::Elin { news, .. } = event { Some(*news) } else { None };
    world.events.iter().filter_map(news).collect()
}

fn last(records: &[CallRecord]) -> (Option<&str>, Option<&str>, Option<String>) {
    let record = records.last().unwrap();
    (record.route.as_deref(), record.detail.as_deref(), record.elin.as_ref().map(ToString::to_string))
}

#[test]
fn the_place_is_shown_for_the_caller_in_every_field_that_names_him() {
    let mut world = world(|_| {});
    let hidden = with_header(&elin("+49 30 555 500"), "Privacy: id\r\nP-Asserted-Identity: <sip:+493099887766@x>");
    let offered = helped(&mut world, hidden);
    assert!(offered.header("From").contains(&format!("<sip:{ELIN}@")), "{}", offered.as_str());
    assert!(offered.header("P-Asserted-Identity").contains(&format!("<sip:{ELIN}@")), "{}", offered.as_str());
    assert!(!offered.as_str().contains("3099887766") && offered.headers("Privacy").is_empty(), "{}", offered.as_str());
    assert_eq!(news(&world), [ElinNews::Shown]);
    let records = world.finish();
    assert_eq!(last(&records), (Some("emergency"), None, Some(ELIN.to_owned())));
    assert_eq!(records[0].calling, CALLER, "the record knows who called");
}

#[test]
fn a_trunk_that_does_not_want_it_sees_the_caller() {
    let mut world = world(|_| {});
    world.send(Platform, elin(ELIN));
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(503, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.header("From").contains(CALLER), "{}", offered.as_str());
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

/// Through any carrier, though no route leads there and the trunks are full.
#[test]
fn who_calls_back_reaches_the_caller_whatever_else_stands_in_the_way() {
    for back in [CarrierA, CarrierB] {
        let mut world = world(|settings| {
            settings.routes.retain(|route| route.from == "platform");
            settings.trunks.iter_mut().for_each(|trunk| trunk.max_calls = Some(0));
        });
        helped(&mut world, elin(ELIN));
        world.pass(Duration::from_secs(3500));
        world.send(back, call_back(back, ELIN));
        let offered = world.expect(Platform, "INVITE");
        assert!(offered.start_line().starts_with(&format!("INVITE sip:{CALLER}@")), "{}", offered.start_line());
        assert!(offered.header("To").contains(CALLER), "{}", offered.as_str());
        assert!(!offered.as_str().contains(ELIN), "{}", offered.as_str());
        let mut talk = world.answer(back, Platform, offered);
        world.send(back, talk.caller.ack(""));
        world.caller_hangs_up(&mut talk);
        assert_eq!(news(&world), [ElinNews::Shown, ElinNews::CalledBack]);
        let records = world.finish();
        let (route, detail, _) = last(&records);
        assert_eq!(route, Some("emergency-callback"));
        assert!(detail.is_some_and(|detail| detail.contains(&format!("call back to ELIN {ELIN}"))), "{detail:?}");
        assert_eq!(records[1].called, CALLER);
        assert_eq!(records[1].received.as_ref().map(|written| written.called.as_str()), Some(ELIN));
    }
}

#[test]
fn after_its_time_an_elin_is_a_number_like_others() {
    let mut world = world(|settings| {
        settings.routes.retain(|route| route.from == "platform");
        settings.emergency.elin.callback = Duration::from_secs(60);
    });
    assert_eq!(refused(&mut world, CarrierA), Some(404), "before anybody called");
    helped(&mut world, elin(ELIN));
    world.pass(Duration::from_secs(61));
    assert_eq!(refused(&mut world, CarrierA), Some(404));
    world.finish();
}

/// A user of ours that dials the place's number has dialled a number, and help in one call does not hold up another.
#[test]
fn only_the_public_network_calls_back() {
    let mut world = world(|settings| settings.routes.retain(|route| route.from == "carrier-a"));
    helped(&mut world, elin(ELIN));
    assert_eq!(refused(&mut world, Platform), Some(404));
    assert_eq!(news(&world), [ElinNews::Shown]);
    world.finish();
}

#[test]
fn of_several_numbers_each_caller_gets_one_and_the_one_more_displaces_the_first() {
    let mut world = world(|_| {});
    let both = format!("{ELIN}; {SECOND}");
    let mut shown = Vec::new();
    for caller in ["+493011", "+493012", "+493011", "+493013"] {
        let offered = helped(&mut world, elin(&both).replace(CALLER, caller));
        shown.push([ELIN, SECOND].into_iter().position(|elin| offered.header("From").contains(elin)));
    }
    assert_eq!(shown, [Some(0), Some(1), Some(0), Some(1)]);
    assert_eq!(news(&world).last(), Some(&ElinNews::Displaced));
    world.send(CarrierA, call_back(CarrierA, SECOND));
    let offered = world.expect(Platform, "INVITE sip:+493013@");
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn the_operators_table_and_the_callers_number_tell_it_too() {
    let mut world = world(|settings| {
        settings.emergency.elin.elements = vec!["LOC".to_owned()];
        settings.emergency.elin.places.insert("house 3".to_owned(), vec![number(SECOND)]);
    });
    let offered = helped(&mut world, located("<ca:LOC>House 3</ca:LOC>"));
    assert!(offered.header("From").contains(SECOND), "{}", offered.as_str());
    let offered = helped(&mut world, located("<ca:LOC>House 4</ca:LOC>"));
    assert!(offered.header("From").contains("4930999000"), "as in other calls: {}", offered.as_str());
    assert_eq!(news(&world), [ElinNews::Shown, ElinNews::Unknown]);
    world.feed(suspended());
    let offered = helped(&mut world, invite(Platform, "112", &sdp(Platform, "sendrecv")));
    assert!(offered.header("From").contains(ELIN), "{}", offered.as_str());
    // PF-163: neither the account's state nor the number's switches stop the services.
    world.send(CarrierA, call_back(CarrierA, ELIN));
    let offered = world.expect(Platform, &format!("INVITE sip:{CALLER}@"));
    assert!(offered.contact().contains("acme.sbc.example.com"), "{}", offered.header("Contact"));
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    let records = world.finish();
    assert_eq!(records.last().unwrap().account.as_ref().map(|name| name.as_str()), Some("acme"));
}

/// The caller's number, of an account that may do nothing but call for help.
fn suspended() -> Input {
    let name = AccountName::parse("acme").unwrap();
    let account = Account {
        state: AccountState::Suspended,
        services: ServiceSet::of([Service::TeamsDirectRouting]),
        fqdn: Some("acme.sbc.example.com".into()),
        ..Account::new(name.clone())
    };
    let entry = NumberEntry { elin: Some(Box::new(number(ELIN))), ..NumberEntry::default() };
    Input::Directory(Arc::new(Directory::build([
        Change::Account(account),
        Change::Number(number(CALLER), name, entry),
    ])))
}

#[test]
fn what_a_hostile_location_says_stops_no_call_for_help() {
    let deep = "<a>".repeat(5000);
    for element in
        ["<ca:ELIN>+0</ca:ELIN>", "<ca:ELIN>\u{661}\u{662}</ca:ELIN>", "<ca:ELIN><![CDATA[", &deep, "<", "&&&"]
    {
        let mut world = world(|_| {});
        helped(&mut world, located(element));
        assert_eq!(news(&world), [ElinNews::Unknown], "{element:.40}");
        world.finish();
    }
}

#[test]
fn who_cannot_be_called_is_shown_with_his_place_and_not_remembered() {
    let mut world = world(|settings| settings.routes.retain(|route| route.from == "platform"));
    let nameless = elin(ELIN).replace(&format!("<sip:{CALLER}@"), "<sip:anonymous@");
    let offered = helped(&mut world, nameless);
    assert!(offered.header("From").contains(ELIN), "{}", offered.as_str());
    assert_eq!(refused(&mut world, CarrierA), Some(404));
    world.finish();
}
