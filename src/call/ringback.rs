//! The ringing tone a caller hears from us while the called side rings without media (MD-112). The relay makes it and
//! ends it with the first packet of the called side; here it is decided when it begins and when it ends for good.

use std::time::Duration;

use bytes::Bytes;

use super::effect::Work;
use super::media_end::MediaEnd;
use super::negotiate::{AudioPlan, Direction, RemoteOffer};
use crate::audio::ringing::ANNOUNCED_MEDIA_GRACE;
use crate::sip::Status;

/// Whether the caller hears a tone of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ringback {
    Off,
    /// It is all the media there is.
    Alone,
    /// The called side has described media: it sounds while none comes.
    Announced,
}

impl Ringback {
    /// The called side rings without a description: the caller's offer is answered all the same, when its trunk wants a
    /// tone of ours and it takes G.711. What it may send then is what the answer may choose from.
    pub fn answer(caller: &mut MediaEnd, offer: Option<&RemoteOffer>, status: Status) -> Option<Bytes> {
        let rings = status == Status::RINGING && caller.media.repeat().is_none();
        let offer = offer.filter(|offer| rings && caller.media.may_ring(offer))?;
        let accepted = AudioPlan { direction: Direction::SendRecv, ..offer.plan.clone() };
        caller.media.write_answer(offer, &accepted).ok()
    }

    /// Begins the tone, once: at 180, or when media was announced and none comes.
    pub fn begin(&mut self, caller: &mut MediaEnd, status: Status, work: &mut Work<'_>) {
        let Some(ringing) = caller.media.ringback().filter(|_| *self == Ringback::Off) else { return };
        let (kind, after) = match status {
            Status::RINGING if !caller.is_open() => (Ringback::Alone, Duration::ZERO),
            Status::RINGING | Status::SESSION_PROGRESS => (Ringback::Announced, ANNOUNCED_MEDIA_GRACE),
            _ => return,
        };
        if !caller.is_open() {
            caller.apply_alone(work);
        }
        caller.ring(ringing, after, work);
        *self = kind;
    }

    /// Ends it: somebody answered, or this candidate rings no more.
    pub fn end(&mut self, caller: &MediaEnd, work: &mut Work<'_>) {
        if *self != Ringback::Off {
            caller.stop_ringing(work);
            *self = Ringback::Off;
        }
    }
}
