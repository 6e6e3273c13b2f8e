//! A departed person's data goes; the record stays whole and says who took it away.

use super::{after, broken};
use crate::cli::Room;
use crate::support::app::TestApp;
use crate::support::record::{disarm, run};
use crate::support::round::acknowledged;
use rectify::store::Backend;
use serde_json::json;

const ERASE: &str = "/api/v1/users/liaison/erase";

fn departed() -> TestApp {
    let app = TestApp::start();
    acknowledged(&app);
    app.by("admin").patch("/api/v1/users/liaison", json!({"active": false})).is(200);
    app
}

#[test]
fn what_is_known_of_a_departed_person_is_removed_and_the_record_stays_whole() {
    let app = departed();
    let admin = app.by("admin");
    let before = admin.get("/api/v1/users/liaison").is(200).json();
    let dry = admin.post(ERASE, json!({"dry_run": true})).is(200).json();
    assert_eq!(admin.get("/api/v1/users/liaison").is(200).json(), before);
    let done = admin.post(ERASE, json!({})).is(200).json();
    assert_eq!(done, dry);
    // Made, token, disabled; the acknowledgement.
    assert_eq!((&done["payloads"], &done["names"]), (&json!(3), &json!(1)));
    let id = before["id"].as_str().unwrap();
    let user = admin.get(&format!("/api/v1/users/{id}")).is(200).json();
    assert_eq!((&user["login"], &user["name"], &user["email"]), (&done["login"], &json!("—"), &json!(null)));
    let everything = admin.get("/api/v1/audit?limit=200").is(200).text();
    assert!(!everything.contains("liaison 同志") && !everything.contains("liaison@example.cn"));
    let own = admin.get(&format!("/api/v1/audit?stream=user:{id}")).is(200).json();
    let acts: Vec<(&str, bool)> = own["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["act"].as_str().unwrap(), line["payload"].is_null()))
        .collect();
    assert_eq!(acts[0], ("user.erased", false));
    assert!(acts[1..].iter().all(|(_, is_gone)| *is_gone), "{acts:?}");
    assert_eq!(own["items"][0]["actor"]["name"], "admin 同志");
    let verdict = app.by("viewer").get("/api/v1/audit/verify").is(200).json();
    assert_eq!((&verdict["whole"], &verdict["first_broken"]), (&json!(true), &json!(null)));
    let events = app.by("viewer").get("/api/v1/tickets/2026Q1-F01-01/events").is(200).json();
    assert_eq!(events["items"][1]["actor"]["name"], "");
    assert_eq!(events["items"][1]["payload"]["handler"], "张三");
}

#[test]
fn only_an_admin_removes_it_once_and_only_of_a_disabled_user() {
    let app = departed();
    assert_eq!(app.by("coordinator").post(ERASE, json!({})).problem(), "403 auth.role");
    assert_eq!(app.by("admin").post("/api/v1/users/leader/erase", json!({})).problem(), "409 user.active");
    assert_eq!(app.by("admin").post("/api/v1/users/nobody/erase", json!({})).problem(), "404 not_found");
    let done = app.by("admin").post(ERASE, json!({})).is(200).json();
    let again = format!("/api/v1/users/{}/erase", done["user_id"].as_str().unwrap());
    assert_eq!(app.by("admin").post(&again, json!({})).problem(), "409 user.erased");
    let path = format!("/api/v1/users/{}", done["user_id"].as_str().unwrap());
    let revived = app.by("admin").patch(&path, json!({"active": true, "login": "wangwu", "name": "王五"}));
    assert_eq!(revived.problem(), "409 user.erased");
}

#[test]
fn what_goes_without_an_erasure_is_found() {
    let app = departed();
    let id = app.by("admin").get("/api/v1/users/leader").at("/id");
    let ticket = app.by("viewer").get("/api/v1/tickets/2026Q1-F01-01").at("/id");
    app.world.db.write_now(disarm).unwrap();
    let empty = if Backend::of(app.database.url()) == Backend::Sqlite { "X''" } else { "''" };
    for (statement, stream, seq, reason) in [
        ("UPDATE events SET payload = NULL, salt = {empty}", format!("user:{id}"), 1, "removed"),
        ("UPDATE events SET payload = NULL, salt = {empty}", format!("ticket:{ticket}"), 2, "removed"),
        ("UPDATE events SET payload = NULL", format!("user:{id}"), 1, "payload"),
        ("UPDATE events SET actor_name = '', name_salt = NULL", format!("ticket:{ticket}"), 2, "name"),
        ("UPDATE events SET actor_name = 'x'", format!("ticket:{ticket}"), 2, "name"),
        ("UPDATE events SET name_salt = hash", format!("ticket:{ticket}"), 2, "name"),
    ] {
        let statement = format!("{} WHERE stream = '{stream}' AND seq = {seq}", statement.replace("{empty}", empty));
        let verdict = after(&app, Box::new(move |conn| run(conn, &statement)));
        assert_eq!(broken(&verdict), json!({"stream": stream, "seq": seq, "reason": reason}));
    }
}

#[test]
fn whoever_administers_the_machine_removes_it_too() {
    let room = Room::new();
    for login in ["wang", "zhao"] {
        room.run(&["user", "add", login, "--name", "王芳", "--roles", "admin"]).ok();
    }
    let done = room.run(&["user", "erase", "zhao", "--lang", "en"]).failed();
    assert!(done.err.starts_with("The user is still active"), "{}", done.err);
    room.run(&["user", "disable", "zhao"]).ok();
    let said = room.run(&["user", "erase", "zhao", "--dry-run", "--lang", "en"]).ok().out;
    assert_eq!(said, "Would remove of zhao: what 2 events say, the name in 0. Nothing is removed yet.\n");
    let told = room.run(&["user", "erase", "zhao", "--json"]).ok().json();
    assert_eq!((&told["payloads"], &told["names"]), (&json!(2), &json!(0)));
    let listed = room.run(&["user", "list"]).ok().out;
    assert!(!listed.contains("zhao") && listed.contains(told["login"].as_str().unwrap()), "{listed}");
    assert!(room.run(&["audit", "verify", "--lang", "en"]).ok().out.contains("4 events, every link holds"));
}
