//! Letters of feedback through their form: one or several tickets, requirements, paper letters that are registered.

use super::reader::{app, reader};
use crate::support::round;
use serde_json::json;

#[test]
fn one_letter_answers_a_ticket_and_a_requirement_with_a_sealed_scan() {
    let app = app();
    round::acknowledged(&app);
    let liaison = reader(&app, "liaison");
    let page = liaison.read("/feedback/new?ticket=2026Q1-F01-01");
    let form = page.form("/feedback");
    assert_eq!(form.value("items.0.ticket"), "2026Q1-F01-01");
    assert_eq!(form.value("items.0.include"), "yes");
    let wrong = form
        .fill("signatory", "李四")
        .fill("items.0.cause", "人手不足")
        .fill("items.0.measures", "已补齐栏目")
        .fill("items.0.result", "done")
        .fill("items.0.completed_on", "2026-03-09")
        .fill("answers.0.text", "已对照落实");
    let page = liaison.send_with_files(&wrong, &[("盖章件.pdf", round::PDF)]).is(422);
    page.says("Rectified on: Give 2026-03-02 or an earlier date.");
    let again = page.form("/feedback");
    assert_eq!(again.value("answers.0.text"), "已对照落实");
    let filed = liaison.send(&again.fill("items.0.completed_on", "2026-03-01")).is(200);
    filed.says("The letter is filed.");
    filed.says("Receipt");
    filed.says("盖章件.pdf");
    filed.says("已对照落实");
    let ticket = app.by("liaison").get("/api/v1/tickets/2026Q1-F01-01").is(200).json();
    assert_eq!(ticket["state"], "submitted");
    liaison.read("/feedback").says("waiting 1");
    liaison.read("/notices/2026Q1").says("✓ answered");
    let empty = liaison.read("/feedback/new?notice=2026Q1");
    empty.says("No ticket waits for feedback.");
}

#[test]
fn a_letter_without_file_and_number_is_refused_and_nothing_is_lost() {
    let app = app();
    round::acknowledged(&app);
    let liaison = reader(&app, "liaison");
    let form = liaison.read("/feedback/new?notice=2026Q1").form("/feedback");
    let form = form
        .fill("signatory", "李四")
        .fill("items.0.cause", "人手不足")
        .fill("items.0.measures", "已补齐栏目")
        .fill("items.0.result", "partly");
    let page = liaison.send(&form).is(422);
    page.says("Neither a file nor a letter number");
    let again = page.form("/feedback");
    assert_eq!((again.value("items.0.cause"), again.value("items.0.result")), ("人手不足", "partly"));
    let page = liaison.send(&again.clone().fill("items.0.result", "").fill("letter_no", "1号")).is(422);
    page.says("Result: This is required.");
    liaison.send(&again.fill("letter_no", "双政函〔2026〕3号")).is(200).says("双政函〔2026〕3号");
}

#[test]
fn a_letter_that_came_after_another_is_refused_with_its_words() {
    let app = app();
    round::acknowledged(&app);
    let liaison = reader(&app, "liaison");
    let form = liaison.read("/feedback/new?ticket=2026Q1-F01-01").form("/feedback");
    let form = form
        .fill("signatory", "李四")
        .fill("letter_no", "2号")
        .fill("items.0.cause", "人手不足")
        .fill("items.0.measures", "已补齐栏目")
        .fill("items.0.result", "not");
    app.by("liaison").post("/api/v1/feedback", round::letter()).is(201);
    let page = liaison.send(&form).is(409);
    page.says("The ticket is already in review");
    assert_eq!(page.form("/feedback").value("items.0.measures"), "已补齐栏目");
}

#[test]
fn a_coordinator_registers_a_paper_letter_for_its_unit() {
    let app = app();
    round::acknowledged(&app);
    let coordinator = reader(&app, "coordinator");
    let page = coordinator.read("/tickets/2026Q1-F01-01");
    assert!(page.links().contains(&"/feedback/new?ticket=2026Q1-F01-01".to_owned()));
    let form = coordinator.read("/feedback/new?ticket=2026Q1-F01-01").form("/feedback");
    assert_eq!((form.value("unit"), form.value("received_on")), ("430502", "2026-03-02"));
    let form = form
        .fill("signatory", "李四")
        .fill("letter_no", "双政函〔2026〕3号")
        .fill("items.0.cause", "人手不足")
        .fill("items.0.measures", "已补齐栏目")
        .fill("items.0.result", "done")
        .fill("items.0.completed_on", "2026-03-01");
    let page = coordinator.send(&form.clone().fill("received_on", "")).is(422);
    page.says("Received on: This is required.");
    let filed = coordinator.send(&form).is(200);
    filed.says("Registered");
    reader(&app, "liaison").read("/tickets/2026Q1-F01-01").says("Paper letter registered");
}

#[test]
fn several_tickets_stand_in_one_letter_and_faults_find_the_right_one() {
    let app = app();
    round::draft(&app);
    let coordinator = app.by("coordinator");
    let second = json!({"code": "F09", "title": "链接失效", "text": "链接失效。", "unit_ids": ["430502"]});
    coordinator.post("/api/v1/notices/2026Q1/findings", second).is(201);
    coordinator.post("/api/v1/notices/2026Q1/issue", json!({})).is(200);
    let leader = reader(&app, "leader");
    let form = leader.read("/feedback/new?notice=2026Q1").form("/feedback");
    assert_eq!((form.value("items.0.ticket"), form.value("items.1.ticket")), ("2026Q1-F01-01", "2026Q1-F09-01"));
    assert_eq!((form.value("items.0.include"), form.value("items.1.include")), ("", ""), "neither is ticked");
    let only_second = form
        .fill("signatory", "王五")
        .fill("letter_no", "5号")
        .fill("items.1.include", "yes")
        .fill("items.1.result", "done");
    let page = leader.send(&only_second).is(422);
    for field in ["cause", "measures"] {
        assert!(page.html.contains(&format!("href=\"#f-items.1.{field}\"")), "{}", page.words());
    }
    let both = page
        .form("/feedback")
        .fill("items.1.cause", "迁移遗漏")
        .fill("items.1.measures", "已修复")
        .fill("items.1.completed_on", "2026-02-27")
        .fill("items.0.cause", "人手不足")
        .fill("items.0.measures", "正在改版")
        .fill("items.0.result", "partly");
    let filed = leader.send(&both).is(200);
    filed.says("2026Q1-F01-01");
    filed.says("2026Q1-F09-01");
}
