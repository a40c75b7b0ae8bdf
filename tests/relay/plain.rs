//! An endpoint as most tests want it; what a test is about, it changes.

use trunkline::media::plan::{
    ClockRate, DtmfMode, EndpointPlan, Flowing, Keying, LocalSound, PayloadMap, Protection, RemoteMedia, SourceRule,
};

/// Plain RTP to where the far end was described; everything flows, payload types are as they are, nothing is watched.
pub fn plain(remote: RemoteMedia) -> EndpointPlan {
    EndpointPlan {
        remote: Some(remote),
        sources: SourceRule::Described,
        rules: Default::default(),
        protection: Protection::Rtp,
        keying: Keying::default(),
        clock: ClockRate::NARROW_BAND,
        flowing: Flowing { send: true, receive: true },
        payloads: PayloadMap(std::array::from_fn(|i| i as u8)),
        event_payload: None,
        ice: None,
        silence: None,
        dtmf: DtmfMode::default(),
        sound: LocalSound::default(),
    }
}
