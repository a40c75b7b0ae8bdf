//! Lists: pages, filters, order (PV-60).

use serde_json::{Value, json};

use super::BASE;
use super::answer::Call;
use super::message::{Response, encoded, shown};
use crate::store::refusal::{Code, Refusal};
use crate::store::rows::{
    After, Comparison, Direction, FieldType, Filter, Kind, Query, Row, Rows, Sort, field_of, text_of,
};
use crate::store::writing::reading;

const PAGE: usize = 200;
const PAGE_MOST: usize = 500;
const SKIP_MOST: usize = 100_000;
/// Comparisons of one filter.
const COMPARISONS: usize = 16;
/// Octets of a filter.
const FILTER_OCTETS: usize = 2048;

/// Fields of a list, with their types.
type Fields = &'static [(&'static str, FieldType)];

/// What a list is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub query: Query,
    count: bool,
}

impl Wanted {
    /// Reads the parameters of a list.
    ///
    /// # Errors
    /// A parameter there is not, or a value it does not take.
    pub fn read(fields: Fields, parameters: &[(String, String)]) -> Result<Wanted, Refusal> {
        let mut wanted = Wanted { query: Query::of(Filter::All, PAGE), count: false };
        for (name, value) in parameters {
            let query = &mut wanted.query;
            match name.as_str() {
                "maxpagesize" => query.limit = whole(name, value, 1, usize::MAX)?.min(PAGE_MOST),
                "skip" => query.skip = whole(name, value, 0, SKIP_MOST)?,
                "count" => wanted.count = flag(name, value)?,
                "orderby" => (query.sort, query.direction) = order(fields, value)?,
                "filter" => query.filter = filter(fields, value)?,
                "after" => query.after = Some(after_of(value)?),
                _ => return Err(Refusal::value(name, "is no parameter of this list")),
            }
        }
        Ok(wanted)
    }
}

/// A whole number within bounds.
///
/// # Errors
/// It is none.
pub fn whole(name: &str, value: &str, least: usize, most: usize) -> Result<usize, Refusal> {
    let digits = !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_digit());
    let number = if digits { value.parse().unwrap_or(usize::MAX) } else { return Err(not_whole(name, least, most)) };
    ((least..=most).contains(&number)).then_some(number).ok_or_else(|| not_whole(name, least, most))
}

fn not_whole(name: &str, least: usize, most: usize) -> Refusal {
    match most {
        usize::MAX => Refusal::value(name, format!("must be a whole number of at least {least}")),
        _ => Refusal::value(name, format!("must be a whole number from {least} to {most}")),
    }
}

/// `true` or `false`.
///
/// # Errors
/// Another word.
pub fn flag(name: &str, value: &str) -> Result<bool, Refusal> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Refusal::value(name, "must be true or false")),
    }
}

fn order(fields: Fields, text: &str) -> Result<(Sort, Direction), Refusal> {
    let (name, way) = text.trim().split_once(' ').unwrap_or((text.trim(), "asc"));
    let known = || fields.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let (field, _) =
        field_of(fields, name).ok_or_else(|| Refusal::value("orderby", format!("takes one of {}", known())))?;
    match way.trim() {
        "asc" => Ok((Sort::Field(field), Direction::Ascending)),
        "desc" => Ok((Sort::Field(field), Direction::Descending)),
        _ => Err(Refusal::value("orderby", "ends with asc or desc")),
    }
}

/// `account eq 'acme' and (nothing in brackets)`: comparisons joined by `and` before `or`.
fn filter(fields: Fields, text: &str) -> Result<Filter, Refusal> {
    let refuse = |text: String| Refusal::new(Code::FilterUnsupported, text).at("filter");
    if text.len() > FILTER_OCTETS {
        return Err(refuse(format!("A filter has at most {FILTER_OCTETS} octets.")));
    }
    let words = words(text).ok_or_else(|| refuse("A quote of the filter is not closed.".to_owned()))?;
    let mut any: Option<Filter> = None;
    let mut all = Filter::All;
    for (at, part) in words.chunks(4).enumerate() {
        let [field, comparison, value, rest @ ..] = part else {
            return Err(refuse("A filter is FIELD COMPARISON VALUE, joined by and / or.".to_owned()));
        };
        if at >= COMPARISONS {
            return Err(refuse(format!("A filter has at most {COMPARISONS} comparisons.")));
        }
        all = all.and(compared(fields, field, comparison, value).map_err(refuse)?);
        let joins_next = words.len() > (at + 1) * 4;
        match (rest.first().map(String::as_str), joins_next) {
            (None, false) | (Some("and"), true) => {}
            (Some("or"), true) => any = Some(either(any.take(), std::mem::take(&mut all))),
            _ => return Err(refuse("Comparisons are joined by and / or.".to_owned())),
        }
    }
    Ok(either(any, all))
}

fn either(one: Option<Filter>, two: Filter) -> Filter {
    match one {
        Some(one) => Filter::Or(Box::new(one), Box::new(two)),
        None => two,
    }
}

fn compared(fields: Fields, field: &str, comparison: &str, value: &str) -> Result<Filter, String> {
    let known = || fields.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let (field, shape) =
        field_of(fields, field).ok_or_else(|| format!("Lists are not filtered by {field}; possible: {}.", known()))?;
    let comparison = match comparison {
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        "gt" => Comparison::Greater,
        "ge" => Comparison::GreaterOrEqual,
        "lt" => Comparison::Less,
        "le" => Comparison::LessOrEqual,
        "startswith" => Comparison::StartsWith,
        "contains" => Comparison::Contains,
        other => return Err(format!("{other} is no comparison; possible: eq ne gt ge lt le startswith contains.")),
    };
    let is_flag = matches!(value, "true" | "false") && matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    match (shape, is_flag) {
        (FieldType::Flag, false) => Err(format!("{field} is compared by eq or ne, with true or false.")),
        (FieldType::Flag, true) | (FieldType::Text, _) => Ok(Filter::Field(field, comparison, value.to_owned())),
    }
}

/// Words between blanks; `'it''s one'` is one word. `None`: an open quote.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some(quoted) = rest.strip_prefix('\'') else {
            let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
            words.push(word.to_owned());
            rest = behind.trim_start();
            continue;
        };
        let mut word = String::new();
        let mut inside = quoted;
        rest = loop {
            let (before, behind) = inside.split_once('\'')?;
            word.push_str(before);
            match behind.strip_prefix('\'') {
                Some(more) => {
                    word.push('\'');
                    inside = more;
                }
                None => break behind.trim_start(),
            }
        };
        words.push(word);
    }
    Some(words)
}

/// The opaque part of a next link: value and key of the last row, as hexadecimal.
fn after_text(row: &Row, sort: Sort) -> String {
    let value = match sort {
        Sort::Key | Sort::Revision => row.key.clone(),
        Sort::Field(field) => text_of(&row.body, field),
    };
    after_parts(&value, &row.key)
}

/// See [`after_text`].
pub fn after_parts(value: &str, key: &str) -> String {
    crate::store::audit::hex(json!([value, key]).to_string().as_bytes())
}

fn after_of(text: &str) -> Result<After, Refusal> {
    let wrong = || Refusal::value("after", "is no part of a nextLink of ours");
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2)).ok_or_else(wrong)?;
    let octets: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |value, digit| value << 4 | digit)).collect();
    let (value, key) = serde_json::from_slice::<(String, String)>(&octets).map_err(|_| wrong())?;
    Ok(After { value, key })
}

/// How a row of a list is sent.
type Show = fn(&mut dyn Rows, &Row) -> Result<Value, Refusal>;

/// Answers a list of rows: those of `filter` among those wanted.
///
/// # Errors
/// Parameters that are not understood.
pub fn listed(call: &mut Call<'_>, kind: Kind, own: Filter, show: Show) -> Result<Response, Refusal> {
    let parameters = call.request.parameters();
    let Wanted { query, count } = Wanted::read(kind.fields(), &parameters)?;
    let filter = own.and(query.filter.clone());
    let more = Query { filter: filter.clone(), limit: query.limit.saturating_add(1), ..query.clone() };
    let (rows, value, total, goes_on) = reading(call.store, |rows| {
        let total = if count { Some(rows.count(kind, &filter)?) } else { None };
        let mut found = rows.list(kind, &more)?;
        let goes_on = found.len() > query.limit;
        found.truncate(query.limit);
        let value = found.iter().map(|row| show(rows, row)).collect::<Result<Vec<Value>, Refusal>>()?;
        Ok((found, value, total, goes_on))
    })?;
    let mut body = json!({ "value": value });
    if let (true, Some(last), Some(object)) = (goes_on, rows.last(), body.as_object_mut()) {
        object.insert("nextLink".to_owned(), json!(next_link(call, &parameters, &after_text(last, query.sort))));
    }
    let response = Response::json(200, body);
    Ok(match total {
        Some(total) => response.with("X-Total-Count", total.to_string()),
        None => response,
    })
}

/// The same list, behind the last row.
pub fn next_link(call: &Call<'_>, parameters: &[(String, String)], after: &str) -> String {
    let kept = parameters.iter().filter(|(name, _)| !matches!(name.as_str(), "skip" | "after"));
    let mut link = format!(
        "{}?after={after}",
        call.request.path.strip_prefix(BASE).map_or(call.request.path.clone(), |rest| format!("{BASE}{rest}"))
    );
    for (name, value) in kept {
        link.push_str(&format!("&{}={}", encoded(name), encoded(value)));
    }
    link
}

/// Rows of objects, as they are sent.
pub fn objects(call: &mut Call<'_>, kind: Kind, own: Filter) -> Result<Response, Refusal> {
    listed(call, kind, own, |_, row| Ok(shown(row)))
}
