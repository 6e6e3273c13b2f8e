//! `Idempotency-Key`: a request asked twice is done once.

use crate::support::app::TestApp;
use chrono::TimeDelta;
use rectify::store::{StoreError, events, units};
use serde_json::{Value, json};

fn unit(code: &str) -> Value {
    json!({"code": code, "name": "新设单位", "kind": "zone"})
}

#[test]
fn the_same_request_under_the_same_key_gets_the_first_answer_again() {
    let app = TestApp::start();
    let admin = app.by("admin").with("Idempotency-Key", "key-1");
    let first = admin.post("/api/v1/units", unit("new")).is(201);
    assert!(first.header("idempotency-replayed").is_none());
    let again = admin.post("/api/v1/units", unit("new")).is(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.bytes, again.bytes);
    for name in ["etag", "location", "content-type"] {
        assert_eq!(first.header(name), again.header(name), "{name}");
    }
    assert_eq!(admin.post("/api/v1/units", unit("other")).problem(), "422 idempotency.key_reused");
    assert_eq!(
        admin.post("/api/v1/tokens", unit("new")).problem(),
        "422 request.invalid /code field.unknown /kind field.unknown"
    );
    assert_eq!(admin.post("/api/v1/tokens", json!({"name": "n"})).problem(), "422 idempotency.key_reused");
    // Another caller's key is another key.
    app.by("coordinator").with("Idempotency-Key", "key-1").post("/api/v1/tokens", json!({"name": "n"})).is(201);
}

#[test]
fn of_twenty_equal_requests_at_once_one_is_done_and_all_get_its_answer() {
    let app = TestApp::start();
    let admin = app.by("admin").with("Idempotency-Key", "key-1");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let admin = &admin;
        let threads: Vec<_> =
            (0..20).map(|_| scope.spawn(move || admin.post("/api/v1/units", unit("new")).is(201))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.bytes == answers[0].bytes));
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count(), 1);
    let id = answers[0].at("/id");
    let events = app
        .database
        .db
        .read_now::<_, StoreError, _>(|conn| {
            let unit = units::find_by_code(conn, "new")?.unwrap();
            assert_eq!(unit.id.to_string(), id);
            events::count(conn, &format!("unit:{id}"))
        })
        .unwrap();
    assert_eq!(events, 1);
}

#[test]
fn a_refusal_is_not_kept_and_the_key_stays_free() {
    let app = TestApp::start();
    let admin = app.by("admin").with("Idempotency-Key", "key-1");
    assert_eq!(admin.post("/api/v1/units", unit("sjj")).problem(), "409 duplicate");
    assert_eq!(admin.post("/api/v1/units", json!({})).status, 422);
    admin.post("/api/v1/units", unit("new")).is(201);
}

#[test]
fn a_key_is_kept_for_a_day_by_the_machines_time() {
    let app = TestApp::start();
    let admin = app.by("admin").with("Idempotency-Key", "key-1");
    admin.post("/api/v1/units", unit("new")).is(201);
    app.pass(TimeDelta::hours(24));
    assert_eq!(admin.post("/api/v1/units", unit("new")).is(201).header("idempotency-replayed"), Some("true"));
    app.pass(TimeDelta::seconds(1));
    assert_eq!(admin.post("/api/v1/units", unit("new")).problem(), "409 duplicate");
}

#[test]
fn a_key_that_cannot_be_one_is_refused() {
    let app = TestApp::start();
    for key in ["", "a b", "键", &"k".repeat(256)] {
        let answer = app.by("admin").with("Idempotency-Key", key).post("/api/v1/units", unit("new"));
        assert_eq!(answer.problem(), "400 idempotency.key_invalid", "{key}");
    }
    app.by("admin").with("Idempotency-Key", &"k".repeat(255)).post("/api/v1/units", unit("new")).is(201);
}
