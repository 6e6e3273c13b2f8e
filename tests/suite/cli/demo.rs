//! `rectify demo`: what a newcomer gets, that it goes on where it was, and what it never touches.

use super::{Room, accounts, token};
use chrono::Datelike;
use rectify::domain::vocabulary::Role;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

const AT: &str = "2021-08-16T09:00:00+08:00";

#[test]
fn the_notice_as_printed_on_the_day_it_was_issued_and_again_after_a_restart() {
    let room = Room::new();
    let server = room.server(&["demo", "--at", AT]);
    // All of this is done before it listens.
    let held = accounts(&room.data());
    let mode = std::fs::metadata(room.data().join("demo.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(held["url"], server.url);
    let mails = || std::fs::read_dir(room.data().join("outbox")).unwrap().count();
    assert_eq!(mails(), 40, "liaison and leader of each ticket");
    everybody_is_there(&held);

    let client = server.client().bearer(&token(&held, "coordinator"));
    let tickets = client.get("/api/v1/tickets?limit=200&count=true").is(200).json();
    assert_eq!(tickets["total"], 20);
    for ticket in tickets["items"].as_array().unwrap() {
        assert_eq!((&ticket["state"], &ticket["due_on"]), (&json!("issued"), &json!("2021-08-27")));
        assert_eq!(ticket["version"], 1);
    }
    let notice = client.get("/api/v1/notices/2021Q2").is(200).json();
    assert_eq!(notice["sampling"], json!({"from": "2021-05-06", "to": "2021-06-22"}));
    assert_eq!((&notice["document_no"], &notice["issued_on"]), (&Value::Null, &Value::Null));
    assert_eq!(client.get("/api/v1/notices?count=true").is(200).json()["total"], 1);
    let coverage = client.get("/api/v1/notices/2021Q2/coverage").is(200).json();
    assert_eq!(coverage["rows"].as_array().unwrap().len(), 28);
    let requirements = client.get("/api/v1/notices/2021Q2/requirements").is(200).json();
    assert_eq!(requirements["items"].as_array().unwrap().len(), 10);
    let finding = client.get("/api/v1/tickets/2021Q2-F04-01").is(200).json();
    assert_eq!(finding["assets"].as_array().unwrap().len(), 4);
    let user = &held["users"][0];
    let sign_in = json!({"login": user["login"], "password": user["password"]});
    server.client().post("/api/v1/session", sign_in).is(201);

    // The clock is the server's, and a second one is refused.
    let done = room.run(&["demo", "--listen", "127.0.0.1:0", "--lang", "en"]).failed();
    assert!(done.err.starts_with("Another server uses this directory:"), "{}", done.err);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(mails(), 40);

    let server = room.server(&["demo", "--at", "2022-01-01T00:00:00Z", "--lang", "en"]);
    assert!(server.said.contains("--at is ignored"), "{}", server.said);
    let again = accounts(&room.data());
    assert_eq!((&again["users"], again["url"].as_str()), (&held["users"], Some(server.url.as_str())));
    let client = server.client().bearer(&token(&held, "coordinator"));
    let overview = client.get("/api/v1/overview").is(200).json();
    assert_eq!(overview["as_of"], "2021-08-16T01:00:00Z");
    assert_eq!(server.stop(), Some(0));

    // Without its file, everybody gets a new password and token.
    std::fs::remove_file(room.data().join("demo.json")).unwrap();
    let server = room.server(&["demo"]);
    let renewed = accounts(&room.data());
    assert_ne!(renewed["users"][0]["token"], held["users"][0]["token"]);
    server.client().bearer(&token(&renewed, "viewer")).get("/api/v1/tickets").is(200);
    assert_eq!(server.stop(), Some(0));
    room.events();
}

/// An admin, two coordinators, an approver, a viewer; liaison and leader of all 17 units that the notice can ask.
fn everybody_is_there(held: &Value) {
    let users = held["users"].as_array().unwrap();
    let mut roles: BTreeMap<Role, usize> = BTreeMap::new();
    let mut units: BTreeMap<&str, usize> = BTreeMap::new();
    for user in users {
        let fields: Vec<&String> = user.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["login", "password", "token", "roles", "unit_code"]);
        assert!(user["token"].as_str().unwrap().starts_with("rct_"));
        for role in user["roles"].as_array().unwrap() {
            *roles.entry(role.as_str().unwrap().parse().unwrap()).or_default() += 1;
        }
        *units.entry(user["unit_code"].as_str().unwrap()).or_default() += 1;
    }
    let expected = [
        (Role::Admin, 1),
        (Role::Coordinator, 2),
        (Role::Approver, 1),
        (Role::Liaison, 17),
        (Role::Leader, 17),
        (Role::Viewer, 1),
    ];
    assert_eq!(roles.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!((units["430502"], units["general-office"], units.len()), (2, 4, 18));
}

#[test]
fn without_a_date_it_has_a_past_tickets_in_all_states_and_some_overdue() {
    let room = Room::new();
    let server = room.server(&["demo", "--lang", "en"]);
    let held = accounts(&room.data());
    let client = server.client().bearer(&token(&held, "viewer"));
    let tickets = client.get("/api/v1/tickets?limit=200&count=true").is(200).json();
    assert_eq!(tickets["total"], 40);
    let items = tickets["items"].as_array().unwrap();
    let count = |notice: &str, field: &str, value: Value| {
        items.iter().filter(|one| one["notice"]["code"] == notice && one[field] == value).count()
    };
    for state in ["issued", "in_progress", "submitted", "returned", "accepted", "closed", "cancelled"] {
        assert!(count("2021Q2", "state", json!(state)) > 0, "{state}");
    }
    assert!(count("2021Q1", "state", json!("carried")) > 0 && count("2021Q1", "state", json!("closed")) >= 12);
    assert_eq!((count("2021Q1", "overdue", json!(true)), count("2021Q2", "overdue", json!(true))), (3, 0));
    assert_eq!(count("2021Q2", "pending", json!("extension")) + count("2021Q2", "pending", json!("objection")), 2);
    let first = items.iter().find(|one| one["reference"] == "2021Q2-F03-03").unwrap();
    assert_eq!(first["days_left"], 5, "due in five working days");
    let english = client.with("Accept-Language", "en").get("/api/v1/tickets/2021Q2-F01-01/events").is(200).json();
    let acts: Vec<&str> = english["items"].as_array().unwrap().iter().map(|one| one["act"].as_str().unwrap()).collect();
    assert_eq!(
        acts,
        [
            "ticket.issued",
            "ticket.acknowledged",
            "ticket.progress_logged",
            "ticket.progress_logged",
            "ticket.extension_requested"
        ]
    );
    // The deadline's words moved with it, and the clock follows the system.
    let notice = client.get("/api/v1/notices/2021Q2").is(200).json();
    let due: chrono::NaiveDate = notice["deadline"]["on"].as_str().unwrap().parse().unwrap();
    let raw = notice["deadline"]["raw"].as_str().unwrap();
    assert_eq!(raw, format!("于{}年{}月{}日前", due.year(), due.month(), due.day()));
    assert_eq!(server.stop(), Some(0));
    assert!(room.events() > 300);
    let done = room.run(&["remind", "--json"]).ok().json();
    assert_eq!(done["sent"], 0, "everything due was told before it listened: {done}");
}

#[test]
fn what_is_no_sandbox_is_never_touched() {
    let room = Room::new();
    room.run(&["user", "add", "wang", "--name", "王芳", "--roles", "admin"]).ok();
    let done = room.run(&["demo", "--listen", "127.0.0.1:0", "--lang", "en"]).failed();
    assert!(done.err.starts_with("This is no sandbox:"), "{}", done.err);
    assert_eq!(room.events(), 1);
    assert!(!room.data().join("demo.json").exists());
}

#[test]
fn a_sandbox_that_was_never_finished_is_made_anew() {
    let room = Room::new();
    let server = room.server(&["demo", "--at", AT]);
    assert_eq!(server.stop(), Some(0));
    let held = accounts(&room.data());
    room.open().world.write_now(|tx| Ok(rectify::store::sandbox::mark(tx.conn)?)).unwrap();
    if room.is_embedded() {
        let server = room.server(&["demo", "--at", AT]);
        assert_ne!(accounts(&room.data())["users"], held["users"]);
        assert_eq!(std::fs::read_dir(room.data().join("outbox")).unwrap().count(), 40);
        assert_eq!(server.stop(), Some(0));
    } else {
        let done = room.run(&["demo", "--listen", "127.0.0.1:0", "--lang", "en"]).failed();
        assert!(done.err.contains("Drop that database"), "{}", done.err);
    }
}
