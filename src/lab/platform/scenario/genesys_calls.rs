//! Calls in the shapes of Genesys Cloud, and its transfers to a number.

use super::transfers::notified;
use super::{Needs, Scenario};
use crate::lab::platform::audio::both_hear;
use crate::lab::platform::leg::{Invitation, Leg, STEP};
use crate::lab::platform::manner::Line;
use crate::lab::platform::stage::{Pair, Stage, normal_clearing, pause};
use crate::lab::platform::wire::From;
use crate::scenario;

/// PF-123: case=42, in hexadecimal.
const CONTEXT: &str = "636173653D3432;encoding=hex";

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("genesys-shape", "tgrp, trunk-context and a second Via", Needs::Carrier, shape),
    scenario!("genesys-proxies", "a call from each address", Needs::Carrier, proxies),
    scenario!("genesys-number", "a number without plus", Needs::Carrier, number),
    scenario!("genesys-context", "User-to-User of the carrier's side", Needs::Carrier, context),
    scenario!("genesys-refer", "REFER to a number at the carrier", Needs::Carrier, refer),
    scenario!("genesys-refer-fails", "REFER to a number that is busy", Needs::Carrier, refer_fails),
];

async fn answered(mut pair: Pair) -> Result<(), String> {
    pair.carrier.answer(None, Vec::new()).await?;
    pair.platform.wait_answer().await?;
    pair.talk().await?;
    pair.end().await
}

async fn shape(stage: &Stage) -> Result<(), String> {
    let place = stage.platform.shared().sbc_place();
    let number = &stage.wish.carrier;
    let uri = format!("sip:{number};tgrp=acme;trunk-context=byoc.example.com@{place};transport=tls");
    let more: Vec<Line> =
        vec![("Via", "SIP/2.0/TLS 192.0.2.77:5061;branch=z9hG4bKinner;x-edge=\"a;b\";Keep".to_owned())];
    let wish = Invitation { uri: Some(uri), more, ..Invitation::new(number, &stage.wish.platform) };
    let rung = stage.ring_carrier_with(wish).await;
    stage.fact("PF-71", rung.as_ref().map(drop).map_err(String::clone));
    let pair = rung?;
    let invite = pair.carrier.invite_text().ok_or("no INVITE")?;
    let leaked = format!("{} {}", invite.start, invite.line("To"));
    stage.holds("PF-71", !leaked.contains("tgrp") && !leaked.contains("trunk-context"), || leaked.clone());
    answered(pair).await
}

async fn proxies(stage: &Stage) -> Result<(), String> {
    for place in 0..stage.sources {
        let wish =
            Invitation { leaves: From::Address(place), ..Invitation::new(&stage.wish.carrier, &stage.wish.platform) };
        let outcome = match stage.ring_carrier_with(wish).await {
            Ok(pair) => answered(pair).await,
            Err(words) => Err(words),
        };
        stage.fact("PF-68", outcome.map_err(|words| format!("from address {}: {words}", place + 1)));
    }
    Ok(())
}

async fn number(stage: &Stage) -> Result<(), String> {
    let digits = stage.wish.carrier.trim_start_matches('+').to_owned();
    let caller = stage.wish.platform.trim_start_matches('+').to_owned();
    let outcome = match stage.ring_carrier_with(Invitation::new(&digits, &caller)).await {
        Ok(pair) => answered(pair).await,
        Err(words) => Err(words),
    };
    stage.fact("PF-78", outcome.clone());
    outcome
}

async fn context(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.ring_platform(vec![("User-to-User", CONTEXT.to_owned())]).await?;
    let invite = pair.platform.invite_text().ok_or("no INVITE")?;
    stage.holds("PF-79", invite.value("User-to-User") == CONTEXT, || invite.line("User-to-User"));
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    pair.end().await
}

/// A call of the carrier whose platform side refers it to another number at the carrier; that number's leg.
async fn referred(stage: &Stage, pair: &mut Pair) -> Result<Leg, String> {
    let target = "+4930555000777";
    let mut expected = stage.carrier()?.expect_number(target);
    let host = &stage.platform.manner().host;
    let lines: Vec<Line> = vec![("Refer-To", format!("<sip:{target}@{host}>")), pair.platform.contact_line()];
    pair.platform.request("REFER", lines, None, From::AnyAddress).await?;
    let answer = pair.platform.wait_final("REFER").await?;
    if answer.text.status() != Some(202) {
        return Err(format!("REFER was answered {}", answer.text.start));
    }
    expected.next(STEP).await
}

async fn refer(stage: &Stage) -> Result<(), String> {
    let pair = stage.inbound().await?;
    pair.talk().await?;
    let outcome = take_back(stage, pair).await;
    stage.fact("PF-80", outcome.clone());
    outcome
}

async fn take_back(stage: &Stage, mut pair: Pair) -> Result<(), String> {
    let mut third = referred(stage, &mut pair).await?;
    third.respond(180, None, Vec::new()).await?;
    third.answer(None, Vec::new()).await?;
    notified(&mut pair, 200).await?;
    pair.platform.bye(normal_clearing()).await?;
    pause(200).await;
    both_hear(("the third party", &third), ("the carrier", &pair.carrier)).await?;
    third.bye(Vec::new()).await?;
    pair.carrier.wait_request("BYE").await.map(drop)
}

async fn refer_fails(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    let outcome = async {
        let third = referred(stage, &mut pair).await?;
        third.respond(486, None, Vec::new()).await?;
        notified(&mut pair, 486).await?;
        pair.talk().await
    };
    let outcome = outcome.await;
    stage.fact("PF-80", outcome.clone());
    outcome?;
    pair.end().await
}
