//! The doctor on the shipped `config/teams.toml` against the platform that `trunkline lab teams` plays: on a healthy
//! set-up it finds no fault, and each fault that is put in, it names.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use trunkline::config::load_overridden;
use trunkline::doctor::{Daemon, Finding, HostFacts, Verdict, Wish, examine};
use trunkline::lab::platform::overriding;
use trunkline::lab::platform::run::{self, prepare, set};
use trunkline::lab::platform::scenario::{self, first_contact};
use trunkline::lab::platform::setting::Platform;
use trunkline::lab::platform::stage::{Numbers, Patience};
use trunkline::net::pem;

use crate::machine;
use crate::peer::dns;

/// How often the lab's platform asks. Production: a minute.
const ASKS: Duration = Duration::from_millis(200);
/// Longer than it takes until it asks: only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node beside a running lab, as `trunkline lab teams --print-config` sets it up. Tests spoil one thing each.
struct Beside {
    folder: TempDir,
    /// The file, below the root of the repository.
    shipped: &'static str,
    sbc: SocketAddr,
    /// The block that lies over the shipped file.
    block: String,
    facts: HostFacts,
    daemon: Daemon,
    /// How long its OPTIONS are waited for: no longer than until they came.
    listen: Duration,
    _lab: Runtime,
}

/// Certificates are made once: RSA keys of 4096 bits take their time.
fn authority() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    MADE.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

fn wish(platform: Platform) -> run::Wish {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let place = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id().to_le_bytes();
    let at = |last: u8, port: u16| {
        SocketAddr::new(IpAddr::from([127, 64 + place, process[0] ^ process[1], 1 + (last << 4)]), port)
    };
    run::Wish {
        platform,
        sbc: at(0, 5061),
        name: "sbc1.example.com".to_owned(),
        bind: vec![at(1, 5061)],
        directory: authority().to_owned(),
        own: None,
        sbc_roots: None,
        carrier: Some((at(2, 5060), at(0, 5060))),
        numbers: Numbers { platform: "+493012345678".to_owned(), carrier: "+494076543210".to_owned() },
        patience: Patience::Usual,
        only: Vec::new(),
    }
}

impl Beside {
    fn teams() -> Beside {
        Beside::of(Platform::Teams, "config/teams.toml")
    }

    fn of(platform: Platform, shipped: &'static str) -> Beside {
        let wish = wish(platform);
        let made = prepare(&wish).expect("certificates");
        let folder = tempfile::tempdir().unwrap();
        let own = format!("hosts = {{ \"sbc1.example.com\" = [\"{}\"], ", wish.sbc.ip());
        let block = overriding::block(&wish, &made).replace("hosts = { ", &own).replace(
            &wish.directory.join("state").display().to_string(),
            &folder.path().join("state").display().to_string(),
        ) + "[limits]\nmax_calls = 20\nmax_connections = 100\n";
        let facts = machine(pem::certificates(&std::fs::read(&made.roots).unwrap()).unwrap());
        let lab = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let stage = lab.block_on(set(&wish, platform.setting())).expect("a lab");
        let options = first_contact::SCENARIOS.iter().find(|scenario| scenario.name == "options").unwrap();
        lab.spawn(async move {
            loop {
                // MD-42: only after ours.
                scenario::play(&stage, options).await;
                tokio::time::sleep(ASKS).await;
            }
        });
        Beside { folder, shipped, sbc: wish.sbc, block, facts, daemon: Daemon::Absent, listen: PATIENCE, _lab: lab }
    }

    /// Replaces a part of the block, which must be there.
    fn spoil(mut self, part: &str, with: &str) -> Beside {
        assert!(self.block.contains(part), "{part} is not in {}", self.block);
        self.block = self.block.replace(part, with);
        self
    }

    /// Nothing comes, however long it is waited for.
    fn in_vain(mut self) -> Beside {
        self.listen = 20 * ASKS;
        self
    }

    fn with_facts(mut self, change: impl FnOnce(&mut HostFacts)) -> Beside {
        change(&mut self.facts);
        self
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn findings(&self) -> Vec<Finding> {
        let over = self.file("override.toml", &self.block);
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.shipped);
        let loaded = load_overridden(&shipped, Some(&over)).unwrap_or_else(|report| panic!("{report}\n{}", self.block));
        examine(&loaded, &self.facts, Wish { daemon: self.daemon, listen: self.listen }).unwrap()
    }

    /// What is wrong, without what the lab brings along: its roots are not Microsoft's.
    fn wrong(&self) -> Vec<Finding> {
        let found = self.findings().into_iter();
        found.filter(|finding| finding.verdict >= Verdict::Warning && finding.code != "trust.roots_missing").collect()
    }

    /// This is wrong, be it at each of three targets, and nothing else; and it is told what to do.
    #[track_caller]
    fn names_only(&self, code: &str) {
        let wrong = self.wrong();
        let codes: BTreeSet<&str> = wrong.iter().map(|finding| &*finding.code).collect();
        assert_eq!(codes, BTreeSet::from([code]), "{wrong:#?}");
        assert!(wrong.iter().all(|finding| !finding.advice.is_empty()), "{wrong:#?}");
    }
}

#[test]
fn beside_a_healthy_lab_nothing_is_wrong_and_everything_was_looked_at() {
    let beside = Beside::teams();
    let findings = beside.findings();
    assert!(beside.wrong().is_empty(), "{:#?}", beside.wrong());
    for code in ["target", "dns.target", "dns.own", "certificate", "certificate.accepted", "options.back", "rtp_ports"]
    {
        let good = findings.iter().any(|finding| finding.code == code && finding.verdict == Verdict::Good);
        assert!(good, "{code}: {findings:#?}");
    }
}

/// Each shipped file with its platform and a carrier known by its address.
#[test]
fn beside_other_healthy_platforms_nothing_is_wrong() {
    let shipped = [
        (Platform::Acs, "config/acs.toml"),
        (Platform::Genesys, "config/genesys.toml"),
        (Platform::Zoom, "config/zoom.toml"),
    ];
    for (platform, file) in shipped {
        let beside = Beside::of(platform, file);
        let findings = beside.findings();
        assert!(beside.wrong().is_empty(), "{file}: {:#?}", beside.wrong());
        let answered = |finding: &&Finding| finding.code == "target" && finding.verdict == Verdict::Good;
        assert!(findings.iter().filter(answered).count() >= 2, "{file}: platform and carrier: {findings:#?}");
    }
}

/// Killed and reaped when dropped.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a daemon has the ports, it tells whether it was asked.
#[test]
fn beside_a_running_daemon_its_own_count_tells_of_options() {
    let beside = Beside::teams();
    let metrics = SocketAddr::new(beside.sbc.ip(), 9464);
    let mut beside = beside.spoil("[limits]", &format!("[metrics]\nbind = \"{metrics}\"\n[limits]"));
    let over = beside.file("override.toml", &beside.block);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.args(["run", "--config"]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/teams.toml"));
    command.arg("--override").arg(over).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let _daemon = Running(command.spawn().unwrap());
    let began = Instant::now();
    while std::net::TcpStream::connect(metrics).is_err() {
        assert!(began.elapsed() < PATIENCE, "no daemon");
        std::thread::sleep(Duration::from_millis(50));
    }
    beside.daemon = Daemon::Running;
    let findings = beside.findings();
    let back =
        findings.iter().find(|finding| finding.code == "options.back").unwrap_or_else(|| panic!("{findings:#?}"));
    assert_eq!((back.verdict, &*back.subject), (Verdict::Good, "trunks.teams"), "{back:?}");
    assert!(back.told.contains("the daemon"), "{back:?}");
    assert!(beside.wrong().is_empty(), "{:#?}", beside.wrong());
}

// ---- OPTIONS coming back (MD-42, MD-43, MD-234)

#[test]
fn the_platform_asks_at_another_port() {
    let beside = Beside::teams().spoil("[listeners.platform]\nport = 5061", "[listeners.platform]\nport = 5071");
    beside.in_vain().names_only("options.back.none");
}

/// MD-10: it sends from all of its ranges, not from where its names lead.
#[test]
fn the_platform_asks_from_an_address_that_is_nobodys() {
    let beside = Beside::teams();
    let own = beside.block.lines().find(|line| line.starts_with("sources = [")).unwrap().to_owned();
    beside.spoil(&own, "sources = [\"52.112.0.0/14\"]").in_vain().names_only("options.back.unknown_source");
}

// ---- names and certificates of both

#[test]
fn its_certificate_has_another_name() {
    let beside = Beside::teams().spoil("fqdn = ", "peer_names = [\"sip.other.example\"]\nfqdn = ");
    beside.names_only("target.tls.wrong_name");
}

#[test]
fn its_root_is_not_in_our_store() {
    let beside = Beside::teams();
    let other = crate::authority::Authority::new("other");
    let path = beside.file("other.pem", &other.root);
    let roots = beside.block.lines().find(|line| line.starts_with("roots = ")).unwrap().to_owned();
    beside.spoil(&roots, &format!("roots = {path:?}")).names_only("target.tls.unknown_issuer");
}

/// MD-26: government clouds name their authorities.
#[test]
fn our_authority_is_none_of_those_a_cloud_takes() {
    let beside = Beside::teams();
    let names = ["sip", "sip2", "sip3"].map(|name| format!("\"{name}.pstnhub.microsoft.com\"")).join(", ");
    let line = format!("profile = \"microsoft-gcch\"\ntargets = [{names}]\npeer_names = [{names}]\nfqdn = ");
    beside.spoil("fqdn = ", &line).names_only("certificate.authority_not_accepted");
}

#[test]
fn no_public_root_stands_behind_our_certificate() {
    let beside = Beside::teams().with_facts(|facts| facts.public_roots.clear());
    beside.names_only("certificate.private_authority");
}

#[test]
fn our_chain_lacks_its_intermediate() {
    let beside = Beside::teams();
    let chain = std::fs::read_to_string(authority().join("sbc.chain.pem")).unwrap();
    let leaf = chain.split_inclusive("-----END CERTIFICATE-----").next().unwrap();
    let path = beside.file("leaf.pem", leaf);
    let line = beside.block.lines().find(|line| line.starts_with("chain = ")).unwrap().to_owned();
    beside.spoil(&line, &format!("chain = {path:?}")).names_only("certificate.intermediates_missing");
}

#[test]
fn our_certificate_is_not_for_this_time() {
    // Before 1975, when the lab's certificates begin.
    let beside = Beside::teams().with_facts(|facts| (facts.now, facts.built) = (Some(UNIX_EPOCH), Some(UNIX_EPOCH)));
    beside.names_only("certificate.not_yet_valid");
}

#[test]
fn the_clock_stands_before_the_program() {
    let yesterday = UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    Beside::teams().with_facts(|facts| facts.now = Some(yesterday)).names_only("clock.past");
}

/// The lab's roots are not Microsoft's: the seven are named (MD-30).
#[test]
fn roots_of_microsoft_are_missing() {
    let findings = Beside::teams().findings();
    let missing = findings.iter().find(|finding| finding.code == "trust.roots_missing").expect("told");
    assert_eq!((missing.verdict, &*missing.subject), (Verdict::Warning, "trunks.teams.trust"));
    assert!(missing.told.contains("lacks 7 of the 7 roots of microsoft-teams"), "{missing:?}");
}

#[test]
fn everybody_may_read_the_key() {
    let beside = Beside::teams();
    let line = beside.block.lines().find(|line| line.starts_with("key = ")).unwrap().to_owned();
    let key = std::fs::read_to_string(authority().join("sbc.key.pem")).unwrap();
    let path = beside.file("open.key", &key);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    beside.spoil(&line, &format!("key = {path:?}")).names_only("certificate.key_open");
}

/// MD-24, MD-50: paired is another name.
#[test]
fn the_platform_does_not_know_our_name() {
    let beside = Beside::teams();
    let ip = beside.sbc.ip();
    beside
        .spoil("fqdn = \"sbc1.example.com\"", "fqdn = \"b.sbc1.example.com\"")
        .spoil(&format!("\"sbc1.example.com\" = [\"{ip}\"]"), &format!("\"b.sbc1.example.com\" = [\"{ip}\"]"))
        .names_only("target.forbidden");
}

// ---- DNS

#[test]
fn our_name_is_elsewhere() {
    let beside = Beside::teams();
    let here = format!("\"sbc1.example.com\" = [\"{}\"]", beside.sbc.ip());
    beside.spoil(&here, "\"sbc1.example.com\" = [\"203.0.113.99\"]").names_only("dns.own.elsewhere");
}

#[test]
fn our_name_does_not_exist() {
    let beside = Beside::teams();
    let here = format!("\"sbc1.example.com\" = [\"{}\"], ", beside.sbc.ip());
    let beside = beside.spoil(&here, "").spoil("[dns]\n", &format!("[dns]\nservers = [\"{}\"]\n", dns(3)));
    beside.names_only("dns.own.no_such_name");
}

#[test]
fn its_name_cannot_be_asked_for() {
    let beside = Beside::teams().spoil("\"sip.pstnhub.microsoft.com\" = ", "\"other.example\" = ");
    beside.spoil("[dns]\n", &format!("[dns]\nservers = [\"{}\"]\n", dns(2))).names_only("dns.target.server_failed");
}

// ---- the way there

#[test]
fn nobody_listens_where_its_name_leads() {
    let beside = Beside::teams();
    let line = beside.block.lines().find(|line| line.starts_with("hosts = ")).unwrap().to_owned();
    let (before, after) = line.split_once("\"sip.pstnhub.microsoft.com\" = [").unwrap();
    let (_, after) = after.split_once(']').unwrap();
    let led = format!("{before}\"sip.pstnhub.microsoft.com\" = [\"127.0.18.77\"]{after}");
    beside.spoil(&line, &led).names_only("target.refused");
}

#[test]
fn the_carrier_says_nothing() {
    let beside = Beside::teams();
    let mute = UdpSocket::bind("127.0.18.5:0").unwrap();
    let carrier = format!("targets = [\"{}\"]", mute.local_addr().unwrap());
    let line = beside.block.lines().find(|line| line.starts_with("targets = [")).unwrap().to_owned();
    beside.spoil(&line, &carrier).names_only("target.silent");
}

#[test]
fn the_port_of_the_platforms_listener_is_taken() {
    let beside = Beside::teams();
    let _taken = std::net::TcpListener::bind(beside.sbc).unwrap();
    beside.names_only("listener.taken");
}

// ---- addresses

#[test]
fn a_private_address_is_told_to_the_platform() {
    let beside = Beside::teams();
    let own = beside.sbc.ip().to_string();
    let beside = beside.spoil(&format!("advertise = \"{own}\""), "advertise = \"10.0.0.4\"");
    beside
        .spoil(&format!("\"sbc1.example.com\" = [\"{own}\"]"), "\"sbc1.example.com\" = [\"10.0.0.4\"]")
        .names_only("advertise.private");
}

#[test]
fn an_address_of_another_machine_is_bound() {
    let beside = Beside::teams();
    let own = beside.sbc.ip().to_string();
    beside.spoil(&format!("bind = \"{own}\""), "bind = \"198.51.100.77\"").names_only("bind.absent");
}

#[test]
fn another_process_has_a_media_port() {
    let beside = Beside::teams().spoil("[networks.public]\n", "[networks.public]\nrtp_ports = \"10000-10099\"\n");
    let _taken = UdpSocket::bind((beside.sbc.ip(), 10_000)).unwrap();
    beside.names_only("rtp_ports.taken");
}

/// MD-17: one name for Teams and ACS never gets all of its calls; the configuration refuses it, other platforms the doctor
/// tells of.
#[test]
fn one_name_is_shown_to_two_platforms() {
    let names = "[\"sip.pstnhub.microsoft.com\"]";
    let more = format!(
        "[trunks.second]\nprofile = \"zoom-byoc\"\nlistener = \"platform\"\nfqdn = \"sbc1.example.com\"\n\
         targets = {names}\nsources = [\"198.51.100.9/32\"]\npeer_names = {names}\n\
         [[routes]]\nfrom = \"carrier\"\nto = [\"teams\", \"second\"]\n\
         [[routes]]\nfrom = \"teams\"\nto = [\"carrier\"]\n\
         [[routes]]\nfrom = \"second\"\nto = [\"carrier\"]\n[limits]"
    );
    Beside::teams().spoil("[limits]", &more).names_only("fqdn.shared");
}

// ---- the machine

#[test]
fn too_few_files_may_be_open() {
    Beside::teams().with_facts(|facts| facts.descriptors = Some(64)).names_only("descriptors.few");
}

#[test]
fn the_udp_buffer_is_small() {
    Beside::teams().with_facts(|facts| facts.receive_buffer = Some(212_992)).names_only("udp_buffer.small");
}

#[test]
fn the_system_lends_media_ports() {
    Beside::teams().with_facts(|facts| facts.ephemeral = Some((16_384, 65_535))).names_only("rtp_ports.ephemeral");
}

#[test]
fn there_are_fewer_media_ports_than_calls() {
    Beside::teams().spoil("max_calls = 20", "max_calls = 5000").names_only("rtp_ports.few");
}

#[test]
fn anybody_may_read_the_metrics() {
    Beside::teams().spoil("[limits]", "[metrics]\nbind = \"0.0.0.0:19464\"\n[limits]").names_only("metrics.open");
}

// ---- what was said of calls

#[test]
fn the_platform_refused_a_call_and_said_why() {
    let beside = Beside::teams();
    let spool = beside.folder.path().join("state/cdr");
    std::fs::create_dir_all(&spool).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let reason = "Q.850;cause=63;text=\"5e19725b-7fad-4e89-bae3-dfc5df88bb96;510532\"";
    let line =
        serde_json::json!({ "type": "call", "ended_ms": now, "reasons": [{ "side": "callee", "reason": reason }] });
    std::fs::write(spool.join("calls-000000000001.jsonl"), format!("{line}\n")).unwrap();
    beside.names_only("calls.refused");
}
