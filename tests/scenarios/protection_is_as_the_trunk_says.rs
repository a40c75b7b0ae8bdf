//! Plain RTP on a trunk that demands SRTP, SRTP where it is not taken, SAVP without a key: 488 with a Warning, and
//! nobody is rung.

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

#[test]
fn wrong_offers_are_488() {
    let plain = sdp(Platform, "sendrecv").replace("RTP/SAVP", "RTP/AVP");
    let keyless: String =
        sdp(Platform, "sendrecv").split_inclusive("\r\n").filter(|line| !line.starts_with("a=crypto")).collect();
    let secure = sdp(CarrierA, "sendrecv").replace("RTP/AVP", "RTP/SAVP");
    for (from, to, body) in [(Platform, CarrierA, plain), (Platform, CarrierA, keyless), (CarrierA, Platform, secure)] {
        let mut world = World::new();
        world.send(from, invite(from, number_of(to), &body));
        let refused = world.refusal(from);
        assert_eq!(refused.status(), Some(488));
        assert!(refused.header("Warning").starts_with("30"), "{}", refused.as_str());
        assert!(world.heard(to).is_empty());
        assert_eq!(world.finish()[0].cause, Cause::MediaRefused);
    }
}

#[test]
fn a_wrong_answer_ends_the_attempt() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    let secure = sdp(CarrierA, "sendrecv").replace("RTP/AVP", "RTP/SAVP");
    world.send(CarrierA, offered.respond(200, CarrierA, &secure));
    world.expect(CarrierA, "ACK");
    world.hears_bye(CarrierA);
    assert_eq!(world.refusal(Platform).status(), Some(488));
    assert_eq!(world.finish()[0].cause, Cause::BadAnswer);
}

#[test]
fn a_200_without_any_description_is_500() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(200, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.hears_bye(CarrierA);
    assert_eq!(world.refusal(Platform).status(), Some(500));
    world.finish();
}
