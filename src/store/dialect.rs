//! Where SQLite and PostgreSQL differ: the few statements that the shared dialect can't say. For the store only.

use crate::domain::instant::Instant;
use crate::store::columns::Moment;
use crate::store::connection::{Conn, MultiBackend};
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

/// Loads with PostgreSQL's row locks; SQLite's one writer needs none. The query is spelled once and typed for each:
/// `locked!(conn, first: query)?`, and `locked!(conn, load passing_over: query)?` for rows that others hold.
#[macro_export]
macro_rules! locked {
    ($conn:expr, $load:ident: $query:expr) => {
        match $conn {
            $crate::store::Conn::Sqlite(c) => diesel::RunQueryDsl::$load($query, c),
            $crate::store::Conn::Pg(c) => diesel::RunQueryDsl::$load($query.for_update(), c),
        }
    };
    ($conn:expr, $load:ident passing_over: $query:expr) => {
        match $conn {
            $crate::store::Conn::Sqlite(c) => diesel::RunQueryDsl::$load($query, c),
            $crate::store::Conn::Pg(c) => diesel::RunQueryDsl::$load($query.for_update().skip_locked(), c),
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
