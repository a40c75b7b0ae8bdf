//! Writing what we say: one fresh description from typed state, plain lines only (MD-177).

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;

use super::plan::Format;
use super::remote::{Profile, RtcpMode, Slot, TaggedKey};
use crate::media::plan::IceCredentials;
use crate::sdp::{Attribute, Connection, Direction, Line, MediaDescription, Origin, SessionDescription, base64};

/// What one description of ours says. Two equal values have the same text but for the origin's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Local {
    /// Stands in `o=` and `c=`, held or not (MD-129).
    pub address: IpAddr,
    pub rtp_port: u16,
    pub profile: Profile,
    /// In an offer one for each suite, in an answer the chosen one.
    pub keys: Vec<TaggedKey>,
    pub lifetime: KeyLifetime,
    pub rtcp: RtcpMode,
    /// Our part of ICE, if the peer has it or may have it.
    pub ice: Option<IceCredentials>,
    /// Under our numbers.
    pub formats: Vec<Format>,
    pub direction: Direction,
    pub ptime_ms: Option<u16>,
    /// All media lines, ours among them; the others are written with port 0 (MD-178).
    pub slots: Vec<Slot>,
    /// Place of [`Slot::Audio`].
    pub audio: usize,
}

/// Whether our keys carry their lifetime (MD-169).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyLifetime {
    Written,
    Omitted,
}

/// A description of ours as it went out.
#[derive(Clone)]
pub(super) struct Description {
    pub local: Local,
    pub version: u64,
    /// Holds our key: never printed.
    pub body: Bytes,
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Description")
            .field("local", &self.local)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Description {
    /// Writes `local` under the session number and version of the origin line.
    pub fn write(local: Local, session: u64, version: u64) -> Description {
        let body = Bytes::from(local.text(session, version));
        Description { local, version, body }
    }
}

impl Local {
    fn text(&self, session: u64, version: u64) -> Vec<u8> {
        SessionDescription {
            origin: self.origin(session, version),
            name: Cow::Borrowed(b"-"),
            about: Vec::new(),
            connection: Some(Connection(text(format!("IN {} {}", self.family(), self.address)))),
            others: vec![Line { kind: b't', value: Cow::Borrowed(b"0 0") }],
            attributes: self.ice.iter().map(|_| property("ice-lite")).collect(),
            media: self.slots.iter().map(|slot| self.media_line(slot)).collect(),
        }
        .to_octets()
    }

    const fn family(&self) -> &'static str {
        match self.address {
            IpAddr::V4(_) => "IP4",
            IpAddr::V6(_) => "IP6",
        }
    }

    fn origin(&self, session: u64, version: u64) -> Origin<'static> {
        Origin {
            username: Cow::Borrowed(b"-"),
            session_id: text(session.to_string()),
            version: text(version.to_string()),
            address: [text("IN"), text(self.family()), text(self.address.to_string())],
        }
    }

    fn media_line(&self, slot: &Slot) -> MediaDescription<'static> {
        match slot {
            Slot::Audio => self.audio_line(),
            Slot::Off { kind, protocol, formats } => off(kind, protocol, formats),
        }
    }

    fn audio_line(&self) -> MediaDescription<'static> {
        MediaDescription {
            kind: Cow::Borrowed("audio"),
            port: self.rtp_port,
            protocol: Cow::Borrowed(self.profile.name()),
            formats: self.formats.iter().map(|format| Cow::Owned(format.payload.to_string())).collect(),
            about: Vec::new(),
            connection: None,
            others: Vec::new(),
            attributes: self.attributes(),
        }
    }

    fn attributes(&self) -> Vec<Attribute<'static>> {
        let mut list = vec![self.rtcp_line()];
        list.extend(self.ice.iter().flat_map(|ice| self.ice_lines(ice)));
        list.extend(self.keys.iter().map(|key| self.crypto_line(key)));
        for format in &self.formats {
            push_format(&mut list, format);
        }
        list.extend(self.ptime_ms.map(|ms| attribute("ptime", ms.to_string())));
        list.push(property(self.direction.name()));
        list
    }

    fn rtcp_line(&self) -> Attribute<'static> {
        match self.rtcp {
            RtcpMode::Muxed => property("rtcp-mux"),
            RtcpMode::Separate => {
                let port = self.rtp_port.saturating_add(1);
                attribute("rtcp", format!("{port} IN {} {}", self.family(), self.address))
            }
        }
    }

    /// RFC 8839 5: name, password and one host candidate for each component (MD-195).
    fn ice_lines(&self, ice: &IceCredentials) -> Vec<Attribute<'static>> {
        let candidate = |component: u16| {
            // RFC 8445 5.1.2.1 for a host candidate of the only address.
            let priority = (126 << 24) + (65_535 << 8) + (256 - u32::from(component));
            let port = self.rtp_port.saturating_add(component - 1);
            attribute("candidate", format!("1 {component} UDP {priority} {} {port} typ host", self.address))
        };
        let mut list = vec![
            attribute("ice-ufrag", ice.ufrag.to_string()),
            attribute("ice-pwd", ice.password.expose().clone()),
            candidate(1),
        ];
        match self.rtcp {
            RtcpMode::Muxed => {}
            RtcpMode::Separate => list.push(candidate(2)),
        }
        list
    }

    fn crypto_line(&self, key: &TaggedKey) -> Attribute<'static> {
        let mut value = format!("{} {} inline:", key.tag, key.master.suite.name()).into_bytes();
        base64::encode(key.master.key_salt.expose(), &mut value);
        match self.lifetime {
            KeyLifetime::Written => value.extend_from_slice(b"|2^31"),
            KeyLifetime::Omitted => {}
        }
        Attribute { name: Cow::Borrowed(b"crypto"), value: Some(Cow::Owned(value)) }
    }
}

fn push_format(list: &mut Vec<Attribute<'static>>, format: &Format) {
    let (payload, codec) = (format.payload, &format.codec);
    let channels = if codec.channels > 1 { format!("/{}", codec.channels) } else { String::new() };
    list.push(attribute("rtpmap", format!("{payload} {}/{}{channels}", codec.name, codec.clock)));
    if let Some(fmtp) = &codec.fmtp {
        list.push(attribute("fmtp", format!("{payload} {fmtp}")));
    }
}

/// A line we do not take, answered in its place with port 0 (RFC 3264 6).
fn off(kind: &str, protocol: &str, formats: &[String]) -> MediaDescription<'static> {
    MediaDescription {
        kind: Cow::Owned(kind.to_owned()),
        port: 0,
        protocol: Cow::Owned(protocol.to_owned()),
        formats: formats.iter().cloned().map(Cow::Owned).collect(),
        about: Vec::new(),
        connection: None,
        others: Vec::new(),
        attributes: Vec::new(),
    }
}

fn attribute(name: &'static str, value: String) -> Attribute<'static> {
    Attribute { name: Cow::Borrowed(name.as_bytes()), value: Some(text(value)) }
}

fn property(name: &'static str) -> Attribute<'static> {
    Attribute { name: Cow::Borrowed(name.as_bytes()), value: None }
}

fn text(value: impl Into<String>) -> Cow<'static, [u8]> {
    Cow::Owned(value.into().into_bytes())
}
