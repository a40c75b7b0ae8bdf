//! Writing what we say: one fresh description from typed state, plain lines only (MD-177).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::plan::Format;
use super::remote::{Profile, RtcpMode, Slot, TaggedKey};
use crate::base::text::{append, append_address, append_number};
use crate::media::plan::IceCredentials;
use crate::sdp::{Direction, base64};

/// What one description of ours says. Two equal values have the same text but for the origin's version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub slots: Arc<[Slot]>,
    /// Place of [`Slot::Audio`].
    pub audio: usize,
}

/// Whether our keys carry their lifetime (MD-169).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum KeyLifetime {
    Written,
    Omitted,
}

/// A description of ours as it went out.
#[derive(Clone, Serialize, Deserialize)]
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

/// Room for a description of two codecs and events; more is taken as it is needed.
const ROOM: usize = 384;
const END: &[u8] = b"\r\n";
/// Room for one line of SRTP, of ICE, or of a codec with its parameters.
const LINE_ROOM: usize = 96;

impl Local {
    /// Lines end with CRLF and stand in the order of RFC 8866 5.
    fn text(&self, session: u64, version: u64) -> Vec<u8> {
        let lines = self.keys.len().saturating_add(self.formats.len()).saturating_add(self.slots.len());
        let mut out = Vec::with_capacity(ROOM.saturating_add(lines.saturating_mul(LINE_ROOM)));
        out.extend_from_slice(b"v=0\r\no=- ");
        append_number(&mut out, session);
        out.push(b' ');
        append_number(&mut out, version);
        out.push(b' ');
        self.place(&mut out);
        out.extend_from_slice(b"\r\ns=-\r\nc=");
        self.place(&mut out);
        out.extend_from_slice(b"\r\nt=0 0\r\n");
        if self.ice.is_some() {
            out.extend_from_slice(b"a=ice-lite\r\n");
        }
        for slot in self.slots.iter() {
            match slot {
                Slot::Audio => self.audio(&mut out),
                Slot::Off { kind, protocol, formats } => off(&mut out, kind, protocol, formats),
            }
        }
        out.shrink_to_fit();
        out
    }

    /// Network, family and address, as three kinds of line have them.
    fn place(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.address {
            IpAddr::V4(_) => b"IN IP4 ",
            IpAddr::V6(_) => b"IN IP6 ",
        });
        append_address(out, self.address);
    }

    fn audio(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"m=audio ");
        append_number(out, self.rtp_port.into());
        out.push(b' ');
        out.extend_from_slice(self.profile.name().as_bytes());
        for format in &self.formats {
            out.push(b' ');
            append_number(out, format.payload.into());
        }
        out.extend_from_slice(END);
        self.rtcp(out);
        if let Some(ice) = &self.ice {
            self.ice(ice, out);
        }
        for key in &self.keys {
            self.crypto(key, out);
        }
        for format in &self.formats {
            codec(format, out);
        }
        if let Some(ms) = self.ptime_ms {
            out.extend_from_slice(b"a=ptime:");
            append_number(out, ms.into());
            out.extend_from_slice(END);
        }
        out.extend_from_slice(b"a=");
        out.extend_from_slice(self.direction.name().as_bytes());
        out.extend_from_slice(END);
    }

    fn rtcp(&self, out: &mut Vec<u8>) {
        match self.rtcp {
            RtcpMode::Muxed => out.extend_from_slice(b"a=rtcp-mux\r\n"),
            RtcpMode::Separate => {
                let port = self.rtp_port.saturating_add(1);
                out.extend_from_slice(b"a=rtcp:");
                append_number(out, port.into());
                out.push(b' ');
                self.place(out);
                out.extend_from_slice(END);
            }
        }
    }

    /// RFC 8839 5: name, password and one host candidate for each component (MD-195).
    fn ice(&self, ice: &IceCredentials, out: &mut Vec<u8>) {
        line(out, format_args!("a=ice-ufrag:{}\r\na=ice-pwd:{}", ice.ufrag, ice.password.expose()));
        self.candidate(1, out);
        match self.rtcp {
            RtcpMode::Muxed => {}
            RtcpMode::Separate => self.candidate(2, out),
        }
    }

    fn candidate(&self, component: u16, out: &mut Vec<u8>) {
        // RFC 8445 5.1.2.1 for a host candidate of the only address.
        let priority = (126 << 24) + (65_535 << 8) + (256 - u32::from(component));
        let port = self.rtp_port.saturating_add(component - 1);
        line(out, format_args!("a=candidate:1 {component} UDP {priority} {} {port} typ host", self.address));
    }

    fn crypto(&self, key: &TaggedKey, out: &mut Vec<u8>) {
        out.extend_from_slice(b"a=crypto:");
        append_number(out, key.tag.into());
        out.push(b' ');
        out.extend_from_slice(key.master.suite.name().as_bytes());
        out.extend_from_slice(b" inline:");
        base64::encode(key.master.key_salt.expose(), out);
        match self.lifetime {
            KeyLifetime::Written => out.extend_from_slice(b"|2^31\r\n"),
            KeyLifetime::Omitted => out.extend_from_slice(END),
        }
    }
}

fn codec(format: &Format, out: &mut Vec<u8>) {
    let (payload, codec) = (format.payload, &format.codec);
    out.extend_from_slice(b"a=rtpmap:");
    append_number(out, payload.into());
    out.push(b' ');
    out.extend_from_slice(codec.name.as_bytes());
    out.push(b'/');
    append_number(out, codec.clock.into());
    if codec.channels > 1 {
        out.push(b'/');
        append_number(out, codec.channels.into());
    }
    out.extend_from_slice(END);
    if let Some(fmtp) = &codec.fmtp {
        out.extend_from_slice(b"a=fmtp:");
        append_number(out, payload.into());
        out.push(b' ');
        out.extend_from_slice(fmtp.as_bytes());
        out.extend_from_slice(END);
    }
}

/// A line we do not take, answered in its place with port 0 (RFC 3264 6).
fn off(out: &mut Vec<u8>, kind: &str, protocol: &str, formats: &[String]) {
    append(out, format_args!("m={kind} 0 {protocol}"));
    for format in formats {
        append(out, format_args!(" {format}"));
    }
    out.extend_from_slice(END);
}

/// Appends text and ends the line.
fn line(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    append(out, text);
    out.extend_from_slice(END);
}
