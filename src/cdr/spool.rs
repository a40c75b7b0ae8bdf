//! The files of the spool: `calls-NUMBER.jsonl`, named after the first record in it. Only the last one is written to, and
//! only at its end.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::WallTime;

/// How much of the last file's end is looked at first; it holds dozens of records.
const TAIL: u64 = 256 * 1024;
/// The file that says whose the folder is.
const LOCK: &str = "lock";

/// When a new file is begun, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    pub octets: u64,
    pub age_ms: u64,
    /// Closed files kept; 0: all of them.
    pub keep: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    rotation: Rotation,
    /// Held as long as the spool is: another process would write between our lines.
    lock: File,
    file: File,
    began: WallTime,
    /// Octets that are on the disk, and octets that are in the file.
    synced: u64,
    length: u64,
    next: u64,
    next_synced: u64,
    /// Octets behind `length` that a failed write may have left.
    has_debris: bool,
}

/// The part of a line that tells where it stands.
#[derive(Deserialize)]
struct Mark {
    r#type: String,
    seq: u64,
}

impl Spool {
    /// Opens the folder, making it where it is missing. What a crash left of a record at the end of the last file is cut
    /// off: its call's lines were not all there.
    ///
    /// # Errors
    /// The folder cannot be made or written; `AddrInUse`: another process has it.
    pub fn open(folder: &Path, rotation: Rotation, now: WallTime) -> io::Result<Spool> {
        let lock = locked(folder)?;
        let (first, path) = last_file(folder)?;
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        let (length, next) = whole(&mut file, first)?;
        file.set_len(length)?;
        file.sync_all()?;
        sync_folder(folder)?;
        Ok(Spool {
            folder: folder.to_owned(),
            rotation,
            lock,
            file,
            began: now,
            synced: length,
            length,
            next,
            next_synced: next,
            has_debris: false,
        })
    }

    /// Number of the next record.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Appends the lines of `records` records. After an error nothing of them is there.
    ///
    /// # Errors
    /// The disk does not take them.
    pub fn append(&mut self, lines: &[u8], records: u64) -> io::Result<()> {
        if self.is_gone()? {
            self.begin_anew()?;
        }
        self.clear()?;
        self.has_debris = true;
        self.file.write_all_at(lines, self.length)?;
        self.has_debris = false;
        self.length += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        self.next += records;
        Ok(())
    }

    /// True when somebody removed the file: what is written to it nobody will see.
    fn is_gone(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() == 0)
    }

    /// A file under the next number in the place of one that was removed, and the folder with it, where that went too.
    fn begin_anew(&mut self) -> io::Result<()> {
        if self.lock.metadata()?.nlink() == 0 {
            self.lock = locked(&self.folder)?;
        }
        self.file = fresh(&self.folder, self.next)?;
        (self.length, self.synced, self.has_debris) = (0, 0, false);
        let (folder, first) = (self.folder.display(), self.next);
        tracing::error!(%folder, first, "the call records' file was removed while it was written to; a new one is begun");
        Ok(())
    }

    /// Cuts off what a failed write left behind.
    fn clear(&mut self) -> io::Result<()> {
        if self.has_debris {
            self.file.set_len(self.length)?;
            self.has_debris = false;
        }
        Ok(())
    }

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// It is not durable: everything appended since the last success has been taken back.
    pub fn sync(&mut self) -> io::Result<()> {
        if let Err(error) = self.durable() {
            self.take_back();
            return Err(error);
        }
        (self.synced, self.next_synced) = (self.length, self.next);
        Ok(())
    }

    fn durable(&self) -> io::Result<()> {
        self.file.sync_data()?;
        if self.is_gone()? { Err(io::Error::new(io::ErrorKind::NotFound, "the file was removed")) } else { Ok(()) }
    }

    /// Takes back everything appended since the last [`Spool::sync`]: it will be written again.
    pub fn take_back(&mut self) {
        (self.length, self.next) = (self.synced, self.next_synced);
        self.has_debris = true;
        // Where the disk does not even take that, the next append does it first.
        let _ = self.clear();
    }

    /// Begins a new file when this one is large or old enough, and lets go of the oldest beyond those that are kept. To be
    /// called when everything is durable. Files from number `taken` on are kept in any case: somebody still reads them.
    ///
    /// # Errors
    /// No new file can be made: the old one is gone on with; or an old one cannot be removed.
    pub fn rotate_if_due(&mut self, now: WallTime, taken: u64) -> io::Result<()> {
        let age = now.0.saturating_sub(self.began.0);
        let is_due = self.length >= self.rotation.octets || age >= self.rotation.age_ms;
        if is_due && self.length > 0 && !self.is_unsynced() { self.rotate(now, taken) } else { Ok(()) }
    }

    /// True when something was appended that is not known to be on the disk.
    pub const fn is_unsynced(&self) -> bool {
        self.length != self.synced
    }

    fn rotate(&mut self, now: WallTime, taken: u64) -> io::Result<()> {
        self.file = fresh(&self.folder, self.next)?;
        (self.began, self.length, self.synced) = (now, 0, 0);
        if self.rotation.keep > 0 {
            let closed = files(&self.folder)?;
            let surplus = closed.len().saturating_sub(self.rotation.keep + 1);
            for (_, old) in closed.into_iter().take(surplus).filter(|(number, _)| *number < taken) {
                fs::remove_file(old)?;
            }
        }
        Ok(())
    }
}

/// The folder, made where it is missing, and ours alone.
fn locked(folder: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process has it")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A new file, durable in its folder. One that is there and empty is left from a try that came no further.
fn fresh(folder: &Path, first: u64) -> io::Result<File> {
    let path = path_of(folder, first);
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
    if file.metadata()?.len() > 0 {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is not empty", path.display())));
    }
    if let Err(error) = sync_folder(folder) {
        // The old file is gone on with. Where this does not go either, `last_file` passes it over.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    Ok(file)
}

/// The file to go on with. Empty ones are left from changes of files that came no further; where the one before went on past
/// their numbers, it is gone on with.
fn last_file(folder: &Path) -> io::Result<(u64, PathBuf)> {
    let mut empty = Vec::new();
    for (first, path) in files(folder)?.into_iter().rev() {
        if fs::metadata(&path)?.len() == 0 {
            empty.push((first, path));
            continue;
        }
        let (_, next) = whole(&mut File::open(&path)?, first)?;
        for (_, passed) in empty.extract_if(.., |(number, _)| *number < next) {
            fs::remove_file(passed)?;
        }
        empty.push((first, path));
        break;
    }
    Ok(empty.into_iter().next().unwrap_or_else(|| (1, path_of(folder, 1))))
}

/// The spool's files with the number of their first record, oldest first.
///
/// # Errors
/// The folder cannot be read.
pub fn files(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("calls-").and_then(|rest| rest.strip_suffix(".jsonl"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

fn path_of(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("calls-{first:012}.jsonl"))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// How long the file is up to its last whole record, and the number of the record after that.
fn whole(file: &mut File, first: u64) -> io::Result<(u64, u64)> {
    let length = file.metadata()?.len();
    for from in [length.saturating_sub(TAIL), 0] {
        if let Some(found) = last_record_from(file, from)? {
            return Ok(found);
        }
    }
    Ok((0, first))
}

fn last_record_from(file: &mut File, from: u64) -> io::Result<Option<(u64, u64)>> {
    let mut octets = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut octets)?;
    let found = last_record(&octets);
    Ok(found.map(|(end, seq)| (from.saturating_add(u64::try_from(end).unwrap_or(u64::MAX)), seq.saturating_add(1))))
}

/// Where the last whole record of these octets ends, and its number.
pub(super) fn last_record(octets: &[u8]) -> Option<(usize, u64)> {
    let mut end = octets.len();
    while let Some((start, stop)) = octets.get(..end).and_then(last_line) {
        let mark = octets.get(start..stop).and_then(|line| serde_json::from_slice::<Mark>(line).ok());
        if let Some(mark) = mark.filter(|mark| mark.r#type == "call") {
            return Some((stop.saturating_add(1), mark.seq));
        }
        end = start;
    }
    None
}

/// The last line that has its end, without that.
fn last_line(octets: &[u8]) -> Option<(usize, usize)> {
    let stop = octets.iter().rposition(|octet| *octet == b'\n')?;
    let before = octets.get(..stop).unwrap_or_default();
    let start = before.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    Some((start, stop))
}
