//! The statements the lab looks at, by subject.

pub mod acs;
pub mod bypass;
pub mod carrier;
pub mod certificate;
pub mod description;
pub mod dialog;
pub mod gateway;
pub mod genesys;
pub mod header;
pub mod identity;
pub mod microsoft;
pub mod options;
pub mod registration;
pub mod twilio;
pub mod zoom;

#[cfg(test)]
mod tests;
