//! What one party is told of how the other one left, or why it does not answer: the cause, the Q.850 cause that the other
//! side gave itself, and the headers that pass (`passed`).

use bytes::Bytes;

use super::cause::Cause;
use super::passed::Passed;
use crate::sip::header::Reason;
use crate::sip::{Message, Name, Response, Status};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    pub cause: Cause,
    /// Another Q.850 cause than the table's.
    q850: Option<u8>,
    pub passed: Passed,
}

impl From<Cause> for Parting {
    /// What we say by ourselves.
    fn from(cause: Cause) -> Parting {
        Parting { cause, q850: None, passed: Passed::new() }
    }
}

impl Parting {
    /// A CANCEL of the caller. Whoever rings is told when another one took the call: it shows no missed call (RFC 3326 2).
    pub fn of_cancel(message: &Message) -> Cause {
        let values: Vec<Bytes> = message.list(Name::Reason);
        let mut reasons = values.iter().filter_map(|value| Reason::parse(value).ok());
        let is_elsewhere = reasons.any(|reason| reason.is("SIP") && reason.cause() == Some(200));
        if is_elsewhere { Cause::AnsweredElsewhere } else { Cause::CallerCancelled }
    }

    /// A BYE of the other party.
    pub fn of_bye(message: &Message, passed: Passed) -> Parting {
        Parting { cause: Cause::NormalClearing, q850: q850(message), passed }
    }

    /// A refusal by the called side. Its own Q.850 cause crosses (PF-151) where its status does: what becomes another
    /// status has that one's, and busy is always 17 (MD-121).
    pub fn of_refusal(response: &Response, passed: Passed) -> Parting {
        let cause = Cause::Refused(response.status);
        if cause.status() != response.status {
            return Parting::from(cause);
        }
        let is_busy = matches!(response.status, Status::BUSY_HERE | Status::BUSY_EVERYWHERE);
        let said = q850(&response.message).filter(|said| !is_busy && fits(*said, response.status));
        Parting { cause, q850: said, passed }
    }

    /// Of two failed attempts, the one the caller is told ([`Cause::better`]).
    #[must_use]
    pub fn better(self, other: Parting) -> Parting {
        if self.cause.better(other.cause) == self.cause { self } else { other }
    }

    /// Value of Reason (RFC 3326). The text is ours and belongs to our own number: the other side's may name its calls.
    pub fn reason(&self) -> String {
        match self.q850.filter(|number| *number != self.cause.q850()) {
            Some(number) => format!("Q.850;cause={number}"),
            None => self.cause.reason(),
        }
    }
}

/// Whether a Q.850 cause may stand beside this status. One of the class "resource unavailable" tells a network to try
/// another circuit: beside the word of a user it would ring him again (MD-121).
fn fits(cause: u8, status: Status) -> bool {
    let is_of_resources = (32..=47).contains(&cause);
    !is_of_resources || matches!(status.code(), 500..=599)
}

/// The Q.850 cause of a message: 1 to 127 (ITU-T Q.850 2.2.4).
fn q850(message: &Message) -> Option<u8> {
    let values: Vec<Bytes> = message.list(Name::Reason);
    let reasons = values.iter().filter_map(|value| Reason::parse(value).ok());
    let cause = reasons.filter(|reason| reason.is("Q.850")).find_map(|reason| reason.cause())?;
    u8::try_from(cause).ok().filter(|cause| (1..=127).contains(cause))
}
