//! What would be sent, and why somebody was told or was not, over REST.

use crate::support::app::TestApp;
use crate::support::round;
use serde_json::{Value, json};

const REHEARSAL: &str = "/api/v1/reminders/rehearsal";

fn month() -> Value {
    json!({"from": "2026-03-02T01:00:00Z", "to": "2026-04-01T01:00:00Z"})
}

#[test]
fn the_office_rehearses_a_span_and_units_do_not() {
    let app = TestApp::start();
    round::issue(&app);
    let told = app.by("coordinator").post(REHEARSAL, month()).is(200).json();
    assert_eq!((&told["truncated"], &told["as_of"]), (&json!(false), &json!("2026-03-02T01:00:00Z")));
    let mails = told["items"].as_array().unwrap();
    assert_eq!(told["total"], mails.len());
    let lines: Vec<&Value> = mails.iter().flat_map(|mail| mail["lines"].as_array().unwrap()).collect();
    assert_eq!(told["lines"], lines.len());
    let mail = mails.iter().find(|mail| mail["recipient"]["address"] == "liaison@example.cn").unwrap();
    let line = &mail["lines"][0];
    assert_eq!((&line["reference"], &line["subject"]["kind"]), (&json!("2026Q1-F01-01"), &json!("ticket")));
    assert_eq!((&line["rule"], &line["step"], &line["copy"]), (&json!("unacknowledged"), &json!(0), &json!(false)));
    assert_eq!((&line["audience"], &line["due_on"]), (&json!("liaison"), &json!("2026-03-13")));
    assert!(lines.iter().any(|line| line["subject"]["kind"] == "notice" && line["reference"] == "2026Q1"));
    assert!(lines.iter().any(|line| line["subject"]["kind"] == "office" && line["reference"].is_null()));
    app.by("viewer").post(REHEARSAL, month()).is(200);
    assert_eq!(app.by("liaison").post(REHEARSAL, month()).problem(), "403 auth.role");
    app.anyone().post(REHEARSAL, month()).is(401);
}

#[test]
fn a_span_that_is_none_is_refused_by_its_field() {
    let app = TestApp::start();
    let coordinator = app.by("coordinator");
    let day = "2026-03-02T00:00:00Z";
    for (from, to, told) in [
        (day, "2026-03-01T23:59:59Z", "422 request.invalid /to field.out_of_range"),
        (day, "2027-04-06T00:00:01Z", "422 request.invalid /to field.out_of_range"),
        (day, "2026-03-02", "422 request.invalid /to field.instant"),
    ] {
        assert_eq!(coordinator.post(REHEARSAL, json!({"from": from, "to": to})).problem(), told);
    }
    assert_eq!(coordinator.post(REHEARSAL, json!({ "from": day })).problem(), "422 request.invalid /to field.required");
    coordinator.post(REHEARSAL, json!({"from": day, "to": "2027-04-06T00:00:00Z"})).is(200);
    let extra = json!({"from": day, "to": day, "limit": 1});
    assert_eq!(coordinator.post(REHEARSAL, extra).problem(), "422 request.invalid /limit field.unknown");
}

#[test]
fn why_somebody_was_told_is_answered_in_the_readers_language() {
    let app = TestApp::start();
    round::issue(&app);
    let path = "/api/v1/reminders/why?ticket=2026Q1-F01-01&recipient=liaison";
    let told = app.by("coordinator").get(path).is(200).json();
    assert_eq!(told["ticket"]["reference"], "2026Q1-F01-01");
    assert_eq!((&told["roles"], &told["told"]), (&json!(["liaison"]), &json!([])));
    let waits = told["not_told"].as_array().unwrap().iter().find(|one| one["rule"] == "assigned").unwrap();
    assert_eq!(waits["reason"], "waits");
    assert_eq!(told["next"]["rule"], "unacknowledged");
    assert!(told["words"].as_str().unwrap().contains("was never told of 2026Q1-F01-01"), "{told}");
    let zh = app.anyone().bearer(app.token("coordinator")).with("Accept-Language", "zh-CN").get(path).is(200).json();
    assert!(zh["words"].as_str().unwrap().contains("没有收到过关于 2026Q1-F01-01 的提醒"), "{zh}");
    let wrong = app.by("coordinator").get("/api/v1/reminders/why?ticket=2026Q1-F01-01");
    assert_eq!(wrong.problem(), "422 request.invalid ?recipient field.required");
}

#[test]
fn of_another_units_ticket_or_people_nothing_is_there_to_ask_about() {
    let app = TestApp::start();
    round::issue(&app);
    let why = |login: &str, ticket: &str, recipient: &str| {
        app.by(login).get(&format!("/api/v1/reminders/why?ticket={ticket}&recipient={recipient}"))
    };
    assert_eq!(why("liaison", "2026Q1-F02-01", "liaison").problem(), "404 not_found");
    assert_eq!(why("liaison", "2026Q1-F02-01", "liaison2").problem(), "404 not_found");
    assert_eq!(why("liaison", "2026Q1-F01-01", "coordinator").problem(), "404 not_found");
    assert_eq!(why("liaison", "2026Q1-F01-01", "nobody").problem(), "404 not_found");
    why("liaison", "2026Q1-F01-01", "leader").is(200);
    // Who helps sees the ticket, and asks for their own people only.
    why("liaison2", "2026Q1-F01-01", "liaison2").is(200);
    assert_eq!(why("liaison2", "2026Q1-F01-01", "liaison").problem(), "404 not_found");
}
