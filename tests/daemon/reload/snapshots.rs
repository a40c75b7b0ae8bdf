//! Running calls keep the configuration they began with; new ones go by the new one.

use std::fs;
use std::net::UdpSocket;

use super::{ctl, metric, scene, shown};
use crate::ground::{Ground, SIP};
use crate::peer::Peer;
use crate::text::sdp;

fn invite(scene: &mut super::Scene) {
    let at = (scene.ground.caller(), 40_002).into();
    scene.caller.ask("INVITE", &sdp(at));
}

#[test]
fn a_trunk_that_moves_gets_new_calls_at_its_new_place_and_the_bye_of_the_old_call_at_the_old() {
    let mut scene = scene();
    let old = format!("targets = [\"{}:{SIP}\"]\nsources = [\"{0}/32\"]", scene.ground.callee());
    let new = old.replacen(&SIP.to_string(), "15070", 1);
    let text = fs::read_to_string(scene.ground.config()).unwrap();
    let trunk = text.find("[trunks.callee-udp]").unwrap();
    fs::write(scene.ground.config(), text[..trunk].to_owned() + &text[trunk..].replacen(&old, &new, 1)).unwrap();
    assert!(shown(&ctl(&scene.ground, &["reload"])).starts_with("live     trunks.callee-udp.targets\n"));
    let mut moved = Peer::datagrams(UdpSocket::bind((scene.ground.callee(), 15_070)).unwrap(), scene.ground.sip());
    invite(&mut scene);
    let offered = moved.expect("INVITE ");
    moved.send(offered.respond("486 Busy Here", moved.own, ""));
    moved.expect("ACK ");
    scene.caller.expect("SIP/2.0 486");
    scene.call_goes_on_and_ends();
    assert!(moved.is_quiet());
}

#[test]
fn a_trunk_that_is_removed_is_a_stranger_for_new_calls_and_ends_its_old_one_in_order() {
    let mut scene = scene();
    let text = fs::read_to_string(scene.ground.config()).unwrap();
    let from = text.find("[trunks.caller-udp]").unwrap();
    let to = text.find("[trunks.callee-udp]").unwrap();
    let route = "[[routes]]\nfrom = \"caller-udp\"\nto = [\"callee-udp\"]\n";
    fs::write(scene.ground.config(), (text[..from].to_owned() + &text[to..]).replace(route, "")).unwrap();
    let said = shown(&ctl(&scene.ground, &["reload"]));
    assert!(said.contains("live     trunks.caller-udp\n") && said.contains("live     routes\n"), "{said}");
    // Its call still counts as its own, as long as it lasts.
    let trunks = shown(&ctl(&scene.ground, &["trunks"]));
    assert!(trunks.contains("caller-udp\tenabled\t1\t0\n"), "{trunks}");
    invite(&mut scene);
    scene.call_goes_on_and_ends();
    assert!(scene.callee.is_quiet(), "a call of nobody's was offered");
    scene.ground.until(|ground| {
        let trunks = shown(&ctl(ground, &["trunks"]));
        if trunks.contains("caller-udp") { Err(trunks) } else { Ok(()) }
    });
}

#[test]
fn a_limit_of_calls_holds_at_once_and_metrics_show_it() {
    let mut scene = scene();
    scene.rewrite(&[("[limits]", "[limits]\nmax_calls = 1")]);
    shown(&ctl(&scene.ground, &["reload"]));
    assert_eq!(metric(&scene.ground, "sbc_limit{limit=\"max_calls\"}"), "1");
    invite(&mut scene);
    let refused = scene.caller.expect("SIP/2.0 503");
    assert!(!refused.header("Retry-After").is_empty(), "{}", refused.0);
    scene.call_goes_on_and_ends();
    scene.ground.until(Ground::held);
}

#[test]
fn a_call_that_is_hung_up_by_hand_ends_with_bye_and_reason_both_ways() {
    let mut scene = scene();
    shown(&ctl(&scene.ground, &["hangup", "1"]));
    for peer in [&mut scene.caller, &mut scene.callee] {
        let bye = peer.expect("BYE ");
        assert!(bye.header("Reason").starts_with("Q.850;cause="), "{}", bye.0);
        peer.send(bye.respond("200 OK", peer.own, ""));
    }
    scene.ground.until(Ground::held);
    assert_eq!(ctl(&scene.ground, &["hangup", "1"]).status.code(), Some(1));
}
