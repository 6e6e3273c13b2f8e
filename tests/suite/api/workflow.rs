//! What the workflow promises over REST beyond the plain life of a ticket: nobody decides on own work, no request ends
//! in silence, milestones are reported and decided, and what a letter and a look-back must say.

use crate::support::app::TestApp;
use crate::support::client::Answer;
use crate::support::round::{PDF, acknowledged, draft, issue, letter};
use chrono::TimeDelta;
use serde_json::{Value, json};

const F01: &str = "/api/v1/tickets/2026Q1-F01-01";
const F03: &str = "/api/v1/tickets/2026Q1-F03-01";

fn act(app: &TestApp, login: &str, act: &str, body: Value) -> Answer {
    app.by(login).post(&format!("{F01}/{act}"), body)
}

fn allows(app: &TestApp, login: &str, act: &str) -> bool {
    let ticket = app.by(login).get(F01).is(200).json();
    ticket["allowed_actions"].as_array().unwrap().contains(&json!(act))
}

/// Asked by the liaison for F01; its id.
fn asked(app: &TestApp) -> String {
    let body = json!({"to": "2026-03-27", "reason": "需采购", "progress": "过半"});
    act(app, "liaison", "extensions", body).is(201).at("/id")
}

fn last_event(app: &TestApp) -> Value {
    app.by("coordinator").get(&format!("{F01}/events")).is(200).json()["items"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone()
}

/// Answered and accepted: waits for its look-back.
fn accepted(app: &TestApp) {
    acknowledged(app);
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    act(app, "coordinator", "review", json!({"decision": "accept"})).is(200);
}

#[test]
fn a_coordinator_of_the_lead_unit_neither_reassigns_nor_decides_but_urges_and_comments() {
    let app = TestApp::start();
    issue(&app);
    let own = app.by("coordinator2");
    let allowed = own.get(F03).is(200).json()["allowed_actions"].clone();
    assert_eq!(allowed, json!(["register_letter", "urge", "comment"]));
    let away = json!({"reason": "x", "unit_id": "430503"});
    assert_eq!(own.post(&format!("{F03}/reassign"), away.clone()).problem(), "403 review.own_work");
    own.post(&format!("{F03}/urge"), json!({})).is(200);
    own.post(&format!("{F03}/comment"), json!({"text": "知悉"})).is(200);
    app.by("coordinator").post(&format!("{F03}/reassign"), away).is(200);
}

#[test]
fn an_approver_of_the_lead_unit_decides_nothing_of_it() {
    let app = TestApp::start();
    issue(&app);
    // The approver's own unit leads from now on.
    act(&app, "coordinator", "reassign", json!({"reason": "职责调整", "unit_id": "office"})).is(200);
    for (name, body) in [
        ("cancel", json!({"reason": "x"})),
        ("carry", json!({"reason": "x", "milestones": [{"on": "2026-04-01", "text": "t"}]})),
        ("due-date", json!({"to": "2026-04-01", "reason": "x"})),
        ("reopen", json!({"reason": "x", "due_on": "2026-04-01"})),
    ] {
        assert_eq!(act(&app, "approver", name, body).problem(), "403 review.own_work", "{name}");
    }
    let allowed = app.by("approver").get(F01).is(200).json()["allowed_actions"].clone();
    assert_eq!(allowed, json!(["comment"]));
}

#[test]
fn a_viewer_changes_nothing_not_even_by_a_word() {
    let app = TestApp::start();
    issue(&app);
    assert!(!allows(&app, "viewer", "comment"));
    assert_eq!(act(&app, "viewer", "comment", json!({"text": "x"})).problem(), "403 auth.role");
    assert_eq!(app.by("viewer").get(F01).at("/version"), "1");
    act(&app, "admin", "comment", json!({"text": "知悉"})).is(200);
}

#[test]
fn a_request_for_extension_survives_feedback_and_is_still_decided() {
    let app = TestApp::start();
    acknowledged(&app);
    let id = asked(&app);
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    let ticket = app.by("approver").get(F01).is(200).json();
    assert_eq!((&ticket["state"], &ticket["pending"]), (&json!("submitted"), &json!("extension")));
    assert_eq!(app.by("approver").get("/api/v1/tickets?pending=extension&count=true").at("/total"), "1");
    assert!(allows(&app, "approver", "decide_extension"));
    let grant = json!({"approve": true, "reason": "同意"});
    let granted = app.by("approver").post(&format!("/api/v1/extensions/{id}/decision"), grant).is(200);
    assert_eq!((granted.at("/due_on"), granted.at("/state")), ("2026-03-27".into(), "submitted".into()));
}

#[test]
fn a_request_that_lapses_says_when_and_why_and_can_not_be_decided_any_more() {
    let app = TestApp::start();
    acknowledged(&app);
    let id = asked(&app);
    let path = format!("/api/v1/extensions/{id}");
    let waits = app.by("liaison").get(&path).is(200);
    assert_eq!((waits.at("/decision"), waits.at("/to")), ("null".into(), "2026-03-27".into()));
    act(&app, "approver", "due-date", json!({"to": "2026-03-20", "reason": "统一调整"})).is(200);
    let event = last_event(&app);
    assert_eq!((&event["act"], &event["payload"]["lapsed"]), (&json!("ticket.due_moved"), &json!("extension")));
    assert_eq!(app.by("liaison").get(F01).at("/pending"), "null");
    let lapsed = app.by("liaison").get(&path).is(200).json();
    assert_eq!(lapsed["decision"]["outcome"], "lapsed");
    assert_eq!((&lapsed["decision"]["at"], &lapsed["decision"]["act"]), (&event["at"], &json!("ticket.due_moved")));
    let decide = json!({"approve": true, "reason": "同意"});
    let refused = app.by("approver").post(&format!("{path}/decision"), decide.clone());
    assert_eq!(refused.problem(), "409 request.lapsed");
    assert_eq!(app.by("coordinator").post(&format!("{path}/decision"), decide.clone()).problem(), "403 auth.role");

    // A second one ends with the acceptance, and the first one keeps its own end.
    let second = format!("/api/v1/extensions/{}", asked(&app));
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    act(&app, "coordinator", "review", json!({"decision": "accept"})).is(200);
    assert_eq!(app.by("liaison").get(&second).at("/decision/act"), "ticket.accepted");
    assert_eq!(app.by("liaison").get(&path).at("/decision/act"), "ticket.due_moved");
    assert_eq!(app.by("approver").post(&format!("{second}/decision"), decide).problem(), "409 request.lapsed");
}

#[test]
fn an_objection_lapses_once_the_unit_answers_for_itself() {
    let app = TestApp::start();
    issue(&app);
    let objection = json!({"reason": "非本单位职责", "proposed_unit_id": "sjj"});
    let id = act(&app, "leader", "objections", objection).is(201).at("/id");
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    let event = last_event(&app);
    assert_eq!((&event["act"], &event["payload"]["lapsed"]), (&json!("ticket.submitted"), &json!("objection")));
    let path = format!("/api/v1/objections/{id}");
    let lapsed = app.by("leader").get(&path).is(200).json();
    assert_eq!((&lapsed["decision"]["outcome"], &lapsed["proposed_unit"]["code"]), (&json!("lapsed"), &json!("sjj")));
    let uphold = json!({"uphold": true, "reason": "x"});
    assert_eq!(app.by("coordinator").post(&format!("{path}/decision"), uphold).problem(), "409 request.lapsed");
}

#[test]
fn a_request_lies_where_its_location_says_for_those_who_see_the_ticket() {
    let app = TestApp::start();
    issue(&app);
    let objection = json!({"reason": "非本单位职责", "proposed_unit_id": "430503"});
    let raised = act(&app, "leader", "objections", objection).is(201);
    let place = raised.header("location").unwrap().to_owned();
    let shown = app.by("liaison").get(&place).is(200);
    assert_eq!(shown.header("etag"), raised.header("etag"));
    assert_eq!((shown.at("/id"), shown.at("/ticket/reference")), (raised.at("/id"), "2026Q1-F01-01".into()));
    assert_eq!((shown.at("/asked_by/name"), shown.at("/reason")), ("leader 同志".into(), "非本单位职责".into()));
    assert_eq!((shown.at("/asked_at"), shown.at("/decision")), ("2026-03-02T01:00:00Z".into(), "null".into()));
    assert_eq!(app.by("liaison-edu").get(&place).problem(), "404 not_found", "a foreign unit's");
    assert_eq!(app.by("liaison").get(&place.replace("objections", "extensions")).problem(), "404 not_found");
    assert_eq!(app.by("liaison").get("/api/v1/objections/1").problem(), "404 not_found");
    assert_eq!(app.anyone().get(&place).problem(), "401 auth.required");
    let reject = json!({"uphold": false, "reason": "属本单位职责"});
    app.by("coordinator").post(&format!("{place}/decision"), reject).is(200);
    let rejected = app.by("leader").get(&place).is(200);
    assert_eq!(
        (rejected.at("/decision/outcome"), rejected.at("/decision/by/name")),
        ("rejected".into(), "coordinator 同志".into())
    );
    assert_eq!(
        (rejected.at("/decision/reason"), rejected.at("/decision/unit")),
        ("属本单位职责".into(), "null".into())
    );

    let body = json!({"to": "2026-03-27", "reason": "需采购", "progress": "过半"});
    let asked = act(&app, "liaison", "extensions", body).is(201);
    let place = asked.header("location").unwrap().to_owned();
    assert_eq!(app.by("leader").get(&place).is(200).at("/progress"), "过半");
    let grant = json!({"approve": true, "to": "2026-03-24", "reason": "同意"});
    app.by("approver").post(&format!("{place}/decision"), grant.clone()).is(200);
    let granted = app.by("leader").get(&place).is(200);
    assert_eq!((granted.at("/decision/outcome"), granted.at("/to")), ("approved".into(), "2026-03-27".into()));
    assert_eq!(granted.at("/decision/to"), "2026-03-24");
    assert_eq!(app.by("approver").post(&format!("{place}/decision"), grant).problem(), "409 ticket.nothing_pending");
}

#[test]
fn milestones_are_reported_by_the_unit_and_decided_by_the_office() {
    let app = TestApp::start();
    acknowledged(&app);
    let body = json!({"reason": "需整体迁移",
        "milestones": [{"on": "2026-05-15", "text": "二"}, {"on": "2026-04-15", "text": "一"}]});
    let carried = act(&app, "approver", "carry", body).is(200).json();
    let milestones = carried["milestones"].as_array().unwrap();
    assert_eq!(milestones.len(), 2);
    assert_eq!((&milestones[1]["text"], &milestones[1]["reported_at"]), (&json!("一"), &json!(null)));
    let id = |index: usize| milestones[index]["id"].as_str().unwrap().to_owned();
    let (later, first) = (id(0), id(1));
    assert!(later < first && later.as_bytes()[14] == b'7', "ids in the order of creation: {later} {first}");
    let decide = |login: &str, id: &str, body: Value| act(&app, login, &format!("milestones/{id}/decision"), body);
    let reached = json!({"reached": true});
    assert_eq!(decide("coordinator", &first, reached.clone()).problem(), "409 milestone.not_reported");
    assert_eq!(decide("coordinator", "nothing", reached.clone()).problem(), "404 not_found");
    assert_eq!(
        decide("coordinator", "0193aaaa-0000-7000-8000-000000000000", reached.clone()).problem(),
        "404 not_found"
    );
    assert_eq!(decide("liaison", &first, reached.clone()).problem(), "403 auth.role");
    assert_eq!(decide("liaison-edu", &first, reached.clone()).problem(), "404 not_found");
    assert!(!allows(&app, "coordinator", "milestone"));

    let report =
        |login: &str, id: &str| act(&app, login, "progress", json!({"text": "已完成招标", "milestone_id": id}));
    assert_eq!(report("liaison2", &first).problem(), "422 request.invalid /milestone_id field.not_allowed");
    assert_eq!(report("liaison", "x").problem(), "422 request.invalid /milestone_id field.reference");
    let reported = report("liaison", &first).is(200).json();
    assert_eq!(reported["milestones"][1]["reported_at"], "2026-03-02T01:00:00Z");
    assert_eq!(last_event(&app)["payload"]["milestone"]["text"], "一");
    assert!(allows(&app, "coordinator", "milestone") && !allows(&app, "liaison", "milestone"));
    let early = json!({"reached": false});
    assert_eq!(decide("coordinator", &first, early).problem(), "422 request.invalid /reason field.required");
    let early = json!({"reached": false, "reason": "合同未签"});
    let sent_back = decide("coordinator", &first, early).is(200).json();
    assert_eq!((&sent_back["milestones"][1]["reported_at"], &sent_back["due_version"]), (&json!(null), &json!(2)));
    report("liaison", &first).is(200);
    let accepted = decide("coordinator", &first, reached.clone()).is(200).json();
    assert_eq!(accepted["milestones"][1]["reached_at"], "2026-03-02T01:00:00Z");
    assert_eq!((&accepted["due_on"], &accepted["due_version"]), (&json!("2026-05-15"), &json!(3)));
    assert_eq!(accepted["state"], "carried");
    let event = last_event(&app);
    assert_eq!((&event["act"], &event["payload"]["reached"]), (&json!("ticket.milestone_decided"), &json!(true)));
    assert_eq!(
        (&event["payload"]["due_on"], &event["payload"]["milestone"]["on"]),
        (&json!("2026-05-15"), &json!("2026-04-15"))
    );
    assert_eq!(decide("coordinator", &first, reached.clone()).problem(), "409 milestone.not_reported");

    report("liaison", &later).is(200);
    let last = decide("coordinator", &later, reached).is(200).json();
    assert_eq!(
        (&last["due_on"], &last["due_version"]),
        (&json!("2026-05-15"), &json!(3)),
        "the last one leaves the date"
    );
    assert_eq!(app.by("coordinator").get("/api/v1/tickets?state=carried").at("/items/0/milestones/0/id"), later);
    assert_eq!(app.by("viewer").get("/api/v1/audit/verify").is(200).at("/whole"), "true");
}

#[test]
fn reminders_follow_the_date_of_the_next_milestone() {
    let app = TestApp::start();
    acknowledged(&app);
    let body = json!({"reason": "迁移", "milestones": [{"on": "2026-04-15", "text": "一"}, {"on": "2026-06-30", "text": "二"}]});
    let carried = act(&app, "approver", "carry", body).is(200).json();
    let id = carried["milestones"][0]["id"].as_str().unwrap().to_owned();
    let next = || {
        let list = app.by("coordinator").get(&format!("{F01}/reminders?limit=200")).is(200).json();
        let planned = list["items"].as_array().unwrap().iter().filter(|one| one["state"] == "planned");
        planned.filter_map(|one| one["at"].as_str().map(str::to_owned)).min()
    };
    let before = next().unwrap();
    assert!(before.as_str() < "2026-04-16", "{before}");
    act(&app, "liaison", "progress", json!({"text": "已达成", "milestone_id": id})).is(200);
    act(&app, "coordinator", &format!("milestones/{id}/decision"), json!({"reached": true})).is(200);
    let after = next().unwrap();
    assert!(after.as_str() > "2026-06-01", "{after}");
}

#[test]
fn a_look_back_tells_its_day_and_a_pass_its_evidence() {
    let app = TestApp::start();
    accepted(&app);
    app.pass(TimeDelta::days(10));
    let look = |body: Value| act(&app, "coordinator", "look-back", body);
    let pass = |more: Value| {
        let mut body = json!({"outcome": "pass", "method": "网上抽查"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        look(body)
    };
    let bare = pass(json!({}));
    assert_eq!(bare.problem(), "422 request.invalid /evidence look_back.no_evidence");
    assert!(bare.at("/errors/0/detail").contains("attach at least one file"));
    assert_eq!(pass(json!({"note": " "})).problem(), "422 request.invalid /evidence look_back.no_evidence");
    assert_eq!(pass(json!({"note": "x", "on": "2026-03-13"})).problem(), "422 request.invalid /on field.future");
    assert_eq!(pass(json!({"note": "x", "on": "2026-03-01"})).problem(), "422 request.invalid /on field.order");
    let file = app.by("coordinator").upload("/api/v1/attachments", &[("截图.pdf", PDF)]).is(201).at("/items/0/id");
    let struck = pass(json!({"evidence": [file], "on": "2026-03-11"})).is(200);
    assert_eq!(struck.at("/state"), "closed");
    let event = last_event(&app);
    assert_eq!(event["payload"]["on"], "2026-03-11");
    assert_eq!(event["attachments"][0]["name"], "截图.pdf");
}

#[test]
fn a_failed_look_back_tells_its_day_too_today_unless_given() {
    let app = TestApp::start();
    accepted(&app);
    app.pass(TimeDelta::days(10));
    let failed = json!({"outcome": "fail", "method": "网上抽查", "note": "又出现空白栏目", "due_on": "2026-03-31"});
    act(&app, "coordinator", "look-back", failed).is(200);
    assert_eq!(last_event(&app)["payload"]["on"], "2026-03-12");
    let silent = json!({"outcome": "fail", "method": "m", "due_on": "2026-03-31"});
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    act(&app, "coordinator", "review", json!({"decision": "accept"})).is(200);
    assert_eq!(act(&app, "coordinator", "look-back", silent).problem(), "422 request.invalid /note field.required");
}

#[test]
fn every_item_of_a_letter_tells_the_cause() {
    let app = TestApp::start();
    acknowledged(&app);
    for cause in [json!(null), json!(" ")] {
        let mut body = letter();
        let item = body["items"][0].as_object_mut().unwrap();
        item.remove("cause");
        if cause.is_string() {
            item.insert("cause".to_owned(), cause);
        }
        let refused = app.by("liaison").post("/api/v1/feedback", body);
        assert_eq!(refused.problem(), "422 request.invalid /items/0/cause field.required");
    }
    assert_eq!(app.by("liaison").get(F01).at("/state"), "in_progress");
}

#[test]
fn an_extended_ticket_keeps_the_notices_cut_off() {
    let app = TestApp::start();
    draft(&app);
    let at_five = json!({"deadline": {"on": "2026-03-13", "cutoff": "17:00"}});
    app.by("coordinator").patch("/api/v1/notices/2026Q1", at_five).is(200);
    app.by("coordinator").post("/api/v1/notices/2026Q1/issue", json!({})).is(200);
    assert_eq!(app.by("liaison").get(F01).at("/due_at"), "2026-03-13T09:00:00Z");
    let id = asked(&app);
    let grant = json!({"approve": true, "reason": "同意"});
    let granted = app.by("approver").post(&format!("/api/v1/extensions/{id}/decision"), grant).is(200);
    assert_eq!((granted.at("/due_on"), granted.at("/due_at")), ("2026-03-27".into(), "2026-03-27T09:00:00Z".into()));
    let why = app.by("liaison").get(&format!("{F01}/deadline")).is(200);
    assert_eq!(why.at("/at"), "2026-03-27T09:00:00Z");
}

#[test]
fn a_paper_letter_takes_the_ticket_on_in_its_signatorys_name() {
    let app = TestApp::start();
    issue(&app);
    let mut body = letter();
    body["unit_id"] = json!("430502");
    body["received_on"] = json!("2026-03-02");
    app.by("coordinator").post("/api/v1/feedback", body).is(201);
    let ticket = app.by("liaison").get(F01).is(200).json();
    assert_eq!((&ticket["state"], &ticket["handler"]), (&json!("submitted"), &json!("李四")));
    assert_eq!(ticket["acknowledged_at"], "2026-03-02T01:00:00Z");
}

#[test]
fn with_four_eyes_whoever_accepted_does_not_look_back_and_a_deputy_acts_in_their_own_name() {
    let app = TestApp::start_with(|config| config.office.four_eyes = true, |_| {});
    // The second coordinator stands in for the first, and still is another person.
    let away = json!({"deputy": {"user_id": "coordinator2", "from": "2026-03-01", "to": "2026-12-31"}});
    app.by("admin").patch("/api/v1/users/coordinator", away).is(200);
    accepted(&app);
    let passed = json!({"outcome": "pass", "method": "抽查", "note": "已整改"});
    assert!(!allows(&app, "coordinator", "look_back_pass") && !allows(&app, "coordinator", "look_back_fail"));
    assert_eq!(act(&app, "coordinator", "look-back", passed.clone()).problem(), "403 review.four_eyes");
    assert!(allows(&app, "coordinator2", "look_back_pass"));
    act(&app, "coordinator2", "look-back", passed).is(200);
}

#[test]
fn a_deputy_of_the_lead_units_coordinator_is_of_the_lead_unit_no_more_than_before() {
    let app = TestApp::start();
    issue(&app);
    // F03 is of the second coordinator's unit; the first stands in for them, and may decide as before.
    let away = json!({"deputy": {"user_id": "coordinator", "from": "2026-03-01", "to": "2026-12-31"}});
    app.by("admin").patch("/api/v1/users/coordinator2", away).is(200);
    let back = json!({"reason": "x", "unit_id": "430503"});
    assert_eq!(app.by("coordinator2").post(&format!("{F03}/reassign"), back.clone()).problem(), "403 review.own_work");
    app.by("coordinator").post(&format!("{F03}/reassign"), back).is(200);
}
