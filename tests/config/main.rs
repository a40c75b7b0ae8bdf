//! What the configuration reader says to an operator: each broken file is refused at the right line and path, with a
//! text that says what to write. The line that is broken carries the mark `#!`.

use std::path::Path;

use trunkline::config::{Files, Finding, Loaded, Report, parse};

/// What every test begins with: two trunks of one carrier, one of a platform, and routes between them.
const GOOD: &str = r#"[node]
name = "t"
[networks.public]
bind = "192.0.2.1"
rtp_ports = "10000-18999"
[networks.carrier]
bind = "10.1.0.4"
rtp_ports = "20000-28999"
allow_media = ["10.0.0.0/8"]
[certificates.main]
chain = "chain.pem"
key = "key.pem"
[trust.default]
roots = "system"
[listeners.platform]
network = "public"
transport = "tls"
certificates = ["main"]
[listeners.carrier]
network = "carrier"
transport = "udp"
[trunks.teams]
profile = "generic-tls"
listener = "platform"
fqdn = "sbc1.example.com"
targets = ["sip.example.com"]
sources = ["198.51.100.0/28"]
[trunks.north]
profile = "carrier-ip"
listener = "carrier"
targets = ["10.2.0.1:5060"]
[trunks.south]
profile = "carrier-ip"
listener = "carrier"
targets = ["10.2.0.2"]
[groups.pstn]
members = [{ trunk = "north", weight = 2 }, { trunk = "south" }]
[[routes]]
from = "pstn"
to = ["teams"]
[[routes]]
from = "teams"
to = ["pstn"]
[limits]
max_calls = 100
[fraud]
allow_countries = ["DE"]
"#;

/// Of trunk south: where its keys are added.
const SOUTH: &str = "targets = [\"10.2.0.2\"]";

fn read(text: &str) -> Result<Loaded, Report> {
    parse("trunkline.toml", text, Path::new("/base"), Files::Ignored)
}

fn accepted(text: &str) -> Loaded {
    read(text).unwrap_or_else(|report| panic!("{report}"))
}

/// The good file with one piece replaced.
fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from:?} is not in the good file");
    GOOD.replacen(from, to, 1)
}

fn marked_line(text: &str) -> usize {
    text.lines().position(|line| line.contains("#!")).expect("a marked line") + 1
}

fn assert_error(text: &str, path: &str, says: &str) {
    let report = read(text).expect_err("the file must be refused");
    let line = marked_line(text);
    let fits = |found: &&Finding| found.line == line && found.path == path && found.text.contains(says);
    assert_eq!(report.errors.iter().filter(fits).count(), 1, "wanted {line}: {path}: {says}\nfound:\n{report}");
    assert_eq!(report.errors.len(), 1, "one mistake is one error:\n{report}");
}

fn assert_warning(text: &str, path: &str, says: &str) {
    let loaded = accepted(text);
    let line = marked_line(text);
    let fits = |found: &&Finding| found.line == line && found.path == path && found.text.contains(says);
    assert_eq!(
        loaded.warnings().iter().filter(fits).count(),
        1,
        "wanted {line}: {path}: {says}\n{:#?}",
        loaded.warnings()
    );
}

macro_rules! refused {
    ($($name:ident: $from:expr => $to:expr, $path:expr, $says:expr;)*) => {
        $(#[test]
        fn $name() {
            assert_error(&changed($from, $to), $path, $says);
        })*
    };
}

macro_rules! warned {
    ($($name:ident: $from:expr => $to:expr, $path:expr, $says:expr;)*) => {
        $(#[test]
        fn $name() {
            assert_warning(&changed($from, $to), $path, $says);
        })*
    };
}

mod after_the_answer;
mod bodies;
mod codes;
mod context;
mod emergency;
mod examples;
#[cfg(feature = "lab")]
mod files;
mod fraud;
mod missing_things;
mod names;
mod numbers_and_headers;
mod overridden;
mod provisioned;
mod references;
mod role;
mod sound;
mod text_as_a_whole;
mod together;
mod trunks;
mod types_and_values;
mod warnings;
