//! `trunkline doctor`: what keeps this deployment from taking calls, and what to change.

use std::io::{self, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::call::subcode;
use crate::config::{Settings, load_overridden};
use crate::doctor::finding::{json, text};
use crate::doctor::{Daemon, HostFacts, Verdict, Wish, examine, refused};

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
}

/// How an examination ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is wrong.
    Well,
    /// There is something to look after, or at fault.
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
            let findings = examine(
                &loaded,
                &HostFacts::read(),
                Wish { daemon: daemon(&loaded.settings), listen: question.listen },
            )?;
            let well = findings.iter().all(|finding| finding.verdict < Verdict::Warning);
            (findings, if well { Health::Well } else { Health::Findings })
        }
        Err(report) => (refused(&report), Health::Refused),
    };
    match form {
        Form::Text => out.write_all(text(&findings).as_bytes())?,
        Form::Json => writeln!(out, "{}", json(&findings)?)?,
    }
    Ok(health)
}

/// Somebody who serves our metrics is our daemon.
fn daemon(settings: &Settings) -> Daemon {
    let served = settings.metrics.is_some_and(|bind| {
        let local = if bind.ip().is_unspecified() { (std::net::Ipv4Addr::LOCALHOST, bind.port()).into() } else { bind };
        TcpStream::connect_timeout(&local, Duration::from_secs(1)).is_ok()
    });
    if served { Daemon::Running } else { Daemon::Absent }
}
