//! STUN as far as an ICE-lite agent needs it (RFC 5389, RFC 8445 16): Binding messages read in place, checked
//! with a short-term password, and answered. Nothing is kept of a message; every length is checked.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::{constant_time, hmac};

use crate::base::limits::STUN_ATTRIBUTES;

/// RFC 5389 6.
const COOKIE: u32 = 0x2112_a442;
const HEADER: usize = 20;
const ATTRIBUTE_HEADER: usize = 4;
const INTEGRITY_OCTETS: usize = 20;
/// XORed to the checksum, so that it is not that of another protocol (RFC 5389 15.5).
const FINGERPRINT_MASK: u32 = 0x5354_554e;
/// Room for the longest answer: header, an IPv6 address, integrity and fingerprint are 76 octets.
const ANSWER: usize = 96;
const BINDING: u16 = 1;
/// The two bits of the class among those of the method.
const CLASS_BITS: u16 = 0x0110;
const ROLE_CONFLICT: [u8; 4] = [0, 0, 4, 87];

mod attribute {
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub const PRIORITY: u16 = 0x0024;
    pub const USE_CANDIDATE: u16 = 0x0025;
    pub const FINGERPRINT: u16 = 0x8028;
    pub const ICE_CONTROLLED: u16 = 0x8029;
}

/// Why octets are not a STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StunFault {
    TooShort,
    /// The first two bits or the magic cookie are those of something else.
    NotStun,
    /// The length field is not that of the datagram, or not a multiple of four.
    Length,
    /// An attribute runs over the end.
    Attribute,
    TooManyAttributes,
}

/// What kind of message it is (RFC 5389 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// Who says which of the two agents it is (RFC 8445 7.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// ICE-CONTROLLING, or nothing said.
    Controlling,
    Controlled,
}

/// A message whose lengths are right; nothing of it is believed before [`Message::is_authentic`].
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    octets: &'a [u8],
    pub class: Class,
    pub method: u16,
    /// As it stands, without padding.
    pub username: Option<&'a [u8]>,
    /// RFC 8445 7.1.1; 0 when none is said.
    pub priority: u32,
    pub nominates: bool,
    pub role: Role,
    mapped: Option<&'a [u8]>,
    /// Where MESSAGE-INTEGRITY begins, and its tag.
    integrity: Option<(usize, &'a [u8])>,
    /// Where FINGERPRINT begins, and its value.
    fingerprint: Option<(usize, u32)>,
}

impl<'a> Message<'a> {
    /// Reads one datagram.
    ///
    /// # Errors
    /// The first rule that is broken. Unknown attributes are passed over (MD-196).
    pub fn read(octets: &'a [u8]) -> Result<Message<'a>, StunFault> {
        let (header, mut rest) = octets.split_first_chunk::<HEADER>().ok_or(StunFault::TooShort)?;
        let &[kind_high, kind_low, length_high, length_low, c0, c1, c2, c3, ..] = header;
        let kind = u16::from_be_bytes([kind_high, kind_low]);
        if kind & 0xc000 != 0 || u32::from_be_bytes([c0, c1, c2, c3]) != COOKIE {
            return Err(StunFault::NotStun);
        }
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        if length != rest.len() || !length.is_multiple_of(4) {
            return Err(StunFault::Length);
        }
        let mut message = Message::empty(octets, kind);
        for _ in 0..STUN_ATTRIBUTES {
            if rest.is_empty() {
                return Ok(message);
            }
            let at = octets.len() - rest.len();
            let (number, value, after) = split_attribute(rest).ok_or(StunFault::Attribute)?;
            message.take(at, number, value);
            rest = after;
        }
        if rest.is_empty() { Ok(message) } else { Err(StunFault::TooManyAttributes) }
    }

    fn empty(octets: &'a [u8], kind: u16) -> Message<'a> {
        let class = match kind & CLASS_BITS {
            0 => Class::Request,
            0x0010 => Class::Indication,
            0x0100 => Class::Success,
            _ => Class::Error,
        };
        let method = kind & 0x000f | (kind & 0x00e0) >> 1 | (kind & 0x3e00) >> 2;
        Message {
            octets,
            class,
            method,
            username: None,
            priority: 0,
            nominates: false,
            role: Role::Controlling,
            mapped: None,
            integrity: None,
            fingerprint: None,
        }
    }

    /// RFC 5389 15.4: behind MESSAGE-INTEGRITY only FINGERPRINT counts, and behind that nothing. Of two alike
    /// the first counts.
    fn take(&mut self, at: usize, number: u16, value: &'a [u8]) {
        if self.fingerprint.is_some() || (self.integrity.is_some() && number != attribute::FINGERPRINT) {
            return;
        }
        match number {
            attribute::USERNAME => self.username = self.username.or(Some(value)),
            attribute::PRIORITY => self.priority = word(value).unwrap_or(self.priority),
            attribute::USE_CANDIDATE => self.nominates = true,
            attribute::ICE_CONTROLLED => self.role = Role::Controlled,
            attribute::XOR_MAPPED_ADDRESS => self.mapped = self.mapped.or(Some(value)),
            attribute::MESSAGE_INTEGRITY => self.integrity = Some((at, value)),
            attribute::FINGERPRINT => self.fingerprint = word(value).map(|sum| (at, sum)),
            _ => {}
        }
    }

    /// True for a Binding request.
    pub fn is_binding_request(&self) -> bool {
        self.class == Class::Request && self.method == BINDING
    }

    /// True when FINGERPRINT is the last attribute and right (RFC 5389 15.5).
    pub fn has_good_fingerprint(&self) -> bool {
        self.fingerprint.is_some_and(|(at, sum)| {
            at + ATTRIBUTE_HEADER + 4 == self.octets.len()
                && checksum(self.octets.get(..at).unwrap_or_default()) ^ FINGERPRINT_MASK == sum
        })
    }

    /// True when MESSAGE-INTEGRITY was made with `password` (RFC 5389 15.4, short-term credentials).
    pub fn is_authentic(&self, password: &[u8]) -> bool {
        let Some((at, tag)) = self.integrity else { return false };
        let Some(before) = self.octets.get(..at) else { return false };
        let computed = integrity(before, password);
        constant_time::verify_slices_are_equal(computed.as_ref(), tag).is_ok()
    }

    /// The address in XOR-MAPPED-ADDRESS.
    pub fn mapped_address(&self) -> Option<SocketAddr> {
        let (head, address) = self.mapped?.split_first_chunk::<4>()?;
        let [_, family, high, low] = *head;
        let port = u16::from_be_bytes([high, low]) ^ (COOKIE >> 16) as u16;
        let mask = self.mask();
        let ip = match family {
            1 => IpAddr::from(masked::<4>(address.try_into().ok()?, &mask)),
            2 => IpAddr::from(masked::<16>(address.try_into().ok()?, &mask)),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// The success answer: where the request came from, authenticated with the password of the request.
    pub fn success(&self, source: SocketAddr, password: &[u8]) -> Answer {
        let mut answer = Answer::begin(self, Class::Success);
        answer.mapped_address(source, &self.mask());
        answer.end(password)
    }

    /// RFC 8445 7.3.1.1: 487, both agents say they are controlled.
    pub fn role_conflict(&self, password: &[u8]) -> Answer {
        let mut answer = Answer::begin(self, Class::Error);
        answer.attribute(attribute::ERROR_CODE, &ROLE_CONFLICT);
        answer.end(password)
    }

    /// Cookie and transaction: what addresses are XORed with.
    fn mask(&self) -> [u8; 16] {
        self.octets.get(4..HEADER).and_then(|mask| mask.try_into().ok()).unwrap_or_default()
    }
}

/// An answer, written.
#[derive(Clone, Debug)]
pub struct Answer {
    octets: [u8; ANSWER],
    length: usize,
}

impl Answer {
    /// The datagram.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    fn begin(request: &Message<'_>, class: Class) -> Answer {
        let class = match class {
            Class::Request => 0,
            Class::Indication => 0x0010,
            Class::Success => 0x0100,
            Class::Error => CLASS_BITS,
        };
        let mut answer = Answer { octets: [0; ANSWER], length: 0 };
        answer.push(&(BINDING | class).to_be_bytes());
        answer.push(&[0, 0]);
        answer.push(&request.mask());
        answer
    }

    fn mapped_address(&mut self, source: SocketAddr, mask: &[u8; 16]) {
        let port = (source.port() ^ (COOKIE >> 16) as u16).to_be_bytes();
        match source.ip() {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = masked(ip.octets(), mask);
                self.attribute(attribute::XOR_MAPPED_ADDRESS, &[0, 1, port[0], port[1], a, b, c, d]);
            }
            IpAddr::V6(ip) => {
                let mut value = [0; 20];
                let (head, address) = value.split_at_mut(4);
                head.copy_from_slice(&[0, 2, port[0], port[1]]);
                address.copy_from_slice(&masked(ip.octets(), mask));
                self.attribute(attribute::XOR_MAPPED_ADDRESS, &value);
            }
        }
    }

    fn end(mut self, password: &[u8]) -> Answer {
        let tag = integrity(self.octets(), password);
        self.attribute(attribute::MESSAGE_INTEGRITY, tag.as_ref());
        // The checksum is over a header that counts FINGERPRINT too.
        self.set_length(ATTRIBUTE_HEADER + 4);
        let sum = checksum(self.octets()) ^ FINGERPRINT_MASK;
        self.attribute(attribute::FINGERPRINT, &sum.to_be_bytes());
        self
    }

    fn attribute(&mut self, number: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(0);
        self.push(&number.to_be_bytes());
        self.push(&length.to_be_bytes());
        self.push(value);
        self.set_length(0);
    }

    /// Writes the header's length: what is there, and `more`.
    fn set_length(&mut self, more: usize) {
        let length = u16::try_from(self.length.saturating_sub(HEADER) + more).unwrap_or(0);
        if let Some(field) = self.octets.get_mut(2..4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }

    fn push(&mut self, octets: &[u8]) {
        if let Some(area) = self.octets.get_mut(self.length..self.length + octets.len()) {
            area.copy_from_slice(octets);
            self.length += octets.len();
        }
    }
}

/// Number, value and what follows the padding.
fn split_attribute(rest: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (&[number_high, number_low, length_high, length_low], rest) = rest.split_first_chunk::<ATTRIBUTE_HEADER>()?;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let value = rest.get(..length)?;
    Some((u16::from_be_bytes([number_high, number_low]), value, rest.get(length.next_multiple_of(4)..)?))
}

/// HMAC-SHA1 over a message up to its integrity attribute, whose header counts that attribute as the last.
fn integrity(before: &[u8], password: &[u8]) -> hmac::Tag {
    let length = before.len().saturating_sub(HEADER) + ATTRIBUTE_HEADER + INTEGRITY_OCTETS;
    let mut keyed = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password));
    keyed.update(before.get(..2).unwrap_or_default());
    keyed.update(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    keyed.update(before.get(4..).unwrap_or_default());
    keyed.sign()
}

fn masked<const N: usize>(address: [u8; N], mask: &[u8; 16]) -> [u8; N] {
    let mut masked = address;
    masked.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
    masked
}

fn word(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

/// CRC-32 of ITU-T V.42, reflected.
fn checksum(octets: &[u8]) -> u32 {
    const TABLE: [u32; 256] = checksum_table();
    !octets.iter().fold(!0, |sum: u32, octet| {
        let place = usize::from(sum.to_le_bytes()[0] ^ octet);
        sum >> 8 ^ TABLE.get(place).copied().unwrap_or_default()
    })
}

#[allow(
    clippy::indexing_slicing,
    reason = "run by the compiler, where a place beyond the end is an error of the build"
)]
const fn checksum_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut place = 0;
    while place < table.len() {
        let mut value = place as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[place] = value;
        place += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

    fn file(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/tests/corpora/stun/{name}.bin", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn the_request_of_rfc_5769_is_read_and_authentic() {
        let octets = file("rfc5769-2.1-request");
        let request = Message::read(&octets).unwrap();
        assert!(request.is_binding_request() && request.has_good_fingerprint());
        assert!(request.is_authentic(PASSWORD) && !request.is_authentic(b"VOkJxbRl1RmTxUk/WvJxBu"));
        assert_eq!(request.username, Some(&b"evtj:h6vY"[..]));
        assert_eq!((request.priority, request.nominates, request.role), (0x6e00_01ff, false, Role::Controlled));
    }

    #[test]
    fn the_answers_of_rfc_5769_give_their_addresses() {
        for (name, mapped) in [
            ("rfc5769-2.2-response-ipv4", "192.0.2.1:32853"),
            ("rfc5769-2.3-response-ipv6", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
        ] {
            let octets = file(name);
            let response = Message::read(&octets).unwrap();
            assert_eq!(response.class, Class::Success);
            assert!(response.has_good_fingerprint() && response.is_authentic(PASSWORD), "{name}");
            assert_eq!(response.mapped_address(), Some(mapped.parse().unwrap()));
        }
    }

    #[test]
    fn the_long_term_request_of_rfc_5769_is_authentic_under_its_hashed_key() {
        let octets = file("rfc5769-2.4-longterm");
        let request = Message::read(&octets).unwrap();
        let key = 0xe8ca_7ad5_9d5e_b051_8e31_2911_d2da_b2a9_u128.to_be_bytes();
        assert!(request.is_authentic(&key));
        assert!(!request.has_good_fingerprint());
        assert_eq!(request.username, Some("マトリックス".as_bytes()));
    }

    #[test]
    fn every_broken_message_of_the_corpus_is_refused() {
        for (name, fault) in [
            ("neg-length-over", StunFault::Length),
            ("neg-length-unaligned", StunFault::Length),
            ("neg-attr-overrun", StunFault::Attribute),
            ("neg-looks-like-rtp", StunFault::NotStun),
            ("neg-cookie", StunFault::NotStun),
            ("neg-header-cut", StunFault::TooShort),
        ] {
            assert_eq!(Message::read(&file(name)).err(), Some(fault), "{name}");
        }
        assert!(!Message::read(&file("neg-fingerprint")).unwrap().has_good_fingerprint());
        let forged = file("neg-integrity");
        let forged = Message::read(&forged).unwrap();
        assert!(!forged.is_authentic(PASSWORD) && !forged.has_good_fingerprint());
    }

    #[test]
    fn our_answer_is_authentic_and_gives_the_source_back() {
        let octets = file("rfc5769-2.1-request");
        let request = Message::read(&octets).unwrap();
        for source in ["192.0.2.9:50008", "[2001:db8::7]:1"].map(|text| text.parse().unwrap()) {
            let answer = request.success(source, PASSWORD);
            let read = Message::read(answer.octets()).unwrap();
            assert_eq!((read.class, read.method, read.mapped_address()), (Class::Success, BINDING, Some(source)));
            assert!(read.is_authentic(PASSWORD) && read.has_good_fingerprint());
            assert_eq!(answer.octets()[4..20], octets[4..20]);
        }
        let conflict = request.role_conflict(PASSWORD);
        assert_eq!(Message::read(conflict.octets()).unwrap().class, Class::Error);
    }

    #[test]
    fn what_stands_behind_the_integrity_is_not_believed() {
        let octets = file("rfc5769-2.1-request");
        let mut nominating = octets[..octets.len() - 8].to_vec();
        nominating.extend([0, 0x25, 0, 0]);
        nominating.extend(&octets[octets.len() - 8..]);
        nominating[3] += 4;
        assert!(!Message::read(&nominating).unwrap().nominates);
    }

    #[test]
    fn one_attribute_too_many_is_refused() {
        let mut octets = file("rfc5769-2.1-request")[..20].to_vec();
        octets.extend([0x80, 0x99, 0, 0].repeat(STUN_ATTRIBUTES + 1));
        octets[3] = u8::try_from(octets.len() - 20).unwrap();
        assert_eq!(Message::read(&octets).err(), Some(StunFault::TooManyAttributes));
        octets.truncate(octets.len() - 4);
        octets[3] -= 4;
        assert!(Message::read(&octets).is_ok());
    }

    proptest! {
        #[test]
        fn no_octets_of_any_kind_make_it_fail(body in prop::collection::vec(any::<u8>(), 0..300), right in any::<bool>()) {
            let mut octets = file("rfc5769-2.1-request")[..20].to_vec();
            octets.extend(&body);
            if right {
                let length = u16::try_from(body.len()).unwrap() & !3;
                octets.truncate(20 + usize::from(length));
                octets[2..4].copy_from_slice(&length.to_be_bytes());
            }
            if let Ok(message) = Message::read(&octets) {
                prop_assert!(!message.is_authentic(PASSWORD));
                let _ = (message.has_good_fingerprint(), message.mapped_address());
                prop_assert!(Message::read(message.success("9.9.9.9:9".parse().unwrap(), b"x").octets()).is_ok());
            }
        }

        #[test]
        fn one_flipped_bit_is_always_noticed(at in 0usize..108, bit in 0u8..8) {
            let mut octets = file("rfc5769-2.1-request");
            octets[at] ^= 1 << bit;
            let unharmed = Message::read(&octets)
                .is_ok_and(|message| message.has_good_fingerprint() && message.is_authentic(PASSWORD));
            prop_assert!(!unharmed);
        }
    }
}
