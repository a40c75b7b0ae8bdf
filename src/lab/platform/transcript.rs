//! Everything a run saw, in order: the messages of both stations, the TLS connections, and what scripts found out.
//! The checks judge this and nothing else.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::text::Text;

/// Messages kept; a whole run has some hundreds. What exceeds it is not judged, and the report says so.
const MESSAGE_LIMIT: usize = 20_000;
/// Connections and facts kept.
const OTHER_LIMIT: usize = 4_000;

/// Which end of the SBC a message was on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    Platform,
    Carrier,
}

impl Side {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Side::Platform => "platform",
            Side::Carrier => "carrier",
        }
    }
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    Sbc,
    Lab,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Since the run began.
    pub at: Duration,
    pub side: Side,
    pub author: Author,
    /// The connection it was on; `None` for a datagram.
    pub connection: Option<u64>,
    /// The scenario that was played; empty outside of any.
    pub scenario: &'static str,
    pub text: Arc<Text>,
}

/// One TLS connection whose handshake was finished.
#[derive(Clone, Debug)]
pub struct Connected {
    pub id: u64,
    pub at: Duration,
    pub dialled_by: Author,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// `TLSv1_2`, `TLSv1_3`.
    pub version: String,
    pub suite: String,
    /// The name the SBC asked for (SNI), when it dialled.
    pub asked_name: Option<String>,
    /// What the SBC showed.
    pub shown: Shown,
}

/// The SBC's certificate as one connection showed it.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Certificates in the message, leaf first; 0: none was shown.
    pub chain: usize,
    pub names: Vec<String>,
    /// `RSA 2048`, `EC 256`.
    pub key: String,
    /// Why the chain does not lead to the roots of the lab; `None`: it does.
    pub untrusted: Option<String>,
}

/// What a script found out that no message shows.
#[derive(Clone, Debug)]
pub struct Fact {
    pub scenario: &'static str,
    /// `MD-110`.
    pub number: &'static str,
    /// What was wrong, or `Ok`.
    pub outcome: Result<(), String>,
}

/// How a scenario ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Played to its end.
    Played,
    /// It stopped early, in words.
    Broken(String),
    /// It was not begun, in words.
    Skipped(String),
}

#[derive(Default)]
struct Kept {
    messages: Vec<Seen>,
    connections: Vec<Connected>,
    /// Handshakes and streams that failed, in words.
    troubles: Vec<String>,
    facts: Vec<Fact>,
    endings: Vec<(&'static str, Ending)>,
    /// What the SBC lacks for the scenario played now.
    lack: Option<String>,
    scenario: &'static str,
    overflowed: bool,
}

/// The notebook of a run. Cloning shares.
#[derive(Clone)]
pub struct Transcript {
    began: Instant,
    kept: Arc<Mutex<Kept>>,
}

impl Default for Transcript {
    fn default() -> Transcript {
        Transcript { began: Instant::now(), kept: Arc::default() }
    }
}

impl Transcript {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the run began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// What follows belongs to this scenario.
    pub fn begin(&self, scenario: &'static str) {
        self.kept().scenario = scenario;
    }

    /// The scenario played now is over.
    pub fn end(&self, ending: Ending) {
        let mut kept = self.kept();
        let scenario = std::mem::take(&mut kept.scenario);
        kept.endings.push((scenario, ending));
    }

    /// The scenario played now cannot go on, and the SBC does nothing wrong by that.
    pub fn lacks(&self, what: &str) {
        self.kept().lack = Some(what.to_owned());
    }

    /// Takes what was lacking.
    #[must_use]
    pub fn take_lack(&self) -> Option<String> {
        self.kept().lack.take()
    }

    /// Writes down how a scenario ended that was never begun.
    pub fn skip(&self, scenario: &'static str, why: impl Into<String>) {
        self.kept().endings.push((scenario, Ending::Skipped(why.into())));
    }

    /// Writes down a message; its time is now.
    pub fn record(&self, side: Side, author: Author, connection: Option<u64>, text: Arc<Text>) {
        let at = self.elapsed();
        let mut kept = self.kept();
        if kept.messages.len() >= MESSAGE_LIMIT {
            kept.overflowed = true;
            return;
        }
        let scenario = kept.scenario;
        kept.messages.push(Seen { at, side, author, connection, scenario, text });
    }

    /// Writes down a connection.
    pub fn connected(&self, connected: Connected) {
        let mut kept = self.kept();
        if kept.connections.len() < OTHER_LIMIT {
            kept.connections.push(connected);
        }
    }

    /// Writes down what went wrong below the messages.
    pub fn trouble(&self, words: String) {
        let mut kept = self.kept();
        if kept.troubles.len() < OTHER_LIMIT {
            kept.troubles.push(words);
        }
    }

    /// Writes down what a script found out.
    pub fn fact(&self, number: &'static str, outcome: Result<(), String>) {
        let mut kept = self.kept();
        let scenario = kept.scenario;
        if kept.facts.len() < OTHER_LIMIT {
            kept.facts.push(Fact { scenario, number, outcome });
        }
    }

    /// What was seen until now, for the checks.
    #[must_use]
    pub fn evidence(&self, name: &str) -> Evidence {
        let kept = self.kept();
        Evidence {
            name: name.to_ascii_lowercase(),
            messages: kept.messages.clone(),
            connections: kept.connections.clone(),
            troubles: kept.troubles.clone(),
            facts: kept.facts.clone(),
            endings: kept.endings.clone(),
            overflowed: kept.overflowed,
        }
    }
}

/// What the checks look at.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The FQDN the SBC is tested under, lower case.
    pub name: String,
    pub messages: Vec<Seen>,
    pub connections: Vec<Connected>,
    pub troubles: Vec<String>,
    pub facts: Vec<Fact>,
    pub endings: Vec<(&'static str, Ending)>,
    /// More messages than are kept: the rest was not judged.
    pub overflowed: bool,
}

impl Evidence {
    /// The SBC's messages on one side, in order.
    pub fn from_sbc(&self, side: Side) -> impl Iterator<Item = &Seen> {
        self.messages.iter().filter(move |seen| seen.side == side && seen.author == Author::Sbc)
    }

    /// The SBC's messages to the platform, in order.
    pub fn to_platform(&self) -> impl Iterator<Item = &Seen> {
        self.from_sbc(Side::Platform)
    }

    /// The lab's messages on one side, in order.
    pub fn from_lab(&self, side: Side) -> impl Iterator<Item = &Seen> {
        self.messages.iter().filter(move |seen| seen.side == side && seen.author == Author::Lab)
    }

    /// How a scenario ended, if it was begun or skipped.
    #[must_use]
    pub fn ending(&self, scenario: &str) -> Option<&Ending> {
        self.endings.iter().find(|(name, _)| *name == scenario).map(|(_, ending)| ending)
    }
}
