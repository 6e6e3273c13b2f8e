//! What a line says to its reader: the one thing to do next, and what stands beside it.

use super::content::{NextStep, Note, Standing};
use crate::domain::id::UnitId;
use crate::domain::reminder::Told;
use crate::domain::vocabulary::{Ball, Pending, Severity, State};
use crate::store::ledger::ReminderRow;
use crate::store::tickets::TicketRow;

/// How the reader has to do with the ticket, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reader {
    Lead,
    Co,
    /// The office, or the unit above.
    Superior,
}

impl Reader {
    /// By the nearest role in which they are told.
    pub fn of(rows: &[&ReminderRow], lead: UnitId) -> Self {
        let readers = rows.iter().map(|row| match row.told() {
            Some(Told::Liaison | Told::Leader | Told::FormerUnit | Told::UnansweredLiaisons) => Self::Lead,
            Some(Told::Fallback) if row.recipient_unit_id == Some(lead) => Self::Lead,
            Some(Told::CoUnits | Told::Fallback) => Self::Co,
            Some(Told::ParentLeader | Told::Coordinators) | None => Self::Superior,
        });
        readers.min().unwrap_or(Self::Superior)
    }
}

/// The one thing to do next.
pub(super) fn next_step(state: State, standing: Standing, reader: Reader) -> NextStep {
    match (state, reader) {
        (State::Submitted, Reader::Superior) => NextStep::Review,
        (State::Accepted, Reader::Superior) => NextStep::LookBack,
        (State::Accepted, Reader::Lead) => NextStep::AwaitLookBack,
        (State::Submitted | State::Closed | State::Cancelled, _) | (State::Accepted, Reader::Co) => NextStep::Nothing,
        (State::Issued | State::InProgress | State::Returned | State::Carried, Reader::Superior) => NextStep::Supervise,
        (State::Issued | State::InProgress | State::Returned | State::Carried, Reader::Co) => NextStep::Contribute,
        (State::Returned, Reader::Lead) => NextStep::Rework,
        (State::Carried, Reader::Lead) => NextStep::ReachMilestone,
        (State::Issued | State::InProgress, Reader::Lead) => match standing {
            Standing::Overdue { .. } => NextStep::FileFeedbackNow,
            Standing::DueToday => NextStep::FileFeedbackToday,
            Standing::WorkingDaysLeft { .. }
            | Standing::WaitingForReview { .. }
            | Standing::LookBackDue { .. }
            | Standing::Settled { .. } => {
                if state == State::Issued {
                    NextStep::Acknowledge
                } else {
                    NextStep::Rectify
                }
            }
        },
    }
}

pub(super) fn notes(row: &TicketRow, reader: Reader) -> Vec<Note> {
    let some = |is: bool, note: Note| is.then_some(note);
    let returned = u32::try_from(row.cycle - 1).ok().filter(|times| *times > 0 && row.state == State::Returned);
    let is_units_move = row.state.ball() == Ball::Unit;
    [
        some(row.state == State::Issued, Note::NotAcknowledged),
        some(row.severity == Severity::Prominent, Note::Prominent),
        some(reader == Reader::Co, Note::CoUnit),
        some(row.pending == Some(Pending::Extension), Note::ExtensionPending),
        some(row.pending == Some(Pending::Objection), Note::ObjectionPending),
        some(row.provisional && is_units_move, Note::Provisional),
        some(row.state == State::Carried, Note::Carried),
        returned.map(|times| Note::Returned { times }),
    ]
    .into_iter()
    .flatten()
    .collect()
}
