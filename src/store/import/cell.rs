//! One value by itself (PV-48 to PV-50).

use super::problem::{Code, Problem};
use super::{Layout, NumberType, Strictness};
use crate::route::number::{Country, E164};

/// Digits of a number at least, unless it is a short code.
const FEWEST_DIGITS: usize = 7;
/// Digits of a number at most (E.164).
const MOST_DIGITS: usize = 15;
/// Digits above which the vendor wants quotes (PV-22).
const UNQUOTED_DIGITS: usize = 10;
/// Characters of a value shown in a message.
const SHOWN: usize = 32;

/// Where a value stands, for its problems.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub row: usize,
    pub column: &'static str,
}

impl Place {
    fn problem(self, code: Code, message: impl Into<String>) -> Problem {
        Problem::row(self.row, Some(self.column), code, message)
    }
}

/// A value fit for a message: one line, not too long.
pub(super) fn shown(value: &str) -> String {
    let mut text: String = value.chars().take(SHOWN).flat_map(char::escape_default).collect();
    if value.chars().count() > SHOWN {
        text.push_str("...");
    }
    text
}

/// A phone number: digits with or without a plus. What is worth a warning goes to `problems`.
///
/// # Errors
/// The one problem that makes it no number.
pub(super) fn number(
    text: &str,
    is_quoted: bool,
    rules: NumberRules<'_>,
    place: Place,
    problems: &mut Vec<Problem>,
) -> Result<E164, Problem> {
    let value = text.trim();
    let digits = value.strip_prefix('+').unwrap_or(value);
    let refuse = |code, message: String| Err(place.problem(code, message));
    if value.is_empty() {
        return refuse(Code::NumberEmpty, "The phone number is empty.".to_owned());
    }
    if looks_altered(digits) {
        let text = format!("{} looks altered by a spreadsheet; format the column as text.", shown(value));
        return refuse(Code::NumberScientific, text);
    }
    if digits.is_empty() || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return refuse(
            Code::NumberCharacters,
            format!("{} may contain digits and one leading plus only.", shown(value)),
        );
    }
    if digits.starts_with('0') {
        let text = format!("{} starts with 0; use the country code, without 00 or trunk prefix.", shown(value));
        return refuse(Code::NumberLeadingZero, text);
    }
    let count = digits.len();
    if count > MOST_DIGITS {
        let text = format!("{} has {count} digits; at most {MOST_DIGITS} are allowed.", shown(value));
        return refuse(Code::NumberTooLong, text);
    }
    let too_short = || format!("{value} has {count} digits; give the full international number.");
    if count < FEWEST_DIGITS && rules.number_type != NumberType::ShortCode {
        return refuse(Code::NumberTooShort, too_short());
    }
    let number = E164::from_digits(digits).map_err(|_| place.problem(Code::NumberTooShort, too_short()))?;
    quoting(value, count, is_quoted, rules, place, problems)?;
    belonging(&number, rules, place, problems)?;
    Ok(number)
}

/// What a number is checked against.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberRules<'a> {
    pub layout: Layout,
    pub strictness: Strictness,
    pub number_type: NumberType,
    pub country: Option<&'a Country>,
}

/// An exponent, a decimal point or a group separator between digits: what spreadsheets make of long numbers.
fn looks_altered(digits: &str) -> bool {
    let has_digit = digits.bytes().any(|octet| octet.is_ascii_digit());
    let fits = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '\'' | 'e' | 'E' | '+');
    has_digit && digits.contains(['.', ',', '\'', 'e', 'E']) && digits.chars().all(fits)
}

fn quoting(
    value: &str,
    count: usize,
    is_quoted: bool,
    rules: NumberRules<'_>,
    place: Place,
    problems: &mut Vec<Problem>,
) -> Result<(), Problem> {
    if rules.layout != Layout::Dynamics || is_quoted || count <= UNQUOTED_DIGITS {
        return Ok(());
    }
    let text = format!("{value} has more than {UNQUOTED_DIGITS} digits and must be in double quotes.");
    let problem = place.problem(Code::NumberNotQuoted, text);
    match rules.strictness {
        Strictness::Strict => Err(problem),
        Strictness::Lenient => {
            problems.push(problem.warning());
            Ok(())
        }
    }
}

/// Whether the number is one of the country and kind that were chosen.
fn belonging(number: &E164, rules: NumberRules<'_>, place: Place, problems: &mut Vec<Problem>) -> Result<(), Problem> {
    if let Some(country) = rules.country
        && rules.number_type != NumberType::ShortCode
        && !number.digits().starts_with(country.calling_code)
    {
        let problem =
            place.problem(Code::NumberCountryMismatch, format!("{number} does not belong to {}.", country.iso));
        let shares = Country::all().iter().filter(|other| other.calling_code == country.calling_code).count() > 1;
        if !shares {
            return Err(problem);
        }
        problems.push(problem.warning());
    }
    if contradicts(number, rules.number_type) {
        let text = format!("{number} does not look like a {} number.", rules.number_type.word());
        problems.push(place.problem(Code::NumberTypeMismatch, text).warning());
    }
    Ok(())
}

/// Beginnings of toll-free numbers, from the national plans.
const TOLL_FREE: &[&str] = &[
    "1800", "1833", "1844", "1855", "1866", "1877", "1888", "31800", "32800", "33800", "33801", "33802", "33803",
    "33804", "33805", "34800", "34900", "351800", "3531800", "39800", "41800", "43800", "44800", "44808", "4580",
    "46200", "47800", "48800", "49800", "611800", "64508", "64800", "65800", "800", "81120", "81800",
];

/// Beginnings of mobile numbers where they differ from others.
const MOBILE: &[&str] = &[
    "316", "324", "336", "337", "346", "347", "3519", "3538", "393", "4176", "4177", "4178", "4179", "4366", "4367",
    "4368", "4369", "447", "467", "474", "479", "4915", "4916", "4917", "614", "642", "8170", "8180", "8190",
];

/// Countries whose mobile numbers are told by [`MOBILE`].
const TELLS_MOBILE: &[&str] =
    &["31", "32", "33", "34", "351", "353", "39", "41", "43", "44", "46", "47", "49", "61", "64", "81"];

fn contradicts(number: &E164, kind: NumberType) -> bool {
    let begins = |list: &[&str]| list.iter().any(|start| number.digits().starts_with(start));
    let (toll_free, mobile) = (begins(TOLL_FREE), begins(MOBILE));
    match kind {
        NumberType::TollFree => !toll_free,
        NumberType::Mobile => toll_free || (begins(TELLS_MOBILE) && !mobile),
        NumberType::Local => toll_free || mobile,
        NumberType::ShortCode | NumberType::Other => false,
    }
}

/// `True` or `False` in any case, empty is false (PV-50).
///
/// # Errors
/// Another word.
pub(super) fn flag(
    text: &str,
    strictness: Strictness,
    place: Place,
    problems: &mut Vec<Problem>,
) -> Result<bool, Problem> {
    let value = text.trim();
    let known = |words: [&str; 2]| words.iter().any(|word| word.eq_ignore_ascii_case(value));
    if value.is_empty() || value.eq_ignore_ascii_case("false") {
        return Ok(false);
    }
    if value.eq_ignore_ascii_case("true") {
        return Ok(true);
    }
    let text = format!("{} must be True or False, not {}.", place.column, shown(value));
    let problem = place.problem(Code::BooleanInvalid, text);
    let lenient = match (strictness, known(["yes", "1"]), known(["no", "0"])) {
        (Strictness::Lenient, true, _) => Some(true),
        (Strictness::Lenient, _, true) => Some(false),
        (Strictness::Lenient | Strictness::Strict, _, _) => None,
    };
    match lenient {
        Some(flag) => {
            problems.push(problem.warning());
            Ok(flag)
        }
        None => Err(problem),
    }
}

/// Contents of the custom header (PV-4): letters, digits, underscore, dash; empty means none.
///
/// # Errors
/// Other characters, or more than 100.
pub(super) fn header_content(text: &str, place: Place) -> Result<Option<String>, Problem> {
    let value = text.trim();
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
    match value {
        "" => Ok(None),
        value if value.len() <= 100 && value.bytes().all(fits) => Ok(Some(value.to_owned())),
        _ => {
            let text = "Custom header text may use letters, digits, underscore and dash, 1 to 100 characters.";
            Err(place.problem(Code::HeaderContentInvalid, text))
        }
    }
}
