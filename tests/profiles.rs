//! The embedded profiles against the reference sheet: one row for each statement a profile stands for, by its number.

use std::collections::BTreeSet;
use std::path::Path;

use trunkline::config::{Files, parse, profile};
use trunkline::route::profile::{Behaviour, Profile, Standing, profile_names, profile_text};
use trunkline::sip::Method;

const MICROSOFT: [&str; 5] =
    ["microsoft-teams", "microsoft-teams-bypass", "microsoft-gcch", "microsoft-dod", "azure-acs"];
const WORLDWIDE: [&str; 3] = ["microsoft-teams", "microsoft-teams-bypass", "azure-acs"];

/// A statement of the sheet, the profiles it holds for, what it is about, and the value it wants.
type Row<'a> = (&'a str, &'a [&'a str], fn(&Profile) -> String, &'a str);

fn read(name: &str) -> Profile {
    profile(name).unwrap_or_else(|report| panic!("{report}"))
}

fn check(rows: &[Row<'_>]) {
    let mut wrong = Vec::new();
    for (number, names, value, wanted) in rows {
        for name in *names {
            let found = value(&read(name));
            if found != *wanted {
                wrong.push(format!("{number}: {name} has {found}, the sheet says {wanted}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn hosts(profile: &Profile) -> String {
    profile.counterpart.targets.iter().map(|target| &*target.host).collect::<Vec<_>>().join(" ")
}

fn sources(profile: &Profile) -> String {
    profile.counterpart.sources.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn with<V: std::fmt::Debug>(profile: &Profile, value: impl Fn(&Behaviour) -> V) -> String {
    format!("{:?}", value(&profile.behaviour))
}

/// Where media comes from.
fn media_sources(profile: &Profile) -> String {
    profile.behaviour.media.sources.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn passed(profile: &Profile) -> String {
    profile.behaviour.presentation.headers.pass.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn codes(profile: &Profile) -> String {
    profile.behaviour.failover.codes.iter().map(|code| code.code().to_string()).collect::<Vec<_>>().join(" ")
}

fn suites(profile: &Profile) -> String {
    profile.behaviour.media.suites.iter().map(|suite| suite.name()).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_microsoft_profiles_say_what_the_sheet_says() {
    let rows: &[Row<'_>] = &[
        ("MD-1", &MICROSOFT, |p| format!("{:?}", p.transports), "[Tls]"),
        ("MD-2", &WORLDWIDE, hosts, "sip.pstnhub.microsoft.com sip2.pstnhub.microsoft.com sip3.pstnhub.microsoft.com"),
        ("MD-3", &["microsoft-gcch"], hosts, "sip.pstnhub.gov.teams.microsoft.us"),
        ("MD-3", &["microsoft-dod"], hosts, "sip.pstnhub.dod.teams.microsoft.us"),
        ("MD-8", &MICROSOFT, |p| with(p, |b| b.port), "Some(5061)"),
        ("MD-9", &WORLDWIDE, sources, "52.112.0.0/14 52.120.0.0/14"),
        ("MD-9", &["microsoft-gcch"], sources, "52.127.88.0/21"),
        ("MD-9", &["microsoft-dod"], sources, "52.127.64.0/21"),
        ("MD-11", &["microsoft-teams"], media_sources, "52.112.0.0/14 52.120.0.0/14"),
        ("MD-11", &["microsoft-gcch"], media_sources, "52.127.88.0/21"),
        ("MD-11", &["microsoft-dod"], media_sources, "52.127.64.0/21"),
        ("MD-11", &["microsoft-teams-bypass", "azure-acs"], media_sources, ""),
        ("MD-10, MD-22", &MICROSOFT, |p| format!("{:?}", p.counterpart.shows), "Certificate"),
        ("MD-81", &MICROSOFT, |p| format!("{:?}", p.counterpart.contact_host), "Ignored"),
        ("MD-45, MD-52", &MICROSOFT, |p| with(p, |b| b.options.draining), "Answer"),
        ("MD-50, MD-53", &MICROSOFT, |p| with(p, |b| b.options.liveness.alive), "Success"),
        ("MD-78, MD-83", &MICROSOFT[..4], passed, "Identity"),
        ("MD-87", &MICROSOFT, |p| with(p, |b| b.presentation.showing.private_from), "Anonymous"),
        ("MD-95", &MICROSOFT, |p| with(p, |b| b.presentation.numbers.outgoing.default.name()), "\"e164\""),
        ("MD-99, MD-240", &MICROSOFT, |p| with(p, |b| b.presentation.diverting.style), "Rfc4244"),
        ("MD-104", &MICROSOFT, |p| with(p, |b| b.transfer.redirect), "Refuse"),
        ("MD-193", &MICROSOFT, |p| with(p, |b| (b.media.silence.after, b.media.silence.then)), "(30s, Report)"),
        ("MD-193", &MICROSOFT, |p| with(p, |b| b.options.liveness.silent_calls), "5"),
        ("MD-78, MD-162", &MICROSOFT, |p| with(p, |b| b.presentation.bodies.pass.clone()), "[]"),
        ("MD-21, MD-50", &MICROSOFT, |p| format!("{:?}", p.needs), "[Fqdn, RsaIdentity]"),
        ("MD-30", &MICROSOFT, |p| p.roots.len().to_string(), "7"),
        ("MD-34", &WORLDWIDE, |p| p.counterpart.peer_names.join(" "), "sip.pstnhub.microsoft.com"),
        ("MD-44", &MICROSOFT, |p| with(p, |b| b.options.interval), "60s"),
        ("MD-26", &["microsoft-gcch", "microsoft-dod"], |p| p.our_certificate.authorities.len().to_string(), "2"),
        ("MD-26", &WORLDWIDE, |p| p.our_certificate.authorities.len().to_string(), "0"),
        ("MD-42", &MICROSOFT, |p| with(p, |b| b.options.theirs), "Expected"),
        ("PV-37", &["azure-acs"], |p| with(p, |b| b.service), "Some(AcsDirectRouting)"),
        ("PV-37", &MICROSOFT[..4], |p| with(p, |b| b.service), "Some(TeamsDirectRouting)"),
        ("MD-56", &MICROSOFT, |p| with(p, |b| b.presence.contact), "Number"),
        ("MD-74", &MICROSOFT, |p| with(p, |b| b.provisional.reliable), "Off"),
        ("MD-75", &MICROSOFT, |p| with(p, |b| b.transfer.send_replaces), "Refuse"),
        ("MD-76", &MICROSOFT, |p| with(p, |b| b.transfer.replaces), "Take"),
        ("MD-79", &MICROSOFT, |p| with(p, |b| (b.presence.user_agent, b.presence.x_ms_sbc)), "(true, true)"),
        ("MD-84", &MICROSOFT, |p| with(p, |b| b.presence.request_uri), "Full"),
        ("MD-85", &MICROSOFT, |p| with(p, |b| b.presentation.numbers.uri_style), "SipPhone"),
        ("MD-86", &MICROSOFT, |p| with(p, |b| b.presentation.showing.from), "Asserted"),
        ("MD-90", &MICROSOFT, |p| with(p, |b| b.presentation.diverting.send), "HistoryInfo"),
        ("MD-91", &MICROSOFT, |p| with(p, |b| b.timers.no_response), "5s"),
        ("MD-98", &MICROSOFT, |p| with(p, |b| b.presentation.showing.trusted), "true"),
        ("MD-102", &MICROSOFT, |p| with(p, |b| b.provisional.progress), "8s"),
        ("MD-115", &MICROSOFT, |p| with(p, |b| b.provisional.forks), "Single"),
        ("MD-119", &MICROSOFT, |p| with(p, |b| b.failover.after_503), "Target"),
        ("MD-122", &MICROSOFT, codes, "503 504"),
        ("MD-127", &MICROSOFT, |p| with(p, |b| b.media.sound.hold), "Inactive"),
        ("MD-132", &MICROSOFT, |p| with(p, |b| b.session_timer.mode), "Supported"),
        ("MD-133", &MICROSOFT, |p| with(p, |b| (b.session_timer.expires_s, b.session_timer.min_se_s)), "(1800, 90)"),
        ("MD-139", &MICROSOFT, |p| with(p, |b| b.transfer.refer), "Execute"),
        ("MD-144", &MICROSOFT, |p| with(p, |b| b.transfer.target), "Peer"),
        ("MD-167", &MICROSOFT, |p| with(p, |b| b.media.security), "Srtp"),
        ("MD-168", &MICROSOFT, suites, "AES_CM_128_HMAC_SHA1_80"),
        ("MD-169", &MICROSOFT, |p| with(p, |b| b.media.srtp_lifetime), "true"),
        ("MD-172", &MICROSOFT, |p| with(p, |b| b.media.srtp.generate), "OnlyIfRequired"),
        ("MD-190", &MICROSOFT, |p| with(p, |b| b.media.sound.dtmf), "Rfc4733"),
        ("MD-193", &MICROSOFT, |p| with(p, |b| b.media.sound.comfort), "Silence"),
        ("MD-195", &["microsoft-teams-bypass"], |p| with(p, |b| b.media.ice), "Lite"),
        ("MD-203", &["microsoft-teams", "azure-acs"], |p| with(p, |b| b.media.ice), "Off"),
    ];
    check(rows);
}

/// MD-72, MD-155: Allow of Microsoft is INVITE, ACK, OPTIONS, CANCEL, BYE, NOTIFY.
#[test]
fn microsoft_is_sent_no_method_that_it_does_not_take() {
    for name in MICROSOFT {
        let sends = read(name).behaviour.methods.sends;
        let refused =
            [Method::Update, Method::Info, Method::Message, Method::Subscribe, Method::Publish, Method::Refer];
        assert!(refused.iter().all(|method| !sends.allows(method)), "{name}");
        assert!(sends.allows(&Method::Notify), "{name}");
    }
}

/// MD-184: PCMU and PCMA are a must, SILK and G.722 should be there; MD-189: comfort noise.
#[test]
fn microsoft_gets_the_codecs_of_its_list() {
    for name in MICROSOFT {
        let codecs = read(name).behaviour.media.codecs;
        for wanted in ["SILK", "G722", "PCMA", "PCMU", "G729", "CN"] {
            assert!(codecs.iter().any(|codec| codec == wanted), "{name}: {wanted}");
        }
    }
}

/// MD-217, MD-83: what ACS writes for the other side goes both ways, what it writes for itself does not.
#[test]
fn acs_takes_custom_headers_and_no_other_of_microsofts() {
    let acs = read("azure-acs").behaviour.presentation;
    let passes = |name: &str| acs.headers.passes(name.as_bytes());
    assert!(passes("User-To-User") && passes("X-MS-Custom-callId") && passes("x-intent"));
    assert!(!passes("X-MS-UserSite"));
}

#[test]
fn the_other_profiles_say_what_the_sheet_says() {
    let carriers: &[&str] = &["carrier-ip", "carrier-register", "carrier-gin"];
    let rows: &[Row<'_>] = &[
        ("PF-36", &["operator-gateway"], suites, "AES_CM_128_HMAC_SHA1_80"),
        ("PF-44", &["operator-gateway", "carrier-ip", "generic-tls"], codes, "408 503 504"),
        ("PF-64", &["genesys-byoc", "zoom-byoc", "twilio-secure"], |p| format!("{:?}", p.transports), "[Tls]"),
        ("PF-65", &["genesys-byoc"], |p| format!("{:?}", p.needs), "[RsaIdentity]"),
        ("PF-66", &["genesys-byoc"], |p| with(p, |b| b.media.security), "Srtp"),
        ("PF-67", &["genesys-byoc"], media_sources, "52.129.96.0/20 169.150.104.0/21 167.234.48.0/20 136.245.64.0/18"),
        ("PF-75", &["genesys-byoc"], |p| with(p, |b| b.timers.no_answer), "120s"),
        ("PF-75", &["genesys-byoc"], codes, "500 502 503 504 505 408"),
        ("PF-76", &["genesys-byoc"], |p| with(p, |b| b.media.sound.comfort), "Noise"),
        (
            "PF-78",
            &["genesys-byoc"],
            |p| with(p, |b| b.presentation.numbers.incoming.default.name()),
            "\"e164-no-plus\"",
        ),
        (
            "PF-79",
            &["genesys-byoc", "azure-acs"],
            |p| p.behaviour.presentation.headers.passes(b"user-to-user").to_string(),
            "true",
        ),
        (
            "PF-84, PF-110",
            &["zoom-byoc", "chime-vc"],
            |p| with(p, |b| b.presentation.numbers.outgoing.default.name()),
            "\"e164\"",
        ),
        ("PF-90", &["zoom-byoc"], |p| with(p, |b| b.media.security), "Srtp"),
        ("PF-101", &["google-gtp"], media_sources, "74.125.39.0/24"),
        ("PF-119, MD-170", &["twilio-secure", "zoom-byoc"], |p| with(p, |b| b.media.srtp_lifetime), "false"),
        ("PF-120", &["twilio-secure"], media_sources, "168.86.128.0/18"),
        ("PF-123", &["azure-acs"], |p| with(p, |b| b.presentation.headers.context.is_none()), "true"),
        ("PF-76", &["genesys-byoc"], |p| with(p, |b| b.media.codecs.join(" ")), "\"OPUS PCMU PCMA\""),
        ("PF-80", &["genesys-byoc"], |p| with(p, |b| b.transfer.refer), "Execute"),
        ("PF-86", &["zoom-byoc"], |p| with(p, |b| b.presentation.showing.headers.clone()), "[Asserted]"),
        ("PF-87", &["zoom-byoc"], |p| with(p, |b| b.provisional.reliable), "Off"),
        ("PF-87", &["zoom-byoc"], |p| with(p, |b| (b.session_timer.expires_s, b.session_timer.min_se_s)), "(1800, 90)"),
        (
            "PF-88",
            &["zoom-byoc"],
            suites,
            "AES_CM_128_HMAC_SHA1_80 AEAD_AES_256_GCM AES_256_CM_HMAC_SHA1_80 AES_CM_128_HMAC_SHA1_32",
        ),
        ("PF-101", &["google-gtp"], sources, "74.125.88.128/25"),
        ("PF-104", &["google-gtp"], suites, "AES_CM_128_HMAC_SHA1_80"),
        ("PF-105", &["google-gtp", "google-siplink"], |p| with(p, |b| b.port), "Some(5672)"),
        ("PF-113", &["chime-vc"], |p| with(p, |b| b.media.codecs.join(" ")), "\"PCMU\""),
        (
            "PF-102",
            &["google-gtp", "google-siplink"],
            |p| p.our_certificate.authorities.join(" "),
            "DigiCert Entrust GlobalSign GoDaddy Sectigo",
        ),
        (
            "PF-192",
            &["google-gtp", "google-siplink", "webex"],
            |p| format!("{:?}", p.our_certificate.wildcards),
            "Refused",
        ),
        ("PF-115", &["twilio-secure"], |p| format!("{:?}", p.needs), "[RequestUriHost]"),
        ("PF-118", &["twilio-secure"], |p| with(p, |b| b.media.security), "Srtp"),
        ("PF-119", &["twilio-secure"], suites, "AES_CM_128_HMAC_SHA1_80 AES_CM_128_HMAC_SHA1_32"),
        ("PF-128", carriers, |p| format!("{:?}", p.transports), "[Udp, Tcp, Tls]"),
        ("PF-130", &["carrier-register", "carrier-gin"], |p| format!("{:?}", p.needs), "[Registration]"),
        ("PF-150", carriers, |p| with(p, |b| b.transfer.refer), "Refuse"),
        ("PF-155", &["carrier-ip"], |p| with(p, |b| b.options.interval), "30s"),
    ];
    check(rows);
}

/// PV-37 and PF-51.
#[test]
fn profiles_name_their_service_and_their_role() {
    let rows: &[Row<'_>] = &[
        ("PF-51", &["carrier-ip", "carrier-register", "carrier-gin"], |p| with(p, |b| b.role), "Carrier"),
        (
            "PF-51",
            &["genesys-byoc", "zoom-byoc", "google-gtp", "operator-gateway", "webex"],
            |p| with(p, |b| b.role),
            "Platform",
        ),
        ("PV-37", &["genesys-byoc"], |p| with(p, |b| b.service), "Some(Genesys)"),
        ("PV-37", &["zoom-byoc"], |p| with(p, |b| b.service), "Some(Zoom)"),
        ("PV-37", &["google-gtp", "google-siplink"], |p| with(p, |b| b.service), "Some(Google)"),
        ("PV-37", &["webex"], |p| with(p, |b| b.service), "Some(Webex)"),
        ("PV-37", &["chime-vc"], |p| with(p, |b| b.service), "Some(Chime)"),
        ("PV-37", &["twilio-secure"], |p| with(p, |b| b.service), "Some(Twilio)"),
        ("PV-37", &["operator-gateway", "generic-tls", "carrier-ip"], |p| with(p, |b| b.service), "None"),
    ];
    check(rows);
}

/// PF-204.
#[test]
fn every_profile_of_the_list_is_there_and_two_are_experimental() {
    let names: BTreeSet<&str> = profile_names().collect();
    let wanted = "azure-acs carrier-gin carrier-ip carrier-register chime-vc generic-tls genesys-byoc google-gtp \
                  google-siplink microsoft-dod microsoft-gcch microsoft-teams microsoft-teams-bypass operator-gateway \
                  twilio-secure webex zoom-byoc";
    assert_eq!(names, wanted.split_ascii_whitespace().collect());
    let experimental = |name: &&str| read(name).standing == Standing::Experimental;
    assert_eq!(
        names.iter().copied().filter(|name| experimental(name)).collect::<Vec<_>>(),
        ["google-siplink", "webex"]
    );
}

/// Every field is printed with a comment, and the comments cite the sheet.
#[test]
fn every_table_of_a_profile_is_commented() {
    for name in profile_names() {
        let text = profile_text(name).expect("its text");
        for table in ["media", "options", "failover", "timers", "provisional", "transfer", "session_timer", "methods"] {
            let (_, rest) = text.split_once(&format!("\n[{table}]\n")).unwrap_or_else(|| panic!("{name}: [{table}]"));
            assert!(rest.starts_with("# "), "{name}: [{table}] begins without a comment");
        }
        let cited = text.lines().filter(|line| line.contains("MD-") || line.contains("PF-")).count();
        assert!(cited >= 10, "{name} cites the sheet {cited} times");
    }
}

const NETWORK: &str = "[networks.n]\nbind = \"192.0.2.1\"\nrtp_ports = \"10000-10999\"\n\
    [certificates.main]\nchain = \"c.pem\"\nkey = \"k.pem\"\n\
    [listeners.tls]\nnetwork = \"n\"\ntransport = \"tls\"\ncertificates = [\"main\"]\n";

fn configured(trunk: &str) -> Result<trunkline::config::Loaded, String> {
    let text = format!("{NETWORK}[trunks.t]\nlistener = \"tls\"\n{trunk}\n");
    parse("t.toml", &text, Path::new("/base"), Files::Ignored).map_err(|report| report.to_string())
}

#[test]
fn profile_listener_and_name_are_a_whole_microsoft_trunk() {
    for name in MICROSOFT {
        let loaded = configured(&format!("profile = \"{name}\"\nfqdn = \"sbc1.example.com\"")).expect("accepted");
        let trunk = loaded.snapshot.trunk_named("t").expect("the trunk");
        assert_eq!(trunk.targets.len(), read(name).counterpart.targets.len(), "{name}");
        assert!(trunk.targets.iter().all(|target| target.port == Some(5061)), "{name}");
        assert_eq!(trunk.media.sources, trunk.sources, "MD-11: {name}");
        assert_eq!(&*trunk.presence.allow, "INVITE, ACK, BYE, CANCEL, OPTIONS, REFER, NOTIFY", "MD-49: {name}");
        assert_eq!(&*trunk.presence.supported, "timer, replaces", "MD-89: {name}");
        assert_eq!(&*trunk.presence.contact, "<sip:sbc1.example.com:5061;transport=tls>", "MD-49: {name}");
    }
}

#[test]
fn single_keys_of_a_profile_are_overridden() {
    let own = "profile = \"microsoft-teams\"\nfqdn = \"sbc1.example.com\"\ntargets = [\"192.0.2.9:5061\"]\n\
               peer_names = [\"sip.lab.example\"]\nsources = [\"192.0.2.9/32\"]\nfailover = { codes = [500] }";
    let loaded = configured(own).expect("accepted");
    let trunk = loaded.snapshot.trunk_named("t").expect("the trunk");
    assert_eq!((trunk.targets.len(), &*trunk.targets[0].host), (1, "192.0.2.9"));
    assert_eq!((trunk.peer_names.join(" "), trunk.sources.len()), ("sip.lab.example".to_owned(), 1));
    assert_eq!(trunk.failover.codes.iter().map(|code| code.code()).collect::<Vec<_>>(), [500]);
}

/// MD-50: Contact with an address is answered 403, so a trunk without a name is no trunk.
#[test]
fn a_microsoft_trunk_without_a_name_is_refused() {
    let report = configured("profile = \"microsoft-teams\"").expect_err("refused");
    assert!(report.contains("trunks.t.fqdn: microsoft-teams knows us by a name"), "{report}");
}

#[test]
fn a_trunk_that_must_register_or_be_known_by_host_says_so() {
    let register = configured("profile = \"carrier-register\"\ntargets = [\"192.0.2.9\"]").expect_err("refused");
    assert!(register.contains("trunks.t.registration: carrier-register is a peer to register at"), "{register}");
    let twilio = configured("profile = \"twilio-secure\"\ntargets = [\"192.0.2.9\"]").expect_err("refused");
    assert!(twilio.contains("trunks.t.request_uri_host"), "{twilio}");
}

#[test]
fn an_experimental_profile_is_accepted_with_a_warning() {
    let own = "profile = \"webex\"\nfqdn = \"sbc1.example.com\"\ntargets = [\"192.0.2.9\"]";
    let warnings = configured(own).expect("accepted").report.to_string();
    assert!(warnings.contains("webex is experimental"), "{warnings}");
}

/// T23 of the traps: 480 "No callee endpoints were found", because Teams and ACS know us by one name (MD-17).
#[test]
fn t23_one_name_for_teams_and_acs_is_refused() {
    let two = |second: &str| {
        let both = format!(
            "profile = \"microsoft-teams\"\nfqdn = \"sbc1.example.com\"\n\
             [trunks.acs]\nlistener = \"tls\"\nprofile = \"azure-acs\"\nfqdn = \"{second}\"\nsources = [\"52.113.0.0/16\"]"
        );
        configured(&both).map_err(|report| report.contains("trunks.acs.fqdn: \"t\" has this name for the other"))
    };
    assert_eq!(two("sbc1.example.com").err(), Some(true));
    assert_ne!(two("acs.example.com").err(), Some(true));
}
