//! Questions to DNS servers: what is set, what an error means, and what of an answer is taken.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{ResolverBuilder, TokioResolver};

use crate::base::limits::DNS_ANSWERS;
use crate::sip::flow::ResolveFailure;

/// One question to one server.
const QUESTION: Duration = Duration::from_secs(2);
/// Tries per question.
const ATTEMPTS: usize = 2;
/// The longest TTL that is believed: a day, as long as an answer is kept at all.
const LONGEST_TTL: Duration = Duration::from_secs(86_400);
/// How long "no such name" is believed, whatever its zone says: a name that was added works soon.
const LONGEST_ABSENCE: Duration = Duration::from_secs(60);

/// Clients of DNS servers.
pub(super) struct Servers {
    /// Asks two at a time, and takes the first answer.
    together: TokioResolver,
    /// Each server alone, where there are several.
    each: Vec<TokioResolver>,
}

impl Servers {
    /// Of `servers`, or of the system's when there are none.
    ///
    /// # Errors
    /// The system names no server.
    pub(super) fn new(servers: &[SocketAddr]) -> Result<Servers, NetError> {
        let together = match servers {
            [] => built(TokioResolver::builder_tokio()?)?,
            servers => of(servers)?,
        };
        let known = if servers.is_empty() { system_servers() } else { servers.to_vec() };
        let each = known.iter().filter(|_| known.len() > 1).map(|server| of(&[*server])).collect::<Result<_, _>>()?;
        Ok(Servers { together, each })
    }

    /// Asks them together, and each alone once one had nothing to say but an error: the library takes that for the word of
    /// all, however well the others know the name. `failure_of`: what an error means.
    ///
    /// # Errors
    /// That no server has an answer, or that there is no such name.
    pub(super) async fn ask<T, F>(
        &self,
        question: impl Fn(TokioResolver) -> F,
        failure_of: fn(&NetError) -> ResolveFailure,
    ) -> Result<T, ResolveFailure>
    where
        F: Future<Output = Result<T, NetError>>,
    {
        let mut said = question(self.together.clone()).await.map_err(|error| failure_of(&error));
        for server in &self.each {
            if said.as_ref().err() != Some(&ResolveFailure::ServerFailed) {
                break;
            }
            let alone = question(server.clone()).await.map_err(|error| failure_of(&error));
            if alone.as_ref().err() != Some(&ResolveFailure::TimedOut) {
                said = alone;
            }
        }
        said
    }
}

fn of(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let config = ResolverConfig::from_name_servers(servers.iter().map(server).collect());
    built(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
}

fn built(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<TokioResolver, NetError> {
    set_options(builder.options_mut());
    builder.build()
}

/// The servers that the system names, in its order; none where it names none that can be read.
pub fn system_servers() -> Vec<SocketAddr> {
    let Ok((config, _)) = read_system_conf() else { return Vec::new() };
    let server = |server: &NameServerConfig| Some(SocketAddr::new(server.ip, server.connections.first()?.port));
    config.name_servers().iter().filter_map(server).collect()
}

fn set_options(options: &mut ResolverOpts) {
    options.timeout = QUESTION;
    options.attempts = ATTEMPTS;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Always;
    options.cache_size = DNS_ANSWERS;
    options.positive_max_ttl = Some(LONGEST_TTL);
    options.negative_max_ttl = Some(LONGEST_ABSENCE);
    // Else a question leaves from any port above 1,023 and keeps it at every address of the machine while it waits: one
    // of media's, or a listener's that is about to be bound. The system draws one of its own, at random too (RFC 6056).
    options.os_port_selection = true;
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// What an error means for who asked.
pub(super) fn failure_of(error: &NetError) -> ResolveFailure {
    if error.is_nx_domain() || error.is_no_records_found() {
        return ResolveFailure::NoSuchName;
    }
    match error {
        NetError::Timeout => ResolveFailure::TimedOut,
        _ => ResolveFailure::ServerFailed,
    }
}

/// What it means where a host's address was asked for. A name that is there but leads to no address, or in circles, is
/// a zone that is broken: the last good answer stands in (R-K).
pub(super) fn failure_of_host(error: &NetError) -> ResolveFailure {
    match failure_of(error) {
        ResolveFailure::NoSuchName if !error.is_nx_domain() => ResolveFailure::ServerFailed,
        failure => failure,
    }
}

/// True for an address that one peer can have. The others would reach ourselves, or everybody.
pub(super) fn is_usable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !(address.is_unspecified() || address.is_multicast() || address.is_broadcast()),
        IpAddr::V6(address) => !(address.is_unspecified() || address.is_multicast()),
    }
}

/// Lower case, no dot at the end.
pub(super) fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
