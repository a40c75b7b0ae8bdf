//! Connections of those who speak HTTP, within limits: so many at once, of one source, and no longer without an octet
//! of ours. The pages stand beside telephony in one process, and nobody who keeps their connections open may take its
//! descriptors.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep};

use super::guard::Visitor;
use super::seats::{Seat, Seats};
use crate::base::bounds::Bound;
use crate::base::limits::{HTTP_CONNECTIONS, HTTP_CONNECTIONS_PER_SOURCE, HTTP_PATIENCE, Limits};

/// A listener whose connections keep to the limits.
#[derive(Debug)]
pub struct Pages {
    socket: TcpListener,
    seats: Arc<Seats>,
    patience: Duration,
}

/// One of its connections. It fails when nothing of ours has left for [`HTTP_PATIENCE`]: a request that does not come,
/// comes in drops, or whose answer is not read.
#[derive(Debug)]
pub struct Guest {
    stream: TcpStream,
    patience: Duration,
    /// When it is over.
    over: Pin<Box<Sleep>>,
    /// Something was asked that has no answer yet.
    asks: bool,
    _seat: Seat,
}

impl Pages {
    pub fn new(socket: TcpListener) -> Pages {
        let limits = Limits {
            max_connections: HTTP_CONNECTIONS,
            max_unknown_connections: HTTP_CONNECTIONS,
            max_unknown_connections_per_source: HTTP_CONNECTIONS_PER_SOURCE,
            ..Limits::default()
        };
        Pages { socket, seats: Seats::new(&limits), patience: HTTP_PATIENCE }
    }
}

impl Listener for Pages {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            // axum's own accept waits out a lack of descriptors.
            let (stream, peer) = Listener::accept(&mut self.socket).await;
            match self.seats.take(peer.ip(), Visitor::Stranger) {
                Ok(seat) => return (Guest::new(stream, seat, self.patience), peer),
                Err(_) => Bound::HttpConnections.reached(),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl Guest {
    fn new(stream: TcpStream, seat: Seat, patience: Duration) -> Guest {
        Guest { stream, patience, over: Box::pin(sleep(patience)), asks: false, _seat: seat }
    }

    /// Fails once patience is over.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        ready!(self.over.as_mut().poll(cx));
        // A connection that rests between two requests is closed without a word.
        if std::mem::take(&mut self.asks) {
            Bound::HttpPatience.reached();
        }
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    fn poll_written(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            return self.poll_patience(cx).map(Err);
        }
        self.asks = false;
        let over = Instant::now() + self.patience;
        self.over.as_mut().reset(over);
        written
    }
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // First: who never pauses has no more time than who does.
        if let Poll::Ready(over) = self.poll_patience(cx) {
            return Poll::Ready(Err(over));
        }
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        self.asks = true;
        Poll::Ready(read)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, octets);
        self.poll_written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.poll_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    /// Only a failing test waits for it.
    const LONG: Duration = Duration::from_secs(60);

    async fn pages() -> (Pages, SocketAddr) {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        (Pages { patience: Duration::from_millis(300), ..Pages::new(socket) }, address)
    }

    #[tokio::test]
    async fn one_source_has_its_share_of_connections_and_gets_it_back() {
        let (mut pages, address) = pages().await;
        let (mut clients, mut guests) = (Vec::new(), Vec::new());
        for _ in 0..HTTP_CONNECTIONS_PER_SOURCE {
            clients.push(TcpStream::connect(address).await.unwrap());
            guests.push(pages.accept().await);
        }
        let (mut refused, mut octet) = (TcpStream::connect(address).await.unwrap(), [0; 1]);
        tokio::select! {
            _ = pages.accept() => panic!("one too many"),
            read = refused.read(&mut octet) => assert!(matches!(read, Ok(0) | Err(_))),
        }
        guests.pop();
        let _next = TcpStream::connect(address).await.unwrap();
        timeout(LONG, pages.accept()).await.unwrap();
    }

    #[tokio::test]
    async fn a_request_in_drops_has_no_more_time_than_one_that_never_comes() {
        let (mut pages, address) = pages().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut guest, _) = pages.accept().await;
        let before = Bound::HttpPatience.count();
        let drops = async {
            while client.write_all(b"G").await.is_ok() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let reads = async {
            let mut octets = Vec::new();
            guest.read_to_end(&mut octets).await.unwrap_err().kind()
        };
        let ended = timeout(LONG, async {
            tokio::select! {
                kind = reads => Some(kind),
                () = drops => None,
            }
        });
        assert_eq!(ended.await.unwrap(), Some(io::ErrorKind::TimedOut));
        assert!(Bound::HttpPatience.count() > before);
    }

    #[tokio::test]
    async fn an_answer_that_is_not_read_is_given_up() {
        let (mut pages, address) = pages().await;
        let _client = TcpStream::connect(address).await.unwrap();
        let (mut guest, _) = pages.accept().await;
        let rest = vec![0; 64 << 20];
        let written = timeout(LONG, guest.write_all(&rest)).await.unwrap();
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
