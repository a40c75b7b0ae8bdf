//! RTCP compounds: walked inside their lengths; what we write we can read; SRTCP there and back.

use trunkline::base::Secret;
use trunkline::base::limits::MEDIA_PACKET_OCTETS;
use trunkline::rtp::rtcp::{self, Compound};
use trunkline::rtp::srtp::{Inbound, Outbound, SrtpMaster, SrtpSuite};

pub fn run(octets: &[u8]) {
    let mut total = 0;
    for element in rtcp::elements(octets) {
        total += element.octets.len();
        let _ = (element.sender(), element.sender_info());
        assert!(element.report_blocks().count() <= usize::from(element.count));
        for block in element.report_blocks() {
            assert!((-0x80_0000..=0x7f_ffff).contains(&block.lost));
            repeated(element.sender().unwrap_or(0), &element, &block);
        }
    }
    assert!(total <= octets.len());
    if rtcp::check(octets).is_ok() {
        assert_eq!(total, octets.len(), "a sound compound is walked to its end");
        crosses(octets);
    }
}

/// What was read of a report, written by us, reads the same.
fn repeated(ssrc: u32, element: &rtcp::Element<'_>, block: &rtcp::ReportBlock) {
    let info = element.sender_info();
    let mut compound = Compound::report(ssrc, info.as_ref(), Some(block));
    compound.describe(ssrc, &[b'x'; rtcp::CNAME_OCTETS]);
    compound.bye(ssrc);
    rtcp::check(compound.octets()).expect("what we write is sound");
    let first = rtcp::elements(compound.octets()).next().expect("a report");
    assert_eq!((first.sender_info(), first.report_blocks().next()), (info, Some(*block)));
}

fn crosses(compound: &[u8]) {
    // A longer datagram never gets this far.
    if compound.len() + 64 > MEDIA_PACKET_OCTETS {
        return;
    }
    for suite in SrtpSuite::ALL {
        let master = SrtpMaster { suite, key_salt: Secret::new(vec![7; suite.key_salt_octets()]) };
        let mut outbound = Outbound::new(&master).expect("a key of its suite's length");
        let mut inbound = Inbound::new(&master).expect("a key of its suite's length");
        let mut buffer = compound.to_vec();
        buffer.resize(compound.len() + 64, 0);
        let sealed = outbound.seal_rtcp(&mut buffer, compound.len()).expect("there is room");
        let mut replay = buffer[..sealed].to_vec();
        let opened = inbound.open_rtcp(&mut buffer[..sealed]).expect("what we seal opens");
        assert_eq!(&buffer[..opened.octets], compound);
        assert!(inbound.open_rtcp(&mut replay).is_err(), "a replayed report is refused");
    }
}
