//! Retry-After (RFC 3261 20.33).

use bytes::Bytes;

use super::BadHeader;
use super::params::Params;
use crate::sip::grammar::{number_as, part, trim};

/// How long a peer asks us to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// Seconds until the next attempt.
    pub seconds: u32,
    /// Seconds the peer will then be reachable, if said.
    pub duration: Option<u32>,
}

impl RetryAfter {
    /// Reads `delta-seconds [ (comment) ] *(; param)`.
    ///
    /// # Errors
    /// No number or one above 2^32 - 1 (RFC 4475 scalarlg), or a broken parameter list.
    pub fn parse(value: &Bytes) -> Result<RetryAfter, BadHeader> {
        let text = trim(value);
        let digits = text.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let seconds = number_as::<u32>(part(text, 0, digits)).ok_or(BadHeader)?;
        let rest = after_comment(trim(part(text, digits, text.len()))).ok_or(BadHeader)?;
        let params = Params::parse(value, rest)?;
        let duration = params.find("duration").flatten().and_then(number_as::<u32>);
        Ok(RetryAfter { seconds, duration })
    }
}

/// Skips one comment with nesting and quoted pairs (RFC 3261 25.1); `None` when it is never closed.
fn after_comment(text: &[u8]) -> Option<&[u8]> {
    if text.first() != Some(&b'(') {
        return Some(text);
    }
    let mut depth = 0_usize;
    let mut octets = text.iter().enumerate();
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'\\' => {
                octets.next();
            }
            b'(' => depth = depth.saturating_add(1),
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return text.get(at.checked_add(1)?..).map(trim);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<RetryAfter, BadHeader> {
        RetryAfter::parse(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn seconds_comment_and_duration_are_read() {
        assert_eq!(read("120"), Ok(RetryAfter { seconds: 120, duration: None }));
        assert_eq!(read("18000;duration=3600"), Ok(RetryAfter { seconds: 18_000, duration: Some(3600) }));
        assert_eq!(read("120 (I'm (in\\)) a meeting);duration=9"), Ok(RetryAfter { seconds: 120, duration: Some(9) }));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bad in ["", "949302838503028349304023988", "soon", "-1", "1 (open", "1 x"] {
            assert_eq!(read(bad), Err(BadHeader), "{bad}");
        }
    }
}
