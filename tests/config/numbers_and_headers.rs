//! Forms of numbers, and header policies.

use super::*;

fn with(line: &str) -> String {
    format!("{SOUTH}\n{line} #!")
}

refused! {
    a_national_form_without_a_country: SOUTH => &with("numbers = { incoming = \"national\" }"),
        "trunks.south.numbers", "without a country; write country = \"DE\" beside it";
    a_country_without_a_plan: SOUTH => &with("numbers = { country = \"XX\" }"),
        "trunks.south.numbers.country", "is no country whose numbering plan is known";
    a_rule_that_is_no_expression: SOUTH => &with("numbers = { incoming_rules = [{ match = \"(\", replace = \"\" }] }"),
        "trunks.south.numbers.incoming_rules[0].match", "is no regular expression";
    a_rule_that_names_a_group_it_lacks: SOUTH => &with("numbers = { outgoing_rules = [{ match = \"^0\", replace = \"$1\" }] }"),
        "trunks.south.numbers.outgoing_rules[0].replace", "refers to group $1";
    a_form_that_is_none: SOUTH => &with("numbers = { country = \"DE\", incoming = { to = \"local\" } }"),
        "trunks.south.numbers.incoming.to", "national";
    a_pilot_that_is_no_number: SOUTH => &with("identity = { pilot = \"0301\" }"),
        "trunks.south.identity.pilot", "does not begin with +";
    a_pilot_that_is_missing: SOUTH => &with("identity = { asserted = \"pilot\" }"),
        "trunks.south.identity", "write pilot = ";
    a_header_of_the_core_in_the_list: SOUTH => &with("headers = { pass = [\"Via\"] }"),
        "trunks.south.headers.pass[0]", "is written by Trunkline itself";
    a_variable_nobody_knows: SOUTH => &with("headers = { edits = [{ add = \"X-A\", value = \"${tenant}\" }] }"),
        "trunks.south.headers.edits[0].value", "original_called";
    an_edit_of_two_kinds: SOUTH => &with("headers = { edits = [{ add = \"X-A\", set = \"X-B\", value = \"1\" }] }"),
        "trunks.south.headers.edits[0]", "none of add, set, remove, copy and map";
    a_method_no_call_does_without: SOUTH => &with("headers = { hide_allow = [\"BYE\"] }"),
        "trunks.south.headers.hide_allow[0]", "there is no call without it";
    a_diversion_wanted_and_dropped: SOUTH => &with("diversion = { send = \"drop\", always = true }"),
        "trunks.south.diversion.always", "write send = \"diversion\"";
}
