//! Reliable provisional responses (RFC 3262) as values: [`Sender`] is the side that answers an INVITE, [`Receiver`]
//! the side that sent it, one for each early dialog.
//!
//! Obeyed: 3 (one response at a time, numbers rise by one, repeated after T1, 2*T1, ... until 64*T1), 4 (only the next
//! number is acknowledged). Simplification: a further response always waits for the PRACK of the one before.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::base::Instant;
use crate::base::bounds::Bound;
use crate::base::limits::RELIABLE_QUEUE;
use crate::sip::header::EarlyMedia;
use crate::sip::{Method, RAck, RSeq, Status};

/// RFC 3262 3: the first number is below 2^31, so that it can rise.
const FIRST_NUMBERS: u64 = 1 << 31;

/// A provisional response to be sent reliably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisional {
    pub status: Status,
    /// What it says of early media (RFC 5009).
    pub early_media: Option<EarlyMedia>,
    /// A session description: no 2xx goes before it is acknowledged.
    pub body: Option<Bytes>,
    /// Headers of the other party's response that pass.
    pub passed: Vec<(Bytes, Bytes)>,
}

/// What a PRACK did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// It was for the response that waits.
    Now,
    /// No response waits with this number: 481.
    Nothing,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SenderAction {
    Transmit(Status, Bytes),
    /// No PRACK came in 64*T1: the INVITE is to be refused with 5xx.
    NoPrack,
}

/// A response on the wire without its PRACK.
#[derive(Clone, Debug)]
struct Waiting {
    status: Status,
    bytes: Bytes,
    describes: bool,
    interval: Duration,
    again: Instant,
    end: Instant,
}

/// The responses to one INVITE of the peer.
#[derive(Clone, Debug)]
pub struct Sender {
    t1: Duration,
    /// CSeq number of the INVITE.
    invite: u32,
    /// Number of the response sent last; before the first, the one below it.
    number: u32,
    waiting: Option<Waiting>,
    queue: VecDeque<Provisional>,
}

impl Sender {
    /// `random`: anything unguessable; the first number comes from it.
    pub fn new(invite: u32, t1: Duration, random: u64) -> Sender {
        let number = u32::try_from(random % (FIRST_NUMBERS - 1)).unwrap_or_default();
        Sender { t1, invite, number, waiting: None, queue: VecDeque::new() }
    }

    /// Takes a response in. One that says what the last one in the queue says is left out; of more than
    /// [`RELIABLE_QUEUE`] that wait, the last gives way.
    pub fn push(&mut self, provisional: Provisional) {
        let says_as_much = |last: &Provisional| last.status == provisional.status && last.passed == provisional.passed;
        if self.queue.back().is_some_and(|last| provisional.body.is_none() && says_as_much(last)) {
            return;
        }
        if self.queue.len() >= RELIABLE_QUEUE {
            self.queue.pop_back();
            Bound::ReliableQueue.reached();
        }
        self.queue.push_back(provisional);
    }

    /// The next response that may go, with its number; it must be given to [`Sender::sent`].
    pub fn take_next(&mut self) -> Option<(RSeq, Provisional)> {
        if self.waiting.is_some() {
            return None;
        }
        let provisional = self.queue.pop_front()?;
        self.number = self.number.saturating_add(1);
        Some((RSeq(self.number), provisional))
    }

    /// The response went out, written as `bytes`.
    pub fn sent(&mut self, now: Instant, provisional: &Provisional, bytes: Bytes) {
        self.waiting = Some(Waiting {
            status: provisional.status,
            bytes,
            describes: provisional.body.is_some(),
            interval: self.t1,
            again: now + self.t1,
            end: now + self.t1 * 64,
        });
    }

    /// True when this RAck names the response that waits.
    pub fn awaits(&self, rack: &RAck) -> bool {
        self.waiting.is_some()
            && rack.rseq == RSeq(self.number)
            && rack.cseq.number == self.invite
            && rack.cseq.method == Method::Invite
    }

    /// A PRACK came.
    pub fn acknowledge(&mut self, rack: &RAck) -> Acknowledged {
        if !self.awaits(rack) {
            return Acknowledged::Nothing;
        }
        self.waiting = None;
        Acknowledged::Now
    }

    /// True while a description is unacknowledged or still to be sent: a 2xx must wait (RFC 3262 3).
    pub fn withholds_answer(&self) -> bool {
        let waiting = self.waiting.as_ref().is_some_and(|waiting| waiting.describes);
        waiting || self.queue.iter().any(|provisional| provisional.body.is_some())
    }

    /// A final response went out: nothing is repeated any more, but a PRACK under way is still known.
    pub fn finish(&mut self) {
        self.queue.clear();
        if let Some(waiting) = &mut self.waiting {
            (waiting.again, waiting.end) = (Instant::FAR, Instant::FAR);
        }
    }

    /// True when nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_none() && self.queue.is_empty()
    }

    /// When [`Sender::timeout`] wants to be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|waiting| waiting.again.min(waiting.end)).filter(|&at| at != Instant::FAR)
    }

    /// What is due at `now`; nothing when called early.
    pub fn timeout(&mut self, now: Instant) -> Option<SenderAction> {
        let waiting = self.waiting.as_mut()?;
        if waiting.end <= now {
            self.waiting = None;
            return Some(SenderAction::NoPrack);
        }
        if waiting.again > now {
            return None;
        }
        waiting.interval *= 2;
        waiting.again = now + waiting.interval;
        Some(SenderAction::Transmit(waiting.status, waiting.bytes.clone()))
    }
}

/// Where a reliable response stands in the order of its early dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// To be acknowledged and read.
    Next,
    /// Heard before, or after a gap: neither acknowledged nor read (RFC 3262 4).
    Elsewhere,
}

/// The reliable responses of one early dialog to an INVITE of ours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receiver {
    last: Option<RSeq>,
}

impl Receiver {
    /// A response with this number came.
    pub fn place(&mut self, number: RSeq) -> Place {
        let is_next = self.last.is_none_or(|last| last.0.checked_add(1) == Some(number.0));
        if is_next {
            self.last = Some(number);
        }
        if is_next { Place::Next } else { Place::Elsewhere }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::CSeq;

    const T1: Duration = Duration::from_millis(500);

    fn sender() -> Sender {
        Sender::new(7, T1, 41)
    }

    fn ringing(body: Option<&'static [u8]>) -> Provisional {
        Provisional {
            status: Status::RINGING,
            early_media: None,
            body: body.map(Bytes::from_static),
            passed: Vec::new(),
        }
    }

    fn rack(number: u32, invite: u32, method: Method) -> RAck {
        RAck { rseq: RSeq(number), cseq: CSeq { number: invite, method } }
    }

    fn send(sender: &mut Sender, now: Instant) -> Option<RSeq> {
        let (number, provisional) = sender.take_next()?;
        sender.sent(now, &provisional, Bytes::from_static(b"x"));
        Some(number)
    }

    #[test]
    fn the_second_response_waits_for_the_first_one_s_prack() {
        let mut sender = sender();
        sender.push(ringing(None));
        sender.push(ringing(Some(b"v=0")));
        assert_eq!(send(&mut sender, Instant::ZERO), Some(RSeq(42)));
        assert_eq!(send(&mut sender, Instant::ZERO), None);
        assert!(sender.withholds_answer(), "a queued description counts");
        assert_eq!(sender.acknowledge(&rack(42, 7, Method::Invite)), Acknowledged::Now);
        assert_eq!(send(&mut sender, Instant::ZERO), Some(RSeq(43)));
        assert_eq!(sender.acknowledge(&rack(43, 7, Method::Invite)), Acknowledged::Now);
        assert!(!sender.withholds_answer());
    }

    /// RFC 3262 3: so that it can rise without a wrap, whatever was drawn.
    #[test]
    fn the_first_number_is_positive_and_below_two_to_the_31st() {
        for drawn in [0, (1 << 31) - 2, (1 << 31) - 1, 1 << 31, u64::from(u32::MAX) - 1, u64::MAX] {
            let mut sender = Sender::new(7, T1, drawn);
            sender.push(ringing(None));
            let first = send(&mut sender, Instant::ZERO).unwrap();
            assert!((1..1 << 31).contains(&first.0), "{drawn}: {first:?}");
        }
    }

    #[test]
    fn a_prack_must_name_number_and_invite() {
        let mut sender = sender();
        sender.push(ringing(None));
        send(&mut sender, Instant::ZERO);
        for wrong in [rack(41, 7, Method::Invite), rack(42, 8, Method::Invite), rack(42, 7, Method::Update)] {
            assert_eq!(sender.acknowledge(&wrong), Acknowledged::Nothing, "{wrong}");
        }
        assert_eq!(sender.acknowledge(&rack(42, 7, Method::Invite)), Acknowledged::Now);
        assert_eq!(sender.acknowledge(&rack(42, 7, Method::Invite)), Acknowledged::Nothing);
    }

    #[test]
    fn the_pauses_double_without_bound_until_64_t1() {
        let mut sender = sender();
        sender.push(ringing(None));
        send(&mut sender, Instant::ZERO);
        let mut at = Vec::new();
        loop {
            let now = sender.next_timeout().expect("it waits");
            match sender.timeout(now) {
                Some(SenderAction::Transmit(..)) => at.push(now.since(Instant::ZERO).as_millis()),
                Some(SenderAction::NoPrack) => break assert_eq!(now.since(Instant::ZERO), T1 * 64),
                None => panic!("woken for nothing"),
            }
        }
        assert_eq!(at, [500, 1500, 3500, 7500, 15500, 31500]);
        assert_eq!(sender.next_timeout(), None);
    }

    #[test]
    fn after_the_final_response_a_late_prack_is_still_known() {
        let mut sender = sender();
        sender.push(ringing(None));
        send(&mut sender, Instant::ZERO);
        sender.finish();
        assert_eq!(sender.next_timeout(), None);
        assert_eq!(sender.acknowledge(&rack(42, 7, Method::Invite)), Acknowledged::Now);
    }

    #[test]
    fn the_queue_is_bounded_and_says_nothing_twice() {
        let mut sender = sender();
        sender.push(ringing(None));
        send(&mut sender, Instant::ZERO);
        for _ in 0..3 {
            sender.push(ringing(None));
        }
        assert_eq!(sender.queue.len(), 1);
        for _ in 0..2 * RELIABLE_QUEUE {
            sender.push(ringing(Some(b"v=0")));
        }
        assert_eq!(sender.queue.len(), RELIABLE_QUEUE);
    }

    #[test]
    fn only_the_next_number_is_read() {
        let mut receiver = Receiver::default();
        let places = [9, 9, 11, 10, 8, 11].map(|number| receiver.place(RSeq(number)));
        assert_eq!(
            places,
            [Place::Next, Place::Elsewhere, Place::Elsewhere, Place::Next, Place::Elsewhere, Place::Next]
        );
    }
}
