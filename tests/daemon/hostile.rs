//! The hostile corpora against the running daemon, over each transport. After each message OPTIONS are answered, and
//! in the end nothing is held.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use crate::ground::{Ground, PATIENCE, Rules, SIP};
use crate::judge::Victim;
use crate::peer::Peer;
use crate::text::request;

/// The largest payload of an IPv4 datagram.
const DATAGRAM: usize = 65_507;

/// Every hostile message by its name; descriptions as the body of an otherwise ordinary INVITE.
fn messages(transport: &str, own: SocketAddr, daemon: SocketAddr) -> Vec<(String, Vec<u8>)> {
    let mut messages = Vec::new();
    for set in ["rfc4475", "rfc4475/derived", "sip-hostile", "own-hostile"] {
        for file in files(set, "dat") {
            messages.push((name(&file), fs::read(&file).unwrap()));
        }
    }
    for file in ["sdp-hostile", "own-hostile"].into_iter().flat_map(|set| files(set, "sdp")) {
        let body = fs::read(&file).unwrap();
        let template = request("INVITE", transport, own, daemon, "B");
        let head = template.strip_suffix("1\r\n\r\nB").unwrap();
        let mut octets = format!("{head}{}\r\n\r\n", body.len()).into_bytes();
        octets.extend(body);
        messages.push((name(&file), octets));
    }
    messages
}

fn files(set: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora").join(set);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// 64*T1 is 3.2 s: what hangs on a timer is gone soon.
fn ground() -> Ground {
    let changes = vec![("to = [\"callee-udp\"]".to_owned(), "to = [\"callee-tcp\"]".to_owned())];
    Ground::new(Rules { timers: "timers = { t1_ms = 50 }", changes, ..Rules::default() })
}

/// Sends everything, each on the way `open` gives; `prober` asks after each.
fn assault(transport: &str, ground: &Ground, mut open: impl FnMut() -> Peer, prober: &mut Peer) -> usize {
    let mut sent = 0;
    let own = SocketAddr::new(ground.caller(), SIP);
    for (name, octets) in messages(transport, own, ground.sip()) {
        if transport == "UDP" && octets.len() > DATAGRAM {
            continue;
        }
        let mut way = open();
        // A connection closed on us in the middle is an answer too.
        let _ = way.try_send(&octets);
        way.close();
        // Shown only when the test fails: which message it was.
        eprintln!("{transport} {name}");
        prober.probe();
        sent += 1;
    }
    sent
}

fn assert_unharmed(ground: &Ground, mut running: crate::ground::Running, mut prober: Peer, called: &Victim) {
    prober.close();
    called.hang_up();
    ground.until(Ground::held);
    assert!(running.is_alive());
    ground.tcp(ground.caller()).probe();
    running.signal("TERM");
    assert_eq!(running.exit(), Some(0));
}

#[test]
fn the_hostile_corpora_over_udp_leave_the_daemon_answering_and_empty() {
    let ground = ground();
    let running = ground.start();
    let called = Victim::new(ground.callee());
    let hostile = UdpSocket::bind((ground.caller(), 15_070)).unwrap();
    hostile.set_read_timeout(Some(PATIENCE)).unwrap();
    let open = || Peer::datagrams(hostile.try_clone().unwrap(), ground.sip());
    let mut prober = ground.udp(ground.caller());
    let sent = assault("UDP", &ground, open, &mut prober);
    assert!(sent > 120, "{sent}");
    assert_unharmed(&ground, running, prober, &called);
}

#[test]
fn the_hostile_corpora_over_tcp_leave_the_daemon_answering_and_empty() {
    let ground = ground();
    let running = ground.start();
    let called = Victim::new(ground.callee());
    let mut prober = ground.tcp(ground.caller());
    let sent = assault("TCP", &ground, || ground.tcp(ground.caller()), &mut prober);
    assert!(sent > 120, "{sent}");
    assert_unharmed(&ground, running, prober, &called);
}

#[test]
fn the_hostile_corpora_over_tls_leave_the_daemon_answering_and_empty() {
    let ground = ground();
    let running = ground.start();
    let called = Victim::new(ground.callee());
    let mut prober = ground.tls();
    let sent = assault("TLS", &ground, || ground.tls(), &mut prober);
    assert!(sent > 120, "{sent}");
    assert_unharmed(&ground, running, prober, &called);
}
