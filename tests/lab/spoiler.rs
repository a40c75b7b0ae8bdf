//! An SBC that does something wrong: a true one, whose messages are changed on their way to the lab.
//!
//! It has a face of the SBC for the lab and faces of platform and carrier for the SBC, and hands messages on one by one.
//! Media goes straight.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, WriteHalf, split};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio_rustls::rustls::pki_types::ServerName;
use trunkline::lab::certificates::Identity;
use trunkline::lab::framing::StreamCutter;
use trunkline::lab::platform::authority::Authority;
use trunkline::lab::platform::posture::{Authentication, Posture, Versions};
use trunkline::lab::platform::run::Wish;

use super::ground::Ground;
use super::message::Message;

/// Which messages a spoil is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the platform, of the SBC.
    Platform,
    /// To the carrier, of the SBC.
    Carrier,
    /// To the SBC, of the platform.
    Sbc,
}

/// What becomes of a message.
pub enum Fate {
    /// It goes on, changed or not.
    Sent,
    Lost,
    /// It goes on after that time, and nothing overtakes it on its connection.
    Late(Duration),
    /// It goes on, and these after it.
    With(Vec<Message>),
    /// It goes no further: its sender gets this.
    Returned(Message),
}

/// One thing that is wrong.
#[derive(Clone, Copy)]
pub struct Spoil {
    /// The statement it breaks.
    pub number: &'static str,
    /// Words of the line that the lab must quote.
    pub words: &'static str,
    pub way: Way,
    pub change: fn(&mut Message) -> Fate,
}

/// How the SBC shows itself in handshakes with the platform.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Own,
    /// Without the intermediate.
    LeafAlone,
    /// Another's certificate, with an elliptic key.
    Elliptic,
    /// None as a client.
    Unshown,
}

/// Branch of requests that the spoiler made: their answers stay here.
pub const MADE_HERE: &str = "z9hG4bKspoilt";

/// At work until dropped.
pub struct Spoiler {
    _work: JoinSet<()>,
}

/// Lines of a request as the SBC wrote them, by branch: its answer shows them again.
const ECHOED: [&str; 5] = ["Via", "From", "To", "Call-ID", "CSeq"];

struct Shared {
    spoils: Vec<Spoil>,
    asked: Mutex<HashMap<String, Message>>,
    /// Addresses as the lab knows them, and as the SBC does.
    names: Vec<(IpAddr, IpAddr)>,
}

/// Where the lab is when a spoiler stands between: behind the addresses that the SBC is told of.
pub fn behind(ground: &Ground) -> Wish {
    let at = |number: usize, port: u16| SocketAddr::new(ground.addresses[number], port);
    Wish {
        sbc: at(11, 5061),
        bind: (6..10).map(|number| at(number, 5061)).collect(),
        carrier: Some((at(10, 5060), at(11, 5060))),
        ..ground.wish.clone()
    }
}

impl Spoiler {
    /// Stands between the daemon of `ground` and the lab of `behind`.
    pub async fn start(ground: &Ground, authority: &Authority, spoils: Vec<Spoil>, face: Face) -> Spoiler {
        let (sbc, lab) = (&ground.wish, behind(ground));
        let (lab_carrier, lab_sbc) = lab.carrier.expect("a carrier");
        let (face_carrier, sbc_carrier) = sbc.carrier.expect("a carrier");
        let mut names = vec![(lab_sbc.ip(), sbc_carrier.ip()), (lab_carrier.ip(), face_carrier.ip())];
        names.extend(lab.bind.iter().zip(&sbc.bind).map(|(lab, sbc)| (lab.ip(), sbc.ip())));
        let shared = Arc::new(Shared { spoils, asked: Mutex::default(), names });
        let mode = ground.wish.platform.setting().authentication;
        let platform = posture(authority, &[authority.rsa.clone(), authority.elliptic.clone()], mode);
        let own = [shown(ground, authority, face)];
        let towards_lab =
            posture(authority, &own, if face == Face::Unshown { Authentication::ServerAlone } else { mode });
        let as_server = posture(authority, &own, mode);
        let mut work = JoinSet::new();
        let listener = TcpListener::bind(lab.sbc).await.expect("the SBC's face");
        let pairs: Vec<(IpAddr, IpAddr)> =
            lab.bind.iter().zip(&sbc.bind).map(|(lab, sbc)| (lab.ip(), sbc.ip())).collect();
        let lines = Lines { accept: as_server.clone(), connect: platform.clone(), shared: shared.clone() };
        work.spawn(lines.carry_from_lab(listener, pairs, sbc.sbc));
        for (place, (face, lab_end)) in sbc.bind.iter().zip(&lab.bind).enumerate() {
            let listener = TcpListener::bind(face).await.expect("a face of the platform");
            let lines = Lines { accept: platform.clone(), connect: towards_lab.clone(), shared: shared.clone() };
            work.spawn(lines.carry_from_sbc(listener, place, lab.sbc.ip(), *lab_end));
        }
        let near = Arc::new(UdpSocket::bind(lab_sbc).await.expect("the SBC's face"));
        let far = Arc::new(UdpSocket::bind(face_carrier).await.expect("the carrier's face"));
        work.spawn(datagrams(shared.clone(), near.clone(), far.clone(), sbc_carrier, false));
        work.spawn(datagrams(shared, far, near, lab_carrier, true));
        Spoiler { _work: work }
    }
}

fn posture(authority: &Authority, identities: &[Identity], mode: Authentication) -> Posture {
    Posture::new(std::slice::from_ref(&authority.roots), identities, mode).expect("certificates")
}

fn shown(ground: &Ground, authority: &Authority, face: Face) -> Identity {
    match face {
        Face::Own | Face::Unshown => authority.sbc.clone(),
        Face::Elliptic => authority.elliptic.clone(),
        Face::LeafAlone => {
            let chain = std::fs::read_to_string(&authority.sbc.chain).expect("a chain");
            let end = "-----END CERTIFICATE-----\n";
            let leaf = chain.split_inclusive(end).next().expect("a leaf");
            let path = ground.directory.path().join("leaf.pem");
            std::fs::write(&path, leaf).expect("written");
            Identity { chain: path, key: authority.sbc.key.clone() }
        }
    }
}

/// One listener and what it leads to.
struct Lines {
    accept: Posture,
    connect: Posture,
    shared: Arc<Shared>,
}

impl Lines {
    /// Connections of the lab; they go on to the SBC from the face of the address they came from.
    async fn carry_from_lab(self, listener: TcpListener, pairs: Vec<(IpAddr, IpAddr)>, sbc: SocketAddr) {
        let mut work = JoinSet::new();
        let mut number = 0;
        while let Ok((stream, source)) = listener.accept().await {
            number += 1;
            // The lab first looks whether anybody listens, from any address.
            let Some((_, face)) = pairs.iter().find(|(lab, _)| *lab == source.ip()).copied() else { continue };
            let acceptor = self.accept.acceptor(0).expect("an identity");
            let (connect, shared) = (self.connect.clone(), self.shared.clone());
            work.spawn(async move {
                let Ok(near) = acceptor.accept(stream).await else { return };
                let name = near.get_ref().1.server_name().map_or_else(|| sbc.ip().to_string(), str::to_owned);
                let Some(far) = dial(&connect, number, face, sbc, &name).await else { return };
                join(shared, far, near).await;
            });
        }
    }

    /// Connections of the SBC to one face of the platform.
    async fn carry_from_sbc(self, listener: TcpListener, place: usize, face: IpAddr, lab: SocketAddr) {
        let mut work = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = self.accept.acceptor(place).expect("an identity");
            let (connect, shared) = (self.connect.clone(), self.shared.clone());
            work.spawn(async move {
                let Ok(near) = acceptor.accept(stream).await else { return };
                let name = near.get_ref().1.server_name().map_or_else(|| lab.ip().to_string(), str::to_owned);
                let Some(far) = dial(&connect, 0, face, lab, &name).await else { return };
                join(shared, near, far).await;
            });
        }
    }
}

async fn dial(
    posture: &Posture,
    number: usize,
    from: IpAddr,
    to: SocketAddr,
    name: &str,
) -> Option<tokio_rustls::client::TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind(SocketAddr::new(from, 0)).ok()?;
    let stream = socket.connect(to).await.ok()?;
    let name = ServerName::try_from(name.to_owned()).ok()?;
    posture.connector(number, Versions::Both)?.connect(name, stream).await.ok()
}

type Writer<S> = Arc<tokio::sync::Mutex<WriteHalf<S>>>;

/// Both ways of one connection, until either end closes it.
async fn join<S, L>(shared: Arc<Shared>, sbc: S, lab: L)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    L: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let ((sbc_reader, sbc_writer), (lab_reader, lab_writer)) = (split(sbc), split(lab));
    let sbc_writer: Writer<S> = Arc::new(tokio::sync::Mutex::new(sbc_writer));
    let lab_writer: Writer<L> = Arc::new(tokio::sync::Mutex::new(lab_writer));
    tokio::select! {
        () = carry(shared.clone(), sbc_reader, lab_writer.clone(), sbc_writer.clone(), Way::Platform) => {}
        () = carry(shared, lab_reader, sbc_writer.clone(), lab_writer.clone(), Way::Sbc) => {}
    }
    let _ = sbc_writer.lock().await.shutdown().await;
    let _ = lab_writer.lock().await.shutdown().await;
}

async fn carry<R, W, B>(shared: Arc<Shared>, mut reader: R, writer: Writer<W>, back: Writer<B>, way: Way)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite,
    B: AsyncWrite,
{
    let mut cutter = StreamCutter::default();
    let mut buffer = vec![0; 65_536];
    while let Ok(length) = reader.read(&mut buffer).await {
        if length == 0 {
            return;
        }
        cutter.push(&buffer[..length]);
        while let Ok(Some(octets)) = cutter.next_message() {
            let (on, returned) = shared.pass(Message::read(&octets), way).await;
            for message in on {
                let _ = writer.lock().await.write_all(&message.write()).await;
            }
            for message in returned {
                let _ = back.lock().await.write_all(&message.write()).await;
            }
            let _ = writer.lock().await.flush().await;
            let _ = back.lock().await.flush().await;
        }
    }
}

async fn datagrams(shared: Arc<Shared>, from: Arc<UdpSocket>, to: Arc<UdpSocket>, target: SocketAddr, to_lab: bool) {
    let mut buffer = vec![0; 65_536];
    while let Ok((length, _)) = from.recv_from(&mut buffer).await {
        let message = Message::read(&buffer[..length]);
        let on = match to_lab {
            true => shared.pass(message, Way::Carrier).await.0,
            false => vec![shared.renamed(message, |(lab, sbc)| (lab, sbc))],
        };
        for message in on {
            let _ = to.send_to(&message.write(), target).await;
        }
    }
}

impl Shared {
    /// What goes on, and what goes back to the sender.
    async fn pass(&self, message: Message, way: Way) -> (Vec<Message>, Vec<Message>) {
        let Some(mut message) = self.restored(message, way) else { return (Vec::new(), Vec::new()) };
        let original = message.clone();
        let mut more = Vec::new();
        for spoil in self.spoils.iter().filter(|spoil| spoil.way == way) {
            match (spoil.change)(&mut message) {
                Fate::Sent => {}
                Fate::Lost => return (Vec::new(), Vec::new()),
                Fate::Late(wait) => tokio::time::sleep(wait).await,
                Fate::With(others) => more.extend(others),
                Fate::Returned(answer) => return (Vec::new(), vec![answer]),
            }
        }
        if way != Way::Sbc && message.is_request() {
            self.asked.lock().expect("unpoisoned").insert(message.branch().to_owned(), original);
        }
        let mut on = vec![message];
        on.extend(more);
        let rename = |message| match way {
            Way::Sbc => self.renamed(message, |(lab, sbc)| (lab, sbc)),
            Way::Platform | Way::Carrier => self.renamed(message, |(lab, sbc)| (sbc, lab)),
        };
        (on.into_iter().map(rename).collect(), Vec::new())
    }

    /// An answer of the lab, with what it repeats of the request as the SBC wrote it; `None`: to a request made here.
    fn restored(&self, mut message: Message, way: Way) -> Option<Message> {
        if message.is_request() || way != Way::Sbc {
            return Some(message);
        }
        if message.branch().starts_with(MADE_HERE) {
            return None;
        }
        if let Some(asked) = self.asked.lock().expect("unpoisoned").get(message.branch()) {
            let tag = message.value("To").split(";tag=").nth(1).map(str::to_owned);
            for name in ECHOED {
                message.set(name, asked.value(name));
            }
            if let Some(tag) = tag.filter(|_| !asked.value("To").contains(";tag=")) {
                let to = format!("{};tag={tag}", asked.value("To"));
                message.set("To", &to);
            }
        }
        Some(message)
    }

    /// Addresses in the head as the other end knows them. Descriptions stay: media goes straight.
    fn renamed(&self, mut message: Message, way: impl Fn((IpAddr, IpAddr)) -> (IpAddr, IpAddr)) -> Message {
        for pair in &self.names {
            let (from, to) = way(*pair);
            let (from, to) = (from.to_string(), to.to_string());
            message.start = exchanged(&message.start, &from, &to);
            for line in &mut message.lines {
                *line = exchanged(line, &from, &to);
            }
        }
        message
    }
}

/// Whole addresses only: 127.0.0.1 is no part of 127.0.0.16.
fn exchanged(text: &str, from: &str, to: &str) -> String {
    let mut parts = text.split(from);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let whole = !part.starts_with(|next: char| next.is_ascii_digit());
        out.push_str(if whole { to } else { from });
        out.push_str(part);
    }
    out
}
