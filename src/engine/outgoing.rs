//! What the engine itself sends: requests of calls into transactions, and probes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::Now;
use crate::base::ids::{CallId, TransmitId};
use crate::base::limits::MAX_FORWARDS;
use crate::call::compose::NewRequest;
use crate::call::own_address::OwnAddress;
use crate::call::{Branch, CallInput, Cause, ClientRequest, Side};
use crate::route::health::{Evidence, Way};
use crate::route::presence::UriForm;
use crate::route::trunk::{TargetSpec, Trunk};
use crate::sip::flow::{Destination, Resolve, ResolveFailure, Resolved, Target, Transmit};
use crate::sip::{Host, Method, NameAddr, Response, SipUri, Status, Uri};
use crate::transaction::TimerValues;

use super::Engine;
use super::io::{Event, Outbox, Output};
use super::probes::{Probe, ProbeId, literal};
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
                let Some(spec) = trunk.targets.get(probe.target) else { return };
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
            Ok(None) => self.probed(id, Err(Cause::NameNotResolved), out),
            Err(failure) => self.probed(id, Err(failure.into()), out),
        }
    }

    fn send_options(&mut self, now: Now, id: ProbeId, probe: &Probe, trunk: &Arc<Trunk>, address: SocketAddr) {
        let own = OwnAddress::of(trunk);
        let Some(spec) = trunk.targets.get(probe.target) else { return };
        let uri = Uri::Sip(peer_uri(trunk, spec));
        let mut from = NameAddr::new(Uri::Sip(SipUri::new(None, host_of(own.host()), None)));
        from.set_tag(self.entropy.token(10).as_bytes());
        let request = NewRequest {
            from: from.to_bytes(),
            to: NameAddr::new(uri.clone()).to_bytes(),
            uri,
            call_id: self.entropy.token(16).into(),
            cseq: 1,
            max_forwards: MAX_FORWARDS,
            routes: Vec::new(),
            extra: Vec::new(),
        };
        let branch = Branch::fresh(&mut *self.entropy);
        let target =
            Target { transport: trunk.transport, address, listener: trunk.listener, tls: trunk.tls_towards(spec) };
        let timers = TimerValues { t1: trunk.timers.t1, t2: trunk.timers.t2, t4: trunk.timers.t4 };
        let bytes = request.options(&own, &branch);
        let to = Destination::Target(target);
        let large = trunk.large_requests;
        let request = ClientRequest {
            side: Side::Callee,
            branch,
            method: Method::Options,
            bytes,
            hop: to.into(),
            large,
            timers,
            opens: None,
        };
        self.probes.asked(id, address);
        // Without room for it the probe is left out; the next one comes.
        let _ = self.transactions.request(now.instant, Box::new(request), User::Probe(id));
    }

    /// The way a probe took last.
    fn way_of(&self, id: ProbeId) -> Option<Way> {
        let probe = self.probes.probe(id)?;
        Some(Way { trunk: probe.trunk, address: probe.asked? })
    }

    /// RFC 3261 21.5.4 holds for OPTIONS as for INVITE: a 503 says that no call is taken there now.
    pub(super) fn probe_answered(&mut self, now: Now, id: ProbeId, response: &Response, out: &mut Outbox) {
        let way = self.way_of(id);
        let health = &mut self.supply.health;
        match (way, response.pause()) {
            (None, _) => {}
            (Some(way), Some(pause)) => health.told_to_wait(now.instant, way, pause, Evidence::Probe),
            (Some(way), None) if response.status == Status::SERVICE_UNAVAILABLE => {
                health.failed(now.instant, way, Evidence::Probe);
            }
            (Some(way), None) => health.works(way, Evidence::Probe),
        }
        self.probed(id, Ok(response.status), out);
    }

    /// Nobody answered, or nobody could be asked. Our own table without room says nothing about the way.
    pub(super) fn probe_failed(&mut self, now: Now, id: ProbeId, cause: Cause, out: &mut Outbox) {
        if let Some(way) = self.way_of(id).filter(|_| cause != Cause::TooManyCalls) {
            self.supply.health.failed(now.instant, way, Evidence::Probe);
        }
        self.probed(id, Err(cause), out);
    }

    /// Tells what a probe found. Any final response means that somebody is there.
    pub(super) fn probed(&mut self, id: ProbeId, outcome: Result<Status, Cause>, out: &mut Outbox) {
        let Some(probe) = self.probes.probe(id) else { return };
        let Some(trunk) = self.snapshot.trunk(probe.trunk) else { return };
        out.push(Output::Event(Event::Probed {
            trunk: probe.trunk,
            name: Arc::clone(&trunk.name),
            target: Arc::clone(&probe.name),
            outcome,
        }));
    }
}

fn host_of(text: &str) -> Host {
    Host::parse(text).unwrap_or(Host::Name(Bytes::copy_from_slice(text.as_bytes())))
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
