//! What a trunk does inside a call: session timer, methods, hold.

use trunkline::dialog::session_timer::{TimerMode, TimerSettings, WantedRefresher};
use trunkline::route::media::HoldForm;
use trunkline::route::methods::{MethodSettings, ReinviteAs, Rule, Sends};

use super::*;

fn south(keys: &str) -> (TimerSettings, MethodSettings, HoldForm) {
    let loaded = accepted(&changed(SOUTH, &format!("{SOUTH}\n{keys}")));
    let trunk = loaded.snapshot.trunk_named("south").unwrap();
    (trunk.session_timer, trunk.methods, trunk.media.sound.hold)
}

#[test]
fn what_is_not_written_is_as_the_profile_says() {
    assert_eq!(south(""), (TimerSettings::default(), MethodSettings::default(), HoldForm::Pass));
}

#[test]
fn every_key_is_taken() {
    let timer = "session_timer = { mode = \"required\", expires_s = 900, min_se_s = 300, refresher = \"us\" }";
    let (written, _, _) = south(timer);
    assert_eq!((written.mode, written.refresher), (TimerMode::Required, WantedRefresher::Us));
    assert_eq!((written.expires_s, written.min_se_s), (900, 300));
    let methods = "methods = { info = \"answer\", message = \"refuse\", notify = \"refuse\", options = \"cross\", \
                       subscribe = \"cross\", publish = \"cross\", unknown = \"cross\", sends = [\"NOTIFY\"], reinvites = \"update\" }";
    let (_, written, _) = south(methods);
    let wanted = MethodSettings {
        info: Rule::Answer,
        message: Rule::Refuse,
        notify: Rule::Refuse,
        options: Rule::Cross,
        subscribe: Rule::Cross,
        publish: Rule::Cross,
        unknown: Rule::Cross,
        sends: Sends::only(&["NOTIFY"]),
        reinvites: ReinviteAs::Update,
    };
    assert_eq!(written, wanted);
    assert_eq!(south("media = { hold = \"inactive\" }").2, HoldForm::Inactive);
    assert_eq!(south("media = { hold = \"unsaid\" }").2, HoldForm::Unsaid);
}

refused! {
    an_interval_below_the_standards_least: SOUTH => "targets = [\"10.2.0.2\"]\nsession_timer = { min_se_s = 60 } #!",
        "trunks.south.session_timer.min_se_s", "90";
    an_interval_that_we_would_refuse_ourselves: SOUTH => "targets = [\"10.2.0.2\"]\nsession_timer = { expires_s = 120, min_se_s = 600 } #!",
        "trunks.south.session_timer.expires_s", "is below min_se_s";
    an_unknown_rule_of_a_method: SOUTH => "targets = [\"10.2.0.2\"]\nmethods = { info = \"crosses\" } #!",
        "trunks.south.methods.info", "did you mean \"cross\"?";
    a_method_that_cannot_be_set: SOUTH => "targets = [\"10.2.0.2\"]\nmethods = { sends = [\"BYE\"] } #!",
        "trunks.south.methods.sends[0]", "is none of UPDATE, INFO";
    an_unknown_form_of_hold: SOUTH => "targets = [\"10.2.0.2\"]\nmedia = { hold = \"zero\" } #!",
        "trunks.south.media.hold", "";
}
