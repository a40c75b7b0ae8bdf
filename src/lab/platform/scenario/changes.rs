//! What changes inside a call: refresh, hold, keys, sources, and several changes at once.

use std::time::Duration;

use super::{Needs, Scenario};
use crate::lab::platform::audio::until;
use crate::lab::platform::manner::Line;
use crate::lab::platform::stage::{Pair, Stage, pause};
use crate::lab::platform::text::Text;
use crate::lab::sdp::Direction;
use crate::lab::session::Rollover;
use crate::scenario;

/// Close enough to the end of the sequence numbers that the roll-over counter moves within the first second.
const NEAR_THE_WRAP: u16 = 65_500;

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("refresh", "a refresh with the same description, as at 900 s and 1620 s", Needs::Carrier, refresh),
    scenario!("hold-platform", "the platform holds and resumes", Needs::Carrier, hold_platform),
    scenario!(
        "hold-carrier",
        "the carrier holds with sendonly and with 0.0.0.0, and resumes without an offer",
        Needs::Carrier,
        hold_carrier
    ),
    scenario!("rekey", "new keys with the roll-over counter reset and kept; a new SSRC", Needs::Carrier, rekey),
    scenario!("storm", "three re-INVITEs right after the answer", Needs::Carrier, storm),
    scenario!("session-timer", "a session of 90 s that the SBC refreshes", Needs::Carrier, session_timer),
    scenario!("long-call", "a session of 90 s through three refreshes", Needs::CarrierAndTime, long_call),
];

fn sdp_of(text: &Text) -> String {
    text.sdp().join("\r\n")
}

/// What the SBC described last in that dialog.
fn last_description(stage: &Stage, call_id: &str) -> Option<String> {
    let evidence = stage.transcript.evidence("");
    let of_dialog = evidence.to_platform().filter(|seen| seen.text.call_id() == call_id && seen.text.has_sdp());
    of_dialog.last().map(|seen| sdp_of(&seen.text))
}

/// The lines that differ, for the report.
fn difference(before: &str, now: &str) -> String {
    let changed: Vec<&str> = now.lines().filter(|line| !before.lines().any(|known| known == *line)).collect();
    format!("changed: {}", changed.join(" "))
}

async fn refresh(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.outbound().await?;
    pair.talk().await?;
    let known = last_description(stage, pair.platform.call_id()).ok_or("no description of the SBC")?;
    for _ in 0..2 {
        pair.platform.refresh().await?;
        let answer = pair.platform.wait_answer().await?;
        let told = sdp_of(&answer.text);
        stage.holds("MD-134", known == told, || difference(&known, &told));
        pair.talk().await?;
    }
    pair.end().await
}

async fn hold_platform(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.outbound().await?;
    pair.talk().await?;
    pair.platform.reoffer(Direction::Inactive).await?;
    let answer = pair.platform.wait_answer().await?;
    let inactive = answer.text.sdp().iter().any(|line| line == "a=inactive");
    stage.holds("MD-130", inactive, || sdp_of(&answer.text).lines().last().unwrap_or_default().to_owned());
    let before = pair.platform.endpoint().report().reports_received;
    let reports = until(Duration::from_secs(8), || pair.platform.endpoint().report().reports_received > before).await;
    stage.holds("MD-181", reports, || "no SRTCP in 8 s of hold".to_owned());
    pair.platform.reoffer(Direction::SendReceive).await?;
    pair.platform.wait_answer().await?;
    pause(200).await;
    pair.talk().await?;
    pair.end().await
}

async fn hold_carrier(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    pair.carrier.reoffer(Direction::SendOnly).await?;
    let held = pair.carrier.wait_answer().await?;
    // RFC 3264 6.1: the carrier gets a legal answer whatever the platform is told.
    let legal = held.text.sdp().iter().any(|line| matches!(line.as_str(), "a=recvonly" | "a=inactive"));
    stage.holds("MD-127", legal, || format!("the carrier's sendonly answered: {}", sdp_of(&held.text)));
    pause(300).await;
    // MD-131: resume without an offer, as some PBXs do.
    pair.carrier.reinvite_with(None).await?;
    pair.carrier.wait_answer().await?;
    pause(300).await;
    let resumed = last_direction(&mut pair);
    stage.holds("MD-131", resumed.as_ref().is_none_or(|line| line == "a=sendrecv"), || {
        format!("re-INVITE after resume: {}", resumed.unwrap_or_default())
    });
    pair.talk().await?;
    pair.carrier.reinvite_with(Some(zeroed)).await?;
    pair.carrier.wait_answer().await?;
    pause(300).await;
    pair.carrier.reoffer(Direction::SendReceive).await?;
    pair.carrier.wait_answer().await?;
    pause(300).await;
    pair.talk().await?;
    pair.end().await
}

/// The direction of the last re-INVITE the platform got, if one came.
fn last_direction(pair: &mut Pair) -> Option<String> {
    let last = pair.platform.latest(|text| text.asks("INVITE") && text.has_sdp())?;
    let directions = ["a=inactive", "a=sendrecv", "a=sendonly", "a=recvonly"];
    Some(
        last.sdp()
            .into_iter()
            .find(|line| directions.contains(&line.as_str()))
            .unwrap_or_else(|| "a=sendrecv".to_owned()),
    )
}

/// MD-129: RFC 2543 hold.
fn zeroed(sdp: &str) -> String {
    sdp.lines()
        .map(
            |line| {
                if line.starts_with("c=IN IP4 ") { "c=IN IP4 0.0.0.0\r\n".to_owned() } else { format!("{line}\r\n") }
            },
        )
        .collect()
}

async fn rekey(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.ring_carrier(Vec::new()).await?;
    pair.platform.endpoint().stream().begin_at(NEAR_THE_WRAP);
    pair.carrier.answer(None, Vec::new()).await?;
    pair.platform.wait_answer().await?;
    // Past the wrap, so that the counter of our direction is 1.
    until(Duration::from_secs(5), || pair.platform.endpoint().report().sent > 100).await;
    pair.talk().await?;
    for rollover in [Rollover::Reset, Rollover::Kept] {
        pair.platform.rekey(rollover).await?;
        pair.platform.wait_answer().await?;
        pause(200).await;
        let heard = pair.talk().await;
        stage.fact("MD-173", heard.map_err(|words| format!("counter {rollover:?}: {words}")));
        if rollover == Rollover::Reset {
            // The counter must be above 0 again for the second turn to tell the two apart.
            pair.platform.endpoint().stream().begin_at(NEAR_THE_WRAP);
            until(Duration::from_secs(5), || pair.platform.endpoint().report().sent > 400).await;
            pair.talk().await?;
        }
    }
    pair.platform.endpoint().stream().change_source(0x0BAD_CAFE);
    pause(200).await;
    stage.fact("MD-175", pair.talk().await);
    pair.platform.relocate().await?;
    pair.platform.wait_answer().await?;
    pause(200).await;
    stage.fact("MD-137", pair.talk().await);
    pair.end().await
}

async fn storm(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    let mut outcome = Ok(());
    for _ in 0..3 {
        pair.platform.reoffer(Direction::SendReceive).await?;
        if let Err(words) = pair.platform.wait_answer().await {
            outcome = Err(words);
        }
    }
    stage.fact("MD-125", outcome);
    pair.talk().await?;
    pair.end().await
}

/// A call whose session the SBC promised to refresh.
async fn short_session(stage: &Stage) -> Result<Pair, String> {
    let mut pair = stage.ring_platform(Vec::new()).await?;
    let invite = pair.platform.invite_text().ok_or("no INVITE")?;
    if !invite.lists("Supported", "timer") {
        pair.platform.respond(480, None, Vec::new()).await?;
        return Err(stage.lacks("the SBC does not offer session timers"));
    }
    let more: Vec<Line> = vec![("Require", "timer".to_owned()), ("Session-Expires", "90;refresher=uac".to_owned())];
    pair.platform.answer(None, more).await?;
    pair.carrier.wait_answer().await?;
    // Both follow what the other plays from here on.
    pair.talk().await?;
    Ok(pair)
}

/// Waits for refreshes of the SBC, and that both still hear each other after each.
async fn refreshed(stage: &Stage, pair: &mut Pair, times: u32) -> Result<(), String> {
    for _ in 0..times {
        let came = pair.platform.wait("a refresh", Duration::from_secs(60), |text| text.asks("INVITE")).await;
        stage.fact("MD-135", came.as_ref().map(drop).map_err(String::clone));
        came?;
        let talked = pair.talk().await;
        stage.fact("MD-135", talked.clone());
        talked?;
    }
    Ok(())
}

async fn session_timer(stage: &Stage) -> Result<(), String> {
    let mut pair = short_session(stage).await?;
    refreshed(stage, &mut pair, 1).await?;
    pair.end().await
}

async fn long_call(stage: &Stage) -> Result<(), String> {
    let mut pair = short_session(stage).await?;
    refreshed(stage, &mut pair, 3).await?;
    pair.end().await
}
