//! What only a carrier with a registrar sees: REGISTER, its refresh, a challenged INVITE, a call to the binding.

use std::time::Duration;

use super::{Needs, Scenario};
use crate::lab::platform::audio::until;
use crate::lab::platform::leg::{Invitation, Leg};
use crate::lab::platform::registrar::GRANTED;
use crate::lab::platform::stage::{Pair, Stage, arrival};
use crate::lab::platform::station::Welcome;
use crate::lab::platform::text::{Text, user_of};
use crate::lab::platform::transcript::Side;
use crate::scenario;

/// For the first REGISTER: the SBC may have been refused while nobody listened here.
const REGISTER_LIMIT: Duration = Duration::from_secs(75);

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("register", "401, 423, a binding", Needs::Carrier, register),
    scenario!("register-call", "a call of the carrier to the binding", Needs::Carrier, call),
    scenario!("register-challenge", "407 to an INVITE", Needs::Carrier, challenge),
    scenario!("register-refresh", "the binding is refreshed, with a nonce that is stale", Needs::Carrier, refresh),
];

fn binding(stage: &Stage) -> Option<String> {
    stage.carrier().ok()?.registrar()?.binding()
}

async fn register(stage: &Stage) -> Result<(), String> {
    let bound = until(REGISTER_LIMIT, || binding(stage).is_some()).await;
    stage.holds("PF-129", bound, || {
        let evidence = stage.transcript.evidence("");
        let last = evidence.from_sbc(Side::Carrier).filter(|seen| seen.text.asks("REGISTER")).last();
        last.map_or_else(|| "no REGISTER came".to_owned(), |seen| seen.text.line("Authorization"))
    });
    if bound { Ok(()) } else { Err("no binding".to_owned()) }
}

/// The number called, in the Contact that was registered: a whole block has no user part of its own (RFC 6140 5.2).
async fn call(stage: &Stage) -> Result<(), String> {
    let bound = binding(stage).ok_or("no binding")?;
    let number = &stage.wish.platform;
    let place = bound.split_once(':').map_or("", |(_, rest)| rest);
    let place = place.split_once('@').map_or(place, |(_, place)| place).replace(";bnc", "");
    let uri = format!("sip:{number}@{place}");
    let wish = Invitation { uri: Some(uri), ..Invitation::new(number, &stage.wish.carrier) };
    let rung = stage.ring_platform_with(wish).await;
    stage.fact("PF-133", rung.as_ref().map(drop).map_err(String::clone));
    let mut pair = rung?;
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    let talked = pair.talk().await;
    stage.fact("PF-133", talked);
    pair.end().await
}

async fn challenge(stage: &Stage) -> Result<(), String> {
    let number = stage.wish.carrier.clone();
    let tail = number.trim_start_matches('+').to_owned();
    let mut expected =
        stage.carrier()?.expect(Welcome::Challenge, move |text: &Text| user_of(text.uri()).contains(&tail));
    let mut platform = Leg::dial(&stage.platform, Invitation::new(&number, &stage.wish.platform)).await?;
    let outcome = arrival(&mut expected, &mut platform).await;
    stage.fact("PF-129", outcome.as_ref().map(drop).map_err(|words| format!("after 407: {words}")));
    let mut carrier = outcome?;
    carrier.answer(None, Vec::new()).await?;
    platform.wait_answer().await?;
    let mut pair = Pair { platform, carrier };
    pair.talk().await?;
    pair.end().await
}

async fn refresh(stage: &Stage) -> Result<(), String> {
    let granted = || {
        let evidence = stage.transcript.evidence("");
        let granted = evidence
            .from_lab(Side::Carrier)
            .filter(|seen| seen.text.method() == "REGISTER" && seen.text.status() == Some(200));
        granted.count()
    };
    let refreshed = until(Duration::from_secs(u64::from(GRANTED) + 8), || granted() >= 2).await;
    stage.holds("PF-129", refreshed, || "the binding was not refreshed after 401 with stale=true".to_owned());
    stage.holds("PF-130", refreshed, || format!("no refresh in {GRANTED} s"));
    Ok(())
}
