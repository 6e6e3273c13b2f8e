//! Units (单位) and the members of groups.

use crate::domain::id::UnitId;
use crate::domain::instant::Instant;
use crate::domain::vocabulary::UnitKind;
use crate::store::schema::{unit_members, units};
use crate::store::{Conn, MultiBackend, StoreResult, load_of, locked, native, page};
use diesel::prelude::*;
use std::collections::HashMap;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = units, check_for_backend(MultiBackend), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct UnitRow {
    pub id: UnitId,
    pub code: String,
    pub name: String,
    pub short_name: String,
    pub name_en: String,
    pub kind: UnitKind,
    pub parent_id: Option<UnitId>,
    pub mailbox: Option<String>,
    pub backup_mailbox: Option<String>,
    pub active: bool,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

pub fn insert(conn: &mut Conn, row: &UnitRow) -> StoreResult<()> {
    diesel::insert_into(units::table).values(row).execute(conn)?;
    Ok(())
}

/// Saves over version `held`; `false` when somebody else was faster.
pub fn save(conn: &mut Conn, row: &UnitRow, held: i64) -> StoreResult<bool> {
    let target = units::table.filter(units::id.eq(row.id)).filter(units::version.eq(held));
    Ok(diesel::update(target).set(row).execute(conn)? == 1)
}

pub fn find(conn: &mut Conn, id: UnitId) -> StoreResult<Option<UnitRow>> {
    Ok(units::table.filter(units::id.eq(id)).select(UnitRow::as_select()).first(conn).optional()?)
}

/// For a change that records an event.
pub fn lock(conn: &mut Conn, id: UnitId) -> StoreResult<Option<UnitRow>> {
    Ok(locked!(conn, first: units::table.filter(units::id.eq(id)).select(UnitRow::as_select())).optional()?)
}

pub fn find_by_code(conn: &mut Conn, code: &str) -> StoreResult<Option<UnitRow>> {
    Ok(units::table.filter(units::code.eq(code)).select(UnitRow::as_select()).first(conn).optional()?)
}

/// By id or code.
pub fn find_by_key(conn: &mut Conn, key: &str) -> StoreResult<Option<UnitRow>> {
    match key.parse() {
        Ok(id) => find(conn, id),
        Err(_) => find_by_code(conn, key),
    }
}

/// By codes or ids, in any order; what isn't there is left out.
pub fn by_keys(conn: &mut Conn, keys: &[String]) -> StoreResult<Vec<UnitRow>> {
    let ids: Vec<UnitId> = keys.iter().filter_map(|key| key.parse().ok()).collect();
    Ok(units::table
        .filter(units::code.eq_any(keys.to_vec()).or(units::id.eq_any(ids)))
        .select(UnitRow::as_select())
        .load(conn)?)
}

/// Whose mailbox, or second one, that address is.
pub fn by_address(conn: &mut Conn, address: &str) -> StoreResult<Vec<UnitId>> {
    Ok(units::table
        .filter(units::mailbox.eq(address).or(units::backup_mailbox.eq(address)))
        .select(units::id)
        .load(conn)?)
}

pub fn by_ids(conn: &mut Conn, ids: &[UnitId]) -> StoreResult<Vec<UnitRow>> {
    Ok(units::table.filter(units::id.eq_any(ids.to_vec())).select(UnitRow::as_select()).load(conn)?)
}

/// What a list of units is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct UnitFilter {
    pub kinds: Vec<UnitKind>,
    pub active: Option<bool>,
    pub parent: Option<UnitId>,
    /// Part of code, name or short name.
    pub text: Option<String>,
}

/// In the order of codes, after `after`.
pub fn list(conn: &mut Conn, filter: &UnitFilter, after: Option<&str>, limit: i64) -> StoreResult<Vec<UnitRow>> {
    let mut query = filtered(filter).select(UnitRow::as_select());
    if let Some(code) = after {
        query = query.filter(units::code.gt(code.to_owned()));
    }
    Ok(query.order(units::code.asc()).limit(limit).load(conn)?)
}

pub fn count(conn: &mut Conn, filter: &UnitFilter) -> StoreResult<i64> {
    Ok(filtered(filter).count().get_result(conn)?)
}

fn filtered(filter: &UnitFilter) -> units::BoxedQuery<'static, MultiBackend> {
    let mut query = units::table.into_boxed();
    if !filter.kinds.is_empty() {
        query = query.filter(units::kind.eq_any(filter.kinds.clone()));
    }
    if let Some(active) = filter.active {
        query = query.filter(units::active.eq(active));
    }
    if let Some(parent) = filter.parent {
        query = query.filter(units::parent_id.eq(parent));
    }
    if let Some(text) = &filter.text {
        let pattern = page::contains(text);
        query = query.filter(
            units::code
                .like(pattern.clone())
                .escape('\\')
                .or(units::name.like(pattern.clone()).escape('\\'))
                .or(units::short_name.like(pattern).escape('\\')),
        );
    }
    query
}

/// This unit and all below it. A circle can't be stored, but would end here all the same.
pub fn subtree(conn: &mut Conn, root: UnitId) -> StoreResult<Vec<UnitId>> {
    let mut known = vec![root];
    let mut level = vec![root];
    while !level.is_empty() {
        let below: Vec<UnitId> =
            load_of!(&mut *conn, units::parent_id => level.as_slice(), units::table.select(units::id))?;
        level = below.into_iter().filter(|id| !known.contains(id)).collect();
        known.extend(&level);
    }
    Ok(known)
}

/// The parents of these units, their parents, and so on: child and parent.
pub fn above(conn: &mut Conn, ids: Vec<UnitId>) -> StoreResult<HashMap<UnitId, UnitId>> {
    let mut parents: HashMap<UnitId, UnitId> = HashMap::new();
    let mut level = ids;
    while !level.is_empty() {
        level.sort();
        level.dedup();
        let found: Vec<(UnitId, Option<UnitId>)> =
            load_of!(&mut *conn, units::id => level.as_slice(), units::table.select((units::id, units::parent_id)))?;
        let found = found.into_iter().filter_map(|(unit, parent)| Some((unit, parent?)));
        level = found.filter_map(|(unit, parent)| parents.insert(unit, parent).is_none().then_some(parent)).collect();
        level.retain(|unit| !parents.contains_key(unit));
    }
    Ok(parents)
}

/// The members of groups, in their order.
pub fn members(conn: &mut Conn, groups: &[UnitId]) -> StoreResult<Vec<(UnitId, UnitId)>> {
    Ok(unit_members::table
        .filter(unit_members::group_id.eq_any(groups.to_vec()))
        .order((unit_members::group_id.asc(), unit_members::position.asc()))
        .select((unit_members::group_id, unit_members::unit_id))
        .load(conn)?)
}

/// The groups that a unit is a member of.
pub fn groups_of(conn: &mut Conn, ids: &[UnitId]) -> StoreResult<Vec<UnitId>> {
    Ok(unit_members::table
        .filter(unit_members::unit_id.eq_any(ids.to_vec()))
        .select(unit_members::group_id)
        .distinct()
        .load(conn)?)
}

pub fn set_members(conn: &mut Conn, group: UnitId, ids: &[UnitId]) -> StoreResult<()> {
    diesel::delete(unit_members::table.filter(unit_members::group_id.eq(group))).execute(conn)?;
    let rows: Vec<_> = ids
        .iter()
        .zip(0_i32..)
        .map(|(id, position)| {
            (unit_members::group_id.eq(group), unit_members::unit_id.eq(*id), unit_members::position.eq(position))
        })
        .collect();
    native!(conn, c => diesel::insert_into(unit_members::table).values(&rows).execute(c))?;
    Ok(())
}
