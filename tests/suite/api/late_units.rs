//! Late units of an open-ended finding over REST: their tickets, their mails, and what is refused.

use crate::support::app::TestApp;
use crate::support::round::{draft, issue};
use serde_json::{Value, json};

fn finding(app: &TestApp, code: &str) -> String {
    let all = app.by("coordinator").get("/api/v1/notices/2026Q1/findings").is(200).json();
    let found = all["items"].as_array().unwrap().iter().find(|finding| finding["code"] == code).unwrap().clone();
    format!("/api/v1/findings/{}/units", found["id"].as_str().unwrap())
}

fn references(answer: &Value) -> Vec<&str> {
    answer["tickets"].as_array().unwrap().iter().map(|ticket| ticket["reference"].as_str().unwrap()).collect()
}

#[test]
fn late_units_get_their_tickets_and_references_go_on_counting() {
    let app = TestApp::start();
    issue(&app);
    let path = finding(&app, "F01");
    let coordinator = app.by("coordinator");
    let body = json!({"unit_ids": ["430503", "depts"], "dry_run": true});
    let told = coordinator.post(&path, body).is(200).json();
    assert_eq!(references(&told), ["2026Q1-F01-02", "2026Q1-F01-03"]);
    assert_eq!((&told["dry_run"], &told["warnings"]), (&json!(true), &json!([])));
    assert!(told["mails"].as_array().unwrap().iter().any(|mail| mail["address"] == "liaison2@example.cn"));
    assert_eq!(coordinator.get("/api/v1/tickets?count=true").at("/total"), "3", "nothing was made");

    let added = coordinator.post(&path, json!({"unit_ids": ["430503"], "due_on": "2026-03-20"})).is(200);
    assert_eq!(
        (references(&added.json()), added.at("/tickets/0/due_on")),
        (vec!["2026Q1-F01-02"], "2026-03-20".into())
    );
    assert_eq!((added.at("/version"), added.header("etag").unwrap()), ("2".into(), "\"2\""));
    let units = added.json()["unit_ids"].as_array().unwrap().len();
    assert_eq!(units, 2);
    let ticket = app.by("liaison2").get("/api/v1/tickets/2026Q1-F01-02").is(200);
    assert_eq!((ticket.at("/state"), ticket.at("/co_units")), ("issued".into(), "[]".into()));
    let mails = coordinator.get("/api/v1/reminders?ticket=2026Q1-F01-02").is(200).json();
    assert!(mails["items"].as_array().unwrap().iter().any(|row| row["rule"] == "assigned"));

    let more = coordinator.post(&path, json!({"unit_ids": ["depts", "430502-edu"]})).is(200).json();
    assert_eq!(references(&more), ["2026Q1-F01-03", "2026Q1-F01-04"]);
}

#[test]
fn late_units_are_refused_where_issue_would_refuse_them() {
    let app = TestApp::start();
    draft(&app);
    let (first, second) = (finding(&app, "F01"), finding(&app, "F02"));
    let coordinator = app.by("coordinator");
    let add = |path: &str, body: Value| coordinator.post(path, body).problem();
    let one = json!({"unit_ids": ["430503"]});
    assert_eq!(add(&first, one.clone()), "409 notice.not_issued");
    coordinator.post("/api/v1/notices/2026Q1/issue", json!({})).is(200);
    assert_eq!(add(&second, one.clone()), "409 finding.not_open_ended");
    for login in ["liaison", "leader", "viewer", "approver", "admin"] {
        assert_eq!(app.by(login).post(&first, one.clone()).problem(), "403 auth.role", "{login}");
    }
    assert_eq!(add(&first, json!({})), "422 request.invalid /unit_ids field.required");
    assert_eq!(
        add(&first, json!({"unit_ids": ["430502", "nobody", "430503", "430503"]})),
        "422 request.invalid /unit_ids/1 field.reference /unit_ids/3 field.duplicate /unit_ids/0 finding.has_unit"
    );
    let past = json!({"unit_ids": ["430503"], "due_on": "2026-03-01"});
    assert_eq!(add(&first, past), "422 request.invalid /due_on field.past");
    let admin = app.by("admin");
    admin.post("/api/v1/units", json!({"code": "mute", "name": "无人单位", "kind": "department"})).is(201);
    let mute = json!({"unit_ids": ["430503", "mute"], "dry_run": true});
    assert_eq!(add(&first, mute), "422 request.invalid /unit_ids/1 unit.unreachable");
    admin.patch("/api/v1/units/mute", json!({"active": false})).is(200);
    assert_eq!(add(&first, json!({"unit_ids": ["mute"]})), "422 request.invalid /unit_ids/0 unit.inactive");
    let stale = coordinator.with("If-Match", "\"7\"").post(&first, one);
    assert_eq!(stale.problem(), "412 version.stale");
    assert_eq!(coordinator.get("/api/v1/tickets?count=true").at("/total"), "3");
}

#[test]
fn a_deadline_that_is_over_or_far_or_a_day_off_is_a_warning_before_anything_is_issued() {
    let app = TestApp::start();
    draft(&app);
    let coordinator = app.by("coordinator");
    let warned = |on: &str| {
        coordinator.patch("/api/v1/notices/2026Q1", json!({"deadline": {"on": on}})).is(200);
        let told = coordinator.post("/api/v1/notices/2026Q1/issue", json!({"dry_run": true})).is(200).json();
        let warnings = told["warnings"].as_array().unwrap().clone();
        let line =
            |warning: &Value| format!("{} {}", warning["pointer"].as_str().unwrap(), warning["code"].as_str().unwrap());
        warnings.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(warned("2026-03-13"), Vec::<String>::new());
    assert_eq!(warned("2026-02-27"), ["/findings/0 deadline.past", "/findings/1 deadline.past"]);
    assert_eq!(warned("2062-03-13"), ["/findings/0 deadline.far", "/findings/1 deadline.far"]);
    assert_eq!(warned("2026-03-14"), ["/findings/0 deadline.day_off", "/findings/1 deadline.day_off"]);
    warned("2026-02-27");
    let issued = coordinator.post("/api/v1/notices/2026Q1/issue", json!({})).is(200);
    assert_eq!(
        issued.at("/warnings/0/detail"),
        "Finding F01: 2026-02-27 is over; its tickets are overdue as soon as they are issued."
    );
}
