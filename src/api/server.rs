//! The shell: HTTP in, the store's thread asked, HTTP out. TLS 1.2 or later where the listener is not on loopback.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body as HttpBody, HttpBody as _, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::serve::{IncomingStream, Listener};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use super::answer::{Site, answer, unknown};
use super::message::{Body, Request, Response};
use super::{BASE, BODY_OCTETS, portal};
use crate::base::bounds::Bound;
use crate::base::limits::{API_HANDSHAKES, STRANGE_BODY_OCTETS};
use crate::base::{Entropy, WallTime};
use crate::metrics::api::ApiCounters;
use crate::net::http::{Guest, Pages};
use crate::store::refusal::{Code, Refusal};
use crate::store::rows::Store;
use crate::store::thread::StoreHandle;

/// How long a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How long an answer may take: a request behind an import's group waits its turn.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// How long a handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// What the server serves.
pub struct Served {
    pub site: Arc<Site>,
    pub store: StoreHandle,
    pub counters: Arc<ApiCounters>,
    pub clock: fn() -> WallTime,
    pub entropy: fn() -> Box<dyn Entropy>,
}

/// A client's address.
#[derive(Clone, Copy, Debug)]
struct Peer(SocketAddr);

impl Connected<IncomingStream<'_, Pages>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Pages>) -> Self {
        Peer(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Peer(*stream.remote_addr())
    }
}

/// Serves until the process ends.
pub async fn serve(socket: TcpListener, tls: Option<Arc<ServerConfig>>, served: Served) {
    let routes = Router::new().fallback(handle).with_state(Arc::new(served));
    let routes = routes.into_make_service_with_connect_info::<Peer>();
    let pages = Pages::new(socket);
    let ended = match tls {
        None => axum::serve(pages, routes).await,
        Some(config) => match TlsListener::start(pages, config) {
            Ok(listener) => axum::serve(listener, routes).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = ended {
        tracing::error!(%error, "the API is no longer served");
    }
}

type HttpRequest = axum::extract::Request;
type HttpResponse = axum::response::Response;

async fn handle(
    State(served): State<Arc<Served>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    request: HttpRequest,
) -> HttpResponse {
    if (request.method() == Method::GET || request.method() == Method::HEAD)
        && let Some(file) = portal::file(request.uri().path())
    {
        return page(file);
    }
    let method = request.method().clone();
    let (began, response) = match read(&served, peer, request).await {
        Ok(request) => (Instant::now(), respond(&served, request).await),
        Err(refused) => (Instant::now(), refused),
    };
    served.counters.answered(method.as_str(), response.status, began.elapsed());
    if let Some(code) = response.refusal {
        served.counters.refused(code.name());
    }
    written(response)
}

async fn respond(served: &Served, request: Request) -> Response {
    let (id, site, clock) = (request.id.clone(), served.site.clone(), served.clock);
    let answered = ask(served, move |store, entropy| answer(&site, store, entropy, &request, clock())).await;
    answered.unwrap_or_else(|refusal| Response::refused(&refusal, &id).with("X-Request-Id", id))
}

/// A file of the provisioning page.
fn page(file: portal::File) -> HttpResponse {
    let mut out = HttpResponse::new(file.text.into());
    let fields = [
        (header::CONTENT_TYPE, file.media),
        (header::CONTENT_SECURITY_POLICY, portal::POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    out.headers_mut().extend(fields.map(|(name, value)| (name, HeaderValue::from_static(value))));
    out
}

/// The whole request as a plain value.
async fn read(served: &Served, peer: SocketAddr, request: HttpRequest) -> Result<Request, Response> {
    let (head, body) = request.into_parts();
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut read = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers.iter().map(text).collect(),
        body: Vec::new(),
        address: peer.ip().to_string(),
        id: String::new(),
    };
    let given = read.header("x-request-id").filter(|id| is_id(id)).map(str::to_owned);
    read.id = given.unwrap_or_else(|| (served.entropy)().token(8));
    if body.size_hint().upper().is_none_or(|octets| octets > STRANGE_BODY_OCTETS) {
        read = knocked(served, read).await?;
    }
    match body_of(body).await {
        Ok(body) => Ok(Request { body, ..read }),
        Err(refusal) => Err(Response::refused(&refusal, &read.id).with("X-Request-Id", read.id)),
    }
}

/// A long body is read for those who may ask only: nobody else fills memory with it (S-A3).
async fn knocked(served: &Served, request: Request) -> Result<Request, Response> {
    let (id, site, clock) = (request.id.clone(), served.site.clone(), served.clock);
    let known = ask(served, move |store, _| match unknown(&site, store, &request, clock()) {
        None => Ok(request),
        Some(response) => Err(response),
    });
    known.await.unwrap_or_else(|refusal| Err(Response::refused(&refusal, &id).with("X-Request-Id", id)))
}

async fn body_of(body: HttpBody) -> Result<Vec<u8>, Refusal> {
    match timeout(BODY_TIME, to_bytes(body, BODY_OCTETS)).await {
        Ok(Ok(body)) => Ok(body.to_vec()),
        Ok(Err(error)) if is_too_long(&error) => {
            Err(Refusal::new(Code::FileTooLarge, format!("A body has at most {BODY_OCTETS} octets.")))
        }
        Ok(Err(_)) | Err(_) => {
            let text = format!("The body did not come whole within {} s.", BODY_TIME.as_secs());
            Err(Refusal::new(Code::BodyIncomplete, text))
        }
    }
}

/// axum tells of its limit by the source of an error, whose type is another crate's.
fn is_too_long(error: &axum::Error) -> bool {
    error.source().is_some_and(|source| source.to_string().contains("length limit exceeded"))
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|octet| octet.is_ascii_graphic())
}

/// Has something done on the store's thread.
async fn ask<T: Send + 'static>(
    served: &Served,
    work: impl FnOnce(&mut dyn Store, &mut dyn Entropy) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let (tell, told) = oneshot::channel();
    let entropy = served.entropy;
    served.store.submit(Box::new(move |store| {
        // Who asked may have gone away.
        let _ = tell.send(work(store, &mut *entropy()));
    }))?;
    let late = || Refusal::new(Code::StoreUnavailable, "The store does not answer in time; try again later.");
    timeout(ANSWER_TIME, told).await.map_err(|_| late())?.map_err(|_| late())
}

fn written(response: Response) -> HttpResponse {
    let (media, text, file) = match response.body {
        Body::Empty => (None, Vec::new(), None),
        Body::Json(value) => (Some("application/json"), value.to_string().into_bytes(), None),
        Body::Csv(name, text) => (Some("text/csv; charset=utf-8"), text.into_bytes(), Some(name)),
        Body::Capture(octets) => (Some("application/vnd.tcpdump.pcap"), octets, Some("call.pcap")),
    };
    let mut out = HttpResponse::new(text.into());
    *out.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = out.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(media) = media {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    }
    let file = file.map(|name| ("Content-Disposition", format!("attachment; filename=\"{name}\"")));
    for (name, value) in response.headers.into_iter().chain(file) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    out
}

/// A connection whose handshake is done, and whose it is.
type Secured = (TlsStream<Guest>, SocketAddr);

/// Connections whose handshake is done. Each has a task of its own, so that a slow one delays nobody.
struct TlsListener {
    done: mpsc::Receiver<Secured>,
    local: SocketAddr,
}

impl TlsListener {
    fn start(pages: Pages, config: Arc<ServerConfig>) -> io::Result<TlsListener> {
        let local = pages.local_addr()?;
        let (finished, done) = mpsc::channel(API_HANDSHAKES);
        tokio::spawn(accept_all(pages, TlsAcceptor::from(config), finished));
        Ok(TlsListener { done, local })
    }
}

async fn accept_all(mut pages: Pages, acceptor: TlsAcceptor, finished: mpsc::Sender<Secured>) {
    let room = Arc::new(Semaphore::new(API_HANDSHAKES));
    loop {
        if room.available_permits() == 0 {
            Bound::ApiHandshakes.reached();
        }
        let Ok(seat) = room.clone().acquire_owned().await else { return };
        let (stream, peer) = pages.accept().await;
        let (acceptor, finished) = (acceptor.clone(), finished.clone());
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await {
                // The server has ended: so does the connection.
                let _ = finished.send((stream, peer)).await;
            }
            drop(seat);
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<Guest>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.done.recv().await {
            Some(accepted) => accepted,
            // The task that accepts never ends before the runtime does.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

/// Where the API is, for people.
pub fn url(address: SocketAddr, tls: bool) -> String {
    format!("{}://{address}{BASE}", if tls { "https" } else { "http" })
}
