//! The SIP wire layer: octets <-> values. One scanner for datagrams and streams (RFC 3261 s.7, s.18.3, s.20, s.25).

pub mod auth;
pub mod bodies;
pub mod cross_check;
pub mod flow;
pub mod frame;
pub mod glance;
pub(crate) mod grammar;
pub mod header;
pub mod message;
pub mod method;
pub mod multipart;
mod octet;
pub mod pidf;
mod read;
pub mod rejection;
mod scan;
pub mod status;
pub mod uri;
pub mod write;

pub use grammar::ListItems;
pub use header::{BadHeader, CSeq, NameAddr, RAck, RSeq, Via};
pub use message::{Message, Name, Rejection, RejectionKind, Request, Response, SipMessage, Source};
pub use method::Method;
pub use status::Status;
pub use uri::{Host, SipUri, Uri};
pub use write::{ResponseHead, Writer};
