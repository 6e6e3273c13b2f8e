//! The engine: finds what is due, records who is told, and queues it. For the server, the command line and the sandbox.
//!
//! `tick` takes due subjects in pages → `store::watched` is what the rules know of them → `plan` asks the domain which steps are
//! owed, writes the ledger rows and the lines of digests → `mail::courier` sends them. `runner` does both by itself, while
//! `vigil` believes the clock.

mod plan;
mod runner;
mod tick;
mod vigil;

pub use runner::{Health, Runner, start};
pub use tick::{Pace, tick, tick_at};
pub use vigil::{Passed, is_believed};

use crate::mail::{Courier, Pauses};
use crate::store::StoreError;
use crate::transaction::{Outcome, World};
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

/// One look at what is due now, then deliveries until nothing is left that can be delivered now: what a sandbox's jump, a
/// test and `rectify remind` do. No further look is made in between, and a pause of the channel doesn't hold.
///
/// Digests found due outside the window stay queued for the next settling inside it.
///
/// # Errors
/// When the database can't be read or written.
pub async fn settle(world: &World, courier: &mut Courier) -> Outcome<Tally> {
    settle_after(world, courier, |_| Ok(())).await
}

/// `settle` after `first`, which may set a sandbox's clock.
async fn settle_after<F>(world: &World, courier: &mut Courier, first: F) -> Outcome<Tally>
where
    F: FnOnce(&World) -> Outcome<()> + Send + 'static,
{
    let looking = world.clone();
    let look = tokio::task::spawn_blocking(move || {
        first(&looking)?;
        tick(&looking)
    });
    let mut tally = look.await.map_err(|fault| StoreError::Panicked(fault.to_string()))??;
    let delivered = courier.until_idle(Pauses::Ignored).await?;
    tally.sent += delivered.sent;
    tally.cancelled += delivered.cancelled;
    Ok(tally)
}
