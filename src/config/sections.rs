//! The tables that stand once: node, dns, certificates, trust, sip, media, limits, metrics, api, cdr, log.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::grammar;
use super::read::{Declared, Field, Kind, Table};
use super::settings::{
    ApiSettings, CdrSettings, CertificateFiles, DnsSettings, LogFormat, LogLevel, LogSettings, MediaEngineSettings,
    NodeSettings, ProvisioningSettings, ProvisioningSource, TrustRoots,
};
use crate::base::limits::{Limits, MESSAGE_OCTETS};
use crate::cdr::{self, AtStart, Rotation, WhenFull};
use crate::route::directory::{Denial, DenialCodes, Direction, RefusalStatus};
use crate::route::mark::{CustomHeader, Marked, NAME_OCTETS};
use crate::route::policy::HeaderName;
use crate::route::snapshot::UnknownSources;
use crate::sip::Name;
use crate::store::audit::Retention;

const MIB: u64 = 1024 * 1024;
/// Octets of a socket's path (`unix(7)`: 108 with the zero behind it).
const SOCKET_PATH: usize = 107;

pub(super) fn node(root: &Table<'_>, base: &Path) -> NodeSettings {
    let table = root.table("node", "{ name = \"sbc1\" }");
    let name = table.field("name", "\"sbc1\"").and_then(|field| field.parsed(grammar::token));
    let state_dir = table.place("state_dir", "\"/var/lib/trunkline\"");
    let drain = table.seconds("drain_s", "60", 0..=86_400);
    let control = table.place("control", "\"/run/trunkline/control.sock\"");
    let state_dir = base.join(state_dir.as_deref().unwrap_or("/var/lib/trunkline"));
    let control = control.map_or_else(|| state_dir.join("control.sock"), |path| base.join(path));
    if control.as_os_str().len() > SOCKET_PATH {
        let key = if table.has("control") { "control" } else { "state_dir" };
        let told =
            format!("the control socket's path has more than {SOCKET_PATH} octets, which the system does not take");
        table.doc().error(&table.path_of(key), format!("{told}; write node.control = \"/run/trunkline/control.sock\""));
    }
    table.close();
    NodeSettings {
        name: name.unwrap_or_else(|| "trunkline".to_owned()),
        control,
        state_dir,
        drain: drain.unwrap_or(Duration::from_secs(60)),
    }
}

pub(super) fn dns(root: &Table<'_>) -> DnsSettings {
    const DNS_PORT: u16 = 53;
    let table = root.table("dns", "{ servers = [\"10.1.0.10\"] }");
    let server = |text: &str| grammar::socket_or(text, DNS_PORT);
    let servers = table.field("servers", "[\"10.1.0.10\"]").and_then(|field| field.all(server));
    let hosts = hosts(&table.table("hosts", "{ \"sip.example.com\" = [\"192.0.2.1\"] }"));
    table.close();
    DnsSettings { servers: servers.unwrap_or_default(), hosts }
}

fn hosts(table: &Table<'_>) -> BTreeMap<String, Vec<IpAddr>> {
    let mut hosts = BTreeMap::new();
    for (name, field) in table.pairs("[\"192.0.2.1\"]") {
        if field.is_table() {
            field.refuse_key(
                "is half of a name; write a name with dots in quotes: \"sip.example.com\" = [\"192.0.2.1\"]",
            );
            continue;
        }
        field.refuse_empty("has no address");
        let addresses = field.all(grammar::address).unwrap_or_default();
        match grammar::host_name(&name) {
            Ok(name) => drop(hosts.insert(name.to_ascii_lowercase(), addresses)),
            Err(_) => field.refuse_key("the key is no host name; write \"sip.example.com\" = [\"192.0.2.1\"]"),
        }
    }
    hosts
}

pub(super) fn certificates(root: &Table<'_>, base: &Path) -> BTreeMap<String, CertificateFiles> {
    let mut certificates = BTreeMap::new();
    for (name, table) in root.named("certificates") {
        let chain = table.need("chain", "\"/etc/trunkline/sbc1.chain.pem\"").and_then(|field| field.text());
        let key = table.need("key", "\"/etc/trunkline/sbc1.key.pem\"").and_then(|field| field.text());
        if let (Some(chain), Some(key)) = (chain, key) {
            certificates.insert(name, CertificateFiles { chain: base.join(chain), key: base.join(key) });
        }
        table.close();
    }
    certificates
}

/// The roots of each trust store, and the file of what their authorities have withdrawn, where one is named.
pub(super) fn trust(root: &Table<'_>, base: &Path) -> (BTreeMap<String, TrustRoots>, BTreeMap<String, PathBuf>) {
    let (mut stores, mut revoked) = (BTreeMap::new(), BTreeMap::new());
    let named = root.named("trust");
    if named.is_empty() {
        stores.insert("default".to_owned(), TrustRoots::System);
    }
    for (name, table) in named {
        let roots = table.need("roots", "\"system\"").and_then(|field| field.text());
        let roots = roots.map(|roots| match roots {
            "system" => TrustRoots::System,
            path => TrustRoots::File(base.join(path)),
        });
        let list = table.field("crl", "\"/etc/trunkline/revoked.pem\"").and_then(|field| field.text());
        revoked.extend(list.map(|list| (name.clone(), base.join(list))));
        stores.extend(roots.map(|roots| (name, roots)));
        table.close();
    }
    (stores, revoked)
}

/// `sip.cross_check` and `sip.unknown_sources`.
pub(super) fn sip(root: &Table<'_>) -> (bool, UnknownSources) {
    const ANSWERS: [(&str, UnknownSources); 2] =
        [("silence", UnknownSources::Silence), ("403", UnknownSources::Forbidden)];
    let table = root.table("sip", "{ cross_check = false }");
    let cross_check = table.flag("cross_check", "false").unwrap_or(false);
    let unknown = table.field("unknown_sources", "\"silence\"").and_then(|field| field.choice(&ANSWERS));
    table.close();
    (cross_check, unknown.unwrap_or_default())
}

pub(super) fn media(root: &Table<'_>) -> MediaEngineSettings {
    let table = root.table("media", "{ workers = 0 }");
    let settings = MediaEngineSettings {
        workers: table.whole("workers", "0", 0..=256).unwrap_or(0),
        dscp: table.whole("dscp", "46", 0..=63).unwrap_or(46),
        port_rest: table.seconds("port_rest_s", "30", 0..=3600).unwrap_or(Duration::from_secs(30)),
    };
    table.close();
    settings
}

pub(super) fn limits(root: &Table<'_>) -> Limits {
    let table = root.table("limits", "{ max_calls = 2000 }");
    let default = Limits::default();
    let count = |key, default: usize, most: u64| {
        let read = table.whole(key, &default.to_string(), 1..=most);
        read.and_then(|count| usize::try_from(count).ok()).unwrap_or(default)
    };
    let rate = |key, default: u32| table.whole(key, &default.to_string(), 1..=1_000_000).unwrap_or(default);
    let seconds = |key, default: u64| table.whole(key, &default.to_string(), 1..=86_400).unwrap_or(default);
    let limits = Limits {
        max_calls: count("max_calls", default.max_calls, 1_000_000),
        max_calls_per_s: table.whole("max_calls_per_s", "0", 0..=1_000_000).unwrap_or(default.max_calls_per_s),
        max_wait_ms: table.whole("max_wait_ms", "50", 1..=10_000).unwrap_or(default.max_wait_ms),
        memory_mb: memory(&table, default.memory_mb),
        max_transactions: count("max_transactions", default.max_transactions, 10_000_000),
        max_connections: count("max_connections", default.max_connections, 1_000_000),
        max_connections_per_source: count("max_connections_per_source", default.max_connections_per_source, 1_000_000),
        max_handshakes: count("max_handshakes", default.max_handshakes, 1_000_000),
        max_unknown_connections: count("max_unknown_connections", default.max_unknown_connections, 1_000_000),
        max_unknown_connections_per_source: count(
            "max_unknown_connections_per_source",
            default.max_unknown_connections_per_source,
            1_000_000,
        ),
        max_unknown_handshakes_per_source: count(
            "max_unknown_handshakes_per_source",
            default.max_unknown_handshakes_per_source,
            1_000_000,
        ),
        unknown_connections_per_s: rate("unknown_connections_per_s", default.unknown_connections_per_s),
        unknown_requests_per_s: rate("unknown_requests_per_s", default.unknown_requests_per_s),
        max_requests_per_s_per_source: rate("max_requests_per_s_per_source", default.max_requests_per_s_per_source),
        ban_s: table.whole("ban_s", &default.ban_s.to_string(), 0..=86_400).unwrap_or(default.ban_s),
        remembered_sources: count("remembered_sources", default.remembered_sources, 10_000_000),
        inbox_new: count("inbox_new", default.inbox_new, 1_000_000),
        inbox_established: count("inbox_established", default.inbox_established, 1_000_000),
        connection_write_octets: table
            .whole("connection_write_octets", &default.connection_write_octets.to_string(), MESSAGE_OCTETS..=1 << 30)
            .unwrap_or(default.connection_write_octets),
        hello_s: seconds("hello_s", default.hello_s),
        handshake_s: seconds("handshake_s", default.handshake_s),
        message_s: seconds("message_s", default.message_s),
        first_message_s: seconds("first_message_s", default.first_message_s),
        write_s: seconds("write_s", default.write_s),
        idle_connection_s: seconds("idle_connection_s", default.idle_connection_s),
        passed_headers: count("passed_headers", default.passed_headers, 256),
        ready_ports: count("ready_ports", default.ready_ports, 32_768),
        record_octets: count("record_octets", default.record_octets, 1 << 32),
    };
    contradictions(&table, &limits);
    table.close();
    limits
}

/// Limits inside others: one that is written above the other, or above its default, is never reached.
fn contradictions(table: &Table<'_>, limits: &Limits) {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let connections = ("max_connections", count(limits.max_connections));
    let unknown = ("max_unknown_connections", count(limits.max_unknown_connections));
    let inside = [
        (("max_connections_per_source", count(limits.max_connections_per_source)), connections),
        (unknown, connections),
        (("max_unknown_connections_per_source", count(limits.max_unknown_connections_per_source)), unknown),
        (("max_handshakes", count(limits.max_handshakes)), connections),
        (("hello_s", limits.hello_s), ("handshake_s", limits.handshake_s)),
    ];
    for ((key, value), (other, most)) in inside {
        let is_sound = |key| !table.doc().is_refused(&table.path_of(key));
        if value > most && table.has(key) && is_sound(key) && is_sound(other) {
            let text =
                format!("is never reached, {other} = {most} comes first; write {most} at most, or raise {other}");
            table.doc().warn(&table.path_of(key), text);
        }
    }
}

/// `memory_mb`: nothing, or enough for a daemon without calls.
fn memory(table: &Table<'_>, default: u64) -> u64 {
    const LEAST: u64 = 64;
    let Some(field) = table.field("memory_mb", "512") else { return default };
    match field.whole(0..=16_777_216) {
        Some(1..LEAST) => {
            field.refuse(format_args!(
                "is less than a daemon without calls needs; {LEAST} is the least, 0 asks the system"
            ));
            default
        }
        read => read.unwrap_or(default),
    }
}

/// `metrics.bind`.
pub(super) fn metrics(root: &Table<'_>) -> Option<SocketAddr> {
    bind(root.table("metrics", "{ bind = \"127.0.0.1:9464\" }"), "\"127.0.0.1:9464\"")
}

/// `[api]`.
pub(super) fn api(root: &Table<'_>, declared: &Declared<'_>, source: ProvisioningSource) -> Option<ApiSettings> {
    const EXAMPLE: &str = "\"127.0.0.1:8443\"";
    let table = root.table("api", "{ bind = \"127.0.0.1:8443\" }");
    let field = table.field("bind", EXAMPLE);
    let bind = field.as_ref().and_then(|field| field.parsed(grammar::socket));
    let certificate =
        table.field("certificate", "\"main\"").and_then(|field| field.name_of(Kind::Certificate, declared));
    let client = table.whole("requests_per_minute", "100", 1..=1_000_000);
    let node = table.whole("node_requests_per_minute", "600", 1..=1_000_000);
    if let (Some(field), Some(bind)) = (&field, bind)
        && !bind.ip().is_loopback()
        && !table.has("certificate")
    {
        field.refuse_key("is not on loopback and has no TLS; name a [certificates.NAME] in api.certificate");
    }
    if let Some(field) = field.as_ref().filter(|_| source == ProvisioningSource::File) {
        let text = "the API is not served: it needs a store; write provisioning.source = \"store\", or take [api] out";
        field.warn(None, text);
    }
    table.close();
    let (requests_per_minute, node_requests_per_minute) = (client.unwrap_or(100), node.unwrap_or(600));
    bind.map(|bind| ApiSettings { bind, certificate, requests_per_minute, node_requests_per_minute })
}

/// `trace.octets`. They are taken at the start, with a sixth more: what reaches nine tenths of `memory_mb` (0: not set) would
/// leave no call any room.
pub(super) fn trace(root: &Table<'_>, memory_mb: u64) -> usize {
    const DEFAULT: usize = 16 * 1024 * 1024;
    let table = root.table("trace", "{ octets = 16777216 }");
    let field = table.field("octets", "16777216");
    let octets: usize = field.as_ref().and_then(|field| field.whole(0..=1 << 32)).unwrap_or(DEFAULT);
    let taken = u64::try_from(octets).unwrap_or(u64::MAX).saturating_mul(7) / 6;
    let room = memory_mb.saturating_mul(MIB) / 10 * 9;
    if let Some(field) = &field
        && memory_mb > 0
        && taken >= room
    {
        field.refuse(format_args!(
            "and a sixth more are taken at the start: no call would be admitted under limits.memory_mb = {memory_mb}; keep it \
             below {}",
            room / 7 * 6
        ));
    }
    table.close();
    octets
}

/// `[provisioning]`.
pub(super) fn provisioning(root: &Table<'_>) -> ProvisioningSettings {
    const SOURCES: [(&str, ProvisioningSource); 2] =
        [("file", ProvisioningSource::File), ("store", ProvisioningSource::Store)];
    let table = root.table("provisioning", "{ source = \"file\" }");
    let field = table.field("source", "\"file\"");
    let source = field.and_then(|field| field.choice(&SOURCES)).unwrap_or(ProvisioningSource::File);
    let custom_header = custom_header(&table);
    let kept = Retention::default();
    let audit = Retention {
        days: table.whole("audit_days", "400", 1..=36_500).unwrap_or(kept.days),
        events: table.whole("audit_events", "5000000", 1000..=1_000_000_000).unwrap_or(kept.events),
    };
    let codes = codes(&table);
    table.close();
    ProvisioningSettings { source, custom_header, codes, audit }
}

/// `provisioning.codes` (PV-38): one status for both ways, or one for each.
fn codes(provisioning: &Table<'_>) -> DenialCodes {
    let mut codes = DenialCodes::default();
    let table = provisioning.table("codes", "{ number_unknown = 404 }");
    for denial in Denial::ALL {
        let Some(field) = table.field(denial.label(), "404") else { continue };
        let mut set = |direction, status: Option<RefusalStatus>| {
            status.into_iter().for_each(|status| codes.set(denial, direction, status));
        };
        let ways = if field.is_table() { field.table() } else { None };
        if let Some(ways) = ways {
            set(Direction::CarrierToPlatform, ways.field("from_carrier", "404").and_then(|field| refusal(&field)));
            set(Direction::PlatformToCarrier, ways.field("from_platform", "403").and_then(|field| refusal(&field)));
            ways.close();
        } else {
            let status = refusal(&field);
            set(Direction::CarrierToPlatform, status);
            set(Direction::PlatformToCarrier, status);
        }
    }
    table.close();
    codes
}

fn refusal(field: &Field<'_>) -> Option<RefusalStatus> {
    let status = RefusalStatus::new(field.whole(100..=699)?);
    if status.is_none() {
        let known: Vec<String> = RefusalStatus::all().map(|status| status.to_string()).collect();
        field.refuse(format_args!("is no status a refused caller is told; there are {}", known.join(", ")));
    }
    status
}

/// `custom_header` and `custom_header_on` (PV-31, PV-34).
fn custom_header(table: &Table<'_>) -> Option<CustomHeader> {
    const MESSAGES: [(&str, Marked); 4] = [
        ("invite", Marked::Invite),
        ("18x", Marked::Provisional),
        ("2xx", Marked::Success),
        ("in-dialog", Marked::Inside),
    ];
    let name = table.field("custom_header", "\"X-Operator-Content\"");
    let on = table.field("custom_header_on", "[\"invite\", \"18x\", \"2xx\"]");
    if let (None, Some(on)) = (&name, &on) {
        on.refuse_key("changes nothing without custom_header; write custom_header = \"X-Operator-Content\"");
    }
    let name = name?.parsed(header_name)?;
    let on = match on {
        Some(field) => {
            field.refuse_empty("no message is left to carry the header");
            field.list()?.iter().filter_map(|field| field.choice(&MESSAGES)).collect()
        }
        None => CustomHeader::DEFAULT.to_vec(),
    };
    Some(CustomHeader { name, on })
}

/// A header of nobody else's, of at most 32 octets.
fn header_name(text: &str) -> Result<HeaderName, String> {
    let name = HeaderName::parse(text).map_err(|fault| fault.to_string())?;
    match text.len() {
        ..=NAME_OCTETS if Name::parse(text.as_bytes()).is_none() => Ok(name),
        ..=NAME_OCTETS => Err("is a standard header; write a name of your own, like X-Operator-Content".to_owned()),
        length => Err(format!("has {length} octets; {NAME_OCTETS} are possible")),
    }
}

fn bind(table: Table<'_>, example: &str) -> Option<SocketAddr> {
    let bind = table.field("bind", example).and_then(|field| field.parsed(grammar::socket));
    table.close();
    bind
}

/// `[cdr]`.
pub(super) fn cdr(root: &Table<'_>, base: &Path, node: &NodeSettings) -> CdrSettings {
    const POLICIES: [(&str, WhenFull); 2] = [("drop", WhenFull::Drop), ("refuse", WhenFull::Refuse)];
    let table = root.table("cdr", "{ path = \"/var/lib/trunkline/cdr\" }");
    let path = table.place("path", "\"/var/lib/trunkline/cdr\"");
    let at_start = if path.is_some() { AtStart::MustOpen } else { AtStart::MayFail };
    let folder = path.map_or_else(|| node.state_dir.join("cdr"), |path| base.join(path));
    let database = table.place("sqlite", "\"calls.sqlite\"").map(|file| folder.join(file));
    let age = table.seconds("rotate_s", "86400", 60..=31_536_000).unwrap_or(Duration::from_secs(86_400));
    let rotation = Rotation {
        octets: table.whole("rotate_mib", "64", 1..=65_536).unwrap_or(64) * MIB,
        age_ms: age.as_secs() * 1000,
        keep: table.whole("keep_files", "0", 0..=100_000).unwrap_or(0),
    };
    let sync = table.millis("sync_ms", "200", 10..=10_000).unwrap_or(Duration::from_millis(200));
    let when_full = table.field("when_full", "\"drop\"").and_then(|field| field.choice(&POLICIES));
    table.close();
    let when_full = when_full.unwrap_or(WhenFull::Drop);
    CdrSettings { writer: cdr::Settings { folder, rotation, sync, when_full, database }, at_start }
}

pub(super) fn log(root: &Table<'_>) -> LogSettings {
    const LEVELS: [(&str, LogLevel); 5] = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    const FORMATS: [(&str, LogFormat); 2] = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    let table = root.table("log", "{ level = \"info\" }");
    let format = table.field("format", "\"json\"").and_then(|field| field.choice(&FORMATS));
    let level = table.field("level", "\"info\"").and_then(|field| field.choice(&LEVELS));
    let lines = table.whole("lines_per_s_per_source", "20", 0..=100_000);
    table.close();
    LogSettings {
        format: format.unwrap_or(LogFormat::Json),
        level: level.unwrap_or(LogLevel::Info),
        lines_per_s_per_source: lines.unwrap_or(20),
    }
}
