//! Prometheus metrics (prefix `sbc_`), `/healthz`, `/readyz` and `/drainz`. Nothing here counts on the hot path: the
//! shells keep plain counters, and a scrape reads them.

pub mod accounts;
pub mod api;
pub mod calls;
mod delays;
mod finals;
pub mod gauges;
mod records;
pub mod limits;
pub mod log;
pub mod memory;
mod outcomes;
pub mod registry;
pub mod reloads;
mod rows;
pub mod server;
mod strangers;
mod trunks;
