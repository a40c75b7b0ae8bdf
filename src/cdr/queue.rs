//! Records between the engine and the disk: bounded in octets, and held until they are durable.

use std::collections::VecDeque;
use std::fmt;
use std::mem::size_of;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::call::CallRecord;
use crate::call::record::{Said, TransferRecord};

/// Records written in one batch.
const BATCH: usize = 1024;

/// What happens when records fill their room because the disk takes none (R-I).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Calls go on; records that find no room are counted as lost.
    Drop,
    /// New calls get 503 until there is room again: no call without its record.
    Refuse,
}

/// Whether new calls may be taken, as far as their records are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Free,
    Full,
}

/// Told with [`WhenFull::Refuse`] when the room is used up, and when there is some again. It must not wait, nor come back here.
pub type RoomSink = Box<dyn Fn(Room) + Send + Sync>;

/// Hands records over. Shared by the engine, the writer and the metrics.
pub struct Records {
    held: Mutex<Held>,
    wake: Condvar,
    /// Wakes whoever pauses: the process ends.
    ending: Condvar,
    /// Octets above which new calls are refused, where that is the policy, and octets above which records are dropped.
    limits: (usize, usize),
    when_full: WhenFull,
    room: RoomSink,
    pub(super) counters: Counters,
}

#[derive(Debug, Default)]
struct Held {
    records: VecDeque<Arc<CallRecord>>,
    octets: usize,
    /// How many of the first are in the file, and not yet known to be on the disk.
    written: usize,
    ended: bool,
    /// Nobody writes any more.
    closed: bool,
}

/// What is counted; a scrape reads.
#[derive(Debug)]
pub struct Counters {
    /// Records that are on the disk.
    pub written: AtomicU64,
    /// Records that found no room.
    pub dropped: AtomicU64,
    /// Writes the disk did not take.
    pub failures: AtomicU64,
    /// Rows brought to SQLite.
    pub stored: AtomicU64,
    /// Number of the spool's file that SQLite has come to; `u64::MAX` without one.
    pub taken: AtomicU64,
    /// SQLite takes no rows.
    pub database_refuses: AtomicBool,
    /// The last write failed.
    pub disk_refuses: AtomicBool,
    /// New calls are refused for want of room for their records.
    pub room_is_full: AtomicBool,
}

impl Default for Counters {
    fn default() -> Self {
        let zero = AtomicU64::default;
        Counters {
            written: zero(),
            dropped: zero(),
            failures: zero(),
            stored: zero(),
            taken: AtomicU64::new(u64::MAX),
            database_refuses: AtomicBool::new(false),
            disk_refuses: AtomicBool::new(false),
            room_is_full: AtomicBool::new(false),
        }
    }
}

/// The bound is reached and the record is gone. It is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordsRefused;

impl fmt::Display for RecordsRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room for another call record: limits.record_octets")
    }
}

impl std::error::Error for RecordsRefused {}

/// What the writer has to do next.
#[derive(Debug)]
pub(super) enum Work {
    /// Records that are not in the file yet.
    Write(Vec<Arc<CallRecord>>),
    /// The patience is over.
    Nothing,
    /// The process ends, and everything is in the file.
    End,
}

impl Held {
    /// Every record is in the file.
    fn is_written(&self) -> bool {
        self.records.len() == self.written
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl Records {
    /// `octets`: `limits.record_octets`. A quarter more is kept for the records of calls that were already there when new
    /// ones began to be refused.
    pub fn new(octets: usize, when_full: WhenFull, room: RoomSink) -> Records {
        Records {
            held: Mutex::default(),
            wake: Condvar::new(),
            ending: Condvar::new(),
            limits: (octets, octets.saturating_add(octets / 4)),
            when_full,
            room,
            counters: Counters::default(),
        }
    }

    /// Takes a record. Never waits for a disk.
    ///
    /// # Errors
    /// There is no room left; the record is counted as lost.
    pub fn push(&self, record: Arc<CallRecord>) -> Result<(), RecordsRefused> {
        let octets = octets_of(&record);
        let mut held = self.lock();
        if held.octets.saturating_add(octets) > self.limits.1 {
            drop(held);
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            return Err(RecordsRefused);
        }
        held.octets += octets;
        held.records.push_back(record);
        let first = held.records.len() == held.written + 1;
        self.tell_room(&held);
        drop(held);
        if first {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Records in memory, and their octets.
    pub fn waiting(&self) -> (usize, usize) {
        let held = self.lock();
        (held.records.len(), held.octets)
    }

    /// Under the lock: what is told last is how it stands, whoever hands over and whoever writes.
    fn tell_room(&self, held: &Held) {
        let is_full = held.octets > self.limits.0;
        if self.when_full == WhenFull::Refuse && self.counters.room_is_full.swap(is_full, Ordering::Relaxed) != is_full
        {
            (self.room)(if is_full { Room::Full } else { Room::Free });
        }
    }

    /// What was counted since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Rests for `rest`, in which records gather and nobody is woken for them; then waits for one that is not in the file. At most
    /// `patience` in all.
    pub(super) fn next(&self, rest: Duration, patience: Duration) -> Work {
        let rest = rest.min(patience);
        let held = self.lock();
        let mut held =
            self.ending.wait_timeout_while(held, rest, |held| !held.ended).unwrap_or_else(PoisonError::into_inner).0;
        if held.is_written() && !held.ended {
            held = self.wake.wait_timeout(held, patience - rest).unwrap_or_else(PoisonError::into_inner).0;
        }
        let fresh: Vec<_> = held.records.iter().skip(held.written).take(BATCH).cloned().collect();
        match (fresh.is_empty(), held.ended) {
            (false, _) => Work::Write(fresh),
            (true, true) => Work::End,
            (true, false) => Work::Nothing,
        }
    }

    /// So many more are in the file.
    pub(super) fn written(&self, count: usize) {
        let mut held = self.lock();
        held.written = held.written.saturating_add(count).min(held.records.len());
    }

    /// Everything that is in the file is on the disk: it need not be held any longer.
    pub(super) fn synced(&self) {
        let mut held = self.lock();
        let count = held.written.min(held.records.len());
        let gone: Vec<_> = held.records.drain(..count).collect();
        held.octets = held.octets.saturating_sub(gone.iter().map(|record| octets_of(record)).sum());
        held.written = 0;
        self.tell_room(&held);
        // Before the records are given back: nobody waits for that.
        drop(held);
        self.counters.written.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What was in the file is not: it must be written again.
    pub(super) fn unwritten(&self) {
        self.lock().written = 0;
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// No more will come.
    pub fn end(&self) {
        self.lock().ended = true;
        self.wake.notify_one();
        self.ending.notify_all();
    }

    /// The writer has ended: the spool gains no more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ending.notify_all();
    }

    /// Lets time pass; the end of the process cuts it short.
    pub(super) fn pause(&self, time: Duration) {
        let held = self.lock();
        // Either way there is something to do now.
        let _ = self.ending.wait_timeout_while(held, time, |held| !held.ended);
    }

    /// Lets time pass, until the writer has ended.
    pub(super) fn pause_reading(&self, time: Duration) {
        let held = self.lock();
        // Either way there is something to do now.
        let _ = self.ending.wait_timeout_while(held, time, |held| !held.closed);
    }

    pub(super) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a record takes in memory, near enough.
fn octets_of(record: &CallRecord) -> usize {
    let texts = [&record.calling, &record.called, &record.caller_call_id].map(String::len).iter().sum::<usize>();
    let written = record.received.as_ref().map_or(0, |written| written.calling.len() + written.called.len());
    let sent = record.sent.as_ref().map_or(0, |sent| sent.from.len() + sent.called.len());
    let said: usize = record.said.iter().map(|said| size_of::<Said>() + said.reason.len()).sum();
    let callee = record.callee_call_id.as_ref().map_or(0, String::len);
    let transfers = record.transfers.iter().map(|transfer| size_of::<TransferRecord>() + transfer.asked.len());
    size_of::<CallRecord>() + texts + written + sent + said + callee + transfers.sum::<usize>()
}
