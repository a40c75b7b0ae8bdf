//! Our keep-alives on a connection we dialled (RFC 5626 4.4.1): a dead connection is found before the next call fails.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, Sleep, sleep};

/// RFC 5626 4.4.1: two CRLF.
pub const PING: Bytes = Bytes::from_static(b"\r\n\r\n");
/// RFC 5626 4.4.1: an answer must have come after this long.
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// The keep-alives of one connection.
pub struct OwnPings {
    timer: Pin<Box<Sleep>>,
    interval: Duration,
    waits_for: WaitsFor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitsFor {
    /// The time of the next ping.
    Turn,
    /// An answer, or the end of patience.
    Pong,
}

/// What the timer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send [`PING`].
    Ping,
    /// Nobody answered: the connection is dead.
    NoPong,
}

impl OwnPings {
    /// `draw`: 64 random bits, so that connections dialled together do not ping together.
    pub fn new(interval: Duration, draw: u64) -> OwnPings {
        OwnPings { timer: Box::pin(sleep(shortened(interval, draw))), interval, waits_for: WaitsFor::Turn }
    }

    /// Octets came. Whatever they say, somebody is there; a lone CRLF among them is the pong, and is taken out, or two
    /// of them would look like a ping.
    pub fn heard(&mut self, unread: &mut BytesMut, draw: impl FnOnce() -> u64) {
        if self.waits_for == WaitsFor::Turn {
            return;
        }
        if unread.as_ref() == b"\r\n" {
            unread.clear();
        }
        self.waits_for = WaitsFor::Turn;
        self.timer.as_mut().reset(Instant::now() + shortened(self.interval, draw()));
    }

    /// The timer fired.
    pub fn fired(&mut self) -> Due {
        match self.waits_for {
            WaitsFor::Pong => Due::NoPong,
            WaitsFor::Turn => {
                self.waits_for = WaitsFor::Pong;
                self.timer.as_mut().reset(Instant::now() + PONG_WITHIN);
                Due::Ping
            }
        }
    }
}

/// Waits for the timer; for ever when nothing is kept alive.
pub async fn due(pings: Option<&mut OwnPings>) {
    match pings {
        Some(pings) => pings.timer.as_mut().await,
        None => pending().await,
    }
}

/// RFC 5626 4.4: between four fifths of the interval and all of it.
fn shortened(interval: Duration, draw: u64) -> Duration {
    let share = u32::try_from(draw % 21).unwrap_or(0);
    interval - interval / 100 * share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pings() -> OwnPings {
        OwnPings::new(Duration::from_secs(60), 0)
    }

    #[tokio::test]
    async fn a_ping_without_an_answer_means_that_the_connection_is_dead() {
        let mut pings = pings();
        assert_eq!(pings.fired(), Due::Ping);
        assert_eq!(pings.fired(), Due::NoPong);
    }

    #[tokio::test]
    async fn a_pong_is_taken_out_of_the_stream_and_the_next_turn_comes() {
        let mut pings = pings();
        pings.fired();
        let mut unread = BytesMut::from("\r\n");
        pings.heard(&mut unread, || 0);
        assert!(unread.is_empty());
        assert_eq!(pings.fired(), Due::Ping);
    }

    #[tokio::test]
    async fn half_a_ping_of_the_far_end_is_left_alone_when_we_did_not_ask() {
        let mut unread = BytesMut::from("\r\n");
        pings().heard(&mut unread, || 0);
        assert_eq!(unread.as_ref(), b"\r\n");
    }

    #[test]
    fn intervals_are_shortened_by_at_most_a_fifth() {
        let interval = Duration::from_secs(100);
        let drawn: Vec<u64> = (0..100).map(|draw| shortened(interval, draw).as_secs()).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&80), Some(&100)));
    }
}
