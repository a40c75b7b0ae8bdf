//! What the service manager is told (sd_notify). Without one there is nobody to tell, and one that does not read holds
//! nobody up for long.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

/// How long a manager whose queue is full may take: whoever tells it has calls to serve.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the end may take beyond the drain: the last calls' BYEs, records, threads.
const END: Duration = Duration::from_secs(30);

/// The process serves.
pub fn ready() {
    send(&[NotifyState::Ready, NotifyState::Status("serving")]);
}

/// It takes no new calls any more, and ends within `drain` and a little more: a manager that waits for less
/// (`TimeoutStopSec=`) would kill it with calls and their records.
pub fn stopping(drain: Duration) {
    let end = (drain + END).as_micros();
    // A count of microseconds that the crate's own variant has no room for: a drain may take a day.
    let extended = format!("EXTEND_TIMEOUT_USEC={end}");
    send(&[NotifyState::Stopping, NotifyState::Custom(&extended), NotifyState::Status("draining")]);
}

/// The configuration is being read again; [`ready`] follows, whatever comes of it.
pub fn reloading() {
    let begun = NotifyState::monotonic_usec_now().ok();
    let states: Vec<NotifyState<'_>> = [Some(NotifyState::Reloading), begun].into_iter().flatten().collect();
    send(&states);
}

/// It lives.
pub fn alive() {
    send(&[NotifyState::Watchdog]);
}

fn send(states: &[NotifyState<'_>]) {
    let Some(manager) = env::var_os("NOTIFY_SOCKET") else { return };
    let text: String = states.iter().map(|state| format!("{state}\n")).collect();
    if let Err(error) = told(&manager, text.as_bytes()) {
        tracing::warn!(%error, "the service manager does not hear");
    }
}

fn told(manager: &OsStr, text: &[u8]) -> io::Result<()> {
    let address = match manager.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(manager)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.send_to_addr(text, &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_that_does_not_read_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let _manager = UnixDatagram::bind(&path).unwrap();
        let refused = (0..10_000).find_map(|_| told(path.as_os_str(), b"READY=1\n").err());
        assert_eq!(refused.map(|error| error.kind()), Some(io::ErrorKind::WouldBlock));
    }

    #[test]
    fn a_name_that_begins_with_an_at_sign_stands_in_no_directory() {
        let name = format!("trunkline-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        told(OsStr::new(&format!("@{name}")), b"READY=1\n").unwrap();
        let mut octets = [0; 64];
        let length = manager.recv(&mut octets).unwrap();
        assert_eq!(&octets[..length], b"READY=1\n");
    }
}
