//! Files: in through a form, out as downloads, seen by whoever sees what they belong to.

use crate::support::app::TestApp;
use rectify::domain::audit::hex;
use serde_json::json;
use sha2::{Digest, Sha256};

const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\nendobj\n%%EOF\n";

#[test]
fn a_file_with_a_chinese_name_comes_back_byte_by_byte() {
    let app = TestApp::start();
    let liaison = app.by("liaison");
    let sent = liaison
        .upload("/api/v1/attachments", &[("整改报告（盖章）.pdf", PDF), ("清单.csv", "编号,名称\n1,网站\n".as_bytes())])
        .is(201);
    let id = sent.at("/items/0/id");
    let expected = json!({
        "id": id, "name": "整改报告（盖章）.pdf", "size": PDF.len(), "media_type": "application/pdf",
        "sha256": hex(&Sha256::digest(PDF)),
    });
    assert_eq!(sent.json()["items"][0], expected);
    assert_eq!(sent.at("/items/1/media_type"), "text/csv");
    let path = format!("/api/v1/attachments/{id}");
    assert_eq!(sent.header("location"), Some(path.as_str()));
    let got = liaison.get(&path).is(200);
    assert_eq!(got.bytes, PDF);
    assert_eq!(got.header("content-type"), Some("application/pdf"));
    assert_eq!(
        got.header("content-disposition"),
        Some(
            "attachment; filename=\"________.pdf\"; filename*=UTF-8''%E6%95%B4%E6%94%B9%E6%8A%A5%E5%91%8A%EF%BC%88%E7%9B%96%E7%AB%A0%EF%BC%89.pdf"
        )
    );
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(got.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'; sandbox"));
    let tag = got.header("etag").unwrap();
    let same = liaison.with("If-None-Match", tag).get(&path).is(304);
    assert!(same.bytes.is_empty());
}

#[test]
fn an_upload_is_nobody_elses_until_it_belongs_to_something() {
    let app = TestApp::start();
    let sent = app.by("liaison").upload("/api/v1/attachments", &[("a.pdf", PDF)]).is(201);
    let path = format!("/api/v1/attachments/{}", sent.at("/items/0/id"));
    for login in ["leader", "liaison2", "coordinator", "admin"] {
        assert_eq!(app.by(login).get(&path).problem(), "404 not_found", "{login}");
    }
    assert_eq!(app.anyone().get(&path).problem(), "401 auth.required");
    assert_eq!(app.by("liaison").get("/api/v1/attachments/nothing").problem(), "404 not_found");
}

#[test]
fn what_is_not_taken_is_refused_and_nothing_of_it_is_kept() {
    let app = TestApp::start_with(|config| config.files.max_file_mb = 1, |_| {});
    let liaison = app.by("liaison");
    let large = vec![b'a'; 1024 * 1024 + 1];
    for (files, problem) in [
        (vec![("a.exe", b"MZ\x90\0".as_slice())], "415 file.type"),
        (vec![("a.pdf", b"MZ\x90\0".as_slice())], "415 file.type"),
        (vec![("page.txt", b"<!DOCTYPE html><script>".as_slice())], "415 file.type"),
        (vec![("no-extension", PDF)], "415 file.type"),
        (vec![("good.pdf", PDF), ("bad.pdf", b"plain".as_slice())], "415 file.type"),
        (vec![("empty.pdf", b"".as_slice())], "422 file.empty"),
        (vec![("large.txt", large.as_slice())], "413 file.too_large"),
        (vec![("", PDF)], "422 file.missing"),
        (vec![], "422 file.missing"),
    ] {
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        assert_eq!(liaison.upload("/api/v1/attachments", &files).problem(), problem, "{names:?}");
    }
    assert_eq!(liaison.post("/api/v1/attachments", json!({})).problem(), "415 request.media_type");
    let broken = liaison.send("POST", "/api/v1/attachments", Some("multipart/form-data; boundary=x"), b"--y".to_vec());
    assert_eq!(broken.problem(), "400 request.malformed");
    let form = "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.pdf\"\r\n\r\nx\r\n--x--\r\n";
    let misnamed = liaison.send("POST", "/api/v1/attachments", Some("multipart/form-data; boundary=x"), form.into());
    assert_eq!(misnamed.problem(), "422 request.invalid /files field.unknown");
    let kept: Vec<_> = walk(&app.data.path().join("attachments"));
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn the_same_upload_under_the_same_key_is_one_upload() {
    let app = TestApp::start();
    let liaison = app.by("liaison").with("Idempotency-Key", "up-1");
    let first = liaison.upload("/api/v1/attachments", &[("a.pdf", PDF)]).is(201);
    let again = liaison.upload("/api/v1/attachments", &[("a.pdf", PDF)]).is(201);
    assert_eq!((first.json(), again.header("idempotency-replayed")), (again.json(), Some("true")));
    let other = liaison.upload("/api/v1/attachments", &[("b.pdf", PDF)]);
    assert_eq!(other.problem(), "422 idempotency.key_reused");
    assert_eq!(walk(&app.data.path().join("attachments")).len(), 1);
}

#[test]
fn a_large_file_is_streamed_through() {
    let app = TestApp::start();
    let mut content = b"%PDF-1.7\n".to_vec();
    content.resize(19 * 1024 * 1024, b'x');
    let sent = app.by("liaison").upload("/api/v1/attachments", &[("large.pdf", &content)]).is(201);
    let got = app.by("liaison").get(&format!("/api/v1/attachments/{}", sent.at("/items/0/id"))).is(200);
    assert!(got.bytes == content);
}

#[test]
fn whoever_uploads_without_end_is_held_back() {
    let app = TestApp::start();
    let liaison = app.by("liaison");
    let mut refused = None;
    for _ in 0..130 {
        let answer = liaison.upload("/api/v1/attachments", &[("a.txt", b"a")]);
        if answer.status != 201 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.problem(), "429 service.too_many");
    assert_eq!(refused.header("retry-after"), Some("600"));
    app.by("leader").upload("/api/v1/attachments", &[("a.txt", b"a")]).is(201);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}
