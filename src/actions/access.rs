//! What is on record about access itself: sign-ins that failed, what was denied, what was taken out. Others choose how often
//! the first two happen, so a throttle decides which of them are written down; the rest are counted.

use crate::actions::record::record;
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::id::UserId;
use crate::domain::instant::Instant;
use crate::domain::refusal::Code;
use crate::store::users;
use crate::transaction::{Outcome, Tx};
use chrono::TimeDelta;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// The same is written down once in this time.
const WINDOW: TimeDelta = TimeDelta::hours(1);
/// Events of one person in a window, and of all in this process: under 10 MB a day whatever is tried.
const OF_ONE: u32 = 20;
const OF_ALL: u32 = 500;
/// Characters of an address that are kept.
const ASKED: usize = 200;

/// Remembers what was written down lately. One a process.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    since: Option<Instant>,
    keys: HashSet<(UserId, String)>,
    of_one: HashMap<UserId, u32>,
    of_all: u32,
    /// Not written down since the person's last event.
    left_out: HashMap<UserId, i64>,
}

impl Throttle {
    /// Is this to be written down? Then how many of the person's were not since the last one; `None` where it is counted only.
    pub fn admit(&self, user: UserId, key: &str, now: Instant) -> Option<i64> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = seen.since.is_none_or(|since| now < since || since.plus(WINDOW) <= now);
        if is_over {
            let left_out = std::mem::take(&mut seen.left_out);
            *seen = Seen { since: Some(now), left_out, ..Seen::default() };
        }
        let of_one = seen.of_one.get(&user).copied().unwrap_or(0);
        let key = (user, key.to_owned());
        if of_one >= OF_ONE || seen.of_all >= OF_ALL || seen.keys.contains(&key) {
            *seen.left_out.entry(user).or_default() += 1;
            return None;
        }
        seen.keys.insert(key);
        seen.of_one.insert(user, of_one + 1);
        seen.of_all += 1;
        Some(seen.left_out.remove(&user).unwrap_or(0))
    }
}

/// Somebody was told no: who, and what they asked for, `POST /api/v1/notices`.
pub fn note_denial(tx: &mut Tx<'_>, actor: &Actor, asked: &str, code: Code, left_out: i64) -> Outcome<()> {
    let Some(user) = actor.user_id else { return Ok(()) };
    users::lock(tx.conn, user)?;
    let asked: String = asked.chars().take(ASKED).collect();
    let said = json!({"asked": asked, "code": code.as_str(), "left_out": left_out});
    record(tx, actor, Stream::User(user), "user.denied", &said)?;
    Ok(())
}

/// Somebody took a copy of much at once away: what it is, in a few words.
pub fn note_export(tx: &mut Tx<'_>, actor: &Actor, what: &str) -> Outcome<()> {
    record(tx, actor, Stream::Office, "export.made", &json!({ "what": what }))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_same_is_written_down_once_an_hour_and_the_rest_is_counted() {
        let (throttle, one) = (Throttle::default(), UserId(Uuid::from_u128(1)));
        let now: Instant = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(throttle.admit(one, "POST /a", now), Some(0));
        assert_eq!(throttle.admit(one, "POST /a", now), None);
        assert_eq!(throttle.admit(one, "POST /a", now), None);
        assert_eq!(throttle.admit(one, "POST /b", now), Some(2));
        assert_eq!(throttle.admit(one, "POST /a", now.plus(WINDOW)), Some(0));
    }

    #[test]
    fn a_flood_is_bounded_for_one_person_and_for_all() {
        let throttle = Throttle::default();
        let now: Instant = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut written = 0;
        for person in 0..100 {
            for path in 0..100 {
                let user = UserId(Uuid::from_u128(person));
                written += u32::from(throttle.admit(user, &path.to_string(), now).is_some());
            }
        }
        assert_eq!(written, OF_ALL);
        let later = now.plus(WINDOW);
        let one = UserId(Uuid::from_u128(0));
        assert_eq!(throttle.admit(one, "again", later), Some(80));
    }
}
