//! ICE-lite at one leg (RFC 8445 2.5, MD-195..201): checks are answered and never sent, and what they prove decides
//! where media goes.
//!
//! A check counts when its integrity was made with our password; which far end it is from stands in the second half
//! of its USERNAME, so several forks may check at once, and before any of them has answered. Checks are kept by that
//! name; once a description says which far end it is, its nominated pair counts, or while none is nominated the
//! checked one of highest priority (MD-199). New credentials of ours are a restart: the old ones are answered and the
//! old pair is used until a check under the new ones has come (MD-201). Consent is by traffic: the far end's checks
//! count as a sign of life, as its media does.

use std::net::SocketAddr;

use aws_lc_rs::hmac;
use zeroize::Zeroize;

use crate::base::Secret;
use crate::base::bounds::Bound;
use crate::base::limits::ICE_CHECKED_PAIRS;
use crate::media::plan::{IceCredentials, IcePlan};
use crate::media::verdict::{DropReason, MediaPort};
use crate::rtp::stun::{Answer, Message, Role};

const UFRAG_CHARACTERS: usize = 8;
const PASSWORD_CHARACTERS: usize = 32;

/// The agent of one endpoint.
#[derive(Debug)]
pub struct IceLite {
    current: IceCredentials,
    /// Answered until a check comes under `current`.
    previous: Option<IceCredentials>,
    remote_ufrag: Option<Box<[u8]>>,
    checked: Vec<Checked>,
}

/// A pair that a check has proved.
#[derive(Debug)]
struct Checked {
    ufrag: Box<[u8]>,
    port: MediaPort,
    source: SocketAddr,
    priority: u32,
    nominated: bool,
}

/// What one check did.
#[derive(Debug)]
pub struct Checking {
    pub answer: Answer,
    /// Where the far end is now on the port of the check, if that is known.
    pub selected: Option<SocketAddr>,
}

/// What a new plan means for where media goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replanned {
    /// The pair in use stays until another is proved.
    KeepPair,
    /// The described address counts, unless [`IceLite::selected`] knows better.
    Describe,
}

impl IceLite {
    /// Nothing was checked yet.
    pub fn new(plan: &IcePlan) -> IceLite {
        IceLite {
            current: plan.local.clone(),
            previous: None,
            remote_ufrag: plan.remote_ufrag.as_deref().map(octets),
            checked: Vec::new(),
        }
    }

    /// A new plan. Unchanged credentials of ours are no restart, whatever else changes.
    pub fn replan(&mut self, plan: &IcePlan) -> Replanned {
        let remote = plan.remote_ufrag.as_deref().map(octets);
        let same_far_end = self.remote_ufrag == remote;
        self.remote_ufrag = remote;
        if plan.local == self.current {
            return if same_far_end { Replanned::KeepPair } else { Replanned::Describe };
        }
        self.previous = Some(std::mem::replace(&mut self.current, plan.local.clone()));
        self.checked.clear();
        Replanned::KeepPair
    }

    /// Takes a message from `source`.
    ///
    /// # Errors
    /// Why it is not answered; nothing changed then.
    pub fn check(&mut self, port: MediaPort, source: SocketAddr, packet: &[u8]) -> Result<Checking, DropReason> {
        let request = Message::read(packet).map_err(|_| DropReason::StunMalformed)?;
        if !request.is_binding_request() {
            return Err(DropReason::StunUnexpected);
        }
        let (credentials, ufrag) = self.credentials_of(&request).ok_or(DropReason::StunUnauthenticated)?;
        let password = credentials.password.expose().as_bytes();
        if !request.has_good_fingerprint() || !request.is_authentic(password) {
            return Err(DropReason::StunUnauthenticated);
        }
        // A lite agent is never controlling, so the far end must be (RFC 8445 6.1.1).
        if request.role == Role::Controlled {
            return Ok(Checking { answer: request.role_conflict(password), selected: None });
        }
        let answer = request.success(source, password);
        if credentials.ufrag == self.current.ufrag {
            self.previous = None;
            self.note(ufrag, port, source, &request);
        }
        Ok(Checking { answer, selected: self.selected(port) })
    }

    /// The pair in use on a port: the nominated one of the highest priority, else the checked one; `None` while the
    /// far end in the description has checked nothing there.
    pub fn selected(&self, port: MediaPort) -> Option<SocketAddr> {
        let remote = self.remote_ufrag.as_deref()?;
        let mut best: Option<&Checked> = None;
        for pair in self.checked.iter().filter(|pair| pair.port == port && *pair.ufrag == *remote) {
            // Of two alike the first stays: repeated checks never make media jump.
            if best.is_none_or(|best| pair.rank() > best.rank()) {
                best = Some(pair);
            }
        }
        best.map(|pair| pair.source)
    }

    /// True for a source that the far end in the description has proved (MD-199: media may come from any of them).
    pub fn has_checked(&self, port: MediaPort, source: SocketAddr) -> bool {
        let of_far_end = |pair: &&Checked| self.remote_ufrag.as_deref() == Some(&*pair.ufrag);
        self.checked.iter().filter(of_far_end).any(|pair| pair.port == port && pair.source == source)
    }

    /// Our credentials that a request speaks to, and the far end's name in it.
    fn credentials_of<'m>(&self, request: &Message<'m>) -> Option<(&IceCredentials, &'m [u8])> {
        let username = request.username?;
        let colon = username.iter().position(|octet| *octet == b':')?;
        let (local, remote) = (username.get(..colon)?, username.get(colon + 1..)?);
        let mut ours = [Some(&self.current), self.previous.as_ref()].into_iter().flatten();
        let named = ours.find(|ours| ours.ufrag.as_bytes() == local)?;
        (!remote.is_empty()).then_some((named, remote))
    }

    fn note(&mut self, ufrag: &[u8], port: MediaPort, source: SocketAddr, request: &Message<'_>) {
        let known = |pair: &&mut Checked| (pair.port, pair.source) == (port, source) && *pair.ufrag == *ufrag;
        if let Some(pair) = self.checked.iter_mut().find(known) {
            pair.nominated |= request.nominates;
            pair.priority = request.priority;
            return;
        }
        if self.checked.len() >= ICE_CHECKED_PAIRS {
            Bound::IceCheckedPairs.reached();
            self.forget_one();
        }
        let (priority, nominated) = (request.priority, request.nominates);
        self.checked.push(Checked { ufrag: ufrag.into(), port, source, priority, nominated });
    }

    /// Makes room: the oldest pair that is not nominated, else the oldest of another far end, else the oldest.
    fn forget_one(&mut self) {
        let remote = self.remote_ufrag.as_deref();
        let place = self
            .checked
            .iter()
            .position(|pair| !pair.nominated)
            .or_else(|| self.checked.iter().position(|pair| Some(&*pair.ufrag) != remote))
            .unwrap_or(0);
        if place < self.checked.len() {
            self.checked.remove(place);
        }
    }
}

impl Checked {
    const fn rank(&self) -> (bool, u32) {
        (self.nominated, self.priority)
    }
}

/// Credentials of ours: the `generation`-th made from `seed`, the same each time. They begin at 0 and go on with each
/// restart. The name has 32 bits and the password 128, as RFC 8445 5.3 demands at least.
pub fn credentials(seed: &Secret<[u8; 32]>, generation: u32) -> IceCredentials {
    let key = hmac::Key::new(hmac::HMAC_SHA256, seed.expose());
    let tag = hmac::sign(&key, &generation.to_be_bytes());
    let mut text: String = tag.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    let ufrag = text.chars().take(UFRAG_CHARACTERS).collect::<String>().into();
    let password = Secret::new(text.chars().skip(UFRAG_CHARACTERS).take(PASSWORD_CHARACTERS).collect());
    text.zeroize();
    IceCredentials { ufrag, password }
}

fn octets(text: &str) -> Box<[u8]> {
    text.as_bytes().into()
}
