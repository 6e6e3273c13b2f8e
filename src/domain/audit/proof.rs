//! The proof of the record: fed with checkpoints, heads and events in their order, from a database or a package alike, it
//! names the first link that does not hold.

use crate::domain::audit::checkpoint::{Checkpoint, Head, Summing};
use crate::domain::audit::{self, CHECKPOINT_MADE, ERASED, Link, Sealed, unhex};
use crate::domain::id::EventId;
use crate::domain::instant::Instant;
use crate::domain::words::Lang;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// The name under which a broken checkpoint is told, with its number.
pub const CHECKPOINTS: &str = "checkpoint";

/// One event as it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    pub stream: &'a str,
    pub seq: i64,
    pub id: EventId,
    pub at: Instant,
    pub actor: &'a str,
    /// Empty once a departed person's name was removed.
    pub actor_name: &'a str,
    pub act: &'a str,
    /// `None` once a departed person's data was removed.
    pub payload: Option<&'a str>,
    pub salt: &'a [u8],
    pub payload_digest: &'a [u8],
    pub name_salt: Option<&'a [u8]>,
    pub name_digest: Option<&'a [u8]>,
    pub prev_hash: &'a [u8],
    pub hash: &'a [u8],
}

/// The first link that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Broken {
    /// `kind:id` of a timeline, `checkpoint`, or a file of a package.
    pub stream: String,
    /// Number of the event, of the checkpoint, or of the line.
    pub seq: i64,
    pub reason: Breach,
}

crate::text_enum! {
    /// How a link is broken.
    Breach {
        /// A number is missing.
        Gap = "gap",
        /// It stands where it does not belong.
        Order = "order",
        /// It does not follow the event before it.
        PrevHash = "prev_hash",
        /// What was said is not what was hashed.
        Payload = "payload",
        /// The actor's name is not what was hashed.
        Name = "name",
        /// Stream, number, id, time, actor or act is not what was hashed.
        Hash = "hash",
        /// What was said is gone, and no record tells of its removal.
        Removed = "removed",
        /// It is not the event that stood there at a checkpoint.
        Rewritten = "rewritten",
        /// The timeline ends before its checkpoint, or before the ticket's version.
        CutShort = "cut_short",
        /// The checkpoint is gone, or is not what was hashed.
        Checkpoint = "checkpoint",
        /// A line of a package can't be read.
        Unreadable = "unreadable",
        /// A file of a package is not what its manifest says.
        File = "file",
    }
}

impl Breach {
    /// What is wrong with the event that it names.
    #[must_use]
    pub const fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::Gap => lang.pick("缺少一条记录", "an event is missing"),
            Self::Order => lang.pick("位置不对", "it stands where it does not belong"),
            Self::PrevHash => lang.pick("与前一条不衔接", "it does not follow the event before it"),
            Self::Payload => lang.pick("内容被改动", "what it says was changed"),
            Self::Name => lang.pick("人员姓名被改动", "the actor's name was changed"),
            Self::Hash => lang.pick("时间、人员或动作被改动", "its time, actor or act was changed"),
            Self::Removed => lang.pick("内容被清除，且没有清除的记录", "what it said is gone, and no event tells why"),
            Self::Rewritten => lang.pick("与检查点所见不是同一条", "it is not the one that the checkpoint saw"),
            Self::CutShort => lang.pick("此条及以后的记录被删除", "it and what followed are gone"),
            Self::Checkpoint => lang.pick("缺失或被改动", "it is gone or was changed"),
            Self::Unreadable => lang.pick("无法读取", "it can't be read"),
            Self::File => lang.pick("与清单不符", "it is not what the manifest says"),
        }
    }
}

/// Where the walk stands within a stream.
#[derive(Debug, Default)]
struct Chain {
    stream: String,
    seq: i64,
    hash: Vec<u8>,
    /// The first event whose payload is gone, until the stream itself says why.
    unsaid: Option<i64>,
}

/// The walk over all events, with the checkpoints' heads between them.
#[derive(Debug, Default)]
pub struct Proof {
    chain: Chain,
    /// A head that was not met where it belongs.
    missed: Option<Head>,
    lines: i64,
    /// People of whom the record says that their data was removed.
    erased: BTreeSet<String>,
    /// The first event of each actor whose name is gone.
    nameless: BTreeMap<String, (String, i64)>,
    /// Checkpoints that the office's timeline tells of, by number, with the event that does.
    told: BTreeMap<i64, (Vec<u8>, i64)>,
}

impl Proof {
    /// Events that were taken.
    #[must_use]
    pub fn lines(&self) -> i64 {
        self.lines
    }

    /// The next event, in the order of streams' bytes and numbers.
    pub fn line(&mut self, line: &Line<'_>) -> Result<(), Broken> {
        self.lines += 1;
        if self.chain.stream != line.stream {
            let is_behind = line.stream < self.chain.stream.as_str();
            self.end_stream()?;
            if is_behind {
                return Err(broken(line, Breach::Order));
            }
            self.chain = Chain { stream: line.stream.to_owned(), hash: vec![0; 32], ..Chain::default() };
        }
        self.chain.follow(line).map_err(|reason| broken(line, reason))?;
        self.note(line).map_err(|reason| broken(line, reason))
    }

    /// The next head, after the event that it tells of.
    pub fn head(&mut self, head: Head) -> Result<(), Broken> {
        let met = self.chain.stream == head.stream && self.chain.seq == head.seq;
        if met && self.chain.hash != head.hash {
            return Err(Broken { stream: head.stream, seq: head.seq, reason: Breach::Rewritten });
        }
        if !met {
            // Another one waits already: the stream's end will tell of the first.
            self.missed.get_or_insert(head);
        }
        Ok(())
    }

    /// After the last event and the last head.
    pub fn end(&mut self) -> Result<(), Broken> {
        self.end_stream()
    }

    /// Actors whose names are gone although this walk has met no record of why, with the first event of each.
    #[must_use]
    pub fn nameless(&self) -> Vec<(&str, Broken)> {
        let unexplained = self.nameless.iter().filter(|(actor, _)| !self.erased.contains(*actor));
        unexplained
            .map(|(actor, (stream, seq))| {
                (actor.as_str(), Broken { stream: stream.clone(), seq: *seq, reason: Breach::Name })
            })
            .collect()
    }

    /// Does the office's timeline tell of just these checkpoints?
    pub fn compare(&self, checkpoints: &[Checkpoint]) -> Result<(), Broken> {
        for held in checkpoints {
            if self.told.get(&held.number).is_none_or(|(hash, _)| *hash != held.hash) {
                return Err(faulty(held.number));
            }
        }
        let known = |number: &i64| checkpoints.iter().any(|held| held.number == *number);
        self.told.keys().find(|number| !known(number)).map_or(Ok(()), |number| Err(faulty(*number)))
    }

    fn end_stream(&mut self) -> Result<(), Broken> {
        if let Some(head) = self.missed.take() {
            let seq = if self.chain.stream == head.stream { self.chain.seq + 1 } else { 1 };
            return Err(Broken { stream: head.stream, seq, reason: Breach::CutShort });
        }
        if let Some(seq) = self.chain.unsaid.take() {
            return Err(Broken { stream: self.chain.stream.clone(), seq, reason: Breach::Removed });
        }
        Ok(())
    }

    /// What a line tells of other lines.
    fn note(&mut self, line: &Line<'_>) -> Result<(), Breach> {
        if line.actor_name.is_empty() && line.name_digest.is_some() && line.name_salt.is_none() {
            let first = (line.stream.to_owned(), line.seq);
            self.nameless.entry(line.actor.to_owned()).or_insert(first);
        }
        if line.act == ERASED && line.stream.starts_with("user:") {
            self.erased.insert(line.stream.to_owned());
        }
        if line.act == CHECKPOINT_MADE && line.stream == "office" {
            let (number, hash) = line.payload.and_then(told_checkpoint).ok_or(Breach::Payload)?;
            self.told.insert(number, (hash, line.seq));
        }
        Ok(())
    }
}

fn told_checkpoint(payload: &str) -> Option<(i64, Vec<u8>)> {
    let said: Value = serde_json::from_str(payload).ok()?;
    Some((said.get("number")?.as_i64()?, unhex(said.get("hash")?.as_str()?)?))
}

fn broken(line: &Line<'_>, reason: Breach) -> Broken {
    Broken { stream: line.stream.to_owned(), seq: line.seq, reason }
}

impl Chain {
    fn follow(&mut self, line: &Line<'_>) -> Result<(), Breach> {
        if line.seq != self.seq + 1 {
            return Err(Breach::Gap);
        }
        if line.prev_hash != self.hash {
            return Err(Breach::PrevHash);
        }
        if !says_what_was_hashed(line) {
            return Err(Breach::Payload);
        }
        if !names_who_was_hashed(line) {
            return Err(Breach::Name);
        }
        if audit::hash(&line.link()).as_slice() != line.hash {
            return Err(Breach::Hash);
        }
        if line.payload.is_none() {
            // Only a person's own timeline holds what may be removed.
            if !line.stream.starts_with("user:") {
                return Err(Breach::Removed);
            }
            self.unsaid.get_or_insert(line.seq);
        } else if line.act == ERASED {
            self.unsaid = None;
        }
        self.seq = line.seq;
        self.hash.clear();
        self.hash.extend_from_slice(line.hash);
        Ok(())
    }
}

impl<'a> Line<'a> {
    /// What its hash covers.
    #[must_use]
    pub fn link(&self) -> Link<'a> {
        Link {
            stream: self.stream,
            seq: self.seq,
            at: self.at,
            actor: self.actor,
            act: self.act,
            payload_digest: self.payload_digest,
            prev_hash: self.prev_hash,
            sealed: self.name_digest.map(|name_digest| Sealed { id: self.id, name_digest }),
        }
    }
}

/// A payload that is gone has taken its salt along.
fn says_what_was_hashed(line: &Line<'_>) -> bool {
    match line.payload {
        Some(payload) => audit::payload_digest(line.salt, payload).as_slice() == line.payload_digest,
        None => line.salt.is_empty(),
    }
}

/// So has a name.
fn names_who_was_hashed(line: &Line<'_>) -> bool {
    match (line.name_salt, line.name_digest) {
        (Some(salt), Some(digest)) => audit::name_digest(salt, line.actor_name).as_slice() == digest,
        (None, Some(_)) => line.actor_name.is_empty(),
        (None, None) => true,
        (Some(_), None) => false,
    }
}

/// Are the checkpoints whole in themselves, and covered by the heads that are kept?
#[derive(Debug)]
pub struct CheckpointProof(Vec<(Checkpoint, Summing)>);

impl CheckpointProof {
    /// All of them, by number.
    pub fn new(held: &[Checkpoint]) -> Result<Self, Broken> {
        let mut prev_hash = vec![0; 32];
        let mut sums = Vec::with_capacity(held.len());
        for (one, number) in held.iter().zip(1..) {
            if one.number != number || one.prev_hash != prev_hash {
                return Err(faulty(number));
            }
            prev_hash.clone_from(&one.hash);
            sums.push((one.clone(), Summing::new(one.number, one.at, &one.prev_hash)));
        }
        Ok(Self(sums))
    }

    /// The next head, in the order of streams' bytes.
    pub fn head(&mut self, head: &Head) -> Result<(), Broken> {
        let place = usize::try_from(head.checkpoint - 1).ok();
        let (_, summing) = place.and_then(|at| self.0.get_mut(at)).ok_or_else(|| faulty(head.checkpoint))?;
        summing.add(head);
        Ok(())
    }

    /// After the last head.
    pub fn end(self) -> Result<(), Broken> {
        for (held, summing) in self.0 {
            let (heads, hash) = summing.finish();
            if heads != held.heads || hash.as_slice() != held.hash {
                return Err(faulty(held.number));
            }
        }
        Ok(())
    }
}

fn faulty(checkpoint: i64) -> Broken {
    Broken { stream: CHECKPOINTS.to_owned(), seq: checkpoint, reason: Breach::Checkpoint }
}
