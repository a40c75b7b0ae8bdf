//! The states of a registration and what moves it from one to the next.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::RegistrationSettings;
use super::backoff;
use super::compose::{Frame, Local, Said};
use super::grant::{Grant, seconds};
use crate::base::ids::FlowId;
use crate::base::limits::REGISTRATION_MAX;
use crate::base::timers::{TimerKind, Timers};
use crate::base::{Entropy, Instant};
use crate::sip::auth::{Credentials, DigestClient, Unanswerable};
use crate::sip::flow::Flow;
use crate::sip::header::RetryAfter;
use crate::sip::{Method, Name, Response, Status};
use crate::timer_kind;
use crate::transaction::Branch;

/// A flow that lasted this long was a good one: failures are counted from nothing again (RFC 5626 `min-regtime`).
const PROVEN: Duration = Duration::from_secs(120);
/// Shortest time between two REGISTERs that no failure separates, whatever the registrar grants.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);
/// A refusal that will not go away by itself (403, wrong password) waits like this many failures in a row (PF-130).
const REFUSED_COUNTS: u32 = 4;

timer_kind! {
    /// Timers of a registration; its transactions keep their own.
    enum RegistrationTimer {
        /// Refresh (50 to 80 % of what was granted, PF-130), or the end of a back-off.
        Next,
        /// What was granted is over.
        Lapse,
    }
}

/// What can happen to a registration.
#[derive(Debug)]
pub enum Input {
    /// Register, if nothing is under way.
    Begin,
    /// A response to the REGISTER with this branch came over `flow`.
    Response { branch: Branch, response: Box<Response>, flow: Flow },
    /// The REGISTER with this branch got no answer, or did not leave.
    Failed { branch: Branch, why: PathFailure },
    /// A connection is gone.
    FlowClosed(FlowId),
    /// Remove the binding and rest (drain, or the trunk is no longer configured).
    Withdraw,
}

/// Why a REGISTER got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFailure {
    NameNotResolved,
    Unreachable,
    Silent,
}

/// What a registration wants done.
#[derive(Debug)]
pub enum Action {
    Send(Box<Register>),
    News(News),
}

/// One REGISTER to send in a transaction of its own.
#[derive(Clone, Debug)]
pub struct Register {
    pub branch: Branch,
    pub bytes: Bytes,
    /// Which of the trunk's targets, counted on without end: the remainder by their number is the place.
    pub target: usize,
    /// The registered flow, while it lasts.
    pub over: Option<Flow>,
}

/// What somebody should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Registered {
        /// What was granted.
        expires: Duration,
    },
    /// An attempt failed; the next one comes in this time. An older binding may still stand.
    Failed { problem: Problem, again_in: Duration },
    /// Nothing is bound any more: the grant ran out or its flow broke.
    Lost,
    /// The binding was taken back, or its removal was not answered.
    Withdrawn,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    Path(PathFailure),
    /// The registered connection broke soon after it came.
    FlowLost,
    Refused(Status),
    /// 401 or 407 that is not answered; without `auth` every challenge is [`Unanswerable::Unsupported`].
    Challenge(Unanswerable),
    /// 423 without a usable Min-Expires, or a second one.
    TooBrief,
    /// 2xx without our binding.
    NotGranted,
}

/// Where a registration stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Never begun, or withdrawn.
    Idle,
    /// A REGISTER is out. A binding may stand: see [`Registration::is_registered`].
    Registering { branch: Branch },
    /// Bound; the refresh is set.
    Registered,
    /// The last attempt failed; the next is set. A binding may stand.
    Backoff(Problem),
    /// A REGISTER that removes the binding is out.
    Withdrawing { branch: Branch },
}

/// What was granted, and the flow it came over.
#[derive(Clone, Debug)]
struct Bound {
    routes: Vec<Bytes>,
    flow: Flow,
    /// Since when this flow serves without a failure.
    since: Instant,
}

/// See the module.
#[derive(Debug)]
pub struct Registration {
    frame: Frame,
    digest: Option<DigestClient>,
    cseq: u32,
    /// What we ask for: the setting, or more after a 423.
    expires: Duration,
    /// A 423 was obeyed for the present attempt.
    raised: bool,
    failures: u32,
    target: usize,
    bound: Option<Bound>,
    state: State,
    timers: Timers<RegistrationTimer, { RegistrationTimer::COUNT }>,
}

impl Registration {
    /// At rest; [`Input::Begin`] starts it.
    pub fn new(
        settings: &RegistrationSettings,
        credentials: Option<Arc<Credentials>>,
        local: Local,
        entropy: &mut dyn Entropy,
    ) -> Registration {
        let (call_id, tag) = (entropy.token(16).into(), entropy.token(10).into());
        Registration {
            frame: Frame::new(settings, local, call_id, tag),
            digest: credentials.map(DigestClient::new),
            cseq: 0,
            expires: settings.expires,
            raised: false,
            failures: 0,
            target: 0,
            bound: None,
            state: State::Idle,
            timers: Timers::default(),
        }
    }

    pub const fn state(&self) -> &State {
        &self.state
    }

    /// True while a binding of ours stands at the registrar, as far as we know.
    pub const fn is_registered(&self) -> bool {
        self.bound.is_some()
    }

    /// The connection, or the remote address, that the peer's requests may come over.
    pub fn flow(&self) -> Option<Flow> {
        self.bound.as_ref().map(|bound| bound.flow)
    }

    /// Route of our requests out of a dialog (RFC 3608); empty when the registrar gave none.
    pub fn service_route(&self) -> &[Bytes] {
        self.bound.as_ref().map(|bound| bound.routes.as_slice()).unwrap_or_default()
    }

    /// How the registrar sees us.
    pub const fn local(&self) -> &Local {
        self.frame.local()
    }

    /// When [`Registration::handle_timeout`] wants to be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Handles one input.
    pub fn handle(&mut self, now: Instant, input: Input, entropy: &mut dyn Entropy, out: &mut Vec<Action>) {
        match input {
            Input::Begin => {
                if self.state == State::Idle {
                    self.register(entropy, out);
                }
            }
            Input::Response { branch, response, flow } => self.response(now, &branch, &response, flow, entropy, out),
            Input::Failed { branch, why } => self.unanswered(now, &branch, why, entropy, out),
            Input::FlowClosed(flow) => self.flow_closed(now, flow, entropy, out),
            Input::Withdraw => self.withdraw(entropy, out),
        }
    }

    /// Fires every timer that is due.
    pub fn handle_timeout(&mut self, now: Instant, entropy: &mut dyn Entropy, out: &mut Vec<Action>) {
        while let Some(timer) = self.timers.expired(now) {
            match (timer, &self.state) {
                (RegistrationTimer::Lapse, _) => self.unbind(out),
                (RegistrationTimer::Next, State::Registered | State::Backoff(_)) => self.register(entropy, out),
                (RegistrationTimer::Next, State::Idle | State::Registering { .. } | State::Withdrawing { .. }) => {}
            }
        }
    }

    // ---- what we send

    /// A fresh attempt.
    fn register(&mut self, entropy: &mut dyn Entropy, out: &mut Vec<Action>) {
        self.raised = false;
        if let Some(digest) = &mut self.digest {
            digest.begin();
        }
        self.register_again(entropy, out);
    }

    /// The same attempt once more: with credentials, or with a longer time.
    fn register_again(&mut self, entropy: &mut dyn Entropy, out: &mut Vec<Action>) {
        self.timers.stop(RegistrationTimer::Next);
        let branch = self.send(self.expires, entropy, out);
        self.state = State::Registering { branch };
    }

    fn withdraw(&mut self, entropy: &mut dyn Entropy, out: &mut Vec<Action>) {
        if matches!(self.state, State::Withdrawing { .. }) {
            return;
        }
        self.timers.stop_all();
        // One that is out may still bind us: it is taken back as well.
        if self.bound.is_some() || matches!(self.state, State::Registering { .. }) {
            if let Some(digest) = &mut self.digest {
                digest.begin();
            }
            let branch = self.send(Duration::ZERO, entropy, out);
            self.state = State::Withdrawing { branch };
        } else {
            self.state = State::Idle;
        }
    }

    fn send(&mut self, expires: Duration, entropy: &mut dyn Entropy, out: &mut Vec<Action>) -> Branch {
        self.cseq = self.cseq.saturating_add(1);
        let branch = Branch::fresh(entropy);
        let uri = self.frame.uri();
        let digest = self.digest.as_mut();
        let credentials = digest.map(|digest| digest.authorize(&Method::Register, &uri, entropy)).unwrap_or_default();
        let said = Said { branch: branch.as_bytes(), cseq: self.cseq, expires, credentials: &credentials };
        let bytes = self.frame.register(&said);
        let over = self.flow();
        out.push(Action::Send(Box::new(Register { branch: branch.clone(), bytes, target: self.target, over })));
        branch
    }

    // ---- answers

    fn response(
        &mut self,
        now: Instant,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        entropy: &mut dyn Entropy,
        out: &mut Vec<Action>,
    ) {
        if response.status.is_provisional() {
            return;
        }
        match &self.state {
            State::Registering { branch: ours } if ours == branch => {
                self.answered(now, response, flow, entropy, out);
            }
            State::Withdrawing { branch: ours } if ours == branch => self.withdrawn(response, entropy, out),
            State::Idle
            | State::Registering { .. }
            | State::Registered
            | State::Backoff(_)
            | State::Withdrawing { .. } => {}
        }
    }

    fn answered(
        &mut self,
        now: Instant,
        response: &Response,
        flow: Flow,
        entropy: &mut dyn Entropy,
        out: &mut Vec<Action>,
    ) {
        match response.status.code() {
            200..=299 => match Grant::of(&response.message, self.frame.contact(), self.expires) {
                Some(grant) => self.granted(now, grant, flow, entropy, out),
                None => self.failed(now, Problem::NotGranted, None, entropy, out),
            },
            401 | 407 => match self.challenged(response) {
                Ok(()) => self.register_again(entropy, out),
                Err(reason) => self.failed(now, Problem::Challenge(reason), None, entropy, out),
            },
            423 => match self.longer(response) {
                Some(expires) => {
                    self.expires = expires;
                    self.raised = true;
                    self.register_again(entropy, out);
                }
                None => self.failed(now, Problem::TooBrief, None, entropy, out),
            },
            _ => {
                let retry_after = response.message.header_bytes(Name::RetryAfter);
                let retry_after = retry_after.and_then(|value| RetryAfter::parse(&value).ok());
                let at_least = retry_after.map(|asked| Duration::from_secs(asked.seconds.into()));
                self.failed(now, Problem::Refused(response.status), at_least, entropy, out);
            }
        }
    }

    fn challenged(&mut self, response: &Response) -> Result<(), Unanswerable> {
        self.digest.as_mut().ok_or(Unanswerable::Unsupported)?.challenged(response)
    }

    /// RFC 3261 10.2.8: the least the registrar takes, once per attempt and only when it is more than we asked for.
    fn longer(&self, response: &Response) -> Option<Duration> {
        let least = response.message.header_bytes(Name::MinExpires).and_then(|value| seconds(&value))?;
        (!self.raised && least > self.expires && least <= REGISTRATION_MAX).then_some(least)
    }

    fn granted(&mut self, now: Instant, grant: Grant, flow: Flow, entropy: &mut dyn Entropy, out: &mut Vec<Action>) {
        let Grant { expires, routes } = grant;
        let same_flow = self.bound.as_ref().filter(|bound| bound.flow.id == flow.id);
        let since = same_flow.map_or(now, |bound| bound.since);
        self.bound = Some(Bound { routes, flow, since });
        self.state = State::Registered;
        // PF-130: anywhere between 50 and 80 %, so that the trunks of many nodes do not come together.
        let refresh = expires / 2 + backoff::share(expires * 3 / 10, entropy);
        self.timers.set(RegistrationTimer::Next, now + refresh.max(SHORTEST_REFRESH));
        self.timers.set(RegistrationTimer::Lapse, now + expires.max(SHORTEST_REFRESH * 2));
        out.push(Action::News(News::Registered { expires }));
    }

    fn withdrawn(&mut self, response: &Response, entropy: &mut dyn Entropy, out: &mut Vec<Action>) {
        let is_challenge = matches!(response.status.code(), 401 | 407);
        if is_challenge && self.challenged(response).is_ok() {
            let branch = self.send(Duration::ZERO, entropy, out);
            self.state = State::Withdrawing { branch };
        } else {
            self.rest(out);
        }
    }

    fn rest(&mut self, out: &mut Vec<Action>) {
        self.bound = None;
        self.state = State::Idle;
        out.push(Action::News(News::Withdrawn));
    }

    // ---- failures

    fn unanswered(
        &mut self,
        now: Instant,
        branch: &Branch,
        why: PathFailure,
        entropy: &mut dyn Entropy,
        out: &mut Vec<Action>,
    ) {
        match &self.state {
            State::Registering { branch: ours } if ours == branch => {
                self.failed(now, Problem::Path(why), None, entropy, out);
            }
            State::Withdrawing { branch: ours } if ours == branch => self.rest(out),
            State::Idle
            | State::Registering { .. }
            | State::Registered
            | State::Backoff(_)
            | State::Withdrawing { .. } => {}
        }
    }

    fn failed(
        &mut self,
        now: Instant,
        problem: Problem,
        at_least: Option<Duration>,
        entropy: &mut dyn Entropy,
        out: &mut Vec<Action>,
    ) {
        self.forgive(now);
        if let Some(bound) = &mut self.bound {
            bound.since = now;
        }
        self.failures = self.failures.saturating_add(1);
        if problem.is_of_the_path() {
            self.target = self.target.wrapping_add(1);
        }
        let counted = if problem.is_lasting() { self.failures.max(REFUSED_COUNTS) } else { self.failures };
        let again_in = backoff::wait(counted, entropy).max(at_least.unwrap_or_default().min(REGISTRATION_MAX));
        self.timers.set(RegistrationTimer::Next, now + again_in);
        self.state = State::Backoff(problem);
        out.push(Action::News(News::Failed { problem, again_in }));
    }

    /// A flow that held long enough wipes out what failed before it.
    fn forgive(&mut self, now: Instant) {
        if self.bound.as_ref().is_some_and(|bound| now.since(bound.since) >= PROVEN) {
            self.failures = 0;
        }
    }

    /// PF-130: a broken flow is registered anew at once; one that broke soon after the last failure waits like a failure.
    fn flow_closed(&mut self, now: Instant, flow: FlowId, entropy: &mut dyn Entropy, out: &mut Vec<Action>) {
        if self.bound.as_ref().is_none_or(|bound| bound.flow.id != flow) {
            return;
        }
        self.forgive(now);
        self.unbind(out);
        match self.state {
            State::Registered if self.failures == 0 => {
                self.failures = 1;
                self.register(entropy, out);
            }
            State::Registered => self.failed(now, Problem::FlowLost, None, entropy, out),
            // The answer to what is out, or its failure, decides.
            State::Idle | State::Registering { .. } | State::Backoff(_) | State::Withdrawing { .. } => {}
        }
    }

    fn unbind(&mut self, out: &mut Vec<Action>) {
        self.timers.stop(RegistrationTimer::Lapse);
        if self.bound.take().is_some() {
            out.push(Action::News(News::Lost));
        }
    }
}

impl Problem {
    /// Another target may do better.
    const fn is_of_the_path(self) -> bool {
        match self {
            Problem::Path(_) | Problem::FlowLost => true,
            Problem::Refused(status) => matches!(status.code(), 408 | 500..=599),
            Problem::Challenge(_) | Problem::TooBrief | Problem::NotGranted => false,
        }
    }

    /// Somebody must change something before it can work.
    const fn is_lasting(self) -> bool {
        match self {
            Problem::Refused(status) => matches!(status.code(), 400..=407 | 416 | 420 | 600..=699),
            Problem::Challenge(_) => true,
            Problem::Path(_) | Problem::FlowLost | Problem::TooBrief | Problem::NotGranted => false,
        }
    }

    /// Metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Problem::Path(PathFailure::NameNotResolved) => "name_not_resolved",
            Problem::Path(PathFailure::Unreachable) => "unreachable",
            Problem::Path(PathFailure::Silent) => "peer_silent",
            Problem::FlowLost => "flow_lost",
            Problem::Refused(_) => "refused",
            Problem::Challenge(Unanswerable::Unsupported) => "challenge_unsupported",
            Problem::Challenge(Unanswerable::ForeignRealm) => "challenge_foreign_realm",
            Problem::Challenge(Unanswerable::Refused) => "credentials_refused",
            Problem::TooBrief => "interval_too_brief",
            Problem::NotGranted => "not_granted",
        }
    }
}
