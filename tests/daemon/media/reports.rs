//! MD-181: reports go out in early media and on hold, though nobody says anything and the other side reports nothing;
//! what comes sealed is opened with the key of the description.

use super::party::Party;
use super::talk::{Change, Talk, ground};
use super::voice::Voice;
use crate::ground::Ground;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;

fn parties(ground: &Ground) -> (Party, Party) {
    (Party::caller(ground, Voice::secured(1, 100)), Party::callee(ground, Voice::plain(2)))
}

#[test]
fn both_far_ends_get_reports_before_the_answer_and_on_hold() {
    let ground = ground("{ security = \"srtp\" }", "{ security = \"rtp\" }");
    let _running = ground.start();
    let (mut caller, mut callee) = parties(&ground);
    let sdp = caller.sdp();
    caller.peer.ask("INVITE", &sdp);
    let offered = callee.peer.expect("INVITE ");
    callee.learn(&offered);
    let early = callee.sdp();
    callee.peer.send(offered.respond("183 Session Progress", callee.peer.own, &early));
    let progress = caller.peer.expect("SIP/2.0 183");
    caller.learn(&progress);
    // Nobody has sent a packet: receiver reports.
    assert_eq!(callee.report()[1], RECEIVER_REPORT);
    let sealed = caller.report();
    assert!(sealed[1] == RECEIVER_REPORT && caller.ear.opens_report(&sealed), "{sealed:?}");

    let mut talk = Talk::answered(caller, callee, &offered);
    talk.warm_up();
    talk.reinvite(0, Change::Hold("inactive"));
    for party in &mut talk.parties {
        party.forget_reports();
        let held = party.report();
        assert!([SENDER_REPORT, RECEIVER_REPORT].contains(&held[1]));
        assert!(!party.voice.is_secured() || party.ear.opens_report(&held));
    }
    talk.end(&ground);
}
