//! What stands below the empty line: multipart in every order, foreign parts, several keys in an answer.

use super::{CONTACT, answer, crlf, media_goes_to, microsoft_calls, offer, says, sdp_lines, world_of};
use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp};

const LOCATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>
<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:gp=\"urn:ietf:params:xml:ns:pidf:geopriv10\" xmlns:ca=\"urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr\" entity=\"sip:user1@example.net\">
<tuple id=\"0\"><status><gp:geopriv><gp:location-info>
<ca:civicAddress><ca:country>US</ca:country><ca:A1>WA</ca:A1><ca:LOC>Floor 2</ca:LOC></ca:civicAddress>
</gp:location-info><gp:usage-rules/><gp:method>LIS</gp:method></gp:geopriv></status></tuple>
</presence>
";

fn teams() -> World {
    world_of("microsoft-teams", |_| {})
}

/// 19.8: the call goes on with the description alone, whatever stands around it (MD-162, RFC 2046 5.1.1).
#[test]
fn an_emergency_call_with_a_location_goes_on_in_every_wrapping() {
    let (sdp, place) = (offer(), crlf(LOCATION));
    let sdp_first = format!(
        "--bnd-7c1e\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--bnd-7c1e\r\nContent-Type: application/pidf+xml\r\nContent-ID: <loc-1@example.net>\r\n\r\n{place}\r\n--bnd-7c1e--\r\n"
    );
    let place_first = format!(
        "This is a preamble.\r\n--bnd-7c1e \r\nCONTENT-TYPE: application/pidf+xml\r\nCONTENT-ID: <loc-1@example.net>\r\nCONTENT-TRANSFER-ENCODING: binary\r\n\r\n{place}\r\n--bnd-7c1e\r\nCONTENT-DISPOSITION: session;handling=required\r\nCONTENT-TYPE: Application/SDP; charset=utf-8\r\n\r\n{sdp}\r\n--bnd-7c1e--\r\nAn epilogue."
    );
    let kinds = [
        ("multipart/mixed;boundary=\"bnd-7c1e\"", &sdp_first),
        ("multipart/mixed; boundary=bnd-7c1e", &sdp_first),
        ("Multipart/Mixed ; charset=x; Boundary=\"bnd-7c1e\"", &place_first),
        ("multipart/related;type=\"application/sdp\";boundary=bnd-7c1e", &place_first),
    ];
    for (kind, body) in kinds {
        let mut world = teams();
        let lines = format!("GEOLOCATION: <cid:loc-1@example.net>\nCONTENT-TYPE: {kind}\n");
        world.send(Platform, microsoft_calls("+49301234567", "located", &lines, body));
        let offered = world.expect(CarrierA, "INVITE");
        assert_eq!(offered.header("Content-Type"), "application/sdp", "{kind}");
        assert!(offered.header("Geolocation").is_empty() && !offered.as_str().contains("pidf"), "MD-162: {kind}");
        world.send(CarrierA, offered.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        assert_eq!(world.refusal(Platform).status(), Some(486), "{kind}");
        world.finish();
    }
}

/// MD-78, MD-165: nothing but the description goes to Microsoft, whatever the carrier wraps it in.
#[test]
fn isup_and_a_location_of_the_carrier_never_reach_microsoft() {
    let mut world = teams();
    let described = sdp(CarrierA, "sendrecv");
    let body = format!(
        "--b1\r\nContent-Type: application/isup;version=itu-t92+;base=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n\u{1}\u{2}\u{0}\u{3}\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n{described}\r\n--b1\r\nContent-Type: application/pidf+xml\r\nContent-ID: <p@c>\r\n\r\n<presence/>\r\n--b1--\r\n"
    );
    let plain = crate::world::text::invite(CarrierA, "+4930555", "x");
    let plain = plain.replacen(
        "Content-Type: application/sdp\r\n",
        "Content-Type: multipart/mixed;boundary=b1\r\nGeolocation: <cid:p@c>\r\n",
        1,
    );
    let head = plain.split("Content-Length:").next().unwrap_or_default();
    world.send(CarrierA, format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()));
    let offered = world.expect(Platform, "INVITE");
    assert_eq!(offered.header("Content-Type"), "application/sdp");
    assert!(offered.header("Geolocation").is_empty() && !offered.as_str().contains("presence"));
    assert!(offered.header("MIME-Version").is_empty());
    world.send(Platform, says(&offered, "486 Busy Here", "x", "", ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.finish();
}

/// MD-171: an answer with more keys than one: the one whose tag and suite we offered is taken.
#[test]
fn an_answer_with_a_key_too_many_is_taken() {
    let mut world = teams();
    let (offered, _) = world.dial(CarrierA, Platform);
    let extra =
        "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:x0IWxsEXxeQQZ4fl/PHkMFwtHBLOiQ09ZwV1T0eN|2^31\r\na=crypto:1 ";
    let body = answer(52_210).replacen("a=crypto:1 ", extra, 1);
    let accepted = says(&offered, "200 OK", "k", &format!("{CONTACT}\nCONTENT-TYPE: application/sdp"), &body);
    let mut callee = Dialog::of_callee(Platform, &offered, &accepted);
    world.send(Platform, accepted);
    world.expect(Platform, "ACK");
    let told = world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, Dialog::of_caller(CarrierA, &told).ack(""));
    assert!(media_goes_to(&world, "192.0.2.44:52210"));
    world.leaves(Platform, &mut callee);
    world.hears_bye(CarrierA);
    world.finish();
}

/// MD-178: video beside audio is answered with port 0, in its place.
#[test]
fn an_offer_with_video_is_answered_with_audio_alone() {
    let mut world = teams();
    let body = offer()
        + &crlf(
            "m=video 53100 RTP/SAVP 122 123\nc=IN IP4 192.0.2.10\na=rtpmap:122 X-H264UC/90000\na=mid:2\na=inactive\n",
        );
    world.send(Platform, microsoft_calls("+49301234567", "video", "", &body));
    let offered = world.expect(CarrierA, "INVITE");
    assert_eq!(sdp_lines(&offered, "m=").len(), 1, "the carrier is offered audio alone");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    let lines = sdp_lines(&told, "m=");
    assert_eq!(lines.len(), 2, "{}", told.body());
    assert!(lines[0].starts_with("m=audio ") && lines[1].starts_with("m=video 0 "), "{lines:?}");
    hang_up(world, &told);
}

/// RFC 8866 5.7: the connection line of the medium counts, not the session's; a bandwidth line stands between.
#[test]
fn the_mediums_own_connection_line_is_where_media_goes() {
    let mut world = teams();
    let body = offer().replacen("c=IN IP4 192.0.2.10", "c=IN IP4 192.0.2.99", 1);
    world.send(Platform, microsoft_calls("+49301234567", "where", "", &body));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    assert!(media_goes_to(&world, "192.0.2.10:51030"));
    hang_up(world, &told);
}

/// MD-203: ICE lines on a trunk without bypass are neither answered nor in the way.
#[test]
fn ice_lines_on_a_trunk_without_bypass_are_left_alone() {
    let mut world = teams();
    let ice = "a=ice-ufrag:8Kdz\na=ice-pwd:Vt3mQ9xR1bLs7wYnE5hJc2pA\na=candidate:1 1 UDP 2130706431 192.0.2.55 50008 typ host\na=candidate:3 1 UDP 184548351 192.0.2.10 51030 typ relay raddr 198.51.100.77 rport 61022\na=x-candidate-ipv6:1 1 UDP 1 2001:db8::1 5 typ host\na=remote-candidates:1 203.0.113.1 10000\n";
    world.send(Platform, microsoft_calls("+49301234567", "ice", "", &(offer() + &crlf(ice))));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(!offered.body().contains("ice") && !offered.body().contains("candidate"), "{}", offered.body());
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    assert!(!told.body().contains("a=ice") && !told.body().contains("candidate"), "{}", told.body());
    hang_up(world, &told);
}

/// 19.7: a bypass offer with full ICE, multiplexed RTCP and a profile of DTLS: answered with ice-lite and one candidate.
#[test]
fn a_bypass_offer_is_answered_with_ice_lite_and_one_candidate_the_same_in_183_and_200() {
    let mut world = world_of("microsoft-teams-bypass", |_| {});
    let ice = "a=rtcp-mux\na=ice-ufrag:8Kdz\na=ice-pwd:Vt3mQ9xR1bLs7wYnE5hJc2pA\na=candidate:1 1 UDP 2130706431 192.0.2.55 50008 typ host\na=candidate:1 2 UDP 2130706430 192.0.2.55 50009 typ host\na=candidate:2 1 UDP 1694498815 198.51.100.77 61022 typ srflx raddr 192.0.2.55 rport 50008\na=candidate:4 1 TCP-ACT 1684797951 192.0.2.55 50010 typ host\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\na=fingerprint:sha-256 AA:BB\na=setup:actpass\n";
    let body = (offer() + &crlf(ice)).replace("RTP/SAVP", "UDP/TLS/RTP/SAVP");
    world.send(Platform, microsoft_calls("+49301234567", "bypass", "", &body));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")));
    let early = world.expect(Platform, "SIP/2.0 183");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    for start in ["a=ice-lite", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=rtcp-mux", "m=audio "] {
        assert_eq!(sdp_lines(&told, start).len(), 1, "MD-195 {start}: {}", told.body());
        assert_eq!(sdp_lines(&told, start), sdp_lines(&early, start), "MD-200");
    }
    for foreign in ["extmap", "fingerprint", "setup", "TCP"] {
        assert!(!told.body().contains(foreign), "{foreign}: {}", told.body());
    }
    let profile = sdp_lines(&told, "m=audio ").concat();
    assert!(profile.contains(" UDP/TLS/RTP/SAVP "), "RFC 3264 6: the profile of the offer: {profile}");
    hang_up(world, &told);
}

fn hang_up(mut world: World, told: &Text) {
    let mut caller = Dialog::of_caller(Platform, told);
    world.send(Platform, caller.ack(""));
    world.leaves(Platform, &mut caller);
    world.hears_bye(CarrierA);
    world.finish();
}
