//! Secrets that programs and browsers show: how they are kept, and how a token's begins.

use crate::domain::id::TokenId;
use sha2::{Digest, Sha256};

/// How secrets of 256 bits are kept: SHA-256. They can't be guessed, so they need no slow hash.
#[must_use]
pub fn hash_secret(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// `rct_` and the last eight digits of the id, with which the secret begins.
#[must_use]
pub fn token_prefix(id: TokenId) -> String {
    let digits = id.0.simple().to_string();
    format!("rct_{}_", digits.get(24..).unwrap_or_default())
}
