//! What each trunk had of the latest calls, so that one that floods takes nothing from the others (R-A8).

use std::collections::BTreeMap;
use std::time::Duration;

use super::LOOK;
use crate::base::Instant;
use crate::base::ids::TrunkId;
use crate::engine::window::Window;

/// Calls are counted for shares in pieces of this length; the last two are looked at.
const PIECE: Duration = Duration::from_secs(1);

/// A rush shows in one of these, the slots of the last second.
const SLOT: Duration = Duration::from_millis(50);
const SLOTS_IN_A_SECOND: u32 = 20;

/// Calls of late, by trunk.
#[derive(Debug)]
pub(super) struct Shares {
    /// When the younger piece began.
    since: Instant,
    trunks: BTreeMap<TrunkId, Lately>,
    /// Calls that began.
    begun: Window<{ SLOTS_IN_A_SECOND as usize }>,
}

impl Default for Shares {
    fn default() -> Shares {
        Shares { since: Instant::ZERO, trunks: BTreeMap::new(), begun: Window::new(SLOT) }
    }
}

/// Calls of one trunk.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    asked: Count,
    begun: Count,
}

/// In the last two pieces.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    young: u64,
    old: u64,
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Count {
    const fn sum(self) -> u64 {
        self.young.saturating_add(self.old)
    }

    const fn aged(self) -> Count {
        Count { young: 0, old: self.young }
    }
}

impl Shares {
    fn turn(&mut self, now: Instant) {
        let past = now.since(self.since);
        if past >= PIECE {
            self.trunks.retain(|_, lately| {
                *lately = Lately { asked: lately.asked.aged(), begun: lately.begun.aged() };
                lately.asked.old > 0 && past < 2 * PIECE
            });
            self.since = now;
        }
    }

    pub fn asked(&mut self, now: Instant, trunk: TrunkId) {
        self.turn(now);
        self.trunks.entry(trunk).or_default().asked.young += 1;
    }

    pub fn begun(&mut self, now: Instant, trunk: TrunkId) {
        self.turn(now);
        self.trunks.entry(trunk).or_default().begun.young += 1;
        self.begun.add(now, 1);
    }

    /// How many milliseconds are counted.
    fn span(&self, now: Instant) -> u64 {
        let has_old = self.trunks.values().any(|lately| lately.asked.old > 0);
        let past = now.since(self.since) + if has_old { PIECE } else { Duration::ZERO };
        u64::try_from(past.max(LOOK).as_millis()).unwrap_or(u64::MAX)
    }

    /// Calls that began in the last whole second.
    pub fn begun_per_s(&mut self, now: Instant) -> u32 {
        self.turn(now);
        narrow(self.trunks.values().map(|lately| lately.begun.old).sum())
    }

    /// The pace to begin with, and how long the calls that were taken would have lasted at it beyond the time they took: what
    /// was known to be borne, or was borne in the last whole second. Where nothing is known, a sixth of what began in the
    /// busiest slot is not too much to begin with (most of what a call costs comes after it began), and an eighth more if that
    /// was borne for a second.
    pub fn first_pace(&mut self, now: Instant, known: Option<u32>) -> (u32, Duration) {
        let whole = self.begun_per_s(now);
        let guess = self.begun.most(now).saturating_mul(SLOTS_IN_A_SECOND) / 6 + narrow(self.begun.sum(now) / 8);
        let per_s = whole.max(known.unwrap_or(guess)).max(1);
        if whole == 0 && known.is_none() {
            return (per_s, Duration::ZERO);
        }
        let young = narrow(self.trunks.values().map(|lately| lately.begun.young).sum());
        let ahead = (Duration::from_secs(1) * young / per_s).saturating_sub(now.since(self.since));
        (per_s, ahead)
    }

    /// Whether a trunk among others is to be served whatever they ask for. Strictly less, so that a trunk alone has no share
    /// to claim.
    pub fn has_less_than_its_share(&mut self, now: Instant, trunk: TrunkId, per_s: u32) -> bool {
        self.turn(now);
        let own = self.trunks.get(&trunk).copied().unwrap_or_default();
        let others = self.trunks.iter().filter(|(held, _)| **held != trunk);
        let (sum, trunks) = others.fold((0u64, 0u64), |(sum, trunks), (_, held)| (sum + held.begun.sum(), trunks + 1));
        // own / span < per_s / (trunks + 1)
        let asks_for_less = own.asked.sum().saturating_mul(trunks + 1).saturating_mul(1000)
            < u64::from(per_s).saturating_mul(self.span(now));
        // own < (sum + own) / (trunks + 1)
        let began_less = own.begun.sum().saturating_mul(trunks) < sum;
        trunks > 0 && (asks_for_less || began_less)
    }
}
