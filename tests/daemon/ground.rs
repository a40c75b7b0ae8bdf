//! A daemon of one test: its own loopback addresses, so that its ports are never taken, and its own directory.

use std::cell::RefCell;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio_rustls::rustls::ClientConfig;
use trunkline::lab::certificates::{self, Certificates};
use trunkline::lab::tls::TlsSettings;

use crate::peer::Peer;

/// Longer than anything here takes: only a failing test waits for it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// `limits.max_wait_ms`: a machine that is busy with other tests is no rush of calls.
pub const PATIENT_MS: u32 = 10_000;

/// Ports of every ground; the addresses differ.
pub const SIP: u16 = 15_060;
pub const SIP_TLS: u16 = 15_061;
const METRICS: u16 = 15_064;

/// What a test may change.
pub struct Rules {
    pub drain_s: u32,
    /// `timers` of every trunk.
    pub timers: &'static str,
    /// Replaced in the configuration: what, and by what.
    pub changes: Vec<(String, String)>,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { drain_s: 600, timers: "", changes: Vec::new() }
    }
}

/// See the module.
pub struct Ground {
    directory: TempDir,
    pub certificates: Certificates,
    first: u8,
    /// How often the first octets were used up before.
    turn: u8,
    rules: Rules,
}

impl Ground {
    pub fn new(rules: Rules) -> Ground {
        /// Four addresses each; the 63rd ground begins another turn of them.
        const GROUNDS: u8 = 62;
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let directory = tempfile::tempdir().unwrap();
        let certificates = certificates::make(directory.path()).unwrap();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (first, turn) = (2 + 4 * (number % GROUNDS), number / GROUNDS);
        let ground = Ground { directory, certificates, first, turn, rules };
        fs::write(ground.config(), ground.changed()).unwrap();
        ground
    }

    fn address(&self, place: u8) -> IpAddr {
        let pid = std::process::id().to_le_bytes();
        IpAddr::from([127, self.first + place, pid[1].wrapping_add(self.turn), pid[0]])
    }

    pub fn daemon(&self) -> IpAddr {
        self.address(0)
    }

    /// May ask and call over UDP and TCP; over TLS with its certificate.
    pub fn caller(&self) -> IpAddr {
        self.address(1)
    }

    /// Where calls go, over the transport they came in by; calls from TLS go to UDP.
    pub fn callee(&self) -> IpAddr {
        self.address(2)
    }

    /// In no trunk.
    pub fn stranger(&self) -> IpAddr {
        self.address(3)
    }

    /// `node.state_dir`.
    pub fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    pub fn config(&self) -> PathBuf {
        self.directory.path().join("trunkline.toml")
    }

    fn changed(&self) -> String {
        let mut text = self.text();
        for (from, to) in &self.rules.changes {
            let (from, to) = (self.named(from), self.named(to));
            assert!(text.contains(&from), "{from} is not in\n{text}");
            text = text.replace(&from, &to);
        }
        text
    }

    /// CALLEE stands for the callee's address.
    fn named(&self, text: &str) -> String {
        text.replace("CALLEE", &self.callee().to_string())
    }

    pub fn text(&self) -> String {
        let (daemon, caller, callee) = (self.daemon(), self.caller(), self.callee());
        let trunk = |name: &str, listener: &str, peer: IpAddr| {
            format!(
                "[trunks.{name}]\nprofile = \"carrier-ip\"\nlistener = \"{listener}\"\ntargets = [\"{peer}:{SIP}\"]\n\
                 sources = [\"{peer}/32\"]\noptions = {{ interval_s = 0 }}\n{}\n",
                self.rules.timers
            )
        };
        format!(
            "[node]\nname = \"ground\"\nstate_dir = \"state\"\ndrain_s = {}\n\
             [networks.loop]\nbind = \"{daemon}\"\nadvertise = \"{daemon}\"\nrtp_ports = \"30000-30999\"\n\
             allow_media = [\"127.0.0.0/8\"]\n\
             [dns]\nhosts = {{ \"platform.lab.test\" = [\"{caller}\"] }}\n\
             [certificates.main]\nchain = \"sbc.chain.pem\"\nkey = \"sbc.key.pem\"\n\
             [trust.lab]\nroots = \"ca.pem\"\n\
             [limits]\nmax_wait_ms = {PATIENT_MS}\n\
             [media]\nport_rest_s = 1\n\
             [listeners.udp]\nnetwork = \"loop\"\ntransport = \"udp\"\nport = {SIP}\n\
             [listeners.tcp]\nnetwork = \"loop\"\ntransport = \"tcp\"\nport = {SIP}\n\
             [listeners.tls]\nnetwork = \"loop\"\ntransport = \"tls\"\nport = {SIP_TLS}\ncertificates = [\"main\"]\n\
             {}{}{}{}\
             [trunks.platform]\nprofile = \"generic-tls\"\nlistener = \"tls\"\nfqdn = \"sbc.lab.test\"\n\
             targets = [\"platform.lab.test:{SIP_TLS}\"]\npeer_names = [\"platform.lab.test\"]\nsources = [\"{caller}/32\"]\n\
             options = {{ interval_s = 0 }}\n{}\n\
             [[routes]]\nfrom = \"caller-udp\"\nto = [\"callee-udp\"]\n\
             [[routes]]\nfrom = \"caller-tcp\"\nto = [\"callee-tcp\"]\n\
             [[routes]]\nfrom = \"platform\"\nto = [\"callee-udp\"]\n\
             [metrics]\nbind = \"{daemon}:{METRICS}\"\n",
            self.rules.drain_s,
            trunk("caller-udp", "udp", caller),
            trunk("callee-udp", "udp", callee),
            trunk("caller-tcp", "tcp", caller),
            trunk("callee-tcp", "tcp", callee),
            self.rules.timers,
        )
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command.arg("run").arg("--config").arg(self.config()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self) -> Output {
        self.command().output().unwrap()
    }

    /// Runs it until it says that it serves.
    pub fn start(&self) -> Running {
        self.start_by(self.command())
    }

    /// The same under a shell's limit of the size of its files, in blocks of 1024 octets; beyond it, writes fail as on a
    /// full disk.
    pub fn start_with_file_limit(&self, blocks: u32) -> Running {
        let mut command = Command::new("bash");
        let script = format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" run --config \"$1\"");
        command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_trunkline")).arg(self.config());
        self.start_by(command)
    }

    /// The same with a log of this level in a file.
    pub fn start_with_log(&self, level: &str) -> Running {
        let mut command = self.command();
        command.env("TRUNKLINE_LOG", level).stderr(fs::File::create(self.log()).unwrap());
        self.start_and_wait(command)
    }

    /// Asks the running daemon: what the command prints, or what it complains of.
    pub fn asked(&self, arguments: &[&str]) -> Result<String, String> {
        let (first, rest) = arguments.split_first().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        let output = command.arg(first).arg("--config").arg(self.config()).args(rest).output().unwrap();
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    pub fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// The first line of the log with these words, once it is there: a line is written a moment after what it tells.
    pub fn logged(&self, words: &str) -> String {
        let line = RefCell::new(None);
        self.until(|ground| {
            let log = fs::read_to_string(ground.log()).unwrap();
            let found = log.lines().find(|line| line.contains(words));
            *line.borrow_mut() = found.map(str::to_owned);
            found.map(drop).ok_or_else(|| format!("no {words} in\n{log}"))
        });
        line.take().unwrap()
    }

    fn start_by(&self, mut command: Command) -> Running {
        command.stderr(Stdio::null());
        self.start_and_wait(command)
    }

    fn start_and_wait(&self, mut command: Command) -> Running {
        let path = self.directory.path().join("notify");
        let _ = fs::remove_file(&path);
        let notify = UnixDatagram::bind(&path).unwrap();
        notify.set_read_timeout(Some(PATIENCE)).unwrap();
        let child = command.env("NOTIFY_SOCKET", &path).spawn().unwrap();
        let running = Running { child, notify };
        running.told("READY=1");
        running
    }

    pub fn sip(&self) -> SocketAddr {
        (self.daemon(), SIP).into()
    }

    /// A UDP peer at `address`.
    pub fn udp(&self, address: IpAddr) -> Peer {
        let socket = UdpSocket::bind((address, SIP)).unwrap();
        Peer::datagrams(socket, self.sip())
    }

    /// A TCP connection from `address`.
    pub fn tcp(&self, address: IpAddr) -> Peer {
        Peer::stream(address, self.sip())
    }

    /// A TLS connection of the platform, which shows its certificate.
    pub fn tls(&self) -> Peer {
        Peer::secured(self.caller(), (self.daemon(), SIP_TLS).into(), tls_settings(&self.certificates))
    }

    /// The same with the certificates of another authority.
    pub fn tls_with(&self, certificates: &Certificates) -> Peer {
        Peer::secured(self.caller(), (self.daemon(), SIP_TLS).into(), tls_settings(certificates))
    }

    /// One page of the metrics' port.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect((self.daemon(), METRICS)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    pub fn is_ready(&self) -> bool {
        self.get("/readyz").starts_with("HTTP/1.1 200 ")
    }

    /// Asks until `reached`; what it says otherwise is shown when patience ends.
    pub fn until(&self, reached: impl Fn(&Ground) -> Result<(), String>) {
        let start = Instant::now();
        while let Err(why) = reached(self) {
            assert!(start.elapsed() < PATIENCE, "{why}");
            // Not so often that the asking takes the daemon's processor.
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Gauges that are not zero.
    pub fn held(&self) -> Result<(), String> {
        let page = self.get("/metrics");
        let gauges =
            ["transactions ", "dialogs ", "calls ", "streams ", "flows ", "ports{state=\"leased\"} ", "inbox_"];
        let held = |line: &&str| {
            let gauge = line.strip_prefix("sbc_").is_some_and(|line| gauges.iter().any(|name| line.starts_with(name)));
            gauge && !line.ends_with(" 0")
        };
        let held: Vec<&str> = page.lines().filter(held).collect();
        if held.is_empty() && page.contains("\nsbc_transactions 0\n") { Ok(()) } else { Err(format!("{held:?}")) }
    }
}

pub fn tls_settings(certificates: &Certificates) -> Arc<ClientConfig> {
    let settings = TlsSettings::new(&certificates.authority, &certificates.platform).unwrap();
    settings.connector.config().clone()
}

/// A daemon that has said that it is ready. Killed if a test fails.
pub struct Running {
    child: Child,
    notify: UnixDatagram,
}

impl Running {
    /// Waits until the service manager is told `word`.
    pub fn told(&self, word: &str) {
        let mut buffer = [0u8; 1024];
        loop {
            let length = self.notify.recv(&mut buffer).unwrap();
            if String::from_utf8_lossy(&buffer[..length]).contains(word) {
                return;
            }
        }
    }

    /// Whether the service manager has been told `word` since.
    pub fn has_told(&self, word: &str) -> bool {
        let mut buffer = [0u8; 1024];
        self.notify.set_nonblocking(true).unwrap();
        let mut told = std::iter::from_fn(|| {
            let length = self.notify.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        });
        let is_told = told.any(|text| text.contains(word));
        self.notify.set_nonblocking(false).unwrap();
        is_told
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Lifts the limit of [`Ground::start_with_file_limit`].
    pub fn lift_file_limit(&self) {
        let pid = rustix::process::Pid::from_raw(self.child.id().cast_signed());
        let limit = rustix::process::Rlimit { current: None, maximum: None };
        rustix::process::prlimit(pid, rustix::process::Resource::Fsize, limit).unwrap();
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn exit(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
