//! Choices that forms offer: units, notices.

use crate::domain::actor::Scope;
use crate::domain::id::UnitId;
use crate::domain::vocabulary::UnitKind;
use crate::domain::words::Lang;
use crate::queries::notices::{self, NoticeQuery};
use crate::queries::page::Ask;
use crate::queries::units::{self, Unit, UnitQuery};
use crate::transaction::Outcome;
use crate::web::lens::Lens;
use crate::web::visit::Room;
use std::collections::HashMap;

/// Rows of one page of a list.
const PAGE: i64 = 200;
/// A select box with more is no help.
const PAGES_MAX: usize = 10;

/// What part of a list a page shows. The fingerprint ties the cursor to the list's filter.
#[must_use]
pub fn ask(limit: i64, cursor: Option<String>, fingerprint: &str) -> Ask {
    Ask { limit, cursor, count: true, fingerprint: fingerprint.to_owned() }
}

/// The same without counting.
#[must_use]
pub fn uncounted(limit: i64, cursor: Option<String>, fingerprint: &str) -> Ask {
    Ask { count: false, ..ask(limit, cursor, fingerprint) }
}

/// Units that may hold a ticket, as value and name.
pub fn units(room: &mut Room<'_, '_>) -> Outcome<Vec<(String, String)>> {
    let mut choices = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let query = UnitQuery { active: Some(true), ..UnitQuery::default() };
        let slice = units::list(room.read, room.who, query, &uncounted(PAGE, cursor, "web units"))?;
        let holders = slice.items.into_iter().filter(|unit| unit.kind != UnitKind::Group);
        choices.extend(holders.map(|unit| (unit.code.clone(), unit_name(&unit, &room.lens))));
        cursor = slice.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(choices)
}

fn unit_name(unit: &Unit, lens: &Lens) -> String {
    let english = unit.details.as_ref().map(|details| details.name_en.as_str()).filter(|name| !name.is_empty());
    match (lens.lang, english) {
        (Lang::En, Some(name)) => name.to_owned(),
        (Lang::Zh | Lang::En, _) => unit.name.clone(),
    }
}

/// Notices in sight, newest first, as code and name.
pub fn notices(room: &mut Room<'_, '_>) -> Outcome<Vec<(String, String)>> {
    let ask = uncounted(PAGE, None, "web notices");
    let slice = notices::list(room.read, room.who, &NoticeQuery::default(), &ask)?;
    Ok(slice
        .items
        .into_iter()
        .map(|notice| (notice.code.clone(), format!("{} {}", notice.code, notice.title)))
        .collect())
}

/// Units whose tickets the reader may see: all of them, or their own and those below it.
pub fn units_in_sight(room: &mut Room<'_, '_>) -> Outcome<Vec<(String, String)>> {
    let own = match &room.who.scope {
        Scope::All => return units(room),
        Scope::Units(own) => own.clone(),
    };
    let mut choices = Vec::new();
    for id in own {
        let unit = units::get(room.read, room.who, &id.to_string())?;
        choices.push((unit.code.clone(), unit_name(&unit, &room.lens)));
    }
    Ok(choices)
}

/// Every unit's name by its id.
pub fn unit_names(room: &mut Room<'_, '_>) -> Outcome<HashMap<UnitId, String>> {
    let mut names = HashMap::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let ask = uncounted(PAGE, cursor, "web unit names");
        let slice = units::list(room.read, room.who, UnitQuery::default(), &ask)?;
        names.extend(slice.items.into_iter().map(|unit| (unit.id, unit_name(&unit, &room.lens))));
        cursor = slice.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(names)
}
