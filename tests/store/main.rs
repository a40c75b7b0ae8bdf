//! One suite for every store: what holds of SQLite holds of the one in memory.

mod last_good;

use serde_json::json;
use tempfile::TempDir;
use trunkline::base::WallTime;
use trunkline::base::entropy::SeededEntropy;
use trunkline::route::directory::{AccountName, AccountState, Service};
use trunkline::route::number::E164;
use trunkline::store::audit::{self, Actor, verify};
use trunkline::store::follow::Followed;
use trunkline::store::kept::Repeatable;
use trunkline::store::memory::MemoryStore;
use trunkline::store::records::{AccountRecord, CarrierRecord, NumberRecord, Record, Services};
use trunkline::store::refusal::{Code, Refusal};
use trunkline::store::rows::{
    After, Comparison, Direction, Filter, Kind, Purpose, Query, Row, Rows, Sort, Store, Verdict,
};
use trunkline::store::sqlite::SqliteStore;
use trunkline::store::tokens;
use trunkline::store::writing::{Condition, OwnNumbers, Put, Writing, note_refused, reading, writing};

const NOON: WallTime = WallTime(1_700_000_000_000);

/// A test for each store.
macro_rules! for_every_store {
    ($($name:ident)*) => {
        mod in_memory { $(#[test] fn $name() { super::$name(&mut super::MemoryStore::default()); })* }
        mod in_sqlite {
            $(#[test] fn $name() {
                let folder = super::TempDir::new().unwrap();
                super::$name(&mut super::SqliteStore::open(&folder.path().join("store.sqlite")).unwrap());
            })*
        }
    };
}

for_every_store! {
    an_object_is_created_replaced_and_left_alone
    a_write_under_a_stale_condition_changes_nothing
    a_batch_with_one_bad_number_changes_nothing
    a_number_of_another_account_is_not_taken_but_can_be_moved
    an_account_with_numbers_stays_unless_they_may_go_too
    a_carrier_that_is_used_stays
    two_accounts_do_not_share_a_name_on_the_platform
    lists_are_filtered_sorted_and_read_on_where_they_stopped
    every_change_and_every_refusal_is_in_a_chain_that_holds
    the_directory_follows_what_is_written
    a_token_is_known_until_it_expires_and_is_not_stored
    a_repeated_request_gets_the_first_answer_and_another_one_a_refusal
    a_transaction_that_is_rolled_back_was_never_there
}

fn actor() -> Actor {
    Actor { name: "tester".to_owned(), address: "192.0.2.1".to_owned(), request: "r1".to_owned() }
}

fn write<T>(store: &mut dyn Store, work: impl FnMut(&mut Writing<'_>) -> Result<T, Refusal>) -> Result<T, Refusal> {
    writing(store, &actor(), NOON, work)
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn account(text: &str) -> AccountRecord {
    AccountRecord { services: Services::of([Service::Zoom]), ..AccountRecord::new(name(text)) }
}

fn number(at: u64, account: &str) -> NumberRecord {
    let services = Services::of([Service::Zoom]);
    let phone_number = E164::parse(&format!("+4930{at:06}")).unwrap();
    NumberRecord { services, inbound_enabled: at.is_multiple_of(2), ..NumberRecord::new(phone_number, name(account)) }
}

fn carrier(id: &str) -> CarrierRecord {
    CarrierRecord::read(json!({ "id": id })).unwrap()
}

/// `acme` and `zoo`, carrier `north`, ten numbers of `acme`.
fn stocked(store: &mut dyn Store) {
    write(store, |writing| {
        writing.put_carrier(&carrier("north"), &Condition::None)?;
        writing.put_account(&account("acme"), &Condition::None)?;
        writing.put_account(&account("zoo"), &Condition::None)?;
        (0..10).try_for_each(|at| writing.put_number(&number(at, "acme"), &Condition::None).map(drop))
    })
    .unwrap();
}

fn count(store: &mut dyn Store, kind: Kind) -> u64 {
    reading(store, |rows| Ok(rows.count(kind, &Filter::All)?)).unwrap()
}

fn an_object_is_created_replaced_and_left_alone(store: &mut dyn Store) {
    let put = |store: &mut dyn Store, display: &str| {
        let account = AccountRecord { display_name: Some(display.to_owned()), ..account("acme") };
        write(store, |writing| writing.put_account(&account, &Condition::None)).unwrap()
    };
    let Put::Created(first) = put(store, "one") else { panic!("not created") };
    assert!(matches!(put(store, "one"), Put::Unchanged(row) if row == first));
    assert!(matches!(put(store, "two"), Put::Replaced(row) if row.revision > first.revision));
}

fn a_write_under_a_stale_condition_changes_nothing(store: &mut dyn Store) {
    stocked(store);
    let row = reading(store, |rows| Ok(rows.read(Kind::Account, "acme")?)).unwrap().unwrap();
    let mut put = |condition: Condition, text: &str| {
        let account = AccountRecord { display_name: Some(text.to_owned()), ..account("acme") };
        write(store, |writing| writing.put_account(&account, &condition)).map_err(|refusal| refusal.code)
    };
    assert!(put(Condition::Match(vec![row.revision]), "a").is_ok());
    assert_eq!(put(Condition::Match(vec![row.revision]), "b").unwrap_err(), Code::PreconditionFailed);
    assert_eq!(put(Condition::Absent, "b").unwrap_err(), Code::PreconditionFailed);
    let row = reading(store, |rows| Ok(rows.read(Kind::Account, "acme")?)).unwrap().unwrap();
    assert_eq!(row.body["displayName"], "a");
}

fn a_batch_with_one_bad_number_changes_nothing(store: &mut dyn Store) {
    stocked(store);
    let before = count(store, Kind::Audit);
    let bad = NumberRecord { carrier: Some("nobody".to_owned()), ..number(20, "acme") };
    let done = write(store, |writing| {
        [number(18, "acme"), number(19, "acme"), bad.clone()]
            .iter()
            .try_for_each(|number| writing.put_number(number, &Condition::None).map(drop))
    });
    assert_eq!(done.unwrap_err().target.as_deref(), Some("carrier"));
    assert_eq!((count(store, Kind::Number), count(store, Kind::Audit)), (10, before));
}

fn a_number_of_another_account_is_not_taken_but_can_be_moved(store: &mut dyn Store) {
    stocked(store);
    let taken = write(store, |writing| writing.put_number(&number(1, "zoo"), &Condition::None));
    assert_eq!(taken.unwrap_err().code, Code::NumberOwnedByOtherAccount);
    let gone = write(store, |writing| writing.drop_number(&name("zoo"), "+4930000001", &Condition::None));
    assert_eq!(gone.unwrap_err().code, Code::NumberNotFound);
    write(store, |writing| writing.move_number(&number(1, "zoo"), &Condition::None)).unwrap();
    write(store, |writing| writing.drop_number(&name("zoo"), "+4930000001", &Condition::None)).unwrap();
    assert_eq!(count(store, Kind::Number), 9);
}

fn an_account_with_numbers_stays_unless_they_may_go_too(store: &mut dyn Store) {
    stocked(store);
    let mut drop_it = |numbers| write(store, |writing| writing.drop_account(&name("acme"), numbers, &Condition::None));
    assert_eq!(drop_it(OwnNumbers::Keep).unwrap_err().code, Code::AccountNotEmpty);
    drop_it(OwnNumbers::Drop).unwrap();
    assert_eq!(drop_it(OwnNumbers::Drop).unwrap_err().code, Code::AccountNotFound);
    assert_eq!((count(store, Kind::Number), count(store, Kind::Account)), (0, 1));
}

fn a_carrier_that_is_used_stays(store: &mut dyn Store) {
    stocked(store);
    let used = NumberRecord { carrier: Some("north".to_owned()), ..number(1, "acme") };
    write(store, |writing| writing.put_number(&used, &Condition::None)).unwrap();
    let gone = write(store, |writing| writing.drop_carrier("north", &Condition::None));
    assert_eq!(gone.unwrap_err().code, Code::CarrierInUse);
    write(store, |writing| writing.put_number(&number(1, "acme"), &Condition::None)).unwrap();
    write(store, |writing| writing.drop_carrier("north", &Condition::None)).unwrap();
}

fn two_accounts_do_not_share_a_name_on_the_platform(store: &mut dyn Store) {
    let named = |text: &str, host: &str| AccountRecord { fqdn: Some(host.to_owned()), ..account(text) };
    let mut put = |account: AccountRecord| write(store, |writing| writing.put_account(&account, &Condition::None));
    put(named("acme", "one.sbc.example")).unwrap();
    assert_eq!(put(named("zoo", "ONE.sbc.example")).unwrap_err().code, Code::SubdomainTaken);
    put(named("acme", "two.sbc.example")).unwrap();
    put(named("zoo", "one.sbc.example")).unwrap();
}

fn lists_are_filtered_sorted_and_read_on_where_they_stopped(store: &mut dyn Store) {
    stocked(store);
    let mut keys = |query: &Query| -> Vec<String> {
        let rows = reading(store, |rows| Ok(rows.list(Kind::Number, query)?)).unwrap();
        rows.iter().map(|row| row.key.trim_start_matches("+4930").to_owned()).collect()
    };
    let field = |field, comparison, value: &str| Filter::Field(field, comparison, value.to_owned());
    let inbound = field("inboundEnabled", Comparison::Equal, "true");
    assert_eq!(keys(&Query::of(inbound.clone(), 3)), ["000000", "000002", "000004"]);
    let late = field("phoneNumber", Comparison::Greater, "+4930000006");
    assert_eq!(keys(&Query::of(inbound.clone().and(late), 9)), ["000008"]);
    let zoom = field("services", Comparison::Contains, "zoom");
    assert_eq!(keys(&Query { skip: 8, ..Query::of(zoom, 9) }), ["000008", "000009"]);
    let either = Filter::Or(
        Box::new(field("phoneNumber", Comparison::StartsWith, "+4930000001")),
        Box::new(field("account", Comparison::Equal, "zoo")),
    );
    assert_eq!(keys(&Query::of(either, 9)), ["000001"]);
    let after = Some(After { value: "true".to_owned(), key: "+4930000004".to_owned() });
    let sort = Sort::Field("inboundEnabled");
    let query = Query { sort, direction: Direction::Descending, after, ..Query::of(Filter::All, 3) };
    assert_eq!(keys(&query), ["000002", "000000", "000009"]);
}

fn every_change_and_every_refusal_is_in_a_chain_that_holds(store: &mut dyn Store) {
    stocked(store);
    note_refused(store, &actor(), NOON, "account.delete", "accounts/acme", Code::AccountNotEmpty).unwrap();
    let tomorrow = WallTime(NOON.0 + 86_400_000);
    writing(store, &actor(), tomorrow, |writing| {
        writing.switch_account("zoo", AccountState::Suspended, &Condition::None)
    })
    .unwrap();
    let rows = reading(store, |rows| Ok(rows.list(Kind::Audit, &Query::of(Filter::All, 99))?)).unwrap();
    assert_eq!(rows.len(), 15);
    assert_eq!(rows[13].body["result"], "AccountNotEmpty");
    assert_eq!(rows[14].body["changes"], json!({ "state": ["active", "suspended"] }));
    assert_eq!((rows[0].body["previous"] == "", rows[14].body["previous"] == ""), (true, true), "a chain for each day");
    assert_eq!(reading(store, verify_in).unwrap(), 15);
}

fn verify_in(rows: &mut dyn trunkline::store::rows::Rows) -> Result<u64, Refusal> {
    verify(rows)
}

#[test]
fn old_events_go_and_the_chain_holds_from_the_oldest_that_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
    let day = 86_400_000;
    for at in 0..30 {
        let body = json!({ "name": "acme", "displayName": at.to_string() });
        writing(&mut store, &actor(), WallTime(NOON.0 + at * day), |writing| {
            writing.put_account(&AccountRecord::read(body.clone())?, &Condition::None)
        })
        .unwrap();
    }
    let mut forget = |now: u64, days, events| {
        let mut gone = 0;
        let work = &mut |rows: &mut dyn Rows| {
            gone = audit::forget(rows, WallTime(NOON.0 + now * day), audit::Retention { days, events })?;
            Ok(Verdict::Commit)
        };
        store.transact(Purpose::Write, work).unwrap();
        gone
    };
    assert_eq!(forget(29, 20, 1000), 9, "days 0 to 8");
    assert_eq!(forget(29, 20, 1000), 0);
    assert_eq!(forget(29, 400, 5), 16, "five stay");
    assert_eq!(reading(&mut store, |rows| audit::verify(rows)).unwrap(), 5);
    // Nobody else takes one away.
    let newest = reading(&mut store, |rows| Ok(rows.list(Kind::Audit, &Query::of(Filter::All, 100))?)).unwrap();
    let take = &mut |rows: &mut dyn Rows| rows.remove(Kind::Audit, &newest[0].key).map(|_| Verdict::Commit);
    assert!(store.transact(Purpose::Write, take).is_err());
}

#[test]
fn an_event_that_was_changed_or_taken_out_breaks_the_chain() {
    for tampered in [true, false] {
        let mut store = MemoryStore::default();
        stocked(&mut store);
        let mut change = |rows: &mut dyn trunkline::store::rows::Rows| {
            let mut row = rows.read(Kind::Audit, "00000000000000000005")?.unwrap();
            row.body["actor"] = json!("somebody else");
            match tampered {
                true => rows.write(Kind::Audit, &row)?,
                false => drop(rows.remove(Kind::Audit, &row.key)?),
            }
            Ok(Verdict::Commit)
        };
        store.transact(Purpose::Write, &mut change).unwrap();
        assert!(reading(&mut store, verify_in).unwrap_err().message.starts_with("Audit event "));
    }
}

fn the_directory_follows_what_is_written(store: &mut dyn Store) {
    stocked(store);
    let first = reading(store, Followed::load_in).unwrap();
    assert_eq!(first.directory.len(), 10);
    let unchanged = reading(store, |rows| first.next(rows)).unwrap();
    assert!(unchanged.is_none());
    write(store, |writing| {
        writing.drop_number(&name("acme"), "+4930000003", &Condition::None)?;
        writing.move_number(&number(4, "zoo"), &Condition::None)?;
        writing.drop_number(&name("acme"), "+4930000005", &Condition::None)?;
        writing.put_number(&number(5, "zoo"), &Condition::None)
    })
    .unwrap();
    let next = reading(store, |rows| first.next(rows)).unwrap().unwrap();
    let owner = |text: &str| {
        let found = next.directory.find(&E164::parse(text).unwrap());
        found.map(|(_, account)| account.name.as_str().to_owned())
    };
    assert_eq!(owner("+4930000003"), None);
    assert_eq!(owner("+4930000004").as_deref(), Some("zoo"));
    assert_eq!(owner("+4930000005").as_deref(), Some("zoo"));
    assert_eq!(next.directory.differs_in(&first.directory), 3, "the rest is shared");
    let anew = reading(store, Followed::load_in).unwrap();
    assert_eq!((anew.directory.len(), anew.revision), (9, next.revision));
}

/// `Followed::load` for `reading`.
trait LoadIn {
    fn load_in(rows: &mut dyn trunkline::store::rows::Rows) -> Result<Followed, Refusal>;
}

impl LoadIn for Followed {
    fn load_in(rows: &mut dyn trunkline::store::rows::Rows) -> Result<Followed, Refusal> {
        Followed::load(rows)
    }
}

fn a_token_is_known_until_it_expires_and_is_not_stored(store: &mut dyn Store) {
    let mut entropy = SeededEntropy::new(7);
    let grant = tokens::Grant { expires: Some(NOON.0 + 5), ..tokens::Grant::everything("ci") };
    let token = write(store, |writing| tokens::issue(writing, &grant, &mut entropy)).unwrap();
    let mut holder = |text: &str, at: u64| {
        let found = reading(store, |rows| tokens::holder(rows, text, WallTime(NOON.0 + at)));
        found.map(|grant| grant.name).map_err(|refusal| refusal.code)
    };
    assert_eq!(holder(&token, 4).as_deref(), Ok("ci"));
    assert_eq!(holder(&token, 5), Err(Code::TokenExpired));
    assert_eq!(holder("tkl_0", 4), Err(Code::TokenInvalid));
    let rows = reading(store, |rows| Ok(rows.list(Kind::Token, &Query::of(Filter::All, 9))?)).unwrap();
    assert!(!format!("{rows:?}").contains(&token[4..]), "{rows:?}");
}

fn a_repeated_request_gets_the_first_answer_and_another_one_a_refusal(store: &mut dyn Store) {
    let request = Repeatable::new("ci", "order-1", b"PUT a");
    write(store, |writing| request.keep(writing, json!({ "status": 201 }))).unwrap();
    let mut answer = |request: &Repeatable, now: WallTime| reading(store, |rows| request.answer(rows, now));
    assert_eq!(answer(&request, NOON).unwrap(), Some(json!({ "status": 201 })));
    let other = Repeatable::new("ci", "order-1", b"PUT b");
    assert_eq!(answer(&other, NOON).unwrap_err().code, Code::IdempotencyMismatch);
    assert_eq!(answer(&Repeatable::new("other", "order-1", b"PUT a"), NOON).unwrap(), None);
    assert_eq!(answer(&request, WallTime(NOON.0 + 24 * 3_600_000)).unwrap(), None, "kept for a day");
}

fn a_transaction_that_is_rolled_back_was_never_there(store: &mut dyn Store) {
    let mut work = |rows: &mut dyn trunkline::store::rows::Rows| {
        rows.write(Kind::Meta, &Row { key: "x".to_owned(), revision: 1, body: json!(null) })?;
        Ok(Verdict::RollBack)
    };
    store.transact(Purpose::Write, &mut work).unwrap();
    assert_eq!(count(store, Kind::Meta), 0);
}

#[test]
fn sqlite_keeps_everything_over_a_restart_and_refuses_a_later_schema() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("store.sqlite");
    stocked(&mut SqliteStore::open(&file).unwrap());
    assert_eq!(count(&mut SqliteStore::open(&file).unwrap(), Kind::Number), 10);
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(SqliteStore::open(&file).unwrap_err().0.contains("schema version 99"));
}

#[test]
fn sqlite_lets_nobody_change_the_log_or_orphan_a_number() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("store.sqlite");
    let mut store = SqliteStore::open(&file).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = WallTime(u64::try_from(now.as_millis()).unwrap());
    writing(&mut store, &actor(), now, |writing| {
        writing.put_account(&account("acme"), &Condition::None)?;
        writing.put_number(&number(1, "acme"), &Condition::None)
    })
    .unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.pragma_update(None, "foreign_keys", "ON").unwrap();
    for (text, why) in [
        ("UPDATE audit SET body = '{}'", "append-only"),
        ("DELETE FROM audit", "append-only"),
        ("DELETE FROM accounts", "FOREIGN KEY"),
    ] {
        let error = other.execute(text, []).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn objects_with_unknown_or_impossible_properties_are_refused_by_name() {
    let refusal = |body| NumberRecord::read(body).unwrap_err();
    let with = |name: &str, value: serde_json::Value| {
        let mut body = json!({ "phoneNumber": "+49301", "account": "acme" });
        body[name] = value;
        refusal(body)
    };
    assert_eq!(
        (with("colour", json!(1)).code, with("colour", json!(1)).target.unwrap()),
        (Code::UnknownProperty, "colour".to_owned())
    );
    for (name, value) in [
        ("phoneNumber", json!("+0301")),
        ("phoneNumber", json!("+4930\u{0661}")),
        ("customHeader", json!("a\r\nb")),
        ("country", json!("FR")),
        ("ticket", json!("x".repeat(65))),
        ("validFrom", json!("yesterday")),
        ("services", json!({ "fax": { "enabled": true } })),
        ("services", json!({ "zoom": { "enabled": true, "x": 1 } })),
    ] {
        let found = with(name, value);
        assert!(matches!(found.code, Code::ValidationFailed | Code::UnknownProperty), "{name}: {found}");
    }
}
