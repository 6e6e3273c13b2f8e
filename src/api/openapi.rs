//! The interface's own description (`OpenAPI` 3.1), made from the handlers. What is true of every call, such as its
//! problems, is added here; and it is asked which methods and parameters an address knows, so it can't be wrong.

use crate::api::routes::described;
use crate::api::{BASE, resources};
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::http::identity::CSRF_HEADER;
use crate::http::problem::Problem;
use crate::http::{health, metrics};
use crate::queries::tickets::{Awaited, TicketOrder};
use actix_web::HttpRequest;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use utoipa::OpenApi;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Schemas that no body names: problems are added below, and words of queries aren't collected.
#[derive(OpenApi)]
#[openapi(components(schemas(Problem, Awaited, TicketOrder)))]
struct Document;

/// The document, as `/openapi.json` gives it.
#[must_use]
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let health = described(|routes| {
            routes.service(health::get_health).service(health::get_readiness).service(metrics::get_metrics);
        });
        let whole = Document::openapi().merge_from(health).nest(BASE, described(resources));
        let mut document = serde_json::to_value(whole).unwrap_or_default();
        complete(&mut document);
        document
    });
    &DOCUMENT
}

/// Adds what every call has in common.
fn complete(document: &mut Value) {
    let Some(document) = document.as_object_mut() else { return };
    document.insert(
        "info".to_owned(),
        json!({
            "title": "rectify 整改督办",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Tracks the rectification of inspection findings: tickets, deadlines, reminders, written \
                feedback. Errors are RFC 9457 problems in the language of Accept-Language; unknown fields and \
                parameters are refused; lists page by cursor; rows carry their version as ETag.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        }),
    );
    document.insert("security".to_owned(), json!([{"bearer": []}, {"session": []}]));
    let components = document.entry("components").or_insert_with(|| json!({}));
    if let Some(components) = components.as_object_mut() {
        components.insert(
            "securitySchemes".to_owned(),
            json!({
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token: rct_…"},
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "rectify_session",
                    "description": format!("After POST /session. Changes also need {CSRF_HEADER}; see GET /me."),
                },
            }),
        );
    }
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (path, item) in paths {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method).and_then(Value::as_object_mut) {
                complete_operation(path, method, operation);
            }
        }
    }
}

fn complete_operation(path: &str, method: &str, operation: &mut Map<String, Value>) {
    // Plain pages of the service itself refuse nothing.
    if !path.starts_with(BASE) {
        return;
    }
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        parameters.extend(headers(method));
    }
    let has_query = names(operation, "query").next().is_some();
    let has_path = path.contains('{');
    let body = operation.get("requestBody").is_some();
    let public = operation.get("security").is_some_and(|security| *security == json!([{}]));
    let changes = method != "get";
    let statuses = [
        (400, body || changes),
        (401, true),
        (403, !public),
        (404, has_path),
        (409, changes && !public),
        (412, changes && !public),
        (413, body),
        (415, body),
        (422, body || has_query),
        (429, body),
        (500, true),
        (503, true),
    ];
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, _) in statuses.iter().filter(|(_, possible)| *possible) {
        responses.entry(status.to_string()).or_insert_with(|| problem(*status));
    }
}

/// Headers that a method understands.
fn headers(method: &str) -> Vec<Value> {
    let header = |name: &str, text: &str| json!({"name": name, "in": "header", "required": false, "description": text, "schema": {"type": "string"}});
    let key = || {
        header(
            "Idempotency-Key",
            "1 to 255 visible ASCII characters, kept 24 hours: the same request again is answered the same, once done.",
        )
    };
    let version = || header("If-Match", "The ETag the change is made from; 412 if the row has changed since.");
    match method {
        "post" => vec![key(), version()],
        "put" | "patch" | "delete" => vec![version()],
        _ => Vec::new(),
    }
}

fn problem(status: u16) -> Value {
    let text = match status {
        400 => "Not readable: broken JSON, or a malformed header",
        401 => "Nobody is signed in, or not any more",
        403 => "The role does not allow it, or the form token is missing",
        404 => "Not there, or not yours to see",
        409 => "The row is in another state, or there is one like it",
        412 => "Someone else has changed the row",
        413 => "Too large",
        415 => "Not a media type that is taken here",
        422 => "Fields or parameters are not valid; `errors` names each",
        429 => "Too often; see Retry-After",
        503 => "Busy, or the database is away; see Retry-After",
        _ => "Our fault; the request id finds it in the log",
    };
    let content = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
    json!({"description": text, "content": content})
}

fn names<'a>(operation: &'a Map<String, Value>, place: &'a str) -> impl Iterator<Item = &'a str> {
    let parameters = operation.get("parameters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    parameters.iter().filter(move |one| one["in"] == place).filter_map(|one| one["name"].as_str())
}

fn paths() -> impl Iterator<Item = (&'static String, &'static Value)> {
    document().get("paths").and_then(Value::as_object).into_iter().flatten()
}

/// The methods that some address of this path knows, in upper case; none if there is no such address.
#[must_use]
pub fn methods(path: &str) -> Vec<String> {
    let mut known = Vec::new();
    for (_, item) in paths().filter(|(template, _)| fits(template, path)) {
        for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
            known.push(method.to_uppercase());
            if *method == "get" {
                known.push("HEAD".to_owned());
            }
        }
    }
    known.sort();
    known.dedup();
    known
}

/// Does a path fit a template like `/units/{id}`?
fn fits(template: &str, path: &str) -> bool {
    let (mut templates, mut parts) = (template.split('/'), path.split('/'));
    loop {
        match (templates.next(), parts.next()) {
            (None, None) => return true,
            (Some(template), Some(part)) if part_fits(template, part) => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

fn part_fits(template: &str, part: &str) -> bool {
    let Some((before, rest)) = template.split_once('{') else { return template == part };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    part.strip_prefix(before).and_then(|part| part.strip_suffix(after)).is_some_and(|name| !name.is_empty())
}

/// The refusal of query parameters that the call doesn't know, if there are any.
#[must_use]
pub fn misnamed(request: &HttpRequest) -> Option<Refusal> {
    if request.query_string().is_empty() {
        return None;
    }
    let pattern = request.match_pattern()?;
    let method = request.method().as_str().to_lowercase();
    let operation = document().get("paths")?.get(&pattern)?.get(&method)?.as_object()?;
    let known: Vec<&str> = names(operation, "query").collect();
    let mut faults: Vec<Fault> = Vec::new();
    for (name, _) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
        let place = Place::Parameter(name.to_string());
        if !known.contains(&name.as_ref()) && !faults.iter().any(|fault| fault.place == place) {
            let hint = crate::api::shape::hint(&name, known.iter().copied());
            faults.push(Fault::new(place, Code::FieldUnknown).with("name", name).with("hint", hint));
        }
    }
    (!faults.is_empty()).then(|| Refusal::invalid(faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_its_template_and_no_other() {
        assert!(fits("/api/v1/units/{id}", "/api/v1/units/430502"));
        assert!(fits("/api/v1/feeds/{token}.ics", "/api/v1/feeds/abc.ics"));
        for (template, path) in [
            ("/api/v1/units/{id}", "/api/v1/units/"),
            ("/api/v1/units/{id}", "/api/v1/units"),
            ("/api/v1/units/{id}", "/api/v1/units/1/2"),
            ("/api/v1/feeds/{token}.ics", "/api/v1/feeds/abc"),
        ] {
            assert!(!fits(template, path), "{template} {path}");
        }
    }

    #[test]
    fn every_operation_is_named_after_what_it_does_and_tells_its_problems() {
        let mut seen = std::collections::HashSet::new();
        for (path, item) in paths() {
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                let id = operation["operationId"].as_str().unwrap();
                assert!(seen.insert(id.to_owned()), "{id} stands twice");
                assert!(id.split_once('_').is_some(), "{method} {path} is called {id}");
                assert!(operation["summary"].is_string(), "{id} has no summary");
                if path.starts_with(BASE) {
                    assert!(operation["responses"]["401"].is_object(), "{id} tells no problems");
                }
                if matches!(method, "put" | "patch") {
                    assert!(operation["requestBody"].is_object(), "{id} has no body");
                }
            }
        }
        assert!(seen.contains("list_units"));
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        fn check(document: &Value, node: &Value) {
            match node {
                Value::Object(members) => {
                    if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                        assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
                    }
                    members.values().for_each(|below| check(document, below));
                }
                Value::Array(items) => items.iter().for_each(|below| check(document, below)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        assert_eq!(document()["openapi"], "3.1.0");
        check(document(), document());
    }
}
