//! Session-Expires and Min-SE (RFC 4028 s.4, s.5).

use bytes::Bytes;

use super::BadHeader;
use super::params::Params;
use crate::base::text::append_number;
use crate::sip::grammar::{number_as, split_params, trim};

/// Who sends the refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    Uac,
    Uas,
}

impl Refresher {
    /// As written in the parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Refresher::Uac => "uac",
            Refresher::Uas => "uas",
        }
    }
}

/// The length of a session between refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub interval: u32,
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads `delta-seconds *(; param)`; an unknown refresher counts as none.
    ///
    /// # Errors
    /// No number, or a broken parameter list.
    pub fn parse(value: &Bytes) -> Result<SessionExpires, BadHeader> {
        let (seconds, rest) = split_params(value);
        let params = Params::parse(value, rest)?;
        let named = params.find("refresher").flatten();
        let refresher = [Refresher::Uac, Refresher::Uas]
            .into_iter()
            .find(|side| named.is_some_and(|text| text.eq_ignore_ascii_case(side.as_str().as_bytes())));
        Ok(SessionExpires { interval: number_as::<u32>(trim(seconds)).ok_or(BadHeader)?, refresher })
    }

    /// The value as it is written.
    pub fn to_octets(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        append_number(&mut out, self.interval.into());
        if let Some(refresher) = self.refresher {
            out.extend_from_slice(b";refresher=");
            out.extend_from_slice(refresher.as_str().as_bytes());
        }
        out
    }
}

impl std::fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_octets()))
    }
}

/// The shortest interval an element accepts, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MinSe(pub u32);

impl MinSe {
    /// Reads `delta-seconds *(; param)`; parameters are ignored.
    ///
    /// # Errors
    /// No number, or a broken parameter list.
    pub fn parse(value: &Bytes) -> Result<MinSe, BadHeader> {
        let (seconds, rest) = split_params(value);
        Params::parse(value, rest)?;
        number_as::<u32>(trim(seconds)).map(MinSe).ok_or(BadHeader)
    }
}

impl std::fmt::Display for MinSe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_and_refresher_are_read() {
        let read = SessionExpires::parse(&Bytes::from_static(b"1800 ; Refresher = UAC;x")).unwrap();
        assert_eq!(read, SessionExpires { interval: 1800, refresher: Some(Refresher::Uac) });
        assert_eq!(read.to_string(), "1800;refresher=uac");
        assert_eq!(SessionExpires::parse(&Bytes::from_static(b"90;refresher=me")).unwrap().refresher, None);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bad in ["", "-1", "4294967296", "soon;refresher=uac", "90;;"] {
            assert_eq!(SessionExpires::parse(&Bytes::copy_from_slice(bad.as_bytes())), Err(BadHeader), "{bad}");
            assert_eq!(MinSe::parse(&Bytes::copy_from_slice(bad.as_bytes())), Err(BadHeader), "{bad}");
        }
        assert_eq!(MinSe::parse(&Bytes::from_static(b"90")), Ok(MinSe(90)));
    }
}
