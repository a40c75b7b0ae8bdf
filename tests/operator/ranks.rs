//! Ranks of the daemon's threads under what the system allows (`RLIMIT_NICE`), as a user without rights. Needs root, to become
//! one and to raise the limit.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Desk, SOUND};

/// Of Debian: whoever has no rights.
const NOBODY: &str = "65534";
const TOLD: &str = "threads are not ranked";

/// Ends the daemon with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The daemon, whose threads may go so far below its own nice value; their names and nice values once it serves, and its log.
fn under(allowed: i64) -> (BTreeMap<String, i64>, String) {
    let desk = Desk::new();
    let own = threads(std::process::id()).into_values().max().unwrap();
    // As setrlimit(2) counts: 20 less the lowest nice value.
    let limit = 20 - own + allowed;
    let text = SOUND.replace("port = 2546", &format!("port = 2{allowed:02}6"));
    desk.write("ranks.toml", text);
    let program = desk.path("trunkline");
    fs::copy(env!("CARGO_BIN_EXE_trunkline"), &program).unwrap();
    fs::create_dir(desk.path("state")).unwrap();
    for name in [".", "state", "chain.pem", "key.pem", "ranks.toml", "trunkline"] {
        fs::set_permissions(desk.path(name), Permissions::from_mode(0o777)).unwrap();
    }
    let mut command = Command::new("prlimit");
    command.arg(format!("--nice={limit}:{limit}"));
    command.args([
        "setpriv",
        "--reuid",
        NOBODY,
        "--regid",
        NOBODY,
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
    ]);
    command.arg(&program).args(["run", "--config", "ranks.toml"]).current_dir(desk.folder.path());
    let log = desk.path("log");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).unwrap());
    let daemon = Ended(command.spawn().unwrap());
    let told = || fs::read_to_string(&log).unwrap();
    for _ in 0..600 {
        if told().contains("\"running\"") {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(told().contains("\"running\""), "{}", told());
    (threads(daemon.0.id()), told())
}

/// Name and nice value (`proc(5)`: the 19th field of stat) of each thread.
fn threads(pid: u32) -> BTreeMap<String, i64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let stats = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
    let named = stats.filter_map(|stat| {
        let (head, rest) = stat.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        Some((name, rest.split_ascii_whitespace().nth(16)?.parse().ok()?))
    });
    named.collect()
}

/// Whether ranks can be tried here.
fn is_root() -> bool {
    let root = fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line.starts_with("Uid:\t0\t"));
    if !root {
        eprintln!("not tried: only root can raise a limit and become somebody else");
    }
    root
}

#[test]
fn audio_goes_before_signalling_and_that_before_the_rest_where_the_limit_allows_it() {
    if !is_root() {
        return;
    }
    // What LimitNICE=-9 of the unit comes to.
    let (threads, log) = under(9);
    let own = threads["trunkline"];
    let below = |name: &str| own - threads[name];
    assert_eq!((below("relay-0"), below("engine"), below("net")), (9, 4, 4), "{threads:?}");
    let others =
        threads.iter().filter(|(name, _)| !["relay-", "engine", "net"].iter().any(|ranked| name.starts_with(ranked)));
    assert!(others.clone().count() > 1 && others.clone().all(|(_, nice)| *nice == own), "{threads:?}");
    assert!(!log.contains(TOLD), "{log}");
}

#[test]
fn without_the_whole_permission_the_threads_are_alike_and_it_is_told_once() {
    if !is_root() {
        return;
    }
    // Five would be enough for signalling, and audio would come after it.
    for allowed in [0, 5] {
        let (threads, log) = under(allowed);
        let own = threads["trunkline"];
        assert!(threads.contains_key("relay-0") && threads.values().all(|nice| *nice == own), "{allowed}: {threads:?}");
        let told: Vec<&str> = log.lines().filter(|line| line.contains(TOLD)).collect();
        assert!(matches!(told.as_slice(), [one] if one.contains("\"INFO\"")), "{allowed}: {told:?}");
    }
}
