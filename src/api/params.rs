//! Query parameters, and with them the page of a list that is wanted.

use crate::api::call::Input;
use crate::api::page::Page;
use crate::api::shape;
use crate::domain::refusal::{Code, Fault as FieldFault, Place, Refusal};
use crate::http::problem::Fault;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::future::{Ready, ready};

/// Query parameters of a call that isn't a list. Whether they fit is told once it is known who asks.
#[derive(Debug)]
pub struct Params<T>(Result<T, Refusal>);

/// Query parameters of a list: those of every list, and its own filter.
#[derive(Debug)]
pub struct List<T>(Result<Listed<T>, Refusal>);

/// What a list was asked for.
#[derive(Debug)]
pub struct Listed<T> {
    pub page: Page,
    pub filter: T,
}

impl<T> Params<T> {
    /// The value, if it fits, before it is settled who asks.
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        self.0.as_ref().ok()
    }
}

impl<T: Send + 'static> Input for Params<T> {
    type Value = T;

    fn settle(self) -> Result<T, Refusal> {
        self.0
    }
}

impl<T: Send + 'static> Input for List<T> {
    type Value = Listed<T>;

    fn settle(self) -> Result<Listed<T>, Refusal> {
        self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Params<T> {
    type Error = Fault;
    type Future = Ready<Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(shape::from_query(grouped(pairs(request))))))
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for List<T> {
    type Error = Fault;
    type Future = Ready<Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(listed(request.path(), pairs(request)))))
    }
}

/// The filter of a list that has none.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoFilter {}

/// The parameters of every list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Add `total`, the number of all rows that the filter finds.
    count: Option<bool>,
}

fn listed<T: DeserializeOwned>(path: &str, pairs: Vec<(String, String)>) -> Result<Listed<T>, Refusal> {
    let (paging, own): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(name, _)| matches!(name.as_str(), "limit" | "cursor" | "count"));
    let mut faults = Vec::new();
    let filter = shape::from_query::<T>(grouped(own.clone())).map_err(|refusal| faults.extend(refusal.faults));
    let paging = shape::from_query::<Paging>(grouped(paging)).map_err(|refusal| faults.extend(refusal.faults));
    let limit = paging.as_ref().map_or(None, |paging| paging.limit).unwrap_or(50);
    if !(1..=200).contains(&limit) {
        let place = Place::Parameter("limit".to_owned());
        faults.push(FieldFault::new(place, Code::FieldOutOfRange).with("min", 1).with("max", 200));
    }
    match (filter, paging) {
        (Ok(filter), Ok(Paging { cursor, count, .. })) if faults.is_empty() => {
            Ok(Listed { page: Page::new(path, own, limit, cursor, count.unwrap_or(false)), filter })
        }
        _ => Err(Refusal::invalid(faults)),
    }
}

/// The pairs of the query, decoded, in their order.
fn pairs(request: &HttpRequest) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request.query_string().as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn grouped(pairs: Vec<(String, String)>) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in pairs {
        match groups.iter_mut().find(|(held, _)| *held == name) {
            Some((_, values)) => values.push(value),
            None => groups.push((name, vec![value])),
        }
    }
    groups
}
