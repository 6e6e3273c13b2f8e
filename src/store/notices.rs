//! Notices (通报) and what they carry: coverage rows, requirements, findings.

use crate::domain::id::{AssetId, FeedbackId, FindingId, NoticeId, RequirementId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::vocabulary::{AssetKind, LookBackPolicy, NoticeState, Part, Severity};
use crate::store::schema::{
    coverage, finding_assets, finding_units, findings, notices, requirement_answers, requirement_units, requirements,
};
use crate::store::{Conn, MultiBackend, StoreResult, load_of, locked, native};
use chrono::NaiveDate;
use diesel::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = notices, check_for_backend(MultiBackend), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct NoticeRow {
    pub id: NoticeId,
    pub code: String,
    pub title: String,
    pub document_no: Option<String>,
    pub issued_on: Option<NaiveDate>,
    pub basis: Option<String>,
    pub sampling_from: Option<NaiveDate>,
    pub sampling_to: Option<NaiveDate>,
    pub deadline_on: Option<NaiveDate>,
    /// `HH:MM`
    pub deadline_cutoff: Option<String>,
    pub deadline_inclusive: bool,
    pub deadline_raw: Option<String>,
    pub feedback_to: Option<UnitId>,
    pub look_back: LookBackPolicy,
    pub state: NoticeState,
    pub issued_at: Option<Instant>,
    pub closed_at: Option<Instant>,
    pub due_on: Option<NaiveDate>,
    pub due_at: Option<Instant>,
    pub next_reminder_at: Option<Instant>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

pub fn insert(conn: &mut Conn, row: &NoticeRow) -> StoreResult<()> {
    diesel::insert_into(notices::table).values(row).execute(conn)?;
    Ok(())
}

/// Saves over version `held`; `false` when somebody else was faster.
pub fn save(conn: &mut Conn, row: &NoticeRow, held: i64) -> StoreResult<bool> {
    let target = notices::table.filter(notices::id.eq(row.id)).filter(notices::version.eq(held));
    Ok(diesel::update(target).set(row).execute(conn)? == 1)
}

pub fn find(conn: &mut Conn, id: NoticeId) -> StoreResult<Option<NoticeRow>> {
    Ok(notices::table.filter(notices::id.eq(id)).select(NoticeRow::as_select()).first(conn).optional()?)
}

/// `find`, and nobody else changes it until this transaction ends.
pub fn lock(conn: &mut Conn, id: NoticeId) -> StoreResult<Option<NoticeRow>> {
    Ok(locked!(conn, first: notices::table.filter(notices::id.eq(id)).select(NoticeRow::as_select())).optional()?)
}

pub fn find_by_code(conn: &mut Conn, code: &str) -> StoreResult<Option<NoticeRow>> {
    Ok(notices::table.filter(notices::code.eq(code)).select(NoticeRow::as_select()).first(conn).optional()?)
}

/// By id or code.
pub fn find_by_key(conn: &mut Conn, key: &str) -> StoreResult<Option<NoticeRow>> {
    match key.parse() {
        Ok(id) => find(conn, id),
        Err(_) => find_by_code(conn, key),
    }
}

pub fn by_ids(conn: &mut Conn, ids: &[NoticeId]) -> StoreResult<Vec<NoticeRow>> {
    Ok(notices::table.filter(notices::id.eq_any(ids.to_vec())).select(NoticeRow::as_select()).load(conn)?)
}

/// Newest first, before `before`; `only` narrows to these.
pub fn list(
    conn: &mut Conn,
    states: &[NoticeState],
    only: Option<&[NoticeId]>,
    before: Option<NoticeId>,
    limit: i64,
) -> StoreResult<Vec<NoticeRow>> {
    let mut query = filtered(states, only).select(NoticeRow::as_select());
    if let Some(id) = before {
        query = query.filter(notices::id.lt(id));
    }
    Ok(query.order(notices::id.desc()).limit(limit).load(conn)?)
}

pub fn count(conn: &mut Conn, states: &[NoticeState], only: Option<&[NoticeId]>) -> StoreResult<i64> {
    Ok(filtered(states, only).count().get_result(conn)?)
}

fn filtered(states: &[NoticeState], only: Option<&[NoticeId]>) -> notices::BoxedQuery<'static, MultiBackend> {
    let mut query = notices::table.into_boxed();
    if !states.is_empty() {
        query = query.filter(notices::state.eq_any(states.to_vec()));
    }
    if let Some(ids) = only {
        query = query.filter(notices::id.eq_any(ids.to_vec()));
    }
    query
}

/// Issued notices whose reminders are due, in pages.
pub fn due_for_reminders(conn: &mut Conn, now: Instant, limit: i64) -> StoreResult<Vec<NoticeRow>> {
    Ok(notices::table
        .filter(notices::next_reminder_at.is_not_null())
        .filter(notices::next_reminder_at.le(now))
        .order((notices::next_reminder_at.asc(), notices::id.asc()))
        .limit(limit)
        .select(NoticeRow::as_select())
        .load(conn)?)
}

pub fn is_reminder_due(conn: &mut Conn, now: Instant) -> StoreResult<bool> {
    let due = notices::table
        .filter(notices::next_reminder_at.is_not_null())
        .filter(notices::next_reminder_at.le(now))
        .select(notices::id);
    Ok(diesel::select(diesel::dsl::exists(due)).get_result(conn)?)
}

/// The engine's own mark; no event, no new version.
pub fn set_next_reminder(conn: &mut Conn, id: NoticeId, at: Option<Instant>) -> StoreResult<()> {
    diesel::update(notices::table.filter(notices::id.eq(id))).set(notices::next_reminder_at.eq(at)).execute(conn)?;
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = coverage, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct CoverageRow {
    pub notice_id: NoticeId,
    pub kind: AssetKind,
    pub unit_id: UnitId,
    pub position: i32,
    pub in_operation: i32,
    /// `None` where the annex prints none.
    pub checked: Option<i32>,
    pub prominent: i32,
    pub printed_share: Option<String>,
}

pub fn coverage_of(conn: &mut Conn, notice: NoticeId) -> StoreResult<Vec<CoverageRow>> {
    Ok(coverage::table
        .filter(coverage::notice_id.eq(notice))
        .order((coverage::kind.desc(), coverage::position.asc()))
        .select(CoverageRow::as_select())
        .load(conn)?)
}

pub fn set_coverage(conn: &mut Conn, notice: NoticeId, rows: &[CoverageRow]) -> StoreResult<()> {
    diesel::delete(coverage::table.filter(coverage::notice_id.eq(notice))).execute(conn)?;
    native!(conn, c => diesel::insert_into(coverage::table).values(rows).execute(c))?;
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = requirements, check_for_backend(MultiBackend))]
pub struct RequirementRow {
    pub id: RequirementId,
    pub notice_id: NoticeId,
    pub code: String,
    pub text: String,
    pub position: i32,
}

pub fn requirements_of(conn: &mut Conn, notice: NoticeId) -> StoreResult<Vec<RequirementRow>> {
    Ok(requirements::table
        .filter(requirements::notice_id.eq(notice))
        .order(requirements::position.asc())
        .select(RequirementRow::as_select())
        .load(conn)?)
}

/// Which units each requirement of the notice asks.
pub fn requirement_units_of(conn: &mut Conn, notice: NoticeId) -> StoreResult<Vec<(RequirementId, UnitId)>> {
    Ok(requirement_units::table
        .inner_join(requirements::table.on(requirements::id.eq(requirement_units::requirement_id)))
        .filter(requirements::notice_id.eq(notice))
        .select((requirement_units::requirement_id, requirement_units::unit_id))
        .load(conn)?)
}

pub fn set_requirements(
    conn: &mut Conn,
    notice: NoticeId,
    rows: &[RequirementRow],
    asked: &[(RequirementId, UnitId)],
) -> StoreResult<()> {
    replace_asked_units(conn, notice, &[])?;
    diesel::delete(requirements::table.filter(requirements::notice_id.eq(notice))).execute(conn)?;
    native!(conn, c => diesel::insert_into(requirements::table).values(rows).execute(c))?;
    ask_units(conn, asked)
}

/// Which units the requirements of a notice ask, from now on.
pub fn replace_asked_units(conn: &mut Conn, notice: NoticeId, asked: &[(RequirementId, UnitId)]) -> StoreResult<()> {
    let ids: Vec<RequirementId> =
        requirements::table.filter(requirements::notice_id.eq(notice)).select(requirements::id).load(conn)?;
    diesel::delete(requirement_units::table.filter(requirement_units::requirement_id.eq_any(ids))).execute(conn)?;
    ask_units(conn, asked)
}

fn ask_units(conn: &mut Conn, asked: &[(RequirementId, UnitId)]) -> StoreResult<()> {
    let links: Vec<_> = asked
        .iter()
        .map(|(requirement, unit)| {
            (requirement_units::requirement_id.eq(*requirement), requirement_units::unit_id.eq(*unit))
        })
        .collect();
    native!(conn, c => diesel::insert_into(requirement_units::table).values(&links).execute(c))?;
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = requirement_answers, check_for_backend(MultiBackend))]
pub struct AnswerRow {
    pub requirement_id: RequirementId,
    pub unit_id: UnitId,
    pub feedback_id: FeedbackId,
    pub text: String,
    pub answered_at: Instant,
}

pub fn insert_answers(conn: &mut Conn, rows: &[AnswerRow]) -> StoreResult<()> {
    native!(conn, c => diesel::insert_into(requirement_answers::table).values(rows).execute(c))?;
    Ok(())
}

/// Which units have answered which requirement of the notice, and when first.
pub fn answered(conn: &mut Conn, notice: NoticeId) -> StoreResult<Vec<(RequirementId, UnitId)>> {
    Ok(requirement_answers::table
        .inner_join(requirements::table.on(requirements::id.eq(requirement_answers::requirement_id)))
        .filter(requirements::notice_id.eq(notice))
        .select((requirement_answers::requirement_id, requirement_answers::unit_id))
        .distinct()
        .load(conn)?)
}

/// The newest letter in which each unit answered each requirement of the notice.
pub fn newest_answers(
    conn: &mut Conn,
    notice: NoticeId,
) -> StoreResult<Vec<(RequirementId, UnitId, FeedbackId, Instant)>> {
    let mut rows: Vec<(RequirementId, UnitId, FeedbackId, Instant)> = requirement_answers::table
        .inner_join(requirements::table.on(requirements::id.eq(requirement_answers::requirement_id)))
        .filter(requirements::notice_id.eq(notice))
        .order((
            requirement_answers::requirement_id.asc(),
            requirement_answers::unit_id.asc(),
            requirement_answers::feedback_id.desc(),
        ))
        .select((
            requirement_answers::requirement_id,
            requirement_answers::unit_id,
            requirement_answers::feedback_id,
            requirement_answers::answered_at,
        ))
        .load(conn)?;
    rows.dedup_by_key(|(requirement, unit, ..)| (*requirement, *unit));
    Ok(rows)
}

pub fn answers_of(conn: &mut Conn, feedback: FeedbackId) -> StoreResult<Vec<AnswerRow>> {
    Ok(requirement_answers::table
        .filter(requirement_answers::feedback_id.eq(feedback))
        .select(AnswerRow::as_select())
        .load(conn)?)
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = findings, check_for_backend(MultiBackend), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct FindingRow {
    pub id: FindingId,
    pub notice_id: NoticeId,
    pub code: String,
    pub title: String,
    pub text: String,
    pub indicator: Option<String>,
    pub severity: Severity,
    pub category: Option<String>,
    pub open_ended: bool,
    pub due_on: Option<NaiveDate>,
    pub rectified_before_notice: bool,
    pub position: i32,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    /// The finding of an earlier notice that this one repeats.
    pub recurrence_of: Option<FindingId>,
}

pub fn insert_finding(conn: &mut Conn, row: &FindingRow) -> StoreResult<()> {
    diesel::insert_into(findings::table).values(row).execute(conn)?;
    Ok(())
}

/// Saves over version `held`; `false` when somebody else was faster.
pub fn save_finding(conn: &mut Conn, row: &FindingRow, held: i64) -> StoreResult<bool> {
    let target = findings::table.filter(findings::id.eq(row.id)).filter(findings::version.eq(held));
    Ok(diesel::update(target).set(row).execute(conn)? == 1)
}

pub fn find_finding(conn: &mut Conn, id: FindingId) -> StoreResult<Option<FindingRow>> {
    Ok(findings::table.filter(findings::id.eq(id)).select(FindingRow::as_select()).first(conn).optional()?)
}

/// A finding by its notice's code and its own.
pub fn find_finding_by_codes(conn: &mut Conn, notice: &str, finding: &str) -> StoreResult<Option<FindingRow>> {
    Ok(findings::table
        .inner_join(notices::table.on(notices::id.eq(findings::notice_id)))
        .filter(notices::code.eq(notice))
        .filter(findings::code.eq(finding))
        .select(FindingRow::as_select())
        .first(conn)
        .optional()?)
}

/// The indicator of each of these findings.
pub fn indicators_of(conn: &mut Conn, ids: &[FindingId]) -> StoreResult<Vec<(FindingId, Option<String>)>> {
    Ok(findings::table
        .filter(findings::id.eq_any(ids.to_vec()))
        .select((findings::id, findings::indicator))
        .load(conn)?)
}

/// Findings by id, each with its notice's code, in any order.
pub fn findings_by_ids(conn: &mut Conn, ids: &[FindingId]) -> StoreResult<Vec<(FindingRow, String)>> {
    Ok(findings::table
        .inner_join(notices::table.on(notices::id.eq(findings::notice_id)))
        .filter(findings::id.eq_any(ids.to_vec()))
        .select((FindingRow::as_select(), notices::code))
        .load(conn)?)
}

pub fn findings_of(conn: &mut Conn, notice: NoticeId) -> StoreResult<Vec<FindingRow>> {
    Ok(findings::table
        .filter(findings::notice_id.eq(notice))
        .order((findings::position.asc(), findings::code.asc()))
        .select(FindingRow::as_select())
        .load(conn)?)
}

/// The units of findings as entered (groups not expanded), leads before co-units, in their order.
pub fn finding_units_of(conn: &mut Conn, ids: &[FindingId]) -> StoreResult<Vec<(FindingId, UnitId, Part)>> {
    Ok(finding_units::table
        .filter(finding_units::finding_id.eq_any(ids.to_vec()))
        .order((finding_units::finding_id.asc(), finding_units::part.desc(), finding_units::position.asc()))
        .select((finding_units::finding_id, finding_units::unit_id, finding_units::part))
        .load(conn)?)
}

pub fn finding_assets_of(conn: &mut Conn, ids: &[FindingId]) -> StoreResult<Vec<(FindingId, AssetId)>> {
    Ok(load_of!(
        conn,
        finding_assets::finding_id => ids,
        finding_assets::table
            .order((finding_assets::finding_id.asc(), finding_assets::asset_id.asc()))
            .select((finding_assets::finding_id, finding_assets::asset_id))
    )?)
}

pub fn set_finding_units(conn: &mut Conn, finding: FindingId, part: Part, ids: &[UnitId]) -> StoreResult<()> {
    let held = finding_units::table.filter(finding_units::finding_id.eq(finding)).filter(finding_units::part.eq(part));
    diesel::delete(held).execute(conn)?;
    let rows: Vec<_> = ids
        .iter()
        .zip(0_i32..)
        .map(|(id, position)| {
            (
                finding_units::finding_id.eq(finding),
                finding_units::unit_id.eq(*id),
                finding_units::part.eq(part),
                finding_units::position.eq(position),
            )
        })
        .collect();
    native!(conn, c => diesel::insert_into(finding_units::table).values(&rows).execute(c))?;
    Ok(())
}

/// Units that answer for a finding from now on too, after those that do already.
pub fn add_finding_leads(conn: &mut Conn, finding: FindingId, ids: &[UnitId]) -> StoreResult<()> {
    let held = finding_units::table
        .filter(finding_units::finding_id.eq(finding))
        .filter(finding_units::part.eq(Part::Lead))
        .order(finding_units::position.asc());
    let mut leads: Vec<UnitId> = held.select(finding_units::unit_id).load(conn)?;
    for id in ids {
        if !leads.contains(id) {
            leads.push(*id);
        }
    }
    set_finding_units(conn, finding, Part::Lead, &leads)
}

pub fn set_finding_assets(conn: &mut Conn, finding: FindingId, ids: &[AssetId]) -> StoreResult<()> {
    diesel::delete(finding_assets::table.filter(finding_assets::finding_id.eq(finding))).execute(conn)?;
    let rows: Vec<_> =
        ids.iter().map(|id| (finding_assets::finding_id.eq(finding), finding_assets::asset_id.eq(*id))).collect();
    native!(conn, c => diesel::insert_into(finding_assets::table).values(&rows).execute(c))?;
    Ok(())
}

/// Does the notice ask something of these units: by a ticket or a requirement?
pub fn concerns(conn: &mut Conn, notice: NoticeId, units: &[UnitId]) -> StoreResult<bool> {
    use crate::store::schema::{ticket_parties, tickets};
    use diesel::dsl::exists;
    let led = ticket_parties::table
        .inner_join(tickets::table.on(tickets::id.eq(ticket_parties::ticket_id)))
        .filter(ticket_parties::unit_id.eq_any(units.to_vec()))
        .filter(tickets::notice_id.eq(notice));
    if diesel::select(exists(led)).get_result::<bool>(conn)? {
        return Ok(true);
    }
    let asked = requirement_units::table
        .inner_join(requirements::table.on(requirements::id.eq(requirement_units::requirement_id)))
        .filter(requirement_units::unit_id.eq_any(units.to_vec()))
        .filter(requirements::notice_id.eq(notice));
    Ok(diesel::select(exists(asked)).get_result(conn)?)
}

/// Notices that ask something of these units: by a ticket or a requirement.
pub fn concerning(conn: &mut Conn, units: &[UnitId]) -> StoreResult<Vec<NoticeId>> {
    use crate::store::schema::{ticket_parties, tickets};
    let mut ids: Vec<NoticeId> = ticket_parties::table
        .inner_join(tickets::table.on(tickets::id.eq(ticket_parties::ticket_id)))
        .filter(ticket_parties::unit_id.eq_any(units.to_vec()))
        .select(tickets::notice_id)
        .distinct()
        .load(conn)?;
    let asked: Vec<NoticeId> = requirement_units::table
        .inner_join(requirements::table.on(requirements::id.eq(requirement_units::requirement_id)))
        .filter(requirement_units::unit_id.eq_any(units.to_vec()))
        .select(requirements::notice_id)
        .distinct()
        .load(conn)?;
    ids.extend(asked);
    ids.sort();
    ids.dedup();
    Ok(ids)
}
