//! Inspected assets (检查对象): websites and new-media accounts.

use crate::domain::id::{AssetId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::vocabulary::AssetKind;
use crate::store::schema::assets;
use crate::store::{Conn, MultiBackend, StoreResult};
use diesel::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = assets, check_for_backend(MultiBackend), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct AssetRow {
    pub id: AssetId,
    pub code: String,
    pub kind: AssetKind,
    pub name: String,
    pub address: Option<String>,
    pub platform: Option<String>,
    pub unit_id: UnitId,
    pub supervising_unit_id: Option<UnitId>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

pub fn insert(conn: &mut Conn, row: &AssetRow) -> StoreResult<()> {
    diesel::insert_into(assets::table).values(row).execute(conn)?;
    Ok(())
}

/// Saves over version `held`; `false` when somebody else was faster.
pub fn save(conn: &mut Conn, row: &AssetRow, held: i64) -> StoreResult<bool> {
    let target = assets::table.filter(assets::id.eq(row.id)).filter(assets::version.eq(held));
    Ok(diesel::update(target).set(row).execute(conn)? == 1)
}

pub fn find_by_code(conn: &mut Conn, code: &str) -> StoreResult<Option<AssetRow>> {
    Ok(assets::table.filter(assets::code.eq(code)).select(AssetRow::as_select()).first(conn).optional()?)
}

pub fn by_ids(conn: &mut Conn, ids: &[AssetId]) -> StoreResult<Vec<AssetRow>> {
    Ok(assets::table.filter(assets::id.eq_any(ids.to_vec())).select(AssetRow::as_select()).load(conn)?)
}

/// By codes, in any order; what isn't there is left out.
pub fn by_codes(conn: &mut Conn, codes: &[String]) -> StoreResult<Vec<AssetRow>> {
    Ok(assets::table.filter(assets::code.eq_any(codes.to_vec())).select(AssetRow::as_select()).load(conn)?)
}
