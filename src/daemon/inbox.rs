//! The engine's two inboxes: what belongs to calls first, what begins something second (DESIGN rule 8).
//!
//! One lock and one condition for both. A sender wakes the engine only when it sleeps, so under load a message costs
//! no wake-up; the engine takes everything that belongs to calls, and a bounded share of what is new, in one go.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::base::limits::Limits;
use crate::engine::io::Input;
use crate::net::{Class, News, Sink};
use crate::sip::flow::Received;

/// New requests taken in one go: between them the engine looks at what belongs to calls again.
const NEW_AT_ONCE: usize = 64;

/// Everything that waits for the engine.
#[derive(Debug)]
pub struct Inbox {
    queues: Mutex<Queues>,
    wake: Condvar,
    room: Notify,
    established: usize,
    new: usize,
}

#[derive(Debug, Default)]
struct Queues {
    established: VecDeque<Input>,
    new: VecDeque<Input>,
    sleeper: Sleeper,
    ended: bool,
}

/// What the engine's thread is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sleeper {
    #[default]
    Awake,
    Asleep,
}

/// What [`Inbox::take`] came back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Inputs, or none because the time is up.
    Go,
    /// The process ends.
    Ended,
}

impl Inbox {
    /// Limits: `inbox_established`, `inbox_new`.
    pub fn new(limits: &Limits) -> Inbox {
        Inbox {
            queues: Mutex::new(Queues::default()),
            wake: Condvar::new(),
            room: Notify::new(),
            established: limits.inbox_established,
            new: limits.inbox_new,
        }
    }

    /// Puts in what is never refused: orders, media events, news. Each is bounded by what it is about.
    pub fn put(&self, input: Input) {
        let mut queues = self.lock();
        queues.established.push_back(input);
        self.rouse(queues);
    }

    /// Moves what waits to `out`, in order, after waiting for something for at most `patience` (`None`: for ever).
    pub fn take(&self, out: &mut Vec<Input>, patience: Option<Duration>) -> Taken {
        let mut queues = self.lock();
        if queues.is_empty() && !queues.ended {
            queues.sleeper = Sleeper::Asleep;
            queues = match patience {
                Some(patience) => {
                    self.wake
                        .wait_timeout_while(queues, patience, |queues| queues.sleeper == Sleeper::Asleep)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .wake
                    .wait_while(queues, |queues| queues.sleeper == Sleeper::Asleep)
                    .unwrap_or_else(PoisonError::into_inner),
            };
            queues.sleeper = Sleeper::Awake;
        }
        out.extend(queues.established.drain(..));
        let share = queues.new.len().min(NEW_AT_ONCE);
        out.extend(queues.new.drain(..share));
        let ended = queues.ended;
        drop(queues);
        self.room.notify_waiters();
        if ended { Taken::Ended } else { Taken::Go }
    }

    /// Inputs that wait: of calls, and new ones.
    pub fn waiting(&self) -> (usize, usize) {
        let queues = self.lock();
        (queues.established.len(), queues.new.len())
    }

    /// Tells the engine's thread to end.
    pub fn end(&self) {
        let mut queues = self.lock();
        queues.ended = true;
        self.rouse(queues);
    }

    fn rouse(&self, mut queues: MutexGuard<'_, Queues>) {
        if queues.sleeper == Sleeper::Asleep {
            queues.sleeper = Sleeper::Awake;
            drop(queues);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn is_empty(&self) -> bool {
        self.established.is_empty() && self.new.is_empty()
    }
}

impl Sink for Inbox {
    fn offer(&self, class: Class, received: Received) -> Result<(), Received> {
        let mut queues = self.lock();
        let (queue, limit) = match class {
            Class::New => (&mut queues.new, self.new),
            // What it follows may still wait among the new ones; there it has a place of its own.
            Class::Follows if !queues.new.is_empty() => (&mut queues.new, self.new.saturating_mul(2)),
            Class::Follows | Class::Established => (&mut queues.established, self.established),
        };
        if queue.len() >= limit {
            return Err(received);
        }
        queue.push_back(Input::Message(received));
        self.rouse(queues);
        Ok(())
    }

    fn report(&self, news: News) {
        self.put(match news {
            News::FlowOpened(flow, peer) => Input::FlowOpened(flow, peer),
            News::FlowClosed(flow) => Input::FlowClosed(flow),
            News::TransmitFailed(id, failure) => Input::TransmitFailed(id, failure),
            News::Resolved(resolution) => Input::Resolved(resolution),
        });
    }

    fn room(&self) -> &Notify {
        &self.room
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::base::ids::{FlowId, ListenerId};
    use crate::sip::flow::{Flow, Transport};
    use crate::sip::frame::datagram;

    fn news(id: u64) -> Input {
        Input::FlowClosed(FlowId(id))
    }

    fn ids(inputs: &[Input]) -> Vec<u64> {
        let id = |input: &Input| match input {
            Input::FlowClosed(flow) => Some(flow.0),
            _ => None,
        };
        inputs.iter().filter_map(id).collect()
    }

    #[test]
    fn what_was_put_comes_out_in_order() {
        let inbox = Inbox::new(&Limits::default());
        inbox.put(news(1));
        inbox.put(news(2));
        let mut out = Vec::new();
        assert_eq!(inbox.take(&mut out, Some(Duration::ZERO)), Taken::Go);
        assert_eq!(ids(&out), [1, 2]);
        assert_eq!(inbox.waiting(), (0, 0));
    }

    #[test]
    fn nothing_comes_out_when_the_time_is_up() {
        let inbox = Inbox::new(&Limits::default());
        let mut out = Vec::new();
        assert_eq!(inbox.take(&mut out, Some(Duration::ZERO)), Taken::Go);
        assert!(out.is_empty());
    }

    #[test]
    fn a_sleeping_engine_is_woken_by_what_is_put_and_by_the_end() {
        let inbox = Arc::new(Inbox::new(&Limits::default()));
        let sleeper = inbox.clone();
        let thread = std::thread::spawn(move || {
            let mut out = Vec::new();
            while sleeper.take(&mut out, None) == Taken::Go {}
            ids(&out)
        });
        inbox.put(news(7));
        inbox.end();
        assert_eq!(thread.join().unwrap(), [7]);
    }

    fn request(method: &str, id: u64) -> Received {
        let text = format!(
            "{method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK{id}\r\nFrom: <sip:c@c>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let remote = "192.0.2.1:5060".parse().unwrap();
        let flow = Flow { id: FlowId(id), transport: Transport::Udp, listener: ListenerId(0), local: remote, remote };
        let message = datagram(&Bytes::from(text), remote).unwrap().unwrap();
        Received { flow, message }
    }

    fn taken(inbox: &Inbox) -> Vec<u64> {
        let mut out = Vec::new();
        inbox.take(&mut out, Some(Duration::ZERO));
        let id = |input: &Input| match input {
            Input::Message(received) => Some(received.flow.id.0),
            _ => None,
        };
        out.iter().filter_map(id).collect()
    }

    #[test]
    fn what_belongs_to_calls_is_taken_before_what_is_new() {
        let inbox = Inbox::new(&Limits::default());
        inbox.offer(Class::New, request("INVITE", 1)).unwrap();
        inbox.offer(Class::Established, request("BYE", 2)).unwrap();
        assert_eq!(taken(&inbox), [2, 1]);
    }

    #[test]
    fn a_cancel_never_overtakes_its_invite() {
        let inbox = Inbox::new(&Limits::default());
        inbox.offer(Class::New, request("INVITE", 1)).unwrap();
        inbox.offer(Class::Follows, request("CANCEL", 2)).unwrap();
        assert_eq!(taken(&inbox), [1, 2]);
    }

    #[test]
    fn a_cancel_finds_room_behind_a_full_inbox_of_new_requests() {
        let inbox = Inbox::new(&Limits { inbox_new: 1, ..Limits::default() });
        inbox.offer(Class::New, request("INVITE", 1)).unwrap();
        assert!(inbox.offer(Class::New, request("INVITE", 2)).is_err());
        assert!(inbox.offer(Class::Follows, request("CANCEL", 3)).is_ok());
        assert_eq!(taken(&inbox), [1, 3]);
    }

    #[test]
    fn new_requests_are_taken_in_shares_so_that_calls_come_between() {
        let inbox = Inbox::new(&Limits::default());
        for id in 0..100 {
            inbox.offer(Class::New, request("INVITE", id)).unwrap();
        }
        assert_eq!(taken(&inbox).len(), NEW_AT_ONCE);
        inbox.offer(Class::Established, request("BYE", 1000)).unwrap();
        assert_eq!(taken(&inbox).first(), Some(&1000));
    }

    #[test]
    fn a_full_inbox_of_calls_hands_the_message_back() {
        let inbox = Inbox::new(&Limits { inbox_established: 1, ..Limits::default() });
        inbox.offer(Class::Established, request("BYE", 1)).unwrap();
        assert!(inbox.offer(Class::Established, request("BYE", 2)).is_err());
    }
}
