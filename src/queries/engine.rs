//! How the reminder engine and its mail are doing: one answer for the desk, `/readyz`, the metrics and the command line.

use crate::domain::actor::Actor;
use crate::domain::instant::Instant;
use crate::domain::reminder::MessageState;
use crate::domain::vocabulary::Role;
use crate::store::outbox::{self, Hold, Pause};
use crate::store::{ledger, reference};
use crate::transaction::{Outcome, Read};
use chrono::TimeDelta;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Mail that is not done with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MailFigures {
    /// Messages by state; sent and cancelled ones are not counted.
    pub by_state: BTreeMap<MessageState, i64>,
    /// Since when the longest-waiting mail could have left; null where none is late.
    #[schema(required = true)]
    pub oldest_due_at: Option<Instant>,
}

/// The engine at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EngineOut {
    /// The office's time.
    pub now: Instant,
    /// The last look at the reminders that was noted, by any process.
    #[schema(required = true)]
    pub looked_at: Option<Instant>,
    pub mail: MailFigures,
    /// The mail channel is at fault and rests for a while.
    #[schema(required = true)]
    pub pause: Option<Pause>,
    /// The clock leapt: nothing is planned or sent until an admin accepts its time.
    #[schema(required = true)]
    pub clock_hold: Option<Hold>,
    /// Number of the calendar and rules in force; another process that shows an older one lags behind.
    pub reference_version: i64,
}

/// A look that went through is noted at least so often; see `reminders::tick`.
const NOTED: TimeDelta = TimeDelta::minutes(5);

impl EngineOut {
    /// Without what a mail server said: whoever asks without a sign-in has no business with it.
    #[must_use]
    pub fn for_anyone(mut self) -> Self {
        if let Some(pause) = &mut self.pause {
            pause.reason.clear();
        }
        self
    }

    /// Since when no process has looked at the reminders, if that is longer than `patience` and what lies between two notes
    /// of a look. While the clock is not believed nobody looks, and that is no fault of the planner.
    #[must_use]
    pub fn silent_since(&self, patience: TimeDelta) -> Option<Instant> {
        self.looked_at.filter(|at| self.clock_hold.is_none() && at.plus(patience).plus(NOTED) < self.now)
    }
}

/// # Errors
/// When the reader is not of the office.
pub fn get(read: &mut Read<'_>, actor: &Actor) -> Outcome<EngineOut> {
    actor.require(&Role::OFFICE)?;
    state(read)
}

/// The same for whoever watches the process.
pub fn state(read: &mut Read<'_>) -> Outcome<EngineOut> {
    let by_state = outbox::open_counts(read.conn)?.into_iter().collect();
    Ok(EngineOut {
        now: read.now,
        looked_at: ledger::looked_at(read.conn)?,
        mail: MailFigures { by_state, oldest_due_at: outbox::oldest_due(read.conn, read.now)? },
        pause: outbox::pause(read.conn)?,
        clock_hold: outbox::hold(read.conn)?,
        reference_version: reference::version(read.conn)?,
    })
}
