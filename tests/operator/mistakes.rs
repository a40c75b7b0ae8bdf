//! Mistakes in an otherwise sound configuration and on the command line, and a word of each answer. The line of a finding is
//! that of the mark `#!`.

use super::{Desk, SOUND};

/// What is replaced in the sound file, by what, and the finding behind file and line.
type Row = (&'static str, &'static str, &'static str);

const MISTAKES: [Row; 59] = [
    (
        "bind = \"127.0.0.1\"\n",
        "bind = \"224.0.0.1\" #!\n",
        "networks.public.bind: \"224.0.0.1\" is an address of many machines",
    ),
    (
        "rtp_ports =",
        "advertise = \"255.255.255.255\" #!\nrtp_ports =",
        "networks.public.advertise: \"255.255.255.255\" is an address of many machines",
    ),
    (
        "targets = [\"127.0.1.2:5060\"]",
        "targets = [\"0.0.0.0:5060\"] #!",
        "trunks.north.targets[0]: \"0.0.0.0:5060\" is nobody's address",
    ),
    (
        "targets = [\"127.0.1.2:5060\"]",
        "targets = [{ host = \"0.0.0.0\" }] #!",
        "targets[0].host: \"0.0.0.0\" is nobody's address",
    ),
    (
        "targets = [\"127.0.1.2:5060\"]",
        "targets = [\"2001:db8::1:5060\"] #!",
        "write [2001:db8::1]:5060 for the port, or [2001:db8::1:5060] for the address",
    ),
    (
        "targets = [\"127.0.1.2:5060\"]",
        "targets = [\"2001:db8::1:15060\"] #!",
        "an IPv6 address with a port is written [2001:db8::1]:15060",
    ),
    (
        "targets = [\"127.0.1.2:5060\"]",
        "targets = [\"tls://sip.example.com\"] #!",
        "is a URI, and a target is a host and a port alone",
    ),
    (
        "targets = [\"127.0.1.2:5060\"]",
        "targets = [\"sip.example.com:70000\"] #!",
        "has no port from 1 to 65535 after its colon",
    ),
    ("[node]\n", "[dns]\nservers = [\"127.0.0.53:0\"] #!\n[node]\n", "dns.servers[0]: \"127.0.0.53:0\" is no address"),
    ("[node]\n", "[dns]\nservers = [\"2001:db8::1:5353\"] #!\n[node]\n", "write [2001:db8::1]:5353 for the port"),
    ("[node]\n", "[dns.hosts]\nsip.example.com = [\"192.0.2.1\"] #!\n[node]\n", "write a name with dots in quotes"),
    ("[node]\n", "[metrics]\nbind = \"127.0.0.1:0\" #!\n[node]\n", "metrics.bind: \"127.0.0.1:0\" has port 0"),
    (
        "[node]\n",
        "[cdr]\npath = \"$HOME/cdr\" #!\n[node]\n",
        "is taken as it stands, without ~ and variables; write the whole path",
    ),
    ("state_dir = \"state\"", "state_dir = \"~/state\" #!", "node.state_dir: \"~/state\" is taken as it stands"),
    (
        "numbers = { country = \"DE\" }",
        "numbers = { country = \"UK\", incoming = \"national\" } #!",
        "did you mean \"GB\"?",
    ),
    (
        "numbers = { country = \"DE\" }",
        "numbers = { country = \"+49\" } #!",
        "trunks.north.numbers.country: \"+49\" is no country known here; did you mean \"DE\"?",
    ),
    (
        "[node]\n",
        "[fraud]\nallow_countries = [\"UK\"] #!\n[node]\n",
        "fraud.allow_countries[0]: \"UK\" is no country known here; did you mean \"GB\"?",
    ),
    (
        "[node]\n",
        "[fraud]\ndeny_countries = [\"DE\"] #!\n[node]\n",
        "fraud.deny_countries: unknown key; known here: allow_classes",
    ),
    (
        "[node]\n",
        "[fraud]\nallow_prefixes = [\"+49180\"]\ndeny_prefixes = [\"+49180\"] #!\n[node]\n",
        "fraud.deny_prefixes: \"+49180\" stands in allow_prefixes too; take it out of one of the two",
    ),
    (
        "[node]\n",
        "[[fraud.limits]]\nper = \"account\"\nonly = \"ghost\" #!\ncalls = 5\n[node]\n",
        "fraud.limits[0].only: there is no account \"ghost\"",
    ),
    ("[node]\n", "[fraud.limits] #!\nper = \"node\"\n[node]\n", "write [[fraud.limits]] with two brackets"),
    (
        "[[routes]]\n",
        "[groups.g]\nmembers = [{ trunk = \"north\" }, { trunk = \"north\" }] #!\n[[routes]]\n",
        "groups.g.members: names trunk \"north\" twice",
    ),
    (
        "numbers = { country = \"DE\" }",
        "numbers = { country = \"DE\", incoming_rules = [{ match = \"^0(.*)\", replace = \"${2}\" }] } #!",
        "incoming_rules[0].replace: \"${2}\" refers to group $2",
    ),
    (
        "fqdn = \"sbc.test\"",
        "fqdn = \"sbc.test\"\nmedia = { codecs = [\"*\", \"PCMA\"] } #!",
        "codecs: names \"*\", which lets every codec pass, and others",
    ),
    (
        "fqdn = \"sbc.test\"",
        "fqdn = \"sbc.test\"\nmedia = { codecs = [\"CN\"] } #!",
        "codecs: names no codec for speech",
    ),
    (
        "fqdn = \"sbc.test\"",
        "fqdn = \"sbc.test\"\ntimers = { t1_ms = 5000 } #!",
        "timers.t1_ms: T2 (4000 ms) is below T1 (5000 ms); write t2_ms = 5000",
    ),
    (
        "fqdn = \"sbc.test\"",
        "fqdn = \"sbc.test\"\nsession_timer = { min_se_s = 7200 } #!",
        "session_timer.min_se_s: expires_s = 1800 is below min_se_s = 7200: we would refuse what we ask for; write expires_s = 7200",
    ),
    (
        "profile = \"generic-tls\"",
        "profile = \"teams\" #!",
        "trunks.platform.profile: unknown value; did you mean \"microsoft-teams\"?",
    ),
    ("[trunks.north]\n", "[trunks.sip.north] #!\n", "write it in quotes: [trunks.\"sip.north\"]"),
    ("[node]\n", "[accounts.\"Acme GmbH\"] #!\nfqdn = \"acme.test.example\"\n[node]\n", "\"Acme GmbH\" is no name"),
    (
        "[node]\n",
        "[accounts.a]\n[numbers.\"+4930\"]\naccount = \"a\"\nservices = [\"zoom\"]\nvalid_from = \"2027-01-01T00:00:00Z\"\n\
         valid_to = \"2026-01-01T00:00:00Z\" #!\n[node]\n",
        "valid_to: ends before valid_from",
    ),
    (
        "[node]\n",
        "[accounts.a]\n[numbers.\"+4930\"]\naccount = \"a\"\nservice = \"zoom\" #!\n[node]\n",
        "service: unknown key; did you mean \"services\"?",
    ),
    (
        "[node]\n",
        "[[emergency.routes]]\nnumbers = [\"999\"] #!\nto = [\"north\"]\n[node]\n",
        "emergency.routes[0].numbers: 999 is no emergency number here",
    ),
    (
        "[node]\n",
        "[limits]\nconnection_write_octets = 1 #!\n[node]\n",
        "limits.connection_write_octets: 1 is not between 65536 and",
    ),
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
        "metrics.bind: \"9464\" is no address with a port, as 127.0.0.1:9464",
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

/// What is replaced in the sound file, by what, and the warning behind file and line.
const DOUBTS: [Row; 10] = [
    (
        "to = [\"platform\"]",
        "to = [\"platform\", \"platform\"] #!",
        "routes[0].to[1]: \"platform\" stands in this list already",
    ),
    (
        "from = \"north\"\n",
        "from = \"north\"\ncalled = { prefix = \"4930\" } #!\n",
        "routes[0].called.prefix: meets no number: those of this trunk are normalised, and begin with a plus and the country \
         code; did you mean \"+4930\"?",
    ),
    ("from = \"north\"\n", "from = \"north\"\ncalling = \"0044207\" #!\n", "routes[0].calling: meets no number"),
    (
        "from = \"north\"\n",
        "from = \"north\"\nhours = [\"mon 08:00-09:00\"]\ntime_zone = \"GMT+1\" #!\n",
        "routes[0].time_zone: means 1 h behind UTC, as POSIX counts; write \"UTC-1\" for the other side",
    ),
    (
        "sources = [\"127.0.1.1/32\"]",
        "peer_names = [\"sip.test\"]\nsources = [\"0.0.0.0/0\"] #!",
        "trunks.platform.sources: anybody who shows no certificate may send as this trunk",
    ),
    (
        "sources = [\"127.0.1.1/32\"]",
        "sources = [\"2001:db8::/32\"] #!",
        "trunks.platform.sources: nobody is let in: network \"public\" is bound to 127.0.0.1",
    ),
    (
        "fqdn = \"sbc.test\"",
        "fqdn = \"sbc.test\"\nmax_calls = 0 #!",
        "trunks.platform.max_calls: 0 lets no call through",
    ),
    (
        "sources = [\"127.0.1.1/32\"]",
        "sources = [\"127.0.1.1\", \"127.0.1.1\"] #!",
        "trunks.platform.sources[1]: \"127.0.1.1\" stands in this list already",
    ),
    (
        "chain = \"chain.pem\"",
        "chain = \"client.pem\" #!",
        "certificates.main.chain: is not for servers (extended key usage)",
    ),
    (
        "[node]\n",
        "[cdr]\nsqlite = \"/etc/passwd\" #!\n[node]\n",
        "is something else than an SQLite database, and takes no call records; name a file of its own",
    ),
];

#[test]
fn what_is_probably_a_mistake_is_told_and_the_file_is_taken() {
    let desk = Desk::new();
    let key = rcgen::KeyPair::from_pem(&std::fs::read_to_string(desk.path("key.pem")).unwrap()).unwrap();
    let mut client = rcgen::CertificateParams::new(["sbc.test".to_owned()]).unwrap();
    client.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    desk.write("client.pem", client.self_signed(&key).unwrap().pem());
    for (from, to, says) in DOUBTS {
        let text = SOUND.replacen(from, to, 1);
        assert_ne!(text, SOUND, "{from}");
        let line = text.lines().position(|line| line.contains("#!")).expect("a mark") + 1;
        let (told, code) = desk.check(&desk.write("doubt.toml", &text));
        let place = format!("doubt.toml:{line}: warning: ");
        let found = told.lines().any(|found| found.starts_with(&place) && found.contains(says));
        assert!(found && code == 0, "{to}: {code} {told}");
    }
}

/// The daemon raises its soft limit of open files to the hard one; what a shell's soft limit is says nothing.
#[test]
fn a_shells_limit_of_open_files_is_no_fault_of_the_daemon() {
    let desk = Desk::new();
    let few = "[limits]\nmax_calls = 10\nmax_connections = 10\nready_ports = 1\n";
    desk.write("few.toml", format!("{SOUND}{few}"));
    let doctor = "ulimit -Sn 200; exec \"$0\" doctor --listen 0 few.toml";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", doctor, env!("CARGO_BIN_EXE_trunkline")]).current_dir(desk.folder.path());
    let told = String::from_utf8(super::patiently(command, &["doctor"]).stdout).unwrap();
    assert!(told.contains("descriptors") && !told.contains("descriptors.few"), "{told}");
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
    (&["check", "--config", "sound.toml", "sound.toml"], "Usage: trunkline check [OPTIONS] [FILE]", 64),
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
