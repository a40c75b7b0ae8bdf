//! CSeq (RFC 3261 20.16).

use super::BadHeader;
use crate::sip::grammar::{is_wsp, number_as, split, trim};
use crate::sip::method::Method;

/// A request's number and method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// Below 2^31 (RFC 3261 8.1.1.5).
    pub number: u32,
    pub method: Method,
}

impl CSeq {
    /// Reads `1*DIGIT LWS Method`.
    ///
    /// # Errors
    /// A number of 2^31 or more, a method that is no token, anything left over.
    pub fn parse(value: &[u8]) -> Result<CSeq, BadHeader> {
        let (number, method) = split_word(trim(value)).ok_or(BadHeader)?;
        let number = number_as::<u32>(number).filter(|&number| number < 1 << 31).ok_or(BadHeader)?;
        let method = Method::parse(method).ok_or(BadHeader)?;
        Ok(CSeq { number, method })
    }
}

/// The first word and what follows it without the white space between.
pub(crate) fn split_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|&octet| is_wsp(octet))?;
    let (word, rest) = split(text, end);
    Some((word, trim(rest)))
}

impl std::fmt::Display for CSeq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_method_are_read_over_any_white_space() {
        let read = CSeq::parse(b"0009 \t INVITE").unwrap();
        assert_eq!(read, CSeq { number: 9, method: Method::Invite });
        assert_eq!(read.to_string(), "9 INVITE");
        assert_eq!(CSeq::parse(b"2147483647 X").unwrap().number, 2_147_483_647);
    }

    #[test]
    fn out_of_range_signed_and_incomplete_values_are_refused() {
        for bad in
            ["2147483648 INVITE", "36893488147419103232 REGISTER", "-1 INVITE", "1", "1 ", "INVITE 1", "1 IN VITE", ""]
        {
            assert_eq!(CSeq::parse(bad.as_bytes()), Err(BadHeader), "{bad}");
        }
    }
}
