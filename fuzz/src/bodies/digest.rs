//! Challenges and credentials as a peer may write them. Nothing but the right password is granted, and no foreign realm
//! is answered.

use std::sync::Arc;

use bytes::Bytes;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::{Instant, Secret};
use trunkline::sip::auth::{Credentials, Demand, DigestClient, DigestServer, Freshness, Verdict};
use trunkline::sip::frame::datagram;
use trunkline::sip::{Method, Name, SipMessage};

use super::source;

const REALM: &str = "carrier.example";
const HERE: &[u8] = b"here";

pub fn run(octets: &[u8]) {
    challenged(octets, 401, "WWW-Authenticate");
    challenged(octets, 407, "Proxy-Authenticate");
    answered(octets);
}

fn credentials() -> Credentials {
    Credentials::new("trunk-a".into(), REALM.into(), Secret::new(b"s3cret".to_vec()))
}

fn read(start: &str, name: &str, value: &[u8]) -> Option<SipMessage> {
    let head = format!(
        "{start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\n\
         CSeq: 1 INVITE\r\n{name}: "
    );
    let octets = [head.as_bytes(), value, b"\r\nContent-Length: 0\r\n\r\n"].concat();
    datagram(&Bytes::from(octets), source()).and_then(Result::ok)
}

/// A peer challenges us.
fn challenged(value: &[u8], status: u16, name: &str) {
    let Some(SipMessage::Response(response)) = read(&format!("SIP/2.0 {status} X"), name, value) else { return };
    let mut client = DigestClient::new(Arc::new(credentials()));
    let taken = client.challenged(&response);
    let fields = client.authorize(&Method::Invite, b"sip:c@d", &mut SeededEntropy::new(1));
    assert_eq!(fields.len(), usize::from(taken.is_ok()), "answered when it was taken: {taken:?}");
    for (name, value) in fields {
        assert!(!value.iter().any(u8::is_ascii_control), "no line ends in {value:?}");
        assert!(!value.windows(6).any(|window| window == b"s3cret"), "the password itself is never written");
        let realm = b"realm=\"carrier.example\"";
        assert!(value.windows(realm.len()).any(|window| window == realm));
        let line = read("INVITE sip:c@d SIP/2.0", name.as_str(), &value);
        assert!(matches!(line, Some(SipMessage::Request(_))), "what we write we read");
    }
    // The same challenge again means that we were not believed.
    assert!(taken.is_err() || client.challenged(&response).is_err());
}

/// A peer answers ours.
fn answered(value: &[u8]) {
    let mut entropy = SeededEntropy::new(5);
    let mut server = DigestServer::new(&mut entropy);
    let now = Instant::from_nanos(7_000_000_000);
    let ours = server.challenge(now, &credentials(), Demand::Sha256OrMd5, Freshness::First, HERE, &mut entropy);
    assert!(ours.iter().all(|value| !value.iter().any(u8::is_ascii_control)));
    let Some(SipMessage::Request(request)) = read("INVITE sip:c@d SIP/2.0", Name::Authorization.as_str(), value) else {
        return;
    };
    let verdict = server.verify(now, &request, &credentials(), Demand::Sha256OrMd5, HERE);
    assert_ne!(verdict, Verdict::Granted, "nobody guesses a nonce of ours");
}
