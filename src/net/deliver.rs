//! Handing a message up: into the inbox of its class, and what happens when that is full (DESIGN rule 8).

use std::hash::BuildHasher;

use bytes::Bytes;

use super::arrival::Class;
use super::counters::{Direction, MessageKind, TurnedAway};
use super::shared::Shared;
use crate::sip::flow::Received;
use crate::sip::{Method, Name, SipMessage, Status, Writer};

/// Seconds after which a refused caller may try again (RFC 3261 20.33, R-A2: 1 to 10).
const RETRY_AFTER_S: [&str; 8] = ["1", "2", "3", "4", "5", "6", "8", "10"];

/// Counts an accepted message and shows it to the second reader.
fn accepted(shared: &Shared, received: &Received) {
    let kind = MessageKind::of(&received.message);
    shared.counters.messages.add(received.flow.transport, Direction::Received, kind);
    shared.tap(Direction::Received, &received.flow, received.message.message().bytes());
    if let Some(reader) = &shared.second_reader {
        (reader.0)(&received.message);
    }
}

/// Whether the source of a message, a peer, may send it in this second: what belongs to a call always, and what begins
/// something while the source keeps to its rate.
fn keeps_to_its_rate(shared: &Shared, class: Class, received: &Received) -> bool {
    let begins = class.begins();
    let keeps = !begins || shared.gate.may_begin(received.flow.remote.ip());
    if !keeps {
        shared.counters.turned_away.add(TurnedAway::PeerRate);
    }
    keeps
}

/// Delivers a message of a stream, of this class. What belongs to a call waits for room, and with it the connection:
/// nothing more is read until the engine has caught up.
///
/// # Errors
/// Hands back a new request that found no room, or came too fast.
pub async fn deliver(shared: &Shared, class: Class, received: Received) -> Result<(), Received> {
    accepted(shared, &received);
    if !keeps_to_its_rate(shared, class, &received) {
        return Err(received);
    }
    let Err(mut refused) = shared.sink.offer(class, received) else { return Ok(()) };
    shared.counters.inbox_full.add(class.inbox());
    if class.begins() {
        return Err(refused);
    }
    shared.sink.settle();
    loop {
        let room = shared.sink.room().notified();
        tokio::pin!(room);
        room.as_mut().enable();
        match shared.sink.offer(class, refused) {
            Ok(()) => return Ok(()),
            Err(back) => refused = back,
        }
        room.await;
    }
}

/// Delivers a datagram's message, or drops it: the far end repeats what matters (RFC 3261 17.1). Refused here, a repeated
/// INVITE would end a call that goes on.
pub fn deliver_or_drop(shared: &Shared, class: Class, received: Received) {
    accepted(shared, &received);
    if keeps_to_its_rate(shared, class, &received) && shared.sink.offer(class, received).is_err() {
        shared.counters.inbox_full.add(class.inbox());
    }
}

/// Seconds for a refused caller, spread by a random number.
pub fn retry_after(draw: u64) -> &'static str {
    let [first, ..] = draw.to_le_bytes();
    RETRY_AFTER_S.get(usize::from(first & 7)).copied().unwrap_or("5")
}

/// The answer to a new request that found no room: without any state, so that it costs next to nothing (R-A2).
/// `None` for what is not answered.
pub fn stateless_503(refused: &Received, shared: &Shared) -> Option<Bytes> {
    let SipMessage::Request(request) = &refused.message else { return None };
    if request.method == Method::Ack || !shared.answers(&refused.flow) {
        return None;
    }
    // RFC 3261 8.2.7: the same for each repetition.
    let draw = shared.datagram_key.hash_one((&request.call_id, request.cseq.number));
    let tag = format!("{draw:016x}");
    let status = Status::new(503)?;
    let writer = Writer::response(status, None, request, refused.flow.remote, Some(tag.as_bytes()));
    Some(writer.header(Name::RetryAfter, retry_after(draw)).finish())
}
