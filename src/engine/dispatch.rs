//! Where a message from the network goes: to its transaction, its dialog, a new call, or an answer on the spot.

use std::mem;
use std::sync::Arc;

use crate::base::bucket::{Bucket, Rate};
use crate::base::ids::{CallId, TransactionId, TransmitId, TrunkId};
use crate::base::{Instant, Now};
use crate::call::own_address::OwnAddress;
use crate::call::scanner::Scanner;
use crate::call::screening::{self, Refusal};
use crate::call::step::Step;
use crate::call::{Asked, Call, CallEvent, CallInput, Cause, Heed, Invitation, Side, Work, compose, unbegun};
use crate::dialog::DialogKey;
use crate::route::emergency::Code;
use crate::route::identify::{KnownBy, Meant};
use crate::route::ruling::{host_name, named_by};
use crate::route::snapshot::{Unidentified, UnknownSources};
use crate::route::standing::{Standing, Urgency};
use crate::route::trunk::{Trunk, WhileDraining};
use crate::sip::flow::{Bearing, Destination, Flow, PeerIdentity, Received, Transmit};
use crate::sip::{Method, Request, Response, ResponseHead, SipMessage, Status, Uri};
use crate::transaction::TimerValues;

use super::Engine;
use super::admission::Over;
use super::asking::{Fate, with_reserve};
use super::io::{Dropped, Event, Hold, Outbox, Output};
use super::overload::{self, Wait};
use super::shed::Shed;
use super::transactions::{Matched, User, reply_to};
use super::turning_away::Barred;

impl Engine {
    /// A message came in, and has `waited` for the engine.
    pub(super) fn message(&mut self, now: Now, received: Received, waited: Wait, out: &mut Outbox) {
        let Received { flow, message } = received;
        match message {
            SipMessage::Request(request) => self.request(now, request, flow, waited, out),
            SipMessage::Response(response) => self.response(now, response, flow, out),
        }
    }

    /// A response belongs to a transaction. Our requests have one Via: what comes back with more went astray (RFC 3261
    /// 8.1.3.3).
    fn response(&mut self, now: Now, response: Box<Response>, flow: Flow, out: &mut Outbox) {
        if !response.has_one_via() {
            return out.push(Output::Event(Event::Dropped(Dropped::StrayResponse)));
        }
        match self.transactions.response(now.instant, response, flow) {
            Matched::Yes => {}
            Matched::No(_) => out.push(Output::Event(Event::Dropped(Dropped::StrayResponse))),
        }
    }

    fn request(&mut self, now: Now, request: Box<Request>, flow: Flow, waited: Wait, out: &mut Outbox) {
        if self.transactions.repeated(now.instant, &request) {
            return;
        }
        match &request.method {
            Method::Ack => self.acknowledged(now, request, out),
            Method::Cancel => self.cancelled(now, request, flow, out),
            _ if request.to_tag().is_some() => self.inside(now, request, flow, out),
            _ => self.outside(now, request, flow, waited, out),
        }
    }

    // ---- inside a dialog: matched by Call-ID and tags only

    fn dialog_of(&self, request: &Request) -> Option<(CallId, Side)> {
        let to = request.to_tag().unwrap_or_default();
        let from = request.from_tag().unwrap_or_default();
        self.dialogs.get(&DialogKey::new(&request.call_id, to, from)).copied()
    }

    fn acknowledged(&mut self, now: Now, request: Box<Request>, out: &mut Outbox) {
        match self.dialog_of(&request) {
            Some((call, side)) => {
                self.with_call(now, call, out, |call, work| call.handle(CallInput::Ack { side, request }, work));
            }
            None => out.push(Output::Event(Event::Dropped(Dropped::StrayAck))),
        }
    }

    fn inside(&mut self, now: Now, request: Box<Request>, flow: Flow, out: &mut Outbox) {
        match self.dialog_of(&request) {
            Some((call, side)) => {
                let user = User::Call { call, side };
                let Some(transaction) = self.open(now, &request, flow, user, out) else { return };
                let head = may_cross(&request.method).then(|| ResponseHead::new(&request, flow.remote));
                let input = CallInput::Request { side, transaction, request, flow };
                self.with_call(now, call, out, |call, work| call.handle(input, work));
                if let Some(head) = head {
                    let own = self.own_on(flow);
                    let trying = || compose::plain_response(Status::TRYING, &head, None, own.as_ref());
                    self.transactions.keep_trying(transaction, trying);
                }
            }
            None => {
                if self.identified(now, &request, flow, out).is_some() {
                    self.refuse(now, &request, flow, &Refusal::NoDialog, out);
                }
            }
        }
    }

    /// RFC 3261 9.2: the CANCEL is answered by itself; the INVITE it names, if it is still open, is given up.
    fn cancelled(&mut self, now: Now, request: Box<Request>, flow: Flow, out: &mut Outbox) {
        let Some((invite, user)) = self.transactions.cancelled_by(&request) else {
            if self.identified(now, &request, flow, out).is_some() {
                self.refuse(now, &request, flow, &Refusal::NoDialog, out);
            }
            return;
        };
        let Some(transaction) = self.open(now, &request, flow, User::Nobody, out) else { return };
        self.confirm_cancel(now, transaction, (&request, flow), user);
        match user {
            User::Call { call, side } => {
                let input = CallInput::Cancelled { side, transaction: invite, cancel: request };
                self.with_call(now, call, out, |call, work| call.handle(input, work));
            }
            User::Probe(_) | User::Registration(_) | User::Nobody => {}
        }
    }

    // ---- out of a dialog

    fn outside(&mut self, now: Now, request: Box<Request>, flow: Flow, waited: Wait, out: &mut Outbox) {
        let Some(trunk) = self.identified(now, &request, flow, out) else { return };
        let urgent = match request.method {
            Method::Invite => self.snapshot.emergency.code(&trunk, &request.uri),
            _ => None,
        };
        // R-A9: what is shed under load is not the call for help.
        if !(self.transactions.has_room() || urgent.is_some() && self.transactions.has_reserve()) {
            return self.refuse_without_room(&request, flow, &trunk, Shed::MaxTransactions, out);
        }
        if request.method == Method::Invite && urgent.is_none() && self.sheds(now, &trunk, waited) {
            return self.refuse_without_room(&request, flow, &trunk, Shed::Overload, out);
        }
        if !self.authorized(now, &request, flow, &trunk, out) {
            return;
        }
        if let Err(refusal) = self.screen(&request, &trunk) {
            return self.screened_out(now, (&request, flow, &trunk), (refusal, urgent.as_deref()), out);
        }
        match &request.method {
            Method::Invite => {
                if let Some(request) = self.replaced(now, request, flow, &trunk, out) {
                    self.invited(now, request, (flow, trunk), urgent, out);
                }
            }
            Method::Options => self.probed_by_peer(now, &request, flow, &trunk, out),
            // BYE without a To tag belongs to nothing.
            _ => self.refuse(now, &request, flow, &Refusal::NoDialog, out),
        }
    }

    fn sheds(&mut self, now: Now, trunk: &Trunk, waited: Wait) -> bool {
        let Wait::For(waited) = waited else { return false };
        self.overload.judge(now.instant, trunk.id, waited, self.most_borne()) == overload::Fate::Shed
    }

    /// The trunk whose peer sends on this flow. Strangers get nothing (carriers and platforms are all configured).
    /// A registered flow names its trunk, whatever the source address (PF-133).
    fn identified(&mut self, now: Now, request: &Request, flow: Flow, out: &mut Outbox) -> Option<Arc<Trunk>> {
        let reason = match self.sender(&flow, &request.uri) {
            Ok(trunk) => return trunk.cloned(),
            Err(Unidentified::UnknownName) => {
                self.refuse(now, request, flow, &Refusal::UnknownName, out);
                return None;
            }
            Err(Unidentified::UnknownSource) => Dropped::UnknownSource,
            Err(Unidentified::WrongCertificate) => Dropped::WrongCertificate,
            Err(Unidentified::NoCertificate) => Dropped::NoCertificate,
        };
        out.push(Output::Event(Event::Dropped(reason)));
        self.strange(request, flow, reason, out);
        None
    }

    /// The trunk whose peer sends a request for this URI on a flow.
    pub(super) fn sender(&self, flow: &Flow, uri: &Uri) -> Result<Option<&Arc<Trunk>>, Unidentified> {
        if let Some(trunk) = self.supply.registrations.trunk_on(flow.id, Some(uri)) {
            return Ok(Some(trunk));
        }
        let nobody = PeerIdentity::default();
        let identity = self.identities.get(&flow.id).unwrap_or(&nobody);
        let (trunk, _) = self.recognised(flow, identity, host_name(uri))?;
        Ok(self.snapshot.trunk(trunk))
    }

    /// The trunk that a request means. An account's own name stands for the trunk the account is bound to, or for any.
    fn recognised(
        &self,
        flow: &Flow,
        identity: &PeerIdentity,
        host: Option<&str>,
    ) -> Result<(TrunkId, KnownBy), Unidentified> {
        let found = self.snapshot.recognise(flow, identity, Meant::Host(host));
        if found != Err(Unidentified::UnknownName) {
            return found;
        }
        let Some(account) = host.and_then(|host| self.directory.account_of_host(host)) else { return found };
        let bound = account.trunk.as_deref().and_then(|name| self.snapshot.trunk_named(name));
        let meant = bound.map_or(Meant::Any, |trunk| Meant::Host(trunk.fqdn.as_deref()));
        self.snapshot.recognise(flow, identity, meant)
    }

    /// A stranger's request: what it is noted for, and what it is told (S-A1).
    fn strange(&self, request: &Request, flow: Flow, reason: Dropped, out: &mut Outbox) {
        let scanner = Scanner::of(request);
        out.extend(scanner.map(|scanner| Output::Event(Event::Scanned(scanner))));
        out.push(Output::Bearing(flow, scanner.map_or(Bearing::Unknown, |_| Bearing::Scanner)));
        let is_told = self.snapshot.unknown_sources == UnknownSources::Forbidden && reason == Dropped::UnknownSource;
        if is_told && request.method != Method::Ack {
            let (head, to) = (ResponseHead::new(request, flow.remote), reply_to(request, flow, None));
            let bytes = compose::plain_response(Status::FORBIDDEN, &head, Some(self.overload_tag.as_bytes()), None);
            out.push(Output::Transmit(Transmit { id: TransmitId(0), to, bytes }));
        }
        if flow.transport.is_reliable() {
            out.push(Output::CloseFlow(flow.id));
        }
    }

    fn screen(&self, request: &Request, trunk: &Trunk) -> Result<(), Refusal> {
        screening::screen(request, trunk)?;
        if request.method == Method::Invite && self.merging.contains(request) {
            return Err(Refusal::Merged);
        }
        Ok(())
    }

    /// An INVITE is an attempt of somebody, and has a record.
    fn screened_out(
        &mut self,
        now: Now,
        came: (&Request, Flow, &Arc<Trunk>),
        (refusal, urgent): (Refusal, Option<&str>),
        out: &mut Outbox,
    ) {
        match came.0.method {
            Method::Invite => self.turn_away(now, came, (&Barred::Refused(refusal), urgent), out),
            _ => self.refuse(now, came.0, came.1, &refusal, out),
        }
    }

    /// Why the peer's OPTIONS get no 200: that is how it learns to send its calls elsewhere.
    fn refuses_probes(&self, trunk: &Trunk) -> Option<Refusal> {
        let is_told = trunk.options.draining == WhileDraining::Refuse;
        match self.supply.standings.of(trunk.id) {
            Standing::Disabled => Some(Refusal::TrunkOutOfService),
            Standing::Draining if is_told => Some(Refusal::TrunkOutOfService),
            Standing::Enabled | Standing::Draining => (self.draining && is_told).then_some(Refusal::Overload),
        }
    }

    fn probed_by_peer(&mut self, now: Now, request: &Request, flow: Flow, trunk: &Trunk, out: &mut Outbox) {
        if let Some(refusal) = self.refuses_probes(trunk) {
            return self.refuse(now, request, flow, &refusal, out);
        }
        let directory = Arc::clone(&self.directory);
        let named = named_by(&directory, trunk, host_name(&request.uri));
        if named.is_err() {
            return self.refuse(now, request, flow, &Refusal::UnknownName, out);
        }
        let Some(transaction) = self.open(now, request, flow, User::Nobody, out) else { return };
        let name = named.ok().flatten().and_then(|account| trunk.name_of(account));
        let own = OwnAddress::named(trunk, name.as_deref());
        let tag = self.tag();
        let head = ResponseHead::new(request, flow.remote);
        let bytes = compose::options_response(&head, &tag, &own);
        self.transactions.respond(now.instant, transaction, Status::OK, bytes);
        out.push(Output::Event(Event::AskedByPeer { trunk: Arc::clone(&trunk.name) }));
    }

    fn invited(
        &mut self,
        now: Now,
        request: Box<Request>,
        (flow, trunk): (Flow, Arc<Trunk>),
        urgent: Option<Code>,
        out: &mut Outbox,
    ) {
        let id = CallId(self.next_call);
        let trunk = self.as_named(&request, flow, trunk);
        self.tell_asked(&request, flow, &trunk, out);
        let (mut numbers, mut asked) = match self.admit(now, (&request, &trunk), id, urgent.as_deref()) {
            Ok(asked) => asked,
            Err(barred) => {
                let why = (&barred, urgent.as_deref());
                return self.turn_away(now, (&request, flow, &trunk), why, out);
            }
        };
        let came = (&*request, flow, &trunk);
        let behind = if urgent.is_some() { None } else { self.behind_elin(now, &trunk, &asked) };
        let heed = if urgent.is_some() || behind.is_some() { Heed::Nothing } else { Heed::Limits };
        let (fate, detail) = match (&urgent, behind) {
            (Some(_), _) => (self.rule_urgent(now, id, came, (&numbers, &mut asked), out), None),
            (None, Some(behind)) => {
                let (fate, detail) = self.call_back(id, behind, (&mut numbers, &mut asked), out);
                (fate, Some(detail))
            }
            (None, None) => (self.fate(now, id, came, (&numbers, &asked), out), None),
        };
        let Fate { whose, plan, refused } = fate;
        if let Some(number) = whose.replacement() {
            asked.shown_as(number, &mut numbers);
        }
        let user = User::Call { call: id, side: Side::Caller };
        let Some(transaction) = self.open(now, &request, flow, user, out) else {
            return self.supply.admission.ended(id);
        };
        self.next_call += 1;
        self.merging.insert(&request, transaction);
        // RFC 3261 8.2.6.1: 100 at once, so that the peer stops repeating.
        let head = ResponseHead::new(&request, flow.remote);
        let trying = compose::plain_response(Status::TRYING, &head, None, Some(&OwnAddress::of(&trunk)));
        self.transactions.respond(now.instant, transaction, Status::TRYING, trying);
        let (snapshot, directory) = (Arc::clone(&self.snapshot), Arc::clone(&self.directory));
        let invitation = Box::new(Invitation {
            id,
            snapshot,
            trunk,
            request,
            flow,
            transaction,
            head,
            numbers,
            asked,
            plan,
            directory,
            whose,
            urgent,
            heed,
            detail,
        });
        self.begin(now, invitation, refused, out);
    }

    pub(super) fn tell(&self, out: &mut Outbox, step: impl FnOnce() -> Step) {
        if self.supply.tells {
            out.push(Output::Event(Event::Call(CallEvent::Step(Box::new(step())))));
        }
    }

    /// Whose INVITE it is, and what it says of numbers.
    fn tell_asked(&self, request: &Request, flow: Flow, trunk: &Arc<Trunk>, out: &mut Outbox) {
        let nobody = PeerIdentity::default();
        let identity = self.identities.get(&flow.id).unwrap_or(&nobody);
        let host = host_name(&request.uri);
        let by = || self.recognised(&flow, identity, host).map_or(KnownBy::Registration, |(_, by)| by);
        self.tell(out, || Step::Identified { trunk: Arc::clone(trunk), by: by() });
        self.tell(out, || Step::Read(Asked::readings(request, &trunk.presentation)));
        self.tell(out, || Asked::caller_step(request, &trunk.presentation));
    }

    /// Limits first, then the numbers. An emergency call heeds a tenth more of the node's own limit, and no other (PF-163,
    /// R-A9), the services' call back the node's limit alone; a node that goes out of service leaves it to the peer's next one.
    fn admit(
        &mut self,
        now: Now,
        (request, trunk): (&Request, &Trunk),
        id: CallId,
        urgent: Option<&str>,
    ) -> Result<(screening::Numbers, Box<Asked>), Barred> {
        if let Some(shed) = self.stands_against(urgent) {
            return Err(Barred::Scarce(shed));
        }
        let urgency = if urgent.is_some() { Urgency::Emergency } else { Urgency::Normal };
        if !self.supply.standings.of(trunk.id).takes(urgency) {
            return Err(Barred::Refused(Refusal::TrunkOutOfService));
        }
        if let Some(code) = urgent {
            self.supply.admission.begin_urgent(trunk, id);
            return Ok(Asked::urgent(request, trunk, code));
        }
        let (numbers, asked) = Asked::read(request, trunk)?;
        if self.behind_elin(now, trunk, &asked).is_some() {
            self.supply.admission.begin_urgent(trunk, id);
            return Ok((numbers, asked));
        }
        match self.supply.admission.begin(now.instant, trunk, id) {
            Ok(()) if self.keeps_pace(now.instant) => Ok((numbers, asked)),
            Ok(()) => {
                self.supply.admission.ended(id);
                Err(Barred::Scarce(Shed::MaxCallsPerS))
            }
            Err(Over::Calls) => Err(Barred::Scarce(Shed::TrunkMaxCalls)),
            Err(Over::Rate) => Err(Barred::Scarce(Shed::TrunkMaxCallsPerS)),
        }
    }

    /// What of the node itself forbids a new call now.
    fn stands_against(&self, urgent: Option<&str>) -> Option<Shed> {
        let most = self.snapshot.limits.max_calls;
        let most = if urgent.is_some() { with_reserve(most) } else { most };
        if self.draining {
            Some(Shed::Draining)
        } else if self.holds.contains(&Hold::Records) {
            Some(Shed::Records)
        } else if self.holds.contains(&Hold::Memory) && urgent.is_none() {
            Some(Shed::Memory)
        } else {
            (self.calls.len() >= most).then_some(Shed::MaxCalls)
        }
    }

    /// `limits.max_calls_per_s`.
    fn keeps_pace(&mut self, now: Instant) -> bool {
        let most = self.snapshot.limits.max_calls_per_s;
        let rate = Rate::even(most);
        most == 0 || self.pace.get_or_insert(Bucket::full(now, rate)).take(now, rate)
    }

    fn begin(&mut self, now: Now, invitation: Box<Invitation>, refused: Option<Cause>, out: &mut Outbox) {
        let id = invitation.id;
        let mut effects = mem::take(&mut self.effects);
        self.supply.call = id;
        let mut work = Work { now, entropy: &mut *self.entropy, supply: &mut self.supply, out: &mut effects };
        let call = match refused {
            Some(cause) => {
                Call::refuse(invitation, cause, &mut work);
                None
            }
            None => Call::start(invitation, &mut work),
        };
        if let Some(call) = call.filter(|call| !call.is_ended()) {
            self.wake_ups.set(id, call.next_timeout());
            self.calls.insert(id, call);
        }
        self.apply(now, id, effects, out);
    }

    // ---- answers on the spot

    /// Opens a server transaction; `None` when there is no room, which is answered 503 without one.
    pub(super) fn open(
        &mut self,
        now: Now,
        request: &Request,
        flow: Flow,
        user: User,
        out: &mut Outbox,
    ) -> Option<TransactionId> {
        let trunk = self.trunk_on(flow);
        if trunk.is_none() {
            // Only what belongs to a dialog or a transaction comes here from a source of no trunk.
            out.push(Output::Bearing(flow, Bearing::Trusted));
        }
        let timers = trunk.map(|trunk| trunk.timers).unwrap_or_default();
        let timers = TimerValues { t1: timers.t1, t2: timers.t2, t4: timers.t4 };
        let to = reply_to(request, flow, trunk.map(|trunk| &**trunk));
        let above = self.beyond_the_limit(request, user);
        match self.transactions.open(now.instant, request, (to.clone(), timers), user, above) {
            Ok(transaction) => Some(transaction),
            Err(_) => {
                self.no_room(request, flow, to, out);
                None
            }
        }
    }

    /// What ends a call, or one that is being set up, is served whatever else is open (R-A4): each call has two parties
    /// who may.
    fn beyond_the_limit(&self, request: &Request, user: User) -> usize {
        let ends = request.method == Method::Cancel || request.method == Method::Bye && user != User::Nobody;
        if ends { self.calls.len().saturating_mul(2) } else { 0 }
    }

    /// The trunk on this flow; `None` for a peer we do not know by its address.
    fn trunk_on(&self, flow: Flow) -> Option<&Arc<Trunk>> {
        if let Some(trunk) = self.supply.registrations.trunk_on(flow.id, None) {
            return Some(trunk);
        }
        let nobody = PeerIdentity::default();
        let identity = self.identities.get(&flow.id).unwrap_or(&nobody);
        self.snapshot.identify(&flow, identity).ok().and_then(|id| self.snapshot.trunk(id))
    }

    fn refuse_without_room(&mut self, request: &Request, flow: Flow, trunk: &Trunk, why: Shed, out: &mut Outbox) {
        out.push(Output::Event(Event::Shed(why)));
        let to = reply_to(request, flow, Some(trunk));
        self.stateless_503(request, flow, to, out);
    }

    /// Who we are to the peer of this flow.
    fn own_on(&self, flow: Flow) -> Option<OwnAddress> {
        self.trunk_on(flow).map(|trunk| OwnAddress::of(trunk))
    }

    /// DESIGN 9: 503 without a transaction, the same for each repetition (RFC 3261 8.2.7). An ACK gets no answer.
    fn no_room(&mut self, request: &Request, flow: Flow, to: Destination, out: &mut Outbox) {
        out.push(Output::Event(Event::Dropped(Dropped::TableFull)));
        self.stateless_503(request, flow, to, out);
    }

    fn stateless_503(&self, request: &Request, flow: Flow, to: Destination, out: &mut Outbox) {
        if request.method != Method::Ack {
            let head = ResponseHead::new(request, flow.remote);
            let (tag, own) = (self.overload_tag.as_bytes(), self.own_on(flow));
            let bytes = compose::screened(&Refusal::Overload, &head, (Some(tag), None), own.as_ref());
            out.push(Output::Transmit(Transmit { id: TransmitId(0), to, bytes }));
        }
    }

    pub(super) fn tag(&mut self) -> Vec<u8> {
        let mut tag = Vec::with_capacity(20);
        self.entropy.push_token(10, &mut tag);
        tag
    }

    /// 200 to a CANCEL, with the To tag that the answers to its INVITE have (RFC 3261 9.2).
    fn confirm_cancel(
        &mut self,
        now: Now,
        transaction: TransactionId,
        (request, flow): (&Request, Flow),
        invite: User,
    ) {
        let known = match invite {
            User::Call { call, .. } => self.calls.get(&call).and_then(|call| call.tag_in_answers_to(&request.call_id)),
            User::Probe(_) | User::Registration(_) | User::Nobody => None,
        };
        let tag = known.unwrap_or_else(|| self.tag().into());
        let (head, own) = (ResponseHead::new(request, flow.remote), self.own_on(flow));
        let bytes = compose::plain_response(Status::OK, &head, Some(&tag), own.as_ref());
        self.transactions.respond(now.instant, transaction, Status::OK, bytes);
    }

    pub(super) fn refuse(&mut self, now: Now, request: &Request, flow: Flow, refusal: &Refusal, out: &mut Outbox) {
        self.tell(out, || Step::Refused(refusal.clone()));
        let Some(transaction) = self.open(now, request, flow, User::Nobody, out) else { return };
        let tag = self.tag();
        let status = refusal.status();
        let why = unbegun::cause(refusal).filter(|_| request.method == Method::Invite).map(|(cause, _)| cause);
        let (head, own) = (ResponseHead::new(request, flow.remote), self.own_on(flow));
        let bytes = compose::screened(refusal, &head, (Some(&tag), why), own.as_ref());
        self.transactions.respond(now.instant, transaction, status, bytes);
        out.push(Output::Event(Event::Refused { remote: flow.remote, status, label: refusal.label() }));
    }
}

/// Whether the other party of a call may have to answer such a request. An INVITE says 100 by itself.
const fn may_cross(method: &Method) -> bool {
    match method {
        Method::Info
        | Method::Message
        | Method::Notify
        | Method::Publish
        | Method::Refer
        | Method::Subscribe
        | Method::Update
        | Method::Other(_) => true,
        Method::Invite
        | Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Prack
        | Method::Register => false,
    }
}
