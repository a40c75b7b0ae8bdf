//! `trunkline trace` and `trunkline ctl` against the running daemon: both legs of a call decrypted, its secrets masked.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::calls::{hang_up, set_up};
use crate::ground::{Ground, Rules};
use crate::text::sdp;

/// A key as it stands in a description: 30 octets.
const KEY: &str = "c2VjcmV0LWtleS1vZi10aGUtY2FsbGVyLWFib3Zl";

fn ground() -> Ground {
    Ground::new(Rules { timers: "timers = { t1_ms = 50 }", ..Rules::default() })
}

fn media(ground: &Ground) -> [SocketAddr; 2] {
    [(ground.caller(), 40_000).into(), (ground.callee(), 40_000).into()]
}

fn trunkline(ground: &Ground, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    let (first, rest) = arguments.split_first().unwrap();
    command.arg(first).arg("--config").arg(ground.config()).args(rest).output().unwrap()
}

fn shown(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_live_call_is_shown_with_both_legs_decrypted_and_its_keys_masked() {
    let ground = ground();
    let _running = ground.start();
    let mut caller = ground.tls();
    let mut callee = ground.udp(ground.callee());
    let description = sdp(media(&ground)[0]).replace("RTP/AVP", "RTP/SAVP")
        + &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    let invite = caller.written("INVITE", &description);
    caller.send(invite.replacen(
        "Max-Forwards:",
        "X-Ticket: 4711\r\nP-Secret: no\r\nUser-to-User: 0453414d;encoding=hex\r\nMax-Forwards:",
        1,
    ));
    let offered = callee.expect("INVITE ");
    callee.send(offered.respond("180 Ringing", callee.own, ""));
    caller.expect("SIP/2.0 180");
    callee.send(offered.respond("200 OK", callee.own, &sdp(media(&ground)[1])));
    let accepted = caller.expect("SIP/2.0 200");
    let own_key = accepted.body().split("inline:").nth(1).unwrap().split(['|', '\r']).next().unwrap().to_owned();
    callee.expect("ACK ");
    let text = shown(&trunkline(&ground, &["trace", "1", "--messages"]));
    let rungs: Vec<&str> = text.lines().filter(|line| line.contains('|') && line.contains("--")).collect();
    let has = |words: &[&str]| rungs.iter().any(|rung| words.iter().all(|word| rung.contains(word)));
    assert!(
        has(&["INVITE +sdp tls", ">|"]) && has(&["INVITE +sdp -"]) && has(&["180 Ringing"]) && has(&["200 OK +sdp"]),
        "{text}"
    );
    assert!(text.contains("RTP/SAVP") && text.contains("inline:xxxx"), "{text}");
    for hidden in [KEY, own_key.as_str(), "0453414d"] {
        assert!(!text.contains(hidden), "{hidden} is shown:\n{text}");
    }
    assert!(text.contains("X-Ticket: 4711\n      trunks.callee-udp.headers.pass X-*\n"), "{text}");
    assert!(text.contains("P-Secret: no => -\n      trunks.callee-udp.headers.pass (not in it)\n"), "{text}");
}

/// PF-184: what the context says is masked; which rule wrote it is not.
#[test]
fn a_context_that_was_built_is_shown_as_the_rules_work() {
    let trunk = "[trunks.callee-udp]\n".to_owned();
    let built = format!("{trunk}context = {{ values = {{ ticket = \"${{header:X-Ticket}}\" }} }}\n");
    let changes = vec![(trunk, built)];
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", changes, ..Rules::default() });
    let _running = ground.start();
    let mut caller = ground.udp(ground.caller());
    let mut callee = ground.udp(ground.callee());
    let invite = caller.written("INVITE", &sdp(media(&ground)[0]));
    caller.send(invite.replacen("Max-Forwards:", "X-Ticket: 4711\r\nMax-Forwards:", 1));
    let offered = callee.expect("INVITE ");
    assert_eq!(offered.header("User-to-User"), "7469636B65743D34373131;encoding=hex");
    let text = shown(&trunkline(&ground, &["trace", "1", "--messages"]));
    assert!(text.contains("\n      trunks.callee-udp.context\n"), "{text}");
    assert!(!text.contains("7469636B6574"), "{text}");
}

#[test]
fn a_call_that_is_over_is_found_by_its_number_and_can_be_captured() {
    let ground = ground();
    let _running = ground.start();
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (mut up, mut callee) = set_up(&mut caller, || callee, media(&ground));
    hang_up(&mut caller, &mut callee, &mut up);
    ground.until(Ground::held);
    let file = ground.state().join("call.pcap");
    let text = shown(&trunkline(&ground, &["trace", "2345678", "--pcap", file.to_str().unwrap()]));
    assert!(text.contains("over: normal_clearing"), "{text}");
    let capture = fs::read(&file).unwrap();
    let mut packets = Vec::new();
    let mut rest = &capture[24..];
    while rest.len() >= 16 {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        packets.push(rest[16..16 + length].to_vec());
        rest = &rest[16 + length..];
    }
    let way = |packet: &[u8]| {
        (
            SocketAddr::from((
                [packet[12], packet[13], packet[14], packet[15]],
                u16::from_be_bytes([packet[20], packet[21]]),
            )),
            String::from_utf8_lossy(&packet[28..]).into_owned(),
        )
    };
    let ways: Vec<_> = packets.iter().map(|packet| way(packet)).collect();
    assert!(ways.first().is_some_and(|(from, text)| *from == caller.own && text.starts_with("INVITE ")), "{ways:?}");
    assert!(ways.iter().any(|(from, text)| *from == callee.own && text.starts_with("SIP/2.0 200")), "{ways:?}");
    assert!(ways.iter().any(|(from, text)| *from == ground.sip() && text.starts_with("BYE ")), "{ways:?}");
}

#[test]
fn the_control_socket_is_its_users_alone_and_answers_what_the_daemon_does() {
    let ground = ground();
    let _running = ground.start();
    let mode = fs::metadata(ground.state().join("control.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (_up, mut callee) = set_up(&mut caller, || callee, media(&ground));
    let status = shown(&trunkline(&ground, &["ctl", "status"]));
    assert!(status.contains("phase running\n") && status.contains("calls 1\n"), "{status}");
    assert!(shown(&trunkline(&ground, &["ctl", "health"])).contains("ready true"));
    assert!(shown(&trunkline(&ground, &["ctl", "log"])).contains("level info"));
    assert!(shown(&trunkline(&ground, &["ctl", "log", "debug"])).contains("level debug"));
    assert!(shown(&trunkline(&ground, &["ctl", "log"])).contains("level debug"));
    assert_eq!(trunkline(&ground, &["ctl", "log", "a=b=c"]).status.code(), Some(1));
    assert!(shown(&trunkline(&ground, &["ctl", "calls"])).contains("1\tanswered\tcaller-udp\tcallee-udp\t"));
    shown(&trunkline(&ground, &["ctl", "hangup", "1"]));
    for peer in [&mut caller, &mut callee] {
        let bye = peer.expect("BYE ");
        peer.send(bye.respond("200 OK", peer.own, ""));
    }
    assert_eq!(trunkline(&ground, &["ctl", "hangup", "77"]).status.code(), Some(1));
    assert_eq!(trunkline(&ground, &["trace", "77"]).status.code(), Some(1));
}

#[test]
fn a_daemon_that_does_not_run_is_told_with_69() {
    let ground = ground();
    assert_eq!(trunkline(&ground, &["ctl", "status"]).status.code(), Some(69));
}
