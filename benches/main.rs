//! What the product takes of a machine, beside what the machine allows, measured on the binary of the bench profile.
//!
//! - `cargo bench` runs all of it (about ten minutes, the first time some more: a million tickets are made and kept in
//!   `target/bench/data`, 2 GB); `cargo bench -- mail tick` runs those; `cargo bench -- --quick` runs everything small,
//!   in less than a minute, to see that it works: its figures mean nothing.
//! - Each bench prints a table and writes `target/bench/NAME.json`. "limit" is the same work without us in the same run.
//!   On a machine that does other work only the ratios and the processor times count.
//! - `smtp-sink` and `smtp-source` (Debian: postfix) are looked for; what needs them is skipped where they are missing.
//!   All traffic stays on the loopback.
#![expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "figures for people, and a bench that panics has told enough"
)]

mod load;
mod mail;
mod office;
mod overdue;
mod peers;
mod place;
mod program;
mod progress;
mod relay;
mod report;
mod start;
mod tick;

use std::process::ExitCode;

/// What a bench came to, or why it could not run.
type Done<T> = Result<T, Box<dyn std::error::Error>>;

/// A bench, told whether it is to be quick.
type Bench = fn(bool) -> Done<()>;

const BENCHES: [(&str, Bench); 6] = [
    ("start", start::run),
    ("progress", progress::run),
    ("mail", mail::run),
    ("peers", peers::run),
    ("tick", tick::run),
    ("overdue", overdue::run),
];

fn main() -> ExitCode {
    // `cargo bench` adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let is_quick = words.iter().any(|word| word == "--quick");
    let names: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "--quick").collect();
    let known = BENCHES.map(|(name, _)| name);
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        eprintln!("no bench is called {unknown}; there are {} and --quick", known.join(", "));
        return ExitCode::from(2);
    }
    let mut failed = false;
    for (name, bench) in BENCHES.iter().filter(|(name, _)| names.is_empty() || names.contains(name)) {
        if let Err(fault) = bench(is_quick) {
            eprintln!("\n{name} failed: {fault}");
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The one in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
