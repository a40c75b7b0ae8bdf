//! Dialogs as RFC 3261 s.12 wants them, made from messages as they come over the wire.

mod creation;
mod identity;
mod numbers;
mod request_path;
mod target_refresh;
mod wire;
