//! `/imports` (PV-51 to PV-54, PV-56).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::answer::Call;
use super::list::{flag, listed, whole};
use super::message::{Body, Response, etag};
use super::multipart::parts;
use crate::base::WallTime;
use crate::route::number::country;
use crate::store::import::{FILE_OCTETS, Layout, Mode, NumberType, Options, Problem, Strictness, template_csv};
use crate::store::jobs::{self, Job, JobState, Upload};
use crate::store::refusal::{Code, Refusal};
use crate::store::rows::{Kind, Row};
use crate::store::tokens::Role;
use crate::store::wall;
use crate::store::writing::reading;

pub fn all(call: &mut Call<'_>) -> Result<Response, Refusal> {
    if call.request.method == "POST" {
        return upload(call);
    }
    call.needs(Role::Read)?;
    let own = call.own("account");
    listed(call, Kind::Import, own, |_, row| Ok(shown_body(&row.body, row.revision)))
}

/// A job as it is sent: times as text, with its entity tag.
fn shown_body(body: &Value, revision: u64) -> Value {
    let mut body = body.clone();
    if let Some(object) = body.as_object_mut() {
        let created = object.get("created").and_then(Value::as_u64).unwrap_or_default();
        object.insert("created".to_owned(), json!(wall::text(WallTime(created))));
        object.insert("etag".to_owned(), json!(etag(revision)));
    }
    body
}

fn shown(status: u16, job: &Job, row: &Row) -> Response {
    Response::json(status, shown_body(&json!(job), row.revision)).with("ETag", etag(row.revision))
}

/// What a form or the parameters say of an upload.
#[derive(Debug, Default)]
struct Told {
    options: Options,
    file_name: Option<String>,
    dry_run: bool,
    runs: bool,
}

impl Told {
    fn take(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let options = &mut self.options;
        let text = || (!value.is_empty()).then(|| value.to_owned());
        match name {
            "account" => options.account = text(),
            "carrier" => options.carrier = text(),
            "country" => options.country = text(),
            "customHeader" => options.custom_header = text(),
            "ticket" => options.ticket = text(),
            "fileName" => self.file_name = text(),
            "numberType" => {
                let kind = NumberType::from_word(value);
                options.number_type = kind.ok_or_else(|| Refusal::value(name, "is no kind of number"))?;
            }
            "services" => options.services.extend(value.split(['|', ',']).filter(|s| !s.is_empty()).map(str::to_owned)),
            "inboundEnabled" => options.inbound = flag(name, value)?,
            "outboundEnabled" => options.outbound = flag(name, value)?,
            "dryRun" => self.dry_run = flag(name, value)?,
            "validateAndImport" => self.runs = flag(name, value)?,
            "mode" => {
                options.mode = match value {
                    "create" => Mode::Create,
                    "upsert" => Mode::Upsert,
                    "delete" => Mode::Delete,
                    _ => return Err(Refusal::value(name, "must be create, upsert or delete")),
                }
            }
            "strictness" => {
                options.strictness = match value {
                    "strict" => Strictness::Strict,
                    "lenient" => Strictness::Lenient,
                    _ => return Err(Refusal::value(name, "must be strict or lenient")),
                }
            }
            _ => return Err(Refusal::value(name, "is no option of an import")),
        }
        Ok(())
    }
}

/// Options and the file: raw CSV with options as parameters, or a form with both.
fn read<'a>(call: &Call<'a>) -> Result<(Told, &'a [u8]), Refusal> {
    let mut told = Told::default();
    for (name, value) in call.request.parameters() {
        told.take(&name, &value)?;
    }
    match call.request.media_type().as_str() {
        "text/csv" => Ok((told, &call.request.body)),
        "multipart/form-data" => {
            let mut file = None;
            for part in parts(call.request.header("content-type").unwrap_or_default(), &call.request.body)? {
                if part.name == "file" {
                    told.file_name = part.file_name.or(told.file_name);
                    file = Some(part.octets);
                } else {
                    told.take(&part.name, &String::from_utf8_lossy(part.octets))?;
                }
            }
            file.map(|file| (told, file)).ok_or_else(|| Refusal::value("file", "is missing in the form"))
        }
        _ => Err(Refusal::new(Code::UnsupportedMediaType, "Send text/csv or multipart/form-data.")),
    }
}

fn upload(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::Write)?;
    let (told, octets) = read(call)?;
    if octets.len() > FILE_OCTETS {
        let text = format!("The file is {} octets; at most {FILE_OCTETS} is accepted.", octets.len());
        return Err(Refusal::new(Code::FileTooLarge, text));
    }
    if let Some(account) = &told.options.account {
        call.covers(account)?;
    }
    if told.options.mode == Mode::Delete {
        call.needs(Role::Delete)?;
    }
    let file_name: String = told.file_name.unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect();
    let in_use = if told.options.mode == Mode::Delete { super::calls::all_in_use(call)? } else { BTreeSet::new() };
    let (id, scope) = (format!("{:011x}{}", call.now.0, call.entropy.token(6)), call.grant.accounts.clone());
    let upload = Upload { id, file_name: &file_name, octets, options: told.options, scope: scope.as_ref(), in_use };
    if told.dry_run {
        return reading(call.store, |rows| Ok(dry(&jobs::validate(rows, &upload)?)));
    }
    let who = call.grant.name.clone();
    call.write(|writing| {
        let (mut job, mut row) = jobs::upload(writing, &upload, &who)?;
        if told.runs && job.state == JobState::Valid && job.counters.errors == 0 {
            (job, row) = jobs::run(writing, &job.id, &crate::store::writing::Condition::None)?;
        }
        Ok(shown(201, &job, &row))
    })
}

fn dry(checked: &crate::store::import::Checked) -> Response {
    let problems: Vec<&Problem> = checked.problems.iter().take(500).collect();
    let (rows, valid, errors) = (checked.total, checked.rows.len(), checked.errors());
    Response::json(200, json!({ "rows": rows, "valid": valid, "errors": errors, "problems": problems }))
}

/// A job the token may see.
fn job(call: &mut Call<'_>, id: &str) -> Result<(Job, Row), Refusal> {
    let now = call.now;
    let (job, row) = reading(call.store, |rows| jobs::job(rows, id, now))?;
    let own = call.grant.accounts.is_none()
        || job.created_by == call.grant.name
        || job.account.as_deref().is_some_and(|account| call.grant.covers(account));
    match own {
        true => Ok((job, row)),
        false => Err(Refusal::new(Code::ImportNotFound, "There is no such import.")),
    }
}

pub fn one(call: &mut Call<'_>, id: &str) -> Result<Response, Refusal> {
    call.needs_of_method()?;
    let (found, row) = job(call, id)?;
    if call.request.method == "GET" {
        let whole = Row { body: json!(found), ..row };
        let response = call.single(&whole);
        return Ok(if response.status == 304 { response } else { shown(200, &found, &whole) });
    }
    let condition = call.request.condition()?;
    call.write(|writing| {
        jobs::cancel(writing, id, &condition)?;
        Ok(Response::new(204, Body::Empty))
    })
}

/// The second step: `If-Match` is required (PV-56).
pub fn run(call: &mut Call<'_>, id: &str) -> Result<Response, Refusal> {
    call.needs(Role::Write)?;
    let condition = call.request.condition()?;
    let (found, _) = job(call, id)?;
    if found.mode == "delete" {
        call.needs(Role::Delete)?;
    }
    if call.request.header("if-match").is_none() {
        return Err(Refusal::value("If-Match", "is required: send the import's ETag"));
    }
    call.write(|writing| {
        let (job, row) = jobs::run(writing, id, &condition)?;
        Ok(shown(200, &job, &row))
    })
}

/// Problems of the rows, paged, by `code` and `severity`.
pub fn rows(call: &mut Call<'_>, id: &str) -> Result<Response, Refusal> {
    call.needs(Role::Read)?;
    job(call, id)?;
    let (mut skip, mut page, mut only) = (0, 200, Vec::new());
    for (name, value) in call.request.parameters() {
        match name.as_str() {
            "skip" => skip = whole(&name, &value, 0, 100_000)?,
            "maxpagesize" => page = whole(&name, &value, 1, usize::MAX)?.min(500),
            "code" | "severity" => only.push((name, value)),
            _ => return Err(Refusal::value(&name, "is no parameter of this list")),
        }
    }
    let fits = |problem: &Value| {
        only.iter().all(|(name, value)| problem.get(name).and_then(Value::as_str) == Some(value.as_str()))
    };
    let all = reading(call.store, |rows| jobs::problems(rows, id))?;
    let all: Vec<Value> = all.into_iter().filter(fits).collect();
    let total = all.len();
    let value: Vec<Value> = all.into_iter().skip(skip).take(page).collect();
    let next = skip.saturating_add(value.len());
    let mut body = json!({ "value": value });
    if let (true, Some(object)) = (next < total, body.as_object_mut()) {
        let mut link = format!("{}?skip={next}&maxpagesize={page}", call.request.path);
        for (name, value) in &only {
            link.push_str(&format!("&{name}={}", super::message::encoded(value)));
        }
        object.insert("nextLink".to_owned(), json!(link));
    }
    Ok(Response::json(200, body).with("X-Total-Count", total.to_string()))
}

pub fn report(call: &mut Call<'_>, id: &str) -> Result<Response, Refusal> {
    call.needs(Role::Read)?;
    job(call, id)?;
    let problems = reading(call.store, |rows| jobs::problems(rows, id))?;
    Ok(Response::new(200, Body::Csv("report.csv", jobs::report(&problems))))
}

pub fn template(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::Read)?;
    let (mut layout, mut plan) = (Layout::Dynamics, None);
    for (name, value) in call.request.parameters() {
        match (name.as_str(), value.as_str()) {
            ("layout", "dynamics") => layout = Layout::Dynamics,
            ("layout", "numbers") => layout = Layout::Numbers,
            ("layout", "native") => layout = Layout::Native,
            ("layout", _) => return Err(Refusal::value("layout", "must be dynamics, numbers or native")),
            ("country", iso) => {
                plan = Some(country(iso).ok_or_else(|| Refusal::value("country", "is not known"))?);
            }
            _ => return Err(Refusal::value(&name, "is no parameter of the template")),
        }
    }
    Ok(Response::new(200, Body::Csv("PhoneNumber.csv", template_csv(layout, plan))))
}
