//! Emergency calls: how peers dial them, where they go, and how a trunk is written them (PF-49, PF-161, PF-163, MD-161).
//!
//! Such a call is exempt from call limits, the fraud guard, screening, suspended accounts and the hours of routes. It
//! never goes from a carrier to a platform (PF-51).

use std::sync::Arc;

use super::elin::ElinSettings;
use super::number::{Country, E164};
use super::role::PeerRole;
use super::snapshot::RoutePlan;
use super::trunk::Trunk;
use crate::base::ids::TrunkId;
use crate::sip::Uri;

/// Characters of the longest form that is looked at: a plus, a country code and a code of its own.
const FORM_OCTETS: usize = 20;
/// RFC 5031: the service, and its kinds below it.
const SOS: &[u8] = b"service:sos";

/// `[emergency]`.
#[derive(Clone, Debug, Default)]
pub struct EmergencySettings {
    /// Besides those of each trunk's country.
    pub numbers: Vec<String>,
    pub routes: Vec<EmergencyRouteSettings>,
    pub elin: ElinSettings,
}

/// One `[[emergency.routes]]`.
#[derive(Clone, Debug)]
pub struct EmergencyRouteSettings {
    /// Trunk or group; `None`: any.
    pub from: Option<String>,
    /// Empty: every number.
    pub numbers: Vec<String>,
    /// Trunks or groups, in order.
    pub to: Vec<String>,
}

/// The same, names resolved.
#[derive(Clone, Debug)]
pub struct EmergencyRoute {
    /// Empty: any.
    pub from: Vec<TrunkId>,
    pub numbers: Vec<String>,
    pub to: Vec<TrunkId>,
}

/// What a call dialled: the code without any prefix.
pub type Code = Arc<str>;

/// See the module.
#[derive(Debug, Default)]
pub struct Emergency {
    numbers: Vec<String>,
    routes: Vec<EmergencyRoute>,
    elin: ElinSettings,
}

/// Where an emergency call goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Place of the emergency route that fits.
    pub route: Option<usize>,
    /// The ordinary route whose trunks come after those.
    pub usual: Option<Arc<str>>,
    /// In the order they are tried; empty: there is nobody it may go to.
    pub trunks: Vec<TrunkId>,
    /// Platforms that routes name and that a carrier's call for help never reaches (PF-51).
    pub barred: Vec<TrunkId>,
}

impl Emergency {
    pub fn new(numbers: Vec<String>, routes: Vec<EmergencyRoute>, elin: ElinSettings) -> Emergency {
        Emergency { numbers, routes, elin }
    }

    pub fn elin(&self) -> &ElinSettings {
        &self.elin
    }

    /// The code of a Request-URI that is for the emergency services: as it is dialled (`112`), with a plus (`+911`), behind
    /// the country code (`+44999`, PF-49), or as a service name (RFC 5031). `None`: it is for somebody else.
    pub fn code(&self, from: &Trunk, uri: &Uri) -> Option<Code> {
        let country = from.presentation.numbers.country;
        if is_sos(uri) {
            // 112 is known nearly everywhere, and is the one where no country is known; else the country's first.
            let known = self.codes(country).find(|code| *code == "112").or_else(|| self.codes(country).next());
            return Some(Arc::from(known.unwrap_or("112")));
        }
        let user = uri.user_decoded().filter(|user| user.len() <= FORM_OCTETS)?;
        let dialled = std::str::from_utf8(&user).ok()?;
        let dialled = dialled.split(';').next().unwrap_or_default();
        let bare = dialled.strip_prefix('+').unwrap_or(dialled);
        let behind = |country: &Country| bare.strip_prefix(country.calling_code).filter(|_| bare != dialled);
        let forms = [Some(bare), country.and_then(behind)];
        let found = forms.into_iter().flatten().find(|form| self.codes(country).any(|code| code == *form));
        found.map(Arc::from)
    }

    /// The country's first.
    fn codes<'a>(&'a self, country: Option<&'a Country>) -> impl Iterator<Item = &'a str> {
        let national = country.map_or(&[][..], |country| country.emergency);
        national.iter().copied().chain(self.numbers.iter().map(String::as_str))
    }

    /// Where such a call goes: the trunks of the first emergency route that fits, then those of `usual`, each once. What
    /// comes from a carrier goes to no platform.
    pub fn way<'t>(
        &self,
        from: &Trunk,
        code: &str,
        usual: Option<RoutePlan>,
        trunk: impl Fn(TrunkId) -> Option<&'t Arc<Trunk>>,
    ) -> Way {
        let fits = |route: &EmergencyRoute| {
            let from_here = route.from.is_empty() || route.from.contains(&from.id);
            from_here && (route.numbers.is_empty() || route.numbers.iter().any(|number| number == code))
        };
        let route = self.routes.iter().position(fits);
        let own = route.and_then(|place| self.routes.get(place)).map(|route| route.to.clone()).unwrap_or_default();
        let (usual, after) = usual.map(|plan| (plan.route, plan.trunks)).unzip();
        let mut way = Way { route, usual, ..Way::default() };
        for id in own.into_iter().chain(after.unwrap_or_default()) {
            let may = trunk(id).is_some_and(|to| from.role == PeerRole::Platform || to.role == PeerRole::Carrier);
            let list = if may { &mut way.trunks } else { &mut way.barred };
            if !list.contains(&id) {
                list.push(id);
            }
        }
        way
    }
}

/// `urn:service:sos`, and `sos.police` and the like below it.
pub fn is_sos(uri: &Uri) -> bool {
    let Uri::Other { scheme, rest } = uri else { return false };
    let below = rest.get(..SOS.len()).filter(|start| start.eq_ignore_ascii_case(SOS)).and_then(|_| rest.get(SOS.len()));
    let is_service = rest.eq_ignore_ascii_case(SOS) || below == Some(&b'.');
    scheme.eq_ignore_ascii_case(b"urn") && is_service
}

/// The Request-URI that a trunk's peer wants for an emergency call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EmergencyForm {
    /// `112`.
    #[default]
    Short,
    /// `+49112`: behind the code of the trunk's country (Zoom).
    Country,
    /// `urn:service:sos` (RFC 5031).
    Urn,
}

/// Whether the INVITE says that it is urgent (RFC 3261 20.26).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PriorityHeader {
    #[default]
    Unsaid,
    /// `Priority: emergency`.
    Emergency,
}

/// Whom the INVITE of an emergency call names as its caller (PF-161).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EmergencyCaller {
    /// Who calls, as in other calls.
    #[default]
    Own,
    /// The place it comes from, by its ELIN, where one is known.
    Elin,
}

/// `emergency = { .. }` of a trunk: how its peer is written such calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmergencyWriting {
    pub form: EmergencyForm,
    /// A number dialled instead of a code: a national routing number of the services.
    pub dial: Vec<(String, E164)>,
    pub priority: PriorityHeader,
    pub caller: EmergencyCaller,
}

impl EmergencyWriting {
    /// User part for `code`; `None`: the service name is written instead.
    pub fn user(&self, code: &str, country: Option<&Country>) -> Option<String> {
        let dialled = self.dial.iter().find(|(own, _)| own == code).map(|(_, number)| number.as_str().to_owned());
        match (dialled, self.form, country) {
            (Some(number), _, _) => Some(number),
            (None, EmergencyForm::Urn, _) => None,
            (None, EmergencyForm::Country, Some(country)) => Some(format!("+{}{code}", country.calling_code)),
            (None, EmergencyForm::Short | EmergencyForm::Country, _) => Some(code.to_owned()),
        }
    }
}
