//! Who sends: the trunk of a flow, by listener, source address (longest prefix first) and certificate.
//!
//! A trunk with `peer_names` on a TLS listener that asks for certificates is known by the name of a certificate its
//! own trust store verified. When the listener only *requests* one and none was shown, the source address stands
//! alone, unless the trunk's peers always show one (PF-190). A trunk without sources is known by the name alone. Without
//! `peer_names` the source address decides. Trunks that all this leaves alike, as two tenants of one platform, are told
//! apart by their own names: the host of the Request-URI, else the name that the peer's TLS asked for (MD-17, MD-62).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::compile::CompileError;
use super::numbering::Numbering;
use super::settings::{ListenerSettings, RoutingSettings, TrunkSettings};
use super::snapshot::Unidentified;
use super::trunk::{ClientCertificate, Listener, PeerShows, Trunk};
use crate::base::ids::{IdMap, ListenerId, TrunkId};
use crate::sip::flow::{PeerIdentity, Transport};

/// Two trunks of one listener that no sender can be told apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambiguity {
    pub first: String,
    pub second: String,
    pub source: IpNet,
}

/// All pairs of trunks that could not be told apart.
pub fn ambiguities(settings: &RoutingSettings) -> Vec<Ambiguity> {
    let mut seen: HashMap<(&str, IpNet), Vec<&TrunkSettings>> = HashMap::new();
    let mut found = Vec::new();
    for trunk in &settings.trunks {
        let listener = settings.listeners.iter().find(|listener| listener.name == trunk.listener);
        for source in trunk.effective_sources() {
            let others = seen.entry((trunk.listener.as_str(), source)).or_default();
            // A source that a trunk names twice is no second trunk.
            let twin = others.iter().find(|other| other.name != trunk.name && !distinguished(listener, other, trunk));
            found.extend(twin.map(|twin| Ambiguity { first: twin.name.clone(), second: trunk.name.clone(), source }));
            others.push(trunk);
        }
    }
    found
}

fn distinguished(listener: Option<&ListenerSettings>, a: &TrunkSettings, b: &TrunkSettings) -> bool {
    if let (Some(one), Some(other)) = (&a.fqdn, &b.fqdn)
        && !one.eq_ignore_ascii_case(other)
    {
        return true;
    }
    let asks = listener.is_some_and(|l| asks_for_certificate(l.transport, l.client_certificate));
    let named = !a.peer_names.is_empty() || !b.peer_names.is_empty();
    asks && named && a.name != b.name && !a.peer_names.iter().any(|name| name_among(name, &b.peer_names))
}

fn asks_for_certificate(transport: Transport, posture: ClientCertificate) -> bool {
    transport == Transport::Tls && posture != ClientCertificate::Never
}

/// Everything needed to name a sender, one entry for each listener.
#[derive(Debug, Default)]
pub(super) struct Senders {
    listeners: BTreeMap<ListenerId, ListenerSenders>,
}

#[derive(Debug)]
struct ListenerSenders {
    posture: ClientCertificate,
    /// Trust stores of this listener's trunks, and of those it had; the position is the bit of
    /// `PeerIdentity::trusted_by`.
    trusts: Arc<[String]>,
    /// Prefix lengths in use, longest first: one look-up each. Both families share them; a miss costs one look-up.
    lengths: Vec<u8>,
    by_source: IdMap<IpNet, Vec<Sender>>,
    /// Trunks without sources: their certificate names them.
    by_name: Vec<Sender>,
}

/// One trunk as its listener knows it.
#[derive(Clone, Debug)]
struct Sender {
    trunk: TrunkId,
    peer_names: Vec<String>,
    /// One bit: the trunk's trust store.
    trust: u64,
    shows: PeerShows,
    /// Our own name towards it, and the name below which its accounts have theirs.
    fqdn: Option<Arc<str>>,
    base_domain: Option<Arc<str>>,
}

/// Which of several trunks of one peer is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant<'n> {
    /// Any of them: it is about the peer.
    Any,
    /// The one with this name, the host of a Request-URI; `None`: an address stands there.
    Host(Option<&'n str>),
}

/// What a sender is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// It sends from this range.
    Source(IpNet),
    /// It sends from this range, and shows a certificate with one of the trunk's names.
    SourceAndCertificate(IpNet),
    /// A certificate with one of the trunk's names, from anywhere.
    Certificate,
    /// The connection or Contact of our registration.
    Registration,
}

/// What speaks for a sender being this trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// A verified certificate carries one of the trunk's names.
    Name,
    /// Only the source address, and that is enough.
    Source,
}

impl Senders {
    /// # Errors
    /// More trust stores on one listener than a connection's bits can count.
    pub(super) fn new(
        listeners: &[Listener],
        trunks: &[Trunk],
        numbering: &mut Numbering,
    ) -> Result<Senders, CompileError> {
        let of = |listener: &Listener| trunks.iter().filter(|trunk| trunk.listener == listener.id).collect::<Vec<_>>();
        let senders = |l: &Listener| Ok((l.id, ListenerSenders::new(l, &of(l), numbering)?));
        Ok(Senders { listeners: listeners.iter().map(senders).collect::<Result<_, CompileError>>()? })
    }

    /// Trust stores of a listener's trunks in the order of the bits of `PeerIdentity::trusted_by`.
    pub(super) fn trusts(&self, listener: ListenerId) -> &[String] {
        self.listeners.get(&listener).map(|senders| &*senders.trusts).unwrap_or_default()
    }

    /// The narrowest source range of the listener's trunks that holds an address, whatever certificate they ask for.
    pub(super) fn range(&self, listener: ListenerId, source: IpAddr) -> Option<IpNet> {
        let (senders, source) = (self.listeners.get(&listener)?, source.to_canonical());
        let ranges = senders.lengths.iter().filter_map(|length| Some(IpNet::new(source, *length).ok()?.trunc()));
        ranges.into_iter().find(|range| senders.by_source.contains_key(range))
    }

    pub(super) fn identify(
        &self,
        listener: ListenerId,
        source: IpAddr,
        peer: &PeerIdentity,
        meant: Meant<'_>,
    ) -> Result<(TrunkId, KnownBy), Unidentified> {
        let senders = self.listeners.get(&listener).ok_or(Unidentified::UnknownSource)?;
        senders.identify(source.to_canonical(), peer, meant)
    }
}

impl ListenerSenders {
    fn new(listener: &Listener, trunks: &[&Trunk], numbering: &mut Numbering) -> Result<ListenerSenders, CompileError> {
        let posture = match asks_for_certificate(listener.transport, listener.client_certificate) {
            true => listener.client_certificate,
            false => ClientCertificate::Never,
        };
        let trusts: BTreeSet<String> = trunks.iter().filter_map(|t| Some(t.tls.as_ref()?.trust.clone())).collect();
        let mut senders = ListenerSenders {
            posture,
            trusts: numbering.trusts(listener.id, trusts)?,
            lengths: Vec::new(),
            by_source: IdMap::default(),
            by_name: Vec::new(),
        };
        trunks.iter().for_each(|trunk| senders.add(trunk));
        Ok(senders)
    }

    fn add(&mut self, trunk: &Trunk) {
        let sender = Sender {
            trunk: trunk.id,
            peer_names: trunk.peer_names.clone(),
            trust: self.trust_bit(trunk),
            shows: trunk.peer_shows,
            fqdn: trunk.fqdn.clone(),
            base_domain: trunk.base_domain.clone(),
        };
        for source in &trunk.sources {
            self.by_source.entry(source.trunc()).or_default().push(sender.clone());
            self.lengths.push(source.prefix_len());
        }
        self.lengths.sort_unstable_by_key(|length| Reverse(*length));
        self.lengths.dedup();
        if trunk.sources.is_empty() && !sender.peer_names.is_empty() && self.posture != ClientCertificate::Never {
            self.by_name.push(sender);
        }
    }

    fn trust_bit(&self, trunk: &Trunk) -> u64 {
        let name = trunk.tls.as_ref().map(|tls| &tls.trust);
        let position = self.trusts.iter().position(|trust| Some(trust) == name);
        position.and_then(|bit| 1u64.checked_shl(u32::try_from(bit).ok()?)).unwrap_or(0)
    }

    fn identify(
        &self,
        source: IpAddr,
        peer: &PeerIdentity,
        meant: Meant<'_>,
    ) -> Result<(TrunkId, KnownBy), Unidentified> {
        let mut refusal = None;
        for length in &self.lengths {
            let Some(net) = IpNet::new(source, *length).ok().map(|net| net.trunc()) else { continue };
            let Some(group) = self.by_source.get(&net) else { continue };
            match self.among(group, peer, meant) {
                Ok((trunk, Proof::Source)) => return Ok((trunk, KnownBy::Source(net))),
                Ok((trunk, Proof::Name)) => return Ok((trunk, KnownBy::SourceAndCertificate(net))),
                Err(reason) => refusal = refusal.or(Some(reason)),
            }
        }
        let named = self.by_name.iter().filter(|sender| self.proof(sender, peer) == Ok(Proof::Name));
        match meant_among(named, peer, meant) {
            Choice::One(sender) => Ok((sender.trunk, KnownBy::Certificate)),
            Choice::NoneByThatName => Err(Unidentified::UnknownName),
            Choice::Nobody => Err(refusal.unwrap_or(Unidentified::UnknownSource)),
        }
    }

    /// The one trunk of a group with the same source: by name, else the one that needs no name, else the only one.
    fn among(&self, group: &[Sender], peer: &PeerIdentity, meant: Meant<'_>) -> Result<(TrunkId, Proof), Unidentified> {
        let by = |wanted| group.iter().filter(move |sender| self.proof(sender, peer) == Ok(wanted));
        let named = meant_among(by(Proof::Name), peer, meant).proved(Proof::Name);
        let nameless = || {
            let nameless = by(Proof::Source).filter(|sender| sender.peer_names.is_empty());
            meant_among(nameless, peer, meant).proved(Proof::Source)
        };
        // A certificate would tell those with other names apart; without one, only the name that is asked for.
        let rest = || match by(Proof::Source).count() {
            0 => None,
            1 => meant_among(by(Proof::Source), peer, meant).proved(Proof::Source),
            _ => {
                by(Proof::Source).find(|sender| sender.is_meant(peer, meant)).map(|one| Ok((one.trunk, Proof::Source)))
            }
        };
        let refusal = || group.iter().find_map(|sender| self.proof(sender, peer).err());
        let found = named.or_else(nameless).or_else(rest);
        found.unwrap_or_else(|| Err(refusal().unwrap_or(Unidentified::NoCertificate)))
    }

    fn proof(&self, sender: &Sender, peer: &PeerIdentity) -> Result<Proof, Unidentified> {
        let shown = !peer.names.is_empty() || peer.trusted_by != 0;
        match (self.posture, shown) {
            (ClientCertificate::Never, _) => Ok(Proof::Source),
            (ClientCertificate::Request, false) if sender.shows == PeerShows::AsListener => Ok(Proof::Source),
            (ClientCertificate::Request | ClientCertificate::Require, false) => Err(Unidentified::NoCertificate),
            (ClientCertificate::Request, true) if sender.peer_names.is_empty() => Ok(Proof::Source),
            (ClientCertificate::Request | ClientCertificate::Require, true) => sender.certificate_proof(peer),
        }
    }
}

/// What is left when a name is looked for among trunks that their peer does not tell apart.
enum Choice<'s> {
    One(&'s Sender),
    /// There are several, and none has this name.
    NoneByThatName,
    Nobody,
}

impl Choice<'_> {
    /// `None`: nobody was there to choose from.
    fn proved(&self, proof: Proof) -> Option<Result<(TrunkId, Proof), Unidentified>> {
        match self {
            Choice::One(sender) => Some(Ok((sender.trunk, proof))),
            Choice::NoneByThatName => Some(Err(Unidentified::UnknownName)),
            Choice::Nobody => None,
        }
    }
}

/// A single trunk takes what comes, whatever name it goes by; of several, the one that is meant.
fn meant_among<'s>(
    senders: impl Iterator<Item = &'s Sender> + Clone,
    peer: &PeerIdentity,
    meant: Meant<'_>,
) -> Choice<'s> {
    let mut all = senders.clone();
    let Some(first) = all.next() else { return Choice::Nobody };
    if meant == Meant::Any || all.next().is_none() {
        return Choice::One(first);
    }
    let mut called = senders.clone().filter(|sender| sender.is_called(meant));
    let mut asked = senders.filter(|sender| sender.is_meant(peer, meant));
    called.next().or_else(|| asked.next()).map_or(Choice::NoneByThatName, Choice::One)
}

impl Sender {
    /// Its own name is the host.
    fn is_called(&self, meant: Meant<'_>) -> bool {
        let Meant::Host(Some(host)) = meant else { return false };
        self.fqdn.as_deref().is_some_and(|fqdn| fqdn.eq_ignore_ascii_case(host))
    }

    /// The host is its name or one below the name of its accounts; where no name stands there, its TLS asked for it.
    fn is_meant(&self, peer: &PeerIdentity, meant: Meant<'_>) -> bool {
        let name = match meant {
            Meant::Any => return false,
            Meant::Host(host) => host.or(peer.asked_for.as_deref()),
        };
        let below = |base: &str, name: &str| {
            let start = name.len().checked_sub(base.len()).and_then(|length| name.split_at_checked(length));
            start.is_some_and(|(label, rest)| label.ends_with('.') && rest.eq_ignore_ascii_case(base))
        };
        let base = self.base_domain.as_deref().or(self.fqdn.as_deref());
        name.is_some_and(|name| {
            let own = self.fqdn.as_deref().is_some_and(|fqdn| fqdn.eq_ignore_ascii_case(name));
            own || base.is_some_and(|base| below(base, name))
        })
    }

    /// A certificate that only another trunk's store verified proves nothing here.
    fn certificate_proof(&self, peer: &PeerIdentity) -> Result<Proof, Unidentified> {
        let trusted = peer.trusted_by & self.trust != 0;
        match (trusted, self.peer_names.is_empty()) {
            (true, true) => Ok(Proof::Source),
            (true, false) if peer.names.iter().any(|name| name_among(name, &self.peer_names)) => Ok(Proof::Name),
            (true | false, _) => Err(Unidentified::WrongCertificate),
        }
    }
}

fn name_among(name: &str, wanted: &[String]) -> bool {
    wanted.iter().any(|other| same_name(name, other))
}

/// Equal without case, or one is a wildcard for the other: `*` stands for one left-most label (RFC 6125 6.4.3).
fn same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || covers(a, b) || covers(b, a)
}

fn covers(wildcard: &str, name: &str) -> bool {
    let parent = wildcard.strip_prefix("*.");
    let (label, rest) = name.split_once('.').unwrap_or_default();
    parent.is_some_and(|parent| !label.is_empty() && label != "*" && parent.eq_ignore_ascii_case(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label_only() {
        assert!(same_name("*.example.com", "SBC.Example.com"));
        assert!(same_name("a.example.com", "*.example.com"));
        assert!(!same_name("*.example.com", "a.b.example.com"));
        assert!(!same_name("*.example.com", "example.com"));
        assert!(!same_name("*.com", "*.example.com"));
    }
}
