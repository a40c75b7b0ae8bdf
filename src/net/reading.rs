//! The task of one connection: reads, frames, answers what can be answered on the spot, hands the rest up, and
//! writes what the socket did not take at once. It ends the connection when a deadline or a limit says so.

use std::future::poll_fn;
use std::io;
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use rustix::io::ioctl_fionread;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, Sleep};

use super::aliases;
use super::arrival::{Class, News, classify_late};
use super::backlog::Backlog;
use super::connection::{Connection, Stream, Written};
use super::counters::ConnectionOutcome;
use super::deliver::{deliver, stateless_503};
use super::glancing::{self, Dealt};
use super::guard::{Verdict, Visitor};
use super::own_pings::{self, Due, OwnPings, PING};
use super::seats::Seat;
use super::shared::Shared;
use crate::base::limits::PINGS_PER_S;
use crate::sip::flow::{KeepAlive, Received, TransmitFailure};
use crate::sip::frame::{Framed, StreamFramer};
use crate::sip::{Rejection, SipMessage};

/// Octets of one read.
const READ_OCTETS: usize = 16 * 1024;
/// Messages that are taken from one connection in one go: one read brings hundreds of small ones.
const TURN: usize = 16;
/// RFC 5626 4.4.1: the answer to a keep-alive.
const PONG: Bytes = Bytes::from_static(b"\r\n");
/// After the end of a stream we read on this long, so that a last answer is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);
/// Octets read and thrown away meanwhile.
const LINGER_OCTETS: usize = 256 * 1024;
/// Requests before the octets that ended a stream may still be answered: their answers get this long.
const LAST_ANSWERS: Duration = Duration::from_millis(100);
/// Longer than any process runs: no deadline.
const NEVER: Duration = Duration::from_secs(86_400 * 365);

/// Where a connection comes from.
#[derive(Debug)]
pub enum Origin {
    /// It holds a seat; its far end keeps it alive.
    Accepted(Seat),
    /// How it is kept alive.
    Dialled(KeepAlive),
}

/// Runs one connection to its end and clears up after it.
pub async fn run(shared: Arc<Shared>, connection: Arc<Connection>, read: OwnedReadHalf, origin: Origin) {
    shared.counters.open.fetch_add(1, Ordering::Relaxed);
    let limits = &shared.limits;
    let (visitor, keep_alive, idle) = match &origin {
        Origin::Accepted(seat) => (seat.visitor(), KeepAlive::Never, Duration::from_secs(limits.idle_connection_s)),
        Origin::Dialled(keep_alive) => (Visitor::Peer, *keep_alive, NEVER),
    };
    let (waits_for, first) = match visitor {
        Visitor::Peer => (Deadline::Idle, idle),
        Visitor::Stranger => (Deadline::First, Duration::from_secs(limits.first_message_s)),
    };
    let mut reader = Reader {
        connection: connection.clone(),
        read,
        framer: StreamFramer::default(),
        pings: Pings { since: Instant::now(), count: 0 },
        own_pings: own_pings(&shared, &connection, keep_alive),
        offers: match &origin {
            Origin::Accepted(_) => Offers::Possible,
            Origin::Dialled(_) => Offers::Noted,
        },
        visitor,
        said: Said::Nothing,
        has_moved_on: false,
        begun: Instant::now(),
        backlog: Backlog::default(),
        heard: false,
        timer: Box::pin(tokio::time::sleep(first)),
        waits_for,
        stall: None,
        idle,
        message: Duration::from_secs(limits.message_s),
        write: Duration::from_secs(limits.write_s),
        shared: shared.clone(),
    };
    let outcome = reader.serve().await;
    let lost = connection.finish(outcome);
    shared.flows.closed(&connection);
    shared.counters.connections.add(outcome);
    shared.counters.open.fetch_sub(1, Ordering::Relaxed);
    let failure = failure_of(outcome);
    for id in lost.unsent {
        shared.fail(id, failure);
    }
    // RFC 3261 8.1.3.1: the answer of a request that left on a connection that broke is not waited for.
    for id in lost.written {
        shared.sink.report(News::TransmitFailed(id, failure));
    }
    shared.sink.report(News::FlowClosed(connection.flow.id));
    tracing::debug!(flow = connection.flow.id.0, remote = %connection.flow.remote, ?outcome, "connection closed");
    reader.linger(outcome).await;
}

/// Pings belong on connections we dialled: the far end of the others keeps them alive.
fn own_pings(shared: &Shared, connection: &Connection, keep_alive: KeepAlive) -> Option<OwnPings> {
    let interval = match keep_alive {
        KeepAlive::Never => return None,
        KeepAlive::Every(interval) => interval,
        KeepAlive::OfListener => shared.listener(connection.flow.listener)?.keep_alive?,
    };
    Some(OwnPings::new(interval, shared.draw()))
}

const fn failure_of(outcome: ConnectionOutcome) -> TransmitFailure {
    match outcome {
        ConnectionOutcome::Congested | ConnectionOutcome::Stalled => TransmitFailure::Congested,
        ConnectionOutcome::Accepted
        | ConnectionOutcome::Dialled
        | ConnectionOutcome::TooMany
        | ConnectionOutcome::TooManyOfSource
        | ConnectionOutcome::TooManyStrangers
        | ConnectionOutcome::TooManyHandshakes
        | ConnectionOutcome::TooFast
        | ConnectionOutcome::Banned
        | ConnectionOutcome::DialFailed
        | ConnectionOutcome::PeerClosed
        | ConnectionOutcome::Broken
        | ConnectionOutcome::Idle
        | ConnectionOutcome::Silent
        | ConnectionOutcome::Flood
        | ConnectionOutcome::MessageTimeout
        | ConnectionOutcome::BadFraming
        | ConnectionOutcome::NoPong
        | ConnectionOutcome::PingFlood
        | ConnectionOutcome::Renewed
        | ConnectionOutcome::Closed => TransmitFailure::FlowGone,
    }
}

struct Reader {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    read: OwnedReadHalf,
    framer: StreamFramer,
    pings: Pings,
    own_pings: Option<OwnPings>,
    offers: Offers,
    visitor: Visitor,
    said: Said,
    /// Something came to its end in this read: what is inside a message now is inside another one.
    has_moved_on: bool,
    /// When the message was begun that is not complete.
    begun: Instant,
    /// What waits in the socket.
    backlog: Backlog,
    /// Octets came since [`Reader::note_heard`].
    heard: bool,
    timer: Pin<Box<Sleep>>,
    waits_for: Deadline,
    /// Something waits to be written: until when the next message must have left, and how many had left before.
    stall: Option<(Instant, u64)>,
    idle: Duration,
    message: Duration,
    write: Duration,
}

/// Whether a whole message has come. Keep-alives keep no stranger alive: whoever sends nothing else has no business
/// here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Something,
}

/// What the one timer of a connection stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deadline {
    /// A stranger must say something.
    First,
    /// The connection is closed when nothing happened since the timer was set: between one and two idle periods.
    Idle,
    /// The message that was begun must be complete. Where each read ends inside another one, the timer is set again
    /// when it fires.
    Message,
}

/// Whether the far end may still offer the connection for our requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offers {
    /// An incoming connection that was not offered so far.
    Possible,
    /// It was, or it is ours.
    Noted,
}

struct Pings {
    since: Instant,
    count: u32,
}

enum Event {
    Woken,
    Writable,
    Arrived(io::Result<Stream>),
    Timer,
    PingTimer,
    Stalled,
}

impl Reader {
    async fn serve(&mut self) -> ConnectionOutcome {
        // The handshake may have brought the first message along.
        let mut arrived = self.connection.absorb(&[], self.framer.buffer());
        loop {
            let stream = match arrived {
                Ok(stream) => stream,
                Err(error) => return outcome_of(&error),
            };
            if let Err(outcome) = self.drain().await {
                self.last_answers(outcome).await;
                return outcome;
            }
            self.note_heard();
            if stream == Stream::Ended {
                return ConnectionOutcome::PeerClosed;
            }
            self.set_deadline();
            arrived = match self.wait().await {
                Event::Arrived(arrived) => {
                    self.heard = true;
                    arrived
                }
                Event::Woken | Event::Writable => {
                    if let Some(outcome) = self.connection.end() {
                        return outcome;
                    }
                    match self.connection.write_on() {
                        Written::All | Written::Part => Ok(Stream::Open),
                        Written::Broken => return ConnectionOutcome::Broken,
                    }
                }
                Event::Timer => match self.timer_fired() {
                    Some(outcome) => return outcome,
                    None => Ok(Stream::Open),
                },
                Event::Stalled => match self.not_written() {
                    Some(outcome) => return outcome,
                    None => Ok(Stream::Open),
                },
                Event::PingTimer => match self.ping() {
                    Some(outcome) => return outcome,
                    None => Ok(Stream::Open),
                },
            };
        }
    }

    /// RFC 4475 3.1.1.8: what stands behind a request takes nothing from its answer.
    async fn last_answers(&self, outcome: ConnectionOutcome) {
        if outcome != ConnectionOutcome::BadFraming {
            return;
        }
        let end = Instant::now() + LAST_ANSWERS;
        while tokio::time::timeout_at(end, self.connection.woken()).await.is_ok() {
            if self.connection.end().is_some() || self.connection.write_on() == Written::Broken {
                return;
            }
        }
    }

    async fn wait(&mut self) -> Event {
        let connection = &self.connection;
        let backlog = connection.has_backlog();
        if !backlog {
            self.stall = None;
        }
        let write = self.write;
        let patience = backlog.then(|| self.stall.get_or_insert_with(|| (Instant::now() + write, connection.left())).0);
        tokio::select! {
            biased;
            () = connection.woken() => Event::Woken,
            _ = connection.writable(), if backlog => Event::Writable,
            arrived = poll_fn(|cx| poll_read(cx, &mut self.read, connection, &mut self.framer, &mut self.backlog)) => {
                Event::Arrived(arrived)
            }
            () = self.timer.as_mut() => Event::Timer,
            () = own_pings::due(self.own_pings.as_mut()) => Event::PingTimer,
            () = passed(patience) => Event::Stalled,
        }
    }

    /// Takes every complete thing out of the framer, and lets the engine decide.
    async fn drain(&mut self) -> Result<(), ConnectionOutcome> {
        let taken = self.take_all().await;
        self.shared.sink.settle();
        taken
    }

    async fn take_all(&mut self) -> Result<(), ConnectionOutcome> {
        let mut busy = Vec::new();
        let taken = self.take_each(&mut busy).await;
        self.tell_busy(busy);
        taken
    }

    async fn take_each(&mut self, busy: &mut Vec<u8>) -> Result<(), ConnectionOutcome> {
        let mut taken = 0;
        loop {
            let class = match self.glance(busy) {
                Dealt::Done => {
                    tokio::task::consume_budget().await;
                    continue;
                }
                Dealt::Read(class) => class,
            };
            let Some(framed) = self.framer.next(self.connection.flow.remote) else { return Ok(()) };
            if taken == TURN {
                self.let_others_pass().await;
                taken = 0;
            }
            taken += 1;
            self.connection.mark_used();
            self.has_moved_on = true;
            match framed {
                Framed::Message(message) => {
                    self.said = Said::Something;
                    self.hand_up(message, class).await?;
                }
                Framed::Ping => self.pong()?,
                Framed::Refused(rejection) => self.refuse(rejection)?,
            }
        }
    }

    /// What was taken so far is decided upon, and other connections and the datagrams have their turn: many peers that send
    /// without a pause delay a call of another one by a few messages each (R-B4).
    async fn let_others_pass(&self) {
        self.shared.sink.settle();
        tokio::task::yield_now().await;
    }

    /// Deals with the next message without reading it, where that can be done: while calls are shed. Answers are gathered, so that
    /// those of one read are written at once.
    fn glance(&mut self, busy: &mut Vec<u8>) -> Dealt {
        if self.visitor != Visitor::Peer || !self.shared.sink.is_shedding() {
            return Dealt::Read(None);
        }
        let waited = self.backlog.since().map_or(Duration::ZERO, |since| since.elapsed());
        let Some(glance) = self.framer.glance() else { return Dealt::Read(None) };
        let dealt = glancing::deal(&self.shared, &self.connection.flow, glance, (waited, None), busy);
        if dealt == Dealt::Done {
            self.framer.skip();
            self.connection.mark_used();
            self.has_moved_on = true;
        }
        dealt
    }

    fn tell_busy(&self, busy: Vec<u8>) {
        if !busy.is_empty() {
            self.answer(busy.into());
        }
    }

    async fn hand_up(&mut self, message: SipMessage, class: Option<Class>) -> Result<(), ConnectionOutcome> {
        if self.visitor == Visitor::Stranger {
            match self.shared.gate.message(&self.connection.flow) {
                Verdict::Take => {}
                Verdict::TooMany => return Err(ConnectionOutcome::Flood),
                Verdict::Banned => return Err(ConnectionOutcome::Banned),
            }
        }
        self.note_alias(&message);
        let received = Received { flow: self.connection.flow, message };
        let class =
            class.unwrap_or_else(|| classify_late(&received.message, self.backlog.since(), &self.shared.limits));
        if let Err(refused) = deliver(&self.shared, class, received).await
            && let Some(answer) = stateless_503(&refused, &self.shared)
        {
            self.answer(answer);
        }
        Ok(())
    }

    /// RFC 5923: the first request that offers an incoming connection counts; a far end does not move.
    fn note_alias(&mut self, message: &SipMessage) {
        if self.offers == Offers::Noted {
            return;
        }
        if let SipMessage::Request(request) = message
            && let Some(place) = aliases::offered(&self.connection.flow, request)
        {
            self.offers = Offers::Noted;
            self.shared.flows.offered(&self.connection, place);
        }
    }

    fn refuse(&mut self, rejection: Rejection) -> Result<(), ConnectionOutcome> {
        self.shared.refused(&self.connection.flow, &rejection);
        if let Some(answer) = rejection.answer
            && self.shared.answers(&self.connection.flow)
        {
            self.answer(answer);
        }
        if rejection.close { Err(ConnectionOutcome::BadFraming) } else { Ok(()) }
    }

    fn pong(&mut self) -> Result<(), ConnectionOutcome> {
        self.shared.counters.keep_alives.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        if now.duration_since(self.pings.since) >= Duration::from_secs(1) {
            self.pings = Pings { since: now, count: 0 };
        }
        self.pings.count += 1;
        if self.pings.count > PINGS_PER_S {
            return Err(ConnectionOutcome::PingFlood);
        }
        self.answer(PONG);
        Ok(())
    }

    fn note_heard(&mut self) {
        if mem::take(&mut self.heard)
            && let Some(pings) = self.own_pings.as_mut()
        {
            pings.heard(self.framer.buffer(), || self.shared.draw());
        }
    }

    fn ping(&mut self) -> Option<ConnectionOutcome> {
        match self.own_pings.as_mut()?.fired() {
            Due::Ping => {
                self.answer(PING);
                None
            }
            Due::NoPong => Some(ConnectionOutcome::NoPong),
        }
    }

    fn answer(&self, bytes: Bytes) {
        // A refusal means that the connection is ending; the task sees that next.
        let _ = self.connection.push(None, bytes);
        self.connection.flush();
    }

    /// The timer is moved only when a message begins or ends between two reads: rare, so it costs nothing per message.
    fn set_deadline(&mut self) {
        let has_moved_on = mem::take(&mut self.has_moved_on);
        let (deadline, after) = if self.framer.is_inside_message() {
            if has_moved_on || self.waits_for != Deadline::Message {
                self.begun = Instant::now();
            }
            (Deadline::Message, self.message)
        } else if self.said == Said::Nothing && self.visitor == Visitor::Stranger {
            return;
        } else {
            (Deadline::Idle, self.idle)
        };
        if deadline != self.waits_for {
            self.waits_for = deadline;
            self.timer.as_mut().reset(Instant::now() + after);
        }
    }

    fn timer_fired(&mut self) -> Option<ConnectionOutcome> {
        match self.waits_for {
            Deadline::First => Some(ConnectionOutcome::Silent),
            Deadline::Message if self.begun.elapsed() < self.message => {
                self.timer.as_mut().reset(self.begun + self.message);
                None
            }
            Deadline::Message => Some(ConnectionOutcome::MessageTimeout),
            Deadline::Idle if self.connection.take_used() => {
                self.timer.as_mut().reset(Instant::now() + self.idle);
                None
            }
            Deadline::Idle => Some(ConnectionOutcome::Idle),
        }
    }

    /// What waits is let wait on when messages have left meanwhile (R-B4).
    fn not_written(&mut self) -> Option<ConnectionOutcome> {
        let left = self.connection.left();
        let before = self.stall.take().map_or(left, |(_, before)| before);
        (left == before).then_some(ConnectionOutcome::Stalled)
    }

    /// Reads on for a moment after we ended the stream: octets that arrive at a closed socket reset it, and the reset
    /// would overtake our last answer.
    async fn linger(&mut self, outcome: ConnectionOutcome) {
        if outcome == ConnectionOutcome::PeerClosed || outcome == ConnectionOutcome::Broken {
            return;
        }
        let read = &mut self.read;
        let drained = async {
            let mut octets = 0;
            while octets < LINGER_OCTETS {
                match poll_fn(|cx| poll_discard(cx, read)).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => octets += count,
                }
            }
        };
        // Either way the socket is closed when this returns.
        let _ = tokio::time::timeout(LINGER, drained).await;
    }
}

/// Waits until `moment`; without one for ever.
async fn passed(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn outcome_of(error: &io::Error) -> ConnectionOutcome {
    if error.kind() == io::ErrorKind::UnexpectedEof { ConnectionOutcome::PeerClosed } else { ConnectionOutcome::Broken }
}

/// One read through a buffer on the stack, so that an idle connection holds none.
fn poll_read(
    cx: &mut Context<'_>,
    read: &mut OwnedReadHalf,
    connection: &Connection,
    framer: &mut StreamFramer,
    backlog: &mut Backlog,
) -> Poll<io::Result<Stream>> {
    let mut scratch = [MaybeUninit::<u8>::uninit(); READ_OCTETS];
    let mut buffer = ReadBuf::uninit(&mut scratch);
    ready!(Pin::new(&mut *read).poll_read(cx, &mut buffer))?;
    if buffer.filled().is_empty() {
        return Poll::Ready(Ok(Stream::Ended));
    }
    let is_full = buffer.remaining() == 0;
    let waiting = || if is_full { ioctl_fionread(read.as_ref()).unwrap_or(0) } else { 0 };
    backlog.read(buffer.filled().len(), Instant::now(), waiting);
    Poll::Ready(connection.absorb(buffer.filled(), framer.buffer()))
}

fn poll_discard(cx: &mut Context<'_>, read: &mut OwnedReadHalf) -> Poll<io::Result<usize>> {
    let mut scratch = [MaybeUninit::<u8>::uninit(); READ_OCTETS];
    let mut buffer = ReadBuf::uninit(&mut scratch);
    ready!(Pin::new(read).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}
