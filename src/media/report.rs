//! Reports of our own towards one far end (RFC 3550 6).
//!
//! RTCP ends at each leg: what a far end reports is read here and goes no further, and what it hears is written
//! here, about the stream it hears and the one we heard from it. So a report is always right for the SSRC, the
//! sequence line and the clock of its leg, whatever the other leg does (transfer, another source, hold), LSR and
//! DLSR measure this leg alone, and the far end gets reports although nobody at the other side sends any (MD-181).
//! XR, APP and feedback were negotiated with nobody and are passed over.
//!
//! Assumed: two members on a leg, so the interval is the minimum of 6.2 without reconsideration, spread by half
//! either way.

use std::time::Duration;

use crate::base::{Entropy, Instant};
use crate::media::reception::Heard;
use crate::rtp::rtcp::{self, CNAME_OCTETS, Compound, ReportBlock, SenderInfo};

/// MD-181 and RFC 3550 6.2: the mean time between two reports.
const INTERVAL: Duration = Duration::from_secs(5);
/// RFC 3550 6.2 lets the first report of a unicast session go at once. It goes this long after our first packet at most.
const FIRST_REPORT_MILLIS: u32 = 500;
/// Units of LSR, DLSR and the round trip: 65536ths of a second.
const SHORT_UNITS: u64 = 1 << 16;
/// A longer round trip than a minute is a wrong LSR.
const LONGEST_TRIP: i32 = 60 << 16;
/// A round trip may come out this much below zero, because both terms are cut: 1 ms.
const CUT: i32 = -66;

/// The report side of one endpoint.
#[derive(Debug)]
pub struct Reports {
    /// Random for each endpoint (RFC 7022): it names no host.
    cname: [u8; CNAME_OCTETS],
    /// Our NTP time at the origin of the line of time. We have no wall clock here, and RFC 3550 6.4.1 is content
    /// with elapsed time; a random start does not tell how long this machine has been up.
    epoch: u64,
    due: Instant,
    /// Packets and payload octets under our present SSRC.
    packets: u32,
    octets: u32,
    /// `packets` when the last report was written, and when the one before was.
    told: [u32; 2],
    sender: Option<HeardSender>,
    /// Smoothed, in 65536ths of a second.
    round_trip: Option<u32>,
    lost_there: u32,
}

/// The last SR that came.
#[derive(Clone, Copy, Debug)]
struct HeardSender {
    ssrc: u32,
    /// The middle 32 bits of its NTP time.
    ntp: u32,
    at: Instant,
}

impl Reports {
    /// The first report is due after half the time (RFC 3550 6.2), or soon after the first packet.
    pub fn new(now: Instant, entropy: &mut dyn Entropy) -> Reports {
        Reports {
            cname: cname(entropy),
            epoch: entropy.next_u64() >> 1,
            due: now + spread(entropy) / 2,
            packets: 0,
            octets: 0,
            told: [0; 2],
            sender: None,
            round_trip: None,
            lost_there: 0,
        }
    }

    /// When the next report is to be written.
    pub const fn due(&self) -> Instant {
        self.due
    }

    /// The next one is due about one interval later.
    pub fn schedule(&mut self, now: Instant, entropy: &mut dyn Entropy) {
        self.due = now + spread(entropy);
    }

    /// Our SSRC has changed: what is sent is counted anew (RFC 3550 6.4.1).
    pub fn restart(&mut self) {
        (self.packets, self.octets, self.told) = (0, 0, [0; 2]);
    }

    /// Counts a packet of ours. The first one brings the next report forward.
    pub fn sent(&mut self, now: Instant, ssrc: u32, octets: u32) {
        if self.packets == 0 {
            let spread = Duration::from_millis(u64::from(ssrc % FIRST_REPORT_MILLIS));
            self.due = self.due.min(now + spread);
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets);
    }

    /// Reads what the far end reports. `ours`: the SSRC it hears us under.
    pub fn heard(&mut self, now: Instant, compound: &[u8], ours: u32) {
        for element in rtcp::elements(compound) {
            if let Some(info) = element.sender_info() {
                self.sender = Some(HeardSender { ssrc: info.ssrc, ntp: middle(info.ntp), at: now });
            }
            if let Some(block) = element.report_blocks().find(|block| block.ssrc == ours) {
                self.lost_there = u32::try_from(block.lost).unwrap_or(0);
                self.measure(now, &block);
            }
        }
    }

    /// The report of this moment. `timestamp`: of a packet of ours that were made now.
    pub fn write(&mut self, now: Instant, ssrc: u32, timestamp: Option<u32>, heard: Option<Heard>) -> Compound {
        let [_, before] = self.told;
        let info = timestamp.filter(|_| self.packets != before).map(|timestamp| SenderInfo {
            ssrc,
            ntp: self.ntp(now),
            timestamp,
            packets: self.packets,
            octets: self.octets,
        });
        self.told = [self.packets, self.told[0]];
        let block = heard.map(|heard| self.block(now, heard));
        let mut compound = Compound::report(ssrc, info.as_ref(), block.as_ref());
        compound.describe(ssrc, &self.cname);
        compound
    }

    /// The last report: nothing more comes under `ssrc`.
    pub fn farewell(&self, ssrc: u32) -> Compound {
        let mut compound = Compound::report(ssrc, None, None);
        compound.describe(ssrc, &self.cname);
        compound.bye(ssrc);
        compound
    }

    /// Smoothed round trip to the far end and back, microseconds; 0: never measured.
    pub fn round_trip_us(&self) -> u32 {
        let units = u64::from(self.round_trip.unwrap_or(0));
        u32::try_from(units * 1_000_000 / SHORT_UNITS).unwrap_or(u32::MAX)
    }

    /// How many of our packets the far end misses, by its last report.
    pub const fn lost_there(&self) -> u32 {
        self.lost_there
    }

    fn block(&self, now: Instant, heard: Heard) -> ReportBlock {
        let sender = self.sender.filter(|sender| sender.ssrc == heard.ssrc);
        ReportBlock {
            ssrc: heard.ssrc,
            fraction_lost: heard.fraction_lost,
            lost: heard.lost,
            highest_sequence: heard.highest_sequence,
            jitter: heard.jitter,
            last_report: sender.map_or(0, |sender| sender.ntp),
            delay: sender.map_or(0, |sender| short(now - sender.at)),
        }
    }

    /// RFC 3550 6.4.1: arrival less LSR less DLSR. Smoothed by an eighth, as RFC 6298 does.
    fn measure(&mut self, now: Instant, block: &ReportBlock) {
        if block.last_report == 0 {
            return;
        }
        let trip = middle(self.ntp(now)).wrapping_sub(block.last_report).wrapping_sub(block.delay).cast_signed();
        if !(CUT..=LONGEST_TRIP).contains(&trip) {
            return;
        }
        let trip = trip.max(0).cast_unsigned();
        self.round_trip = Some(self.round_trip.map_or(trip, |smooth| smooth - smooth / 8 + trip / 8));
    }

    fn ntp(&self, now: Instant) -> u64 {
        let elapsed = (u128::from(now.as_nanos()) << 32) / 1_000_000_000;
        self.epoch.wrapping_add(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }
}

/// From half an interval to one and a half.
fn spread(entropy: &mut dyn Entropy) -> Duration {
    INTERVAL / 2 + Duration::from_millis(entropy.below(5000))
}

fn cname(entropy: &mut dyn Entropy) -> [u8; CNAME_OCTETS] {
    let mut cname = [0; CNAME_OCTETS];
    entropy.fill(&mut cname);
    cname.map(|octet| if octet & 15 < 10 { b'0' + (octet & 15) } else { b'a' - 10 + (octet & 15) })
}

const fn middle(ntp: u64) -> u32 {
    (ntp >> 16 & 0xffff_ffff) as u32
}

fn short(time: Duration) -> u32 {
    let units = time.as_nanos() * u128::from(SHORT_UNITS) / 1_000_000_000;
    u32::try_from(units).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;

    const OURS: u32 = 0xaaaa;
    const THEIRS: u32 = 0xbbbb;
    const HEARD: Heard = Heard { ssrc: THEIRS, fraction_lost: 1, lost: 2, highest_sequence: 3, jitter: 4 };

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn reports(seed: u64) -> Reports {
        Reports::new(at(0), &mut SeededEntropy::new(seed))
    }

    fn info(compound: &Compound) -> Option<SenderInfo> {
        rtcp::elements(compound.octets()).next().unwrap().sender_info()
    }

    fn block(compound: &Compound) -> ReportBlock {
        rtcp::elements(compound.octets()).next().unwrap().report_blocks().next().unwrap()
    }

    /// A far end's report: an SR with this NTP time and a block about us.
    fn theirs(ntp: u64, last_report: u32, delay: u32) -> Compound {
        let info = SenderInfo { ssrc: THEIRS, ntp, timestamp: 0, packets: 0, octets: 0 };
        let block =
            ReportBlock { ssrc: OURS, fraction_lost: 0, lost: 5, highest_sequence: 0, jitter: 0, last_report, delay };
        Compound::report(THEIRS, Some(&info), Some(&block))
    }

    #[test]
    fn a_sender_report_counts_what_was_sent_and_ends_two_reports_after_the_last_packet() {
        let mut reports = reports(1);
        assert_eq!(info(&reports.write(at(0), OURS, None, None)), None);
        reports.sent(at(0), OURS, 160);
        reports.sent(at(20), OURS, 160);
        let first = info(&reports.write(at(5000), OURS, Some(9), None)).unwrap();
        assert_eq!((first.ssrc, first.timestamp, first.packets, first.octets), (OURS, 9, 2, 320));
        assert!(info(&reports.write(at(10_000), OURS, Some(9), None)).is_some());
        assert_eq!(info(&reports.write(at(15_000), OURS, Some(9), None)), None);
    }

    #[test]
    fn the_wall_runs_as_time_does() {
        let mut reports = reports(1);
        reports.sent(at(0), OURS, 1);
        let [a, b] = [1000, 3500].map(|millis| info(&reports.write(at(millis), OURS, Some(0), None)).unwrap().ntp);
        assert_eq!(b - a, (5 << 32) / 2);
    }

    #[test]
    fn a_block_tells_when_the_last_sender_report_of_that_source_came() {
        let mut reports = reports(1);
        assert_eq!(block(&reports.write(at(0), OURS, None, Some(HEARD))).last_report, 0);
        reports.heard(at(1000), theirs(0x1111_2222_3333_4444, 0, 0).octets(), OURS);
        let told = block(&reports.write(at(1500), OURS, None, Some(HEARD)));
        assert_eq!((told.last_report, told.delay), (0x2222_3333, 1 << 15));
        assert_eq!((told.fraction_lost, told.lost, told.highest_sequence, told.jitter), (1, 2, 3, 4));
        let other = block(&reports.write(at(1500), OURS, None, Some(Heard { ssrc: 5, ..HEARD })));
        assert_eq!((other.last_report, other.delay), (0, 0));
    }

    #[test]
    fn the_round_trip_is_what_is_left_after_the_far_end_s_delay() {
        let mut reports = reports(1);
        reports.sent(at(0), OURS, 1);
        let sent = info(&reports.write(at(1000), OURS, Some(0), None)).unwrap();
        reports.heard(at(1350), theirs(1, middle(sent.ntp), short(Duration::from_millis(250))).octets(), OURS);
        assert!((99_900..100_100).contains(&reports.round_trip_us()), "{}", reports.round_trip_us());
        assert_eq!(reports.lost_there(), 5);
    }

    #[test]
    fn an_impossible_round_trip_is_none() {
        let mut reports = reports(1);
        for last_report in [0, 1, middle(reports.ntp(at(9000)))] {
            reports.heard(at(1000), theirs(1, last_report, 77).octets(), OURS);
        }
        assert_eq!(reports.round_trip_us(), 0);
    }

    #[test]
    fn reports_come_every_five_seconds_on_the_mean_and_never_together() {
        let (mut reports, mut entropy) = (reports(1), SeededEntropy::new(2));
        assert!(reports.due() < at(3750));
        let mut now = at(0);
        for _ in 0..1000 {
            reports.schedule(now, &mut entropy);
            let apart = reports.due() - now;
            assert!((2500..7500).contains(&apart.as_millis()));
            now = reports.due();
        }
        assert!((4_800..5_200).contains(&((now - at(0)).as_secs())), "{now:?}");
    }

    #[test]
    fn the_first_packet_brings_a_report_within_half_a_second() {
        let mut reports = reports(1);
        reports.schedule(at(0), &mut SeededEntropy::new(3));
        reports.sent(at(10), OURS, 160);
        assert!(reports.due() < at(510));
    }

    #[test]
    fn names_are_of_one_endpoint_only() {
        assert_ne!(reports(1).cname, reports(2).cname);
        assert!(reports(1).cname.iter().all(u8::is_ascii_hexdigit));
    }

    #[test]
    fn the_last_report_says_goodbye() {
        let octets = reports(1).farewell(OURS);
        let types: Vec<u8> = rtcp::elements(octets.octets()).map(|element| element.packet_type).collect();
        assert_eq!(types, [201, 202, 203]);
    }
}
