//! One file for each target. A body panics where something does not hold.

pub mod digest;
pub mod engine;
mod engine_world;
pub mod message;
pub mod name_addr;
pub mod negotiation;
pub mod rtcp;
pub mod rtp;
pub mod sdes;
pub mod sdp;
pub mod stream;
pub mod stun;
pub mod uri;
pub mod via;

use std::net::SocketAddr;

use trunkline::sip::SipMessage;

/// What one input is given to.
pub type Body = fn(&[u8]);

/// Every body by the name of its target.
pub const ALL: [(&str, Body); 13] = [
    ("message", message::run),
    ("stream", stream::run),
    ("uri", uri::run),
    ("name_addr", name_addr::run),
    ("via", via::run),
    ("sdp", sdp::run),
    ("sdes", sdes::run),
    ("digest", digest::run),
    ("engine", engine::run),
    ("rtp", rtp::run),
    ("rtcp", rtcp::run),
    ("stun", stun::run),
    ("negotiation", negotiation::run),
];

/// Where every message comes from.
pub fn source() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 5], 5070))
}

/// What the layer above sees of a message.
pub fn seen(message: &SipMessage) -> String {
    let raw: Vec<_> = message.message().raw_headers().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    let start = match message {
        SipMessage::Request(request) => format!("{:?} {:?} {:?}", request.method, request.uri, request.via),
        SipMessage::Response(response) => format!("{:?} {:?} {:?}", response.status, response.reason, response.via),
    };
    format!("{start} {:?} {raw:?} {:?}", message.call_id(), message.message().body())
}

/// Cuts the next `count` octets off; fewer when there are no more.
pub fn take<'o>(octets: &mut &'o [u8], count: usize) -> &'o [u8] {
    let (head, rest) = octets.split_at(count.min(octets.len()));
    *octets = rest;
    head
}

/// The next octet; 0 at the end.
pub fn next(octets: &mut &[u8]) -> u8 {
    take(octets, 1).first().copied().unwrap_or(0)
}
