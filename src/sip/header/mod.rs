//! Typed views of header fields (RFC 3261 s.20 and extensions), one file each. A view is made on demand from a field's
//! octets; the field itself stays as it came.

pub mod breadth;
pub mod content_type;
pub mod cseq;
pub mod early_media;
pub mod name;
pub mod name_addr;
pub mod params;
pub mod rack;
pub mod reason;
pub mod replaces;
pub mod retry_after;
pub mod session_expires;
pub mod token_list;
pub mod via;
pub mod warning;

pub use breadth::max_breadth;
pub use content_type::ContentType;
pub use cseq::CSeq;
pub use early_media::EarlyMedia;
pub use name::Name;
pub use name_addr::NameAddr;
pub use rack::{RAck, RSeq};
pub use reason::Reason;
pub use replaces::{Extent, Replaces};
pub use retry_after::RetryAfter;
pub use session_expires::{MinSe, Refresher, SessionExpires};
pub use via::Via;
pub use warning::Warning;

use super::grammar::Unbalanced;
use super::uri::BadUri;

/// Why a value is not what its header demands. The name is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHeader;

impl std::fmt::Display for BadHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the value does not follow its header's grammar")
    }
}

impl std::error::Error for BadHeader {}

impl From<BadUri> for BadHeader {
    fn from(_: BadUri) -> Self {
        BadHeader
    }
}

impl From<Unbalanced> for BadHeader {
    fn from(_: Unbalanced) -> Self {
        BadHeader
    }
}
