//! The platform labs: the daemon as shipped keeps every statement, and an SBC that breaks one is told.
#![cfg(feature = "lab")]

mod ground;
mod message;
mod shipped_configurations;
mod spoiler;
mod wrong_sbcs;
