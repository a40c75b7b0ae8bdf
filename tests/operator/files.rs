//! Files that are none, and files that hold no text.

use std::fs::File;

use super::{Desk, SOUND};

/// Every verb that reads the configuration.
const VERBS: [&[&str]; 7] = [
    &["check"],
    &["run"],
    &["doctor", "--listen", "0"],
    &["nsg"],
    &["explain", "--from", "north", "--called", "+4930123456"],
    &["ctl", "health"],
    &["import", "numbers.csv"],
];

#[test]
fn every_verb_refuses_a_configuration_that_is_no_file() {
    let desk = Desk::new();
    desk.pipe("pipe");
    File::create(desk.path("huge")).unwrap().set_len(1 << 30).unwrap();
    let cases = [
        ("pipe", "pipe: is no file but a pipe; name another with --config FILE"),
        (".", ".: is no file but a directory; name another with --config FILE"),
        ("/dev/zero", "/dev/zero: is no file but a device; name another with --config FILE"),
        ("huge", "huge: is larger than 4194304 octets; name another with --config FILE"),
    ];
    for verb in VERBS {
        for (file, says) in cases {
            let (told, code) = desk.run(&[verb, &["--config", file]].concat());
            assert!(told.contains(says) && code == 78, "{verb:?} {file}: {code} {told}");
        }
    }
    let sound = desk.write("sound.toml", SOUND);
    let (told, code) = desk.run(&["check", "--config", sound.to_str().unwrap(), "--override", "pipe"]);
    assert!(told.contains("pipe: is no file but a pipe; name another with --override FILE") && code == 78, "{told}");
}

#[test]
fn every_file_that_the_configuration_names_must_be_one() {
    let desk = Desk::new();
    desk.pipe("pipe");
    File::create(desk.path("huge.wav")).unwrap().set_len(1 << 30).unwrap();
    let trunk = "[trunks.north]\n";
    let named = [
        ("certificates.main.chain", "chain = \"chain.pem\"", "chain = \"pipe\"", "is no file but a pipe"),
        ("certificates.main.key", "key = \"key.pem\"", "key = \"/dev/zero\"", "is no file but a device"),
        ("trust.default.roots", "roots = \"chain.pem\"", "roots = \"pipe\"", "is no file but a pipe"),
        (
            "trust.default.crl",
            "roots = \"chain.pem\"",
            "roots = \"chain.pem\"\ncrl = \"pipe\"",
            "is no file but a pipe",
        ),
        ("trunks.north.sources_file", trunk, "[trunks.north]\nsources_file = \"pipe\"\n", "is no file but a pipe"),
        (
            "trunks.north.sources_file",
            trunk,
            "[trunks.north]\nsources_file = \"/dev/zero\"\n",
            "is no file but a device",
        ),
        (
            "trunks.north.auth.password_file",
            trunk,
            "[trunks.north]\nauth = { user = \"u\", realm = \"r\", password_file = \"pipe\" }\n",
            "is no file but a pipe",
        ),
        (
            "trunks.north.media.hold_music_file",
            trunk,
            "[trunks.north]\nmedia = { hold_music_file = \"huge.wav\" }\n",
            "is larger than 9604096 octets",
        ),
        ("node.state_dir", "state_dir = \"state\"", "state_dir = \"chain.pem\"", "is no folder; write the path of one"),
        ("node.control", "state_dir = \"state\"", "control = \"key.pem\"", "is there and is no socket"),
    ];
    for (key, from, to, says) in named {
        let file = desk.write("named.toml", SOUND.replacen(from, to, 1));
        let (told, code) = desk.check(&file);
        let line = told.lines().find(|line| line.contains(key)).unwrap_or_else(|| panic!("{key}: {told}"));
        assert!(line.contains("named.toml:") && line.contains(says) && code == 78, "{key}: {code} {told}");
    }
}

#[test]
fn the_lab_takes_files_alone() {
    let desk = Desk::new();
    desk.pipe("pipe");
    let files = ["--key", "key.pem", "--cert", "chain.pem", "--ca", "pipe"];
    let (told, code) =
        desk.run(&[&["lab", "teams", "--sbc", "127.0.0.1:5061", "--name", "sbc.test"], &files[..]].concat());
    assert!(told.contains("pipe is no file but a pipe; name a PEM file with --ca") && code == 64, "{code} {told}");
}

#[test]
fn an_import_takes_a_file_alone() {
    let desk = Desk::new();
    desk.pipe("pipe");
    File::create(desk.path("huge.csv")).unwrap().set_len(1 << 30).unwrap();
    let file = desk.write("store.toml", format!("[provisioning]\nsource = \"store\"\n{SOUND}"));
    for (csv, says) in [
        ("pipe", "pipe: is no file but a pipe; name a CSV file"),
        ("/dev/zero", "/dev/zero: is no file but a device; name a CSV file"),
        ("huge.csv", "huge.csv: is larger than 2097152 octets; split it into several, each with the heading"),
    ] {
        let (told, code) = desk.run(&["import", csv, "--config", file.to_str().unwrap()]);
        assert!(told.contains(says) && code == 64, "{csv}: {code} {told}");
    }
}

#[test]
fn octets_that_are_no_text_are_told_with_their_line() {
    let desk = Desk::new();
    let wide = |mark: &str| -> Vec<u8> { format!("{mark}{SOUND}").encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let sound = |more: &[u8]| [SOUND.as_bytes(), more].concat();
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("only NUL", vec![0; 4096], "octets.toml:1: holds a NUL octet (0x00)"),
        ("a NUL", sound(b"[dns]\nservers = [\"1.1\x001.1\"]\n"), "octets.toml:40: holds a NUL octet (0x00)"),
        ("UTF-16", wide("\u{feff}"), "octets.toml:1: the file is UTF-16; save it as UTF-8"),
        ("UTF-16 without a mark", wide(""), "octets.toml:1: the file is UTF-16; save it as UTF-8"),
        ("Latin-1", sound(b"# M\xfcller\n"), "octets.toml:39: is not UTF-8 (octet 0xfc); save the file as UTF-8 text"),
        (
            "CR alone",
            SOUND.replace('\n', "\r").into_bytes(),
            "octets.toml:1: holds a carriage return that ends no line",
        ),
        ("two files", sound("\u{feff}[dns]\n".as_bytes()), "octets.toml:39: holds a byte order mark"),
        ("deep", sound(format!("x = {}\n", "[".repeat(100_000)).as_bytes()), "octets.toml:39: nested too deeply"),
        ("deep names", sound(format!("x{} = 1\n", ".a".repeat(300)).as_bytes()), "octets.toml:39: nested too deeply"),
    ];
    for (what, octets, says) in cases {
        let (told, code) = desk.check(&desk.write("octets.toml", octets));
        assert!(told.contains(says) && code == 78, "{what}: {code} {told}");
        assert_eq!(told.lines().count(), 2, "{what}: {told}");
    }
    let marked = desk.write("octets.toml", format!("\u{feff}{}", SOUND.replace('\n', "\r\n")));
    assert_eq!(desk.check(&marked).1, 0, "what an editor of Windows writes is taken");
}

#[test]
fn a_line_of_a_megabyte_is_not_shown_whole() {
    let desk = Desk::new();
    for long in
        [format!("{} = 1\n", "a".repeat(1 << 20)), format!("a = \"{}\"\n", "a".repeat(1 << 20)), "a".repeat(1 << 20)]
    {
        let (told, code) = desk.check(&desk.write("long.toml", format!("{SOUND}{long}")));
        assert!(told.contains("long.toml:39: ") && told.len() < 2000 && code == 78, "{code} {} octets", told.len());
    }
}
