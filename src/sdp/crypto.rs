//! `a=crypto` (RFC 4568): `tag suite inline:key|lifetime|mki:length parameters`.

use super::attribute::decimal;
use super::base64;
use crate::base::Secret;

/// One line read, not yet judged: whether the suite is served and the key has its length is the caller's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CryptoLine<'a> {
    /// 1 to 9 digits; 0 and gaps are legal (MD-171).
    pub tag: u32,
    pub suite: &'a str,
    /// Master key and master salt.
    pub key_salt: Secret<Vec<u8>>,
    /// The master key identifier that stands in every packet, if any.
    pub mki: Option<Mki>,
}

/// Master key identifier (RFC 3711 3.1): a number and the octets it takes in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mki {
    pub value: u32,
    /// 1..=4.
    pub octets: u8,
}

/// Why a line cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CryptoFault {
    /// Not of the form of RFC 4568 9.1.
    Malformed,
    /// The key is no base64, or there are several.
    Key,
    /// The lifetime is no number and no power of two up to 2^48.
    Lifetime,
    /// The MKI is no number of 1 to 4 octets.
    Mki,
    /// A session parameter weakens protection (UNENCRYPTED_*, UNAUTHENTICATED_SRTP) or asks for what we do not do.
    SessionParameter,
}

impl<'a> CryptoLine<'a> {
    /// Reads the text after `a=crypto:`.
    ///
    /// # Errors
    /// What is wrong with the line; the others of its description are not touched by that.
    pub fn parse(value: &'a str) -> Result<Self, CryptoFault> {
        let mut fields = value.split_ascii_whitespace();
        let (Some(tag), Some(suite), Some(key)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(CryptoFault::Malformed);
        };
        let tag = decimal::<u32>(tag).filter(|_| tag.len() <= 9).ok_or(CryptoFault::Malformed)?;
        if !fields.all(is_harmless) {
            return Err(CryptoFault::SessionParameter);
        }
        let (key_salt, mki) = key_parameters(key)?;
        Ok(CryptoLine { tag, suite, key_salt, mki })
    }
}

/// Reads `inline:key[|lifetime][|mki:length]`. Several keys in one line (RFC 4568 6.1) would need MKI: refused.
fn key_parameters(text: &str) -> Result<(Secret<Vec<u8>>, Option<Mki>), CryptoFault> {
    let mut fields = strip_inline(text).ok_or(CryptoFault::Malformed)?.split('|');
    let key = fields.next().and_then(base64::decode).ok_or(CryptoFault::Key)?;
    let mut mki = None;
    let mut field = fields.next();
    if let Some(lifetime) = field.filter(|text| !text.contains(':')) {
        check_lifetime(lifetime)?;
        field = fields.next();
    }
    if let Some(text) = field {
        mki = Some(read_mki(text).ok_or(CryptoFault::Mki)?);
    }
    match fields.next() {
        None => Ok((Secret::new(key.to_vec()), mki)),
        Some(_) => Err(CryptoFault::Malformed),
    }
}

/// The key method's name is compared without case, as ABNF strings are.
fn strip_inline(text: &str) -> Option<&str> {
    let (method, rest) = text.split_once(':')?;
    method.eq_ignore_ascii_case("inline").then_some(rest)
}

/// A lifetime is read and believed: SRTP ends at 2^48 packets, a call of days sends 2^23.
fn check_lifetime(text: &str) -> Result<(), CryptoFault> {
    let valid = match text.strip_prefix("2^") {
        Some(power) => decimal::<u8>(power).is_some_and(|power| power <= 48),
        None => decimal::<u64>(text).is_some_and(|packets| packets > 0 && packets <= 1 << 48),
    };
    valid.then_some(()).ok_or(CryptoFault::Lifetime)
}

fn read_mki(text: &str) -> Option<Mki> {
    let (value, octets) = text.split_once(':')?;
    let octets = decimal::<u8>(octets).filter(|octets| (1..=4).contains(octets))?;
    let value = decimal::<u32>(value).filter(|value| u64::from(*value) < 1 << (8 * u32::from(octets)))?;
    Some(Mki { value, octets })
}

/// Session parameters we can live with (RFC 4568 6.3): a window hint, key derivation at rate 0, and extensions marked
/// optional by a leading minus. All others change the packets in a way we do not serve, so the line is not for us.
fn is_harmless(parameter: &str) -> bool {
    parameter.starts_with('-')
        || parameter == "KDR=0"
        || parameter.strip_prefix("WSH=").is_some_and(|window| decimal::<u64>(window).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn parsed(rest: &str) -> Result<(u32, usize, Option<Mki>), CryptoFault> {
        let text = format!("7 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{rest}");
        CryptoLine::parse(&text).map(|line| (line.tag, line.key_salt.expose().len(), line.mki))
    }

    #[test]
    fn lifetime_and_mki_are_optional() {
        assert_eq!(parsed(""), Ok((7, 30, None)));
        assert_eq!(parsed("|2^31"), Ok((7, 30, None)));
        assert_eq!(parsed("|1048576"), Ok((7, 30, None)));
        assert_eq!(parsed("|2^31|1:1"), Ok((7, 30, Some(Mki { value: 1, octets: 1 }))));
        assert_eq!(parsed("|66051:4"), Ok((7, 30, Some(Mki { value: 66051, octets: 4 }))));
    }

    #[test]
    fn numbers_out_of_range_refuse_the_line() {
        assert_eq!(parsed("|2^49"), Err(CryptoFault::Lifetime));
        assert_eq!(parsed("|0"), Err(CryptoFault::Lifetime));
        assert_eq!(parsed("|2^31|256:1"), Err(CryptoFault::Mki));
        assert_eq!(parsed("|2^31|1:5"), Err(CryptoFault::Mki));
        assert_eq!(parsed("|2^31|1:1|x"), Err(CryptoFault::Malformed));
    }

    #[test]
    fn a_parameter_that_weakens_refuses_the_line() {
        for parameter in
            ["UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP", "KDR=1", "FEC_ORDER=x", "NEW"]
        {
            assert_eq!(parsed(&format!(" {parameter}")), Err(CryptoFault::SessionParameter), "{parameter}");
        }
    }

    #[test]
    fn a_window_hint_and_optional_extensions_do_no_harm() {
        assert!(parsed(" WSH=64 KDR=0 -x-new=1").is_ok());
    }

    #[test]
    fn tag_zero_is_legal_and_ten_digits_are_not() {
        assert_eq!(CryptoLine::parse(&format!("0 S inline:{KEY}")).map(|line| line.tag), Ok(0));
        assert!(CryptoLine::parse(&format!("1234567890 S inline:{KEY}")).is_err());
        assert!(CryptoLine::parse(&format!("-1 S inline:{KEY}")).is_err());
    }

    #[test]
    fn a_key_does_not_print() {
        let text = format!("1 S inline:{KEY}");
        assert!(!format!("{:?}", CryptoLine::parse(&text)).contains("WVN"));
    }
}
