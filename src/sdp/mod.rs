//! Session descriptions (RFC 8866): octets <-> values. Unknown lines are kept; limits bound every list.
//!
//! Obeyed: RFC 8866 (5: lines and their order), RFC 4566's line forms, RFC 3605 (`a=rtcp`), RFC 4568 (`a=crypto`),
//! RFC 5761 (`a=rtcp-mux`). Assumed: unicast; a port count, a multicast address or a name instead of an address is
//! refused where it would be used, never resolved or guessed.

pub mod attribute;
pub mod base64;
pub mod crypto;
pub mod description;
mod parse;
mod write;

pub use attribute::{AddressFault, Direction, Fmtp, RtcpAttribute, RtpMap};
pub use crypto::{CryptoFault, CryptoLine};
pub use description::{Attribute, Connection, Line, MediaDescription, Origin, SessionDescription};
pub use parse::SdpFault;
