//! How digits cross between legs whose trunks take them differently, and what each description says of events.

use trunkline::call::negotiate::LegMedia;
use trunkline::media::plan::{DigitsTo, EndpointPlan, HearDigits, SpeakDigits};
use trunkline::route::media::{MediaSettings, Security, SoundSettings, TrunkDtmf};

use crate::stage::{CARRIER_ANSWER, TEAMS_OFFER, carried, leg_of, line, platform, settings, text};

fn leg(security: Security, codecs: &[&str], dtmf: TrunkDtmf) -> LegMedia {
    let sound = SoundSettings { dtmf, ..SoundSettings::default() };
    let (address, port) = if security == Security::Srtp { ([203, 0, 113, 10], 30000) } else { ([10, 1, 0, 4], 20000) };
    leg_of(MediaSettings { sound, ..settings(security, codecs) }, address, port, 1)
}

/// Without events, as a trunk answers that takes digits otherwise.
fn bare_answer() -> String {
    CARRIER_ANSWER
        .replace("8 101", "8")
        .replace("a=rtpmap:101 telephone-event/8000\n", "")
        .replace("a=fmtp:101 0-15\n", "")
}

/// Plans of a platform and a carrier leg, and the answer the platform got.
fn plans(platform: TrunkDtmf, carrier: TrunkDtmf, answer: &str) -> (EndpointPlan, EndpointPlan, String) {
    let mut a = leg(Security::Srtp, &[], platform);
    let mut b = leg(Security::Rtp, &["PCMA", "PCMU"], carrier);
    let offer = a.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    let written = text(&b.write_offer(&offer.plan).unwrap());
    assert_eq!(written.contains("telephone-event"), carrier == TrunkDtmf::Rfc4733, "{written}");
    let accepted = b.read_answer(answer.as_bytes()).unwrap();
    let answered = text(&a.write_answer(&offer, &accepted).unwrap());
    (a.endpoint_plan(&b).unwrap(), b.endpoint_plan(&a).unwrap(), line(&answered, "m="))
}

const TO_PARTNER: DigitsTo = DigitsTo::Partner;
const EVENTS: SpeakDigits = SpeakDigits::Events { payload: 101, clock: 8000 };

#[test]
fn events_on_both_legs_are_carried() {
    let (a, b, answered) = plans(TrunkDtmf::Rfc4733, TrunkDtmf::Rfc4733, CARRIER_ANSWER);
    assert_eq!(answered, "audio 30000 RTP/SAVP 8 101");
    assert_eq!((a.dtmf.hear, b.dtmf.hear), (HearDigits::Carried, HearDigits::Carried));
    assert_eq!((carried(&a, 101), carried(&b, 101)), (Some(101), Some(101)));
}

#[test]
fn events_of_one_leg_are_info_of_the_other() {
    let (a, b, answered) = plans(TrunkDtmf::Rfc4733, TrunkDtmf::Info, &bare_answer());
    assert_eq!(answered, "audio 30000 RTP/SAVP 8 101");
    assert_eq!(a.dtmf.hear, HearDigits::Events { payload: 101, clock: 8000, to: DigitsTo::Core });
    assert_eq!((a.dtmf.speak, b.dtmf.speak, b.dtmf.hear), (EVENTS, SpeakDigits::Off, HearDigits::Carried));
    assert_eq!(carried(&a, 101), None);
}

#[test]
fn events_of_one_leg_are_tones_of_the_other() {
    let (a, b, answered) = plans(TrunkDtmf::Rfc4733, TrunkDtmf::Inband, &bare_answer());
    assert_eq!(answered, "audio 30000 RTP/SAVP 8 101");
    assert_eq!(a.dtmf.hear, HearDigits::Events { payload: 101, clock: 8000, to: TO_PARTNER });
    assert_eq!(b.dtmf.hear, HearDigits::Inband { a_law: Some(8), mu_law: None, to: TO_PARTNER });
    assert_eq!((a.dtmf.speak, b.dtmf.speak), (EVENTS, SpeakDigits::Inband));
}

#[test]
fn tones_on_both_legs_cross_as_they_are() {
    let (a, b, answered) = plans(TrunkDtmf::Inband, TrunkDtmf::Inband, &bare_answer());
    assert_eq!(answered, "audio 30000 RTP/SAVP 8");
    assert_eq!((a.dtmf.hear, b.dtmf.hear), (HearDigits::Carried, HearDigits::Carried));
}

#[test]
fn a_leg_that_did_not_take_events_has_its_tones_left_alone() {
    let (a, b, answered) = plans(TrunkDtmf::Rfc4733, TrunkDtmf::Rfc4733, &bare_answer());
    assert_eq!(answered, "audio 30000 RTP/SAVP 8");
    assert_eq!((a.dtmf.hear, b.dtmf.hear), (HearDigits::Carried, HearDigits::Carried));
}

#[test]
fn comfort_noise_has_its_number_on_each_leg() {
    let answer = CARRIER_ANSWER.replace("8 101", "8 101 13");
    let (a, b, _) = plans(TrunkDtmf::Rfc4733, TrunkDtmf::Rfc4733, &answer);
    assert_eq!((carried(&a, 13), carried(&b, 13)), (Some(13), Some(13)));
}

#[test]
fn comfort_noise_under_another_number_is_mapped() {
    let mut b = leg(Security::Rtp, &["PCMA"], TrunkDtmf::Rfc4733);
    let mut a = platform();
    let old = TEAMS_OFFER.replace(" 13", " 19").replace("a=rtpmap:13 CN", "a=rtpmap:19 CN");
    let offer = a.read_offer(old.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let accepted = b.read_answer(CARRIER_ANSWER.replace("8 101", "8 101 13").as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    assert_eq!(carried(&a.endpoint_plan(&b).unwrap(), 19), Some(13));
    assert_eq!(carried(&b.endpoint_plan(&a).unwrap(), 13), Some(19));
}

#[test]
fn a_lone_leg_speaks_and_carries_nothing() {
    let mut a = leg(Security::Srtp, &[], TrunkDtmf::Rfc4733);
    assert!(a.lone_endpoint_plan().is_none());
    let offer = a.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    a.write_answer(&offer, &offer.plan).unwrap();
    let plan = a.lone_endpoint_plan().unwrap();
    assert!(plan.sound.voice.is_some() && plan.flowing.send);
    assert!((0..128).all(|payload| carried(&plan, payload).is_none()));
}
