//! SQLite beside the spool (`cdr.sqlite`). A thread reads what the spool has gained and inserts it; how far it has come is
//! a row of the same transaction. A record is known by its identifier, so that one that is read twice stands there once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};
use serde_json::Value;

use super::queue::Records;
use super::spool;

/// How often the spool is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Octets of the spool brought over in one transaction.
const SHARE: u64 = 1024 * 1024;
/// How long one try waits for somebody else's change of the file. The end of the process may have to wait for one try.
const BUSY: Duration = Duration::from_millis(250);
/// Tries that find the file locked, after which it is told: a change of somebody else's is over in some ten seconds.
const LOCKED_TRIES: u32 = 14;

/// The schema. Columns are what one asks by; the whole line stands beside them.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS calls (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, node TEXT NOT NULL, started_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL, duration_ms INTEGER NOT NULL, from_trunk TEXT NOT NULL, to_trunk TEXT,
    calling TEXT NOT NULL, called TEXT NOT NULL, cause TEXT NOT NULL, status INTEGER NOT NULL, line TEXT NOT NULL,
    account TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS calls_started ON calls (started_ms);
CREATE INDEX IF NOT EXISTS calls_calling ON calls (calling, started_ms);
CREATE INDEX IF NOT EXISTS calls_called ON calls (called, started_ms);
CREATE TABLE IF NOT EXISTS legs (
    id TEXT NOT NULL, side TEXT NOT NULL, trunk TEXT NOT NULL, call_id TEXT NOT NULL, mos INTEGER, line TEXT NOT NULL,
    PRIMARY KEY (id, side)
) STRICT;
CREATE INDEX IF NOT EXISTS legs_call_id ON legs (call_id);
CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY CHECK (one = 1), file INTEGER NOT NULL, offset INTEGER NOT NULL) STRICT;
";

/// A file of before accounts were recorded has no such column.
const ACCOUNT: &str = "ALTER TABLE calls ADD COLUMN account TEXT";
const BY_ACCOUNT: &str = "CREATE INDEX IF NOT EXISTS calls_account ON calls (account, started_ms)";

/// What the thread needs.
pub struct Database {
    pub file: PathBuf,
    /// The spool's.
    pub folder: PathBuf,
    pub records: Arc<Records>,
}

/// How far the spool has been read: file by the number in its name, and octets of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    file: u64,
    offset: u64,
}

/// Why rows could not be brought over; tried again later.
#[derive(Debug)]
enum Fault {
    Sql(rusqlite::Error),
    Io(io::Error),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Sql(error) => write!(f, "{error}"),
            Fault::Io(error) => write!(f, "{error}"),
        }
    }
}

impl Fault {
    /// Tries after which it is told.
    fn patience(&self) -> u32 {
        match self {
            Fault::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => LOCKED_TRIES,
            Fault::Sql(_) | Fault::Io(_) => 1,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Sql(error)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

/// Whether more waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    More,
    Done,
}

impl Database {
    /// Brings over what the spool has, and what comes, until the process ends.
    pub fn run(self) {
        let (mut connection, mut failures) = (None, 0);
        loop {
            let is_last = self.records.is_closed();
            let outcome = self.step(&mut connection);
            match &outcome {
                Ok(_) => {
                    failures = 0;
                    self.works();
                }
                Err(fault) => {
                    connection = None;
                    failures += 1;
                    self.failed(fault, failures);
                }
            }
            match outcome {
                // What is left is brought over by the next process: it may be more than this one has time for.
                _ if is_last => return,
                Ok(Progress::More) => {}
                Ok(Progress::Done) | Err(_) => self.records.pause_reading(LOOK),
            }
        }
    }

    fn works(&self) {
        if self.records.counters().database_refuses.swap(false, Ordering::Relaxed) {
            tracing::info!(file = %self.file.display(), "call records are brought to their database again");
        }
    }

    fn failed(&self, fault: &Fault, failures: u32) {
        let is_told = || self.records.counters().database_refuses.swap(true, Ordering::Relaxed);
        if failures >= fault.patience() && !is_told() {
            let file = self.file.display();
            tracing::warn!(%file, %fault, "call records wait for their database; none is lost, the spool has them");
        }
    }

    fn step(&self, held: &mut Option<Connection>) -> Result<Progress, Fault> {
        // A file that somebody removed is made anew, from what the spool has.
        let mut connection = match held.take().filter(|_| self.file.exists()) {
            Some(connection) => connection,
            None => opened(&self.file)?,
        };
        let (rows, place, progress) = follow(&mut connection, &self.folder)?;
        let counters = self.records.counters();
        counters.stored.fetch_add(rows, Ordering::Relaxed);
        counters.taken.store(place.file, Ordering::Relaxed);
        *held = Some(connection);
        Ok(progress)
    }
}

fn opened(file: &Path) -> Result<Connection, Fault> {
    // Whoever took the spool's folder away took this one's too.
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(TABLES)?;
    let accounts = "SELECT count(*) FROM pragma_table_info('calls') WHERE name = 'account'";
    if connection.query_row(accounts, [], |row| row.get::<_, i64>(0))? == 0 {
        connection.execute_batch(ACCOUNT)?;
    }
    connection.execute_batch(BY_ACCOUNT)?;
    Ok(connection)
}

/// One share of the spool: rows brought over, how far the spool has been read, and whether there is more.
fn follow(connection: &mut Connection, folder: &Path) -> Result<(u64, Place, Progress), Fault> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let place = change
        .query_row("SELECT file, offset FROM place", [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    let place =
        place.map_or(Place::default(), |(file, offset)| Place { file: unsigned(file), offset: unsigned(offset) });
    let Some((share, next)) = share(folder, place)? else { return Ok((0, place, Progress::Done)) };
    let mut rows = 0;
    for line in share.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()) {
        rows += insert(&change, line)?;
    }
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    change.execute(
        "INSERT INTO place (one, file, offset) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET file = excluded.file, offset = excluded.offset",
        params![signed(next.file), signed(next.offset)],
    )?;
    change.commit()?;
    Ok((rows, next, Progress::More))
}

/// Whole records from `place` on, and the place after them. `None`: nothing new.
fn share(folder: &Path, place: Place) -> io::Result<Option<(Vec<u8>, Place)>> {
    let files = spool::files(folder)?;
    // A spool whose files somebody took away has begun anew, with smaller numbers.
    let is_new = files.last().is_some_and(|(last, _)| *last < place.file);
    let place = if is_new { Place::default() } else { place };
    for (number, path) in files.into_iter().filter(|(number, _)| *number >= place.file) {
        let mut file = File::open(path)?;
        let offset = if number == place.file { begin(&mut file, place.offset)? } else { 0 };
        let mut octets = Vec::new();
        file.seek(SeekFrom::Start(offset))?;
        file.take(SHARE).read_to_end(&mut octets)?;
        octets.truncate(whole(&octets));
        if !octets.is_empty() {
            let offset = offset.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
            return Ok(Some((octets, Place { file: number, offset })));
        }
    }
    Ok(None)
}

/// Where to read on: at `offset`, where a line begins there. A file that lost its unsynced end, or that is another one under the same
/// name, is read anew: what stands in the tables already is not inserted twice.
fn begin(file: &mut File, offset: u64) -> io::Result<u64> {
    let Some(before) = offset.checked_sub(1) else { return Ok(0) };
    file.seek(SeekFrom::Start(before))?;
    let mut last = [0];
    let is_line = file.read(&mut last)? == 1 && last == *b"\n";
    Ok(if is_line { offset } else { 0 })
}

/// How many of these octets to bring over. Legs whose call's line is not there yet may be cut off again by the next process: they
/// wait for it. A whole share without any call is none of ours, and passed over by lines.
fn whole(octets: &[u8]) -> usize {
    let lines = || octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    match spool::last_record(octets) {
        Some((end, _)) => end,
        None if octets.len() as u64 == SHARE => lines(),
        None => 0,
    }
}

/// One line. What is none of ours is passed over: it will not become readable by waiting.
fn insert(change: &Connection, line: &[u8]) -> Result<u64, Fault> {
    let Ok(value) = serde_json::from_slice::<Value>(line) else { return Ok(0) };
    let (text, whole) =
        (|key: &str| value.get(key).and_then(Value::as_str), |key: &str| value.get(key).and_then(Value::as_i64));
    let line = String::from_utf8_lossy(line);
    let rows = match text("type") {
        Some("call") => change
            .prepare_cached(
                "INSERT OR IGNORE INTO calls (id, seq, node, started_ms, ended_ms, duration_ms, from_trunk, to_trunk, calling,
                 called, cause, status, line, account) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                text("id"),
                whole("seq"),
                text("node"),
                whole("started_ms"),
                whole("ended_ms"),
                whole("duration_ms"),
                text("from"),
                text("to"),
                text("calling"),
                text("called"),
                text("cause"),
                whole("status"),
                line,
                text("account")
            ])?,
        Some("leg") => {
            let mos = value.pointer("/media/mos").and_then(Value::as_i64);
            // Who came by a transfer shares the side with who left.
            let side = text("side").map(|side| match whole("party") {
                None => side.to_owned(),
                Some(party) => format!("{side} {party}"),
            });
            let leg = params![text("id"), side, text("trunk"), text("call_id"), mos, line];
            change.prepare_cached("INSERT OR IGNORE INTO legs VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(leg)?
        }
        Some(_) | None => 0,
    };
    Ok(u64::try_from(rows).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &[u8] = br#"{"type":"call","id":"n-1-1","seq":1,"node":"n","started_ms":1,"ended_ms":2,"duration_ms":0,
        "from":"a","to":"b","account":"acme","calling":"1","called":"2","cause":"busy","status":486}"#;

    fn accounts(connection: &Connection) -> Vec<Option<String>> {
        let mut asked = connection.prepare("SELECT account FROM calls ORDER BY id").unwrap();
        asked.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_file_of_before_accounts_were_recorded_gets_their_column() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("calls.sqlite");
        let before = TABLES.replace(",\n    account TEXT", "");
        assert_ne!(before, TABLES);
        let old = Connection::open(&file).unwrap();
        old.execute_batch(&before).unwrap();
        old.execute("INSERT INTO calls VALUES ('n-0-1', 1, 'n', 1, 2, 0, 'a', 'b', '1', '2', 'busy', 486, '{}')", [])
            .unwrap();
        drop(old);
        for _ in 0..2 {
            let connection = opened(&file).unwrap();
            insert(&connection, CALL).unwrap();
            assert_eq!(accounts(&connection), [None, Some("acme".to_owned())]);
        }
    }

    const LEG: &[u8] = br#"{"type":"leg","id":"n-1-1","seq":1,"side":"caller","trunk":"t","call_id":"c"}"#;

    /// The spool of a test, and how many calls and legs have been brought over from it.
    fn brought(connection: &mut Connection, folder: &Path) -> (i64, i64) {
        while follow(connection, folder).unwrap().2 == Progress::More {}
        let count =
            |table: &str| connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        (count("calls"), count("legs"))
    }

    fn record(id: u64) -> Vec<u8> {
        let id = format!("n-1-{id}");
        let line = |line: &[u8]| String::from_utf8_lossy(line).replace("n-1-1", &id).replace('\n', "") + "\n";
        (line(LEG) + &line(CALL)).into_bytes()
    }

    #[test]
    fn legs_wait_for_the_line_of_their_call() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("calls-000000000001.jsonl");
        let mut connection = opened(&folder.path().join("made/calls.sqlite")).unwrap();
        let both = [record(1), record(2)].concat();
        let leg = record(1).len() + LEG.len() + 1;
        std::fs::write(&spool, &both[..leg]).unwrap();
        assert_eq!(brought(&mut connection, folder.path()), (1, 1));
        // The process died here, and the next one cut the leg off and wrote another call.
        std::fs::write(&spool, [record(1), record(3), record(4)].concat()).unwrap();
        assert_eq!(brought(&mut connection, folder.path()), (3, 3));
    }

    #[test]
    fn a_spool_that_was_emptied_is_read_from_its_new_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = opened(&folder.path().join("calls.sqlite")).unwrap();
        let file = |number: u64| folder.path().join(format!("calls-{number:012}.jsonl"));
        std::fs::write(file(900), record(1)).unwrap();
        assert_eq!(brought(&mut connection, folder.path()), (1, 1));
        std::fs::remove_file(file(900)).unwrap();
        assert_eq!(brought(&mut connection, folder.path()), (1, 1));
        std::fs::write(file(1), record(2)).unwrap();
        assert_eq!(brought(&mut connection, folder.path()), (2, 2));
        // Another file under the same name, and a longer one: no line begins where the other ended.
        std::fs::write(file(1), [record(30_000), record(40_000)].concat()).unwrap();
        assert_eq!(brought(&mut connection, folder.path()), (4, 4));
    }

    /// A process that ends brings over one share of what it finds at most; the next one does the rest.
    #[test]
    fn the_end_does_not_wait_for_all_that_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, file) = (folder.path().to_owned(), folder.path().join("calls.sqlite"));
        let count: u64 = 10_000;
        let text: Vec<u8> = (0..count).flat_map(record).collect();
        assert!(text.len() as u64 > 2 * SHARE);
        std::fs::write(spool.join("calls-000000000001.jsonl"), text).unwrap();
        let records = Arc::new(Records::new(0, crate::cdr::WhenFull::Drop, Box::new(|_| ())));
        records.close();
        Database { file: file.clone(), folder: spool.clone(), records: records.clone() }.run();
        let stored = records.counters().stored.load(Ordering::Relaxed);
        assert!((1..2 * count).contains(&stored), "{stored}");
        let whole = i64::try_from(count).unwrap();
        assert_eq!(brought(&mut opened(&file).unwrap(), &spool), (whole, whole));
    }

    #[test]
    fn a_share_without_any_call_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = opened(&folder.path().join("calls.sqlite")).unwrap();
        let foreign = [b"none of ours\n".repeat(100_000), record(1)].concat();
        std::fs::write(folder.path().join("calls-000000000001.jsonl"), foreign).unwrap();
        assert_eq!(brought(&mut connection, folder.path()), (1, 1));
    }

    #[test]
    fn a_party_that_came_by_a_transfer_stands_beside_the_one_that_left() {
        let folder = tempfile::tempdir().unwrap();
        let connection = opened(&folder.path().join("calls.sqlite")).unwrap();
        let leg = |party: &str, call_id: &str| {
            format!(r#"{{"type":"leg","id":"n-1-1","seq":1,"side":"caller",{party}"trunk":"t","call_id":"{call_id}"}}"#)
        };
        let legs = [leg("", "a"), leg(r#""party":2,"#, "b"), leg(r#""party":3,"#, "c")];
        // Read twice, as after a crash.
        for line in legs.iter().chain(&legs) {
            insert(&connection, line.as_bytes()).unwrap();
        }
        let mut asked = connection.prepare("SELECT side, call_id FROM legs ORDER BY side").unwrap();
        let rows = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let rows: Vec<(String, String)> = rows.map(Result::unwrap).collect();
        let wanted = [("caller", "a"), ("caller 2", "b"), ("caller 3", "c")];
        assert_eq!(rows, wanted.map(|(side, id)| (side.to_owned(), id.to_owned())));
    }
}
