//! What a registrar's 2xx grants (RFC 3261 10.2.4, RFC 3608).

use std::time::Duration;

use bytes::Bytes;

use crate::base::bounds::Bound;
use crate::base::limits::{REGISTRAR_CONTACTS, REGISTRATION_MAX, ROUTES};
use crate::sip::{Message, Name, NameAddr, SipUri, Uri};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub expires: Duration,
    /// Service-Route values: the Route of our requests out of a dialog to this peer.
    pub routes: Vec<Bytes>,
}

impl Grant {
    /// Reads the answer to a REGISTER with `contact` that asked for `asked`; `None` when nothing is bound. A registrar
    /// that lists our contact otherwise than we wrote it (NAT) is believed by its Expires.
    pub(super) fn of(message: &Message, contact: &Bytes, asked: Duration) -> Option<Grant> {
        let listed = own_binding(message, contact).and_then(|binding| seconds(binding.param("expires").flatten()?));
        let header = || message.header_bytes(Name::Expires).and_then(|value| seconds(&value));
        let expires = Bound::RegistrationMax.at_most(REGISTRATION_MAX, listed.or_else(header).unwrap_or(asked));
        (!expires.is_zero()).then(|| Grant { expires, routes: service_route(message) })
    }
}

/// The binding with our user, host and port; parameters are the registrar's to change.
fn own_binding(message: &Message, contact: &Bytes) -> Option<NameAddr> {
    let ours = NameAddr::parse(contact).ok()?;
    let contacts = Bound::RegistrarContacts.first(REGISTRAR_CONTACTS, message.list(Name::Contact));
    let mut readable = contacts.filter_map(|contact| NameAddr::parse(&contact).ok());
    readable.find(|binding| match (&binding.uri, &ours.uri) {
        (Uri::Sip(binding), Uri::Sip(ours)) => is_same_place(binding, ours),
        _ => false,
    })
}

fn is_same_place(a: &SipUri, b: &SipUri) -> bool {
    a.user == b.user && a.host.equivalent(&b.host) && a.port == b.port
}

/// Values that cannot be read, or too many, are as good as none: calls then go to the trunk's own targets.
fn service_route(message: &Message) -> Vec<Bytes> {
    let routes = message.list(Name::ServiceRoute);
    let sound = routes.iter().all(|route| NameAddr::parse(route).is_ok_and(|route| matches!(route.uri, Uri::Sip(_))));
    if sound && routes.len() <= ROUTES { routes } else { Vec::new() }
}

/// delta-seconds.
pub(super) fn seconds(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    // More digits than a number holds is more than enough.
    digits.then(|| Duration::from_secs(text.parse::<u64>().unwrap_or(u64::MAX)))
}
