//! `trunkline doctor`: proves that a deployment can take calls, and says what to change where it cannot. Each file looks at
//! one thing; what is pure there is given its facts, and only `reach`, `names` and `servers` ask the network.

pub mod acceptance;
pub mod back;
pub mod calls;
pub mod certificates;
pub mod clock;
pub mod finding;
pub mod folders;
pub mod host;
pub mod names;
pub mod reach;
pub mod servers;
pub mod deployment;
pub mod tenants;

use std::io;
use std::time::Duration;

use tokio::runtime::Builder;

pub use finding::{Finding, Verdict};
pub use host::{Daemon, HostFacts};

use crate::config::{self, EXAMINED, Loaded, Report};
use crate::daemon::materials::net_settings;
use crate::net::settings::NetSettings;

/// What an examination goes by besides configuration and machine.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub daemon: Daemon,
    /// How long OPTIONS of the platforms are waited for; zero: not at all.
    pub listen: Duration,
}

/// Everything there is to say about a configuration that was accepted, on this machine, now.
///
/// # Errors
/// The system gives no runtime.
pub fn examine(loaded: &Loaded, facts: &HostFacts, wish: Wish) -> io::Result<Vec<Finding>> {
    let mut findings = vec![Finding::good("configuration", "configuration", "accepted")];
    let is_told_better = |warning: &&config::Finding| warning.name.is_some_and(|name| EXAMINED.contains(&name));
    findings.extend(loaded.warnings().iter().filter(|warning| !is_told_better(warning)).map(warned));
    findings.extend(host::examine(facts, &loaded.settings));
    findings.extend(host::bind(&loaded.settings, wish.daemon));
    findings.extend(folders::examine(&loaded.settings, facts.room.unwrap_or(|_| None)));
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
    findings.extend(acceptance::examine(loaded));
    let tenants = tenants::Names::of(loaded);
    findings.extend(tenants.examine(&loaded.snapshot, &net));
    findings.extend(network(loaded, &tenants, net, wish)?);
    Ok(findings)
}

/// What the configuration is refused for: each fault one finding.
pub fn refused(report: &Report) -> Vec<Finding> {
    let fault = |error: &config::Finding| {
        let code = error.name.unwrap_or("configuration.refused");
        Finding::fault(code, subject(error), error.to_string(), "")
    };
    report.errors.iter().map(fault).collect()
}

fn warned(warning: &config::Finding) -> Finding {
    let code = warning.name.unwrap_or("configuration.warning");
    Finding::warning(code, subject(warning), warning.to_string(), "")
}

/// The key it is about; of a file as a whole, the file.
fn subject(finding: &config::Finding) -> &str {
    if finding.path.is_empty() { &finding.file } else { &finding.path }
}

fn network(loaded: &Loaded, tenants: &tenants::Names, net: NetSettings, wish: Wish) -> io::Result<Vec<Finding>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let resolver = names::resolver(&net);
        let mut findings = names::examine(loaded, tenants, &resolver).await;
        findings.extend(servers::examine(loaded, &net.dns, &resolver).await);
        let ears = back::Ears::open(loaded, &net, wish.daemon, wish.listen).await;
        let answers = reach::examine(loaded, net, &resolver, wish.daemon).await;
        findings.extend(ears.hear(loaded, &answers, wish.listen).await);
        findings.extend(answers);
        findings
    }))
}
