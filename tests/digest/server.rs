//! Our own challenges, answered by our own client (RFC 7616 3.3, S-A2 to S-A5).

use std::sync::Arc;
use std::time::Duration;

use trunkline::base::entropy::SeededEntropy;
use trunkline::base::limits::{AUTH_NONCE_LIFE, AUTH_NONCES};
use trunkline::base::{Instant, Secret};
use trunkline::sip::auth::{Algorithm, Credentials, Demand, DigestClient, DigestServer, Freshness, Question, Verdict};
use trunkline::sip::{Method, Name, Request};

use crate::{credentials, invite, param, response};

const URI: &str = "sip:+4930@sbc.example.net";
const HERE: &[u8] = b"198.51.100.7:5060";

struct Both {
    server: DigestServer,
    entropy: SeededEntropy,
    now: Instant,
    demand: Demand,
}

impl Both {
    fn new() -> Both {
        let mut entropy = SeededEntropy::new(5);
        let server = DigestServer::new(&mut entropy);
        Both { server, entropy, now: Instant::from_nanos(7_000_000_000), demand: Demand::Sha256OrMd5 }
    }

    fn challenge(&mut self) -> Vec<Vec<u8>> {
        self.server.challenge(self.now, &credentials(), self.demand, Freshness::First, HERE, &mut self.entropy)
    }

    /// A client that has been challenged.
    fn client(&mut self, credentials: Credentials) -> DigestClient {
        let values = self.challenge();
        let lines: String =
            values.iter().map(|value| format!("WWW-Authenticate: {}\r\n", String::from_utf8_lossy(value))).collect();
        let mut client = DigestClient::new(Arc::new(credentials));
        client.challenged(&response(401, &lines)).expect("our own challenge is answerable");
        client
    }

    fn request(&mut self, client: &mut DigestClient, uri: &str) -> Request {
        let fields = client.authorize(&Method::Invite, uri.as_bytes(), &mut self.entropy);
        let line =
            |(name, value): &(Name, Vec<u8>)| format!("{}: {}\r\n", name.as_str(), String::from_utf8_lossy(value));
        invite(URI, &fields.iter().map(line).collect::<String>())
    }

    fn verify(&mut self, request: &Request) -> Verdict {
        self.server.verify(self.now, request, &credentials(), self.demand, HERE)
    }
}

fn other(user: &str, password: &str) -> Credentials {
    Credentials::new(user.into(), "carrier.example".into(), Secret::new(password.as_bytes().to_vec()))
}

#[test]
fn the_right_answer_is_granted() {
    let mut both = Both::new();
    let mut client = both.client(credentials());
    let request = both.request(&mut client, URI);
    assert_eq!(both.verify(&request), Verdict::Granted);
}

#[test]
fn a_request_without_credentials_or_with_those_of_another_realm_has_none() {
    let mut both = Both::new();
    assert_eq!(both.verify(&invite(URI, "")), Verdict::Missing);
    let foreign =
        "Authorization: Digest username=\"trunk-a\", realm=\"other\", nonce=\"n\", uri=\"sip:x\", response=\"r\"\r\n";
    assert_eq!(both.verify(&invite(URI, foreign)), Verdict::Missing);
    assert_eq!(both.verify(&invite(URI, "Authorization: Basic abc\r\n")), Verdict::Missing);
}

#[test]
fn a_wrong_user_password_or_request_is_wrong() {
    let mut both = Both::new();
    for credentials in [other("trunk-a", "guess"), other("trunk-b", "s3cret")] {
        let mut client = both.client(credentials);
        let request = both.request(&mut client, URI);
        assert_eq!(both.verify(&request), Verdict::Wrong);
    }
    let mut client = both.client(credentials());
    let request = both.request(&mut client, "sip:+900@sbc.example.net");
    assert_eq!(both.verify(&request), Verdict::Wrong, "signed for another number");
}

#[test]
fn a_replayed_answer_is_stale() {
    let mut both = Both::new();
    let mut client = both.client(credentials());
    let request = both.request(&mut client, URI);
    assert_eq!(both.verify(&request), Verdict::Granted);
    assert_eq!(both.verify(&request), Verdict::Stale);
}

/// RFC 7616 3.3: whoever had the right password is told so, and asks nobody for it again.
#[test]
fn a_challenge_after_a_stale_nonce_says_that_it_was_stale() {
    let mut both = Both::new();
    for (freshness, is_said) in [(Freshness::First, false), (Freshness::Stale, true)] {
        let values = both.server.challenge(both.now, &credentials(), both.demand, freshness, HERE, &mut both.entropy);
        let said = |value: &Vec<u8>| String::from_utf8_lossy(value).contains("stale=true");
        assert!(values.iter().all(|value| said(value) == is_said), "{freshness:?}");
    }
}

/// We offer `auth` alone: an answer that claims to cover the body is not one to our challenge, nor one without protection.
#[test]
fn an_answer_of_a_quality_that_was_not_offered_is_wrong() {
    let mut both = Both::new();
    let mut client = both.client(credentials());
    let request = both.request(&mut client, URI);
    let answer = request.message.header(Name::Authorization).expect("it answers").into_owned();
    let nonce = param(&answer, "nonce").expect("a nonce");
    let answer = String::from_utf8(answer).expect("text");
    let whole = invite(URI, &format!("Authorization: {}\r\n", answer.replace("qop=auth", "qop=auth-int")));
    assert_eq!(both.verify(&whole), Verdict::Wrong);
    // The sum without a count, as RFC 2069 made it, under a quality that we never offered.
    let question = Question {
        algorithm: Algorithm::Md5,
        nonce: nonce.as_bytes(),
        method: &Method::Invite,
        uri: URI.as_bytes(),
        counted: None,
    };
    let sum = String::from_utf8(credentials().response(&question)).expect("hexadecimal");
    let legacy = format!(
        "Authorization: Digest username=\"{}\", realm=\"{}\", nonce=\"{nonce}\", uri=\"{URI}\", response=\"{sum}\", \
         algorithm=MD5, qop=auth-int, nc=00000001, cnonce=\"x\"\r\n",
        credentials().user(),
        credentials().realm(),
    );
    assert_eq!(both.verify(&invite(URI, &legacy)), Verdict::Wrong);
}

#[test]
fn counts_may_overtake_each_other_and_are_taken_once() {
    let mut both = Both::new();
    let mut client = both.client(credentials());
    let requests: Vec<Request> = (0..70).map(|_| both.request(&mut client, URI)).collect();
    for at in [3, 1, 2, 0, 5] {
        assert_eq!(both.verify(&requests[at]), Verdict::Granted, "{at}");
    }
    for at in [0, 1, 2, 3, 5] {
        assert_eq!(both.verify(&requests[at]), Verdict::Stale, "{at}");
    }
    assert_eq!(both.verify(&requests[69]), Verdict::Granted);
    assert_eq!(both.verify(&requests[4]), Verdict::Stale, "too far below the highest to know");
    assert_eq!(both.verify(&requests[6]), Verdict::Granted);
}

#[test]
fn a_nonce_expires() {
    let mut both = Both::new();
    let mut client = both.client(credentials());
    both.now = both.now + AUTH_NONCE_LIFE;
    let request = both.request(&mut client, URI);
    assert_eq!(both.verify(&request), Verdict::Granted);
    both.now = both.now + Duration::from_nanos(1);
    let request = both.request(&mut client, URI);
    assert_eq!(both.verify(&request), Verdict::Stale);
}

#[test]
fn a_nonce_of_another_flow_or_of_our_own_making_is_stale() {
    let mut both = Both::new();
    let mut client = both.client(credentials());
    let request = both.request(&mut client, URI);
    let elsewhere = both.server.verify(both.now, &request, &credentials(), both.demand, b"192.0.2.1:5060");
    assert_eq!(elsewhere, Verdict::Stale);
    let mut forger = DigestClient::new(Arc::new(credentials()));
    let forged =
        format!("WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"{}\", qop=\"auth\"\r\n", "0".repeat(64));
    forger.challenged(&response(401, &forged)).expect("answerable");
    let request = both.request(&mut forger, URI);
    assert_eq!(both.verify(&request), Verdict::Stale);
}

#[test]
fn md5_is_taken_only_by_switch() {
    let mut both = Both::new();
    assert_eq!(both.challenge().len(), 2);
    let challenge = both.challenge();
    let nonce = param(&challenge[1], "nonce").expect("a nonce");
    let line = format!(
        "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"\r\n"
    );
    let mut client = DigestClient::new(Arc::new(credentials()));
    client.challenged(&response(401, &line)).expect("answerable");
    let request = both.request(&mut client, URI);
    both.demand = Demand::Sha256;
    assert_eq!(both.challenge().len(), 1);
    assert_eq!(both.verify(&request), Verdict::Wrong);
    both.demand = Demand::Sha256OrMd5;
    assert_eq!(both.verify(&request), Verdict::Granted);
}

#[test]
fn an_answer_without_a_count_is_good_for_one_request() {
    let mut both = Both::new();
    let nonce = param(&both.challenge()[0], "nonce").expect("a nonce");
    let line = format!("WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"{nonce}\", algorithm=SHA-256\r\n");
    let mut client = DigestClient::new(Arc::new(credentials()));
    client.challenged(&response(401, &line)).expect("answerable");
    let request = both.request(&mut client, URI);
    assert_eq!(both.verify(&request), Verdict::Granted);
    assert_eq!(both.verify(&request), Verdict::Stale);
}

#[test]
fn a_forgotten_nonce_cannot_be_used_again() {
    let mut both = Both::new();
    let mut client = both.client(credentials());
    let first = both.request(&mut client, URI);
    assert_eq!(both.verify(&first), Verdict::Granted);
    for _ in 0..=AUTH_NONCES {
        both.now = both.now + Duration::from_micros(10);
        let mut client = both.client(credentials());
        let request = both.request(&mut client, URI);
        assert_eq!(both.verify(&request), Verdict::Granted);
    }
    assert_eq!(both.verify(&first), Verdict::Stale);
}

#[test]
fn broken_credentials_never_pass_and_never_panic() {
    let mut both = Both::new();
    let mut client = both.client(credentials());
    let fields = client.authorize(&Method::Invite, URI.as_bytes(), &mut both.entropy);
    let good = String::from_utf8_lossy(&fields[0].1).into_owned();
    for (from, to) in [
        ("nc=00000001", "nc=0"),
        ("nc=00000001", "nc=00000000"),
        ("nc=00000001", "nc=+0000001"),
        ("nc=00000001", "nc=000000001"),
        ("qop=auth", "qop=auth-int"),
        ("qop=auth", "qop=auth, qop=auth"),
        ("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        ("uri=", "url="),
        ("response=\"", "response=\"0"),
        ("cnonce=", "x="),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let verdict = both.verify(&invite(URI, &format!("Authorization: {bad}\r\n")));
        assert!(matches!(verdict, Verdict::Wrong | Verdict::Missing), "{bad}: {verdict:?}");
    }
    for cut in 0..good.len() {
        both.verify(&invite(URI, &format!("Authorization: {}\r\n", &good[..cut])));
    }
}
