//! What is done to tickets through forms: each act, what is refused, and that nothing typed is lost.

use super::reader::{Form, Page, Reader, app, reader};
use crate::support::app::TestApp;
use crate::support::round;
use serde_json::{Value, json};

const TICKET: &str = "2026Q1-F01-01";

fn form(reader: &Reader, act: &str) -> Form {
    reader.read(&format!("/tickets/{TICKET}?act={act}")).form(&format!("/tickets/{TICKET}/{act}"))
}

fn state(app: &TestApp) -> Value {
    app.by("coordinator").get(&format!("/api/v1/tickets/{TICKET}")).is(200).json()
}

fn submitted(app: &TestApp) {
    round::acknowledged(app);
    app.by("liaison").post("/api/v1/feedback", round::letter()).is(201);
}

#[test]
fn only_what_is_allowed_is_offered_and_each_offer_is_taken() {
    let app = app();
    round::issue(&app);
    for (login, expected) in [
        ("liaison", vec!["acknowledge", "extension", "comment"]),
        ("leader", vec!["object", "extension", "comment"]),
        ("coordinator", vec!["reassign", "urge", "comment"]),
        ("approver", vec!["due_date", "cancel", "comment"]),
        ("viewer", vec![]),
    ] {
        let reader = reader(&app, login);
        let page = reader.read(&format!("/tickets/{TICKET}"));
        let links = page.links();
        for act in ["acknowledge", "object", "reassign", "urge", "due_date", "cancel", "extension", "comment", "accept"]
        {
            let offered = links.contains(&format!("/tickets/{TICKET}?act={act}#act"));
            assert_eq!(offered, expected.contains(&act), "{login} {act}");
            let drawn = reader.read(&format!("/tickets/{TICKET}?act={act}"));
            assert_eq!(drawn.find_form(&format!("/tickets/{TICKET}/{act}")).is_some(), offered, "{login} {act}");
        }
    }
}

#[test]
fn a_missing_word_is_told_at_its_field_and_the_others_are_kept() {
    let app = app();
    submitted(&app);
    let coordinator = reader(&app, "coordinator");
    let form = form(&coordinator, "return").fill("due_on", "not a date").fill("reason", "材料不全 & <盖章>缺失");
    let page = coordinator.send(&form).is(422);
    page.says("Please correct this and send it again");
    assert!(page.html.contains("<a href=\"#f-due_on\">"), "the summary leads to the field");
    assert!(page.html.contains("aria-describedby=\"f-due_on-hint f-due_on-error\" aria-invalid=\"true\""));
    let again = page.form(&format!("/tickets/{TICKET}/return"));
    assert_eq!(again.value("reason"), "材料不全 & <盖章>缺失");
    assert_eq!(again.value("due_on"), "not a date");
    let done = coordinator.send(&again.fill("due_on", "2026-03-18")).is(200);
    done.says("Returned; the unit is told.");
    done.says("材料不全 & <盖章>缺失");
    assert_eq!(state(&app)["state"], "returned");
    let blank = reader(&app, "liaison");
    let page = blank.send(&super::acts::form(&blank, "progress").fill("text", "  ").fill("percent", "101")).is(422);
    page.says("Progress: This is required.");
    page.says("Percent done: Must lie between 0 and 100.");
}

#[test]
fn somebody_who_was_slower_sees_what_changed_and_sends_again() {
    let app = app();
    round::acknowledged(&app);
    let liaison = reader(&app, "liaison");
    let slow = form(&liaison, "progress").fill("text", "第二条进展").fill("percent", "60");
    app.by("coordinator").post(&format!("/api/v1/tickets/{TICKET}/urge"), json!({"note": "请加快办理"})).is(200);
    let page = liaison.send(&slow).is(412);
    page.says("Somebody has changed this since you opened it");
    page.says("What changed meanwhile Urged");
    page.says("请加快办理");
    let again = page.form(&format!("/tickets/{TICKET}/progress"));
    assert_eq!((again.value("text"), again.value("percent"), again.value("version")), ("第二条进展", "60", "3"));
    liaison.send(&again).is(200).says("Progress logged.");
}

#[test]
fn an_act_that_came_too_late_is_refused_with_its_words_kept() {
    let app = app();
    submitted(&app);
    let coordinator = reader(&app, "coordinator");
    let late = form(&coordinator, "return").fill("reason", "需补充材料");
    app.by("coordinator2").post(&format!("/api/v1/tickets/{TICKET}/review"), json!({"decision": "accept"})).is(200);
    let page = coordinator.send(&late.without("version")).is(409);
    page.says("The ticket has nothing to review");
    assert_eq!(page.form(&format!("/tickets/{TICKET}/return")).value("reason"), "需补充材料");
    assert_eq!(state(&app)["state"], "accepted");
}

#[test]
fn files_come_with_progress_and_are_kept_when_the_form_is_refused() {
    let app = app();
    round::acknowledged(&app);
    let liaison = reader(&app, "liaison");
    let empty = form(&liaison, "progress").fill("text", "");
    let refused = liaison.send_with_files(&empty, &[("整改照片.pdf", round::PDF)]).is(422);
    let again = refused.form(&format!("/tickets/{TICKET}/progress")).fill("text", "附整改照片");
    assert!(again.value("attachment_ids").ends_with(" 整改照片.pdf"), "{:?}", again.fields);
    let page = liaison.send(&again).is(200);
    page.says("整改照片.pdf");
    let file = page.links().into_iter().find(|link| link.starts_with("/api/v1/attachments/")).unwrap();
    assert_eq!(liaison.ask(&file).is(200).bytes, round::PDF);
    assert_eq!(reader(&app, "liaison2").ask(&file).status, 200, "a co-unit's liaison");
    assert_eq!(reader(&app, "liaison-edu").ask(&file).status, 404);
    let wrong = form(&liaison, "progress").fill("text", "x");
    let refused = liaison.send_with_files(&wrong, &[("a.exe", b"MZ"), ("b.pdf", round::PDF)]).is(422);
    refused.says("Files: a.exe: take one of");
    let stranger = form(&liaison, "progress").fill("text", "x").without("csrf");
    assert_eq!(stranger.send_with_files(liaison.client(), &[("b.pdf", round::PDF)]).status, 403);
}

#[test]
fn a_ticket_goes_through_its_life_by_forms_alone() {
    let app = app();
    round::issue(&app);
    let (liaison, leader) = (reader(&app, "liaison"), reader(&app, "leader"));
    let (coordinator, approver) = (reader(&app, "coordinator"), reader(&app, "approver"));
    let ask = form(&leader, "extension").fill("working_days", "3").fill("reason", "改版").fill("progress", "一半");
    leader.send(&ask).is(200).says("Extension to decide");
    let both = form(&approver, "decide_extension").fill("reason", "同意");
    assert_eq!(both.value("to"), "2026-03-18", "three working days on");
    let page = approver.send(&both).is(422);
    page.says("Is it granted?: This is required.");
    let granted = page.form(&format!("/tickets/{TICKET}/decide_extension")).fill("approve", "yes");
    approver.send(&granted).is(200).says("Extension granted");
    liaison.send(&form(&liaison, "acknowledge")).is(200).says("Acknowledged.");
    app.by("liaison").post("/api/v1/feedback", round::letter()).is(201);
    let page = coordinator.read(&format!("/tickets/{TICKET}"));
    page.says("Feedback to review");
    page.says("已补齐栏目内容");
    coordinator.send(&form(&coordinator, "accept").fill("reason", "属实")).is(200).says("Accepted.");
    let failed = form(&coordinator, "look_back_fail")
        .fill("method", "线上抽查")
        .fill("note", "仍有空白栏目")
        .fill("due_on", "2026-04-10");
    coordinator.send(&failed).is(200).says("Look-back failed, returned");
    let carry = form(&approver, "carry")
        .fill("reason", "平台迁移")
        .fill("milestones.0.on", "2026-05-08")
        .fill("milestones.0.text", "完成招标");
    approver.send(&carry).is(200).says("完成招标");
    let reported = form(&liaison, "progress").fill("text", "招标完成");
    let choice = state(&app)["milestones"][0]["id"].as_str().unwrap().to_owned();
    liaison.send(&reported.fill("milestone_id", &choice)).is(200).says("Reported as reached Fri 8 May 2026 完成招标");
    let decide = form(&coordinator, "milestone");
    assert_eq!(decide.value("milestone_id"), choice);
    let page = coordinator.send(&decide.fill("reached", "no")).is(422);
    page.says("Reason: This is required.");
    let decide = page.form(&format!("/tickets/{TICKET}/milestone")).fill("reached", "yes");
    let page = coordinator.send(&decide).is(200);
    page.says("The milestone is decided.");
    page.says("Milestone accepted as reached");
    let milestone = form(&approver, "due_date").fill("to", "2026-02-01").fill("reason", "x");
    approver.send(&milestone).is(422).says("Give 2026-03-02 or a later date.");
    let cancelled = form(&approver, "cancel").fill("reason", "网站已关停");
    approver.send(&cancelled).is(200).says("Cancelled");
    assert_eq!(state(&app)["state"], "cancelled");
}

#[test]
fn a_look_back_by_form_needs_evidence_and_shows_its_day() {
    let app = app();
    submitted(&app);
    app.by("coordinator").post(&format!("/api/v1/tickets/{TICKET}/review"), json!({"decision": "accept"})).is(200);
    let coordinator = reader(&app, "coordinator");
    let bare = form(&coordinator, "look_back_pass").fill("method", "线上抽查");
    assert_eq!(bare.value("on"), "2026-03-02");
    let page = coordinator.send(&bare.clone().fill("on", "2026-03-01")).is(422);
    page.says("Looked at on: 2026-03-02 must not come after 2026-03-01.");
    let page = coordinator.send(&bare).is(422);
    page.says("Evidence: A pass needs evidence");
    let again = page.form(&format!("/tickets/{TICKET}/look_back_pass"));
    let page = coordinator.send_with_files(&again, &[("截图.pdf", round::PDF)]).is(200);
    page.says("Passed and struck off.");
    page.says("Looked at on Mon 2 Mar 2026");
    page.says("截图.pdf");
}

#[test]
fn a_request_that_lapses_is_told_on_the_timeline_in_both_languages() {
    let app = app();
    round::issue(&app);
    let leader = reader(&app, "leader");
    let ask = form(&leader, "extension").fill("working_days", "3").fill("reason", "改版").fill("progress", "一半");
    leader.send(&ask).is(200);
    let approver = reader(&app, "approver");
    let late = form(&approver, "decide_extension").fill("reason", "同意").fill("approve", "yes");
    let move_it = form(&approver, "due_date").fill("to", "2026-03-20").fill("reason", "统一调整");
    approver.send(&move_it).is(200).says("Lapsed with it the request for extension");
    super::reader::reader_in(&app, "leader", "zh-CN").read(&format!("/tickets/{TICKET}")).says("随之失效 延期申请");
    approver.send(&late.without("version")).is(409).says("The request has lapsed");
    let gone = approver.read(&format!("/tickets/{TICKET}?act=decide_extension"));
    assert!(gone.find_form(&format!("/tickets/{TICKET}/decide_extension")).is_none());
}

#[test]
fn whoever_is_of_the_lead_unit_is_offered_no_decision() {
    let app = app();
    round::issue(&app);
    let away = json!({"reason": "职责调整", "unit_id": "office"});
    app.by("coordinator2").post(&format!("/api/v1/tickets/{TICKET}/reassign"), away).is(200);
    let approver = reader(&app, "approver");
    let page = approver.read(&format!("/tickets/{TICKET}?act=cancel"));
    assert!(!page.links().contains(&format!("/tickets/{TICKET}?act=cancel#act")));
    assert!(page.find_form(&format!("/tickets/{TICKET}/cancel")).is_none());
}

#[test]
fn an_objection_is_made_and_upheld() {
    let app = app();
    round::issue(&app);
    let leader = reader(&app, "leader");
    let object = form(&leader, "object").fill("reason", "不属本单位职责").fill("proposed_unit_id", "430503");
    leader.send(&object).is(200).says("Objection to answer");
    let coordinator = reader(&app, "coordinator");
    let answer = form(&coordinator, "decide_objection");
    assert_eq!(answer.value("unit_id"), "430503");
    let answer = answer.fill("uphold", "yes").fill("reason", "确属大祥区");
    coordinator.send(&answer).is(200).says("Objection upheld");
    assert_eq!(state(&app)["unit"]["code"], "430503");
    assert_eq!(leader.ask(&format!("/tickets/{TICKET}")).status, 404);
}

#[test]
fn a_reload_of_a_refused_form_leads_to_its_page() {
    let app = app();
    round::issue(&app);
    let reader = reader(&app, "liaison");
    let answer = reader.ask(&format!("/tickets/{TICKET}/acknowledge")).is(303);
    assert_eq!(answer.header("location"), Some("/tickets/2026Q1-F01-01?act=acknowledge#act"));
    let wrong = reader.client().send("POST", &format!("/tickets/{TICKET}/dance"), Some("text/plain"), b"x".to_vec());
    Page::of("wrong", &wrong).is(415);
}
