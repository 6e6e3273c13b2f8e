//! Websites and new-media accounts from a file, tied to the findings that name them.

use super::{Fate, Imported, Tally, unknown_notice};
use crate::actions::findings::{self, FindingFields};
use crate::actions::notices::{taken, units_of};
use crate::actions::record::{must_be_saved, record, record_births};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::Check;
use crate::domain::id::{AssetId, FindingId, UnitId};
use crate::domain::refusal::{Code, Fault, Place};
use crate::domain::vocabulary::UnitKind;
use crate::files::imports::{AssetRow as Given, Sheet};
use crate::store::assets::{self, AssetRow};
use crate::store::notices;
use crate::store::units::UnitRow;
use crate::transaction::{Outcome, Tx};
use serde_json::{Value, json};
use std::collections::HashMap;

pub(super) fn import(tx: &mut Tx<'_>, actor: &Actor, notice: Option<&str>, sheet: &Sheet<Given>) -> Outcome<Imported> {
    let mut tally = Tally::of(sheet);
    let named = sheet.iter().flat_map(|given| std::iter::once(&given.unit_code).chain(&given.supervising_unit_code));
    let units = units_of(tx, named)?;
    let codes: Vec<String> = sheet.iter().map(|given| given.code.clone()).collect();
    let mut held: HashMap<String, AssetRow> = HashMap::new();
    for chunk in codes.chunks(1_000) {
        held.extend(assets::by_codes(tx.conn, chunk)?.into_iter().map(|row| (row.code.clone(), row)));
    }
    let mut wanted = Vec::with_capacity(sheet.len());
    for given in sheet.iter() {
        let row = plan(tx, given, held.get(&given.code), &units, &mut tally)?;
        wanted.push((given, row));
    }
    let ties = ties(tx, notice, &wanted, &mut tally)?;
    if tally.faults.is_empty() {
        save(tx, actor, &held, &wanted, &mut tally)?;
        for (finding, all) in ties {
            let fields = FindingFields { assets: Some(all), ..FindingFields::default() };
            findings::update(tx, actor, finding, None, &fields)?;
        }
    }
    tally.done()
}

fn plan(
    tx: &Tx<'_>,
    given: &Given,
    held: Option<&AssetRow>,
    units: &HashMap<String, UnitRow>,
    tally: &mut Tally<'_, Given>,
) -> Outcome<AssetRow> {
    let mut check = Check::new();
    let unit = |code: &str, pointer: &str, check: &mut Check| {
        let found = units.get(code);
        match found {
            None => check.fault(Fault::at(pointer, Code::FieldReference).with("value", code)),
            Some(unit) if unit.kind == UnitKind::Group => {
                check.fault(Fault::at(pointer, Code::UnitIsGroup).with("unit", code));
            }
            Some(_) => {}
        }
        found.map(|unit| unit.id)
    };
    let sponsor = unit(&given.unit_code, "/unit_code", &mut check);
    let supervising =
        given.supervising_unit_code.as_deref().and_then(|code| unit(code, "/supervising_unit_code", &mut check));
    let code = check.code("/code", &given.code, 64);
    tally.of_row(given.row, check.done(()).map_err(Into::into))?;
    // Only a fault leaves it without a sponsor, and then nothing is saved.
    let unit_id = sponsor.unwrap_or(UnitId(uuid::Uuid::nil()));
    let sheet = tally.sheet;
    let mut row = held.cloned().unwrap_or_else(|| AssetRow {
        id: tx.id(),
        code,
        kind: given.kind,
        name: String::new(),
        address: None,
        platform: None,
        unit_id,
        supervising_unit_id: None,
        version: 1,
        created_at: tx.now,
        updated_at: tx.now,
    });
    row.kind = given.kind;
    row.name.clone_from(&given.name);
    row.unit_id = unit_id;
    row.platform = given.platform.map(str::to_owned);
    if sheet.has("address") {
        row.address.clone_from(&given.address);
    }
    if sheet.has("supervising_unit_code") {
        row.supervising_unit_id = supervising;
    }
    Ok(row)
}

/// Findings that get further assets, each with all that it will have.
fn ties(
    tx: &mut Tx<'_>,
    notice: Option<&str>,
    wanted: &[(&Given, AssetRow)],
    tally: &mut Tally<'_, Given>,
) -> Outcome<Vec<(FindingId, Vec<AssetId>)>> {
    if wanted.iter().all(|(given, _)| given.finding_codes.is_empty()) {
        return Ok(Vec::new());
    }
    let key = super::named(notice)?;
    let notice = notices::find_by_key(tx.conn, key)?.ok_or_else(|| unknown_notice(key))?;
    let held = notices::findings_of(tx.conn, notice.id)?;
    let ids: Vec<FindingId> = held.iter().map(|finding| finding.id).collect();
    let mut tied: HashMap<FindingId, Vec<AssetId>> = HashMap::new();
    for chunk in ids.chunks(1_000) {
        for (finding, asset) in notices::finding_assets_of(tx.conn, chunk)? {
            tied.entry(finding).or_default().push(asset);
        }
    }
    let mut more: Vec<FindingId> = Vec::new();
    for (given, row) in wanted {
        for code in &given.finding_codes {
            let Some(finding) = held.iter().find(|finding| finding.code == *code) else {
                let fault = Fault::new(Place::Whole, Code::FieldReference).with("value", code);
                tally.fault(given.row, "finding_codes", fault);
                continue;
            };
            let assets = tied.entry(finding.id).or_default();
            if !assets.contains(&row.id) {
                assets.push(row.id);
                more.push(finding.id);
            }
        }
    }
    more.sort();
    more.dedup();
    Ok(more.into_iter().filter_map(|finding| tied.remove_entry(&finding)).collect())
}

fn save(
    tx: &mut Tx<'_>,
    actor: &Actor,
    held: &HashMap<String, AssetRow>,
    wanted: &[(&Given, AssetRow)],
    tally: &mut Tally<'_, Given>,
) -> Outcome<()> {
    let mut births = Vec::new();
    for (given, row) in wanted {
        let fate = match held.get(&row.code) {
            None => {
                assets::insert(tx.conn, row).map_err(|fault| taken(fault, "code", &row.code))?;
                births.push((Stream::Asset(row.id), "asset.created", said(row)));
                Fate::Created
            }
            Some(held) if held == row => Fate::Unchanged,
            Some(held) => {
                let version = record(tx, actor, Stream::Asset(row.id), "asset.changed", &said(row))?;
                let row = AssetRow { version, updated_at: tx.now, ..row.clone() };
                must_be_saved(assets::save(tx.conn, &row, held.version)?, held.version)?;
                Fate::Updated
            }
        };
        tally.note(given.row, &given.code, fate);
    }
    record_births(tx, actor, &births)
}

fn said(row: &AssetRow) -> Value {
    json!({
        "code": row.code, "kind": row.kind, "name": row.name, "address": row.address, "platform": row.platform,
        "unit_id": row.unit_id, "supervising_unit_id": row.supervising_unit_id,
    })
}
