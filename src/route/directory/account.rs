//! The owner of numbers: a customer (the platforms' documents say tenant).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::{HeaderContent, ServiceSet};
use crate::route::number::{E164, RuleList};

/// Characters of a name at most (PV-1).
const NAME_CHARACTERS: usize = 100;

/// Key of an account: letters, digits, underscore, dash; case counts (PV-1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(Arc<str>);

/// Why a text names no account. Completes the sentence "the account's name ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAccountName;

impl fmt::Display for BadAccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be 1 to 100 letters, digits, underscores and dashes")
    }
}

impl std::error::Error for BadAccountName {}

impl AccountName {
    /// Reads a name.
    ///
    /// # Errors
    /// Other characters, none, or more than 100.
    pub fn parse(text: &str) -> Result<AccountName, BadAccountName> {
        let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
        match (1..=NAME_CHARACTERS).contains(&text.len()) && text.bytes().all(fits) {
            true => Ok(AccountName(text.into())),
            false => Err(BadAccountName),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AccountName {
    type Error = BadAccountName;

    fn try_from(text: String) -> Result<AccountName, BadAccountName> {
        AccountName::parse(&text)
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> String {
        name.as_str().to_owned()
    }
}

/// Whether an account may call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AccountState {
    #[default]
    Active,
    /// Nothing but emergency calls.
    Suspended,
}

/// An account's own number rules: they come before those of the platform's trunk. Rules of the platform itself do not hold
/// for the names below a carrier trunk (MD-67), so that a tenant's dialling plan must be here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountRules {
    /// For what its platform writes, in calls whose host names the account.
    pub incoming: RuleList,
    /// For what its platform is written.
    pub outgoing: RuleList,
}

/// One account, as a call needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: AccountName,
    pub state: AccountState,
    /// Services it has.
    pub services: ServiceSet,
    /// Its own name on the platform, in lower case: derived trunk of the carrier model (MD-59), host of Contact and From.
    pub fqdn: Option<Arc<str>>,
    /// Its label below the base name of a platform's trunk, in lower case (MD-59, PF-15): an account has a name on every
    /// node and trunk by one label.
    pub subdomain: Option<Arc<str>>,
    /// Name of the trunk its calls come and go on; `None`: any.
    pub trunk: Option<Arc<str>>,
    /// Calls from the platform must show a number of this account (PF-24).
    pub caller_screening: bool,
    /// A number of this account that is shown instead of one that is not; `None`: such calls are refused.
    pub caller_replacement: Option<E164>,
    /// Calls at once; `None`: no limit.
    pub max_calls: Option<u32>,
    /// New calls in a second; `None`: no limit.
    pub max_calls_per_s: Option<u32>,
    /// Contents of the custom header of its numbers that have none of their own (PV-34).
    pub custom_header: Option<HeaderContent>,
    /// `None`: numbers are what its trunk makes of them.
    pub rules: Option<Arc<AccountRules>>,
}

impl Account {
    /// An account of this name with nothing set: active, screened, no service.
    pub fn new(name: AccountName) -> Account {
        Account {
            name,
            state: AccountState::Active,
            services: ServiceSet::default(),
            fqdn: None,
            subdomain: None,
            trunk: None,
            caller_screening: true,
            caller_replacement: None,
            max_calls: None,
            max_calls_per_s: None,
            custom_header: None,
            rules: None,
        }
    }
}
