//! What a leg's peer says it takes: the methods of its last Allow (RFC 3261 20.5).

use serde::{Deserialize, Serialize};

use crate::sip::{Message, Method, Name};

/// See the module. A bit for each of [`Method::KNOWN`]; `None`: no Allow was heard yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken(Option<u16>);

impl Taken {
    /// A message of the peer came. One without Allow changes nothing.
    pub fn hear(&mut self, message: &Message) {
        if message.header(Name::Allow).is_none() {
            return;
        }
        // Read in place: every message that makes or changes a dialog has one.
        let named =
            |all: u16, value: &[u8]| value.split(|&octet| octet == b',').fold(all, |all, token| all | bit_of(token));
        self.0 = Some(message.headers(Name::Allow).fold(0, |all, value| named(all, &value)));
    }

    /// The peer refused the method (405, 501), whatever its Allow says.
    pub fn refuse(&mut self, method: &Method) {
        if let (Some(all), Some(bit)) = (&mut self.0, bit(method)) {
            *all &= !bit;
        }
    }

    /// Whether the peer takes it. `None`: it never said, or the method has no name here.
    pub fn takes(&self, method: &Method) -> Option<bool> {
        Some(self.0? & bit(method)? != 0)
    }
}

fn bit_of(token: &[u8]) -> u16 {
    let token = token.trim_ascii();
    let place = Method::KNOWN.iter().position(|known| known.as_str().as_bytes() == token);
    place.and_then(bit_at).unwrap_or_default()
}

fn bit(method: &Method) -> Option<u16> {
    let place = Method::KNOWN.iter().position(|known| known == method)?;
    bit_at(place)
}

fn bit_at(place: usize) -> Option<u16> {
    u32::try_from(place).ok().and_then(|place| 1_u16.checked_shl(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_method_has_a_bit_of_its_own() {
        let all = Method::KNOWN.iter().map(|method| bit(method).unwrap()).fold(0, |all, bit| all | bit);
        assert_eq!(all.count_ones(), 14);
        let mut taken = Taken(Some(all));
        taken.refuse(&Method::Update);
        assert_eq!((taken.takes(&Method::Update), taken.takes(&Method::Info)), (Some(false), Some(true)));
        assert_eq!((Taken::default().takes(&Method::Update), taken.takes(&Method::Other("X".into()))), (None, None));
    }
}
