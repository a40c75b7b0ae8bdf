//! What is remembered of one call: the record written when it has ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::cause::Cause;
use crate::base::ids::CallId;
use crate::base::{Instant, WallTime};
use crate::route::directory::AccountName;
use crate::route::number::E164;
use crate::sip::NameAddr;

/// Which of the two legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The leg on which the INVITE came in.
    Caller,
    /// The leg on which ours went out.
    Callee,
}

impl Side {
    /// The other one.
    pub const fn other(self) -> Side {
        match self {
            Side::Caller => Side::Callee,
            Side::Callee => Side::Caller,
        }
    }

    /// As it is written in a record.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Caller => "caller",
            Side::Callee => "callee",
        }
    }
}

/// Who ended the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    Caller,
    Callee,
    Node,
}

impl EndedBy {
    /// As it is written in a record.
    pub const fn name(self) -> &'static str {
        match self {
            EndedBy::Caller => "caller",
            EndedBy::Callee => "callee",
            EndedBy::Node => "node",
        }
    }
}

/// How a party was to be exchanged for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// REFER: a new party was called.
    Blind,
    /// REFER with Replaces: a party of another call, or of a call elsewhere.
    Consultative,
    /// INVITE with Replaces: the new party called us.
    Replaces,
}

/// One exchange of a party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRecord {
    pub kind: TransferKind,
    /// Whose place was to be taken.
    pub side: Side,
    /// Trunk of the party that left, or stayed when the transfer failed.
    pub by: Arc<str>,
    /// Who was to take it: the number that Refer-To names, as the transferor's trunk reads it; of an INVITE with
    /// Replaces the number of who sent it. Known whether or not it came to that.
    #[serde(default)]
    pub asked: String,
    /// Trunk and Call-ID of the new party's leg, where there was one.
    pub to: Option<Arc<str>>,
    pub call_id: Option<String>,
    pub began: WallTime,
    pub ended: WallTime,
    /// `Transferred` or `Replaced` when it succeeded.
    pub cause: Cause,
    /// Media of the leg that left, once counted.
    pub media: LegMediaCounts,
    /// The new party's leg, where the transfer succeeded.
    #[serde(default)]
    pub entered: Option<Box<Entered>>,
}

/// The leg of a party that came into a call by a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// Where its messages come from.
    pub address: SocketAddr,
    /// The rules it is written to by.
    pub policy: Arc<str>,
    /// The numbers of its INVITE: From and To.
    pub written: Written,
}

/// Media of one leg, as the relay counted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegMediaCounts {
    /// RTP packets taken from this leg's peer, and sent to it.
    pub received: u64,
    pub sent: u64,
    pub lost: u64,
    /// Microseconds, RFC 3550 6.4.1.
    pub jitter_us: u32,
    pub dropped: u64,
    pub unauthenticated: u64,
    /// What this leg's peer misses of what was sent to it, by its last report.
    pub lost_there: u32,
    /// To this leg's peer and back, microseconds; 0: it never reported.
    pub round_trip_us: u32,
    /// Longest time without voice from this leg's peer while it was to be heard, milliseconds.
    pub silence_ms: u32,
    /// How often it fell silent for the trunk's `media.silence_s`.
    pub silences: u32,
    /// Mean opinion score of what this leg's peer sends, hundredths (100..=450); 0: nothing came.
    pub mos: u16,
}

/// The numbers of an INVITE as its sender wrote them: user parts of From and Request-URI, escapes removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    pub calling: String,
    pub called: String,
}

/// What our INVITE wrote of both numbers, in the octets that are kept for the dialog anyway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The name-addr of From.
    pub from: Bytes,
    /// User part of the Request-URI, escapes kept.
    pub called: Bytes,
    /// Where it went.
    pub address: SocketAddr,
    /// The target of its trunk that was asked, as the configuration names it; `None`: a redirection, a registrar's route.
    #[serde(default)]
    pub target: Option<Arc<str>>,
    /// The rules it was written by (`Trunk::policy`).
    pub policy: Arc<str>,
}

/// How far into the call it was, by the clock that nobody sets: durations are right whatever becomes of the calendar (R-J).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    pub began: Instant,
    /// Post-dial delay: until the first 180 or 183.
    pub rang: Option<Duration>,
    pub answered: Option<Duration>,
    pub ended: Duration,
}

impl After {
    /// How long the parties talked; zero for a call that was not answered.
    pub fn talked(&self) -> Duration {
        self.answered.map_or(Duration::ZERO, |answered| self.ended.saturating_sub(answered))
    }

    /// From the INVITE to the first sign of the called party: ringing, or the answer.
    pub fn post_dial_delay(&self) -> Option<Duration> {
        self.rang.or(self.answered)
    }
}

/// A Reason (RFC 3326) of a message that ended a call or an attempt: platforms put their own identifiers into its text
/// (MD-233).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub side: Side,
    /// The value, at most [`REASON_OCTETS`](crate::base::limits::REASON_OCTETS).
    pub reason: String,
}

/// One call from its INVITE to its end. Times are civil, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    pub id: CallId,
    /// Trunks' names; `to` is the last one tried.
    pub from: Arc<str>,
    pub to: Option<Arc<str>>,
    pub route: Option<Arc<str>>,
    /// Whose call it is; of a refused one, who would have had it.
    #[serde(default)]
    pub account: Option<AccountName>,
    /// User parts as received, in the form the trunk's numbers are kept in.
    pub calling: String,
    pub called: String,
    /// As they came, where that differs.
    pub received: Option<Box<Written>>,
    /// As the last INVITE wrote them.
    pub sent: Option<Sent>,
    /// Where the caller's INVITE came from, and the rules its trunk is written to by.
    pub caller_address: Option<SocketAddr>,
    pub caller_policy: Arc<str>,
    /// Reasons the parties gave, oldest first, at most [`REASONS`](crate::base::limits::REASONS).
    pub said: Vec<Said>,
    /// Call-IDs of both legs, so that a record leads to a trace.
    pub caller_call_id: String,
    pub callee_call_id: Option<String>,
    /// Call-IDs of attempts before the last one, so that a trace shows them; at most
    /// [`EARLIER`](crate::base::limits::EARLIER).
    pub earlier: Vec<String>,
    pub started: WallTime,
    /// First 180 or 183 handed to the caller.
    pub rang: Option<WallTime>,
    pub answered: Option<WallTime>,
    pub ended: WallTime,
    pub after: After,
    pub cause: Cause,
    pub ended_by: EndedBy,
    /// The code of an emergency call.
    #[serde(default)]
    pub emergency: Option<String>,
    /// The number such a call may have shown for its place.
    #[serde(default)]
    pub elin: Option<E164>,
    /// What an operator may want to know besides: the key that stopped it. Never shown to a peer.
    #[serde(default)]
    pub detail: Option<String>,
    /// INVITEs sent for it.
    pub attempts: u32,
    /// 3xx followed.
    pub redirects: u32,
    pub transfers: Vec<TransferRecord>,
    /// Of whoever was last on each side.
    pub caller_media: LegMediaCounts,
    pub callee_media: LegMediaCounts,
}

impl Sent {
    fn copied(&self) -> Sent {
        let own = |octets: &Bytes| Bytes::copy_from_slice(octets);
        Sent { from: own(&self.from), called: own(&self.called), ..self.clone() }
    }
}

impl CallRecord {
    /// The same in memory of its own: a clone shares the octets of [`Sent`].
    pub fn copied(&self) -> CallRecord {
        CallRecord { sent: self.sent.as_ref().map(Sent::copied), ..self.clone() }
    }

    /// Those that took the place of a party of this side, in their order.
    pub fn entered(&self, side: Side) -> impl Iterator<Item = &TransferRecord> {
        self.transfers.iter().filter(move |transfer| transfer.side == side && transfer.entered.is_some())
    }

    /// Media of the legs of one side, in the order they had its place: first the one that the call began with. A leg that
    /// leaves is counted with the transfer that it left in.
    pub fn media(&self, side: Side) -> impl Iterator<Item = &LegMediaCounts> {
        self.entered(side).map(|transfer| &transfer.media).chain([self.last_media(side)])
    }

    /// Of the leg that the call began with.
    pub fn first_media(&self, side: Side) -> &LegMediaCounts {
        self.entered(side).next().map_or(self.last_media(side), |transfer| &transfer.media)
    }

    const fn last_media(&self, side: Side) -> &LegMediaCounts {
        match side {
            Side::Caller => &self.caller_media,
            Side::Callee => &self.callee_media,
        }
    }
}

/// The user part of a name-addr, escapes removed; empty where it has none.
pub fn user_of(name_addr: &Bytes) -> String {
    NameAddr::parse(name_addr).ok().and_then(|address| address.uri.user_text()).unwrap_or_default()
}
