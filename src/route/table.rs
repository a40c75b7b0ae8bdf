//! The routes of a snapshot: first match wins (DESIGN 7).

use std::borrow::Cow;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::base::ids::TrunkId;
use crate::base::limits::{PATTERN_OCTETS, SHOWN_NUMBER};
use crate::base::text::Escaped;

use super::snapshot::{NoRoute, RoutePlan};

/// What a route asks of a number.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// This number and no other.
    Number(String),
    /// Numbers that start so.
    Prefix(String),
    /// Numbers in which the expression is found; `^` and `$` anchor it. Linear in the number's length.
    Regex(Regex),
}

impl Pattern {
    /// Compiles an expression of bounded size.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn regex(text: &str) -> Result<Pattern, String> {
        RegexBuilder::new(text)
            .size_limit(PATTERN_OCTETS)
            .dfa_size_limit(PATTERN_OCTETS)
            .build()
            .map(Pattern::Regex)
            .map_err(|error| regex_fault(&error))
    }

    /// Whether a number is one of these.
    pub fn fits(&self, number: &str) -> bool {
        match self {
            Pattern::Number(exact) => exact == number,
            Pattern::Prefix(prefix) => number.starts_with(prefix.as_str()),
            Pattern::Regex(regex) => regex.is_match(number),
        }
    }

    /// Characters a number that does not fit has in common with the pattern, from the start.
    fn closeness(&self, number: &str) -> usize {
        match self {
            Pattern::Number(wanted) | Pattern::Prefix(wanted) => {
                wanted.bytes().zip(number.bytes()).take_while(|(a, b)| a == b).count()
            }
            Pattern::Regex(_) => 0,
        }
    }

    /// What a number that does not fit is not: completes the sentence "called N ...".
    fn miss_text(&self) -> String {
        match self {
            Pattern::Number(exact) => format!("is not {exact}"),
            Pattern::Prefix(prefix) => format!("does not start with {prefix}"),
            Pattern::Regex(regex) => format!("does not match {regex}"),
        }
    }
}

/// The reason alone: the crate's own text draws the pattern over several lines.
fn regex_fault(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the expression is too large".to_owned(),
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("no regular expression: {reason}")
        }
    }
}

/// One route, names resolved.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Arc<str>,
    pub(super) from: Vec<TrunkId>,
    pub(super) calling: Option<Pattern>,
    pub(super) called: Option<Pattern>,
    /// Groups expanded, each trunk once.
    pub(super) to: Vec<TrunkId>,
}

/// What one route says to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// `name` of the route, or `routes[N]`.
    pub route: Arc<str>,
    pub verdict: Verdict,
}

/// See [`Considered`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the first that fits.
    Taken,
    /// It does not fit; the sentence says what of it.
    Missed(String),
    /// A route before it was taken; whether it fits is not asked.
    NotReached,
}

/// Why one route does not fit a call, ordered by how little is missing.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Miss {
    /// Of the two patterns, those that fit.
    fitting: usize,
    /// Characters in common with the pattern that does not.
    closeness: usize,
}

impl Route {
    fn fits(&self, calling: &str, called: &str) -> bool {
        fits(self.calling.as_ref(), calling) && fits(self.called.as_ref(), called)
    }

    fn miss(&self, calling: &str, called: &str) -> Miss {
        let sides = [(&self.called, called), (&self.calling, calling)];
        let missing = || sides.iter().filter_map(|(pattern, number)| Some((pattern.as_ref()?, *number)));
        let missing = missing().filter(|(pattern, number)| !pattern.fits(number));
        let closeness: Vec<usize> = missing.map(|(pattern, number)| pattern.closeness(number)).collect();
        Miss { fitting: sides.len() - closeness.len(), closeness: closeness.into_iter().max().unwrap_or_default() }
    }

    fn miss_text(&self, calling: &str, called: &str) -> String {
        format!("route \"{}\": {}", self.name, self.missing(calling, called))
    }

    fn missing(&self, calling: &str, called: &str) -> String {
        let sides = [("called", &self.called, called), ("calling", &self.calling, calling)];
        let reasons = sides.iter().filter_map(|(side, pattern, number)| {
            let pattern = pattern.as_ref().filter(|pattern| !pattern.fits(number))?;
            Some(format!("{side} {} {}", shown(number), pattern.miss_text()))
        });
        reasons.collect::<Vec<_>>().join(", ")
    }
}

fn fits(pattern: Option<&Pattern>, number: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.fits(number))
}

/// A number from the network, fit for a log line.
fn shown(number: &str) -> Cow<'_, str> {
    match number.is_empty() {
        true => Cow::Borrowed("(empty)"),
        false => Cow::Owned(Escaped::limited(number.as_bytes(), SHOWN_NUMBER).to_string()),
    }
}

/// All routes, and for each trunk those that start at it.
#[derive(Debug, Default)]
pub(super) struct RouteTable {
    routes: Vec<Route>,
    /// By trunk index: indices of `routes`, in order.
    by_trunk: Vec<Vec<usize>>,
}

impl RouteTable {
    pub(super) fn new(routes: Vec<Route>, trunks: usize) -> RouteTable {
        let mut by_trunk = vec![Vec::new(); trunks];
        for (index, route) in routes.iter().enumerate() {
            for from in &route.from {
                if let Some(own) = by_trunk.get_mut(usize::from(from.0)) {
                    own.push(index);
                }
            }
        }
        RouteTable { routes, by_trunk }
    }

    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }

    /// First route of `from` that fits.
    pub(super) fn find(&self, from: TrunkId, calling: &str, called: &str) -> Result<RoutePlan, NoRoute> {
        match self.of(from).find(|route| route.fits(calling, called)) {
            Some(route) => Ok(RoutePlan { route: Arc::clone(&route.name), trunks: route.to.clone() }),
            None => Err(NoRoute { nearest: self.nearest(from, calling, called) }),
        }
    }

    /// What each route of `from` says, in order.
    pub(super) fn considered(&self, from: TrunkId, calling: &str, called: &str) -> Vec<Considered> {
        let mut is_taken = false;
        let mut verdict = |route: &Route| {
            if is_taken {
                return Verdict::NotReached;
            }
            is_taken = route.fits(calling, called);
            if is_taken { Verdict::Taken } else { Verdict::Missed(route.missing(calling, called)) }
        };
        self.of(from).map(|route| Considered { route: Arc::clone(&route.name), verdict: verdict(route) }).collect()
    }

    fn of(&self, from: TrunkId) -> impl Iterator<Item = &Route> {
        let own = self.by_trunk.get(usize::from(from.0)).map(Vec::as_slice).unwrap_or_default();
        own.iter().filter_map(|index| self.routes.get(*index))
    }

    /// The earliest of the routes that miss by the least.
    fn nearest(&self, from: TrunkId, calling: &str, called: &str) -> Option<String> {
        let routes = self.of(from).map(|route| (route.miss(calling, called), route));
        let best = routes.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, route)| route.miss_text(calling, called))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(name: &str, called: Option<Pattern>, calling: Option<Pattern>) -> Route {
        Route { name: name.into(), from: vec![TrunkId(0)], calling, called, to: vec![TrunkId(1)] }
    }

    fn prefix(text: &str) -> Option<Pattern> {
        Some(Pattern::Prefix(text.to_owned()))
    }

    fn nearest(table: &RouteTable, calling: &str, called: &str) -> String {
        table.find(TrunkId(0), calling, called).unwrap_err().nearest.unwrap()
    }

    #[test]
    fn the_first_route_that_fits_wins() {
        let table = RouteTable::new(vec![route("berlin", prefix("+4930"), None), route("all", None, None)], 2);
        assert_eq!(&*table.find(TrunkId(0), "", "+49301").unwrap().route, "berlin");
        assert_eq!(&*table.find(TrunkId(0), "", "+4940").unwrap().route, "all");
    }

    #[test]
    fn both_patterns_must_fit() {
        let table = RouteTable::new(vec![route("r", prefix("+49"), prefix("+1"))], 2);
        assert!(table.find(TrunkId(0), "+1", "+49").is_ok());
        assert!(table.find(TrunkId(0), "+2", "+49").is_err());
    }

    #[test]
    fn an_exact_number_is_not_a_prefix() {
        let exact = Some(Pattern::Number("110".to_owned()));
        let table = RouteTable::new(vec![route("emergency", exact, None)], 2);
        assert!(table.find(TrunkId(0), "", "110").is_ok());
        assert_eq!(nearest(&table, "", "1101"), "route \"emergency\": called 1101 is not 110");
    }

    #[test]
    fn an_expression_is_found_anywhere_unless_anchored() {
        let regex = |text| Some(Pattern::regex(text).unwrap());
        let table = RouteTable::new(vec![route("r", regex("^\\+49(30|40)"), None)], 2);
        assert!(table.find(TrunkId(0), "", "+49401").is_ok());
        assert!(table.find(TrunkId(0), "", "x+49401").is_err());
    }

    #[test]
    fn a_huge_expression_is_refused() {
        assert_eq!(Pattern::regex("(a{1000}){1000}").unwrap_err(), "the expression is too large");
    }

    #[test]
    fn a_broken_expression_says_why_in_one_line() {
        assert_eq!(Pattern::regex("(").unwrap_err(), "no regular expression: unclosed group");
    }

    #[test]
    fn the_nearest_miss_is_the_route_with_most_in_common() {
        let routes = vec![route("paris", prefix("+331"), None), route("berlin", prefix("+4930"), None)];
        let table = RouteTable::new(routes, 2);
        assert_eq!(nearest(&table, "", "+4912"), "route \"berlin\": called +4912 does not start with +4930");
    }

    #[test]
    fn a_route_whose_other_pattern_fits_is_nearer() {
        let routes = vec![route("a", prefix("+4930"), prefix("+1")), route("b", prefix("+7"), None)];
        let table = RouteTable::new(routes, 2);
        assert_eq!(nearest(&table, "+2", "+4931"), "route \"b\": called +4931 does not start with +7");
    }

    #[test]
    fn a_hostile_number_is_escaped_and_cut_in_the_text() {
        let table = RouteTable::new(vec![route("r", prefix("+49"), None)], 2);
        let text = nearest(&table, "", &format!("\x1b[31m{}", "9".repeat(5000)));
        assert!(text.starts_with("route \"r\": called \\x1b[31m999") && text.len() < 200, "{text}");
    }

    #[test]
    fn routes_of_another_trunk_are_not_seen() {
        let table = RouteTable::new(vec![route("r", None, None)], 2);
        assert_eq!(table.find(TrunkId(1), "", "1"), Err(NoRoute { nearest: None }));
    }
}
