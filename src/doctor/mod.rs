//! `trunkline doctor`: proves that a deployment can take calls, and says what to change where it cannot. Each file looks at
//! one thing; what is pure there is given its facts, and only `reach` and `names` ask the network.

pub mod calls;
pub mod certificates;
pub mod finding;
pub mod host;
pub mod names;
pub mod reach;
pub mod deployment;

use std::io;

use tokio::runtime::Builder;

pub use finding::{Finding, Verdict};
pub use host::{Daemon, HostFacts};

use crate::config::Loaded;
use crate::daemon::materials::net_settings;
use crate::net::settings::NetSettings;

/// Everything there is to say about a configuration that was accepted, on this machine, now.
///
/// # Errors
/// The system gives no runtime.
pub fn examine(loaded: &Loaded, facts: &HostFacts, daemon: Daemon) -> io::Result<Vec<Finding>> {
    let mut findings = vec![Finding::good("configuration", "configuration", "accepted")];
    findings.extend(
        loaded
            .warnings()
            .iter()
            .map(|warning| Finding::warning("configuration.warning", "configuration", warning.to_string(), "")),
    );
    findings.extend(host::examine(facts, &loaded.settings));
    findings.extend(host::bind(&loaded.settings, daemon));
    findings.extend(deployment::examine(loaded));
    findings.extend(calls::examine(&loaded.settings.cdr.writer.folder, facts.now));
    let net = match net_settings(&loaded.settings, &loaded.snapshot) {
        Ok(net) => net,
        Err(files) => {
            findings.extend(files.iter().map(|file| {
                Finding::fault("file", file.key.clone(), file.to_string(), "write a file the daemon's user can read")
            }));
            return Ok(findings);
        }
    };
    findings.extend(certificates::examine(loaded, facts));
    findings.extend(network(loaded, net, daemon)?);
    Ok(findings)
}

fn network(loaded: &Loaded, net: NetSettings, daemon: Daemon) -> io::Result<Vec<Finding>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let resolver = names::resolver(&net);
        let mut findings = names::examine(loaded, &resolver).await;
        findings.extend(reach::examine(loaded, net, &resolver, daemon).await);
        findings
    }))
}
