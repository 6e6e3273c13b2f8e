//! The engine: finds what is due, records who is told, and queues it. For the server, the command line and the sandbox.
//!
//! `tick` takes due subjects in pages → `facts` are what the rules know of them → `plan` asks the domain which steps are
//! owed, writes the ledger rows and the lines of digests → `mail::courier` sends them. `runner` does both by itself.

mod facts;
mod plan;
mod tick;

pub use tick::tick;

use serde::Serialize;
use std::ops::AddAssign;

/// What a look at the reminders came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Tally {
    /// Mails queued.
    pub planned: usize,
    /// Reminders that these mails are to tell.
    pub lines: usize,
    /// Mails handed over.
    pub sent: usize,
    /// Reminders recorded that nobody is told.
    pub skipped: usize,
    /// Reminders that had been queued and no longer held.
    pub cancelled: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.planned += other.planned;
        self.lines += other.lines;
        self.sent += other.sent;
        self.skipped += other.skipped;
        self.cancelled += other.cancelled;
    }
}
