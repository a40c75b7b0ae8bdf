//! A platform that answers OPTIONS over TLS, well or badly, and a DNS server that says one thing.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use trunkline::net::tls::provider;

use crate::authority::{Authority, Leaf};

/// What the platform does.
#[derive(Clone)]
pub enum Manner {
    /// A final response with this status line and these further header lines.
    Answers(&'static str, &'static str),
    /// As `Answers` with 200, but its Via says where it saw us.
    SawUsAt(&'static str),
    Silent,
    /// Sends an OPTIONS of its own on the connection before it answers ours.
    AsksFirst,
    /// Answers 200 with the branch of another request, and then nothing.
    AnswersAnother,
    /// "100 Trying", and then nothing.
    Trying,
    HangsUp,
    NotTls,
    /// These octets instead of a handshake.
    Raw(&'static [u8]),
    /// Another protocol, inside TLS.
    NotSip(&'static str),
    /// Wants a certificate of an authority that is not ours.
    WantsAnother(Arc<Authority>),
}

/// Where it listens. It goes with this value.
pub struct Platform {
    pub address: SocketAddr,
    _runtime: Runtime,
}

impl Platform {
    pub fn start(leaf: &Leaf, manner: Manner) -> Platform {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.18.2:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(server(leaf, &manner)));
        runtime.spawn(serve(listener, acceptor, manner));
        Platform { address, _runtime: runtime }
    }
}

fn server(leaf: &Leaf, manner: &Manner) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let builder = match manner {
        Manner::WantsAnother(authority) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(authority.roots(), provider()).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    let (chain, key) = leaf.parts();
    builder.with_single_cert(chain, key).unwrap()
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, manner: Manner) {
    while let Ok((mut stream, _)) = listener.accept().await {
        if matches!(manner, Manner::NotTls) {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
            continue;
        }
        if let Manner::Raw(octets) = &manner {
            let _ = stream.read(&mut [0; 2048]).await;
            let _ = stream.write_all(octets).await;
            continue;
        }
        let Ok(mut secured) = acceptor.accept(stream).await else { continue };
        let mut octets = vec![0; 8192];
        let Ok(length) = secured.read(&mut octets).await else { continue };
        let request = String::from_utf8_lossy(&octets[..length]).into_owned();
        match &manner {
            Manner::Answers(status, more) => {
                let _ = secured.write_all(answer(&request, status, "127.0.18.1", more).as_bytes()).await;
            }
            Manner::SawUsAt(address) => {
                let _ = secured.write_all(answer(&request, "200 OK", address, "").as_bytes()).await;
            }
            Manner::NotSip(text) => {
                let _ = secured.write_all(text.as_bytes()).await;
                let _ = secured.shutdown().await;
            }
            Manner::AsksFirst => {
                let own = "OPTIONS sip:sbc.example.com SIP/2.0\r\nVia: SIP/2.0/TLS sip.platform.example;branch=z9hG4bKown\r\n\
                           From: <sip:sip.platform.example>;tag=a\r\nTo: <sip:sbc.example.com>\r\nCall-ID: own\r\n\
                           CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
                let both = own.to_owned() + &answer(&request, "200 OK", "127.0.18.1", "");
                let _ = secured.write_all(both.as_bytes()).await;
            }
            Manner::AnswersAnother => {
                let other =
                    answer(&request, "200 OK", "127.0.18.1", "").replace("branch=z9hG4bK", "branch=z9hG4bKother");
                let _ = secured.write_all(other.as_bytes()).await;
                std::future::pending().await
            }
            Manner::Trying => {
                let _ = secured.write_all(answer(&request, "100 Trying", "127.0.18.1", "").as_bytes()).await;
                std::future::pending().await
            }
            Manner::Silent => std::future::pending().await,
            Manner::HangsUp | Manner::NotTls | Manner::Raw(_) | Manner::WantsAnother(_) => {
                let _ = secured.shutdown().await;
            }
        }
    }
}

fn answer(request: &str, status: &str, seen: &str, more: &str) -> String {
    let header = |name: &str| request.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    let via = format!("{};received={seen}", header("Via:"));
    let to = format!("{};tag=peer", header("To:"));
    let lines = [via, header("From:"), to, header("Call-ID:"), header("CSeq:")];
    format!("SIP/2.0 {status}\r\n{}\r\n{more}Content-Length: 0\r\n\r\n", lines.join("\r\n"))
}

/// A carrier that answers OPTIONS over UDP.
pub fn carrier() -> SocketAddr {
    carrier_at("127.0.18.4")
}

pub fn carrier_at(address: &str) -> SocketAddr {
    answering(address, 0)
}

/// One whose first datagram from us gets lost.
pub fn forgetful_carrier() -> SocketAddr {
    answering("127.0.18.4", 1)
}

fn answering(address: &str, lost: usize) -> SocketAddr {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut octets = [0; 8192];
        for _ in 0..lost {
            let _ = socket.recv_from(&mut octets);
        }
        while let Ok((length, from)) = socket.recv_from(&mut octets) {
            let request = String::from_utf8_lossy(&octets[..length]).into_owned();
            let _ = socket.send_to(answer(&request, "200 OK", "127.0.18.1", "").as_bytes(), from);
        }
    });
    address
}

/// A DNS server that knows one address for every name, and takes its time.
pub fn dns_of(address: IpAddr, delay: Duration) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.18.3:0").unwrap();
    let own = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut octets = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut octets) {
            let end = 12 + octets[12..length].iter().position(|octet| *octet == 0).unwrap() + 5;
            let asked = u16::from_be_bytes([octets[end - 4], octets[end - 3]]);
            let mut answer = octets[..end].to_vec();
            answer[2] |= 0x80;
            answer[3] = 0x80;
            answer[6..12].fill(0);
            let (kind, data) = match address {
                IpAddr::V4(four) => (1, four.octets().to_vec()),
                IpAddr::V6(six) => (28, six.octets().to_vec()),
            };
            if asked == kind {
                answer[7] = 1;
                // The name of the question, this type, class IN, a minute (RFC 1035 4.1.3).
                answer.extend([0xc0, 12, 0, kind as u8, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
                answer.extend(data);
            }
            // The server's slowness is what is tested.
            std::thread::sleep(delay);
            let _ = socket.send_to(&answer, from);
        }
    });
    own
}

/// A DNS server that answers every question with this code (RFC 1035 4.1.1: 2 server failure, 3 no such name).
pub fn dns(code: u8) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.18.3:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut octets = [0; 1500];
        loop {
            match socket.recv_from(&mut octets) {
                Ok((length, from)) if length > 12 => {
                    // The question comes back as an answer without records; additional ones are cut.
                    let end = 12 + octets[12..length].iter().position(|octet| *octet == 0).unwrap_or(0) + 5;
                    octets[2] |= 0x80;
                    octets[3] = 0x80 | code;
                    octets[6..12].fill(0);
                    let _ = socket.send_to(&octets[..end], from);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
    address
}
