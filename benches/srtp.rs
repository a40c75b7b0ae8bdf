//! What SRTP costs, suite by suite: our transform and webrtc-srtp (replay window 128) on the same packets in the same run.
//! Rounds alternate and the tenth percentile counts, because shared machines have slow phases. A round is as many
//! packets as stay in the processor's cache, as the relay's one buffer does.
//! `cargo bench --bench srtp`; `--test` (as `cargo test --benches` gives it) runs one short round.

use std::hint::black_box;
use std::time::Instant;

use trunkline::base::Secret;
use trunkline::rtp::packet::RtpHeader;
use trunkline::rtp::srtp::{Inbound, Outbound, SrtpMaster, SrtpSuite};
use webrtc_srtp::context::Context;
use webrtc_srtp::option::srtp_replay_protection;
use webrtc_srtp::protection_profile::ProtectionProfile;

/// 20 ms of G.711.
const OCTETS: usize = 172;
/// Those that both have.
const SUITES: [(SrtpSuite, ProtectionProfile); 5] = [
    (SrtpSuite::AesCm128HmacSha1_80, ProtectionProfile::Aes128CmHmacSha1_80),
    (SrtpSuite::AesCm128HmacSha1_32, ProtectionProfile::Aes128CmHmacSha1_32),
    (SrtpSuite::Aes256CmHmacSha1_80, ProtectionProfile::Aes256CmHmacSha1_80),
    (SrtpSuite::AeadAes128Gcm, ProtectionProfile::AeadAes128Gcm),
    (SrtpSuite::AeadAes256Gcm, ProtectionProfile::AeadAes256Gcm),
];
/// Behind a packet, as in the relay's buffers.
const ROOM: usize = 64;

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--test");
    let (rounds, packets) = if smoke { (1, 100) } else { (2_000, 200) };
    println!("{OCTETS} octets, ns per packet           trunkline   webrtc-srtp   ratio");
    for (suite, profile) in SUITES {
        let mut figures = [const { Vec::new() }; 4];
        let mut bench = Bench::new(suite, profile);
        for _ in 0..rounds {
            let times = bench.round(packets);
            figures.iter_mut().zip(times).for_each(|(list, time)| list.push(time));
        }
        let [ours_protect, ours_unprotect, theirs_protect, theirs_unprotect] = figures.map(tenth_percentile);
        println!("{:23}  protect     {}", suite.name(), row(ours_protect, theirs_protect));
        println!("{:23}  unprotect   {}", suite.name(), row(ours_unprotect, theirs_unprotect));
    }
}

fn row(ours: f64, theirs: f64) -> String {
    format!("{ours:9.0}   {theirs:11.0}   {:5.2}", ours / theirs)
}

fn tenth_percentile(mut list: Vec<f64>) -> f64 {
    list.sort_by(f64::total_cmp);
    list[list.len() / 10]
}

struct Bench {
    outbound: Outbound,
    inbound: Inbound,
    their_sender: Context,
    their_receiver: Context,
    index: u64,
}

impl Bench {
    fn new(suite: SrtpSuite, profile: ProtectionProfile) -> Bench {
        let master = SrtpMaster { suite, key_salt: Secret::new(vec![7; suite.key_salt_octets()]) };
        let [key, salt] = [profile.key_len(), profile.salt_len()].map(|octets| vec![7; octets]);
        let context = |option| Context::new(&key, &salt, profile, option, None).unwrap();
        Bench {
            outbound: Outbound::new(&master).unwrap(),
            inbound: Inbound::new(&master).unwrap(),
            their_sender: context(None),
            their_receiver: context(Some(srtp_replay_protection(128))),
            index: 1,
        }
    }

    /// Nanoseconds per packet: ours sealing and opening, theirs sealing and opening.
    fn round(&mut self, count: usize) -> [f64; 4] {
        let first = self.index;
        self.index += count as u64;
        let plain: Vec<Vec<u8>> = (first..self.index).map(packet).collect();
        let mut buffers: Vec<Vec<u8>> = plain.iter().map(|packet| [&packet[..], &[0; ROOM]].concat()).collect();
        let mut sealed = OCTETS;
        let protect = timed(count, || {
            for (buffer, index) in buffers.iter_mut().zip(first..) {
                let header = RtpHeader::read(buffer).unwrap();
                sealed = black_box(self.outbound.seal_rtp(buffer, OCTETS, &header, index).unwrap());
            }
        });
        buffers.iter_mut().for_each(|buffer| buffer.truncate(sealed));
        let packets = buffers.clone();
        let unprotect = timed(count, || {
            for buffer in &mut buffers {
                let header = RtpHeader::read(buffer).unwrap();
                black_box(self.inbound.open_rtp(buffer, &header).unwrap());
            }
        });
        let their_protect = timed(count, || {
            plain.iter().for_each(|packet| drop(black_box(self.their_sender.encrypt_rtp(packet).unwrap())));
        });
        let their_unprotect = timed(count, || {
            packets.iter().for_each(|packet| drop(black_box(self.their_receiver.decrypt_rtp(packet).unwrap())));
        });
        [protect, unprotect, their_protect, their_unprotect]
    }
}

fn packet(index: u64) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(((index & 0xffff) as u16).to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 9]);
    packet.resize(OCTETS, 0x55);
    packet
}

fn timed(count: usize, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / count as f64
}
