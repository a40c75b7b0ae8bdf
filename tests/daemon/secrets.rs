//! Nothing the daemon writes shows a key, a password, a token or a digit: not its log at the lowest level, its traces and
//! captures, records, metrics, control socket, API or commands, in whatever spelling (S-L1).

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use md5::Digest;

use crate::ground::{Ground, Rules, Running};
use crate::peer::Peer;
use crate::reload::http::{self, raw};
use crate::spellings::{alphabet, base64, places};
use crate::text::{Dialog, Message, sdp};

const PASSWORD: &str = "pass+word/4711 of%carrier";
/// Master keys with their salts: 30 octets each (RFC 4568 6.2).
const CALLERS_KEY: &[u8] = b"first-key-of-the-caller-up-abo";
const NEW_KEY: &[u8] = b"other-key-of-the-caller-as-wel";
const CALLEES_KEY: &[u8] = b"secret-key-of-the-party-called";
const OTHER_NEW_KEY: &[u8] = b"other-key-of-the-called-as-wel";
/// What the caller types. Nobody's number.
const DIGITS: &str = "Signal=90210773\r\nDuration=160\r\n";
/// In a message that nobody can read.
const MANGLED_KEY: &[u8] = b"key-in-a-description-of-errors";

const COMMANDS: [&[&str]; 13] = [
    &["trace", "1"],
    &["trace", "1", "--messages"],
    &["trace", "1", "--json"],
    &["trace", "2345678", "--messages"],
    &["trace", "2", "--messages"],
    &["ctl", "status"],
    &["ctl", "calls"],
    &["ctl", "trunks"],
    &["ctl", "bans"],
    &["ctl", "health"],
    &["check"],
    &["nsg"],
    &["explain", "--from", "platform", "--called", "+493012345678"],
];

/// It asks the peers, which are busy with calls before.
const DOCTOR: &[&str] = &["doctor", "--json", "--listen", "0"];

const PAGES: [&str; 9] = [
    "/calls/active",
    "/calls/1/trace",
    "/calls/1/trace.pcap",
    "/calls/2/trace",
    "/clients",
    "/clients/ci",
    "/audit",
    "/trunks",
    "/configuration",
];

/// What was written, and where.
type Written = Vec<(String, Vec<u8>)>;
/// What nobody may read, and what it is.
type Secrets = Vec<(String, Vec<u8>)>;

fn secured(media: SocketAddr, key: &[u8], more: &str) -> String {
    let key = base64(key, &alphabet(b"+/"));
    sdp(media).replace("RTP/AVP", "RTP/SAVP")
        + &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^31{more}\r\n")
}

/// The key of a description that the daemon wrote, as it stands there, and its octets.
fn key_in(message: &Message, what: &str) -> Secrets {
    let text = message.body().split("inline:").nth(1).unwrap().split(['|', '\r']).next().unwrap();
    let digits = alphabet(b"+/");
    let bits = text.bytes().map(|digit| digits.iter().position(|known| *known == digit).unwrap());
    let bits: String = bits.map(|value| format!("{value:06b}")).collect();
    let octets = bits.as_bytes().chunks_exact(8);
    let octets = octets.map(|octet| u8::from_str_radix(str::from_utf8(octet).unwrap(), 2).unwrap()).collect();
    vec![(format!("{what}, as it is told"), text.as_bytes().to_vec()), (what.to_owned(), octets)]
}

fn named(what: &str, octets: impl AsRef<[u8]>) -> (String, Vec<u8>) {
    (what.to_owned(), octets.as_ref().to_vec())
}

/// Passwords, what stands for them, and the private keys of the folder.
fn given(ground: &Ground) -> Secrets {
    let identity = format!("sbc:carrier.test:{PASSWORD}");
    let md5: String = md5::Md5::digest(identity.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect();
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, identity.as_bytes());
    let mut all = vec![
        named("the caller's key", CALLERS_KEY),
        named("the caller's new key", NEW_KEY),
        named("the callee's key", CALLEES_KEY),
        named("the callee's new key", OTHER_NEW_KEY),
        named("a key in a message of errors", MANGLED_KEY),
        named("the password", PASSWORD),
        named("the password's MD5", md5),
        named("the password's SHA-256", sha256),
        named("digits", "90210773"),
    ];
    for name in ["sbc.key.pem", "platform.key.pem"] {
        let pem = fs::read(folder(ground).join(name)).unwrap();
        all.extend(str::from_utf8(&pem).unwrap().lines().filter(|line| line.len() > 40).map(|line| named(name, line)));
        let key = trunkline::net::pem::private_key(&pem).unwrap();
        // The number itself, behind the head of PKCS #8 (RFC 5915: an OCTET STRING of 32).
        let at = memchr::memmem::find(key.secret_der(), &[4, 32]).unwrap() + 2;
        all.push(named(name, &key.secret_der()[at..at + 32]));
    }
    all
}

fn folder(ground: &Ground) -> std::path::PathBuf {
    ground.config().parent().unwrap().to_owned()
}

/// A daemon whose both legs are secured, whose callee wants a password, with an API; and its first token.
fn served() -> (Ground, Running, String) {
    let target = "targets = [\"CALLEE:15060\"]".to_owned();
    let trunk = format!(
        "{target}\nmedia = {{ security = \"srtp\", srtp = {{ generate_keys = \"always\" }} }}\n\
         auth = {{ user = \"sbc\", realm = \"carrier.test\", password_file = \"carrier.password\" }}"
    );
    let records = "[cdr]\nsqlite = \"calls.sqlite\"\n[metrics]\n".to_owned();
    let changes = vec![(target, trunk), ("[metrics]\n".to_owned(), records)];
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", changes, ..Rules::default() });
    let password = folder(&ground).join("carrier.password");
    fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (running, token) = http::serve(&ground, "trace");
    (ground, running, token)
}

/// A call that is up on keys of both sides, once more with new ones; what was agreed in it.
fn set_up(caller: &mut Peer, callee: &mut Peer, media: [SocketAddr; 2]) -> (Dialog, Secrets) {
    caller.ask("INVITE", &secured(media[0], CALLERS_KEY, "|1:4"));
    let first = callee.expect("INVITE ");
    let challenge =
        "WWW-Authenticate: Digest realm=\"carrier.test\",nonce=\"n1\",algorithm=MD5,qop=\"auth\"\r\nContact:";
    callee.send(first.respond("401 Unauthorized", callee.own, "").replacen("Contact:", challenge, 1));
    callee.expect("ACK ");
    let offered = callee.expect("INVITE ");
    let proof = offered.header("Authorization").split("response=\"").nth(1).unwrap().split('"').next().unwrap();
    let mut secrets = vec![named("the proof of the password", proof)];
    secrets.extend(key_in(&offered, "our key for the callee"));
    callee.send(offered.respond("200 OK", callee.own, &secured(media[1], CALLEES_KEY, "")));
    let accepted = caller.expect("SIP/2.0 200");
    secrets.extend(key_in(&accepted, "our key for the caller"));
    callee.expect("ACK ");
    let mut dialog = caller.dialog(&accepted);
    caller.send(dialog.ack());
    let mut back = Dialog::of_callee(callee.transport(), callee.own, &offered);
    secrets.extend(renewed(caller, &mut dialog, &secured(media[0], NEW_KEY, ""), "the caller"));
    secrets.extend(renewed(callee, &mut back, &secured(media[1], OTHER_NEW_KEY, ""), "the callee"));
    (dialog, secrets)
}

/// A peer changes its key; ours that comes of it.
fn renewed(peer: &mut Peer, dialog: &mut Dialog, description: &str, who: &str) -> Secrets {
    peer.send(dialog.request_with("INVITE", &description.replace("o=- 1 1", "o=- 1 2")));
    let answer = peer.expect("SIP/2.0 200");
    peer.send(dialog.ack());
    key_in(&answer, &format!("our new key for {who}"))
}

/// Digits in a message, and a call whose description cannot be read.
fn odd_messages(caller: &mut Peer, dialog: &mut Dialog, media: SocketAddr) {
    let info = dialog.request_with("INFO", DIGITS).replace("application/sdp", "application/dtmf-relay");
    caller.send(info);
    caller.expect("SIP/2.0 ");
    caller.ask("INVITE", &secured(media, MANGLED_KEY, "").replace("\r\n", "\r").replace("v=0", "v=\u{1}0"));
    caller.expect("SIP/2.0 4");
}

/// What the program says to an operator.
fn commanded(ground: &Ground, arguments: &[&str], out: &mut Written) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.arg(arguments[0]).arg("--config").arg(ground.config()).args(&arguments[1..]);
    let output = command.output().unwrap();
    assert_ne!(output.status.code(), Some(64), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let said = [output.stdout, output.stderr].concat();
    assert!(!said.is_empty(), "{arguments:?} says nothing");
    out.push((arguments.join(" "), said));
}

/// What commands and API say, each for itself.
fn asked(ground: &Ground, [first, tracing]: [&str; 2], out: &mut Written) {
    COMMANDS.into_iter().for_each(|arguments| commanded(ground, arguments, out));
    for path in PAGES {
        let token = if path.contains("trace") { tracing } else { first };
        let (status, octets) = raw(ground, token, "GET", path, "");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&octets));
        out.push((path.to_owned(), octets));
    }
    let capture = ground.state().join("call.pcap");
    ground.asked(&["trace", "1", "--pcap", capture.to_str().unwrap()]).unwrap();
    out.push(("/metrics".to_owned(), ground.get("/metrics").into_bytes()));
}

/// Every file below a folder but those that were put there.
fn everything(folder: &Path, out: &mut Written) {
    const GIVEN: [&str; 3] = ["carrier.password", "sbc.key.pem", "platform.key.pem"];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            everything(&path, out);
        } else if path.is_file() && !GIVEN.contains(&name.as_str()) {
            out.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

/// Gives a client of the API its token.
fn another_token(ground: &Ground, token: &str) -> String {
    let (status, made) = http::ask(ground, token, "PUT", "/clients/ci", "{\"roles\":[\"Calls.Trace\"]}");
    assert_eq!(status, 201, "{made}");
    made["token"].as_str().unwrap().to_owned()
}

#[test]
fn no_key_no_password_no_token_and_no_digit_is_in_anything_the_daemon_writes() {
    let (ground, running, token) = served();
    let issued = another_token(&ground, &token);
    let mut caller = ground.tls();
    let mut callee = ground.udp(ground.callee());
    let media: [SocketAddr; 2] = [(ground.caller(), 40_000).into(), (ground.callee(), 40_000).into()];
    let mut secrets = given(&ground);
    let (mut dialog, agreed) = set_up(&mut caller, &mut callee, media);
    secrets.extend(agreed);
    secrets.push(named("a client's token", &issued));
    odd_messages(&mut caller, &mut dialog, media[0]);
    let mut written = Written::new();
    asked(&ground, [&token, &issued], &mut written);
    caller.send(dialog.request("BYE"));
    caller.expect("SIP/2.0 200");
    let bye = callee.expect("BYE ");
    callee.send(bye.respond("200 OK", callee.own, ""));
    commanded(&ground, DOCTOR, &mut written);
    ground.until(|ground| match ground.get("/metrics").contains("\nsbc_records_written_total 2\n") {
        true => Ok(()),
        false => Err("no record".into()),
    });
    running.signal("INT");
    assert_eq!(running.exit(), Some(0));
    everything(&folder(&ground), &mut written);
    let found = places(&secrets, &written);
    assert!(found.is_empty(), "{found:#?}");
    // The first token is shown once, on the console.
    let shown: Vec<&str> = written
        .iter()
        .flat_map(|(name, text)| memchr::memmem::find_iter(text, token.as_bytes()).map(|_| name.as_str()))
        .collect();
    assert_eq!(shown, [ground.log().to_str().unwrap()]);
    // What is no secret is found: the search works.
    for (what, wanted) in [(dialog.call_id.as_bytes(), 6), (b"carrier.test", 2), (b"calls.sqlite", 1)] {
        let seen = written.iter().filter(|(_, octets)| memchr::memmem::find(octets, what).is_some()).count();
        assert!(seen >= wanted, "{} is in {seen} of {}", String::from_utf8_lossy(what), written.len());
    }
}

#[test]
fn what_the_daemon_holds_in_memory_goes_into_no_core_file() {
    let ground = Ground::new(Rules::default());
    let running = ground.start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{line}");
}
