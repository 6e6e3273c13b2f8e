//! What those who watch the service read: `/readyz` and `/metrics`.

use crate::support::app::TestApp;
use crate::support::client::Answer;
use crate::support::round;
use chrono::TimeDelta;
use rectify::domain::instant::Instant;
use rectify::http::metrics;
use rectify::store::ledger;
use rectify::store::outbox::{self, Hold};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

fn look(app: &TestApp) {
    app.world.write_now(|tx| Ok(ledger::note_look(tx.conn, tx.now)?)).unwrap();
}

fn leap(app: &TestApp) {
    let hold = |now: Instant| Hold { trusted: now.minus(TimeDelta::days(365)), found: now };
    app.world.write_now(move |tx| Ok(outbox::set_hold(tx.conn, &hold(tx.now))?)).unwrap();
}

fn check(answer: &Answer, name: &str) -> Value {
    let body = answer.json();
    let found = body["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name} in {body}")).clone()
}

#[test]
fn readiness_tells_how_the_engine_is_doing() {
    let app = TestApp::start();
    round::issue(&app);
    look(&app);
    let ready = app.anyone().get("/readyz").is(200);
    let engine = &ready.json()["engine"];
    assert_eq!(engine["looked_at"], engine["now"]);
    assert!(engine["mail"]["by_state"]["queued"].as_i64().unwrap() > 0, "{engine}");
    assert_eq!((&engine["pause"], &engine["clock_hold"]), (&Value::Null, &Value::Null));
    assert_eq!(check(&ready, "look")["ok"], true);
}

#[test]
fn nobody_looking_for_a_long_time_is_a_reason_not_to_be_ready() {
    let app = TestApp::start();
    app.anyone().get("/readyz").is(200);
    look(&app);
    app.pass(TimeDelta::minutes(14));
    app.anyone().get("/readyz").is(200);
    app.pass(TimeDelta::minutes(2));
    let silent = app.anyone().get("/readyz").is(503);
    assert_eq!(check(&silent, "look")["ok"], false);
    assert!(silent.json()["engine"].is_object(), "what is known is told all the same");
    look(&app);
    app.anyone().get("/readyz").is(200);
}

#[test]
fn a_pause_a_clock_that_leapt_and_lost_mail_are_shown_and_no_reason_not_to_be_ready() {
    let app = TestApp::start();
    look(&app);
    app.world.write_now(|tx| Ok(outbox::set_pause(tx.conn, "535 no", tx.machine_now)?)).unwrap();
    leap(&app);
    app.pass(TimeDelta::days(2));
    let ready = app.anyone().get("/readyz").is(200);
    // What a mail server said is not for anybody.
    assert_eq!(ready.at("/engine/pause/reason"), "");
    assert!(ready.json()["engine"]["clock_hold"]["found"].is_string());
}

/// Every sample of a scrape: name with labels, and value.
fn samples(text: &str) -> Vec<(String, f64)> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            (name.to_owned(), value.parse().unwrap_or_else(|fault| panic!("{line}: {fault}")))
        })
        .collect()
}

fn scrape(app: &TestApp) -> String {
    let answer = app.by("viewer").get("/metrics").is(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    answer.text()
}

fn value(text: &str, name: &str) -> f64 {
    let found = samples(text).into_iter().find(|(held, _)| held == name);
    found.unwrap_or_else(|| panic!("no {name} in {text}")).1
}

#[test]
fn figures_are_told_to_the_offices_roles_and_to_nobody_else() {
    let app = TestApp::start();
    for login in ["coordinator", "admin", "approver", "viewer"] {
        app.by(login).get("/metrics").is(200);
    }
    assert_eq!(app.anyone().get("/metrics").problem(), "401 auth.required");
    for login in ["liaison", "leader"] {
        assert_eq!(app.by(login).get("/metrics").problem(), "403 auth.role", "{login}");
    }
}

#[test]
fn the_figures_are_those_of_the_outbox_and_of_the_last_look() {
    let app = TestApp::start();
    round::issue(&app);
    look(&app);
    app.pass(TimeDelta::seconds(90));
    let queued =
        app.by("admin").get("/api/v1/messages?state=queued&count=true").is(200).json()["total"].as_f64().unwrap();
    let text = scrape(&app);
    assert!((value(&text, "rectify_outbox_messages{state=\"queued\"}") - queued).abs() < 0.1 && queued > 0.0);
    assert!(value(&text, "rectify_outbox_messages{state=\"dead\"}") < 0.1);
    assert!((value(&text, "rectify_reminder_lag_seconds") - 90.0).abs() < 0.1);
    assert!((value(&text, "rectify_outbox_oldest_due_seconds") - 90.0).abs() < 1.0, "{text}");
    assert!(
        (value(&text, &format!("rectify_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))) - 1.0).abs() < 0.1
    );
    assert!(value(&text, "rectify_clock_held") < 0.1);
    leap(&app);
    assert!((value(&scrape(&app), "rectify_clock_held") - 1.0).abs() < 0.1);
}

#[test]
fn requests_are_counted_by_route_and_never_by_path() {
    let app = TestApp::start_with(|_| {}, rectify::web::configure);
    round::issue(&app);
    let liaison = app.by("liaison");
    liaison.get("/api/v1/tickets/2026Q1-F01-01").is(200);
    liaison.get("/api/v1/tickets/2026Q1-F02-01").is(404);
    app.by("liaison").get("/tickets/2026Q1-F01-01").is(200);
    app.anyone().get("/no/such/place/2026Q1").is(404);
    let text = scrape(&app);
    let of = |route: &str, status: &str| {
        let name = "rectify_http_request_duration_seconds_count";
        value(&text, &format!("{name}{{route=\"{route}\",method=\"GET\",status=\"{status}\"}}"))
    };
    assert!((of("/api/v1/tickets/{id}", "2xx") - 1.0).abs() < 0.1);
    assert!((of("/api/v1/tickets/{id}", "4xx") - 1.0).abs() < 0.1);
    assert!((of("/tickets/{key}", "2xx") - 1.0).abs() < 0.1);
    assert!((of("unknown", "4xx") - 1.0).abs() < 0.1);
    assert!(!text.contains("2026Q1"), "{text}");
}

#[test]
fn whatever_is_asked_there_are_fewer_than_500_series() {
    let app = TestApp::start_with(|_| {}, rectify::web::configure);
    let document = app.anyone().get("/openapi.json").is(200).json();
    let admin = app.by("admin");
    for (path, item) in document["paths"].as_object().unwrap() {
        let named = path.replace("{id}", "00000000-0000-0000-0000-000000000000");
        for method in item.as_object().unwrap().keys() {
            for client in [&admin, &app.anyone()] {
                client.send(&method.to_uppercase(), &named, Some("application/json"), b"{}".to_vec());
            }
        }
        admin.send("BREW", &named, None, Vec::new());
    }
    let text = scrape(&app);
    let names: BTreeSet<String> = samples(&text).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), samples(&text).len(), "a series stands twice");
    assert!((100..500).contains(&names.len()), "{}", names.len());
    assert!(text.contains("route=\"other\",method=\"other\""), "{text}");
}

#[test]
fn attempts_to_deliver_are_told_as_whoever_counts_them_says() {
    let app = TestApp::start();
    app.state.metrics.count_attempts(Arc::new(|| vec![("dot", "sent", 7), ("rcpt", "dead", 2)]));
    let text = scrape(&app);
    assert!((value(&text, "rectify_smtp_attempts_total{phase=\"dot\",result=\"sent\"}") - 7.0).abs() < 0.1);
    assert!((value(&text, "rectify_smtp_attempts_total{phase=\"rcpt\",result=\"dead\"}") - 2.0).abs() < 0.1);
}

#[test]
fn a_listener_of_its_own_tells_figures_without_a_sign_in_and_nothing_else() {
    let app = TestApp::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let state = app.state.clone();
    let (told, started) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let watched = metrics::watch(state, listener).unwrap();
            told.send(()).unwrap();
            stopped.await.ok();
            watched.stop().await;
        });
    });
    started.recv().unwrap();
    let anyone = crate::support::client::Client::new(&url);
    assert!(anyone.get("/metrics").is(200).text().contains("rectify_outbox_messages"));
    for path in ["/", "/api/v1/units", "/readyz", "/metrics/x"] {
        anyone.get(path).is(404);
    }
    stop.send(()).unwrap();
    thread.join().unwrap();
}
