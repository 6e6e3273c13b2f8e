//! A refusal as a page: what, why, what to do; in the reader's language.

use crate::domain::refusal::{Code, Kind, Refusal};
use crate::domain::words::Lang;
use crate::http::problem::{Fault, response};
use crate::transaction::Failure;
use crate::web::texts::say;
use crate::web::visit::Visit;
use actix_web::http::header::{ACCEPT, ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;

/// What `error.html` shows.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorPage {
    pub status: u16,
    pub title: String,
    pub detail: String,
    pub faults: Vec<String>,
    /// What may help, besides going back.
    pub hint: Option<&'static str>,
    /// For the administrator, where it is our fault.
    pub request_id: Option<String>,
}

/// Refusals that speak of addresses and headers to programs, and their words for people.
const SPOKEN: [(Code, &str, &str); 5] = [
    (Code::RouteUnknown, "error.missing", "error.missing_detail"),
    (Code::Missing, "error.missing", "error.missing_detail"),
    (Code::MethodNotAllowed, "error.method", "error.method_detail"),
    (Code::CsrfMissing, "error.csrf", "error.csrf_detail"),
    (Code::Invalid, "error.invalid", "error.invalid_detail"),
];

#[must_use]
pub fn page(refusal: &Refusal, lang: Lang, request_id: &str) -> ErrorPage {
    let kind = refusal.code.kind();
    let status = crate::http::problem::status(kind).as_u16();
    let spoken = SPOKEN.iter().find(|(code, ..)| *code == refusal.code);
    let title = spoken.map_or_else(|| refusal.title(lang), |(_, title, _)| say(lang, title));
    let detail = spoken.map_or_else(|| refusal.detail(lang), |(.., detail)| say(lang, detail).to_owned());
    ErrorPage {
        status,
        title: title.to_owned(),
        detail,
        faults: refusal.faults.iter().map(|fault| fault.detail(lang)).collect(),
        hint: (kind == Kind::Forbidden).then(|| say(lang, "error.forbidden_hint")),
        request_id: (kind == Kind::Internal).then(|| request_id.to_owned()),
    }
}

/// An address that nothing lies at: a page for people, a problem for programs.
pub async fn nowhere(request: HttpRequest) -> HttpResponse {
    let refusal = Refusal::new(Code::RouteUnknown).with("path", request.path());
    refused(&request, refusal).await
}

/// A page that was asked for by a method it doesn't know.
pub async fn wrong_method(request: HttpRequest, methods: &'static str) -> HttpResponse {
    let refusal = Refusal::new(Code::MethodNotAllowed).with("path", request.path()).with("method", request.method());
    let mut answer = refused(&request, refusal).await;
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

async fn refused(request: &HttpRequest, refusal: Refusal) -> HttpResponse {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    match Visit::of(request) {
        Ok(visit) if accept.is_some_and(|accept| accept.contains("text/html")) => {
            visit.refused(&Failure::from(refusal)).await
        }
        Ok(visit) => response(&refusal, &visit.context),
        Err(refusal) => Fault::from(refusal).error_response(),
    }
}
