//! What the demo plays: two long calls, one refused, one cancelled, OPTIONS both ways.

use std::sync::Arc;
use std::time::Duration;

use super::outcome::{CallOutcome, LegOutcome};
use super::stage::{CARRIER_AGENT, PLATFORM_AGENT, Stage};
use crate::lab::agent::Agent;
use crate::lab::call::{Call, CallEvent, Command};
use crate::lab::endpoint::Endpoint;
use crate::lab::message::{Incoming, Kind};
use crate::lab::rtp::event_of_key;
use crate::lab::sdp::Direction;
use crate::lab::signal::{Side, Signal};
use crate::lab::stream::Signals;

/// For one signalling step; above the 500 ms of a first repetition many times over.
const STEP: Duration = Duration::from_secs(8);
/// Between ringing and answering.
const RING_TIME: Duration = Duration::from_millis(600);
/// For packets under way when something changes.
const SETTLE: Duration = Duration::from_millis(400);
/// Listening time on hold and before the answer.
const LISTEN: Duration = Duration::from_millis(1_000);
/// For the last steady packets to arrive.
const ARRIVAL: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(20);

/// Who dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialler {
    Platform,
    Carrier,
}

/// How the called end announces itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// 180.
    Ringing,
    /// 183 with SDP, listened to; then 180.
    EarlyMedia,
}

/// One long call.
#[derive(Clone, Copy, Debug)]
pub struct LongCall {
    pub name: &'static str,
    pub dialler: Dialler,
    pub called: &'static str,
    pub calling: &'static str,
    /// Tells the signals of calls apart.
    pub number: u64,
    pub announcement: Announcement,
    pub holder: Side,
    /// The holder's offer.
    pub hold: Direction,
    /// Pressed by the caller.
    pub key: char,
    pub hangs_up: Side,
}

/// Call a.
pub const FROM_PLATFORM: LongCall = LongCall {
    name: "a",
    dialler: Dialler::Platform,
    called: "+49301234567",
    calling: "+494076543210",
    number: 1,
    announcement: Announcement::Ringing,
    holder: Side::Caller,
    hold: Direction::SendOnly,
    key: '5',
    hangs_up: Side::Caller,
};

/// Call b.
pub const FROM_CARRIER: LongCall = LongCall {
    name: "b",
    dialler: Dialler::Carrier,
    called: "+494076543210",
    calling: "+49301234567",
    number: 2,
    announcement: Announcement::EarlyMedia,
    holder: Side::Caller,
    hold: Direction::Inactive,
    key: '#',
    hangs_up: Side::Called,
};

const REFUSED_NUMBER: &str = "+49301234486";
const CANCELLED_NUMBER: &str = "+494076543487";

fn ends(stage: &Stage, dialler: Dialler) -> (&Agent, &Agent) {
    match dialler {
        Dialler::Platform => (&stage.platform, &stage.carrier),
        Dialler::Carrier => (&stage.carrier, &stage.platform),
    }
}

const fn names(dialler: Dialler) -> (&'static str, &'static str) {
    match dialler {
        Dialler::Platform => (PLATFORM_AGENT, CARRIER_AGENT),
        Dialler::Carrier => (CARRIER_AGENT, PLATFORM_AGENT),
    }
}

/// Both ends of a call that arrived.
struct Pair {
    name: &'static str,
    caller: Call,
    called: Call,
}

impl Pair {
    fn of(&mut self, side: Side) -> (&mut Call, &mut Call) {
        match side {
            Side::Caller => (&mut self.caller, &mut self.called),
            Side::Called => (&mut self.called, &mut self.caller),
        }
    }

    fn endpoints(&self) -> [&Arc<Endpoint>; 2] {
        [self.caller.endpoint(), self.called.endpoint()]
    }

    fn legs(&self, stage: &Stage, dialler: Dialler) -> [LegOutcome; 2] {
        let (caller, called) = names(dialler);
        [leg(stage, caller, &self.caller), leg(stage, called, &self.called)]
    }
}

fn leg(stage: &Stage, agent: &'static str, call: &Call) -> LegOutcome {
    let mut ladder = stage.ladder.of_call(call.call_id());
    ladder.retain(|entry| entry.agent == agent);
    LegOutcome { agent, call_id: call.call_id().to_owned(), ladder, report: call.endpoint().report() }
}

/// Dials and waits until the call arrives at the other end.
async fn dial(
    stage: &Stage,
    dialler: Dialler,
    called: &str,
    calling: &str,
    number: u64,
    name: &'static str,
) -> Result<Pair, CallOutcome> {
    let (from, to) = ends(stage, dialler);
    let signals = |own, far| Signals { own: Signal::new(number, own), far: Some(Signal::new(number, far)) };
    let expected = to.expect(called, signals(Side::Called, Side::Caller));
    let mut caller = match from.call(called, calling, signals(Side::Caller, Side::Called)).await {
        Ok(caller) => caller,
        Err(words) => return Err(CallOutcome::stillborn(Vec::new(), words)),
    };
    let words = tokio::select! {
        // The arrival first: nothing but 100 can come to the caller before it.
        biased;
        Ok(called) = expected => return Ok(Pair { name, caller, called }),
        words = caller.failure() => words,
        () = tokio::time::sleep(STEP) => format!("waited {} s", STEP.as_secs()),
    };
    let words = format!("call {name}: the INVITE never reached the {}; {words}", names(dialler).1);
    Err(CallOutcome::stillborn(vec![leg(stage, names(dialler).0, &caller)], words))
}

/// Plays one long call.
pub async fn long_call(stage: &Stage, plan: LongCall) -> CallOutcome {
    let (from, to) = names(plan.dialler);
    let title = format!("{}  {from} {} calls {to} {}", plan.name, plan.calling, plan.called);
    stage.say(&format!("call {title}"));
    let mut pair = match dial(stage, plan.dialler, plan.called, plan.calling, plan.number, plan.name).await {
        Ok(pair) => pair,
        Err(outcome) => return outcome.titled(title),
    };
    let played = play(stage, plan, &mut pair).await;
    let findings = match played {
        Ok(()) => Vec::new(),
        Err(words) => {
            stage.say(&format!("call {}: FAILED: {words}", plan.name));
            pair.caller.perform(Command::Bye).await;
            vec![words]
        }
    };
    let mut outcome = CallOutcome { title, legs: pair.legs(stage, plan.dialler).to_vec(), findings };
    outcome.check_long_call(plan, stage.talk);
    outcome
}

async fn play(stage: &Stage, plan: LongCall, pair: &mut Pair) -> Result<(), String> {
    announce(stage, plan.announcement, pair).await?;
    pair.called.perform(Command::Answer).await;
    pair.caller.wait(&CallEvent::Answered, STEP).await?;
    pair.called.wait(&CallEvent::Confirmed, STEP).await?;
    stage.say(&format!("call {}: answered", pair.name));
    tokio::time::sleep(SETTLE).await;
    talk(pair, stage.talk * 4 / 10).await?;
    hold(stage, plan, pair).await?;
    talk(pair, stage.talk * 3 / 10).await?;
    press(stage, plan.key, pair).await?;
    talk(pair, stage.talk * 3 / 10).await?;
    hang_up(stage, plan.hangs_up, pair).await
}

async fn announce(stage: &Stage, announcement: Announcement, pair: &mut Pair) -> Result<(), String> {
    match announcement {
        Announcement::Ringing => {}
        Announcement::EarlyMedia => {
            pair.called.perform(Command::Progress).await;
            pair.caller.wait(&CallEvent::EarlyMedia, STEP).await?;
            listen_early(pair).await?;
            stage.say(&format!("call {}: early media heard by the caller", pair.name));
        }
    }
    pair.called.perform(Command::Ring).await;
    pair.caller.wait(&CallEvent::Ringing, STEP).await?;
    stage.say(&format!("call {}: ringing", pair.name));
    tokio::time::sleep(RING_TIME).await;
    Ok(())
}

async fn listen_early(pair: &Pair) -> Result<(), String> {
    let heard = poll(ARRIVAL, || pair.caller.endpoint().report().good >= 10).await;
    heard.then_some(()).ok_or_else(|| format!("call {}: the caller heard no early media", pair.name))
}

/// Both sides speak, and every packet of this time must arrive.
async fn talk(pair: &Pair, time: Duration) -> Result<(), String> {
    let ticks = usize::try_from(time.as_millis() / 20).unwrap_or(usize::MAX);
    let targets = pair.endpoints().map(|end| end.report().steady.len().saturating_add(ticks));
    for end in pair.endpoints() {
        end.stream().set_steady(true);
    }
    // By ticks, not by the clock: a machine out of breath sends them later, and all the same.
    let spoken = || pair.endpoints().iter().zip(targets).all(|(end, target)| end.report().steady.len() >= target);
    let in_time = poll(time * 2 + ARRIVAL, spoken).await;
    for end in pair.endpoints() {
        end.stream().set_steady(false);
    }
    let [caller, called] = pair.endpoints();
    let whole = || {
        let (near, far) = (caller.report(), called.report());
        near.missing_from(&far) + far.missing_from(&near) == 0
    };
    // What is missing after this is for the verdict to count.
    poll(ARRIVAL, whole).await;
    in_time.then_some(()).ok_or_else(|| format!("call {}: an end does not send", pair.name))
}

async fn poll(limit: Duration, reached: impl Fn() -> bool) -> bool {
    let wait = async {
        while !reached() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(limit, wait).await.is_ok()
}

async fn hold(stage: &Stage, plan: LongCall, pair: &mut Pair) -> Result<(), String> {
    reoffer(plan.holder, plan.hold, pair).await?;
    stage.say(&format!("call {}: on hold", pair.name));
    tokio::time::sleep(SETTLE).await;
    listen_on_hold(plan, pair).await?;
    reoffer(plan.holder, Direction::SendReceive, pair).await?;
    stage.say(&format!("call {}: resumed", pair.name));
    tokio::time::sleep(SETTLE).await;
    Ok(())
}

async fn reoffer(side: Side, direction: Direction, pair: &mut Pair) -> Result<(), String> {
    let (holder, held) = pair.of(side);
    holder.perform(Command::Reoffer(direction)).await;
    held.wait(&CallEvent::Reoffered(direction), STEP).await?;
    holder.wait(&CallEvent::ReofferAnswered, STEP).await
}

async fn listen_on_hold(plan: LongCall, pair: &mut Pair) -> Result<(), String> {
    let name = pair.name;
    let (holder, held) = pair.of(plan.holder);
    let (silence, music) = (holder.endpoint().report().received, held.endpoint().report().good);
    tokio::time::sleep(LISTEN).await;
    if holder.endpoint().report().received != silence {
        return Err(format!("call {name}: the held side was still heard"));
    }
    let more = || held.endpoint().report().good - music;
    match plan.hold.sends() {
        true if !poll(ARRIVAL, || more() >= 20).await => Err(format!("call {name}: no music for the held side")),
        false if more() > 0 => Err(format!("call {name}: the held side heard an inactive stream")),
        true | false => Ok(()),
    }
}

async fn press(stage: &Stage, key: char, pair: &Pair) -> Result<(), String> {
    let event = event_of_key(key).ok_or("not a key")?;
    pair.caller.endpoint().stream().press(event);
    let arrived = || pair.called.endpoint().report().digits.iter().any(|digit| digit.key == key && digit.ends == 3);
    let whole = poll(ARRIVAL, || arrived() && !pair.caller.endpoint().stream().is_pressing()).await;
    stage.say(&format!("call {}: key {key} pressed", pair.name));
    whole.then_some(()).ok_or_else(|| format!("call {}: key {key} did not arrive with its three ends", pair.name))
}

async fn hang_up(stage: &Stage, side: Side, pair: &mut Pair) -> Result<(), String> {
    let name = pair.name;
    let (first, second) = pair.of(side);
    first.perform(Command::Bye).await;
    first.wait(&CallEvent::ByeAnswered, STEP).await?;
    second.wait(&CallEvent::Ended, STEP).await?;
    stage.say(&format!("call {name}: hung up"));
    Ok(())
}

/// Call c: busy.
pub async fn refused_call(stage: &Stage) -> CallOutcome {
    let title = format!("c  {PLATFORM_AGENT} calls {CARRIER_AGENT} {REFUSED_NUMBER}, who is busy");
    let dialled = dial(stage, Dialler::Platform, REFUSED_NUMBER, FROM_PLATFORM.calling, 3, "c").await;
    let mut pair = match dialled {
        Ok(pair) => pair,
        Err(outcome) => return outcome.titled(title),
    };
    pair.called.perform(Command::Reject(486)).await;
    let refused = pair.caller.wait(&CallEvent::Refused(486), STEP).await;
    stage.say("call c: refused with 486");
    short_outcome(stage, title, Dialler::Platform, &pair, refused).await
}

/// Call d: the caller thinks better of it.
pub async fn cancelled_call(stage: &Stage) -> CallOutcome {
    let title = format!("d  {CARRIER_AGENT} calls {PLATFORM_AGENT} {CANCELLED_NUMBER} and cancels");
    let dialled = dial(stage, Dialler::Carrier, CANCELLED_NUMBER, FROM_CARRIER.calling, 4, "d").await;
    let mut pair = match dialled {
        Ok(pair) => pair,
        Err(outcome) => return outcome.titled(title),
    };
    let cancelled = ring_and_cancel(&mut pair).await;
    stage.say("call d: cancelled");
    short_outcome(stage, title, Dialler::Carrier, &pair, cancelled).await
}

async fn ring_and_cancel(pair: &mut Pair) -> Result<(), String> {
    pair.called.perform(Command::Ring).await;
    pair.caller.wait(&CallEvent::Ringing, STEP).await?;
    tokio::time::sleep(RING_TIME).await;
    pair.caller.perform(Command::Cancel).await;
    pair.called.wait(&CallEvent::Cancelled, STEP).await?;
    pair.caller.wait(&CallEvent::Refused(487), STEP).await
}

async fn short_outcome(
    stage: &Stage,
    title: String,
    dialler: Dialler,
    pair: &Pair,
    played: Result<(), String>,
) -> CallOutcome {
    // The ACK of the called end's refusal is under way.
    let acknowledged = || leg(stage, names(dialler).1, &pair.called).ladder.iter().any(|entry| entry.method == "ACK");
    poll(ARRIVAL, acknowledged).await;
    let mut outcome =
        CallOutcome { title, legs: pair.legs(stage, dialler).to_vec(), findings: played.err().into_iter().collect() };
    outcome.check_short_call();
    outcome
}

/// OPTIONS from both ends: what is wrong with the answers.
pub async fn probes(stage: &Stage) -> Vec<String> {
    let (platform, carrier) = tokio::join!(stage.platform.probe(STEP), stage.carrier.probe(STEP));
    let mut findings = probe_findings(PLATFORM_AGENT, platform);
    findings.extend(probe_findings(CARRIER_AGENT, carrier));
    stage.say(if findings.is_empty() { "OPTIONS from both ends answered" } else { "OPTIONS: not as it should be" });
    findings
}

fn probe_findings(agent: &str, answer: Result<Incoming, String>) -> Vec<String> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(words) => return vec![words],
    };
    let mut findings = Vec::new();
    if answer.kind != Kind::Response(200) {
        findings.push(format!("{agent}: OPTIONS answered with {}", answer.label()));
    }
    // RFC 3261 11.2.
    for name in ["Allow", "Accept", "Supported"] {
        if answer.header(name).is_none() {
            findings.push(format!("{agent}: the answer to OPTIONS has no {name}"));
        }
    }
    findings
}
