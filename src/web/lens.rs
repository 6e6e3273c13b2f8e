//! How one reader sees times, dates and names: their language, the office's zone, and now.

use crate::domain::calendar::local_date;
use crate::domain::instant::Instant;
use crate::domain::words::Lang;
use crate::queries::names::UnitRef;
use crate::transaction::Read;
use crate::web::texts;
use chrono::{Datelike, NaiveDate, Weekday};
use chrono_tz::Tz;
use serde::Serialize;

#[derive(Debug, Clone, Copy)]
pub struct Lens {
    pub lang: Lang,
    pub zone: Tz,
    pub now: Instant,
    pub today: NaiveDate,
}

/// An instant as a page shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Moment {
    /// For machines.
    pub iso: String,
    pub text: String,
    /// How long ago, or in how long.
    pub ago: String,
}

/// A date as a page shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Day {
    pub iso: String,
    pub text: String,
}

impl Lens {
    #[must_use]
    pub fn new(lang: Lang, read: &Read<'_>) -> Self {
        Self { lang, zone: read.office.zone, now: read.now, today: read.office.today(read.now) }
    }

    #[must_use]
    pub fn t(&self, key: &'static str) -> &'static str {
        texts::say(self.lang, key)
    }

    /// A text that counts something, as its argument `n`.
    #[must_use]
    pub fn tn(&self, key: &'static str, n: i64) -> String {
        texts::say_with(self.lang, key, &[("n", &n.to_string())])
    }

    /// `2021年8月27日（周五）`, `Fri 27 Aug 2021`.
    #[must_use]
    pub fn date(&self, on: NaiveDate) -> String {
        match self.lang {
            Lang::Zh => format!("{}年{}月{}日（周{}）", on.year(), on.month(), on.day(), weekday(on.weekday())),
            Lang::En => on.format("%a %-d %b %Y").to_string(),
        }
    }

    #[must_use]
    pub fn day(&self, on: NaiveDate) -> Day {
        Day { iso: on.to_string(), text: self.date(on) }
    }

    #[must_use]
    pub fn moment(&self, at: Instant) -> Moment {
        let time = at.utc().with_timezone(&self.zone).format("%H:%M").to_string();
        Moment {
            iso: at.to_string(),
            text: format!("{} {time}", self.date(local_date(self.zone, at))),
            ago: self.ago(at),
        }
    }

    fn ago(&self, at: Instant) -> String {
        let seconds = (self.now.utc() - at.utc()).num_seconds();
        let (past, length) = (seconds >= 0, seconds.abs());
        let (key_past, key_ahead, n) = match length {
            0..60 => return self.t("time.now").to_owned(),
            60..3_600 => ("time.minutes_ago", "time.in_minutes", length / 60),
            3_600..86_400 => ("time.hours_ago", "time.in_hours", length / 3_600),
            _ => ("time.days_ago", "time.in_days", (local_date(self.zone, at) - self.today).num_days().abs()),
        };
        self.tn(if past { key_past } else { key_ahead }, n)
    }

    /// A unit's name in the reader's language.
    #[must_use]
    pub fn unit(&self, unit: &UnitRef) -> String {
        match self.lang {
            Lang::En if !unit.name_en.is_empty() => unit.name_en.clone(),
            Lang::Zh | Lang::En => unit.name.clone(),
        }
    }

    /// Several units' names in one line.
    #[must_use]
    pub fn units(&self, units: &[UnitRef]) -> String {
        let names: Vec<String> = units.iter().map(|unit| self.unit(unit)).collect();
        names.join(self.lang.pick("、", ", "))
    }
}

const fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "一",
        Weekday::Tue => "二",
        Weekday::Wed => "三",
        Weekday::Thu => "四",
        Weekday::Fri => "五",
        Weekday::Sat => "六",
        Weekday::Sun => "日",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens(lang: Lang) -> Lens {
        let now: Instant = "2021-08-24T02:00:00Z".parse().unwrap();
        Lens { lang, zone: chrono_tz::Asia::Shanghai, now, today: NaiveDate::from_ymd_opt(2021, 8, 24).unwrap() }
    }

    #[test]
    fn a_date_names_its_weekday_in_both_languages() {
        let on = NaiveDate::from_ymd_opt(2021, 8, 27).unwrap();
        assert_eq!(lens(Lang::Zh).date(on), "2021年8月27日（周五）");
        assert_eq!(lens(Lang::En).date(on), "Fri 27 Aug 2021");
    }

    #[test]
    fn a_moment_is_told_in_the_offices_zone_with_its_distance_beside_it() {
        let at: Instant = "2021-08-20T16:30:00Z".parse().unwrap();
        let zh = lens(Lang::Zh).moment(at);
        assert_eq!((zh.text.as_str(), zh.ago.as_str()), ("2021年8月21日（周六） 00:30", "3 天前"));
        let en = lens(Lang::En).moment(at);
        assert_eq!((en.text.as_str(), en.ago.as_str()), ("Sat 21 Aug 2021 00:30", "3 days ago"));
        let ahead: Instant = "2021-08-24T03:00:00Z".parse().unwrap();
        assert_eq!(lens(Lang::En).moment(ahead).ago, "in 1 hour");
    }
}
