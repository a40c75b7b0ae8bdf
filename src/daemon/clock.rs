//! The one place that reads clocks. The core gets what is read here as an argument (DESIGN rule 2).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::base::{Instant, Now, WallTime};

/// Both clocks of the process. Its monotonic line begins when it is made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// The origin of the process's time is now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn start() -> Clock {
        Clock { origin: std::time::Instant::now() }
    }

    /// Reads both clocks.
    pub fn now(&self) -> Now {
        Now { instant: self.instant(), wall: wall() }
    }

    /// Time from now to `deadline`; zero when it is past.
    pub fn until(&self, deadline: Instant) -> Duration {
        deadline.since(self.instant())
    }

    /// Reads the monotonic clock.
    pub fn instant(&self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }
}

/// Seconds by which the calendar was set from now on: what it went beyond the monotonic clock.
pub fn set_since_start(clock: Clock) -> impl Fn() -> f64 {
    let beyond = move || {
        let now = clock.now();
        Duration::from_millis(now.wall.0).as_secs_f64() - now.instant.since(Instant::ZERO).as_secs_f64()
    };
    let first = beyond();
    // Finer than a millisecond the calendar is not read.
    move || ((beyond() - first) * 100.0).round() / 100.0
}

/// Reads the calendar.
pub fn wall() -> WallTime {
    WallTime(u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX))
}

/// The calendar, as finely as it goes.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the calendar")]
pub fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
