//! Brings the tables to this binary's version. For opening a database, and for the suite's "up, down, up".

use crate::store::connection::{Conn, begin_write, commit, roll_back_to};
use crate::store::error::{StoreError, StoreResult};
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::error::Error;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Runs what is missing and gives its number. Refuses a database that a newer binary has migrated.
pub fn up(conn: &mut Conn) -> StoreResult<usize> {
    alone(conn, |conn| {
        refuse_newer(conn)?;
        Ok(crate::native!(conn, c => {
            let pending = c.pending_migrations(source(c))?;
            c.run_migrations(&pending)?.len()
        }))
    })
}

/// Takes back every migration, newest first. Everything is gone after it.
pub fn down_all(conn: &mut Conn) -> StoreResult<usize> {
    alone(conn, |conn| {
        refuse_newer(conn)?;
        Ok(crate::native!(conn, c => c.revert_all_migrations(source(c))?.len()))
    })
}

/// The migrations written for this connection's database.
trait Migrations {
    const SOURCE: EmbeddedMigrations;
}
impl Migrations for diesel::SqliteConnection {
    const SOURCE: EmbeddedMigrations = SQLITE;
}
impl Migrations for diesel::PgConnection {
    const SOURCE: EmbeddedMigrations = POSTGRES;
}
fn source<C: Migrations>(_: &C) -> EmbeddedMigrations {
    C::SOURCE
}

fn refuse_newer(conn: &mut Conn) -> Outcome<()> {
    let (applied, known): (Vec<MigrationVersion<'static>>, Vec<MigrationVersion<'static>>) = match conn {
        Conn::Sqlite(c) => (c.applied_migrations()?, versions::<diesel::sqlite::Sqlite>(&SQLITE)?),
        Conn::Pg(c) => (c.applied_migrations()?, versions::<diesel::pg::Pg>(&POSTGRES)?),
    };
    match applied.into_iter().find(|version| !known.contains(version)) {
        Some(version) => {
            Err(format!("it was migrated by a newer version ({version}); start that one, or restore a backup").into())
        }
        None => Ok(()),
    }
}

fn versions<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Outcome<Vec<MigrationVersion<'static>>> {
    let migrations: Vec<Box<dyn Migration<DB>>> = source.migrations()?;
    Ok(migrations.iter().map(|migration| migration.name().version().as_owned()).collect())
}

/// Any number: it only has to be the same in every process that shares the database.
const LOCK: &str = "SELECT pg_advisory_lock(7210001)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(7210001)";

/// Several processes may start at once: one migrates, the others wait and find nothing to do.
fn alone<T>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Outcome<T>) -> StoreResult<T> {
    let failed = |error: Box<dyn Error + Send + Sync>| StoreError::Migration(error.to_string());
    match conn {
        Conn::Sqlite(_) => {
            begin_write(conn)?;
            let done = f(conn).and_then(|value| Ok(commit(conn).map(|()| value)?));
            roll_back_to(conn, 0)?;
            done.map_err(failed)
        }
        Conn::Pg(_) => {
            // Waiting for another process that migrates may take longer than a statement's share.
            conn.batch_execute("SET lock_timeout=0")?;
            conn.batch_execute(LOCK)?;
            let done = f(conn);
            conn.batch_execute(UNLOCK)?;
            conn.batch_execute("SET lock_timeout='10s'")?;
            done.map_err(failed)
        }
    }
}
