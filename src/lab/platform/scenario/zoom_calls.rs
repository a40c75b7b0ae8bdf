//! Calls in the shapes of Zoom Phone.

use super::{Needs, Scenario};
use crate::lab::platform::leg::{Invitation, Leg, Offer, STEP};
use crate::lab::platform::stage::{Pair, Stage, arrival, is_status};
use crate::lab::platform::station::Welcome;
use crate::lab::platform::text::{Text, user_of};
use crate::scenario;

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("zoom-emergency", "an emergency number with its country", Needs::Carrier, emergency),
    scenario!("zoom-bodies", "ISUP beside the description, handling optional", Needs::Carrier, bodies),
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
