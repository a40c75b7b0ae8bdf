//! Reading what a peer says: the one audio line we take, judged by the trunk's settings and the address rules.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::describe::Local;
use super::plan::{AudioPlan, Codec, Format, keep_fitting_clocks, matching, passes};
use super::refusal::MediaRefusal;
use crate::base::Secret;
use crate::base::bounds::Bound;
use crate::base::limits::{SDP_CRYPTO_LINES, SDP_FMTP_OCTETS};
use crate::media::plan::{AddressRules, IceCredentials, Mki, RemoteMedia, SrtpMaster, SrtpSuite};
use crate::route::media::{Ice, MediaSettings, Security};
use crate::sdp::attribute::{payload_type, ptime_ms};
use crate::sdp::{
    CryptoFault, CryptoLine, Direction, Fmtp, MediaDescription, RtcpAttribute, RtpMap, SessionDescription,
};

/// The RTP profile of an audio line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Profile {
    Avp,
    Savp,
    /// Taken and answered with itself; never offered first (MD-167).
    Savpf,
    /// Seen in offers for media bypass beside `a=crypto`; with those it is SDES like the others (MD-166, MD-167). Answered
    /// with itself, never offered.
    TlsSavp,
}

impl Profile {
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Avp => "RTP/AVP",
            Profile::Savp => "RTP/SAVP",
            Profile::Savpf => "RTP/SAVPF",
            Profile::TlsSavp => "UDP/TLS/RTP/SAVP",
        }
    }

    fn from_name(name: &str) -> Option<Profile> {
        let all = [Profile::Avp, Profile::Savp, Profile::Savpf, Profile::TlsSavp];
        all.into_iter().find(|profile| profile.name() == name)
    }

    /// What an offer of ours is under once this was agreed.
    pub const fn offered(self) -> Profile {
        match self {
            Profile::Avp | Profile::Savp | Profile::Savpf => self,
            Profile::TlsSavp => Profile::Savp,
        }
    }

    pub const fn is_secure(self) -> bool {
        match self {
            Profile::Avp => false,
            Profile::Savp | Profile::Savpf | Profile::TlsSavp => true,
        }
    }
}

/// Where RTCP goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum RtcpMode {
    Separate,
    /// On the RTP port (RFC 5761).
    Muxed,
}

/// A key under its tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TaggedKey {
    pub tag: u32,
    pub master: SrtpMaster,
    /// What the packets name the key by; ours never do (MD-170).
    pub mki: Option<Mki>,
}

/// One place in the list of media lines, which never gets shorter (RFC 3264 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Slot {
    /// Ours, written from typed state.
    Audio,
    /// A line we do not take, repeated with port 0 (RFC 3264 6).
    Off { kind: String, protocol: String, formats: Vec<String> },
}

/// What one description of the peer says, as far as it means something to us.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Said {
    pub profile: Profile,
    /// The key the peer sends with.
    pub key: Option<TaggedKey>,
    /// `None`: held with 0.0.0.0 (RFC 3264 8.4).
    pub media: Option<RemoteMedia>,
    pub rtcp: RtcpMode,
    /// The peer's name and password, where the trunk has ICE and the peer sends checks.
    pub ice: Option<IceCredentials>,
    /// Usable formats under the peer's numbers; of an answer those that we had offered.
    pub formats: Arc<[Format]>,
    /// The same, but of an answer also those that we had not offered.
    pub listed: Arc<[Format]>,
    pub direction: Direction,
    pub ptime_ms: Option<u16>,
    pub slots: Arc<[Slot]>,
    /// Place of [`Slot::Audio`] among `slots`.
    pub audio: usize,
}

impl Said {
    /// True when both mean the same to us, whatever their text and origin lines are, and whether offer or answer.
    pub fn says_the_same(&self, other: &Said) -> bool {
        (self.profile, self.rtcp, self.media, self.direction, self.ptime_ms)
            == (other.profile, other.rtcp, other.media, other.direction, other.ptime_ms)
            && self.key == other.key
            && self.ice == other.ice
            && self.listed == other.listed
            && (&self.slots, self.audio) == (&other.slots, other.audio)
    }

    pub fn plan(&self) -> AudioPlan {
        let codecs = self.formats.iter().map(|format| format.codec.clone()).collect();
        AudioPlan { codecs, direction: self.direction, ptime_ms: self.ptime_ms }
    }
}

/// What a leg's peer is measured by.
pub(super) struct Reader<'a> {
    pub settings: &'a MediaSettings,
    pub rules: &'a AddressRules,
    /// Our address on this leg; the peer's must be of its family.
    pub address: IpAddr,
    /// Keys of ours that may be in use.
    pub keys: Vec<&'a SrtpMaster>,
}

impl Reader<'_> {
    /// Reads an offer: the audio line at `current` if it is still usable, else the first usable one.
    ///
    /// # Errors
    /// Why not even one audio line can be used: the first one's reason.
    pub fn offer(&self, body: &[u8], current: Option<usize>) -> Result<Said, MediaRefusal> {
        let session = SessionDescription::parse(body)?;
        let audio = |at: &usize| session.media.get(*at).is_some_and(|media| media.kind == "audio");
        let places =
            current.into_iter().chain((0..session.media.len()).filter(|at| Some(*at) != current)).filter(audio);
        let mut refusal = MediaRefusal::NoAudio;
        for at in places {
            match self.offered_audio(&session, at) {
                Ok(said) => return Ok(said),
                Err(reason) if matches!(refusal, MediaRefusal::NoAudio | MediaRefusal::AudioOff) => refusal = reason,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    fn offered_audio(&self, session: &SessionDescription<'_>, at: usize) -> Result<Said, MediaRefusal> {
        let media = session.media.get(at).ok_or(MediaRefusal::NoAudio)?;
        let profile = self.profile(media)?;
        let key = if profile.is_secure() { Some(self.offered_key(media)?) } else { None };
        let rtcp = if media.has("rtcp-mux") { RtcpMode::Muxed } else { RtcpMode::Separate };
        let listed: Arc<[Format]> = self.listed(media, &[]).into();
        let (formats, slots) = (listed.clone(), slots_of(session, at));
        self.said(session, media, Agreed { profile, key, rtcp, formats, listed, slots, audio: at })
    }

    /// Reads the answer to `ours`.
    ///
    /// # Errors
    /// Why it does not fit what we offered, or may not be used.
    pub fn answer(&self, body: &[u8], ours: &Local) -> Result<Said, MediaRefusal> {
        let session = SessionDescription::parse(body)?;
        let media = session.media.get(ours.audio).filter(|media| media.kind == "audio");
        let media = media.filter(|_| session.media.len() >= ours.slots.len()).ok_or(MediaRefusal::AnswerMismatch)?;
        let profile = self.profile(media)?;
        if profile != ours.profile {
            return Err(MediaRefusal::Profile);
        }
        let key = if profile.is_secure() { Some(self.answered_key(media, &ours.keys)?) } else { None };
        let muxed = ours.rtcp == RtcpMode::Muxed && media.has("rtcp-mux");
        let rtcp = if muxed { RtcpMode::Muxed } else { RtcpMode::Separate };
        let listed = self.listed(media, &ours.formats);
        let mut formats = answered_formats(&listed, &ours.formats);
        keep_fitting_formats(&mut formats);
        let (formats, listed) = (formats.into(), listed.into());
        let (slots, audio) = (Arc::clone(&ours.slots), ours.audio);
        self.said(&session, media, Agreed { profile, key, rtcp, formats, listed, slots, audio })
    }

    /// The rest, which offers and answers share: codecs, address, direction.
    fn said(
        &self,
        session: &SessionDescription<'_>,
        media: &MediaDescription<'_>,
        agreed: Agreed,
    ) -> Result<Said, MediaRefusal> {
        let Agreed { profile, key, rtcp, formats, listed, slots, audio } = agreed;
        let remote = self.remote(session, media, rtcp)?;
        if formats.is_empty() {
            return Err(MediaRefusal::NoCommonCodec);
        }
        let direction = match (remote, Direction::of(session, media)) {
            (Some(_), direction) => direction,
            // RFC 3264 8.4: 0.0.0.0 says "send me nothing", whatever stands beside it.
            (None, Direction::SendRecv | Direction::SendOnly) => Direction::SendOnly,
            (None, Direction::RecvOnly | Direction::Inactive) => Direction::Inactive,
        };
        let (ptime_ms, ice) = (ptime_ms(media), self.ice(session, media));
        Ok(Said { ice, profile, key, media: remote, rtcp, formats, listed, direction, ptime_ms, slots, audio })
    }

    /// The formats of a line that pass this trunk's codecs.
    fn listed(&self, media: &MediaDescription<'_>, ours: &[Format]) -> Vec<Format> {
        let mut formats = formats_of(media, ours);
        formats.retain(|format| passes(self.settings, &format.codec));
        keep_fitting_formats(&mut formats);
        formats
    }

    /// The profile of a line that is switched on, if the trunk takes it.
    fn profile(&self, media: &MediaDescription<'_>) -> Result<Profile, MediaRefusal> {
        if media.port == 0 {
            return Err(MediaRefusal::AudioOff);
        }
        let profile = Profile::from_name(&media.protocol).ok_or(MediaRefusal::Profile)?;
        match (self.settings.security, profile.is_secure()) {
            (Security::Srtp, false) => Err(MediaRefusal::PlainRefused),
            (Security::Rtp, true) => Err(MediaRefusal::SecureRefused),
            (Security::Srtp | Security::Optional, true) | (Security::Rtp | Security::Optional, false) => Ok(profile),
        }
    }

    /// The offered key whose suite this trunk likes best; among equals the peer's first. A key without MKI comes
    /// before all others (MD-170).
    fn offered_key(&self, media: &MediaDescription<'_>) -> Result<TaggedKey, MediaRefusal> {
        let place = |key: &TaggedKey| self.settings.suites.iter().position(|suite| *suite == key.master.suite);
        let rank = |key: &TaggedKey| (key.mki.is_some(), place(key));
        let (keys, refusal) = self.usable_keys(media);
        keys.into_iter().min_by_key(rank).ok_or(refusal)
    }

    /// MD-171: an answer may hold several lines; the one with a tag and suite of ours counts, without MKI if there is
    /// a choice.
    fn answered_key(&self, media: &MediaDescription<'_>, ours: &[TaggedKey]) -> Result<TaggedKey, MediaRefusal> {
        let (keys, refusal) = self.usable_keys(media);
        if keys.is_empty() {
            return Err(refusal);
        }
        let is_offered = |key: &TaggedKey| {
            ours.iter().any(|offered| offered.tag == key.tag && offered.master.suite == key.master.suite)
        };
        let offered = keys.into_iter().filter(is_offered);
        offered.min_by_key(|key| key.mki.is_some()).ok_or(MediaRefusal::AnswerTag)
    }

    /// The keys of the first [`SDP_CRYPTO_LINES`] lines that can be used, and the most telling reason against the others.
    fn usable_keys(&self, media: &MediaDescription<'_>) -> (Vec<TaggedKey>, MediaRefusal) {
        let mut keys = Vec::new();
        let mut refusal = MediaRefusal::NoKey;
        for line in Bound::SdpCryptoLines.first(SDP_CRYPTO_LINES, media.values("crypto")) {
            match self.usable_key(line) {
                Ok(key) => keys.push(key),
                Err(reason) if matches!(refusal, MediaRefusal::NoKey | MediaRefusal::NoUsableKey) => refusal = reason,
                Err(_) => {}
            }
        }
        (keys, refusal)
    }

    fn usable_key(&self, value: &str) -> Result<TaggedKey, MediaRefusal> {
        let line = CryptoLine::parse(value).map_err(|fault| match fault {
            CryptoFault::SessionParameter => MediaRefusal::WeakKey,
            CryptoFault::Malformed | CryptoFault::Key | CryptoFault::Lifetime | CryptoFault::Mki => {
                MediaRefusal::NoUsableKey
            }
        })?;
        let suite = SrtpSuite::from_name(line.suite).filter(|suite| self.settings.suites.contains(suite));
        let suite = suite.ok_or(MediaRefusal::NoUsableKey)?;
        let octets = line.key_salt.expose();
        if octets.len() != suite.key_salt_octets() {
            return Err(MediaRefusal::NoUsableKey);
        }
        if octets.iter().all(|octet| *octet == 0) {
            return Err(MediaRefusal::ZeroKey);
        }
        let mki = line.mki.map(|mki| Mki::new(mki.value, mki.octets).ok_or(MediaRefusal::NoUsableKey)).transpose()?;
        let master = SrtpMaster { suite, key_salt: line.key_salt };
        match self.keys.contains(&&master) {
            true => Err(MediaRefusal::KeyIsOurs),
            false => Ok(TaggedKey { tag: line.tag, master, mki }),
        }
    }

    /// Where the peer receives. `None` for 0.0.0.0.
    fn remote(
        &self,
        session: &SessionDescription<'_>,
        media: &MediaDescription<'_>,
        rtcp: RtcpMode,
    ) -> Result<Option<RemoteMedia>, MediaRefusal> {
        let ip = session.address_of(media).map_err(|_| MediaRefusal::NoAddress)?;
        if ip == IpAddr::V4(Ipv4Addr::UNSPECIFIED) {
            return Ok(None);
        }
        let rtp = self.allowed(SocketAddr::new(ip, media.port))?;
        let rtcp = match rtcp {
            RtcpMode::Muxed => rtp,
            RtcpMode::Separate => self.allowed(separate_rtcp(rtp, media)?)?,
        };
        Ok(Some(RemoteMedia { rtp, rtcp }))
    }

    /// The peer's part of ICE. None on a trunk without it (MD-203), and none of a peer that is lite itself: two lite
    /// agents check nothing, and what stands in `c=` counts (RFC 8445 6.1.1). Candidates are not read: a lite agent
    /// learns from checks.
    fn ice(&self, session: &SessionDescription<'_>, media: &MediaDescription<'_>) -> Option<IceCredentials> {
        match self.settings.ice {
            Ice::Off => return None,
            Ice::Lite if session.has("ice-lite") => return None,
            Ice::Lite => {}
        }
        let value = |name| media.values(name).next().or_else(|| session.values(name).next());
        let ufrag = value("ice-ufrag").filter(|text| is_ice_text(text, 4))?;
        let password = value("ice-pwd").filter(|text| is_ice_text(text, 22))?;
        Some(IceCredentials { ufrag: ufrag.into(), password: Secret::new(password.to_owned()) })
    }

    /// Every remote media address passes here (reliability M5).
    fn allowed(&self, address: SocketAddr) -> Result<SocketAddr, MediaRefusal> {
        self.rules.allows(address).map_err(|_| MediaRefusal::AddressRefused)?;
        match address.is_ipv4() == self.address.is_ipv4() {
            true => Ok(address),
            false => Err(MediaRefusal::AddressFamily),
        }
    }
}

/// What is settled about an audio line before its address and codecs are looked at.
struct Agreed {
    profile: Profile,
    key: Option<TaggedKey>,
    rtcp: RtcpMode,
    formats: Arc<[Format]>,
    listed: Arc<[Format]>,
    slots: Arc<[Slot]>,
    audio: usize,
}

/// RFC 8839 5.4: `least` to 256 characters of its small alphabet.
fn is_ice_text(text: &str, least: usize) -> bool {
    (least..=256).contains(&text.len())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"+/".contains(&octet))
}

/// `a=rtcp` (RFC 3605), else the next port; the RTP port itself when there is no next one.
fn separate_rtcp(rtp: SocketAddr, media: &MediaDescription<'_>) -> Result<SocketAddr, MediaRefusal> {
    let Some(said) = media.values("rtcp").find_map(RtcpAttribute::parse) else {
        return Ok(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1).unwrap_or(rtp.port())));
    };
    let ip = said.address.unwrap_or(Ok(rtp.ip())).map_err(|_| MediaRefusal::NoAddress)?;
    // Held with 0.0.0.0 in this line alone: RTCP stays where RTP goes.
    let ip = if ip == IpAddr::V4(Ipv4Addr::UNSPECIFIED) { rtp.ip() } else { ip };
    Ok(SocketAddr::new(ip, said.port))
}

fn slots_of(session: &SessionDescription<'_>, audio: usize) -> Arc<[Slot]> {
    let refused = |media: &MediaDescription<'_>| Slot::Off {
        kind: media.kind.to_string(),
        protocol: media.protocol.to_string(),
        formats: media.formats.iter().map(ToString::to_string).collect(),
    };
    let slot = |(at, media)| if at == audio { Slot::Audio } else { refused(media) };
    session.media.iter().enumerate().map(slot).collect()
}

/// The formats of a line that say which codec they are: by rtpmap, by RFC 3551, or because `ours` gave the number.
/// 64..=95 are passed over (RFC 5761 4), as is what comes twice or has parameters beyond all measure.
fn formats_of(media: &MediaDescription<'_>, ours: &[Format]) -> Vec<Format> {
    let maps: Vec<RtpMap<'_>> = media.values("rtpmap").filter_map(RtpMap::parse).take(128).collect();
    let parameters: Vec<Fmtp<'_>> = media.values("fmtp").filter_map(Fmtp::parse).take(128).collect();
    let mut formats: Vec<Format> = Vec::new();
    for payload in media.formats.iter().filter_map(|format| payload_type(format)) {
        if (64..=95).contains(&payload) || formats.iter().any(|format| format.payload == payload) {
            continue;
        }
        let mapped = maps.iter().find(|map| map.payload == payload).map(codec_of);
        let known = || ours.iter().find(|format| format.payload == payload).map(|format| format.codec.clone());
        let Some(codec) = mapped.or_else(|| Codec::of_static_payload(payload)).or_else(known) else { continue };
        let fmtp = parameters.iter().find(|fmtp| fmtp.payload == payload).map(|fmtp| fmtp.text);
        if fmtp.is_none_or(|text| text.len() <= SDP_FMTP_OCTETS) {
            let fmtp = fmtp.map(Arc::from);
            formats.push(Format { codec: Codec { fmtp, hint: Some(payload), ..codec }, payload });
        } else {
            Bound::SdpFmtpOctets.reached();
        }
    }
    formats
}

fn codec_of(map: &RtpMap<'_>) -> Codec {
    Codec { channels: map.channels, ..Codec::new(map.name, map.clock) }
}

/// Those answered formats that we offered, each once, in the answer's order. They keep the number the codec has on the
/// other leg as their hint, so that the other leg knows which of two alike is meant.
fn answered_formats(answered: &[Format], ours: &[Format]) -> Vec<Format> {
    let mut taken: Vec<u8> = Vec::new();
    let mut formats = Vec::new();
    for format in answered {
        let same_number = ours.iter().find(|our| our.payload == format.payload);
        let same_number = same_number.filter(|our| our.codec.is_same_encoding(&format.codec));
        let Some(our) = same_number.or_else(|| matching(&format.codec, ours)) else { continue };
        if !taken.contains(&our.payload) {
            taken.push(our.payload);
            formats.push(Format {
                codec: Codec { hint: our.codec.hint, ..format.codec.clone() },
                payload: format.payload,
            });
        }
    }
    formats
}

/// [`keep_fitting_clocks`] for formats.
fn keep_fitting_formats(formats: &mut Vec<Format>) {
    keep_fitting_clocks(formats, |format| &format.codec);
}
