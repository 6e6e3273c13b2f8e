//! Events (记录): the immutable, hash-chained lines of every timeline.

use crate::domain::audit::proof::Line;
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
    /// Empty once a departed person's name was removed.
    pub actor_name: String,
    pub act: String,
    /// Exact JSON text the digest was made of; `None` once a person's data was removed.
    pub payload: Option<String>,
    /// Empty once the payload was removed.
    pub salt: Vec<u8>,
    pub payload_digest: Vec<u8>,
    /// `None` once the name was removed, and in events of before.
    pub name_salt: Option<Vec<u8>>,
    /// `None` in events of before.
    pub name_digest: Option<Vec<u8>>,
    pub prev_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

impl EventRow {
    /// The row as the proof takes it.
    #[must_use]
    pub fn line(&self) -> Line<'_> {
        Line {
            stream: &self.stream,
            seq: self.seq,
            id: self.id,
            at: self.at,
            actor: &self.actor,
            actor_name: &self.actor_name,
            act: &self.act,
            payload: self.payload.as_deref(),
            salt: &self.salt,
            payload_digest: &self.payload_digest,
            name_salt: self.name_salt.as_deref(),
            name_digest: self.name_digest.as_deref(),
            prev_hash: &self.prev_hash,
            hash: &self.hash,
        }
    }
}

/// What a list of events is narrowed to; all of it AND.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    pub stream: Option<String>,
    /// `user:<id>` or `system:<what>`
    pub actor: Option<String>,
    pub from: Option<Instant>,
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

/// One stream's events for a proof, as `walk`.
pub fn walk_one(conn: &mut Conn, stream: &str, after: Option<i64>, limit: i64) -> StoreResult<Vec<EventRow>> {
    list(conn, stream, after.unwrap_or(i64::MIN), limit)
}

/// Newest first, before `before`.
pub fn search(
    conn: &mut Conn,
    filter: &EventFilter,
    before: Option<EventId>,
    limit: i64,
) -> StoreResult<Vec<EventRow>> {
    let mut query = filtered(filter);
    if let Some(id) = before {
        query = query.filter(events::id.lt(id));
    }
    Ok(query.order(events::id.desc()).limit(limit).select(EventRow::as_select()).load(conn)?)
}

/// How many `search` finds.
pub fn count_found(conn: &mut Conn, filter: &EventFilter) -> StoreResult<i64> {
    Ok(filtered(filter).count().get_result(conn)?)
}

fn filtered(filter: &EventFilter) -> events::BoxedQuery<'static, MultiBackend> {
    let mut query = events::table.into_boxed();
    if let Some(stream) = &filter.stream {
        query = query.filter(events::stream.eq(stream.clone()));
    }
    if let Some(actor) = &filter.actor {
        query = query.filter(events::actor.eq(actor.clone()));
    }
    if let Some(from) = filter.from {
        // An id tells its moment, and is what the list is sorted by.
        query = query.filter(events::id.ge(EventId::first_of(from)));
    }
    query
}

/// Streams of the events that were drawn at `since` or later, and the id to go on after.
pub fn streams_since(conn: &mut Conn, since: EventId, limit: i64) -> StoreResult<Vec<(EventId, String)>> {
    let grown = events::table.filter(events::id.gt(since)).order(events::id.asc()).limit(limit);
    Ok(grown.select((events::id, events::stream)).load(conn)?)
}

/// A stream, and the number and hash of its last event.
pub type HeadOf = (String, i64, Vec<u8>);

/// Heads of all streams after `after`, in their order.
pub fn heads(conn: &mut Conn, after: &str, limit: i64) -> StoreResult<Vec<HeadOf>> {
    Ok(events::table
        .filter(is_last())
        .filter(events::stream.gt(after))
        .order(events::stream.asc())
        .limit(limit)
        .select((events::stream, events::seq, events::hash))
        .load(conn)?)
}

/// Heads of these streams.
pub fn heads_of(conn: &mut Conn, streams: &[String]) -> StoreResult<Vec<HeadOf>> {
    Ok(events::table
        .filter(is_last())
        .filter(events::stream.eq_any(streams.to_vec()))
        .select((events::stream, events::seq, events::hash))
        .load(conn)?)
}

fn is_last() -> diesel::expression::SqlLiteral<diesel::sql_types::Bool> {
    diesel::dsl::sql("events.seq = (SELECT max(h.seq) FROM events h WHERE h.stream = events.stream)")
}

/// Events of one actor.
pub fn count_by(conn: &mut Conn, actor: &str) -> StoreResult<i64> {
    Ok(events::table.filter(events::actor.eq(actor)).count().get_result(conn)?)
}

/// Takes every payload of a stream away, with the salt that could help to guess it; answers how many.
pub fn remove_payloads(conn: &mut Conn, stream: &str) -> StoreResult<usize> {
    let said = events::table.filter(events::stream.eq(stream)).filter(events::payload.is_not_null());
    Ok(diesel::update(said)
        .set((events::payload.eq(None::<String>), events::salt.eq(Vec::<u8>::new())))
        .execute(conn)?)
}

/// Takes an actor's name away wherever it stands, with its salt; answers how many.
pub fn remove_names(conn: &mut Conn, actor: &str) -> StoreResult<usize> {
    let named = events::table.filter(events::actor.eq(actor)).filter(events::actor_name.ne(""));
    Ok(diesel::update(named).set((events::actor_name.eq(""), events::name_salt.eq(None::<Vec<u8>>))).execute(conn)?)
}

/// Waits for whoever writes to this stream: for one that has no row of its own to be locked. SQLite has one writer.
pub fn hold(conn: &mut Conn, stream: &str) -> StoreResult<()> {
    use diesel::sql_types::Text;
    match conn {
        Conn::Sqlite(_) => {}
        Conn::Pg(c) => {
            let wait = diesel::sql_query("SELECT pg_advisory_xact_lock(7210002, hashtext($1))");
            wait.bind::<Text, _>(stream).execute(c)?;
        }
    }
    Ok(())
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
