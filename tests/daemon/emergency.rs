//! Emergency calls through the running daemon: in each form, past limits and guard, with their location octet for
//! octet, never from a carrier to a platform; and the number of a place with the call back to it (PF-49 to PF-51,
//! PF-161 to PF-163, MD-161 to MD-164).

use std::fs;

use serde_json::Value;

use crate::ground::{Ground, Rules};
use crate::peer::Peer;
use crate::text::{Dialog, Message, sdp};

/// Whom the requests of these tests name.
const CALLED: &str = "sip:+493012345678@";
const CALLER: &str = "+49891234567";
const ELIN: &str = "+4930555500";
/// Spacing and octets that nobody would write again.
const PLACE: &str = "Content-Type:  application/pidf+xml\r\nContent-ID: <p@lab>\r\n\r\n<presence xmlns:ca=\"urn:x\">\n\
                     <ca:ELIN >030/\t</ca:ELIN><ca:NAM>+49 30 555 500</ca:NAM> \u{e4}</presence>\r\n";

/// Trunks of Germany that hold one call each; `more` for the trunk that is called, `tables` for the file.
fn ground(roles: [&str; 2], more: &str, tables: &str) -> Ground {
    let timers = "timers = { t1_ms = 50 }\nnumbers = { country = \"DE\" }\nmax_calls = 1";
    let trunk = |name: &str, lines: &str| (format!("[trunks.{name}]\n"), format!("[trunks.{name}]\n{lines}\n"));
    let changes = vec![
        trunk("caller-udp", &format!("role = \"{}\"", roles[0])),
        trunk("callee-udp", &format!("role = \"{}\"\n{more}", roles[1])),
        ("[metrics]\n".to_owned(), format!("{tables}\n[metrics]\n")),
    ];
    Ground::new(Rules { timers, changes, ..Rules::default() })
}

fn platform_to_carrier(more: &str) -> Ground {
    ground(["platform", "carrier"], more, "[fraud]\ndeny_prefixes = [\"+49112\"]\n[cdr]")
}

fn offer(ground: &Ground) -> String {
    sdp((ground.caller(), 40_000).into())
}

/// An INVITE to this URI (`HOST`: the daemon).
fn dialled(peer: &Peer, ground: &Ground, uri: &str) -> String {
    let (plain, host) = (peer.written("INVITE", &offer(ground)), ground.sip().to_string());
    let line = plain.lines().next().unwrap().to_owned();
    plain.replacen(&line, &format!("INVITE {} SIP/2.0", uri.replace("HOST", &host)), 1)
}

/// The same with a location beside the description.
fn located(invite: &str, place: &str) -> String {
    let (head, session) = invite.split_once("\r\n\r\n").unwrap();
    let body = format!("--b\r\n{place}\r\n--b\r\nContent-Type: application/sdp\r\n\r\n{session}\r\n--b--\r\n");
    let plain = |line: &&str| !line.starts_with("Content-");
    let head: String = head.lines().filter(plain).map(|line| format!("{line}\r\n")).collect();
    let kind = "Geolocation: <cid:p@lab>\r\nContent-Type: multipart/mixed;boundary=b";
    format!("{head}{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The called party is busy, and the caller hears so.
fn declined(caller: &mut Peer, callee: &mut Peer) -> Message {
    let offered = callee.expect("INVITE ");
    callee.send(offered.respond("486 Busy Here", callee.own, ""));
    callee.expect("ACK ");
    caller.expect("SIP/2.0 486");
    offered
}

fn answered(caller: &mut Peer, callee: &mut Peer, ground: &Ground) -> (Dialog, Message) {
    let offered = callee.expect("INVITE ");
    callee.send(offered.respond("200 OK", callee.own, &offer(ground)));
    let accepted = caller.expect("SIP/2.0 200");
    callee.expect("ACK ");
    let dialog = caller.dialog(&accepted);
    caller.send(dialog.ack());
    (dialog, offered)
}

fn over(caller: &mut Peer, callee: &mut Peer, dialog: &mut Dialog) {
    caller.send(dialog.request("BYE"));
    caller.expect("SIP/2.0 200");
    let bye = callee.expect("BYE ");
    callee.send(bye.respond("200 OK", callee.own, ""));
}

/// While the only ordinary call that both trunks hold is up.
#[test]
fn every_form_passes_full_trunks_and_the_guard_and_the_location_is_untouched() {
    let ground = platform_to_carrier("bodies = { pass = [\"application/pidf+xml\"] }");
    let _running = ground.start();
    let (mut caller, mut callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    caller.ask("INVITE", &offer(&ground));
    let (mut held, _) = answered(&mut caller, &mut callee, &ground);
    caller.ask("INVITE", &offer(&ground));
    caller.expect("SIP/2.0 503");
    for uri in ["sip:112@HOST", "sip:+49112@HOST", "sip:+112@HOST", "urn:service:sos"] {
        let invite = dialled(&caller, &ground, uri);
        caller.send(located(&invite, PLACE));
        let offered = declined(&mut caller, &mut callee);
        assert!(offered.start_line().starts_with("INVITE sip:112@"), "{uri}: {}", offered.start_line());
        assert!(offered.header("From").contains(CALLER), "{}", offered.0);
        assert_eq!(offered.0.matches(PLACE).count(), 1, "octet for octet: {}", offered.0);
        assert_eq!(offered.header("Geolocation"), "<cid:p@lab>");
    }
    over(&mut caller, &mut callee, &mut held);
    let metrics = ground.get("/metrics");
    assert!(metrics.contains("\nsbc_emergency_calls_total 4\n"), "{metrics}");
    assert!(metrics.contains("sbc_trunk_seizures_total{trunk=\"callee-udp\",direction=\"outgoing\"} "), "{metrics}");
    ground.until(Ground::held);
}

#[test]
fn from_a_carrier_it_never_reaches_a_platform() {
    let ground = ground(["carrier", "platform"], "", "");
    let _running = ground.start();
    let (mut caller, mut callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    for uri in ["sip:112@HOST", "sip:+49112@HOST", "urn:service:sos"] {
        let invite = dialled(&caller, &ground, uri);
        caller.send(invite);
        let refused = caller.expect("SIP/2.0 403");
        assert!(refused.header("Reason").contains("cause=21"), "{}", refused.0);
    }
    assert!(callee.is_quiet());
    let metrics = ground.get("/metrics");
    assert!(metrics.contains("sbc_calls_ended_total{cause=\"emergency_misdirected\"} 3\n"), "{metrics}");
    assert!(metrics.contains("\nsbc_emergency_calls_failed_total 3\n"), "{metrics}");
}

#[test]
fn the_number_of_the_place_is_shown_and_whoever_calls_it_back_reaches_the_caller() {
    let ground = platform_to_carrier("emergency = { caller = \"elin\" }");
    let _running = ground.start();
    let (mut caller, mut callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let invite = dialled(&caller, &ground, "sip:112@HOST");
    caller.send(located(&invite, PLACE));
    let (mut dialog, offered) = answered(&mut caller, &mut callee, &ground);
    assert!(offered.header("From").starts_with(&format!("<sip:{ELIN}@")), "{}", offered.0);
    assert!(!offered.0.contains(CALLER) && !offered.0.contains("pidf"), "{}", offered.0);
    over(&mut caller, &mut callee, &mut dialog);

    // No route starts at the carrier: only the table of callers leads back.
    let back = callee.written("INVITE", &offer(&ground)).replace(CALLED, &format!("sip:{ELIN}@"));
    callee.send(back);
    let (mut dialog, offered) = answered(&mut callee, &mut caller, &ground);
    assert!(offered.start_line().starts_with(&format!("INVITE sip:{CALLER}@")), "{}", offered.0);
    over(&mut callee, &mut caller, &mut dialog);
    // The trunk holds one call, which is over when the relay has closed its ports.
    ground.until(Ground::held);
    callee.ask("INVITE", &offer(&ground));
    callee.expect("SIP/2.0 404");

    let metrics = ground.get("/metrics");
    for row in ["shown\"} 1", "called_back\"} 1", "unknown\"} 0", "displaced\"} 0"] {
        assert!(metrics.contains(&format!("sbc_elin_total{{news=\"{row}\n")), "{row}: {metrics}");
    }
    ground.until(|ground| match records(ground).as_slice() {
        [help, back, _] => {
            assert_eq!((&help["emergency"], &help["elin"]), (&"112".into(), &ELIN.into()));
            assert_eq!((&back["route"], &back["called"]), (&"emergency-callback".into(), &CALLER.into()));
            assert!(back["detail"].as_str().is_some_and(|detail| detail.contains(ELIN)), "{back}");
            Ok(())
        }
        other => Err(format!("{} records", other.len())),
    });
}

fn records(ground: &Ground) -> Vec<Value> {
    let text = fs::read_to_string(ground.state().join("cdr/calls-000000000001.jsonl")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["type"] == "call").collect()
}
