//! What a called party says before its answer, and what the caller hears of it.

use std::time::Duration;

use bytes::Bytes;

use super::attempt::{Attempt, Inviting};
use super::call::{CallTimer, Common, State};
use super::compose;
use super::effect::{Effect, Work};
use super::hunting::{Hunting, description};
use super::media_end;
use super::ringback::Ringback;
use crate::sip::{Response, Status};

/// How often the caller of a ringing call hears so.
const RING_AGAIN: Duration = Duration::from_secs(60);

impl Hunting {
    /// 100 stops the silence timer; 180 to 183 go on to the caller, a description makes media flow early.
    pub(super) fn provisional(
        mut self,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        response: &Response,
        work: &mut Work<'_>,
    ) -> State {
        inviting.invite.provisional(work);
        let early = self.early_media(common, &mut inviting, response, work);
        let is_early = early.is_some();
        self.attempt = Attempt::Inviting(inviting);
        let body = early.or_else(|| Ringback::answer(&mut common.caller.media, self.offer.as_ref(), response.status));
        self.ringback.begin(&mut common.caller.media, response.status, work);
        let status = match response.status.code() {
            // What rings here is media too: with 180 alone many a caller would make its own tone beside it.
            180 if body.is_some() && !is_early => Status::SESSION_PROGRESS,
            180..=183 if self.ringback == Ringback::Alone && body.is_none() => return State::Hunting(Box::new(self)),
            // A description travels in 183 or 180 alike; 199 and what nobody knows are for us only.
            180..=183 => response.status,
            _ if body.is_some() => Status::SESSION_PROGRESS,
            _ => return State::Hunting(Box::new(self)),
        };
        common.ledger.rang(work.now);
        let caller = &common.caller;
        let bytes = compose::dialog_response(status, &self.invite.head, &caller.dialog, &caller.own, body.as_deref());
        self.ringing = Some((status, bytes));
        self.ring_again(common, work)
    }

    /// The description of a provisional response, answered to the caller. An unusable one is ignored here: the answer decides.
    fn early_media(
        &self,
        common: &mut Common,
        inviting: &mut Inviting,
        response: &Response,
        work: &mut Work<'_>,
    ) -> Option<Bytes> {
        let offer = self.offer.as_ref()?;
        let body = description(response)?;
        let tag = Bytes::copy_from_slice(response.to_tag().unwrap_or_default());
        let plan = inviting.media.media.read_answer(&body).ok().filter(|_| inviting.heard_early(tag, body))?;
        let answer = common.caller.media.media.write_answer(offer, &plan).ok()?;
        media_end::connect(&mut common.caller.media, &mut inviting.media, work);
        Some(answer)
    }

    /// RFC 3261 13.3.1.1: a proxy on the way gives up after three minutes without a word, so the last one goes again
    /// every minute.
    pub(super) fn ring_again(self, common: &mut Common, work: &mut Work<'_>) -> State {
        if let Some((status, bytes)) = self.ringing.clone() {
            common.timers.set(CallTimer::Ringing, work.now.instant + RING_AGAIN);
            work.out.push(Effect::Respond { transaction: self.invite.transaction, status, bytes });
        }
        State::Hunting(Box::new(self))
    }
}
