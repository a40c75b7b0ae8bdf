//! What the fraud guard says of the called number, and what becomes of an emergency call.

use serde::Serialize;

use crate::call::step::Urgency;
use crate::route::fraud::{AllowedBy, Blocked, BlockedBy, Destination};
use crate::route::ruling::Elins;

/// What the fraud guard says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FraudVerdict {
    pub allowed: bool,
    /// What the called number is: `domestic`, `international`, `premium` ...
    pub class: String,
    /// Whose number it is, ISO 3166.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The key of the configuration that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The entry of that key, where it holds prefixes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    pub text: String,
}

impl FraudVerdict {
    pub fn of(destination: Destination, outcome: Result<AllowedBy, BlockedBy>, prefix: Option<&str>) -> FraudVerdict {
        let Destination { class, country } = destination;
        let (key, text) = match outcome {
            Ok(by) => (by.key(), allowed(destination, by)),
            Err(by) => (Some(by.key()), Blocked { by, destination }.to_string()),
        };
        let entry = prefix.map(|prefix| format!(" ({prefix})")).unwrap_or_default();
        FraudVerdict {
            allowed: outcome.is_ok(),
            class: class.name().to_owned(),
            country: country.map(|country| country.as_str().to_owned()),
            key: key.map(str::to_owned),
            prefix: prefix.map(str::to_owned),
            text: format!("{text}{entry}"),
        }
    }
}

fn allowed(Destination { class, country }: Destination, by: AllowedBy) -> String {
    let of = country.map(|country| format!(" of {country}")).unwrap_or_default();
    let why = match by {
        AllowedBy::GuardOff => "the guard is off, for no trunk names a country and fraud.allow_countries is empty",
        AllowedBy::OwnCountry => "a trunk names that country (numbers.country)",
        AllowedBy::Costless => "it costs nothing",
        AllowedBy::AllowCountries => "fraud.allow_countries names that country, or a trunk does",
        AllowedBy::AllowClasses => "fraud.allow_classes names it",
        AllowedBy::AllowPrefixes => "fraud.allow_prefixes names its beginning",
    };
    format!("the called number is {}{of}: allowed, {why}", class.name())
}

/// An emergency call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UrgentShown {
    pub code: String,
    /// The emergency route that fits, and the ordinary one behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usual_route: Option<String>,
    pub trunks: Vec<String>,
    /// Platforms that a carrier's call for help never reaches (PF-51).
    pub barred: Vec<String>,
    /// Numbers that may stand for the place it comes from.
    pub elins: Vec<String>,
    /// The same in sentences.
    #[serde(skip)]
    pub sentences: Vec<String>,
}

impl UrgentShown {
    pub fn of(urgency: &Urgency) -> UrgentShown {
        let strings = |names: &[std::sync::Arc<str>]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let shown = UrgentShown {
            code: urgency.code.clone(),
            route: urgency.route.map(|place| format!("emergency.routes[{place}]")),
            usual_route: urgency.usual.as_ref().map(ToString::to_string),
            trunks: strings(&urgency.trunks),
            barred: strings(&urgency.barred),
            elins: urgency.elins.offered().iter().map(ToString::to_string).collect(),
            sentences: Vec::new(),
        };
        UrgentShown { sentences: shown.sentences(&urgency.elins), ..shown }
    }

    fn sentences(&self, elins: &Elins) -> Vec<String> {
        let exempt =
            "no limit, screening, suspension or fraud guard stops it, and who refuses it is followed by the next";
        let mut all = vec![format!("{} is an emergency number: {exempt}", self.code)];
        all.push(match (&self.route, &self.usual_route, self.trunks.is_empty()) {
            (_, _, true) if self.barred.is_empty() => "no emergency route and no route fits the code".to_owned(),
            (_, _, true) => "nobody is left whom it may reach".to_owned(),
            (Some(route), Some(usual), _) => format!("{route} leads, and route {usual} after it"),
            (Some(route), None, _) => format!("{route} leads"),
            (None, Some(usual), _) => format!("no emergency route fits; route {usual} leads"),
            (None, None, _) => "no route fits".to_owned(),
        });
        if !self.barred.is_empty() {
            let barred = self.barred.join(", ");
            all.push(format!("never to {barred}: from a carrier it reaches no platform (PF-51)"));
        }
        all.extend(match elins {
            Elins::Unwanted => None,
            Elins::Unknown => Some(
                "an ELIN is wanted (emergency.caller = elin), and none is known: the caller's number is shown"
                    .to_owned(),
            ),
            Elins::OfPlace(_) => Some(format!("ELIN {}, by its location", self.elins.join(" or "))),
            Elins::OfNumber(_) => Some(format!("ELIN {}, of the caller's number", self.elins.join(" or "))),
        });
        all
    }
}
