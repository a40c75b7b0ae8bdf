//! From two settled legs to what the relay does at one of them.

use std::time::Duration;

use super::plan::{Codec, CodecRole, Format, matching, matching_of};
use super::{LegMedia, Settled, Stage};
use crate::audio::g711::Law;
use crate::media::plan::{
    ClockRate, DigitsTo, DtmfMode, EndpointPlan, Fill, Flowing, HearDigits, IcePlan, Keying, LocalSound, PayloadMap,
    Protection, RingingTone, SourceRule, SpeakDigits, Voice,
};
use crate::route::media::{Comfort, MediaSettings, TrunkDtmf};

/// One codec of a settled leg under both sides' numbers; they differ only when an answer changed them (RFC 3264 6.1).
pub(super) struct Pair<'a> {
    pub(super) codec: &'a Codec,
    /// The peer sends this to us.
    ours: u8,
    /// We send this to the peer.
    theirs: u8,
}

impl LegMedia {
    /// Plan of this leg's endpoint, payload types mapped to those of `other`. `None` until both have settled.
    pub fn endpoint_plan(&self, other: &LegMedia) -> Option<EndpointPlan> {
        let (here, there) = (self.settled.as_ref()?, other.settled.as_ref()?);
        let (pairs, others) = (pairs(here), pairs(there));
        let payloads = payload_map(&pairs, &others);
        let flowing = flowing(here);
        Some(EndpointPlan {
            remote: here.remote,
            sources: source_rule(&self.settings, here),
            rules: self.rules.clone(),
            protection: protection(here)?,
            keying: self.keying(here),
            clock: clock(&pairs, &payloads),
            flowing,
            event_payload: event_payload(&pairs, &payloads),
            ice: ice(here),
            dtmf: DtmfMode {
                hear: hear(self.dtmf(), &pairs, &payloads, other.dtmf(), &others),
                speak: speak(self.dtmf(), &pairs),
            },
            sound: self.sound(&pairs, self::flowing(there)),
            payloads,
            silence: self.watched_silence(flowing),
        })
    }

    /// Plan of this leg's endpoint while there is nobody to hear: it only speaks by itself. `None` until settled.
    pub fn lone_endpoint_plan(&self) -> Option<EndpointPlan> {
        let here = self.settled.as_ref()?;
        let pairs = pairs(here);
        Some(EndpointPlan {
            remote: here.remote,
            sources: source_rule(&self.settings, here),
            rules: self.rules.clone(),
            protection: protection(here)?,
            flowing: flowing(here),
            payloads: PayloadMap::NONE,
            event_payload: None,
            keying: self.keying(here),
            clock: lone_clock(&pairs),
            ice: ice(here),
            silence: None,
            dtmf: DtmfMode::default(),
            sound: LocalSound { voice: voice(&pairs), fill: Fill::Off },
        })
    }

    /// How the keys of this leg are told apart and changed.
    fn keying(&self, here: &Settled) -> Keying {
        Keying { mki: here.said.key.as_ref().and_then(|key| key.mki), on_rekey: self.settings.srtp.on_rekey() }
    }

    /// Plan of the endpoint while our first offer has no answer: ICE's checks may come before it (MD-197), and nothing
    /// else is taken or sent. `None` when that offer has no ICE.
    pub fn early_plan(&self) -> Option<EndpointPlan> {
        let local = self.pending.as_ref().filter(|_| self.settled.is_none())?.local.ice.clone()?;
        Some(EndpointPlan {
            remote: None,
            sources: SourceRule::Described,
            rules: self.rules.clone(),
            protection: Protection::Rtp,
            keying: Keying::default(),
            clock: ClockRate::NARROW_BAND,
            flowing: Flowing { send: false, receive: false },
            payloads: PayloadMap::NONE,
            event_payload: None,
            ice: Some(IcePlan { local, remote_ufrag: None }),
            silence: None,
            dtmf: DtmfMode::default(),
            sound: LocalSound::default(),
        })
    }

    /// The ringing tone that this leg's peer hears from us, if its trunk has one and G.711 was agreed.
    pub fn ringback(&self) -> Option<RingingTone> {
        let speaks = |settled: &Settled| voice(&pairs(settled)).is_some() && flowing(settled).send;
        self.settings.sound.ringback.filter(|_| self.settled.as_ref().is_some_and(speaks))
    }

    /// Silence is watched from the answer on, while nobody holds (MD-193).
    fn watched_silence(&self, flowing: Flowing) -> Option<Duration> {
        let after = self.settings.silence.after;
        (self.stage == Stage::Answered && flowing.send && flowing.receive && !after.is_zero()).then_some(after)
    }

    fn sound(&self, pairs: &[Pair<'_>], partner: Flowing) -> LocalSound {
        let fill = match (&self.settings.sound.hold_music, partner.receive, self.settings.sound.comfort) {
            _ if self.stage == Stage::Early => Fill::Off,
            (Some(samples), false, _) => Fill::Music(samples.clone()),
            (_, _, Comfort::Off) => Fill::Off,
            (_, _, Comfort::Noise) => Fill::Noise,
            (_, _, Comfort::Silence) => Fill::Silence,
        };
        LocalSound { voice: voice(pairs), fill }
    }
}

/// How digits of a leg's peer are found, so that the other leg can tell them on.
fn hear(
    here: TrunkDtmf,
    pairs: &[Pair<'_>],
    payloads: &PayloadMap,
    there: TrunkDtmf,
    others: &[Pair<'_>],
) -> HearDigits {
    let to = match there {
        TrunkDtmf::Info => DigitsTo::Core,
        TrunkDtmf::Rfc4733 | TrunkDtmf::Inband => DigitsTo::Partner,
    };
    let tellable = there == TrunkDtmf::Info || speak(there, others) != SpeakDigits::Off;
    let events = event_pair(pairs).filter(|_| tellable);
    let carried = events.is_some_and(|pair| payloads.0.get(usize::from(pair.ours)).is_some_and(|to| *to != 255));
    match (here, there) {
        (TrunkDtmf::Rfc4733, TrunkDtmf::Rfc4733) if carried || event_pair(others).is_none() => HearDigits::Carried,
        (TrunkDtmf::Rfc4733, _) => events.map_or(HearDigits::Carried, |pair| HearDigits::Events {
            payload: pair.ours,
            clock: pair.codec.clock,
            to,
        }),
        // Tones cross as they are.
        (TrunkDtmf::Inband, TrunkDtmf::Inband) | (TrunkDtmf::Info, _) => HearDigits::Carried,
        (TrunkDtmf::Inband, TrunkDtmf::Rfc4733) if event_pair(others).is_none() => HearDigits::Carried,
        (TrunkDtmf::Inband, TrunkDtmf::Rfc4733 | TrunkDtmf::Info) => {
            let number = |law| pairs.iter().find(|pair| law_of(pair.codec) == Some(law)).map(|pair| pair.ours);
            HearDigits::Inband { a_law: number(Law::A), mu_law: number(Law::Mu), to }
        }
    }
}

/// How a leg's peer is told digits by us. Without events agreed, tones still reach somebody.
fn speak(here: TrunkDtmf, pairs: &[Pair<'_>]) -> SpeakDigits {
    let tones = if voice(pairs).is_some() { SpeakDigits::Inband } else { SpeakDigits::Off };
    match (here, event_pair(pairs)) {
        (TrunkDtmf::Info, _) => SpeakDigits::Off,
        (TrunkDtmf::Inband, _) | (TrunkDtmf::Rfc4733, None) => tones,
        (TrunkDtmf::Rfc4733, Some(pair)) => SpeakDigits::Events { payload: pair.theirs, clock: pair.codec.clock },
    }
}

/// The events of a leg: those whose clock is that of the first speech codec, else the first.
fn event_pair<'a>(pairs: &'a [Pair<'a>]) -> Option<&'a Pair<'a>> {
    let clock = lone_clock(pairs).hz();
    let mut events = pairs.iter().filter(|pair| pair.codec.role() == CodecRole::Event);
    let first = events.clone().next();
    events.find(|pair| pair.codec.clock == clock).or(first)
}

/// The first G.711 of a leg.
fn voice(pairs: &[Pair<'_>]) -> Option<Voice> {
    pairs.iter().find_map(|pair| law_of(pair.codec).map(|law| Voice { law, payload: pair.theirs }))
}

/// True when sound of ours can be made in one of these.
pub(super) fn has_g711(codecs: &[Codec]) -> bool {
    codecs.iter().any(|codec| law_of(codec).is_some())
}

fn law_of(codec: &Codec) -> Option<Law> {
    let is = |name: &str| codec.is(name, 8000, 1);
    if is("PCMA") {
        Some(Law::A)
    } else if is("PCMU") {
        Some(Law::Mu)
    } else {
        None
    }
}

/// Plain RTP may learn inside the trunk's list; with SRTP the tag decides, whatever the list says (DESIGN rule 6).
fn source_rule(settings: &MediaSettings, here: &Settled) -> SourceRule {
    match settings.learn && !here.said.profile.is_secure() {
        true => SourceRule::LearnOnce(settings.sources.as_slice().into()),
        false => SourceRule::Described,
    }
}

fn protection(here: &Settled) -> Option<Protection> {
    let Some(remote) = &here.said.key else { return Some(Protection::Rtp) };
    Some(Protection::Srtp { local: here.local_key()?.clone(), remote: remote.master.clone() })
}

/// What both descriptions allow, seen from us.
fn flowing(here: &Settled) -> Flowing {
    let (ours, theirs) = (here.sent.local.direction, here.said.direction);
    Flowing { send: ours.sends() && theirs.receives(), receive: ours.receives() && theirs.sends() }
}

/// Both sides' part of ICE, where both have one.
fn ice(here: &Settled) -> Option<IcePlan> {
    let (local, remote) = here.sent.local.ice.clone().zip(here.said.ice.as_ref())?;
    Some(IcePlan { local, remote_ufrag: Some(remote.ufrag.clone()) })
}

pub(super) fn pairs(leg: &Settled) -> Vec<Pair<'_>> {
    let theirs = |ours: &Format| {
        let same = leg.said.formats.iter().find(|format| format.payload == ours.payload);
        same.filter(|format| format.codec.is_same_encoding(&ours.codec))
            .or_else(|| matching(&ours.codec, &leg.said.formats))
    };
    let pair = |ours: &'_ Format| theirs(ours).map(|found| (ours.payload, found.payload));
    let local = leg.sent.local.formats.iter();
    local.filter_map(|format| pair(format).map(|(ours, theirs)| Pair { codec: &format.codec, ours, theirs })).collect()
}

/// Packets here carry our numbers; some peers send their own all the same, so those are taken too where they are free.
fn payload_map(pairs: &[Pair<'_>], others: &[Pair<'_>]) -> PayloadMap {
    let targets = others.iter().map(|pair| (pair.codec, pair.theirs, pair.theirs));
    let mut map = PayloadMap::NONE;
    let numbers =
        pairs.iter().map(|pair| (pair.ours, pair.codec)).chain(pairs.iter().map(|pair| (pair.theirs, pair.codec)));
    for (from, codec) in numbers {
        let target = matching_of(codec, targets.clone());
        if let (Some(entry @ 255), Some(target)) = (map.0.get_mut(usize::from(from)), target) {
            *entry = target;
        }
    }
    map
}

fn is_carried(pair: &Pair<'_>, payloads: &PayloadMap) -> bool {
    payloads.0.get(usize::from(pair.ours)).is_some_and(|to| *to != 255)
}

/// The clock of the speech, of the first codec that is carried: what both SRs and jitter are counted in.
fn clock(pairs: &[Pair<'_>], payloads: &PayloadMap) -> ClockRate {
    let mut speech = pairs.iter().filter(|pair| pair.codec.role() == CodecRole::Speech);
    let carried = speech.find(|pair| is_carried(pair, payloads));
    carried.and_then(|pair| ClockRate::new(pair.codec.clock)).unwrap_or_default()
}

/// The clock of a leg that carries nothing yet: that of its first speech codec.
fn lone_clock(pairs: &[Pair<'_>]) -> ClockRate {
    let speech = pairs.iter().find(|pair| pair.codec.role() == CodecRole::Speech);
    speech.and_then(|pair| ClockRate::new(pair.codec.clock)).unwrap_or_default()
}

/// The number events arrive under: the one whose clock is that of the first speech codec, else the first that is carried.
fn event_payload(pairs: &[Pair<'_>], payloads: &PayloadMap) -> Option<u8> {
    let carried = |pair: &&Pair<'_>| is_carried(pair, payloads);
    let clock = pairs.iter().find(|pair| pair.codec.role() == CodecRole::Speech).map(|pair| pair.codec.clock);
    let mut events = pairs.iter().filter(|pair| pair.codec.role() == CodecRole::Event).filter(carried);
    let first = events.clone().next();
    events.find(|pair| Some(pair.codec.clock) == clock).or(first).map(|pair| pair.ours)
}
