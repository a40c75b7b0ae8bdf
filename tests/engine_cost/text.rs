//! The configuration of the bench, and the SIP of its two parties: plain text, none of the product's code.

use std::net::IpAddr;

/// Where the parties live. Loopback addresses of this process alone, so that no port is ever taken.
pub const PORT: u16 = 15_060;

/// `place`: a different one for each party.
pub fn address(place: u8) -> IpAddr {
    let pid = std::process::id();
    IpAddr::from([127, place, (pid >> 8) as u8, (pid & 0xff) as u8])
}

/// One UDP and one TCP listener, and on each a peer that may ask and call.
pub fn configuration() -> String {
    let (own, caller, callee) = (address(70), address(71), address(72));
    let trunk = |name: &str, listener: &str, peer: IpAddr| {
        format!(
            "[trunks.{name}]\nprofile = \"carrier-ip\"\nlistener = \"{listener}\"\ntargets = [\"{peer}:{PORT}\"]\n\
             sources = [\"{peer}/32\"]\noptions = {{ interval_s = 0 }}\n"
        )
    };
    format!(
        "[node]\nname = \"bench\"\nstate_dir = \"state\"\ndrain_s = 0\n\
         [networks.loop]\nbind = \"{own}\"\nadvertise = \"{own}\"\nrtp_ports = \"36000-36999\"\n\
         allow_media = [\"127.0.0.0/8\"]\n\
         [listeners.udp]\nnetwork = \"loop\"\ntransport = \"udp\"\nport = {PORT}\n\
         [listeners.tcp]\nnetwork = \"loop\"\ntransport = \"tcp\"\nport = {PORT}\n\
         {}{}{}[[routes]]\nfrom = \"caller\"\nto = [\"callee\"]\n[[routes]]\nfrom = \"stream\"\nto = [\"callee\"]\n\
         [limits]\nmax_transactions = 1000000\n",
        trunk("caller", "udp", caller),
        trunk("callee", "udp", callee),
        trunk("stream", "tcp", caller),
    )
}

/// OPTIONS with [`DIGITS`] in its branch and its Call-ID, to be replaced by a number of the same length.
pub fn options(transport: &str, from: IpAddr, to: IpAddr) -> Vec<u8> {
    format!(
        "OPTIONS sip:{to}:{PORT} SIP/2.0\r\nVia: SIP/2.0/{transport} {from}:{PORT};rport;branch=z9hG4bK{DIGITS}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:probe@{from}>;tag=1928301774\r\nTo: <sip:{to}:{PORT}>\r\n\
         Call-ID: {DIGITS}@{from}\r\nCSeq: 1 OPTIONS\r\nContact: <sip:probe@{from}:{PORT}>\r\nAccept: application/sdp\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// Stands for a number in a template.
pub const DIGITS: &str = "0000000000000000";

/// The caller's INVITE of call `serial`.
pub fn invite(serial: usize) -> String {
    let (from, to) = (address(71), address(70));
    let body = sdp(from);
    format!(
        "INVITE sip:+493012345678@{to}:{PORT} SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: \"Ann\" <sip:+4989123@{from}>;tag=f{serial}\r\n\
         To: <sip:+493012345678@{to}>\r\nCall-ID: call-{serial}@{from}\r\nCSeq: 1 INVITE\r\nContact: <sip:ann@{from}:{PORT}>\r\n\
         Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\nSupported: timer\r\nUser-Agent: bench\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        via(serial, "i"),
        body.len()
    )
}

/// A request of the caller in its dialog, by the 200 it got.
pub fn in_dialog(serial: usize, method: &str, cseq: u32, accepted: &str) -> String {
    let contact = header(accepted, "Contact").split(['<', '>']).nth(1).unwrap_or_default().to_owned();
    format!(
        "{method} {contact} SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Content-Length: 0\r\n\r\n",
        via(serial, method),
        header(accepted, "From"),
        header(accepted, "To"),
        header(accepted, "Call-ID")
    )
}

fn via(serial: usize, what: &str) -> String {
    format!("Via: SIP/2.0/UDP {}:{PORT};rport;branch=z9hG4bK{what}{serial}\r\n", address(71))
}

/// The same message over TCP.
pub fn over_tcp(message: &str) -> String {
    message.replacen("SIP/2.0/UDP", "SIP/2.0/TCP", 1)
}

/// The caller's CANCEL of its INVITE.
pub fn cancel(serial: usize) -> String {
    let invite = invite(serial);
    let (head, _) = invite.split_once("Contact: ").unwrap_or_default();
    format!("{}Content-Length: 0\r\n\r\n", head.replacen("INVITE", "CANCEL", 1).replace("1 INVITE", "1 CANCEL"))
}

/// The caller's ACK of a refusal of its INVITE.
pub fn failure_ack(serial: usize, refusal: &str) -> String {
    format!(
        "ACK sip:{}:{PORT} SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 ACK\r\n\
         Content-Length: 0\r\n\r\n",
        address(70),
        via(serial, "i"),
        header(refusal, "From"),
        header(refusal, "To"),
        header(refusal, "Call-ID")
    )
}

/// The callee's BYE in the dialog that `invite` and its own answer to it have made.
pub fn callee_bye(serial: usize, invite: &str) -> String {
    let contact = header(invite, "Contact").split(['<', '>']).nth(1).unwrap_or_default().to_owned();
    format!(
        "BYE {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {}:{PORT};rport;branch=z9hG4bKc{serial}\r\nMax-Forwards: 70\r\n\
         From: {};tag=callee\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n",
        address(72),
        header(invite, "To"),
        header(invite, "From"),
        header(invite, "Call-ID")
    )
}

/// The callee's answer to a request it got.
pub fn answer(request: &str, status: &str, body: &str) -> String {
    let to = header(request, "To");
    let tag = if to.contains(";tag=") { "" } else { ";tag=callee" };
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:bob@{}:{PORT}>\r\n{content}Content-Length: {}\r\n\r\n{body}",
        header(request, "Via"),
        header(request, "From"),
        header(request, "Call-ID"),
        header(request, "CSeq"),
        address(72),
        body.len()
    )
}

/// A party's description.
pub fn sdp(host: IpAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
    )
}

/// Value of the first header field of that name; empty when there is none.
pub fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let found = message.lines().filter_map(|line| line.split_once(": ")).find(|(known, _)| *known == name);
    found.map(|(_, value)| value).unwrap_or_default()
}
