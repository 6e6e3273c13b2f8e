//! From the start of the process to its first answer, and what it holds while nobody asks.

use crate::place::Scratch;
use crate::program::Server;
use crate::report::{Aim, Report};
use crate::{Done, median};
use std::thread::sleep;
use std::time::Duration;

pub fn run(quick: bool) -> Done<()> {
    let mut report = Report::new("start", quick);
    let scratch = Scratch::new("start")?;
    let first = Server::start(scratch.path(), "demo", &[])?;
    report.add("`rectify demo`, a new sandbox: first answer", first.answered_after.as_secs_f64(), "s");
    drop(first);
    let (rounds, idle) = if quick { (2, 200) } else { (9, 3_000) };
    let mut starts = Vec::new();
    let mut memory = 0.0;
    for round in 0..rounds {
        let server = Server::start(scratch.path(), "demo", &[])?;
        starts.push(server.answered_after.as_secs_f64());
        if round + 1 == rounds {
            sleep(Duration::from_millis(idle));
            memory = server.memory_mb()?;
        }
    }
    report.add("an existing sandbox: first answer", median(starts), "s").aim(Aim::AtMost(0.1));
    report.add("idle memory", memory, "MB").aim(Aim::AtMost(30.0));
    report.finish()
}
