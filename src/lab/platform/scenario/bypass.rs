//! Media bypass: clients of the platform with full ICE meet the SBC's lite agent (MD-195 to MD-202).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

use super::{Needs, Scenario};
use crate::lab::endpoint::Endpoint;
use crate::lab::ice::{Ice, IceReport, Progress};
use crate::lab::platform::audio::until;
use crate::lab::platform::checks::bypass::ice_lines;
use crate::lab::platform::leg::{Invitation, Leg, Offer, STEP};
use crate::lab::platform::stage::{Pair, Stage, pause};
use crate::lab::platform::text::Text;
use crate::lab::sdp::{Description, Direction};
use crate::lab::stun::Check;
use crate::scenario;

/// For checks and nomination.
const SETTLING: Duration = Duration::from_secs(4);
/// A client's silence while it decides.
const SILENCE: u64 = 300;

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!(
        "bypass-inbound",
        "checked and nominated before the answer; the re-INVITE after it",
        Needs::Carrier,
        inbound
    ),
    scenario!("bypass-outbound", "183 and 200 alike; nominated long after the answer", Needs::Carrier, outbound),
    scenario!("bypass-forks", "two clients check the same port at once", Needs::Carrier, forks),
    scenario!("bypass-restart", "new credentials inside a call", Needs::Carrier, restart),
    scenario!("bypass-without", "clients that know no ICE, calling and called", Needs::Carrier, without),
    scenario!("bypass-forged", "checks without the password, and octets that are none", Needs::Carrier, forged),
];

fn progress(endpoint: &Endpoint) -> Option<Progress> {
    endpoint.stream().ice().map(|agent| agent.progress())
}

fn report(endpoint: &Endpoint) -> IceReport {
    endpoint.stream().ice().map(|agent| agent.report()).unwrap_or_default()
}

async fn reaches(endpoint: &Endpoint, wanted: Progress) -> Result<(), String> {
    let reached = until(SETTLING, || progress(endpoint).is_some_and(|progress| progress >= wanted)).await;
    let seen = report(endpoint);
    let words = || {
        format!(
            "{wanted:?} was not reached: {} checks sent, {} answered, {} unproved",
            seen.sent, seen.answered, seen.unproved
        )
    };
    if reached { Ok(()) } else { Err(words()) }
}

/// What every call with checks shows at its end.
fn judge_agent(stage: &Stage, leg: &Leg) {
    let seen = report(leg.endpoint());
    stage.holds("MD-196", seen.asked == 0, || format!("{} checks of the SBC came", seen.asked));
    stage.holds("MD-196", seen.answered > 0 && seen.unproved == 0, || {
        format!("{} of {} checks were answered, {} without proof", seen.answered, seen.sent, seen.unproved)
    });
}

async fn inbound(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.ring_platform(Vec::new()).await?;
    let offered = pair.platform.invite_text().ok_or("no INVITE")?;
    pair.platform.progress().await?;
    let early = reaches(pair.platform.endpoint(), Progress::Nominated).await;
    stage.fact("MD-197", early.clone());
    early?;
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    let before = report(pair.platform.endpoint()).elsewhere;
    let heard = pair.talk().await;
    let elsewhere = report(pair.platform.endpoint()).elsewhere - before;
    stage.fact("MD-199", heard);
    stage.holds("MD-199", elsewhere == 0, || format!("{elsewhere} packets went to a place that was not nominated"));
    pair.platform.reoffer(Direction::SendReceive).await?;
    let answer = pair.platform.wait_answer().await?;
    stage.fact("MD-198", same_ice(&offered, &answer.text));
    stage.fact("MD-198", pair.talk().await);
    judge_agent(stage, &pair.platform);
    pair.end().await
}

/// The same credentials and candidate.
fn same_ice(before: &Text, now: &Text) -> Result<(), String> {
    let (known, told) = (ice_lines(&before.sdp()), ice_lines(&now.sdp()));
    match told.iter().find(|line| !known.contains(line)) {
        _ if told.is_empty() => Err("(no ICE lines)".to_owned()),
        Some(line) => Err(line.clone()),
        None => Ok(()),
    }
}

async fn outbound(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.ring_carrier(Vec::new()).await?;
    let decides = |decided: bool, leg: &Leg| {
        leg.endpoint().stream().ice().into_iter().for_each(|agent| agent.set_nominating(decided));
    };
    decides(false, &pair.platform);
    pair.carrier.progress().await?;
    pair.platform.wait("183 with media", STEP, |text| text.status() == Some(183) && text.has_sdp()).await?;
    reaches(pair.platform.endpoint(), Progress::Checked).await?;
    pair.carrier.answer(None, Vec::new()).await?;
    pair.platform.wait_answer().await?;
    stage.fact("MD-199", pair.talk().await);
    decides(true, &pair.platform);
    stage.fact("MD-197", reaches(pair.platform.endpoint(), Progress::Nominated).await);
    stage.fact("MD-199", pair.talk().await);
    judge_agent(stage, &pair.platform);
    pair.end().await
}

async fn forks(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.ring_platform(Vec::new()).await?;
    let (other, described) = pair.platform.second_client().await?;
    let contact = pair.platform.contact_line();
    pair.platform.respond_with(183, Some("client-b"), vec![contact], Some(described)).await?;
    pair.platform.progress().await?;
    let (one, two) = tokio::join!(
        reaches(pair.platform.endpoint(), Progress::Nominated),
        reaches(other.endpoint(), Progress::Nominated)
    );
    stage.fact("MD-197", one);
    stage.fact("MD-197", two);
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    let heard = pair.talk().await;
    stage.fact("MD-197", heard.clone());
    heard?;
    pair.end().await
}

async fn restart(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.outbound().await?;
    pair.talk().await?;
    reaches(pair.platform.endpoint(), Progress::Nominated).await?;
    pair.platform.reoffer(Direction::SendReceive).await?;
    let first = pair.platform.wait_answer().await?.text;
    pair.platform.restart_ice();
    pair.platform.reoffer(Direction::SendReceive).await?;
    let second = pair.platform.wait_answer().await?.text;
    let line =
        |text: &Text, start: &str| text.sdp().into_iter().find(|line| line.starts_with(start)).unwrap_or_default();
    for start in ["a=ice-ufrag:", "a=ice-pwd:"] {
        let (known, told) = (line(&first, start), line(&second, start));
        stage.holds("MD-201", known != told && !told.is_empty(), || format!("{told} after a restart, before: {known}"));
    }
    stage.fact("MD-201", pair.talk().await);
    stage.fact("MD-201", reaches(pair.platform.endpoint(), Progress::Nominated).await);
    pair.platform.reoffer(Direction::SendReceive).await?;
    let third = pair.platform.wait_answer().await?.text;
    stage.fact("MD-201", same_ice(&second, &third));
    stage.fact("MD-201", pair.talk().await);
    pair.end().await
}

async fn without(stage: &Stage) -> Result<(), String> {
    let calling = async {
        let wish = Invitation { offer: Offer::Unchecked, ..Invitation::new(&stage.wish.carrier, &stage.wish.platform) };
        let mut pair = stage.ring_carrier_with(wish).await?;
        pair.carrier.answer(None, Vec::new()).await?;
        pair.platform.wait_answer().await?;
        pair.talk().await?;
        pair.end().await
    };
    stage.fact("MD-202", calling.await);
    let called = async {
        let mut pair = stage.ring_platform(Vec::new()).await?;
        pair.platform.leave_ice();
        pair.platform.answer(None, Vec::new()).await?;
        pair.carrier.wait_answer().await?;
        pair.talk().await?;
        pair.end().await
    };
    stage.fact("MD-202", called.await);
    Ok(())
}

async fn forged(stage: &Stage) -> Result<(), String> {
    let mut pair: Pair = stage.inbound().await?;
    let invite = pair.platform.invite_text().ok_or("no INVITE")?;
    let described = Description::read(&invite.body)?;
    let ice = described.ice.ok_or("no ICE in the offer")?;
    let near = SocketAddr::new(pair.platform.endpoint().rtp().ip(), 0);
    let socket = UdpSocket::bind(near).await.map_err(|error| error.to_string())?;
    for octets in forgeries(&ice) {
        socket.send_to(&octets, described.rtp).await.map_err(|error| error.to_string())?;
    }
    pause(SILENCE).await;
    let answered = socket.try_recv(&mut [0; 512]).is_ok();
    stage.holds("MD-196", !answered, || "an answer to a check without the password, or to none".to_owned());
    stage.fact("MD-196", pair.talk().await);
    pair.end().await
}

/// A wrong password, a foreign name, a message cut short, and a length that does not fit.
fn forgeries(ice: &Ice) -> Vec<Vec<u8>> {
    let known = format!("{}:forged", ice.credentials.ufrag);
    let check = |username: &str, password: &str| {
        let transaction = crate::lab::endpoint::random();
        Check { transaction, username, password, priority: 1, tie_breaker: 1, nominates: true }.write()
    };
    let good = check(&known, &ice.credentials.password);
    let cut = good.get(..good.len() - 8).unwrap_or_default().to_vec();
    let mut long = good;
    if let Some(length) = long.get_mut(3) {
        *length = length.wrapping_add(4);
    }
    vec![check(&known, "not-the-password"), check("nobody:forged", &ice.credentials.password), cut, long]
}
