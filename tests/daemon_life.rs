//! The process from outside: what it says, what it answers, and how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tempfile::TempDir;

/// Longer than anything here takes: only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

const SIP: u16 = 15_060;
const METRICS: u16 = 15_064;

/// A configuration in a directory of its own, on a loopback address of its own, so that its ports are never taken.
struct Ground {
    directory: TempDir,
    address: IpAddr,
}

impl Ground {
    fn new() -> Ground {
        static NEXT: AtomicU8 = AtomicU8::new(2);
        let (place, process) = (NEXT.fetch_add(1, Ordering::Relaxed), std::process::id().to_le_bytes());
        let address = IpAddr::from([127, place, process[1], process[0]]);
        let ground = Ground { directory: tempfile::tempdir().unwrap(), address };
        fs::write(ground.config(), ground.text()).unwrap();
        ground
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("trunkline.toml")
    }

    fn text(&self) -> String {
        let address = self.address;
        format!(
            r#"
[node]
name = "life"
state_dir = "state"
drain_s = 30
[networks.loop]
bind = "{address}"
advertise = "{address}"
rtp_ports = "38000-38199"
allow_media = ["127.0.0.0/8"]
[listeners.carrier]
network = "loop"
transport = "udp"
port = {SIP}
[trunks.one]
profile = "carrier-ip"
listener = "carrier"
targets = ["127.0.1.2:5060"]
sources = ["127.0.1.2/32"]
options = {{ interval_s = 0 }}
[trunks.two]
profile = "carrier-ip"
listener = "carrier"
targets = ["127.0.1.3:5060"]
sources = ["127.0.1.3/32"]
options = {{ interval_s = 0 }}
[[routes]]
from = "one"
to = ["two"]
[metrics]
bind = "{address}:{METRICS}"
"#
        )
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command.arg("run").arg("--config").arg(self.config()).stderr(Stdio::piped());
        command
    }

    fn run(&self) -> Output {
        self.command().output().unwrap()
    }

    fn start(&self) -> Running {
        let path = self.directory.path().join("notify");
        let notify = UnixDatagram::bind(&path).unwrap();
        notify.set_read_timeout(Some(PATIENCE)).unwrap();
        let child = self.command().env("NOTIFY_SOCKET", &path).stderr(Stdio::null()).spawn().unwrap();
        let running = Running { child, notify };
        assert!(running.told().contains("READY=1"));
        running
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect((self.address, METRICS)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }
}

/// A daemon that has said that it is ready. Killed if a test fails.
struct Running {
    child: Child,
    notify: UnixDatagram,
}

impl Running {
    fn told(&self) -> String {
        let mut buffer = [0u8; 1024];
        let length = self.notify.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    fn exit(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_taken_port_ends_the_start_with_69_and_names_the_port() {
    let ground = Ground::new();
    let _taken = UdpSocket::bind((ground.address, SIP)).unwrap();
    let output = ground.run();
    assert_eq!(output.status.code(), Some(69));
    assert!(stderr(&output).contains(&format!("{}:{SIP}", ground.address)), "{}", stderr(&output));
}

#[test]
fn a_taken_metrics_port_ends_the_start_with_69() {
    let ground = Ground::new();
    let _taken = TcpListener::bind((ground.address, METRICS)).unwrap();
    let output = ground.run();
    assert_eq!(output.status.code(), Some(69));
    assert!(stderr(&output).contains("metrics.bind"), "{}", stderr(&output));
}

#[test]
fn a_broken_configuration_ends_the_start_with_78_and_every_error() {
    let ground = Ground::new();
    fs::write(ground.config(), ground.text().replace("profile", "profle")).unwrap();
    let output = ground.run();
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(stderr(&output).lines().filter(|line| line.contains("profle")).count(), 2, "{}", stderr(&output));
}

#[test]
fn a_missing_configuration_ends_the_start_with_78() {
    let ground = Ground::new();
    fs::remove_file(ground.config()).unwrap();
    assert_eq!(ground.run().status.code(), Some(78));
}

#[test]
fn term_ends_an_idle_daemon_at_once_with_0() {
    let ground = Ground::new();
    let running = ground.start();
    running.signal("TERM");
    let told = running.told();
    // The drain of 30 s and as much for the end, whatever the manager's own patience is.
    assert!(told.contains("STOPPING=1") && told.contains("EXTEND_TIMEOUT_USEC=60000000\n"), "{told}");
    assert_eq!(running.exit(), Some(0));
}

/// A program that renews certificates does not ask whether the daemon has started already.
#[test]
fn a_hup_during_the_start_ends_nothing_and_is_heeded_afterwards() {
    let ground = Ground::new();
    let path = ground.directory.path().join("notify");
    let notify = UnixDatagram::bind(&path).unwrap();
    notify.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut child = ground.command().env("NOTIFY_SOCKET", &path).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let running = Running { child, notify };
    assert!(first.contains("\"building\""), "{first}");
    running.signal("HUP");
    assert!(running.told().contains("READY=1"));
    assert!(running.told().contains("RELOADING=1"));
    assert!(running.told().contains("READY=1"));
    running.signal("TERM");
    assert_eq!(running.exit(), Some(0));
}

#[test]
fn a_log_that_cannot_be_written_changes_no_exit_code() {
    let ground = Ground::new();
    fs::write(ground.config(), "nonsense").unwrap();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(ground.command().stderr(full).status().unwrap().code(), Some(78));
}

#[test]
fn int_ends_the_daemon_with_0() {
    let ground = Ground::new();
    let running = ground.start();
    running.signal("INT");
    assert_eq!(running.exit(), Some(0));
}

#[test]
fn a_running_daemon_is_ready_and_shows_every_table() {
    let ground = Ground::new();
    let _running = ground.start();
    assert!(ground.get("/readyz").starts_with("HTTP/1.1 200 "));
    assert!(ground.get("/healthz").starts_with("HTTP/1.1 200 "));
    let page = ground.get("/metrics");
    for table in ["transactions", "dialogs", "calls", "flows", "streams", "ports{state=\"ready\"}"] {
        assert!(page.contains(&format!("\nsbc_{table} ")), "{table} is missing in\n{page}");
    }
    assert!(page.trim_end().ends_with("# EOF"), "{page}");
}

/// A call is not to wait until a page of 2 MiB has been cleared.
#[test]
fn memory_of_the_daemon_grows_by_small_pages() {
    let ground = Ground::new();
    let running = ground.start();
    let status = fs::read_to_string(format!("/proc/{}/status", running.child.id())).unwrap();
    // A kernel before 5.0 does not say.
    let said = status.lines().find_map(|line| line.strip_prefix("THP_enabled:"));
    assert_eq!(said.map_or("0", str::trim), "0", "{status}");
}

/// Whoever asks from a shell has 1,024 descriptors; the unit gives the daemon what it needs.
#[test]
fn doctor_judges_the_descriptors_of_the_daemon_that_runs() {
    let ground = Ground::new();
    let examined = || {
        let mut shell = Command::new("bash");
        shell.args([
            "-c",
            "ulimit -n 300; exec \"$0\" doctor --listen 0 --config \"$1\"",
            env!("CARGO_BIN_EXE_trunkline"),
        ]);
        String::from_utf8(shell.arg(ground.config()).output().unwrap().stdout).unwrap()
    };
    assert!(examined().contains("descriptors: 300 may be open"));
    let running = ground.start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.child.id())).unwrap();
    let its = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next());
    let told = examined();
    assert!(told.contains(&format!("descriptors: {} may be open", its.unwrap())), "{told}");
}

#[test]
fn a_port_in_use_by_a_first_daemon_does_not_disturb_it() {
    let ground = Ground::new();
    let _running = ground.start();
    assert_eq!(ground.run().status.code(), Some(69));
    assert!(ground.get("/readyz").starts_with("HTTP/1.1 200 "));
}

#[test]
fn logs_are_one_json_object_a_line() {
    let ground = Ground::new();
    let mut child = ground.command().spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let line: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(line["level"], "INFO", "{first}");
}
