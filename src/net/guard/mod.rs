//! How strangers are borne with: how often each source may knock and ask, what it is banned for, and for how long (S-R1,
//! S-R2). A pure value: time is an argument, and sources are in bounded tables.
//!
//! A *stranger* is whoever no trunk of the listener names by its source range or by a certificate that was proved. The
//! sources of configured peers never come here but to be slowed down: they are not banned. Nor is a *trusted* source: one
//! we sent a request to or dialled (so every address a target's name was resolved to), one whose message belonged to a
//! call, or one that proved a certificate or a password, for [`TRUST`].
//!
//! What comes in datagrams is counted apart ([`Over`]): whoever writes on them the address of a peer that only its
//! certificate names keeps it from none of its connections.

mod gate;
mod recent;
mod source;

use std::time::Duration;

use crate::base::Instant;
use crate::base::bounds::Bound;
use crate::base::bucket::{Bucket, Rate};
use crate::base::limits::{BAN_MAX, Limits, OFFENCES_COUNTED, PEER_SOURCES, TRUST, TRUSTED_SOURCES};

pub use gate::{Gate, Visitor};
pub use recent::Recent;
pub use source::{Over, Source};

/// What a stranger does that brings it nearer to a ban. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Offence {
    /// A message that the wire layer refused.
    Malformed,
    /// A TLS handshake that failed by the stranger's fault, or was not finished.
    BadHandshake,
    /// A request out of a dialog from a source that no trunk has.
    UnknownSource,
    /// Credentials that were wrong.
    WrongCredentials,
    /// The name of a tool that looks for telephone systems.
    Scanner,
}

impl Offence {
    /// Every offence, for the metrics' start at zero.
    pub const ALL: [Offence; 5] = [
        Offence::Malformed,
        Offence::BadHandshake,
        Offence::UnknownSource,
        Offence::WrongCredentials,
        Offence::Scanner,
    ];

    /// How many within [`OFFENCES_COUNTED`] bring a ban (S-R2).
    const fn borne(self) -> u8 {
        match self {
            Offence::Malformed | Offence::BadHandshake | Offence::UnknownSource => 20,
            Offence::WrongCredentials => 10,
            Offence::Scanner => 3,
        }
    }

    const fn place(self) -> usize {
        match self {
            Offence::Malformed => 0,
            Offence::BadHandshake => 1,
            Offence::UnknownSource => 2,
            Offence::WrongCredentials => 3,
            Offence::Scanner => 4,
        }
    }

    /// In words, for the log and the operator.
    pub const fn words(self) -> &'static str {
        match self {
            Offence::Malformed => "malformed messages",
            Offence::BadHandshake => "failed TLS handshakes",
            Offence::UnknownSource => "requests from a source of no trunk",
            Offence::WrongCredentials => "wrong credentials",
            Offence::Scanner => "a scanner's requests",
        }
    }
}

/// A ban as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    pub source: Source,
    /// What brought it; one of datagrams holds for datagrams only.
    pub over: Over,
    pub why: Offence,
    /// How long it still holds.
    pub left: Duration,
    /// Bans of this source since it last kept quiet for a day.
    pub times: u32,
}

/// What becomes of something a stranger sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Take,
    /// More than its rate.
    TooMany,
    Banned,
}

/// How much is borne.
#[derive(Clone, Copy, Debug)]
struct Rules {
    requests: Rate,
    connections: Rate,
    peers: Rate,
    /// Of the first ban; each further one is twice as long. Zero: nobody is banned.
    ban: Duration,
}

/// See the module.
#[derive(Debug)]
pub struct Guard {
    rules: Rules,
    strangers: Recent<(Source, Over), Conduct>,
    trusted: Recent<Source, Instant>,
    peers: Recent<Source, Bucket>,
}

/// What is known of one stranger.
#[derive(Debug)]
struct Conduct {
    requests: Bucket,
    connections: Bucket,
    /// Since when the offences are counted.
    since: Instant,
    offences: [u8; Offence::ALL.len()],
    banned: Option<Banned>,
}

#[derive(Clone, Copy, Debug)]
struct Banned {
    until: Instant,
    why: Offence,
    times: u32,
}

impl Guard {
    /// Limits: `unknown_requests_per_s`, `unknown_connections_per_s`, `max_requests_per_s_per_source`, `ban_s`,
    /// `remembered_sources`.
    pub fn new(limits: &Limits) -> Guard {
        let twice = |rate: u32| Rate::new(rate, rate.saturating_mul(2));
        Guard {
            rules: Rules {
                requests: twice(limits.unknown_requests_per_s),
                connections: twice(limits.unknown_connections_per_s),
                peers: Rate::even(limits.max_requests_per_s_per_source),
                ban: Duration::from_secs(limits.ban_s),
            },
            strangers: Recent::new(limits.remembered_sources, Bound::RememberedSources),
            trusted: Recent::new(TRUSTED_SOURCES, Bound::TrustedSources),
            peers: Recent::new(PEER_SOURCES, Bound::PeerSources),
        }
    }

    /// A stranger sends a message.
    pub fn message(&mut self, now: Instant, source: Source, over: Over) -> Verdict {
        if over == Over::Datagrams && self.is_kept_out(now, source) {
            return Verdict::Banned;
        }
        self.judged(now, source, over, |conduct, rules| conduct.requests.take(now, rules.requests))
    }

    /// A stranger opens a connection.
    pub fn connection(&mut self, now: Instant, source: Source) -> Verdict {
        let take = |conduct: &mut Conduct, rules: &Rules| conduct.connections.take(now, rules.connections);
        self.judged(now, source, Over::Connections, take)
    }

    fn judged(
        &mut self,
        now: Instant,
        source: Source,
        over: Over,
        take: impl FnOnce(&mut Conduct, &Rules) -> bool,
    ) -> Verdict {
        if self.is_trusted(now, source) {
            return Verdict::Take;
        }
        let rules = self.rules;
        let conduct = self.conduct(now, source, over);
        if conduct.is_banned(now) {
            return Verdict::Banned;
        }
        if take(conduct, &rules) { Verdict::Take } else { Verdict::TooMany }
    }

    /// A configured peer begins something; `false`: more than `max_requests_per_s_per_source`.
    pub fn peer_may_begin(&mut self, now: Instant, source: Source) -> bool {
        let rate = self.rules.peers;
        self.peers.entry(source, || Bucket::full(now, rate)).take(now, rate)
    }

    /// A stranger offends. Returns its ban, if this brings one.
    pub fn offend(&mut self, now: Instant, source: Source, over: Over, offence: Offence) -> Option<Ban> {
        if self.rules.ban.is_zero() || self.is_trusted(now, source) {
            return None;
        }
        let first = self.rules.ban;
        let conduct = self.conduct(now, source, over);
        if conduct.is_banned(now) || !conduct.count(now, offence) {
            return None;
        }
        let before = conduct.banned.filter(|banned| now.since(banned.until) < BAN_MAX).map_or(0, |banned| banned.times);
        let left = first.saturating_mul(2u32.saturating_pow(before)).min(BAN_MAX);
        let times = before.saturating_add(1);
        conduct.banned = Some(Banned { until: now + left, why: offence, times });
        Some(Ban { source, over, why: offence, left, times })
    }

    /// The source is as good as a peer for a while; a ban of it ends.
    pub fn trust(&mut self, now: Instant, source: Source) {
        *self.trusted.entry(source, || now) = now + TRUST;
        self.lift(now, source);
    }

    /// Ends a ban; `false`: there is none. What the source did before is forgotten.
    pub fn lift(&mut self, now: Instant, source: Source) -> bool {
        let mut forget = |over| self.strangers.held(&(source, over)).is_some_and(|conduct| conduct.forget(now));
        [Over::Datagrams, Over::Connections].map(&mut forget).contains(&true)
    }

    /// Bans that hold, the longest first.
    pub fn bans(&self, now: Instant) -> Vec<Ban> {
        let mut bans = self.strangers.collect(|((source, over), conduct)| {
            let Banned { until, why, times } = conduct.banned.filter(|banned| banned.until > now)?;
            Some(Ban { source: *source, over: *over, why, left: until.since(now), times })
        });
        bans.sort_unstable_by_key(|ban| (std::cmp::Reverse(ban.left), ban.source, ban.over));
        bans
    }

    /// Strangers remembered.
    pub fn remembered(&self) -> usize {
        self.strangers.entries()
    }

    fn is_trusted(&self, now: Instant, source: Source) -> bool {
        self.trusted.get(&source).is_some_and(|until| *until > now)
    }

    /// What it did on its connections has brought a ban, which holds for its datagrams too.
    fn is_kept_out(&self, now: Instant, source: Source) -> bool {
        let conduct = self.strangers.get(&(source, Over::Connections));
        conduct.is_some_and(|conduct| conduct.is_banned(now)) && !self.is_trusted(now, source)
    }

    fn conduct(&mut self, now: Instant, source: Source, over: Over) -> &mut Conduct {
        let rules = self.rules;
        self.strangers.entry((source, over), || Conduct {
            requests: Bucket::full(now, rules.requests),
            connections: Bucket::full(now, rules.connections),
            since: now,
            offences: [0; Offence::ALL.len()],
            banned: None,
        })
    }
}

impl Conduct {
    fn is_banned(&self, now: Instant) -> bool {
        self.banned.is_some_and(|banned| banned.until > now)
    }

    /// Ends a ban, and returns whether it still held; earlier offences are forgotten.
    fn forget(&mut self, now: Instant) -> bool {
        self.offences = [0; Offence::ALL.len()];
        self.banned.take().is_some_and(|banned| banned.until > now)
    }

    /// Counts an offence; `true`: that was one too many.
    fn count(&mut self, now: Instant, offence: Offence) -> bool {
        if now.since(self.since) >= OFFENCES_COUNTED {
            self.since = now;
            self.offences = [0; Offence::ALL.len()];
        }
        let Some(count) = self.offences.get_mut(offence.place()) else { return false };
        *count = count.saturating_add(1);
        let is_over = *count >= offence.borne();
        if is_over {
            self.offences = [0; Offence::ALL.len()];
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::Over::{Connections, Datagrams};
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn source(last: u8) -> Source {
        Source::of([198, 51, 100, last].into())
    }

    fn guard() -> Guard {
        Guard::new(&Limits::default())
    }

    fn banned(guard: &mut Guard, now: Instant, offence: Offence) -> Option<Ban> {
        (0..offence.borne()).find_map(|_| guard.offend(now, source(1), Connections, offence))
    }

    #[test]
    fn each_offence_is_borne_so_often_and_then_banned() {
        for offence in Offence::ALL {
            let mut guard = guard();
            let counted: Vec<bool> =
                (0..offence.borne()).map(|_| guard.offend(at(1), source(1), Connections, offence).is_some()).collect();
            assert_eq!(
                counted.iter().position(|banned| *banned),
                Some(usize::from(offence.borne()) - 1),
                "{offence:?}"
            );
            assert_eq!(guard.message(at(1), source(1), Connections), Verdict::Banned);
            assert_eq!(guard.connection(at(1), source(1)), Verdict::Banned);
            assert_eq!(guard.message(at(1), source(2), Connections), Verdict::Take, "another source is not banned");
        }
    }

    #[test]
    fn offences_of_a_minute_ago_do_not_count() {
        let mut guard = guard();
        for minute in 0..10 {
            for _ in 0..2 {
                assert_eq!(guard.offend(at(60 * minute), source(1), Connections, Offence::Scanner), None);
            }
        }
        assert_eq!(guard.bans(at(600)), []);
    }

    #[test]
    fn each_ban_is_twice_as_long_up_to_a_day_and_a_quiet_day_begins_anew() {
        let mut guard = guard();
        let mut now = at(0);
        let mut lengths = Vec::new();
        for _ in 0..10 {
            let ban = banned(&mut guard, now, Offence::Scanner).unwrap();
            lengths.push(ban.left.as_secs());
            assert_eq!(guard.message(now + ban.left, source(1), Connections), Verdict::Take, "a ban ends by itself");
            now = now + ban.left;
        }
        assert_eq!(lengths, [600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800, 86_400, 86_400]);
        let ban = banned(&mut guard, now + BAN_MAX, Offence::Scanner).unwrap();
        assert_eq!((ban.left.as_secs(), ban.times), (600, 1));
    }

    #[test]
    fn a_trusted_source_is_neither_banned_nor_slowed_down() {
        let mut guard = guard();
        banned(&mut guard, at(0), Offence::Malformed).unwrap();
        guard.trust(at(1), source(1));
        assert_eq!(guard.bans(at(1)), []);
        assert_eq!(banned(&mut guard, at(1), Offence::Malformed), None);
        assert!((0..1000).all(|_| guard.message(at(1), source(1), Connections) == Verdict::Take));
        assert_eq!(guard.message(at(1) + TRUST, source(1), Connections), Verdict::Take);
        assert!(banned(&mut guard, at(1) + TRUST, Offence::Malformed).is_some(), "trust ends");
    }

    /// S-R3: the address on a datagram is what somebody wrote there.
    #[test]
    fn what_comes_in_datagrams_keeps_nobody_from_its_connections() {
        let mut guard = guard();
        for _ in 0..20 {
            guard.message(at(1), source(1), Datagrams);
            guard.offend(at(1), source(1), Datagrams, Offence::Malformed);
        }
        assert_eq!(guard.message(at(1), source(1), Datagrams), Verdict::Banned);
        assert_eq!(guard.connection(at(1), source(1)), Verdict::Take);
        assert_eq!(guard.message(at(1), source(1), Connections), Verdict::Take);
        banned(&mut guard, at(2), Offence::Scanner).unwrap();
        let shown: Vec<_> = guard.bans(at(2)).iter().map(|ban| (ban.over.transports(), ban.why)).collect();
        assert_eq!(shown, [("udp, tcp, tls", Offence::Scanner), ("udp", Offence::Malformed)]);
        assert!(guard.lift(at(3), source(1)), "both at once");
        assert_eq!(guard.bans(at(3)), []);
    }

    #[test]
    fn what_comes_over_a_connection_speaks_for_datagrams_too() {
        let mut guard = guard();
        banned(&mut guard, at(1), Offence::Scanner).unwrap();
        assert_eq!(guard.message(at(1), source(1), Datagrams), Verdict::Banned);
        guard.trust(at(2), source(1));
        assert_eq!(guard.message(at(2), source(1), Datagrams), Verdict::Take);
    }

    #[test]
    fn a_lifted_ban_is_gone_with_what_led_to_it() {
        let mut guard = guard();
        banned(&mut guard, at(0), Offence::Scanner).unwrap();
        assert!(guard.lift(at(1), source(1)));
        assert!(!guard.lift(at(1), source(1)) && !guard.lift(at(1), source(9)));
        assert_eq!(guard.message(at(1), source(1), Connections), Verdict::Take);
        assert_eq!(guard.offend(at(1), source(1), Connections, Offence::Scanner), None);
    }

    #[test]
    fn bans_are_shown_the_longest_first() {
        let mut guard = guard();
        for last in 1..=3 {
            for _ in 0..3 {
                guard.offend(at(u64::from(last)), source(last), Connections, Offence::Scanner);
            }
        }
        let shown: Vec<(String, u64)> =
            guard.bans(at(3)).iter().map(|ban| (ban.source.to_string(), ban.left.as_secs())).collect();
        let expected = [("198.51.100.3", 600), ("198.51.100.2", 599), ("198.51.100.1", 598)];
        assert_eq!(shown, expected.map(|(source, left)| (source.to_owned(), left)));
    }

    #[test]
    fn ban_s_of_nothing_bans_nobody() {
        let mut guard = Guard::new(&Limits { ban_s: 0, ..Limits::default() });
        assert_eq!(banned(&mut guard, at(0), Offence::Scanner), None);
        assert_eq!(guard.bans(at(0)), []);
    }

    #[test]
    fn strangers_have_rates_of_their_own_for_messages_and_connections() {
        let mut guard = guard();
        let taken = |guard: &mut Guard, now| {
            (0..100).filter(|_| guard.message(now, source(1), Connections) == Verdict::Take).count()
        };
        assert_eq!((taken(&mut guard, at(0)), taken(&mut guard, at(1))), (20, 10));
        let opened = (0..100).filter(|_| guard.connection(at(1), source(1)) == Verdict::Take).count();
        assert_eq!(opened, 10);
    }

    #[test]
    fn a_peer_begins_so_much_in_a_second_and_is_never_banned_for_it() {
        let mut guard = Guard::new(&Limits { max_requests_per_s_per_source: 50, ..Limits::default() });
        let begun = |guard: &mut Guard, now| (0..1000).filter(|_| guard.peer_may_begin(now, source(1))).count();
        assert_eq!((begun(&mut guard, at(0)), begun(&mut guard, at(1))), (50, 50));
        assert_eq!(guard.bans(at(1)), []);
    }

    /// S-R4.
    #[test]
    fn ten_thousand_sources_with_a_hundred_requests_each_stay_in_bounds() {
        let limits = Limits { remembered_sources: 5000, ..Limits::default() };
        let mut guard = Guard::new(&limits);
        for n in 0..1_000_000u32 {
            let source = Source::of(std::net::Ipv4Addr::from_bits(n % 10_000).into());
            guard.message(at(0), source, Connections);
            guard.offend(at(0), source, Connections, Offence::UnknownSource);
        }
        assert!(guard.remembered() <= 5000);
    }
}
