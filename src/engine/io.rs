//! What goes into the engine and what comes out: plain values.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::shed::Shed;
use super::targets::Changed;
use crate::base::Instant;
use crate::base::ids::{CallId, CommandId, FlowId, TransmitId, TrunkId};
use crate::call::active::ActiveCall;
use crate::call::scanner::Scanner;
use crate::call::{CallEvent, Cause};
use crate::media::plan::{MediaCommand, MediaEvent};
use crate::registration;
use crate::route::directory::{AccountName, Directory};
use crate::route::snapshot::Snapshot;
use crate::route::standing::Standing;
use crate::sip::Status;
use crate::sip::flow::{Bearing, Flow, PeerIdentity, Received, Resolution, Resolve, Transmit, TransmitFailure};

/// Everything that can happen to the engine.
#[derive(Debug)]
pub enum Input {
    /// A message came in. For datagrams no `FlowOpened` precedes it.
    Message(Received),
    /// A request that begins something came in, and has waited for the engine since then.
    Begins {
        received: Received,
        since: Instant,
    },
    /// One that was judged before it was read, and is to be taken ([`super::Engine::glance`]), unless it has waited for too long
    /// since then.
    Admitted {
        received: Received,
        since: Instant,
    },
    /// A connection is up (accepted or dialled), its handshake done.
    FlowOpened(FlowId, PeerIdentity),
    FlowClosed(FlowId),
    /// A message handed out as `Transmit` did not leave.
    TransmitFailed(TransmitId, TransmitFailure),
    Resolved(Resolution),
    Media(MediaEvent),
    /// Packets have waited for the relay for so long at most since this was told before, about a tenth of a second ago.
    MediaWaited(Duration),
    /// A new configuration; running calls keep the one they have.
    Snapshot(Arc<Snapshot>),
    /// What is provisioned has changed; running calls keep what they began with.
    Directory(Arc<Directory>),
    Command(CommandId, Command),
}

/// Orders of an operator or of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Refuse new calls (503 with Retry-After); calls go on.
    Drain,
    /// End every call with BYE or CANCEL.
    HangUpAll,
    /// Wait for no answer any more: every call is over and has its record. The process ends.
    LetGo,
    /// End this one. Answer: [`Reply::Done`] or [`Reply::NoSuchCall`].
    HangUp(CallId),
    /// Show the calls that follow `after`, the oldest first, at most `most` of them. Answer: [`Reply::Calls`].
    Calls { after: Option<CallId>, most: usize },
    /// Show one. Answer: [`Reply::Calls`] with it, or [`Reply::NoSuchCall`].
    Call(CallId),
    /// Takes a trunk out of service, or back. Answer: [`Reply::Done`] or [`Reply::NoSuchTrunk`].
    Trunk { name: Arc<str>, standing: Standing },
    /// How each trunk stands, and how many calls it and each account have. Answer: [`Reply::Census`].
    Census,
    /// Which of these numbers are called or call now. Answer: [`Reply::Numbers`].
    NumbersInUse(BTreeSet<String>),
    /// Whether new calls may be taken. Each reason is for itself: they are when none is against it.
    NewCalls(Hold, NewCalls),
}

/// What may stand against new calls from outside of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// There is no room for their records, and none may be lost.
    Records,
    /// The process holds nearly all the memory it may. Emergency calls pass.
    Memory,
}

/// What becomes of new calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewCalls {
    #[default]
    Taken,
    /// 503 with Retry-After; calls go on.
    Refused,
}

/// Everything the engine wants done.
#[derive(Clone, Debug)]
pub enum Output {
    Transmit(Transmit),
    Resolve(Resolve),
    Media(MediaCommand),
    /// For metrics, records, trace: one ordered stream.
    Event(Event),
    /// Close a connection (a peer that no trunk knows).
    CloseFlow(FlowId),
    /// How whoever sends on a flow has borne itself.
    Bearing(Flow, Bearing),
    Reply(CommandId, Reply),
}

/// The effects of one `handle`, in order. The caller owns and drains it.
pub type Outbox = Vec<Output>;

/// Answer to a [`Command`].
#[derive(Clone, Debug)]
pub enum Reply {
    Done,
    NoSuchCall,
    NoSuchTrunk,
    Calls(Vec<ActiveCall>),
    Numbers(BTreeSet<String>),
    Census(Census),
}

/// Calls that are not over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Every trunk. One that is configured no more stands here until its last call ends.
    pub trunks: BTreeMap<Arc<str>, TrunkLoad>,
    /// By account; a call that is nobody's is not there.
    pub accounts: BTreeMap<AccountName, usize>,
}

/// What one trunk carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrunkLoad {
    /// Calls that its peer began, and those that went out to it.
    pub began: usize,
    pub called: usize,
    pub standing: Standing,
}

/// News of the core.
#[derive(Clone, Debug)]
pub enum Event {
    Call(CallEvent),
    /// A message was taken off the network and not acted on.
    Dropped(Dropped),
    /// A stranger named itself as a tool that looks for telephone systems.
    Scanned(Scanner),
    /// A new call was answered 503 for want of something.
    Shed(Shed),
    /// A request out of a dialog was refused; the label is a [`crate::call::screening::Refusal`]'s or a cause's.
    Refused {
        remote: SocketAddr,
        status: Status,
        label: &'static str,
    },
    /// No route takes a call; the nearest miss, for the log.
    NoRoute {
        trunk: Arc<str>,
        nearest: Option<String>,
    },
    /// An operator has taken a trunk out of service, or back.
    Stands {
        trunk: Arc<str>,
        standing: Standing,
    },
    /// The place an emergency call comes from, or a call back to it.
    Elin {
        call: CallId,
        news: ElinNews,
    },
    /// What became of our registration for a trunk.
    Registration {
        trunk: Arc<str>,
        news: registration::News,
    },
    /// A message inside a dialog did not go where the dialog's path leads, but to where its messages come from.
    Detoured {
        trunk: Arc<str>,
        why: Detour,
    },
    /// A target is there, or not, other than it was.
    Target(Changed),
    /// A trunk's peer asked us with OPTIONS, and was answered that we are there.
    AskedByPeer {
        trunk: Arc<str>,
    },
    /// One of our OPTIONS was answered, or not.
    Probed {
        trunk: TrunkId,
        name: Arc<str>,
        target: Arc<str>,
        outcome: Result<Status, Cause>,
        /// From the question to its answer, where one came.
        round_trip: Option<Duration>,
    },
}

/// What happened about an ELIN (MD-164). The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElinNews {
    /// An emergency call shows it.
    Shown,
    /// A trunk wants one, and nothing tells it: the caller's own number is shown.
    Unknown,
    /// A caller before this one cannot be called back any more.
    Displaced,
    /// A call to it goes to who called from there.
    CalledBack,
}

impl ElinNews {
    /// All of them, for the metrics' start at zero.
    pub const ALL: [ElinNews; 4] = [ElinNews::Shown, ElinNews::Unknown, ElinNews::Displaced, ElinNews::CalledBack];

    /// Metric label.
    pub const fn label(self) -> &'static str {
        match self {
            ElinNews::Shown => "shown",
            ElinNews::Unknown => "unknown",
            ElinNews::Displaced => "displaced",
            ElinNews::CalledBack => "called_back",
        }
    }
}

/// Why a message was dropped without an answer. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// No trunk has this source on this listener.
    UnknownSource,
    /// The certificate names no trunk of the listener.
    WrongCertificate,
    /// The trunk wants a certificate and none was shown.
    NoCertificate,
    /// A response that answers nothing of ours.
    StrayResponse,
    /// An ACK that acknowledges nothing of ours.
    StrayAck,
    /// No room for another transaction.
    TableFull,
}

impl Dropped {
    /// Every reason, for the metrics' start at zero.
    pub const ALL: [Dropped; 6] = [
        Dropped::UnknownSource,
        Dropped::WrongCertificate,
        Dropped::NoCertificate,
        Dropped::StrayResponse,
        Dropped::StrayAck,
        Dropped::TableFull,
    ];

    /// Metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Dropped::UnknownSource => "unknown_source",
            Dropped::WrongCertificate => "wrong_certificate",
            Dropped::NoCertificate => "no_certificate",
            Dropped::StrayResponse => "stray_response",
            Dropped::StrayAck => "stray_ack",
            Dropped::TableFull => "table_full",
        }
    }
}

/// Why the next hop that a Contact or Record-Route names was not used. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detour {
    /// It lies outside of what the trunk allows.
    NotAllowed,
    /// The name gives no address.
    NoAddress,
    /// The resolver took too long.
    NotInTime,
    /// Too many names, or messages that wait for one.
    Full,
}

impl Detour {
    /// Every reason, for the metrics' start at zero.
    pub const ALL: [Detour; 4] = [Detour::NotAllowed, Detour::NoAddress, Detour::NotInTime, Detour::Full];

    /// Metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Detour::NotAllowed => "not_allowed",
            Detour::NoAddress => "no_address",
            Detour::NotInTime => "not_in_time",
            Detour::Full => "full",
        }
    }
}

/// How many of everything the engine holds: the gauges of `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    pub transactions: usize,
    pub dialogs: usize,
    pub calls: usize,
    /// Endpoints open at the relay.
    pub streams: usize,
    /// Port pairs held by calls.
    pub ports_leased: usize,
    /// Port pairs ready for use.
    pub ports_ready: usize,
    /// How long packets have waited for the relay lately, at most.
    pub media_wait: Duration,
}
