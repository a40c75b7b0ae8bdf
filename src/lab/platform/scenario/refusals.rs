//! Calls that are refused: by the platform for good, by one of its names for now, by the carrier.

use std::time::Duration;

use super::{Needs, Scenario};
use crate::lab::platform::leg::{Invitation, Leg, STEP};
use crate::lab::platform::manner::Line;
use crate::lab::platform::stage::{Stage, pause};
use crate::lab::platform::station::Welcome;
use crate::lab::platform::text::{host_of, parameter, user_of};
use crate::scenario;

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("busy-platform", "486 with cause 34, 603 and 404 are final", Needs::Carrier, busy_platform),
    scenario!("failover", "503 with Retry-After from the first name", Needs::CarrierAndNames, failover),
    scenario!("short-timer", "422 with Min-SE", Needs::Carrier, short_timer),
    scenario!("busy-carrier", "486 and 404 of the carrier", Needs::Carrier, busy_carrier),
    scenario!("redirect-carrier", "302 of the carrier", Needs::Carrier, redirect_carrier),
];

/// A call of the carrier that the platform refuses; gives the number of INVITEs that came and the carrier's answer.
async fn refused(
    stage: &Stage,
    status: u16,
    more: Vec<Line>,
) -> Result<(usize, crate::lab::platform::station::Delivery), String> {
    let mut expected = stage.platform.expect_number(&stage.wish.platform);
    let wish = Invitation::new(&stage.wish.platform, &stage.wish.carrier);
    let mut carrier = Leg::dial(stage.carrier()?, wish).await?;
    let first = expected.next(STEP).await?;
    first.respond(status, None, more).await?;
    let mut count = 1;
    let mut others = Vec::new();
    while let Ok(again) = expected.next(Duration::from_millis(1_500)).await {
        again.respond(status, None, Vec::new()).await?;
        count += 1;
        others.push(again);
    }
    let answer = carrier.wait_final("INVITE").await?;
    Ok((count, answer))
}

async fn busy_platform(stage: &Stage) -> Result<(), String> {
    let reason: Vec<Line> =
        vec![("Reason", "Q.850;cause=34;text=\"11111111-2222-4333-8444-555555555555;Busy\"".to_owned())];
    let (count, answer) = refused(stage, 486, reason).await?;
    stage.holds("MD-120", count == 1, || format!("{count} INVITEs for a user who is busy"));
    stage.holds("MD-120", answer.text.status() == Some(486), || answer.text.start.clone());
    let bad = answer
        .text
        .values("Reason")
        .find(|value| value.to_ascii_lowercase().contains("q.850") && !value.contains("cause=17"));
    stage.fact("MD-121", bad.map_or(Ok(()), |value| Err(format!("Reason: {value}"))));
    let (count, answer) = refused(stage, 603, Vec::new()).await?;
    stage.holds("MD-120", count == 1, || format!("{count} INVITEs after 603"));
    stage.holds("MD-120", answer.text.status().is_some_and(|status| status >= 400), || answer.text.start.clone());
    let (count, _) = refused(stage, 404, Vec::new()).await?;
    stage.holds("MD-122", count == 1, || format!("{count} INVITEs after 404"));
    Ok(())
}

async fn failover(stage: &Stage) -> Result<(), String> {
    let number = stage.wish.platform.clone();
    let tail: String = number.chars().filter(char::is_ascii_digit).collect();
    let first = stage.names.first().cloned().unwrap_or_default();
    // The newest claim is asked first: the first name is overloaded, any other takes the call.
    let other_tail = tail.clone();
    let mut others = stage.platform.expect(Welcome::Trying, move |text| user_of(text.uri()).contains(&other_tail));
    let first_name = first.clone();
    let mut overloaded = stage.platform.expect(Welcome::Refusal(503), move |text| {
        user_of(text.uri()).contains(&tail) && host_of(text.uri()) == first_name
    });
    let mut carrier = Leg::dial(stage.carrier()?, Invitation::new(&number, &stage.wish.carrier)).await?;
    let asked_first = overloaded.next(STEP).await;
    let at = stage.transcript.elapsed();
    stage.fact("MD-91", asked_first.map(drop));
    let second = others.next(Duration::from_secs(6)).await;
    let took = stage.transcript.elapsed().saturating_sub(at);
    stage.fact("MD-119", second.as_ref().map(drop).map_err(|words| format!("after 503 from {first}: {words}")));
    let mut platform = second?;
    stage.holds("MD-119", took < Duration::from_secs(2), || {
        format!("the next name was asked {:.1} s after 503", took.as_secs_f64())
    });
    let told = platform.invite_text().ok_or("no INVITE")?;
    let wanted = stage.names.get(1).cloned().unwrap_or_default();
    stage.holds("MD-91", host_of(told.uri()) == wanted, || format!("{}, wanted {wanted}", told.start));
    platform.answer(None, Vec::new()).await?;
    carrier.wait_answer().await?;
    let mut pair = crate::lab::platform::stage::Pair { platform, carrier };
    pair.talk().await?;
    pair.end().await?;
    // Retry-After was one second: the first name is asked again by the scenarios that follow.
    pause(1_200).await;
    Ok(())
}

async fn short_timer(stage: &Stage) -> Result<(), String> {
    let mut expected = stage.platform.expect_number(&stage.wish.platform);
    let mut carrier = Leg::dial(stage.carrier()?, Invitation::new(&stage.wish.platform, &stage.wish.carrier)).await?;
    let first = expected.next(STEP).await?;
    let invite = first.invite_text().ok_or("no INVITE")?;
    if invite.field("Session-Expires").is_none() {
        first.respond(480, None, Vec::new()).await?;
        return Err(stage.lacks("the SBC asks for no session timer"));
    }
    first.respond(422, None, vec![("Min-SE", "3600".to_owned())]).await?;
    // RFC 4028 7.4: the same call with a longer interval; a stack may keep the Call-ID.
    let again = expected.next(Duration::from_secs(4)).await;
    let mut again = match again {
        Ok(again) => again,
        Err(words) => {
            stage.fact("MD-133", Err(words.clone()));
            return Err(words);
        }
    };
    let retried = again.invite_text().ok_or("no INVITE")?;
    let value = retried.value("Session-Expires").split(';').next().unwrap_or_default().trim().parse().unwrap_or(0u32);
    stage.holds("MD-133", value >= 3_600, || retried.line("Session-Expires"));
    again
        .answer(None, vec![("Require", "timer".to_owned()), ("Session-Expires", format!("{value};refresher=uac"))])
        .await?;
    carrier.wait_answer().await?;
    let mut pair = crate::lab::platform::stage::Pair { platform: again, carrier };
    pair.end().await
}

async fn busy_carrier(stage: &Stage) -> Result<(), String> {
    for status in [486, 404] {
        let mut pair = stage.ring_carrier(Vec::new()).await?;
        pair.carrier
            .respond(status, None, vec![("Reason", format!("Q.850;cause={}", if status == 486 { 17 } else { 1 }))])
            .await?;
        let answer = pair.platform.wait_final("INVITE").await?;
        stage.holds("MD-117", answer.text.status() == Some(status), || {
            format!("{} for {status} of the carrier", answer.text.start)
        });
    }
    Ok(())
}

async fn redirect_carrier(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.ring_carrier(Vec::new()).await?;
    let elsewhere = format!("<sip:+4930555000444@{}>", stage.carrier()?.manner().address);
    pair.carrier.respond(302, None, vec![("Contact", elsewhere)]).await?;
    let answer = pair.platform.wait_final("INVITE").await;
    if let Ok(answer) = &answer {
        stage.holds("MD-104", answer.text.status().is_some_and(|status| status >= 400), || answer.text.start.clone());
    }
    answer.map(drop)
}

/// The Q.850 cause of a Reason value.
#[must_use]
pub fn cause_of(value: &str) -> Option<u8> {
    parameter(value, "cause")?.parse().ok()
}
