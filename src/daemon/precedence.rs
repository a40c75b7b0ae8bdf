//! Whose turn it is where processors are short: media first (the relay's workers see to that themselves), then signalling,
//! then records, the log and what operators ask for. A thread that is woken meanwhile does not push aside one that answers a
//! call. Where the system does not allow it (`RLIMIT_NICE`), the threads are alike.

use std::cell::Cell;

use rustix::process::{getpriority_process, setpriority_process};

/// By how much the nice value of a thread that answers calls is below that of the others.
const SIGNALLING: i32 = 4;

thread_local! {
    static IS_RANKED: Cell<bool> = const { Cell::new(false) };
}

/// The calling thread answers calls. Its rank is asked for once, however often this is called.
pub fn signalling() {
    if !IS_RANKED.replace(true) {
        let _ = getpriority_process(None).and_then(|nice| setpriority_process(None, nice.saturating_sub(SIGNALLING)));
    }
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
            (before - after, setpriority_process(None, after - 1).is_ok())
        });
        let (gained, allowed) = thread.join().unwrap();
        assert_eq!(gained, if allowed { SIGNALLING } else { 0 });
    }
}
