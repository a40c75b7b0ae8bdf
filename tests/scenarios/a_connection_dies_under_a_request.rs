//! RFC 3261 8.1.3.1 and 18.4, RFC 5923: the connection of a request inside a call dies before its answer. It goes again, once,
//! over a new connection, under the same branch; then to the other addresses of its next hop (RFC 3263 4.3). The call lives.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline::call::Cause;
use trunkline::sip::flow::TransmitFailure;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{Dialog, sdp, sdp_with};

/// What may pass before it goes again: less than any timer.
const AT_ONCE: Duration = Duration::from_millis(100);

#[test]
fn a_bye() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.send(CarrierA, talk.callee.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    let bye = world.expect(Platform, "BYE");
    world.cut(Platform);
    world.agent(Platform).sees_repetitions();
    let before = world.clock();
    world.loses(&bye, TransmitFailure::FlowGone);
    let again = world.expect(Platform, "BYE");
    assert!(world.clock() - before < AT_ONCE);
    assert_eq!(again.as_str(), bye.as_str(), "the same request: whoever has it answers as before");
    world.send(Platform, again.respond(200, Platform, ""));
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}

#[test]
fn a_reinvite_that_crosses() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    let hold = talk.caller.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, hold);
    let crossed = world.expect(Platform, "INVITE");
    world.send(Platform, crossed.respond(100, Platform, ""));
    world.pass(Duration::from_secs(1));
    world.cut(Platform);
    world.agent(Platform).sees_repetitions();
    world.loses(&crossed, TransmitFailure::FlowGone);
    let again = world.expect(Platform, "INVITE");
    assert_eq!(again.branch(), crossed.branch());
    world.reinvite_answered(&talk.caller, &again, (Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn an_info_that_crosses() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    world.send(CarrierA, talk.caller.request("INFO", "x").replace("application/sdp", "text/plain"));
    let crossed = world.expect(Platform, "INFO");
    world.cut(Platform);
    world.agent(Platform).sees_repetitions();
    world.loses(&crossed, TransmitFailure::FlowGone);
    let again = world.expect(Platform, "INFO");
    world.send(Platform, again.respond(200, Platform, ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn twice_is_enough() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    world.send(CarrierA, talk.caller.request("INFO", "x").replace("application/sdp", "text/plain"));
    let crossed = world.expect(Platform, "INFO");
    world.agent(Platform).sees_repetitions();
    world.loses(&crossed, TransmitFailure::FlowGone);
    world.expect(Platform, "INFO");
    world.loses(&crossed, TransmitFailure::FlowGone);
    assert_eq!(world.refusal(CarrierA).status(), Some(504));
    assert!(world.is_quiet(Platform));
    world.agent(Platform).forget();
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// A next hop with two addresses, the first of which takes no connection any more.
#[test]
fn the_next_address_takes_it() {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let mut world = World::configured(|settings| {
        settings.trunks[0].contacts = vec!["198.51.100.0/24".parse().expect("a range")];
    });
    world.names.insert("gw.carrier.example".into(), vec![address("198.51.100.70:5060"), address("198.51.100.8:5060")]);
    let offered = world.dial(Platform, CarrierA).0;
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    world.send(CarrierA, answer.replace("<sip:ua@198.51.100.7:5060>", "<sip:ua@gw.carrier.example>"));
    let mut caller = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 200"));
    world.send(Platform, caller.ack(""));
    world.agent(CarrierA).forget();
    world.leaves(Platform, &mut caller);
    world.hears_bye(CarrierB);
    world.finish();
}
