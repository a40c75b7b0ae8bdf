//! How we present ourselves on one leg: Via and Contact, always ours, never a peer's. A leg of an account has the account's
//! name in every message of its dialog (MD-56..64), and towards a carrier the contents of its number (PV-31).

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::route::directory::{Decision, HeaderContent};
use crate::route::mark::{CustomHeader, Marked};
use crate::route::presence::{ContactForm, Presence, Signature};
use crate::route::trunk::Trunk;
use crate::sip::{NameAddr, Request, Uri, Writer};
use crate::transaction::Branch;

/// The name and port that a leg's peer sees, and what we take from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    presence: Arc<Presence>,
    /// Contact of one dialog, where it names a number.
    contact: Option<Arc<str>>,
    mark: Option<Arc<Mark>>,
}

/// The custom header of one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    header: Arc<CustomHeader>,
    contents: HeaderContent,
}

/// What a checkpoint keeps of it; the rest is the trunk's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeptAddress {
    /// The account's name, where it is another than the trunk's.
    name: Option<Box<str>>,
    /// The dialog's own Contact.
    contact: Option<Arc<str>>,
    contents: Option<HeaderContent>,
}

impl OwnAddress {
    /// What this trunk's peer sees, whosever the call.
    pub fn of(trunk: &Trunk) -> OwnAddress {
        OwnAddress { presence: Arc::clone(&trunk.presence), contact: None, mark: None }
    }

    /// What this trunk's peer sees of a call of an account.
    pub fn of_call(trunk: &Trunk, whose: &Decision) -> OwnAddress {
        let name = whose.account.as_ref().and_then(|account| trunk.name_of(account));
        OwnAddress::built(trunk, name.as_deref(), whose.custom_header.clone())
    }

    /// The same under a name alone.
    pub fn named(trunk: &Trunk, name: Option<&str>) -> OwnAddress {
        OwnAddress::built(trunk, name, None)
    }

    fn built(trunk: &Trunk, name: Option<&str>, contents: Option<HeaderContent>) -> OwnAddress {
        let presence = match name.filter(|name| *name != &*trunk.presence.host) {
            Some(name) => Arc::new(trunk.presence.of_account(name)),
            None => Arc::clone(&trunk.presence),
        };
        let mark = trunk.custom_header.clone().zip(contents);
        let mark = mark.map(|(header, contents)| Arc::new(Mark { header, contents }));
        OwnAddress { presence, contact: None, mark }
    }

    /// In the dialog that a request of the peer makes: the number it was sent to stands in our Contact where the trunk
    /// wants one (MD-56), from the first response to the last request (T34).
    #[must_use]
    pub fn called(self, request: &Request) -> OwnAddress {
        self.showing(&request.uri)
    }

    /// The same in the dialog of an INVITE of ours: the number in From.
    #[must_use]
    pub fn calling(self, from: &Bytes) -> OwnAddress {
        match self.presence.contact_form {
            ContactForm::Host => self,
            ContactForm::Number => match NameAddr::parse(from) {
                Ok(from) => self.showing(&from.uri),
                Err(_) => self,
            },
        }
    }

    /// With the number of this URI in Contact. Who hides has none there (MD-87).
    fn showing(self, uri: &Uri) -> OwnAddress {
        let user = uri.as_sip().and_then(|sip| sip.user.as_deref()).filter(|user| names_a_number(user));
        match (self.presence.contact_form, user) {
            (ContactForm::Host, _) | (ContactForm::Number, None) => self,
            (ContactForm::Number, Some(user)) => {
                let contact = String::from_utf8(self.contact_of(user)).ok().map(Arc::from);
                OwnAddress { contact, ..self }
            }
        }
    }

    /// As a checkpoint keeps it.
    pub fn kept(&self, trunk: &Trunk) -> KeptAddress {
        let name = (self.presence.host != trunk.presence.host).then(|| self.presence.host.clone());
        let contents = self.mark.as_ref().map(|mark| mark.contents.clone());
        KeptAddress { name, contact: self.contact.clone(), contents }
    }

    /// As it was kept, on its trunk.
    pub fn restored(kept: KeptAddress, trunk: &Trunk) -> OwnAddress {
        OwnAddress { contact: kept.contact, ..OwnAddress::built(trunk, kept.name.as_deref(), kept.contents) }
    }

    /// Name and value of the custom header for such a message; `None`: it carries none.
    pub fn mark(&self, message: Marked) -> Option<(&str, &str)> {
        let mark = self.mark.as_ref()?;
        mark.header.on(message, &mark.contents)
    }

    /// The parts of a Via value with this branch.
    pub fn via<'a>(&'a self, branch: &'a Branch) -> [&'a [u8]; 3] {
        [self.presence.via.as_bytes(), branch.as_bytes(), self.presence.via_end.as_bytes()]
    }

    /// Our Contact: one constant value per trunk, per account, or per dialog.
    pub fn contact(&self) -> &str {
        self.contact.as_deref().unwrap_or(&self.presence.contact)
    }

    /// What tells the peer of the product in our requests (RFC 3261 20.41, MD-79).
    pub fn signed_request(&self, writer: Writer) -> Writer {
        signed(writer, &self.presence.signs_requests)
    }

    /// The same in our responses (RFC 3261 20.35).
    pub fn signed_response(&self, writer: Writer) -> Writer {
        signed(writer, &self.presence.signs_responses)
    }

    /// A Contact of ours for another user: where a caller may send a redirected call.
    pub fn contact_of(&self, user: &[u8]) -> Vec<u8> {
        let contact = &self.presence.contact;
        let (scheme, rest) = contact.split_once(':').unwrap_or(("<sip", ""));
        [scheme.as_bytes(), b":", user, b"@", rest.as_bytes()].concat()
    }

    /// Value of our Allow (RFC 3261 20.5).
    pub fn allow(&self) -> &str {
        &self.presence.allow
    }

    /// Value of Supported in what makes a dialog; empty: it is left out.
    pub fn supported(&self) -> &str {
        &self.presence.supported
    }

    /// `host:port` as written in Contact.
    pub fn authority(&self) -> &str {
        &self.presence.authority
    }

    /// Host part of our own From.
    pub fn host(&self) -> &str {
        &self.presence.host
    }
}

fn signed(writer: Writer, signature: &Signature) -> Writer {
    signature.iter().fold(writer, |writer, (name, value)| writer.raw(name.as_bytes(), value.as_bytes()))
}

/// Digits, a plus, and what stands behind them: no word such as `anonymous`.
fn names_a_number(user: &[u8]) -> bool {
    user.first().is_some_and(|first| first.is_ascii_digit() || matches!(first, b'+' | b'*' | b'#'))
}
