//! Session descriptions of the lab as raw text: what one audio stream needs (RFC 8866, RFC 4568, RFC 3264) and no more.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::base64;
use super::ice::Ice;
use super::signal::Codec;
use super::srtp::{MasterKey, Suite};

/// Who may send, as the writer of the description sees it (RFC 3264 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    SendReceive,
    SendOnly,
    ReceiveOnly,
    Inactive,
}

impl Direction {
    const ALL: [Direction; 4] =
        [Direction::SendReceive, Direction::SendOnly, Direction::ReceiveOnly, Direction::Inactive];

    const fn token(self) -> &'static str {
        match self {
            Direction::SendReceive => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::ReceiveOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// What answers this offer when nothing else is wished (RFC 3264 6.1).
    #[must_use]
    pub const fn answered(self) -> Direction {
        match self {
            Direction::SendReceive => Direction::SendReceive,
            Direction::SendOnly => Direction::ReceiveOnly,
            Direction::ReceiveOnly => Direction::SendOnly,
            Direction::Inactive => Direction::Inactive,
        }
    }

    /// True when the writer of the description sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::SendOnly)
    }

    /// True when the writer of the description receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::ReceiveOnly)
    }
}

/// One `a=crypto` line with a suite of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crypto {
    pub tag: u32,
    pub key: MasterKey,
}

/// One audio stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub rtp: SocketAddr,
    pub rtcp: SocketAddr,
    /// `None`: RTP/AVP; `Some`: RTP/SAVP with this key.
    pub crypto: Option<Crypto>,
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// The payload type of telephone events.
    pub event_type: Option<u8>,
    pub direction: Direction,
    /// With media bypass.
    pub ice: Option<Ice>,
}

impl Description {
    /// The description as text; `version` counts what this side has written before.
    #[must_use]
    pub fn write(&self, version: u32) -> String {
        let address = self.rtp.ip();
        let family = if address.is_ipv4() { "IP4" } else { "IP6" };
        let types: Vec<String> = self
            .codecs
            .iter()
            .map(|codec| codec.payload_type())
            .chain(self.event_type)
            .map(|t| t.to_string())
            .collect();
        let profile = if self.crypto.is_some() { "RTP/SAVP" } else { "RTP/AVP" };
        let mut lines = vec![
            "v=0".to_owned(),
            format!("o=lab 4711 {version} IN {family} {address}"),
            "s=-".to_owned(),
            format!("c=IN {family} {address}"),
            "t=0 0".to_owned(),
            format!("m=audio {} {profile} {}", self.rtp.port(), types.join(" ")),
            format!("a=rtcp:{}", self.rtcp.port()),
        ];
        lines
            .extend(self.codecs.iter().map(|codec| format!("a=rtpmap:{} {}/8000", codec.payload_type(), codec.name())));
        if let Some(event) = self.event_type {
            lines.push(format!("a=rtpmap:{event} telephone-event/8000"));
            lines.push(format!("a=fmtp:{event} 0-16"));
        }
        if let Some(crypto) = &self.crypto {
            let (suite, key) = (crypto.key.suite().name(), base64::encode(crypto.key.octets()));
            lines.push(format!("a=crypto:{} {suite} inline:{key}", crypto.tag));
        }
        lines.extend(self.ice.iter().flat_map(Ice::write));
        lines.push("a=ptime:20".to_owned());
        lines.push(format!("a={}", self.direction.token()));
        lines.join("\r\n") + "\r\n"
    }

    /// Reads the first audio stream.
    ///
    /// # Errors
    /// What is missing, or a profile without the keys it demands.
    pub fn read(text: &[u8]) -> Result<Description, String> {
        let text = std::str::from_utf8(text).map_err(|_| "SDP is not UTF-8")?;
        let lines: Vec<&str> = text.lines().collect();
        let media_at = lines.iter().position(|line| line.starts_with("m=audio ")).ok_or("no m=audio line")?;
        let (session, media) = lines.split_at(media_at);
        let media: Vec<&str> = media
            .iter()
            .take(1)
            .chain(media.iter().skip(1).take_while(|line| !line.starts_with("m=")))
            .copied()
            .collect();
        let line = MediaLine::read(media.first().copied().unwrap_or_default())?;
        let address = connection(&media).or_else(|| connection(session)).ok_or("no readable c= line")?;
        let keys: Vec<Crypto> =
            media.iter().filter_map(|line| line.strip_prefix("a=crypto:")).filter_map(read_crypto).collect();
        // Of several the one that the lab speaks by itself.
        let own = keys.iter().find(|crypto| crypto.key.suite() == Suite::Counter80);
        let crypto = own.or(keys.first()).copied();
        if line.secured != crypto.is_some() {
            return Err(if line.secured { "RTP/SAVP without a usable key" } else { "keys on RTP/AVP" }.to_owned());
        }
        let ice = Ice::read(&lines);
        let rtcp = media.iter().find_map(|line| line.strip_prefix("a=rtcp:")?.split(' ').next()?.parse().ok());
        // RFC 5761: both on one port, which is all that is used of it here.
        let rtcp = rtcp.or_else(|| ice.as_ref().filter(|ice| ice.multiplexed).map(|_| line.port));
        Ok(Description {
            rtp: SocketAddr::new(address, line.port),
            rtcp: SocketAddr::new(address, rtcp.unwrap_or(line.port.saturating_add(1))),
            crypto,
            codecs: line.types.iter().filter_map(|number| Codec::of_payload_type(*number)).collect(),
            event_type: media.iter().find_map(|line| event_type(line)).filter(|event| line.types.contains(event)),
            direction: direction(&media).or_else(|| direction(session)).unwrap_or_default(),
            ice,
        })
    }
}

struct MediaLine {
    port: u16,
    secured: bool,
    types: Vec<u8>,
}

impl MediaLine {
    fn read(line: &str) -> Result<MediaLine, String> {
        let mut words = line.split_whitespace().skip(1);
        let port = words.next().and_then(|port| port.parse().ok()).filter(|port| *port != 0);
        let secured = match words.next() {
            Some("RTP/AVP") => false,
            Some("RTP/SAVP") => true,
            other => return Err(format!("profile {} is not the lab's", other.unwrap_or("(none)"))),
        };
        let port = port.ok_or_else(|| format!("stream refused or port unreadable: {line}"))?;
        Ok(MediaLine { port, secured, types: words.filter_map(|number| number.parse().ok()).collect() })
    }
}

fn connection(lines: &[&str]) -> Option<IpAddr> {
    lines
        .iter()
        .find_map(|line| line.strip_prefix("c=IN IP4 ").or_else(|| line.strip_prefix("c=IN IP6 "))?.trim().parse().ok())
}

fn direction(lines: &[&str]) -> Option<Direction> {
    let of_line = |line: &&str| {
        let token = line.strip_prefix("a=")?.trim_end();
        Direction::ALL.into_iter().find(|direction| direction.token() == token)
    };
    lines.iter().find_map(of_line)
}

fn event_type(line: &str) -> Option<u8> {
    let (number, encoding) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
    encoding.to_ascii_lowercase().starts_with("telephone-event/8000").then(|| u8::from_str(number).ok())?
}

/// `1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^31|1:4`; lifetime is allowed, an MKI is not (webrtc-srtp has none).
fn read_crypto(value: &str) -> Option<Crypto> {
    let mut words = value.split_whitespace();
    let tag = words.next()?.parse().ok()?;
    let name = words.next()?;
    let suite = Suite::ALL.into_iter().find(|suite| suite.name() == name)?;
    let mut parts = words.next()?.strip_prefix("inline:")?.split('|');
    let key = MasterKey::read(suite, &base64::decode(parts.next()?)?)?;
    parts.all(|part| !part.contains(':')).then_some(Crypto { tag, key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::srtp::KEY_AND_SALT;

    fn description() -> Description {
        Description {
            rtp: "127.0.1.1:4000".parse().expect("an address"),
            rtcp: "127.0.1.1:4001".parse().expect("an address"),
            crypto: Some(Crypto { tag: 2, key: MasterKey::new([9; KEY_AND_SALT]) }),
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            event_type: Some(96),
            direction: Direction::SendOnly,
            ice: None,
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        assert_eq!(Description::read(description().write(3).as_bytes()), Ok(description()));
    }

    #[test]
    fn a_key_with_lifetime_is_read() {
        let text = description().write(1).replace("\r\na=ptime", "|2^31\r\na=ptime");
        assert_eq!(Description::read(text.as_bytes()), Ok(description()));
    }

    #[test]
    fn savp_without_key_is_refused() {
        let text = description().write(1).replace("a=crypto", "a=other");
        assert!(Description::read(text.as_bytes()).expect_err("no key").contains("SAVP"));
    }

    #[test]
    fn rtcp_is_one_port_above_when_nothing_else_is_said() {
        let text = description().write(1).replace("a=rtcp:", "a=other:");
        assert_eq!(Description::read(text.as_bytes()).expect("readable").rtcp.port(), 4001);
    }
}
