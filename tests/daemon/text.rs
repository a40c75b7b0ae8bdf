//! SIP as text: written from templates, read by searching. None of it is the product's code.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message(pub String);

impl Message {
    pub fn start_line(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    /// Values of a header in their order.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap_or_default();
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The first value; empty without one.
    pub fn header(&self, name: &str) -> &str {
        self.headers(name).first().copied().unwrap_or_default()
    }

    pub fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default()
    }

    fn contact(&self) -> &str {
        self.header("Contact").split(['<', '>']).nth(1).unwrap_or_default()
    }

    /// Where the description wants its media.
    pub fn media(&self) -> SocketAddr {
        let line = |start: &str| self.body().lines().find_map(|line| line.strip_prefix(start).map(str::to_owned));
        let host = line("c=IN IP4 ").unwrap();
        let port = line("m=audio ").unwrap();
        format!("{host}:{}", port.split(' ').next().unwrap()).parse().unwrap()
    }

    /// The answer of the far end at `own`.
    pub fn respond(&self, status: &str, own: SocketAddr, body: &str) -> String {
        let vias: String = self.headers("Via").iter().map(|via| format!("Via: {via}\r\n")).collect();
        let to = self.header("To");
        let tag = if to.contains(";tag=") || status.starts_with("100") { "" } else { ";tag=callee" };
        let head = format!(
            "SIP/2.0 {status}\r\n{vias}From: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:bob@{own}>\r\n",
            self.header("From"),
            self.header("Call-ID"),
            self.header("CSeq"),
        );
        finish(head, body)
    }
}

fn finish(mut head: String, body: &str) -> String {
    if !body.is_empty() {
        head += "Content-Type: application/sdp\r\n";
    }
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A request out of any dialog.
pub fn request(method: &str, transport: &str, own: SocketAddr, daemon: SocketAddr, body: &str) -> String {
    let serial = unique();
    let head = format!(
        "{method} sip:+493012345678@{daemon} SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: <sip:+49891234567@{own}>;tag=f{serial}\r\n\
         To: <sip:+493012345678@{daemon}>\r\nCall-ID: {serial}@{own}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:ann@{own};transport={}>\r\n",
        via(transport, own),
        transport.to_ascii_lowercase(),
    );
    finish(head, body)
}

fn via(transport: &str, own: SocketAddr) -> String {
    format!("Via: SIP/2.0/{transport} {own};rport;branch=z9hG4bKt{}\r\n", unique())
}

/// One end of a dialog.
pub struct Dialog {
    transport: &'static str,
    own: SocketAddr,
    local: String,
    remote: String,
    pub call_id: String,
    target: String,
    cseq: u32,
}

impl Dialog {
    /// Of the caller, by the 2xx it got.
    pub fn of_caller(transport: &'static str, own: SocketAddr, accepted: &Message) -> Dialog {
        Dialog {
            transport,
            own,
            local: accepted.header("From").to_owned(),
            remote: accepted.header("To").to_owned(),
            call_id: accepted.header("Call-ID").to_owned(),
            target: accepted.contact().to_owned(),
            cseq: 1,
        }
    }

    /// Of the callee, by the INVITE it answered.
    pub fn of_callee(transport: &'static str, own: SocketAddr, invite: &Message) -> Dialog {
        Dialog {
            transport,
            own,
            local: format!("{};tag=callee", invite.header("To")),
            remote: invite.header("From").to_owned(),
            call_id: invite.header("Call-ID").to_owned(),
            target: invite.contact().to_owned(),
            cseq: 1,
        }
    }

    pub fn ack(&self) -> String {
        self.write("ACK", self.cseq, "")
    }

    /// A request with the next number.
    pub fn request(&mut self, method: &str) -> String {
        self.request_with(method, "")
    }

    /// The same with a session description.
    pub fn request_with(&mut self, method: &str, body: &str) -> String {
        self.cseq += 1;
        self.write(method, self.cseq, body)
    }

    fn write(&self, method: &str, cseq: u32, body: &str) -> String {
        let head = format!(
            "{method} {} SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:x@{}>\r\n",
            self.target,
            via(self.transport, self.own),
            self.local,
            self.remote,
            self.call_id,
            self.own,
        );
        finish(head, body)
    }
}

/// Plain RTP at `media`.
pub fn sdp(media: SocketAddr) -> String {
    let host = media.ip();
    format!(
        "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n",
        media.port()
    )
}
