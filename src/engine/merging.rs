//! Requests that reach us by two paths (RFC 3261 8.2.2.2): the second copy is a loop or a fork, and is refused.

use std::sync::Arc;

use crate::base::churn::{Churned, Distant};
use crate::base::ids::{ById, TransactionId};
use crate::sip::Request;

/// Open INVITEs of known peers by what a second copy would share with them. One entry for each server transaction of
/// an INVITE, so their limit is its limit.
#[derive(Debug, Default)]
pub struct Merging {
    by_key: Distant<Arc<[u8]>, TransactionId>,
    keys: Churned<TransactionId, Arc<[u8]>, ById>,
}

impl Merging {
    /// True when a copy of `request` is open already.
    pub fn contains(&self, request: &Request) -> bool {
        self.by_key.get(key(request).as_slice()).is_some()
    }

    /// `request` has opened `transaction`.
    pub fn insert(&mut self, request: &Request, transaction: TransactionId) {
        let key: Arc<[u8]> = key(request).into();
        self.by_key.insert(Arc::clone(&key), transaction);
        self.keys.insert(transaction, key);
    }

    /// The transaction is gone.
    pub fn remove(&mut self, transaction: TransactionId) {
        if let Some(key) = self.keys.remove(&transaction) {
            self.by_key.remove(&key);
        }
    }
}

/// CSeq number, Call-ID and From tag. Neither text holds a line feed, so that no two requests write the same key.
fn key(request: &Request) -> Vec<u8> {
    let (number, tag) = (request.cseq.number.to_be_bytes(), request.from_tag().unwrap_or_default());
    [&number, &*request.call_id, b"\n", tag].concat()
}
