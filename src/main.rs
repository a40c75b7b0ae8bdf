//! The binary: hands the command line to the library and its outcome to the shell.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    trunkline::cli::main(std::env::args_os()).into()
}
