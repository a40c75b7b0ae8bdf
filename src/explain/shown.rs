//! An explanation as data: what the API sends as JSON and the command line prints.

use serde::Serialize;

use super::cause;
use super::header::Rules;
use super::numbers::read_by;
use super::policy::{answered, sentences};
use super::question::Question;
use super::stage::Played;
use super::verdict::{FraudVerdict, UrgentShown};
use crate::call::Guarded;
use crate::call::step::{Place, Step, Urgency, Writing};
use crate::route::directory::{Claim, Direction};
use crate::route::identify::KnownBy;
use crate::route::number::Field;
use crate::route::ruling::{Ruling, Stopped};
use crate::route::table::{Considered, Verdict};
use crate::route::trunk::Trunk;
use crate::sip::Request;

/// What would happen to a call, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Whether it reaches anybody.
    pub allowed: bool,
    /// What the caller is answered when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refused>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Known>,
    pub readings: Vec<Reading>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<Calling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Owner>,
    pub routes: Vec<RouteShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency: Option<UrgentShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fraud: Option<FraudVerdict>,
    /// What the emergency rules and the fraud guard say, in sentences.
    pub guard: Vec<String>,
    pub candidates: Vec<String>,
    pub invites: Vec<Invite>,
}

/// The trunk the call comes in on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    pub name: String,
    pub profile: String,
    /// What its peer is known by.
    pub by: String,
    /// What it is shown of the other side inside the call, in sentences.
    pub policy: Vec<String>,
}

/// One field that names somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    pub header: String,
    pub written: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Why it is no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    pub rule: String,
}

/// Who calls, as routes and records know him.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Calling {
    pub number: String,
    pub by: String,
    pub hides: bool,
}

/// Whose call it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What tells so.
    pub by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_header: Option<String>,
}

/// One route of the trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteShown {
    pub name: String,
    /// `taken`, `missed` or `notReached`.
    pub verdict: String,
    pub why: String,
    /// Trunks and groups, as the route names them.
    pub to: Vec<String>,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    pub status: u16,
    pub cause: String,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q850: Option<u8>,
    /// Where to look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// An INVITE of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Invite {
    pub trunk: String,
    pub request_uri: String,
    pub request_uri_rule: String,
    pub headers: Vec<HeaderShown>,
    /// What this trunk's peer is shown, in sentences.
    pub policy: Vec<String>,
}

/// One header with the rule that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeaderShown {
    pub name: String,
    pub value: String,
    pub rule: String,
}

/// Puts what was played into words.
pub fn explanation(question: &Question, played: Played) -> Explanation {
    let mut shown = Explanation { allowed: !played.invites.is_empty(), ..Explanation::default() };
    let mut trunk = None;
    for step in &played.steps {
        if let Step::Identified { trunk: known, by } = step {
            trunk = Some(known.clone());
            shown.trunk = Some(self::known(known, *by));
        }
        shown.take(step, trunk.as_deref());
    }
    if let Some(limit @ Guarded::Limit { .. }) = &played.guarded {
        shown.guard.push(limit.to_string());
    }
    shown.invites = played.invites.iter().filter_map(|(request, _)| invite(request, &played.steps)).collect();
    if !shown.allowed {
        shown.refusal = Some(refusal(question, &played, &shown.guard));
    }
    shown
}

impl Explanation {
    fn take(&mut self, step: &Step, trunk: Option<&Trunk>) {
        match step {
            Step::Identified { .. } | Step::Written(_) | Step::Refused(_) => {}
            Step::Read(readings) => {
                let read = |(header, conversion): &(&'static str, _)| reading(header, conversion, trunk);
                self.readings = readings.iter().map(read).collect();
            }
            Step::Caller { number, by, is_private } => {
                let by = by.map_or_else(|| "From".to_owned(), |header| header.name().as_str().to_owned());
                self.caller = Some(Calling { number: number.clone(), by, hides: *is_private });
            }
            Step::Ruled(ruling) => self.account = Some(owner(ruling)),
            Step::Urgent(urgency) => self.urgent(urgency),
            Step::Routes(routes) => self.routes = routes.iter().map(route).collect(),
            Step::Weighed { destination, outcome, prefix } => {
                let verdict = FraudVerdict::of(*destination, *outcome, prefix.as_deref());
                self.guard.push(verdict.text.clone());
                self.fraud = Some(verdict);
            }
            Step::Candidates(places) => self.candidates = places.iter().map(place).collect(),
        }
    }

    fn urgent(&mut self, urgency: &Urgency) {
        let account = urgency.account.as_ref().map(|account| account.name.as_str().to_owned());
        let by = match account {
            Some(_) => "a number or name of the call is its; an emergency call is not screened (PF-163)",
            None => "nobody's; an emergency call is not screened (PF-163)",
        };
        self.account = Some(Owner { name: account, by: by.to_owned(), ..Owner::default() });
        let shown = UrgentShown::of(urgency);
        self.guard.extend(shown.sentences.iter().cloned());
        self.emergency = Some(shown);
    }
}

fn known(trunk: &Trunk, by: KnownBy) -> Known {
    let by = match by {
        KnownBy::Source(net) => format!("its source, which is in {net}"),
        KnownBy::SourceAndCertificate(net) => format!("its source, which is in {net}, and a name of its certificate"),
        KnownBy::Certificate => "a name of its certificate".to_owned(),
        KnownBy::Registration => "the connection of our registration".to_owned(),
    };
    Known { name: trunk.name.to_string(), profile: trunk.profile.to_string(), by, policy: answered(trunk) }
}

fn reading(header: &str, conversion: &crate::route::number::Conversion, trunk: Option<&Trunk>) -> Reading {
    let rule = trunk.map(|trunk| read_by(&trunk.presentation.numbers, conversion)).unwrap_or_default();
    let (number, problem) = match &conversion.after {
        Ok(number) => (Some(number.clone()), None),
        Err(unreadable) => (None, Some(unreadable.text().to_owned())),
    };
    Reading { header: header.to_owned(), written: conversion.before.clone(), number, problem, rule }
}

fn owner(ruling: &Ruling) -> Owner {
    let decision = ruling.outcome.as_ref().ok().map(|passed| &passed.decision);
    let by = match decision.and_then(|decision| decision.claim) {
        Some(Claim::Called) => "the called number is its",
        Some(Claim::Calling) => "the caller's number is its",
        Some(Claim::Diverting) => "the number that sent the call on is its (PF-25)",
        Some(Claim::Host) => "the host of the Request-URI is its name; the account is not screened (MD-62)",
        Some(Claim::Replaced) => "the host of the Request-URI is its name; its own number is shown instead",
        None => match (&ruling.account, ruling.direction) {
            (Some(_), _) => "a number or name of the call is its",
            (None, None) => "nobody's: between two trunks of one role nothing is provisioned",
            (None, Some(Direction::CarrierToPlatform | Direction::PlatformToCarrier)) => {
                "nobody's: no number or name of the call is provisioned"
            }
        },
    };
    Owner {
        name: ruling.account.as_ref().map(|account| account.name.as_str().to_owned()),
        by: by.to_owned(),
        number: decision.and_then(|decision| decision.number.as_ref()).map(ToString::to_string),
        service: ruling.service.map(|service| service.name().to_owned()),
        custom_header: decision
            .and_then(|decision| decision.custom_header.as_ref())
            .map(|content| content.as_str().to_owned()),
    }
}

fn route(considered: &Considered) -> RouteShown {
    let (verdict, why) = match &considered.verdict {
        Verdict::Taken => ("taken", "it is the first that fits".to_owned()),
        Verdict::Missed(why) => ("missed", why.clone()),
        Verdict::NotReached => ("notReached", "a route before it is taken".to_owned()),
    };
    RouteShown { name: considered.route.to_string(), verdict: verdict.to_owned(), why, to: considered.to.to_vec() }
}

fn place(place: &Place) -> String {
    match place.port {
        Some(port) => format!("{} at {}:{port}", place.trunk, place.host),
        None => format!("{} at {}", place.trunk, place.host),
    }
}

/// One INVITE, by what it was written from.
fn invite(request: &Request, steps: &[Step]) -> Option<Invite> {
    let of = |step: &'_ Step| if let Step::Written(writing) = step { Some(writing.clone()) } else { None };
    let writing = steps.iter().filter_map(of).find(|writing| writing.call_id == request.call_id)?;
    Some(written(request, &writing))
}

fn written(request: &Request, writing: &Writing) -> Invite {
    let mut rules = Rules::of(writing);
    let fields = request.message.raw_headers();
    let headers = fields.map(|(name, value)| {
        let name = String::from_utf8_lossy(name).into_owned();
        let rule = rules.of_field(&name, value);
        HeaderShown { name, value: String::from_utf8_lossy(value).into_owned(), rule }
    });
    let headers = headers.collect();
    Invite {
        trunk: writing.trunk.name.to_string(),
        request_uri: request.uri.to_string(),
        request_uri_rule: rules.of_called(Field::Called),
        headers,
        policy: sentences(&writing.trunk),
    }
}

fn refusal(question: &Question, played: &Played, guard: &[String]) -> Refused {
    let cause = played.record.as_ref().map(|record| record.cause);
    // Refused before it was a call: that says more than its record.
    let cause = cause.filter(|_| played.refused_as.is_none());
    let label = played.refused_as.or(cause.map(|cause| cause.label())).unwrap_or("not_answered");
    let status = played.refusal.as_ref().map_or(0, |response| response.status.code());
    let mut text = match cause {
        Some(cause) => cause.text().to_owned(),
        None => played.steps.iter().rev().find_map(refused_text).unwrap_or_else(|| label.replace('_', " ")),
    };
    if let (Some(_), Some(why)) = (&played.guarded, guard.last()) {
        text = format!("{text}: {why}");
    }
    if let Some(nearest) = played.steps.iter().find_map(nearest_miss) {
        text = format!("{text}; nearest: {nearest}");
    }
    let key = match &played.guarded {
        Some(Guarded::Destination(blocked)) => Some(blocked.by.key().to_owned()),
        Some(Guarded::Limit { exceeded, .. }) => Some(format!("fraud.limits[{}].{}", exceeded.rule, exceeded.limit)),
        None => cause::key(label).map(|key| key.replace("NAME", &question.from)),
    };
    Refused { status, cause: label.to_owned(), text, q850: cause.map(|cause| cause.q850()), key }
}

fn refused_text(step: &Step) -> Option<String> {
    let Step::Refused(refusal) = step else { return None };
    let words = refusal.label().replace('_', " ");
    Some(match refusal.explanation() {
        Some((name, value)) => format!("{words} ({}: {value})", name.as_str()),
        None => words,
    })
}

fn nearest_miss(step: &Step) -> Option<&str> {
    let Step::Ruled(ruling) = step else { return None };
    match &ruling.outcome {
        Err(Stopped::NoRoute(missed)) => missed.nearest.as_deref(),
        Ok(_) | Err(Stopped::Denied(_)) => None,
    }
}
