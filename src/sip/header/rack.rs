//! RSeq and RAck (RFC 3262 s.7).

use super::cseq::split_word;
use super::{BadHeader, CSeq};
use crate::sip::grammar::{number_as, trim};

/// The number of a reliable provisional response, 1 to 2^32 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RSeq(pub u32);

impl RSeq {
    /// Reads `1*DIGIT`.
    ///
    /// # Errors
    /// No number, zero or above 2^32 - 1.
    pub fn parse(value: &[u8]) -> Result<RSeq, BadHeader> {
        number_as::<u32>(trim(value)).filter(|&number| number > 0).map(RSeq).ok_or(BadHeader)
    }
}

impl std::fmt::Display for RSeq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Which provisional response a PRACK acknowledges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    pub rseq: RSeq,
    /// CSeq of the response.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads `response-num LWS CSeq-num LWS Method`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(value: &[u8]) -> Result<RAck, BadHeader> {
        let (rseq, cseq) = split_word(trim(value)).ok_or(BadHeader)?;
        Ok(RAck { rseq: RSeq::parse(rseq)?, cseq: CSeq::parse(cseq)? })
    }
}

impl std::fmt::Display for RAck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.rseq, self.cseq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rack_names_response_and_request() {
        let read = RAck::parse(b"776656 1 INVITE").unwrap();
        assert_eq!((read.rseq, read.cseq.number), (RSeq(776_656), 1));
        assert_eq!(read.to_string(), "776656 1 INVITE");
    }

    #[test]
    fn broken_numbers_are_refused() {
        for bad in ["", "1 INVITE", "0 1 INVITE", "4294967296 1 INVITE", "1 x INVITE"] {
            assert_eq!(RAck::parse(bad.as_bytes()), Err(BadHeader), "{bad}");
        }
        assert_eq!(RSeq::parse(b"0"), Err(BadHeader));
    }
}
