//! The registry of websites and accounts on pages: found, moved on by forms, read by the units it belongs to.

use super::reader::{Reader, app, reader, reader_in};
use crate::support::app::TestApp;
use crate::support::round;
use serde_json::json;

fn enter(app: &TestApp, code: &str, name: &str, unit: &str, status: &str) -> String {
    let body = json!({
        "code": code, "kind": "new_media", "name": name, "platform": "sina_weibo", "unit_id": unit, "status": status,
        "address": "https://weibo.com/sq",
    });
    app.by("coordinator").post("/api/v1/assets", body).is(201).at("/id")
}

/// F01 names an account that is being deregistered.
fn named(app: &TestApp) {
    let id = enter(app, "sq-weibo", "双清微博", "430502", "deregistering");
    round::draft(app);
    let coordinator = app.by("coordinator");
    let findings = coordinator.get("/api/v1/notices/2026Q1/findings").is(200);
    let finding = findings.at("/items/0/id");
    let body = json!({"asset_ids": [id], "indicator": "M2"});
    coordinator.patch(&format!("/api/v1/findings/{finding}"), body).is(200);
    coordinator.post("/api/v1/notices/2026Q1/issue", json!({})).is(200);
}

fn in_rail(reader: &Reader) -> bool {
    reader.read("/").links().contains(&"/assets".to_owned())
}

#[test]
fn the_office_finds_assets_by_filters_and_sees_which_stand_in_the_way() {
    let app = app();
    enter(&app, "a", "双清微博", "430502", "winding_down");
    enter(&app, "b", "大祥微博", "430503", "active");
    let coordinator = reader(&app, "coordinator");
    assert!(in_rail(&coordinator) && !in_rail(&reader(&app, "liaison")));
    assert_eq!(coordinator.read("/assets").lines(), 2);
    let page = coordinator.read("/assets?status=winding_down&kind=new_media&platform=sina_weibo");
    assert_eq!(page.lines(), 1);
    page.says("双清微博");
    page.never_says("大祥微博");
    assert_eq!(coordinator.read("/assets?unit=430503").lines(), 1);
    coordinator.read("/assets?q=nothing").says("None fits.");
    let page = coordinator.read("/assets/a");
    page.says(
        "Counts as live: it is inspected and must be updated While it stands so, no ticket about it can be accepted.",
    );
    page.says("Sponsor 双清区人民政府");
    let chinese = reader_in(&app, "viewer", "zh-CN").read("/assets/a");
    chinese.says("拟关停");
    chinese.says("登记入库");
}

#[test]
fn a_closure_is_reported_by_a_form_with_its_evidence_and_the_ticket_can_be_accepted_then() {
    let app = app();
    named(&app);
    app.by("liaison").post("/api/v1/feedback", round::letter()).is(201);
    let coordinator = reader(&app, "coordinator");
    let ticket = coordinator.read("/tickets/2026Q1-F01-01");
    ticket.says("双清微博 Deregistering");
    ticket.says("M2 Content not updated");
    ticket.says("双清微博 is deregistering. Wait until the platform has removed it");
    assert!(ticket.links().contains(&"/assets/sq-weibo".to_owned()));
    let accept = "/tickets/2026Q1-F01-01?act=accept#act".to_owned();
    assert!(!ticket.links().contains(&accept));
    let page = coordinator.read("/assets/sq-weibo");
    page.says("2026Q1-F01-01");
    assert!(page.links().contains(&"/assets/sq-weibo?to=deregistered#act".to_owned()));
    let action = "/assets/sq-weibo/transitions";
    let form = coordinator.read("/assets/sq-weibo?to=deregistered").form(action).fill("note", "平台已删除");
    let done = coordinator.send(&form).is(200);
    done.says("Its status is updated.");
    done.says("平台已删除");
    assert!(coordinator.read("/tickets/2026Q1-F01-01").links().contains(&accept));
    let end = coordinator.read("/assets/sq-weibo?to=closed_reported").form(action).fill("note", "已报备");
    let refused = coordinator.send(&end).is(422);
    refused.says("Evidence: To become closed and reported it needs at least one file that proves it");
    let again = refused.form(action);
    assert_eq!(again.value("note"), "已报备");
    let closed = coordinator.send_with_files(&again, &[("注销结果.pdf", round::PDF)]).is(200);
    closed.says("注销结果.pdf");
    closed.says("Closed and reported");
    assert!(coordinator.read("/assets/sq-weibo?to=active").find_form(action).is_none());
    let late = coordinator.send(&end.without("version")).is(409);
    late.says("It is closed and reported and can't become closed and reported.");
}

#[test]
fn a_unit_reads_its_own_assets_moves_none_and_sees_no_other() {
    let app = app();
    named(&app);
    enter(&app, "dx", "大祥微博", "430503", "active");
    let liaison = reader(&app, "liaison");
    let page = liaison.read("/assets/sq-weibo");
    assert!(page.find_form("/assets/sq-weibo/transitions").is_none());
    assert!(!page.links().iter().any(|link| link.contains("?to=")));
    liaison.read("/assets").never_says("大祥微博");
    for path in ["/assets/dx", "/assets/dx?to=winding_down", "/assets/none"] {
        assert_eq!(liaison.ask(path).status, 404, "{path}");
    }
    let form =
        reader(&app, "coordinator").read("/assets/sq-weibo?to=deregistered").form("/assets/sq-weibo/transitions");
    let token = liaison.read("/tickets/2026Q1-F01-01?act=comment").form("/tickets/2026Q1-F01-01/comment");
    let forged = form.without("csrf").forge("csrf", token.value("csrf"));
    assert_eq!(forged.send(liaison.client()).status, 403);
    liaison.read("/tickets/2026Q1-F01-01").says("双清微博 Deregistering");
    assert_eq!(reader(&app, "coordinator").ask("/assets?status=gone").status, 422);
}

#[test]
fn a_form_whose_files_are_too_many_for_today_keeps_its_words_and_none_of_the_files() {
    let app = TestApp::start_with(|config| config.files.max_user_day_mb = 1, rectify::web::configure);
    enter(&app, "a", "双清微博", "430502", "active");
    let coordinator = reader(&app, "coordinator");
    let action = "/assets/a/transitions";
    let form = coordinator.read("/assets/a?to=winding_down").form(action).fill("note", "经批准关停");
    let large = vec![b'a'; 600 * 1024];
    let refused = coordinator.send_with_files(&form, &[("a.txt", &large), ("b.txt", &large)]).is(422);
    refused.says("Evidence: One person may upload 1 MB a day; 0 B are used today, these take 1.2 MB.");
    let again = refused.form(action);
    assert_eq!(again.value("note"), "经批准关停");
    assert!(again.fields.iter().all(|(name, _)| name != "attachment_ids"), "{:?}", again.fields);
    coordinator.send_with_files(&again, &[("a.txt", &large)]).is(200).says("经批准关停");
}

#[test]
fn an_account_is_entered_and_changed_by_forms_and_what_is_wrong_is_told_at_its_field() {
    let app = app();
    let coordinator = reader(&app, "coordinator");
    assert!(coordinator.read("/assets").links().contains(&"/assets/new/new_media".to_owned()));
    let action = "/assets/new/new_media";
    let form = coordinator.read(action).form(action).fill("name", "双清发布").fill("platform", "douyin");
    let refused = coordinator.send(&form.fill("address", "javascript:alert(1)")).is(422);
    refused.says("Sponsor: This is required.");
    refused.says("Address: Must be a web address");
    let again = refused.form(action).fill("unit_id", "430502").fill("address", "v.douyin.com/x").fill("code", "sq-dy");
    let made = coordinator.send(&again).is(200);
    made.says("Saved.");
    made.says("Douyin");
    let edit = "/assets/sq-dy/edit";
    let form = coordinator.read(edit).form(edit);
    assert_eq!((form.value("unit_id"), form.value("platform"), form.value("version")), ("430502", "douyin", "1"));
    assert!(!form.has("status") && !form.has("site_code"));
    let form = form.fill("name", "双清政务").fill("address", "").fill("opened_on", "2019-05-06");
    let changed = coordinator.send(&form).is(200);
    changed.says("Address (none)");
    changed.says("Opened on Mon 6 May 2019");
    coordinator.send(&form).is(412).says("Somebody has changed this since you opened it");
    for (login, status) in [("liaison", 403), ("viewer", 403), ("liaison2", 404)] {
        assert_eq!(reader(&app, login).ask(edit).status, status, "{login}");
    }
    assert!(!reader(&app, "viewer").read("/assets").links().contains(&action.to_owned()));
    assert_eq!(coordinator.ask("/assets/new/app").status, 404);
}
