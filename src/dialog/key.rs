//! Which dialog a message belongs to (RFC 3261 s.12): Call-ID and both tags, and nothing else (never an address).

use serde::{Deserialize, Serialize};

use crate::sip::{Request, Response};

/// The identity of a dialog, seen from us. Tags compare without case (RFC 3261 7.3.1), Call-IDs octet by octet (20.8).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DialogKey {
    /// Both tags in lower case, ours first, each with its length before it; then the Call-ID as written. A peer of
    /// RFC 2543 may have an empty tag.
    octets: Box<[u8]>,
}

/// Octets of a tag's length.
const LENGTH: usize = 4;

impl DialogKey {
    /// Keeps copies of the three.
    pub fn new(call_id: &[u8], local_tag: &[u8], remote_tag: &[u8]) -> DialogKey {
        let room = 2 * LENGTH + local_tag.len() + remote_tag.len() + call_id.len();
        let mut octets = Vec::with_capacity(room);
        for tag in [local_tag, remote_tag] {
            octets.extend_from_slice(&u32::try_from(tag.len()).unwrap_or(u32::MAX).to_be_bytes());
            let start = octets.len();
            octets.extend_from_slice(tag);
            octets.get_mut(start..).unwrap_or_default().make_ascii_lowercase();
        }
        octets.extend_from_slice(call_id);
        DialogKey { octets: octets.into_boxed_slice() }
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
