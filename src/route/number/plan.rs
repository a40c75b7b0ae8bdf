//! What one trunk does to numbers: its country, a form per field and direction, own rules.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use super::country::Country;
use super::e164::{BadNumber, E164};
use super::read::{Dialled, IncomingForm, Party, is_fit, read, without_separators};
use super::rule::RuleList;
use super::write::{OutgoingForm, Written, write};
use crate::sip::{SipUri, Uri};

/// A field that names a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The Request-URI, or what holds the route key.
    Called,
    To,
    From,
    /// P-Asserted-Identity, P-Preferred-Identity and Remote-Party-ID.
    Identity,
    Diversion,
    HistoryInfo,
}

impl Field {
    /// Every field, in the order the configuration lists them.
    pub const ALL: [Field; 6] =
        [Field::Called, Field::To, Field::From, Field::Identity, Field::Diversion, Field::HistoryInfo];

    /// As the configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Called => "request_uri",
            Field::To => "to",
            Field::From => "from",
            Field::Identity => "identity",
            Field::Diversion => "diversion",
            Field::HistoryInfo => "history_info",
        }
    }
}

/// One form for all fields, and others for some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldForms<F> {
    pub default: F,
    pub own: BTreeMap<Field, F>,
}

impl<F: Copy> FieldForms<F> {
    /// One form for all.
    pub const fn all(default: F) -> FieldForms<F> {
        FieldForms { default, own: BTreeMap::new() }
    }

    /// Every form in use.
    pub fn forms(&self) -> impl Iterator<Item = F> + '_ {
        std::iter::once(self.default).chain(self.own.values().copied())
    }

    /// The form of one field.
    pub fn of(&self, field: Field) -> F {
        self.own.get(&field).copied().unwrap_or(self.default)
    }
}

/// Why the user part of a field names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Its digits are no E.164 number.
    NoNumber(BadNumber),
    /// It is not in the form its trunk writes, and too long for a short code.
    OtherForm,
    /// Octets that are no text, or a tel number that is none.
    NoText,
}

impl Unreadable {
    /// Completes the sentence "the number ...".
    pub const fn text(self) -> &'static str {
        match self {
            Unreadable::NoNumber(bad) => bad.text(),
            Unreadable::OtherForm => "is not in the form this trunk writes",
            Unreadable::NoText => "is no text of ASCII",
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Unreadable {}

/// The URI a number is put into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UriStyle {
    /// `sip:+4930@host`.
    #[default]
    Sip,
    /// `sip:+4930@host;user=phone` (RFC 3261 19.1.6).
    SipPhone,
    /// `tel:+4930` (RFC 3966). Short codes stay sip URIs: a local tel number would need a context.
    Tel,
}

/// Whether a trunk's numbers are read at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reads {
    /// By the form of each field.
    #[default]
    ByForm,
    /// Whatever the user part says is the number, octet for octet.
    AsWritten,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NumberPlan {
    pub reads: Reads,
    /// Needed by the national forms; without it prefixes mean nothing.
    pub country: Option<&'static Country>,
    pub incoming: FieldForms<IncomingForm>,
    pub outgoing: FieldForms<OutgoingForm>,
    pub uri_style: UriStyle,
    /// Rewrite what came in, before it is read.
    pub incoming_rules: RuleList,
    /// Rewrite what was written, before it is sent.
    pub outgoing_rules: RuleList,
}

/// How a plan read a field, or wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    pub field: Field,
    /// The user part, or the number, before.
    pub before: String,
    /// The party that was read, or the user part that was written.
    pub after: Result<String, Unreadable>,
    /// Place of the own rule that rewrote it.
    pub rule: Option<usize>,
}

impl NumberPlan {
    /// The party a URI of this field names.
    ///
    /// # Errors
    /// Why it names none; see [`NumberPlan::complaint`] for the sentence.
    pub fn read(&self, field: Field, uri: &Uri) -> Result<Party, Unreadable> {
        self.read_uri(field, uri).0
    }

    /// The same, and the place of the own rule that rewrote it.
    fn read_uri(&self, field: Field, uri: &Uri) -> (Result<Party, Unreadable>, Option<usize>) {
        if self.reads == Reads::AsWritten {
            return (as_written(uri), None);
        }
        let Some(text) = user_text(uri) else { return (Err(Unreadable::NoText), None) };
        match self.read_by_rule(field, &text) {
            (Ok(Party::Name(_)), None) => (named(uri), None),
            read => read,
        }
    }

    /// The same for a field that only informs: what names nobody by the trunk's forms is kept as it is written, and what
    /// cannot be written again is a party without a name.
    pub fn party(&self, field: Field, uri: &Uri) -> Party {
        let kept = self.read(field, uri).or_else(|_| as_written(uri));
        kept.unwrap_or_else(|_| Party::Name(Box::default()))
    }

    /// The same of a user part or tel number with its parameters, escapes removed.
    ///
    /// # Errors
    /// As for [`NumberPlan::read`].
    pub fn read_text(&self, field: Field, text: &str) -> Result<Party, Unreadable> {
        self.read_by_rule(field, text).0
    }

    fn read_by_rule(&self, field: Field, text: &str) -> (Result<Party, Unreadable>, Option<usize>) {
        let (user, params) = text.split_once(';').unwrap_or((text, ""));
        let user = without_separators(user);
        let (rewritten, rule) = self.incoming_rules.apply(field, &user);
        let dialled =
            Dialled { digits: &rewritten, extension: param(params, "ext"), context: param(params, "phone-context") };
        (read(self.incoming.of(field), self.country, dialled), rule)
    }

    /// How a URI of this field is read, and by which rule.
    pub fn reading(&self, field: Field, uri: &Uri) -> Conversion {
        let before = String::from_utf8_lossy(&uri.user_decoded().unwrap_or_default()).into_owned();
        let (party, rule) = self.read_uri(field, uri);
        Conversion { field, before, after: party.map(|party| party.as_str().to_owned()), rule }
    }

    /// How `party` is written in this field, and by which rule.
    pub fn writing(&self, field: Field, party: &Party) -> Conversion {
        let (written, rule) = self.write_by_rule(field, party);
        Conversion { field, before: party.as_str().to_owned(), after: Ok(written.user), rule }
    }

    /// How this peer wants `party` in this field.
    pub fn write(&self, field: Field, party: &Party) -> Written {
        self.write_by_rule(field, party).0
    }

    fn write_by_rule(&self, field: Field, party: &Party) -> (Written, Option<usize>) {
        let written = write(self.outgoing.of(field), self.country, party);
        match self.outgoing_rules.apply(field, &written.user) {
            (Cow::Owned(user), rule @ Some(_)) => (Written { user, ..written }, rule),
            (Cow::Borrowed(user), rule @ Some(_)) => (Written { user: user.to_owned(), ..written }, rule),
            (_, None) => (written, None),
        }
    }

    /// The URI that names `party` to this peer; a sip URI takes host and port from `at`.
    pub fn uri(&self, field: Field, party: &Party, at: &SipUri) -> Uri {
        if self.uri_style == UriStyle::Tel && party.number().is_some() {
            let text = format!("tel:{}", with_extension(self.write(field, party)));
            if let Ok(uri) = Uri::parse(&Bytes::from(text)) {
                return uri;
            }
        }
        Uri::Sip(self.sip_uri(field, party, at))
    }

    /// The same, always as a sip URI.
    pub fn sip_uri(&self, field: Field, party: &Party, at: &SipUri) -> SipUri {
        let written = self.write(field, party);
        let is_phone = self.uri_style == UriStyle::SipPhone && written.is_telephone;
        let user = with_extension(written);
        let user = (!user.is_empty()).then(|| Bytes::from(escaped(user)));
        let mut uri = SipUri::new(user, at.host.clone(), at.port);
        if is_phone {
            uri.set_param("user", Some("phone"));
        }
        uri
    }

    /// The sentence a refusal of this field carries: what is wrong, and the rule it broke.
    pub fn complaint(&self, field: Field, unreadable: Unreadable) -> String {
        let form = self.incoming.of(field).name();
        let country = self.country.map_or("no country set", |country| country.iso);
        format!("{} {unreadable} (numbers.incoming = {form}, {country})", field.name())
    }
}

/// The party of a user part that is taken as it stands; escapes and parameters are part of it.
fn as_written(uri: &Uri) -> Result<Party, Unreadable> {
    let decoded = uri.user_decoded().unwrap_or_default();
    if !decoded.iter().all(|&octet| is_fit(octet)) {
        return Err(Unreadable::NoText);
    }
    let user = match uri {
        Uri::Sip(sip) => Cow::Borrowed(sip.user.as_deref().unwrap_or_default()),
        Uri::Tel(tel) => Cow::Owned(tel.digits()),
        Uri::Other { .. } => return Err(Unreadable::NoText),
    };
    let text = std::str::from_utf8(&user).map_err(|_| Unreadable::NoText)?;
    Ok(match E164::parse(text) {
        Ok(number) => Party::of(number),
        Err(_) if text.eq_ignore_ascii_case("anonymous") => Party::Anonymous,
        Err(_) => Party::Name(text.into()),
    })
}

/// A name keeps its escapes: it is written again as it stands.
fn named(uri: &Uri) -> Result<Party, Unreadable> {
    Ok(match as_written(uri)? {
        Party::Name(text) => Party::Name(text.split(';').next().unwrap_or_default().into()),
        other => other,
    })
}

fn with_extension(written: Written) -> String {
    match written.extension {
        Some(extension) => format!("{};ext={extension}", written.user),
        None => written.user,
    }
}

/// What may not stand in a user part is escaped: `#` of a code, or what a rule wrote. Escapes stay.
fn escaped(user: String) -> String {
    let may_stand = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/%".contains(&octet);
    if user.bytes().all(may_stand) {
        return user;
    }
    let mut out = String::with_capacity(user.len() + 2);
    for octet in user.bytes() {
        match may_stand(octet) {
            true => out.push(char::from(octet)),
            false => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

/// The user part with its parameters, or the tel number with its own. `None`: no ASCII text.
fn user_text(uri: &Uri) -> Option<String> {
    let decoded = uri.user_decoded().unwrap_or_default().into_owned();
    let mut text = String::from_utf8(decoded).ok().filter(|text| text.is_ascii())?;
    let params: Vec<String> = match uri {
        Uri::Sip(sip) => sip.user.iter().flat_map(|user| raw_params(user)).collect(),
        Uri::Tel(tel) => {
            let texts = tel.params.iter().map(|(name, value)| match value {
                Some(value) => format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)),
                None => String::from_utf8_lossy(name).into_owned(),
            });
            texts.collect()
        }
        Uri::Other { .. } => return None,
    };
    for param in params {
        text.push(';');
        text.push_str(&param);
    }
    Some(text)
}

fn raw_params(user: &[u8]) -> Vec<String> {
    user.split(|&octet| octet == b';').skip(1).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

fn param<'t>(params: &'t str, name: &str) -> Option<&'t str> {
    params.split(';').find_map(|param| {
        let (key, value) = param.split_once('=')?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}
