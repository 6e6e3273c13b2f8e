//! `ETag` and `If-Match`: nobody overwrites what they haven't seen.

use crate::support::app::TestApp;
use serde_json::json;

#[test]
fn a_change_made_from_an_old_version_is_refused_and_told_which_is_current() {
    let app = TestApp::start();
    let admin = app.by("admin");
    assert_eq!(admin.get("/api/v1/units/sjj").is(200).header("etag"), Some("\"1\""));
    let changed = admin.with("If-Match", "\"1\"").patch("/api/v1/units/sjj", json!({"name_en": "Audit"})).is(200);
    assert_eq!((changed.header("etag"), changed.at("/version")), (Some("\"2\""), "2".to_owned()));
    let stale = admin.with("If-Match", "\"1\"").patch("/api/v1/units/sjj", json!({"name_en": "Audits"}));
    assert_eq!(stale.problem(), "412 version.stale");
    assert_eq!((stale.at("/given"), stale.at("/current")), ("1".to_owned(), "2".to_owned()));
    assert_eq!(admin.get("/api/v1/units/sjj").at("/name_en"), "Audit");
    for header in ["*", "\"3\""] {
        admin.with("If-Match", header).patch("/api/v1/units/sjj", json!({"name_en": header})).is(200);
    }
    for header in ["3", "W/\"3\"", "\"x\"", "\"3\", \"4\"", ""] {
        let answer = admin.with("If-Match", header).patch("/api/v1/units/sjj", json!({"name_en": "x"}));
        assert_eq!(answer.problem(), "400 version.malformed", "{header}");
    }
    admin.patch("/api/v1/units/sjj", json!({"name_en": "without"})).is(200);
}

#[test]
fn of_many_changes_made_from_one_version_one_gets_through() {
    let app = TestApp::start();
    let admin = app.by("admin").with("If-Match", "\"1\"");
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let admin = &admin;
        let threads: Vec<_> = (0..20)
            .map(|n| scope.spawn(move || admin.patch("/api/v1/units/sjj", json!({"name_en": format!("n{n}")})).status))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 412).count(), 19, "{answers:?}");
}

#[test]
fn what_changes_nothing_makes_no_version() {
    let app = TestApp::start();
    let same = app.by("admin").patch("/api/v1/units/sjj", json!({"name": "市审计局"})).is(200);
    assert_eq!(same.at("/version"), "1");
}
