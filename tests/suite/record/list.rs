//! Who watches over the record reads it: by timeline, by person, from a day on.

use crate::support::app::TestApp;
use crate::support::record::{disarm, try_run};
use crate::support::round::acknowledged;
use crate::web::reader as web_reader;
use chrono::TimeDelta;
use rectify::actions::checkpoints::make;
use rectify::domain::actor::Actor;
use rectify::domain::audit::hex;
use rectify::store::StoreError;
use serde_json::Value;

fn items(app: &TestApp, query: &str) -> Vec<Value> {
    app.by("viewer").get(&format!("/api/v1/audit{query}")).is(200).json()["items"].as_array().unwrap().clone()
}

#[test]
fn it_is_narrowed_by_timeline_person_and_day() {
    let app = TestApp::start();
    acknowledged(&app);
    app.pass(TimeDelta::days(1));
    app.by("liaison").post("/api/v1/tickets/2026Q1-F01-01/progress", serde_json::json!({"text": "进行中"})).is(200);
    let ticket = items(&app, "?stream=ticket:2026Q1-F01-01");
    let acts: Vec<&str> = ticket.iter().map(|line| line["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["ticket.progress_logged", "ticket.acknowledged", "ticket.issued"]);
    assert_eq!(ticket[0]["subject"], "2026Q1-F01-01");
    assert_eq!(ticket[0]["actor"]["name"], "liaison 同志");
    assert_eq!(items(&app, "?actor=liaison").len(), 2);
    let later = items(&app, "?actor=liaison&from=2026-03-03");
    assert_eq!((later.len(), &later[0]["act"]), (1, &Value::from("ticket.progress_logged")));
    assert!(items(&app, "?from=2026-03-04").is_empty());
    assert!(items(&app, "?actor=system:test").len() > 10);
    assert!(items(&app, "?stream=office").is_empty());
    assert_eq!(
        items(&app, "?stream=notice:2026Q1&actor=coordinator").len(),
        items(&app, "?stream=notice:2026Q1").len()
    );
    let viewer = app.by("viewer");
    for (query, fault) in [
        ("?stream=ticket:nothing", "422 request.invalid ?stream field.reference"),
        ("?stream=nothing", "422 request.invalid ?stream field.reference"),
        ("?actor=nobody", "422 request.invalid ?actor field.reference"),
        ("?from=soon", "422 request.invalid ?from field.date"),
        ("?limit=201", "422 request.invalid ?limit field.out_of_range"),
        ("?unknown=1", "422 request.invalid ?unknown field.unknown"),
    ] {
        assert_eq!(viewer.get(&format!("/api/v1/audit{query}")).problem(), fault, "{query}");
    }
}

#[test]
fn its_pages_join_without_a_gap_while_it_grows() {
    let app = TestApp::start();
    acknowledged(&app);
    let total = app.by("viewer").get("/api/v1/audit?count=true&limit=1").is(200).json()["total"].as_i64().unwrap();
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let at = cursor.as_ref().map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let page = app.by("viewer").get(&format!("/api/v1/audit?limit=7{at}")).is(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|line| line["id"].as_str().unwrap().to_owned()));
        app.by("liaison").post("/api/v1/tickets/2026Q1-F01-01/comment", serde_json::json!({"text": "又一条"})).is(200);
        match page["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(i64::try_from(seen.len()).unwrap(), total);
    assert!(seen.is_sorted_by(|one, other| one > other));
}

#[test]
fn only_admin_and_viewer_read_it() {
    let app = TestApp::start();
    for login in ["coordinator", "approver", "liaison", "leader"] {
        assert_eq!(app.by(login).get("/api/v1/audit").problem(), "403 auth.role", "{login}");
    }
    app.by("admin").get("/api/v1/audit").is(200);
}

#[test]
fn the_page_tells_it_in_words_and_whether_it_is_whole() {
    let app = web_reader::app();
    acknowledged(&app);
    let page = web_reader::reader(&app, "viewer").read("/audit");
    for words in ["The record", "Signed in", "Acknowledged", "Notice issued", "Ticket 2026Q1-F01-01"] {
        assert!(page.html.contains(words), "{words}");
    }
    assert!(!page.html.contains("user.signed_in"));
    let reader = web_reader::reader(&app, "admin");
    let made = make(&app.world, &Actor::system("test")).unwrap().unwrap();
    let verified = reader.read("/audit?verify=1");
    assert!(verified.html.contains("The record is whole") && verified.html.contains("Last checkpoint: No. 1,"));
    assert!(verified.html.contains(&hex(&made.hash)) && !verified.html.contains("class=\"total\""));
    assert!(reader.read("/audit?actor=liaison").html.contains("class=\"total\""));
    app.world.db.write_now(disarm).unwrap();
    let cut = "DELETE FROM events WHERE stream LIKE 'unit:%' AND seq = 1";
    app.world.db.write_now::<_, StoreError, _>(move |conn| Ok(try_run(conn, cut)?)).unwrap();
    assert!(reader.read("/audit?verify=1").html.contains("it and what followed are gone"));
    assert!(reader.read("/audit?stream=ticket:2026Q1-F01-01").html.contains("Issued"));
    let zh = web_reader::reader_in(&app, "admin", "zh-CN").read("/audit?verify=1&actor=liaison");
    assert!(zh.html.contains("记录不完整") && zh.html.contains("签收"));
    assert_eq!(web_reader::reader(&app, "coordinator").ask("/audit").status, 403);
    assert!(!web_reader::reader(&app, "coordinator").read("/").html.contains("href=\"/audit\""));
}
