//! Where the next request inside a dialog goes (RFC 3261 12.2.1.1): loose and strict routing.

use bytes::Bytes;

use crate::sip::{NameAddr, SipUri, Uri};

/// Request-URI and Route values of one request, and the URI of the hop that gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath {
    /// The Request-URI.
    pub uri: Uri,
    /// The values of the Route header fields, in order; written as they were recorded.
    pub routes: Vec<Bytes>,
    /// What RFC 3263 is applied to (RFC 3261 8.1.2).
    pub next_hop: Uri,
}

impl RequestPath {
    /// The path along `route_set` to `target`.
    pub fn along(route_set: &[Bytes], target: &Uri) -> RequestPath {
        let Some((first, rest)) = route_set.split_first() else {
            let uri = as_request_uri(target);
            return RequestPath { next_hop: uri.clone(), uri, routes: Vec::new() };
        };
        match route_uri(first) {
            Some(hop) if !is_loose_router(&hop) => RequestPath::strict(hop, rest, target),
            hop => RequestPath {
                uri: as_request_uri(target),
                routes: route_set.to_vec(),
                next_hop: hop.unwrap_or_else(|| target.clone()),
            },
        }
    }

    /// The first hop knows RFC 2543 only: it stands in the Request-URI, and the target comes last of the routes.
    fn strict(hop: Uri, rest: &[Bytes], target: &Uri) -> RequestPath {
        let mut routes = rest.to_vec();
        routes.push(NameAddr::new(target.clone()).to_bytes());
        RequestPath { uri: as_request_uri(&hop), routes, next_hop: hop }
    }
}

/// The URI of a recorded route. What was taken into a route set could be read once, so `None` does not occur in practice.
fn route_uri(route: &Bytes) -> Option<Uri> {
    NameAddr::parse(route).ok().map(|route| route.uri)
}

/// RFC 3261 19.1.1: `lr` marks a hop that leaves the Request-URI alone. Some write it `lr=on` or `lr=true`.
fn is_loose_router(hop: &Uri) -> bool {
    hop.as_sip().is_none_or(|uri| uri.param("lr").is_some())
}

/// RFC 3261 19.1.1 table 1: a Request-URI carries no header fields and no `method` parameter.
fn as_request_uri(uri: &Uri) -> Uri {
    let mut uri = uri.clone();
    if let Uri::Sip(SipUri { params, headers, .. }) = &mut uri {
        *headers = None;
        params.retain(|(name, _)| !name.eq_ignore_ascii_case(b"method"));
    }
    uri
}
