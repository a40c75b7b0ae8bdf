//! Offer and answer over two legs (RFC 3264): each leg reads and writes its own descriptions; between the legs
//! only an [`AudioPlan`] crosses. Nothing is copied from one side's text to the other's (DESIGN rule 4).
//!
//! Obeyed: RFC 3264 (5, 6, 8), RFC 4568 (5.1, 7), RFC 3605, RFC 5761 5.1 (taken when offered, offered first only with
//! ICE), RFC 8445 2.5 and RFC 8839 (ICE-lite), MD-126..134, MD-166..180, MD-195..203. Assumed: one audio stream; every
//! other media line is answered with port 0.

mod describe;
mod endpoint;
mod newcomer;
mod payloads;
mod plan;
mod refusal;
mod remote;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::base::{Entropy, Secret};
use crate::media::ice;
use crate::media::plan::{AddressRules, IceCredentials, KeySource, PortLease, RemoteMedia, SrtpMaster};
use crate::route::media::{HoldForm, Ice, KeyGeneration, MediaSettings, OnSilence, Security, TrunkDtmf};
use describe::{Description, KeyLifetime, Local};
use payloads::PayloadTable;
use plan::{Format, matching};
use remote::{Profile, Reader, RtcpMode, Said, Slot, TaggedKey};

pub use plan::{AudioPlan, Codec, CodecRole, Direction};
pub use refusal::MediaRefusal;

/// An offer read and found usable, not yet answered.
#[derive(Clone, Debug)]
pub struct RemoteOffer {
    pub plan: AudioPlan,
    said: Said,
}

/// Both sides' last descriptions that form an agreement.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settled {
    said: Said,
    /// Where the peer receives: of `said`, or of an earlier description while it holds with 0.0.0.0.
    remote: Option<RemoteMedia>,
    sent: Arc<Description>,
    role: Role,
}

/// Which part our description had in the agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Role {
    Offer,
    Answer,
}

impl Settled {
    /// The key of ours that protects what we send, if the leg is secured.
    fn local_key(&self) -> Option<&SrtpMaster> {
        let theirs = self.said.key.as_ref()?;
        let is_chosen = |key: &&TaggedKey| key.tag == theirs.tag && key.master.suite == theirs.master.suite;
        self.sent.local.keys.iter().find(is_chosen).map(|key| &key.master)
    }
}

/// The media state of one leg over the life of its dialog: port, origin line, our key (never changed without need,
/// unless the trunk's `media.srtp` wants it), payload types, what the peer last said.
#[derive(Clone, Debug)]
pub struct LegMedia {
    settings: Arc<MediaSettings>,
    rules: Arc<AddressRules>,
    address: IpAddr,
    lease: PortLease,
    /// One for each suite of the trunk. It stays (MD-172) until it is replaced, and then it never comes back.
    keys: Vec<SrtpMaster>,
    key_source: KeySource,
    /// What our names and passwords of ICE are made from, and how many restarts there were (MD-200, MD-201).
    ice_seed: Secret<[u8; 32]>,
    ice_restarts: u32,
    /// Session number of our origin line, 63 bits (RFC 3264 5).
    session: u64,
    payloads: PayloadTable,
    /// The last description written, agreed or not: its version is counted on.
    written: Option<Arc<Description>>,
    /// An offer of ours without an answer.
    pending: Option<Arc<Description>>,
    settled: Option<Settled>,
    stage: Stage,
}

/// What is kept of a leg's media in a checkpoint: everything but the trunk's settings. Holds keys.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptMedia {
    address: IpAddr,
    lease: PortLease,
    keys: Vec<SrtpMaster>,
    key_source: KeySource,
    #[serde(with = "crate::base::secret::in_checkpoint")]
    ice_seed: Secret<[u8; 32]>,
    ice_restarts: u32,
    session: u64,
    payloads: PayloadTable,
    written: Option<Arc<Description>>,
    settled: Option<Settled>,
    stage: Stage,
}

/// How far the call of a leg is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Early,
    Answered,
}

impl LegMedia {
    /// `address`: written into c= and o=. The key is made from `entropy` when the trunk's security asks for one.
    pub fn new(
        settings: Arc<MediaSettings>,
        rules: Arc<AddressRules>,
        address: IpAddr,
        lease: PortLease,
        entropy: &mut dyn Entropy,
    ) -> LegMedia {
        let mut key_source = KeySource::new(entropy);
        let keys = match settings.security {
            Security::Rtp => Vec::new(),
            Security::Srtp | Security::Optional => {
                settings.suites.iter().filter_map(|suite| key_source.draw(*suite)).collect()
            }
        };
        let mut ice_seed = [0; 32];
        entropy.fill(&mut ice_seed);
        LegMedia {
            settings,
            rules,
            address,
            lease,
            keys,
            key_source,
            ice_seed: Secret::new(ice_seed),
            ice_restarts: 0,
            session: entropy.next_u64() >> 1,
            payloads: PayloadTable::default(),
            written: None,
            pending: None,
            settled: None,
            stage: Stage::Early,
        }
    }

    /// What a checkpoint keeps. `None` while an offer waits for its answer.
    pub fn kept(&self) -> Option<KeptMedia> {
        self.pending.is_none().then(|| KeptMedia {
            address: self.address,
            lease: self.lease,
            keys: self.keys.clone(),
            key_source: self.key_source.clone(),
            ice_seed: self.ice_seed.clone(),
            ice_restarts: self.ice_restarts,
            session: self.session,
            payloads: self.payloads.clone(),
            written: self.written.clone(),
            settled: self.settled.clone(),
            stage: self.stage,
        })
    }

    /// A leg's media as it was kept, under the settings of its trunk.
    pub fn restored(kept: KeptMedia, settings: Arc<MediaSettings>, rules: Arc<AddressRules>) -> LegMedia {
        LegMedia {
            settings,
            rules,
            address: kept.address,
            lease: kept.lease,
            keys: kept.keys,
            key_source: kept.key_source,
            ice_seed: kept.ice_seed,
            ice_restarts: kept.ice_restarts,
            session: kept.session,
            payloads: kept.payloads,
            written: kept.written,
            pending: None,
            settled: kept.settled,
            stage: kept.stage,
        }
    }

    /// The port pair that stands in every description of this leg (MD-126).
    pub const fn lease(&self) -> PortLease {
        self.lease
    }

    /// Reads an offer of this leg's peer. Changes nothing.
    ///
    /// # Errors
    /// What the peer must be told.
    pub fn read_offer(&self, body: &[u8]) -> Result<RemoteOffer, MediaRefusal> {
        let current = self.settled.as_ref().map(|settled| settled.said.audio);
        let said = self.reader().offer(body, current)?;
        Ok(RemoteOffer { plan: said.plan().with_events_for(&self.settings), said })
    }

    /// The offer for this leg's peer: the other leg's plan filtered by this trunk's codecs. Kept until answered.
    ///
    /// # Errors
    /// No common codec, or a trunk that demands SRTP without naming a suite.
    pub fn write_offer(&mut self, plan: &AudioPlan) -> Result<Bytes, MediaRefusal> {
        let codecs = plan.codecs_for(&self.settings);
        if codecs.is_empty() {
            return Err(MediaRefusal::NoCommonCodec);
        }
        let (profile, keys) = self.offered_protection()?;
        let formats = self.payloads.assign(codecs);
        let (slots, audio) = self.settled.as_ref().map_or_else(
            || (Arc::from([Slot::Audio]), 0),
            |settled| (Arc::clone(&settled.said.slots), settled.said.audio),
        );
        let (rtcp, ice) = self.offered_transport();
        let direction = self.held_direction(plan.direction);
        let mut local = Local { profile, keys, rtcp, ice, formats, direction, slots, audio, ..self.local(plan) };
        if self.written.as_ref().is_some_and(|last| last.local != local) && self.renew_keys() {
            local.keys = self.offered_protection()?.1;
        }
        let written = self.write(local);
        let body = written.body.clone();
        self.pending = Some(written);
        Ok(body)
    }

    /// Reads the answer to our last offer and makes it the leg's state. Gives the plan for the other leg.
    /// One offer may be answered again, by the 200 after a 183 or by another fork: the latest answer counts.
    ///
    /// # Errors
    /// An answer that does not fit the offer; the state stays as it was.
    pub fn read_answer(&mut self, body: &[u8]) -> Result<AudioPlan, MediaRefusal> {
        let answered = self.settled.as_ref().filter(|settled| settled.role == Role::Offer).map(|settled| &settled.sent);
        let sent = self.pending.as_ref().or(answered).map(Arc::clone).ok_or(MediaRefusal::AnswerMismatch)?;
        let said = self.reader().answer(body, &sent.local)?;
        Ok(self.settle(said, sent, Role::Offer))
    }

    /// Forgets an offer of ours that was refused or never answered.
    pub fn withdraw_offer(&mut self) {
        self.pending = None;
    }

    /// Answers `offer` with what the other leg accepted, and makes both the leg's state.
    ///
    /// # Errors
    /// No common codec.
    pub fn write_answer(&mut self, offer: &RemoteOffer, accepted: &AudioPlan) -> Result<Bytes, MediaRefusal> {
        let said = &offer.said;
        let formats = accepted_formats(&accepted.codecs_for(&self.settings), &said.formats);
        if formats.iter().all(|format| format.codec.role() != CodecRole::Speech) {
            return Err(MediaRefusal::NoCommonCodec);
        }
        if self.written.is_some() && !self.has_answered(said) {
            self.renew_keys();
        }
        let keys = said.key.as_ref().map(|key| self.answered_key(key)).transpose()?;
        if self.is_ice_restart(said) {
            self.ice_restarts = self.ice_restarts.saturating_add(1);
        }
        let local = Local {
            profile: said.profile,
            keys: keys.into_iter().collect(),
            rtcp: said.rtcp,
            ice: said.ice.as_ref().map(|_| self.ice_credentials()),
            formats,
            direction: accepted.direction.answering(said.direction),
            slots: Arc::clone(&said.slots),
            audio: said.audio,
            ..self.local(accepted)
        };
        let sent = self.write(local);
        let body = sent.body.clone();
        self.settle(said.clone(), sent, Role::Answer);
        Ok(body)
    }

    /// True when the offer says what the peer's last description said, and our last one is an answer to it: then
    /// [`LegMedia::repeat`] answers it and nothing crosses (MD-125, MD-134). The origin line is not compared.
    pub fn is_refresh(&self, offer: &RemoteOffer) -> bool {
        self.pending.is_none()
            && self.settled.as_ref().is_some_and(|settled| {
                let (said, ours) = (&settled.said, &settled.sent.local);
                said.says_the_same(&offer.said)
                    && ours.keys.len() <= 1
                    && ours.direction.answering(said.direction) == ours.direction
            })
    }

    /// True when the offer has nothing in it that the other party, which last said `other`, must hear of: it sends and
    /// receives as before, and its codecs are among those agreed on, with the one that the other party sends (its first).
    pub fn changes_only_here(&self, offer: &RemoteOffer, other: &AudioPlan) -> bool {
        let Some(Settled { said, .. }) = self.settled.as_ref().filter(|_| self.pending.is_none()) else { return false };
        let offered = &offer.said;
        let is_offered = |codec: &Codec| offered.formats.iter().any(|format| format.codec.is_same_encoding(codec));
        let is_known = |format: &Format| said.formats.iter().any(|known| known.codec.is_same_encoding(&format.codec));
        let events = |said: &Said| said.formats.iter().any(|format| format.codec.role() == CodecRole::Event);
        let sent = other.codecs.iter().find(|codec| codec.role() == CodecRole::Speech);
        (said.direction, said.ptime_ms) == (offered.direction, offered.ptime_ms)
            && offered.formats.iter().all(is_known)
            && events(said) == events(offered)
            && sent.is_some_and(is_offered)
    }

    /// True when the peer has agreed on what the other party sends: the first codec of speech that is agreed on there.
    pub fn takes_what_is_sent(&self, by: &LegMedia) -> bool {
        let Some((here, there)) = self.settled.as_ref().zip(by.settled.as_ref()) else { return true };
        let is_among =
            |formats: &[Format], codec: &Codec| formats.iter().any(|format| format.codec.is_same_encoding(codec));
        let is_agreed =
            |codec: &&Codec| codec.role() == CodecRole::Speech && is_among(&there.sent.local.formats, codec);
        let sent = there.said.formats.iter().map(|format| &format.codec).find(is_agreed);
        sent.is_none_or(|sent| is_among(&here.said.formats, sent))
    }

    /// Our part of the agreement as an offer, octet for octet, to refresh the session (RFC 4028 7.4). Nothing while there
    /// is no agreement, or an offer waits for its answer.
    pub fn offer_again(&mut self) -> Option<Bytes> {
        let sent = self.settled.as_ref().filter(|_| self.pending.is_none()).map(|settled| Arc::clone(&settled.sent))?;
        let body = sent.body.clone();
        self.pending = Some(sent);
        Some(body)
    }

    /// The last description we sent that stands, octet for octet (o= version unchanged, MD-134): the offer that waits
    /// for its answer, else our part of the agreement.
    pub fn repeat(&self) -> Option<Bytes> {
        let settled = self.settled.as_ref().map(|settled| &settled.sent);
        self.pending.as_ref().or(settled).map(|description| description.body.clone())
    }

    /// What this leg's peer last offered or answered, to offer it anew to a new partner (transfer, late offer).
    pub fn remote_plan(&self) -> Option<AudioPlan> {
        self.settled.as_ref().map(|settled| settled.said.plan().with_events_for(&self.settings))
    }

    /// What becomes of the call when the peer falls silent.
    pub fn on_silence(&self) -> OnSilence {
        self.settings.silence.then
    }

    /// How digits travel on this leg.
    pub fn dtmf(&self) -> TrunkDtmf {
        self.settings.sound.dtmf
    }

    /// Whether the peer that made this offer may hear a ringing tone of ours: its trunk wants one, and it takes G.711.
    pub fn may_ring(&self, offer: &RemoteOffer) -> bool {
        self.settings.sound.ringback.is_some() && endpoint::has_g711(&offer.plan.codecs_for(&self.settings))
    }

    /// The call is answered: from now on the peer may hear fill of ours (MD-193).
    pub fn answered(&mut self) {
        self.stage = Stage::Answered;
    }

    /// The direction of an offer. A party that is held hears our music, where its trunk has some (MD-128).
    fn held_direction(&self, wanted: Direction) -> Direction {
        let heard = match (&self.settings.sound.hold_music, wanted) {
            (Some(_), Direction::Inactive) => Direction::SendOnly,
            (Some(_), Direction::RecvOnly) => Direction::SendRecv,
            (Some(_) | None, _) => wanted,
        };
        match (self.settings.sound.hold, heard) {
            (_, Direction::SendRecv) | (HoldForm::Pass, _) => heard,
            (HoldForm::Inactive, _) => Direction::Inactive,
            (HoldForm::SendOnly, _) => Direction::SendOnly,
            (HoldForm::Unsaid, _) => Direction::SendRecv,
        }
    }

    fn reader(&self) -> Reader<'_> {
        let descriptions = self.pending.iter().chain(self.settled.as_ref().map(|settled| &settled.sent));
        let written = descriptions.flat_map(|description| &description.local.keys).map(|key| &key.master);
        let keys = self.keys.iter().chain(written).collect();
        Reader { settings: &self.settings, rules: &self.rules, address: self.address, keys }
    }

    /// True when what we said last is an answer to an offer of these words: the 200 after our 183 says what that said.
    fn has_answered(&self, said: &Said) -> bool {
        self.settled.as_ref().is_some_and(|settled| settled.role == Role::Answer && settled.said.says_the_same(said))
    }

    /// For a description that says something new: new keys where the trunk wants them always. True when they are new.
    fn renew_keys(&mut self) -> bool {
        match self.settings.srtp.generate {
            KeyGeneration::OnlyIfRequired => return false,
            KeyGeneration::Always => {}
        }
        let source = &mut self.key_source;
        self.keys = self.keys.iter().filter_map(|key| source.draw(key.suite)).collect();
        !self.keys.is_empty()
    }

    /// A key that went out of use is not used again: its indices are spent.
    fn retire(&mut self, spent: &SrtpMaster) {
        let place = self.keys.iter_mut().find(|key| *key == spent);
        if let (Some(place), Some(fresh)) = (place, self.key_source.draw(spent.suite)) {
            *place = fresh;
        }
    }

    /// What every description of this leg has in common, with the wishes of `plan`.
    fn local(&self, plan: &AudioPlan) -> Local {
        Local {
            address: self.address,
            rtp_port: self.lease.rtp_port,
            profile: Profile::Avp,
            keys: Vec::new(),
            lifetime: if self.settings.srtp_lifetime { KeyLifetime::Written } else { KeyLifetime::Omitted },
            rtcp: RtcpMode::Separate,
            ice: None,
            formats: Vec::new(),
            direction: plan.direction,
            ptime_ms: plan.ptime_ms,
            slots: Arc::default(),
            audio: 0,
        }
    }

    /// Profile and keys of an offer: as agreed once there is an agreement, so that neither changes by itself.
    fn offered_protection(&self) -> Result<(Profile, Vec<TaggedKey>), MediaRefusal> {
        if let Some(Settled { said, .. }) = &self.settled {
            let key = said.key.as_ref().map(|key| self.answered_key(key)).transpose()?;
            return Ok((said.profile.offered(), key.into_iter().collect()));
        }
        match self.settings.security {
            Security::Rtp => Ok((Profile::Avp, Vec::new())),
            Security::Srtp | Security::Optional if self.keys.is_empty() => Err(MediaRefusal::NoKey),
            Security::Srtp | Security::Optional => {
                let keys =
                    self.keys.iter().zip(1..).map(|(master, tag)| TaggedKey { tag, master: master.clone(), mki: None });
                Ok((Profile::Savp, keys.collect()))
            }
        }
    }

    /// Where RTCP goes and our part of ICE in an offer: as agreed once there is an agreement. A first offer with ICE
    /// also offers one port for both, so that one candidate is enough (MD-180, MD-195).
    fn offered_transport(&self) -> (RtcpMode, Option<IceCredentials>) {
        match (&self.settled, self.settings.ice) {
            (Some(Settled { said, .. }), _) => (said.rtcp, said.ice.as_ref().map(|_| self.ice_credentials())),
            (None, Ice::Lite) => (RtcpMode::Muxed, Some(self.ice_credentials())),
            (None, Ice::Off) => (RtcpMode::Separate, None),
        }
    }

    /// The same in every description until a restart (MD-200).
    fn ice_credentials(&self) -> IceCredentials {
        ice::credentials(&self.ice_seed, self.ice_restarts)
    }

    /// RFC 8445 9: the far end that was agreed on has another name or password. Unchanged ones never are (MD-201).
    fn is_ice_restart(&self, offer: &Said) -> bool {
        let before = self.settled.as_ref().and_then(|settled| settled.said.ice.as_ref());
        before.zip(offer.ice.as_ref()).is_some_and(|(before, now)| before != now)
    }

    /// Our key under the tag of the peer's (RFC 4568 5.1.2).
    fn answered_key(&self, chosen: &TaggedKey) -> Result<TaggedKey, MediaRefusal> {
        let ours = self.keys.iter().find(|key| key.suite == chosen.master.suite);
        Ok(TaggedKey { tag: chosen.tag, master: ours.ok_or(MediaRefusal::NoUsableKey)?.clone(), mki: None })
    }

    /// Writes a description; the version rises by one when it says something new (RFC 3264 8, MD-176).
    fn write(&mut self, local: Local) -> Arc<Description> {
        let description = match self.written.take() {
            Some(last) if last.local == local => last,
            last => {
                let version = last.map_or(1, |last| last.version.saturating_add(1));
                Arc::new(Description::write(local, self.session, version))
            }
        };
        self.written = Some(Arc::clone(&description));
        description
    }

    fn settle(&mut self, said: Said, sent: Arc<Description>, role: Role) -> AudioPlan {
        let plan = said.plan().with_events_for(&self.settings);
        let before = self.settled.take();
        self.payloads.bind(&said.formats);
        self.pending = None;
        let remote = said.media.or(before.as_ref().and_then(|settled| settled.remote));
        let settled = Settled { remote, said, sent, role };
        if let Some(spent) =
            before.as_ref().and_then(Settled::local_key).filter(|key| Some(*key) != settled.local_key())
        {
            self.retire(spent);
        }
        self.settled = Some(settled);
        plan
    }
}

/// The accepted codecs under the offerer's numbers and names, in the order of acceptance, each once. Parameters are
/// those of the accepting party: they describe what it takes.
fn accepted_formats(accepted: &[Codec], offered: &[Format]) -> Vec<Format> {
    let mut formats: Vec<Format> = Vec::with_capacity(accepted.len());
    for codec in accepted {
        let Some(offer) = matching(codec, offered) else { continue };
        if formats.iter().all(|format| format.payload != offer.payload) {
            let codec = Codec { name: offer.codec.name.clone(), ..codec.clone() };
            formats.push(Format { codec, payload: offer.payload });
        }
    }
    formats
}
