//! Ranks of the daemon's threads under what the system allows (`RLIMIT_NICE`, `CAP_SYS_NICE`), as a user without
//! rights. Needs root, to become one.

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

/// What lets its threads be ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permission {
    /// `RLIMIT_NICE`: so far below its own nice value.
    Limit(i64),
    /// `CAP_SYS_NICE`: as far as they like.
    Capability,
    Nothing,
}

impl Permission {
    /// As setrlimit(2) counts: 20 less the lowest nice value.
    fn limit(self) -> String {
        let own = threads(std::process::id()).into_values().max().unwrap();
        let limit = if let Permission::Limit(below) = self { 20 - own + below } else { 0 };
        format!("--nice={limit}:{limit}")
    }

    /// Whether it can be given here: to raise a limit takes `CAP_SYS_RESOURCE`, which root of a container may lack.
    fn can_be_given(self) -> bool {
        let given =
            Command::new("prlimit").args([self.limit().as_str(), "true"]).stderr(Stdio::null()).status().unwrap();
        if !given.success() {
            eprintln!("{self:?} is not tried: the limit cannot be raised here");
        }
        given.success()
    }
}

/// The daemon with that permission and no other, at ports of its own; its threads' names and nice values once it
/// serves, and its log.
fn under(permission: Permission, ports: &str) -> (BTreeMap<String, i64>, String) {
    let desk = Desk::new();
    desk.write("ranks.toml", SOUND.replace("port = 2546", &format!("port = {ports}")));
    let program = desk.path("trunkline");
    // By a process of its own: a file that a test beside this one has open for writing at its fork cannot be run.
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_trunkline")).arg(&program).status().unwrap().success());
    fs::create_dir(desk.path("state")).unwrap();
    for name in [".", "state", "chain.pem", "key.pem", "ranks.toml", "trunkline"] {
        fs::set_permissions(desk.path(name), Permissions::from_mode(0o777)).unwrap();
    }
    let mut command = Command::new("prlimit");
    command.args([permission.limit().as_str(), "setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    if permission == Permission::Capability {
        command.args(["--inh-caps=+sys_nice", "--ambient-caps=+sys_nice"]);
    }
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
        eprintln!("not tried: only root becomes somebody else");
    }
    root
}

#[test]
fn audio_goes_before_signalling_and_that_before_the_rest_where_it_is_allowed() {
    if !is_root() {
        return;
    }
    // What LimitNICE=-13 of the unit comes to, and what a container with a capability has.
    for (permission, ports) in [(Permission::Limit(13), "2547"), (Permission::Capability, "2548")] {
        if !permission.can_be_given() {
            continue;
        }
        let (threads, log) = under(permission, ports);
        let own = threads["trunkline"];
        let below = |name: &str| own - threads[name];
        assert_eq!((below("relay-0"), below("engine"), below("net")), (13, 4, 4), "{permission:?}: {threads:?}");
        let is_ranked = |name: &str| ["relay-", "engine", "net"].iter().any(|ranked| name.starts_with(ranked));
        let others: Vec<_> = threads.iter().filter(|(name, _)| !is_ranked(name)).collect();
        assert!(others.len() > 1 && others.iter().all(|(_, nice)| **nice == own), "{permission:?}: {threads:?}");
        assert!(!log.contains(TOLD), "{log}");
    }
}

#[test]
fn without_the_whole_permission_the_threads_are_alike_and_it_is_told_once() {
    if !is_root() {
        return;
    }
    // Five would be enough for signalling, and audio would come after it.
    for (permission, ports) in [(Permission::Nothing, "2549"), (Permission::Limit(5), "2550")] {
        if !permission.can_be_given() {
            continue;
        }
        let (threads, log) = under(permission, ports);
        let own = threads["trunkline"];
        assert!(threads.contains_key("relay-0"), "{permission:?}: {threads:?}");
        assert!(threads.values().all(|nice| *nice == own), "{permission:?}: {threads:?}");
        let told: Vec<&str> = log.lines().filter(|line| line.contains(TOLD)).collect();
        assert!(matches!(told.as_slice(), [one] if one.contains("\"INFO\"")), "{permission:?}: {told:?}");
    }
}
