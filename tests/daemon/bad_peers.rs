//! Peers that prove nothing, in front of the running daemon: each is refused, and metric and log name the same reason
//! (MD-41, PF-209).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::ExtendedKeyUsagePurpose::{CodeSigning, ServerAuth};
use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::aws_lc_rs::kx_group;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned};
use trunkline::lab::certificates::{PLATFORM_NAME, SBC_NAME};
use trunkline::net::tls;

use crate::ground::{Ground, Rules, SIP_TLS};
use crate::text::request;

#[path = "../doctor/authority.rs"]
#[allow(dead_code, reason = "the doctor's tests ask for more")]
mod authority;

use authority::{Authority, LONG, Leaf};

/// One that nobody vouches for but itself.
fn of_itself(name: &str) -> Leaf {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    Leaf { chain: leaf.pem(), key: key.serialize_pem() }
}

/// A ground whose platform is certified by an authority of this test and must show it; calls go to the platform.
fn ground(authority: &Authority) -> Ground {
    let changes = [
        ("roots = \"ca.pem\"", "roots = \"own.pem\""),
        ("certificates = [\"main\"]\n", "certificates = [\"main\"]\nclient_certificate = \"require\"\n"),
        ("from = \"caller-udp\"\nto = [\"callee-udp\"]", "from = \"caller-udp\"\nto = [\"platform\"]"),
    ];
    let changes = changes.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    let ground = Ground::new(Rules { changes, ..Rules::default() });
    std::fs::write(ground.config().with_file_name("own.pem"), &authority.root).unwrap();
    ground
}

/// Our own certificate is of the lab's authority.
fn settings(ground: &Ground, provider: Arc<CryptoProvider>, leaf: Option<Leaf>) -> ClientConfig {
    let roots = tls::roots_of_pem(&std::fs::read(ground.config().with_file_name("ca.pem")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots.store);
    match leaf.map(|leaf| leaf.parts()) {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    }
}

fn address(ground: &Ground) -> SocketAddr {
    (ground.daemon(), SIP_TLS).into()
}

fn dialled(ground: &Ground) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(ground.caller(), 0).into()).unwrap();
    socket.connect(&address(ground).into()).unwrap();
    TcpStream::from(socket)
}

/// Sends octets as they are, until the daemon hangs up.
fn says(ground: &Ground, octets: &[u8]) {
    let mut stream = dialled(ground);
    stream.write_all(octets).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Asks over TLS, until the daemon hangs up: nobody answers.
fn asks(ground: &Ground, settings: ClientConfig) {
    let stream = dialled(ground);
    let own = stream.local_addr().unwrap();
    let session = ClientConnection::new(Arc::new(settings), ServerName::try_from(SBC_NAME).unwrap()).unwrap();
    let mut secured = StreamOwned::new(session, stream);
    let _ = secured.write_all(request("OPTIONS", "TLS", own, address(ground), "").as_bytes());
    let mut heard = Vec::new();
    let _ = secured.read_to_end(&mut heard);
    assert!(heard.is_empty(), "{}", String::from_utf8_lossy(&heard));
}

/// A ClientHello of TLS 1.1 (RFC 4346 7.4.1.2) with one suite and no extension.
fn hello_of_tls_1_1() -> Vec<u8> {
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length], &*hello].concat()
}

/// A platform that we call and that has somebody else's name.
fn is_called(ground: &Ground, leaf: &Leaf) {
    let (chain, key) = leaf.parts();
    let listener = TcpListener::bind((ground.caller(), SIP_TLS)).unwrap();
    let config = ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let mut caller = ground.udp(ground.caller());
    caller.ask("INVITE", "");
    let (stream, _) = listener.accept().unwrap();
    let mut secured = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
    assert!(secured.read(&mut [0; 1]).is_err(), "an alert comes, and no request");
}

fn is_counted_and_logged(ground: &Ground, metric: &str, reason: &str) {
    let counted = format!("sbc_{metric}{{reason=\"{reason}\"}} 1");
    ground.until(|ground| {
        let page = ground.get("/metrics");
        if page.lines().any(|line| line == counted) { Ok(()) } else { Err(format!("no {counted} in\n{page}")) }
    });
    ground.until(|ground| {
        let log = std::fs::read_to_string(ground.log()).unwrap();
        let told = |line: &str| line.contains(&format!("\"{reason}\"")) || line.contains(&format!("TLS, {reason}: "));
        if log.lines().any(told) { Ok(()) } else { Err(format!("no {reason} in\n{log}")) }
    });
}

#[test]
fn each_bad_peer_is_refused_for_a_reason_of_its_own() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let ground = ground(&ours);
    let _running = ground.start_with_log("info");
    let shows = |leaf| asks(&ground, settings(&ground, tls::provider(), leaf));
    let failed = |reason| is_counted_and_logged(&ground, "tls_handshake_failures_total", reason);

    shows(None);
    failed("no_certificate");
    shows(Some(ours.leaf_for(PLATFORM_NAME, (2020, 2021), ServerAuth)));
    failed("expired");
    shows(Some(ours.leaf_for(PLATFORM_NAME, (2099, 2100), ServerAuth)));
    failed("not_yet_valid");
    shows(Some(theirs.leaf(PLATFORM_NAME)));
    failed("unknown_issuer");
    shows(Some(of_itself(PLATFORM_NAME)));
    failed("self_signed");
    shows(Some(ours.leaf_for(PLATFORM_NAME, LONG, CodeSigning)));
    failed("wrong_purpose");
    says(&ground, &hello_of_tls_1_1());
    failed("no_common_version");
    let foreign =
        CryptoProvider { kx_groups: vec![kx_group::X25519MLKEM768], ..CryptoProvider::clone(&tls::provider()) };
    asks(&ground, settings(&ground, Arc::new(foreign), Some(ours.leaf(PLATFORM_NAME))));
    failed("no_common_suite");
    says(&ground, b"OPTIONS sip:sbc.lab.test SIP/2.0\r\n\r\n");
    failed("not_tls");
    is_called(&ground, &ours.leaf("sip.other.test"));
    failed("wrong_name");
    // Well certified, and nobody's: refused by its first request.
    shows(Some(ours.leaf("sip.other.test")));
    is_counted_and_logged(&ground, "sip_dropped_total", "wrong_certificate");

    // The peer itself is still served beside them.
    let good = settings(&ground, tls::provider(), Some(ours.leaf(PLATFORM_NAME)));
    crate::peer::Peer::secured(ground.caller(), address(&ground), Arc::new(good)).probe();
}
