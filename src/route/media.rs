//! Media settings of a trunk.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::media::plan::{OnRekey, RingingTone, SrtpSuite};

/// `media.security` of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// SRTP or nothing: AVP is answered 488.
    Srtp,
    /// Plain RTP only: we offer AVP; an offered SAVP is answered 488.
    Rtp,
    /// We offer SAVP; AVP is accepted.
    Optional,
}

/// `media.srtp` of a trunk: how our own key lives (MD-172..174, DESIGN 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SrtpKeying {
    pub generate: KeyGeneration,
    pub ssrc: SsrcOnRekey,
    /// Where the SSRC is kept over a new key, the roll-over counter begins again at 0.
    pub reset: bool,
}

/// `media.srtp.generate_keys`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyGeneration {
    /// One key for the life of the leg, as long as nothing takes it away (MD-172).
    #[default]
    OnlyIfRequired,
    /// A new key with each description of ours that says something new.
    Always,
}

/// `media.srtp.ssrc_on_rekey`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SsrcOnRekey {
    /// Right for peers that begin the roll-over counter again with a new key, and for those that keep it.
    #[default]
    New,
    /// For a peer that refuses a new SSRC.
    Keep,
}

impl SrtpKeying {
    /// What the relay does when our key changes.
    pub const fn on_rekey(self) -> OnRekey {
        match (self.ssrc, self.reset) {
            (SsrcOnRekey::New, _) => OnRekey::NewSource,
            (SsrcOnRekey::Keep, false) => OnRekey::KeepAll,
            (SsrcOnRekey::Keep, true) => OnRekey::KeepFromZero,
        }
    }
}

/// `media.ice` of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ice {
    /// The peer's candidates are passed over and ours have none (MD-203).
    Off,
    /// RFC 8445 2.5, for media bypass (MD-195): one host candidate, checks answered, none sent.
    Lite,
}

/// `media` of a trunk, with its profile's values filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaSettings {
    pub security: Security,
    /// Encoding names in order of preference; others are filtered. Empty: all pass. telephone-event always passes.
    pub codecs: Vec<String>,
    /// Suites in the order offered.
    pub suites: Vec<SrtpSuite>,
    /// Write `|2^31` after our key (MD-169).
    pub srtp_lifetime: bool,
    pub srtp: SrtpKeying,
    /// `media.learn`: a plain-RTP leg may learn the far address once, inside `sources`.
    pub learn: bool,
    /// `media.sources` (default: the trunk's `sources`).
    pub sources: Vec<IpNet>,
    pub ice: Ice,
    pub silence: SilenceSettings,
    pub sound: SoundSettings,
}

impl MediaSettings {
    /// True when digits cross to this trunk as RFC 4733 events, so that they are part of its descriptions.
    pub fn takes_events(&self) -> bool {
        self.sound.dtmf == TrunkDtmf::Rfc4733
    }
}

/// `media.silence_s` and `media.on_silence`: a far end that says nothing in an answered call (MD-193).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SilenceSettings {
    /// This long without RTP, RTCP or a check of ICE; zero: never noticed.
    pub after: Duration,
    pub then: OnSilence,
}

impl Default for SilenceSettings {
    fn default() -> Self {
        SilenceSettings { after: Duration::from_secs(30), then: OnSilence::default() }
    }
}

/// `media.on_silence`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnSilence {
    /// Log, metric and record tell of it.
    #[default]
    Report,
    /// The call ends too.
    HangUp,
}

/// `media.dtmf`: how digits come from and go to this trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TrunkDtmf {
    /// As events beside the speech.
    #[default]
    Rfc4733,
    /// As SIP INFO.
    Info,
    /// As tones in G.711.
    Inband,
}

/// `media.comfort`: what the trunk's peer hears from the answer on while the other side is silent (MD-193).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Comfort {
    #[default]
    Off,
    Noise,
    Silence,
}

/// `media.hold`: how the peer is told that the other party holds it (RFC 3264 8.4, RFC 6337 5.3; PF-149). The held party's
/// address is always written as it is: 0.0.0.0 is understood, never sent (MD-129).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HoldForm {
    /// As the other party said it: `sendonly`, `recvonly` or `inactive`.
    #[default]
    Pass,
    /// Always `inactive`, for a peer that understands nothing else (MD-127).
    Inactive,
    /// Always `sendonly`, for a peer that takes `inactive` for the end.
    SendOnly,
    /// Not at all: the peer stays `sendrecv` and hears what the other side plays (MD-128).
    Unsaid,
}

/// What a trunk's peer may hear from us alone, and how digits travel.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SoundSettings {
    pub dtmf: TrunkDtmf,
    /// `media.ringback`: made here when the called side rings without media (MD-112). `None`: never.
    pub ringback: Option<RingingTone>,
    pub comfort: Comfort,
    /// `media.hold_music_file`, read: what the peer hears when the other side holds it.
    pub hold_music: Option<Arc<[i16]>>,
    pub hold: HoldForm,
}

impl fmt::Debug for SoundSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SoundSettings { dtmf, ringback, comfort, hold_music, hold } = self;
        let mut shown = f.debug_struct("SoundSettings");
        shown.field("dtmf", dtmf).field("ringback", ringback).field("comfort", comfort).field("hold", hold);
        shown.field("hold_music_samples", &hold_music.as_ref().map(|samples| samples.len())).finish()
    }
}
