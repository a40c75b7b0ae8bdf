//! A call as a script sees it: commands go in, events come out; repetition, ACK and answers to re-INVITE happen inside
//! (`call_task`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::endpoint::Endpoint;
use super::sdp::Direction;

/// What a script asks of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// 180.
    Ring,
    /// 183 with SDP; media begins.
    Progress,
    /// 200 with SDP.
    Answer,
    /// A final failure, 300 to 699.
    Reject(u16),
    /// CANCEL of our INVITE.
    Cancel,
    /// A re-INVITE with this direction: hold and resume.
    Reoffer(Direction),
    Bye,
}

/// What happened at this end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// 100 came.
    Trying,
    /// 180 came.
    Ringing,
    /// A provisional response with SDP came.
    EarlyMedia,
    /// 200 to our INVITE came and was acknowledged.
    Answered,
    /// A final failure came and was acknowledged.
    Refused(u16),
    /// The ACK of our 200 came.
    Confirmed,
    /// CANCEL came; 487 was sent.
    Cancelled,
    /// A re-INVITE with this direction came and was answered.
    Reoffered(Direction),
    /// Our re-INVITE was answered.
    ReofferAnswered,
    /// BYE came and was answered.
    Ended,
    /// Our BYE was answered.
    ByeAnswered,
    /// What should not be, in words.
    Failed(String),
}

impl CallEvent {
    /// True when nothing the script may wait for can follow.
    fn ends_hope(&self) -> bool {
        match self {
            CallEvent::Refused(_) | CallEvent::Cancelled | CallEvent::Ended | CallEvent::Failed(_) => true,
            CallEvent::Trying
            | CallEvent::Ringing
            | CallEvent::EarlyMedia
            | CallEvent::Answered
            | CallEvent::Confirmed
            | CallEvent::Reoffered(_)
            | CallEvent::ReofferAnswered
            | CallEvent::ByeAnswered => false,
        }
    }
}

/// One end of one call.
pub struct Call {
    pub(super) agent: &'static str,
    pub(super) call_id: String,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) events: mpsc::Receiver<CallEvent>,
    pub(super) endpoint: Arc<Endpoint>,
}

impl Call {
    /// The Call-ID of this leg.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Its media.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Asks for something; what comes of it is an event.
    pub async fn perform(&self, command: Command) {
        // A task that has ended shows in the next `wait`.
        let _ = self.commands.send(command).await;
    }

    /// Waits until `wanted` happens; other progress on the way is passed over.
    ///
    /// # Errors
    /// The call ended otherwise, or `limit` passed.
    pub async fn wait(&mut self, wanted: &CallEvent, limit: Duration) -> Result<(), String> {
        let agent = self.agent;
        match tokio::time::timeout(limit, self.wait_without_limit(wanted)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("{agent}: waited {} s in vain for {wanted:?}", limit.as_secs())),
        }
    }

    /// Waits until the call ends one way or the other, in words. Progress on the way is passed over.
    pub async fn failure(&mut self) -> String {
        while let Some(event) = self.events.recv().await {
            if event.ends_hope() {
                return format!("{}: {event:?}", self.agent);
            }
        }
        format!("{}: the call is over", self.agent)
    }

    async fn wait_without_limit(&mut self, wanted: &CallEvent) -> Result<(), String> {
        loop {
            let event = self.events.recv().await.ok_or_else(|| format!("{}: the call is over", self.agent))?;
            if event == *wanted {
                return Ok(());
            }
            if event.ends_hope() {
                return Err(format!("{}: {event:?} instead of {wanted:?}", self.agent));
            }
        }
    }
}
