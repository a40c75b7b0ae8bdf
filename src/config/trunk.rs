//! `[trunks.NAME]`.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;

use super::authentication;
use super::behaviour::behaviour;
use super::certificates::Files;
use super::file::{self, Unusable};
use super::grammar;
use super::network::SHORTEST_KEEP_ALIVE;
use super::profile::{contact_host, peer_shows, profile_list, profile_of, targets};
use super::read::{Declared, Field, Kind, Table};
use super::script::{self, Illegible};
use super::target;
use crate::audio::music::{self, MusicFormat};
use crate::base::limits::{CONFIG_OCTETS, MUSIC_OCTETS};
use crate::route::profile::{Behaviour, Counterpart};
use crate::route::settings::{Reuse, ServerNames, TrunkSettings};
use crate::route::trunk::TargetSpec;
use crate::sip::flow::{KeepAlive, LargeRequests};

/// What reading a trunk needs to know of the rest.
pub(super) struct TrunkReader<'d> {
    pub(super) declared: Declared<'d>,
    pub(super) base: &'d Path,
    pub(super) files: Files,
}

impl TrunkReader<'_> {
    pub(super) fn trunks(&self, root: &Table<'_>) -> Vec<TrunkSettings> {
        root.named("trunks").into_iter().filter_map(|(name, table)| self.trunk(name, table)).collect()
    }

    fn trunk(&self, name: String, table: Table<'_>) -> Option<TrunkSettings> {
        let profile = match table.has("profile") {
            true => table.field("profile", "\"carrier-ip\""),
            false => table.need("profile", &format!("\"{}\"", profile_list().replace(", ", "\" or \""))),
        };
        let profile = profile.and_then(|field| profile_of(&field));
        let base = profile.map_or_else(Behaviour::default, |profile| profile.behaviour.clone());
        let behaviour = behaviour(&table, &base, &|field| self.music(field));
        let listener =
            table.need("listener", "\"carrier\"").and_then(|field| field.name_of(Kind::Listener, &self.declared));
        let known = profile.map(|profile| &profile.counterpart);
        // A profile we do not know may well know the targets: one error for one mistake.
        if profile.is_some() {
            need_targets(&table, known);
        }
        let (targets, request_uri_host, request_uri_port) = next_hop(&table, known);
        let settings = TrunkSettings {
            name,
            profile: profile.map(|profile| profile.name.to_owned()).unwrap_or_default(),
            listener: listener.clone().unwrap_or_default(),
            fqdn: table.field("fqdn", "\"sbc1.example.com\"").and_then(|field| field.parsed(grammar::fqdn)),
            base_domain: table
                .field("base_domain", "\"customers.example.com\"")
                .and_then(|field| field.parsed(grammar::fqdn)),
            server_names: server_names(&table),
            certificate: self.reference(&table, "certificate", "\"main\"", Kind::Certificate),
            trust: self.reference(&table, "trust", "\"default\"", Kind::Trust).or_else(|| self.default_trust()),
            targets,
            sources: self.sources(&table).or_else(|| known.and_then(|known| known.sources.clone())),
            contacts: contacts(&table),
            peer_names: peer_names(&table, known),
            contact_host: contact_host(&table).or(known.map(|known| known.contact_host)).unwrap_or_default(),
            peer_shows: peer_shows(&table).or(known.map(|known| known.shows)).unwrap_or_default(),
            request_uri_host,
            request_uri_port,
            reuse: reuse(&table),
            large_requests: large_requests(&table),
            keep_alive: keep_alive(&table),
            behaviour,
            max_calls: table
                .whole("max_calls", "200", 0..=1_000_000)
                .and_then(|count: u32| usize::try_from(count).ok()),
            max_calls_per_s: table.whole("max_calls_per_s", "20", 1..=100_000),
            auth: authentication::auth(&table, self.base, self.files),
            registration: authentication::registration(&table),
        };
        table.close();
        (profile.is_some() && listener.is_some()).then_some(settings)
    }

    fn reference(&self, table: &Table<'_>, key: &'static str, example: &str, kind: Kind) -> Option<String> {
        table.field(key, example)?.name_of(kind, &self.declared)
    }

    /// The store named `default`, or the only one.
    fn default_trust(&self) -> Option<String> {
        let names = self.declared.names(Kind::Trust);
        let only = names.first().filter(|_| names.len() == 1);
        names.get("default").or(only).map(|name| (*name).to_owned())
    }

    /// `sources` and the lines of `sources_file` together; `None` when neither is written.
    fn sources(&self, table: &Table<'_>) -> Option<Vec<IpNet>> {
        let written = table.field("sources", "[\"198.51.100.0/28\"]");
        let file = table.field("sources_file", "\"carrier-ranges.txt\"");
        let present = written.is_some() || file.is_some();
        let mut sources = written.and_then(|field| field.all(grammar::range)).unwrap_or_default();
        sources.extend(file.and_then(|field| self.sources_file(&field)).unwrap_or_default());
        present.then_some(sources)
    }

    fn sources_file(&self, field: &Field<'_>) -> Option<Vec<IpNet>> {
        let path = self.base.join(field.text()?);
        if self.files == Files::Ignored {
            return None;
        }
        let refuse = |text: &str| field.refuse_key(&format!("{}{text}", path.display()));
        let unusable = |error: Unusable| refuse(&format!(" {}", error.with("write the path of a list of ranges")));
        let octets = file::read(&path, CONFIG_OCTETS).map_err(unusable).ok()?;
        field.read_file(&octets);
        let illegible = |flaw: Illegible| refuse(&format!(":{}: {}", flaw.line, flaw.text));
        let text = script::text_of(octets).map_err(illegible).ok()?;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let ranges = lines.enumerate().filter(|(_, line)| !line.is_empty()).filter_map(|(index, line)| {
            let refuse = |reason| {
                let text = format!("{}:{}: {line:?} {reason}; write one range a line", path.display(), index + 1);
                field.refuse_key(&text);
            };
            grammar::range(line).map_err(refuse).ok()
        });
        Some(ranges.collect())
    }

    /// The samples of `media.hold_music_file`.
    fn music(&self, field: &Field<'_>) -> Option<Arc<[i16]>> {
        let path = self.base.join(field.text()?);
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let Some(format) = MusicFormat::of_extension(extension) else {
            field.refuse(format_args!("{} ends in none of .wav, .alaw, .ulaw", path.display()));
            return None;
        };
        if self.files == Files::Ignored {
            return None;
        }
        let octets = file::read(&path, MUSIC_OCTETS).inspect(|octets| field.read_file(octets));
        match octets.map(|octets| music::read(format, &octets)) {
            Ok(Ok(samples)) => return Some(samples),
            Ok(Err(fault)) => field.refuse(format_args!("{} {}", path.display(), fault.text())),
            Err(error) => field.refuse(format_args!("{} {error}", path.display())),
        }
        None
    }
}

fn server_names(table: &Table<'_>) -> ServerNames {
    match table.flag("account_by_server_name", "false") {
        Some(true) => ServerNames::NameAccounts,
        Some(false) | None => ServerNames::Ignored,
    }
}

fn reuse(table: &Table<'_>) -> Reuse {
    match table.flag("offer_reuse", "false") {
        Some(true) => Reuse::Offered,
        Some(false) | None => Reuse::Unsaid,
    }
}

/// RFC 5626 4.4.1: what the trunk says goes before what its listener says.
fn keep_alive(table: &Table<'_>) -> KeepAlive {
    let Some(interval) = table.seconds("keep_alive_s", "30", 0..=3600) else { return KeepAlive::OfListener };
    if interval.is_zero() {
        return KeepAlive::Never;
    }
    if interval < SHORTEST_KEEP_ALIVE {
        table.doc().error(&table.path_of("keep_alive_s"), "is too often; write 15 or more, or 0 for none");
    }
    KeepAlive::Every(interval)
}

fn large_requests(table: &Table<'_>) -> LargeRequests {
    match table.flag("udp_to_tcp", "false") {
        Some(true) => LargeRequests::Tcp,
        Some(false) | None => LargeRequests::Udp,
    }
}

fn contacts(table: &Table<'_>) -> Vec<IpNet> {
    let field = table.field("contacts", "[\"198.51.100.64/28\"]");
    field.and_then(|field| field.all(grammar::range)).unwrap_or_default()
}

fn peer_names(table: &Table<'_>, known: Option<&Counterpart>) -> Vec<String> {
    let written = table.field("peer_names", "[\"sip.example.com\"]").and_then(|field| field.all(grammar::peer_name));
    written.or_else(|| known.map(|known| known.peer_names.clone())).unwrap_or_default()
}

/// Where messages go, and host and port of the Request-URI. With a `proxy` the two differ (PF-116): calls are sent to
/// the proxy, and the Request-URI shows `request_uri_host` or else the first target with its port.
fn next_hop(table: &Table<'_>, known: Option<&Counterpart>) -> (Vec<TargetSpec>, Option<String>, Option<u16>) {
    let targets = targets_or(table, known);
    let host = table.field("request_uri_host", "\"carrier.example\"").and_then(|field| field.parsed(grammar::host));
    let proxy =
        table.field("proxy", "\"proxy.carrier.example:5060\"").and_then(|field| field.parsed(target::from_text));
    match proxy {
        Some(proxy) => match (host, targets.first()) {
            (Some(host), _) => (vec![proxy], Some(host), None),
            (None, Some(first)) => (vec![proxy], Some(first.host.to_string()), first.port),
            (None, None) => (vec![proxy], None, None),
        },
        None => (targets, host, None),
    }
}

/// `targets` as written, or those that the profile knows of such peers.
fn targets_or(table: &Table<'_>, known: Option<&Counterpart>) -> Vec<TargetSpec> {
    targets(table).or_else(|| known.map(|known| known.targets.clone())).unwrap_or_default()
}

/// The profile or the file must name some.
fn need_targets(table: &Table<'_>, known: Option<&Counterpart>) {
    if known.is_none_or(|known| known.targets.is_empty()) {
        table.need("targets", "[\"198.51.100.7:5060\"]");
    }
}

/// Whether an address of the other family stands among the targets: it could never be reached.
pub(super) fn foreign_family(targets: &[TargetSpec], own: IpAddr) -> Option<IpAddr> {
    targets.iter().filter_map(|target| target.address).find(|address| address.is_ipv4() != own.is_ipv4())
}
