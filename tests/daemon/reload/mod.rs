//! Change without harm (issue 7, R-G): the running daemon is given another configuration by signal and by `trunkline ctl`,
//! and calls that are there do not notice.

mod broken;
pub mod http;
mod identities;
mod listeners;
mod snapshots;
mod takes;
mod trunks;

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Output};

use crate::calls::{Up, set_up};
use crate::ground::{Ground, Rules, Running};
use crate::peer::Peer;

/// A daemon with one call from caller to callee over UDP.
pub struct Scene {
    pub ground: Ground,
    pub running: Running,
    pub caller: Peer,
    pub callee: Peer,
    pub up: Up,
}

pub fn media(ground: &Ground) -> [SocketAddr; 2] {
    [(ground.caller(), 40_000).into(), (ground.callee(), 40_000).into()]
}

pub fn scene() -> Scene {
    scene_with(Rules { timers: "timers = { t1_ms = 50 }", ..Rules::default() })
}

pub fn scene_with(rules: Rules) -> Scene {
    let ground = Ground::new(rules);
    let running = ground.start();
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (up, callee) = set_up(&mut caller, || callee, media(&ground));
    Scene { ground, running, caller, callee, up }
}

impl Scene {
    /// The call that was there before is answered inside, and ends both ways.
    pub fn call_goes_on_and_ends(&mut self) {
        self.caller.send(self.up.dialog.request("OPTIONS"));
        self.caller.expect("SIP/2.0 200");
        self.caller.send(self.up.dialog.request("BYE"));
        self.caller.expect("SIP/2.0 200");
        let bye = self.callee.expect("BYE ");
        self.callee.send(bye.respond("200 OK", self.callee.own, ""));
    }

    /// Writes the configuration with `changes` in it: what, and by what.
    pub fn rewrite(&self, changes: &[(&str, &str)]) {
        rewrite(&self.ground, changes);
    }
}

pub fn rewrite(ground: &Ground, changes: &[(&str, &str)]) {
    let mut text = fs::read_to_string(ground.config()).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from} is not in\n{text}");
        text = text.replace(from, to);
    }
    fs::write(ground.config(), text).unwrap();
}

/// `trunkline ctl ARGUMENTS`.
pub fn ctl(ground: &Ground, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.arg("ctl").arg("--config").arg(ground.config()).args(arguments).output().unwrap()
}

/// What it shows when it succeeds.
pub fn shown(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What it says of keys, without what somebody should look at anyway.
pub fn without_warnings(said: &str) -> Vec<&str> {
    said.lines().filter(|line| !line.starts_with("warning ")).collect()
}

/// One value of `/metrics`.
pub fn metric(ground: &Ground, name: &str) -> String {
    let page = ground.get("/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in\n{page}")).to_owned()
}
