//! How the domain's ids, instants and words become columns on both databases. The domain itself knows no diesel.

use crate::domain::asset::{AssetStatus, Platform};
use crate::domain::id::{
    AssetId, AttachmentId, EventId, FeedbackId, FeedbackItemId, FindingId, LeaseId, MessageId, MilestoneId, NoticeId,
    ReminderId, RequirementId, SessionId, SubjectId, TicketId, TokenId, UnitId, UserId,
};
use crate::domain::instant::Instant;
use crate::domain::reminder::{MessageKind, MessageState, ReminderState, Subject};
use crate::domain::vocabulary::{
    AssetKind, Ball, Light, LookBackPolicy, NoticeState, Part, Pending, Role, Severity, State, UnitKind, WorkResult,
};
use crate::domain::words::Lang;
use crate::store::connection::{MultiBackend, MultiRawValue};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{HasSqlType, SqlOrd, SqlType, Text};
use diesel::sqlite::Sqlite;
use std::io::Write;
use uuid::Uuid;

/// `uuid` on PostgreSQL, 16 bytes of `BLOB` on SQLite.
#[derive(Debug, SqlType, QueryId, Clone, Copy)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Binary"))]
pub struct Uid;

/// `timestamptz` on PostgreSQL, microseconds since 1970 as `INTEGER` on SQLite.
#[derive(Debug, SqlType, QueryId, Clone, Copy)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185), sqlite_type(name = "Long"))]
pub struct Moment;

/// `max` and `min` take it. Not `Uid`: PostgreSQL has no `max(uuid)`.
impl SqlOrd for Moment {}

macro_rules! shared_sql_types {
    ($($name:ty),+) => {$(
        impl HasSqlType<$name> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                Self::lookup_sql_type::<$name>(lookup)
            }
        }
    )+};
}
shared_sql_types!(Uid, Moment);

/// Lets a type of ours stand where diesel wants an expression or a column's value. `foreign_derive` writes the impls
/// for the field's type, so the domain needs no derive.
macro_rules! usable_as {
    ($sql:ty: $($name:ty),+ $(,)?) => {$(
        const _: () = {
            #[derive(AsExpression, FromSqlRow)]
            #[diesel(foreign_derive, sql_type = $sql)]
            #[expect(dead_code, reason = "only carries the derive")]
            struct Column($name);
        };
    )+};
}

/// What the shared backend binds: the value itself, rendered later by the database that is really there.
macro_rules! through_either {
    ($sql:ident, $name:ident) => {
        impl ToSql<$sql, MultiBackend> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value(($sql, self));
                Ok(IsNull::No)
            }
        }
        impl FromSql<$sql, MultiBackend> for $name {
            fn from_sql(value: MultiRawValue<'_>) -> deserialize::Result<Self> {
                value.from_sql::<Self, $sql>()
            }
        }
    };
}

macro_rules! store_ids {
    ($($name:ident),+ $(,)?) => {
        usable_as!(Uid: $($name),+);
        $(
            impl ToSql<Uid, Sqlite> for $name {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                    out.set_value(self.0.as_bytes().as_slice());
                    Ok(IsNull::No)
                }
            }
            impl ToSql<Uid, Pg> for $name {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                    out.write_all(self.0.as_bytes())?;
                    Ok(IsNull::No)
                }
            }
            impl FromSql<Uid, Sqlite> for $name {
                fn from_sql(mut value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                    Ok(Self(Uuid::from_slice(value.read_blob())?))
                }
            }
            impl FromSql<Uid, Pg> for $name {
                fn from_sql(value: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                    Ok(Self(Uuid::from_slice(value.as_bytes())?))
                }
            }
            through_either!(Uid, $name);
        )+
    };
}

macro_rules! store_words {
    ($($name:ident),+ $(,)?) => {
        usable_as!(Text: $($name),+);
        $(
            impl<DB: Backend> ToSql<Text, DB> for $name
            where
                str: ToSql<Text, DB>,
            {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                    self.as_str().to_sql(out)
                }
            }
            impl<DB: Backend> FromSql<Text, DB> for $name
            where
                String: FromSql<Text, DB>,
            {
                fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                    let text = String::from_sql(value)?;
                    text.parse().map_err(|fault| format!("{fault} in a column of {}: {text}", stringify!($name)).into())
                }
            }
        )+
    };
}

store_ids!(
    UnitId,
    UserId,
    NoticeId,
    FindingId,
    RequirementId,
    AssetId,
    TicketId,
    FeedbackId,
    FeedbackItemId,
    AttachmentId,
    SubjectId,
    ReminderId,
    MessageId,
    LeaseId,
    EventId,
    MilestoneId,
    TokenId,
    SessionId,
);

store_words!(
    AssetKind,
    AssetStatus,
    Ball,
    Lang,
    Light,
    LookBackPolicy,
    MessageKind,
    MessageState,
    NoticeState,
    Part,
    Pending,
    Platform,
    ReminderState,
    Role,
    Severity,
    State,
    Subject,
    UnitKind,
    WorkResult,
);

usable_as!(Moment: Instant);
through_either!(Moment, Instant);

/// PostgreSQL counts from the first day of 2000.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

fn instant(micros: Option<i64>) -> deserialize::Result<Instant> {
    micros.and_then(Instant::from_micros).ok_or_else(|| "an instant outside the calendar's range".into())
}

impl ToSql<Moment, Sqlite> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.micros());
        Ok(IsNull::No)
    }
}

impl ToSql<Moment, Pg> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&self.micros().saturating_sub(POSTGRES_EPOCH_MICROS).to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Moment, Sqlite> for Instant {
    fn from_sql(mut value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        instant(Some(value.read_long()))
    }
}

impl FromSql<Moment, Pg> for Instant {
    fn from_sql(value: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let micros = i64::from_be_bytes(value.as_bytes().try_into()?);
        instant(micros.checked_add(POSTGRES_EPOCH_MICROS))
    }
}

/// A JSON document kept as text in both databases: an audit payload must keep its exact bytes, which `jsonb` doesn't.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Json(pub serde_json::Value);

usable_as!(Text: Json);
through_either!(Text, Json);

impl ToSql<Text, Sqlite> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.to_string());
        Ok(IsNull::No)
    }
}

impl ToSql<Text, Pg> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        write!(out, "{}", self.0)?;
        Ok(IsNull::No)
    }
}

impl FromSql<Text, Sqlite> for Json {
    fn from_sql(mut value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_str(value.read_text())?))
    }
}

impl FromSql<Text, Pg> for Json {
    fn from_sql(value: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_slice(value.as_bytes())?))
    }
}
