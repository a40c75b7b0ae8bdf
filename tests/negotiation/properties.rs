//! What holds for every input.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use trunkline::call::negotiate::AudioPlan;
use trunkline::route::media::Security;
use trunkline::sdp::SessionDescription;

use crate::stage::{CARRIER_OFFER, TEAMS_ANSWER, TEAMS_OFFER, carrier, leg_of, lines, platform, settings, text};

/// The files of the hostile set that are small enough to be mutated, and good ones.
fn seeds() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpora/sdp-hostile");
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let good = [TEAMS_OFFER, TEAMS_ANSWER, CARRIER_OFFER].map(|text| text.as_bytes().to_vec());
    files.filter(|octets| octets.len() < 10_000).chain(good).collect()
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4u8);
    (prop::sample::select(seeds()), prop::collection::vec(change, 0..12)).prop_map(|(mut octets, changes)| {
        for (place, octet, kind) in changes {
            if octets.is_empty() {
                break;
            }
            let at = place.index(octets.len());
            match kind {
                0 => octets[at] = octet,
                1 => octets.insert(at, octet),
                2 => drop(octets.remove(at)),
                _ => octets.extend_from_within(at..),
            }
        }
        octets
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_written_so_that_it_reads_the_same(octets in mutated()) {
        if let Ok(read) = SessionDescription::parse(&octets) {
            let written = read.to_octets();
            prop_assert_eq!(SessionDescription::parse(&written), Ok(read));
        }
    }

    #[test]
    fn any_octets_are_answered_with_a_description_or_a_refusal(octets in mutated()) {
        let any = leg_of(settings(Security::Optional, &[]), [10, 1, 0, 4], 20000, 5);
        for mut leg in [platform(), carrier(), any] {
            if let Ok(offer) = leg.read_offer(&octets) {
                let accepted = AudioPlan { codecs: offer.plan.codecs.clone(), ..offer.plan };
                let answer = text(&leg.write_answer(&offer, &accepted).unwrap());
                let offered = octets.windows(3).filter(|line| line == b"\nm=").count();
                prop_assert_eq!(lines(&answer, "m=").len(), offered);
                prop_assert!(SessionDescription::parse(answer.as_bytes()).is_ok());
                prop_assert!(leg.is_refresh(&leg.read_offer(&octets).unwrap()));
            }
        }
    }

    #[test]
    fn any_octets_as_an_answer_settle_or_change_nothing(octets in mutated()) {
        for (mut leg, security) in [(platform(), Security::Srtp), (carrier(), Security::Rtp)] {
            let offer = leg.write_offer(&AudioPlan::from_settings(&settings(security, &["PCMA", "PCMU"]))).unwrap();
            let settled = leg.read_answer(&octets).is_ok();
            prop_assert_eq!(leg.repeat(), Some(offer));
            prop_assert_eq!(leg.remote_plan().is_some(), settled);
        }
    }
}
