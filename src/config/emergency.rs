//! `[emergency]`, `[[emergency.routes]]`, and `emergency` of a trunk.

use std::collections::BTreeMap;

use super::grammar;
use super::presentation::e164;
use super::read::{Declared, Kind, Table};
use crate::base::limits::{ELINS_OF_PLACE, EMERGENCY_ROUTES};
use crate::route::elin::ElinSettings;
use crate::route::emergency::{
    EmergencyCaller, EmergencyForm, EmergencyRouteSettings, EmergencySettings, EmergencyWriting, PriorityHeader,
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
    let elin = elin(&table);
    table.close();
    EmergencySettings { numbers, routes, elin }
}

fn elin(emergency: &Table<'_>) -> ElinSettings {
    let base = ElinSettings::default();
    let elements = emergency.field("elin_elements", "[\"ELIN\", \"NAM\"]").and_then(|field| {
        field.refuse_empty("nothing of a location would be read");
        field.all(grammar::token)
    });
    let table = emergency.table("elins", "{ \"Berlin, house 3\" = \"+4930555500\" }");
    let mut places = BTreeMap::new();
    for (place, field) in table.pairs("[\"+4930555500\"]") {
        let numbers = if field.is_text() { field.parsed(e164).map(|elin| vec![elin]) } else { field.all(e164) };
        field.refuse_empty("a place without a number needs no line");
        if numbers.as_ref().is_some_and(|numbers| numbers.len() > ELINS_OF_PLACE) {
            field.refuse(format_args!("has more than {ELINS_OF_PLACE} numbers"));
        }
        if places.insert(place.trim().to_lowercase(), numbers.unwrap_or_default()).is_some() {
            field.refuse_key("names a place a second time; capitals and outer spaces make no difference");
        }
    }
    let callback = emergency.seconds("elin_callback_s", "3600", 0..=86_400);
    ElinSettings { elements: elements.unwrap_or(base.elements), places, callback: callback.unwrap_or(base.callback) }
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
    const CALLERS: [(&str, EmergencyCaller); 2] = [("own", EmergencyCaller::Own), ("elin", EmergencyCaller::Elin)];
    let table = parent.table("emergency", "{ form = \"short\" }");
    let form = table.field("form", "\"short\"").and_then(|field| field.choice(&FORMS)).unwrap_or(base.form);
    let priority = table.flag("priority", "false").map(|written| match written {
        true => PriorityHeader::Emergency,
        false => PriorityHeader::Unsaid,
    });
    let caller = table.field("caller", "\"own\"").and_then(|field| field.choice(&CALLERS));
    let dial = table.table("dial", "{ \"112\" = \"+493012345\" }");
    let mut numbers = base.dial.clone();
    for (code, field) in dial.pairs("\"+493012345\"") {
        match (grammar::short_number(&code), field.parsed(e164)) {
            (Ok(code), Some(number)) => {
                numbers.retain(|(own, _)| *own != code);
                numbers.push((code, number));
            }
            (Err(reason), _) => field.refuse_key(&format!("the key {reason}; write \"112\" = \"+493012345\"")),
            (Ok(_), None) => {}
        }
    }
    if form == EmergencyForm::Country && country.is_none() {
        let text = "needs the trunk's country; write numbers = { country = \"DE\" } too";
        table.doc().error(&table.path_of("form"), text);
    }
    table.close();
    EmergencyWriting {
        form,
        dial: numbers,
        priority: priority.unwrap_or(base.priority),
        caller: caller.unwrap_or(base.caller),
    }
}
