//! Lists over HTTP: `{"items": […], "next": …}` and `Link: <…>; rel="next"`.

use crate::api::call::Reply;
use crate::queries::page::{Ask, Slice};
use crate::transaction::Outcome;
use serde::Serialize;

/// The page that is wanted, and how its successor is asked for.
#[derive(Debug)]
pub struct Page {
    pub ask: Ask,
    path: String,
    /// The filter as it was given.
    pairs: Vec<(String, String)>,
}

#[derive(Serialize)]
struct ListOut<T> {
    items: Vec<T>,
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

/// A page of a list, as the document describes it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ListOf<T> {
    pub items: Vec<T>,
    /// Cursor of the next page; `null` on the last.
    #[schema(required = true)]
    pub next: Option<String>,
    /// All rows that the filter finds, with `?count=true`.
    pub total: Option<i64>,
}

impl Page {
    pub(super) fn new(
        path: &str,
        pairs: Vec<(String, String)>,
        limit: i64,
        cursor: Option<String>,
        count: bool,
    ) -> Self {
        let mut sorted = pairs.clone();
        sorted.sort();
        let fingerprint = format!("{path} {sorted:?}");
        Self { ask: Ask { limit, cursor, count, fingerprint }, path: path.to_owned(), pairs }
    }

    fn link(&self, cursor: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.pairs).append_pair("limit", &self.ask.limit.to_string());
        if self.ask.count {
            query.append_pair("count", "true");
        }
        query.append_pair("cursor", cursor);
        format!("<{}?{}>; rel=\"next\"", self.path, query.finish())
    }
}

impl Reply {
    /// A list that is always given whole.
    ///
    /// # Errors
    /// When a row can't be written as JSON.
    pub fn whole<T: Serialize>(items: Vec<T>) -> Outcome<Self> {
        Self::json(&ListOut { items, next: None, total: None })
    }

    /// A page of a list.
    ///
    /// # Errors
    /// When a row can't be written as JSON.
    pub fn list<T: Serialize>(page: &Page, slice: Slice<T>) -> Outcome<Self> {
        let link = slice.next.as_deref().map(|cursor| page.link(cursor));
        let out = ListOut { items: slice.items, next: slice.next, total: slice.total };
        let reply = Self::json(&out)?;
        Ok(match link {
            Some(link) => reply.with_header("link", link),
            None => reply,
        })
    }
}
