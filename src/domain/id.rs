//! Ids as newtypes over UUIDv7, so that a unit's id can't be passed where a ticket's is meant. For every room.

use crate::domain::instant::Instant;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    /// A responsible unit (单位).
    UnitId,
    /// A person or a service account.
    UserId,
    /// An inspection round (通报).
    NoticeId,
    /// A finding (问题) of a notice.
    FindingId,
    /// A requirement (工作要求) of a notice.
    RequirementId,
    /// A website or a new-media account (检查对象).
    AssetId,
    /// A rectification ticket (整改任务).
    TicketId,
    /// A milestone (阶段目标) of a carried ticket.
    MilestoneId,
    /// A letter of written feedback (书面反馈), one version.
    FeedbackId,
    /// One ticket's part of a letter.
    FeedbackItemId,
    /// An uploaded file.
    AttachmentId,
    /// What a reminder is about: a ticket or a notice by its own id, the office by zeros.
    SubjectId,
    /// A ledger row of the reminder engine.
    ReminderId,
    /// A mail in the outbox.
    MessageId,
    /// One worker's claim of some messages (the fencing token), or one tick.
    LeaseId,
    /// A line of a timeline.
    EventId,
    /// An access token.
    TokenId,
    /// A browser session.
    SessionId,
}

impl MessageId {
    /// Not after any that is drawn at this moment or later.
    #[must_use]
    pub fn first_of(at: Instant) -> Self {
        first_of(at).into()
    }
}

impl EventId {
    /// Not after any that is drawn at this moment or later.
    #[must_use]
    pub fn first_of(at: Instant) -> Self {
        first_of(at).into()
    }
}

fn first_of(at: Instant) -> Uuid {
    let millis = u128::try_from(at.micros() / 1_000).unwrap_or(0);
    Uuid::from_u128(millis << 80)
}

impl SubjectId {
    pub const OFFICE: Self = Self(Uuid::nil());
}

impl From<TicketId> for SubjectId {
    fn from(id: TicketId) -> Self {
        Self(id.0)
    }
}

impl From<NoticeId> for SubjectId {
    fn from(id: NoticeId) -> Self {
        Self(id.0)
    }
}
