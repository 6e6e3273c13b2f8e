//! What a draft is made of, from files: findings, coverage rows, requirements. Rows that the file doesn't name stay.

use super::{Fate, Imported, Tally, column_of, index_of, unknown_notice};
use crate::actions::findings::{self, FindingFields};
use crate::actions::notices::{self as drafts, NewCoverage, NewRequirement};
use crate::domain::actor::Actor;
use crate::domain::id::{FindingId, UnitId};
use crate::domain::refusal::{Code, Fault, Refusal};
use crate::domain::vocabulary::{AssetKind, Part, Severity};
use crate::files::imports::{CoverageRow, FindingRow as Given, RequirementRow, Sheet};
use crate::store::notices::{self, FindingRow, NoticeRow};
use crate::store::units;
use crate::transaction::{Failure, Outcome, Tx};
use std::collections::HashMap;

pub(super) fn findings(tx: &mut Tx<'_>, actor: &Actor, key: &str, sheet: &Sheet<Given>) -> Outcome<Imported> {
    let notice = notice(tx, key)?;
    let key = notice.id.to_string();
    let mut tally = Tally::of(sheet);
    let held: HashMap<String, FindingRow> =
        notices::findings_of(tx.conn, notice.id)?.into_iter().map(|row| (row.code.clone(), row)).collect();
    let parties = parties(tx, held.values())?;
    let repeated = repeated(tx, held.values())?;
    for given in sheet.iter() {
        let fields = fields(sheet, given);
        let (outcome, fate) = match held.get(&given.code) {
            None => (findings::add(tx, actor, &key, &fields), Fate::Created),
            Some(row) if says_nothing_new(&fields, row, (parties.get(&row.id), repeated.get(&row.id))) => {
                (Ok(row.id), Fate::Unchanged)
            }
            Some(row) => (findings::update(tx, actor, row.id, None, &fields), Fate::Updated),
        };
        if tally.of_row(given.row, outcome)?.is_some() {
            tally.note(given.row, &given.code, fate);
        }
    }
    tally.done()
}

/// Lead and co-units of a finding, by code.
type Parties = HashMap<Part, Vec<String>>;

fn parties<'a>(tx: &mut Tx<'_>, held: impl Iterator<Item = &'a FindingRow>) -> Outcome<HashMap<FindingId, Parties>> {
    let ids: Vec<FindingId> = held.map(|row| row.id).collect();
    let mut entered = Vec::new();
    for chunk in ids.chunks(1_000) {
        entered.extend(notices::finding_units_of(tx.conn, chunk)?);
    }
    let codes = codes(tx, entered.iter().map(|(_, unit, _)| *unit))?;
    let mut parties: HashMap<FindingId, Parties> = HashMap::new();
    for (finding, unit, part) in entered {
        if let Some(code) = codes.get(&unit) {
            parties.entry(finding).or_default().entry(part).or_default().push(code.clone());
        }
    }
    Ok(parties)
}

/// What the file says of a finding; columns that it doesn't have are left as they are.
fn fields(sheet: &Sheet<Given>, given: &Given) -> FindingFields {
    FindingFields {
        code: Some(given.code.clone()),
        title: Some(given.title.clone()),
        text: Some(given.text.clone()),
        indicator: sheet.has("indicator").then(|| given.indicator.clone()),
        severity: sheet.has("severity").then(|| given.severity.unwrap_or(Severity::General)),
        category: sheet.has("category").then(|| given.category.clone()),
        assets: None,
        units: Some(given.unit_codes.clone()),
        co_units: sheet.has("co_unit_codes").then(|| given.co_unit_codes.clone()),
        open_ended: sheet.has("open_ended").then_some(given.open_ended),
        due_on: sheet.has("due_on").then_some(given.due_on),
        rectified_before_notice: sheet.has("rectified_before_notice").then_some(given.rectified_before_notice),
        recurrence_of: sheet.has("recurrence_of").then(|| given.recurrence_of.clone()),
    }
}

/// What findings repeat, as a file names it.
fn repeated<'a>(tx: &mut Tx<'_>, held: impl Iterator<Item = &'a FindingRow>) -> Outcome<HashMap<FindingId, String>> {
    let repeats: Vec<(FindingId, FindingId)> = held.filter_map(|row| Some((row.id, row.recurrence_of?))).collect();
    let ids: Vec<FindingId> = repeats.iter().map(|(_, earlier)| *earlier).collect();
    let known = notices::findings_by_ids(tx.conn, &ids)?;
    let named = repeats.into_iter().filter_map(|(id, earlier)| {
        let (row, notice) = known.iter().find(|(row, _)| row.id == earlier)?;
        Some((id, format!("{notice}-{}", row.code)))
    });
    Ok(named.collect())
}

fn says_nothing_new(
    fields: &FindingFields,
    row: &FindingRow,
    (parties, repeats): (Option<&Parties>, Option<&String>),
) -> bool {
    fn same<T: PartialEq>(given: Option<&T>, held: &T) -> bool {
        given.is_none_or(|given| given == held)
    }
    let none = Vec::new();
    let units = |part| parties.and_then(|parties| parties.get(&part)).unwrap_or(&none);
    same(fields.title.as_ref(), &row.title)
        && same(fields.text.as_ref(), &row.text)
        && same(fields.indicator.as_ref(), &row.indicator)
        && same(fields.severity.as_ref(), &row.severity)
        && same(fields.category.as_ref(), &row.category)
        && same(fields.units.as_ref(), units(Part::Lead))
        && same(fields.co_units.as_ref(), units(Part::Co))
        && same(fields.open_ended.as_ref(), &row.open_ended)
        && same(fields.due_on.as_ref(), &row.due_on)
        && same(fields.rectified_before_notice.as_ref(), &row.rectified_before_notice)
        && same(fields.recurrence_of.as_ref(), &repeats.cloned())
}

pub(super) fn coverage(tx: &mut Tx<'_>, actor: &Actor, key: &str, sheet: &Sheet<CoverageRow>) -> Outcome<Imported> {
    let notice = notice(tx, key)?;
    let mut tally = Tally::of(sheet);
    let held = notices::coverage_of(tx.conn, notice.id)?;
    let codes = codes(tx, held.iter().map(|row| row.unit_id))?;
    let mut all: Vec<NewCoverage> = held
        .into_iter()
        .map(|row| NewCoverage {
            unit: codes.get(&row.unit_id).cloned().unwrap_or_default(),
            kind: row.kind,
            in_operation: row.in_operation.into(),
            checked: row.checked.map(i64::from),
            prominent: row.prominent.into(),
            printed_share: row.printed_share,
        })
        .collect();
    let before = all.len();
    let mut lines = vec![0; before];
    for given in sheet.iter() {
        let row = covered(sheet, given, all.iter().take(before));
        let place = all.iter().take(before).position(|held| (&held.unit, held.kind) == (&row.unit, row.kind));
        let fate = match place.and_then(|index| Some((all.get_mut(index)?, lines.get_mut(index)?))) {
            None => {
                all.push(row);
                lines.push(given.row);
                Fate::Created
            }
            Some((held, line)) => {
                *line = given.row;
                let fate = if same_figures(held, &row) { Fate::Unchanged } else { Fate::Updated };
                *held = row;
                fate
            }
        };
        tally.note(given.row, format!("{} {}", given.unit_code, given.kind), fate);
    }
    if tally.rows.iter().any(|row| row.fate != Fate::Unchanged) {
        let outcome = drafts::set_coverage(tx, actor, &notice.id.to_string(), None, &all);
        in_lines(&mut tally, &lines, outcome)?;
    }
    tally.done()
}

/// The row as it will stand; columns that the file doesn't have are left as they are.
fn covered<'a>(
    sheet: &Sheet<CoverageRow>,
    given: &CoverageRow,
    mut held: impl Iterator<Item = &'a NewCoverage>,
) -> NewCoverage {
    let held = held.find(|held| (held.unit.as_str(), held.kind) == (given.unit_code.as_str(), given.kind));
    let kept = held.filter(|_| !sheet.has("checked")).and_then(|held| held.checked);
    let share = held.filter(|_| !sheet.has("printed_share")).and_then(|held| held.printed_share.clone());
    NewCoverage {
        unit: given.unit_code.clone(),
        kind: given.kind,
        in_operation: given.in_operation.into(),
        checked: given.checked.map(i64::from).or(kept),
        prominent: given.prominent.into(),
        printed_share: given.printed_share.clone().or(share),
    }
}

fn same_figures(one: &NewCoverage, other: &NewCoverage) -> bool {
    fn figures(row: &NewCoverage) -> (AssetKind, i64, Option<i64>, i64, Option<&str>) {
        (row.kind, row.in_operation, row.checked, row.prominent, row.printed_share.as_deref())
    }
    figures(one) == figures(other)
}

pub(super) fn requirements(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    sheet: &Sheet<RequirementRow>,
) -> Outcome<Imported> {
    let notice = notice(tx, key)?;
    let mut tally = Tally::of(sheet);
    let held = notices::requirements_of(tx.conn, notice.id)?;
    let asked = notices::requirement_units_of(tx.conn, notice.id)?;
    let codes = codes(tx, asked.iter().map(|(_, unit)| *unit))?;
    let mut all: Vec<NewRequirement> = held
        .into_iter()
        .map(|row| NewRequirement {
            units: asked
                .iter()
                .filter(|(requirement, _)| *requirement == row.id)
                .filter_map(|(_, unit)| codes.get(unit).cloned())
                .collect(),
            code: row.code,
            text: row.text,
        })
        .collect();
    let before = all.len();
    let mut lines = vec![0; before];
    for given in sheet.iter() {
        let row =
            NewRequirement { code: given.code.clone(), text: given.text.clone(), units: given.unit_codes.clone() };
        let place = all.iter().take(before).position(|held| held.code == row.code);
        let fate = match place.and_then(|index| Some((all.get_mut(index)?, lines.get_mut(index)?))) {
            None => {
                all.push(row);
                lines.push(given.row);
                Fate::Created
            }
            Some((held, line)) => {
                *line = given.row;
                let fate = if same_requirement(held, &row) { Fate::Unchanged } else { Fate::Updated };
                *held = row;
                fate
            }
        };
        tally.note(given.row, &given.code, fate);
    }
    if tally.rows.iter().any(|row| row.fate != Fate::Unchanged) {
        let outcome = drafts::set_requirements(tx, actor, &notice.id.to_string(), None, &all);
        in_lines(&mut tally, &lines, outcome)?;
    }
    tally.done()
}

/// Units are a set: the store keeps them in no order.
fn same_requirement(one: &NewRequirement, other: &NewRequirement) -> bool {
    let sorted = |row: &NewRequirement| {
        let mut units = row.units.clone();
        units.sort();
        units
    };
    one.text == other.text && sorted(one) == sorted(other)
}

fn notice(tx: &mut Tx<'_>, key: &str) -> Outcome<NoticeRow> {
    Ok(notices::find_by_key(tx.conn, key)?.ok_or_else(|| unknown_notice(key))?)
}

/// The codes of units.
fn codes(tx: &mut Tx<'_>, ids: impl Iterator<Item = UnitId>) -> Outcome<HashMap<UnitId, String>> {
    let mut ids: Vec<UnitId> = ids.collect();
    ids.sort();
    ids.dedup();
    let mut codes = HashMap::new();
    for chunk in ids.chunks(1_000) {
        codes.extend(units::by_ids(tx.conn, chunk)?.into_iter().map(|row| (row.id, row.code)));
    }
    Ok(codes)
}

/// Faults of a list's items, told with the lines that the items came from.
fn in_lines<T, V>(tally: &mut Tally<'_, T>, lines: &[u64], outcome: Outcome<V>) -> Outcome<()> {
    match outcome {
        Ok(_) => Ok(()),
        Err(Failure::Refused(Refusal { code: Code::Invalid, faults, .. })) => {
            for fault in faults {
                let line = index_of(&fault.place).and_then(|index| lines.get(index)).copied().unwrap_or(1);
                let column = column_of(&fault.place).to_owned();
                tally.fault(line, &column, Fault { ..fault });
            }
            Ok(())
        }
        Err(other) => Err(other),
    }
}
