//! What the policy of a trunk lets through crosses octet for octet in answers, in BYE and in requests inside a call, as
//! it does in the INVITE (RFC 7433 6); each direction by the policy of who gets it, and nothing of what we say
//! ourselves.

use std::sync::Arc;
use std::time::Duration;

use trunkline::engine::io::Command;
use trunkline::route::policy::{Edit, HeaderName, HeaderPolicy, NamePattern, Template};
use trunkline::route::presentation::Presentation;
use trunkline::route::provisional::Reliability;
use trunkline::route::transfer::ReferPolicy;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Dialog, Text, invite, reliably, sdp, with_header};

/// Fields as applications write them; the last two are nobody's business but the sender's.
const CONTEXT: [&str; 3] = [
    "User-to-User: \"Gr\u{fc}\u{df}e, 17\";purpose=\"x\";encoding=text",
    "USER-to-user: 00FA08001a;encoding=hex;purpose=isdn-uui;content=isdn-uui",
    "X-cRm-Id: a ,b;c=\"d\"",
];
const PRIVATE: [&str; 4] =
    ["X-MS-Conversation: 1", "Organization: Inside", "Server: carrier-box/7", "P-Asserted-Identity: <sip:x@inside>"];

fn saying(message: &str, lines: &[&str]) -> String {
    lines.iter().fold(message.to_owned(), |message, line| with_header(&message, line))
}

fn with_context(message: &str) -> String {
    saying(message, &[&CONTEXT[..], &PRIVATE[..]].concat())
}

/// The context crossed, nothing else did.
fn assert_context(message: &Text) {
    for line in CONTEXT {
        assert!(message.as_str().contains(&format!("\r\n{line}\r\n")), "{line}\nin {}", message.as_str());
    }
    for line in PRIVATE {
        assert!(!message.as_str().contains(line), "{line}");
    }
}

fn assert_no_context(message: &Text) {
    for name in ["User-to-User", "X-cRm-Id"] {
        assert!(message.headers(name).is_empty(), "{}", message.as_str());
    }
}

fn policy(trunk: &str, change: impl Fn(&mut HeaderPolicy)) -> World {
    World::configured(|settings| {
        let trunk = settings.trunks.iter_mut().find(|known| known.name == trunk).expect("a trunk of this name");
        let mut presentation = Presentation::clone(&trunk.behaviour.presentation);
        change(&mut presentation.headers);
        trunk.behaviour.presentation = Arc::new(presentation);
    })
}

#[test]
fn in_ringing_and_answer() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, with_context(&offered.respond(180, CarrierA, "")));
    assert_context(&world.expect(Platform, "SIP/2.0 180"));
    let answer = with_context(&offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.send(CarrierA, answer);
    world.expect(CarrierA, "ACK");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    assert_context(&accepted);
    let mut caller = Dialog::of_caller(Platform, &accepted);
    let ack = caller.ack("");
    world.send(Platform, ack);
    world.leaves(Platform, &mut caller);
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn as_many_of_a_message_as_the_limit_lets_through() {
    let mut world = World::configured(|settings| settings.limits.passed_headers = 2);
    let offered = world.dial_with(
        Platform,
        CarrierA,
        "User-to-User: 00\r\nX-CRM-One: 1\r\nX-CRM-Two: 2",
        &sdp(Platform, "sendrecv"),
    );
    let came = [offered.header("User-to-User"), offered.header("X-CRM-One")];
    assert_eq!(came, ["00", "1"], "{}", offered.as_str());
    assert!(offered.headers("X-CRM-Two").is_empty(), "{}", offered.as_str());
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

#[test]
fn what_rings_long_is_repeated_with_them() {
    let mut world = World::new();
    let (offered, sent) = world.dial(Platform, CarrierA);
    world.send(CarrierA, with_context(&offered.respond(180, CarrierA, "")));
    assert_context(&world.expect(Platform, "SIP/2.0 180"));
    world.agent(Platform).sees_repetitions();
    world.pass(Duration::from_secs(61));
    assert_context(&world.expect(Platform, "SIP/2.0 180"));
    world.send(Platform, sent.cancel());
    world.hears_cancel(CarrierA, &offered);
    world.refusal(Platform);
    world.finish();
}

#[test]
fn in_responses_that_are_sent_reliably() {
    let mut world = World::configured(|settings| {
        settings.trunks.iter_mut().for_each(|trunk| trunk.behaviour.provisional.reliable = Reliability::Supported);
    });
    let offered = world.dial_with(Platform, CarrierA, "Supported: 100rel", &sdp(Platform, "sendrecv"));
    world.send(CarrierA, with_context(&reliably(&offered.respond(180, CarrierA, ""), 7)));
    world.hears_prack(CarrierA, "7 1 INVITE");
    let ringing = world.expect(Platform, "SIP/2.0 180");
    assert_context(&ringing);
    let mut caller = Dialog::of_caller(Platform, &ringing);
    assert_no_context(&world.pracks(Platform, &mut caller, &ringing, ""));
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

#[test]
fn in_bye_of_either_party() {
    for (from, to) in [(Platform, CarrierA), (CarrierA, Platform)] {
        let mut world = World::new();
        let mut talk = world.talk(from, to);
        world.send(from, with_context(&talk.caller.request("BYE", "")));
        assert_no_context(&world.expect(from, "SIP/2.0 200"));
        assert_context(&world.hears_bye(to));
        world.finish();
        let mut world = World::new();
        let mut talk = world.talk(from, to);
        world.send(to, with_context(&talk.callee.request("BYE", "")));
        world.expect(to, "SIP/2.0 200");
        assert_context(&world.hears_bye(from));
        world.finish();
    }
}

#[test]
fn in_a_bye_that_waits_for_the_ack() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(CarrierA, with_context(&talk.callee.request("BYE", "")));
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack(""));
    assert_context(&world.hears_bye(Platform));
    world.finish();
}

#[test]
fn in_the_refusal_that_the_caller_is_told() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, with_context(&offered.respond(486, CarrierA, "")));
    world.expect(CarrierA, "ACK");
    assert_context(&world.refusal(Platform));
    world.finish();
}

#[test]
fn of_several_refusals_only_the_best_ones() {
    for (first, second, best) in [(408, 486, "b"), (408, 408, "a")] {
        let mut world = World::new();
        let (offered, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
        world.send(CarrierA, with_header(&offered.respond(first, CarrierA, ""), "X-Which: a"));
        world.expect(CarrierA, "ACK");
        let offered = world.expect(CarrierB, "INVITE");
        world.send(CarrierB, with_header(&offered.respond(second, CarrierB, ""), "X-Which: b"));
        world.expect(CarrierB, "ACK");
        assert_eq!(world.refusal(Platform).headers("X-Which"), [best]);
        world.finish();
    }
}

#[test]
fn a_refusal_that_becomes_another_one_carries_nothing() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, with_context(&offered.respond(407, CarrierA, "")));
    world.expect(CarrierA, "ACK");
    let told = world.refusal(Platform);
    assert_eq!(told.status(), Some(403));
    assert_no_context(&told);
    world.finish();
}

#[test]
fn in_requests_inside_the_call_and_their_answers() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    for method in ["INFO", "MESSAGE", "NOTIFY"] {
        let request = talk.caller.request(method, "x").replace("application/sdp", "text/plain");
        world.send(Platform, with_context(&request));
        let crossed = world.expect(CarrierA, method);
        assert_context(&crossed);
        world.send(CarrierA, with_context(&crossed.respond(200, CarrierA, "")));
        assert_context(&world.expect(Platform, "SIP/2.0 200"));
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn in_a_transfer_that_the_other_party_executes() {
    let mut world = World::moving(|settings| {
        settings.trunks.iter_mut().for_each(|trunk| trunk.behaviour.transfer.refer = ReferPolicy::Pass);
    });
    let mut talk = world.talk(Platform, CarrierA);
    let refer = with_header(&talk.caller.request("REFER", ""), "Refer-To: <sip:+49555@directory.example>");
    world.send(Platform, with_context(&refer));
    let crossed = world.expect(CarrierA, "REFER");
    assert_context(&crossed);
    assert_eq!(crossed.headers("Refer-To").len(), 1);
    world.send(CarrierA, crossed.respond(603, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 603");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn each_direction_by_the_policy_of_who_gets_it() {
    let mut world = policy("platform", |headers| headers.pass.clear());
    let sent = with_context(&invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    world.send(Platform, sent);
    let offered = world.expect(CarrierA, "INVITE");
    assert_context(&offered);
    world.send(CarrierA, with_context(&offered.respond(180, CarrierA, "")));
    assert_no_context(&world.expect(Platform, "SIP/2.0 180"));
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.send(CarrierA, with_context(&talk.callee.request("BYE", "")));
    world.expect(CarrierA, "SIP/2.0 200");
    assert_no_context(&world.hears_bye(Platform));
    world.finish();
}

#[test]
fn edits_of_who_gets_it_are_made_in_answers_too() {
    let name = |text: &str| HeaderName::parse(text).expect("a name");
    let mut world = policy("platform", |headers| {
        let path = Template::parse("${from_trunk}>${to_trunk};${calling}>${called};${original_called}");
        headers.edits = vec![
            Edit::Remove { name: name("X-cRm-Id") },
            Edit::map(name("User-to-User"), "^00", "04").expect("an expression"),
            Edit::Add { name: name("X-Path"), value: path.expect("a template") },
        ];
    });
    let diversion = "Diversion: <sip:+4930777@platform.example>;reason=unconditional";
    let offered = world.dial_with(Platform, CarrierA, diversion, &sdp(Platform, "sendrecv"));
    world.send(CarrierA, with_context(&offered.respond(180, CarrierA, "")));
    let ringing = world.expect(Platform, "SIP/2.0 180");
    assert!(ringing.headers("X-cRm-Id").is_empty(), "{}", ringing.as_str());
    assert!(ringing.as_str().contains("\r\nUSER-to-user: 04FA08001a;encoding=hex"), "{}", ringing.as_str());
    let numbers = format!("+493099887766>{};+4930777", number_of(CarrierA));
    assert_eq!(ringing.header("X-Path"), format!("platform>carrier-a;{numbers}"));
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

#[test]
fn what_we_say_ourselves_has_none() {
    let mut world = policy("platform", |headers| {
        let value = Template::parse("1").expect("a template");
        headers.edits = vec![Edit::Add { name: HeaderName::parse("X-Path").expect("a name"), value }];
    });
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, with_context(&offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"))));
    world.expect(CarrierA, "ACK");
    let caller = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 200"));
    world.send(Platform, caller.ack(""));
    world.order(Command::HangUpAll);
    let bye = world.hears_bye(Platform);
    assert_no_context(&bye);
    assert!(bye.headers("X-Path").is_empty());
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn what_is_written_here_is_never_doubled() {
    let every = ["X-*", "P-*", "Re*", "S*"].map(|text| NamePattern::parse(text).expect("a pattern"));
    let mut world = policy("platform", |headers| headers.pass = every.to_vec());
    let (offered, _) = world.dial(Platform, CarrierA);
    let lines = [
        "Reason: Q.850;cause=31;text=\"their call 77\"",
        "P-Early-Media: sendrecv",
        "X-MS-SBC: other/other/1",
        "Server: carrier-box/7",
        "Record-Route: <sip:proxy.inside;lr>",
        "Session-Expires: 1800;refresher=uas",
        "Retry-After: 900",
    ];
    world.send(CarrierA, saying(&offered.respond(486, CarrierA, ""), &lines));
    world.expect(CarrierA, "ACK");
    let told = world.refusal(Platform);
    assert_eq!(told.headers("Reason").len(), 1, "{}", told.as_str());
    for name in ["P-Early-Media", "X-MS-SBC", "Server", "Record-Route", "Session-Expires", "Retry-After"] {
        assert!(told.headers(name).is_empty(), "{name} in {}", told.as_str());
    }
    world.finish();
}
