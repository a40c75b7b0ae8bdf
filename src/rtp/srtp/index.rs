//! The 48-bit packet index (RFC 3711 3.3.1) as a function of what was received, and the replay window (3.3.2).

/// The greatest index a key may be used with.
pub const LAST_INDEX: u64 = (1 << 48) - 1;
/// Packets with one sequence number are this far apart.
const TURN: u64 = 1 << 16;

/// The index with the low 16 bits `sequence` that lies nearest to `highest`; never below zero.
pub const fn nearest(highest: u64, sequence: u16) -> u64 {
    let ahead = sequence.wrapping_sub(highest as u16);
    if ahead <= 1 << 15 {
        return highest + ahead as u64;
    }
    let behind = TURN - ahead as u64;
    // Below the first index of all there is nothing: it can only be a leap forward.
    if behind > highest { highest + ahead as u64 } else { highest - behind }
}

/// The most indices one packet is tried with: bounded work for a forged one.
pub const CANDIDATES: usize = 5;

/// Indices to be tried in turn, without repetition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    list: [Option<u64>; CANDIDATES],
}

impl Candidates {
    /// A source that is known under this key: one index.
    pub const fn known(highest: u64, sequence: u16) -> Candidates {
        Candidates { list: [Some(nearest(highest, sequence)), None, None, None, None] }
    }

    /// A source never heard of: roll-over counter 0, then 1, because its first packets may be lost around
    /// the wrap. A sequence number in the upper half cannot be behind a wrap that was missed so closely.
    pub fn first(sequence: u16) -> Candidates {
        let start = u64::from(sequence);
        Candidates { list: [Some(start), (sequence < 1 << 15).then_some(start + TURN), None, None, None] }
    }

    /// The first packet under a new key of a source known under the old one: the roll-over counter kept
    /// (RFC 3711 3.3.1), its neighbours, or begun again at 0 (MD-173), there too with the wrap missed.
    pub fn after_rekey(highest: u64, sequence: u16) -> Candidates {
        let kept = nearest(highest, sequence);
        let mut candidates = Candidates::default();
        for index in [Some(kept), kept.checked_add(TURN), kept.checked_sub(TURN)].into_iter().flatten() {
            candidates.add(index);
        }
        Candidates::first(sequence).iter().for_each(|index| candidates.add(index));
        candidates
    }

    /// In the order to be tried; none above [`LAST_INDEX`].
    pub fn iter(&self) -> impl Iterator<Item = u64> + use<'_> {
        self.list.iter().flatten().copied().filter(|index| *index <= LAST_INDEX)
    }

    fn add(&mut self, index: u64) {
        if !self.list.contains(&Some(index))
            && let Some(free) = self.list.iter_mut().find(|slot| slot.is_none())
        {
            *free = Some(index);
        }
    }
}

/// What a window says of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Above everything seen.
    Newest,
    /// Below the highest, not seen yet.
    Late,
    Seen,
    /// Before the window: nobody knows whether it was seen.
    TooOld,
}

/// The last [`ReplayWindow::WIDTH`] indices of one source; by default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    highest: u64,
    /// Bit n: `highest - n` was seen.
    seen: u128,
}

impl ReplayWindow {
    /// Indices remembered (RFC 3711 3.3.2 asks for 64 or more).
    pub const WIDTH: u64 = 128;

    /// A window that has seen `index` only.
    pub const fn starting_at(index: u64) -> Self {
        ReplayWindow { highest: index, seen: 1 }
    }

    /// A window that has seen `index` and, for all it knows, everything below.
    pub const fn closed_up_to(index: u64) -> Self {
        ReplayWindow { highest: index, seen: u128::MAX }
    }

    /// The highest index seen.
    pub const fn highest(&self) -> u64 {
        self.highest
    }

    /// Counts from `less` below, for a key under which nothing was sent yet.
    pub const fn lower_by(&mut self, less: u64) {
        self.highest = self.highest.saturating_sub(less);
    }

    /// What is known of `index`; changes nothing.
    pub const fn judge(&self, index: u64) -> Freshness {
        if index > self.highest {
            return Freshness::Newest;
        }
        let behind = self.highest - index;
        if behind >= Self::WIDTH {
            Freshness::TooOld
        } else if self.seen >> behind & 1 == 1 {
            Freshness::Seen
        } else {
            Freshness::Late
        }
    }

    /// Marks `index` as seen.
    pub const fn commit(&mut self, index: u64) {
        if index > self.highest {
            let ahead = index - self.highest;
            self.seen = if ahead >= Self::WIDTH { 1 } else { self.seen << ahead | 1 };
            self.highest = index;
        } else if self.highest - index < Self::WIDTH {
            self.seen |= 1 << (self.highest - index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_index_is_found_over_the_wrap_in_both_directions() {
        assert_eq!(nearest(65_535, 0), 65_536);
        assert_eq!(nearest(65_536, 65_535), 65_535);
        assert_eq!(nearest(3 * TURN + 10, 65_530), 3 * TURN - 6);
        assert_eq!(nearest(3 * TURN + 10, 11), 3 * TURN + 11);
        assert_eq!(nearest(10, 50_011), 50_011);
    }

    #[test]
    fn within_half_a_turn_the_guess_is_always_the_truth() {
        for highest in [0u64, 5, 32_767, 32_768, 65_535, 65_536, 98_304, 5 * TURN + 65_000] {
            for step in (-32_767i64..=32_768).step_by(37) {
                let Some(truth) = highest.checked_add_signed(step) else { continue };
                assert_eq!(nearest(highest, (truth & 0xffff) as u16), truth, "{highest} {step}");
            }
        }
    }

    #[test]
    fn a_new_key_is_tried_with_the_kept_counter_its_neighbours_and_zero() {
        let list: Vec<u64> = Candidates::after_rekey(4 * TURN + 100, 101).iter().collect();
        assert_eq!(list, [4 * TURN + 101, 5 * TURN + 101, 3 * TURN + 101, 101, TURN + 101]);
        let list: Vec<u64> = Candidates::after_rekey(100, 101).iter().collect();
        assert_eq!(list, [101, TURN + 101]);
    }

    #[test]
    fn a_first_packet_is_tried_with_counter_zero_and_behind_a_missed_wrap() {
        assert_eq!(Candidates::first(3).iter().collect::<Vec<_>>(), [3, TURN + 3]);
        assert_eq!(Candidates::first(65_534).iter().collect::<Vec<_>>(), [65_534]);
    }

    #[test]
    fn no_candidate_lies_beyond_the_last_index() {
        assert_eq!(Candidates::known(LAST_INDEX, 0).iter().count(), 0);
    }

    #[test]
    fn a_window_knows_each_index_once_and_refuses_what_it_forgot() {
        let mut window = ReplayWindow::starting_at(1000);
        assert_eq!(window.judge(1000), Freshness::Seen);
        assert_eq!(window.judge(999), Freshness::Late);
        window.commit(999);
        assert_eq!(window.judge(999), Freshness::Seen);
        window.commit(1127);
        assert_eq!(
            (window.judge(1000), window.judge(999), window.judge(1001)),
            (Freshness::Seen, Freshness::TooOld, Freshness::Late)
        );
        window.commit(9000);
        assert_eq!((window.judge(8999), window.judge(8872)), (Freshness::Late, Freshness::TooOld));
    }

    #[test]
    fn a_closed_window_takes_only_what_lies_above() {
        let window = ReplayWindow::closed_up_to(500);
        assert_eq!((window.judge(499), window.judge(501)), (Freshness::Seen, Freshness::Newest));
    }
}
