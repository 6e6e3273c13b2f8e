//! Checkpoints: what the record is at a day's end, under one hash that covers every stream's head and the checkpoint before.

use crate::actions::record::record;
use crate::domain::actor::Actor;
use crate::domain::audit::checkpoint::{Checkpoint, Head, checkpoint};
use crate::domain::audit::{CHECKPOINT_MADE, Stream, hex};
use crate::domain::id::EventId;
use crate::domain::instant::Instant;
use crate::store::{checkpoints, events, savepoint};
use crate::transaction::{Outcome, Read, Tx, World};
use chrono::TimeDelta;
use serde_json::json;
use std::collections::BTreeSet;

/// Events read at a time.
const PAGE: i64 = 5_000;
const STREAMS: usize = 1_000;
/// An event may be committed later than it was drawn, and by a server whose clock is behind: so long is looked back.
const OVERLAP: TimeDelta = TimeDelta::days(1);

/// A new one; `None` where another process was faster. Blocks.
///
/// The heads are read beside the writers; only writing them down waits for a turn. An event of the meantime belongs to the
/// next one.
///
/// # Errors
/// When the database fails.
pub fn make(world: &World, actor: &Actor) -> Outcome<Option<Checkpoint>> {
    make_unless(world, actor, |_, _| false)
}

/// The day's, unless there is one already. Blocks.
///
/// # Errors
/// When the database fails.
pub fn make_daily(world: &World) -> Outcome<Option<Checkpoint>> {
    // Of another day also where the clock was put back.
    let is_made = |read: &Read<'_>, last: &Checkpoint| read.office.today(last.at) == read.office.today(read.now);
    make_unless(world, &Actor::system("checkpoint"), is_made)
}

/// The one that follows the last, unless that one is enough: who is slower finds that another follows it already.
fn make_unless(
    world: &World,
    actor: &Actor,
    is_enough: fn(&Read<'_>, &Checkpoint) -> bool,
) -> Outcome<Option<Checkpoint>> {
    let owed = world.read_now(move |read| {
        let last = checkpoints::last(read.conn)?;
        if last.as_ref().is_some_and(|last| is_enough(read, last)) {
            return Ok(None);
        }
        let grown = grown(read, last.as_ref())?;
        Ok(Some((last, grown)))
    })?;
    let Some((last, grown)) = owed else { return Ok(None) };
    let by = actor.clone();
    world.write_now(move |tx| write_down(tx, &by, last, grown))
}

fn write_down(
    tx: &mut Tx<'_>,
    actor: &Actor,
    last: Option<Checkpoint>,
    grown: Vec<Head>,
) -> Outcome<Option<Checkpoint>> {
    if checkpoints::last(tx.conn)?.map(|held| held.number) != last.as_ref().map(|held| held.number) {
        return Ok(None);
    }
    let (number, prev_hash) = last.map_or_else(|| (1, vec![0; 32]), |last| (last.number + 1, last.hash));
    let heads: Vec<Head> = grown.into_iter().map(|head| Head { checkpoint: number, ..head }).collect();
    let made = checkpoint(number, tx.now, prev_hash, &heads);
    match savepoint(tx.conn, |conn| checkpoints::insert(conn, &made, &heads)) {
        Err(error) if error.unique_violation().is_some() => return Ok(None),
        written => written?,
    }
    record(tx, actor, Stream::Office, CHECKPOINT_MADE, &json!({"number": number, "hash": hex(&made.hash)}))?;
    Ok(Some(made))
}

/// Heads of the streams that have grown since `last`, in the order of their bytes.
fn grown(read: &mut Read<'_>, last: Option<&Checkpoint>) -> Outcome<Vec<Head>> {
    let mut heads = match last {
        // A clock that was put back draws ids that lie before the last checkpoint.
        Some(last) if last.at <= read.now => since(read, last.at.minus(OVERLAP))?,
        Some(_) | None => all(read)?,
    };
    heads.sort_by(|one, other| one.stream.cmp(&other.stream));
    Ok(heads)
}

fn all(read: &mut Read<'_>) -> Outcome<Vec<Head>> {
    let mut heads = Vec::new();
    let mut after = String::new();
    loop {
        let page = events::heads(read.conn, &after, 1_000)?;
        let Some((last, ..)) = page.last() else { return Ok(heads) };
        after.clone_from(last);
        heads.extend(uncovered(read, page)?);
    }
}

/// Cost follows what has happened since, not what exists.
fn since(read: &mut Read<'_>, from: Instant) -> Outcome<Vec<Head>> {
    let mut streams = BTreeSet::new();
    let mut after = EventId::first_of(from);
    loop {
        let page = events::streams_since(read.conn, after, PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        streams.extend(page.into_iter().map(|(_, stream)| stream));
    }
    let streams: Vec<String> = streams.into_iter().collect();
    let mut heads = Vec::new();
    for part in streams.chunks(STREAMS) {
        let page = events::heads_of(read.conn, part)?;
        heads.extend(uncovered(read, page)?);
    }
    Ok(heads)
}

/// Those of these heads that no checkpoint has seen.
fn uncovered(read: &mut Read<'_>, page: Vec<events::HeadOf>) -> Outcome<Vec<Head>> {
    let streams: Vec<String> = page.iter().map(|(stream, ..)| stream.clone()).collect();
    let covered = checkpoints::covered(read.conn, &streams)?;
    let fresh = page.into_iter().filter(|(stream, seq, _)| covered.get(stream).is_none_or(|held| held < seq));
    Ok(fresh.map(|(stream, seq, hash)| Head { checkpoint: 0, stream, seq, hash }).collect())
}
