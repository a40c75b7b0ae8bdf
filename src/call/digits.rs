//! Digits as SIP INFO: the bodies `application/dtmf-relay` and `application/dtmf` (no standard; RFC 6086 calls such use
//! legacy), and the line of digits that waits for one INFO after the other. None of it prints a digit.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::effect::Branch;
use crate::base::Digit;
use crate::base::limits::DIGIT_QUEUE;
use crate::media::dtmf::HeardDigit;
use crate::sip::{Name, Request};

/// Content-Type of what we send.
pub const DTMF_RELAY: &str = "application/dtmf-relay";
/// Bodies of INFO that we read, for Accept.
pub const ACCEPTED: &str = "application/dtmf-relay, application/dtmf";

/// Octets of a body that are looked at: a digit and its duration are less.
const BODY_OCTETS: usize = 256;
/// How long a digit was pressed when nobody says.
const USUAL_DURATION: Duration = Duration::from_millis(100);
/// Longest duration believed.
const LONGEST_DURATION: u64 = 10_000;

/// What an INFO says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfoBody {
    Digit(HeardDigit),
    /// No body, or flash: heard and forgotten.
    Nothing,
    /// A media type that is not of digits.
    OtherType,
    /// Of digits, and unreadable.
    Malformed,
}

/// Reads the body of an INFO.
pub fn read_info(request: &Request) -> InfoBody {
    let body = request.message.body();
    if body.is_empty() {
        return InfoBody::Nothing;
    }
    let content_type = request.message.header(Name::ContentType).unwrap_or_default();
    let kind = content_type.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii();
    let text = std::str::from_utf8(body.get(..body.len().min(BODY_OCTETS)).unwrap_or_default()).unwrap_or_default();
    if kind.eq_ignore_ascii_case(DTMF_RELAY.as_bytes()) {
        read_relay(text)
    } else if kind.eq_ignore_ascii_case(b"application/dtmf") {
        read_plain(text)
    } else {
        InfoBody::OtherType
    }
}

/// `Signal=5` and `Duration=160` (milliseconds), a line each, in any order and case.
fn read_relay(text: &str) -> InfoBody {
    let value = |wanted: &str| {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim()).next()
    };
    let duration = value("Duration").map(|millis| millis.parse::<u64>().map(|millis| millis.min(LONGEST_DURATION)));
    match (value("Signal"), duration) {
        (Some(signal), None) => said(signal, USUAL_DURATION),
        (Some(signal), Some(Ok(millis))) => said(signal, Duration::from_millis(millis)),
        (None, _) | (Some(_), Some(Err(_))) => InfoBody::Malformed,
    }
}

/// The digit alone, or a `Signal` line as above.
fn read_plain(text: &str) -> InfoBody {
    if text.contains('=') { read_relay(text) } else { said(text.trim(), USUAL_DURATION) }
}

/// A key, or the number of an event (RFC 4733 3.2): some write 10 for the star, 11 for the hash, 16 for flash.
fn said(signal: &str, duration: Duration) -> InfoBody {
    let mut keys = signal.chars();
    let digit = match (keys.next(), keys.next()) {
        (Some(key), None) => Digit::from_char(key),
        (Some(_), Some(_)) => match signal.parse::<u8>() {
            Ok(16) => return InfoBody::Nothing,
            Ok(event @ 10..) => Digit::from_event(event),
            Ok(_) | Err(_) => None,
        },
        (None, _) => None,
    };
    digit.map_or(InfoBody::Malformed, |digit| InfoBody::Digit(HeardDigit { digit, duration }))
}

/// The body of our INFO.
pub fn write_relay(heard: HeardDigit) -> String {
    format!("Signal={}\r\nDuration={}\r\n", heard.digit.key(), heard.duration.as_millis())
}

/// Digits on their way to one peer: one INFO at a time, so that the network cannot change their order.
#[derive(Clone, Default)]
pub struct DigitLine {
    /// Most calls never carry one.
    line: Option<Box<Line>>,
}

#[derive(Clone, Default)]
struct Line {
    waiting: VecDeque<HeardDigit>,
    /// Our INFO without a final answer, and its digit.
    sent: Option<(Branch, HeardDigit)>,
}

impl fmt::Debug for DigitLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.as_deref();
        f.debug_struct("DigitLine")
            .field("waiting", &line.map_or(0, |line| line.waiting.len()))
            .field("sent", &line.and_then(|line| line.sent.as_ref()).map(|(branch, _)| branch))
            .finish()
    }
}

impl DigitLine {
    /// Appends a digit. False past `DIGIT_QUEUE`: it is lost, since a peer that answers no INFO takes none of them either.
    #[must_use]
    pub fn push(&mut self, digit: HeardDigit) -> bool {
        let line = self.line.get_or_insert_default();
        let has_room = line.waiting.len() < DIGIT_QUEUE;
        if has_room {
            line.waiting.push_back(digit);
        }
        has_room
    }

    /// True when nothing waits and no INFO is out.
    pub fn is_idle(&self) -> bool {
        self.line.as_ref().is_none_or(|line| line.waiting.is_empty() && line.sent.is_none())
    }

    /// The digit to be sent now; nothing while an INFO is out. Call [`DigitLine::sent`] with its branch.
    pub fn next(&mut self) -> Option<HeardDigit> {
        self.line.as_mut().filter(|line| line.sent.is_none())?.waiting.pop_front()
    }

    pub fn sent(&mut self, branch: Branch, digit: HeardDigit) {
        self.line.get_or_insert_default().sent = Some((branch, digit));
    }

    /// The digit of our INFO with this branch.
    pub fn told_by(&self, branch: &Branch) -> Option<HeardDigit> {
        let (sent, digit) = self.line.as_ref()?.sent.as_ref()?;
        (sent == branch).then_some(*digit)
    }

    /// A final answer, or none any more, to the INFO with `branch`. True when it was ours.
    pub fn answered(&mut self, branch: &Branch) -> bool {
        self.line.as_mut().is_some_and(|line| line.sent.take_if(|(sent, _)| sent == branch).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(text: &str) -> Option<(char, u128)> {
        match read_relay(text) {
            InfoBody::Digit(heard) => Some((heard.digit.key(), heard.duration.as_millis())),
            InfoBody::Nothing | InfoBody::OtherType | InfoBody::Malformed => None,
        }
    }

    #[test]
    fn a_relay_body_is_read_in_the_forms_that_are_seen() {
        assert_eq!(relay("Signal=5\r\nDuration=160\r\n"), Some(('5', 160)));
        assert_eq!(relay("duration= 250\nsignal= *\n"), Some(('*', 250)));
        assert_eq!(relay("Signal=#"), Some(('#', 100)));
        assert_eq!(relay("Signal=11\r\nDuration=99999999"), Some(('#', 10_000)));
        for bad in ["", "Signal=", "Signal=x", "Signal=55", "Duration=100", "Signal=5\r\nDuration=-1", "=5"] {
            assert_eq!(relay(bad), None, "{bad}");
        }
        assert_eq!(read_relay("Signal=16"), InfoBody::Nothing);
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for digit in Digit::all() {
            let heard = HeardDigit { digit, duration: Duration::from_millis(180) };
            assert_eq!(read_relay(&write_relay(heard)), InfoBody::Digit(heard));
            assert_eq!(
                read_plain(&digit.key().to_string()),
                InfoBody::Digit(HeardDigit { digit, duration: USUAL_DURATION })
            );
        }
    }

    #[test]
    fn one_info_is_out_at_a_time_and_the_order_stays() {
        let mut line = DigitLine::default();
        let heard = |event| HeardDigit { digit: Digit::from_event(event).unwrap(), duration: USUAL_DURATION };
        (0..3).for_each(|event| assert!(line.push(heard(event))));
        let branch = |n: u8| Branch::of([n; 12]);
        assert_eq!(line.next(), Some(heard(0)));
        line.sent(branch(1), heard(0));
        assert_eq!(line.next(), None);
        assert!(!line.answered(&branch(2)));
        assert!(line.answered(&branch(1)));
        assert_eq!(line.next(), Some(heard(1)));
        assert!(!format!("{line:?}").contains("Digit(0"));
    }
}
