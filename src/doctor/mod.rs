//! `trunkline doctor`: proves that a deployment can take calls, and says what to change where it cannot. Each file looks at
//! one thing; what is pure there is given its facts, and only `reach` and `names` ask the network.

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
pub mod deployment;

use std::io;
use std::time::Duration;

use tokio::runtime::Builder;

pub use finding::{Finding, Verdict};
pub use host::{Daemon, HostFacts};

use crate::config::{self, DATES, Loaded, Report};
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
    // Of dates the certificates' own examination tells more.
    findings.extend(loaded.warnings().iter().filter(|warning| warning.name != Some(DATES)).map(warned));
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
    findings.extend(network(loaded, net, wish)?);
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

fn network(loaded: &Loaded, net: NetSettings, wish: Wish) -> io::Result<Vec<Finding>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let resolver = names::resolver(&net);
        let mut findings = names::examine(loaded, &resolver).await;
        let ears = back::Ears::open(loaded, &net, wish.daemon, wish.listen).await;
        let answers = reach::examine(loaded, net, &resolver, wish.daemon).await;
        findings.extend(ears.hear(loaded, &answers, wish.listen).await);
        findings.extend(answers);
        findings
    }))
}
