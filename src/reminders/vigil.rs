//! Whether the clock may be believed. One that leapt far ahead would tell everybody that everything is overdue, and what
//! was told can't be taken back: so nothing is planned or sent until an admin has accepted the time, or it is put right.

use crate::domain::instant::Instant;
use crate::store::ledger;
use crate::store::outbox::{self, Hold};
use crate::transaction::{Outcome, World};
use chrono::TimeDelta;
use tokio::time::Instant as Monotonic;

/// So far may a clock run ahead of the time that has passed.
const LEAP_HOURS: i64 = 48;
/// Nobody can tell a downtime from a leap; longer than this no office leaves its server switched off.
const DOWNTIME_DAYS: i64 = 45;

/// The time that a running process has seen pass.
#[derive(Debug, Default)]
pub struct Vigil {
    last: Option<(Instant, Monotonic)>,
}

/// What the looks of this process know of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// The first look of the process: it can only ask when the last one of any process was.
    Unseen,
    /// The last look's time, and what the clock should show now.
    Seen { last: Instant, expected: Instant },
}

impl Vigil {
    /// Asked before each look, with what the clock shows.
    pub fn passed(&mut self, now: Instant) -> Passed {
        self.passed_at(now, Monotonic::now())
    }

    fn passed_at(&mut self, now: Instant, here: Monotonic) -> Passed {
        let passed = self.last.map_or(Passed::Unseen, |(last, at)| {
            let expected = last.plus(TimeDelta::from_std(here - at).unwrap_or(TimeDelta::MAX));
            Passed::Seen { last, expected }
        });
        self.last = Some((now, here));
        passed
    }
}

/// May this look go on? Sets the hold where the clock leapt, and ends it where it shows a believable time again. Blocks.
///
/// # Errors
/// When the database can't be read or written.
pub fn is_believed(world: &World, passed: Passed) -> Outcome<bool> {
    let (held, looked_at, now) =
        world.read_now(|read| Ok((outbox::hold(read.conn)?, ledger::looked_at(read.conn)?, read.now)))?;
    if let Some(held) = held {
        let is_right_again = now < held.trusted.plus(TimeDelta::hours(LEAP_HOURS));
        if is_right_again {
            world.write_now(|tx| Ok(outbox::end_hold(tx.conn)?))?;
            tracing::warn!(%now, "the clock is right again; mails are sent");
        }
        return Ok(is_right_again);
    }
    let Some(trusted) = leapt(passed, looked_at, now) else { return Ok(true) };
    world.write_now(move |tx| Ok(outbox::set_hold(tx.conn, &Hold { trusted, found: now })?))?;
    tracing::error!(%trusted, %now, "the clock leapt; no mail is sent until an admin accepts its time: rectify clock accept");
    Ok(false)
}

/// The last time that was right, if the clock is not to be believed.
fn leapt(passed: Passed, looked_at: Option<Instant>, now: Instant) -> Option<Instant> {
    let (trusted, latest) = match passed {
        Passed::Seen { last, expected } => (last, expected.plus(TimeDelta::hours(LEAP_HOURS))),
        Passed::Unseen => {
            let trusted = looked_at?;
            (trusted, trusted.plus(TimeDelta::days(DOWNTIME_DAYS)))
        }
    };
    (now > latest).then_some(trusted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn two_days_ahead_of_the_time_that_passed_are_a_leap() {
        let last = at("2021-08-16T01:00:00Z");
        let seen = Passed::Seen { last, expected: at("2021-08-16T01:00:30Z") };
        assert_eq!(leapt(seen, None, at("2021-08-16T01:00:31Z")), None);
        assert_eq!(leapt(seen, None, at("2021-08-18T01:00:30Z")), None);
        assert_eq!(leapt(seen, None, at("2021-08-18T01:00:31Z")), Some(last));
        // Back is no leap: the ledger knows what was told.
        assert_eq!(leapt(seen, None, at("2020-08-16T01:00:00Z")), None);
    }

    #[test]
    fn a_month_switched_off_is_a_downtime_and_a_year_is_not() {
        let last = Some(at("2021-08-16T01:00:00Z"));
        assert_eq!(leapt(Passed::Unseen, None, at("2036-01-01T00:00:00Z")), None);
        assert_eq!(leapt(Passed::Unseen, last, at("2021-09-15T01:00:00Z")), None);
        assert_eq!(leapt(Passed::Unseen, last, at("2036-01-01T00:00:00Z")), last);
    }

    #[test]
    fn a_vigil_counts_the_time_that_really_passed() {
        let mut vigil = Vigil::default();
        let (first, here) = (at("2021-08-16T01:00:00Z"), Monotonic::now());
        assert_eq!(vigil.passed_at(first, here), Passed::Unseen);
        let now = at("2021-08-19T01:00:00Z");
        let passed = vigil.passed_at(now, here + Duration::from_hours(72));
        assert_eq!(passed, Passed::Seen { last: first, expected: now });
    }
}
