//! Milestones (阶段目标) of a carried ticket: the unit reports one, the office accepts it as reached or sends it back.

use crate::domain::id::MilestoneId;
use crate::domain::instant::Instant;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What will be reached when, as it comes in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMilestone {
    pub on: NaiveDate,
    pub text: String,
}

/// One milestone and how far it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Milestone {
    pub id: MilestoneId,
    pub on: NaiveDate,
    pub text: String,
    /// When the unit last said that it is reached; null again once that was sent back.
    pub reported_at: Option<Instant>,
    /// When it was accepted as reached.
    pub reached_at: Option<Instant>,
}

impl Milestone {
    #[must_use]
    pub fn new(id: MilestoneId, new: NewMilestone) -> Self {
        Self { id, on: new.on, text: new.text, reported_at: None, reached_at: None }
    }

    /// Reported, and not decided on yet.
    #[must_use]
    pub const fn waits(&self) -> bool {
        self.reported_at.is_some() && self.reached_at.is_none()
    }

    /// What the timeline says of it.
    pub(super) fn told(&self) -> Value {
        json!({"id": self.id, "on": self.on, "text": self.text})
    }
}

/// The earliest that is open gets another date, and none that is open lies before it: it stays the earliest.
pub(super) fn move_next(milestones: &mut [Milestone], to: NaiveDate) {
    let Some(earliest) = next(milestones).map(|milestone| milestone.id) else { return };
    for milestone in milestones.iter_mut().filter(|milestone| milestone.reached_at.is_none()) {
        if milestone.id == earliest || milestone.on < to {
            milestone.on = to;
        }
    }
}

/// The earliest that is not accepted as reached: its date is when the ticket is due.
pub(super) fn next(milestones: &[Milestone]) -> Option<&Milestone> {
    milestones.iter().filter(|milestone| milestone.reached_at.is_none()).min_by_key(|milestone| milestone.on)
}
