//! `[groups.NAME]` and `[[routes]]`.

use std::collections::BTreeSet;

use super::behaviour::service;
use super::read::{Declared, Field, Kind, Table};
use super::settings::ProvisioningSource;
use super::suggest::nearest;
use super::target::rank;
use super::user_to_user;
use crate::route::directory::AccountName;
use crate::route::group::Order;
use crate::route::hours::{Hours, WINDOWS, Window};
use crate::route::settings::{GroupSettings, MemberSettings, RouteSettings};
use crate::route::table::{Conditions, Numbers, Pattern};
use crate::route::time_zone::TimeZone;

pub(super) fn groups(root: &Table<'_>, declared: &Declared<'_>) -> Vec<GroupSettings> {
    let trunks = declared.names(Kind::Trunk);
    let mut groups = Vec::new();
    for (name, table) in root.named("groups") {
        if trunks.contains(name.as_str()) {
            table.doc().error(table.path(), "a trunk has this name too; write another name for the group");
        }
        const ORDERS: [(&str, Order); 3] =
            [("weighted", Order::Weighted), ("fixed", Order::Fixed), ("least-loaded", Order::LeastLoaded)];
        let order = table.field("order", "\"weighted\"").and_then(|field| field.choice(&ORDERS)).unwrap_or_default();
        let members = table.need("members", "[{ trunk = \"north-tel\", priority = 1, weight = 1 }]");
        if let Some(field) = members {
            field.refuse_empty("a group needs a member");
            let members = field.list().unwrap_or_default();
            let members: Vec<MemberSettings> = members.iter().filter_map(|field| member(field, declared)).collect();
            let mut seen = BTreeSet::new();
            if let Some(twice) = members.iter().find(|member| !seen.insert(member.trunk.as_str())) {
                field.refuse_key(&format!("names trunk \"{}\" twice; write it once, with one weight", twice.trunk));
            }
            groups.push(GroupSettings { name, order, members });
        }
        table.close();
    }
    groups
}

fn member(field: &Field<'_>, declared: &Declared<'_>) -> Option<MemberSettings> {
    let table = field.table()?;
    let trunk = table.need("trunk", "\"north-tel\"").and_then(|field| field.name_of(Kind::Trunk, declared));
    let (priority, weight) = rank(&table);
    table.close();
    Some(MemberSettings { trunk: trunk?, priority, weight })
}

/// `source`: where accounts are, and whether their names can be checked.
pub(super) fn routes(root: &Table<'_>, declared: &Declared<'_>, source: ProvisioningSource) -> Vec<RouteSettings> {
    root.tables("routes").into_iter().filter_map(|table| route(table, declared, source)).collect()
}

fn route(table: Table<'_>, declared: &Declared<'_>, source: ProvisioningSource) -> Option<RouteSettings> {
    let name = table.text("name", "\"pstn-to-teams\"");
    let from = table.need("from", "\"north-tel\"").and_then(|field| field.name_of(Kind::TrunkOrGroup, declared));
    let calling = table.field("calling", "{ prefix = \"+4930\" }").and_then(|field| pattern(&field));
    let called = table.field("called", "{ prefix = \"+4930\" }").and_then(|field| pattern(&field));
    let to = table.need("to", "[\"teams\"]");
    let to = to.as_ref().and_then(|field| destinations(field, declared));
    let only = conditions(&table, declared, source);
    let context = user_to_user::of_route(&table);
    table.close();
    Some(RouteSettings { name, from: from?, calling, called, only, to: to?, context })
}

fn conditions(table: &Table<'_>, declared: &Declared<'_>, source: ProvisioningSource) -> Conditions {
    const NUMBERS: [(&str, Numbers); 2] = [("any", Numbers::Any), ("provisioned", Numbers::Provisioned)];
    let account = table.field("account", "\"acme\"").and_then(|field| match source {
        ProvisioningSource::File => {
            field.name_of(Kind::Account, declared).and_then(|name| AccountName::parse(&name).ok())
        }
        ProvisioningSource::Store => field.parsed(|text| AccountName::parse(text).map_err(|bad| bad.to_string())),
    });
    let numbers = table.field("numbers", "\"any\"").and_then(|field| field.choice(&NUMBERS)).unwrap_or_default();
    let service = table.field("service", "\"teamsDirectRouting\"").and_then(|field| service(&field));
    Conditions { account, numbers, service, hours: hours(table) }
}

/// `hours` and the zone they are meant in.
fn hours(table: &Table<'_>) -> Option<Hours> {
    let zone = table.field("time_zone", "\"Europe/Berlin\"");
    let field = table.field("hours", "[\"mon-fri 08:00-18:00\"]");
    if let (Some(zone), None) = (&zone, &field) {
        zone.refuse_key("changes nothing without hours; write hours = [\"mon-fri 08:00-18:00\"]");
    }
    let field = field?;
    field.refuse_empty("a route without hours is never open");
    let windows = field.all(Window::parse)?;
    if windows.len() > WINDOWS {
        field.refuse(format_args!("has more than {WINDOWS} windows"));
    }
    let zone = zone.map_or_else(|| Some(TimeZone::default()), |zone| time_zone(&zone))?;
    (!windows.is_empty()).then_some(Hours { zone, windows })
}

/// POSIX counts the hours to the west, and most people to the east.
fn time_zone(field: &Field<'_>) -> Option<TimeZone> {
    let zone = field.parsed(|text| {
        let meant = || nearest(text, TimeZone::names()).map(|name| format!("is no zone; did you mean \"{name}\"?"));
        TimeZone::parse(text).map_err(|told| meant().unwrap_or(told))
    })?;
    let offset = field.text()?.strip_prefix("GMT").or(field.text()?.strip_prefix("UTC")).unwrap_or_default();
    if let Some((side, other)) = [("+", "-"), ("-", "+")].into_iter().find(|(sign, _)| offset.starts_with(sign)) {
        let place = if side == "+" { "behind" } else { "ahead of" };
        let hours = offset.trim_start_matches(['+', '-']);
        field.doubt(&format!(
            "means {hours} h {place} UTC, as POSIX counts; write \"UTC{other}{hours}\" for the other side"
        ));
    }
    Some(zone)
}

fn destinations(field: &Field<'_>, declared: &Declared<'_>) -> Option<Vec<String>> {
    field.refuse_empty("a route needs a destination");
    Some(field.list()?.iter().filter_map(|field| field.name_of(Kind::TrunkOrGroup, declared)).collect())
}

/// `"+49301234"`, `{ prefix = "+4930" }` or `{ regex = "^\\+4930" }`.
fn pattern(field: &Field<'_>) -> Option<Pattern> {
    if field.is_text() {
        return field.parsed(digits).map(Pattern::Number);
    }
    let table = field.table()?;
    let prefix = table.field("prefix", "\"+4930\"").and_then(|field| field.parsed(digits)).map(Pattern::Prefix);
    let regex = table.field("regex", "\"^\\\\+4930\"");
    let pattern = match (&prefix, &regex) {
        (Some(_), Some(_)) => {
            table.doc().error(table.path(), "has both prefix and regex; keep one of the two");
            None
        }
        (None, None) if !table.has("prefix") => {
            field.refuse("names no pattern");
            None
        }
        (Some(_), None) | (None, None) => prefix,
        (None, Some(regex)) => expression(regex, &table),
    };
    table.close();
    pattern
}

/// What a normalised number can be or begin with: behind a plus it has digits alone.
fn digits(text: &str) -> Result<String, String> {
    match text.strip_prefix('+') {
        Some(number) if !number.bytes().all(|octet| octet.is_ascii_digit()) => {
            Err("is matched by no number: behind a + there are digits alone, and a prefix needs no wildcard".to_owned())
        }
        Some(_) | None => Ok(text.to_owned()),
    }
}

fn expression(field: &Field<'_>, table: &Table<'_>) -> Option<Pattern> {
    if field.text().is_some_and(|text| !text.starts_with(['^', '('])) {
        let text = "is found anywhere in the number; start it with ^ to mean its beginning";
        table.doc().warn(field.path(), text);
    }
    field.parsed(Pattern::regex)
}
