//! Whose turn it is where processors are short: media first (the relay's workers see to that themselves), then
//! signalling, then records, the log and what operators ask for. A thread that is woken meanwhile does not push aside
//! one that answers a call. Where the system does not allow it (`RLIMIT_NICE`), or not as far as media goes, the
//! threads are alike: signalling alone would go before the audio.

use std::cell::Cell;
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{getpriority_process, setpriority_process};

use crate::relay::PRECEDENCE;

/// By how much the nice value of a thread that answers calls is below that of the others.
const SIGNALLING: i32 = 4;

thread_local! {
    static IS_RANKED: Cell<bool> = const { Cell::new(false) };
}

/// The calling thread answers calls. Its rank is asked for once, however often this is called.
pub fn signalling() {
    if !IS_RANKED.replace(true) && is_allowed() {
        let _ = rise(SIGNALLING);
    }
}

/// Whether threads may be ranked; the log tells once where they may not.
fn is_allowed() -> bool {
    static ALLOWED: OnceLock<bool> = OnceLock::new();
    *ALLOWED.get_or_init(|| {
        // In a thread of its own: what is tried stays with it.
        let tried = std::thread::spawn(|| rise(PRECEDENCE)).join();
        let is_allowed = matches!(tried, Ok(Ok(())));
        if !is_allowed {
            tracing::info!(
                "threads are not ranked: where processors are short, audio waits beside records and log; allow it by LimitNICE=-13 in the unit, or --ulimit nice=33"
            );
        }
        is_allowed
    })
}

fn rise(by: i32) -> Result<(), Errno> {
    getpriority_process(None).and_then(|nice| setpriority_process(None, nice.saturating_sub(by)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_calls_goes_before_the_others_where_that_is_allowed() {
        let thread = std::thread::spawn(|| {
            let before = getpriority_process(None).unwrap();
            signalling();
            signalling();
            let after = getpriority_process(None).unwrap();
            before - after
        });
        assert_eq!(thread.join().unwrap(), if is_allowed() { SIGNALLING } else { 0 });
    }
}
