//! Why a call goes as it does, step by step: what `trunkline explain` shows. Told by an engine that was asked to
//! ([`crate::engine::Engine::tell_steps`]), from the values the call itself goes by.

use std::sync::Arc;

use bytes::Bytes;

use super::screening::Refusal;
use crate::route::caller::{Caller, IdentityHeader};
use crate::route::directory::{Account, HeaderContent};
use crate::route::emergency::Code;
use crate::route::fraud::{AllowedBy, BlockedBy, Destination};
use crate::route::identify::KnownBy;
use crate::route::number::{Conversion, E164, Party};
use crate::route::policy::{Line, RoutePairs};
use crate::route::ruling::{Elins, Ruling};
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
    /// It is an emergency call, and where that goes.
    Urgent(Box<Urgency>),
    /// What each route of the trunk says.
    Routes(Vec<Considered>),
    /// What the fraud guard takes the called number for, whether it may be called by which key, and the prefix that
    /// decides.
    Weighed { destination: Destination, outcome: Result<AllowedBy, BlockedBy>, prefix: Option<Box<str>> },
    /// Where the call may go, in the order it is tried.
    Candidates(Vec<Place>),
    /// What our INVITE to one of them says besides its dialog.
    Written(Box<Writing>),
    /// The INVITE is refused before it is a call.
    Refused(Refusal),
}

/// An emergency call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urgency {
    pub code: String,
    pub account: Option<Arc<Account>>,
    /// Place of the emergency route that fits, and the ordinary route behind it.
    pub route: Option<usize>,
    pub usual: Option<Arc<str>>,
    pub trunks: Vec<Arc<str>>,
    /// Platforms that it never goes to, for it comes from a carrier (PF-51).
    pub barred: Vec<Arc<str>>,
    pub elins: Elins,
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
    /// Code of an emergency call: no rule for numbers touches it.
    pub urgent: Option<Code>,
    /// As this trunk's peer is told of him.
    pub caller: Caller,
    /// The number that is shown for the place he calls from.
    pub elin: Option<E164>,
    /// Contents of the custom header of the account's number.
    pub custom_header: Option<HeaderContent>,
    /// What the route adds to the context.
    pub route_pairs: RoutePairs,
    /// Fields that are none of the dialog's, each with its origin.
    pub lines: Vec<Line>,
}
