//! Post-dial delay as a histogram (PF-197).

use std::time::Duration;

use super::rows::HistogramRow;

/// Upper bounds, milliseconds.
const BOUNDS: [u64; 11] = [100, 250, 500, 1000, 2000, 3000, 5000, 8000, 12_000, 20_000, 30_000];

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delays {
    /// One bucket more than bounds: above all of them.
    counts: [u64; BOUNDS.len() + 1],
    sum_ms: u64,
}

impl Delays {
    /// What the rows of this are called.
    pub(super) const HELP: &'static str = "Seconds from the INVITE to ringing, or to the answer";

    /// Counts one more.
    pub(super) fn add(&mut self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let place = BOUNDS.iter().position(|bound| millis <= *bound).unwrap_or(BOUNDS.len());
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum_ms = self.sum_ms.saturating_add(millis);
    }

    /// In seconds.
    pub(super) fn row(&self) -> HistogramRow {
        let bounds = BOUNDS.iter().map(|bound| *bound as f64 / 1000.0).chain([f64::INFINITY]);
        HistogramRow { sum: self.sum_ms as f64 / 1000.0, buckets: bounds.zip(self.counts).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_lies_in_one_bucket_whose_bound_it_does_not_exceed() {
        let mut delays = Delays::default();
        for millis in [100, 101, 30_000, 30_001] {
            delays.add(Duration::from_millis(millis));
        }
        let row = delays.row();
        let filled: Vec<f64> = row.buckets.iter().filter(|(_, count)| *count > 0).map(|(bound, _)| *bound).collect();
        assert_eq!((filled, row.sum), (vec![0.1, 0.25, 30.0, f64::INFINITY], 60.202));
    }
}
