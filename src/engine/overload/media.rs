//! Whether the calls that talk are heard: how long packets wait for the relay. Signalling can be read soon enough on a node
//! whose relay is far behind: then each call that is taken costs all the others their audio (R-A6).

use std::time::Duration;

use super::strain::Timing;

/// Who waits for longer than one packet lasts is late for the next one.
const MOST: Duration = Duration::from_millis(20);
/// Looks in a row at which packets were late, before they count where no calls are shed: a stall of the machine refuses nobody.
const LASTING: u32 = 3;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Media {
    /// Looks in a row.
    late: u32,
    latest: Duration,
}

impl Media {
    /// So long packets have waited at most since the look before.
    pub fn looked(&mut self, waited: Duration) {
        self.latest = waited;
        self.late = if waited > MOST { self.late.saturating_add(1) } else { 0 };
    }

    /// What was told last.
    pub const fn latest(self) -> Duration {
        self.latest
    }

    /// Where lateness is borne.
    pub const fn lately(self) -> Timing {
        if self.late >= LASTING { Timing::Late } else { Timing::OnTime }
    }

    /// While calls are shed.
    pub const fn now(self) -> Timing {
        if self.late > 0 { Timing::Late } else { Timing::OnTime }
    }
}
