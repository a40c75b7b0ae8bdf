//! Accounts and numbers of the file, who is told by them, and routes that ask for them.

use trunkline::route::directory::{AccountName, Service};
use trunkline::route::mark::Marked;
use trunkline::route::number::E164;

use super::*;

/// The good file with these tables more.
fn with(lines: &str) -> String {
    changed("[limits]", &format!("{lines}\n[limits]"))
}

const ACME: &str = "[accounts.acme]\nsubdomain = \"acme\"\ntrunk = \"teams\"\n";

fn number(keys: &str) -> String {
    with(&format!("{ACME}[numbers.\"+4930555501\"]\n{keys}"))
}

fn account(keys: &str) -> String {
    with(&format!("[accounts.acme]\n{keys}"))
}

#[track_caller]
fn route_error(keys: &str, path: &str, says: &str) {
    let text = changed("from = \"teams\"", &format!("from = \"teams\"\n{keys} #!"));
    assert_error(&text, path, says);
}

#[test]
fn accounts_and_numbers_become_the_directory() {
    let loaded = accepted(&number(
        "account = \"acme\"\nservices = [\"zoom\"]\ninbound = true\ncustom_header = \"a-1\"\nscreening_aliases = [\"+4930555500\"]",
    ));
    let number = E164::parse("+4930555501").unwrap();
    let (entry, account) = loaded.directory.find(&number).unwrap();
    assert!(entry.inbound && !entry.outbound && entry.services.has(Service::Zoom));
    assert_eq!(entry.custom_header.as_ref().map(|contents| contents.as_str()), Some("a-1"));
    assert_eq!(account.name, AccountName::parse("acme").unwrap());
    assert!(account.services.has(Service::Twilio) && account.caller_screening, "what is not said");
    assert_eq!(loaded.directory.find_alias(&E164::parse("+4930555500").unwrap()).count(), 1);
    assert!(loaded.directory.account_of_subdomain("ACME").is_some());
    assert!(loaded.warnings().is_empty(), "{:?}", loaded.warnings());
}

#[test]
fn number_rules_of_accounts_are_checked_as_those_of_trunks_are() {
    let unclosed = account("incoming_rules = [{ match = \"(\", replace = \"\" }] #!");
    assert_error(&unclosed, "accounts.acme.incoming_rules[0].match", "is no regular expression: unclosed group");
    let unknown = account("outgoing_rules = [{ match = \"a\", replace = \"b\", field = \"via\" }] #!");
    assert_error(&unknown, "accounts.acme.outgoing_rules[0].field", "request_uri");
    let contents = account("custom_header = \"a b\" #!");
    assert_error(&contents, "accounts.acme.custom_header", "is not 1 to 100 letters");
}

#[test]
fn names_of_accounts_are_checked_where_they_are_used() {
    let long = |length: usize| account(&format!("subdomain = \"{}\" #!\ntrunk = \"teams\"", "a".repeat(length)));
    accepted(&long(31));
    assert_error(&long(32), "accounts.acme.subdomain", "has 49 characters; a name on a platform has at most 48");
    assert_error(&long(64), "accounts.acme.subdomain", "is no label of 1 to 63");
    let fqdn = |label: usize| account(&format!("fqdn = \"{}.sbc1.example.com\" #!", "a".repeat(label)));
    accepted(&fqdn(31));
    assert_error(&fqdn(32), "accounts.acme.fqdn", "has 49 characters");
    assert_error(&fqdn(64), "accounts.acme.fqdn", "between two dots at most 63");
    assert_error(&account("fqdn = \"acme\" #!"), "accounts.acme.fqdn", "a dot is missing");
    assert_error(&account("subdomain = \"a.b\" #!"), "accounts.acme.subdomain", "is no label");
}

#[test]
fn two_accounts_have_no_name_together() {
    let twin = with(&format!("{ACME}[accounts.zoo]\nsubdomain = \"ACME\" #!"));
    assert_error(&twin, "accounts.zoo.subdomain", "accounts.acme.subdomain has this name too");
}

#[test]
fn an_account_is_refused_by_line_and_key() {
    assert_error(&with("[accounts.\"a.b\"] #!"), "accounts.\"a.b\"", "must be 1 to 100 letters, digits");
    assert_error(&account("state = \"dead\" #!"), "accounts.acme.state", "none of active, suspended");
    assert_error(&account("services = [\"zom\"] #!"), "accounts.acme.services[0]", "did you mean \"zoom\"?");
    assert_error(
        &account("caller_replacement = \"030\" #!"),
        "accounts.acme.caller_replacement",
        "does not begin with +",
    );
    assert_error(&account("max_calls = -1 #!"), "accounts.acme.max_calls", "not between 0 and 1000000");
    assert_error(
        &account("callerScreening = true #!"),
        "accounts.acme.callerScreening",
        "did you mean \"caller_screening\"?",
    );
}

#[test]
fn a_number_is_refused_by_line_and_key() {
    let own = |keys: &str| number(&format!("account = \"acme\"\nservices = [\"zoom\"]\n{keys}"));
    let at = |key: &str| format!("numbers.\"+4930555501\"{key}");
    assert_error(
        &with(&format!("{ACME}[numbers.\"030555\"] #!\naccount = \"acme\"\nservices = []")),
        "numbers.030555",
        "does not begin with +",
    );
    assert_error(
        &with(&format!("{ACME}[numbers.\"+{}\"] #!\naccount = \"acme\"\nservices = []", "1".repeat(40))),
        &format!("numbers.\"+{}\"", "1".repeat(40)),
        "has more than 15 digits",
    );
    assert_error(
        &with(&format!("{ACME}[numbers.\"+0301\"] #!\naccount = \"acme\"\nservices = []")),
        "numbers.\"+0301\"",
        "zero after the plus",
    );
    assert_error(&number("account = \"amce\" #!\nservices = []"), &at(".account"), "did you mean \"acme\"?");
    assert_error(&own("custom_header = \"a b\" #!"), &at(".custom_header"), "1 to 100 letters");
    assert_error(&own("custom_header = \"a\\r\\nX: y\" #!"), &at(".custom_header"), "control character");
    assert_error(&own("valid_from = \"tomorrow\" #!"), &at(".valid_from"), "no time of RFC 3339");
    assert_error(&own("screening_aliases = [\"1\"] #!"), &at(".screening_aliases[0]"), "does not begin with +");
    assert_error(&own("inbound = \"yes\" #!"), &at(".inbound"), "expected true or false");
}

#[test]
fn one_place_is_the_truth() {
    let both =
        with(&format!("[provisioning]\nsource = \"store\"\n{}", ACME.replace("[accounts.acme]", "[accounts.acme] #!")));
    assert_error(&both, "accounts", "write source = \"file\"");
    let loaded = accepted(
        &with("[provisioning]\nsource = \"store\"")
            .replace("from = \"teams\"", "from = \"teams\"\naccount = \"stored\""),
    );
    assert!(loaded.warnings().is_empty(), "{:?}", loaded.warnings());
}

#[test]
fn the_custom_header_is_a_name_of_its_own() {
    let header = |keys: &str| with(&format!("[provisioning]\n{keys}"));
    let good =
        accepted(&header("custom_header = \"X-Operator-Content\"\ncustom_header_on = [\"invite\", \"in-dialog\"]"));
    let custom = good.settings.provisioning.custom_header.unwrap();
    assert_eq!(
        (custom.name.as_str(), custom.on.as_slice()),
        ("X-Operator-Content", &[Marked::Invite, Marked::Inside][..])
    );
    let path = "provisioning.custom_header";
    assert_error(
        &header(&format!("custom_header = \"X-{}\" #!", "a".repeat(31))),
        path,
        "has 33 octets; 32 are possible",
    );
    assert_error(&header("custom_header = \"Subject\" #!"), path, "is a standard header");
    assert_error(&header("custom_header = \"Contact\" #!"), path, "is written by Trunkline itself");
    assert_error(&header("custom_header = \"X Y\" #!"), path, "is no header name");
    assert_error(
        &header("custom_header_on = [\"invite\"] #!"),
        "provisioning.custom_header_on",
        "changes nothing without custom_header",
    );
    assert_error(
        &header("custom_header = \"X-Y\"\ncustom_header_on = [\"bye\"] #!"),
        "provisioning.custom_header_on[0]",
        "none of invite, 18x, 2xx, in-dialog",
    );
}

#[test]
fn only_tls_asks_for_names() {
    let text =
        changed("targets = [\"10.2.0.1:5060\"]", "targets = [\"10.2.0.1:5060\"]\naccount_by_server_name = true #!");
    assert_error(&text, "trunks.north.account_by_server_name", "over TLS only");
}

#[test]
fn conditions_of_a_route_are_refused_by_line_and_key() {
    route_error("account = \"acme\"", "routes[1].account", "write a table [accounts.NAME]");
    route_error("numbers = \"known\"", "routes[1].numbers", "none of any, provisioned");
    route_error("service = \"teams\"", "routes[1].service", "none of teamsDirectRouting");
    route_error("hours = [\"mon-fri 8-18\"]", "routes[1].hours[0]", "is no window like");
    route_error("hours = []", "routes[1].hours", "a route without hours is never open");
    route_error(
        "hours = [\"mon 08:00-09:00\"]\ntime_zone = \"Europe/Nowhere\"",
        "routes[1].time_zone",
        "none of the names known",
    );
    route_error("time_zone = \"UTC\"", "routes[1].time_zone", "changes nothing without hours");
    let order = changed("[groups.pstn]", "[groups.pstn]\norder = \"random\" #!");
    assert_error(&order, "groups.pstn.order", "none of weighted, fixed, least-loaded");
}

#[test]
fn a_route_with_conditions_hides_none_behind_it() {
    let text = changed(
        "[[routes]]\nfrom = \"teams\"",
        "[[routes]]\nfrom = \"teams\"\nnumbers = \"provisioned\"\nto = [\"north\"]\n[[routes]]\nfrom = \"teams\"",
    );
    assert!(accepted(&text).warnings().is_empty());
}
