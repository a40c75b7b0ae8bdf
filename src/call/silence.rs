//! A party of an answered call from whom nothing comes any more: told to whoever watches, and the end of the call where
//! its trunk wants that (MD-193).

use super::call::{Common, State};
use super::cause::Cause;
use super::effect::{Effect, Work};
use super::established::Established;
use super::event::CallEvent;
use super::record::{EndedBy, Side};
use crate::base::ids::EndpointId;
use crate::media::presence::Change;
use crate::route::media::OnSilence;

impl Established {
    /// The peer of `endpoint` fell silent, or is heard again.
    pub(super) fn presence(
        mut self: Box<Self>,
        common: &mut Common,
        endpoint: EndpointId,
        change: Change,
        work: &mut Work<'_>,
    ) -> State {
        let call = common.ledger.id();
        let side = if common.caller.media.endpoint() == endpoint { Side::Caller } else { Side::Callee };
        let (leg, _) = self.legs(common, side);
        if leg.media.endpoint() != endpoint {
            return State::Established(self);
        }
        let action = leg.media.media.on_silence();
        work.out.push(Effect::Event(CallEvent::Presence { call, trunk: leg.trunk.name.clone(), change }));
        match (change, action) {
            (Change::FellSilent, OnSilence::HangUp) => self.hang_up(common, Cause::MediaSilent, EndedBy::Node, work),
            (Change::FellSilent, OnSilence::Report) | (Change::CameBack, _) => State::Established(self),
        }
    }
}
