//! Findings (问题) of a draft: the text exactly as entered, and who is responsible.

use crate::actions::notices::{distinct_units, draft, taken, units_of};
use crate::actions::record::{check_version, must_be_saved, record};
use crate::actions::recurrence;
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::{Check, LINE, LONG_TEXT};
use crate::domain::id::{AssetId, FindingId, UnitId};
use crate::domain::indicator;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::vocabulary::{Part, Role, Severity};
use crate::store::notices::FindingRow;
use crate::store::{assets, notices, savepoint};
use crate::transaction::{Outcome, Tx};
use chrono::NaiveDate;
use serde_json::json;

/// What a finding says, as it comes in. Of a change: `None` = as it was, `Some(None)` = cleared.
#[derive(Debug, Clone, Default)]
pub struct FindingFields {
    pub code: Option<String>,
    pub title: Option<String>,
    pub text: Option<String>,
    pub indicator: Option<Option<String>>,
    pub severity: Option<Severity>,
    pub category: Option<Option<String>>,
    pub assets: Option<Vec<AssetId>>,
    /// Ids or codes; groups are expanded on issue.
    pub units: Option<Vec<String>>,
    pub co_units: Option<Vec<String>>,
    pub open_ended: Option<bool>,
    pub due_on: Option<Option<NaiveDate>>,
    pub rectified_before_notice: Option<bool>,
    /// The finding of an earlier notice that this one repeats: its id, or `<notice code>-<finding code>`.
    pub recurrence_of: Option<Option<String>>,
}

/// Links that a finding's fields name.
struct Links {
    leads: Option<Vec<UnitId>>,
    co_units: Option<Vec<UnitId>>,
}

pub fn add(tx: &mut Tx<'_>, actor: &Actor, notice: &str, fields: &FindingFields) -> Outcome<FindingId> {
    let held = draft(tx, actor, notice, None)?;
    let position = i32::try_from(notices::findings_of(tx.conn, held.id)?.len()).unwrap_or(i32::MAX);
    let id: FindingId = tx.id();
    let mut row = FindingRow {
        id,
        notice_id: held.id,
        code: String::new(),
        title: String::new(),
        text: String::new(),
        indicator: None,
        severity: Severity::General,
        category: None,
        open_ended: false,
        due_on: None,
        rectified_before_notice: false,
        position,
        version: 1,
        created_at: tx.now,
        updated_at: tx.now,
        recurrence_of: None,
    };
    let mut check = Check::new();
    let required =
        [("/code", fields.code.is_some()), ("/title", fields.title.is_some()), ("/text", fields.text.is_some())];
    for (pointer, _) in required.iter().filter(|(_, given)| !given) {
        check.fault(Fault::at(*pointer, Code::FieldRequired));
    }
    let links = fill(tx, &mut row, fields, &mut check)?;
    check.done(())?;
    savepoint(tx.conn, |conn| notices::insert_finding(conn, &row)).map_err(|fault| taken(fault, "code", &row.code))?;
    link(tx, id, fields, &links)?;
    record(tx, actor, Stream::Finding(id), "finding.added", &said(&row, held.id))?;
    Ok(id)
}

pub fn update(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: FindingId,
    version: Option<i64>,
    fields: &FindingFields,
) -> Outcome<FindingId> {
    actor.require(&[Role::Coordinator])?;
    let held = notices::find_finding(tx.conn, id)?.ok_or_else(Refusal::missing)?;
    draft(tx, actor, &held.notice_id.to_string(), None)?;
    check_version(version, held.version)?;
    let mut row = FindingRow { version: held.version + 1, updated_at: tx.now, ..held.clone() };
    let mut check = Check::new();
    let links = fill(tx, &mut row, fields, &mut check)?;
    check.done(())?;
    let saved = savepoint(tx.conn, |conn| notices::save_finding(conn, &row, held.version))
        .map_err(|fault| taken(fault, "code", &row.code))?;
    must_be_saved(saved, held.version)?;
    link(tx, id, fields, &links)?;
    record(tx, actor, Stream::Finding(id), "finding.changed", &said(&row, held.notice_id))?;
    Ok(id)
}

fn fill(tx: &mut Tx<'_>, row: &mut FindingRow, fields: &FindingFields, check: &mut Check) -> Outcome<Links> {
    if let Some(code) = &fields.code {
        row.code = check.code("/code", code, 40);
    }
    if let Some(title) = &fields.title {
        row.title = check.line("/title", title, LINE);
    }
    if let Some(text) = &fields.text {
        // Verbatim: the check looks, the text stays as it was entered.
        check.text("/text", text, LONG_TEXT);
        row.text.clone_from(text);
    }
    if let Some(indicator) = &fields.indicator {
        row.indicator = check.optional_line("/indicator", indicator.as_deref(), LINE).map(|text| {
            if row.indicator.as_ref() == Some(&text) {
                return text;
            }
            let known = indicator::read(&text)
                .map_err(|fault| check.fault(Fault { place: Place::Pointer("/indicator".to_owned()), ..fault }));
            known.map_or(text, |known| known.code.clone())
        });
    }
    if let Some(category) = &fields.category {
        row.category = check.optional_line("/category", category.as_deref(), LINE);
    }
    row.severity = fields.severity.unwrap_or(row.severity);
    row.open_ended = fields.open_ended.unwrap_or(row.open_ended);
    row.due_on = fields.due_on.unwrap_or(row.due_on);
    row.rectified_before_notice = fields.rectified_before_notice.unwrap_or(row.rectified_before_notice);
    if let Some(earlier) = &fields.recurrence_of {
        row.recurrence_of = recurrence::earlier(tx, row.notice_id, earlier.as_deref(), check)?;
    }
    let named = fields.units.iter().chain(&fields.co_units).flatten();
    let found = units_of(tx, named)?;
    let mut ids = |keys: &Option<Vec<String>>, pointer: &str| {
        keys.as_ref().map(|keys| distinct_units(&found, keys, pointer, check).map(|unit| unit.id).collect::<Vec<_>>())
    };
    let leads = ids(&fields.units, "/unit_ids");
    let co_units = ids(&fields.co_units, "/co_unit_ids");
    both_parts(leads.as_deref(), co_units.as_deref(), check);
    if let Some(named) = &fields.assets {
        let known = assets::by_ids(tx.conn, named)?;
        for (index, id) in named.iter().enumerate().filter(|(_, id)| !known.iter().any(|row| row.id == **id)) {
            check.fault(Fault::at(format!("/asset_ids/{index}"), Code::FieldReference).with("value", id));
        }
        let again = |index: usize, id| named.iter().take(index).any(|earlier| earlier == id);
        for (index, id) in named.iter().enumerate().filter(|(index, id)| again(*index, *id)) {
            check.fault(Fault::at(format!("/asset_ids/{index}"), Code::FieldDuplicate).with("value", id));
        }
    }
    Ok(Links { leads, co_units })
}

/// No unit leads and helps at once.
fn both_parts(leads: Option<&[UnitId]>, co_units: Option<&[UnitId]>, check: &mut Check) {
    let leads = leads.unwrap_or_default();
    for (index, unit) in co_units.unwrap_or_default().iter().enumerate().filter(|(_, unit)| leads.contains(unit)) {
        check.fault(Fault::at(format!("/co_unit_ids/{index}"), Code::FieldDuplicate).with("value", unit));
    }
}

fn link(tx: &mut Tx<'_>, id: FindingId, fields: &FindingFields, links: &Links) -> Outcome<()> {
    for (part, units) in [(Part::Lead, &links.leads), (Part::Co, &links.co_units)] {
        if let Some(units) = units {
            notices::set_finding_units(tx.conn, id, part, units)?;
        }
    }
    if let Some(assets) = &fields.assets {
        notices::set_finding_assets(tx.conn, id, assets)?;
    }
    Ok(())
}

fn said(row: &FindingRow, notice: crate::domain::id::NoticeId) -> serde_json::Value {
    json!({"notice_id": notice, "code": row.code, "title": row.title, "text": row.text, "severity": row.severity,
           "recurrence_of": row.recurrence_of})
}
