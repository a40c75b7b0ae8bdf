//! The one machine that owns every transaction, dialog and call of the process. `handle` and `handle_timeout` are all
//! it has: inputs and the time come in, outputs go out, and a whole call runs in a unit test.

mod admission;
mod asking;
mod authorization;
mod dispatch;
mod elins;
mod fraud_watch;
mod glancing;
mod hops;
pub mod io;
mod large;
mod merging;
mod moves;
mod orders;
mod outgoing;
pub mod overload;
mod ports;
mod probes;
mod registrations;
mod replacing;
pub mod shed;
mod standings;
pub mod targets;
mod transactions;
mod turning_away;
mod ways;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::base::bucket::Bucket;
use crate::base::churn::Distant;
use crate::base::ids::{CallId, EndpointId, FlowId, IdMap, NetworkId, ResolveId, TrunkId, WorkerId};
use crate::base::timers::WakeUps;
use crate::base::{Entropy, Instant, Now};
use crate::call::{
    Call, CallEvent, CallInput, Cause, Checkpoint, Effect, Exceeded, Side, Spending, Supply, Unrestorable, Work,
};
use crate::dialog::DialogKey;
use crate::media::dtmf::HeardDigit;
use crate::media::plan::{MediaCommand, MediaEvent, PortLease};
use crate::media::presence::Change;
use crate::registration;
use crate::route::directory::Directory;
use crate::route::health::{Evidence, Health, TargetId, Way};
use crate::route::liveness::{Sign, TargetState, Turn};
use crate::route::snapshot::Snapshot;
use crate::route::standing::Standing;
use crate::route::trunk::Trunk;
use crate::sip::Method;
use crate::sip::auth::DigestServer;
use crate::sip::flow::{PeerIdentity, Resolution};

pub use outgoing::options_request;

use admission::Admission;
use elins::Elins;
use fraud_watch::FraudWatch;
use hops::{Hops, Outgoing};
use io::{Event, Gauges, Hold, Input, Outbox, Output};
use merging::Merging;
use overload::{Overload, Wait};
use ports::Ports;
use probes::{Due, Probes};
use registrations::{Registrations, path_failure};
use standings::Standings;
use targets::Targets;
use transactions::{News, Transactions, User};

/// See the module.
pub struct Engine {
    snapshot: Arc<Snapshot>,
    directory: Arc<Directory>,
    entropy: Box<dyn Entropy + Send>,
    transactions: Transactions,
    /// Boxed: the nodes of a map that grows at its end stay half empty.
    calls: BTreeMap<CallId, Box<Call>>,
    wake_ups: WakeUps<CallId>,
    /// Looked up, never walked: the order of a hash map is never seen.
    dialogs: Distant<DialogKey, (CallId, Side)>,
    merging: Merging,
    /// Calls that ring, and those whose transfer waits for their called party.
    awaited: BTreeMap<CallId, CallId>,
    identities: IdMap<FlowId, PeerIdentity>,
    hops: Hops,
    supply: ProcessSupply,
    digest: DigestServer,
    probes: Probes,
    elins: Elins,
    draining: bool,
    /// What stands against new calls.
    holds: BTreeSet<Hold>,
    overload: Overload,
    /// `limits.max_calls_per_s`.
    pace: Option<Bucket>,
    next_call: u64,
    /// To tag of every answer without a transaction: such an answer makes no dialog.
    overload_tag: String,
    /// Empty between two inputs: what a call wants done, in a vector that is used again.
    effects: Vec<Effect>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("gauges", &self.gauges())
            .field("draining", &self.draining)
            .finish_non_exhaustive()
    }
}

/// What calls draw on: ports, fresh identifiers, and who asked for what.
#[derive(Debug)]
struct ProcessSupply {
    ports: Ports,
    next_endpoint: u64,
    next_resolve: u64,
    /// Set while a call is being handled.
    call: CallId,
    endpoints: BTreeMap<EndpointId, CallId>,
    /// Those that were told to close: whoever ends before the relay says so takes them along.
    closing: BTreeSet<(CallId, EndpointId)>,
    open_endpoints: usize,
    resolving: BTreeMap<ResolveId, CallId>,
    admission: Admission,
    fraud: FraudWatch,
    /// Ways to peers that failed lately.
    health: Health,
    targets: Targets,
    /// Targets that a call has just found silent: they are asked at once.
    doubted: Vec<(TrunkId, TargetId)>,
    standings: Standings,
    registrations: Registrations,
    refills: Vec<MediaCommand>,
    tells: bool,
}

impl ProcessSupply {
    /// A call is over: what the relay still says of its endpoints is news for nobody.
    fn forget(&mut self, call: CallId) {
        while let Some(&(_, endpoint)) = self.closing.range((call, EndpointId(0))..=(call, EndpointId(u64::MAX))).next()
        {
            self.closing.remove(&(call, endpoint));
            self.endpoints.remove(&endpoint);
        }
    }

    fn question(&mut self) -> ResolveId {
        self.next_resolve += 1;
        ResolveId(self.next_resolve)
    }
}

impl Supply for ProcessSupply {
    fn lease(&mut self, network: NetworkId, worker: Option<WorkerId>) -> Option<PortLease> {
        let lease = self.ports.lease(network, worker);
        self.refills.extend(self.ports.refill(network));
        lease
    }

    fn enter(&mut self, now: Instant, trunk: &Trunk) -> bool {
        self.admission.begin(now, trunk, self.call).is_ok()
    }

    fn standing(&self, trunk: &Trunk) -> Standing {
        self.standings.of(trunk.id)
    }

    fn load(&self, trunk: TrunkId) -> usize {
        self.admission.load(trunk)
    }

    fn enter_urgent(&mut self, trunk: &Trunk) {
        self.admission.begin_urgent(trunk, self.call);
    }

    fn leave(&mut self, trunk: &Trunk) {
        self.admission.leave(trunk, self.call);
    }

    fn spend(&mut self, now: Instant, spending: &Spending<'_>) -> Result<(), Exceeded> {
        self.fraud.begin(now, self.call, spending)
    }

    fn failed(&mut self, now: Instant, way: Way) {
        self.health.failed(now, way, Evidence::Call);
        let change = self.targets.see(now, way, Sign::Failed);
        let became = change.map(|change| change.to);
        self.doubted.extend(way.target.filter(|_| became == Some(TargetState::Suspect)).map(|it| (way.trunk, it)));
    }

    fn told_to_wait(&mut self, now: Instant, way: Way, pause: Duration) {
        self.health.told_to_wait(now, way, pause, Evidence::Call);
        self.targets.see(now, way, Sign::AskedToWait(pause));
    }

    fn works(&mut self, now: Instant, way: Way) {
        self.health.works(way, Evidence::Call);
        self.targets.see(now, way, Sign::Answered);
    }

    fn target_state(&self, trunk: &Trunk, target: Option<TargetId>) -> TargetState {
        self.targets.state(trunk.id, target)
    }

    fn turn_of(&mut self, now: Instant, trunk: &Trunk, target: Option<TargetId>) -> Turn {
        self.targets.turn_of(now, self.call, trunk.id, target)
    }

    fn is_penalised(&self, now: Instant, way: Way) -> bool {
        self.health.is_penalised(now, way)
    }

    fn service_route(&self, trunk: &Trunk) -> Vec<Bytes> {
        self.registrations.service_route(trunk.id).to_vec()
    }

    fn tells(&self) -> bool {
        self.tells
    }

    fn endpoint(&mut self) -> EndpointId {
        self.next_endpoint += 1;
        EndpointId(self.next_endpoint)
    }

    fn resolve(&mut self) -> ResolveId {
        let id = self.question();
        self.resolving.insert(id, self.call);
        id
    }
}

impl Engine {
    /// An engine without calls. Ports come with the first [`MediaEvent::Ready`].
    pub fn new(snapshot: Arc<Snapshot>, mut entropy: Box<dyn Entropy + Send>) -> Engine {
        let mut engine = Engine {
            transactions: Transactions::new(snapshot.limits.max_transactions),
            supply: ProcessSupply {
                ports: Ports::new(snapshot.limits.ready_ports),
                next_endpoint: 0,
                next_resolve: 0,
                call: CallId(0),
                endpoints: BTreeMap::new(),
                closing: BTreeSet::new(),
                open_endpoints: 0,
                resolving: BTreeMap::new(),
                admission: Admission::default(),
                fraud: FraudWatch::default(),
                health: Health::default(),
                targets: Targets::default(),
                doubted: Vec::new(),
                standings: Standings::default(),
                registrations: Registrations::default(),
                refills: Vec::new(),
                tells: false,
            },
            snapshot,
            directory: Arc::default(),
            overload_tag: entropy.token(10),
            digest: DigestServer::new(&mut *entropy),
            entropy,
            calls: BTreeMap::new(),
            wake_ups: WakeUps::default(),
            dialogs: Distant::default(),
            merging: Merging::default(),
            awaited: BTreeMap::new(),
            identities: IdMap::default(),
            hops: Hops::default(),
            probes: Probes::default(),
            elins: Elins::default(),
            draining: false,
            holds: BTreeSet::new(),
            overload: Overload::default(),
            pace: None,
            next_call: 1,
            effects: Vec::new(),
        };
        engine.supply.fraud.replace(engine.snapshot.fraud.limits());
        engine.supply.targets.replace(&engine.snapshot);
        engine.probes_replaced(Instant::ZERO);
        engine.registrations_replaced(Now::default(), &mut Outbox::new());
        engine
    }

    /// From now on every call tells its steps ([`crate::call::step::Step`]).
    pub fn tell_steps(&mut self) {
        self.supply.tells = true;
    }

    /// Handles one input. What it wants done is appended to `out`.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Outbox) {
        match input {
            Input::Message(received) => self.message(now, received, Wait::For(Duration::ZERO), out),
            Input::Begins { received, since } => {
                self.message(now, received, Wait::For(now.instant.since(since)), out);
            }
            Input::Admitted { received, since } => {
                self.message(now, received, self.borne(now.instant.since(since)), out);
            }
            Input::FlowOpened(flow, identity) => {
                self.identities.insert(flow, identity);
            }
            Input::FlowClosed(flow) => {
                self.identities.remove(&flow);
                self.registered_flow_closed(now, flow, out);
            }
            Input::TransmitFailed(id, failure) => self.transactions.transmit_failed(now.instant, id, failure),
            Input::Resolved(resolution) => self.resolved(now, resolution, out),
            Input::Media(event) => self.media(now, event, out),
            Input::MediaWaited(waited) => self.overload.media_waited(waited),
            Input::Snapshot(snapshot) => self.replace(now, snapshot, out),
            Input::Directory(directory) => self.directory = directory,
            Input::Command(id, command) => {
                let reply = self.command(now, command, out);
                out.push(Output::Reply(id, reply));
            }
        }
        self.flush(now, out);
    }

    /// Fires every timer that is due.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Outbox) {
        self.transactions.timeout(now.instant);
        self.flush(now, out);
        while let Some(id) = self.wake_ups.pop_due(now.instant) {
            self.with_call(now, id, out, |call, work| call.handle_timeout(work));
        }
        for id in self.supply.fraud.due(now.instant) {
            self.with_call(now, id, out, |call, work| call.handle(CallInput::HangUp(Cause::FraudLimit), work));
        }
        self.supply.targets.lapse(now.instant);
        while let Some((id, due)) = self.probes.due(now.instant, &mut *self.entropy) {
            match due {
                Due::Ask(probe) => self.probe(now, id, &probe, out),
                Due::Overdue(branch) => self.probe_overdue(now, id, branch, out),
            }
        }
        self.registrations_due(now, out);
        self.hops_due(now, out);
        self.flush(now, out);
    }

    /// The next moment [`Engine::handle_timeout`] must be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        let registrations = self.supply.registrations.next_timeout();
        let hops = self.hops.next_timeout();
        let own = [self.transactions.next_timeout(), self.wake_ups.next(), self.probes.next_timeout()];
        let limits = self.supply.fraud.next_timeout();
        let targets = self.supply.targets.next_timeout();
        own.into_iter().chain([registrations, hops, limits, targets]).flatten().min()
    }

    /// Every call that is stable now, as data (DESIGN 8).
    pub fn checkpoints(&self) -> impl Iterator<Item = Checkpoint> + '_ {
        self.calls.values().filter_map(|call| call.checkpoint())
    }

    /// The call of a checkpoint stands where the call of the same identifier stands, with its ports and endpoints, and
    /// goes on under the present configuration.
    ///
    /// # Errors
    /// It cannot be restored; the call that is there stays.
    pub fn resume(&mut self, checkpoint: Checkpoint) -> Result<(), Unrestorable> {
        let (id, dialogs) = (checkpoint.id(), checkpoint.dialogs());
        let call = Call::restore(checkpoint, &self.snapshot, &self.directory)?;
        for (key, side) in dialogs {
            self.dialogs.insert(key, (id, side));
        }
        self.wake_ups.set(id, call.next_timeout());
        self.calls.insert(id, Box::new(call));
        Ok(())
    }

    /// How many of everything there is.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            transactions: self.transactions.len(),
            dialogs: self.dialogs.len(),
            calls: self.calls.len(),
            streams: self.supply.open_endpoints,
            ports_leased: self.supply.ports.leased(),
            ports_ready: self.supply.ports.ready(),
            // What was told last says nothing of now, once nobody talks.
            media_wait: if self.supply.open_endpoints == 0 { Duration::ZERO } else { self.overload.media_wait() },
        }
    }

    /// True when no call is left.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    // ---- inputs that are no messages

    fn resolved(&mut self, now: Now, resolution: Resolution, out: &mut Outbox) {
        if let Some(call) = self.supply.resolving.remove(&resolution.id) {
            self.with_call(now, call, out, |call, work| call.handle(CallInput::Resolved(resolution), work));
        } else if let Some(probe) = self.probes.resolved(resolution.id) {
            self.probe_resolved(now, probe, resolution.outcome, out);
        } else if !self.hop_resolved(now, &resolution, out) {
            self.registrar_resolved(now, resolution.id, &resolution.outcome, out);
        }
    }

    fn media(&mut self, now: Now, event: MediaEvent, out: &mut Outbox) {
        match event {
            MediaEvent::Ready { leases } => self.supply.ports.add(leases),
            MediaEvent::Exhausted { network } => self.supply.ports.exhausted(network),
            MediaEvent::Closed { endpoint, counts } => {
                self.supply.open_endpoints = self.supply.open_endpoints.saturating_sub(1);
                if let Some(call) = self.supply.endpoints.remove(&endpoint) {
                    self.supply.closing.remove(&(call, endpoint));
                    let input = CallInput::MediaClosed { endpoint, counts };
                    self.with_call(now, call, out, |call, work| call.handle(input, work));
                }
            }
            MediaEvent::Digit { endpoint, digit, duration } => {
                if let Some(&call) = self.supply.endpoints.get(&endpoint) {
                    let input = CallInput::Digit { endpoint, digit: HeardDigit { digit, duration } };
                    self.with_call(now, call, out, |call, work| call.handle(input, work));
                }
            }
            MediaEvent::Silent { endpoint } => self.presence(now, endpoint, Change::FellSilent, out),
            MediaEvent::Heard { endpoint } => self.presence(now, endpoint, Change::CameBack, out),
            // The relay ends its ringing tone itself.
            MediaEvent::FirstPacket { .. } => {}
        }
    }

    fn presence(&mut self, now: Now, endpoint: EndpointId, change: Change, out: &mut Outbox) {
        if let Some(&call) = self.supply.endpoints.get(&endpoint) {
            let input = CallInput::Presence { endpoint, change };
            self.with_call(now, call, out, |call, work| call.handle(input, work));
        }
    }

    // ---- calls

    /// Lets a call handle something, and does what it wants done. A call that has ended is let go.
    fn with_call(&mut self, now: Now, id: CallId, out: &mut Outbox, act: impl FnOnce(&mut Call, &mut Work<'_>)) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut effects = mem::take(&mut self.effects);
        self.supply.call = id;
        let mut work = Work { now, entropy: &mut *self.entropy, supply: &mut self.supply, out: &mut effects };
        act(call, &mut work);
        if call.is_ended() {
            self.calls.remove(&id);
            self.wake_ups.set(id, None);
        } else {
            let next = call.next_timeout();
            self.wake_ups.set(id, next);
        }
        self.apply(now, id, effects, out);
    }

    /// Does what a call wants done.
    fn apply(&mut self, now: Now, call: CallId, mut effects: Vec<Effect>, out: &mut Outbox) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Request(request) => self.send(now, Outgoing::Request { call, request }, out),
                Effect::Acknowledge(ack) => self.send(now, Outgoing::Acknowledge(ack), out),
                Effect::Respond { transaction, status, bytes } => {
                    if status.is_final() && !status.is_success() {
                        // Whoever forks one after the other sends it again to another number.
                        self.merging.remove(transaction);
                    }
                    self.transactions.respond(now.instant, transaction, status, bytes);
                }
                Effect::Abandon { branch } => {
                    self.hops.forget(&branch);
                    self.transactions.abandon(&branch, &Method::Invite);
                }
                Effect::Resolve(question) => out.push(Output::Resolve(question)),
                Effect::Media(command) => self.media_command(call, command, out),
                Effect::DialogOpened { key, side } => {
                    self.dialogs.insert(key, (call, side));
                }
                Effect::DialogClosed { key } => {
                    // A party that moved to another call took its dialog along.
                    if self.dialogs.get(&key).is_some_and(|(holder, _)| *holder == call) {
                        self.dialogs.remove(&key);
                    }
                }
                Effect::Join { key, side, trunk } => self.join(now, call, (key, side, trunk), out),
                Effect::Event(event) => self.call_event(now, event, out),
            }
            // Messages leave in the order the call gave them.
            self.transactions.hand_over(out);
        }
        self.effects = effects;
        if !self.supply.refills.is_empty() {
            out.extend(self.supply.refills.drain(..).map(Output::Media));
        }
    }

    pub(in crate::engine) fn call_event(&mut self, now: Now, event: CallEvent, out: &mut Outbox) {
        if let CallEvent::Answered { call } = &event {
            self.supply.fraud.answered(now.instant, *call);
        }
        if let CallEvent::Ended(record) = &event {
            self.supply.fraud.ended(now.instant, record.id);
            self.supply.admission.ended(record.id);
            self.supply.forget(record.id);
            if let Some(elin) = &record.elin {
                self.elins.ended(now.instant, elin, record.id, self.snapshot.emergency.elin().callback);
            }
            self.media_was_heard(now, record);
            self.no_longer_awaited(now, record, out);
        }
        out.push(Output::Event(Event::Call(event)));
    }

    fn media_command(&mut self, call: CallId, command: MediaCommand, out: &mut Outbox) {
        match &command {
            MediaCommand::Open { endpoint, .. } => {
                self.supply.open_endpoints += 1;
                self.supply.endpoints.insert(*endpoint, call);
            }
            MediaCommand::Close { endpoint, .. } => {
                self.supply.ports.released();
                self.supply.closing.insert((call, *endpoint));
            }
            MediaCommand::Return { .. } => self.supply.ports.released(),
            MediaCommand::Refill { .. }
            | MediaCommand::Configure { .. }
            | MediaCommand::Attach { .. }
            | MediaCommand::Move { .. }
            | MediaCommand::PlayDigit { .. }
            | MediaCommand::PlayTone { .. }
            | MediaCommand::StopTone { .. }
            | MediaCommand::Detach { .. } => {}
        }
        out.push(Output::Media(command));
    }

    // ---- news of transactions

    /// Hands out what the transactions want sent, and brings their news to their users, until nothing is left.
    fn flush(&mut self, now: Now, out: &mut Outbox) {
        loop {
            self.transactions.hand_over(out);
            self.tell_changes(now, out);
            let Some(news) = self.transactions.news() else { break };
            self.news(now, news, out);
        }
    }

    fn news(&mut self, now: Now, news: News, out: &mut Outbox) {
        match news {
            News::Response { user: User::Call { call, side }, branch, response, flow } => {
                let input = CallInput::Response { side, branch, response, flow };
                self.with_call(now, call, out, |call, work| call.handle(input, work));
            }
            News::Forked { user: User::Call { call, .. }, invite, response, flow } => {
                let mut effects = mem::take(&mut self.effects);
                let mut work = Work { now, entropy: &mut *self.entropy, supply: &mut self.supply, out: &mut effects };
                invite.end_unwanted(&response, flow, Cause::NormalClearing, &mut work);
                self.apply(now, call, effects, out);
            }
            News::Failed { user: User::Call { call, side }, branch, cause } => {
                let input = CallInput::Failed { side, branch, cause };
                self.with_call(now, call, out, |call, work| call.handle(input, work));
            }
            News::Response { user: User::Probe(probe), response, .. } => {
                if response.status.is_final() {
                    self.probe_answered(now, probe, &response, out);
                }
            }
            News::Failed { user: User::Probe(probe), cause, .. } => self.probe_failed(now, probe, cause, out),
            News::Response { user: User::Registration(id), branch, response, flow } => {
                let input = registration::Input::Response { branch, response, flow };
                self.registration(now, id, Some(input), out);
            }
            News::Failed { user: User::Registration(id), branch, cause } => {
                let input = registration::Input::Failed { branch, why: path_failure(cause) };
                self.registration(now, id, Some(input), out);
            }
            News::WayLost { user: User::Call { call, .. }, branch } => {
                self.with_call(now, call, out, |call, work| call.handle(CallInput::WayLost { branch }, work));
            }
            News::Response { user: User::Nobody, .. }
            | News::WayLost { user: User::Probe(_) | User::Registration(_) | User::Nobody, .. }
            | News::Forked { user: User::Probe(_) | User::Registration(_) | User::Nobody, .. }
            | News::Failed { user: User::Nobody, .. } => {}
            News::Gone { transaction } => self.merging.remove(transaction),
        }
    }
}
