//! One fault each: what is put in, and what the doctor calls it.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::ExtendedKeyUsagePurpose;
use trunkline::doctor::clock::{Keeping, Stamp, Synchronised};
use trunkline::doctor::folders::Room;
use trunkline::doctor::{Daemon, Finding};
use trunkline::net::pem;

use crate::Deployment;
use crate::authority::{Authority, LONG, Years};
use crate::peer::{Manner, dns, dns_of, forgetful_carrier};

/// Exactly this is wrong.
fn only(deployment: &Deployment, code: &str) {
    let wrong = deployment.wrong();
    assert!(matches!(&wrong[..], [one] if one.code == code), "{code} alone, not {wrong:#?}");
}

/// Nothing is wrong.
fn nothing(deployment: &Deployment, why: &str) {
    let wrong = deployment.wrong();
    assert!(wrong.is_empty(), "{why}, and yet {wrong:#?}");
}

// ---- what is no fault

#[test]
fn a_peer_that_asks_first_is_heard_to_the_end() {
    let deployment = Deployment::with(Manner::AsksFirst);
    nothing(&deployment, "it asks first and answers");
}

#[test]
fn one_lost_datagram_is_no_dead_carrier() {
    let deployment = Deployment::healthy();
    let known = deployment.text.split("targets = [\"127.0.18.4").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let forgetful = forgetful_carrier().to_string();
    let deployment = deployment.spoil(&format!("127.0.18.4{known}"), &forgetful);
    nothing(&deployment, "one datagram was lost");
}

#[test]
fn an_answer_to_somebody_elses_question_is_none() {
    only(&Deployment::with(Manner::AnswersAnother), "target.silent");
}

#[test]
fn what_only_begins_to_answer_has_not_answered() {
    only(&Deployment::with(Manner::Trying), "target.silent");
}

// ---- the machine

#[test]
fn a_clock_from_before_the_program() {
    let mut deployment = Deployment::healthy();
    deployment.facts.built = deployment.facts.now.map(|now| now + Duration::from_secs(7200));
    only(&deployment, "clock.past");
}

#[test]
fn a_clock_that_nobody_keeps() {
    let mut deployment = Deployment::healthy();
    deployment.facts.keeping = Keeping { kernel: Some(Synchronised::No), stamp: Stamp::Left, keeper: None };
    only(&deployment, "clock.adrift");
}

#[test]
fn a_clock_whose_keeper_has_found_no_time() {
    let mut deployment = Deployment::healthy();
    let keeper = Some("chronyd".to_owned());
    deployment.facts.keeping = Keeping { kernel: Some(Synchronised::No), stamp: Stamp::Absent, keeper };
    only(&deployment, "clock.adrift");
    let findings = deployment.findings();
    let finding = findings.iter().find(|finding| finding.code == "clock.adrift").unwrap();
    assert!(finding.told.contains("chronyd runs") && finding.advice.contains("chronyc sources"), "{finding:?}");
}

#[test]
fn a_container_that_sees_no_keeper_of_its_clock_is_not_at_fault() {
    let mut deployment = Deployment::healthy();
    deployment.facts.keeping = Keeping::default();
    nothing(&deployment, "a container sees no keeper");
}

#[test]
fn too_few_descriptors() {
    let mut deployment = Deployment::healthy();
    deployment.facts.descriptors = Some(1024);
    only(&deployment, "descriptors.few");
}

#[test]
fn a_small_udp_buffer() {
    let mut deployment = Deployment::healthy();
    deployment.facts.receive_buffer = Some(212_992);
    only(&deployment, "udp_buffer.small");
}

#[test]
fn media_ports_that_the_system_lends_to_others() {
    let mut deployment = Deployment::healthy();
    deployment.facts.ephemeral = Some((1024, 65_535));
    only(&deployment, "rtp_ports.ephemeral");
    deployment.facts.reserved = vec![(1, 65_535)];
    nothing(&deployment, "reserved for us");
}

#[test]
fn fewer_media_ports_than_calls() {
    // A hundred ports are fifty pairs, and both legs of a call are here.
    only(&Deployment::healthy().spoil("max_calls = 20\n", "max_calls = 26\n"), "rtp_ports.few");
    let apart = |calls: &str| {
        Deployment::healthy()
            .spoil("[[routes]]\nfrom = \"platform\"\nto = [\"carrier\"]\n", "")
            .spoil("max_calls = 20\n", &format!("max_calls = {calls}\n"))
    };
    assert!(!apart("50").faults().contains(&"rtp_ports.few".to_owned()), "one leg of a call at most is here");
    assert!(apart("51").faults().contains(&"rtp_ports.few".to_owned()));
}

#[test]
fn media_ports_of_another_process() {
    let deployment = Deployment::healthy();
    let first: u16 =
        deployment.text.split("rtp_ports = \"").nth(1).unwrap().split('-').next().unwrap().parse().unwrap();
    let _taken = UdpSocket::bind(("127.0.18.1", first)).unwrap();
    only(&deployment, "rtp_ports.taken");
    let running = Deployment { daemon: Daemon::Running, ..deployment };
    nothing(&running, "the daemon that runs is no stranger");
}

/// Whichever of the range it is.
#[test]
fn one_media_port_in_the_middle_of_another_process() {
    let deployment = Deployment::healthy();
    let first: u16 =
        deployment.text.split("rtp_ports = \"").nth(1).unwrap().split('-').next().unwrap().parse().unwrap();
    let _taken = UdpSocket::bind(("127.0.18.1", first + 37)).unwrap();
    only(&deployment, "rtp_ports.taken");
}

#[test]
fn the_port_of_the_metrics_of_another_process() {
    let taken = TcpListener::bind("127.0.18.1:0").unwrap();
    let text = format!("[metrics]\nbind = \"{}\"\n[[routes]]", taken.local_addr().unwrap());
    only(&Deployment::healthy().spoil("[[routes]]", &text), "listener.taken");
}

#[test]
fn metrics_at_an_address_of_another_machine() {
    only(
        &Deployment::healthy().spoil("[[routes]]", "[metrics]\nbind = \"10.77.77.77:9464\"\n[[routes]]"),
        "bind.absent",
    );
}

// ---- its folders

/// `/proc` takes no file and has no size: it is not full.
#[test]
fn what_has_no_size_is_no_full_disk() {
    assert_eq!(Room::of("/proc".as_ref()), None);
    assert!(Room::of("/tmp".as_ref()).is_some());
}

/// A file stands where the folder should be: nobody may make it, not even root.
#[test]
fn a_folder_for_records_that_cannot_be_written() {
    let deployment = Deployment::healthy();
    std::fs::write(deployment.folder.path().join("file"), "").unwrap();
    let deployment = deployment.spoil("[[routes]]", "[cdr]\npath = \"file/cdr\"\n[[routes]]");
    only(&deployment, "folder.unwritable");
    let found = deployment.findings();
    assert!(found.iter().any(|finding| finding.code == "folder.unwritable" && finding.subject == "cdr.path"));
}

#[test]
fn a_disk_with_little_room() {
    let mut deployment = Deployment::healthy();
    deployment.facts.room = Some(|_| Some(Room { free: 100 << 20, all: 100 << 30 }));
    only(&deployment, "disk.full");
    deployment.facts.room = Some(|_| Some(Room { free: 4 << 30, all: 40 << 30 }));
    only(&deployment, "disk.filling");
    deployment.facts.room = Some(|_| Some(Room { free: 400 << 30, all: 4000 << 30 }));
    nothing(&deployment, "a tenth of a large disk");
}

#[test]
fn a_listener_of_another_process() {
    let deployment = Deployment::healthy();
    let port: u16 = deployment.text.split("\nport = ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    let _taken = TcpListener::bind(("127.0.18.1", port)).unwrap();
    only(&deployment, "listener.taken");
}

#[test]
fn an_address_of_another_machine() {
    only(&Deployment::healthy().spoil("bind = \"127.0.18.1\"", "bind = \"203.0.113.77\""), "bind.absent");
}

// ---- the deployment

#[test]
fn one_name_for_two_platforms() {
    let deployment = Deployment::healthy();
    let target = format!("sip.platform.example:{}", deployment.platform.address.port());
    let second = format!(
        "[trunks.second]\nprofile = \"zoom-byoc\"\nlistener = \"platform\"\nfqdn = \"sbc.example.com\"\n\
         targets = [\"{target}\"]\nsources = [\"127.0.18.7/32\"]\npeer_names = [\"sip.platform.example\"]\n\
         [[routes]]\nfrom = \"second\"\nto = [\"carrier\"]\n[[routes]]"
    );
    only(&deployment.spoil("[[routes]]", &second), "fqdn.shared");
}

#[test]
fn a_private_address_is_told_to_a_platform() {
    let deployment = Deployment::healthy().spoil("203.0.113.10", "10.0.0.4");
    only(&deployment, "advertise.private");
}

#[test]
fn metrics_for_everybody() {
    let port = crate::free_port();
    let text = format!("[metrics]\nbind = \"0.0.0.0:{port}\"\n[[routes]]");
    only(&Deployment::healthy().spoil("[[routes]]", &text), "metrics.open");
}

#[test]
fn an_api_that_no_packet_filter_lets_anybody_reach() {
    let text = format!(
        "[provisioning]\nsource = \"store\"\n[api]\nbind = \"0.0.0.0:{}\"\ncertificate = \"main\"\n[[routes]]",
        crate::free_port()
    );
    only(&Deployment::healthy().spoil("[[routes]]", &text), "nsg.gap");
}

// ---- our certificate

#[test]
fn our_certificate_has_ended() {
    let mut deployment = Deployment::healthy();
    let usage = ExtendedKeyUsagePurpose::ServerAuth;
    deployment.ours = deployment.authority.leaf_for("sbc.example.com", (2020, 2021), usage);
    only(&deployment, "certificate.expired");
}

#[test]
fn our_certificate_is_from_tomorrow() {
    let mut deployment = Deployment::healthy();
    let usage = ExtendedKeyUsagePurpose::ServerAuth;
    deployment.ours = deployment.authority.leaf_for("sbc.example.com", (2099, 2100), usage);
    only(&deployment, "certificate.not_yet_valid");
}

#[test]
fn our_certificate_ends_soon() {
    let mut deployment = Deployment::healthy();
    // 2099-12-12, three weeks before the end.
    deployment.facts.now = Some(UNIX_EPOCH + Duration::from_secs(4_100_716_800));
    only(&deployment, "certificate.expires_soon");
}

#[test]
fn an_intermediate_certificate_is_not_in_the_file() {
    let mut deployment = Deployment::healthy();
    let middle = deployment.authority.below("middle");
    deployment.ours = middle.leaf("sbc.example.com");
    only(&deployment, "certificate.intermediates_missing");
    deployment.ours.chain.push_str(&middle.root);
    nothing(&deployment, "with it the chain is whole");
}

#[test]
fn an_intermediate_certificate_has_ended() {
    let mut deployment = Deployment::healthy();
    let middle = deployment.authority.below_for("middle", (2020, 2021));
    deployment.ours = middle.leaf("sbc.example.com");
    deployment.ours.chain.push_str(&middle.root);
    only(&deployment, "certificate.intermediate_expired");
}

/// Names fit and signatures do not: an authority that changed its key.
#[test]
fn an_intermediate_certificate_of_the_same_name_and_another_key() {
    let mut deployment = Deployment::healthy();
    let [signer, other] = [(); 2].map(|()| deployment.authority.below("middle"));
    deployment.ours = signer.leaf("sbc.example.com");
    deployment.ours.chain.push_str(&other.root);
    only(&deployment, "certificate.unverifiable");
}

/// MD-27: it must be said.
/// As the chains of authorities end whose root an older one has signed, for machines that do not know the new one.
fn cross_signed(years: Years) -> Deployment {
    let mut deployment = Deployment::healthy();
    let older = Authority::new("older");
    let middle = deployment.authority.below("middle");
    deployment.ours = middle.leaf("sbc.example.com");
    deployment.ours.chain += &middle.root;
    deployment.ours.chain += &deployment.authority.cross_signed(&older, "root", years);
    deployment
}

#[test]
fn a_root_that_an_unknown_authority_has_signed_too_is_no_fault() {
    let deployment = cross_signed(LONG);
    nothing(&deployment, "another authority signed the root too");
}

#[test]
fn a_cross_certificate_that_nobody_needs_has_ended() {
    only(&cross_signed((2020, 2021)), "certificate.cross_signature_expired");
}

#[test]
fn the_listener_shows_another_certificate_than_the_trunk() {
    let deployment = Deployment::healthy();
    let other = deployment.authority.leaf("other.example.com");
    std::fs::write(deployment.folder.path().join("other.pem"), &other.chain).unwrap();
    let key = deployment.folder.path().join("other.key");
    std::fs::write(&key, &other.key).unwrap();
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let deployment = deployment
        .spoil("[trust.default]", "[certificates.other]\nchain = \"other.pem\"\nkey = \"other.key\"\n[trust.default]")
        .spoil("certificates = [\"main\"]", "certificates = [\"other\"]")
        .spoil("fqdn = \"sbc", "certificate = \"main\"\nfqdn = \"sbc");
    only(&deployment, "certificate.not_at_listener");
    let both = deployment.spoil("certificates = [\"other\"]", "certificates = [\"other\", \"main\"]");
    nothing(&both, "the listener shows both");
}

fn with_account(deployment: Deployment) -> Deployment {
    let name = "\"acme.example.com\" = [\"203.0.113.10\"], ";
    deployment
        .spoil("hosts = { ", &format!("hosts = {{ {name}"))
        .spoil("[limits]", "[accounts.acme]\nfqdn = \"acme.example.com\"\n[limits]")
}

#[test]
fn no_certificate_covers_the_name_of_a_tenant() {
    only(&with_account(Deployment::healthy()), "certificate.account_name_missing");
}

#[test]
fn the_name_of_a_tenant_is_somewhere_else() {
    let mut deployment = with_account(Deployment::healthy());
    deployment.ours = deployment.authority.rsa_leaf(&["sbc.example.com", "acme.example.com"]);
    nothing(&deployment, "the certificate names the tenant");
    only(
        &deployment.spoil("acme.example.com\" = [\"203.0.113.10\"]", "acme.example.com\" = [\"203.0.113.11\"]"),
        "dns.own.elsewhere",
    );
}

#[test]
fn a_certificate_without_a_purpose() {
    let mut deployment = Deployment::healthy();
    deployment.ours = deployment.authority.leaf_of("sbc.example.com", LONG, Vec::new());
    only(&deployment, "certificate.no_server_auth");
}

/// Made with `openssl x509 -req -sha1` for this test alone.
#[test]
fn a_certificate_that_is_signed_with_sha1() {
    let mut deployment = Deployment::healthy();
    deployment.ours.chain = SHA1_CHAIN.to_owned();
    deployment.ours.key = SHA1_KEY.to_owned();
    deployment.facts.public_roots = pem::certificates(SHA1_ROOT.as_bytes()).unwrap();
    only(&deployment, "certificate.weak_signature");
}

#[test]
fn the_chain_is_in_no_order() {
    let mut deployment = Deployment::healthy();
    deployment.ours.chain.push_str(&Authority::new("stranger").root);
    only(&deployment, "certificate.order");
}

#[test]
fn an_authority_that_platforms_do_not_know() {
    let mut deployment = Deployment::healthy();
    let own = Authority::new("own");
    deployment.ours = own.leaf("sbc.example.com");
    deployment.ours.chain.push_str(&own.root);
    only(&deployment, "certificate.private_authority");
}

#[test]
fn a_certificate_that_is_not_for_servers() {
    let mut deployment = Deployment::healthy();
    deployment.ours = deployment.authority.leaf_for("sbc.example.com", LONG, ExtendedKeyUsagePurpose::ClientAuth);
    only(&deployment, "certificate.no_server_auth");
}

/// A private authority that we share with a peer of our own.
#[test]
fn an_authority_of_our_own_trust_store_is_known_to_its_peers_and_to_no_cloud() {
    let mut deployment = Deployment::healthy();
    deployment.facts.public_roots = Authority::new("public").certificates();
    nothing(&deployment, "our own store knows the authority");
    let middle = deployment.authority.below("middle");
    deployment.ours = middle.leaf("sbc.example.com");
    only(&deployment, "certificate.intermediates_missing");
    deployment.ours.chain.push_str(&middle.root);
    nothing(&deployment, "with it the chain is whole");
    let cloud = "profile = \"generic-tls\"\nservice = \"zoom\"";
    only(&deployment.spoil("profile = \"generic-tls\"", cloud), "certificate.private_authority");
}

#[test]
fn every_user_may_read_the_password_of_a_trunk() {
    let deployment = Deployment::healthy();
    let file = deployment.folder.path().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    let mode = |mode| std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
    mode(0o644);
    let auth = "numbers = { country = \"DE\" }\nauth = { user = \"u\", realm = \"r\", password_file = \"password\" }";
    let deployment = deployment.spoil("numbers = { country = \"DE\" }", auth);
    only(&deployment, "password.open");
    mode(0o640);
    nothing(&deployment, "the daemon's group");
}

#[test]
fn every_user_may_read_the_key() {
    let mut deployment = Deployment::healthy();
    deployment.key_mode = 0o644;
    only(&deployment, "certificate.key_open");
    deployment.key_mode = 0o640;
    nothing(&deployment, "the daemon's group");
}

/// MD-24: a peer that checks finds another name.
#[test]
fn our_certificate_lacks_the_name_we_show() {
    let mut deployment = Deployment::healthy();
    deployment.ours = deployment.authority.leaf("sbc2.example.com");
    only(&deployment, "certificate.name_missing");
}

/// PF-102: Google names its authorities, and takes no wildcard.
fn at_google(authority: &str, name: &str) -> Deployment {
    let authority = Authority::new(authority);
    let theirs = authority.leaf("sip.platform.example");
    let mut deployment = Deployment::of(authority, &theirs, Manner::Answers("200 OK", ""));
    deployment.ours = deployment.authority.leaf(name);
    deployment.spoil("\"generic-tls\"", "\"google-gtp\"")
}

#[test]
fn a_platform_that_does_not_take_our_authority() {
    only(&at_google("Honest Achmed", "sbc.example.com"), "certificate.authority_not_accepted");
    nothing(&at_google("GlobalSign", "sbc.example.com"), "it takes this authority");
}

#[test]
fn a_platform_that_takes_no_wildcard() {
    only(&at_google("GlobalSign", "*.example.com"), "certificate.wildcard_not_accepted");
}

// ---- names

#[test]
fn a_target_that_has_no_address() {
    let server = dns(3).to_string();
    let deployment = Deployment::healthy()
        .spoil("127.0.18.9:53", &server)
        .spoil("\"sip.platform.example\" =", "\"other.example\" =");
    only(&deployment, "dns.target.no_such_name");
}

#[test]
fn a_dns_server_that_fails() {
    let server = dns(2).to_string();
    let deployment = Deployment::healthy()
        .spoil("127.0.18.9:53", &server)
        .spoil("\"sip.platform.example\" =", "\"other.example\" =");
    only(&deployment, "dns.target.server_failed");
}

#[test]
fn a_dns_server_that_says_nothing() {
    let silent = UdpSocket::bind("127.0.18.3:0").unwrap();
    let server = silent.local_addr().unwrap().to_string();
    let deployment = Deployment::healthy()
        .spoil("127.0.18.9:53", &server)
        .spoil("\"sip.platform.example\" =", "\"other.example\" =");
    only(&deployment, "dns.target.timed_out");
}

fn asked_at(server: std::net::SocketAddr) -> Deployment {
    Deployment::healthy()
        .spoil("127.0.18.9:53", &server.to_string())
        .spoil("\"sip.platform.example\" =", "\"other.example\" =")
}

#[test]
fn a_dns_server_that_takes_its_time() {
    let slow = dns_of("127.0.18.2".parse().unwrap(), Duration::from_millis(1200));
    only(&asked_at(slow), "dns.target.slow");
    nothing(&asked_at(dns_of("127.0.18.2".parse().unwrap(), Duration::ZERO)), "the server answers at once");
}

/// Two servers, of whom the target's name is asked. Either may be asked first, and both are at once.
fn asked_at_both(servers: [std::net::SocketAddr; 2]) -> Deployment {
    let [one, other] = servers;
    let deployment = asked_at(one);
    deployment.spoil(&format!("servers = [\"{one}\"]"), &format!("servers = [\"{one}\", \"{other}\"]"))
}

fn knowing(address: &str) -> std::net::SocketAddr {
    dns_of(address.parse().unwrap(), Duration::ZERO)
}

/// Another server answers for it, and so no name is missed.
#[test]
fn one_of_two_dns_servers_says_nothing() {
    let silent = UdpSocket::bind("127.0.18.3:0").unwrap();
    let (good, dead) = (knowing("127.0.18.2"), silent.local_addr().unwrap());
    for servers in [[good, dead], [dead, good]] {
        let wrong = asked_at_both(servers).wrong();
        assert!(matches!(&wrong[..], [one] if one.code == "dns.server.silent"), "{wrong:#?}");
        assert_eq!(wrong[0].subject, format!("dns server {dead}"));
    }
}

#[test]
fn one_of_two_dns_servers_fails() {
    let (good, bad) = (knowing("127.0.18.2"), dns(2));
    let wrong = asked_at_both([good, bad]).wrong();
    assert!(matches!(&wrong[..], [one] if one.code == "dns.server.failed"), "{wrong:#?}");
    assert_eq!(wrong[0].subject, format!("dns server {bad}"));
}

/// That there is no such name is believed: whether it is found depends on who answers first.
#[test]
fn one_of_two_dns_servers_does_not_know_the_target() {
    let (good, ignorant) = (knowing("127.0.18.2"), dns(3));
    let wrong = asked_at_both([good, ignorant]).wrong();
    let told: Vec<_> = wrong.iter().filter(|finding| finding.code == "dns.server.disagrees").collect();
    assert_eq!(told.len(), 1, "{wrong:#?}");
    assert_eq!(told[0].subject, format!("dns server {ignorant}"));
    assert!(told[0].told.contains("no sip.platform.example") && told[0].told.contains(&good.to_string()), "{told:?}");
}

/// However many names of ours there are.
#[test]
fn one_of_two_dns_servers_does_not_know_the_target_of_a_node_with_many_names() {
    let (good, ignorant) = (knowing("127.0.18.2"), dns(3));
    let trunk = |number: usize| {
        format!(
            "[trunks.t{number}]\nprofile = \"generic-tls\"\nlistener = \"platform\"\nfqdn = \"t{number}.example.com\"\n\
             targets = [\"127.0.18.{}:5061\"]\npeer_names = [\"sip.platform.example\"]\n",
            30 + number
        )
    };
    let trunks: String = (0..5).map(trunk).collect();
    let deployment = asked_at_both([good, ignorant]).spoil("[[routes]]", &format!("{trunks}[[routes]]"));
    let wrong = deployment.wrong();
    let is_told = |finding: &Finding| {
        finding.code == "dns.server.disagrees"
            && finding.subject == format!("dns server {ignorant}")
            && finding.told.contains("no sip.platform.example")
    };
    assert!(wrong.iter().any(is_told), "{wrong:#?}");
}

/// Peers' names may lead elsewhere at another server, ours not.
#[test]
fn dns_servers_lead_a_name_of_ours_to_different_addresses() {
    let (good, old) = (knowing("203.0.113.10"), knowing("203.0.113.11"));
    let deployment = Deployment::healthy()
        .spoil("127.0.18.9:53\"", &format!("{good}\", \"{old}\""))
        .spoil("\"sbc.example.com\" =", "\"other.example\" =");
    let wrong = deployment.wrong();
    let told: Vec<_> = wrong.iter().filter(|finding| finding.code == "dns.server.disagrees").collect();
    assert_eq!(told.len(), 1, "{wrong:#?}");
    assert_eq!(told[0].subject, format!("dns server {old}"));
    assert!(told[0].told.contains("203.0.113.11"), "{told:?}");
}

#[test]
fn dns_servers_that_both_know_the_names_are_good() {
    let deployment = asked_at_both([knowing("127.0.18.2"), knowing("127.0.18.2")]);
    nothing(&deployment, "both know it");
    let asked = deployment.findings().iter().filter(|finding| finding.code == "dns.server").count();
    assert_eq!(asked, 2);
}

/// It is the name that is missing, not a server.
#[test]
fn a_name_that_no_dns_server_knows_is_one_fault() {
    only(&asked_at_both([dns(3), dns(3)]), "dns.target.no_such_name");
}

#[test]
fn a_target_with_an_address_of_the_other_family_alone() {
    only(&asked_at(dns_of("2001:db8::7".parse().unwrap(), Duration::ZERO)), "dns.target.other_family");
}

/// What a filter answers for names it blocks.
#[test]
fn a_target_whose_name_is_nobodys_address() {
    let faults = asked_at(dns_of("0.0.0.0".parse().unwrap(), Duration::ZERO)).faults();
    assert!(faults.iter().any(|code| code.starts_with("dns.target.")), "{faults:?}");
    let faults = Deployment::healthy().spoil("= [\"127.0.18.2\"]", "= [\"0.0.0.0\"]").faults();
    assert!(faults.contains(&"dns.target.nowhere".to_owned()), "{faults:?}");
}

/// A DNS server with answers of its own: of a service on the internet they are wrong, of somebody's own platform they may be right.
#[test]
fn a_cloud_whose_name_is_a_private_address() {
    let private = |deployment: Deployment| {
        deployment
            .spoil("= [\"127.0.18.2\"]", "= [\"10.20.30.40\"]")
            .faults()
            .contains(&"dns.target.private".to_owned())
    };
    assert!(!private(Deployment::healthy()));
    let cloud = "profile = \"generic-tls\"\nservice = \"zoom\"";
    assert!(private(Deployment::healthy().spoil("profile = \"generic-tls\"", cloud)));
}

#[test]
fn our_own_name_is_here_and_somewhere_else() {
    let text = "\"sbc.example.com\" = [\"203.0.113.99\", \"203.0.113.10\"]";
    only(&Deployment::healthy().spoil("\"sbc.example.com\" = [\"203.0.113.10\"]", text), "dns.own.several");
}

#[test]
fn our_own_name_is_somewhere_else() {
    let text = "\"sbc.example.com\" = [\"203.0.113.99\"]";
    only(&Deployment::healthy().spoil("\"sbc.example.com\" = [\"203.0.113.10\"]", text), "dns.own.elsewhere");
}

#[test]
fn our_own_name_does_not_exist() {
    let server = dns(3).to_string();
    let deployment =
        Deployment::healthy().spoil("127.0.18.9:53", &server).spoil("\"sbc.example.com\" = [", "\"x.example.com\" = [");
    only(&deployment, "dns.own.no_such_name");
}

// ---- the target

#[test]
fn nobody_listens_at_the_target() {
    let deployment = Deployment::healthy();
    let target = format!("sip.platform.example:{}", deployment.platform.address.port());
    only(&deployment.spoil(&target, "sip.platform.example:1"), "target.refused");
}

/// MD-81: the port of the Contact that Microsoft shows in calls, where nobody takes OPTIONS or a call.
#[test]
fn the_port_of_a_contact_is_no_port_of_a_target() {
    let deployment = Deployment::healthy();
    let target = format!("sip.platform.example:{}", deployment.platform.address.port());
    let ignoring = "follow_contact = false\ntargets = [\"sip.platform.example:443\"]";
    only(&deployment.spoil(&format!("targets = [\"{target}\"]"), ignoring), "target.port_of_contact");
}

#[test]
fn nobody_has_the_carriers_port() {
    let free = UdpSocket::bind("127.0.18.4:0").unwrap().local_addr().unwrap().to_string();
    let deployment = Deployment::healthy();
    let own = deployment.text.split("listener = \"carrier\"\ntargets = [\"").nth(1).unwrap();
    let own = own.split('"').next().unwrap().to_owned();
    only(&deployment.spoil(&own, &free), "target.refused");
}

#[test]
fn nobody_listens_at_the_second_address_of_a_target() {
    let deployment = Deployment::healthy().spoil("[\"127.0.18.2\"]", "[\"127.0.18.2\", \"127.0.18.77\"]");
    only(&deployment, "target.refused");
}

/// From an address of this machine alone, nothing leads to the internet.
#[test]
fn a_target_to_which_no_route_leads() {
    let deployment = Deployment::healthy().spoil("[\"127.0.18.2\"]", "[\"203.0.113.77\"]");
    only(&deployment, "target.unreachable");
}

/// A full queue drops requests for connections, as a packet filter does.
#[test]
fn a_target_that_drops_requests_for_connections() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.18.2:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let waiting = |_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200));
    let _waiting: Vec<_> = (0..4).map(waiting).collect();
    let deployment = Deployment::healthy();
    let target = format!("sip.platform.example:{}", deployment.platform.address.port());
    let spoilt = deployment.spoil(&target, &format!("sip.platform.example:{}", address.port()));
    only(&spoilt, "target.timed_out");
}

#[test]
fn a_target_that_takes_the_request_and_says_nothing() {
    only(&Deployment::with(Manner::Silent), "target.silent");
}

#[test]
fn a_target_that_hangs_up_on_us() {
    only(&Deployment::with(Manner::HangsUp), "target.closed");
}

#[test]
fn a_target_that_speaks_something_else() {
    only(&Deployment::with(Manner::NotTls), "target.tls.not_tls");
}

/// The alert of RFC 5246 7.2.2 that a server gives which knows TLS 1.1 alone.
#[test]
fn a_target_that_speaks_an_older_tls() {
    only(&Deployment::with(Manner::Raw(b"\x15\x03\x02\x00\x02\x02\x46")), "target.tls.no_common_version");
}

#[test]
fn a_target_that_is_a_web_server() {
    let page = "HTTP/1.1 400 Bad Request\r\nServer: web\r\nContent-Length: 0\r\n\r\n";
    only(&Deployment::with(Manner::NotSip(page)), "target.not_sip");
}

#[test]
fn a_target_whose_authority_we_do_not_know() {
    let stranger = Authority::new("stranger");
    let theirs = stranger.leaf("sip.platform.example");
    only(&Deployment::of(Authority::new("root"), &theirs, Manner::Answers("200 OK", "")), "target.tls.unknown_issuer");
}

#[test]
fn a_target_with_somebody_elses_name() {
    let authority = Authority::new("root");
    let theirs = authority.leaf("sip.other.example");
    only(&Deployment::of(authority, &theirs, Manner::Answers("200 OK", "")), "target.tls.wrong_name");
}

#[test]
fn a_target_whose_certificate_has_ended() {
    let authority = Authority::new("root");
    let theirs = authority.leaf_for("sip.platform.example", (2020, 2021), ExtendedKeyUsagePurpose::ServerAuth);
    only(&Deployment::of(authority, &theirs, Manner::Answers("200 OK", "")), "target.tls.expired");
}

#[test]
fn a_target_that_refuses_our_certificate() {
    let manner = Manner::WantsAnother(Arc::new(Authority::new("stranger")));
    only(&Deployment::with(manner), "target.tls.our_certificate_refused");
}

#[test]
fn a_target_that_has_not_paired_us() {
    only(&Deployment::with(Manner::Answers("403 Forbidden", "")), "target.forbidden");
}

#[test]
fn a_target_in_maintenance() {
    only(&Deployment::with(Manner::Answers("503 Service Unavailable", "")), "target.unavailable");
}

#[test]
fn a_target_that_wants_a_password() {
    only(&Deployment::with(Manner::Answers("401 Unauthorized", "")), "target.asks_credentials");
}

#[test]
fn a_target_that_knows_nobody_by_that_name() {
    only(&Deployment::with(Manner::Answers("404 Not Found", "")), "target.not_found");
}

#[test]
fn a_target_that_sends_us_elsewhere() {
    let contact = "Contact: <sip:sip9.platform.example>\r\n";
    only(&Deployment::with(Manner::Answers("302 Moved Temporarily", contact)), "target.moved");
}

#[test]
fn a_target_behind_which_something_fails() {
    only(&Deployment::with(Manner::Answers("500 Server Internal Error", "")), "target.in_trouble");
}

#[test]
fn a_target_that_dislikes_options_is_alive() {
    let deployment = Deployment::with(Manner::Answers("405 Method Not Allowed", ""));
    nothing(&deployment, "405 is an answer");
}

#[test]
fn a_target_that_sees_us_elsewhere() {
    only(&Deployment::with(Manner::SawUsAt("198.51.100.77")), "advertise.seen_elsewhere");
}

#[test]
fn a_target_in_another_time() {
    let manner = Manner::Answers("200 OK", "Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n");
    only(&Deployment::with(manner), "clock.skew");
}

// ---- calls of the last day

/// MD-94, MD-233: the platform's own words, and its number for the call.
#[test]
fn calls_that_a_platform_refused_are_explained() {
    let deployment = Deployment::healthy();
    let spool = deployment.folder.path().join("cdr");
    std::fs::create_dir_all(&spool).unwrap();
    let line = |ended_ms: u128, text: &str| {
        let reason = format!("Q.850;cause=31;text=\"5e19725b-7fad-4e89-bae3-dfc5df88bb96;{text}\"");
        serde_json::json!({ "type": "call", "ended_ms": ended_ms, "reasons": [{ "side": "callee", "reason": reason }] })
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let lines = [
        line(now - 1_000, "No callee endpoints were found."),
        line(now - 2_000, "Call ended"),
        line(now - 90_000_000, "SrtpEncryptionRequired"),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(spool.join("calls-000000000001.jsonl"), text).unwrap();
    only(&deployment, "calls.refused");
    let found = deployment.findings();
    let told = &found.iter().find(|finding| finding.code == "calls.refused").unwrap().told;
    assert!(told.contains("nothing of the user rings in 1 calls") && told.contains("5e19725b"), "{told}");
}

const SHA1_CHAIN: &str = "-----BEGIN CERTIFICATE-----\n\
MIIBozCCAUmgAwIBAgIUf4bfsAJbFhvQCg+1qaC1AkI2kpAwCQYHKoZIzj0EATAT\n\
MREwDwYDVQQDDAhvbGQgcm9vdDAgFw0yNjExMjExODUzNTVaGA8yMTI2MDcyMDE4\n\
NTM1NVowGjEYMBYGA1UEAwwPc2JjLmV4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYI\n\
KoZIzj0DAQcDQgAExYAF9kJS23+E0iL2mt1hmRFjvGr9Da6+0Mn+DknWMRLjNGX/\n\
bcEwqTtDnHMLTpQ4+m8ud7S8+IfiTf3wByHOYKNzMHEwGgYDVR0RBBMwEYIPc2Jj\n\
LmV4YW1wbGUuY29tMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBSNSImF\n\
DIv5ys+H1B3OaR4HM7uSUzAfBgNVHSMEGDAWgBRyeRosMUywYDUKLbQQvB+gjWaA\n\
dzAJBgcqhkjOPQQBA0kAMEYCIQD3qayAxfR/mMIMmGJsp5cdr5UjCfo0DNkpj3tY\n\
pm4WJgIhAMzJW5unJjSO3OF/xV4YdVNi3lcCQc5YeHnkWTW8qZp5\n\
-----END CERTIFICATE-----\n";

const SHA1_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgri4XmGV7m6iKgik5\n\
rmt+vlKyYsPYviYrio2TMm1A+9ShRANCAATFgAX2QlLbf4TSIvaa3WGZEWO8av0N\n\
rr7Qyf4OSdYxEuM0Zf9twTCpO0OccwtOlDj6by53tLz4h+JN/fAHIc5g\n\
-----END PRIVATE KEY-----\n";

const SHA1_ROOT: &str = "-----BEGIN CERTIFICATE-----\n\
MIIBfTCCASOgAwIBAgIUPRhVXGWQXe8RqshgamIM+HjzV3AwCgYIKoZIzj0EAwIw\n\
EzERMA8GA1UEAwwIb2xkIHJvb3QwIBcNMjYxMTIxMTg1MzU1WhgPMjEyNjEwMjgx\n\
ODUzNTVaMBMxETAPBgNVBAMMCG9sZCByb290MFkwEwYHKoZIzj0CAQYIKoZIzj0D\n\
AQcDQgAEiiZFyO7r/TJdNTSyEY+xiQ4VRM9/eyH1Y+vMI1McSZjeR/xvsw92/mE1\n\
+1Rv/P0j0c25PjBrWtKdTUQAoHzh/aNTMFEwHQYDVR0OBBYEFHJ5GiwxTLBgNQot\n\
tBC8H6CNZoB3MB8GA1UdIwQYMBaAFHJ5GiwxTLBgNQottBC8H6CNZoB3MA8GA1Ud\n\
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAKiSyUv5LNmJmKcnv6gCzKKp\n\
HXLYHyYB9ruasYmaDk0NAiB+g5d4E9bEmnUQaUTEYr489Eylq8XImQxt+G7zVTyW\n\
vQ==\n\
-----END CERTIFICATE-----\n";
