//! What a peer says about the caller.

use bytes::Bytes;

use super::privacy::Privacy;
use super::{Caller, Identity};
use crate::route::number::{Field, NumberPlan, Party};
use crate::sip::{Host, Message, Name, NameAddr, Request};

/// A header that may name the caller besides From.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentityHeader {
    /// P-Asserted-Identity: vouched for inside a trust domain (RFC 3325).
    Asserted,
    /// P-Preferred-Identity: what a subscriber's own agent asks to be called (RFC 3325).
    Preferred,
    /// Remote-Party-ID: the draft that came before.
    RemoteParty,
}

impl IdentityHeader {
    /// As it stands in a message.
    pub const fn name(self) -> Name {
        match self {
            IdentityHeader::Asserted => Name::PAssertedIdentity,
            IdentityHeader::Preferred => Name::PPreferredIdentity,
            IdentityHeader::RemoteParty => Name::RemotePartyId,
        }
    }

    /// As the configuration writes it.
    pub const fn word(self) -> &'static str {
        match self {
            IdentityHeader::Asserted => "p-asserted-identity",
            IdentityHeader::Preferred => "p-preferred-identity",
            IdentityHeader::RemoteParty => "remote-party-id",
        }
    }
}

/// Which headers of a trunk are believed, the first that names somebody wins. Empty: only From.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerReading {
    pub believed: Vec<IdentityHeader>,
}

impl Default for CallerReading {
    /// Carriers and platforms are trusted peers (RFC 3325; MD-98).
    fn default() -> Self {
        CallerReading { believed: vec![IdentityHeader::Asserted] }
    }
}

impl Caller {
    /// Reads the caller of a request.
    pub fn read(request: &Request, reading: &CallerReading, plan: &NumberPlan) -> Caller {
        let asserted = believed(request, reading, plan).map(|(_, identity)| identity);
        let mut privacy = Privacy::read(&request.message);
        if remote_party_hides(&request.message) && reading.believed.contains(&IdentityHeader::RemoteParty) {
            privacy.add(super::PrivacyToken::Id);
        }
        Caller { shown: shown(&request.from, plan), asserted, privacy }
    }

    /// The header that names the caller; `None`: From does.
    pub fn believed(request: &Request, reading: &CallerReading, plan: &NumberPlan) -> Option<IdentityHeader> {
        believed(request, reading, plan).map(|(header, _)| header)
    }
}

/// The first believed header that names somebody, and whom.
fn believed(request: &Request, reading: &CallerReading, plan: &NumberPlan) -> Option<(IdentityHeader, Identity)> {
    reading.believed.iter().find_map(|&header| Some((header, asserted(&request.message, header, plan)?)))
}

/// From. A host of `anonymous.invalid` hides the caller whatever the user part says (RFC 3323 4.1.1.3).
fn shown(from: &NameAddr, plan: &NumberPlan) -> Identity {
    let hides = |host: &Host| matches!(host, Host::Name(name) if name.eq_ignore_ascii_case(b"anonymous.invalid"));
    let is_invalid = from.uri.as_sip().is_some_and(|uri| hides(&uri.host));
    let party = if is_invalid { Party::Anonymous } else { plan.party(Field::From, &from.uri) };
    Identity { party, display: Bytes::from(from.display_text()) }
}

/// The identity one header vouches for. Of two values (sip and tel, MD-98) the one with a number counts.
fn asserted(message: &Message, header: IdentityHeader, plan: &NumberPlan) -> Option<Identity> {
    let values = message.name_addrs(header.name()).ok()?;
    let read = |address: &NameAddr| Identity {
        party: plan.party(Field::Identity, &address.uri),
        display: Bytes::from(address.display_text()),
    };
    let identities: Vec<Identity> = values.iter().map(read).collect();
    let display = identities.iter().map(|identity| &identity.display).find(|text| !text.is_empty()).cloned();
    let with_number = identities.iter().find(|identity| identity.party.number().is_some());
    let identity = with_number.or(identities.first()).filter(|identity| identity.party != Party::Anonymous)?;
    Some(Identity { display: display.unwrap_or_default(), ..identity.clone() })
}

/// `privacy=full`, `name` or `uri` of Remote-Party-ID.
fn remote_party_hides(message: &Message) -> bool {
    let values = message.name_addrs(Name::RemotePartyId).unwrap_or_default();
    values.iter().any(|address| {
        address.param("privacy").flatten().is_some_and(|word| !word.trim_ascii().eq_ignore_ascii_case(b"off"))
    })
}
