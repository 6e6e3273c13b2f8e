//! `Idempotency-Key`: read at the door; what it means is decided in the transaction, by `actions::idempotency`.

use crate::domain::refusal::{Code, Refusal};
use actix_web::HttpRequest;
use sha2::{Digest, Sha256};

/// On an answer that was given before.
pub const REPLAYED: &str = "idempotency-replayed";

/// The caller's key, if there is one.
///
/// # Errors
/// When it isn't 1 to 255 visible ASCII characters, or stands there twice.
pub fn key(request: &HttpRequest) -> Result<Option<String>, Refusal> {
    let mut headers = request.headers().get_all("idempotency-key");
    let Some(header) = headers.next() else { return Ok(None) };
    let key = header.to_str().unwrap_or_default();
    let fits = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && headers.next().is_none() {
        Ok(Some(key.to_owned()))
    } else {
        Err(Refusal::new(Code::IdempotencyKeyInvalid))
    }
}

/// What makes a request this one and no other.
#[must_use]
pub fn fingerprint(method: &str, target: &str, body: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [method, " ", target, "\n"] {
        hasher.update(part.as_bytes());
    }
    hasher.update(body);
    hasher.finalize().into()
}
