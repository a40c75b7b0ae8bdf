//! The binary: hands the command line to the library and its outcome to the shell.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    keep_pages_small();
    trunkline::cli::main(std::env::args_os()).into()
}

/// Memory grows by pages of 4 KiB, whatever the allocator asks the system for. A page of 2 MiB is cleared as a whole
/// when a call touches its first octet, and that call's messages wait for it: a millisecond or two, several times in
/// each second of a busy node.
fn keep_pages_small() {
    // A kernel without huge pages has nothing to turn off.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
