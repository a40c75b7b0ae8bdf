//! `numbers`, `identity`, `diversion` and `headers` of a trunk or a profile.

use super::read::{Field, Table};
use super::report::shown;
use super::suggest::country_meant;
use super::{emergency, grammar, user_to_user};
use crate::route::caller::{
    AnonymousHost, AssertedShows, CallerReading, CallerShowing, DisplayRule, FromShows, IdentityHeader, PrivateFrom,
};
use crate::route::diverting::HistoryStyle;
use crate::route::number::{
    Country, E164, Field as NumberField, FieldForms, IncomingForm, NumberPlan, NumberRule, OutgoingForm, Party, Reads,
    RuleList, UriStyle, country,
};
use crate::route::policy::{Edit, HeaderName, HeaderPolicy, MostPassed, NamePattern, Template};
use crate::route::presentation::{BodyPolicy, DivertingHeaders, DivertingSettings, Presentation, RouteKey, Unroutable};
use crate::sip::Method;

const INCOMING: [(&str, IncomingForm); 4] = [
    ("e164", IncomingForm::E164),
    ("e164-no-plus", IncomingForm::E164NoPlus),
    ("national", IncomingForm::National),
    ("international", IncomingForm::International),
];

const OUTGOING: [(&str, OutgoingForm); 4] = [
    ("e164", OutgoingForm::E164),
    ("e164-no-plus", OutgoingForm::E164NoPlus),
    ("national", OutgoingForm::National),
    ("international", OutgoingForm::International),
];

/// Reads the four tables; what is not written stays as in `base`.
pub(super) fn presentation(parent: &Table<'_>, base: &Presentation) -> Presentation {
    let numbers = parent.table("numbers", "{ country = \"DE\" }");
    let key = numbers.field("route_key", "\"request-uri\"").and_then(|field| field.parsed(route_key));
    let unroutable = numbers.field("unroutable", "\"404\"").and_then(|field| field.choice(&UNROUTABLE));
    let reads = if parent.has("numbers") { Reads::ByForm } else { base.numbers.reads };
    let plan = NumberPlan { reads, ..plan(&numbers, &base.numbers) };
    numbers.close();
    let identity = parent.table("identity", "{ trusted = true }");
    let presentation = Presentation {
        route_key: key.unwrap_or_else(|| base.route_key.clone()),
        unroutable: unroutable.unwrap_or(base.unroutable),
        reading: reading(&identity, &base.reading),
        showing: showing(&identity, &base.showing, plan.country),
        diverting: diverting(parent, base.diverting),
        headers: headers(parent, &base.headers),
        bodies: bodies(parent, &base.bodies),
        emergency: emergency::writing(parent, &base.emergency, plan.country),
        numbers: plan,
    };
    identity.close();
    presentation
}

const UNROUTABLE: [(&str, Unroutable); 3] =
    [("404", Unroutable::NotFound), ("484", Unroutable::AddressIncomplete), ("pass", Unroutable::Pass)];

fn route_key(text: &str) -> Result<RouteKey, String> {
    match text {
        "request-uri" => Ok(RouteKey::RequestUri),
        "to" => Ok(RouteKey::To),
        "p-called-party-id" => Ok(RouteKey::PCalledPartyId),
        other => match other.strip_prefix("header:").map(grammar::token) {
            Some(Ok(name)) => Ok(RouteKey::Header(name.into())),
            Some(Err(_)) | None => Err("is none of request-uri, to, p-called-party-id and header:NAME".to_owned()),
        },
    }
}

// ---- numbers

fn plan(table: &Table<'_>, base: &NumberPlan) -> NumberPlan {
    const STYLES: [(&str, UriStyle); 3] =
        [("sip", UriStyle::Sip), ("sip-phone", UriStyle::SipPhone), ("tel", UriStyle::Tel)];
    let found =
        table.field("country", "\"DE\"").and_then(|field| field.parsed(|text| country_meant(text, known_country)));
    let plan = NumberPlan {
        reads: base.reads,
        country: found.or(base.country),
        incoming: forms(table, "incoming", &INCOMING, &base.incoming),
        outgoing: forms(table, "outgoing", &OUTGOING, &base.outgoing),
        uri_style: table.field("uri", "\"sip\"").and_then(|field| field.choice(&STYLES)).unwrap_or(base.uri_style),
        incoming_rules: rules(table, "incoming_rules").unwrap_or_else(|| base.incoming_rules.clone()),
        outgoing_rules: rules(table, "outgoing_rules").unwrap_or_else(|| base.outgoing_rules.clone()),
    };
    if !table.has("country") {
        needs_country(table, &plan);
    }
    plan
}

fn known_country(text: &str) -> Result<&'static Country, String> {
    country(text).ok_or_else(|| {
        let codes: Vec<&str> = Country::all().iter().map(|country| country.iso).collect();
        format!("is no country whose numbering plan is known; there are {}", codes.join(", "))
    })
}

/// A national form means nothing without a country.
fn needs_country(table: &Table<'_>, plan: &NumberPlan) {
    let national_in =
        plan.incoming.forms().any(|form| matches!(form, IncomingForm::National | IncomingForm::International));
    let national_out =
        plan.outgoing.forms().any(|form| matches!(form, OutgoingForm::National | OutgoingForm::International));
    if plan.country.is_none() && (national_in || national_out) {
        let text = "names a national or international form without a country; write country = \"DE\" beside it";
        table.doc().error(table.path(), text);
    }
}

/// `"national"` for every field, or `{ default = "national", to = "e164" }`.
fn forms<F: Copy>(table: &Table<'_>, key: &'static str, words: &[(&str, F)], base: &FieldForms<F>) -> FieldForms<F> {
    let Some(field) = table.field(key, "\"e164\"") else { return base.clone() };
    if field.is_text() {
        return field.choice(words).map_or_else(|| base.clone(), FieldForms::all);
    }
    let Some(own) = field.table() else { return base.clone() };
    let mut forms = base.clone();
    if let Some(form) = own.field("default", "\"e164\"").and_then(|field| field.choice(words)) {
        forms.default = form;
    }
    for name in NumberField::ALL {
        if let Some(form) = own.field(name.name(), "\"e164\"").and_then(|field| field.choice(words)) {
            forms.own.insert(name, form);
        }
    }
    own.close();
    forms
}

pub(super) fn rules(table: &Table<'_>, key: &'static str) -> Option<RuleList> {
    let field = table.field(key, "[{ match = \"^9(.*)$\", replace = \"+49${1}\" }]")?;
    let rules = field.list()?.iter().filter_map(rule).collect();
    Some(RuleList::new(rules))
}

fn rule(field: &Field<'_>) -> Option<NumberRule> {
    let fields = NumberField::ALL.map(|field| (field.name(), field));
    let table = field.table()?;
    let only = table.field("field", "\"request_uri\"").and_then(|field| field.choice(&fields));
    let pattern = table.need("match", "\"^9(.*)$\"");
    let replacement = table.need("replace", "\"+49${1}\"");
    table.close();
    let pattern = pattern?.parsed(|text| NumberRule::new(only, text, "").map(|_| text.to_owned()))?;
    let replacement = replacement?;
    let text = replacement.text_or_nothing()?;
    let rule = NumberRule::new(only, &pattern, text);
    rule.map_err(|reason| replacement.refuse(format_args!("{} {reason}", shown(text)))).ok()
}

// ---- identity

const IDENTITY_HEADERS: [(&str, IdentityHeader); 3] = [
    ("p-asserted-identity", IdentityHeader::Asserted),
    ("p-preferred-identity", IdentityHeader::Preferred),
    ("remote-party-id", IdentityHeader::RemoteParty),
];

fn identity_headers(table: &Table<'_>, key: &'static str) -> Option<Vec<IdentityHeader>> {
    let fields = table.field(key, "[\"p-asserted-identity\"]")?.list()?;
    Some(fields.iter().filter_map(|field| field.choice(&IDENTITY_HEADERS)).collect())
}

fn reading(table: &Table<'_>, base: &CallerReading) -> CallerReading {
    CallerReading { believed: identity_headers(table, "believe").unwrap_or_else(|| base.believed.clone()) }
}

fn showing(table: &Table<'_>, base: &CallerShowing, country: Option<&'static Country>) -> CallerShowing {
    const FROM: [(&str, FromShows); 3] =
        [("caller", FromShows::Caller), ("asserted", FromShows::Asserted), ("pilot", FromShows::Pilot)];
    const PRIVATE: [(&str, PrivateFrom); 2] =
        [("anonymous", PrivateFrom::Anonymous), ("asserted", PrivateFrom::Asserted)];
    const ASSERTED: [(&str, AssertedShows); 3] =
        [("caller", AssertedShows::Caller), ("pilot", AssertedShows::Pilot), ("diverting", AssertedShows::Diverting)];
    const HOSTS: [(&str, AnonymousHost); 2] = [("invalid", AnonymousHost::Invalid), ("own", AnonymousHost::Own)];
    let from = table.field("from", "\"caller\"").and_then(|field| field.choice(&FROM)).unwrap_or(base.from);
    let asserted = table.field("asserted", "\"caller\"").and_then(|field| field.choice(&ASSERTED));
    let private = table.field("private_from", "\"anonymous\"").and_then(|field| field.choice(&PRIVATE));
    let host = table.field("anonymous_host", "\"invalid\"").and_then(|field| field.choice(&HOSTS));
    let pilot = table.field("pilot", "\"+493012345\"").and_then(|field| field.parsed(e164)).map(Party::of);
    let showing = CallerShowing {
        trusted: table.flag("trusted", "true").unwrap_or(base.trusted),
        from,
        private_from: private.unwrap_or(base.private_from),
        headers: identity_headers(table, "send").unwrap_or_else(|| base.headers.clone()),
        asserted: asserted.unwrap_or(base.asserted),
        pilot: pilot.or_else(|| base.pilot.clone()),
        display: display(table, base.display),
        anonymous_host: host.unwrap_or(base.anonymous_host),
    };
    let wants_pilot = showing.from == FromShows::Pilot || showing.asserted == AssertedShows::Pilot;
    if wants_pilot && showing.pilot.is_none() && !table.has("pilot") {
        let example = country.map_or("+493012345".to_owned(), |country| format!("+{}...", country.calling_code));
        table.doc().error(table.path(), format!("shows the pilot number and names none; write pilot = \"{example}\""));
    }
    showing
}

pub(super) fn e164(text: &str) -> Result<E164, String> {
    E164::parse(text).map_err(|bad| bad.to_string())
}

/// `display = "keep" | "strip"`, or a number of ASCII characters.
fn display(table: &Table<'_>, base: DisplayRule) -> DisplayRule {
    let Some(field) = table.field("display", "\"keep\"") else { return base };
    let rule = match field.is_text() {
        true => field.choice(&[("keep", DisplayRule::Keep), ("strip", DisplayRule::Strip)]),
        false => field.whole(1..=u8::MAX).map(|characters| DisplayRule::Ascii { characters }),
    };
    rule.unwrap_or(base)
}

// ---- diversion

fn diverting(parent: &Table<'_>, base: DivertingSettings) -> DivertingSettings {
    const SEND: [(&str, DivertingHeaders); 5] = [
        ("drop", DivertingHeaders::Drop),
        ("diversion", DivertingHeaders::Diversion),
        ("history-info", DivertingHeaders::HistoryInfo),
        ("both", DivertingHeaders::Both),
        ("as-received", DivertingHeaders::AsReceived),
    ];
    const STYLES: [(&str, HistoryStyle); 2] = [("rfc7044", HistoryStyle::Rfc7044), ("rfc4244", HistoryStyle::Rfc4244)];
    let table = parent.table("diversion", "{ send = \"diversion\" }");
    let settings = DivertingSettings {
        send: table.field("send", "\"diversion\"").and_then(|field| field.choice(&SEND)).unwrap_or(base.send),
        style: table.field("history", "\"rfc7044\"").and_then(|field| field.choice(&STYLES)).unwrap_or(base.style),
        always: table.flag("always", "false").unwrap_or(base.always),
    };
    if settings.always && settings.send == DivertingHeaders::Drop {
        table.doc().error(&table.path_of("always"), "is true while send = \"drop\"; write send = \"diversion\"");
    }
    table.close();
    settings
}

// ---- headers

fn headers(parent: &Table<'_>, base: &HeaderPolicy) -> HeaderPolicy {
    let table = parent.table("headers", "{ pass = [\"User-to-User\"] }");
    let pass = table.field("pass", "[\"User-to-User\", \"X-*\"]");
    let pattern = |text: &str| NamePattern::parse(text).map_err(|fault| fault.to_string());
    let options = table.field("hide_supported", "[\"timer\"]").and_then(|field| field.all(grammar::token));
    let methods = table.field("hide_allow", "[\"INFO\"]").and_then(|field| field.all(method));
    let edits = table.field("edits", "[{ add = \"X-Trunk\", value = \"${from_trunk}\" }]");
    let policy = HeaderPolicy {
        pass: pass.and_then(|field| field.all(pattern)).unwrap_or_else(|| base.pass.clone()),
        edits: edits.and_then(|field| self::edits(&field)).unwrap_or_else(|| base.edits.clone()),
        stripped: None,
        hidden_options: options.unwrap_or_else(|| base.hidden_options.clone()),
        hidden_methods: methods.unwrap_or_else(|| base.hidden_methods.clone()),
        context: user_to_user::builder(parent, base.context.as_ref()),
        most_passed: MostPassed::default(),
    };
    table.close();
    policy
}

fn bodies(parent: &Table<'_>, base: &BodyPolicy) -> BodyPolicy {
    let table = parent.table("bodies", "{ pass = [\"application/pidf+xml\"] }");
    let pass = table.field("pass", "[\"application/pidf+xml\"]").and_then(|field| field.all(media_type));
    table.close();
    BodyPolicy { pass: pass.unwrap_or_else(|| base.pass.clone()) }
}

/// A type that may stand beside a description. The description is always written, and multiparts are taken apart.
fn media_type(text: &str) -> Result<Box<str>, String> {
    let (kind, subtype) = text.split_once('/').ok_or("is no media type: type/subtype")?;
    let subtype_fits = subtype == "*" || grammar::token(subtype).is_ok() && !subtype.contains('*');
    if grammar::token(kind).is_err() || kind.contains('*') || !subtype_fits {
        return Err("is no media type: type/subtype or type/*".to_owned());
    }
    match text.to_ascii_lowercase() {
        text if text == "application/sdp" || text.starts_with("multipart/") => {
            Err("is written by Trunkline itself; name what may stand beside it".to_owned())
        }
        text => Ok(text.into()),
    }
}

/// Methods a peer must know we take: without them there is no call.
const NEEDED: [Method; 4] = [Method::Invite, Method::Ack, Method::Bye, Method::Cancel];

fn method(text: &str) -> Result<Method, String> {
    match Method::from_token(text) {
        Method::Other(_) => Err("is no method Trunkline names in Allow".to_owned()),
        method if NEEDED.contains(&method) => Err("cannot be hidden: there is no call without it".to_owned()),
        method => Ok(method),
    }
}

fn edits(field: &Field<'_>) -> Option<Vec<Edit>> {
    Some(field.list()?.iter().filter_map(edit).collect())
}

/// One of `{ add, value }`, `{ set, value }`, `{ remove }`, `{ copy, to }`, `{ map, match, replace }`.
fn edit(field: &Field<'_>) -> Option<Edit> {
    let table = field.table()?;
    let name = |text: &str| HeaderName::parse(text).map_err(|fault| fault.to_string());
    let value =
        || table.need("value", "\"text\"")?.parsed(|text| Template::parse(text).map_err(|fault| fault.to_string()));
    let [add, set, remove, copy, map] =
        ["add", "set", "remove", "copy", "map"].map(|key| table.field(key, "\"X-Name\""));
    let edit = match (add, set, remove, copy, map) {
        (Some(add), None, None, None, None) => {
            add.parsed(name).zip(value()).map(|(name, value)| Edit::Add { name, value })
        }
        (None, Some(set), None, None, None) => {
            set.parsed(name).zip(value()).map(|(name, value)| Edit::Set { name, value })
        }
        (None, None, Some(remove), None, None) => remove.parsed(name).map(|name| Edit::Remove { name }),
        (None, None, None, Some(copy), None) => {
            let to = table.need("to", "\"X-Name\"").and_then(|field| field.parsed(name))?;
            copy.parsed(|from| Edit::copy(from, to).map_err(|fault| fault.to_string()))
        }
        (None, None, None, None, Some(map)) => map_edit(&table, &map),
        _ => {
            field.refuse("is none of add, set, remove, copy and map, or several of them");
            return None;
        }
    };
    table.close();
    edit
}

fn map_edit(table: &Table<'_>, map: &Field<'_>) -> Option<Edit> {
    let name = map.parsed(|text| HeaderName::parse(text).map_err(|fault| fault.to_string()));
    let pattern = table.need("match", "\"^(.*)$\"");
    let replacement = table.need("replace", "\"${1}\"").and_then(|field| field.text_or_nothing());
    let (name, replacement) = name.zip(replacement)?;
    pattern?.parsed(|text| Edit::map(name, text, replacement).map_err(|fault| fault.to_string()))
}
