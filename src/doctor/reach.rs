//! Targets: can they be reached, do they and we accept each other's certificates, what do they say to OPTIONS, and from
//! which address do they see us.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::finding::Finding;
use super::host::{Daemon, now};
use super::names::addresses;
use crate::base::text::Escaped;
use crate::call::subcode;
use crate::config::Loaded;
use crate::daemon::entropy::OsEntropy;
use crate::engine::options_request;
use crate::net::resolver::Resolver;
use crate::net::settings::NetSettings;
use crate::net::tls::{HandshakeFailure, TlsMaterial, client_config, dialled_name};
use crate::route::role::PeerRole;
use crate::route::trunk::{ContactHost, Listener, Network, TargetSpec, Trunk};
use crate::sip::SipMessage;
use crate::sip::flow::Transport;
use crate::sip::frame::{Framed, StreamFramer, datagram};
use crate::sip::header::Name;
use crate::sip::message::Response;
use crate::transaction::Branch;

/// For a connection, for a handshake, and for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Octets read of an answer.
const ANSWER_OCTETS: usize = 16 * 1024;
/// Difference between a peer's Date and our clock at which certificates and tokens are in danger.
const SKEW: Duration = Duration::from_secs(60);
/// Octets shown of what is no SIP.
const SHOWN: usize = 40;
/// Octets shown of a reason phrase.
const REASON: usize = 100;
/// HTTPS.
const WEB_PORT: u16 = 443;

/// Addresses of one target that are probed.
const ADDRESSES: usize = 4;
/// Until a datagram without an answer is sent again, then twice as long (T1 of RFC 3261 17.1.2.2).
const AGAIN: Duration = Duration::from_millis(500);
/// How long a closed port may take to say so.
const CLOSED: Duration = Duration::from_millis(500);

/// Probes the addresses of each target of each trunk.
pub async fn examine(loaded: &Loaded, net: NetSettings, resolver: &Resolver, daemon: Daemon) -> Vec<Finding> {
    let material = TlsMaterial { identities: net.identities, trust: net.trust, revoked: net.revoked };
    let mut findings = Vec::new();
    for trunk in &loaded.snapshot.trunks {
        let listener = loaded.snapshot.listeners.iter().find(|listener| listener.id == trunk.listener);
        let network = loaded.snapshot.networks.iter().find(|network| network.id == trunk.network);
        let (Some(listener), Some(network)) = (listener, network) else { continue };
        for target in &trunk.targets {
            // Names without an address have been told.
            let Ok(found) = addresses(trunk, target, resolver).await else { continue };
            let usable = found.into_iter().filter(|address| address.is_ipv4() == network.bind.is_ipv4());
            for address in usable.take(ADDRESSES) {
                let probe = Probe { trunk, target, listener, network, address, material: &material, daemon };
                findings.extend(probe.findings().await);
            }
        }
    }
    findings
}

/// One target at one address.
struct Probe<'a> {
    trunk: &'a Trunk,
    target: &'a TargetSpec,
    listener: &'a Listener,
    network: &'a Network,
    address: SocketAddr,
    material: &'a TlsMaterial,
    daemon: Daemon,
}

/// Why there is no answer; a finding of its own.
type Failed = Box<Finding>;

impl Probe<'_> {
    fn subject(&self) -> String {
        format!("trunks.{} target {}", self.trunk.name, self.target.host)
    }

    async fn findings(&self) -> Vec<Finding> {
        let answer = match self.trunk.transport {
            Transport::Udp => self.by_datagram().await,
            Transport::Tcp => self.by_stream().await,
            Transport::Tls => self.by_tls().await,
        };
        match answer {
            Ok(response) => {
                let seen = self.seen(&response);
                [Some(self.status(&response)), seen, skew(&self.subject(), &response)].into_iter().flatten().collect()
            }
            Err(finding) => vec![self.web_port().unwrap_or(*finding)],
        }
    }

    /// What the daemon sends, word for word: peers judge by how it names them and us (MD-50).
    fn question(&self) -> Question {
        let (branch, octets) = options_request(self.trunk, self.target, &mut OsEntropy::new());
        Question { branch, octets }
    }

    async fn by_datagram(&self) -> Result<Response, Failed> {
        // The listener's own port, where nobody has it: carriers know their customers by address and port.
        let own = SocketAddr::new(self.network.bind, self.listener.bind.port());
        let socket = match UdpSocket::bind(own).await {
            Ok(socket) => socket,
            Err(_) => UdpSocket::bind((self.network.bind, 0)).await.map_err(|error| self.homeless(&error))?,
        };
        let local = socket.local_addr().map_err(|error| self.unreachable(&error))?;
        match timeout(PATIENCE, datagram_answer(&socket, self.address, &self.question())).await {
            Ok(answer) => answer.map_err(|error| self.unreachable(&error)),
            Err(_) => Err(self.closed_port().await.unwrap_or_else(|| self.silent(local))),
        }
    }

    /// A port that nobody has tells so, but only to a socket that is connected to it (RFC 1122 4.1.3.3).
    async fn closed_port(&self) -> Option<Failed> {
        let socket = UdpSocket::bind((self.network.bind, 0)).await.ok()?;
        let told = timeout(CLOSED, async {
            socket.connect(self.address).await?;
            socket.send(&self.question().octets).await?;
            socket.recv(&mut [0]).await
        });
        told.await.ok()?.err().map(|error| self.unreachable(&error))
    }

    async fn by_stream(&self) -> Result<Response, Failed> {
        let stream = self.connect().await?;
        let local = stream.local_addr().map_err(|error| self.unreachable(&error))?;
        self.ask(stream, local).await
    }

    async fn by_tls(&self) -> Result<Response, Failed> {
        let Some(tls) = self.trunk.tls_towards(self.target) else {
            return Err(Box::new(Finding::skipped("target.tls", self.subject(), "the trunk has no TLS settings")));
        };
        let default = self.listener.certificates.first().map(String::as_str);
        let config = client_config(&tls, default, self.material).map_err(|error| {
            let advice = "correct the trunk's certificate and trust";
            Box::new(Finding::fault("target.tls.our_settings", self.subject(), error.to_string(), advice))
        })?;
        let stream = self.connect().await?;
        let local = stream.local_addr().map_err(|error| self.unreachable(&error))?;
        let name = dialled_name(&tls.server_name, self.address.ip());
        match timeout(PATIENCE, TlsConnector::from(config).connect(name, stream)).await {
            Ok(Ok(secured)) => self.ask(secured, local).await,
            Ok(Err(error)) => Err(self.handshake(HandshakeFailure::of(&error), &error)),
            Err(_) => Err(self.handshake(HandshakeFailure::TimedOut, &std::io::ErrorKind::TimedOut.into())),
        }
    }

    async fn connect(&self) -> Result<TcpStream, Failed> {
        let socket = if self.address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let socket = socket.map_err(|error| self.unreachable(&error))?;
        if self.network.bind.is_ipv4() == self.address.is_ipv4() && !self.network.bind.is_unspecified() {
            socket.bind(SocketAddr::new(self.network.bind, 0)).map_err(|error| self.homeless(&error))?;
        }
        match timeout(PATIENCE, socket.connect(self.address)).await {
            Ok(connected) => connected.map_err(|error| self.unreachable(&error)),
            Err(_) => Err(Box::new(Finding::fault(
                "target.timed_out",
                self.subject(),
                format!("{} does not answer a connection request", self.address),
                "a packet filter drops it on the way: let TCP out to that port, and the target's answer in",
            ))),
        }
    }

    async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        local: SocketAddr,
    ) -> Result<Response, Failed> {
        let question = self.question();
        let spoken = async {
            stream.write_all(&question.octets).await?;
            stream.flush().await?;
            read_answer(&mut stream, self.address, &question).await
        };
        match timeout(PATIENCE, spoken).await {
            Ok(Ok(Said::Answer(response))) => Ok(*response),
            // With TLS 1.3 a peer refuses our certificate after the handshake.
            Ok(Err(error)) if self.trunk.transport == Transport::Tls => {
                Err(self.handshake(HandshakeFailure::of(&error), &error))
            }
            Ok(Err(error)) => Err(self.unreachable(&error)),
            Ok(Ok(Said::Other(begin))) => Err(Box::new(Finding::fault(
                "target.not_sip",
                self.subject(),
                format!("{} answers, and not in SIP: {begin}", self.address),
                "another service listens there: check the target's port",
            ))),
            Ok(Ok(Said::Nothing)) => Err(Box::new(Finding::fault(
                "target.closed",
                self.subject(),
                format!("{} closed the connection instead of answering OPTIONS", self.address),
                "the peer does not know us: check name and certificate shown to it, and that it has paired this SBC",
            ))),
            Err(_) => Err(self.silent(local)),
        }
    }

    /// MD-81: the port of Microsoft's Contact, copied from a trace into the configuration.
    fn web_port(&self) -> Option<Finding> {
        let confused = self.trunk.contact_host == ContactHost::Ignored && self.address.port() == WEB_PORT;
        confused.then(|| {
            let told =
                format!("{}: port {WEB_PORT} is where its Contact points, and no SIP is taken there", self.address);
            let port = self.trunk.transport.default_port();
            let advice = format!("write {}:{port}", self.target.host);
            Finding::fault("target.port_of_contact", self.subject(), told, advice)
        })
    }

    /// The network's own address is not here, which has been told of the network.
    fn homeless(&self, error: &std::io::Error) -> Failed {
        match error.kind() {
            std::io::ErrorKind::AddrNotAvailable => {
                let why = format!("networks.{}.bind is no address of this machine", self.network.name);
                Box::new(Finding::skipped("target", self.subject(), why))
            }
            _ => self.unreachable(error),
        }
    }

    fn unreachable(&self, error: &std::io::Error) -> Failed {
        let refused = error.kind() == std::io::ErrorKind::ConnectionRefused;
        let (code, advice) = match refused {
            true => ("target.refused", "nobody listens there: check the target's port, and that the peer is up"),
            false => ("target.unreachable", "check routes, the network's bind address and packet filters"),
        };
        Box::new(Finding::fault(code, self.subject(), format!("{}: {error}", self.address), advice))
    }

    fn silent(&self, local: SocketAddr) -> Failed {
        let advice = match (self.trunk.transport, self.daemon) {
            (Transport::Udp, Daemon::Running) if local.port() != self.listener.bind.port() => {
                "the carrier may answer our SIP port alone, which the running daemon has: see its target states, or stop it and ask again"
            }
            _ => {
                "the peer must know our address, or it drops what we send: tell it, and check the packet filters both ways"
            }
        };
        let told = format!("{} did not answer OPTIONS sent from {local} within {} s", self.address, PATIENCE.as_secs());
        Box::new(Finding::fault("target.silent", self.subject(), told, advice))
    }

    fn handshake(&self, failure: HandshakeFailure, error: &std::io::Error) -> Failed {
        let (reason, advice) = handshake_advice(failure);
        let told = format!("TLS with {}: {error}", self.address);
        Box::new(Finding::fault(&format!("target.tls.{reason}"), self.subject(), told, advice))
    }

    /// What a status says about the pairing (MD-46, MD-234).
    fn status(&self, response: &Response) -> Finding {
        let code = response.status.code();
        let reason = Escaped::limited(&response.reason, REASON);
        let told = format!("{} answered OPTIONS with {code} {reason}", self.address);
        let told = match explained(response) {
            Some(words) => format!("{told}: {words}"),
            None => told,
        };
        match code {
            200..=299 => Finding::good("target", self.subject(), told),
            401 | 407 => Finding::warning(
                "target.asks_credentials",
                self.subject(),
                told,
                "set auth of this trunk, if the peer wants a password for calls too",
            ),
            403 => Finding::fault(
                "target.forbidden",
                self.subject(),
                told,
                "the peer does not know the name we show: pair this SBC there, with exactly the trunk's fqdn",
            ),
            _ if !self.trunk.options.liveness.is_alive(response.status) => Finding::fault(
                "target.unavailable",
                self.subject(),
                told,
                "the peer is there and takes no calls now: wait for its maintenance, or ask its operator",
            ),
            404 | 410 | 480 | 484 | 485 | 604 if self.trunk.role == PeerRole::Platform => Finding::warning(
                "target.not_found",
                self.subject(),
                told,
                "it is there and knows nobody by the host we ask for: check target and request_uri_host, and the pairing there",
            ),
            300..=399 => Finding::warning(
                "target.moved",
                self.subject(),
                told,
                "it sends us elsewhere: write the name or address of its Contact as target",
            ),
            500 | 502 | 504..=699 => Finding::warning(
                "target.in_trouble",
                self.subject(),
                told,
                "it is there and something behind it fails: ask its operator, with the time and this answer",
            ),
            _ => Finding::good("target", self.subject(), format!("{told}: alive")),
        }
    }

    /// PF-165: the address that a peer sees must be the one that we tell it.
    fn seen(&self, response: &Response) -> Option<Finding> {
        let received = response.via.params.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"received"))?;
        let seen: IpAddr = std::str::from_utf8(received.1?).ok()?.trim_matches(['[', ']']).parse().ok()?;
        if seen == self.network.advertise || seen == self.network.bind {
            return Some(Finding::good("advertise", self.subject(), format!("sees us at {seen}")));
        }
        Some(Finding::fault(
            "advertise.seen_elsewhere",
            format!("networks.{}.advertise", self.network.name),
            format!("{} sees us at {seen}, and we say {}", self.subject(), self.network.advertise),
            format!("write advertise = \"{seen}\", or send from the right address"),
        ))
    }
}

/// What the platform's Reason says (MD-94).
fn explained(response: &Response) -> Option<String> {
    let reason = response.message.header(Name::Reason)?;
    let reason = String::from_utf8_lossy(&reason);
    let read = subcode::read(&reason);
    let words: Vec<&str> = [read.explanation.map(|row| row.meaning), read.call].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join("; in its books "))
}

/// OPTIONS, and what its answer is known by.
struct Question {
    branch: Branch,
    octets: Bytes,
}

impl Question {
    /// A final response to it (RFC 3261 17.1.3): not "100 Trying", and not what another question brought late.
    fn is_answered_by(&self, response: &Response) -> bool {
        response.status.code() >= 200 && response.via.branch() == Some(self.branch.as_bytes())
    }
}

/// Asks again until an answer comes: one datagram may be lost.
async fn datagram_answer(socket: &UdpSocket, peer: SocketAddr, question: &Question) -> std::io::Result<Response> {
    let mut octets = vec![0; ANSWER_OCTETS];
    let mut wait = AGAIN;
    loop {
        socket.send_to(&question.octets, peer).await?;
        let again = Instant::now() + wait;
        while let Ok(received) = timeout_at(again, socket.recv_from(&mut octets)).await {
            let (length, from) = received?;
            let text = Bytes::copy_from_slice(octets.get(..length).unwrap_or_default());
            match datagram(&text, from) {
                Some(Ok(SipMessage::Response(response))) if question.is_answered_by(&response) => return Ok(*response),
                Some(_) | None => {}
            }
        }
        wait = wait.saturating_mul(2);
    }
}

/// What a stream brought until its end.
enum Said {
    Answer(Box<Response>),
    /// Octets that are no SIP; how they begin.
    Other(String),
    Nothing,
}

async fn read_answer<S: AsyncRead + Unpin>(
    stream: &mut S,
    from: SocketAddr,
    question: &Question,
) -> std::io::Result<Said> {
    let mut framer = StreamFramer::default();
    let mut begin = Vec::new();
    let mut part = [0; 4096];
    // A request of the peer's may come first.
    let mut is_sip = false;
    while begin.len() < ANSWER_OCTETS {
        let length = stream.read(&mut part).await?;
        let read = part.get(..length).unwrap_or_default();
        begin.extend_from_slice(read);
        framer.buffer().extend_from_slice(read);
        while let Some(framed) = framer.next(from) {
            match framed {
                Framed::Message(SipMessage::Response(response)) if question.is_answered_by(&response) => {
                    return Ok(Said::Answer(response));
                }
                Framed::Message(_) => is_sip = true,
                Framed::Ping | Framed::Refused(_) => {}
            }
        }
        if length == 0 || !(is_sip || may_be_sip(&begin)) {
            break;
        }
    }
    let line = begin.split(|octet| matches!(octet, b'\r' | b'\n')).find(|line| !line.is_empty());
    let shown = |line| Said::Other(Escaped::limited(line, SHOWN).to_string());
    Ok(line.filter(|_| !is_sip).map_or(Said::Nothing, shown))
}

/// False when the first line is there whole and is no line of SIP.
fn may_be_sip(begin: &[u8]) -> bool {
    let text = begin.trim_ascii_start();
    let line = text.split(|octet| *octet == b'\n').next().unwrap_or_default();
    line.len() == text.len() || memchr::memmem::find(line, b"SIP/2.0").is_some()
}

fn handshake_advice(failure: HandshakeFailure) -> (&'static str, &'static str) {
    match failure {
        HandshakeFailure::UnknownIssuer => {
            ("unknown_issuer", "add the root that signed the peer's certificate to the trunk's trust store")
        }
        HandshakeFailure::Expired => {
            ("expired", "the peer's certificate has ended: its operator must renew it; or our clock is wrong")
        }
        HandshakeFailure::NotYetValid => {
            ("not_yet_valid", "our clock is behind, or the peer's certificate is from tomorrow")
        }
        HandshakeFailure::WrongName => (
            "wrong_name",
            "the peer's certificate names somebody else: correct the target, or write its name into peer_names",
        ),
        HandshakeFailure::WrongPurpose => ("wrong_purpose", "the peer shows a certificate that is not for servers"),
        HandshakeFailure::Revoked => ("revoked", "the peer's certificate was withdrawn: ask its operator"),
        HandshakeFailure::SelfSigned => {
            ("self_signed", "the peer's certificate is signed by itself: its operator needs one of an authority")
        }
        HandshakeFailure::WeakKey => {
            ("weak_key", "the peer's RSA key has less than 2048 bits: its operator must renew it")
        }
        HandshakeFailure::WeakSignature => {
            ("weak_signature", "the peer's chain is signed with SHA-1 or the like: its operator must renew it")
        }
        HandshakeFailure::BadCertificate => ("bad_certificate", "the peer's certificate is damaged or of an odd kind"),
        HandshakeFailure::NoCertificate | HandshakeFailure::OurCertificateRefused => (
            "our_certificate_refused",
            "the peer refuses what we show: its authority, its name, its dates, or its purpose, where it asks for clientAuth; see certificates above",
        ),
        HandshakeFailure::NoCommonVersion => ("no_common_version", "the peer speaks neither TLS 1.2 nor 1.3"),
        HandshakeFailure::NoCommonSuite => {
            ("no_common_suite", "no cipher in common; a peer that takes RSA alone needs an RSA certificate of ours")
        }
        HandshakeFailure::NotTls => ("not_tls", "what answers there does not speak TLS: check the target's port"),
        HandshakeFailure::TimedOut => {
            ("timed_out", "the handshake got no answer: a packet filter, or a peer that waits for another port")
        }
        HandshakeFailure::Closed => (
            "closed",
            "the peer hangs up during the handshake: it does not know our address, or refuses our certificate",
        ),
        HandshakeFailure::PeerAlert | HandshakeFailure::Misbehaved => {
            ("refused", "the peer ends the handshake: see the text")
        }
        HandshakeFailure::OurSettings => ("our_settings", "correct the trunk's certificate and trust"),
    }
}

/// A Date header (RFC 3261 20.17) far from our clock.
fn skew(subject: &str, response: &Response) -> Option<Finding> {
    let text = response.message.header_named(b"Date")?;
    let theirs = date(std::str::from_utf8(&text).ok()?)?;
    let ours = now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let apart = Duration::from_secs(ours.abs_diff(theirs));
    (apart > SKEW).then(|| {
        Finding::warning(
            "clock.skew",
            "clock",
            format!("{} s away from the Date of {subject}", apart.as_secs()),
            "keep the clock with NTP (chrony); ask a second source which of the two is wrong",
        )
    })
}

/// Seconds since 1970 of `Sat, 13 Nov 2010 23:29:00 GMT`.
fn date(text: &str) -> Option<u64> {
    let mut words = text.split([',', ' ', ':']).filter(|word| !word.is_empty()).skip(1);
    let day: i64 = words.next()?.parse().ok()?;
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let named = words.next()?;
    let month = i64::try_from(months.iter().position(|month| month.eq_ignore_ascii_case(named))?).ok()? + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let [hour, minute, second] = [words.next()?, words.next()?, words.next()?].map(str::parse::<i64>);
    // Days since 1970 by counting from March, so that the leap day is the last of its year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 1 - 719_468;
    u64::try_from(days * 86_400 + hour.ok()? * 3600 + minute.ok()? * 60 + second.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn a_date_header_is_read() {
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(date("Sat, 13 Nov 2010 23:29:00 GMT"), Some(1_289_690_940));
        assert_eq!(date("Thu, 29 Feb 2024 12:00:01 GMT"), Some(1_709_208_001));
        assert_eq!(date("yesterday"), None);
    }
}
