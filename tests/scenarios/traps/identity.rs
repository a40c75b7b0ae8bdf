use std::time::Duration;

use trunkline::engine::io::Event;

use super::{microsoft, teams};
use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::text::{invite, route, sdp, sdp_with, with_header};

/// T1: 403 or silence to what shows an address in Contact or Via.
#[test]
fn t01_our_name_stands_in_contact_and_via_never_an_address() {
    let mut world = teams(|settings| settings.trunks[2].behaviour.options.interval = Duration::from_secs(60));
    let probe = world.expect(Platform, "OPTIONS sip:sip");
    assert!(probe.start_line().contains(".pstnhub.microsoft.com:5061;transport=tls SIP/2.0"), "{}", probe.start_line());
    assert_eq!(probe.header("Contact"), "<sip:sbc.example.com:5061;transport=tls>");
    assert!(probe.header("Via").starts_with("SIP/2.0/TLS sbc.example.com:5061;"), "{}", probe.header("Via"));
    assert_eq!(probe.header("Allow"), "INVITE, ACK, BYE, CANCEL, OPTIONS, REFER, NOTIFY");
    assert!(probe.header("X-MS-SBC").starts_with("Trunkline/"), "{}", probe.as_str());
    world.send(Platform, probe.respond(200, Platform, ""));
    for _ in 0..2 {
        let probe = world.expect(Platform, "OPTIONS sip:sip");
        world.send(Platform, probe.respond(200, Platform, ""));
    }
    let (offered, _) = world.dial(CarrierA, Platform);
    assert_eq!(offered.header("Contact"), "<sip:+493099887766@sbc.example.com:5061;transport=tls>", "MD-56");
    assert_eq!(
        offered.start_line(),
        "INVITE sip:+4930555@sip.pstnhub.microsoft.com:5061;user=phone;transport=tls SIP/2.0",
        "MD-84"
    );
    assert!(
        !offered.as_str().split("\r\n\r\n").next().unwrap_or_default().contains("203.0.113.1"),
        "{}",
        offered.as_str()
    );
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.finish();
}

/// T2: only one tenant works, because the name is configured once.
#[test]
fn t02_each_trunk_shows_its_own_name() {
    let mut world = teams(|settings| {
        let mut second = settings.trunks[2].clone();
        (second.name, second.fqdn) = ("second".into(), Some("sbc2.example.com".into()));
        settings.trunks.push(second);
        settings.routes[3].to = vec!["second".into()];
    });
    for (from, name) in [(CarrierA, "@sbc.example.com:5061"), (CarrierB, "@sbc2.example.com:5061")] {
        world.send(from, invite(from, "+4930555", &sdp(from, "sendrecv")));
        let offered = world.expect(Platform, "INVITE");
        assert!(offered.header("Contact").contains(name), "{}", offered.header("Contact"));
        let host = name.trim_start_matches('@').trim_end_matches(":5061");
        assert!(offered.header("From").contains(&format!("@{host}")), "{}", offered.header("From"));
        world.send(Platform, offered.respond(486, Platform, ""));
        world.expect(Platform, "ACK");
        world.expect(from, "SIP/2.0 486");
    }
    world.finish();
}

/// T17: REFER never comes, because Allow lacks it in the first INVITE or 200, or because the firewall knows fewer addresses.
#[test]
fn t17_allow_names_refer_and_notify_in_the_first_invite_and_200() {
    let mut world = teams(|_| {});
    let (offered, _) = world.dial(CarrierA, Platform);
    for method in ["REFER", "NOTIFY"] {
        assert!(offered.header("Allow").contains(method), "{}", offered.header("Allow"));
    }
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    let mut talk = world.talk(Platform, CarrierA);
    for method in ["REFER", "NOTIFY"] {
        assert!(talk.accepted.header("Allow").contains(method), "{}", talk.accepted.header("Allow"));
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// T25: inactive now and then: pinned addresses, only one name asked.
#[test]
fn t25_every_name_is_asked_and_looked_up_anew_each_time() {
    let mut world = teams(|settings| settings.trunks[2].behaviour.options.interval = Duration::from_secs(60));
    for round in 0..2 {
        for _ in 0..3 {
            let probe = world.expect(Platform, "OPTIONS sip:sip");
            world.send(Platform, probe.respond(200, Platform, ""));
        }
        world.pass(Duration::from_millis(100));
        let asked: Vec<_> = world.asked.iter().filter(|(host, _)| host.starts_with("sip")).collect();
        assert_eq!(asked.len(), 3 * (round + 1), "{asked:?}");
    }
    let up = world.events.iter().filter(|event| matches!(event, Event::Target(_))).count();
    assert_eq!(up, 3, "each name has a state of its own");
    world.finish();
}

/// T33: one call hunts Teams and a plain carrier: what one leg is, the other is not.
#[test]
fn t33_a_call_that_goes_on_to_a_carrier_is_plain_there() {
    let mut world = teams(|settings| settings.routes[2] = route("carrier-a", None, &["platform", "carrier-b"]));
    let (offered, _) = world.dial(CarrierA, Platform);
    assert!(offered.body().contains("RTP/SAVP"));
    for name in ["@sip2.", "@sip3."] {
        assert!(world.expect(Platform, "INVITE").start_line().contains(name), "MD-91");
    }
    let plain = world.expect(CarrierB, "INVITE");
    assert!(plain.body().contains("RTP/AVP ") && !plain.body().contains("crypto"), "{}", plain.body());
    assert!(plain.header("X-MS-SBC").is_empty() && plain.header("User-Agent").is_empty());
    assert!(!plain.header("Contact").contains("sbc.example.com"), "{}", plain.header("Contact"));
    world.send(CarrierB, plain.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.expect(CarrierA, "SIP/2.0 486");
    world.finish();
}

/// T34: trouble after a re-INVITE whose answer has another Contact than the first.
#[test]
fn t34_contact_is_the_same_in_every_message_of_a_dialog() {
    let mut world = teams(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let contact = talk.accepted.header("Contact");
    assert_eq!(contact, "<sip:+49301234567@sbc.example.com:5061;transport=tls>");
    let again = talk.caller.request("INVITE", &sdp_with(Platform, "sendrecv", "0 8 101", 1));
    world.send(Platform, again);
    let refreshed = world.expect(Platform, "SIP/2.0 200");
    assert_eq!(refreshed.header("Contact"), contact);
    world.send(Platform, talk.caller.ack(""));
    let hold = talk.callee.request("INVITE", &sdp_with(CarrierA, "inactive", "0 8 101", 2));
    world.send(CarrierA, hold);
    let held = world.expect(Platform, "INVITE");
    assert_eq!(held.header("Contact"), contact);
    world.reinvite_answered(&talk.callee, &held, (Platform, &sdp_with(Platform, "inactive", "0 8 101", 2)));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// T30: requests inside a call go to port 443 of an api host.
#[test]
fn t30_the_host_of_microsofts_contact_is_never_dialled() {
    let target =
        "sip:api-du-a-euwe.pstnhub.microsoft.com:443;x-i=55555555-0000-4111-8222-666666666666;x-c=0a1b/s/1/9f8e";
    let mut world = teams(|_| {});
    world
        .names
        .insert("api-du-a-euwe.pstnhub.microsoft.com".into(), vec!["192.0.2.51:443".parse().expect("an address")]);
    let (offered, _) = world.dial(CarrierA, Platform);
    let answer = offered.respond(200, Platform, &sdp(Platform, "sendrecv"));
    let contact = answer.lines().find(|line| line.starts_with("Contact")).expect("a Contact").to_owned();
    world.send(Platform, answer.replace(&contact, &format!("CONTACT: <{target}>")));
    let ack = world.expect(Platform, "ACK");
    assert_eq!(ack.start_line(), format!("ACK {target} SIP/2.0"), "MD-81: octet for octet");
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    let mut caller = crate::world::text::Dialog::of_caller(CarrierA, &accepted);
    world.send(CarrierA, caller.ack(""));
    world.leaves(CarrierA, &mut caller);
    let bye = world.hears_bye(Platform);
    assert_eq!(bye.start_line(), format!("BYE {target} SIP/2.0"));
    assert!(!world.asked.iter().any(|(host, _)| host.starts_with("api-")), "{:?}", world.asked);
    assert!(world.sent_to.iter().all(|address| address.port() != 443));
    world.finish();
}

/// T31: a body of the carrier's beside the description is answered 415.
#[test]
fn t31_only_the_description_reaches_microsoft() {
    let mut world = teams(|_| {});
    let body = format!(
        "--b\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--b\r\nContent-Type: application/isup;version=itu-t92+\r\n\r\nx\r\n--b--\r\n",
        sdp(CarrierA, "sendrecv")
    );
    let plain = invite(CarrierA, "+4930555", &body);
    let typed = plain.replace(
        "Content-Type: application/sdp\r\nContent-Length",
        "Content-Type: multipart/mixed;boundary=b\r\nContent-Length",
    );
    assert_ne!(plain, typed);
    world.send(CarrierA, typed);
    let offered = world.expect(Platform, "INVITE");
    assert_eq!(offered.header("Content-Type"), "application/sdp");
    assert!(!offered.as_str().contains("isup"));
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.finish();
}

/// T32: 420 from Microsoft to Require: 100rel.
#[test]
fn t32_100rel_stays_on_the_carriers_leg() {
    use trunkline::route::provisional::Reliability;
    let mut world = teams(|settings| settings.trunks[0].behaviour.provisional.reliable = Reliability::Accept);
    world.send(CarrierA, with_header(&invite(CarrierA, "+4930555", &sdp(CarrierA, "sendrecv")), "Require: 100rel"));
    let offered = world.expect(Platform, "INVITE");
    assert!(offered.header("Require").is_empty() && !offered.header("Supported").contains("100rel"));
    assert!(!offered.header("Allow").contains("PRACK"), "{}", offered.header("Allow"));
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 486");
    world.finish();
}

/// The two clouds of one SBC never share what one of them is told.
#[test]
fn a_government_cloud_has_its_own_name() {
    let mut trunk = crate::world::text::settings().trunks[2].clone();
    microsoft(&mut trunk, "microsoft-gcch");
    assert_eq!(&*trunk.targets[0].host, "sip.pstnhub.gov.teams.microsoft.us");
}
