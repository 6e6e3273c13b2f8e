//! One installation on disk: a data directory with its settings, its database and, for servers, a lock. Opened once per
//! process, by the command line; a new one gets the shipped calendar and reminder rules here.

use crate::clock::{Clock, Ids};
use crate::config::{Config, ConfigFault, environment};
use crate::domain::calendar::{CN_TOML, Calendar};
use crate::domain::office::Office;
use crate::domain::refusal::{Arg, Code, Refusal};
use crate::domain::reminder::{REMINDERS_TOML, parse_rules};
use crate::domain::words::Lang;
use crate::store::sandbox::{self, Sandbox};
use crate::store::{Backend, Conn, DatabaseSettings, Db, StoreError, reference};
use crate::transaction::{Failure, Outcome, World};
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What an installation is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A server: alone on an embedded database; made where there is none.
    Serve,
    /// A server of a sandbox, and of nothing else; made where there is none.
    Demo,
    /// A command that a new installation begins with.
    SetUp,
    /// A command that needs one that is there.
    Use,
}

/// Settings that a command was given: directory and flags.
#[derive(Debug, Clone, Default)]
pub struct Place {
    pub data_dir: PathBuf,
    /// `("server.listen", "0.0.0.0:80")`
    pub overrides: Vec<(&'static str, String)>,
}

/// An open installation.
pub struct Installation {
    pub data_dir: PathBuf,
    pub config: Config,
    pub world: World,
    pub sandbox: Option<Sandbox>,
    /// Nothing was here before.
    pub is_new: bool,
    /// Held as long as the process serves.
    _lock: Option<Lock>,
}

/// Why it can't be opened.
#[derive(Debug)]
pub enum OpenFault {
    Settings(ConfigFault),
    Failed(Failure),
}

impl From<Failure> for OpenFault {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Refusal> for OpenFault {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal.into())
    }
}

impl From<StoreError> for OpenFault {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl Place {
    /// The settings that hold here.
    pub fn config(&self) -> Result<Config, ConfigFault> {
        Config::load(&self.data_dir, environment(), &self.overrides)
    }
}

impl Installation {
    /// Opens it by settings that were loaded from `place` (and perhaps made more exact since).
    pub fn open(place: &Place, config: Config, purpose: Purpose) -> Result<Self, OpenFault> {
        let data_dir = place.data_dir.clone();
        let file = embedded_file(&config);
        if purpose == Purpose::Use && file.as_deref().is_some_and(|file| !file.exists()) {
            let shown = file.as_deref().and_then(Path::parent).unwrap_or(&data_dir).display();
            return Err(Refusal::new(Code::InstallationMissing).with("place", shown).into());
        }
        if purpose != Purpose::Use {
            make_private(&data_dir)?;
        }
        let serves = matches!(purpose, Purpose::Serve | Purpose::Demo);
        let mut lock = match &file {
            Some(file) if serves => Some(Lock::take(&file.with_added_extension("lock"))?),
            Some(_) | None => None,
        };
        let mut opened = Database::open(&config, purpose)?;
        if opened.is_left_behind() {
            let Some(file) = file.as_deref().filter(|_| lock.is_some()) else {
                let shown = shown_place(&config, &data_dir);
                return Err(Refusal::new(Code::SandboxUnfinished).with("place", shown).into());
            };
            drop(opened);
            clear_sandbox(&data_dir, file)?;
            opened = Database::open(&config, purpose)?;
        }
        if purpose == Purpose::Demo && opened.sandbox.is_none() {
            return Err(Refusal::new(Code::SandboxNot).with("place", shown_place(&config, &data_dir)).into());
        }
        if lock.is_none() && serves && opened.sandbox.is_some() {
            // Its clock lives in the server: a second one would tell another time.
            lock = Some(Lock::take(&data_dir.join("rectify.lock"))?);
        }
        let clock = opened.sandbox.map_or_else(Clock::system, |sandbox| Clock::simulated(sandbox.clock));
        let office = office(&config, &opened.calendars)?;
        let world = World::new(opened.db, clock, Ids::system(), office, &config.mail.domain, &config.public_url())?;
        Ok(Self { data_dir, config, world, sandbox: opened.sandbox, is_new: opened.is_new, _lock: lock })
    }

    /// The language of whoever works at this machine, unless they chose another.
    #[must_use]
    pub fn lang(&self) -> Lang {
        self.config.office.locale
    }
}

/// A database that was opened, migrated and given what every installation begins with.
struct Database {
    db: Db,
    is_new: bool,
    sandbox: Option<Sandbox>,
    calendars: Vec<String>,
}

impl Database {
    fn open(config: &Config, purpose: Purpose) -> Result<Self, OpenFault> {
        let db =
            Db::open(&DatabaseSettings { url: config.database.url.expose().to_owned(), pool: config.database.pool })?;
        let begun = match db.write_now(move |conn| begin(conn, purpose)) {
            // Another server began at the same moment: what it has written holds.
            Err(Failure::Store(error)) if error.unique_violation().is_some() => {
                db.write_now(move |conn| begin(conn, purpose))
            }
            begun => begun,
        };
        let (is_new, sandbox, calendars) = begun?;
        Ok(Self { db, is_new, sandbox, calendars })
    }

    /// A sandbox that a killed process has not filled to the end.
    fn is_left_behind(&self) -> bool {
        !self.is_new && self.sandbox.is_some_and(|sandbox| !sandbox.ready)
    }
}

/// Seeds a new database; only there may a sandbox begin.
fn begin(conn: &mut Conn, purpose: Purpose) -> Outcome<(bool, Option<Sandbox>, Vec<String>)> {
    let calendars = reference::calendar_codes(conn)?;
    if !calendars.is_empty() {
        return Ok((false, sandbox::find(conn)?, calendars));
    }
    let shipped = shipped_calendar()?;
    let rules = parse_rules(REMINDERS_TOML).map_err(|fault| StoreError::Unsupported(fault.to_string()))?;
    reference::insert_calendar(conn, &shipped)?;
    reference::insert_rules(conn, &rules, Clock::system().now())?;
    reference::raise_version(conn)?;
    if purpose == Purpose::Demo {
        sandbox::mark(conn)?;
    }
    Ok((true, sandbox::find(conn)?, vec![shipped.code]))
}

fn shipped_calendar() -> Result<Calendar, StoreError> {
    Calendar::from_toml(CN_TOML).map_err(|fault| StoreError::Unsupported(format!("the shipped calendar: {fault}")))
}

/// The office of the settings; its calendar must be one of those kept here.
fn office(config: &Config, calendars: &[String]) -> Outcome<Office> {
    let office = &config.office;
    if !calendars.contains(&office.calendar) {
        let known = calendars.join(", ");
        return Err(Refusal::new(Code::CalendarUnknown).with("known", known).into());
    }
    let days = |days: u32| u16::try_from(days).unwrap_or(u16::MAX);
    Ok(Office {
        name_zh: office.name_zh.clone(),
        name_en: office.name_en.clone(),
        zone: office.time_zone,
        // The world reads its days out of the database.
        calendar: Arc::new(Calendar::new(&office.calendar, 1, [], [])),
        window: (office.window_from, office.window_to),
        yellow_days: days(office.yellow_days),
        look_back_days: days(office.look_back_days),
        review_days: days(office.review_days),
        four_eyes: office.four_eyes,
        at_once_a_day: days(config.reminders.at_once_a_day),
    })
}

/// The embedded database's file; `None` for PostgreSQL.
fn embedded_file(config: &Config) -> Option<PathBuf> {
    let url = config.database.url.expose();
    match Backend::of(url) {
        Backend::Postgres => None,
        Backend::Sqlite => {
            let path = url.strip_prefix("sqlite:").unwrap_or(url);
            Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
        }
    }
}

/// The installation as people know it: its directory, or "the PostgreSQL database".
fn shown_place(config: &Config, data_dir: &Path) -> Arg {
    match Backend::of(config.database.url.expose()) {
        Backend::Sqlite => Arg::from(data_dir.display()),
        Backend::Postgres => Arg::both("所设的 PostgreSQL 数据库", "the PostgreSQL database that is set"),
    }
}

/// Makes the directory if it is missing; only its owner may look into a new one.
fn make_private(folder: &Path) -> Result<(), Refusal> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|fault| unusable(folder, &fault))
}

fn unusable(folder: &Path, reason: &std::io::Error) -> Refusal {
    Refusal::new(Code::InstallationFolder).with("place", folder.display()).with("reason", reason)
}

/// Removes what an unfinished sandbox left: nobody has worked in it yet.
fn clear_sandbox(data_dir: &Path, database: &Path) -> Result<(), Refusal> {
    let gone = |path: &Path, removed: std::io::Result<()>| match removed {
        Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => Err(unusable(path, &fault)),
        Ok(()) | Err(_) => Ok(()),
    };
    for suffix in ["", "-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        gone(Path::new(&name), fs::remove_file(&name))?;
    }
    for folder in ["outbox", "attachments"] {
        let path = data_dir.join(folder);
        gone(&path, fs::remove_dir_all(&path))?;
    }
    Ok(())
}

/// A file that one server holds; the system lets go of it when the process ends, however it ends.
struct Lock {
    _file: File,
}

impl Lock {
    fn take(path: &Path) -> Result<Self, Refusal> {
        let failed = |fault: std::io::Error| unusable(path, &fault);
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let process = if holder.trim().is_empty() { "?" } else { holder.trim() };
                return Err(Refusal::new(Code::InstallationInUse)
                    .with("place", path.display())
                    .with("process", process));
            }
            Err(TryLockError::Error(fault)) => return Err(failed(fault)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}
