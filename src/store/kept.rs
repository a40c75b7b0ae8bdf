//! Answers kept so that a repeated request gets the same one (PV-59).

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::audit::hex;
use super::refusal::{Code, Refusal};
use super::rows::{Filter, Kind, Query, Rows};
use super::writing::Writing;
use crate::base::WallTime;

/// How long: 24 hours.
const KEPT_MS: u64 = 24 * 3_600_000;
/// Expired answers taken away with each new one.
const SWEPT: usize = 100;

/// A request that may come again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeatable {
    key: String,
    print: String,
}

impl Repeatable {
    /// `request`: all that makes it the same request.
    pub fn new(client: &str, key: &str, request: &[u8]) -> Repeatable {
        Repeatable { key: format!("{client}/{key}"), print: hex(digest(&SHA256, request).as_ref()) }
    }

    /// The answer given before.
    ///
    /// # Errors
    /// The key was used for another request.
    pub fn answer(&self, rows: &mut dyn Rows, now: WallTime) -> Result<Option<Value>, Refusal> {
        let Some(row) = rows.read(Kind::Repeat, &self.key)? else { return Ok(None) };
        if has_expired(&row.body, now) {
            return Ok(None);
        }
        match row.body.get("print").and_then(Value::as_str) == Some(self.print.as_str()) {
            true => Ok(row.body.get("answer").cloned()),
            false => {
                let text = "This Idempotency-Key was used for another request.";
                Err(Refusal::new(Code::IdempotencyMismatch, text).at("Idempotency-Key"))
            }
        }
    }

    /// Keeps the answer with the write it belongs to.
    ///
    /// # Errors
    /// The store fails.
    pub fn keep(&self, writing: &mut Writing<'_>, answer: Value) -> Result<(), Refusal> {
        let now = writing.now;
        for row in writing.rows.list(Kind::Repeat, &Query::of(Filter::All, SWEPT))? {
            if has_expired(&row.body, now) {
                writing.rows.remove(Kind::Repeat, &row.key)?;
            }
        }
        let body = json!({ "print": self.print, "answer": answer, "time": now.0 });
        writing.keep(Kind::Repeat, &self.key, body).map(drop)
    }
}

fn has_expired(body: &Value, now: WallTime) -> bool {
    let kept = body.get("time").and_then(Value::as_u64).unwrap_or_default();
    kept.saturating_add(KEPT_MS) <= now.0
}
