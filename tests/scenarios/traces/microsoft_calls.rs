use std::time::Duration;

use trunkline::sip::frame::{Framed, StreamFramer};

use super::{
    CONTACT, TARGET, answer, capitals, crlf, media_goes_to, microsoft_calls, offer, raw, says, sdp_lines, world_of,
};
use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp};

fn teams() -> World {
    world_of("microsoft-teams", |_| {})
}

/// The carrier answers what it got; the platform's dialog.
fn answered(world: &mut World, offered: &Text) -> (Dialog, Dialog) {
    let accepted = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    let callee = Dialog::of_callee(CarrierA, offered, &accepted);
    world.send(CarrierA, accepted);
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    let caller = Dialog::of_caller(Platform, &told);
    world.send(Platform, capitals(&caller.ack("")));
    (caller, callee)
}

fn refused(mut world: World, offered: &Text) {
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

/// 19.2, MD-52: no user parts, every name in capitals, on a connection of its own.
#[test]
fn options_without_any_user_part_are_answered_with_our_name() {
    let mut world = teams();
    world.cut(Platform);
    world.send(
        Platform,
        raw(
            "OPTIONS sip:sbc.example.com:5061;transport=tls SIP/2.0
FROM: <sip:sip.pstnhub.microsoft.com:5061>;tag=6f2a1c9d
TO: <sip:sbc.example.com:5061;transport=tls>
CSEQ: 1 OPTIONS
CALL-ID: 0f4d4b0a-88d1-4f5c-9a33-0c1d2e3f4a5b
MAX-FORWARDS: 70
VIA: SIP/2.0/TLS 192.0.2.75:5061;branch=z9hG4bK5b9e6d21
CONTACT: <sip:sip.pstnhub.microsoft.com:5061>
USER-AGENT: Microsoft.PSTNHub.SIPProxy v.2026.1.1.1 i.EUWE.5
ALLOW: INVITE,ACK,OPTIONS,CANCEL,BYE,NOTIFY",
            "",
        ),
    );
    let told = world.expect(Platform, "SIP/2.0 200");
    assert_eq!(told.header("Contact"), "<sip:sbc.example.com:5061;transport=tls>");
    assert!(told.header("Via").starts_with("SIP/2.0/TLS 192.0.2.75:5061;branch=z9hG4bK5b9e6d21"));
    assert!(told.header("Allow").contains("REFER") && told.header("Allow").contains("NOTIFY"));
    assert!(told.header("Supported").contains("replaces") && told.tag("To").is_some());
    assert!(!told.header("X-MS-SBC").is_empty());
    world.finish();
}

/// 19.4, MD-98, MD-99, MD-83: anonymous From, two identities in one list without a space, escaped reasons in History-Info.
#[test]
fn a_forwarded_call_of_one_who_hides_tells_the_carrier_no_number_of_his() {
    let mut world = teams();
    let lines = "FROM: <sip:anonymous@sip.pstnhub.microsoft.com:5061>;tag=1d5f9b0c7a2e4b16
P-ASSERTED-IDENTITY: <tel:+14255550100>,<sip:user1@example.net>
PRIVACY: id
HISTORY-INFO: <sip:+14255550100@sip.pstnhub.microsoft.com:5061;user=phone?Reason=SIP%3Bcause%3D302%3Btext%3D%22Moved%20temporarily%22>;index=1,<sip:+49301234567@sip.pstnhub.microsoft.com:5061;user=phone>;index=1.1
REFERRED-BY: <sip:+14255550100@sip.pstnhub.microsoft.com:5061;user=phone>
SUPPORTED: timer,replaces
SESSION-EXPIRES: 1800
MIN-SE: 300
MS-CONVERSATION-ID: 7f3c
X-MS-TenantId: aaaaaaaa-1111
";
    world.send(Platform, microsoft_calls("+49301234567", "forwarded", lines, &offer()));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.start_line().starts_with("INVITE sip:+49301234567@198.51.100.7 "), "{}", offered.start_line());
    let head = offered.as_str().split("\r\n\r\n").next().unwrap_or_default();
    assert!(offered.header("From").contains("anonymous"), "{}", offered.header("From"));
    for foreign in ["user1@example.net", "pstnhub", "MS-CONVERSATION", "TenantId", "Referred-By"] {
        assert!(!head.contains(foreign), "{foreign} in {head}");
    }
    let shown = offered.headers("P-Asserted-Identity").iter().any(|value| value.contains("4255550100"));
    assert!(!shown || !offered.header("Privacy").is_empty(), "MD-98: never without Privacy: {head}");
    assert!(sdp_lines(&offered, "a=crypto").is_empty() && offered.body().contains("RTP/AVP "));
    for foreign in ["label", "a=mid", "b=CT", "x0IWx", "127.0.0.1", "192.0.2.10"] {
        assert!(!offered.body().contains(foreign), "{foreign} in {}", offered.body());
    }
    let (mut caller, _) = answered(&mut world, &offered);
    world.leaves(Platform, &mut caller);
    world.hears_bye(CarrierA);
    world.finish();
}

/// RFC 3261 7.3: folded lines, compact names, several Vias in one field, spaces around the colon, any order.
#[test]
fn folded_compact_and_listed_fields_are_read() {
    let mut world = teams();
    let body = offer();
    let head = format!(
        "INVITE sip:+49301234567@SBC.Example.COM:5061;user=phone;transport=TLS SIP/2.0
l: {}
c:application/sdp
k: timer,replaces
m: <{TARGET}>
v : SIP/2.0/TLS 192.0.2.50:5061;branch=z9hG4bKfold,SIP/2.0/TLS 10.1.2.3:5061;branch=z9hG4bKinner
i: folded-1
f: \"O'Neil, Pat; \\\"PJ\\\"\"
  <sip:+14255550100@sip.pstnhub.microsoft.com:5061;user=phone>
 ;tag=ab12
t: <sip:+49301234567@sbc.example.com:5061;user=phone>
CSeq:1 INVITE
Max-Forwards:70",
        body.len()
    );
    let lines: Vec<&str> = head.lines().collect();
    world.send(Platform, format!("{}\r\n\r\n{body}", lines.join("\r\n")));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(
        offered.header("From").starts_with("\"O'Neil, Pat; \\\"PJ\\\"\" <sip:+14255550100@"),
        "{}",
        offered.header("From")
    );
    assert_eq!(offered.header("Max-Forwards"), "69");
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    let told = world.expect(Platform, "SIP/2.0 180");
    let vias = told.headers("Via").join(",");
    assert!(vias.contains("branch=z9hG4bKfold") && vias.contains("10.1.2.3:5061;branch=z9hG4bKinner"), "{vias}");
    refused(world, &offered);
}

/// MD-96, RFC 3261 19.1.4: `;ext=`, escaped or not, an escaped plus and visual separators name the same number.
#[test]
fn the_users_of_a_request_uri_in_its_odder_forms_are_the_number() {
    for user in ["+49301234567;ext=1234", "+49301234567%3Bext=1234", "%2B49301234567", "+49-30-123.45.67"] {
        let mut world = teams();
        world.send(Platform, microsoft_calls(user, "odd-user", "", &offer()));
        let offered = world.expect(CarrierA, "INVITE");
        assert!(offered.start_line().starts_with("INVITE sip:+49301234567"), "{user}: {}", offered.start_line());
        refused(world, &offered);
    }
}

/// MD-95, MD-117: what the tenant's dial plan leaves without a plus crosses as it is; without a route it is 404.
#[test]
fn an_internal_number_without_plus_is_no_bad_request() {
    let mut world = teams();
    world.send(Platform, microsoft_calls("4711", "short", "", &offer()));
    let told = world.refusal(Platform);
    assert_eq!(told.status(), Some(404), "{}", told.as_str());
    assert!(told.header("Reason").contains("cause=1"), "MD-105: {}", told.as_str());
    world.finish();
}

/// MD-81, RFC 3261 12.2.1.1: two Record-Routes in one field; our requests inside the call carry them in order, and the
/// Contact octet for octet.
#[test]
fn a_route_set_in_one_field_and_the_contact_are_obeyed_octet_for_octet() {
    let mut world = teams();
    let routes = "RECORD-ROUTE: <sip:sip-du-a-euwe.pstnhub.microsoft.com:5061;transport=tls;lr>,<sip:192.0.2.50:5061;transport=tls;lr;x-k=A%2Fb>\n";
    world.send(Platform, microsoft_calls("+49301234567", "routes", routes, &offer()));
    let offered = world.expect(CarrierA, "INVITE");
    let (_, mut callee) = answered(&mut world, &offered);
    world.leaves(CarrierA, &mut callee);
    let bye = world.hears_bye(Platform);
    assert_eq!(bye.start_line(), format!("BYE {TARGET} SIP/2.0"));
    let routes = bye.headers("Route").join(",").replace(", ", ",");
    assert_eq!(
        routes,
        "<sip:sip-du-a-euwe.pstnhub.microsoft.com:5061;transport=tls;lr>,<sip:192.0.2.50:5061;transport=tls;lr;x-k=A%2Fb>"
    );
    world.finish();
}

/// 19.3, MD-110: 180 of one client, 180 and 183 of a second, 200 of a third, each with its own tag and media.
#[test]
fn the_answer_of_a_fork_that_never_rang_is_the_one_that_counts() {
    let mut world = teams();
    let (offered, _) = world.dial(CarrierA, Platform);
    world.send(Platform, says(&offered, "180 Ringing", "a1", CONTACT, ""));
    world.expect(CarrierA, "SIP/2.0 180");
    world.send(Platform, says(&offered, "180 Ringing", "b2", CONTACT, ""));
    let progress = format!("{CONTACT}\nCONTENT-TYPE: application/sdp");
    world.send(Platform, says(&offered, "183 Session Progress", "b2", &progress, &answer(52_300)));
    let accepted =
        format!("{CONTACT}\nREQUIRE: timer\nSESSION-EXPIRES: 1800;refresher=uac\nCONTENT-TYPE: application/sdp");
    let told = says(&offered, "200 OK", "c3", &accepted, &answer(52_210));
    let mut callee = Dialog::of_callee(Platform, &offered, &told);
    world.send(Platform, told);
    let ack = world.expect(Platform, "ACK");
    assert_eq!(ack.start_line(), format!("ACK {TARGET} SIP/2.0"));
    assert_eq!(ack.tag("To").as_deref(), Some("c3"));
    let caller = loop {
        let told = world.expect(CarrierA, "SIP/2.0 ");
        if told.status() == Some(200) {
            break Dialog::of_caller(CarrierA, &told);
        }
    };
    world.send(CarrierA, caller.ack(""));
    assert!(media_goes_to(&world, "192.0.2.44:52210"));
    world.send(Platform, capitals(&callee.request("BYE", "")));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}

/// MD-110: at least ten early dialogs; the carrier hears of one.
#[test]
fn ten_clients_ring_and_the_seventh_answers() {
    let mut world = teams();
    let (offered, _) = world.dial(CarrierA, Platform);
    let described = format!("{CONTACT}\nCONTENT-TYPE: application/sdp");
    for fork in 0..10u16 {
        world.send(Platform, says(&offered, "180 Ringing", &format!("fork{fork}"), CONTACT, ""));
        let early = answer(52_300 + 2 * fork);
        world.send(Platform, says(&offered, "183 Session Progress", &format!("fork{fork}"), &described, &early));
    }
    world.pass(Duration::from_secs(1));
    let told = says(&offered, "200 OK", "fork6", &described, &answer(52_312));
    let mut callee = Dialog::of_callee(Platform, &offered, &told);
    world.send(Platform, told);
    assert_eq!(world.expect(Platform, "ACK").tag("To").as_deref(), Some("fork6"));
    world.pass(Duration::from_secs(1));
    let mut tags = std::collections::BTreeSet::new();
    let caller = loop {
        let told = world.expect(CarrierA, "SIP/2.0 ");
        tags.extend(told.tag("To"));
        if told.status() == Some(200) {
            break Dialog::of_caller(CarrierA, &told);
        }
    };
    assert_eq!(tags.len(), 1, "MD-111: one early dialog towards the carrier");
    world.send(CarrierA, caller.ack(""));
    world.send(Platform, capitals(&callee.request("BYE", "")));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}

/// A provisional response that names no Contact, a 183 without a description and a 181 are no trouble.
#[test]
fn provisional_responses_that_say_little_are_taken() {
    let mut world = teams();
    let (offered, _) = world.dial(CarrierA, Platform);
    world.send(Platform, says(&offered, "100 Trying", "", "", ""));
    world.send(Platform, says(&offered, "183 Session Progress", "a1", "", ""));
    world.send(Platform, says(&offered, "181 Call Is Being Forwarded", "a1", CONTACT, ""));
    world.send(Platform, says(&offered, "180 Ringing", "", "", ""));
    world.pass(Duration::from_secs(1));
    let heard = world.heard(CarrierA);
    assert!(heard.iter().any(|line| line.starts_with("SIP/2.0 180")), "{heard:?}");
    world.agent(CarrierA).forget();
    let accepted =
        says(&offered, "200 OK", "a1", &format!("{CONTACT}\nCONTENT-TYPE: application/sdp"), &answer(52_210));
    let mut callee = Dialog::of_callee(Platform, &offered, &accepted);
    world.send(Platform, accepted);
    world.expect(Platform, "ACK");
    let told = world.refusal(CarrierA);
    let caller = Dialog::of_caller(CarrierA, &told);
    world.send(CarrierA, caller.ack(""));
    world.send(Platform, capitals(&callee.request("BYE", "")));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}

/// MD-133: 422 with Min-SE is answered with the larger interval, at once and to the same name.
#[test]
fn a_422_leads_to_a_longer_session() {
    let mut world = teams();
    let (offered, _) = world.dial(CarrierA, Platform);
    world.send(Platform, says(&offered, "422 Session Interval Too Small", "x", "MIN-SE: 2400", ""));
    world.expect(Platform, "ACK");
    let again = world.expect(Platform, "INVITE");
    assert_eq!(again.header("Call-ID"), offered.header("Call-ID"), "RFC 4028 7.4");
    let asked: u32 = again.header("Session-Expires").split(';').next().unwrap_or_default().parse().unwrap_or(0);
    assert!(asked >= 2400 && again.header("Min-SE") == "2400", "{}", again.as_str());
    world.send(Platform, says(&again, "486 Busy Here", "y", "", ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.finish();
}

/// MD-132: Microsoft offers a session timer; what we take we keep.
#[test]
fn a_session_timer_that_is_offered_is_accepted_with_its_refresher_named() {
    let mut world = teams();
    let lines = "SUPPORTED: timer,replaces\nSESSION-EXPIRES: 1800;refresher=uac\nMIN-SE: 300\n";
    world.send(Platform, microsoft_calls("+49301234567", "session-timer-1", lines, &offer()));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    assert_eq!(told.header("Session-Expires"), "1800;refresher=uac");
    assert!(told.header("Require").contains("timer"), "RFC 4028 9: {}", told.as_str());
    let mut caller = Dialog::of_caller(Platform, &told);
    world.send(Platform, caller.ack(""));
    world.leaves(Platform, &mut caller);
    world.hears_bye(CarrierA);
    world.finish();
}

/// MD-106, MD-158: CANCEL on another connection, with the reason that another client answered.
#[test]
fn a_cancel_with_a_reason_comes_on_another_connection() {
    let mut world = teams();
    let invite = microsoft_calls("+49301234567", "cancelled", "", &offer());
    world.send(Platform, invite.clone());
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 180");
    world.cut(Platform);
    let cancel = Text::of(invite).cancel();
    let reason = "REASON: SIP;cause=200;text=\"Call completed elsewhere\",Q.850;cause=26\r\nContent-Length:";
    world.send(Platform, capitals(&cancel).replacen("CONTENT-LENGTH:", reason, 1));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_cancel(CarrierA, &offered);
    world.expect(Platform, "SIP/2.0 487");
    world.finish();
}

/// MD-118: the same call from two regions are two calls.
#[test]
fn the_same_call_from_two_regions_is_not_merged() {
    let mut world = teams();
    for id in ["region-1", "region-2"] {
        world.send(Platform, microsoft_calls("+49301234567", id, "", &offer()));
        let offered = world.expect(CarrierA, "INVITE");
        world.send(CarrierA, offered.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        assert_eq!(world.refusal(Platform).status(), Some(486));
    }
    assert_eq!(world.finish().len(), 2);
}

/// RFC 3261 7.5, RFC 5626 4.4.1: keep-alives before, between and after messages of one segment.
#[test]
fn keep_alives_between_messages_are_no_messages() {
    let first = microsoft_calls("+49301234567", "one", "", &offer());
    let second = microsoft_calls("+49301234567", "two", "", &offer());
    let mut framer = StreamFramer::default();
    framer.buffer().extend_from_slice(format!("\r\n\r\n\r\n{first}\r\n\r\n{second}\r\n").as_bytes());
    let peer = "192.0.2.50:5061".parse().expect("an address");
    let mut ids = Vec::new();
    while let Some(framed) = framer.next(peer) {
        match framed {
            Framed::Message(message) => ids.push(format!("{message:?}").contains("one")),
            Framed::Ping => {}
            Framed::Refused(refused) => panic!("{refused:?}"),
        }
    }
    assert_eq!(ids.len(), 2);
}

/// MD-94: the reason's text holds semicolons, commas and a GUID inside its quotes.
#[test]
fn a_refusals_reason_with_separators_in_its_text_is_kept_for_the_record() {
    let mut world = teams();
    let (offered, _) = world.dial(CarrierA, Platform);
    let reason = "REASON: Q.850;cause=31;text=\"5a1c-guid;No callee endpoints were found, try later\"";
    world.send(Platform, says(&offered, "480 Temporarily Unavailable", "r", reason, ""));
    world.expect(Platform, "ACK");
    let told = world.refusal(CarrierA);
    assert_eq!(told.status(), Some(480));
    assert!(!told.as_str().contains("5a1c-guid"), "their text stays with us");
    let said = format!("{:?}", world.finish()[0].said);
    assert!(said.contains("5a1c-guid;No callee endpoints were found, try later"), "{said}");
}

/// 19.4 with an offer of UDP/TLS/RTP/SAVP (MD-167), MKI beside none (MD-170), tag 0 and foreign suites (MD-168, MD-171).
#[test]
fn the_key_without_mki_of_the_one_suite_is_answered_with_its_tag() {
    let mut world = teams();
    let keys = "a=crypto:2 AEAD_AES_256_GCM inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=|2^31
a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:x0IWxsEXxeQQZ4fl/PHkMFwtHBLOiQ09ZwV1T0eN|2^31|1:1
a=crypto:0 AES_CM_128_HMAC_SHA1_80 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP|2^31
a=cryptoscale:1 client AES_CM_128_HMAC_SHA1_80 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP|2^31
";
    let plain = offer();
    let own = sdp_line_of(&plain, "a=crypto");
    let body = plain.replace(&format!("{own}\r\n"), &crlf(keys));
    world.send(Platform, microsoft_calls("+49301234567", "keys", "", &body));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    let chosen = sdp_lines(&told, "a=crypto");
    assert_eq!(chosen.len(), 1, "{}", told.body());
    assert!(
        chosen[0].starts_with("a=crypto:0 AES_CM_128_HMAC_SHA1_80 inline:") && chosen[0].ends_with("|2^31"),
        "{}",
        chosen[0]
    );
    let mut caller = Dialog::of_caller(Platform, &told);
    world.send(Platform, caller.ack(""));
    world.leaves(Platform, &mut caller);
    world.hears_bye(CarrierA);
    world.finish();
}

fn sdp_line_of(body: &str, start: &str) -> String {
    body.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned()
}

/// MD-56, MD-87: a number stands in our Contact, and that of who hides does not, nor a word for him.
#[test]
fn who_hides_leaves_no_user_in_our_contact() {
    for (from, contact) in [("+493099887766", "<sip:+493099887766@"), ("anonymous", "<sip:sbc.example.com:")] {
        let mut world = world_of("microsoft-teams", |_| {});
        let invite = crate::world::text::invite(CarrierA, "+4930555", &sdp(CarrierA, "sendrecv"));
        world.send(CarrierA, invite.replace("+493099887766", from));
        let offered = world.expect(Platform, "INVITE");
        assert!(offered.header("Contact").starts_with(contact), "{}", offered.as_str());
        world.send(Platform, says(&offered, "404 Not Found", "x", "REASON: Q.850;cause=1;text=\"g;unknown\"", ""));
        world.expect(Platform, "ACK");
        world.refusal(CarrierA);
        world.finish();
    }
}
