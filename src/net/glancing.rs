//! While the engine sheds calls, an INVITE is looked at before it is read: it is refused then and there, with no more
//! than an answer to show for it, and the ACK of that answer goes no further (R-A2). What the engine would take is read
//! as ever.

use std::hash::BuildHasher;
use std::time::Duration;

use tokio::time::Instant;

use super::arrival::{Class, Glanced};
use super::counters::{Direction, MessageKind};
use super::deliver::retry_after;
use super::refusals::Refusals;
use super::shared::Shared;
use crate::sip::Method;
use crate::sip::flow::Flow;
use crate::sip::glance::{Glance, PlainInvite};

/// What became of a message that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dealt {
    /// It is done with. What it is answered, if anything, has been appended.
    Done,
    /// It is to be read; the class, where it is settled already.
    Read(Option<Class>),
}

/// Deals with a message of a peer that has waited for so long. `refusals`: what may come again, on datagrams. An answer
/// is appended to `out`.
pub fn deal(
    shared: &Shared,
    flow: &Flow,
    glance: Glance<'_>,
    (waited, refusals): (Duration, Option<&mut Refusals>),
    out: &mut Vec<u8>,
) -> Dealt {
    if glance.acknowledges(shared.busy_tag.as_bytes()) {
        count(shared, flow, Direction::Received, MessageKind::of_method(&Method::Ack));
        return Dealt::Done;
    }
    let Some(invite) = glance.invite() else { return Dealt::Read(None) };
    let known = refusals.map(|refusals| (refusals.key(flow, &invite), refusals));
    if known.as_ref().is_some_and(|(key, refusals)| refusals.holds(*key)) {
        return refuse(shared, flow, &invite, out);
    }
    if !shared.sink.is_shedding() {
        return Dealt::Read(None);
    }
    match shared.sink.glance(flow, &invite, waited) {
        Glanced::Unknown => Dealt::Read(None),
        Glanced::Admitted => Dealt::Read(Some(Class::Admitted)),
        Glanced::Shed => {
            if let Some((key, refusals)) = known {
                refusals.note(Instant::now(), key);
            }
            refuse(shared, flow, &invite, out)
        }
    }
}

fn refuse(shared: &Shared, flow: &Flow, invite: &PlainInvite<'_>, out: &mut Vec<u8>) -> Dealt {
    count(shared, flow, Direction::Received, MessageKind::of_method(&Method::Invite));
    count(shared, flow, Direction::Sent, MessageKind::SERVER_FAILURE_OF_INVITE);
    // RFC 3261 8.2.7: the same for each repetition.
    let draw = shared.datagram_key.hash_one(invite.identity());
    invite.write_busy(flow.remote, shared.busy_tag.as_bytes(), retry_after(draw), out);
    Dealt::Done
}

fn count(shared: &Shared, flow: &Flow, direction: Direction, kind: MessageKind) {
    shared.counters.messages.add(flow.transport, direction, kind);
}
