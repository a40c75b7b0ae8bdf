//! Whose a call is decides what it may do and how it looks: decision table PV-37, screening PF-24 and PF-25, names MD-56 to
//! MD-64, custom header PV-31 to PV-34.

use std::sync::Arc;

use trunkline::call::CallRecord;
use trunkline::engine::io::{Command, Input, Reply};
use trunkline::route::directory::{
    Account, AccountName, AccountRules, AccountState, Change, Directory, HeaderContent, NumberEntry, NumberState,
    Service, ServiceSet,
};
use trunkline::route::mark::{CustomHeader, Marked};
use trunkline::route::number::{E164, Field, NumberRule, RuleList};
use trunkline::route::policy::{Edit, HeaderName, Template};
use trunkline::route::presentation::Presentation;
use trunkline::route::settings::ServerNames;
use trunkline::route::table::Numbers;
use trunkline::sip::flow::PeerIdentity;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Text, invite, request, sdp, with_header};

const OWN: &str = "+493055550100";
const OTHERS: &str = "+493055550200";
const HOST: &str = "acme.sbc.example.com";
const HEADER: &str = "X-Operator-Content";

fn number(text: &str) -> E164 {
    E164::parse(text).unwrap()
}

fn named(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn acme() -> Account {
    let services = ServiceSet::of([Service::TeamsDirectRouting]);
    Account { services, fqdn: Some(HOST.into()), ..Account::new(named("acme")) }
}

fn entry() -> NumberEntry {
    NumberEntry {
        inbound: true,
        outbound: true,
        services: ServiceSet::of([Service::TeamsDirectRouting]),
        custom_header: HeaderContent::parse("acme-0042"),
        ..NumberEntry::default()
    }
}

/// `acme` has OWN, `zoo` has OTHERS and its label below every base name.
fn directory(acme: Account, entry: NumberEntry) -> Input {
    let zoo = Account { subdomain: Some("zoo".into()), fqdn: None, name: named("zoo"), ..self::acme() };
    Input::Directory(Arc::new(Directory::build([
        Change::Account(acme),
        Change::Account(zoo),
        Change::Number(number(OWN), named("acme"), entry),
        Change::Number(number(OTHERS), named("zoo"), self::entry()),
    ])))
}

fn world_of(account: Account, entry: NumberEntry) -> World {
    let mut world = World::configured(|settings| {
        let on = CustomHeader::DEFAULT.into_iter().chain([Marked::Inside]).collect();
        settings.custom_header = Some(CustomHeader { name: HeaderName::parse(HEADER).unwrap(), on });
        for route in &mut settings.routes {
            route.only.numbers = Numbers::Provisioned;
        }
    });
    world.feed(directory(account, entry));
    world
}

fn world() -> World {
    world_of(acme(), entry())
}

/// An INVITE of the platform for this host, in the name of `calling`.
fn from_tenant(host: &str, calling: &str) -> String {
    let plain = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    plain.replace("@sbc.example.com", &format!("@{host}")).replace("+493099887766", calling)
}

fn to(called: &str) -> String {
    invite(CarrierA, called, &sdp(CarrierA, "sendrecv"))
}

/// The last record, its cause by name.
fn cause(records: &[CallRecord]) -> &'static str {
    records.last().expect("a record").cause.label()
}

#[track_caller]
fn refused(mut world: World, from: crate::world::Name, sent: String, status: u16, q850: u8, label: &str) {
    world.send(from, sent);
    let answer = world.refusal(from);
    assert_eq!(answer.status(), Some(status), "{}", answer.as_str());
    assert!(answer.header("Reason").contains(&format!("cause={q850}")), "{}", answer.header("Reason"));
    assert_eq!(cause(&world.finish()), label);
}

#[test]
fn the_tenants_name_is_in_every_message_of_its_dialog_and_in_no_other() {
    let mut world = world();
    world.send(CarrierA, to(OWN));
    let offered = world.expect(Platform, "INVITE");
    assert!(offered.contact().contains(&format!("{HOST}:5061")), "{}", offered.header("Contact"));
    assert!(offered.header("From").contains(&format!("@{HOST}>")), "{}", offered.header("From"));
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    assert!(!talk.accepted.as_str().contains(HOST), "the carrier never sees the tenant's name");
    let hold = talk.caller.request("INVITE", &sdp(CarrierA, "sendonly"));
    world.send(CarrierA, hold);
    let crossed = world.expect(Platform, "INVITE");
    assert!(crossed.contact().contains(HOST), "{}", crossed.header("Contact"));
    let answer = crossed.respond(200, Platform, &sdp(Platform, "recvonly"));
    world.send(Platform, answer);
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, talk.caller.ack(""));
    let bye = talk.callee.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    let records = world.finish();
    assert_eq!(cause(&records), "normal_clearing");
}

#[test]
fn a_tenants_own_calls_are_answered_under_its_name() {
    for host in [HOST, "ACME.sbc.Example.com"] {
        let mut world = world();
        world.send(Platform, from_tenant(host, OWN));
        let offered = world.expect(CarrierA, "INVITE");
        assert_eq!(offered.header(HEADER), "acme-0042", "by the calling number");
        assert!(!offered.as_str().contains("sbc.example.com"));
        let talk = world.answer(Platform, CarrierA, offered);
        world.send(Platform, talk.caller.ack(""));
        assert!(talk.accepted.contact().contains(&format!("{HOST}:5061")), "{}", talk.accepted.header("Contact"));
        let mut talk = talk;
        world.caller_hangs_up(&mut talk);
        world.finish();
    }
}

/// MD-67: what the tenant's users dial, and what they are called, are its own affair.
#[test]
fn a_tenants_number_rules_are_for_its_calls_alone() {
    let rule = |field, from: &str, to: &str| NumberRule::new(field, from, to).unwrap();
    let list = |rule: NumberRule| RuleList::new(vec![rule]).of_account(&"acme".into());
    let incoming = list(rule(Some(Field::Called), "^7(\\d{3})$", "+493012340${1}"));
    let outgoing = list(rule(None, "^\\+4930555501", "1"));
    let rules = Some(Arc::new(AccountRules { incoming, outgoing }));
    let tenant = || world_of(Account { rules: rules.clone(), ..acme() }, entry());
    let mut world = tenant();
    world.send(CarrierA, to(OWN));
    let offered = world.expect(Platform, "INVITE sip:100@");
    assert!(offered.header("To").contains("<sip:100@"), "{}", offered.header("To"));
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.send(CarrierA, to(OTHERS));
    let others = world.expect(Platform, &format!("INVITE sip:{OTHERS}@"));
    world.send(Platform, others.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.finish();
    for (host, calling, reached) in [(HOST, OWN, true), ("zoo.sbc.example.com", OTHERS, false)] {
        let mut world = tenant();
        world.send(Platform, from_tenant(host, calling).replace(number_of(CarrierA), "7567"));
        if reached {
            let offered = world.expect(CarrierA, "INVITE sip:+493012340567@");
            world.send(CarrierA, offered.respond(486, CarrierA, ""));
            world.expect(CarrierA, "ACK");
        }
        assert_eq!(world.refusal(Platform).status(), Some(if reached { 486 } else { 404 }), "{host}");
        world.finish();
    }
}

/// PV-34: contents of the number first, else those of its account.
#[test]
fn an_accounts_contents_stand_for_numbers_without_their_own() {
    let account = || Account { custom_header: HeaderContent::parse("acme-main"), ..acme() };
    let without = NumberEntry { custom_header: None, ..entry() };
    for (entry, contents) in [(entry(), "acme-0042"), (without, "acme-main")] {
        let mut world = world_of(account(), entry);
        world.send(Platform, from_tenant(HOST, OWN));
        let offered = world.expect(CarrierA, "INVITE");
        assert_eq!(offered.headers(HEADER), [contents]);
        world.send(CarrierA, offered.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        world.refusal(Platform);
        world.finish();
    }
}

#[test]
fn a_label_below_the_trunks_name_names_a_tenant() {
    let mut world = world();
    world.send(Platform, from_tenant("zoo.sbc.example.com", OTHERS));
    let offered = world.expect(CarrierA, "INVITE");
    let talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    assert!(talk.accepted.contact().contains("zoo.sbc.example.com:5061"));
    let mut talk = talk;
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn the_carrier_sees_the_contents_of_the_called_number_and_can_forge_none() {
    let mut world = world();
    world.send(CarrierA, with_header(&to(OWN), "x-operator-content: forged"));
    let offered = world.expect(Platform, "INVITE");
    assert!(offered.headers(HEADER).is_empty(), "stripped, and never sent to a platform");
    world.send(Platform, offered.respond(180, Platform, ""));
    assert_eq!(world.expect(CarrierA, "SIP/2.0 180").header(HEADER), "acme-0042");
    let mut talk = world.answer(CarrierA, Platform, offered);
    assert_eq!(talk.accepted.header(HEADER), "acme-0042");
    world.send(CarrierA, talk.caller.ack(""));
    let bye = talk.callee.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    assert_eq!(world.hears_bye(CarrierA).header(HEADER), "acme-0042", "inside the call too, where that is asked for");
    world.finish();
}

#[test]
fn a_tenants_forged_contents_give_way_to_its_own() {
    let mut world = world();
    world.send(Platform, with_header(&from_tenant(HOST, OWN), &format!("{HEADER}: forged")));
    let offered = world.expect(CarrierA, "INVITE");
    assert_eq!(offered.headers(HEADER), ["acme-0042"]);
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

#[test]
fn a_forwarded_call_is_its_diverting_numbers() {
    for line in [
        format!("Diversion: <sip:{OWN}@sbc.example.com>;reason=unconditional"),
        format!("Referred-By: <sip:{OWN}@sbc.example.com>"),
    ] {
        let mut world = world();
        world.send(Platform, with_header(&from_tenant(HOST, "+15550100"), &line));
        let offered = world.expect(CarrierA, "INVITE");
        assert_eq!(offered.header(HEADER), "acme-0042", "{line}");
        world.send(CarrierA, offered.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        world.refusal(Platform);
        world.finish();
    }
}

#[test]
fn a_tenant_shows_no_number_of_another() {
    refused(world(), Platform, from_tenant(HOST, OTHERS), 403, 21, "screening_failed");
    refused(world(), Platform, from_tenant(HOST, "+15550100"), 403, 21, "screening_failed");
    refused(world(), Platform, from_tenant("sbc.example.com", "+15550100"), 403, 21, "screening_failed");
}

#[test]
fn a_number_that_is_not_the_tenants_is_replaced_where_it_says_by_what() {
    let account = Account { caller_replacement: Some(number(OWN)), ..acme() };
    let mut world = world_of(account, entry());
    let line = "P-Asserted-Identity: <sip:+15550100@sbc.example.com>";
    world.send(Platform, with_header(&from_tenant(HOST, "+15550100"), line));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.header("From").contains(&format!("sip:{OWN}@")), "{}", offered.header("From"));
    assert!(!offered.as_str().contains("15550100"), "{}", offered.as_str());
    assert_eq!(offered.header(HEADER), "acme-0042");
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    assert_eq!(world.finish()[0].calling, OWN);
}

#[test]
fn without_screening_a_tenant_shows_what_it_likes_and_no_contents() {
    let account = Account { caller_screening: false, ..acme() };
    let mut world = world_of(account, entry());
    world.send(Platform, from_tenant(HOST, "+15550100"));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.headers(HEADER).is_empty());
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

#[test]
fn the_name_that_tls_asked_for_names_the_account_where_the_trunk_says_so() {
    for (server_names, account) in [(ServerNames::NameAccounts, "zoo"), (ServerNames::Ignored, "")] {
        let mut world = World::configured(|settings| {
            let platform = settings.trunks.iter_mut().find(|trunk| trunk.name == "platform").unwrap();
            platform.server_names = server_names;
            platform.behaviour.presentation = with_account_line(&platform.behaviour.presentation);
            let carrier = settings.trunks.iter_mut().find(|trunk| trunk.name == "carrier-a").unwrap();
            carrier.behaviour.presentation = with_account_line(&carrier.behaviour.presentation);
        });
        let unscreened = Account { caller_screening: false, name: named("zoo"), ..acme() };
        let zoo = Account { fqdn: Some("zoo.sbc.example.com".into()), ..unscreened };
        world.feed(Input::Directory(Arc::new(Directory::build([Change::Account(zoo)]))));
        let flow = world.agents[&Platform].flow.id;
        let identity = PeerIdentity { asked_for: Some("zoo.sbc.example.com".into()), ..PeerIdentity::default() };
        world.feed(Input::FlowOpened(flow, identity));
        world.send(Platform, from_tenant("192.0.2.7", "+15550100"));
        let offered = world.expect(CarrierA, "INVITE");
        assert_eq!(offered.header("X-Account"), account);
        world.send(CarrierA, offered.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        world.refusal(Platform);
        world.finish();
    }
}

/// With the account's name in a header of its own.
fn with_account_line(presentation: &Presentation) -> Arc<Presentation> {
    let mut presentation = presentation.clone();
    let (name, value) = (HeaderName::parse("X-Account").unwrap(), Template::parse("${account}").unwrap());
    presentation.headers.edits = vec![Edit::Add { name, value }];
    Arc::new(presentation)
}

#[test]
fn a_name_below_ours_that_is_nobodys_is_refused() {
    refused(world(), Platform, from_tenant("nobody.sbc.example.com", OWN), 404, 3, "host_unknown");
    let elsewhere = Account { trunk: Some("another".into()), ..acme() };
    refused(world_of(elsewhere, entry()), Platform, from_tenant(HOST, OWN), 404, 3, "host_unknown");
}

#[test]
fn options_for_a_tenants_name_are_answered_under_it() {
    let mut world = world();
    let asked = |host: &str| request(Platform, "OPTIONS", &format!("sip:{host}"), "");
    world.send(Platform, asked(HOST));
    assert!(world.expect(Platform, "SIP/2.0 200").contact().contains(&format!("{HOST}:5061")));
    world.send(Platform, asked("sbc.example.com"));
    assert!(world.expect(Platform, "SIP/2.0 200").contact().contains("sip:sbc.example.com:5061"));
    world.send(Platform, asked("nobody.sbc.example.com"));
    world.expect(Platform, "SIP/2.0 404");
    world.finish();
}

#[test]
fn switches_and_states_refuse_with_their_own_causes() {
    let suspended = NumberEntry { state: NumberState::Suspended, ..entry() };
    let closed = Account { state: AccountState::Suspended, ..acme() };
    let deaf = NumberEntry { inbound: false, ..entry() };
    let mute = NumberEntry { outbound: false, ..entry() };
    let bare = NumberEntry { services: ServiceSet::default(), ..entry() };
    refused(world_of(acme(), suspended.clone()), CarrierA, to(OWN), 403, 21, "number_suspended");
    refused(world_of(acme(), suspended), Platform, from_tenant(HOST, OWN), 403, 21, "number_suspended");
    refused(world_of(closed.clone(), entry()), CarrierA, to(OWN), 403, 21, "account_suspended");
    refused(world_of(closed, entry()), Platform, from_tenant(HOST, OWN), 403, 21, "account_suspended");
    refused(world_of(acme(), deaf), CarrierA, to(OWN), 403, 21, "inbound_disabled");
    refused(world_of(acme(), mute), Platform, from_tenant(HOST, OWN), 403, 21, "outbound_disabled");
    refused(world_of(acme(), bare.clone()), CarrierA, to(OWN), 404, 1, "service_disabled");
    refused(world_of(acme(), bare), Platform, from_tenant(HOST, OWN), 403, 21, "service_disabled");
    refused(world(), CarrierA, to("+493055559999"), 404, 1, "number_unknown");
}

#[test]
fn an_account_has_as_many_calls_as_it_may_have() {
    let mut world = world_of(Account { max_calls: Some(1), ..acme() }, entry());
    world.send(CarrierA, to(OWN));
    let offered = world.expect(Platform, "INVITE");
    world.send(CarrierA, to(OWN));
    let refusal = world.refusal(CarrierA);
    assert_eq!(refusal.status(), Some(503));
    assert!(!refusal.header("Retry-After").is_empty() && refusal.header("Reason").contains("cause=42"));
    world.send(CarrierA, to(OTHERS));
    let others = world.expect(Platform, "INVITE");
    for offered in [offered, others] {
        world.send(Platform, offered.respond(486, Platform, ""));
        world.expect(Platform, "ACK");
        world.refusal(CarrierA);
    }
    world.send(CarrierA, to(OWN));
    let again = world.expect(Platform, "INVITE");
    world.send(Platform, again.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    let records = world.finish();
    assert_eq!(records.iter().filter(|record| record.cause.label() == "account_limit_reached").count(), 1);
}

#[test]
fn a_change_is_for_the_next_call_and_running_calls_keep_what_they_began_with() {
    let mut world = world();
    world.send(CarrierA, to(OWN));
    let offered = world.expect(Platform, "INVITE");
    world.feed(directory(Account { fqdn: Some("other.sbc.example.com".into()), ..acme() }, entry()));
    world.send(Platform, offered.respond(180, Platform, ""));
    assert_eq!(world.expect(CarrierA, "SIP/2.0 180").header(HEADER), "acme-0042");
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    let hold = talk.caller.request("INVITE", &sdp(CarrierA, "sendonly"));
    world.send(CarrierA, hold);
    let crossed = world.expect(Platform, "INVITE");
    assert!(crossed.contact().contains(HOST), "{}", crossed.header("Contact"));
    world.send(Platform, crossed.respond(488, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.send(CarrierA, to(OWN));
    let next: Text = world.expect(Platform, "INVITE");
    assert!(next.contact().contains("other.sbc.example.com"), "{}", next.header("Contact"));
    world.send(Platform, next.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.feed(directory(acme(), NumberEntry { inbound: false, ..entry() }));
    world.send(CarrierA, to(OWN));
    assert_eq!(world.refusal(CarrierA).status(), Some(403));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// Records, lists of calls and the gauge of each account tell whose a call is, also of one that is refused.
#[test]
fn the_record_and_the_census_name_the_account() {
    let of = |records: &[CallRecord]| records[0].account.as_ref().map(|name| name.as_str().to_owned());
    let mut world = world();
    world.send(Platform, from_tenant(HOST, OWN));
    let offered = world.expect(CarrierA, "INVITE");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    let Reply::Census(census) = world.ask(Command::Census) else { panic!("no census") };
    assert_eq!(census.accounts, [(named("acme"), 1)].into());
    world.caller_hangs_up(&mut talk);
    assert_eq!(of(&world.finish()).as_deref(), Some("acme"));

    let mut refused = world_of(Account { state: AccountState::Suspended, ..acme() }, entry());
    refused.send(CarrierA, to(OWN));
    refused.refusal(CarrierA);
    assert_eq!(of(&refused.finish()).as_deref(), Some("acme"));

    let mut nobodys = World::new();
    let mut talk = nobodys.talk(CarrierA, Platform);
    nobodys.caller_hangs_up(&mut talk);
    assert_eq!(of(&nobodys.finish()), None);
}

/// PV-38: the status is the operator's, with the cause that goes with it; the record keeps what it was.
#[test]
fn refusals_have_the_statuses_an_operator_chose() {
    use trunkline::route::directory::{Denial, Direction, RefusalStatus};
    let told = |why, direction, status| {
        let mut world = World::configured(|settings| {
            settings.codes.set(why, direction, RefusalStatus::new(status).unwrap());
            settings.routes.iter_mut().for_each(|route| route.only.numbers = Numbers::Provisioned);
        });
        world.feed(directory(acme(), NumberEntry { inbound: false, ..entry() }));
        world
    };
    let world = told(Denial::InboundDisabled, Direction::CarrierToPlatform, 480);
    refused(world, CarrierA, to(OWN), 480, 18, "inbound_disabled");
    let world = told(Denial::HostUnknown, Direction::PlatformToCarrier, 603);
    refused(world, Platform, from_tenant("nobody.sbc.example.com", OWN), 603, 21, "host_unknown");
    let world = told(Denial::ScreeningFailed, Direction::CarrierToPlatform, 480);
    refused(world, Platform, from_tenant(HOST, "+4930777"), 403, 21, "screening_failed");
}

#[test]
fn an_accounts_limit_has_the_status_an_operator_chose() {
    use trunkline::route::directory::{Denial, Direction, RefusalStatus};
    let mut world = World::configured(|settings| {
        settings.codes.set(Denial::LimitReached, Direction::CarrierToPlatform, RefusalStatus::new(486).unwrap());
    });
    world.feed(directory(Account { max_calls: Some(0), ..acme() }, entry()));
    refused(world, CarrierA, to(OWN), 486, 17, "account_limit_reached");
}
