//! How much was called lately, for the rules of `[[fraud.limits]]` (S-F): sliding windows of each trunk, account or the
//! node, bounded in number.
//!
//! A call is counted once for each rule that fits it, when it begins and again for each transfer; its talk counts from
//! the answer, while it lasts. Emergency calls never come here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::window::Window;
use crate::base::Instant;
use crate::base::bounds::Bound;
use crate::base::ids::CallId;
use crate::base::limits::FRAUD_COUNTS;
use crate::base::timers::WakeUps;
use crate::call::{Counting, Exceeded, Spending};
use crate::route::fraud::{LimitRule, OnMinutes, Subject};

/// Slots of a second, and of an hour, and one for the slot that has just begun.
const SECOND: usize = 11;
const HOUR: usize = 61;

/// Who is counted by which rule. Ordered: the order is that of the wake-ups too.
type Key = (usize, Arc<str>);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct FraudWatch {
    rules: Vec<LimitRule>,
    counts: BTreeMap<Key, Count>,
    calls: BTreeMap<CallId, Held>,
    /// When the minutes of a count whose calls are hung up then will be used up.
    ends: WakeUps<Key>,
}

/// Where one call is counted.
#[derive(Debug, Default)]
struct Held {
    keys: Vec<Key>,
    answered: bool,
}

/// Whether a count has a call already: it began, and is counted again for a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    NotYet,
    Already,
}

#[derive(Debug)]
struct Count {
    begun_lately: Window<SECOND>,
    begun: Window<HOUR>,
    talked: Window<HOUR>,
    /// Calls at once.
    held: u32,
    /// Those that talk, and up to when their talk is in `talked`.
    talking: BTreeMap<CallId, Instant>,
    /// When the talk of all of them was added last.
    accounted: Instant,
}

impl Default for Count {
    fn default() -> Self {
        Count {
            begun_lately: Window::new(Duration::from_millis(100)),
            begun: Window::new(Duration::from_secs(60)),
            talked: Window::new(Duration::from_secs(60)),
            held: 0,
            talking: BTreeMap::new(),
            accounted: Instant::ZERO,
        }
    }
}

impl FraudWatch {
    /// Other rules: what was counted for one that stays is kept.
    pub fn replace(&mut self, rules: &[LimitRule]) {
        if self.rules == rules {
            return;
        }
        let kept = |at: usize| {
            let rule = self.rules.get(at)?;
            rules.iter().position(|new| new == rule)
        };
        let moved = |(at, subject): Key| Some((kept(at)?, subject));
        let counts = std::mem::take(&mut self.counts);
        self.counts = counts.into_iter().filter_map(|(key, count)| Some((moved(key)?, count))).collect();
        for held in self.calls.values_mut() {
            held.keys = std::mem::take(&mut held.keys).into_iter().filter_map(moved).collect();
        }
        self.rules = rules.to_vec();
        self.ends = WakeUps::default();
        let keys: Vec<Key> = self.counts.keys().cloned().collect();
        keys.into_iter().for_each(|key| self.plan_end(key, Instant::ZERO));
    }

    /// Counts a call, if every rule lets it pass.
    ///
    /// # Errors
    /// The rule that does not; nothing is counted.
    pub fn begin(&mut self, now: Instant, call: CallId, spending: &Spending<'_>) -> Result<(), Exceeded> {
        let keys: Vec<Key> = self.fitting(spending).collect();
        let mut fresh = Vec::new();
        for key in keys {
            let key = self.seat(now, key);
            let has_it = self.calls.get(&call).is_some_and(|held| held.keys.contains(&key));
            let counted = if has_it { Counted::Already } else { Counted::NotYet };
            if has_it && spending.counting == Counting::Once {
                continue;
            }
            let (Some(rule), count) = (self.rules.get(key.0), self.counts.entry(key.clone()).or_default()) else {
                continue;
            };
            if let Some(limit) = count.reached(rule, now, counted) {
                return Err(Exceeded { rule: key.0, limit, subject: key.1 });
            }
            fresh.push((key, counted));
        }
        fresh.into_iter().for_each(|(key, counted)| self.hold(now, call, key, counted));
        Ok(())
    }

    fn hold(&mut self, now: Instant, call: CallId, key: Key, counted: Counted) {
        let held = self.calls.entry(call).or_default();
        if let Some(count) = self.counts.get_mut(&key) {
            count.begun_lately.add(now, 1);
            count.begun.add(now, 1);
            if counted == Counted::NotYet {
                count.held = count.held.saturating_add(1);
                if held.answered {
                    count.talking.insert(call, now);
                }
            }
        }
        if counted == Counted::NotYet {
            held.keys.push(key.clone());
        }
        self.plan_end(key, now);
    }

    /// Its talk begins.
    pub fn answered(&mut self, now: Instant, call: CallId) {
        let Some(held) = self.calls.get_mut(&call) else { return };
        held.answered = true;
        for key in held.keys.clone() {
            if let Some(count) = self.counts.get_mut(&key) {
                count.talking.insert(call, now);
            }
            self.plan_end(key, now);
        }
    }

    /// It is over.
    pub fn ended(&mut self, now: Instant, call: CallId) {
        let Some(held) = self.calls.remove(&call) else { return };
        for key in held.keys {
            if let Some(count) = self.counts.get_mut(&key) {
                if let Some(from) = count.talking.remove(&call) {
                    count.talked.add_seconds(from, now);
                }
                count.held = count.held.saturating_sub(1);
            }
            self.plan_end(key, now);
        }
    }

    /// The next moment at which minutes may be used up.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.ends.next()
    }

    /// Calls that must end now: their minutes are used up, and their rule says so.
    pub fn due(&mut self, now: Instant) -> Vec<CallId> {
        let mut over = Vec::new();
        while let Some(key) = self.ends.pop_due(now) {
            let Some(limit) = self.rules.get(key.0).and_then(|rule| rule.minutes_per_hour) else { continue };
            let Some(count) = self.counts.get_mut(&key) else { continue };
            if count.talked(now) >= u64::from(limit) * 60 {
                over.extend(count.talking.keys().copied());
            } else {
                self.plan_end(key, now);
            }
        }
        over.sort_unstable();
        over.dedup();
        over
    }

    /// When the minutes of `key` would be used up, if nobody came or went and nothing was forgotten.
    fn plan_end(&mut self, key: Key, now: Instant) {
        let rule = self.rules.get(key.0).filter(|rule| rule.on_minutes == OnMinutes::HangUp);
        let (Some(limit), Some(count)) = (rule.and_then(|rule| rule.minutes_per_hour), self.counts.get_mut(&key))
        else {
            return;
        };
        let talking = u64::try_from(count.talking.len()).unwrap_or(u64::MAX);
        let left = (u64::from(limit) * 60).saturating_sub(count.talked(now));
        // Whole seconds, so that a slot's rounding never makes it now again and again.
        let wait = left.checked_div(talking).map(|seconds| Duration::from_secs(seconds.max(1)));
        self.ends.set(key, wait.map(|wait| now + wait));
    }

    /// The rules that count such a call, and whom.
    fn fitting<'a>(&'a self, spending: &'a Spending<'_>) -> impl Iterator<Item = Key> + 'a {
        self.rules.iter().enumerate().filter(|(_, rule)| rule.counts(spending.class)).filter_map(|(at, rule)| {
            let subject = match rule.per {
                Subject::Trunk => spending.trunk,
                Subject::Account => spending.account?,
                Subject::Node => "",
            };
            let fits = rule.only.as_deref().is_none_or(|only| only == subject);
            fits.then(|| (at, Arc::from(subject)))
        })
    }

    /// The place of a subject. When [`FRAUD_COUNTS`] are there and none is idle, those without one share the place of
    /// the empty name: they are bounded together.
    fn seat(&mut self, now: Instant, key: Key) -> Key {
        if self.counts.contains_key(&key) || self.counts.len() < FRAUD_COUNTS {
            return key;
        }
        self.counts.retain(|_, count| !count.is_idle(now));
        if self.counts.len() < FRAUD_COUNTS {
            return key;
        }
        Bound::FraudCounts.reached();
        (key.0, Arc::from(""))
    }
}

impl Count {
    /// The limit of `rule` that stands in the way of one more call; of one that is counted already, but for that.
    fn reached(&mut self, rule: &LimitRule, now: Instant, counted: Counted) -> Option<&'static str> {
        let full = |limit: Option<u32>, have: u64| limit.is_some_and(|limit| have >= u64::from(limit));
        if full(rule.calls_per_s, self.begun_lately.sum(now)) {
            Some("calls_per_s")
        } else if counted == Counted::NotYet && full(rule.calls, u64::from(self.held)) {
            Some("calls")
        } else if full(rule.calls_per_hour, self.begun.sum(now)) {
            Some("calls_per_hour")
        } else if full(rule.minutes_per_hour.map(|minutes| minutes.saturating_mul(60)), self.talked(now)) {
            Some("minutes_per_hour")
        } else {
            None
        }
    }

    /// Seconds of talk in the window, that of running calls with them. These are looked at once in a second: there may be
    /// thousands.
    fn talked(&mut self, now: Instant) -> u64 {
        if now.since(self.accounted) >= Duration::from_secs(1) {
            self.accounted = now;
            for until in self.talking.values_mut() {
                self.talked.add_seconds(*until, now);
                *until = now;
            }
        }
        self.talked.sum(now)
    }

    fn is_idle(&mut self, now: Instant) -> bool {
        self.held == 0 && self.begun.sum(now) == 0 && self.talked.sum(now) == 0
    }
}
