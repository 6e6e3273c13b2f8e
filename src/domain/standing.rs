//! THE definition of whose move it is, overdue, the light and the days left: one for list, count, mail and export.

use crate::domain::instant::Instant;
use crate::domain::office::Office;
use crate::domain::vocabulary::{Ball, Light, State};
use chrono::NaiveDate;

/// How a ticket stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub ball: Ball,
    pub overdue: bool,
    pub light: Light,
    /// Working days, today not counted, the due day counted; `None` once overdue or finished.
    pub days_left: Option<i64>,
    pub calendar_days_left: Option<i64>,
    /// Calendar days since `due_on`, from 1; 0 while not overdue.
    pub days_overdue: i64,
}

/// How a ticket in `state`, due on `due_on` and late at `due_at`, stands at `now`.
#[must_use]
pub fn standing(state: State, due_on: NaiveDate, due_at: Instant, office: &Office, now: Instant) -> Standing {
    let today = office.today(now);
    let ball = state.ball();
    let overdue = ball == Ball::Unit && now >= due_at;
    let left = (!overdue && state.is_open()).then(|| office.calendar.working_days_between(today, due_on));
    let light = match ball {
        Ball::None => Light::Grey,
        Ball::Coordinator | Ball::Verifier => Light::Blue,
        Ball::Unit if overdue => Light::Red,
        Ball::Unit if left.is_some_and(|days| days <= i64::from(office.yellow_days)) => Light::Yellow,
        Ball::Unit => Light::Green,
    };
    Standing {
        ball,
        overdue,
        light,
        days_left: left,
        calendar_days_left: left.map(|_| (due_on - today).num_days().max(0)),
        days_overdue: if overdue { (today - due_on).num_days().max(1) } else { 0 },
    }
}

/// The first due date that is still green today: everything the unit must answer before it is yellow or red.
#[must_use]
pub fn first_green_on(office: &Office, now: Instant) -> NaiveDate {
    office.after_working_days(office.today(now), office.yellow_days.saturating_add(1))
}
