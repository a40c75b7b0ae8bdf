//! The life of the process (DESIGN 8): start, run, drain, stop; the engine's thread, the clocks, the system's
//! randomness.

pub mod call_log;
pub mod clock;
pub mod control;
pub mod drain;
pub mod entropy;
pub mod failure;
pub mod first_ports;
pub mod helm;
pub mod inbox;
mod log_line;
mod log_quota;
mod log_sink;
pub mod logging;
pub mod materials;
mod memory;
pub mod orders;
mod notice;
mod operating;
mod pages;
pub mod panic;
pub mod phase;
mod precedence;
pub mod provisioning;
pub mod reloading;
pub mod renewing;
mod signals;
pub mod start;
pub mod watchdog;

pub use failure::{Fault, StartFailure};
pub use signals::Hangups;
pub use start::Daemon;
