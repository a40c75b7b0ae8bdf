//! The embedded store: SQLite in WAL mode, durable at every commit.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params, params_from_iter};
use serde_json::Value;

use super::rows::{Comparison, Direction, Fault, Filter, Kind, Purpose, Query, Row, Rows, Sort, Store, Verdict};

/// The schema by version: step `n` leads from version `n` to `n + 1`. A step that was released is never changed.
const STEPS: &[&str] =
    &[include_str!("schema/001.sql"), include_str!("schema/002.sql"), include_str!("schema/003.sql")];

/// How long a write waits for another process that has the store (an import beside the daemon).
const BUSY: Duration = Duration::from_secs(10);

/// Statements kept ready.
const STATEMENTS: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault(error.to_string())
    }
}

impl SqliteStore {
    /// Opens or makes the file, and brings its schema up to date.
    ///
    /// # Errors
    /// The file cannot be opened, is none of ours, or comes from a later version.
    pub fn open(file: &Path) -> Result<SqliteStore, Fault> {
        SqliteStore::prepared(Connection::open(file)?)
    }

    fn prepared(mut connection: Connection) -> Result<SqliteStore, Fault> {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        migrate(&mut connection)?;
        Ok(SqliteStore { connection })
    }
}

fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = change.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(Fault(format!("it has schema version {version}, this program knows {}", STEPS.len())));
    }
    for step in STEPS.iter().skip(done) {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "user_version", i64::try_from(STEPS.len()).unwrap_or(i64::MAX))?;
    change.commit()?;
    Ok(())
}

impl Store for SqliteStore {
    fn transact(
        &mut self,
        purpose: Purpose,
        work: &mut dyn FnMut(&mut dyn Rows) -> Result<Verdict, Fault>,
    ) -> Result<(), Fault> {
        let behaviour = match purpose {
            Purpose::Read => TransactionBehavior::Deferred,
            Purpose::Write => TransactionBehavior::Immediate,
        };
        let change = self.connection.transaction_with_behavior(behaviour)?;
        let verdict = work(&mut Inside { connection: &change })?;
        match (purpose, verdict) {
            (Purpose::Write, Verdict::Commit) => change.commit()?,
            (Purpose::Read, _) | (Purpose::Write, Verdict::RollBack) => change.rollback()?,
        }
        Ok(())
    }
}

struct Inside<'c> {
    connection: &'c Connection,
}

impl Rows for Inside<'_> {
    fn read(&mut self, kind: Kind, key: &str) -> Result<Option<Row>, Fault> {
        let text = format!("SELECT key, revision, body FROM {} WHERE key = ?1", kind.table());
        let found = self.connection.prepare_cached(&text)?.query_row(params![key], raw).optional()?;
        found.map(row).transpose()
    }

    fn write(&mut self, kind: Kind, row: &Row) -> Result<(), Fault> {
        let text = format!(
            "INSERT INTO {} (key, revision, body) VALUES (?1, ?2, ?3) \
             ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, body = excluded.body",
            kind.table()
        );
        let revision = i64::try_from(row.revision).unwrap_or(i64::MAX);
        self.connection.prepare_cached(&text)?.execute(params![row.key, revision, row.body.to_string()])?;
        Ok(())
    }

    fn remove(&mut self, kind: Kind, key: &str) -> Result<bool, Fault> {
        let text = format!("DELETE FROM {} WHERE key = ?1", kind.table());
        Ok(self.connection.prepare_cached(&text)?.execute(params![key])? > 0)
    }

    fn list(&mut self, kind: Kind, query: &Query) -> Result<Vec<Row>, Fault> {
        let (text, values) = Statement::list(kind, query);
        let mut prepared = self.connection.prepare_cached(&text)?;
        let found = prepared.query_map(params_from_iter(values), raw)?;
        found.map(|found| row(found?)).collect()
    }

    fn count(&mut self, kind: Kind, filter: &Filter) -> Result<u64, Fault> {
        let mut statement = Statement::default();
        let condition = statement.condition(filter);
        let text = format!("SELECT count(*) FROM {} WHERE {condition}", kind.table());
        let mut prepared = self.connection.prepare_cached(&text)?;
        let count: i64 = prepared.query_row(params_from_iter(statement.values), |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

type Raw = (String, i64, String);

fn raw(row: &rusqlite::Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn row((key, revision, body): Raw) -> Result<Row, Fault> {
    let body: Value = serde_json::from_str(&body).map_err(|error| Fault(format!("{key}: {error}")))?;
    Ok(Row { key, revision: u64::try_from(revision).unwrap_or_default(), body })
}

/// The text of a statement and its values. Names of columns come from [`Kind::fields`] alone, values never enter the text.
#[derive(Debug, Default)]
struct Statement {
    values: Vec<Sql>,
}

impl Statement {
    fn list(kind: Kind, query: &Query) -> (String, Vec<Sql>) {
        let mut statement = Statement::default();
        let mut condition = statement.condition(&query.filter);
        let column = match query.sort {
            Sort::Key => "key",
            Sort::Field(field) => field,
            Sort::Revision => "revision",
        };
        let (direction, beyond) = match query.direction {
            Direction::Ascending => ("ASC", ">"),
            Direction::Descending => ("DESC", "<"),
        };
        if let Some(after) = &query.after {
            let (value, key) = (statement.after(query.sort, &after.value), statement.text(&after.key));
            condition = match query.sort {
                Sort::Key => format!("({condition}) AND key {beyond} {key}"),
                Sort::Field(_) | Sort::Revision => {
                    format!("({condition}) AND ({column}, key) {beyond} ({value}, {key})")
                }
            };
        }
        let order = match query.sort {
            Sort::Key => format!("key {direction}"),
            Sort::Field(_) | Sort::Revision => format!("{column} {direction}, key {direction}"),
        };
        let limit = statement.number(query.limit);
        let skip = statement.number(query.skip);
        let table = kind.table();
        let text = format!(
            "SELECT key, revision, body FROM {table} WHERE {condition} ORDER BY {order} LIMIT {limit} OFFSET {skip}"
        );
        (text, statement.values)
    }

    fn after(&mut self, sort: Sort, value: &str) -> String {
        match sort {
            Sort::Revision => self.whole(value.parse().unwrap_or_default()),
            Sort::Key | Sort::Field(_) => self.text(value),
        }
    }

    fn condition(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::All => "1".to_owned(),
            Filter::Field(field, comparison, value) => self.comparison(field, *comparison, value),
            Filter::KeyPrefix(prefix) => {
                // The greatest character there is: everything that begins with the prefix sorts before it.
                let (from, to) = (self.text(prefix), self.text(&format!("{prefix}\u{10ffff}")));
                format!("key >= {from} AND key < {to}")
            }
            Filter::Since(revision) => {
                let at = self.whole(i64::try_from(*revision).unwrap_or(i64::MAX));
                format!("revision > {at}")
            }
            Filter::And(one, two) => format!("({}) AND ({})", self.condition(one), self.condition(two)),
            Filter::Or(one, two) => format!("({}) OR ({})", self.condition(one), self.condition(two)),
        }
    }

    fn comparison(&mut self, field: &str, comparison: Comparison, value: &str) -> String {
        let at = self.text(value);
        match comparison {
            Comparison::Equal => format!("{field} = {at}"),
            Comparison::NotEqual => format!("{field} <> {at}"),
            Comparison::Greater => format!("{field} > {at}"),
            Comparison::GreaterOrEqual => format!("{field} >= {at}"),
            Comparison::Less => format!("{field} < {at}"),
            Comparison::LessOrEqual => format!("{field} <= {at}"),
            Comparison::StartsWith => format!("substr({field}, 1, length({at})) = {at}"),
            Comparison::Contains => format!("instr({field}, {at}) > 0"),
        }
    }

    fn text(&mut self, value: &str) -> String {
        self.bound(Sql::Text(value.to_owned()))
    }

    fn number(&mut self, value: usize) -> String {
        self.whole(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn whole(&mut self, value: i64) -> String {
        self.bound(Sql::Integer(value))
    }

    fn bound(&mut self, value: Sql) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }
}
