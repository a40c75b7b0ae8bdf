//! One datagram listener: read in batches, written from any thread without waiting.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::arrival::classify_late;
use super::backlog::Unbroken;
use super::counters::TurnedAway;
use super::deliver::deliver_or_drop;
use super::glancing::{self, Dealt};
use super::guard::{Verdict, Visitor};
use super::refusals::Refusals;
use super::shared::Shared;
use crate::base::ids::ListenerId;
use crate::base::limits::WAITING_DATAGRAMS;
use crate::sip::flow::{Flow, PeerIdentity, Received, Transport};
use crate::sip::frame::datagram;
use crate::sip::glance::Glancer;

/// Datagrams read before other tasks get their turn.
const BATCH: usize = 64;
/// The longest datagram.
const DATAGRAM_OCTETS: usize = 65_535;
/// Receive buffer asked of the system: a second of a call storm. The system may give less (`net.core.rmem_max`).
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// The socket of one datagram listener.
#[derive(Debug)]
pub struct UdpPort {
    pub listener: ListenerId,
    pub local: SocketAddr,
    socket: UdpSocket,
    waiting: Mutex<VecDeque<(SocketAddr, Bytes)>>,
    wake: Notify,
}

impl UdpPort {
    /// Binds. The address is not shared with another process: a second one must fail loudly.
    ///
    /// # Errors
    /// What the system says; `AddrInUse` when the port is taken.
    pub fn bind(listener: ListenerId, address: SocketAddr) -> io::Result<UdpPort> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        UdpPort::of(listener, socket.into())
    }

    /// A port whose socket is bound already.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn of(listener: ListenerId, socket: UdpSocket) -> io::Result<UdpPort> {
        // A smaller buffer than asked for is no reason not to start.
        let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        let _ = SockRef::from(&socket).set_send_buffer_size(RECEIVE_BUFFER);
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        Ok(UdpPort { listener, local, socket, waiting: Mutex::new(VecDeque::new()), wake: Notify::new() })
    }

    /// Sends one datagram now, or as soon as the socket takes it.
    ///
    /// # Errors
    /// The system refused it, or too many wait already.
    pub fn send(&self, to: SocketAddr, bytes: Bytes) -> io::Result<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() {
            match self.send_now(to, &bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return sent,
            }
        }
        if waiting.len() >= WAITING_DATAGRAMS {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        waiting.push_back((to, bytes));
        drop(waiting);
        self.wake.notify_one();
        Ok(())
    }

    fn send_now(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        loop {
            match self.socket.send_to(bytes, to) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // An ICMP error of an earlier datagram; this one was not tried.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// `WouldBlock`: some still wait.
    fn send_waiting(&self) -> io::Result<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((to, bytes)) = waiting.front() {
            match self.send_now(*to, bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                // Nobody can be told any more; the transaction repeats it.
                Ok(()) | Err(_) => waiting.pop_front(),
            };
        }
        Ok(())
    }

    /// Sends what waits, whenever something does.
    async fn send_late(&self) {
        loop {
            self.wake.notified().await;
            if self.has_waiting() {
                self.send_rest().await;
            }
        }
    }

    /// Sends what waits as the socket takes it. Watched only then: a socket watched for room all the time wakes us
    /// for every datagram that has left.
    async fn send_rest(&self) {
        let Ok(watched) = self.watched(Interest::WRITABLE) else {
            // As if they were lost on the way: the transactions repeat them.
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
            return tracing::warn!(local = %self.local, "the socket cannot be watched; the datagrams that waited are lost");
        };
        while let Ok(mut ready) = watched.writable().await {
            if ready.try_io(|_| self.send_waiting()).is_ok() {
                return;
            }
        }
    }

    #[expect(
        deprecated,
        reason = "deprecated for types whose descriptor may change; std's socket keeps its own, and the successor is unsafe"
    )]
    fn watched(&self, interest: Interest) -> io::Result<AsyncFd<UdpSocket>> {
        AsyncFd::with_interest(self.socket.try_clone()?, interest)
    }

    fn has_waiting(&self) -> bool {
        !self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Reads one listener, and sends what its socket did not take at once, until the process ends. Side by side: while
/// datagrams never cease to come, those that wait leave all the same.
pub async fn serve(shared: Arc<Shared>, port: Arc<UdpPort>) {
    tokio::join!(read(&shared, &port), port.send_late());
}

async fn read(shared: &Shared, port: &UdpPort) {
    let Ok(watched) = port.watched(Interest::READABLE) else {
        tracing::error!(local = %port.local, "the socket cannot be watched; this listener is deaf");
        return;
    };
    let mut buffer = vec![0u8; DATAGRAM_OCTETS];
    let mut unbroken = Unbroken::default();
    let mut looks = Looks { glancer: Glancer::default(), refusals: Refusals::new(Instant::now()), answers: Vec::new() };
    loop {
        if let Ok(mut ready) = watched.readable().await {
            unbroken.begin();
            let batch = read_batch(shared, port, unbroken.since(), (&mut buffer, &mut looks));
            looks.answer(port);
            shared.sink.settle();
            match batch {
                Batch::Emptied => {
                    unbroken.emptied();
                    ready.clear_ready();
                }
                // Other listeners and the connections have their turn.
                Batch::Full => tokio::task::yield_now().await,
            }
        }
    }
}

/// What datagrams are looked at with, and what was refused so.
struct Looks {
    glancer: Glancer,
    refusals: Refusals,
    /// Of one batch, [`BATCH`] at most: they leave together, and whoever hears them is woken once.
    answers: Vec<(SocketAddr, Bytes)>,
}

impl Looks {
    fn answer(&mut self, port: &UdpPort) {
        for (to, answer) in self.answers.drain(..) {
            // An answer that does not leave is repeated when the request is.
            let _ = port.send(to, answer);
        }
    }
}

/// How a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batch {
    Emptied,
    /// More may wait.
    Full,
}

fn read_batch(
    shared: &Shared,
    port: &UdpPort,
    since: Option<Instant>,
    (buffer, looks): (&mut [u8], &mut Looks),
) -> Batch {
    for _ in 0..BATCH {
        match port.socket.recv_from(buffer) {
            Ok((length, remote)) => {
                take(shared, port, (remote, buffer.get(..length).unwrap_or_default()), (since, looks));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Batch::Emptied,
            // An ICMP error of something we sent: says nothing about what waits to be read.
            Err(_) => {}
        }
    }
    Batch::Full
}

fn take(
    shared: &Shared,
    port: &UdpPort,
    (remote, octets): (SocketAddr, &[u8]),
    (since, looks): (Option<Instant>, &mut Looks),
) {
    let flow = Flow {
        id: shared.datagram_flow(port.listener, remote),
        transport: Transport::Udp,
        listener: port.listener,
        local: port.local,
        remote,
    };
    let turned_away = match shared.gate.message(&flow) {
        Verdict::Take => None,
        Verdict::Banned => Some(TurnedAway::Banned),
        Verdict::TooMany => Some(TurnedAway::StrangerRate),
    };
    if let Some(reason) = turned_away {
        return shared.counters.turned_away.add(reason);
    }
    let settled = match glance(shared, (&flow, octets), (since, looks)) {
        Dealt::Done => return,
        Dealt::Read(settled) => settled,
    };
    match datagram(&Bytes::copy_from_slice(octets), remote) {
        Some(Ok(message)) => {
            let class = settled.unwrap_or_else(|| classify_late(&message, since, &shared.limits));
            deliver_or_drop(shared, class, Received { flow, message });
        }
        Some(Err(rejection)) => {
            shared.refused(&flow, &rejection);
            if let Some(answer) = rejection.answer
                && shared.answers(&flow)
            {
                // An answer that does not leave is repeated when the request is.
                let _ = port.send(remote, answer);
            }
        }
        None => {
            shared.counters.keep_alives.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Deals with a datagram without reading it, where that can be done: a peer's, while calls are shed or may be repeated.
fn glance(shared: &Shared, (flow, octets): (&Flow, &[u8]), (since, looks): (Option<Instant>, &mut Looks)) -> Dealt {
    let looks_on = shared.sink.is_shedding() || !looks.refusals.is_empty(Instant::now());
    if !looks_on || shared.gate.visitor(flow, &PeerIdentity::default()) != Visitor::Peer {
        return Dealt::Read(None);
    }
    let Some(glance) = looks.glancer.glance(octets) else { return Dealt::Read(None) };
    let waited = since.map_or(Duration::ZERO, |since| since.elapsed());
    let mut answer = Vec::new();
    let dealt = glancing::deal(shared, flow, glance, (waited, Some(&mut looks.refusals)), &mut answer);
    if !answer.is_empty() {
        looks.answers.push((flow.remote, answer.into()));
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The socket took one no more, and reads without a pause ever since.
    #[tokio::test]
    async fn what_waits_leaves_while_reading_never_ends() {
        let port = UdpPort::bind(ListenerId(1), "127.0.0.1:0".parse().unwrap()).unwrap();
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        far.set_nonblocking(true).unwrap();
        port.waiting.lock().unwrap().push_back((far.local_addr().unwrap(), Bytes::from_static(b"late")));
        // Those that follow line up behind it.
        port.send(far.local_addr().unwrap(), Bytes::from_static(b"later")).unwrap();
        let busy = async {
            let mut heard = Vec::new();
            for _ in 0..10_000_000 {
                let mut buffer = [0; 16];
                if let Ok(length) = far.recv(&mut buffer) {
                    heard.push(buffer[..length].to_vec());
                }
                if heard.len() == 2 {
                    break;
                }
                tokio::task::consume_budget().await;
            }
            heard
        };
        tokio::select! {
            heard = busy => assert_eq!(heard, [b"late".to_vec(), b"later".to_vec()]),
            () = port.send_late() => unreachable!("it never ends"),
        }
        assert!(!port.has_waiting());
    }
}
