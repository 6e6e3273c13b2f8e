//! The working calendar: a year of it, and deadlines counted by it.

use crate::domain::calendar::{Calendar, DayMark};
use crate::domain::deadline::{Explanation, Period};
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::transaction::{Outcome, Read};
use chrono::{Datelike, NaiveDate};
use serde::Serialize;
use utoipa::ToSchema;

/// One year: the days that differ from their week.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CalendarYear {
    pub code: String,
    pub name: String,
    pub year: i32,
    /// Has the year been announced? Until then Monday to Friday count.
    pub provisional: bool,
    /// The document that announced it.
    pub source: Option<String>,
    pub working_days: usize,
    /// Holidays and make-up working days, in order.
    pub days: Vec<CalendarDay>,
    /// From 1 October on: is nothing known of the coming year?
    pub next_year_missing: bool,
    pub version: i64,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CalendarDay {
    pub date: NaiveDate,
    pub kind: DayMark,
    pub name: Option<String>,
}

pub fn year(read: &Read<'_>, code: &str, year: i32) -> Outcome<CalendarYear> {
    known(read, code)?;
    year_of(&read.office.calendar, year, read.office.today(read.now))
}

/// The year as a calendar has it that may not be kept yet.
pub fn year_of(calendar: &Calendar, year: i32, today: NaiveDate) -> Outcome<CalendarYear> {
    let days = NaiveDate::from_ymd_opt(year, 1, 1).filter(|_| (1900..=2999).contains(&year));
    let first = days.ok_or_else(Refusal::missing)?;
    let dates = first.iter_days().take_while(|date| date.year() == year);
    let listed = calendar.listed().filter(|(date, _)| date.year() == year);
    Ok(CalendarYear {
        code: calendar.code.clone(),
        name: calendar.name.clone(),
        year,
        provisional: !calendar.covers(year),
        source: calendar.years().find(|(held, _)| *held == year).and_then(|(_, source)| source.map(str::to_owned)),
        working_days: dates.filter(|date| calendar.is_working(*date)).count(),
        days: listed.map(|(date, day)| CalendarDay { date, kind: day.kind.into(), name: day.name.clone() }).collect(),
        next_year_missing: calendar.misses_next_year(today),
        version: calendar.version,
    })
}

/// `working_days` after `from`, day by day.
pub fn deadline(read: &Read<'_>, code: &str, from: NaiveDate, working_days: u16) -> Outcome<Explanation> {
    known(read, code)?;
    let office = &read.office;
    let period = Period::WorkingDays(working_days);
    period.explain(from, None, None, office.zone, &office.calendar).ok_or_else(|| {
        let place = Place::Parameter("from".to_owned());
        Refusal::field(Fault::new(place, Code::FieldDate)).into()
    })
}

fn known(read: &Read<'_>, code: &str) -> Result<(), Refusal> {
    let held = &read.office.calendar.code;
    if held == code { Ok(()) } else { Err(Refusal::new(Code::CalendarUnknown).with("known", held)) }
}
