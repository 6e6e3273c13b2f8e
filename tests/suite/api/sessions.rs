//! One's own sessions and password, and what the admin does to another's; what signing in costs whom.

use crate::support::app::{PASSWORD, TestApp};
use crate::support::client::{Answer, Client};
use chrono::TimeDelta;
use rectify::actions::sign_in::Hashing;
use serde_json::{Value, json};

fn sign_in(app: &TestApp, login: &str, password: &str) -> Answer {
    app.anyone().post("/api/v1/session", json!({"login": login, "password": password}))
}

/// A browser that may change things.
fn browser(app: &TestApp, login: &str) -> Client {
    let answer = sign_in(app, login, PASSWORD).is(201);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    app.anyone().with("Cookie", &cookie).with("X-CSRF-Token", &answer.at("/csrf_token")).with("Accept-Language", "en")
}

fn sessions(client: &Client, query: &str) -> Vec<Value> {
    client.get(&format!("/api/v1/sessions{query}")).is(200).json()["items"].as_array().unwrap().clone()
}

#[test]
fn somebody_sees_where_they_are_signed_in_and_ends_what_they_do_not_know() {
    let app = TestApp::start();
    let here = browser(&app, "liaison");
    app.pass(TimeDelta::minutes(5));
    let there = browser(&app, "liaison");
    browser(&app, "leader");
    let held = sessions(&here, "?count=true");
    assert_eq!(held.len(), 2);
    assert_eq!((&held[0]["current"], &held[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!(held[1]["created_at"], "2026-03-02T01:05:00Z");
    assert_eq!(held[1]["expires_at"], "2026-03-02T13:05:00Z");
    assert!(!held[0].to_string().contains("hash") && !held[0].to_string().contains("csrf"));
    let path = format!("/api/v1/sessions/{}", held[1]["id"].as_str().unwrap());
    assert_eq!(browser(&app, "leader").delete(&path).problem(), "404 not_found");
    assert_eq!(app.by("coordinator").delete(&path).problem(), "404 not_found");
    there.get("/api/v1/me").is(200);
    here.delete(&path).is(204);
    assert_eq!(there.get("/api/v1/me").problem(), "401 auth.required");
    assert_eq!(here.delete(&path).problem(), "404 not_found");
    assert_eq!(sessions(&here, "").len(), 1);
    // One that has ended by itself is not listed.
    app.pass(TimeDelta::minutes(31));
    assert_eq!(sessions(&app.by("liaison"), ""), Vec::<Value>::new());
}

#[test]
fn the_admin_sees_and_ends_anybodys_sessions() {
    let app = TestApp::start();
    let theirs = browser(&app, "liaison");
    let admin = app.by("admin");
    let held = sessions(&admin, "?user=liaison");
    assert_eq!((held.len(), &held[0]["current"]), (1, &json!(false)));
    assert_eq!(app.by("coordinator").get("/api/v1/sessions?user=liaison").problem(), "403 auth.role");
    admin.delete(&format!("/api/v1/sessions/{}", held[0]["id"].as_str().unwrap())).is(204);
    assert_eq!(theirs.get("/api/v1/me").problem(), "401 auth.required");
    // A password that the admin sets ends all of them.
    let (one, other) = (browser(&app, "liaison"), browser(&app, "liaison"));
    admin.patch("/api/v1/users/liaison", json!({"password": "another long one"})).is(200);
    for ended in [one, other] {
        assert_eq!(ended.get("/api/v1/me").problem(), "401 auth.required");
    }
    sign_in(&app, "liaison", "another long one").is(201);
}

#[test]
fn a_password_of_ones_own_is_changed_by_whoever_knows_the_old_one_and_ends_the_other_sessions() {
    let app = TestApp::start();
    let (here, there) = (browser(&app, "liaison"), browser(&app, "liaison"));
    let change = |client: &Client, old: &str, new: &str| {
        client.post("/api/v1/me/password", json!({"old_password": old, "new_password": new}))
    };
    let new = "another long one";
    let wrong = change(&here, "wrong password", new);
    assert_eq!(wrong.problem(), "422 request.invalid /old_password auth.failed");
    assert!(!wrong.text().contains(new) && !wrong.text().contains("wrong password"));
    for (bad, code) in
        [("short", "field.too_short"), (&"x".repeat(257), "field.too_long"), ("my liaison password", "field.format")]
    {
        let answer = change(&here, PASSWORD, bad);
        assert_eq!(answer.problem(), format!("422 request.invalid /new_password {code}"));
    }
    let foreign = here.with("Sec-Fetch-Site", "cross-site");
    assert_eq!(change(&foreign, PASSWORD, new).problem(), "403 auth.csrf");
    assert_eq!(change(&app.anyone(), PASSWORD, new).problem(), "401 auth.required");
    change(&here, PASSWORD, new).is(204);
    here.get("/api/v1/me").is(200);
    assert_eq!(there.get("/api/v1/me").problem(), "401 auth.required");
    assert_eq!(sign_in(&app, "liaison", PASSWORD).problem(), "401 auth.failed");
    sign_in(&app, "liaison", new).is(201);
    app.by("liaison").get("/api/v1/me").is(200);
    // Guessing the old one slows down as guessing at the door does.
    for _ in 0..5 {
        assert_eq!(
            change(&here, "wrong password", "a third long one").problem(),
            "422 request.invalid /old_password auth.failed"
        );
    }
    assert_eq!(change(&here, new, "a third long one").problem(), "429 auth.slow_down");
}

#[test]
fn whoever_can_not_sign_in_is_answered_the_same_after_the_same_work() {
    let app = TestApp::start();
    let admin = app.by("admin");
    admin.patch("/api/v1/users/leader", json!({"active": false})).is(200);
    let account =
        |login: &str, service: bool| json!({"login": login, "name": "n", "roles": ["viewer"], "service": service});
    admin.post("/api/v1/users", account("robot", true)).is(201);
    admin.post("/api/v1/users", account("bare", false)).is(201);
    let mut told = Vec::new();
    // Wrong, unknown, disabled with the right password, a service account, one without a password, nonsense.
    for (login, password) in [
        ("liaison", "wrong password"),
        ("nobody", PASSWORD),
        ("leader", PASSWORD),
        ("robot", PASSWORD),
        ("bare", PASSWORD),
        ("' or 1=1 --", PASSWORD),
    ] {
        let before = app.state.hashing.computed();
        let answer = sign_in(&app, login, password);
        assert_eq!(app.state.hashing.computed() - before, 1, "{login}");
        assert_eq!(answer.problem(), "401 auth.failed", "{login}");
        assert_eq!(answer.header("set-cookie"), None, "{login}");
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("request_id");
        told.push(body.to_string());
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:#?}");
    let before = app.state.hashing.computed();
    sign_in(&app, "viewer", PASSWORD).is(201);
    assert_eq!(app.state.hashing.computed() - before, 1);
    // Whoever has to wait costs nothing any more.
    for login in ["liaison", "nobody"] {
        for _ in 0..4 {
            sign_in(&app, login, "wrong password");
        }
        let before = app.state.hashing.computed();
        assert_eq!(sign_in(&app, login, PASSWORD).problem(), "429 auth.slow_down", "{login}");
        assert_eq!(app.state.hashing.computed(), before, "{login}");
    }
}

#[test]
fn an_address_with_many_wrong_passwords_waits_whatever_the_logins() {
    let app = TestApp::start_with(|config| config.security.failures_per_address = 8, |_| {});
    let through = |from: &str| app.anyone().with("X-Forwarded-For", from);
    let attempt = |from: &str, login: &str, password: &str| {
        through(from).post("/api/v1/session", json!({"login": login, "password": password}))
    };
    for index in 0..8 {
        assert_eq!(attempt("192.0.2.1", &format!("user{index}"), "wrong password").problem(), "401 auth.failed");
    }
    let waits = attempt("192.0.2.1", "viewer", PASSWORD);
    assert_eq!((waits.problem(), waits.header("retry-after")), ("429 auth.slow_down".to_owned(), Some("900")));
    // Naming somebody else in front doesn't help: what the nearest proxy heard counts.
    assert_eq!(attempt("203.0.113.5, 192.0.2.1", "viewer", PASSWORD).problem(), "429 auth.slow_down");
    attempt("192.0.2.2", "viewer", PASSWORD).is(201);
    app.pass(TimeDelta::minutes(15));
    attempt("192.0.2.1", "viewer", PASSWORD).is(201);
}

#[test]
fn right_passwords_are_no_attempts_against_an_address() {
    let app = TestApp::start_with(|config| config.security.failures_per_address = 2, |_| {});
    for _ in 0..5 {
        sign_in(&app, "viewer", PASSWORD).is(201);
    }
}

/// Two at a time, so many wait, no more: memory and processors are bounded whatever comes.
#[actix_web::test]
async fn of_forty_passwords_at_once_thirty_four_are_taken_and_the_others_told_to_come_back() {
    let hashing = Hashing::default();
    let all = (0..40).map(|_| hashing.hash("a password that is long".to_owned()));
    let outcomes = futures_util::future::join_all(all).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 34);
    assert_eq!(hashing.computed(), 34);
    for refused in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, rectify::transaction::Failure::Store(rectify::store::StoreError::Busy)), "{refused}");
    }
}

#[test]
fn a_caller_without_the_role_has_no_password_hashed() {
    let app = TestApp::start();
    let user = json!({"login": "x", "name": "x", "roles": ["viewer"], "password": "a password that is long"});
    let before = app.state.hashing.computed();
    assert_eq!(app.by("liaison").post("/api/v1/users", user).problem(), "403 auth.role");
    let reset = json!({"password": "a password that is long"});
    assert_eq!(app.by("liaison").patch("/api/v1/users/leader", reset).problem(), "403 auth.role");
    assert_eq!(app.state.hashing.computed(), before);
}
