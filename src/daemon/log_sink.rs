//! The way of a line to standard error: through a queue and a thread of its own, so that whoever reads the log late, or not at
//! all, stops no call (S-L2). What finds the queue full is lost, and counted.

use std::io::{self, Write};
use std::iter;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder, Thread};
use std::time::Duration;

use crate::base::limits::LOG_LINES;
use crate::metrics::log::DROPS;

/// How long the end of the process waits for its last lines to be taken.
const LAST_LINES: Duration = Duration::from_secs(1);
/// The pause after lines were written: a line that comes alone is written at once, and of many a second all that came
/// meanwhile are written together. To wake a thread for each costs a call more than its line.
const GATHER: Duration = Duration::from_millis(200);
/// Octets of lines written with one call; a longer line is written alone.
const AT_ONCE: usize = 16 * 1024;

enum Entry {
    Line(Box<[u8]>),
    /// Everything before it has been written when this is told.
    Flush(SyncSender<()>),
}

/// Takes lines from any thread.
#[derive(Clone)]
pub struct LogSink {
    queue: SyncSender<Entry>,
    /// `None`: there is no thread.
    writer: Option<Thread>,
}

impl LogSink {
    /// A sink that writes to `out`. Where the system gives no thread every line is lost, and the daemon will not start.
    pub fn start(out: impl Write + Send + 'static) -> LogSink {
        let (queue, entries) = sync_channel(LOG_LINES);
        let thread = Builder::new().name("log".to_owned()).spawn(move || write(&entries, out));
        LogSink { queue, writer: thread.ok().map(|thread| thread.thread().clone()) }
    }

    /// Waits until everything before it is written, at most a second.
    pub fn flush(&self) {
        let (told, hears) = sync_channel(1);
        // With a full queue nobody takes lines: there is nothing to wait for.
        if self.queue.try_send(Entry::Flush(told)).is_ok() {
            self.writer.iter().for_each(Thread::unpark);
            let _ = hears.recv_timeout(LAST_LINES);
        }
    }
}

fn write(entries: &Receiver<Entry>, mut out: impl Write) {
    let mut lines = Vec::new();
    while let Ok(first) = entries.recv() {
        for entry in iter::once(first).chain(entries.try_iter()) {
            match entry {
                Entry::Line(line) => gather(&line, &mut lines, &mut out),
                Entry::Flush(told) => {
                    put(&mut lines, &mut out);
                    let _ = out.flush();
                    let _ = told.try_send(());
                }
            }
        }
        put(&mut lines, &mut out);
        thread::park_timeout(GATHER);
    }
}

/// Adds a line to those that leave together.
fn gather(line: &[u8], lines: &mut Vec<u8>, out: &mut impl Write) {
    if lines.len() + line.len() > AT_ONCE {
        put(lines, out);
    }
    lines.extend_from_slice(line);
}

/// What is not taken is lost and counted, and nothing else: where should it be said?
fn put(lines: &mut Vec<u8>, out: &mut impl Write) {
    if !lines.is_empty() && out.write_all(lines).is_err() {
        let lost = lines.iter().filter(|octet| **octet == b'\n').count();
        DROPS.failed.fetch_add(u64::try_from(lost).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
    lines.clear();
}

impl Write for LogSink {
    /// One line, whole: the subscriber writes each with one call.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if !octets.is_empty() && self.queue.try_send(Entry::Line(octets.into())).is_err() {
            DROPS.sink.fetch_add(1, Ordering::Relaxed);
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Takes nothing until it is let.
    #[derive(Clone, Default)]
    struct Gate {
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.written.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A disk that is full, or a pipe whose reader has gone.
    struct Refuses;

    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_standard_error_refuses_are_counted() {
        let mut sink = LogSink::start(Refuses);
        let before = DROPS.failed.load(Ordering::Relaxed);
        for _ in 0..3 {
            sink.write_all(b"a line\n").unwrap();
        }
        while DROPS.failed.load(Ordering::Relaxed) - before < 3 {
            sink.flush();
        }
    }

    #[test]
    fn a_reader_that_takes_nothing_holds_nobody_and_what_is_lost_is_counted() {
        let gate = Gate::default();
        let mut sink = LogSink::start(gate.clone());
        let before = DROPS.sink.load(Ordering::Relaxed);
        let shut = gate.written.lock().unwrap();
        let in_hand = AT_ONCE / b"a line\n".len() + 1;
        for _ in 0..LOG_LINES + in_hand + 10 {
            sink.write_all(b"a line\n").unwrap();
        }
        // The writing thread may hold in its hand what leaves at once, and the line that was too many.
        assert!(DROPS.sink.load(Ordering::Relaxed) - before >= 9);
        drop(shut);
        while sink.queue.try_send(Entry::Line(Box::from(*b"last\n"))).is_err() {
            std::thread::yield_now();
        }
        loop {
            sink.flush();
            if gate.written.lock().unwrap().ends_with(b"last\n") {
                break;
            }
        }
        let written = gate.written.lock().unwrap();
        assert!(written.len() >= LOG_LINES * b"a line\n".len());
    }
}
