//! Signing in and out, and what stands between a page and somebody who is not its reader.

use super::reader::{Page, app, reader, reader_in};
use crate::support::app::PASSWORD;
use crate::support::round;
use chrono::TimeDelta;

#[test]
fn a_page_asks_to_sign_in_and_leads_back() {
    let app = app();
    let anyone = app.anyone().with("Accept-Language", "en");
    let answer = anyone.get("/tickets?overdue=true").is(303);
    assert_eq!(answer.header("location"), Some("/sign-in?next=%2Ftickets%3Foverdue%3Dtrue"));
    let page = Page::of("/sign-in", &anyone.get("/sign-in?next=%2Ftickets%3Foverdue%3Dtrue").is(200));
    let form = page.form("/sign-in").fill("login", "coordinator").fill("password", PASSWORD);
    assert_eq!(form.send(&anyone).is(303).header("location"), Some("/tickets?overdue=true"));
    let elsewhere = form.forge("next", "https://evil.example/").send(&anyone).is(303);
    assert_eq!(elsewhere.header("location"), Some("/"));
}

#[test]
fn a_wrong_password_is_told_on_the_page_and_the_login_is_kept() {
    let app = app();
    let anyone = app.anyone().with("Accept-Language", "en");
    let page = Page::of("/sign-in", &anyone.get("/sign-in").is(200));
    let form = page.form("/sign-in").fill("login", "coordinator").fill("password", "wrong wrong wrong");
    let again = Page::of("/sign-in", &form.send(&anyone).is(401));
    again.says("The login or the password is wrong.");
    assert_eq!(again.form("/sign-in").value("login"), "coordinator");
    again.never_says("wrong wrong wrong");
}

#[test]
fn the_language_is_asked_for_or_chosen_and_then_kept() {
    let app = app();
    let german = app.anyone().with("Accept-Language", "de");
    Page::of("/sign-in", &german.get("/sign-in").is(200)).says("登录");
    Page::of("/sign-in", &app.anyone().with("Accept-Language", "en").get("/sign-in").is(200)).says("Sign in");
    let chosen = german.get("/sign-in?lang=en").is(200);
    assert!(chosen.header("set-cookie").unwrap().starts_with("rectify_lang=en;"));
    Page::of("/sign-in", &german.with("Cookie", "rectify_lang=en").get("/sign-in").is(200)).says("Sign in");
    // A user's own language, where they have not chosen another.
    let cookie = reader_in(&app, "coordinator", "en");
    cookie.read("/tickets").says("Tickets");
    cookie.read("/tickets?lang=zh-CN").says("整改任务");
}

#[test]
fn a_form_without_its_token_or_from_another_site_changes_nothing() {
    let app = app();
    round::issue(&app);
    let liaison = reader(&app, "liaison");
    let page = liaison.read("/tickets/2026Q1-F01-01?act=acknowledge");
    let form = page.form("/tickets/2026Q1-F01-01/acknowledge").fill("handler", "张三");
    for forged in [form.clone().without("csrf"), form.clone().forge("csrf", "guessed")] {
        Page::of("forged", &forged.send(liaison.client()).is(403)).says("The page is out of date");
    }
    let foreign = liaison.client().with("Sec-Fetch-Site", "cross-site");
    assert_eq!(form.send(&foreign).status, 403);
    let old_browser = app.anyone().with("Origin", "https://evil.example");
    let sign_in = Page::of("/sign-in", &app.anyone().get("/sign-in")).form("/sign-in");
    let sign_in = sign_in.fill("login", "liaison").fill("password", PASSWORD);
    assert_eq!(sign_in.send(&old_browser).status, 403);
    let ticket = app.by("liaison").get("/api/v1/tickets/2026Q1-F01-01").is(200).json();
    assert_eq!((ticket["state"].as_str(), ticket["version"].as_i64()), (Some("issued"), Some(1)));
    liaison.send(&form).is(200).says("Acknowledged.");
}

#[test]
fn words_typed_before_the_session_ended_are_sent_after_signing_in_again() {
    let app = app();
    round::acknowledged(&app);
    let liaison = reader(&app, "liaison");
    let form = liaison.read("/tickets/2026Q1-F01-01?act=progress").form("/tickets/2026Q1-F01-01/progress");
    let form = form.fill("text", "已召开协调会，<b>明确</b>分工。\n第二行");
    app.pass(TimeDelta::hours(1));
    let asked = Page::of("/progress", &form.send(liaison.client()).is(401));
    asked.says("What you typed is still here");
    let again = asked.form("/sign-in").fill("login", "liaison").fill("password", PASSWORD);
    let answer = again.send(&app.anyone().with("Accept-Language", "en")).is(200);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let resume = Page::of("/sign-in", &answer);
    resume.says("已召开协调会，<b>明确</b>分工。");
    let client = app.anyone().with("Cookie", &cookie);
    resume.form("/tickets/2026Q1-F01-01/progress").send(&client).is(303);
    let events = app.by("liaison").get("/api/v1/tickets/2026Q1-F01-01/events").is(200).json();
    assert_eq!(events["items"][2]["payload"]["text"], "已召开协调会，<b>明确</b>分工。\n第二行");
}

#[test]
fn signing_out_ends_the_session() {
    let app = app();
    let reader = reader(&app, "viewer");
    let form = reader.read("/account").form("/sign-out");
    assert_eq!(form.clone().without("csrf").send(reader.client()).status, 403);
    let answer = form.send(reader.client()).is(303);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(reader.ask("/").header("location"), Some("/sign-in?next=%2F"));
}

#[test]
fn pages_are_in_no_cache_style_and_script_are_kept_for_good() {
    let app = app();
    let page = app.anyone().get("/sign-in").is(200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'; style-src 'self'") && !policy.contains("unsafe"));
    let html = page.text().replace("&#x2f;", "/");
    let found = html.split('"').filter(|text| text.starts_with("/static/")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(found.len(), 3);
    for path in found {
        let file = app.anyone().get(&path).is(200);
        assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"), "{path}");
    }
    assert_eq!(app.anyone().get("/static/style.000000000000.css").status, 404);
}
