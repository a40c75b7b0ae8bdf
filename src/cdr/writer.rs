//! The thread that writes records. It alone waits for the disk.
//!
//! A record that comes alone is in the file at once, and of many within some 50 ms, where a crash of the process cannot reach them; on
//! the disk they are after `cdr.sync_ms`, where a loss of power cannot. Until then it is held in memory too, so that a disk that turns out to
//! have lost it gets it again.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::database::Database;
use super::lines::{self, Origin};
use super::queue::{Records, WhenFull, Work};
use super::spool::{Rotation, Spool};
use crate::base::WallTime;
use crate::call::CallRecord;

/// The pause after records were written: all that came meanwhile are written together. To wake a thread for each costs a call
/// more than its record.
const GATHER: Duration = Duration::from_millis(50);
/// How often the disk is tried again while it takes nothing.
const RETRY: Duration = Duration::from_secs(1);
/// How often the thread looks at the age of its file when no call ends.
const IDLE: Duration = Duration::from_secs(5);
/// Tries at the process's end while the disk takes nothing.
const LAST_TRIES: u32 = 3;
/// What the log says while the disk takes nothing.
const UNWRITTEN: &str =
    "call records cannot be written; they wait in memory until the daemon's user may write to the folder";

/// `[cdr]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub folder: PathBuf,
    pub rotation: Rotation,
    pub sync: Duration,
    pub when_full: WhenFull,
    /// The SQLite file; `None`: none.
    pub database: Option<PathBuf>,
}

/// What the writer needs besides its settings.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub origin: Origin,
    pub clock: fn() -> WallTime,
    pub durable: Durable,
}

/// Called on the writer's thread each time records have come to the disk, once they are held here no more.
#[derive(Clone)]
pub struct Durable(pub Arc<dyn Fn() + Send + Sync>);

impl fmt::Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Durable")
    }
}

/// The running writer.
#[derive(Debug)]
pub struct Started {
    pub records: Arc<Records>,
    writer: JoinHandle<()>,
    database: Option<JoinHandle<()>>,
}

impl Started {
    /// Writes what waits, and ends. What SQLite has not read by then, the next process brings over.
    pub fn end(self) {
        self.records.end();
        joined(self.writer);
        self.records.close();
        self.database.into_iter().for_each(joined);
    }
}

fn joined(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the call records ended badly");
    }
}

/// Starts the writer, and the thread that fills SQLite.
///
/// # Errors
/// The spool cannot be opened now; `at_start` says whether that matters. Or the system gives no thread.
pub fn start(
    settings: Settings,
    at_start: AtStart,
    records: Arc<Records>,
    surroundings: Surroundings,
) -> io::Result<Started> {
    let opened = Spool::open(&settings.folder, settings.rotation, (surroundings.clock)());
    let spool = match (opened, at_start) {
        (Ok(spool), _) => Some(spool),
        (Err(error), AtStart::MustOpen) => return Err(error),
        (Err(error), AtStart::MayFail) => {
            let folder = settings.folder.display();
            tracing::error!(%folder, %error, "{UNWRITTEN}");
            None
        }
    };
    records.counters().disk_refuses.store(spool.is_none(), Ordering::Relaxed);
    let mut database = None;
    if let Some(file) = settings.database.clone() {
        records.counters().taken.store(0, Ordering::Relaxed);
        let filled = Database { file, folder: settings.folder.clone(), records: records.clone() };
        database = Some(Builder::new().name("records-db".to_owned()).spawn(move || filled.run())?);
    }
    let mut writer = Writer {
        settings,
        surroundings,
        records: records.clone(),
        spool,
        unsynced_since: None,
        keeps_old_file: false,
        lines: Vec::new(),
    };
    let writer = Builder::new().name("records".to_owned()).spawn(move || writer.run())?;
    Ok(Started { records, writer, database })
}

/// Whether the process may start without a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtStart {
    /// `cdr.path` was configured: somebody counts on it.
    MustOpen,
    /// The folder is the default one: records wait in memory until it can be opened.
    MayFail,
}

#[expect(clippy::disallowed_methods, reason = "a thread that waits for a disk measures how long it has")]
fn since_now() -> Instant {
    Instant::now()
}

struct Writer {
    settings: Settings,
    surroundings: Surroundings,
    records: Arc<Records>,
    spool: Option<Spool>,
    unsynced_since: Option<Instant>,
    /// A new file is due and could not be made, or an old one not removed: told once.
    keeps_old_file: bool,
    /// Empty between batches; kept for its room.
    lines: Vec<u8>,
}

impl Writer {
    fn run(&mut self) {
        let (mut tries, mut rest) = (0, Duration::ZERO);
        loop {
            let work = self.records.next(rest, self.patience());
            rest = if matches!(work, Work::Write(_)) { GATHER } else { Duration::ZERO };
            let outcome = match work {
                Work::Write(records) => self.write_batch(&records),
                Work::Nothing => self.sync_if_due(),
                Work::End => match self.sync() {
                    Ok(()) => return,
                    Err(error) => Err(error),
                },
            };
            match outcome {
                Ok(()) => (tries, _) = (0, self.works()),
                Err(error) => {
                    self.failed(&error);
                    tries += u32::from(self.records.is_ended());
                    if tries >= LAST_TRIES {
                        return self.give_up();
                    }
                    self.records.pause(RETRY);
                }
            }
        }
    }

    fn patience(&self) -> Duration {
        match self.unsynced_since {
            Some(since) => self.settings.sync.saturating_sub(since.elapsed()),
            None => IDLE,
        }
    }

    fn write_batch(&mut self, records: &[Arc<CallRecord>]) -> io::Result<()> {
        self.write(records)?;
        self.records.written(records.len());
        self.sync_if_due()
    }

    fn write(&mut self, records: &[Arc<CallRecord>]) -> io::Result<()> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        let spool = self.opened()?;
        let numbers = spool.next()..;
        for (seq, record) in numbers.zip(records) {
            lines::write(&self.surroundings.origin, seq, record, &mut lines);
        }
        let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let appended = self.opened()?.append(&lines, count);
        self.lines = lines;
        appended?;
        self.unsynced_since.get_or_insert_with(since_now);
        Ok(())
    }

    fn opened(&mut self) -> io::Result<&mut Spool> {
        let spool = match self.spool.take() {
            Some(spool) => spool,
            None => Spool::open(&self.settings.folder, self.settings.rotation, (self.surroundings.clock)())?,
        };
        Ok(self.spool.insert(spool))
    }

    fn sync_if_due(&mut self) -> io::Result<()> {
        match self.unsynced_since {
            Some(since) if since.elapsed() >= self.settings.sync => self.sync(),
            Some(_) => Ok(()),
            // A folder that could not be used may be one by now: until it was tried nobody knows.
            None => self.opened().map(drop).and_then(|()| self.rotate()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.unsynced_since.take().is_some()
            && let Some(spool) = &mut self.spool
        {
            spool.sync()?;
        }
        self.records.synced();
        (self.surroundings.durable.0)();
        self.rotate()
    }

    /// A new file that cannot be made is no reason to lose a record: the old one is gone on with.
    fn rotate(&mut self) -> io::Result<()> {
        let now = (self.surroundings.clock)();
        let Some(spool) = &mut self.spool else { return Ok(()) };
        let exchanged = spool.rotate_if_due(now, self.records.counters().taken.load(Ordering::Relaxed));
        let complained = std::mem::replace(&mut self.keeps_old_file, exchanged.is_err());
        if let Err(error) = exchanged
            && !complained
        {
            tracing::warn!(%error, "the call records' file could not be exchanged for a new one");
        }
        Ok(())
    }

    fn works(&self) {
        if self.records.counters().disk_refuses.swap(false, Ordering::Relaxed) {
            tracing::info!("call records are written again");
        }
    }

    /// Everything that is not known to be on the disk is written again later.
    fn failed(&mut self, error: &io::Error) {
        if let Some(spool) = &mut self.spool {
            spool.take_back();
        }
        self.unsynced_since = None;
        self.records.unwritten();
        if !self.records.counters().disk_refuses.swap(true, Ordering::Relaxed) {
            let folder = self.settings.folder.display();
            tracing::error!(%folder, %error, "{UNWRITTEN}");
        }
    }

    fn give_up(&self) {
        let (records, _) = self.records.waiting();
        tracing::error!(records, "the process ends and the disk takes no call records: these are lost");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_used_is_tried_again_also_while_no_record_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cdr");
        std::fs::write(&path, "no folder").unwrap();
        let rotation = Rotation { octets: u64::MAX, age_ms: u64::MAX, keep: 0 };
        let settings = Settings {
            folder: path.clone(),
            rotation,
            sync: Duration::ZERO,
            when_full: WhenFull::Refuse,
            database: None,
        };
        let origin = Origin { node: "t".to_owned(), since: WallTime(0) };
        let records = Arc::new(Records::new(1000, WhenFull::Refuse, Box::new(|_| {})));
        let surroundings = Surroundings { origin, clock: || WallTime(0), durable: Durable(Arc::new(|| {})) };
        let (spool, unsynced_since) = (None, None);
        let mut writer =
            Writer { settings, surroundings, records, spool, unsynced_since, keeps_old_file: false, lines: Vec::new() };
        assert!(writer.sync_if_due().is_err(), "nobody may say that records are written again");
        std::fs::remove_file(&path).unwrap();
        assert!(writer.sync_if_due().is_ok() && path.is_dir());
    }
}
