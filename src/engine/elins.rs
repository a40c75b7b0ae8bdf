//! Who can be called back at which ELIN (MD-164): from the emergency call that showed it until some time after its end.
//! Bounded; what is forgotten sooner than promised is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::Instant;
use crate::base::ids::CallId;
use crate::base::limits::ELIN_CALLBACKS;
use crate::route::directory::AccountName;
use crate::route::number::{E164, Party};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Elins(BTreeMap<E164, Held>);

/// A caller behind an ELIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub call: CallId,
    pub party: Party,
    /// By name: a new configuration counts its trunks anew.
    pub trunk: Arc<str>,
    pub account: Option<AccountName>,
}

#[derive(Debug)]
struct Held {
    caller: Caller,
    /// `None`: its call goes on.
    until: Option<Instant>,
}

impl Held {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Least: the first to give way. Those whose call is over before those who talk.
    fn worth(&self) -> (bool, Option<Instant>, CallId) {
        (self.until.is_none(), self.until, self.caller.call)
    }
}

/// What it cost to give a caller its ELIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    Nothing,
    /// Another caller cannot be called back any more.
    Displaced,
}

impl Elins {
    /// Gives a caller one of these: the one it has, a free one, or that of who called longest ago. `None`: none is offered.
    pub fn take(&mut self, now: Instant, offered: &[E164], caller: Caller) -> Option<(E164, Cost)> {
        self.0.retain(|_, held| !held.is_over(now));
        let is_own = |held: &Held| held.caller.party == caller.party && held.caller.trunk == caller.trunk;
        let own = offered.iter().find(|elin| self.0.get(elin).is_some_and(is_own));
        let free = || offered.iter().find(|elin| !self.0.contains_key(elin));
        let least = || offered.iter().min_by_key(|elin| self.0.get(elin).map(Held::worth));
        let elin = own.or_else(free).or_else(least)?.clone();
        let mut cost = match self.0.get(&elin) {
            Some(held) if !is_own(held) => Cost::Displaced,
            Some(_) | None => Cost::Nothing,
        };
        if self.0.len() >= ELIN_CALLBACKS && !self.0.contains_key(&elin) {
            let first = self.0.iter().min_by_key(|(_, held)| held.worth()).map(|(elin, _)| elin.clone());
            first.and_then(|first| self.0.remove(&first));
            cost = Cost::Displaced;
        }
        self.0.insert(elin.clone(), Held { caller, until: None });
        Some((elin, cost))
    }

    /// The call that showed this ELIN is over: its time runs.
    pub fn ended(&mut self, now: Instant, elin: &E164, call: CallId, keep: Duration) {
        if let Some(held) = self.0.get_mut(elin).filter(|held| held.caller.call == call) {
            held.until = Some(now + keep);
        }
    }

    /// Who called from behind this number.
    pub fn caller(&self, now: Instant, called: &E164) -> Option<&Caller> {
        self.0.get(called).filter(|held| !held.is_over(now)).map(|held| &held.caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn number(text: &str) -> E164 {
        E164::parse(text).unwrap()
    }

    fn caller(call: u64, from: &str) -> Caller {
        Caller { call: CallId(call), party: Party::of(number(from)), trunk: "teams".into(), account: None }
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_caller_keeps_its_number_another_gets_a_free_one_and_then_the_oldest_gives_way() {
        let mut elins = Elins::default();
        let offered = [number("+4911"), number("+4912")];
        let mut take = |second, call, from: &str| elins.take(at(second), &offered, caller(call, from)).unwrap();
        assert_eq!(take(0, 1, "+49301"), (offered[0].clone(), Cost::Nothing));
        assert_eq!(take(1, 2, "+49302"), (offered[1].clone(), Cost::Nothing));
        assert_eq!(take(2, 3, "+49301"), (offered[0].clone(), Cost::Nothing), "the one it has");
        assert_eq!(take(3, 4, "+49303"), (offered[1].clone(), Cost::Displaced), "call 2 is older than call 3");
        elins.ended(at(4), &offered[0], CallId(3), HOUR);
        let (elin, cost) = elins.take(at(5), &offered, caller(5, "+49304")).unwrap();
        assert_eq!((elin, cost), (offered[0].clone(), Cost::Displaced), "who talks stays");
        assert!(elins.take(at(6), &[], caller(6, "+49305")).is_none());
    }

    #[test]
    fn time_runs_from_the_end_of_the_call_that_shows_it() {
        let mut elins = Elins::default();
        let elin = number("+4911");
        elins.take(at(0), std::slice::from_ref(&elin), caller(1, "+49301")).unwrap();
        assert_eq!(elins.caller(at(90_000), &elin), Some(&caller(1, "+49301")), "it lasts");
        elins.ended(at(100_000), &elin, CallId(2), HOUR);
        assert!(elins.caller(at(200_000), &elin).is_some(), "another call's end is not its own");
        elins.ended(at(200_000), &elin, CallId(1), HOUR);
        assert!(elins.caller(at(203_599), &elin).is_some());
        assert!(elins.caller(at(203_600), &elin).is_none());
        let again = elins.take(at(203_600), &[elin], caller(3, "+49302"));
        assert_eq!(again.map(|(_, cost)| cost), Some(Cost::Nothing), "nobody is displaced");
    }

    #[test]
    fn the_table_is_bounded() {
        let mut elins = Elins::default();
        for at_once in 0..u64::try_from(ELIN_CALLBACKS).unwrap() + 5 {
            let elin = number(&format!("+49{}", 1_000_000 + at_once));
            elins.take(at(at_once), &[elin], caller(at_once, &format!("+48{}", 1_000_000 + at_once))).unwrap();
        }
        assert_eq!(elins.0.len(), ELIN_CALLBACKS);
        assert!(
            elins.caller(at(9), &number("+491000004")).is_none()
                && elins.caller(at(9), &number("+491000005")).is_some()
        );
    }
}
