//! Mistakes in an otherwise sound configuration and on the command line, and a word of each answer. The line of a finding is
//! that of the mark `#!`.

use super::{Desk, SOUND};

/// What is replaced in the sound file, by what, and the finding behind file and line.
type Row = (&'static str, &'static str, &'static str);

const MISTAKES: [Row; 25] = [
    (
        "rtp_ports = \"10000-18999\"",
        "rtp_ports = \"10000,18999\" #!",
        "networks.public.rtp_ports: \"10000,18999\" is no range of ports; write rtp_ports =",
    ),
    ("rtp_ports =", "rtpports = #!\nrtp_ports =", "not TOML: a key needs = and a value; write KEY = VALUE"),
    ("transport = \"udp\"", "transport = “udp” #!", "not TOML: “ is a typographic quote; write \" in its place"),
    ("transport = \"udp\"", "transport: udp #!", "not TOML: a colon gives a key no value; write KEY = VALUE"),
    ("[node]\n", "[node]\ndrain_s = 60s #!\n", "not TOML: text must stand in quotes, and a number has no unit"),
    (
        "[node]\n",
        "[node]\ndrain_s = \"60s\" #!\n",
        "node.drain_s: expected a whole number, found a string; write drain_s = 60",
    ),
    ("[node]\n", "[limits]\nmax_calls = -1 #!\n[node]\n", "limits.max_calls: -1 is not between 1 and 1000000"),
    (
        "[node]\n",
        "[limits]\nmemory_mb = 99999999999999999999 #!\n[node]\n",
        "limits.memory_mb: 99999999999999999999 is not between",
    ),
    ("[node]\n", "<<<<<<< ours #!\n[node]\n", "not TOML: this marks two versions that were not merged"),
    (
        "[trunks.platform]\n",
        "[listeners.two]\nnetwork = \"public\"\ntransport = \"udp\"\nport = 25460 #!\n[trunks.platform]\n",
        "listeners.two.port: port 25460 is taken by listener \"udp\"; write another",
    ),
    (
        "[certificates.main]\n",
        "[networks.two]\nbind = \"127.0.0.1\"\nrtp_ports = \"18000-19000\" #!\n[certificates.main]\n",
        "networks.two.rtp_ports: ports 18000-18999 belong to network \"public\" too; write ranges",
    ),
    (
        "[certificates.main]\nchain = \"chain.pem\"\nkey = \"key.pem\"",
        "[certificates.main] #!\nchain = \"chain.pem\"",
        "certificates.main: missing key \"key\"; write key =",
    ),
    ("key = \"key.pem\"", "key = \"chain.pem\" #!", "certificates.main.key: "),
    (
        "profile = \"carrier-ip\"",
        "profile = \"carrier\" #!",
        "trunks.north.profile: unknown value; did you mean \"carrier-ip\"?",
    ),
    (
        "profile = \"generic-tls\"\nlistener = \"tls\"",
        "profile = \"generic-tls\" #!\nlistener = \"udp\"",
        "trunks.platform.profile: generic-tls speaks tls, listener \"udp\" is udp; write",
    ),
    (
        "targets = [\"127.0.1.2:5060\"]",
        "targets = [\"127.0.1.2:5060\", 5] #!",
        "trunks.north.targets[1]: is neither text nor a table; write",
    ),
    (
        "targets = [\"127.0.1.2:5060\"]",
        "targets = [\"sip:127.0.1.2:5060\"] #!",
        "trunks.north.targets[0]: \"sip:127.0.1.2:5060\" is a URI, and a target is a host and a port alone; write",
    ),
    (
        "targets = [\"127.0.1.2:5060\"]",
        "targets = [\"127.0.1.2;transport=tcp\"] #!",
        "is a URI, and a target is a host and a port alone; write",
    ),
    (
        "sources = [\"127.0.1.1/32\"]",
        "sources = [\"127.0.1.1/33\"] #!",
        "trunks.platform.sources[0]: \"127.0.1.1/33\" is no address and no CIDR range; write",
    ),
    (
        "from = \"north\"\n",
        "from = \"north\"\ncalled = { prefix = \"+49*\" } #!\n",
        "routes[0].called.prefix: \"+49*\" is matched by no number",
    ),
    (
        "from = \"north\"\n",
        "from = \"north\"\ncalled = \"+49 30 123456\" #!\n",
        "routes[0].called: \"+49 30 123456\" is matched by no number",
    ),
    (
        "to = [\"platform\"]",
        "to = [\"platfrom\"] #!",
        "routes[0].to[0]: there is no trunk or group \"platfrom\"; did you mean \"platform\"?",
    ),
    (
        "[[routes]]\n",
        "[groups.g]\nmembers = [\"north\"] #!\n[[routes]]\n",
        "groups.g.members[0]: expected a table, found a string; write members = [{ trunk =",
    ),
    (
        "[trunks.north]\n",
        "[trunks.north]\nauth = { user = \"u\", realm = \"r\", password = \"x\" } #!\n",
        "trunks.north.auth.password: secrets do not stand in this file; write password_file",
    ),
    (
        "[node]\n",
        "[metrics]\nbind = \"9464\" #!\n[node]\n",
        "metrics.bind: \"9464\" is no address with a port; write bind =",
    ),
];

#[test]
fn a_mistake_is_told_with_file_line_and_what_to_do_and_nothing_besides() {
    let desk = Desk::new();
    assert_eq!(desk.check(&desk.write("sound.toml", SOUND)).1, 0);
    for (from, to, says) in MISTAKES {
        let text = SOUND.replacen(from, to, 1);
        assert_ne!(text, SOUND, "{from}");
        let line = text.lines().position(|line| line.contains("#!")).expect("a mark") + 1;
        let (told, code) = desk.check(&desk.write("mistake.toml", &text));
        let place = format!("mistake.toml:{line}: ");
        assert!(
            told.lines().any(|found| found.starts_with(&place) && found.contains(says)) && code == 78,
            "{to}: {code} {told}"
        );
        // No warning about what only the refused value would have said.
        assert!(!told.contains("nobody is let in"), "{to}: {told}");
    }
}

#[test]
fn a_name_with_dots_is_found_in_its_line() {
    let desk = Desk::new();
    let text = SOUND.replace("[trunks.platform]", "[trunks.\"sbc.test\"]").replace("[\"platform\"]", "[\"sbc.test\"]");
    let text = text
        .replace("from = \"platform\"", "from = \"sbc.test\"")
        .replace("fqdn = \"sbc.test\"", "fqdn = \"other.test\" #!");
    let line = text.lines().position(|line| line.contains("#!")).expect("a mark") + 1;
    let (told, code) = desk.check(&desk.write("dots.toml", &text));
    let says =
        format!("dots.toml:{line}: warning: trunks.\"sbc.test\".fqdn: certificate \"main\" does not carry other.test");
    assert!(told.contains(&says) && code == 0, "{code} {told}");
}

/// The command line, a word of the answer, the exit code.
const COMMANDS: [(&[&str], &str, i32); 14] = [
    (&["check", "sound.toml"], "configuration OK", 0),
    (
        &["check", "none.toml"],
        "none.toml: cannot be read: No such file or directory (os error 2); name another with --config FILE",
        78,
    ),
    (&["check", "--config", "sound.toml", "sound.toml"], "cannot be used with", 64),
    (&["chekc"], "a similar subcommand exists: 'check'", 64),
    (
        &["explain", "--config", "sound.toml", "--from", "nrth", "--called", "+4930123456"],
        "--from names no trunk; there are north, platform",
        64,
    ),
    (
        &["explain", "--config", "sound.toml", "--from", "north", "--called", "hello world"],
        "--called has a character that no number and no URI has",
        64,
    ),
    (
        &["explain", "--config", "sound.toml", "--from", "north", "--called", "sip:"],
        "write a number, sip:USER@HOST or tel:NUMBER",
        64,
    ),
    (
        &["ctl", "--config", "sound.toml", "calls"],
        "none runs with this configuration; start it, or name its file by --config",
        69,
    ),
    (&["ctl", "--socket", "chain.pem", "calls"], "nobody listens there", 69),
    (&["trace", "--config", "sound.toml", "12"], "none runs with this configuration", 69),
    (&["ctl", "hangup", "abc"], "a call is named by its number: `trunkline ctl calls` shows it", 64),
    (&["ctl", "trunk", "north", "off"], "enable, disable, drain", 64),
    (&["profiles", "carrier"], "no such profile; there are", 64),
    (&["import", "none.csv", "--config", "sound.toml"], "an import needs provisioning.source = \"store\"", 78),
];

#[test]
fn a_slip_on_the_command_line_is_answered_with_what_to_write() {
    let desk = Desk::new();
    desk.write("sound.toml", SOUND);
    for (arguments, says, expected) in COMMANDS {
        let (told, code) = desk.run(arguments);
        assert!(told.contains(says) && code == expected, "{arguments:?}: {code} {told}");
    }
}

#[test]
fn a_daemon_is_not_started_on_an_address_of_another_machine() {
    let desk = Desk::new();
    desk.write("elsewhere.toml", SOUND.replace("bind = \"127.0.0.1\"", "bind = \"192.0.2.77\""));
    let (told, code) = desk.run(&["run", "--config", "elsewhere.toml"]);
    assert!(told.contains("this machine has no such address: write one of `ip addr`") && code == 78, "{code} {told}");
}
