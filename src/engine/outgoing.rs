//! What the engine itself sends: requests of calls into transactions, and probes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::ids::{CallId, TransmitId};
use crate::base::limits::MAX_FORWARDS;
use crate::base::{Entropy, Now};
use crate::call::compose::NewRequest;
use crate::call::own_address::OwnAddress;
use crate::call::record::{CallRecord, Sent};
use crate::call::{Branch, CallInput, Cause, ClientRequest, Side};
use crate::route::health::{Evidence, TargetId, Way};
use crate::route::liveness::Sign;
use crate::route::presence::UriForm;
use crate::route::trunk::{TargetSpec, Trunk, target_name};
use crate::sip::flow::{Destination, Resolve, ResolveFailure, Resolved, Transmit};
use crate::sip::{Host, Method, NameAddr, Response, SipUri, Status, Uri};
use crate::transaction::TimerValues;

use super::Engine;
use super::io::{Event, Outbox, Output};
use super::probes::{Probe, ProbeId, literal, spec};
use super::transactions::User;

impl Engine {
    /// A call's request. Without room for its transaction the call hears that it failed; a BYE or a CANCEL leaves all
    /// the same, once.
    pub(super) fn send_request(&mut self, now: Now, call: CallId, request: Box<ClientRequest>, out: &mut Outbox) {
        let (side, branch) = (request.side, request.branch.clone());
        let ending = matches!(request.method, Method::Bye | Method::Cancel);
        // RFC 3261 9.1: what matters about a CANCEL is the answer to its INVITE.
        let user = if request.method == Method::Cancel { User::Nobody } else { User::Call { call, side } };
        let Err(request) = self.transactions.request(now.instant, request, user) else { return };
        if ending {
            out.push(Output::Transmit(Transmit { id: TransmitId(0), to: request.hop.to, bytes: request.bytes }));
        }
        if user != User::Nobody {
            let input = CallInput::Failed { side, branch, cause: Cause::TooManyCalls };
            self.with_call(now, call, out, |call, work| call.handle(input, work));
        }
    }

    // ---- probes

    /// Asks one target whether it lives.
    pub(super) fn probe(&mut self, now: Now, id: ProbeId, probe: &Probe, out: &mut Outbox) {
        let Some(trunk) = self.snapshot.trunk(probe.trunk).cloned() else { return };
        match literal(&trunk, probe.target) {
            Some(address) => self.send_options(now, id, probe, &trunk, address),
            None => {
                let Some(spec) = spec(&trunk, probe.target) else { return };
                let question = self.supply.question();
                self.probes.resolving(question, id);
                out.push(Output::Resolve(Resolve {
                    id: question,
                    host: spec.host.to_string(),
                    port: spec.port,
                    transport: trunk.transport,
                    discovery: spec.discovery,
                }));
            }
        }
    }

    pub(super) fn probe_resolved(
        &mut self,
        now: Now,
        id: ProbeId,
        outcome: Result<Resolved, ResolveFailure>,
        out: &mut Outbox,
    ) {
        let Some(probe) = self.probes.probe(id).cloned() else { return };
        let Some(trunk) = self.snapshot.trunk(probe.trunk).cloned() else { return };
        match outcome.map(|resolved| VecDeque::from(resolved.addresses).pop_front()) {
            Ok(Some(address)) => self.send_options(now, id, &probe, &trunk, address),
            Ok(None) => self.probe_failed(now, id, Cause::NameNotResolved, out),
            Err(failure) => self.probe_failed(now, id, failure.into(), out),
        }
    }

    fn send_options(&mut self, now: Now, id: ProbeId, probe: &Probe, trunk: &Arc<Trunk>, address: SocketAddr) {
        let Some(spec) = spec(trunk, probe.target) else { return };
        let (branch, bytes) = options_request(trunk, spec, &mut *self.entropy);
        let target = trunk.target(address, trunk.tls_towards(spec));
        let timers = TimerValues { t1: trunk.timers.t1, t2: trunk.timers.t2, t4: trunk.timers.t4 };
        let to = Destination::Target(target);
        let large = trunk.large_requests;
        let request = ClientRequest {
            side: Side::Callee,
            branch: branch.clone(),
            method: Method::Options,
            bytes,
            hop: to.into(),
            large,
            timers,
            opens: None,
        };
        self.probes.asked(id, address, branch, now.instant);
        // Without room for it the probe is left out; the next one comes.
        let _ = self.transactions.request(now.instant, Box::new(request), User::Probe(id));
    }

    /// No answer to the question came in time; one that comes later still counts.
    pub(super) fn probe_overdue(&mut self, now: Now, id: ProbeId, branch: Option<Branch>, out: &mut Outbox) {
        if let Some(branch) = branch {
            self.transactions.abandon(&branch, &Method::Options);
        }
        self.probe_found(now, id, Err(Cause::PeerSilent), Sign::Failed, out);
    }

    /// RFC 3261 21.5.4 holds for OPTIONS as for INVITE: a 503 says that no call is taken there now.
    pub(super) fn probe_answered(&mut self, now: Now, id: ProbeId, response: &Response, out: &mut Outbox) {
        let Some(probe) = self.probes.probe(id) else { return };
        let Some(trunk) = self.snapshot.trunk(probe.trunk) else { return };
        let sign = match response.pause() {
            Some(pause) if response.status == Status::SERVICE_UNAVAILABLE => Sign::AskedToWait(pause),
            Some(_) | None if trunk.options.liveness.is_alive(response.status) => Sign::Answered,
            Some(_) | None => Sign::Failed,
        };
        self.probes.close(id);
        self.probe_found(now, id, Ok(response.status), sign, out);
    }

    /// Nobody answered, or nobody could be asked. Our own table without room says nothing about the way.
    pub(super) fn probe_failed(&mut self, now: Now, id: ProbeId, cause: Cause, out: &mut Outbox) {
        if self.probes.close(id) && cause != Cause::TooManyCalls {
            self.probe_found(now, id, Err(cause), Sign::Failed, out);
        }
    }

    fn probe_found(&mut self, now: Now, id: ProbeId, outcome: Result<Status, Cause>, sign: Sign, out: &mut Outbox) {
        let Some(probe) = self.probes.probe(id).cloned() else { return };
        let Some(trunk) = self.snapshot.trunk(probe.trunk).cloned() else { return };
        let (instant, target) = (now.instant, Some(probe.target));
        // A name without an address has a state too; no address is blamed for it.
        let nowhere = SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), 0);
        let way = Way { trunk: probe.trunk, target, address: probe.asked.unwrap_or(nowhere) };
        if probe.asked.is_some() {
            match sign {
                Sign::AskedToWait(pause) => self.supply.health.told_to_wait(instant, way, pause, Evidence::Probe),
                Sign::Failed => self.supply.health.failed(instant, way, Evidence::Probe),
                Sign::Answered | Sign::Heard | Sign::Unheard => self.supply.health.works(way, Evidence::Probe),
            }
        }
        self.supply.targets.see(instant, way, sign);
        let state = self.supply.targets.state(probe.trunk, target);
        let until = self.supply.targets.until(probe.trunk, probe.target);
        self.probes.found(id, state, until, instant, &mut *self.entropy);
        // An answer whose question was given up tells of no round trip.
        let is_prompt = matches!(sign, Sign::Answered | Sign::AskedToWait(_)) && outcome.is_ok();
        let round_trip = is_prompt.then(|| now.instant - probe.asked_at);
        out.push(Output::Event(Event::Probed {
            round_trip,
            trunk: probe.trunk,
            name: Arc::clone(&trunk.name),
            target: probe.name,
            outcome,
        }));
    }

    /// What a call that has ended shows of the target it went to: whether anything was heard there (MD-193).
    pub(super) fn media_was_heard(&mut self, now: Now, record: &CallRecord) {
        let (Some(_), Some(to), Some(sent)) = (record.answered, &record.to, &record.sent) else { return };
        let Some(trunk) = self.snapshot.trunk_named(to) else { return };
        let held = record.ended.0.saturating_sub(record.answered.map_or(0, |answered| answered.0));
        let sign = match record.callee_media.received {
            // Nobody says anything in the first seconds of every call.
            0 if held < SHORTEST_PROOF_MS => return,
            0 => Sign::Unheard,
            _ => Sign::Heard,
        };
        let way = Way { trunk: trunk.id, address: sent.address, target: target_of(trunk, sent) };
        self.supply.targets.see(now.instant, way, sign);
    }

    /// Tells of targets whose state has changed, and asks those that a call found silent.
    pub(super) fn tell_changes(&mut self, now: Now, out: &mut Outbox) {
        for (trunk, target) in self.supply.doubted.drain(..) {
            self.probes.hurry(trunk, target, now.instant, &mut *self.entropy);
        }
        out.extend(self.supply.targets.changes().map(|changed| Output::Event(Event::Target(changed))));
    }
}

/// An answered call must last this long, in milliseconds, before its silence says anything.
const SHORTEST_PROOF_MS: u64 = 5_000;

/// The target that was asked. Of several with one name, the one with the port where the call went.
fn target_of(trunk: &Trunk, sent: &Sent) -> Option<TargetId> {
    let host = sent.target.as_ref()?;
    let named = || (0_u16..).zip(&trunk.targets).filter(|(_, spec)| target_name(&trunk.targets, spec) == *host);
    let port = |spec: &TargetSpec| spec.port.unwrap_or(trunk.transport.default_port());
    let exact = named().find(|(_, spec)| port(spec) == sent.address.port());
    exact.or_else(|| named().next()).map(|(place, _)| TargetId(place))
}

fn host_of(text: &str) -> Host {
    Host::parse(text).unwrap_or(Host::Name(Bytes::copy_from_slice(text.as_bytes())))
}

/// The OPTIONS that asks one target whether it lives, and the branch that its answer carries (RFC 3261 11.1).
pub fn options_request(trunk: &Trunk, spec: &TargetSpec, entropy: &mut dyn Entropy) -> (Branch, Bytes) {
    let own = OwnAddress::of(trunk);
    let uri = Uri::Sip(peer_uri(trunk, spec));
    let mut from = NameAddr::new(Uri::Sip(SipUri::new(None, host_of(own.host()), None)));
    from.set_tag(entropy.token(10).as_bytes());
    let request = NewRequest {
        from: from.to_bytes(),
        to: NameAddr::new(uri.clone()).to_bytes(),
        uri,
        call_id: entropy.token(16).into(),
        cseq: 1,
        max_forwards: MAX_FORWARDS,
        routes: Vec::new(),
        extra: Vec::new(),
        beside: Default::default(),
    };
    let branch = Branch::fresh(entropy);
    let bytes = request.options(&own, &branch);
    (branch, bytes)
}

/// A target itself, as its trunk wants Request-URIs written (MD-49).
fn peer_uri(trunk: &Trunk, spec: &TargetSpec) -> SipUri {
    let own = trunk.transport.default_port();
    match trunk.presence.request_uri {
        UriForm::Short => SipUri::new(None, host_of(&spec.host), spec.port.filter(|&port| port != own)),
        UriForm::Full => {
            let mut uri = SipUri::new(None, host_of(&spec.host), Some(spec.port.unwrap_or(own)));
            uri.set_param("transport", Some(trunk.transport.uri_token()));
            uri
        }
    }
}
