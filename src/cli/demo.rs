//! `trunkline demo`: proves the product on this machine in a quarter of a minute (see `lab::demo`).

use std::time::Duration;

use super::exit::Exit;
use crate::lab::demo::{self, Afterwards, Verdict, Wish};

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemoOptions {
    /// UDP is there, TLS one above, metrics two above.
    pub base_port: u16,
    /// Leaves the daemon running until Ctrl-C.
    pub keep: bool,
    /// Two-way audio of each long call, at least 1.
    pub seconds: u64,
}

impl Default for DemoOptions {
    fn default() -> DemoOptions {
        DemoOptions { base_port: 5060, keep: false, seconds: 10 }
    }
}

/// Runs the demo to its end; all output goes to the terminal.
pub fn run(options: DemoOptions) -> Exit {
    let afterwards = if options.keep { Afterwards::Keep } else { Afterwards::Stop };
    let talk = Duration::from_secs(options.seconds.max(1));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let verdict = match runtime {
        Ok(runtime) => runtime.block_on(demo::run(Wish { base_port: options.base_port, talk, afterwards })),
        Err(error) => {
            eprintln!("no runtime: {error}");
            Verdict::Findings
        }
    };
    match verdict {
        Verdict::Passed => Exit::Ok,
        Verdict::Findings => Exit::Findings,
        Verdict::PortTaken => Exit::Taken,
    }
}
