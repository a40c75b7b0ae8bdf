//! A stable call as data: written before the process ends, read by the next one (DESIGN 8). A call is stable when it is
//! answered and nothing of it waits: no request of either side, no ACK, no offer, no digit, no transfer. Written, read and
//! written again it is the same, octet for octet.
//!
//! A checkpoint holds the keys of its media: it is as secret as they are. Settings are not in it: a call goes on under
//! those of the trunk of the same name. Roll-over counters and sequence numbers live in the relay and are not part of it;
//! what the relay needs to be told anew follows from both legs' descriptions.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::call::{Call, CallTimer, Common, State};
use super::established::Established;
use super::exchange::Exchange;
use super::ledger::Ledger;
use super::leg::{KeptLeg, Leg};
use super::record::{CallRecord, Side};
use super::screening::Numbers;
use super::transfer::{Departing, KeptMoves, Moves};
use crate::base::Instant;
use crate::base::ids::{CallId, EndpointId};
use crate::base::timers::Timers;
use crate::dialog::DialogKey;
use crate::route::directory::{AccountName, Claim, Decision, Directory, HeaderContent};
use crate::route::number::E164;
use crate::route::snapshot::Snapshot;
use crate::route::trunk::Trunk;

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    record: CallRecord,
    numbers: Numbers,
    timers: Vec<(CallTimer, Instant)>,
    caller: KeptLeg,
    callee: KeptLeg,
    moves: KeptMoves,
    whose: KeptDecision,
}

/// Whose a call is, as it is written: by the account's name.
#[derive(Debug, Default, Serialize, Deserialize)]
struct KeptDecision {
    account: Option<AccountName>,
    number: Option<E164>,
    claim: Option<Claim>,
    custom_header: Option<HeaderContent>,
}

impl KeptDecision {
    fn of(decision: &Decision) -> KeptDecision {
        KeptDecision {
            account: decision.account.as_ref().map(|account| account.name.clone()),
            number: decision.number.clone(),
            claim: decision.claim,
            custom_header: decision.custom_header.clone(),
        }
    }

    /// With the account as it is now; one that is gone leaves the call nobody's.
    fn found(self, directory: &Directory) -> Decision {
        let account = self.account.and_then(|name| directory.account(&name).cloned());
        Decision { account, number: self.number, claim: self.claim, custom_header: self.custom_header }
    }
}

/// Why a checkpoint makes no call. The name is for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrestorable {
    /// The configuration has no trunk of this name any more.
    NoTrunk(Arc<str>),
}

impl Checkpoint {
    /// The call's identifier.
    pub const fn id(&self) -> CallId {
        self.record.id
    }

    /// Keys of both dialogs, with their sides.
    pub fn dialogs(&self) -> [(DialogKey, Side); 2] {
        [(self.caller.dialog.key(), Side::Caller), (self.callee.dialog.key(), Side::Callee)]
    }

    /// The media endpoints that the relay serves for it.
    pub const fn endpoints(&self) -> [EndpointId; 2] {
        [self.caller.endpoint, self.callee.endpoint]
    }

    /// Names of its trunks: the caller's and the called party's.
    pub fn trunks(&self) -> [&str; 2] {
        [&self.caller.trunk, &self.callee.trunk]
    }
}

impl Call {
    /// The call as data; `None` while it is not stable.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let State::Established(established) = &self.state else { return None };
        let common = &self.common;
        if !(common.losers.is_empty() && common.departing.is_empty() && established.is_stable()) {
            return None;
        }
        Some(Checkpoint {
            record: common.ledger.so_far().clone(),
            numbers: common.numbers.clone(),
            timers: common.timers.all().collect(),
            caller: common.caller.kept()?,
            callee: established.callee.kept()?,
            moves: established.moves.kept()?,
            whose: KeptDecision::of(&common.whose),
        })
    }

    /// The call of a checkpoint, under `snapshot`.
    ///
    /// # Errors
    /// A trunk of it is gone.
    pub fn restore(
        checkpoint: Checkpoint,
        snapshot: &Arc<Snapshot>,
        directory: &Arc<Directory>,
    ) -> Result<Call, Unrestorable> {
        let mut caller = leg(checkpoint.caller, Side::Caller, snapshot)?;
        let mut callee = leg(checkpoint.callee, Side::Callee, snapshot)?;
        caller.media.continues(&callee.media.media);
        callee.media.continues(&caller.media.media);
        let mut timers = Timers::default();
        checkpoint.timers.into_iter().for_each(|(timer, at)| timers.set(timer, at));
        let mut established = Established::new(Box::new(callee), Exchange::Idle);
        established.moves = Moves::restored(checkpoint.moves);
        let common = Common {
            snapshot: Arc::clone(snapshot),
            directory: Arc::clone(directory),
            whose: checkpoint.whose.found(directory),
            caller,
            numbers: checkpoint.numbers,
            ledger: Ledger::restored(checkpoint.record),
            timers,
            losers: Vec::new(),
            departing: Departing::default(),
            tried: None,
        };
        Ok(Call { common, state: State::Established(Box::new(established)) })
    }
}

impl Established {
    /// True when no exchange, no offer and no request between the parties waits.
    fn is_stable(&self) -> bool {
        let waits = !self.untold.is_empty() || self.held.is_some() || !self.handed.is_empty();
        matches!(self.exchange, Exchange::Idle) && !waits
    }
}

fn leg(kept: KeptLeg, side: Side, snapshot: &Snapshot) -> Result<Leg, Unrestorable> {
    let gone = || Unrestorable::NoTrunk(Arc::clone(&kept.trunk));
    let trunk: &Arc<Trunk> = snapshot.trunk_named(&kept.trunk).ok_or_else(gone)?;
    let network = snapshot.network(trunk.network).ok_or_else(gone)?;
    Ok(Leg::restored(kept, side, Arc::clone(trunk), Arc::clone(&network.rules)))
}
