//! Problems as people and programs read them, in both languages.

use crate::support::app::TestApp;
use serde_json::json;

fn problem(language: &str) -> serde_json::Value {
    let app = TestApp::start();
    let admin =
        app.anyone().bearer(app.token("admin")).with("X-Request-Id", "snapshot").with("Accept-Language", language);
    let answer = admin.post(
        "/api/v1/units",
        json!({"code": "", "nam": "x", "kind": "town", "contacts": {"mailbox": 7}, "members": "sjj"}),
    );
    assert_eq!(answer.header("content-language"), Some(language));
    answer.json()
}

#[test]
fn a_problem_in_chinese() {
    insta::assert_json_snapshot!(problem("zh-CN"));
}

#[test]
fn a_problem_in_english() {
    insta::assert_json_snapshot!(problem("en"));
}

#[test]
fn whoever_names_no_language_gets_the_offices() {
    let app = TestApp::start();
    assert_eq!(app.anyone().get("/api/v1/me").at("/title"), "需要登录");
    let app = TestApp::start_with(|config| config.office.locale = "en".parse().unwrap(), |_| {});
    assert_eq!(app.anyone().get("/api/v1/me").at("/title"), "Sign in first");
    assert_eq!(app.anyone().with("Accept-Language", "zh").get("/api/v1/me").at("/title"), "需要登录");
}
