//! Units from a file. Rows may name each other in any order, as parents and as members.

use super::{Fate, Imported, Tally};
use crate::actions::notices::taken;
use crate::actions::record::{must_be_saved, record, record_births};
use crate::actions::units::{CODE, facts};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::Check;
use crate::domain::id::UnitId;
use crate::domain::refusal::{Arg, Code, Fault, Place};
use crate::domain::vocabulary::UnitKind;
use crate::files::imports::{Sheet, UnitRow as Given};
use crate::store::units::{self, UnitFilter, UnitRow};
use crate::transaction::{Outcome, Tx};
use std::collections::HashMap;

/// A row as it will stand.
struct Planned<'a> {
    given: &'a Given,
    held: Option<UnitRow>,
    row: UnitRow,
    /// `None`: as they are.
    members: Option<Vec<UnitId>>,
}

/// The register of units as it is, and as the file would make it.
struct Register {
    held: HashMap<String, UnitRow>,
    members: HashMap<UnitId, Vec<UnitId>>,
    ids: HashMap<String, UnitId>,
    kinds: HashMap<UnitId, UnitKind>,
}

pub(super) fn import(tx: &mut Tx<'_>, actor: &Actor, sheet: &Sheet<Given>) -> Outcome<Imported> {
    let mut tally = Tally::of(sheet);
    let register = Register::load(tx, sheet)?;
    let planned: Vec<Planned<'_>> =
        sheet.iter().map(|given| register.plan(tx, given, &mut tally)).collect::<Outcome<_>>()?;
    let depths = depths(&register, &planned, &mut tally);
    if tally.faults.is_empty() {
        save(tx, actor, &register, &planned, &depths, &mut tally)?;
    }
    tally.done()
}

impl Register {
    fn load(tx: &mut Tx<'_>, sheet: &Sheet<Given>) -> Outcome<Self> {
        let held = units::list(tx.conn, &UnitFilter::default(), None, i64::MAX)?;
        let groups: Vec<UnitId> = held.iter().filter(|row| row.kind == UnitKind::Group).map(|row| row.id).collect();
        let mut members: HashMap<UnitId, Vec<UnitId>> = HashMap::new();
        for chunk in groups.chunks(1_000) {
            for (group, unit) in units::members(tx.conn, chunk)? {
                members.entry(group).or_default().push(unit);
            }
        }
        let mut ids: HashMap<String, UnitId> = held.iter().map(|row| (row.code.clone(), row.id)).collect();
        let mut kinds: HashMap<UnitId, UnitKind> = held.iter().map(|row| (row.id, row.kind)).collect();
        for given in sheet.iter() {
            let id = *ids.entry(given.code.clone()).or_insert_with(|| tx.id());
            kinds.insert(id, given.kind);
        }
        Ok(Self { held: held.into_iter().map(|row| (row.code.clone(), row)).collect(), members, ids, kinds })
    }

    /// The row as the file wants it, with all that is wrong with it noted.
    fn plan<'a>(&self, tx: &Tx<'_>, given: &'a Given, tally: &mut Tally<'_, Given>) -> Outcome<Planned<'a>> {
        let held = self.held.get(&given.code);
        let mut check = Check::new();
        let mut row = held.cloned().unwrap_or_else(|| UnitRow {
            id: self.ids.get(&given.code).copied().unwrap_or_else(|| tx.id()),
            code: check.code("/code", &given.code, CODE),
            name: String::new(),
            short_name: given.name.clone(),
            name_en: String::new(),
            kind: given.kind,
            parent_id: None,
            mailbox: None,
            backup_mailbox: None,
            active: true,
            version: 1,
            created_at: tx.now,
            updated_at: tx.now,
        });
        if held.is_some() && (given.kind == UnitKind::Group) != (row.kind == UnitKind::Group) {
            let reason = Arg::both(
                "单位不能改成单位组，单位组也不能改成单位",
                "A unit can't become a group, nor a group a unit",
            );
            check.fault(Fault::at("/kind", Code::FieldNotAllowed).with("reason", reason));
        }
        row.name.clone_from(&given.name);
        row.kind = given.kind;
        let sheet = tally.sheet;
        if sheet.has("short_name") {
            row.short_name = given.short_name.clone().unwrap_or_else(|| given.name.clone());
        }
        if sheet.has("name_en") {
            row.name_en = given.name_en.clone().unwrap_or_default();
        }
        if sheet.has("mailbox") {
            row.mailbox = check.email("/mailbox", given.mailbox.as_deref());
        }
        if sheet.has("backup_mailbox") {
            row.backup_mailbox = check.email("/backup_mailbox", given.backup_mailbox.as_deref());
        }
        if sheet.has("parent_code") {
            let parent = given.parent_code.as_deref();
            row.parent_id = parent.and_then(|code| self.unit(code, "/parent_code", &mut check));
        }
        let members = sheet.has("member_codes").then(|| {
            given.member_codes.iter().filter_map(|code| self.unit(code, "/member_codes", &mut check)).collect()
        });
        tally.of_row(given.row, check.done(()).map_err(Into::into))?;
        Ok(Planned { given, held: held.cloned(), row, members })
    }

    /// A unit that may have children or belong to a group: one that is no group itself.
    fn unit(&self, code: &str, pointer: &str, check: &mut Check) -> Option<UnitId> {
        let Some(id) = self.ids.get(code) else {
            check.fault(Fault::at(pointer, Code::FieldReference).with("value", code));
            return None;
        };
        if self.kinds.get(id) == Some(&UnitKind::Group) {
            check.fault(Fault::at(pointer, Code::UnitIsGroup).with("unit", code));
        }
        Some(*id)
    }
}

/// How far below the top each unit will be. A row whose parents lead back to it is a fault.
fn depths(register: &Register, planned: &[Planned<'_>], tally: &mut Tally<'_, Given>) -> HashMap<UnitId, usize> {
    let mut parents: HashMap<UnitId, UnitId> =
        register.held.values().filter_map(|row| Some((row.id, row.parent_id?))).collect();
    for plan in planned {
        match plan.row.parent_id {
            Some(parent) => parents.insert(plan.row.id, parent),
            None => parents.remove(&plan.row.id),
        };
    }
    let mut depths: HashMap<UnitId, usize> = HashMap::new();
    for plan in planned {
        let mut path = Vec::new();
        let mut places: HashMap<UnitId, usize> = HashMap::new();
        let mut at = Some(plan.row.id);
        while let Some(id) = at.filter(|id| !depths.contains_key(id)) {
            if places.contains_key(&id) {
                break;
            }
            places.insert(id, path.len());
            path.push(id);
            at = parents.get(&id).copied();
        }
        if let Some(start) = at.and_then(|id| places.get(&id)) {
            let circle = path.get(*start..).unwrap_or_default();
            for wrong in planned.iter().filter(|plan| circle.contains(&plan.row.id)) {
                let parent = wrong.given.parent_code.as_deref().unwrap_or(&wrong.given.code);
                tally.fault(
                    wrong.given.row,
                    "parent_code",
                    Fault::new(Place::Whole, Code::UnitCycle).with("unit", parent),
                );
            }
        }
        let above = at.and_then(|id| depths.get(&id)).copied();
        let first = above.map_or(0, |above| above + 1);
        depths.extend(path.into_iter().rev().zip(first..));
    }
    depths
}

fn save(
    tx: &mut Tx<'_>,
    actor: &Actor,
    register: &Register,
    planned: &[Planned<'_>],
    depths: &HashMap<UnitId, usize>,
    tally: &mut Tally<'_, Given>,
) -> Outcome<()> {
    let mut born: Vec<&Planned<'_>> = planned.iter().filter(|plan| plan.held.is_none()).collect();
    // A parent is there before its children.
    born.sort_by_key(|plan| depths.get(&plan.row.id).copied());
    for plan in &born {
        units::insert(tx.conn, &plan.row).map_err(|fault| taken(fault, "code", &plan.row.code))?;
    }
    for plan in &born {
        if let Some(members) = plan.members.as_deref().filter(|members| !members.is_empty()) {
            units::set_members(tx.conn, plan.row.id, members)?;
        }
        tally.note(plan.given.row, &plan.row.code, Fate::Created);
    }
    let said = |plan: &Planned<'_>| facts(&plan.row, plan.members.as_deref().unwrap_or_default());
    let births: Vec<_> = born.iter().map(|plan| (Stream::Unit(plan.row.id), "unit.created", said(plan))).collect();
    record_births(tx, actor, &births)?;
    for plan in planned {
        let Some(held) = &plan.held else { continue };
        let before = register.members.get(&held.id).map_or(&[][..], Vec::as_slice);
        let members = plan.members.as_deref().filter(|members| *members != before);
        let fate = if *held == plan.row && members.is_none() {
            Fate::Unchanged
        } else {
            let said = facts(&plan.row, members.unwrap_or(before));
            let version = record(tx, actor, Stream::Unit(held.id), "unit.changed", &said)?;
            let row = UnitRow { version, updated_at: tx.now, ..plan.row.clone() };
            must_be_saved(units::save(tx.conn, &row, held.version)?, held.version)?;
            if let Some(members) = members {
                units::set_members(tx.conn, row.id, members)?;
            }
            Fate::Updated
        };
        tally.note(plan.given.row, &plan.row.code, fate);
    }
    Ok(())
}
