//! What the configuration reader says to an operator: each broken file is refused at the right line and path, with a
//! text that says what to write. The line that is broken carries the mark `#!`.

use std::path::Path;

use trunkline::base::limits::Limits;
use trunkline::config::{Files, Finding, Level, Loaded, Report, parse};
use trunkline::media::plan::{OnRekey, SrtpSuite};
use trunkline::route::media::KeyGeneration;

const GOOD: &str = r#"[node]
name = "t"
[networks.public]
bind = "192.0.2.1"
rtp_ports = "10000-18999"
[networks.carrier]
bind = "10.1.0.4"
rtp_ports = "20000-28999"
allow_media = ["10.0.0.0/8"]
[certificates.main]
chain = "chain.pem"
key = "key.pem"
[trust.default]
roots = "system"
[listeners.platform]
network = "public"
transport = "tls"
certificates = ["main"]
[listeners.carrier]
network = "carrier"
transport = "udp"
[trunks.teams]
profile = "generic-tls"
listener = "platform"
fqdn = "sbc1.example.com"
targets = ["sip.example.com"]
sources = ["198.51.100.0/28"]
[trunks.north]
profile = "carrier-ip"
listener = "carrier"
targets = ["10.2.0.1:5060"]
[trunks.south]
profile = "carrier-ip"
listener = "carrier"
targets = ["10.2.0.2"]
[groups.pstn]
members = [{ trunk = "north", weight = 2 }, { trunk = "south" }]
[[routes]]
from = "pstn"
to = ["teams"]
[[routes]]
from = "teams"
to = ["pstn"]
[limits]
max_calls = 100
[fraud]
allow_countries = ["DE"]
"#;

fn read(text: &str) -> Result<Loaded, Report> {
    parse("trunkline.toml", text, Path::new("/base"), Files::Ignored)
}

fn accepted(text: &str) -> Loaded {
    read(text).unwrap_or_else(|report| panic!("{report}"))
}

/// The good file with one piece replaced.
fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from:?} is not in the good file");
    GOOD.replacen(from, to, 1)
}

fn marked_line(text: &str) -> usize {
    text.lines().position(|line| line.contains("#!")).expect("a marked line") + 1
}

fn assert_error(text: &str, path: &str, says: &str) {
    let report = read(text).expect_err("the file must be refused");
    let line = marked_line(text);
    let fits = |found: &&Finding| found.line == line && found.path == path && found.text.contains(says);
    assert_eq!(report.errors.iter().filter(fits).count(), 1, "wanted {line}: {path}: {says}\nfound:\n{report}");
    assert_eq!(report.errors.len(), 1, "one mistake is one error:\n{report}");
}

fn assert_warning(text: &str, path: &str, says: &str) {
    let loaded = accepted(text);
    let line = marked_line(text);
    let fits = |found: &&Finding| found.line == line && found.path == path && found.text.contains(says);
    assert_eq!(
        loaded.warnings().iter().filter(fits).count(),
        1,
        "wanted {line}: {path}: {says}\n{:#?}",
        loaded.warnings()
    );
}

macro_rules! refused {
    ($($name:ident: $from:expr => $to:expr, $path:expr, $says:expr;)*) => {
        $(#[test]
        fn $name() {
            assert_error(&changed($from, $to), $path, $says);
        })*
    };
}

macro_rules! warned {
    ($($name:ident: $from:expr => $to:expr, $path:expr, $says:expr;)*) => {
        $(#[test]
        fn $name() {
            assert_warning(&changed($from, $to), $path, $says);
        })*
    };
}

/// What the system would refuse when the daemon listens there, and nobody could ask it anything.
#[test]
fn a_control_socket_has_a_path_that_the_system_takes() {
    let long = "d".repeat(95);
    let named = |key: &str, value: &str| changed("name = \"t\"", &format!("name = \"t\"\n{key} = \"{value}\" #!"));
    assert_error(&named("state_dir", &format!("/{long}")), "node.state_dir", "write node.control");
    assert_error(
        &named("control", &format!("/{long}/a-socket-with-a-long-name")),
        "node.control",
        "more than 107 octets",
    );
    accepted(&named("control", &format!("/{long}/ctl")));
}

mod emergency {
    use trunkline::route::emergency::{EmergencyCaller, EmergencyForm, PriorityHeader};

    use super::*;

    const SOUTH: &str = "targets = [\"10.2.0.2\"]";

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
        let file =
            changed(SOUTH, &format!("{SOUTH}\nemergency = {{ caller = \"elin\" }}")).replacen("[limits]", text, 1);
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
}

mod codes {
    use trunkline::route::directory::{Denial, Direction};

    use super::*;

    refused! {
        a_status_for_success: "[limits]" => "[provisioning]\ncodes = { number_unknown = 200 } #!\n[limits]",
            "provisioning.codes.number_unknown", "is no status a refused caller is told; there are 403, 404";
        a_cause_that_is_none: "[limits]" => "[provisioning]\ncodes = { number_unkown = 404 } #!\n[limits]",
            "provisioning.codes.number_unkown", "did you mean \"number_unknown\"?";
        a_way_that_is_none: "[limits]" => "[provisioning]\ncodes = { number_unknown = { inbound = 404 } } #!\n[limits]",
            "provisioning.codes.number_unknown.inbound", "unknown key";
        a_status_as_text: "[limits]" => "[provisioning]\ncodes = { number_unknown = \"404\" } #!\n[limits]",
            "provisioning.codes.number_unknown", "expected a whole number";
    }

    #[test]
    fn refusals_have_the_operators_statuses() {
        let text = "[provisioning.codes]\ninbound_disabled = { from_carrier = 404 }\nhost_unknown = 403\n[limits]";
        let snapshot = accepted(&changed("[limits]", text)).snapshot;
        let told = |why: Denial, direction| snapshot.codes.told(why.towards(direction), direction).status;
        assert_eq!(told(Denial::InboundDisabled, Direction::CarrierToPlatform), 404);
        assert_eq!(told(Denial::HostUnknown, Direction::PlatformToCarrier), 403);
        assert_eq!(told(Denial::NumberUnknown, Direction::PlatformToCarrier), 403);
    }
}

mod bodies {
    use super::*;

    const SOUTH: &str = "targets = [\"10.2.0.2\"]";

    refused! {
        a_type_without_subtype: SOUTH => "targets = [\"10.2.0.2\"]\nbodies = { pass = [\"pidf\"] } #!",
            "trunks.south.bodies.pass[0]", "is no media type";
        any_type_at_all: SOUTH => "targets = [\"10.2.0.2\"]\nbodies = { pass = [\"*/*\"] } #!",
            "trunks.south.bodies.pass[0]", "is no media type";
        the_description_itself: SOUTH => "targets = [\"10.2.0.2\"]\nbodies = { pass = [\"application/SDP\"] } #!",
            "trunks.south.bodies.pass[0]", "is written by Trunkline itself";
    }

    #[test]
    fn a_trunk_takes_the_types_it_names() {
        let file =
            changed(SOUTH, "targets = [\"10.2.0.2\"]\nbodies = { pass = [\"application/PIDF+xml\", \"text/*\"] }");
        let own = accepted(&file).snapshot.trunk_named("south").unwrap().presentation.bodies.clone();
        assert_eq!(own.pass, [Box::from("application/pidf+xml"), Box::from("text/*")]);
    }
}

mod fraud {
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
            (
                "per = \"node\"\ncalls = 1\non_minutes = \"hang-up\" #!",
                "fraud.limits[0].on_minutes",
                "minutes_per_hour",
            ),
            ("per = \"node\"\ncalls = 1\nclasses = [\"moon\"] #!", "fraud.limits[0].classes[0]", "satellite"),
        ];
        for (lines, path, says) in table {
            let file =
                rule(lines).replace("[[fraud.limits]]\nper = \"trunk\" #!", "[[fraud.limits]] #!\nper = \"trunk\"");
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
        let home = changed(COUNTRIES, "").replacen(
            "targets = [\"10.2.0.2\"]",
            "targets = [\"10.2.0.2\"]\nnumbers = { country = \"DE\" }",
            1,
        );
        let loaded = accepted(&home);
        assert!(loaded.snapshot.fraud.is_on() && loaded.warnings().is_empty());
    }
}

mod provisioned {
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
        let both = with(&format!(
            "[provisioning]\nsource = \"store\"\n{}",
            ACME.replace("[accounts.acme]", "[accounts.acme] #!")
        ));
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
}

mod role {
    use trunkline::route::role::PeerRole;

    use super::*;

    #[test]
    fn a_trunk_has_the_role_of_its_profile_unless_it_names_another() {
        let role = |text: &str, trunk: &str| accepted(text).snapshot.trunk_named(trunk).unwrap().role;
        assert_eq!(["teams", "north"].map(|trunk| role(GOOD, trunk)), [PeerRole::Platform, PeerRole::Carrier]);
        let other = changed("fqdn = \"sbc1", "role = \"carrier\"\nfqdn = \"sbc1");
        assert_eq!(role(&other, "teams"), PeerRole::Carrier);
    }

    refused! {
        a_role_nobody_has: "fqdn = \"sbc1" => "role = \"pbx\" #!\nfqdn = \"sbc1", "trunks.teams.role", "carrier";
    }
}

mod sound {
    use trunkline::media::plan::RingingTone;
    use trunkline::route::media::{Comfort, SoundSettings, TrunkDtmf};

    use super::*;

    const SOUTH: &str = "targets = [\"10.2.0.2\"]";

    fn sound(media: &str) -> SoundSettings {
        let loaded = accepted(&changed(SOUTH, &format!("{SOUTH}\n{media}")));
        loaded.snapshot.trunk_named("south").unwrap().media.sound.clone()
    }

    #[test]
    fn what_is_not_written_changes_nothing() {
        assert_eq!(sound(""), SoundSettings::default());
    }

    #[test]
    fn every_key_is_taken() {
        let written = sound(
            "media = { dtmf = \"inband\", comfort = \"noise\", ringback = { enabled = true, country = \"JP\" } }",
        );
        assert_eq!((written.dtmf, written.comfort), (TrunkDtmf::Inband, Comfort::Noise));
        assert_eq!(written.ringback.map(RingingTone::country), Some("JP"));
        assert_eq!(sound("media = { ringback = { enabled = false, country = \"JP\" } }").ringback, None);
    }

    refused! {
        an_unknown_way_of_digits_suggests_the_nearest: SOUTH => "targets = [\"10.2.0.2\"]\nmedia = { dtmf = \"infos\" } #!",
            "trunks.south.media.dtmf", "did you mean \"info\"?";
        a_country_without_a_tone_lists_those_with_one: SOUTH => "targets = [\"10.2.0.2\"]\nmedia = { ringback = { country = \"XX\" } } #!",
            "trunks.south.media.ringback.country", "is none of the countries known: AT, AU";
        ringback_needs_its_country: SOUTH => "targets = [\"10.2.0.2\"]\nmedia = { ringback = { enabled = true } } #!",
            "trunks.south.media.ringback", "write country = \"DE\"";
    }
}

mod after_the_answer {
    use trunkline::dialog::session_timer::{TimerMode, TimerSettings, WantedRefresher};
    use trunkline::route::media::HoldForm;
    use trunkline::route::methods::{MethodSettings, ReinviteAs, Rule, Sends};

    use super::*;

    const SOUTH: &str = "targets = [\"10.2.0.2\"]";

    fn south(keys: &str) -> (TimerSettings, MethodSettings, HoldForm) {
        let loaded = accepted(&changed(SOUTH, &format!("{SOUTH}\n{keys}")));
        let trunk = loaded.snapshot.trunk_named("south").unwrap();
        (trunk.session_timer, trunk.methods, trunk.media.sound.hold)
    }

    #[test]
    fn what_is_not_written_is_as_the_profile_says() {
        assert_eq!(south(""), (TimerSettings::default(), MethodSettings::default(), HoldForm::Pass));
    }

    #[test]
    fn every_key_is_taken() {
        let timer = "session_timer = { mode = \"required\", expires_s = 900, min_se_s = 300, refresher = \"us\" }";
        let (written, _, _) = south(timer);
        assert_eq!((written.mode, written.refresher), (TimerMode::Required, WantedRefresher::Us));
        assert_eq!((written.expires_s, written.min_se_s), (900, 300));
        let methods = "methods = { info = \"answer\", message = \"refuse\", notify = \"refuse\", options = \"cross\", \
                       subscribe = \"cross\", publish = \"cross\", unknown = \"cross\", sends = [\"NOTIFY\"], reinvites = \"update\" }";
        let (_, written, _) = south(methods);
        let wanted = MethodSettings {
            info: Rule::Answer,
            message: Rule::Refuse,
            notify: Rule::Refuse,
            options: Rule::Cross,
            subscribe: Rule::Cross,
            publish: Rule::Cross,
            unknown: Rule::Cross,
            sends: Sends::only(&["NOTIFY"]),
            reinvites: ReinviteAs::Update,
        };
        assert_eq!(written, wanted);
        assert_eq!(south("media = { hold = \"inactive\" }").2, HoldForm::Inactive);
        assert_eq!(south("media = { hold = \"unsaid\" }").2, HoldForm::Unsaid);
    }

    refused! {
        an_interval_below_the_standards_least: SOUTH => "targets = [\"10.2.0.2\"]\nsession_timer = { min_se_s = 60 } #!",
            "trunks.south.session_timer.min_se_s", "90";
        an_interval_that_we_would_refuse_ourselves: SOUTH => "targets = [\"10.2.0.2\"]\nsession_timer = { expires_s = 120, min_se_s = 600 } #!",
            "trunks.south.session_timer.expires_s", "is below min_se_s";
        an_unknown_rule_of_a_method: SOUTH => "targets = [\"10.2.0.2\"]\nmethods = { info = \"crosses\" } #!",
            "trunks.south.methods.info", "did you mean \"cross\"?";
        a_method_that_cannot_be_set: SOUTH => "targets = [\"10.2.0.2\"]\nmethods = { sends = [\"BYE\"] } #!",
            "trunks.south.methods.sends[0]", "is none of UPDATE, INFO";
        an_unknown_form_of_hold: SOUTH => "targets = [\"10.2.0.2\"]\nmedia = { hold = \"zero\" } #!",
            "trunks.south.media.hold", "";
    }
}

mod names {
    use super::*;

    refused! {
        an_unknown_key_suggests_the_nearest: "listener = \"platform\"" => "listener = \"platform\"\nlistner = \"x\" #!",
            "trunks.teams.listner", "unknown key; did you mean \"listener\"?";
        an_unknown_key_like_no_other_lists_the_known: "name = \"t\"" => "name = \"t\"\ncolour = 1 #!",
            "node.colour", "unknown key; known here: control, drain_s, name, state_dir";
        an_unknown_table_suggests_the_nearest: "[limits]" => "[network.x] #!\nbind = \"1.2.3.4\"\n[limits]",
            "network", "did you mean \"networks\"?";
        an_unknown_key_of_an_inline_table_is_found: "{ trunk = \"south\" }]" => "{ trunk = \"south\", wieght = 3 }] #!",
            "groups.pstn.members[1].wieght", "did you mean \"weight\"?";
        a_table_name_that_is_no_label_is_refused: "[limits]" => "[trust.\"my roots\"] #!\nroots = \"system\"\n[limits]",
            "trust.\"my roots\"", "is no name; a name has 1 to 64 letters";
        a_group_may_not_be_called_like_a_trunk: "[groups.pstn]" => "[groups.south] #!\nmembers = [{ trunk = \"north\" }]\n[groups.pstn]",
            "groups.south", "write another name for the group";
        two_routes_of_one_name_are_refused: "[[routes]]\nfrom = \"pstn\"\nto = [\"teams\"]\n[[routes]]" => "[[routes]]\nname = \"r\"\nfrom = \"pstn\"\nto = [\"teams\"]\n[[routes]]\nname = \"r\" #!",
            "routes[1].name", "routes[0] has this name too; write another one";
    }
}

mod numbers_and_headers {
    use super::*;

    const SOUTH: &str = "targets = [\"10.2.0.2\"]";

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
            "trunks.south.numbers.outgoing_rules[0].match", "refers to group $1";
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
}

mod context {
    use trunkline::route::policy::{ContextBuilder, Form, Incoming};

    use super::*;

    const SOUTH: &str = "targets = [\"10.2.0.2\"]";

    fn with(line: &str) -> String {
        format!("{SOUTH}\n{line} #!")
    }

    /// Calls from teams with these pairs, to trunks without a builder but for what `south` says.
    fn routed(south: &str, route: &str) -> String {
        let trunk = changed(SOUTH, &format!("{SOUTH}\n{south}"));
        trunk.replacen("to = [\"pstn\"]", &format!("to = [\"pstn\"]\n{route} #!"), 1)
    }

    fn built(text: &str) -> ContextBuilder {
        let loaded = accepted(text);
        let trunk = loaded.snapshot.trunk_named("south").expect("the trunk").clone();
        trunk.presentation.headers.context.clone().expect("a builder")
    }

    fn names(builder: &ContextBuilder) -> Vec<&str> {
        builder.pairs.iter().map(|pair| pair.name.as_str()).collect()
    }

    #[test]
    fn pairs_keep_the_order_of_the_file() {
        let line = "context = { values = { zulu = \"1\", alpha = \"${calling}\", mike = \"${header:X-M}\" }, max_octets = 200 }";
        let builder = built(&changed(SOUTH, &with(line)));
        assert_eq!(names(&builder), ["zulu", "alpha", "mike"]);
        assert_eq!((builder.incoming, builder.max_octets), (Incoming::Merge, 200));
        assert_eq!(builder.form, Form::Hex { purpose: None, content: None });
        let long = "[trunks.south.context]\nincoming = \"keep\"\nform = \"plain\"\n[trunks.south.context.values]\nb = \"2\"\na = \"1\"";
        let builder = built(&changed(SOUTH, &with(long)));
        assert_eq!((names(&builder), builder.incoming, &builder.form), (vec!["b", "a"], Incoming::Keep, &Form::Plain));
    }

    #[test]
    fn a_route_alone_may_say_the_pairs() {
        let loaded = accepted(&routed("context = {}", "context = { queue = \"vip\" }"));
        assert!(loaded.snapshot.trunk_named("south").is_some_and(|trunk| trunk.presentation.headers.context.is_some()));
    }

    /// Half of the value is the text's (MD-223): with `;encoding=hex` 121 octets of hex text, 128 plain.
    #[test]
    fn fixed_text_fits_to_the_last_octet() {
        for (form, fits) in [("hex", 121), ("plain", 128)] {
            let context = |octets: usize| {
                let value = "x".repeat(octets - 2);
                with(&format!("context = {{ values = {{ a = \"{value}\" }}, form = \"{form}\" }}"))
            };
            accepted(&changed(SOUTH, &context(fits)));
            assert_error(&changed(SOUTH, &context(fits + 1)), "trunks.south.context", &format!("and {fits} fit"));
        }
    }

    #[test]
    fn a_route_that_makes_it_too_long_is_refused() {
        let south = format!("context = {{ values = {{ a = \"{}\" }} }}", "x".repeat(100));
        accepted(&routed(&south, "context = { b = \"1234567890123456\" }"));
        let text = routed(&south, "context = { b = \"12345678901234567\" }");
        assert_error(&text, "routes[1].context", "together with context of trunk \"south\" it has 122 octets");
        let replaced = format!("context = {{ a = \"{}\" }}", "y".repeat(119));
        accepted(&routed(&south, &replaced));
    }

    #[test]
    fn a_route_whose_trunks_write_none_is_refused() {
        assert_error(&routed("", "context = { b = \"1\" }"), "routes[1].context", "write context = {} at the trunk");
    }

    refused! {
        a_name_with_an_equals_sign: SOUTH => &with("context = { values = { \"a=b\" = \"1\" } }"),
            "trunks.south.context.values.\"a=b\"", "is no name: 1 to 64 printable characters";
        a_name_with_a_semicolon: SOUTH => &with("context = { values = { \"a;b\" = \"1\" } }"),
            "trunks.south.context.values.\"a;b\"", "without space, ; and =";
        a_value_with_a_semicolon: SOUTH => &with("context = { values = { a = \"1;b=2\" } }"),
            "trunks.south.context.values.a", "holds a semicolon";
        a_value_outside_ascii: SOUTH => &with("context = { values = { a = \"gr\u{fc}n\" } }"),
            "trunks.south.context.values.a", "outside printable ASCII";
        a_value_of_an_unknown_source: SOUTH => &with("context = { values = { a = \"${crm}\" } }"),
            "trunks.south.context.values.a", "header:NAME, context:NAME";
        a_value_from_credentials: SOUTH => &with("context = { values = { a = \"${header:Authorization}\" } }"),
            "trunks.south.context.values.a", "holds credentials and is never copied";
        an_empty_value: SOUTH => &with("context = { values = { a = \"\" } }"),
            "trunks.south.context.values.a", "is empty";
        a_space_in_the_plain_form: SOUTH => &with("context = { values = { a = \"b c\" }, form = \"plain\" }"),
            "trunks.south.context", "has \"a\", which does not fit the plain form";
        a_purpose_in_the_plain_form: SOUTH => &with("context = { form = \"plain\", purpose = \"x\" }"),
            "trunks.south.context.purpose", "would read as a pair";
        a_purpose_that_is_no_token: SOUTH => &with("context = { purpose = \"a b\" }"),
            "trunks.south.context.purpose", "write purpose = \"isdn-uui\"";
        a_policy_that_is_none: SOUTH => &with("context = { incoming = \"both\" }"),
            "trunks.south.context.incoming", "merge, keep, replace";
        a_limit_beyond_reason: SOUTH => &with("context = { max_octets = 2000 }"),
            "trunks.south.context.max_octets", "is not between 32 and 1024";
        a_key_that_is_none: SOUTH => &with("context = { vaules = { a = \"1\" } }"),
            "trunks.south.context.vaules", "did you mean \"values\"?";
    }
}

mod types_and_values {
    use super::*;

    refused! {
        a_number_for_a_string_is_refused: "name = \"t\"" => "name = 5 #!",
            "node.name", "expected a string, found a whole number; write name = \"sbc1\"";
        a_string_for_a_number_is_refused: "max_calls = 100" => "max_calls = \"100\" #!",
            "limits.max_calls", "expected a whole number, found a string; write max_calls = 2000";
        a_string_for_a_list_is_refused: "targets = [\"sip.example.com\"]" => "targets = \"sip.example.com\" #!",
            "trunks.teams.targets", "expected a list, found a string; write targets = [";
        a_value_for_a_table_is_refused: "[limits]\nmax_calls = 100" => "[trunks.south.media]\nsrtp = 4 #!",
            "trunks.south.media.srtp", "expected a table, found a whole number";
        a_single_route_table_needs_two_brackets: "[limits]" => "[emergency]\nnumbers = [110] #!\n[limits]",
            "emergency.numbers[0]", "expected a string, found a whole number";
        a_fraction_is_no_count: "max_calls = 100" => "max_calls = 1.5 #!",
            "limits.max_calls", "expected a whole number, found a fraction";
        a_count_out_of_bounds_names_them: "max_calls = 100" => "max_calls = 0 #!",
            "limits.max_calls", "0 is not between 1 and 1000000";
        a_number_beyond_all_bounds_is_refused: "max_calls = 100" => "max_calls = 99999999999999999999 #!",
            "limits.max_calls", "is not between 1 and 1000000";
        an_empty_string_is_refused: "name = \"t\"" => "name = \"\" #!", "node.name", "is empty; write name = \"sbc1\"";
        a_control_character_is_refused: "name = \"t\"" => "name = \"a\\u001bb\" #!", "node.name", "control character";
        a_port_out_of_range_is_refused: "transport = \"udp\"" => "transport = \"udp\"\nport = 65536 #!",
            "listeners.carrier.port", "65536 is not between 1 and 65535; write port = 5061";
        an_address_that_is_none_is_refused: "bind = \"192.0.2.1\"" => "bind = \"192.0.2.256\" #!",
            "networks.public.bind", "\"192.0.2.256\" is no IP address; write bind = \"0.0.0.0\"";
        an_address_nobody_can_reach_is_not_advertised: "bind = \"192.0.2.1\"" => "bind = \"192.0.2.1\"\nadvertise = \"0.0.0.0\" #!",
            "networks.public.advertise", "no peer can send to this address";
        two_families_on_one_network_are_refused: "bind = \"192.0.2.1\"" => "bind = \"192.0.2.1\"\nadvertise = \"2001:db8::1\" #!",
            "networks.public.advertise", "both be IPv4 or both IPv6";
        an_odd_first_rtp_port_is_refused: "\"10000-18999\"" => "\"10001-18999\" #!",
            "networks.public.rtp_ports", "starts at an odd port; RTP uses even ones; write rtp_ports = \"10000-18999\"";
        a_reversed_port_range_is_turned_round: "\"10000-18999\"" => "\"18999-10000\" #!",
            "networks.public.rtp_ports", "is reversed; did you mean \"10000-18999\"?";
        a_range_with_stray_bits_names_the_range_meant: "sources = [\"198.51.100.0/28\"]" => "sources = [\"198.51.100.1/28\"] #!",
            "trunks.teams.sources[0]", "did you mean 198.51.100.0/28?";
        a_keep_alive_of_a_trunk_is_not_too_often: "sources = [\"198.51.100.0/28\"]" => "sources = [\"198.51.100.0/28\"]\nkeep_alive_s = 5 #!",
            "trunks.teams.keep_alive_s", "is too often; write 15 or more, or 0 for none";
        contacts_are_ranges_like_sources: "sources = [\"198.51.100.0/28\"]" => "sources = [\"198.51.100.0/28\"]\ncontacts = [\"198.51.100.65/28\"] #!",
            "trunks.teams.contacts[0]", "did you mean 198.51.100.64/28?";
        an_unknown_word_suggests_the_nearest: "transport = \"tls\"" => "transport = \"tsl\" #!",
            "listeners.platform.transport", "unknown value; did you mean \"tls\"?";
        an_unknown_word_lists_the_known: "[limits]" => "[log]\nlevel = \"loud\" #!\n[limits]",
            "log.level", "\"loud\" is none of error, warn, info, debug, trace; write level = \"info\"";
    a_trace_that_leaves_calls_no_room: "[limits]" => "[trace]\noctets = 60000000 #!\n[limits]\nmemory_mb = 64",
        "trace.octets", "no call would be admitted under limits.memory_mb = 64";
        an_fqdn_needs_a_dot: "\"sbc1.example.com\"" => "\"sbc1\" #!", "trunks.teams.fqdn", "is no full domain name";
        an_fqdn_is_no_address: "\"sbc1.example.com\"" => "\"192.0.2.1\" #!", "trunks.teams.fqdn", "write fqdn = \"sbc1.example.com\"";
        an_unknown_suite_names_the_known: "[limits]" => "[trunks.teams.media]\nsuites = [\"F8_128_HMAC_SHA1_80\"] #!\n[limits]",
            "trunks.teams.media.suites[0]", "AEAD_AES_128_GCM, AEAD_AES_256_GCM are";
        a_suite_named_twice_is_refused: "[limits]" => "[trunks.teams.media]\nsuites = [\"AEAD_AES_128_GCM\", \"AEAD_AES_128_GCM\"] #!\n[limits]",
            "trunks.teams.media.suites", "names a suite twice";
        a_key_policy_of_another_word_is_refused: "[limits]" => "[trunks.teams.media.srtp]\ngenerate_keys = \"never\" #!\n[limits]",
            "trunks.teams.media.srtp.generate_keys", "always";
        a_kind_of_ice_that_is_not_served_is_refused: "[limits]" => "[trunks.teams.media]\nice = \"full\" #!\n[limits]",
            "trunks.teams.media.ice", "\"full\" is none of off, lite";
        a_silence_nobody_notices_ends_no_call: "[limits]" => "[trunks.teams.media]\nsilence_s = 0\non_silence = \"hang-up\" #!\n[limits]",
            "trunks.teams.media.on_silence", "write silence_s = 30";
        an_action_on_silence_of_another_word_is_refused: "[limits]" => "[trunks.teams.media]\non_silence = \"beep\" #!\n[limits]",
            "trunks.teams.media.on_silence", "\"beep\" is none of report, hang-up";
        a_reliability_of_another_word_is_refused: "[limits]" => "[trunks.teams.provisional]\nreliable = \"always\" #!\n[limits]",
            "trunks.teams.provisional.reliable", "\"always\" is none of off, accept, supported, required";
        a_view_of_forks_of_another_word_is_refused: "[limits]" => "[trunks.teams.provisional]\nforks = \"all\" #!\n[limits]",
            "trunks.teams.provisional.forks", "\"all\" is none of single, first, ringing";
        a_response_that_never_passes_is_refused: "[limits]" => "[trunks.teams.provisional]\npass = [180, 184] #!\n[limits]",
            "trunks.teams.provisional.pass[1]", "184 is none of 180, 181, 182, 183, 199";
        a_trust_in_early_media_of_another_word: "[limits]" => "[trunks.teams.provisional]\np_early_media = \"pass\" #!\n[limits]",
            "trunks.teams.provisional.p_early_media", "\"pass\" is none of off, trust";
        a_bridge_after_a_minute_is_refused: "[limits]" => "[trunks.teams.provisional]\nprogress_s = 90 #!\n[limits]",
            "trunks.teams.provisional.progress_s", "60";
        a_host_entry_without_address_is_refused: "[limits]" => "[dns.hosts]\n\"a.example\" = [] #!\n[limits]",
            "dns.hosts.\"a.example\"", "has no address; write \"a.example\" = [\"192.0.2.1\"]";
        a_broken_expression_says_why: "from = \"pstn\"" => "from = \"pstn\"\ncalled = { regex = \"^(\" } #!",
            "routes[0].called.regex", "is no regular expression: unclosed group";
        a_pattern_of_two_kinds_is_refused: "from = \"pstn\"" => "from = \"pstn\"\ncalled = { prefix = \"1\", regex = \"^1\" } #!",
            "routes[0].called", "has both prefix and regex; keep one of the two";
        an_empty_pattern_is_refused: "from = \"pstn\"" => "from = \"pstn\"\ncalled = {} #!",
            "routes[0].called", "names no pattern; write called = { prefix = \"+4930\" }";
        credentials_need_all_three: "[limits]" => "[trunks.south.auth] #!\nuser = \"u\"\npassword_file = \"p\"\n[limits]",
            "trunks.south.auth", "missing key \"realm\"; write realm = \"carrier.example\"";
        md5_is_a_matter_of_what_we_demand: "[limits]" => "[trunks.south.auth]\nuser = \"u\"\nrealm = \"r\"\npassword_file = \"p\"\nallow_md5 = true #!\n[limits]",
            "trunks.south.auth.allow_md5", "has a meaning with require = true only";
        an_address_of_record_has_a_user: "[limits]" => "[trunks.south.registration]\naor = \"sip:carrier.example\" #!\n[limits]",
            "trunks.south.registration.aor", "is no SIP address with a user and without parameters; write aor = \"sip:user@carrier.example\"";
        an_address_of_record_has_no_parameters: "[limits]" => "[trunks.south.registration]\naor = \"sip:a@carrier.example;transport=tls\" #!\n[limits]",
            "trunks.south.registration.aor", "is no SIP address with a user and without parameters";
        a_password_in_the_file_is_refused_and_not_shown: "[limits]" => "[trunks.south.auth]\nuser = \"u\"\nrealm = \"r\"\npassword = \"hunter2\" #!\n[limits]",
            "trunks.south.auth.password", "secrets do not stand in this file; write password_file";
        t2_is_not_below_t1: "[limits]" => "[trunks.south.timers]\nt1_ms = 1000\nt2_ms = 500 #!\n[limits]",
            "trunks.south.timers.t2_ms", "T2 is below T1; write t2_ms = 4000";
    }

    #[test]
    fn a_single_bracket_for_routes_is_answered_with_two() {
        let routes = GOOD.find("[[routes]]").unwrap();
        let text = format!("{}[routes] #!\nfrom = \"teams\"\n", &GOOD[..routes]);
        assert_error(&text, "routes", "write [[routes]] with two brackets");
    }
}

mod missing_things {
    use super::*;

    refused! {
        a_missing_key_is_reported_at_its_table: "[trunks.teams]\nprofile = \"generic-tls\"\nlistener = \"platform\"" => "[trunks.teams] #!\nprofile = \"generic-tls\"",
            "trunks.teams", "missing key \"listener\"; write listener = \"carrier\"";
        a_missing_profile_names_the_profiles: "[trunks.north]\nprofile = \"carrier-ip\"" => "[trunks.north] #!",
            "trunks.north", "missing key \"profile\"; write profile = \"azure-acs\" or \"carrier-gin\"";
        missing_targets_are_reported: "[trunks.north]\nprofile = \"carrier-ip\"\nlistener = \"carrier\"\ntargets = [\"10.2.0.1:5060\"]" => "[trunks.north] #!\nprofile = \"carrier-ip\"\nlistener = \"carrier\"\nsources = [\"10.2.0.1\"]",
            "trunks.north", "missing key \"targets\"; write targets = [\"198.51.100.7:5060\"]";
        empty_targets_are_refused: "targets = [\"sip.example.com\"]" => "targets = [] #!",
            "trunks.teams.targets", "no target is left";
        a_tls_listener_needs_a_certificate: "[listeners.platform]\nnetwork = \"public\"\ntransport = \"tls\"\ncertificates = [\"main\"]" => "[listeners.platform] #!\nnetwork = \"public\"\ntransport = \"tls\"",
            "listeners.platform", "missing key \"certificates\"; write certificates = [\"main\"]";
        an_empty_certificate_list_is_refused: "certificates = [\"main\"]" => "certificates = [] #!",
            "listeners.platform.certificates", "a TLS listener needs a certificate";
        a_wildcard_bind_needs_an_advertised_address: "[networks.carrier]\nbind = \"10.1.0.4\"" => "[networks.carrier] #!\nbind = \"0.0.0.0\"",
            "networks.carrier", "missing key \"advertise\"";
        a_group_needs_a_member: "members = [{ trunk = \"north\", weight = 2 }, { trunk = \"south\" }]" => "members = [] #!",
            "groups.pstn.members", "a group needs a member";
        a_route_needs_a_destination: "to = [\"pstn\"]" => "to = [] #!", "routes[1].to", "a route needs a destination";
        a_route_needs_a_start: "[[routes]]\nfrom = \"pstn\"" => "[[routes]] #!", "routes[0]", "missing key \"from\"";
    }

    /// A profile that is misspelt may know the targets: the one mistake is told once.
    #[test]
    fn an_unknown_profile_is_one_error() {
        let profile = "[trunks.teams]\nprofile = \"generic-tls\"";
        let text = GOOD.replace(profile, "[trunks.teams]\nprofile = \"microsoft-team\"");
        let text = text.replace("targets = [\"sip.example.com\"]\n", "");
        let report = read(&text).unwrap_err().to_string();
        let errors: Vec<&str> = report.lines().filter(|line| !line.contains(": warning: ")).collect();
        assert_eq!(errors.len(), 1, "{report}");
        assert!(
            errors[0].ends_with("trunks.teams.profile: unknown value; did you mean \"microsoft-teams\"?"),
            "{report}"
        );
    }

    #[test]
    fn an_empty_file_is_told_where_to_begin() {
        let report = read("").unwrap_err();
        assert_eq!(
            report.to_string(),
            "trunkline.toml: no listener: nothing can arrive; write a table [listeners.NAME]\n"
        );
    }
}

mod references {
    use super::*;

    refused! {
        a_listener_of_an_unknown_network: "network = \"carrier\"" => "network = \"carier\" #!",
            "listeners.carrier.network", "there is no network \"carier\"; did you mean \"carrier\"?";
        a_trunk_on_an_unknown_listener: "listener = \"platform\"" => "listener = \"edge\" #!",
            "trunks.teams.listener", "there is no listener \"edge\"; write one of carrier, platform, or add [listeners.NAME]";
        a_listener_of_an_unknown_certificate: "certificates = [\"main\"]" => "certificates = [\"other\"] #!",
            "listeners.platform.certificates[0]", "there is no certificate \"other\"";
        a_trunk_of_an_unknown_trust_store: "fqdn = " => "trust = \"ms\" #!\nfqdn = ",
            "trunks.teams.trust", "there is no trust store \"ms\"; write one of default";
        a_trunk_of_an_unknown_profile: "profile = \"generic-tls\"" => "profile = \"generic-tsl\" #!",
            "trunks.teams.profile", "did you mean \"generic-tls\"?";
        a_group_with_an_unknown_member: "{ trunk = \"south\" }]" => "{ trunk = \"soth\" }] #!",
            "groups.pstn.members[1].trunk", "there is no trunk \"soth\"; did you mean \"south\"?";
        a_group_is_no_member_of_a_group: "{ trunk = \"south\" }]" => "{ trunk = \"pstn\" }] #!",
            "groups.pstn.members[1].trunk", "there is no trunk \"pstn\"";
        a_route_from_nobody: "from = \"teams\"" => "from = \"team\" #!", "routes[1].from", "did you mean \"teams\"?";
        a_route_to_nobody: "to = [\"pstn\"]" => "to = [\"pstn\", \"moon\"] #!",
            "routes[1].to[1]", "there is no trunk or group \"moon\"";
        an_account_on_an_unknown_trunk: "[limits]" => "[accounts.acme]\nfqdn = \"acme.sbc1.example.com\"\ntrunk = \"x\" #!\n[limits]",
            "accounts.acme.trunk", "there is no trunk \"x\"";
    }

    #[test]
    fn several_trust_stores_without_a_default_must_be_chosen() {
        let text = changed("[trust.default]", "[trust.a]\nroots = \"system\"\n[trust.b]");
        let text = text.replacen("[trunks.teams]", "[trunks.teams] #!", 1);
        assert_error(&text, "trunks.teams.trust", "write trust = \"NAME\", or name one \"default\"");
    }
}

mod together {
    use super::*;

    refused! {
        rtp_ports_of_networks_on_one_address_do_not_overlap: "bind = \"10.1.0.4\"\nrtp_ports = \"20000-28999\"" => "bind = \"0.0.0.0\"\nadvertise = \"10.1.0.4\"\nrtp_ports = \"18000-28999\" #!",
            "networks.carrier.rtp_ports", "ports 18000-18999 belong to network \"public\" too";
        two_listeners_on_one_port: "[limits]" => "[listeners.again]\nnetwork = \"carrier\"\ntransport = \"udp\"\nport = 5060 #!\n[limits]",
            "listeners.again.port", "port 5060 is taken by listener \"carrier\"; write another port";
        tcp_and_tls_share_the_ports: "[limits]" => "[listeners.again]\nnetwork = \"public\"\ntransport = \"tcp\"\nport = 5061 #!\n[limits]",
            "listeners.again.port", "port 5061 is taken by listener \"platform\"";
        metrics_on_a_listeners_port: "[limits]" => "[metrics]\nbind = \"0.0.0.0:5061\" #!\n[limits]",
            "metrics.bind", "port 5061 is taken by listener \"platform\"";
        a_listener_inside_the_rtp_ports: "transport = \"udp\"" => "transport = \"udp\"\nport = 20002 #!",
            "listeners.carrier.port", "port 20002 lies in rtp_ports of network \"carrier\"";
        a_profile_that_does_not_speak_the_transport: "profile = \"carrier-ip\"" => "profile = \"generic-tls\" #!",
            "trunks.north.profile", "generic-tls speaks tls, listener \"carrier\" is udp; write a tls listener or another profile";
        a_certificate_on_a_udp_trunk: "targets = [\"10.2.0.1:5060\"]" => "targets = [\"10.2.0.1:5060\"]\ncertificate = \"main\" #!",
            "trunks.north.certificate", "has a meaning over TLS only";
        a_certificate_on_a_udp_listener: "transport = \"udp\"" => "transport = \"udp\"\ncertificates = [\"main\"] #!",
            "listeners.carrier.certificates", "only a listener with transport = \"tls\" has it; leave it out";
        a_target_of_the_other_address_family: "targets = [\"10.2.0.2\"]" => "targets = [\"[2001:db8::1]:5060\"] #!",
            "trunks.south.targets", "2001:db8::1 cannot be reached from network \"carrier\"";
        a_keep_alive_of_a_udp_trunk: "targets = [\"10.2.0.2\"]" => "targets = [\"10.2.0.2\"]\nkeep_alive_s = 30 #!",
            "trunks.south.keep_alive_s", "has a meaning over TCP and TLS only";
        two_trunks_of_one_source: "targets = [\"10.2.0.2\"]" => "targets = [\"10.2.0.2\"]\nsources = [\"10.2.0.1\"] #!",
            "trunks.south.sources", "10.2.0.1/32 sends as \"north\" too: nothing tells the two apart; write different sources, an fqdn for each, or peer_names";
        srv_brings_its_own_port: "targets = [\"10.2.0.2\"]" => "targets = [{ host = \"a.example\", srv = true, port = 5060 }] #!\nsources = [\"10.2.0.2\"]",
            "trunks.south.targets[0].port", "leave port out, or write srv = false";
        an_address_has_no_srv: "targets = [\"10.2.0.2\"]" => "targets = [{ host = \"10.2.0.2\", srv = true }] #!",
            "trunks.south.targets[0].srv", "write a name as host, or srv = false";
        naptr_brings_its_own_port: "targets = [\"10.2.0.2\"]" => "targets = [{ host = \"a.example\", naptr = true, port = 5060 }] #!\nsources = [\"10.2.0.2\"]",
            "trunks.south.targets[0].port", "leave port out, or write naptr = false";
        naptr_leads_to_srv: "targets = [\"10.2.0.2\"]" => "targets = [{ host = \"a.example\", naptr = true, srv = false }] #!\nsources = [\"10.2.0.2\"]",
            "trunks.south.targets[0].srv", "leave srv out, or write naptr = false";
        only_a_proven_connection_is_offered: "listener = \"carrier\"" => "listener = \"carrier\"\noffer_reuse = true #!",
            "trunks.north.offer_reuse", "has a meaning over TLS only; leave it out";
        only_datagrams_are_too_small: "listener = \"platform\"" => "listener = \"platform\"\nudp_to_tcp = true #!",
            "trunks.teams.udp_to_tcp", "has a meaning over UDP only; leave it out";
        datagrams_keep_nothing_alive: "transport = \"udp\"" => "transport = \"udp\"\nkeep_alive_s = 30 #!",
            "listeners.carrier.keep_alive_s", "has a meaning over TCP and TLS only; leave it out";
        a_target_that_is_our_own_listener: "targets = [\"10.2.0.2\"]" => "targets = [\"10.1.0.4:5060\"] #!\nsources = [\"10.2.0.2\"]",
            "trunks.south.targets", "is our own listener \"carrier\": calls would come back to us";
        media_to_anywhere: "allow_media = [\"10.0.0.0/8\"]" => "allow_media = [\"0.0.0.0/0\"] #!",
            "networks.carrier.allow_media", "would let media be sent to any address";
        a_trunk_without_codecs: "targets = [\"10.2.0.2\"]" => "targets = [\"10.2.0.2\"]\nmedia = { codecs = [] } #!",
            "trunks.south.media.codecs", "no codec is left to offer";
        a_target_with_a_scheme_is_refused: "targets = [\"10.2.0.2\"]" => "targets = [\"sip:10.2.0.2\"] #!\nsources = [\"10.2.0.2\"]",
            "trunks.south.targets[0]", "write targets = [\"198.51.100.7:5060\"]";
    }

    #[test]
    fn one_source_is_fine_on_two_listeners() {
        let second = "[listeners.extra]\nnetwork = \"carrier\"\ntransport = \"udp\"\nport = 5070\n[trunks.other]\nprofile = \"carrier-ip\"\nlistener = \"extra\"\ntargets = [\"10.2.0.1:5060\"]\n[limits]";
        accepted(&changed("[limits]", second));
    }
}

mod warnings {
    use super::*;

    warned! {
        srtp_over_udp_is_readable: "targets = [\"10.2.0.2\"]" => "targets = [\"10.2.0.2\"]\nmedia = { security = \"srtp\" } #!",
            "trunks.south.media.security", "SRTP keys travel readable over udp";
        a_counter_reset_where_a_new_ssrc_does_it: "[limits]" => "[trunks.teams.media.srtp]\nreset_on_rekey = true #!\n[limits]",
            "trunks.teams.media.srtp.reset_on_rekey", "it acts with ssrc_on_rekey = \"keep\"";
        an_api_without_a_store: "[limits]" => "[api]\nbind = \"127.0.0.1:8443\" #!\n[limits]",
            "api.bind", "the API is not served: it needs a store; write provisioning.source = \"store\"";
        a_trunk_that_lets_everybody_in: "targets = [\"10.2.0.2\"]" => "targets = [\"10.2.0.2\"]\nsources = [\"0.0.0.0/0\"] #!",
            "trunks.south.sources", "anybody may send as this trunk";
        a_route_back_to_its_trunk: "to = [\"teams\"]" => "to = [\"teams\", \"north\"] #!",
            "routes[0].to", "calls from \"north\" may go back to it";
        a_codec_nobody_knows: "targets = [\"10.2.0.2\"]" => "targets = [\"10.2.0.2\"]\nmedia = { codecs = [\"PCAM\"] } #!",
            "trunks.south.media.codecs", "no codec is known as \"PCAM\"; did you mean \"PCMA\"?";
        a_trunk_that_lets_nobody_in: "targets = [\"10.2.0.2\"]" => "targets = [\"carrier.example\"]\nsources = [] #!",
            "trunks.south.sources", "nobody is let in from this trunk";
        a_route_behind_one_that_takes_all: "[[routes]]\nfrom = \"teams\"\nto = [\"pstn\"]" => "[[routes]]\nfrom = \"teams\"\nto = [\"pstn\"]\n[[routes]] #!\nfrom = \"teams\"\nto = [\"north\"]",
            "routes[2]", "never reached: routes[1] takes every call from \"teams\"";
        an_expression_without_anchor: "from = \"pstn\"" => "from = \"pstn\"\ncalled = { regex = \"4930\" } #!",
            "routes[0].called.regex", "start it with ^ to mean its beginning";
        peer_names_where_no_certificate_is_asked_for: "certificates = [\"main\"]\n" => "certificates = [\"main\"]\nclient_certificate = \"never\"\n[trunks.x]\nprofile = \"generic-tls\"\nlistener = \"platform\"\ntargets = [\"203.0.113.9\"]\npeer_names = [\"a.example\"] #!\n",
            "trunks.x.peer_names", "asks for no certificate";
    }

    #[test]
    fn the_good_file_has_no_warning() {
        assert_eq!(accepted(GOOD).warnings(), []);
    }

    #[test]
    fn suites_and_key_policy_of_a_trunk_are_acted_on_without_a_word() {
        let media = "[trunks.teams.media]\nsuites = [\"AEAD_AES_256_GCM\", \"AES_CM_128_HMAC_SHA1_80\"]\n[trunks.teams.media.srtp]\ngenerate_keys = \"always\"\nssrc_on_rekey = \"keep\"\nreset_on_rekey = true\n[limits]";
        let loaded = accepted(&changed("[limits]", media));
        assert_eq!(loaded.warnings(), []);
        let media = &loaded.snapshot.trunk_named("teams").unwrap().media;
        assert_eq!(media.suites, [SrtpSuite::AeadAes256Gcm, SrtpSuite::AesCm128HmacSha1_80]);
        assert_eq!(media.srtp.generate, KeyGeneration::Always);
        assert_eq!(media.srtp.on_rekey(), OnRekey::KeepFromZero);
    }

    #[test]
    fn what_is_written_as_default_is_not_warned_about() {
        let srtp = "[trunks.teams.media.srtp]\ngenerate_keys = \"only-if-required\"\nreset_on_rekey = false\nssrc_on_rekey = \"new\"\n[limits]";
        assert_eq!(accepted(&changed("[limits]", srtp)).warnings(), []);
    }
}

mod text_as_a_whole {
    use super::*;

    refused! {
        a_line_that_is_no_toml: "name = \"t\"" => "name = = \"t\" #!", "", "not TOML: ";
        a_string_without_quotes: "name = \"t\"" => "name = sbc1 #!", "", "not TOML: text must stand in quotes";
        a_key_written_twice: "name = \"t\"" => "name = \"t\"\nname = \"u\" #!", "", "is defined twice; keep one of the two";
        a_table_written_twice: "[limits]" => "[node] #!\ndrain_s = 5\n[limits]", "", "\"node\" is defined twice";
        a_nul_is_no_toml: "name = \"t\"" => "name = \"t\0\" #!", "", "not TOML: ";
    }

    #[test]
    fn seven_mistakes_are_seven_errors_in_the_order_of_their_lines() {
        let text = GOOD
            .replace("name = \"t\"", "name = 5")
            .replace("\"10000-18999\"", "\"10001-18999\"")
            .replace("network = \"carrier\"", "network = \"carier\"")
            .replace("\"sbc1.example.com\"", "sbc1")
            .replace("listener = \"platform\"", "listner = \"platform\"")
            .replace("max_calls = 100", "max_calls = -1");
        let report = read(&text).unwrap_err();
        let lines: Vec<_> = report.errors.iter().map(|error| (error.line, error.path.as_str())).collect();
        let wanted = [
            (2, "node.name"),
            (5, "networks.public.rtp_ports"),
            (20, "listeners.carrier.network"),
            (22, "trunks.teams"),
            (24, "trunks.teams.listner"),
            (25, ""),
            (45, "limits.max_calls"),
        ];
        assert_eq!(lines, wanted, "{report}");
        assert_eq!(report.to_string().lines().count(), 7);
    }

    #[test]
    fn the_same_mistake_on_two_lines_is_two_errors() {
        let report =
            read(&changed("name = \"t\"", "name = t\nstate_dir = s\ndrain_s = 1\ndrain_s = 2\nname = u")).unwrap_err();
        assert_eq!(report.errors.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 3, 5, 6], "{report}");
    }

    #[test]
    fn a_list_left_open_is_one_error() {
        let report = read(&changed("targets = [\"sip.example.com\"]", "targets = [\"sip.example.com\"")).unwrap_err();
        let open: Vec<_> = report.errors.iter().filter(|error| error.text.contains("not TOML")).collect();
        assert_eq!(open.len(), 1, "{report}");
        assert!(open[0].text.contains("is the bracket of the list above closed?"), "{report}");
        assert_eq!(report.warnings, []);
    }

    #[test]
    fn an_error_reads_file_line_path_and_advice() {
        let text = changed("name = \"t\"", "name = \"t\"\ndrain = 5");
        let report = read(&text).unwrap_err();
        assert_eq!(report.to_string(), "trunkline.toml:3: node.drain: unknown key; did you mean \"drain_s\"?\n");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let text = changed("[limits]", "[trunks.south.auth]\npassword = \"hunter2\"\npasword_file = \"x\"\n[limits]");
        assert!(!read(&text).unwrap_err().to_string().contains("hunter2"));
    }

    #[test]
    fn control_characters_of_a_key_do_not_reach_the_terminal() {
        let report = read(&changed("name = \"t\"", "\"a\\u001b[31m\" = 1")).unwrap_err();
        assert!(!report.to_string().contains('\x1b'), "{report:?}");
    }

    #[test]
    fn deep_nesting_is_refused_without_harm() {
        for deep in [format!("a = {}", "[".repeat(100_000)), format!("{}x = 1", "a.".repeat(100_000))] {
            let report = read(&deep).unwrap_err();
            assert!(report.errors.iter().any(|error| error.text.contains("nested too deeply")), "{report}");
        }
    }

    #[test]
    fn a_file_cut_or_bent_at_any_place_is_judged_without_panic() {
        for at in 0..GOOD.len() {
            let (head, tail) = GOOD.split_at(at);
            let bent = [format!("{head}{}", &tail[1..]), format!("{head}\"{tail}"), format!("{head}\n[{tail}")];
            for text in bent.iter().map(String::as_str).chain([head]) {
                let refused = read(text).err();
                assert!(refused.is_none_or(|report| !report.errors.is_empty()), "{text}");
            }
        }
    }

    #[test]
    fn too_many_tables_of_a_kind_are_refused() {
        let flood: String =
            (0..5001).map(|number| format!("[groups.g{number}]\nmembers = [{{ trunk = \"north\" }}]\n")).collect();
        let report = read(&changed("[[routes]]", &format!("{flood}[[routes]]"))).unwrap_err();
        assert!(report.to_string().contains("groups: has more than 5000 tables"), "{report}");
    }

    #[test]
    fn a_flood_of_mistakes_is_shown_in_part_and_counted() {
        let flood: String = (0..5000).map(|number| format!("k{number} = 1\n")).collect();
        let report = read(&flood).unwrap_err();
        assert_eq!((report.errors.len(), report.errors_not_shown), (500, 4500));
        assert!(report.to_string().ends_with("... and 4500 more errors\n"));
        assert!(report.errors.iter().all(|error| error.level == Level::Error));
    }
}

mod examples {
    use super::*;

    fn example(name: &str) -> String {
        std::fs::read_to_string(Path::new("config").join(name)).unwrap()
    }

    /// The complete example with every `#key` line in force.
    fn complete() -> String {
        let uncomment = |line: &str| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|letter: char| letter.is_ascii_lowercase()) => rest.to_owned(),
            Some(_) | None => line.to_owned(),
        };
        example("trunkline.toml").lines().map(|line| uncomment(line) + "\n").collect()
    }

    #[test]
    fn every_example_is_accepted() {
        let files = std::fs::read_dir("config").unwrap().map(|entry| entry.unwrap().path());
        let mut read = 0;
        for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
            accepted(&std::fs::read_to_string(&path).unwrap());
            read += 1;
        }
        assert!(read >= 3);
    }

    #[test]
    fn the_small_examples_have_no_warning() {
        for name in ["minimal.toml", "tls-to-carrier.toml"] {
            assert_eq!(accepted(&example(name)).warnings(), [], "{name}");
        }
    }

    #[test]
    fn the_commented_keys_of_the_complete_example_are_accepted() {
        accepted(&complete());
    }

    #[test]
    fn the_complete_example_shows_every_limit_with_its_default() {
        assert_eq!(accepted(&complete()).snapshot.limits, Limits::default());
    }

    #[test]
    fn the_complete_example_shows_the_values_of_its_profile() {
        let (plain, complete) = (accepted(&example("trunkline.toml")), accepted(&complete()));
        let [plain, complete] = [&plain, &complete].map(|file| file.snapshot.trunk_named("platform").unwrap());
        assert_eq!(plain.media, complete.media);
        assert_eq!(plain.timers, complete.timers);
        assert_eq!(plain.options, complete.options);
    }

    #[test]
    fn ice_is_off_until_a_trunk_asks_for_it() {
        use trunkline::route::media::Ice;
        let complete = complete();
        let ice = |text: &str| accepted(text).snapshot.trunk_named("platform").unwrap().media.ice;
        assert_eq!(ice(&complete), Ice::Off);
        assert_eq!(ice(&complete.replace("ice = \"off\"", "ice = \"lite\"")), Ice::Lite);
    }

    #[test]
    fn the_complete_example_names_every_key_of_its_tables() {
        let text = complete();
        let kind = |header: &str| {
            header
                .split('.')
                .enumerate()
                .filter(|(depth, _)| *depth != 1)
                .map(|(_, part)| part.trim_matches(']').to_owned())
                .collect::<Vec<_>>()
        };
        let headers: Vec<_> = text.lines().filter(|line| line.starts_with('[')).collect();
        let first = |(index, header): &(usize, &&str)| {
            headers.iter().position(|other| kind(other) == kind(header)) == Some(*index)
        };
        for header in headers.iter().enumerate().filter(first).map(|(_, header)| *header) {
            let probed = text.replacen(header, &format!("{header}\nqqqqqqqqqqqq = 1"), 1);
            let report = read(&probed).unwrap_err();
            let known = report.errors.iter().find_map(|error| error.text.strip_prefix("unknown key; known here: "));
            let table = header.trim_matches(['[', ']']);
            let own = text.split(&format!("{header}\n")).nth(1).and_then(|rest| rest.split("\n[").next()).unwrap();
            for key in known.unwrap_or_else(|| panic!("{header} takes any key")).split(", ") {
                let written = own.lines().any(|line| line.starts_with(&format!("{key} = ")));
                assert!(written || text.contains(&format!("[{table}.{key}]")), "{header} does not show {key}");
            }
        }
    }

    /// The bench's file: only what it names counts here, its certificates are made by the bench.
    #[test]
    fn a_platform_and_a_carrier_on_loopback_load() {
        let text = r#"
[networks.loop]
bind = "127.0.0.1"
advertise = "127.0.0.1"
rtp_ports = "10000-65535"
allow_media = ["127.0.0.0/8"]
[certificates.main]
chain = "../certs/sbc.pem"
key = "../certs/sbc.key"
[trust.bench]
roots = "../certs/ca.pem"
[listeners.platform]
network = "loop"
transport = "tls"
port = 5061
certificates = ["main"]
[trunks.platform]
profile = "generic-tls"
listener = "platform"
targets = ["127.0.1.1:5071"]
media = { codecs = ["PCMU"] }
"#;
        let loaded = accepted(text);
        let trunk = loaded.snapshot.trunk_named("platform").unwrap();
        let tls = trunk.tls.as_ref().unwrap();
        assert_eq!((tls.server_name.as_str(), tls.trust.as_str()), ("127.0.1.1", "bench"));
        assert_eq!(trunk.media.codecs, ["PCMU"]);
        assert_eq!(trunk.media.security, trunkline::route::media::Security::Srtp);
        assert_eq!(loaded.settings.certificates["main"].chain, Path::new("/base/../certs/sbc.pem"));
    }
}

/// Files on disk: the configuration itself and the certificates it names.
#[cfg(feature = "lab")]
mod files {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use rcgen::{
        CertificateParams, CertificateRevocationListParams, CertifiedIssuer, KeyIdMethod, KeyPair, SerialNumber,
    };
    use tempfile::TempDir;
    use trunkline::cli::check;
    use trunkline::config::{Files, load, parse};

    use trunkline::base::Secret;
    use trunkline::registration::Form;
    use trunkline::sip::auth::{Credentials, Demand};

    use super::{Finding, GOOD};

    struct Disk {
        dir: TempDir,
    }

    impl Disk {
        /// The good file with a chain of leaf and authority, its key, and the authority as trust store.
        fn new() -> Disk {
            let dir = tempfile::tempdir().unwrap();
            let disk = Disk { dir };
            let authority = CertificateParams::new(Vec::new()).unwrap();
            let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
            let key = KeyPair::generate().unwrap();
            let leaf = CertificateParams::new(vec!["*.example.com".to_owned()]).unwrap();
            let leaf = leaf.signed_by(&key, &authority).unwrap();
            disk.write("chain.pem", &format!("subject=quit\n{}{}", leaf.pem(), authority.pem()));
            disk.write("backwards.pem", &format!("{}{}", authority.pem(), leaf.pem()));
            disk.write("key.pem", &key.serialize_pem());
            disk.write("other.key.pem", &KeyPair::generate().unwrap().serialize_pem());
            disk.write("ca.pem", &authority.pem());
            disk.write("empty.pem", "");
            let list = CertificateRevocationListParams {
                this_update: rcgen::date_time_ymd(2021, 1, 1),
                next_update: rcgen::date_time_ymd(2022, 1, 1),
                crl_number: SerialNumber::from(1_u64),
                issuing_distribution_point: None,
                revoked_certs: Vec::new(),
                key_identifier_method: KeyIdMethod::Sha256,
            };
            disk.write("old.pem", &list.signed_by(&authority).unwrap().pem().unwrap());
            disk
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.dir.path().join(name);
            fs::write(&path, text).unwrap();
            // As an operator keeps a password.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            path
        }

        fn good(&self) -> String {
            GOOD.replace("roots = \"system\"", "roots = \"ca.pem\"")
        }

        /// Errors of the good file with one piece replaced, as (path, text).
        fn errors(&self, from: &str, to: &str) -> Vec<(String, String)> {
            assert!(self.good().contains(from));
            let path = self.write("trunkline.toml", &self.good().replacen(from, to, 1));
            let errors = load(&path).map_or_else(|report| report.errors, |_| Vec::new());
            errors.into_iter().map(|Finding { path, text, .. }| (path, text)).collect()
        }

        fn assert_error(&self, from: &str, to: &str, path: &str, says: &str) {
            let errors = self.errors(from, to);
            assert!(matches!(errors.as_slice(), [(at, text)] if at == path && text.contains(says)), "{errors:?}");
        }

        fn warnings(&self, text: &str) -> Vec<String> {
            let path = self.write("trunkline.toml", text);
            load(&path).unwrap().warnings().iter().map(ToString::to_string).collect()
        }
    }

    #[test]
    fn hold_music_is_read_with_the_file_and_what_is_no_music_is_named() {
        let disk = Disk::new();
        disk.write("hold.alaw", &"U".repeat(800));
        disk.write("hold.wav", "RIFF");
        let with = |file: &str| {
            let trunk = "targets = [\"10.2.0.2\"]";
            (trunk, format!("{trunk}\nmedia = {{ hold_music_file = \"{file}\" }}"))
        };
        let (from, to) = with("hold.alaw");
        let path = disk.write("trunkline.toml", &disk.good().replacen(from, &to, 1));
        let loaded = load(&path).unwrap();
        let music = loaded.snapshot.trunk_named("south").unwrap().media.sound.hold_music.clone();
        assert_eq!(music.map(|samples| samples.len()), Some(800));
        let at = "trunks.south.media.hold_music_file";
        for (file, says) in [
            ("hold.wav", "is no WAVE file"),
            ("none.wav", "cannot be read: No such file"),
            ("hold.mp3", "ends in none of .wav, .alaw, .ulaw"),
        ] {
            let (from, to) = with(file);
            disk.assert_error(from, &to, at, says);
        }
    }

    #[test]
    fn relative_paths_start_at_the_file() {
        let disk = Disk::new();
        assert_eq!(disk.warnings(&disk.good()), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_does_not_exist_is_named() {
        let disk = Disk::new();
        disk.assert_error(
            "\"chain.pem\"",
            "\"none.pem\"",
            "certificates.main.chain",
            "none.pem cannot be read: No such",
        );
        disk.assert_error("\"key.pem\"", "\"none.pem\"", "certificates.main.key", "write the path of a PEM file");
        disk.assert_error("\"ca.pem\"", "\"none.pem\"", "trust.default.roots", "none.pem cannot be read");
    }

    fn with_password(disk: &Disk) -> String {
        let auth = "[trunks.south.auth]\nuser = \"u\"\nrealm = \"r\"\npassword_file = \"pw\"\nrequire = true\n[trunks.south.registration]\naor = \"sip:+4930@carrier.example\"\ngin = true\n[limits]";
        disk.good().replacen("[limits]", auth, 1)
    }

    #[test]
    fn a_trunk_knows_its_password_and_what_it_registers() {
        let disk = Disk::new();
        disk.write("pw", "s3cret with spaces\r\n");
        let path = disk.write("trunkline.toml", &with_password(&disk));
        let loaded = load(&path).unwrap();
        assert_eq!(loaded.warnings(), []);
        let trunk = loaded.snapshot.trunks.iter().find(|trunk| &*trunk.name == "south").unwrap();
        let auth = trunk.auth.as_ref().unwrap();
        let password = Secret::new(b"s3cret with spaces".to_vec());
        assert_eq!(*auth.credentials, Credentials::new("u".into(), "r".into(), password));
        assert_eq!(auth.demand, Some(Demand::Sha256));
        let registration = trunk.registration.as_ref().unwrap();
        assert_eq!((registration.expires.as_secs(), registration.form), (600, Form::Bulk));
        assert!(!format!("{loaded:?}").contains("s3cret"));
    }

    #[test]
    fn a_password_file_holds_one_line() {
        let disk = Disk::new();
        for bad in ["", "\n", "a\nb\n", "a\0b"] {
            disk.write("pw", bad);
            let path = disk.write("trunkline.toml", &with_password(&disk));
            let errors = load(&path).unwrap_err().errors;
            assert!(errors[0].text.contains("must hold one line with the password and nothing else"), "{errors:?}");
        }
    }

    #[test]
    fn a_directory_is_no_certificate() {
        Disk::new().assert_error("\"chain.pem\"", "\".\"", "certificates.main.chain", "is no file");
    }

    #[test]
    fn a_file_without_certificate_says_what_one_looks_like() {
        let disk = Disk::new();
        disk.assert_error("\"chain.pem\"", "\"key.pem\"", "certificates.main.chain", "BEGIN CERTIFICATE");
        disk.assert_error("\"ca.pem\"", "\"empty.pem\"", "trust.default.roots", "holds no certificate");
    }

    #[test]
    fn a_list_of_withdrawn_certificates_is_read_with_the_file() {
        let disk = Disk::new();
        let with = |list: &str| format!("roots = \"ca.pem\"\ncrl = \"{list}\"");
        let trust = "roots = \"ca.pem\"";
        disk.assert_error(trust, &with("absent.pem"), "trust.default.crl", "cannot be read");
        disk.assert_error(trust, &with("ca.pem"), "trust.default.crl", "BEGIN X509 CRL");
        disk.write("odd.pem", "-----BEGIN X509 CRL-----\nMAMBAf8=\n-----END X509 CRL-----\n");
        disk.assert_error(trust, &with("odd.pem"), "trust.default.crl", "must be of version 2");
        let warnings = disk.warnings(&disk.good().replace(trust, &with("old.pem")));
        assert!(matches!(warnings.as_slice(), [text] if text.contains("was to be renewed by")), "{warnings:?}");
    }

    #[test]
    fn a_file_without_key_says_what_one_looks_like() {
        Disk::new().assert_error("\"key.pem\"", "\"chain.pem\"", "certificates.main.key", "BEGIN PRIVATE KEY");
    }

    #[test]
    fn the_key_of_another_certificate_is_refused() {
        Disk::new().assert_error("\"key.pem\"", "\"other.key.pem\"", "certificates.main.key", "is not the key of");
    }

    #[test]
    fn a_chain_written_backwards_is_told_so() {
        Disk::new().assert_error(
            "\"chain.pem\"",
            "\"backwards.pem\"",
            "certificates.main.chain",
            "leaf must stand first",
        );
    }

    #[test]
    fn a_key_that_is_no_key_is_refused() {
        let disk = Disk::new();
        disk.write("bad.pem", "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n");
        disk.assert_error("\"key.pem\"", "\"bad.pem\"", "certificates.main.key", "TLS cannot use");
    }

    #[test]
    fn a_name_the_certificate_does_not_carry_is_warned_about() {
        let disk = Disk::new();
        let warnings = disk.warnings(&disk.good().replace("sbc1.example.com", "cust.sbc1.example.com"));
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("trunks.teams.fqdn: certificate \"main\" does not carry cust.sbc1.example.com"));
    }

    #[test]
    fn sources_of_a_file_count_like_written_ones() {
        let disk = Disk::new();
        disk.write("ranges.txt", "# carrier north\n10.9.0.0/16  # media too\n\n10.8.0.1\n");
        let sources = "targets = [\"10.2.0.2\"]\nsources_file = \"ranges.txt\"";
        let path = disk.write("trunkline.toml", &disk.good().replace("targets = [\"10.2.0.2\"]", sources));
        let loaded = load(&path).unwrap();
        let sources = &loaded.snapshot.trunk_named("south").unwrap().sources;
        assert_eq!(sources.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.9.0.0/16", "10.8.0.1/32"]);
    }

    #[test]
    fn a_wrong_line_of_a_sources_file_is_named() {
        let disk = Disk::new();
        disk.write("ranges.txt", "10.9.0.0/16\ncarrier\n");
        let sources = "targets = [\"10.2.0.2\"]\nsources_file = \"ranges.txt\"";
        disk.assert_error(
            "targets = [\"10.2.0.2\"]",
            sources,
            "trunks.south.sources_file",
            "ranges.txt:2: \"carrier\" is no address",
        );
    }

    #[test]
    fn a_file_that_is_not_utf8_names_the_line() {
        let disk = Disk::new();
        let path = disk.dir.path().join("latin1.toml");
        fs::write(&path, b"[node]\nname = \"\xe4\"\n").unwrap();
        let found = &load(&path).unwrap_err().errors[0];
        assert_eq!((found.line, found.text.as_str()), (2, "is not UTF-8 (octet 0xe4); save the file as UTF-8 text"));
    }

    #[test]
    fn a_file_of_ten_megabytes_is_refused_before_it_is_parsed() {
        let disk = Disk::new();
        let path = disk.write("large.toml", &"# padding\n".repeat(1024 * 1024));
        assert!(load(&path).unwrap_err().errors[0].text.starts_with("is larger than 4194304 octets"));
    }

    #[test]
    fn the_check_sums_up_what_it_accepted() {
        let disk = Disk::new();
        let path = disk.write("trunkline.toml", &disk.good());
        let mut out = Vec::new();
        let checked = check::run(&path, &mut out).unwrap();
        assert_eq!(checked.exit_code(), 0);
        assert_eq!(String::from_utf8(out).unwrap(), "configuration OK: 2 listeners, 3 trunks, 2 routes\n");
    }

    #[test]
    fn the_check_counts_what_it_refused() {
        let disk = Disk::new();
        let path = disk.write("trunkline.toml", &disk.good().replace("name = \"t\"", "nam = 5\ndrain_s = \"x\""));
        let mut out = Vec::new();
        let checked = check::run(&path, &mut out).unwrap();
        assert_eq!(checked.exit_code(), 78);
        assert!(String::from_utf8(out).unwrap().ends_with("\nconfiguration refused: 2 errors\n"));
    }

    #[test]
    fn files_are_not_looked_at_when_only_the_text_counts() {
        assert!(parse("trunkline.toml", GOOD, std::path::Path::new("/nowhere"), Files::Ignored).is_ok());
    }
}

#[test]
fn a_star_lets_every_codec_pass() {
    let loaded =
        accepted(&changed("targets = [\"10.2.0.2\"]", "targets = [\"10.2.0.2\"]\nmedia = { codecs = [\"*\"] }"));
    assert!(loaded.snapshot.trunk_named("south").unwrap().media.codecs.is_empty());
}

/// PF-116: the next hop is the proxy's, host and port of the Request-URI are the first target's.
#[test]
fn behind_a_proxy_the_request_uri_keeps_the_first_targets_port() {
    let proxied = "targets = [\"carrier.example:5070\"]\nproxy = \"10.2.0.9:5060\"\nsources = [\"10.2.0.9\"]";
    let loaded = accepted(&changed("targets = [\"10.2.0.2\"]", proxied));
    let south = loaded.snapshot.trunk_named("south").unwrap();
    assert_eq!((south.request_uri_host.as_deref(), south.request_uri_port), (Some("carrier.example"), Some(5070)));
    assert_eq!(south.targets[0].address, Some([10, 2, 0, 9].into()));
}

/// `--override`: a second file laid over the first.
mod overridden {
    use std::path::PathBuf;

    use trunkline::config::load_overridden;

    use super::{GOOD, Report};

    struct Pair {
        _directory: tempfile::TempDir,
        first: PathBuf,
        second: PathBuf,
    }

    fn pair(first: &str, second: &str) -> Pair {
        let directory = tempfile::tempdir().unwrap();
        let (one, two) = (directory.path().join("first.toml"), directory.path().join("second.toml"));
        std::fs::write(&one, first).unwrap();
        std::fs::write(&two, second).unwrap();
        Pair { _directory: directory, first: one, second: two }
    }

    fn errors(first: &str, second: &str) -> Report {
        let pair = pair(first, second);
        load_overridden(&pair.first, Some(&pair.second)).expect_err("refused")
    }

    #[test]
    fn a_key_of_the_second_file_stands_and_its_neighbours_stay() {
        let plain = "[node]\nname = \"one\"\n[networks.n]\nbind = \"127.0.0.1\"\nrtp_ports = \"10000-10099\"\n\
                     [listeners.l]\nnetwork = \"n\"\ntransport = \"udp\"\n";
        let pair = pair(plain, "[node]\nname = \"two\"\n[networks.n]\nrtp_ports = \"20000-20099\"\n");
        let loaded = load_overridden(&pair.first, Some(&pair.second)).expect("accepted");
        let network = &loaded.settings.routing.networks[0];
        assert_eq!(loaded.settings.node.name, "two");
        assert_eq!((network.bind.to_string().as_str(), network.rtp_ports.0), ("127.0.0.1", 20_000));
    }

    #[test]
    fn an_error_names_the_file_and_line_it_stands_in() {
        let report = errors(GOOD, "\n\n[node]\nnane = \"x\"\n");
        let text = report.to_string();
        assert!(text.contains("second.toml:4: node.nane: unknown key"), "{text}");
        let report = errors(&GOOD.replace("[node]\n", "[node]\nnane = \"x\"\n"), "[node]\nname = \"y\"\n");
        let text = report.to_string();
        assert!(text.contains("first.toml:2: node.nane: unknown key"), "{text}");
    }

    #[test]
    fn a_second_file_that_is_no_toml_is_refused_by_its_own_line() {
        let text = errors(GOOD, "[node\n").to_string();
        assert!(text.contains("second.toml:1: not TOML"), "{text}");
    }
}
