//! Every page in both languages: none breaks, none shows a key instead of its words, all say so in their head.

use super::reader::{Page, app, reader_in};
use crate::support::round;
use serde_json::json;

#[test]
fn every_page_is_whole_in_both_languages() {
    let app = app();
    round::acknowledged(&app);
    app.by("leader")
        .post(
            "/api/v1/tickets/2026Q1-F01-01/extensions",
            json!({"to": "2026-03-20", "reason": "平台改版", "progress": "一半"}),
        )
        .is(201);
    let letter = app.by("liaison").post("/api/v1/feedback", round::letter()).is(201).at("/id");
    app.by("coordinator")
        .post("/api/v1/notices", json!({"code": "2026Q2", "title": "草稿", "look_back": "none"}))
        .is(201);
    let mail = app.by("coordinator").get("/api/v1/messages?limit=1").json()["items"][0]["id"].clone();
    let acts = [
        "acknowledge",
        "progress",
        "object",
        "decide_objection",
        "reassign",
        "accept",
        "return",
        "look_back_pass",
        "look_back_fail",
        "carry",
        "cancel",
        "reopen",
        "extension",
        "decide_extension",
        "due_date",
        "urge",
        "comment",
    ];
    for lang in ["zh-CN", "en"] {
        for login in ["admin", "coordinator", "approver", "viewer", "liaison", "leader"] {
            let reader = reader_in(&app, login, lang);
            let mut paths: Vec<String> = [
                "/", "/tickets", "/tickets?overdue=true&state=issued&light=red&ball=unit&pending=extension&q=x",
                "/tickets?unacknowledged=false&due_from=2026-01-01&due_to=2026-12-31&severity=general&look_back_to=2026-12-31",
                "/notices", "/notices/2026Q1", "/feedback", "/account", "/?done=letter", "/?done=clock",
            ]
            .map(str::to_owned)
            .to_vec();
            paths.push(format!("/feedback/{letter}"));
            paths.extend(["2026Q1-F01-01", "2026Q1-F02-01"].map(|ticket| format!("/tickets/{ticket}")));
            paths.extend(acts.map(|act| format!("/tickets/2026Q1-F02-01?act={act}")));
            paths.extend(acts.map(|act| format!("/tickets/2026Q1-F01-01?act={act}&done={act}")));
            paths.push("/feedback/new?ticket=2026Q1-F01-01".to_owned());
            if !login.starts_with('l') {
                paths.extend(["/notices/2026Q2".to_owned(), "/mail".to_owned(), "/mail?state=sent".to_owned()]);
                if let Some(id) = mail.as_str() {
                    paths.push(format!("/mail/{id}"));
                }
            }
            for path in paths {
                let answer = reader.ask(&path);
                assert!(matches!(answer.status, 200 | 403 | 404), "{login} {lang} {path}: {}", answer.status);
                let page = Page::of(&path, &answer);
                let head = format!("<html lang=\"{lang}\">");
                assert!(page.html.contains(&head), "{path}");
                assert_eq!(page.html.matches("<h1>").count(), 1, "{path}");
                assert_eq!(unfilled(&page), None, "{login} {lang} {path}");
            }
        }
    }
}

/// A place that was not filled, or a key that stands for its words.
fn unfilled(page: &Page) -> Option<String> {
    let words = page.words();
    let is_key = |word: &&str| {
        let known = ["act.", "field.", "done.", "event.", "fact.", "head.", "error.", "light.", "mail.", "form."];
        known.iter().any(|start| word.starts_with(start))
    };
    let key = words.split(' ').find(is_key).map(str::to_owned);
    key.or_else(|| words.contains('{').then(|| words.clone()))
}
