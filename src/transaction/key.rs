//! Which transaction a message belongs to (RFC 3261 17.1.3 and 17.2.3).
//!
//! A key is one ordered octet string. Branches compare without case (RFC 3261 7.3.1), hosts too, methods with case
//! (7.1). Parts carry their length, so that no two different messages can write the same key. The table hashes keys with
//! a secret of the process: nobody outside can drive them into collisions.
//!
//! A request without the magic cookie (RFC 2543) gets a key from its Request-URI, From tag, Call-ID, CSeq number and
//! whole top Via. 17.2.3 also compares To tags; they are left out, because the ACK of a failure carries the tag of our
//! response, and because inside one dialog the CSeq number tells requests apart already.

use std::hash::{Hash, Hasher};

use crate::sip::{Host, Method, Request, Response, Via};

/// RFC 3261 8.1.1.7: begins every branch that is unique by itself.
const MAGIC_COOKIE: &[u8] = b"z9hg4bk";

/// First octet of a key made from a branch.
const BY_BRANCH: u8 = 1;
/// First octet of a key made from the fields of an RFC 2543 request.
const BY_FIELDS: u8 = 2;

/// The key of a server transaction: branch, sent-by and method. ACK has the key of its INVITE; CANCEL has its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerKey {
    octets: Vec<u8>,
    /// Octets before the method.
    origin: usize,
}

/// The key of a client transaction: our branch and the method of the CSeq.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientKey {
    octets: Vec<u8>,
}

/// Either key: what a [`Table`](super::Table) is searched by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Of a request that came in.
    Server(ServerKey),
    /// Of a request of ours.
    Client(ClientKey),
}

/// The octets at once: each message is looked up twice, and the secret hash costs by the piece.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(match self {
            Key::Server(key) => &key.octets,
            Key::Client(key) => &key.octets,
        });
    }
}

impl ServerKey {
    /// The key of the transaction that `request` opens or belongs to.
    pub fn of(request: &Request) -> ServerKey {
        ServerKey::written_in(Vec::new(), request)
    }

    /// The same, in the room of `buffer`: for a search, after which [`Key::into_buffer`] gives it back.
    pub fn written_in(mut buffer: Vec<u8>, request: &Request) -> ServerKey {
        buffer.clear();
        let method = match &request.method {
            Method::Ack => Method::Invite,
            method => method.clone(),
        };
        let origin = match cookie_branch(&request.via) {
            Some(branch) => origin_by_branch(buffer, branch, &request.via, method.as_str().len()),
            None => origin_by_fields(buffer, request),
        };
        ServerKey::assemble(origin, &method)
    }

    /// The key of an INVITE with this top Via; `None`: its branch does not tell it from others (RFC 2543).
    pub fn of_invite(buffer: Vec<u8>, via: &Via) -> Result<ServerKey, Vec<u8>> {
        let mut buffer = buffer;
        buffer.clear();
        let Some(branch) = cookie_branch(via) else { return Err(buffer) };
        let origin = origin_by_branch(buffer, branch, via, Method::Invite.as_str().len());
        Ok(ServerKey::assemble(origin, &Method::Invite))
    }

    /// For a CANCEL's key: the key of the INVITE it wants to end (RFC 3261 9.2).
    pub fn invite_key(&self) -> ServerKey {
        let origin = self.octets.get(..self.origin).unwrap_or_default();
        ServerKey::assemble(origin.to_vec(), &Method::Invite)
    }

    fn assemble(mut octets: Vec<u8>, method: &Method) -> ServerKey {
        let origin = octets.len();
        octets.extend_from_slice(method.as_str().as_bytes());
        ServerKey { octets, origin }
    }
}

impl ClientKey {
    /// The key of a request of ours, from the branch written into its Via.
    pub fn new(branch: &[u8], method: &Method) -> ClientKey {
        ClientKey::written_in(Vec::new(), branch, method)
    }

    fn written_in(mut buffer: Vec<u8>, branch: &[u8], method: &Method) -> ClientKey {
        let method = method.as_str().as_bytes();
        buffer.clear();
        buffer.reserve_exact(LENGTH + branch.len() + method.len());
        push_folded(&mut buffer, branch);
        buffer.extend_from_slice(method);
        ClientKey { octets: buffer }
    }

    /// The key of the request that `response` answers. A response without a branch has a key that no request has.
    pub fn of(response: &Response) -> ClientKey {
        ClientKey::of_in(Vec::new(), response)
    }

    /// The same, in the room of `buffer`: for a search, after which [`Key::into_buffer`] gives it back.
    pub fn of_in(buffer: Vec<u8>, response: &Response) -> ClientKey {
        ClientKey::written_in(buffer, response.via.branch().unwrap_or_default(), &response.cseq.method)
    }
}

impl Key {
    /// The room the key was written in.
    pub fn into_buffer(self) -> Vec<u8> {
        match self {
            Key::Server(key) => key.octets,
            Key::Client(key) => key.octets,
        }
    }
}

impl From<ServerKey> for Key {
    fn from(key: ServerKey) -> Key {
        Key::Server(key)
    }
}

impl From<ClientKey> for Key {
    fn from(key: ClientKey) -> Key {
        Key::Client(key)
    }
}

/// The branch, when it begins with the magic cookie and says something after it.
fn cookie_branch(via: &Via) -> Option<&[u8]> {
    let branch = via.branch()?;
    let (cookie, rest) = branch.split_at_checked(MAGIC_COOKIE.len())?;
    (cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && !rest.is_empty()).then_some(branch)
}

/// `more`: octets that will follow.
fn origin_by_branch(mut octets: Vec<u8>, branch: &[u8], via: &Via, more: usize) -> Vec<u8> {
    octets.reserve_exact(1 + LENGTH + branch.len() + sent_by_octets(via) + more);
    octets.push(BY_BRANCH);
    push_folded(&mut octets, branch);
    push_sent_by(&mut octets, via);
    octets
}

fn origin_by_fields(mut octets: Vec<u8>, request: &Request) -> Vec<u8> {
    octets.push(BY_FIELDS);
    push(&mut octets, &request.uri.to_bytes());
    push(&mut octets, request.from_tag().unwrap_or_default());
    push(&mut octets, &request.call_id);
    octets.extend_from_slice(&request.cseq.number.to_be_bytes());
    push_folded(&mut octets, &request.via.transport_token);
    push_sent_by(&mut octets, &request.via);
    for (name, value) in request.via.params.iter() {
        push_folded(&mut octets, name);
        push(&mut octets, value.unwrap_or_default());
    }
    octets
}

/// Host without case and port; a missing port is the transport's own (RFC 3261 18.1.1), 5060 for unknown transports.
fn push_sent_by(octets: &mut Vec<u8>, via: &Via) {
    match &via.host {
        Host::Name(name) => push_folded(octets, name),
        Host::V4(address) => push(octets, &address.octets()),
        Host::V6(address) => push(octets, &address.octets()),
    }
    let port = via.port.or(via.transport.map(|transport| transport.default_port())).unwrap_or(5060);
    octets.extend_from_slice(&port.to_be_bytes());
}

/// What [`push_sent_by`] will take.
fn sent_by_octets(via: &Via) -> usize {
    let host = match &via.host {
        Host::Name(name) => name.len(),
        Host::V4(_) => 4,
        Host::V6(_) => 16,
    };
    LENGTH + host + 2
}

/// Octets of a length. Nothing in a message is as long as 4 GiB.
const LENGTH: usize = 4;

/// One part, its length first.
fn push(octets: &mut Vec<u8>, part: &[u8]) {
    octets.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    octets.extend_from_slice(part);
}

/// The same in lower case.
fn push_folded(octets: &mut Vec<u8>, part: &[u8]) {
    push(octets, part);
    let start = octets.len().saturating_sub(part.len());
    if let Some(written) = octets.get_mut(start..) {
        written.make_ascii_lowercase();
    }
}
