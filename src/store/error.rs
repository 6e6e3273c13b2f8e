//! What can go wrong in the store, and the few kinds of it that callers act on.

use diesel::result::{DatabaseErrorKind, Error};

pub type StoreResult<T> = Result<T, StoreError>;

/// The store's refusal or failure.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A statement failed. `NotFound` is in here too.
    #[error("the database refused a statement: {0}")]
    Diesel(#[source] Error),
    /// Too much work waits, or someone else holds the row. The same request may succeed later.
    #[error("the database is busy")]
    Busy,
    /// The database can't be reached, or can't keep anything (disk full).
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The tables can't be brought to this binary's version.
    #[error("the database can't be migrated: {0}")]
    Migration(String),
    /// A setting that this binary doesn't know how to serve.
    #[error("{0}")]
    Unsupported(String),
    /// The caller's closure panicked. Its changes were undone, everybody else's were kept.
    #[error("a job in the database panicked: {0}")]
    Panicked(String),
}

impl StoreError {
    /// The constraint (PostgreSQL) or the columns (SQLite) of a broken UNIQUE; see [`unique_violation`].
    pub fn unique_violation(&self) -> Option<&str> {
        match self {
            Self::Diesel(error) => unique_violation(error),
            Self::Busy | Self::Unavailable(_) | Self::Migration(_) | Self::Unsupported(_) | Self::Panicked(_) => None,
        }
    }

    /// The same news for another caller: neither diesel's errors nor panics can be cloned.
    pub(super) fn retold(&self) -> Self {
        match self {
            Self::Busy => Self::Busy,
            Self::Unavailable(why) => Self::Unavailable(why.clone()),
            Self::Diesel(_) | Self::Migration(_) | Self::Unsupported(_) | Self::Panicked(_) => {
                Self::Unavailable(self.to_string())
            }
        }
    }
}

/// What a broken UNIQUE was on: PostgreSQL names the constraint (`units_code_key`), SQLite the columns
/// (`units.code`) or, for an index on an expression, the index (`index 'users_login'`). A caller that tells several
/// constraints of one table apart asks for a word that stands in both.
pub fn unique_violation(error: &Error) -> Option<&str> {
    let Error::DatabaseError(DatabaseErrorKind::UniqueViolation, info) = error else { return None };
    let columns = || info.message().split_once(": ").map_or(info.message(), |(_, columns)| columns);
    Some(info.constraint_name().unwrap_or_else(columns))
}

/// PostgreSQL translates its messages and diesel keeps no SQLSTATE for these two, hence the Chinese words.
const SOMEBODY_ELSE: [&str; 6] =
    ["database is locked", "database table is locked", "deadlock detected", "死锁", "lock timeout", "锁超时"];
const NOT_KEPT: [&str; 4] =
    ["disk is full", "disk I/O error", "No space left on device", "unable to open database file"];

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let Error::DatabaseError(kind, info) = &error else { return Self::Diesel(error) };
        let unknown = matches!(kind, DatabaseErrorKind::Unknown);
        let says = |words: &[&str]| unknown && words.iter().any(|word| info.message().contains(word));
        let away = matches!(kind, DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand);
        if matches!(kind, DatabaseErrorKind::SerializationFailure) || says(&SOMEBODY_ELSE) {
            Self::Busy
        } else if away || says(&NOT_KEPT) {
            Self::Unavailable(info.message().to_owned())
        } else {
            Self::Diesel(error)
        }
    }
}

impl From<diesel::ConnectionError> for StoreError {
    fn from(error: diesel::ConnectionError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
