//! What a call may do: trunks, routes, numbers, in one immutable snapshot (DESIGN rule 7).
//!
//! `settings` holds what an operator wrote, typed and with names; `compile` turns names into indices and fills
//! every default; `snapshot` is what a call reads. Who sends is decided in `identify`, where a call goes in `table`.

pub mod caller;
pub mod compile;
pub mod directory;
pub mod diverting;
pub mod group;
pub mod failover;
pub mod elin;
pub mod emergency;
pub mod fraud;
pub mod health;
pub mod hours;
pub mod identify;
pub mod mark;
pub mod liveness;
pub mod media;
pub mod methods;
pub mod number;
pub mod numbering;
pub mod policy;
pub mod presence;
pub mod presentation;
pub mod profile;
pub mod provisional;
pub mod role;
pub mod reach;
pub mod ruling;
pub mod settings;
pub mod snapshot;
pub mod standing;
pub mod table;
pub mod time_zone;
pub mod transfer;
pub mod trunk;
