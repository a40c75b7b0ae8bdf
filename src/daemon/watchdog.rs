//! The service manager's watchdog (`WatchdogSec=`): it is told that we live only while the engine answers orders and the
//! network's runtime runs tasks. A process that is there and does nothing is started again.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::runtime::Handle;

use super::notice;
use super::orders::Orders;
use crate::base::ids::CallId;
use crate::engine::io::Command;

/// How many signs of life fit into the time that the manager waits.
const SIGNS: u32 = 3;
/// How long a task of the runtime may take to begin.
const PATIENCE: Duration = Duration::from_secs(2);

/// The thread that asks and tells. It ends with this value.
#[derive(Debug)]
pub struct Watchdog {
    end: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Begins where the manager wants signs of life; `None` where it does not.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(orders: Arc<Orders>, runtime: Handle) -> io::Result<Option<Watchdog>> {
        let Some(wanted) = sd_notify::watchdog_enabled() else { return Ok(None) };
        let (end, ended) = sync_channel(1);
        let alive = move || is_steered(&orders) && runs_tasks(&runtime);
        let signs = move || watch(wanted / SIGNS, &ended, alive, notice::alive);
        let thread = Builder::new().name("watchdog".to_owned()).spawn(signs)?;
        Ok(Some(Watchdog { end: Some(end), thread: Some(thread) }))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // It had nothing to lose.
            let _ = thread.join();
        }
    }
}

fn watch(every: Duration, ended: &Receiver<()>, alive: impl Fn() -> bool, tell: impl Fn()) {
    loop {
        if alive() {
            tell();
        } else {
            tracing::error!("no sign of life from the engine or the network's runtime");
        }
        match ended.recv_timeout(every) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The engine answers about a call that does not exist.
fn is_steered(orders: &Orders) -> bool {
    orders.give(Command::Call(CallId(0))).is_some()
}

fn runs_tasks(runtime: &Handle) -> bool {
    let (tell, told) = sync_channel(1);
    runtime.spawn(async move {
        // Whoever asked may have given up.
        let _ = tell.try_send(());
    });
    told.recv_timeout(PATIENCE).is_ok()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn only_a_living_daemon_is_told_alive() {
        let (end, ended) = sync_channel(1);
        drop(end);
        for (alive, told) in [(true, 1), (false, 0)] {
            let count = Cell::new(0);
            watch(Duration::from_secs(3600), &ended, || alive, || count.set(count.get() + 1));
            assert_eq!(count.get(), told, "alive: {alive}");
        }
    }

    #[test]
    fn an_engine_that_nobody_steers_gives_no_sign() {
        let limits = crate::base::limits::Limits::default();
        let inbox = Arc::new(super::super::inbox::Inbox::new(&limits, super::super::clock::Clock::start()));
        assert!(!is_steered(&Orders::new(inbox)));
    }
}
