//! The end of the process: refuse what is new, let calls go on, then end them (DESIGN 8).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::helm::Load;
use super::inbox::Inbox;
use super::phase::{Phase, PhaseBoard};
use super::signals::Stop;
use crate::base::ids::CommandId;
use crate::engine::io::{Command, Input};

/// How long the answers to our BYEs are waited for: the whole end takes less than 2 s (DESIGN 7).
const GOODBYE: Duration = Duration::from_millis(1500);
/// How long octets may still be on their way once no call is left.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Everything a drain needs.
#[derive(Debug)]
pub struct Drain {
    pub inbox: Arc<Inbox>,
    pub phase: PhaseBoard,
    pub load: watch::Receiver<Load>,
    /// `node.drain_s`.
    pub patience: Duration,
}

impl Drain {
    /// Refuses new calls until no call is left, `patience` is over, or `hurry` is done. Then call [`Drain::stop`].
    pub async fn drain(&mut self, hurry: impl Future<Output = Stop>) {
        self.inbox.put(Input::Command(CommandId(1), Command::Drain));
        // After the order: whoever sees that we are no longer ready is already being refused.
        self.phase.enter(Phase::Draining);
        let patience = self.patience;
        tokio::select! {
            // A second signal of either kind: no more patience.
            _ = hurry => {}
            // Either way the calls that are left are ended next.
            _ = timeout(patience, self.idle()) => {}
        }
    }

    /// Ends every call, and waits a bounded time for the far ends to answer.
    pub async fn stop(&mut self) {
        if self.phase.current() < Phase::Draining {
            self.inbox.put(Input::Command(CommandId(1), Command::Drain));
        }
        self.phase.enter(Phase::Stopping);
        self.inbox.put(Input::Command(CommandId(2), Command::HangUpAll));
        // A far end that does not answer its BYE is not waited for; its call has its record all the same.
        let _ = timeout(GOODBYE, self.idle()).await;
        self.inbox.put(Input::Command(CommandId(3), Command::LetGo));
        tokio::time::sleep(LAST_WORDS).await;
    }

    async fn idle(&mut self) {
        // An error: the engine is gone, and with it every call.
        let _ = self.load.wait_for(|load| *load == Load::Idle).await;
    }
}
