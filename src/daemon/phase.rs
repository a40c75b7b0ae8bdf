//! Where the process stands in its life, and what it promises there (DESIGN 8).

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The phases in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The configuration is read. Nothing is bound; a fault ends the process with 78 and touches nothing.
    Checking,
    /// Ports are bound and threads started, but nothing is read yet: a taken port ends the process with 69, and no
    /// peer has been answered.
    Building,
    /// Calls of an earlier process are taken over. None are, so far; nothing is answered.
    Restoring,
    /// Everything is served. The only phase in which `/readyz` says yes.
    Running,
    /// New calls get 503 with Retry-After; calls go on, and so does everything that belongs to them.
    Draining,
    /// Every call gets its BYE or CANCEL; then the process ends, within 2 s.
    Stopping,
}

const ALL: [Phase; 6] =
    [Phase::Checking, Phase::Building, Phase::Restoring, Phase::Running, Phase::Draining, Phase::Stopping];

impl Phase {
    /// For people and for `/healthz`.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Checking => "checking",
            Phase::Building => "building",
            Phase::Restoring => "restoring",
            Phase::Running => "running",
            Phase::Draining => "draining",
            Phase::Stopping => "stopping",
        }
    }
}

/// The phase as every thread sees it. It only moves forward.
#[derive(Clone, Debug, Default)]
pub struct PhaseBoard(Arc<AtomicU8>);

impl PhaseBoard {
    /// The phase now.
    pub fn current(&self) -> Phase {
        ALL.get(usize::from(self.0.load(Ordering::Acquire))).copied().unwrap_or(Phase::Stopping)
    }

    /// Moves forward to `phase`; does nothing when the process is further already.
    pub fn enter(&self, phase: Phase) {
        let place = ALL.iter().position(|candidate| *candidate == phase).and_then(|place| u8::try_from(place).ok());
        let before = self.0.fetch_max(place.unwrap_or(u8::MAX), Ordering::AcqRel);
        if place.is_some_and(|place| place > before) {
            tracing::info!(phase = phase.name(), "process");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_never_left_backwards() {
        let board = PhaseBoard::default();
        assert_eq!(board.current(), Phase::Checking);
        board.enter(Phase::Draining);
        board.enter(Phase::Running);
        assert_eq!(board.current(), Phase::Draining);
    }
}
