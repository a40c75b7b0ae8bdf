//! Every metric, its name and its help. One collector reads all sources at a scrape.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;

use super::api::ApiCounters;
use super::calls::{CallCounters, Counts, RegistrationState};
use super::gauges::GaugeBoard;
use super::limits::{self, Bounds, Expiries};
use super::log;
use super::records;
use super::reloads::ReloadCounters;
use super::rows::{counter, counters, float, floats, gauge, gauges};
use super::strangers::{self, all};
use super::trunks;
use crate::cdr::Records;
use crate::engine::io::Census;
use crate::net::Counters;
use crate::net::arrival::Class;
use crate::net::counters::{Cell, Direction, Tally};
use crate::net::guard::Gate;
use crate::net::tls::HandshakeFailure;
use crate::relay::{Relay, RelayCounters};
use crate::route::liveness::TargetState;

/// Where the values come from.
pub struct Sources {
    pub net: Arc<Counters>,
    pub gate: Arc<Gate>,
    pub gauges: Arc<GaugeBoard>,
    pub calls: Arc<CallCounters>,
    pub relay: Arc<Relay>,
    pub records: Arc<Records>,
    pub reloads: Arc<ReloadCounters>,
    pub api: Arc<ApiCounters>,
    /// Reads what changes with the configuration.
    pub bounds: Box<dyn Fn() -> Bounds + Send + Sync>,
    /// Calls that are not over, by trunk and by account. Asks the engine.
    pub census: Box<dyn Fn() -> Census + Send + Sync>,
    /// Reads our certificates as they are shown now.
    pub expiries: Box<dyn Fn() -> Expiries + Send + Sync>,
    /// Folders of ours whose disks are looked at, by what is in them.
    pub folders: Vec<(&'static str, PathBuf)>,
    /// Seconds by which the calendar was set since the start.
    pub clock_set: Box<dyn Fn() -> f64 + Send + Sync>,
    /// Inputs waiting for the engine: of calls, and new ones.
    pub waiting: Box<dyn Fn() -> (usize, usize) + Send + Sync>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

/// A registry with every metric of the process.
pub fn registry(sources: Sources) -> Registry {
    let mut registry = Registry::with_prefix("sbc");
    registry.register_collector(Box::new(sources));
    registry
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.tables(&mut encoder)?;
        self.messages(&mut encoder)?;
        self.failures(&mut encoder)?;
        strangers::rows(&mut encoder, &self.net, &self.gate)?;
        let shed = "New calls answered 503, by what there was not enough of";
        labelled(&mut encoder, "calls_shed", shed, "reason", self.calls.shed())?;
        let tools = "Requests of strangers that name a tool which looks for telephone systems";
        labelled(&mut encoder, "scanners", tools, "tool", self.calls.scanners())?;
        self.core(&mut encoder)?;
        self.calls.trunks().encode(&mut encoder)?;
        self.calls.accounts().encode(&mut encoder)?;
        self.calls.finals().encode(&mut encoder)?;
        let census = (self.census)();
        trunks::active(&mut encoder, &census)?;
        trunks::standings(&mut encoder, &census)?;
        trunks::active_of_accounts(&mut encoder, &census)?;
        limits::bounds(&mut encoder, &(self.bounds)())?;
        limits::reached(&mut encoder)?;
        self.reloads.encode(&mut encoder)?;
        self.api.rows(&mut encoder)?;
        limits::certificates(&mut encoder, (self.expiries)())?;
        limits::process(&mut encoder)?;
        limits::disks(&mut encoder, &self.folders)?;
        let set = "Seconds by which the calendar was set since the start: a step of the clock";
        float(&mut encoder, "clock_set_seconds", set, (self.clock_set)())?;
        log::rows(&mut encoder)?;
        let silent = "Far ends that fell silent in an answered call";
        labelled(&mut encoder, "far_end_silences", silent, "trunk", self.calls.silences())?;
        let places = "INVITEs that left out where the caller is: their trunk takes no location";
        labelled(&mut encoder, "locations_dropped", places, "trunk", self.calls.dropped_locations())?;
        let pairs = "Pairs left out of User-to-User: no room in the header, or a value that does not fit";
        labelled(&mut encoder, "context_pairs_left_out", pairs, "trunk", self.calls.left_out_pairs())?;
        let lost = "Digits dropped because too many waited for a peer's answers to INFO";
        labelled(&mut encoder, "lost_digits", lost, "trunk", self.calls.lost_digits())?;
        let unheard = "Provisional responses of early dialogs beyond the 16 that are kept of one INVITE";
        labelled(&mut encoder, "unheard_forks", unheard, "trunk", self.calls.unheard_forks())?;
        records::rows(&mut encoder, &self.records)?;
        let rows = self
            .calls
            .guarded()
            .into_iter()
            .map(|((class, key), count)| ([("class", class.to_owned()), ("key", key.to_owned())], count));
        let stopped = "Calls the fraud guard stopped, by class of the destination and key of [fraud]";
        counters(&mut encoder, "fraud_stopped", stopped, rows)?;
        media(&mut encoder, &self.relay.counters())
    }
}

impl Sources {
    fn tables(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let held = self.gauges.read();
        gauge(encoder, "transactions", "SIP transactions held", held.transactions)?;
        gauge(encoder, "dialogs", "SIP dialogs held", held.dialogs)?;
        gauge(encoder, "calls", "Calls held", held.calls)?;
        gauge(encoder, "streams", "Media endpoints open at the relay", held.streams)?;
        let waited = "How long media packets have waited for the relay lately, at most; above 0.02 calls are shed";
        float(encoder, "media_wait_seconds", waited, held.media_wait.as_secs_f64())?;
        let open = usize::try_from(self.net.open.load(Ordering::Relaxed)).unwrap_or(0);
        gauge(encoder, "flows", "Connections open, both directions", open)?;
        let resting = usize::try_from(self.relay.counters().ports_resting).unwrap_or(usize::MAX);
        let ports = [("leased", held.ports_leased), ("ready", held.ports_ready), ("resting", resting)];
        let ports = ports.map(|(state, count)| ([("state", state.to_owned())], count));
        gauges(encoder, "ports", "Pairs of media ports", ports)?;
        let (established, new) = (self.waiting)();
        let waiting = [("established", established), ("new", new)];
        let waiting = waiting.map(|(class, count)| ([("class", class.to_owned())], count));
        gauges(encoder, "inbox_waiting", "Inputs that wait for the engine", waiting)
    }

    fn messages(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.net.messages.all();
        self.responses(encoder, &all)?;
        let of = |wanted: Direction| {
            let mut rows: BTreeMap<(&str, &str), u64> = BTreeMap::new();
            for (transport, _, kind, count) in all.iter().filter(|(_, direction, _, _)| *direction == wanted) {
                *rows.entry((transport.uri_token(), kind.label())).or_default() += count;
            }
            let row = |((transport, kind), count): ((&str, &str), u64)| {
                ([("transport", transport.to_owned()), ("kind", kind.to_owned())], count)
            };
            rows.into_iter().map(row).collect::<Vec<_>>()
        };
        let received = "SIP messages accepted, by transport and method or response class";
        counters(encoder, "sip_messages_received", received, of(Direction::Received))?;
        let sent = "SIP messages sent, by transport and method or response class";
        counters(encoder, "sip_messages_sent", sent, of(Direction::Sent))?;
        let pings = self.net.keep_alives.load(Ordering::Relaxed);
        counter(encoder, "keep_alives", "Keep-alives received", pings)
    }

    /// PF-57: responses by direction, class, and the method they answer.
    fn responses(&self, encoder: &mut DescriptorEncoder<'_>, all: &[Cell]) -> fmt::Result {
        let mut rows: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
        for (_, direction, kind, count) in all {
            if let Some(method) = kind.answers() {
                *rows.entry((direction.label(), kind.label(), method)).or_default() += count;
            }
        }
        let row = |((direction, class, method), count): ((&str, &str, &str), u64)| {
            ([("direction", direction), ("class", class), ("method", method)].map(|(n, v)| (n, v.to_owned())), count)
        };
        let help = "SIP responses, by direction, class, and method: INVITE, OPTIONS or other";
        counters(encoder, "sip_responses", help, rows.into_iter().map(row))
    }

    fn failures(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let net = &self.net;
        tally(encoder, "sip_rejections", "Messages refused by the wire layer", "kind", &net.refused)?;
        let full = all("class", Class::COUNTED, &net.inbox_full);
        counters(encoder, "inbox_full", "Messages that found their inbox full", full)?;
        tally(encoder, "transmit_failures", "Messages that did not leave", "reason", &net.transmit_failures)?;
        let handshakes = all("reason", HandshakeFailure::ALL, &net.handshake_failures);
        counters(encoder, "tls_handshake_failures", "TLS handshakes that failed", handshakes)?;
        tally(encoder, "connections", "Connections by what became of them", "outcome", &net.connections)?;
        tally(encoder, "resolve_failures", "Names without an address", "reason", &net.resolve_failures)
    }

    fn core(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let calls = &self.calls;
        let read = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        counter(encoder, "calls_started", "Calls taken", read(&calls.started))?;
        counter(encoder, "call_attempts", "INVITEs sent for calls", read(&calls.attempts))?;
        counter(encoder, "calls_answered", "Calls answered", read(&calls.answered))?;
        counter(encoder, "emergency_calls", "Emergency calls taken", read(&calls.emergencies))?;
        let failed = "Emergency calls that nobody answered though the caller waited";
        counter(encoder, "emergency_calls_failed", failed, read(&calls.emergencies_failed))?;
        let active = read(&calls.emergencies).saturating_sub(read(&calls.emergencies_ended));
        let active = usize::try_from(active).unwrap_or(usize::MAX);
        gauge(encoder, "emergency_calls_active", "Emergency calls held", active)?;
        let elins = "Numbers of places (ELIN) that emergency calls showed, and calls back to them";
        labelled(encoder, "elin", elins, "news", calls.elins())?;
        labelled(encoder, "calls_ended", "Calls ended, by cause", "cause", calls.ended())?;
        let failed = "Attempts that failed, by cause";
        labelled(encoder, "call_attempts_failed", failed, "cause", calls.failed_attempts())?;
        counter(encoder, "transfers_begun", "REFER executed, INVITE with Replaces", read(&calls.transfers_begun))?;
        labelled(encoder, "transfers_ended", "Transfers ended, by cause", "cause", calls.transfers())?;
        counter(encoder, "redirects", "3xx followed", read(&calls.redirects))?;
        let detours = "Messages inside calls that went back to their peer instead of to its Contact or Record-Route";
        labelled(encoder, "hop_detours", detours, "reason", calls.detours())?;
        labelled(encoder, "sip_dropped", "Messages dropped by the core, by reason", "reason", calls.dropped())?;
        labelled(encoder, "sip_requests_refused", "Requests refused, by reason", "reason", calls.refused())?;
        self.targets(encoder)?;
        self.registrations(encoder)?;
        counter(encoder, "cross_checked", "Messages shown to the second reader", read(&calls.cross_checked))?;
        counter(encoder, "cross_agreed", "Messages that both readers read alike", read(&calls.cross_agreed))?;
        let disagreements = "Messages the second reader refuses or reads otherwise, by class";
        labelled(encoder, "cross_disagreements", disagreements, "class", calls.disagreements())
    }

    fn registrations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let rows = self.calls.registrations().into_iter();
        let rows = rows.map(|(trunk, state)| ([("trunk", trunk)], usize::from(state == RegistrationState::Bound)));
        gauges(encoder, "registered", "1: our registration for this trunk stands", rows)?;
        let failed = "REGISTERs that failed, by problem";
        labelled(encoder, "registrations_failed", failed, "problem", self.calls.failed_registrations())
    }

    fn targets(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let rows = self.calls.targets().into_iter().map(|((trunk, target), state)| {
            ([("trunk", trunk), ("target", target)], usize::from(state == TargetState::Up))
        });
        gauges(encoder, "target_up", "1: this target is up", rows)?;
        let states = "1 for the state of each target";
        let rows = self.calls.targets().into_iter().flat_map(|((trunk, target), now)| {
            TargetState::ALL.map(|state| {
                let labels =
                    [("trunk", trunk.clone()), ("target", target.clone()), ("state", state.label().to_owned())];
                (labels, usize::from(state == now))
            })
        });
        gauges(encoder, "target_state", states, rows)?;
        let times = self.calls.round_trips().into_iter();
        let rows = times.map(|((trunk, target), time)| ([("trunk", trunk), ("target", target)], time.as_secs_f64()));
        let help = "Seconds until the last OPTIONS to this target was answered";
        floats(encoder, "options_round_trip_seconds", help, rows)?;
        let asked = "OPTIONS of the peer that were answered with 200: a platform that sends none takes us for dead";
        labelled(encoder, "options_answered", asked, "trunk", self.calls.asked_by_peer())?;
        let changes = "Changes of targets' states, by what showed them";
        labelled(encoder, "target_changes", changes, "why", self.calls.target_changes())
    }
}

fn labelled(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &'static str,
    counts: Counts,
) -> fmt::Result {
    counters(encoder, name, help, counts.into_iter().map(|(value, count)| ([(label, value)], count)))
}

fn media(encoder: &mut DescriptorEncoder<'_>, relay: &RelayCounters) -> fmt::Result {
    let packets = |direction: &str, kind: &str, count: u64| {
        ([("direction", direction.to_owned()), ("kind", kind.to_owned())], count)
    };
    let rows = [
        packets("received", "rtp", relay.rtp_received),
        packets("sent", "rtp", relay.rtp_sent),
        packets("received", "rtcp", relay.rtcp_received),
        packets("sent", "rtcp", relay.rtcp_sent),
        packets("sent", "stun", relay.stun_answered),
    ];
    counters(encoder, "media_packets", "Media packets read from and sent on ports", rows)?;
    let drops = relay.drops.iter().map(|(reason, count)| ([("reason", (*reason).to_owned())], *count));
    counters(encoder, "media_drops", "Media packets that went no further", drops)?;
    counter(encoder, "port_rests_cut_short", "Ports used again before their rest was over", relay.rests_cut_short)?;
    let refused = [("queue_full", relay.commands_refused), ("misfit", relay.commands_misfit)];
    let refused = refused.map(|(reason, count)| ([("reason", reason.to_owned())], count));
    counters(encoder, "relay_commands_refused", "Orders the relay could not obey", refused)
}

fn tally<K: Copy + Eq + std::hash::Hash + fmt::Debug>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &'static str,
    tally: &Tally<K>,
) -> fmt::Result {
    counters(encoder, name, help, tally.labelled().into_iter().map(|(value, count)| ([(label, value)], count)))
}
