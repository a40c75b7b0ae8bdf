//! Orders to the engine whose answers somebody waits for: the API's calls, an operator's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::inbox::Inbox;
use crate::api::{ActiveCalls, HungUp};
use crate::base::bounds::Bound;
use crate::base::ids::{CallId, CommandId};
use crate::base::limits::ORDERS_WAITING;
use crate::call::active::ActiveCall;
use crate::engine::io::{Census, Command, Input, Reply};

/// How long an answer is waited for. The engine answers within a round; longer means that it has ended.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first number: those before it are the process's own orders, which nobody waits for.
const FIRST: u64 = 100;

/// Gives orders, and brings answers back to those who wait.
#[derive(Debug)]
pub struct Orders {
    inbox: Arc<Inbox>,
    next: AtomicU64,
    waiting: Mutex<BTreeMap<u64, SyncSender<Reply>>>,
}

impl Orders {
    pub fn new(inbox: Arc<Inbox>) -> Arc<Orders> {
        Arc::new(Orders { inbox, next: AtomicU64::new(FIRST), waiting: Mutex::default() })
    }

    /// Gives an order and waits for its answer; never call it where the engine is steered. `None`: no answer came.
    pub fn give(&self, command: Command) -> Option<Reply> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let answer = self.wait_for(id)?;
        self.inbox.put(Input::Command(CommandId(id), command));
        let reply = answer.recv_timeout(PATIENCE).ok();
        self.lock().remove(&id);
        reply
    }

    fn wait_for(&self, id: u64) -> Option<Receiver<Reply>> {
        let mut waiting = self.lock();
        if waiting.len() >= ORDERS_WAITING {
            Bound::OrdersWaiting.reached();
            return None;
        }
        let (tell, answer) = sync_channel(1);
        waiting.insert(id, tell);
        Some(answer)
    }

    /// The engine has answered. An answer nobody waits for is dropped.
    pub fn answered(&self, id: CommandId, reply: Reply) {
        if let Some(tell) = self.lock().remove(&id.0) {
            // Whoever waited may have given up.
            let _ = tell.try_send(reply);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, SyncSender<Reply>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls each trunk has; nothing when the engine does not answer.
    pub fn census(&self) -> Census {
        match self.give(Command::Census) {
            Some(Reply::Census(census)) => census,
            Some(Reply::Done | Reply::NoSuchCall | Reply::NoSuchTrunk | Reply::Calls(_) | Reply::Numbers(_)) | None => {
                Census::default()
            }
        }
    }
}

impl ActiveCalls for Orders {
    fn list(&self, after: Option<CallId>, most: usize) -> Option<Vec<ActiveCall>> {
        match self.give(Command::Calls { after, most })? {
            Reply::Calls(calls) => Some(calls),
            Reply::Done | Reply::NoSuchCall | Reply::NoSuchTrunk | Reply::Numbers(_) | Reply::Census(_) => None,
        }
    }

    fn one(&self, id: CallId) -> Option<Option<ActiveCall>> {
        match self.give(Command::Call(id))? {
            Reply::Calls(calls) => Some(calls.into_iter().next()),
            Reply::NoSuchCall => Some(None),
            Reply::Done | Reply::NoSuchTrunk | Reply::Numbers(_) | Reply::Census(_) => None,
        }
    }

    fn hang_up(&self, id: CallId) -> Option<HungUp> {
        match self.give(Command::HangUp(id))? {
            Reply::Done => Some(HungUp::Told),
            Reply::NoSuchCall => Some(HungUp::Gone),
            Reply::NoSuchTrunk | Reply::Calls(_) | Reply::Numbers(_) | Reply::Census(_) => None,
        }
    }

    fn in_use(&self, numbers: BTreeSet<String>) -> Option<BTreeSet<String>> {
        match self.give(Command::NumbersInUse(numbers))? {
            Reply::Numbers(numbers) => Some(numbers),
            Reply::Done | Reply::NoSuchCall | Reply::NoSuchTrunk | Reply::Calls(_) | Reply::Census(_) => None,
        }
    }
}
