//! OPTIONS coming back (MD-42, MD-43, MD-234): a platform that answers ours and does not ask us takes the trunk for dead.
//! Where no daemon runs, its own shell and core listen here for a while and answer as they would; where one runs, its
//! metrics tell whether it was asked meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::finding::{Finding, Verdict};
use super::host::Daemon;
use crate::config::Loaded;
use crate::daemon::clock::Clock;
use crate::daemon::entropy::OsEntropy;
use crate::engine::Engine;
use crate::engine::io::{Dropped, Event, Input, Outbox, Output};
use crate::net::inherited::Inherited;
use crate::net::settings::NetSettings;
use crate::net::{Class, News, Outgoing, Signalling, Sink};
use crate::route::trunk::{TheirOptions, Trunk};
use crate::sip::flow::Received;

/// Messages and news that wait while targets are probed; what finds no room is lost, and a platform asks again.
const WAITING: usize = 256;
/// Senders turned away that are kept for the finding.
const TURNED_AWAY: usize = 64;
/// Octets of metrics that are read.
const METRICS: u64 = 4 * 1024 * 1024;
/// How often a running daemon's metrics are read.
const LOOK: Duration = Duration::from_secs(1);

/// Trunks whose peer asks us, by name.
fn expected(loaded: &Loaded) -> impl Iterator<Item = &Arc<Trunk>> {
    loaded.snapshot.trunks.iter().filter(|trunk| trunk.options.theirs == TheirOptions::Expected)
}

/// Who listens: made before the first OPTIONS of ours leaves, because the answer to it may be theirs.
pub enum Ears {
    Own(Box<Listening>),
    /// How often the running daemon has been asked so far.
    Daemons {
        metrics: SocketAddr,
        before: BTreeMap<String, u64>,
    },
    /// Nobody listens; why.
    Nobody(&'static str),
}

impl Ears {
    /// Begins to listen where a peer is expected to ask.
    pub async fn open(loaded: &Loaded, net: &NetSettings, daemon: Daemon, patience: Duration) -> Ears {
        if expected(loaded).next().is_none() || patience.is_zero() {
            return Ears::Nobody("not waited for");
        }
        match (daemon, loaded.settings.metrics) {
            (Daemon::Running, Some(bind)) => {
                let ip = if bind.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { bind.ip() };
                let metrics = SocketAddr::new(ip, bind.port());
                Ears::Daemons { metrics, before: answered(metrics).await }
            }
            (Daemon::Running, None) => Ears::Nobody("the running daemon serves no metrics"),
            (Daemon::Absent, _) => match Listening::start(loaded, net) {
                Some(listening) => Ears::Own(Box::new(listening)),
                None => Ears::Nobody("the listeners cannot be bound"),
            },
        }
    }

    /// Waits for those who answered ours, `patience` at most, and tells of each.
    pub async fn hear(self, loaded: &Loaded, answers: &[Finding], patience: Duration) -> Vec<Finding> {
        let answered_ours = |trunk: &&Arc<Trunk>| {
            let subject = format!("trunks.{} target", trunk.name);
            answers.iter().any(|f| f.code == "target" && f.verdict == Verdict::Good && f.subject.starts_with(&subject))
        };
        let (wanted, unreached): (Vec<&Arc<Trunk>>, Vec<&Arc<Trunk>>) = expected(loaded).partition(answered_ours);
        let names: BTreeSet<&str> = wanted.iter().map(|trunk| &*trunk.name).collect();
        let until = Instant::now() + patience;
        let silent = format!("answered our OPTIONS, and sent none of its own in {} s", patience.as_secs());
        let mut findings: Vec<Finding> = match self {
            Ears::Nobody(why) => names.iter().map(|name| skipped(name, why)).collect(),
            Ears::Daemons { metrics, before } => {
                let asked = grown(metrics, &before, &names, until).await;
                names
                    .iter()
                    .map(|name| verdict(name, asked.contains(*name).then_some("the daemon"), None, &silent))
                    .collect()
            }
            Ears::Own(mut listening) => {
                listening.until(&names, until).await;
                let why = listening.turned_away();
                let from = |name: &str| listening.asked.get(name).map(ToString::to_string);
                names.iter().map(|name| verdict(name, from(name).as_deref(), why.clone(), &silent)).collect()
            }
        };
        findings.extend(unreached.iter().map(|trunk| skipped(&trunk.name, "none of its targets answered ours")));
        findings
    }
}

fn skipped(trunk: &str, why: &str) -> Finding {
    Finding::skipped("options.back", format!("trunks.{trunk}"), format!("OPTIONS of the peer: {why}"))
}

/// Why a sender got nowhere: the last word of the finding's code, and what is told.
type Away = (String, String);

fn verdict(trunk: &str, from: Option<&str>, away: Option<Away>, silent: &str) -> Finding {
    let subject = format!("trunks.{trunk}");
    match (from, away) {
        (Some(from), _) => Finding::good("options.back", subject, format!("OPTIONS of the peer came: {from}")),
        (None, Some((reason, told))) => {
            let advice = advice(&reason);
            Finding::fault(&format!("options.back.{reason}"), subject, format!("{silent}: {told}"), advice)
        }
        (None, None) => Finding::fault(
            "options.back.none",
            subject,
            silent,
            "its OPTIONS reach nobody: the listener's port must be open to all of its ranges (trunkline nsg), the fqdn must \
             lead here, and its side must have this name and port",
        ),
    }
}

fn advice(reason: &str) -> &'static str {
    match reason {
        "unknown_source" => {
            "add that address's range to the trunk's sources: a platform sends from all of its ranges (MD-10)"
        }
        "wrong_certificate" => {
            "its certificate names nobody of peer_names, or another trunk's store verified it: correct peer_names or trust"
        }
        "no_certificate" => {
            "it shows no certificate: listeners.NAME.client_certificate must be \"request\" or \"require\""
        }
        "unknown_name" => "it asks for a name that is no trunk's: correct the fqdn here, or the name paired there",
        "tls.unknown_issuer" => "add the root that signed its certificate to the trunk's trust store",
        _ => "see the text; the daemon would turn it away as well",
    }
}

/// The shell and the core of a daemon, for OPTIONS alone.
pub struct Listening {
    signalling: Signalling,
    outgoing: Outgoing,
    engine: Engine,
    clock: Clock,
    heard: mpsc::Receiver<Input>,
    asked: BTreeMap<String, SocketAddr>,
    away: Vec<(SocketAddr, &'static str)>,
}

impl Listening {
    /// `None`: a port is taken, which has been told.
    fn start(loaded: &Loaded, net: &NetSettings) -> Option<Listening> {
        let wanted: BTreeSet<_> = expected(loaded).map(|trunk| trunk.listener).collect();
        let settings = NetSettings {
            listeners: net.listeners.iter().filter(|listener| wanted.contains(&listener.id)).cloned().collect(),
            identities: net.identities.clone(),
            trust: net.trust.clone(),
            revoked: net.revoked.clone(),
            dns: net.dns.clone(),
            limits: net.limits.clone(),
            second_reader: None,
            tap: None,
            known: None,
            inherited: Inherited::default(),
        };
        let (tell, heard) = mpsc::channel(WAITING);
        let sink = Arc::new(Ear { tell, room: Notify::new() });
        let mut signalling = Signalling::bind(settings, sink, Box::new(OsEntropy::new()), Handle::current()).ok()?;
        signalling.serve().ok()?;
        let clock = Clock::start();
        let mut engine = Engine::new(Arc::clone(&loaded.snapshot), Box::new(OsEntropy::new()));
        engine.handle(clock.now(), Input::Directory(Arc::clone(&loaded.directory)), &mut Outbox::new());
        let outgoing = signalling.outgoing();
        let (asked, away) = (BTreeMap::new(), Vec::new());
        Some(Listening { signalling, outgoing, engine, clock, heard, asked, away })
    }

    /// Answers until everybody wanted has asked.
    async fn until(&mut self, wanted: &BTreeSet<&str>, until: Instant) {
        while wanted.iter().any(|name| !self.asked.contains_key(*name)) {
            let Ok(Some(input)) = timeout_at(until, self.heard.recv()).await else { return };
            self.take(input);
        }
    }

    fn take(&mut self, input: Input) {
        let remote = match &input {
            Input::Message(received) => Some(received.flow.remote),
            _ => None,
        };
        let mut out = Outbox::new();
        self.engine.handle(self.clock.now(), input, &mut out);
        for output in out {
            match output {
                Output::Transmit(transmit) => self.outgoing.transmit(transmit),
                Output::CloseFlow(flow) => self.outgoing.close(flow),
                Output::Event(event) => self.note(remote, &event),
                Output::Resolve(_) | Output::Media(_) | Output::Bearing(..) | Output::Reply(..) => {}
            }
        }
        self.outgoing.flush();
    }

    fn note(&mut self, remote: Option<SocketAddr>, event: &Event) {
        let Some(remote) = remote else { return };
        let why = match event {
            Event::AskedByPeer { trunk } => {
                self.asked.insert(trunk.to_string(), remote);
                return;
            }
            Event::Dropped(reason @ (Dropped::UnknownSource | Dropped::WrongCertificate | Dropped::NoCertificate)) => {
                reason.label()
            }
            Event::Refused { label, .. } => label,
            _ => return,
        };
        if self.away.len() < TURNED_AWAY {
            self.away.push((remote, why));
        }
    }

    /// Somebody came and got nowhere: by the core first, else in the handshake. Whoever only connects, such as a
    /// monitor, is no evidence.
    fn turned_away(&self) -> Option<Away> {
        if let Some((remote, why)) = self.away.last() {
            return Some(((*why).to_owned(), format!("OPTIONS from {remote} were turned away")));
        }
        let counters = self.signalling.counters();
        let failures = counters.handshake_failures.labelled();
        let told = failures.into_iter().find(|(reason, _)| reason != "closed" && reason != "timed_out")?;
        Some((format!("tls.{}", told.0), format!("{} TLS handshakes with us failed", told.1)))
    }
}

/// Where the shell delivers.
struct Ear {
    tell: mpsc::Sender<Input>,
    room: Notify,
}

impl Sink for Ear {
    fn offer(&self, _: Class, received: Received) -> Result<(), Received> {
        // See `WAITING`.
        let _ = self.tell.try_send(Input::Message(received));
        Ok(())
    }

    fn report(&self, news: News) {
        let input = match news {
            News::FlowOpened(flow, peer) => Input::FlowOpened(flow, peer),
            News::FlowClosed(flow) => Input::FlowClosed(flow),
            News::TransmitFailed(..) | News::Resolved(_) => return,
        };
        let _ = self.tell.try_send(input);
    }

    fn room(&self) -> &Notify {
        &self.room
    }
}

/// Trunks whose count has grown.
async fn grown(
    metrics: SocketAddr,
    before: &BTreeMap<String, u64>,
    wanted: &BTreeSet<&str>,
    until: Instant,
) -> BTreeSet<String> {
    loop {
        let now = answered(metrics).await;
        let more = |(name, count): &(&String, &u64)| **count > before.get(*name).copied().unwrap_or(0);
        let asked: BTreeSet<String> = now.iter().filter(more).map(|(name, _)| name.clone()).collect();
        if wanted.iter().all(|name| asked.contains(*name)) || Instant::now() >= until {
            return asked;
        }
        sleep(LOOK).await;
    }
}

/// OPTIONS that a running daemon has answered, by trunk.
async fn answered(metrics: SocketAddr) -> BTreeMap<String, u64> {
    let text = timeout(LOOK, fetch(metrics)).await.ok().and_then(Result::ok).unwrap_or_default();
    let row = |line: &str| {
        let (labels, count) = line.strip_prefix("sbc_options_answered_total{trunk=\"")?.split_once("\"}")?;
        Some((labels.to_owned(), count.trim().parse().ok()?))
    };
    text.lines().filter_map(row).collect()
}

async fn fetch(metrics: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(metrics).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {metrics}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut octets = Vec::new();
    stream.take(METRICS).read_to_end(&mut octets).await?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}
