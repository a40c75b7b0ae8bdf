//! The provisioning API: REST under `/api/v1` (PV-55 to PV-65), for this node alone.
//!
//! An answer is a function of the request, the store and the time ([`answer()`]); [`server`] is the shell that waits. A
//! write and its audit event, its revision, and the answer kept for a repeated request are one transaction.

mod accounts;
mod answer;
mod audit;
mod authenticator;
mod body;
pub(crate) mod calls;
mod carriers;
mod clients;
mod evaluate;
mod imports;
mod json;
mod list;
mod message;
mod multipart;
mod numbers;
mod openapi;
mod operation;
mod place;
mod portal;
mod rates;
pub mod server;
mod traces;

pub use answer::{Site, answer};
pub use authenticator::{Authenticator, TokenAuthenticator};
pub use calls::{ActiveCalls, HungUp};
pub use message::{Body, Request, Response};
pub use openapi::document;
pub use operation::{Kept, Operation, Ordered, Reloaded, shown_trunks};
pub use rates::Rates;
pub use traces::{ShownTrace, Traces};

/// Where everything stands.
pub const BASE: &str = "/api/v1";
/// Octets of a request's body at most: an import file with its form around it.
pub const BODY_OCTETS: usize = crate::store::import::FILE_OCTETS + 64 * 1024;
/// Octets of a JSON body: a hundred objects of a reasonable size.
pub const JSON_OCTETS: usize = 1024 * 1024;
