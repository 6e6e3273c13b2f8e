//! Access tokens: told once, limited, expiring, revoked.

use crate::support::app::{TestApp, until};
use chrono::TimeDelta;
use rectify::store::{StoreError, events};
use serde_json::{Value, json};

#[test]
fn a_secret_is_told_once_and_works_until_it_is_revoked() {
    let app = TestApp::start();
    let liaison = app.by("liaison");
    let made = liaison.post("/api/v1/tokens", json!({"name": "夜间导出"})).is(201);
    let (secret, id) = (made.at("/secret"), made.at("/id"));
    assert!(secret.starts_with("rct_") && secret.starts_with(&made.at("/prefix")) && secret.len() == 56, "{secret}");
    assert_eq!(made.header("location"), Some(format!("/api/v1/tokens/{id}").as_str()));
    let listed = liaison.get("/api/v1/tokens").is(200);
    assert!(!listed.text().contains(&secret));
    assert_eq!(listed.at("/items/1/name"), "夜间导出");
    let program = app.anyone().bearer(&secret);
    assert_eq!(program.get("/api/v1/me").is(200).at("/login"), "liaison");
    liaison.delete(&format!("/api/v1/tokens/{id}")).is(204);
    assert_eq!(program.get("/api/v1/me").problem(), "401 auth.token_invalid");
    assert_eq!(liaison.delete(&format!("/api/v1/tokens/{id}")).problem(), "404 not_found");
    assert_eq!(liaison.get("/api/v1/tokens").json()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_token_makes_no_token_that_can_do_more_or_lives_longer() {
    let app = TestApp::start();
    let limited = json!({"name": "n", "scopes": ["write"], "expires_on": "2026-03-31"});
    let secret = app.by("liaison").post("/api/v1/tokens", limited).is(201).at("/secret");
    let program = app.anyone().bearer(&secret);
    let made = program.post("/api/v1/tokens", json!({"name": "n"})).is(201);
    assert_eq!((made.json()["scopes"].clone(), made.at("/expires_on")), (json!(["write"]), "2026-03-31".into()));
    let longer = program.post("/api/v1/tokens", json!({"name": "n", "expires_on": "2026-04-01"}));
    assert_eq!(longer.problem(), "422 request.invalid /expires_on field.not_allowed");
    let wider = program.post("/api/v1/tokens", json!({"name": "n", "scopes": ["read", "write"]}));
    assert_eq!(wider.problem(), "422 request.invalid /scopes field.not_allowed");
}

#[test]
fn a_token_expires_after_its_last_day_by_the_machines_time() {
    let app = TestApp::start();
    let liaison = app.by("liaison");
    let past = liaison.post("/api/v1/tokens", json!({"name": "n", "expires_on": "2026-03-01"}));
    assert_eq!(past.problem(), "422 request.invalid /expires_on field.past");
    let made = liaison.post("/api/v1/tokens", json!({"name": "n", "expires_on": "2026-03-02"})).is(201);
    let program = app.anyone().bearer(&made.at("/secret"));
    program.get("/api/v1/me").is(200);
    app.pass(TimeDelta::hours(15) - TimeDelta::microseconds(1));
    program.get("/api/v1/me").is(200);
    app.pass(TimeDelta::microseconds(1));
    assert_eq!(program.get("/api/v1/me").problem(), "401 auth.token_invalid");
}

#[test]
fn a_token_for_reading_changes_nothing() {
    let app = TestApp::start();
    let made = app.by("admin").post("/api/v1/tokens", json!({"name": "reader", "scopes": ["read"]})).is(201);
    let reader = app.anyone().bearer(&made.at("/secret"));
    assert_eq!(reader.get("/api/v1/me").is(200).json()["scopes"], json!(["read"]));
    let refused = reader.post("/api/v1/units", json!({"code": "a", "name": "n", "kind": "zone"}));
    assert_eq!(refused.problem(), "403 auth.scope");
    assert_eq!(reader.post("/api/v1/tokens", json!({"name": "wider"})).problem(), "403 auth.scope");
    assert_eq!(reader.upload("/api/v1/attachments", &[("a.txt", b"a")]).problem(), "403 auth.scope");
    let wrong = app.by("admin").post("/api/v1/tokens", json!({"name": "n", "scopes": ["everything"]}));
    assert_eq!(wrong.problem(), "422 request.invalid /scopes/0 field.choice");
    let none = app.by("admin").post("/api/v1/tokens", json!({"name": "n", "scopes": []}));
    assert_eq!(none.problem(), "422 request.invalid /scopes field.required");
}

#[test]
fn anothers_tokens_are_the_admins_business_only() {
    let app = TestApp::start();
    let (admin, liaison) = (app.by("admin"), app.by("liaison"));
    let made = admin.post("/api/v1/tokens?user=liaison", json!({"name": "for them"})).is(201);
    assert_eq!(app.anyone().bearer(&made.at("/secret")).get("/api/v1/me").is(200).at("/login"), "liaison");
    assert_eq!(admin.get("/api/v1/tokens?user=liaison&count=true").is(200).at("/total"), "2");
    assert_eq!(admin.get("/api/v1/tokens?user=nobody").problem(), "422 request.invalid ?user field.reference");
    assert_eq!(liaison.get("/api/v1/tokens?user=leader").problem(), "403 auth.role");
    assert_eq!(liaison.get("/api/v1/tokens?user=nobody").problem(), "403 auth.role");
    assert_eq!(liaison.post("/api/v1/tokens?user=leader", json!({"name": "n"})).problem(), "403 auth.role");
    liaison.get("/api/v1/tokens?user=liaison").is(200);
    let id = made.at("/id");
    assert_eq!(app.by("leader").delete(&format!("/api/v1/tokens/{id}")).problem(), "404 not_found");
    admin.delete(&format!("/api/v1/tokens/{id}")).is(204);
}

#[test]
fn the_last_use_is_noted_once_an_hour() {
    let app = TestApp::start();
    let liaison = app.by("liaison");
    let admin = app.by("admin");
    let noted = || admin.get("/api/v1/tokens?user=liaison").is(200).json()["items"][0]["last_used_at"].clone();
    assert_eq!(noted(), Value::Null);
    liaison.get("/api/v1/me").is(200);
    until("the first use is noted", || noted() == "2026-03-02T01:00:00Z");
    app.pass(TimeDelta::minutes(59));
    liaison.get("/api/v1/me").is(200);
    app.pass(TimeDelta::minutes(1));
    assert_eq!(noted(), "2026-03-02T01:00:00Z");
    liaison.get("/api/v1/me").is(200);
    until("a use an hour later is noted", || noted() == "2026-03-02T02:00:00Z");
}

#[test]
fn making_and_revoking_is_on_the_users_record() {
    let app = TestApp::start();
    let made = app.by("liaison").post("/api/v1/tokens", json!({"name": "n"})).is(201);
    let user = made.at("/user_id");
    app.by("admin").delete(&format!("/api/v1/tokens/{}", made.at("/id"))).is(204);
    let acts: Vec<String> = app
        .database
        .db
        .read_now::<_, StoreError, _>(|conn| events::list(conn, &format!("user:{user}"), 0, 50))
        .unwrap()
        .into_iter()
        .map(|event| format!("{} by {}", event.act, event.actor_name))
        .collect();
    assert_eq!(
        acts,
        [
            "user.created by test",
            "token.created by test",
            "token.created by liaison 同志",
            "token.revoked by admin 同志"
        ]
    );
}
