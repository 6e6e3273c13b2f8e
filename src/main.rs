//! The one binary: parses arguments, runs one command, answers with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    rectify::cli::run()
}
