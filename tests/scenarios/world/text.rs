//! Raw SIP of the agents: read by plain text search, written from templates. None of it uses the product's code.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use trunkline::route::media::Security;
use trunkline::route::profile::Behaviour;
use trunkline::route::role::PeerRole;
use trunkline::route::settings::{
    ListenerSettings, NetworkSettings, Reuse, RouteSettings, RoutingSettings, ServerNames, TrunkSettings,
};
use trunkline::route::snapshot::Snapshot;
use trunkline::route::table::Pattern;
use trunkline::route::trunk::{ClientCertificate, TargetSpec};
use trunkline::sip::flow::{LargeRequests, Transport};

use super::Name;

/// One message as text.
#[derive(Clone, Debug)]
pub struct Text(String);

static COUNTER: AtomicU64 = AtomicU64::new(1);

fn unique() -> u64 {
    COUNTER.fetch_add(1, Ordering::Relaxed)
}

impl Text {
    pub fn new(octets: &[u8]) -> Text {
        Text(String::from_utf8_lossy(octets).into_owned())
    }

    pub fn of(text: impl Into<String>) -> Text {
        Text(text.into())
    }

    /// Of the top Via.
    pub fn branch(&self) -> String {
        let via = self.header("Via");
        via.split(";branch=").nth(1).unwrap_or_default().split([';', ',']).next().unwrap_or_default().to_owned()
    }

    pub fn start_line(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    pub fn method(&self) -> &str {
        self.start_line().split(' ').next().unwrap_or_default()
    }

    /// Of a response.
    pub fn status(&self) -> Option<u16> {
        self.start_line().strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// First value of a header, empty without one.
    pub fn header(&self, name: &str) -> String {
        self.headers(name).into_iter().next().unwrap_or_default()
    }

    pub fn headers(&self, name: &str) -> Vec<String> {
        let head = self.0.split("\r\n\r\n").next().unwrap_or_default();
        let is_named = |found: &str| found.eq_ignore_ascii_case(name) || compact(found) == Some(name);
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| is_named(found.trim()))
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    }

    pub fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default()
    }

    pub fn tag(&self, header: &str) -> Option<String> {
        let value = self.header(header);
        value.split(";tag=").nth(1).map(|tag| tag.split(';').next().unwrap_or_default().to_owned())
    }

    /// The URI of the Contact.
    pub fn contact(&self) -> String {
        let value = self.header("Contact");
        value.split(['<', '>']).nth(1).unwrap_or(&value).to_owned()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What tells this message from every other, and not from its own repetition.
    pub fn fingerprint(&self) -> String {
        let branch = self.branch();
        let (line, cseq, rseq) = (self.start_line(), self.header("CSeq"), self.header("RSeq"));
        format!("{line}|{cseq}|{rseq}|{branch}|{:?}|{}", self.tag("To"), self.body().len())
    }

    /// A response to this request, with this agent's tag.
    pub fn respond(&self, status: u16, by: Name, body: &str) -> String {
        let mut out = format!("SIP/2.0 {status} {}\r\n", phrase(status));
        for via in self.headers("Via") {
            out += &format!("Via: {via}\r\n");
        }
        for route in self.headers("Record-Route") {
            out += &format!("Record-Route: {route}\r\n");
        }
        let to = self.header("To");
        let tag = if to.contains(";tag=") {
            String::new()
        } else {
            format!(";tag=t{:?}{}", by, self.header("Call-ID").get(..6).unwrap_or("x"))
        };
        out += &format!(
            "From: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n",
            self.header("From"),
            self.header("Call-ID"),
            self.header("CSeq")
        );
        out += &format!("Contact: <sip:ua@{}>\r\n", address(by));
        finish(out, body)
    }

    /// ACK of the failure `response` to this INVITE.
    pub fn ack_failure(&self, response: &Text) -> Bytes {
        let uri = self.start_line().split(' ').nth(1).unwrap_or_default();
        let number = self.header("CSeq").split(' ').next().unwrap_or_default().to_owned();
        format!(
            "ACK {uri} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n",
            self.header("Via"), self.header("From"), response.header("To"), self.header("Call-ID")
        )
        .into()
    }

    /// CANCEL of this INVITE.
    pub fn cancel(&self) -> String {
        let uri = self.start_line().split(' ').nth(1).unwrap_or_default();
        let number = self.header("CSeq").split(' ').next().unwrap_or_default().to_owned();
        format!(
            "CANCEL {uri} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} CANCEL\r\nContent-Length: 0\r\n\r\n",
            self.header("Via"),
            self.header("From"),
            self.header("To"),
            self.header("Call-ID")
        )
    }
}

/// The whole name of a compact one (RFC 3261 7.3.3).
fn compact(name: &str) -> Option<&'static str> {
    match name {
        "v" => Some("Via"),
        "f" => Some("From"),
        "t" => Some("To"),
        "i" => Some("Call-ID"),
        "m" => Some("Contact"),
        _ => None,
    }
}

/// A dialog as an agent sees it.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub me: Name,
    local: String,
    remote: String,
    call_id: String,
    target: String,
    pub cseq: u32,
}

impl Dialog {
    /// Of the caller: from its INVITE's 2xx (or 18x with a tag).
    pub fn of_caller(me: Name, response: &Text) -> Dialog {
        Dialog {
            me,
            local: response.header("From"),
            remote: response.header("To"),
            call_id: response.header("Call-ID"),
            target: response.contact(),
            cseq: response.header("CSeq").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(1),
        }
    }

    /// Of the called party: from the INVITE and its own answer.
    pub fn of_callee(me: Name, invite: &Text, answer: &str) -> Dialog {
        let answer = Text(answer.to_owned());
        Dialog {
            me,
            local: answer.header("To"),
            remote: invite.header("From"),
            call_id: invite.header("Call-ID"),
            target: invite.contact(),
            cseq: 100,
        }
    }

    pub fn call_id(&self) -> String {
        self.call_id.clone()
    }

    /// Value of Replaces for this dialog, as its other end knows it (RFC 3891 6.1).
    pub fn replaces_value(&self) -> String {
        let tag = |value: &str| value.split(";tag=").nth(1).unwrap_or_default().to_owned();
        format!("{};to-tag={};from-tag={}", self.call_id, tag(&self.remote), tag(&self.local))
    }

    /// The same in the header part of a URI.
    pub fn replaces(&self) -> String {
        let value = self.replaces_value().replace(';', "%3B").replace('=', "%3D").replace('@', "%40");
        format!("Replaces={value}")
    }

    /// ACK of the 2xx to the INVITE with this number, for one that comes after a later request.
    pub fn ack_of(&self, cseq: u32, body: &str) -> String {
        self.write("ACK", cseq, body)
    }

    /// ACK of the 2xx.
    pub fn ack(&self, body: &str) -> String {
        self.write("ACK", self.cseq, body)
    }

    /// Any request; its number is the next.
    pub fn request(&mut self, method: &str, body: &str) -> String {
        self.cseq += 1;
        self.write(method, self.cseq, body)
    }

    /// PRACK of this reliable response to an INVITE.
    pub fn prack(&mut self, response: &Text, body: &str) -> String {
        let rack = format!("RAck: {} {}", response.header("RSeq"), response.header("CSeq"));
        with_header(&self.request("PRACK", body), &rack)
    }

    /// A request with a number of the scenario's choosing.
    pub fn numbered(&self, method: &str, cseq: u32) -> String {
        self.write(method, cseq, "")
    }

    fn write(&self, method: &str, cseq: u32, body: &str) -> String {
        let out = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bK-d{}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:ua@{}>\r\n",
            self.target,
            token(self.me),
            address(self.me),
            unique(),
            self.local,
            self.remote,
            self.call_id,
            address(self.me)
        );
        finish(out, body)
    }
}

/// An INVITE of `from` to `called`, with `body`.
pub fn invite(from: Name, called: &str, body: &str) -> String {
    request(from, "INVITE", &format!("sip:{called}@sbc.example.com"), body)
}

/// A request out of any dialog.
pub fn request(from: Name, method: &str, uri: &str, body: &str) -> String {
    let id = unique();
    let out = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{} {};branch=z9hG4bK-r{id}\r\nMax-Forwards: 70\r\nFrom: \"Ann\" <sip:+493099887766@{}>;tag=f{from:?}{id}\r\nTo: <{uri}>\r\nCall-ID: call-{id}-{from:?}\r\nCSeq: 1 {method}\r\nContact: <sip:ua@{}>\r\n",
        token(from),
        address(from),
        address(from),
        address(from)
    );
    finish(out, body)
}

/// The response sent reliably, with this number.
pub fn reliably(response: &str, rseq: u32) -> String {
    with_header(response, &format!("Require: 100rel\r\nRSeq: {rseq}"))
}

/// The message with one more header line.
pub fn with_header(message: &str, line: &str) -> String {
    message.replacen("Content-Length:", &format!("{line}\r\nContent-Length:"), 1)
}

/// The response with another To tag: of another fork.
pub fn with_tag(response: &str, tag: &str) -> String {
    let lines: Vec<String> = response
        .split("\r\n")
        .map(|line| match line.split_once(";tag=") {
            Some((to, _)) if line.starts_with("To:") => format!("{to};tag={tag}"),
            _ => line.to_owned(),
        })
        .collect();
    lines.join("\r\n")
}

fn finish(mut out: String, body: &str) -> String {
    if !body.is_empty() {
        out += "Content-Type: application/sdp\r\n";
    }
    out += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    out
}

fn token(name: Name) -> &'static str {
    match name {
        Name::Platform => "TLS",
        Name::CarrierA | Name::CarrierB | Name::Stranger => "UDP",
    }
}

fn address(name: Name) -> &'static str {
    match name {
        Name::Platform => "192.0.2.50:5061",
        Name::CarrierA => "198.51.100.7:5060",
        Name::CarrierB => "198.51.100.8:5060",
        Name::Stranger => "198.51.100.99:5060",
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        486 => "Busy Here",
        487 => "Request Terminated",
        _ => "Whatever",
    }
}

/// The description of an agent: SAVP with a key for the platform, AVP for carriers.
pub fn sdp(by: Name, direction: &str) -> String {
    sdp_with(by, direction, "0 8 101", 1)
}

/// The same with other payload types or another version.
pub fn sdp_with(by: Name, direction: &str, formats: &str, version: u32) -> String {
    let host = address(by).split(':').next().unwrap_or_default();
    let (profile, crypto) = match by {
        Name::Platform => {
            ("RTP/SAVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP|2^31\r\n")
        }
        Name::CarrierA | Name::CarrierB | Name::Stranger => ("RTP/AVP", ""),
    };
    format!(
        "v=0\r\no=- 1 {version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 {profile} {formats}\r\n{crypto}a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na={direction}\r\n"
    )
}

/// The configuration of all scenarios: a platform (TLS, SRTP), two carriers (UDP, RTP), one route each way.
pub fn snapshot() -> Snapshot {
    Snapshot::compile(&settings()).expect("the scenarios' configuration compiles")
}

/// The same as settings, for a scenario that changes something.
pub fn settings() -> RoutingSettings {
    RoutingSettings {
        node_name: "sbc1".into(),
        networks: vec![network("carrier"), network("public")],
        listeners: vec![
            listener("carrier", "carrier", Transport::Udp, 5060),
            listener("platform", "public", Transport::Tls, 5061),
        ],
        trunks: vec![
            trunk("carrier-a", "carrier", "198.51.100.7", 5060),
            trunk("carrier-b", "carrier", "198.51.100.8", 5060),
            trunk("platform", "platform", "192.0.2.50", 5061),
        ],
        groups: Vec::new(),
        routes: vec![
            route("platform", Some("+49309"), &["carrier-a", "carrier-b"]),
            route("platform", Some("+4930"), &["carrier-a"]),
            route("carrier-a", None, &["platform"]),
            route("carrier-b", None, &["platform"]),
        ],
        emergency: Default::default(),
        fraud: Default::default(),
        custom_header: None,
        codes: Default::default(),
        limits: Default::default(),
        cross_check: false,
        unknown_sources: Default::default(),
    }
}

fn network(name: &str) -> NetworkSettings {
    let ranges = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"];
    NetworkSettings {
        name: name.into(),
        bind: "203.0.113.1".parse().expect("an address"),
        advertise: "203.0.113.1".parse().expect("an address"),
        rtp_ports: (10_000, 19_998),
        allow_media: ranges.iter().map(|range| range.parse().expect("a range")).collect(),
    }
}

fn listener(name: &str, network: &str, transport: Transport, port: u16) -> ListenerSettings {
    ListenerSettings {
        name: name.into(),
        network: network.into(),
        transport,
        port,
        certificates: if transport == Transport::Tls { vec!["main".into()] } else { Vec::new() },
        client_certificate: ClientCertificate::Request,
    }
}

fn trunk(name: &str, listener: &str, host: &str, port: u16) -> TrunkSettings {
    let tls = listener == "platform";
    let role = if tls { PeerRole::Platform } else { PeerRole::Carrier };
    let mut behaviour = Behaviour { role, ..Behaviour::default() };
    behaviour.media.security = if tls { Security::Srtp } else { Security::Rtp };
    TrunkSettings {
        name: name.into(),
        profile: if tls { "generic-tls" } else { "carrier-ip" }.into(),
        listener: listener.into(),
        fqdn: tls.then(|| "sbc.example.com".into()),
        base_domain: None,
        server_names: ServerNames::Ignored,
        certificate: None,
        trust: tls.then(|| "default".into()),
        targets: vec![TargetSpec {
            host: host.into(),
            address: host.parse().ok(),
            port: Some(port),
            discovery: Default::default(),
            priority: 0,
            weight: 1,
        }],
        sources: None,
        contacts: Vec::new(),
        peer_names: Vec::new(),
        peer_shows: Default::default(),
        contact_host: Default::default(),
        request_uri_host: None,
        request_uri_port: None,
        behaviour,
        max_calls: None,
        reuse: Reuse::Unsaid,
        large_requests: LargeRequests::Udp,
        keep_alive: Default::default(),
        max_calls_per_s: None,
        auth: None,
        registration: None,
    }
}

/// A route of the scenarios' configuration.
pub fn route(from: &str, called: Option<&str>, to: &[&str]) -> RouteSettings {
    RouteSettings {
        from: from.into(),
        called: called.map(|prefix| Pattern::Prefix(prefix.into())),
        to: to.iter().map(|name| (*name).to_owned()).collect(),
        ..RouteSettings::default()
    }
}
