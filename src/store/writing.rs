//! Writes: one transaction with its revision and its audit events, under the conditions the writer names (PV-57 to PV-61).

use serde_json::{Value, json};

use super::audit::{Act, Actor, Tail, differences};
use super::records::{AccountRecord, CarrierRecord, NumberRecord, Record};
use super::refusal::{Code, Refusal};
use super::rows::{Comparison, Fault, Filter, Kind, Purpose, Query, Row, Rows, Store, Verdict};
use super::{OBJECT_OCTETS, REMOVALS};
use crate::base::WallTime;
use crate::route::directory::{AccountName, AccountState};

/// Key of the revision among [`Kind::Meta`].
const REVISION: &str = "revision";
/// Key of the oldest revision from which removals are remembered.
const REMOVALS_FROM: &str = "removalsFrom";

/// What must hold of an object before it is written (RFC 9110 13.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    #[default]
    None,
    /// `If-Match`: it exists in one of these revisions; empty: in any.
    Match(Vec<u64>),
    /// `If-None-Match: *`: it does not exist.
    Absent,
}

impl Condition {
    /// # Errors
    /// It does not hold.
    pub fn holds(&self, found: Option<&Row>) -> Result<(), Refusal> {
        let holds = match (self, found) {
            (Condition::None, _) | (Condition::Absent, None) => true,
            (Condition::Match(wanted), Some(row)) => wanted.is_empty() || wanted.contains(&row.revision),
            (Condition::Match(_), None) | (Condition::Absent, Some(_)) => false,
        };
        let failed = || Refusal::new(Code::PreconditionFailed, "It was changed by someone else; read it again.");
        if holds { Ok(()) } else { Err(failed()) }
    }
}

/// What a write did.
#[derive(Clone, Debug, PartialEq)]
pub enum Put {
    Created(Row),
    Replaced(Row),
    /// It was so already.
    Unchanged(Row),
}

impl Put {
    pub fn row(&self) -> &Row {
        match self {
            Put::Created(row) | Put::Replaced(row) | Put::Unchanged(row) => row,
        }
    }
}

/// Reads in one transaction.
///
/// # Errors
/// What `work` refuses, or the store fails.
pub fn reading<T>(
    store: &mut dyn Store,
    mut work: impl FnMut(&mut dyn Rows) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let mut out = None;
    store.transact(Purpose::Read, &mut |rows| {
        out = Some(work(rows));
        Ok(Verdict::RollBack)
    })?;
    out.unwrap_or_else(|| Err(Fault("no transaction".to_owned()).into()))
}

/// Writes in one transaction, all or nothing.
///
/// # Errors
/// What `work` refuses, or the store fails; then nothing was written.
pub fn writing<T>(
    store: &mut dyn Store,
    actor: &Actor,
    now: WallTime,
    mut work: impl FnMut(&mut Writing<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let mut out = None;
    store.transact(Purpose::Write, &mut |rows| {
        let mut writing = Writing::begin(rows, actor, now)?;
        let done = work(&mut writing);
        let verdict = match &done {
            Ok(_) => writing.end().map(|()| Verdict::Commit)?,
            Err(_) => Verdict::RollBack,
        };
        out = Some(done);
        Ok(verdict)
    })?;
    out.unwrap_or_else(|| Err(Fault("no transaction".to_owned()).into()))
}

/// Notes an attempt that was refused (PV-72).
///
/// # Errors
/// The store fails.
pub fn note_refused(
    store: &mut dyn Store,
    actor: &Actor,
    now: WallTime,
    action: &'static str,
    target: &str,
    code: Code,
) -> Result<(), Refusal> {
    writing(store, actor, now, |writing| {
        writing.note(Act { action, target: target.to_owned(), refused: Some(code), ..Act::default() })
    })
}

/// The revision of the last write.
///
/// # Errors
/// The store fails.
pub fn revision(rows: &mut dyn Rows) -> Result<u64, Fault> {
    Ok(rows.read(Kind::Meta, REVISION)?.map_or(0, |row| row.revision))
}

/// From which revision on removals are remembered.
///
/// # Errors
/// The store fails.
pub fn removals_from(rows: &mut dyn Rows) -> Result<u64, Fault> {
    Ok(rows.read(Kind::Meta, REMOVALS_FROM)?.map_or(0, |row| row.revision))
}

/// A record by its key.
///
/// # Errors
/// The store fails, or holds something that is no such record.
pub fn record<R: Record>(rows: &mut dyn Rows, key: &str) -> Result<Option<R>, Refusal> {
    rows.read(R::KIND, key)?.map(|row| of_row(&row)).transpose()
}

/// # Errors
/// The row is no such record.
pub fn of_row<R: Record>(row: &Row) -> Result<R, Refusal> {
    serde_json::from_value(row.body.clone()).map_err(|error| Fault(format!("{}: {error}", row.key)).into())
}

/// A transaction that writes.
pub struct Writing<'r> {
    pub rows: &'r mut dyn Rows,
    actor: &'r Actor,
    pub now: WallTime,
    /// Of everything written here.
    revision: u64,
    changed: bool,
    removed: u64,
    tail: Option<Tail>,
    /// Marks the events of an import.
    pub job: Option<String>,
}

impl<'r> Writing<'r> {
    fn begin(rows: &'r mut dyn Rows, actor: &'r Actor, now: WallTime) -> Result<Writing<'r>, Fault> {
        let revision = revision(rows)?.saturating_add(1);
        Ok(Writing { rows, actor, now, revision, changed: false, removed: 0, tail: None, job: None })
    }

    fn end(mut self) -> Result<(), Fault> {
        if self.changed {
            self.rows.write(Kind::Meta, &meta(REVISION, self.revision))?;
        }
        self.forget_old_removals()
    }

    /// Adds an event of the log.
    ///
    /// # Errors
    /// The store fails.
    pub fn note(&mut self, act: Act) -> Result<(), Refusal> {
        let mut tail = match self.tail.take() {
            Some(tail) => tail,
            None => Tail::read(self.rows)?,
        };
        tail.append(self.rows, self.actor, self.now, Act { job: self.job.clone(), ..act })?;
        self.tail = Some(tail);
        Ok(())
    }

    /// Writes a row that is nobody's object (jobs, tokens, answers): without an event of its own.
    ///
    /// # Errors
    /// The store fails.
    pub fn keep(&mut self, kind: Kind, key: &str, body: Value) -> Result<Row, Refusal> {
        let row = Row { key: key.to_owned(), revision: self.revision, body };
        self.rows.write(kind, &row)?;
        self.changed = true;
        Ok(row)
    }

    /// Makes or replaces an account.
    ///
    /// # Errors
    /// The condition does not hold, or another account has its name on the platform.
    pub fn put_account(&mut self, account: &AccountRecord, condition: &Condition) -> Result<Put, Refusal> {
        let body = account.body()?;
        let key = account.key();
        for field in ["fqdn", "subdomain"] {
            let Some(name) = body.get(field).and_then(Value::as_str) else { continue };
            let same = Filter::Field(field, Comparison::Equal, name.to_owned());
            if self.rows.list(Kind::Account, &Query::of(same, 2))?.iter().any(|row| row.key != key) {
                return Err(
                    Refusal::new(Code::SubdomainTaken, "Another account has this name on the platform.").at(field)
                );
            }
        }
        if let Some(carrier) = &account.defaults.carrier {
            self.carrier_exists(carrier, "defaults.carrier")?;
        }
        self.put(Kind::Account, &key, body, &key, condition)
    }

    /// Makes or replaces a carrier.
    ///
    /// # Errors
    /// The condition does not hold.
    pub fn put_carrier(&mut self, carrier: &CarrierRecord, condition: &Condition) -> Result<Put, Refusal> {
        self.put(Kind::Carrier, &carrier.key(), carrier.body()?, "", condition)
    }

    /// Makes or replaces a number of an account.
    ///
    /// # Errors
    /// The condition does not hold; another account has it; account, carrier or service do not exist.
    pub fn put_number(&mut self, number: &NumberRecord, condition: &Condition) -> Result<Put, Refusal> {
        let found = self.rows.read(Kind::Number, &number.key())?;
        let owner = found.as_ref().and_then(|row| row.body.get("account")).and_then(Value::as_str);
        if owner.is_some_and(|owner| owner != number.account.as_str()) {
            let text = "The number is assigned to another account.";
            return Err(Refusal::new(Code::NumberOwnedByOtherAccount, text).at("phoneNumber"));
        }
        self.write_number(number, condition)
    }

    /// Gives a number to another account.
    ///
    /// # Errors
    /// The condition does not hold, or the account does not exist or lacks the number's services.
    pub fn move_number(&mut self, number: &NumberRecord, condition: &Condition) -> Result<Put, Refusal> {
        self.write_number(number, condition)
    }

    fn write_number(&mut self, number: &NumberRecord, condition: &Condition) -> Result<Put, Refusal> {
        let Some(account) = record::<AccountRecord>(self.rows, number.account.as_str())? else {
            return Err(Refusal::new(Code::AccountNotFound, "There is no such account.").at("account"));
        };
        let has = account.services.set();
        if let Some(service) = number.services.set().iter().find(|service| !has.has(*service)) {
            let text = format!("Account {} is not enabled for {}.", number.account, service.name());
            return Err(Refusal::new(Code::ValidationFailed, text).at("services"));
        }
        if let Some(carrier) = &number.carrier {
            self.carrier_exists(carrier, "carrier")?;
        }
        self.put(Kind::Number, &number.key(), number.body()?, number.account.as_str(), condition)
    }

    fn carrier_exists(&mut self, carrier: &str, target: &str) -> Result<(), Refusal> {
        match self.rows.read(Kind::Carrier, carrier)? {
            Some(_) => Ok(()),
            None => Err(Refusal::value(target, "names a carrier that does not exist")),
        }
    }

    /// Takes a number away.
    ///
    /// # Errors
    /// It is not this account's, or the condition does not hold.
    pub fn drop_number(&mut self, account: &AccountName, key: &str, condition: &Condition) -> Result<(), Refusal> {
        let found = self.rows.read(Kind::Number, key)?;
        let own = found.filter(|row| row.body.get("account").and_then(Value::as_str) == Some(account.as_str()));
        let Some(row) = own else {
            return Err(Refusal::new(Code::NumberNotFound, "The account has no such number.").at("phoneNumber"));
        };
        self.remove(Kind::Number, row, account.as_str(), condition)
    }

    /// Takes a carrier away.
    ///
    /// # Errors
    /// Numbers or accounts refer to it, or the condition does not hold.
    pub fn drop_carrier(&mut self, id: &str, condition: &Condition) -> Result<(), Refusal> {
        let Some(row) = self.rows.read(Kind::Carrier, id)? else {
            return Err(Refusal::new(Code::CarrierNotFound, "There is no such carrier."));
        };
        condition.holds(Some(&row))?;
        let using = Filter::Field("carrier", Comparison::Equal, id.to_owned());
        let count = self.rows.count(Kind::Number, &using)?;
        if count > 0 {
            return Err(Refusal::new(Code::CarrierInUse, format!("{count} numbers refer to the carrier.")));
        }
        self.remove(Kind::Carrier, row, "", condition)
    }

    /// Takes an account away, with its numbers where that is asked for.
    ///
    /// # Errors
    /// It has numbers, or the condition does not hold.
    pub fn drop_account(
        &mut self,
        name: &AccountName,
        numbers: OwnNumbers,
        condition: &Condition,
    ) -> Result<(), Refusal> {
        let Some(row) = self.rows.read(Kind::Account, name.as_str())? else {
            return Err(Refusal::new(Code::AccountNotFound, "There is no such account."));
        };
        condition.holds(Some(&row))?;
        let own = Filter::Field("account", Comparison::Equal, name.as_str().to_owned());
        loop {
            let piece = self.rows.list(Kind::Number, &Query::of(own.clone(), 1000))?;
            match (piece.is_empty(), numbers) {
                (true, OwnNumbers::Keep | OwnNumbers::Drop) => break,
                (false, OwnNumbers::Keep) => {
                    let text = "The account has numbers; delete them first, or ask with deleteNumbers=true.";
                    return Err(Refusal::new(Code::AccountNotEmpty, text));
                }
                (false, OwnNumbers::Drop) => {}
            }
            for number in piece {
                self.remove(Kind::Number, number, name.as_str(), &Condition::None)?;
            }
        }
        self.remove(Kind::Account, row, name.as_str(), condition)
    }

    /// Lets an account call, or not.
    ///
    /// # Errors
    /// There is no such account, or the condition does not hold.
    pub fn switch_account(&mut self, name: &str, state: AccountState, condition: &Condition) -> Result<Put, Refusal> {
        let Some(account) = record::<AccountRecord>(self.rows, name)? else {
            return Err(Refusal::new(Code::AccountNotFound, "There is no such account."));
        };
        self.put_account(&AccountRecord { state, ..account }, condition)
    }

    fn put(
        &mut self,
        kind: Kind,
        key: &str,
        body: Value,
        account: &str,
        condition: &Condition,
    ) -> Result<Put, Refusal> {
        if body.to_string().len() > OBJECT_OCTETS {
            return Err(Refusal::new(
                Code::ValidationFailed,
                format!("The object has more than {OBJECT_OCTETS} octets."),
            ));
        }
        let found = self.rows.read(kind, key)?;
        condition.holds(found.as_ref())?;
        if let Some(row) = found.as_ref().filter(|row| row.body == body) {
            return Ok(Put::Unchanged(row.clone()));
        }
        let changes = differences(found.as_ref().map(|row| &row.body), Some(&body));
        let row = self.keep(kind, key, body)?;
        self.note(Act {
            action: action(kind, &found),
            target: format!("{}/{key}", kind.table()),
            account: account.to_owned(),
            before: found.as_ref().map(|row| row.revision),
            after: Some(row.revision),
            changes,
            ..Act::default()
        })?;
        Ok(if found.is_some() { Put::Replaced(row) } else { Put::Created(row) })
    }

    fn remove(&mut self, kind: Kind, row: Row, account: &str, condition: &Condition) -> Result<(), Refusal> {
        condition.holds(Some(&row))?;
        self.rows.remove(kind, &row.key)?;
        let removal = format!("{:020}/{}/{}", self.revision, kind.table(), row.key);
        self.keep(Kind::Removal, &removal, json!({ "kind": kind.table(), "key": row.key }))?;
        self.removed = self.removed.saturating_add(1);
        self.note(Act {
            action: match kind {
                Kind::Account => "account.delete",
                Kind::Number => "number.delete",
                _ => "carrier.delete",
            },
            target: format!("{}/{}", kind.table(), row.key),
            account: account.to_owned(),
            before: Some(row.revision),
            changes: differences(Some(&row.body), None),
            ..Act::default()
        })
    }

    /// Who follows further back than this reads everything anew.
    fn forget_old_removals(&mut self) -> Result<(), Fault> {
        if self.removed == 0 || self.rows.count(Kind::Removal, &Filter::All)? <= REMOVALS {
            return Ok(());
        }
        let half = usize::try_from(REMOVALS / 2).unwrap_or(usize::MAX);
        let old = self.rows.list(Kind::Removal, &Query::of(Filter::All, half))?;
        for row in &old {
            self.rows.remove(Kind::Removal, &row.key)?;
        }
        let from = old.last().map_or(0, |row| row.revision);
        self.rows.write(Kind::Meta, &meta(REMOVALS_FROM, from))
    }
}

/// What becomes of an account's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnNumbers {
    /// The account stays while it has any.
    Keep,
    Drop,
}

fn meta(key: &str, revision: u64) -> Row {
    Row { key: key.to_owned(), revision, body: Value::Null }
}

fn action(kind: Kind, found: &Option<Row>) -> &'static str {
    match (kind, found) {
        (Kind::Account, None) => "account.create",
        (Kind::Account, Some(_)) => "account.replace",
        (Kind::Number, None) => "number.create",
        (Kind::Number, Some(_)) => "number.replace",
        (_, None) => "carrier.create",
        (_, Some(_)) => "carrier.replace",
    }
}
