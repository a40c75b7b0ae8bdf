//! What ends a start, beyond `daemon_life`.

use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Output};

use crate::ground::{Ground, Rules, SIP, SIP_TLS};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_taken_port_of_any_transport_is_said_plainly_with_69() {
    let ground = Ground::new(Rules::default());
    let udp = UdpSocket::bind((ground.daemon(), SIP)).unwrap();
    let said = |listener: &str, port: u16| {
        let output = ground.run();
        assert_eq!(output.status.code(), Some(69), "{}", stderr(&output));
        let text = stderr(&output);
        assert!(text.contains(&format!("`{listener}` is taken")), "{text}");
        assert!(text.contains(&format!("{}:{port}", ground.daemon())), "{text}");
    };
    said("udp", SIP);
    drop(udp);
    let tcp = TcpListener::bind((ground.daemon(), SIP)).unwrap();
    said("tcp", SIP);
    drop(tcp);
    let _tls = TcpListener::bind((ground.daemon(), SIP_TLS)).unwrap();
    said("tls", SIP_TLS);
}

#[test]
fn errors_of_different_tables_are_all_told_at_once_with_78() {
    let ground = Ground::new(Rules::default());
    let broken = ground
        .text()
        .replace("transport = \"udp\"", "transport = \"sctp\"")
        .replace("to = [\"callee-tcp\"]", "to = [\"nobody\"]")
        .replace("drain_s = 600", "drain = 600")
        .replace("ca.pem", "missing.pem");
    std::fs::write(ground.config(), broken).unwrap();
    let output = ground.run();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(78), "{text}");
    for told in ["sctp", "nobody", "drain_s", "missing.pem"] {
        assert!(text.contains(told), "{told} is missing in\n{text}");
    }
}

#[test]
fn a_command_line_nobody_understands_ends_with_64() {
    let run = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_trunkline")).args(arguments).output().unwrap();
    for arguments in [&["run", "--nonsense"][..], &["nonsense"], &[], &["run", "--config"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(
            stderr(&output).contains("--help") || stderr(&output).contains("Usage:"),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}
