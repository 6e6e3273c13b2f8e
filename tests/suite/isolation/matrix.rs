//! Walks the tables: each caller against each row, first those who are refused, then those who pass. What is refused
//! changes nothing, says the same of another's row and of none, and tells whoever lacks the role nothing of the body.

use super::calls::{Ask, Body, Route, Want, routes};
use super::rows::{CALLERS, Caller, Column, Rows};
use crate::support::app::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::round::PDF;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const BASE: &str = "/api/v1";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
const OUTSIDE: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// `METHOD /path` of the document, below the base.
fn documented(app: &TestApp) -> BTreeSet<String> {
    let document = app.anyone().get("/openapi.json").is(200).json();
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
            let path = path.strip_prefix(BASE).unwrap_or(path);
            found.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    found
}

#[test]
fn every_route_has_its_row_in_the_table_and_every_row_its_route() {
    let app = TestApp::start();
    let expected: BTreeSet<String> = routes().iter().map(|route| route.call.to_owned()).collect();
    let documented = documented(&app);
    let missing: Vec<_> = documented.difference(&expected).collect();
    let gone: Vec<_> = expected.difference(&documented).collect();
    assert!(missing.is_empty(), "routes without a row in tests/suite/isolation/calls.rs: {missing:#?}");
    assert!(gone.is_empty(), "rows without a route: {gone:#?}");
}

#[test]
fn whoever_calls_gets_only_where_role_and_unit_let_them() {
    let begun = std::time::Instant::now();
    let mut rows = Rows::new(TestApp::start());
    let mut faults = Vec::new();
    let mut cells = 0;
    for route in routes() {
        cells += walk(&mut rows, &route, &mut faults);
    }
    assert!(faults.is_empty(), "{} cells are wrong:\n{}", faults.len(), faults.join("\n"));
    println!("interface: {cells} cells of {} routes in {:.1} s", routes().len(), begun.elapsed().as_secs_f64());
}

/// One route's cells; how many there were.
fn walk(rows: &mut Rows, route: &Route, faults: &mut Vec<String>) -> usize {
    let mut cells = 0;
    let mut silences: Vec<(Caller, Column, String)> = Vec::new();
    for column in route.want.columns() {
        let (refused, passing): (Vec<Caller>, Vec<Caller>) =
            CALLERS.into_iter().partition(|caller| matches!(route.want.status(*caller, *column), 401 | 403 | 404));
        let ask = (route.ask)(rows, *column, Caller::Anonymous);
        let before = rows.events();
        for caller in refused {
            let wanted = route.want.status(caller, *column);
            let ask = if depends_on_caller(route) { (route.ask)(rows, *column, caller) } else { ask.clone() };
            let answer = send(&rows.by(caller), route.call, &ask);
            check(route, (caller, *column), &answer, wanted, faults);
            cells += 1;
            if matches!(route.want, Want::Cells(_)) {
                // Whose row it is, what is sent says.
                if wanted == 404 {
                    silences.push((caller, *column, plain(&answer, &ask)));
                }
                continue;
            }
            let nonsense = send(&rows.by(caller), route.call, &nonsense(&ask));
            if wanted == 404 {
                silences.push((caller, *column, plain(&answer, &ask)));
                silences.push((caller, *column, format!("nonsense {}", plain(&nonsense, &ask))));
            } else {
                cells += 1;
                check(route, (caller, *column), &nonsense, wanted, faults);
            }
        }
        if !depends_on_caller(route) && rows.events() != before {
            faults.push(format!("{}: a refused call of {column:?} left an event", route.call));
        }
        for caller in passing {
            let ask = (route.ask)(rows, *column, caller);
            let answer = send(&rows.by(caller), route.call, &ask);
            check(route, (caller, *column), &answer, route.want.status(caller, *column), faults);
            cells += 1;
        }
    }
    faults.extend(told_apart(route, &silences));
    cells
}

/// Asking anew for each caller makes rows, and so events.
fn depends_on_caller(route: &Route) -> bool {
    route.call == "POST /feedback"
}

/// Callers who can tell another's row from none by what they are answered.
fn told_apart(route: &Route, silences: &[(Caller, Column, String)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, (caller, column, text)) in silences.iter().enumerate() {
        let other = silences.iter().skip(index + 1).find(|(held, at, other)| {
            held == caller
                && at != column
                && other != text
                && other.starts_with("nonsense") == text.starts_with("nonsense")
        });
        if let Some((_, at, other)) = other {
            faults.push(format!("{} {caller:?} tells {column:?} from {at:?}:\n  {text}\n  {other}", route.call));
        }
    }
    faults
}

fn check(route: &Route, cell: (Caller, Column), answer: &Answer, wanted: u16, faults: &mut Vec<String>) {
    if answer.status != wanted {
        let text: String = answer.text().chars().take(300).collect();
        faults.push(format!("{} {cell:?}: {} instead of {wanted}: {text}", route.call, answer.status));
    }
}

pub fn send(client: &Client, call: &str, ask: &Ask) -> Answer {
    let (method, path) = call.split_once(' ').unwrap();
    let mut target = if OUTSIDE.contains(&path) { String::new() } else { BASE.to_owned() };
    let mut keys = ask.keys.iter();
    for piece in path.split('/').skip(1) {
        let piece = if piece.starts_with('{') { keys.next().unwrap() } else { piece };
        target = format!("{target}/{piece}");
    }
    if !ask.query.is_empty() {
        target = format!("{target}?{}", ask.query);
    }
    let answer = match &ask.body {
        Body::None => client.send(method, &target, None, Vec::new()),
        Body::Json(body) => client.send(method, &target, Some("application/json"), body.to_string().into_bytes()),
        Body::Files => client.upload(&target, &[("证明.pdf", PDF)]),
    };
    headed(answer, &target)
}

/// The answer, whose headers let nobody frame it, sniff it, run anything in it or keep it.
pub fn headed(answer: Answer, target: &str) -> Answer {
    let header = |name: &str| answer.header(name).unwrap_or_else(|| panic!("{target}: no {name}"));
    let policy = header("content-security-policy");
    assert!(!policy.contains("unsafe-") && !policy.contains('*'), "{target}: {policy}");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{target}: {policy}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{target}");
    assert_eq!(header("x-frame-options"), "DENY", "{target}");
    assert_eq!(header("referrer-policy"), "same-origin", "{target}");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{target}");
    assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{target}");
    let kept = match answer.status {
        200 | 304 if target.starts_with("/static/") || target.starts_with("/docs") || target == "/openapi.json" => {
            "public"
        }
        200 | 304 if target.starts_with("/api/v1/attachments/") => "private, no-cache",
        _ => "no-store",
    };
    assert!(header("cache-control").starts_with(kept), "{target}: {}", header("cache-control"));
    assert!(!header("x-request-id").is_empty());
    answer
}

/// The same call with what no route takes.
fn nonsense(ask: &Ask) -> Ask {
    let body = match &ask.body {
        Body::Json(_) => Body::Json(json!({"nonsense": 1})),
        held @ (Body::None | Body::Files) => held.clone(),
    };
    let joint = if ask.query.is_empty() { "" } else { "&" };
    Ask { query: format!("{}{joint}nonsense=1", ask.query), body, keys: ask.keys.clone() }
}

/// The answer but for what names the request.
fn plain(answer: &Answer, ask: &Ask) -> String {
    let mut body: Value = answer.json();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
        body.remove("instance");
    }
    let text = ask.keys.iter().fold(body.to_string(), |text, key| text.replace(key, "…"));
    let named = ask.query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    let text = named.fold(text, |text, value| text.replace(value, "…"));
    match &ask.body {
        Body::Json(body) => match body.pointer("/items/0/ticket_id").and_then(Value::as_str) {
            Some(reference) => text.replace(reference, "…"),
            None => text,
        },
        Body::None | Body::Files => text,
    }
}

#[test]
fn want_is_what_the_table_says() {
    let ticket = Want::Rule { who: "c", sight: super::calls::Sight::Unit, first: super::calls::First::Row, ok: 200 };
    let row = |column| CALLERS.map(|caller| ticket.status(caller, column));
    assert_eq!(row(Column::OfA), [401, 403, 403, 404, 200, 403, 403, 403]);
    assert_eq!(row(Column::OfB), [401, 404, 404, 403, 200, 403, 403, 403]);
    assert_eq!(row(Column::Absent), [401, 404, 404, 404, 404, 404, 404, 404]);
}
