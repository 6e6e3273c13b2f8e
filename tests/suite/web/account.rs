//! The account page: sessions, password, access tokens.

use super::reader::{app, reader, reader_in};
use crate::support::app::PASSWORD;

#[test]
fn a_session_elsewhere_is_ended_from_the_account_page() {
    let app = app();
    let (here, there) = (reader(&app, "liaison"), reader(&app, "liaison"));
    let page = here.read("/account");
    page.says("Where you are signed in");
    page.says("This one");
    let action = page.html.split("action=\"").find(|rest| rest.starts_with("/account/sessions/")).unwrap();
    let form = page.form(action.split('"').next().unwrap());
    here.send(&form).is(200).says("The session has ended.");
    assert_eq!(there.ask("/account").status, 303);
    assert!(!here.read("/account").html.contains("/account/sessions/"));
}

#[test]
fn a_password_is_changed_on_its_page_and_never_stands_in_one() {
    let app = app();
    let (here, there) = (reader(&app, "liaison"), reader(&app, "liaison"));
    let form = here.read("/account/password").form("/account/password");
    let new = "another long one";
    let wrong = here.send(&form.clone().fill("old_password", "wrong one").fill("new_password", new).fill("again", new));
    wrong.is(422).never_says("wrong one");
    let differs = here.send(&form.clone().fill("old_password", PASSWORD).fill("new_password", new).fill("again", "x"));
    let differs = differs.is(422);
    differs.says("The new password was not typed the same twice");
    differs.never_says(new);
    let short = form.clone().fill("old_password", PASSWORD).fill("new_password", "short").fill("again", "short");
    here.send(&short).is(422).says("12");
    let right = form.fill("old_password", PASSWORD).fill("new_password", new).fill("again", new);
    here.send(&right).is(200).says("The password is changed; your other sessions have ended.");
    assert_eq!(there.ask("/account").status, 303);
    // A session that ended meanwhile leads to the sign-in, and what was typed waits nowhere.
    let stale = right.send(there.client()).is(303);
    assert!(stale.header("location").unwrap().starts_with("/sign-in?"));
}

#[test]
fn a_token_is_made_shown_once_and_revoked() {
    let app = app();
    let liaison = reader(&app, "liaison");
    let form = liaison.read("/account/tokens").form("/account/tokens");
    assert_eq!(form.value("scopes"), "read");
    liaison.send(&form.clone().fill("name", " ")).is(422).says("What it is for");
    liaison.send(&form.clone().fill("name", "n").fill("expires_on", "2020-01-01")).is(422).says("Last day");
    let made = liaison.send(&form.fill("name", "夜间导出").fill("expires_on", "2026-12-31")).is(200);
    let secret = made.html.split("value=\"rct_").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let program = app.anyone().bearer(&format!("rct_{secret}"));
    program.get("/api/v1/me").is(200);
    assert_eq!(program.post("/api/v1/tokens", serde_json::json!({"name": "n"})).status, 403);
    let page = liaison.read("/account");
    page.never_says(&secret);
    page.says("夜间导出");
    page.says("Read only Thu 31 Dec 2026");
    let actions: Vec<&str> = page.html.split("action=\"").filter(|rest| rest.starts_with("/account/tokens/")).collect();
    // The suite's own token stands before it.
    let form = page.form(actions.last().unwrap().split('"').next().unwrap());
    liaison.send(&form).is(200).says("The token is revoked.");
    assert_eq!(program.get("/api/v1/me").status, 401);
}

#[test]
fn the_account_pages_speak_chinese() {
    let app = app();
    let liaison = reader_in(&app, "liaison", "zh-CN");
    liaison.read("/account").says("登录会话");
    liaison.read("/account/password").says("再次输入新密码");
    liaison.read("/account/tokens").says("不填则一直有效");
}
