//! Requests and answers as plain values.

use serde_json::{Value, json};

use crate::store::refusal::{Code, Detail, Refusal};
use crate::store::rows::Row;
use crate::store::writing::Condition;

/// A request, read whole.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// As sent, without the query.
    pub path: String,
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Where it came from.
    pub address: String,
    /// `X-Request-Id`, given or made.
    pub id: String,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a list header in one (RFC 9110 5.3).
    pub fn list_header(&self, name: &str) -> Option<String> {
        let values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        values.map(str::to_owned).reduce(|all, next| format!("{all}, {next}"))
    }

    /// The media type without parameters, in lower case.
    pub fn media_type(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Parameters of the query, decoded.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")))
            })
            .collect()
    }

    /// The condition of a write.
    ///
    /// # Errors
    /// A form we do not take.
    pub fn condition(&self) -> Result<Condition, Refusal> {
        let wrong = |name: &str| Refusal::value(name, "must be * or an entity tag as we sent it");
        let (matching, other) = (self.list_header("if-match"), self.list_header("if-none-match"));
        match (matching.as_deref(), other.as_deref()) {
            (None, None) => Ok(Condition::None),
            (None, Some("*")) => Ok(Condition::Absent),
            (Some("*"), None) => Ok(Condition::Match(Vec::new())),
            (Some(tags), None) => {
                let tags: Option<Vec<u64>> = tags.split(',').map(|tag| revision_of(tag.trim())).collect();
                tags.map(Condition::Match).ok_or_else(|| wrong("If-Match"))
            }
            (_, Some(_)) => Err(wrong("If-None-Match")),
        }
    }
}

/// The revision of an entity tag: `"17"`; one that is no tag of ours matches nothing, nor does a weak one (RFC 9110
/// 8.8.3.2), and a malformed one is none.
fn revision_of(tag: &str) -> Option<u64> {
    let (strong, is_weak) = tag.strip_prefix("W/").map_or((tag, false), |strong| (strong, true));
    let inner = strong.strip_prefix('"')?.strip_suffix('"').filter(|inner| !inner.contains('"'))?;
    Some(if is_weak { 0 } else { inner.parse().unwrap_or(0) })
}

/// The entity tag of a revision.
pub fn etag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// Percent-decoding (RFC 3986 2.1); what is no UTF-8 afterwards becomes replacement characters, and so matches nothing.
pub fn decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let pair = (*first == b'%').then(|| behind.get(..2)).flatten().and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.filter(|pair| !pair.starts_with('+')).and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                octets.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// Percent-encoding of everything but unreserved characters.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            true => out.push(char::from(octet)),
            false => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

/// What an answer carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Empty,
    Json(Value),
    /// With the file name a browser shall use.
    Csv(&'static str, String),
    /// A capture of packets.
    Capture(Vec<u8>),
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
    /// Why it is none of those that were hoped for.
    pub refusal: Option<Code>,
}

impl Response {
    pub fn new(status: u16, body: Body) -> Response {
        Response { status, headers: Vec::new(), body, refusal: None }
    }

    pub fn json(status: u16, body: Value) -> Response {
        Response::new(status, Body::Json(body))
    }

    /// A single resource with its entity tag.
    pub fn row(status: u16, row: &Row) -> Response {
        Response::json(status, shown(row)).with("ETag", etag(row.revision))
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// The error body of PV-63.
    pub fn refused(refusal: &Refusal, request: &str) -> Response {
        let detail =
            |detail: &Detail| json!({ "code": detail.code, "target": detail.target, "message": detail.message });
        let mut error = json!({
            "code": refusal.code.name(),
            "message": refusal.message,
            "requestId": request,
            "details": refusal.details.iter().map(detail).collect::<Vec<_>>(),
        });
        if let (Some(error), Some(target)) = (error.as_object_mut(), &refusal.target) {
            error.insert("target".to_owned(), json!(target));
        }
        let mut response = Response::json(refusal.code.status(), json!({ "error": error }));
        response.refusal = Some(refusal.code);
        let response = response.with("X-Error-Code", refusal.code.name());
        match refusal.code {
            Code::TokenMissing | Code::TokenInvalid | Code::TokenExpired => response.with("WWW-Authenticate", "Bearer"),
            _ => response,
        }
    }

    /// To be given again (PV-59).
    pub fn kept(&self) -> Value {
        let body = match &self.body {
            Body::Json(value) => value.clone(),
            Body::Empty | Body::Csv(..) | Body::Capture(_) => Value::Null,
        };
        let etag = self.headers.iter().find(|(name, _)| *name == "ETag").map(|(_, value)| value);
        json!({ "status": self.status, "body": body, "etag": etag })
    }

    /// The other way round.
    pub fn of_kept(kept: &Value) -> Response {
        let status = kept.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let body = match kept.get("body") {
            None | Some(Value::Null) => Body::Empty,
            Some(body) => Body::Json(body.clone()),
        };
        let response = Response::new(status.unwrap_or(200), body);
        match kept.get("etag").and_then(Value::as_str) {
            Some(etag) => response.with("ETag", etag),
            None => response,
        }
    }
}

/// An object as it is sent: with its entity tag as a property.
pub fn shown(row: &Row) -> Value {
    let mut body = row.body.clone();
    if let Some(object) = body.as_object_mut() {
        object.insert("etag".to_owned(), json!(etag(row.revision)));
    }
    body
}
