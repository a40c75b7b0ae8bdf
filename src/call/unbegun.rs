//! An INVITE of a known peer that was refused before it was a call: by a limit, an operator's order, or for what it
//! says. The customer who made it asks for it all the same, so it has a record like every other.

use super::cause::Cause;
use super::ledger::Ledger;
use super::record::{CallRecord, EndedBy};
use super::screening::{Numbers, Refusal};
use crate::base::Now;
use crate::base::ids::CallId;
use crate::route::directory::Account;
use crate::route::trunk::Trunk;
use crate::sip::flow::Flow;
use crate::sip::{Request, Uri};

/// What the record of one says.
#[derive(Debug)]
pub struct Unbegun<'u> {
    pub id: CallId,
    pub trunk: &'u Trunk,
    pub request: &'u Request,
    pub flow: Flow,
    /// As its trunk reads them; `None`: they cannot be read so.
    pub numbers: Option<Numbers>,
    /// Who would have had the call.
    pub account: Option<&'u Account>,
    /// Code of an emergency call.
    pub urgent: Option<&'u str>,
    pub cause: Cause,
    /// Which key, order or part of the INVITE stood in the way.
    pub detail: Option<String>,
}

impl Unbegun<'_> {
    /// The record, whole.
    pub fn record(self, now: Now) -> Box<CallRecord> {
        let numbers = self.numbers.unwrap_or_else(|| as_written(self.request));
        let mut ledger = Ledger::open(self.id, self.trunk, &numbers, (self.request, self.flow), now);
        self.account.into_iter().for_each(|account| ledger.owned(account));
        self.urgent.into_iter().for_each(|code| ledger.urgent(code, None));
        self.detail.into_iter().for_each(|detail| ledger.explained(detail));
        ledger.ended(now, self.cause, EndedBy::Node);
        ledger.close(Default::default(), Default::default())
    }
}

/// User parts of From and Request-URI.
fn as_written(request: &Request) -> Numbers {
    let text = |uri: &Uri| uri.user_text().unwrap_or_default();
    Numbers {
        calling: text(&request.from.uri),
        called: text(&request.uri),
        calling_user: None,
        called_user: None,
        original_called: None,
    }
}

/// What a record says of an INVITE that was refused so, and what of the INVITE it was. `None`: it is no attempt of its
/// own. Its sender sends it again as it was asked to (421, 422), it is a copy of another (482 for a merged one), or it
/// is for no dialog; and of a node under load who sends must be turned away at less cost than a record's.
pub fn cause(refusal: &Refusal) -> Option<(Cause, Option<String>)> {
    let because = |cause, detail: &str| Some((cause, Some(detail.to_owned())));
    let status = refusal.status();
    match refusal {
        Refusal::Unroutable { text, .. } => because(Cause::Unroutable(status), text),
        Refusal::BadNumber | Refusal::TooManyDigits => because(Cause::Unroutable(status), refusal.label()),
        Refusal::Loop => Some((Cause::Loop, None)),
        Refusal::TooManyHops | Refusal::TooManyDiversions => because(Cause::TooManyHops, refusal.label()),
        Refusal::BadExtension(tags) => {
            Some((Cause::NotTaken(status), Some(format!("{}: {}", refusal.label(), tags.join(", ")))))
        }
        Refusal::UnknownScheme
        | Refusal::NoBreadth
        | Refusal::BadBreadth
        | Refusal::BadRequire
        | Refusal::MediaType
        | Refusal::EmptyDescription
        | Refusal::BrokenBody
        | Refusal::NotAcceptable
        | Refusal::BadReplaces
        | Refusal::NotReplaceable(_) => because(Cause::NotTaken(status), refusal.label()),
        Refusal::TrunkOutOfService => Some((Cause::TrunkOutOfService, None)),
        Refusal::ExtensionRequired(_)
        | Refusal::IntervalTooSmall(_)
        | Refusal::Merged
        | Refusal::UnknownMethod
        | Refusal::MethodNotAllowed
        | Refusal::UnknownName
        | Refusal::NoDialog
        | Refusal::Overload => None,
    }
}
