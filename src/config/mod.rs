//! The configuration file: one TOML text -> [`Settings`] and the [`Snapshot`] compiled from them (DESIGN 7).
//!
//! `document` parses with recovery and knows the line of every path; `read` holds the typed getters, whose asked keys
//! are the known keys; one file for each table or group of tables reads it; `cross` sees them together; `certificates`
//! looks into the files they name. Every error is found before the first one is shown.

mod accounts;
mod authentication;
mod behaviour;
mod certificates;
mod changes;
mod user_to_user;
mod cross;
mod document;
mod emergency;
pub mod file;
mod fraud;
mod grammar;
mod methods;
mod network;
mod presence;
mod presentation;
mod profile;
mod provisional;
mod read;
mod report;
mod routes;
mod script;
mod sections;
pub mod settings;
mod suggest;
mod syntax;
mod target;
mod trunk;

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::limits::CONFIG_OCTETS;
use crate::route::directory::Directory;
use crate::route::settings::{ListenerSettings, RoutingSettings};
use crate::route::snapshot::Snapshot;

pub use certificates::{EXAMINED, Files};
pub use changes::{Change, Source, Takes};
pub use profile::profile;
pub use report::{Finding, Level, Report};
pub use settings::{CertificateFiles, LogFormat, LogLevel, LogSettings, Settings, TrustRoots};

use document::Document;
use read::{Declared, Table};
use settings::ProvisioningSettings;
use trunk::TrunkReader;

/// A file that was accepted.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    pub snapshot: Arc<Snapshot>,
    /// What `[accounts]` and `[numbers]` provision; empty where the store does.
    pub directory: Arc<Directory>,
    /// What somebody should look at: keys not yet acted on, routes never reached. No errors in it.
    pub report: Report,
    /// What it was read from.
    pub source: Source,
    /// Where that stands; `None`: in no file.
    pub origin: Option<Origin>,
}

/// The files a configuration was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub file: PathBuf,
    /// Laid over it.
    pub overriding: Option<PathBuf>,
}

impl Origin {
    /// Reads and checks them again.
    ///
    /// # Errors
    /// Everything that is wrong with them, at once.
    pub fn load(&self) -> Result<Loaded, Report> {
        load_overridden(&self.file, self.overriding.as_deref())
    }

    /// What is in force after `loaded` was read beside `before`, the configuration of this process: the keys of `kept` stay
    /// as they were.
    ///
    /// # Errors
    /// The rest of the new file does not go with them.
    pub fn keeping(&self, loaded: Loaded, before: &Source, kept: &[&Change]) -> Result<Loaded, Report> {
        if kept.is_empty() {
            return Ok(loaded);
        }
        let blend = loaded.source.keeping(before, kept);
        let name = format!("{} (with what takes a restart left as it is)", self.file.display());
        let stays = parse(&name, &blend.text(), &base_of(&self.file), Files::Checked)?;
        Ok(Loaded { report: loaded.report, origin: loaded.origin, ..stays })
    }
}

/// The control socket of a daemon that runs by this file, though the file may be wrong by now: whoever is asked to read it
/// again must be found.
///
/// # Errors
/// It cannot be read.
pub fn control_socket(file: &Path) -> Result<PathBuf, String> {
    let text = read_file(file, "--config").map_err(|report| report.to_string().trim_end().to_owned())?;
    let (doc, entries) = Document::parse(&file.display().to_string(), &text);
    Ok(sections::node(&Table::root(&doc, &entries), &base_of(file)).control)
}

/// Where relative paths of a file start.
fn base_of(file: &Path) -> PathBuf {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    absolute.parent().map_or_else(PathBuf::new, Path::to_owned)
}

impl Loaded {
    /// What somebody should look at.
    pub fn warnings(&self) -> &[Finding] {
        &self.report.warnings
    }
}

/// Reads and checks a file, and the files it names.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(path: &Path) -> Result<Loaded, Report> {
    load_overridden(path, None)
}

/// Reads and checks a file with the keys of another laid over it: tables are merged, anything else is replaced whole.
/// Relative paths of both start where the first file is.
///
/// # Errors
/// Everything that is wrong with them, at once.
pub fn load_overridden(path: &Path, overriding: Option<&Path>) -> Result<Loaded, Report> {
    let named = |path: &Path, option: &str| Ok((path.display().to_string(), read_file(path, option)?));
    let (name, text) = named(path, "--config")?;
    let over = overriding.map(|path| named(path, "--override")).transpose()?;
    let over = over.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    let loaded = parse_overridden((&name, &text), over, &base_of(path), Files::Checked)?;
    let origin = Origin { file: path.to_owned(), overriding: overriding.map(Path::to_owned) };
    Ok(Loaded { origin: Some(origin), ..loaded })
}

/// `option`: the one of the command line that names it.
fn read_file(path: &Path, option: &str) -> Result<String, Report> {
    let name = path.display().to_string();
    let remedy = format!("name another with {option} FILE");
    let octets = file::read(path, CONFIG_OCTETS).map_err(|error| Report::unreadable(&name, 0, error.with(&remedy)))?;
    script::text_of(octets).map_err(|flaw| Report::unreadable(&name, flaw.line, flaw.text))
}

/// Checks a text. `name` is what findings call the file; relative paths start at `base`.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn parse(name: &str, text: &str, base: &Path, files: Files) -> Result<Loaded, Report> {
    parse_overridden((name, text), None, base, files)
}

fn parse_overridden(
    first: (&str, &str),
    second: Option<(&str, &str)>,
    base: &Path,
    files: Files,
) -> Result<Loaded, Report> {
    let (doc, entries) = Document::parse_overridden(first, second);
    let root = Table::root(&doc, &entries);
    let (settings, directory) = read_settings(root, Declared::new(&entries), base, files);
    cross::check(&doc, &settings);
    if files == Files::Checked {
        certificates::check(&doc, &settings);
        check_folders(&doc, &settings);
    }
    let snapshot = match doc.is_accepted() {
        true => Snapshot::compile(&settings.routing).map_err(|error| doc.error("", error.to_string())).ok(),
        false => None,
    };
    let source = Source::of(first.1, second.map(|(_, text)| text), doc.files());
    let report = doc.into_report();
    match snapshot {
        Some(snapshot) => Ok(Loaded {
            settings,
            snapshot: Arc::new(snapshot),
            directory: Arc::new(directory),
            report,
            source,
            origin: None,
        }),
        None => Err(report),
    }
}

/// What is to be a folder, or the control socket, and is something else by now: the daemon would run without records and control
/// socket.
fn check_folders(doc: &Document, settings: &Settings) {
    let named = [("node.state_dir", &settings.node.state_dir), ("cdr.path", &settings.cdr.writer.folder)];
    for (key, folder) in named.into_iter().filter(|(key, _)| doc.stands(key)) {
        if folder.exists() && !folder.is_dir() {
            doc.error(key, format!("{} is no folder; write the path of one", folder.display()));
        }
    }
    let control = &settings.node.control;
    if fs::symlink_metadata(control).is_ok_and(|there| !there.file_type().is_socket()) {
        let key = if doc.stands("node.control") { "node.control" } else { "node.state_dir" };
        doc.error(key, format!("{} is there and is no socket; write a path where nothing is", control.display()));
    }
    if let Some(database) = settings.cdr.writer.database.as_deref().filter(|file| !is_database(file)) {
        // No error: a database that was damaged keeps nobody from calling, and the records are in the spool.
        let what = "is something else than an SQLite database, and takes no call records; name a file of its own";
        doc.warn("cdr.sqlite", format!("{} {what}", database.display()));
    }
}

/// Whether there is one, or room for one (its first octets are those of the format's first field).
fn is_database(path: &Path) -> bool {
    const BEGIN: &[u8] = b"SQLite format 3\0";
    match path.metadata() {
        Ok(data) if data.is_file() && data.len() > 0 => {
            let mut begin = Vec::new();
            let read = std::fs::File::open(path).and_then(|file| file.take(16).read_to_end(&mut begin));
            read.is_err() || begin == BEGIN
        }
        Ok(data) => data.is_file(),
        Err(_) => true,
    }
}

fn read_settings<'d>(root: Table<'d>, declared: Declared<'d>, base: &'d Path, files: Files) -> (Settings, Directory) {
    let node = sections::node(&root, base);
    let (listeners, keep_alives) = network::listeners(&root, &declared);
    let provisioning = sections::provisioning(&root);
    let reader = TrunkReader { declared, base, files };
    let routing = routing(&root, &node.name, listeners, &reader, &provisioning);
    let directory = accounts::directory(&root, &reader.declared, provisioning.source, &routing.trunks);
    let (trust, revoked) = sections::trust(&root, base);
    let api = sections::api(&root, &reader.declared, provisioning.source);
    let settings = Settings {
        dns: sections::dns(&root),
        certificates: sections::certificates(&root, base),
        trust,
        revoked,
        media: sections::media(&root),
        metrics: sections::metrics(&root),
        api,
        provisioning,
        cdr: sections::cdr(&root, base, &node),
        trace_octets: sections::trace(&root, routing.limits.memory_mb),
        log: sections::log(&root),
        routing,
        keep_alives,
        node,
    };
    root.close();
    (settings, directory)
}

fn routing(
    root: &Table<'_>,
    node_name: &str,
    listeners: Vec<ListenerSettings>,
    reader: &TrunkReader<'_>,
    provisioning: &ProvisioningSettings,
) -> RoutingSettings {
    let (cross_check, unknown_sources) = sections::sip(root);
    RoutingSettings {
        node_name: node_name.to_owned(),
        networks: network::networks(root),
        listeners,
        trunks: reader.trunks(root),
        groups: routes::groups(root, &reader.declared),
        routes: routes::routes(root, &reader.declared, provisioning.source),
        fraud: fraud::fraud(root, &reader.declared, provisioning.source),
        emergency: emergency::emergency(root, &reader.declared),
        custom_header: provisioning.custom_header.clone(),
        codes: provisioning.codes.clone(),
        limits: sections::limits(root),
        cross_check,
        unknown_sources,
    }
}
