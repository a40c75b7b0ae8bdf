//! INVITEs of known peers that are refused before they are calls: answered, and recorded as every other attempt of a customer
//! (`docs/call-records.md`), as far as there is room for it.

use std::sync::Arc;

use crate::base::Now;
use crate::base::bounds::Bound;
use crate::base::ids::CallId;
use crate::call::screening::Refusal;
use crate::call::unbegun::{self, Unbegun};
use crate::call::{Asked, CallEvent, Cause};
use crate::route::trunk::Trunk;
use crate::sip::Request;
use crate::sip::flow::Flow;

use super::Engine;
use super::io::{Event, Hold, Outbox, Output};
use super::shed::Shed;

/// Why an INVITE becomes no call.
#[derive(Debug)]
pub(super) enum Barred {
    /// There is not enough of something.
    Scarce(Shed),
    /// For what it says, or by an operator's order.
    Refused(Refusal),
}

impl From<Refusal> for Barred {
    fn from(refusal: Refusal) -> Self {
        Barred::Refused(refusal)
    }
}

impl Engine {
    /// Answers it, and writes it down.
    pub(super) fn turn_away(
        &mut self,
        now: Now,
        came: (&Request, Flow, &Arc<Trunk>),
        (barred, urgent): (&Barred, Option<&str>),
        out: &mut Outbox,
    ) {
        let (request, flow, trunk) = came;
        let told = match barred {
            Barred::Scarce(shed) => {
                out.push(Output::Event(Event::Shed(*shed)));
                &Refusal::Overload
            }
            Barred::Refused(refusal) => refusal,
        };
        self.refuse(now, request, flow, told, out);
        let Some((cause, detail)) = self.stood_in_the_way(trunk, barred) else { return };
        if !self.may_record(now, trunk, urgent) {
            return;
        }
        let read = Asked::read(request, trunk).ok();
        let account = read.as_ref().and_then(|(numbers, asked)| self.owner(now, came, (numbers, asked)));
        let (id, numbers) = (CallId(self.next_call), read.map(|(numbers, _)| numbers));
        self.next_call += 1;
        let account = account.as_deref();
        let unbegun = Unbegun { id, trunk, request, flow, numbers, account, urgent, cause, detail };
        let from = Arc::clone(&trunk.name);
        self.call_event(now, CallEvent::Started { call: id, from: Arc::clone(&from) }, out);
        if urgent.is_some() {
            self.call_event(now, CallEvent::Emergency { call: id, from }, out);
        }
        self.call_event(now, CallEvent::Ended(unbegun.record(now)), out);
    }

    /// What the record says, where there is one, with the key or the order.
    fn stood_in_the_way(&self, trunk: &Trunk, barred: &Barred) -> Option<(Cause, Option<String>)> {
        match barred {
            Barred::Scarce(shed) => self.key(trunk, *shed),
            Barred::Refused(Refusal::TrunkOutOfService) => {
                let standing = self.supply.standings.of(trunk.id);
                Some((
                    Cause::TrunkOutOfService,
                    Some(format!("an operator's order: trunk {} is {standing}", trunk.name)),
                ))
            }
            Barred::Refused(refusal) => unbegun::cause(refusal),
        }
    }

    /// A limit that somebody set refuses the call of a customer; what protects the node costs no record.
    fn key(&self, trunk: &Trunk, shed: Shed) -> Option<(Cause, Option<String>)> {
        let limits = &self.snapshot.limits;
        let of_trunk =
            |key: &str, most: Option<String>| format!("trunks.{}.{key} = {}", trunk.name, most.unwrap_or_default());
        let detail = match shed {
            Shed::MaxCalls => format!("limits.max_calls = {}", limits.max_calls),
            Shed::MaxCallsPerS => format!("limits.max_calls_per_s = {}", limits.max_calls_per_s),
            Shed::TrunkMaxCalls => of_trunk("max_calls", trunk.max_calls.map(|most| most.to_string())),
            Shed::TrunkMaxCallsPerS => of_trunk("max_calls_per_s", trunk.max_calls_per_s.map(|most| most.to_string())),
            Shed::Draining => return Some((Cause::Shutdown, None)),
            Shed::Overload | Shed::Memory | Shed::Records | Shed::MaxTransactions => return None,
        };
        Some((Cause::TooManyCalls, Some(detail)))
    }

    /// A flood must not become a flood of records, and while there is no room for any, none is begun. A call for help is
    /// always written down.
    fn may_record(&mut self, now: Now, trunk: &Trunk, urgent: Option<&str>) -> bool {
        if self.holds.contains(&Hold::Records) {
            return false;
        }
        let may = urgent.is_some() || self.supply.admission.records(now.instant, trunk.id);
        if !may {
            Bound::RefusedRecords.reached();
        }
        may
    }
}
