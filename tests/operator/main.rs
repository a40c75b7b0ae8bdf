//! What the command line says to an operator who made a mistake: file, line, what is wrong, what to do. Nothing here
//! waits for anybody else: whatever the configuration names.

mod files;
mod mistakes;
mod ranks;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Far beyond what any of these commands takes: one that is not over by then waits for somebody.
const FOR_EVER: Duration = Duration::from_secs(60);

/// A sound configuration, with its certificate beside it.
const SOUND: &str = r#"[node]
name = "sbc1"
state_dir = "state"
[networks.public]
bind = "127.0.0.1"
rtp_ports = "10000-18999"
allow_media = ["127.0.0.0/8"]
[certificates.main]
chain = "chain.pem"
key = "key.pem"
[trust.default]
roots = "chain.pem"
[listeners.tls]
network = "public"
transport = "tls"
port = 25461
certificates = ["main"]
[listeners.udp]
network = "public"
transport = "udp"
port = 25460
[trunks.platform]
profile = "generic-tls"
listener = "tls"
fqdn = "sbc.test"
targets = ["127.0.1.1:5061"]
sources = ["127.0.1.1/32"]
[trunks.north]
profile = "carrier-ip"
listener = "udp"
targets = ["127.0.1.2:5060"]
numbers = { country = "DE" }
[[routes]]
from = "north"
to = ["platform"]
[[routes]]
from = "platform"
to = ["north"]
"#;

/// A folder with the sound configuration's certificate.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        let made = rcgen::generate_simple_self_signed(["sbc.test".to_owned()]).unwrap();
        desk.write("chain.pem", made.cert.pem());
        desk.write("key.pem", made.signing_key.serialize_pem());
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, octets: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, octets).unwrap();
        path
    }

    /// A pipe nobody writes to.
    fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    /// Runs the program here; what it wrote to both outputs, and its exit code.
    fn run(&self, arguments: &[&str]) -> (String, i32) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        let Output { status, stdout, stderr } = patiently(command, arguments);
        (String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned(), status.code().unwrap_or(-1))
    }

    fn check(&self, file: &Path) -> (String, i32) {
        self.run(&["check", "--config", file.file_name().unwrap().to_str().unwrap()])
    }
}

/// A command that waits for ever is ended, and fails the test.
fn patiently(mut command: Command, arguments: &[&str]) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id().to_string();
    let (done, over) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let output = child.wait_with_output().unwrap();
        let _ = done.send(());
        output
    });
    if over.recv_timeout(FOR_EVER).is_err() {
        Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        panic!("{arguments:?} waits for somebody");
    }
    reader.join().unwrap()
}
