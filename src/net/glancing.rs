//! While the engine sheds calls, an INVITE is looked at before it is read: it is refused then and there, with no more than an
//! answer to show for it, and the ACK of that answer goes no further (R-A2). What the engine would take is read as ever.

use std::hash::BuildHasher;
use std::time::Duration;

use super::arrival::{Class, Glanced};
use super::counters::{Direction, MessageKind};
use super::deliver::retry_after;
use super::shared::Shared;
use crate::sip::Method;
use crate::sip::flow::Flow;
use crate::sip::glance::Glance;

/// What became of a message that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dealt {
    /// It is done with. What it is answered, if anything, has been appended.
    Done,
    /// It is to be read; the class, where it is settled already.
    Read(Option<Class>),
}

/// Deals with a message of a peer that has waited for so long. An answer is appended to `out`.
pub fn deal(shared: &Shared, flow: &Flow, glance: Glance<'_>, waited: Duration, out: &mut Vec<u8>) -> Dealt {
    let tag = shared.busy_tag.as_bytes();
    if glance.acknowledges(tag) {
        count(shared, flow, Direction::Received, MessageKind::of_method(&Method::Ack));
        return Dealt::Done;
    }
    let Some(invite) = glance.invite() else { return Dealt::Read(None) };
    match shared.sink.glance(flow, &invite, waited) {
        Glanced::Unknown => Dealt::Read(None),
        Glanced::Admitted => Dealt::Read(Some(Class::Admitted)),
        Glanced::Shed => {
            count(shared, flow, Direction::Received, MessageKind::of_method(&Method::Invite));
            count(shared, flow, Direction::Sent, MessageKind::SERVER_FAILURE_OF_INVITE);
            // RFC 3261 8.2.7: the same for each repetition.
            let draw = shared.datagram_key.hash_one(invite.identity());
            invite.write_busy(flow.remote, tag, retry_after(draw), out);
            Dealt::Done
        }
    }
}

fn count(shared: &Shared, flow: &Flow, direction: Direction, kind: MessageKind) {
    shared.counters.messages.add(flow.transport, direction, kind);
}
