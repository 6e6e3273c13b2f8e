//! The supervising office as the rules see it: its zone, calendar, window and thresholds.

use crate::domain::calendar::{Calendar, local_date};
use crate::domain::deadline::late_at;
use crate::domain::instant::Instant;
use crate::domain::reminder::{Planner, Rule, Window};
use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use std::sync::Arc;

/// Settings and calendar that decisions depend on, fixed for one transaction.
#[derive(Debug, Clone)]
pub struct Office {
    pub name_zh: String,
    pub name_en: String,
    pub zone: Tz,
    pub calendar: Arc<Calendar>,
    /// Mails that nobody's act caused leave between these times of a working day.
    pub window: (NaiveTime, NaiveTime),
    /// Yellow from this many working days left.
    pub yellow_days: u16,
    /// Working days from acceptance to the look-back.
    pub look_back_days: u16,
    /// Working days a review may take.
    pub review_days: u16,
    /// Must the look-back be somebody else's than the acceptance?
    pub four_eyes: bool,
    /// Mails of their own that a person gets in a day at most; 0: no limit.
    pub at_once_a_day: u16,
}

impl Office {
    /// Plans reminders by these rules.
    #[must_use]
    pub fn planner<'a>(&'a self, rules: &'a [Rule]) -> Planner<'a> {
        let (from, to) = self.window;
        Planner { rules, calendar: &self.calendar, zone: self.zone, window: Window { from, to } }
    }

    /// The local date at `now`.
    #[must_use]
    pub fn today(&self, now: Instant) -> NaiveDate {
        local_date(self.zone, now)
    }

    /// The instant at which a ticket due on `on` is late.
    #[must_use]
    pub fn late_at(&self, on: NaiveDate) -> Instant {
        late_at(self.zone, on, None)
    }

    /// The date `n` working days after `from`; `from` itself where chrono's range ends.
    #[must_use]
    pub fn after_working_days(&self, from: NaiveDate, n: u16) -> NaiveDate {
        self.calendar.add_working_days(from, i32::from(n)).unwrap_or(from)
    }
}
