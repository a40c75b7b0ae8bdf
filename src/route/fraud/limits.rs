//! How much may be called: rules as data. They are counted in the engine.

use super::class::{Class, ClassSet};

/// What a rule counts one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Each trunk that calls come from; for a transfer that of the transferor.
    #[default]
    Trunk,
    /// Each account. Calls of nobody's are not counted.
    Account,
    /// All calls of the node.
    Node,
}

/// What becomes of running calls when the minutes are used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMinutes {
    /// They go on, new ones are refused.
    #[default]
    Refuse,
    /// They are hung up (S-F: stop within a second).
    HangUp,
}

/// One `[[fraud.limits]]`. Calls to carriers are counted, emergency calls never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitRule {
    pub per: Subject,
    /// One trunk or account by its name; `None`: each.
    pub only: Option<Box<str>>,
    /// Empty: every class.
    pub classes: ClassSet,
    /// New calls in any second.
    pub calls_per_s: Option<u32>,
    /// Calls at once.
    pub calls: Option<u32>,
    /// New calls in any hour.
    pub calls_per_hour: Option<u32>,
    /// Minutes of talk in any hour, over all calls.
    pub minutes_per_hour: Option<u32>,
    pub on_minutes: OnMinutes,
}

impl LimitRule {
    /// Whether calls to this class are counted.
    pub const fn counts(&self, class: Class) -> bool {
        self.classes.is_empty() || self.classes.has(class)
    }
}
