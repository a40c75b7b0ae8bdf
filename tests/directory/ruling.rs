//! Whose a call is, whether it may go on and where: one function over the routes of a configuration and a directory
//! (PV-31..37, PF-22..29, MD-62).

use std::path::Path;
use std::sync::Arc;

use trunkline::base::WallTime;
use trunkline::config::{Files, Loaded, parse};
use trunkline::route::directory::{Claim, Denied};
use trunkline::route::group::Likeliest;
use trunkline::route::number::E164;
use trunkline::route::ruling::{Inquiry, Names, Passed, Ruling, Stopped};

const SIDES: &str = r#"
[networks.public]
bind = "192.0.2.1"
rtp_ports = "10000-18999"
[certificates.main]
chain = "c"
key = "k"
[listeners.tls]
network = "public"
transport = "tls"
certificates = ["main"]
[listeners.udp]
network = "public"
transport = "udp"
[trunks.teams]
profile = "generic-tls"
listener = "tls"
fqdn = "sbc1.example.com"
service = "teamsDirectRouting"
targets = ["teams.example"]
sources = ["198.51.100.1"]
[trunks.zoom]
profile = "generic-tls"
listener = "tls"
fqdn = "zoom.example.com"
base_domain = "customers.example.com"
service = "zoom"
targets = ["zoom.example"]
sources = ["198.51.100.2"]
[trunks.mobile]
profile = "generic-tls"
listener = "tls"
fqdn = "mobile.example.com"
service = "teamsPhoneMobile"
targets = ["mobile.example"]
sources = ["198.51.100.3"]
[trunks.north]
profile = "carrier-ip"
listener = "udp"
targets = ["203.0.113.1"]
[trunks.south]
profile = "carrier-ip"
listener = "udp"
targets = ["203.0.113.2"]
[groups.pstn]
order = "fixed"
members = [{ trunk = "north", weight = 1 }, { trunk = "south", weight = 2 }]
[accounts.acme]
fqdn = "acme.sbc1.example.com"
subdomain = "acme"
[accounts.zoo]
subdomain = "zoo"
trunk = "zoom"
[accounts.open]
subdomain = "open"
caller_screening = false
[accounts.closed]
state = "suspended"
[accounts.teamsonly]
services = ["teamsDirectRouting"]
[numbers."+491"]
account = "acme"
services = ["teamsDirectRouting", "zoom", "teamsPhoneMobile"]
inbound = true
outbound = true
custom_header = "acme-1"
screening_aliases = ["+4919"]
[numbers."+492"]
account = "acme"
services = ["teamsDirectRouting"]
inbound = true
outbound = true
[numbers."+493"]
account = "acme"
services = ["zoom"]
outbound = true
custom_header = "acme-3"
[numbers."+494"]
account = "acme"
services = ["zoom"]
inbound = true
state = "suspended"
[numbers."+495"]
account = "zoo"
services = ["zoom"]
inbound = true
outbound = true
custom_header = "zoo-5"
[numbers."+496"]
account = "closed"
services = ["zoom"]
inbound = true
outbound = true
[numbers."+497"]
account = "teamsonly"
services = ["zoom", "teamsDirectRouting"]
inbound = true
[numbers."+498"]
account = "acme"
services = []
inbound = true
[numbers."+499"]
account = "acme"
services = ["zoom"]
inbound = true
valid_to = "2020-01-01T00:00:00Z"
"#;

const PROVISIONED: &str = r#"
[[routes]]
name = "by-teams"
from = "north"
numbers = "provisioned"
service = "teamsDirectRouting"
to = ["teams"]
[[routes]]
name = "by-zoom"
from = "north"
numbers = "provisioned"
to = ["zoom"]
[[routes]]
name = "to-mobile"
from = "south"
numbers = "provisioned"
to = ["mobile"]
[[routes]]
name = "out"
from = "teams"
numbers = "provisioned"
to = ["pstn"]
[[routes]]
name = "zoom-out"
from = "zoom"
to = ["north"]
"#;

/// 2026-03-02, a Monday, 09:00 UTC.
const MONDAY_9: WallTime = WallTime(1_772_442_000_000);

fn loaded(routes: &str) -> Loaded {
    let text = format!("{SIDES}{routes}");
    parse("t.toml", &text, Path::new("/"), Files::Ignored).unwrap_or_else(|report| panic!("{report}"))
}

/// A call: trunk, host of the Request-URI, caller, who sent it on, called.
type Shown<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

fn ruled_at(loaded: &Loaded, (from, host, calling, diverting, called): Shown<'_>, now: WallTime) -> Ruling {
    let diverting = E164::parse(diverting).ok();
    let names = Names::Hosts { request_uri: Some(host).filter(|host| !host.is_empty()), server_name: None };
    let from = loaded.snapshot.trunk_named(from).unwrap();
    let inquiry = Inquiry { from, calling, called, diverting: diverting.as_ref(), names, now };
    loaded.snapshot.rule(&loaded.directory, &inquiry, &mut Likeliest)
}

/// `route>first trunk account custom-header`, or the refusal.
fn told(loaded: &Loaded, shown: Shown<'_>) -> String {
    match ruled_at(loaded, shown, MONDAY_9).outcome {
        Ok(Passed { decision, plan }) => {
            let trunk = plan.trunks.first().and_then(|id| loaded.snapshot.trunk(*id)).unwrap();
            let contents = decision.custom_header.as_ref().map_or("-", |contents| contents.as_str());
            format!("{}>{} {} {contents}", plan.route, trunk.name, decision.account_name())
        }
        Err(Stopped::Denied(Denied { why, status, q850 })) => format!("{} {status} {q850}", why.label()),
        Err(Stopped::NoRoute(missed)) => format!("404: {}", missed.nearest.unwrap_or_default()),
    }
}

#[track_caller]
fn table(loaded: &Loaded, rows: &[(Shown<'_>, &str)]) {
    for (shown, expected) in rows {
        assert_eq!(told(loaded, *shown), *expected, "{shown:?}");
    }
}

#[test]
fn calls_from_a_carrier_are_the_called_numbers() {
    let rows = [
        (("north", "", "+15", "", "+491"), "by-teams>teams acme acme-1"),
        (("north", "192.0.2.1", "", "", "+492"), "by-teams>teams acme -"),
        (("north", "", "+15", "", "+495"), "by-zoom>zoom zoo zoo-5"),
        (("south", "", "+15", "", "+491"), "to-mobile>mobile acme -"),
        (("north", "", "+15", "", "+490"), "number_unknown 404 1"),
        (("north", "", "+491", "+491", "+490"), "number_unknown 404 1"),
        (("north", "", "+15", "", "anonymous"), "number_unknown 404 1"),
        (("north", "", "+15", "", "+493"), "inbound_disabled 403 21"),
        (("north", "", "+15", "", "+494"), "number_suspended 403 21"),
        (("north", "", "+15", "", "+499"), "number_suspended 403 21"),
        (("north", "", "+15", "", "+496"), "account_suspended 403 21"),
        (("north", "", "+15", "", "+498"), "service_disabled 404 1"),
        (("south", "", "+15", "", "+495"), "404: route \"to-mobile\": account zoo is on trunk zoom alone"),
        (("south", "", "+15", "", "+497"), "service_disabled 404 1"),
    ];
    table(&loaded(PROVISIONED), &rows);
}

#[test]
fn calls_to_a_carrier_are_the_calling_or_diverting_numbers() {
    let rows = [
        (("teams", "acme.sbc1.example.com", "+491", "", "+33"), "out>south acme acme-1"),
        (("teams", "ACME.Sbc1.example.com", "+15", "+491", "+33"), "out>south acme acme-1"),
        (("teams", "acme.sbc1.example.com", "+4919", "", "+33"), "out>south acme acme-1"),
        (("teams", "sbc1.example.com", "+491", "", "+33"), "out>south acme acme-1"),
        (("teams", "", "+492", "", "+33"), "out>south acme -"),
        (("teams", "acme.sbc1.example.com", "+15", "", "+33"), "screening_failed 403 21"),
        (("teams", "acme.sbc1.example.com", "", "", "+33"), "screening_failed 403 21"),
        (("teams", "acme.sbc1.example.com", "+495", "", "+33"), "screening_failed 403 21"),
        (("teams", "acme.sbc1.example.com", "+15", "+495", "+33"), "screening_failed 403 21"),
        (("teams", "sbc1.example.com", "+15", "", "+33"), "screening_failed 403 21"),
        (("teams", "acme.sbc1.example.com", "+493", "", "+33"), "service_disabled 403 21"),
        (("teams", "acme.sbc1.example.com", "+494", "", "+33"), "number_suspended 403 21"),
        (("teams", "", "+496", "", "+33"), "account_suspended 403 21"),
        (("teams", "", "+497", "", "+33"), "outbound_disabled 403 21"),
        (("teams", "open.sbc1.example.com", "+15", "", "+33"), "out>south open -"),
        (("teams", "open.sbc1.example.com", "+491", "", "+33"), "out>south open -"),
    ];
    table(&loaded(PROVISIONED), &rows);
}

#[test]
fn names_below_ours_are_an_accounts_or_refused() {
    let rows = [
        (("teams", "nobody.sbc1.example.com", "+491", "", "+33"), "host_unknown 404 3"),
        // The label is another trunk's account's, or stands below another name.
        (("teams", "zoo.sbc1.example.com", "+495", "", "+33"), "host_unknown 404 3"),
        (("teams", "a.acme.sbc1.example.com", "+491", "", "+33"), "host_unknown 404 3"),
        (("teams", "elsewhere.example", "+491", "", "+33"), "out>south acme acme-1"),
        (("zoom", "zoo.customers.example.com", "+495", "", "+33"), "zoom-out>north zoo zoo-5"),
        (("zoom", "acme.customers.example.com", "+493", "", "+33"), "zoom-out>north acme acme-3"),
        (("zoom", "zoom.example.com", "+495", "", "+33"), "zoom-out>north zoo zoo-5"),
        (("zoom", "elsewhere.example", "+495", "", "+33"), "host_unknown 404 3"),
        (("zoom", "nobody.customers.example.com", "+495", "", "+33"), "host_unknown 404 3"),
    ];
    table(&loaded(PROVISIONED), &rows);
}

#[test]
fn a_route_for_any_number_takes_those_that_nobody_provisioned_and_no_others() {
    let routes = "[[routes]]\nname = \"known\"\nfrom = \"north\"\nnumbers = \"provisioned\"\nto = [\"teams\"]\n\
                  [[routes]]\nname = \"rest\"\nfrom = \"north\"\nto = [\"zoom\"]\n\
                  [[routes]]\nname = \"out\"\nfrom = \"zoom\"\nto = [\"south\"]";
    let rows = [
        (("north", "", "+15", "", "+491"), "known>teams acme acme-1"),
        (("north", "", "+15", "", "+490"), "rest>zoom  -"),
        (("north", "", "+15", "", "+494"), "number_suspended 403 21"),
        (("zoom", "", "+15", "", "+33"), "out>south  -"),
        (("zoom", "", "+496", "", "+33"), "account_suspended 403 21"),
        // Whom the host names is screened on any route (MD-66).
        (("zoom", "zoo.customers.example.com", "+15", "", "+33"), "screening_failed 403 21"),
    ];
    table(&loaded(routes), &rows);
}

#[test]
fn an_accounts_route_is_for_its_calls_alone() {
    let routes = "[[routes]]\nname = \"acme\"\nfrom = \"teams\"\naccount = \"acme\"\nto = [\"south\"]\n\
                  [[routes]]\nname = \"rest\"\nfrom = \"teams\"\nto = [\"north\"]\n\
                  [[routes]]\nname = \"zoo\"\nfrom = \"north\"\naccount = \"zoo\"\nto = [\"zoom\"]";
    let rows = [
        (("teams", "acme.sbc1.example.com", "+491", "", "+33"), "acme>south acme acme-1"),
        (("teams", "", "+491", "", "+33"), "acme>south acme acme-1"),
        (("teams", "", "+15", "", "+33"), "rest>north  -"),
        (("north", "", "+15", "", "+495"), "zoo>zoom zoo zoo-5"),
        (("north", "", "+15", "", "+491"), "404: route \"zoo\": the call is not of account zoo"),
    ];
    table(&loaded(routes), &rows);
}

#[test]
fn a_route_is_open_in_its_hours() {
    let routes = "[[routes]]\nname = \"day\"\nfrom = \"zoom\"\nhours = [\"mon-fri 10:00-18:00\"]\n\
                  time_zone = \"Europe/Berlin\"\nto = [\"north\"]";
    let loaded = loaded(routes);
    let at = |minutes: u64| {
        let shown = ("zoom", "", "+15", "", "+33");
        ruled_at(&loaded, shown, WallTime(MONDAY_9.0 + minutes * 60_000)).outcome.is_ok()
    };
    // 10:00 in Berlin is 09:00 UTC in winter.
    assert_eq!([at(0), at(479), at(480), at(5 * 1440)], [true, true, false, false]);
    let early = ruled_at(&loaded, ("zoom", "", "+15", "", "+33"), WallTime(MONDAY_9.0 - 1)).outcome;
    let Err(Stopped::NoRoute(missed)) = early else { panic!("{early:?}") };
    assert_eq!(missed.nearest.as_deref(), Some("route \"day\": it is closed now"));
}

#[test]
fn between_two_of_a_kind_nothing_is_asked_unless_the_host_names_an_account() {
    let routes = "[[routes]]\nfrom = \"north\"\nto = [\"south\"]\n[[routes]]\nfrom = \"zoom\"\nto = [\"teams\"]";
    let loaded = loaded(routes);
    let rows = [
        (("north", "", "+15", "", "+494"), "routes[0]>south acme -"),
        (("north", "", "+15", "", "+490"), "routes[0]>south  -"),
        (("zoom", "", "+496", "", "+33"), "routes[1]>teams closed -"),
        (("zoom", "acme.customers.example.com", "+15", "", "+33"), "screening_failed 403 21"),
    ];
    table(&loaded, &rows);
    assert_eq!(ruled_at(&loaded, rows[0].0, MONDAY_9).direction, None);
}

#[test]
fn a_ruling_says_what_told_whose_the_call_is() {
    let loaded = loaded(PROVISIONED);
    let claim = |shown: Shown<'_>| {
        let ruling = ruled_at(&loaded, shown, MONDAY_9);
        let decision = ruling.outcome.map(|passed| passed.decision).unwrap();
        (decision.claim.unwrap(), decision.number.map(|number| number.as_str().to_owned()))
    };
    let own = |text: &str| Some(text.to_owned());
    assert_eq!(claim(("north", "", "+15", "", "+491")), (Claim::Called, own("+491")));
    assert_eq!(claim(("teams", "", "+491", "", "+33")), (Claim::Calling, own("+491")));
    assert_eq!(claim(("teams", "", "+4919", "", "+33")), (Claim::Calling, own("+491")), "its user's number");
    assert_eq!(claim(("teams", "", "+15", "+491", "+33")), (Claim::Diverting, own("+491")));
    assert_eq!(claim(("teams", "open.sbc1.example.com", "+15", "", "+33")), (Claim::Host, None));
    let refused = ruled_at(&loaded, ("teams", "acme.sbc1.example.com", "+15", "", "+33"), MONDAY_9);
    assert_eq!(refused.account.as_ref().map(|account| account.name.as_str()), Some("acme"), "a refused call's too");
    assert!(Arc::strong_count(&refused.account.unwrap()) > 1, "shared with the directory");
}
