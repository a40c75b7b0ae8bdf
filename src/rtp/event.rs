//! Telephone events (RFC 4733): the four octets of the payload, and how packets become one event.

use std::fmt;

use crate::base::Digit;

/// The octets of one event payload.
pub const EVENT_OCTETS: usize = 4;

/// Timestamp units by which a packet of an event that ended may be late; more is a source that began anew.
const LATE: u32 = 1 << 17;

/// One event payload (RFC 4733 2.3). Which event it is, is never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// 0..=9 digits, 10 `*`, 11 `#`, 12..=15 A to D, 16 flash; others are other events.
    pub event: u8,
    pub end: bool,
    /// 0 (loudest) to 63, minus dBm0.
    pub volume: u8,
    /// Timestamp units since the event's (or its segment's) start.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads the first event of a payload; the reserved bit is ignored. `None`: shorter than four octets.
    pub fn read(payload: &[u8]) -> Option<TelephoneEvent> {
        let &[event, flags, d0, d1] = payload.first_chunk::<EVENT_OCTETS>()?;
        Some(TelephoneEvent {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([d0, d1]),
        })
    }

    /// The payload; the reserved bit is zero.
    pub fn octets(&self) -> [u8; EVENT_OCTETS] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.event, (self.volume & 0x3f) | if self.end { 0x80 } else { 0 }, d0, d1]
    }

    /// The digit, when the event is one of 0..=15.
    pub const fn digit(&self) -> Option<Digit> {
        Digit::from_event(self.event)
    }
}

impl fmt::Debug for TelephoneEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TelephoneEvent { event: _, end, volume, duration } = self;
        let mut shown = f.debug_struct("TelephoneEvent");
        shown.field("end", end).field("volume", volume).field("duration", duration).finish_non_exhaustive()
    }
}

/// An event that is over: by its end packet, by the next event, or because nothing more came. Which, is never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EventEnded {
    pub event: u8,
    /// Timestamp units, all segments together.
    pub duration: u32,
}

impl fmt::Debug for EventEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventEnded").field("duration", &self.duration).finish_non_exhaustive()
    }
}

/// Makes one event of the many packets that carry it: retransmitted ends, lost ends, segments of long
/// events (RFC 4733 2.5.1.3) and reordering.
#[derive(Clone, Default)]
pub struct EventLine {
    open: Option<OpenEvent>,
    /// Start of the last event that ended: its late and repeated packets are nothing new.
    ended_at: Option<u32>,
}

#[derive(Clone, Copy)]
struct OpenEvent {
    event: u8,
    segment_start: u32,
    segment: u16,
    earlier: u32,
}

impl OpenEvent {
    fn ended(&self) -> EventEnded {
        EventEnded { event: self.event, duration: self.earlier.saturating_add(u32::from(self.segment)) }
    }

    /// True when `timestamp` starts the next segment of this long event.
    fn continues_at(&self, event: u8, timestamp: u32) -> bool {
        event == self.event
            && self.segment == u16::MAX
            && timestamp == self.segment_start.wrapping_add(u32::from(u16::MAX))
    }
}

impl EventLine {
    /// True while an event has begun and not ended.
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes one packet's event. Gives the event that is over because of it, if one is.
    pub fn receive(&mut self, timestamp: u32, packet: TelephoneEvent) -> Option<EventEnded> {
        if self.ended_at.is_some_and(|at| at.wrapping_sub(timestamp) < LATE) {
            return None;
        }
        let before = match self.open {
            Some(ref mut open) if open.segment_start == timestamp => {
                open.segment = open.segment.max(packet.duration);
                None
            }
            Some(ref mut open) if open.continues_at(packet.event, timestamp) => {
                open.earlier = open.earlier.saturating_add(u32::from(open.segment));
                (open.segment_start, open.segment) = (timestamp, packet.duration);
                None
            }
            Some(_) | None => {
                let before = self.finish();
                let segment_start = timestamp;
                self.open =
                    Some(OpenEvent { event: packet.event, segment_start, segment: packet.duration, earlier: 0 });
                before
            }
        };
        if packet.end && before.is_none() { self.finish() } else { before }
    }

    /// Nothing more is to be waited for: the open event, if any, is over.
    pub fn finish(&mut self) -> Option<EventEnded> {
        let open = self.open.take()?;
        self.ended_at = Some(open.segment_start);
        Some(open.ended())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::packet::RtpHeader;

    /// The events that the packets of one case of the corpus become.
    fn events_of(id: &str) -> Vec<EventEnded> {
        let corpus: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/corpora/rtp/telephone-event.json")).unwrap();
        let case = corpus["vectors"].as_array().unwrap().iter().find(|case| case["id"] == id).unwrap().clone();
        let mut line = EventLine::default();
        let mut ended = Vec::new();
        for packet in case["packets"].as_array().unwrap() {
            let packet = octets(packet.as_str().unwrap());
            let header = RtpHeader::read(&packet).unwrap();
            if let Some(event) = TelephoneEvent::read(&packet[header.payload_offset..]) {
                ended.extend(line.receive(header.timestamp, event));
            }
        }
        ended.extend(line.finish());
        ended
    }

    fn octets(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn a_digit_is_one_digit_whatever_is_lost_repeated_or_reordered() {
        for id in ["digit5-180ms", "end-only", "reordered"] {
            assert_eq!(events_of(id), [EventEnded { event: 5, duration: 1440 }], "{id}");
        }
        assert_eq!(events_of("lost-end"), [EventEnded { event: 5, duration: 1280 }]);
    }

    #[test]
    fn another_timestamp_is_another_digit() {
        assert_eq!(events_of("same-digit-twice").len(), 2);
    }

    #[test]
    fn a_long_event_in_segments_is_one_event() {
        assert_eq!(events_of("long-duration-wrap"), [EventEnded { event: 1, duration: 65_535 + 320 }]);
    }

    #[test]
    fn a_short_payload_is_no_event() {
        assert_eq!(events_of("neg-short-payload"), []);
    }

    #[test]
    fn which_event_it_is_is_not_printed() {
        let event = TelephoneEvent { event: 7, end: true, volume: 10, duration: 160 };
        let ended = EventEnded { event: 7, duration: 160 };
        assert!(!format!("{event:?} {ended:?}").contains('7'));
    }

    #[test]
    fn an_unknown_event_has_no_digit_and_the_reserved_bit_is_ignored() {
        assert_eq!(events_of("neg-event-255").len(), 1);
        assert_eq!(TelephoneEvent::read(&[255, 0, 0, 160]).and_then(|e| e.digit()), None);
        let event = TelephoneEvent::read(&[5, 0x4a, 0, 160]).unwrap();
        assert_eq!((event.end, event.volume, event.digit().map(Digit::key)), (false, 10, Some('5')));
        assert_eq!(event.octets(), [5, 0x0a, 0, 160]);
    }
}
