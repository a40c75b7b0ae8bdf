//! Identifiers of the process's own making. Each is a newtype, so that none can stand for another.

use serde::{Deserialize, Serialize};

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
