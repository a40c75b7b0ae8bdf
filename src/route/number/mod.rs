//! Numbers: how a peer writes them, and the one form they have inside (`+` E.164).
//!
//! A trunk has one [`NumberPlan`]: its country, the form each field arrives in and leaves in, and the operator's own
//! rules. [`NumberPlan::read`] turns the user part of a field into a [`Party`]; [`NumberPlan::write`] turns a party
//! into what this peer expects (PF-134). Only ASCII digits are digits: `char::is_numeric` would take look-alikes.

mod country;
mod countries;
mod e164;
mod mobile;
mod plan;
mod read;
mod rule;
mod write;

pub use country::{Country, country};
pub use e164::{BadNumber, E164};
pub use plan::{Conversion, Field, FieldForms, NumberPlan, Reads, Unreadable, UriStyle};
pub use read::{IncomingForm, Party};
pub use rule::{NumberRule, RuleList};
pub use write::{OutgoingForm, Written};
