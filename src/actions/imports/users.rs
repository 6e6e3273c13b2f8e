//! People from a file. It never holds passwords: each gets one by `rectify user password`, or by an administrator.

use super::{Fate, Imported, Tally};
use crate::actions::notices::{taken, units_of};
use crate::actions::record::{must_be_saved, record, record_births};
use crate::actions::users::{LOGIN, facts, keep_an_admin};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::Check;
use crate::domain::refusal::{Code, Fault};
use crate::domain::vocabulary::UnitKind;
use crate::files::imports::{Sheet, UserRow as Given};
use crate::store::units::UnitRow;
use crate::store::users::{self, UserRow};
use crate::transaction::{Outcome, Tx};
use std::collections::HashMap;

pub(super) fn import(tx: &mut Tx<'_>, actor: &Actor, sheet: &Sheet<Given>) -> Outcome<Imported> {
    let mut tally = Tally::of(sheet);
    let units = units_of(tx, sheet.iter().map(|given| &given.unit_code))?;
    let logins: Vec<String> = sheet.iter().map(|given| given.login.clone()).collect();
    let mut held: HashMap<String, UserRow> = HashMap::new();
    for chunk in logins.chunks(1_000) {
        held.extend(users::by_logins(tx.conn, chunk)?.into_iter().map(|row| (row.login.clone(), row)));
    }
    let mut wanted = Vec::with_capacity(sheet.len());
    for given in sheet.iter() {
        let row = plan(tx, given, held.get(&given.login), &units, &mut tally)?;
        wanted.push((given, row));
    }
    if tally.faults.is_empty() {
        save(tx, actor, &held, &wanted, &mut tally)?;
    }
    tally.done()
}

fn plan(
    tx: &Tx<'_>,
    given: &Given,
    held: Option<&UserRow>,
    units: &HashMap<String, UnitRow>,
    tally: &mut Tally<'_, Given>,
) -> Outcome<UserRow> {
    let mut check = Check::new();
    let mut row =
        held.cloned().unwrap_or_else(|| UserRow::new(tx.id(), check.code("/login", &given.login, LOGIN), tx.now));
    row.name.clone_from(&given.name);
    row.email = check.email("/email", Some(&given.email));
    row.roles = UserRow::join_roles(&given.roles);
    if let Some(locale) = given.locale {
        locale.as_str().clone_into(&mut row.locale);
    }
    row.unit_id = match units.get(&given.unit_code) {
        None => {
            check.fault(Fault::at("/unit_code", Code::FieldReference).with("value", &given.unit_code));
            None
        }
        Some(unit) => {
            if unit.kind == UnitKind::Group {
                check.fault(Fault::at("/unit_code", Code::UnitIsGroup).with("unit", &given.unit_code));
            }
            Some(unit.id)
        }
    };
    tally.of_row(given.row, check.done(()).map_err(Into::into))?;
    Ok(row)
}

fn save(
    tx: &mut Tx<'_>,
    actor: &Actor,
    held: &HashMap<String, UserRow>,
    wanted: &[(&Given, UserRow)],
    tally: &mut Tally<'_, Given>,
) -> Outcome<()> {
    let mut births = Vec::new();
    for (given, row) in wanted {
        let fate = match held.get(&row.login) {
            None => {
                users::insert(tx.conn, row).map_err(|fault| taken(fault, "login", &row.login))?;
                births.push((Stream::User(row.id), "user.created", facts(row)));
                Fate::Created
            }
            Some(held) if held == row => Fate::Unchanged,
            Some(held) => {
                keep_an_admin(tx, held, row)?;
                let version = record(tx, actor, Stream::User(row.id), "user.changed", &facts(row))?;
                let row = UserRow { version, updated_at: tx.now, ..row.clone() };
                must_be_saved(users::save(tx.conn, &row, held.version)?, held.version)?;
                Fate::Updated
            }
        };
        tally.note(given.row, &given.login, fate);
    }
    record_births(tx, actor, &births)
}
