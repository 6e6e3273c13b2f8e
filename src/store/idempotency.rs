//! Answers kept under their `Idempotency-Key`, so that a request asked twice is done once.

use crate::domain::instant::Instant;
use crate::store::schema::idempotency;
use crate::store::{Both, Conn, MultiBackend, StoreResult};
use diesel::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct IdempotencyRow {
    /// `user:<id>`
    pub caller: String,
    pub key: String,
    /// SHA-256 of method, address and body.
    pub fingerprint: Vec<u8>,
    /// `None` while the first request runs; nobody else can see that row.
    pub status: Option<i32>,
    /// JSON: pairs of name and value.
    pub headers: String,
    pub body: Vec<u8>,
    pub created_at: Instant,
}

/// Takes the key; `false` if it is taken. On PostgreSQL this waits for another request that is about to take it.
pub fn claim(conn: &mut Conn, row: &IdempotencyRow) -> StoreResult<bool> {
    let claim = diesel::insert_into(idempotency::table)
        .values(row)
        .on_conflict((idempotency::caller, idempotency::key))
        .do_nothing();
    Ok(Both(claim).execute(conn)? == 1)
}

pub fn find(conn: &mut Conn, caller: &str, key: &str) -> StoreResult<Option<IdempotencyRow>> {
    Ok(idempotency::table.find((caller, key)).select(IdempotencyRow::as_select()).first(conn).optional()?)
}

/// Keeps the answer under a claimed key.
pub fn keep(conn: &mut Conn, row: &IdempotencyRow) -> StoreResult<()> {
    diesel::update(idempotency::table.find((&row.caller, &row.key)))
        .set((
            idempotency::status.eq(row.status),
            idempotency::headers.eq(&row.headers),
            idempotency::body.eq(&row.body),
        ))
        .execute(conn)?;
    Ok(())
}

/// Forgets one key if it was taken before `cutoff`.
pub fn forget(conn: &mut Conn, caller: &str, key: &str, cutoff: Instant) -> StoreResult<()> {
    let old = idempotency::table.find((caller, key)).filter(idempotency::created_at.lt(cutoff));
    diesel::delete(old).execute(conn)?;
    Ok(())
}

/// Forgets all keys taken before `cutoff`.
pub fn sweep(conn: &mut Conn, cutoff: Instant) -> StoreResult<usize> {
    Ok(diesel::delete(idempotency::table.filter(idempotency::created_at.lt(cutoff))).execute(conn)?)
}
