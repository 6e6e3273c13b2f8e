//! Users (用户): made, changed, disabled; and how their passwords are kept.

use crate::store::StoreError;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

/// OWASP's floor for argon2id: 19 MB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The hash to keep for a password, with its salt and parameters. Takes tens of milliseconds and 19 MB.
///
/// # Errors
/// When the system gives no random bytes.
pub fn hash_password(password: &str) -> Result<String, StoreError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|fault| unusable(&fault))?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = hasher.hash_password(password.as_bytes()).map_err(|fault| unusable(&fault))?;
    Ok(hash.to_string())
}

/// Is this the password that was hashed? Its own parameters decide, whatever ours are now.
#[must_use]
pub fn verify_password(password: &str, hash: &str) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

fn unusable(fault: &impl std::fmt::Display) -> StoreError {
    StoreError::Unsupported(format!("a password can't be hashed: {fault}"))
}
