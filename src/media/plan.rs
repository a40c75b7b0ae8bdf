//! What the core tells the relay and what the relay tells the core: plain values, so that the relay can
//! become a process of its own without touching the core (DESIGN 2).

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::audio::g711::Law;
pub use crate::audio::ringing::RingingTone;
use crate::base::ids::{EndpointId, NetworkId, WorkerId};
use crate::base::{Digit, Secret};
pub use crate::rtp::srtp::{KeySource, Mki, SrtpMaster, SrtpSuite};

/// A bound pair of ports (RTP even, RTCP the next odd one) that the core may write into a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortLease {
    pub network: NetworkId,
    pub worker: WorkerId,
    /// The RTP port; RTCP is `rtp_port + 1`.
    pub rtp_port: u16,
}

/// From where packets are taken before anything authenticated them (DESIGN rule 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceRule {
    /// Plain RTP: only the described address. SRTP: any address, but only an authenticated packet moves the far end.
    Described,
    /// Plain RTP: the described address, or once another one inside these ranges.
    LearnOnce(Arc<[IpNet]>),
}

/// How one endpoint's packets are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    Rtp,
    /// `local` protects what we send, `remote` opens what we receive.
    Srtp {
        local: SrtpMaster,
        remote: SrtpMaster,
    },
}

/// What goes with the keys of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keying {
    /// What the far end's packets name its key by (MD-170). Ours never do.
    pub mki: Option<Mki>,
    pub on_rekey: OnRekey,
}

/// What becomes of our SSRC and index when our key changes (DESIGN 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnRekey {
    /// Another SSRC and sequence: right for receivers that begin again at 0 and for those that do not.
    #[default]
    NewSource,
    /// SSRC, sequence and roll-over counter go on (RFC 3711 3.3.1).
    KeepAll,
    /// SSRC and sequence go on, the roll-over counter begins again at 0 (MD-173).
    KeepFromZero,
}

/// Timestamp units in a second (RFC 3550 5.1), never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRate(NonZeroU32);

impl ClockRate {
    /// Of every narrow-band codec, and of G.722 by RFC 3551 4.5.2.
    pub const NARROW_BAND: ClockRate = ClockRate(NonZeroU32::MIN.saturating_add(7999));

    /// `None` for 0.
    pub const fn new(hz: u32) -> Option<ClockRate> {
        match NonZeroU32::new(hz) {
            Some(hz) => Some(ClockRate(hz)),
            None => None,
        }
    }

    /// Units in a second.
    pub const fn hz(self) -> u32 {
        self.0.get()
    }
}

impl Default for ClockRate {
    fn default() -> Self {
        ClockRate::NARROW_BAND
    }
}

/// Where the far end of one endpoint receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteMedia {
    pub rtp: SocketAddr,
    /// Equal to `rtp` when RTCP is multiplexed (RFC 5761).
    pub rtcp: SocketAddr,
}

impl RemoteMedia {
    /// Whether RTCP is multiplexed.
    #[must_use]
    pub fn is_shared(self) -> bool {
        self.rtp == self.rtcp
    }
}

/// Which way media may flow at one endpoint, seen from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flowing {
    /// We send to the far end.
    pub send: bool,
    /// We take from the far end.
    pub receive: bool,
}

impl Flowing {
    /// Either way.
    pub const BOTH: Flowing = Flowing { send: true, receive: true };

    /// Only which ways both allow.
    #[must_use]
    pub const fn within(self, other: Flowing) -> Flowing {
        Flowing { send: self.send && other.send, receive: self.receive && other.receive }
    }
}

/// Payload type on this endpoint -> payload type on the other; 255: not carried (counted).
#[derive(Clone, PartialEq, Eq)]
pub struct PayloadMap(pub [u8; 128]);

impl PayloadMap {
    /// Carries nothing.
    pub const NONE: PayloadMap = PayloadMap([255; 128]);
}

impl std::fmt::Debug for PayloadMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.0.iter().enumerate().filter(|(_, to)| **to != 255)).finish()
    }
}

/// What one endpoint does with digits. Settled with the answer, from both legs' ways (issue 4 item 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DtmfMode {
    pub hear: HearDigits,
    pub speak: SpeakDigits,
}

/// How digits of the far end are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HearDigits {
    /// Not at all: events are carried like every payload type, tones like all speech.
    #[default]
    Carried,
    /// As RFC 4733 events of this payload type and clock; they are not carried.
    Events { payload: u8, clock: u32, to: DigitsTo },
    /// In the speech, under these payload types; a tone is carried until it is known to be one.
    Inband { a_law: Option<u8>, mu_law: Option<u8>, to: DigitsTo },
}

/// Whom digits are told that were heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigitsTo {
    /// The partner plays them to its far end.
    Partner,
    /// The core, as [`MediaEvent::Digit`].
    Core,
}

/// How digits are told to the far end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpeakDigits {
    /// Not by us.
    #[default]
    Off,
    /// As RFC 4733 events.
    Events { payload: u8, clock: u32 },
    /// As tones, in the [`Voice`].
    Inband,
}

/// The G.711 an endpoint can speak by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice {
    pub law: Law,
    /// The far end's payload type of it.
    pub payload: u8,
}

/// What the far end hears while the partner's far end says nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Fill {
    /// Nothing is sent.
    #[default]
    Off,
    Silence,
    Noise,
    /// These samples, again and again.
    Music(Arc<[i16]>),
}

impl std::fmt::Debug for Fill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fill::Off => f.write_str("Off"),
            Fill::Silence => f.write_str("Silence"),
            Fill::Noise => f.write_str("Noise"),
            Fill::Music(samples) => write!(f, "Music({} samples)", samples.len()),
        }
    }
}

/// What an endpoint may say by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalSound {
    /// `None`: no G.711 was agreed, so that no sound of ours can be made.
    pub voice: Option<Voice>,
    pub fill: Fill,
}

/// A tone made by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    pub ringing: RingingTone,
    /// How long a packet of the partner's far end is waited for first.
    pub after: Duration,
}

/// A name and password of ICE (RFC 8445 5.3), valid in every description of a leg until a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceCredentials {
    pub ufrag: Arc<str>,
    #[serde(with = "crate::base::secret::in_checkpoint")]
    pub password: Secret<String>,
}

/// ICE-lite at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcePlan {
    /// Ours: checks must be made with this password.
    pub local: IceCredentials,
    /// The name of the far end whose description counts; `None`: it has not described itself yet.
    pub remote_ufrag: Option<Arc<str>>,
}

/// Everything one endpoint does, as the answer of its leg settled it. Replaces the plan before it; SRTP state
/// (roll-over counter, sequence, replay window) goes on as long as the keys are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPlan {
    /// `None`: not known yet, nothing is sent.
    pub remote: Option<RemoteMedia>,
    pub sources: SourceRule,
    /// What any address of the far end must pass, described, learnt or proved.
    pub rules: Arc<AddressRules>,
    pub protection: Protection,
    pub keying: Keying,
    /// Of the speech on both legs: they carry the same codec.
    pub clock: ClockRate,
    pub flowing: Flowing,
    /// For packets that arrive here.
    pub payloads: PayloadMap,
    /// This endpoint's payload type of RFC 4733 events, if any.
    pub event_payload: Option<u8>,
    /// `None`: STUN is dropped.
    pub ice: Option<IcePlan>,
    /// `None`: silence is not watched (before the answer, and on hold). Else a [`MediaEvent::Silent`] after this long
    /// without a packet: RTP, RTCP, or a check of ICE.
    pub silence: Option<Duration>,
    pub dtmf: DtmfMode,
    pub sound: LocalSound,
}

/// Orders to the relay. Orders for one endpoint are obeyed in the order given.
#[derive(Clone, Debug)]
pub enum MediaCommand {
    /// Have `count` more pairs ready for this network on any worker.
    Refill { network: NetworkId, count: usize },
    /// Give a pair back that was never opened. It need not rest.
    Return { lease: PortLease },
    /// Start an endpoint on its pair. Packets are counted and dropped until it is attached. Who orders keeps the plan too.
    Open { endpoint: EndpointId, lease: PortLease, plan: Arc<EndpointPlan> },
    /// A new plan for an open endpoint.
    Configure { endpoint: EndpointId, lease: PortLease, plan: Arc<EndpointPlan> },
    /// Join two open endpoints of one worker: each sends what the other receives. Replaces earlier joins of either.
    Attach { a: EndpointId, b: EndpointId, worker: WorkerId },
    /// Part an endpoint from its partner.
    Detach { endpoint: EndpointId, worker: WorkerId },
    /// Tell the far end a digit, after those that wait. Queue full (`DIGIT_QUEUE`), or no way to: counted, not told.
    PlayDigit { endpoint: EndpointId, worker: WorkerId, digit: Digit, duration: Duration },
    /// Let the far end hear a tone until the first packet of the partner's far end, or [`MediaCommand::StopTone`].
    PlayTone { endpoint: EndpointId, worker: WorkerId, tone: Tone },
    /// End the tone, if one sounds.
    StopTone { endpoint: EndpointId, worker: WorkerId },
    /// Hand an open endpoint, its pair and all its state (keys, SSRC, roll-over counter, counts) to another worker, so that
    /// it can be joined there. Orders that follow go to `to`; they wait there until it has come.
    Move { endpoint: EndpointId, lease: PortLease, to: WorkerId },
    /// End an endpoint: its pair rests `port_rest_s`, and [`MediaEvent::Closed`] brings the counts.
    Close { endpoint: EndpointId, lease: PortLease },
}

/// News from the relay.
#[derive(Clone, Debug)]
pub enum MediaEvent {
    /// Pairs bound and ready to be used.
    Ready { leases: Vec<PortLease> },
    /// A [`MediaCommand::Refill`] could not be met: no port, or no descriptor left.
    Exhausted { network: NetworkId },
    /// The first RTP packet that passed the source rule (and the tag, on SRTP) came in.
    FirstPacket { endpoint: EndpointId },
    /// The far end pressed a digit, and the plan says that the core is told.
    Digit { endpoint: EndpointId, digit: Digit, duration: Duration },
    /// Nothing valid came for the plan's `silence`. Sent once until packets come again.
    Silent { endpoint: EndpointId },
    /// After a [`MediaEvent::Silent`], something valid came again.
    Heard { endpoint: EndpointId },
    /// The endpoint is gone.
    Closed { endpoint: EndpointId, counts: EndpointCounts },
}

/// What one endpoint saw in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointCounts {
    /// Valid RTP packets received and their payload octets.
    pub received: u64,
    pub received_octets: u64,
    /// RTP packets sent and their payload octets.
    pub sent: u64,
    pub sent_octets: u64,
    /// RFC 3550 estimate: expected less received.
    pub lost: u64,
    /// RFC 3550 6.4.1 interarrival jitter, microseconds.
    pub jitter_us: u32,
    /// Packets dropped, all reasons.
    pub dropped: u64,
    /// Packets whose tag did not verify.
    pub unauthenticated: u64,
    pub rtcp_received: u64,
    pub rtcp_sent: u64,
    /// Our packets that the far end misses, by its last report.
    pub lost_there: u32,
    /// Smoothed time to the far end and back, from LSR and DLSR (RFC 3550 6.4.1), microseconds; 0: never measured.
    pub round_trip_us: u32,
    /// The longest time without an RTP packet while the far end was to be heard, milliseconds: as long as the call on
    /// a leg with one-way audio.
    pub silence_ms: u32,
    /// How often a [`MediaEvent::Silent`] was told.
    pub silences: u32,
    /// Mean opinion score of what the far end sends, hundredths ([`crate::media::quality`]); 0: nothing came.
    pub mos: u16,
}

/// Ranges that are never remote media addresses unless the network's `allow_media` lists them, and our own ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// `networks.*.allow_media`.
    pub allow: Vec<IpNet>,
    /// Addresses of this machine with the ports that are ours: `(address, first, last)`.
    pub own: Vec<(IpAddr, u16, u16)>,
}
