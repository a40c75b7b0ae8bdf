//! What a transferor is told: the implicit subscription of its REFER (RFC 3515 2.4.4), one NOTIFY at a time.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::base::bounds::Bound;
use crate::base::limits::REFER_REPORTS;
use crate::call::compose::{Carried, Inside};
use crate::call::effect::{Branch, Work};
use crate::call::leg::Leg;
use crate::dialog::refer::{self, SubscriptionState};
use crate::sip::flow::Flow;
use crate::sip::{Method, Name, Response, Status};

/// Seconds a subscription may last, as it is told: the INVITE ends before it (timer C and `no_answer_s` are 3 minutes).
const EXPIRES_S: u32 = 180;

/// What became of the last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// More will follow, or is on its way.
    Going,
    /// The transferor knows how it ended.
    All,
    /// The transferor does not know the subscription, or is silent: it is told no more.
    Lost,
}

/// The reports of one REFER. What is told while a NOTIFY is out waits for its answer, so that no later one overtakes it.
#[derive(Clone, Debug)]
pub struct Reports {
    /// Value of Event.
    event: String,
    /// Our NOTIFY without a final answer.
    out: Option<(Branch, Status)>,
    waiting: VecDeque<Status>,
    told: Option<Status>,
}

impl Reports {
    /// `id`: number of the REFER, for every one but the first of a dialog.
    pub fn new(id: Option<u32>) -> Reports {
        Reports { event: refer::event(id), out: None, waiting: VecDeque::new(), told: None }
    }

    /// Tells `status`, when it is news.
    pub fn tell(&mut self, status: Status, leg: &mut Leg, work: &mut Work<'_>) {
        if self.told == Some(status) || leg.is_over() {
            return;
        }
        self.told = Some(status);
        if self.waiting.len() >= REFER_REPORTS {
            Bound::ReferReports.reached();
            self.waiting.pop_front();
        }
        self.waiting.push_back(status);
        self.send(leg, work);
    }

    fn send(&mut self, leg: &mut Leg, work: &mut Work<'_>) {
        if self.out.is_some() {
            return;
        }
        if let Some(status) = self.waiting.pop_front() {
            let branch = leg.ask(&Inside::Carried(&self.notify(status)), work);
            self.out = Some((branch, status));
        }
    }

    fn notify(&self, status: Status) -> Carried {
        let state = if status.is_final() { SubscriptionState::Over } else { SubscriptionState::Active(EXPIRES_S) };
        let field = |name: Name, value: String| (Bytes::from_static(name.as_str().as_bytes()), Bytes::from(value));
        Carried {
            method: Method::Notify,
            headers: vec![field(Name::Event, self.event.clone()), field(Name::SubscriptionState, state.value())],
            body: Some((refer::SIPFRAG.to_owned(), refer::sipfrag(status).into())),
        }
    }

    /// A challenge to a NOTIFY of these reports: it goes again with credentials. False when it must not.
    pub fn prove(
        &mut self,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        leg: &mut Leg,
        work: &mut Work<'_>,
    ) -> bool {
        let Some((_, status)) = self.out.as_ref().filter(|(out, _)| out == branch) else { return false };
        let status = *status;
        let again = leg.prove_carried(&self.notify(status), response, flow, work);
        let goes_again = again.is_some();
        self.out = again.map(|branch| (branch, status)).or_else(|| self.out.take());
        goes_again
    }

    /// A final answer to a NOTIFY, or `None`: it will never have one. `None` when the branch is not of these reports.
    pub fn answered(
        &mut self,
        branch: &Branch,
        status: Option<Status>,
        leg: &mut Leg,
        work: &mut Work<'_>,
    ) -> Option<Heard> {
        let (_, told) = self.out.take_if(|(out, _)| out == branch)?;
        if !status.is_some_and(Status::is_success) {
            self.waiting.clear();
            return Some(Heard::Lost);
        }
        self.send(leg, work);
        Some(if told.is_final() { Heard::All } else { Heard::Going })
    }

    /// True for a NOTIFY of these reports that waits for its answer.
    pub fn awaits(&self, branch: &Branch) -> bool {
        self.out.as_ref().is_some_and(|(out, _)| out == branch)
    }
}
