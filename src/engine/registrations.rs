//! Our registrations at the peers of trunks that want one: which machine hears what, and which flow is whose.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::base::ids::{FlowId, IdMap, ResolveId, TrunkId};
use crate::base::timers::WakeUps;
use crate::base::{Entropy, Instant, Now};
use crate::call::own_address::OwnAddress;
use crate::call::{Cause, ClientRequest, Side};
use crate::registration::{Action, Input, Local, PathFailure, Register, Registration, State};
use crate::route::snapshot::Snapshot;
use crate::route::standing::Standing;
use crate::route::trunk::Trunk;
use crate::sip::flow::{Destination, Resolve, ResolveFailure, Resolved};
use crate::sip::{Method, Uri};
use crate::transaction::TimerValues;

use super::Engine;
use super::io::{Event, Outbox, Output};
use super::standings::Standings;
use super::transactions::User;

/// One registration of the process. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationId(pub u32);

/// The most that the first REGISTER of a trunk waits, so that not all leave in one burst.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// A registration and the trunk it is for.
#[derive(Debug)]
struct Entry {
    trunk: Arc<Trunk>,
    machine: Registration,
    /// The trunk is configured no longer: what is left is to take the binding back.
    leaving: bool,
}

/// See the module. One for each trunk, plus those that are leaving.
#[derive(Debug, Default)]
pub struct Registrations {
    entries: BTreeMap<RegistrationId, Entry>,
    by_trunk: IdMap<TrunkId, RegistrationId>,
    /// Several trunks may share a connection to one carrier.
    by_flow: IdMap<FlowId, Vec<RegistrationId>>,
    wake_ups: WakeUps<RegistrationId>,
    resolving: BTreeMap<ResolveId, (RegistrationId, Register)>,
    next_id: u32,
}

impl Registrations {
    pub fn next_timeout(&self) -> Option<Instant> {
        self.wake_ups.next()
    }

    /// Route of requests out of a dialog to this trunk's peer (RFC 3608).
    pub fn service_route(&self, trunk: TrunkId) -> &[Bytes] {
        let entry = self.by_trunk.get(&trunk).and_then(|id| self.entries.get(id));
        entry.map(|entry| entry.machine.service_route()).unwrap_or_default()
    }

    /// The trunk that registered over this flow (PF-133). When several share it, the one whose address of record the
    /// Request-URI names, else the first.
    pub fn trunk_on(&self, flow: FlowId, uri: Option<&Uri>) -> Option<&Arc<Trunk>> {
        let sharing = || self.by_flow.get(&flow).into_iter().flatten().filter_map(|id| self.entries.get(id));
        let named = sharing().find(|entry| is_named(&entry.trunk, uri)).or_else(|| sharing().next());
        named.map(|entry| &entry.trunk)
    }

    /// Registers what `snapshot` wants registered; gives the registrations that it no longer wants.
    fn replace(
        &mut self,
        snapshot: &Snapshot,
        standings: &Standings,
        now: Instant,
        entropy: &mut dyn Entropy,
    ) -> Vec<RegistrationId> {
        let before = std::mem::take(&mut self.by_trunk);
        for trunk in &snapshot.trunks {
            let same =
                before.values().find(|id| self.entries.get(id).is_some_and(|entry| is_same(&entry.trunk, trunk)));
            if let Some((id, entry)) = same.and_then(|id| Some((*id, self.entries.get_mut(id)?))) {
                entry.trunk = Arc::clone(trunk);
                self.by_trunk.insert(trunk.id, id);
            } else if let Some(machine) = machine(trunk, entropy) {
                let id = RegistrationId(self.next_id);
                self.next_id += 1;
                self.entries.insert(id, Entry { trunk: Arc::clone(trunk), machine, leaving: false });
                self.by_trunk.insert(trunk.id, id);
                if standings.of(trunk.id) == Standing::Enabled {
                    self.wake_ups.set(id, Some(now + jitter(entropy)));
                }
            }
        }
        before.into_values().filter(|id| !self.by_trunk.values().any(|kept| kept == id)).collect()
    }

    /// After a step: notes the next wake-up and the flow, and lets go what has left.
    fn settle(&mut self, id: RegistrationId, before: Option<FlowId>) {
        let Some(entry) = self.entries.get(&id) else { return };
        let flow = entry.machine.flow().map(|flow| flow.id);
        let (next, gone) = (entry.machine.next_timeout(), entry.leaving && *entry.machine.state() == State::Idle);
        self.wake_ups.set(id, next);
        if gone {
            self.entries.remove(&id);
        }
        if flow == before {
            return;
        }
        if let Some(sharing) = before.and_then(|flow| self.by_flow.get_mut(&flow)) {
            sharing.retain(|other| *other != id);
        }
        self.by_flow.retain(|_, sharing| !sharing.is_empty());
        if let Some(flow) = flow {
            self.by_flow.entry(flow).or_default().push(id);
        }
    }
}

fn is_named(trunk: &Trunk, uri: Option<&Uri>) -> bool {
    let aor = trunk.registration.as_ref().map(|registration| &registration.aor);
    matches!((aor, uri), (Some(aor), Some(Uri::Sip(uri))) if aor.user == uri.user)
}

/// True when a running registration serves the new configuration too.
fn is_same(old: &Trunk, new: &Trunk) -> bool {
    let at = |trunk: &Trunk| (trunk.listener, trunk.transport, trunk.fqdn.clone());
    let shown = |trunk: &Trunk| trunk.auth.as_ref().map(|auth| Arc::clone(&auth.credentials));
    old.name == new.name
        && old.registration == new.registration
        && shown(old) == shown(new)
        && old.targets == new.targets
        && at(old) == at(new)
}

fn machine(trunk: &Trunk, entropy: &mut dyn Entropy) -> Option<Registration> {
    let settings = trunk.registration.as_ref()?;
    let own = OwnAddress::of(trunk);
    let local = Local { transport: trunk.transport, authority: own.authority().to_owned() };
    let credentials = trunk.auth.as_ref().map(|auth| Arc::clone(&auth.credentials));
    Some(Registration::new(settings, credentials, local, entropy))
}

fn jitter(entropy: &mut dyn Entropy) -> Duration {
    let nanos = u64::try_from(FIRST_WITHIN.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(entropy.below(nanos))
}

impl Engine {
    /// A snapshot came: new registrations begin, those it does not want any more are taken back.
    pub(super) fn registrations_replaced(&mut self, now: Now, out: &mut Outbox) {
        let unwanted =
            self.supply.registrations.replace(&self.snapshot, &self.supply.standings, now.instant, &mut *self.entropy);
        for id in unwanted {
            if let Some(entry) = self.supply.registrations.entries.get_mut(&id) {
                entry.leaving = true;
            }
            self.registration(now, id, Some(Input::Withdraw), out);
        }
    }

    /// A trunk goes out of service, and its binding is taken back; or it comes back, and registers again.
    pub(super) fn registration_stands(&mut self, now: Now, trunk: TrunkId, standing: Standing, out: &mut Outbox) {
        let Some(&id) = self.supply.registrations.by_trunk.get(&trunk) else { return };
        let entry = self.supply.registrations.entries.get(&id);
        let is_idle = entry.is_some_and(|entry| *entry.machine.state() == State::Idle);
        match standing {
            Standing::Draining | Standing::Disabled => {
                // What had not begun does not.
                self.supply.registrations.wake_ups.set(id, None);
                self.registration(now, id, Some(Input::Withdraw), out);
            }
            Standing::Enabled if is_idle => {
                let at = now.instant + jitter(&mut *self.entropy);
                self.supply.registrations.wake_ups.set(id, Some(at));
            }
            Standing::Enabled => {}
        }
    }

    /// Every binding is taken back (drain): the peer sends us no new calls.
    pub(super) fn registrations_withdrawn(&mut self, now: Now, out: &mut Outbox) {
        let ids: Vec<RegistrationId> = self.supply.registrations.entries.keys().copied().collect();
        for id in ids {
            self.registration(now, id, Some(Input::Withdraw), out);
        }
    }

    /// Fires the timers of the registrations that are due.
    pub(super) fn registrations_due(&mut self, now: Now, out: &mut Outbox) {
        while let Some(id) = self.supply.registrations.wake_ups.pop_due(now.instant) {
            let entry = self.supply.registrations.entries.get(&id);
            let idle = entry.is_some_and(|entry| *entry.machine.state() == State::Idle);
            self.registration(now, id, idle.then_some(Input::Begin), out);
        }
    }

    /// A connection is gone.
    pub(super) fn registered_flow_closed(&mut self, now: Now, flow: FlowId, out: &mut Outbox) {
        for id in self.supply.registrations.by_flow.get(&flow).cloned().unwrap_or_default() {
            self.registration(now, id, Some(Input::FlowClosed(flow)), out);
        }
    }

    /// Lets a registration handle something (`None`: the time), and does what it wants done.
    pub(super) fn registration(&mut self, now: Now, id: RegistrationId, input: Option<Input>, out: &mut Outbox) {
        let Some(entry) = self.supply.registrations.entries.get_mut(&id) else { return };
        let (mut actions, before) = (Vec::new(), entry.machine.flow().map(|flow| flow.id));
        match input {
            Some(input) => entry.machine.handle(now.instant, input, &mut *self.entropy, &mut actions),
            None => entry.machine.handle_timeout(now.instant, &mut *self.entropy, &mut actions),
        }
        let trunk = Arc::clone(&entry.trunk);
        self.supply.registrations.settle(id, before);
        for action in actions {
            match action {
                Action::Send(register) => self.send_register(now, id, &trunk, *register, out),
                Action::News(news) => {
                    out.push(Output::Event(Event::Registration { trunk: Arc::clone(&trunk.name), news }));
                }
            }
        }
    }

    /// Over the registered flow, else to the target's address, which may have to be asked for first.
    fn send_register(
        &mut self,
        now: Now,
        id: RegistrationId,
        trunk: &Arc<Trunk>,
        register: Register,
        out: &mut Outbox,
    ) {
        let place = register.target.checked_rem(trunk.targets.len()).unwrap_or_default();
        let Some(spec) = trunk.targets.get(place) else { return };
        let port = spec.port.unwrap_or(trunk.transport.default_port());
        let known = register.over.map(|flow| flow.remote);
        match known.or_else(|| spec.address.map(|address| SocketAddr::new(address, port))) {
            Some(address) => self.register_at(now, id, trunk, register, address, out),
            None => {
                let question = self.supply.question();
                self.supply.registrations.resolving.insert(question, (id, register));
                let (host, port, discovery) = (spec.host.to_string(), spec.port, spec.discovery);
                out.push(Output::Resolve(Resolve { id: question, host, port, transport: trunk.transport, discovery }));
            }
        }
    }

    /// The resolver answered. False when no registration asked.
    pub(super) fn registrar_resolved(
        &mut self,
        now: Now,
        question: ResolveId,
        outcome: &Result<Resolved, ResolveFailure>,
        out: &mut Outbox,
    ) -> bool {
        let Some((id, register)) = self.supply.registrations.resolving.remove(&question) else { return false };
        let trunk = self.supply.registrations.entries.get(&id).map(|entry| Arc::clone(&entry.trunk));
        let address = outcome.as_ref().ok().and_then(|resolved| resolved.addresses.first().copied());
        match (trunk, address) {
            (Some(trunk), Some(address)) => self.register_at(now, id, &trunk, register, address, out),
            (Some(_), None) => {
                let input = Input::Failed { branch: register.branch, why: PathFailure::NameNotResolved };
                self.registration(now, id, Some(input), out);
            }
            (None, _) => {}
        }
        true
    }

    fn register_at(
        &mut self,
        now: Now,
        id: RegistrationId,
        trunk: &Arc<Trunk>,
        register: Register,
        address: SocketAddr,
        out: &mut Outbox,
    ) {
        let Register { branch, bytes, target, over } = register;
        let place = target.checked_rem(trunk.targets.len()).unwrap_or_default();
        let tls = trunk.targets.get(place).and_then(|spec| trunk.tls_towards(spec));
        let target = trunk.target(address, tls);
        let to = match over.filter(|flow| flow.transport.is_reliable()) {
            Some(flow) => Destination::FlowOr(flow, target),
            None => Destination::Target(target),
        };
        let timers = TimerValues { t1: trunk.timers.t1, t2: trunk.timers.t2, t4: trunk.timers.t4 };
        let request = ClientRequest {
            side: Side::Callee,
            branch: branch.clone(),
            method: Method::Register,
            bytes,
            hop: to.into(),
            large: trunk.large_requests,
            timers,
            opens: None,
        };
        if self.transactions.request(now.instant, Box::new(request), User::Registration(id)).is_err() {
            let input = Input::Failed { branch, why: PathFailure::Unreachable };
            self.registration(now, id, Some(input), out);
        }
    }
}

/// What a transaction's failure means for a registration.
pub(super) const fn path_failure(cause: Cause) -> PathFailure {
    match cause {
        Cause::PeerSilent => PathFailure::Silent,
        _ => PathFailure::Unreachable,
    }
}
