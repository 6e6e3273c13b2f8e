//! One page of a list, and the small references that rows carry of other rows.

use crate::domain::id::UnitId;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::store::page;
use crate::store::units::UnitRow;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use utoipa::ToSchema;

/// What a list is asked for: rows of one page, where to go on, and whether to count.
#[derive(Debug, Clone)]
pub struct PageAsk {
    /// 1 to 200.
    pub limit: i64,
    pub cursor: Option<String>,
    pub count: bool,
}

impl Default for PageAsk {
    fn default() -> Self {
        Self { limit: 50, cursor: None, count: false }
    }
}

/// Rows, and the cursor of the next page.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}

impl PageAsk {
    /// The key at which this page goes on; `fingerprint` names filter and sort.
    ///
    /// # Errors
    /// A cursor that another filter or sort made.
    pub fn after<K: DeserializeOwned>(&self, fingerprint: &str) -> Result<Option<K>, Refusal> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let key = page::read_cursor(cursor, fingerprint);
        let fault = || Fault::new(Place::Parameter("cursor".to_owned()), Code::CursorInvalid);
        key.map(Some).ok_or_else(|| Refusal::field(fault()))
    }

    /// Rows to read: one more than shown, which tells whether there is a next page.
    #[must_use]
    pub const fn rows(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts `rows` to the page and makes the cursor of the next one out of the last row shown.
    pub fn cut<R, K: Serialize>(&self, rows: &mut Vec<R>, fingerprint: &str, key: impl Fn(&R) -> K) -> Option<String> {
        let shown = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > shown;
        rows.truncate(shown);
        rows.last().filter(|_| more).map(|last| page::cursor(&key(last), fingerprint))
    }
}

/// A unit as other rows name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
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

/// Units by id, for rows that name them.
#[derive(Debug, Clone, Default)]
pub struct UnitNames(HashMap<UnitId, UnitRef>);

impl UnitNames {
    #[must_use]
    pub fn new(rows: &[UnitRow]) -> Self {
        Self(rows.iter().map(|row| (row.id, UnitRef::from(row))).collect())
    }

    /// A unit that was loaded; one that wasn't shows by its id alone.
    #[must_use]
    pub fn get(&self, id: UnitId) -> UnitRef {
        let unknown = || UnitRef { id, code: String::new(), name: String::new(), name_en: String::new() };
        self.0.get(&id).cloned().unwrap_or_else(unknown)
    }
}
