//! A call's record in the making.

use std::mem::take;
use std::sync::Arc;

use super::cause::Cause;
use super::record::{After, CallRecord, EndedBy, LegMediaCounts, Said, Sent, Side, TransferRecord, Written};
use super::screening::Numbers;
use crate::base::bounds::Bound;
use crate::base::ids::CallId;
use crate::base::limits::{EARLIER, REASON_OCTETS, REASONS};
use crate::base::{Now, WallTime};
use crate::route::directory::Account;
use crate::route::number::E164;
use crate::route::trunk::Trunk;
use crate::sip::flow::Flow;
use crate::sip::{Message, Name, Request, Uri};

/// Collects what the record will say.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Boxed: a ledger is handed on from state to state.
    record: Box<CallRecord>,
}

impl Ledger {
    /// A call begins.
    pub fn open(id: CallId, from: &Trunk, numbers: &Numbers, (request, flow): (&Request, Flow), now: Now) -> Ledger {
        Ledger {
            record: Box::new(CallRecord {
                id,
                from: Arc::clone(&from.name),
                to: None,
                route: None,
                account: None,
                calling: numbers.calling.clone(),
                called: numbers.called.clone(),
                received: received(request, numbers).map(Box::new),
                sent: None,
                caller_address: Some(flow.remote),
                caller_policy: Arc::clone(&from.policy),
                said: Vec::new(),
                caller_call_id: String::from_utf8_lossy(&request.call_id).into_owned(),
                callee_call_id: None,
                earlier: Vec::new(),
                started: now.wall,
                rang: None,
                answered: None,
                ended: WallTime::default(),
                after: After { began: now.instant, ..After::default() },
                cause: Cause::Unexpected,
                ended_by: EndedBy::Node,
                emergency: None,
                elin: None,
                detail: None,
                attempts: 0,
                redirects: 0,
                transfers: Vec::new(),
                caller_media: LegMediaCounts::default(),
                callee_media: LegMediaCounts::default(),
            }),
        }
    }

    /// The record so far.
    pub fn so_far(&self) -> &CallRecord {
        &self.record
    }

    /// Goes on with a record that was kept.
    pub fn restored(record: CallRecord) -> Ledger {
        Ledger { record: Box::new(record) }
    }

    pub fn id(&self) -> CallId {
        self.record.id
    }

    /// The route that took the call.
    pub fn routed(&mut self, route: Arc<str>) {
        self.record.route = Some(route);
    }

    /// Whose call it is.
    pub fn owned(&mut self, account: &Account) {
        self.record.account = Some(account.name.clone());
    }

    /// It is an emergency call.
    pub fn urgent(&mut self, code: &str, elin: Option<&E164>) {
        self.record.emergency = Some(code.to_owned());
        self.record.elin = elin.cloned();
    }

    /// What stands in the way, for the operator; the first stays.
    pub fn explained(&mut self, detail: String) {
        self.record.detail.get_or_insert(detail);
    }

    /// An INVITE went out.
    pub fn attempted(&mut self, to: Arc<str>, call_id: &[u8], sent: Sent) {
        self.record.to = Some(to);
        self.record.sent = Some(sent);
        let before = self.record.callee_call_id.replace(String::from_utf8_lossy(call_id).into_owned());
        match before {
            Some(before) if self.record.earlier.len() < EARLIER => self.record.earlier.push(before),
            Some(_) => Bound::Earlier.reached(),
            None => {}
        }
        self.record.attempts += 1;
    }

    /// The caller hears ringing or early media; the first time counts.
    pub fn rang(&mut self, now: Now) {
        self.record.rang.get_or_insert(now.wall);
        self.record.after.rang.get_or_insert(now.instant - self.record.after.began);
    }

    /// The called party answered.
    pub fn answered(&mut self, now: Now) {
        self.record.answered.get_or_insert(now.wall);
        self.record.after.answered.get_or_insert(now.instant - self.record.after.began);
    }

    /// An INVITE of a transfer went out: the record's own callee stays.
    pub fn attempted_for_transfer(&mut self) {
        self.record.attempts += 1;
    }

    /// A 3xx is followed; how many there have been.
    pub fn redirected(&mut self) -> u32 {
        self.record.redirects += 1;
        self.record.redirects
    }

    /// A party was exchanged, or not.
    pub fn transfer(&mut self, transfer: TransferRecord) {
        self.record.transfers.push(transfer);
    }

    /// The relay has counted a leg that left in the transfer with this index.
    pub fn left(&mut self, transfer: usize, media: LegMediaCounts) {
        if let Some(transfer) = self.record.transfers.get_mut(transfer) {
            transfer.media = media;
        }
    }

    /// Transfers so far.
    pub fn transfers(&self) -> usize {
        self.record.transfers.len()
    }

    /// A message of this side's peer ends the call or an attempt, and may say why.
    pub fn heard(&mut self, side: Side, message: &Message) {
        let Some(reason) = message.header(Name::Reason) else { return };
        if self.record.said.len() >= REASONS {
            return Bound::Reasons.reached();
        }
        let reason = reason.get(..Bound::ReasonOctets.at_most(REASON_OCTETS, reason.len())).unwrap_or_default();
        self.record.said.push(Said { side, reason: String::from_utf8_lossy(reason).into_owned() });
    }

    /// The end began; the first reason stays.
    pub fn ended(&mut self, now: Now, cause: Cause, by: EndedBy) {
        if self.record.ended == WallTime::default() {
            self.record.ended = now.wall;
            self.record.after.ended = now.instant - self.record.after.began;
            self.record.cause = cause;
            self.record.ended_by = by;
        }
    }

    /// Media of both legs, and the record is whole. The texts of the call go with it.
    pub fn close(&mut self, caller_media: LegMediaCounts, callee_media: LegMediaCounts) -> Box<CallRecord> {
        let held = &mut *self.record;
        Box::new(CallRecord {
            calling: take(&mut held.calling),
            called: take(&mut held.called),
            received: held.received.take(),
            sent: held.sent.take(),
            said: take(&mut held.said),
            caller_call_id: take(&mut held.caller_call_id),
            callee_call_id: held.callee_call_id.take(),
            earlier: take(&mut held.earlier),
            transfers: take(&mut held.transfers),
            caller_media,
            callee_media,
            ..held.clone()
        })
    }
}

/// The numbers as they came, unless they are kept so.
fn received(request: &Request, numbers: &Numbers) -> Option<Written> {
    let text = |uri: &Uri| uri.user_text().unwrap_or_default();
    let is_same = |uri: &Uri, kept: &str| uri.user_decoded().unwrap_or_default().as_ref() == kept.as_bytes();
    let same = is_same(&request.from.uri, &numbers.calling) && is_same(&request.uri, &numbers.called);
    (!same).then(|| Written { calling: text(&request.from.uri), called: text(&request.uri) })
}
