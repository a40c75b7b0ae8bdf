//! Folders that the daemon writes: records, store, control socket. Whether it may, and whether the disk has room (PF-201).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use super::finding::Finding;
use crate::config::Settings;

/// Files of one folder whose permissions are looked at.
const FILES: usize = 1000;
/// Free octets below which records have hours left, whatever the disk's size.
const LITTLE: u64 = 256 * 1024 * 1024;
/// Free octets above which a full disk is a large one.
const PLENTY: u64 = 10 * 1024 * 1024 * 1024;
/// Parts of a hundred in use at which somebody should look (PF-201).
const FULL: u64 = 85;

/// Room on the disk of a folder, octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// For users other than root.
    pub free: u64,
    pub all: u64,
}

impl Room {
    /// As the system says; `None`: it does not.
    pub fn of(folder: &Path) -> Option<Room> {
        let found = statvfs(folder).ok()?;
        let octets = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        // What holds no files of ours (/proc, /sys) has no size.
        (found.f_blocks > 0).then(|| Room { free: octets(found.f_bavail), all: octets(found.f_blocks) })
    }
}

/// Every folder once. `room`: how a folder's disk is asked.
pub fn examine(settings: &Settings, room: fn(&Path) -> Option<Room>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut disks = BTreeSet::new();
    for (key, folder) in written(settings) {
        let standing = standing(&folder);
        findings.push(
            may_write(key, &folder, standing)
                .unwrap_or_else(|| Finding::good("folder", key, format!("{} can be written", folder.display()))),
        );
        let Some(room) = room(standing).filter(|room| disks.insert((room.free, room.all))) else { continue };
        findings.push(disk(key, &folder, room));
    }
    findings
}

/// Keys and the folders they name, each folder once.
fn written(settings: &Settings) -> Vec<(&'static str, PathBuf)> {
    let parent = |file: &Path| file.parent().map(Path::to_path_buf);
    let named = [
        ("node.state_dir", Some(settings.node.state_dir.clone())),
        ("cdr.path", Some(settings.cdr.writer.folder.clone())),
        ("cdr.sqlite", settings.cdr.writer.database.as_deref().and_then(parent)),
        ("node.control", parent(&settings.node.control)),
    ];
    let mut seen = BTreeSet::new();
    let named = named.into_iter().filter_map(|(key, folder)| Some((key, folder?)));
    named.filter(|(_, folder)| seen.insert(folder.clone())).collect()
}

/// The folder, or what of its path is there already: the daemon makes the rest.
fn standing(folder: &Path) -> &Path {
    folder.ancestors().find(|path| path.exists()).unwrap_or(folder)
}

fn may_write(key: &str, folder: &Path, standing: &Path) -> Option<Finding> {
    let fault = |told: String, advice: String| Some(Finding::fault("folder.unwritable", key, told, advice));
    let made = "made and owned by the daemon's user (chown trunkline), or name another folder";
    if !standing.is_dir() {
        return fault(format!("{} is no folder", standing.display()), format!("{} must be {made}", folder.display()));
    }
    if let Err(error) = access(standing, Access::WRITE_OK | Access::EXEC_OK) {
        let told = format!("{} cannot be written: {error}", standing.display());
        return fault(told, format!("{} must be {made}; mount it for writing", folder.display()));
    }
    let file = foreign_file(folder)?;
    fault(
        format!("{} cannot be written by the user who asks", file.display()),
        format!(
            "chown trunkline {0}: a run as another user left it; and run this as the daemon's user",
            file.display()
        ),
    )
}

/// A file that was left by another user.
fn foreign_file(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.filter_map(Result::ok).take(FILES).map(|entry| entry.path());
    files.filter(|path| path.is_file()).find(|path| access(path, Access::WRITE_OK).is_err())
}

fn disk(key: &str, folder: &Path, room: Room) -> Finding {
    let used = 100u64.saturating_sub(room.free.saturating_mul(100).checked_div(room.all).unwrap_or(0));
    let told = format!("{used} % of the disk of {} are in use, {} MiB are free", folder.display(), room.free >> 20);
    let advice =
        "make room, or name a folder on another disk: without room, cdr.when_full decides what becomes of calls";
    match room.free {
        free if free < LITTLE => Finding::fault("disk.full", key, told, advice),
        free if used >= FULL && free < PLENTY => Finding::warning("disk.filling", key, told, advice),
        _ => Finding::good("disk", key, told),
    }
}
