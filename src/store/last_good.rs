//! The last good directory on disk: the daemon starts and runs with it when its store does not open.
//!
//! One line of JSON for each account and number, a line before them that counts them, and one behind them with the
//! SHA-256 of everything before it. Written beside the file and moved over it, so that there is always a whole one.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Value, json};

use super::audit::hex;
use super::follow::Followed;
use super::records::{AccountRecord, NumberRecord, Record};
use crate::route::directory::{Change, Directory};

/// First word of the file, with the version of its form.
const FORM: &str = "trunkline-directory-1";
/// Octets of one line at most; a longer one makes the file none of ours.
const LINE: u64 = 128 * 1024;

/// Writes a directory.
///
/// # Errors
/// The file system does not let us; the file that was there stays.
pub fn write(file: &Path, followed: &Followed) -> io::Result<()> {
    let beside = file.with_extension("new");
    let mut out = Hashed { out: BufWriter::new(File::create(&beside)?), hash: Context::new(&SHA256) };
    let directory = &followed.directory;
    let heading = json!({ "form": FORM, "revision": followed.revision, "numbers": directory.len() });
    out.line(&heading)?;
    for account in directory.accounts() {
        out.line(&json!({ "account": AccountRecord::of(account) }))?;
    }
    for (number, entry, account) in directory.numbers() {
        out.line(&json!({ "number": NumberRecord::of(&number, entry, account.name.clone()) }))?;
    }
    let Hashed { mut out, hash } = out;
    writeln!(out, "{}", hex(hash.finish().as_ref()))?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&beside, file)?;
    match file.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

struct Hashed {
    out: BufWriter<File>,
    hash: Context,
}

impl Hashed {
    fn line(&mut self, value: &Value) -> io::Result<()> {
        let text = format!("{value}\n");
        self.hash.update(text.as_bytes());
        self.out.write_all(text.as_bytes())
    }
}

/// Reads a directory back. `None`: there is none.
///
/// # Errors
/// The file cannot be read, or is not whole.
pub fn read(file: &Path) -> io::Result<Option<Followed>> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut reader = Lines { reader: BufReader::new(opened), hash: Context::new(&SHA256) };
    let heading = reader.value()?.ok_or_else(damaged)?;
    if heading.get("form").and_then(Value::as_str) != Some(FORM) {
        return Err(damaged());
    }
    let mut directory = Directory::default();
    let mut piece = Vec::new();
    while let Some(value) = reader.value()? {
        piece.push(change(value)?);
        if piece.len() >= 10_000 {
            directory = directory.changed(piece.drain(..));
        }
    }
    directory = directory.changed(piece);
    let revision = heading.get("revision").and_then(Value::as_u64).ok_or_else(damaged)?;
    Ok(Some(Followed { revision, directory: Arc::new(directory) }))
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "is not whole, or of another version")
}

fn change(value: Value) -> io::Result<Change> {
    let Value::Object(mut object) = value else { return Err(damaged()) };
    let mut take = |name: &str| object.remove(name);
    match (take("account"), take("number")) {
        (Some(account), None) => {
            AccountRecord::read(account).map(|account| Change::Account(account.compiled())).map_err(|_| damaged())
        }
        (None, Some(number)) => {
            let number = NumberRecord::read(number).map_err(|_| damaged())?;
            Ok(Change::Number(number.phone_number.clone(), number.account.clone(), number.compiled()))
        }
        (Some(_), Some(_)) | (None, None) => Err(damaged()),
    }
}

struct Lines {
    reader: BufReader<File>,
    hash: Context,
}

impl Lines {
    /// The next object; `None`: the last line, which holds the hash of all before it.
    fn value(&mut self) -> io::Result<Option<Value>> {
        let mut line = String::new();
        io::Read::take(&mut self.reader, LINE).read_line(&mut line)?;
        if line.starts_with('{') && line.ends_with('\n') {
            self.hash.update(line.as_bytes());
            return serde_json::from_str(&line).map(Some).map_err(|_| damaged());
        }
        match line.trim_end() == hex(self.hash.clone().finish().as_ref()) {
            true => Ok(None),
            false => Err(damaged()),
        }
    }
}
