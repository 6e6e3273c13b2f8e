//! Headers of what the tables don't ask for: addresses that are not there, other methods, broken requests, files, TLS.

use super::matrix::headed;
use crate::support::app::TestApp;
use crate::support::client::{Answer, Client};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;

fn asked(client: &Client, method: &str, target: &str, kind: Option<&str>, body: &[u8]) -> Answer {
    headed(client.send(method, target, kind, body.to_vec()), target)
}

#[test]
fn errors_of_every_kind_carry_the_same_headers_as_answers() {
    let app = TestApp::start_with(|_| {}, rectify::web::configure);
    let admin = app.by("admin");
    let json = Some("application/json");
    let huge = vec![b'x'; 2 * 1024 * 1024];
    for (method, target, kind, body, status) in [
        ("GET", "/nowhere", None, &b""[..], 404),
        ("GET", "/api/v1/nowhere", None, b"", 404),
        ("GET", "/api/v2/", None, b"", 404),
        ("GET", "/%ff", None, b"", 404),
        ("GET", "/static/none.css", None, b"", 404),
        ("PUT", "/api/v1/units", None, b"", 405),
        ("OPTIONS", "/api/v1/units", None, b"", 405),
        ("TRACE", "/api/v1/units", None, b"", 405),
        ("DELETE", "/tickets", None, b"", 405),
        ("POST", "/api/v1/units", json, b"{", 400),
        ("POST", "/api/v1/units", json, b"{}", 422),
        ("POST", "/api/v1/units", Some("text/plain"), b"{}", 415),
        ("POST", "/api/v1/units", json, &huge, 413),
        ("POST", "/api/v1/attachments", Some("multipart/form-data; boundary=x"), b"--y", 400),
        ("GET", "/docs", None, b"", 200),
        ("GET", "/docs/reader.css", None, b"", 200),
        ("GET", "/docs/reader.js", None, b"", 200),
        ("GET", "/openapi.json", None, b"", 200),
        ("HEAD", "/api/v1/units", None, b"", 200),
        ("HEAD", "/", None, b"", 200),
    ] {
        let answer = asked(&admin, method, target, kind, body);
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
    }
    let page = app.anyone().get("/sign-in").text();
    for mark in ["/static&#x2f;style.", "&#x2f;static&#x2f;style.", "&#x2f;static&#x2f;pages."] {
        let Some(rest) = page.split(mark).nth(1) else { continue };
        let name = rest.split('"').next().unwrap();
        let path = format!("{}{name}", mark.replace("&#x2f;", "/"));
        asked(&app.anyone(), "GET", &path, None, b"").is(200);
    }
    assert!(app.anyone().get("/sign-in").header("strict-transport-security").is_none());
}

#[test]
fn behind_tls_every_answer_says_so() {
    let app = TestApp::start_with(
        |config| config.server.public_url = "https://rectify.example.cn".to_owned(),
        rectify::web::configure,
    );
    for target in ["/", "/sign-in", "/nowhere", "/api/v1/me", "/api/v1/nowhere", "/healthz", "/docs"] {
        let answer = asked(&app.anyone(), "GET", target, None, b"");
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"), "{target}");
    }
}

/// A cookie goes along whoever's page sends a request; so the interface asks where it comes from, too.
#[test]
fn a_change_that_another_site_sends_is_refused_even_with_the_form_token() {
    let app = TestApp::start();
    let signed_in = json!({"login": "admin", "password": crate::support::app::PASSWORD});
    let answer = app.anyone().post("/api/v1/session", signed_in.clone()).is(201);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let browser = app.anyone().with("Cookie", &cookie).with("X-CSRF-Token", &answer.at("/csrf_token"));
    let unit = |code: &str| json!({"code": code, "name": "新区", "kind": "zone"});
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://elsewhere.example"),
        ("Origin", "null"),
    ] {
        let foreign = browser.with(name, value);
        assert_eq!(foreign.post("/api/v1/units", unit("z")).problem(), "403 auth.csrf", "{name}: {value}");
        assert_eq!(foreign.delete("/api/v1/session").problem(), "403 auth.csrf", "{name}: {value}");
        // Nobody is signed in behind their back either.
        let in_secret = app.anyone().with(name, value).post("/api/v1/session", signed_in.clone());
        assert_eq!(in_secret.problem(), "403 auth.csrf", "{name}: {value}");
    }
    browser.with("Sec-Fetch-Site", "same-origin").post("/api/v1/units", unit("z1")).is(201);
    browser.with("Origin", &app.url).post("/api/v1/units", unit("z2")).is(201);
    // A program has no page that could send it.
    app.by("admin").with("Origin", "https://elsewhere.example").post("/api/v1/units", unit("z3")).is(201);
}

/// What isn't even HTTP never reaches us: the server beneath answers, and closes.
#[test]
fn a_request_line_that_is_no_http_is_answered_400_and_the_server_goes_on() {
    let app = TestApp::start();
    for line in
        ["GET /整改 HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{1}\u{2}\r\n\r\n", "GET  /\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(app.url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).ok();
        println!("{line:?} -> {told:?}");
        assert!(told.starts_with("HTTP/1.1 400") || told.starts_with("HTTP/1.1 404"), "{line:?}: {told:?}");
    }
    app.by("viewer").get("/api/v1/me").is(200);
}
