//! When a party is exchanged: what the one that stays can be offered to the new one with, and whether it must be told.

use super::plan::{AudioPlan, Codec, CodecRole, Direction};
use super::{LegMedia, Role, Settled, endpoint};
use crate::base::ids::WorkerId;

impl LegMedia {
    /// The endpoint is served by another worker; the ports stay.
    pub fn moved_to(&mut self, worker: WorkerId) {
        self.lease.worker = worker;
    }

    /// What a new party is offered in this peer's name: what is agreed first, so that nothing here need change, then what
    /// else the peer takes. A hold of its own crosses; one it only answered was the leaving party's.
    pub fn plan_for_newcomer(&self) -> Option<AudioPlan> {
        let settled = self.settled.as_ref()?;
        let said = self.remote_plan()?;
        let direction = match settled.role {
            Role::Answer => said.direction,
            Role::Offer => Direction::SendRecv,
        };
        let mut codecs = agreed(settled);
        for codec in said.codecs {
            if !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        Some(AudioPlan { codecs, direction, ptime_ms: said.ptime_ms })
    }

    /// What this peer says of itself: an answer that says all an offer of ours let it say was held by the offer alone.
    pub fn wish(&self) -> Option<AudioPlan> {
        let (settled, said) = (self.settled.as_ref()?, self.remote_plan()?);
        let is_held = settled.role == Role::Offer
            && said.direction == Direction::SendRecv.answering(settled.sent.local.direction);
        let direction = if is_held { Direction::SendRecv } else { said.direction };
        Some(AudioPlan { direction, ..said })
    }

    /// True when an offer of `plan` would say something that our last one did not. Of its keys the peer has chosen one.
    pub fn offers_more(&self, plan: &AudioPlan) -> bool {
        let mut trial = self.clone();
        let written = trial.write_offer(plan).ok().and(trial.pending.as_ref());
        match (written, self.pending.as_ref().or(self.settled.as_ref().map(|settled| &settled.sent))) {
            (Some(now), Some(before)) => {
                let (now, before) = (&now.local, &before.local);
                (now.direction, now.ptime_ms) != (before.direction, before.ptime_ms) || now.formats != before.formats
            }
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }

    /// What this peer and we have agreed: what the other leg is answered with.
    pub fn agreed_plan(&self) -> Option<AudioPlan> {
        let said = self.remote_plan()?;
        Some(AudioPlan { codecs: agreed(self.settled.as_ref()?), ..said })
    }

    /// Whether this peer and the other one have agreed, each on its own leg, on a codec that both speak.
    pub fn speaks_with(&self, other: &LegMedia) -> bool {
        let (Some(here), Some(there)) = (&self.settled, &other.settled) else { return false };
        let there = agreed(there);
        let speech = agreed(here).into_iter().filter(|codec| codec.role() == CodecRole::Speech);
        speech.into_iter().any(|codec| there.iter().any(|other| other.is_same_encoding(&codec)))
    }

    /// Whether this peer needs a new description to talk to a party of which `plan` holds (MD-150): it was told to hold,
    /// or has not agreed on the codec. A peer that need not be told hears of the exchange by its ears alone.
    pub fn must_hear(&self, plan: &AudioPlan) -> bool {
        let Some(settled) = &self.settled else { return true };
        let wanted = self.held_direction(plan.direction);
        let direction = match settled.role {
            Role::Offer => wanted,
            Role::Answer => wanted.answering(settled.said.direction),
        };
        let agreed = agreed(settled);
        let speech = plan.codecs_for(&self.settings).into_iter().find(|codec| codec.role() == CodecRole::Speech);
        direction != settled.sent.local.direction
            || speech.is_some_and(|speech| !agreed.iter().any(|codec| codec.is_same_encoding(&speech)))
    }
}

/// What both sides of a leg can send and take now.
fn agreed(settled: &Settled) -> Vec<Codec> {
    endpoint::pairs(settled).into_iter().map(|pair| pair.codec.clone()).collect()
}
