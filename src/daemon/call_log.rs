//! The core's events as log lines: one for each phase of a call, numbers shortened (`Pii`), causes by their label.

use std::fmt;

use tracing::{debug, info, warn};

use crate::base::pii::Pii;
use crate::base::text::{Escaped, push_number};
use crate::call::record::{LegMediaCounts, Said};
use crate::call::subcode::{self, Read};
use crate::call::{CallEvent, CallRecord, Cause};
use crate::engine::io::{Dropped, ElinNews, Event};
use crate::engine::targets::Changed;
use crate::media::presence::Change;
use crate::registration::News;
use crate::route::liveness::TargetState;

/// Writes one event.
pub fn write(event: &Event) {
    match event {
        Event::Call(event) => call(event),
        Event::Dropped(reason @ (Dropped::WrongCertificate | Dropped::NoCertificate)) => {
            info!(reason = reason.label(), "message dropped");
        }
        Event::Dropped(reason) => debug!(reason = reason.label(), "message dropped"),
        // Counted: a flood of calls must not become a flood of lines.
        Event::Shed(shed) => debug!(reason = shed.label(), "new call refused for want of room"),
        Event::Scanned(scanner) => debug!(tool = scanner.label(), "a scanner's request"),
        Event::Refused { remote, status, label } => {
            info!(%remote, status = status.code(), reason = label, "request refused");
        }
        Event::NoRoute { trunk, nearest } => {
            info!(from = %trunk, nearest = nearest.as_deref().unwrap_or("no route from this trunk"), "no route");
        }
        Event::Elin { call, news } => elin(call.0, *news),
        Event::Detoured { trunk, why } => {
            debug!(trunk = %trunk, reason = why.label(), "the peer's Contact or Record-Route was not followed");
        }
        Event::Stands { trunk, standing } => info!(trunk = %trunk, standing = standing.label(), "trunk ordered"),
        Event::Registration { trunk, news } => registration(trunk, news),
        Event::Target(changed) => target(changed),
        Event::AskedByPeer { trunk } => debug!(trunk = %trunk, "the peer's OPTIONS are answered"),
        Event::Probed { name, target, outcome, .. } => match outcome {
            Ok(status) => debug!(trunk = %name, host = %target, status = status.code(), "target answers OPTIONS"),
            Err(cause) => {
                debug!(trunk = %name, host = %target, cause = cause.label(), "target does not answer OPTIONS")
            }
        },
    }
}

/// One line for each change of a target's state.
fn target(changed: &Changed) {
    let Changed { trunk, target, change } = changed;
    let (from, to, why) = (change.from.label(), change.to.label(), change.why.label());
    match change.to {
        TargetState::Down | TargetState::Suspect => {
            warn!(trunk = %trunk, host = %target, from, to, why, "target changed")
        }
        TargetState::Up | TargetState::Unknown => {
            info!(trunk = %trunk, host = %target, from, to, why, "target changed")
        }
    }
}

fn elin(call: u64, news: ElinNews) {
    match news {
        ElinNews::Shown => info!(call, "the emergency call shows the number of its place"),
        ElinNews::Unknown => warn!(
            call,
            "the emergency call shows its caller's own number: neither its location nor the caller's number tells an ELIN"
        ),
        ElinNews::Displaced => {
            warn!(call, "an emergency caller before this one can no longer be called back: more ELINs are needed")
        }
        ElinNews::CalledBack => warn!(call, "a call back to an emergency caller"),
    }
}

fn registration(trunk: &str, news: &News) {
    match news {
        News::Registered { expires } => debug!(trunk, expires_s = expires.as_secs(), "registered"),
        News::Failed { problem, again_in } => {
            warn!(trunk, problem = problem.label(), again_in_s = again_in.as_secs(), "registration failed");
        }
        News::Lost => warn!(trunk, "registration lost: the peer cannot reach us by it"),
        News::Withdrawn => info!(trunk, "registration taken back"),
    }
}

fn call(event: &CallEvent) {
    match event {
        CallEvent::Started { call, from } => debug!(call = call.0, from = %from, "call taken"),
        CallEvent::Attempted { call, to } => debug!(call = call.0, to = %to, "call offered"),
        CallEvent::AttemptFailed { call, to, cause } => {
            if *cause == Cause::Unexpected {
                tracing::error!(call = call.0, to = %to, "an attempt ended in a way that cannot happen: please report it");
            }
            info!(call = call.0, to = %to, cause = cause.label(), "attempt failed");
        }
        CallEvent::Answered { call } => debug!(call = call.0, "call answered"),
        CallEvent::Presence { call, trunk, change: Change::FellSilent } => {
            warn!(call = call.0, trunk = %trunk, "no media from a party of the call");
        }
        CallEvent::Presence { call, trunk, change: Change::CameBack } => {
            info!(call = call.0, trunk = %trunk, "media of the party comes again");
        }
        CallEvent::TransferBegan { call, kind } => debug!(call = call.0, kind = ?kind, "transfer asked for"),
        CallEvent::TransferEnded { call, transfer } => info!(
            call = call.0,
            kind = ?transfer.kind,
            by = %transfer.by,
            asked = %Pii::new(&transfer.asked),
            to = transfer.to.as_deref().unwrap_or("-"),
            cause = transfer.cause.label(),
            "transfer ended"
        ),
        CallEvent::Redirected { call, from, contacts } => {
            info!(call = call.0, from = %from, contacts, "call redirected");
        }
        CallEvent::Emergency { call, from } => warn!(call = call.0, from = %from, "emergency call"),
        CallEvent::Guarded { call, trunk, stopped } => {
            warn!(call = call.0, trunk = %trunk, class = stopped.class().name(), why = %stopped, "the fraud guard stopped a call");
        }
        CallEvent::ForkUnheard { trunk } => debug!(trunk = %trunk, "an early dialog more than are kept of one INVITE"),
        CallEvent::LocationDropped { call, to } => {
            warn!(call = call.0, to = %to, "the caller's location was left out: bodies.pass of the trunk has no application/pidf+xml");
        }
        CallEvent::ContextLeftOut { call, to, pairs } => {
            warn!(call = call.0, to = %to, pairs = pairs.join(","), "pairs were left out of User-to-User: no room, or a value with characters that do not fit");
        }
        CallEvent::DigitLost { trunk } => warn!(trunk = %trunk, "a digit was dropped: the peer does not answer INFO"),
        // An engine that serves tells no steps.
        CallEvent::Step(_) => {}
        CallEvent::Ended(record) => ended(record),
    }
}

fn ended(record: &CallRecord) {
    if record.cause == Cause::Unexpected {
        tracing::error!(
            call = record.id.0,
            "a call ended in a way that cannot happen: please report it with its trace"
        );
    }
    if record.emergency.is_some() && record.answered.is_none() && !record.cause.is_callers() {
        tracing::error!(call = record.id.0, from = %record.from, cause = record.cause.label(), "an emergency call failed");
    }
    let talked = record.answered.map(|answered| record.ended.0.saturating_sub(answered.0));
    let said = told(&record.said);
    info!(
        call = record.id.0,
        from = %record.from,
        to = record.to.as_deref().unwrap_or("-"),
        account = record.account.as_ref().map(|name| name.as_str()),
        calling = %Pii::new(&record.calling),
        called = %Pii::new(&record.called),
        cause = record.cause.label(),
        ended_by = ?record.ended_by,
        detail = record.detail.as_deref(),
        attempts = record.attempts,
        talked_ms = talked,
        platform_call = said.as_ref().and_then(|(_, read)| read.call),
        reason = said.as_ref().map(|(reason, _)| tracing::field::display(reason)),
        meaning = said.as_ref().and_then(|(_, read)| read.explanation).map(|row| row.meaning),
        caller_media = %Shown(&record.caller_media),
        callee_media = %Shown(&record.callee_media),
        "call ended"
    );
}

/// What is worth reading of the Reasons: the one of a platform, whose support asks for its number (MD-94), else the last.
fn told(said: &[Said]) -> Option<(Escaped<'_>, Read<'_>)> {
    let of_platform = said.iter().rev().find(|said| subcode::read(&said.reason).call.is_some());
    let said = of_platform.or(said.last())?;
    Some((Escaped::new(said.reason.as_bytes()), subcode::read(&said.reason)))
}

/// One leg's media as people read it.
struct Shown<'r>(&'r LegMediaCounts);

impl fmt::Display for Shown<'_> {
    /// One piece, and no formatter: each call shows two of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LegMediaCounts { received, sent, lost, jitter_us, round_trip_us, silence_ms, mos, .. } = *self.0;
        let mut text = String::with_capacity(160);
        for (before, number) in [
            ("received ", received),
            (", sent ", sent),
            (", lost ", lost),
            (", jitter ", jitter_us.into()),
            (" us, round trip ", round_trip_us.into()),
            (" us, longest silence ", silence_ms.into()),
            (" ms, opinion ", (mos / 100).into()),
            (if mos % 100 < 10 { ".0" } else { "." }, (mos % 100).into()),
        ] {
            text.push_str(before);
            push_number(&mut text, number);
        }
        f.write_str(&text)
    }
}
