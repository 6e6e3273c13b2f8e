//! Reads the deadline out of a notice's own words ("于2021年8月27日前", "10月9日下午下班前", "10个工作日内"), so that a
//! coordinator confirms instead of typing. What is unclear, contradictory or said twice is not read: nobody guesses.

use crate::domain::calendar::Calendar;
use crate::domain::deadline::{Deadline, Period, Wording};
use chrono::{Datelike, NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;

/// When an office closes, unless it says otherwise: "下班前".
#[must_use]
pub fn usual_close() -> NaiveTime {
    clock(17, 30).unwrap_or(NaiveTime::MIN)
}

/// Longer texts hold more than a phrase.
const CHARS_MAX: usize = 500;

/// What a phrase says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    Fixed(Wording),
    /// A length of time from a day that the reader has to know: issue, receipt.
    Within {
        period: Period,
        raw: String,
    },
}

impl Reading {
    /// The deadline; a period runs from `from`. `None` only if it leaves the range of dates.
    #[must_use]
    pub fn deadline(&self, from: NaiveDate, zone: Tz, calendar: &Calendar) -> Option<Deadline> {
        match self {
            Self::Fixed(wording) => Some(wording.deadline(zone, calendar)),
            Self::Within { period, .. } => period.deadline(from, None, zone, calendar),
        }
    }
}

/// Reads a phrase as it was written on `stated_on`, by an office that closes at `closes`. A date without a year is the
/// next such date on or after `stated_on`. `None` if it can't be read, or can be read in more than one way.
#[must_use]
pub fn read_phrase(raw: &str, stated_on: NaiveDate, closes: NaiveTime) -> Option<Reading> {
    let raw = raw.trim();
    let text: Vec<char> = raw.chars().take(CHARS_MAX + 1).map(plain).collect();
    if text.len() > CHARS_MAX {
        return None;
    }
    let mut found: Option<Reading> = None;
    let mut at = 0;
    while at < text.len() {
        let start = Cursor { text: &text, at };
        at += 1;
        if !start.begins_number() {
            continue;
        }
        let (reading, end) = match read_fixed(start, raw, stated_on, closes) {
            Fixed::Read(wording, end) => (Reading::Fixed(wording), end),
            Fixed::Unclear => return None,
            Fixed::Absent => match read_period(start) {
                Some((period, end)) => (Reading::Within { period, raw: raw.to_owned() }, end),
                None => continue,
            },
        };
        if found.as_ref().is_some_and(|held| *held != reading) {
            return None;
        }
        found = Some(reading);
        at = end;
    }
    found
}

/// Full-width forms and look-alikes as their plain characters.
fn plain(c: char) -> char {
    match c {
        '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10).unwrap_or(c),
        '：' | '︰' | '∶' => ':',
        '（' => '(',
        '）' => ')',
        '．' => '.',
        '／' => '/',
        '－' | '‐' | '–' | '—' => '-',
        '～' | '〜' => '~',
        '号' => '日',
        '點' | '点' => '时',
        '個' => '个',
        _ if c.is_whitespace() || c.is_control() => ' ',
        _ => c,
    }
}

/// The value of a Chinese numeral below ten, or 10 for 十.
fn numeral(c: char) -> Option<u32> {
    match c {
        '〇' | '零' | '○' => Some(0),
        '一' => Some(1),
        '二' | '两' => Some(2),
        '三' => Some(3),
        '四' => Some(4),
        '五' => Some(5),
        '六' => Some(6),
        '七' => Some(7),
        '八' => Some(8),
        '九' => Some(9),
        '十' => Some(10),
        _ => None,
    }
}

fn clock(hour: u32, minute: u32) -> Option<NaiveTime> {
    NaiveTime::from_hms_opt(hour, minute, 0)
}

/// A place in the text; copies try a way and are dropped where it leads nowhere.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a [char],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn skip_spaces(&mut self) {
        while self.peek() == Some(' ') {
            self.at += 1;
        }
    }

    /// Steps over `word`, with spaces before it; stays where it is if something else stands here.
    fn eat(&mut self, word: &str) -> bool {
        let mut ahead = *self;
        ahead.skip_spaces();
        for c in word.chars() {
            if ahead.peek() != Some(c) {
                return false;
            }
            ahead.at += 1;
        }
        *self = ahead;
        true
    }

    fn eat_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.eat(word))
    }

    fn is_at_end(mut self) -> bool {
        self.skip_spaces();
        self.eat_any(&["。", ".", "；", ";"]);
        self.skip_spaces();
        self.peek().is_none()
    }

    /// The text before this place, spaces left out, ends with one of the words.
    fn follows(&self, words: &[&str]) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        words.iter().any(|word| {
            let mut behind = before.iter().rev().filter(|c| **c != ' ' && **c != ':');
            word.chars().rev().all(|c| behind.next() == Some(&c))
        })
    }

    /// A whole number begins here: not the tail of one, nor the second part of a date or range.
    fn begins_number(&self) -> bool {
        let Some(first) = self.peek().filter(|c| c.is_ascii_digit() || numeral(*c).is_some()) else {
            return false;
        };
        let behind = |n: usize| self.at.checked_sub(n).and_then(|at| self.text.get(at)).copied();
        let Some(before) = behind(1) else { return true };
        let is_tail = if first.is_ascii_digit() { before.is_ascii_digit() } else { numeral(before).is_some() };
        let is_part = match before {
            '年' | '月' => true,
            '-' | '/' | '.' | ':' | '~' | '、' => {
                behind(2).is_some_and(|c| c.is_ascii_digit() || numeral(c).is_some())
            }
            _ => false,
        };
        !is_tail && !is_part
    }

    /// A number of up to four digits, or a Chinese numeral up to 99 or digit by digit (二〇二一).
    fn number(&mut self) -> Option<u32> {
        self.skip_spaces();
        let rest = self.text.get(self.at..)?;
        let digits: Vec<u32> = rest.iter().map_while(|c| c.to_digit(10)).take(5).collect();
        let numerals: Vec<u32> = rest.iter().map_while(|c| numeral(*c)).take(5).collect();
        let (value, length) = if digits.is_empty() {
            let tens = numerals.iter().position(|n| *n == 10);
            let value = match (numerals.as_slice(), tens) {
                ([_, ..], None) => read_digits(&numerals),
                ([10], _) => Some(10),
                ([10, ones], _) if *ones < 10 => Some(10 + ones),
                ([tens, 10], _) if *tens < 10 => Some(tens * 10),
                ([tens, 10, ones], _) if *tens < 10 && *ones < 10 => Some(tens * 10 + ones),
                (_, _) => None,
            };
            (value, numerals.len())
        } else {
            (read_digits(&digits), digits.len())
        };
        self.at += length;
        value
    }
}

fn read_digits(digits: &[u32]) -> Option<u32> {
    (digits.len() <= 4).then(|| digits.iter().fold(0, |value, digit| value * 10 + digit))
}

enum Fixed {
    Read(Wording, usize),
    /// A date is named, but not in a way that can be relied on.
    Unclear,
    /// No date that something is due by.
    Absent,
}

fn read_fixed(start: Cursor, raw: &str, stated_on: NaiveDate, closes: NaiveTime) -> Fixed {
    let mut cursor = start;
    let Some(date) = read_date(&mut cursor, stated_on) else { return Fixed::Absent };
    let mut inclusive = None;
    let clear = read_note(&mut cursor, date, &mut inclusive);
    let time = read_time(&mut cursor, closes);
    let clear = clear && read_note(&mut cursor, date, &mut inclusive);
    let before = cursor.eat_any(&["之前", "以前", "前"]);
    let named = before
        || cursor.eat_any(&["截止", "为止", "止"])
        || start.follows(&["截至", "截止", "截止到", "截止日期", "截止时间", "不晚于", "不迟于", "最晚", "最迟"])
        || (start.at == 0 && cursor.is_at_end());
    if !named {
        return Fixed::Absent;
    }
    let clear = clear && read_note(&mut cursor, date, &mut inclusive) && !(before && is_relative(cursor));
    let cutoff = match time {
        TimeOfDay::At(time) => Some(time),
        TimeOfDay::DayEnd => None,
        TimeOfDay::Unclear => return Fixed::Unclear,
    };
    if !clear {
        return Fixed::Unclear;
    }
    let wording = Wording { on: date, cutoff, inclusive: inclusive.unwrap_or(true), raw: Some(raw.to_owned()) };
    Fixed::Read(wording, cursor.at)
}

/// "8月27日前后" is no deadline, and "8月27日前3个工作日" another one.
fn is_relative(mut cursor: Cursor) -> bool {
    cursor.eat("后") || (cursor.number().is_some() && cursor.eat_any(&["个", "工作日", "日", "天", "周"]))
}

fn read_date(cursor: &mut Cursor, stated_on: NaiveDate) -> Option<NaiveDate> {
    let first = cursor.number()?;
    for separator in ["-", "/", "."] {
        if cursor.eat(separator) {
            let month = cursor.number()?;
            let day = if cursor.eat(separator) { cursor.number()? } else { return None };
            return NaiveDate::from_ymd_opt(year_of(first)?, month, day);
        }
    }
    let (year, month) = if cursor.eat("年") {
        let month = cursor.number()?;
        (Some(year_of(first)?), month)
    } else {
        (None, first)
    };
    if !cursor.eat("月") {
        return None;
    }
    let day = if cursor.eat_any(&["底", "末"]) {
        None
    } else {
        let day = cursor.number()?;
        if !cursor.eat("日") {
            return None;
        }
        Some(day)
    };
    if let Some(year) = year {
        return day_of_month(year, month, day);
    }
    // Eight years hold a 29 February, even around 2100.
    (stated_on.year()..=stated_on.year().saturating_add(8))
        .filter_map(|year| day_of_month(year, month, day))
        .find(|date| *date >= stated_on)
}

fn year_of(number: u32) -> Option<i32> {
    i32::try_from(number).ok().filter(|year| (1900..=9999).contains(year))
}

/// That day, or the month's last where none is named.
fn day_of_month(year: i32, month: u32, day: Option<u32>) -> Option<NaiveDate> {
    match day {
        Some(day) => NaiveDate::from_ymd_opt(year, month, day),
        None => (28..=31).rev().find_map(|last| NaiveDate::from_ymd_opt(year, month, last)),
    }
}

/// Weekday and "(含当日)", "(不含)", as often as they stand here. False if one contradicts the date or can't be read.
fn read_note(cursor: &mut Cursor, date: NaiveDate, inclusive: &mut Option<bool>) -> bool {
    loop {
        let bracket = cursor.eat("(");
        let said = if cursor.eat_any(&["星期", "礼拜", "周"]) {
            cursor.skip_spaces();
            let named = cursor.peek().and_then(weekday);
            cursor.at += 1;
            if named != Some(date.weekday()) {
                return false;
            }
            true
        } else if let Some(value) = read_inclusion(cursor) {
            if inclusive.is_some_and(|held| held != value) {
                return false;
            }
            *inclusive = Some(value);
            true
        } else {
            false
        };
        if bracket && !(said && cursor.eat(")")) {
            return false;
        }
        if !said {
            return true;
        }
    }
}

fn read_inclusion(cursor: &mut Cursor) -> Option<bool> {
    let value = if cursor.eat_any(&["不包括", "不包含", "不含"]) {
        false
    } else if cursor.eat_any(&["包括", "包含", "含"]) {
        true
    } else {
        return None;
    };
    cursor.eat_any(&["当日", "当天", "本日", "该日"]);
    Some(value)
}

fn weekday(c: char) -> Option<Weekday> {
    match c {
        '一' | '1' => Some(Weekday::Mon),
        '二' | '2' => Some(Weekday::Tue),
        '三' | '3' => Some(Weekday::Wed),
        '四' | '4' => Some(Weekday::Thu),
        '五' | '5' => Some(Weekday::Fri),
        '六' | '6' => Some(Weekday::Sat),
        '日' | '天' | '7' => Some(Weekday::Sun),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DayPart {
    Morning,
    Noon,
    Afternoon,
    Unsaid,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TimeOfDay {
    At(NaiveTime),
    /// None is said, or 24:00.
    DayEnd,
    Unclear,
}

/// The time of day that stands here.
fn read_time(cursor: &mut Cursor, closes: NaiveTime) -> TimeOfDay {
    let part = if cursor.eat_any(&["上午", "早上", "早晨", "凌晨"]) {
        DayPart::Morning
    } else if cursor.eat_any(&["中午", "正午"]) {
        DayPart::Noon
    } else if cursor.eat_any(&["下午", "晚上", "晚间", "傍晚", "晚"]) {
        DayPart::Afternoon
    } else {
        DayPart::Unsaid
    };
    let at = |hour, minute| clock(hour, minute).map_or(TimeOfDay::Unclear, TimeOfDay::At);
    if cursor.eat("下班") {
        return match part {
            DayPart::Morning | DayPart::Noon => at(12, 0),
            DayPart::Afternoon | DayPart::Unsaid => TimeOfDay::At(closes),
        };
    }
    let Some((hour, minute)) = read_clock(cursor) else {
        return match part {
            DayPart::Noon => at(12, 0),
            DayPart::Unsaid => TimeOfDay::DayEnd,
            DayPart::Morning | DayPart::Afternoon => TimeOfDay::Unclear,
        };
    };
    match (part, hour, minute) {
        (DayPart::Afternoon, 0..12, _) | (DayPart::Noon, 1..3, _) => at(hour + 12, minute),
        // "晚上12点" is midnight to one and noon to another.
        (DayPart::Afternoon, 12, _) | (DayPart::Morning, 13.., _) => TimeOfDay::Unclear,
        (DayPart::Unsaid | DayPart::Afternoon, 24, 0) => TimeOfDay::DayEnd,
        (DayPart::Morning | DayPart::Noon | DayPart::Afternoon | DayPart::Unsaid, _, _) => at(hour, minute),
    }
}

fn read_clock(cursor: &mut Cursor) -> Option<(u32, u32)> {
    let mut ahead = *cursor;
    let hour = ahead.number()?;
    let minute = if ahead.eat(":") {
        let minute = ahead.number()?;
        // Seconds are nobody's deadline; 12:00:00 is noon.
        if ahead.eat(":") && ahead.number()? != 0 {
            return None;
        }
        minute
    } else if ahead.eat("时") {
        if ahead.eat("半") {
            30
        } else if ahead.eat("整") {
            0
        } else {
            let mut further = ahead;
            match further.number() {
                Some(minute) => {
                    further.eat("分");
                    ahead = further;
                    minute
                }
                None => 0,
            }
        }
    } else {
        return None;
    };
    *cursor = ahead;
    Some((hour, minute))
}

/// "10个工作日内", "15日内", "两周内", "1个月内", or just "10个工作日".
fn read_period(start: Cursor) -> Option<(Period, usize)> {
    let mut cursor = start;
    let n = cursor.number().filter(|n| *n > 0)?;
    let n = u16::try_from(n).ok()?;
    let period = if cursor.eat_any(&["个工作日", "工作日", "个工作天"]) {
        Period::WorkingDays(n)
    } else if cursor.eat_any(&["个自然日", "自然日", "个日历日", "日历日", "天", "日"]) {
        Period::CalendarDays(n)
    } else if cursor.eat_any(&["个星期", "个礼拜", "周"]) {
        Period::CalendarDays(n.checked_mul(7)?)
    } else if cursor.eat("个月") {
        Period::Months(n)
    } else {
        return None;
    };
    // "到期前10个工作日内" counts backwards; "每" and "第" count something else; "3至5个工作日内" is two.
    let other = start.follows(&["前", "每", "第", "至", "到", "或", "不少于", "超过", "满"]);
    let bounded = cursor.eat_any(&["以内", "之内", "内"]) || (start.at == 0 && cursor.is_at_end());
    (bounded && !other).then_some((period, cursor.at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn read(raw: &str, stated_on: &str) -> Option<Reading> {
        read_phrase(raw, day(stated_on), usual_close())
    }

    fn fixed(raw: &str, stated_on: &str) -> (String, Option<String>, bool) {
        match read(raw, stated_on) {
            Some(Reading::Fixed(wording)) => {
                assert_eq!(wording.raw.as_deref(), Some(raw.trim()));
                let cutoff = wording.cutoff.map(|time| time.format("%H:%M").to_string());
                (wording.on.to_string(), cutoff, wording.inclusive)
            }
            other => panic!("{raw}: {other:?}"),
        }
    }

    #[test]
    fn dates_are_read_as_notices_write_them() {
        for (raw, on, cutoff) in [
            ("于2021年8月27日前", "2021-08-27", None),
            ("各单位问题整改情况请于2021年8月27日前书面反馈市行政审批服务局。", "2021-08-27", None),
            ("10月9日下午下班前", "2021-10-09", Some("17:30")),
            ("4月16日12:00前报区政府办", "2022-04-16", Some("12:00")),
            ("8月27日17时前", "2021-08-27", Some("17:00")),
            ("８月２７日１７：３０前", "2021-08-27", Some("17:30")),
            ("8 月 27 日 下午 5 点半 之前", "2021-08-27", Some("17:30")),
            ("8月27日下午5时15分前", "2021-08-27", Some("17:15")),
            ("8月27日上午下班前", "2021-08-27", Some("12:00")),
            ("8月27日中午前", "2021-08-27", Some("12:00")),
            ("8月27日24时前", "2021-08-27", None),
            ("2021-08-27 12:00前", "2021-08-27", Some("12:00")),
            ("2021/8/27前", "2021-08-27", None),
            ("截止时间：2021.8.27", "2021-08-27", None),
            ("2021年8月27日", "2021-08-27", None),
            ("8月27日。", "2021-08-27", None),
            ("截至8月27日（星期五）", "2021-08-27", None),
            ("二〇二一年八月二十七日前", "2021-08-27", None),
            ("8月底前", "2021-08-31", None),
            ("2022年2月底前完成", "2022-02-28", None),
            ("8月15日前", "2022-08-15", None),
            ("8月16日前", "2021-08-16", None),
            ("2月29日前", "2024-02-29", None),
            ("2021年8月16日印发，请于8月27日前反馈", "2021-08-27", None),
        ] {
            let expected = (on.to_owned(), cutoff.map(str::to_owned), true);
            assert_eq!(fixed(raw, "2021-08-16"), expected, "{raw}");
        }
        assert!(!fixed("8月27日前（不含当日）", "2021-08-16").2);
        assert!(!fixed("8月27日(不含)前", "2021-08-16").2);
        assert!(fixed("8月27日（星期五）（含当日）前", "2021-08-16").2);
    }

    #[test]
    fn periods_are_read() {
        for (raw, expected) in [
            ("通报下发后10个工作日内", Period::WorkingDays(10)),
            ("收到本通报之日起十五个工作日内", Period::WorkingDays(15)),
            ("１０个工作日之内", Period::WorkingDays(10)),
            ("5 个工作日", Period::WorkingDays(5)),
            ("自收到通报之日起15日内", Period::CalendarDays(15)),
            ("30天以内", Period::CalendarDays(30)),
            ("两周内", Period::CalendarDays(14)),
            ("一个月内", Period::Months(1)),
        ] {
            match read(raw, "2021-08-16") {
                Some(Reading::Within { period, .. }) => assert_eq!(period, expected, "{raw}"),
                other => panic!("{raw}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_unclear_is_not_read() {
        for raw in [
            "",
            "尽快",
            "8月27日反馈",
            "8月32日前",
            "2021年2月29日前",
            "8月27日前后",
            "8月27日前3个工作日",
            "8月27日25:00前",
            "8月27日下午前",
            "8月27日晚上12点前",
            "8月27日（星期四）前",
            "8月20日前报方案，8月27日前反馈",
            "3个工作日内报方案，8月27日前反馈",
            "3至5个工作日内",
            "3-5个工作日内",
            "到期前10个工作日内",
            "0个工作日内",
            "99999个工作日内",
            "24小时内",
            "8月内",
            "27日前",
        ] {
            assert_eq!(read(raw, "2021-08-16"), None, "{raw}");
        }
        assert_eq!(read(&"8月27日前".repeat(200), "2021-08-16"), None);
        assert!(read(&"8月27日前".repeat(2), "2021-08-16").is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn no_text_panics(raw in "\\PC{0,60}", days in -4_000_000..4_000_000_i32) {
            let stated_on = NaiveDate::from_num_days_from_ce_opt(days).unwrap_or(NaiveDate::MAX);
            let _ = read_phrase(&raw, stated_on, usual_close());
        }

        #[test]
        fn no_text_of_such_words_panics(words in prop::collection::vec(prop::sample::select(vec![
            "年", "月", "日", "号", "前", "之前", "内", "个", "工作日", "周", "星期", "五", "十", "二", "〇", "9999", "12",
            "27", "8", "0", ":", "：", "时", "点", "半", "分", "下午", "下班", "上午", "中午", "晚", "（", "）", "含", "不含",
            "当日", "底", "截至", "-", "/", ".", " ", "\u{3000}", "99999", "１", "后", "天",
        ]), 0..24), days in -4_000_000..4_000_000_i32) {
            let stated_on = NaiveDate::from_num_days_from_ce_opt(days).unwrap_or(NaiveDate::MIN);
            let _ = read_phrase(&words.concat(), stated_on, usual_close());
        }

        #[test]
        fn a_written_date_is_read_back(days in 0..30_000_i64, ahead in 0..365_i64) {
            let stated_on = day("1990-01-01") + chrono::TimeDelta::days(days);
            let on = stated_on + chrono::TimeDelta::days(ahead);
            let full = format!("请于{}年{}月{}日前反馈", on.year(), on.month(), on.day());
            let short = format!("请于{}月{}日前反馈", on.month(), on.day());
            for raw in [full, short] {
                prop_assert_eq!(fixed(&raw, &stated_on.to_string()).0, on.to_string());
            }
        }
    }
}
