//! How a failure leaves the house: one status for each kind of refusal, and RFC 9457 `application/problem+json` for
//! whoever doesn't draw a page of it. Failures of our own are logged here, once, and answered without their cause.

use crate::domain::refusal::{Arg, Code, Fault as FieldFault, Kind, Place, Refusal};
use crate::domain::words::Lang;
use crate::http::context::Context;
use crate::store::StoreError;
use crate::transaction::Failure;
use actix_web::body::BoxBody;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use std::fmt;

/// Seconds after which an overloaded, or a dead, database may be asked again.
const BUSY_SECONDS: &str = "2";
const AWAY_SECONDS: &str = "10";

/// What a handler answers instead of a reply. The server turns it into a problem, a page into a page.
#[derive(Debug)]
pub struct Fault {
    pub failure: Failure,
    /// Headers that belong to this answer, `Allow` say.
    pub headers: Vec<(&'static str, String)>,
}

impl Fault {
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self { failure, headers: Vec::new() }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Failure::from(refusal).into()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        status(public(&self.failure).code.kind())
    }

    /// Without words: the server adds them in the reader's language.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::new(self.status_code())
    }
}

/// The one table from kind to status.
#[must_use]
pub const fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::Missing => StatusCode::NOT_FOUND,
        Kind::Method => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Stale => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Invalid | Kind::Field => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// What may be told about a failure: the refusal itself, or that it is our fault.
#[must_use]
pub fn public(failure: &Failure) -> Refusal {
    match failure {
        Failure::Refused(refusal) => refusal.clone(),
        Failure::Store(StoreError::Busy) => Refusal::new(Code::Busy),
        Failure::Store(StoreError::Unavailable(_)) => Refusal::new(Code::StorageUnavailable),
        Failure::Store(
            StoreError::Diesel(_) | StoreError::Migration(_) | StoreError::Unsupported(_) | StoreError::Panicked(_),
        ) => Refusal::new(Code::Internal),
    }
}

/// `public`, and a log line with the whole chain of causes if the failure is ours.
#[must_use]
pub fn told(failure: &Failure, context: &Context) -> Refusal {
    if let Failure::Store(error) = failure {
        let Context { request_id, method, path, .. } = context;
        let chain = chain(error);
        match error {
            StoreError::Busy => tracing::warn!(request.id = request_id, http.method = method, http.path = path, "busy"),
            StoreError::Unavailable(_)
            | StoreError::Diesel(_)
            | StoreError::Migration(_)
            | StoreError::Unsupported(_)
            | StoreError::Panicked(_) => {
                tracing::error!(
                    request.id = request_id,
                    http.method = method,
                    http.path = path,
                    error = chain,
                    "failed"
                );
            }
        }
    }
    public(failure)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        cause = error.source();
    }
    text
}

/// What actix itself refused, in our words.
#[must_use]
pub fn foreign(error: Option<&actix_web::Error>, status: StatusCode, context: &Context) -> Refusal {
    let too_large = matches!(error.and_then(actix_web::Error::as_error::<PayloadError>), Some(PayloadError::Overflow));
    let Context { method, path, .. } = context;
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(Code::BodyTooLarge).with("limit", "1 MB"),
        StatusCode::NOT_FOUND => Refusal::new(Code::RouteUnknown).with("path", path),
        StatusCode::METHOD_NOT_ALLOWED => {
            Refusal::new(Code::MethodNotAllowed).with("path", path).with("method", method)
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Refusal::new(Code::MediaTypeUnsupported).with("expected", "application/json")
        }
        _ if too_large => Refusal::new(Code::BodyTooLarge).with("limit", "1 MB"),
        status if status.is_client_error() => Refusal::new(Code::Malformed)
            .with("reason", Arg::both("请求不符合 HTTP 规范", "The request is not proper HTTP")),
        _ => Refusal::new(Code::Internal),
    }
}

/// RFC 9457.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// `urn:rectify:problem:<code>`
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in the language of `Accept-Language`.
    pub title: String,
    pub status: u16,
    /// Why, and what to do next.
    pub detail: String,
    /// The address that was asked.
    pub instance: String,
    /// Stable name of the refusal, for programs.
    pub code: String,
    /// For the administrator; also in the header `X-Request-Id`.
    pub request_id: String,
    /// The fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
    /// With 412: the version the change was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<i64>,
    /// With 412: the version that is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<i64>,
}

/// One field at fault: of the body by `pointer`, of query or path by `parameter`, of a table by `row` and `column`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemField {
    /// RFC 6901 pointer into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Line of a table file, as an editor counts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub code: String,
    pub detail: String,
}

impl Problem {
    #[must_use]
    pub fn new(refusal: &Refusal, context: &Context) -> Self {
        let (code, lang) = (refusal.code, context.lang);
        let number = |name: &str| if code == Code::Stale { argument(refusal, name)?.parse().ok() } else { None };
        Self {
            kind: format!("urn:rectify:problem:{}", code.as_str()),
            title: refusal.title(lang).to_owned(),
            status: status(code.kind()).as_u16(),
            detail: refusal.detail(lang),
            instance: context.path.clone(),
            code: code.as_str().to_owned(),
            request_id: context.request_id.clone(),
            errors: refusal.faults.iter().map(|fault| ProblemField::new(fault, lang)).collect(),
            given: number("given"),
            current: number("current"),
        }
    }
}

impl ProblemField {
    fn new(fault: &FieldFault, lang: Lang) -> Self {
        let mut field = Self {
            pointer: None,
            parameter: None,
            row: None,
            column: None,
            code: fault.code.as_str().to_owned(),
            detail: fault.detail(lang),
        };
        match fault.place.clone() {
            Place::Pointer(pointer) => field.pointer = Some(pointer),
            Place::Parameter(name) => field.parameter = Some(name),
            Place::Cell { row, column } => (field.row, field.column) = (Some(row), Some(column)),
            Place::Whole => field.pointer = Some(String::new()),
        }
        field
    }
}

/// The refusal as `application/problem+json`.
#[must_use]
pub fn response(refusal: &Refusal, context: &Context) -> HttpResponse {
    let problem = Problem::new(refusal, context);
    let mut answer = HttpResponse::build(status(refusal.code.kind()));
    answer
        .insert_header((CONTENT_TYPE, "application/problem+json; charset=utf-8"))
        .insert_header((CONTENT_LANGUAGE, context.lang.as_str()))
        .insert_header((VARY, "Accept-Language"));
    match refusal.code.kind() {
        Kind::Unauthenticated => {
            answer.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"rectify\""));
        }
        Kind::TooMany => {
            answer.insert_header((RETRY_AFTER, argument(refusal, "seconds").unwrap_or("60")));
        }
        Kind::Unavailable => {
            let seconds = if refusal.code == Code::Busy { BUSY_SECONDS } else { AWAY_SECONDS };
            answer.insert_header((RETRY_AFTER, seconds));
        }
        Kind::Malformed
        | Kind::Forbidden
        | Kind::Missing
        | Kind::Method
        | Kind::Conflict
        | Kind::Stale
        | Kind::TooLarge
        | Kind::MediaType
        | Kind::Invalid
        | Kind::Internal
        | Kind::Field => {}
    }
    answer.body(serde_json::to_vec(&problem).unwrap_or_default())
}

fn argument<'a>(refusal: &'a Refusal, name: &str) -> Option<&'a str> {
    refusal.args.iter().find_map(|(held, value)| match value {
        Arg::Same(text) if *held == name => Some(text.as_str()),
        Arg::Same(_) | Arg::Both { .. } => None,
    })
}
