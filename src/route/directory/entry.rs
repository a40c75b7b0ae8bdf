//! What is known of one number.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::WallTime;
use crate::route::number::E164;

/// A service a number can be used with. Those of the platforms that are flags only have no behaviour of their own yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Service {
    TeamsDirectRouting,
    AcsDirectRouting,
    Dynamics,
    Genesys,
    Zoom,
    Webex,
    Google,
    Chime,
    Twilio,
    OperatorConnect,
    TeamsPhoneMobile,
    CallProtection,
}

/// Every service with its name.
const NAMES: [(Service, &str); 12] = [
    (Service::TeamsDirectRouting, "teamsDirectRouting"),
    (Service::AcsDirectRouting, "acsDirectRouting"),
    (Service::Dynamics, "dynamics"),
    (Service::Genesys, "genesys"),
    (Service::Zoom, "zoom"),
    (Service::Webex, "webex"),
    (Service::Google, "google"),
    (Service::Chime, "chime"),
    (Service::Twilio, "twilio"),
    (Service::OperatorConnect, "operatorConnect"),
    (Service::TeamsPhoneMobile, "teamsPhoneMobile"),
    (Service::CallProtection, "callProtection"),
];

impl Service {
    /// Every service.
    pub fn all() -> impl Iterator<Item = Service> {
        NAMES.iter().map(|(service, _)| *service)
    }

    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(known, _)| *known == self).map_or("", |(_, name)| name)
    }

    /// The service of a name, case counts.
    pub fn from_name(name: &str) -> Option<Service> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(service, _)| *service)
    }

    /// Whether calls of this service carry the custom header (PF-26).
    pub const fn takes_custom_header(self) -> bool {
        match self {
            Service::OperatorConnect | Service::TeamsPhoneMobile | Service::CallProtection => false,
            Service::TeamsDirectRouting
            | Service::AcsDirectRouting
            | Service::Dynamics
            | Service::Genesys
            | Service::Zoom
            | Service::Webex
            | Service::Google
            | Service::Chime
            | Service::Twilio => true,
        }
    }

    const fn bit(self) -> u16 {
        match self {
            Service::TeamsDirectRouting => 1,
            Service::AcsDirectRouting => 1 << 1,
            Service::Dynamics => 1 << 2,
            Service::Genesys => 1 << 3,
            Service::Zoom => 1 << 4,
            Service::Webex => 1 << 5,
            Service::Google => 1 << 6,
            Service::Chime => 1 << 7,
            Service::Twilio => 1 << 8,
            Service::OperatorConnect => 1 << 9,
            Service::TeamsPhoneMobile => 1 << 10,
            Service::CallProtection => 1 << 11,
        }
    }
}

/// Services, each once.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ServiceSet(u16);

impl ServiceSet {
    /// These and no others.
    pub fn of(services: impl IntoIterator<Item = Service>) -> ServiceSet {
        ServiceSet(services.into_iter().fold(0, |set, service| set | service.bit()))
    }

    pub const fn has(self, service: Service) -> bool {
        self.0 & service.bit() != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Service> {
        Service::all().filter(move |service| self.has(*service))
    }
}

impl fmt::Debug for ServiceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Where a number is in its life (PV 2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NumberState {
    Draft,
    #[default]
    Active,
    Suspended,
    /// Kept for the audit log.
    Released,
}

/// Id of a carrier, 1 to 64 characters.
pub type Carrier = Arc<str>;

/// Contents of the custom header: 1 to 100 letters, digits, underscores, dashes (PF-27). Nothing else can be made, so
/// that nothing needs escaping where it is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HeaderContent(Arc<str>);

impl HeaderContent {
    /// Reads contents. `None`: other characters, none, or more than 100.
    pub fn parse(text: &str) -> Option<HeaderContent> {
        let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
        ((1..=100).contains(&text.len()) && text.bytes().all(fits)).then(|| HeaderContent(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HeaderContent {
    type Error = &'static str;

    fn try_from(text: String) -> Result<HeaderContent, &'static str> {
        HeaderContent::parse(&text).ok_or("must be 1 to 100 letters, digits, underscores and dashes")
    }
}

impl From<HeaderContent> for String {
    fn from(content: HeaderContent) -> String {
        content.as_str().to_owned()
    }
}

/// When a number may be used; both ends may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    pub from: Option<WallTime>,
    pub to: Option<WallTime>,
}

impl Validity {
    /// Whether `now` lies inside; the end itself does not.
    pub fn holds(&self, now: WallTime) -> bool {
        self.from.is_none_or(|from| from <= now) && self.to.is_none_or(|to| now < to)
    }
}

/// One number, as a call needs it. Rare parts are boxed: there may be millions of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberEntry {
    pub state: NumberState,
    pub inbound: bool,
    pub outbound: bool,
    pub services: ServiceSet,
    pub carrier: Option<Carrier>,
    pub custom_header: Option<HeaderContent>,
    pub validity: Option<Box<Validity>>,
    /// Further caller numbers that this number's user may show (PV 2.2 screeningAliases).
    pub aliases: Option<Box<[E164]>>,
    /// Number shown in emergency calls instead (PF-161).
    pub elin: Option<Box<E164>>,
}

impl Default for NumberEntry {
    /// Active, no direction, no service (PV-35: nothing is implied).
    fn default() -> Self {
        NumberEntry {
            state: NumberState::Active,
            inbound: false,
            outbound: false,
            services: ServiceSet::default(),
            carrier: None,
            custom_header: None,
            validity: None,
            aliases: None,
            elin: None,
        }
    }
}

impl NumberEntry {
    /// Whether it may be used now.
    pub fn is_live(&self, now: WallTime) -> bool {
        self.state == NumberState::Active && self.validity.as_ref().is_none_or(|validity| validity.holds(now))
    }
}
