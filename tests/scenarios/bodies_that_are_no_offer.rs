//! A body of another type is 415, one that is no description 400, an Accept without SDP 406.

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
        (with_header(&invite(Platform, number_of(CarrierA), &good), "Content-Encoding: gzip"), 415),
    ];
    for (call, status) in cases {
        let mut world = World::new();
        world.send(Platform, call);
        assert_eq!(world.refusal(Platform).status(), Some(status));
        assert!(world.heard(CarrierA).is_empty());
        world.finish();
    }
}
