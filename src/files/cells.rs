//! What one cell may hold: a parser a kind of cell, each answering a value or a fault that `table` gives its place.
//! For `imports`.

use crate::domain::refusal::{Arg, Code, Fault, Place};
use crate::files::csv;
use chrono::NaiveDate;

/// Largest number a count may be: far above any annex, far below what either database stores.
pub const MAX_COUNT: u32 = 1_000_000;

/// A fault whose place the row fills in.
#[must_use]
pub fn bad(code: Code) -> Fault {
    Fault::new(Place::Whole, code)
}

/// One line of text of at most `max` characters.
pub fn one_line(max: usize) -> impl Fn(&str) -> Result<String, Fault> {
    move |cell| measured(cell, max, char::is_control)
}

/// Text of at most `max` characters that may have several lines.
pub fn paragraphs(max: usize) -> impl Fn(&str) -> Result<String, Fault> {
    move |cell| measured(cell, max, |c| c.is_control() && !matches!(c, '\n' | '\t'))
}

fn measured(cell: &str, max: usize, refused: impl Fn(char) -> bool) -> Result<String, Fault> {
    let length = cell.chars().count();
    if length > max {
        Err(bad(Code::FieldTooLong).with("max", max).with("length", length))
    } else if cell.chars().any(refused) {
        Err(bad(Code::FieldControl))
    } else {
        Ok(cell.to_owned())
    }
}

/// A real date, year first: `2021-08-27`, or as Excel rewrites it (`2021/8/27`), or `2021年8月27日`.
pub fn date(cell: &str) -> Result<NaiveDate, Fault> {
    let plain = narrow(cell);
    let parts: Vec<&str> = plain.trim_end_matches('日').split(['-', '/', '.', '年', '月']).map(csv::trim).collect();
    let read = |part: &str, widest: usize| {
        (part.len() <= widest && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u32>().ok()).flatten()
    };
    let found = match parts.as_slice() {
        [year, month, day] if year.len() == 4 => read(year, 4)
            .and_then(|year| i32::try_from(year).ok())
            .zip(read(month, 2).zip(read(day, 2)))
            .and_then(|(year, (month, day))| NaiveDate::from_ymd_opt(year, month, day)),
        _ => None,
    };
    found.ok_or_else(|| bad(Code::FieldDate))
}

/// A whole number from 0 to [`MAX_COUNT`].
pub fn count(cell: &str) -> Result<u32, Fault> {
    let plain = narrow(cell);
    if !plain.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad(Code::FieldType).with("expected", Arg::both("整数", "a whole number")));
    }
    match plain.parse::<u32>() {
        Ok(number) if number <= MAX_COUNT => Ok(number),
        Ok(_) | Err(_) => Err(bad(Code::FieldOutOfRange).with("min", 0).with("max", MAX_COUNT)),
    }
}

/// The words a cell may hold for each value: the stored one, the Chinese one shown, then others taken.
#[derive(Debug)]
pub struct Words<T: 'static>(pub &'static [(T, &'static [&'static str])]);

impl<T: Copy> Words<T> {
    pub fn read(&self, cell: &str) -> Result<T, Fault> {
        let wanted = fold(cell);
        let found = self.0.iter().find(|(_, words)| words.iter().any(|word| fold(word) == wanted));
        found.map(|(value, _)| *value).ok_or_else(|| {
            let shown = |index: usize| self.0.iter().filter_map(move |(_, words)| words.get(index).copied());
            let choices = Arg::both(shown(1).collect::<Vec<_>>().join("、"), shown(0).collect::<Vec<_>>().join(", "));
            bad(Code::FieldChoice).with("choices", choices)
        })
    }
}

/// Yes or no.
pub const YES_NO: Words<bool> =
    Words(&[(true, &["yes", "是", "true", "1", "y", "对", "√"]), (false, &["no", "否", "false", "0", "n", "不", "×"])]);

/// A header or word as it is compared: full-width forms narrowed, case, spaces and joints ignored.
#[must_use]
pub fn fold(header: &str) -> String {
    narrow(header).to_lowercase().chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-')).collect()
}

/// Full-width ASCII (`２０２１／８`), as Chinese input methods write it, in its plain form.
fn narrow(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::words::Lang;

    #[test]
    fn words_are_known_in_both_languages() {
        for (cell, expected) in [("是", true), ("TRUE", true), ("１", true), ("No", false), ("否", false)] {
            assert_eq!(YES_NO.read(cell), Ok(expected));
        }
        let fault = YES_NO.read("maybe").unwrap_err();
        assert_eq!(
            (fault.detail(Lang::Zh), fault.detail(Lang::En)),
            ("可选：是、否。".into(), "Choose one of yes, no.".into())
        );
    }

    #[test]
    fn dates_are_read_as_offices_and_excel_write_them() {
        let day = NaiveDate::from_ymd_opt(2021, 8, 27).unwrap();
        for cell in
            ["2021-08-27", "2021/8/27", "2021.8.27", "2021年8月27日", "２０２１年８月２７日", "2021 年 8 月 27 日"]
        {
            assert_eq!(date(cell), Ok(day), "{cell}");
        }
        for cell in
            ["27/8/2021", "21-8-27", "2021-02-29", "2021-8", "2021-08-27T00", "20210827", "2021-+8-27", "年月日"]
        {
            assert_eq!(date(cell).unwrap_err().code, Code::FieldDate, "{cell}");
        }
    }

    #[test]
    fn a_control_character_never_enters_a_line() {
        assert_eq!(one_line(9)("a\nb").unwrap_err().code, Code::FieldControl);
        assert_eq!(one_line(9)("a\u{7f}").unwrap_err().code, Code::FieldControl);
        assert_eq!(paragraphs(9)("a\nb").unwrap(), "a\nb");
        assert_eq!(paragraphs(9)("a\0").unwrap_err().code, Code::FieldControl);
        assert_eq!(paragraphs(2)("双清区").unwrap_err().code, Code::FieldTooLong);
    }
}
