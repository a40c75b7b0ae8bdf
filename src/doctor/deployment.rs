//! What the parts of a configuration say about each other and about the place they run in.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::host::is_public;
use crate::config::Loaded;
use crate::nsg::{Note, rule_set};
use crate::route::role::PeerRole;
use crate::route::settings::TrunkSettings;

/// Names shared between platforms, addresses nobody can reach, open administration, packet filters.
pub fn examine(loaded: &Loaded) -> Vec<Finding> {
    let trunks = &loaded.settings.routing.trunks;
    let mut findings = shared_names(trunks);
    findings.extend(trunks.iter().filter_map(|trunk| hidden(loaded, trunk)));
    findings.extend(metrics(loaded));
    for note in rule_set(&loaded.settings, &[]).notes {
        if let Note::Gap(told) = note {
            findings.push(Finding::warning("nsg.gap", "packet filter", told, "see `trunkline nsg`"));
        }
    }
    findings
}

/// One name of ours belongs to one tenant of one platform: a second one never gets its calls.
fn shared_names(trunks: &[TrunkSettings]) -> Vec<Finding> {
    let mut by_name: BTreeMap<&str, Vec<&TrunkSettings>> = BTreeMap::new();
    for trunk in trunks.iter().filter(|trunk| trunk.behaviour.role == PeerRole::Platform) {
        if let Some(fqdn) = trunk.fqdn.as_deref() {
            by_name.entry(fqdn).or_default().push(trunk);
        }
    }
    let kinds = |trunks: &[&TrunkSettings]| {
        let mut profiles: Vec<String> = trunks.iter().map(|trunk| trunk.profile.clone()).collect();
        profiles.sort();
        profiles.dedup();
        profiles
    };
    let shared = by_name.into_iter().filter(|(_, trunks)| kinds(trunks).len() > 1);
    let finding = |(name, trunks): (&str, Vec<&TrunkSettings>)| {
        let named: Vec<_> = trunks.iter().map(|trunk| format!("{} ({})", trunk.name, trunk.profile)).collect();
        Finding::fault(
            "fqdn.shared",
            name,
            format!("shown to different platforms: {}", named.join(", ")),
            "give each platform a name of its own; a name can be paired with Teams or with Azure Communication Services, not both",
        )
    };
    shared.map(finding).collect()
}

/// A platform on the internet is told an address of a private network.
fn hidden(loaded: &Loaded, trunk: &TrunkSettings) -> Option<Finding> {
    let routing = &loaded.settings.routing;
    let listener = routing.listeners.iter().find(|listener| listener.name == trunk.listener)?;
    let network = routing.networks.iter().find(|network| network.name == listener.network)?;
    let outside = trunk.behaviour.role == PeerRole::Platform
        && (trunk.targets.iter().any(|target| target.address.is_none_or(is_public)))
        && !network.advertise.is_loopback();
    if !outside || is_public(network.advertise) {
        return None;
    }
    Some(Finding::fault(
        "advertise.private",
        format!("networks.{}.advertise", network.name),
        format!("{} is told to trunk `{}`, which is on the internet", network.advertise, trunk.name),
        "write the public address that is translated to this machine; without it there is no audio",
    ))
}

fn metrics(loaded: &Loaded) -> Option<Finding> {
    let bind = loaded.settings.metrics?;
    let open = bind.ip().is_unspecified() || is_public(bind.ip());
    open.then(|| {
        Finding::warning(
            "metrics.open",
            "metrics.bind",
            format!("{bind} can be reached from other networks; metrics tell who calls how much"),
            "bind 127.0.0.1 or the management network's address",
        )
    })
}
