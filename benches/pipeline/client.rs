//! Asks OPTIONS from one thread and measures: wall time of each answer, CPU time of everybody else in the process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, Protocol, Socket, Type};
use trunkline::sip::flow::Transport;

use crate::text;

/// Questions under way when the load is measured.
pub const IN_FLIGHT: usize = 32;

/// Only a broken pipeline makes anybody wait this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// One figure a round.
#[derive(Default)]
pub struct Figures {
    single_cpu: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    loaded_cpu: Vec<f64>,
}

/// Medians over the rounds, microseconds.
pub struct Row {
    pub single_cpu: f64,
    pub p50: f64,
    pub p99: f64,
    pub loaded_cpu: f64,
}

impl Figures {
    pub fn medians(&mut self) -> Row {
        Row {
            single_cpu: median(&mut self.single_cpu),
            p50: median(&mut self.p50),
            p99: median(&mut self.p99),
            loaded_cpu: median(&mut self.loaded_cpu),
        }
    }
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

enum Link {
    Datagrams(UdpSocket),
    Stream(TcpStream),
}

/// One far end that asks.
pub struct Client {
    link: Link,
    question: Vec<u8>,
    places: Vec<usize>,
    serial: u64,
    buffer: Vec<u8>,
    /// Octets of an empty line already seen at the end of the last read.
    matched: usize,
}

impl Client {
    pub fn new(transport: Transport, to: SocketAddr) -> Client {
        let from = text::address(71);
        let link = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind((from, 0)).unwrap();
                socket.connect(to).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                Link::Datagrams(socket)
            }
            Transport::Tcp | Transport::Tls => {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
                socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
                socket.connect(&to.into()).unwrap();
                let stream = TcpStream::from(socket);
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Link::Stream(stream)
            }
        };
        let question = text::options(transport.via_token(), from, to.ip());
        let places = question
            .windows(text::DIGITS.len())
            .enumerate()
            .filter(|(_, window)| *window == text::DIGITS.as_bytes())
            .map(|(place, _)| place)
            .collect();
        // RFC 3261 17.2.3: a branch seen before is the same transaction, whatever it came over.
        let serial = u64::from(to.port()) << 32 | u64::from(transport.is_reliable()) << 48;
        Client { link, question, places, serial, buffer: vec![0; 65_536], matched: 0 }
    }

    /// One round of both measurements.
    pub fn round(&mut self, single: usize, loaded: usize, figures: &mut Figures) {
        let mut waits = Vec::with_capacity(single);
        let cpu = cpu_of_others(|| {
            for _ in 0..single {
                let start = Instant::now();
                self.ask();
                let mut answers = 0;
                while answers == 0 {
                    answers = self.answers();
                }
                waits.push(start.elapsed().as_nanos() as f64 / 1e3);
            }
        });
        waits.sort_by(f64::total_cmp);
        figures.single_cpu.push(cpu / single as f64);
        figures.p50.push(waits[waits.len() / 2]);
        figures.p99.push(waits[waits.len() * 99 / 100]);
        let cpu = cpu_of_others(|| self.load(loaded));
        figures.loaded_cpu.push(cpu / loaded as f64);
    }

    fn load(&mut self, questions: usize) {
        let mut asked = IN_FLIGHT.min(questions);
        (0..asked).for_each(|_| self.ask());
        let mut answered = 0;
        while answered < questions {
            let answers = self.answers();
            answered += answers;
            for _ in 0..answers.min(questions - asked) {
                self.ask();
                asked += 1;
            }
        }
    }

    fn ask(&mut self) {
        self.serial += 1;
        let digits = format!("{:016x}", self.serial);
        for place in &self.places {
            self.question[*place..*place + digits.len()].copy_from_slice(digits.as_bytes());
        }
        match &mut self.link {
            Link::Datagrams(socket) => drop(socket.send(&self.question).unwrap()),
            Link::Stream(stream) => stream.write_all(&self.question).unwrap(),
        }
    }

    /// Waits for at least one octet; gives the number of messages that ended with it.
    fn answers(&mut self) -> usize {
        let stream = match &mut self.link {
            Link::Datagrams(socket) => {
                socket.recv(&mut self.buffer).expect("an answer");
                return 1;
            }
            Link::Stream(stream) => stream,
        };
        let octets = stream.read(&mut self.buffer).expect("an answer");
        assert!(octets > 0, "the connection was closed");
        let mut answers = 0;
        for octet in &self.buffer[..octets] {
            self.matched = match (*octet, self.matched) {
                (b'\r', 2) => 3,
                (b'\r', _) => 1,
                (b'\n', matched @ (1 | 3)) => matched + 1,
                _ => 0,
            };
            if self.matched == 4 {
                answers += 1;
                self.matched = 0;
            }
        }
        answers
    }
}

/// CPU microseconds that the rest of the process takes while `work` runs in this thread.
fn cpu_of_others(work: impl FnOnce()) -> f64 {
    let others = || cpu(ClockId::ProcessCPUTime) - cpu(ClockId::ThreadCPUTime);
    let before = others();
    work();
    others() - before
}

fn cpu(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}
