//! The sandbox's clock as the doors turn it. What a jump leads to is the engine's; whoever starts the server ties it in.

use crate::domain::actor::Actor;
use crate::domain::instant::Instant;
use crate::transaction::Outcome;
use serde::Serialize;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What a jump came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Jump {
    /// The office's time from now on.
    pub now: Instant,
    /// Mails queued.
    pub planned: usize,
    /// Mails handed over.
    pub sent: usize,
    /// Reminders recorded that nobody is told.
    pub skipped: usize,
    /// Reminders that had been queued and no longer held.
    pub cancelled: usize,
}

/// Sets the clock as this actor: refuses who is no admin and what lies in the past.
pub type Turn = Arc<dyn Fn(Actor, Instant) -> Pin<Box<dyn Future<Output = Outcome<Jump>> + Send>> + Send + Sync>;
