//! One end of an audio stream as a value: what it sends at each tick, and what it makes of each packet it gets.
//! The sockets and clocks are in `endpoint`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::ice::{Agent, Ice};
use super::quality::{SourceCount, mean_opinion_score};
use super::rtp::{Packet, ReportBlock, SenderReport, TelephoneEvent, key_of_event, report_types, write_report};
use super::signal::{Codec, Heard, Signal, TICK_SAMPLES, Verifier};
use super::srtp::{MasterKey, Opener, Protector};
use super::stun;

/// Packets of a telephone event before its three end packets: 160 ms.
const EVENT_TICKS: u16 = 8;
/// RFC 4733 2.5.1.4: the end is sent three times.
const END_PACKETS: u16 = 3;
/// SSRCs counted apart; what comes beyond is counted with the last.
const SOURCE_LIMIT: usize = 8;
/// Telephone events kept.
const DIGIT_LIMIT: usize = 64;

/// Where and how to send, from offer and answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub rtp: SocketAddr,
    pub rtcp: SocketAddr,
    pub codec: Codec,
    /// The payload type the far end takes telephone events with.
    pub event_type: Option<u8>,
    /// Our key and theirs.
    pub keys: Option<(MasterKey, MasterKey)>,
    /// The far end's part of ICE.
    pub ice: Option<Ice>,
}

/// What one end plays and what it shall hear. `heard: None` takes anything (guests of `--keep`).
#[derive(Clone, Copy, Debug)]
pub struct Signals {
    pub own: Signal,
    pub far: Option<Signal>,
}

/// A telephone event that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    pub key: char,
    timestamp: u32,
    /// Packets with the end bit.
    pub ends: u32,
    /// The longest duration seen, in timestamp units.
    pub duration: u16,
}

/// What was measured at one end.
#[derive(Clone, Debug, Default)]
pub struct StreamReport {
    /// RTP packets sent, telephone events included.
    pub sent: u32,
    /// RTP packets received and opened.
    pub received: u32,
    /// Payloads that were, octet for octet, what the far side plays.
    pub good: u32,
    /// Payloads that were not.
    pub foreign: u32,
    /// Payloads of a tick heard before.
    pub again: u32,
    /// Packets that did not open (tag, repetition) or could not be read.
    pub refused: u32,
    /// Packets from an address that the far end did not name.
    pub strangers: u32,
    /// By sequence numbers.
    pub expected: u32,
    pub lost: u32,
    pub jitter_ms: f64,
    pub digits: Vec<Digit>,
    pub reports_sent: u32,
    /// Compound packets with a sender report.
    pub reports_received: u32,
    pub reports_refused: u32,
    /// Ticks sent while the script called the call steady: each of them must arrive.
    pub steady: Vec<u32>,
    /// Ticks of the far side heard.
    pub heard: BTreeSet<u32>,
}

impl StreamReport {
    /// Lost packets as a part of the expected, 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        if self.expected == 0 { 1.0 } else { f64::from(self.lost) / f64::from(self.expected) }
    }

    /// Estimated mean opinion score.
    #[must_use]
    pub fn score(&self) -> f64 {
        mean_opinion_score(self.loss(), self.jitter_ms)
    }

    /// Steady ticks of the far end that this end never heard.
    #[must_use]
    pub fn missing_from(&self, far: &StreamReport) -> usize {
        far.steady.iter().filter(|tick| !self.heard.contains(tick)).count()
    }
}

#[derive(Clone, Copy, Debug)]
struct PressedKey {
    event: u8,
    timestamp: u32,
    packets: u16,
}

/// One end of a stream.
pub struct Stream {
    signals: Signals,
    remote: Option<Remote>,
    protector: Option<Protector>,
    opener: Option<Opener>,
    verifier: Option<Verifier>,
    sending: bool,
    steady: bool,
    pressed: Option<PressedKey>,
    ssrc: u32,
    sequence: u16,
    /// Wraps of the sequence under the key in use, and whether a new key takes them over.
    rollover: u32,
    keeps_rollover: bool,
    timestamp: u32,
    tick: u32,
    octets_sent: u32,
    sources: Vec<SourceCount>,
    report: StreamReport,
    ice: Option<Agent>,
}

impl Stream {
    /// An end that sends nothing and knows nobody yet. `random`: SSRC, first timestamp and first sequence number.
    #[must_use]
    pub fn new(signals: Signals, random: [u8; 10]) -> Stream {
        let [s0, s1, s2, s3, t0, t1, t2, t3, q0, q1] = random;
        Stream {
            signals,
            remote: None,
            protector: None,
            opener: None,
            verifier: None,
            sending: false,
            steady: false,
            pressed: None,
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            // Below 2^15, so that an early loss cannot be taken for a wrap (RFC 3711 3.3.1, crates-measured 2.2).
            sequence: u16::from_be_bytes([q0 & 0x3F, q1]),
            rollover: 0,
            keeps_rollover: false,
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            tick: 0,
            octets_sent: 0,
            sources: Vec::new(),
            report: StreamReport::default(),
            ice: None,
        }
    }

    /// From now on places are proved before media goes there.
    pub fn set_ice(&mut self, agent: Agent) {
        self.ice = Some(agent);
    }

    /// No ICE any more.
    pub fn leave_ice(&mut self) {
        self.ice = None;
    }

    /// Its agent, with media bypass.
    pub fn ice(&mut self) -> Option<&mut Agent> {
        self.ice.as_mut()
    }

    /// The check of this tick and where it goes.
    pub fn check(&mut self) -> Option<(Vec<u8>, SocketAddr)> {
        self.ice.as_mut()?.tick()
    }

    /// Takes the outcome of an offer and answer. Unchanged keys keep their state (RFC 3711 3.3.1).
    ///
    /// # Errors
    /// What webrtc-srtp says about a key.
    pub fn connect(&mut self, remote: Remote) -> Result<(), String> {
        let keys_before = self.remote.as_ref().and_then(|before| before.keys);
        if let Some((own, far)) = remote.keys {
            if keys_before.is_none_or(|(before, _)| before != own) {
                self.protector = Some(self.new_protector(&own)?);
            }
            if keys_before.is_none_or(|(_, before)| before != far) {
                self.opener = Some(Opener::new(&far)?);
            }
        }
        if let (Some(agent), Some(ice)) = (&mut self.ice, &remote.ice) {
            agent.meet(ice);
        }
        if let Some(far) = self.signals.far.filter(|_| self.verifier.is_none()) {
            self.verifier = Some(Verifier::new(far, remote.codec));
        }
        self.remote = Some(remote);
        Ok(())
    }

    fn new_protector(&mut self, own: &MasterKey) -> Result<Protector, String> {
        if !self.keeps_rollover {
            self.rollover = 0;
        }
        Protector::resumed(own, self.ssrc, self.rollover, self.sequence)
    }

    /// Whether the roll-over counter goes on when our key changes (MD-173).
    pub fn keep_rollover(&mut self, keeps: bool) {
        self.keeps_rollover = keeps;
    }

    /// Begins at this sequence number: near its end, the roll-over counter moves soon. Only before the first packet.
    pub fn begin_at(&mut self, sequence: u16) {
        self.sequence = sequence;
    }

    /// Changes the SSRC without a word of signalling, as a switch of source does (MD-175).
    pub fn change_source(&mut self, ssrc: u32) {
        self.ssrc = ssrc;
    }

    /// From now on the far side is expected to play this.
    pub fn set_far(&mut self, far: Signal) {
        // A verifier looks ahead from the newest tick it heard: a new one would not find its place in a long call.
        if self.signals.far.replace(far) == Some(far) && self.verifier.is_some() {
            return;
        }
        self.verifier = self.remote.as_ref().map(|remote| Verifier::new(far, remote.codec));
    }

    /// Starts or stops sending; time goes on while nothing is sent.
    pub fn set_sending(&mut self, sending: bool) {
        self.sending = sending;
    }

    /// While true, every tick sent must arrive.
    pub fn set_steady(&mut self, steady: bool) {
        self.steady = steady;
    }

    /// Sends a telephone event instead of audio, from the next tick on.
    pub fn press(&mut self, event: u8) {
        self.pressed = Some(PressedKey { event, timestamp: self.timestamp, packets: 0 });
    }

    /// True while a telephone event is being sent.
    #[must_use]
    pub fn is_pressing(&self) -> bool {
        self.pressed.is_some()
    }

    /// The packet of this tick and where it goes. To be called every 20 ms.
    pub fn tick(&mut self) -> Option<(Vec<u8>, SocketAddr)> {
        let packet = self.packet_of_tick();
        self.tick = self.tick.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(u32::from(TICK_SAMPLES));
        let (packet, address) = packet?;
        self.sequence = self.sequence.wrapping_add(1);
        self.rollover += u32::from(self.sequence == 0);
        let plain = packet.write();
        let sealed = match &mut self.protector {
            Some(protector) => protector.protect(&plain).ok()?,
            None => plain,
        };
        self.report.sent += 1;
        self.octets_sent = self.octets_sent.wrapping_add(u32::try_from(packet.payload.len()).unwrap_or(0));
        Some((sealed, address))
    }

    fn packet_of_tick(&mut self) -> Option<(Packet, SocketAddr)> {
        let remote = self.remote.clone().filter(|_| self.sending && self.is_proved())?;
        let packet = match (self.pressed, remote.event_type) {
            (Some(pressed), Some(event_type)) => self.event_packet(pressed, event_type),
            (Some(_), None) | (None, _) => self.audio_packet(remote.codec),
        };
        Some((packet, remote.rtp))
    }

    /// Whether the far end's place was checked, where that is asked for.
    fn is_proved(&self) -> bool {
        let asked = self.remote.as_ref().is_some_and(|remote| remote.ice.is_some());
        !asked || self.ice.as_ref().is_none_or(Agent::is_proved)
    }

    fn audio_packet(&mut self, codec: Codec) -> Packet {
        self.pressed = None;
        if self.steady {
            self.report.steady.push(self.tick);
        }
        Packet {
            marker: self.report.sent == 0,
            payload_type: codec.payload_type(),
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload: self.signals.own.payload(codec, self.tick),
        }
    }

    fn event_packet(&mut self, pressed: PressedKey, payload_type: u8) -> Packet {
        let timestamp = if pressed.packets == 0 { self.timestamp } else { pressed.timestamp };
        let packets = pressed.packets + 1;
        let end = packets > EVENT_TICKS;
        let event = TelephoneEvent { event: pressed.event, end, duration: packets.min(EVENT_TICKS) * TICK_SAMPLES };
        self.pressed =
            (packets < EVENT_TICKS + END_PACKETS).then_some(PressedKey { event: pressed.event, timestamp, packets });
        Packet {
            marker: packets == 1,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload: event.write(),
        }
    }

    /// Takes a packet that came at `arrival` (since any fixed moment) from `source`.
    pub fn receive(&mut self, arrival: Duration, source: SocketAddr, octets: &[u8]) {
        if stun::is_stun(octets) {
            return self.ice.iter_mut().for_each(|agent| agent.receive(octets));
        }
        if is_report(octets) {
            return self.receive_report(octets);
        }
        let Some(remote) = self.remote.clone() else { return };
        if source != remote.rtp {
            self.report.strangers += 1;
            return;
        }
        let plain = match &mut self.opener {
            Some(opener) => opener.open(octets).ok(),
            None => Some(octets.to_vec()),
        };
        let Some(packet) = plain.and_then(|plain| Packet::read(&plain)) else {
            self.report.refused += 1;
            return;
        };
        self.report.received += 1;
        self.count(arrival, &packet, remote.event_type);
        match Codec::of_payload_type(packet.payload_type) {
            Some(codec) => self.hear(codec, &packet.payload),
            None => self.note_event(&packet),
        }
    }

    fn count(&mut self, arrival: Duration, packet: &Packet, event_type: Option<u8>) {
        if self.sources.len() < SOURCE_LIMIT && self.sources.iter().all(|source| source.ssrc != packet.ssrc) {
            self.sources.push(SourceCount::new(packet.ssrc, packet.sequence));
        }
        if let Some(source) = self.sources.iter_mut().find(|source| source.ssrc == packet.ssrc) {
            source.count(packet.sequence);
            if Some(packet.payload_type) != event_type && Codec::of_payload_type(packet.payload_type).is_some() {
                source.arrive(arrival, packet.timestamp);
            }
        }
    }

    fn hear(&mut self, codec: Codec, payload: &[u8]) {
        let Some(verifier) = &mut self.verifier else { return };
        if codec != verifier.codec() {
            self.report.foreign += 1;
            return;
        }
        match verifier.hear(payload) {
            Heard::Tick(_) => self.report.good += 1,
            Heard::Again(_) => self.report.again += 1,
            Heard::Foreign => self.report.foreign += 1,
        }
    }

    fn note_event(&mut self, packet: &Packet) {
        let Some(event) = TelephoneEvent::read(&packet.payload) else {
            self.report.foreign += 1;
            return;
        };
        let digits = &mut self.report.digits;
        if digits.len() < DIGIT_LIMIT && digits.iter().all(|digit| digit.timestamp != packet.timestamp) {
            let key = key_of_event(event.event).unwrap_or('?');
            digits.push(Digit { key, timestamp: packet.timestamp, ends: 0, duration: 0 });
        }
        if let Some(digit) = digits.iter_mut().find(|digit| digit.timestamp == packet.timestamp) {
            digit.ends += u32::from(event.end);
            digit.duration = digit.duration.max(event.duration);
        }
    }

    /// Whether reports share the port of the media.
    #[must_use]
    pub fn is_multiplexed(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.rtp == remote.rtcp)
    }

    /// The compound report of this moment and where it goes; `ntp` as RFC 3550 4 writes it.
    pub fn make_report(&mut self, ntp: u64) -> Option<(Vec<u8>, SocketAddr)> {
        let address = self.remote.as_ref()?.rtcp;
        if self.report.sent == 0 {
            return None;
        }
        let report = SenderReport {
            ssrc: self.ssrc,
            ntp,
            timestamp: self.timestamp,
            packets: self.report.sent,
            octets: self.octets_sent,
        };
        let plain = write_report(report, self.sources.last().map(block_about), "lab@trunkline.test");
        let sealed = match &mut self.protector {
            Some(protector) => protector.protect_report(&plain).ok()?,
            None => plain,
        };
        self.report.reports_sent += 1;
        Some((sealed, address))
    }

    /// Takes a packet from the RTCP socket.
    pub fn receive_report(&mut self, octets: &[u8]) {
        if let Some(agent) = self.ice.as_mut().filter(|_| !is_report(octets)) {
            return agent.note_elsewhere();
        }
        let plain = match &mut self.opener {
            Some(opener) => opener.open_report(octets).ok(),
            None => Some(octets.to_vec()),
        };
        match plain.and_then(|plain| report_types(&plain)) {
            Some(types) if types.contains(&200) => self.report.reports_received += 1,
            Some(_) => {}
            None => self.report.reports_refused += 1,
        }
    }

    /// What was measured until now.
    #[must_use]
    pub fn report(&self) -> StreamReport {
        let mut report = self.report.clone();
        report.expected = self.sources.iter().map(SourceCount::expected).sum();
        report.lost = self.sources.iter().map(SourceCount::lost).sum();
        report.jitter_ms = self.sources.iter().map(SourceCount::jitter_ms).fold(0.0, f64::max);
        report.heard = self.verifier.as_ref().map(|verifier| verifier.heard().clone()).unwrap_or_default();
        report
    }
}

/// RFC 5761 4: packet types of RTCP where RTP has its payload type.
fn is_report(octets: &[u8]) -> bool {
    octets.get(1).is_some_and(|kind| (192..224).contains(kind))
}

fn block_about(source: &SourceCount) -> ReportBlock {
    ReportBlock {
        ssrc: source.ssrc,
        lost: source.lost() & 0x00FF_FFFF,
        highest_sequence: source.highest(),
        jitter: (source.jitter_ms() * 8.0) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::signal::Side;
    use super::super::srtp::KEY_AND_SALT;
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 1, 1], port))
    }

    fn end(own: Side, far: Side, keys: Option<(MasterKey, MasterKey)>) -> Stream {
        let signals = Signals { own: Signal::new(1, own), far: Some(Signal::new(1, far)) };
        let mut stream = Stream::new(signals, [1; 10]);
        let remote = Remote {
            rtp: address(4000),
            rtcp: address(4001),
            codec: Codec::Pcmu,
            event_type: Some(101),
            keys,
            ice: None,
        };
        stream.connect(remote).expect("good keys");
        stream.set_sending(true);
        stream.set_steady(true);
        stream
    }

    fn pair() -> (Stream, Stream) {
        (end(Side::Caller, Side::Called, None), end(Side::Called, Side::Caller, None))
    }

    fn carry(from: &mut Stream, to: &mut Stream, ticks: u64, mut harm: impl FnMut(u64, Vec<u8>) -> Option<Vec<u8>>) {
        for tick in 0..ticks {
            let packet = from.tick().and_then(|(packet, _)| harm(tick, packet));
            if let Some(packet) = packet {
                to.receive(Duration::from_millis(tick * 20), address(4000), &packet);
            }
        }
    }

    #[test]
    fn an_undisturbed_stream_misses_nothing() {
        let (mut near, mut far) = pair();
        carry(&mut near, &mut far, 100, |_, packet| Some(packet));
        let heard = far.report();
        assert_eq!((heard.good, heard.foreign, heard.lost, heard.missing_from(&near.report())), (100, 0, 0, 0));
    }

    #[test]
    fn one_corrupted_octet_is_noticed() {
        let (mut near, mut far) = pair();
        carry(&mut near, &mut far, 100, |tick, mut packet| {
            packet[90] ^= u8::from(tick == 50);
            Some(packet)
        });
        let heard = far.report();
        assert_eq!((heard.good, heard.foreign, heard.missing_from(&near.report())), (99, 1, 1));
    }

    #[test]
    fn one_lost_packet_is_noticed() {
        let (mut near, mut far) = pair();
        carry(&mut near, &mut far, 100, |tick, packet| (tick != 50).then_some(packet));
        let heard = far.report();
        assert_eq!((heard.foreign, heard.lost, heard.missing_from(&near.report())), (0, 1, 1));
    }

    #[test]
    fn a_secured_stream_with_a_changed_octet_refuses_that_packet() {
        let (one, two) = (MasterKey::new([1; KEY_AND_SALT]), MasterKey::new([2; KEY_AND_SALT]));
        let mut near = end(Side::Caller, Side::Called, Some((one, two)));
        let mut far = end(Side::Called, Side::Caller, Some((two, one)));
        carry(&mut near, &mut far, 20, |tick, mut packet| {
            packet[90] ^= u8::from(tick == 5);
            Some(packet)
        });
        assert_eq!((far.report().good, far.report().refused), (19, 1));
    }

    #[test]
    fn a_key_press_arrives_with_three_ends_and_the_audio_goes_on() {
        let (mut near, mut far) = pair();
        near.press(5);
        carry(&mut near, &mut far, 30, |_, packet| Some(packet));
        let heard = far.report();
        assert_eq!(heard.digits.len(), 1);
        assert_eq!((heard.digits[0].key, heard.digits[0].ends, heard.digits[0].duration), ('5', 3, 1280));
        assert_eq!((heard.good, heard.lost), (19, 0));
    }

    #[test]
    fn a_packet_from_elsewhere_is_a_stranger() {
        let (mut near, mut far) = pair();
        let (packet, _) = near.tick().expect("sending");
        far.receive(Duration::ZERO, address(4999), &packet);
        assert_eq!((far.report().strangers, far.report().received), (1, 0));
    }
}
