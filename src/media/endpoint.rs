//! The media side of one leg: opens what its far end sends, seals what is sent to it.

use std::net::SocketAddr;

use crate::base::ids::EndpointId;
use crate::base::{Entropy, Instant};
use crate::media::dtmf::{Ear, Fate, HeardDigit, Told};
use crate::media::gate::Gate;
use crate::media::ice::{IceLite, Replanned};
use crate::media::line::OutgoingLine;
use crate::media::plan::{
    DtmfMode, EndpointCounts, EndpointPlan, Fill, Flowing, IcePlan, LocalSound, MediaEvent, OnRekey, PayloadMap,
    SpeakDigits, Tone,
};
use crate::media::player::{Frame, Passage, Player};
use crate::media::presence::{Change, Presence};
use crate::media::quality::{Measured, opinion_score};
use crate::media::reception::Reception;
use crate::media::report::Reports;
use crate::media::security::{KeyChange, Security, State};
use crate::media::verdict::{DropReason, MediaPort};
use crate::rtp::buffer::PacketBuffer;
use crate::rtp::packet::{FIXED_HEADER, RtpHeader, clear_extension_and_csrcs};
use crate::rtp::rtcp::{self, Compound};

/// The payload type of [`PayloadMap`] that means: not carried.
const NOT_CARRIED: u8 = 255;

/// One endpoint. Its plan is applied piece by piece, so that what a new plan does not change goes on.
pub struct Endpoint {
    id: EndpointId,
    gate: Gate,
    security: Security,
    flowing: Flowing,
    payloads: PayloadMap,
    line: OutgoingLine,
    reception: Reception,
    reports: Reports,
    ice: Option<Box<IceLite>>,
    counts: EndpointCounts,
    presence: Presence,
    dtmf: DtmfMode,
    ear: Ear,
    sound: LocalSound,
    /// Made when something has to be played.
    player: Option<Box<Player>>,
}

/// What an endpoint's own deadline brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The packet in the buffer goes here.
    Send(SocketAddr),
    /// Time passed, nothing is to be sent.
    Quiet,
    /// Nothing is due.
    Idle,
}

/// An RTP packet that was taken, as the other endpoint gets it.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    from: EndpointId,
    header: RtpHeader,
    index: u64,
}

impl Endpoint {
    /// Opens an endpoint; its silence is counted from `now`.
    pub fn open(id: EndpointId, plan: &EndpointPlan, now: Instant, entropy: &mut dyn Entropy) -> Endpoint {
        let mut endpoint = Endpoint {
            id,
            gate: Gate::new(plan.remote, plan.sources.clone(), plan.rules.clone()),
            security: Security::new(&plan.protection, plan.keying),
            flowing: plan.flowing,
            payloads: plan.payloads.clone(),
            line: OutgoingLine::new(plan.clock, entropy),
            reception: Reception::new(plan.clock),
            reports: Reports::new(now, entropy),
            ice: plan.ice.as_ref().map(|ice| Box::new(IceLite::new(ice))),
            counts: EndpointCounts::default(),
            presence: Presence::new(now, plan.silence),
            dtmf: plan.dtmf,
            ear: Ear::new(plan.dtmf.hear),
            sound: LocalSound::default(),
            player: None,
        };
        endpoint.tune(now, &plan.sound);
        endpoint
    }

    /// Applies a new plan. The same keys, the same address: counters, windows and what was learnt go on
    /// (MD-172). When our key changes, our SSRC and sequence change with it unless the plan keeps them (DESIGN 5).
    pub fn configure(&mut self, plan: &EndpointPlan, now: Instant, entropy: &mut dyn Entropy) {
        let used = self.pairs_in_use();
        self.gate.replan(plan.remote, plan.sources.clone(), plan.rules.clone());
        self.replan_ice(plan.ice.as_ref(), used);
        match self.security.replan(&plan.protection, plan.keying) {
            KeyChange::None | KeyChange::Ours(OnRekey::KeepAll) => {}
            KeyChange::Ours(OnRekey::NewSource) => {
                self.line = OutgoingLine::new(plan.clock, entropy);
                self.reports.restart();
            }
            KeyChange::Ours(OnRekey::KeepFromZero) => self.line.count_from_zero(),
        }
        self.line.set_clock(plan.clock);
        self.reception.set_clock(plan.clock);
        self.presence.replan(now, self.flowing, plan.silence);
        self.flowing = plan.flowing;
        self.payloads = plan.payloads.clone();
        if self.dtmf.hear != plan.dtmf.hear {
            self.ear = Ear::new(plan.dtmf.hear);
        }
        self.dtmf = plan.dtmf;
        self.tune(now, &plan.sound);
    }

    /// Who this is.
    pub const fn id(&self) -> EndpointId {
        self.id
    }

    /// The address that plain packets are taken from, when no other can become one: a socket may be
    /// connected to it. `None` where the far end may move or be learnt.
    pub fn fixed_remote(&self) -> Option<SocketAddr> {
        if self.security.is_plain() && self.ice.is_none() { self.gate.fixed_remote() } else { None }
    }

    /// Takes an RTP packet from the far end: checks, opens, counts.
    ///
    /// # Errors
    /// Why it goes no further. Nothing but a counter changed, except where it was authentic and only its
    /// direction is off.
    pub fn take_rtp(
        &mut self,
        now: Instant,
        source: SocketAddr,
        packet: &mut PacketBuffer,
        events: &mut Vec<MediaEvent>,
    ) -> Result<Taken, DropReason> {
        let header = RtpHeader::read(packet.packet()).map_err(|_| DropReason::Malformed)?;
        let index = self.open_rtp(source, packet, &header)?;
        if self.counts.received == 0 {
            events.push(MediaEvent::FirstPacket { endpoint: self.id });
        }
        self.heard(now, events);
        self.presence.voice(now, self.flowing);
        self.reception.receive(now, &header, index);
        self.counts.received += 1;
        self.counts.received_octets += payload_octets(packet.len(), &header);
        if !self.flowing.receive {
            return Err(DropReason::ReceivingOff);
        }
        Ok(Taken { from: self.id, header, index })
    }

    /// Sends what the partner took: maps, renumbers, seals. Gives where to.
    ///
    /// # Errors
    /// Why it goes no further.
    pub fn send_rtp(
        &mut self,
        now: Instant,
        taken: &Taken,
        packet: &mut PacketBuffer,
        payload_type: u8,
    ) -> Result<SocketAddr, DropReason> {
        if !self.flowing.send {
            return Err(DropReason::SendingOff);
        }
        self.gate.remote().ok_or(DropReason::NoRemote)?;
        if let Some(player) = &mut self.player
            && player.partner_speaks(now) == Passage::Replaced
        {
            return Err(DropReason::Replaced);
        }
        self.dispatch(now, taken, packet, payload_type)
    }

    /// Places a packet in our line, seals it and counts it.
    fn dispatch(
        &mut self,
        now: Instant,
        taken: &Taken,
        packet: &mut PacketBuffer,
        payload_type: u8,
    ) -> Result<SocketAddr, DropReason> {
        let to = self.gate.remote().ok_or(DropReason::NoRemote)?.rtp;
        let mut header = RtpHeader { payload_type, ..taken.header };
        let index = self.line.place(now, taken.from, taken.index, &mut header)?;
        strip_extension_and_csrcs(packet, &mut header);
        header.write(packet.packet_mut());
        let octets = packet.len();
        match self.security.state() {
            State::Plain => {}
            State::Sealed { outbound, .. } => {
                let sealed = outbound.seal_rtp(packet.packet_and_tail(), octets, &header, index)?;
                packet.resize(sealed);
            }
            State::Unusable => return Err(DropReason::NoKeys),
        }
        let payload = payload_octets(octets, &header);
        self.counts.sent += 1;
        self.counts.sent_octets += payload;
        self.reports.sent(now, self.line.ssrc(), u32::try_from(payload).unwrap_or(0));
        Ok(to)
    }

    /// Looks for digits in a packet taken here: the digit that is over with it, and whether the packet goes on.
    pub fn overhear(&mut self, now: Instant, taken: &Taken, packet: &PacketBuffer) -> (Option<Told>, Fate) {
        self.ear.hear(now, &taken.header, packet.packet())
    }

    /// The digit that is over because nothing more of it came.
    pub fn time_out_digit(&mut self, now: Instant) -> Option<Told> {
        self.ear.time_out(now)
    }

    /// Tells the far end a digit, after those that wait.
    ///
    /// # Errors
    /// `DigitLost` when the queue is full or the plan has no way to tell it.
    pub fn play_digit(&mut self, now: Instant, digit: HeardDigit) -> Result<(), DropReason> {
        let tellable = match self.dtmf.speak {
            SpeakDigits::Off => false,
            SpeakDigits::Events { .. } => true,
            SpeakDigits::Inband => self.sound.voice.is_some(),
        };
        if tellable && self.player().play_digit(now, digit) { Ok(()) } else { Err(DropReason::DigitLost) }
    }

    /// Lets the far end hear a tone until the partner's first packet. Without G.711 nothing is heard.
    pub fn play_tone(&mut self, now: Instant, tone: Tone) {
        self.player().play_tone(now, tone);
    }

    /// Ends the tone.
    pub fn stop_tone(&mut self) {
        if let Some(player) = &mut self.player {
            player.stop_tone();
        }
    }

    /// The next moment [`Endpoint::turn`] or [`Endpoint::time_out_digit`] has something to do.
    pub fn due(&self) -> Option<Instant> {
        let playing = self.player.as_ref().and_then(|player| player.due());
        [playing, self.ear.due()].into_iter().flatten().min()
    }

    /// Plays the frame that is due, if one is.
    pub fn turn(&mut self, now: Instant, packet: &mut PacketBuffer) -> Turn {
        let Some(player) = self.player.as_mut().filter(|player| player.due().is_some_and(|due| due <= now)) else {
            return Turn::Idle;
        };
        let frame = player.frame(now, self.line.clock_hz(), &self.sound, self.dtmf.speak, packet);
        let Frame::Packet { header, index } = frame else { return Turn::Quiet };
        if !self.flowing.send {
            return Turn::Quiet;
        }
        let own = Taken { from: self.id, header, index };
        match self.dispatch(now, &own, packet, header.payload_type) {
            Ok(to) => Turn::Send(to),
            Err(reason) => {
                self.dropped(reason);
                Turn::Quiet
            }
        }
    }

    /// The other leg's payload type for a packet taken here.
    ///
    /// # Errors
    /// `PayloadNotCarried`.
    pub fn mapped(&self, taken: &Taken) -> Result<u8, DropReason> {
        match self.payloads.0.get(usize::from(taken.header.payload_type)) {
            None | Some(&NOT_CARRIED) => Err(DropReason::PayloadNotCarried),
            Some(payload_type) => Ok(payload_type & 0x7f),
        }
    }

    /// Takes an RTCP compound from the far end, on either port: checks, opens, reads. It ends here.
    ///
    /// # Errors
    /// Why nothing of it was believed.
    pub fn take_rtcp(
        &mut self,
        now: Instant,
        port: MediaPort,
        source: SocketAddr,
        packet: &mut PacketBuffer,
        events: &mut Vec<MediaEvent>,
    ) -> Result<(), DropReason> {
        match self.security.state() {
            State::Plain => {
                rtcp::check(packet.packet()).map_err(|_| DropReason::RtcpMalformed)?;
                self.admit_plain(port, source)?;
            }
            State::Sealed { inbound, .. } => {
                let opened = inbound.open_rtcp(packet.packet_mut())?;
                packet.resize(opened.octets);
                if opened.newest {
                    self.follow(port, source);
                }
                rtcp::check(packet.packet()).map_err(|_| DropReason::RtcpMalformed)?;
            }
            State::Unusable => return Err(DropReason::NoKeys),
        }
        self.heard(now, events);
        self.counts.rtcp_received += 1;
        self.reports.heard(now, packet.packet(), self.line.ssrc());
        Ok(())
    }

    /// Takes a STUN message: an authentic check is answered in place and may move the far end (RFC 8445 7.3).
    ///
    /// # Errors
    /// Why it is not answered; nothing was learnt from it.
    pub fn take_stun(
        &mut self,
        now: Instant,
        port: MediaPort,
        source: SocketAddr,
        packet: &mut PacketBuffer,
        events: &mut Vec<MediaEvent>,
    ) -> Result<(), DropReason> {
        let ice = self.ice.as_mut().ok_or(DropReason::NotRtp)?;
        let checking = ice.check(port, source, packet.packet())?;
        packet.load(checking.answer.octets());
        if let Some(selected) = checking.selected {
            self.gate.proved(port, selected);
        }
        self.heard(now, events);
        Ok(())
    }

    /// When the next report is due.
    pub const fn report_due(&self) -> Instant {
        self.reports.due()
    }

    /// Writes the report that is due and sets the time of the next. Gives port and address; `None`: nobody to tell.
    ///
    /// # Errors
    /// Why it cannot be sealed.
    pub fn report(
        &mut self,
        now: Instant,
        packet: &mut PacketBuffer,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<(MediaPort, SocketAddr)>, DropReason> {
        self.reports.schedule(now, entropy);
        if self.gate.remote().is_none() {
            return Ok(None);
        }
        let heard = self.reception.report();
        let compound = self.reports.write(now, self.line.ssrc(), self.line.timestamp_at(now), heard);
        self.send_compound(&compound, packet)
    }

    /// Writes the last report of our SSRC; `None` when it was never heard.
    ///
    /// # Errors
    /// Why it cannot be sealed.
    pub fn farewell(&mut self, packet: &mut PacketBuffer) -> Result<Option<(MediaPort, SocketAddr)>, DropReason> {
        if self.counts.sent == 0 && self.counts.rtcp_sent == 0 {
            return Ok(None);
        }
        let compound = self.reports.farewell(self.line.ssrc());
        self.send_compound(&compound, packet)
    }

    fn send_compound(
        &mut self,
        compound: &Compound,
        packet: &mut PacketBuffer,
    ) -> Result<Option<(MediaPort, SocketAddr)>, DropReason> {
        let Some(remote) = self.gate.remote() else { return Ok(None) };
        packet.load(compound.octets());
        match self.security.state() {
            State::Plain => {}
            State::Sealed { outbound, .. } => {
                let octets = packet.len();
                let sealed = outbound.seal_rtcp(packet.packet_and_tail(), octets)?;
                packet.resize(sealed);
            }
            State::Unusable => return Err(DropReason::NoKeys),
        }
        self.counts.rtcp_sent += 1;
        let port = if remote.rtp == remote.rtcp { MediaPort::Rtp } else { MediaPort::Rtcp };
        Ok(Some((port, remote.rtcp)))
    }

    /// Counts a packet that went no further.
    pub fn dropped(&mut self, reason: DropReason) {
        self.counts.dropped += 1;
        if reason == DropReason::Unauthenticated {
            self.counts.unauthenticated += 1;
        }
    }

    /// Says once when the far end was silent for longer than the plan lets it be.
    pub fn watch_silence(&mut self, now: Instant, events: &mut Vec<MediaEvent>) {
        let change = self.presence.watch(now, self.flowing);
        self.tell(change, events);
    }

    /// Ends it: everything counted, with the pause that lasts until `now`.
    pub fn close(mut self, now: Instant) -> EndpointCounts {
        self.presence.end(now, self.flowing);
        self.counts()
    }

    /// Everything counted so far.
    fn counts(&self) -> EndpointCounts {
        let (received, lost, jitter_us) = (self.counts.received, self.reception.lost(), self.reception.jitter_us());
        let round_trip_us = self.reports.round_trip_us();
        EndpointCounts {
            lost,
            jitter_us,
            lost_there: self.reports.lost_there(),
            round_trip_us,
            silence_ms: u32::try_from(self.presence.longest_pause().as_millis()).unwrap_or(u32::MAX),
            silences: self.presence.silences(),
            mos: opinion_score(&Measured { received, lost, jitter_us, round_trip_us }).unwrap_or(0),
            ..self.counts
        }
    }

    /// The packet's index, after the source rule or the tag let it pass.
    fn open_rtp(
        &mut self,
        source: SocketAddr,
        packet: &mut PacketBuffer,
        header: &RtpHeader,
    ) -> Result<u64, DropReason> {
        match self.security.state() {
            State::Plain => {
                self.admit_plain(MediaPort::Rtp, source)?;
                Ok(self.reception.index(header))
            }
            State::Sealed { inbound, .. } => {
                let opened = inbound.open_rtp(packet.packet_mut(), header)?;
                packet.resize(opened.octets);
                if opened.newest {
                    self.follow(MediaPort::Rtp, source);
                }
                Ok(opened.index)
            }
            State::Unusable => Err(DropReason::NoKeys),
        }
    }

    fn player(&mut self) -> &mut Player {
        let seed = self.line.ssrc();
        self.player.get_or_insert_with(|| Box::new(Player::new(seed)))
    }

    /// Takes over what may be said by us; fill begins anew only where the plan switches it on.
    fn tune(&mut self, now: Instant, sound: &LocalSound) {
        let before = std::mem::replace(&mut self.sound, sound.clone());
        match (before.fill == sound.fill, &sound.fill) {
            (true, _) => {}
            (false, Fill::Off) => {
                if let Some(player) = &mut self.player {
                    player.end_fill();
                }
            }
            (false, Fill::Silence | Fill::Noise | Fill::Music(_)) => self.player().expect_fill(now),
        }
    }

    fn admit_plain(&mut self, port: MediaPort, source: SocketAddr) -> Result<(), DropReason> {
        let checked = self.ice.as_ref().is_some_and(|ice| ice.has_checked(port, source));
        match checked || self.gate.takes_plain(port, source) {
            true => Ok(()),
            false => Err(DropReason::UnknownSource),
        }
    }

    /// An authentic packet came from `source`. Once a check has chosen the pair, only a check moves it (MD-199); where
    /// RTP and RTCP share a place, the pair of RTP is that of both.
    fn follow(&mut self, port: MediaPort, source: SocketAddr) {
        let chosen = |port| self.ice.as_ref().is_some_and(|ice| ice.selected(port).is_some());
        if !(chosen(port) || self.gate.is_shared() && chosen(MediaPort::Rtp)) {
            self.gate.authenticated(port, source);
        }
    }

    fn pairs_in_use(&self) -> [Option<(MediaPort, SocketAddr)>; 2] {
        let selected = |port| self.ice.as_ref().and_then(|ice| Some((port, ice.selected(port)?)));
        [MediaPort::Rtp, MediaPort::Rtcp].map(selected)
    }

    /// `used`: the pairs that checks had chosen before.
    fn replan_ice(&mut self, plan: Option<&IcePlan>, used: [Option<(MediaPort, SocketAddr)>; 2]) {
        let kept = match (&mut self.ice, plan) {
            (Some(ice), Some(plan)) => ice.replan(plan),
            (_, plan) => {
                self.ice = plan.map(|plan| Box::new(IceLite::new(plan)));
                return;
            }
        };
        let pairs = match kept {
            Replanned::KeepPair => used,
            Replanned::Describe => {
                self.gate.forget();
                self.pairs_in_use()
            }
        };
        for (port, source) in pairs.into_iter().flatten() {
            self.gate.proved(port, source);
        }
    }

    fn heard(&mut self, now: Instant, events: &mut Vec<MediaEvent>) {
        let change = self.presence.sign(now);
        self.tell(change, events);
    }

    fn tell(&self, change: Option<Change>, events: &mut Vec<MediaEvent>) {
        let endpoint = self.id;
        match change {
            Some(Change::FellSilent) => events.push(MediaEvent::Silent { endpoint }),
            Some(Change::CameBack) => events.push(MediaEvent::Heard { endpoint }),
            None => {}
        }
    }
}

/// The other leg negotiated neither the extensions nor the contributors of this one: our packets are our
/// own, with the fixed header.
fn strip_extension_and_csrcs(packet: &mut PacketBuffer, header: &mut RtpHeader) {
    if header.payload_offset <= FIXED_HEADER {
        return;
    }
    let flags = packet.packet().first().copied();
    packet.strip_front(header.payload_offset - FIXED_HEADER);
    header.payload_offset = FIXED_HEADER;
    if let (Some(first), Some(flags)) = (packet.packet_mut().first_mut(), flags) {
        *first = flags;
    }
    clear_extension_and_csrcs(packet.packet_mut());
}

fn payload_octets(octets: usize, header: &RtpHeader) -> u64 {
    octets.saturating_sub(header.payload_offset) as u64
}
