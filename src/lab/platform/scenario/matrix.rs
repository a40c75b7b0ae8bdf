//! The transfer matrix: blind or consultative, by REFER or by the platform itself, to a user or to a number at the carrier,
//! the transferor leaving early, late, or the transfer failing. Each ends with audio between those who should hear each
//! other.

use super::transfers::{Referral, notified, refer};
use super::{Needs, Scenario};
use crate::lab::platform::audio::both_hear;
use crate::lab::platform::leg::Leg;
use crate::lab::platform::stage::{Pair, Stage, normal_clearing, pause};
use crate::lab::sdp::Direction;
use crate::scenario;

/// Whether the transferor spoke with the new party before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Blind,
    Consultative,
}

/// Who joins the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The SBC is asked to call (MD-139).
    Refer,
    /// The platform keeps the dialog and moves its media (MD-154).
    Itself,
}

/// Where the new party is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    User,
    /// A number that the platform calls through the SBC (MD-153).
    Number,
}

/// What becomes of the transferor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    LeavesEarly,
    LeavesLate,
    Fails,
}

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("matrix-blind-refer", "blind, REFER: 2 targets x early, late, fails", Needs::Carrier, blind_refer),
    scenario!("matrix-blind-itself", "blind, no REFER: 2 targets x early, late, fails", Needs::Carrier, blind_itself),
    scenario!(
        "matrix-consulted-refer",
        "consultative, REFER: 2 targets x early, late, fails",
        Needs::Carrier,
        consulted_refer
    ),
    scenario!(
        "matrix-consulted-itself",
        "consultative, no REFER: 2 targets x early, late, fails",
        Needs::Carrier,
        consulted_itself
    ),
];

async fn blind_refer(stage: &Stage) -> Result<(), String> {
    all(stage, Kind::Blind, Way::Refer).await
}

async fn blind_itself(stage: &Stage) -> Result<(), String> {
    all(stage, Kind::Blind, Way::Itself).await
}

async fn consulted_refer(stage: &Stage) -> Result<(), String> {
    all(stage, Kind::Consultative, Way::Refer).await
}

async fn consulted_itself(stage: &Stage) -> Result<(), String> {
    all(stage, Kind::Consultative, Way::Itself).await
}

/// The six cases of one kind and way; each is judged, whatever became of the one before.
async fn all(stage: &Stage, kind: Kind, way: Way) -> Result<(), String> {
    let mut failed = Vec::new();
    for target in [Target::User, Target::Number] {
        for outcome in [Outcome::LeavesEarly, Outcome::LeavesLate, Outcome::Fails] {
            let played = match way {
                Way::Refer => by_refer(stage, kind, target, outcome).await,
                Way::Itself => by_itself(stage, kind, target, outcome).await,
            };
            let played = played.map_err(|words| format!("{kind:?} {way:?} {target:?} {outcome:?}: {words}"));
            stage.fact(number_of(way, target, outcome), played.clone());
            failed.extend(played.err());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

const fn number_of(way: Way, target: Target, outcome: Outcome) -> &'static str {
    match (way, target, outcome) {
        (Way::Itself, _, _) => "MD-154",
        (Way::Refer, _, Outcome::Fails) => "MD-148",
        (Way::Refer, Target::Number, Outcome::LeavesEarly | Outcome::LeavesLate) => "MD-153",
        (Way::Refer, Target::User, Outcome::LeavesEarly | Outcome::LeavesLate) => "MD-140",
    }
}

/// The platform's own call to the number, made before or during the transfer, and answered by the carrier.
async fn second_call(stage: &Stage, target: Target) -> Result<Option<Pair>, String> {
    match target {
        Target::User => Ok(None),
        Target::Number => stage.outbound().await.map(Some),
    }
}

async fn by_refer(stage: &Stage, kind: Kind, target: Target, outcome: Outcome) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    let mut consulted = None;
    if kind == Kind::Consultative {
        // The first call waits while the two speak.
        pair.platform.reoffer(Direction::Inactive).await?;
        pair.platform.wait_answer().await?;
        consulted = second_call(stage, target).await?;
    }
    let referral = referral(stage, kind, target);
    let mut party = refer(stage, &mut pair, &referral).await?;
    if outcome == Outcome::Fails {
        party.respond(486, None, Vec::new()).await?;
        notified(&mut pair, 486).await?;
        resume(&mut pair, kind).await?;
        pair.talk().await?;
        end_second(consulted).await?;
        return pair.end().await;
    }
    if outcome == Outcome::LeavesEarly {
        pair.platform.bye(normal_clearing()).await?;
    }
    if kind == Kind::Blind {
        party.respond(180, None, Vec::new()).await?;
        consulted = second_call(stage, target).await?;
    }
    party.answer(None, Vec::new()).await?;
    if outcome == Outcome::LeavesLate {
        notified(&mut pair, 200).await?;
        pair.platform.bye(normal_clearing()).await?;
    }
    pause(200).await;
    joined(party, pair.carrier, consulted).await
}

fn referral(stage: &Stage, kind: Kind, target: Target) -> Referral {
    let mut referral = match target {
        Target::User => Referral::to_user(stage),
        Target::Number => Referral::to_number(stage, &stage.wish.carrier),
    };
    if kind == Kind::Consultative {
        referral.replace_something();
    }
    referral
}

/// The transferred party hears the new one; the platform's second call, where there is one, is heard as well.
async fn joined(party: Leg, carrier: Leg, second: Option<Pair>) -> Result<(), String> {
    both_hear(("the new party", &party), ("the carrier", &carrier)).await?;
    if let Some(second) = &second {
        second.talk().await.map_err(|words| format!("second call: {words}"))?;
    }
    let mut after = Pair { platform: party, carrier };
    after.end().await?;
    end_second(second).await
}

async fn end_second(second: Option<Pair>) -> Result<(), String> {
    match second {
        Some(mut second) => second.end().await,
        None => Ok(()),
    }
}

/// Back from hold, where the call waited.
async fn resume(pair: &mut Pair, kind: Kind) -> Result<(), String> {
    if kind == Kind::Consultative {
        pair.platform.reoffer(Direction::SendReceive).await?;
        pair.platform.wait_answer().await?;
        pause(200).await;
    }
    Ok(())
}

async fn by_itself(stage: &Stage, kind: Kind, target: Target, outcome: Outcome) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    if kind == Kind::Consultative || outcome == Outcome::Fails {
        pair.platform.reoffer(Direction::Inactive).await?;
        pair.platform.wait_answer().await?;
    }
    if outcome == Outcome::Fails {
        refused_second(stage, target).await?;
        resume(&mut pair, Kind::Consultative).await?;
        pair.talk().await?;
        return pair.end().await;
    }
    // Who leaves early lets the media move before the new party has answered, who leaves late after it.
    let mut second = None;
    if outcome == Outcome::LeavesLate {
        second = second_call(stage, target).await?;
    }
    pair.platform.relocate().await?;
    pair.platform.wait_answer().await?;
    if outcome == Outcome::LeavesEarly {
        second = second_call(stage, target).await?;
    }
    pause(200).await;
    joined(pair.platform, pair.carrier, second).await
}

/// The platform's second call fails: the carrier is busy.
async fn refused_second(stage: &Stage, target: Target) -> Result<(), String> {
    if target == Target::Number {
        let mut second = stage.ring_carrier(Vec::new()).await?;
        second.carrier.respond(486, None, Vec::new()).await?;
        second.platform.wait_final("INVITE").await?;
    }
    Ok(())
}
