//! `trunkline explain`: what would happen to a call, and why; by the engine itself, with the numbers of this machine's
//! store.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::exit::Exit;
use crate::config;
use crate::config::Loaded;
use crate::config::settings::ProvisioningSource;
use crate::daemon::clock::wall;
use crate::daemon::provisioning::known_now;
use crate::explain::{BadQuestion, Explanation, Question, explain};
use crate::route::directory::Directory;

/// What to explain, and how to show it.
#[derive(Clone, Debug)]
pub struct ExplainOptions {
    pub config: PathBuf,
    pub question: Question,
    pub form: Form,
}

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// Explains. A call that would be refused is a finding.
pub fn run(options: &ExplainOptions, out: &mut dyn Write) -> io::Result<Exit> {
    let loaded = match config::load(&options.config) {
        Ok(loaded) => loaded,
        Err(report) => {
            eprint!("{report}");
            return Ok(Exit::Configuration);
        }
    };
    let directory = match directory(&loaded) {
        Ok(directory) => directory,
        Err(text) => {
            eprintln!("trunkline: {text}");
            return Ok(Exit::Taken);
        }
    };
    match explain(&loaded.snapshot, &directory, &options.question, wall()) {
        Ok(explanation) => show(&explanation, options.form, out),
        Err(bad) => Ok(unasked(&bad)),
    }
}

/// What calls of a daemon with this configuration would know.
fn directory(loaded: &Loaded) -> Result<Arc<Directory>, String> {
    match loaded.settings.provisioning.source {
        ProvisioningSource::File => Ok(loaded.directory.clone()),
        ProvisioningSource::Store => known_now(&loaded.settings.node.state_dir),
    }
}

fn show(explanation: &Explanation, form: Form, out: &mut dyn Write) -> io::Result<Exit> {
    match form {
        Form::Text => write!(out, "{explanation}")?,
        Form::Json => writeln!(out, "{:#}", serde_json::json!(explanation))?,
    }
    Ok(if explanation.allowed { Exit::Ok } else { Exit::Findings })
}

fn unasked(bad: &BadQuestion) -> Exit {
    // `the call` as a whole has no option.
    let dashes = if bad.place.starts_with("the ") { "" } else { "--" };
    eprintln!("trunkline: {dashes}{bad}");
    Exit::Usage
}
