//! What may still come for an INVITE of ours that is over: a proxy sends a 2xx on even where it has sent a failure
//! before (RFC 3261 16.7 step 5), and whoever answered so waits for an ACK and a BYE (13.2.2.4). Over UDP timer D keeps
//! the transaction for that long; over a connection it is zero, and after timer B nothing is left at all. What is kept
//! here is no transaction: it counts for no limit of calls, and no end of a call waits for it.

use std::mem;
use std::time::Duration;

use super::{Acknowledged, Machine, Matched, News, Transactions, User, acknowledged, found, transport};
use crate::base::Instant;
use crate::base::bounds::Bound;
use crate::base::ids::{TransactionId, TransmitId};
use crate::base::limits::ACKNOWLEDGED_FORKS;
use crate::call::OutgoingInvite;
use crate::sip::flow::{Flow, Transmit};
use crate::sip::{Method, Response};
use crate::transaction::{ClientKey, Key, Refused};

/// As long as timer D over UDP (RFC 3261 17.1.1.2).
const KEPT: Duration = Duration::from_secs(32);

/// An INVITE whose transaction is gone.
#[derive(Debug)]
pub(super) struct Late {
    user: User,
    invite: Box<OutgoingInvite>,
    /// What each 2xx was acknowledged with.
    pub acks: Vec<Acknowledged>,
}

impl Transactions {
    /// The transaction goes: an INVITE that opened a dialog, had no 2xx, and may have one yet is kept.
    pub(super) fn keep_late(&mut self, now: Instant, id: TransactionId) {
        let Some(entry) = self.table.by_id_mut(id) else { return };
        let Machine::ClientInvite { request, acks, opens, .. } = &mut entry.machine else { return };
        // Over UDP timer D has waited for it.
        let has_waited = request.is_empty() && !transport(&entry.to).is_reliable();
        if has_waited || !acks.is_empty() {
            return;
        }
        let Some((invite, branch)) = opens.take().zip(entry.branch.as_ref()) else { return };
        let (key, late) =
            (ClientKey::new(branch.as_bytes(), &Method::Invite), Late { user: entry.user, invite, acks: Vec::new() });
        match self.late.insert(key, late) {
            Ok(kept) => self.late.wake_at(kept, Some(now + KEPT)),
            Err(Refused::Full) => Bound::LateAnswers.reached(),
            Err(Refused::Duplicate(_)) => {}
        }
    }

    /// A response of no transaction.
    pub(super) fn late_answer(&mut self, response: Box<Response>, flow: Flow) -> Matched<Box<Response>> {
        if self.late.is_empty() || !response.status.is_success() {
            return Matched::No(response);
        }
        let key = Key::from(ClientKey::of_in(mem::take(&mut self.wanted), &response));
        let Some((_, late)) = found(&mut self.late, key, &mut self.wanted) else { return Matched::No(response) };
        if let Some(ack) = acknowledged(&late.acks, &response) {
            self.transmits.push(Transmit { id: TransmitId(0), to: ack.to.clone(), bytes: ack.bytes.clone() });
            return Matched::Yes;
        }
        if late.acks.len() >= ACKNOWLEDGED_FORKS {
            return Matched::No(response);
        }
        let (user, invite) = (late.user, late.invite.clone());
        self.news.push_back(News::Forked { user, invite, response, flow });
        Matched::Yes
    }

    /// Those whose time is over.
    pub(super) fn forget_late(&mut self, now: Instant) {
        while let Some(id) = self.late.pop_due(now) {
            self.late.remove(id);
        }
    }
}
