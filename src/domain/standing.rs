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

/// Working days for which something submitted at that moment has waited for its review; the day itself is not counted.
#[must_use]
pub fn days_in_review(submitted_at: Instant, office: &Office, now: Instant) -> i64 {
    office.calendar.working_days_between(office.today(submitted_at), office.today(now))
}

/// The last day of submission whose review takes longer than the office allows itself: what was submitted on it, or before
/// it, and still waits, waits too long. Reviewing has a clock of its own; it never makes a unit late.
#[must_use]
pub fn review_late_to(office: &Office, now: Instant) -> NaiveDate {
    let today = office.today(now);
    let beyond = i32::from(office.review_days) + 1;
    let tomorrow = today.succ_opt().unwrap_or(today);
    office.calendar.add_working_days(tomorrow, -beyond).and_then(|first| first.pred_opt()).unwrap_or(NaiveDate::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{CN_TOML, Calendar, at_local, local_date};
    use crate::domain::deadline::late_at;
    use chrono::{NaiveTime, TimeDelta};
    use chrono_tz::{TZ_VARIANTS, Tz};
    use proptest::prelude::*;
    use std::sync::{Arc, LazyLock};

    static CN: LazyLock<Arc<Calendar>> = LazyLock::new(|| Arc::new(Calendar::from_toml(CN_TOML).unwrap()));

    fn office(zone: Tz) -> Office {
        let time = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
        Office {
            name_zh: String::new(),
            name_en: String::new(),
            zone,
            calendar: Arc::clone(&CN),
            window: (time(8, 30), time(17, 30)),
            yellow_days: 3,
            look_back_days: 20,
            review_days: 3,
            four_eyes: false,
            at_once_a_day: 0,
        }
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// A moment in Shanghai.
    fn at(text: &str) -> Instant {
        format!("{}:00+08:00", text.replace(' ', "T")).parse().unwrap()
    }

    /// A ticket in that state, due on that whole day.
    fn stands(state: State, due_on: &str, now: &str) -> Standing {
        let office = office(Tz::Asia__Shanghai);
        standing(state, day(due_on), office.late_at(day(due_on)), &office, at(now))
    }

    #[test]
    fn a_ticket_is_overdue_from_the_very_instant_and_not_while_it_is_due_today() {
        let office = office(Tz::Asia__Shanghai);
        let due_on = day("2021-08-27");
        let late = office.late_at(due_on);
        assert_eq!(late, at("2021-08-28 00:00"));
        let before = standing(State::InProgress, due_on, late, &office, late.minus(TimeDelta::microseconds(1)));
        assert_eq!((before.overdue, before.light, before.days_overdue), (false, Light::Yellow, 0));
        assert_eq!((before.days_left, before.calendar_days_left), (Some(0), Some(0)));
        let after = standing(State::InProgress, due_on, late, &office, late);
        assert_eq!((after.overdue, after.light, after.days_overdue), (true, Light::Red, 1));
        assert_eq!((after.days_left, after.calendar_days_left), (None, None));
    }

    #[test]
    fn days_overdue_are_calendar_days_from_one() {
        for (now, days) in [
            ("2021-08-27 23:59", 0),
            ("2021-08-28 00:00", 1),
            ("2021-08-28 23:59", 1),
            ("2021-08-29 00:00", 2),
            ("2021-09-06 12:00", 10),
            ("2022-08-27 12:00", 365),
        ] {
            assert_eq!(stands(State::Issued, "2021-08-27", now).days_overdue, days, "{now}");
        }
        // A cut-off at noon: late on the due day itself.
        let office = office(Tz::Asia__Shanghai);
        let stand = |now| standing(State::Carried, day("2021-08-27"), at("2021-08-27 12:00"), &office, at(now));
        assert_eq!((stand("2021-08-27 11:59").overdue, stand("2021-08-27 11:59").days_left), (false, Some(0)));
        assert_eq!((stand("2021-08-27 12:00").overdue, stand("2021-08-27 12:00").days_overdue), (true, 1));
        assert_eq!((stand("2021-08-28 12:00").days_overdue, stand("2021-08-29 12:00").days_overdue), (1, 2));
    }

    #[test]
    fn the_light_turns_yellow_at_three_working_days() {
        for (now, left, light) in [
            ("2021-08-16 09:00", 9, Light::Green),
            ("2021-08-23 23:59", 4, Light::Green),
            ("2021-08-24 00:00", 3, Light::Yellow),
            ("2021-08-27 23:59", 0, Light::Yellow),
        ] {
            let stand = stands(State::InProgress, "2021-08-27", now);
            assert_eq!((stand.days_left, stand.light), (Some(left), light), "{now}");
        }
        let strict = Office { yellow_days: 0, ..office(Tz::Asia__Shanghai) };
        let late = strict.late_at(day("2021-08-27"));
        let light = |now| standing(State::Issued, day("2021-08-27"), late, &strict, at(now)).light;
        assert_eq!((light("2021-08-26 12:00"), light("2021-08-27 12:00")), (Light::Green, Light::Yellow));
    }

    #[test]
    fn days_left_follow_days_off_and_worked_weekends() {
        for (now, due_on, working, calendar) in [
            // Saturday the 18th is worked, Mid-Autumn is not.
            ("2021-09-17 10:00", "2021-09-22", 2, 5),
            ("2021-09-18 10:00", "2021-09-22", 1, 4),
            ("2021-09-24 10:00", "2021-09-30", 5, 6),
            ("2021-09-30 10:00", "2021-10-09", 2, 9),
            // Due on a day off, and asked on one.
            ("2021-09-30 10:00", "2021-10-03", 0, 3),
            ("2021-10-03 10:00", "2021-10-11", 3, 8),
            ("2026-09-30 10:00", "2026-10-10", 3, 10),
        ] {
            let stand = stands(State::Returned, due_on, now);
            assert_eq!((stand.days_left, stand.calendar_days_left), (Some(working), Some(calendar)), "{now} {due_on}");
            assert!(!stand.overdue);
        }
    }

    #[test]
    fn only_what_is_the_units_move_is_ever_overdue() {
        for state in State::ALL {
            let (ball, light) = match state {
                State::Issued | State::InProgress | State::Returned | State::Carried => (Ball::Unit, Light::Red),
                State::Submitted => (Ball::Coordinator, Light::Blue),
                State::Accepted => (Ball::Verifier, Light::Blue),
                State::Closed | State::Cancelled => (Ball::None, Light::Grey),
            };
            let late = stands(*state, "2021-08-27", "2021-12-01 09:00");
            assert_eq!((late.ball, late.light), (ball, light), "{state}");
            assert_eq!(late.overdue, ball == Ball::Unit, "{state}");
            assert_eq!(late.days_overdue > 0, late.overdue, "{state}");
            // In review there are days left, none below nothing; what is over has none.
            let left = matches!(state, State::Submitted | State::Accepted).then_some(0);
            assert_eq!((late.days_left, late.calendar_days_left), (left, left), "{state}");
        }
    }

    /// Zones whose clock once jumped over a midnight, with the days around it.
    const JUMPS: [(Tz, &str, &str); 6] = [
        (Tz::Africa__Cairo, "2024-03-01", "2024-06-01"),
        (Tz::Asia__Beirut, "2024-02-01", "2024-05-01"),
        (Tz::America__Havana, "2024-02-01", "2024-12-01"),
        (Tz::America__Sao_Paulo, "2018-10-01", "2019-03-01"),
        (Tz::Pacific__Apia, "2011-12-01", "2012-01-31"),
        (Tz::Asia__Shanghai, "1986-01-01", "1992-01-01"),
    ];

    #[test]
    fn a_midnight_that_did_not_happen_shifts_no_day() {
        for (zone, from, to) in JUMPS {
            let office = office(zone);
            for due_on in day(from).iter_days().take_while(|date| *date <= day(to)) {
                let late = office.late_at(due_on);
                assert_eq!(late, late_at(zone, due_on, None));
                let (before, after) = (local_date(zone, late.minus(TimeDelta::microseconds(1))), office.today(late));
                // Apia had no 2011-12-30: what is due on it ends with the day before.
                assert!(before <= due_on && due_on < after, "{zone} {due_on}: {before} {after}");
                let gone = zone == Tz::Pacific__Apia && due_on == day("2011-12-30");
                assert!(before == due_on || gone, "{zone} {due_on}");
                let stand = |now| standing(State::Issued, due_on, late, &office, now);
                assert!(!stand(late.minus(TimeDelta::microseconds(1))).overdue && stand(late).overdue);
                assert!((1..=2).contains(&stand(late).days_overdue), "{zone} {due_on}");
            }
        }
    }

    #[test]
    fn a_review_has_a_clock_of_its_own_in_working_days() {
        let office = office(Tz::Asia__Shanghai);
        // Thursday afternoon; the weekend is not counted.
        let submitted = at("2021-08-19 17:00");
        for (now, waited) in
            [("2021-08-19 18:00", 0), ("2021-08-20 09:00", 1), ("2021-08-23 09:00", 2), ("2021-08-25 09:00", 4)]
        {
            assert_eq!(days_in_review(submitted, &office, at(now)), waited, "{now}");
        }
        assert_eq!(review_late_to(&office, at("2021-08-25 09:00")), day("2021-08-19"));
        assert_eq!(review_late_to(&office, at("2021-08-24 09:00")), day("2021-08-18"));
    }

    proptest! {
        #[test]
        fn what_waits_too_long_is_what_was_submitted_up_to_that_day(today in 0..2_900_i64, ago in 0..40_i64, limit in 0..10_u16) {
            let office = Office { review_days: limit, ..office(Tz::Asia__Shanghai) };
            let today = day("2020-01-01") + TimeDelta::days(today);
            let now = at_local(office.zone, today, NaiveTime::MIN);
            let submitted_on = today - TimeDelta::days(ago);
            let waited = days_in_review(at_local(office.zone, submitted_on, NaiveTime::MIN), &office, now);
            prop_assert_eq!(waited > i64::from(limit), submitted_on <= review_late_to(&office, now));
        }

        #[test]
        fn the_first_green_date_parts_what_is_yellow_from_what_is_green(
            today in 0..2_900_i64, ahead in 0..60_i64, hour in 0..24_i64, yellow_days in 0..20_u16,
        ) {
            let office = Office { yellow_days, ..office(Tz::Asia__Shanghai) };
            let today = day("2020-01-01") + TimeDelta::days(today);
            let due_on = today + TimeDelta::days(ahead);
            let now = at_local(office.zone, today, NaiveTime::MIN).plus(TimeDelta::hours(hour));
            let stand = standing(State::InProgress, due_on, office.late_at(due_on), &office, now);
            let is_green = due_on >= first_green_on(&office, now);
            prop_assert_eq!(stand.light, if is_green { Light::Green } else { Light::Yellow });
        }

        #[test]
        fn a_standing_is_of_one_piece(
            zone in 0..TZ_VARIANTS.len(), due in 0..2_900_i64, hours in -2_000..2_000_i64, cutoff in prop::option::of(0..86_400_u32),
            state in prop::sample::select(State::ALL),
        ) {
            let office = office(TZ_VARIANTS[zone]);
            let due_on = day("2020-01-01") + TimeDelta::days(due);
            let cutoff = cutoff.and_then(|seconds| NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0));
            let due_at = late_at(office.zone, due_on, cutoff);
            let now = due_at.plus(TimeDelta::hours(hours));
            let stand = standing(state, due_on, due_at, &office, now);
            prop_assert_eq!(stand.overdue, state.ball() == Ball::Unit && hours >= 0);
            prop_assert_eq!(stand.light == Light::Red, stand.overdue);
            prop_assert_eq!(stand.days_overdue > 0, stand.overdue);
            prop_assert_eq!(stand.days_left.is_some(), state.is_open() && !stand.overdue);
            prop_assert_eq!(stand.days_left.is_some(), stand.calendar_days_left.is_some());
            let (working, calendar) = (stand.days_left.unwrap_or(0), stand.calendar_days_left.unwrap_or(0));
            prop_assert!(0 <= working && working <= calendar);
        }
    }
}
