//! Two legs and the descriptions their peers send.

use std::net::IpAddr;
use std::sync::Arc;

use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::{NetworkId, WorkerId};
use trunkline::call::negotiate::{AudioPlan, LegMedia};
use trunkline::media::plan::{AddressRules, EndpointPlan, PortLease, SrtpSuite};
use trunkline::route::media::{Ice, MediaSettings, Security, SrtpKeying};

/// The platform's key in the offers of this stage.
pub const PLATFORM_KEY: &str = "x0IWxsEXxeQQZ4fl/PHkMFwtHBLOiQ09ZwV1T0eN";

/// An offer of Microsoft to a session border controller (shape of MD sheet 19.4).
pub const TEAMS_OFFER: &str = "v=0
o=- 184467 0 IN IP4 127.0.0.1
s=session
c=IN IP4 52.112.60.10
b=CT:50000
t=0 0
m=audio 51030 RTP/SAVP 104 9 103 8 0 18 97 101 13 118
c=IN IP4 52.112.60.10
a=rtcp:51031
a=label:main-audio
a=mid:1
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x0IWxsEXxeQQZ4fl/PHkMFwtHBLOiQ09ZwV1T0eN|2^31
a=sendrecv
a=rtpmap:104 SILK/16000
a=fmtp:104 useinbandfec=1; usedtx=0
a=rtpmap:9 G722/8000
a=rtpmap:103 SILK/8000
a=fmtp:103 useinbandfec=1; usedtx=0
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:18 G729/8000
a=fmtp:18 annexb=no
a=rtpmap:97 RED/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=rtpmap:13 CN/8000
a=rtpmap:118 CN/16000
a=ptime:20
a=maxptime:200
";

/// An answer of Microsoft (shape of MD sheet 19.3).
pub const TEAMS_ANSWER: &str = "v=0
o=- 90112 0 IN IP4 127.0.0.1
s=session
c=IN IP4 52.112.60.44
t=0 0
m=audio 52210 RTP/SAVP 8 101 13
c=IN IP4 52.112.60.44
a=rtcp:52211
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:87wVGpfayAsh+orC138+U+7E+4l7Hz5NJ+H0meAL|2^31
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=rtpmap:13 CN/8000
a=ptime:20
a=sendrecv
";

/// An offer of a carrier that numbers events 97.
pub const CARRIER_OFFER: &str = "v=0
o=pbx 1 1 IN IP4 10.1.0.9
s=-
c=IN IP4 10.1.0.9
t=0 0
m=audio 6000 RTP/AVP 8 0 97
a=rtpmap:97 telephone-event/8000
a=fmtp:97 0-15
a=ptime:20
";

/// A carrier's answer to what we offer it here.
pub const CARRIER_ANSWER: &str = "v=0
o=pbx 2 1 IN IP4 10.1.0.9
s=-
c=IN IP4 10.1.0.9
t=0 0
m=audio 6000 RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
";

pub fn settings(security: Security, codecs: &[&str]) -> MediaSettings {
    MediaSettings {
        security,
        codecs: codecs.iter().map(|name| (*name).to_owned()).collect(),
        suites: vec![SrtpSuite::AesCm128HmacSha1_80],
        srtp_lifetime: true,
        srtp: SrtpKeying::default(),
        learn: false,
        sources: Vec::new(),
        ice: Ice::Off,
        silence: Default::default(),
        sound: Default::default(),
    }
}

pub fn leg_of(settings: MediaSettings, address: [u8; 4], rtp_port: u16, seed: u64) -> LegMedia {
    let rules = AddressRules { allow: vec!["10.0.0.0/8".parse().unwrap()], own: Vec::new() };
    let lease = PortLease { network: NetworkId(0), worker: WorkerId(0), rtp_port };
    LegMedia::new(Arc::new(settings), Arc::new(rules), IpAddr::from(address), lease, &mut SeededEntropy::new(seed))
}

/// The leg towards the platform: SRTP, everything passes.
pub fn platform() -> LegMedia {
    leg_of(settings(Security::Srtp, &[]), [203, 0, 113, 10], 30000, 1)
}

/// The leg towards the carrier: plain RTP, G.711 only.
pub fn carrier() -> LegMedia {
    leg_of(settings(Security::Rtp, &["PCMA", "PCMU"]), [10, 1, 0, 4], 20000, 2)
}

/// A platform call to the carrier, answered: both legs settled.
pub fn bridged() -> (LegMedia, LegMedia) {
    let (mut a, mut b) = (platform(), carrier());
    let offer = a.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    (a, b)
}

pub fn offer_text(leg: &mut LegMedia, plan: &AudioPlan) -> String {
    text(&leg.write_offer(plan).unwrap())
}

pub fn text(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

/// The lines that begin with `start`, without it.
pub fn lines(text: &str, start: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix(start)).map(str::to_owned).collect()
}

pub fn line(text: &str, start: &str) -> String {
    lines(text, start).first().unwrap_or_else(|| panic!("no {start} in {text}")).clone()
}

pub fn version(text: &str) -> u64 {
    line(text, "o=- ").split(' ').nth(1).unwrap().parse().unwrap()
}

/// Where a payload type goes; `None`: not carried.
pub fn carried(plan: &EndpointPlan, payload: u8) -> Option<u8> {
    Some(plan.payloads.0[usize::from(payload)]).filter(|to| *to != 255)
}
