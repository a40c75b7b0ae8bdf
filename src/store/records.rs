//! What is provisioned, as it is sent, stored and compiled (PV 2.1, 2.2, 2.3).

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::refusal::{Code, Refusal};
use super::rows::Kind;
use super::rules::AccountNumberRules;
use super::wall;
use crate::route::directory::{
    Account, AccountName, AccountState, HeaderContent, NumberEntry, NumberState, Service, ServiceSet, Validity,
    derived, is_label,
};
use crate::route::number::{E164, country};

/// Characters of a free text.
const TEXT: usize = 128;
/// Further caller numbers of one number.
const ALIASES: usize = 32;

/// Something with a kind and a key.
pub trait Record: Serialize + DeserializeOwned {
    const KIND: Kind;
    /// The property that holds the key.
    const KEY: &'static str;

    fn key(&self) -> String;

    /// # Errors
    /// The first property that cannot be taken.
    fn check(&self) -> Result<(), Refusal>;

    /// As it is stored.
    ///
    /// # Errors
    /// Never for our records.
    fn body(&self) -> Result<Value, Refusal> {
        serde_json::to_value(self).map_err(|error| Refusal::new(Code::Internal, error.to_string()))
    }

    /// Reads an object, every property known and possible.
    ///
    /// # Errors
    /// The first that is not.
    fn read(body: Value) -> Result<Self, Refusal> {
        if let Some(target) = holds_control(&body) {
            return Err(Refusal::value(&target, "holds a control character"));
        }
        let record: Self = Self::deserialize(&body).map_err(|error| unreadable::<Self>(&error.to_string(), &body))?;
        record.check()?;
        Ok(record)
    }
}

/// The property with a control character in a text, at any depth, if any: none of ours has a use for one.
fn holds_control(body: &Value) -> Option<String> {
    let object = body.as_object()?;
    object.iter().find(|(_, value)| is_controlling(value)).map(|(name, _)| name.clone())
}

/// Values of the API are bounded in depth by their reader.
fn is_controlling(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(char::is_control),
        Value::Array(items) => items.iter().any(is_controlling),
        Value::Object(fields) => fields.values().any(is_controlling),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The refusal of an object, blaming a property where one is to blame.
pub fn unreadable<R: DeserializeOwned>(text: &str, body: &Value) -> Refusal {
    let named = text.split('`').nth(1).unwrap_or_default();
    if text.starts_with("unknown field") {
        return Refusal::new(Code::UnknownProperty, format!("There is no property {named}.")).at(named);
    }
    let refusal = Refusal::new(Code::ValidationFailed, format!("The object cannot be read: {text}."));
    match culprit::<R>(text, body) {
        Some(property) => refusal.at(property),
        None => refusal,
    }
}

/// The property without which the object is no longer refused for this.
fn culprit<R: DeserializeOwned>(text: &str, body: &Value) -> Option<String> {
    let object = body.as_object()?;
    let goes = |name: &&String| {
        let mut rest = object.clone();
        rest.remove(*name);
        !matches!(serde_json::from_value::<R>(Value::Object(rest)), Err(error) if error.to_string() == text)
    };
    object.keys().find(goes).cloned()
}

/// A service block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    pub enabled: bool,
}

/// Services by name. One that is off is the same as none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Services(BTreeMap<Service, Switch>);

impl Services {
    pub fn of(services: impl IntoIterator<Item = Service>) -> Services {
        Services(services.into_iter().map(|service| (service, Switch { enabled: true })).collect())
    }

    pub fn set(&self) -> ServiceSet {
        ServiceSet::of(self.0.iter().filter(|(_, switch)| switch.enabled).map(|(service, _)| *service))
    }

    /// Without those that are off.
    fn settled(&self) -> Services {
        Services::of(self.set().iter())
    }
}

/// An account (PV 2.1): the fields this product acts on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountRecord {
    pub name: AccountName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    #[serde(default)]
    pub state: AccountState,
    #[serde(default)]
    pub services: Services,
    /// Its own name on the platform (MD-59).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<String>,
    /// Its label below the base name of each platform's trunk (PV-3); `fqdn` comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdomain: Option<String>,
    /// The trunk its calls come and go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<String>,
    #[serde(default = "yes")]
    pub caller_screening: bool,
    /// A number of it that is shown instead of one that is not; without it such calls are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_replacement: Option<E164>,
    #[serde(default)]
    pub limits: AccountLimits,
    #[serde(default)]
    pub defaults: NumberDefaults,
    /// Contents of the custom header of its numbers that have none of their own (PV-34).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_header: Option<HeaderContent>,
    #[serde(default, skip_serializing_if = "AccountNumberRules::is_empty")]
    pub number_rules: AccountNumberRules,
}

const fn yes() -> bool {
    true
}

/// 0: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AccountLimits {
    pub max_concurrent_calls: u32,
    pub max_calls_per_second: u32,
    /// Numbers it may have; an import beyond it is refused (`QuotaExceeded`).
    pub max_numbers: u32,
}

/// What a new number gets where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NumberDefaults {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_header: Option<HeaderContent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbound_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_enabled: Option<bool>,
}

impl AccountRecord {
    /// Of this name, nothing set.
    pub fn new(name: AccountName) -> AccountRecord {
        AccountRecord {
            name,
            display_name: None,
            correlation_id: None,
            state: AccountState::Active,
            services: Services::default(),
            fqdn: None,
            subdomain: None,
            trunk: None,
            caller_screening: true,
            caller_replacement: None,
            limits: AccountLimits::default(),
            defaults: NumberDefaults::default(),
            custom_header: None,
            number_rules: AccountNumberRules::default(),
        }
    }

    /// The other way round: what a call needs of it.
    pub fn of(account: &Account) -> AccountRecord {
        AccountRecord {
            state: account.state,
            services: Services::of(account.services.iter()),
            fqdn: account.fqdn.as_deref().map(str::to_owned),
            subdomain: account.subdomain.as_deref().map(str::to_owned),
            trunk: account.trunk.as_deref().map(str::to_owned),
            caller_screening: account.caller_screening,
            caller_replacement: account.caller_replacement.clone(),
            limits: AccountLimits {
                max_concurrent_calls: account.max_calls.unwrap_or(0),
                max_calls_per_second: account.max_calls_per_s.unwrap_or(0),
                max_numbers: 0,
            },
            custom_header: account.custom_header.clone(),
            number_rules: account.rules.as_deref().map(AccountNumberRules::of).unwrap_or_default(),
            ..AccountRecord::new(account.name.clone())
        }
    }

    /// As a call needs it.
    pub fn compiled(&self) -> Account {
        let limit = |value: u32| (value > 0).then_some(value);
        Account {
            state: self.state,
            services: self.services.set(),
            fqdn: self.fqdn.as_deref().map(|name| name.to_ascii_lowercase().into()),
            subdomain: self.subdomain.as_deref().map(|label| label.to_ascii_lowercase().into()),
            trunk: self.trunk.as_deref().map(Into::into),
            caller_screening: self.caller_screening,
            caller_replacement: self.caller_replacement.clone(),
            max_calls: limit(self.limits.max_concurrent_calls),
            max_calls_per_s: limit(self.limits.max_calls_per_second),
            custom_header: self.custom_header.clone(),
            rules: self.number_rules.compiled(&self.name),
            ..Account::new(self.name.clone())
        }
    }
}

impl Record for AccountRecord {
    const KIND: Kind = Kind::Account;
    const KEY: &'static str = "name";

    fn key(&self) -> String {
        self.name.as_str().to_owned()
    }

    fn check(&self) -> Result<(), Refusal> {
        short("displayName", self.display_name.as_deref(), 0..=100)?;
        short("correlationId", self.correlation_id.as_deref(), 0..=TEXT)?;
        short("trunk", self.trunk.as_deref(), 1..=64)?;
        self.number_rules.check()?;
        if let Some(Err(bad)) = self.fqdn.as_deref().map(derived) {
            return Err(Refusal::value("fqdn", bad));
        }
        match self.subdomain.as_deref() {
            Some(label) if !is_label(label) => {
                Err(Refusal::value("subdomain", "is no label of 1 to 63 letters, digits and inner hyphens"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn body(&self) -> Result<Value, Refusal> {
        let settled = AccountRecord {
            services: self.services.settled(),
            fqdn: self.fqdn.as_deref().map(str::to_ascii_lowercase),
            subdomain: self.subdomain.as_deref().map(str::to_ascii_lowercase),
            ..self.clone()
        };
        serde_json::to_value(settled).map_err(|error| Refusal::new(Code::Internal, error.to_string()))
    }
}

fn short(target: &str, text: Option<&str>, lengths: std::ops::RangeInclusive<usize>) -> Result<(), Refusal> {
    match text.map(|text| text.chars().count()) {
        Some(count) if !lengths.contains(&count) => {
            let text = format!("has {count} characters, {} to {} are possible", lengths.start(), lengths.end());
            Err(Refusal::value(target, text))
        }
        Some(_) | None => Ok(()),
    }
}

/// A carrier (PV-29).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CarrierRecord {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// ISO 3166 alpha-2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub countries: Vec<String>,
    /// Where its customer care knows us by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_care: Option<String>,
}

impl Record for CarrierRecord {
    const KIND: Kind = Kind::Carrier;
    const KEY: &'static str = "id";

    fn key(&self) -> String {
        self.id.clone()
    }

    fn check(&self) -> Result<(), Refusal> {
        let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
        if !(1..=64).contains(&self.id.len()) || !self.id.bytes().all(fits) {
            return Err(Refusal::value("id", "must be 1 to 64 letters, digits, dots, hyphens and underscores"));
        }
        short("displayName", self.display_name.as_deref(), 0..=100)?;
        short("customerCare", self.customer_care.as_deref(), 0..=TEXT)?;
        match self.countries.len() <= 250 && self.countries.iter().all(|iso| is_iso(iso)) {
            true => Ok(()),
            false => Err(Refusal::value("countries", "must be ISO 3166 codes of two capital letters, at most 250")),
        }
    }
}

fn is_iso(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_uppercase())
}

/// A kind of number, as a word (PV 2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NumberKind {
    #[default]
    Local,
    TollFree,
    Mobile,
    ShortCode,
    Other,
}

/// Informational (PV 2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Assignment {
    Unassigned,
    Assigned,
    #[default]
    Unknown,
}

/// What emergency calls of a number show (PF-161).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EmergencyRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elin: Option<E164>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub civic: Option<String>,
}

/// A number (PV 2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NumberRecord {
    pub phone_number: E164,
    pub account: AccountName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// ISO 3166 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(default)]
    pub number_type: NumberKind,
    #[serde(default)]
    pub services: Services,
    #[serde(default)]
    pub inbound_enabled: bool,
    #[serde(default)]
    pub outbound_enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_header: Option<HeaderContent>,
    #[serde(default, skip_serializing_if = "is_plain")]
    pub emergency: EmergencyRecord,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub screening_aliases: Vec<E164>,
    #[serde(default, skip_serializing_if = "is_off")]
    pub test_line: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    #[serde(default = "active")]
    pub state: NumberState,
    #[serde(default)]
    pub assignment: Assignment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<String>,
}

fn is_plain(emergency: &EmergencyRecord) -> bool {
    *emergency == EmergencyRecord::default()
}

const fn is_off(flag: &bool) -> bool {
    !*flag
}

const fn active() -> NumberState {
    NumberState::Active
}

impl NumberRecord {
    /// A number of an account, nothing enabled (PV-35).
    pub fn new(phone_number: E164, account: AccountName) -> NumberRecord {
        NumberRecord {
            phone_number,
            account,
            carrier: None,
            country: None,
            number_type: NumberKind::Local,
            services: Services::default(),
            inbound_enabled: false,
            outbound_enabled: false,
            custom_header: None,
            emergency: EmergencyRecord::default(),
            screening_aliases: Vec::new(),
            test_line: false,
            ticket: None,
            correlation_id: None,
            state: NumberState::Active,
            assignment: Assignment::Unknown,
            valid_from: None,
            valid_to: None,
        }
    }

    /// The other way round: what a call needs of it.
    pub fn of(number: &E164, entry: &NumberEntry, account: AccountName) -> NumberRecord {
        let validity = entry.validity.as_deref().copied().unwrap_or_default();
        NumberRecord {
            carrier: entry.carrier.as_deref().map(str::to_owned),
            services: Services::of(entry.services.iter()),
            inbound_enabled: entry.inbound,
            outbound_enabled: entry.outbound,
            custom_header: entry.custom_header.clone(),
            emergency: EmergencyRecord { elin: entry.elin.as_deref().cloned(), ..EmergencyRecord::default() },
            screening_aliases: entry.aliases.as_deref().map(<[E164]>::to_vec).unwrap_or_default(),
            state: entry.state,
            valid_from: validity.from.map(wall::text),
            valid_to: validity.to.map(wall::text),
            ..NumberRecord::new(number.clone(), account)
        }
    }

    /// As a call needs it.
    pub fn compiled(&self) -> NumberEntry {
        let time = |text: &Option<String>| text.as_deref().and_then(wall::parse);
        let validity = Validity { from: time(&self.valid_from), to: time(&self.valid_to) };
        NumberEntry {
            state: self.state,
            inbound: self.inbound_enabled,
            outbound: self.outbound_enabled,
            services: self.services.set(),
            carrier: self.carrier.as_deref().map(Into::into),
            custom_header: self.custom_header.clone(),
            validity: (validity != Validity::default()).then(|| Box::new(validity)),
            aliases: (!self.screening_aliases.is_empty()).then(|| self.screening_aliases.clone().into()),
            elin: self.emergency.elin.clone().map(Box::new),
        }
    }
}

impl Record for NumberRecord {
    const KIND: Kind = Kind::Number;
    const KEY: &'static str = "phoneNumber";

    fn key(&self) -> String {
        self.phone_number.to_string()
    }

    fn check(&self) -> Result<(), Refusal> {
        short("carrier", self.carrier.as_deref(), 1..=64)?;
        short("ticket", self.ticket.as_deref(), 0..=64)?;
        short("correlationId", self.correlation_id.as_deref(), 0..=TEXT)?;
        short("emergency.locationId", self.emergency.location_id.as_deref(), 0..=TEXT)?;
        short("emergency.civic", self.emergency.civic.as_deref(), 0..=512)?;
        if self.screening_aliases.len() > ALIASES {
            return Err(Refusal::value("screeningAliases", format!("has more than {ALIASES} numbers")));
        }
        for (target, time) in [("validFrom", &self.valid_from), ("validTo", &self.valid_to)] {
            if time.as_deref().is_some_and(|time| wall::parse(time).is_none()) {
                return Err(Refusal::value(target, "is no time of RFC 3339 (2027-01-31T00:00:00Z)"));
            }
        }
        match self.country.as_deref() {
            Some(iso) if !is_iso(iso) => {
                Err(Refusal::value("country", "must be an ISO 3166 code of two capital letters"))
            }
            Some(iso) if self.contradicts(iso) => {
                Err(Refusal::value("phoneNumber", format!("does not belong to {iso}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn body(&self) -> Result<Value, Refusal> {
        let settled = NumberRecord { services: self.services.settled(), ..self.clone() };
        serde_json::to_value(settled).map_err(|error| Refusal::new(Code::Internal, error.to_string()))
    }
}

impl NumberRecord {
    fn contradicts(&self, iso: &str) -> bool {
        let begins = |code: &str| self.phone_number.digits().starts_with(code);
        self.number_type != NumberKind::ShortCode && country(iso).is_some_and(|plan| !begins(plan.calling_code))
    }
}
