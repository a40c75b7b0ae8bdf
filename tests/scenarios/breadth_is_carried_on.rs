//! RFC 5393 5.3 and RFC 7332: Max-Breadth goes along undivided, as one attempt follows the other; 0 is 440.

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{invite, sdp, with_header};

fn call(breadth: &str) -> String {
    with_header(&invite(Platform, "+49309123", &sdp(Platform, "sendrecv")), breadth)
}

#[test]
fn every_attempt_may_be_spread_as_far_as_the_call_itself() {
    let mut world = World::new();
    world.send(Platform, call("Max-Breadth: 7"));
    for (carrier, status) in [(CarrierA, 503), (CarrierB, 486)] {
        let offered = world.expect(carrier, "INVITE");
        assert_eq!(offered.header("Max-Breadth"), "7");
        world.send(carrier, offered.respond(status, carrier, ""));
        world.expect(carrier, "ACK");
    }
    assert_eq!(world.refusal(Platform).status(), Some(486));
    world.finish();
}

/// Nothing is made up where nothing was said.
#[test]
fn nobody_is_allowed_more_than_we_allow() {
    for (theirs, ours) in [("Max-Breadth: 99999999999999999999", "60"), ("X-None: 1", "")] {
        let mut world = World::new();
        world.send(Platform, call(theirs));
        let offered = world.expect(CarrierA, "INVITE");
        assert_eq!(offered.header("Max-Breadth"), ours);
        world.send(CarrierA, offered.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        world.refusal(Platform);
        world.finish();
    }
}

#[test]
fn a_call_that_may_be_spread_over_nothing_goes_nowhere() {
    for (said, status) in [("Max-Breadth: 0", 440), ("Max-Breadth: -1", 400), ("Max-Breadth: 2\r\nMax-Breadth: 9", 400)]
    {
        let mut world = World::new();
        world.send(Platform, call(said));
        assert_eq!(world.refusal(Platform).status(), Some(status), "{said}");
        assert_eq!(world.finish()[0].attempts, 0);
    }
}

#[test]
fn a_transfer_is_spread_no_further_than_its_refer() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let fields = "Max-Breadth: 3\r\nRefer-To: <sip:+4931555@sbc.example.com>";
    world.send(Platform, with_header(&talk.caller.request("REFER", ""), fields));
    world.expect(Platform, "SIP/2.0 202");
    world.is_told(Platform, "SIP/2.0 100 Trying");
    let offered = world.expect(CarrierB, "INVITE");
    assert_eq!(offered.header("Max-Breadth"), "3");
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.caller_hangs_up(&mut talk);
    world.finish();
}
