//! What a called party says before its answer, and what the caller hears of it (PF-141, MD-108..115).

use std::time::Duration;

use bytes::Bytes;

use super::attempt::{Attempt, Heard, Inviting};
use super::call::{CallTimer, Common, State};
use super::effect::Work;
use super::fork::{Standing, Turned};
use super::hunting::{Hunting, Session};
use super::media_end::{self, MediaEnd};
use super::negotiate::AudioPlan;
use super::passed::Passed;
use super::record::Side;
use super::ringback::Ringback;
use crate::dialog::reliable::Provisional;
use crate::media::plan::Flowing;
use crate::route::provisional::{ForkView, Passing};
use crate::sip::flow::Flow;
use crate::sip::header::EarlyMedia;
use crate::sip::{Request, Response, Status};

/// How often the caller of a ringing call hears so.
const RING_AGAIN: Duration = Duration::from_secs(60);

/// The last thing a caller heard before the answer.
#[derive(Clone, Debug)]
pub(super) struct LastHeard {
    status: Status,
    /// What it described, where it may be lost and so goes again.
    body: Option<Bytes>,
    /// Headers of the called side.
    passed: Passed,
}

/// Whether the caller is told which early media is authorised (RFC 5009).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TellsEarlyMedia {
    Told,
    Untold,
}

/// Whether the caller is told that an early dialog ended (RFC 6228).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EarlyEnd {
    Told,
    Untold,
}

impl Hunting {
    /// 100 stops the silence timer; the rest goes on to the caller, and a description makes media flow early.
    pub(super) fn provisional(
        mut self: Box<Self>,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        inviting.invite.provisional(work);
        let heard =
            if response.status == Status::TRYING { Heard::Nothing } else { inviting.hear(response, flow, work) };
        let plan = match heard {
            Heard::Nothing => {
                self.attempt = Attempt::Inviting(inviting);
                return State::Hunting(self);
            }
            Heard::Word => None,
            Heard::Unauthorised(tag) => {
                let passed = passed(common, &inviting, response);
                return self.hush(common, inviting, &tag, passed, work);
            }
            Heard::Description(tag) => inviting.follow(&tag),
        };
        if response.status == Status::EARLY_DIALOG_TERMINATED {
            return self.fork_ended(common, inviting, response, work);
        }
        let word = Shown { status: response.status, plan, passed: passed(common, &inviting, response) };
        self.show(common, inviting, word, work)
    }

    /// RFC 5009: what is not authorised, or no more, is not heard. Another fork that may be heard is heard instead; without
    /// one the caller hears of ringing, and makes a tone of its own or hears ours.
    fn hush(
        mut self: Box<Self>,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        tag: &[u8],
        passed: Passed,
        work: &mut Work<'_>,
    ) -> State {
        let was_heard = inviting.hears(tag);
        if let Some(plan) = inviting.pass_over(tag) {
            let word = Shown { status: Status::SESSION_PROGRESS, plan: Some(plan), passed };
            return self.show(common, inviting, word, work);
        }
        if was_heard {
            let is_spoken_to = inviting.authorised_of(tag).is_some_and(EarlyMedia::is_spoken_to);
            inviting.media.allow(Flowing { send: is_spoken_to, receive: false });
            media_end::connect(&mut common.caller.media, &mut inviting.media, work);
            self.ringback.end(&common.caller.media, work);
        }
        self.show(common, inviting, Shown { status: Status::RINGING, plan: None, passed }, work)
    }

    /// An UPDATE of the called side may change what its network authorises (RFC 5009 8).
    pub(super) fn authorised_anew(
        mut self: Box<Self>,
        common: &mut Common,
        update: &Request,
        work: &mut Work<'_>,
    ) -> State {
        let mut inviting = match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Inviting(inviting) => inviting,
            // Answered, and the caller's PRACK is awaited: there is no early media any more.
            attempt => {
                self.attempt = attempt;
                return State::Hunting(self);
            }
        };
        let tag = Bytes::copy_from_slice(update.from_tag().unwrap_or_default());
        match inviting.authorise(&tag, update) {
            Turned::Released => {
                let plan = inviting.follow(&tag);
                let word = Shown { status: Status::SESSION_PROGRESS, plan, passed: Passed::new() };
                self.show(common, inviting, word, work)
            }
            Turned::Silenced => self.hush(common, inviting, &tag, Passed::new(), work),
            Turned::Not => {
                self.attempt = Attempt::Inviting(inviting);
                State::Hunting(self)
            }
        }
    }

    /// 199: another fork is heard, where one has described itself. The caller's one early dialog ends with the last.
    fn fork_ended(
        mut self: Box<Self>,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        response: &Response,
        work: &mut Work<'_>,
    ) -> State {
        let next = inviting.lose(response.to_tag().unwrap_or_default(), Standing::Ended);
        let is_last = inviting.is_silent() && self.early_end == EarlyEnd::Told && self.last_heard.is_some();
        if let Some(plan) = next {
            let word = Shown { status: Status::SESSION_PROGRESS, plan: Some(plan), passed: Passed::new() };
            return self.show(common, inviting, word, work);
        }
        self.attempt = Attempt::Inviting(inviting);
        if is_last && common.caller.trunk.provisional.pass.terminated {
            let passed = Passed::new();
            let said = Provisional { status: Status::EARLY_DIALOG_TERMINATED, early_media: None, body: None, passed };
            common.caller.say(&self.invite, said, work);
        }
        State::Hunting(self)
    }

    /// The caller hears of it, as its trunk wants to.
    fn show(
        mut self: Box<Self>,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        shown: Shown,
        work: &mut Work<'_>,
    ) -> State {
        let settings = common.caller.trunk.provisional;
        let Shown { status, plan, passed } = shown;
        let (status, plan) = match (settings.forks, plan) {
            (ForkView::First, _) if self.shown_one => {
                self.attempt = Attempt::Inviting(inviting);
                return State::Hunting(self);
            }
            (ForkView::Ringing, Some(_)) => (Status::RINGING, None),
            (ForkView::Ringing | ForkView::First | ForkView::Single, plan) => (status, plan),
        };
        self.shown_one = true;
        let is_early = plan.is_some();
        let early = plan.as_ref().and_then(|plan| self.describe_early(common, &mut inviting.media, plan, work));
        self.attempt = Attempt::Inviting(inviting);
        if let (Some(plan), None, Session::Agreed) = (&plan, &early, self.session) {
            self.retell(common, plan, work);
        }
        let body = early.or_else(|| self.ring_alone(common, status));
        self.ringback.begin(&mut common.caller.media, status, work);
        if self.ringback == Ringback::Alone && body.is_none() && !is_early {
            return State::Hunting(self);
        }
        let described = Described { early: is_early, body: body.is_some() };
        let Some(status) = presented(status, described, settings.pass) else { return State::Hunting(self) };
        common.ledger.rang(work.now);
        self.tell(common, LastHeard { status, body, passed }, work)
    }

    /// The called side rings without media, and the caller's trunk wants a tone of ours: its offer is answered for that.
    fn ring_alone(&mut self, common: &mut Common, status: Status) -> Option<Bytes> {
        let body = Ringback::answer(&mut common.caller.media, self.offer.as_ref(), status)?;
        self.described(common);
        Some(body)
    }

    /// What the caller's description is to be now; `None` when it has it already, or none may be given.
    fn describe_early(
        &mut self,
        common: &mut Common,
        callee: &mut MediaEnd,
        plan: &AudioPlan,
        work: &mut Work<'_>,
    ) -> Option<Bytes> {
        let reliable = common.caller.is_reliable();
        let media = &mut common.caller.media;
        let body = match (self.session, &self.offer) {
            (Session::Open, Some(offer)) => Some(media.media.write_answer(offer, plan).ok()?),
            // RFC 3262 5: where the caller wrote no offer, ours may come with a response that it acknowledges.
            (Session::Open, None) if reliable => Some(media.media.write_offer(plan).ok()?),
            (Session::Open, None) | (Session::Offered | Session::Agreed, _) => None,
        };
        media_end::connect(media, callee, work);
        if body.is_some() {
            self.described(common);
        }
        body
    }

    /// A description for the caller was written: said reliably it stands.
    fn described(&mut self, common: &Common) {
        if common.caller.is_reliable() {
            self.session = if self.offer.is_some() { Session::Agreed } else { Session::Offered };
        }
    }

    /// The caller hears this now and, as long as nothing else comes, every minute.
    fn tell(mut self: Box<Self>, common: &mut Common, heard: LastHeard, work: &mut Work<'_>) -> State {
        let LastHeard { status, body, passed } = heard;
        common.timers.stop(CallTimer::Progress);
        common.timers.set(CallTimer::Ringing, work.now.instant + RING_AGAIN);
        let again = body.clone().filter(|_| !common.caller.is_reliable());
        self.last_heard = Some(LastHeard { status, body: again, passed: passed.clone() });
        let early_media = self.authorised(body.is_some());
        common.caller.say(&self.invite, Provisional { status, early_media, body, passed }, work);
        State::Hunting(self)
    }

    /// What a caller that asks is told of early media: what the called side's network authorises, and of what we let
    /// through or play ourselves that.
    fn authorised(&self, described: bool) -> Option<EarlyMedia> {
        let inviting = match (&self.attempt, self.early_media) {
            (Attempt::Inviting(inviting), TellsEarlyMedia::Told) => inviting,
            (Attempt::None | Attempt::Resolving { .. } | Attempt::Inviting(_) | Attempt::Answered(_), _) => {
                return None;
            }
        };
        let ours = match (inviting.described.is_empty(), described) {
            (false, _) => Some(EarlyMedia::SendRecv),
            (true, true) => Some(EarlyMedia::SendOnly),
            (true, false) => None,
        };
        inviting.authorised().filter(|_| !described || !inviting.described.is_empty()).or(ours)
    }

    /// RFC 3261 13.3.1.1: a proxy on the way gives up after three minutes without a word, so the last one goes again
    /// every minute.
    pub(super) fn ring_again(self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        match self.last_heard.clone() {
            Some(heard) => self.tell(common, heard, work),
            None => State::Hunting(self),
        }
    }

    /// MD-102: the caller has heard nothing but 100 for as long as its peer waits.
    pub(super) fn reassure(self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        let nothing = Described { early: false, body: false };
        match presented(Status::SESSION_PROGRESS, nothing, common.caller.trunk.provisional.pass) {
            Some(status) if self.last_heard.is_none() => {
                self.tell(common, LastHeard { status, body: None, passed: Passed::new() }, work)
            }
            Some(_) | None => State::Hunting(self),
        }
    }
}

/// What the called side said, and what of it the caller may get.
#[derive(Debug)]
struct Shown {
    status: Status,
    plan: Option<AudioPlan>,
    passed: Passed,
}

/// Headers of a response that the caller may get.
pub(super) fn passed(common: &Common, inviting: &Inviting, response: &Response) -> Passed {
    common.passed(Side::Caller, &inviting.candidate.trunk, &response.message)
}

/// What there is to hear.
#[derive(Clone, Copy, Debug)]
struct Described {
    /// The called side sends media.
    early: bool,
    /// The response carries a description.
    body: bool,
}

/// The status the caller hears; `None`: nothing.
fn presented(status: Status, described: Described, pass: Passing) -> Option<Status> {
    let progress = if pass.progress { Status::SESSION_PROGRESS } else { Status::RINGING };
    match status.code() {
        // What rings here is media too: with 180 alone many a caller would make its own tone beside it.
        180 if described.body && !described.early => Some(progress),
        180 => Some(status),
        181 if pass.forwarded => Some(status),
        182 if pass.queued => Some(status),
        183 => Some(progress),
        // A description travels in any of them; what nobody knows is for us only.
        _ => described.body.then_some(progress),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: Described = Described { early: false, body: false };
    const MEDIA: Described = Described { early: true, body: true };

    fn told(code: u16, described: Described, pass: Passing) -> Option<u16> {
        presented(Status::new(code).expect("a status"), described, pass).map(Status::code)
    }

    #[test]
    fn what_the_trunk_passes_keeps_its_status() {
        for code in [180, 181, 182, 183] {
            assert_eq!(told(code, WORD, Passing::default()), Some(code));
            assert_eq!(told(code, MEDIA, Passing::default()), Some(code));
        }
    }

    #[test]
    fn what_it_does_not_pass_is_said_otherwise_or_not_at_all() {
        let pass = Passing { forwarded: false, queued: false, progress: false, terminated: false };
        assert_eq!([181, 182].map(|code| told(code, WORD, pass)), [None, None]);
        assert_eq!([181, 182, 183].map(|code| told(code, MEDIA, pass)), [Some(180); 3]);
        assert_eq!(told(183, WORD, pass), Some(180));
    }

    #[test]
    fn a_status_nobody_knows_is_heard_for_its_description_only() {
        assert_eq!(told(188, WORD, Passing::default()), None);
        assert_eq!(told(188, MEDIA, Passing::default()), Some(183));
    }
}
