//! A working calendar as a table: one row a day that differs from its week, and with its days the years they lie in.

use crate::domain::calendar::{Calendar, DayMark};
use crate::domain::refusal::{Arg, Code, Refusal};
use crate::files::cells::{Words, bad, date, one_line};
use crate::files::imports::parse;
use crate::files::table::{Column, Layout, Row};
use chrono::{Datelike, NaiveDate};
use std::collections::BTreeSet;

const DAYS: Layout = Layout(&[
    Column::required("date", &["日期"]),
    Column::required("kind", &["类型", "类别"]),
    Column::optional("name", &["名称", "节日"]),
]);

const KINDS: Words<DayMark> = Words(&[
    (DayMark::Holiday, &["holiday", "放假", "休", "节假日"]),
    (DayMark::Workday, &["workday", "上班", "班", "调休上班"]),
    (DayMark::Normal, &["normal", "正常"]),
]);

/// The years whose days the file lists, whole: a day of them that it leaves out follows its week.
///
/// # Errors
/// Every bad cell.
pub fn parse_calendar(code: &str, source: &str, bytes: &[u8]) -> Result<Calendar, Refusal> {
    let days = parse(bytes, &DAYS, day)?.rows;
    let years: BTreeSet<i32> = days.iter().map(|(date, ..)| date.year()).collect();
    let mut calendar = Calendar::new(code, 1, [], []);
    for year in years {
        calendar = calendar.with_source(year, source);
    }
    for (date, mark, name) in days {
        calendar = calendar.with_day(date, mark, name).map_err(|_told_by_its_cell| Refusal::new(Code::Invalid))?;
    }
    Ok(calendar)
}

fn day(row: &mut Row<'_>) -> Option<(NaiveDate, DayMark, Option<String>)> {
    let on = row.required("date", date);
    let mark = row.required("kind", |cell| KINDS.read(cell));
    let name = row.optional("name", one_line(100));
    let (on, mark, name) = (on?, mark?, name?);
    row.once("date", &on.to_string());
    if !(1900..=2999).contains(&on.year()) {
        row.fault("date", bad(Code::FieldDate));
    }
    if Calendar::new("", 1, [], []).with_day(on, mark, None).is_err() {
        let reason = Arg::both(
            "该日本来就上班，只有周六、周日可以调为工作日",
            "That day is worked anyway; only a Saturday or Sunday can be made a working day",
        );
        row.fault("kind", bad(Code::FieldNotAllowed).with("reason", reason));
    }
    Some((on, mark, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_days_makes_its_years_whole() {
        let text = "日期,类型,名称\n2027-01-01,放假,元旦\n2027-01-09,班,元旦\n2027-02-01,normal,\n";
        let calendar = parse_calendar("cn", "days.csv", text.as_bytes()).unwrap();
        assert_eq!(calendar.years().collect::<Vec<_>>(), [(2027, Some("days.csv"))]);
        assert_eq!(calendar.listed().count(), 2);
    }

    #[test]
    fn a_wrong_row_is_told_by_its_cell() {
        let text = "date,kind,name\n2027-01-01,off,\n2027-01-04,workday,\n2027-01-04,holiday,\n2027-13-01,holiday,\n";
        let refusal = parse_calendar("cn", "days.csv", text.as_bytes()).unwrap_err();
        let codes: Vec<&str> = refusal.faults.iter().map(|fault| fault.code.as_str()).collect();
        assert_eq!(codes, ["field.choice", "field.not_allowed", "csv.repeated", "field.date"]);
    }
}
