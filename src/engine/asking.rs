//! Asking the routes and the directory about an INVITE.

use std::sync::Arc;

use crate::base::ids::{CallId, TrunkId};
use crate::base::{Entropy, Now};
use crate::call::screening::Numbers;
use crate::call::step::{Step, Urgency};
use crate::call::{Asked, Cause};
use crate::route::directory::{Account, Decision, Denial, Direction};
use crate::route::group::Choice;
use crate::route::number::Party;
use crate::route::role::PeerRole;
use crate::route::ruling::{Elins, Inquiry, Names, Passed, Ruling, Stopped, Urgent, host_name, named_by};
use crate::route::settings::ServerNames;
use crate::route::snapshot::RoutePlan;
use crate::route::trunk::Trunk;
use crate::sip::Request;
use crate::sip::flow::Flow;

use super::Engine;
use super::admission::Admission;
use super::elins::{Caller, Cost};
use super::io::{ElinNews, Event, Outbox, Output};

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
    RoutePlan { route: Arc::from(""), trunks: Vec::new(), context: None }
}

/// A tenth more, for emergency calls (R-A9).
pub(super) fn with_reserve(limit: usize) -> usize {
    limit.saturating_add((limit / 10).max(1))
}

/// What the routes and the directory are asked about an INVITE that came from `trunk`.
fn inquiry<'i>(
    now: Now,
    (request, trunk, server_name): (&'i Request, &'i Trunk, Option<&'i str>),
    (numbers, asked): (&'i Numbers, &'i Asked),
) -> Inquiry<'i> {
    Inquiry {
        from: trunk,
        calling: &numbers.calling,
        called: &numbers.called,
        diverting: asked.sent_on_by(),
        names: Names::Hosts { request_uri: host_name(&request.uri), server_name },
        now: now.wall,
    }
}

impl Engine {
    /// The name that the far end's TLS asked for, where its trunk takes that for an account's.
    fn server_name(&self, flow: Flow, trunk: &Trunk) -> Option<Box<str>> {
        let identity = self.identities.get(&flow.id).filter(|_| trunk.server_names == ServerNames::NameAccounts);
        identity.and_then(|identity| identity.asked_for.clone())
    }

    /// The trunk as the account uses it that the call names by its host: numbers are read by that account's rules (MD-67).
    pub(super) fn as_named(&self, request: &Request, flow: Flow, trunk: Arc<Trunk>) -> Arc<Trunk> {
        let account = match named_by(&self.directory, &trunk, host_name(&request.uri)) {
            Ok(None) => named_by(&self.directory, &trunk, self.server_name(flow, &trunk).as_deref()),
            named => named,
        };
        trunk.of_account(account.ok().flatten().map(Arc::as_ref))
    }

    /// Whose the call is, and where it goes: by the snapshot and the directory of this moment, which the call keeps.
    pub(super) fn rule(
        &mut self,
        now: Now,
        (request, flow, trunk): (&Request, Flow, &Arc<Trunk>),
        (numbers, asked): (&Numbers, &Asked),
        out: &mut Outbox,
    ) -> Ruling {
        let server_name = self.server_name(flow, trunk);
        let inquiry = inquiry(now, (request, trunk, server_name.as_deref()), (numbers, asked));
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

    /// Whose a call would have been that is refused before anybody asks where it goes.
    pub(super) fn owner(
        &mut self,
        now: Now,
        (request, flow, trunk): (&Request, Flow, &Arc<Trunk>),
        said: (&Numbers, &Asked),
    ) -> Option<Arc<Account>> {
        let server_name = self.server_name(flow, trunk);
        let inquiry = inquiry(now, (request, trunk, server_name.as_deref()), said);
        let mut lots = Lots { admission: &self.supply.admission, entropy: &mut *self.entropy };
        self.snapshot.rule(&self.directory, &inquiry, &mut lots).account
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

    /// The same of an emergency call: nothing but its direction stands in its way (PF-51, PF-163). What it shows for its
    /// place is written into what it asks.
    pub(super) fn rule_urgent(
        &mut self,
        now: Now,
        id: CallId,
        (request, flow, trunk): (&Request, Flow, &Arc<Trunk>),
        (numbers, asked): (&Numbers, &mut Asked),
        out: &mut Outbox,
    ) -> Fate {
        let server_name = self.server_name(flow, trunk);
        let inquiry = inquiry(now, (request, trunk, server_name.as_deref()), (numbers, asked));
        let mut lots = Lots { admission: &self.supply.admission, entropy: &mut *self.entropy };
        let ruled = self.snapshot.rule_urgent(&self.directory, &inquiry, asked.location(), &mut lots);
        self.tell(out, || Step::Urgent(Box::new(self.urgency(&numbers.called, &ruled))));
        let refused = match (ruled.way.trunks.is_empty(), trunk.role) {
            (false, _) => None,
            (true, PeerRole::Carrier) => Some(Cause::EmergencyMisdirected),
            (true, PeerRole::Platform) => Some(Cause::NoRoute),
        };
        self.show_place(now, (id, trunk), &ruled, asked, out);
        let plan = RoutePlan { route: Arc::from("emergency"), trunks: ruled.way.trunks, context: None };
        let plan = if refused.is_some() { nowhere() } else { plan };
        Fate { whose: Decision { account: ruled.account, ..Decision::default() }, plan, refused }
    }

    /// The call gets one of the numbers that stand for its place, and its caller can be called back there for a while. A
    /// caller without a number of his own cannot.
    fn show_place(
        &mut self,
        now: Now,
        (call, trunk): (CallId, &Trunk),
        ruled: &Urgent,
        asked: &mut Asked,
        out: &mut Outbox,
    ) {
        let mut tell = |news| out.push(Output::Event(Event::Elin { call, news }));
        let offered = ruled.elins.offered();
        let party = asked.caller().identity().party.clone();
        let taken = match (&party, offered.first()) {
            (_, None) => {
                if ruled.elins == Elins::Unknown {
                    tell(ElinNews::Unknown);
                }
                return;
            }
            (Party::Anonymous, Some(first)) => Some((first.clone(), Cost::Nothing)),
            (Party::Number { .. } | Party::Short(_) | Party::Name(_), Some(_)) => {
                let account = ruled.account.as_ref().map(|account| account.name.clone());
                let caller = Caller { call, party, trunk: Arc::clone(&trunk.name), account };
                self.elins.take(now.instant, offered, caller)
            }
        };
        let Some((elin, cost)) = taken else { return };
        tell(ElinNews::Shown);
        if cost == Cost::Displaced {
            tell(ElinNews::Displaced);
        }
        asked.located(elin);
    }

    fn urgency(&self, code: &str, ruled: &Urgent) -> Urgency {
        let name = |id: &TrunkId| self.snapshot.trunk(*id).map(|trunk| Arc::clone(&trunk.name));
        let names = |ids: &[TrunkId]| ids.iter().filter_map(name).collect();
        Urgency {
            code: code.to_owned(),
            account: ruled.account.clone(),
            route: ruled.way.route,
            usual: ruled.way.usual.clone(),
            trunks: names(&ruled.way.trunks),
            barred: names(&ruled.way.barred),
            elins: ruled.elins.clone(),
        }
    }

    /// Who called for help from behind the number that a carrier's peer calls, as long as it can be called back.
    pub(super) fn behind_elin(&self, now: Now, from: &Trunk, asked: &Asked) -> Option<(Caller, TrunkId)> {
        let called = asked.called().number().filter(|_| from.role == PeerRole::Carrier)?;
        let caller = self.elins.caller(now.instant, called)?;
        // A new configuration may have taken its trunk away: then the number is an ordinary one.
        let trunk = self.snapshot.trunk_named(&caller.trunk)?;
        Some((caller.clone(), trunk.id))
    }

    /// What becomes of a call back: it goes the way the call for help came, whatever the number's switches and the
    /// account's state say.
    pub(super) fn call_back(
        &self,
        call: CallId,
        (caller, trunk): (Caller, TrunkId),
        (numbers, asked): (&mut Numbers, &mut Asked),
        out: &mut Outbox,
    ) -> (Fate, String) {
        let detail = format!("a call back to ELIN {}, which call {} showed", numbers.called, caller.call.0);
        out.push(Output::Event(Event::Elin { call, news: ElinNews::CalledBack }));
        asked.called_back(caller.party, numbers);
        let account = caller.account.and_then(|name| self.directory.account(&name).cloned());
        let plan = RoutePlan { route: Arc::from("emergency-callback"), trunks: vec![trunk], context: None };
        (Fate { whose: Decision { account, ..Decision::default() }, plan, refused: None }, detail)
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
            Err(_) => {
                let denied = Denial::LimitReached.towards(direction);
                Err(Stopped::Denied(self.snapshot.codes.told(denied, direction)))
            }
        }
    }
}
