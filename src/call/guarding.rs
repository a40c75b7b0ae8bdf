//! The fraud guard in the way of a call: whoever is to be called, by the caller's own wish, a transfer or a redirection,
//! passes here before anything is sent (S-F).

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::attempt::Candidate;
use super::call::{Common, Invitation};
use super::cause::Cause;
use super::effect::{Effect, Work};
use super::event::CallEvent;
use super::ledger::Ledger;
use super::step::Step;
use crate::route::directory::Account;
use crate::route::fraud::{Blocked, Class};
use crate::route::role::PeerRole;
use crate::route::snapshot::Snapshot;
use crate::route::trunk::Trunk;

/// A call that limits may bound.
#[derive(Clone, Copy, Debug)]
pub struct Spending<'a> {
    /// Trunk it comes from, or whose peer transfers or redirects it.
    pub trunk: &'a str,
    /// Whose call it is.
    pub account: Option<&'a str>,
    pub class: Class,
    pub counting: Counting,
}

/// Whether a call that is counted already is counted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// It is the same call, sent on before its answer.
    Once,
    /// A transfer is a new call of the old ones' parties.
    Again,
}

/// A rule of `[[fraud.limits]]` that has no room for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Its place in the configuration.
    pub rule: usize,
    /// The key of it.
    pub limit: &'static str,
    /// Trunk or account; empty for the node.
    pub subject: Arc<str>,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fraud.limits[{}].{} is reached", self.rule, self.limit)?;
        if self.subject.is_empty() { Ok(()) } else { write!(f, " for {}", self.subject) }
    }
}

/// Why the guard stops a call. Its text is for the operator, never for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guarded {
    Destination(Blocked),
    Limit { exceeded: Exceeded, class: Class },
}

impl Guarded {
    /// What the call ends with.
    pub const fn cause(&self) -> Cause {
        match self {
            Guarded::Destination(_) => Cause::DestinationBlocked,
            Guarded::Limit { .. } => Cause::FraudLimit,
        }
    }

    /// Class of the destination.
    pub const fn class(&self) -> Class {
        match self {
            Guarded::Destination(blocked) => blocked.destination.class,
            Guarded::Limit { class, .. } => *class,
        }
    }

    /// Metric label: which key.
    pub const fn label(&self) -> &'static str {
        match self {
            Guarded::Destination(blocked) => blocked.by.label(),
            Guarded::Limit { exceeded, .. } => exceeded.limit,
        }
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Guarded::Destination(blocked) => blocked.fmt(f),
            Guarded::Limit { exceeded, .. } => exceeded.fmt(f),
        }
    }
}

/// Who wants to call whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    pub snapshot: &'a Snapshot,
    /// Who pays: the caller's trunk, the transferor's, or that of who redirects.
    pub payer: &'a Trunk,
    pub account: Option<&'a str>,
    /// As routes know it.
    pub called: &'a str,
    pub counting: Counting,
}

impl Invitation {
    /// Who is offered the call: what the route says, as far as the guard lets it.
    pub(super) fn candidates(&self, ledger: &mut Ledger, work: &mut Work<'_>) -> Result<VecDeque<Candidate>, Cause> {
        let mut candidates = Candidate::expand(&self.snapshot, &self.plan, self.whose.account.as_deref(), work);
        candidates.iter_mut().for_each(|candidate| candidate.heed = self.heed);
        if let Some(code) = &self.urgent {
            candidates.iter_mut().for_each(|candidate| candidate.urgent = Some(Arc::clone(code)));
            work.tell(|| Step::Candidates(candidates.iter().map(Candidate::place).collect()));
            return Ok(candidates);
        }
        let wish = Wish {
            snapshot: &self.snapshot,
            payer: &self.trunk,
            account: self.whose.account.as_ref().map(|account| account.name.as_str()),
            called: &self.numbers.called,
            counting: Counting::Once,
        };
        let candidates = guarded(&wish, candidates, ledger, work)?;
        work.tell(|| Step::Candidates(candidates.iter().map(Candidate::place).collect()));
        Ok(candidates)
    }
}

/// Who pays for another party of a call that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payer<'a> {
    pub trunk: &'a Trunk,
    pub account: Option<&'a Account>,
}

/// The same for another party of a call that is there.
///
/// # Errors
/// As for [`guarded`].
pub(super) fn guarded_for(
    common: &mut Common,
    payer: &Payer<'_>,
    (called, counting): (&str, Counting),
    candidates: VecDeque<Candidate>,
    work: &mut Work<'_>,
) -> Result<VecDeque<Candidate>, Cause> {
    let snapshot = Arc::clone(&common.snapshot);
    let account = payer.account.map(|account| account.name.as_str());
    let wish = Wish { snapshot: &snapshot, payer: payer.trunk, account, called, counting };
    guarded(&wish, candidates, &mut common.ledger, work)
}

/// The candidates that a call may be offered to. Calls to platforms end at users of ours: they are never stopped.
///
/// # Errors
/// Nobody is left. What stopped it stands in the record, and the world has heard.
pub(super) fn guarded(
    wish: &Wish<'_>,
    mut candidates: VecDeque<Candidate>,
    ledger: &mut Ledger,
    work: &mut Work<'_>,
) -> Result<VecDeque<Candidate>, Cause> {
    let costs = |candidate: &Candidate| candidate.trunk.role == PeerRole::Carrier;
    if !candidates.iter().any(costs) {
        return Ok(candidates);
    }
    let Err(stopped) = may_spend(wish, work) else { return Ok(candidates) };
    let cause = stopped.cause();
    ledger.explained(stopped.to_string());
    let (call, trunk) = (ledger.id(), Arc::clone(&wish.payer.name));
    work.out.push(Effect::Event(CallEvent::Guarded { call, trunk, stopped: Box::new(stopped) }));
    candidates.retain(|candidate| !costs(candidate));
    if candidates.is_empty() { Err(cause) } else { Ok(candidates) }
}

fn may_spend(wish: &Wish<'_>, work: &mut Work<'_>) -> Result<(), Guarded> {
    let country = wish.payer.presentation.numbers.country;
    let weighed = wish.snapshot.fraud.weigh(wish.called, country);
    let destination = weighed.destination;
    work.tell(|| Step::Weighed { destination, outcome: weighed.outcome, prefix: weighed.prefix.map(Box::from) });
    weighed.outcome.map_err(|by| Guarded::Destination(Blocked { by, destination }))?;
    let class = destination.class;
    let spending = Spending { trunk: &wish.payer.name, account: wish.account, class, counting: wish.counting };
    let spent = work.supply.spend(work.now.instant, &spending);
    spent.map_err(|exceeded| Guarded::Limit { exceeded, class })
}
