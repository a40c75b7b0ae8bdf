//! The traps of real deployments with Microsoft (section 18 of the sheet), one test each, named by its number. Those of
//! TLS are in `tests/net/traps.rs` (T3, T4, T5, T27) and `tests/net/renewal.rs` (T26), T23 is in `tests/profiles.rs`.

mod answers;
mod held;
mod identity;
mod media;
mod transfers;

use std::time::Duration;

use trunkline::config::profile;
use trunkline::route::settings::{RoutingSettings, TrunkSettings};
use trunkline::route::trunk::{ContactHost, TargetSpec};

use crate::world::World;

/// The platform's trunk becomes one of this profile, its three names lead to the platform's agent, and it is not probed.
fn microsoft(trunk: &mut TrunkSettings, name: &str) {
    let known = profile(name).expect("an embedded profile");
    trunk.profile = name.into();
    trunk.behaviour = known.behaviour.clone();
    trunk.behaviour.options.interval = Duration::ZERO;
    trunk.contact_host = ContactHost::Ignored;
    trunk.targets =
        known.counterpart.targets.iter().map(|target| TargetSpec { port: Some(5061), ..target.clone() }).collect();
    trunk.sources = Some(vec!["192.0.2.0/24".parse().expect("a range")]);
}

/// A world in which the platform is Microsoft Teams.
fn teams(change: impl FnOnce(&mut RoutingSettings)) -> World {
    world_of("microsoft-teams", change)
}

fn world_of(name: &str, change: impl FnOnce(&mut RoutingSettings)) -> World {
    let mut world = World::configured(|settings| {
        microsoft(&mut settings.trunks[2], name);
        change(settings);
    });
    for place in ["", "2", "3"] {
        let address = "192.0.2.50:5061".parse().expect("an address");
        world.names.insert(format!("sip{place}.pstnhub.microsoft.com"), vec![address]);
    }
    world
}
