//! How a caller hears of its call before the answer: provisional responses, reliable ones among them, repeated until
//! their PRACK (RFC 3262 3).

use super::compose;
use super::effect::{Effect, Work};
use super::leg::{Leg, Pending};
use super::provisional::{EarlyEnd, TellsEarlyMedia};
use super::screening;
use crate::base::ids::TransactionId;
use crate::dialog::reliable::{Acknowledged, Provisional, Sender, SenderAction};
use crate::route::provisional::{EarlyMediaTrust, Reliability};
use crate::route::trunk::Trunk;
use crate::sip::header::early_media::is_supported;
use crate::sip::{Name, RAck, Request, Status};

/// Whether provisional responses to this INVITE are sent reliably.
pub fn is_reliable(request: &Request, trunk: &Trunk) -> bool {
    match trunk.provisional.reliable {
        Reliability::Off => false,
        Reliability::Accept => request.message.has_token(Name::Require, compose::RELIABLE),
        Reliability::Supported | Reliability::Required => screening::names_reliability(request),
    }
}

/// Whether this caller wants to know that an early dialog ended.
pub fn early_end(request: &Request) -> EarlyEnd {
    let told = request.message.has_token(Name::Supported, "199");
    if told { EarlyEnd::Told } else { EarlyEnd::Untold }
}

/// Whether this caller is told which early media is authorised (RFC 5009).
pub fn hears_of_early_media(request: &Request, trunk: &Trunk) -> TellsEarlyMedia {
    let trusted = trunk.provisional.early_media == EarlyMediaTrust::Trusted;
    if trusted && is_supported(&request.message) { TellsEarlyMedia::Told } else { TellsEarlyMedia::Untold }
}

impl Leg {
    /// From now on provisional responses to this INVITE are sent reliably.
    pub fn begin_reliably(&mut self, invite: &Pending, work: &mut Work<'_>) {
        let random = work.entropy.next_u64();
        self.reliable = Some(Box::new(Sender::new(invite.cseq, self.trunk.timers.t1, random)));
    }

    /// True when what is said now is repeated until the peer acknowledges it.
    pub const fn is_reliable(&self) -> bool {
        self.reliable.is_some()
    }

    /// Says something before the answer: at once, or after what still waits for its PRACK.
    pub fn say(&mut self, invite: &Pending, said: Provisional, work: &mut Work<'_>) {
        match &mut self.reliable {
            Some(sender) => {
                sender.push(said);
                self.say_next(invite, work);
            }
            None => {
                let bytes = compose::dialog_response(&said, &invite.head, &self.dialog, &self.own);
                work.out.push(Effect::Respond { transaction: invite.transaction, status: said.status, bytes });
            }
        }
    }

    /// What waited for a PRACK goes.
    pub fn say_next(&mut self, invite: &Pending, work: &mut Work<'_>) {
        let Some(sender) = &mut self.reliable else { return };
        let Some((number, provisional)) = sender.take_next() else { return };
        let bytes = compose::reliable_response(&provisional, number, &invite.head, &self.dialog, &self.own);
        sender.sent(work.now.instant, &provisional, bytes.clone());
        work.out.push(Effect::Respond { transaction: invite.transaction, status: provisional.status, bytes });
    }

    /// What is due of it goes again. True when no PRACK came in 64*T1: the INVITE must be refused.
    pub fn repeat_provisional(&mut self, transaction: TransactionId, work: &mut Work<'_>) -> bool {
        match self.reliable.as_mut().and_then(|sender| sender.timeout(work.now.instant)) {
            Some(SenderAction::Transmit(status, bytes)) => {
                work.out.push(Effect::Respond { transaction, status, bytes });
                false
            }
            Some(SenderAction::NoPrack) => true,
            None => false,
        }
    }

    /// True while a description of ours lacks its PRACK: no 2xx may go.
    pub fn withholds_answer(&self) -> bool {
        self.reliable.as_ref().is_some_and(|sender| sender.withholds_answer())
    }

    /// What this PRACK names: 400 without a readable RAck, 481 when nothing waits for it, 405 where PRACK is not taken.
    ///
    /// # Errors
    /// The status of its answer.
    pub fn acknowledged_by(&self, prack: &Request) -> Result<RAck, Status> {
        if self.trunk.provisional.reliable == Reliability::Off {
            return Err(Status::METHOD_NOT_ALLOWED);
        }
        let rack = prack.message.header(Name::RAck).and_then(|value| RAck::parse(&value).ok());
        let rack = rack.ok_or(Status::BAD_REQUEST)?;
        let waits = self.reliable.as_ref().is_some_and(|sender| sender.awaits(&rack));
        if waits { Ok(rack) } else { Err(Status::CALL_DOES_NOT_EXIST) }
    }

    /// The PRACK is taken.
    pub fn take_prack(&mut self, rack: &RAck) -> Acknowledged {
        self.reliable.as_mut().map_or(Acknowledged::Nothing, |sender| sender.acknowledge(rack))
    }

    /// A PRACK after the final response, under way when that went (RFC 3262 3). The status of its answer.
    pub fn late_prack(&mut self, prack: &Request) -> Status {
        match self.acknowledged_by(prack) {
            Ok(rack) => {
                self.take_prack(&rack);
                self.reliable = None;
                Status::OK
            }
            Err(status) => status,
        }
    }

    /// The final response goes: nothing said before it is repeated any more.
    pub(super) fn said_finally(&mut self) {
        if let Some(sender) = &mut self.reliable {
            sender.finish();
        }
        self.reliable.take_if(|sender| sender.is_idle());
    }
}
