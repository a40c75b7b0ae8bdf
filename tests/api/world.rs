//! A server on a port of its own, over SQLite in a folder that goes with it, and a client that speaks plain HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use trunkline::api::server::{Served, serve};
use trunkline::api::{ActiveCalls, HungUp, Rates, ShownTrace, Site, TokenAuthenticator, Traces};
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::CallId;
use trunkline::base::{Entropy, WallTime};
use trunkline::call::Cause;
use trunkline::call::active::{ActiveCall, CallPhase};
use trunkline::call::record::{CallRecord, EndedBy};
use trunkline::config::{Files, parse};
use trunkline::route::directory::{AccountName, Directory};
use trunkline::route::snapshot::Snapshot;
use trunkline::store::audit::{Actor, Retention};
use trunkline::store::refusal::Refusal;
use trunkline::store::sqlite::SqliteStore;
use trunkline::store::thread::{StoreHandle, StoreThread};
use trunkline::store::tokens::{Grant, issue};
use trunkline::store::writing::writing;

pub use crate::operation::Node;

pub fn wall() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    WallTime(u64::try_from(since.as_millis()).unwrap())
}

pub fn entropy() -> Box<dyn Entropy> {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    Box::new(SeededEntropy::new(u64::try_from(seed % (1 << 60)).unwrap()))
}

pub struct World {
    pub address: SocketAddr,
    pub token: String,
    pub directory: Arc<ArcSwap<Directory>>,
    pub calls: Arc<Talk>,
    pub node: Arc<Node>,
    handle: StoreHandle,
    thread: Option<JoinHandle<()>>,
    _runtime: Runtime,
    /// Goes with the world.
    _folder: TempDir,
}

/// A carrier and a platform.
fn snapshot() -> Arc<Snapshot> {
    let text = include_str!("../../config/minimal.toml").replacen(
        "profile = \"carrier-ip\"\nlistener = \"main\"\ntargets = [\"127.0.1.2",
        "profile = \"carrier-ip\"\nrole = \"platform\"\nfqdn = \"sbc1.customers.example.com\"\nlistener = \"main\"\ntargets = [\"127.0.1.2",
        1,
    );
    parse("minimal.toml", &text, Path::new("/"), Files::Ignored).unwrap().snapshot
}

/// Calls as an engine would show them.
#[derive(Default)]
pub struct Talk(Mutex<BTreeMap<u64, ActiveCall>>);

impl Talk {
    /// A call that was answered a minute ago.
    pub fn begin(&self, id: u64, account: Option<&str>, [calling, called]: [&str; 2]) {
        let now = wall();
        let so_far = CallRecord {
            id: CallId(id),
            from: "north".into(),
            to: Some("teams".into()),
            route: Some("in".into()),
            account: account.map(|name| AccountName::parse(name).unwrap()),
            calling: calling.to_owned(),
            called: called.to_owned(),
            received: None,
            sent: None,
            caller_address: None,
            caller_policy: "".into(),
            said: Vec::new(),
            after: Default::default(),
            earlier: Vec::new(),
            caller_call_id: format!("a{id}"),
            callee_call_id: Some(format!("b{id}")),
            started: WallTime(now.0 - 62_000),
            rang: None,
            answered: Some(WallTime(now.0 - 60_000)),
            ended: WallTime::default(),
            cause: Cause::Unexpected,
            ended_by: EndedBy::Node,
            detail: None,
            emergency: None,
            elin: None,
            attempts: 1,
            redirects: 0,
            transfers: Vec::new(),
            caller_media: Default::default(),
            callee_media: Default::default(),
        };
        self.0.lock().unwrap().insert(id, ActiveCall { phase: CallPhase::Answered, so_far });
    }
}

impl Traces for Talk {
    fn trace(&self, id: CallId) -> Option<ShownTrace> {
        let calls = self.0.lock().unwrap();
        let record = &calls.get(&id.0)?.so_far;
        let account = record.account.clone();
        Some(ShownTrace { body: serde_json::json!({ "call": id.0.to_string() }), capture: b"pcap".to_vec(), account })
    }
}

impl ActiveCalls for Talk {
    fn list(&self, after: Option<CallId>, most: usize) -> Option<Vec<ActiveCall>> {
        let from = after.map_or(0, |after| after.0 + 1);
        Some(self.0.lock().unwrap().range(from..).take(most).map(|(_, call)| call.clone()).collect())
    }

    fn one(&self, id: CallId) -> Option<Option<ActiveCall>> {
        Some(self.0.lock().unwrap().get(&id.0).cloned())
    }

    fn hang_up(&self, id: CallId) -> Option<HungUp> {
        let gone = self.0.lock().unwrap().remove(&id.0);
        Some(gone.map_or(HungUp::Gone, |_| HungUp::Told))
    }

    fn in_use(&self, numbers: BTreeSet<String>) -> Option<BTreeSet<String>> {
        let calls = self.0.lock().unwrap();
        let held =
            |number: &String| calls.values().any(|call| [&call.so_far.calling, &call.so_far.called].contains(&number));
        Some(numbers.into_iter().filter(held).collect())
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn code(&self) -> String {
        let code = self.json()["error"]["code"].as_str().unwrap().to_owned();
        assert_eq!(self.header("X-Error-Code"), Some(code.as_str()));
        code
    }
}

impl World {
    pub fn new() -> World {
        World::with_rates(Rates::new(1_000_000, 1_000_000))
    }

    pub fn with_rates(rates: Rates) -> World {
        let folder = TempDir::new().unwrap();
        let mut store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
        let mut entropy_now = entropy();
        let token = writing(&mut store, &Actor::default(), wall(), |writing| {
            issue(writing, &Grant::everything("tester"), &mut *entropy_now)
        });
        let directory = Arc::new(ArcSwap::from_pointee(Directory::default()));
        let seen = directory.clone();
        let calls = Arc::new(Talk::default());
        let busy = calls.clone();
        let thread = StoreThread {
            store: Box::new(store),
            clock: wall,
            sink: Box::new(move |followed| seen.store(followed.directory.clone())),
            last_good: Some(folder.path().join("directory.json")),
            retention: Retention::default(),
            in_use: Box::new(move |numbers| busy.in_use(numbers).unwrap()),
        };
        let (handle, thread) = thread.spawn().unwrap();
        let node = Arc::new(Node::default());
        let site = Site {
            authenticator: Box::new(TokenAuthenticator),
            rates,
            directory: directory.clone(),
            snapshot: Arc::new(ArcSwap::new(snapshot())),
            calls: calls.clone(),
            traces: calls.clone(),
            operation: node.clone(),
            custom_header: Some("X-Operator-Content".to_owned()),
        };
        let counters = Arc::default();
        let served = Served { site: Arc::new(site), store: handle.clone(), counters, clock: wall, entropy };
        let runtime = Runtime::new().unwrap();
        let socket = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = socket.local_addr().unwrap();
        runtime.spawn(serve(socket, None, served));
        World {
            address,
            token: token.unwrap(),
            directory,
            calls,
            node,
            handle,
            thread: Some(thread),
            _runtime: runtime,
            _folder: folder,
        }
    }

    /// A further token.
    pub fn token(&self, grant: Grant) -> String {
        self.on_store(move |store| {
            writing(store, &Actor::default(), wall(), |writing| issue(writing, &grant, &mut *entropy()))
        })
        .unwrap()
    }

    pub fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn trunkline::store::rows::Store) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        self.handle.submit(Box::new(move |store| tell.send(work(store)).unwrap())).unwrap();
        told.recv().unwrap()
    }

    /// One request with the first token.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let token = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", token.as_str())];
        all.extend_from_slice(headers);
        self.ask_as(method, path, &all, body)
    }

    pub fn ask_as(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.ask_at(method, &format!("/api/v1{path}"), headers, body)
    }

    /// A request without a token, at any path.
    pub fn ask_raw(&self, method: &str, path: &str) -> Answer {
        self.ask_at(method, path, &[], b"")
    }

    fn ask_at(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: sbc\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // A server that refuses a large body early closes before all of it is written.
        let _ = stream.write_all(body);
        let mut octets = Vec::new();
        let _ = stream.read_to_end(&mut octets);
        answer_of(&String::from_utf8_lossy(&octets))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, &[], body)
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let mut all = vec![("Content-Type", "application/json")];
        all.extend_from_slice(headers);
        self.ask(method, path, &all, body.to_string().as_bytes())
    }

    /// Account `acme` with the service zoom, carrier `north`.
    pub fn stocked() -> World {
        let world = World::new();
        let services = json!({ "zoom": { "enabled": true } });
        assert_eq!(world.put("/accounts/acme", json!({ "services": services })).status, 201);
        assert_eq!(world.put("/accounts/zoo", json!({ "services": services })).status, 201);
        assert_eq!(world.put("/carriers/north", json!({ "displayName": "North" })).status, 201);
        world
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.handle.end();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn answer_of(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    Answer { status: status.unwrap_or(0), headers, text: body.to_owned() }
}
