//! Offer and answer over two legs, judged by what is in the descriptions and in the plans for the relay.

mod answers;
mod bridge;
#[path = "../relay/check.rs"]
mod check;
mod digits;
mod hold;
mod ice;
mod keys;
mod media_lines;
mod microsoft;
mod properties;
mod refresh;
mod rekeying;
mod stage;
