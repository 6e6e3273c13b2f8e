//! Notices over REST: drafted, checked, issued once, and reduced to what a unit may read.

use crate::support::app::TestApp;
use crate::support::round::{draft, issue};
use serde_json::json;

#[test]
fn a_draft_is_made_changed_and_read_back() {
    let app = TestApp::start();
    let made = draft(&app);
    assert_eq!(made["state"], "draft");
    assert_eq!(
        made["deadline"],
        json!({"on": "2026-03-13", "cutoff": null, "inclusive": true, "raw": "于2026年3月13日前"})
    );
    assert_eq!(made["feedback_to"]["code"], "office");
    let coordinator = app.by("coordinator");
    let changed = coordinator
        .patch("/api/v1/notices/2026Q1", json!({"document_no": "邵政办函〔2026〕1号", "sampling": null}))
        .is(200);
    assert_eq!(changed.at("/document_no"), "邵政办函〔2026〕1号");
    assert_eq!(changed.json()["sampling"], json!(null));
    assert_eq!(changed.at("/basis"), "国办秘函〔2019〕19号");
    let stale = coordinator.with("If-Match", "\"1\"").patch("/api/v1/notices/2026Q1", json!({"title": "x"}));
    assert_eq!(stale.problem(), "412 version.stale");
    let taken = coordinator.post("/api/v1/notices", json!({"code": "2026Q1", "title": "t"}));
    assert_eq!(taken.problem(), "409 duplicate");
    let findings = coordinator.get("/api/v1/notices/2026Q1/findings").is(200).json();
    assert_eq!(findings["items"][0]["text"], "  双清区网站栏目更新不及时。\n第二段", "verbatim");
    assert_eq!(findings["items"][2]["units"][0]["code"], "depts");
}

#[test]
fn a_deadline_is_read_out_of_the_notices_own_words() {
    let app = TestApp::start();
    let coordinator = app.by("coordinator");
    let on = |raw: &str| {
        let code = format!("N{}", raw.len());
        let body = json!({"code": code, "title": "t", "deadline": {"raw": raw}});
        coordinator.post("/api/v1/notices", body)
    };
    assert_eq!(on("于2026年3月13日前书面反馈").is(201).at("/deadline/on"), "2026-03-13");
    let noon = on("4月16日12:00前报区政府办").is(201);
    assert_eq!((noon.at("/deadline/on"), noon.at("/deadline/cutoff")), ("2026-04-16".to_owned(), "12:00".to_owned()));
    // Ten working days from Monday 2 March.
    assert_eq!(on("10个工作日内").is(201).at("/deadline/on"), "2026-03-16");
    assert_eq!(on("尽快").problem(), "422 request.invalid /deadline/on field.required");
}

#[test]
fn bad_drafts_are_refused_field_by_field() {
    let app = TestApp::start();
    let coordinator = app.by("coordinator");
    draft(&app);
    for (body, problem) in [
        (json!({"code": "a b", "title": ""}), "422 request.invalid /code field.format /title field.required"),
        (json!({"code": "a", "title": "t", "feedback_to": "depts"}), "422 request.invalid /feedback_to unit.is_group"),
        (
            json!({"code": "a", "title": "t", "feedback_to": "nobody"}),
            "422 request.invalid /feedback_to field.reference",
        ),
        (
            json!({"code": "a", "title": "t", "sampling": {"from": "2026-02-02", "to": "2026-02-01"}}),
            "422 request.invalid /sampling/from field.order",
        ),
        (
            json!({"code": "a", "title": "t", "deadline": {"on": "2026-02-30"}}),
            "422 request.invalid /deadline/on field.date",
        ),
        (
            json!({"code": "a", "title": "t", "deadline": {"on": "2026-02-03", "cutoff": "25:00"}}),
            "422 request.invalid /deadline/cutoff field.time",
        ),
    ] {
        assert_eq!(coordinator.post("/api/v1/notices", body.clone()).problem(), problem, "{body}");
    }
    let finding = |body| coordinator.post("/api/v1/notices/2026Q1/findings", body).problem();
    assert_eq!(
        finding(json!({"code": "F09", "unit_ids": ["430502", "430502", "nobody"]})),
        "422 request.invalid /title field.required /text field.required /unit_ids/1 field.duplicate /unit_ids/2 field.reference"
    );
    assert_eq!(finding(json!({"code": "F01", "title": "t", "text": "t"})), "409 duplicate");
    let rows = json!([{"unit_id": "nobody", "kind": "website", "in_operation": -1, "prominent": 0}]);
    assert_eq!(
        coordinator.put("/api/v1/notices/2026Q1/coverage", rows).problem(),
        "422 request.invalid /0/unit_id field.reference /0/in_operation field.out_of_range"
    );
    for login in ["liaison", "leader", "viewer", "approver", "admin"] {
        let refused = app.by(login).post("/api/v1/notices", json!({"code": "b", "title": "t"}));
        assert_eq!(refused.problem(), "403 auth.role", "{login}");
    }
}

#[test]
fn the_annexes_keep_their_printed_figures_and_are_added_up_again() {
    let app = TestApp::start();
    draft(&app);
    let rows = json!({"rows": [
        {"unit_id": "depts", "kind": "website", "in_operation": 32, "checked": 32, "prominent": 0, "printed_share": "0"},
        {"unit_id": "430502", "kind": "website", "in_operation": 1, "checked": 1, "prominent": 1, "printed_share": "100%"},
        {"unit_id": "430502", "kind": "new_media", "in_operation": 6, "prominent": 0, "printed_share": "0"},
    ]});
    let coverage = app.by("coordinator").put("/api/v1/notices/2026Q1/coverage", rows).is(200).json();
    assert_eq!(
        coverage["totals"]["website"],
        json!({"in_operation": 33, "checked": 33, "prominent": 1, "share": 3.03})
    );
    assert_eq!(coverage["totals"]["new_media"]["checked"], 6);
    let row = coverage["rows"].as_array().unwrap().iter().find(|row| row["unit"]["code"] == "430502").unwrap();
    assert_eq!((&row["printed_share"], &row["share"]), (&json!("100%"), &json!(100.0)));
}

#[test]
fn a_rehearsed_issue_tells_what_would_be_made_and_mailed_and_makes_nothing() {
    let app = TestApp::start();
    draft(&app);
    let coordinator = app.by("coordinator");
    let told = coordinator.post("/api/v1/notices/2026Q1/issue", json!({"dry_run": true})).is(200).json();
    let references: Vec<&str> =
        told["tickets"].as_array().unwrap().iter().map(|ticket| ticket["reference"].as_str().unwrap()).collect();
    assert_eq!(references, ["2026Q1-F01-01", "2026Q1-F02-01", "2026Q1-F03-01"]);
    assert_eq!(told["tickets"][2]["due_on"], "2026-03-06");
    let mails = told["mails"].as_array().unwrap();
    assert!(mails.iter().any(|mail| mail["address"] == "liaison@example.cn" && mail["reference"] == "2026Q1-F01-01"));
    assert_eq!(coordinator.get("/api/v1/tickets?count=true").is(200).at("/total"), "0");
    assert_eq!(coordinator.get("/api/v1/notices/2026Q1").is(200).at("/state"), "draft");
}

#[test]
fn issuing_makes_one_ticket_for_each_finding_and_lead_unit_once() {
    let app = TestApp::start();
    let issued = issue(&app);
    assert_eq!((issued["state"].as_str(), issued["ticket_count"].as_i64()), (Some("issued"), Some(3)));
    let coordinator = app.by("coordinator");
    let again = coordinator.post("/api/v1/notices/2026Q1/issue", json!({}));
    assert_eq!(again.problem(), "409 notice.already_issued");
    let late = coordinator.patch("/api/v1/notices/2026Q1", json!({"deadline": {"on": "2026-04-01"}}));
    assert_eq!(late.problem(), "409 notice.already_issued");
    coordinator.patch("/api/v1/notices/2026Q1", json!({"document_no": "邵政办函〔2026〕1号"})).is(200);
    let ticket = coordinator.get("/api/v1/tickets/2026Q1-F01-01").is(200).json();
    assert_eq!(ticket["state"], "issued");
    assert_eq!(ticket["due_at"], "2026-03-13T16:00:00Z");
    assert_eq!(ticket["co_units"][0]["code"], "430503");
    assert_eq!(ticket["text"], "  双清区网站栏目更新不及时。\n第二段");
    assert_eq!(coordinator.get("/api/v1/tickets?count=true").at("/total"), "3");
    let open = coordinator.post("/api/v1/notices/2026Q1/close", json!({}));
    assert_eq!(open.problem(), "409 notice.open_tickets");
    let requirements = coordinator.get("/api/v1/notices/2026Q1/requirements").is(200).json();
    let asked: Vec<&str> = requirements["items"][0]["units"]
        .as_array()
        .unwrap()
        .iter()
        .map(|unit| unit["code"].as_str().unwrap())
        .collect();
    assert_eq!(asked, ["430502", "sjj"], "a group's members are asked from now on");
}

#[test]
fn what_can_not_be_issued_is_refused_whole_with_every_reason() {
    let app = TestApp::start();
    let (admin, coordinator) = (app.by("admin"), app.by("coordinator"));
    for (code, kind) in [("silent", "department"), ("gone", "department"), ("empty", "group")] {
        admin.post("/api/v1/units", json!({"code": code, "name": code, "kind": kind})).is(201);
    }
    admin.patch("/api/v1/units/gone", json!({"active": false, "contacts": {"mailbox": "a@b.cn"}})).is(200);
    coordinator.post("/api/v1/notices", json!({"code": "X", "title": "t"})).is(201);
    assert_eq!(
        coordinator.post("/api/v1/notices/X/issue", json!({})).problem(),
        "409 notice.incomplete /findings notice.no_findings"
    );
    for (code, units, due_on) in [
        ("F01", json!(["silent"]), json!("2026-04-01")),
        ("F02", json!(["gone"]), json!("2026-04-01")),
        ("F03", json!(["empty"]), json!("2026-04-01")),
        ("F04", json!([]), json!("2026-04-01")),
        ("F05", json!(["430502"]), json!(null)),
    ] {
        let body = json!({"code": code, "title": "t", "text": "t", "unit_ids": units, "due_on": due_on});
        coordinator.post("/api/v1/notices/X/findings", body).is(201);
    }
    let refused = coordinator.post("/api/v1/notices/X/issue", json!({}));
    assert_eq!(
        refused.problem(),
        "409 notice.incomplete /findings/0 unit.unreachable /findings/1 unit.inactive /findings/2 unit.group_empty \
         /findings/3 finding.no_units /findings/4 finding.due_missing"
    );
    assert_eq!(coordinator.get("/api/v1/tickets?count=true").at("/total"), "0");
    assert_eq!(coordinator.get("/api/v1/notices/X").at("/version"), "1");
}

#[test]
fn a_unit_reads_issued_notices_that_concern_it_reduced_to_its_own_part() {
    let app = TestApp::start();
    draft(&app);
    let liaison = app.by("liaison");
    assert_eq!(liaison.get("/api/v1/notices/2026Q1").problem(), "404 not_found", "a draft");
    assert_eq!(liaison.get("/api/v1/notices?count=true").at("/total"), "0");
    app.by("coordinator").post("/api/v1/notices/2026Q1/issue", json!({})).is(200);
    assert_eq!(liaison.get("/api/v1/notices/2026Q1").is(200).at("/ticket_count"), "1");
    let findings = liaison.get("/api/v1/notices/2026Q1/findings").is(200).json();
    assert_eq!(findings["items"].as_array().unwrap().len(), 1);
    assert_eq!(findings["items"][0]["code"], "F01");
    assert_eq!(findings["items"][0]["co_units"], json!([]), "not the other units' names");
    let requirements = liaison.get("/api/v1/notices/2026Q1/requirements").is(200).json();
    assert_eq!(requirements["items"].as_array().unwrap().len(), 1);
    assert_eq!(requirements["items"][0]["units"].as_array().unwrap().len(), 1);
    let body = liaison.get("/api/v1/notices/2026Q1/findings").text()
        + &liaison.get("/api/v1/notices/2026Q1/requirements").text();
    assert!(!body.contains("大祥区自查") && !body.contains("市直部门") && !body.contains("430503"), "{body}");
}
