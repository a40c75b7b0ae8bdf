//! A daemon with what it is started with, on addresses of its own.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use trunkline::lab::platform::authority::{Authority, Change};
use trunkline::lab::platform::overriding;
use trunkline::lab::platform::report::Report;
use trunkline::lab::platform::run::{Wish, prepare, run};
use trunkline::lab::platform::setting::Platform;
use trunkline::lab::platform::stage::{Numbers, Patience};

/// A daemon with loopback addresses of its own, so that tests run side by side.
pub struct Ground {
    pub directory: TempDir,
    pub wish: Wish,
    /// Loopback addresses that nobody else uses; the wish has the first six.
    pub addresses: [IpAddr; 16],
}

/// Killed and reaped when dropped.
pub struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Ground {
    pub fn new(platform: Platform, only: &[&str]) -> Ground {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let place = NEXT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id().to_le_bytes();
        let addresses: [IpAddr; 16] = std::array::from_fn(|number| {
            let last = u8::try_from(number).expect("below 16") << 4;
            IpAddr::from([127, 128 + place, process[1] ^ process[2], process[0] ^ last])
        });
        let directory = tempfile::tempdir().expect("a directory");
        inherit(&directory.path().join("lab"));
        let at = |number: usize, port: u16| SocketAddr::new(addresses[number], port);
        let wish = Wish {
            platform,
            sbc: at(0, 5061),
            name: "sbc1.example.com".to_owned(),
            bind: (1..5).map(|last| at(last, 5061)).collect(),
            directory: directory.path().join("lab"),
            own: None,
            sbc_roots: None,
            carrier: Some((at(5, 5060), at(0, 5060))),
            numbers: Numbers { platform: "+493012345678".to_owned(), carrier: "+494076543210".to_owned() },
            patience: Patience::Usual,
            only: only.iter().map(|word| (*word).to_owned()).collect(),
        };
        Ground { directory, wish, addresses }
    }

    /// The block, changed; metrics move to this ground's address.
    pub fn block(&self, change: impl Fn(String) -> String) -> PathBuf {
        let authority = prepare(&self.wish).expect("certificates");
        let block = change(overriding::block(&self.wish, &authority));
        let path = self.directory.path().join("override.toml");
        let metrics = format!("[metrics]\nbind = \"{}:9464\"\n", self.wish.sbc.ip());
        fs::write(&path, block + &metrics).expect("written");
        path
    }

    pub fn start(&self, config: &Path, block: &Path) -> Daemon {
        let log = fs::File::create(self.directory.path().join("daemon.log")).expect("a log");
        let daemon = Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .args(["run", "--config"])
            .arg(config)
            .arg("--override")
            .arg(block)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        Daemon(daemon.expect("started"))
    }

    /// A lab that finds another in the daemon's place does not notice when the daemon is there.
    async fn until_it_listens(&self) {
        let connected = async {
            while TcpStream::connect(self.wish.sbc).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), connected).await.expect("a daemon that listens");
    }

    /// Starts the daemon and plays the lab against it.
    pub async fn play(&self, config: &Path, block: &Path) -> Report {
        self.play_elsewhere(&self.wish, config, block).await
    }

    /// The same, where the lab finds something else in the daemon's place.
    pub async fn play_elsewhere(&self, wish: &Wish, config: &Path, block: &Path) -> Report {
        let _daemon = self.start(config, block);
        self.until_it_listens().await;
        let mut lines = Vec::new();
        let report = run(wish, &mut |line| lines.push(line.to_owned())).await.expect("a lab");
        println!("{}\n{}", lines.join("\n"), report.text());
        if !report.passed() {
            let log = fs::read_to_string(self.directory.path().join("daemon.log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            println!("{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        report
    }
}

/// A file of this repository.
pub fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// Roots of 4,096 bits take their time: they are made once, and each ground has a copy.
fn inherit(directory: &Path) {
    static MADE: LazyLock<TempDir> = LazyLock::new(|| {
        let made = tempfile::tempdir().expect("a directory");
        Authority::prepare(
            made.path(),
            &["platform.example"],
            &["sbc1.example.com", "*.sbc1.example.com"],
            Change::Made,
        )
        .expect("certificates");
        made
    });
    fs::create_dir_all(directory).expect("a directory");
    for file in fs::read_dir(MADE.path()).expect("files") {
        let file = file.expect("a file");
        fs::copy(file.path(), directory.join(file.file_name())).expect("copied");
    }
}
