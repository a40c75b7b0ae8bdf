//! Is a target there? What OPTIONS, calls and their media show, as a state (MD-53, PF-43, PF-47, PF-154..156).
//!
//! | state | an answer | no answer, or a dead one | 503 with Retry-After | answered calls without media |
//! |---|---|---|---|---|
//! | Unknown (nothing heard yet) | Up | Suspect; Down after `down_after` in a row | Down | Suspect after `silent_calls` in a row |
//! | Up | Up | Suspect; Down after `down_after` in a row | Down | Suspect after `silent_calls` in a row |
//! | Suspect | Up, unless its media is in doubt | Down after `down_after` in a row | Down | Suspect |
//! | Down | Up after `up_after` in a row | Down | Down, for longer | Down |
//!
//! Media in doubt is cleared by a call that is heard, or by time. Calls go to targets that are Up or Unknown first,
//! then to suspects, to those that are down last: nothing is ever left out. One that is Up or Unknown again takes the
//! first call of each fifteen for five seconds, and the others where nobody better is left (R-L): what has just come
//! back is not met by everybody at once. A target that is not probed leaves Suspect and Down by time alone, as nobody
//! would call it otherwise: 30 s after the first failure, twice as long after each other one, ten minutes at most.

use std::time::Duration;

use crate::base::Instant;
use crate::base::ids::CallId;
use crate::sip::Status;

/// What answers show that the peer is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Alive {
    /// Any final response that is none of the dead ones: some peers answer OPTIONS with 404 or 405 (PF-154).
    #[default]
    Any,
    /// A 2xx alone.
    Success,
}

/// Thresholds of a trunk: part of its `options` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivenessRules {
    pub alive: Alive,
    /// Final responses that show that nobody takes calls there.
    pub dead: Vec<Status>,
    /// Failures in a row after which a target is down.
    pub down_after: u16,
    /// Answers in a row after which one that was down is up.
    pub up_after: u16,
    /// Answered calls in a row in which nothing was heard; zero: not watched.
    pub silent_calls: u16,
}

impl Default for LivenessRules {
    /// PF-154, PF-155.
    fn default() -> Self {
        LivenessRules {
            alive: Alive::Any,
            dead: vec![Status::REQUEST_TIMEOUT, Status::SERVICE_UNAVAILABLE],
            down_after: 3,
            up_after: 1,
            silent_calls: 5,
        }
    }
}

impl LivenessRules {
    /// Whether a final response to OPTIONS shows that calls are taken there.
    pub fn is_alive(&self, status: Status) -> bool {
        match self.alive {
            Alive::Any => !self.dead.contains(&status),
            Alive::Success => status.is_success(),
        }
    }
}

/// See the module's table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetState {
    #[default]
    Unknown,
    Up,
    Suspect,
    Down,
}

impl TargetState {
    /// Every state, for the metrics.
    pub const ALL: [TargetState; 4] = [TargetState::Unknown, TargetState::Up, TargetState::Suspect, TargetState::Down];

    /// Metric label, and the word in the log.
    pub const fn label(self) -> &'static str {
        match self {
            TargetState::Unknown => "unknown",
            TargetState::Up => "up",
            TargetState::Suspect => "suspect",
            TargetState::Down => "down",
        }
    }

    /// When a call goes there, as far as the state says.
    pub const fn turn(self) -> Turn {
        match self {
            TargetState::Unknown | TargetState::Up => Turn::First,
            TargetState::Suspect => Turn::Doubtful,
            TargetState::Down => Turn::Last,
        }
    }
}

/// When a call goes to a target: the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    First,
    /// It is back, and this is not one of the few calls that it is to take yet.
    Back,
    Doubtful,
    Last,
}

/// How long a target is spared that has come back (R-L).
const SPARED: Duration = Duration::from_secs(5);
/// Of so many calls it takes the first meanwhile: of twenty or more that is a tenth at most, and the only one shows
/// whether it is well.
const OF_CALLS: u32 = 15;

/// A target that has just come back.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Return {
    until: Instant,
    calls: u32,
    /// The last call, and its turn: a call may ask more than once.
    last: Option<(CallId, Turn)>,
}

impl Return {
    /// `None`: it is spared no longer.
    fn turn(&mut self, now: Instant, call: CallId) -> Option<Turn> {
        if now >= self.until {
            return None;
        }
        if let Some((_, turn)) = self.last.filter(|(last, _)| *last == call) {
            return Some(turn);
        }
        let turn = if self.calls.is_multiple_of(OF_CALLS) { Turn::First } else { Turn::Back };
        self.calls = self.calls.wrapping_add(1);
        self.last = Some((call, turn));
        Some(turn)
    }
}

/// What was seen of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Answered,
    /// No answer in time, no connection, no address, or an answer that says as much.
    Failed,
    /// 503 with Retry-After (RFC 3261 21.5.4).
    AskedToWait(Duration),
    /// Media came in an answered call.
    Heard,
    /// None came.
    Unheard,
}

/// Why a state changed: the metric label, and the word in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    Answers,
    Silent,
    AskedToWait,
    NoMedia,
    /// Time has passed, and nobody else would find out.
    TimePassed,
}

impl Why {
    /// Metric label, and the word in the log.
    pub const fn label(self) -> &'static str {
        match self {
            Why::Answers => "answers",
            Why::Silent => "silent",
            Why::AskedToWait => "asked_to_wait",
            Why::NoMedia => "no_media",
            Why::TimePassed => "time_passed",
        }
    }
}

/// One change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub from: TargetState,
    pub to: TargetState,
    pub why: Why,
}

/// Who finds out whether a target is there again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Our OPTIONS ask.
    ByProbes,
    /// Only calls show it.
    ByCalls,
}

const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(600);

/// One target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Liveness {
    state: TargetState,
    failures: u16,
    answers: u16,
    unheard: u16,
    /// Its media is in doubt: answers alone do not clear it.
    doubted: bool,
    /// How long it is left alone after the next failure.
    pause: Option<Duration>,
    /// When what is known is too old to go by.
    until: Option<Instant>,
    returning: Option<Return>,
}

impl Liveness {
    /// When this call goes there.
    pub fn turn_of(&mut self, now: Instant, call: CallId) -> Turn {
        let turn = self.returning.as_mut().and_then(|back| back.turn(now, call));
        if turn.is_none() {
            self.returning = None;
        }
        self.state.turn().max(turn.unwrap_or(Turn::First))
    }

    pub fn state(&self) -> TargetState {
        self.state
    }

    /// When [`Liveness::lapse`] has something to do: what a peer asked for, or the doubt, ends.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Takes what was seen.
    pub fn see(&mut self, now: Instant, rules: &LivenessRules, watched: Watched, sign: Sign) -> Option<Change> {
        match sign {
            Sign::Answered => self.answered(now, rules),
            Sign::Failed => self.failed(now, rules, watched),
            Sign::AskedToWait(pause) => {
                self.until = Some(now + pause.min(LONGEST));
                self.answers = 0;
                self.turn(now, TargetState::Down, Why::AskedToWait)
            }
            Sign::Heard => self.heard(now, rules),
            Sign::Unheard => self.not_heard(now, rules),
        }
    }

    fn answered(&mut self, now: Instant, rules: &LivenessRules) -> Option<Change> {
        self.failures = 0;
        self.answers = self.answers.saturating_add(1);
        let is_enough = self.state != TargetState::Down || self.answers >= rules.up_after;
        if !is_enough || self.doubted {
            return None;
        }
        (self.pause, self.until) = (None, None);
        self.turn(now, TargetState::Up, Why::Answers)
    }

    fn failed(&mut self, now: Instant, rules: &LivenessRules, watched: Watched) -> Option<Change> {
        self.answers = 0;
        self.failures = self.failures.saturating_add(1);
        if watched == Watched::ByCalls {
            self.leave_alone(now);
        }
        let is_down = self.state == TargetState::Down || self.failures >= rules.down_after;
        self.turn(now, if is_down { TargetState::Down } else { TargetState::Suspect }, Why::Silent)
    }

    fn heard(&mut self, now: Instant, rules: &LivenessRules) -> Option<Change> {
        (self.unheard, self.doubted) = (0, false);
        if self.state == TargetState::Suspect && self.failures == 0 { self.answered(now, rules) } else { None }
    }

    fn not_heard(&mut self, now: Instant, rules: &LivenessRules) -> Option<Change> {
        self.unheard = self.unheard.saturating_add(1);
        if rules.silent_calls == 0 || self.unheard < rules.silent_calls {
            return None;
        }
        (self.unheard, self.doubted) = (0, true);
        self.leave_alone(now);
        let to = self.state.max(TargetState::Suspect);
        self.turn(now, to, Why::NoMedia)
    }

    /// For a while, twice as long as the last time.
    fn leave_alone(&mut self, now: Instant) {
        if self.until.is_some_and(|until| now < until) {
            return;
        }
        let pause = self.pause.map_or(SHORTEST, |before| (before * 2).min(LONGEST));
        (self.pause, self.until) = (Some(pause), Some(now + pause));
    }

    /// Time has passed: what was found is too old.
    pub fn lapse(&mut self, now: Instant) -> Option<Change> {
        if self.until.is_none_or(|until| now < until) {
            return None;
        }
        (self.until, self.doubted) = (None, false);
        (self.failures, self.answers) = (0, 0);
        self.turn(now, TargetState::Unknown, Why::TimePassed)
    }

    fn turn(&mut self, now: Instant, to: TargetState, why: Why) -> Option<Change> {
        let from = std::mem::replace(&mut self.state, to);
        if to.turn() != Turn::First {
            self.returning = None;
        } else if from.turn() != Turn::First {
            self.returning = Some(Return { until: now + SPARED, calls: 0, last: None });
        }
        (from != to).then_some(Change { from, to, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Sign::{Answered, AskedToWait, Failed, Heard, Unheard};
    use TargetState::{Down, Suspect, Unknown, Up};

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    /// The state after each sign, ten seconds apart.
    fn after(watched: Watched, signs: &[Sign]) -> Vec<TargetState> {
        let (mut target, rules) = (Liveness::default(), LivenessRules { up_after: 2, ..LivenessRules::default() });
        let step = |(place, sign): (usize, &Sign)| {
            target.see(at(10 * u64::try_from(place).unwrap()), &rules, watched, *sign);
            target.state()
        };
        signs.iter().enumerate().map(step).collect()
    }

    #[test]
    fn the_table_of_the_module() {
        let by_probes = |signs: &[Sign]| after(Watched::ByProbes, signs);
        assert_eq!(by_probes(&[Answered, Failed, Answered]), [Up, Suspect, Up]);
        assert_eq!(by_probes(&[Failed, Failed, Failed, Failed]), [Suspect, Suspect, Down, Down]);
        assert_eq!(by_probes(&[Failed, Failed, Failed, Answered, Answered]), [Suspect, Suspect, Down, Down, Up]);
        assert_eq!(by_probes(&[Failed, Failed, Failed, Answered, Failed, Answered])[5], Down, "in a row");
        assert_eq!(by_probes(&[Answered, AskedToWait(Duration::from_secs(5)), Failed]), [Up, Down, Down]);
        assert_eq!(by_probes(&[Answered, Failed, Answered, Failed, Failed]), [Up, Suspect, Up, Suspect, Suspect]);
    }

    #[test]
    fn calls_without_media_make_a_target_suspect_until_one_is_heard() {
        let mut signs = vec![Answered];
        signs.extend([Unheard; 5]);
        signs.extend([Answered, Heard]);
        assert_eq!(after(Watched::ByProbes, &signs), [Up, Up, Up, Up, Up, Suspect, Suspect, Up]);
        let mixed = [Unheard, Unheard, Unheard, Unheard, Heard, Unheard];
        assert_eq!(after(Watched::ByProbes, &mixed)[5], Unknown, "in a row");
    }

    #[test]
    fn what_nobody_probes_is_forgotten_by_time() {
        let (mut target, rules) = (Liveness::default(), LivenessRules::default());
        target.see(at(0), &rules, Watched::ByCalls, Failed);
        assert_eq!((target.lapse(at(29)), target.state()), (None, Suspect));
        let change = target.lapse(at(30));
        assert_eq!(change, Some(Change { from: Suspect, to: Unknown, why: Why::TimePassed }));
        target.see(at(31), &rules, Watched::ByCalls, Failed);
        assert_eq!(target.until(), Some(at(91)), "twice as long");
        target.see(at(32), &rules, Watched::ByCalls, Answered);
        target.see(at(33), &rules, Watched::ByCalls, Failed);
        assert_eq!(target.until(), Some(at(63)), "an answer clears the past");
    }

    /// R-L: of the calls that would go there, the first of fifteen; a call that asks twice hears the same.
    #[test]
    fn what_is_back_takes_a_tenth_at_most_for_five_seconds() {
        let (mut target, rules) = (Liveness::default(), LivenessRules::default());
        let turns = |target: &mut Liveness, from: u64, millis: u64| -> Vec<Turn> {
            let calls = (0..millis / 50)
                .map(|place| (at(from) + Duration::from_millis(place * 50), CallId(from * 1000 + place)));
            let asked_twice = |(now, call)| {
                let turn = target.turn_of(now, call);
                assert_eq!(target.turn_of(now, call), turn);
                turn
            };
            calls.map(asked_twice).collect()
        };
        target.see(at(0), &rules, Watched::ByProbes, Answered);
        assert!(turns(&mut target, 0, 1000).iter().all(|turn| *turn == Turn::First), "it was never away");
        target.see(at(10), &rules, Watched::ByProbes, Failed);
        assert!(turns(&mut target, 10, 1000).iter().all(|turn| *turn == Turn::Doubtful));
        target.see(at(20), &rules, Watched::ByProbes, Answered);
        let back = turns(&mut target, 20, 5000);
        assert_eq!((back.len(), back.iter().filter(|turn| **turn == Turn::First).count()), (100, 7));
        assert_eq!((back[0], back[1]), (Turn::First, Turn::Back));
        assert!(turns(&mut target, 25, 1000).iter().all(|turn| *turn == Turn::First));
        target.see(at(40), &rules, Watched::ByProbes, Failed);
        target.see(at(50), &rules, Watched::ByProbes, Answered);
        target.see(at(50), &rules, Watched::ByProbes, Failed);
        assert_eq!(target.turn_of(at(51), CallId(1)), Turn::Doubtful, "away again");
    }

    #[test]
    fn a_pause_that_was_asked_for_is_kept_to_the_second() {
        let (mut target, rules) = (Liveness::default(), LivenessRules::default());
        target.see(at(0), &rules, Watched::ByProbes, AskedToWait(Duration::from_secs(120)));
        assert_eq!((target.lapse(at(119)), target.lapse(at(120)).map(|change| change.to)), (None, Some(Unknown)));
        target.see(at(200), &rules, Watched::ByProbes, AskedToWait(Duration::from_secs(86_400)));
        assert_eq!(target.until(), Some(at(800)), "ten minutes at most");
    }

    /// PF-154 and MD-53.
    #[test]
    fn a_405_shows_that_somebody_is_there_unless_only_success_does() {
        let status = |code| Status::new(code).unwrap();
        let any = LivenessRules::default();
        assert!(any.is_alive(status(405)) && any.is_alive(status(500)));
        assert!(!any.is_alive(status(408)) && !any.is_alive(status(503)));
        let success = LivenessRules { alive: Alive::Success, ..any };
        assert!(success.is_alive(status(200)) && !success.is_alive(status(403)));
    }
}
