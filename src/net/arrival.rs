//! The way from the network to the engine: which of the two inboxes a message belongs to, and what else is news.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::base::ids::{FlowId, TransmitId};
use crate::base::limits::Limits;
use crate::sip::flow::{Flow, PeerIdentity, Received, Resolution, TransmitFailure};
use crate::sip::glance::PlainInvite;
use crate::sip::{Method, SipMessage};

/// Which inbox a message waits in (DESIGN rule 8: overload refuses new calls and never breaks a BYE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Begins something: a request without a To tag. First to be refused.
    New,
    /// The same, and it has waited for so long in its socket.
    Late(Duration),
    /// The same, and the engine has taken it at a glance ([`Sink::glance`]).
    Admitted,
    /// CANCEL: belongs to something, but must never overtake the request it cancels (RFC 3261 9.1).
    Follows,
    /// Belongs to a dialog or a transaction.
    Established,
}

impl Class {
    /// Every class that is counted, for the metrics' start at zero.
    pub const COUNTED: [Class; 4] = [Class::New, Class::Admitted, Class::Follows, Class::Established];

    /// The same without how long it has waited: what is counted.
    pub const fn inbox(self) -> Class {
        match self {
            Class::Late(_) => Class::New,
            Class::New | Class::Admitted | Class::Follows | Class::Established => self,
        }
    }

    /// True for a request without a To tag.
    pub const fn begins(self) -> bool {
        match self {
            Class::New | Class::Late(_) | Class::Admitted => true,
            Class::Follows | Class::Established => false,
        }
    }
}

/// What the engine says of an INVITE before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glanced {
    /// It is to be answered 503, and nobody else hears of it.
    Shed,
    /// It is to be handed in as [`Class::Admitted`].
    Admitted,
    /// It is to be read.
    Unknown,
}

/// What the network tells besides messages. Bounded by the connections, transmits and questions there are, so
/// it is never refused.
#[derive(Debug)]
pub enum News {
    /// A connection is up, its handshake done. Comes before its first message.
    FlowOpened(FlowId, PeerIdentity),
    FlowClosed(FlowId),
    TransmitFailed(TransmitId, TransmitFailure),
    Resolved(Resolution),
}

/// Where the network delivers. The daemon's inbox is one; tests bring their own.
pub trait Sink: Send + Sync {
    /// Takes one message in.
    ///
    /// # Errors
    /// Hands the message back when the inbox of its class is full; [`Sink::room`] tells when to try again.
    fn offer(&self, class: Class, received: Received) -> Result<(), Received>;

    /// Everything of one read has been offered, or there is no room: what waits is decided upon now, if nobody is at it.
    fn settle(&self) {}

    /// True while it is worth to ask [`Sink::glance`].
    fn is_shedding(&self) -> bool {
        false
    }

    /// Judges a call by its INVITE, which has waited for so long and was not read yet.
    fn glance(&self, _flow: &Flow, _invite: &PlainInvite<'_>, _waited: Duration) -> Glanced {
        Glanced::Unknown
    }

    /// Takes news in.
    fn report(&self, news: News);

    /// Notified (all waiters) when the inboxes have been emptied.
    fn room(&self) -> &Notify;
}

/// The class of a message.
pub fn classify(message: &SipMessage) -> Class {
    let request = match message {
        SipMessage::Response(_) => return Class::Established,
        SipMessage::Request(request) => request,
    };
    match request.method {
        Method::Cancel => Class::Follows,
        Method::Ack | Method::Bye | Method::Prack => Class::Established,
        Method::Invite
        | Method::Options
        | Method::Register
        | Method::Update
        | Method::Info
        | Method::Refer
        | Method::Notify
        | Method::Subscribe
        | Method::Message
        | Method::Publish
        | Method::Other(_) => {
            if request.to_tag().is_some() {
                Class::Established
            } else {
                Class::New
            }
        }
    }
}

/// The class of a message that has waited in its socket since then. What is short beside `limits.max_wait_ms` is not told.
pub fn classify_late(message: &SipMessage, since: Option<Instant>, limits: &Limits) -> Class {
    let waited = since.map_or(Duration::ZERO, |since| since.elapsed());
    let is_long = waited > Duration::from_millis(limits.max_wait_ms) / 4;
    match classify(message) {
        Class::New if is_long => Class::Late(waited),
        class @ (Class::New | Class::Late(_) | Class::Admitted | Class::Follows | Class::Established) => class,
    }
}
