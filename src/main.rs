//! The one binary: parses arguments, runs one command, answers with its exit code.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Gives memory back: with glibc's, what a burst of sign-ins took (19 MiB each) stays with the process.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    rectify::cli::run()
}
