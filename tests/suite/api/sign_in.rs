//! Signing in with a password: sessions, the form token, and what slows guessing down.

use crate::support::app::{PASSWORD, TestApp, until};
use crate::support::client::{Answer, Client};
use chrono::TimeDelta;
use diesel::prelude::*;
use rectify::actions::sign_in::{self, Hashing};
use rectify::domain::actor::Actor;
use rectify::domain::id::{SessionId, UserId};
use rectify::domain::instant::Instant;
use rectify::store::schema::sessions;
use rectify::store::{Conn, StoreError};
use rectify::transaction::Failure;
use serde_json::json;

fn sign_in(app: &TestApp, login: &str, password: &str) -> Answer {
    app.anyone().post("/api/v1/session", json!({"login": login, "password": password}))
}

/// A browser with the session's cookie, and the form token.
fn browser(app: &TestApp, login: &str) -> (Client, String) {
    let answer = sign_in(app, login, PASSWORD).is(201);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    (app.anyone().with("Cookie", &cookie), answer.at("/csrf_token"))
}

#[test]
fn a_session_is_opened_used_and_closed() {
    let app = TestApp::start();
    let answer = sign_in(&app, "liaison", PASSWORD).is(201);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("rectify_session="), "{cookie}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"));
    assert_eq!(
        (answer.at("/login"), answer.at("/unit/code"), answer.at("/roles/0")),
        ("liaison".into(), "430502".into(), "liaison".into())
    );
    let (browser, form_token) = browser(&app, "liaison");
    assert_eq!(browser.get("/api/v1/me").is(200).at("/csrf_token"), form_token);
    browser.get("/api/v1/units").is(200);
    let gone = browser.with("X-CSRF-Token", &form_token).delete("/api/v1/session").is(204);
    assert!(gone.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(browser.get("/api/v1/me").problem(), "401 auth.required");
}

#[test]
fn behind_tls_the_cookie_is_for_tls_only() {
    let app = TestApp::start_with(|config| config.server.public_url = "https://rectify.example.cn".to_owned(), |_| {});
    let answer = sign_in(&app, "liaison", PASSWORD).is(201);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-rectify_session=") && cookie.contains("Secure") && cookie.contains("Path=/"));
    assert!(!cookie.contains("Domain"));
    assert!(answer.header("strict-transport-security").is_some());
}

#[test]
fn a_change_made_with_a_cookie_needs_the_form_token() {
    let app = TestApp::start();
    let (browser, form_token) = browser(&app, "admin");
    let new = || json!({"code": "new", "name": "新", "kind": "zone"});
    assert_eq!(browser.post("/api/v1/units", new()).problem(), "403 auth.csrf");
    assert_eq!(browser.with("X-CSRF-Token", "wrong").post("/api/v1/units", new()).problem(), "403 auth.csrf");
    assert_eq!(browser.delete("/api/v1/session").problem(), "403 auth.csrf");
    assert_eq!(browser.upload("/api/v1/attachments", &[("a.txt", b"a")]).problem(), "403 auth.csrf");
    // Nothing is told about the body before.
    assert_eq!(browser.post("/api/v1/units", json!({"x": 1})).problem(), "403 auth.csrf");
    browser.with("X-CSRF-Token", &form_token).post("/api/v1/units", new()).is(201);
    // A token is not sent by a browser on its own.
    app.by("admin").patch("/api/v1/units/new", json!({"name": "更新"})).is(200);
}

#[test]
fn a_session_ends_when_it_is_idle_and_in_any_case_after_a_time() {
    let app = TestApp::start();
    let (browser, _) = browser(&app, "liaison");
    let use_it = || {
        let now = app.world.clock.now();
        browser.get("/api/v1/me").is(200);
        // Its use is noted beside the answer.
        until("the use is noted", || {
            let seen = |conn: &mut Conn| Ok::<_, StoreError>(sessions::table.select(sessions::seen_at).first(conn)?);
            app.database.db.read_now::<Instant, _, _>(seen).unwrap() == now
        });
    };
    // Twelve hours in steps just below the idle limit of thirty minutes.
    for _ in 0..24 {
        app.pass(TimeDelta::seconds(1799));
        use_it();
    }
    app.pass(TimeDelta::seconds(24));
    assert_eq!(browser.get("/api/v1/me").problem(), "401 auth.required");
    let (browser, _) = self::browser(&app, "leader");
    app.pass(TimeDelta::seconds(1799));
    browser.get("/api/v1/units").is(200);
    app.pass(TimeDelta::minutes(31));
    assert_eq!(browser.get("/api/v1/me").problem(), "401 auth.required");
}

#[test]
fn a_wrong_password_and_an_unknown_login_are_answered_the_same_and_both_slow_down() {
    let app = TestApp::start();
    for login in ["liaison", "nobody"] {
        for _ in 0..5 {
            assert_eq!(sign_in(&app, login, "wrong password").problem(), "401 auth.failed", "{login}");
        }
        let slowed = sign_in(&app, login, "wrong password");
        assert_eq!(slowed.problem(), "429 auth.slow_down", "{login}");
        assert_eq!(slowed.header("retry-after"), Some("31"), "{login}");
    }
    // The right password doesn't help while it is locked; time does.
    assert_eq!(sign_in(&app, "liaison", PASSWORD).problem(), "429 auth.slow_down");
    sign_in(&app, "leader", PASSWORD).is(201);
    app.pass(TimeDelta::seconds(31));
    assert_eq!(sign_in(&app, "liaison", "wrong password").problem(), "401 auth.failed");
    assert_eq!(sign_in(&app, "liaison", PASSWORD).header("retry-after"), Some("61"));
    app.pass(TimeDelta::seconds(61));
    sign_in(&app, "liaison", PASSWORD).is(201);
    // Success forgets the failures.
    assert_eq!(sign_in(&app, "liaison", "wrong password").problem(), "401 auth.failed");
    sign_in(&app, "liaison", PASSWORD).is(201);
}

#[test]
fn whoever_is_disabled_is_out_at_once() {
    let app = TestApp::start();
    let (browser, _) = browser(&app, "liaison");
    let token = app.by("liaison");
    token.get("/api/v1/me").is(200);
    app.by("admin").patch("/api/v1/users/liaison", json!({"active": false})).is(200);
    assert_eq!(browser.get("/api/v1/me").problem(), "401 auth.required");
    assert_eq!(token.get("/api/v1/me").problem(), "401 auth.token_invalid");
    assert_eq!(sign_in(&app, "liaison", PASSWORD).problem(), "401 auth.failed");
}

#[test]
fn a_body_that_does_not_fit_is_told_and_the_password_is_nowhere_in_the_answer() {
    let app = TestApp::start();
    let answer = app.anyone().post("/api/v1/session", json!({"login": "admin", "pasword": "hush-hush-hush"}));
    assert_eq!(answer.problem(), "422 request.invalid /pasword field.unknown /password field.required");
    assert!(!answer.text().contains("hush"));
    let answer = app.anyone().post("/api/v1/session", json!({"login": "\u{0}", "password": "x"}));
    assert_eq!(answer.problem(), "422 request.invalid /login field.control");
}

#[test]
fn many_who_sign_in_at_once_are_served_or_told_to_come_back() {
    let app = TestApp::start();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let app = &app;
        let threads: Vec<_> = (0..60).map(|_| scope.spawn(move || sign_in(app, "viewer", PASSWORD))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for answer in &answers {
        if answer.status != 201 {
            assert_eq!(answer.problem(), "503 service.busy");
            assert!(answer.header("retry-after").is_some());
        }
    }
    assert!(answers.iter().filter(|answer| answer.status == 201).count() >= 20);
}

#[actix_web::test]
async fn somebody_changes_their_own_password_and_their_other_sessions_end() {
    let app = TestApp::start();
    let (here, _) = browser(&app, "liaison");
    let (there, _) = browser(&app, "liaison");
    let (user, mine): (UserId, SessionId) = app
        .database
        .db
        .read_now::<_, StoreError, _>(|conn| {
            Ok(sessions::table.order(sessions::id).select((sessions::user_id, sessions::id)).first(conn)?)
        })
        .unwrap();
    let actor = Actor { user_id: Some(user), ..Actor::system("liaison") };
    let hashing = Hashing::default();
    let change = |old: &str, new: &str| {
        let words = (old.to_owned(), new.to_owned());
        sign_in::change_password(&app.world, &hashing, &actor, Some(mine), words)
    };
    let told = |failure: Failure| failure.to_string();
    assert!(told(change("wrong", "another long one").await.unwrap_err()).contains("/old_password"));
    assert!(told(change(PASSWORD, "short").await.unwrap_err()).contains("/new_password"));
    change(PASSWORD, "another long one").await.unwrap();
    here.get("/api/v1/me").is(200);
    assert_eq!(there.get("/api/v1/me").problem(), "401 auth.required");
    assert_eq!(self::sign_in(&app, "liaison", PASSWORD).problem(), "401 auth.failed");
    self::sign_in(&app, "liaison", "another long one").is(201);
}
