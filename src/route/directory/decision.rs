//! The decision table at call start (PV-37, PF-24, PF-25), pure. Emergency calls are not asked at all (PF-163).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::account::{Account, AccountState};
use super::entry::{HeaderContent, NumberEntry, Service};
use super::shards::Directory;
use crate::base::WallTime;
use crate::route::number::E164;

/// Which way a call goes. A trunk is a carrier's or a platform's; between two of a kind nothing is provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    CarrierToPlatform,
    PlatformToCarrier,
}

/// What becomes of a call of numbers that the directory does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// It goes on, and is nobody's.
    Pass,
    /// It is refused (PV-37, PF-23).
    #[default]
    Refuse,
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
    pub unknown: Unknown,
    pub now: WallTime,
}

/// What tells whose a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Claim {
    /// The called number.
    Called,
    /// The caller's number.
    Calling,
    /// The number that sent the call on last (PF-25).
    Diverting,
    /// The host of the Request-URI alone: the account is not screened (MD-62).
    Host,
    /// The host of the Request-URI; the caller's number is another's, and the account's own is shown instead.
    Replaced,
}

/// A call that may go on: whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// `None`: nobody's.
    pub account: Option<Arc<Account>>,
    /// The account's number that the call is made from or to.
    pub number: Option<E164>,
    pub claim: Option<Claim>,
    /// What the carrier's leg shows of the number (PV-32).
    pub custom_header: Option<HeaderContent>,
}

impl Decision {
    /// Name of the account; empty: nobody's.
    pub fn account_name(&self) -> &str {
        self.account.as_ref().map(|account| account.name.as_str()).unwrap_or_default()
    }

    /// Contents of the number's custom header; empty: none.
    pub fn contents(&self) -> &str {
        self.custom_header.as_ref().map(HeaderContent::as_str).unwrap_or_default()
    }

    /// What the caller must be shown as instead of what it says.
    pub fn replacement(&self) -> Option<&E164> {
        self.number.as_ref().filter(|_| self.claim == Some(Claim::Replaced))
    }
}

/// Why a call may not go on. The name is the record's cause (PV-38).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Denial {
    NumberUnknown,
    NumberSuspended,
    AccountSuspended,
    InboundDisabled,
    OutboundDisabled,
    ServiceDisabled,
    ScreeningFailed,
    /// The Request-URI names a host below ours that is no account's (MD-62).
    HostUnknown,
    /// The account has as many calls as it may have, or begins them faster than it may.
    LimitReached,
}

/// A refusal: what it is, SIP status, Q.850 cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Denied {
    pub why: Denial,
    pub status: u16,
    pub q850: u8,
}

impl Denial {
    /// In the order of the table.
    pub const ALL: [Denial; 9] = [
        Denial::NumberUnknown,
        Denial::NumberSuspended,
        Denial::AccountSuspended,
        Denial::InboundDisabled,
        Denial::OutboundDisabled,
        Denial::ServiceDisabled,
        Denial::ScreeningFailed,
        Denial::HostUnknown,
        Denial::LimitReached,
    ];

    /// Status and cause of PV-37.
    pub const fn towards(self, direction: Direction) -> Denied {
        let (status, q850) = match (self, direction) {
            (Denial::NumberUnknown | Denial::ServiceDisabled, Direction::CarrierToPlatform) => (404, 1),
            (Denial::HostUnknown, Direction::CarrierToPlatform | Direction::PlatformToCarrier) => (404, 3),
            (Denial::LimitReached, Direction::CarrierToPlatform | Direction::PlatformToCarrier) => (503, 42),
            (
                Denial::NumberUnknown
                | Denial::NumberSuspended
                | Denial::AccountSuspended
                | Denial::InboundDisabled
                | Denial::OutboundDisabled
                | Denial::ServiceDisabled
                | Denial::ScreeningFailed,
                Direction::CarrierToPlatform | Direction::PlatformToCarrier,
            ) => (403, 21),
        };
        Denied { why: self, status, q850 }
    }

    /// Metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Denial::NumberUnknown => "number_unknown",
            Denial::NumberSuspended => "number_suspended",
            Denial::AccountSuspended => "account_suspended",
            Denial::InboundDisabled => "inbound_disabled",
            Denial::OutboundDisabled => "outbound_disabled",
            Denial::ServiceDisabled => "service_disabled",
            Denial::ScreeningFailed => "screening_failed",
            Denial::HostUnknown => "host_unknown",
            Denial::LimitReached => "account_limit_reached",
        }
    }

    /// For people: records, logs, the text of Reason.
    pub const fn text(self) -> &'static str {
        match self {
            Denial::NumberUnknown => "The number is not provisioned",
            Denial::NumberSuspended => "The number is not in service",
            Denial::AccountSuspended => "The account is suspended",
            Denial::InboundDisabled => "The number takes no calls",
            Denial::OutboundDisabled => "The number makes no calls",
            Denial::ServiceDisabled => "The number does not have this service",
            Denial::ScreeningFailed => "The caller's number is not the account's",
            Denial::HostUnknown => "No account has this name",
            Denial::LimitReached => "The account's call limit is reached",
        }
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
    let found = question.called.and_then(|number| Own::of(directory, number, Claim::Called));
    match (found, question.unknown) {
        (Some(own), _) => own.may(question, own.entry.inbound, Denial::InboundDisabled),
        (None, Unknown::Pass) => Ok(Decision::default()),
        (None, Unknown::Refuse) => Err(Denial::NumberUnknown),
    }
}

/// Caller screening (PF-25): the asserted number first, then who sent the call on.
fn outbound(directory: &Directory, question: &Question<'_>) -> Result<Decision, Denial> {
    if let Some(own) = own_number(directory, question) {
        return own.may(question, own.entry.outbound, Denial::OutboundDisabled);
    }
    match (question.account, question.unknown) {
        (Some(account), _) => foreign(account),
        (None, Unknown::Pass) => Ok(Decision::default()),
        (None, Unknown::Refuse) => Err(Denial::ScreeningFailed),
    }
}

/// The number of the caller's side that is an account's: of the one named, where one is named, or else what that one shows
/// instead.
pub(in crate::route) fn own_number<'d>(directory: &'d Directory, question: &Question<'_>) -> Option<Own<'d>> {
    let shown = [(question.calling, Claim::Calling), (question.diverting, Claim::Diverting)];
    let fits = |own: &Own<'_>| question.account.is_none_or(|named| named.name == own.account.name);
    let own = shown.into_iter().find_map(|(number, by)| {
        let number = number?;
        let alias = || directory.find_alias(number).map(|found| Own::of_alias(found, by)).find(fits);
        Own::of(directory, number, by).filter(fits).or_else(alias)
    });
    let instead = question.account.filter(|account| account.caller_screening);
    let instead = || Own::of(directory, instead?.caller_replacement.as_ref()?, Claim::Replaced).filter(fits);
    own.or_else(instead)
}

/// A call of this account that shows no number of its own: screened, unless the account is not.
fn foreign(account: &Arc<Account>) -> Result<Decision, Denial> {
    if account.state == AccountState::Suspended {
        return Err(Denial::AccountSuspended);
    }
    match account.caller_screening {
        true => Err(Denial::ScreeningFailed),
        false => Ok(Decision { account: Some(Arc::clone(account)), claim: Some(Claim::Host), ..Decision::default() }),
    }
}

/// A number of the directory, and what led to it.
pub(in crate::route) struct Own<'d> {
    number: E164,
    pub entry: &'d NumberEntry,
    pub account: &'d Arc<Account>,
    by: Claim,
}

impl<'d> Own<'d> {
    pub fn of(directory: &'d Directory, number: &E164, by: Claim) -> Option<Own<'d>> {
        let (entry, account) = directory.find(number)?;
        Some(Own { number: number.clone(), entry, account, by })
    }

    /// Whose a call is that nothing is asked of.
    pub fn passes(&self) -> Decision {
        Decision {
            account: Some(Arc::clone(self.account)),
            number: Some(self.number.clone()),
            claim: Some(self.by),
            custom_header: None,
        }
    }

    /// The user that may show a further number.
    fn of_alias((number, entry, account): (E164, &'d NumberEntry, &'d Arc<Account>), by: Claim) -> Own<'d> {
        Own { number, entry, account, by }
    }

    /// The checks of PV-37 that a known number passes, in their order.
    fn may(&self, question: &Question<'_>, is_enabled: bool, disabled: Denial) -> Result<Decision, Denial> {
        live(self.entry, self.account, question)?;
        if !is_enabled {
            return Err(disabled);
        }
        served(self.entry, self.account, question.service)?;
        Ok(Decision { custom_header: header(self.entry, self.account, question.service), ..self.passes() })
    }
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

fn header(entry: &NumberEntry, account: &Account, service: Option<Service>) -> Option<HeaderContent> {
    let takes = match service {
        Some(service) => service.takes_custom_header(),
        None => entry.services.iter().all(Service::takes_custom_header),
    };
    entry.custom_header.as_ref().or(account.custom_header.as_ref()).filter(|_| takes).cloned()
}
