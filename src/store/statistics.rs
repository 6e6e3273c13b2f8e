//! Statistics as the databases count them: a row for each group, and for each pair of days between which something took
//! its time, however many tickets there are.

use crate::domain::id::{FindingId, NoticeId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::statistics::Counts;
use crate::domain::vocabulary::State;
use crate::store::dialect::local_day;
use crate::store::schema::{feedback, feedback_items, tickets};
use crate::store::{Conn, Moment, StoreResult, Uid};
use chrono::NaiveDate;
use chrono_tz::Tz;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Date, Nullable};

/// Which tickets are looked at, and when.
#[derive(Debug, Clone, Copy)]
pub struct Period {
    /// First and last due date.
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub now: Instant,
    pub zone: Tz,
}

/// What tickets are grouped by: what the row itself holds. Indicators are their findings', months those of due dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    Unit,
    Finding,
    Notice,
    DueOn,
}

/// A group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Unit(UnitId),
    Finding(FindingId),
    Notice(NoticeId),
    DueOn(NaiveDate),
}

/// What takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// From issue to the newest submission.
    ToSubmission,
    /// From issue to acceptance, of what is accepted or closed.
    ToAcceptance,
    /// From a submission to its verdict.
    Reviewed,
    /// From the submission that waits to now.
    Waiting,
}

/// How often something took from one day to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    pub key: Key,
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub count: i64,
}

impl Grouping {
    const fn column(self) -> &'static str {
        match self {
            Self::Unit => "tickets.unit_id",
            Self::Finding => "tickets.finding_id",
            Self::Notice => "tickets.notice_id",
            Self::DueOn => "tickets.due_on",
        }
    }
}

/// The same statement for each kind of key: `by!(grouping, run!(column))`, where `run!` gets the key's types before it.
macro_rules! by {
    ($grouping:expr, $run:ident!($($given:tt)*)) => {
        match $grouping {
            Grouping::Unit => $run!(Uid, UnitId, Key::Unit, $($given)*),
            Grouping::Finding => $run!(Uid, FindingId, Key::Finding, $($given)*),
            Grouping::Notice => $run!(Uid, NoticeId, Key::Notice, $($given)*),
            Grouping::DueOn => $run!(Date, NaiveDate, Key::DueOn, $($given)*),
        }
    };
}

const COUNTED: &str = "COUNT(*), \
    SUM(CASE WHEN tickets.on_time THEN 1 ELSE 0 END), \
    SUM(CASE WHEN NOT tickets.on_time THEN 1 ELSE 0 END), \
    SUM(CASE WHEN tickets.cycle > 1 THEN 1 ELSE 0 END), \
    SUM(CASE WHEN tickets.failed_again > 0 THEN 1 ELSE 0 END), \
    SUM(CASE WHEN tickets.state <> 'issued' THEN 1 ELSE 0 END), \
    SUM(CASE WHEN tickets.state = 'closed' THEN 1 ELSE 0 END), \
    SUM(CASE WHEN tickets.state = 'carried' THEN 1 ELSE 0 END), \
    SUM(CASE WHEN tickets.unit_due_at <= ";

type Row<K> = (K, i64, i64, i64, i64, i64, i64, i64, i64, i64);

/// The counts of each group.
pub fn counts(conn: &mut Conn, grouping: Grouping, period: Period) -> StoreResult<Vec<(Key, Counts)>> {
    macro_rules! run {
        ($sql:ty, $key:ty, $variant:path, $column:expr) => {{
            let column: &str = $column;
            let rows: Vec<Row<$key>> = tickets::table
                .filter(tickets::due_on.between(period.from, period.to))
                .filter(tickets::state.ne(State::Cancelled))
                .group_by(sql::<$sql>(column))
                .select(
                    sql::<($sql, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt)>(&format!(
                        "{column}, {COUNTED}"
                    ))
                    .bind::<Moment, _>(period.now)
                    .sql(" THEN 1 ELSE 0 END)"),
                )
                .load(conn)?;
            Ok(rows.into_iter().map(|row| counted(row, $variant)).collect())
        }};
    }
    by!(grouping, run!(grouping.column()))
}

fn counted<K>(row: Row<K>, key: impl Fn(K) -> Key) -> (Key, Counts) {
    let (group, due, on_time, late, returned, failed_again, acknowledged, closed, carried, open_overdue) = row;
    let counts = Counts { due, on_time, late, open_overdue, returned, failed_again, acknowledged, closed, carried };
    (key(group), counts)
}

/// Between which days something took its time, and how often.
pub fn stretches(conn: &mut Conn, grouping: Grouping, stretch: Stretch, period: Period) -> StoreResult<Vec<Days>> {
    let since = tickets::table
        .filter(tickets::due_on.between(period.from, period.to))
        .select(diesel::dsl::min(tickets::issued_at))
        .first::<Option<Instant>>(conn)?;
    let since = since.unwrap_or(period.now);
    let day = |conn: &Conn, column: &str| local_day(conn, column, period.zone, (since, period.now));
    let (from, to) = match stretch {
        Stretch::ToSubmission => ("tickets.issued_at", Some("tickets.submitted_at")),
        Stretch::ToAcceptance => ("tickets.issued_at", Some("tickets.accepted_at")),
        Stretch::Reviewed => ("feedback.submitted_at", Some("feedback_items.decided_at")),
        Stretch::Waiting => ("tickets.submitted_at", None),
    };
    let from = day(conn, from);
    // What still waits has waited up to today: the same day for all.
    let to = to.map_or_else(|| from.clone(), |column| day(conn, column));
    let today = crate::domain::calendar::local_date(period.zone, period.now);
    let rows = match stretch {
        Stretch::Reviewed => of_letters(conn, grouping, (&from, &to), period)?,
        Stretch::ToSubmission | Stretch::ToAcceptance | Stretch::Waiting => {
            of_tickets(conn, grouping, (&from, &to), stretch, period)?
        }
    };
    let until = |to: NaiveDate| if stretch == Stretch::Waiting { today } else { to };
    Ok(rows.into_iter().map(|row| Days { to: until(row.to), ..row }).collect())
}

fn of_tickets(
    conn: &mut Conn,
    grouping: Grouping,
    (from, to): (&str, &str),
    stretch: Stretch,
    period: Period,
) -> StoreResult<Vec<Days>> {
    let states = match stretch {
        Stretch::ToAcceptance => vec![State::Accepted, State::Closed],
        Stretch::Waiting => vec![State::Submitted],
        Stretch::ToSubmission | Stretch::Reviewed => {
            State::ALL.iter().copied().filter(|state| *state != State::Cancelled).collect()
        }
    };
    macro_rules! run {
        ($sql:ty, $key:ty, $variant:path, $column:expr) => {{
            let column: &str = $column;
            let rows: Vec<($key, Option<NaiveDate>, Option<NaiveDate>, i64)> = tickets::table
                .filter(tickets::due_on.between(period.from, period.to))
                .filter(tickets::state.eq_any(states))
                .filter(tickets::submitted_at.is_not_null())
                .group_by(sql::<$sql>(&format!("{column}, {from}, {to}")))
                .select(sql::<($sql, Nullable<Date>, Nullable<Date>, BigInt)>(&format!(
                    "{column}, {from}, {to}, COUNT(*)"
                )))
                .load(conn)?;
            Ok(days(rows, $variant))
        }};
    }
    by!(grouping, run!(grouping.column()))
}

fn of_letters(conn: &mut Conn, grouping: Grouping, (from, to): (&str, &str), period: Period) -> StoreResult<Vec<Days>> {
    macro_rules! run {
        ($sql:ty, $key:ty, $variant:path, $column:expr) => {{
            let column: &str = $column;
            let rows: Vec<($key, Option<NaiveDate>, Option<NaiveDate>, i64)> = tickets::table
                .inner_join(feedback_items::table.on(feedback_items::ticket_id.eq(tickets::id)))
                .inner_join(feedback::table.on(feedback::id.eq(feedback_items::feedback_id)))
                .filter(tickets::due_on.between(period.from, period.to))
                .filter(tickets::state.ne(State::Cancelled))
                .filter(feedback_items::decided_at.is_not_null())
                .group_by(sql::<$sql>(&format!("{column}, {from}, {to}")))
                .select(sql::<($sql, Nullable<Date>, Nullable<Date>, BigInt)>(&format!(
                    "{column}, {from}, {to}, COUNT(*)"
                )))
                .load(conn)?;
            Ok(days(rows, $variant))
        }};
    }
    by!(grouping, run!(grouping.column()))
}

fn days<K>(rows: Vec<(K, Option<NaiveDate>, Option<NaiveDate>, i64)>, key: impl Fn(K) -> Key) -> Vec<Days> {
    let whole = rows.into_iter().filter_map(|(group, from, to, count)| Some((group, from?, to?, count)));
    whole.map(|(group, from, to, count)| Days { key: key(group), from, to, count }).collect()
}
