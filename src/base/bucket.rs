//! How often something may happen: credit that fills with time and is spent by the piece (a token bucket).

use std::time::Duration;

use super::time::Instant;

/// So many in a second, after so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_s: u32,
    burst: u32,
}

impl Rate {
    /// `per_s` and `burst`: at least 1 each; less is read as 1.
    pub const fn new(per_s: u32, burst: u32) -> Rate {
        Rate { per_s: if per_s == 0 { 1 } else { per_s }, burst: if burst == 0 { 1 } else { burst } }
    }

    /// As many at once as in a second.
    pub const fn even(per_s: u32) -> Rate {
        Rate::new(per_s, per_s)
    }

    /// Nanoseconds of credit that one costs.
    const fn price(self) -> u64 {
        Duration::from_secs(1).as_nanos() as u64 / self.per_s as u64
    }

    /// The most credit that is kept.
    const fn room(self) -> u64 {
        self.price().saturating_mul(self.burst as u64)
    }
}

/// One bucket. It holds no rate of its own: a new configuration needs no new bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Nanoseconds.
    credit: u64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub const fn full(now: Instant, rate: Rate) -> Bucket {
        Bucket { credit: rate.room(), at: now }
    }

    /// Spends one; `false`: there is none.
    pub fn take(&mut self, now: Instant, rate: Rate) -> bool {
        self.fill(now, rate);
        match self.credit.checked_sub(rate.price()) {
            Some(left) => {
                self.credit = left;
                true
            }
            None => false,
        }
    }

    /// Spends one, there or not: what is owed is gained again before anything else, in no more than `most`.
    pub fn owe(&mut self, now: Instant, rate: Rate, most: Duration) {
        self.fill(now, rate);
        let owed = rate.price().saturating_sub(self.credit);
        self.credit = self.credit.saturating_sub(rate.price());
        self.at = (self.at + Duration::from_nanos(owed)).min(now + most);
    }

    fn fill(&mut self, now: Instant, rate: Rate) {
        let gained = u64::try_from(now.since(self.at).as_nanos()).unwrap_or(u64::MAX);
        self.credit = self.credit.saturating_add(gained).min(rate.room());
        self.at = self.at.max(now);
    }

    /// When something was last asked of it, or when what is owed is gained again.
    pub const fn asked(&self) -> Instant {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn what_is_owed_is_gained_first_and_for_so_long_at_most() {
        let (rate, most) = (Rate::new(100, 1), Duration::from_millis(200));
        let mut bucket = Bucket::full(at(0), rate);
        (0..5).for_each(|_| bucket.owe(at(0), rate, most));
        assert!(!bucket.take(at(49), rate));
        assert!(bucket.take(at(50), rate));
        (0..1000).for_each(|_| bucket.owe(at(50), rate, most));
        assert!(!bucket.take(at(259), rate));
        assert!(bucket.take(at(260), rate));
    }

    fn taken(bucket: &mut Bucket, now: Instant, rate: Rate, wanted: usize) -> usize {
        (0..wanted).filter(|_| bucket.take(now, rate)).count()
    }

    #[test]
    fn the_burst_comes_at_once_and_the_rate_after_it() {
        let rate = Rate::new(10, 20);
        let mut bucket = Bucket::full(at(0), rate);
        assert_eq!(taken(&mut bucket, at(0), rate, 100), 20);
        assert_eq!(taken(&mut bucket, at(1000), rate, 100), 10);
        assert_eq!(taken(&mut bucket, at(60_000), rate, 100), 20);
    }

    #[test]
    fn a_rate_of_nothing_is_one_a_second() {
        let rate = Rate::new(0, 0);
        let mut bucket = Bucket::full(at(0), rate);
        assert_eq!(taken(&mut bucket, at(0), rate, 3), 1);
        assert_eq!(taken(&mut bucket, at(999), rate, 3), 0);
        assert_eq!(taken(&mut bucket, at(1000), rate, 3), 1);
    }

    #[test]
    fn a_clock_that_stands_still_gives_nothing() {
        let rate = Rate::even(2);
        let mut bucket = Bucket::full(at(500), rate);
        assert_eq!(taken(&mut bucket, at(500), rate, 5), 2);
        assert_eq!(taken(&mut bucket, at(400), rate, 5), 0);
    }
}
