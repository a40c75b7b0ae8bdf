//! Platforms and carriers, emulated for a customer's SBC of any make: they behave as the requirement sheets say, watch
//! what comes back, and print a conformance report by statement. No certification.
//!
//! Reading order: [`run`] (a run), [`setting`] (the platforms as data), [`scenario`] (what is played), [`checks`] (what
//! is looked at), [`report`]; below them [`station`] and [`leg`] (an end and its dialogs), [`wire`] and [`posture`] (TLS).

pub mod audio;
pub mod authority;
pub mod beyond;
pub mod checks;
pub mod gate;
pub mod leg;
pub mod manner;
pub mod overriding;
pub mod posture;
pub mod registrar;
pub mod report;
pub mod run;
pub mod scenario;
pub mod setting;
pub mod stage;
pub mod statement;
pub mod station;
pub mod text;
pub mod transcript;
pub mod wire;
