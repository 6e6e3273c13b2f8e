//! Access itself on record: who came in, who failed to, who was told no. An attack can't fill the disk with it.

use crate::support::app::{PASSWORD, TestApp, until};
use chrono::TimeDelta;
use serde_json::{Value, json};

/// The acts of somebody's timeline, oldest first, each with its payload.
fn acts(app: &TestApp, login: &str) -> Vec<(String, Value)> {
    let found = app.by("viewer").get(&format!("/api/v1/audit?stream=user:{login}&limit=200")).is(200).json();
    let lines = found["items"].as_array().unwrap().iter().rev();
    lines.map(|line| (line["act"].as_str().unwrap().to_owned(), line["payload"].clone())).collect()
}

fn count(app: &TestApp, login: &str, act: &str) -> usize {
    acts(app, login).iter().filter(|(held, _)| held == act).count()
}

fn sign_in(app: &TestApp, login: &str, password: &str) -> u16 {
    app.anyone().post("/api/v1/session", json!({"login": login, "password": password})).status
}

#[test]
fn signing_in_and_failing_to_are_on_record() {
    let app = TestApp::start();
    assert_eq!(sign_in(&app, "liaison", "wrong wrong wrong"), 401);
    assert_eq!(sign_in(&app, "liaison", PASSWORD), 201);
    assert_eq!(sign_in(&app, "nobody", "wrong wrong wrong"), 401);
    let acts = acts(&app, "liaison");
    let told: Vec<&str> = acts.iter().rev().take(2).map(|(act, _)| act.as_str()).collect();
    assert_eq!(told, ["user.signed_in", "user.sign_in_failed"]);
    assert_eq!(acts[acts.len() - 2].1, json!({"failures": 1, "left_out": 0}));
}

#[test]
fn an_attack_on_a_password_leaves_a_few_lines_and_a_count() {
    let app = TestApp::start();
    for _ in 0..30 {
        let status = sign_in(&app, "liaison", "wrong wrong wrong");
        assert!(status == 401 || status == 429, "{status}");
        app.pass(TimeDelta::minutes(16));
    }
    let lines = count(&app, "liaison", "user.sign_in_failed");
    assert!((5..=20).contains(&lines), "{lines}");
    assert_eq!(app.by("viewer").get("/api/v1/audit/verify").is(200).at("/whole"), "true");
}

#[test]
fn who_is_told_no_is_on_record_and_who_finds_nothing_is_not() {
    let app = TestApp::start();
    app.by("liaison").post("/api/v1/notices", json!({"code": "x", "title": "x"})).is(403);
    until("the denial is on record", || count(&app, "liaison", "user.denied") == 1);
    let (_, said) = acts(&app, "liaison").pop().unwrap();
    assert_eq!(said, json!({"asked": "POST /api/v1/notices", "code": "auth.role", "left_out": 0}));
    app.by("liaison").get("/api/v1/tickets/nothing").is(404);
    for _ in 0..50 {
        app.by("liaison").post("/api/v1/notices", json!({"code": "x", "title": "x"})).is(403);
        app.by("liaison").get("/api/v1/users").is(403);
    }
    until("another denial is on record", || count(&app, "liaison", "user.denied") == 2);
    app.pass(TimeDelta::hours(1));
    app.by("liaison").get("/api/v1/users").is(403);
    until("the next hour's is on record", || count(&app, "liaison", "user.denied") == 3);
    let (_, said) = acts(&app, "liaison").pop().unwrap();
    assert_eq!(said["left_out"], 98);
}
