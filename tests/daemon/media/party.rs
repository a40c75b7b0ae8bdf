//! One party of a call: its signalling, its description, its sockets, what it says and hears.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::voice::{Ear, SUITE, Voice};
use crate::ground::{Ground, PATIENCE};
use crate::peer::Peer;
use crate::text::{Dialog, Message};

/// See the module.
pub struct Party {
    pub peer: Peer,
    pub dialog: Option<Dialog>,
    /// The newest last; older ones still hear.
    rtp: Vec<UdpSocket>,
    rtcp: UdpSocket,
    pub voice: Voice,
    pub ear: Ear,
    /// Where the daemon takes this party's media.
    pub towards: SocketAddr,
    pub codecs: &'static str,
    pub direction: &'static str,
    /// 1 while a new key is offered and not yet in use.
    pub keys_ahead: u8,
    tag: String,
    version: u32,
}

fn socket(at: &Peer) -> UdpSocket {
    let socket = UdpSocket::bind((at.own.ip(), 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

impl Party {
    pub fn caller(ground: &Ground, voice: Voice) -> Party {
        Party::new(ground.udp(ground.caller()), voice, ground.sip())
    }

    pub fn callee(ground: &Ground, voice: Voice) -> Party {
        Party::new(ground.udp(ground.callee()), voice, ground.sip())
    }

    fn new(peer: Peer, voice: Voice, towards: SocketAddr) -> Party {
        Party {
            rtp: vec![socket(&peer)],
            rtcp: socket(&peer),
            peer,
            dialog: None,
            voice,
            ear: Ear::default(),
            towards,
            codecs: "8 0",
            direction: "sendrecv",
            keys_ahead: 0,
            tag: "1".to_owned(),
            version: 0,
        }
    }

    /// The description that says how things are now.
    pub fn sdp(&mut self) -> String {
        self.version += 1;
        let (host, version) = (self.peer.own.ip(), self.version);
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let (rtp, rtcp) = (port(self.rtp.last().unwrap()), port(&self.rtcp));
        let (profile, crypto) = match self.voice.is_secured() {
            true => {
                let key = self.voice.key_text(self.keys_ahead);
                ("RTP/SAVP", format!("a=crypto:{} {SUITE} inline:{key}\r\n", self.tag))
            }
            false => ("RTP/AVP", String::new()),
        };
        format!(
            "v=0\r\no=- 1 {version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {rtp} {profile} {}\r\n\
             {crypto}a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtcp:{rtcp} IN IP4 {host}\r\na={}\r\n",
            self.codecs, self.direction,
        )
    }

    /// Reads the daemon's description.
    pub fn learn(&mut self, message: &Message) {
        self.towards = message.media();
        let line = message.body().lines().find_map(|line| line.strip_prefix("a=crypto:"));
        if let Some((tag, key)) = line.and_then(|line| line.split_once(&format!(" {SUITE} inline:"))) {
            self.tag = tag.to_owned();
            self.ear.learn(key.split('|').next().unwrap());
        }
    }

    /// Answers the daemon's offer: its direction, mirrored.
    pub fn mirror(&mut self, offer: &Message) {
        let has = |line: &str| offer.body().lines().any(|known| known == line);
        self.direction = match () {
            () if has("a=inactive") => "inactive",
            () if has("a=sendonly") => "recvonly",
            () if has("a=recvonly") => "sendonly",
            () => "sendrecv",
        };
    }

    /// From now on media is wanted at another port.
    pub fn change_address(&mut self) {
        self.rtp.push(socket(&self.peer));
    }

    pub fn send(&self, packet: &[u8]) {
        self.rtp.last().unwrap().send_to(packet, self.towards).unwrap();
    }

    /// Whether the daemon has packets of its media port still to read (proc(5), /proc/net/udp).
    pub fn is_waiting(&self) -> bool {
        let IpAddr::V4(host) = self.towards.ip() else { panic!("{}", self.towards) };
        let own = format!("{:08X}:{:04X}", u32::from_ne_bytes(host.octets()), self.towards.port());
        let sockets = fs::read_to_string("/proc/net/udp").unwrap();
        let mut rows = sockets.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
        rows.any(|row| row[1] == own && !row[4].ends_with(":00000000"))
    }

    /// The daemon's next report.
    pub fn report(&self) -> Vec<u8> {
        self.report_within(PATIENCE).expect("a report")
    }

    /// The next report, if it comes in time.
    pub fn report_within(&self, patience: Duration) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 2048];
        self.rtcp.set_nonblocking(false).unwrap();
        self.rtcp.set_read_timeout(Some(patience)).unwrap();
        let length = self.rtcp.recv(&mut buffer).ok()?;
        buffer.truncate(length);
        Some(buffer)
    }

    /// Leaves unread what has come so far.
    pub fn forget_reports(&self) {
        self.rtcp.set_nonblocking(true).unwrap();
        while self.rtcp.recv(&mut [0; 2048]).is_ok() {}
    }

    /// Reports something to the daemon.
    pub fn send_report(&self, packet: &[u8]) {
        let to = SocketAddr::new(self.towards.ip(), self.towards.port() + 1);
        self.rtcp.send_to(packet, to).unwrap();
    }

    /// Numbers of the packets that are there now.
    pub fn heard(&mut self) -> Vec<u32> {
        let mut numbers = Vec::new();
        let mut buffer = [0u8; 2048];
        for socket in &self.rtp {
            while let Ok((length, _)) = socket.recv_from(&mut buffer) {
                numbers.extend(self.ear.hear(&buffer[..length]));
            }
        }
        numbers
    }
}
