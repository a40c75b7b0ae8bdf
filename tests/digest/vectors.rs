//! `tests/corpora/digest/vectors.json`, and rsip's sum as a second opinion.

use serde_json::Value;
use trunkline::base::Secret;
use trunkline::sip::Method;
use trunkline::sip::auth::{Algorithm, Counted, Credentials, Question};

fn vectors() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpora/digest/vectors.json");
    let text = std::fs::read_to_string(path).expect("the corpus is there");
    let file: Value = serde_json::from_str(&text).expect("the corpus is JSON");
    file["vectors"].as_array().expect("a list").clone()
}

fn text<'v>(vector: &'v Value, key: &str) -> &'v str {
    vector[key].as_str().unwrap_or_else(|| panic!("{key} of {vector}"))
}

fn method(name: &str) -> Method {
    match name {
        "INVITE" => Method::Invite,
        other => Method::Other(other.to_owned().into()),
    }
}

fn computed(vector: &Value) -> String {
    let user = text(vector, "username").to_owned();
    let password = Secret::new(text(vector, "password").as_bytes().to_vec());
    let credentials = Credentials::new(user, text(vector, "realm").to_owned(), password);
    let nc = vector["nc"].as_str().map(|nc| u32::from_str_radix(nc, 16).expect("a count"));
    let method = method(text(vector, "method"));
    let question = Question {
        algorithm: Algorithm::parse(text(vector, "algorithm").as_bytes()).expect("an algorithm we speak"),
        nonce: text(vector, "nonce").as_bytes(),
        method: &method,
        uri: text(vector, "uri").as_bytes(),
        counted: nc.map(|nc| Counted { nc, cnonce: text(vector, "cnonce").as_bytes() }),
    };
    String::from_utf8(credentials.response(&question)).expect("text")
}

#[test]
fn every_vector_gives_its_response() {
    let vectors = vectors();
    assert!(vectors.len() >= 7);
    for vector in &vectors {
        assert_eq!(computed(vector), text(vector, "response"), "{}", text(vector, "id"));
    }
}

/// rsip names SHA-512, not SHA-512/256, and writes the count in decimal: 1 to 9 are alike.
#[test]
fn rsip_makes_the_same_sum() {
    use rsip::headers::auth::{Algorithm as Theirs, AuthQop};
    let common =
        |vector: &&Value| matches!(text(vector, "algorithm"), "MD5" | "SHA-256") && text(vector, "method") == "INVITE";
    let vectors = vectors();
    let compared: Vec<&Value> = vectors.iter().filter(common).collect();
    assert!(compared.len() >= 3);
    for vector in compared {
        let qop = vector["cnonce"].as_str().map(|cnonce| AuthQop::Auth { cnonce: cnonce.to_owned(), nc: 1 });
        let uri = rsip::Uri::try_from(text(vector, "uri")).expect("rsip reads the URI");
        let theirs = rsip::services::DigestGenerator {
            username: text(vector, "username"),
            password: text(vector, "password"),
            nonce: text(vector, "nonce"),
            uri: &uri,
            realm: text(vector, "realm"),
            method: &rsip::Method::Invite,
            qop: qop.as_ref(),
            algorithm: if text(vector, "algorithm") == "MD5" { Theirs::Md5 } else { Theirs::Sha256 },
        };
        assert_eq!(computed(vector), theirs.compute(), "{}", text(vector, "id"));
    }
}
