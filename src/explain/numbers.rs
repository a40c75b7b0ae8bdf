//! Conversions of numbers, in words: the form, or the operator's own rule, by its key in the configuration.

use crate::route::number::{Conversion, Field, FieldForms, NumberPlan, Party, Reads, RuleList, UriStyle};

/// By which key of the trunk a field was read.
pub fn read_by(plan: &NumberPlan, conversion: &Conversion) -> String {
    if plan.reads == Reads::AsWritten {
        return "taken as it is written: the trunk has no table `numbers`".to_owned();
    }
    let form = plan.incoming.of(conversion.field).name();
    let form = format!("{} = {form}", key("incoming", &plan.incoming, conversion.field));
    with_rule(form, plan, conversion.rule.and_then(|place| rule("incoming_rules", place, &plan.incoming_rules)))
}

/// By which keys a party is written in this field.
pub fn written_by(plan: &NumberPlan, field: Field, party: &Party) -> String {
    let conversion = plan.writing(field, party);
    let form = match party {
        Party::Number { .. } => {
            let form = plan.outgoing.of(field).name();
            format!("{} = {form}", key("outgoing", &plan.outgoing, field))
        }
        Party::Short(_) => "a short code, written as it is".to_owned(),
        Party::Name(_) => "no number, written as it is".to_owned(),
        Party::Anonymous => "anonymous".to_owned(),
    };
    let rule = conversion.rule.and_then(|place| rule("outgoing_rules", place, &plan.outgoing_rules));
    let form = with_rule(form, plan, rule);
    match plan.uri_style {
        UriStyle::Sip => form,
        UriStyle::SipPhone => format!("{form}, numbers.uri = sip-phone"),
        UriStyle::Tel => format!("{form}, numbers.uri = tel"),
    }
}

fn with_rule(form: String, plan: &NumberPlan, rule: Option<String>) -> String {
    let country = plan.country.map(|country| format!(" ({})", country.iso)).unwrap_or_default();
    match rule {
        Some(rule) => format!("{rule}, then {form}{country}"),
        None => format!("{form}{country}"),
    }
}

fn key<F: Copy>(way: &str, forms: &FieldForms<F>, field: Field) -> String {
    match forms.own.contains_key(&field) {
        true => format!("numbers.{way}.{}", field.name()),
        false => format!("numbers.{way}"),
    }
}

fn rule(key: &str, place: usize, rules: &RuleList) -> Option<String> {
    let (rule, place) = rules.rule(place)?;
    let owner = rule.account().map_or("numbers".to_owned(), |name| format!("accounts.{name}"));
    Some(format!("{owner}.{key}[{place}] ({} becomes {})", rule.pattern(), rule.replacement()))
}
