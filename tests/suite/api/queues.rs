//! What waits for whom: every figure of the desk equals its list, the oldest review comes first, and nothing that is
//! reported waits in nobody's queue.

use crate::support::app::TestApp;
use crate::support::round::{acknowledged, letter};
use chrono::TimeDelta;
use serde_json::json;

const F01: &str = "/api/v1/tickets/2026Q1-F01-01";

fn counted(app: &TestApp, login: &str, figure: &str) -> i64 {
    let overview = app.by(login).get("/api/v1/overview").is(200).json();
    let shown = &overview["counts"][figure];
    let href = shown["href"].as_str().unwrap();
    let total = app.by(login).get(&format!("{href}&count=true")).is(200).json()["total"].as_i64().unwrap();
    assert_eq!(shown["count"].as_i64(), Some(total), "{figure}: {href}");
    total
}

#[test]
fn a_reported_milestone_stands_in_the_queue_until_it_is_decided() {
    let app = TestApp::start();
    acknowledged(&app);
    let carry = json!({"reason": "需整体迁移", "milestones": [{"on": "2026-04-15", "text": "一"}, {"on": "2026-05-15", "text": "二"}]});
    let carried = app.by("approver").post(&format!("{F01}/carry"), carry).is(200);
    assert_eq!(counted(&app, "coordinator", "milestones_reported"), 0);
    let first = carried.at("/milestones/0/id");
    let progress = json!({"text": "已完成第一步", "milestone_id": first});
    app.by("liaison").post(&format!("{F01}/progress"), progress).is(200);
    for login in ["coordinator", "approver", "viewer", "liaison"] {
        assert_eq!(counted(&app, login, "milestones_reported"), 1, "{login}");
    }
    assert_eq!(
        app.by("coordinator").get("/api/v1/tickets?pending=milestone&pending=extension&count=true").at("/total"),
        "1"
    );
    assert_eq!(counted(&app, "liaison-edu", "milestones_reported"), 0, "another unit's");
    let told = app.by("coordinator").get("/api/v1/reminders?ticket=2026Q1-F01-01").is(200).json();
    let told = told["items"].as_array().unwrap().iter().filter(|row| row["rule"] == "milestone-reported").count();
    assert_eq!(told, 2, "each coordinator is told at once");
    app.by("coordinator").post(&format!("{F01}/milestones/{first}/decision"), json!({"reached": true})).is(200);
    assert_eq!(counted(&app, "coordinator", "milestones_reported"), 0);
}

#[test]
fn a_review_waits_by_its_own_clock_and_the_oldest_comes_first() {
    let app = TestApp::start();
    acknowledged(&app);
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    assert_eq!(app.by("coordinator").get(F01).at("/days_in_review"), "0");
    app.pass(TimeDelta::days(2));
    app.by("liaison2").post("/api/v1/tickets/2026Q1-F02-01/acknowledge", json!({"handler": "x"})).is(200);
    let second = json!({"notice_id": "2026Q1", "letter_no": "2号", "signatory": "x",
        "items": [{"ticket_id": "2026Q1-F02-01", "cause": "c", "measures": "m", "result": "done", "completed_on": "2026-03-03"}]});
    app.by("liaison2").post("/api/v1/feedback", second).is(201);
    // Thursday: three working days are no delay yet.
    app.pass(TimeDelta::days(1));
    assert_eq!((counted(&app, "coordinator", "to_review"), counted(&app, "coordinator", "review_late")), (2, 0));
    app.pass(TimeDelta::days(1));
    assert_eq!(counted(&app, "coordinator", "review_late"), 1);
    let list =
        app.by("coordinator").get("/api/v1/tickets?ball=coordinator&sort=submitted_at&limit=1&count=true").is(200);
    assert_eq!(
        (list.at("/items/0/reference"), list.at("/items/0/days_in_review")),
        ("2026Q1-F01-01".into(), "4".into())
    );
    let next = format!("/api/v1/tickets?ball=coordinator&sort=submitted_at&limit=1&cursor={}", list.at("/next"));
    assert_eq!(app.by("coordinator").get(&next).at("/items/0/reference"), "2026Q1-F02-01");
    assert_eq!(app.by("coordinator").get("/api/v1/tickets?sort=submitted_at&count=true").at("/total"), "2");
    assert_eq!(app.by("liaison").get(F01).at("/overdue"), "false", "a slow review makes nobody late");
}

#[test]
fn the_office_sees_who_has_answered_which_requirement_and_where() {
    let app = TestApp::start();
    acknowledged(&app);
    let answer = json!({"notice_id": "2026Q1", "signatory": "李四", "items": [],
                        "requirement_answers": [{"code": "R1", "text": "已落实"}]});
    let letter = app.by("liaison").post("/api/v1/feedback", answer).is(201).at("/id");
    let rows = app.by("coordinator").get("/api/v1/notices/2026Q1/requirements").is(200).json();
    let first = &rows["items"][0];
    assert_eq!((first["answers"].as_array().unwrap().len(), &first["answers"][0]["feedback_id"]), (1, &json!(letter)));
    assert_eq!(first["answers"][0]["unit_id"], first["answered_unit_ids"][0]);
    assert_eq!(first["open_unit_ids"].as_array().unwrap().len(), 1);
    let own = app.by("liaison2").get("/api/v1/notices/2026Q1/requirements").is(200).json();
    assert_eq!((own["items"].as_array().unwrap().len(), &own["items"][0]["answers"]), (1, &json!([])));
}

#[test]
fn a_day_before_1990_is_no_day_on_which_anything_was_rectified() {
    let app = TestApp::start();
    acknowledged(&app);
    let mut old = letter();
    old["items"][0]["completed_on"] = json!("1898-03-01");
    let refused = app.by("liaison").post("/api/v1/feedback", old);
    assert_eq!(refused.problem(), "422 request.invalid /items/0/completed_on field.out_of_range");
}
