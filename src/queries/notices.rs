//! Notices and what they carry. Units see issued ones that concern them, reduced to their own findings and
//! requirements.

use crate::domain::actor::{Actor, Scope};
use crate::domain::id::{AssetId, FeedbackId, FindingId, NoticeId, RequirementId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::{AssetKind, LookBackPolicy, NoticeState, Part, Role, Severity};
use crate::queries::names::{UnitNames, UnitRef, distinct};
use crate::queries::page::{Ask, Slice};
use crate::queries::tickets::{AssetRef, NoticeRef};
use crate::store::notices::{FindingRow, NoticeRow, RequirementRow};
use crate::store::scope::sees_notice;
use crate::store::{assets, notices, tickets};
use crate::transaction::{Outcome, Read};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NoticeOut {
    pub id: NoticeId,
    pub code: String,
    pub title: String,
    pub document_no: Option<String>,
    pub issued_on: Option<NaiveDate>,
    pub basis: Option<String>,
    pub sampling: Option<SamplingOut>,
    pub deadline: Option<DeadlineOut>,
    /// The unit that receives the feedback.
    pub feedback_to: Option<UnitRef>,
    pub look_back: LookBackPolicy,
    pub state: NoticeState,
    pub issued_at: Option<Instant>,
    pub closed_at: Option<Instant>,
    /// Tickets in the reader's sight.
    pub ticket_count: i64,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SamplingOut {
    pub from: NaiveDate,
    pub to: NaiveDate,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeadlineOut {
    pub on: NaiveDate,
    /// `HH:MM`
    pub cutoff: Option<String>,
    pub inclusive: bool,
    pub raw: Option<String>,
}

/// What a list of notices is narrowed to.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NoticeQuery {
    pub state: Vec<NoticeState>,
}

/// Newest first.
pub fn list(read: &mut Read<'_>, actor: &Actor, query: &NoticeQuery, ask: &Ask) -> Outcome<Slice<NoticeOut>> {
    let only = in_sight(read, actor)?;
    let states = visible_states(actor, &query.state);
    let before: Option<NoticeId> = ask.after()?;
    let rows = notices::list(read.conn, &states, only.as_deref(), before, ask.fetch())?;
    let total = if ask.count { Some(notices::count(read.conn, &states, only.as_deref())?) } else { None };
    let page = ask.slice(rows, total, |row| row.id);
    Ok(Slice { items: shown(read, actor, page.items)?, next: page.next, total: page.total })
}

/// By id or code.
pub fn get(read: &mut Read<'_>, actor: &Actor, key: &str) -> Outcome<NoticeOut> {
    let row = find(read, actor, key)?;
    shown(read, actor, vec![row])?.pop().ok_or_else(|| Refusal::missing().into())
}

fn in_sight(read: &mut Read<'_>, actor: &Actor) -> Outcome<Option<Vec<NoticeId>>> {
    match &actor.scope {
        Scope::All => Ok(None),
        Scope::Units(own) => Ok(Some(notices::concerning(read.conn, own)?)),
    }
}

/// Units never see drafts.
fn visible_states(actor: &Actor, asked: &[NoticeState]) -> Vec<NoticeState> {
    let asked = if asked.is_empty() { NoticeState::ALL } else { asked };
    let seen = |state: &NoticeState| actor.scope == Scope::All || *state != NoticeState::Draft;
    asked.iter().copied().filter(seen).collect()
}

fn find(read: &mut Read<'_>, actor: &Actor, key: &str) -> Outcome<NoticeRow> {
    Ok(find_in_sight(read, actor, key)?.ok_or_else(Refusal::missing)?)
}

/// The notice that a key names, if the actor sees it: one out of sight is not there for filters either.
pub(super) fn find_in_sight(read: &mut Read<'_>, actor: &Actor, key: &str) -> Outcome<Option<NoticeRow>> {
    let Some(row) = notices::find_by_key(read.conn, key)? else { return Ok(None) };
    Ok(sees_notice(read.conn, &actor.scope, &row)?.then_some(row))
}

fn shown(read: &mut Read<'_>, actor: &Actor, rows: Vec<NoticeRow>) -> Outcome<Vec<NoticeOut>> {
    let names = UnitNames::load(read, rows.iter().filter_map(|row| row.feedback_to))?;
    let ids: Vec<NoticeId> = rows.iter().map(|row| row.id).collect();
    let counts: BTreeMap<NoticeId, i64> = tickets::by_notice(read.conn, &ids, &actor.scope)?.into_iter().collect();
    let out = rows.into_iter().map(|row| NoticeOut {
        ticket_count: counts.get(&row.id).copied().unwrap_or(0),
        sampling: row.sampling_from.zip(row.sampling_to).map(|(from, to)| SamplingOut { from, to }),
        deadline: row.deadline_on.map(|on| DeadlineOut {
            on,
            cutoff: row.deadline_cutoff,
            inclusive: row.deadline_inclusive,
            raw: row.deadline_raw,
        }),
        feedback_to: row.feedback_to.map(|unit| names.get(unit)),
        id: row.id,
        code: row.code,
        title: row.title,
        document_no: row.document_no,
        issued_on: row.issued_on,
        basis: row.basis,
        look_back: row.look_back,
        state: row.state,
        issued_at: row.issued_at,
        closed_at: row.closed_at,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    });
    Ok(out.collect())
}

/// An annex row: figures as printed, the share recomputed beside them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CoverageOut {
    pub unit_id: UnitId,
    pub unit: UnitRef,
    pub kind: AssetKind,
    pub in_operation: i32,
    /// null where the annex prints none: all in operation were checked.
    pub checked: Option<i32>,
    pub prominent: i32,
    pub printed_share: Option<String>,
    /// Prominent of checked in percent, two decimals; null where nothing was checked.
    pub share: Option<f64>,
}

/// An annex's last line, recomputed from its rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct CoverageTotal {
    pub in_operation: i64,
    pub checked: i64,
    pub prominent: i64,
    /// In percent, two decimals.
    pub share: Option<f64>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Coverage {
    pub rows: Vec<CoverageOut>,
    pub totals: BTreeMap<AssetKind, CoverageTotal>,
    /// The notice's.
    pub version: i64,
}

/// The annexes of a notice.
///
/// # Errors
/// When there is no such notice in sight, or the reader is not of the office: the tables set units side by side.
pub fn coverage(read: &mut Read<'_>, actor: &Actor, key: &str) -> Outcome<Coverage> {
    let notice = find(read, actor, key)?;
    actor.require(&Role::OFFICE)?;
    let rows = notices::coverage_of(read.conn, notice.id)?;
    let names = UnitNames::load(read, rows.iter().map(|row| row.unit_id))?;
    let mut totals: BTreeMap<AssetKind, CoverageTotal> = BTreeMap::new();
    for row in &rows {
        let total = totals.entry(row.kind).or_default();
        total.in_operation += i64::from(row.in_operation);
        total.checked += i64::from(row.checked.unwrap_or(row.in_operation));
        total.prominent += i64::from(row.prominent);
    }
    for total in totals.values_mut() {
        total.share = share(total.prominent, total.checked);
    }
    let rows = rows.into_iter().map(|row| CoverageOut {
        unit_id: row.unit_id,
        unit: names.get(row.unit_id),
        kind: row.kind,
        share: share(row.prominent.into(), row.checked.unwrap_or(row.in_operation).into()),
        in_operation: row.in_operation,
        checked: row.checked,
        prominent: row.prominent,
        printed_share: row.printed_share,
    });
    Ok(Coverage { rows: rows.collect(), totals, version: notice.version })
}

/// In hundredths of a percent, rounded half up, then as percent.
fn share(part: i64, whole: i64) -> Option<f64> {
    if whole <= 0 {
        return None;
    }
    let hundredths = (part * 20_000 + whole) / (2 * whole);
    i32::try_from(hundredths).ok().map(|hundredths| f64::from(hundredths) / 100.0)
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RequirementOut {
    pub id: RequirementId,
    pub code: String,
    pub text: String,
    pub unit_ids: Vec<UnitId>,
    pub units: Vec<UnitRef>,
    /// Which of them have answered.
    pub answered_unit_ids: Vec<UnitId>,
    /// Which of them have not.
    pub open_unit_ids: Vec<UnitId>,
    /// The newest answer of each that has.
    pub answers: Vec<RequirementAnswer>,
}

/// Where a unit answered a requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RequirementAnswer {
    pub unit_id: UnitId,
    /// The letter that holds it.
    pub feedback_id: FeedbackId,
    pub answered_at: Instant,
}

/// The requirements of a notice; a unit reads those that ask it.
pub fn requirements(read: &mut Read<'_>, actor: &Actor, key: &str) -> Outcome<Vec<RequirementOut>> {
    let notice = find(read, actor, key)?;
    let rows = notices::requirements_of(read.conn, notice.id)?;
    let asked = notices::requirement_units_of(read.conn, notice.id)?;
    let answered = notices::newest_answers(read.conn, notice.id)?;
    let own = |unit: &UnitId| actor.scope.sees(&[*unit]);
    let asked: Vec<(RequirementId, UnitId)> = asked.into_iter().filter(|(_, unit)| own(unit)).collect();
    let names = UnitNames::load(read, asked.iter().map(|(_, unit)| *unit))?;
    let out = rows.into_iter().map(|row: RequirementRow| {
        let mut units: Vec<UnitRef> =
            asked.iter().filter(|(id, _)| *id == row.id).map(|(_, unit)| names.get(*unit)).collect();
        units.sort_by(|one, other| one.code.cmp(&other.code));
        let of_row = answered.iter().filter(|(id, unit, ..)| *id == row.id && own(unit));
        let answers: Vec<RequirementAnswer> = of_row
            .map(|(_, unit_id, feedback_id, at)| RequirementAnswer {
                unit_id: *unit_id,
                feedback_id: *feedback_id,
                answered_at: *at,
            })
            .collect();
        let unit_ids: Vec<UnitId> = units.iter().map(|unit| unit.id).collect();
        let answered_unit_ids: Vec<UnitId> = answers.iter().map(|answer| answer.unit_id).collect();
        RequirementOut {
            open_unit_ids: unit_ids.iter().copied().filter(|unit| !answered_unit_ids.contains(unit)).collect(),
            unit_ids,
            units,
            answered_unit_ids,
            answers,
            id: row.id,
            code: row.code,
            text: row.text,
        }
    });
    Ok(out.filter(|row| actor.scope == Scope::All || !row.units.is_empty()).collect())
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FindingOut {
    pub id: FindingId,
    pub notice: NoticeRef,
    pub code: String,
    pub title: String,
    /// Exactly as entered.
    pub text: String,
    pub indicator: Option<String>,
    pub severity: Severity,
    pub category: Option<String>,
    pub asset_ids: Vec<AssetId>,
    pub assets: Vec<AssetRef>,
    /// As entered: groups are not expanded.
    pub unit_ids: Vec<UnitId>,
    pub units: Vec<UnitRef>,
    pub co_unit_ids: Vec<UnitId>,
    pub co_units: Vec<UnitRef>,
    pub open_ended: bool,
    pub due_on: Option<NaiveDate>,
    pub rectified_before_notice: bool,
    /// The finding of an earlier notice that this one repeats; the office's to see.
    pub recurrence_of: Option<RepeatedFinding>,
    pub version: i64,
    pub updated_at: Instant,
}

/// A finding of an earlier notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RepeatedFinding {
    pub id: FindingId,
    pub notice_code: String,
    pub code: String,
}

/// The findings of a notice; a unit reads those that it answers for, without the other units' names.
pub fn findings(read: &mut Read<'_>, actor: &Actor, key: &str) -> Outcome<Vec<FindingOut>> {
    let notice = find(read, actor, key)?;
    let mut rows = notices::findings_of(read.conn, notice.id)?;
    if actor.scope != Scope::All {
        let own = tickets::findings_in_sight(read.conn, notice.id, &actor.scope)?;
        rows.retain(|row| own.contains(&row.id));
    }
    shown_findings(read, actor, &notice, rows)
}

/// One finding in sight.
pub fn finding(read: &mut Read<'_>, actor: &Actor, id: FindingId) -> Outcome<FindingOut> {
    let row = notices::find_finding(read.conn, id)?.ok_or_else(Refusal::missing)?;
    let found = findings(read, actor, &row.notice_id.to_string())?;
    found.into_iter().find(|finding| finding.id == id).ok_or_else(|| Refusal::missing().into())
}

fn shown_findings(
    read: &mut Read<'_>,
    actor: &Actor,
    notice: &NoticeRow,
    rows: Vec<FindingRow>,
) -> Outcome<Vec<FindingOut>> {
    let ids: Vec<FindingId> = rows.iter().map(|row| row.id).collect();
    let own = |unit: UnitId| actor.scope.sees(&[unit]);
    let mut links = notices::finding_units_of(read.conn, &ids)?;
    links.retain(|(_, unit, _)| own(*unit));
    let names = UnitNames::load(read, links.iter().map(|(_, unit, _)| *unit))?;
    let asset_links = notices::finding_assets_of(read.conn, &ids)?;
    let mut known = assets::by_ids(read.conn, &distinct(asset_links.iter().map(|(_, asset)| *asset)))?;
    known.retain(|asset| own(asset.unit_id) || asset.supervising_unit_id.is_some_and(own));
    let repeats: Vec<FindingId> = rows.iter().filter_map(|row| row.recurrence_of).collect();
    let repeated = match &actor.scope {
        Scope::All if !repeats.is_empty() => notices::findings_by_ids(read.conn, &repeats)?,
        Scope::All | Scope::Units(_) => Vec::new(),
    };
    let out = rows.into_iter().map(|row| {
        let earlier = repeated.iter().find(|(held, _)| Some(held.id) == row.recurrence_of);
        let units_of = |part: Part| -> Vec<UnitRef> {
            let linked = links.iter().filter(|(id, _, held)| *id == row.id && *held == part);
            linked.map(|(_, unit, _)| names.get(*unit)).collect()
        };
        let (leads, co_units) = (units_of(Part::Lead), units_of(Part::Co));
        let linked = asset_links.iter().filter(|(id, _)| *id == row.id);
        let found = linked.filter_map(|(_, asset)| known.iter().find(|held| held.id == *asset));
        let assets: Vec<AssetRef> = found.map(AssetRef::from).collect();
        FindingOut {
            notice: NoticeRef { id: notice.id, code: notice.code.clone() },
            asset_ids: assets.iter().map(|asset| asset.id).collect(),
            assets,
            unit_ids: leads.iter().map(|unit| unit.id).collect(),
            units: leads,
            co_unit_ids: co_units.iter().map(|unit| unit.id).collect(),
            co_units,
            id: row.id,
            code: row.code,
            title: row.title,
            text: row.text,
            indicator: row.indicator,
            severity: row.severity,
            category: row.category,
            open_ended: row.open_ended,
            due_on: row.due_on,
            rectified_before_notice: row.rectified_before_notice,
            recurrence_of: earlier.map(|(held, notice)| RepeatedFinding {
                id: held.id,
                notice_code: notice.clone(),
                code: held.code.clone(),
            }),
            version: row.version,
            updated_at: row.updated_at,
        }
    });
    Ok(out.collect())
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_share_is_rounded_to_two_decimals_and_is_absent_where_nothing_was_checked() {
        // The figure that one published notice got wrong: 9 of 289 is 3.11 %, not 0.04 %.
        assert_eq!(share(9, 289), Some(3.11));
        assert_eq!(share(0, 45), Some(0.0));
        assert_eq!(share(1, 8), Some(12.5));
        assert_eq!(share(1, 1), Some(100.0));
        assert_eq!(share(0, 0), None);
    }
}
