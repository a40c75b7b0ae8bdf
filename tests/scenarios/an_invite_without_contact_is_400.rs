//! RFC 3261 8.1.1.8: without one Contact there is no dialog.

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

#[test]
fn missing_or_of_another_scheme() {
    for contact in ["", "Contact: <tel:+4930>\r\n", "Contact: <sip:a@192.0.2.50>, <sip:b@192.0.2.50>\r\n"] {
        let mut world = World::new();
        let call = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
        world.send(Platform, call.replace("Contact: <sip:ua@192.0.2.50:5061>\r\n", contact));
        assert_eq!(world.refusal(Platform).status(), Some(400), "{contact}");
        assert!(world.finish().iter().all(|record| record.cause == Cause::Malformed));
    }
}

#[test]
fn an_answer_with_an_unreadable_contact_is_ended() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    world.send(CarrierA, answer.replace("Contact: <sip:ua@198.51.100.7:5060>", "Contact: <tel:+4930>"));
    world.expect(CarrierA, "ACK");
    world.hears_bye(CarrierA);
    assert_eq!(world.refusal(Platform).status(), Some(500));
    assert_eq!(world.finish()[0].cause, Cause::BadAnswer);
}
