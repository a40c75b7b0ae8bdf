//! MD-162, MD-78, PF-162: an INVITE with a description and a location. The description is taken and written anew; the
//! location and its header go together, octet for octet, to a trunk that takes them, and to no other.

use std::sync::Arc;

use trunkline::call::CallEvent;
use trunkline::engine::io::Event;
use trunkline::route::presentation::Presentation;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Text, invite, sdp, with_header};

/// Shape of 19.8 of the Microsoft sheet, with spacing and an order of attributes that nobody would write again.
const PLACE: &str = "Content-Type:   application/pidf+xml\r\nContent-ID: <loc-1@example.net>\r\n\r\n<?xml version=\"1.0\"?>\r\n\
                     <presence  xmlns='urn:ietf:params:xml:ns:pidf' entity=\"sip:u@example.net\">\n<gp:method>LIS</gp:method></presence>\r\n";
const ISUP: &str =
    "Content-Type: application/isup;version=itu\r\nContent-Disposition: signal;handling=optional\r\n\r\n\u{1}\u{2}";

/// The platform's INVITE with these parts; `{}` stands for its description.
fn parts(parts: &[&str]) -> String {
    let plain = invite(Platform, number_of(CarrierA), "");
    let session = format!("Content-Type: application/sdp\r\n\r\n{}", sdp(Platform, "sendrecv"));
    let each = |part: &&str| format!("--bnd-7c1e\r\n{}\r\n", if **part == *"{}" { &session } else { *part });
    let body = format!("preamble\r\n{}--bnd-7c1e--\r\n", parts.iter().map(each).collect::<String>());
    let head = plain.strip_suffix("Content-Length: 0\r\n\r\n").unwrap();
    let kind = "CONTENT-TYPE: multipart/mixed;boundary=\"bnd-7c1e\"";
    format!(
        "{head}GEOLOCATION: <cid:loc-1@example.net>\r\nGeolocation-Routing: yes\r\n{kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn taking(types: &[&str]) -> World {
    World::configured(|settings| {
        let trunk = settings.trunks.iter_mut().find(|trunk| trunk.name == "carrier-a").unwrap();
        let mut presentation = Presentation::clone(&trunk.behaviour.presentation);
        presentation.bodies.pass = types.iter().map(|kind| Box::from(*kind)).collect();
        trunk.behaviour.presentation = Arc::new(presentation);
    })
}

fn done(mut world: World, offered: &Text) {
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

#[test]
fn to_a_trunk_that_takes_it_octet_for_octet_with_its_header() {
    for order in [["{}", PLACE, ISUP], [ISUP, PLACE, "{}"]] {
        let mut world = taking(&["application/pidf+xml"]);
        world.send(Platform, parts(&order));
        let offered = world.expect(CarrierA, "INVITE");
        let kind = offered.header("Content-Type");
        let boundary =
            kind.strip_prefix("multipart/mixed;boundary=\"").and_then(|rest| rest.strip_suffix('"')).unwrap();
        let pieces: Vec<&str> = offered.body().split(&format!("--{boundary}")).collect();
        assert_eq!((pieces.len(), pieces[0], pieces[3]), (4, "", "--\r\n"), "{}", offered.as_str());
        assert!(pieces[1].starts_with("\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"), "{}", pieces[1]);
        assert!(pieces[1].contains("RTP/AVP") && !pieces[1].contains("crypto"), "written anew for this trunk");
        assert_eq!(pieces[2], format!("\r\n{PLACE}\r\n"));
        assert!(offered.as_str().contains("\r\nGEOLOCATION: <cid:loc-1@example.net>\r\n"), "{}", offered.as_str());
        assert_eq!(offered.header("Geolocation-Routing"), "yes");
        assert!(!offered.as_str().contains("isup") && !offered.as_str().contains("preamble"));
        assert!(!world.events.iter().any(is_dropped));
        done(world, &offered);
    }
}

fn is_dropped(event: &Event) -> bool {
    matches!(event, Event::Call(CallEvent::LocationDropped { .. }))
}

#[test]
fn nothing_of_it_to_a_trunk_that_takes_none_and_the_world_hears_so() {
    let mut world = World::new();
    world.send(Platform, parts(&["{}", PLACE]));
    let offered = world.expect(CarrierA, "INVITE");
    assert_eq!(offered.header("Content-Type"), "application/sdp");
    for word in ["eolocation", "GEOLOCATION", "pidf", "presence", "MIME-Version"] {
        assert!(!offered.as_str().contains(word), "{word}: {}", offered.as_str());
    }
    assert!(world.events.iter().any(is_dropped));
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    assert_eq!(world.hears(Platform), [CarrierA], "the description was understood");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn other_types_pass_by_name_and_by_kind() {
    for types in [&["application/isup"][..], &["application/*"][..]] {
        let mut world = taking(types);
        world.send(Platform, parts(&["{}", ISUP]));
        let offered = world.expect(CarrierA, "INVITE");
        assert!(offered.body().contains(&format!("\r\n{ISUP}\r\n--")), "{}", offered.as_str());
        done(world, &offered);
    }
}

#[test]
fn a_location_without_a_description_is_a_call_whose_offer_we_write() {
    let mut world = taking(&["application/pidf+xml"]);
    world.send(Platform, parts(&[PLACE]));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.body().contains("m=audio") && offered.body().contains(PLACE));
    done(world, &offered);
}

#[test]
fn bodies_that_cannot_be_read_are_refused() {
    let required = ISUP.replace("optional", "required");
    let table = [
        (parts(&["{}", &required]), 415),
        (parts(&["{}"]).replace("--bnd-7c1e--", "--bnd-7c1f--"), 400),
        (parts(&["{}"]).replace("boundary=\"bnd-7c1e\"", "x=1"), 400),
        (parts(&["{}"; 17]), 400),
        (parts(&["{}"]).replace("multipart/mixed", "text/plain"), 415),
    ];
    for (message, status) in table {
        let mut world = World::new();
        world.send(Platform, message);
        assert_eq!(world.refusal(Platform).status(), Some(status));
        world.finish();
    }
}

/// A party of a running call may send its new description with other parts too.
#[test]
fn a_later_description_is_found_among_other_parts() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let plain = talk.caller.request("INVITE", "");
    let head = plain.strip_suffix("Content-Length: 0\r\n\r\n").unwrap();
    let session = format!("Content-Type: application/sdp\r\n\r\n{}", sdp(Platform, "sendonly"));
    let body = format!("--b\r\n{PLACE}\r\n--b\r\n{session}\r\n--b--\r\n");
    let kind = "Content-Type: multipart/mixed;boundary=b";
    world.send(Platform, format!("{head}{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.body().contains("a=sendonly") && offered.header("Content-Type") == "application/sdp");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "recvonly")));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, with_header(&talk.caller.ack(""), "X-Nothing: 1"));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
