//! A finding that repeats one of an earlier notice: its tickets say whose they repeat.

use crate::support::app::TestApp;
use crate::support::round::issue;
use serde_json::{Value, json};

fn second_round(app: &TestApp, recurrence_of: &Value) -> crate::support::client::Answer {
    let coordinator = app.by("coordinator");
    if coordinator.get("/api/v1/notices/2026Q2").status == 404 {
        let notice = json!({"code": "2026Q2", "title": "第二季度", "deadline": {"on": "2026-03-27"}});
        coordinator.post("/api/v1/notices", notice).is(201);
    }
    let finding = json!({"code": "F-1", "title": "栏目仍未更新", "text": "仍未更新。", "recurrence_of": recurrence_of,
                         "unit_ids": ["430502", "430503"]});
    coordinator.post("/api/v1/notices/2026Q2/findings", finding)
}

#[test]
fn a_ticket_is_a_recurrence_of_the_same_units_ticket_of_an_earlier_finding() {
    let app = TestApp::start();
    issue(&app);
    let added = second_round(&app, &json!("2026Q1-F01")).is(201);
    assert_eq!(
        (added.at("/recurrence_of/notice_code"), added.at("/recurrence_of/code")),
        ("2026Q1".into(), "F01".into())
    );
    let coordinator = app.by("coordinator");
    coordinator.post("/api/v1/notices/2026Q2/issue", json!({})).is(200);
    let first = coordinator.get("/api/v1/tickets/2026Q1-F01-01").is(200);
    let again = app.by("liaison").get("/api/v1/tickets/2026Q2-F-1-01").is(200);
    assert_eq!(again.at("/recurrence_of"), first.at("/id"));
    // Another unit had no ticket of the earlier finding.
    assert_eq!(coordinator.get("/api/v1/tickets/2026Q2-F-1-02").at("/recurrence_of"), "null");
    let event = coordinator.get("/api/v1/tickets/2026Q2-F-1-01/events").at("/items/0/payload/recurrence_reference");
    assert_eq!(event, "2026Q1-F01-01");
    let list = coordinator.get("/api/v1/tickets?recurrence_of=2026Q1-F01-01&count=true").is(200);
    assert_eq!((list.at("/total"), list.at("/items/0/reference")), ("1".into(), "2026Q2-F-1-01".into()));
    let unseen = app.by("liaison2").get("/api/v1/tickets?recurrence_of=2026Q1-F03-01");
    assert_eq!(unseen.problem(), "422 request.invalid ?recurrence_of field.reference");
}

#[test]
fn whoever_takes_over_a_recurrence_hears_nothing_of_the_other_units_earlier_ticket() {
    let app = TestApp::start();
    issue(&app);
    let coordinator = app.by("coordinator");
    coordinator
        .post("/api/v1/notices", json!({"code": "2026Q2", "title": "t", "deadline": {"on": "2026-03-27"}}))
        .is(201);
    let finding =
        json!({"code": "F-1", "title": "t", "text": "t", "recurrence_of": "2026Q1-F02", "unit_ids": ["430503"]});
    coordinator.post("/api/v1/notices/2026Q2/findings", finding).is(201);
    coordinator.post("/api/v1/notices/2026Q2/issue", json!({})).is(200);
    let given = json!({"reason": "职责调整", "unit_id": "430502"});
    coordinator.post("/api/v1/tickets/2026Q2-F-1-01/reassign", given).is(200);
    let heir = app.by("liaison");
    assert_eq!(heir.get("/api/v1/tickets/2026Q2-F-1-01").is(200).at("/recurrence_of"), "null");
    let told = heir.get("/api/v1/tickets/2026Q2-F-1-01/events").is(200);
    assert_eq!(told.at("/items/0/act"), "ticket.issued");
    assert!(!told.text().contains("2026Q1"), "{}", told.text());
    let known = coordinator.get("/api/v1/tickets/2026Q2-F-1-01/events").at("/items/0/payload/recurrence_reference");
    assert_eq!(known, "2026Q1-F02-01");
}

#[test]
fn a_finding_repeats_only_what_was_issued_before() {
    let app = TestApp::start();
    issue(&app);
    let refused = |key: Value| second_round(&app, &key).problem();
    assert_eq!(refused(json!("2026Q1-F77")), "422 request.invalid /recurrence_of field.reference");
    assert_eq!(
        refused(json!("01912345-0000-7000-8000-000000000007")),
        "422 request.invalid /recurrence_of field.reference"
    );
    let own = second_round(&app, &Value::Null).is(201);
    let (id, coordinator) = (own.at("/id"), app.by("coordinator"));
    let path = format!("/api/v1/findings/{id}");
    for itself in [id.clone(), "2026Q2-F-1".to_owned()] {
        let refused = coordinator.patch(&path, json!({"recurrence_of": itself})).problem();
        assert_eq!(refused, "422 request.invalid /recurrence_of field.not_allowed");
    }
    coordinator.post("/api/v1/notices", json!({"code": "2026Q3", "title": "t"})).is(201);
    let draft = json!({"code": "F01", "title": "t", "text": "t", "unit_ids": ["430502"]});
    coordinator.post("/api/v1/notices/2026Q3/findings", draft).is(201);
    let refused = coordinator.patch(&path, json!({"recurrence_of": "2026Q3-F01"})).problem();
    assert_eq!(refused, "422 request.invalid /recurrence_of field.not_allowed", "a later one");
    coordinator.patch(&path, json!({"recurrence_of": "2026Q1-F01"})).is(200);
    assert_eq!(coordinator.patch(&path, json!({"recurrence_of": null})).is(200).at("/recurrence_of"), "null");
}
