//! The transaction machines on invented time: every arrow of RFC 3261 figures 5 to 8 as corrected by RFC 6026.

mod accepted;
mod checkpoint;
mod client;
mod client_invite;
mod invented_time;
mod key;
mod random_walk;
mod server;
mod server_invite;
mod table;
mod timers;
