//! The engine on a stage of its own: the question's INVITE comes in, and everything the engine sends is answered at once,
//! so that each place it would try is seen. No socket, no clock; nothing of it touches the engine that serves.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::question::{BadQuestion, Hosts, Question, Try, invite, request_uri};
use crate::base::entropy::SeededEntropy;
use crate::base::ids::{FlowId, WorkerId};
use crate::base::{Instant, Now, WallTime};
use crate::call::step::Step;
use crate::call::{CallEvent, CallRecord, Guarded, compose};
use crate::engine::Engine;
use crate::engine::io::{Event, Input, Outbox, Output};
use crate::media::plan::{MediaEvent, PortLease};
use crate::route::directory::Directory;
use crate::route::snapshot::Snapshot;
use crate::route::trunk::{ClientCertificate, Trunk};
use crate::sip::auth::DigestClient;
use crate::sip::flow::{Destination, Flow, PeerIdentity, Received, Resolution, Resolved, Transmit};
use crate::sip::{Method, Request, Response, ResponseHead, SipMessage, Status, frame};

/// Outputs of one question that are looked at; a call that goes on longer is shown so far.
const OUTPUTS: usize = 4096;
/// Pairs of ports of each network.
const PORTS: u16 = 40;
/// The connection of the invented peer.
const PEER: FlowId = FlowId(1);

/// Everything the engine told and sent.
#[derive(Debug, Default)]
pub struct Played {
    pub steps: Vec<Step>,
    /// INVITEs that went out, in order, each with where to.
    pub invites: Vec<(Box<Request>, SocketAddr)>,
    /// Final answer to the caller, as long as nobody was called.
    pub refusal: Option<Box<Response>>,
    /// Label of a request that was refused before it was a call.
    pub refused_as: Option<&'static str>,
    /// Why the fraud guard stops it, with the key.
    pub guarded: Option<Guarded>,
    pub record: Option<Box<CallRecord>>,
}

/// Plays a question.
///
/// # Errors
/// It names no trunk, or no INVITE can be made of it.
pub fn play(
    snapshot: &Arc<Snapshot>,
    directory: &Arc<Directory>,
    question: &Question,
    now: WallTime,
) -> Result<Played, BadQuestion> {
    let trunk = snapshot.trunk_named(&question.from).ok_or_else(|| {
        let known: Vec<&str> = snapshot.trunks.iter().map(|trunk| &*trunk.name).collect();
        BadQuestion::new("from", format!("names no trunk; there are {}", known.join(", ")))
    })?;
    let mut stage = Stage::set(snapshot, directory, trunk, now)?;
    stage.enter(question)?;
    Ok(stage.played)
}

struct Stage<'q> {
    engine: Engine,
    trunk: &'q Arc<Trunk>,
    now: Now,
    flow: Flow,
    hosts: Hosts,
    entropy: SeededEntropy,
    waiting: VecDeque<Output>,
    played: Played,
    digest: Option<DigestClient>,
    tries: u32,
}

impl<'q> Stage<'q> {
    fn set(
        snapshot: &Arc<Snapshot>,
        directory: &Arc<Directory>,
        trunk: &'q Arc<Trunk>,
        now: WallTime,
    ) -> Result<Stage<'q>, BadQuestion> {
        let listener = snapshot.listener(trunk.listener);
        let listener = listener.ok_or_else(|| BadQuestion::new("from", "names a trunk without a listener"))?;
        let source = trunk.sources.first().map_or(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), ipnet::IpNet::addr);
        let remote = SocketAddr::new(source, trunk.transport.default_port());
        let flow = Flow { id: PEER, transport: trunk.transport, listener: listener.id, local: listener.bind, remote };
        let ours = trunk.fqdn.as_deref().map_or_else(|| host_of(listener.advertise.ip()), str::to_owned);
        let peer = trunk.peer_names.first().map(|name| name.replacen('*', "peer", 1));
        let hosts = Hosts { peer: peer.unwrap_or_else(|| host_of(source)), ours, source: format!("{}", remote) };
        let mut engine = Engine::new(Arc::clone(snapshot), Box::new(SeededEntropy::new(1)));
        engine.tell_steps();
        let mut stage = Stage {
            engine,
            trunk,
            now: Now { instant: Instant::from_nanos(1_000_000_000), wall: now },
            flow,
            hosts,
            entropy: SeededEntropy::new(2),
            waiting: VecDeque::new(),
            played: Played::default(),
            digest: trunk.auth.as_ref().map(|auth| DigestClient::new(Arc::clone(&auth.credentials))),
            tries: 0,
        };
        stage.feed(Input::Directory(Arc::clone(directory)));
        stage.feed(Input::Media(MediaEvent::Ready { leases: leases(snapshot) }));
        if trunk.transport.is_reliable() {
            let asks = listener.client_certificate != ClientCertificate::Never;
            stage.feed(Input::FlowOpened(
                PEER,
                if asks { certificate(snapshot, trunk) } else { PeerIdentity::default() },
            ));
        }
        // What the engine does by itself (probes, registrations) is no part of the play.
        stage.waiting.clear();
        Ok(stage)
    }

    fn feed(&mut self, input: Input) {
        let mut out = Outbox::new();
        self.engine.handle(self.now, input, &mut out);
        self.waiting.extend(out);
    }

    /// The INVITE comes in; the engine is answered until it wants nothing more.
    fn enter(&mut self, question: &Question) -> Result<(), BadQuestion> {
        self.send(question, Vec::new())?;
        for _ in 0..OUTPUTS {
            let Some(output) = self.waiting.pop_front() else { break };
            if let Some(credentials) = self.obey(output, question) {
                self.send(question, credentials)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, question: &Question, credentials: Vec<(&'static str, Vec<u8>)>) -> Result<(), BadQuestion> {
        self.tries = self.tries.saturating_add(1);
        let again = Try { cseq: self.tries, credentials: &credentials };
        let octets = invite(question, self.trunk, &self.hosts, again, &mut self.entropy);
        match frame::datagram(&octets, self.flow.remote) {
            Some(Ok(message @ SipMessage::Request(_))) => {
                self.feed(Input::Message(Received { flow: self.flow, message }));
                Ok(())
            }
            Some(Err(rejection)) => {
                let told = format!(
                    "makes no INVITE that can be read ({}): write a number, sip:USER@HOST or tel:NUMBER, and headers as NAME: VALUE",
                    rejection.kind.label()
                );
                Err(BadQuestion::new("the call", told))
            }
            Some(Ok(SipMessage::Response(_))) | None => Err(BadQuestion::new("the call", "makes no INVITE")),
        }
    }

    /// Does one thing the engine wants. What it returns proves who the peer is: the INVITE goes again with it.
    fn obey(&mut self, output: Output, question: &Question) -> Option<Vec<(&'static str, Vec<u8>)>> {
        match output {
            Output::Resolve(asked) => {
                let address =
                    SocketAddr::from(([192, 0, 2, 100], asked.port.unwrap_or(asked.transport.default_port())));
                let resolved = Resolved { addresses: vec![address], ttl: Duration::from_secs(60) };
                self.feed(Input::Resolved(Resolution { id: asked.id, outcome: Ok(resolved) }));
                None
            }
            Output::Transmit(transmit) => self.sent(&transmit, question),
            Output::Event(Event::Call(CallEvent::Step(step))) => {
                self.played.steps.push(*step);
                None
            }
            Output::Event(Event::Call(CallEvent::Ended(record))) => {
                self.played.record = Some(record);
                None
            }
            Output::Event(Event::Call(CallEvent::Guarded { stopped, .. })) => {
                self.played.guarded = Some(*stopped);
                None
            }
            Output::Event(Event::Refused { label, .. }) => {
                self.played.refused_as = Some(label);
                None
            }
            Output::Event(_) | Output::Media(_) | Output::CloseFlow(_) | Output::Bearing(..) | Output::Reply(..) => {
                None
            }
        }
    }

    fn sent(&mut self, transmit: &Transmit, question: &Question) -> Option<Vec<(&'static str, Vec<u8>)>> {
        match frame::datagram(&transmit.bytes, self.flow.remote)? {
            Ok(SipMessage::Response(response)) => self.answered(response, question),
            Ok(SipMessage::Request(request)) if request.method == Method::Invite => {
                self.called(request, &transmit.to);
                None
            }
            Ok(SipMessage::Request(_)) | Err(_) => None,
        }
    }

    /// An answer to the caller. A challenge is answered once.
    fn answered(&mut self, response: Box<Response>, question: &Question) -> Option<Vec<(&'static str, Vec<u8>)>> {
        if response.status.is_provisional() {
            return None;
        }
        if let (401, Some(digest)) = (response.status.code(), &mut self.digest)
            && self.tries < 3
            && digest.challenged(&response).is_ok()
        {
            let uri = Bytes::from(request_uri(question, &self.hosts));
            let fields = digest.authorize(&Method::Invite, &uri, &mut self.entropy);
            self.played = Played::default();
            return Some(fields.into_iter().map(|(name, value)| (name.as_str(), value)).collect());
        }
        if self.played.invites.is_empty() {
            self.played.refusal = Some(response);
        }
        None
    }

    /// An INVITE of ours. It is refused as by a peer that is out of service, so that the next place is tried.
    fn called(&mut self, request: Box<Request>, to: &Destination) {
        let remote = match to {
            Destination::Target(target) | Destination::FlowOr(_, target) => target.address,
            Destination::Flow(flow) => flow.remote,
        };
        let head = ResponseHead::new(&request, remote);
        let bytes = compose::plain_response(Status::SERVICE_UNAVAILABLE, &head, Some(b"explain"), None);
        self.played.invites.push((request, remote));
        if let Some(Ok(message)) = frame::datagram(&bytes, remote) {
            let flow = Flow { id: FlowId(2), remote, ..self.flow };
            self.feed(Input::Message(Received { flow, message }));
        }
    }
}

fn host_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// What the peer's certificate would say, had it one: the first of the trunk's names, by the trunk's own roots.
fn certificate(snapshot: &Snapshot, trunk: &Trunk) -> PeerIdentity {
    let trusts = snapshot.listener_trusts(trunk.listener);
    let own = trunk.tls.as_ref().map(|tls| tls.trust.as_str());
    let bit = trusts.iter().position(|trust| Some(trust.as_str()) == own);
    let trusted_by = bit.and_then(|bit| 1u64.checked_shl(u32::try_from(bit).ok()?)).unwrap_or_default();
    match trunk.peer_names.first() {
        Some(name) => PeerIdentity { names: vec![name.to_ascii_lowercase()], trusted_by, asked_for: None },
        None => PeerIdentity::default(),
    }
}

fn leases(snapshot: &Snapshot) -> Vec<PortLease> {
    let of = |network: &crate::route::trunk::Network| {
        let (id, first) = (network.id, network.rtp_ports.0);
        (0..PORTS).map(move |at| PortLease {
            network: id,
            worker: WorkerId(0),
            rtp_port: first.saturating_add(at.saturating_mul(2)),
        })
    };
    snapshot.networks.iter().flat_map(of).collect()
}
