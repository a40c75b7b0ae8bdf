//! What the plan's protection became at one endpoint, and how it goes over to the next plan.

use crate::media::plan::{Keying, OnRekey, Protection};
use crate::rtp::srtp::{Inbound, Mki, Outbound, SrtpMaster};

/// The keys of an endpoint.
pub struct Security {
    /// [`State::Unusable`] while keys wait.
    state: State,
    /// Keys that have met no packet. Session keys are derived for the first one: many a call ends before it, and to derive
    /// them costs more than everything else that opens an endpoint.
    waiting: Option<Box<Agreed>>,
    spent: SpentKeys,
}

/// How packets are protected now.
pub enum State {
    Plain,
    Sealed {
        inbound: Inbound,
        outbound: Box<Outbound>,
    },
    /// Keys of a wrong length: nothing passes, least of all unprotected.
    Unusable,
}

/// What session keys are derived from.
struct Agreed {
    local: SrtpMaster,
    remote: SrtpMaster,
    mki: Option<Mki>,
}

/// What a new plan did to the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// What we send goes on under the key (or without one) as before.
    None,
    /// What we send is under another key now, and goes on so.
    Ours(OnRekey),
}

impl Security {
    /// As the first plan says.
    pub fn new(protection: &Protection, keying: Keying) -> Security {
        let mut security = Security { state: State::Plain, waiting: None, spent: SpentKeys::default() };
        security.take(protection, keying);
        security.note(protection);
        security
    }

    /// As a packet meets it now.
    pub fn state(&mut self) -> &mut State {
        if let Some(agreed) = self.waiting.take() {
            self.state = agreed.derive();
        }
        &mut self.state
    }

    /// True when packets are neither opened nor sealed.
    pub const fn is_plain(&self) -> bool {
        matches!(self.state, State::Plain)
    }

    /// Applies a new plan. The same keys: everything goes on (MD-172).
    pub fn replan(&mut self, protection: &Protection, keying: Keying) -> KeyChange {
        if self.waiting.as_ref().is_some_and(|agreed| agreed.says(protection, keying)) {
            return KeyChange::None;
        }
        let on_rekey = self.on_rekey(protection, keying);
        let change = match (self.state(), protection) {
            (State::Plain, Protection::Rtp) => KeyChange::None,
            (State::Sealed { inbound, outbound }, Protection::Srtp { local, remote }) => {
                let change = rekey_outbound(outbound, local, on_rekey);
                match (inbound.rekey(remote, keying.mki), change) {
                    (Some(()), Some(change)) => change,
                    (None, _) | (Some(()), None) => self.replace(protection, keying),
                }
            }
            (State::Plain | State::Sealed { .. } | State::Unusable, _) => self.replace(protection, keying),
        };
        self.note(protection);
        change
    }

    fn replace(&mut self, protection: &Protection, keying: Keying) -> KeyChange {
        self.take(protection, keying);
        KeyChange::Ours(OnRekey::NewSource)
    }

    fn take(&mut self, protection: &Protection, keying: Keying) {
        (self.state, self.waiting) = match protection {
            Protection::Rtp => (State::Plain, None),
            Protection::Srtp { local, remote } => {
                let agreed = Agreed { local: local.clone(), remote: remote.clone(), mki: keying.mki };
                (State::Unusable, Some(Box::new(agreed)))
            }
        };
    }

    fn on_rekey(&self, protection: &Protection, keying: Keying) -> OnRekey {
        match protection {
            Protection::Rtp => keying.on_rekey,
            Protection::Srtp { local, .. } => self.spent.allows(local, keying.on_rekey),
        }
    }

    fn note(&mut self, protection: &Protection) {
        match protection {
            Protection::Rtp => {}
            Protection::Srtp { local, .. } => self.spent.note(local.fingerprint()),
        }
    }
}

impl Agreed {
    fn says(&self, protection: &Protection, keying: Keying) -> bool {
        match protection {
            Protection::Rtp => false,
            Protection::Srtp { local, remote } => {
                self.local == *local && self.remote == *remote && self.mki == keying.mki
            }
        }
    }

    #[cold]
    fn derive(&self) -> State {
        match (Inbound::with_mki(&self.remote, self.mki), Outbound::new(&self.local)) {
            (Some(inbound), Some(outbound)) => State::Sealed { inbound, outbound: Box::new(outbound) },
            (None | Some(_), None) | (None, Some(_)) => State::Unusable,
        }
    }
}

/// `None`: the key's length is not its suite's.
fn rekey_outbound(outbound: &mut Outbound, local: &SrtpMaster, on_rekey: OnRekey) -> Option<KeyChange> {
    if outbound.has_key(local) {
        return Some(KeyChange::None);
    }
    *outbound = match on_rekey {
        OnRekey::NewSource | OnRekey::KeepAll => outbound.under(local)?,
        OnRekey::KeepFromZero => Outbound::new(local)?,
    };
    Some(KeyChange::Ours(on_rekey))
}

/// The last keys of ours. An index of 0 under one of them may have been used with our SSRC, so for a key that comes
/// back (an offer of several suites that is answered again by another fork) the counter does not begin again.
#[derive(Debug, Default)]
struct SpentKeys {
    /// A ring once it is full; most endpoints have one key, or none.
    fingerprints: Vec<u64>,
    next: usize,
}

impl SpentKeys {
    /// More than suites in one offer: what comes back is a key of the same offer.
    const KEPT: usize = 16;

    fn allows(&self, key: &SrtpMaster, wanted: OnRekey) -> OnRekey {
        match wanted {
            OnRekey::KeepFromZero if self.fingerprints.contains(&key.fingerprint()) => OnRekey::NewSource,
            OnRekey::NewSource | OnRekey::KeepAll | OnRekey::KeepFromZero => wanted,
        }
    }

    fn note(&mut self, fingerprint: u64) {
        if self.fingerprints.contains(&fingerprint) {
            return;
        }
        match self.fingerprints.get_mut(self.next) {
            // Full: the next of the ring is the oldest.
            Some(oldest) => *oldest = fingerprint,
            None => self.fingerprints.push(fingerprint),
        }
        self.next = (self.next + 1) % SpentKeys::KEPT;
    }
}
