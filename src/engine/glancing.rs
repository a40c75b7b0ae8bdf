//! Judging a call by its INVITE before that is read, while calls are shed: exactly as it would be judged when read.

use std::time::Duration;

use super::Engine;
use super::overload::{Fate, Wait};
use crate::base::Instant;
use crate::sip::flow::Flow;
use crate::sip::glance::PlainInvite;

impl Engine {
    /// True while calls are shed, so that it is worth to look at them first.
    pub const fn is_shedding(&self) -> bool {
        self.overload.is_shedding()
    }

    /// Judges a call whose INVITE has waited for so long. `None`: that cannot be told before it is read. What is taken
    /// here is handed in as [`super::io::Input::Admitted`].
    pub fn glance(&mut self, now: Instant, flow: &Flow, invite: &PlainInvite<'_>, waited: Duration) -> Option<Fate> {
        let uri = invite.uri()?;
        let trunk = self.sender(flow, &uri).ok()??;
        let id = trunk.id;
        // R-A9: what is shed under load is not the call for help.
        if self.snapshot.emergency.code(trunk, &uri).is_some() {
            return None;
        }
        // The repetition of one that was taken is no new call.
        if !flow.transport.is_reliable() && self.transactions.may_hold(invite.via()) {
            return None;
        }
        Some(self.overload.judge(now, id, waited, self.most_borne()))
    }

    /// What the wait of a call counts for that was taken at a glance: nothing, unless it was too long behind that.
    pub(super) fn borne(&self, waited: Duration) -> Wait {
        if waited > self.most_borne() { Wait::For(waited) } else { Wait::Borne }
    }

    /// `limits.max_wait_ms`.
    pub(super) fn most_borne(&self) -> Duration {
        Duration::from_millis(self.snapshot.limits.max_wait_ms)
    }
}
