//! Call records on disk (PF-181, R-D3, R-I): one JSON line for each leg and one for the call, never lost or doubled.
//!
//! The engine hands over a value ([`Records::push`]) and forgets it. One thread ([`writer`]) writes it to the spool, whose
//! files are the product: append-only JSON lines, rotated, made durable batch by batch. While the disk takes nothing,
//! records wait in memory up to a bound, and beyond it the stated policy holds. SQLite ([`database`]) is filled from the
//! spool and keeps its own place in it, inside the transaction that moves it: what a crash interrupts is done again or not
//! at all.
//!
//! The schema of the lines is versioned ([`SCHEMA`]) and documented in `docs/call-records.md`.

pub mod database;
pub mod lines;
mod object;
mod queue;
pub mod spool;
pub mod writer;

pub use queue::{Records, RecordsRefused, Room, RoomSink, WhenFull};
pub use spool::Rotation;
pub use writer::{AtStart, Settings};

/// Name and version of the lines' schema. A field that is added keeps the version; one that changes or goes raises it.
pub const SCHEMA: &str = "trunkline.cdr/1";
