//! Users (用户): people of units, and service accounts.

use crate::domain::id::{UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::vocabulary::Role;
use crate::domain::words::Lang;
use crate::store::schema::users;
use crate::store::{Conn, MultiBackend, StoreResult, locked, page};
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::Bool;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = users, check_for_backend(MultiBackend), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct UserRow {
    pub id: UserId,
    pub login: String,
    pub name: String,
    pub email: Option<String>,
    pub unit_id: Option<UnitId>,
    /// Role words with a space between.
    pub roles: String,
    pub locale: String,
    pub active: bool,
    pub service: bool,
    pub password_hash: Option<String>,
    pub deputy_id: Option<UserId>,
    pub deputy_from: Option<NaiveDate>,
    pub deputy_to: Option<NaiveDate>,
    pub failed_sign_ins: i32,
    pub locked_until: Option<Instant>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl UserRow {
    /// An account that nobody can use yet: without roles, unit, address and password.
    #[must_use]
    pub fn new(id: UserId, login: impl Into<String>, now: Instant) -> Self {
        Self {
            id,
            login: login.into(),
            name: String::new(),
            email: None,
            unit_id: None,
            roles: String::new(),
            locale: Lang::Zh.to_string(),
            active: true,
            service: false,
            password_hash: None,
            deputy_id: None,
            deputy_from: None,
            deputy_to: None,
            failed_sign_ins: 0,
            locked_until: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    #[must_use]
    pub fn role_list(&self) -> Vec<Role> {
        self.roles.split(' ').filter_map(|word| word.parse().ok()).collect()
    }

    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.roles.split(' ').any(|word| word == role.as_str())
    }

    /// Roles as they are stored.
    #[must_use]
    pub fn join_roles(roles: &[Role]) -> String {
        let mut roles = roles.to_vec();
        roles.sort();
        roles.dedup();
        roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
    }
}

pub fn insert(conn: &mut Conn, row: &UserRow) -> StoreResult<()> {
    diesel::insert_into(users::table).values(row).execute(conn)?;
    Ok(())
}

/// Saves over version `held`; `false` when somebody else was faster.
pub fn save(conn: &mut Conn, row: &UserRow, held: i64) -> StoreResult<bool> {
    let target = users::table.filter(users::id.eq(row.id)).filter(users::version.eq(held));
    Ok(diesel::update(target).set(row).execute(conn)? == 1)
}

pub fn find(conn: &mut Conn, id: UserId) -> StoreResult<Option<UserRow>> {
    Ok(users::table.filter(users::id.eq(id)).select(UserRow::as_select()).first(conn).optional()?)
}

/// For a change that records an event.
pub fn lock(conn: &mut Conn, id: UserId) -> StoreResult<Option<UserRow>> {
    Ok(locked!(conn, first: users::table.filter(users::id.eq(id)).select(UserRow::as_select())).optional()?)
}

/// Those whose deputy this user is, whenever, locked, in the order of logins.
pub fn lock_represented_by(conn: &mut Conn, deputy: UserId) -> StoreResult<Vec<UserRow>> {
    Ok(locked!(conn, load: users::table
        .filter(users::deputy_id.eq(deputy))
        .order(users::login.asc())
        .select(UserRow::as_select()))?)
}

/// By id or login.
pub fn find_by_key(conn: &mut Conn, key: &str) -> StoreResult<Option<UserRow>> {
    match key.parse() {
        Ok(id) => find(conn, id),
        Err(_) => find_by_login(conn, key),
    }
}

pub fn find_by_login(conn: &mut Conn, login: &str) -> StoreResult<Option<UserRow>> {
    Ok(users::table.filter(users::login.eq(login)).select(UserRow::as_select()).first(conn).optional()?)
}

/// By logins, in any order; who isn't there is left out.
pub fn by_logins(conn: &mut Conn, logins: &[String]) -> StoreResult<Vec<UserRow>> {
    Ok(users::table.filter(users::login.eq_any(logins.to_vec())).select(UserRow::as_select()).load(conn)?)
}

/// Who is reached at that address.
pub fn by_address(conn: &mut Conn, address: &str) -> StoreResult<Vec<UserId>> {
    Ok(users::table.filter(users::email.eq(address)).select(users::id).load(conn)?)
}

pub fn by_ids(conn: &mut Conn, ids: &[UserId]) -> StoreResult<Vec<UserRow>> {
    Ok(users::table.filter(users::id.eq_any(ids.to_vec())).select(UserRow::as_select()).load(conn)?)
}

/// Which of these are programs' accounts.
pub fn services_among(conn: &mut Conn, ids: &[UserId]) -> StoreResult<Vec<UserId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let named = users::table.filter(users::id.eq_any(ids.to_vec())).filter(users::service.eq(true));
    Ok(named.select(users::id).load(conn)?)
}

/// Active people of a unit, in the order of logins.
pub fn active_of_unit(conn: &mut Conn, unit: UnitId) -> StoreResult<Vec<UserRow>> {
    Ok(users::table
        .filter(users::unit_id.eq(unit))
        .filter(users::active.eq(true))
        .order(users::login.asc())
        .select(UserRow::as_select())
        .load(conn)?)
}

/// Active people of units, in the order of logins.
pub fn active_of_units(conn: &mut Conn, units: &[UnitId]) -> StoreResult<Vec<UserRow>> {
    Ok(users::table
        .filter(users::unit_id.eq_any(units.to_vec()))
        .filter(users::active.eq(true))
        .order(users::login.asc())
        .select(UserRow::as_select())
        .load(conn)?)
}

/// Active people with a role, in the order of logins. The office is small; its roles are looked for by text.
pub fn active_with_role(conn: &mut Conn, role: Role) -> StoreResult<Vec<UserRow>> {
    let rows: Vec<UserRow> = users::table
        .filter(users::active.eq(true))
        .filter(users::roles.like(page::contains(role.as_str())).escape('\\'))
        .order(users::login.asc())
        .select(UserRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().filter(|row| row.has(role)).collect())
}

/// What a list of users is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    pub units: Vec<UnitId>,
    pub active: Option<bool>,
    pub roles: Vec<Role>,
    /// Part of login, name or e-mail.
    pub text: Option<String>,
}

/// In the order of logins, after `after`.
pub fn list(conn: &mut Conn, filter: &UserFilter, after: Option<&str>, limit: i64) -> StoreResult<Vec<UserRow>> {
    let mut query = filtered(filter).select(UserRow::as_select());
    if let Some(login) = after {
        query = query.filter(users::login.gt(login.to_owned()));
    }
    Ok(query.order(users::login.asc()).limit(limit).load(conn)?)
}

pub fn count(conn: &mut Conn, filter: &UserFilter) -> StoreResult<i64> {
    Ok(filtered(filter).count().get_result(conn)?)
}

fn filtered(filter: &UserFilter) -> users::BoxedQuery<'static, MultiBackend> {
    let mut query = users::table.into_boxed();
    if !filter.units.is_empty() {
        query = query.filter(users::unit_id.eq_any(filter.units.clone()));
    }
    if let Some(active) = filter.active {
        query = query.filter(users::active.eq(active));
    }
    if !filter.roles.is_empty() {
        // No role's word holds another's.
        query = query.filter(one_of(&filter.roles));
    }
    if let Some(text) = &filter.text {
        let pattern = page::contains(text);
        query = query.filter(
            users::login
                .like(pattern.clone())
                .escape('\\')
                .or(users::name.like(pattern.clone()).escape('\\'))
                .or(users::email.is_not_null().and(users::email.assume_not_null().like(pattern).escape('\\'))),
        );
    }
    query
}

/// Holds one of these roles.
fn one_of(roles: &[Role]) -> Box<dyn BoxableExpression<users::table, MultiBackend, SqlType = Bool>> {
    let never: Box<dyn BoxableExpression<users::table, MultiBackend, SqlType = Bool>> =
        Box::new(users::id.ne(users::id));
    roles
        .iter()
        .fold(never, |any, role| Box::new(any.or(users::roles.like(page::contains(role.as_str())).escape('\\'))))
}

/// Notes a failed sign-in, or forgets them all. No event and no new version: it says nothing about the person.
pub fn note_sign_in(conn: &mut Conn, id: UserId, failed: i32, locked_until: Option<Instant>) -> StoreResult<()> {
    diesel::update(users::table.filter(users::id.eq(id)))
        .set((users::failed_sign_ins.eq(failed), users::locked_until.eq(locked_until)))
        .execute(conn)?;
    Ok(())
}
