//! What every task of the signalling shell sees.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use super::arrival::{News, Sink};
use super::counters::{ConnectionOutcome, Counters, Direction};
use super::dial_log::DialLog;
use super::flows::Flows;
use super::guard::{Gate, Offence, Over, Source, Visitor};
use super::resolver::Resolver;
use super::seats::Seats;
use super::settings::{ListenerSettings, SecondReader, Tap};
use super::tls::{TlsMaterial, TlsServer};
use super::udp::UdpPort;
use crate::base::Entropy;
use crate::base::ids::{FlowId, ListenerId, TransmitId};
use crate::base::limits::Limits;
use crate::base::text::Escaped;
use crate::sip::Rejection;
use crate::sip::flow::{Flow, TransmitFailure};

/// Set in the [`FlowId`] of a datagram flow.
const DATAGRAM: u64 = 1 << 63;

/// State of the shell; everything in it is safe to share.
pub struct Shared {
    /// Those of the configuration, and those that only running calls still need.
    pub listeners: ArcSwap<Vec<Arc<ListenerSettings>>>,
    pub limits: Limits,
    pub sink: Arc<dyn Sink>,
    pub counters: Arc<Counters>,
    pub flows: Flows,
    pub dials: DialLog,
    pub seats: Arc<Seats>,
    pub tls: ArcSwap<TlsMaterial>,
    /// Our side of each TLS listener.
    pub servers: ArcSwap<BTreeMap<ListenerId, TlsServer>>,
    /// Held by whoever changes `listeners`, `tls`, `servers` or `udp`.
    pub changing: Mutex<()>,
    pub udp: ArcSwap<Vec<Arc<UdpPort>>>,
    pub resolver: ArcSwap<Resolver>,
    pub second_reader: Option<SecondReader>,
    pub tap: Option<Tap>,
    pub gate: Arc<Gate>,
    pub runtime: Handle,
    pub entropy: Mutex<Box<dyn Entropy + Send>>,
    pub next_flow: AtomicU64,
    pub datagram_key: RandomState,
    /// To tag of the answers to calls that are shed before they are read.
    pub busy_tag: String,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}

impl Shared {
    /// The id of a new connection.
    pub fn new_flow(&self) -> FlowId {
        FlowId(self.next_flow.fetch_add(1, Ordering::Relaxed) & !DATAGRAM)
    }

    /// The id of the datagram flow between a listener and a remote address: a keyed hash instead of a table, which a
    /// stranger could fill. Two flows with one id need 2^31 addresses by chance, and the key keeps it to chance.
    pub fn datagram_flow(&self, listener: ListenerId, remote: SocketAddr) -> FlowId {
        FlowId(self.datagram_key.hash_one((listener, remote)) | DATAGRAM)
    }

    /// The settings of one listener.
    pub fn listener(&self, id: ListenerId) -> Option<Arc<ListenerSettings>> {
        self.listeners.load().iter().find(|listener| listener.id == id).cloned()
    }

    /// The socket of a datagram listener.
    pub fn udp_port(&self, id: ListenerId) -> Option<Arc<UdpPort>> {
        self.udp.load().iter().find(|port| port.listener == id).cloned()
    }

    /// Tells that a message did not leave.
    pub fn fail(&self, id: TransmitId, failure: TransmitFailure) {
        self.counters.transmit_failures.add(failure);
        self.sink.report(News::TransmitFailed(id, failure));
    }

    /// Shows a message to whoever listens in.
    pub fn tap(&self, direction: Direction, flow: &Flow, octets: &[u8]) {
        if let Some(Tap(tap)) = &self.tap {
            tap(direction, flow, octets);
        }
    }

    /// Counts and logs a message that the wire layer refused.
    pub fn refused(&self, flow: &Flow, rejection: &Rejection) {
        self.counters.refused.add(rejection.kind);
        self.offended(flow, Offence::Malformed);
        let first = rejection.answer.as_deref().unwrap_or_default().split(|octet| *octet == b'\r').next();
        tracing::debug!(
            remote = %flow.remote,
            kind = ?rejection.kind,
            answer = %Escaped::new(first.unwrap_or_default()),
            "message refused"
        );
    }

    /// True when the far end may get an answer of the shell's own.
    pub fn answers(&self, flow: &Flow) -> bool {
        self.gate.answers(flow)
    }

    /// Counts what the far end of a flow did. If that brings its ban, its connections are closed. Whoever proved itself
    /// on this connection is no stranger, however long ago that was, and neither is whom we dialled.
    pub fn offended(&self, flow: &Flow, offence: Offence) {
        self.counters.offences.add(offence);
        if self.flows.connection(flow.id).is_some_and(|connection| connection.visitor == Visitor::Peer) {
            return;
        }
        let Some(ban) = self.gate.offend(flow, offence) else { return };
        self.counters.bans.add(offence);
        tracing::info!(
            remote = %ban.source,
            over = ban.over.transports(),
            why = offence.words(),
            banned_s = ban.left.as_secs(),
            times = ban.times,
            "source banned"
        );
        if ban.over == Over::Connections {
            self.close_strangers(ban.source);
        }
    }

    fn close_strangers(&self, source: Source) {
        for connection in self.flows.all() {
            if connection.visitor == Visitor::Stranger && Source::of(connection.flow.remote.ip()) == source {
                connection.close(ConnectionOutcome::Banned);
            }
        }
    }

    /// 64 random bits.
    pub fn draw(&self) -> u64 {
        self.entropy.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }
}
