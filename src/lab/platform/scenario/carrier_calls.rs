//! Calls of the carrier to the platform: forks, identities, bodies and extensions that must not get through as they are.

use std::time::Duration;

use super::{Needs, Scenario};
use crate::lab::platform::audio::{hears_something, until};
use crate::lab::platform::leg::{Invitation, Offer, STEP};
use crate::lab::platform::manner::{Line, dressed};
use crate::lab::platform::stage::{Stage, pause};
use crate::lab::platform::text::user_of;
use crate::lab::platform::wire::From;
use crate::lab::sdp::Direction;
use crate::scenario;

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("inbound", "three forks: 180, 180, 183 of the second, 200 of the third", Needs::Carrier, inbound),
    scenario!("identity-carrier", "P-Asserted-Identity that differs from From", Needs::Carrier, identity),
    scenario!("anonymous-carrier", "a caller who hides", Needs::Carrier, anonymous),
    scenario!("multipart-carrier", "a multipart body with ISUP", Needs::Carrier, multipart),
    scenario!("reliable-carrier", "a caller that requires 100rel", Needs::Carrier, reliable),
    scenario!("late-offer", "an INVITE without an offer", Needs::Carrier, late_offer),
    scenario!("methods-carrier", "INFO, UPDATE and REFER of the carrier inside a call", Needs::Carrier, methods),
];

async fn inbound(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.ring_platform(Vec::new()).await?;
    let invite = pair.platform.invite_text().ok_or("no INVITE")?;
    pair.platform.respond(180, Some("fork-a"), Vec::new()).await?;
    pair.platform.respond(180, Some("fork-b"), Vec::new()).await?;
    // Where the SBC makes a ringing tone, the carrier hears 183 instead.
    pair.carrier.wait("180 or 183", STEP, |text| matches!(text.status(), Some(180 | 183))).await?;
    // The second fork plays something before the third one answers.
    let (mut early, _) = stage.platform.shared().session().await?;
    early.take_offer(&invite.body)?;
    let described = dressed(&early.answer()?, stage.platform.manner().dress);
    pair.platform.respond_with(183, Some("fork-b"), Vec::new(), Some(described)).await?;
    early.endpoint().stream().set_sending(true);
    let early_media = hears_something("the carrier", &pair.carrier, Duration::from_secs(4)).await;
    early.endpoint().stream().set_sending(false);
    drop(early);
    let more: Vec<Line> = vec![("Require", "timer".to_owned()), ("Session-Expires", "1800;refresher=uac".to_owned())];
    let offers_timer = invite.lists("Supported", "timer");
    pair.platform.answer(Some("fork-c"), if offers_timer { more } else { Vec::new() }).await?;
    pair.carrier.wait_answer().await?;
    stage.fact("MD-92", Ok(()));
    // Carriers may be spared early media by policy (MD-111): then nothing was described to them.
    match pair.carrier.has(|text| text.status() == Some(183) && text.has_sdp()) {
        true => stage.fact("MD-114", early_media),
        false => drop(early_media),
    }
    let began = until(Duration::from_secs(3), || pair.platform.endpoint().report().received > 0).await;
    stage.holds("MD-193", began, || "no packet in 3 s after the answer".to_owned());
    let talked = pair.talk().await;
    stage.fact("MD-110", talked.clone());
    talked?;
    let reports = until(Duration::from_secs(7), || pair.platform.endpoint().report().reports_received > 0).await;
    stage.holds("MD-181", reports, || "no SRTCP sender report in 7 s".to_owned());
    pair.end().await
}

async fn identity(stage: &Stage) -> Result<(), String> {
    let asserted = "+4930555000111";
    let host = &stage.carrier()?.manner().host;
    let more: Vec<Line> = vec![("P-Asserted-Identity", format!("<sip:{asserted}@{host}>"))];
    let mut pair = stage.ring_platform(more).await?;
    let invite = pair.platform.invite_text().ok_or("no INVITE")?;
    let shown = user_of(&invite.address("From")).to_owned();
    stage.holds("MD-86", shown == asserted, || format!("{}, asserted: {asserted}", invite.line("From")));
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    pair.end().await
}

async fn anonymous(stage: &Stage) -> Result<(), String> {
    let hidden = "+4930555000222";
    let host = stage.carrier()?.manner().host.clone();
    let more: Vec<Line> = vec![("P-Asserted-Identity", format!("<sip:{hidden}@{host}>")), ("Privacy", "id".to_owned())];
    let from = Some("\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned());
    let (called, caller) = (stage.wish.platform.clone(), stage.wish.carrier.clone());
    let wish = Invitation { more, from, ..Invitation::new(&called, &caller) };
    let mut pair = stage.ring_platform_with(wish).await?;
    let invite = pair.platform.invite_text().ok_or("no INVITE")?;
    let digits = hidden.trim_start_matches('+');
    let leaks = ["From", "Contact", "To"].into_iter().find(|name| invite.value(name).contains(digits));
    stage.fact("MD-87", leaks.map_or(Ok(()), |name| Err(invite.line(name))));
    let shows_who = invite.values("P-Asserted-Identity").any(|value| value.contains(digits));
    stage.holds("MD-87", !shows_who || invite.field("Privacy").is_some(), || invite.line("P-Asserted-Identity"));
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    pair.end().await
}

/// A description and what gateways of the telephone network send beside it.
pub(super) fn with_isup(sdp: &str) -> (String, String) {
    let body = format!(
        "--b1\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--b1\r\nContent-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n01001\r\n--b1--\r\n"
    );
    ("multipart/mixed;boundary=b1".to_owned(), body)
}

async fn multipart(stage: &Stage) -> Result<(), String> {
    let (called, caller) = (stage.wish.platform.clone(), stage.wish.carrier.clone());
    let wish = Invitation { offer: Offer::Wrapped(with_isup), ..Invitation::new(&called, &caller) };
    let rung = stage.ring_platform_with(wish).await;
    stage.fact("MD-78", rung.as_ref().map(drop).map_err(|words| format!("a multipart INVITE of the carrier: {words}")));
    let mut pair = rung?;
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    pair.talk().await?;
    pair.end().await
}

async fn reliable(stage: &Stage) -> Result<(), String> {
    let more: Vec<Line> = vec![("Require", "100rel".to_owned()), ("Supported", "100rel".to_owned())];
    let mut expected = stage.platform.expect_number(&stage.wish.platform);
    let (called, caller) = (stage.wish.platform.clone(), stage.wish.carrier.clone());
    let wish = Invitation { more, ..Invitation::new(&called, &caller) };
    let mut carrier = crate::lab::platform::leg::Leg::dial(stage.carrier()?, wish).await?;
    let Ok(mut platform) = expected.next(STEP).await else {
        let answer = carrier.wait_final("INVITE").await?;
        stage.fact("PF-142", Err(format!("a caller that requires 100rel got {}", answer.text.start)));
        return Err(format!("the SBC answers the carrier {}", answer.text.start));
    };
    platform.respond(180, None, Vec::new()).await?;
    let ringing = carrier.wait("180 or 183", STEP, |text| matches!(text.status(), Some(180 | 183))).await?;
    let number = ringing.text.value("RSeq").to_owned();
    stage.holds("PF-142", !number.is_empty(), || format!("{} without RSeq", ringing.text.start));
    if !number.is_empty() {
        carrier
            .request(
                "PRACK",
                vec![("RAck", format!("{number} {}", ringing.text.value("CSeq")))],
                None,
                From::AnyAddress,
            )
            .await?;
        carrier.wait_final("PRACK").await?;
    }
    platform.answer(None, Vec::new()).await?;
    carrier.wait_answer().await?;
    let mut pair = crate::lab::platform::stage::Pair { platform, carrier };
    pair.end().await
}

async fn late_offer(stage: &Stage) -> Result<(), String> {
    let (called, caller) = (stage.wish.platform.clone(), stage.wish.carrier.clone());
    let wish = Invitation { offer: Offer::None, ..Invitation::new(&called, &caller) };
    let mut pair = stage.ring_platform_with(wish).await?;
    pair.platform.respond(180, None, Vec::new()).await?;
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    pause(200).await;
    let talked = pair.talk().await;
    stage.fact("PF-144", talked.clone());
    talked?;
    pair.end().await
}

async fn methods(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    let info = Some(("application/dtmf-relay".to_owned(), "Signal=5\r\nDuration=160\r\n".to_owned()));
    pair.carrier.request("INFO", Vec::new(), info, From::AnyAddress).await?;
    pair.carrier.wait_final("INFO").await?;
    let contact = vec![("Contact", format!("<sip:lab@{}>", stage.carrier()?.manner().address))];
    pair.carrier.request("UPDATE", contact.clone(), None, From::AnyAddress).await?;
    pair.carrier.wait_final("UPDATE").await?;
    let mut refer = contact;
    refer.push(("Refer-To", format!("<sip:+4930555000333@{}>", stage.carrier()?.manner().address)));
    pair.carrier.request("REFER", refer, None, From::AnyAddress).await?;
    let answer = pair.carrier.wait_final("REFER").await?;
    let at_platform = pair.platform.has(|text| text.asks("REFER"));
    stage.holds("MD-155", !at_platform, || format!("REFER at the platform; the carrier got {}", answer.text.start));
    pair.carrier.reoffer(Direction::SendReceive).await?;
    pair.carrier.wait_answer().await?;
    pair.talk().await?;
    pair.end().await
}
