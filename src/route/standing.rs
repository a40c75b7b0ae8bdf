//! Whether a trunk is in service: what an operator orders while the node runs. Calls that are there go on in any case.

use std::fmt;

/// An operator's word on one trunk. It holds until the next word or the end of the process; a reload of the configuration
/// keeps it as long as the trunk stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    #[default]
    Enabled,
    /// Going out of service, as a node that drains, for one peer: its new calls get 503 with Retry-After, none is offered
    /// to it, its OPTIONS are answered as `options.draining` says, ours stop (MD-52), our registration is taken back. An
    /// emergency call still passes: no flag of an operator stands in its way (PF-163).
    Draining,
    /// Out of service: as when draining, but its OPTIONS get 503 in any case, and no emergency call is trusted to it.
    Disabled,
}

/// How much a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    Normal,
    Emergency,
}

impl Standing {
    pub const ALL: [Standing; 3] = [Standing::Enabled, Standing::Draining, Standing::Disabled];

    /// For people and as metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Standing::Enabled => "enabled",
            Standing::Draining => "draining",
            Standing::Disabled => "disabled",
        }
    }

    /// Whether a new call may come from the trunk's peer, or be offered to it.
    pub const fn takes(self, urgency: Urgency) -> bool {
        match (self, urgency) {
            (Standing::Enabled, _) | (Standing::Draining, Urgency::Emergency) => true,
            (Standing::Draining, Urgency::Normal) | (Standing::Disabled, _) => false,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
