//! Sessions as their user reads them: where they are signed in.

use crate::domain::actor::Actor;
use crate::domain::id::{SessionId, UserId};
use crate::domain::instant::Instant;
use crate::queries::page::{Ask, Slice};
use crate::queries::people::Identity;
use crate::queries::users::whose;
use crate::store::sessions::{self, Lasting, SessionRow};
use crate::transaction::{Outcome, Read};
use chrono::TimeDelta;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// A browser in which somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionOut {
    pub id: SessionId,
    pub user_id: UserId,
    pub created_at: Instant,
    /// Its last use, to the minute.
    pub seen_at: Instant,
    /// It ends then in any case.
    pub expires_at: Instant,
    /// Is it the one that asks?
    pub current: bool,
    pub version: i64,
}

/// Sessions that have not ended, in the order in which they were begun. `idle`: how long one lasts without a request.
///
/// # Errors
/// When another's are asked for by somebody who is no admin, or there is no such user.
pub fn list(
    read: &mut Read<'_>,
    who: &Identity,
    idle: Duration,
    user: Option<&str>,
    ask: &Ask,
) -> Outcome<Slice<SessionOut>> {
    let actor: &Actor = who;
    let user = whose(read, actor, user)?;
    let idle = TimeDelta::from_std(idle).unwrap_or(TimeDelta::MAX);
    let lasting = Lasting { user, now: read.machine_now, seen_after: read.machine_now.minus(idle) };
    let rows = sessions::list(read.conn, lasting, ask.after()?, ask.fetch())?;
    let total = if ask.count { Some(sessions::count(read.conn, lasting)?) } else { None };
    let current = who.via.session();
    Ok(ask.slice(rows, total, |row| row.id).map(|row: SessionRow| SessionOut {
        current: current == Some(row.id),
        id: row.id,
        user_id: row.user_id,
        created_at: row.created_at,
        seen_at: row.seen_at,
        expires_at: row.expires_at,
        version: 1,
    }))
}
