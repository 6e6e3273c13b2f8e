//! Which days are worked, and when a local day begins. For everything that counts in working days: deadlines,
//! reminders, days left. China decrees its days off a year at a time and works some weekends in exchange (调休),
//! so the days are data; a year without data is a normal state, and what is computed through it is provisional.

use crate::domain::instant::Instant;
use crate::text_enum;
use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Timelike, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Bound;

/// The calendar of China that is shipped, as text for [`Calendar::from_toml`].
pub const CN_TOML: &str = include_str!("../../config/calendars/cn.toml");

/// A trace holds at most this many days (ten years), however far its end lies.
pub const TRACE_DAYS_MAX: usize = 3_660;

text_enum! {
    /// What a date is for the office.
    DayKind {
        /// Monday to Friday, as always.
        Workday = "workday",
        /// Saturday or Sunday, as always.
        Weekend = "weekend",
        /// Decreed a day off, whatever its weekday.
        Holiday = "holiday",
        /// A Saturday or Sunday that is worked in exchange for a day off (调休).
        MakeUp = "make_up",
    }
}

impl DayKind {
    #[must_use]
    pub const fn is_working(self) -> bool {
        match self {
            Self::Workday | Self::MakeUp => true,
            Self::Weekend | Self::Holiday => false,
        }
    }
}

text_enum! {
    /// What a date is as people decree it: off, worked, or like its week.
    DayMark { Holiday = "holiday", Workday = "workday", Normal = "normal" }
}

impl From<DayKind> for DayMark {
    fn from(kind: DayKind) -> Self {
        match kind {
            DayKind::Holiday => Self::Holiday,
            DayKind::MakeUp => Self::Workday,
            DayKind::Workday | DayKind::Weekend => Self::Normal,
        }
    }
}

impl From<ListedKind> for DayMark {
    fn from(kind: ListedKind) -> Self {
        match kind {
            ListedKind::Holiday => Self::Holiday,
            ListedKind::Workday => Self::Workday,
        }
    }
}

text_enum! {
    /// How a listed day differs from its week.
    ListedKind { Holiday = "holiday", Workday = "workday" }
}

/// A day that the calendar lists because it differs from its week, with the name of the feast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDay {
    pub kind: ListedKind,
    pub name: Option<String>,
}

/// One day of a trace. `counted` days add up to the number that was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TraceDay {
    pub date: NaiveDate,
    #[serde(serialize_with = "as_decreed")]
    #[schema(value_type = DayMark)]
    pub kind: DayKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub counted: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn as_decreed<S: serde::Serializer>(kind: &DayKind, out: S) -> Result<S::Ok, S::Error> {
    DayMark::from(*kind).serialize(out)
}

/// Why a calendar file can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarFault {
    /// Not TOML, an unknown or missing key, a wrong type; the text names line and column.
    #[error("{0}")]
    Syntax(String),
    #[error("`{0}` is not a year from 1900 to 2999")]
    Year(String),
    #[error("`{0}` is not a date; write it like 2027-01-01, without quotes or time")]
    Date(String),
    #[error("{date} does not lie in {year}; list it under its own year")]
    OutsideYear { date: NaiveDate, year: i32 },
    #[error("the run from {from} to {to} ends before it begins")]
    Backwards { from: NaiveDate, to: NaiveDate },
    #[error("{0} is listed twice")]
    Duplicate(NaiveDate),
    #[error("{0} is a working day anyway; only a Saturday or Sunday can be made one")]
    NotAWeekend(NaiveDate),
    #[error("`code` must be 1 to 40 of a-z, 0-9, `-` and `_`")]
    CalendarCode,
    #[error("`version` must be at least 1")]
    Version,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarFile {
    code: String,
    name: String,
    version: i64,
    years: BTreeMap<String, YearFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct YearFile {
    source: Option<String>,
    days: Vec<RunFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunFile {
    date: toml::value::Datetime,
    to: Option<toml::value::Datetime>,
    kind: ListedKind,
    name: Option<String>,
}

/// The days off and make-up working days of an office, with the years that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    pub code: String,
    pub name: String,
    /// Raised with every change of a day or year.
    pub version: i64,
    years: BTreeMap<i32, Option<String>>,
    listed: BTreeMap<NaiveDate, ListedDay>,
}

impl Calendar {
    /// A calendar from stored rows. `years` are those that are known, listed days or not. Where a date comes twice,
    /// the last one stands.
    #[must_use]
    pub fn new(
        code: impl Into<String>,
        version: i64,
        years: impl IntoIterator<Item = i32>,
        days: impl IntoIterator<Item = (NaiveDate, ListedDay)>,
    ) -> Self {
        let code = code.into();
        Self {
            name: code.clone(),
            code,
            version,
            years: years.into_iter().map(|year| (year, None)).collect(),
            listed: days.into_iter().collect(),
        }
    }

    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Says where the year's days come from; the year counts as known from then on.
    #[must_use]
    pub fn with_source(mut self, year: i32, source: impl Into<String>) -> Self {
        self.years.insert(year, Some(source.into()));
        self
    }

    /// A calendar from a file of the form of `config/calendars/cn.toml`.
    pub fn from_toml(text: &str) -> Result<Self, CalendarFault> {
        let file: CalendarFile = toml::from_str(text).map_err(|fault| CalendarFault::Syntax(fault.to_string()))?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if file.code.is_empty() || file.code.len() > 40 || !file.code.chars().all(fits) {
            return Err(CalendarFault::CalendarCode);
        }
        if file.version < 1 {
            return Err(CalendarFault::Version);
        }
        let mut calendar = Self::new(file.code, file.version, [], []).with_name(file.name);
        for (key, year_file) in file.years {
            let known = key.parse().ok().filter(|year| (1900..=2999).contains(year));
            let year: i32 = known.ok_or(CalendarFault::Year(key))?;
            if calendar.years.insert(year, year_file.source).is_some() {
                return Err(CalendarFault::Year(year.to_string()));
            }
            for run in year_file.days {
                calendar.list(year, &run)?;
            }
        }
        Ok(calendar)
    }

    fn list(&mut self, year: i32, run: &RunFile) -> Result<(), CalendarFault> {
        let from = plain_date(&run.date)?;
        let to = run.to.as_ref().map_or(Ok(from), plain_date)?;
        if to < from {
            return Err(CalendarFault::Backwards { from, to });
        }
        for date in [from, to] {
            if date.year() != year {
                return Err(CalendarFault::OutsideYear { date, year });
            }
        }
        for date in from.iter_days().take_while(|date| *date <= to) {
            if run.kind == ListedKind::Workday && !is_weekend(date) {
                return Err(CalendarFault::NotAWeekend(date));
            }
            let day = ListedDay { kind: run.kind, name: run.name.clone() };
            if self.listed.insert(date, day).is_some() {
                return Err(CalendarFault::Duplicate(date));
            }
        }
        Ok(())
    }

    /// This calendar with another version.
    #[must_use]
    pub fn in_version(mut self, version: i64) -> Self {
        self.version = version;
        self
    }

    /// This calendar with that day as it is decreed now; whether its year is known stays as it was.
    ///
    /// # Errors
    /// When a day that is worked anyway is to be made a working day.
    pub fn with_day(mut self, date: NaiveDate, mark: DayMark, name: Option<String>) -> Result<Self, CalendarFault> {
        let kind = match mark {
            DayMark::Normal => {
                self.listed.remove(&date);
                return Ok(self);
            }
            DayMark::Workday if !is_weekend(date) => return Err(CalendarFault::NotAWeekend(date)),
            DayMark::Workday => ListedKind::Workday,
            DayMark::Holiday => ListedKind::Holiday,
        };
        self.listed.insert(date, ListedDay { kind, name });
        Ok(self)
    }

    /// This calendar with all years of `other` as they stand there.
    #[must_use]
    pub fn with_years_of(mut self, other: &Self) -> Self {
        self.listed.retain(|date, _| !other.covers(date.year()));
        self.listed.extend(other.listed.iter().map(|(date, day)| (*date, day.clone())));
        self.years.extend(other.years.iter().map(|(year, source)| (*year, source.clone())));
        self
    }

    /// Its years of which `wanted` says yes.
    #[must_use]
    pub fn only_years(mut self, wanted: impl Fn(i32) -> bool) -> Self {
        self.years.retain(|year, _| wanted(*year));
        self.listed.retain(|date, _| wanted(date.year()));
        self
    }

    /// Is anything known of that year: decreed, or a single day of it?
    #[must_use]
    pub fn knows_of(&self, year: i32) -> bool {
        self.covers(year) || self.listed.keys().any(|date| date.year() == year)
    }

    /// The first day that is another one here than in `other`, a year that only one of them knows from its first.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<NaiveDate> {
        let days = self.listed.keys().chain(other.listed.keys()).copied();
        let days = days.filter(|date| self.listed.get(date) != other.listed.get(date));
        let years = self.years.keys().chain(other.years.keys()).copied();
        let years = years.filter(|year| self.covers(*year) != other.covers(*year));
        days.chain(years.filter_map(|year| NaiveDate::from_ymd_opt(year, 1, 1))).min()
    }

    /// Will the coming year have to be taken in soon? From October on, while it is not known.
    #[must_use]
    pub fn misses_next_year(&self, today: NaiveDate) -> bool {
        today.month() >= 10 && !self.covers(today.year() + 1)
    }

    /// The known years, each with the source of its days.
    pub fn years(&self) -> impl Iterator<Item = (i32, Option<&str>)> {
        self.years.iter().map(|(year, source)| (*year, source.as_deref()))
    }

    /// The days that differ from their week, in order.
    pub fn listed(&self) -> impl Iterator<Item = (NaiveDate, &ListedDay)> {
        self.listed.iter().map(|(date, day)| (*date, day))
    }

    #[must_use]
    pub fn kind(&self, date: NaiveDate) -> DayKind {
        match (self.listed.get(&date).map(|day| day.kind), is_weekend(date)) {
            (Some(ListedKind::Holiday), _) => DayKind::Holiday,
            (Some(ListedKind::Workday), true) => DayKind::MakeUp,
            (Some(ListedKind::Workday) | None, false) => DayKind::Workday,
            (None, true) => DayKind::Weekend,
        }
    }

    /// The feast to which a listed day belongs.
    #[must_use]
    pub fn name(&self, date: NaiveDate) -> Option<&str> {
        self.listed.get(&date).and_then(|day| day.name.as_deref())
    }

    #[must_use]
    pub fn is_working(&self, date: NaiveDate) -> bool {
        self.kind(date).is_working()
    }

    /// Are the year's days off known?
    #[must_use]
    pub fn covers(&self, year: i32) -> bool {
        self.years.contains_key(&year)
    }

    /// The date lies in a year whose days off are not known yet: Monday to Friday count until they are.
    #[must_use]
    pub fn is_provisional(&self, date: NaiveDate) -> bool {
        !self.covers(date.year())
    }

    /// Does any day of the span, both ends included and in either order, lie in a year that is not known?
    #[must_use]
    pub fn is_span_provisional(&self, one: NaiveDate, other: NaiveDate) -> bool {
        let (first, last) = (one.min(other).year(), one.max(other).year());
        let spanned = i64::from(last) - i64::from(first) + 1;
        let known = self.years.range(first..=last).count();
        i64::try_from(known).is_ok_and(|known| known < spanned)
    }

    /// The `n`th working day after `from` (before it where `n` is negative), `from` itself not counted
    /// (Civil Code Art. 201); `from` where `n` is 0. `None` only if that leaves chrono's range.
    #[must_use]
    pub fn add_working_days(&self, from: NaiveDate, n: i32) -> Option<NaiveDate> {
        let forward = n > 0;
        let mut left = n.unsigned_abs();
        let mut date = from;
        while left > 0 {
            // Past the last listed day every seven days hold five working days: whole weeks are one step.
            if left > 5 && self.is_plain_from(date, forward) {
                let weeks = (left - 1) / 5;
                let days = Days::new(u64::from(weeks) * 7);
                date = if forward { date.checked_add_days(days) } else { date.checked_sub_days(days) }?;
                left -= weeks * 5;
            }
            date = if forward { date.succ_opt() } else { date.pred_opt() }?;
            if self.is_working(date) {
                left -= 1;
            }
        }
        Some(date)
    }

    fn is_plain_from(&self, date: NaiveDate, forward: bool) -> bool {
        if forward {
            self.listed.last_key_value().is_none_or(|(last, _)| *last <= date)
        } else {
            self.listed.first_key_value().is_none_or(|(first, _)| *first >= date)
        }
    }

    /// Working days left: `after` not counted, `to` counted; 0 if `to` is not after it.
    #[must_use]
    pub fn working_days_between(&self, after: NaiveDate, to: NaiveDate) -> i64 {
        if to <= after {
            return 0;
        }
        let mut count = weekdays_until(to) - weekdays_until(after);
        for (date, day) in self.listed.range((Bound::Excluded(after), Bound::Included(to))) {
            match (day.kind, is_weekend(*date)) {
                (ListedKind::Holiday, false) => count -= 1,
                (ListedKind::Workday, true) => count += 1,
                (ListedKind::Holiday, true) | (ListedKind::Workday, false) => {}
            }
        }
        count
    }

    #[must_use]
    pub fn next_working_on_or_after(&self, date: NaiveDate) -> Option<NaiveDate> {
        if self.is_working(date) { Some(date) } else { self.add_working_days(date, 1) }
    }

    #[must_use]
    pub fn last_working_on_or_before(&self, date: NaiveDate) -> Option<NaiveDate> {
        if self.is_working(date) { Some(date) } else { self.add_working_days(date, -1) }
    }

    /// The first working day of the ISO week (Monday to Sunday) that holds `date`; `None` if all of it is off.
    #[must_use]
    pub fn first_working_of_week(&self, date: NaiveDate) -> Option<NaiveDate> {
        let monday = date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into()))?;
        monday.iter_days().take(7).find(|day| self.is_working(*day))
    }

    /// Every day from `from` to `to`, both included (at most [`TRACE_DAYS_MAX`]; none if `to` is earlier). The working
    /// days after `from` are counted, as many as [`Self::working_days_between`] says.
    #[must_use]
    pub fn walk(&self, from: NaiveDate, to: NaiveDate) -> Vec<TraceDay> {
        self.walk_counting(from, to, |date| date > from && self.is_working(date))
    }

    /// Like [`Self::walk`], with another rule for what is counted.
    pub fn walk_counting(&self, from: NaiveDate, to: NaiveDate, counted: impl Fn(NaiveDate) -> bool) -> Vec<TraceDay> {
        let days = from.iter_days().take_while(|date| *date <= to).take(TRACE_DAYS_MAX);
        days.map(|date| TraceDay {
            date,
            kind: self.kind(date),
            name: self.name(date).map(str::to_owned),
            counted: counted(date),
        })
        .collect()
    }
}

fn plain_date(read: &toml::value::Datetime) -> Result<NaiveDate, CalendarFault> {
    match (read.date, read.time, read.offset) {
        (Some(date), None, None) => NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into()),
        (_, _, _) => None,
    }
    .ok_or_else(|| CalendarFault::Date(read.to_string()))
}

fn is_weekend(date: NaiveDate) -> bool {
    matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

/// Mondays to Fridays up to and including `date`; day 1 of the common era was a Monday.
fn weekdays_until(date: NaiveDate) -> i64 {
    let days = i64::from(date.num_days_from_ce());
    days.div_euclid(7) * 5 + days.rem_euclid(7).min(5)
}

/// The first instant of that local day. Where the clock jumps over midnight it begins later (Cairo 2024-04-26 at
/// 01:00); a day that the zone left out (Apia 2011-12-30) begins with the next one. Dates outside the years 1 to 9999
/// are taken as the nearest inside.
#[must_use]
pub fn start_of_day(zone: Tz, date: NaiveDate) -> Instant {
    at_local(zone, date, NaiveTime::MIN)
}

/// The instant of that wall-clock time: in a gap the first instant after it, in a fold the first pass. Dates outside
/// the years 1 to 9999 are taken as the nearest inside.
#[must_use]
pub fn at_local(zone: Tz, date: NaiveDate, time: NaiveTime) -> Instant {
    // A leap second has no microsecond of its own: it counts as the end of the second before it.
    let time = time.with_nanosecond(time.nanosecond().min(999_999_999)).unwrap_or(time);
    let wall = year_within(date).and_time(time);
    match zone.offset_from_local_datetime(&wall) {
        chrono::LocalResult::Single(offset) | chrono::LocalResult::Ambiguous(offset, _) => {
            (wall - TimeDelta::seconds(offset.fix().local_minus_utc().into())).and_utc().into()
        }
        chrono::LocalResult::None => after_gap(zone, wall),
    }
}

/// The first instant whose wall clock shows `wall` or later, for a `wall` that a gap leaves out.
fn after_gap(zone: Tz, wall: NaiveDateTime) -> Instant {
    // No zone was ever 16 hours away from UTC, so the jump lies between these two; found to the second by halving.
    const FURTHEST_SECONDS: i64 = 16 * 3_600;
    let (mut before, mut reached) = (-FURTHEST_SECONDS, FURTHEST_SECONDS);
    while reached - before > 1 {
        let middle = before.midpoint(reached);
        let utc = wall + TimeDelta::seconds(middle);
        let ahead = i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc());
        if middle + ahead >= 0 { reached = middle } else { before = middle }
    }
    // `wall` may hold a part of a second; the jump itself is on a whole one.
    let found = wall + TimeDelta::seconds(reached);
    found.with_nanosecond(0).unwrap_or(found).and_utc().into()
}

fn year_within(date: NaiveDate) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or(date);
    let last = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or(date);
    date.clamp(first, last)
}

/// What the zone's calendar on the wall shows at that moment.
#[must_use]
pub fn local_date(zone: Tz, at: Instant) -> NaiveDate {
    local(zone, at).date()
}

/// What the zone's clock on the wall shows at that moment.
#[must_use]
pub fn local_time(zone: Tz, at: Instant) -> NaiveTime {
    local(zone, at).time()
}

fn local(zone: Tz, at: Instant) -> NaiveDateTime {
    let utc = at.utc().naive_utc();
    utc.checked_add_offset(zone.offset_from_utc_datetime(&utc).fix()).unwrap_or(utc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::TZ_VARIANTS;
    use proptest::prelude::*;

    fn cn() -> Calendar {
        Calendar::from_toml(CN_TOML).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn every_day_agrees_with_an_independent_table() {
        let calendar = cn();
        let fixture = include_str!("../../tests/suite/fixtures/chinesecalendar.txt");
        let mut compared = 0;
        for line in fixture.lines().filter(|line| !line.starts_with('#')) {
            let (month, days) = line.split_once(' ').unwrap();
            let first = day(&format!("{month}-01"));
            for (date, flag) in first.iter_days().zip(days.chars()) {
                assert_eq!(date.month(), first.month());
                assert_eq!(calendar.is_working(date), flag == '1', "{date}");
                compared += 1;
            }
        }
        assert_eq!(compared, 2_191);
    }

    #[test]
    fn the_years_have_as_many_working_days_as_decreed() {
        let calendar = cn();
        for (year, expected) in [(2021, 250), (2022, 249), (2023, 249), (2024, 251), (2025, 248), (2026, 248)] {
            let (eve, last) = (day(&format!("{}-12-31", year - 1)), day(&format!("{year}-12-31")));
            assert_eq!(calendar.working_days_between(eve, last), expected, "{year}");
            assert!(calendar.covers(year));
        }
        assert!(calendar.years().all(|(_, source)| source.is_some_and(|url| url.contains("www.gov.cn/"))));
    }

    #[test]
    fn working_days_count_forwards_and_backwards() {
        let calendar = cn();
        for (from, n, expected) in [
            ("2021-09-16", 3, "2021-09-22"),
            ("2021-09-24", 5, "2021-09-30"),
            ("2021-09-30", 1, "2021-10-08"),
            ("2021-09-30", 5, "2021-10-13"),
            ("2021-12-31", 1, "2022-01-04"),
            ("2022-01-28", 3, "2022-02-07"),
            ("2023-09-28", 5, "2023-10-11"),
            ("2024-02-09", 3, "2024-02-20"),
            ("2024-09-13", 3, "2024-09-19"),
            ("2025-09-26", 10, "2025-10-16"),
            ("2026-02-13", 5, "2026-02-27"),
            ("2026-09-30", 3, "2026-10-10"),
            ("2021-08-27", -1, "2021-08-26"),
            ("2021-08-27", -3, "2021-08-24"),
            ("2021-08-27", -5, "2021-08-20"),
            ("2021-08-27", -10, "2021-08-13"),
            ("2021-10-08", -1, "2021-09-30"),
            ("2021-10-02", 0, "2021-10-02"),
        ] {
            assert_eq!(calendar.add_working_days(day(from), n), Some(day(expected)), "{from} {n:+}");
        }
    }

    #[test]
    fn a_count_that_leaves_the_range_of_dates_is_none_and_soon() {
        let calendar = cn();
        assert_eq!(calendar.add_working_days(day("2026-09-30"), i32::MAX), None);
        assert_eq!(calendar.add_working_days(day("2026-09-30"), i32::MIN), None);
        assert_eq!(calendar.add_working_days(NaiveDate::MAX, 1), None);
        assert_eq!(calendar.add_working_days(NaiveDate::MIN, -1), None);
        assert!(calendar.working_days_between(NaiveDate::MIN, NaiveDate::MAX) > 0);
        assert!(calendar.walk(NaiveDate::MIN, NaiveDate::MAX).len() <= TRACE_DAYS_MAX);
        assert!(calendar.first_working_of_week(NaiveDate::MIN).is_none_or(|date| date >= NaiveDate::MIN));
        assert!(calendar.first_working_of_week(NaiveDate::MAX).is_none_or(|date| date <= NaiveDate::MAX));
        assert!(calendar.is_span_provisional(NaiveDate::MAX, NaiveDate::MIN));
    }

    #[test]
    fn an_unknown_year_counts_monday_to_friday_and_is_provisional() {
        let calendar = cn();
        assert_eq!(calendar.add_working_days(day("2026-12-31"), 1), Some(day("2027-01-01")));
        assert!(calendar.is_provisional(day("2027-01-01")));
        assert!(!calendar.is_provisional(day("2026-12-31")));
        assert!(calendar.is_span_provisional(day("2027-01-01"), day("2026-12-31")));
        assert!(!calendar.is_span_provisional(day("2021-01-01"), day("2026-12-31")));
    }

    #[test]
    fn a_week_begins_with_its_first_working_day() {
        let calendar = cn();
        assert_eq!(calendar.first_working_of_week(day("2021-08-29")), Some(day("2021-08-23")));
        assert_eq!(calendar.first_working_of_week(day("2021-09-19")), Some(day("2021-09-13")));
        assert_eq!(calendar.first_working_of_week(day("2021-09-20")), Some(day("2021-09-22")));
        assert_eq!(calendar.first_working_of_week(day("2021-10-04")), Some(day("2021-10-08")));
        // 2026-02-16 to 02-22 lies wholly inside the Spring Festival.
        assert_eq!(calendar.first_working_of_week(day("2026-02-18")), None);
    }

    #[test]
    fn days_have_kinds_and_names() {
        let calendar = cn();
        for (date, kind, name) in [
            ("2021-09-26", DayKind::MakeUp, Some("国庆节")),
            ("2021-10-01", DayKind::Holiday, Some("国庆节")),
            ("2021-10-03", DayKind::Holiday, Some("国庆节")),
            ("2021-10-16", DayKind::Weekend, None),
            ("2021-10-18", DayKind::Workday, None),
        ] {
            assert_eq!((calendar.kind(day(date)), calendar.name(day(date))), (kind, name), "{date}");
        }
    }

    #[test]
    fn a_faulty_file_is_refused_with_the_reason() {
        let file = |days: &str| format!("code = \"x\"\nname = \"x\"\nversion = 1\n[years.2027]\ndays = [{days}]\n");
        let fault = |days: &str| Calendar::from_toml(&file(days)).unwrap_err();
        assert!(Calendar::from_toml(&file("")).is_ok_and(|read| read.covers(2027)));
        assert_eq!(
            fault("{date = 2027-01-01, to = 2027-01-03, kind = \"holiday\"}, {date = 2027-01-03, kind = \"holiday\"}"),
            CalendarFault::Duplicate(day("2027-01-03"))
        );
        assert_eq!(
            fault("{date = 2026-12-31, kind = \"holiday\"}"),
            CalendarFault::OutsideYear { date: day("2026-12-31"), year: 2027 }
        );
        assert_eq!(
            fault("{date = 2027-01-03, to = 2027-01-01, kind = \"holiday\"}"),
            CalendarFault::Backwards { from: day("2027-01-03"), to: day("2027-01-01") }
        );
        assert_eq!(fault("{date = 2027-01-04, kind = \"workday\"}"), CalendarFault::NotAWeekend(day("2027-01-04")));
        assert!(matches!(fault("{date = 2027-01-01T08:00:00, kind = \"holiday\"}"), CalendarFault::Date(_)));
        assert!(matches!(
            fault("{date = 2027-02-30, kind = \"holiday\"}"),
            CalendarFault::Syntax(_) | CalendarFault::Date(_)
        ));
        assert!(matches!(fault("{date = \"2027-01-01\", kind = \"holiday\"}"), CalendarFault::Syntax(_)));
        assert!(matches!(fault("{date = 2027-01-01, kind = \"feast\"}"), CalendarFault::Syntax(_)));
        assert!(matches!(fault("{date = 2027-01-01, kind = \"holiday\", off = true}"), CalendarFault::Syntax(_)));
        let year = file("").replace("2027", "27");
        assert_eq!(Calendar::from_toml(&year).unwrap_err(), CalendarFault::Year("27".into()));
    }

    #[test]
    fn a_day_begins_at_its_first_valid_instant() {
        for (zone, date, begins) in [
            (Tz::Africa__Cairo, "2024-04-26", "2024-04-25T22:00:00Z"),
            (Tz::Asia__Beirut, "2024-03-31", "2024-03-30T22:00:00Z"),
            (Tz::America__Havana, "2024-03-10", "2024-03-10T05:00:00Z"),
            (Tz::America__Sao_Paulo, "2018-11-04", "2018-11-04T03:00:00Z"),
            (Tz::Pacific__Apia, "2011-12-30", "2011-12-30T10:00:00Z"),
            (Tz::Pacific__Apia, "2011-12-31", "2011-12-30T10:00:00Z"),
            (Tz::America__Havana, "2024-11-03", "2024-11-03T04:00:00Z"),
            (Tz::Asia__Shanghai, "1986-05-04", "1986-05-03T16:00:00Z"),
            (Tz::Asia__Shanghai, "1991-07-01", "1991-06-30T15:00:00Z"),
            (Tz::Asia__Shanghai, "2021-08-28", "2021-08-27T16:00:00Z"),
        ] {
            assert_eq!(start_of_day(zone, day(date)).to_string(), begins, "{zone} {date}");
        }
    }

    #[test]
    fn a_time_in_a_gap_is_its_end_and_in_a_fold_the_first_pass() {
        let at = |zone, date: &str, time: &str| at_local(zone, day(date), time.parse().unwrap()).to_string();
        assert_eq!(at(Tz::Europe__Berlin, "2024-03-31", "02:30:00.5"), "2024-03-31T01:00:00Z");
        assert_eq!(at(Tz::Europe__Berlin, "2024-10-27", "02:30:00"), "2024-10-27T00:30:00Z");
        assert_eq!(at(Tz::Asia__Shanghai, "1986-05-04", "02:30:00"), "1986-05-03T18:00:00Z");
        assert_eq!(at(Tz::Asia__Shanghai, "1991-09-15", "01:30:00"), "1991-09-14T16:30:00Z");
        assert_eq!(at(Tz::UTC, "2016-12-31", "23:59:60"), "2016-12-31T23:59:59.999999Z");
    }

    /// What must hold for the beginning of any day anywhere.
    fn begins_rightly(zone: Tz, date: NaiveDate) {
        let begins = start_of_day(zone, date);
        let shown = local_date(zone, begins);
        if shown == date {
            assert!(local_date(zone, begins.minus(TimeDelta::seconds(1))) < date, "{zone} {date}: begins earlier");
        } else {
            let next = date.succ_opt().unwrap();
            assert_eq!((shown, begins), (next, start_of_day(zone, next)), "{zone} {date}: shifted");
        }
    }

    #[test]
    fn every_day_of_three_years_begins_rightly_in_every_zone() {
        for zone in TZ_VARIANTS {
            for date in day("2010-01-01").iter_days().take(1_096) {
                begins_rightly(zone, date);
            }
        }
    }

    prop_compose! {
        fn near()(days in 0..2_900_i64) -> NaiveDate { day("2020-01-01") + TimeDelta::days(days) }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn any_day_begins_rightly(zone in 0..TZ_VARIANTS.len(), days in 0..110_000_i64) {
            begins_rightly(TZ_VARIANTS[zone], day("1800-01-01") + TimeDelta::days(days));
        }

        #[test]
        fn no_date_or_time_panics(zone in 0..TZ_VARIANTS.len(), days: i32, seconds in 0..86_400_u32, nanos in 0..2_000_000_000_u32) {
            let date = NaiveDate::from_num_days_from_ce_opt(days).unwrap_or(NaiveDate::MAX);
            let Some(time) = NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos) else { return Ok(()) };
            let at = at_local(TZ_VARIANTS[zone], date, time);
            prop_assert_eq!(Instant::from_micros(at.micros()), Some(at));
            prop_assert!(at >= start_of_day(TZ_VARIANTS[zone], date));
        }

        #[test]
        fn no_instant_panics(zone in 0..TZ_VARIANTS.len(), micros: i64) {
            if let Some(at) = Instant::from_micros(micros) {
                let _ = (local_date(TZ_VARIANTS[zone], at), local_time(TZ_VARIANTS[zone], at));
            }
        }
    }

    proptest! {
        #[test]
        fn going_there_and_back_ends_on_the_same_working_day(from in near(), n in -500..500_i32) {
            let calendar = cn();
            let from = calendar.next_working_on_or_after(from).unwrap();
            let there = calendar.add_working_days(from, n).unwrap();
            prop_assert!(calendar.is_working(there));
            prop_assert_eq!(calendar.add_working_days(there, -n), Some(from));
        }

        #[test]
        fn counting_agrees_with_adding(from in near(), n in 1..500_i32) {
            let calendar = cn();
            let to = calendar.add_working_days(from, n).unwrap();
            prop_assert_eq!(calendar.working_days_between(from, to), i64::from(n));
            let counted = calendar.walk(from, to).iter().filter(|day| day.counted).count();
            prop_assert_eq!(i64::try_from(counted).unwrap(), i64::from(n));
        }

        #[test]
        fn later_starts_and_longer_terms_never_end_earlier(from in near(), n in -300..300_i32) {
            let calendar = cn();
            let end = calendar.add_working_days(from, n);
            prop_assert!(end <= calendar.add_working_days(from.succ_opt().unwrap(), n));
            prop_assert!(end < calendar.add_working_days(from, n + 1) || n == 0 || n == -1);
        }

        #[test]
        fn spans_add_up(a in near(), b in near(), c in near()) {
            let calendar = cn();
            let mut days = [a, b, c];
            days.sort();
            let [first, middle, last] = days;
            let whole = calendar.working_days_between(first, last);
            prop_assert_eq!(
                whole,
                calendar.working_days_between(first, middle) + calendar.working_days_between(middle, last)
            );
            prop_assert_eq!(calendar.working_days_between(last, first), 0);
        }
    }
}
