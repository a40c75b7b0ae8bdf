//! What crosses the bridge: codecs, direction, packet time. No addresses, no keys.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::route::media::MediaSettings;

pub use crate::sdp::Direction;

/// An encoding name as written. Copies are free: codecs cross from leg to leg and stay with every description.
#[derive(Clone)]
pub struct EncodingName {
    text: Text,
    role: CodecRole,
}

#[derive(Clone)]
enum Text {
    /// One of [`STATIC`] or [`CUSTOMARY`], letter for letter.
    Known(&'static str),
    Other(Arc<str>),
}

impl From<&str> for EncodingName {
    fn from(name: &str) -> EncodingName {
        let known = STATIC.iter().chain(&CUSTOMARY).find(|entry| entry.name == name);
        let text = known.map_or_else(|| Text::Other(name.into()), |entry| Text::Known(entry.name));
        EncodingName { text, role: CodecRole::of(name) }
    }
}

impl EncodingName {
    /// Names of one table are mostly one text: nothing is compared then.
    fn is_at(&self, name: &str) -> bool {
        matches!(self.text, Text::Known(known) if std::ptr::eq(known, name))
    }
}

impl Deref for EncodingName {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.text {
            Text::Known(name) => name,
            Text::Other(name) => name,
        }
    }
}

impl Serialize for EncodingName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for EncodingName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EncodingName, D::Error> {
        String::deserialize(deserializer).map(|name| EncodingName::from(name.as_str()))
    }
}

/// Without case (RFC 8866 6.6).
impl PartialEq for EncodingName {
    fn eq(&self, other: &EncodingName) -> bool {
        self.is_at(other) || self.eq_ignore_ascii_case(other)
    }
}

impl Eq for EncodingName {}

impl fmt::Display for EncodingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for EncodingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// One codec as both legs understand it; payload types are each leg's own.
#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
pub struct Codec {
    /// Encoding name as written, compared without case.
    pub name: EncodingName,
    /// RTP clock in Hz.
    pub clock: u32,
    /// 1 unless the peer said otherwise.
    pub channels: u8,
    /// `a=fmtp` text, opaque.
    pub fmtp: Option<Arc<str>>,
    /// Payload type it has where the plan comes from: the other leg takes it too when it is free there. A wish, no
    /// part of the codec: equality does not look at it.
    pub hint: Option<u8>,
}

impl PartialEq for Codec {
    fn eq(&self, other: &Self) -> bool {
        self.is_same_encoding(other) && self.fmtp == other.fmtp
    }
}

/// What a codec is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecRole {
    /// Carries the voice.
    Speech,
    /// RFC 4733 events.
    Event,
    /// RFC 3389 comfort noise.
    Noise,
    /// RFC 2198 redundancy: names payload types inside its packets, so it cannot cross a remap (DESIGN 10).
    Redundancy,
}

impl CodecRole {
    const fn of(name: &str) -> CodecRole {
        if name.eq_ignore_ascii_case("telephone-event") {
            CodecRole::Event
        } else if name.eq_ignore_ascii_case("CN") {
            CodecRole::Noise
        } else if name.eq_ignore_ascii_case("red") {
            CodecRole::Redundancy
        } else {
            CodecRole::Speech
        }
    }
}

/// A static assignment of RFC 3551 6, which needs no `a=rtpmap`.
struct Static {
    payload: u8,
    name: &'static str,
    clock: u32,
    channels: u8,
}

const fn fixed(payload: u8, name: &'static str, clock: u32, channels: u8) -> Static {
    Static { payload, name, clock, channels }
}

/// RFC 3551 table 4, audio.
const STATIC: [Static; 18] = [
    fixed(0, "PCMU", 8000, 1),
    fixed(3, "GSM", 8000, 1),
    fixed(4, "G723", 8000, 1),
    fixed(5, "DVI4", 8000, 1),
    fixed(6, "DVI4", 16000, 1),
    fixed(7, "LPC", 8000, 1),
    fixed(8, "PCMA", 8000, 1),
    fixed(9, "G722", 8000, 1),
    fixed(10, "L16", 44100, 2),
    fixed(11, "L16", 44100, 1),
    fixed(12, "QCELP", 8000, 1),
    fixed(13, "CN", 8000, 1),
    fixed(14, "MPA", 90000, 1),
    fixed(15, "G728", 8000, 1),
    fixed(16, "DVI4", 11025, 1),
    fixed(17, "DVI4", 22050, 1),
    fixed(18, "G729", 8000, 1),
    // Long in use as comfort noise before 13 was given out (RFC 3551 6 reserves it).
    fixed(19, "CN", 8000, 1),
];

/// Dynamic numbers Microsoft uses (MD-185): ours too while they are free. Also the dynamic codecs we can offer by name.
const CUSTOMARY: [Static; 9] = [
    fixed(101, "telephone-event", 8000, 1),
    fixed(104, "SILK", 16000, 1),
    fixed(103, "SILK", 8000, 1),
    fixed(118, "CN", 16000, 1),
    fixed(111, "opus", 48000, 2),
    fixed(102, "iLBC", 8000, 1),
    fixed(108, "AMR", 8000, 1),
    fixed(109, "AMR-WB", 16000, 1),
    fixed(110, "telephone-event", 48000, 1),
];

impl Codec {
    /// A codec with one channel and no parameters.
    pub fn new(name: &str, clock: u32) -> Codec {
        Codec { name: name.into(), clock, channels: 1, fmtp: None, hint: None }
    }

    /// The codec of a static payload type (RFC 3551 6).
    pub(super) fn of_static_payload(payload: u8) -> Option<Codec> {
        STATIC.iter().find(|entry| entry.payload == payload).map(Static::codec)
    }

    /// The payload type this codec has by RFC 3551, or by custom.
    pub(super) fn usual_payload(&self) -> Option<u8> {
        let mut known = STATIC.iter().chain(&CUSTOMARY);
        known.find(|entry| self.is(entry.name, entry.clock, entry.channels)).map(|entry| entry.payload)
    }

    /// Same name (without case), clock and channels.
    pub fn is_same_encoding(&self, other: &Codec) -> bool {
        self.is(&other.name, other.clock, other.channels)
    }

    /// The same of a codec that is not at hand.
    pub(super) fn is(&self, name: &str, clock: u32, channels: u8) -> bool {
        self.clock == clock
            && self.channels == channels
            && (self.name.is_at(name) || self.name.eq_ignore_ascii_case(name))
    }

    /// What it carries, by its name.
    pub const fn role(&self) -> CodecRole {
        self.name.role
    }
}

impl Static {
    fn codec(&self) -> Codec {
        let name = EncodingName { text: Text::Known(self.name), role: CodecRole::of(self.name) };
        let hint = Some(self.payload);
        Codec { name, clock: self.clock, channels: self.channels, fmtp: None, hint }
    }
}

/// What crosses the bridge: the audio one party wants or accepts, without addresses, keys or payload types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioPlan {
    /// In order of preference; telephone-event and comfort noise among them.
    pub codecs: Vec<Codec>,
    /// Seen from the party that wrote it.
    pub direction: Direction,
    /// Milliseconds of audio per packet, 10..=60.
    pub ptime_ms: Option<u16>,
}

impl AudioPlan {
    /// What a trunk can be offered when nobody has offered anything yet (late offer, MD-77): its codecs as far as their
    /// names are known here, or G.711 when it names none, and telephone-event.
    pub fn from_settings(settings: &MediaSettings) -> AudioPlan {
        let names: Vec<&str> = match settings.codecs.is_empty() {
            true => vec!["PCMA", "PCMU"],
            false => settings.codecs.iter().map(String::as_str).collect(),
        };
        let known = |name: &str| {
            let mut all = STATIC.iter().chain(&CUSTOMARY);
            all.find(|entry| entry.name.eq_ignore_ascii_case(name)).map(Static::codec)
        };
        let mut codecs: Vec<Codec> = names.into_iter().filter_map(known).collect();
        codecs.retain(|codec| codec.role() == CodecRole::Speech);
        let mut clocks = vec![8000];
        // MD-190: events at 8 kHz beside a 16 kHz codec; other clocks are the codec's own (RFC 4733 2.1).
        clocks.extend(codecs.iter().map(|codec| codec.clock).filter(|clock| *clock > 16000));
        clocks.sort_unstable();
        clocks.dedup();
        codecs.extend(clocks.into_iter().map(events));
        AudioPlan { codecs, direction: Direction::SendRecv, ptime_ms: Some(20) }
    }

    /// The plan as the other leg sees it: a trunk whose digits travel otherwise takes events too, by conversion.
    pub(super) fn with_events_for(mut self, settings: &MediaSettings) -> AudioPlan {
        let has_events = self.codecs.iter().any(|codec| codec.role() == CodecRole::Event);
        if !settings.takes_events() && !has_events {
            self.codecs.push(events(8000));
        }
        self
    }

    /// The codecs `settings` lets pass, in the plan's order. Empty: no speech codec is left.
    pub(super) fn codecs_for(&self, settings: &MediaSettings) -> Vec<Codec> {
        let mut codecs: Vec<Codec> = self.codecs.iter().filter(|codec| passes(settings, codec)).cloned().collect();
        keep_fitting_clocks(&mut codecs, |codec| codec);
        codecs
    }
}

fn events(clock: u32) -> Codec {
    Codec { fmtp: Some("0-15".into()), ..Codec::new("telephone-event", clock) }
}

/// Whether a trunk's `media.codecs` (of events: `media.dtmf`) lets a codec through.
pub(super) fn passes(settings: &MediaSettings, codec: &Codec) -> bool {
    match codec.role() {
        CodecRole::Event => settings.takes_events(),
        CodecRole::Noise => true,
        CodecRole::Redundancy => false,
        CodecRole::Speech => {
            settings.codecs.is_empty() || settings.codecs.iter().any(|name| codec.name.eq_ignore_ascii_case(name))
        }
    }
}

/// Events and comfort noise stand for gaps in the speech, so their clock follows a speech codec (RFC 4733 2.1);
/// 8 kHz events also go with wideband (MD-190). Without speech nothing is left.
pub(super) fn keep_fitting_clocks<T>(list: &mut Vec<T>, codec_of: impl Fn(&T) -> &Codec) {
    let speech = |codec: &&Codec| codec.role() == CodecRole::Speech;
    let clocks: Vec<u32> = list.iter().map(&codec_of).filter(speech).map(|codec| codec.clock).collect();
    list.retain(|entry| {
        let codec = codec_of(entry);
        match codec.role() {
            CodecRole::Speech => true,
            CodecRole::Event => !clocks.is_empty() && (codec.clock == 8000 || clocks.contains(&codec.clock)),
            CodecRole::Noise => clocks.contains(&codec.clock),
            CodecRole::Redundancy => false,
        }
    });
}

/// A codec under the payload type of one description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Format {
    pub codec: Codec,
    pub payload: u8,
}

/// The format that means `codec`: the one with exactly its parameters, else the only one of its encoding, else the one
/// under the number it came from. Two of one encoding and no sign which: none.
pub(super) fn matching<'a>(codec: &Codec, formats: &'a [Format]) -> Option<&'a Format> {
    matching_of(codec, formats.iter().map(|format| (&format.codec, format.payload, format)))
}

/// The same among codecs, each with its payload type and whatever stands for it.
pub(super) fn matching_of<'c, T>(
    codec: &Codec,
    formats: impl Iterator<Item = (&'c Codec, u8, T)> + Clone,
) -> Option<T> {
    let mut same = formats.filter(|(other, ..)| other.is_same_encoding(codec));
    let exact = same.clone().find(|(other, ..)| other.fmtp == codec.fmtp);
    let found = exact.or_else(|| {
        let hinted = same.clone().find(|(_, payload, _)| Some(*payload) == codec.hint);
        let first = same.next();
        if same.next().is_none() { first } else { hinted }
    });
    found.map(|(.., found)| found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::media::{Ice, Security, SrtpKeying};

    fn settings(codecs: &[&str]) -> MediaSettings {
        MediaSettings {
            security: Security::Rtp,
            codecs: codecs.iter().map(|name| (*name).to_owned()).collect(),
            suites: Vec::new(),
            srtp_lifetime: false,
            srtp: SrtpKeying::default(),
            learn: false,
            sources: Vec::new(),
            ice: Ice::Off,
            silence: Default::default(),
            sound: Default::default(),
        }
    }

    fn names(codecs: &[Codec]) -> Vec<String> {
        codecs.iter().map(|codec| format!("{}/{}", codec.name, codec.clock)).collect()
    }

    fn plan(codecs: &[(&str, u32)]) -> AudioPlan {
        let codecs = codecs.iter().map(|(name, clock)| Codec::new(name, *clock)).collect();
        AudioPlan { codecs, direction: Direction::SendRecv, ptime_ms: None }
    }

    #[test]
    fn the_order_of_the_plan_stays_and_the_trunk_filters() {
        let plan = plan(&[("PCMU", 8000), ("SILK", 16000), ("pcma", 8000), ("telephone-event", 8000)]);
        let passed = plan.codecs_for(&settings(&["PCMA", "PCMU"]));
        assert_eq!(names(&passed), ["PCMU/8000", "pcma/8000", "telephone-event/8000"]);
    }

    #[test]
    fn redundancy_never_crosses() {
        let passed = plan(&[("RED", 8000), ("PCMA", 8000)]).codecs_for(&settings(&[]));
        assert_eq!(names(&passed), ["PCMA/8000"]);
    }

    #[test]
    fn events_and_noise_follow_the_clock_of_the_speech() {
        let offered = plan(&[("PCMA", 8000), ("telephone-event", 48000), ("CN", 16000), ("CN", 8000)]);
        assert_eq!(names(&offered.codecs_for(&settings(&[]))), ["PCMA/8000", "CN/8000"]);
        let wide = plan(&[("SILK", 16000), ("telephone-event", 8000), ("CN", 8000)]);
        assert_eq!(names(&wide.codecs_for(&settings(&[]))), ["SILK/16000", "telephone-event/8000"]);
    }

    #[test]
    fn events_alone_are_no_audio() {
        assert!(plan(&[("telephone-event", 8000), ("CN", 8000)]).codecs_for(&settings(&[])).is_empty());
    }

    #[test]
    fn a_late_offer_holds_the_trunks_codecs_and_events() {
        let plan = AudioPlan::from_settings(&settings(&["G722", "PCMA", "nobody-knows"]));
        assert_eq!(names(&plan.codecs), ["G722/8000", "PCMA/8000", "telephone-event/8000"]);
        let plan = AudioPlan::from_settings(&settings(&[]));
        assert_eq!(names(&plan.codecs), ["PCMA/8000", "PCMU/8000", "telephone-event/8000"]);
    }

    #[test]
    fn parameters_decide_only_between_two_of_one_encoding() {
        let format = |payload, fmtp: &str| Format {
            codec: Codec { fmtp: Some(fmtp.into()), ..Codec::new("AMR-WB", 16000) },
            payload,
        };
        let one = [format(96, "octet-align=1")];
        let two = [format(96, "octet-align=1"), format(97, "octet-align=0")];
        let wanted = Codec { fmtp: Some("octet-align=0".into()), ..Codec::new("amr-wb", 16000) };
        assert_eq!(matching(&wanted, &one).map(|found| found.payload), Some(96));
        assert_eq!(matching(&wanted, &two).map(|found| found.payload), Some(97));
        assert_eq!(matching(&Codec::new("AMR-WB", 16000), &two), None);
    }
}
