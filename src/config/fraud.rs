//! `[fraud]` and `[[fraud.limits]]`.

use super::read::{Declared, Field, Kind, Table};
use super::settings::ProvisioningSource;
use super::suggest::country_meant;
use crate::base::limits::FRAUD_LIMITS;
use crate::route::fraud::{Class, ClassSet, FraudSettings, Iso, LimitRule, OnMinutes, Subject};

/// Digits of a prefix at most (E.164 6.1).
const PREFIX_DIGITS: usize = 15;

/// `source`: where accounts are, and whether their names can be checked.
pub(super) fn fraud(root: &Table<'_>, declared: &Declared<'_>, source: ProvisioningSource) -> FraudSettings {
    let table = root.table("fraud", "{ allow_countries = [\"DE\"] }");
    let base = FraudSettings::default();
    let countries =
        table.field("allow_countries", "[\"DE\"]").and_then(|field| field.all(|text| country_meant(text, Iso::known)));
    let classes = table.field("allow_classes", "[\"shared-cost\"]").and_then(|field| classes(&field, &Class::DEAR));
    let prefixes = |key| table.field(key, "[\"+49180\"]").and_then(|field| field.all(prefix)).unwrap_or_default();
    let settings = FraudSettings {
        allow_countries: countries.unwrap_or_default(),
        allow_classes: classes.unwrap_or(base.allow_classes),
        allow_prefixes: prefixes("allow_prefixes"),
        deny_prefixes: prefixes("deny_prefixes"),
        limits: limits(&table, declared, source),
    };
    if let Some(both) = settings.deny_prefixes.iter().find(|denied| settings.allow_prefixes.contains(denied)) {
        let text = format!("\"{both}\" stands in allow_prefixes too; take it out of one of the two");
        table.doc().error(&table.path_of("deny_prefixes"), text);
    }
    table.close();
    settings
}

fn classes(field: &Field<'_>, known: &[Class]) -> Option<ClassSet> {
    let choices: Vec<(&str, Class)> = known.iter().map(|class| (class.name(), *class)).collect();
    let named: Vec<Class> = field.list()?.iter().filter_map(|field| field.choice(&choices)).collect();
    Some(ClassSet::of(&named))
}

fn prefix(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let fits = (1..=PREFIX_DIGITS).contains(&digits.len()) && digits.bytes().all(|octet| octet.is_ascii_digit());
    match fits && !digits.starts_with('0') {
        true => Ok(text.to_owned()),
        false => Err("is no beginning of a number: a plus and digits, country code first".to_owned()),
    }
}

fn limits(fraud: &Table<'_>, declared: &Declared<'_>, source: ProvisioningSource) -> Vec<LimitRule> {
    let tables = fraud.tables("limits");
    if tables.len() > FRAUD_LIMITS {
        let text = format!("has more than {FRAUD_LIMITS} rules; one rule counts every trunk or account by itself");
        fraud.doc().error(&fraud.path_of("limits"), text);
        return Vec::new();
    }
    tables.into_iter().filter_map(|table| limit(table, declared, source)).collect()
}

fn limit(table: Table<'_>, declared: &Declared<'_>, source: ProvisioningSource) -> Option<LimitRule> {
    const SUBJECTS: [(&str, Subject); 3] =
        [("trunk", Subject::Trunk), ("account", Subject::Account), ("node", Subject::Node)];
    const ACTIONS: [(&str, OnMinutes); 2] = [("refuse", OnMinutes::Refuse), ("hang-up", OnMinutes::HangUp)];
    let per = table.need("per", "\"trunk\"").and_then(|field| field.choice(&SUBJECTS));
    let only = table.field("only", "\"platform\"").and_then(|field| subject_name(&field, per, declared, source));
    let of = table.field("classes", "[\"international\"]").and_then(|field| classes(&field, &Class::ALL));
    let count = |key, example: &str, most: u32| table.whole(key, example, 0..=most);
    let rule = LimitRule {
        per: per.unwrap_or_default(),
        only,
        classes: of.unwrap_or_default(),
        calls_per_s: count("calls_per_s", "5", 100_000),
        calls: count("calls", "20", 1_000_000),
        calls_per_hour: count("calls_per_hour", "200", 100_000_000),
        minutes_per_hour: count("minutes_per_hour", "300", 10_000_000),
        on_minutes: table
            .field("on_minutes", "\"refuse\"")
            .and_then(|field| field.choice(&ACTIONS))
            .unwrap_or_default(),
    };
    let bounds = [rule.calls_per_s, rule.calls, rule.calls_per_hour, rule.minutes_per_hour];
    if bounds.iter().all(Option::is_none)
        && !["calls_per_s", "calls", "calls_per_hour", "minutes_per_hour"].into_iter().any(|key| table.has(key))
    {
        let text = "limits nothing; write calls_per_s, calls, calls_per_hour or minutes_per_hour";
        table.doc().error(table.path(), text);
    }
    if rule.on_minutes == OnMinutes::HangUp && !table.has("minutes_per_hour") {
        table.doc().error(&table.path_of("on_minutes"), "acts on minutes_per_hour, which is not written");
    }
    table.close();
    per.map(|_| rule)
}

/// A trunk or an account of the file; accounts of the store are not known here.
fn subject_name(
    field: &Field<'_>,
    per: Option<Subject>,
    declared: &Declared<'_>,
    source: ProvisioningSource,
) -> Option<Box<str>> {
    match per? {
        Subject::Account if source == ProvisioningSource::File => {
            field.name_of(Kind::Account, declared).map(String::into_boxed_str)
        }
        Subject::Trunk => field.name_of(Kind::Trunk, declared).map(String::into_boxed_str),
        Subject::Account => field.text().map(Box::from),
        Subject::Node => {
            field.refuse_key("names one trunk or account, and per = \"node\" counts all together; leave it out");
            None
        }
    }
}
