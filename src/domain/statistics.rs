//! Statistics: how rectification goes, in figures that rest on one set of tickets and can't contradict each other.
//!
//! **The set.** All tickets whose due date in force lies in the period, first and last day included, less the cancelled.
//! They are `due`; every other figure counts among them, as they stand now.
//!
//! - `on_time`: the first complete submission came before the due instant then in force; a later return changes nothing.
//! - `late`: the first complete submission came after it.
//! - `unanswered`: no complete submission yet. `due` = `on_time` + `late` + `unanswered`.
//! - `open_overdue`: it is the unit's move, and the due instant in force is over. A rework may be overdue although the
//!   first answer was in time, so this is a figure beside those above, not a part of them.
//! - `returned`: sent back at least once, by review, look-back or reopening. `failed_again`: at least one look-back failed.
//! - `acknowledged`: somebody has taken it on. `closed`: struck off. `carried`: kept on the books, which is never closed.
//!   Taking on and finishing are two figures.
//! - **Rates** in percent of `due`, two decimals, null where nothing was due. The on-time rate divides by all that was due,
//!   what is open and overdue included: whoever never answers can't raise it.
//! - **Median days** are working days: from issue to the newest submission (of all that were ever submitted), and from
//!   issue to acceptance (of all that are accepted or closed now).
//! - **Review** has a clock of its own: working days from a submission to its verdict, by verdict; `beyond_limit` are the
//!   verdicts that took longer than the office allows itself and the submissions that have waited longer by now.

use serde::Serialize;
use std::collections::BTreeMap;

crate::text_enum! {
    /// What the figures are told apart by.
    By { Unit = "unit", Indicator = "indicator", Notice = "notice", Month = "month" }
}

/// Tickets of one group, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub due: i64,
    pub on_time: i64,
    pub late: i64,
    pub open_overdue: i64,
    pub returned: i64,
    pub failed_again: i64,
    pub acknowledged: i64,
    pub closed: i64,
    pub carried: i64,
}

/// How often something took so many working days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<i64, i64>);

/// All that one group comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub counts: Counts,
    pub to_submission: Histogram,
    pub to_acceptance: Histogram,
    /// From submission to verdict.
    pub reviewed: Histogram,
    /// From submission to now, of what waits.
    pub waiting: Histogram,
}

/// The figures of one group. What each means stands with the address.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Figures {
    /// Due in the period, the cancelled left out.
    pub due: i64,
    pub on_time: i64,
    pub late: i64,
    /// Without a complete submission.
    pub unanswered: i64,
    /// The unit's move, and overdue.
    pub open_overdue: i64,
    /// Sent back at least once.
    pub returned: i64,
    /// Of which a look-back failed at least once.
    pub failed_again: i64,
    pub acknowledged: i64,
    /// Struck off.
    pub closed: i64,
    pub carried: i64,
    /// `on_time` of `due`, in percent; null where nothing was due.
    pub on_time_rate: Option<f64>,
    /// `acknowledged` of `due`, in percent.
    pub acknowledgement_rate: Option<f64>,
    /// `closed` of `due`, in percent.
    pub completion_rate: Option<f64>,
    /// `returned` of `due`, in percent.
    pub return_rate: Option<f64>,
    /// Working days from issue to the newest submission.
    pub median_days_to_submission: Option<f64>,
    /// Working days from issue to acceptance, of what is accepted or closed.
    pub median_days_to_acceptance: Option<f64>,
    pub review: Review,
}

/// The office's own clock.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Review {
    /// Verdicts given.
    pub reviewed: i64,
    /// Submissions that wait for one.
    pub waiting: i64,
    /// Working days from submission to verdict.
    pub median_days: Option<f64>,
    /// The working days that a review may take.
    pub limit_days: u16,
    /// Verdicts that took longer, and submissions that have waited longer.
    pub beyond_limit: i64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.due += other.due;
        self.on_time += other.on_time;
        self.late += other.late;
        self.open_overdue += other.open_overdue;
        self.returned += other.returned;
        self.failed_again += other.failed_again;
        self.acknowledged += other.acknowledged;
        self.closed += other.closed;
        self.carried += other.carried;
    }
}

impl Histogram {
    /// So many more took `days`.
    pub fn add(&mut self, days: i64, count: i64) {
        *self.0.entry(days).or_default() += count;
    }

    fn merge(&mut self, other: &Self) {
        for (days, count) in &other.0 {
            self.add(*days, *count);
        }
    }

    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.values().sum()
    }

    /// How many took longer than that.
    #[must_use]
    pub fn beyond(&self, limit: i64) -> i64 {
        self.0.iter().filter(|(days, _)| **days > limit).map(|(_, count)| count).sum()
    }

    /// The middle one, or between the two in the middle; `None` where there is none.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let total = self.total();
        let (low, high) = (self.nth((total - 1).max(0) / 2)?, self.nth(total / 2)?);
        i32::try_from(low + high).ok().map(|both| f64::from(both) / 2.0)
    }

    /// The days of the one at that place, from 0, in ascending order.
    fn nth(&self, place: i64) -> Option<i64> {
        let mut seen = 0;
        self.0.iter().find_map(|(days, count)| {
            seen += count;
            (seen > place).then_some(*days)
        })
    }
}

impl Tally {
    /// This group together with another.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(other.counts);
        self.to_submission.merge(&other.to_submission);
        self.to_acceptance.merge(&other.to_acceptance);
        self.reviewed.merge(&other.reviewed);
        self.waiting.merge(&other.waiting);
    }

    /// What it comes to, where a review may take `limit_days`.
    #[must_use]
    pub fn figures(&self, limit_days: u16) -> Figures {
        let counts = self.counts;
        let rate = |part: i64| percent(part, counts.due);
        let limit = i64::from(limit_days);
        Figures {
            due: counts.due,
            on_time: counts.on_time,
            late: counts.late,
            unanswered: counts.due - counts.on_time - counts.late,
            open_overdue: counts.open_overdue,
            returned: counts.returned,
            failed_again: counts.failed_again,
            acknowledged: counts.acknowledged,
            closed: counts.closed,
            carried: counts.carried,
            on_time_rate: rate(counts.on_time),
            acknowledgement_rate: rate(counts.acknowledged),
            completion_rate: rate(counts.closed),
            return_rate: rate(counts.returned),
            median_days_to_submission: self.to_submission.median(),
            median_days_to_acceptance: self.to_acceptance.median(),
            review: Review {
                reviewed: self.reviewed.total(),
                waiting: self.waiting.total(),
                median_days: self.reviewed.median(),
                limit_days,
                beyond_limit: self.reviewed.beyond(limit) + self.waiting.beyond(limit),
            },
        }
    }
}

/// `part` of `whole` in percent, two decimals, half up; `None` of nothing.
#[must_use]
pub fn percent(part: i64, whole: i64) -> Option<f64> {
    if whole <= 0 {
        return None;
    }
    let hundredths = (part * 20_000 + whole) / (2 * whole);
    i32::try_from(hundredths).ok().map(|hundredths| f64::from(hundredths) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rate_of_nothing_is_none_and_others_have_two_decimals() {
        assert_eq!(percent(0, 0), None);
        assert_eq!(percent(2, 3), Some(66.67));
        assert_eq!(percent(0, 3), Some(0.0));
        assert_eq!(percent(3, 3), Some(100.0));
        let nothing = Tally::default().figures(3);
        assert_eq!((nothing.due, nothing.on_time_rate, nothing.median_days_to_acceptance), (0, None, None));
        assert_eq!((nothing.review.median_days, nothing.review.beyond_limit), (None, 0));
    }

    #[test]
    fn what_is_open_and_overdue_lowers_the_on_time_rate() {
        let counts = Counts { due: 10, on_time: 5, open_overdue: 5, ..Counts::default() };
        let figures = Tally { counts, ..Tally::default() }.figures(3);
        assert_eq!((figures.on_time_rate, figures.unanswered), (Some(50.0), 5));
    }

    #[test]
    fn a_median_lies_in_the_middle() {
        let mut histogram = Histogram::default();
        histogram.add(2, 1);
        assert_eq!(histogram.median(), Some(2.0));
        histogram.add(5, 1);
        assert_eq!(histogram.median(), Some(3.5));
        histogram.add(5, 2);
        assert_eq!((histogram.median(), histogram.beyond(2), histogram.beyond(5)), (Some(5.0), 3, 0));
    }

    proptest! {
        #[test]
        fn a_median_is_that_of_the_sorted_list(mut days in prop::collection::vec(0..300_i64, 0..60)) {
            let mut histogram = Histogram::default();
            for one in &days {
                histogram.add(*one, 1);
            }
            days.sort_unstable();
            let middle = days.len() / 2;
            let naive = match days.len() {
                0 => None,
                len if len % 2 == 1 => Some(days[middle] * 2),
                _ => Some(days[middle - 1] + days[middle]),
            };
            prop_assert_eq!(histogram.median().map(|median| median * 2.0), naive.map(|twice| f64::from(i32::try_from(twice).unwrap())));
        }
    }
}
