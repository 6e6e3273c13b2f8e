//! The hash chain that makes every timeline provable: each event's hash covers the one before it.

pub mod checkpoint;
pub mod proof;
pub mod receipt;

use crate::domain::id::{AssetId, EventId, FeedbackId, FindingId, NoticeId, TicketId, UnitId, UserId};
use crate::domain::instant::Instant;
use sha2::{Digest, Sha256};
use std::fmt;

/// SHA-256.
pub type Hash = [u8; 32];

/// Whose timeline an event belongs to. Written `kind:id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    Ticket(TicketId),
    Notice(NoticeId),
    Finding(FindingId),
    Feedback(FeedbackId),
    Unit(UnitId),
    User(UserId),
    Asset(AssetId),
    /// Of the installation: sandbox clock, settings.
    Office,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticket(id) => write!(f, "ticket:{id}"),
            Self::Notice(id) => write!(f, "notice:{id}"),
            Self::Finding(id) => write!(f, "finding:{id}"),
            Self::Feedback(id) => write!(f, "feedback:{id}"),
            Self::Unit(id) => write!(f, "unit:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Asset(id) => write!(f, "asset:{id}"),
            Self::Office => f.write_str("office"),
        }
    }
}

/// The act that says that a person's data was removed. It stands in the person's own stream, after what is gone.
pub const ERASED: &str = "user.erased";
/// The act that says that a checkpoint was made. It stands in the office's stream.
pub const CHECKPOINT_MADE: &str = "checkpoint.made";

/// What the hash of an event covers. Payload and name enter as salted digests, so that a departed person's data
/// can be removed without breaking the chain.
#[derive(Debug, Clone)]
pub struct Link<'a> {
    pub stream: &'a str,
    pub seq: i64,
    pub at: Instant,
    pub actor: &'a str,
    pub act: &'a str,
    pub payload_digest: &'a [u8],
    /// All zeros before the first event of a stream.
    pub prev_hash: &'a [u8],
    /// Missing in events of before: their hash covers neither id nor name.
    pub sealed: Option<Sealed<'a>>,
}

/// What the hash covers besides, since the second form of an event.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a> {
    pub id: EventId,
    pub name_digest: &'a [u8],
}

/// Digest of a payload's exact text with its salt.
#[must_use]
pub fn payload_digest(salt: &[u8], payload: &str) -> Hash {
    let mut hasher = Sha256::new();
    field(&mut hasher, salt);
    field(&mut hasher, payload.as_bytes());
    hasher.finalize().into()
}

/// Digest of an actor's name with its salt.
#[must_use]
pub fn name_digest(salt: &[u8], name: &str) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"rectify-name-1");
    field(&mut hasher, salt);
    field(&mut hasher, name.as_bytes());
    hasher.finalize().into()
}

/// The hash of one event.
#[must_use]
pub fn hash(link: &Link<'_>) -> Hash {
    let mut hasher = Sha256::new();
    match link.sealed {
        None => hasher.update(b"rectify-event-1"),
        Some(Sealed { id, name_digest }) => {
            hasher.update(b"rectify-event-2");
            hasher.update(id.0.as_bytes());
            field(&mut hasher, name_digest);
        }
    }
    field(&mut hasher, link.stream.as_bytes());
    hasher.update(link.seq.to_be_bytes());
    hasher.update(link.at.micros().to_be_bytes());
    field(&mut hasher, link.actor.as_bytes());
    field(&mut hasher, link.act.as_bytes());
    field(&mut hasher, link.payload_digest);
    field(&mut hasher, link.prev_hash);
    hasher.finalize().into()
}

/// Each field goes in with its length, so that no two different events can read the same.
fn field(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    hasher.update(bytes);
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The bytes that a hexadecimal text stands for; `None` where it is none.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link<'a>(stream: &'a str, actor: &'a str, act: &'a str) -> Link<'a> {
        let at = Instant::from_micros(1_629_075_600_000_000).unwrap();
        Link { stream, seq: 1, at, actor, act, payload_digest: &[1; 32], prev_hash: &[0; 32], sealed: None }
    }

    #[test]
    fn moving_a_letter_between_fields_changes_the_hash() {
        assert_ne!(hash(&link("a", "bc", "d")), hash(&link("ab", "c", "d")));
        assert_ne!(hash(&link("a", "b", "cd")), hash(&link("a", "bc", "d")));
    }

    #[test]
    fn the_hash_of_a_known_event_never_changes() {
        let digest = payload_digest(b"0123456789abcdef", r#"{"handler":"张三"}"#);
        assert_eq!(hex(&digest), hex(&payload_digest(b"0123456789abcdef", r#"{"handler":"张三"}"#)));
        let first = link("ticket:x", "user:y", "ticket.acknowledged");
        assert_eq!(hex(&hash(&first)), "0a185bc4451217415803223549abcd9cd03a139e5e18877b28c0aa9e2db9d04d");
        let sealed = Some(Sealed { id: EventId(uuid::Uuid::from_u128(7)), name_digest: &[2; 32] });
        assert_eq!(
            hex(&hash(&Link { sealed, ..first })),
            "42db144bb3fc7a5b90128a133af93844f1d0188f14bf36243c43a3fb02cac03f"
        );
    }

    #[test]
    fn hexadecimal_comes_back_or_is_none() {
        assert_eq!(unhex(&hex(&[0, 10, 255])), Some(vec![0, 10, 255]));
        assert_eq!((unhex("0"), unhex("zz"), unhex("é"), unhex("")), (None, None, None, Some(Vec::new())));
    }
}
