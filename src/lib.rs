//! Trunkline: a SIP back-to-back user agent that works as a direct-routing session border controller.
//!
//! The order of the modules below is the order of dependency: a module imports only what stands above
//! it (`tests/architecture.rs` enforces this). Everything down to [`engine`] is *core*: it decides,
//! holds no socket, reads no clock and waits for nothing. Everything after it is *shell*: it waits.
//!
//! Threads: tokio's workers read and parse, and the one that finds the engine free lets it decide and carries out what
//! it wants, right where the message was read ([`daemon::helm`]; measured, hops between threads were most of a call's
//! price). The engine's own thread fires timers and steps in when nobody else would. The relay's workers are plain
//! threads on `epoll`.

// A panic on input is a defect of the highest class, and only `daemon::clock` and the shells that wait read a clock.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::disallowed_methods
    )
)]

pub mod base;
pub mod sip;
pub mod sdp;
pub mod rtp;
pub mod audio;
pub mod transaction;
pub mod dialog;
pub mod registration;
pub mod media;
pub mod route;
pub mod call;
pub mod engine;
pub mod explain;
// ---- above: core, nothing waits; below: shells, nothing decides about SIP ----
pub mod net;
pub mod relay;
pub mod store;
pub mod cdr;
pub mod trace;
pub mod metrics;
pub mod api;
pub mod config;
#[cfg(feature = "lab")]
#[allow(clippy::disallowed_methods, reason = "the lab is a shell: its agents and its measurements live by the clock")]
pub mod lab;
pub mod daemon;
pub mod nsg;
pub mod doctor;
pub mod cli;
