//! INFO that is no digit, MESSAGE, NOTIFY and unknown methods inside a call: the other party answers, body and answer cross
//! octet for octet; each trunk's `methods` says otherwise where it must.

use trunkline::base::limits::{PASSED_BODY_OCTETS, PASSED_REQUESTS};
use trunkline::call::Cause;
use trunkline::route::methods::{Rule, Sends};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::digest::{REALM, assert_proven, auth, challenge};
use crate::world::text::{Dialog, Text, with_header};

/// A request whose body is no description, with more header lines.
fn asks(dialog: &mut Dialog, method: &str, kind: &str, body: &str, lines: &[&str]) -> String {
    let request = dialog.request(method, body).replace("application/sdp", kind);
    lines.iter().fold(request, |request, line| with_header(&request, line))
}

fn answers(request: &Text, status: u16, kind: &str, body: &str) -> String {
    request.respond(status, CarrierA, body).replace("application/sdp", kind)
}

#[test]
fn body_type_and_answer_cross_octet_for_octet() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let rows: [(&str, &str, &str, &[&str]); 3] = [
        ("INFO", "application/x-q.931;version=1", "\u{1}\u{7f}\r\n\r\n\u{0}end", &["Info-Package: x-nothing"]),
        ("MESSAGE", "text/plain;charset=UTF-8", "Gr\u{fc}\u{df}e\n", &["Content-Language: de"]),
        ("NOTIFY", "application/xml", "<a/>", &["Event: dialog;id=7", "Subscription-State: active;expires=60"]),
    ];
    for (method, kind, body, lines) in rows {
        world.send(Platform, asks(&mut talk.caller, method, kind, body, lines));
        let crossed = world.expect(CarrierA, method);
        assert_eq!((crossed.header("Content-Type").as_str(), crossed.body()), (kind, body));
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a header line");
            assert_eq!(crossed.header(name), value);
        }
        world.send(CarrierA, answers(&crossed, 200, "text/x-answer", "yes"));
        let answer = world.expect(Platform, "SIP/2.0 200");
        assert_eq!((answer.header("Content-Type").as_str(), answer.body()), ("text/x-answer", "yes"));
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_refusal_crosses_but_for_what_speaks_of_us() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    for (said, told) in [(415, 415), (603, 603), (503, 500), (401, 403), (408, 504)] {
        world.send(Platform, asks(&mut talk.caller, "MESSAGE", "text/plain", "x", &[]));
        let crossed = world.expect(CarrierA, "MESSAGE");
        world.send(CarrierA, answers(&crossed, said, "", ""));
        assert_eq!(world.refusal(Platform).status(), Some(told), "{said}");
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_481_ends_the_call() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, asks(&mut talk.caller, "INFO", "text/plain", "x", &[]));
    let crossed = world.expect(CarrierA, "INFO");
    world.send(CarrierA, answers(&crossed, 481, "", ""));
    assert_eq!(world.refusal(Platform).status(), Some(481));
    world.hears_bye(Platform);
    world.hears_bye(CarrierA);
    assert_eq!(world.finish()[0].cause, Cause::DialogLost);
}

#[test]
fn nothing_crosses_that_the_other_party_does_not_take() {
    let mut world = World::new();
    let (mut talk, _) = world.talk_saying(Platform, CarrierA, &[], &["Allow: INVITE, ACK, BYE, CANCEL, MESSAGE"]);
    world.send(Platform, asks(&mut talk.caller, "INFO", "text/plain", "x", &[]));
    assert_eq!(world.refusal(Platform).status(), Some(405));
    world.send(Platform, asks(&mut talk.caller, "MESSAGE", "text/plain", "x", &[]));
    let crossed = world.expect(CarrierA, "MESSAGE");
    world.send(CarrierA, answers(&crossed, 202, "", ""));
    world.expect(Platform, "SIP/2.0 202");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn nothing_crosses_to_a_trunk_that_must_not_be_sent_it() {
    // MD-72.
    let mut world = World::configured(|settings| settings.trunks[0].behaviour.methods.sends = Sends::only(&["NOTIFY"]));
    let mut talk = world.talk(Platform, CarrierA);
    for method in ["INFO", "MESSAGE"] {
        world.send(Platform, asks(&mut talk.caller, method, "text/plain", "x", &[]));
        assert_eq!(world.refusal(Platform).status(), Some(405), "{method}");
    }
    assert!(world.is_quiet(CarrierA));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_trunk_may_have_them_answered_or_refused_and_unknown_ones_cross() {
    let mut world = World::configured(|settings| {
        for trunk in &mut settings.trunks {
            let methods = &mut trunk.behaviour.methods;
            (methods.info, methods.message, methods.unknown) = (Rule::Answer, Rule::Refuse, Rule::Cross);
            methods.options = Rule::Cross;
            methods.sends = Sends::only(&["unknown"]);
        }
    });
    let mut talk = world.talk(Platform, CarrierA);
    for (method, status) in [("INFO", 200), ("MESSAGE", 405)] {
        world.send(Platform, asks(&mut talk.caller, method, "text/plain", "x", &[]));
        assert_eq!(world.refusal(Platform).status(), Some(status), "{method}");
    }
    for method in ["FROBNICATE", "OPTIONS"] {
        let request = talk.caller.request(method, "");
        world.send(Platform, request);
        let crossed = world.expect(CarrierA, method);
        world.send(CarrierA, crossed.respond(200, CarrierA, ""));
        world.expect(Platform, "SIP/2.0 200");
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn their_number_and_size_are_bounded() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let large = "x".repeat(PASSED_BODY_OCTETS + 1);
    world.send(Platform, asks(&mut talk.caller, "MESSAGE", "text/plain", &large, &[]));
    assert_eq!(world.refusal(Platform).status(), Some(413));
    for _ in 0..PASSED_REQUESTS {
        world.send(Platform, asks(&mut talk.caller, "MESSAGE", "text/plain", "x", &[]));
    }
    let open: Vec<Text> = (0..PASSED_REQUESTS).map(|_| world.expect(CarrierA, "MESSAGE")).collect();
    world.send(Platform, asks(&mut talk.caller, "MESSAGE", "text/plain", "x", &[]));
    assert!(!world.expect(Platform, "SIP/2.0 500").header("Retry-After").is_empty());
    world.send(CarrierA, open[3].respond(200, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 200");
    // Who waits at the end is answered.
    world.silence(CarrierA);
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    for _ in 1..PASSED_REQUESTS {
        world.expect(Platform, "SIP/2.0 487");
    }
    world.finish();
}

#[test]
fn a_challenge_is_answered_here() {
    let mut world = World::configured(|settings| settings.trunks[0].auth = auth(None));
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, asks(&mut talk.caller, "MESSAGE", "text/plain", "hello", &[]));
    let first = world.expect(CarrierA, "MESSAGE");
    world.send(CarrierA, challenge(&first, 401, CarrierA, REALM, "n"));
    let second = world.expect(CarrierA, "MESSAGE");
    assert_proven(&second, "Authorization", "n");
    assert_eq!(second.body(), "hello");
    world.send(CarrierA, second.respond(200, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 200");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn one_that_is_not_answered_is_504_while_its_sender_still_listens() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, asks(&mut talk.caller, "MESSAGE", "text/plain", "x", &[]));
    world.expect(CarrierA, "MESSAGE");
    world.expect(Platform, "SIP/2.0 504");
    world.pass(std::time::Duration::from_secs(20));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}
