//! Whether the clock may be believed. One that leapt far ahead would tell everybody that everything is overdue, and what
//! was told can't be taken back: so nothing is planned or sent until an admin has accepted the time, or it is put right.

use crate::domain::instant::Instant;
use crate::store::ledger;
use crate::store::outbox::{self, Hold};
use crate::transaction::{Outcome, World};
use chrono::TimeDelta;
use std::time::Duration;

/// So far may a clock run ahead of the time that has passed.
const LEAP_HOURS: i64 = 48;
/// Nobody can tell a downtime from a leap; longer than this no office leaves its server switched off.
const DOWNTIME_DAYS: i64 = 45;

/// The last time that this process believed, and the machine's uptime then.
#[derive(Debug, Default)]
pub struct Vigil {
    last: Option<(Instant, Duration)>,
}

/// What the looks of this process know of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// The first look of the process: it can only ask when the last one of any process was.
    Unseen,
    /// The last time that was believed, and what the clock should show now.
    Seen { last: Instant, expected: Instant },
}

impl Vigil {
    /// Asked before each look.
    #[must_use]
    pub fn passed(&self, uptime: Duration) -> Passed {
        self.last.map_or(Passed::Unseen, |(last, at)| {
            let passed = uptime.saturating_sub(at);
            Passed::Seen { last, expected: last.plus(TimeDelta::from_std(passed).unwrap_or(TimeDelta::MAX)) }
        })
    }

    /// The clock showed `now`, and that was believed.
    pub fn believe(&mut self, now: Instant, uptime: Duration) {
        self.last = Some((now, uptime));
    }

    /// May mail leave by a clock that shows `now`? Asked between looks, so without the database.
    #[must_use]
    pub fn trusts(&self, now: Instant, uptime: Duration) -> bool {
        match self.passed(uptime) {
            Passed::Unseen => false,
            Passed::Seen { expected, .. } => now <= expected.plus(TimeDelta::hours(LEAP_HOURS)),
        }
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

/// The last time that was right, if the clock is not to be believed. One by which somebody has looked of late is: it was
/// accepted, or another server shows the same.
fn leapt(passed: Passed, looked_at: Option<Instant>, now: Instant) -> Option<Instant> {
    if looked_at.is_some_and(|at| now <= at.plus(TimeDelta::hours(LEAP_HOURS))) {
        return None;
    }
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
    fn a_time_by_which_somebody_has_looked_is_believed() {
        let seen = Passed::Seen { last: at("2021-08-16T01:00:00Z"), expected: at("2021-08-16T01:00:30Z") };
        let now = at("2036-01-01T00:00:00Z");
        assert_eq!(leapt(seen, Some(at("2035-12-31T23:59:00Z")), now), None);
        assert!(leapt(seen, Some(at("2021-08-16T01:00:00Z")), now).is_some());
    }

    #[test]
    fn a_vigil_counts_the_time_that_really_passed_and_keeps_to_what_it_believed() {
        let mut vigil = Vigil::default();
        let (first, hour) = (at("2021-08-16T01:00:00Z"), Duration::from_hours(1));
        assert_eq!(vigil.passed(hour), Passed::Unseen);
        assert!(!vigil.trusts(first, hour));
        vigil.believe(first, hour);
        let (now, later) = (at("2021-08-19T01:00:00Z"), Duration::from_hours(73));
        assert_eq!(vigil.passed(later), Passed::Seen { last: first, expected: now });
        assert!(vigil.trusts(now, later));
        // Asked again and again, a leap stays one.
        let wrong = at("2036-01-01T00:00:00Z");
        assert!(!vigil.trusts(wrong, later) && !vigil.trusts(wrong, later + hour));
    }
}
