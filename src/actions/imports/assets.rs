//! Websites and new-media accounts from a file, tied to the findings that name them.

use super::{Fate, Imported, Tally, unknown_notice};
use crate::actions::assets::{NOBODY, checked, facts, save};
use crate::actions::findings::{self, FindingFields};
use crate::actions::notices::{taken, units_of};
use crate::actions::record::record_births;
use crate::domain::actor::Actor;
use crate::domain::asset::AssetStatus;
use crate::domain::audit::Stream;
use crate::domain::check::Check;
use crate::domain::id::{AssetId, FindingId, UnitId};
use crate::domain::refusal::{Arg, Code, Fault, Place};
use crate::domain::vocabulary::{AssetKind, UnitKind};
use crate::files::imports::{AssetRow as Given, Sheet};
use crate::store::assets::{self, AssetRow};
use crate::store::notices;
use crate::store::units::UnitRow;
use crate::transaction::{Outcome, Tx};
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
        keep(tx, actor, &held, &wanted, &mut tally)?;
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
    let sheet = tally.sheet;
    let row = said_of(tx, sheet, given, held, (sponsor.unwrap_or(NOBODY), supervising));
    if let Some(held) = held {
        fixed(&mut check, given, held);
    }
    let row = checked(&mut check, row, held, tx.office.today(tx.now));
    tally.of_row(given.row, check.done(()).map_err(Into::into))?;
    Ok(row)
}

/// The row as the file has it; what the file has no column for stays.
fn said_of(
    tx: &Tx<'_>,
    sheet: &Sheet<Given>,
    given: &Given,
    held: Option<&AssetRow>,
    (unit_id, supervising): (UnitId, Option<UnitId>),
) -> AssetRow {
    let mut row = held.cloned().unwrap_or_else(|| AssetRow {
        id: tx.id(),
        code: given.code.clone(),
        kind: given.kind,
        name: String::new(),
        address: None,
        platform: None,
        unit_id,
        supervising_unit_id: None,
        version: 1,
        created_at: tx.now,
        updated_at: tx.now,
        status: given.status.unwrap_or(AssetStatus::Active),
        site_code: None,
        icp_no: None,
        security_filing_no: None,
        platform_id: None,
        certified_entity: None,
        opened_on: None,
    });
    row.name.clone_from(&given.name);
    row.unit_id = unit_id;
    row.platform = given.platform;
    for (column, held, said) in [
        ("address", &mut row.address, &given.address),
        ("site_code", &mut row.site_code, &given.site_code),
        ("icp_no", &mut row.icp_no, &given.icp_no),
        ("security_filing_no", &mut row.security_filing_no, &given.security_filing_no),
        ("platform_id", &mut row.platform_id, &given.platform_id),
        ("certified_entity", &mut row.certified_entity, &given.certified_entity),
    ] {
        if sheet.has(column) {
            held.clone_from(said);
        }
    }
    if sheet.has("opened_on") {
        row.opened_on = given.opened_on;
    }
    if sheet.has("supervising_unit_code") {
        row.supervising_unit_id = supervising;
    }
    row
}

/// A file neither turns a website into an account nor moves a status: each has rules of its own.
fn fixed(check: &mut Check, given: &Given, held: &AssetRow) {
    if given.kind != held.kind {
        let kind = match held.kind {
            AssetKind::Website => Arg::both("网站", "website"),
            AssetKind::NewMedia => Arg::both("新媒体账号", "new-media account"),
        };
        check.fault(Fault::at("/kind", Code::AssetKindFixed).with("asset", &held.name).with("kind", kind));
    }
    if given.status.is_some_and(|status| status != held.status) {
        let fault = Fault::at("/status", Code::AssetStatusMoves).with("asset", &held.name);
        check.fault(fault.with("status", held.status.words()));
    }
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

fn keep(
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
                births.push((Stream::Asset(row.id), "asset.created", facts(row)));
                Fate::Created
            }
            Some(held) if held == row => Fate::Unchanged,
            Some(held) => {
                save(tx, actor, held, row.clone(), "asset.changed", &facts)?;
                Fate::Updated
            }
        };
        tally.note(given.row, &given.code, fate);
    }
    record_births(tx, actor, &births)
}
