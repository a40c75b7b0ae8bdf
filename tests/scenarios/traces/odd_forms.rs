//! Legal forms that are seldom seen: bare URIs, tel in From, descriptions that change between 183 and 200, two answers,
//! keys in every spelling.

use super::{CONTACT, answer, capitals, crlf, media_goes_to, microsoft_calls, offer, raw, says, sdp_lines, world_of};
use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp, with_header};

const DESCRIBED: &str = "CONTENT-TYPE: application/sdp";

fn teams() -> World {
    world_of("microsoft-teams", |_| {})
}

fn refused(mut world: World, offered: &Text) {
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

/// The carrier answers; the platform hangs up.
fn served(mut world: World, offered: &Text) -> Text {
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    let mut caller = Dialog::of_caller(Platform, &told);
    world.send(Platform, caller.ack(""));
    world.leaves(Platform, &mut caller);
    world.hears_bye(CarrierA);
    world.finish();
    told
}

/// RFC 3261 20.10: without angle brackets the parameters are the field's, also in From and To.
#[test]
fn addresses_without_brackets_are_read() {
    let mut world = teams();
    let lines = "FROM: sip:+14255550100@sip.pstnhub.microsoft.com;tag=bare1\n";
    let invite = microsoft_calls("+49301234567", "bare", lines, &offer())
        .replace(CONTACT, "CONTACT: sip:api-du-a-euwe.pstnhub.microsoft.com:443;x-i=5;q=1")
        .replace("TO: <sip:+49301234567@sbc.example.com:5061;user=phone>", "TO: sip:+49301234567@sbc.example.com");
    world.send(Platform, invite);
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.header("From").contains("+14255550100@"), "{}", offered.header("From"));
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, Dialog::of_caller(Platform, &told).ack(""));
    let mut callee = Dialog::of_callee(CarrierA, &offered, &offered.respond(200, CarrierA, ""));
    world.leaves(CarrierA, &mut callee);
    let bye = world.hears_bye(Platform);
    assert_eq!(bye.start_line(), "BYE sip:api-du-a-euwe.pstnhub.microsoft.com:443 SIP/2.0");
    world.finish();
}

/// RFC 3966: a caller and an asserted identity as tel, with separators; RFC 3323: several privacies in one field.
#[test]
fn a_tel_caller_and_identities_in_two_fields_are_one_number() {
    let mut world = teams();
    let lines = "FROM: <tel:+1-425-555-0100>;tag=tel1
P-ASSERTED-IDENTITY: \"U, One\" <sip:user1@example.net>
P-ASSERTED-IDENTITY: <tel:+1-425-555-0100>
PRIVACY: none
";
    world.send(Platform, microsoft_calls("+49301234567", "tel-from", lines, &offer()));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.header("From").contains("+14255550100@"), "{}", offered.header("From"));
    refused(world, &offered);
}

#[test]
fn several_privacies_in_one_field_hide_the_caller() {
    let mut world = teams();
    let lines = "P-ASSERTED-IDENTITY: <tel:+14255550100>\nPRIVACY: user;id;critical\n";
    world.send(Platform, microsoft_calls("+49301234567", "hidden", lines, &offer()));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(!offered.header("From").contains("4255550100"), "{}", offered.header("From"));
    refused(world, &offered);
}

/// MD-99, PF-136: an entry that asks for it is not shown to the carrier.
#[test]
fn a_private_entry_of_the_history_is_not_shown() {
    let mut world = teams();
    let lines = "HISTORY-INFO: <sip:+14255550177@sip.pstnhub.microsoft.com;user=phone?Privacy=history&Reason=SIP%3Bcause%3D302>;index=1,<sip:+49301234567@sip.pstnhub.microsoft.com>;index=1.1\n";
    world.send(Platform, microsoft_calls("+49301234567", "history-1", lines, &offer()));
    let offered = world.expect(CarrierA, "INVITE");
    let shown = offered.as_str().contains("4255550177") && !offered.as_str().to_lowercase().contains("privacy");
    assert!(!shown, "{}", offered.as_str());
    refused(world, &offered);
}

/// An answer is final in the 200 alone: after an unreliable 183 of the ring bot the 200 of the same tag names another
/// processor with another key (MD-109, MD-113, RFC 3261 13.2.1).
#[test]
fn the_description_of_the_200_replaces_that_of_the_183_of_the_same_tag() {
    let mut world = teams();
    let (offered, _) = world.dial(CarrierA, Platform);
    world.send(
        Platform,
        says(&offered, "183 Session Progress", "bot", &format!("{CONTACT}\n{DESCRIBED}"), &answer(52_210)),
    );
    world.expect(CarrierA, "SIP/2.0 183");
    let elsewhere = answer(49_900)
        .replace("192.0.2.44", "192.0.2.60")
        .replace("87wVGpfayAsh+orC138+U+7E+4l7Hz5NJ+H0meAL", "x0IWxsEXxeQQZ4fl/PHkMFwtHBLOiQ09ZwV1T0eN");
    let accepted = says(&offered, "200 OK", "bot", &format!("{CONTACT}\n{DESCRIBED}"), &elsewhere);
    let mut callee = Dialog::of_callee(Platform, &offered, &accepted);
    world.send(Platform, accepted);
    world.expect(Platform, "ACK");
    let told = world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, Dialog::of_caller(CarrierA, &told).ack(""));
    assert!(media_goes_to(&world, "192.0.2.60:49900"));
    world.leaves(Platform, &mut callee);
    world.hears_bye(CarrierA);
    world.finish();
}

/// Two clients answer at once: the first keeps the call, the second gets its ACK and a BYE (RFC 3261 13.2.2.4).
#[test]
fn the_second_of_two_answers_is_acknowledged_and_ended() {
    let mut world = teams();
    let (offered, _) = world.dial(CarrierA, Platform);
    let accept = |tag, port| says(&offered, "200 OK", tag, &format!("{CONTACT}\n{DESCRIBED}"), &answer(port));
    let first = accept("first", 52_210);
    let mut callee = Dialog::of_callee(Platform, &offered, &first);
    world.send(Platform, first);
    world.send(Platform, accept("second", 52_310));
    assert_eq!(world.expect(Platform, "ACK").tag("To").as_deref(), Some("first"));
    assert_eq!(world.expect(Platform, "ACK").tag("To").as_deref(), Some("second"));
    let bye = world.hears_bye(Platform);
    assert_eq!(bye.tag("To").as_deref(), Some("second"));
    assert_eq!(bye.start_line(), format!("BYE {} SIP/2.0", super::TARGET));
    let told = world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, Dialog::of_caller(CarrierA, &told).ack(""));
    world.leaves(Platform, &mut callee);
    world.hears_bye(CarrierA);
    world.finish();
}

/// RFC 4568 6.1, 9.2: lifetimes as power or number, parameters behind the key, several keys in a line are legal.
#[test]
fn keys_in_every_spelling_are_read() {
    const KEY: &str = "x0IWxsEXxeQQZ4fl/PHkMFwtHBLOiQ09ZwV1T0eN";
    for spelt in [
        format!("inline:{KEY}"),
        format!("inline:{KEY}|2^20"),
        format!("inline:{KEY}|2^48"),
        format!("inline:{KEY}|1048576"),
        format!("inline:{KEY}|2^31 KDR=0"),
        format!("inline:{KEY}|2^31 WSH=128"),
    ] {
        let mut world = teams();
        let body = offer().replace(&format!("inline:{KEY}|2^31"), &spelt);
        world.send(Platform, microsoft_calls("+49301234567", "spelt", "", &body));
        let offered = world.expect(CarrierA, "INVITE");
        let told = served(world, &offered);
        assert!(sdp_lines(&told, "a=crypto:1 ").len() == 1, "{spelt}: {}", told.body());
    }
}

/// RFC 2045: parameters of the content type, a disposition; RFC 3261 20.12: no coding that we do not know.
#[test]
fn a_described_body_with_parameters_is_taken_and_a_packed_one_is_415() {
    let lines = "CONTENT-TYPE: application/SDP ; charset=\"utf-8\"\nCONTENT-DISPOSITION: session;handling=required\nMIME-VERSION: 1.0\nCONTENT-LANGUAGE: en\n";
    let mut world = teams();
    world.send(Platform, microsoft_calls("+49301234567", "typed", lines, &offer()));
    let offered = world.expect(CarrierA, "INVITE");
    refused(world, &offered);
    let mut world = teams();
    world.send(Platform, microsoft_calls("+49301234567", "packed", "CONTENT-ENCODING: gzip\n", &offer()));
    let told = world.refusal(Platform);
    assert_eq!(told.status(), Some(415), "{}", told.as_str());
    world.finish();
}

/// RFC 4916, and platforms that put another name into From of a re-INVITE: the tags alone name the dialog.
#[test]
fn a_reinvite_with_another_display_name_is_of_the_same_call() {
    let mut world = teams();
    world.send(Platform, microsoft_calls("+49301234567", "renamed", "", &offer()));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    let mut caller = Dialog::of_caller(Platform, &told);
    world.send(Platform, capitals(&caller.ack("")));
    let again = caller.request("INVITE", &offer()).replacen(
        "From: <sip:+14255550100@",
        "From: \"Queue, Sales\" <sip:queue7@",
        1,
    );
    world.send(Platform, capitals(&again));
    assert_eq!(world.expect(Platform, "SIP/2.0 200").tag("From").as_deref(), Some("1d5f9b0c7a2e4b16"));
    world.send(Platform, capitals(&caller.ack("")));
    world.leaves(Platform, &mut caller);
    world.hears_bye(CarrierA);
    world.finish();
}

/// MD-1: a platform never registers; whoever asks is told, and nothing crosses.
#[test]
fn register_subscribe_and_publish_of_a_platform_are_refused_here() {
    let mut world = teams();
    for method in ["REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE", "UPDATE", "NOTIFY", "X-ODD"] {
        let head = format!(
            "{method} sip:sbc.example.com:5061;transport=tls SIP/2.0\nFROM: <sip:sip.pstnhub.microsoft.com:5061>;tag=6f{method}\nTO: <sip:sbc.example.com:5061>\nCSEQ: 1 {method}\nCALL-ID: out-{method}\nMAX-FORWARDS: 70\nVIA: SIP/2.0/TLS 192.0.2.75:5061;branch=z9hG4bKout{method}\nCONTACT: <sip:sip.pstnhub.microsoft.com:5061>"
        );
        world.send(Platform, raw(&head, ""));
        let told = world.expect(Platform, "SIP/2.0 ");
        assert!(matches!(told.status(), Some(403 | 405 | 481 | 489 | 501)), "{method}: {}", told.start_line());
        assert!(told.header("X-MS-SBC").starts_with("Trunkline/"), "MD-79 {method}");
    }
    assert!(world.is_quiet(CarrierA));
    world.finish();
}

/// RFC 3261 11.2: hops are not asked of an OPTIONS for ourselves; a host in other letters is ours.
#[test]
fn options_that_have_no_hop_left_or_shout_our_name_are_answered() {
    let mut world = teams();
    for (host, hops) in [("sbc.example.com", 0), ("SBC.EXAMPLE.COM", 70)] {
        let head = format!(
            "OPTIONS sip:{host}:5061;transport=tls SIP/2.0\nFROM: <sip:sip.pstnhub.microsoft.com:5061>;tag=6f{hops}\nTO: <sip:{host}:5061>\nCSEQ: 1 OPTIONS\nCALL-ID: o-{hops}\nMAX-FORWARDS: {hops}\nVIA: SIP/2.0/TLS 192.0.2.75:5061;branch=z9hG4bKo{hops}\nCONTACT: <sip:sip.pstnhub.microsoft.com:5061>\nACCEPT: application/sdp"
        );
        world.send(Platform, raw(&head, ""));
        let told = world.expect(Platform, "SIP/2.0 ");
        assert_eq!(told.status(), Some(200), "{}", told.start_line());
    }
    world.finish();
}

/// MD-51, MD-53: the 200 as observed, without a To tag, keeps the name up.
#[test]
fn a_200_to_our_options_without_a_tag_means_up() {
    use std::time::Duration;
    use trunkline::engine::io::Event;
    let mut world = world_of("microsoft-teams", |settings| {
        settings.trunks[2].behaviour.options.interval = Duration::from_secs(60);
    });
    for _ in 0..3 {
        let probe = world.expect(Platform, "OPTIONS sip:sip");
        world.send(Platform, says(&probe, "200 OK", "", "", ""));
    }
    world.pass(Duration::from_secs(1));
    let up = world.events.iter().filter(|event| format!("{event:?}").contains("Up")).count();
    assert!(up >= 3 && world.events.iter().any(|event| matches!(event, Event::Target(_))), "{:?}", world.events);
    world.agent(Platform).forget();
    world.finish();
}

fn inbound() -> (World, Dialog, Dialog) {
    let mut world = teams();
    let (offered, _) = world.dial(CarrierA, Platform);
    let accepted = says(&offered, "200 OK", "c3", &format!("{CONTACT}\n{DESCRIBED}"), &answer(52_210));
    let callee = Dialog::of_callee(Platform, &offered, &accepted);
    world.send(Platform, accepted);
    world.expect(Platform, "ACK");
    let told = world.expect(CarrierA, "SIP/2.0 200");
    let caller = Dialog::of_caller(CarrierA, &told);
    world.send(CarrierA, caller.ack(""));
    (world, caller, callee)
}

/// RFC 3515 2.4.2: no target, two targets, a method that is no INVITE: refused, and the call lives.
#[test]
fn a_refer_that_names_no_one_call_is_refused() {
    let (mut world, mut carrier, mut microsoft) = inbound();
    for lines in [
        "X-None: 1".to_owned(),
        "REFER-TO: <sip:a@sip.pstnhub.microsoft.com>\r\nREFER-TO: <sip:b@sip.pstnhub.microsoft.com>".to_owned(),
        "REFER-TO: <sip:a@sip.pstnhub.microsoft.com;method=BYE>".to_owned(),
        "REFER-TO: <http://sip.pstnhub.microsoft.com/>".to_owned(),
    ] {
        world.send(Platform, capitals(&with_header(&microsoft.request("REFER", ""), &lines)));
        let told = world.expect(Platform, "SIP/2.0 ");
        assert!(told.status().is_some_and(|status| (400..700).contains(&status)), "{lines}: {}", told.start_line());
    }
    world.leaves(CarrierA, &mut carrier);
    world.hears_bye(Platform);
    world.finish();
}

/// A second REFER while the first is under way waits or is refused; the first one is finished.
#[test]
fn a_second_refer_disturbs_no_transfer() {
    let (mut world, mut carrier, mut microsoft) = inbound();
    let refer = |dialog: &mut Dialog, user: &str| {
        capitals(&with_header(
            &dialog.request("REFER", ""),
            &format!("REFER-TO: <sip:{user}@sip.pstnhub.microsoft.com:5061;transport=tls>"),
        ))
    };
    world.send(Platform, refer(&mut microsoft, "+49301112222"));
    world.expect(Platform, "SIP/2.0 202");
    world.is_told(Platform, "SIP/2.0 100 Trying");
    let offered = world.expect(Platform, "INVITE");
    world.send(Platform, refer(&mut microsoft, "+49301113333"));
    let told = world.expect(Platform, "SIP/2.0 ");
    assert!(matches!(told.status(), Some(400..=699)), "{}", told.start_line());
    world.send(Platform, says(&offered, "200 OK", "n", &format!("{CONTACT}\n{DESCRIBED}"), &answer(52_400)));
    world.expect(Platform, "ACK");
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut microsoft);
    assert!(media_goes_to(&world, "192.0.2.44:52400"));
    world.leaves(CarrierA, &mut carrier);
    world.hears_bye(Platform);
    world.finish();
}

/// The transferor's dialog is gone on its side (481 to our NOTIFY): the transfer goes on, no NOTIFY follows.
#[test]
fn a_notify_that_is_answered_481_ends_no_transfer() {
    let (mut world, mut carrier, mut microsoft) = inbound();
    let refer =
        with_header(&microsoft.request("REFER", ""), "REFER-TO: <sip:+49301112222@sip.pstnhub.microsoft.com:5061>");
    world.send(Platform, capitals(&refer));
    world.expect(Platform, "SIP/2.0 202");
    let notify = world.expect(Platform, "NOTIFY");
    world.send(Platform, says(&notify, "481 Call/Transaction Does Not Exist", "", "", ""));
    let offered = world.expect(Platform, "INVITE");
    world.send(Platform, says(&offered, "200 OK", "n", &format!("{CONTACT}\n{DESCRIBED}"), &answer(52_400)));
    world.expect(Platform, "ACK");
    let bye = world.hears_bye(Platform);
    assert_eq!(bye.header("Call-ID"), microsoft.call_id(), "what is left of the old dialog is cleared away");
    assert!(media_goes_to(&world, "192.0.2.44:52400"));
    world.pass(std::time::Duration::from_secs(60));
    world.leaves(CarrierA, &mut carrier);
    assert_eq!(world.hears_bye(Platform).header("Call-ID"), offered.header("Call-ID"));
    world.finish();
}

/// RFC 3264 8.2, 6: an offer whose only stream is closed, and one of codecs nobody speaks: 488, with a Warning.
#[test]
fn an_offer_of_nothing_is_488() {
    let closed = offer().replace("m=audio 51030", "m=audio 0");
    let foreign = crlf(
        "v=0\no=- 1 1 IN IP4 192.0.2.10\ns=-\nc=IN IP4 192.0.2.10\nt=0 0\nm=audio 51030 RTP/SAVP 96\na=rtpmap:96 speex/8000\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x0IWxsEXxeQQZ4fl/PHkMFwtHBLOiQ09ZwV1T0eN|2^31\n",
    );
    for body in [closed, foreign] {
        let mut world = teams();
        world.send(Platform, microsoft_calls("+49301234567", "nothing", "", &body));
        let told = world.refusal(Platform);
        assert_eq!(told.status(), Some(488), "{}", told.as_str());
        assert!(!told.header("Warning").is_empty(), "{}", told.as_str());
        assert!(world.is_quiet(CarrierA));
        world.finish();
    }
}
