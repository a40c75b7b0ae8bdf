//! How a station speaks, as data: names, header spelling, the shape of its Contact and of its session descriptions.

use std::net::SocketAddr;

use crate::lab::endpoint::random;

/// How header names are spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `CALL-ID`, as Microsoft (MD-71).
    Capitals,
    /// `Call-ID`.
    Usual,
}

/// What is done to the plain session description of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dress {
    Plain,
    /// Foreign codecs, b=CT, label, lifetime of the key, a dummy origin (MD-169, MD-176, MD-177, MD-185).
    Microsoft,
    /// Four keys, GCM first (PF-88).
    Zoom,
}

/// What answers a request inside a dialog that the station does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strange {
    /// 405 (MD-72).
    Refused,
    /// 200.
    Taken,
}

/// What an INVITE or OPTIONS is refused for before any script sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Open,
    /// MD-50, MD-74, MD-75, MD-77, MD-78, MD-167.
    Microsoft,
    /// The same, and MD-195.
    MicrosoftBypass,
}

/// A station's way to write. Templates know `{user}`, `{host}`, `{guid}`, `{hex}`, `{address}`, `{sbc}` (name and
/// port) and `{sbc_address}`.
#[derive(Clone, Debug)]
pub struct Manner {
    pub spelling: Spelling,
    /// `User-Agent` and `Server`.
    pub product: String,
    pub allow: &'static str,
    pub supported: Option<&'static str>,
    /// Its own host in From.
    pub host: String,
    /// What it puts into Via.
    pub address: SocketAddr,
    /// The URI it calls: `sip:{user}@{sbc};user=phone;transport=tls`.
    pub calls: &'static str,
    /// Its From without the tag.
    pub from: &'static str,
    pub contact: &'static str,
    /// `Record-Route` of requests that make a dialog.
    pub record_route: Option<&'static str>,
    /// Further fields of each INVITE that begins a call.
    pub calls_with: &'static [(&'static str, &'static str)],
    pub dress: Dress,
    pub strange: Strange,
    /// A 200 to OPTIONS has no To tag (MD-51).
    pub untagged_options: bool,
    pub gate: Gate,
}

impl Manner {
    /// A template with its places filled.
    #[must_use]
    pub fn fill(&self, template: &str, user: &str, sbc: &str) -> String {
        let mut text = template
            .replace("{user}", user)
            .replace("{host}", &self.host)
            .replace("{address}", &self.address.to_string())
            .replace("{sbc}", sbc);
        while text.contains("{guid}") {
            text = text.replacen("{guid}", &guid(), 1);
        }
        while text.contains("{hex}") {
            text = text.replacen("{hex}", &hex::<16>(), 1);
        }
        text
    }

    /// A field name as this station spells it.
    #[must_use]
    pub fn spell(&self, name: &str) -> String {
        match self.spelling {
            Spelling::Capitals => name.to_ascii_uppercase(),
            Spelling::Usual => name.to_owned(),
        }
    }
}

/// So many random octets in hexadecimal.
#[must_use]
pub fn hex<const N: usize>() -> String {
    random::<N>().iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A random GUID.
#[must_use]
pub fn guid() -> String {
    [hex::<4>(), hex::<2>(), hex::<2>(), hex::<2>(), hex::<6>()].join("-")
}

/// The session description of the lab in the dress of its station.
#[must_use]
pub fn dressed(sdp: &str, dress: Dress) -> String {
    match dress {
        Dress::Plain => sdp.to_owned(),
        Dress::Microsoft => microsoft(sdp),
        Dress::Zoom => zoom(sdp),
    }
}

fn microsoft(sdp: &str) -> String {
    let offer = sdp.contains("m=audio") && sdp.contains(" 0 8 ");
    let mut lines = Vec::new();
    for line in sdp.lines() {
        match line {
            "s=-" => lines.push("s=session".to_owned()),
            "t=0 0" => lines.extend(["b=CT:50000".to_owned(), "t=0 0".to_owned()]),
            line if line.starts_with("o=lab ") => {
                let version = line.split(' ').nth(2).unwrap_or("0");
                lines.push(format!("o=- 184467 {version} IN IP4 127.0.0.1"));
            }
            line if line.starts_with("a=crypto:") => lines.push(format!("{line}|2^31")),
            line if line.starts_with("m=audio ") => {
                let types =
                    if offer { line.replace(" 0 8 ", " 104 9 103 8 0 18 97 ") + " 13 118" } else { line.to_owned() };
                lines.extend([types, "a=label:main-audio".to_owned(), "a=mid:1".to_owned()]);
            }
            line if line.starts_with("a=ptime") => {
                if offer {
                    lines.extend(FOREIGN.map(str::to_owned));
                }
                lines.extend([line.to_owned(), "a=maxptime:200".to_owned()]);
            }
            line => lines.push(line.to_owned()),
        }
    }
    lines.join("\r\n") + "\r\n"
}

/// MD-177, MD-185: what Microsoft offers besides.
const FOREIGN: [&str; 10] = [
    "a=rtpmap:104 SILK/16000",
    "a=fmtp:104 useinbandfec=1; usedtx=0",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:103 SILK/8000",
    "a=rtpmap:18 G729/8000",
    "a=fmtp:18 annexb=no",
    "a=rtpmap:97 RED/8000",
    "a=rtpmap:13 CN/8000",
    "a=rtpmap:118 CN/16000",
    "a=x-ssrc-range:1-1",
];

fn zoom(sdp: &str) -> String {
    let mut lines = Vec::new();
    for line in sdp.lines() {
        match line.strip_prefix("a=crypto:") {
            Some(rest) if sdp.contains(" 0 8 ") => {
                let key = rest.split_once(' ').map_or(rest, |(_, key)| key);
                let random = crate::lab::base64::encode;
                lines.extend([
                    format!("a=crypto:1 AEAD_AES_256_GCM inline:{}", random(&random_key::<44>())),
                    format!("a=crypto:2 AES_256_CM_HMAC_SHA1_80 inline:{}", random(&random_key::<46>())),
                    format!("a=crypto:3 {key}"),
                    format!("a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:{}", random(&random_key::<30>())),
                ]);
            }
            Some(_) | None => lines.push(line.to_owned()),
        }
    }
    lines.join("\r\n") + "\r\n"
}

fn random_key<const N: usize>() -> [u8; N] {
    random::<N>()
}

/// One field of a message that is written.
pub type Line = (&'static str, String);

/// The octets of a message: `Content-Length` is added.
#[must_use]
pub fn written(manner: &Manner, start: &str, lines: &[Line], body: Option<(&str, &str)>) -> Vec<u8> {
    let mut text = format!("{start}\r\n");
    for (name, value) in lines {
        text.push_str(&format!("{}: {value}\r\n", manner.spell(name)));
    }
    let (kind, body) = body.unwrap_or_default();
    if !body.is_empty() {
        text.push_str(&format!("{}: {kind}\r\n", manner.spell("Content-Type")));
    }
    text.push_str(&format!("{}: {}\r\n\r\n{body}", manner.spell("Content-Length"), body.len()));
    text.into_bytes()
}

/// The phrase of a status.
#[must_use]
pub fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        415 => "Unsupported Media Type",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        503 => "Service Unavailable",
        603 => "Decline",
        _ => "Lab",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::sdp::{Crypto, Description};
    use crate::lab::signal::Codec;
    use crate::lab::srtp::{KEY_AND_SALT, MasterKey};

    fn offer() -> String {
        let description = Description {
            rtp: "127.0.1.1:4000".parse().expect("an address"),
            rtcp: "127.0.1.1:4001".parse().expect("an address"),
            crypto: Some(Crypto { tag: 1, key: MasterKey::new([9; KEY_AND_SALT]) }),
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            event_type: Some(101),
            direction: crate::lab::sdp::Direction::SendReceive,
            ice: None,
        };
        description.write(1)
    }

    #[test]
    fn a_dressed_offer_still_says_what_the_lab_can_do() {
        for dress in [Dress::Microsoft, Dress::Zoom] {
            let read = Description::read(dressed(&offer(), dress).as_bytes()).expect("readable");
            assert!(read.codecs.contains(&Codec::Pcma) && read.crypto.is_some() && read.event_type == Some(101));
        }
        assert!(dressed(&offer(), Dress::Microsoft).contains("|2^31\r\n"));
    }

    #[test]
    fn each_place_is_filled_anew() {
        let manner_text = "{guid} {guid}";
        let filled: Vec<String> = {
            let mut text = manner_text.to_owned();
            while text.contains("{guid}") {
                text = text.replacen("{guid}", &guid(), 1);
            }
            text.split(' ').map(str::to_owned).collect()
        };
        assert_ne!(filled.first(), filled.last());
    }
}
