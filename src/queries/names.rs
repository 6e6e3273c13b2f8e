//! The small references by which rows name other rows.

use crate::domain::id::UnitId;
use crate::store::units::{self, UnitRow};
use crate::transaction::{Outcome, Read};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;

/// A unit as other rows name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitRef {
    pub id: UnitId,
    pub code: String,
    pub name: String,
    pub name_en: String,
}

impl From<&UnitRow> for UnitRef {
    fn from(row: &UnitRow) -> Self {
        Self { id: row.id, code: row.code.clone(), name: row.name.clone(), name_en: row.name_en.clone() }
    }
}

impl From<UnitRow> for UnitRef {
    fn from(row: UnitRow) -> Self {
        Self::from(&row)
    }
}

/// Units by id, for rows that name them.
#[derive(Debug, Clone, Default)]
pub struct UnitNames(HashMap<UnitId, UnitRef>);

impl UnitNames {
    /// The names of these units.
    pub fn load(read: &mut Read<'_>, ids: impl Iterator<Item = UnitId>) -> Outcome<Self> {
        let mut names = HashMap::new();
        for chunk in distinct(ids).chunks(1_000) {
            let rows = units::by_ids(read.conn, chunk)?;
            names.extend(rows.into_iter().map(|row| (row.id, UnitRef::from(row))));
        }
        Ok(Self(names))
    }

    /// A unit that was loaded; one that wasn't shows by its id alone.
    #[must_use]
    pub fn get(&self, id: UnitId) -> UnitRef {
        let unknown = || UnitRef { id, code: String::new(), name: String::new(), name_en: String::new() };
        self.0.get(&id).cloned().unwrap_or_else(unknown)
    }
}

/// Each id once.
pub(super) fn distinct<T: Ord>(ids: impl Iterator<Item = T>) -> Vec<T> {
    let mut ids: Vec<T> = ids.collect();
    ids.sort();
    ids.dedup();
    ids
}
