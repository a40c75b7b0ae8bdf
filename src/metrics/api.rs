//! Requests of the API: how many by outcome, why they were refused, how long they took.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::DescriptorEncoder;

use super::rows::{HistogramRow, counters, histograms};

/// Upper bounds, milliseconds. A change waits for the disk, an import's group for its turn.
const BOUNDS: [u64; 10] = [1, 5, 10, 25, 50, 100, 250, 1000, 5000, 30_000];
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// See the module. The server counts, a scrape reads.
#[derive(Debug, Default)]
pub struct ApiCounters(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    requests: BTreeMap<(&'static str, &'static str), u64>,
    refusals: BTreeMap<String, u64>,
    reads: Times,
    changes: Times,
}

#[derive(Debug, Default)]
struct Times {
    /// One bucket more than bounds: above all of them.
    counts: [u64; BOUNDS.len() + 1],
    total: Duration,
}

impl Times {
    fn add(&mut self, took: Duration) {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let place = BOUNDS.iter().position(|bound| millis <= *bound).unwrap_or(BOUNDS.len());
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.total = self.total.saturating_add(took);
    }

    fn row(&self) -> HistogramRow {
        let bounds = BOUNDS.iter().map(|bound| *bound as f64 / 1000.0).chain([f64::INFINITY]);
        HistogramRow { sum: self.total.as_secs_f64(), buckets: bounds.zip(self.counts).collect() }
    }
}

impl ApiCounters {
    /// Counts one request by its answer.
    pub fn answered(&self, method: &str, status: u16, took: Duration) {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
        let class = CLASSES.into_iter().find(|class| class.as_bytes().first() == status.to_string().as_bytes().first());
        let mut held = self.lock();
        *held.requests.entry((method, class.unwrap_or("5xx"))).or_default() += 1;
        match method {
            "GET" | "HEAD" => held.reads.add(took),
            _ => held.changes.add(took),
        }
    }

    /// Counts one refusal by the word the client is told (PV-63).
    pub fn refused(&self, code: String) {
        *self.lock().refusals.entry(code).or_default() += 1;
    }

    pub(super) fn rows(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let held = self.lock();
        let row = |((method, class), count): (&(&str, &str), &u64)| {
            ([("method", (*method).to_owned()), ("class", (*class).to_owned())], *count)
        };
        let help = "Requests of the API, by method and class of the answer";
        counters(encoder, "api_requests", help, held.requests.iter().map(row))?;
        let row = |(code, count): (&String, &u64)| ([("code", code.clone())], *count);
        let help = "Requests of the API that were refused, by the code that the client is told";
        counters(encoder, "api_refusals", help, held.refusals.iter().map(row))?;
        let rows = [("read", &held.reads), ("change", &held.changes)];
        let rows = rows.map(|(kind, times)| ([("kind", kind.to_owned())], times.row()));
        histograms(encoder, "api_request_seconds", "Seconds from a whole request of the API to its answer", rows)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
