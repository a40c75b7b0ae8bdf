//! Headers of one party's message that its partner gets: `headers` of the partner's trunk, the same policy for the INVITE
//! that opens a leg, for answers to it, for BYE and for requests that cross (RFC 7433 6: User-to-User may stand in all of
//! them). What we say by ourselves carries none.

use bytes::Bytes;

use super::call::Common;
use super::record::Side;
use crate::route::policy::Facts;
use crate::route::trunk::Trunk;
use crate::sip::Message;

/// Names and values, octet for octet.
pub type Passed = Vec<(Bytes, Bytes)>;

impl Common {
    /// What the party on `to` gets of its partner's message. `callee`: the trunk on which the call went out.
    pub fn passed(&self, to: Side, callee: &Trunk, message: &Message) -> Passed {
        let policy = match to {
            Side::Caller => &self.caller.trunk.presentation.headers,
            Side::Callee => &callee.presentation.headers,
        };
        if policy.is_empty() {
            return Passed::new();
        }
        let call_id = self.ledger.id().0.to_string();
        let facts = Facts {
            calling: &self.numbers.calling,
            called: &self.numbers.called,
            original_called: self.numbers.original_called.as_deref().unwrap_or(&self.numbers.called),
            from_trunk: &self.caller.trunk.name,
            to_trunk: &callee.name,
            account: self.whose.account_name(),
            call_id: &call_id,
            node: &self.snapshot.node_name,
            route: self.ledger.so_far().route.as_deref().unwrap_or_default(),
            contents: self.whose.contents(),
        };
        let lines = policy.outgoing(Vec::new(), Some(message), &facts);
        lines.into_iter().map(|line| (line.name, line.value)).collect()
    }
}

/// Those that are not written anyway.
pub fn without(passed: Passed, written: &'static [&'static [u8]]) -> impl Iterator<Item = (Bytes, Bytes)> {
    passed.into_iter().filter(move |(name, _)| !written.iter().any(|own| own.eq_ignore_ascii_case(name)))
}
