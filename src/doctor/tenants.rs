//! The names that accounts have on platforms (MD-56, MD-59): each is a name of ours that a platform dials, so the listener must
//! show a certificate that covers it, and DNS must lead here.

use std::sync::Arc;

use super::finding::Finding;
use crate::base::ids::{ListenerId, NetworkId};
use crate::config::Loaded;
use crate::config::settings::ProvisioningSource;
use crate::daemon::provisioning::last_good_file;
use crate::net::names::name_matches;
use crate::net::settings::NetSettings;
use crate::route::directory::Directory;
use crate::route::snapshot::Snapshot;
use crate::sip::flow::Transport;
use crate::store::last_good;

/// Names that are looked at: each is asked of DNS. Those of one base name are alike.
const LOOKED_AT: usize = 100;
/// Octets of a directory beside its store that are read for its names: some 100,000 numbers.
const DIRECTORY: u64 = 64 * 1024 * 1024;

/// Of one account, on one trunk.
pub struct Name {
    pub account: String,
    pub name: String,
    pub network: NetworkId,
    listener: ListenerId,
    transport: Transport,
}

/// Of all accounts.
pub struct Names {
    pub names: Vec<Name>,
    /// Those beyond [`LOOKED_AT`].
    more: usize,
}

impl Names {
    /// The file's accounts, or those that the store had last.
    pub fn of(loaded: &Loaded) -> Names {
        let directory = match loaded.settings.provisioning.source {
            ProvisioningSource::File => Some(Arc::clone(&loaded.directory)),
            ProvisioningSource::Store => kept(loaded),
        };
        let all = || directory.iter().flat_map(|directory| named(directory, &loaded.snapshot));
        Names { names: all().take(LOOKED_AT).collect(), more: all().skip(LOOKED_AT).count() }
    }

    /// Whether the listeners show certificates with these names.
    pub fn examine(&self, snapshot: &Snapshot, net: &NetSettings) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.names.iter().filter_map(|name| uncovered(name, snapshot, net)).collect();
        if self.more > 0 {
            let told = format!("{} more names of accounts were not looked at", self.more);
            findings.push(Finding::skipped("accounts.names", "accounts", told));
        }
        findings
    }
}

fn kept(loaded: &Loaded) -> Option<Arc<Directory>> {
    let file = last_good_file(&loaded.settings.node.state_dir);
    file.metadata().ok().filter(|data| data.len() <= DIRECTORY)?;
    Some(last_good::read(&file).ok()??.directory)
}

fn named<'d>(directory: &'d Directory, snapshot: &'d Snapshot) -> impl Iterator<Item = Name> + 'd {
    directory.accounts().flat_map(|account| {
        snapshot.trunks.iter().filter_map(|trunk| {
            let name = trunk.name_of(account)?;
            let (network, listener, transport) = (trunk.network, trunk.listener, trunk.transport);
            Some(Name { account: account.name.to_string(), name, network, listener, transport })
        })
    })
}

fn uncovered(name: &Name, snapshot: &Snapshot, net: &NetSettings) -> Option<Finding> {
    let listener = snapshot.listeners.iter().find(|listener| listener.id == name.listener)?;
    let shown = listener.certificates.iter().filter_map(|certificate| net.identities.get(certificate));
    let mut names = shown.flat_map(|identity| identity.names());
    if name.transport != Transport::Tls || names.any(|known| name_matches(known, &name.name)) {
        return None;
    }
    let base = name.name.split_once('.').map_or("", |(_, base)| base);
    Some(Finding::fault(
        "certificate.account_name_missing",
        format!("accounts.{}", name.account),
        format!("listener `{}` shows no certificate with {}: the platform refuses us there", listener.name, name.name),
        format!(
            "get one with *.{base} or the name itself among its alternative names, and name it in listeners.{}.certificates",
            listener.name
        ),
    ))
}
