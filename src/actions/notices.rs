//! Notices (通报): drafted, given their coverage tables and requirements, closed. Issuing has a file of its own.

use crate::actions::record::{check_version, must_be_saved, record};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::{Check, LINE, LONG_TEXT, TEXT};
use crate::domain::deadline::{Reading, Wording, read_phrase};
use crate::domain::id::{NoticeId, RequirementId, UnitId};
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::vocabulary::{AssetKind, LookBackPolicy, NoticeState, Role, UnitKind};
use crate::store::notices::{CoverageRow, NoticeRow, RequirementRow};
use crate::store::units::UnitRow;
use crate::store::{StoreError, notices, savepoint, tickets, units};
use crate::transaction::{Failure, Outcome, Tx};
use chrono::{NaiveDate, NaiveTime};
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// A deadline as it comes in: a date, or a phrase of the notice that says one.
#[derive(Debug, Clone, Default)]
pub struct NewDeadline {
    pub on: Option<NaiveDate>,
    pub cutoff: Option<NaiveTime>,
    /// "X日前" counts X; the default.
    pub inclusive: Option<bool>,
    pub raw: Option<String>,
}

/// What a notice says of itself, as it comes in. Of a change: `None` = as it was, `Some(None)` = cleared.
#[derive(Debug, Clone, Default)]
pub struct NoticeFields {
    pub title: Option<String>,
    pub document_no: Option<Option<String>>,
    pub issued_on: Option<Option<NaiveDate>>,
    pub basis: Option<Option<String>>,
    pub sampling: Option<Option<(NaiveDate, NaiveDate)>>,
    pub deadline: Option<Option<NewDeadline>>,
    /// Unit by id or code.
    pub feedback_to: Option<Option<String>>,
    pub look_back: Option<LookBackPolicy>,
}

/// A row of an annex as it comes in.
#[derive(Debug, Clone)]
pub struct NewCoverage {
    pub unit: String,
    pub kind: AssetKind,
    pub in_operation: i64,
    /// `None` where the annex prints none: all in operation were checked.
    pub checked: Option<i64>,
    pub prominent: i64,
    pub printed_share: Option<String>,
}

/// A requirement as it comes in.
#[derive(Debug, Clone)]
pub struct NewRequirement {
    pub code: String,
    pub text: String,
    pub units: Vec<String>,
}

const COVERAGE_MAX: usize = 5_000;
const REQUIREMENTS_MAX: usize = 200;
pub(super) const UNITS_MAX: usize = 2_000;

/// A draft.
pub fn create(tx: &mut Tx<'_>, actor: &Actor, code: &str, fields: &NoticeFields) -> Outcome<NoticeId> {
    actor.require(&[Role::Coordinator])?;
    let id: NoticeId = tx.id();
    let mut check = Check::new();
    let mut row = NoticeRow {
        id,
        code: check.code("/code", code, 40),
        title: String::new(),
        document_no: None,
        issued_on: None,
        basis: None,
        sampling_from: None,
        sampling_to: None,
        deadline_on: None,
        deadline_cutoff: None,
        deadline_inclusive: true,
        deadline_raw: None,
        feedback_to: None,
        look_back: LookBackPolicy::All,
        state: NoticeState::Draft,
        issued_at: None,
        closed_at: None,
        due_on: None,
        due_at: None,
        next_reminder_at: None,
        version: 1,
        created_at: tx.now,
        updated_at: tx.now,
    };
    if fields.title.is_none() {
        check.fault(Fault::at("/title", Code::FieldRequired));
    }
    fill(tx, &mut row, fields, &mut check)?;
    check.done(())?;
    savepoint(tx.conn, |conn| notices::insert(conn, &row)).map_err(|fault| taken(fault, "code", &row.code))?;
    record(tx, actor, Stream::Notice(id), "notice.drafted", &json!({"code": row.code, "title": row.title}))?;
    Ok(id)
}

/// Changes a draft; of an issued notice only title, document number and date.
pub fn update(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    fields: &NoticeFields,
) -> Outcome<NoticeId> {
    actor.require(&[Role::Coordinator])?;
    let held = lock(tx, key)?;
    check_version(version, held.version)?;
    let touches_terms = fields.basis.is_some()
        || fields.sampling.is_some()
        || fields.deadline.is_some()
        || fields.feedback_to.is_some()
        || fields.look_back.is_some();
    if held.state != NoticeState::Draft && touches_terms {
        return Err(Refusal::new(Code::NoticeAlreadyIssued).into());
    }
    let mut row = held.clone();
    let mut check = Check::new();
    fill(tx, &mut row, fields, &mut check)?;
    check.done(())?;
    let payload = json!({"title": row.title, "document_no": row.document_no, "issued_on": row.issued_on,
        "deadline_on": row.deadline_on});
    save(tx, actor, &held, row, "notice.changed", &payload)
}

fn fill(tx: &mut Tx<'_>, row: &mut NoticeRow, fields: &NoticeFields, check: &mut Check) -> Outcome<()> {
    if let Some(title) = &fields.title {
        row.title = check.line("/title", title, LINE);
    }
    if let Some(number) = &fields.document_no {
        row.document_no = check.optional_line("/document_no", number.as_deref(), 100);
    }
    if let Some(issued_on) = fields.issued_on {
        row.issued_on = issued_on;
    }
    if let Some(basis) = &fields.basis {
        row.basis = check.optional_text("/basis", basis.as_deref(), TEXT);
    }
    if let Some(sampling) = fields.sampling {
        if let Some((from, to)) = sampling.filter(|(from, to)| from > to) {
            check.fault(Fault::at("/sampling/from", Code::FieldOrder).with("earlier", from).with("later", to));
        }
        (row.sampling_from, row.sampling_to) = (sampling.map(|(from, _)| from), sampling.map(|(_, to)| to));
    }
    if let Some(deadline) = &fields.deadline {
        let stated_on = row.issued_on.unwrap_or_else(|| tx.office.today(tx.now));
        let wording = deadline.as_ref().and_then(|deadline| wording(tx, deadline, stated_on, check));
        row.deadline_on = wording.as_ref().map(|wording| wording.on);
        row.deadline_cutoff =
            wording.as_ref().and_then(|wording| wording.cutoff).map(|time| time.format("%H:%M").to_string());
        row.deadline_inclusive = wording.as_ref().is_none_or(|wording| wording.inclusive);
        row.deadline_raw = wording.and_then(|wording| wording.raw);
    }
    if let Some(unit) = &fields.feedback_to {
        row.feedback_to = match unit {
            None => None,
            Some(key) => one_unit(tx, key, "/feedback_to", check)?.map(|unit| unit.id),
        };
    }
    if let Some(look_back) = fields.look_back {
        row.look_back = look_back;
    }
    Ok(())
}

/// The deadline as it is kept; without a date it is read out of the phrase.
fn wording(tx: &Tx<'_>, given: &NewDeadline, stated_on: NaiveDate, check: &mut Check) -> Option<Wording> {
    let raw = check.optional_line("/deadline/raw", given.raw.as_deref(), LINE);
    if let Some(on) = given.on {
        let inclusive = given.inclusive.unwrap_or(true);
        return Some(Wording { on, cutoff: given.cutoff, inclusive, raw });
    }
    let (_, closes) = tx.office.window;
    let read = raw.as_deref().and_then(|phrase| read_phrase(phrase, stated_on, closes));
    let found = match read {
        Some(Reading::Fixed(wording)) => Some(wording),
        Some(Reading::Within { period, raw }) => period.end(stated_on, &tx.office.calendar).map(|on| Wording {
            on,
            cutoff: given.cutoff,
            inclusive: true,
            raw: Some(raw),
        }),
        None => None,
    };
    if found.is_none() {
        check.fault(Fault::at("/deadline/on", Code::FieldRequired));
    }
    found
}

/// Replaces the coverage tables of a draft.
pub fn set_coverage(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    rows: &[NewCoverage],
) -> Outcome<NoticeId> {
    let held = draft(tx, actor, key, version)?;
    let mut check = Check::new();
    check.at_most("", rows.len(), COVERAGE_MAX);
    let found = units_of(tx, rows.iter().map(|row| &row.unit))?;
    let mut seen = HashSet::new();
    let mut kept = Vec::with_capacity(rows.len());
    for ((index, row), position) in rows.iter().enumerate().zip(0_i32..) {
        let at = |field: &str| format!("/{index}/{field}");
        let unit = known_unit(&found, &row.unit, &at("unit_id"), &mut check);
        if unit.is_some_and(|unit| !seen.insert((unit.id, row.kind))) {
            check.fault(Fault::at(at("unit_id"), Code::FieldDuplicate).with("value", &row.unit));
        }
        let mut figure = |field: &str, figure: i64| {
            check.between(&at(field), figure, 0, 1_000_000);
            i32::try_from(figure).unwrap_or(0)
        };
        let in_operation = figure("in_operation", row.in_operation);
        let checked = row.checked.map(|checked| figure("checked", checked));
        let prominent = figure("prominent", row.prominent);
        let printed_share = check.optional_line(&at("printed_share"), row.printed_share.as_deref(), 20);
        if let Some(unit) = unit {
            kept.push(CoverageRow {
                notice_id: held.id,
                kind: row.kind,
                unit_id: unit.id,
                position,
                in_operation,
                checked,
                prominent,
                printed_share,
            });
        }
    }
    let kept = check.done(kept)?;
    notices::set_coverage(tx.conn, held.id, &kept)?;
    save(tx, actor, &held, held.clone(), "notice.coverage_set", &json!({"rows": kept.len()}))
}

/// Replaces the requirements of a draft.
pub fn set_requirements(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    given: &[NewRequirement],
) -> Outcome<NoticeId> {
    let held = draft(tx, actor, key, version)?;
    let mut check = Check::new();
    check.at_most("", given.len(), REQUIREMENTS_MAX);
    let found = units_of(tx, given.iter().flat_map(|requirement| &requirement.units))?;
    let mut seen = HashSet::new();
    let mut rows = Vec::with_capacity(given.len());
    let mut asked = Vec::new();
    for ((index, requirement), position) in given.iter().enumerate().zip(0_i32..) {
        let code = check.code(&format!("/{index}/code"), &requirement.code, 40);
        if !seen.insert(code.clone()) {
            check.fault(Fault::at(format!("/{index}/code"), Code::FieldDuplicate).with("value", &code));
        }
        let id: RequirementId = tx.id();
        let pointer = format!("/{index}/unit_ids");
        asked.extend(distinct_units(&found, &requirement.units, &pointer, &mut check).map(|unit| (id, unit.id)));
        rows.push(RequirementRow {
            id,
            notice_id: held.id,
            text: check.text(&format!("/{index}/text"), &requirement.text, LONG_TEXT),
            code,
            position,
        });
    }
    let rows = check.done(rows)?;
    notices::set_requirements(tx.conn, held.id, &rows, &asked)?;
    save(tx, actor, &held, held.clone(), "notice.requirements_set", &json!({"requirements": rows.len()}))
}

/// Closes a notice whose tickets are all finished.
pub fn close(tx: &mut Tx<'_>, actor: &Actor, key: &str, version: Option<i64>) -> Outcome<NoticeId> {
    actor.require(&[Role::Coordinator])?;
    let held = lock(tx, key)?;
    check_version(version, held.version)?;
    if held.state != NoticeState::Issued {
        return Err(Refusal::new(Code::NoticeNotIssued).into());
    }
    let open = tickets::open_of_notice(tx.conn, held.id)?;
    if open > 0 {
        return Err(Refusal::new(Code::NoticeHasOpenTickets).with("count", open).into());
    }
    let row = NoticeRow { state: NoticeState::Closed, closed_at: Some(tx.now), next_reminder_at: None, ..held.clone() };
    save(tx, actor, &held, row, "notice.closed", &json!({}))
}

/// Locks a notice by id or code.
pub(super) fn lock(tx: &mut Tx<'_>, key: &str) -> Outcome<NoticeRow> {
    let found = notices::find_by_key(tx.conn, key)?.ok_or_else(Refusal::missing)?;
    Ok(notices::lock(tx.conn, found.id)?.ok_or_else(Refusal::missing)?)
}

/// Locks a draft for a coordinator.
pub(super) fn draft(tx: &mut Tx<'_>, actor: &Actor, key: &str, version: Option<i64>) -> Outcome<NoticeRow> {
    actor.require(&[Role::Coordinator])?;
    let held = lock(tx, key)?;
    check_version(version, held.version)?;
    match held.state {
        NoticeState::Draft => Ok(held),
        NoticeState::Issued | NoticeState::Closed => Err(Refusal::new(Code::NoticeAlreadyIssued).into()),
    }
}

/// Saves over `held`, one version on, and records it.
pub(super) fn save(
    tx: &mut Tx<'_>,
    actor: &Actor,
    held: &NoticeRow,
    row: NoticeRow,
    act: &str,
    payload: &serde_json::Value,
) -> Outcome<NoticeId> {
    let row = NoticeRow { version: held.version + 1, updated_at: tx.now, ..row };
    must_be_saved(notices::save(tx.conn, &row, held.version)?, held.version)?;
    record(tx, actor, Stream::Notice(row.id), act, payload)?;
    Ok(row.id)
}

/// The units that these keys (ids or codes) name, by key.
pub(super) fn units_of<'a>(
    tx: &mut Tx<'_>,
    keys: impl Iterator<Item = &'a String>,
) -> Outcome<HashMap<String, UnitRow>> {
    let mut keys: Vec<String> = keys.cloned().collect();
    keys.sort();
    keys.dedup();
    let mut found = HashMap::new();
    for chunk in keys.chunks(1_000) {
        for row in units::by_keys(tx.conn, chunk)? {
            found.insert(row.id.to_string(), row.clone());
            found.insert(row.code.clone(), row);
        }
    }
    Ok(found)
}

pub(super) fn known_unit<'a>(
    found: &'a HashMap<String, UnitRow>,
    key: &str,
    pointer: &str,
    check: &mut Check,
) -> Option<&'a UnitRow> {
    let unit = found.get(key);
    if unit.is_none() {
        check.fault(Fault::at(pointer, Code::FieldReference).with("value", key));
    }
    unit
}

/// The named units in their order; unknown and repeated ones are faults.
pub(super) fn distinct_units<'a>(
    found: &'a HashMap<String, UnitRow>,
    keys: &'a [String],
    pointer: &str,
    check: &mut Check,
) -> impl Iterator<Item = &'a UnitRow> + use<'a> {
    check.at_most(pointer, keys.len(), UNITS_MAX);
    let mut seen: HashSet<UnitId> = HashSet::new();
    let mut units = Vec::with_capacity(keys.len());
    for (index, key) in keys.iter().enumerate() {
        let Some(unit) = known_unit(found, key, &format!("{pointer}/{index}"), check) else { continue };
        if seen.insert(unit.id) {
            units.push(unit);
        } else {
            check.fault(Fault::at(format!("{pointer}/{index}"), Code::FieldDuplicate).with("value", key));
        }
    }
    units.into_iter()
}

/// One unit that is not a group.
fn one_unit(tx: &mut Tx<'_>, key: &str, pointer: &str, check: &mut Check) -> Outcome<Option<UnitRow>> {
    let unit = units::find_by_key(tx.conn, key)?;
    match &unit {
        None => check.fault(Fault::at(pointer, Code::FieldReference).with("value", key)),
        Some(unit) if unit.kind == UnitKind::Group => {
            check.fault(Fault::at(pointer, Code::UnitIsGroup).with("unit", &unit.code));
        }
        Some(_) => {}
    }
    Ok(unit)
}

/// A broken UNIQUE told as the refusal that it is.
pub(super) fn taken(fault: StoreError, what: &'static str, value: &str) -> Failure {
    if fault.unique_violation().is_some() {
        return Refusal::new(Code::Duplicate).with("what", Arg::from(what)).with("value", value).into();
    }
    fault.into()
}
