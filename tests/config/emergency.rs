//! Calls for help: the places of `[emergency]`, and what each trunk wants of such a call.

use trunkline::route::emergency::{EmergencyCaller, EmergencyForm, PriorityHeader};

use super::*;

refused! {
    a_number_with_letters: "[limits]" => "[emergency]\nnumbers = [\"nine\"] #!\n[limits]",
        "emergency.numbers[0]", "is no number of 2 to 15 digits";
    a_route_to_nobody: "[limits]" => "[[emergency.routes]]\nto = [\"nobody\"] #!\n[limits]",
        "emergency.routes[0].to[0]", "nobody";
    a_route_without_an_end: "[limits]" => "[[emergency.routes]] #!\nfrom = \"teams\"\n[limits]",
        "emergency.routes[0]", "missing key \"to\"";
    a_country_form_without_country: SOUTH => "targets = [\"10.2.0.2\"]\nemergency = { form = \"country\" } #!",
        "trunks.south.emergency.form", "needs the trunk's country";
    a_routing_number_that_is_none: SOUTH => "targets = [\"10.2.0.2\"]\nemergency = { dial = { \"112\" = \"030112\" } } #!",
        "trunks.south.emergency.dial.112", "does not begin with +";
    a_code_that_is_none: SOUTH => "targets = [\"10.2.0.2\"]\nemergency = { dial = { sos = \"+49301\" } } #!",
        "trunks.south.emergency.dial.sos", "is no number of 2 to 15 digits";
    a_caller_that_is_nobody: SOUTH => "targets = [\"10.2.0.2\"]\nemergency = { caller = \"place\" } #!",
        "trunks.south.emergency.caller", "own";
    an_elin_without_a_plus: "[limits]" => "[emergency.elins]\n\"House 3\" = \"030555\" #!\n[limits]",
        "emergency.elins.\"House 3\"", "does not begin with +";
    a_place_without_a_number: "[limits]" => "[emergency.elins]\nhouse = [] #!\n[limits]",
        "emergency.elins.house", "a place without a number needs no line";
    a_place_twice: "[limits]" => "[emergency.elins]\nhouse = \"+4930\"\n\"House \" = \"+4931\" #!\n[limits]",
        "emergency.elins.\"House \"", "names a place a second time";
    more_numbers_than_a_place_has: "[limits]" => "[emergency.elins]\nhouse = [\"+491\", \"+492\", \"+493\", \"+494\", \"+495\", \"+496\", \"+497\", \"+498\", \"+499\"] #!\n[limits]",
        "emergency.elins.house", "has more than 8 numbers";
    an_element_that_is_no_name: "[limits]" => "[emergency]\nelin_elements = [\"ca:NAM\"] #!\n[limits]",
        "emergency.elin_elements[0]", "is no name";
    no_element_at_all: "[limits]" => "[emergency]\nelin_elements = [] #!\n[limits]",
        "emergency.elin_elements", "nothing of a location would be read";
    a_call_back_after_weeks: "[limits]" => "[emergency]\nelin_callback_s = 604800 #!\n[limits]",
        "emergency.elin_callback_s", "86400";
}

#[test]
fn places_have_numbers_and_trunks_want_them() {
    let text = "[emergency]\nelin_elements = [\"LOC\"]\nelin_callback_s = 1800\n[emergency.elins]\n\"House 3\" = \"+4930555\"\n\"house 4\" = [\"+49301\", \"+49302\"]\n[limits]";
    let file = changed(SOUTH, &format!("{SOUTH}\nemergency = {{ caller = \"elin\" }}")).replacen("[limits]", text, 1);
    let snapshot = accepted(&file).snapshot;
    let elin = snapshot.emergency.elin();
    assert_eq!((elin.elements.as_slice(), elin.callback.as_secs()), (&["LOC".to_owned()][..], 1800));
    let held: Vec<(&str, usize)> = elin.places.iter().map(|(place, elins)| (place.as_str(), elins.len())).collect();
    assert_eq!(held, [("house 3", 1), ("house 4", 2)]);
    let own = &snapshot.trunk_named("south").unwrap().presentation.emergency;
    assert_eq!(own.caller, EmergencyCaller::Elin);
}

#[test]
fn a_trunk_says_how_it_wants_calls_for_help() {
    let written = "emergency = { form = \"urn\", priority = true, dial = { \"112\" = \"+4930112\" } }";
    let file = changed(SOUTH, &format!("{SOUTH}\n{written}"));
    let own = accepted(&file).snapshot.trunk_named("south").unwrap().presentation.emergency.clone();
    assert_eq!((own.form, own.priority), (EmergencyForm::Urn, PriorityHeader::Emergency));
    assert_eq!(own.user("112", None).as_deref(), Some("+4930112"));
    assert_eq!(own.user("110", None), None);
    assert!(accepted(&file).warnings().is_empty());
}
