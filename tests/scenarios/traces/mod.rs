//! Messages in the shapes that platforms really send, with the peers' shipped profiles on both sides: capitals, comma
//! lists, foreign bodies, odd URIs, forks, late and crossing requests. Shapes: section 19 of the Microsoft sheet,
//! sections 3 to 8 of the platform sheet.

mod microsoft_changes;
mod microsoft_bodies;
mod microsoft_calls;
mod microsoft_transfers;
mod odd_forms;
mod others;

use std::time::Duration;

use trunkline::config::profile;
use trunkline::route::settings::{RoutingSettings, TrunkSettings};
use trunkline::route::trunk::TargetSpec;

use crate::world::World;
use crate::world::text::Text;

/// The trunk gets a shipped profile: its behaviour, and the names it knows its peer by. It is not probed.
fn profiled(trunk: &mut TrunkSettings, name: &str) {
    let known = profile(name).expect("an embedded profile");
    trunk.profile = name.into();
    trunk.behaviour = known.behaviour.clone();
    trunk.behaviour.options.interval = Duration::ZERO;
    trunk.contact_host = known.counterpart.contact_host;
    if !known.counterpart.targets.is_empty() {
        let with_port = |target: &TargetSpec| TargetSpec { port: Some(5061), ..target.clone() };
        trunk.targets = known.counterpart.targets.iter().map(with_port).collect();
        trunk.sources = Some(vec!["192.0.2.0/24".parse().expect("a range")]);
    }
}

/// A world whose platform has this profile, and whose carriers are `carrier-ip`.
fn world_of(name: &str, change: impl FnOnce(&mut RoutingSettings)) -> World {
    let mut world = World::configured(|settings| {
        profiled(&mut settings.trunks[0], "carrier-ip");
        profiled(&mut settings.trunks[1], "carrier-ip");
        profiled(&mut settings.trunks[2], name);
        change(settings);
    });
    let address = "192.0.2.50:5061".parse().expect("an address");
    for host in ["sip.", "sip2.", "sip3.", "sip-du-a-euwe."] {
        world.names.insert(format!("{host}pstnhub.microsoft.com"), vec![address]);
    }
    world
}

/// The lines of `head` as they travel, with the length of `body`.
fn raw(head: &str, body: &str) -> String {
    let lines: Vec<&str> = head.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    format!("{}\r\nCONTENT-LENGTH: {}\r\n\r\n{body}", lines.join("\r\n"), body.len())
}

/// Lines ended as they travel.
fn crlf(text: &str) -> String {
    text.lines().map(|line| format!("{line}\r\n")).collect()
}

/// The answer of a platform that writes as Microsoft does: capitals, its own order, `VIA` after the dialog's fields.
fn says(offered: &Text, status: &str, tag: &str, lines: &str, body: &str) -> String {
    let via: Vec<String> = offered.headers("Via").into_iter().map(|via| format!("VIA: {via}\n")).collect();
    let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
    let head = format!(
        "SIP/2.0 {status}\nFROM: {}\nTO: {}{tag}\nCSEQ: {}\nCALL-ID: {}\n{}{lines}\nSERVER: Microsoft.PSTNHub.SIPProxy v.2026.1.1.1 i.EUWE.5\nALLOW: INVITE,ACK,OPTIONS,CANCEL,BYE,NOTIFY\n",
        offered.header("From"),
        offered.header("To"),
        offered.header("CSeq"),
        offered.header("Call-ID"),
        via.concat()
    );
    raw(&head, body)
}

/// The message with its field names in capitals (MD-71).
fn capitals(message: &str) -> String {
    let (head, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    let spelt = |(index, line): (usize, &str)| match line.split_once(':') {
        Some((name, value)) if index > 0 => format!("{}:{value}", name.to_ascii_uppercase()),
        Some(_) | None => line.to_owned(),
    };
    let lines: Vec<String> = head.split("\r\n").enumerate().map(spelt).collect();
    format!("{}\r\n\r\n{body}", lines.join("\r\n"))
}

/// The lines of the description in `message` that begin so.
fn sdp_lines(message: &Text, start: &str) -> Vec<String> {
    message.body().lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
}

/// The last media endpoint sends there.
fn media_goes_to(world: &World, place: &str) -> bool {
    world.relay.endpoint(|plan| format!("{plan:?}").contains(place)).is_some()
}

/// Contact of Microsoft's calls (MD-81).
const CONTACT: &str = "CONTACT: <sip:api-du-a-euwe.pstnhub.microsoft.com:443;x-i=55555555-0000-4111-8222-666666666666;x-c=0a1b2c3d4e5f60718293a4b5c6d7e8f9/s/1/9f8e7d6c5b4a39281706f5e4d3c2b1a0>";

/// Its URI.
const TARGET: &str = "sip:api-du-a-euwe.pstnhub.microsoft.com:443;x-i=55555555-0000-4111-8222-666666666666;x-c=0a1b2c3d4e5f60718293a4b5c6d7e8f9/s/1/9f8e7d6c5b4a39281706f5e4d3c2b1a0";

/// The offer of a media processor (19.4).
fn offer() -> String {
    crlf(concat!(
        "v=0\no=- 184467 0 IN IP4 127.0.0.1\ns=session\nc=IN IP4 192.0.2.10\nb=CT:50000\nt=0 0\n",
        "m=audio 51030 RTP/SAVP 104 9 103 8 0 18 97 101 13 118\nc=IN IP4 192.0.2.10\na=rtcp:51031\na=label:main-audio\na=mid:1\n",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x0IWxsEXxeQQZ4fl/PHkMFwtHBLOiQ09ZwV1T0eN|2^31\na=sendrecv\n",
        "a=rtpmap:104 SILK/16000\na=fmtp:104 useinbandfec=1; usedtx=0\na=rtpmap:9 G722/8000\na=rtpmap:103 SILK/8000\n",
        "a=fmtp:103 useinbandfec=1; usedtx=0\na=rtpmap:8 PCMA/8000\na=rtpmap:0 PCMU/8000\na=rtpmap:18 G729/8000\n",
        "a=fmtp:18 annexb=no\na=rtpmap:97 RED/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=rtpmap:13 CN/8000\n",
        "a=rtpmap:118 CN/16000\na=ptime:20\na=maxptime:200\n",
    ))
}

/// The answer of a media processor (19.3), on this port.
fn answer(port: u16) -> String {
    crlf(&format!(
        "v=0\no=- 90112 0 IN IP4 127.0.0.1\ns=session\nc=IN IP4 192.0.2.44\nt=0 0\nm=audio {port} RTP/SAVP 8 101 13\n\
         c=IN IP4 192.0.2.44\na=rtcp:{}\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:87wVGpfayAsh+orC138+U+7E+4l7Hz5NJ+H0meAL|2^31\n\
         a=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=rtpmap:13 CN/8000\na=ptime:20\na=sendrecv\n",
        port + 1
    ))
}

/// An INVITE of Microsoft (19.4) to this user, with these lines more.
fn microsoft_calls(user: &str, id: &str, lines: &str, body: &str) -> String {
    let kind = if body.is_empty() || lines.to_ascii_lowercase().contains("content-type:") {
        ""
    } else {
        "CONTENT-TYPE: application/sdp\n"
    };
    let from = if lines.contains("FROM:") {
        ""
    } else {
        "FROM: <sip:+14255550100@sip.pstnhub.microsoft.com:5061;user=phone>;tag=1d5f9b0c7a2e4b16\n"
    };
    let head = format!(
        "INVITE sip:{user}@sbc.example.com:5061;user=phone;transport=tls SIP/2.0\n{from}\
         TO: <sip:{user}@sbc.example.com:5061;user=phone>\nCSEQ: 1 INVITE\nCALL-ID: {id}\nMAX-FORWARDS: 70\n\
         VIA: SIP/2.0/TLS 192.0.2.50:5061;branch=z9hG4bK{id}\n{CONTACT}\n{lines}\
         USER-AGENT: Microsoft.PSTNHub.SIPProxy v.2026.1.1.1 i.USEA.2\nALLOW: INVITE,ACK,OPTIONS,CANCEL,BYE,NOTIFY\n{kind}"
    );
    raw(&head, body)
}
