//! Using an incoming TLS connection for our own requests (RFC 5923): the far end said `;alias` in its Via, and its
//! verified certificate carries the name we would have dialled. Nothing less will do: otherwise whoever shares an
//! address with a peer could draw its calls to itself.

use std::net::SocketAddr;

use super::names::name_matches;
use super::settings::ListenerSettings;
use crate::sip::flow::{Flow, PeerIdentity, Target, TlsTarget, Transport};
use crate::sip::{Request, Via};

/// Where a request on this flow says that its sender listens, when it offers its connection for our requests.
/// RFC 5923 8: the address is the one it sends from, the port the one in its Via.
pub fn offered(flow: &Flow, request: &Request) -> Option<SocketAddr> {
    let via: &Via = &request.via;
    via.param("alias")?;
    let port = via.port.unwrap_or(Transport::Tls.default_port());
    (flow.transport == Transport::Tls).then(|| SocketAddr::new(flow.remote.ip(), port))
}

/// True when a connection whose far end proved `peer` on `listener` is as good as one dialled to `target`.
pub fn serves(listener: &ListenerSettings, peer: &PeerIdentity, target: &Target) -> bool {
    let (Some(settings), Some(wanted)) = (&listener.tls, target.tls.as_deref()) else { return false };
    let vouched = settings.trust.iter().position(|store| *store == wanted.trust);
    let vouched = vouched.and_then(|place| u32::try_from(place).ok()).and_then(|place| 1u64.checked_shl(place));
    // With several identities we cannot tell here which one the far end asked for.
    let [own] = settings.certificates.as_slice() else { return false };
    vouched.is_some_and(|bit| peer.trusted_by & bit != 0)
        && wanted.identity.as_ref().is_none_or(|identity| identity == own)
        && carries_wanted_name(peer, wanted)
}

/// The rule of a connection we dial (`TargetVerifier`).
fn carries_wanted_name(peer: &PeerIdentity, wanted: &TlsTarget) -> bool {
    let carries = |wanted: &String| peer.names.iter().any(|name| name_matches(name, wanted));
    let either = |wanted: &String| carries(wanted) || peer.names.iter().any(|name| name_matches(wanted, name));
    if wanted.peer_names.is_empty() { carries(&wanted.server_name) } else { wanted.peer_names.iter().any(either) }
}
