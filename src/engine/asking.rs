//! Asking the routes and the directory about an INVITE.

use std::sync::Arc;

use crate::base::ids::{CallId, TrunkId};
use crate::base::{Entropy, Now};
use crate::call::screening::Numbers;
use crate::call::step::Step;
use crate::call::{Asked, Cause};
use crate::route::directory::{Decision, Denial, Direction};
use crate::route::group::Choice;
use crate::route::role::PeerRole;
use crate::route::ruling::{Inquiry, Names, Passed, Ruling, Stopped, host_name};
use crate::route::settings::ServerNames;
use crate::route::snapshot::RoutePlan;
use crate::route::trunk::Trunk;
use crate::sip::Request;
use crate::sip::flow::Flow;

use super::Engine;
use super::admission::Admission;
use super::io::{Event, Outbox, Output};

/// What the order of a group depends on.
struct Lots<'e> {
    admission: &'e Admission,
    entropy: &'e mut dyn Entropy,
}

impl Choice for Lots<'_> {
    fn load(&self, trunk: TrunkId) -> usize {
        self.admission.load(trunk)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.entropy.below(bound)
    }
}

/// What becomes of an INVITE.
pub(super) struct Fate {
    pub whose: Decision,
    pub plan: RoutePlan,
    /// Why it is refused.
    pub refused: Option<Cause>,
}

fn nowhere() -> RoutePlan {
    RoutePlan { route: Arc::from(""), trunks: Vec::new() }
}

/// A tenth more, for emergency calls (R-A9).
pub(super) fn with_reserve(limit: usize) -> usize {
    limit.saturating_add((limit / 10).max(1))
}

impl Engine {
    /// Whose the call is, and where it goes: by the snapshot and the directory of this moment, which the call keeps.
    pub(super) fn rule(
        &mut self,
        now: Now,
        (request, flow, trunk): (&Request, Flow, &Arc<Trunk>),
        (numbers, asked): (&Numbers, &Asked),
        out: &mut Outbox,
    ) -> Ruling {
        let identity = self.identities.get(&flow.id).filter(|_| trunk.server_names == ServerNames::NameAccounts);
        let asked_for = identity.and_then(|identity| identity.asked_for.clone());
        let inquiry = Inquiry {
            from: trunk,
            calling: &numbers.calling,
            called: &numbers.called,
            diverting: asked.sent_on_by(),
            names: Names::Hosts { request_uri: host_name(&request.uri), server_name: asked_for.as_deref() },
            now: now.wall,
        };
        let mut lots = Lots { admission: &self.supply.admission, entropy: &mut *self.entropy };
        let ruling = self.snapshot.rule(&self.directory, &inquiry, &mut lots);
        self.tell(out, || Step::Routes(self.snapshot.considered(&self.directory, &inquiry)));
        self.tell(out, || Step::Ruled(Box::new(ruling.clone())));
        match &ruling.outcome {
            Err(Stopped::NoRoute(missed)) => {
                let nearest = missed.nearest.clone();
                out.push(Output::Event(Event::NoRoute { trunk: Arc::clone(&trunk.name), nearest }));
            }
            Ok(_) | Err(Stopped::Denied(_)) => {}
        }
        ruling
    }

    /// Whose a call is, and what becomes of it.
    pub(super) fn fate(
        &mut self,
        now: Now,
        id: CallId,
        came: (&Request, Flow, &Arc<Trunk>),
        said: (&Numbers, &Asked),
        out: &mut Outbox,
    ) -> Fate {
        let ruling = self.rule(now, came, said, out);
        match self.within_limits(now, id, ruling.direction, ruling.outcome) {
            Ok(Passed { decision, plan }) => Fate { whose: decision, plan, refused: None },
            Err(stopped) => {
                let whose = Decision { account: ruling.account, ..Decision::default() };
                Fate { whose, plan: nowhere(), refused: Some(Cause::from(stopped)) }
            }
        }
    }

    /// The same of an emergency call: nothing but its direction stands in its way (PF-51, PF-163).
    pub(super) fn rule_urgent(
        &mut self,
        now: Now,
        (request, flow, trunk): (&Request, Flow, &Arc<Trunk>),
        (numbers, asked): (&Numbers, &Asked),
    ) -> Fate {
        let identity = self.identities.get(&flow.id).filter(|_| trunk.server_names == ServerNames::NameAccounts);
        let asked_for = identity.and_then(|identity| identity.asked_for.clone());
        let inquiry = Inquiry {
            from: trunk,
            calling: &numbers.calling,
            called: &numbers.called,
            diverting: asked.sent_on_by(),
            names: Names::Hosts { request_uri: host_name(&request.uri), server_name: asked_for.as_deref() },
            now: now.wall,
        };
        let mut lots = Lots { admission: &self.supply.admission, entropy: &mut *self.entropy };
        let (whose, plan) = self.snapshot.rule_urgent(&self.directory, &inquiry, &mut lots);
        let refused = match (&plan, trunk.role) {
            (Some(_), _) => None,
            (None, PeerRole::Carrier) => Some(Cause::EmergencyMisdirected),
            (None, PeerRole::Platform) => Some(Cause::NoRoute),
        };
        Fate { whose, plan: plan.unwrap_or_else(nowhere), refused }
    }

    /// The limits of its account stand in the way of a call that may go on (PV-37).
    pub(super) fn within_limits(
        &mut self,
        now: Now,
        call: CallId,
        direction: Option<Direction>,
        outcome: Result<Passed, Stopped>,
    ) -> Result<Passed, Stopped> {
        let passed = outcome?;
        let (Some(account), Some(direction)) = (&passed.decision.account, direction) else { return Ok(passed) };
        match self.supply.admission.begin_of(now.instant, account, call) {
            Ok(()) => Ok(passed),
            Err(_) => Err(Stopped::Denied(Denial::LimitReached.towards(direction))),
        }
    }
}
