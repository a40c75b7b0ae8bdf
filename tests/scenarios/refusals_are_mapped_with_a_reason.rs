//! One table from a peer's refusal to what the caller hears (DESIGN rule 9): no challenge, no redirection, always a
//! Q.850 cause: the peer's own where it fits (PF-151), else the table's.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, request, sdp, with_header};

#[test]
fn every_refusal_has_its_line() {
    let cases = [
        (300, 480, 23),
        (302, 480, 23),
        (400, 400, 41),
        (401, 403, 21),
        (403, 403, 21),
        (404, 404, 1),
        (405, 403, 21),
        (407, 403, 21),
        (410, 410, 22),
        (415, 415, 79),
        (482, 482, 25),
        (480, 480, 18),
        (481, 480, 41),
        (484, 484, 28),
        (486, 486, 17),
        (488, 488, 65),
        (500, 500, 41),
        (501, 501, 79),
        (502, 500, 41),
        (600, 600, 17),
        (603, 603, 21),
        (604, 604, 1),
        (606, 606, 65),
    ];
    for (status, told, cause) in cases {
        let mut world = World::new();
        let (offered, _) = world.dial(Platform, CarrierA);
        let challenge = "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"";
        world.send(CarrierA, with_header(&offered.respond(status, CarrierA, ""), challenge));
        world.expect(CarrierA, "ACK");
        let heard = world.refusal(Platform);
        assert_eq!(heard.status(), Some(told), "{status}");
        assert!(heard.header("Reason").starts_with(&format!("Q.850;cause={cause};")), "{status}: {}", heard.as_str());
        assert!(heard.header("WWW-Authenticate").is_empty() && heard.header("Retry-After").is_empty());
        world.finish();
    }
}

/// RFC 3398 8.2.6.1: what we refuse ourselves before it is a call says why too, by the same table; other requests are
/// no calls.
#[test]
fn what_an_invite_asks_for_in_vain_has_its_line() {
    let diverted = "Diversion: <sip:+4930555@h>;counter=11";
    let (number, body) = (number_of(CarrierA), sdp(Platform, "sendrecv"));
    let cases = [
        (invite(Platform, "+4930123456789012", &body), 484, 28),
        (invite(Platform, "+4930%0d%0aX", &body), 404, 1),
        (invite(Platform, "+0301234567", &body), 404, 1),
        (with_header(&invite(Platform, number, &body), diverted), 483, 25),
        (with_header(&invite(Platform, number, &body), "Require: teleport"), 420, 127),
        (with_header(&invite(Platform, number, &body), "Max-Breadth: 0"), 440, 127),
        (with_header(&invite(Platform, number, &body), "Accept: text/plain"), 406, 79),
        (invite(Platform, number, &body).replace("application/sdp", "text/plain"), 415, 79),
        (request(Platform, "INVITE", "gopher:x", &body), 416, 127),
        (invite(Platform, number, &body).replace("Max-Forwards: 70", "Max-Forwards: 0"), 483, 25),
    ];
    for (sent, told, cause) in cases {
        let mut world = World::new();
        world.send(Platform, sent);
        let heard = world.refusal(Platform);
        assert_eq!(heard.status(), Some(told), "{}", heard.as_str());
        assert!(heard.header("Reason").starts_with(&format!("Q.850;cause={cause};")), "{told}: {}", heard.as_str());
        world.finish();
    }
    let mut world = World::new();
    world.send(Platform, request(Platform, "OPTIONS", "sip:+4930123456789012@sbc.example.com", ""));
    let heard = world.refusal(Platform);
    assert_eq!((heard.status(), heard.header("Reason")), (Some(484), String::new()));
    world.finish();
}

#[test]
fn the_peers_own_cause_crosses_where_it_fits_its_status() {
    let cases = [
        (404, "Q.850;cause=3;text=\"No route, call 4711\"", "Q.850;cause=3"),
        (480, "SIP;cause=480, q.850 ; cause=\"20\"", "Q.850;cause=20"),
        (480, "Q.850;cause=18;text=\"guid\"", "Q.850;cause=18;text=\"No user responding\""),
        // MD-121: busy is 17, and what a user says never sends the network to another circuit.
        (486, "Q.850;cause=34", "Q.850;cause=17;text=\"User busy\""),
        (486, "Q.850;cause=31", "Q.850;cause=17;text=\"User busy\""),
        (600, "Q.850;cause=21", "Q.850;cause=17;text=\"User busy\""),
        (480, "Q.850;cause=34", "Q.850;cause=18;text=\"No user responding\""),
        (500, "Q.850;cause=34", "Q.850;cause=34"),
        // Another status has its own.
        (407, "Q.850;cause=3", "Q.850;cause=21;text=\"Refused: the peer wants credentials\""),
        (405, "Q.850;cause=63", "Q.850;cause=21;text=\"Call rejected\""),
        (481, "Q.850;cause=1", "Q.850;cause=41;text=\"Peer lost the call\""),
        // No causes at all.
        (404, "Q.850;cause=0", "Q.850;cause=1;text=\"Unallocated number\""),
        (404, "Q.850;cause=128", "Q.850;cause=1;text=\"Unallocated number\""),
        (404, "preemption;cause=3", "Q.850;cause=1;text=\"Unallocated number\""),
    ];
    for (status, said, told) in cases {
        let mut world = World::new();
        let (offered, _) = world.dial(Platform, CarrierA);
        world.send(CarrierA, with_header(&offered.respond(status, CarrierA, ""), &format!("Reason: {said}")));
        world.expect(CarrierA, "ACK");
        assert_eq!(world.refusal(Platform).headers("Reason"), [told], "{status} {said}");
        world.finish();
    }
}

#[test]
fn why_a_party_hangs_up_is_told_to_the_other() {
    for (said, told) in [
        ("Q.850;cause=31;text=\"4711\"", "Q.850;cause=31"),
        ("SIP;cause=200", "Q.850;cause=16;text=\"Normal call clearing\""),
    ] {
        let mut world = World::new();
        let mut talk = world.talk(Platform, CarrierA);
        world.send(CarrierA, with_header(&talk.callee.request("BYE", ""), &format!("Reason: {said}")));
        world.expect(CarrierA, "SIP/2.0 200");
        assert_eq!(world.hears_bye(Platform).headers("Reason"), [told]);
        world.finish();
    }
}
