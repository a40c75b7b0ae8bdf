//! Calls in the shapes of Zoom Phone.

use super::{Needs, Scenario};
use crate::lab::platform::leg::{Invitation, Leg, Offer, STEP};
use crate::lab::platform::stage::{Pair, Stage, arrival, is_status};
use crate::lab::platform::station::Welcome;
use crate::lab::platform::text::{Text, user_of};
use crate::lab::srtp::Suite;
use crate::scenario;

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("zoom-emergency", "an emergency number with its country", Needs::Carrier, emergency),
    scenario!("zoom-bodies", "ISUP beside the description, handling optional", Needs::Carrier, bodies),
    scenario!("zoom-suites", "offers with one key of each suite alone", Needs::Carrier, suites),
    scenario!("zoom-progress", "180, then 183 with media", Needs::Carrier, progress),
];

/// PF-92.
async fn emergency(stage: &Stage) -> Result<(), String> {
    let fits = |text: &Text| user_of(text.uri()).trim_start_matches("+49") == "112";
    let mut expected = stage.carrier()?.expect(Welcome::Trying, fits);
    let mut platform = Leg::dial(&stage.platform, Invitation::new("+49112", &stage.wish.platform)).await?;
    let outcome = arrival(&mut expected, &mut platform).await;
    stage.fact("PF-92", outcome.as_ref().map(drop).map_err(String::clone));
    let mut carrier = outcome?;
    carrier.answer(None, Vec::new()).await?;
    platform.wait_answer().await?;
    let mut pair = Pair { platform, carrier };
    pair.talk().await?;
    pair.end().await
}

/// PF-89.
async fn bodies(stage: &Stage) -> Result<(), String> {
    let wish = Invitation {
        offer: Offer::Wrapped(super::carrier_calls::with_isup),
        ..Invitation::new(&stage.wish.carrier, &stage.wish.platform)
    };
    let rung = stage.ring_carrier_with(wish).await;
    stage.fact("PF-89", rung.as_ref().map(drop).map_err(String::clone));
    let mut pair = rung?;
    pair.carrier.answer(None, Vec::new()).await?;
    pair.platform.wait_answer().await?;
    let talked = pair.talk().await;
    stage.fact("PF-89", talked);
    pair.end().await
}

async fn progress(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.ring_carrier(Vec::new()).await?;
    pair.carrier.respond(180, None, Vec::new()).await?;
    pair.platform.wait("180", STEP, |text| is_status(text, 180, "INVITE")).await?;
    pair.carrier.progress().await?;
    pair.platform.wait("183", STEP, |text| is_status(text, 183, "INVITE")).await?;
    pair.carrier.answer(None, Vec::new()).await?;
    pair.platform.wait_answer().await?;
    pair.talk().await?;
    pair.end().await
}

/// PF-88: each suite by itself. The usual one is taken; another may be refused, or is spoken as it was offered.
async fn suites(stage: &Stage) -> Result<(), String> {
    for suite in Suite::ALL {
        let outcome = alone(stage, Offer::Alone(suite), suite.name(), Heard::Both).await;
        stage.fact("PF-88", outcome.map_err(|words| format!("{} alone: {words}", suite.name())));
    }
    // The lab's SRTP has no such transform: what is answered is looked at, nothing is heard.
    let outcome = alone(stage, Offer::Changed(long_counter), LONG_COUNTER, Heard::Nobody).await;
    stage.fact("PF-88", outcome.map_err(|words| format!("{LONG_COUNTER} alone: {words}")));
    Ok(())
}

const LONG_COUNTER: &str = "AES_256_CM_HMAC_SHA1_80";

fn long_counter(sdp: &str) -> String {
    let kept = |line: &&str| !line.starts_with("a=crypto:") || line.contains(LONG_COUNTER);
    sdp.lines().filter(kept).map(|line| format!("{line}\r\n")).collect()
}

/// Whether the lab can speak what was agreed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Both,
    Nobody,
}

/// One call with one key; refused with 488 is as good, but for the suite that everybody has.
async fn alone(stage: &Stage, offer: Offer, suite: &str, heard: Heard) -> Result<(), String> {
    let number = stage.wish.carrier.clone();
    let mut expected = stage.carrier()?.expect_number(&number);
    let wish = Invitation { offer, ..Invitation::new(&number, &stage.wish.platform) };
    let mut platform = Leg::dial(&stage.platform, wish).await?;
    let arrived = tokio::select! {
        biased;
        arrived = expected.next(STEP) => arrived,
        refused = platform.wait_final("INVITE") => {
            let answer = refused?;
            let free = answer.text.status() == Some(488) && suite != Suite::Counter80.name();
            return if free { Ok(()) } else { Err(answer.text.start.clone()) };
        }
    };
    let mut carrier = arrived?;
    carrier.answer(None, Vec::new()).await?;
    let answer = platform.wait_answer().await?;
    let keys: Vec<String> = answer.text.sdp().into_iter().filter(|line| line.starts_with("a=crypto:")).collect();
    let one = keys.len() == 1 && keys.iter().all(|line| line.split(' ').nth(1) == Some(suite));
    let mut pair = Pair { platform, carrier };
    let talked = if heard == Heard::Both && one { pair.talk().await } else { Ok(()) };
    pair.end().await?;
    match one {
        true => talked,
        false => Err(format!("answered {}", keys.join(" and "))),
    }
}
