//! How many calls a trunk or an account may have at once, and begin in a second, in both directions. The node's own limits
//! are the engine's.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::Instant;
use crate::base::bounds::Bound;
use crate::base::bucket::{Bucket, Rate};
use crate::base::ids::{CallId, TrunkId};
use crate::base::limits::{COUNTED_ACCOUNTS, REFUSED_RECORDS};
use crate::route::directory::{Account, AccountName};
use crate::route::trunk::Trunk;

/// Why a trunk may not begin another call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// `max_calls`.
    Calls,
    /// `max_calls_per_s`.
    Rate,
}

/// Calls of each trunk: where they come in, and where they go out while they are tried or talk.
#[derive(Debug, Default)]
pub struct Admission {
    trunks: BTreeMap<TrunkId, Count>,
    /// Every trunk a call is counted on, once for each of its legs there.
    calls: BTreeMap<CallId, Vec<TrunkId>>,
    /// Accounts that have a limit, as long as they call.
    accounts: BTreeMap<AccountName, Count>,
    /// Whose a call is.
    owners: BTreeMap<CallId, AccountName>,
}

/// One count. The rate is a bucket that holds one second's worth of calls.
#[derive(Debug, Default)]
struct Count {
    calls: usize,
    /// `None`: no call has come under a rate so far.
    bucket: Option<Bucket>,
    /// The same of records of calls that were refused before they were calls.
    recorded: Option<Bucket>,
}

impl Admission {
    /// Counts a call of `trunk`, if it may begin.
    ///
    /// # Errors
    /// The limit that is reached; nothing is counted.
    pub fn begin(&mut self, now: Instant, trunk: &Trunk, call: CallId) -> Result<(), Over> {
        let count = self.trunks.entry(trunk.id).or_default();
        count.begin(now, trunk.max_calls, trunk.max_calls_per_s)?;
        self.calls.entry(call).or_default().push(trunk.id);
        Ok(())
    }

    /// Counts an emergency call: it is there, but no limit of its trunk stops it (PF-163).
    pub fn begin_urgent(&mut self, trunk: &Trunk, call: CallId) {
        let count = self.trunks.entry(trunk.id).or_default();
        count.calls += 1;
        self.calls.entry(call).or_default().push(trunk.id);
    }

    /// Counts a call of `account`, if it may begin. An account without limits is not counted.
    ///
    /// # Errors
    /// The limit that is reached; nothing is counted.
    pub fn begin_of(&mut self, now: Instant, account: &Account, call: CallId) -> Result<(), Over> {
        if account.max_calls.is_none() && account.max_calls_per_s.is_none() {
            return Ok(());
        }
        if self.accounts.len() >= COUNTED_ACCOUNTS && !self.accounts.contains_key(&account.name) {
            Bound::CountedAccounts.reached();
            self.accounts.retain(|_, count| !count.is_idle(now));
        }
        let count = self.accounts.entry(account.name.clone()).or_default();
        let most = account.max_calls.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        count.begin(now, most, account.max_calls_per_s)?;
        self.owners.insert(call, account.name.clone());
        Ok(())
    }

    /// Calls on a trunk now.
    pub fn load(&self, trunk: TrunkId) -> usize {
        self.trunks.get(&trunk).map_or(0, |count| count.calls)
    }

    /// Whether one more INVITE of `trunk` that becomes no call may have a record.
    pub fn records(&mut self, now: Instant, trunk: TrunkId) -> bool {
        let rate = Rate::even(REFUSED_RECORDS);
        let count = self.trunks.entry(trunk).or_default();
        count.recorded.get_or_insert(Bucket::full(now, rate)).take(now, rate)
    }

    /// A call is no longer tried on `trunk`.
    pub fn leave(&mut self, trunk: &Trunk, call: CallId) {
        let Some(trunks) = self.calls.get_mut(&call) else { return };
        // The last one: the first may be the leg the call came in on.
        if let Some(at) = trunks.iter().rposition(|held| *held == trunk.id) {
            trunks.remove(at);
            self.release(trunk.id);
        }
    }

    /// A leg of `from` on `trunk` belongs to `to` from now on.
    pub fn moved(&mut self, trunk: &Trunk, from: CallId, to: CallId) {
        let Some(trunks) = self.calls.get_mut(&from) else { return };
        if let Some(at) = trunks.iter().rposition(|held| *held == trunk.id) {
            trunks.remove(at);
            self.calls.entry(to).or_default().push(trunk.id);
        }
    }

    /// A call is over.
    pub fn ended(&mut self, call: CallId) {
        for trunk in self.calls.remove(&call).unwrap_or_default() {
            self.release(trunk);
        }
        if let Some(count) = self.owners.remove(&call).and_then(|name| self.accounts.get_mut(&name)) {
            count.calls = count.calls.saturating_sub(1);
        }
    }

    /// Forgets the counts of trunks that are no more, as soon as they have no calls.
    pub fn retain(&mut self, is_there: impl Fn(TrunkId) -> bool) {
        self.trunks.retain(|trunk, count| count.calls > 0 || is_there(*trunk));
    }

    fn release(&mut self, trunk: TrunkId) {
        if let Some(count) = self.trunks.get_mut(&trunk) {
            count.calls = count.calls.saturating_sub(1);
        }
    }
}

impl Count {
    fn begin(&mut self, now: Instant, calls: Option<usize>, rate: Option<u32>) -> Result<(), Over> {
        if calls.is_some_and(|limit| self.calls >= limit) {
            return Err(Over::Calls);
        }
        if let Some(rate) = rate.map(Rate::even)
            && !self.bucket.get_or_insert(Bucket::full(now, rate)).take(now, rate)
        {
            return Err(Over::Rate);
        }
        self.calls += 1;
        Ok(())
    }

    /// Nothing is lost when it is forgotten.
    fn is_idle(&self, now: Instant) -> bool {
        let is_full = |bucket: Bucket| now.since(bucket.asked()) >= Duration::from_secs(1);
        self.calls == 0 && self.bucket.is_none_or(is_full)
    }
}
