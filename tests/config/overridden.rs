//! `--override`: a second file laid over the first.

use std::path::PathBuf;

use trunkline::config::load_overridden;

use super::{GOOD, Report};

struct Pair {
    _directory: tempfile::TempDir,
    first: PathBuf,
    second: PathBuf,
}

fn pair(first: &str, second: &str) -> Pair {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("first.toml"), directory.path().join("second.toml"));
    std::fs::write(&one, first).unwrap();
    std::fs::write(&two, second).unwrap();
    Pair { _directory: directory, first: one, second: two }
}

fn errors(first: &str, second: &str) -> Report {
    let pair = pair(first, second);
    load_overridden(&pair.first, Some(&pair.second)).expect_err("refused")
}

#[test]
fn a_key_of_the_second_file_stands_and_its_neighbours_stay() {
    let plain = "[node]\nname = \"one\"\n[networks.n]\nbind = \"127.0.0.1\"\nrtp_ports = \"10000-10099\"\n\
                     [listeners.l]\nnetwork = \"n\"\ntransport = \"udp\"\n";
    let pair = pair(plain, "[node]\nname = \"two\"\n[networks.n]\nrtp_ports = \"20000-20099\"\n");
    let loaded = load_overridden(&pair.first, Some(&pair.second)).expect("accepted");
    let network = &loaded.settings.routing.networks[0];
    assert_eq!(loaded.settings.node.name, "two");
    assert_eq!((network.bind.to_string().as_str(), network.rtp_ports.0), ("127.0.0.1", 20_000));
}

#[test]
fn an_error_names_the_file_and_line_it_stands_in() {
    let report = errors(GOOD, "\n\n[node]\nnane = \"x\"\n");
    let text = report.to_string();
    assert!(text.contains("second.toml:4: node.nane: unknown key"), "{text}");
    let report = errors(&GOOD.replace("[node]\n", "[node]\nnane = \"x\"\n"), "[node]\nname = \"y\"\n");
    let text = report.to_string();
    assert!(text.contains("first.toml:2: node.nane: unknown key"), "{text}");
}

#[test]
fn a_second_file_that_is_no_toml_is_refused_by_its_own_line() {
    let text = errors(GOOD, "[node\n").to_string();
    assert!(text.contains("second.toml:1: not TOML"), "{text}");
}
