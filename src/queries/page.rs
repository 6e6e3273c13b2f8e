//! One page of a list: what was asked for, and what came of it. For every query that lists.

use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::store::page;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What part of a list is wanted.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Rows at most.
    pub limit: i64,
    pub cursor: Option<String>,
    /// Is the number of all rows wanted too?
    pub count: bool,
    /// The list, its filter and its sort as text: a cursor made for another one is refused.
    pub fingerprint: String,
}

/// A page of rows.
#[derive(Debug, Clone)]
pub struct Slice<T> {
    pub items: Vec<T>,
    /// Cursor of the next page.
    pub next: Option<String>,
    /// All rows of the list, if asked for.
    pub total: Option<i64>,
}

impl Ask {
    /// The key of the last row of the page before.
    ///
    /// # Errors
    /// When the cursor is not one of this list.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Refusal> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let wrong = || Refusal::field(Fault::new(Place::Parameter("cursor".to_owned()), Code::CursorInvalid));
        page::read_cursor(cursor, &self.fingerprint).map(Some).ok_or_else(wrong)
    }

    /// Rows to fetch: one more than wanted tells whether there are more.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The page made of rows fetched by `fetch`; `key` is what the next page starts after.
    pub fn slice<T, K: Serialize>(&self, mut rows: Vec<T>, total: Option<i64>, key: impl Fn(&T) -> K) -> Slice<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = if more { rows.last() } else { None };
        let next = last.map(|row| page::cursor(&key(row), &self.fingerprint));
        Slice { items: rows, next, total }
    }
}

impl<T> Slice<T> {
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Slice<U> {
        Slice { items: self.items.into_iter().map(f).collect(), next: self.next, total: self.total }
    }
}
