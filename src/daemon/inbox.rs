//! The engine's two inboxes: what belongs to calls first, what begins something second (DESIGN rule 8); and who has
//! the engine in hand.
//!
//! One lock guards all of it. Whoever takes the helm ([`Inbox::board`]) looks again before it lets go
//! ([`Inbox::leave`]), in the same lock in which others put something in: nothing is left lying, and nobody is woken
//! for what somebody awake will do anyway. The engine's thread sleeps here ([`Inbox::watch`]); it is woken for what
//! nobody else will do, and for timers.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::clock::Clock;
use crate::base::Instant;
use crate::base::limits::Limits;
use crate::engine::io::Input;
use crate::net::{Class, News};
use crate::sip::flow::Received;

/// Requests that begin something, and inputs of calls, that are taken in one go: in between the answers so far leave,
/// and who asks for a glance has his turn.
const NEW_AT_ONCE: usize = 32;
const ESTABLISHED_AT_ONCE: usize = 64;
/// Ends of calls and the like (tens of microseconds each) that are taken in one go: a message that comes meanwhile waits
/// for so many at most.
const BEHIND_AT_ONCE: usize = 4;
/// How much later than due a timer may fire when nothing else happens, and how long what is in no hurry may wait.
/// Everyone who takes the helm meanwhile does both, so under load the engine's thread hardly wakes. The shortest
/// timer of the core is T1 (RFC 3261: 500 ms).
const GRAIN: Duration = Duration::from_millis(80);

/// Everything that waits for the engine.
#[derive(Debug)]
pub struct Inbox {
    queues: Mutex<Queues>,
    wake: Condvar,
    room: Notify,
    clock: Clock,
    established: usize,
    new: usize,
    keys: RandomState,
}

#[derive(Debug, Default)]
struct Queues {
    established: VecDeque<Input>,
    new: VecDeque<Input>,
    /// Calls that wait to begin, by the hash of their Call-ID.
    calls: HashSet<u64>,
    /// What the messages at hand go before.
    behind: VecDeque<Input>,
    turn: Turn,
    helm: Helmsman,
    /// Something waits that only the engine's thread will do.
    call: Call,
    /// When the engine's thread wakes by itself.
    alarm: Option<Instant>,
    sleeper: Sleeper,
    ended: bool,
}

/// Whether a share of what messages go before is taken with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    /// Not now: they are answered first.
    #[default]
    Messages,
    /// It has waited for one round of messages, and waits no longer.
    Everything,
}

/// Whether somebody has the engine in hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Helmsman {
    #[default]
    Nobody,
    /// Somebody, who will look at the inboxes again.
    Somebody,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Call {
    #[default]
    None,
    AllHands,
}

/// What the engine's thread is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sleeper {
    #[default]
    Awake,
    Asleep,
}

/// Whose the helm is after a wish to take it or to let go of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The caller's, who must [`Inbox::leave`] it.
    Mine,
    NotMine,
}

/// When somebody lets go of the helm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// When no message waits, after a share of the rest: who reads the network goes back to it, and comes by again.
    UntilMessagesAreDone,
    UntilNothingWaits,
}

/// What [`Inbox::watch`] came back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// The helm is the thread's.
    Go,
    /// The process ends. The helm is the thread's, for the last time.
    Ended,
}

impl Inbox {
    /// Limits: `inbox_established`, `inbox_new`.
    pub fn new(limits: &Limits, clock: Clock) -> Inbox {
        Inbox {
            queues: Mutex::new(Queues::default()),
            wake: Condvar::new(),
            room: Notify::new(),
            clock,
            established: limits.inbox_established,
            new: limits.inbox_new,
            keys: RandomState::new(),
        }
    }

    // ---- putting in

    /// Puts in what is never refused: orders, media events, news. Each is bounded by what it is about.
    pub fn put(&self, input: Input) {
        let mut queues = self.lock();
        queues.established.push_back(input);
        queues.call = Call::AllHands;
        self.rouse(queues);
    }

    /// Like [`Inbox::put`] for what may wait a moment: whoever takes the helm next does it, at the latest the engine's
    /// thread 80 ms from now.
    pub fn put_by(&self, input: Input) {
        let mut queues = self.lock();
        queues.established.push_back(input);
        self.see_to_it(queues);
    }

    /// Like [`Inbox::put_by`], and the messages at hand are answered first: nobody's call waits for the records of others.
    pub fn put_behind(&self, input: Input) {
        let mut queues = self.lock();
        queues.behind.push_back(input);
        self.see_to_it(queues);
    }

    fn see_to_it(&self, queues: MutexGuard<'_, Queues>) {
        // Whoever has the helm looks again, and sets the alarm then.
        if queues.helm == Helmsman::Nobody {
            self.set_alarm(queues, Some(self.clock.instant() + GRAIN));
        }
    }

    /// Puts in a message. Nobody is woken: who offers takes the helm when all of one read is in.
    ///
    /// # Errors
    /// Hands it back when the inbox of its class is full.
    pub fn offer(&self, class: Class, received: Received) -> Result<(), Received> {
        let mut held = self.lock();
        let queues = &mut *held;
        let (queue, limit) = match class {
            Class::New | Class::Late(_) | Class::Admitted => (&mut queues.new, self.new),
            // What it follows may still wait among the new ones; there it has a place of its own.
            Class::Follows if !queues.new.is_empty() => (&mut queues.new, self.new.saturating_mul(2)),
            Class::Follows | Class::Established => (&mut queues.established, self.established),
        };
        if queue.len() >= limit {
            return Err(received);
        }
        if class.begins() {
            queues.calls.insert(self.keys.hash_one(received.message.call_id()));
        }
        queue.push_back(match class {
            Class::New => Input::Begins { received, since: self.clock.instant() },
            Class::Late(waited) => Input::Begins { received, since: self.clock.instant() - waited },
            Class::Admitted => Input::Admitted { received, since: self.clock.instant() },
            Class::Follows | Class::Established => Input::Message(received),
        });
        Ok(())
    }

    /// Puts in news of the network. Reported from under the helm too, so nobody takes the helm for it.
    pub fn report(&self, news: News) {
        self.put(match news {
            News::FlowOpened(flow, peer) => Input::FlowOpened(flow, peer),
            News::FlowClosed(flow) => Input::FlowClosed(flow),
            News::TransmitFailed(id, failure) => Input::TransmitFailed(id, failure),
            News::Resolved(resolution) => Input::Resolved(resolution),
        });
    }

    /// Notified when the inboxes have been emptied.
    pub fn room(&self) -> &Notify {
        &self.room
    }

    // ---- at the helm

    /// Takes the helm if something waits and nobody has it.
    pub fn board(&self) -> Held {
        let mut queues = self.lock();
        if queues.helm == Helmsman::Somebody || queues.is_empty() {
            return Held::NotMine;
        }
        queues.helm = Helmsman::Somebody;
        Held::Mine
    }

    /// Moves what waits to `out`, in order. For whoever has the helm.
    pub fn take(&self, out: &mut Vec<Input>) {
        let mut held = self.lock();
        let queues = &mut *held;
        let due = queues.turn == Turn::Everything || !queues.has_messages();
        if due {
            let share = queues.behind.len().min(BEHIND_AT_ONCE);
            out.extend(queues.behind.drain(..share));
        }
        queues.turn = if due || queues.behind.is_empty() { Turn::Messages } else { Turn::Everything };
        let share = queues.established.len().min(ESTABLISHED_AT_ONCE);
        out.extend(queues.established.drain(..share));
        if queues.established.is_empty() {
            // Never before news of the connection it came on.
            let share = queues.new.len().min(NEW_AT_ONCE);
            let begin = out.len();
            out.extend(queues.new.drain(..share));
            for input in out.get(begin..).unwrap_or_default() {
                self.forget(input, &mut queues.calls);
            }
        }
        queues.call = Call::None;
        drop(held);
        self.room.notify_waiters();
    }

    fn forget(&self, input: &Input, calls: &mut HashSet<u64>) {
        if let Input::Begins { received, .. } | Input::Admitted { received, .. } = input {
            calls.remove(&self.keys.hash_one(received.message.call_id()));
        }
    }

    /// True when a request with this Call-ID that begins something may wait here: another one may be its repetition.
    pub fn holds_call(&self, call_id: &[u8]) -> bool {
        self.lock().calls.contains(&self.keys.hash_one(call_id))
    }

    /// Moves everything that waits to `out`, for the end.
    pub fn take_rest(&self, out: &mut Vec<Input>) {
        let mut queues = self.lock();
        out.extend(queues.established.drain(..));
        out.extend(queues.behind.drain(..));
        out.extend(queues.new.drain(..));
        queues.calls.clear();
    }

    /// Lets go of the helm unless something waits that `stay` names. `next`: the engine's next timer.
    pub fn leave(&self, next: Option<Instant>, stay: Stay) -> Held {
        let mut queues = self.lock();
        let rest = !queues.behind.is_empty();
        if queues.has_messages() || (rest && (stay == Stay::UntilNothingWaits || queues.turn == Turn::Everything)) {
            return Held::Mine;
        }
        queues.helm = Helmsman::Nobody;
        if queues.ended {
            self.rouse(queues);
        } else {
            let next = if rest { Some(self.clock.instant()) } else { next };
            self.set_alarm(queues, next.map(|due| due + GRAIN));
        }
        Held::NotMine
    }

    /// Lets go of the helm whatever waits; the engine's thread takes it.
    pub fn hand_over(&self) {
        let mut queues = self.lock();
        queues.helm = Helmsman::Nobody;
        queues.call = Call::AllHands;
        self.rouse(queues);
    }

    /// Sleeps until the helm must be the engine's thread's: all hands were called and nobody has it, a timer is due,
    /// or the end has come.
    pub fn watch(&self) -> Watch {
        let mut queues = self.lock();
        loop {
            let patience = queues.alarm.map(|alarm| self.clock.until(alarm));
            let due = patience == Some(Duration::ZERO);
            if queues.helm == Helmsman::Nobody && (due || queues.ended || queues.call == Call::AllHands) {
                queues.helm = Helmsman::Somebody;
                queues.alarm = None;
                return if queues.ended { Watch::Ended } else { Watch::Go };
            }
            if due {
                // Whoever has the helm sees the timers; we look after that.
                queues.alarm = Some(self.clock.instant() + GRAIN);
                continue;
            }
            queues = self.sleep(queues, patience);
        }
    }

    fn sleep<'a>(&self, mut queues: MutexGuard<'a, Queues>, patience: Option<Duration>) -> MutexGuard<'a, Queues> {
        queues.sleeper = Sleeper::Asleep;
        let mut queues = match patience {
            Some(patience) => self.wake.wait_timeout(queues, patience).unwrap_or_else(PoisonError::into_inner).0,
            None => self.wake.wait(queues).unwrap_or_else(PoisonError::into_inner),
        };
        queues.sleeper = Sleeper::Awake;
        queues
    }

    // ---- from outside

    /// Inputs that wait: of calls, and new ones.
    pub fn waiting(&self) -> (usize, usize) {
        let queues = self.lock();
        (queues.established.len() + queues.behind.len(), queues.new.len())
    }

    /// Tells the engine's thread to end.
    pub fn end(&self) {
        let mut queues = self.lock();
        queues.ended = true;
        self.rouse(queues);
    }

    /// Moves the alarm forward; a later one changes nothing, and costs no system call.
    fn set_alarm(&self, mut queues: MutexGuard<'_, Queues>, alarm: Option<Instant>) {
        let Some(wanted) = alarm else { return };
        if queues.alarm.is_some_and(|held| held <= wanted) {
            return;
        }
        queues.alarm = Some(wanted);
        self.rouse(queues);
    }

    /// Wakes the engine's thread, if it sleeps and nobody else has the helm: whoever has it looks again.
    fn rouse(&self, mut queues: MutexGuard<'_, Queues>) {
        if queues.sleeper == Sleeper::Asleep && queues.helm == Helmsman::Nobody {
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
        !self.has_messages() && self.behind.is_empty()
    }

    fn has_messages(&self) -> bool {
        !self.established.is_empty() || !self.new.is_empty()
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

    fn inbox(limits: Limits) -> Inbox {
        Inbox::new(&limits, Clock::start())
    }

    #[test]
    fn what_was_put_comes_out_in_order() {
        let inbox = inbox(Limits::default());
        inbox.put(news(1));
        inbox.put_by(news(2));
        assert_eq!(inbox.board(), Held::Mine);
        let mut out = Vec::new();
        inbox.take(&mut out);
        assert_eq!(ids(&out), [1, 2]);
        assert_eq!(inbox.waiting(), (0, 0));
    }

    #[test]
    fn what_was_put_behind_waits_for_one_round_of_messages_and_no_longer() {
        let inbox = inbox(Limits::default());
        inbox.put_behind(news(1));
        inbox.put(news(2));
        let mut out = Vec::new();
        inbox.take(&mut out);
        assert_eq!((ids(&out), inbox.waiting()), (vec![2], (1, 0)));
        inbox.put(news(3));
        inbox.take(&mut out);
        assert_eq!(ids(&out), [2, 1, 3]);
        inbox.put_behind(news(4));
        inbox.take(&mut out);
        assert_eq!(ids(&out), [2, 1, 3, 4]);
    }

    #[test]
    fn ends_of_many_calls_are_taken_in_shares_between_messages() {
        let inbox = inbox(Limits::default());
        (0..10).for_each(|id| inbox.put_behind(news(id)));
        inbox.put(news(100));
        assert_eq!(inbox.board(), Held::Mine);
        let take = || {
            let mut out = Vec::new();
            inbox.take(&mut out);
            ids(&out)
        };
        assert_eq!(take(), [100]);
        assert_eq!(inbox.leave(None, Stay::UntilMessagesAreDone), Held::Mine);
        assert_eq!(take(), [0, 1, 2, 3]);
        assert_eq!(inbox.leave(None, Stay::UntilMessagesAreDone), Held::NotMine, "who reads goes back to it");
        inbox.put(news(101));
        assert_eq!(inbox.board(), Held::Mine);
        assert_eq!(take(), [101], "and answers what he has read");
        assert_eq!(take(), [4, 5, 6, 7]);
        assert_eq!(inbox.leave(None, Stay::UntilMessagesAreDone), Held::NotMine);
        assert_eq!(inbox.watch(), Watch::Go, "if nobody comes by");
        assert_eq!(inbox.leave(None, Stay::UntilNothingWaits), Held::Mine);
        assert_eq!(take(), [8, 9]);
        assert_eq!(inbox.leave(None, Stay::UntilNothingWaits), Held::NotMine);
    }

    #[test]
    fn what_begins_something_waits_until_nothing_of_calls_waits_any_more() {
        let inbox = inbox(Limits::default());
        inbox.offer(Class::Admitted, request("INVITE", 9)).unwrap();
        (0..100).for_each(|id| inbox.put(news(id)));
        let mut out = Vec::new();
        inbox.take(&mut out);
        assert!(
            ids(&out).len() == 64 && taken_of(&out).is_empty(),
            "the connection it came on may be among the news that wait"
        );
        out.clear();
        inbox.take(&mut out);
        assert_eq!((ids(&out).len(), taken_of(&out)), (36, vec![9]));
    }

    #[test]
    fn nobody_takes_the_helm_for_nothing() {
        assert_eq!(inbox(Limits::default()).board(), Held::NotMine);
    }

    #[test]
    fn the_helm_is_one_persons_until_nothing_waits() {
        let inbox = inbox(Limits::default());
        inbox.put(news(1));
        assert_eq!(inbox.board(), Held::Mine);
        inbox.put(news(2));
        assert_eq!(inbox.board(), Held::NotMine);
        assert_eq!(inbox.leave(None, Stay::UntilNothingWaits), Held::Mine);
        inbox.take(&mut Vec::new());
        assert_eq!(inbox.leave(None, Stay::UntilNothingWaits), Held::NotMine);
        inbox.put(news(3));
        assert_eq!(inbox.board(), Held::Mine);
    }

    /// Every input the thread of this inbox takes until the end.
    fn thread_of(inbox: &Arc<Inbox>) -> std::thread::JoinHandle<Vec<u64>> {
        let inbox = inbox.clone();
        std::thread::spawn(move || {
            let mut out = Vec::new();
            while inbox.watch() == Watch::Go {
                inbox.take(&mut out);
                while inbox.leave(None, Stay::UntilNothingWaits) == Held::Mine {
                    inbox.take(&mut out);
                }
            }
            inbox.take(&mut out);
            ids(&out)
        })
    }

    #[test]
    fn the_thread_is_woken_by_what_is_put_and_by_the_end() {
        let inbox = Arc::new(inbox(Limits::default()));
        let thread = thread_of(&inbox);
        inbox.put(news(7));
        inbox.end();
        assert_eq!(thread.join().unwrap(), [7]);
    }

    #[test]
    fn the_thread_takes_over_what_a_helmsman_leaves_behind() {
        let inbox = Arc::new(inbox(Limits::default()));
        inbox.offer(Class::Established, request("BYE", 7)).unwrap();
        assert_eq!(inbox.board(), Held::Mine);
        inbox.hand_over();
        assert_eq!(inbox.watch(), Watch::Go);
        assert_eq!(taken(&inbox), [7]);
    }

    #[test]
    fn the_thread_wakes_for_a_timer_and_for_what_was_put_by() {
        let inbox = inbox(Limits::default());
        inbox.put_by(news(1));
        assert_eq!(inbox.watch(), Watch::Go);
        inbox.take(&mut Vec::new());
        assert_eq!(inbox.leave(Some(Instant::ZERO), Stay::UntilNothingWaits), Held::NotMine);
        assert_eq!(inbox.watch(), Watch::Go);
    }

    #[test]
    fn an_earlier_timer_moves_the_alarm_of_a_sleeping_thread() {
        let inbox = Arc::new(inbox(Limits::default()));
        let far = Instant::ZERO + Duration::from_secs(3600);
        inbox.put(news(1));
        assert_eq!(inbox.board(), Held::Mine);
        inbox.take(&mut Vec::new());
        assert_eq!(inbox.leave(Some(far), Stay::UntilNothingWaits), Held::NotMine);
        let watcher = inbox.clone();
        let thread = std::thread::spawn(move || watcher.watch());
        inbox.offer(Class::Established, request("BYE", 7)).unwrap();
        assert_eq!(inbox.board(), Held::Mine);
        inbox.take(&mut Vec::new());
        assert_eq!(inbox.leave(Some(Instant::ZERO), Stay::UntilNothingWaits), Held::NotMine);
        assert_eq!(thread.join().unwrap(), Watch::Go);
    }

    #[test]
    fn after_the_end_the_helm_is_nobodys() {
        let inbox = inbox(Limits::default());
        inbox.end();
        assert_eq!(inbox.watch(), Watch::Ended);
        inbox.put(news(1));
        assert_eq!(inbox.board(), Held::NotMine);
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

    fn taken_of(inputs: &[Input]) -> Vec<u64> {
        let id = |input: &Input| match input {
            Input::Message(received) | Input::Begins { received, .. } | Input::Admitted { received, .. } => {
                Some(received.flow.id.0)
            }
            _ => None,
        };
        inputs.iter().filter_map(id).collect()
    }

    fn taken(inbox: &Inbox) -> Vec<u64> {
        let mut out = Vec::new();
        inbox.take(&mut out);
        taken_of(&out)
    }

    /// At a glance its repetition looks like a call of its own.
    #[test]
    fn a_call_that_waits_to_begin_is_known_until_it_is_taken() {
        let inbox = inbox(Limits::default());
        inbox.offer(Class::New, request("INVITE", 1)).unwrap();
        inbox.offer(Class::Admitted, request("INVITE", 2)).unwrap();
        inbox.offer(Class::Established, request("BYE", 3)).unwrap();
        let known = || [b"1", b"2", b"3"].map(|call_id| inbox.holds_call(call_id));
        assert_eq!(known(), [true, true, false]);
        assert_eq!(taken(&inbox), [3, 1, 2]);
        assert_eq!(known(), [false; 3], "the engine knows them");
    }

    #[test]
    fn what_belongs_to_calls_is_taken_before_what_is_new() {
        let inbox = inbox(Limits::default());
        inbox.offer(Class::New, request("INVITE", 1)).unwrap();
        inbox.offer(Class::Established, request("BYE", 2)).unwrap();
        assert_eq!(taken(&inbox), [2, 1]);
    }

    /// What a request has waited for goes with it: the engine judges by all of it.
    #[test]
    fn a_request_that_has_waited_in_its_socket_began_to_wait_then() {
        let inbox = inbox(Limits::default());
        std::thread::sleep(Duration::from_millis(1));
        let before = inbox.clock.instant();
        // However long this test is kept: it has waited for longer.
        inbox.offer(Class::Late(Duration::from_secs(3600)), request("INVITE", 1)).unwrap();
        let mut out = Vec::new();
        inbox.take(&mut out);
        assert!(matches!(&out[..], [Input::Begins { since, .. }] if *since < before), "{out:?}");
    }

    #[test]
    fn a_cancel_never_overtakes_its_invite() {
        let inbox = inbox(Limits::default());
        inbox.offer(Class::New, request("INVITE", 1)).unwrap();
        inbox.offer(Class::Follows, request("CANCEL", 2)).unwrap();
        assert_eq!(taken(&inbox), [1, 2]);
    }

    #[test]
    fn a_cancel_finds_room_behind_a_full_inbox_of_new_requests() {
        let inbox = inbox(Limits { inbox_new: 1, ..Limits::default() });
        inbox.offer(Class::New, request("INVITE", 1)).unwrap();
        assert!(inbox.offer(Class::New, request("INVITE", 2)).is_err());
        assert!(inbox.offer(Class::Follows, request("CANCEL", 3)).is_ok());
        assert_eq!(taken(&inbox), [1, 3]);
    }

    #[test]
    fn new_requests_are_taken_in_shares_so_that_calls_come_between() {
        let inbox = inbox(Limits::default());
        for id in 0..100 {
            inbox.offer(Class::New, request("INVITE", id)).unwrap();
        }
        assert_eq!(taken(&inbox).len(), NEW_AT_ONCE);
        inbox.offer(Class::Established, request("BYE", 1000)).unwrap();
        assert_eq!(taken(&inbox).first(), Some(&1000));
    }

    #[test]
    fn a_full_inbox_of_calls_hands_the_message_back() {
        let inbox = inbox(Limits { inbox_established: 1, ..Limits::default() });
        inbox.offer(Class::Established, request("BYE", 1)).unwrap();
        assert!(inbox.offer(Class::Established, request("BYE", 2)).is_err());
    }
}
