//! The clock: whether it can be right, and whether somebody keeps it right (PF-179). Certificates, tokens, records and the
//! times of provisioning go by it.
//!
//! The kernel knows whether it is synchronised, whichever program does that; `timedatectl` asks it. Where that program or
//! its service is missing, what those who keep a clock leave behind is looked at. In a container the clock is the host's,
//! and from inside there may be nothing to see: then nothing is claimed.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::finding::Finding;
use super::host::HostFacts;

/// By its full path: what stands first on a search path is somebody's choice.
const TIMEDATECTL: &str = "/usr/bin/timedatectl";
/// systemd-timesyncd touches it whenever it has set the clock by a server; it does not outlive a boot.
const STAMP: &str = "/run/systemd/timesync/synchronized";
/// Programs that keep a clock, as the kernel names their processes (15 octets).
const KEEPERS: [&str; 6] = ["chronyd", "ntpd", "systemd-timesyn", "openntpd", "ptp4l", "phc2sys"];
/// The answer comes from a service on this machine.
const PATIENCE: Duration = Duration::from_secs(3);
/// Octets of the answer: `yes` or `no`.
const ANSWER: u64 = 64;
/// Processes looked at for a keeper's name.
const PROCESSES: usize = 65_536;

/// What a machine shows of who keeps its clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// The kernel's word on whether it is synchronised; `None`: nobody could be asked.
    pub kernel: Option<Synchronised>,
    /// Whether systemd-timesyncd has set it since the boot.
    pub stamp: Stamp,
    /// The first program found that keeps clocks.
    pub keeper: Option<String>,
}

/// The kernel's word (`STA_UNSYNC` of adjtimex, and its largest possible error below 16 s).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronised {
    Yes,
    No,
}

/// What systemd-timesyncd left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamp {
    Left,
    #[default]
    Absent,
}

impl Keeping {
    /// Of the machine we are on.
    pub fn read() -> Keeping {
        Keeping {
            kernel: asked(Path::new(TIMEDATECTL), PATIENCE),
            stamp: if Path::new(STAMP).exists() { Stamp::Left } else { Stamp::Absent },
            keeper: keeper(Path::new("/proc")),
        }
    }
}

/// What `timedatectl` says; nothing where it is missing, fails, or has no service to ask.
fn asked(program: &Path, patience: Duration) -> Option<Synchronised> {
    let mut child = Command::new(program)
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let said = said(&mut child, patience);
    // Whoever is still running after its answer, or without one, has nothing more to say.
    let _ = child.kill();
    let _ = child.wait();
    match said?.trim() {
        "yes" => Some(Synchronised::Yes),
        "no" => Some(Synchronised::No),
        _ => None,
    }
}

fn said(child: &mut Child, patience: Duration) -> Option<String> {
    let out = child.stdout.take()?;
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut text = String::new();
        let read = out.take(ANSWER).read_to_string(&mut text);
        let _ = sender.send(read.ok().map(|_| text));
    });
    receiver.recv_timeout(patience).ok().flatten()
}

/// The first process under `proc` that keeps a clock.
fn keeper(proc: &Path) -> Option<String> {
    let name = |entry: fs::DirEntry| {
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        KEEPERS.contains(&name.trim()).then(|| name.trim().to_owned())
    };
    fs::read_dir(proc).ok()?.flatten().take(PROCESSES).find_map(name)
}

/// Everything there is to say of the clock.
pub fn examine(facts: &HostFacts) -> Vec<Finding> {
    past(facts).into_iter().chain([kept(&facts.keeping)]).collect()
}

/// A clock older than the program makes every certificate "not valid yet".
fn past(facts: &HostFacts) -> Option<Finding> {
    let (now, built) = (facts.now?, facts.built?);
    Some(match now.duration_since(built) {
        Ok(_) => Finding::good("clock", "clock", "not before the program was made"),
        Err(early) => Finding::fault(
            "clock.past",
            "clock",
            format!("{} h before this program was made", early.duration().as_secs() / 3600),
            "set the clock and keep it with NTP (chrony); certificates and tokens fail with a wrong one",
        ),
    })
}

fn kept(keeping: &Keeping) -> Finding {
    const CODE: &str = "clock.kept";
    match (keeping.kernel, keeping.stamp, &keeping.keeper) {
        (Some(Synchronised::Yes), _, Some(keeper)) => {
            Finding::good(CODE, "clock", format!("synchronised, says the kernel; {keeper} keeps it"))
        }
        (Some(Synchronised::Yes), _, None) => Finding::good(CODE, "clock", "synchronised, says the kernel"),
        (Some(Synchronised::No), _, keeper) => adrift(keeper.as_deref()),
        (None, Stamp::Left, _) => Finding::good(CODE, "clock", "systemd-timesyncd has set it since the boot"),
        (None, Stamp::Absent, Some(keeper)) => Finding::skipped(
            CODE,
            "clock",
            format!(
                "{keeper} runs, and whether it has found the time is not to be seen from here: ask it (chronyc tracking, ntpq -p)"
            ),
        ),
        (None, Stamp::Absent, None) => Finding::skipped(
            CODE,
            "clock",
            "nothing here tells whether it is synchronised; in a container the host keeps it: run `timedatectl` there",
        ),
    }
}

fn adrift(keeper: Option<&str>) -> Finding {
    let (told, advice) = match keeper {
        Some(keeper) => (
            format!("not synchronised, says the kernel, though {keeper} runs: it has found no time it trusts"),
            "let it reach its servers (UDP 123 outbound, their names in DNS): `chronyc sources`, `ntpq -p` or \
             `timedatectl timesync-status` shows them",
        ),
        None => (
            "not synchronised, says the kernel, and nothing runs that would: it drifts by seconds a month, and \
             certificates and tokens fail one day"
                .to_owned(),
            "keep it with NTP: `apt install chrony`, or `timedatectl set-ntp true`",
        ),
    };
    Finding::warning("clock.adrift", "clock", told, advice)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::Verdict;
    use super::*;

    /// Nobody starts a program while another is written: what is open for writing anywhere is not run (execve(2), ETXTBSY).
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

    fn program(folder: &Path, body: &str) -> std::path::PathBuf {
        let path = folder.join("timedatectl");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_kernels_word_is_believed_and_nothing_else() {
        let _one = ONE.lock();
        let folder = tempfile::tempdir().unwrap();
        // Whoever asks for anything else is told nothing.
        let answers = |word: &str| {
            let body = format!("[ \"$*\" = 'show --property=NTPSynchronized --value' ] && echo {word}");
            asked(&program(folder.path(), &body), Duration::from_secs(60))
        };
        assert_eq!(answers("yes"), Some(Synchronised::Yes));
        assert_eq!(answers("no"), Some(Synchronised::No));
        assert_eq!(answers("perhaps"), None);
        assert_eq!(asked(&program(folder.path(), "exit 1"), Duration::from_secs(60)), None);
        assert_eq!(asked(&folder.path().join("absent"), Duration::from_secs(60)), None);
    }

    #[test]
    fn a_program_without_an_answer_is_not_waited_for() {
        let _one = ONE.lock();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(asked(&program(folder.path(), "exec sleep 86400"), Duration::from_millis(50)), None);
    }

    #[test]
    fn a_keeper_is_known_by_the_name_of_its_process() {
        let proc = tempfile::tempdir().unwrap();
        let process = |number: &str, name: &str| {
            fs::create_dir(proc.path().join(number)).unwrap();
            fs::write(proc.path().join(number).join("comm"), format!("{name}\n")).unwrap();
        };
        process("1", "init");
        process("17", "chronyd-restart");
        fs::write(proc.path().join("uptime"), "1 1").unwrap();
        assert_eq!(keeper(proc.path()), None);
        process("4711", "chronyd");
        assert_eq!(keeper(proc.path()).as_deref(), Some("chronyd"));
    }

    #[test]
    fn only_a_clock_that_is_known_to_be_adrift_is_a_finding() {
        let runs = || Some("chronyd".to_owned());
        let rows = [
            (Some(Synchronised::Yes), Stamp::Absent, runs(), Verdict::Good),
            (Some(Synchronised::Yes), Stamp::Absent, None, Verdict::Good),
            // The stamp tells of the boot, the kernel of now.
            (Some(Synchronised::No), Stamp::Left, None, Verdict::Warning),
            (Some(Synchronised::No), Stamp::Absent, runs(), Verdict::Warning),
            (None, Stamp::Left, None, Verdict::Good),
            (None, Stamp::Absent, runs(), Verdict::Skipped),
            (None, Stamp::Absent, None, Verdict::Skipped),
        ];
        for (kernel, stamp, keeper, verdict) in rows {
            let keeping = Keeping { kernel, stamp, keeper };
            assert_eq!(kept(&keeping).verdict, verdict, "{keeping:?}");
        }
    }
}
