//! The store at run time: a thread of its own, fed through a channel with an end. Between requests it applies the groups of
//! running imports, and looks whether another process has written; after each it lets the directory follow.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::audit::{Actor, Retention, forget};
use super::follow::Followed;
use super::jobs::{Step, step};
use super::last_good;
use super::refusal::{Code, Refusal};
use super::rows::{Purpose, Store, Verdict};
use super::writing::reading;
use crate::base::WallTime;
use crate::base::bounds::Bound;
use crate::base::limits::STORE_WAITING;

/// How often the thread looks by itself: half of what PV-65 allows until calls see a change, and some.
const LOOK: Duration = Duration::from_millis(500);
/// Looks between two writings of the last good directory, when it changed: ten seconds.
const LOOKS_PER_FILE: u32 = 20;
/// Looks between two shortenings of the audit log: an hour. While there is more to take away, every look.
const LOOKS_PER_SHORTENING: u32 = 7200;

/// Work for the store.
pub type Work = Box<dyn FnOnce(&mut dyn Store) + Send>;
/// Hears of each new directory.
pub type Sink = Box<dyn FnMut(&Followed) + Send>;

/// Of these numbers, those that calls use now.
pub type InUse = Box<dyn FnMut(BTreeSet<String>) -> BTreeSet<String> + Send>;

/// What the store's thread needs.
pub struct StoreThread {
    pub store: Box<dyn Store>,
    pub clock: fn() -> WallTime,
    pub sink: Sink,
    /// Where the last good directory is kept; `None`: nowhere.
    pub last_good: Option<PathBuf>,
    pub retention: Retention,
    /// Numbers that calls use now, of those asked about: they are not deleted by an import.
    pub in_use: InUse,
}

/// Hands work to the store.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    work: SyncSender<Wanted>,
    refused: Arc<AtomicU64>,
}

enum Wanted {
    Work(Work),
    End,
}

impl StoreHandle {
    /// Puts work into the queue. Never waits.
    ///
    /// # Errors
    /// The queue is full, or the store has ended.
    pub fn submit(&self, work: Work) -> Result<(), Refusal> {
        self.work.try_send(Wanted::Work(work)).map_err(|error| {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let text = match error {
                TrySendError::Full(_) => {
                    Bound::StoreWaiting.reached();
                    "Too many requests wait for the store; try again later."
                }
                TrySendError::Disconnected(_) => "The store has ended.",
            };
            Refusal::new(Code::StoreUnavailable, text)
        })
    }

    /// Work that was refused since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Ends the thread after what waits in the queue.
    pub fn end(&self) {
        // A thread that is gone needs no word.
        let _ = self.work.send(Wanted::End);
    }
}

impl StoreThread {
    /// Loads the directory, hands it to the sink, and serves from then on.
    ///
    /// # Errors
    /// The store fails, or the system gives no thread.
    pub fn spawn(mut self) -> Result<(StoreHandle, JoinHandle<()>), Refusal> {
        let followed = reading(&mut *self.store, |rows| Followed::load(rows))?;
        (self.sink)(&followed);
        let (work, wanted) = sync_channel(STORE_WAITING);
        let handle = StoreHandle { work, refused: Arc::default() };
        let mut serving = Serving {
            thread: self,
            followed,
            unwritten: true,
            looks: LOOKS_PER_FILE,
            until_shortened: 0,
            writer: None,
        };
        let thread = Builder::new().name("store".to_owned()).spawn(move || serving.serve(&wanted));
        let thread = thread.map_err(|error| Refusal::new(Code::Internal, error.to_string()))?;
        Ok((handle, thread))
    }
}

struct Serving {
    thread: StoreThread,
    followed: Followed,
    /// The directory changed since it was written to disk.
    unwritten: bool,
    looks: u32,
    until_shortened: u32,
    writer: Option<JoinHandle<()>>,
}

impl Serving {
    fn serve(&mut self, wanted: &Receiver<Wanted>) {
        let mut patience = Duration::ZERO;
        loop {
            match wanted.recv_timeout(patience) {
                Ok(Wanted::Work(work)) => work(&mut *self.thread.store),
                Ok(Wanted::End) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.looks = self.looks.saturating_add(1);
                    self.shorten_log();
                }
            }
            patience = self.settle();
        }
        self.write_last_good();
        self.end_writer();
    }

    /// One group of an import, then the directory; says how long to wait for the next request.
    fn settle(&mut self) -> Duration {
        let now = (self.thread.clock)();
        let actor = Actor { name: "import".to_owned(), ..Actor::default() };
        let patience = match step(&mut *self.thread.store, &actor, now, &mut self.thread.in_use) {
            Ok(Step::Applied) => Duration::ZERO,
            Ok(Step::Idle) | Err(_) => LOOK,
        };
        self.follow();
        if self.looks >= LOOKS_PER_FILE {
            self.write_last_good();
        }
        patience
    }

    fn follow(&mut self) {
        match reading(&mut *self.thread.store, |rows| self.followed.next(rows)) {
            Ok(Some(next)) => {
                let changed = !Arc::ptr_eq(&next.directory, &self.followed.directory);
                self.followed = next;
                if changed {
                    self.unwritten = true;
                    (self.thread.sink)(&self.followed);
                }
            }
            Ok(None) => {}
            Err(refusal) => tracing::error!(%refusal, "calls keep the directory they have"),
        }
    }

    /// When nobody asks for anything.
    fn shorten_log(&mut self) {
        self.until_shortened = self.until_shortened.saturating_sub(1);
        if self.until_shortened > 0 {
            return;
        }
        let (now, retention) = ((self.thread.clock)(), self.thread.retention);
        let mut gone = 0;
        let done = self.thread.store.transact(Purpose::Write, &mut |rows| {
            gone = forget(rows, now, retention)?;
            Ok(if gone > 0 { Verdict::Commit } else { Verdict::RollBack })
        });
        match done {
            Ok(()) if gone > 0 => {}
            Ok(()) => self.until_shortened = LOOKS_PER_SHORTENING,
            Err(fault) => {
                tracing::error!(%fault, "the audit log is not shortened");
                self.until_shortened = LOOKS_PER_SHORTENING;
            }
        }
    }

    fn write_last_good(&mut self) {
        self.looks = 0;
        let Some(file) = self.thread.last_good.clone().filter(|_| self.unwritten) else { return };
        // One at a time; the store answers meanwhile: what is written cannot change any more.
        self.end_writer();
        let followed = self.followed.clone();
        let write = move || {
            if let Err(error) = last_good::write(&file, &followed) {
                tracing::warn!(file = %file.display(), %error, "the last good directory is not written");
            }
        };
        self.writer = Builder::new().name("last-good".to_owned()).spawn(write).ok();
        self.unwritten = self.writer.is_none();
    }

    fn end_writer(&mut self) {
        if self.writer.take().is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer of the last good directory ended badly");
        }
    }
}
