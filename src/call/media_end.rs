//! The media side of one leg: its description state and the endpoint that the relay serves for it.

use std::sync::Arc;
use std::time::Duration;

use super::effect::{Effect, Work};
use super::negotiate::LegMedia;
use super::record::LegMediaCounts;
use crate::base::ids::{EndpointId, WorkerId};
use crate::media::dtmf::HeardDigit;
use crate::media::plan::{EndpointCounts, EndpointPlan, Flowing, MediaCommand, RingingTone, Tone};

/// Whether the relay serves the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    /// Ports are held, nothing is open.
    Leased,
    /// It answers ICE's checks and does nothing else.
    Listening,
    Open,
    /// Closing was ordered; the counts have not come yet.
    Closing,
    Gone,
}

/// What [`MediaEnd::apply`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The endpoint serves media from now on: it must be joined to its partner.
    Opened,
    /// It was open before, or cannot be opened yet.
    Kept,
}

/// One leg's media.
#[derive(Clone, Debug)]
pub struct MediaEnd {
    pub media: LegMedia,
    endpoint: EndpointId,
    service: Service,
    plan: Option<Arc<EndpointPlan>>,
    /// Which ways media may flow, whatever the legs have settled.
    allowed: Flowing,
    counts: LegMediaCounts,
}

impl MediaEnd {
    /// Holds the lease in `media`; nothing is open.
    pub fn new(media: LegMedia, endpoint: EndpointId) -> MediaEnd {
        let (service, counts) = (Service::Leased, LegMediaCounts::default());
        MediaEnd { media, endpoint, service, plan: None, allowed: Flowing::BOTH, counts }
    }

    /// An endpoint that the relay serves already, with its legs' agreement not told yet ([`MediaEnd::continues`]).
    pub fn restored(media: LegMedia, endpoint: EndpointId) -> MediaEnd {
        MediaEnd { service: Service::Open, ..MediaEnd::new(media, endpoint) }
    }

    /// The relay does what both legs have settled already: nothing is told to it.
    pub fn continues(&mut self, other: &LegMedia) {
        self.plan = self.media.endpoint_plan(other).map(Arc::new);
    }

    /// Opens or reconfigures the endpoint so that it does what both legs have settled; until they have, it answers checks.
    pub fn apply(&mut self, other: &LegMedia, work: &mut Work<'_>) -> Applied {
        let Some(plan) = self.media.endpoint_plan(other) else {
            self.listen(work);
            return Applied::Kept;
        };
        self.obey(plan, work)
    }

    /// Opens the endpoint for ICE's checks, which may come as soon as the peer has our offer (MD-197). Without ICE in it
    /// nothing is opened.
    pub fn listen(&mut self, work: &mut Work<'_>) {
        if let (Service::Leased, Some(plan)) = (self.service, self.media.early_plan()) {
            self.service = Service::Listening;
            let (endpoint, lease, plan) = (self.endpoint, self.media.lease(), self.keep(plan));
            work.out.push(Effect::Media(MediaCommand::Open { endpoint, lease, plan }));
        }
    }

    /// The same while there is nobody to hear: the endpoint only speaks by itself.
    pub fn apply_alone(&mut self, work: &mut Work<'_>) {
        if let Some(plan) = self.media.lone_endpoint_plan() {
            self.obey(plan, work);
        }
    }

    /// From the next plan on media flows these ways only (RFC 5009).
    pub const fn allow(&mut self, ways: Flowing) {
        self.allowed = ways;
    }

    /// The plan in force from now on, for us and for the relay.
    fn keep(&mut self, plan: EndpointPlan) -> Arc<EndpointPlan> {
        Arc::clone(self.plan.insert(Arc::new(plan)))
    }

    fn obey(&mut self, mut plan: EndpointPlan, work: &mut Work<'_>) -> Applied {
        plan.flowing = plan.flowing.within(self.allowed);
        if self.plan.as_deref() == Some(&plan) {
            return Applied::Kept;
        }
        let (endpoint, lease, plan) = (self.endpoint, self.media.lease(), self.keep(plan));
        match self.service {
            Service::Leased => {
                self.service = Service::Open;
                work.out.push(Effect::Media(MediaCommand::Open { endpoint, lease, plan }));
                Applied::Opened
            }
            Service::Listening => {
                self.service = Service::Open;
                work.out.push(Effect::Media(MediaCommand::Configure { endpoint, lease, plan }));
                Applied::Opened
            }
            Service::Open => {
                work.out.push(Effect::Media(MediaCommand::Configure { endpoint, lease, plan }));
                Applied::Kept
            }
            Service::Closing | Service::Gone => Applied::Kept,
        }
    }

    /// The peer is told a digit through the relay.
    pub fn play_digit(&self, heard: HeardDigit, work: &mut Work<'_>) {
        if self.is_open() {
            let (endpoint, worker) = (self.endpoint, self.media.lease().worker);
            let HeardDigit { digit, duration } = heard;
            work.out.push(Effect::Media(MediaCommand::PlayDigit { endpoint, worker, digit, duration }));
        }
    }

    /// The peer hears a ringing tone until a packet of the other party comes; that is waited for, for `after`.
    pub fn ring(&self, ringing: RingingTone, after: Duration, work: &mut Work<'_>) {
        if self.is_open() {
            let (endpoint, worker) = (self.endpoint, self.media.lease().worker);
            work.out.push(Effect::Media(MediaCommand::PlayTone { endpoint, worker, tone: Tone { ringing, after } }));
        }
    }

    /// The ringing tone ends.
    pub fn stop_ringing(&self, work: &mut Work<'_>) {
        if self.is_open() {
            let (endpoint, worker) = (self.endpoint, self.media.lease().worker);
            work.out.push(Effect::Media(MediaCommand::StopTone { endpoint, worker }));
        }
    }

    /// The endpoint is served by another worker from now on; its state goes along.
    fn move_to(&mut self, worker: WorkerId, work: &mut Work<'_>) {
        let lease = self.media.lease();
        if lease.worker != worker && matches!(self.service, Service::Listening | Service::Open) {
            let endpoint = self.endpoint;
            work.out.push(Effect::Media(MediaCommand::Move { endpoint, lease, to: worker }));
            self.media.moved_to(worker);
        }
    }

    /// Gives the ports back: at once when nothing was opened, else the counts come first.
    pub fn close(&mut self, work: &mut Work<'_>) {
        let lease = self.media.lease();
        match self.service {
            Service::Leased => {
                self.service = Service::Gone;
                work.out.push(Effect::Media(MediaCommand::Return { lease }));
            }
            Service::Listening | Service::Open => {
                self.service = Service::Closing;
                work.out.push(Effect::Media(MediaCommand::Close { endpoint: self.endpoint, lease }));
            }
            Service::Closing | Service::Gone => {}
        }
    }

    /// The relay has closed the endpoint and tells what it saw.
    pub fn closed(&mut self, counts: &EndpointCounts) {
        self.service = Service::Gone;
        self.counts = LegMediaCounts {
            received: counts.received,
            sent: counts.sent,
            lost: counts.lost,
            jitter_us: counts.jitter_us,
            dropped: counts.dropped,
            unauthenticated: counts.unauthenticated,
            lost_there: counts.lost_there,
            round_trip_us: counts.round_trip_us,
            silence_ms: counts.silence_ms,
            silences: counts.silences,
            mos: counts.mos,
        };
    }

    /// Stops waiting for the relay.
    pub fn forget(&mut self) {
        self.service = Service::Gone;
    }

    /// True while media may flow at the endpoint.
    pub fn is_open(&self) -> bool {
        self.service == Service::Open
    }

    /// True when no port is held any more.
    pub fn is_gone(&self) -> bool {
        self.service == Service::Gone
    }

    pub const fn endpoint(&self) -> EndpointId {
        self.endpoint
    }

    /// What the relay counted; zeros until it has closed.
    pub const fn counts(&self) -> LegMediaCounts {
        self.counts
    }
}

/// Makes both endpoints do what the legs have settled, and joins them when one of them has just been opened.
pub fn connect(a: &mut MediaEnd, b: &mut MediaEnd, work: &mut Work<'_>) {
    let applied = [a.apply(&b.media, work), b.apply(&a.media, work)];
    if applied.contains(&Applied::Opened) && a.is_open() && b.is_open() {
        let worker = a.media.lease().worker;
        work.out.push(Effect::Media(MediaCommand::Attach { a: a.endpoint, b: b.endpoint, worker }));
    }
}

/// The same for two that may both be open: they are joined in any case, and leave earlier partners. `b` goes to the worker
/// of `a` when it is on another.
pub fn join(a: &mut MediaEnd, b: &mut MediaEnd, work: &mut Work<'_>) {
    b.move_to(a.media.lease().worker, work);
    a.apply(&b.media, work);
    b.apply(&a.media, work);
    if a.is_open() && b.is_open() {
        let worker = a.media.lease().worker;
        work.out.push(Effect::Media(MediaCommand::Attach { a: a.endpoint, b: b.endpoint, worker }));
    }
}
