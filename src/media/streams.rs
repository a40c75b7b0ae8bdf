//! All endpoints of one relay worker and who is joined to whom: a packet goes in, a verdict comes out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use crate::base::churn::Churned;
use crate::base::ids::EndpointId;
use crate::base::{Entropy, Instant};
use crate::media::dtmf::{Fate, HeardDigit, Told};
use crate::media::endpoint::{Endpoint, Turn};
use crate::media::plan::{DigitsTo, EndpointCounts, EndpointPlan, MediaEvent, Tone};
use crate::media::verdict::{DropReason, MediaPort, Slot, Verdict};
use crate::rtp::buffer::PacketBuffer;
use crate::rtp::demux::PacketKind;

/// Endpoints by the slot of their port pair. The owner bounds the slots (`RELAY_PAIRS`).
#[derive(Default)]
pub struct Streams {
    slots: Vec<Option<Box<Joined>>>,
    by_id: Churned<EndpointId, Slot>,
    /// Endpoints with a deadline of their own (digits, tones, fill). Room is kept for every slot there is.
    stirring: Vec<Slot>,
    /// The earliest of those deadlines, or earlier.
    due: Option<Instant>,
    /// How far the round over `stirring` has come.
    place: usize,
    /// When each endpoint reports next. An entry whose time is no longer the endpoint's is passed over; there are at
    /// most a few of those for an endpoint, and they are gone after an interval.
    reports: BinaryHeap<Reverse<(Instant, Slot)>>,
}

/// An endpoint and its partner.
struct Joined {
    endpoint: Endpoint,
    partner: Option<Slot>,
    /// True while the slot is among `stirring`.
    stirs: bool,
}

impl Streams {
    /// Opens an endpoint on a slot. False, and nothing changed, when the slot or the name is taken.
    pub fn open(
        &mut self,
        now: Instant,
        slot: Slot,
        id: EndpointId,
        plan: &EndpointPlan,
        entropy: &mut dyn Entropy,
    ) -> bool {
        self.adopt(slot, id, Endpoint::open(id, plan, now, entropy))
    }

    /// Applies a new plan. False when no such endpoint is open.
    pub fn configure(&mut self, now: Instant, id: EndpointId, plan: &EndpointPlan, entropy: &mut dyn Entropy) -> bool {
        let Some(slot) = self.slot_of(id) else { return false };
        let Some(joined) = joined_mut(&mut self.slots, slot) else { return false };
        joined.endpoint.configure(plan, now, entropy);
        self.stir(slot);
        true
    }

    /// Joins two endpoints; each leaves its earlier partner. False when one of them is not open.
    pub fn attach(&mut self, a: EndpointId, b: EndpointId) -> bool {
        let (Some(&slot_a), Some(&slot_b)) = (self.by_id.get(&a), self.by_id.get(&b)) else { return false };
        if slot_a == slot_b {
            return false;
        }
        self.part(slot_a);
        self.part(slot_b);
        for (slot, partner) in [(slot_a, slot_b), (slot_b, slot_a)] {
            if let Some(joined) = joined_mut(&mut self.slots, slot) {
                joined.partner = Some(partner);
            }
        }
        true
    }

    /// Parts an endpoint from its partner, and the partner from it.
    pub fn detach(&mut self, id: EndpointId) {
        if let Some(&slot) = self.by_id.get(&id) {
            self.part(slot);
        }
    }

    /// Ends an endpoint and gives its slot and its counts up to `now`; `None` when it is not open.
    pub fn close(&mut self, now: Instant, id: EndpointId) -> Option<(Slot, EndpointCounts)> {
        let slot = self.by_id.remove(&id)?;
        self.part(slot);
        self.stirring.retain(|stirring| *stirring != slot);
        let joined = self.slots.get_mut(slot.index())?.take()?;
        Some((slot, joined.endpoint.close(now)))
    }

    /// Lets an endpoint go to another thread, with its slot here; `None` when it is not open.
    pub fn release(&mut self, id: EndpointId) -> Option<(Slot, Endpoint)> {
        let slot = self.by_id.remove(&id)?;
        self.part(slot);
        self.stirring.retain(|stirring| *stirring != slot);
        let joined = self.slots.get_mut(slot.index())?.take()?;
        Some((slot, joined.endpoint))
    }

    /// Takes in an endpoint that was [released](Streams::release) elsewhere. False when the slot or the name is taken.
    pub fn adopt(&mut self, slot: Slot, id: EndpointId, endpoint: Endpoint) -> bool {
        self.make_room(slot);
        let Some(place) = self.slots.get_mut(slot.index()).filter(|place| place.is_none()) else { return false };
        if self.by_id.contains_key(&id) {
            return false;
        }
        self.reports.push(Reverse((endpoint.report_due(), slot)));
        *place = Some(Box::new(Joined { endpoint, partner: None, stirs: false }));
        self.by_id.insert(id, slot);
        self.stir(slot);
        true
    }

    fn make_room(&mut self, slot: Slot) {
        if self.slots.len() <= slot.index() {
            self.slots.resize_with(slot.index() + 1, || None);
            self.stirring.reserve(self.slots.len().saturating_sub(self.stirring.len()));
        }
    }

    /// Endpoints open now.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// True when none is open.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Where an endpoint is.
    pub fn slot_of(&self, id: EndpointId) -> Option<Slot> {
        self.by_id.get(&id).copied()
    }

    /// The address that the slot's RTP socket may be connected to ([`Endpoint::fixed_remote`]).
    pub fn fixed_remote(&self, slot: Slot) -> Option<SocketAddr> {
        self.slots.get(slot.index())?.as_ref()?.endpoint.fixed_remote()
    }

    /// One packet. On `Forward` the buffer holds what is to be sent.
    pub fn receive(
        &mut self,
        now: Instant,
        slot: Slot,
        port: MediaPort,
        source: SocketAddr,
        packet: &mut PacketBuffer,
        events: &mut Vec<MediaEvent>,
    ) -> Verdict {
        let kind = PacketKind::of(packet.packet());
        let result = match (kind, port) {
            (PacketKind::Rtp, MediaPort::Rtp) => self.relay_rtp(now, slot, source, packet, events),
            (PacketKind::Rtcp, _) => self.take_rtcp(now, slot, port, source, packet, events),
            (PacketKind::Stun, _) => self.answer_stun(now, slot, port, source, packet, events),
            (PacketKind::Rtp, MediaPort::Rtcp)
            | (PacketKind::Zrtp | PacketKind::Dtls | PacketKind::TurnChannel | PacketKind::Unknown, _) => {
                Err(DropReason::NotRtp)
            }
        };
        result.unwrap_or_else(|reason| self.refuse(slot, reason))
    }

    /// When [`Streams::report`] has something to send next.
    pub fn next_report(&mut self) -> Option<Instant> {
        loop {
            let &Reverse((at, slot)) = self.reports.peek()?;
            if joined_mut(&mut self.slots, slot).is_some_and(|joined| joined.endpoint.report_due() == at) {
                return Some(at);
            }
            // Of an endpoint that has gone, or whose time has moved: nobody wakes for it.
            self.reports.pop();
        }
    }

    /// The next report that is due, in the buffer, or why it could not be made; `None`: no more are due at `now`.
    /// Call again until `None`.
    pub fn report(&mut self, now: Instant, packet: &mut PacketBuffer, entropy: &mut dyn Entropy) -> Option<Verdict> {
        loop {
            let &Reverse((at, slot)) = self.reports.peek().filter(|Reverse((at, _))| *at <= now)?;
            self.reports.pop();
            let joined = joined_mut(&mut self.slots, slot).filter(|joined| joined.endpoint.report_due() == at);
            let Some(Joined { endpoint, .. }) = joined else { continue };
            let result = endpoint.report(now, packet, entropy);
            self.reports.push(Reverse((endpoint.report_due(), slot)));
            match result {
                Ok(Some((port, to))) => return Some(Verdict::Forward { slot, port, to }),
                Ok(None) => {}
                Err(reason) => return Some(self.refuse(slot, reason)),
            }
        }
    }

    /// The last word of an endpoint that is about to be closed, in the buffer; `None` when it has none to say.
    pub fn farewell(&mut self, id: EndpointId, packet: &mut PacketBuffer) -> Option<Verdict> {
        let slot = self.slot_of(id)?;
        let (port, to) = joined_mut(&mut self.slots, slot)?.endpoint.farewell(packet).ok()??;
        Some(Verdict::Forward { slot, port, to })
    }

    /// Looks for far ends that have fallen silent.
    pub fn watch_silence(&mut self, now: Instant, events: &mut Vec<MediaEvent>) {
        for joined in self.slots.iter_mut().flatten() {
            joined.endpoint.watch_silence(now, events);
        }
    }

    /// Tells an endpoint's far end a digit. False when it is not open, or the digit was lost (counted).
    pub fn play_digit(&mut self, now: Instant, id: EndpointId, digit: HeardDigit) -> bool {
        self.slot_of(id).is_some_and(|slot| self.tell(now, slot, digit))
    }

    /// Lets an endpoint's far end hear a tone. False when it is not open.
    pub fn play_tone(&mut self, now: Instant, id: EndpointId, tone: Tone) -> bool {
        let Some(slot) = self.slot_of(id) else { return false };
        let Some(joined) = joined_mut(&mut self.slots, slot) else { return false };
        joined.endpoint.play_tone(now, tone);
        self.stir(slot);
        true
    }

    /// Ends an endpoint's tone, if it plays one.
    pub fn stop_tone(&mut self, id: EndpointId) {
        if let Some(joined) = self.slot_of(id).and_then(|slot| joined_mut(&mut self.slots, slot)) {
            joined.endpoint.stop_tone();
        }
    }

    /// When [`Streams::play`] must be called next; it may be called earlier.
    pub const fn next_due(&self) -> Option<Instant> {
        self.due
    }

    /// Goes over the deadlines that have come. Gives one packet at a time, always a `Forward`, to be sent before the
    /// next call; `None` when all is done for now.
    pub fn play(&mut self, now: Instant, packet: &mut PacketBuffer, events: &mut Vec<MediaEvent>) -> Option<Verdict> {
        while let Some(&slot) = self.stirring.get(self.place) {
            if let Some(told) = joined_mut(&mut self.slots, slot).and_then(|joined| joined.endpoint.time_out_digit(now))
            {
                self.pass_on(now, slot, told, events);
            }
            let Some(joined) = joined_mut(&mut self.slots, slot) else {
                self.stirring.swap_remove(self.place);
                continue;
            };
            let reported = joined.endpoint.report_due();
            match joined.endpoint.turn(now, packet) {
                Turn::Send(to) => {
                    self.expect_report(slot, reported);
                    return Some(Verdict::Forward { slot, port: MediaPort::Rtp, to });
                }
                Turn::Quiet => {}
                Turn::Idle if joined.endpoint.due().is_none() => {
                    joined.stirs = false;
                    self.stirring.swap_remove(self.place);
                }
                Turn::Idle => self.place += 1,
            }
        }
        self.place = 0;
        self.due = self.stirring.iter().filter_map(|slot| self.slots.get(slot.index())?.as_ref()?.endpoint.due()).min();
        None
    }

    /// A first packet has brought an endpoint's report forward, if it is not due at `before` any more.
    fn expect_report(&mut self, slot: Slot, before: Instant) {
        let due = joined_mut(&mut self.slots, slot).map(|joined| joined.endpoint.report_due());
        if let Some(due) = due.filter(|due| *due != before) {
            self.reports.push(Reverse((due, slot)));
        }
    }

    /// An endpoint may have got a deadline.
    fn stir(&mut self, slot: Slot) {
        let Some(joined) = joined_mut(&mut self.slots, slot) else { return };
        let Some(due) = joined.endpoint.due() else { return };
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
        if !joined.stirs {
            joined.stirs = true;
            self.stirring.push(slot);
        }
    }

    /// A packet was a digit's: the digit goes on if it is over, else its end is waited for.
    fn kept(&mut self, now: Instant, slot: Slot, told: Option<Told>, events: &mut Vec<MediaEvent>) -> Verdict {
        self.stir(slot);
        match told {
            Some(told) if !self.pass_on(now, slot, told, events) => Verdict::Drop(DropReason::DigitLost),
            Some(_) | None => Verdict::Consumed,
        }
    }

    /// A digit goes where the plan says: to the partner's far end, or to the core. False when it was lost; that is
    /// counted at the endpoint that should have told it.
    fn pass_on(&mut self, now: Instant, slot: Slot, (heard, to): Told, events: &mut Vec<MediaEvent>) -> bool {
        let Some(joined) = joined_mut(&mut self.slots, slot) else { return false };
        match (to, joined.partner) {
            (DigitsTo::Core, _) => {
                let HeardDigit { digit, duration } = heard;
                events.push(MediaEvent::Digit { endpoint: joined.endpoint.id(), digit, duration });
                true
            }
            (DigitsTo::Partner, Some(partner)) => self.tell(now, partner, heard),
            (DigitsTo::Partner, None) => {
                joined.endpoint.dropped(DropReason::DigitLost);
                false
            }
        }
    }

    /// False when the digit was lost.
    fn tell(&mut self, now: Instant, slot: Slot, digit: HeardDigit) -> bool {
        let Some(joined) = joined_mut(&mut self.slots, slot) else { return false };
        match joined.endpoint.play_digit(now, digit) {
            Ok(()) => {
                self.stir(slot);
                true
            }
            Err(reason) => {
                joined.endpoint.dropped(reason);
                false
            }
        }
    }

    fn relay_rtp(
        &mut self,
        now: Instant,
        slot: Slot,
        source: SocketAddr,
        packet: &mut PacketBuffer,
        events: &mut Vec<MediaEvent>,
    ) -> Result<Verdict, DropReason> {
        let here = joined_mut(&mut self.slots, slot).ok_or(DropReason::NotOpen)?;
        let taken = here.endpoint.take_rtp(now, source, packet, events)?;
        let (told, fate) = here.endpoint.overhear(now, &taken, packet);
        if fate == Fate::Kept {
            return Ok(self.kept(now, slot, told, events));
        }
        let payload_type = here.endpoint.mapped(&taken)?;
        let partner = here.partner.ok_or(DropReason::NotAttached)?;
        let there = joined_mut(&mut self.slots, partner).ok_or(DropReason::NotAttached)?;
        let due = there.endpoint.report_due();
        let to = there.endpoint.send_rtp(now, &taken, packet, payload_type)?;
        self.expect_report(partner, due);
        Ok(Verdict::Forward { slot: partner, port: MediaPort::Rtp, to })
    }

    /// Reports end at their leg ([`crate::media::report`]).
    fn take_rtcp(
        &mut self,
        now: Instant,
        slot: Slot,
        port: MediaPort,
        source: SocketAddr,
        packet: &mut PacketBuffer,
        events: &mut Vec<MediaEvent>,
    ) -> Result<Verdict, DropReason> {
        let here = joined_mut(&mut self.slots, slot).ok_or(DropReason::NotOpen)?;
        here.endpoint.take_rtcp(now, port, source, packet, events)?;
        Ok(Verdict::Consumed)
    }

    fn answer_stun(
        &mut self,
        now: Instant,
        slot: Slot,
        port: MediaPort,
        source: SocketAddr,
        packet: &mut PacketBuffer,
        events: &mut Vec<MediaEvent>,
    ) -> Result<Verdict, DropReason> {
        let here = joined_mut(&mut self.slots, slot).ok_or(DropReason::NotOpen)?;
        here.endpoint.take_stun(now, port, source, packet, events)?;
        Ok(Verdict::Reply { port, to: source })
    }

    fn refuse(&mut self, slot: Slot, reason: DropReason) -> Verdict {
        match joined_mut(&mut self.slots, slot) {
            Some(joined) => {
                joined.endpoint.dropped(reason);
                Verdict::Drop(reason)
            }
            None => Verdict::Drop(DropReason::NotOpen),
        }
    }

    fn part(&mut self, slot: Slot) {
        let partner = joined_mut(&mut self.slots, slot).and_then(|joined| joined.partner.take());
        if let Some(joined) = partner.and_then(|partner| joined_mut(&mut self.slots, partner)) {
            joined.partner = None;
        }
    }
}

fn joined_mut(slots: &mut [Option<Box<Joined>>], slot: Slot) -> Option<&mut Joined> {
    slots.get_mut(slot.index())?.as_deref_mut()
}
