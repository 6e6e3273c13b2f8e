//! `rectify remind --rehearse`: what would be sent, and nothing is.

use super::{Room, accounts, token};
use serde_json::{Value, json};

#[test]
fn it_shows_what_the_server_would_send_and_sends_nothing() {
    let room = Room::new();
    let server = room.server(&["demo", "--at", "2021-08-16T09:00:00+08:00"]);
    let held = accounts(&room.data());
    assert_eq!(server.stop(), Some(0));
    let outbox = || std::fs::read_dir(room.data().join("outbox")).unwrap().count();
    let before = outbox();
    let told = room.run(&["remind", "--rehearse", "--json"]).ok().json();
    assert_eq!((&told["from"], &told["to"]), (&json!("2021-08-16T01:00:00Z"), &json!("2021-09-15T01:00:00Z")));
    assert_eq!(told["truncated"], false);
    let mails = |told: &Value, day: &str| {
        let of_day =
            told["items"].as_array().unwrap().iter().filter(|mail| mail["at"].as_str().unwrap().starts_with(day));
        of_day.map(|mail| mail["recipient"]["address"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let seventh_day = mails(&told, "2021-08-18");
    assert!(seventh_day.len() >= 16, "{seventh_day:?}");
    let day = ["--from", "2021-08-18T00:00:00+08:00", "--to", "2021-08-18T23:59:59+08:00"];
    let one = room.run(&[&["remind", "--rehearse", "--json"][..], &day[..]].concat()).ok().json();
    assert_eq!(mails(&one, "2021-08-18"), seventh_day);
    assert_eq!(one["total"], seventh_day.len());
    let words = room.run(&[&["remind", "--rehearse", "--lang", "en"][..], &day[..]].concat()).ok().out;
    assert!(words.contains("2021-08-18 08:30"), "{words}");
    assert_eq!(outbox(), before, "nothing was sent");

    // What the jump then really sends.
    let server = room.server(&["demo"]);
    let admin = server.client().bearer(&token(&held, "admin"));
    let same = admin.post("/api/v1/reminders/rehearsal", json!({"from": one["from"], "to": one["to"]})).is(200).json();
    assert_eq!(same["items"], one["items"]);
    let page = admin.get("/reminders").is(200).text();
    assert!(page.len() < 100_000, "{} bytes", page.len());
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_span_without_a_rehearsal_is_a_misuse_and_a_span_that_is_none_a_refusal() {
    let room = Room::new();
    room.run(&["user", "add", "wang", "--name", "王芳", "--roles", "admin"]).ok();
    let misused = room.run(&["remind", "--from", "2021-08-18T00:00:00Z"]);
    assert_eq!(misused.code, 2, "{}", misused.err);
    let span = ["--from", "2021-08-18T00:00:00Z", "--to", "2021-08-17T00:00:00Z"];
    let refused = room.run(&[&["remind", "--rehearse", "--lang", "en"][..], &span[..]].concat()).failed();
    assert!(refused.err.contains("--to: Must lie between"), "{}", refused.err);
    let empty = room.run(&["remind", "--rehearse", "--lang", "en"]).ok();
    assert!(empty.out.contains("if nothing changes"), "{}", empty.out);
}

#[test]
fn figures_are_told_on_a_listener_of_their_own_where_the_settings_name_one() {
    let room = Room::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    std::fs::create_dir_all(room.data()).unwrap();
    std::fs::write(room.data().join("rectify.toml"), format!("[server]\nmetrics_listen = \"{free}\"\n")).unwrap();
    let server = room.server(&["serve"]);
    server.client().get("/metrics").is(401);
    let figures = crate::support::client::Client::new(&format!("http://{free}")).get("/metrics").is(200).text();
    assert!(figures.contains("rectify_build_info{version="), "{figures}");
    assert_eq!(server.stop(), Some(0));
    std::fs::write(room.data().join("rectify.toml"), "[server]\nmetrics_listen = \"9187\"\n").unwrap();
    let refused = room.run(&["serve", "--lang", "en"]).failed();
    assert!(refused.err.contains("metrics_listen") && refused.err.contains("127.0.0.1:9187"), "{}", refused.err);
}
