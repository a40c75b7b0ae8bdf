//! The plan of two legs: an offer and an answer of the peers, each judged; what we write holds what the standard asks.

use std::net::IpAddr;
use std::sync::Arc;

use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::{NetworkId, WorkerId};
use trunkline::base::limits;
use trunkline::call::negotiate::LegMedia;
use trunkline::media::plan::{AddressRules, PortLease};
use trunkline::route::media::{Ice, Security};
use trunkline::route::profile::Behaviour;
use trunkline::sdp::SessionDescription;

/// An input is the two legs' ways, an offer, this line, and an answer.
const BETWEEN: &[u8] = b"\n---\n";

pub fn run(octets: &[u8]) {
    let Some((ways, octets)) = octets.split_first() else { return };
    let at = octets.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    let (offer, answer) = at.map_or((octets, octets), |at| (&octets[..at], &octets[at + BETWEEN.len()..]));
    let mut a = leg(*ways, [203, 0, 113, 10], 1);
    let mut b = leg(*ways >> 3, [203, 0, 113, 11], 2);
    let Ok(read) = a.read_offer(offer) else { return };
    let Ok(ours) = b.write_offer(&read.plan) else { return };
    sound(&ours, "203.0.113.11");
    if let Ok(accepted) = b.read_answer(answer)
        && let Ok(back) = a.write_answer(&read, &accepted)
    {
        sound(&back, "203.0.113.10");
        answers(offer, &back);
        assert!(a.repeat().is_some_and(|again| again == back), "the same is said again");
        // RFC 3264 8: the same offer once more changes nothing.
        if let Ok(again) = a.read_offer(offer) {
            assert!(a.is_refresh(&again));
        }
    }
    // The other way round: our offer against the peer's text as its answer.
    let _ = leg(*ways, [203, 0, 113, 10], 3).read_offer(answer);
}

fn leg(ways: u8, address: [u8; 4], seed: u64) -> LegMedia {
    let mut settings = Behaviour::default().media;
    settings.security = [Security::Srtp, Security::Rtp, Security::Optional][usize::from(ways & 3) % 3];
    settings.ice = if ways & 4 == 0 { Ice::Off } else { Ice::Lite };
    let ranges = ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"];
    let rules = AddressRules {
        allow: ranges.iter().map(|range| range.parse().expect("a range")).collect(),
        own: vec![(IpAddr::from(address), 1, 65535)],
    };
    let lease = PortLease { network: NetworkId(0), worker: WorkerId(0), rtp_port: 30000 };
    LegMedia::new(Arc::new(settings), Arc::new(rules), IpAddr::from(address), lease, &mut SeededEntropy::new(seed))
}

/// What we write we read; it names our own address and no other, and fits the limits.
fn sound(ours: &[u8], own: &str) {
    assert!(ours.len() <= limits::SDP_OCTETS);
    let text = std::str::from_utf8(ours).expect("our descriptions are text");
    let read = SessionDescription::parse(ours).expect("what we write we read");
    assert!(text.split_inclusive('\n').all(|line| line.ends_with("\r\n")), "CRLF only");
    for media in read.media.iter().filter(|media| media.port != 0) {
        let address = read.address_of(media).expect("an address");
        assert_eq!(address.to_string(), own);
        assert!(!media.formats.is_empty(), "a line that is on has a format");
    }
}

/// RFC 3264 6: as many media lines as the offer, of the same kinds.
fn answers(offer: &[u8], answer: &[u8]) {
    let offer = SessionDescription::parse(offer).expect("it was read before");
    let answer = SessionDescription::parse(answer).expect("it was read before");
    let kinds = |read: &SessionDescription<'_>| -> Vec<String> {
        read.media.iter().map(|media| format!("{} {}", media.kind, media.protocol)).collect()
    };
    assert_eq!(kinds(&answer), kinds(&offer));
}
