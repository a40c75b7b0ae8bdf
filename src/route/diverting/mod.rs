//! Who sent a call on before it came to us: one list inside, Diversion (RFC 5806) and History-Info (RFC 7044, RFC 4244)
//! on the wire, converted by RFC 7544. Whether a call goes in a circle is judged before it is read here: `call::screening`.
//!
//! [`Diversions`] stands oldest first. Diversion is written newest first, History-Info oldest first (PF-139).

mod diversion;
mod history;
mod reason;

pub use diversion::{read_diversions, write_diversions};
pub use history::{HistoryStyle, read_history, write_history};
pub use reason::DiversionReason;

use bytes::Bytes;

use super::number::Party;

/// Whether a diverting party may be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DivertingPrivacy {
    /// `privacy=off`, or no `Privacy=history`.
    #[default]
    Off,
    /// `privacy=full`, `name` or `uri`; `Privacy=history`: nobody outside the trust domain may see it (RFC 7544 7.1).
    Full,
}

/// One time the call was sent on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diverted {
    /// Who sent it on.
    pub by: Party,
    /// Display name as written, quotes included.
    pub display: Option<Bytes>,
    pub reason: DiversionReason,
    /// How many diversions this entry stands for, at least 1 (RFC 5806 counter).
    pub counter: u16,
    pub privacy: DivertingPrivacy,
}

impl Diverted {
    /// Once, to be seen by all.
    pub const fn once(by: Party, reason: DiversionReason) -> Diverted {
        Diverted { by, display: None, reason, counter: 1, privacy: DivertingPrivacy::Off }
    }
}

/// The diversions of a call, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diversions(Vec<Diverted>);

impl Diversions {
    /// Oldest first.
    pub const fn new(oldest_first: Vec<Diverted>) -> Diversions {
        Diversions(oldest_first)
    }

    /// Oldest first.
    pub fn oldest_first(&self) -> &[Diverted] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who was called first of all.
    pub fn original(&self) -> Option<&Diverted> {
        self.0.first()
    }

    /// Who sent the call on last.
    pub fn newest(&self) -> Option<&Diverted> {
        self.0.last()
    }

    /// The same list, nobody in it to be seen outside the trust domain.
    pub fn hidden(self) -> Diversions {
        let hide = |diverted: Diverted| Diverted { privacy: DivertingPrivacy::Full, ..diverted };
        Diversions(self.0.into_iter().map(hide).collect())
    }

    /// The call is sent on once more.
    pub fn push(&mut self, diverted: Diverted) {
        self.0.push(diverted);
    }
}

/// Both headers of one call as one list: History-Info knows more (RFC 7544 3.1) and wins where it tells of a diversion.
pub fn merged(history: Diversions, diversion: Diversions) -> Diversions {
    if history.is_empty() { diversion } else { history }
}
