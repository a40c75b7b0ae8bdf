//! A body of another type is 415, one that is no description 400, an Accept without SDP 406, however each is written.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp, with_header};

#[test]
fn are_refused() {
    let good = sdp(Platform, "sendrecv");
    let cases = [
        (invite(Platform, number_of(CarrierA), &good).replace("application/sdp", "text/plain"), 415),
        (invite(Platform, number_of(CarrierA), "this is no description"), 400),
        (with_header(&invite(Platform, number_of(CarrierA), &good), "Accept: text/plain"), 406),
        (with_header(&invite(Platform, number_of(CarrierA), &good), "Accept: application/sdp;q=0, */*"), 406),
        (with_header(&invite(Platform, number_of(CarrierA), &good), "Accept: application/*;q=0.000"), 406),
        (with_header(&invite(Platform, number_of(CarrierA), &good), "Accept: "), 406),
        (with_header(&invite(Platform, number_of(CarrierA), &good), "Accept: ,"), 406),
        (
            with_header(
                &invite(Platform, number_of(CarrierA), &good),
                "Content-Disposition: session\r\nContent-Disposition: render;handling=optional",
            ),
            400,
        ),
        (with_header(&invite(Platform, number_of(CarrierA), &good), "Content-Encoding: gzip"), 415),
        (
            invite(Platform, number_of(CarrierA), &good)
                .replace("application/sdp", "multipart/mixed;boundary=b;boundary=c"),
            400,
        ),
    ];
    for (call, status) in cases {
        let mut world = World::new();
        world.send(Platform, call);
        assert_eq!(world.refusal(Platform).status(), Some(status));
        assert!(world.heard(CarrierA).is_empty());
        world.finish();
    }
}

/// RFC 3261 25.1: blanks stand around a slash; 20.1: the closest range counts.
#[test]
fn what_is_an_offer_all_the_same_is_taken() {
    let good = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    let cases = [
        good.replace("application/sdp", "Application / SDP ; x=y"),
        with_header(&good, "Accept: */*;q=0, application/sdp"),
        with_header(&good, "Accept: application/sdp;;, text/plain"),
        with_header(&good, "Accept: */*;q=0.001"),
    ];
    for call in cases {
        let mut world = World::new();
        world.send(Platform, call);
        let offered = world.expect(CarrierA, "INVITE");
        world.send(CarrierA, offered.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        world.refusal(Platform);
        world.finish();
    }
}

/// RFC 3261 8.2.3, 20.11: what may be left out is left out; then there is no offer, and ours goes to the caller.
#[test]
fn what_may_be_left_out_is_no_offer_and_no_fault() {
    let call = invite(Platform, number_of(CarrierA), "an unheard-of body").replace("application/sdp", "x-a/x-b");
    let mut world = World::new();
    world.send(Platform, with_header(&call, "Content-Disposition: render;handling=optional"));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(!offered.as_str().contains("unheard-of"), "{}", offered.as_str());
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}
