//! The sockets and clocks around a `Stream`: an even RTP port, the odd one above it for RTCP, a tick of 20 ms.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::stream::{Signals, Stream, StreamReport};

const TICK: Duration = Duration::from_millis(20);
/// Shorter than RFC 3550 6.2 advises, so that a ten-second call shows several.
const REPORT_INTERVAL: Duration = Duration::from_millis(1_500);
/// Tries to find an even port with a free odd one above it.
const PAIR_ATTEMPTS: usize = 64;
const DATAGRAM_LIMIT: usize = 2_048;
/// Seconds from 1900 to 1970.
const NTP_OFFSET: u64 = 2_208_988_800;

/// One end of one call's media. Its sockets and tasks end when it is dropped.
pub struct Endpoint {
    stream: Arc<Mutex<Stream>>,
    rtp: SocketAddr,
    rtcp: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Endpoint {
    /// Binds a port pair on `address` and begins to listen.
    ///
    /// # Errors
    /// No port pair is free.
    pub async fn bind(address: IpAddr, signals: Signals) -> Result<Endpoint, String> {
        let (rtp, rtcp) = bind_pair(address).await?;
        let stream = Arc::new(Mutex::new(Stream::new(signals, random())));
        let local = |socket: &UdpSocket| socket.local_addr().map_err(|error| error.to_string());
        let (rtp_address, rtcp_address) = (local(&rtp)?, local(&rtcp)?);
        let (rtp, rtcp) = (Arc::new(rtp), Arc::new(rtcp));
        let tasks = vec![
            tokio::spawn(send_audio(stream.clone(), rtp.clone())),
            tokio::spawn(receive_audio(stream.clone(), rtp.clone())),
            tokio::spawn(send_reports(stream.clone(), rtp, rtcp.clone())),
            tokio::spawn(receive_reports(stream.clone(), rtcp)),
        ];
        Ok(Endpoint { stream, rtp: rtp_address, rtcp: rtcp_address, tasks })
    }

    /// Where it takes RTP.
    #[must_use]
    pub fn rtp(&self) -> SocketAddr {
        self.rtp
    }

    /// Where it takes RTCP.
    #[must_use]
    pub fn rtcp(&self) -> SocketAddr {
        self.rtcp
    }

    /// The stream, locked for a moment.
    pub fn stream(&self) -> MutexGuard<'_, Stream> {
        lock(&self.stream)
    }

    /// What was measured until now.
    #[must_use]
    pub fn report(&self) -> StreamReport {
        self.stream().report()
    }
}

fn lock(stream: &Mutex<Stream>) -> MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Octets from the operating system; zeros if it has none, which only makes a lab's numbers dull.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    let _ = aws_lc_rs::rand::fill(&mut octets);
    octets
}

async fn bind_pair(address: IpAddr) -> Result<(UdpSocket, UdpSocket), String> {
    for _ in 0..PAIR_ATTEMPTS {
        let first = UdpSocket::bind((address, 0)).await.map_err(|error| format!("{address}: {error}"))?;
        let port = first.local_addr().map_err(|error| error.to_string())?.port();
        // RFC 3550 11: RTP even, RTCP the odd port above.
        let Ok(second) = UdpSocket::bind((address, port ^ 1)).await else { continue };
        return Ok(if port % 2 == 0 { (first, second) } else { (second, first) });
    }
    Err(format!("no free port pair on {address}"))
}

async fn send_audio(stream: Arc<Mutex<Stream>>, socket: Arc<UdpSocket>) {
    let mut clock = tokio::time::interval(TICK);
    loop {
        clock.tick().await;
        let (check, packet) = {
            let mut stream = lock(&stream);
            (stream.check(), stream.tick())
        };
        for (packet, address) in [check, packet].into_iter().flatten() {
            // A refused datagram (ICMP from a closed port) shows as loss at the far end.
            let _ = socket.send_to(&packet, address).await;
        }
    }
}

async fn receive_audio(stream: Arc<Mutex<Stream>>, socket: Arc<UdpSocket>) {
    let began = Instant::now();
    let mut buffer = [0; DATAGRAM_LIMIT];
    loop {
        let Ok((length, source)) = socket.recv_from(&mut buffer).await else { continue };
        lock(&stream).receive(began.elapsed(), source, buffer.get(..length).unwrap_or_default());
    }
}

async fn send_reports(stream: Arc<Mutex<Stream>>, rtp: Arc<UdpSocket>, rtcp: Arc<UdpSocket>) {
    let mut clock = tokio::time::interval(REPORT_INTERVAL);
    loop {
        clock.tick().await;
        let (report, socket) = {
            let mut stream = lock(&stream);
            // RFC 5761: where both share a port, they share ours too.
            let socket = if stream.is_multiplexed() { &rtp } else { &rtcp };
            (stream.make_report(ntp_now()), socket)
        };
        if let Some((report, address)) = report {
            let _ = socket.send_to(&report, address).await;
        }
    }
}

async fn receive_reports(stream: Arc<Mutex<Stream>>, socket: Arc<UdpSocket>) {
    let mut buffer = [0; DATAGRAM_LIMIT];
    loop {
        let Ok((length, _)) = socket.recv_from(&mut buffer).await else { continue };
        lock(&stream).receive_report(buffer.get(..length).unwrap_or_default());
    }
}

fn ntp_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (since.as_secs() + NTP_OFFSET) << 32 | fraction
}
