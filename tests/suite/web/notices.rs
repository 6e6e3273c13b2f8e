//! Notices: what issuing would make, issuing, annexes recomputed, who has answered, closing.

use super::reader::{app, reader};
use crate::support::round;
use serde_json::json;

#[test]
fn a_draft_is_previewed_then_issued_and_only_by_its_own_version() {
    let app = app();
    round::draft(&app);
    let coordinator = reader(&app, "coordinator");
    let page = coordinator.read("/notices/2026Q1");
    page.says("Draft");
    let preview = coordinator.send(&page.form("/notices/2026Q1/issue")).is(200);
    preview.says("3 tickets for 3 units");
    preview.says("2026Q1-F01-01");
    assert_eq!(coordinator.read("/tickets").lines(), 0, "nothing was made yet");
    let go = preview.form("/notices/2026Q1/issue");
    app.by("coordinator").patch("/api/v1/notices/2026Q1", json!({"title": "另一标题"})).is(200);
    coordinator.send(&go).is(412).says("Somebody has changed this since you opened it");
    let preview = coordinator.send(&coordinator.read("/notices/2026Q1").form("/notices/2026Q1/issue")).is(200);
    let issued = coordinator.send(&preview.form("/notices/2026Q1/issue")).is(200);
    issued.says("Issued; its tickets are made.");
    assert_eq!(coordinator.read("/tickets").lines(), 3);
    assert!(issued.find_form("/notices/2026Q1/issue").is_none());
    let closing = coordinator.send(&issued.form("/notices/2026Q1/close")).is(409);
    closing.says("Tickets are still open 3 of them are not finished.");
}

#[test]
fn a_draft_that_can_t_be_issued_tells_every_reason() {
    let app = app();
    round::draft(&app);
    let coordinator = app.by("coordinator");
    coordinator.patch("/api/v1/notices/2026Q1", json!({"deadline": null})).is(200);
    let reader = reader(&app, "coordinator");
    let page = reader.send(&reader.read("/notices/2026Q1").form("/notices/2026Q1/issue")).is(409);
    page.says("The notice can't be issued yet");
    page.says("Neither finding F01 nor the notice has a deadline.");
    page.says("Neither finding F02 nor the notice has a deadline.");
}

#[test]
fn annexes_are_recomputed_and_a_wrong_print_is_shown() {
    let app = app();
    round::draft(&app);
    let rows = json!([
        {"unit_id": "430502", "kind": "website", "in_operation": 289, "checked": 289, "prominent": 9, "printed_share": "0.04%"},
        {"unit_id": "430503", "kind": "website", "in_operation": 11, "prominent": 0, "printed_share": "0"},
    ]);
    app.by("coordinator").put("/api/v1/notices/2026Q1/coverage", rows).is(200);
    let page = reader(&app, "coordinator").read("/notices/2026Q1");
    page.says("双清区人民政府 289 289 9 0.04% 3.11% differs from print");
    page.says("Total 300 300 9 – 3.00%");
}

#[test]
fn the_office_sees_who_has_answered_a_unit_only_its_own() {
    let app = app();
    round::issue(&app);
    let letter = json!({"notice_id": "2026Q1", "letter_no": "1号", "signatory": "李四", "items": [],
                        "requirement_answers": [{"code": "R1", "text": "已落实"}]});
    app.by("liaison").post("/api/v1/feedback", letter).is(201);
    let office = reader(&app, "viewer").read("/notices/2026Q1");
    office.says("2 units have not answered everything.");
    office.says("双清区人民政府 ✓ answered not asked 0");
    let unit = reader(&app, "liaison").read("/notices/2026Q1");
    unit.says("R1 严格落实制度。 ✓ answered");
    unit.never_says("对照整改");
    unit.never_says("units have not answered");
}

#[test]
fn late_units_are_previewed_and_added_to_an_open_ended_finding() {
    let app = app();
    round::issue(&app);
    let coordinator = reader(&app, "coordinator");
    let page = coordinator.read("/notices/2026Q1");
    let form = page.form("/notices/2026Q1/units");
    coordinator.send(&form).is(422).says("This is required.");
    let preview = coordinator.send(&form.clone().fill("unit_ids", "430503")).is(200);
    preview.says("1 ticket for 1 unit");
    preview.says("2026Q1-F01-02");
    let late = form.clone().fill("unit_ids", "430503").fill("due_on", "2026-03-14");
    coordinator.send(&late).is(200).says("Finding F01: 2026-03-14 is a day off. It is not moved.");
    assert_eq!(coordinator.read("/tickets").lines(), 3, "nothing was made yet");
    let added = coordinator.send(&preview.form("/notices/2026Q1/units")).is(200);
    added.says("The units are added; their tickets are issued.");
    assert_eq!(coordinator.read("/tickets").lines(), 4);
    coordinator.send(&form.fill("unit_ids", "430503")).is(412);
    assert!(reader(&app, "viewer").read("/notices/2026Q1").find_form("/notices/2026Q1/units").is_none());
}

#[test]
fn a_recurrence_is_shown_on_both_tickets_and_an_answer_is_one_click_away() {
    let app = app();
    round::issue(&app);
    let coordinator = app.by("coordinator");
    coordinator
        .post("/api/v1/notices", json!({"code": "2026Q2", "title": "t", "deadline": {"on": "2026-03-27"}}))
        .is(201);
    let again = json!({"code": "F1", "title": "t", "text": "t", "unit_ids": ["430502"], "recurrence_of": "2026Q1-F01"});
    coordinator.post("/api/v1/notices/2026Q2/findings", again).is(201);
    coordinator.post("/api/v1/notices/2026Q2/issue", json!({})).is(200);
    let unit = reader(&app, "liaison");
    unit.read("/tickets/2026Q2-F1-01").says("Repeats 2026Q1-F01-01");
    let first = unit.read("/tickets/2026Q1-F01-01");
    first.says("Happened again 2026Q2-F1-01");
    assert!(first.links().contains(&"/tickets/2026Q2-F1-01".to_owned()));
    reader(&app, "coordinator").read("/notices/2026Q2").says("Repeats 2026Q1-F01");
    let letter = json!({"notice_id": "2026Q1", "signatory": "李四", "items": [], "requirement_answers": [{"code": "R1", "text": "已落实"}]});
    let id = app.by("liaison").post("/api/v1/feedback", letter).is(201).at("/id");
    for login in ["viewer", "liaison"] {
        let page = reader(&app, login).read("/notices/2026Q1");
        assert!(page.links().contains(&format!("/feedback/{id}")), "{login}");
    }
}
