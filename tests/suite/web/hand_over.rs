//! Handing over on a page: previewed, confirmed, the admin's only.

use super::reader::{app, reader};
use crate::support::round;
use serde_json::json;

#[test]
fn a_hand_over_is_previewed_and_confirmed() {
    let app = app();
    round::issue(&app);
    app.by("liaison").post("/api/v1/tickets/2026Q1-F01-01/acknowledge", json!({"handler": "liaison 同志"})).is(200);
    let admin = reader(&app, "admin");
    let form = admin.read("/hand-over").form("/hand-over");
    admin.send(&form.clone().fill("reason", "x")).is(422).says("From: This is required.");
    admin
        .send(&form.clone().fill("from", "liaison").fill("to", "liaison2").fill("reason", "x"))
        .is(422)
        .says("It must be somebody of the same unit.");
    let preview = admin.send(&form.fill("from", "liaison").fill("to", "leader").fill("reason", "岗位调整")).is(200);
    preview.says("2026Q1-F01-01 栏目更新不及时");
    assert_eq!(app.by("admin").get("/api/v1/tickets/2026Q1-F01-01").at("/handler"), "liaison 同志");
    admin.send(&preview.form("/hand-over").forge("step", "save")).is(200).says("Handed over.");
    let page = admin.read("/tickets/2026Q1-F01-01");
    page.says("Handed over");
    page.says("leader 同志");
    assert_eq!(reader(&app, "coordinator").ask("/hand-over").status, 403);
}
