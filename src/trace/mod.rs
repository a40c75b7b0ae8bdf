//! What was said on the wire about a call, decrypted: for `trunkline trace`, the API and Wireshark.
//!
//! Messages are copied into a bounded [`ring`] as they come and go; nothing is sorted, read or hidden then. Whoever asks for
//! a call gets those with its Call-IDs, with keys, credentials, digits and foreign bodies masked ([`redact`]), as a ladder
//! ([`ladder`]), as a capture ([`pcap`]), and with the rule behind each header of our INVITE ([`changes`]).

pub mod changes;
pub mod ladder;
pub mod pcap;
pub mod redact;
mod ring;
pub mod view;

use std::collections::VecDeque;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::WallTime;
use crate::base::bounds::Bound;
use crate::base::ids::CallId;
use crate::base::limits::RECENT_CALLS;
use crate::call::record::user_of;
use crate::call::{CallRecord, Side};
use crate::net::counters::Direction;
use crate::sip::flow::{Flow, Transport};

use ring::Ring;

/// Digits of a number that are enough to find it by its end.
const TAIL_DIGITS: usize = 5;

/// See the module.
#[derive(Debug)]
pub struct Trace {
    ring: Ring,
    recent: Mutex<Recent>,
    clock: fn() -> WallTime,
}

/// Calls that ended lately, the last one last.
#[derive(Debug, Default)]
struct Recent {
    records: VecDeque<Arc<CallRecord>>,
    /// Number of the first one, counted since the start.
    first: u64,
    /// Number of the first one that [`Trace::settle`] has not copied.
    unsettled: u64,
}

/// One message of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub at: WallTime,
    pub direction: Direction,
    /// Whose leg it belongs to; `None`: that of a party a transfer brought in.
    pub side: Option<Side>,
    pub transport: Transport,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// Masked, and as long as it was.
    pub octets: Vec<u8>,
}

/// Whether a call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Active,
    Over,
}

/// A call with what was said about it.
#[derive(Clone, Debug)]
pub struct Traced {
    pub record: Arc<CallRecord>,
    pub standing: Standing,
    pub messages: Vec<Message>,
    /// True when the ring has forgotten the time in which the call began.
    pub is_cut: bool,
}

impl Trace {
    /// `octets`: `trace.octets`, 0: messages are not kept.
    pub fn new(octets: usize, clock: fn() -> WallTime) -> Trace {
        Trace { ring: Ring::new(octets), recent: Mutex::default(), clock }
    }

    /// Keeps a message. Called for each one that comes or goes: it costs a copy.
    pub fn keep(&self, direction: Direction, flow: &Flow, octets: &[u8]) {
        self.ring.push((self.clock)(), direction, flow, octets);
    }

    /// Remembers a call that has ended, so that it can still be asked for.
    pub fn ended(&self, record: Arc<CallRecord>) {
        // What it takes the place of goes when nobody waits for the lock any more.
        let _oldest = self.lock().push(record);
    }

    /// Puts copies into the place of the records that came since it was last called. A record is made on the engine's thread
    /// amid what calls take and give back within seconds, in pages that cannot go back to the system while one record stands
    /// in each: whoever calls this has a thread of its own for what lasts, as the writer of records has.
    pub fn settle(&self) {
        let (from, fresh) = self.lock().fresh();
        let mut records: Vec<_> = fresh.iter().map(|record| Arc::new(record.copied())).collect();
        drop(fresh);
        // What they take the place of goes when nobody waits for the lock any more.
        self.lock().settled(from, &mut records);
    }

    /// Octets held, and messages that gave way to later ones.
    pub fn held(&self) -> (usize, u64) {
        self.ring.held()
    }

    /// The call of this number, if it ended lately.
    pub fn recent(&self, id: CallId) -> Option<Arc<CallRecord>> {
        self.lock().records.iter().rev().find(|record| record.id == id).cloned()
    }

    /// Calls of this phone number that ended lately, the last first.
    pub fn recent_of(&self, number: &str) -> Vec<Arc<CallRecord>> {
        // The engine does not wait while thousands of numbers are compared.
        let records: Vec<_> = self.lock().records.iter().rev().cloned().collect();
        records.into_iter().filter(|record| concerns(record, number)).collect()
    }

    /// What was said about a call.
    pub fn of(&self, record: Arc<CallRecord>, standing: Standing) -> Traced {
        let ids = call_ids(&record);
        let mut messages = self.ring.find(|octets| {
            let found = call_id(octets)?;
            ids.iter().find(|(id, _)| id.as_bytes() == found).map(|(_, side)| *side)
        });
        messages.iter_mut().for_each(|message| redact::redact(&mut message.octets));
        messages.sort_by_key(|message| message.at);
        let is_cut = self.ring.begins().is_some_and(|begins| begins > record.started);
        Traced { record, standing, messages, is_cut }
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    /// The one that gave way for it, where there were too many.
    fn push(&mut self, record: Arc<CallRecord>) -> Option<Arc<CallRecord>> {
        let oldest = if self.records.len() >= RECENT_CALLS { self.records.pop_front() } else { None };
        if oldest.is_some() {
            self.first += 1;
            Bound::RecentCalls.reached();
        }
        self.records.push_back(record);
        oldest
    }

    /// Records that were not copied, and the number of the first of them.
    fn fresh(&self) -> (u64, Vec<Arc<CallRecord>>) {
        let from = self.unsettled.max(self.first);
        let known = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        (from, self.records.iter().skip(known).cloned().collect())
    }

    /// Copies of the records from this number on; they are exchanged for what they are copies of.
    fn settled(&mut self, from: u64, copies: &mut [Arc<CallRecord>]) {
        for (number, copy) in (from..).zip(copies) {
            self.unsettled = number + 1;
            let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
            if let Some(record) = place.and_then(|place| self.records.get_mut(place)) {
                mem::swap(record, copy);
            }
        }
    }
}

/// True when the call is from or to this number, or a party of it is, written whole or by its end: as it is kept inside, as it
/// came, or as it went out. Zeros before it (`0049`, `0` of national numbers) and signs between its digits tell nothing.
pub fn concerns(record: &CallRecord, number: &str) -> bool {
    let wanted = digits(number_in(number));
    let wanted = wanted.trim_start_matches('0');
    let fits = |held: &str| held == number || (wanted.len() >= TAIL_DIGITS && digits(held).ends_with(wanted));
    let mut sent = record.sent.iter().map(|sent| (user_of(&sent.from), String::from_utf8_lossy(&sent.called)));
    let written = record.received.iter().map(Box::as_ref);
    let entered = record.transfers.iter().filter_map(|transfer| Some(&transfer.entered.as_ref()?.written));
    fits(&record.calling)
        || fits(&record.called)
        || written.chain(entered).any(|written| fits(&written.calling) || fits(&written.called))
        || record.transfers.iter().any(|transfer| fits(&transfer.asked))
        || sent.any(|(calling, called)| fits(&calling) || fits(&called))
}

/// Without what stands around a number in a URI, and without the zero of national numbers that some write into others.
fn number_in(text: &str) -> String {
    let text = text.split(['@', ';']).next().unwrap_or_default();
    text.replace("(0)", "")
}

fn digits(text: impl AsRef<str>) -> String {
    text.as_ref().chars().filter(char::is_ascii_digit).collect()
}

/// Every Call-ID of a call, with the side it belongs to.
fn call_ids(record: &CallRecord) -> Vec<(&str, Option<Side>)> {
    let mut ids = vec![(record.caller_call_id.as_str(), Some(Side::Caller))];
    ids.extend(record.callee_call_id.as_deref().map(|id| (id, Some(Side::Callee))));
    ids.extend(record.earlier.iter().map(|earlier| (earlier.as_str(), Some(Side::Callee))));
    ids.extend(record.transfers.iter().filter_map(|transfer| transfer.call_id.as_deref()).map(|id| (id, None)));
    ids
}

/// The value of a message's Call-ID, in either form.
fn call_id(octets: &[u8]) -> Option<&[u8]> {
    let head = octets.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii_end).take_while(|line| !line.is_empty());
    head.skip(1).find_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = (line.get(..colon)?.trim_ascii_end(), line.get(colon + 1..)?);
        (name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i")).then(|| value.trim_ascii())
    })
}
