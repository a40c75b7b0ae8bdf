//! What one party says and what it hears, with webrtc-srtp between: the product's own SRTP proves nothing here.

use std::collections::{BTreeMap, HashSet};

use trunkline::lab::base64;
use webrtc_srtp::context::Context;
use webrtc_srtp::protection_profile::ProtectionProfile;

pub const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";
const KEY: usize = 16;
const KEY_SALT: usize = 30;
const TURN: u64 = 1 << 16;
/// Less than half a turn: a context follows such a step.
const STEP: u64 = 30_000;

/// What becomes of the roll-over counter under a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollover {
    /// RFC 3711 3.3.1.
    Kept,
    /// MD-173.
    FromZero,
}

fn context(key_salt: &[u8]) -> Context {
    let (key, salt) = key_salt.split_at(KEY);
    Context::new(key, salt, ProtectionProfile::Aes128CmHmacSha1_80, None, None).unwrap()
}

/// The far end's own key number `serial`: no two are alike.
fn key_of(party: u8, serial: u8) -> Vec<u8> {
    (0..KEY_SALT).map(|at| (at as u8).wrapping_mul(7) ^ party.wrapping_mul(101) ^ serial).collect()
}

/// One stream of packets whose payload begins with their number.
pub struct Voice {
    party: u8,
    serial: u8,
    /// `None`: plain RTP.
    context: Option<Context>,
    ssrc: u32,
    index: u64,
    timestamp: u32,
    number: u32,
}

impl Voice {
    pub fn plain(party: u8) -> Voice {
        Voice { party, serial: 0, context: None, ssrc: 0x1000 + u32::from(party), index: 100, timestamp: 0, number: 0 }
    }

    pub fn secured(party: u8, first_index: u64) -> Voice {
        let context = Some(context(&key_of(party, 0)));
        Voice { context, index: first_index, ..Voice::plain(party) }
    }

    pub fn is_secured(&self) -> bool {
        self.context.is_some()
    }

    /// The `inline:` value of the key in use, or of the one after it.
    pub fn key_text(&self, ahead: u8) -> String {
        base64::encode(&key_of(self.party, self.serial + ahead))
    }

    /// The next packet and its number.
    pub fn next(&mut self) -> (u32, Vec<u8>) {
        self.number += 1;
        self.index += 1;
        self.timestamp = self.timestamp.wrapping_add(160);
        (self.number, self.packet_of(self.number))
    }

    /// Goes on under the next key.
    pub fn rekey(&mut self, rollover: Rollover) {
        self.serial += 1;
        self.context = Some(context(&key_of(self.party, self.serial)));
        match rollover {
            Rollover::Kept => self.walk(),
            Rollover::FromZero => self.index %= TURN,
        }
    }

    /// Goes on as another source; a new one begins below half a turn.
    pub fn change_source(&mut self) {
        self.ssrc = self.ssrc.wrapping_add(0x1_0001);
        self.index = 200 + u64::from(self.number % 1000);
    }

    /// Leaves out so many packets, as if they were lost on the way.
    pub fn skip(&mut self, packets: u64) {
        self.index += packets;
        self.timestamp = self.timestamp.wrapping_add(160 * u32::try_from(packets).unwrap());
    }

    /// Brings a fresh context to the index reached, with packets that nobody gets.
    fn walk(&mut self) {
        let reached = self.index;
        let mut at = reached % STEP;
        while at < reached {
            self.index = at;
            self.packet_of(0);
            at += STEP;
        }
        self.index = reached;
    }

    fn packet_of(&mut self, number: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 8];
        packet.extend(((self.index % TURN) as u16).to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(number.to_be_bytes());
        packet.extend([0x55; 156]);
        match &mut self.context {
            Some(context) => context.encrypt_rtp(&packet).unwrap().to_vec(),
            None => packet,
        }
    }
}

/// What a party takes: every key the daemon ever gave it, the newest first.
#[derive(Default)]
pub struct Ear {
    keys: Vec<(String, Context)>,
    /// Key, SSRC, index of every packet heard.
    used: HashSet<(String, u32, u64)>,
    highest: BTreeMap<(String, u32), u64>,
    pub unauthentic: u64,
    /// Packets whose key and index were there before.
    pub twice: u64,
}

impl Ear {
    /// The daemon's key in a description.
    pub fn learn(&mut self, key_text: &str) {
        if self.keys.first().is_none_or(|(known, _)| known != key_text) {
            let octets = base64::decode(key_text).unwrap();
            self.keys.insert(0, (key_text.to_owned(), context(&octets)));
        }
    }

    /// Whether a sealed report is of the newest key and authentic.
    pub fn opens_report(&mut self, packet: &[u8]) -> bool {
        self.keys.first_mut().is_some_and(|(_, context)| context.decrypt_rtcp(packet).is_ok())
    }

    /// How often the sequence of one stream of the daemon began again, at most.
    pub fn wraps(&self) -> u64 {
        self.highest.values().map(|index| index / TURN).max().unwrap_or(0)
    }

    /// Keys the daemon has shown.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The number in a packet of the daemon; `None` when it cannot be opened.
    pub fn hear(&mut self, packet: &[u8]) -> Option<u32> {
        if self.keys.is_empty() {
            return Some(number_in(packet));
        }
        // Packets of the last key may still be on the way.
        for (name, context) in self.keys.iter_mut().take(2) {
            if let Ok(opened) = context.decrypt_rtp(packet) {
                let (number, name) = (number_in(&opened), name.clone());
                self.note(name, packet);
                return Some(number);
            }
        }
        self.unauthentic += 1;
        None
    }

    fn note(&mut self, key: String, packet: &[u8]) {
        let sequence = u64::from(u16::from_be_bytes([packet[2], packet[3]]));
        let ssrc = u32::from_be_bytes(packet[8..12].try_into().unwrap());
        let highest = self.highest.entry((key.clone(), ssrc)).or_insert(sequence);
        let turn = *highest - *highest % TURN;
        let near = |index: &u64| index.abs_diff(*highest);
        let index = [turn + sequence, turn + TURN + sequence, (turn + sequence).saturating_sub(TURN)]
            .into_iter()
            .min_by_key(near)
            .unwrap();
        *highest = (*highest).max(index);
        self.twice += u64::from(!self.used.insert((key, ssrc, index)));
    }
}

fn number_in(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[12..16].try_into().unwrap())
}
