//! `[accounts.NAME]` and `[numbers."+NUMBER"]`: what is provisioned, where this file is the one place that is the truth.
//! Read into the records that the store keeps, and checked and compiled as those are.

use super::behaviour::service;
use super::presentation;
use super::read::{Declared, Field, Kind, Table};
use super::settings::ProvisioningSource;
use crate::route::directory::{
    AccountName, AccountState, Change, Directory, HeaderContent, NumberState, Service, derived, is_label,
};
use crate::route::number::E164;
use crate::route::settings::TrunkSettings;
use crate::store::records::{AccountRecord, NumberRecord, Record, Services};
use crate::store::refusal::Refusal;
use crate::store::rules::{AccountNumberRules, RuleRecord};
use crate::store::wall;

/// Everything provisioned by the file.
pub(super) fn directory(
    root: &Table<'_>,
    declared: &Declared<'_>,
    source: ProvisioningSource,
    trunks: &[TrunkSettings],
) -> Directory {
    let accounts: Vec<AccountRecord> = accounts(root, declared, trunks);
    let numbers: Vec<NumberRecord> = numbers(root, declared);
    for key in ["accounts", "numbers"] {
        if source == ProvisioningSource::Store && root.has(key) {
            let text = "provisioning.source = \"store\" keeps these; take this table out, or write source = \"file\"";
            root.doc().error(&root.path_of(key), text);
        }
    }
    let accounts = accounts.iter().map(|account| Change::Account(account.compiled()));
    let numbers = numbers
        .iter()
        .map(|number| Change::Number(number.phone_number.clone(), number.account.clone(), number.compiled()));
    Directory::build(accounts.chain(numbers))
}

fn accounts(root: &Table<'_>, declared: &Declared<'_>, trunks: &[TrunkSettings]) -> Vec<AccountRecord> {
    let mut taken: Vec<(String, String)> = Vec::new();
    let mut accounts = Vec::new();
    for (name, table) in root.named("accounts") {
        let record = account(&name, &table, declared, trunks);
        for (name, path) in record.iter().flat_map(|record| names(record, &table)) {
            match taken.iter().find(|(known, _)| *known == name) {
                Some((_, first)) => table.doc().error(&path, format!("{first} has this name too; write another one")),
                None => taken.push((name, path)),
            }
        }
        // Of one without a name nothing was asked.
        if record.is_some() {
            table.close();
        }
        accounts.extend(record);
    }
    accounts
}

/// The names of an account that no other may have, each with its path.
fn names(record: &AccountRecord, table: &Table<'_>) -> Vec<(String, String)> {
    let fqdn = record.fqdn.clone().map(|name| (name, table.path_of("fqdn")));
    let label = record.subdomain.as_ref().map(|label| (format!("{label}."), table.path_of("subdomain")));
    fqdn.into_iter().chain(label).collect()
}

fn account(name: &str, table: &Table<'_>, declared: &Declared<'_>, trunks: &[TrunkSettings]) -> Option<AccountRecord> {
    const STATES: [(&str, AccountState); 2] =
        [("active", AccountState::Active), ("suspended", AccountState::Suspended)];
    let parsed = AccountName::parse(name).map_err(|bad| {
        if !table.doc().is_refused(table.path()) {
            table.doc().error(table.path(), format!("the name {bad}"));
        }
    });
    let mut record = AccountRecord::new(parsed.ok()?);
    let services = table.field("services", "[\"teamsDirectRouting\"]").and_then(|field| services(&field));
    record.services = services.unwrap_or_else(|| Services::of(Service::all()));
    let state = table.field("state", "\"active\"").and_then(|field| field.choice(&STATES));
    record.state = state.unwrap_or_default();
    record.trunk = table.field("trunk", "\"teams\"").and_then(|field| field.name_of(Kind::Trunk, declared));
    record.fqdn = table
        .field("fqdn", "\"acme.sbc1.example.com\"")
        .and_then(|field| field.parsed(|text| derived(text).map_err(|bad| bad.to_string())));
    record.subdomain = table.field("subdomain", "\"acme\"").and_then(|field| field.parsed(label));
    check_derived(&record, table, trunks);
    record.caller_screening = table.flag("caller_screening", "true").unwrap_or(true);
    record.caller_replacement =
        table.field("caller_replacement", "\"+4930555500\"").and_then(|field| field.parsed(number));
    record.custom_header = table.field("custom_header", "\"acme-main\"").and_then(|field| field.parsed(contents));
    let rules = |key| presentation::rules(table, key).unwrap_or_default().iter().map(RuleRecord::of).collect();
    record.number_rules = AccountNumberRules { incoming: rules("incoming_rules"), outgoing: rules("outgoing_rules") };
    record.limits.max_concurrent_calls = table.whole("max_calls", "100", 0..=1_000_000).unwrap_or(0);
    record.limits.max_calls_per_second = table.whole("max_calls_per_s", "10", 0..=100_000).unwrap_or(0);
    checked(&record, table);
    Some(record)
}

fn label(text: &str) -> Result<String, String> {
    match is_label(text) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("is no label of 1 to 63 letters, digits and inner hyphens".to_owned()),
    }
}

fn contents(text: &str) -> Result<HeaderContent, String> {
    HeaderContent::parse(text).ok_or_else(|| "is not 1 to 100 letters, digits, underscores and dashes".to_owned())
}

fn number(text: &str) -> Result<E164, String> {
    E164::parse(text).map_err(|bad| bad.to_string())
}

/// MD-59, PF-15: the label's name below each base name it is used under.
fn check_derived(record: &AccountRecord, table: &Table<'_>, trunks: &[TrunkSettings]) {
    let Some(label) = &record.subdomain else { return };
    let used = trunks.iter().filter(|trunk| record.trunk.as_ref().is_none_or(|own| *own == trunk.name));
    let bases = used.filter_map(|trunk| trunk.base_domain.as_ref().or(trunk.fqdn.as_ref()));
    for base in bases {
        let name = format!("{label}.{base}");
        if let Err(bad) = derived(&name) {
            table.doc().error(&table.path_of("subdomain"), format!("{name} {bad}; write a shorter label"));
        }
    }
}

fn services(field: &Field<'_>) -> Option<Services> {
    Some(Services::of(field.list()?.iter().filter_map(service)))
}

fn numbers(root: &Table<'_>, declared: &Declared<'_>) -> Vec<NumberRecord> {
    let table = root.table("numbers", "{ \"+4930555501\" = { account = \"acme\" } }");
    let numbers = table.pairs("{ account = \"acme\", services = [\"teamsDirectRouting\"], inbound = true }");
    numbers.into_iter().filter_map(|(key, field)| provisioned(&key, &field, declared)).collect()
}

fn provisioned(key: &str, field: &Field<'_>, declared: &Declared<'_>) -> Option<NumberRecord> {
    const STATES: [(&str, NumberState); 4] = [
        ("draft", NumberState::Draft),
        ("active", NumberState::Active),
        ("suspended", NumberState::Suspended),
        ("released", NumberState::Released),
    ];
    let table = field.table()?;
    let phone = E164::parse(key).map_err(|bad| field.refuse_key(&format!("the number {bad}; write \"+4930555501\"")));
    let account = table.need("account", "\"acme\"").and_then(|field| field.name_of(Kind::Account, declared));
    let services = table.need("services", "[\"teamsDirectRouting\"]").and_then(|field| services(&field));
    let flag = |key| table.flag(key, "true").unwrap_or(false);
    let (inbound, outbound) = (flag("inbound"), flag("outbound"));
    let state = table.field("state", "\"active\"").and_then(|field| field.choice(&STATES));
    let custom_header = table.field("custom_header", "\"acme-0042\"").and_then(|field| field.parsed(contents));
    let aliases = table.field("screening_aliases", "[\"+4930555500\"]").and_then(|field| field.all(number));
    let elin = table.field("elin", "\"+4930555500\"").and_then(|field| field.parsed(number));
    let (valid_from, valid_to) =
        (table.text("valid_from", "\"2027-01-31T00:00:00Z\""), table.text("valid_to", "\"2027-12-31T00:00:00Z\""));
    let carrier = table.text("carrier", "\"north-tel\"");
    let account = account.and_then(|name| AccountName::parse(&name).ok());
    check_times(&table, valid_from.as_deref(), valid_to.as_deref());
    let (Ok(phone), Some(account)) = (phone, account) else {
        table.close();
        return None;
    };
    let mut record = NumberRecord::new(phone, account);
    record.services = services.unwrap_or_default();
    (record.inbound_enabled, record.outbound_enabled) = (inbound, outbound);
    (record.custom_header, record.carrier) = (custom_header, carrier);
    record.screening_aliases = aliases.unwrap_or_default();
    record.emergency.elin = elin;
    (record.valid_from, record.valid_to) = (valid_from, valid_to);
    record.state = state.unwrap_or_default();
    checked(&record, &table);
    table.close();
    Some(record)
}

/// A time that ends before it begins never comes.
fn check_times(number: &Table<'_>, from: Option<&str>, to: Option<&str>) {
    let time = |text: Option<&str>| text.and_then(wall::parse);
    if let (Some(from), Some(to)) = (time(from), time(to))
        && to <= from
    {
        number
            .doc()
            .error(&number.path_of("valid_to"), "ends before valid_from: nobody could be called; write a later time");
    }
}

/// What the store would refuse is refused here, with the key's own spelling.
fn checked(record: &impl Record, table: &Table<'_>) {
    if let Err(refusal) = record.check() {
        let target = refusal.target.as_deref().unwrap_or_default();
        let told = refusal.message.strip_prefix(target).unwrap_or(&refusal.message).trim_start().trim_end_matches('.');
        table.doc().error(&table.path_of(&key_of(&refusal)), told);
    }
}

/// `validFrom` -> `valid_from`.
fn key_of(refusal: &Refusal) -> String {
    let target = refusal.target.as_deref().unwrap_or_default();
    let snake = |key: String, letter: char| match letter.is_ascii_uppercase() {
        true => format!("{key}_{}", letter.to_ascii_lowercase()),
        false => format!("{key}{letter}"),
    };
    target.chars().fold(String::new(), snake)
}
