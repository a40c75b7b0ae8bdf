//! Whether parties hear each other: each plays a signal of its own, and the other knows every octet of it in advance.

use std::time::Duration;

use super::leg::Leg;
use crate::lab::ice::Progress;

/// Ticks of 20 ms that must arrive in a test of one direction.
const TICKS: usize = 25;
/// For the last of them.
const ARRIVAL: Duration = Duration::from_secs(4);
const POLL: Duration = Duration::from_millis(20);

/// Polls until it holds.
pub async fn until(limit: Duration, holds: impl Fn() -> bool) -> bool {
    let wait = async {
        while !holds() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(limit, wait).await.is_ok()
}

/// Both hear each other for half a second, every packet of it.
///
/// # Errors
/// Who does not hear whom, in words.
pub async fn both_hear(near: (&str, &Leg), far: (&str, &Leg)) -> Result<(), String> {
    let (first, second) = tokio::join!(hears(near, far), hears(far, near));
    match (first, second) {
        (Ok(()), Ok(())) => Ok(()),
        (Err(words), Ok(())) | (Ok(()), Err(words)) => Err(words),
        (Err(one), Err(other)) => Err(format!("{one}; {other}")),
    }
}

/// `near` hears `far` for half a second.
///
/// # Errors
/// What is missing, in words.
pub async fn hears(near: (&str, &Leg), far: (&str, &Leg)) -> Result<(), String> {
    let (near_name, near_leg) = near;
    let (far_name, far_leg) = far;
    near_leg.endpoint().stream().set_far(far_leg.signal());
    if !until(ARRIVAL, || is_found(near_leg) && is_found(far_leg)).await {
        return Err(format!("no check of {near_name} or {far_name} was answered"));
    }
    let before = far_leg.endpoint().report().steady.len();
    far_leg.endpoint().stream().set_steady(true);
    let spoke = until(ARRIVAL, || far_leg.endpoint().report().steady.len() >= before + TICKS).await;
    far_leg.endpoint().stream().set_steady(false);
    if !spoke {
        return Err(format!("{far_name} has nowhere to send audio to: no description of the SBC allows it"));
    }
    let sent = far_leg.endpoint().report().steady;
    let wanted = sent.get(before..).unwrap_or_default();
    let missing = || {
        let heard = near_leg.endpoint().report().heard;
        wanted.iter().filter(|tick| !heard.contains(tick)).count()
    };
    if until(ARRIVAL, || missing() == 0).await {
        return Ok(());
    }
    let report = near_leg.endpoint().report();
    let elsewhere = near_leg.endpoint().stream().ice().map_or(0, |agent| agent.report().elsewhere);
    Err(format!(
        "{near_name} missed {} of {} packets of {far_name} ({} opened, {} with other octets, {} did not open, {} from \
         an address that was not named, {elsewhere} at a place that was not checked)",
        missing(),
        wanted.len(),
        report.received,
        report.foreign,
        report.refused,
        report.strangers
    ))
}

/// With media bypass: the SBC knows which of the described places is the real one.
fn is_found(leg: &Leg) -> bool {
    leg.endpoint().stream().ice().is_none_or(|agent| agent.far().is_none() || agent.progress() >= Progress::Checked)
}

/// Something is heard, whatever it is: a ringing tone, music, early media.
///
/// # Errors
/// Silence, in words.
pub async fn hears_something(name: &str, leg: &Leg, limit: Duration) -> Result<(), String> {
    let before = leg.endpoint().report().received;
    let heard = until(limit, || leg.endpoint().report().received >= before + 10).await;
    if heard { Ok(()) } else { Err(format!("{name} heard nothing in {} s", limit.as_secs())) }
}
