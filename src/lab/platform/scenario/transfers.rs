//! Transfers as Microsoft does them: REFER on another connection with parameters of a kilobyte, to a user or a number,
//! blind or consultative, and the new party joined by Replaces.

use std::time::Duration;

use super::{Needs, Scenario};
use crate::lab::platform::audio::{both_hear, hears_something};
use crate::lab::platform::checks::dialog::tag_of;
use crate::lab::platform::leg::{Invitation, Leg, STEP};
use crate::lab::platform::manner::{Line, guid, hex};
use crate::lab::platform::stage::{Pair, Stage, normal_clearing, pause};
use crate::lab::platform::station::{Expectation, Welcome};
use crate::lab::platform::text::{Text, user_of};
use crate::lab::platform::wire::From;
use crate::scenario;

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("transfer-blind", "REFER to a user: ringing tone, answer, audio", Needs::Carrier, blind),
    scenario!("transfer-early", "the transferor leaves with the 202", Needs::Carrier, leaves_early),
    scenario!("transfer-fails", "the new party is busy: the old call lives", Needs::Carrier, fails),
    scenario!("transfer-consultative", "REFER with Replaces inside Refer-To", Needs::Carrier, consultative),
    scenario!(
        "transfer-number",
        "REFER to a number: back to the platform, which calls the carrier",
        Needs::Carrier,
        to_number
    ),
    scenario!("transfer-unknown", "a REFER to what cannot be called", Needs::Carrier, unknown),
    scenario!("replaces", "INVITE with Replaces: a second party takes the call over", Needs::Carrier, replaces),
];

/// What a REFER names.
pub(super) struct Referral {
    /// Refer-To without brackets.
    target: String,
    by: String,
}

impl Referral {
    /// To a Teams user: no user part, parameters that are case-sensitive (MD-140, MD-141).
    pub(super) fn to_user(stage: &Stage) -> Referral {
        let host = &stage.platform.manner().host;
        Referral {
            target: format!("sip:{host}:5061;transport=tls;x-m=8:orgid:{};x-t={}", guid(), guid()),
            by: referred_by(host),
        }
    }

    pub(super) fn to_number(stage: &Stage, number: &str) -> Referral {
        let host = &stage.platform.manner().host;
        Referral { target: format!("sip:{number}@{host}:5061;transport=tls;x-t={}", guid()), by: referred_by(host) }
    }

    /// A dialog of the platform's own inside Refer-To (MD-143).
    pub(super) fn replace_something(&mut self) {
        let replaced = format!("{}%3Bto-tag%3D{}%3Bfrom-tag%3D{}", hex::<16>(), hex::<8>(), hex::<8>());
        self.target = format!("{}?Replaces={replaced}", self.target);
    }

    fn lines(&self) -> Vec<Line> {
        vec![("Refer-To", format!("<{}>", self.target)), ("Referred-By", self.by.clone())]
    }

    /// Claims the INVITE that this referral leads to: to a user by the GUIDs, to a number by number and host.
    fn expected(&self, stage: &Stage) -> Expectation {
        let wanted = self.target.split('?').next().unwrap_or_default().to_ascii_lowercase();
        let user = user_of(&wanted).to_owned();
        let mark = wanted.split("x-m=").nth(1).or(wanted.split("x-t=").nth(1)).unwrap_or(&wanted).to_owned();
        stage.platform.expect(Welcome::Trying, move |text: &Text| {
            let uri = text.uri().to_ascii_lowercase();
            uri.contains(&mark) || (!user.is_empty() && user_of(&uri) == user) || text.field("Referred-By").is_some()
        })
    }
}

/// About 1.1 kB, with an escaped end (MD-141, MD-142).
fn referred_by(host: &str) -> String {
    let token = crate::lab::base64::encode(
        format!("https://api-du-a-euwe.pstnhub.microsoft.com/v1/ngc/callnotification?dci={}", hex::<300>()).as_bytes(),
    );
    let token = token.replace('=', "%3D");
    format!("<sip:{host}:5061;x-m=8:orgid:{};x-t={};x-ti={};x-tt={token}>", guid(), guid(), guid())
}

/// REFER of the platform; gives the leg of the new party when it is called.
pub(super) async fn refer(stage: &Stage, pair: &mut Pair, referral: &Referral) -> Result<Leg, String> {
    let mut expected = referral.expected(stage);
    let mut lines = referral.lines();
    lines.push(pair.platform.contact_line());
    pair.platform.request("REFER", lines, None, From::Address(stage.addresses)).await?;
    let answer = pair.platform.wait_final("REFER").await?;
    if answer.text.status() != Some(202) {
        return Err(format!("REFER was answered {}", answer.text.start));
    }
    expected.next(STEP).await
}

/// Waits for the NOTIFY whose fragment begins with this status.
pub(super) async fn notified(pair: &mut Pair, status: u16) -> Result<(), String> {
    let start = format!("SIP/2.0 {status}");
    let fits = move |text: &Text| text.asks("NOTIFY") && String::from_utf8_lossy(&text.body).starts_with(&start);
    pair.platform.wait(&format!("NOTIFY {status}"), STEP, fits).await.map(drop)
}

async fn new_party_hears(stage: &Stage, number: &'static str, party: &Leg, pair: &Pair) -> Result<(), String> {
    let heard = both_hear(("the new party", party), ("the carrier", &pair.carrier)).await;
    stage.fact(number, heard.clone());
    heard
}

async fn blind(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    let referral = Referral::to_user(stage);
    let mut party = refer(stage, &mut pair, &referral).await?;
    let tenant = referral.target.split("x-t=").nth(1).unwrap_or_default().to_owned();
    let called = party.invite_text().ok_or("no INVITE")?;
    stage.holds("MD-216", called.uri().contains(&tenant), || called.start.clone());
    party.respond(180, None, Vec::new()).await?;
    pair.platform.endpoint().stream().set_sending(false);
    pause(300).await;
    let ringing = hears_something("the transferred party", &pair.carrier, Duration::from_secs(3)).await;
    stage.fact("MD-149", ringing);
    party.answer(None, Vec::new()).await?;
    notified(&mut pair, 200).await?;
    // MD-147: the BYE is ours to send; the SBC gets the time to break that rule.
    pause(800).await;
    pair.platform.bye(normal_clearing()).await?;
    new_party_hears(stage, "MD-140", &party, &pair).await?;
    let mut after = Pair { platform: party, carrier: pair.carrier };
    after.end().await
}

async fn leaves_early(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    let referral = Referral::to_user(stage);
    let mut party = refer(stage, &mut pair, &referral).await?;
    pair.platform.bye(normal_clearing()).await?;
    party.respond(180, None, Vec::new()).await?;
    party.answer(None, Vec::new()).await?;
    pause(200).await;
    new_party_hears(stage, "MD-140", &party, &pair).await?;
    let mut after = Pair { platform: party, carrier: pair.carrier };
    after.end().await
}

async fn fails(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    let referral = Referral::to_user(stage);
    let party = refer(stage, &mut pair, &referral).await?;
    party.respond(486, None, Vec::new()).await?;
    notified(&mut pair, 486).await?;
    let lives = pair.talk().await;
    stage.fact("MD-148", lives);
    pair.end().await
}

async fn consultative(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    let mut referral = Referral::to_user(stage);
    referral.replace_something();
    let mut party = refer(stage, &mut pair, &referral).await?;
    // The consulted party is on the phone already: it answers without ringing.
    party.answer(None, Vec::new()).await?;
    notified(&mut pair, 200).await?;
    pair.platform.bye(normal_clearing()).await?;
    new_party_hears(stage, "MD-143", &party, &pair).await?;
    let mut after = Pair { platform: party, carrier: pair.carrier };
    after.end().await
}

async fn to_number(stage: &Stage) -> Result<(), String> {
    let number = stage.wish.carrier.clone();
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    let referral = Referral::to_number(stage, &number);
    let mut party = refer(stage, &mut pair, &referral).await?;
    // MD-153: the platform makes a new call of its own to the number; its processors join the two.
    let mut second = stage.ring_carrier(Vec::new()).await?;
    second.carrier.answer(None, Vec::new()).await?;
    second.platform.wait_answer().await?;
    party.answer(None, Vec::new()).await?;
    notified(&mut pair, 200).await?;
    pair.platform.bye(normal_clearing()).await?;
    let first_half = both_hear(("the platform", &party), ("the carrier", &pair.carrier)).await;
    let second_half = second.talk().await;
    stage.fact("MD-153", first_half.and(second_half));
    let mut after = Pair { platform: party, carrier: pair.carrier };
    after.end().await?;
    second.end().await
}

async fn unknown(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.platform
        .request(
            "REFER",
            vec![("Refer-To", "<urn:service:nowhere>".to_owned()), pair.platform.contact_line()],
            None,
            From::AnyAddress,
        )
        .await?;
    let answer = pair.platform.wait_final("REFER").await?;
    let refused = answer.text.status().is_some_and(|status| status >= 400);
    if !refused {
        // Accepted and then reported as failed is as good (RFC 3515 2.4.5).
        pair.platform
            .wait("a last NOTIFY", STEP, |text| {
                text.asks("NOTIFY") && text.value("Subscription-State").starts_with("terminated")
            })
            .await?;
    }
    stage.fact("MD-152", Ok(()));
    stage.fact("MD-148", pair.talk().await);
    pair.end().await
}

async fn replaces(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    let (local, remote) = pair.platform.ends();
    // RFC 3891 3: to-tag is the SBC's own tag of the dialog that is replaced.
    let value = format!("{};to-tag={};from-tag={}", pair.platform.call_id(), tag_of(&remote), tag_of(&local));
    let more: Vec<Line> = vec![("Replaces", value), ("Require", "replaces".to_owned())];
    let wish = Invitation { more, ..Invitation::new(&stage.wish.carrier, &stage.wish.platform) };
    let mut party = Leg::dial(&stage.platform, wish).await?;
    let joined = async {
        party.wait_answer().await?;
        pair.platform.wait_request("BYE").await?;
        both_hear(("the new party", &party), ("the carrier", &pair.carrier)).await
    };
    let joined = joined.await;
    stage.fact("MD-76", joined.clone());
    if joined.is_err() {
        pair.platform.drop_call().await;
        return joined;
    }
    let mut after = Pair { platform: party, carrier: pair.carrier };
    after.end().await
}
