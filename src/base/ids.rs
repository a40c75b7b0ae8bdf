//! Identifiers of the process's own making. Each is a newtype, so that none can stand for another.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

/// A map of ids, or of what stands in the configuration, looked up by each message: no secret is spent on keys that nobody
/// outside can choose.
pub type IdMap<K, V> = HashMap<K, V, ById>;

/// What hashes them.
pub type ById = BuildHasherDefault<OwnCount>;

/// Spreads a count of our own over a hash map.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnCount(u64);

impl Hasher for OwnCount {
    fn write(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.write_u64((*octet).into()));
    }

    fn write_u16(&mut self, count: u16) {
        self.write_u64(count.into());
    }

    fn write_u64(&mut self, count: u64) {
        // 2^64 divided by the golden ratio: neighbours land far from each other, in the high bits too.
        self.0 = (self.0 ^ count).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(32)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($repr:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $repr);
    };
}

id!(
    /// One connection (TCP, TLS) or one remote address of a datagram listener (RFC 5626: a flow). Never reused.
    FlowId(u64)
);
id!(
    /// Who handed a message to the network, so that a failure can be told: one id per transaction, 0 for nobody.
    TransmitId(u64)
);
id!(
    /// One call: two legs and what joins them. Never reused within a process.
    CallId(u64)
);
id!(
    /// One question to the resolver. Never reused.
    ResolveId(u64)
);
id!(
    /// One transaction. Never reused.
    TransactionId(u64)
);
id!(
    /// One command of an operator, so that its answer finds the way back.
    CommandId(u64)
);
id!(
    /// Index of a listener in the configuration's snapshot (alphabetical order of the names).
    ListenerId(u16)
);
id!(
    /// Index of a network in the configuration's snapshot (alphabetical order of the names).
    NetworkId(u16)
);
id!(
    /// Index of a trunk in the configuration's snapshot (alphabetical order of the names).
    TrunkId(u16)
);
id!(
    /// One media endpoint: the media side of one leg. Never reused.
    EndpointId(u64)
);
id!(
    /// One relay worker thread, counted from 0.
    WorkerId(u16)
);
