//! What operators ask and order: the same inputs and outputs as everything else.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use crate::base::Now;
use crate::base::ids::CallId;
use crate::base::limits::ACTIVE_CALLS_SHOWN;
use crate::call::{Call, CallInput, Cause};
use crate::route::trunk::Trunk;

use super::Engine;
use super::io::{Census, Command, NewCalls, Outbox, Reply, TrunkLoad};

impl Engine {
    /// Carries out an order, or answers a question.
    pub(super) fn command(&mut self, now: Now, command: Command, out: &mut Outbox) -> Reply {
        match command {
            Command::Drain => {
                self.draining = true;
                self.probes.stop();
                self.registrations_withdrawn(now, out);
                Reply::Done
            }
            Command::NewCalls(hold, NewCalls::Refused) => {
                self.holds.insert(hold);
                Reply::Done
            }
            Command::NewCalls(hold, NewCalls::Taken) => {
                self.holds.remove(&hold);
                Reply::Done
            }
            Command::Trunk { name, standing } => self.stand(now, &name, standing, out),
            Command::HangUpAll => {
                let ids: Vec<CallId> = self.calls.keys().copied().collect();
                ids.into_iter().for_each(|id| self.hang_up(now, id, Cause::Shutdown, out));
                Reply::Done
            }
            Command::LetGo => {
                let ids: Vec<CallId> = self.calls.keys().copied().collect();
                for id in ids {
                    self.hang_up(now, id, Cause::Shutdown, out);
                    self.with_call(now, id, out, Call::let_go);
                }
                Reply::Done
            }
            Command::HangUp(id) if self.calls.contains_key(&id) => {
                self.hang_up(now, id, Cause::Terminated, out);
                Reply::Done
            }
            Command::HangUp(_) => Reply::NoSuchCall,
            Command::Calls { after, most } => {
                let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                let calls = self.calls.range((from, Bound::Unbounded)).take(most.min(ACTIVE_CALLS_SHOWN));
                Reply::Calls(calls.map(|(_, call)| call.active()).collect())
            }
            Command::Call(id) => match self.calls.get(&id) {
                Some(call) => Reply::Calls(vec![call.active()]),
                None => Reply::NoSuchCall,
            },
            Command::Census => Reply::Census(self.census()),
            Command::NumbersInUse(asked) => {
                let held: BTreeSet<&str> = self.calls.values().flat_map(|call| call.numbers()).collect();
                Reply::Numbers(asked.into_iter().filter(|number| held.contains(number.as_str())).collect())
            }
        }
    }

    fn census(&self) -> Census {
        let load = |trunk: &Arc<Trunk>| {
            let standing = self.supply.standings.of(trunk.id);
            (Arc::clone(&trunk.name), TrunkLoad { standing, ..TrunkLoad::default() })
        };
        let trunks = self.snapshot.trunks.iter().map(load).collect();
        let mut census = Census { trunks, ..Census::default() };
        self.calls.values().for_each(|call| census.count(call));
        census
    }

    fn hang_up(&mut self, now: Now, id: CallId, cause: Cause, out: &mut Outbox) {
        self.with_call(now, id, out, |call, work| call.handle(CallInput::HangUp(cause), work));
    }
}

impl Census {
    fn count(&mut self, call: &Call) {
        let (from, to) = call.trunks();
        self.trunks.entry(from).or_default().began += 1;
        if let Some(load) = to.map(|to| self.trunks.entry(to).or_default()) {
            load.called += 1;
        }
        if let Some(account) = call.account() {
            *self.accounts.entry(account.clone()).or_default() += 1;
        }
    }
}
