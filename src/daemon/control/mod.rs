//! The control socket (`node.control`): how `trunkline ctl` and `trunkline trace` speak to the running daemon.
//!
//! A Unix socket that only the daemon's user and root may use. One JSON object a line each way: a [`Request`] in, an answer
//! out, until the client closes. What each request does stands in [`answers`]; a new command is a variant of [`Request`]
//! and a function there.

mod answers;
mod request;
mod socket;

pub use answers::Hands;
pub use request::{Order, Question, Request};
pub use socket::listen;
