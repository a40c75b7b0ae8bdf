//! The examples of `config/` and of the documents.

use trunkline::base::limits::Limits;

use super::*;

fn example(name: &str) -> String {
    std::fs::read_to_string(Path::new("config").join(name)).unwrap()
}

/// The complete example with every `#key` line in force.
fn complete() -> String {
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|letter: char| letter.is_ascii_lowercase()) => rest.to_owned(),
        Some(_) | None => line.to_owned(),
    };
    example("trunkline.toml").lines().map(|line| uncomment(line) + "\n").collect()
}

#[test]
fn every_example_is_accepted() {
    let files = std::fs::read_dir("config").unwrap().map(|entry| entry.unwrap().path());
    let mut read = 0;
    for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
        accepted(&std::fs::read_to_string(&path).unwrap());
        read += 1;
    }
    assert!(read >= 3);
}

#[test]
fn the_small_examples_have_no_warning() {
    for name in ["minimal.toml", "tls-to-carrier.toml"] {
        assert_eq!(accepted(&example(name)).warnings(), [], "{name}");
    }
}

#[test]
fn the_commented_keys_of_the_complete_example_are_accepted() {
    accepted(&complete());
}

#[test]
fn the_complete_example_shows_every_limit_with_its_default() {
    assert_eq!(accepted(&complete()).snapshot.limits, Limits::default());
}

#[test]
fn the_complete_example_shows_the_values_of_its_profile() {
    let (plain, complete) = (accepted(&example("trunkline.toml")), accepted(&complete()));
    let [plain, complete] = [&plain, &complete].map(|file| file.snapshot.trunk_named("platform").unwrap());
    assert_eq!(plain.media, complete.media);
    assert_eq!(plain.timers, complete.timers);
    assert_eq!(plain.options, complete.options);
}

#[test]
fn ice_is_off_until_a_trunk_asks_for_it() {
    use trunkline::route::media::Ice;
    let complete = complete();
    let ice = |text: &str| accepted(text).snapshot.trunk_named("platform").unwrap().media.ice;
    assert_eq!(ice(&complete), Ice::Off);
    assert_eq!(ice(&complete.replace("ice = \"off\"", "ice = \"lite\"")), Ice::Lite);
}

#[test]
fn the_complete_example_names_every_key_of_its_tables() {
    let text = complete();
    let kind = |header: &str| {
        header
            .split('.')
            .enumerate()
            .filter(|(depth, _)| *depth != 1)
            .map(|(_, part)| part.trim_matches(']').to_owned())
            .collect::<Vec<_>>()
    };
    let headers: Vec<_> = text.lines().filter(|line| line.starts_with('[')).collect();
    let first =
        |(index, header): &(usize, &&str)| headers.iter().position(|other| kind(other) == kind(header)) == Some(*index);
    for header in headers.iter().enumerate().filter(first).map(|(_, header)| *header) {
        let probed = text.replacen(header, &format!("{header}\nqqqqqqqqqqqq = 1"), 1);
        let report = read(&probed).unwrap_err();
        let known = report.errors.iter().find_map(|error| error.text.strip_prefix("unknown key; known here: "));
        let table = header.trim_matches(['[', ']']);
        let own = text.split(&format!("{header}\n")).nth(1).and_then(|rest| rest.split("\n[").next()).unwrap();
        for key in known.unwrap_or_else(|| panic!("{header} takes any key")).split(", ") {
            let written = own.lines().any(|line| line.starts_with(&format!("{key} = ")));
            assert!(written || text.contains(&format!("[{table}.{key}]")), "{header} does not show {key}");
        }
    }
}

/// The bench's file: only what it names counts here, its certificates are made by the bench.
#[test]
fn a_platform_and_a_carrier_on_loopback_load() {
    let text = r#"
[networks.loop]
bind = "127.0.0.1"
advertise = "127.0.0.1"
rtp_ports = "10000-65535"
allow_media = ["127.0.0.0/8"]
[certificates.main]
chain = "../certs/sbc.pem"
key = "../certs/sbc.key"
[trust.bench]
roots = "../certs/ca.pem"
[listeners.platform]
network = "loop"
transport = "tls"
port = 5061
certificates = ["main"]
[trunks.platform]
profile = "generic-tls"
listener = "platform"
targets = ["127.0.1.1:5071"]
media = { codecs = ["PCMU"] }
"#;
    let loaded = accepted(text);
    let trunk = loaded.snapshot.trunk_named("platform").unwrap();
    let tls = trunk.tls.as_ref().unwrap();
    assert_eq!((tls.server_name.as_str(), tls.trust.as_str()), ("127.0.1.1", "bench"));
    assert_eq!(trunk.media.codecs, ["PCMU"]);
    assert_eq!(trunk.media.security, trunkline::route::media::Security::Srtp);
    assert_eq!(loaded.settings.certificates["main"].chain, Path::new("/base/../certs/sbc.pem"));
}
