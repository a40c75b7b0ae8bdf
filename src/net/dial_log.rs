//! What the log says of connections that we dial: one line when a target stops taking them, one when it takes them again.
//! What fails in between is counted, and said at debug.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::base::bounds::Bound;
use crate::base::limits::DIALLED_TARGETS;
use crate::sip::flow::{Target, Transport};

/// A target that changes its state more often is said so once in this time.
const PAUSE: Duration = Duration::from_secs(60);

/// Whether something is worth a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    Line,
    Nothing,
}

/// How far the last line about a target is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// It was said to take no connection.
    Fails(Instant),
    /// It was said to take them again.
    Works(Instant),
}

impl Said {
    const fn at(self) -> Instant {
        match self {
            Said::Fails(at) | Said::Works(at) => at,
        }
    }
}

/// Address, and the name that TLS asks for.
type Place = (SocketAddr, &'static str, String);

/// See the module.
#[derive(Debug, Default)]
pub struct DialLog {
    said: Mutex<BTreeMap<Place, Said>>,
}

impl DialLog {
    /// A dial failed.
    pub fn failed(&self, now: Instant, target: &Target) -> Worth {
        let (mut said, place) = (self.lock(), place(target));
        match said.get(&place) {
            Some(Said::Fails(_)) => return Worth::Nothing,
            Some(Said::Works(at)) if now.saturating_duration_since(*at) < PAUSE => return Worth::Nothing,
            Some(Said::Works(_)) => {}
            None => make_room(&mut said, now),
        }
        if said.len() >= DIALLED_TARGETS && !said.contains_key(&place) {
            Bound::DialledTargets.reached();
            return Worth::Nothing;
        }
        said.insert(place, Said::Fails(now));
        Worth::Line
    }

    /// A dial succeeded.
    pub fn works(&self, now: Instant, target: &Target) -> Worth {
        match self.lock().get_mut(&place(target)) {
            Some(said @ Said::Fails(_)) => {
                *said = Said::Works(now);
                Worth::Line
            }
            Some(Said::Works(_)) | None => Worth::Nothing,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Said>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of a full table what was said long ago goes, as if it had never been.
fn make_room(said: &mut BTreeMap<Place, Said>, now: Instant) {
    if said.len() >= DIALLED_TARGETS {
        said.retain(|_, said| now.saturating_duration_since(said.at()) < PAUSE);
    }
}

fn place(target: &Target) -> Place {
    let transport: Transport = target.transport;
    let name = target.tls.as_ref().map(|tls| tls.server_name.clone()).unwrap_or_default();
    (target.address, transport.uri_token(), name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::ListenerId;
    use crate::sip::flow::KeepAlive;

    fn target(port: usize) -> Target {
        let port = u16::try_from(port).unwrap();
        let address = SocketAddr::from(([192, 0, 2, 1], port));
        let (transport, listener, tls) = (Transport::Tcp, ListenerId(0), None);
        Target { transport, address, listener, tls, keep_alive: KeepAlive::OfListener }
    }

    #[test]
    fn each_change_of_state_has_one_line() {
        let (log, start) = (DialLog::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(log.works(at(0), &target(1)), Worth::Nothing, "nothing was wrong");
        assert_eq!(log.failed(at(1), &target(1)), Worth::Line);
        assert_eq!(log.failed(at(500), &target(1)), Worth::Nothing);
        assert_eq!(log.failed(at(500), &target(2)), Worth::Line, "another target");
        assert_eq!(log.works(at(501), &target(1)), Worth::Line);
        assert_eq!(log.works(at(502), &target(1)), Worth::Nothing);
    }

    #[test]
    fn a_target_that_flaps_is_quiet_for_a_minute() {
        let (log, start) = (DialLog::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let round = |seconds| (log.failed(at(seconds), &target(1)), log.works(at(seconds + 1), &target(1)));
        assert_eq!(round(0), (Worth::Line, Worth::Line));
        assert_eq!(round(30), (Worth::Nothing, Worth::Nothing));
        assert_eq!(round(62), (Worth::Line, Worth::Line));
    }

    #[test]
    fn a_full_table_says_nothing_more_and_forgets_what_is_old() {
        let (log, start) = (DialLog::default(), Instant::now());
        for port in 0..DIALLED_TARGETS {
            assert_eq!(log.failed(start, &target(port)), Worth::Line);
        }
        assert_eq!(log.failed(start, &target(DIALLED_TARGETS)), Worth::Nothing);
        assert_eq!(log.lock().len(), DIALLED_TARGETS);
        assert_eq!(log.failed(start + PAUSE, &target(DIALLED_TARGETS)), Worth::Line);
    }
}
