//! What the service manager is told (sd_notify). Without one there is nobody to tell.

use sd_notify::NotifyState;

/// The process serves.
pub fn ready() {
    send(&[NotifyState::Ready, NotifyState::Status("serving")]);
}

/// It takes no new calls any more, and ends.
pub fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// The configuration is being read again; [`ready`] follows, whatever comes of it.
pub fn reloading() {
    let begun = NotifyState::monotonic_usec_now().ok();
    let states: Vec<NotifyState<'_>> = [Some(NotifyState::Reloading), begun].into_iter().flatten().collect();
    send(&states);
}

fn send(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
