//! Requests that a datagram should not carry (RFC 3261 18.1.1, PF-128): over TCP to the same place, where the trunk says
//! so, and as datagrams after all where nobody takes the connection.
//!
//! The Via names what carries the request; the Contact stays that of our listener, which takes datagrams.

use std::mem;

use bytes::Bytes;

use crate::call::ClientRequest;
use crate::sip::flow::{Destination, LargeRequests, Target, Transport};
use crate::transaction::TimerValues;

/// RFC 3261 18.1.1: what is longer may be cut to pieces on its way, where nothing is known of the way.
const LARGEST_DATAGRAM: usize = 1300;
const VIA_UDP: &[u8] = b"\r\nVia: SIP/2.0/UDP ";
const VIA_TCP: &[u8] = b"\r\nVia: SIP/2.0/TCP ";

/// A request that went over TCP, as the datagram that it may have to be.
#[derive(Debug)]
pub struct Fallback {
    pub bytes: Bytes,
    pub to: Destination,
    pub timers: TimerValues,
}

/// Turns a request that is too large for a datagram into one over TCP, where its trunk says so. What it was comes back.
pub fn switch(request: &mut ClientRequest) -> Option<Box<Fallback>> {
    match request.large {
        LargeRequests::Tcp if request.bytes.len() > LARGEST_DATAGRAM => over_tcp(request),
        LargeRequests::Tcp | LargeRequests::Udp => None,
    }
}

/// A CANCEL of a request that went over TCP goes the same way under the same Via (RFC 3261 9.1).
pub fn follow(cancel: &mut ClientRequest) {
    over_tcp(cancel);
}

fn over_tcp(request: &mut ClientRequest) -> Option<Box<Fallback>> {
    let Destination::Target(target) = &request.hop.to else { return None };
    if target.transport != Transport::Udp {
        return None;
    }
    let to = Destination::Target(Target { transport: Transport::Tcp, ..target.clone() });
    let over_tcp = with_tcp_via(&request.bytes)?;
    let (bytes, to) = (mem::replace(&mut request.bytes, over_tcp), mem::replace(&mut request.hop.to, to));
    Some(Box::new(Fallback { bytes, to, timers: request.timers }))
}

/// The topmost Via is ours, as we write it.
fn with_tcp_via(request: &[u8]) -> Option<Bytes> {
    let at = request.windows(VIA_UDP.len()).position(|octets| octets == VIA_UDP)?;
    let (before, via) = request.split_at_checked(at)?;
    Some([before, VIA_TCP, via.strip_prefix(VIA_UDP)?].concat().into())
}
