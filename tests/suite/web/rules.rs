//! The pages of reminder rules and calendar: who has them, what they preview, what they save.

use super::reader::{Page, app, reader, reader_in};
use crate::support::contents::contents;
use crate::support::round;
use serde_json::Value;

fn rule(app: &crate::support::app::TestApp, code: &str) -> Value {
    app.by("coordinator").get(&format!("/api/v1/reminder-rules/{code}")).is(200).json()
}

#[test]
fn a_rule_is_switched_off_after_a_preview_and_on_again() {
    let app = app();
    round::issue(&app);
    let coordinator = reader(&app, "coordinator");
    let list = coordinator.read("/rules");
    assert_eq!(list.lines(), 20);
    list.says("Due in 3 working days before-3 Due date -3 Working days 08:30 Liaisons On Switch off");
    let before = contents(&app.world);
    let preview = coordinator.send(&list.form("/rules/before-3")).is(200);
    preview.says("Nothing is saved yet");
    preview.says("3 reminders removed");
    preview.says("2026Q1-F01-01 双清区人民政府 Tue 10 Mar 2026 08:30 –");
    assert_eq!(contents(&app.world), before);
    let list = coordinator.send(&preview.form("/rules/before-3").forge("step", "save")).is(200);
    list.says("The rule is saved.");
    list.says("Liaisons Off Switch on");
    assert_eq!(rule(&app, "before-3")["active"], false);
    let preview = coordinator.send(&list.form("/rules/before-3")).is(200);
    coordinator.send(&preview.form("/rules/before-3").forge("step", "save")).is(200);
    assert_eq!(rule(&app, "before-3")["active"], true);
}

#[test]
fn a_rule_is_changed_field_by_field_and_only_by_its_own_version() {
    let app = app();
    round::issue(&app);
    let admin = reader(&app, "admin");
    let page = admin.read("/rules/unacknowledged");
    let form = page.form("/rules/unacknowledged");
    let values =
        [("offsets", "1"), ("time", "08:30"), ("repeat.every", "1"), ("who.leader", "to:2"), ("active", "yes")];
    for (name, value) in values {
        assert_eq!(form.value(name), value, "{name}");
    }
    let form = form.fill("offsets", "1, 2").fill("repeat.every", "").fill("repeat.at_most", "");
    let form = form
        .fill("who.leader", "to:1")
        .fill("who.coordinators", "copy:1")
        .fill("time", "09:15")
        .fill("severities", "prominent");
    let preview = admin.send(&form).is(200);
    preview.says("Issue +1 +2 Working days 09:15");
    let edit = admin.send(&preview.form("/rules/unacknowledged").forge("step", "edit")).is(200);
    assert_eq!(edit.form("/rules/unacknowledged").value("offsets"), "1, 2");
    assert_eq!(rule(&app, "unacknowledged")["version"], 1);
    let go = preview.form("/rules/unacknowledged").forge("step", "save");
    admin.send(&go).is(200).says("The rule is saved.");
    let saved = rule(&app, "unacknowledged");
    assert_eq!(saved["offsets"], serde_json::json!([1, 2]));
    assert_eq!(saved["states"], serde_json::json!(["issued"]));
    assert_eq!((&saved["repeat"], &saved["time"], &saved["version"]), (&Value::Null, &"09:15:00".into(), &2.into()));
    assert_eq!(saved["copies"], serde_json::json!([{"who": "coordinators", "from_step": 1}]));
    assert_eq!(saved["severities"], serde_json::json!(["prominent"]));
    admin.send(&go).is(412).says("Somebody has changed this since you opened it");
}

#[test]
fn what_is_wrong_about_a_rule_stands_at_its_field() {
    let app = app();
    let admin = reader_in(&app, "admin", "zh-CN");
    let form = admin.read("/rules/before-3").form("/rules/before-3");
    let page = admin.send(&form.clone().fill("offsets", "三").fill("time", "25:00")).is(422);
    page.says("应为以逗号分隔的整数");
    assert_eq!(page.form("/rules/before-3").value("offsets"), "三");
    admin.send(&form.clone().fill("offsets", "2, 1")).is(422).says("由小到大");
    admin.send(&form.clone().fill("repeat.every", "2")).is(422).says("请填写此项");
    admin.send(&form.fill("name_zh", " ")).is(422).says("应为 1 至 60 个字符");
    assert_eq!(rule(&app, "before-3")["version"], 1);
}

#[test]
fn only_those_who_keep_the_rules_have_their_pages() {
    let app = app();
    for login in ["liaison", "leader", "viewer", "approver"] {
        let somebody = reader(&app, login);
        assert!(!somebody.read("/").links().contains(&"/rules".to_owned()), "{login}");
        assert_eq!(somebody.ask("/rules").status, 403);
        assert_eq!(somebody.ask("/rules/before-3").status, 403);
        assert!(somebody.read("/calendar").find_form("/calendar").is_none());
    }
    let coordinator = reader(&app, "coordinator");
    assert!(coordinator.read("/").links().contains(&"/rules".to_owned()));
    assert!(coordinator.read("/calendar").find_form("/calendar").is_none(), "the admin's only");
    assert_eq!(coordinator.ask("/rules/none").status, 404);
    let form = reader(&app, "admin").read("/rules/before-3").form("/rules/before-3");
    let forged = form.forge("step", "save").forge("csrf", "x");
    Page::of("forged", &forged.send(reader(&app, "admin").client()).is(403));
}

#[test]
fn a_day_is_decreed_after_a_preview_of_what_moves() {
    let app = app();
    round::issue(&app);
    let asked = serde_json::json!({"working_days": 5, "reason": "需要采购", "progress": "已完成一半"});
    let asked = app.by("liaison").post("/api/v1/tickets/2026Q1-F01-01/extensions", asked).is(201);
    let decision = serde_json::json!({"approve": true, "reason": "同意"});
    app.by("approver").post(&format!("/api/v1/extensions/{}/decision", asked.at("/id")), decision).is(200);
    let admin = reader(&app, "admin");
    let form = admin.read("/calendar?year=2026").form("/calendar");
    admin.send(&form).is(422).says("This is required");
    let wrong = form.clone().fill("date", "2026-03-17").fill("kind", "workday");
    admin.send(&wrong).is(422).says("only a Saturday or Sunday can be made one");
    let form = form.fill("date", "2026-03-17").fill("kind", "holiday").fill("name", "试验日");
    let preview = admin.send(&form).is(200);
    preview.says("1 due dates moved");
    preview.says("2026Q1-F01-01 Due date Fri 20 Mar 2026 Mon 23 Mar 2026");
    let saved = admin.send(&preview.form("/calendar").forge("step", "save")).is(200);
    saved.says("The calendar is saved.");
    saved.says("Tue 17 Mar 2026 Day off 试验日");
    let ticket = reader(&app, "liaison").read("/tickets/2026Q1-F01-01");
    ticket.says("The working calendar changed; counted anew.");
    assert_eq!(admin.ask("/calendar?year=x").status, 422);
    assert_eq!(admin.ask("/calendar?year=99999").status, 404);
}

#[test]
fn the_desk_warns_of_a_coming_year_without_its_days_off() {
    let app = app();
    reader(&app, "coordinator").read("/").never_says("The days off of 2027");
    app.world.clock.set("2026-10-08T01:00:00Z".parse().unwrap()).unwrap();
    let coordinator = reader(&app, "coordinator");
    coordinator.read("/").says("The days off of 2027 are missing");
    coordinator.read("/calendar").says("The days off of 2027 are missing");
    reader(&app, "viewer").read("/").never_says("The days off of 2027");
}
