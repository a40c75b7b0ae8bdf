//! When octets are sent again and when that is given up (RFC 3261 17.1.1.2, 17.1.2.2, 13.3.1.4, 17.2.1).

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

/// RFC 3261 T1.
pub const T1: Duration = Duration::from_millis(500);
/// RFC 3261 T2.
pub const T2: Duration = Duration::from_secs(4);
/// 64 times T1.
pub const PATIENCE: Duration = Duration::from_secs(32);

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    Again(Bytes),
    GivenUp,
}

/// One message under repetition.
#[derive(Clone, Debug)]
pub struct Repeat {
    octets: Bytes,
    gap: Duration,
    cap: Duration,
    next: Instant,
    end: Instant,
}

impl Repeat {
    /// A message sent just now. `cap` is the longest gap; `None`: the transport is reliable, it is only waited for.
    #[must_use]
    pub fn new(now: Instant, octets: Bytes, cap: Option<Duration>) -> Repeat {
        let end = now + PATIENCE;
        let next = if cap.is_some() { now + T1 } else { end };
        Repeat { octets, gap: T1, cap: cap.unwrap_or(PATIENCE), next, end }
    }

    /// When to look again.
    #[must_use]
    pub fn next(&self) -> Instant {
        self.next.min(self.end)
    }

    /// What is due at `now`.
    pub fn due(&mut self, now: Instant) -> Due {
        if now >= self.end {
            return Due::GivenUp;
        }
        if now < self.next {
            return Due::Nothing;
        }
        self.gap = (self.gap * 2).min(self.cap);
        self.next = now + self.gap;
        Due::Again(self.octets.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(cap: Option<Duration>) -> Vec<u128> {
        let start = Instant::now();
        let mut repeat = Repeat::new(start, Bytes::new(), cap);
        let mut moments = Vec::new();
        loop {
            let now = repeat.next();
            match repeat.due(now) {
                Due::Again(_) => moments.push((now - start).as_millis()),
                Due::Nothing => {}
                Due::GivenUp => return moments,
            }
        }
    }

    #[test]
    fn an_invite_repeats_with_doubling_gaps() {
        assert_eq!(moments(Some(PATIENCE)), [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    }

    #[test]
    fn another_request_repeats_every_four_seconds_in_the_end() {
        assert_eq!(moments(Some(T2)), [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    }

    #[test]
    fn a_reliable_transport_repeats_nothing() {
        assert!(moments(None).is_empty());
    }
}
