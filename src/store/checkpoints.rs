//! Checkpoints of the record, and the heads that each covers.

use crate::domain::audit::checkpoint::{Checkpoint, Head};
use crate::store::schema::{checkpoint_heads, checkpoints};
use crate::store::{Conn, MultiBackend, StoreResult, insert_all};
use diesel::prelude::*;
use std::collections::HashMap;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = checkpoints, check_for_backend(MultiBackend))]
struct CheckpointRow {
    number: i64,
    at: crate::domain::instant::Instant,
    heads: i64,
    prev_hash: Vec<u8>,
    hash: Vec<u8>,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = checkpoint_heads, check_for_backend(MultiBackend))]
struct HeadRow {
    checkpoint: i64,
    stream: String,
    seq: i64,
    hash: Vec<u8>,
}

impl From<CheckpointRow> for Checkpoint {
    fn from(row: CheckpointRow) -> Self {
        Self { number: row.number, at: row.at, heads: row.heads, prev_hash: row.prev_hash, hash: row.hash }
    }
}

impl From<HeadRow> for Head {
    fn from(row: HeadRow) -> Self {
        Self { checkpoint: row.checkpoint, stream: row.stream, seq: row.seq, hash: row.hash }
    }
}

impl From<&Head> for HeadRow {
    fn from(head: &Head) -> Self {
        Self { checkpoint: head.checkpoint, stream: head.stream.clone(), seq: head.seq, hash: head.hash.clone() }
    }
}

/// A second one with the same number is refused by the key.
pub fn insert(conn: &mut Conn, made: &Checkpoint, heads: &[Head]) -> StoreResult<()> {
    let row = CheckpointRow {
        number: made.number,
        at: made.at,
        heads: made.heads,
        prev_hash: made.prev_hash.clone(),
        hash: made.hash.clone(),
    };
    diesel::insert_into(checkpoints::table).values(&row).execute(conn)?;
    for part in heads.chunks(10_000) {
        let rows: Vec<HeadRow> = part.iter().map(HeadRow::from).collect();
        insert_all!(conn, checkpoint_heads::table, &rows)?;
    }
    Ok(())
}

pub fn last(conn: &mut Conn) -> StoreResult<Option<Checkpoint>> {
    let newest = checkpoints::table.order(checkpoints::number.desc()).select(CheckpointRow::as_select());
    Ok(newest.first(conn).optional()?.map(Checkpoint::from))
}

/// All of them, by number: one a day.
pub fn list(conn: &mut Conn) -> StoreResult<Vec<Checkpoint>> {
    let rows: Vec<CheckpointRow> =
        checkpoints::table.order(checkpoints::number.asc()).select(CheckpointRow::as_select()).load(conn)?;
    Ok(rows.into_iter().map(Checkpoint::from).collect())
}

/// All heads by stream and number, after `after`: what a proof of the whole reads beside the events.
pub fn walk(conn: &mut Conn, after: (&str, i64), limit: i64) -> StoreResult<Vec<Head>> {
    use diesel::dsl::sql;
    use diesel::sql_types::{BigInt, Bool, Text};
    let beyond = sql::<Bool>("(checkpoint_heads.stream, checkpoint_heads.seq) > (")
        .bind::<Text, _>(after.0.to_owned())
        .sql(", ")
        .bind::<BigInt, _>(after.1)
        .sql(")");
    let rows: Vec<HeadRow> = checkpoint_heads::table
        .filter(beyond)
        .order((checkpoint_heads::stream.asc(), checkpoint_heads::seq.asc()))
        .limit(limit)
        .select(HeadRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Head::from).collect())
}

/// One stream's heads, oldest first.
pub fn of_stream(conn: &mut Conn, stream: &str) -> StoreResult<Vec<Head>> {
    let rows: Vec<HeadRow> = checkpoint_heads::table
        .filter(checkpoint_heads::stream.eq(stream))
        .order(checkpoint_heads::seq.asc())
        .select(HeadRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Head::from).collect())
}

/// How far each of these streams reaches in a checkpoint already.
pub fn covered(conn: &mut Conn, streams: &[String]) -> StoreResult<HashMap<String, i64>> {
    let rows: Vec<(String, Option<i64>)> = checkpoint_heads::table
        .group_by(checkpoint_heads::stream)
        .select((checkpoint_heads::stream, diesel::dsl::max(checkpoint_heads::seq)))
        .filter(checkpoint_heads::stream.eq_any(streams.to_vec()))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(stream, seq)| Some((stream, seq?))).collect())
}
