//! Access tokens. Only their hashes are stored.

use crate::domain::id::{TokenId, UserId};
use crate::domain::instant::Instant;
use crate::domain::vocabulary::TokenScope;
use crate::store::schema::{tokens, users};
use crate::store::users::UserRow;
use crate::store::{Conn, MultiBackend, StoreResult, native};
use chrono::NaiveDate;
use diesel::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = tokens, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct TokenRow {
    pub id: TokenId,
    pub user_id: UserId,
    pub name: String,
    /// SHA-256 of the whole secret.
    pub hash: Vec<u8>,
    /// Scope words with a space between; `None` for all that the user may do.
    pub scopes: Option<String>,
    pub created_at: Instant,
    /// The last local day on which it works.
    pub expires_on: Option<NaiveDate>,
    pub last_used_at: Option<Instant>,
    pub revoked_at: Option<Instant>,
}

impl TokenRow {
    #[must_use]
    pub fn scope_list(&self) -> Option<Vec<TokenScope>> {
        let words = self.scopes.as_ref()?;
        Some(words.split(' ').filter_map(|word| word.parse().ok()).collect())
    }
}

pub fn insert(conn: &mut Conn, row: &TokenRow) -> StoreResult<()> {
    diesel::insert_into(tokens::table).values(row).execute(conn)?;
    Ok(())
}

/// One that is not revoked.
pub fn find(conn: &mut Conn, id: TokenId) -> StoreResult<Option<TokenRow>> {
    Ok(tokens::table
        .filter(tokens::id.eq(id))
        .filter(tokens::revoked_at.is_null())
        .select(TokenRow::as_select())
        .first(conn)
        .optional()?)
}

/// A token and its user, whatever their state.
pub fn by_hash(conn: &mut Conn, hash: &[u8]) -> StoreResult<Option<(TokenRow, UserRow)>> {
    let held = tokens::table.inner_join(users::table.on(users::id.eq(tokens::user_id))).filter(tokens::hash.eq(hash));
    Ok(native!(conn, c => held.select((TokenRow::as_select(), UserRow::as_select())).first(c)).optional()?)
}

/// A user's tokens that are not revoked, in the order in which they were made, after `after`.
pub fn list(conn: &mut Conn, user: UserId, after: Option<TokenId>, limit: i64) -> StoreResult<Vec<TokenRow>> {
    let mut query = tokens::table
        .filter(tokens::user_id.eq(user))
        .filter(tokens::revoked_at.is_null())
        .select(TokenRow::as_select())
        .into_boxed();
    if let Some(id) = after {
        query = query.filter(tokens::id.gt(id));
    }
    Ok(query.order(tokens::id.asc()).limit(limit).load(conn)?)
}

pub fn count(conn: &mut Conn, user: UserId) -> StoreResult<i64> {
    Ok(tokens::table.filter(tokens::user_id.eq(user)).filter(tokens::revoked_at.is_null()).count().get_result(conn)?)
}

/// Notes that it is in use.
pub fn touch(conn: &mut Conn, id: TokenId, at: Instant) -> StoreResult<()> {
    diesel::update(tokens::table.filter(tokens::id.eq(id))).set(tokens::last_used_at.eq(at)).execute(conn)?;
    Ok(())
}

pub fn revoke(conn: &mut Conn, id: TokenId, at: Instant) -> StoreResult<()> {
    diesel::update(tokens::table.filter(tokens::id.eq(id)).filter(tokens::revoked_at.is_null()))
        .set(tokens::revoked_at.eq(at))
        .execute(conn)?;
    Ok(())
}

/// Every token of a user.
pub fn revoke_all(conn: &mut Conn, user: UserId, at: Instant) -> StoreResult<()> {
    diesel::update(tokens::table.filter(tokens::user_id.eq(user)).filter(tokens::revoked_at.is_null()))
        .set(tokens::revoked_at.eq(at))
        .execute(conn)?;
    Ok(())
}
