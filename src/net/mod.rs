//! The signalling shell: sockets, TLS, framing, names. It waits so that the core need not, and decides nothing about
//! SIP (DESIGN rule 1).
//!
//! One task per connection reads; when all of one read has been offered, the task lets the sink decide
//! ([`Sink::settle`]), in place. Answers are written straight to the sockets by whoever steers the engine; a task takes
//! over only what a socket does not take at once. RFC 3261 s.18 (transport), RFC 5626 4.4.1 (keep-alive), RFC 5923 (connection
//! reuse), RFC 3263, RFC 5922 (names in certificates).

mod aliases;
pub mod arrival;
pub mod backlog;
pub mod connection;
pub mod counters;
mod deliver;
mod dial;
mod dial_log;
mod dns;
pub mod flows;
mod glancing;
pub mod guard;
pub mod http;
pub mod identity;
pub mod inherited;
mod listener;
pub mod names;
pub mod naptr;
pub mod outgoing;
mod own_pings;
pub mod pem;
mod reading;
pub mod rebinding;
mod refusals;
pub mod renewal;
pub mod resolver;
mod seats;
pub mod settings;
mod shared;
pub mod signalling;
pub mod srv;
pub mod tls;
pub mod trust;
mod udp;
pub mod verifier;

pub use arrival::{Class, Glanced, News, Sink};
pub use counters::Counters;
pub use outgoing::Outgoing;
pub use rebinding::{Prepared, Rebinding, Rebound};
pub use settings::NetSettings;
pub use signalling::{Signalling, StartError};
