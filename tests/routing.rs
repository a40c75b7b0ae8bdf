//! Who sends and where a call goes, on snapshots compiled from configuration texts.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use trunkline::base::WallTime;
use trunkline::base::ids::{FlowId, TrunkId};
use trunkline::config::{Files, parse};
use trunkline::route::directory::Directory;
use trunkline::route::group::{Likeliest, Order};
use trunkline::route::identify::Meant;
use trunkline::route::ruling::{Inquiry, Names, Stopped};
use trunkline::route::settings::{GroupSettings, MemberSettings, RouteSettings, RoutingSettings};
use trunkline::route::snapshot::{NoRoute, RoutePlan, Snapshot, Unidentified};
use trunkline::sip::flow::{Flow, PeerIdentity};

const SIDES: &str = r#"
[networks.public]
bind = "0.0.0.0"
advertise = "203.0.113.10"
rtp_ports = "10000-18999"
[networks.carrier]
bind = "10.1.0.4"
rtp_ports = "20000-28999"
allow_media = ["10.0.0.0/8"]
[certificates.main]
chain = "c"
key = "k"
[trust.alpha]
roots = "a"
[trust.beta]
roots = "b"
[listeners.platform]
network = "public"
transport = "tls"
certificates = ["main"]
client_certificate = "POSTURE"
[listeners.carrier]
network = "carrier"
transport = "udp"
"#;

fn snapshot(posture: &str, rest: &str) -> Arc<Snapshot> {
    let text = SIDES.replace("POSTURE", posture) + rest;
    parse("t.toml", &text, Path::new("/"), Files::Ignored).unwrap_or_else(|report| panic!("{report}")).snapshot
}

fn udp_trunk(name: &str, keys: &str) -> String {
    format!("[trunks.{name}]\nprofile = \"carrier-ip\"\nlistener = \"carrier\"\n{keys}\n")
}

fn tls_trunk(name: &str, keys: &str) -> String {
    format!(
        "[trunks.{name}]\nprofile = \"generic-tls\"\nlistener = \"platform\"\ntargets = [\"sip.example.com\"]\n{keys}\n"
    )
}

fn nobody() -> PeerIdentity {
    PeerIdentity::default()
}

/// A certificate with one name, verified by the first (`alpha`) or second (`beta`) store of the listener.
fn shown(name: &str, trusted_by: u64) -> PeerIdentity {
    PeerIdentity { names: vec![name.to_owned()], trusted_by, asked_for: None }
}

const ALPHA: u64 = 1;
const BETA: u64 = 2;

fn identify(snapshot: &Snapshot, listener: &str, from: &str, peer: &PeerIdentity) -> Result<String, Unidentified> {
    recognise(snapshot, listener, from, peer, Meant::Any)
}

fn recognise(
    snapshot: &Snapshot,
    listener: &str,
    from: &str,
    peer: &PeerIdentity,
    meant: Meant<'_>,
) -> Result<String, Unidentified> {
    let listener = snapshot.listeners.iter().find(|found| &*found.name == listener).unwrap();
    let remote: SocketAddr = from.parse().unwrap();
    let flow =
        Flow { id: FlowId(1), transport: listener.transport, listener: listener.id, local: listener.bind, remote };
    let (trunk, _) = snapshot.recognise(&flow, peer, meant)?;
    Ok(snapshot.trunk(trunk).unwrap().name.to_string())
}

/// Where a call goes that no directory knows.
fn ruled(snapshot: &Snapshot, from: &str, calling: &str, called: &str) -> Result<RoutePlan, Stopped> {
    let names = Names::Hosts { request_uri: None, server_name: None };
    let from = snapshot.trunk_named(from).unwrap();
    let inquiry = Inquiry { from, calling, called, diverting: None, names, now: WallTime(0) };
    snapshot.rule(&Directory::default(), &inquiry, &mut Likeliest).outcome.map(|passed| passed.plan)
}

fn plan(snapshot: &Snapshot, from: &str, called: &str) -> (String, Vec<String>) {
    let RoutePlan { route, trunks, context: _ } = ruled(snapshot, from, "+1555", called).unwrap();
    (route.to_string(), trunks.iter().map(|id| snapshot.trunk(*id).unwrap().name.to_string()).collect())
}

mod senders {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let trunks = udp_trunk("wide", "targets = [\"10.2.0.1\"]\nsources = [\"10.2.0.0/16\"]")
            + &udp_trunk("narrow", "targets = [\"10.2.9.1\"]\nsources = [\"10.2.9.0/24\"]");
        let snapshot = snapshot("request", &trunks);
        assert_eq!(identify(&snapshot, "carrier", "10.2.9.7:5060", &nobody()).as_deref(), Ok("narrow"));
        assert_eq!(identify(&snapshot, "carrier", "10.2.8.7:5060", &nobody()).as_deref(), Ok("wide"));
        assert_eq!(identify(&snapshot, "carrier", "10.3.0.1:5060", &nobody()), Err(Unidentified::UnknownSource));
    }

    #[test]
    fn without_sources_the_targets_addresses_may_send() {
        let snapshot = snapshot("request", &udp_trunk("north", "targets = [\"10.2.0.1:5080\", \"sbc.example\"]"));
        assert_eq!(identify(&snapshot, "carrier", "10.2.0.1:33000", &nobody()).as_deref(), Ok("north"));
        assert_eq!(identify(&snapshot, "carrier", "10.2.0.2:5080", &nobody()), Err(Unidentified::UnknownSource));
    }

    #[test]
    fn a_source_counts_on_its_own_listener_only() {
        let snapshot = snapshot("request", &udp_trunk("north", "targets = [\"10.2.0.1\"]"));
        assert_eq!(identify(&snapshot, "platform", "10.2.0.1:5061", &nobody()), Err(Unidentified::UnknownSource));
    }

    #[test]
    fn a_mapped_ipv4_source_is_the_ipv4_source() {
        let snapshot = snapshot("request", &udp_trunk("north", "targets = [\"10.2.0.1\"]"));
        assert_eq!(identify(&snapshot, "carrier", "[::ffff:10.2.0.1]:5060", &nobody()).as_deref(), Ok("north"));
    }

    fn named(posture: &str) -> Arc<Snapshot> {
        snapshot(
            posture,
            &tls_trunk(
                "teams",
                "trust = \"alpha\"\nsources = [\"198.51.100.0/28\"]\npeer_names = [\"sip.example.com\"]",
            ),
        )
    }

    #[test]
    fn with_request_and_no_certificate_the_source_stands_alone() {
        assert_eq!(identify(&named("request"), "platform", "198.51.100.1:9", &nobody()).as_deref(), Ok("teams"));
    }

    #[test]
    fn a_certificate_that_is_shown_must_carry_the_name() {
        let snapshot = named("request");
        assert_eq!(
            identify(&snapshot, "platform", "198.51.100.1:9", &shown("sip.example.com", ALPHA)).as_deref(),
            Ok("teams")
        );
        assert_eq!(
            identify(&snapshot, "platform", "198.51.100.1:9", &shown("evil.example", ALPHA)),
            Err(Unidentified::WrongCertificate)
        );
    }

    #[test]
    fn the_right_name_from_a_wrong_source_is_unknown() {
        let peer = shown("sip.example.com", ALPHA);
        assert_eq!(identify(&named("request"), "platform", "192.0.2.1:9", &peer), Err(Unidentified::UnknownSource));
    }

    #[test]
    fn with_require_no_certificate_is_no_proof() {
        assert_eq!(
            identify(&named("require"), "platform", "198.51.100.1:9", &nobody()),
            Err(Unidentified::NoCertificate)
        );
    }

    #[test]
    fn a_wildcard_certificate_stands_for_the_name() {
        let peer = shown("*.example.com", ALPHA);
        assert_eq!(identify(&named("require"), "platform", "198.51.100.1:9", &peer).as_deref(), Ok("teams"));
    }

    #[test]
    fn a_certificate_of_another_trunks_authority_proves_nothing() {
        let trunks = tls_trunk("a", "trust = \"alpha\"\nsources = [\"198.51.100.1\"]\npeer_names = [\"a.example\"]")
            + &tls_trunk("b", "trust = \"beta\"\nsources = [\"198.51.100.2\"]\npeer_names = [\"b.example\"]");
        let snapshot = snapshot("require", &trunks);
        let platform = snapshot.trunk_named("a").unwrap().listener;
        assert_eq!(snapshot.listener_trusts(platform), ["alpha", "beta"]);
        assert_eq!(
            identify(&snapshot, "platform", "198.51.100.1:9", &shown("a.example", BETA)),
            Err(Unidentified::WrongCertificate)
        );
        assert_eq!(identify(&snapshot, "platform", "198.51.100.2:9", &shown("b.example", BETA)).as_deref(), Ok("b"));
    }

    #[test]
    fn without_sources_the_name_alone_identifies() {
        let snapshot = snapshot(
            "request",
            &tls_trunk("cloud", "trust = \"alpha\"\nsources = []\npeer_names = [\"cloud.example\"]"),
        );
        assert_eq!(
            identify(&snapshot, "platform", "192.0.2.99:9", &shown("CLOUD.example", ALPHA)).as_deref(),
            Ok("cloud")
        );
        assert_eq!(identify(&snapshot, "platform", "192.0.2.99:9", &nobody()), Err(Unidentified::UnknownSource));
    }

    #[test]
    fn two_trunks_of_one_source_are_told_apart_by_name() {
        let sources = "trust = \"alpha\"\nsources = [\"198.51.100.1\"]\npeer_names";
        let trunks = tls_trunk("a", &format!("{sources} = [\"a.example\"]"))
            + &tls_trunk("b", &format!("{sources} = [\"b.example\"]"));
        let snapshot = snapshot("request", &trunks);
        assert_eq!(identify(&snapshot, "platform", "198.51.100.1:9", &shown("b.example", ALPHA)).as_deref(), Ok("b"));
        assert_eq!(identify(&snapshot, "platform", "198.51.100.1:9", &nobody()), Err(Unidentified::NoCertificate));
    }

    /// MD-17, MD-62: two tenants of one platform are on one host and port, and have a name each.
    #[test]
    fn two_trunks_of_one_peer_are_told_apart_by_our_own_names() {
        let same = "trust = \"alpha\"\nsources = [\"198.51.100.1\"]\npeer_names = [\"sip.example.com\"]\nfqdn";
        let trunks = tls_trunk("a", &format!("{same} = \"a.example\""))
            + &tls_trunk("b", &format!("{same} = \"b.example\"\nbase_domain = \"customers.example\""));
        let snapshot = snapshot("request", &trunks);
        let proved = shown("sip.example.com", ALPHA);
        let asking = PeerIdentity { asked_for: Some("b.example".into()), ..proved.clone() };
        let meant =
            |host, peer: &PeerIdentity| recognise(&snapshot, "platform", "198.51.100.1:9", peer, Meant::Host(host));
        for peer in [&proved, &asking, &nobody()] {
            assert_eq!(meant(Some("a.example"), peer).as_deref(), Ok("a"));
            assert_eq!(meant(Some("B.Example"), peer).as_deref(), Ok("b"));
            assert_eq!(meant(Some("one.customers.example"), peer).as_deref(), Ok("b"), "an account's name");
            assert_eq!(meant(Some("one.a.example"), peer).as_deref(), Ok("a"), "below its own");
        }
        assert_eq!(meant(None, &asking).as_deref(), Ok("b"), "what TLS asked for, beside an address");
        for host in [None, Some("c.example"), Some("ca.example")] {
            assert_eq!(meant(host, &proved), Err(Unidentified::UnknownName), "{host:?}");
        }
        assert_eq!(identify(&snapshot, "platform", "198.51.100.1:9", &proved).as_deref(), Ok("a"), "any of them");
    }

    /// MD-10, PF-190: in a cloud's ranges are other customers too, and its listener must let in who has no certificate.
    #[test]
    fn a_trunk_that_wants_a_certificate_is_nobody_without_one() {
        let own = "trust = \"alpha\"\nsources = [\"198.51.100.1\"]\npeer_names = [\"sip.example.com\"]";
        let without = snapshot("request", &tls_trunk("teams", own));
        assert_eq!(identify(&without, "platform", "198.51.100.1:9", &nobody()).as_deref(), Ok("teams"));
        let wanted = snapshot("request", &tls_trunk("teams", &format!("{own}\nclient_certificate = \"require\"")));
        let identified = |peer: &PeerIdentity| identify(&wanted, "platform", "198.51.100.1:9", peer);
        assert_eq!(identified(&nobody()), Err(Unidentified::NoCertificate));
        assert_eq!(identified(&shown("sip.example.com", ALPHA)).as_deref(), Ok("teams"));
    }

    #[test]
    fn the_only_trunk_of_a_peer_is_called_by_any_name() {
        let peer = shown("sip.example.com", ALPHA);
        let found = recognise(&named("request"), "platform", "198.51.100.1:9", &peer, Meant::Host(Some("c.example")));
        assert_eq!(found.as_deref(), Ok("teams"));
    }

    #[test]
    fn a_trunk_without_names_takes_what_its_namesake_source_does_not_prove() {
        let trunks =
            tls_trunk("named", "trust = \"alpha\"\nsources = [\"198.51.100.1\"]\npeer_names = [\"a.example\"]")
                + &tls_trunk("plain", "trust = \"alpha\"\nsources = [\"198.51.100.1\"]");
        let snapshot = snapshot("request", &trunks);
        assert_eq!(identify(&snapshot, "platform", "198.51.100.1:9", &nobody()).as_deref(), Ok("plain"));
        assert_eq!(
            identify(&snapshot, "platform", "198.51.100.1:9", &shown("a.example", ALPHA)).as_deref(),
            Ok("named")
        );
    }
}

mod calls {
    use super::*;

    fn sides() -> String {
        ["one", "two", "three", "four"]
            .iter()
            .enumerate()
            .map(|(i, name)| udp_trunk(name, &format!("targets = [\"10.2.0.{}\"]", i + 1)))
            .collect()
    }

    #[test]
    fn a_group_is_hunted_by_priority_then_weight() {
        let rest = sides()
            + "[groups.all]\nmembers = [{ trunk = \"one\", priority = 2 }, { trunk = \"two\", weight = 1 }, { trunk = \"three\", weight = 5 }]\n"
            + "[[routes]]\nname = \"out\"\nfrom = \"four\"\nto = [\"all\"]\n";
        let wanted = ["three", "two", "one"].map(str::to_owned).to_vec();
        assert_eq!(plan(&snapshot("request", &rest), "four", "1"), ("out".to_owned(), wanted));
    }

    #[test]
    fn a_trunk_named_twice_is_tried_once() {
        let rest = sides()
            + "[groups.g]\nmembers = [{ trunk = \"one\" }, { trunk = \"two\" }]\n"
            + "[[routes]]\nfrom = \"four\"\nto = [\"two\", \"g\", \"three\"]\n";
        let wanted = ["two", "one", "three"].map(str::to_owned).to_vec();
        assert_eq!(plan(&snapshot("request", &rest), "four", "1"), ("routes[0]".to_owned(), wanted));
    }

    #[test]
    fn a_route_from_a_group_takes_calls_of_every_member() {
        let rest = sides()
            + "[groups.g]\nmembers = [{ trunk = \"one\" }, { trunk = \"two\" }]\n"
            + "[[routes]]\nname = \"in\"\nfrom = \"g\"\ncalled = \"110\"\nto = [\"three\"]\n";
        let snapshot = snapshot("request", &rest);
        assert_eq!(plan(&snapshot, "one", "110").0, "in");
        assert_eq!(plan(&snapshot, "two", "110").0, "in");
    }

    #[test]
    fn a_trunk_without_routes_says_so() {
        let snapshot = snapshot("request", &sides());
        let nearest = Some("no route has from = \"one\"".to_owned());
        assert_eq!(ruled(&snapshot, "one", "1", "2"), Err(Stopped::NoRoute(NoRoute { nearest })));
    }
}

mod compiled {
    use super::*;

    #[test]
    fn our_own_ports_are_known_on_every_network() {
        let snapshot = snapshot("request", &udp_trunk("north", "targets = [\"10.2.0.1\"]"));
        let own: Vec<_> =
            snapshot.networks[0].rules.own.iter().map(|(a, first, last)| format!("{a} {first}-{last}")).collect();
        let wanted =
            ["10.1.0.4 5060-5060", "10.1.0.4 20000-28999", "203.0.113.10 5061-5061", "203.0.113.10 10000-18999"];
        assert_eq!(own, wanted);
        assert_eq!(snapshot.networks[0].rules.own, snapshot.networks[1].rules.own);
        assert!(snapshot.networks[1].rules.allow.is_empty());
    }

    #[test]
    fn ids_follow_the_names() {
        let snapshot = snapshot(
            "request",
            &(udp_trunk("b", "targets = [\"10.2.0.2\"]") + &udp_trunk("a", "targets = [\"10.2.0.1\"]")),
        );
        let names: Vec<_> = snapshot.trunks.iter().map(|trunk| (trunk.id.0, trunk.name.to_string())).collect();
        assert_eq!(names, [(0, "a".to_owned()), (1, "b".to_owned())]);
        assert_eq!(snapshot.trunk_named("b").unwrap().id, TrunkId(1));
    }

    #[test]
    fn targets_are_tried_by_priority_with_the_profiles_port() {
        let targets = "targets = [{ host = \"late.example\", priority = 9 }, \"first.example:5071\", { host = \"_srv.example\", srv = true }]";
        let keys = targets.replace("_srv", "srv");
        let text =
            format!("[trunks.t]\nprofile = \"generic-tls\"\nlistener = \"platform\"\ntrust = \"alpha\"\n{keys}\n");
        let snapshot = snapshot("request", &text);
        let trunk = snapshot.trunk_named("t").unwrap();
        let targets: Vec<_> = trunk.targets.iter().map(|target| (&*target.host, target.port)).collect();
        assert_eq!(targets, [("first.example", Some(5071)), ("srv.example", None), ("late.example", Some(5061))]);
    }

    #[test]
    fn each_target_is_verified_by_its_own_name() {
        let text = "[trunks.t]\nprofile = \"generic-tls\"\nlistener = \"platform\"\ntrust = \"alpha\"\ntargets = [\"one.example\", \"two.example\", \"192.0.2.1\"]\n";
        let snapshot = snapshot("request", text);
        let trunk = snapshot.trunk_named("t").unwrap();
        let names: Vec<_> =
            trunk.targets.iter().map(|target| trunk.tls_towards(target).unwrap().server_name.clone()).collect();
        assert_eq!(names, ["one.example", "two.example", "192.0.2.1"]);
    }

    #[test]
    fn an_address_is_verified_by_the_first_peer_name() {
        let keys = "trust = \"alpha\"\npeer_names = [\"*.example.com\", \"sip.example.com\"]";
        let text = tls_trunk("t", keys).replace("targets = [\"sip.example.com\"]", "targets = [\"192.0.2.1\"]");
        let snapshot = snapshot("request", &text);
        assert_eq!(snapshot.trunk_named("t").unwrap().tls.as_ref().unwrap().server_name, "sip.example.com");
    }

    #[test]
    fn a_proxy_takes_the_calls_and_the_first_target_names_the_request_uri() {
        let keys = "targets = [\"carrier.example\"]\nproxy = \"10.2.0.9:5070\"\nsources = [\"10.2.0.9\"]";
        let snapshot = snapshot("request", &udp_trunk("t", keys));
        let trunk = snapshot.trunk_named("t").unwrap();
        assert_eq!((&*trunk.targets[0].host, trunk.targets[0].port), ("10.2.0.9", Some(5070)));
        assert_eq!(trunk.request_uri_host.as_deref(), Some("carrier.example"));
    }

    #[test]
    fn media_sources_are_the_trunks_unless_written() {
        let text = udp_trunk("a", "targets = [\"10.2.0.1\"]")
            + &udp_trunk("b", "targets = [\"10.2.0.2\"]\nmedia = { sources = [\"10.9.0.0/16\"] }");
        let snapshot = snapshot("request", &text);
        assert_eq!(snapshot.trunk_named("a").unwrap().media.sources[0].to_string(), "10.2.0.1/32");
        assert_eq!(snapshot.trunk_named("b").unwrap().media.sources[0].to_string(), "10.9.0.0/16");
    }

    #[test]
    fn a_name_that_refers_to_nothing_is_no_snapshot() {
        let route = RouteSettings { from: "x".into(), ..RouteSettings::default() };
        let error =
            Snapshot::compile(&RoutingSettings { routes: vec![route], ..RoutingSettings::default() }).unwrap_err();
        assert_eq!(error.to_string(), "routes[0].from: there is no \"x\"");
        let members = vec![MemberSettings { trunk: "y".into(), priority: 1, weight: 1 }];
        let groups = vec![GroupSettings { name: "g".into(), order: Order::Fixed, members }];
        let error = Snapshot::compile(&RoutingSettings { groups, ..RoutingSettings::default() }).unwrap_err();
        assert_eq!(error.to_string(), "groups.g.members: there is no \"y\"");
    }
}
