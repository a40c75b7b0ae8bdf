//! REFER from a party (RFC 3515): taken, refused, and who is to be called for it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::seeking::{Party, Progress, Seeking};
use super::{Asked, Stage, Transfer, note_end};
use crate::base::bounds::Bound;
use crate::base::limits::CALL_TRANSFERS;
use crate::call::asked;
use crate::call::attempt::Candidate;
use crate::call::call::{Common, State};
use crate::call::cause::Cause;
use crate::call::compose;
use crate::call::effect::{Branch, Effect, Work};
use crate::call::established::{Established, by, respond};
use crate::call::event::CallEvent;
use crate::call::guarding::{Counting, Payer, guarded_for};
use crate::call::leg::{Leg, Pending};
use crate::call::record::{Side, TransferKind};
use crate::call::screening::{self, Refusal};
use crate::call::transfer::reports::{Heard, Reports};
use crate::dialog::refer::{BadRefer, Refer, ReferSub};
use crate::route::directory::Decision;
use crate::route::policy::{Line, RoutePairs};
use crate::route::ruling::{Inquiry, Names, Passed};
use crate::route::snapshot::RoutePlan;
use crate::route::transfer::{ReferPolicy, ReferTarget};
use crate::route::trunk::Trunk;
use crate::sip::flow::Flow;
use crate::sip::{Host, Name, Request, Response, Status, Uri};

/// Why a REFER is not taken.
enum Refused {
    Status(Status),
    Extension(Refusal),
}

impl From<BadRefer> for Refused {
    fn from(bad: BadRefer) -> Self {
        Refused::Status(bad.status())
    }
}

impl Established {
    /// A party asks for another in its place.
    pub(super) fn referred(mut self: Box<Self>, common: &mut Common, asked: Asked, work: &mut Work<'_>) -> State {
        let pending = Pending::new(asked.transaction, &asked.request, asked.flow);
        let (leg, _) = self.legs(common, asked.side);
        if leg.dialog.check_request(&asked.request.cseq).is_err() {
            respond(&pending, Status::SERVER_INTERNAL_ERROR, leg, work);
            return State::Established(self);
        }
        match leg.trunk.transfer.refer {
            ReferPolicy::Execute => {}
            ReferPolicy::Pass => return self.refer_passes(common, &asked, pending, work),
            ReferPolicy::Refuse => {
                // MD-152: answered here, never echoed.
                respond(&pending, Status::DECLINE, leg, work);
                return State::Established(self);
            }
        }
        let trunk = Arc::clone(&leg.trunk);
        match self.acceptable(&asked.request, &trunk) {
            Ok(refer) => self.execute(common, asked.side, &pending, refer, work),
            Err(Refused::Status(status)) => {
                respond(&pending, status, self.leg(common, asked.side), work);
                State::Established(self)
            }
            Err(Refused::Extension(refusal)) => {
                let bytes =
                    compose::screened(&refusal, &pending.head, (None, None), Some(&self.leg(common, asked.side).own));
                work.out.push(Effect::Respond { transaction: pending.transaction, status: refusal.status(), bytes });
                State::Established(self)
            }
        }
    }

    fn acceptable(&self, request: &Request, trunk: &Trunk) -> Result<Refer, Refused> {
        screening::extensions(request, trunk).map_err(Refused::Extension)?;
        if self.moves.transfer.is_some() || self.moves.entering.is_some() {
            return Err(Refused::Status(Status::REQUEST_PENDING));
        }
        if self.moves.count >= CALL_TRANSFERS {
            Bound::CallTransfers.reached();
            return Err(Refused::Status(Status::LOOP_DETECTED));
        }
        Ok(Refer::read(request)?)
    }

    /// MD-146: 202 at once, then 100 in the first NOTIFY, and the new party is looked for.
    fn execute(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        pending: &Pending,
        refer: Refer,
        work: &mut Work<'_>,
    ) -> State {
        let bytes = compose::refer_accepted(&pending.head, &self.leg(common, side).own, refer.sub);
        work.out.push(Effect::Respond { transaction: pending.transaction, status: Status::ACCEPTED, bytes });
        self.moves.count += 1;
        let kind = if refer.replaces.is_some() { TransferKind::Consultative } else { TransferKind::Blind };
        work.out.push(Effect::Event(CallEvent::TransferBegan { call: common.ledger.id(), kind }));
        if refer.sub == ReferSub::Reported {
            let id = self.moves.referred.contains(&side).then_some(refer.cseq);
            self.moves.reports.push((side, Reports::new(id)));
        }
        if !self.moves.referred.contains(&side) {
            self.moves.referred.push(side);
        }
        let stage = Stage::Joining { tries: 0 };
        let asked = asked::sought_number(&refer.target, &self.leg(common, side).trunk.presentation);
        let wants_a_dialog = refer.replaces.is_some();
        self.moves.transfer =
            Some(Box::new(Transfer { kind, by: side, refer, asked, began: work.now.wall, rings: None, stage }));
        self.report(common, side, Status::TRYING, work);
        if wants_a_dialog { self.ask_for_party(common, work) } else { self.seek(common, work) }
    }

    // ---- the new party

    /// Calls the party that Refer-To names.
    pub(super) fn seek(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        let Some(mut transfer) = self.moves.transfer.take() else { return State::Established(self) };
        let found = self.seeking_for(common, &transfer, work);
        let progress = match found {
            Ok(mut seeking) => {
                let progress = seeking.next(common, work);
                transfer.stage = Stage::Seeking(Box::new(seeking));
                progress
            }
            Err(cause) => Progress::Failed(cause),
        };
        self.moves.transfer = Some(transfer);
        self.progressed(common, progress, work)
    }

    /// The same screening as for a new call from the transferor's trunk: its limits, its routes, the fraud guard (S-F).
    fn seeking_for(&self, common: &mut Common, transfer: &Transfer, work: &mut Work<'_>) -> Result<Seeking, Cause> {
        let payer = Arc::clone(&self.leg(common, transfer.by).trunk);
        if !work.supply.enter(work.now.instant, &payer) {
            return Err(Cause::TooManyCalls);
        }
        // Only asked for: the transferor's place on its trunk becomes free.
        work.supply.leave(&payer);
        let transferee = self.leg(common, transfer.by.other());
        let offer = transferee.media.media.plan_for_newcomer().ok_or(Cause::MediaRefused)?;
        let worker = transferee.media.media.lease().worker;
        let named = asked::named(&transfer.refer.target, &payer.presentation).ok();
        let sought = sought_by(common, transfer, (&payer, named.as_ref()), work)?;
        let Sought { uri, user, whose, route, route_pairs, candidates } = sought;
        // A URI without a number goes back to the peer that wrote it.
        let called = named.as_ref().map(|(number, _)| number.clone()).unwrap_or_default();
        let paying = Payer { trunk: &payer, account: whose.account.as_deref() };
        let candidates = guarded_for(common, &paying, (&called, Counting::Again), candidates, work)?;
        let transferee = self.leg(common, transfer.by.other());
        let written = user.clone().or_else(|| named?.1);
        let mut party =
            Party { whose, uri, user, called, route, ..party(common, transfer, transferee, written.as_ref()) };
        party.asked.on_route(route_pairs);
        Ok(Seeking::new(party, transfer.by, offer, worker, candidates))
    }

    /// The search has gone on, or may have.
    pub(super) fn sought(
        mut self: Box<Self>,
        common: &mut Common,
        work: &mut Work<'_>,
        act: impl FnOnce(&mut Seeking, &mut Common, &mut Work<'_>) -> Progress,
    ) -> State {
        let progress = match self.moves.transfer.as_mut().map(|transfer| &mut transfer.stage) {
            Some(Stage::Seeking(seeking)) => act(seeking, common, work),
            Some(Stage::Joining { .. } | Stage::Arrived(_)) | None => Progress::Nothing,
        };
        self.progressed(common, progress, work)
    }

    fn progressed(mut self: Box<Self>, common: &mut Common, progress: Progress, work: &mut Work<'_>) -> State {
        let Some(transfer) = &mut self.moves.transfer else { return State::Established(self) };
        match progress {
            Progress::Nothing => State::Established(self),
            Progress::Rings(status) => {
                let side = transfer.by;
                transfer.rings = Some(status);
                self.report(common, side, status, work);
                self.transferee_hears_ringing(common, work);
                State::Established(self)
            }
            Progress::Answered(leg) => {
                transfer.stage = Stage::Arrived(leg);
                State::Established(self)
            }
            Progress::Failed(cause) => self.transfer_failed(common, cause, work),
        }
    }

    /// MD-148: the transferor hears why and the parties talk on; without it the call is over.
    pub(super) fn transfer_failed(
        mut self: Box<Self>,
        common: &mut Common,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> State {
        let Some(transfer) = self.moves.transfer.take() else { return State::Established(self) };
        let side = transfer.by;
        let (transferor, transferee) = self.legs(common, side);
        transferee.media.stop_ringing(work);
        let (gone, name) = (transferor.is_over(), Arc::clone(&transferor.trunk.name));
        note_end(common, transfer.exchanged(), name, None, cause, work);
        if gone {
            return self.hang_up(common, cause, by(side), work);
        }
        self.report(common, side, cause.status(), work);
        State::Established(self)
    }

    // ---- reports

    /// Tells the party on `side` how its REFER goes, if it wants to hear.
    pub(super) fn report(&mut self, common: &mut Common, side: Side, status: Status, work: &mut Work<'_>) {
        let mut all = std::mem::take(&mut self.moves.reports);
        if let Some((_, reports)) = all.iter_mut().rev().find(|(known, _)| *known == side) {
            reports.tell(status, self.legs(common, side).0, work);
        }
        self.moves.reports = all;
    }

    /// A NOTIFY was challenged. True when it went again, with credentials.
    pub(super) fn proves_report(
        &mut self,
        common: &mut Common,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> bool {
        let mut all = std::mem::take(&mut self.moves.reports);
        let mut asked = all.iter_mut().filter(|(_, reports)| reports.awaits(branch));
        let goes_again =
            asked.any(|(side, reports)| reports.prove(branch, response, flow, self.legs(common, *side).0, work));
        self.moves.reports = all;
        goes_again
    }

    /// A NOTIFY had its final answer, or will have none: the transfer goes on in any case.
    pub(super) fn reported(
        mut self: Box<Self>,
        common: &mut Common,
        branch: &Branch,
        status: Option<Status>,
        work: &mut Work<'_>,
    ) -> State {
        if status.is_some_and(Status::is_provisional) {
            return State::Established(self);
        }
        let mut all = std::mem::take(&mut self.moves.reports);
        all.retain_mut(|(side, reports)| {
            let heard = reports.answered(branch, status, self.legs(common, *side).0, work);
            !matches!(heard, Some(Heard::All | Heard::Lost))
        });
        self.moves.reports = all;
        State::Established(self)
    }

    /// The reports of the transfer of `side`, to be told on after its leg has left.
    pub(super) fn take_reports(&mut self, side: Side) -> Option<Reports> {
        let place = self.moves.reports.iter().rposition(|(known, _)| *known == side)?;
        Some(self.moves.reports.remove(place).1)
    }
}

/// Where the routes send a call that a party of this call asks for, in the name of its account.
///
/// # Errors
/// Nowhere, or it is refused.
pub(super) fn led_to(
    common: &Common,
    from: &Trunk,
    (calling, called): (&str, &str),
    work: &mut Work<'_>,
) -> Result<Passed, Cause> {
    let inquiry = Inquiry {
        from,
        calling,
        called,
        diverting: common.whose.number.as_ref(),
        names: Names::Account(common.whose.account.as_ref()),
        now: work.now.wall,
    };
    common.snapshot.rule(&common.directory, &inquiry, work).outcome.map_err(Cause::from)
}

/// Whom Refer-To names, and where.
struct Sought {
    /// Octet for octet, for the peer that wrote it.
    uri: Option<Uri>,
    user: Option<Bytes>,
    whose: Decision,
    /// Name of the route, and what it says; empty for the peer that wrote the URI.
    route: Arc<str>,
    route_pairs: RoutePairs,
    candidates: VecDeque<Candidate>,
}

fn sought_by(
    common: &Common,
    transfer: &Transfer,
    (payer, named): (&Arc<Trunk>, Option<&(String, Option<Bytes>)>),
    work: &mut Work<'_>,
) -> Result<Sought, Cause> {
    let uri = &transfer.refer.target;
    if let Some(first) = at_peer(payer, uri) {
        let whose = common.whose.clone();
        let (uri, route, candidates) = (Some(uri.clone()), Arc::from(""), peers(payer, first));
        return Ok(Sought { uri, user: None, whose, route, route_pairs: None, candidates });
    }
    let (called, user) = named.ok_or(Cause::NoRoute)?;
    let paying = match transfer.by {
        Side::Caller => &common.numbers.calling,
        Side::Callee => &common.numbers.called,
    };
    let Passed { decision, plan } = led_to(common, payer, (paying, called), work)?;
    let candidates = Candidate::expand(&common.snapshot, &plan, decision.account.as_deref(), work);
    let RoutePlan { route, context: route_pairs, trunks: _ } = plan;
    Ok(Sought { uri: None, user: user.clone(), whose: decision, route, route_pairs, candidates })
}

/// The target of the trunk that a URI names, where the trunk wants its transfers back (MD-144). `None`: the routes decide.
fn at_peer(trunk: &Trunk, uri: &Uri) -> Option<usize> {
    let host = &uri.as_sip().filter(|_| trunk.transfer.target == ReferTarget::Peer)?.host;
    let is = |name: &str| Host::parse(name).is_some_and(|known| known.equivalent(host));
    let named = trunk.targets.iter().position(|target| is(&target.host));
    let others = || trunk.peer_names.iter().map(String::as_str).chain(trunk.request_uri_host.as_deref());
    named.or_else(|| others().any(is).then_some(0))
}

/// The trunk's targets, the named one first.
fn peers(trunk: &Arc<Trunk>, first: usize) -> VecDeque<Candidate> {
    let mut candidates: VecDeque<Candidate> =
        trunk.targets.iter().map(|target| Candidate::new(Arc::clone(trunk), target.clone())).collect();
    if let Some(named) = candidates.remove(first) {
        candidates.push_front(named);
    }
    candidates
}

/// From names the transferee (MD-145), as its own call would; Referred-By goes along octet for octet.
fn party(common: &Common, transfer: &Transfer, transferee: &Leg, called: Option<&Bytes>) -> Party {
    let numbers = &common.numbers;
    let (calling, calling_user) = match transfer.by.other() {
        Side::Caller => (&numbers.calling, &numbers.calling_user),
        Side::Callee => (&numbers.called, &numbers.called_user),
    };
    let refer = &transfer.refer;
    let referred_by = refer.referred_by.clone().map(|value| (Name::ReferredBy, value));
    let along = refer.carried.iter().cloned().chain(referred_by);
    let lines = along.map(|(name, value)| Line::core(name.as_str(), value)).collect();
    let caller = transferee.anonymity.presented(calling_user.as_ref(), transferee.dialog.remote());
    Party {
        uri: None,
        user: None,
        asked: asked::Asked::transferred(caller, called, lines),
        calling: calling.clone(),
        from_trunk: Arc::clone(&transferee.trunk.name),
        called: String::new(),
        whose: common.whose.clone(),
        route: Arc::from(""),
        max_forwards: refer.max_forwards,
        replaces: refer.replaces_text.clone(),
    }
}
