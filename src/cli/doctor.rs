//! `trunkline doctor`: what keeps this deployment from taking calls, and what to change.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::call::subcode;
use crate::config::{Settings, load_overridden};
use crate::doctor::finding::{json, text};
use crate::doctor::{Daemon, Finding, HostFacts, Verdict, Wish, examine, refused};

/// For each step of asking who is there.
const PATIENCE: Duration = Duration::from_secs(1);
/// Octets of the metrics that are read to know them.
const METRICS_BEGIN: u64 = 64 * 1024;

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// What is examined, and how it is told.
#[derive(Clone, Debug)]
pub struct Question {
    pub config: PathBuf,
    pub overriding: Option<PathBuf>,
    pub form: Form,
    /// How long OPTIONS of the platforms are waited for.
    pub listen: Duration,
    pub standard: Standard,
}

/// What counts as unwell. The same for either form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// What breaks calls now.
    Faults,
    /// What somebody should look after, too: before a deployment goes live, and for monitoring.
    Warnings,
}

impl Standard {
    /// How well it stands with these findings.
    fn judge(self, findings: &[Finding]) -> Health {
        let worst = match self {
            Standard::Faults => Verdict::Fault,
            Standard::Warnings => Verdict::Warning,
        };
        if findings.iter().any(|finding| finding.verdict >= worst) { Health::Findings } else { Health::Well }
    }
}

/// How an examination ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is at fault by the standard asked for.
    Well,
    /// Something is.
    Findings,
    /// The configuration is refused.
    Refused,
}

/// Whether a code was explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Known,
    Unknown,
}

/// What a response code of Microsoft's admin centre means (MD-232, MD-233), and where to look.
///
/// # Errors
/// `out` cannot be written.
pub fn explain(code: u32, out: &mut dyn Write) -> io::Result<Code> {
    let Some(row) = subcode::of_code(code) else {
        writeln!(out, "{code}: not in the list; codes that begin with 560 are this SBC's own answers")?;
        return Ok(Code::Unknown);
    };
    let status = if row.status == 0 { String::new() } else { format!(" (SIP {})", row.status) };
    writeln!(out, "{code}{status}: {}\n-> {}", row.meaning, row.check)?;
    Ok(Code::Known)
}

/// Examines a deployment and writes what was found.
///
/// # Errors
/// `out` cannot be written, or the system gives nothing to work with.
pub fn run(question: &Question, out: &mut dyn Write) -> io::Result<Health> {
    let Question { config: path, form, .. } = question;
    let (findings, health) = match load_overridden(path, question.overriding.as_deref()) {
        Ok(loaded) => {
            let control = UnixStream::connect(&loaded.settings.node.control).ok();
            let wish = Wish { daemon: daemon(control.as_ref(), &loaded.settings), listen: question.listen };
            let facts = HostFacts::read(control.as_ref());
            drop(control);
            let findings = examine(&loaded, &facts, wish)?;
            let health = question.standard.judge(&findings);
            (findings, health)
        }
        Err(report) => (refused(&report), Health::Refused),
    };
    match form {
        Form::Text => out.write_all(text(&findings).as_bytes())?,
        Form::Json => writeln!(out, "{}", json(&findings)?)?,
    }
    Ok(health)
}

/// Who answers on the control socket is our daemon, or who serves our metrics: a stranger on either port is none.
fn daemon(control: Option<&UnixStream>, settings: &Settings) -> Daemon {
    let runs = control.is_some() || settings.metrics.is_some_and(serves_metrics);
    if runs { Daemon::Running } else { Daemon::Absent }
}

fn serves_metrics(bind: SocketAddr) -> bool {
    let local = if bind.ip().is_unspecified() { (Ipv4Addr::LOCALHOST, bind.port()).into() } else { bind };
    let fetched = || {
        let mut stream = TcpStream::connect_timeout(&local, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut octets = Vec::new();
        stream.take(METRICS_BEGIN).read_to_end(&mut octets)?;
        Ok::<_, io::Error>(octets)
    };
    fetched().is_ok_and(|octets| memchr::memmem::find(&octets, b"sbc_").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_fails_a_script_only_where_it_is_asked_to() {
        let good = Finding::good("a", "x", "fine");
        let skipped = Finding::skipped("b", "x", "not asked");
        let warning = Finding::warning("c", "x", "soon", "renew");
        let fault = Finding::fault("d", "x", "broken", "mend");
        let judged =
            |findings: &[Finding]| [Standard::Faults, Standard::Warnings].map(|standard| standard.judge(findings));
        assert_eq!(judged(&[good.clone(), skipped]), [Health::Well, Health::Well]);
        assert_eq!(judged(&[good.clone(), warning.clone()]), [Health::Well, Health::Findings]);
        assert_eq!(judged(&[warning, fault, good]), [Health::Findings, Health::Findings]);
    }
}
