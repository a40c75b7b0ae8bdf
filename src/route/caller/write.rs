//! What a peer is shown of the caller.

use bytes::Bytes;

use super::privacy::PrivacyToken;
use super::{Caller, Identity, IdentityHeader};
use crate::route::diverting::Diversions;
use crate::route::number::{Field, NumberPlan, Party};
use crate::sip::header::params::Params;
use crate::sip::{Host, Name, NameAddr, SipUri, Uri};

/// Whom From names when nobody hides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FromShows {
    /// Who stood in From.
    #[default]
    Caller,
    /// The asserted identity, because the peer displays From alone (MD-86).
    Asserted,
    /// The trunk's pilot number.
    Pilot,
}

/// Whom the identity headers name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AssertedShows {
    /// The caller's identity.
    #[default]
    Caller,
    /// The trunk's pilot number, the caller in From: the carrier does not screen From (PF-135).
    Pilot,
    /// Of a call that was sent on: who did so last (MD-100); else the caller.
    Diverting,
}

/// What From shows a trusted peer of a caller who hides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PrivateFrom {
    /// Anonymous (RFC 3323 4.1).
    #[default]
    Anonymous,
    /// The asserted number beside `Privacy: id`, for carriers that need one there (MD-98).
    Asserted,
}

/// Host of an anonymous From.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AnonymousHost {
    /// `anonymous.invalid` (RFC 3323 4.1.1.3).
    #[default]
    Invalid,
    /// Our own name, for a peer that looks it up (MD-87).
    Own,
}

/// What becomes of display names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DisplayRule {
    #[default]
    Keep,
    Strip,
    /// Printable ASCII only, cut after so many characters (PF-140).
    Ascii {
        characters: u8,
    },
}

/// How one trunk is shown callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerShowing {
    /// Inside our trust domain (RFC 3325 4): may learn who hides.
    pub trusted: bool,
    pub from: FromShows,
    pub private_from: PrivateFrom,
    /// Headers that are written besides From.
    pub headers: Vec<IdentityHeader>,
    pub asserted: AssertedShows,
    pub pilot: Option<Party>,
    pub display: DisplayRule,
    pub anonymous_host: AnonymousHost,
}

impl Default for CallerShowing {
    fn default() -> Self {
        CallerShowing {
            trusted: true,
            from: FromShows::Caller,
            private_from: PrivateFrom::Anonymous,
            headers: Vec::new(),
            asserted: AssertedShows::Caller,
            pilot: None,
            display: DisplayRule::Keep,
            anonymous_host: AnonymousHost::Invalid,
        }
    }
}

impl CallerShowing {
    /// The same for a call that shows its place: no pilot and no diverting number stands in for that.
    pub fn of_place(&self) -> CallerShowing {
        CallerShowing { from: FromShows::Caller, asserted: AssertedShows::Caller, ..self.clone() }
    }
}

/// From without its tag, and the headers that go with it, Privacy among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCaller {
    pub from: NameAddr,
    pub headers: Vec<(Name, Bytes)>,
}

impl Caller {
    /// What a peer is shown; `host` is ours towards it.
    pub fn write(&self, showing: &CallerShowing, list: &Diversions, plan: &NumberPlan, host: &SipUri) -> ShownCaller {
        let pen = Pen { showing, plan, host };
        let from = pen.from(self);
        let may_see = showing.trusted || !self.is_private();
        let asserted = pen.asserted(self, list).filter(|_| may_see && !showing.headers.is_empty());
        let mut headers: Vec<(Name, Bytes)> = Vec::new();
        if let Some(identity) = &asserted {
            headers.extend(showing.headers.iter().map(|header| (header.name(), pen.identity(identity, *header, self))));
        }
        headers.extend(self.privacy_towards(showing, asserted.is_some()).map(|value| (Name::Privacy, value)));
        ShownCaller { from, headers }
    }

    /// Privacy goes on as it came; where an identity goes with it, it must hide that identity.
    fn privacy_towards(&self, showing: &CallerShowing, with_identity: bool) -> Option<Bytes> {
        let mut privacy = self.privacy.clone();
        if self.is_private() && with_identity && showing.trusted {
            privacy.add(PrivacyToken::Id);
        }
        privacy.to_bytes()
    }
}

/// What writing needs at hand.
struct Pen<'a> {
    showing: &'a CallerShowing,
    plan: &'a NumberPlan,
    host: &'a SipUri,
}

impl Pen<'_> {
    fn from(&self, caller: &Caller) -> NameAddr {
        let shows_hidden = self.showing.trusted && self.showing.private_from == PrivateFrom::Asserted;
        if caller.is_private() && !shows_hidden {
            return self.anonymous();
        }
        let pilot =
            || self.showing.pilot.clone().map(|party| Identity { party, display: caller.shown.display.clone() });
        let identity = match self.showing.from {
            FromShows::Pilot => pilot().unwrap_or_else(|| caller.shown.clone()),
            FromShows::Asserted => with_name(caller.identity(), &caller.shown),
            FromShows::Caller if caller.is_private() => caller.identity().clone(),
            FromShows::Caller => caller.shown.clone(),
        };
        match identity.party {
            Party::Anonymous => self.anonymous(),
            Party::Number { .. } | Party::Short(_) | Party::Name(_) => self.name_addr(&identity, Field::From),
        }
    }

    fn anonymous(&self) -> NameAddr {
        let host = match self.showing.anonymous_host {
            AnonymousHost::Invalid => Host::Name(Bytes::from_static(b"anonymous.invalid")),
            AnonymousHost::Own => self.host.host.clone(),
        };
        let uri = SipUri::new(Some(Bytes::from_static(b"anonymous")), host, None);
        NameAddr { display: Some(Bytes::from_static(b"\"Anonymous\"")), uri: Uri::Sip(uri), params: Params::new() }
    }

    /// Whom the identity headers name, if anybody.
    fn asserted(&self, caller: &Caller, list: &Diversions) -> Option<Identity> {
        let nameless = |party: Party| Identity { party, display: Bytes::new() };
        let other = match self.showing.asserted {
            AssertedShows::Caller => None,
            AssertedShows::Pilot => self.showing.pilot.clone().map(nameless),
            AssertedShows::Diverting => list.newest().map(|diverted| nameless(diverted.by.clone())),
        };
        let identity = other.unwrap_or_else(|| caller.identity().clone());
        (identity.party != Party::Anonymous).then_some(identity)
    }

    fn identity(&self, identity: &Identity, header: IdentityHeader, caller: &Caller) -> Bytes {
        let mut address = self.name_addr(identity, Field::Identity);
        if header == IdentityHeader::RemoteParty {
            address.set_param("party", Some("calling"));
            address.set_param("screen", Some("yes"));
            address.set_param("privacy", Some(if caller.is_private() { "full" } else { "off" }));
        }
        address.to_bytes()
    }

    fn name_addr(&self, identity: &Identity, field: Field) -> NameAddr {
        let mut address = NameAddr::new(self.plan.uri(field, &identity.party, self.host));
        address.display = self.display(&identity.display);
        address
    }

    fn display(&self, text: &Bytes) -> Option<Bytes> {
        let text = match self.showing.display {
            DisplayRule::Strip => return None,
            DisplayRule::Keep => text.to_vec(),
            DisplayRule::Ascii { characters } => {
                let printable = text.iter().copied().filter(|octet| matches!(octet, b' '..=b'~'));
                printable.take(usize::from(characters)).collect()
            }
        };
        (!text.trim_ascii().is_empty()).then(|| quoted(&text))
    }
}

/// The name of the shown identity stays when the asserted one has none.
fn with_name(identity: &Identity, shown: &Identity) -> Identity {
    let display = if identity.display.is_empty() { &shown.display } else { &identity.display };
    Identity { party: identity.party.clone(), display: display.clone() }
}

/// A quoted-string (RFC 3261 25.1). Control octets cannot stand in one.
fn quoted(text: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'"');
    for &octet in text.iter().filter(|octet| !octet.is_ascii_control()) {
        if matches!(octet, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(octet);
    }
    out.push(b'"');
    Bytes::from(out)
}
