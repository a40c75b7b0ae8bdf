//! Session timers of one dialog (RFC 4028), in both roles: how long the session lives without a refresh, who refreshes,
//! and when it is over. The dialog's owner sends and answers the requests; here is only what they say and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Instant;
use crate::base::bounds::Bound;
use crate::base::limits::{INTERVAL_REFUSALS, SESSION_EXPIRES_S};
use crate::sip::header::{MinSe, Refresher, SessionExpires};
use crate::sip::{Message, Name};

/// Option tag (RFC 4028 12.2).
pub const TIMER: &str = "timer";
/// The smallest interval there is, in seconds (RFC 4028 5).
pub const LEAST_S: u32 = 90;
/// A dead session is ended this long before it expires, or a third of its interval when that is less (RFC 4028 10).
const BEFORE_THE_END: Duration = Duration::from_secs(32);
/// A refresh that was refused is tried again after half of the time that is left, and not sooner than this.
const REFRESH_AGAIN: Duration = Duration::from_secs(5);

/// What a trunk wants of session timers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimerMode {
    /// Neither offered nor answered; `Require: timer` gets 420.
    Off,
    /// Offered, and taken where the peer has it (PF-145).
    #[default]
    Supported,
    /// A peer without it gets no call through: `Require: timer` in our INVITE, 421 to its.
    Required,
}

/// Who we want to refresh, where the peer leaves the choice to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WantedRefresher {
    /// Our INVITE leaves it to the peer; of a peer's INVITE it is the peer (RFC 4028 9).
    #[default]
    Either,
    Us,
    Peer,
}

/// `session_timer = { .. }` of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerSettings {
    pub mode: TimerMode,
    /// Seconds that we ask for: 1800 (MD-133, PF-145).
    pub expires_s: u32,
    /// Seconds below which we refuse: 90 or more.
    pub min_se_s: u32,
    pub refresher: WantedRefresher,
}

impl Default for TimerSettings {
    fn default() -> Self {
        TimerSettings {
            mode: TimerMode::default(),
            expires_s: 1800,
            min_se_s: LEAST_S,
            refresher: WantedRefresher::default(),
        }
    }
}

/// What one message says of session timers. A field that cannot be read says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    #[serde(with = "said_expires")]
    expires: Option<SessionExpires>,
    min_se_s: Option<u32>,
    is_supported: bool,
}

impl Said {
    /// Reads Session-Expires, Min-SE, and whether the sender knows the extension.
    pub fn of(message: &Message) -> Said {
        let expires = message.header_bytes(Name::SessionExpires);
        let min_se = message.header_bytes(Name::MinSe);
        Said {
            expires: expires.and_then(|value| SessionExpires::parse(&value).ok()),
            min_se_s: min_se.and_then(|value| MinSe::parse(&value).ok()).map(|MinSe(seconds)| seconds),
            is_supported: message.has_token(Name::Supported, TIMER) || message.has_token(Name::Require, TIMER),
        }
    }

    /// True when its sender knows the extension.
    pub const fn is_supported(&self) -> bool {
        self.is_supported
    }
}

/// Header fields of a request or a response.
pub type Fields = Vec<(Name, Vec<u8>)>;

/// The request's interval is below ours: 422 with this Min-SE (RFC 4028 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSmall(pub u32);

/// One of the two ends of the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    Us,
    Peer,
}

/// A session that ends unless it is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Running {
    interval_s: u32,
    refresher: End,
    /// When the session is given up.
    over: Instant,
    /// When our next refresh goes; `None`: the peer refreshes, or ours is under way.
    refresh: Option<Instant>,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Refresh,
    /// No refresh came, or none of ours was taken: the session ends.
    Expired,
}

/// The session timer of one dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTimer {
    settings: TimerSettings,
    /// The largest Min-SE a 422 of this dialog named (RFC 4028 7.4).
    floor_s: u32,
    /// How many there were since a request of ours was last taken.
    refusals: u8,
    running: Option<Running>,
}

impl SessionTimer {
    /// Nothing is agreed yet.
    pub const fn new(settings: TimerSettings) -> SessionTimer {
        SessionTimer { settings, floor_s: settings.min_se_s, refusals: 0, running: None }
    }

    // ---- our requests

    /// Fields of an INVITE or UPDATE of ours; the dialog's roles stay as they are (RFC 4028 7.4).
    pub fn asking(&self) -> Fields {
        let require = match self.settings.mode {
            TimerMode::Off => return Fields::new(),
            TimerMode::Supported => None,
            TimerMode::Required => Some((Name::Require, TIMER.as_bytes().to_vec())),
        };
        let interval = self.running.map_or(self.settings.expires_s, |running| running.interval_s).max(self.floor_s);
        let refresher = match (self.running, self.settings.refresher) {
            (Some(running), _) => Some(running.refresher.as_asker()),
            (None, WantedRefresher::Either) => None,
            (None, WantedRefresher::Us) => Some(Refresher::Uac),
            (None, WantedRefresher::Peer) => Some(Refresher::Uas),
        };
        let mut fields = vec![(Name::SessionExpires, SessionExpires { interval, refresher }.to_octets())];
        if self.floor_s > LEAST_S {
            fields.push((Name::MinSe, MinSe(self.floor_s).to_string().into_bytes()));
        }
        fields.extend(require);
        fields
    }

    /// 422 to a request of ours: it goes again with a larger interval. False when the peer named none that is larger, or
    /// one beyond [`SESSION_EXPIRES_S`], or has done so [`INTERVAL_REFUSALS`] times.
    pub fn refused(&mut self, said: &Said) -> bool {
        let asked = self.running.map_or(self.settings.expires_s, |running| running.interval_s).max(self.floor_s);
        match said.min_se_s {
            Some(min_se) if min_se > asked && min_se <= SESSION_EXPIRES_S => {
                if self.refusals >= INTERVAL_REFUSALS {
                    Bound::IntervalRefusals.reached();
                    return false;
                }
                self.refusals += 1;
                self.floor_s = min_se;
                true
            }
            Some(_) | None => false,
        }
    }

    /// 2xx to an INVITE or UPDATE of ours: the session lives on as it says (RFC 4028 7.2). A trunk that demands timers
    /// has its session refreshed from here when the peer says nothing of them.
    pub fn answered(&mut self, now: Instant, said: &Said) {
        self.refusals = 0;
        self.running = match (self.settings.mode, said.expires) {
            (TimerMode::Off, _) | (TimerMode::Supported, None) => None,
            (TimerMode::Required, None) => {
                Some(Running::start(now, self.settings.expires_s.max(self.floor_s), End::Us))
            }
            (TimerMode::Supported | TimerMode::Required, Some(SessionExpires { interval, refresher })) => {
                let refresher = match refresher {
                    Some(Refresher::Uas) => End::Peer,
                    Some(Refresher::Uac) | None => End::Us,
                };
                let interval = Bound::SessionExpires.at_most(SESSION_EXPIRES_S, interval.max(LEAST_S));
                Some(Running::start(now, interval, refresher))
            }
        };
    }

    // ---- the peer's requests

    /// Whether an INVITE or UPDATE of the peer may be answered.
    ///
    /// # Errors
    /// Its interval is below our smallest. A peer without the extension cannot know 422 and is never refused so (8.1).
    pub fn check(&self, said: &Said) -> Result<(), TooSmall> {
        let smallest = self.settings.min_se_s;
        match (self.settings.mode, said.expires) {
            (TimerMode::Supported | TimerMode::Required, Some(asked))
                if said.is_supported && asked.interval < smallest =>
            {
                Err(TooSmall(smallest))
            }
            (TimerMode::Off | TimerMode::Supported | TimerMode::Required, _) => Ok(()),
        }
    }

    /// Fields of our 2xx to an INVITE or UPDATE of the peer, with which the session lives on (RFC 4028 9).
    pub fn accept(&mut self, now: Instant, said: &Said) -> Fields {
        let before = self.running.take();
        if self.settings.mode == TimerMode::Off || (said.expires.is_none() && !said.is_supported) {
            return Fields::new();
        }
        let interval = self.chosen_interval(before, said);
        let refresher = self.chosen_refresher(before, said);
        self.running = Some(Running::start(now, interval, refresher));
        let value = SessionExpires { interval, refresher: Some(refresher.as_answerer()) };
        let require = said.is_supported.then(|| (Name::Require, TIMER.as_bytes().to_vec()));
        std::iter::once((Name::SessionExpires, value.to_octets())).chain(require).collect()
    }

    /// Never above what was asked for, never below what either side takes (RFC 4028 9).
    fn chosen_interval(&self, before: Option<Running>, said: &Said) -> u32 {
        let ours = before.map_or(self.settings.expires_s, |running| running.interval_s);
        let asked = said.expires.map_or(ours, |asked| asked.interval.min(ours));
        let floor = self.settings.min_se_s.max(said.min_se_s.unwrap_or(LEAST_S));
        let ceiling = said.expires.map_or(SESSION_EXPIRES_S, |asked| {
            Bound::SessionExpires.at_most(SESSION_EXPIRES_S, asked.interval.max(LEAST_S))
        });
        asked.max(floor).min(ceiling)
    }

    /// RFC 4028 table 2.
    fn chosen_refresher(&self, before: Option<Running>, said: &Said) -> End {
        if !said.is_supported {
            return End::Us;
        }
        match (said.expires.and_then(|asked| asked.refresher), before, self.settings.refresher) {
            (Some(Refresher::Uac), ..) => End::Peer,
            (Some(Refresher::Uas), ..) => End::Us,
            (None, Some(running), _) => running.refresher,
            (None, None, WantedRefresher::Us) => End::Us,
            (None, None, WantedRefresher::Either | WantedRefresher::Peer) => End::Peer,
        }
    }

    // ---- time

    /// When something is due.
    pub fn next(&self) -> Option<Instant> {
        self.running.map(|running| running.refresh.map_or(running.over, |refresh| refresh.min(running.over)))
    }

    /// What is due at `now`, once: a refresh is not asked for again before [`SessionTimer::not_refreshed`].
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        let running = self.running.as_mut()?;
        if running.over <= now {
            self.running = None;
            return Some(Due::Expired);
        }
        running.refresh.take_if(|refresh| *refresh <= now).map(|_| Due::Refresh)
    }

    /// A refresh of ours was refused or could not go: another one follows while there is time.
    pub fn not_refreshed(&mut self, now: Instant) {
        if let Some(running) = self.running.as_mut().filter(|running| running.refresher == End::Us) {
            let left = running.over.since(now);
            running.refresh = Some(now + (left / 2).max(REFRESH_AGAIN));
        }
    }

    /// The dialog ends.
    pub fn stop(&mut self) {
        self.running = None;
    }
}

impl Running {
    fn start(now: Instant, interval_s: u32, refresher: End) -> Running {
        let interval = Duration::from_secs(interval_s.into());
        Running {
            interval_s,
            refresher,
            over: now + (interval - BEFORE_THE_END.min(interval / 3)),
            refresh: match refresher {
                End::Us => Some(now + interval / 2),
                End::Peer => None,
            },
        }
    }
}

impl End {
    /// Its role in a request of ours.
    const fn as_asker(self) -> Refresher {
        match self {
            End::Us => Refresher::Uac,
            End::Peer => Refresher::Uas,
        }
    }

    /// Its role in a request of the peer.
    const fn as_answerer(self) -> Refresher {
        match self {
            End::Us => Refresher::Uas,
            End::Peer => Refresher::Uac,
        }
    }
}

/// Session-Expires in a checkpoint: its value as written.
mod said_expires {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::sip::header::SessionExpires;

    pub fn serialize<S: Serializer>(value: &Option<SessionExpires>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(|value| value.to_string()).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SessionExpires>, D::Error> {
        let value = Option::<String>::deserialize(deserializer)?;
        Ok(value.and_then(|value| SessionExpires::parse(&Bytes::from(value)).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::ZERO;

    fn after(seconds: u64) -> Instant {
        START + Duration::from_secs(seconds)
    }

    fn timer(change: impl FnOnce(&mut TimerSettings)) -> SessionTimer {
        let mut settings = TimerSettings::default();
        change(&mut settings);
        SessionTimer::new(settings)
    }

    fn said(interval: u32, refresher: Option<Refresher>, min_se_s: Option<u32>) -> Said {
        Said { expires: Some(SessionExpires { interval, refresher }), min_se_s, is_supported: true }
    }

    fn value(fields: &Fields, name: Name) -> Option<String> {
        let found = fields.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| String::from_utf8(value.clone()).unwrap())
    }

    #[test]
    fn the_refresher_refreshes_at_half_the_interval_and_the_other_ends_before_it_is_over() {
        let mut ours = timer(|_| {});
        ours.answered(START, &said(1800, Some(Refresher::Uac), None));
        assert_eq!(ours.next(), Some(after(900)));
        assert_eq!((ours.due(after(900)), ours.due(after(900))), (Some(Due::Refresh), None));
        assert_eq!(ours.due(after(1768)), Some(Due::Expired));
        let mut theirs = timer(|_| {});
        theirs.answered(START, &said(90, Some(Refresher::Uas), None));
        // RFC 4028 10: a third of 90 is less than 32.
        assert_eq!(
            (theirs.next(), theirs.due(after(59)), theirs.due(after(60))),
            (Some(after(60)), None, Some(Due::Expired))
        );
    }

    #[test]
    fn an_answer_without_an_interval_stops_the_timer_unless_the_trunk_demands_one() {
        let mut lenient = timer(|_| {});
        lenient.answered(START, &Said::default());
        assert_eq!(lenient.next(), None);
        let mut strict = timer(|settings| settings.mode = TimerMode::Required);
        strict.answered(START, &Said::default());
        assert_eq!(strict.next(), Some(after(900)));
    }

    #[test]
    fn table_2_of_the_rfc_says_who_refreshes() {
        let refresher = |said: &Said, wanted| {
            let fields = timer(|settings| settings.refresher = wanted).accept(START, said);
            value(&fields, Name::SessionExpires).unwrap().split("refresher=").nth(1).unwrap().to_owned()
        };
        assert_eq!(refresher(&said(1800, Some(Refresher::Uac), None), WantedRefresher::Us), "uac");
        assert_eq!(refresher(&said(1800, Some(Refresher::Uas), None), WantedRefresher::Peer), "uas");
        assert_eq!(refresher(&said(1800, None, None), WantedRefresher::Either), "uac");
        assert_eq!(refresher(&said(1800, None, None), WantedRefresher::Us), "uas");
        let by_a_proxy = Said { is_supported: false, ..said(1800, None, None) };
        assert_eq!(refresher(&by_a_proxy, WantedRefresher::Peer), "uas");
    }

    #[test]
    fn the_interval_is_never_raised_and_never_below_what_either_takes() {
        let interval = |said: &Said| value(&timer(|_| {}).accept(START, said), Name::SessionExpires).unwrap();
        assert_eq!(interval(&said(600, None, None)), "600;refresher=uac");
        assert_eq!(interval(&said(7200, None, None)), "1800;refresher=uac");
        assert_eq!(interval(&said(7200, None, Some(3600))), "3600;refresher=uac");
    }

    /// RFC 4028 9: who does not know 422 cannot be refused, and must not be answered with more than was asked for.
    #[test]
    fn an_interval_that_cannot_be_refused_is_not_raised_to_ours() {
        let mut strict = timer(|settings| settings.min_se_s = 600);
        let by_a_proxy = Said { is_supported: false, ..said(120, None, None) };
        assert_eq!(value(&strict.accept(START, &by_a_proxy), Name::SessionExpires).unwrap(), "120;refresher=uas");
    }

    /// RFC 4028 5: 90 seconds is the least there is; an answer that says less would have the session refreshed without end.
    #[test]
    fn an_answer_below_the_least_interval_counts_as_that() {
        let mut theirs = timer(|_| {});
        theirs.answered(START, &said(10, Some(Refresher::Uas), None));
        assert_eq!(theirs.next(), Some(after(60)));
    }

    #[test]
    fn too_small_an_interval_is_refused_to_who_knows_422() {
        let strict = timer(|settings| settings.min_se_s = 600);
        assert_eq!(strict.check(&said(120, None, None)), Err(TooSmall(600)));
        assert_eq!(strict.check(&Said { is_supported: false, ..said(120, None, None) }), Ok(()));
        assert_eq!(timer(|settings| settings.mode = TimerMode::Off).check(&said(60, None, None)), Ok(()));
    }

    #[test]
    fn a_422_raises_the_interval_once_for_each_larger_one() {
        let mut timer = timer(|settings| settings.expires_s = 600);
        let refusal = |min_se| Said { min_se_s: Some(min_se), ..Said::default() };
        assert!(timer.refused(&refusal(1800)));
        assert_eq!(value(&timer.asking(), Name::SessionExpires).unwrap(), "1800");
        assert_eq!(value(&timer.asking(), Name::MinSe).unwrap(), "1800");
        assert!(
            !timer.refused(&refusal(1800)) && !timer.refused(&refusal(u32::MAX)) && !timer.refused(&Said::default())
        );
    }

    /// A second more each time would go on for a day.
    #[test]
    fn a_peer_that_wants_more_each_time_is_believed_so_often_until_it_takes_one() {
        let mut timer = timer(|_| {});
        let refused = |timer: &mut SessionTimer, first: u32| {
            let said = |min_se| Said { min_se_s: Some(min_se), ..Said::default() };
            (first..first + 100).take_while(|min_se| timer.refused(&said(*min_se))).count()
        };
        assert_eq!(refused(&mut timer, 3600), usize::from(INTERVAL_REFUSALS));
        timer.answered(START, &said(7200, None, None));
        assert_eq!(refused(&mut timer, 7300), usize::from(INTERVAL_REFUSALS));
    }

    #[test]
    fn roles_stay_over_refreshes_in_either_direction() {
        let mut timer = timer(|_| {});
        timer.answered(START, &said(300, Some(Refresher::Uac), None));
        assert_eq!(value(&timer.asking(), Name::SessionExpires).unwrap(), "300;refresher=uac");
        let silent = Said { is_supported: true, ..Said::default() };
        assert_eq!(value(&timer.accept(after(10), &silent), Name::SessionExpires).unwrap(), "300;refresher=uas");
        assert_eq!(timer.next(), Some(after(160)));
    }

    #[test]
    fn a_peer_that_refreshes_goes_on_to_when_its_refresh_names_nobody() {
        let mut timer = timer(|settings| settings.refresher = WantedRefresher::Us);
        timer.answered(START, &said(300, Some(Refresher::Uas), None));
        assert_eq!(
            value(&timer.accept(after(10), &said(300, None, None)), Name::SessionExpires).unwrap(),
            "300;refresher=uac"
        );
    }

    #[test]
    fn a_refused_refresh_is_tried_again_until_the_end() {
        let mut timer = timer(|_| {});
        timer.answered(START, &said(90, Some(Refresher::Uac), None));
        assert_eq!(timer.due(after(45)), Some(Due::Refresh));
        timer.not_refreshed(after(45));
        assert_eq!(timer.due(after(53)), Some(Due::Refresh));
        timer.not_refreshed(after(58));
        assert_eq!((timer.due(after(60)), timer.due(after(61))), (Some(Due::Expired), None));
    }
}
