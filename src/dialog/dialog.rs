//! The state of one dialog (RFC 3261 12.1) and what requests do to it (12.2).

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::key::DialogKey;
use super::path::RequestPath;
use crate::base::limits::ROUTES;
use crate::sip::flow::Transport;
use crate::sip::grammar::ListItems;
use crate::sip::uri::SipScheme;
use crate::sip::{CSeq, Message, Method, Name, NameAddr, Request, Response, Uri};

/// RFC 3261 8.1.1.5: sequence numbers stay below 2^31.
const CSEQ_MAX: u32 = (1 << 31) - 1;

/// Which side of the INVITE that made the dialog we were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// We sent it.
    Uac,
    /// We answered it.
    Uas,
}

/// One dialog. Header values are kept octet for octet, since some peers compare From and To as text (RFC 2543).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    pub(crate) role: Role,
    pub(crate) call_id: Bytes,
    /// As written; see [`Dialog::key`] for comparing.
    pub(crate) local_tag: Bytes,
    /// As written; empty for an RFC 2543 peer without one.
    pub(crate) remote_tag: Bytes,
    /// Value of From in our requests, tag included.
    pub(crate) local: Bytes,
    /// Value of To in our requests, tag included.
    pub(crate) remote: Bytes,
    /// Number of our last request; `None` before the first.
    pub(crate) local_cseq: Option<u32>,
    /// Number of the peer's last request; `None` before the first.
    pub(crate) remote_cseq: Option<u32>,
    /// Where the peer wants to be reached: its last Contact.
    #[serde(with = "super::uri_octets")]
    pub(crate) remote_target: Uri,
    /// Route values from us to the peer, nearest hop first, written as they were recorded.
    pub(crate) route_set: Vec<Bytes>,
    /// RFC 3261 12.1.1: made over TLS (as the top Via says) with a sips Request-URI; then our Contacts are sips too.
    pub(crate) secure: bool,
}

/// What a dialog needs to know of the INVITE of ours that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRequestFacts {
    /// The Request-URI.
    pub uri: Uri,
    /// Value of From, tag included, as written.
    pub from: Bytes,
    /// The tag of From.
    pub local_tag: Bytes,
    pub call_id: Bytes,
    /// Number of the CSeq.
    pub cseq: u32,
    /// What the INVITE went out over.
    pub transport: Transport,
}

/// Why a message makes no dialog, or cannot refresh one. Answer to a request: 400. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadDialog {
    /// An INVITE without a Contact (RFC 3261 8.1.1.8).
    NoContact,
    /// More than one Contact.
    SeveralContacts,
    /// A Contact that cannot be read or is neither sip nor sips.
    BadContact,
    /// A Record-Route that cannot be read.
    BadRecordRoute,
    /// More Record-Route values than `limits::ROUTES`.
    TooManyRoutes,
}

/// A request from the peer with a lower number than the one before. Answer: 500 (RFC 3261 12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfOrder;

/// What a message did to the remote target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetChange {
    /// The message's method does not move it, it had no Contact, or the same one.
    Kept,
    /// The peer is reached elsewhere from now on.
    Moved,
}

impl fmt::Display for BadDialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadDialog::NoContact => "Contact missing",
            BadDialog::SeveralContacts => "more than one Contact",
            BadDialog::BadContact => "Contact is not a sip or sips URI",
            BadDialog::BadRecordRoute => "Record-Route cannot be read",
            BadDialog::TooManyRoutes => "too many Record-Route values",
        })
    }
}

impl std::error::Error for BadDialog {}

impl fmt::Display for OutOfOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CSeq is lower than that of an earlier request")
    }
}

impl std::error::Error for OutOfOrder {}

impl Dialog {
    /// The dialog that our response with `local_tag` makes of an INVITE from the peer (RFC 3261 12.1.1).
    ///
    /// # Errors
    /// What the INVITE must be refused for, with 400.
    pub fn from_uas(request: &Request, local_tag: &[u8]) -> Result<Dialog, BadDialog> {
        Ok(Dialog {
            role: Role::Uas,
            call_id: Bytes::copy_from_slice(&request.call_id),
            local_tag: Bytes::copy_from_slice(local_tag),
            remote_tag: Bytes::copy_from_slice(request.from_tag().unwrap_or_default()),
            local: with_tag(written(&request.message, Name::To, &request.to), &request.to, local_tag),
            remote: Bytes::from(written(&request.message, Name::From, &request.from)),
            local_cseq: None,
            remote_cseq: Some(request.cseq.number),
            remote_target: contact(&request.message, None)?.ok_or(BadDialog::NoContact)?,
            route_set: recorded(&request.message)?,
            secure: request.via.transport == Some(Transport::Tls) && is_sips(&request.uri),
        })
    }

    /// The dialog that `response` (101 to 299, with a To tag) makes of an INVITE of ours (RFC 3261 12.1.2). A response
    /// without Contact leaves the Request-URI as target: many ringing responses come so, and a 2xx needs its ACK.
    ///
    /// # Errors
    /// A Contact or Record-Route that cannot be used.
    pub fn from_uac(invite: &OutgoingRequestFacts, response: &Response) -> Result<Dialog, BadDialog> {
        let target = contact(&response.message, None)?;
        let mut route_set = recorded(&response.message)?;
        route_set.reverse();
        let remote_target = target.unwrap_or_else(|| detached(&invite.uri));
        Ok(Dialog::of_uac(invite, response, remote_target, route_set))
    }

    /// The dialog of a 2xx whose Contact or Record-Route cannot be used: it leads along the INVITE's own way. Good for
    /// nothing but the ACK and the BYE that such an answer must get.
    pub fn from_uac_astray(invite: &OutgoingRequestFacts, response: &Response) -> Dialog {
        Dialog::of_uac(invite, response, detached(&invite.uri), Vec::new())
    }

    fn of_uac(invite: &OutgoingRequestFacts, response: &Response, remote_target: Uri, route_set: Vec<Bytes>) -> Dialog {
        Dialog {
            role: Role::Uac,
            call_id: Bytes::copy_from_slice(&invite.call_id),
            local_tag: Bytes::copy_from_slice(&invite.local_tag),
            remote_tag: Bytes::copy_from_slice(response.to_tag().unwrap_or_default()),
            local: Bytes::copy_from_slice(&invite.from),
            remote: Bytes::from(written(&response.message, Name::To, &response.to)),
            local_cseq: Some(invite.cseq),
            remote_cseq: None,
            remote_target,
            route_set,
            secure: invite.transport == Transport::Tls && is_sips(&invite.uri),
        }
    }

    /// A 2xx confirms this early dialog of ours: its Record-Route and Contact replace those of the provisional response
    /// (RFC 3261 13.2.2.4). Numbers stay.
    ///
    /// # Errors
    /// A Contact or Record-Route that cannot be used; the dialog stays as it was.
    pub fn confirm(&mut self, response: &Response) -> Result<(), BadDialog> {
        let target = contact(&response.message, Some(&self.remote_target))?;
        let mut route_set = recorded(&response.message)?;
        route_set.reverse();
        self.route_set = route_set;
        if let Some(target) = target {
            self.remote_target = target;
        }
        Ok(())
    }

    /// The identity of the dialog.
    pub fn key(&self) -> DialogKey {
        DialogKey::new(&self.call_id, &self.local_tag, &self.remote_tag)
    }

    /// Which side we were.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Value of Call-ID.
    pub const fn call_id(&self) -> &Bytes {
        &self.call_id
    }

    /// Value of From in our requests.
    pub const fn local(&self) -> &Bytes {
        &self.local
    }

    /// Value of To in our requests.
    pub const fn remote(&self) -> &Bytes {
        &self.remote
    }

    /// Where the peer wants to be reached.
    pub const fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    /// The route set, nearest hop first. On the UAS side it is the Record-Route to copy into responses (12.1.1).
    pub fn route_set(&self) -> &[Bytes] {
        &self.route_set
    }

    /// True when our Contacts must be sips URIs.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Our next request is numbered above `last`, whatever was sent so far.
    pub fn number_above(&mut self, last: u32) {
        self.local_cseq = Some(self.local_cseq.map_or(last, |before| before.max(last)).min(CSEQ_MAX));
    }

    /// The number of our next request, which is counted as sent. ACK and CANCEL use their INVITE's. Ends at 2^31 - 1.
    pub fn next_cseq(&mut self) -> u32 {
        let next = self.local_cseq.map_or(1, |last| last.saturating_add(1).min(CSEQ_MAX));
        self.local_cseq = Some(next);
        next
    }

    /// The number of our last request; 0 before the first.
    pub fn last_cseq(&self) -> u32 {
        self.local_cseq.unwrap_or_default()
    }

    /// Notes the number of a request from the peer. Gaps are fine; an equal number is a matter of the transactions.
    /// ACK and CANCEL carry their INVITE's number and are not counted.
    ///
    /// # Errors
    /// A lower number than before.
    pub fn check_request(&mut self, cseq: &CSeq) -> Result<(), OutOfOrder> {
        if matches!(cseq.method, Method::Ack | Method::Cancel) {
            return Ok(());
        }
        if self.remote_cseq.is_some_and(|last| cseq.number < last) {
            return Err(OutOfOrder);
        }
        self.remote_cseq = Some(cseq.number);
        Ok(())
    }

    /// Follows the Contact of a target refresh: a request from the peer, or a 2xx to a request of ours, whose method is
    /// INVITE (RFC 3261 12.2) or UPDATE (RFC 3311 5.1). Other methods leave the target alone.
    ///
    /// # Errors
    /// A Contact that cannot be used; the target stays as it was.
    pub fn follow(&mut self, method: &Method, message: &Message) -> Result<TargetChange, BadDialog> {
        if !matches!(method, Method::Invite | Method::Update) {
            return Ok(TargetChange::Kept);
        }
        match contact(message, Some(&self.remote_target))? {
            Some(target) if target != self.remote_target => {
                self.remote_target = target;
                Ok(TargetChange::Moved)
            }
            Some(_) | None => Ok(TargetChange::Kept),
        }
    }

    /// The peer is reached at `contact` from now on. The route set never changes (RFC 3261 12.2).
    pub fn refresh_target(&mut self, contact: &Uri) {
        self.remote_target = detached(contact);
    }

    /// Request-URI and Route of the next request to the peer (RFC 3261 12.2.1.1).
    pub fn request_path(&self) -> RequestPath<'_> {
        RequestPath::along(&self.route_set, &self.remote_target)
    }
}

/// A header value as it was written; made from the parsed value where the field is not there.
fn written(message: &Message, name: Name, parsed: &NameAddr) -> Vec<u8> {
    message.header(name).map_or_else(|| parsed.to_bytes().to_vec(), |value| value.into_owned())
}

fn with_tag(mut value: Vec<u8>, parsed: &NameAddr, tag: &[u8]) -> Bytes {
    if parsed.tag().is_none() {
        value.extend_from_slice(b";tag=");
        value.extend_from_slice(tag);
    }
    Bytes::from(value)
}

/// The one Contact of a message in a buffer of its own, `None` without one. `before`: what the peer's Contact was; few
/// peers ever move, and text that is known is not read again.
fn contact(message: &Message, before: Option<&Uri>) -> Result<Option<Uri>, BadDialog> {
    let mut only = None;
    for value in message.headers(Name::Contact) {
        for item in ListItems::new(&value) {
            if only.is_some() {
                let all_are_read = message.name_addrs(Name::Contact).is_ok();
                return Err(if all_are_read { BadDialog::SeveralContacts } else { BadDialog::BadContact });
            }
            only = Some(Bytes::copy_from_slice(item));
        }
    }
    if let (Some(before @ Uri::Sip(_)), Some(contact)) = (before, &only)
        && contact.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")) == Some(&*before.to_bytes())
    {
        return Ok(Some(before.clone()));
    }
    match only.map(|contact| NameAddr::parse(&contact)).transpose() {
        Ok(None) => Ok(None),
        Ok(Some(NameAddr { uri: uri @ Uri::Sip(_), .. })) => Ok(Some(uri)),
        Ok(Some(_)) | Err(_) => Err(BadDialog::BadContact),
    }
}

/// The Record-Route values from the top, octet for octet, in buffers of their own.
fn recorded(message: &Message) -> Result<Vec<Bytes>, BadDialog> {
    let routes = message.list(Name::RecordRoute);
    if routes.len() > ROUTES {
        return Err(BadDialog::TooManyRoutes);
    }
    if routes.iter().any(|route| NameAddr::parse(route).is_err()) {
        return Err(BadDialog::BadRecordRoute);
    }
    Ok(routes.iter().map(|route| Bytes::copy_from_slice(route)).collect())
}

/// The same URI over a buffer of its own: a part of a message keeps the whole message in memory.
fn detached(uri: &Uri) -> Uri {
    Uri::parse(&uri.to_bytes()).unwrap_or_else(|_| uri.clone())
}

fn is_sips(uri: &Uri) -> bool {
    uri.as_sip().is_some_and(|uri| uri.scheme == SipScheme::Sips)
}
