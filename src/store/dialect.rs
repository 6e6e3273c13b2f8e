//! Where SQLite and PostgreSQL differ: the few statements that the shared dialect can't say. For the store only.

use crate::domain::instant::Instant;
use crate::store::columns::Moment;
use crate::store::connection::{Conn, MultiBackend};
use chrono::{Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;
use diesel::backend::Backend;
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sqlite::Sqlite;
use diesel::{PgConnection, QueryResult, RunQueryDsl, SqliteConnection};

/// A statement that both databases know but the shared dialect doesn't (`ON CONFLICT …`): each renders it itself.
///
/// `Both(insert_into(t).values(v).on_conflict(t::id).do_nothing()).execute(conn)`, also with `.returning(t::all_columns)`.
#[derive(Debug, Clone, Copy)]
pub struct Both<T>(pub T);

impl<T: QueryId> QueryId for Both<T> {
    type QueryId = T::QueryId;
    const HAS_STATIC_QUERY_ID: bool = T::HAS_STATIC_QUERY_ID;
}

impl<T> QueryFragment<MultiBackend> for Both<T>
where
    T: QueryFragment<Sqlite> + QueryFragment<Pg>,
{
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(&self.0, pass)
    }
}

impl<T: Query> Query for Both<T> {
    type SqlType = T::SqlType;
}

impl<T> RunQueryDsl<Conn> for Both<T> {}

/// An UPDATE that always reads the same and is asked often: `native!(conn, c => Kept(update(t).set(…)).execute(c))`. Its SQL
/// is parsed once for each connection; diesel takes every UPDATE for one of endlessly many, and parses it each time. Not
/// for one with an IN list or a boxed part, of which there are many: each would be kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept<T>(pub T);

impl<T> QueryId for Kept<T> {
    type QueryId = ();
    // It is known by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<B: Backend, T: QueryFragment<B>> QueryFragment<B> for Kept<T> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, B>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _: &B) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<T> RunQueryDsl<SqliteConnection> for Kept<T> {}
impl<T> RunQueryDsl<PgConnection> for Kept<T> {}

/// The same expression on whichever connection it is: `native!(conn, c => query.execute(c))`. A statement that is spelled
/// so, and has no boxed part, is known by its type: its SQL is written and parsed once for each connection, where one on
/// `Conn` itself is written anew each time. What every request asks is spelled so.
#[macro_export]
macro_rules! native {
    ($conn:expr, $c:ident => $body:expr) => {
        match $conn {
            $crate::store::Conn::Sqlite($c) => $body,
            $crate::store::Conn::Pg($c) => $body,
        }
    };
}

/// Loads with PostgreSQL's row locks, of the kind that an UPDATE takes: who only refers to a row by its key doesn't wait.
/// SQLite's one writer needs none. The query is spelled once and typed for each:
/// `locked!(conn, first: query)?`, and `locked!(conn, load passing_over: query)?` for rows that others hold.
#[macro_export]
macro_rules! locked {
    ($conn:expr, $load:ident: $query:expr) => {
        match $conn {
            $crate::store::Conn::Sqlite(c) => diesel::RunQueryDsl::$load($query, c),
            $crate::store::Conn::Pg(c) => diesel::RunQueryDsl::$load($query.for_no_key_update(), c),
        }
    };
    ($conn:expr, $load:ident passing_over: $query:expr) => {
        match $conn {
            $crate::store::Conn::Sqlite(c) => diesel::RunQueryDsl::$load($query, c),
            $crate::store::Conn::Pg(c) => diesel::RunQueryDsl::$load($query.for_no_key_update().skip_locked(), c),
        }
    };
}

/// The clock that leases are measured by: PostgreSQL's own, so that servers whose clocks differ agree; SQLite has one
/// machine, and takes its time.
pub fn lease_clock(conn: &mut Conn, machine_now: Instant) -> QueryResult<Instant> {
    match conn {
        Conn::Sqlite(_) => Ok(machine_now),
        Conn::Pg(c) => diesel::select(sql::<Moment>("clock_timestamp()")).get_result(c),
    }
}

/// Loads the rows whose column is one of some values: `load_of!(conn, units::id => ids, query)`. A statement with an IN
/// list is parsed anew each time, and the one for a single value once.
#[macro_export]
macro_rules! load_of {
    ($conn:expr, $column:expr => $values:expr, $query:expr) => {
        match $values {
            [only] => $crate::native!($conn, c => diesel::RunQueryDsl::load($query.filter($column.eq(*only)), c)),
            values => diesel::RunQueryDsl::load($query.filter($column.eq_any(values.to_vec())), $conn),
        }
    };
}

/// The local day on which a column's moment lies, as SQL of the type `date`: databases know no zones as we do, so the hours
/// between the zone and UTC are told to them. The column holds moments of that span; its bounds come from our own rows.
pub fn local_day(conn: &Conn, column: &str, zone: Tz, (since, until): (Instant, Instant)) -> String {
    let shifts = shifts(zone, since, until);
    match conn {
        Conn::Sqlite(_) => {
            let seconds = by_span(column, &shifts, |at| at.micros().to_string());
            format!("date({column} / 1000000 + {seconds}, 'unixepoch')")
        }
        Conn::Pg(_) => {
            let seconds = by_span(column, &shifts, |at| format!("'{at}'::timestamptz"));
            format!("(({column} + {seconds} * interval '1 second') AT TIME ZONE 'UTC')::date")
        }
    }
}

/// Seconds east of UTC, each with the moment until which it holds; the last holds for ever.
fn shifts(zone: Tz, since: Instant, until: Instant) -> Vec<(Instant, i32)> {
    let east = |at: Instant| zone.offset_from_utc_datetime(&at.utc().naive_utc()).fix().local_minus_utc();
    let mut found = Vec::new();
    let mut at = since;
    while at < until {
        let next = at.plus(TimeDelta::days(1));
        if next <= at {
            break;
        }
        if east(next) != east(at) {
            let (mut before, mut after) = (at, next);
            while after.micros() - before.micros() > 1_000_000 {
                let middle = before.plus(TimeDelta::microseconds((after.micros() - before.micros()) / 2));
                if east(middle) == east(at) { before = middle } else { after = middle }
            }
            // Zones change their clocks at whole seconds.
            let whole = after.micros().div_euclid(1_000_000) * 1_000_000;
            found.push((Instant::from_micros(whole).unwrap_or(after), east(at)));
        }
        at = next;
    }
    found.push((until, east(at)));
    found
}

fn by_span(column: &str, shifts: &[(Instant, i32)], literal: impl Fn(Instant) -> String) -> String {
    let Some(((_, last), before)) = shifts.split_last() else { return "0".to_owned() };
    if before.is_empty() {
        return format!("({last})");
    }
    let spans = before.iter().map(|(until, east)| format!("WHEN {column} < {} THEN {east} ", literal(*until)));
    format!("(CASE {}ELSE {last} END)", spans.collect::<String>())
}

/// Rows of one INSERT: PostgreSQL takes 65,535 binds, so this leaves room for 65 columns.
pub const ROWS_PER_INSERT: usize = 1000;

/// Inserts a slice of rows and gives their number: `insert_all!(conn, units::table, &rows)?`.
#[macro_export]
macro_rules! insert_all {
    ($conn:expr, $table:expr, $rows:expr) => {{
        let conn: &mut $crate::store::Conn = $conn;
        $rows.chunks($crate::store::dialect::ROWS_PER_INSERT).try_fold(0_usize, |done, part| {
            $crate::native!(&mut *conn, c => diesel::RunQueryDsl::execute(diesel::insert_into($table).values(part), c))
                .map(|more| done + more)
        })
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zones_shifts_are_found_to_the_second() {
        let at = |text: &str| text.parse::<Instant>().unwrap();
        let told = |zone: Tz, from: &str, to: &str| {
            let found = shifts(zone, at(from), at(to));
            found.iter().map(|(until, east)| format!("{until} {east}")).collect::<Vec<_>>()
        };
        assert_eq!(
            told(Tz::Asia__Shanghai, "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"),
            ["2021-01-01T00:00:00Z 28800"]
        );
        assert_eq!(
            told(Tz::Europe__Berlin, "2021-01-01T12:34:56.789Z", "2021-12-31T00:00:00Z"),
            ["2021-03-28T01:00:00Z 3600", "2021-10-31T01:00:00Z 7200", "2021-12-31T00:00:00Z 3600"]
        );
    }
}
