//! Handing over, over REST: one act gives a person's open items to another, and the first can be disabled.

use crate::support::app::TestApp;
use crate::support::round::{acknowledged, issue};
use rectify::store::events;
use serde_json::{Value, json};

const F01: &str = "/api/v1/tickets/2026Q1-F01-01";

/// A second person of 430502 with no more than a leader's role, and a liaison who handles F01 by name.
fn office(app: &TestApp) {
    issue(app);
    let admin = app.by("admin");
    let heir =
        json!({"login": "heir", "name": "王五", "email": "heir@example.cn", "unit_id": "430502", "roles": ["leader"]});
    admin.post("/api/v1/users", heir).is(201);
    app.by("liaison").post(&format!("{F01}/acknowledge"), json!({"handler": "liaison 同志"})).is(200);
    let away = json!({"deputy": {"user_id": "liaison", "from": "2026-03-01", "to": "2026-03-31"}});
    admin.patch("/api/v1/users/leader", away).is(200);
}

#[test]
fn all_open_items_of_a_person_go_to_another() {
    let app = TestApp::start();
    office(&app);
    let admin = app.by("admin");
    let path = "/api/v1/users/liaison/hand-over";
    let told = admin.post(path, json!({"to": "heir", "reason": "岗位调整", "dry_run": true})).is(200).json();
    assert_eq!(told["tickets"][0]["reference"], "2026Q1-F01-01");
    assert_eq!((&told["gained_roles"], &told["deputyships"][0]["login"]), (&json!(["liaison"]), &json!("leader")));
    assert_eq!((&told["dry_run"], &told["version"]), (&json!(true), &json!(1)));
    assert_eq!(admin.get(F01).at("/handler"), "liaison 同志", "nothing was changed");

    let done = admin.post(path, json!({"to": "heir", "reason": "岗位调整"})).is(200);
    assert_eq!((done.at("/login"), done.at("/to/login")), ("liaison".into(), "heir".into()));
    assert_eq!(done.header("etag").unwrap(), format!("\"{}\"", done.at("/version")));
    let ticket = admin.get(F01).is(200).json();
    assert_eq!((&ticket["handler"], &ticket["version"]), (&json!("王五"), &json!(3)));
    let events = admin.get(&format!("{F01}/events")).json();
    let last = events["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["act"], &last["payload"]["reason"]), (&json!("ticket.handed_over"), &json!("岗位调整")));
    let heir = admin.get("/api/v1/users/heir").is(200).json();
    assert_eq!((&heir["roles"], &heir["version"]), (&json!(["liaison", "leader"]), &json!(2)));
    let away = admin.get("/api/v1/users/leader").is(200).json();
    assert_eq!(away["deputy"]["user_id"], heir["id"]);
    for (login, act) in [("liaison", "user.handed_over"), ("heir", "user.took_over")] {
        let id = admin.get(&format!("/api/v1/users/{login}")).at("/id");
        let stream = format!("user:{id}");
        let rows = app.world.read_now(move |read| Ok(events::list(read.conn, &stream, 0, 100)?)).unwrap();
        let acts: Vec<&str> = rows.iter().map(|event| event.act.as_str()).collect();
        assert!(acts.contains(&act), "{login}: {acts:?}");
    }
    assert_eq!(admin.get("/api/v1/audit/verify").at("/whole"), "true");
    admin.patch("/api/v1/users/liaison", json!({"active": false})).is(200);
}

#[test]
fn a_hand_over_is_the_admins_and_stays_in_the_unit() {
    let app = TestApp::start();
    acknowledged(&app);
    let path = "/api/v1/users/liaison/hand-over";
    let body = json!({"to": "leader", "reason": "x"});
    for login in ["coordinator", "approver", "viewer", "liaison"] {
        assert_eq!(app.by(login).post(path, body.clone()).problem(), "403 auth.role", "{login}");
    }
    let admin = app.by("admin");
    let refused = |body: Value| admin.post(path, body).problem();
    assert_eq!(refused(json!({})), "422 request.invalid /reason field.required /to field.required");
    assert_eq!(refused(json!({"to": "nobody", "reason": "x"})), "422 request.invalid /to field.reference");
    assert_eq!(refused(json!({"to": "liaison2", "reason": "x"})), "422 request.invalid /to field.not_allowed");
    assert_eq!(refused(json!({"to": "liaison", "reason": "x"})), "422 request.invalid /to field.not_allowed");
    admin.patch("/api/v1/users/leader", json!({"active": false})).is(200);
    assert_eq!(refused(body), "422 request.invalid /to field.reference");
    assert_eq!(admin.post("/api/v1/users/nobody/hand-over", json!({})).problem(), "404 not_found");
}
