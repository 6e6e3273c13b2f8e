//! The hash chain that makes every timeline provable: each event's hash covers the one before it.

use crate::domain::id::{AssetId, FeedbackId, FindingId, NoticeId, TicketId, UnitId, UserId};
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

/// What the hash of an event covers. The payload enters as a salted digest, so that a departed person's data
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
}

/// Digest of a payload's exact text with its salt.
#[must_use]
pub fn payload_digest(salt: &[u8], payload: &str) -> Hash {
    let mut hasher = Sha256::new();
    field(&mut hasher, salt);
    field(&mut hasher, payload.as_bytes());
    hasher.finalize().into()
}

/// The hash of one event.
#[must_use]
pub fn hash(link: &Link<'_>) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"rectify-event-1");
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

#[cfg(test)]
mod tests {
    use super::*;

    fn link<'a>(stream: &'a str, actor: &'a str, act: &'a str) -> Link<'a> {
        let at = Instant::from_micros(1_629_075_600_000_000).unwrap();
        Link { stream, seq: 1, at, actor, act, payload_digest: &[1; 32], prev_hash: &[0; 32] }
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
        assert_eq!(hex(&hash(&link("ticket:x", "user:y", "ticket.acknowledged"))).len(), 64);
    }
}
