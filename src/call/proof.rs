//! Our answers to challenges on one leg (RFC 3261 22; D1 of the security sheet: only to the trunk's own peer).

use super::effect::Work;
use crate::route::trunk::Trunk;
use crate::sip::auth::{DigestClient, KeptNonces};
use crate::sip::flow::{Destination, Flow};
use crate::sip::{Method, Name, Response, Uri};

/// Header fields that prove who we are; none before a challenge.
pub type Credentials = Vec<(Name, Vec<u8>)>;

/// What we may prove to a leg's peer, and the nonces it gave us. Never sent without being asked for by this request:
/// each request is challenged for itself, so that ACK, CANCEL and a BYE nobody asks about carry nothing.
#[derive(Clone, Debug)]
pub struct Proof {
    digest: Option<Box<DigestClient>>,
}

impl Proof {
    /// Of a trunk without `auth`: no challenge is answered.
    pub fn of(trunk: &Trunk) -> Proof {
        Proof { digest: trunk.auth.as_ref().map(|auth| Box::new(DigestClient::new(auth.credentials.clone()))) }
    }

    /// What a checkpoint keeps.
    pub fn kept(&self) -> Option<KeptNonces> {
        self.digest.as_ref().map(|digest| digest.kept())
    }

    /// As it was kept, with the credentials of the trunk; without them nothing is answered.
    pub fn restored(trunk: &Trunk, kept: Option<KeptNonces>) -> Proof {
        let digest = trunk
            .auth
            .as_ref()
            .map(|auth| Box::new(DigestClient::restored(auth.credentials.clone(), kept.unwrap_or_default())));
        Proof { digest }
    }

    /// A request begins; it may be challenged.
    pub fn begin(&mut self) {
        if let Some(digest) = &mut self.digest {
            digest.begin();
        }
    }

    /// The credentials with which a challenged request goes again; `None` when it must not.
    pub fn answer(
        &mut self,
        challenge: &Challenge<'_>,
        method: &Method,
        uri: &Uri,
        work: &mut Work<'_>,
    ) -> Option<Credentials> {
        let digest = self.digest.as_mut().filter(|_| challenge.is_of_peer())?;
        digest.challenged(challenge.response).ok()?;
        Some(digest.authorize(method, &uri.to_bytes(), work.entropy))
    }
}

/// A 401 or 407 to one of our requests.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    pub response: &'a Response,
    /// Where it came from.
    pub flow: Flow,
    pub trunk: &'a Trunk,
    /// Where the request went, unless a name led elsewhere within the trunk's reach.
    pub sent_to: &'a Destination,
}

impl Challenge<'_> {
    /// It came on the trunk's listener, from where the request went or from an address of the trunk.
    fn is_of_peer(&self) -> bool {
        let asked = match self.sent_to {
            Destination::Flow(flow) => flow.remote,
            Destination::Target(target) | Destination::FlowOr(_, target) => target.address,
        };
        let reused = match self.sent_to {
            Destination::Flow(flow) | Destination::FlowOr(flow, _) => flow.id == self.flow.id,
            Destination::Target(_) => false,
        };
        let from = self.flow.remote.ip().to_canonical();
        let known = reused || from == asked.ip().to_canonical() || self.trunk.reach.allows(self.flow.remote);
        self.flow.listener == self.trunk.listener && known
    }
}

/// True for a response that asks who we are.
pub fn is_challenge(response: &Response) -> bool {
    matches!(response.status.code(), 401 | 407)
}
