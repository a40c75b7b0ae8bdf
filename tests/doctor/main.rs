//! The doctor: on a deployment without a fault it names none; each fault that is put in, it names.

mod authority;
mod faults;
#[cfg(feature = "lab")]
mod lab;
mod peer;
mod refusals;

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::CertificateDer;
use trunkline::config::{Loaded, Report, load};
use trunkline::doctor::clock::{Keeping, Synchronised};
use trunkline::doctor::folders::Room;
use trunkline::doctor::{Daemon, Finding, HostFacts, Verdict, Wish, examine, refused};

use authority::{Authority, Leaf};
use peer::{Manner, Platform, carrier, carrier_at};

/// A deployment on loopback, as healthy as one can be; tests spoil one thing each.
pub struct Deployment {
    pub folder: TempDir,
    pub authority: Authority,
    pub ours: Leaf,
    pub platform: Platform,
    /// The configuration, with its parts in `{braces}`.
    pub text: String,
    pub facts: HostFacts,
    pub daemon: Daemon,
    /// Of the key's file.
    pub key_mode: u32,
}

const TEXT: &str = r#"
[networks.public]
bind = "127.0.18.1"
advertise = "203.0.113.10"
rtp_ports = "{rtp}"
[dns]
servers = ["{dns}"]
hosts = { "sip.platform.example" = ["127.0.18.2"], "sbc.example.com" = ["203.0.113.10"] }
[certificates.main]
chain = "chain.pem"
key = "key.pem"
[trust.default]
roots = "roots.pem"
[listeners.platform]
network = "public"
transport = "tls"
port = {port}
certificates = ["main"]
client_certificate = "request"
[trunks.platform]
profile = "generic-tls"
listener = "platform"
fqdn = "sbc.example.com"
targets = ["{target}"]
peer_names = ["sip.platform.example"]
sources = ["127.0.18.2/32"]
[listeners.carrier]
network = "public"
transport = "udp"
port = {port}
[trunks.carrier]
profile = "carrier-ip"
listener = "carrier"
targets = ["{carrier}"]
numbers = { country = "DE" }
[[routes]]
from = "platform"
to = ["carrier"]
[limits]
max_calls = 20
max_connections = 100
"#;

/// A machine at which nothing is wrong, to which the world's roots are these.
pub fn machine(public_roots: Vec<CertificateDer<'static>>) -> HostFacts {
    HostFacts {
        now: Some(SystemTime::now()),
        built: Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
        keeping: Keeping { kernel: Some(Synchronised::Yes), ..Keeping::default() },
        descriptors: Some(100_000),
        receive_buffer: Some(8_388_608),
        ephemeral: Some((64_000, 65_535)),
        reserved: Vec::new(),
        room: Some(|_| Some(Room { free: 1 << 40, all: 1 << 41 })),
        public_roots,
    }
}

/// A port that nobody has; each test has its own, so that tests beside each other do not meet. One that the system chooses
/// it would choose again, for the next test or for a connection.
pub fn free_port() -> u16 {
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(12_000);
    loop {
        let port = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let at = ("127.0.18.1", port);
        if UdpSocket::bind(at).is_ok() && std::net::TcpListener::bind(at).is_ok() {
            return port;
        }
    }
}

impl Deployment {
    pub fn healthy() -> Deployment {
        Deployment::with(Manner::Answers("200 OK", "Allow: INVITE, OPTIONS\r\n"))
    }

    pub fn with(manner: Manner) -> Deployment {
        let authority = Authority::new("root");
        let theirs = authority.leaf("sip.platform.example");
        Deployment::of(authority, &theirs, manner)
    }

    pub fn of(authority: Authority, theirs: &Leaf, manner: Manner) -> Deployment {
        let ours = authority.leaf("sbc.example.com");
        let platform = Platform::start(theirs, manner);
        let target = format!("sip.platform.example:{}", platform.address.port());
        let rtp = free_rtp();
        let text = TEXT
            .replace("{rtp}", &format!("{}-{}", rtp, rtp + 99))
            .replace("{port}", &free_port().to_string())
            .replace("{target}", &target)
            .replace("{carrier}", &carrier().to_string())
            .replace("{dns}", "127.0.18.9:53");
        let facts = machine(authority.certificates());
        let folder = tempfile::tempdir().unwrap();
        Deployment { folder, authority, ours, platform, text, facts, daemon: Daemon::Absent, key_mode: 0o600 }
    }

    /// Replaces a part of the configuration, which must be there.
    pub fn spoil(mut self, part: &str, with: &str) -> Deployment {
        assert!(self.text.contains(part), "{part} is not in {}", self.text);
        self.text = self.text.replace(part, with);
        self
    }

    /// Writes configuration and files, and reads them as the command does.
    fn loaded(&self) -> Result<Loaded, Report> {
        let file = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        file("chain.pem", &self.ours.chain);
        let key = file("key.pem", &self.ours.key);
        std::fs::set_permissions(key, std::fs::Permissions::from_mode(self.key_mode)).unwrap();
        file("roots.pem", &self.authority.root);
        let path = file(
            "trunkline.toml",
            &format!("node = {{ state_dir = \"{}\" }}\n{}", self.folder.path().display(), self.text),
        );
        load(&path)
    }

    pub fn findings(&self) -> Vec<Finding> {
        let loaded = match self.loaded() {
            Ok(loaded) => loaded,
            Err(report) => return refused(&report),
        };
        examine(&loaded, &self.facts, Wish { daemon: self.daemon, listen: Duration::from_secs(3) }).unwrap()
    }

    /// Everything that is not as it should be.
    pub fn wrong(&self) -> Vec<Finding> {
        self.findings().into_iter().filter(|finding| finding.verdict >= Verdict::Warning).collect()
    }

    /// Codes of it.
    pub fn faults(&self) -> Vec<String> {
        self.wrong().into_iter().map(|finding| finding.code).collect()
    }
}

/// The first of a hundred ports that nobody has, apart from those of the tests beside it, and below those that Linux
/// lends (32,768).
fn free_rtp() -> u16 {
    const RANGES: u16 = 190;
    static TAKEN: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    // Another process that tests has the same addresses.
    let begin = (std::process::id() % u32::from(RANGES)) as u16;
    loop {
        let number = TAKEN.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert!(number < RANGES, "there are too many deployments");
        let first = 13_000 + (begin + number) % RANGES * 100;
        if (first..first + 100).all(|port| UdpSocket::bind(("127.0.18.1", port)).is_ok()) {
            return first;
        }
    }
}

#[test]
fn on_a_healthy_deployment_no_fault_is_invented() {
    let deployment = Deployment::healthy();
    let findings = deployment.findings();
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.verdict != Verdict::Good).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Everything was looked at: the probe went out and its answer was read.
    for code in [
        "clock",
        "clock.kept",
        "descriptors",
        "udp_buffer",
        "rtp_ports",
        "listener",
        "certificate",
        "dns.target",
        "dns.own",
        "target",
        "advertise",
    ] {
        assert!(findings.iter().any(|finding| finding.code == code), "{code}: {findings:#?}");
    }
}

/// Three names of ours on one listener, RSA beside ECDSA, and a carrier that we register at.
#[test]
fn on_a_healthy_deployment_of_many_peers_no_fault_is_invented() {
    let deployment = Deployment::healthy();
    let trunk = |name: &str, profile: &str| {
        format!(
            "[trunks.{name}]\nprofile = \"{profile}\"\nlistener = \"platform\"\nfqdn = \"{name}.example.com\"\n\
             certificate = \"rsa\"\ntargets = [\"sip.platform.example:{}\"]\npeer_names = [\"sip.platform.example\"]\n\
             sources = [\"127.0.18.2/32\"]\noptions = {{ asks_us = false }}\n[[routes]]\nfrom = \"{name}\"\nto = [\"registrar\"]\n",
            deployment.platform.address.port()
        )
    };
    let registrar = format!(
        "[trunks.registrar]\nprofile = \"carrier-register\"\nlistener = \"carrier\"\ntargets = [\"{}\"]\n\
         registration = {{ aor = \"sip:sbc@carrier.example\" }}\n\
         auth = {{ user = \"sbc\", realm = \"carrier.example\", password_file = \"password\" }}\n",
        carrier_at("127.0.18.6")
    );
    let more = trunk("acs", "azure-acs")
        + &trunk("genesys", "genesys-byoc")
        + &registrar
        + "[certificates.rsa]\nchain = \"rsa.pem\"\nkey = \"rsa.key\"\n[limits]";
    let names = ["acs", "genesys"].map(|name| format!("\"{name}.example.com\" = [\"203.0.113.10\"], ")).concat();
    let password = deployment.folder.path().join("password");
    std::fs::write(&password, "secret\n").unwrap();
    std::fs::set_permissions(password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let rsa = deployment.authority.rsa_leaf(&["acs.example.com", "genesys.example.com"]);
    std::fs::write(deployment.folder.path().join("rsa.pem"), &rsa.chain).unwrap();
    let key = deployment.folder.path().join("rsa.key");
    std::fs::write(&key, &rsa.key).unwrap();
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let deployment = deployment
        .spoil("certificates = [\"main\"]", "certificates = [\"main\", \"rsa\"]")
        .spoil("hosts = { ", &format!("hosts = {{ {names}"))
        .spoil("[limits]", &more);
    // The test's root is none of Microsoft's seven.
    let wrong = deployment.wrong().into_iter().filter(|finding| finding.code != "trust.roots_missing");
    let wrong: Vec<Finding> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
