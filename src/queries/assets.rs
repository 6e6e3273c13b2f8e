//! The registry as people see it: the office all of it, units what they or units below them sponsor or supervise.

use crate::domain::actor::Actor;
use crate::domain::asset::{AssetStatus, Platform};
use crate::domain::id::{AssetId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::AssetKind;
use crate::queries::names::{UnitNames, UnitRef};
use crate::queries::page::{Ask, Slice};
use crate::queries::units::referred;
use crate::store::assets::{self, AssetFilter, AssetRow};
use crate::transaction::{Outcome, Read};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A website or a new-media account (检查对象).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AssetOut {
    pub id: AssetId,
    pub code: String,
    pub kind: AssetKind,
    pub name: String,
    /// Of the home page or the account.
    pub address: Option<String>,
    pub platform: Option<Platform>,
    pub platform_id: Option<String>,
    pub certified_entity: Option<String>,
    pub opened_on: Option<NaiveDate>,
    pub site_code: Option<String>,
    pub icp_no: Option<String>,
    pub security_filing_no: Option<String>,
    pub unit_id: UnitId,
    /// The sponsor (主办).
    pub unit: UnitRef,
    pub supervising_unit_id: Option<UnitId>,
    /// 主管
    pub supervising_unit: Option<UnitRef>,
    pub status: AssetStatus,
    /// It is inspected and must be updated: a closing account until its closure is reported.
    pub live: bool,
    /// Where its life can lead from here.
    pub next_statuses: Vec<AssetStatus>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// What a list of assets is narrowed to. Values of one field are OR, fields AND.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AssetQuery {
    pub kind: Vec<AssetKind>,
    pub status: Vec<AssetStatus>,
    pub platform: Vec<Platform>,
    /// Ids or codes of units that sponsor or supervise.
    pub unit: Vec<String>,
    /// Part of code, name, address, site identification code or platform id.
    pub q: Option<String>,
}

/// In the order of codes.
pub fn list(read: &mut Read<'_>, actor: &Actor, query: &AssetQuery, ask: &Ask) -> Outcome<Slice<AssetOut>> {
    let mut units = Vec::with_capacity(query.unit.len());
    for key in &query.unit {
        units.push(referred(read, "unit", key)?);
    }
    let filter = AssetFilter {
        kinds: query.kind.clone(),
        statuses: query.status.clone(),
        platforms: query.platform.clone(),
        units,
        text: query.q.as_ref().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
    };
    let after: Option<String> = ask.after()?;
    let rows = assets::list(read.conn, &filter, &actor.scope, after.as_deref(), ask.fetch())?;
    let total = if ask.count { Some(assets::count(read.conn, &filter, &actor.scope)?) } else { None };
    let page = ask.slice(rows, total, |row| row.code.clone());
    Ok(Slice { items: shown(read, page.items)?, next: page.next, total: page.total })
}

/// One in sight, by id or code.
///
/// # Errors
/// When there is none.
pub fn get(read: &mut Read<'_>, actor: &Actor, key: &str) -> Outcome<AssetOut> {
    let row = assets::find(read.conn, key, &actor.scope)?.ok_or_else(Refusal::missing)?;
    shown(read, vec![row])?.pop().ok_or_else(|| Refusal::missing().into())
}

fn shown(read: &mut Read<'_>, rows: Vec<AssetRow>) -> Outcome<Vec<AssetOut>> {
    let names = UnitNames::load(read, rows.iter().flat_map(AssetRow::units))?;
    let out = rows.into_iter().map(|row| AssetOut {
        unit: names.get(row.unit_id),
        supervising_unit: row.supervising_unit_id.map(|unit| names.get(unit)),
        live: row.status.is_live(),
        next_statuses: row.status.next(row.kind).to_vec(),
        id: row.id,
        code: row.code,
        kind: row.kind,
        name: row.name,
        address: row.address,
        platform: row.platform,
        platform_id: row.platform_id,
        certified_entity: row.certified_entity,
        opened_on: row.opened_on,
        site_code: row.site_code,
        icp_no: row.icp_no,
        security_filing_no: row.security_filing_no,
        unit_id: row.unit_id,
        supervising_unit_id: row.supervising_unit_id,
        status: row.status,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    });
    Ok(out.collect())
}
