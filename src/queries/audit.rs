//! Proves the record: every stream's chain is whole, and no ticket's timeline was cut short.

use crate::domain::audit::{self, Link};
use crate::store::events::EventRow;
use crate::store::{events, tickets};
use crate::transaction::{Outcome, Read};
use serde::Serialize;
use utoipa::ToSchema;

/// Events read at a time.
const PAGE: i64 = 2_000;

/// What the proof found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verdict {
    pub whole: bool,
    /// Events that were checked.
    pub events: i64,
    pub first_broken: Option<Broken>,
}

/// The first link that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Broken {
    pub stream: String,
    pub seq: i64,
    pub reason: Breach,
}

crate::text_enum! {
    /// How a link is broken.
    Breach {
        /// A number is missing.
        Gap = "gap",
        /// It does not follow the event before it.
        PrevHash = "prev_hash",
        /// What was said is not what was hashed.
        Payload = "payload",
        /// Stream, number, time, actor or act is not what was hashed.
        Hash = "hash",
        /// The timeline ends before the ticket's version.
        CutShort = "cut_short",
    }
}

/// Where the walk stands within a stream.
#[derive(Default)]
struct Chain {
    stream: String,
    seq: i64,
    hash: Vec<u8>,
}

/// Walks all events once, and compares each ticket's version with the length of its timeline.
pub fn verify(read: &mut Read<'_>) -> Outcome<Verdict> {
    let mut chain = Chain::default();
    let mut checked = 0;
    let mut at: Option<(String, i64)> = None;
    loop {
        let after = at.as_ref().map(|(stream, seq)| (stream.as_str(), *seq));
        let rows = events::walk(read.conn, after, PAGE)?;
        let Some(last) = rows.last() else { break };
        at = Some((last.stream.clone(), last.seq));
        for row in &rows {
            checked += 1;
            if let Err(reason) = chain.follow(row) {
                let broken = Broken { stream: row.stream.clone(), seq: row.seq, reason };
                return Ok(Verdict { whole: false, events: checked, first_broken: Some(broken) });
            }
        }
    }
    let first_broken = cut_short(read)?;
    Ok(Verdict { whole: first_broken.is_none(), events: checked, first_broken })
}

fn cut_short(read: &mut Read<'_>) -> Outcome<Option<Broken>> {
    let found = tickets::first_with_other_version(read.conn)?;
    Ok(found.map(|(id, version)| Broken {
        stream: audit::Stream::Ticket(id).to_string(),
        seq: version,
        reason: Breach::CutShort,
    }))
}

impl Chain {
    fn follow(&mut self, row: &EventRow) -> Result<(), Breach> {
        if self.stream != row.stream {
            *self = Self { stream: row.stream.clone(), seq: 0, hash: vec![0; 32] };
        }
        if row.seq != self.seq + 1 {
            return Err(Breach::Gap);
        }
        if row.prev_hash != self.hash {
            return Err(Breach::PrevHash);
        }
        let said = |payload: &String| audit::payload_digest(&row.salt, payload).as_slice() == row.payload_digest;
        if !row.payload.as_ref().is_none_or(said) {
            return Err(Breach::Payload);
        }
        let link = Link {
            stream: &row.stream,
            seq: row.seq,
            at: row.at,
            actor: &row.actor,
            act: &row.act,
            payload_digest: &row.payload_digest,
            prev_hash: &row.prev_hash,
        };
        if audit::hash(&link).as_slice() != row.hash {
            return Err(Breach::Hash);
        }
        self.seq = row.seq;
        self.hash.clone_from(&row.hash);
        Ok(())
    }
}
