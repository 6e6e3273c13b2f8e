//! Checkpoints: a day's end of the whole record under one hash. Each covers the heads of the streams that have grown since
//! the one before, and that one's hash: all of them together cover every head there is.

use crate::domain::audit::{Hash, field};
use crate::domain::instant::Instant;
use sha2::{Digest, Sha256};

/// One checkpoint as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// From 1, without a gap.
    pub number: i64,
    pub at: Instant,
    /// Streams that had grown.
    pub heads: i64,
    /// All zeros before the first.
    pub prev_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

/// Where a stream stood: number and hash of its last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub checkpoint: i64,
    pub stream: String,
    pub seq: i64,
    pub hash: Vec<u8>,
}

/// The hash of a checkpoint, fed head by head in the order of their streams' bytes.
#[derive(Debug)]
pub struct Summing {
    hasher: Sha256,
    heads: i64,
}

impl Summing {
    #[must_use]
    pub fn new(number: i64, at: Instant, prev_hash: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"rectify-checkpoint-1");
        hasher.update(number.to_be_bytes());
        hasher.update(at.micros().to_be_bytes());
        field(&mut hasher, prev_hash);
        Self { hasher, heads: 0 }
    }

    pub fn add(&mut self, head: &Head) {
        field(&mut self.hasher, head.stream.as_bytes());
        self.hasher.update(head.seq.to_be_bytes());
        field(&mut self.hasher, &head.hash);
        self.heads += 1;
    }

    /// How many heads went in, and the hash.
    #[must_use]
    pub fn finish(mut self) -> (i64, Hash) {
        self.hasher.update(self.heads.to_be_bytes());
        (self.heads, self.hasher.finalize().into())
    }
}

/// The checkpoint of these heads, which stand in the order of their streams' bytes.
#[must_use]
pub fn checkpoint(number: i64, at: Instant, prev_hash: Vec<u8>, heads: &[Head]) -> Checkpoint {
    let mut summing = Summing::new(number, at, &prev_hash);
    for head in heads {
        summing.add(head);
    }
    let (heads, hash) = summing.finish();
    Checkpoint { number, at, heads, prev_hash, hash: hash.to_vec() }
}
