//! Where the next request inside a dialog goes (RFC 3261 12.2.1.1): loose and strict routing.

use std::borrow::Cow;

use bytes::Bytes;

use crate::sip::{NameAddr, Uri};

/// Request-URI and Route values of one request, and the URI of the hop that gets it. Mostly they stand in the dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'d> {
    /// The Request-URI.
    pub uri: Cow<'d, Uri>,
    /// The values of the Route header fields, in order; written as they were recorded.
    pub routes: Cow<'d, [Bytes]>,
    /// What RFC 3263 is applied to (RFC 3261 8.1.2).
    pub next_hop: Cow<'d, Uri>,
}

impl<'d> RequestPath<'d> {
    /// The path along `route_set` to `target`.
    pub fn along(route_set: &'d [Bytes], target: &'d Uri) -> RequestPath<'d> {
        let Some((first, rest)) = route_set.split_first() else {
            let uri = as_request_uri(Cow::Borrowed(target));
            return RequestPath { uri, routes: Cow::Borrowed(&[]), next_hop: Cow::Borrowed(target) };
        };
        match route_uri(first) {
            Some(hop) if !is_loose_router(&hop) => RequestPath::strict(hop, rest, target),
            hop => RequestPath {
                uri: as_request_uri(Cow::Borrowed(target)),
                routes: Cow::Borrowed(route_set),
                next_hop: hop.map_or(Cow::Borrowed(target), Cow::Owned),
            },
        }
    }

    /// The first hop knows RFC 2543 only: it stands in the Request-URI, and the target comes last of the routes.
    fn strict(hop: Uri, rest: &[Bytes], target: &Uri) -> RequestPath<'d> {
        let mut routes = rest.to_vec();
        routes.push(NameAddr::new(target.clone()).to_bytes());
        let uri = as_request_uri(Cow::Owned(hop.clone()));
        RequestPath { uri, routes: Cow::Owned(routes), next_hop: Cow::Owned(hop) }
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
fn as_request_uri(uri: Cow<'_, Uri>) -> Cow<'_, Uri> {
    let has_more = uri.as_sip().is_some_and(|sip| sip.headers().is_some() || sip.param("method").is_some());
    if !has_more {
        return uri;
    }
    let mut uri = uri.into_owned();
    if let Uri::Sip(sip) = &mut uri {
        sip.take_headers();
        sip.remove_param("method");
    }
    Cow::Owned(uri)
}
