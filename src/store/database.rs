//! The handle that the rest of the program holds: reads and writes, for async handlers and for plain threads.

use crate::store::connection::{Access, Address, Backend, Conn, DatabaseSettings, open, read_alone, write_alone};
use crate::store::error::{StoreError, StoreResult};
use crate::store::migrate;
use crate::store::pool::Pool;
use crate::store::writer::Writer;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// SQLite reads that run side by side.
const SQLITE_READERS: u32 = 4;
/// Async calls that may wait or work at once. Tokio's own queue for blocking work has no bound, and under overload it
/// fills with work whose callers left long ago.
const ADMITTED: usize = 256;

/// An open database, migrated. Clones share it.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    rooms: Rooms,
    admitted: Arc<Semaphore>,
    /// As many as there are connections, so that no thread only waits for one.
    working: Arc<Semaphore>,
}

enum Rooms {
    Sqlite { writer: Writer, readers: Pool },
    Postgres(Pool),
}

impl Db {
    /// Opens the database and migrates it. Blocks.
    pub fn open(settings: &DatabaseSettings) -> StoreResult<Self> {
        let address = Address::parse(&settings.url)?;
        let mut first = open(&address, Access::ReadWrite)?;
        migrate::up(&mut first)?;
        let (rooms, connections) = match &address {
            Address::Sqlite(_) => {
                let readers = Pool::new(address.clone(), Access::ReadOnly, SQLITE_READERS);
                (Rooms::Sqlite { writer: Writer::start(address, first)?, readers }, SQLITE_READERS)
            }
            Address::Postgres(_) => {
                (Rooms::Postgres(Pool::new(address, Access::ReadWrite, settings.pool)), settings.pool.max(1))
            }
        };
        let connections = usize::try_from(connections).unwrap_or(ADMITTED);
        Ok(Self(Arc::new(Inner {
            rooms,
            admitted: Arc::new(Semaphore::new(ADMITTED)),
            working: Arc::new(Semaphore::new(connections)),
        })))
    }

    pub fn backend(&self) -> Backend {
        match &self.0.rooms {
            Rooms::Sqlite { .. } => Backend::Sqlite,
            Rooms::Postgres(_) => Backend::Postgres,
        }
    }

    /// Commits of SQLite's writer so far, for metrics: jobs over commits is how well they group.
    pub fn grouped_commits(&self) -> Option<u64> {
        match &self.0.rooms {
            Rooms::Sqlite { writer, .. } => Some(writer.commits()),
            Rooms::Postgres(_) => None,
        }
    }

    /// Runs `f` in a transaction and answers after the commit; `Err` and panics undo it. `f` should do nothing but SQL:
    /// on SQLite all writers wait for it. It runs to its end even if the caller stops waiting.
    pub async fn write<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &self.0.rooms {
            Rooms::Sqlite { writer, .. } => writer.run(f).await,
            Rooms::Postgres(_) => self.on_a_thread(move |db| db.write_now(f)).await,
        }
    }

    /// As [`Db::write`] for a thread that may block; it waits its turn instead of being told `Busy`.
    pub fn write_now<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &self.0.rooms {
            Rooms::Sqlite { writer, .. } => writer.run_now(f),
            Rooms::Postgres(pool) => pool.with(|conn| write_alone(conn, f)),
        }
    }

    /// Runs `f` on one snapshot of what is committed. Writing in it fails.
    pub async fn read<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.on_a_thread(move |db| db.read_now(f)).await
    }

    /// As [`Db::read`] for a thread that may block.
    pub fn read_now<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E>,
        E: From<StoreError>,
    {
        match &self.0.rooms {
            Rooms::Sqlite { readers: pool, .. } | Rooms::Postgres(pool) => pool.with(|conn| read_alone(conn, f)),
        }
    }

    async fn on_a_thread<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&Self) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let admitted = Arc::clone(&self.0.admitted).try_acquire_owned().ok().ok_or(StoreError::Busy)?;
        let turn = Arc::clone(&self.0.working).acquire_owned().await.ok().ok_or(StoreError::Busy)?;
        let db = self.clone();
        // The permits go with the work, which can't be cancelled once it runs.
        let work = tokio::task::spawn_blocking(move || {
            let result = f(&db);
            drop((turn, admitted));
            result
        });
        work.await.unwrap_or_else(|fault| Err(StoreError::Panicked(fault.to_string()).into()))
    }
}
