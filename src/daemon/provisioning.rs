//! The store and its thread, beside the daemon: opened at the start, followed while it runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;

use super::clock::wall;
use super::entropy::OsEntropy;
use super::inbox::Inbox;
use super::orders::Orders;
use crate::api::server::Served;
use crate::api::{ActiveCalls, Operation, Rates, Site, TokenAuthenticator, Traces};
use crate::config::Settings;
use crate::config::settings::ProvisioningSource;
use crate::engine::io::Input;
use crate::metrics::api::ApiCounters;
use crate::route::directory::Directory;
use crate::route::snapshot::Snapshot;
use crate::store::audit::Actor;
use crate::store::follow::Followed;
use crate::store::last_good;
use crate::store::refusal::{Code, Refusal};
use crate::store::rows::Store;
use crate::store::sqlite::SqliteStore;
use crate::store::thread::{StoreHandle, StoreThread};
use crate::store::tokens;
use crate::store::writing::{reading, writing};

/// What is provisioned, as far as this process has it.
pub struct Provisioned {
    seen: Seen,
    store: Option<(StoreHandle, JoinHandle<()>)>,
}

/// Who sees what is provisioned: the API, which reads it when asked, and the engine, whose next call goes by it.
#[derive(Clone)]
pub struct Seen {
    directory: Arc<ArcSwap<Directory>>,
    inbox: Arc<Inbox>,
}

impl Seen {
    /// Calls go by `directory` from now on.
    pub fn show(&self, directory: Arc<Directory>) {
        self.directory.store(directory.clone());
        self.inbox.put_by(Input::Directory(directory));
    }
}

/// The store's file.
pub fn store_file(state_dir: &Path) -> PathBuf {
    state_dir.join("store.sqlite")
}

/// What was last known of the store's contents.
pub fn last_good_file(state_dir: &Path) -> PathBuf {
    state_dir.join("directory.json")
}

impl Provisioned {
    /// Opens the store, or goes on with the last good directory: calls do not wait for a store (PV-66).
    ///
    /// `written`: what the configuration file provisions.
    pub fn start(
        settings: &Settings,
        written: Arc<Directory>,
        orders: &Arc<Orders>,
        inbox: &Arc<Inbox>,
    ) -> Provisioned {
        let seen = Seen { directory: Arc::new(ArcSwap::from_pointee(Directory::default())), inbox: inbox.clone() };
        if settings.provisioning.source == ProvisioningSource::File {
            if settings.api.is_some() {
                tracing::warn!("the API is not served: api.bind needs provisioning.source = \"store\"");
            }
            seen.show(written);
            return Provisioned { seen, store: None };
        }
        let store = match opened(settings, seen.clone(), orders.clone()) {
            Ok(store) => Some(store),
            Err(refusal) => {
                tracing::error!(%refusal, "the store does not open; the last good directory is used");
                read_last_good(&settings.node.state_dir, &seen);
                None
            }
        };
        Provisioned { seen, store }
    }

    /// Who sees what is provisioned.
    pub fn seen(&self) -> Seen {
        self.seen.clone()
    }

    /// Where what operators do is noted; `None`: there is no store.
    pub fn audited(&self) -> Option<StoreHandle> {
        self.store.as_ref().map(|(handle, _)| handle.clone())
    }

    /// What calls go by now.
    pub fn directory(&self) -> Arc<Directory> {
        self.seen.directory.load_full()
    }

    /// What the API serves; `None`: there is no store.
    pub fn served(
        &self,
        settings: &Settings,
        (snapshot, counters): (&Arc<ArcSwap<Snapshot>>, Arc<ApiCounters>),
        (orders, operation): (&Arc<Orders>, Arc<dyn Operation>),
        traces: Arc<dyn Traces>,
    ) -> Option<Served> {
        let (api, (store, _)) = (settings.api.as_ref()?, self.store.as_ref()?);
        let site = Site {
            authenticator: Box::new(TokenAuthenticator),
            rates: Rates::new(api.requests_per_minute, api.node_requests_per_minute),
            directory: self.seen.directory.clone(),
            snapshot: snapshot.clone(),
            calls: orders.clone(),
            traces,
            operation,
            custom_header: settings.provisioning.custom_header.as_ref().map(|header| header.name.as_str().to_owned()),
        };
        let entropy = || -> Box<dyn crate::base::Entropy> { Box::new(OsEntropy::new()) };
        Some(Served { site: Arc::new(site), store: store.clone(), counters, clock: wall, entropy })
    }

    /// Ends the store's thread; what was written is on disk.
    pub fn end(self) {
        let Some((handle, thread)) = self.store else { return };
        handle.end();
        if thread.join().is_err() {
            tracing::error!("the store's thread ended badly");
        }
    }
}

fn opened(settings: &Settings, seen: Seen, orders: Arc<Orders>) -> Result<(StoreHandle, JoinHandle<()>), Refusal> {
    let state_dir = &settings.node.state_dir;
    std::fs::create_dir_all(state_dir).map_err(|error| Refusal::new(Code::StoreUnavailable, error.to_string()))?;
    let mut store = SqliteStore::open(&store_file(state_dir))?;
    if settings.api.is_some() {
        show_first_token(&mut store)?;
    }
    let thread = StoreThread {
        store: Box::new(store),
        clock: wall,
        sink: Box::new(move |followed| seen.show(followed.directory.clone())),
        last_good: Some(last_good_file(state_dir)),
        retention: settings.provisioning.audit,
        // An engine that does not answer has no calls any more.
        in_use: Box::new(move |numbers| orders.in_use(numbers).unwrap_or_default()),
    };
    thread.spawn()
}

/// What calls of a daemon beside us know: the store's numbers, or the last good directory's. Nothing is made or changed.
///
/// # Errors
/// Neither can be read; the text is for people.
pub fn known_now(state_dir: &Path) -> Result<Arc<Directory>, String> {
    let file = store_file(state_dir);
    if !file.exists() {
        return Ok(Arc::default());
    }
    let read = || -> Result<Followed, Refusal> {
        let mut store = SqliteStore::open(&file)?;
        reading(&mut store, |rows| Followed::load(rows))
    };
    match (read(), last_good::read(&last_good_file(state_dir))) {
        (Ok(followed), _) | (Err(_), Ok(Some(followed))) => Ok(followed.directory),
        (Err(refusal), Ok(None) | Err(_)) => Err(format!("{}: {}", file.display(), refusal.message)),
    }
}

/// Once in a store's life, and nowhere but here.
fn show_first_token(store: &mut dyn Store) -> Result<(), Refusal> {
    let actor = Actor { name: "daemon".to_owned(), ..Actor::default() };
    let token = writing(store, &actor, wall(), |writing| tokens::first(writing, &mut OsEntropy::new()))?;
    if let Some(token) = token {
        eprintln!("first API token, shown only now: {token}");
    }
    Ok(())
}

fn read_last_good(state_dir: &Path, seen: &Seen) {
    let file = last_good_file(state_dir);
    match last_good::read(&file) {
        Ok(Some(followed)) => seen.show(followed.directory),
        Ok(None) => tracing::error!(file = %file.display(), "there is no last good directory: no number is known"),
        Err(error) => tracing::error!(file = %file.display(), %error, "no number is known"),
    }
}
