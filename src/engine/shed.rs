//! Why a new call is answered 503 with Retry-After.

/// Why a new call was answered 503. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shed {
    /// The node goes out of service.
    Draining,
    /// Requests wait longer than `limits.max_wait_ms`.
    Overload,
    /// `limits.memory_mb`.
    Memory,
    /// No room for records, and `cdr.when_full = "refuse"`.
    Records,
    /// `limits.max_calls`.
    MaxCalls,
    /// `limits.max_calls_per_s`.
    MaxCallsPerS,
    /// `max_calls` of the trunk the call came from.
    TrunkMaxCalls,
    /// `max_calls_per_s` of that trunk.
    TrunkMaxCallsPerS,
    /// `limits.max_transactions`.
    MaxTransactions,
}

impl Shed {
    /// Every reason, for the metrics' start at zero.
    pub const ALL: [Shed; 9] = [
        Shed::Draining,
        Shed::Overload,
        Shed::Memory,
        Shed::Records,
        Shed::MaxCalls,
        Shed::MaxCallsPerS,
        Shed::TrunkMaxCalls,
        Shed::TrunkMaxCallsPerS,
        Shed::MaxTransactions,
    ];

    /// Metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Shed::Draining => "draining",
            Shed::Overload => "overload",
            Shed::Memory => "memory",
            Shed::Records => "records",
            Shed::MaxCalls => "max_calls",
            Shed::MaxCallsPerS => "max_calls_per_s",
            Shed::TrunkMaxCalls => "trunk_max_calls",
            Shed::TrunkMaxCallsPerS => "trunk_max_calls_per_s",
            Shed::MaxTransactions => "max_transactions",
        }
    }
}
