//! Calling the new party of a transfer: candidates in order, one attempt at a time, as for a new call (PF-44), while the
//! parties of the call talk on.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::ids::{TrunkId, WorkerId};
use crate::call::asked::{Asked, Told};
use crate::call::attempt::{Attempt, Candidate, Heard, Inviting, Settled, Word};
use crate::call::call::{CallTimer, Common, leg_media};
use crate::call::cause::{Cause, Retry};
use crate::call::compose::NewRequest;
use crate::call::digits::DigitLine;
use crate::call::effect::{Branch, Effect, Work};
use crate::call::event::CallEvent;
use crate::call::fork::Standing;
use crate::call::leg::Leg;
use crate::call::media_end::{self, MediaEnd};
use crate::call::negotiate::AudioPlan;
use crate::call::offering::{first_request, note_left_out, us};
use crate::call::outgoing::OutgoingInvite;
use crate::call::own_address::OwnAddress;
use crate::call::record::Side;
use crate::call::screening;
use crate::call::transfer::redirect::followed;
use crate::dialog::DialogKey;
use crate::route::directory::Decision;
use crate::route::number::Field;
use crate::route::policy::{Facts, Line};
use crate::route::transfer::{RedirectPolicy, ReplacesPolicy};
use crate::route::trunk::Trunk;
use crate::sip::flow::{Flow, Resolution};
use crate::sip::{Response, SipUri, Status, Uri};

/// Who is called, and in whose name.
#[derive(Clone, Debug)]
pub struct Party {
    /// Request-URI and To octet for octet (MD-145); `None`: `user` at the candidate.
    pub uri: Option<Uri>,
    pub user: Option<Bytes>,
    /// The transferee, and what goes along: Referred-By and the like.
    pub asked: Asked,
    /// The transferee's number and trunk.
    pub calling: String,
    pub from_trunk: Arc<str>,
    pub called: String,
    /// Whose call it is.
    pub whose: Decision,
    /// Name of the route that leads there; empty: none does.
    pub route: Arc<str>,
    pub max_forwards: u8,
    /// Written for trunks that take it (MD-75).
    pub replaces: Option<Bytes>,
}

/// How the search goes on.
#[derive(Debug)]
pub enum Progress {
    Nothing,
    /// The new party rings, perhaps with a description.
    Rings(Status),
    Answered(Box<Leg>),
    Failed(Cause),
}

/// See the module.
#[derive(Debug)]
pub struct Seeking {
    party: Party,
    /// The place in the call that is to be taken.
    side: Side,
    /// What the transferee takes, and where its endpoint is.
    offer: AudioPlan,
    worker: WorkerId,
    candidates: VecDeque<Candidate>,
    attempt: Attempt,
    failed: Option<Cause>,
    /// Targets that were tried and that 3xx have named.
    redirected_from: Vec<Uri>,
}

impl Seeking {
    pub fn new(
        party: Party,
        side: Side,
        offer: AudioPlan,
        worker: WorkerId,
        candidates: VecDeque<Candidate>,
    ) -> Seeking {
        Seeking {
            party,
            side,
            offer,
            worker,
            candidates,
            attempt: Attempt::None,
            failed: None,
            redirected_from: Vec::new(),
        }
    }

    /// Calls the next candidate, until one is out.
    pub fn next(&mut self, common: &mut Common, work: &mut Work<'_>) -> Progress {
        while let Some(candidate) = self.candidates.pop_front() {
            if !candidate.is_in_service(work) {
                // Never the last word: others may be left.
                let _ = self.may_go_on(common, &candidate.trunk, Cause::TrunkOutOfService, work);
                continue;
            }
            let Some(address) = candidate.address() else {
                self.resolve(common, candidate, work);
                return Progress::Nothing;
            };
            match self.invite(common, &candidate, VecDeque::from([address]), work) {
                Ok(()) => return Progress::Nothing,
                Err(cause) if self.may_go_on(common, &candidate.trunk, cause, work) => {}
                Err(_) => break,
            }
        }
        Progress::Failed(self.failed.unwrap_or(Cause::Unreachable))
    }

    fn resolve(&mut self, common: &mut Common, candidate: Candidate, work: &mut Work<'_>) {
        let id = candidate.look_up(work);
        common.timers.set(CallTimer::NoResponse, work.now.instant + candidate.trunk.timers.no_response);
        self.attempt = Attempt::Resolving { id, candidate };
    }

    /// Notes a failed attempt. False when no other is tried (486, 603 and the like).
    fn may_go_on(&mut self, common: &mut Common, trunk: &Trunk, cause: Cause, work: &mut Work<'_>) -> bool {
        common.timers.stop(CallTimer::NoResponse);
        common.timers.stop(CallTimer::NoAnswer);
        let (call, to) = (common.ledger.id(), Arc::clone(&trunk.name));
        work.out.push(Effect::Event(CallEvent::AttemptFailed { call, to, cause }));
        self.failed = Some(self.failed.map_or(cause, |before| before.better(cause)));
        cause.retry_after(trunk) == Retry::NextCandidate
    }

    fn attempt_failed(&mut self, common: &mut Common, trunk: &Trunk, cause: Cause, work: &mut Work<'_>) -> Progress {
        if self.may_go_on(common, trunk, cause, work) {
            return self.next(common, work);
        }
        Progress::Failed(self.failed.unwrap_or(cause))
    }

    /// Ports, an offer in the transferee's name, and the INVITE to the first of `addresses`.
    fn invite(
        &mut self,
        common: &mut Common,
        candidate: &Candidate,
        mut addresses: VecDeque<SocketAddr>,
        work: &mut Work<'_>,
    ) -> Result<(), Cause> {
        let address = addresses.pop_front().ok_or(Cause::NameNotResolved)?;
        if !work.supply.enter(work.now.instant, &candidate.trunk) {
            return Err(Cause::TooManyCalls);
        }
        match self.sent(common, candidate, address, work) {
            Ok((invite, media)) => {
                let (candidate, side) = (candidate.clone(), self.side);
                let (forks, described, unmoved) = (BTreeMap::new(), Vec::new(), None);
                let inviting = Inviting {
                    invite,
                    candidate,
                    media,
                    address,
                    addresses,
                    side,
                    word: Word::Unsaid,
                    digits: DigitLine::default(),
                    forks,
                    described,
                    unmoved,
                };
                self.attempt = Attempt::Inviting(Box::new(inviting));
                Ok(())
            }
            Err(cause) => {
                work.supply.leave(&candidate.trunk);
                Err(cause)
            }
        }
    }

    fn sent(
        &self,
        common: &mut Common,
        candidate: &Candidate,
        address: SocketAddr,
        work: &mut Work<'_>,
    ) -> Result<(OutgoingInvite, MediaEnd), Cause> {
        let trunk = Arc::clone(&candidate.trunk);
        let own = OwnAddress::of_call(&trunk, &self.party.whose);
        let mut media = leg_media(&common.snapshot, &trunk, Some(self.worker), work)?;
        let Ok(offer) = media.media.write_offer(&self.offer) else {
            media.close(work);
            return Err(Cause::MediaRefused);
        };
        media.listen(work);
        let tag = work.token(10);
        let request = self.new_request(common, candidate, &own, &tag, work);
        let own = own.calling(&request.from);
        common.ledger.attempted_for_transfer();
        let (call, to) = (common.ledger.id(), Arc::clone(&trunk.name));
        work.out.push(Effect::Event(CallEvent::Attempted { call, to }));
        common.awaits_answer(&trunk, work.now.instant);
        Ok((OutgoingInvite::send(trunk, own, request, tag, candidate.destination(address), offer, work), media))
    }

    /// Written from scratch: nothing of the old leg's INVITE stands in it (T13 of the traps).
    fn new_request(
        &self,
        common: &Common,
        candidate: &Candidate,
        own: &OwnAddress,
        tag: &Bytes,
        work: &mut Work<'_>,
    ) -> NewRequest {
        let party = &self.party;
        let verbatim = party.uri.clone().filter(|_| candidate.diverted.is_none());
        let uri = verbatim.unwrap_or_else(|| candidate.uri_of(Field::Called, self.called_user(candidate).as_ref()));
        let mut told = self.told(common, candidate, &us(own));
        note_left_out(common, candidate, &told, work);
        if candidate.trunk.transfer.send_replaces == ReplacesPolicy::Take
            && let Some(replaces) = &party.replaces
        {
            told.lines.push(Line::core("Require", Bytes::from_static(b"replaces")));
            told.lines.push(Line::core("Replaces", replaces.clone()));
        }
        let request = first_request((candidate, own), told, (uri.clone(), uri), tag, work);
        NewRequest { max_forwards: party.max_forwards, ..request }
    }

    /// What the candidate's peer is told of the transferee: as of any caller, so that who hides is hidden.
    fn told(&self, common: &Common, candidate: &Candidate, us: &SipUri) -> Told {
        let call_id = common.ledger.id().0.to_string();
        let facts = Facts {
            calling: &self.party.calling,
            called: &self.party.called,
            original_called: self.party.asked.original().as_str(),
            from_trunk: &self.party.from_trunk,
            to_trunk: &candidate.trunk.name,
            account: self.party.whose.account_name(),
            call_id: &call_id,
            node: &common.snapshot.node_name,
            route: &self.party.route,
            contents: self.party.whose.contents(),
        };
        self.party.asked.tell(&candidate.trunk, candidate.diverted.as_deref(), us, &facts)
    }

    /// Whom the INVITE to this candidate names.
    fn called_user(&self, candidate: &Candidate) -> Option<Bytes> {
        let own = self.party.uri.as_ref().and_then(|uri| screening::called(uri).ok()?.1);
        match &candidate.diverted {
            Some(diverted) => diverted.user.clone(),
            None => self.party.user.clone().or(own),
        }
    }

    // ---- what comes

    /// A name was resolved, or not.
    pub fn resolved(&mut self, common: &mut Common, resolution: Resolution, work: &mut Work<'_>) -> Progress {
        match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Resolving { id, candidate } if id == resolution.id => {
                let addresses = resolution.outcome.map(|resolved| resolved.addresses).map_err(Cause::from);
                let invited = addresses.and_then(|mut addresses| {
                    addresses.sort_by_key(|&address| work.is_penalised(&candidate.trunk, address));
                    self.invite(common, &candidate, addresses.into(), work)
                });
                match invited {
                    Ok(()) => Progress::Nothing,
                    Err(cause) => self.attempt_failed(common, &candidate.trunk, cause, work),
                }
            }
            attempt => {
                self.attempt = attempt;
                Progress::Nothing
            }
        }
    }

    /// Whether an INVITE of `trunk` may pick up the new party, which rings in this early dialog (RFC 3891 3).
    ///
    /// # Errors
    /// The status it is refused with.
    pub fn replaceable(&self, key: &DialogKey, trunk: TrunkId) -> Result<(), Status> {
        match &self.attempt {
            Attempt::Inviting(inviting) => inviting.replaceable(key, trunk),
            Attempt::None | Attempt::Resolving { .. } | Attempt::Answered(_) => Err(Status::CALL_DOES_NOT_EXIST),
        }
    }

    /// True when the new party has this early dialog.
    pub fn rings_in(&self, key: &DialogKey) -> bool {
        let Attempt::Inviting(inviting) = &self.attempt else { return false };
        inviting.forks.values().any(|fork| fork.dialog.key() == *key)
    }

    /// True when our INVITE has this branch.
    pub fn awaits(&self, branch: &Branch) -> bool {
        matches!(&self.attempt, Attempt::Inviting(inviting) if inviting.invite.branch == *branch)
    }

    /// A response to our INVITE; see [`Seeking::awaits`].
    pub fn response(&mut self, common: &mut Common, response: &Response, flow: Flow, work: &mut Work<'_>) -> Progress {
        let Attempt::Inviting(mut inviting) = std::mem::replace(&mut self.attempt, Attempt::None) else {
            return Progress::Nothing;
        };
        common.timers.stop(CallTimer::NoResponse);
        work.heard_on(inviting.way(), response);
        let (trunk, cause) = (Arc::clone(&inviting.candidate.trunk), Cause::Refused(response.status));
        match response.status.code() {
            100..=199 => {
                inviting.invite.provisional(work);
                let rings = matches!(response.status.code(), 180..=183);
                let heard = if response.status == Status::TRYING {
                    Heard::Nothing
                } else {
                    inviting.hear(response, flow, work)
                };
                if let Heard::Description(tag) = &heard {
                    inviting.follow(tag);
                }
                if response.status == Status::EARLY_DIALOG_TERMINATED {
                    inviting.lose(response.to_tag().unwrap_or_default(), Standing::Ended);
                }
                self.attempt = Attempt::Inviting(inviting);
                if rings && heard != Heard::Nothing { Progress::Rings(response.status) } else { Progress::Nothing }
            }
            200..=299 => self.answered(common, *inviting, response, flow, work),
            401 | 407 | 421 | 422 if inviting.invite.goes_again(response, flow, work) => {
                // What the refused INVITE made is over with it.
                inviting.forget_forks(work);
                common.timers.set(CallTimer::NoResponse, work.now.instant + trunk.timers.no_response);
                self.attempt = Attempt::Inviting(inviting);
                Progress::Nothing
            }
            300..=399 if trunk.transfer.redirect == RedirectPolicy::Follow => {
                let candidate = inviting.candidate.clone();
                inviting.close(work);
                let from = (&candidate, self.called_user(&candidate));
                match followed(common, from, &mut self.redirected_from, response, work) {
                    Ok(candidates) => {
                        self.candidates = candidates;
                        self.next(common, work)
                    }
                    Err(cause) => self.attempt_failed(common, &trunk, cause, work),
                }
            }
            // RFC 3263 4.3: 503 is a failure of the path too.
            503 => self.path_failed(common, *inviting, cause, work),
            _ => {
                inviting.close(work);
                self.attempt_failed(common, &trunk, cause, work)
            }
        }
    }

    /// Our INVITE did not leave or got no answer; see [`Seeking::awaits`].
    pub fn failed(&mut self, common: &mut Common, cause: Cause, work: &mut Work<'_>) -> Progress {
        match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Inviting(inviting) => self.path_failed(common, *inviting, cause, work),
            attempt => {
                self.attempt = attempt;
                Progress::Nothing
            }
        }
    }

    /// The connection of our INVITE is gone; see [`Seeking::awaits`]. Whoever rings answers on another one.
    pub fn way_lost(&mut self, common: &mut Common, work: &mut Work<'_>) -> Progress {
        match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Inviting(inviting) if inviting.word == Word::Unsaid => {
                self.given_up(common, *inviting, Cause::Unreachable, work)
            }
            attempt => {
                self.attempt = attempt;
                Progress::Nothing
            }
        }
    }

    /// The path failed while the INVITE may still be answered: it is taken back.
    fn given_up(&mut self, common: &mut Common, mut inviting: Inviting, cause: Cause, work: &mut Work<'_>) -> Progress {
        let (addresses, candidate) = (std::mem::take(&mut inviting.addresses), inviting.candidate.clone());
        work.supply.failed(work.now.instant, inviting.way());
        inviting.abandon(common, cause, work);
        self.elsewhere(common, &candidate, addresses, cause, work)
    }

    /// RFC 3263 4.3: the target's other addresses come first.
    fn path_failed(
        &mut self,
        common: &mut Common,
        mut inviting: Inviting,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> Progress {
        let (addresses, candidate) = (std::mem::take(&mut inviting.addresses), inviting.candidate.clone());
        if cause != Cause::TooManyCalls {
            work.supply.failed(work.now.instant, inviting.way());
        }
        inviting.close(work);
        self.elsewhere(common, &candidate, addresses, cause, work)
    }

    fn elsewhere(
        &mut self,
        common: &mut Common,
        candidate: &Candidate,
        addresses: VecDeque<SocketAddr>,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> Progress {
        if addresses.is_empty() {
            return self.attempt_failed(common, &candidate.trunk, cause, work);
        }
        match self.invite(common, candidate, addresses, work) {
            Ok(()) => Progress::Nothing,
            Err(cause) => self.attempt_failed(common, &candidate.trunk, cause, work),
        }
    }

    /// A timer of the attempt fired: no response, or no answer.
    pub fn timed_out(&mut self, common: &mut Common, timer: CallTimer, work: &mut Work<'_>) -> Progress {
        match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::None | Attempt::Answered(_) => Progress::Nothing,
            Attempt::Resolving { candidate, .. } => {
                self.attempt_failed(common, &candidate.trunk, Cause::NameNotResolved, work)
            }
            Attempt::Inviting(inviting) if timer == CallTimer::NoResponse => {
                self.given_up(common, *inviting, Cause::PeerSilent, work)
            }
            Attempt::Inviting(inviting) => {
                let trunk = Arc::clone(&inviting.candidate.trunk);
                inviting.abandon(common, Cause::NoAnswer, work);
                self.attempt_failed(common, &trunk, Cause::NoAnswer, work)
            }
        }
    }

    /// 2xx: acknowledged at once. Without a usable description the new party is hung up, and the transfer has failed.
    fn answered(
        &mut self,
        common: &mut Common,
        mut inviting: Inviting,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> Progress {
        common.timers.stop(CallTimer::NoAnswer);
        let settled = inviting.settle(response, work);
        let Inviting { invite, mut media, candidate, .. } = inviting;
        let Some(Settled { dialog, read, standing: _, taken }) = settled else {
            invite.end_unwanted(response, flow, Cause::BadAnswer, work);
            media.close(work);
            work.supply.leave(&candidate.trunk);
            return Progress::Failed(Cause::BadAnswer);
        };
        let mut leg = Leg::new(self.side, candidate.trunk, invite.own.clone(), dialog, media, flow);
        leg.proof = invite.proof.clone();
        leg.taken = taken;
        leg.begins(invite.session.clone(), response, work);
        leg.acknowledge(&invite.branch, invite.cseq(), work);
        work.out.push(Effect::DialogOpened { key: leg.key(), side: self.side });
        match read.ok().flatten() {
            Some(_) => Progress::Answered(Box::new(leg)),
            None => {
                common.departing.dismiss(leg, Cause::BadAnswer, work);
                Progress::Failed(Cause::BadAnswer)
            }
        }
    }

    /// The transferor has left: what the new party says before its answer reaches the transferee. True when it says
    /// something.
    pub fn heard_by(&mut self, transferee: &mut MediaEnd, work: &mut Work<'_>) -> bool {
        match &mut self.attempt {
            Attempt::Inviting(inviting) if !inviting.described.is_empty() => {
                media_end::connect(transferee, &mut inviting.media, work);
                true
            }
            Attempt::None | Attempt::Resolving { .. } | Attempt::Inviting(_) | Attempt::Answered(_) => false,
        }
    }

    /// An answer to a PRACK for what the new party said.
    pub fn prack_answered(&mut self, branch: &Branch, response: &Response, flow: Flow, work: &mut Work<'_>) {
        if let Attempt::Inviting(inviting) = &mut self.attempt {
            inviting.prack_answered(branch, response, flow, work);
        }
    }

    /// The transfer is no longer wanted.
    pub fn give_up(mut self, common: &mut Common, cause: Cause, work: &mut Work<'_>) {
        common.timers.stop(CallTimer::NoResponse);
        common.timers.stop(CallTimer::NoAnswer);
        if let Attempt::Inviting(inviting) = std::mem::replace(&mut self.attempt, Attempt::None) {
            inviting.abandon(common, cause, work);
        }
    }
}
