//! The interface's own description, and its reader.

use crate::support::app::TestApp;
use serde_json::Value;

#[test]
fn the_document_is_served_and_describes_what_is_there() {
    let app = TestApp::start();
    let document = app.anyone().get("/openapi.json").is(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    let words = &document["components"]["schemas"]["AssetKind"]["enum"];
    assert_eq!(*words, serde_json::json!(["website", "new_media"]), "as the wire has them");
    let admin = app.by("admin");
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let named = path.replace("{id}", "00000000-0000-0000-0000-000000000000");
            let answer = admin.send(&method.to_uppercase(), &named, Some("application/json"), b"{}".to_vec());
            assert!(!matches!(answer.status, 405 | 500..), "{method} {path}: {}", answer.text());
            if answer.status == 404 {
                // The sandbox's clock is a route that is not there.
                let missing = ["404 not_found", "404 sandbox.only"];
                assert!(missing.contains(&answer.problem().as_str()), "{method} {path}");
            }
            let status = answer.status.to_string();
            assert!(operation["responses"].get(&status).is_some(), "{method} {path} does not describe {status}");
        }
    }
}

#[test]
fn every_call_of_the_document_wants_somebody_signed_in_unless_it_says_otherwise() {
    let app = TestApp::start();
    let document = app.anyone().get("/openapi.json").is(200).json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation["security"] == Value::Array(vec![Value::Object(serde_json::Map::new())]);
            let named = path.replace("{id}", "00000000-0000-0000-0000-000000000000");
            let answer = app.anyone().send(&method.to_uppercase(), &named, Some("application/json"), b"{}".to_vec());
            assert_eq!(answer.status == 401, !open, "{method} {path}: {}", answer.status);
        }
    }
}

#[test]
fn the_reader_comes_from_here_and_from_nowhere_else() {
    let app = TestApp::start();
    let page = app.anyone().get("/docs").is(200);
    assert!(!page.text().contains("http") && !page.text().contains("style="));
    for (path, kind) in
        [("/docs/reader.css", "text/css; charset=utf-8"), ("/docs/reader.js", "text/javascript; charset=utf-8")]
    {
        let part = app.anyone().get(path).is(200);
        assert_eq!(part.header("content-type"), Some(kind));
        assert!(!part.text().contains("innerHTML") && !part.text().contains("http:"));
    }
}
