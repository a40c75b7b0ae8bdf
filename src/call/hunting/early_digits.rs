//! Digits while nobody has answered: pressed into early media, or brought by INFO (MD-190).

use super::Hunting;
use crate::base::ids::EndpointId;
use crate::call::attempt::{Attempt, Word};
use crate::call::call::{Common, State};
use crate::call::digits::{InfoBody, read_info};
use crate::call::effect::{Branch, Work};
use crate::call::proof::is_challenge;
use crate::media::dtmf::HeardDigit;
use crate::route::media::TrunkDtmf;
use crate::sip::flow::Flow;
use crate::sip::{Request, Response, Status};

impl Hunting {
    /// A party presses a digit into early media, and the other one's trunk takes digits as INFO.
    pub(super) fn digit_pressed(
        mut self: Box<Self>,
        common: &mut Common,
        endpoint: EndpointId,
        digit: HeardDigit,
        work: &mut Work<'_>,
    ) -> State {
        if self.callee_media().is_some_and(|media| media.endpoint() == endpoint) {
            common.caller.tell_digit_early(digit, self.heard_of(), work);
        } else if common.caller.media.endpoint() == endpoint {
            match &mut self.attempt {
                Attempt::Inviting(inviting) => inviting.tell_digit(digit, work),
                Attempt::Answered(answered) => answered.callee.tell_digit(digit, work),
                Attempt::None | Attempt::Resolving { .. } => {}
            }
        }
        State::Hunting(self)
    }

    /// INFO before the answer: a digit for early media (MD-190).
    pub(super) fn early_digit(&mut self, common: &Common, request: &Request, work: &mut Work<'_>) -> Status {
        match (&mut self.attempt, common.caller.media.media.dtmf(), read_info(request)) {
            (Attempt::Inviting(inviting), TrunkDtmf::Info, InfoBody::Digit(digit)) if inviting.media.is_open() => {
                inviting.tell_digit(digit, work);
                Status::OK
            }
            (_, TrunkDtmf::Info, InfoBody::Nothing) => Status::OK,
            _ => Status::METHOD_NOT_ALLOWED,
        }
    }

    /// The same of the called side, for the caller.
    pub(super) fn early_digit_back(&mut self, common: &mut Common, request: &Request, work: &mut Work<'_>) -> Status {
        let heard_of = self.heard_of();
        let dtmf = self.callee_media().filter(|media| media.is_open()).map(|media| media.media.dtmf());
        match (dtmf, read_info(request)) {
            (Some(TrunkDtmf::Info), InfoBody::Digit(digit)) => {
                common.caller.tell_digit_early(digit, heard_of, work);
                Status::OK
            }
            (Some(TrunkDtmf::Info), InfoBody::Nothing) => Status::OK,
            _ => Status::METHOD_NOT_ALLOWED,
        }
    }

    /// Whether the caller has heard of the call.
    const fn heard_of(&self) -> Word {
        if self.last_heard.is_some() { Word::Said } else { Word::Unsaid }
    }

    /// A response to a digit of ours.
    pub(super) fn info_answered(
        &mut self,
        common: &mut Common,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) {
        if is_challenge(response) && common.caller.prove(branch, response, flow, work).is_some() {
            return;
        }
        if response.status.is_final() {
            self.digit_told(common, branch, work);
        }
    }

    /// Whoever the INFO with this branch went to may be told the next digit.
    fn digit_told(&mut self, common: &mut Common, branch: &Branch, work: &mut Work<'_>) {
        common.caller.digit_told(branch, work);
        if let Attempt::Inviting(inviting) = &mut self.attempt {
            inviting.digit_told(branch, work);
        }
    }
}
