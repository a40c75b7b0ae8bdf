//! 3xx to an INVITE of ours (RFC 3261 8.1.3.4): followed, handed to the caller, or a failure, as the trunk says (PF-150).

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::bounds::Bound;
use crate::base::limits::{CALL_REDIRECTS, REDIRECT_CONTACTS};
use crate::call::asked;
use crate::call::attempt::{Candidate, Inviting};
use crate::call::call::{Common, State};
use crate::call::cause::Cause;
use crate::call::compose;
use crate::call::effect::{Effect, Work};
use crate::call::event::CallEvent;
use crate::call::guarding::{Counting, Payer, guarded_for};
use crate::call::hunting::Hunting;
use crate::call::record::EndedBy;
use crate::call::releasing::Releasing;
use crate::call::screening;
use crate::call::transfer::referral::led_to as passed_to;
use crate::route::diverting::{self, DiversionReason};
use crate::route::number::{Field, Party};
use crate::route::presentation::Presentation;
use crate::route::transfer::RedirectPolicy;
use crate::route::trunk::Trunk;
use crate::sip::flow::Transport;
use crate::sip::{Host, Name, NameAddr, Response, SipUri, Status, Uri};

/// Where a call goes that was redirected, and from whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diverted {
    /// User part of the Request-URI.
    pub user: Option<Bytes>,
    /// User parts of those that redirected it, the newest first, with the status they did it with.
    pub from: Vec<(Option<Bytes>, Status)>,
}

impl Diverted {
    /// Whom the call is for now.
    pub fn target(&self) -> Party {
        Presentation::party(self.user.as_ref())
    }

    /// The redirections, oldest first, as entries of the call's list of diversions.
    pub fn entries(&self) -> impl Iterator<Item = diverting::Diverted> + '_ {
        self.from.iter().rev().map(|(user, status)| {
            let reason = match *status {
                Status::MULTIPLE_CHOICES => DiversionReason::Unknown,
                _ => DiversionReason::Unconditional,
            };
            diverting::Diverted::once(Presentation::party(user.as_ref()), reason)
        })
    }
}

impl Hunting {
    /// The called side says that the party is elsewhere.
    pub(in crate::call) fn redirected(
        self: Box<Self>,
        common: &mut Common,
        inviting: Inviting,
        response: &Response,
        work: &mut Work<'_>,
    ) -> State {
        let candidate = inviting.candidate.clone();
        common.tried(inviting.close(work));
        let trunk = Arc::clone(&candidate.trunk);
        match trunk.transfer.redirect {
            RedirectPolicy::Follow => self.follow(common, &candidate, response, work),
            RedirectPolicy::Relay if !contacts(response).is_empty() => self.relay(common, response, work),
            RedirectPolicy::Relay | RedirectPolicy::Refuse => {
                self.attempt_failed(common, &trunk, Cause::Refused(response.status), work)
            }
        }
    }

    /// The contacts are the candidates from now on.
    fn follow(
        mut self: Box<Self>,
        common: &mut Common,
        by: &Candidate,
        response: &Response,
        work: &mut Work<'_>,
    ) -> State {
        let user = by.called_user(common).cloned();
        match followed(common, (by, user), &mut self.redirected_from, response, work) {
            Ok(candidates) => {
                self.candidates = candidates;
                self.next(common, work)
            }
            Err(cause) => self.attempt_failed(common, &by.trunk, cause, work),
        }
    }

    /// The caller gets the same status, with contacts at our own address: what it sends there is routed like any call.
    fn relay(self: Box<Self>, common: &mut Common, response: &Response, work: &mut Work<'_>) -> State {
        let (own, status) = (&common.caller.own, response.status);
        let contacts = contacts(response);
        let users = contacts.iter().filter_map(|uri| screening::called(uri).ok()?.1);
        let ours: Vec<Vec<u8>> = users.map(|user| own.contact_of(&user)).collect();
        let cause = Cause::Refused(status);
        let bytes = compose::redirection(status, &self.invite.head, &common.caller.dialog.local_tag, own, &ours);
        work.out.push(Effect::Respond { transaction: self.invite.transaction, status, bytes });
        common.caller.is_over_now();
        Releasing::begin(common, None, cause, EndedBy::Callee, work)
    }
}

/// Candidates for the contacts of a 3xx that answered the INVITE to this candidate and user; `seen`: targets of this call so
/// far. No target is tried twice, and a call is redirected so often only.
///
/// # Errors
/// What the attempt has failed with: nothing leads there, or back to where it was.
pub(super) fn followed(
    common: &mut Common,
    (by, user): (&Candidate, Option<Bytes>),
    seen: &mut Vec<Uri>,
    response: &Response,
    work: &mut Work<'_>,
) -> Result<VecDeque<Candidate>, Cause> {
    let contacts = contacts(response);
    if contacts.is_empty() {
        return Err(Cause::Refused(response.status));
    }
    seen.push(by.uri_of(Field::Called, user.as_ref()));
    let fresh: Vec<&Uri> = contacts.iter().filter(|uri| !seen.iter().any(|seen| is_same(seen, uri))).collect();
    if common.ledger.redirected() > CALL_REDIRECTS {
        Bound::CallRedirects.reached();
        return Err(Cause::Loop);
    }
    if fresh.is_empty() {
        return Err(Cause::Loop);
    }
    let mut from = by.diverted.as_ref().map(|diverted| diverted.from.clone()).unwrap_or_default();
    from.insert(0, (user, response.status));
    let (mut candidates, mut stopped) = (VecDeque::new(), None);
    for uri in &fresh {
        match led_to(common, &by.trunk, uri, &from, work) {
            Ok(led) => candidates.extend(led),
            Err(cause) => stopped = Some(cause),
        }
    }
    if candidates.is_empty() {
        return Err(stopped.unwrap_or(Cause::Refused(response.status)));
    }
    seen.extend(fresh.into_iter().cloned());
    let (call, from) = (common.ledger.id(), Arc::clone(&by.trunk.name));
    work.out.push(Effect::Event(CallEvent::Redirected { call, from, contacts: candidates.len() }));
    Ok(candidates)
}

/// The same user at the same place: a port that is written and the transport's own are one here.
fn is_same(one: &Uri, two: &Uri) -> bool {
    match (one, two) {
        (Uri::Sip(a), Uri::Sip(b)) => {
            let port = |uri: &SipUri| uri.port.unwrap_or(Transport::Udp.default_port());
            one.user_decoded() == two.user_decoded() && a.host.equivalent(&b.host) && port(a) == port(b)
        }
        (Uri::Sip(_) | Uri::Tel(_) | Uri::Other { .. }, _) => one.equivalent(two),
    }
}

/// Candidates for one contact: the same trunk when the contact names a host of it, else what the routes say for a call of
/// that trunk (S-F: a redirection passes the same rules as a new call).
fn led_to(
    common: &mut Common,
    trunk: &Arc<Trunk>,
    uri: &Uri,
    from: &[(Option<Bytes>, Status)],
    work: &mut Work<'_>,
) -> Result<VecDeque<Candidate>, Cause> {
    let Ok((called, user)) = asked::named(uri, &trunk.presentation) else { return Ok(VecDeque::new()) };
    let diverted = Arc::new(Diverted { user, from: from.to_vec() });
    let led = |candidate: Candidate| Candidate { diverted: Some(Arc::clone(&diverted)), ..candidate };
    let named = uri.as_sip().and_then(|uri| {
        let is = |name: &str| Host::parse(name).is_some_and(|known| known.equivalent(&uri.host));
        trunk.targets.iter().find(|target| is(&target.host))
    });
    let (account, candidates) = match named {
        Some(target) => {
            (common.whose.account.clone(), VecDeque::from([Candidate::new(Arc::clone(trunk), target.clone())]))
        }
        None => match passed_to(common, trunk, (&common.numbers.calling, &called), work) {
            Ok(passed) => {
                let account = passed.decision.account;
                let candidates = Candidate::expand(&common.snapshot, &passed.plan, account.as_deref(), work);
                (account, candidates)
            }
            Err(_) => return Ok(VecDeque::new()),
        },
    };
    let payer = Payer { trunk, account: account.as_deref() };
    let candidates = guarded_for(common, &payer, (&called, Counting::Once), candidates, work)?;
    Ok(candidates.into_iter().map(led).collect())
}

/// Contacts that may be followed, the best first (RFC 3261 20.10: q from 0 to 1, 1 when absent); 305 and 380 name none.
fn contacts(response: &Response) -> Vec<Uri> {
    let may =
        matches!(response.status, Status::MULTIPLE_CHOICES | Status::MOVED_PERMANENTLY | Status::MOVED_TEMPORARILY);
    let mut contacts = response.message.name_addrs(Name::Contact).unwrap_or_default();
    contacts.truncate(Bound::RedirectContacts.at_most(REDIRECT_CONTACTS, contacts.len()));
    contacts.sort_by_key(|contact| std::cmp::Reverse(preference(contact)));
    let uris = contacts.into_iter().map(|contact| contact.uri);
    uris.filter(|uri| may && matches!(uri, Uri::Sip(_) | Uri::Tel(_))).filter_map(|uri| whole(&uri)).collect()
}

/// The URI in a buffer of its own, without a header part: what it asks to be written is not written.
fn whole(uri: &Uri) -> Option<Uri> {
    let mut uri = uri.clone();
    if let Uri::Sip(sip) = &mut uri {
        sip.take_headers();
    }
    Uri::parse(&uri.to_bytes()).ok()
}

/// q in thousandths.
fn preference(contact: &NameAddr) -> u32 {
    let text = contact.param("q").flatten().and_then(|q| std::str::from_utf8(q).ok()).unwrap_or("1");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = part.chars().chain("000".chars()).take(3).collect();
    let thousandths = whole.parse::<u32>().ok().zip(digits.parse::<u32>().ok());
    thousandths.map_or(0, |(whole, part)| whole.saturating_mul(1000).saturating_add(part).min(1000))
}
