//! The simulated world of the scenarios: the engine, an invented clock that jumps to the next event, a seeded network
//! that loses, delays, doubles and reorders datagrams, a model of the relay, and user agents that speak raw text.
//! Invariants are checked at every step and at the end; a failure prints the seed and the ladder.

pub mod agent;
pub mod digest;
pub mod network;
pub mod relay;
pub mod steps;
pub mod text;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::{CommandId, FlowId, ListenerId, TransmitId};
use trunkline::base::{Instant, Now, WallTime};
use trunkline::call::{CallEvent, CallRecord, Cause, Checkpoint};
use trunkline::engine::Engine;
use trunkline::engine::io::{Command, Event, Input, Output, Reply};
use trunkline::engine::overload::Fate;
use trunkline::engine::shed::Shed;
use trunkline::route::numbering::Numbering;
use trunkline::route::settings::RoutingSettings;
use trunkline::route::snapshot::Snapshot;
use trunkline::sip::SipMessage;
use trunkline::sip::flow::{
    Bearing, Destination, Flow, PeerIdentity, Received, Resolution, Resolved, Transmit, TransmitFailure, Transport,
};
use trunkline::sip::frame::{self, Framed, StreamFramer};
use trunkline::sip::glance::Glancer;

pub use agent::{Agent, Name};
use network::Network;
use relay::Relay;
use text::Text;
use watch::Watch;

/// The To tag of calls that are refused before they are read.
const BUSY_TAG: &[u8] = b"busy";

/// What became of a message that was looked at.
enum Glanced {
    Done,
    /// It is to be read; what was said of the call, if it was judged.
    Read(Option<Fate>),
}

/// What is on its way.
enum Arrival {
    AtEngine {
        from: Name,
        octets: Bytes,
    },
    AtAgent {
        to: Name,
        octets: Bytes,
    },
    /// Not a message: something for the engine.
    Input(Box<dyn FnOnce() -> Input>),
}

/// See the module.
pub struct World {
    /// Of the configuration before, for [`World::reload`].
    numbering: Numbering,
    pub engine: Engine,
    pub seed: u64,
    now: Instant,
    order: u64,
    next_flow: u64,
    arrivals: BTreeMap<(Instant, u64), Arrival>,
    pub network: Network,
    pub agents: BTreeMap<Name, Agent>,
    pub relay: Relay,
    watch: Watch,
    /// Names the resolver knows.
    pub names: BTreeMap<String, Vec<SocketAddr>>,
    pub resolver_is_silent: bool,
    /// What the resolver was asked for, with the port.
    pub asked: Vec<(String, Option<u16>)>,
    /// Addresses that something was sent to.
    pub sent_to: Vec<SocketAddr>,
    /// Under which number each request of ours left, by its branch.
    left_as: BTreeMap<String, TransmitId>,
    pub records: Vec<CallRecord>,
    replies: Vec<Reply>,
    pub events: Vec<Event>,
    /// Connections the engine wanted closed.
    pub closed: Vec<FlowId>,
    /// How long requests that begin something have waited for the engine.
    pub waited: Duration,
    /// What the engine said of those who send, by their address.
    pub bearings: Vec<(SocketAddr, Bearing)>,
    started: usize,
    /// How often a stable call was written, read and put back.
    pub restored: usize,
    reconfigured: bool,
    ladder: Vec<String>,
}

/// Longest time a scenario may take on the invented clock before it is called stuck.
const PATIENCE: Duration = Duration::from_secs(36 * 3600);
/// Longest time that one expectation may take: longer than any SIP timer.
const EXPECTATION: Duration = Duration::from_secs(400);

impl World {
    /// A world whose network loses nothing, with the shared snapshot of all scenarios.
    pub fn new() -> World {
        World::with(text::snapshot(), 1)
    }

    /// A world with another configuration or another seed.
    pub fn with(snapshot: Snapshot, seed: u64) -> World {
        let numbering = snapshot.numbering();
        let engine = Engine::new(Arc::new(snapshot), Box::new(SeededEntropy::new(seed)));
        let mut world = World {
            engine,
            numbering,
            seed,
            now: Instant::from_nanos(1_000_000_000),
            order: 0,
            next_flow: 0,
            arrivals: BTreeMap::new(),
            network: Network::perfect(seed),
            agents: Agent::cast(),
            relay: Relay::default(),
            watch: Watch::default(),
            names: BTreeMap::new(),
            resolver_is_silent: false,
            asked: Vec::new(),
            sent_to: Vec::new(),
            left_as: BTreeMap::new(),
            records: Vec::new(),
            replies: Vec::new(),
            events: Vec::new(),
            closed: Vec::new(),
            waited: Duration::ZERO,
            bearings: Vec::new(),
            started: 0,
            restored: 0,
            reconfigured: false,
            ladder: Vec::new(),
        };
        let ready = world.relay.start();
        world.feed(Input::Media(ready));
        for agent in Name::ALL {
            if world.agents[&agent].flow.transport == Transport::Tls {
                let (flow, names) = (world.agents[&agent].flow.id, world.agents[&agent].certificate.clone());
                world.watch.flow_opened(flow.0);
                world.feed(Input::FlowOpened(flow, PeerIdentity { names, trusted_by: 1, asked_for: None }));
            }
        }
        world
    }

    fn now(&self) -> Now {
        let millis = self.now.as_nanos() / 1_000_000;
        Now { instant: self.now, wall: WallTime(1_700_000_000_000 + millis) }
    }

    /// The time since the world began.
    pub fn clock(&self) -> Duration {
        self.now.since(Instant::ZERO)
    }

    // ---- what a scenario does

    /// `from` sends `octets` to the engine over the network.
    pub fn send(&mut self, from: Name, octets: impl Into<Bytes>) {
        let octets = octets.into();
        self.ladder.push(format!("{:>12?}  {from:?} -> sbc   {}", self.now.since(Instant::ZERO), first_line(&octets)));
        let now = self.now;
        self.agent(from).note_sent(now, &octets);
        let reliable = self.agents[&from].flow.transport.is_reliable();
        for delay in self.network.copies(reliable) {
            self.schedule(self.now + delay, Arrival::AtEngine { from, octets: octets.clone() });
        }
    }

    /// Runs until `at` has received something new whose start line begins with `start`. Provisional 100s are skipped
    /// unless asked for; any other message that comes first is a failure.
    pub fn expect(&mut self, at: Name, start: &str) -> Text {
        let end = self.now + EXPECTATION;
        loop {
            while let Some(message) = self.agent(at).next_new() {
                let line = message.start_line();
                if line.starts_with(start) {
                    return message;
                }
                if !line.starts_with("SIP/2.0 100") {
                    self.fail(&format!("{at:?} expected \"{start}\" and got \"{line}\""));
                }
            }
            if !self.step(end) {
                self.fail(&format!("{at:?} expected \"{start}\" and nothing came"));
            }
        }
    }

    /// Lets the clock run for `time`.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// True when `at` has received nothing that the scenario has not taken.
    pub fn is_quiet(&mut self, at: Name) -> bool {
        self.agent(at).peek_new().is_none()
    }

    /// `at` receives nothing and says nothing more of itself.
    pub fn silence(&mut self, at: Name) {
        self.agent(at).forget();
        self.agent(at).is_deaf = true;
    }

    /// The connection of `at` is gone; what it sends next comes on a new one.
    pub fn cut(&mut self, at: Name) {
        let old = self.agents[&at].flow.id;
        self.feed(Input::FlowClosed(old));
        self.next_flow += 1;
        let new = FlowId(100 + self.next_flow);
        self.agent(at).flow.id = new;
        let names = self.agents[&at].certificate.clone();
        self.watch.flow_opened(new.0);
        self.feed(Input::FlowOpened(new, PeerIdentity { names, trusted_by: 1, asked_for: None }));
    }

    /// The connection that `request` of ours left on is gone: the shell tells so of each request it wrote on it.
    pub fn loses(&mut self, request: &Text, failure: TransmitFailure) {
        let id = self.left_as.get(&request.branch()).copied().expect("we sent that");
        self.feed(Input::TransmitFailed(id, failure));
    }

    /// Start lines of what we sent to `at` so far, in order.
    pub fn heard(&self, at: Name) -> Vec<String> {
        self.agents[&at].heard().to_vec()
    }

    /// An operator's order.
    pub fn order(&mut self, command: Command) {
        self.feed(Input::Command(CommandId(0), command));
    }

    /// What the engine answers to an operator.
    pub fn ask(&mut self, command: Command) -> Reply {
        self.order(command);
        self.replies.pop().expect("the engine answers every order at once")
    }

    /// Gives the engine something that is no message.
    pub fn feed(&mut self, input: Input) {
        // A restored call goes on under the new configuration, the others under theirs.
        self.reconfigured |= matches!(input, Input::Snapshot(_));
        let mut out = Vec::new();
        self.engine.handle(self.now(), input, &mut out);
        self.obey(out);
    }

    /// Another configuration of the same process.
    pub fn reload(&mut self, settings: &RoutingSettings) {
        let numbering = self.numbering.clone();
        let snapshot = Snapshot::compile_after(settings, numbering).expect("the changed configuration compiles");
        self.numbering = snapshot.numbering();
        self.feed(Input::Snapshot(Arc::new(snapshot)));
    }

    /// Every stable call as data.
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        self.engine.checkpoints().collect()
    }

    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    pub fn agent(&mut self, name: Name) -> &mut Agent {
        self.agents.get_mut(&name).expect("every name has an agent")
    }

    /// Runs until nothing is left to happen, then checks that nothing is held and one record tells of every call.
    pub fn finish(mut self) -> Vec<CallRecord> {
        let end = self.now + PATIENCE;
        self.order(Command::Drain);
        while self.step(end) {
            if self.engine.is_idle() && self.engine.next_timeout().is_none() && self.arrivals.is_empty() {
                break;
            }
        }
        let gauges = self.engine.gauges();
        let held = (gauges.transactions, gauges.dialogs, gauges.calls, gauges.streams, gauges.ports_leased);
        if held != (0, 0, 0, 0, 0) {
            self.fail(&format!("still held after the end: {gauges:?}"));
        }
        if let Some(problem) = self.relay.leftovers() {
            self.fail(&problem);
        }
        if self.started != self.records.len() {
            self.fail(&format!("{} calls and {} records", self.started, self.records.len()));
        }
        let ids: BTreeSet<_> = self.records.iter().map(|record| record.id).collect();
        if ids.len() != self.records.len() {
            self.fail("a call has two records");
        }
        if let Some(problem) = self.watch.unacknowledged() {
            self.fail(&problem);
        }
        if let Some(problem) = self.watch.unanswered() {
            self.fail(&problem);
        }
        for (name, agent) in &self.agents {
            if let Some(request) = agent.untaken() {
                self.fail(&format!("{name:?} got {request}, and nobody expected it"));
            }
        }
        // What the network loses, an agent may wait for in vain.
        for (name, agent) in self.agents.iter().filter(|_| self.network.loss == 0) {
            if let Some(request) = agent.unanswered() {
                self.fail(&format!("{name:?} never got a final answer to {request}"));
            }
        }
        self.records
    }

    /// Ends the test with the seed and the ladder.
    pub fn fail(&self, what: &str) -> ! {
        panic!("{what}\nseed {}\n{}\n", self.seed, self.ladder.join("\n"));
    }

    // ---- time

    /// The next thing that happens before `end`. False when there is none.
    fn step(&mut self, end: Instant) -> bool {
        let repeat = self.agents.values().filter_map(Agent::next_repeat).min();
        let arrival = self.arrivals.keys().next().map(|&(at, _)| at);
        let timer = self.engine.next_timeout();
        let Some(next) = [repeat, arrival, timer].into_iter().flatten().min() else { return false };
        if next > end {
            return false;
        }
        self.now = self.now.max(next);
        if arrival.is_some_and(|at| at <= self.now) {
            if let Some((_, arrival)) = self.arrivals.pop_first() {
                self.arrive(arrival);
            }
        } else if repeat.is_some_and(|at| at <= self.now) {
            self.repeat();
        } else {
            let mut out = Vec::new();
            self.engine.handle_timeout(self.now(), &mut out);
            self.obey(out);
        }
        true
    }

    fn repeat(&mut self) {
        let now = self.now;
        let due: Vec<(Name, Bytes)> = self
            .agents
            .iter_mut()
            .flat_map(|(name, agent)| agent.repeats(now).into_iter().map(|bytes| (*name, bytes)))
            .collect();
        for (name, octets) in due {
            self.send(name, octets);
        }
    }

    fn schedule(&mut self, at: Instant, arrival: Arrival) {
        self.order += 1;
        self.arrivals.insert((at, self.order), arrival);
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::AtEngine { from, octets } => self.at_engine(from, &octets),
            Arrival::AtAgent { to, octets } => self.at_agent(to, &octets),
            Arrival::Input(input) => self.feed(input()),
        }
    }

    fn at_engine(&mut self, from: Name, octets: &Bytes) {
        let flow = self.agents[&from].flow;
        self.watch.flow_opened(flow.id.0);
        let fate = match self.glance(from, flow, octets) {
            Glanced::Done => return,
            Glanced::Read(fate) => fate,
        };
        let read = if flow.transport.is_reliable() {
            let mut framer = StreamFramer::default();
            framer.buffer().extend_from_slice(octets);
            match framer.next(flow.remote) {
                Some(Framed::Message(message)) => Ok(message),
                Some(Framed::Refused(rejection)) => Err(rejection),
                Some(Framed::Ping) | None => return,
            }
        } else {
            match frame::datagram(octets, flow.remote) {
                Some(read) => read,
                None => return,
            }
        };
        match read {
            Ok(message) => {
                let known = self.events.len();
                self.watch.pracked(&Text::new(octets));
                let received = Received { flow, message };
                self.feed(match &received.message {
                    SipMessage::Request(_) if fate == Some(Fate::Taken) => {
                        Input::Admitted { received, since: self.now }
                    }
                    SipMessage::Request(request) if !self.waited.is_zero() && request.to_tag().is_none() => {
                        let waited = u64::try_from(self.waited.as_nanos()).expect("a wait is short");
                        let since = Instant::from_nanos(self.now.as_nanos().saturating_sub(waited));
                        Input::Begins { received, since }
                    }
                    SipMessage::Request(_) | SipMessage::Response(_) => Input::Message(received),
                });
                // Of what is dropped on purpose nothing follows.
                if !self.events.iter().skip(known).any(|event| matches!(event, Event::Dropped(_))) {
                    self.watch.answered(&Text::new(octets));
                    self.watch.asked(&Text::new(octets));
                }
            }
            Err(rejection) => {
                if let Some(answer) = rejection.answer {
                    self.transport(from, answer);
                }
            }
        }
    }

    /// What the shell does before it reads a message while calls are shed.
    fn glance(&mut self, from: Name, flow: Flow, octets: &Bytes) -> Glanced {
        let mut glancer = Glancer::default();
        let Some(glance) = glancer.glance(octets).filter(|_| self.engine.is_shedding()) else {
            return Glanced::Read(None);
        };
        if glance.acknowledges(BUSY_TAG) {
            return Glanced::Done;
        }
        let Some(invite) = glance.invite() else { return Glanced::Read(None) };
        let fate = self.engine.glance(self.now, &flow, &invite, self.waited);
        if fate != Some(Fate::Shed) {
            return Glanced::Read(fate);
        }
        self.events.push(Event::Shed(Shed::Overload));
        let mut answer = Vec::new();
        invite.write_busy(flow.remote, BUSY_TAG, "3", &mut answer);
        self.transport(from, answer.into());
        Glanced::Done
    }

    fn at_agent(&mut self, to: Name, octets: &Bytes) {
        self.ladder.push(format!("{:>12?}  {to:?} <- sbc   {}", self.now.since(Instant::ZERO), first_line(octets)));
        let now = self.now;
        for answer in self.agent(to).receive(now, octets) {
            self.send(to, answer);
        }
    }

    // ---- what the engine wants done

    fn obey(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Transmit(transmit) => self.transmit(transmit),
                Output::Media(command) => {
                    if let Some(event) = self.relay.obey(command, &self.ladder) {
                        let at = self.now + Duration::from_micros(50);
                        self.schedule(at, Arrival::Input(Box::new(move || Input::Media(event))));
                    }
                }
                Output::Resolve(question) if self.resolver_is_silent => self.asked.push((question.host, question.port)),
                Output::Resolve(question) => {
                    self.asked.push((question.host.clone(), question.port));
                    let outcome = self
                        .names
                        .get(&question.host)
                        .cloned()
                        .map_or(Err(trunkline::sip::flow::ResolveFailure::NoSuchName), |addresses| {
                            Ok(Resolved { addresses, ttl: Duration::from_secs(60) })
                        });
                    let at = self.now + Duration::from_millis(5);
                    let answer = Resolution { id: question.id, outcome };
                    self.schedule(at, Arrival::Input(Box::new(move || Input::Resolved(answer))));
                }
                Output::Event(event) => self.note(event),
                Output::CloseFlow(flow) => self.closed.push(flow),
                Output::Bearing(flow, bearing) => self.bearings.push((flow.remote, bearing)),
                Output::Reply(_, reply) => self.replies.push(reply),
            }
        }
        self.restart_calls();
    }

    /// Every stable call is written, read back and put in the place of what it was: it is the same when it is written
    /// again, and whatever happens next happens to the restored one (DESIGN 9).
    fn restart_calls(&mut self) {
        if self.reconfigured {
            return;
        }
        let written: Vec<Vec<u8>> = self.engine.checkpoints().map(|checkpoint| octets_of(&checkpoint)).collect();
        for octets in &written {
            let read: Checkpoint = match serde_json::from_slice(octets) {
                Ok(read) => read,
                Err(error) => self.fail(&format!("a checkpoint cannot be read: {error}")),
            };
            if octets_of(&read) != *octets {
                self.fail("a checkpoint that was read is written otherwise");
            }
            if let Err(problem) = self.engine.resume(read) {
                self.fail(&format!("a checkpoint makes no call: {problem:?}"));
            }
        }
        let again: Vec<Vec<u8>> = self.engine.checkpoints().map(|checkpoint| octets_of(&checkpoint)).collect();
        if again != written {
            self.fail("a restored call is written otherwise");
        }
        self.restored += written.len();
    }

    fn note(&mut self, event: Event) {
        if let Event::Call(CallEvent::AttemptFailed { cause: Cause::Unexpected, .. }) = event {
            self.fail("an attempt failed for what cannot happen");
        }
        match &event {
            Event::Call(CallEvent::Ended(record)) if record.cause == Cause::Unexpected => {
                self.fail("a call ended for what cannot happen");
            }
            Event::Call(CallEvent::Started { .. }) => self.started += 1,
            Event::Call(CallEvent::Ended(record)) => self.records.push((**record).clone()),
            _ => {}
        }
        self.events.push(event);
    }

    fn transmit(&mut self, transmit: Transmit) {
        if let Err(wrong) = self.watch.sent(&transmit.to, &Text::new(&transmit.bytes)) {
            self.fail(&wrong);
        }
        let by_flow = |flow: &Flow| match flow.transport.is_reliable() {
            true => Name::on(flow, &self.agents),
            false => Name::at(flow.remote, &self.agents),
        };
        self.left_as.entry(Text::new(&transmit.bytes).branch()).or_insert(transmit.id);
        self.sent_to.push(match &transmit.to {
            Destination::Flow(flow) => flow.remote,
            Destination::FlowOr(_, target) | Destination::Target(target) => target.address,
        });
        let name = match &transmit.to {
            Destination::Flow(flow) => by_flow(flow),
            Destination::FlowOr(flow, target) => by_flow(flow).or_else(|| Name::at(target.address, &self.agents)),
            Destination::Target(target) => Name::at(target.address, &self.agents),
        };
        let Some(name) = name else {
            return self.unreachable(&transmit);
        };
        if self.agents[&name].is_unreachable || !self.takes(name, &transmit.to) {
            return self.unreachable(&transmit);
        }
        self.check(name, &transmit.bytes);
        self.transport(name, transmit.bytes);
    }

    /// Whether somebody listens there on the transport used.
    fn takes(&mut self, name: Name, to: &Destination) -> bool {
        let agent = &self.agents[&name];
        match to {
            Destination::Target(target) if target.transport == Transport::Tcp => {
                let (is_up, takes) = (agent.flow.transport == Transport::Tcp, agent.takes_tcp);
                if takes && !is_up {
                    self.next_flow += 1;
                    let id = 100 + self.next_flow;
                    self.watch.flow_opened(id);
                    self.agent(name).flow =
                        Flow { id: FlowId(id), transport: Transport::Tcp, ..self.agents[&name].flow };
                }
                takes
            }
            Destination::Target(_) | Destination::Flow(_) | Destination::FlowOr(..) => true,
        }
    }

    fn transport(&mut self, name: Name, octets: Bytes) {
        let reliable = self.agents[&name].flow.transport.is_reliable();
        for delay in self.network.copies(reliable) {
            self.schedule(self.now + delay, Arrival::AtAgent { to: name, octets: octets.clone() });
        }
    }

    fn unreachable(&mut self, transmit: &Transmit) {
        let id = transmit.id;
        self.ladder.push(format!(
            "{:>12?}  nobody <- sbc  {}",
            self.now.since(Instant::ZERO),
            first_line(&transmit.bytes)
        ));
        let at = self.now + Duration::from_millis(1);
        self.schedule(at, Arrival::Input(Box::new(move || Input::TransmitFailed(id, TransmitFailure::ConnectFailed))));
    }

    /// Every message of ours must be readable, and must not show one side to the other.
    fn check(&self, to: Name, octets: &Bytes) {
        let Some(Ok(message)) = frame::datagram(octets, self.agents[&to].flow.remote) else {
            self.fail(&format!("we sent what we cannot read ourselves:\n{}", String::from_utf8_lossy(octets)));
        };
        // A dialog that is not ours is named by whoever asks for it, octet for octet (MD-75).
        let text = String::from_utf8_lossy(octets).into_owned();
        let text: String = text.split_inclusive('\n').filter(|line| !line.starts_with("Replaces:")).collect();
        for (name, agent) in &self.agents {
            if *name != to && name.side() != to.side() {
                for secret in agent.secrets() {
                    if text.contains(secret) {
                        self.fail(&format!("{to:?} was shown \"{secret}\" of {name:?}:\n{text}"));
                    }
                }
            }
        }
        let sdp = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        let wants_srtp = self.agents[&to].flow.transport == Transport::Tls;
        if sdp.contains("m=audio") && wants_srtp != sdp.contains("RTP/SAVP") {
            self.fail(&format!("{to:?} got the wrong protection:\n{text}"));
        }
        if let SipMessage::Request(request) = message
            && request.max_forwards.is_none()
        {
            self.fail("a request without Max-Forwards");
        }
    }
}

fn octets_of(checkpoint: &Checkpoint) -> Vec<u8> {
    serde_json::to_vec(checkpoint).expect("a checkpoint can be written")
}

fn first_line(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let line = text.lines().next().unwrap_or_default().to_owned();
    let cseq = text.lines().find(|line| line.starts_with("CSeq")).unwrap_or_default().to_owned();
    format!("{line}  [{cseq}]")
}

/// A flow for an agent: datagrams and connections alike, one remote address each.
pub fn flow(id: u64, transport: Transport, listener: u16, remote: &str) -> Flow {
    Flow {
        id: FlowId(id),
        transport,
        listener: ListenerId(listener),
        local: "203.0.113.1:5060".parse().expect("an address"),
        remote: remote.parse().expect("an address"),
    }
}
