//! Inspected assets (检查对象): websites and new-media accounts, and which tickets they concern.

use crate::domain::actor::Scope;
use crate::domain::asset::{AssetStatus, NamedAsset, Platform};
use crate::domain::id::{AssetId, FindingId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::vocabulary::AssetKind;
use crate::store::schema::{assets, ticket_parties, tickets};
use crate::store::{Conn, MultiBackend, StoreResult, locked, notices, page, units};
use chrono::NaiveDate;
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = assets, check_for_backend(MultiBackend), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct AssetRow {
    pub id: AssetId,
    pub code: String,
    pub kind: AssetKind,
    pub name: String,
    /// Of the home page or the account.
    pub address: Option<String>,
    /// Accounts only, as `platform_id`, `certified_entity` and `opened_on`.
    pub platform: Option<Platform>,
    /// The sponsor (主办).
    pub unit_id: UnitId,
    /// 主管
    pub supervising_unit_id: Option<UnitId>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub status: AssetStatus,
    /// Websites only, as `icp_no` and `security_filing_no`.
    pub site_code: Option<String>,
    pub icp_no: Option<String>,
    pub security_filing_no: Option<String>,
    pub platform_id: Option<String>,
    pub certified_entity: Option<String>,
    pub opened_on: Option<NaiveDate>,
}

impl AssetRow {
    /// Sponsor and supervising unit.
    pub fn units(&self) -> impl Iterator<Item = UnitId> {
        std::iter::once(self.unit_id).chain(self.supervising_unit_id)
    }

    /// Is it one of these units'?
    fn is_of(&self, own: &[UnitId]) -> bool {
        self.units().any(|unit| own.contains(&unit))
    }
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

/// One in sight, by id or code.
pub fn find(conn: &mut Conn, key: &str, scope: &Scope) -> StoreResult<Option<AssetRow>> {
    let found: Option<AssetRow> = match key.parse::<AssetId>() {
        Ok(id) => assets::table.filter(assets::id.eq(id)).select(AssetRow::as_select()).first(conn).optional()?,
        Err(_) => assets::table.filter(assets::code.eq(key)).select(AssetRow::as_select()).first(conn).optional()?,
    };
    Ok(found.filter(|row| match scope {
        Scope::All => true,
        Scope::Units(own) => row.is_of(own),
    }))
}

/// The same, held for a change that records an event.
pub fn lock(conn: &mut Conn, key: &str, scope: &Scope) -> StoreResult<Option<AssetRow>> {
    let Some(row) = find(conn, key, scope)? else { return Ok(None) };
    Ok(lock_all(conn, &[row.id])?.pop())
}

/// Rows held until the transaction ends, in the order of ids.
pub fn lock_all(conn: &mut Conn, ids: &[AssetId]) -> StoreResult<Vec<AssetRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(locked!(
        conn,
        load: assets::table
            .filter(assets::id.eq_any(ids.to_vec()))
            .order(assets::id.asc())
            .select(AssetRow::as_select())
    )?)
}

pub fn by_ids(conn: &mut Conn, ids: &[AssetId]) -> StoreResult<Vec<AssetRow>> {
    Ok(assets::table.filter(assets::id.eq_any(ids.to_vec())).select(AssetRow::as_select()).load(conn)?)
}

/// By codes, in any order; what isn't there is left out.
pub fn by_codes(conn: &mut Conn, codes: &[String]) -> StoreResult<Vec<AssetRow>> {
    Ok(assets::table.filter(assets::code.eq_any(codes.to_vec())).select(AssetRow::as_select()).load(conn)?)
}

/// What a list of assets is narrowed to. Values of one field are OR, fields AND.
#[derive(Debug, Clone, Default)]
pub struct AssetFilter {
    pub kinds: Vec<AssetKind>,
    pub statuses: Vec<AssetStatus>,
    pub platforms: Vec<Platform>,
    /// Sponsor or supervising unit.
    pub units: Vec<UnitId>,
    /// Part of code, name, address or an identifier.
    pub text: Option<String>,
}

/// In the order of codes, after `after`.
pub fn list(
    conn: &mut Conn,
    filter: &AssetFilter,
    scope: &Scope,
    after: Option<&str>,
    limit: i64,
) -> StoreResult<Vec<AssetRow>> {
    let mut query = filtered(filter, scope).select(AssetRow::as_select());
    if let Some(code) = after {
        query = query.filter(assets::code.gt(code.to_owned()));
    }
    Ok(query.order(assets::code.asc()).limit(limit).load(conn)?)
}

pub fn count(conn: &mut Conn, filter: &AssetFilter, scope: &Scope) -> StoreResult<i64> {
    Ok(filtered(filter, scope).count().get_result(conn)?)
}

fn filtered(filter: &AssetFilter, scope: &Scope) -> assets::BoxedQuery<'static, MultiBackend> {
    let mut query = assets::table.into_boxed();
    let of_units = |units: Vec<UnitId>| {
        assets::unit_id.eq_any(units.clone()).or(assets::supervising_unit_id.assume_not_null().eq_any(units))
    };
    match scope {
        Scope::All => {}
        Scope::Units(own) => query = query.filter(of_units(own.clone())),
    }
    if !filter.units.is_empty() {
        query = query.filter(of_units(filter.units.clone()));
    }
    if !filter.kinds.is_empty() {
        query = query.filter(assets::kind.eq_any(filter.kinds.clone()));
    }
    if !filter.statuses.is_empty() {
        query = query.filter(assets::status.eq_any(filter.statuses.clone()));
    }
    if !filter.platforms.is_empty() {
        query = query.filter(assets::platform.eq_any(filter.platforms.clone()));
    }
    if let Some(text) = &filter.text {
        let pattern = page::contains(text);
        let part_of = |pattern: &str| pattern.to_owned();
        query = query.filter(
            assets::code
                .like(part_of(&pattern))
                .escape('\\')
                .or(assets::name.like(part_of(&pattern)).escape('\\'))
                .or(assets::address.assume_not_null().like(part_of(&pattern)).escape('\\'))
                .or(assets::site_code.assume_not_null().like(part_of(&pattern)).escape('\\'))
                .or(assets::platform_id.assume_not_null().like(part_of(&pattern)).escape('\\')),
        );
    }
    query
}

/// What some findings name, and whose it is. An asset is a ticket's where a unit of the ticket, or one below it, sponsors
/// or supervises it.
#[derive(Debug, Clone, Default)]
pub struct Named {
    links: Vec<(FindingId, AssetId)>,
    rows: HashMap<AssetId, AssetRow>,
    /// From the assets' units upwards.
    parents: HashMap<UnitId, UnitId>,
    /// Lead and co-units of all tickets of the findings.
    parties: HashSet<(FindingId, UnitId)>,
}

impl Named {
    /// `judged`: findings of which tickets are to be accepted or not; of others `guarding` knows too little.
    pub fn load(conn: &mut Conn, findings: &[FindingId], judged: &[FindingId]) -> StoreResult<Self> {
        let links = notices::finding_assets_of(conn, findings)?;
        if links.is_empty() {
            return Ok(Self::default());
        }
        let mut ids: Vec<AssetId> = links.iter().map(|(_, asset)| *asset).collect();
        ids.sort();
        ids.dedup();
        let rows: HashMap<AssetId, AssetRow> = by_ids(conn, &ids)?.into_iter().map(|row| (row.id, row)).collect();
        let units: Vec<UnitId> = rows.values().flat_map(AssetRow::units).collect();
        let parents = units::above(conn, units.clone())?;
        let judged: Vec<FindingId> =
            judged.iter().copied().filter(|finding| links.iter().any(|(held, _)| held == finding)).collect();
        let answerable: Vec<UnitId> = units.into_iter().chain(parents.values().copied()).collect();
        let parties = if judged.is_empty() { HashSet::new() } else { parties(conn, &judged, answerable)? };
        Ok(Self { links, rows, parents, parties })
    }

    /// The finding's assets that are these units'.
    #[must_use]
    pub fn of(&self, finding: FindingId, units: &[UnitId]) -> Vec<&AssetRow> {
        self.of_finding(finding).filter(|asset| self.is_theirs(asset, |unit| units.contains(&unit))).collect()
    }

    /// The assets by which a ticket of these units is judged: their own, and what no other ticket of the finding answers
    /// for, so that a ticket that has changed hands still speaks of the account that it is about.
    #[must_use]
    pub fn guarding(&self, finding: FindingId, units: &[UnitId]) -> Vec<AssetId> {
        let party = |unit| self.parties.contains(&(finding, unit));
        let mine =
            |asset: &&AssetRow| self.is_theirs(asset, |unit| units.contains(&unit)) || !self.is_theirs(asset, party);
        self.of_finding(finding).filter(mine).map(|asset| asset.id).collect()
    }

    /// These, as a ticket's decisions see them.
    #[must_use]
    pub fn facts(&self, ids: &[AssetId]) -> Vec<NamedAsset> {
        ids.iter().filter_map(|id| self.rows.get(id)).map(named).collect()
    }

    fn of_finding(&self, finding: FindingId) -> impl Iterator<Item = &AssetRow> {
        self.links.iter().filter(move |(held, _)| *held == finding).filter_map(|(_, asset)| self.rows.get(asset))
    }

    fn is_theirs(&self, asset: &AssetRow, theirs: impl Fn(UnitId) -> bool) -> bool {
        asset.units().any(|unit| {
            let mut above = std::iter::successors(Some(unit), |unit| self.parents.get(unit).copied());
            // A circle can't be stored, but would end here all the same.
            above.by_ref().take(self.parents.len() + 1).any(&theirs)
        })
    }
}

/// An asset as a ticket's decisions see it.
#[must_use]
pub fn named(row: &AssetRow) -> NamedAsset {
    NamedAsset { id: row.id, name: row.name.clone(), status: row.status }
}

/// Which of these units have a part in which of these findings.
fn parties(conn: &mut Conn, findings: &[FindingId], units: Vec<UnitId>) -> StoreResult<HashSet<(FindingId, UnitId)>> {
    let found: Vec<(FindingId, UnitId)> = ticket_parties::table
        .inner_join(tickets::table.on(ticket_parties::ticket_id.eq(tickets::id)))
        .filter(tickets::finding_id.eq_any(findings.to_vec()))
        .filter(ticket_parties::unit_id.eq_any(units))
        .select((tickets::finding_id, ticket_parties::unit_id))
        .distinct()
        .load(conn)?;
    Ok(found.into_iter().collect())
}
