//! How often one caller may do what is costly. Counted in this process: a second server allows as much again.

use crate::domain::id::UserId;
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Refusal};
use chrono::TimeDelta;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Uploads of one user in ten minutes.
const UPLOADS: u32 = 120;
const WINDOW: TimeDelta = TimeDelta::minutes(10);
/// How long an address's wrong passwords are remembered.
const MEMORY: TimeDelta = TimeDelta::minutes(15);
/// Callers remembered at once.
const CALLERS: usize = 10_000;

/// Counts of the current windows.
#[derive(Debug, Default)]
pub struct Limits {
    uploads: Mutex<HashMap<UserId, Window>>,
    failures: Mutex<HashMap<IpAddr, Window>>,
    /// Wrong passwords that one address is allowed; 0: any number.
    failures_most: u32,
}

/// When it was opened, and what has been counted since.
type Window = (Instant, u32);

impl Limits {
    #[must_use]
    pub fn new(failures_per_address: u32) -> Self {
        Self { failures_most: failures_per_address, ..Self::default() }
    }

    /// May somebody at this address try a password?
    ///
    /// # Errors
    /// After too many wrong ones; tells when the next may come.
    pub fn sign_in(&self, from: IpAddr, now: Instant) -> Result<(), Refusal> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((since, count)) = failures.get(&from) else { return Ok(()) };
        let until = since.plus(MEMORY);
        if self.failures_most == 0 || *count < self.failures_most || until <= now {
            return Ok(());
        }
        Err(Refusal::new(Code::SignInSlowedDown).with("seconds", seconds(now, until)))
    }

    /// Counts a wrong password.
    pub fn sign_in_failed(&self, from: IpAddr, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut failures, now, MEMORY);
        window(&mut failures, from, now, MEMORY).1 += 1;
    }

    /// Counts one upload request.
    ///
    /// # Errors
    /// When this user has sent too many; tells when the next may come.
    pub fn upload(&self, user: UserId, now: Instant) -> Result<(), Refusal> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut uploads, now, WINDOW);
        let (since, count) = window(&mut uploads, user, now, WINDOW);
        if *count >= UPLOADS {
            let seconds = seconds(now, since.plus(WINDOW));
            return Err(Refusal::new(Code::TooManyRequests).with("seconds", seconds));
        }
        *count += 1;
        Ok(())
    }
}

fn make_room<K: Hash + Eq>(held: &mut HashMap<K, Window>, now: Instant, length: TimeDelta) {
    if held.len() >= CALLERS {
        held.retain(|_, (since, _)| since.plus(length) > now);
    }
}

/// The caller's window: a new one, where the last has passed.
fn window<K: Hash + Eq>(held: &mut HashMap<K, Window>, key: K, now: Instant, length: TimeDelta) -> &mut Window {
    let window = held.entry(key).or_insert((now, 0));
    if window.0.plus(length) <= now {
        *window = (now, 0);
    }
    window
}

fn seconds(now: Instant, until: Instant) -> i64 {
    (until.utc() - now.utc()).num_seconds().max(1)
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
    #[test]
    fn an_address_with_too_many_wrong_passwords_waits_and_others_do_not() {
        let limits = Limits::new(3);
        let now: Instant = "2026-01-01T00:00:00Z".parse().unwrap();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..3 {
            limits.sign_in(one, now).unwrap();
            limits.sign_in_failed(one, now);
        }
        assert_eq!(limits.sign_in(one, now).unwrap_err().code, Code::SignInSlowedDown);
        limits.sign_in(other, now).unwrap();
        limits.sign_in(one, now.plus(MEMORY)).unwrap();
        limits.sign_in_failed(one, now.plus(MEMORY));
        limits.sign_in(one, now.plus(MEMORY)).unwrap();
        let unlimited = Limits::new(0);
        unlimited.sign_in_failed(one, now);
        unlimited.sign_in(one, now).unwrap();
    }
}
