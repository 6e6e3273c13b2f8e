//! One connection to either database: how it is opened, and transactions on it that survive a panic.

use crate::store::error::{StoreError, StoreResult};
use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection, TransactionManager};
use diesel::{PgConnection, QueryResult, SqliteConnection};
use std::fmt;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A connection to whichever database the installation uses; the same diesel queries run on both.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Sqlite(SqliteConnection),
    Pg(PgConnection),
}

type Transactions = <Conn as Connection>::TransactionManager;

/// Which database an installation uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// The one that is spoken to.
    #[must_use]
    pub const fn of_conn(conn: &Conn) -> Self {
        match conn {
            Conn::Sqlite(_) => Self::Sqlite,
            Conn::Pg(_) => Self::Postgres,
        }
    }

    /// The database that an address means.
    #[must_use]
    pub fn of(url: &str) -> Self {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") { Self::Postgres } else { Self::Sqlite }
    }
}

/// Where the database is and how many connections PostgreSQL gets from this process.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `sqlite:PATH`, a plain path, or `postgres://user:password@host/name`.
    pub url: String,
    /// Connections to PostgreSQL at most. SQLite doesn't need to be told.
    pub pool: u32,
}

impl DatabaseSettings {
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), pool: 16 }
    }
}

impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        let scheme = self.url.split_once(':').map_or("path", |(scheme, _)| scheme);
        f.debug_struct("DatabaseSettings").field("scheme", &scheme).field("pool", &self.pool).finish()
    }
}

/// A database's address, understood.
#[derive(Clone)]
pub(super) enum Address {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Address {
    pub(super) fn parse(url: &str) -> StoreResult<Self> {
        let unsupported = |text: String| Err(StoreError::Unsupported(text));
        let (scheme, rest) = match url.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
            Some(_) | None => ("sqlite", url),
        };
        match scheme {
            "postgres" | "postgresql" => Ok(Self::Postgres(with_connect_timeout(url))),
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                "" => unsupported("the database's address has no path".to_owned()),
                // Reader and writer are connections of their own, so each would see another memory.
                memory if memory.contains(":memory:") => {
                    unsupported("SQLite needs a file here, :memory: is not supported".to_owned())
                }
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            },
            other => unsupported(format!(
                "unknown database scheme {other:?}; write sqlite:PATH or postgres://user:password@host/name"
            )),
        }
    }
}

fn is_scheme(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// libpq waits for ever unless told otherwise.
fn with_connect_timeout(url: &str) -> String {
    if url.contains("connect_timeout=") {
        return url.to_owned();
    }
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}connect_timeout=5")
}

/// May a connection write?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    ReadWrite,
    ReadOnly,
}

/// FULL, because WAL with NORMAL may lose acknowledged commits when the power fails.
const SQLITE_SESSION: &str = "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
    PRAGMA foreign_keys=ON; PRAGMA cache_size=-32768; PRAGMA journal_size_limit=67108864;";

/// Together five seconds, as long as everybody else waits.
const WAL_TRIES: u32 = 250;
const WAL_PAUSE: Duration = Duration::from_millis(20);

/// A commit that isn't on disk is no commit, so a server-wide `off` is overruled, while a stricter value is kept.
const POSTGRES_SESSION: &str = "SET application_name='rectify'; SET lock_timeout='10s'; \
    SET idle_in_transaction_session_timeout='60s'; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';";

/// A connection outside all pools and transactions, on tables as they are: for migrations and backups.
pub fn connect(settings: &DatabaseSettings) -> StoreResult<Conn> {
    open(&Address::parse(&settings.url)?, Access::ReadWrite)
}

pub(super) fn open(address: &Address, access: Access) -> StoreResult<Conn> {
    match address {
        Address::Sqlite(path) => {
            let mut conn = open_sqlite(path)?;
            begin_session(&mut conn)?;
            if access == Access::ReadOnly {
                conn.batch_execute("PRAGMA query_only=ON")?;
            }
            Ok(Conn::Sqlite(conn))
        }
        Address::Postgres(url) => {
            let mut conn = PgConnection::establish(url)?;
            conn.batch_execute(POSTGRES_SESSION)?;
            Ok(Conn::Pg(conn))
        }
    }
}

/// The first one to turn a new file to WAL needs it alone, and SQLite's busy timeout doesn't hold for the others.
fn begin_session(conn: &mut SqliteConnection) -> StoreResult<()> {
    for _ in 1..WAL_TRIES {
        match conn.batch_execute(SQLITE_SESSION).map_err(StoreError::from) {
            Err(StoreError::Busy) => std::thread::sleep(WAL_PAUSE),
            done => return done,
        }
    }
    Ok(conn.batch_execute(SQLITE_SESSION)?)
}

fn open_sqlite(path: &Path) -> StoreResult<SqliteConnection> {
    let unavailable = |why: &dyn fmt::Display| StoreError::Unavailable(format!("{}: {why}", path.display()));
    // SQLite would create it readable for all; its side files take over the mode. It holds password hashes.
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|fault| unavailable(&fault))?;
    let text = path.to_str().ok_or_else(|| unavailable(&"the path is not UTF-8"))?;
    SqliteConnection::establish(text).map_err(|fault| unavailable(&fault))
}

pub(super) fn depth(conn: &mut Conn) -> QueryResult<u32> {
    Ok(Transactions::transaction_manager_status_mut(conn).transaction_depth()?.map_or(0, std::num::NonZeroU32::get))
}

/// Takes SQLite's write lock at once: a deferred transaction that upgrades later can fail without having waited.
pub(super) fn begin_write(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
        Conn::Pg(c) => AnsiTransactionManager::begin_transaction(c),
    }
}

/// One snapshot for everything the closure reads, so that a list and its count agree.
fn begin_read(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction(c),
        Conn::Pg(c) => {
            AnsiTransactionManager::begin_transaction_sql(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        }
    }
}

/// Commits the outermost transaction.
pub(super) fn commit(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::commit_transaction(c),
        // After a failed statement that the closure passed over, PostgreSQL answers COMMIT with a silent rollback.
        // The SELECT in front turns that into an error, in the same round trip; libpq's state tells diesel the rest.
        Conn::Pg(c) => c.batch_execute("SELECT 1; COMMIT"),
    }
}

/// Undoes the levels above `outside`, whoever left them open.
pub(super) fn roll_back_to(conn: &mut Conn, outside: u32) -> QueryResult<()> {
    while depth(conn)? > outside {
        Transactions::rollback_transaction(conn)?;
    }
    Ok(())
}

/// What came of a closure inside a savepoint.
pub(super) struct Attempt<T, E> {
    /// `Err` is a panic's payload.
    pub(super) result: std::thread::Result<Result<T, E>>,
    /// Is the surrounding transaction still as it was? SQLite drops it whole when, say, the disk is full.
    pub(super) intact: bool,
}

/// Runs `f` in a savepoint and always leaves the depth as it was: diesel's own `transaction` doesn't after a panic, and
/// a later COMMIT would then only release a savepoint and lose what was acknowledged.
pub(super) fn attempt<T, E: From<StoreError>>(
    conn: &mut Conn,
    f: impl FnOnce(&mut Conn) -> Result<T, E>,
) -> Attempt<T, E> {
    let opened = depth(conn).and_then(|outside| Transactions::begin_transaction(conn).map(|()| outside));
    let outside = match opened {
        Ok(outside) => outside,
        Err(error) => return Attempt { result: Ok(Err(StoreError::from(error).into())), intact: false },
    };
    let mut result = catch_unwind(AssertUnwindSafe(|| f(conn)));
    if matches!(result, Ok(Ok(_))) {
        let released = depth(conn).and_then(|now| {
            if now == outside + 1 {
                Transactions::commit_transaction(conn)
            } else {
                Err(diesel::result::Error::BrokenTransactionManager)
            }
        });
        if let Err(error) = released {
            result = Ok(Err(StoreError::from(error).into()));
        }
    }
    let undone = roll_back_to(conn, outside);
    let intact = undone.is_ok() && depth(conn).is_ok_and(|now| now == outside);
    Attempt { result, intact }
}

/// A part of a write that may fail alone: on `Err` its changes are undone and the write goes on. On PostgreSQL a
/// statement that may fail (a UNIQUE, say) must stand in one, else the whole transaction is lost.
pub fn savepoint<T, E: From<StoreError>>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
    attempt(conn, f).result.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Runs `f` in a transaction of its own: commit on `Ok`, undo on `Err` and on panic.
pub(super) fn write_alone<T, E: From<StoreError>>(
    conn: &mut Conn,
    f: impl FnOnce(&mut Conn) -> Result<T, E>,
) -> Result<T, E> {
    begin_write(conn).map_err(StoreError::from)?;
    let mut result = shielded(|| f(conn));
    if result.is_ok()
        && let Err(error) = commit(conn)
    {
        result = Err(StoreError::from(error).into());
    }
    // A connection on which even this fails is thrown away by its owner.
    if let Err(error) = roll_back_to(conn, 0) {
        tracing::warn!(%error, "rolling back failed");
    }
    result
}

/// Runs `f` on one snapshot.
pub(super) fn read_alone<T, E: From<StoreError>>(
    conn: &mut Conn,
    f: impl FnOnce(&mut Conn) -> Result<T, E>,
) -> Result<T, E> {
    begin_read(conn).map_err(StoreError::from)?;
    let result = shielded(|| f(conn));
    if let Err(error) = roll_back_to(conn, 0) {
        tracing::warn!(%error, "ending a read failed");
    }
    result
}

fn shielded<T, E: From<StoreError>>(f: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into()))
}

pub(super) fn panicked(payload: &(dyn std::any::Any + Send)) -> StoreError {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    StoreError::Panicked(text.unwrap_or("no message").to_owned())
}
