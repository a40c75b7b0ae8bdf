//! The writing side of one connection, TCP or TLS. Any thread may write: the octets go straight to the socket, and
//! only what the socket does not take waits, bounded, for the connection's task. So a message costs no thread hop.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio_rustls::rustls::Connection as TlsSession;

use super::counters::ConnectionOutcome;
use super::guard::Visitor;
use crate::base::bounds::Bound;
use crate::base::ids::TransmitId;
use crate::base::limits::WRITTEN_REQUESTS;
use crate::sip::flow::{Flow, TransmitFailure};

/// Pieces handed to the kernel (or to TLS) in one call.
const PIECES: usize = 16;

/// One connection that is up.
#[derive(Debug)]
pub struct Connection {
    pub flow: Flow,
    /// What its far end has proved to be, or was dialled as.
    pub visitor: Visitor,
    socket: OwnedWriteHalf,
    channel: Mutex<Channel>,
    /// Wakes the task: there is something to write when the socket allows, or the end has come.
    wake: Notify,
    /// Something was read or written since the task last looked (idle limit).
    used: AtomicBool,
    /// Octets that may wait.
    limit: usize,
}

#[derive(Debug)]
struct Channel {
    tls: Option<Box<TlsSession>>,
    waiting: VecDeque<Waiting>,
    octets: usize,
    /// Requests that were written, oldest first. Which of them have been answered only the engine knows.
    written: VecDeque<TransmitId>,
    /// Messages that left whole.
    left: u64,
    /// `Some`: no more is written; the task ends with this outcome.
    end: Option<ConnectionOutcome>,
}

#[derive(Debug)]
struct Waiting {
    /// `None`: the shell's own answer; nobody is told when it is lost.
    id: Option<TransmitId>,
    says: Says,
    bytes: Bytes,
}

/// What a message is to its far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// A request: its answer is owed, and will not come when the connection breaks.
    Asks,
    /// A response, a keep-alive: nothing is owed.
    Tells,
}

/// What became of the messages of a connection that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Lost {
    /// Never left, or in part.
    pub unsent: Vec<TransmitId>,
    /// Requests that left. The answered ones among them are nobody's any more.
    pub written: VecDeque<TransmitId>,
}

/// What [`Connection::push`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The first to wait: somebody must call [`Connection::flush`].
    First,
    /// Waits behind others.
    Behind,
    /// Not taken.
    Refused(TransmitFailure),
}

/// What became of the octets that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    All,
    /// The socket takes no more for now.
    Part,
    /// The connection is broken and ends.
    Broken,
}

/// What one arrival of octets meant for the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Open,
    /// The far end has said that nothing more comes.
    Ended,
}

impl Connection {
    /// `tls`: the session after its handshake. `limit`: octets that may wait to be written.
    pub fn new(
        (flow, visitor): (Flow, Visitor),
        socket: OwnedWriteHalf,
        tls: Option<Box<TlsSession>>,
        limit: usize,
    ) -> Self {
        let channel =
            Channel { tls, waiting: VecDeque::new(), octets: 0, written: VecDeque::new(), left: 0, end: None };
        Connection {
            flow,
            visitor,
            socket,
            channel: Mutex::new(channel),
            wake: Notify::new(),
            used: AtomicBool::new(true),
            limit,
        }
    }

    /// Queues one message. At the limit the connection is closed: a peer that does not read is gone (R-B4).
    pub fn push(&self, id: Option<TransmitId>, bytes: Bytes) -> Pushed {
        let mut channel = self.lock();
        if channel.end.is_some() {
            return Pushed::Refused(TransmitFailure::FlowGone);
        }
        if channel.octets.saturating_add(bytes.len()) > self.limit {
            channel.end = Some(ConnectionOutcome::Congested);
            drop(channel);
            self.wake.notify_one();
            return Pushed::Refused(TransmitFailure::Congested);
        }
        channel.octets += bytes.len();
        channel.waiting.push_back(Waiting { id, says: Says::of(&bytes), bytes });
        self.used.store(true, Ordering::Relaxed);
        if channel.waiting.len() == 1 { Pushed::First } else { Pushed::Behind }
    }

    /// Writes as much as the socket takes now and wakes the task for the rest. Never waits.
    pub fn flush(&self) {
        match self.write_on() {
            Written::All => {}
            Written::Part | Written::Broken => self.wake.notify_one(),
        }
    }

    /// Writes as much as the socket takes now. For the task itself: it must not wake itself, or it would never rest.
    pub fn write_on(&self) -> Written {
        let mut channel = self.lock();
        if channel.end.is_some() {
            return Written::All;
        }
        match channel.write(&self.socket) {
            Ok(()) if channel.has_backlog() => Written::Part,
            Ok(()) => Written::All,
            Err(_) => {
                channel.end = Some(ConnectionOutcome::Broken);
                Written::Broken
            }
        }
    }

    /// Takes octets from the socket and appends what they say to `out`.
    ///
    /// # Errors
    /// The TLS session is broken; its alert has been sent if it could be.
    pub fn absorb(&self, octets: &[u8], out: &mut BytesMut) -> io::Result<Stream> {
        let mut channel = self.lock();
        let Some(tls) = channel.tls.as_mut() else {
            out.extend_from_slice(octets);
            return Ok(Stream::Open);
        };
        let outcome = decrypt(tls, octets, out);
        if tls.wants_write() {
            // An alert, a key update or a close_notify of ours; a failure shows at the next read.
            let _ = channel.write(&self.socket);
        }
        outcome
    }

    /// Asks the task to end. The first reason counts.
    pub fn close(&self, outcome: ConnectionOutcome) {
        self.lock().end.get_or_insert(outcome);
        self.wake.notify_one();
    }

    /// The reason to end, once there is one.
    pub fn end(&self) -> Option<ConnectionOutcome> {
        self.lock().end
    }

    /// True while messages can be pushed.
    pub fn is_open(&self) -> bool {
        self.end().is_none()
    }

    /// True when octets wait for the socket.
    pub fn has_backlog(&self) -> bool {
        self.lock().has_backlog()
    }

    /// Messages that left whole since the connection is up: whether the far end takes octets shows here.
    pub fn left(&self) -> u64 {
        self.lock().left
    }

    /// True when something was read or written since the last call.
    pub fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    /// Notes that something was read.
    pub fn mark_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// Waits for [`Connection::close`] or for a backlog.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Waits until the socket takes octets.
    ///
    /// # Errors
    /// The socket is broken.
    pub async fn writable(&self) -> io::Result<()> {
        self.socket.writable().await
    }

    /// Says goodbye (TLS close_notify, FIN) and returns the messages that never left or may not be answered.
    pub fn finish(&self, outcome: ConnectionOutcome) -> Lost {
        let mut channel = self.lock();
        channel.end.get_or_insert(outcome);
        if let Some(tls) = channel.tls.as_mut() {
            tls.send_close_notify();
        }
        // Best effort: the far end may be gone already.
        let _ = channel.write(&self.socket);
        let unsent = channel.waiting.drain(..).filter_map(|waiting| waiting.id).collect();
        let written = mem::take(&mut channel.written);
        channel.octets = 0;
        drop(channel);
        let _ = socket2::SockRef::from(self.socket.as_ref()).shutdown(std::net::Shutdown::Write);
        Lost { unsent, written }
    }

    fn lock(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    fn has_backlog(&self) -> bool {
        !self.waiting.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Writes until nothing waits or the socket takes no more.
    fn write(&mut self, socket: &OwnedWriteHalf) -> io::Result<()> {
        loop {
            if let Some(tls) = self.tls.as_mut() {
                while tls.wants_write() {
                    match tls.write_tls(&mut Direct(socket)) {
                        Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                        Err(error) => return Err(error),
                    }
                }
            }
            if self.waiting.is_empty() {
                return Ok(());
            }
            match self.write_pieces(socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn write_pieces(&mut self, socket: &OwnedWriteHalf) -> io::Result<usize> {
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let mut count = 0;
        for (piece, waiting) in pieces.iter_mut().zip(&self.waiting) {
            *piece = IoSlice::new(&waiting.bytes);
            count += 1;
        }
        let pieces = pieces.get(..count).unwrap_or_default();
        match self.tls.as_mut() {
            Some(tls) => tls.writer().write_vectored(pieces),
            None => socket.try_write_vectored(pieces),
        }
    }

    fn advance(&mut self, written: usize) {
        self.octets = self.octets.saturating_sub(written);
        let mut left = written;
        while let Some(front) = self.waiting.front_mut() {
            if left < front.bytes.len() {
                front.bytes.advance(left);
                return;
            }
            left -= front.bytes.len();
            if let Some(whole) = self.waiting.pop_front() {
                self.left += 1;
                self.remember(&whole);
            }
        }
    }

    fn remember(&mut self, whole: &Waiting) {
        if let (Some(id), Says::Asks) = (whole.id, whole.says) {
            if self.written.len() == WRITTEN_REQUESTS {
                Bound::WrittenRequests.reached();
                self.written.pop_front();
            }
            self.written.push_back(id);
        }
    }
}

impl Says {
    fn of(octets: &[u8]) -> Says {
        if octets.starts_with(b"SIP/2.0 ") { Says::Tells } else { Says::Asks }
    }
}

fn decrypt(tls: &mut TlsSession, octets: &[u8], out: &mut BytesMut) -> io::Result<Stream> {
    let mut rest = octets;
    loop {
        let taken = if rest.is_empty() { 0 } else { tls.read_tls(&mut rest)? };
        let state = tls.process_new_packets().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let plain = state.plaintext_bytes_to_read();
        if plain > 0 {
            let start = out.len();
            out.resize(start + plain, 0);
            tls.reader().read_exact(out.get_mut(start..).unwrap_or_default())?;
        }
        if state.peer_has_closed() {
            return Ok(Stream::Ended);
        }
        if taken == 0 {
            return Ok(Stream::Open);
        }
    }
}

/// The socket as `io::Write` that never waits.
struct Direct<'a>(&'a OwnedWriteHalf);

impl Write for Direct<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.try_write(octets)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
