//! Calls that ended lately: what the platforms said of those that failed, in words (MD-94, MD-233). The records have it, so
//! the daemon need not be asked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::finding::Finding;
use crate::call::subcode::{Explanation, read};
use crate::cdr::spool;

/// How far back.
const LATELY: Duration = Duration::from_secs(24 * 3600);
/// Octets looked at of the records' end: some thousand calls.
const TAIL: u64 = 2 * 1024 * 1024;

/// The parts of a call's line that count here.
#[derive(Deserialize)]
struct Line {
    r#type: String,
    ended_ms: u64,
    reasons: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    reason: String,
}

/// One thing that platforms said.
struct Said {
    explanation: &'static Explanation,
    times: usize,
    /// The last call's number in the platform's books.
    call: Option<String>,
}

/// What the records in `folder` tell of the last day before `now`.
pub fn examine(folder: &Path, now: Option<SystemTime>) -> Vec<Finding> {
    let since = now.and_then(|now| now.checked_sub(LATELY)).and_then(|since| since.duration_since(UNIX_EPOCH).ok());
    let since = since.and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or_default();
    let mut said: BTreeMap<&'static str, Said> = BTreeMap::new();
    for line in lines(folder).lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
        if line.r#type == "call" && line.ended_ms >= since {
            line.reasons.iter().for_each(|reason| count(&mut said, &reason.reason));
        }
    }
    said.into_values().map(finding).collect()
}

fn count(all: &mut BTreeMap<&'static str, Said>, reason: &str) {
    let read = read(reason);
    let Some(explanation) = read.explanation else { return };
    let said = all.entry(explanation.meaning).or_insert(Said { explanation, times: 0, call: None });
    said.times += 1;
    said.call = read.call.map(str::to_owned).or(said.call.take());
}

fn finding(said: Said) -> Finding {
    let call = said.call.map_or_else(String::new, |call| format!("; the last one is {call} in its books"));
    let told = format!("{} in {} calls of the last day{call}", said.explanation.meaning, said.times);
    Finding::warning("calls.refused", "calls", told, said.explanation.check)
}

/// The end of what was written; the first line may be half a one.
fn lines(folder: &Path) -> String {
    let mut text = String::new();
    let files = spool::files(folder).unwrap_or_default();
    let mut left = TAIL;
    for (_, path) in files.iter().rev() {
        let Ok(end) = tail(path, left) else { continue };
        left = left.saturating_sub(u64::try_from(end.len()).unwrap_or(u64::MAX));
        text.insert_str(0, &String::from_utf8_lossy(&end));
        if left == 0 {
            break;
        }
    }
    text
}

fn tail(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut octets = Vec::new();
    file.take(most).read_to_end(&mut octets)?;
    Ok(octets)
}
