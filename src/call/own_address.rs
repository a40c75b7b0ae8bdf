//! How we present ourselves on one trunk and in one dialog: Via and Contact, always ours, never a peer's.

use std::sync::Arc;

use bytes::Bytes;

use crate::route::presence::{ContactForm, Presence, Signature};
use crate::route::trunk::Trunk;
use crate::sip::{NameAddr, Request, Uri, Writer};
use crate::transaction::Branch;

/// The name and port that a trunk's peer sees, and what we take from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    presence: Arc<Presence>,
    /// Contact of one dialog, where it names a number.
    contact: Option<Arc<str>>,
}

impl OwnAddress {
    /// What this trunk's peer sees.
    pub fn of(trunk: &Trunk) -> OwnAddress {
        OwnAddress { presence: Arc::clone(&trunk.presence), contact: None }
    }

    /// In the dialog that a request of the peer makes: the number it was sent to stands in our Contact where the trunk
    /// wants one (MD-56), from the first response to the last request (T34).
    pub fn called(trunk: &Trunk, request: &Request) -> OwnAddress {
        OwnAddress::of(trunk).showing(&request.uri)
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

    /// As a checkpoint keeps it: the dialog's own Contact.
    pub fn kept_contact(&self) -> Option<Arc<str>> {
        self.contact.clone()
    }

    /// As it was kept.
    pub fn restored(trunk: &Trunk, contact: Option<Arc<str>>) -> OwnAddress {
        OwnAddress { contact, ..OwnAddress::of(trunk) }
    }

    /// The parts of a Via value with this branch.
    pub fn via<'a>(&'a self, branch: &'a Branch) -> [&'a [u8]; 3] {
        [self.presence.via.as_bytes(), branch.as_bytes(), self.presence.via_end.as_bytes()]
    }

    /// Our Contact: one constant value per trunk, or per dialog.
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

    /// `host:port` as written in Via and Contact.
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
