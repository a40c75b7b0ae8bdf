//! What an endpoint says by itself: digits (RFC 4733 events or tones), a ringing tone until the far side speaks, and
//! fill while it is silent. It has 20 ms deadlines and writes one packet at each; it reads no clock.
//!
//! A digit goes before everything: while it lasts, speech of the partner is dropped as replaced. A tone ends with the
//! partner's first packet; fill steps back for every packet and begins again when none has come for a while.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::FRAME_SAMPLES;
use crate::audio::dtmf::{HeardDigit, chord_of};
use crate::audio::noise::ComfortNoise;
use crate::audio::ringing::Ringing;
use crate::audio::tone::Chord;
use crate::base::limits::DIGIT_QUEUE;
use crate::base::{Digit, Instant};
use crate::media::plan::{Fill, LocalSound, SpeakDigits, Tone, Voice};
use crate::rtp::buffer::PacketBuffer;
use crate::rtp::event::TelephoneEvent;
use crate::rtp::packet::{FIXED_HEADER, RtpHeader};

/// Time between two packets of ours.
pub const FRAME: Duration = Duration::from_millis(20);
/// More than this behind, frames are left out instead of caught up with.
const GREATEST_LAG: Duration = Duration::from_millis(100);
/// Shortest and longest digit we play; Q.24 and many receivers want 40 ms, and a key held longer says no more.
const SHORTEST_DIGIT: Duration = Duration::from_millis(40);
const LONGEST_DIGIT: Duration = Duration::from_secs(4);
/// Frames of pause after a digit.
const PAUSE_FRAMES: u32 = 3;
/// The end packet is sent this often (RFC 4733 2.5.1.4).
const END_PACKETS: u32 = 3;
/// Loudness written into events, minus dBm0.
const EVENT_VOLUME: u8 = 10;
/// A partner who has not spoken at all is waited for this long before fill begins (MD-193), one who has stopped longer:
/// it may be silent by intent (RFC 3389).
const FILL_FIRST: Duration = Duration::from_millis(200);
const FILL_AGAIN: Duration = Duration::from_secs(2);

/// Makes packets. Lives as long as its endpoint once something had to be played.
pub struct Player {
    digits: VecDeque<HeardDigit>,
    digit: Option<PlayingDigit>,
    tone: Option<Ringing>,
    /// When a tone that waits begins, or fill that waits; `FAR` when neither does.
    tone_from: Instant,
    fill_from: Instant,
    noise: ComfortNoise,
    /// Place in the music.
    music: usize,
    /// When the next frame is due; `FAR` while nothing is played.
    next: Instant,
    index: u64,
    timestamp: u32,
}

/// A digit being told.
#[derive(Clone, Copy, Debug)]
struct PlayingDigit {
    digit: Digit,
    form: Form,
    /// Frames of the digit itself, and frames gone.
    frames: u32,
    gone: u32,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// `duration` in units of the clock; `frame` of them fit a frame.
    Event {
        payload: u8,
        frame: u16,
        duration: u16,
    },
    Tone {
        voice: Voice,
        chord: Chord,
    },
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A packet stands in the buffer, with this header and this index of our own source.
    Packet { header: RtpHeader, index: u64 },
    /// Time passes, nothing is sent.
    Quiet,
}

/// Whether a packet of the partner may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    Free,
    /// A digit sounds in its place.
    Replaced,
}

impl Player {
    /// Plays nothing. `seed` makes its noise unlike that of others.
    pub fn new(seed: u32) -> Player {
        Player {
            digits: VecDeque::with_capacity(DIGIT_QUEUE),
            digit: None,
            tone: None,
            tone_from: Instant::FAR,
            fill_from: Instant::FAR,
            noise: ComfortNoise::new(seed),
            music: 0,
            next: Instant::FAR,
            index: 0,
            timestamp: 0,
        }
    }

    /// Tells a digit after those that wait. False when the queue is full.
    pub fn play_digit(&mut self, now: Instant, digit: HeardDigit) -> bool {
        if self.digits.len() >= DIGIT_QUEUE {
            return false;
        }
        self.digits.push_back(digit);
        self.begin(now);
        true
    }

    /// Plays a tone, instead of one before.
    pub fn play_tone(&mut self, now: Instant, tone: Tone) {
        self.tone = Some(Ringing::new(tone.ringing));
        self.tone_from = now + tone.after;
        self.begin(self.tone_from);
    }

    /// Ends the tone.
    pub fn stop_tone(&mut self) {
        (self.tone, self.tone_from) = (None, Instant::FAR);
    }

    /// Fill may begin soon: a plan has switched it on.
    pub fn expect_fill(&mut self, now: Instant) {
        self.fill_from = now + FILL_FIRST;
        self.begin(self.fill_from);
    }

    /// No fill any more.
    pub fn end_fill(&mut self) {
        self.fill_from = Instant::FAR;
    }

    /// The partner sends a packet: the tone is over and fill waits. Says whether the packet may pass.
    pub fn partner_speaks(&mut self, now: Instant) -> Passage {
        self.stop_tone();
        if self.fill_from != Instant::FAR {
            self.fill_from = now + FILL_AGAIN;
        }
        if self.digit.is_some() || !self.digits.is_empty() { Passage::Replaced } else { Passage::Free }
    }

    /// When the next frame is due.
    pub fn due(&self) -> Option<Instant> {
        Some(self.next).filter(|next| *next != Instant::FAR)
    }

    /// The frame that is due; the one after it is 20 ms later, or when something begins. `clock_hz`: of the line.
    pub fn frame(
        &mut self,
        now: Instant,
        clock_hz: u32,
        sound: &LocalSound,
        speak: SpeakDigits,
        packet: &mut PacketBuffer,
    ) -> Frame {
        let due = if now - self.next > GREATEST_LAG { now } else { self.next };
        let frame = match self.digit_frame(clock_hz, sound, speak, packet) {
            Some(frame) => Some(frame),
            None => self.sound_frame(due, sound, packet),
        };
        self.next = match frame {
            Some(_) => due + FRAME,
            None => self.later(due),
        };
        frame.unwrap_or(Frame::Quiet)
    }

    /// Wakes at `at`, unless awake before.
    fn begin(&mut self, at: Instant) {
        self.next = self.next.min(at);
    }

    /// When something that waits begins.
    fn later(&self, now: Instant) -> Instant {
        let waiting = [self.tone_from, self.fill_from];
        waiting.into_iter().filter(|at| *at > now).min().unwrap_or(Instant::FAR)
    }

    fn digit_frame(
        &mut self,
        clock_hz: u32,
        sound: &LocalSound,
        speak: SpeakDigits,
        packet: &mut PacketBuffer,
    ) -> Option<Frame> {
        while self.digit.is_none() {
            // Without a way to tell it, a digit is passed over.
            self.digit = PlayingDigit::new(self.digits.pop_front()?, sound, speak);
        }
        let mut playing = self.digit?;
        playing.gone += 1;
        let frame = match &mut playing.form {
            Form::Event { payload, frame, duration } => {
                let (payload, duration) = (*payload, (*frame).saturating_mul(low_word(playing.gone)).min(*duration));
                self.event(playing, payload, duration, packet)
            }
            Form::Tone { voice, chord } => {
                let sounds = playing.gone <= playing.frames;
                let voice = *voice;
                self.speech(voice, packet, |_| if sounds { chord.next_sample() } else { 0 })
            }
        };
        self.digit = Some(playing).filter(|playing| playing.gone < playing.all_frames());
        if self.digit.is_none() && matches!(playing.form, Form::Event { .. }) {
            self.timestamp = self.timestamp.wrapping_add(clock_hz / 50 * playing.all_frames());
        }
        Some(frame)
    }

    /// One packet of an event, all with the timestamp of its begin, or nothing in the pause after it.
    fn event(&mut self, playing: PlayingDigit, payload: u8, duration: u16, packet: &mut PacketBuffer) -> Frame {
        if playing.gone >= playing.frames + END_PACKETS {
            return Frame::Quiet;
        }
        let end = playing.gone >= playing.frames;
        let event = TelephoneEvent { event: playing.digit.event(), end, volume: EVENT_VOLUME, duration };
        let octets = event.octets();
        write_payload(packet, octets.len(), |area| area.copy_from_slice(&octets));
        self.packet(payload, playing.gone == 1)
    }

    fn sound_frame(&mut self, now: Instant, sound: &LocalSound, packet: &mut PacketBuffer) -> Option<Frame> {
        let voice = sound.voice?;
        if let Some(mut ringing) = self.tone.filter(|_| self.tone_from <= now) {
            let frame = self.speech(voice, packet, |_| ringing.next_sample());
            self.tone = Some(ringing);
            return Some(frame);
        }
        if self.fill_from > now {
            return None;
        }
        match &sound.fill {
            Fill::Off => None,
            Fill::Silence => Some(self.speech(voice, packet, |_| 0)),
            Fill::Noise => {
                let mut noise = self.noise;
                let frame = self.speech(voice, packet, |_| noise.next_sample());
                self.noise = noise;
                Some(frame)
            }
            Fill::Music(samples) => {
                let from = self.music;
                self.music = (from + FRAME_SAMPLES) % samples.len().max(1);
                let at = |n: usize| (from + n) % samples.len().max(1);
                Some(self.speech(voice, packet, |n| samples.get(at(n)).copied().unwrap_or(0)))
            }
        }
    }

    fn speech(&mut self, voice: Voice, packet: &mut PacketBuffer, mut sample: impl FnMut(usize) -> i16) -> Frame {
        write_payload(packet, FRAME_SAMPLES, |area| {
            area.iter_mut().enumerate().for_each(|(n, octet)| *octet = voice.law.encode(sample(n)));
        });
        let frame = self.packet(voice.payload, false);
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
        frame
    }

    /// The header of a packet of our own source, whose SSRC is 0: the line gives it its own.
    fn packet(&mut self, payload_type: u8, marker: bool) -> Frame {
        self.index += 1;
        let sequence = (self.index & 0xffff) as u16;
        let timestamp = self.timestamp;
        let header = RtpHeader { marker, payload_type, sequence, timestamp, ssrc: 0, payload_offset: FIXED_HEADER };
        Frame::Packet { header, index: self.index }
    }
}

impl PlayingDigit {
    /// `None` when the far end cannot be told digits.
    fn new(pressed: HeardDigit, sound: &LocalSound, speak: SpeakDigits) -> Option<PlayingDigit> {
        let duration = pressed.duration.clamp(SHORTEST_DIGIT, LONGEST_DIGIT);
        let frames = u32::try_from(duration.as_millis().div_ceil(FRAME.as_millis())).unwrap_or(u32::MAX);
        let form = match speak {
            SpeakDigits::Off => return None,
            SpeakDigits::Events { payload, clock } => Form::Event {
                payload,
                frame: u16::try_from(clock / 50).unwrap_or(u16::MAX),
                duration: units(duration, clock),
            },
            SpeakDigits::Inband => Form::Tone { voice: sound.voice?, chord: chord_of(pressed.digit) },
        };
        Some(PlayingDigit { digit: pressed.digit, form, frames, gone: 0 })
    }

    /// With the repeated ends and the pause.
    const fn all_frames(&self) -> u32 {
        let ends = match self.form {
            Form::Event { .. } => END_PACKETS - 1,
            Form::Tone { .. } => 0,
        };
        self.frames + ends + PAUSE_FRAMES
    }
}

/// Units of a clock; what does not fit the field is cut (at 48 kHz beyond 1.3 s).
fn units(duration: Duration, clock: u32) -> u16 {
    u16::try_from(duration.as_micros() * u128::from(clock) / 1_000_000).unwrap_or(u16::MAX)
}

/// Of a number of frames, which is small.
fn low_word(frames: u32) -> u16 {
    u16::try_from(frames).unwrap_or(u16::MAX)
}

/// Makes the buffer a packet with a fixed header and `octets` of payload.
fn write_payload(packet: &mut PacketBuffer, octets: usize, write: impl FnOnce(&mut [u8])) {
    let area = packet.receive_area();
    if let Some(flags) = area.first_mut() {
        *flags = 0x80;
    }
    if let Some(payload) = area.get_mut(FIXED_HEADER..FIXED_HEADER + octets) {
        write(payload);
    }
    packet.received(FIXED_HEADER + octets);
}
