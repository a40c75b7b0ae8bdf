//! What rows are checked against.

use crate::route::number::E164;

/// Who a number belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub account: String,
    /// True while calls or routes need it.
    pub is_in_use: bool,
}

/// The data as it stands, for phase 4 (PV-47).
pub trait Existing {
    /// Who has this number, if anybody.
    fn owner(&self, number: &E164) -> Option<Owner>;
    fn has_account(&self, name: &str) -> bool;
    fn has_carrier(&self, id: &str) -> bool;
    /// Names of the services there are.
    fn is_service(&self, name: &str) -> bool;
    /// Whether the account has this service.
    fn is_enabled(&self, account: &str, service: &str) -> bool;
    /// Numbers the account may still take; `None`: no limit.
    fn room(&self, account: &str) -> Option<usize>;
}

/// No data at all: every account, carrier and service is believed. For checking a file by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Existing for Nothing {
    fn owner(&self, _: &E164) -> Option<Owner> {
        None
    }

    fn has_account(&self, _: &str) -> bool {
        true
    }

    fn has_carrier(&self, _: &str) -> bool {
        true
    }

    fn is_service(&self, _: &str) -> bool {
        true
    }

    fn is_enabled(&self, _: &str, _: &str) -> bool {
        true
    }

    fn room(&self, _: &str) -> Option<usize> {
        None
    }
}
