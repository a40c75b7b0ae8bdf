//! `trunkline ctl trunk NAME enable | disable | drain` on the wire.

use super::{ctl, metric, scene, shown};
use crate::text::sdp;

#[test]
fn a_trunk_that_is_drained_or_disabled_gets_503_its_call_goes_on_and_enabled_it_calls_again() {
    let mut scene = scene();
    for (order, word) in [("drain", "draining"), ("disable", "disabled")] {
        assert!(shown(&ctl(&scene.ground, &["trunk", "caller-udp", order])).contains(&format!("standing {word}")));
        scene.caller.ask("INVITE", &sdp((scene.ground.caller(), 40_002).into()));
        let refused = scene.caller.expect("SIP/2.0 503");
        assert!(refused.header("Retry-After").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{}", refused.0);
        scene.caller.ask("OPTIONS", "");
        scene.caller.expect("SIP/2.0 503");
        let row = format!("sbc_trunk_standing{{trunk=\"caller-udp\",standing=\"{word}\"}}");
        assert_eq!(metric(&scene.ground, &row), "1");
        let status = shown(&ctl(&scene.ground, &["status"]));
        assert!(status.contains(&format!("trunks_out_of_service.caller-udp {word}\n")), "{status}");
        let trunks = shown(&ctl(&scene.ground, &["trunks"]));
        assert!(trunks.contains(&format!("caller-udp\t{word}\t1\t0\n")), "{trunks}");
    }
    scene.call_goes_on_and_ends();
    shown(&ctl(&scene.ground, &["trunk", "caller-udp", "enable"]));
    scene.caller.probe();
    assert_eq!(ctl(&scene.ground, &["trunk", "nobody", "drain"]).status.code(), Some(1));
    assert_eq!(ctl(&scene.ground, &["trunk", "caller-udp", "paint"]).status.code(), Some(64));
}

#[test]
fn a_call_to_a_trunk_that_is_disabled_is_503_and_an_order_stands_over_a_reload() {
    let mut scene = scene();
    shown(&ctl(&scene.ground, &["trunk", "callee-udp", "disable"]));
    scene.rewrite(&[("drain_s = 600", "drain_s = 601")]);
    shown(&ctl(&scene.ground, &["reload"]));
    scene.caller.ask("INVITE", &sdp((scene.ground.caller(), 40_002).into()));
    let refused = scene.caller.expect("SIP/2.0 503");
    assert!(refused.header("Reason").contains("out of service"), "{}", refused.0);
    scene.call_goes_on_and_ends();
    assert!(scene.callee.is_quiet());
}
