//! Every try to deliver a message, kept for ever.

use super::IDS;
use crate::domain::id::MessageId;
use crate::domain::instant::Instant;
use crate::store::schema::attempts;
use crate::store::{Conn, MultiBackend, StoreResult, native};
use diesel::prelude::*;
use std::collections::HashMap;

/// One try to deliver one message.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = attempts, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct AttemptRow {
    pub message_id: MessageId,
    pub no: i32,
    /// Office time.
    pub at: Instant,
    pub server: String,
    pub phase: String,
    pub code: Option<i32>,
    pub reply: String,
    pub result: String,
}

pub fn insert_attempt(conn: &mut Conn, row: &AttemptRow) -> StoreResult<()> {
    native!(conn, c => diesel::insert_into(attempts::table).values(row).execute(c))?;
    Ok(())
}

/// Attempts made at this moment of the office's time or after, oldest first.
pub fn attempts_since(conn: &mut Conn, at: Instant) -> StoreResult<Vec<AttemptRow>> {
    Ok(attempts::table
        .filter(attempts::at.ge(at))
        .order((attempts::at.asc(), attempts::message_id.asc(), attempts::no.asc()))
        .select(AttemptRow::as_select())
        .load(conn)?)
}

/// A message's attempts, oldest first.
pub fn attempts_of(conn: &mut Conn, id: MessageId) -> StoreResult<Vec<AttemptRow>> {
    Ok(attempts::table
        .filter(attempts::message_id.eq(id))
        .order(attempts::no.asc())
        .select(AttemptRow::as_select())
        .load(conn)?)
}

/// The newest attempt of each of these messages.
pub fn last_attempts(conn: &mut Conn, ids: &[MessageId]) -> StoreResult<HashMap<MessageId, AttemptRow>> {
    let mut newest = HashMap::new();
    for chunk in ids.chunks(IDS) {
        let rows: Vec<AttemptRow> = attempts::table
            .filter(attempts::message_id.eq_any(chunk.to_vec()))
            .order((attempts::message_id.asc(), attempts::no.asc()))
            .select(AttemptRow::as_select())
            .load(conn)?;
        newest.extend(rows.into_iter().map(|row| (row.message_id, row)));
    }
    Ok(newest)
}
