//! `trunkline import FILE.csv`: the file into the store of this machine's configuration, with the same job that the API
//! makes.
//!
//! A running daemon has the same store open: it sees the groups within a second, and goes on with the job when this process
//! is ended in the middle.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::exit::Exit;
use crate::base::Entropy;
use crate::config;
use crate::config::file::Unusable;
use crate::config::settings::ProvisioningSource;
use crate::daemon::clock::wall;
use crate::daemon::entropy::OsEntropy;
use crate::daemon::provisioning::store_file;
use crate::store::audit::Actor;
use crate::store::import::{Checked, FILE_OCTETS, Options, Severity};
use crate::store::jobs::{self, Job, JobState, Step, Upload};
use crate::store::refusal::{Code, Refusal};
use crate::store::sqlite::SqliteStore;
use crate::store::writing::{Condition, reading, writing};

/// Problems shown; the rest is counted.
const SHOWN: usize = 50;
/// Characters of the progress bar.
const BAR: u64 = 40;

/// What to import, and how.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    pub config: PathBuf,
    pub file: PathBuf,
    pub options: Options,
    pub rehearsal: Rehearsal,
}

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rehearsal {
    /// `--dry-run`: validated only.
    Only,
    No,
}

/// Imports; what was found is on standard error, the summary on standard output.
pub fn run(import: &ImportOptions) -> Exit {
    let settings = match config::load(&import.config) {
        Ok(loaded) => loaded.settings,
        Err(report) => {
            eprint!("{report}");
            return Exit::Configuration;
        }
    };
    if settings.provisioning.source != ProvisioningSource::Store {
        eprintln!("trunkline: an import needs provisioning.source = \"store\" in {}", import.config.display());
        return Exit::Configuration;
    }
    let octets = match octets(&import.file) {
        Ok(octets) => octets,
        Err(text) => {
            eprintln!("trunkline: {}: {text}", import.file.display());
            return Exit::Usage;
        }
    };
    match imported(&settings.node.state_dir, import, &octets) {
        Ok(exit) => exit,
        Err(refusal) => refused(&refusal),
    }
}

fn octets(file: &Path) -> Result<Vec<u8>, String> {
    let most = u64::try_from(FILE_OCTETS).unwrap_or(u64::MAX);
    config::file::read(file, most).map_err(|error| match error {
        Unusable::TooLarge(_) => format!("{error}; split it into several, each with the heading"),
        Unusable::Unreadable(_) | Unusable::NoFile(_) => error.with("name a CSV file"),
    })
}

fn refused(refusal: &Refusal) -> Exit {
    eprintln!("trunkline: {}", refusal.message);
    for detail in &refusal.details {
        eprintln!("  {}: {} [{}]", detail.target, detail.message, detail.code);
    }
    match refusal.code {
        Code::StoreUnavailable => Exit::Taken,
        Code::Internal => Exit::Internal,
        _ => Exit::Findings,
    }
}

fn imported(state_dir: &Path, import: &ImportOptions, octets: &[u8]) -> Result<Exit, Refusal> {
    std::fs::create_dir_all(state_dir).map_err(|error| {
        Refusal::new(Code::StoreUnavailable, format!("{} cannot be made: {error}", state_dir.display()))
    })?;
    let file = store_file(state_dir);
    let unopened = |fault| Refusal::new(Code::StoreUnavailable, format!("{}: {fault}", file.display()));
    let mut store = SqliteStore::open(&file).map_err(unopened)?;
    let name = import.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let id = format!("{:011x}{}", wall().0, OsEntropy::new().token(6));
    let upload =
        Upload { id, file_name: &name, octets, options: import.options.clone(), scope: None, in_use: BTreeSet::new() };
    let checked = reading(&mut store, |rows| jobs::validate(rows, &upload))?;
    show(&checked);
    if import.rehearsal == Rehearsal::Only || checked.is_refused() || checked.rows.is_empty() {
        println!(
            "{} rows: {} can be imported, {} errors; nothing was changed",
            checked.total,
            checked.rows.len(),
            checked.errors()
        );
        return Ok(if checked.errors() == 0 { Exit::Ok } else { Exit::Findings });
    }
    let actor = Actor { name: "command line".to_owned(), ..Actor::default() };
    let job = writing(&mut store, &actor, wall(), |writing| {
        let (job, _) = jobs::upload(writing, &upload, &actor.name)?;
        Ok(jobs::run(writing, &job.id, &Condition::None)?.0)
    })?;
    let done = follow(&mut store, &actor, &job.id)?;
    Ok(summed_up(&done))
}

fn show(checked: &Checked) {
    for problem in checked.problems.iter().take(SHOWN) {
        let word = if problem.severity == Severity::Error { "error" } else { "warning" };
        eprintln!("{word}: {problem}");
    }
    match checked.problems.len().saturating_sub(SHOWN) {
        0 => {}
        more => eprintln!("and {more} more"),
    }
}

/// Applies group after group until the job is over; a daemon that runs beside us may take some of them.
fn follow(store: &mut SqliteStore, actor: &Actor, id: &str) -> Result<Job, Refusal> {
    let shows = std::io::stderr().is_terminal();
    loop {
        // Which numbers calls use is known to the daemon alone; deletions are best ordered through its API.
        let step = jobs::step(store, actor, wall(), &mut |_| BTreeSet::new())?;
        let (job, _) = reading(store, |rows| jobs::job(rows, id, wall()))?;
        if shows {
            draw(&job);
        }
        if job.state != JobState::Importing || step == Step::Idle {
            if shows {
                eprintln!();
            }
            return Ok(job);
        }
    }
}

/// What the bar shows is in the store: rows of groups that were applied.
fn draw(job: &Job) {
    eprint!("\r{}", bar(job.groups_done, job.groups));
    // A terminal that is gone needs no bar.
    let _ = std::io::stderr().flush();
}

fn bar(done: u64, groups: u64) -> String {
    let filled = done.saturating_mul(BAR).checked_div(groups).unwrap_or(BAR);
    let bar: String = (0..BAR).map(|at| if at < filled { '#' } else { '.' }).collect();
    format!("[{bar}] {done} of {groups} groups of 100")
}

fn summed_up(job: &Job) -> Exit {
    let counters = &job.counters;
    println!(
        "{} rows: {} created, {} updated, {} unchanged, {} deleted, {} skipped; {} errors, {} warnings; import {}",
        counters.rows,
        counters.created,
        counters.updated,
        counters.unchanged,
        counters.deleted,
        counters.skipped,
        counters.errors,
        counters.warnings,
        job.id
    );
    if counters.errors == 0 && job.state == JobState::Completed { Exit::Ok } else { Exit::Findings }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_full_when_the_last_group_is_applied_and_not_before() {
        let marks = |done, groups| bar(done, groups).matches('#').count();
        assert_eq!([marks(0, 3), marks(1, 3), marks(2, 3), marks(3, 3)], [0, 13, 26, 40]);
        assert_eq!((marks(99_999, 100_000), marks(0, 0)), (39, 40));
        assert_eq!(bar(1, 2), format!("[{}{}] 1 of 2 groups of 100", "#".repeat(20), ".".repeat(20)));
    }
}
