//! Is a target there? What OPTIONS, calls and their media show, as a state (MD-53, PF-43, PF-47, PF-154..156).
//!
//! | state | an answer | no answer, or a dead one | 503 with Retry-After | answered calls without media |
//! |---|---|---|---|---|
//! | Unknown (nothing heard yet) | Up | Suspect; Down after `down_after` in a row | Down | Suspect after `silent_calls` in a row |
//! | Up | Up | Suspect; Down after `down_after` in a row | Down | Suspect after `silent_calls` in a row |
//! | Suspect | Up, unless its media is in doubt | Down after `down_after` in a row | Down | Suspect |
//! | Down | Up after `up_after` in a row | Down | Down, for longer | Down |
//!
//! Media in doubt is cleared by a call that is heard, or by time. Calls go to targets that are Up or Unknown first, then
//! to suspects, to those that are down last: nothing is ever left out. A target that is not probed leaves Suspect and Down
//! by time alone, as nobody would call it otherwise: 30 s after the first failure, twice as long after each other one, ten
//! minutes at most.

use std::time::Duration;

use crate::base::Instant;
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

    /// Calls go to the lowest first.
    pub const fn rank(self) -> u8 {
        match self {
            TargetState::Unknown | TargetState::Up => 0,
            TargetState::Suspect => 1,
            TargetState::Down => 2,
        }
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
}

impl Liveness {
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
            Sign::Answered => self.answered(rules),
            Sign::Failed => self.failed(now, rules, watched),
            Sign::AskedToWait(pause) => {
                self.until = Some(now + pause.min(LONGEST));
                self.answers = 0;
                self.turn(TargetState::Down, Why::AskedToWait)
            }
            Sign::Heard => self.heard(rules),
            Sign::Unheard => self.not_heard(now, rules),
        }
    }

    fn answered(&mut self, rules: &LivenessRules) -> Option<Change> {
        self.failures = 0;
        self.answers = self.answers.saturating_add(1);
        let is_enough = self.state != TargetState::Down || self.answers >= rules.up_after;
        if !is_enough || self.doubted {
            return None;
        }
        (self.pause, self.until) = (None, None);
        self.turn(TargetState::Up, Why::Answers)
    }

    fn failed(&mut self, now: Instant, rules: &LivenessRules, watched: Watched) -> Option<Change> {
        self.answers = 0;
        self.failures = self.failures.saturating_add(1);
        if watched == Watched::ByCalls {
            self.leave_alone(now);
        }
        let is_down = self.state == TargetState::Down || self.failures >= rules.down_after;
        self.turn(if is_down { TargetState::Down } else { TargetState::Suspect }, Why::Silent)
    }

    fn heard(&mut self, rules: &LivenessRules) -> Option<Change> {
        (self.unheard, self.doubted) = (0, false);
        if self.state == TargetState::Suspect && self.failures == 0 { self.answered(rules) } else { None }
    }

    fn not_heard(&mut self, now: Instant, rules: &LivenessRules) -> Option<Change> {
        self.unheard = self.unheard.saturating_add(1);
        if rules.silent_calls == 0 || self.unheard < rules.silent_calls {
            return None;
        }
        (self.unheard, self.doubted) = (0, true);
        self.leave_alone(now);
        let to = self.state.max(TargetState::Suspect);
        self.turn(to, Why::NoMedia)
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
        self.turn(TargetState::Unknown, Why::TimePassed)
    }

    fn turn(&mut self, to: TargetState, why: Why) -> Option<Change> {
        let from = std::mem::replace(&mut self.state, to);
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
