//! Whether a party of a call may be named to others than the one it talks to: those whom a transfer brings (RFC 3323,
//! RFC 3325).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::route::caller::{Caller, Identity, Privacy, PrivacyToken};
use crate::route::presentation::Presentation;
use crate::route::trunk::Trunk;
use crate::sip::{NameAddr, Request, Response};

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Anonymity {
    #[default]
    Known,
    /// Only a trunk inside the trust domain may learn who it is.
    Hidden,
}

impl Anonymity {
    /// Of a party that called.
    pub fn of_caller(caller: &Caller) -> Anonymity {
        if caller.is_private() { Anonymity::Hidden } else { Anonymity::Known }
    }

    /// Of the sender of an INVITE from this trunk.
    pub fn of_invite(request: &Request, trunk: &Trunk) -> Anonymity {
        let presentation = &trunk.presentation;
        Anonymity::of_caller(&Caller::read(request, &presentation.reading, &presentation.numbers))
    }

    /// Of a party that answered: Privacy of its 2xx (RFC 3323 4.1).
    pub fn of_answer(response: &Response) -> Anonymity {
        if Privacy::read(&response.message).hides_the_caller() { Anonymity::Hidden } else { Anonymity::Known }
    }

    /// Such a party as a caller: who it is, as calls keep it, and the name its dialog has.
    pub fn presented(self, user: Option<&Bytes>, address: &[u8]) -> Caller {
        let address = NameAddr::parse(&Bytes::copy_from_slice(address)).ok();
        let display = address.map(|address| Bytes::from(address.display_text())).unwrap_or_default();
        let identity = Identity { party: Presentation::party(user), display };
        let privacy = match self {
            Anonymity::Known => Privacy::default(),
            Anonymity::Hidden => Privacy::of(&[PrivacyToken::Id]),
        };
        Caller { shown: identity.clone(), asserted: Some(identity), privacy }
    }
}
