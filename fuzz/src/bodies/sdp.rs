//! A session description: within its limits, and the same after writing.

use trunkline::base::limits;
use trunkline::sdp::attribute::ptime_ms;
use trunkline::sdp::{Direction, Fmtp, RtcpAttribute, RtpMap, SessionDescription};

pub fn run(octets: &[u8]) {
    let Ok(read) = SessionDescription::parse(octets) else { return };
    assert!(octets.len() <= limits::SDP_OCTETS && read.media.len() <= limits::SDP_MEDIA);
    for media in &read.media {
        assert!(media.attributes.len() <= limits::SDP_ATTRIBUTES && media.formats.len() <= limits::SDP_FORMATS);
        if let Ok(address) = read.address_of(media) {
            let text = address.to_string();
            assert!(text.parse() == Ok(address));
        }
        let _ = Direction::of(&read, media);
        assert!(ptime_ms(media).is_none_or(|ms| ms > 0), "no packet time of nothing");
        media.values("rtpmap").for_each(|value| _ = RtpMap::parse(value));
        media.values("fmtp").for_each(|value| _ = Fmtp::parse(value));
        media.values("rtcp").for_each(|value| _ = RtcpAttribute::parse(value));
    }
    let written = read.to_octets();
    assert_eq!(count(&written, b'\r'), count(&written, b'\n'), "CRLF only");
    if written.len() <= limits::SDP_OCTETS {
        let again = SessionDescription::parse(&written).expect("what we write we read");
        assert_eq!(again, read);
    }
}

fn count(octets: &[u8], wanted: u8) -> usize {
    octets.iter().filter(|octet| **octet == wanted).count()
}
