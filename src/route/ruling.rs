//! What is decided about a call before it becomes one: whose it is, whether it may go on, and where it goes. A function of
//! the snapshot, the directory and what the call shows; `explain`, the API and the call path ask the same one.

use std::sync::Arc;

use super::directory::{
    Account, Claim, Decision, Denial, DenialCodes, Denied, Direction, Directory, Own, Question, Service, Unknown,
    decide, own_number,
};
use super::emergency::{EmergencyCaller, Way};
use super::group::Choice;
use super::number::E164;
use super::role::PeerRole;
use super::snapshot::{NoRoute, RoutePlan, Snapshot};
use super::table::{Considered, Shown};
use super::trunk::Trunk;
use crate::base::WallTime;
use crate::sip::{Host, Uri};

/// What a call shows.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// Trunk it comes in on.
    pub from: &'a Trunk,
    /// As calls keep them: E.164 where they have that form.
    pub calling: &'a str,
    pub called: &'a str,
    /// Who sent the call on last, else who referred to it (PF-25).
    pub diverting: Option<&'a E164>,
    pub names: Names<'a>,
    pub now: WallTime,
}

/// What names the account of a platform's call besides its numbers.
#[derive(Clone, Copy, Debug)]
pub enum Names<'a> {
    /// Host of the Request-URI, and the name the peer's TLS asked for, where there is one.
    Hosts { request_uri: Option<&'a str>, server_name: Option<&'a str> },
    /// Whose the call is already: the new party of a transfer.
    Account(Option<&'a Arc<Account>>),
}

/// Whose a call is, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Known also of a call that is refused.
    pub account: Option<Arc<Account>>,
    /// `None`: between two trunks of one role, where nothing is provisioned.
    pub direction: Option<Direction>,
    /// What the platform's trunk serves; `None`: it does not say.
    pub service: Option<Service>,
    pub outcome: Result<Passed, Stopped>,
}

/// A call that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    pub decision: Decision,
    pub plan: RoutePlan,
}

/// A call that does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    Denied(Denied),
    NoRoute(NoRoute),
}

/// An emergency call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urgent {
    pub account: Option<Arc<Account>>,
    pub way: Way,
    pub elins: Elins,
}

/// Numbers that an emergency call may show for the place it comes from (MD-164).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elins {
    /// No trunk on its way wants one.
    Unwanted,
    /// One wants it, and nothing tells it: the caller's own number is shown.
    Unknown,
    /// Its location names them.
    OfPlace(Vec<E164>),
    /// The caller's number has it (PF-161).
    OfNumber(E164),
}

impl Elins {
    /// In order.
    pub fn offered(&self) -> &[E164] {
        match self {
            Elins::Unwanted | Elins::Unknown => &[],
            Elins::OfPlace(elins) => elins,
            Elins::OfNumber(elin) => std::slice::from_ref(elin),
        }
    }
}

impl Snapshot {
    /// Asks everything, in the order of PV-37.
    pub fn rule(&self, directory: &Directory, inquiry: &Inquiry<'_>, choice: &mut dyn Choice) -> Ruling {
        let asked = Asked::of(directory, inquiry);
        let Ok(named) = asked.named else { return asked.unknown_name(&self.codes) };
        let own = asked.own(directory, named);
        let account = own.as_ref().map(|own| own.account).or(named);
        let found = self.routes.find(&shown(inquiry, own.as_ref(), account), choice);
        let unknown = match &found {
            Err(missed) if missed.wants_number => Unknown::Refuse,
            Ok(_) | Err(_) => Unknown::Pass,
        };
        let plan = found.map_err(|missed| NoRoute { nearest: self.nearest(inquiry.from, missed.nearest) });
        let plan = plan.and_then(|plan| self.kept(plan, account));
        let (direction, service) = self.way(inquiry.from, plan.as_ref().ok(), named);
        let decided = match direction {
            Some(direction) => decide(directory, &asked.question(direction, named, service, unknown))
                .map_err(|denied| self.codes.told(denied, direction)),
            None => Ok(own.map_or_else(Decision::default, |own| own.passes())),
        };
        let outcome = match (decided, plan) {
            (Err(denied), _) => Err(Stopped::Denied(denied)),
            (Ok(_), Err(missed)) => Err(Stopped::NoRoute(missed)),
            (Ok(decision), Ok(plan)) => Ok(Passed { decision, plan }),
        };
        Ruling { account: account.cloned(), direction, service, outcome }
    }

    /// Where an emergency call goes, and whose it is: no check of PV-37 but the first two stands in its way. `location`:
    /// what it says of its place.
    pub fn rule_urgent(
        &self,
        directory: &Directory,
        inquiry: &Inquiry<'_>,
        location: Option<&[u8]>,
        choice: &mut dyn Choice,
    ) -> Urgent {
        let asked = Asked::of(directory, inquiry);
        let named = asked.named.unwrap_or_default();
        let own = asked.own(directory, named);
        let account = own.as_ref().map(|own| own.account).or(named).cloned();
        let usual = self.routes.urgent(&shown(inquiry, own.as_ref(), account.as_ref()), choice);
        let way = self.emergency.way(inquiry.from, inquiry.called, usual, |id| self.trunk(id));
        let elins = match self.shows_elin(inquiry.from, &way) {
            true => self.elins(inquiry.from, location, own.as_ref()),
            false => Elins::Unwanted,
        };
        Urgent { account, way, elins }
    }

    /// Whether a platform's call for help goes to a peer that wants to see its place.
    fn shows_elin(&self, from: &Trunk, way: &Way) -> bool {
        let wants = |trunk: &Arc<Trunk>| trunk.presentation.emergency.caller == EmergencyCaller::Elin;
        from.role == PeerRole::Platform && way.trunks.iter().filter_map(|id| self.trunk(*id)).any(wants)
    }

    /// Of the place the call tells of, else of the caller's number.
    fn elins(&self, from: &Trunk, location: Option<&[u8]>, own: Option<&Own<'_>>) -> Elins {
        let place = location.map(|location| self.emergency.elin().of_location(location, &from.presentation.numbers));
        let of_place = place.filter(|elins| !elins.is_empty()).map(Elins::OfPlace);
        let of_number = || own.and_then(|own| own.entry.elin.as_deref()).cloned().map(Elins::OfNumber);
        of_place.or_else(of_number).unwrap_or(Elins::Unknown)
    }

    /// Every route that starts at the trunk, in order, and what it says to this call.
    pub fn considered(&self, directory: &Directory, inquiry: &Inquiry<'_>) -> Vec<Considered> {
        let asked = Asked::of(directory, inquiry);
        let named = asked.named.unwrap_or_default();
        let own = asked.own(directory, named);
        let account = own.as_ref().map(|own| own.account).or(named);
        self.routes.considered(&shown(inquiry, own.as_ref(), account))
    }

    fn nearest(&self, from: &Trunk, nearest: Option<String>) -> Option<String> {
        nearest.or_else(|| Some(format!("no route has from = \"{}\"", from.name)))
    }

    /// Without the platforms' trunks that are not the account's: its name means nothing there.
    fn kept(&self, plan: RoutePlan, account: Option<&Arc<Account>>) -> Result<RoutePlan, NoRoute> {
        let Some((account, own)) = account.and_then(|account| Some((account, account.trunk.as_ref()?))) else {
            return Ok(plan);
        };
        let is_usable = |trunk: &Arc<Trunk>| trunk.role == PeerRole::Carrier || trunk.name == *own;
        let RoutePlan { route, mut trunks, context } = plan;
        trunks.retain(|id| self.trunk(*id).is_some_and(is_usable));
        match trunks.is_empty() {
            true => Err(NoRoute {
                nearest: Some(format!("route \"{route}\": account {} is on trunk {own} alone", account.name)),
            }),
            false => Ok(RoutePlan { route, trunks, context }),
        }
    }

    /// Between which roles a call goes, and what the platform's side serves. Without a route, the role of the sender
    /// decides. A platform's call to another platform is screened when it names an account (MD-66).
    fn way(
        &self,
        from: &Trunk,
        plan: Option<&RoutePlan>,
        named: Option<&Arc<Account>>,
    ) -> (Option<Direction>, Option<Service>) {
        let to = plan.and_then(|plan| self.trunk(*plan.trunks.first()?));
        match (from.role, to.map(|trunk| trunk.role)) {
            (PeerRole::Carrier, Some(PeerRole::Carrier)) => (None, None),
            (PeerRole::Platform, Some(PeerRole::Platform)) if named.is_none() => (None, from.service),
            (PeerRole::Carrier, Some(PeerRole::Platform) | None) => {
                (Some(Direction::CarrierToPlatform), to.and_then(|trunk| trunk.service))
            }
            (PeerRole::Platform, Some(PeerRole::Carrier | PeerRole::Platform) | None) => {
                (Some(Direction::PlatformToCarrier), from.service)
            }
        }
    }
}

fn shown<'a>(inquiry: &Inquiry<'a>, own: Option<&Own<'_>>, account: Option<&'a Arc<Account>>) -> Shown<'a> {
    let unscreened = account.filter(|account| !account.caller_screening);
    Shown {
        from: inquiry.from.id,
        calling: inquiry.calling,
        called: inquiry.called,
        account: account.map(|account| &account.name),
        // Who is not screened may show any number: its account answers for it.
        services: own.map(|own| own.entry.services).or(unscreened.map(|account| account.services)),
        now: inquiry.now,
    }
}

/// The inquiry's numbers, read, and the account that its names name.
struct Asked<'d> {
    role: PeerRole,
    calling: Option<E164>,
    called: Option<E164>,
    diverting: Option<&'d E164>,
    named: Result<Option<&'d Arc<Account>>, Unnamed>,
    now: WallTime,
}

/// A name below ours that is no account's, or another trunk's (MD-62).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unnamed;

impl<'d> Asked<'d> {
    fn of<'a: 'd>(directory: &'d Directory, inquiry: &Inquiry<'a>) -> Asked<'d> {
        let number = |text: &str| E164::parse(text).ok();
        let named = match (inquiry.from.role, inquiry.names) {
            (PeerRole::Carrier, _) => Ok(None),
            (PeerRole::Platform, Names::Account(account)) => Ok(account),
            (PeerRole::Platform, Names::Hosts { request_uri, server_name }) => {
                match named_by(directory, inquiry.from, request_uri) {
                    Ok(None) => named_by(directory, inquiry.from, server_name),
                    named => named,
                }
            }
        };
        Asked {
            role: inquiry.from.role,
            calling: number(inquiry.calling),
            called: number(inquiry.called),
            diverting: inquiry.diverting,
            named,
            now: inquiry.now,
        }
    }

    fn unknown_name(&self, codes: &DenialCodes) -> Ruling {
        let direction = Direction::PlatformToCarrier;
        let denied = codes.told(Denial::HostUnknown.towards(direction), direction);
        Ruling { account: None, direction: Some(direction), service: None, outcome: Err(Stopped::Denied(denied)) }
    }

    /// The number of the directory that the call is from (a platform's) or to (a carrier's).
    fn own<'f>(&self, directory: &'f Directory, named: Option<&Arc<Account>>) -> Option<Own<'f>> {
        match self.role {
            PeerRole::Carrier => Own::of(directory, self.called.as_ref()?, Claim::Called),
            PeerRole::Platform => {
                own_number(directory, &self.question(Direction::PlatformToCarrier, named, None, Unknown::Pass))
            }
        }
    }

    fn question<'q>(
        &'q self,
        direction: Direction,
        named: Option<&'q Arc<Account>>,
        service: Option<Service>,
        unknown: Unknown,
    ) -> Question<'q> {
        Question {
            direction,
            calling: self.calling.as_ref(),
            diverting: self.diverting,
            called: self.called.as_ref(),
            account: named,
            service,
            unknown,
            now: self.now,
        }
    }
}

/// Whose name this is on a platform's trunk: an account's own, or a label below the trunk's base name. `None`: the trunk's,
/// or none of ours.
///
/// # Errors
/// It is one that an account could have, and none has it.
pub fn named_by<'d>(
    directory: &'d Directory,
    trunk: &Trunk,
    name: Option<&str>,
) -> Result<Option<&'d Arc<Account>>, Unnamed> {
    let Some(name) = name.filter(|_| trunk.role == PeerRole::Platform) else { return Ok(None) };
    let label = trunk.base_name().and_then(|base| label_below(name, base));
    let account = directory
        .account_of_host(name)
        .or_else(|| directory.account_of_subdomain(label?))
        .filter(|account| account.trunk.as_ref().is_none_or(|own| *own == trunk.name));
    let is_ours = [trunk.base_domain.as_deref(), trunk.fqdn.as_deref()]
        .into_iter()
        .flatten()
        .any(|own| own.eq_ignore_ascii_case(name));
    match account {
        Some(account) => Ok(Some(account)),
        None if is_ours => Ok(None),
        // A trunk with a base name of its own is spoken to by the names below it alone (MD-62).
        None if label.is_some() || trunk.base_domain.is_some() => Err(Unnamed),
        None => Ok(None),
    }
}

/// What stands before `.base`, compared without case.
fn label_below<'n>(name: &'n str, base: &str) -> Option<&'n str> {
    let (label, rest) = name.split_at_checked(name.len().checked_sub(base.len())?)?;
    let label = label.strip_suffix('.').filter(|label| !label.is_empty())?;
    rest.eq_ignore_ascii_case(base).then_some(label)
}

/// The name that stands as host in a URI; `None`: there is none, or an address.
pub fn host_name(uri: &Uri) -> Option<&str> {
    match &uri.as_sip()?.host {
        Host::Name(name) => std::str::from_utf8(name.strip_suffix(b".").unwrap_or(name)).ok(),
        Host::V4(_) | Host::V6(_) => None,
    }
}
