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
