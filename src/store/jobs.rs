//! Import jobs (PV-41 to PV-54): validated when they are uploaded, applied in groups of a hundred rows, each group in one
//! transaction with the note that it is done. A job that was cut off goes on where it stopped: nothing is lost or doubled.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::audit::{Act, Actor};
use super::import::{
    Checked, CheckedRow, Existing, GROUP_ROWS, Mode, NumberType, Options, Owner, Problem, cell, check,
};
use super::records::{AccountRecord, EmergencyRecord, NumberKind, NumberRecord, Services};
use super::refusal::{Code, Detail, Refusal};
use super::rows::{Comparison, Fault, Filter, Kind, Query, Row, Rows, Store};
use super::writing::{Condition, Put, Writing, of_row, reading, record, writing};
use crate::base::WallTime;
use crate::route::directory::{AccountName, HeaderContent, Service};
use crate::route::number::E164;

/// How long a validated job may wait for its second step (PV-53).
const VALID_MS: u64 = 24 * 3_600_000;
/// Problems kept in one row of the store.
const PROBLEM_PIECE: usize = 500;
/// Details of a refused file in the answer (PV-51).
const DETAILS: usize = 500;
/// Jobs kept; the oldest that are over go.
const JOBS: u64 = 1000;

/// Where a job is (PV-53). `validating` is passed through within the upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobState {
    /// Rows have errors and none can be imported.
    Invalid,
    /// Rows can be imported: those without errors.
    Valid,
    Importing,
    Completed,
    CompletedWithErrors,
    Cancelled,
    /// Valid for a day, and not run.
    Expired,
}

/// A job as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub id: String,
    pub state: JobState,
    pub file_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    pub created_by: String,
    pub created: u64,
    pub mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    pub counters: Counters,
    /// Groups there are, and groups that were applied.
    pub groups: u64,
    pub groups_done: u64,
}

/// PV-53.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    pub rows: u64,
    pub valid: u64,
    pub warnings: u64,
    pub errors: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub deleted: u64,
    pub skipped: u64,
}

/// One row that waits: what becomes of which number, and the revision it was judged on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Item {
    row: u64,
    number: NumberRecord,
    seen: Option<u64>,
}

/// What to upload.
#[derive(Clone, Debug)]
pub struct Upload<'a> {
    pub id: String,
    pub file_name: &'a str,
    pub octets: &'a [u8],
    pub options: Options,
    /// Accounts the uploader is limited to.
    pub scope: Option<&'a BTreeSet<String>>,
    /// Numbers that calls use now; they are not deleted.
    pub in_use: BTreeSet<String>,
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Validates a file against the data. Changes nothing.
///
/// # Errors
/// The store fails.
pub fn validate(rows: &mut dyn Rows, upload: &Upload<'_>) -> Result<Checked, Refusal> {
    let data =
        Data { rows: RefCell::new(rows), fault: RefCell::default(), scope: upload.scope, in_use: &upload.in_use };
    let checked = check(upload.octets, &upload.options, &data);
    match data.fault.into_inner() {
        Some(fault) => Err(fault.into()),
        None => Ok(checked),
    }
}

/// Validates a file and keeps it as a job.
///
/// # Errors
/// The file as a whole cannot be taken (`ImportInvalid`), or the store fails.
pub fn upload(writing: &mut Writing<'_>, upload: &Upload<'_>, who: &str) -> Result<(Job, Row), Refusal> {
    let checked = validate(writing.rows, upload)?;
    if checked.is_refused() {
        return Err(refused(&checked));
    }
    forget_old(writing)?;
    let warnings = checked.problems.len().saturating_sub(checked.errors());
    let groups = checked.rows.chunks(GROUP_ROWS);
    let job = Job {
        id: upload.id.clone(),
        state: if checked.rows.is_empty() { JobState::Invalid } else { JobState::Valid },
        file_name: upload.file_name.to_owned(),
        account: upload.options.account.clone(),
        created_by: who.to_owned(),
        created: writing.now.0,
        mode: mode_word(upload.options.mode).to_owned(),
        ticket: upload.options.ticket.clone(),
        counters: Counters {
            rows: whole(checked.total),
            valid: whole(checked.rows.len()),
            warnings: whole(warnings),
            errors: whole(checked.errors()),
            skipped: whole(checked.total.saturating_sub(checked.rows.len())),
            ..Counters::default()
        },
        groups: whole(groups.len()),
        groups_done: 0,
    };
    for (at, group) in (0u64..).zip(groups) {
        let items: Vec<Item> = group.iter().map(|row| item(writing.rows, row)).collect::<Result<_, _>>()?;
        writing.keep(Kind::ImportGroup, &part(&job.id, at), json!(items))?;
    }
    for (at, piece) in (0u64..).zip(checked.problems.chunks(PROBLEM_PIECE)) {
        writing.keep(Kind::ImportProblems, &part(&job.id, at), json!(piece))?;
    }
    note(writing, "import.upload", &job)?;
    let row = writing.keep(Kind::Import, &job.id, json!(job))?;
    Ok((job, row))
}

fn refused(checked: &Checked) -> Refusal {
    let detail = |problem: &Problem| Detail {
        code: format!("{:?}", problem.code),
        target: problem.row.map_or_else(|| "file".to_owned(), |row| format!("rows[{row}]")),
        message: problem.message.clone(),
    };
    let details = checked.problems.iter().take(DETAILS).map(detail).collect();
    Refusal { details, ..Refusal::new(super::refusal::Code::ImportInvalid, "The file cannot be imported.") }
}

const fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Create => "create",
        Mode::Upsert => "upsert",
        Mode::Delete => "delete",
    }
}

/// Parts of a job sort in their order.
fn part(job: &str, at: u64) -> String {
    format!("{job}/{at:05}")
}

fn note(writing: &mut Writing<'_>, action: &'static str, job: &Job) -> Result<(), Refusal> {
    let account = job.account.clone().unwrap_or_default();
    let changes = json!(job.counters).as_object().cloned().unwrap_or_default();
    writing.note(Act { action, target: format!("imports/{}", job.id), account, changes, ..Act::default() })
}

/// The oldest jobs that are over make room.
fn forget_old(writing: &mut Writing<'_>) -> Result<(), Refusal> {
    if writing.rows.count(Kind::Import, &Filter::All)? < JOBS {
        return Ok(());
    }
    let open = [JobState::Valid, JobState::Importing];
    for row in writing.rows.list(Kind::Import, &Query::of(Filter::All, 100))? {
        let job: Job = job_of(&row)?;
        if !open.contains(&job.state) || job.created.saturating_add(VALID_MS) < writing.now.0 {
            forget_parts(writing, &job.id)?;
            writing.rows.remove(Kind::Import, &row.key)?;
        }
    }
    Ok(())
}

fn forget_parts(writing: &mut Writing<'_>, job: &str) -> Result<(), Refusal> {
    for kind in [Kind::ImportGroup, Kind::ImportProblems] {
        for row in writing.rows.list(kind, &Query::of(Filter::KeyPrefix(format!("{job}/")), 1000))? {
            writing.rows.remove(kind, &row.key)?;
        }
    }
    Ok(())
}

/// The record a row makes of its number: what the file says, over what there is, over the account's defaults.
fn item(rows: &mut dyn Rows, row: &CheckedRow) -> Result<Item, Refusal> {
    let found = rows.read(Kind::Number, &row.number.to_string())?;
    let account = AccountName::parse(&row.account)
        .map_err(|_| Refusal::new(super::refusal::Code::AccountNotFound, "There is no such account."))?;
    let before = match &found {
        Some(found) => of_row::<NumberRecord>(found)?,
        None => fresh(rows, row.number.clone(), account)?,
    };
    let or = |new: &Option<String>, old: Option<String>| new.clone().or(old);
    let named: Vec<Service> = row.services.iter().filter_map(|name| Service::from_name(name)).collect();
    let header = row.custom_header.as_deref().and_then(HeaderContent::parse);
    let number = NumberRecord {
        carrier: or(&row.carrier, before.carrier),
        country: or(&row.country, before.country),
        number_type: kind_of(row.number_type),
        services: if named.is_empty() { before.services } else { Services::of(named) },
        inbound_enabled: row.flags.inbound,
        outbound_enabled: row.flags.outbound,
        custom_header: header.or(before.custom_header),
        emergency: EmergencyRecord {
            location_id: or(&row.emergency_location, before.emergency.location_id),
            ..before.emergency
        },
        ticket: or(&row.ticket, before.ticket),
        correlation_id: or(&row.correlation, before.correlation_id),
        ..before
    };
    Ok(Item { row: whole(row.row), number, seen: found.map(|found| found.revision) })
}

/// A number that does not exist yet, with its account's defaults.
fn fresh(rows: &mut dyn Rows, number: E164, account: AccountName) -> Result<NumberRecord, Refusal> {
    let defaults = record::<AccountRecord>(rows, account.as_str())?.map(|account| account.defaults).unwrap_or_default();
    let (carrier, custom_header) = (defaults.carrier, defaults.custom_header);
    Ok(NumberRecord { carrier, custom_header, ..NumberRecord::new(number, account) })
}

const fn kind_of(kind: NumberType) -> NumberKind {
    match kind {
        NumberType::Local => NumberKind::Local,
        NumberType::TollFree => NumberKind::TollFree,
        NumberType::Mobile => NumberKind::Mobile,
        NumberType::ShortCode => NumberKind::ShortCode,
        NumberType::Other => NumberKind::Other,
    }
}

fn job_of(row: &Row) -> Result<Job, Refusal> {
    serde_json::from_value(row.body.clone()).map_err(|error| Fault(format!("{}: {error}", row.key)).into())
}

/// A job, and its row. A valid one that waited for more than a day shows as expired.
///
/// # Errors
/// There is none.
pub fn job(rows: &mut dyn Rows, id: &str, now: WallTime) -> Result<(Job, Row), Refusal> {
    let missing = || Refusal::new(super::refusal::Code::ImportNotFound, "There is no such import.");
    let row = rows.read(Kind::Import, id)?.ok_or_else(missing)?;
    let mut job = job_of(&row)?;
    if job.state == JobState::Valid && job.created.saturating_add(VALID_MS) <= now.0 {
        job.state = JobState::Expired;
    }
    Ok((job, row))
}

/// Begins the second step: from now on [`step`] applies its groups.
///
/// # Errors
/// It is not valid, or the condition does not hold.
pub fn run(writing: &mut Writing<'_>, id: &str, condition: &Condition) -> Result<(Job, Row), Refusal> {
    turn(writing, id, condition, &[JobState::Valid], JobState::Importing, "import.run")
}

/// Stops it. Groups that were applied stay applied.
///
/// # Errors
/// It is over.
pub fn cancel(writing: &mut Writing<'_>, id: &str, condition: &Condition) -> Result<(Job, Row), Refusal> {
    let from = [JobState::Invalid, JobState::Valid, JobState::Importing];
    turn(writing, id, condition, &from, JobState::Cancelled, "import.cancel")
}

fn turn(
    writing: &mut Writing<'_>,
    id: &str,
    condition: &Condition,
    from: &[JobState],
    to: JobState,
    action: &'static str,
) -> Result<(Job, Row), Refusal> {
    let (mut job, row) = job(writing.rows, id, writing.now)?;
    condition.holds(Some(&row))?;
    if !from.contains(&job.state) {
        let text = format!("The import is {}.", json!(job.state).as_str().unwrap_or_default());
        return Err(Refusal::new(super::refusal::Code::ImportState, text));
    }
    job.state = to;
    note(writing, action, &job)?;
    let row = writing.keep(Kind::Import, id, json!(job))?;
    Ok((job, row))
}

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Applied,
    Idle,
}

/// Applies the next group of the job that is running, if there is one.
///
/// # Errors
/// The store fails; the group is tried again with the next step.
pub fn step(
    store: &mut dyn Store,
    actor: &Actor,
    now: WallTime,
    in_use: &mut dyn FnMut(BTreeSet<String>) -> BTreeSet<String>,
) -> Result<Step, Refusal> {
    let running = Filter::Field("state", Comparison::Equal, "importing".to_owned());
    let found = reading(store, |rows| Ok(rows.list(Kind::Import, &Query::of(running.clone(), 1))?))?;
    let Some(row) = found.into_iter().next() else { return Ok(Step::Idle) };
    let job = job_of(&row)?;
    let actor = Actor { name: job.created_by.clone(), ..actor.clone() };
    if job.groups_done >= job.groups {
        writing(store, &actor, now, |writing| finish(writing, &job.id))?;
        return Ok(Step::Applied);
    }
    let applied = writing(store, &actor, now, |writing| group(writing, &job.id, None, in_use));
    match applied {
        Ok(()) => {}
        Err(refusal) if refusal.code == Code::StoreUnavailable => return Err(refusal),
        // One row of the group cannot be applied any more: none of them is, and the job says why.
        Err(refusal) => writing(store, &actor, now, |writing| group(writing, &job.id, Some(&refusal), in_use))?,
    }
    Ok(Step::Applied)
}

/// Applies one group and counts it, or notes why it cannot be applied.
fn group(
    writing: &mut Writing<'_>,
    id: &str,
    failed: Option<&Refusal>,
    in_use: &mut dyn FnMut(BTreeSet<String>) -> BTreeSet<String>,
) -> Result<(), Refusal> {
    let (mut job, _) = job(writing.rows, id, writing.now)?;
    let key = part(id, job.groups_done);
    let Some(row) = writing.rows.read(Kind::ImportGroup, &key)? else {
        return Err(Fault(format!("{key} is missing")).into());
    };
    let items: Vec<Item> = serde_json::from_value(row.body).map_err(|error| Fault(format!("{key}: {error}")))?;
    writing.job = Some(id.to_owned());
    match failed {
        None => {
            if job.mode == mode_word(Mode::Delete) {
                none_in_use(&items, in_use)?;
            }
            apply(writing, &mut job, &items)?;
        }
        Some(refusal) => abort(writing, &mut job, &items, refusal)?,
    }
    writing.rows.remove(Kind::ImportGroup, &key)?;
    job.groups_done = job.groups_done.saturating_add(1);
    writing.keep(Kind::Import, id, json!(job)).map(drop)
}

/// PV-40: a number is not taken away under a call.
fn none_in_use(items: &[Item], in_use: &mut dyn FnMut(BTreeSet<String>) -> BTreeSet<String>) -> Result<(), Refusal> {
    let held = in_use(items.iter().map(|item| item.number.phone_number.to_string()).collect());
    match items.iter().find(|item| held.contains(item.number.phone_number.as_str())) {
        None => Ok(()),
        Some(item) => {
            let text = format!("{} has active calls or routing references.", item.number.phone_number);
            Err(Refusal::new(Code::NumberInUse, text).at(item.row.to_string()))
        }
    }
}

fn apply(writing: &mut Writing<'_>, job: &mut Job, items: &[Item]) -> Result<(), Refusal> {
    for item in items {
        let condition = item.seen.map_or(Condition::Absent, |seen| Condition::Match(vec![seen]));
        let at = |refusal: Refusal| refusal.at(item.row.to_string());
        if job.mode == mode_word(Mode::Delete) {
            writing.drop_number(&item.number.account, &item.number.phone_number.to_string(), &condition).map_err(at)?;
            job.counters.deleted = job.counters.deleted.saturating_add(1);
            continue;
        }
        let counters = &mut job.counters;
        let counter = match writing.put_number(&item.number, &condition).map_err(at)? {
            Put::Created(_) => &mut counters.created,
            Put::Replaced(_) => &mut counters.updated,
            Put::Unchanged(_) => &mut counters.unchanged,
        };
        *counter = counter.saturating_add(1);
    }
    Ok(())
}

/// The row that failed is named with its reason; the others were not applied because of it.
fn abort(writing: &mut Writing<'_>, job: &mut Job, items: &[Item], refusal: &Refusal) -> Result<(), Refusal> {
    let culprit = refusal.target.as_deref().and_then(|row| row.parse::<u64>().ok());
    let problem = |item: &Item| {
        let (code, message) = match culprit == Some(item.row) {
            true if refusal.code == Code::PreconditionFailed => {
                ("Conflict", format!("{} was changed by someone else; validate again.", item.number.phone_number))
            }
            true if refusal.code == Code::NumberInUse => ("InUse", refusal.message.clone()),
            true => ("Conflict", refusal.message.clone()),
            false => ("BatchAborted", format!("Not applied because row {} failed.", culprit.unwrap_or_default())),
        };
        json!({ "row": item.row, "column": null, "code": code, "severity": "error", "message": message })
    };
    let problems: Vec<Value> = items.iter().map(problem).collect();
    let pieces = writing.rows.count(Kind::ImportProblems, &Filter::KeyPrefix(format!("{}/", job.id)))?;
    writing.keep(Kind::ImportProblems, &part(&job.id, pieces), json!(problems))?;
    job.counters.errors = job.counters.errors.saturating_add(whole(items.len()));
    job.counters.skipped = job.counters.skipped.saturating_add(whole(items.len()));
    Ok(())
}

fn finish(writing: &mut Writing<'_>, id: &str) -> Result<(), Refusal> {
    let (mut job, _) = job(writing.rows, id, writing.now)?;
    job.state = if job.counters.errors == 0 { JobState::Completed } else { JobState::CompletedWithErrors };
    note(writing, "import.complete", &job)?;
    writing.keep(Kind::Import, id, json!(job)).map(drop)
}

/// Problems of a job, in their order.
///
/// # Errors
/// The store fails.
pub fn problems(rows: &mut dyn Rows, id: &str) -> Result<Vec<Value>, Refusal> {
    let pieces = rows.list(Kind::ImportProblems, &Query::of(Filter::KeyPrefix(format!("{id}/")), 1000))?;
    Ok(pieces.into_iter().filter_map(|row| row.body.as_array().cloned()).flatten().collect())
}

/// Problems as CSV (PV-52).
pub fn report(problems: &[Value]) -> String {
    let text = |problem: &Value, name: &str| match problem.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let line = |problem: &Value| COLUMNS.map(|name| cell(&text(problem, name))).join(",");
    let lines = std::iter::once(COLUMNS.join(",")).chain(problems.iter().map(line));
    lines.map(|line| format!("{line}\r\n")).collect()
}

const COLUMNS: [&str; 5] = ["row", "column", "code", "severity", "message"];

/// The data as phase 4 asks it.
struct Data<'r> {
    rows: RefCell<&'r mut dyn Rows>,
    fault: RefCell<Option<Fault>>,
    scope: Option<&'r BTreeSet<String>>,
    in_use: &'r BTreeSet<String>,
}

impl Data<'_> {
    fn read(&self, kind: Kind, key: &str) -> Option<Row> {
        self.kept(|rows| rows.read(kind, key)).flatten()
    }

    fn kept<T>(&self, ask: impl FnOnce(&mut dyn Rows) -> Result<T, Fault>) -> Option<T> {
        match ask(&mut **self.rows.borrow_mut()) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault.borrow_mut().get_or_insert(fault);
                None
            }
        }
    }

    /// An account of the asker's; others are not there for it (PV-69).
    fn account(&self, name: &str) -> Option<AccountRecord> {
        if self.scope.is_some_and(|scope| !scope.contains(name)) {
            return None;
        }
        of_row(&self.read(Kind::Account, name)?).ok()
    }
}

impl Existing for Data<'_> {
    fn owner(&self, number: &E164) -> Option<Owner> {
        let row = self.read(Kind::Number, &number.to_string())?;
        let account = row.body.get("account").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Owner { account, is_in_use: self.in_use.contains(number.as_str()) })
    }

    fn has_account(&self, name: &str) -> bool {
        self.account(name).is_some()
    }

    fn has_carrier(&self, id: &str) -> bool {
        self.read(Kind::Carrier, id).is_some()
    }

    fn is_service(&self, name: &str) -> bool {
        Service::from_name(name).is_some()
    }

    fn is_enabled(&self, account: &str, service: &str) -> bool {
        let account = self.account(account);
        account.zip(Service::from_name(service)).is_none_or(|(account, service)| account.services.set().has(service))
    }

    fn room(&self, account: &str) -> Option<usize> {
        let limit = self.account(account)?.limits.max_numbers;
        if limit == 0 {
            return None;
        }
        let own = Filter::Field("account", Comparison::Equal, account.to_owned());
        let held = self.kept(|rows| rows.count(Kind::Number, &own))?;
        usize::try_from(u64::from(limit).saturating_sub(held)).ok()
    }
}
