//! The torture sets: RFC 4475, hostile messages, the probes and defects other parsers failed, RFC 5118, mutations, and the
//! differential run against rsip. Messages go through as a datagram and as a stream, whole and in pieces.

mod corpus;
mod defects;
mod differential;
mod hostile;
mod ipv6;
mod mutation;
mod own;
mod probes;
mod reading;
mod requirements;
mod rfc4475;
