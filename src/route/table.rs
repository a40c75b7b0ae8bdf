//! The routes of a snapshot: first match wins (DESIGN 7).

use std::borrow::Cow;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::base::WallTime;
use crate::base::ids::{IdMap, TrunkId};
use crate::base::limits::{PATTERN_OCTETS, SHOWN_NUMBER};
use crate::base::text::Escaped;

use super::directory::{AccountName, Service, ServiceSet};
use super::group::{Choice, Group};
use super::hours::Hours;
use super::policy::RoutePairs;
use super::snapshot::RoutePlan;

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
        regex::Error::CompiledTooBig(_) => "is too large an expression".to_owned(),
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("is no regular expression: {reason}")
        }
    }
}

/// `numbers` of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// Also those that nobody provisioned.
    #[default]
    Any,
    /// Only calls from or to a number of the directory (PF-23).
    Provisioned,
}

/// What a route asks of a call besides its numbers. All of it must hold.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Whose the call must be.
    pub account: Option<AccountName>,
    pub numbers: Numbers,
    /// The account's number must have this service (PV-36).
    pub service: Option<Service>,
    /// `None`: always.
    pub hours: Option<Hours>,
}

/// What a call shows to the routes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub from: TrunkId,
    pub calling: &'a str,
    pub called: &'a str,
    /// Whose it is.
    pub account: Option<&'a AccountName>,
    /// Services of the account's number; `None`: no number of the directory.
    pub services: Option<ServiceSet>,
    pub now: WallTime,
}

/// What a condition misses.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Unmet {
    Account(AccountName),
    Unprovisioned,
    Service(Service),
    Closed,
}

impl Conditions {
    /// Nothing is asked.
    pub fn are_none(&self) -> bool {
        self.account.is_none() && self.numbers == Numbers::Any && self.service.is_none() && self.hours.is_none()
    }

    fn unmet(&self, shown: &Shown<'_>) -> Vec<Unmet> {
        let account = self.account.as_ref().filter(|account| Some(*account) != shown.account);
        let service = self.service.filter(|service| !shown.services.is_some_and(|services| services.has(*service)));
        let is_closed = self.hours.as_ref().is_some_and(|hours| !hours.are_open(shown.now));
        [
            account.cloned().map(Unmet::Account),
            self.misses_number(shown).then_some(Unmet::Unprovisioned),
            service.map(Unmet::Service),
            is_closed.then_some(Unmet::Closed),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn misses_number(&self, shown: &Shown<'_>) -> bool {
        self.numbers == Numbers::Provisioned && shown.services.is_none()
    }

    fn hold(&self, shown: &Shown<'_>) -> bool {
        self.account.as_ref().is_none_or(|account| Some(account) == shown.account)
            && !self.misses_number(shown)
            && self.service.is_none_or(|service| shown.services.is_some_and(|services| services.has(service)))
            && self.hours.as_ref().is_none_or(|hours| hours.are_open(shown.now))
    }
}

impl Unmet {
    fn text(&self) -> String {
        match self {
            Unmet::Account(name) => format!("the call is not of account {name}"),
            Unmet::Unprovisioned => "no number of the call is provisioned".to_owned(),
            Unmet::Service(service) => format!("the number does not have {}", service.name()),
            Unmet::Closed => "it is closed now".to_owned(),
        }
    }
}

/// Where a route leads: a trunk, or one of a group's.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    Trunk(TrunkId),
    Group(Arc<Group>),
}

/// One route, names resolved.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Arc<str>,
    pub(super) from: Vec<TrunkId>,
    pub(super) calling: Option<Pattern>,
    pub(super) called: Option<Pattern>,
    pub(super) only: Conditions,
    /// Its `to` as it is written: trunks and groups.
    pub(super) leads_to: Arc<[String]>,
    pub(super) to: Vec<Destination>,
    /// `context`.
    pub(super) context: RoutePairs,
}

/// No route fits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missed {
    /// The route that missed by the least, and what missed.
    pub nearest: Option<String>,
    /// A route would have fitted, had a number of the call been provisioned.
    pub wants_number: bool,
}

/// What one route says to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// `name` of the route, or `routes[N]`.
    pub route: Arc<str>,
    /// Its `to` as it is written: trunks and groups.
    pub to: Arc<[String]>,
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
    /// Conditions that do not hold, counted down.
    unmet: std::cmp::Reverse<usize>,
    /// Characters in common with the pattern that does not.
    closeness: usize,
}

impl Route {
    fn fits(&self, shown: &Shown<'_>) -> bool {
        self.patterns_fit(shown) && self.only.hold(shown)
    }

    fn patterns_fit(&self, shown: &Shown<'_>) -> bool {
        fits(self.calling.as_ref(), shown.calling) && fits(self.called.as_ref(), shown.called)
    }

    /// Nothing but a provisioned number is missing.
    fn wants_number(&self, shown: &Shown<'_>) -> bool {
        self.patterns_fit(shown) && self.only.unmet(shown) == [Unmet::Unprovisioned]
    }

    fn plan(&self, choice: &mut dyn Choice) -> RoutePlan {
        RoutePlan { route: Arc::clone(&self.name), trunks: self.trunks(choice), context: self.context.clone() }
    }

    /// Each trunk once, as one call tries them.
    fn trunks(&self, choice: &mut dyn Choice) -> Vec<TrunkId> {
        let mut trunks = Vec::new();
        for destination in &self.to {
            let led = match destination {
                Destination::Trunk(trunk) => vec![*trunk],
                Destination::Group(group) => group.trunks(choice),
            };
            for trunk in led {
                if !trunks.contains(&trunk) {
                    trunks.push(trunk);
                }
            }
        }
        trunks
    }

    fn miss(&self, shown: &Shown<'_>) -> Miss {
        let sides = [(&self.called, shown.called), (&self.calling, shown.calling)];
        let missing = || sides.iter().filter_map(|(pattern, number)| Some((pattern.as_ref()?, *number)));
        let missing = missing().filter(|(pattern, number)| !pattern.fits(number));
        let closeness: Vec<usize> = missing.map(|(pattern, number)| pattern.closeness(number)).collect();
        Miss {
            fitting: sides.len() - closeness.len(),
            unmet: std::cmp::Reverse(self.only.unmet(shown).len()),
            closeness: closeness.into_iter().max().unwrap_or_default(),
        }
    }

    fn miss_text(&self, shown: &Shown<'_>) -> String {
        format!("route \"{}\": {}", self.name, self.missing(shown))
    }

    fn missing(&self, shown: &Shown<'_>) -> String {
        let sides = [("called", &self.called, shown.called), ("calling", &self.calling, shown.calling)];
        let numbers = sides.iter().filter_map(|(side, pattern, number)| {
            let pattern = pattern.as_ref().filter(|pattern| !pattern.fits(number))?;
            Some(format!("{side} {} {}", readable(number), pattern.miss_text()))
        });
        let unmet = self.only.unmet(shown);
        numbers.chain(unmet.iter().map(Unmet::text)).collect::<Vec<_>>().join(", ")
    }
}

fn fits(pattern: Option<&Pattern>, number: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.fits(number))
}

/// A number from the network, fit for a log line.
fn readable(number: &str) -> Cow<'_, str> {
    match number.is_empty() {
        true => Cow::Borrowed("(empty)"),
        false => Cow::Owned(Escaped::limited(number.as_bytes(), SHOWN_NUMBER).to_string()),
    }
}

/// All routes, and for each trunk those that start at it.
#[derive(Debug, Default)]
pub(super) struct RouteTable {
    routes: Vec<Route>,
    /// Of each trunk: indices of `routes`, in order.
    by_trunk: IdMap<TrunkId, Vec<usize>>,
}

impl RouteTable {
    pub(super) fn new(routes: Vec<Route>) -> RouteTable {
        let mut by_trunk: IdMap<TrunkId, Vec<usize>> = IdMap::default();
        for (index, route) in routes.iter().enumerate() {
            for from in &route.from {
                by_trunk.entry(*from).or_default().push(index);
            }
        }
        RouteTable { routes, by_trunk }
    }

    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }

    /// First route of `shown.from` that fits.
    pub(super) fn find(&self, shown: &Shown<'_>, choice: &mut dyn Choice) -> Result<RoutePlan, Missed> {
        match self.of(shown.from).find(|route| route.fits(shown)) {
            Some(route) => Ok(route.plan(choice)),
            None => Err(Missed {
                nearest: self.nearest(shown),
                wants_number: self.of(shown.from).any(|route| route.wants_number(shown)),
            }),
        }
    }

    /// The first route of `shown.from` whose numbers fit, whatever else it asks for: an emergency call heeds no
    /// hours and no account.
    pub(super) fn urgent(&self, shown: &Shown<'_>, choice: &mut dyn Choice) -> Option<RoutePlan> {
        let found = self.of(shown.from).find(|route| route.patterns_fit(shown));
        found.map(|route| route.plan(choice))
    }

    /// What each route of `from` says, in order.
    pub(super) fn considered(&self, shown: &Shown<'_>) -> Vec<Considered> {
        let mut is_taken = false;
        let mut verdict = |route: &Route| {
            if is_taken {
                return Verdict::NotReached;
            }
            is_taken = route.fits(shown);
            if is_taken { Verdict::Taken } else { Verdict::Missed(route.missing(shown)) }
        };
        self.of(shown.from)
            .map(|route| Considered {
                route: Arc::clone(&route.name),
                to: Arc::clone(&route.leads_to),
                verdict: verdict(route),
            })
            .collect()
    }

    fn of(&self, from: TrunkId) -> impl Iterator<Item = &Route> {
        let own = self.by_trunk.get(&from).map(Vec::as_slice).unwrap_or_default();
        own.iter().filter_map(|index| self.routes.get(*index))
    }

    /// The earliest of the routes that miss by the least.
    fn nearest(&self, shown: &Shown<'_>) -> Option<String> {
        let routes = self.of(shown.from).map(|route| (route.miss(shown), route));
        let best = routes.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, route)| route.miss_text(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::group::Likeliest;

    fn route(name: &str, called: Option<Pattern>, calling: Option<Pattern>) -> Route {
        let (from, to) = (vec![TrunkId(0)], vec![Destination::Trunk(TrunkId(1))]);
        let (only, leads_to, context) = (Conditions::default(), Arc::default(), None);
        Route { name: name.into(), from, calling, called, only, leads_to, to, context }
    }

    fn shown<'a>(calling: &'a str, called: &'a str) -> Shown<'a> {
        Shown { from: TrunkId(0), calling, called, account: None, services: None, now: WallTime(0) }
    }

    fn found(table: &RouteTable, calling: &str, called: &str) -> Result<RoutePlan, Missed> {
        table.find(&shown(calling, called), &mut Likeliest)
    }

    fn prefix(text: &str) -> Option<Pattern> {
        Some(Pattern::Prefix(text.to_owned()))
    }

    fn nearest(table: &RouteTable, calling: &str, called: &str) -> String {
        found(table, calling, called).unwrap_err().nearest.unwrap()
    }

    #[test]
    fn the_first_route_that_fits_wins() {
        let table = RouteTable::new(vec![route("berlin", prefix("+4930"), None), route("all", None, None)]);
        assert_eq!(&*found(&table, "", "+49301").unwrap().route, "berlin");
        assert_eq!(&*found(&table, "", "+4940").unwrap().route, "all");
    }

    #[test]
    fn both_patterns_must_fit() {
        let table = RouteTable::new(vec![route("r", prefix("+49"), prefix("+1"))]);
        assert!(found(&table, "+1", "+49").is_ok());
        assert!(found(&table, "+2", "+49").is_err());
    }

    #[test]
    fn an_exact_number_is_not_a_prefix() {
        let exact = Some(Pattern::Number("110".to_owned()));
        let table = RouteTable::new(vec![route("emergency", exact, None)]);
        assert!(found(&table, "", "110").is_ok());
        assert_eq!(nearest(&table, "", "1101"), "route \"emergency\": called 1101 is not 110");
    }

    #[test]
    fn an_expression_is_found_anywhere_unless_anchored() {
        let regex = |text| Some(Pattern::regex(text).unwrap());
        let table = RouteTable::new(vec![route("r", regex("^\\+49(30|40)"), None)]);
        assert!(found(&table, "", "+49401").is_ok());
        assert!(found(&table, "", "x+49401").is_err());
    }

    #[test]
    fn a_huge_expression_is_refused() {
        assert_eq!(Pattern::regex("(a{1000}){1000}").unwrap_err(), "is too large an expression");
    }

    #[test]
    fn a_broken_expression_says_why_in_one_line() {
        assert_eq!(Pattern::regex("(").unwrap_err(), "is no regular expression: unclosed group");
    }

    #[test]
    fn the_nearest_miss_is_the_route_with_most_in_common() {
        let routes = vec![route("paris", prefix("+331"), None), route("berlin", prefix("+4930"), None)];
        let table = RouteTable::new(routes);
        assert_eq!(nearest(&table, "", "+4912"), "route \"berlin\": called +4912 does not start with +4930");
    }

    #[test]
    fn a_route_whose_other_pattern_fits_is_nearer() {
        let routes = vec![route("a", prefix("+4930"), prefix("+1")), route("b", prefix("+7"), None)];
        let table = RouteTable::new(routes);
        assert_eq!(nearest(&table, "+2", "+4931"), "route \"b\": called +4931 does not start with +7");
    }

    #[test]
    fn a_hostile_number_is_escaped_and_cut_in_the_text() {
        let table = RouteTable::new(vec![route("r", prefix("+49"), None)]);
        let text = nearest(&table, "", &format!("\x1b[31m{}", "9".repeat(5000)));
        assert!(text.starts_with("route \"r\": called \\x1b[31m999") && text.len() < 200, "{text}");
    }

    #[test]
    fn routes_of_another_trunk_are_not_seen() {
        let table = RouteTable::new(vec![route("r", None, None)]);
        let other = Shown { from: TrunkId(1), ..shown("", "1") };
        assert_eq!(table.find(&other, &mut Likeliest), Err(Missed { nearest: None, wants_number: false }));
    }
}
