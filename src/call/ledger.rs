//! A call's record in the making.

use std::sync::Arc;

use super::cause::Cause;
use super::record::{CallRecord, EndedBy, LegMediaCounts, TransferRecord};
use super::screening::Numbers;
use crate::base::ids::CallId;
use crate::base::{Now, WallTime};

/// Collects what the record will say.
#[derive(Clone, Debug)]
pub struct Ledger {
    record: CallRecord,
}

impl Ledger {
    /// A call begins.
    pub fn open(id: CallId, from: Arc<str>, numbers: &Numbers, call_id: &[u8], now: Now) -> Ledger {
        Ledger {
            record: CallRecord {
                id,
                from,
                to: None,
                route: None,
                calling: numbers.calling.clone(),
                called: numbers.called.clone(),
                caller_call_id: String::from_utf8_lossy(call_id).into_owned(),
                callee_call_id: None,
                started: now.wall,
                rang: None,
                answered: None,
                ended: WallTime::default(),
                cause: Cause::Unexpected,
                ended_by: EndedBy::Node,
                attempts: 0,
                redirects: 0,
                transfers: Vec::new(),
                caller_media: LegMediaCounts::default(),
                callee_media: LegMediaCounts::default(),
            },
        }
    }

    /// The record so far.
    pub const fn so_far(&self) -> &CallRecord {
        &self.record
    }

    /// Goes on with a record that was kept.
    pub const fn restored(record: CallRecord) -> Ledger {
        Ledger { record }
    }

    pub const fn id(&self) -> CallId {
        self.record.id
    }

    /// The route that took the call.
    pub fn routed(&mut self, route: Arc<str>) {
        self.record.route = Some(route);
    }

    /// An INVITE went out.
    pub fn attempted(&mut self, to: Arc<str>, call_id: &[u8]) {
        self.record.to = Some(to);
        self.record.callee_call_id = Some(String::from_utf8_lossy(call_id).into_owned());
        self.record.attempts += 1;
    }

    /// The caller hears ringing or early media; the first time counts.
    pub fn rang(&mut self, now: Now) {
        self.record.rang.get_or_insert(now.wall);
    }

    /// The called party answered.
    pub fn answered(&mut self, now: Now) {
        self.record.answered.get_or_insert(now.wall);
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

    /// The end began; the first reason stays.
    pub fn ended(&mut self, now: Now, cause: Cause, by: EndedBy) {
        if self.record.ended == WallTime::default() {
            self.record.ended = now.wall;
            self.record.cause = cause;
            self.record.ended_by = by;
        }
    }

    /// Media of both legs, and the record is whole.
    pub fn close(&self, caller: LegMediaCounts, callee: LegMediaCounts) -> CallRecord {
        CallRecord { caller_media: caller, callee_media: callee, ..self.record.clone() }
    }
}
