//! serve, user, token, remind, audit, config, openapi: each once as a newcomer types it, and its faults.

use super::{Done, Room};
use crate::support::client::Client;
use crate::web::reader::Page;
use diesel::connection::SimpleConnection;
use rectify::store::{DatabaseSettings, connect};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_new_installation_serves_at_once_says_how_to_begin_and_stops_when_told() {
    let room = Room::new();
    let server = room.server(&["serve", "--lang", "en"]);
    assert!(server.said.contains("rectify: http://127.0.0.1:"), "{}", server.said);
    let client = server.client();
    assert_eq!(client.get("/healthz").is(200).text(), "ok\n");
    let ready = client.get("/readyz").is(200).json();
    let names: Vec<&str> =
        ready["checks"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["database", "disk", "planner", "outbox", "look"]);
    assert_eq!(std::fs::metadata(room.data()).unwrap().permissions().mode() & 0o777, 0o700);

    // While it serves: an account, a token, sign-in.
    let done = room.run(&["user", "add", "wang", "--name", "王芳", "--roles", "admin", "--lang", "en"]).ok();
    let password = done.out.lines().last().unwrap().to_owned();
    client.post("/api/v1/session", json!({"login": "wang", "password": password})).is(201);
    let done = room.run(&["token", "add", "--user", "wang"]).ok();
    let me = client.bearer(done.out.trim()).get("/api/v1/me").is(200).json();
    assert_eq!((&me["login"], &me["roles"]), (&json!("wang"), &json!(["admin"])));
    let clock = client.bearer(done.out.trim()).post("/api/v1/sandbox/clock", json!({"now": "2099-01-01T00:00:00Z"}));
    assert_eq!(clock.is(404).json()["code"], "sandbox.only");
    client.get("/sign-in").is(200);

    let shown = room.run(&["openapi"]).ok().json();
    assert_eq!(shown, client.get("/openapi.json").is(200).json());

    if room.is_embedded() {
        let done = room.run(&["serve", "--listen", "127.0.0.1:0", "--lang", "en"]).failed();
        assert!(done.err.starts_with("Another server uses this directory:"), "{}", done.err);
    } else {
        // PostgreSQL is shared by any number of servers.
        let other = room.server(&["serve"]);
        Client::new(&other.url).get("/readyz").is(200);
        assert_eq!(other.stop(), Some(0));
    }
    assert_eq!(server.stop(), Some(0));
    assert_eq!(room.events(), 3);
}

/// The link that a new installation prints.
fn invitation(server: &super::Server) -> Option<String> {
    let link = || {
        let lines = server.rest.lock().unwrap();
        let at = lines.iter().find_map(|line| line.split_once("/setup?key="))?;
        Some(format!("/setup?key={}", at.1.trim()))
    };
    let begun = std::time::Instant::now();
    while link().is_none() && begun.elapsed() < std::time::Duration::from_secs(5) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    link()
}

#[test]
fn the_first_administrator_is_made_by_a_link_that_works_once() {
    let room = Room::new();
    let old = invitation(&room.server(&["serve", "--lang", "en"])).unwrap();
    let server = room.server(&["serve", "--lang", "en"]);
    let link = invitation(&server).unwrap();
    let client = server.client().with("Accept-Language", "en");
    // A later start takes the place of an earlier one.
    Page::of("/setup", &client.get(&old).is(404)).says("The link is not good any more");
    client.get("/setup").is(404);
    let form = Page::of("/setup", &client.get(&link).is(200)).form("/setup");
    let form = form.fill("login", "wang").fill("name", "王芳");
    let again = Page::of("/setup", &form.clone().fill("password", "short").send(&client).is(422));
    again.says("12");
    assert_eq!(again.form("/setup").value("name"), "王芳");
    let form = form.fill("password", "correct horse battery");
    assert_eq!(form.send(&client).is(303).header("location"), Some("/sign-in"));
    let session = json!({"login": "wang", "password": "correct horse battery"});
    assert_eq!(client.post("/api/v1/session", session).is(201).json()["roles"], json!(["admin"]));
    Page::of("/setup", &form.send(&client).is(404)).says("The link is not good any more");
    client.get(&link).is(404);
    assert_eq!(server.stop(), Some(0));
    let server = room.server(&["serve", "--lang", "en"]);
    assert!(!server.said.contains("administrator") && server.rest.lock().unwrap().is_empty());
}

#[test]
fn what_is_wrong_with_the_settings_is_told_all_at_once_with_the_nearest_key() {
    let room = Room::new();
    let run = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = room.command(arguments);
        command.envs(variables.iter().copied());
        Done::of(command)
    };
    let wrong = [
        ("RECTIFY_OFFICE__TIMEZONE", "Asia/Shanghai"),
        ("RECTIFY_MAIL__CONNECTIONS", "many"),
        ("RECTIFY_MAIL__SMTP_URL", "hush"),
    ];
    for command in [&["serve"][..], &["demo"], &["remind"], &["config"]] {
        let done = run(&wrong, command).failed();
        assert!(done.err.contains("did you mean office.time_zone?"), "{}", done.err);
        assert!(done.err.contains("mail.connections") && done.err.contains("mail.smtp_url"), "{}", done.err);
        assert!(!done.err.contains("hush"), "{}", done.err);
    }
    assert!(!room.data().exists());
    // Faults that only trying tells: the address is taken, the calendar unknown.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let unknown = [("RECTIFY_OFFICE__CALENDAR", "xx")];
    let done = run(&unknown, &["serve", "--listen", &listen, "--lang", "en"]).failed();
    assert!(done.err.contains(&format!("{listen}: ")) && done.err.contains("There is: cn."), "{}", done.err);

    let shown = run(&[("RECTIFY_OFFICE__NAME_EN", "The Office")], &["config"]).ok().out;
    assert!(shown.contains("name_en = \"The Office\"  # RECTIFY_OFFICE__NAME_EN"), "{shown}");
    if !room.is_embedded() {
        assert!(shown.contains("url = \"…\""), "{shown}");
    }
    assert_eq!(run(&[], &["config", "--defaults"]).ok().out, include_str!("../../../config/rectify.toml"));
}

#[test]
fn accounts_are_made_listed_disabled_and_given_passwords() {
    let room = Room::new();
    let done = room.run(&["user", "list"]);
    if room.is_embedded() {
        assert!(done.failed().err.starts_with("这里没有安装："));
    }
    let short = room.file("short", "hush\n");
    let done =
        room.run(&["user", "add", "wang", "--name", "王芳", "--roles", "admin", "--password-file", &short]).failed();
    assert!(done.err.contains("--password-file") && !done.err.contains("hush"), "{}", done.err);
    let good = room.file("good", "correct horse battery\n");
    room.run(&["user", "add", "wang", "--name", "王芳", "--roles", "admin,viewer", "--password-file", &good]).ok();
    let done = room.run(&["user", "add", "wang", "--name", "x", "--roles", "admin", "--lang", "en"]).failed();
    assert!(done.err.contains("wang is taken"), "{}", done.err);
    let done = room.run(&["user", "add", "li", "--name", "x", "--roles", "liaison", "--lang", "en"]).failed();
    assert!(done.err.contains("--unit: This is required."), "{}", done.err);
    room.run(&["user", "add", "robot", "--name", "Nightly", "--roles", "coordinator", "--service"]).ok();
    let done = room.run(&["user", "disable", "wang", "--lang", "en"]).failed();
    assert!(done.err.contains("wang"), "the last admin stays: {}", done.err);
    room.run(&["user", "disable", "robot"]).ok();
    let people = room.run(&["user", "list", "--json"]).ok().json();
    let told: Vec<_> = people
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (one["login"].as_str().unwrap(), one["active"].as_bool().unwrap(), one["has_password"].as_bool().unwrap())
        })
        .collect();
    assert_eq!(told, [("robot", false, false), ("wang", true, true)]);
    let shown = room.run(&["user", "list", "--lang", "en"]).ok().out;
    assert!(shown.contains("wang") && shown.contains("admin,viewer") && shown.contains("disabled"), "{shown}");
    room.run(&["user", "enable", "robot"]).ok();
    room.run(&["user", "password", "wang"]).ok();
    let done = room.run(&["user", "password", "nobody", "--lang", "en"]).failed();
    assert!(done.err.contains("There is no nobody."), "{}", done.err);
    let done = room.run(&["token", "add", "--user", "nobody", "--lang", "en"]).failed();
    assert!(done.err.contains("--user: There is no nobody."), "{}", done.err);
    let done = room.run(&["token", "add", "--user", "wang", "--expires-on", "2001-01-01"]).failed();
    assert!(done.err.contains("--expires-on"), "{}", done.err);
    assert_eq!(room.run(&["token", "add", "--user", "wang", "--scopes", "all"]).code, 2);
    assert_eq!(room.run(&["user", "add", "x", "--name", "x", "--roles", "king"]).code, 2);
    assert_eq!(room.run(&["remind"]).ok().err, "");
}

#[test]
fn a_changed_event_is_found_and_named() {
    let room = Room::new();
    for login in ["wang", "zhao"] {
        room.run(&["user", "add", login, "--name", "x", "--roles", "admin"]).ok();
    }
    assert!(room.run(&["audit", "verify", "--lang", "en"]).ok().out.contains("2 events"));
    let url = room.open().config.database.url.expose().to_owned();
    let mut conn = connect(&DatabaseSettings::new(url)).unwrap();
    crate::support::record::disarm(&mut conn).unwrap();
    let zhao = "UPDATE events SET payload = replace(payload, 'zhao', 'qian') WHERE payload LIKE '%zhao%'";
    rectify::native!(&mut conn, c => c.batch_execute(zhao)).unwrap();
    let done = room.run(&["audit", "verify", "--lang", "en"]).failed();
    assert!(done.err.starts_with("The record is broken: event 1 of user:"), "{}", done.err);
    let done = room.run(&["audit", "verify", "--json"]);
    assert_eq!((done.code, &done.json()["first_broken"]["reason"]), (1, &json!("payload")));
}

#[test]
fn help_teaches_and_misuse_is_told_with_code_2() {
    let room = Room::new();
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["demo", "--help"],
        &["import", "--help"],
        &["remind", "--help"],
        &["user", "add", "--help"],
        &["user", "password", "--help"],
        &["token", "add", "--help"],
        &["audit", "verify", "--help"],
        &["audit", "checkpoint", "--help"],
        &["audit", "export", "--help"],
        &["audit", "receipt", "--help"],
        &["user", "erase", "--help"],
        &["config", "--help"],
    ] {
        let out = room.run(arguments).ok().out;
        assert!(out.contains("  rectify "), "no example in {arguments:?}");
    }
    for arguments in [&["sevre"][..], &["demo", "--at", "2021-08-16"], &["serve", "--lang", "fr"], &["import"]] {
        let done = room.run(arguments);
        assert_eq!(done.code, 2, "{arguments:?}: {}", done.err);
    }
    assert!(room.run(&["demo", "--at", "2021-08-16T09:00:00"]).err.contains("with its offset"));
}

#[test]
fn a_hand_over_lists_what_it_gives_away_and_frees_the_account() {
    let room = Room::new();
    room.run(&["user", "add", "wang", "--name", "王芳", "--roles", "admin"]).ok();
    room.run(&["user", "add", "li", "--name", "李四", "--roles", "coordinator,approver"]).ok();
    room.run(&["user", "add", "sun", "--name", "孙一", "--roles", "viewer"]).ok();
    let told = room.run(&["user", "hand-over", "li", "--to", "sun", "--dry-run", "--lang", "en"]).ok().out;
    assert!(told.contains("li would hand over to sun: tickets 0, roles gained coordinator, approver"), "{told}");
    let done = room.run(&["user", "hand-over", "li", "--to", "sun", "--reason", "调岗", "--json"]).ok().json();
    assert_eq!((&done["to"], &done["gained_roles"]), (&"sun".into(), &serde_json::json!(["coordinator", "approver"])));
    room.run(&["user", "disable", "li"]).ok();
    let people = room.run(&["user", "list", "--json"]).ok().json();
    let sun = people.as_array().unwrap().iter().find(|person| person["login"] == "sun").unwrap().clone();
    assert_eq!(sun["roles"], serde_json::json!(["coordinator", "approver", "viewer"]));
    let refused = room.run(&["user", "hand-over", "wang", "--to", "nobody", "--reason", "r", "--lang", "en"]).failed();
    assert!(refused.err.contains("There is no nobody."), "{}", refused.err);
}
