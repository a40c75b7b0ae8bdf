//! The decision table at call start and the custom header matrix (PV-31..37, PF-24..29).

mod ruling;

use trunkline::base::WallTime;
use trunkline::route::directory::{
    Account, AccountName, AccountState, Change, Decision, Denial, Denied, Direction, Directory, HeaderContent,
    NumberEntry, NumberState, Question, Service, ServiceSet, Unknown, Validity, decide,
};
use trunkline::route::number::E164;

const TEAMS: Service = Service::TeamsDirectRouting;

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn number(text: &str) -> E164 {
    E164::parse(text).unwrap()
}

fn account(text: &str) -> Account {
    Account { services: ServiceSet::of([TEAMS]), ..Account::new(name(text)) }
}

fn entry() -> NumberEntry {
    NumberEntry {
        inbound: true,
        outbound: true,
        services: ServiceSet::of([TEAMS]),
        custom_header: HeaderContent::parse("acme-emea-0042"),
        ..NumberEntry::default()
    }
}

/// `acme` has +49301; `zoo` has +49302.
fn directory_of(acme: Account, entry: NumberEntry) -> Directory {
    Directory::build([
        Change::Account(acme),
        Change::Account(account("zoo")),
        Change::Number(number("+49301"), name("acme"), entry),
        Change::Number(number("+49302"), name("zoo"), self::entry()),
    ])
}

fn ask(
    directory: &Directory,
    direction: Direction,
    calling: &str,
    called: &str,
    diverting: &str,
) -> Result<Decision, Denied> {
    let [calling, called, diverting] = [calling, called, diverting].map(|text| E164::parse(text).ok());
    let question = Question {
        direction,
        calling: calling.as_ref(),
        diverting: diverting.as_ref(),
        called: called.as_ref(),
        account: None,
        service: Some(TEAMS),
        unknown: Unknown::Refuse,
        now: WallTime::default(),
    };
    decide(directory, &question)
}

fn inbound(directory: &Directory, called: &str) -> Result<Decision, Denied> {
    ask(directory, Direction::CarrierToPlatform, "+44207", called, "")
}

fn outbound(directory: &Directory, calling: &str, diverting: &str) -> Result<Decision, Denied> {
    ask(directory, Direction::PlatformToCarrier, calling, "+44207", diverting)
}

fn header(decision: &Result<Decision, Denied>) -> Option<&str> {
    decision.as_ref().expect("the call goes on").custom_header.as_ref().map(HeaderContent::as_str)
}

#[track_caller]
fn denied(decision: Result<Decision, Denied>, why: Denial, status: u16, q850: u8) {
    assert_eq!(decision, Err(Denied { why, status, q850 }));
}

#[test]
fn a_provisioned_number_is_reached_and_calls_with_its_header() {
    let directory = directory_of(account("acme"), entry());
    assert_eq!(header(&inbound(&directory, "+49301")), Some("acme-emea-0042"), "by the called number");
    assert_eq!(header(&outbound(&directory, "+49301", "")), Some("acme-emea-0042"), "by the calling number");
}

#[test]
fn the_diverting_number_answers_for_a_forwarded_call() {
    let directory = directory_of(account("acme"), entry());
    let decision = outbound(&directory, "+15550100", "+49301");
    assert_eq!(header(&decision), Some("acme-emea-0042"));
    assert_eq!(decision.unwrap().account.unwrap().name, name("acme"));
}

#[test]
fn no_header_where_the_number_has_none_or_its_service_forbids_it() {
    let bare = directory_of(account("acme"), NumberEntry { custom_header: None, ..entry() });
    assert_eq!(header(&inbound(&bare, "+49301")), None);
    let services = ServiceSet::of([Service::CallProtection]);
    let protected = directory_of(Account { services, ..account("acme") }, NumberEntry { services, ..entry() });
    let question = Question {
        direction: Direction::CarrierToPlatform,
        calling: None,
        diverting: None,
        called: Some(&number("+49301")),
        account: None,
        service: Some(Service::CallProtection),
        unknown: Unknown::Refuse,
        now: WallTime::default(),
    };
    assert_eq!(header(&decide(&protected, &question)), None);
}

#[test]
fn an_unknown_called_number_is_nobody_and_an_unknown_caller_is_screened() {
    let directory = directory_of(account("acme"), entry());
    denied(inbound(&directory, "+49309"), Denial::NumberUnknown, 404, 1);
    denied(inbound(&directory, ""), Denial::NumberUnknown, 404, 1);
    denied(outbound(&directory, "+49309", ""), Denial::ScreeningFailed, 403, 21);
    denied(outbound(&directory, "", ""), Denial::ScreeningFailed, 403, 21);
}

#[test]
fn a_caller_of_another_account_is_screened_when_the_host_names_one() {
    let directory = directory_of(account("acme"), entry());
    let acme = directory.account(&name("acme")).unwrap();
    let of = |calling: &E164| {
        let question = Question {
            direction: Direction::PlatformToCarrier,
            calling: Some(calling),
            diverting: None,
            called: None,
            account: Some(acme),
            service: Some(TEAMS),
            unknown: Unknown::Refuse,
            now: WallTime::default(),
        };
        decide(&directory, &question)
    };
    assert!(of(&number("+49301")).is_ok());
    denied(of(&number("+49302")), Denial::ScreeningFailed, 403, 21);
}

#[test]
fn without_screening_an_unknown_caller_goes_on_and_shows_no_header() {
    let directory = directory_of(Account { caller_screening: false, ..account("acme") }, entry());
    let acme = directory.account(&name("acme")).unwrap();
    let unknown = number("+49309");
    let question = Question {
        direction: Direction::PlatformToCarrier,
        calling: Some(&unknown),
        diverting: None,
        called: None,
        account: Some(acme),
        service: Some(TEAMS),
        unknown: Unknown::Refuse,
        now: WallTime::default(),
    };
    assert_eq!(header(&decide(&directory, &question)), None);
}

#[test]
fn directions_states_and_services_are_asked_in_their_order() {
    let with = |entry: NumberEntry| directory_of(account("acme"), entry);
    denied(inbound(&with(NumberEntry { inbound: false, ..entry() }), "+49301"), Denial::InboundDisabled, 403, 21);
    denied(
        outbound(&with(NumberEntry { outbound: false, ..entry() }), "+49301", ""),
        Denial::OutboundDisabled,
        403,
        21,
    );
    let suspended = with(NumberEntry { state: NumberState::Suspended, inbound: false, ..entry() });
    denied(inbound(&suspended, "+49301"), Denial::NumberSuspended, 403, 21);
    let no_service = with(NumberEntry { services: ServiceSet::default(), ..entry() });
    denied(inbound(&no_service, "+49301"), Denial::ServiceDisabled, 404, 1);
    denied(outbound(&no_service, "+49301", ""), Denial::ServiceDisabled, 403, 21);
    let closed = directory_of(Account { state: AccountState::Suspended, ..account("acme") }, entry());
    denied(inbound(&closed, "+49301"), Denial::AccountSuspended, 403, 21);
    denied(outbound(&closed, "+49301", ""), Denial::AccountSuspended, 403, 21);
    let other_service = directory_of(Account { services: ServiceSet::of([Service::Zoom]), ..account("acme") }, entry());
    denied(inbound(&other_service, "+49301"), Denial::ServiceDisabled, 404, 1);
}

#[test]
fn a_number_is_dead_outside_its_time() {
    let at = WallTime;
    let validity = Some(Box::new(Validity { from: Some(at(1000)), to: Some(at(2000)) }));
    let entry = NumberEntry { validity, ..entry() };
    let lives: Vec<bool> = [999, 1000, 1999, 2000].into_iter().map(|now| entry.is_live(at(now))).collect();
    assert_eq!(lives, [false, true, true, false]);
}

#[test]
fn contents_that_would_need_escaping_cannot_be_made() {
    for bad in ["", "a b", "a\r\nb", "\u{e4}", &"x".repeat(101)] {
        assert_eq!(HeaderContent::parse(bad), None, "{bad:?}");
    }
}
