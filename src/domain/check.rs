//! Checks what people typed before rules see it: trimmed, within limits, without control characters. Every door
//! uses the same one, so a fault reads the same over REST, on a page and in a file.

use crate::domain::address::parse_address;
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use chrono::NaiveDate;

/// Characters of a name, a title, a code's words.
pub const LINE: usize = 200;
/// Characters of a progress entry, a reason, a measure.
pub const TEXT: usize = 4_000;
/// Characters of a finding or requirement as printed.
pub const LONG_TEXT: usize = 20_000;

/// Nothing of this office happened earlier: a year before it is a slip of the pen.
pub const EARLIEST: NaiveDate = match NaiveDate::from_ymd_opt(1990, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// A day on which something was done, not before [`EARLIEST`].
///
/// # Errors
/// `field.out_of_range` at `pointer`, with the days between which it may lie.
pub fn not_ancient(pointer: &str, on: NaiveDate, today: NaiveDate) -> Result<(), Refusal> {
    if on >= EARLIEST {
        return Ok(());
    }
    Err(Refusal::field(Fault::at(pointer, Code::FieldOutOfRange).with("min", EARLIEST).with("max", today)))
}

/// Collects all faults of one request, so that they are told at once.
#[derive(Debug, Default)]
pub struct Check {
    faults: Vec<Fault>,
}

impl Check {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// One line that must be there.
    pub fn line(&mut self, pointer: &str, text: &str, max: usize) -> String {
        let text = text.trim();
        if text.is_empty() {
            self.fault(Fault::at(pointer, Code::FieldRequired));
        }
        if text.chars().any(char::is_control) {
            self.fault(Fault::at(pointer, Code::FieldControl));
        }
        self.within(pointer, text, max)
    }

    /// One line that may be left out; blank is left out.
    pub fn optional_line(&mut self, pointer: &str, text: Option<&str>, max: usize) -> Option<String> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        Some(self.line(pointer, text, max))
    }

    /// Paragraphs that must be there. Line breaks become `\n`; other control characters are refused.
    pub fn text(&mut self, pointer: &str, text: &str, max: usize) -> String {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim();
        if text.is_empty() {
            self.fault(Fault::at(pointer, Code::FieldRequired));
        }
        if text.chars().any(|letter| letter.is_control() && letter != '\n' && letter != '\t') {
            self.fault(Fault::at(pointer, Code::FieldControl));
        }
        self.within(pointer, text, max)
    }

    /// Paragraphs that may be left out; blank is left out.
    pub fn optional_text(&mut self, pointer: &str, text: Option<&str>, max: usize) -> Option<String> {
        let text = text.filter(|text| !text.trim().is_empty())?;
        Some(self.text(pointer, text, max))
    }

    /// A code: letters, digits, `-`, `_`, `.`; it stands in addresses and references.
    pub fn code(&mut self, pointer: &str, text: &str, max: usize) -> String {
        let code = self.line(pointer, text, max);
        let fits = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if !code.is_empty() && !code.chars().all(fits) {
            let reason =
                Arg::both("只能包含字母、数字、汉字和 - _ .", "Only letters, digits and - _ . can stand in a code");
            self.fault(Fault::at(pointer, Code::FieldFormat).with("reason", reason));
        }
        // An id is looked up before a code.
        if uuid::Uuid::parse_str(&code).is_ok() {
            let reason = Arg::both("代码不能写成 UUID 的样子", "A code can't look like a UUID");
            self.fault(Fault::at(pointer, Code::FieldFormat).with("reason", reason));
        }
        code
    }

    /// An e-mail address that may be left out.
    pub fn email(&mut self, pointer: &str, text: Option<&str>) -> Option<String> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        match parse_address(text) {
            Ok(address) => Some(address),
            Err(fault) => {
                let reason = Arg::both("不是可用的邮箱地址，例如 zhang@example.gov.cn", fault.to_string());
                self.fault(Fault::at(pointer, Code::FieldFormat).with("reason", reason));
                None
            }
        }
    }

    /// A number between two others, both included.
    pub fn between(&mut self, pointer: &str, number: i64, min: i64, max: i64) {
        if !(min..=max).contains(&number) {
            self.fault(Fault::at(pointer, Code::FieldOutOfRange).with("min", min).with("max", max));
        }
    }

    /// A list of no more than `max` items.
    pub fn at_most(&mut self, pointer: &str, length: usize, max: usize) {
        if length > max {
            self.fault(Fault::at(pointer, Code::FieldTooMany).with("max", max));
        }
    }

    /// `value` if nothing was at fault.
    ///
    /// # Errors
    /// All faults found so far, as one refusal.
    pub fn done<T>(self, value: T) -> Result<T, Refusal> {
        if self.faults.is_empty() { Ok(value) } else { Err(Refusal::invalid(self.faults)) }
    }

    fn within(&mut self, pointer: &str, text: &str, max: usize) -> String {
        let length = text.chars().count();
        if length > max {
            self.fault(Fault::at(pointer, Code::FieldTooLong).with("max", max).with("length", length));
        }
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::words::Lang;

    #[test]
    fn a_day_before_1990_is_refused_with_its_reason() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert!(not_ancient("/completed_on", day("1990-01-01"), day("2026-03-02")).is_ok());
        let refusal = not_ancient("/completed_on", day("1989-12-31"), day("2026-03-02")).unwrap_err();
        assert_eq!(refusal.faults[0].detail(Lang::En), "Must lie between 1990-01-01 and 2026-03-02.");
    }

    #[test]
    fn all_faults_are_told_at_once_and_blanks_are_trimmed() {
        let mut check = Check::new();
        assert_eq!(check.line("/handler", "  张三 ", 10), "张三");
        assert_eq!(check.text("/text", "一\r\n二\r三", 10), "一\n二\n三");
        assert_eq!(check.optional_line("/letter_no", Some("  "), 10), None);
        check.line("/a", " ", 10);
        check.line("/b", "a\nb", 10);
        check.text("/c", "12345", 4);
        check.code("/d", "a/b", 10);
        check.code("/e", "00000000-0000-0000-0000-000000000007", 40);
        check.between("/f", 101, 0, 100);
        check.email("/g", Some("nobody"));
        let faults = check.done(()).unwrap_err().faults;
        let codes: Vec<&str> = faults.iter().map(|fault| fault.code.as_str()).collect();
        assert_eq!(
            codes,
            [
                "field.required",
                "field.control",
                "field.too_long",
                "field.format",
                "field.format",
                "field.out_of_range",
                "field.format"
            ]
        );
    }
}
