//! Reason (RFC 3326): why a request or response was sent, as SIP status or Q.850 cause.

use bytes::Bytes;

use super::BadHeader;
use super::params::Params;
use crate::sip::grammar::{is_token, number_as, share, split_params, trim, unquoted};

/// One value of a Reason header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// `SIP`, `Q.850` or another token, as written.
    pub protocol: Bytes,
    pub params: Params,
}

impl Reason {
    /// Reads one value of the list.
    ///
    /// # Errors
    /// A protocol that is no token, or a broken parameter list.
    pub fn parse(value: &Bytes) -> Result<Reason, BadHeader> {
        let (protocol, rest) = split_params(value);
        let protocol = trim(protocol);
        if !is_token(protocol) {
            return Err(BadHeader);
        }
        Ok(Reason { protocol: share(value, protocol), params: Params::parse(value, rest)? })
    }

    /// True for this protocol, compared without case.
    pub fn is(&self, protocol: &str) -> bool {
        self.protocol.eq_ignore_ascii_case(protocol.as_bytes())
    }

    /// The number of the cause; a quoted number is read too, because gateways write it.
    pub fn cause(&self) -> Option<u16> {
        self.params.find("cause").flatten().and_then(|text| number_as::<u16>(&unquoted(text)))
    }

    /// The text without its quotes.
    pub fn text(&self) -> Option<Vec<u8>> {
        self.params.find("text").flatten().map(|text| unquoted(text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Reason, BadHeader> {
        Reason::parse(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn protocol_cause_and_text_are_read() {
        let reason = read("Q.850 ;cause=16 ;text=\"Normal, \\\"call\\\" clearing\"").unwrap();
        assert!(reason.is("q.850"));
        assert_eq!(reason.cause(), Some(16));
        assert_eq!(reason.text().unwrap(), b"Normal, \"call\" clearing");
    }

    #[test]
    fn a_cause_may_be_quoted_or_missing() {
        assert_eq!(read("SIP;cause=\"487\"").unwrap().cause(), Some(487));
        assert_eq!(read("SIP;text=x").unwrap().cause(), None);
        assert_eq!(read("Q.850;cause=99999").unwrap().cause(), None);
    }

    #[test]
    fn a_value_without_protocol_is_refused() {
        assert_eq!(read(";cause=16"), Err(BadHeader));
        assert_eq!(read("Q 850;cause=16"), Err(BadHeader));
    }
}
