//! What every transaction is opened with: the connection, one `now`, ids, the office and its rules.
//! `World` is the installation in this process; `Tx` changes it, `Read` looks at it.

use crate::clock::{Clock, Ids};
use crate::domain::instant::Instant;
use crate::domain::office::Office;
use crate::domain::refusal::Refusal;
use crate::domain::reminder::Rule;
use crate::domain::upload::FileLimits;
use crate::store::{Backend, Conn, Db, StoreError, reference, savepoint};
use chrono::NaiveDate;
use std::sync::{Arc, RwLock};
use tokio::sync::Notify;
use uuid::Uuid;

/// Why a transaction was rolled back: a rule said no, or the database did.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Failure {
    /// Something of ours that can't be, and nobody outside can help.
    #[must_use]
    pub fn broken(why: impl Into<String>) -> Self {
        StoreError::Unsupported(why.into()).into()
    }

    /// Something that is kept elsewhere than in the database can't be reached, or there is no room for it.
    #[must_use]
    pub fn unavailable(why: impl Into<String>) -> Self {
        StoreError::Unavailable(why.into()).into()
    }
}

pub type Outcome<T> = Result<T, Failure>;

/// The installation as this process knows it. Cheap to clone.
#[derive(Clone)]
pub struct World {
    pub db: Db,
    pub clock: Clock,
    pub ids: Ids,
    /// Domain of Message-IDs.
    pub mail_domain: Arc<str>,
    /// Address of the pages, without a slash at the end.
    pub base_url: Arc<str>,
    /// Rung after a commit that queued mail, so that the courier needn't wait for its next look.
    pub mail_bell: Arc<Notify>,
    file_limits: FileLimits,
    office: Arc<Office>,
    reference: Arc<RwLock<Arc<Reference>>>,
}

/// Calendar and rules, kept between transactions while their version stands.
struct Reference {
    version: i64,
    office: Arc<Office>,
    rules: Arc<[Rule]>,
}

/// One transaction that may change things.
pub struct Tx<'a> {
    pub conn: &'a mut Conn,
    pub now: Instant,
    pub machine_now: Instant,
    pub office: Arc<Office>,
    pub rules: Arc<[Rule]>,
    pub file_limits: FileLimits,
    /// Was mail queued?
    pub has_mail: bool,
    /// Does this transaction itself change calendar or rules?
    has_reference: bool,
    ids: &'a Ids,
}

/// One consistent look.
pub struct Read<'a> {
    pub conn: &'a mut Conn,
    pub now: Instant,
    pub machine_now: Instant,
    pub office: Arc<Office>,
    pub rules: Arc<[Rule]>,
    pub file_limits: FileLimits,
}

/// An answer on its way out of a savepoint that is not kept.
struct Rehearsed<T>(Outcome<T>);

impl<T> From<StoreError> for Rehearsed<T> {
    fn from(error: StoreError) -> Self {
        Self(Err(error.into()))
    }
}

impl Tx<'_> {
    /// A new id, in the order of creation.
    pub fn id<T: From<Uuid>>(&self) -> T {
        T::from(self.ids.uuid(self.now))
    }

    /// The same transaction for a query.
    pub fn read(&mut self) -> Read<'_> {
        Read {
            conn: self.conn,
            now: self.now,
            machine_now: self.machine_now,
            office: Arc::clone(&self.office),
            rules: Arc::clone(&self.rules),
            file_limits: self.file_limits,
        }
    }

    /// Does `f`, keeps its answer and takes its changes back: what a dry run tells is what a run would do.
    pub fn rehearse<T>(&mut self, f: impl FnOnce(&mut Tx<'_>) -> Outcome<T>) -> Outcome<T> {
        let (now, machine_now, ids) = (self.now, self.machine_now, self.ids);
        let (office, rules, file_limits) = (Arc::clone(&self.office), Arc::clone(&self.rules), self.file_limits);
        let taken_back: Result<std::convert::Infallible, Rehearsed<T>> = savepoint(self.conn, move |conn| {
            Err(Rehearsed(f(&mut Tx {
                conn,
                now,
                machine_now,
                office,
                rules,
                file_limits,
                has_mail: false,
                has_reference: false,
                ids,
            })))
        });
        match taken_back {
            Ok(never) => match never {},
            Err(Rehearsed(answer)) => answer,
        }
    }

    /// Calendar or rules have changed: every process reads them anew.
    pub fn raise_reference(&mut self) -> Outcome<()> {
        self.has_reference = true;
        Ok(reference::raise_version(self.conn)?)
    }

    #[must_use]
    pub fn rule(&self, code: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.code == code)
    }
}

impl World {
    /// `office` carries the settings; its calendar is replaced by the stored one.
    ///
    /// # Errors
    /// When calendar or rules can't be read.
    pub fn new(db: Db, clock: Clock, ids: Ids, office: Office, mail_domain: &str, base_url: &str) -> Outcome<Self> {
        let office = Arc::new(office);
        let reference = db.read_now({
            let office = Arc::clone(&office);
            move |conn| load(conn, &office)
        })?;
        Ok(Self {
            db,
            clock,
            ids,
            mail_domain: mail_domain.into(),
            base_url: base_url.into(),
            mail_bell: Arc::new(Notify::new()),
            file_limits: FileLimits::NONE,
            office,
            reference: Arc::new(RwLock::new(Arc::new(reference))),
        })
    }

    /// The same with limits for uploads; without, there are none.
    #[must_use]
    pub fn with_file_limits(self, file_limits: FileLimits) -> Self {
        Self { file_limits, ..self }
    }

    /// The office's local date.
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        self.office.today(self.clock.now())
    }

    /// One change, durable when this returns `Ok`.
    pub async fn write<T, F>(&self, f: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Outcome<T> + Send + 'static,
    {
        let world = self.clone();
        let (value, has_mail) = self.db.write(move |conn| world.in_tx(conn, f)).await?;
        self.ring(has_mail);
        Ok(value)
    }

    /// `write` for threads that may block: command line, imports, tests.
    pub fn write_now<T, F>(&self, f: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Outcome<T> + Send + 'static,
    {
        let world = self.clone();
        let (value, has_mail) = self.db.write_now(move |conn| world.in_tx(conn, f))?;
        self.ring(has_mail);
        Ok(value)
    }

    pub async fn read<T, F>(&self, f: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Read<'_>) -> Outcome<T> + Send + 'static,
    {
        let world = self.clone();
        self.db.read(move |conn| world.in_read(conn, f)).await
    }

    pub fn read_now<T, F>(&self, f: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Read<'_>) -> Outcome<T> + Send + 'static,
    {
        let world = self.clone();
        self.db.read_now(move |conn| world.in_read(conn, f))
    }

    fn ring(&self, has_mail: bool) {
        if has_mail {
            self.mail_bell.notify_one();
        }
    }

    /// The answer of `f`, and whether it queued mail.
    fn in_tx<T>(&self, conn: &mut Conn, f: impl FnOnce(&mut Tx<'_>) -> Outcome<T>) -> Outcome<(T, bool)> {
        let reference = self.reference(conn)?;
        let mut tx = Tx {
            conn,
            now: self.clock.now(),
            machine_now: self.clock.machine_now(),
            office: Arc::clone(&reference.office),
            rules: Arc::clone(&reference.rules),
            file_limits: self.file_limits,
            has_mail: false,
            has_reference: false,
            ids: &self.ids,
        };
        let value = f(&mut tx)?;
        let (has_mail, has_reference) = (tx.has_mail, tx.has_reference);
        // What was planned by rules or a calendar that another server has changed meanwhile would overwrite what it
        // planned. A change that comes after this look waits for the rows that are held here, and plans them anew.
        let is_shared = Backend::of_conn(conn) == Backend::Postgres;
        if is_shared && !has_reference && reference::version(conn)? != reference.version {
            return Err(StoreError::Busy.into());
        }
        Ok((value, has_mail))
    }

    fn in_read<T>(&self, conn: &mut Conn, f: impl FnOnce(&mut Read<'_>) -> Outcome<T>) -> Outcome<T> {
        let reference = self.reference(conn)?;
        f(&mut Read {
            conn,
            now: self.clock.now(),
            machine_now: self.clock.machine_now(),
            office: Arc::clone(&reference.office),
            rules: Arc::clone(&reference.rules),
            file_limits: self.file_limits,
        })
    }

    /// The kept calendar and rules, or new ones where this or another process has changed them.
    fn reference(&self, conn: &mut Conn) -> Outcome<Arc<Reference>> {
        let version = reference::version(conn)?;
        let kept = match self.reference.read() {
            Ok(kept) => Arc::clone(&kept),
            Err(broken) => Arc::clone(&broken.into_inner()),
        };
        if kept.version == version {
            return Ok(kept);
        }
        let fresh = Arc::new(load(conn, &self.office)?);
        if let Ok(mut slot) = self.reference.write() {
            *slot = Arc::clone(&fresh);
        }
        Ok(fresh)
    }
}

fn load(conn: &mut Conn, office: &Office) -> Outcome<Reference> {
    let version = reference::version(conn)?;
    let calendar = Arc::new(reference::calendar(conn, &office.calendar)?);
    let rules = reference::rules(conn)?.into();
    Ok(Reference { version, office: Arc::new(Office { calendar, ..office.clone() }), rules })
}
