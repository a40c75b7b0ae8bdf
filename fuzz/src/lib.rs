//! What the fuzz targets do with octets, each with what must hold whatever the octets are. The targets themselves are one
//! line each; `tests/fuzz_replay.rs` runs the same bodies on the stable toolchain.

pub mod bodies;
mod symbols;
