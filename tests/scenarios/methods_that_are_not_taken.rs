//! RFC 3261 8.2.1: out of a dialog an unknown method gets 501, a known one 405 with Allow, one that needs a dialog 481;
//! in a dialog the unknown and the refused get the same, and the call goes on.

use trunkline::call::Cause;
use trunkline::route::methods::Rule;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, request, sdp_with};

#[test]
fn out_of_a_dialog() {
    let mut world = World::new();
    for (method, status) in [
        ("FROBNICATE", 501),
        ("REGISTER", 405),
        ("SUBSCRIBE", 405),
        ("MESSAGE", 405),
        ("PUBLISH", 405),
        ("REFER", 405),
        // Taken in a dialog alone, and there is none (RFC 6665 4.1.3, RFC 6086 4.2.2, RFC 3311 5.2, RFC 3262 3).
        ("NOTIFY", 481),
        ("INFO", 481),
        ("UPDATE", 481),
        ("PRACK", 481),
    ] {
        world.send(CarrierA, request(CarrierA, method, "sip:sbc.example.com", ""));
        let answer = world.refusal(CarrierA);
        assert_eq!(answer.status(), Some(status), "{method}");
        assert_eq!(answer.header("Allow").contains("INVITE"), status == 405, "{}", answer.as_str());
    }
    world.finish();
}

#[test]
fn in_a_dialog() {
    let mut world = World::configured(|settings| {
        for trunk in &mut settings.trunks {
            let methods = &mut trunk.behaviour.methods;
            (methods.info, methods.message, methods.notify) = (Rule::Refuse, Rule::Refuse, Rule::Refuse);
        }
    });
    let mut talk = world.talk(Platform, CarrierA);
    for (method, status) in [
        ("INFO", 405),
        // MD-152: answered here, never echoed.
        ("REFER", 603),
        ("NOTIFY", 405),
        ("MESSAGE", 405),
        ("SUBSCRIBE", 405),
        ("FROBNICATE", 501),
    ] {
        for of_caller in [true, false] {
            let (at, asked) = if of_caller {
                (Platform, talk.caller.request(method, ""))
            } else {
                (CarrierA, talk.callee.request(method, ""))
            };
            world.send(at, asked);
            let answer = world.refusal(at);
            assert_eq!(answer.status(), Some(status), "{method}");
            assert!(!answer.header("Allow").is_empty());
        }
    }
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}

#[test]
fn before_the_answer() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    let ringing = world.expect(Platform, "SIP/2.0 180");
    let mut early = Dialog::of_caller(Platform, &ringing);
    for (method, status) in [("OPTIONS", 200), ("UPDATE", 200), ("MESSAGE", 405), ("FROBNICATE", 501)] {
        world.send(Platform, early.request(method, ""));
        assert_eq!(world.refusal(Platform).status(), Some(status), "{method}");
    }
    world.send(Platform, early.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2)));
    let answer = world.refusal(Platform);
    assert_eq!(answer.status(), Some(500), "RFC 3261 14.2");
    assert!(!answer.header("Retry-After").is_empty());
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack_of(1, ""));
    talk.caller.cseq = 20;
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn before_the_answer_each_party_is_told_what_its_own_trunk_says() {
    let mut world = World::configured(|settings| {
        let carrier = settings.trunks.iter_mut().find(|trunk| trunk.name == "carrier-a").expect("this trunk");
        let methods = &mut carrier.behaviour.methods;
        (methods.message, methods.unknown) = (Rule::Answer, Rule::Answer);
    });
    let (offered, _) = world.dial(Platform, CarrierA);
    let ringing = offered.respond(180, CarrierA, "");
    let mut callee = Dialog::of_callee(CarrierA, &offered, &ringing);
    world.send(CarrierA, ringing);
    let mut caller = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 180"));
    for (method, refused) in [("MESSAGE", 405), ("FROBNICATE", 501)] {
        world.send(CarrierA, callee.request(method, ""));
        assert_eq!(world.refusal(CarrierA).status(), Some(200), "{method}");
        world.send(Platform, caller.request(method, ""));
        assert_eq!(world.refusal(Platform).status(), Some(refused), "{method}");
    }
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}
