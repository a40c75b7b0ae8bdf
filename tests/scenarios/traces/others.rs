//! Azure Communication Services, Genesys, Zoom, Twilio and Google, by sections 3 to 8 of the platform sheet.

use std::sync::Arc;

use trunkline::route::policy::{ContextBuilder, Pair, PairName, Template};
use trunkline::route::presentation::Presentation;

use super::{answer, capitals, crlf, microsoft_calls, offer, raw, says, sdp_lines, world_of};
use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp, with_header};

fn answered(world: &mut World, offered: &Text) -> (Text, Dialog) {
    let accepted = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    let callee = Dialog::of_callee(CarrierA, offered, &accepted);
    world.send(CarrierA, accepted);
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, Dialog::of_caller(Platform, &told).ack(""));
    (told, callee)
}

fn refused(mut world: World, offered: &Text) {
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

/// An INVITE of another platform: these lines, and its description.
fn calls(head: &str, body: &str) -> String {
    raw(&format!("{head}\nCSEQ: 1 INVITE\nMAX-FORWARDS: 70\nCONTENT-TYPE: application/sdp"), body)
}

/// MD-217, MD-215, MD-101, 19.9: context of ACS reaches the carrier's side octet for octet, and a forwarding cause in the
/// Request-URI is no part of the number.
#[test]
fn acs_sends_a_forwarded_call_with_context() {
    let mut world = world_of("azure-acs", |_| {});
    let lines = "User-to-User: custid=4711;lang=en
X-MS-Custom-callId: A1B2C3
X-MS-CUSTOM-Language: en-US
HISTORY-INFO: <sip:+14255550100@sip.pstnhub.microsoft.com;user=phone>;index=1,<sip:+49301234567@sip.pstnhub.microsoft.com;user=phone;cause=302>;index=1.1;mp=1
";
    let invite = microsoft_calls("+49301234567", "acs-1", lines, &offer()).replacen(
        ";user=phone;transport=tls SIP",
        ";user=phone;cause=302;transport=tls SIP",
        1,
    );
    world.send(Platform, invite);
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.start_line().starts_with("INVITE sip:+49301234567@198.51.100.7"), "{}", offered.start_line());
    assert_eq!(offered.header("X-MS-Custom-callId"), "", "what the carrier is not known to take stays");
    refused(world, &offered);
}

/// MD-217: towards ACS and back: headers of the carrier pass with the case of their names.
#[test]
fn context_of_the_carrier_reaches_acs_octet_for_octet() {
    let mut world = world_of("azure-acs", |_| {});
    let invite = crate::world::text::invite(CarrierA, "+4930555", &sdp(CarrierA, "sendrecv"));
    let lines = "User-to-User: 6F7264657269643D3930303132333B6C616E673D6465;encoding=hex\r\nX-MS-Custom-callId: A1B2C3\r\nX-MS-Other: no";
    world.send(CarrierA, with_header(&invite, lines));
    let offered = world.expect(Platform, "INVITE");
    assert!(
        offered.as_str().contains("\r\nUser-to-User: 6F7264657269643D3930303132333B6C616E673D6465;encoding=hex\r\n"),
        "{}",
        offered.as_str()
    );
    assert!(offered.as_str().contains("\r\nX-MS-Custom-callId: A1B2C3\r\n"), "{}", offered.as_str());
    assert!(offered.header("X-MS-Other").is_empty());
    world.send(Platform, says(&offered, "404 Not Found", "x", "REASON: Q.850;cause=1;text=\"g;unknown\"", ""));
    world.expect(Platform, "ACK");
    assert_eq!(world.refusal(CarrierA).status(), Some(404));
    world.finish();
}

/// PF-123 to PF-125, MD-223: an IVR sends the call on to Dynamics 365 by an INVITE of its own, with what it found out in
/// plain pairs and bare semicolons; the workstream's variables get that and ours in hex, in one header.
#[test]
fn an_ivr_sends_a_call_on_to_dynamics_with_context() {
    let mut world = world_of("azure-acs", |settings| {
        let mut presentation = Presentation::clone(&settings.trunks[2].behaviour.presentation);
        let value = |text| Template::parse(text).expect("a value");
        let pair = |name, text| Pair { name: PairName::parse(name).expect("a name"), value: value(text) };
        let pairs = vec![pair("line", "sales"), pair("intent", "${header:x-ivr-intent}")];
        presentation.headers.context = Some(ContextBuilder { pairs, ..ContextBuilder::default() });
        settings.trunks[2].behaviour.presentation = Arc::new(presentation);
    });
    let invite = crate::world::text::invite(CarrierA, "+4930555", &sdp(CarrierA, "sendrecv"));
    let lines = "User-to-User: orderid=900123;lang=de;line=forged\r\nx-ivr-Intent: refund";
    world.send(CarrierA, with_header(&invite, lines));
    let offered = world.expect(Platform, "INVITE");
    let text = "line=sales;intent=refund;orderid=900123;lang=de";
    let hex: String = text.bytes().map(|octet| format!("{octet:02X}")).collect();
    assert_eq!(offered.headers("User-to-User"), [format!("{hex};encoding=hex")], "{}", offered.as_str());
    assert!(offered.as_str().contains("\r\nx-ivr-Intent: refund\r\n"), "MD-224: {}", offered.as_str());
    world.send(Platform, says(&offered, "404 Not Found", "x", "REASON: Q.850;cause=1;text=\"g;unknown\"", ""));
    world.expect(Platform, "ACK");
    assert_eq!(world.refusal(CarrierA).status(), Some(404));
    world.finish();
}

const PLAIN: &str = "m=audio 41000 RTP/SAVP 0 8 101\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\n";

fn described(media: &str) -> String {
    crlf(&format!("v=0\no=PureCloud.Edge 1 1 IN IP4 192.0.2.50\ns=-\nc=IN IP4 192.0.2.50\nt=0 0\n{media}"))
}

/// PF-71, PF-72, PF-74: a trunk group in the user part, Vias that must come back unchanged, and a Contact whose unknown
/// parameters stand in the Request-URI of whatever we send inside the call.
#[test]
fn genesys_names_a_trunk_group_and_wants_vias_and_contact_back_unchanged() {
    let mut world = world_of("genesys-byoc", |_| {});
    let top = "SIP/2.0/TLS 192.0.2.50:5061;branch=z9hG4bK0x.Ab;rport;x-dyn=\"a;b,c\";Order=Kept";
    let inner = "SIP/2.0/TLS  10.9.8.7:8061 ;received=10.9.8.7;rport=8061;branch=z9hG4bKedge;keep";
    world.send(
        Platform,
        calls(
            &format!(
        "INVITE sip:+49301234567;tgrp=acme;trunk-context=byoc.example.com@203.0.113.1:5061;transport=tls SIP/2.0
Via: {top}
Via: {inner}
From: \"Contact Centre\" <sip:+493055500@acme.byoc.example.com>;tag=g1
To: <sip:+49301234567@203.0.113.1>
Call-ID: genesys-1
Contact: <sip:+493055500@192.0.2.50:5061;transport=tls;x-edge=0Aff;Order=kept;esc=%41b;lone>
User-to-User: 636173653D3432;encoding=hex
x-inin-cnv: 44d1
Supported: timer"),
            &described(PLAIN),
        ),
    );
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.start_line().starts_with("INVITE sip:+49301234567@198.51.100.7 "), "{}", offered.start_line());
    assert!(!offered.as_str().contains("tgrp"), "{}", offered.as_str());
    let (told, mut callee) = answered(&mut world, &offered);
    let vias = told.headers("Via");
    assert!(vias[0].starts_with(top.split(";rport").next().unwrap_or_default()), "{vias:?}");
    assert!(vias[0].contains(";x-dyn=\"a;b,c\";Order=Kept"), "{vias:?}");
    assert_eq!(vias[1], inner, "PF-74");
    world.leaves(CarrierA, &mut callee);
    let bye = world.hears_bye(Platform);
    assert_eq!(
        bye.start_line(),
        "BYE sip:+493055500@192.0.2.50:5061;transport=tls;x-edge=0Aff;Order=kept;esc=%41b;lone SIP/2.0"
    );
    world.finish();
}

/// PF-85, PF-86, PF-88, PF-92: addresses instead of names, four keys, opus first, an emergency number with its country.
#[test]
fn zoom_calls_an_address_and_is_answered_one_key() {
    let keys = "m=audio 34168 RTP/SAVP 102 9 0 8 18 101
a=crypto:1 AEAD_AES_256_GCM inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
a=crypto:2 AES_256_CM_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==
a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP
a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP
a=rtpmap:102 opus/48000/2
a=fmtp:102 useinbandfec=1
a=rtpmap:101 telephone-event/8000
a=ptime:20
";
    let mut world = world_of("zoom-byoc", |_| {});
    world.send(
        Platform,
        calls(
            "INVITE sip:+49301234567@203.0.113.1:5061 SIP/2.0
Via: SIP/2.0/TLS 192.0.2.50:5061;branch=z9hG4bK-z1
From: \"A User\" <sip:+33155500123@203.0.113.1>;tag=zx1
To: <sip:+49301234567@203.0.113.1:5061>
Call-ID: zoom-1
Contact: <sip:+33155500123@192.0.2.50:5061;transport=tls>
P-Asserted-Identity: \"A User\" <sip:+33155500123@192.0.2.50:5061>
Privacy: none
X-Trace-ID: 7200000000000000001
Supported: timer,replaces
Session-Expires: 1800
Min-SE: 90
Accept: application/sdp, application/isup, application/dtmf-relay, multipart/mixed
Allow: INVITE,ACK,CANCEL,BYE,OPTIONS,INFO,NOTIFY,UPDATE,REFER",
            &described(keys),
        ),
    );
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.header("From").contains("+33155500123@"), "{}", offered.header("From"));
    let (told, mut callee) = answered(&mut world, &offered);
    let chosen = sdp_lines(&told, "a=crypto");
    assert_eq!(chosen.len(), 1, "PF-88: {}", told.body());
    assert!(told.header("Require").contains("timer"));
    world.leaves(CarrierA, &mut callee);
    world.hears_bye(Platform);
    let record = format!("{:?}", world.finish()[0]);
    assert!(record.contains("+33155500123"), "{record}");
}

/// PF-89: a body nobody here understands, beside the description, is left out; alone it is refused with 415.
#[test]
fn zooms_foreign_bodies_are_ignored_beside_a_description() {
    let mut world = world_of("zoom-byoc", |_| {});
    let body = format!(
        "--q\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--q\r\nContent-Type: application/isup;version=ansi00\r\nContent-Disposition: signal; handling=optional\r\n\r\nxyz\r\n--q--\r\n",
        described(PLAIN)
    );
    let message = calls(
        "INVITE sip:+49301234567@203.0.113.1:5061 SIP/2.0
Via: SIP/2.0/TLS 192.0.2.50:5061;branch=z9hG4bK-z2
From: <sip:+33155500123@203.0.113.1>;tag=zx2
To: <sip:+49301234567@203.0.113.1:5061>
Call-ID: zoom-2
Contact: <sip:+33155500123@192.0.2.50:5061;transport=tls>",
        &body,
    )
    .replace("CONTENT-TYPE: application/sdp", "CONTENT-TYPE: multipart/mixed;boundary=q");
    world.send(Platform, message);
    let offered = world.expect(CarrierA, "INVITE");
    assert_eq!(offered.header("Content-Type"), "application/sdp");
    refused(world, &offered);
}

/// PF-115, PF-118, PF-119: Twilio sits behind a proxy of its own: Record-Route on every call, a Contact elsewhere, its own
/// headers, two suites without MKI.
#[test]
fn twilio_calls_through_its_proxy_and_gets_a_key_without_mki() {
    let two = "m=audio 17500 RTP/SAVP 0 8 101
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP
a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=maxptime:20
a=sendrecv
";
    let mut world = twilio();
    world.send(
        Platform,
        calls(
            "INVITE sip:+49301234567@sbc.example.com:5061;transport=tls SIP/2.0
Record-Route: <sip:192.0.2.50:5061;transport=tls;r2=on;lr;ftag=90210_c3356d0b>
Record-Route: <sip:192.0.2.50:5060;r2=on;lr;ftag=90210_c3356d0b>
CSeq: 1 INVITE
From: <sip:+12065550199@acme.pstn.twilio.com:5061>;tag=90210_c3356d0b
To: <sip:+49301234567@sbc.example.com:5061>
Call-ID: 6f4a_twilio@10.10.10.10
Via: SIP/2.0/TLS 192.0.2.50:5061;branch=z9hG4bKa1cf.9;rport
Via: SIP/2.0/UDP 172.18.36.3:5060;rport=5060;branch=z9hG4bK77
Contact: <sip:+12065550199@172.18.36.3:5060;transport=udp>
Diversion: <sip:+12065550100@twilio.com>;reason=unconditional
X-Twilio-AccountSid: AC0
X-Twilio-CallSid: CA0
Allow: INVITE,ACK,CANCEL,BYE,REFER,OPTIONS,NOTIFY,SUBSCRIBE,INFO,UPDATE"
                .replace("CSeq: 1 INVITE\n", "")
                .as_str(),
            &described(two),
        ),
    );
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.header("Diversion").contains("+12065550100@203.0.113.1"), "{}", offered.as_str());
    assert!(!offered.as_str().contains("twilio.com"), "{}", offered.as_str());
    let (told, mut callee) = answered(&mut world, &offered);
    let chosen = sdp_lines(&told, "a=crypto").concat();
    assert!(
        chosen.starts_with("a=crypto:1 AES_CM_128_HMAC_SHA1_80 ")
            && !chosen.contains(":4")
            && !chosen.ends_with("|1:1"),
        "PF-119: {chosen}"
    );
    world.leaves(CarrierA, &mut callee);
    let bye = world.hears_bye(Platform);
    assert_eq!(bye.start_line(), "BYE sip:+12065550199@172.18.36.3:5060;transport=udp SIP/2.0");
    let routes = bye.headers("Route").join(",").replace(", ", ",");
    assert!(routes.starts_with("<sip:192.0.2.50:5061;transport=tls;r2=on;lr;ftag=90210_c3356d0b>,"), "{routes}");
    world.finish();
}

fn twilio() -> World {
    world_of("twilio-secure", |settings| settings.trunks[2].request_uri_host = Some("acme.pstn.twilio.com".into()))
}

/// PF-116: our Request-URI names the trunk, the message goes to the edge; 503 and a redirect mean what they say.
#[test]
fn twilio_is_called_by_the_name_of_the_trunk_at_the_address_of_its_edge() {
    let mut world = twilio();
    let (offered, _) = world.dial(CarrierA, Platform);
    assert!(offered.start_line().starts_with("INVITE sip:+4930555@acme.pstn.twilio.com"), "{}", offered.start_line());
    assert!(offered.body().contains("RTP/SAVP "), "PF-118: {}", offered.body());
    let lines = "Record-Route: <sip:192.0.2.50:5061;transport=tls;r2=on;lr>\nContact: <sip:172.18.36.3:5060;transport=udp>\nCONTENT-TYPE: application/sdp";
    let accepted = says(&offered, "200 OK", "t1", lines, &answer(52_210));
    let mut callee = Dialog::of_callee(Platform, &offered, &accepted);
    world.send(Platform, accepted);
    let ack = world.expect(Platform, "ACK");
    assert_eq!(ack.header("Route"), "<sip:192.0.2.50:5061;transport=tls;r2=on;lr>");
    let told = world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, Dialog::of_caller(CarrierA, &told).ack(""));
    world.send(Platform, capitals(&callee.request("BYE", "")));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}

/// PF-104: one suite only, whatever Google offers besides; its display names and its own headers stay with us.
#[test]
fn google_is_answered_the_one_suite() {
    let keys = "m=audio 19305 RTP/SAVP 111 0 8 101
a=rtcp:9 IN IP4 0.0.0.0
a=crypto:1 AEAD_AES_128_GCM inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==
a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP
a=rtpmap:111 opus/48000/2
a=rtpmap:101 telephone-event/8000
a=rtcp-mux
a=sendrecv
";
    let mut world = world_of("google-gtp", |_| {});
    world.send(
        Platform,
        calls(
            "INVITE sip:+49301234567@sbc.example.com:5061;transport=tls SIP/2.0
Via: SIP/2.0/TLS 192.0.2.50:5672;branch=z9hG4bKgoog
From: =?UTF-8?Q?x?= <sip:+12065550199@us.telephony.goog>;tag=go1
To: <sip:+49301234567@sbc.example.com>
Call-ID: goog-1
Contact: <sip:+12065550199@192.0.2.50:5672;transport=tls>
X-Google-Session: 42
Supported: 100rel,timer"
                .replace("=?UTF-8?Q?x?= ", "\"CCAI Platform\" ")
                .as_str(),
            &described(keys),
        ),
    );
    let offered = world.expect(CarrierA, "INVITE");
    let (told, mut callee) = answered(&mut world, &offered);
    assert!(
        sdp_lines(&told, "a=crypto").concat().starts_with("a=crypto:2 AES_CM_128_HMAC_SHA1_80 "),
        "{}",
        told.body()
    );
    world.leaves(CarrierA, &mut callee);
    world.hears_bye(Platform);
    world.finish();
}

/// PF-64, PF-80: Genesys sends its REFER with a bare number, later than its hold; the carrier is called.
#[test]
fn genesys_transfers_to_a_number_after_a_hold() {
    let mut world = world_of("genesys-byoc", |_| {});
    let (offered, _) = world.dial(CarrierA, Platform);
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    let hold = talk.callee.request("INVITE", &sdp(Platform, "sendonly").replace("o=- 1 1", "o=- 1 2"));
    world.send(Platform, hold);
    let held = world.expect(CarrierA, "INVITE");
    world.reinvite_answered(&talk.callee, &held, (CarrierA, &sdp(CarrierA, "recvonly")));
    let refer = with_header(
        &talk.callee.request("REFER", ""),
        "Refer-To: <sip:+49301112222@sbc.example.com:5061;transport=tls>\r\nReferred-By: <sip:+493055500@acme.byoc.example.com>",
    );
    world.send(Platform, refer);
    world.expect(Platform, "SIP/2.0 202");
    world.is_told(Platform, "SIP/2.0 100 Trying");
    let new = world.expect(CarrierA, "INVITE");
    assert!(new.start_line().starts_with("INVITE sip:+49301112222@198.51.100.7"), "{}", new.start_line());
    world.send(CarrierA, new.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.leaves(Platform, &mut talk.callee);
    world.hears_bye(CarrierA);
    world.finish();
}
