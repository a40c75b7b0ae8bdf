//! Digest authentication (RFC 2617, 7616, 8760; RFC 3261 s.22): the answer to a peer's challenge, and our own
//! challenge to a peer.
//!
//! Credentials belong to one trunk and one realm; a challenge for another realm is never answered, whoever sends it.
//! Simplifications: `auth-int`, the `-sess` algorithms and `userhash` are not spoken; a challenge that offers nothing
//! else is treated like an unknown scheme.

mod algorithm;
mod challenge;
mod client;
mod credentials;
mod params;
mod server;

pub use algorithm::Algorithm;
pub use challenge::{Challenge, Protection};
pub use client::{DigestClient, KeptNonces, Unanswerable};
pub use credentials::{Counted, Credentials, Question};
pub use server::{Demand, DigestServer, Freshness, Verdict};
