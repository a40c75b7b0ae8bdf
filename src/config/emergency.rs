//! `[emergency]`, `[[emergency.routes]]`, and `emergency` of a trunk.

use super::grammar;
use super::presentation::e164;
use super::read::{Declared, Kind, Table};
use crate::base::limits::EMERGENCY_ROUTES;
use crate::route::emergency::{
    EmergencyForm, EmergencyRouteSettings, EmergencySettings, EmergencyWriting, PriorityHeader,
};
use crate::route::number::Country;

pub(super) fn emergency(root: &Table<'_>, declared: &Declared<'_>) -> EmergencySettings {
    let table = root.table("emergency", "{ numbers = [\"110\", \"112\"] }");
    let numbers = numbers(&table);
    let tables = table.tables("routes");
    if tables.len() > EMERGENCY_ROUTES {
        let text = format!("has more than {EMERGENCY_ROUTES} routes; name groups of trunks");
        table.doc().error(&table.path_of("routes"), text);
    }
    let routes = tables.into_iter().take(EMERGENCY_ROUTES).filter_map(|table| route(table, declared)).collect();
    table.close();
    EmergencySettings { numbers, routes }
}

fn numbers(table: &Table<'_>) -> Vec<String> {
    let numbers = table.field("numbers", "[\"110\", \"112\"]").and_then(|field| field.all(grammar::short_number));
    numbers.unwrap_or_default()
}

fn route(table: Table<'_>, declared: &Declared<'_>) -> Option<EmergencyRouteSettings> {
    let from = table.field("from", "\"platform\"").and_then(|field| field.name_of(Kind::TrunkOrGroup, declared));
    let numbers = numbers(&table);
    let to = table.need("to", "[\"north-tel\"]").and_then(|field| {
        field.refuse_empty("an emergency route needs a destination");
        let names = field.list()?;
        Some(names.iter().filter_map(|field| field.name_of(Kind::TrunkOrGroup, declared)).collect())
    });
    table.close();
    Some(EmergencyRouteSettings { from, numbers, to: to? })
}

/// `emergency` of a trunk or a profile.
pub(super) fn writing(
    parent: &Table<'_>,
    base: &EmergencyWriting,
    country: Option<&'static Country>,
) -> EmergencyWriting {
    const FORMS: [(&str, EmergencyForm); 3] =
        [("short", EmergencyForm::Short), ("country", EmergencyForm::Country), ("urn", EmergencyForm::Urn)];
    let table = parent.table("emergency", "{ form = \"short\" }");
    let form = table.field("form", "\"short\"").and_then(|field| field.choice(&FORMS)).unwrap_or(base.form);
    let priority = table.flag("priority", "false").map(|written| match written {
        true => PriorityHeader::Emergency,
        false => PriorityHeader::Unsaid,
    });
    let dial = table.table("dial", "{ \"112\" = \"+493012345\" }");
    let mut numbers = base.dial.clone();
    for (code, field) in dial.pairs("\"+493012345\"") {
        match (grammar::short_number(&code), field.parsed(e164)) {
            (Ok(code), Some(number)) => {
                numbers.retain(|(own, _)| *own != code);
                numbers.push((code, number));
            }
            (Err(reason), _) => field.refuse(format_args!("the key {reason}")),
            (Ok(_), None) => {}
        }
    }
    if form == EmergencyForm::Country && country.is_none() {
        let text = "needs the trunk's country; write numbers = { country = \"DE\" } too";
        table.doc().error(&table.path_of("form"), text);
    }
    table.close();
    EmergencyWriting { form, dial: numbers, priority: priority.unwrap_or(base.priority) }
}
