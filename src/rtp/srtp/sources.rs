//! The SSRCs of one direction under one key, each with its replay window. Only authenticated packets get in.

use super::SrtpFault;
use super::index::{Candidates, Freshness, ReplayWindow};
use crate::base::bounds::Bound;
use crate::base::limits::{SRTP_RETIRED_SOURCES, SRTP_SOURCES};

/// One SSRC and the highest index it reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    pub ssrc: u32,
    pub highest: u64,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    ssrc: u32,
    window: ReplayWindow,
}

/// At most [`SRTP_SOURCES`] with a window, the most recent first, and [`SRTP_RETIRED_SOURCES`] whose highest
/// index alone is remembered, so that nothing old of theirs is ever taken again.
#[derive(Debug, Default)]
pub struct Sources {
    /// The most recent one. Beside the keys, not behind a pointer: each packet looks here, and a leg seldom has another.
    latest: Option<Source>,
    /// Those before it, the more recent first.
    earlier: Vec<Source>,
    retired: Vec<Reached>,
}

impl Sources {
    /// The indices that a packet of this source may have; `None`: never heard of.
    pub fn candidates(&self, ssrc: u32, sequence: u16) -> Option<Candidates> {
        self.window(ssrc).map(|window| Candidates::known(window.highest(), sequence))
    }

    /// Whether a packet with this index may be taken; changes nothing.
    ///
    /// # Errors
    /// `Replayed`, `Stale`, or `SourcesFull` for a new source that has no place.
    pub fn judge(&self, ssrc: u32, index: u64) -> Result<Freshness, SrtpFault> {
        let Some(window) = self.window(ssrc) else {
            let full = self.live().count() >= SRTP_SOURCES && self.retired.len() >= SRTP_RETIRED_SOURCES;
            return if full { Err(SrtpFault::SourcesFull) } else { Ok(Freshness::Newest) };
        };
        match window.judge(index) {
            Freshness::Seen => Err(SrtpFault::Replayed),
            Freshness::TooOld => Err(SrtpFault::Stale),
            fresh @ (Freshness::Newest | Freshness::Late) => Ok(fresh),
        }
    }

    /// [`Sources::judge`] and [`Sources::commit`] at once, for an index that needs no proof.
    ///
    /// # Errors
    /// As [`Sources::judge`]; then nothing changed.
    pub fn claim(&mut self, ssrc: u32, index: u64) -> Result<(), SrtpFault> {
        match self.latest.as_mut().filter(|source| source.ssrc == ssrc) {
            // The one source of a leg: no search.
            Some(source) if source.window.judge(index) == Freshness::Newest => source.window.commit(index),
            Some(_) | None => {
                self.judge(ssrc, index)?;
                self.commit(ssrc, index);
            }
        }
        Ok(())
    }

    /// Marks an index that [`Sources::judge`] let pass and whose tag was good.
    pub fn commit(&mut self, ssrc: u32, index: u64) {
        if let Some(latest) = self.latest.as_mut().filter(|source| source.ssrc == ssrc) {
            return latest.window.commit(index);
        }
        match self.earlier.iter().position(|source| source.ssrc == ssrc) {
            Some(place) => {
                let mut source = self.earlier.remove(place);
                source.window.commit(index);
                self.bring_forward(source);
            }
            None => self.admit(ssrc, index),
        }
    }

    /// Every source and how far it came: what the next key's context starts from.
    pub fn reached(&self) -> impl Iterator<Item = Reached> + '_ {
        self.live().map(|source| Reached { ssrc: source.ssrc, highest: source.window.highest() })
    }

    fn window(&self, ssrc: u32) -> Option<ReplayWindow> {
        let live = self.live().find(|source| source.ssrc == ssrc).map(|source| source.window);
        live.or_else(|| {
            let retired = self.retired.iter().find(|source| source.ssrc == ssrc)?;
            Some(ReplayWindow::closed_up_to(retired.highest))
        })
    }

    fn admit(&mut self, ssrc: u32, index: u64) {
        let window = match self.retired.iter().position(|source| source.ssrc == ssrc) {
            Some(place) => {
                let mut window = ReplayWindow::closed_up_to(self.retired.swap_remove(place).highest);
                window.commit(index);
                window
            }
            None => ReplayWindow::starting_at(index),
        };
        if self.live().count() >= SRTP_SOURCES
            && let Some(oldest) = self.earlier.pop()
        {
            Bound::SrtpSources.reached();
            self.retired.push(Reached { ssrc: oldest.ssrc, highest: oldest.window.highest() });
        }
        self.bring_forward(Source { ssrc, window });
    }

    /// `source` becomes the first.
    fn bring_forward(&mut self, source: Source) {
        if let Some(before) = self.latest.replace(source) {
            self.earlier.insert(0, before);
        }
    }

    fn live(&self) -> impl Iterator<Item = &Source> {
        self.latest.iter().chain(&self.earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retired_source_comes_back_with_new_packets_only() {
        let mut sources = Sources::default();
        for ssrc in 0..9 {
            sources.commit(ssrc, 100);
        }
        assert_eq!(sources.judge(0, 100), Err(SrtpFault::Replayed));
        assert_eq!(sources.judge(0, 101), Ok(Freshness::Newest));
        sources.commit(0, 101);
        assert_eq!(sources.judge(0, 99), Err(SrtpFault::Replayed));
        assert_eq!(sources.judge(1, 100), Err(SrtpFault::Replayed));
    }

    #[test]
    fn a_table_that_is_full_refuses_the_next_new_source_and_keeps_the_old() {
        let mut sources = Sources::default();
        let most = u32::try_from(SRTP_SOURCES + SRTP_RETIRED_SOURCES).unwrap();
        for ssrc in 0..most {
            assert!(sources.judge(ssrc, 7).is_ok());
            sources.commit(ssrc, 7);
        }
        assert_eq!(sources.judge(most, 7), Err(SrtpFault::SourcesFull));
        assert_eq!(sources.judge(0, 8), Ok(Freshness::Newest));
    }

    #[test]
    fn the_source_heard_last_is_the_last_to_retire() {
        let mut sources = Sources::default();
        for ssrc in 0..8 {
            sources.commit(ssrc, 1);
        }
        sources.commit(0, 2);
        sources.commit(8, 1);
        assert!(sources.reached().any(|source| source.ssrc == 0));
        assert!(!sources.reached().any(|source| source.ssrc == 1));
    }
}
