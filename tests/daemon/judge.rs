//! One message against the running daemon, and what must come of it: the status, and what becomes of the connection.

use std::net::{IpAddr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::ground::{Ground, Rules, Running, SIP};
use crate::peer::Peer;
use crate::text::Message;

/// The largest payload of an IPv4 datagram.
pub const DATAGRAM: usize = 65_507;

/// What must come of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// One of these final answers; a stream goes on.
    Answer(&'static [u16]),
    /// One of these final answers; a stream is closed behind it. On UDP: the answer and nothing more.
    AnswerAndClose(&'static [u16]),
    /// Taken as a call: it reaches the called party, whose 486 comes back.
    Call,
    /// No answer; a stream goes on.
    Nothing,
    /// No answer; a stream is closed.
    Close,
    /// These two answers, to two requests; a stream is closed behind them.
    TwoAnswersAndClose(u16, u16),
    /// A stream waits for the rest and is closed when its time is over, without an answer.
    Wait,
}

/// One message and its verdict by the kind of transport.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub octets: Vec<u8>,
    pub datagram: Then,
    pub stream: Then,
}

/// A daemon, a called party that refuses every call, and what that party was sent.
pub struct Court {
    pub ground: Ground,
    running: Running,
    transport: &'static str,
    victim: Victim,
    prober: Peer,
    /// UDP: where answers come, by the port of the Via.
    ears: Vec<UdpSocket>,
}

/// Ports a Via may name, or mean by naming none (RFC 3261 18.2.2).
const VIA_PORTS: [u16; 4] = [5060, 5061, 5070, 15_070];

impl Court {
    /// `security` is what the callers' trunks ask of media.
    pub fn new(transport: &'static str, security: &str) -> Court {
        Court::with(transport, security, "")
    }

    /// The same with tables of the configuration besides.
    pub fn with(transport: &'static str, security: &str, tables: &str) -> Court {
        let mut changes = vec![
            ("allow_media = [\"127.0.0.0/8\"]".to_owned(), ALLOWED.to_owned()),
            // A refused INVITE over UDP is kept for 32 s whatever T1 is (RFC 3261 17.1.1.2, timer D).
            ("to = [\"callee-udp\"]".to_owned(), "to = [\"callee-tcp\"]".to_owned()),
        ];
        for trunk in ["caller-udp", "caller-tcp", "platform"] {
            let head = format!("[trunks.{trunk}]\n");
            changes.push((head.clone(), format!("{head}media = {{ security = \"{security}\" }}\n")));
        }
        changes.push(("[metrics]\n".to_owned(), format!("{tables}[metrics]\n")));
        changes.push(("[limits]\n".to_owned(), "[limits]\nmessage_s = 1\n".to_owned()));
        let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", changes, ..Rules::default() });
        let running = ground.start();
        let victim = Victim::new(ground.callee());
        let ears = match transport {
            "UDP" => VIA_PORTS.iter().map(|port| ear(ground.caller(), *port)).collect(),
            _ => Vec::new(),
        };
        let prober = if transport == "TLS" { ground.tls() } else { open(&ground, transport) };
        Court { ground, running, transport, victim, prober, ears }
    }

    /// Judges every case; a table is printed, and every case that went wrong is named at the end.
    pub fn judge(&mut self, cases: &[Case]) {
        let mut wrong = Vec::new();
        let transport = self.transport;
        for case in cases.iter().filter(|case| transport != "UDP" || case.octets.len() <= DATAGRAM) {
            let expected = if self.transport == "UDP" { case.datagram } else { case.stream };
            let seen = if self.transport == "UDP" { self.datagram(case) } else { self.stream(case) };
            let right = seen.is(expected, transport);
            println!("{:4} {:42} {:34} {seen:?}{}", self.transport, case.name, format!("{expected:?}"), mark(right));
            if !right {
                wrong.push(format!("{}: {expected:?}, but {seen:?}", case.name));
            }
        }
        assert!(wrong.is_empty(), "over {}:\n{}", self.transport, wrong.join("\n"));
    }

    fn datagram(&mut self, case: &Case) -> Seen {
        let question = unfolded(&String::from_utf8_lossy(&case.octets));
        self.victim.heard().clear();
        self.ears[3].send_to(&case.octets, self.ground.sip()).unwrap();
        let mut seen = Seen::default();
        // What the daemon says by itself it has said when a later question is answered; a called party takes longer.
        self.prober.probe();
        self.listen(&question, &mut seen);
        while seen.trying && seen.status.is_none() {
            std::thread::park_timeout(Duration::from_millis(2));
            self.listen(&question, &mut seen);
        }
        seen.called = !self.victim.heard().is_empty();
        seen
    }

    fn listen(&mut self, question: &Message, seen: &mut Seen) {
        let mut buffer = vec![0; 65_536];
        for ear in &self.ears {
            while let Ok((length, _)) = ear.recv_from(&mut buffer) {
                let message = unfolded(&String::from_utf8_lossy(&buffer[..length]));
                if seen.note(&message) {
                    ear.send_to(ack(question, &message).as_bytes(), self.ground.sip()).unwrap();
                }
            }
        }
    }

    fn stream(&mut self, case: &Case) -> Seen {
        let question = unfolded(&String::from_utf8_lossy(&case.octets));
        self.victim.heard().clear();
        let mut way = open(&self.ground, self.transport);
        let mut seen = Seen::default();
        // The daemon may have closed in the middle of what we send.
        let _ = way.try_send(&case.octets);
        self.prober.probe();
        if !matches!(case.stream, Then::Wait | Then::TwoAnswersAndClose(..)) {
            let _ = way.try_send(way.question().as_bytes());
        }
        loop {
            let Some(message) = way.next().map(|message| unfolded(&message.0)) else {
                seen.closed = true;
                break;
            };
            if message.header("CSeq").ends_with(" OPTIONS") && message.header("Call-ID").starts_with("court") {
                break;
            }
            if seen.note(&message) {
                let _ = way.try_send(ack(&question, &message).as_bytes());
            }
        }
        // A question that overtook the called party's answer.
        while !seen.closed && seen.trying && seen.status.is_none() {
            match way.next() {
                None => seen.closed = true,
                Some(message) => {
                    if seen.note(&message) {
                        let _ = way.try_send(ack(&question, &message).as_bytes());
                    }
                }
            }
        }
        seen.called = !self.victim.heard().is_empty();
        way.close();
        seen
    }

    /// What the called party was sent so far.
    pub fn shown_to_the_called(&self) -> String {
        self.victim.heard().join("\n")
    }

    /// Nothing is held, the daemon lives and ends when told.
    pub fn close(mut self) {
        self.prober.close();
        self.victim.hang_up();
        self.ground.until(Ground::held);
        assert!(self.running.is_alive());
        self.running.signal("TERM");
        assert_eq!(self.running.exit(), Some(0));
    }
}

/// Loopback, and the documentation ranges, which count as public in the corpora.
const ALLOWED: &str =
    "allow_media = [\"127.0.0.0/8\", \"192.0.2.0/24\", \"198.51.100.0/24\", \"203.0.113.0/24\", \"2001:db8::/32\"]";

/// Peers get their own folds back (RFC 3261 7.3.1); the answer to a keep-alive may stand before what follows it.
fn unfolded(text: &str) -> Message {
    Message(text.trim_start_matches("\r\n").replace("\r\n ", " ").replace("\r\n\t", " "))
}

fn mark(right: bool) -> &'static str {
    if right { "" } else { "   <-- WRONG" }
}

/// What came of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    trying: bool,
    status: Option<u16>,
    /// A second answer with another status.
    second: Option<u16>,
    called: bool,
    closed: bool,
}

impl Seen {
    /// Takes an answer in; true when it wants an ACK.
    fn note(&mut self, message: &Message) -> bool {
        let status: u16 = message.start_line().split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        match (status, self.status) {
            // The answer to a keep-alive.
            (0, _) => {}
            (100..200, _) => self.trying = true,
            (_, None) => self.status = Some(status),
            (_, Some(before)) if before != status => self.second = Some(status),
            (_, Some(_)) => {}
        }
        status >= 200 && message.header("CSeq").ends_with(" INVITE")
    }

    fn is(&self, then: Then, transport: &str) -> bool {
        let one_of = |codes: &[u16]| self.status.is_some_and(|status| codes.contains(&status)) && self.second.is_none();
        match then {
            Then::Answer(codes) => one_of(codes) && !self.called && !self.closed,
            Then::AnswerAndClose(codes) => one_of(codes) && !self.called && (self.closed || transport == "UDP"),
            Then::TwoAnswersAndClose(first, second) => {
                (self.status, self.second) == (Some(first), Some(second)) && self.closed && !self.called
            }
            Then::Call => one_of(&[486]) && self.called && !self.closed,
            Then::Nothing => self.status.is_none() && !self.called && !self.closed,
            Then::Close | Then::Wait => self.status.is_none() && !self.called && (self.closed || transport == "UDP"),
        }
    }
}

fn open(ground: &Ground, transport: &str) -> Peer {
    match transport {
        "UDP" => ground.udp(ground.caller()),
        "TCP" => ground.tcp(ground.caller()),
        _ => ground.tls(),
    }
}

fn ear(address: IpAddr, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind((address, port)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// The ACK of a failure (RFC 3261 17.1.1.3): Request-URI and top Via are those of what was asked, without our stamps.
fn ack(question: &Message, answer: &Message) -> String {
    let uri = question.start_line().split(' ').nth(1).unwrap_or("sip:x@y");
    let top = answer.header("Via").split(", ").next().unwrap_or_default();
    let stamps = top.split(';').filter(|param| !param.starts_with("received="));
    let via: Vec<&str> = stamps.map(|param| if param.starts_with("rport=") { "rport" } else { param }).collect();
    let via = via.join(";");
    let number = answer.header("CSeq").split(' ').next().unwrap_or_default().to_owned();
    format!(
        "ACK {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n",
        answer.header("From"),
        answer.header("To"),
        answer.header("Call-ID")
    )
}

/// Refuses every call that gets through, and says yes to everything else, on the connection the daemon dials.
pub struct Victim {
    heard: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Victim {
    /// Listens until the test's process ends.
    pub fn new(address: IpAddr) -> Victim {
        let listener = TcpListener::bind((address, SIP)).unwrap();
        let victim = Victim { heard: Arc::default(), connections: Arc::default() };
        let (heard, connections) = (Arc::clone(&victim.heard), Arc::clone(&victim.connections));
        std::thread::spawn(move || {
            while let Ok((stream, daemon)) = listener.accept() {
                let (heard, own) = (Arc::clone(&heard), listener.local_addr().unwrap());
                connections.lock().unwrap().push(stream.try_clone().unwrap());
                std::thread::spawn(move || refuse(Peer::on(stream, own, daemon), &heard));
            }
        });
        victim
    }

    /// Requests that came, without ACK.
    fn heard(&self) -> MutexGuard<'_, Vec<String>> {
        self.heard.lock().unwrap()
    }

    /// Ends every connection the daemon dialled.
    pub fn hang_up(&self) {
        for stream in self.connections.lock().unwrap().drain(..) {
            // The daemon may have closed it before.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn refuse(mut way: Peer, heard: &Mutex<Vec<String>>) {
    while let Some(message) = way.next() {
        let status = match message.start_line().split(' ').next() {
            Some("ACK" | "SIP/2.0") | None => continue,
            Some("INVITE") => "486 Busy Here",
            Some(_) => "200 OK",
        };
        heard.lock().unwrap().push(message.0.clone());
        let _ = way.try_send(message.respond(status, way.own, "").as_bytes());
    }
}
