//! The full, controlling ICE agent of a lab party (RFC 8445), as a Teams client is one (MD-197): it checks the one
//! candidate of a lite agent, nominates it by a second check, and goes on asking for consent.

use std::net::SocketAddr;

use super::endpoint::random;
use super::stun::{self, Check, Kind, Transaction};

/// Ticks of 20 ms between two checks (RFC 8445 14.2: 50 ms and more).
const PACE: u32 = 3;
/// Between two checks once a pair is nominated.
const CONSENT: u32 = 50;
/// Checks without an answer that are remembered.
const OPEN: usize = 32;
/// RFC 8445 5.1.2.1: a host candidate of the first component.
pub const PRIORITY: u32 = 2_130_706_431;

/// User fragment and password (RFC 8445 5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub ufrag: String,
    pub password: String,
}

impl Credentials {
    /// Random ones.
    #[must_use]
    pub fn new() -> Credentials {
        let letters = |octets: &[u8]| octets.iter().map(|octet| char::from(b'a' + octet % 26)).collect();
        Credentials { ufrag: letters(&random::<4>()), password: letters(&random::<24>()) }
    }
}

impl Default for Credentials {
    fn default() -> Credentials {
        Credentials::new()
    }
}

/// What a description says of ICE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ice {
    pub credentials: Credentials,
    /// `a=ice-lite`.
    pub lite: bool,
    /// `a=rtcp-mux`.
    pub multiplexed: bool,
    /// Candidates of the first component over UDP, as they stand.
    pub candidates: Vec<SocketAddr>,
    /// `a=remote-candidates`: the far end's, once it is nominated (MD-198).
    pub remote: Option<SocketAddr>,
}

impl Ice {
    /// Its lines, after the media line.
    #[must_use]
    pub fn write(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.multiplexed {
            lines.push("a=rtcp-mux".to_owned());
        }
        lines.push(format!("a=ice-ufrag:{}", self.credentials.ufrag));
        lines.push(format!("a=ice-pwd:{}", self.credentials.password));
        for (place, candidate) in self.candidates.iter().enumerate() {
            let (ip, port) = (candidate.ip(), candidate.port());
            let kind = if place == 0 { "host".to_owned() } else { "relay raddr 192.0.2.55 rport 50008".to_owned() };
            let priority = if place == 0 { PRIORITY } else { 184_548_351 };
            lines.push(format!("a=candidate:{} 1 UDP {priority} {ip} {port} typ {kind}", place + 1));
        }
        if let Some(remote) = self.remote {
            lines.push(format!("a=remote-candidates:1 {} {}", remote.ip(), remote.port()));
        }
        lines
    }

    /// Reads the lines of session and medium; `None` without credentials.
    #[must_use]
    pub fn read(lines: &[&str]) -> Option<Ice> {
        let value = |start: &str| lines.iter().find_map(|line| line.strip_prefix(start)).map(str::to_owned);
        Some(Ice {
            credentials: Credentials { ufrag: value("a=ice-ufrag:")?, password: value("a=ice-pwd:")? },
            lite: lines.contains(&"a=ice-lite"),
            multiplexed: lines.contains(&"a=rtcp-mux"),
            candidates: lines.iter().filter_map(|line| candidate(line)).collect(),
            remote: None,
        })
    }
}

/// `a=candidate:1 1 UDP 2130706431 203.0.113.10 30040 typ host`.
fn candidate(line: &str) -> Option<SocketAddr> {
    let mut words = line.strip_prefix("a=candidate:")?.split(' ').skip(1);
    let (component, transport) = (words.next()?, words.next()?);
    let (ip, port) = (words.nth(1)?, words.next()?);
    let fits = component == "1" && transport.eq_ignore_ascii_case("udp");
    fits.then(|| Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))).flatten()
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    Checking,
    /// A check was answered: media may flow.
    Checked,
    /// The answer to a check with USE-CANDIDATE came (regular nomination).
    Nominated,
}

/// What the agent saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IceReport {
    /// Checks of ours.
    pub sent: u32,
    /// Answers that proved the far end's password.
    pub answered: u32,
    /// Answers that proved nothing, and errors.
    pub unproved: u32,
    /// Checks of the far end: a lite agent sends none (MD-196).
    pub asked: u32,
    /// Packets of media on a place that was described and never checked.
    pub elsewhere: u32,
}

/// The far end as its description tells.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Far {
    credentials: Credentials,
    address: SocketAddr,
}

/// One agent.
#[derive(Debug)]
pub struct Agent {
    own: Credentials,
    /// Those that the far end knows: `own`, except between our offer of a restart and its answer.
    known: Credentials,
    /// Something was proved once: media goes on while a restart is under way (MD-201).
    proved: bool,
    tie_breaker: u64,
    far: Option<Far>,
    progress: Progress,
    /// While false, checks nominate nobody: as a client before it decides.
    nominates: bool,
    open: Vec<(Transaction, bool)>,
    ticks: u32,
    report: IceReport,
}

impl Agent {
    /// An agent that knows nobody yet.
    #[must_use]
    pub fn new(own: Credentials) -> Agent {
        Agent {
            known: own.clone(),
            own,
            proved: false,
            tie_breaker: u64::from_be_bytes(random()),
            far: None,
            progress: Progress::Checking,
            nominates: true,
            open: Vec::new(),
            ticks: 0,
            report: IceReport::default(),
        }
    }

    /// Our name and password.
    #[must_use]
    pub fn own(&self) -> &Credentials {
        &self.own
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Whether media may go to the candidate.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.proved
    }

    /// The candidate checked.
    #[must_use]
    pub fn far(&self) -> Option<SocketAddr> {
        self.far.as_ref().map(|far| far.address)
    }

    /// What it saw.
    #[must_use]
    pub fn report(&self) -> IceReport {
        self.report
    }

    /// Whether it nominates what it has checked.
    pub fn set_nominating(&mut self, nominates: bool) {
        self.nominates = nominates;
    }

    /// New credentials of ours (RFC 8445 9): what was checked counts until the far end answers with new ones of its own.
    pub fn restart(&mut self) {
        self.own = Credentials::new();
    }

    /// Takes the far end's part. Other credentials mean: check again.
    pub fn meet(&mut self, ice: &Ice) {
        let Some(address) = ice.candidates.first() else { return };
        let far = Far { credentials: ice.credentials.clone(), address: *address };
        if self.far.as_ref() != Some(&far) {
            self.known.clone_from(&self.own);
            self.far = Some(far);
            self.progress = Progress::Checking;
            self.open.clear();
            self.ticks = 0;
        }
    }

    /// Counts a packet of media that came to a place which was never checked.
    pub fn note_elsewhere(&mut self) {
        self.report.elsewhere += 1;
    }

    /// The check of this tick, if one is due.
    pub fn tick(&mut self) -> Option<(Vec<u8>, SocketAddr)> {
        let far = self.far.as_ref()?;
        let pace = if self.progress == Progress::Nominated { CONSENT } else { PACE };
        self.ticks += 1;
        if !self.ticks.is_multiple_of(pace) {
            return None;
        }
        let nominates = self.nominates && self.progress >= Progress::Checked;
        let transaction: Transaction = random();
        let username = format!("{}:{}", far.credentials.ufrag, self.known.ufrag);
        let password = &far.credentials.password;
        let check = Check {
            transaction,
            username: &username,
            password,
            priority: PRIORITY,
            tie_breaker: self.tie_breaker,
            nominates,
        };
        let written = (check.write(), far.address);
        if self.open.len() >= OPEN {
            self.open.remove(0);
        }
        self.open.push((transaction, nominates));
        self.report.sent += 1;
        Some(written)
    }

    /// Takes a STUN message.
    pub fn receive(&mut self, octets: &[u8]) {
        let Some(far) = &self.far else { return };
        let Some(read) = stun::read(octets, &far.credentials.password) else { return };
        if read.kind == Kind::Request {
            self.report.asked += 1;
            return;
        }
        let Some(at) = self.open.iter().position(|(transaction, _)| *transaction == read.transaction) else { return };
        let (_, nominated) = self.open.remove(at);
        if read.kind != Kind::Success || !read.authentic {
            self.report.unproved += 1;
            return;
        }
        self.report.answered += 1;
        self.proved = true;
        self.progress = self.progress.max(if nominated { Progress::Nominated } else { Progress::Checked });
    }
}
