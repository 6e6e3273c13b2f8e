//! Proves the record: every stream's chain is whole and reaches what the checkpoints saw, and no ticket's timeline was cut
//! short.

pub use crate::domain::audit::proof::{Breach, Broken};

use crate::domain::audit::checkpoint::{Checkpoint, Head};
use crate::domain::audit::proof::{CheckpointProof, Line, Proof};
use crate::domain::audit::{ERASED, Stream, hex};
use crate::domain::instant::Instant;
use crate::store::events::EventRow;
use crate::store::{checkpoints, events, tickets};
use crate::transaction::{Outcome, Read};
use serde::Serialize;
use std::collections::VecDeque;
use utoipa::ToSchema;

/// Rows read at a time.
const PAGE: i64 = 2_000;

/// What the proof found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verdict {
    pub whole: bool,
    /// Events that were checked.
    pub events: i64,
    #[schema(required = true)]
    pub first_broken: Option<Broken>,
    /// Checkpoints that were checked.
    pub checkpoints: i64,
    /// Its hash vouches for all before it: kept elsewhere, it tells a record that was written anew.
    #[schema(required = true)]
    pub last_checkpoint: Option<CheckpointOut>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckpointOut {
    pub number: i64,
    pub at: Instant,
    /// Hexadecimal SHA-256.
    pub hash: String,
}

impl From<&Checkpoint> for CheckpointOut {
    fn from(made: &Checkpoint) -> Self {
        Self { number: made.number, at: made.at, hash: hex(&made.hash) }
    }
}

impl Verdict {
    #[must_use]
    pub fn new(events: i64, checkpoints: &[Checkpoint], first_broken: Option<Broken>) -> Self {
        Self {
            whole: first_broken.is_none(),
            events,
            first_broken,
            checkpoints: i64::try_from(checkpoints.len()).unwrap_or(i64::MAX),
            last_checkpoint: checkpoints.last().map(CheckpointOut::from),
        }
    }
}

/// Walks the checkpoints, then all events once, and compares each ticket's version with the length of its timeline.
pub fn verify(read: &mut Read<'_>) -> Outcome<Verdict> {
    let held = checkpoints::list(read.conn)?;
    let mut proof = Proof::default();
    let found = match checkpoints_hold(read, &held)? {
        Some(broken) => Some(broken),
        None => match walk(read, &mut proof)? {
            Some(broken) => Some(broken),
            None => match unexplained(read, &proof)? {
                Some(broken) => Some(broken),
                None => match proof.compare(&held).err() {
                    Some(broken) => Some(broken),
                    None => cut_short(read)?,
                },
            },
        },
    };
    Ok(Verdict::new(proof.lines(), &held, found))
}

/// The same proof of one stream alone: its chain, and that it reaches what the checkpoints saw of it.
pub fn verify_stream(read: &mut Read<'_>, stream: &str) -> Outcome<Verdict> {
    let held = checkpoints::list(read.conn)?;
    let mut proof = Proof::default();
    let mut heads: VecDeque<Head> = checkpoints::of_stream(read.conn, stream)?.into();
    let mut after = None;
    let found = loop {
        let rows = events::walk_one(read.conn, stream, after, PAGE)?;
        let Some(last) = rows.last() else { break end(&mut proof, heads) };
        after = Some(last.seq);
        if let Some(broken) = rows.iter().find_map(|row| step(&mut proof, row, &mut heads).err()) {
            break Some(broken);
        }
    };
    let found = match found {
        Some(broken) => Some(broken),
        None => unexplained(read, &proof)?,
    };
    Ok(Verdict::new(proof.lines(), &held, found))
}

/// Are the checkpoints themselves what was made?
fn checkpoints_hold(read: &mut Read<'_>, held: &[Checkpoint]) -> Outcome<Option<Broken>> {
    let mut proof = match CheckpointProof::new(held) {
        Ok(proof) => proof,
        Err(broken) => return Ok(Some(broken)),
    };
    let mut broken = None;
    each_head(read, |head| {
        broken = broken.take().or_else(|| proof.head(head).err());
        Ok(())
    })?;
    Ok(broken.or_else(|| proof.end().err()))
}

/// All heads by stream and number.
pub fn each_head(read: &mut Read<'_>, mut f: impl FnMut(&Head) -> Outcome<()>) -> Outcome<()> {
    let mut at = (String::new(), 0);
    loop {
        let heads = checkpoints::walk(read.conn, (&at.0, at.1), PAGE)?;
        let Some(last) = heads.last() else { return Ok(()) };
        at = (last.stream.clone(), last.seq);
        heads.iter().try_for_each(&mut f)?;
    }
}

/// All events by stream and number.
pub fn each_event(read: &mut Read<'_>, mut f: impl FnMut(&Line<'_>) -> Outcome<()>) -> Outcome<()> {
    let mut at: Option<(String, i64)> = None;
    loop {
        let after = at.as_ref().map(|(stream, seq)| (stream.as_str(), *seq));
        let rows = events::walk(read.conn, after, PAGE)?;
        let Some(last) = rows.last() else { return Ok(()) };
        at = Some((last.stream.clone(), last.seq));
        rows.iter().try_for_each(|row| f(&row.line()))?;
    }
}

/// All checkpoints, by number.
pub fn all_checkpoints(read: &mut Read<'_>) -> Outcome<Vec<Checkpoint>> {
    Ok(checkpoints::list(read.conn)?)
}

/// All events, each followed by the head that stands at it.
fn walk(read: &mut Read<'_>, proof: &mut Proof) -> Outcome<Option<Broken>> {
    let mut heads = Heads::default();
    let mut at: Option<(String, i64)> = None;
    loop {
        let after = at.as_ref().map(|(stream, seq)| (stream.as_str(), *seq));
        let rows = events::walk(read.conn, after, PAGE)?;
        let Some(last) = rows.last() else { break };
        heads.fill(read, (&last.stream, last.seq))?;
        at = Some((last.stream.clone(), last.seq));
        if let Some(broken) = rows.iter().find_map(|row| step(proof, row, &mut heads.waiting).err()) {
            return Ok(Some(broken));
        }
    }
    // One is enough to tell what is missing.
    if heads.waiting.is_empty() {
        heads.load(read)?;
    }
    Ok(end(proof, heads.waiting))
}

/// Heads of checkpoints in the order of the events, read ahead of them.
#[derive(Default)]
struct Heads {
    waiting: VecDeque<Head>,
    at: (String, i64),
    is_over: bool,
}

impl Heads {
    /// Reads on until all up to this event are there.
    fn fill(&mut self, read: &mut Read<'_>, upto: (&str, i64)) -> Outcome<()> {
        while !self.is_over && (self.at.0.as_str(), self.at.1) < upto {
            self.load(read)?;
        }
        Ok(())
    }

    fn load(&mut self, read: &mut Read<'_>) -> Outcome<()> {
        let more = checkpoints::walk(read.conn, (&self.at.0, self.at.1), PAGE)?;
        match more.last() {
            Some(last) => self.at = (last.stream.clone(), last.seq),
            None => self.is_over = true,
        }
        self.waiting.extend(more);
        Ok(())
    }
}

/// The heads that stand before an event, the event, and the head that tells of it.
fn step(proof: &mut Proof, row: &EventRow, heads: &mut VecDeque<Head>) -> Result<(), Broken> {
    let key = (row.stream.as_str(), row.seq);
    while let Some(head) = heads.pop_front_if(|head| (head.stream.as_str(), head.seq) < key) {
        proof.head(head)?;
    }
    proof.line(&row.line())?;
    while let Some(head) = heads.pop_front_if(|head| (head.stream.as_str(), head.seq) == key) {
        proof.head(head)?;
    }
    Ok(())
}

fn end(proof: &mut Proof, heads: VecDeque<Head>) -> Option<Broken> {
    heads.into_iter().find_map(|head| proof.head(head).err()).or_else(|| proof.end().err())
}

/// Names that are gone although nobody's data was removed.
fn unexplained(read: &mut Read<'_>, proof: &Proof) -> Outcome<Option<Broken>> {
    for (actor, broken) in proof.nameless() {
        if events::last_of_act(read.conn, actor, ERASED)?.is_none() {
            return Ok(Some(broken));
        }
    }
    Ok(None)
}

fn cut_short(read: &mut Read<'_>) -> Outcome<Option<Broken>> {
    let found = tickets::first_with_other_version(read.conn)?;
    Ok(found.map(|(id, version)| Broken {
        stream: Stream::Ticket(id).to_string(),
        seq: version,
        reason: Breach::CutShort,
    }))
}
