//! `[fraud]`: countries, classes of numbers, and rules that limit them.

use trunkline::route::fraud::{Class, ClassSet, LimitRule, OnMinutes, Subject};

use super::*;

const COUNTRIES: &str = "allow_countries = [\"DE\"]";

/// The good file with one rule.
fn rule(lines: &str) -> String {
    changed(COUNTRIES, &format!("{COUNTRIES}\n[[fraud.limits]]\n{lines}"))
}

refused! {
    a_country_is_two_capitals: COUNTRIES => "allow_countries = [\"Germany\"] #!",
        "fraud.allow_countries[0]", "is no country code of two capital letters";
    a_country_without_numbers: COUNTRIES => "allow_countries = [\"QQ\"] #!",
        "fraud.allow_countries[0]", "is no country with numbers of its own";
    a_class_that_a_country_includes: COUNTRIES => "allow_countries = [\"DE\"]\nallow_classes = [\"international\"] #!",
        "fraud.allow_classes[0]", "premium";
    a_prefix_without_plus: COUNTRIES => "allow_countries = [\"DE\"]\nallow_prefixes = [\"0049\"] #!",
        "fraud.allow_prefixes[0]", "a plus and digits, country code first";
    a_prefix_that_no_number_has: COUNTRIES => "allow_countries = [\"DE\"]\ndeny_prefixes = [\"+0\"] #!",
        "fraud.deny_prefixes[0]", "is no beginning of a number";
}

#[test]
fn a_rule_says_whom_and_what_it_limits() {
    let file = rule(
        "per = \"trunk\"\nonly = \"teams\"\nclasses = [\"international\", \"irsf\"]\ncalls_per_s = 5\ncalls = 20\n\
             calls_per_hour = 200\nminutes_per_hour = 300\non_minutes = \"hang-up\"",
    );
    let expected = LimitRule {
        per: Subject::Trunk,
        only: Some("teams".into()),
        classes: ClassSet::of(&[Class::International, Class::Irsf]),
        calls_per_s: Some(5),
        calls: Some(20),
        calls_per_hour: Some(200),
        minutes_per_hour: Some(300),
        on_minutes: OnMinutes::HangUp,
    };
    assert_eq!(accepted(&file).snapshot.fraud.limits(), [expected]);
}

#[test]
fn a_rule_that_makes_no_sense_is_refused_where_it_stands() {
    let table = [
        ("per = \"trunk\" #!\n", "fraud.limits[0]", "limits nothing"),
        ("per = \"peer\" #!\ncalls = 1", "fraud.limits[0].per", "trunk"),
        ("per = \"trunk\"\nonly = \"nobody\" #!\ncalls = 1", "fraud.limits[0].only", "nobody"),
        ("per = \"node\"\nonly = \"teams\" #!\ncalls = 1", "fraud.limits[0].only", "counts all together"),
        ("per = \"node\"\ncalls = -1 #!", "fraud.limits[0].calls", "-1"),
        ("per = \"node\"\ncalls = 1\non_minutes = \"hang-up\" #!", "fraud.limits[0].on_minutes", "minutes_per_hour"),
        ("per = \"node\"\ncalls = 1\nclasses = [\"moon\"] #!", "fraud.limits[0].classes[0]", "satellite"),
    ];
    for (lines, path, says) in table {
        let file = rule(lines).replace("[[fraud.limits]]\nper = \"trunk\" #!", "[[fraud.limits]] #!\nper = \"trunk\"");
        assert_error(&file, path, says);
    }
    let many = "[[fraud.limits]]\nper = \"node\"\ncalls = 1\n".repeat(65);
    assert!(read(&changed(COUNTRIES, &format!("{COUNTRIES}\n{many}"))).is_err());
}

#[test]
fn a_file_in_which_nobody_says_where_home_is_gets_a_warning() {
    let loaded = accepted(&changed(COUNTRIES, ""));
    assert!(loaded.warnings().iter().any(|found| found.path == "fraud" && found.text.contains("is off")));
    assert!(!loaded.snapshot.fraud.is_on());
    let home = changed(COUNTRIES, "").replacen(SOUTH, "targets = [\"10.2.0.2\"]\nnumbers = { country = \"DE\" }", 1);
    let loaded = accepted(&home);
    assert!(loaded.snapshot.fraud.is_on() && loaded.warnings().is_empty());
}
