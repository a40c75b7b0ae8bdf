//! TERM and INT while a call goes on (DESIGN 7 and 8): what is refused, what goes on, who gets a BYE, and the exit.

use crate::calls::{Up, set_up};
use crate::ground::{Ground, Rules, Running};
use crate::peer::Peer;
use crate::text::sdp;

struct Scene {
    ground: Ground,
    running: Running,
    caller: Peer,
    callee: Peer,
    up: Up,
}

/// A daemon with one call.
fn scene(drain_s: u32) -> Scene {
    let ground = Ground::new(Rules { drain_s, ..Rules::default() });
    let running = ground.start();
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let media = [(ground.caller(), 40_000).into(), (ground.callee(), 40_000).into()];
    let (up, callee) = set_up(&mut caller, || callee, media);
    Scene { ground, running, caller, callee, up }
}

impl Scene {
    fn term(&self) {
        self.running.signal("TERM");
        self.running.told("STOPPING=1");
        self.ground.until(|ground| if ground.is_ready() { Err("still ready".into()) } else { Ok(()) });
    }

    fn answer_byes(&mut self) {
        for peer in [&mut self.caller, &mut self.callee] {
            let bye = peer.expect("BYE ");
            assert!(!bye.header("Reason").is_empty(), "{}", bye.0);
            peer.send(bye.respond("200 OK", peer.own, ""));
        }
    }
}

#[test]
fn term_refuses_new_calls_lets_the_old_one_end_by_itself_and_exits_with_0() {
    let mut scene = scene(600);
    assert!(scene.ground.is_ready());
    scene.term();
    assert!(scene.ground.get("/healthz").starts_with("HTTP/1.1 200 "));
    scene.caller.ask("INVITE", &sdp((scene.ground.caller(), 40_002).into()));
    let refused = scene.caller.expect("SIP/2.0 503");
    assert!(refused.header("Retry-After").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{}", refused.0);
    // The call that goes on is still served.
    scene.caller.send(scene.up.dialog.request("OPTIONS"));
    scene.caller.expect("SIP/2.0 200");
    scene.caller.send(scene.up.dialog.request("BYE"));
    scene.caller.expect("SIP/2.0 200");
    let bye = scene.callee.expect("BYE ");
    scene.callee.send(bye.respond("200 OK", scene.callee.own, ""));
    assert_eq!(scene.running.exit(), Some(0));
}

#[test]
fn the_deadline_of_a_drain_ends_what_is_left_with_bye_both_ways() {
    let mut scene = scene(1);
    scene.term();
    scene.answer_byes();
    assert_eq!(exit_and_record(scene)["ended_by"], "node");
}

/// A far end that is gone answers no BYE, and the process waits for none; what was talked is still written down.
#[test]
fn a_call_whose_parties_answer_no_bye_has_its_record_and_none_is_taken_meanwhile() {
    let mut scene = scene(600);
    scene.running.signal("INT");
    scene.caller.expect("BYE ");
    scene.callee.expect("BYE ");
    scene.caller.ask("INVITE", &sdp((scene.ground.caller(), 40_002).into()));
    scene.caller.expect("SIP/2.0 503");
    let record = exit_and_record(scene);
    assert_eq!((&record["cause"], &record["ended_by"]), (&"shutdown".into(), &"node".into()), "{record}");
}

/// The record of the first call, which was written before the process ended.
fn exit_and_record(scene: Scene) -> serde_json::Value {
    assert_eq!(scene.running.exit(), Some(0));
    let spool = std::fs::read_dir(scene.ground.state().join("cdr")).unwrap();
    let lines: String = spool.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap_or_default()).collect();
    let mut records = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    records.find(|record| record["type"] == "call" && record["call"] == 1).unwrap_or_else(|| panic!("{lines}"))
}

#[test]
fn options_of_a_peer_are_answered_while_draining_as_its_trunk_says() {
    let answering = "options = { interval_s = 0, draining = \"answer\" }";
    let ground = Ground::new(Rules::default());
    let text = std::fs::read_to_string(ground.config()).unwrap();
    let callee = text.find("[trunks.callee-udp]").unwrap();
    let changed = text[callee..].replacen("options = { interval_s = 0 }", answering, 1);
    std::fs::write(ground.config(), text[..callee].to_owned() + &changed).unwrap();
    let running = ground.start();
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let media = [(ground.caller(), 40_000).into(), (ground.callee(), 40_000).into()];
    let (up, callee) = set_up(&mut caller, || callee, media);
    let mut scene = Scene { ground, running, caller, callee, up };
    scene.term();
    scene.caller.ask("OPTIONS", "");
    scene.caller.expect("SIP/2.0 503");
    scene.callee.probe();
    scene.running.signal("INT");
    scene.answer_byes();
    assert_eq!(scene.running.exit(), Some(0));
}

#[test]
fn a_second_term_ends_a_drain_with_bye_both_ways() {
    let mut scene = scene(600);
    scene.term();
    scene.running.signal("TERM");
    scene.answer_byes();
    assert_eq!(scene.running.exit(), Some(0));
}

#[test]
fn int_ends_a_drain_with_bye_both_ways() {
    let mut scene = scene(600);
    scene.term();
    scene.running.signal("INT");
    scene.answer_byes();
    assert_eq!(scene.running.exit(), Some(0));
}

#[test]
fn int_ends_a_running_daemon_with_bye_both_ways() {
    let mut scene = scene(600);
    scene.running.signal("INT");
    scene.answer_byes();
    assert_eq!(scene.running.exit(), Some(0));
}

#[test]
fn far_ends_that_answer_no_bye_do_not_hold_the_end_up() {
    let mut scene = scene(600);
    scene.running.signal("INT");
    scene.caller.expect("BYE ");
    scene.callee.expect("BYE ");
    assert_eq!(scene.running.exit(), Some(0));
}

#[test]
fn a_caller_that_still_waits_for_an_answer_is_told_when_the_daemon_ends() {
    let ground = Ground::new(Rules::default());
    let running = ground.start();
    let (mut caller, mut callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    caller.ask("INVITE", &sdp((ground.caller(), 40_000).into()));
    let offered = callee.expect("INVITE ");
    callee.send(offered.respond("180 Ringing", callee.own, ""));
    caller.expect("SIP/2.0 180");
    running.signal("INT");
    let cancel = callee.expect("CANCEL ");
    callee.send(cancel.respond("200 OK", callee.own, ""));
    callee.send(offered.respond("487 Request Terminated", callee.own, ""));
    caller.expect("SIP/2.0 503");
    assert_eq!(running.exit(), Some(0));
}
