//! The engine's hand on the network: messages are put on their connections, then every connection that got some is
//! written once. Nothing here waits.

use std::sync::Arc;

use super::aliases;
use super::connection::{Connection, Pushed};
use super::counters::{ConnectionOutcome, Direction, MessageKind};
use super::dial;
use super::flows::Found;
use super::guard::Offence;
use super::shared::Shared;
use crate::base::ids::FlowId;
use crate::sip::flow::{
    Bearing, Destination, Flow, PeerIdentity, Resolve, Target, Transmit, TransmitFailure, Transport,
};

/// Sends what the engine gives out. Owned with the engine, by whoever steers it.
#[derive(Debug)]
pub struct Outgoing {
    shared: Arc<Shared>,
    /// Connections that wait for [`Outgoing::flush`].
    touched: Vec<Arc<Connection>>,
}

impl Outgoing {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Outgoing { shared, touched: Vec::new() }
    }

    /// Takes one message. Datagrams leave at once; messages of connections with [`Outgoing::flush`].
    pub fn transmit(&mut self, transmit: Transmit) {
        match transmit.to.clone() {
            Destination::Flow(flow) => match self.connection_of(&flow) {
                Some(connection) => self.push(connection, transmit),
                None if flow.transport == Transport::Udp => self.send_datagram(flow, transmit),
                None => self.shared.fail(transmit.id, TransmitFailure::FlowGone),
            },
            Destination::Target(target) => self.send_to_target(target, transmit),
            Destination::FlowOr(flow, target) => match self.connection_of(&flow) {
                Some(connection) => self.push(connection, transmit),
                None if flow.transport == Transport::Udp => self.send_datagram(flow, transmit),
                None => self.send_to_target(target, transmit),
            },
        }
    }

    /// Writes what was taken since the last call: one write per connection.
    pub fn flush(&mut self) {
        for connection in self.touched.drain(..) {
            connection.flush();
        }
    }

    /// Asks the resolver; the answer comes as news.
    pub fn resolve(&self, question: Resolve) {
        self.shared.resolver.load().ask(&self.shared, question);
    }

    /// Closes a connection; what was pushed before still leaves.
    pub fn close(&mut self, id: FlowId) {
        if let Some(connection) = self.shared.flows.connection(id) {
            connection.flush();
            connection.close(ConnectionOutcome::Closed);
        }
    }

    /// Notes how the far end of a flow has borne itself.
    pub fn note(&self, flow: &Flow, bearing: Bearing) {
        match bearing {
            Bearing::Trusted => self.shared.gate.trust(flow),
            Bearing::Unknown => self.shared.offended(flow, Offence::UnknownSource),
            Bearing::Scanner => self.shared.offended(flow, Offence::Scanner),
            Bearing::WrongCredentials => self.shared.offended(flow, Offence::WrongCredentials),
        }
    }

    fn connection_of(&self, flow: &Flow) -> Option<Arc<Connection>> {
        match flow.transport {
            Transport::Udp => None,
            Transport::Tcp | Transport::Tls => {
                self.shared.flows.connection(flow.id).filter(|connection| connection.is_open())
            }
        }
    }

    fn send_to_target(&mut self, target: Target, transmit: Transmit) {
        match target.transport {
            Transport::Udp => {
                let flow = Flow {
                    id: self.shared.datagram_flow(target.listener, target.address),
                    transport: Transport::Udp,
                    listener: target.listener,
                    local: target.address,
                    remote: target.address,
                };
                self.send_datagram(flow, transmit);
            }
            Transport::Tcp | Transport::Tls => self.send_on_pool(target, transmit),
        }
    }

    fn send_on_pool(&mut self, target: Target, transmit: Transmit) {
        let listener = self.shared.listener(target.listener);
        let serves =
            |peer: &PeerIdentity| listener.as_ref().is_some_and(|listener| aliases::serves(listener, peer, &target));
        match self.shared.flows.find(&target, transmit, self.shared.limits.connection_write_octets, serves) {
            Found::Connection(connection, transmit) => self.push(connection, transmit),
            Found::MustDial => {
                self.shared.runtime.spawn(dial::dial(self.shared.clone(), target));
            }
            Found::Waits => {}
            Found::Full(transmit) => self.shared.fail(transmit.id, TransmitFailure::Congested),
        }
    }

    fn push(&mut self, connection: Arc<Connection>, transmit: Transmit) {
        if put(&self.shared, &connection, transmit) == Pushed::First {
            self.touched.push(connection);
        }
    }

    fn send_datagram(&self, flow: Flow, transmit: Transmit) {
        let Some(port) = self.shared.udp_port(flow.listener) else {
            return self.shared.fail(transmit.id, TransmitFailure::SendFailed);
        };
        let kind = MessageKind::of_octets(&transmit.bytes);
        self.shared.tap(Direction::Sent, &Flow { local: port.local, ..flow }, &transmit.bytes);
        if !transmit.bytes.starts_with(b"SIP/2.0 ") {
            // Who is asked is expected to answer, wherever a name or a Contact has led.
            self.shared.gate.trust(&flow);
        }
        match port.send(flow.remote, transmit.bytes) {
            Ok(()) => self.shared.counters.messages.add(Transport::Udp, Direction::Sent, kind),
            Err(_) => self.shared.fail(transmit.id, TransmitFailure::SendFailed),
        }
    }
}

/// Queues a message on a connection; counts it, or tells that it failed.
pub(super) fn put(shared: &Shared, connection: &Connection, transmit: Transmit) -> Pushed {
    let kind = MessageKind::of_octets(&transmit.bytes);
    shared.tap(Direction::Sent, &connection.flow, &transmit.bytes);
    let pushed = connection.push(Some(transmit.id), transmit.bytes);
    match pushed {
        Pushed::First | Pushed::Behind => {
            shared.counters.messages.add(connection.flow.transport, Direction::Sent, kind);
        }
        Pushed::Refused(failure) => shared.fail(transmit.id, failure),
    }
    pushed
}
