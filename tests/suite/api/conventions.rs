//! What holds for every call: problems, strictness, lists, headers.

use crate::support::app::TestApp;
use crate::support::client::Client;
use serde_json::{Value, json};

#[test]
fn whatever_is_wrong_is_a_problem_with_its_status_its_code_and_its_place() {
    let app = TestApp::start();
    let admin = app.by("admin");
    let json = Some("application/json");
    let post = |body: &str| admin.send("POST", "/api/v1/units", json, body.as_bytes().to_vec()).problem();
    for (body, problem) in [
        ("not json", "400 request.not_json"),
        ("{\"code\": \"a\",}", "400 request.not_json"),
        ("{\"code\": \"\\ud800\"}", "400 request.not_json"),
        ("[]", "422 request.invalid (whole) field.type"),
        ("{}", "422 request.invalid /kind field.required /name field.required /code field.required"),
        (
            "{\"code\": 1, \"name\": \"n\", \"kind\": \"town\", \"colour\": \"red\"}",
            "422 request.invalid /code field.type /kind field.choice /colour field.unknown",
        ),
        ("{\"code\": \"a b\", \"name\": \"n\", \"kind\": \"zone\"}", "422 request.invalid /code field.format"),
        ("{\"code\": \"a\\u0000\", \"name\": \"n\", \"kind\": \"zone\"}", "422 request.invalid /code field.control"),
        (
            "{\"code\": \"a\", \"name\": \"n\", \"kind\": \"zone\", \"contacts\": {\"mailbox\": \"nobody\"}}",
            "422 request.invalid /contacts/mailbox field.format",
        ),
        (
            "{\"code\": \"a\", \"name\": \"n\", \"kind\": \"group\", \"members\": [\"sjj\", \"none\"]}",
            "422 request.invalid /members/1 field.reference",
        ),
    ] {
        assert_eq!(post(body), problem, "{body}");
    }
    let token = |body: &str| admin.send("POST", "/api/v1/tokens", json, body.as_bytes().to_vec()).problem();
    assert_eq!(
        token("{\"name\": \"n\", \"expires_on\": \"2026-02-30\"}"),
        "422 request.invalid /expires_on field.date"
    );
    assert_eq!(token("{\"name\": \"n\", \"expires_on\": \"2026-3-9\"}"), "422 request.invalid /expires_on field.date");
    let large = format!("{{\"code\": \"{}\"}}", "a".repeat(1024 * 1024));
    assert_eq!(post(&large), "413 request.too_large");
    for (kind, body) in
        [(Some("text/plain"), "{}"), (Some("application/x-www-form-urlencoded"), "code=a"), (None, "{}")]
    {
        assert_eq!(
            admin.send("POST", "/api/v1/units", kind, body.into()).problem(),
            "415 request.media_type",
            "{kind:?}"
        );
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_one_that_was_probably_meant() {
    let app = TestApp::start();
    let answer =
        app.by("admin").post("/api/v1/units", json!({"code": "a", "name": "n", "kind": "zone", "shortname": "s"}));
    assert_eq!(answer.problem(), "422 request.invalid /shortname field.unknown");
    assert_eq!(answer.at("/errors/0/detail"), "There is no field shortname (did you mean short_name?).");
    let answer = app.by("admin").get("/api/v1/units?limits=3");
    assert_eq!(answer.problem(), "422 request.invalid ?limits field.unknown");
    assert!(answer.at("/errors/0/detail").contains("did you mean limit?"));
}

#[test]
fn addresses_and_methods_that_are_not_there_are_problems_too() {
    let app = TestApp::start();
    let admin = app.by("admin");
    for path in
        ["/api/v1/nothing", "/api/v1/units/1/2", "/api/v2/units", "/nothing", "/api/v1/units/", "/api/v1", "/%ff"]
    {
        assert_eq!(admin.get(path).problem(), "404 request.route_unknown", "{path}");
    }
    for (method, path) in
        [("PUT", "/api/v1/units"), ("DELETE", "/api/v1/units/1"), ("OPTIONS", "/api/v1/units"), ("POST", "/api/v1/me")]
    {
        let answer = admin.send(method, path, None, Vec::new());
        assert_eq!(answer.problem(), "405 request.method_not_allowed", "{method} {path}");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{method} {path}");
    }
    for id in ["none", "00000000-0000-0000-0000-000000000000", "%00", "a%00b", "%E4%B8%AD", "..%2f..", "'", "%ff", "%"]
    {
        assert_eq!(admin.get(&format!("/api/v1/units/{id}")).problem(), "404 not_found", "{id}");
    }
}

#[test]
fn query_values_are_checked_like_fields() {
    let app = TestApp::start();
    let admin = app.by("admin");
    for (query, problem) in [
        ("limit=0", "?limit field.out_of_range"),
        ("limit=201", "?limit field.out_of_range"),
        ("limit=-1", "?limit field.out_of_range"),
        ("limit=ten", "?limit field.type"),
        ("limit=99999999999999999999", "?limit field.type"),
        ("limit=1&limit=2", "?limit field.duplicate"),
        ("count=yes", "?count field.type"),
        ("kind=town", "?kind field.choice"),
        ("kind=county&kind=town", "?kind field.choice"),
        ("active=1", "?active field.type"),
        ("active=true&active=false", "?active field.duplicate"),
        ("parent=none", "?parent field.reference"),
        ("cursor=nonsense", "?cursor field.cursor"),
        ("colour=red&colour=blue", "?colour field.unknown"),
        ("q=%00", "?q field.control"),
    ] {
        let answer = admin.get(&format!("/api/v1/units?{query}"));
        assert_eq!(answer.problem(), format!("422 request.invalid {problem}"), "{query}");
    }
    assert_eq!(admin.get("/api/v1/me?x=1").problem(), "422 request.invalid ?x field.unknown");
    let answer = admin.post("/api/v1/units?dry=true", json!({}));
    assert_eq!(answer.problem(), "422 request.invalid ?dry field.unknown");
}

#[test]
fn who_asks_is_settled_before_what_is_asked() {
    let app = TestApp::start();
    let bad = json!({"nonsense": true});
    assert_eq!(app.anyone().post("/api/v1/units", bad.clone()).problem(), "401 auth.required");
    assert_eq!(app.anyone().get("/api/v1/units?nonsense=1").problem(), "401 auth.required");
    let answer = app.anyone().bearer("rct_00000000_nothing").get("/api/v1/units");
    assert_eq!(answer.problem(), "401 auth.token_invalid");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"rectify\""));
    let stranger = app.anyone().bearer(&format!("rct_00000000_{}", "x".repeat(43)));
    assert_eq!(stranger.post("/api/v1/units", bad).problem(), "401 auth.token_invalid");
    assert_eq!(app.anyone().with("Authorization", "Basic YTpi").get("/api/v1/units").problem(), "401 auth.required");
    let new = json!({"code": "a", "name": "n", "kind": "zone"});
    assert_eq!(app.by("liaison").post("/api/v1/units", new).problem(), "403 auth.role");
}

fn walk(client: &Client, path: &str) -> Vec<String> {
    let mut codes = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = client.get(&path).is(200);
        let body = answer.json();
        codes.extend(body["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap().to_owned()));
        next = answer.header("link").map(|link| {
            let (target, rest) = link.trim_start_matches('<').split_once('>').unwrap();
            assert_eq!(rest, "; rel=\"next\"");
            assert!(target.contains(&format!("cursor={}", body["next"].as_str().unwrap())));
            target.to_owned()
        });
        assert_eq!(body["next"].is_null(), next.is_none());
    }
    codes
}

#[test]
fn a_list_is_walked_page_by_page_and_a_cursor_fits_its_own_filter_only() {
    let app = TestApp::start();
    let admin = app.by("admin");
    for limit in [1, 2, 4, 6, 200] {
        let codes = walk(&admin, &format!("/api/v1/units?limit={limit}"));
        assert_eq!(codes, ["430502", "430502-edu", "430503", "depts", "office", "sjj"], "{limit}");
    }
    let page = admin.get("/api/v1/units?limit=1&kind=district&count=true").is(200);
    assert_eq!((page.at("/total"), page.at("/items/0/code")), ("2".to_owned(), "430502".to_owned()));
    let cursor = page.at("/next");
    let other = admin.get(&format!("/api/v1/units?limit=1&kind=department&cursor={cursor}"));
    assert_eq!(other.problem(), "422 request.invalid ?cursor field.cursor");
    let same = admin.get(&format!("/api/v1/units?kind=district&cursor={cursor}")).is(200);
    assert_eq!(same.at("/items/0/code"), "430503");
    assert!(same.json().get("total").is_none());
    assert_eq!(walk(&admin, "/api/v1/units?kind=district&kind=office"), ["430502", "430503", "office"]);
}

#[test]
fn a_request_keeps_its_id_and_every_answer_its_guards() {
    let app = TestApp::start();
    let answer = app.by("admin").with("X-Request-Id", "my-id.7").get("/api/v1/units/none");
    assert_eq!(answer.header("x-request-id"), Some("my-id.7"));
    assert_eq!(answer.at("/request_id"), "my-id.7");
    let forged = app.by("admin").with("X-Request-Id", "a b").get("/api/v1/me");
    assert_ne!(forged.header("x-request-id"), Some("a b"));
    for path in ["/api/v1/me", "/api/v1/nothing", "/nothing", "/healthz", "/docs"] {
        let answer = app.by("admin").get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
        assert!(answer.header("x-request-id").is_some(), "{path}");
    }
    assert_eq!(app.by("admin").get("/api/v1/me").header("cache-control"), Some("no-store"));
    assert!(app.by("admin").get("/api/v1/me").header("strict-transport-security").is_none());
}

#[test]
fn a_head_request_is_a_look_without_a_body() {
    let app = TestApp::start();
    let answer = app.by("admin").send("HEAD", "/api/v1/units/sjj", None, Vec::new()).is(200);
    assert!(answer.bytes.is_empty() && answer.header("etag") == Some("\"1\""));
}

#[test]
fn the_service_says_that_it_lives_and_may_be_used() {
    let app = TestApp::start();
    assert_eq!(app.anyone().get("/healthz").is(200).text(), "ok\n");
    let ready = app.anyone().get("/readyz").is(200).json();
    assert_eq!(ready["ready"], true);
    let checks = json!([{"name": "database", "ok": true}, {"name": "disk", "ok": true}, {"name": "look", "ok": true}]);
    assert_eq!(ready["checks"], checks);
    std::fs::remove_dir_all(app.data.path()).unwrap();
    let ready = app.anyone().get("/readyz").is(503).json();
    assert_eq!((&ready["ready"], &ready["checks"][1]["ok"]), (&Value::Bool(false), &Value::Bool(false)));
    std::fs::create_dir(app.data.path()).unwrap();
}
