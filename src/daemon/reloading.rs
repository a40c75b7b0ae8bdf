//! The configuration is read again while calls go on (DESIGN 8): everything is read, checked, compiled and bound first;
//! then all of it comes into force, or nothing does. What takes a restart stays as it was, and is named.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::sleep;

use super::clock::wall;
use super::inbox::Inbox;
use super::logging;
use super::materials::{has_ended, net_settings};
use super::notice;
use super::phase::{Phase, PhaseBoard};
use super::provisioning::Seen;
use super::renewing::{REST, Watched};
use crate::api::{Kept, Reloaded};
use crate::base::ids::ListenerId;
use crate::config::settings::{ProvisioningSource, Settings};
use crate::config::{Change, Loaded, Origin, Report, Source, Takes};
use crate::engine::io::Input;
use crate::metrics::calls::CallCounters;
use crate::metrics::reloads::{Outcome, ReloadCounters};
use crate::net::identity::Identity;
use crate::net::{NetSettings, Prepared, Rebinding};
use crate::route::snapshot::Snapshot;

/// How often a listener that is no more is asked whether calls still need it.
const LOOK: Duration = Duration::from_secs(1);
/// How long it stays after the last of them: longer than every transaction (64 x T1).
const LAST_WORDS: Duration = Duration::from_secs(35);

/// Everything that a reload changes.
pub struct Shells {
    pub inbox: Arc<Inbox>,
    pub phase: PhaseBoard,
    pub rebinding: Rebinding,
    /// The configuration in force, for whoever reads it outside of the engine.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    pub directory: Seen,
    pub calls: Arc<CallCounters>,
    pub counters: Arc<ReloadCounters>,
    pub certificates: watch::Sender<Watched>,
    pub runtime: Handle,
}

/// See the module. One reload at a time; a second one waits.
pub struct Reloader {
    /// `None`: the configuration stands in no file.
    origin: Option<Origin>,
    shells: Shells,
    /// `node.drain_s` of the configuration in force: asked for by an end that waits for no reload.
    patience: Mutex<Duration>,
    running: Mutex<Running>,
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// What is in force.
struct Running {
    source: Source,
    settings: Settings,
    /// Every snapshot that calls may still hold.
    generations: Vec<Weak<Snapshot>>,
}

/// A new configuration, checked whole, with everything it needs.
struct Ready {
    loaded: Loaded,
    snapshot: Arc<Snapshot>,
    changes: Vec<Change>,
    certificates: Watched,
    prepared: Prepared,
}

impl Reloader {
    /// For a process that runs by `loaded`.
    pub fn new(loaded: &Loaded, shells: Shells) -> Arc<Reloader> {
        let running = Running {
            source: loaded.source.clone(),
            settings: loaded.settings.clone(),
            generations: vec![Arc::downgrade(&loaded.snapshot)],
        };
        let patience = Mutex::new(loaded.settings.node.drain);
        Arc::new(Reloader { origin: loaded.origin.clone(), shells, patience, running: Mutex::new(running) })
    }

    /// Reads the configuration again. Never call it where the network is served: files are read.
    ///
    /// # Errors
    /// Everything that is wrong; nothing was changed.
    pub fn reload(self: &Arc<Self>) -> Result<Reloaded, Kept> {
        let mut running = self.running();
        if self.serves() {
            notice::reloading();
        }
        let outcome = self.attempt(&mut running);
        let noted = match &outcome {
            Ok(reloaded) if reloaded.is_nothing() => Outcome::Unchanged,
            Ok(_) => Outcome::Applied,
            Err(_) => Outcome::Refused,
        };
        let revision = self.shells.counters.note(noted, wall());
        let outcome = outcome.map(|reloaded| Reloaded { revision, ..reloaded });
        tell(&outcome);
        // Of one that ends the service manager has been told the last word.
        if self.serves() {
            notice::ready();
        }
        outcome
    }

    /// `node.drain_s` of the configuration in force.
    pub fn drain_patience(&self) -> Duration {
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Configurations that were in force since the start.
    pub fn revision(&self) -> u64 {
        self.shells.counters.revision()
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempt(self: &Arc<Self>, running: &mut Running) -> Result<Reloaded, Kept> {
        let ending = || one("the daemon is ending: it takes no new configuration");
        let ready = if self.serves() { self.prepare(running)? } else { return Err(ending()) };
        // The order to end does not wait for files that are slow to read.
        if self.serves() { Ok(self.commit(running, ready)) } else { Err(ending()) }
    }

    fn serves(&self) -> bool {
        self.shells.phase.current() == Phase::Running
    }

    /// Everything that can fail.
    fn prepare(&self, running: &Running) -> Result<Ready, Kept> {
        let origin = self.origin.as_ref().ok_or_else(|| one("the configuration of this process stands in no file"))?;
        let read = origin.load().map_err(|report| lines(&report))?;
        let changes = running.source.changes(&read.source);
        let kept: Vec<&Change> = changes.iter().filter(|change| change.takes == Takes::Restart).collect();
        let loaded = origin.keeping(read, &running.source, &kept).map_err(|report| needs_restart(&kept, &report))?;
        let numbering = self.shells.snapshot.load().numbering();
        let snapshot = Snapshot::compile_after(&loaded.settings.routing, numbering);
        let snapshot = snapshot.map_err(|error| one(format!("{error}; restart the daemon")))?;
        // Before the files are read: what is written meanwhile is seen as a change later.
        let certificates = Watched::now(&loaded.settings.certificates);
        let net = net_settings(&loaded.settings, &snapshot)
            .map_err(|files| Kept(files.iter().map(ToString::to_string).collect()))?;
        let ended = ended(&loaded.settings, &net, |name| self.shells.rebinding.shown(name));
        if !ended.is_empty() {
            return Err(Kept(ended));
        }
        let dns = (loaded.settings.dns != running.settings.dns).then(|| net.dns.clone());
        let prepared = self.shells.rebinding.prepare(net, dns).map_err(|error| one(error.to_string()))?;
        Ok(Ready { loaded, snapshot: Arc::new(snapshot), changes, certificates, prepared })
    }

    /// Nothing of this fails.
    fn commit(self: &Arc<Self>, running: &mut Running, ready: Ready) -> Reloaded {
        let Ready { loaded, snapshot, changes, certificates, prepared } = ready;
        let shells = &self.shells;
        let before = std::mem::take(&mut running.generations);
        running.generations = before.into_iter().filter(|held| held.strong_count() > 0).collect();
        let needing = running.generations.clone();
        running.generations.push(Arc::downgrade(&snapshot));
        shells.snapshot.store(Arc::clone(&snapshot));
        // The engine knows a listener before anything comes in over it, and can send over it when it knows it.
        let told = || shells.inbox.put(Input::Snapshot(Arc::clone(&snapshot)));
        let rebound = shells.rebinding.commit(prepared, REST, told);
        shells.calls.keep_trunks(&snapshot);
        if loaded.settings.provisioning.source == ProvisioningSource::File {
            shells.directory.show(Arc::clone(&loaded.directory));
        }
        // Nobody watches certificates any more: the process ends.
        let _ = shells.certificates.send(certificates);
        if changes.iter().any(|change| change.key == "log.level")
            && let Err(error) = logging::set_level(loaded.settings.log.level.as_str())
        {
            tracing::warn!(error, "the level of the log stays");
        }
        if !rebound.lingering.is_empty() {
            shells.runtime.spawn(linger(Arc::downgrade(self), needing, rebound.lingering));
        }
        let keys = |takes: Takes| {
            let of = changes.iter().filter(move |change| change.takes == takes);
            of.map(|change| change.key.clone()).collect()
        };
        let warnings = loaded.warnings().iter().map(ToString::to_string).collect();
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner) = loaded.settings.node.drain;
        running.source = loaded.source;
        running.settings = loaded.settings;
        Reloaded {
            revision: 0,
            live: keys(Takes::Live),
            rebind: keys(Takes::Rebind),
            restart: keys(Takes::Restart),
            warnings,
            turned_over: rebound.turned_over,
        }
    }

    /// The calls of before need these listeners no more. One that is configured again stays, and so does one that was so
    /// meanwhile, while a call of that time goes on: whoever took it away again waits for it.
    fn release(&self, listeners: &[ListenerId]) {
        let running = self.running();
        let held: Vec<Arc<Snapshot>> = running.generations.iter().filter_map(Weak::upgrade).collect();
        let gone = listeners.iter().filter(|id| held.iter().all(|snapshot| snapshot.listener(**id).is_none()));
        self.shells.rebinding.release(&gone.copied().collect::<Vec<_>>());
    }
}

/// Pairs that have ended and would take the place of one that has not (R-H).
fn ended(settings: &Settings, net: &NetSettings, shown: impl Fn(&str) -> Option<Arc<Identity>>) -> Vec<String> {
    let now = wall();
    let renewed = net
        .identities
        .iter()
        .filter(|(name, identity)| identity.has_ended(now) && shown(name).is_some_and(|shown| !shown.has_ended(now)));
    renewed.filter_map(|(name, _)| Some(has_ended(name, settings.certificates.get(name)?).to_string())).collect()
}

/// Until no call holds a snapshot that knows these listeners.
async fn linger(reloader: Weak<Reloader>, needing: Vec<Weak<Snapshot>>, listeners: Vec<ListenerId>) {
    while needing.iter().any(|snapshot| snapshot.strong_count() > 0) {
        sleep(LOOK).await;
    }
    sleep(LAST_WORDS).await;
    let Some(reloader) = reloader.upgrade() else { return };
    // Whoever reloads has the lock for as long as files take to read.
    let released = tokio::task::spawn_blocking(move || reloader.release(&listeners)).await;
    if released.is_err() {
        tracing::error!("listeners that are no more could not be closed");
    }
}

fn one(text: impl Into<String>) -> Kept {
    Kept(vec![text.into()])
}

fn lines(report: &Report) -> Kept {
    let more = (report.errors_not_shown > 0).then(|| format!("... and {} more errors", report.errors_not_shown));
    Kept(report.errors.iter().map(ToString::to_string).chain(more).collect())
}

/// The new file is sound, but what may change now does not go with what may not.
fn needs_restart(kept: &[&Change], report: &Report) -> Kept {
    let keys: Vec<&str> = kept.iter().map(|change| change.key.as_str()).collect();
    let first = format!("{} take a restart, and the rest does not go without them:", keys.join(", "));
    Kept(std::iter::once(first).chain(lines(report).0).collect())
}

fn tell(outcome: &Result<Reloaded, Kept>) {
    match outcome {
        Ok(reloaded) => {
            let keys = |keys: &[String]| keys.join(" ");
            tracing::info!(
                revision = reloaded.revision,
                live = keys(&reloaded.live),
                rebind = keys(&reloaded.rebind),
                restart = keys(&reloaded.restart),
                connections = reloaded.turned_over,
                "configuration reloaded"
            );
            if !reloaded.restart.is_empty() {
                tracing::warn!(keys = keys(&reloaded.restart), "these keys take a restart; their old values stay");
            }
            for warning in &reloaded.warnings {
                tracing::warn!(%warning, "configuration");
            }
        }
        Err(Kept(lines)) => {
            for line in lines {
                tracing::error!(reason = %line, "the new configuration is refused; the one in force stays");
            }
        }
    }
}
