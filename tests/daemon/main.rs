//! The real binary on loopback, spoken to with plain sockets: what it answers, whom it ignores, how it ends, and that
//! nothing in the hostile corpora hurts it. How it starts and what it logs is in `daemon_life`.
#![cfg(feature = "lab")]

mod accounts;
mod bad_peers;
mod calls;
mod dying;
mod emergency;
mod ends;
mod fraud;
mod ground;
mod hostile;
mod judge;
mod limits;
mod media;
mod metrics;
mod overload;
mod own_hostile;
mod peer;
mod probed;
mod probes;
mod records;
mod reload;
mod secrets;
mod spellings;
mod starts;
mod strangers;
mod text;
mod traces;
mod variants;
mod verdicts;
