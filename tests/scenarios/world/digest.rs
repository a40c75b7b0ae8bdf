//! The peers' side of digest: their challenges, their check of our answers, their answers to ours. The sums are rsip's.

use std::sync::Arc;

use rsip::headers::auth::{Algorithm, AuthQop};
use trunkline::base::Secret;
use trunkline::route::trunk::TrunkAuth;
use trunkline::sip::auth::{Credentials, Demand};

use super::Name;
use super::text::{Text, with_header};

pub const REALM: &str = "carrier.example";
pub const PASSWORD: &str = "s3cret";

/// `auth` of a trunk.
pub fn auth(demand: Option<Demand>) -> Option<TrunkAuth> {
    let password = Secret::new(PASSWORD.as_bytes().to_vec());
    Some(TrunkAuth { credentials: Arc::new(Credentials::new("trunk".into(), REALM.into(), password)), demand })
}

/// A 401 or 407 of `by` with one MD5 challenge.
pub fn challenge(request: &Text, status: u16, by: Name, realm: &str, nonce: &str) -> String {
    let name = if status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
    let line = format!("{name}: Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"");
    with_header(&request.respond(status, by, ""), &line)
}

/// Fails unless `request` carries the right answer to [`challenge`].
pub fn assert_proven(request: &Text, header: &str, nonce: &str) {
    let value = request.header(header);
    let uri = request.start_line().split(' ').nth(1).unwrap_or_default();
    let cnonce = param(&value, "cnonce");
    let count = u8::from_str_radix(&param(&value, "nc"), 16).expect("a small count");
    let expected = sum(request.method(), uri, nonce, &cnonce, count, PASSWORD, Algorithm::Md5);
    assert_eq!(param(&value, "response"), expected, "{}", request.as_str());
    assert_eq!(
        (param(&value, "realm"), param(&value, "nonce"), param(&value, "uri")),
        (REALM.into(), nonce.into(), uri.into())
    );
}

/// The request again, with the next number, another branch, and the answer to our challenge.
pub fn prove(request: &str, challenge: &Text, password: &str) -> String {
    let text = Text::of(request);
    let value = challenge.header("WWW-Authenticate");
    let (nonce, uri) = (param(&value, "nonce"), text.start_line().split(' ').nth(1).unwrap_or_default().to_owned());
    let response = sum(text.method(), &uri, &nonce, "c", 1, password, Algorithm::Sha256);
    let line = format!(
        "Authorization: Digest username=\"trunk\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\""
    );
    again(&with_header(request, &line))
}

/// The request with the next number and another branch.
pub fn again(request: &str) -> String {
    let text = Text::of(request);
    let cseq = text.header("CSeq");
    let (number, method) = cseq.split_once(' ').expect("a number and a method");
    let next = number.parse::<u32>().expect("a number") + 1;
    request
        .replace(&format!("CSeq: {cseq}"), &format!("CSeq: {next} {method}"))
        .replace(&text.branch(), &format!("{}-{next}", text.branch()))
}

fn sum(method: &str, uri: &str, nonce: &str, cnonce: &str, nc: u8, password: &str, algorithm: Algorithm) -> String {
    let method = match method {
        "INVITE" => rsip::Method::Invite,
        "REGISTER" => rsip::Method::Register,
        "BYE" => rsip::Method::Bye,
        "UPDATE" => rsip::Method::Update,
        "INFO" => rsip::Method::Info,
        "MESSAGE" => rsip::Method::Message,
        "NOTIFY" => rsip::Method::Notify,
        "REFER" => rsip::Method::Refer,
        other => panic!("no scenario signs {other}"),
    };
    let uri = rsip::Uri::try_from(uri).expect("a URI");
    let qop = AuthQop::Auth { cnonce: cnonce.into(), nc };
    let generator = rsip::services::DigestGenerator {
        username: "trunk",
        password,
        nonce,
        uri: &uri,
        realm: REALM,
        method: &method,
        qop: Some(&qop),
        algorithm,
    };
    generator.compute()
}

/// The value of one parameter, empty without it.
pub fn param(value: &str, name: &str) -> String {
    let params = value.trim_start_matches("Digest ").split(", ");
    let found = params.filter_map(|param| param.split_once('=')).find(|(found, _)| *found == name);
    found.map(|(_, value)| value.trim_matches('"').to_owned()).unwrap_or_default()
}
