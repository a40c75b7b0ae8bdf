//! RFC 3665 3.8: CANCEL after 180.

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::with_header;

#[test]
fn the_called_party_stops_ringing() {
    let mut world = World::new();
    let (offered, sent) = world.ring(CarrierA, Platform);
    world.send(CarrierA, sent.cancel());
    world.expect(CarrierA, "SIP/2.0 200");
    world.expect(CarrierA, "SIP/2.0 487");
    let cancel = world.hears_cancel(Platform, &offered);
    assert!(cancel.header("Reason").contains("cause=16"), "{}", cancel.as_str());
    let records = world.finish();
    assert!(records[0].rang.is_some() && records[0].answered.is_none());
}

/// RFC 3261 9.2: the To tags of the answers to CANCEL and INVITE are one.
#[test]
fn its_answer_is_of_the_same_dialog() {
    let mut world = World::new();
    let (offered, sent) = world.ring(CarrierA, Platform);
    world.send(CarrierA, sent.cancel());
    let confirmed = world.expect(CarrierA, "SIP/2.0 200");
    let refused = world.expect(CarrierA, "SIP/2.0 487");
    assert!(confirmed.tag("To").is_some() && confirmed.tag("To") == refused.tag("To"));
    world.hears_cancel(Platform, &offered);
    world.finish();
}

/// RFC 3326 2: who stops ringing because another one took the call there shows no missed call. Other reasons are ours.
#[test]
fn why_is_told_where_another_one_took_the_call() {
    let elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"";
    for (said, told, cause) in [
        ("SIP;cause=200;text=\"Taken, at desk 4711\"", elsewhere, Cause::AnsweredElsewhere),
        ("Q.850;cause=26, sip ;cause=\"200\"", elsewhere, Cause::AnsweredElsewhere),
        (
            "SIP;cause=600;text=\"Busy Everywhere\"",
            "Q.850;cause=16;text=\"The caller gave up\"",
            Cause::CallerCancelled,
        ),
        ("SIP;cause", "Q.850;cause=16;text=\"The caller gave up\"", Cause::CallerCancelled),
    ] {
        let mut world = World::new();
        let (offered, sent) = world.ring(CarrierA, Platform);
        world.send(CarrierA, with_header(&sent.cancel(), &format!("Reason: {said}")));
        assert_eq!(world.hears_cancel(Platform, &offered).headers("Reason"), [told], "{said}");
        world.expect(CarrierA, "SIP/2.0 200");
        world.expect(CarrierA, "SIP/2.0 487");
        assert_eq!(world.finish()[0].cause, cause, "{said}");
    }
}
