//! A request asked twice is done once: its answer is kept in the transaction that it made, and given again.

use crate::domain::refusal::{Code, Refusal};
use crate::store::StoreError;
use crate::store::idempotency::{self, IdempotencyRow};
use crate::transaction::{Outcome, Tx};
use chrono::TimeDelta;

/// How long an answer is kept, by the machine's time.
pub const KEPT_FOR: TimeDelta = TimeDelta::hours(24);

/// A request that may be repeated.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose key it is; the same key of another caller is another key.
    pub caller: String,
    pub key: String,
    /// SHA-256 of all that makes it this request and no other.
    pub fingerprint: [u8; 32],
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Takes the key for this transaction, or finds the answer that was given under it. A repeat of a request that still
/// runs waits for it here.
///
/// # Errors
/// When the key belongs to another request.
pub fn begin(tx: &mut Tx<'_>, asked: &Asked) -> Outcome<Option<Kept>> {
    let row = IdempotencyRow {
        caller: asked.caller.clone(),
        key: asked.key.clone(),
        fingerprint: asked.fingerprint.to_vec(),
        status: None,
        headers: String::new(),
        body: Vec::new(),
        created_at: tx.machine_now,
    };
    idempotency::forget(tx.conn, &asked.caller, &asked.key, tx.machine_now.minus(KEPT_FOR))?;
    if idempotency::claim(tx.conn, &row)? {
        return Ok(None);
    }
    // Gone again only if it was swept in this very moment.
    let held = idempotency::find(tx.conn, &asked.caller, &asked.key)?.ok_or(StoreError::Busy)?;
    if held.fingerprint != asked.fingerprint {
        return Err(Refusal::new(Code::IdempotencyKeyReused).into());
    }
    Ok(Some(Kept {
        status: held.status.and_then(|status| u16::try_from(status).ok()).ok_or(StoreError::Busy)?,
        headers: serde_json::from_str(&held.headers).map_err(|fault| unreadable(&fault))?,
        body: held.body,
    }))
}

/// Keeps the answer of a request that took its key.
pub fn keep(tx: &mut Tx<'_>, asked: &Asked, kept: &Kept) -> Outcome<()> {
    let row = IdempotencyRow {
        caller: asked.caller.clone(),
        key: asked.key.clone(),
        fingerprint: asked.fingerprint.to_vec(),
        status: Some(i32::from(kept.status)),
        headers: serde_json::to_string(&kept.headers).map_err(|fault| unreadable(&fault))?,
        body: kept.body.clone(),
        created_at: tx.machine_now,
    };
    Ok(idempotency::keep(tx.conn, &row)?)
}

fn unreadable(fault: &serde_json::Error) -> StoreError {
    StoreError::Unsupported(format!("a kept answer: {fault}"))
}
