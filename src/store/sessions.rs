//! Browser sessions: kept here, so that they can be ended from here. Only a hash of the cookie is stored.

use crate::domain::id::{SessionId, UserId};
use crate::domain::instant::Instant;
use crate::store::schema::{sessions, users};
use crate::store::users::UserRow;
use crate::store::{Conn, MultiBackend, StoreResult, native};
use diesel::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct SessionRow {
    pub id: SessionId,
    /// SHA-256 of the cookie's value.
    pub token_hash: Vec<u8>,
    pub user_id: UserId,
    pub csrf_token: String,
    pub created_at: Instant,
    pub seen_at: Instant,
    pub expires_at: Instant,
}

pub fn insert(conn: &mut Conn, row: &SessionRow) -> StoreResult<()> {
    diesel::insert_into(sessions::table).values(row).execute(conn)?;
    Ok(())
}

/// A session and its user, whatever their state.
pub fn by_hash(conn: &mut Conn, hash: &[u8]) -> StoreResult<Option<(SessionRow, UserRow)>> {
    let held = sessions::table
        .inner_join(users::table.on(users::id.eq(sessions::user_id)))
        .filter(sessions::token_hash.eq(hash));
    Ok(native!(conn, c => held.select((SessionRow::as_select(), UserRow::as_select())).first(c)).optional()?)
}

/// Notes that it is in use.
pub fn touch(conn: &mut Conn, id: SessionId, at: Instant) -> StoreResult<()> {
    diesel::update(sessions::table.filter(sessions::id.eq(id)).filter(sessions::seen_at.lt(at)))
        .set(sessions::seen_at.eq(at))
        .execute(conn)?;
    Ok(())
}

/// Which sessions of a user have not ended.
#[derive(Debug, Clone, Copy)]
pub struct Lasting {
    pub user: UserId,
    pub now: Instant,
    /// Those that were not used since then have ended.
    pub seen_after: Instant,
}

/// In the order in which they were begun, after `after`.
pub fn list(conn: &mut Conn, lasting: Lasting, after: Option<SessionId>, limit: i64) -> StoreResult<Vec<SessionRow>> {
    let mut query = sessions::table
        .filter(sessions::user_id.eq(lasting.user))
        .filter(sessions::expires_at.gt(lasting.now))
        .filter(sessions::seen_at.gt(lasting.seen_after))
        .order(sessions::id)
        .limit(limit)
        .select(SessionRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(sessions::id.gt(after));
    }
    Ok(query.load(conn)?)
}

pub fn count(conn: &mut Conn, lasting: Lasting) -> StoreResult<i64> {
    Ok(sessions::table
        .filter(sessions::user_id.eq(lasting.user))
        .filter(sessions::expires_at.gt(lasting.now))
        .filter(sessions::seen_at.gt(lasting.seen_after))
        .count()
        .get_result(conn)?)
}

pub fn find(conn: &mut Conn, id: SessionId) -> StoreResult<Option<SessionRow>> {
    Ok(sessions::table.filter(sessions::id.eq(id)).select(SessionRow::as_select()).first(conn).optional()?)
}

pub fn end(conn: &mut Conn, id: SessionId) -> StoreResult<()> {
    diesel::delete(sessions::table.filter(sessions::id.eq(id))).execute(conn)?;
    Ok(())
}

/// Ends all sessions of a user, but for one.
pub fn end_all(conn: &mut Conn, user: UserId, but: Option<SessionId>) -> StoreResult<usize> {
    let mut target = diesel::delete(sessions::table).filter(sessions::user_id.eq(user)).into_boxed();
    if let Some(kept) = but {
        target = target.filter(sessions::id.ne(kept));
    }
    Ok(target.execute(conn)?)
}

/// Forgets sessions that ended before `at`.
pub fn sweep(conn: &mut Conn, at: Instant) -> StoreResult<usize> {
    Ok(diesel::delete(sessions::table.filter(sessions::expires_at.lt(at))).execute(conn)?)
}
