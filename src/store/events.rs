//! Events (记录): the immutable, hash-chained lines of every timeline.

use crate::domain::id::EventId;
use crate::domain::instant::Instant;
use crate::store::schema::events;
use crate::store::{Conn, MultiBackend, StoreResult, native};
use diesel::prelude::*;
use std::collections::HashMap;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = events, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct EventRow {
    pub stream: String,
    pub seq: i64,
    pub id: EventId,
    pub at: Instant,
    /// `user:<id>` or `system:<what>`
    pub actor: String,
    pub actor_name: String,
    pub act: String,
    /// Exact JSON text the digest was made of; `None` once a person's data was removed.
    pub payload: Option<String>,
    pub salt: Vec<u8>,
    pub payload_digest: Vec<u8>,
    pub prev_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

/// A second event with the same number is refused by the key: two writers can't both be next.
pub fn insert(conn: &mut Conn, row: &EventRow) -> StoreResult<()> {
    native!(conn, c => diesel::insert_into(events::table).values(row).execute(c))?;
    Ok(())
}

/// `insert` for many.
pub fn insert_all(conn: &mut Conn, rows: &[EventRow]) -> StoreResult<()> {
    for chunk in rows.chunks(1_000) {
        native!(conn, c => diesel::insert_into(events::table).values(chunk).execute(c))?;
    }
    Ok(())
}

/// Number and hash of a stream's last event.
pub fn head(conn: &mut Conn, stream: &str) -> StoreResult<Option<(i64, Vec<u8>)>> {
    let newest =
        events::table.filter(events::stream.eq(stream)).order(events::seq.desc()).select((events::seq, events::hash));
    Ok(native!(conn, c => newest.first(c)).optional()?)
}

/// A stream's events after `after`, oldest first.
pub fn list(conn: &mut Conn, stream: &str, after: i64, limit: i64) -> StoreResult<Vec<EventRow>> {
    Ok(events::table
        .filter(events::stream.eq(stream))
        .filter(events::seq.gt(after))
        .order(events::seq.asc())
        .limit(limit)
        .select(EventRow::as_select())
        .load(conn)?)
}

/// What `f` makes of the first event after `after` of which it makes something.
pub fn find_after<T>(
    conn: &mut Conn,
    stream: &str,
    mut after: i64,
    f: impl Fn(EventRow) -> Option<T>,
) -> StoreResult<Option<T>> {
    loop {
        let rows = list(conn, stream, after, 200)?;
        let Some(last) = rows.last() else { return Ok(None) };
        after = last.seq;
        if let Some(found) = rows.into_iter().find_map(&f) {
            return Ok(Some(found));
        }
    }
}

pub fn count(conn: &mut Conn, stream: &str) -> StoreResult<i64> {
    Ok(events::table.filter(events::stream.eq(stream)).count().get_result(conn)?)
}

/// All events by stream and number, after `after`: what a proof of the whole reads.
pub fn walk(conn: &mut Conn, after: Option<(&str, i64)>, limit: i64) -> StoreResult<Vec<EventRow>> {
    use diesel::dsl::sql;
    use diesel::sql_types::{BigInt, Bool, Text};
    let mut query = events::table.into_boxed();
    if let Some((stream, seq)) = after {
        query = query.filter(
            sql::<Bool>("(events.stream, events.seq) > (")
                .bind::<Text, _>(stream.to_owned())
                .sql(", ")
                .bind::<BigInt, _>(seq)
                .sql(")"),
        );
    }
    Ok(query.order((events::stream.asc(), events::seq.asc())).limit(limit).select(EventRow::as_select()).load(conn)?)
}

/// The payload of one event of a stream.
pub fn find(conn: &mut Conn, stream: &str, seq: i64) -> StoreResult<Option<EventRow>> {
    let one = events::table.filter(events::stream.eq(stream)).filter(events::seq.eq(seq));
    Ok(native!(conn, c => one.select(EventRow::as_select()).first(c)).optional()?)
}

/// The number of the last event of each of these streams.
pub fn head_numbers(conn: &mut Conn, streams: &[String]) -> StoreResult<HashMap<String, i64>> {
    let rows: Vec<(String, Option<i64>)> = events::table
        .group_by(events::stream)
        .select((events::stream, diesel::dsl::max(events::seq)))
        .filter(events::stream.eq_any(streams.to_vec()))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(stream, seq)| Some((stream, seq?))).collect())
}

/// An event of any stream.
pub fn find_by_id(conn: &mut Conn, id: EventId) -> StoreResult<Option<EventRow>> {
    Ok(events::table.filter(events::id.eq(id)).select(EventRow::as_select()).first(conn).optional()?)
}

pub fn last_id(conn: &mut Conn, stream: &str) -> StoreResult<Option<EventId>> {
    Ok(events::table
        .filter(events::stream.eq(stream))
        .order(events::seq.desc())
        .select(events::id)
        .first(conn)
        .optional()?)
}

/// Number of the newest event of that act in a stream.
pub fn last_of_act(conn: &mut Conn, stream: &str, act: &str) -> StoreResult<Option<i64>> {
    Ok(events::table
        .filter(events::stream.eq(stream))
        .filter(events::act.eq(act))
        .order(events::seq.desc())
        .select(events::seq)
        .first(conn)
        .optional()?)
}
