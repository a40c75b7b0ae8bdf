//! What the core tells in its events, counted; and what the second reader says of the messages we accepted.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::accounts::AccountCounts;
use super::finals::FinalResponses;
use super::trunks::TrunkCounts;
use crate::call::record::LegMediaCounts;
use crate::call::scanner::Scanner;
use crate::call::{CallEvent, CallRecord, Cause};
use crate::engine::io::{Detour, Dropped, ElinNews, Event};
use crate::engine::shed::Shed;
use crate::engine::targets::Changed;
use crate::media::presence::Change;
use crate::net::settings::SecondReader;
use crate::registration::News;
use crate::route::liveness::TargetState;
use crate::route::snapshot::Snapshot;
use crate::route::trunk::target_name;
use crate::sip::SipMessage;
use crate::sip::cross_check::{Agreement, cross_check};

/// Counts of the core's events.
#[derive(Debug, Default)]
pub struct CallCounters {
    /// Calls taken, and INVITEs sent for them.
    pub started: AtomicU64,
    pub attempts: AtomicU64,
    pub answered: AtomicU64,
    /// Emergency calls taken, ended, and ended without an answer though the caller waited.
    pub emergencies: AtomicU64,
    pub emergencies_ended: AtomicU64,
    pub emergencies_failed: AtomicU64,
    /// REFERs executed and INVITEs with Replaces; 3xx followed.
    pub transfers_begun: AtomicU64,
    pub redirects: AtomicU64,
    /// Messages shown to the second reader, and how many it read alike.
    pub cross_checked: AtomicU64,
    pub cross_agreed: AtomicU64,
    labelled: Mutex<Labelled>,
}

/// Counts by label; the labels are the core's own constants and trunk names, never a peer's text.
#[derive(Debug, Default)]
struct Labelled {
    ended: BTreeMap<&'static str, u64>,
    failed_attempts: BTreeMap<&'static str, u64>,
    transfers: BTreeMap<&'static str, u64>,
    dropped: BTreeMap<&'static str, u64>,
    scanners: BTreeMap<&'static str, u64>,
    shed: BTreeMap<&'static str, u64>,
    detours: BTreeMap<&'static str, u64>,
    elins: BTreeMap<&'static str, u64>,
    refused: BTreeMap<&'static str, u64>,
    disagreements: BTreeMap<&'static str, u64>,
    targets: BTreeMap<(String, String), TargetState>,
    target_changes: BTreeMap<&'static str, u64>,
    trunks: TrunkCounts,
    accounts: AccountCounts,
    finals: FinalResponses,
    round_trips: BTreeMap<(String, String), Duration>,
    silences: BTreeMap<String, u64>,
    asked_by_peer: BTreeMap<String, u64>,
    lost_digits: BTreeMap<String, u64>,
    unheard_forks: BTreeMap<String, u64>,
    registrations: BTreeMap<String, RegistrationState>,
    failed_registrations: BTreeMap<&'static str, u64>,
    dropped_locations: BTreeMap<String, u64>,
    left_out_pairs: BTreeMap<String, u64>,
    guarded: BTreeMap<(&'static str, &'static str), u64>,
}

/// Media of the legs of one side, over all calls that have ended. Averages are sums over `legs` or `round_trips`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    pub received: u64,
    pub lost: u64,
    pub jitter_us: u64,
    /// Legs whose peer reported, and the sum of their round trips.
    pub round_trips: u64,
    pub round_trip_us: u64,
    /// What the peers miss of what was sent to them.
    pub missed: u64,
    /// Sum of each leg's longest time without voice.
    pub silence_ms: u64,
    /// Sum of the scores, hundredths, of legs on which something came.
    pub mos: u64,
    /// Legs by [`Grade`], in the order of [`Grade::ALL`].
    pub graded: [u64; 4],
}

/// Mean opinion scores in the bands of ITU-T G.107 annex B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// 4.03 and above: users are satisfied.
    Good,
    /// 3.60 and above: some are not.
    Fair,
    Poor,
    /// No voice came at all.
    Silent,
}

impl Grade {
    pub const ALL: [Grade; 4] = [Grade::Good, Grade::Fair, Grade::Poor, Grade::Silent];

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Grade::Good => "good",
            Grade::Fair => "fair",
            Grade::Poor => "poor",
            Grade::Silent => "silent",
        }
    }

    const fn of(mos: u16) -> Grade {
        match mos {
            0 => Grade::Silent,
            1..360 => Grade::Poor,
            360..403 => Grade::Fair,
            403.. => Grade::Good,
        }
    }
}

impl Quality {
    /// Adds one leg.
    pub fn add(&mut self, media: &LegMediaCounts) {
        self.received += media.received;
        self.lost = self.lost.saturating_add(media.lost);
        self.jitter_us += u64::from(media.jitter_us);
        self.round_trips += u64::from(media.round_trip_us > 0);
        self.round_trip_us += u64::from(media.round_trip_us);
        self.missed = self.missed.saturating_add(u64::from(media.lost_there));
        self.silence_ms += u64::from(media.silence_ms);
        self.mos += u64::from(media.mos);
        if let Some(count) = self.graded.get_mut(Grade::of(media.mos) as usize) {
            *count += 1;
        }
    }
}

/// Whether a binding of ours stands at a trunk's registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationState {
    Unbound,
    Bound,
}

/// One family of counts: label value and count.
pub type Counts = Vec<(String, u64)>;

impl CallCounters {
    /// Counts one event.
    pub fn note(&self, event: &Event) {
        match event {
            Event::Call(event) => self.note_call(event),
            Event::Dropped(reason) => self.add(|held| held.dropped.entry(reason.label())),
            Event::Shed(shed) => self.add(|held| held.shed.entry(shed.label())),
            Event::Scanned(scanner) => self.add(|held| held.scanners.entry(scanner.label())),
            Event::Refused { label, .. } => self.add(|held| held.refused.entry(label)),
            Event::NoRoute { .. } | Event::Stands { .. } => {}
            Event::Elin { news, .. } => self.add(|held| held.elins.entry(news.label())),
            Event::Detoured { why, .. } => self.add(|held| held.detours.entry(why.label())),
            Event::Registration { trunk, news } => self.note_registration(trunk, news),
            // What it changes comes as news of the target.
            Event::Probed { name, target, round_trip: Some(time), .. } => {
                self.labelled().round_trips.insert((name.to_string(), target.to_string()), *time);
            }
            Event::Probed { round_trip: None, .. } => {}
            Event::AskedByPeer { trunk } => {
                *self.labelled().asked_by_peer.entry(trunk.to_string()).or_default() += 1;
            }
            Event::Target(Changed { trunk, target, change }) => {
                let mut held = self.labelled();
                held.targets.insert((trunk.to_string(), target.to_string()), change.to);
                *held.target_changes.entry(change.why.label()).or_default() += 1;
            }
        }
    }

    fn note_registration(&self, trunk: &str, news: &News) {
        let mut held = self.labelled();
        let state = held.registrations.entry(trunk.to_owned()).or_insert(RegistrationState::Unbound);
        match news {
            News::Registered { .. } => *state = RegistrationState::Bound,
            News::Lost | News::Withdrawn => *state = RegistrationState::Unbound,
            // What was granted before may still stand.
            News::Failed { problem, .. } => *held.failed_registrations.entry(problem.label()).or_default() += 1,
        }
    }

    fn note_call(&self, event: &CallEvent) {
        match event {
            CallEvent::Started { .. } => one(&self.started),
            CallEvent::Attempted { .. } => one(&self.attempts),
            CallEvent::AttemptFailed { to, cause, .. } => {
                let mut held = self.labelled();
                *held.failed_attempts.entry(cause.label()).or_default() += 1;
                held.finals.failed(to, *cause);
            }
            CallEvent::Answered { .. } => one(&self.answered),
            CallEvent::Presence { trunk, change: Change::FellSilent, .. } => {
                *self.labelled().silences.entry(trunk.to_string()).or_default() += 1;
            }
            CallEvent::Presence { change: Change::CameBack, .. } => {}
            CallEvent::TransferBegan { .. } => one(&self.transfers_begun),
            CallEvent::TransferEnded { transfer, .. } => self.add(|held| held.transfers.entry(transfer.cause.label())),
            CallEvent::Redirected { from, .. } => {
                one(&self.redirects);
                self.labelled().finals.redirected(from);
            }
            CallEvent::Emergency { .. } => one(&self.emergencies),
            CallEvent::Guarded { stopped, .. } => {
                let row = (stopped.class().name(), stopped.label());
                *self.labelled().guarded.entry(row).or_default() += 1;
            }
            CallEvent::ForkUnheard { trunk } => {
                *self.labelled().unheard_forks.entry(trunk.to_string()).or_default() += 1;
            }
            CallEvent::LocationDropped { to, .. } => {
                *self.labelled().dropped_locations.entry(to.to_string()).or_default() += 1;
            }
            CallEvent::ContextLeftOut { to, pairs, .. } => {
                let count = u64::try_from(pairs.len()).unwrap_or(u64::MAX);
                *self.labelled().left_out_pairs.entry(to.to_string()).or_default() += count;
            }
            CallEvent::DigitLost { trunk } => {
                *self.labelled().lost_digits.entry(trunk.to_string()).or_default() += 1;
            }
            CallEvent::Step(_) => {}
            CallEvent::Ended(record) => self.note_end(record),
        }
    }

    fn note_end(&self, record: &CallRecord) {
        if record.emergency.is_some() {
            one(&self.emergencies_ended);
            if record.answered.is_none() && !record.cause.is_callers() {
                one(&self.emergencies_failed);
            }
        }
        self.add(|held| held.ended.entry(record.cause.label()));
        let mut held = self.labelled();
        held.trunks.ended(record);
        held.accounts.ended(record);
        held.finals.ended(record);
    }

    fn add(&self, entry: impl FnOnce(&mut Labelled) -> Entry<'_, &'static str, u64>) {
        *entry(&mut self.labelled()).or_default() += 1;
    }

    fn labelled(&self) -> std::sync::MutexGuard<'_, Labelled> {
        self.labelled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls ended, by cause; every cause from the start.
    pub fn ended(&self) -> Counts {
        by_cause(&self.labelled().ended)
    }

    /// Attempts failed, by cause; every cause from the start.
    pub fn failed_attempts(&self) -> Counts {
        by_cause(&self.labelled().failed_attempts)
    }

    /// Transfers ended, by cause: `transferred` and `replaced` succeeded.
    pub fn transfers(&self) -> Counts {
        owned(&self.labelled().transfers)
    }

    /// Requests out of a dialog refused, by reason.
    pub fn refused(&self) -> Counts {
        owned(&self.labelled().refused)
    }

    /// Messages inside dialogs that did not go where the peer's Contact or Record-Route says, by reason.
    pub fn detours(&self) -> Counts {
        let held = self.labelled();
        let count = |why: &Detour| held.detours.get(why.label()).copied().unwrap_or_default();
        Detour::ALL.iter().map(|why| (why.label().to_owned(), count(why))).collect()
    }

    /// What happened about ELINs.
    pub fn elins(&self) -> Counts {
        let held = self.labelled();
        let count = |news: &ElinNews| held.elins.get(news.label()).copied().unwrap_or_default();
        ElinNews::ALL.iter().map(|news| (news.label().to_owned(), count(news))).collect()
    }

    /// New calls answered 503, by what there was not enough of; every reason from the start.
    pub fn shed(&self) -> Counts {
        let held = self.labelled();
        let count = |why: &Shed| held.shed.get(why.label()).copied().unwrap_or_default();
        Shed::ALL.iter().map(|why| (why.label().to_owned(), count(why))).collect()
    }

    /// Requests of scanners, by the tool they name; every tool from the start.
    pub fn scanners(&self) -> Counts {
        let held = self.labelled();
        let count = |tool: &Scanner| held.scanners.get(tool.label()).copied().unwrap_or_default();
        Scanner::ALL.iter().map(|tool| (tool.label().to_owned(), count(tool))).collect()
    }

    /// Messages dropped by the core, by reason; every reason from the start.
    pub fn dropped(&self) -> Counts {
        let held = self.labelled();
        let count = |reason: &Dropped| held.dropped.get(reason.label()).copied().unwrap_or_default();
        Dropped::ALL.iter().map(|reason| (reason.label().to_owned(), count(reason))).collect()
    }

    /// What the second reader would not read, or read otherwise, by class.
    pub fn disagreements(&self) -> Counts {
        owned(&self.labelled().disagreements)
    }

    /// Changes of targets' states, by why.
    pub fn target_changes(&self) -> Counts {
        self.labelled().target_changes.iter().map(|(why, count)| ((*why).to_owned(), *count)).collect()
    }

    /// Trunk and target with its state.
    pub fn targets(&self) -> Vec<((String, String), TargetState)> {
        self.labelled().targets.iter().map(|(key, state)| (key.clone(), *state)).collect()
    }

    /// What each trunk's calls came to.
    pub fn trunks(&self) -> TrunkCounts {
        self.labelled().trunks.clone()
    }

    /// What each account's calls came to.
    pub fn accounts(&self) -> AccountCounts {
        self.labelled().accounts.clone()
    }

    /// Final responses to INVITEs, by trunk.
    pub fn finals(&self) -> FinalResponses {
        self.labelled().finals.clone()
    }

    /// How long the last answered OPTIONS to each target took, by trunk and target.
    pub fn round_trips(&self) -> Vec<((String, String), Duration)> {
        self.labelled().round_trips.iter().map(|(key, time)| (key.clone(), *time)).collect()
    }

    /// OPTIONS of the peers that were answered with 200, by trunk.
    pub fn asked_by_peer(&self) -> Counts {
        self.labelled().asked_by_peer.iter().map(|(trunk, count)| (trunk.clone(), *count)).collect()
    }

    /// Digits dropped because too many waited for a peer's answers to INFO, by trunk.
    pub fn lost_digits(&self) -> Counts {
        self.labelled().lost_digits.iter().map(|(trunk, count)| (trunk.clone(), *count)).collect()
    }

    /// Pairs left out of User-to-User, by trunk.
    pub fn left_out_pairs(&self) -> Counts {
        self.labelled().left_out_pairs.iter().map(|(trunk, count)| (trunk.clone(), *count)).collect()
    }

    /// INVITEs that left out where the caller is, by trunk.
    pub fn dropped_locations(&self) -> Counts {
        self.labelled().dropped_locations.iter().map(|(trunk, count)| (trunk.clone(), *count)).collect()
    }

    /// Calls the fraud guard stopped, by class of the destination and the key that did it.
    pub fn guarded(&self) -> Vec<((&'static str, &'static str), u64)> {
        self.labelled().guarded.iter().map(|(row, count)| (*row, *count)).collect()
    }

    /// Provisional responses of early dialogs beyond those that are kept of one INVITE, by trunk.
    pub fn unheard_forks(&self) -> Counts {
        self.labelled().unheard_forks.iter().map(|(trunk, count)| (trunk.clone(), *count)).collect()
    }

    /// How often a far end fell silent in an answered call, by trunk.
    pub fn silences(&self) -> Counts {
        self.labelled().silences.iter().map(|(trunk, count)| (trunk.clone(), *count)).collect()
    }

    /// Trunks that register, with whether they are.
    pub fn registrations(&self) -> Vec<(String, RegistrationState)> {
        self.labelled().registrations.iter().map(|(trunk, state)| (trunk.clone(), *state)).collect()
    }

    /// Attempts to register that failed, by problem.
    pub fn failed_registrations(&self) -> Counts {
        owned(&self.labelled().failed_registrations)
    }

    /// These trunks have their rows, before the first call. Forgets what is said of trunks and targets that are configured no
    /// more; what was counted stays.
    pub fn keep_trunks(&self, snapshot: &Snapshot) {
        let mut held = self.labelled();
        for trunk in &snapshot.trunks {
            held.trunks.begin(&trunk.name);
            held.finals.begin(&trunk.name);
        }
        let is_there = |(trunk, host): &(String, String)| {
            let trunk = snapshot.trunk_named(trunk);
            trunk.is_some_and(|trunk| trunk.targets.iter().any(|target| *target_name(&trunk.targets, target) == **host))
        };
        held.targets.retain(|target, _| is_there(target));
        held.round_trips.retain(|target, _| is_there(target));
        held.registrations
            .retain(|name, _| snapshot.trunk_named(name).is_some_and(|trunk| trunk.registration.is_some()));
    }

    /// The second reader of `sip.cross_check`, counting into this.
    pub fn second_reader(self: Arc<Self>) -> SecondReader {
        SecondReader(Arc::new(move |message: &SipMessage| self.cross_check(message)))
    }

    fn cross_check(&self, message: &SipMessage) {
        one(&self.cross_checked);
        match cross_check(message) {
            Agreement::Agrees => one(&self.cross_agreed),
            Agreement::RsipRefuses(class) => self.add(|held| held.disagreements.entry(class.label())),
            Agreement::Differs(class) => self.add(|held| held.disagreements.entry(class.label())),
        }
    }
}

fn one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn by_cause(counts: &BTreeMap<&'static str, u64>) -> Counts {
    let none = Cause::labels().map(|label| (label, 0));
    owned(&none.chain(counts.iter().map(|(label, count)| (*label, *count))).collect())
}

fn owned(counts: &BTreeMap<&'static str, u64>) -> Counts {
    counts.iter().map(|(label, count)| ((*label).to_owned(), *count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_counts_once_in_the_band_of_its_score() {
        let mut quality = Quality::default();
        for mos in [440, 403, 402, 360, 359, 100, 0] {
            quality.add(&LegMediaCounts { received: 10, lost: 1, mos, ..LegMediaCounts::default() });
        }
        assert_eq!(quality.graded, [2, 2, 2, 1]);
        assert_eq!((quality.received, quality.lost, quality.round_trips), (70, 7, 0));
    }
}
