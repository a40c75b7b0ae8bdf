//! What a reload says of each key, by whom it is asked for, and who is told.

use std::fs;

use super::{Scene, ctl, metric, rewrite, scene, shown, without_warnings};
use crate::ground::{Ground, Rules};
use crate::text::sdp;

/// The route that the calls of these tests take.
const ROUTE: &str = "[[routes]]\nfrom = \"caller-udp\"\nto = [\"callee-udp\"]\n";

fn calls(scene: &mut Scene, answer: &str) {
    let at = (scene.ground.caller(), 40_002).into();
    scene.caller.ask("INVITE", &sdp(at));
    scene.caller.expect(answer);
}

#[test]
fn hup_brings_new_routes_into_force_while_a_call_goes_on_and_the_service_manager_hears_of_it() {
    let mut scene = scene();
    assert_eq!(metric(&scene.ground, "sbc_config_revision"), "1");
    scene.rewrite(&[(ROUTE, "")]);
    scene.running.signal("HUP");
    scene.running.told("RELOADING=1\nMONOTONIC_USEC=");
    scene.running.told("READY=1");
    calls(&mut scene, "SIP/2.0 404");
    assert_eq!(metric(&scene.ground, "sbc_config_revision"), "2");
    assert_eq!(metric(&scene.ground, "sbc_config_reloads_total{result=\"applied\"}"), "1");
    scene.call_goes_on_and_ends();
    scene.ground.until(Ground::held);
}

#[test]
fn hup_with_a_broken_file_changes_nothing_and_is_logged_with_file_and_line() {
    let ground = Ground::new(Rules::default());
    let running = ground.start_with_log("info");
    rewrite(&ground, &[("[metrics]", "[metrics]\nbound = 1")]);
    running.signal("HUP");
    running.told("RELOADING=1");
    running.told("READY=1");
    let line = ground.logged("configuration is refused");
    assert!(
        line.contains("\"level\":\"ERROR\"") && line.contains("trunkline.toml:") && line.contains("bound"),
        "{line}"
    );
    assert_eq!(metric(&ground, "sbc_config_reload_refused"), "1");
    assert_eq!(metric(&ground, "sbc_config_revision"), "1");
}

#[test]
fn each_key_is_named_with_what_it_takes_and_what_takes_a_restart_stays() {
    let mut scene = scene();
    scene.rewrite(&[
        ("name = \"ground\"", "name = \"another\""),
        ("drain_s = 600", "drain_s = 30"),
        ("[media]\nport_rest_s = 1", "[media]\nport_rest_s = 2"),
        ("[listeners.udp]", "[listeners.more]\nnetwork = \"loop\"\ntransport = \"tcp\"\nport = 15070\n[listeners.udp]"),
        ("rtp_ports = \"30000-30999\"", "rtp_ports = \"31000-31999\""),
    ]);
    let said = shown(&ctl(&scene.ground, &["reload"]));
    let lines = without_warnings(&said);
    let expected = [
        "live     node.drain_s",
        "rebind   listeners.more",
        "restart  media.port_rest_s",
        "restart  networks.loop.rtp_ports",
        "restart  node.name",
        "configuration 2: in force, but for what takes a restart: its old values stay",
    ];
    assert_eq!(lines, expected, "{said}");
    let status = shown(&ctl(&scene.ground, &["status"]));
    assert!(status.contains("node ground\n") && status.contains("configuration 2\n"), "{status}");
    // They are named again as long as they differ from what runs; the rest is in force.
    let again = shown(&ctl(&scene.ground, &["reload"]));
    assert!(again.contains("restart  node.name") && !again.contains("live"), "{again}");
    scene.call_goes_on_and_ends();
}

#[test]
fn a_file_that_says_the_same_changes_nothing() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    rewrite(&ground, &[("[metrics]", "# a remark\n[metrics]")]);
    let said = shown(&ctl(&ground, &["reload"]));
    assert_eq!(without_warnings(&said), ["configuration 1: nothing has changed"]);
    assert_eq!(metric(&ground, "sbc_config_reloads_total{result=\"unchanged\"}"), "1");
}

#[test]
fn what_does_not_go_without_a_restart_is_refused_whole() {
    let mut scene = scene();
    let host = scene.ground.daemon();
    let more = format!("[networks.more]\nbind = \"{host}\"\nadvertise = \"{host}\"\nrtp_ports = \"32000-32099\"\n");
    scene.rewrite(&[
        (
            "[listeners.udp]",
            &(more + "[listeners.on-more]\nnetwork = \"more\"\ntransport = \"tcp\"\nport = 15071\n[listeners.udp]"),
        ),
        (ROUTE, ""),
    ]);
    let refused = ctl(&scene.ground, &["reload"]);
    let text = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(text.contains("networks.more") && text.contains("restart") && text.contains("listeners.on-more"), "{text}");
    // The route is still there: nothing of the file is in force.
    let at = (scene.ground.caller(), 40_002).into();
    scene.caller.ask("INVITE", &sdp(at));
    let offered = scene.callee.expect("INVITE ");
    scene.callee.send(offered.respond("486 Busy Here", scene.callee.own, ""));
    scene.callee.expect("ACK ");
    scene.caller.expect("SIP/2.0 486");
    scene.call_goes_on_and_ends();
}

#[test]
fn who_may_send_follows_the_file_of_ranges() {
    let ranges = |ground: &Ground, text: String| {
        fs::write(ground.config().with_file_name("ranges.txt"), text).unwrap();
    };
    let ground = Ground::new(Rules::default());
    ranges(&ground, format!("{}/32\n", ground.caller()));
    let line = format!("sources = [\"{}/32\"]\noptions = {{ interval_s = 0 }}\n\n[trunks.callee-udp]", ground.caller());
    rewrite(&ground, &[(&line, &line.replacen(&line[..line.find('\n').unwrap()], "sources_file = \"ranges.txt\"", 1))]);
    let _running = ground.start();
    let mut stranger = ground.udp(ground.stranger());
    stranger.ask("OPTIONS", "");
    ranges(&ground, format!("{}/32\n{}/32 # new\n", ground.caller(), ground.stranger()));
    assert!(shown(&ctl(&ground, &["reload"])).starts_with("live     trunks.caller-udp.sources_file\n"));
    stranger.probe();
    ranges(&ground, "no range\n".to_owned());
    let refused = ctl(&ground, &["reload"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("ranges.txt:1"), "{refused:?}");
    stranger.probe();
}

#[test]
fn the_level_of_the_log_follows_the_file_when_it_changes_there_and_an_operators_word_stays_otherwise() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    let level = || shown(&ctl(&ground, &["log"]));
    shown(&ctl(&ground, &["log", "warn"]));
    rewrite(&ground, &[("drain_s = 600", "drain_s = 601")]);
    shown(&ctl(&ground, &["reload"]));
    assert!(level().contains("level warn"));
    rewrite(&ground, &[("[metrics]", "[log]\nlevel = \"debug\"\n[metrics]")]);
    shown(&ctl(&ground, &["reload"]));
    assert!(level().contains("level debug"));
}

#[test]
fn a_daemon_that_drains_takes_no_new_configuration() {
    let mut scene = scene();
    scene.running.signal("TERM");
    scene.running.told("STOPPING=1");
    scene.rewrite(&[("drain_s = 600", "drain_s = 1")]);
    let refused = ctl(&scene.ground, &["reload"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is ending"), "{refused:?}");
    assert!(!scene.running.has_told("READY=1"), "it ends, whatever it was asked");
    scene.running.signal("HUP");
    scene.call_goes_on_and_ends();
    assert_eq!(scene.running.exit(), Some(0));
}
