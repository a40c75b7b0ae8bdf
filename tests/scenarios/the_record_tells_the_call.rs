//! One record per call: who, to whom, by which route, when it rang, was answered and ended, and why.

use std::time::Duration;

use trunkline::call::record::LegMediaCounts;
use trunkline::media::plan::EndpointCounts;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::sdp;

#[test]
fn of_an_answered_call() {
    let mut world = World::new();
    let (offered, sent) = world.ring(Platform, CarrierA);
    world.pass(Duration::from_secs(5));
    let callee_id = offered.header("Call-ID");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(60));
    world.callee_hangs_up(&mut talk);
    let record = world.finish().remove(0);
    assert_eq!(
        (&*record.from, record.to.as_deref(), record.route.as_deref()),
        ("platform", Some("carrier-a"), Some("routes[1]"))
    );
    assert_eq!((record.calling.as_str(), record.called.as_str()), ("+493099887766", number_of(CarrierA)));
    assert_eq!((record.caller_call_id, record.callee_call_id), (sent.header("Call-ID"), Some(callee_id)));
    let (rang, answered) = (record.rang.expect("it rang").0, record.answered.expect("it was answered").0);
    assert!(record.started.0 < rang && rang + 5000 <= answered && answered + 60_000 <= record.ended.0);
}

/// Issue 4 item 5: what the relay measured of each leg stands in the record.
#[test]
fn with_the_media_of_both_legs() {
    let mut world = World::new();
    world.relay.counts = EndpointCounts {
        received: 1500,
        received_octets: 240_000,
        sent: 1498,
        lost: 12,
        jitter_us: 2100,
        dropped: 3,
        unauthenticated: 2,
        lost_there: 4,
        round_trip_us: 31_000,
        silence_ms: 640,
        silences: 1,
        mos: 431,
        ..EndpointCounts::default()
    };
    let mut talk = world.talk(Platform, CarrierA);
    world.callee_hangs_up(&mut talk);
    let record = world.finish().remove(0);
    let expected = LegMediaCounts {
        received: 1500,
        sent: 1498,
        lost: 12,
        jitter_us: 2100,
        dropped: 3,
        unauthenticated: 2,
        lost_there: 4,
        round_trip_us: 31_000,
        silence_ms: 640,
        silences: 1,
        mos: 431,
    };
    assert_eq!((record.caller_media, record.callee_media), (expected, expected));
}

/// What was announced before an answer that never came was heard by the caller, and counted.
#[test]
fn with_the_media_of_a_call_that_nobody_answers() {
    for is_cancelled in [true, false] {
        let mut world = World::new();
        world.relay.counts = EndpointCounts { received: 300, sent: 250, ..EndpointCounts::default() };
        let (offered, sent) = world.dial(Platform, CarrierA);
        world.send(CarrierA, offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")));
        world.expect(Platform, "SIP/2.0 183");
        if is_cancelled {
            world.send(Platform, sent.cancel());
            world.expect(Platform, "SIP/2.0 200");
            world.hears_cancel(CarrierA, &offered);
        } else {
            world.send(CarrierA, offered.respond(480, CarrierA, ""));
            world.expect(CarrierA, "ACK");
        }
        world.refusal(Platform);
        let record = world.finish().remove(0);
        for media in [record.caller_media, record.callee_media] {
            assert_eq!((media.received, media.sent), (300, 250), "cancelled: {is_cancelled}");
        }
    }
}
