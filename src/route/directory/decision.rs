//! The decision table at call start (PV-37, PF-24, PF-25), pure. Emergency calls are not asked at all (PF-163).

use std::sync::Arc;

use super::account::{Account, AccountState};
use super::entry::{HeaderContent, NumberEntry, Service};
use super::shards::Directory;
use crate::base::WallTime;
use crate::route::number::E164;

/// Which way a call goes. A trunk is a carrier's or a platform's; between two of a kind nothing is provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    CarrierToPlatform,
    PlatformToCarrier,
}

/// What a call is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub direction: Direction,
    /// The caller's asserted number, else From; `None`: anonymous or no number.
    pub calling: Option<&'a E164>,
    /// Who sent the call on last.
    pub diverting: Option<&'a E164>,
    pub called: Option<&'a E164>,
    /// The account named by the host of the Request-URI (MD-62), where there is one.
    pub account: Option<&'a Arc<Account>>,
    /// What the platform's trunk serves; `None`: any.
    pub service: Option<Service>,
    pub now: WallTime,
}

/// A call that may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub account: Option<Arc<Account>>,
    /// What the carrier's leg shows of the number (PV-32).
    pub custom_header: Option<HeaderContent>,
}

/// Why a call may not go on. The name is the record's cause (PV-38).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denial {
    NumberUnknown,
    NumberSuspended,
    AccountSuspended,
    InboundDisabled,
    OutboundDisabled,
    ServiceDisabled,
    ScreeningFailed,
}

/// A refusal: what it is, SIP status, Q.850 cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Denied {
    pub why: Denial,
    pub status: u16,
    pub q850: u8,
}

impl Denial {
    /// Status and cause of PV-37.
    const fn towards(self, direction: Direction) -> Denied {
        let is_nobody = matches!(self, Denial::NumberUnknown | Denial::ServiceDisabled);
        let (status, q850) = match direction {
            Direction::CarrierToPlatform if is_nobody => (404, 1),
            Direction::CarrierToPlatform | Direction::PlatformToCarrier => (403, 21),
        };
        Denied { why: self, status, q850 }
    }
}

/// Asks the table.
///
/// # Errors
/// The first check that fails.
pub fn decide(directory: &Directory, question: &Question<'_>) -> Result<Decision, Denied> {
    let decided = match question.direction {
        Direction::CarrierToPlatform => inbound(directory, question),
        Direction::PlatformToCarrier => outbound(directory, question),
    };
    decided.map_err(|why| why.towards(question.direction))
}

fn inbound(directory: &Directory, question: &Question<'_>) -> Result<Decision, Denial> {
    let (entry, account) = question.called.and_then(|number| directory.find(number)).ok_or(Denial::NumberUnknown)?;
    live(entry, account, question)?;
    if !entry.inbound {
        return Err(Denial::InboundDisabled);
    }
    served(entry, account, question.service)?;
    Ok(Decision { account: Some(Arc::clone(account)), custom_header: header(entry, question.service) })
}

/// Caller screening (PF-25): the asserted number first, then who sent the call on.
fn outbound(directory: &Directory, question: &Question<'_>) -> Result<Decision, Denial> {
    let own = [question.calling, question.diverting].into_iter().flatten().find_map(|number| {
        let (entry, account) = directory.find(number)?;
        let fits = question.account.is_none_or(|named| named.name == account.name);
        fits.then_some((entry, account))
    });
    let Some((entry, account)) = own else {
        let named = question.account.cloned();
        let suspended = named.as_ref().is_some_and(|account| account.state == AccountState::Suspended);
        return match named.as_ref().is_some_and(|account| !account.caller_screening) {
            true if suspended => Err(Denial::AccountSuspended),
            true => Ok(Decision { account: named, custom_header: None }),
            false => Err(Denial::ScreeningFailed),
        };
    };
    live(entry, account, question)?;
    if !entry.outbound {
        return Err(Denial::OutboundDisabled);
    }
    served(entry, account, question.service)?;
    Ok(Decision { account: Some(Arc::clone(account)), custom_header: header(entry, question.service) })
}

fn live(entry: &NumberEntry, account: &Account, question: &Question<'_>) -> Result<(), Denial> {
    if !entry.is_live(question.now) {
        return Err(Denial::NumberSuspended);
    }
    match account.state {
        AccountState::Active => Ok(()),
        AccountState::Suspended => Err(Denial::AccountSuspended),
    }
}

fn served(entry: &NumberEntry, account: &Account, service: Option<Service>) -> Result<(), Denial> {
    let has = |service: Service| entry.services.has(service) && account.services.has(service);
    match service {
        Some(service) if has(service) => Ok(()),
        None if entry.services.iter().any(has) => Ok(()),
        Some(_) | None => Err(Denial::ServiceDisabled),
    }
}

fn header(entry: &NumberEntry, service: Option<Service>) -> Option<HeaderContent> {
    let takes = match service {
        Some(service) => service.takes_custom_header(),
        None => entry.services.iter().all(Service::takes_custom_header),
    };
    entry.custom_header.clone().filter(|_| takes)
}
