//! Why a call goes as it does, step by step: what `trunkline explain` shows. Told by an engine that was asked to
//! ([`crate::engine::Engine::tell_steps`]), from the values the call itself goes by.

use std::sync::Arc;

use bytes::Bytes;

use super::screening::Refusal;
use crate::route::caller::{Caller, IdentityHeader};
use crate::route::directory::HeaderContent;
use crate::route::fraud::Destination;
use crate::route::identify::KnownBy;
use crate::route::number::{Conversion, Party};
use crate::route::policy::Line;
use crate::route::ruling::Ruling;
use crate::route::table::Considered;
use crate::route::trunk::Trunk;

/// One thing that was found or decided.
#[derive(Clone, Debug)]
pub enum Step {
    /// Whose INVITE it is.
    Identified { trunk: Arc<Trunk>, by: KnownBy },
    /// How the fields that name somebody were read: the field's header, and what it became.
    Read(Vec<(&'static str, Conversion)>),
    /// Who calls, as routes, screening and records know him. `by`: the header that was believed; `None`: From.
    Caller { number: String, by: Option<IdentityHeader>, is_private: bool },
    /// Whose call it is, and what becomes of it.
    Ruled(Box<Ruling>),
    /// What each route of the trunk says.
    Routes(Vec<Considered>),
    /// What the fraud guard takes the called number for; it lets it pass.
    Destination(Destination),
    /// Where the call may go, in the order it is tried.
    Candidates(Vec<Place>),
    /// What our INVITE to one of them says besides its dialog.
    Written(Box<Writing>),
    /// The INVITE is refused before it is a call.
    Refused(Refusal),
}

/// One place a call may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub trunk: Arc<str>,
    /// Host of its target.
    pub host: Arc<str>,
    pub port: Option<u16>,
}

/// What an INVITE of ours was written from.
#[derive(Clone, Debug)]
pub struct Writing {
    pub trunk: Arc<Trunk>,
    /// Of the INVITE: which of several it is.
    pub call_id: Bytes,
    pub called: Party,
    pub caller: Caller,
    /// Contents of the custom header of the account's number.
    pub custom_header: Option<HeaderContent>,
    /// Fields that are none of the dialog's, each with its origin.
    pub lines: Vec<Line>,
}
