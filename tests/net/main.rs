//! The signalling shell on loopback: real sockets, real TLS, ports chosen by the system.
#![cfg(feature = "lab")]

mod authority;
mod bad_peers;
mod datagrams;
mod dialling;
mod handshakes;
mod hostile_names;
mod cuts;
mod keep_alive;
mod names;
mod renewal;
mod reuse;
mod strangers;
mod streams;
mod traps;
mod withdrawn;
mod world;
