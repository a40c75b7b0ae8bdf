//! An operator's own rules: match, replace.

use std::borrow::Cow;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::plan::Field;
use crate::base::limits::PATTERN_OCTETS;

/// Octets of a number a rule may write. A longer result leaves the number as it was.
const RESULT_OCTETS: usize = 128;

/// One rule: where `pattern` is found in a number of `field`, the found part becomes `replacement`.
#[derive(Clone, Debug)]
pub struct NumberRule {
    /// `None`: every field.
    field: Option<Field>,
    /// Linear in the number's length; anchor it with `^` and `$`. Shared by all copies of the rule: what it learnt while it
    /// searched is kept with it, and a call that copies its trunk's rules would begin anew.
    pattern: Arc<Regex>,
    /// `$1` or `${name}` stand for what the groups found.
    replacement: String,
    /// Name of the account whose rule it is; `None`: a trunk's.
    account: Option<Arc<str>>,
}

impl Eq for NumberRule {}

impl PartialEq for NumberRule {
    /// As they are written.
    fn eq(&self, other: &NumberRule) -> bool {
        (self.field, self.pattern(), self.replacement()) == (other.field, other.pattern(), other.replacement())
    }
}

impl NumberRule {
    /// Compiles a rule.
    ///
    /// # Errors
    /// What is wrong with the expression, or a `$` reference to a group it does not have; for people.
    pub fn new(field: Option<Field>, pattern: &str, replacement: &str) -> Result<NumberRule, String> {
        let compiled = RegexBuilder::new(pattern).size_limit(PATTERN_OCTETS).dfa_size_limit(PATTERN_OCTETS).build();
        let pattern = compiled.map_err(|error| fault(&error))?;
        if let Some(group) = missing_group(&pattern, replacement) {
            return Err(format!(
                "refers to group ${group}, which the expression does not have; write ${{1}} before digits"
            ));
        }
        Ok(NumberRule { field, pattern: Arc::new(pattern), replacement: replacement.to_owned(), account: None })
    }

    fn apply<'n>(&self, field: Field, number: &'n str) -> Option<Cow<'n, str>> {
        // What is not ASCII is no number, and `\d` would take its look-alike digits.
        let asked = self.field.is_none_or(|wanted| wanted == field) && number.is_ascii();
        if !asked || !self.pattern.is_match(number) {
            return None;
        }
        Some(self.pattern.replace(number, self.replacement.as_str())).filter(|result| result.len() <= RESULT_OCTETS)
    }

    /// The field it is for; `None`: every one.
    pub const fn field(&self) -> Option<Field> {
        self.field
    }

    /// The account whose rule it is; `None`: a trunk's.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The expression, for `explain`.
    pub fn pattern(&self) -> &str {
        self.pattern.as_str()
    }

    /// What is written instead, for `explain`.
    pub fn replacement(&self) -> &str {
        &self.replacement
    }
}

fn fault(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "is too large an expression".to_owned(),
        other => {
            let text = other.to_string();
            format!(
                "is no regular expression: {}",
                text.lines().last().unwrap_or_default().trim_start_matches("error: ")
            )
        }
    }
}

/// The first group a replacement names and the expression lacks: such a reference would silently be nothing.
fn missing_group(pattern: &Regex, replacement: &str) -> Option<String> {
    let known = |name: &str| {
        let numbered = name.parse::<usize>().is_ok_and(|index| index < pattern.captures_len());
        numbered || pattern.capture_names().flatten().any(|known| known == name)
    };
    let mut rest = replacement;
    while let Some((_, after)) = rest.split_once('$') {
        rest = after;
        if let Some(escaped) = after.strip_prefix('$') {
            rest = escaped;
            continue;
        }
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}')).map(|(name, _)| name);
        let plain = after.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
        let name = braced.or(plain).unwrap_or_default();
        if !known(name) {
            return Some(name.to_owned());
        }
    }
    None
}

/// Rules in order; the first that matches rewrites the number, the rest is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleList(Vec<NumberRule>);

impl RuleList {
    /// In the order they are asked.
    pub const fn new(rules: Vec<NumberRule>) -> RuleList {
        RuleList(rules)
    }

    /// The number after the first rule that matches it, and that rule's place (from 0).
    pub fn apply<'n>(&self, field: Field, number: &'n str) -> (Cow<'n, str>, Option<usize>) {
        let hit = self.0.iter().enumerate().find_map(|(place, rule)| Some((rule.apply(field, number)?, place)));
        hit.map_or((Cow::Borrowed(number), None), |(result, place)| (result, Some(place)))
    }

    /// The rule at a place, and its place among those of its owner.
    pub fn rule(&self, place: usize) -> Option<(&NumberRule, usize)> {
        let rule = self.0.get(place)?;
        let before = self.0.iter().take(place).filter(|other| other.account == rule.account).count();
        Some((rule, before))
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &NumberRule> {
        self.0.iter()
    }

    /// As the rules of this account.
    pub fn of_account(self, name: &Arc<str>) -> RuleList {
        RuleList(self.0.into_iter().map(|rule| NumberRule { account: Some(Arc::clone(name)), ..rule }).collect())
    }

    /// These, and behind them those of a trunk.
    pub fn before(&self, trunk: &RuleList) -> RuleList {
        RuleList(self.0.iter().chain(&trunk.0).cloned().collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[(Option<Field>, &str, &str)]) -> RuleList {
        RuleList::new(rules.iter().map(|(field, from, to)| NumberRule::new(*field, from, to).unwrap()).collect())
    }

    #[test]
    fn the_first_rule_that_matches_is_the_only_one_used() {
        let rules = rules(&[(None, r"^9(\d+)$", "+49$1"), (None, r"^\+49", "+43")]);
        assert_eq!(rules.apply(Field::Called, "930123").0, "+4930123");
        assert_eq!(rules.apply(Field::Called, "+4930123").0, "+4330123");
        assert_eq!(rules.apply(Field::Called, "12"), (Cow::Borrowed("12"), None));
    }

    #[test]
    fn a_rule_for_one_field_leaves_others_alone() {
        let rules = rules(&[(Some(Field::From), "^1", "2")]);
        assert_eq!(rules.apply(Field::Called, "12").0, "12");
        assert_eq!(rules.apply(Field::From, "12").0, "22");
    }

    #[test]
    fn an_expression_of_too_great_a_size_is_refused() {
        assert!(NumberRule::new(None, &"(a{1,50}){1,50}".repeat(40), "").unwrap_err().contains("too large"));
        assert!(NumberRule::new(None, "(", "").unwrap_err().starts_with("is no regular expression"));
    }

    #[test]
    fn a_reference_to_a_group_that_is_not_there_is_refused() {
        assert!(NumberRule::new(None, r"^0(\d+)$", "$2").unwrap_err().contains("$2"));
        assert!(NumberRule::new(None, r"^0(\d+)$", "$1x").unwrap_err().contains("$1x"));
        assert!(NumberRule::new(None, r"^0(\d+)$", "${1}0").is_ok());
        assert!(NumberRule::new(None, r"^0(\d+)$", "$$5").is_ok());
    }

    #[test]
    fn look_alike_digits_match_no_digit_class() {
        let rules = rules(&[(None, r"^\d+$", "x")]);
        assert_eq!(rules.apply(Field::Called, "\u{661}\u{662}").1, None);
    }
}
