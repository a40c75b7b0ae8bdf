//! Our answers to challenges (RFC 3261 22.2, 22.3; D1 of the security sheet).

use std::sync::Arc;

use trunkline::base::entropy::SeededEntropy;
use trunkline::sip::auth::{DigestClient, Unanswerable};
use trunkline::sip::{Method, Name, SipMessage, frame};

use crate::{credentials, param, response};

const URI: &[u8] = b"sip:+4930@carrier.example";

fn client() -> DigestClient {
    DigestClient::new(Arc::new(credentials()))
}

fn authorize(client: &mut DigestClient) -> Vec<(Name, Vec<u8>)> {
    client.authorize(&Method::Invite, URI, &mut SeededEntropy::new(3))
}

fn challenge(params: &str) -> String {
    format!("WWW-Authenticate: Digest realm=\"carrier.example\", {params}\r\n")
}

fn answered(lines: &str) -> Vec<u8> {
    let mut client = client();
    client.challenged(&response(401, lines)).expect("a challenge for us");
    let mut fields = authorize(&mut client);
    assert_eq!(fields.len(), 1);
    let (name, value) = fields.remove(0);
    assert_eq!(name, Name::Authorization);
    value
}

#[test]
fn nothing_is_shown_before_a_challenge() {
    assert!(authorize(&mut client()).is_empty());
}

#[test]
fn a_counted_answer_names_everything_the_challenge_named() {
    let value = answered(&challenge("nonce=\"n\\\"1\", opaque=\"o\", algorithm=SHA-256, qop=\"auth-int,auth\""));
    let text = String::from_utf8_lossy(&value).into_owned();
    assert!(text.contains(r#"nonce="n\"1""#), "{text}");
    assert_eq!(param(&value, "username").as_deref(), Some("trunk-a"));
    assert_eq!(param(&value, "opaque").as_deref(), Some("o"));
    assert_eq!(param(&value, "algorithm").as_deref(), Some("SHA-256"));
    assert_eq!(param(&value, "qop").as_deref(), Some("auth"));
    assert_eq!(param(&value, "nc").as_deref(), Some("00000001"));
    assert_eq!(param(&value, "response").map(|response| response.len()), Some(64));
}

#[test]
fn a_challenge_without_qop_is_answered_without_a_count() {
    let value = answered(&challenge("nonce=\"n\""));
    assert_eq!((param(&value, "nc"), param(&value, "cnonce"), param(&value, "algorithm")), (None, None, None));
    assert_eq!(param(&value, "response").map(|response| response.len()), Some(32));
}

#[test]
fn the_strongest_algorithm_is_chosen_over_fields_and_within_a_line() {
    let md5 = challenge("nonce=\"a\", algorithm=MD5, qop=\"auth\"");
    let sha = challenge("nonce=\"b\", algorithm=SHA-256, qop=\"auth\"");
    assert_eq!(param(&answered(&format!("{md5}{sha}")), "nonce").as_deref(), Some("b"));
    let line = "WWW-Authenticate: Negotiate x, Digest realm=\"carrier.example\", nonce=\"a\", Digest realm=\"carrier.example\", nonce=\"b\", algorithm=SHA-256\r\n";
    assert_eq!(param(&answered(line), "nonce").as_deref(), Some("b"));
}

#[test]
fn what_we_do_not_speak_is_passed_over() {
    let odd =
        challenge("nonce=\"a\", algorithm=AKAv1-MD5") + &challenge("nonce=\"b\", algorithm=SHA-256, qop=\"auth-int\"");
    assert_eq!(param(&answered(&format!("{odd}{}", challenge("nonce=\"c\""))), "nonce").as_deref(), Some("c"));
    assert_eq!(client().challenged(&response(401, &odd)), Err(Unanswerable::Unsupported));
    assert_eq!(client().challenged(&response(401, "")), Err(Unanswerable::Unsupported));
}

#[test]
fn a_foreign_realm_is_never_answered() {
    for realm in ["other.example", "", "Carrier.Example", "carrier.example "] {
        let line = format!("WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"n\"\r\n");
        let mut client = client();
        assert_eq!(client.challenged(&response(401, &line)), Err(Unanswerable::ForeignRealm), "{realm:?}");
        assert!(authorize(&mut client).is_empty());
    }
}

#[test]
fn the_hostile_challenge_of_another_trunk_is_never_answered() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpora/sip-hostile/response-407-foreign-realm.dat");
    let octets = std::fs::read(path).expect("the corpus is there");
    let source = "198.51.100.7:5060".parse().expect("an address");
    let Some(Ok(SipMessage::Response(hostile))) = frame::datagram(&octets.into(), source) else {
        panic!("the corpus file is a response");
    };
    let mut client = client();
    assert_eq!(client.challenged(&hostile), Err(Unanswerable::ForeignRealm));
    assert!(authorize(&mut client).is_empty());
}

#[test]
fn the_uses_of_a_nonce_are_counted() {
    let mut client = client();
    client.challenged(&response(401, &challenge("nonce=\"n\", qop=\"auth\""))).expect("answerable");
    for expected in ["00000001", "00000002", "00000003"] {
        client.begin();
        assert_eq!(param(&authorize(&mut client)[0].1, "nc").as_deref(), Some(expected));
    }
    client.begin();
    client.challenged(&response(401, &challenge("nonce=\"m\", qop=\"auth\""))).expect("answerable");
    assert_eq!(param(&authorize(&mut client)[0].1, "nc").as_deref(), Some("00000001"));
}

#[test]
fn a_second_challenge_is_answered_only_when_it_is_stale_and_only_once() {
    let mut client = client();
    let first = response(401, &challenge("nonce=\"1\""));
    let again = response(401, &challenge("nonce=\"2\""));
    client.challenged(&first).expect("answerable");
    assert_eq!(client.challenged(&again), Err(Unanswerable::Refused));
    let stale = |nonce: &str| response(401, &challenge(&format!("nonce=\"{nonce}\", stale=TRUE")));
    assert_eq!(client.challenged(&stale("1")), Err(Unanswerable::Refused), "the same nonce is no fresher");
    client.challenged(&stale("3")).expect("answerable");
    assert_eq!(client.challenged(&stale("4")), Err(Unanswerable::Refused));
}

#[test]
fn a_proxy_and_the_peer_behind_it_are_both_answered() {
    let mut client = client();
    let proxy = "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"p\"\r\n";
    client.challenged(&response(407, proxy)).expect("answerable");
    client.challenged(&response(401, &challenge("nonce=\"e\""))).expect("answerable");
    let names: Vec<Name> = authorize(&mut client).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [Name::Authorization, Name::ProxyAuthorization]);
}

#[test]
fn a_challenge_in_the_wrong_field_is_none() {
    let proxy = "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"p\"\r\n";
    assert_eq!(client().challenged(&response(401, proxy)), Err(Unanswerable::Unsupported));
    assert_eq!(client().challenged(&response(403, &challenge("nonce=\"n\""))), Err(Unanswerable::Unsupported));
}
