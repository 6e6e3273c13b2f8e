//! How often one caller may do what is costly. Counted in this process: a second server allows as much again.

use crate::domain::id::UserId;
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Refusal};
use chrono::TimeDelta;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Uploads of one user in ten minutes.
const UPLOADS: u32 = 120;
const WINDOW: TimeDelta = TimeDelta::minutes(10);
/// Callers remembered at once.
const CALLERS: usize = 10_000;

/// Counts of the current windows.
#[derive(Debug, Default)]
pub struct Limits {
    uploads: Mutex<HashMap<UserId, (Instant, u32)>>,
}

impl Limits {
    /// Counts one upload request.
    ///
    /// # Errors
    /// When this user has sent too many; tells when the next may come.
    pub fn upload(&self, user: UserId, now: Instant) -> Result<(), Refusal> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        if uploads.len() >= CALLERS {
            uploads.retain(|_, (since, _)| since.plus(WINDOW) > now);
        }
        let (since, count) = uploads.entry(user).or_insert((now, 0));
        if since.plus(WINDOW) <= now {
            (*since, *count) = (now, 0);
        }
        if *count >= UPLOADS {
            let seconds = (since.plus(WINDOW).utc() - now.utc()).num_seconds().max(1);
            return Err(Refusal::new(Code::TooManyRequests).with("seconds", seconds));
        }
        *count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn one_user_is_held_back_others_are_not_and_the_window_passes() {
        let limits = Limits::default();
        let now: Instant = "2026-01-01T00:00:00Z".parse().unwrap();
        let (one, other) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
        for _ in 0..UPLOADS {
            limits.upload(one, now).unwrap();
        }
        assert_eq!(limits.upload(one, now).unwrap_err().code, Code::TooManyRequests);
        limits.upload(other, now).unwrap();
        limits.upload(one, now.plus(WINDOW)).unwrap();
    }
}
