//! How much may be uploaded: within a ticket, and by one person in a day.

use crate::domain::refusal::{Code, Fault, Refusal};

/// Limits in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// All files of a ticket together, those of its letters included.
    pub ticket_bytes: u64,
    /// What one user uploads in a local day.
    pub user_day_bytes: u64,
}

impl FileLimits {
    pub const NONE: Self = Self { ticket_bytes: u64::MAX, user_day_bytes: u64::MAX };

    /// # Errors
    /// When `more` bytes are too many for somebody who has uploaded `used` today; `seconds` until the day ends.
    pub fn check_day(self, used: u64, more: u64, seconds: i64) -> Result<(), Refusal> {
        if used.saturating_add(more) <= self.user_day_bytes {
            return Ok(());
        }
        let refusal = Refusal::new(Code::FileDayLimit).with("limit", size(self.user_day_bytes));
        Err(refusal.with("used", size(used)).with("more", size(more)).with("seconds", seconds))
    }

    /// # Errors
    /// A fault without its place, when `more` bytes are too many for a ticket that has `used`.
    pub fn check_ticket(self, reference: &str, used: u64, more: u64) -> Result<(), Fault> {
        if used.saturating_add(more) <= self.ticket_bytes {
            return Ok(());
        }
        let fault = Fault::at("", Code::FileTicketLimit).with("ticket", reference).with("used", size(used));
        Err(fault.with("limit", size(self.ticket_bytes)).with("more", size(more)))
    }
}

/// `640 B`, `12 KB`, `3.4 MB`; rounded up, so that nothing is told as smaller than it is.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        ..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KB", bytes.div_ceil(1_024)),
        _ if bytes.is_multiple_of(1_048_576) => format!("{} MB", bytes / 1_048_576),
        _ => {
            let tenths = u128::from(bytes).saturating_mul(10).div_ceil(1_048_576);
            format!("{}.{} MB", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::words::Lang;

    const LIMITS: FileLimits = FileLimits { ticket_bytes: 10 * 1_048_576, user_day_bytes: 5 * 1_048_576 };

    #[test]
    fn what_fits_exactly_is_taken_and_one_byte_more_is_not() {
        assert_eq!(LIMITS.check_day(5 * 1_048_576 - 7, 7, 60), Ok(()));
        let refusal = LIMITS.check_day(5 * 1_048_576 - 7, 8, 60).unwrap_err();
        let detail = refusal.detail(Lang::En);
        assert!(detail.contains("5 MB") && detail.contains("8 B"), "{detail}");
        assert_eq!(LIMITS.check_ticket("T", 0, 10 * 1_048_576), Ok(()));
        let fault = LIMITS.check_ticket("2021Q2-F01-01", 1, 10 * 1_048_576).unwrap_err();
        let detail = fault.detail(Lang::Zh);
        assert!(detail.contains("2021Q2-F01-01") && detail.contains("10 MB") && detail.contains("1 B"), "{detail}");
        assert_eq!(FileLimits::NONE.check_day(u64::MAX, u64::MAX, 0), Ok(()));
    }

    #[test]
    fn sizes_are_rounded_up() {
        for (bytes, words) in [(640, "640 B"), (12_000, "12 KB"), (3_565_159, "3.5 MB"), (20 * 1_048_576, "20 MB")] {
            assert_eq!(size(bytes), words);
        }
    }
}
