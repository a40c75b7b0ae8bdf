//! R-G: a hundred configurations, each broken in one place. `trunkline check` refuses each with 78, the line and the
//! reason, and the running daemon refuses it whole: the one in force stays, and the call that is there does not notice.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::{ctl, metric, scene};
use crate::ground::Ground;

/// What is replaced in the sound file, by what, and a word of the reason.
type Row = (&'static str, &'static str, &'static str);

const SYNTAX: [Row; 12] = [
    ("[metrics]", "[metrics", "not TOML"),
    ("[metrics]", "metrics]", "not TOML"),
    ("name = \"ground\"", "name = \"ground", "not TOML"),
    ("name = \"ground\"", "name \"ground\"", "not TOML"),
    ("name = \"ground\"", "name = ground", "not TOML"),
    ("drain_s = 600", "drain_s = ", "not TOML"),
    ("drain_s = 600", "drain_s = 6oo", "not TOML"),
    ("drain_s = 600", "drain_s = 600\ndrain_s = 5", "defined twice"),
    ("[metrics]", "[metrics]\n[metrics]", "defined twice"),
    ("to = [\"callee-udp\"]", "to = [\"callee-udp\"", "not TOML"),
    ("[[routes]]", "[[routes]", "not TOML"),
    ("[networks.loop]", "[networks.loop]\n\u{7}", "not TOML"),
];

const UNKNOWN_KEYS: [Row; 16] = [
    ("[metrics]", "[metrics]\nbound = 1", "unknown key"),
    ("[metrics]", "[metrix]", "unknown"),
    ("drain_s", "drain", "unknown key"),
    ("[node]", "[node]\nfoo = 1", "unknown key"),
    ("rtp_ports", "rtp_port", "unknown key"),
    ("allow_media", "alow_media", "unknown key"),
    ("[dns]", "[dns]\nserver = \"1.1.1.1\"", "unknown key"),
    ("chain =", "chains =", "unknown key"),
    ("roots =", "root =", "unknown key"),
    ("port_rest_s", "port_rest", "unknown key"),
    ("[listeners.udp]", "[listeners.udp]\nports = 1", "unknown key"),
    ("[trunks.caller-udp]", "[trunks.caller-udp]\nprofil = \"x\"", "unknown key"),
    ("options = { interval_s = 0 }", "options = { interval = 0 }", "unknown key"),
    ("[[routes]]", "[[routes]]\nvia = \"x\"", "unknown key"),
    ("[metrics]", "[log]\nlevels = \"info\"\n[metrics]", "unknown key"),
    ("[limits]", "[limits]\nmax_call = 5", "unknown key"),
];

const TYPES: [Row; 16] = [
    ("drain_s = 600", "drain_s = \"600\"", "drain_s"),
    ("drain_s = 600", "drain_s = 600.5", "drain_s"),
    ("drain_s = 600", "drain_s = true", "drain_s"),
    ("drain_s = 600", "drain_s = [600]", "drain_s"),
    ("name = \"ground\"", "name = 5", "name"),
    ("name = \"ground\"", "name = [\"ground\"]", "name"),
    ("rtp_ports = \"30000-30999\"", "rtp_ports = 30000", "rtp_ports"),
    ("allow_media = [\"127.0.0.0/8\"]", "allow_media = 5", "allow_media"),
    ("[media]\nport_rest_s = 1", "[media]\nport_rest_s = \"1\"", "port_rest_s"),
    ("to = [\"callee-udp\"]", "to = 7", "to"),
    ("from = \"caller-udp\"", "from = [\"caller-udp\"]", "from"),
    ("options = { interval_s = 0 }", "options = 0", "options"),
    ("certificates = [\"main\"]", "certificates = \"main\"", "certificates"),
    ("peer_names = [\"platform.lab.test\"]", "peer_names = 3", "peer_names"),
    ("[metrics]", "[log]\nlevel = 3\n[metrics]", "level"),
    ("[metrics]\nbind", "[sip]\ncross_check = \"yes\"\n[metrics]\nbind", "cross_check"),
];

const VALUES: [Row; 24] = [
    ("drain_s = 600", "drain_s = -1", "drain_s"),
    ("drain_s = 600", "drain_s = 86401", "drain_s"),
    ("name = \"ground\"", "name = \"two words\"", "name"),
    ("rtp_ports = \"30000-30999\"", "rtp_ports = \"30001-30999\"", "rtp_ports"),
    ("rtp_ports = \"30000-30999\"", "rtp_ports = \"30999-30000\"", "rtp_ports"),
    ("rtp_ports = \"30000-30999\"", "rtp_ports = \"1-99999\"", "rtp_ports"),
    ("allow_media = [\"127.0.0.0/8\"]", "allow_media = [\"127.0.0.0/40\"]", "allow_media"),
    ("allow_media = [\"127.0.0.0/8\"]", "allow_media = [\"127.0.0.1/8\"]", "allow_media"),
    ("transport = \"udp\"", "transport = \"sctp\"", "sctp"),
    ("transport = \"udp\"\nport = 15060", "transport = \"udp\"\nport = 0", "port"),
    ("transport = \"udp\"\nport = 15060", "transport = \"udp\"\nport = 65536", "port"),
    ("transport = \"udp\"\nport = 15060", "transport = \"udp\"\nport = 30000", "listeners.udp"),
    ("transport = \"udp\"\n", "transport = \"udp\"\nkeep_alive_s = 60\n", "keep_alive_s"),
    ("transport = \"udp\"\n", "transport = \"udp\"\ncertificates = [\"main\"]\n", "certificates"),
    ("certificates = [\"main\"]", "certificates = []", "certificate"),
    ("certificates = [\"main\"]", "certificates = [\"main\"]\nclient_certificate = \"maybe\"", "client_certificate"),
    (
        "[[routes]]\nfrom = \"caller-udp\"",
        "[[routes]]\ncalled = { regex = \"(\" }\nfrom = \"caller-udp\"",
        "regular expression",
    ),
    (
        "[[routes]]\nfrom = \"caller-udp\"",
        "[[routes]]\ncalled = { regex = \"a\", prefix = \"b\" }\nfrom = \"caller-udp\"",
        "called",
    ),
    ("[[routes]]\nfrom = \"caller-udp\"", "[[routes]]\nnumbers = \"some\"\nfrom = \"caller-udp\"", "numbers"),
    ("to = [\"callee-udp\"]", "to = []", "to"),
    ("[metrics]", "[log]\nlevel = \"loud\"\n[metrics]", "loud"),
    ("[limits]", "[limits]\nmax_calls = 0", "max_calls"),
    ("[media]\n", "[media]\ndscp = 64\n", "dscp"),
    ("[metrics]", "[provisioning]\nsource = \"cloud\"\n[metrics]", "cloud"),
];

const REFERENCES: [Row; 14] = [
    ("network = \"loop\"\ntransport = \"udp\"", "network = \"hoop\"\ntransport = \"udp\"", "hoop"),
    ("listener = \"udp\"", "listener = \"udb\"", "udb"),
    ("to = [\"callee-udp\"]", "to = [\"nobody\"]", "nobody"),
    ("from = \"caller-udp\"", "from = \"nobody\"", "nobody"),
    ("certificates = [\"main\"]", "certificates = [\"other\"]", "other"),
    ("profile = \"generic-tls\"", "profile = \"generic-tsl\"", "generic-tls"),
    ("listener = \"tls\"\n", "listener = \"tls\"\ntrust = \"none\"\n", "none"),
    ("listener = \"tls\"\n", "listener = \"tls\"\ncertificate = \"none\"\n", "none"),
    ("[metrics]", "[groups.g]\nmembers = [{ trunk = \"nobody\" }]\n[metrics]", "nobody"),
    ("[metrics]", "[[emergency.routes]]\nto = [\"nobody\"]\n[metrics]", "nobody"),
    ("[metrics]", "[groups.caller-udp]\nmembers = [{ trunk = \"caller-tcp\" }]\n[metrics]", "caller-udp"),
    ("[metrics]", "[api]\nbind = \"0.0.0.0:8443\"\n[metrics]", "api"),
    (
        "[listeners.udp]",
        "[listeners.twin]\nnetwork = \"loop\"\ntransport = \"udp\"\nport = 15060\n[listeners.udp]",
        "twin",
    ),
    (
        "[listeners.tls]",
        "[listeners.twin]\nnetwork = \"loop\"\ntransport = \"tcp\"\nport = 15061\n[listeners.tls]",
        "15061",
    ),
];

const MISSING: [Row; 8] = [
    ("transport = \"udp\"\n", "", "transport"),
    ("profile = \"generic-tls\"\n", "", "profile"),
    ("key = \"sbc.key.pem\"\n", "", "key"),
    ("chain = \"sbc.chain.pem\"\n", "", "chain"),
    ("roots = \"ca.pem\"\n", "", "roots"),
    ("rtp_ports = \"30000-30999\"\n", "", "rtp_ports"),
    ("from = \"caller-udp\"\n", "", "from"),
    ("to = [\"callee-udp\"]\n", "", "to"),
];

const FILES: [Row; 8] = [
    ("sbc.chain.pem", "missing.pem", "missing.pem"),
    ("sbc.key.pem", "missing.pem", "missing.pem"),
    ("sbc.key.pem", "platform.key.pem", "is not the key"),
    ("sbc.key.pem", "sbc.chain.pem", "key"),
    ("ca.pem", "trunkline.toml", "trust.lab.roots"),
    ("ca.pem", ".", "is no file"),
    ("options = { interval_s = 0 }", "sources_file = \"none.txt\"\noptions = { interval_s = 0 }", "none.txt"),
    (
        "options = { interval_s = 0 }",
        "auth = { user = \"u\", realm = \"r\", password = \"p\" }\noptions = { interval_s = 0 }",
        "password_file",
    ),
];

/// Asks the running daemon itself.
fn reload(ground: &Ground) -> String {
    let mut stream = UnixStream::connect(ground.state().join("control.sock")).unwrap();
    // A file that is waited for would keep every later reload waiting.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(b"{\"command\":\"reload\"}\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    let answer: Value = serde_json::from_str(&line).unwrap();
    answer["error"].as_str().unwrap_or_else(|| panic!("it was taken: {line}")).to_owned()
}

/// Exit code and everything said.
fn check(ground: &Ground) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_trunkline")).arg("check").arg("--config").arg(ground.config()).output();
    let output = output.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// A line that names the file and a line of it, and has the word.
fn names_line(text: &str, word: &str) -> bool {
    text.lines().any(|line| {
        let after = line.split_once("trunkline.toml:").map(|(_, rest)| rest);
        after.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) && line.contains(word)
    })
}

#[test]
fn a_hundred_broken_configurations_are_refused_with_line_and_reason_and_leave_everything_as_it_was() {
    let mut scene = scene();
    let sound = fs::read_to_string(scene.ground.config()).unwrap();
    let rows = [&SYNTAX[..], &UNKNOWN_KEYS, &TYPES, &VALUES, &REFERENCES, &MISSING, &FILES].concat();
    let mut wrong = Vec::new();
    for (from, to, word) in &rows {
        assert!(sound.contains(from), "{from} is not in\n{sound}");
        fs::write(scene.ground.config(), sound.replacen(from, to, 1)).unwrap();
        let (code, said) = check(&scene.ground);
        let refused = reload(&scene.ground);
        scene.running.told("RELOADING=1");
        scene.running.told("READY=1");
        if code != Some(78) || !names_line(&said, word) || !names_line(&refused, word) {
            wrong.push(format!("{from:?} -> {to:?}: {code:?}\n{said}\n{refused}"));
        }
    }
    // Of these no line can be named.
    let large = "# x\n".repeat(3 * 1024 * 1024);
    for (octets, word) in
        [(Vec::new(), "no listener"), (large.into_bytes(), "larger"), (b"\xff[node]".to_vec(), "UTF-8")]
    {
        fs::write(scene.ground.config(), octets).unwrap();
        let (code, said) = check(&scene.ground);
        let refused = reload(&scene.ground);
        scene.running.told("RELOADING=1");
        scene.running.told("READY=1");
        if code != Some(78) || !said.contains(word) || !refused.contains(word) {
            wrong.push(format!("{word}: {code:?}\n{said}\n{refused}"));
        }
    }
    fs::remove_file(scene.ground.config()).unwrap();
    assert!(reload(&scene.ground).contains("cannot be read"));
    assert!(Command::new("mkfifo").arg(scene.ground.config()).status().unwrap().success());
    assert!(reload(&scene.ground).contains("is no file but a pipe"));
    fs::remove_file(scene.ground.config()).unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n\n"));
    assert!(rows.len() + 5 >= 100, "{}", rows.len());
    assert_eq!(metric(&scene.ground, "sbc_config_revision"), "1");
    assert_eq!(metric(&scene.ground, "sbc_config_reloads_total{result=\"refused\"}"), (rows.len() + 5).to_string());
    fs::write(scene.ground.config(), sound).unwrap();
    assert!(ctl(&scene.ground, &["reload"]).status.success());
    scene.caller.probe();
    scene.call_goes_on_and_ends();
}
