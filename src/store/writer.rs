//! SQLite's one writer: a thread that owns the connection and commits everything that waits together, so that many
//! requests share one fsync. Each job sits in a savepoint of its own and is answered after the COMMIT.

use crate::store::connection::{Access, Address, Conn, attempt, begin_write, commit, depth, open, panicked};
use crate::store::error::{StoreError, StoreResult};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Jobs that may wait; one more is told that the database is busy.
const QUEUE: usize = 1024;
/// One slow job must not delay everybody: the batch is committed after this many jobs or this long.
const BATCH_JOBS: usize = 256;
const BATCH_TIME: Duration = Duration::from_millis(20);

/// Called after the COMMIT with its outcome.
type Answer = Box<dyn FnOnce(StoreResult<()>) + Send>;
/// Called with the connection, or with the reason why there is none.
type Job = Box<dyn FnOnce(StoreResult<&mut Conn>) -> Ran + Send>;

/// A job that has run and waits for the COMMIT.
struct Ran {
    answer: Answer,
    /// Is the batch's transaction still what it was?
    intact: bool,
}

pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// `conn` is open for writing and migrated.
    pub(super) fn start(address: Address, conn: Conn) -> StoreResult<Self> {
        let (jobs, waiting) = sync_channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&commits);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || Desk { address, conn: Some(conn), commits: counted }.serve(&waiting))
            .map_err(|fault| StoreError::Unavailable(fault.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), commits })
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Queues `f` and waits for its answer; refused when the queue is full.
    pub(super) async fn run<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (tell, told) = tokio::sync::oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.try_send(job(f, move |answer| drop(tell.send(answer)))).map_err(|refused| match refused {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => gone(),
        })?;
        told.await.unwrap_or_else(|_| Err(gone().into()))
    }

    /// As `run` for a thread that may block: it waits its turn instead of being refused.
    pub(super) fn run_now<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (tell, told) = sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        // The refused job is of no use to anybody.
        jobs.send(job(f, move |answer| drop(tell.send(answer)))).ok().ok_or_else(gone)?;
        told.recv().unwrap_or_else(|_| Err(gone().into()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        // What waits is still written, then SQLite folds the log into the file. A job may hold the last handle: then
        // this is the writer's own thread, which can't wait for itself.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the writer's thread ended in a panic");
        }
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the writer has stopped".to_owned())
}

fn job<T, E, F>(f: F, tell: impl FnOnce(Result<T, E>) + Send + 'static) -> Job
where
    F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    Box::new(move |conn| {
        let (result, intact) = match conn {
            Ok(conn) => {
                let attempt = attempt(conn, f);
                (attempt.result.unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into())), attempt.intact)
            }
            Err(refused) => (Err(refused.into()), true),
        };
        Ran { answer: Box::new(move |kept| tell(result.and_then(|value| Ok(kept.map(|()| value)?)))), intact }
    })
}

/// The thread's own things.
struct Desk {
    address: Address,
    /// `None` after a fault: the next batch opens another.
    conn: Option<Conn>,
    commits: Arc<AtomicU64>,
}

impl Desk {
    fn serve(mut self, waiting: &Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            let mut answers = Vec::new();
            let kept = self.batch(first, waiting, &mut answers);
            if let Err(error) = &kept {
                tracing::error!(%error, jobs = answers.len(), "a batch of writes was not kept");
                self.conn = None;
            }
            for answer in answers {
                answer(match &kept {
                    Ok(()) => Ok(()),
                    Err(error) => Err(error.retold()),
                });
            }
        }
    }

    /// One transaction of all that wait. Every job it took has its answer in `answers`.
    fn batch(&mut self, first: Job, waiting: &Receiver<Job>, answers: &mut Vec<Answer>) -> StoreResult<()> {
        let conn = match self.begin() {
            Ok(conn) => conn,
            Err(error) => {
                // Each would wait for the lock as long as the first did, one after the other.
                let others = waiting.try_iter().take(BATCH_JOBS - 1);
                answers.extend(std::iter::once(first).chain(others).map(|job| job(Err(error.retold())).answer));
                return Err(error);
            }
        };
        let started = Instant::now();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            let ran = job(Ok(&mut *conn));
            answers.push(ran.answer);
            if !ran.intact || !depth(conn).is_ok_and(|levels| levels == 1) {
                return Err(StoreError::Unavailable("the transaction was lost".to_owned()));
            }
            if answers.len() < BATCH_JOBS && started.elapsed() < BATCH_TIME {
                next = waiting.try_recv().ok();
            }
        }
        commit(conn)?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn begin(&mut self) -> StoreResult<&mut Conn> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => open(&self.address, Access::ReadWrite)?,
        };
        let conn = self.conn.insert(conn);
        begin_write(conn)?;
        Ok(conn)
    }
}
