//! Which dialog a message belongs to (RFC 3261 s.12): Call-ID and both tags, and nothing else (never an address).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::sip::{Request, Response};

/// The identity of a dialog, seen from us. Tags compare without case (RFC 3261 7.3.1), Call-IDs octet by octet (20.8).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DialogKey {
    /// Call-ID as written.
    pub call_id: Bytes,
    /// Our tag, in lower case.
    pub local_tag: Bytes,
    /// The peer's tag, in lower case; empty for an RFC 2543 peer without one.
    pub remote_tag: Bytes,
}

impl DialogKey {
    /// Keeps copies of the three.
    pub fn new(call_id: &[u8], local_tag: &[u8], remote_tag: &[u8]) -> DialogKey {
        DialogKey {
            call_id: Bytes::copy_from_slice(call_id),
            local_tag: Bytes::from(local_tag.to_ascii_lowercase()),
            remote_tag: Bytes::from(remote_tag.to_ascii_lowercase()),
        }
    }

    /// The dialog that a request from the peer belongs to; `None` when it has no To tag, so belongs to none.
    pub fn of_request(request: &Request) -> Option<DialogKey> {
        let local_tag = request.to_tag()?;
        Some(DialogKey::new(&request.call_id, local_tag, request.from_tag().unwrap_or_default()))
    }

    /// The dialog that a response to a request of ours belongs to or makes; `None` when it has no To tag.
    pub fn of_response(response: &Response) -> Option<DialogKey> {
        let remote_tag = response.to_tag()?;
        Some(DialogKey::new(&response.call_id, response.from_tag().unwrap_or_default(), remote_tag))
    }
}
