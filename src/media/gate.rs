//! Whom an endpoint hears and where it sends (DESIGN rule 6): the described address, an address learnt once,
//! or where an authenticated packet came from.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::media::plan::{AddressRules, RemoteMedia, SourceRule};
use crate::media::verdict::MediaPort;

/// The far end's addresses as described, and as they are now.
#[derive(Debug)]
pub struct Gate {
    described: Option<RemoteMedia>,
    current: Option<RemoteMedia>,
    rule: SourceRule,
    rules: Arc<AddressRules>,
    rtp: Learning,
    rtcp: Learning,
}

/// A plain port settles with the first packet that is taken; only new signalling opens it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Learning {
    Open,
    Settled,
}

impl Gate {
    /// Nothing was heard yet.
    pub const fn new(remote: Option<RemoteMedia>, rule: SourceRule, rules: Arc<AddressRules>) -> Gate {
        Gate { described: remote, current: remote, rule, rules, rtp: Learning::Open, rtcp: Learning::Open }
    }

    /// A new plan. What was learnt stays as long as the description says the same.
    pub fn replan(&mut self, remote: Option<RemoteMedia>, rule: SourceRule, rules: Arc<AddressRules>) {
        if remote == self.described {
            (self.rule, self.rules) = (rule, rules);
        } else {
            *self = Gate::new(remote, rule, rules);
        }
    }

    /// Where the far end receives now.
    pub const fn remote(&self) -> Option<RemoteMedia> {
        self.current
    }

    /// Whether the far end takes RTP and RTCP at one place (RFC 5761).
    pub fn is_shared(&self) -> bool {
        self.current.is_some_and(RemoteMedia::is_shared)
    }

    /// The RTP address, when no plain packet can change it.
    pub fn fixed_remote(&self) -> Option<SocketAddr> {
        match self.rule {
            SourceRule::Described => self.current.map(|current| current.rtp),
            SourceRule::LearnOnce(_) => None,
        }
    }

    /// Whether a plain packet from `source` may be taken. Learns its address where the rule lets it.
    pub fn takes_plain(&mut self, port: MediaPort, source: SocketAddr) -> bool {
        let Some(current) = self.current else { return false };
        let expected = source == address(current, port);
        if !expected && !self.may_learn(port, source) {
            return false;
        }
        if !expected {
            self.move_to(port, source);
        }
        match port {
            MediaPort::Rtp => self.rtp = Learning::Settled,
            MediaPort::Rtcp => self.rtcp = Learning::Settled,
        }
        true
    }

    /// The tag of a packet from `source` was good and its index above all before: the far end is there now.
    pub fn authenticated(&mut self, port: MediaPort, source: SocketAddr) {
        if self.current.is_some_and(|current| address(current, port) != source) && self.may_move(source) {
            self.move_to(port, source);
        }
    }

    /// Another far end speaks under the same description: where its predecessor was means nothing.
    pub fn forget(&mut self) {
        *self = Gate::new(self.described, self.rule.clone(), self.rules.clone());
    }

    /// A check of ICE has proved that the far end is at `source`.
    pub fn proved(&mut self, port: MediaPort, source: SocketAddr) {
        self.authenticated(port, source);
    }

    fn may_learn(&self, port: MediaPort, source: SocketAddr) -> bool {
        let learning = match port {
            MediaPort::Rtp => self.rtp,
            MediaPort::Rtcp => self.rtcp,
        };
        match &self.rule {
            SourceRule::Described => false,
            SourceRule::LearnOnce(ranges) => {
                learning == Learning::Open
                    && ranges.iter().any(|range| range.contains(&source.ip()))
                    && self.may_move(source)
            }
        }
    }

    /// Neither a key nor a list makes an internal host a media peer, nor ourselves (reliability-security M5): what is
    /// learnt or proved passes the same function as what is described.
    fn may_move(&self, source: SocketAddr) -> bool {
        self.rules.allows(source).is_ok()
    }

    fn move_to(&mut self, port: MediaPort, source: SocketAddr) {
        let Some(current) = &mut self.current else { return };
        let shared = current.is_shared();
        if shared || port == MediaPort::Rtp {
            current.rtp = source;
        }
        if shared || port == MediaPort::Rtcp {
            current.rtcp = source;
        }
    }
}

const fn address(remote: RemoteMedia, port: MediaPort) -> SocketAddr {
    match port {
        MediaPort::Rtp => remote.rtp,
        MediaPort::Rtcp => remote.rtcp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn remote(rtp: &str, rtcp: &str) -> Option<RemoteMedia> {
        Some(RemoteMedia { rtp: at(rtp), rtcp: at(rtcp) })
    }

    fn open() -> Arc<AddressRules> {
        Arc::default()
    }

    fn learn_once() -> SourceRule {
        SourceRule::LearnOnce(vec!["9.0.0.0/8".parse().unwrap()].into())
    }

    #[test]
    fn a_described_source_is_the_only_one() {
        let mut gate = Gate::new(remote("9.9.9.9:10", "9.9.9.9:11"), SourceRule::Described, open());
        assert!(gate.takes_plain(MediaPort::Rtp, at("9.9.9.9:10")));
        assert!(gate.takes_plain(MediaPort::Rtcp, at("9.9.9.9:11")));
        assert!(!gate.takes_plain(MediaPort::Rtp, at("9.9.9.9:12")));
        assert!(!gate.takes_plain(MediaPort::Rtp, at("9.9.9.8:10")));
    }

    #[test]
    fn one_other_source_is_learnt_once_and_inside_its_range_only() {
        let mut gate = Gate::new(remote("9.9.9.9:10", "9.9.9.9:11"), learn_once(), open());
        assert!(!gate.takes_plain(MediaPort::Rtp, at("8.0.0.1:10")));
        assert!(gate.takes_plain(MediaPort::Rtp, at("9.0.0.1:50")));
        assert_eq!(gate.remote(), remote("9.0.0.1:50", "9.9.9.9:11"));
        assert!(!gate.takes_plain(MediaPort::Rtp, at("9.0.0.2:50")));
        assert!(!gate.takes_plain(MediaPort::Rtp, at("9.9.9.9:10")));
    }

    #[test]
    fn after_the_described_source_spoke_nothing_is_learnt() {
        let mut gate = Gate::new(remote("9.9.9.9:10", "9.9.9.9:11"), learn_once(), open());
        assert!(gate.takes_plain(MediaPort::Rtp, at("9.9.9.9:10")));
        assert!(!gate.takes_plain(MediaPort::Rtp, at("9.0.0.1:50")));
    }

    #[test]
    fn the_same_description_keeps_what_was_learnt_and_another_opens_it_again() {
        let mut gate = Gate::new(remote("9.9.9.9:10", "9.9.9.9:11"), learn_once(), open());
        gate.takes_plain(MediaPort::Rtp, at("9.0.0.1:50"));
        gate.replan(remote("9.9.9.9:10", "9.9.9.9:11"), learn_once(), open());
        assert_eq!(gate.remote(), remote("9.0.0.1:50", "9.9.9.9:11"));
        assert!(!gate.takes_plain(MediaPort::Rtp, at("9.0.0.2:50")));
        gate.replan(remote("9.9.9.9:20", "9.9.9.9:21"), learn_once(), open());
        assert!(gate.takes_plain(MediaPort::Rtp, at("9.0.0.2:50")));
    }

    #[test]
    fn an_authenticated_packet_moves_a_shared_port_as_one_and_separate_ports_one_by_one() {
        let mut shared = Gate::new(remote("9.9.9.9:10", "9.9.9.9:10"), SourceRule::Described, open());
        shared.authenticated(MediaPort::Rtp, at("7.7.7.7:5"));
        assert_eq!(shared.remote(), remote("7.7.7.7:5", "7.7.7.7:5"));
        let mut separate = Gate::new(remote("9.9.9.9:10", "9.9.9.9:11"), SourceRule::Described, open());
        separate.authenticated(MediaPort::Rtcp, at("7.7.7.7:6"));
        assert_eq!(separate.remote(), remote("9.9.9.9:10", "7.7.7.7:6"));
    }

    #[test]
    fn a_far_end_moves_into_a_special_range_only_where_the_network_allows_it() {
        let rules = Arc::new(AddressRules { allow: vec!["10.0.0.0/8".parse().unwrap()], own: Vec::new() });
        let mut gate = Gate::new(remote("10.1.0.4:10", "10.1.0.4:11"), SourceRule::Described, rules);
        for elsewhere in
            ["127.0.0.1:53", "169.254.169.254:80", "192.168.1.1:10", "[fd00::1]:10", "[::ffff:127.0.0.1]:53"]
        {
            gate.authenticated(MediaPort::Rtp, at(elsewhere));
            assert_eq!(gate.remote(), remote("10.1.0.4:10", "10.1.0.4:11"), "{elsewhere}");
        }
        gate.authenticated(MediaPort::Rtp, at("10.9.0.7:20"));
        assert_eq!(gate.remote(), remote("10.9.0.7:20", "10.1.0.4:11"));
    }

    #[test]
    fn no_packet_moves_a_public_far_end_into_a_special_range() {
        let mut gate = Gate::new(remote("9.9.9.9:10", "9.9.9.9:11"), SourceRule::Described, open());
        for inside in ["127.0.0.1:53", "10.0.0.5:10", "169.254.169.254:80", "[64:ff9b::10.0.0.5]:10"] {
            gate.authenticated(MediaPort::Rtp, at(inside));
            gate.proved(MediaPort::Rtp, at(inside));
            assert_eq!(gate.remote(), remote("9.9.9.9:10", "9.9.9.9:11"));
        }
    }

    #[test]
    fn nobody_becomes_one_of_our_own_ports_learnt_or_authenticated() {
        let rules = Arc::new(AddressRules {
            allow: vec!["9.0.0.0/8".parse().unwrap()],
            own: vec![("9.0.0.1".parse().unwrap(), 10_000, 18_999)],
        });
        for rule in [SourceRule::Described, learn_once()] {
            let mut gate = Gate::new(remote("9.9.9.9:10", "9.9.9.9:11"), rule, rules.clone());
            gate.authenticated(MediaPort::Rtp, at("9.0.0.1:10000"));
            assert!(!gate.takes_plain(MediaPort::Rtp, at("9.0.0.1:18998")));
            assert_eq!(gate.remote(), remote("9.9.9.9:10", "9.9.9.9:11"));
        }
    }

    #[test]
    fn without_a_description_nothing_plain_is_taken_and_nothing_moves() {
        let mut gate = Gate::new(None, learn_once(), open());
        assert!(!gate.takes_plain(MediaPort::Rtp, at("9.0.0.1:50")));
        gate.authenticated(MediaPort::Rtp, at("9.0.0.1:50"));
        assert_eq!(gate.remote(), None);
    }
}
