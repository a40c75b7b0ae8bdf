//! Nothing the daemon writes shows a key or a password: not its log at the lowest level, its traces, records, metrics or
//! control socket, in whatever spelling (S-L1).

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::ground::{Ground, Rules};
use crate::text::sdp;

/// What nobody may read, in octets.
const KEY: &[u8] = b"secret-key-of-the-caller-above";
const PASSWORD: &str = "pass+word/4711 of%carrier";

fn base64(octets: &[u8], alphabet: &[u8; 64]) -> String {
    octets
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk.iter().fold(0u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - chunk.len()));
            (0..=chunk.len())
                .map(move |place| char::from(alphabet[(bits >> (18 - 6 * place)) as usize & 63]))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn alphabet(last: &[u8; 2]) -> [u8; 64] {
    let all: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last).collect();
    all.try_into().unwrap()
}

/// Raw, in both cases of hexadecimal, as a list of numbers, in both alphabets of base64, and URL-encoded.
fn spellings(octets: &[u8]) -> Vec<String> {
    let hex = |upper: bool| {
        octets.iter().map(|o| if upper { format!("{o:02X}") } else { format!("{o:02x}") }).collect::<String>()
    };
    let numbers = octets.iter().map(u8::to_string).collect::<Vec<_>>();
    let encoded: String = octets
        .iter()
        .map(|o| {
            if o.is_ascii_alphanumeric() || b"-._~".contains(o) {
                char::from(*o).to_string()
            } else {
                format!("%{o:02X}")
            }
        })
        .collect();
    vec![
        String::from_utf8_lossy(octets).into_owned(),
        hex(false),
        hex(true),
        numbers.join(", "),
        numbers.join(","),
        base64(octets, &alphabet(b"+/")),
        base64(octets, &alphabet(b"-_")),
        encoded,
    ]
}

/// Every file below a folder but those that were put there.
fn everything(folder: &Path, given: &[&str], out: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            everything(&path, given, out);
        } else if path.is_file() && !given.contains(&name.as_str()) {
            out.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

/// What the commands that ask a running daemon print.
fn asked(ground: &Ground) -> Vec<(String, Vec<u8>)> {
    let commands: [&[&str]; 4] =
        [&["trace", "1", "--messages"], &["trace", "1", "--json"], &["ctl", "status"], &["ctl", "calls"]];
    let printed = commands.map(|arguments| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        let output = command.arg(arguments[0]).arg("--config").arg(ground.config()).args(&arguments[1..]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        (arguments.join(" "), output.stdout)
    });
    printed.into()
}

/// Where a secret is to be read, in any of its spellings.
fn places(secrets: &[&[u8]], written: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut found = Vec::new();
    for spelling in secrets.iter().flat_map(|secret| spellings(secret)) {
        let holds = |octets: &[u8]| octets.windows(spelling.len()).any(|window| window == spelling.as_bytes());
        found.extend(
            written.iter().filter(|(_, octets)| holds(octets)).map(|(name, _)| format!("{spelling} in {name}")),
        );
    }
    found
}

#[test]
fn no_key_and_no_password_is_in_anything_the_daemon_writes() {
    let auth = "targets = [\"CALLEE:15060\"]\nauth = { user = \"sbc\", realm = \"carrier.test\", password_file = \"carrier.password\" }";
    let changes = vec![("targets = [\"CALLEE:15060\"]".to_owned(), auth.to_owned())];
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", changes, ..Rules::default() });
    let password_file = ground.state().parent().unwrap().join("carrier.password");
    fs::write(&password_file, format!("{PASSWORD}\n")).unwrap();
    fs::set_permissions(&password_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let running = ground.start_with_log("trace");
    let mut caller = ground.tls();
    let mut callee = ground.udp(ground.callee());
    let media: [SocketAddr; 2] = [(ground.caller(), 40_000).into(), (ground.callee(), 40_000).into()];
    let key = base64(KEY, &alphabet(b"+/"));
    let description =
        sdp(media[0]).replace("RTP/AVP", "RTP/SAVP") + &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n");
    caller.ask("INVITE", &description);
    let first = callee.expect("INVITE ");
    let challenge =
        "WWW-Authenticate: Digest realm=\"carrier.test\",nonce=\"n1\",algorithm=MD5,qop=\"auth\"\r\nContact:";
    callee.send(first.respond("401 Unauthorized", callee.own, "").replacen("Contact:", challenge, 1));
    callee.expect("ACK ");
    let offered = callee.expect("INVITE ");
    let proof = offered.header("Authorization").to_owned();
    let response = proof.split("response=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    callee.send(offered.respond("200 OK", callee.own, &sdp(media[1])));
    let accepted = caller.expect("SIP/2.0 200");
    let own_key = accepted.body().split("inline:").nth(1).unwrap().split(['|', '\r']).next().unwrap().to_owned();
    callee.expect("ACK ");
    let dialog = &mut caller.dialog(&accepted);
    caller.send(dialog.ack());
    let mut written = asked(&ground);
    written.push(("/metrics".to_owned(), ground.get("/metrics").into_bytes()));
    caller.send(dialog.request("BYE"));
    caller.expect("SIP/2.0 200");
    let bye = callee.expect("BYE ");
    callee.send(bye.respond("200 OK", callee.own, ""));
    ground.until(|ground| {
        if ground.get("/metrics").contains("\nsbc_records_written_total 1\n") {
            Ok(())
        } else {
            Err("no record".into())
        }
    });
    running.signal("INT");
    assert_eq!(running.exit(), Some(0));
    let text = fs::read(ground.log()).unwrap();
    assert!(String::from_utf8_lossy(&text).contains("call ended"), "the log was read");
    written.push(("log".to_owned(), text));
    everything(&ground.state(), &[], &mut written);
    assert!(written.iter().any(|(name, octets)| name.ends_with(".jsonl") && !octets.is_empty()));
    let secrets = [KEY, PASSWORD.as_bytes(), own_key.as_bytes(), response.as_bytes()];
    let found = places(&secrets, &written);
    assert!(found.is_empty(), "{found:#?}");
    // What is no secret is found: the search works.
    let call_id = accepted.header("Call-ID").as_bytes();
    assert!(
        written.iter().filter(|(_, octets)| octets.windows(call_id.len()).any(|window| window == call_id)).count() > 2
    );
}
