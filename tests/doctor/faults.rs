//! One fault each: what is put in, and what the doctor calls it.

use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::ExtendedKeyUsagePurpose;
use trunkline::doctor::Daemon;

use crate::Deployment;
use crate::authority::{Authority, LONG};
use crate::peer::{Manner, dns};

/// Exactly this is wrong.
fn only(deployment: &Deployment, code: &str) {
    assert_eq!(deployment.faults(), [code]);
}

// ---- the machine

#[test]
fn a_clock_from_before_the_program() {
    let mut deployment = Deployment::healthy();
    deployment.facts.built = deployment.facts.now.map(|now| now + Duration::from_secs(7200));
    only(&deployment, "clock.past");
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
    assert!(deployment.faults().is_empty(), "reserved for us");
}

#[test]
fn fewer_media_ports_than_calls() {
    only(&Deployment::healthy().spoil("max_calls = 20\n", "max_calls = 51\n"), "rtp_ports.few");
}

#[test]
fn media_ports_of_another_process() {
    let deployment = Deployment::healthy();
    let first: u16 =
        deployment.text.split("rtp_ports = \"").nth(1).unwrap().split('-').next().unwrap().parse().unwrap();
    let _taken = UdpSocket::bind(("127.0.18.1", first)).unwrap();
    only(&deployment, "rtp_ports.taken");
    // The daemon that runs is no stranger.
    let running = Deployment { daemon: Daemon::Running, ..deployment };
    assert!(running.faults().is_empty());
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
    assert!(deployment.faults().is_empty(), "with it the chain is whole");
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

#[test]
fn every_user_may_read_the_key() {
    let mut deployment = Deployment::healthy();
    deployment.key_mode = 0o644;
    only(&deployment, "certificate.key_open");
    deployment.key_mode = 0o640;
    assert!(deployment.faults().is_empty(), "the daemon's group");
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
    assert!(at_google("GlobalSign", "sbc.example.com").faults().is_empty());
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
fn a_target_that_dislikes_options_is_alive() {
    let deployment = Deployment::with(Manner::Answers("405 Method Not Allowed", ""));
    assert!(deployment.faults().is_empty(), "{:?}", deployment.faults());
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
