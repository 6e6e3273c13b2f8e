//! From the wording of a deadline to the instant at which it is late, and the explanation why. A deadline is a local
//! date of the office with an optional cut-off time; due today is not overdue. For notices, tickets and extensions.

use crate::domain::calendar::{Calendar, DayKind, TraceDay, at_local, start_of_day};
use crate::domain::instant::Instant;
use chrono::{Days, Months, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

mod phrase;
pub use phrase::{Reading, read_phrase, usual_close};

/// A deadline given as a date. Never shifted: where it falls on a day off, that is only warned about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    pub on: NaiveDate,
    /// The time of day at which it is late; without one, the whole day counts.
    #[serde(default)]
    pub cutoff: Option<NaiveTime>,
    /// Does "X日前" include X? Where it doesn't, the day before is the last.
    #[serde(default = "inclusive")]
    pub inclusive: bool,
    /// The phrase as the notice has it.
    #[serde(default)]
    pub raw: Option<String>,
}

const fn inclusive() -> bool {
    true
}

/// A deadline given as a length of time from a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Working days, the first day not counted (Civil Code Art. 201).
    WorkingDays(u16),
    /// Days; an end on a day off rolls forward to a working day (Art. 203).
    CalendarDays(u16),
    /// Months to the corresponding day or the month's end (Art. 202); an end on a day off rolls forward (Art. 203).
    Months(u16),
}

/// A deadline as computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// The last day on which it is kept.
    pub on: NaiveDate,
    /// The instant at which it is late: overdue is `now >= at`.
    pub at: Instant,
    pub cutoff: Option<NaiveTime>,
    /// It rests on a year whose days off are not known yet: of a period the date may move, of a fixed date only what
    /// is counted in working days.
    pub provisional: bool,
    /// The kind of day off on which it falls, as a warning.
    pub off_day: Option<DayKind>,
}

/// Why a deadline is what it is: the answer of `/deadline`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Explanation {
    pub on: NaiveDate,
    pub at: Instant,
    pub provisional: bool,
    pub raw: Option<String>,
    pub days: Vec<TraceDay>,
}

impl Deadline {
    fn new(on: NaiveDate, cutoff: Option<NaiveTime>, provisional: bool, zone: Tz, calendar: &Calendar) -> Self {
        let kind = calendar.kind(on);
        Self {
            on,
            at: late_at(zone, on, cutoff),
            cutoff,
            provisional,
            off_day: if kind.is_working() { None } else { Some(kind) },
        }
    }

    fn explain(&self, raw: Option<&str>, provisional: bool, days: Vec<TraceDay>) -> Explanation {
        Explanation { on: self.on, at: self.at, provisional, raw: raw.map(str::to_owned), days }
    }
}

/// When a deadline on that date is late: at the cut-off, else at the first valid instant of the next local day.
#[must_use]
pub fn late_at(zone: Tz, on: NaiveDate, cutoff: Option<NaiveTime>) -> Instant {
    match cutoff {
        Some(time) => at_local(zone, on, time),
        None => start_of_day(zone, on.succ_opt().unwrap_or(on)),
    }
}

impl Wording {
    /// That date, the day itself included.
    #[must_use]
    pub const fn on(on: NaiveDate) -> Self {
        Self { on, cutoff: None, inclusive: true, raw: None }
    }

    #[must_use]
    pub fn deadline(&self, zone: Tz, calendar: &Calendar) -> Deadline {
        let on = if self.inclusive { self.on } else { self.on.pred_opt().unwrap_or(self.on) };
        Deadline::new(on, self.cutoff, calendar.is_provisional(on), zone, calendar)
    }

    /// The days from `from` (today, or the day of issue) to the deadline; the working days after `from` are counted.
    #[must_use]
    pub fn explain(&self, from: NaiveDate, zone: Tz, calendar: &Calendar) -> Explanation {
        let deadline = self.deadline(zone, calendar);
        let provisional =
            deadline.provisional || (from <= deadline.on && calendar.is_span_provisional(from, deadline.on));
        deadline.explain(self.raw.as_deref(), provisional, calendar.walk(from, deadline.on))
    }
}

impl Period {
    /// The day on which the period ends by its own count, before any roll; `None` outside the range of dates.
    fn nominal_end(self, from: NaiveDate, calendar: &Calendar) -> Option<NaiveDate> {
        match self {
            Self::WorkingDays(n) => calendar.add_working_days(from, n.into()),
            Self::CalendarDays(n) => from.checked_add_days(Days::new(n.into())),
            Self::Months(n) => from.checked_add_months(Months::new(n.into())),
        }
    }

    /// The last day of the period that starts on `from`; `None` outside the range of dates.
    #[must_use]
    pub fn end(self, from: NaiveDate, calendar: &Calendar) -> Option<NaiveDate> {
        let end = self.nominal_end(from, calendar)?;
        match self {
            Self::WorkingDays(_) => Some(end),
            Self::CalendarDays(_) | Self::Months(_) => calendar.next_working_on_or_after(end),
        }
    }

    /// The deadline at the end of the period that starts on `from`; `None` only if it leaves the range of dates.
    #[must_use]
    pub fn deadline(
        self,
        from: NaiveDate,
        cutoff: Option<NaiveTime>,
        zone: Tz,
        calendar: &Calendar,
    ) -> Option<Deadline> {
        let on = self.end(from, calendar)?;
        Some(Deadline::new(on, cutoff, calendar.is_span_provisional(from, on), zone, calendar))
    }

    /// The days from `from` to the end of the period. Of working days those are counted; of calendar days and months
    /// all are, up to the day after which the end rolls forward.
    #[must_use]
    pub fn explain(
        self,
        from: NaiveDate,
        cutoff: Option<NaiveTime>,
        raw: Option<&str>,
        zone: Tz,
        calendar: &Calendar,
    ) -> Option<Explanation> {
        let nominal = self.nominal_end(from, calendar)?;
        let deadline = self.deadline(from, cutoff, zone, calendar)?;
        let days = match self {
            Self::WorkingDays(_) => calendar.walk(from, deadline.on),
            Self::CalendarDays(_) | Self::Months(_) => {
                calendar.walk_counting(from, deadline.on, |date| date > from && date <= nominal)
            }
        };
        Some(deadline.explain(raw, deadline.provisional, days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::CN_TOML;
    use proptest::prelude::*;

    const ZONE: Tz = Tz::Asia__Shanghai;

    fn cn() -> Calendar {
        Calendar::from_toml(CN_TOML).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_whole_last_day_counts_unless_there_is_a_cutoff() {
        let calendar = cn();
        let mut wording = Wording::on(day("2021-08-27"));
        let deadline = wording.deadline(ZONE, &calendar);
        assert_eq!(deadline.at.to_string(), "2021-08-27T16:00:00Z");
        assert_eq!((deadline.on, deadline.off_day, deadline.provisional), (day("2021-08-27"), None, false));

        wording.cutoff = "12:00".parse().ok();
        assert_eq!(wording.deadline(ZONE, &calendar).at.to_string(), "2021-08-27T04:00:00Z");

        wording.inclusive = false;
        wording.cutoff = None;
        let deadline = wording.deadline(ZONE, &calendar);
        assert_eq!((deadline.on, deadline.at.to_string().as_str()), (day("2021-08-26"), "2021-08-26T16:00:00Z"));
    }

    #[test]
    fn a_fixed_date_is_never_shifted() {
        let calendar = cn();
        for (on, off_day) in [
            ("2021-10-02", Some(DayKind::Holiday)),
            ("2021-10-16", Some(DayKind::Weekend)),
            ("2021-10-09", None),
            ("2021-10-08", None),
        ] {
            let deadline = Wording::on(day(on)).deadline(ZONE, &calendar);
            assert_eq!((deadline.on, deadline.off_day), (day(on), off_day), "{on}");
        }
        assert!(Wording::on(day("2027-01-04")).deadline(ZONE, &calendar).provisional);
    }

    #[test]
    fn a_day_whose_midnight_is_skipped_ends_when_the_next_begins() {
        let deadline = Wording::on(day("2024-04-25")).deadline(Tz::Africa__Cairo, &cn());
        assert_eq!(deadline.at.to_string(), "2024-04-25T22:00:00Z");
        let deadline = Wording::on(day("2011-12-29")).deadline(Tz::Pacific__Apia, &cn());
        assert_eq!(deadline.at.to_string(), "2011-12-30T10:00:00Z");
    }

    #[test]
    fn periods_end_as_the_civil_code_has_it() {
        let calendar = cn();
        for (from, period, expected) in [
            ("2021-08-16", Period::WorkingDays(9), "2021-08-27"),
            ("2026-09-30", Period::WorkingDays(3), "2026-10-10"),
            ("2021-08-16", Period::CalendarDays(11), "2021-08-27"),
            // Saturday to Monday; into National Day to the first day worked; a worked Sunday stays.
            ("2021-08-16", Period::CalendarDays(5), "2021-08-23"),
            ("2021-09-16", Period::CalendarDays(15), "2021-10-08"),
            ("2021-09-16", Period::CalendarDays(10), "2021-09-26"),
            ("2021-07-27", Period::Months(1), "2021-08-27"),
            // 31 January has no corresponding day in February 2022; 28 February is a Monday.
            ("2022-01-31", Period::Months(1), "2022-02-28"),
            ("2021-09-01", Period::Months(1), "2021-10-08"),
        ] {
            assert_eq!(period.end(day(from), &calendar), Some(day(expected)), "{from} {period:?}");
        }
        assert_eq!(Period::WorkingDays(1).end(NaiveDate::MAX, &calendar), None);
        assert_eq!(Period::CalendarDays(1).end(NaiveDate::MAX, &calendar), None);
        assert_eq!(Period::Months(u16::MAX).end(NaiveDate::MAX, &calendar), None);
        let late = Period::WorkingDays(3).deadline(day("2026-12-30"), None, ZONE, &calendar);
        assert!(late.is_some_and(|deadline| deadline.provisional && deadline.on == day("2027-01-04")));
    }

    #[test]
    fn an_explanation_shows_every_day() {
        let calendar = cn();
        let wording = Wording { raw: Some("10月9日前".into()), ..Wording::on(day("2021-10-09")) };
        let explained = wording.explain(day("2021-09-30"), ZONE, &calendar);
        let json = serde_json::to_value(&explained).unwrap();
        assert_eq!(json["on"], "2021-10-09");
        assert_eq!(json["at"], "2021-10-09T16:00:00Z");
        assert_eq!(json["raw"], "10月9日前");
        assert_eq!(json["days"].as_array().unwrap().len(), 10);
        assert_eq!(
            json["days"][1],
            serde_json::json!({"date": "2021-10-01", "kind": "holiday", "name": "国庆节", "counted": false})
        );
        assert_eq!(
            json["days"][9],
            serde_json::json!({"date": "2021-10-09", "kind": "workday", "name": "国庆节", "counted": true})
        );
        assert_eq!(explained.days.iter().filter(|day| day.counted).count(), 2);

        let rolled = Period::CalendarDays(5).explain(day("2021-08-16"), None, None, ZONE, &calendar).unwrap();
        assert_eq!(rolled.on, day("2021-08-23"));
        assert_eq!(rolled.days.iter().filter(|day| day.counted).count(), 5);
        assert!(wording.explain(day("2021-10-10"), ZONE, &calendar).days.is_empty());
        assert!(Wording::on(day("2027-01-04")).explain(day("2026-12-01"), ZONE, &calendar).provisional);
    }

    #[test]
    fn a_wording_reads_what_the_api_sends() {
        let read = |text: &str| serde_json::from_str::<Wording>(text);
        let wording = read(r#"{"on": "2021-08-27", "cutoff": "12:00", "inclusive": true, "raw": null}"#).unwrap();
        assert_eq!(wording.cutoff, NaiveTime::from_hms_opt(12, 0, 0));
        assert_eq!(read(r#"{"on": "2021-08-27"}"#).unwrap(), Wording::on(day("2021-08-27")));
        assert!(read(r#"{"on": "2021-08-27", "by": "noon"}"#).is_err());
    }

    proptest! {
        #[test]
        fn a_period_ends_on_a_working_day_and_is_explained_in_full(from in 0..2_900_i64, n in 1..400_u16, kind in 0..3_u8) {
            let calendar = cn();
            let from = day("2020-01-01") + chrono::TimeDelta::days(from);
            let period = match kind {
                0 => Period::WorkingDays(n),
                1 => Period::CalendarDays(n),
                _ => Period::Months(n % 24 + 1),
            };
            let deadline = period.deadline(from, None, ZONE, &calendar).unwrap();
            prop_assert!(deadline.on > from && deadline.off_day.is_none());
            prop_assert_eq!(deadline.at, start_of_day(ZONE, deadline.on.succ_opt().unwrap()));
            let explained = period.explain(from, None, None, ZONE, &calendar).unwrap();
            prop_assert_eq!(explained.days.first().map(|day| day.date), Some(from));
            prop_assert_eq!(explained.days.last().map(|day| day.date), Some(deadline.on));
            prop_assert_eq!(explained.provisional, deadline.provisional);
            let counted = u16::try_from(explained.days.iter().filter(|day| day.counted).count()).unwrap();
            prop_assert!(kind == 2 || counted == n);
        }

        #[test]
        fn no_wording_panics(days: i32, seconds in prop::option::of(0..86_400_u32), inclusive: bool, zone in 0..chrono_tz::TZ_VARIANTS.len()) {
            let on = NaiveDate::from_num_days_from_ce_opt(days).unwrap_or(if days > 0 { NaiveDate::MAX } else { NaiveDate::MIN });
            let cutoff = seconds.and_then(|s| NaiveTime::from_num_seconds_from_midnight_opt(s, 0));
            let wording = Wording { on, cutoff, inclusive, raw: None };
            let _ = wording.deadline(chrono_tz::TZ_VARIANTS[zone], &cn());
        }
    }
}
