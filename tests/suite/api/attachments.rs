//! Files: in through a form, out as downloads, seen by whoever sees what they belong to.

use crate::support::app::{TestApp, until};
use crate::support::archive::zip;
use crate::support::round;
use chrono::TimeDelta;
use rectify::domain::audit::hex;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::net::TcpStream;

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
    let other = liaison.upload("/api/v1/attachments", &[("b.txt", b"another")]);
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

#[test]
fn every_kind_is_taken_under_its_own_name_and_under_no_other() {
    let app = TestApp::start();
    let liaison = app.by("liaison");
    let content = "[Content_Types].xml";
    let kinds = [
        ("pdf", PDF.to_vec()),
        ("ofd", zip(&["OFD.xml", "Doc_0/Document.xml"])),
        ("docx", zip(&[content, "_rels/.rels", "word/document.xml"])),
        ("xlsx", zip(&[content, "xl/workbook.xml"])),
        ("zip", zip(&["整改材料/1.jpg", "说明.txt"])),
        ("jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0".to_vec()),
        ("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
        ("txt", "整改报告".as_bytes().to_vec()),
    ];
    for (own, bytes) in &kinds {
        for (extension, _) in &kinds {
            let answer = liaison.upload("/api/v1/attachments", &[(&format!("a.{extension}"), bytes)]);
            assert_eq!(answer.status, if own == extension { 201 } else { 415 }, "{own} as {extension}");
        }
        if bytes.starts_with(b"PK") {
            let cut = liaison.upload("/api/v1/attachments", &[(&format!("a.{own}"), &bytes[..bytes.len() - 1])]);
            assert_eq!(cut.problem(), "415 file.type", "{own} cut off");
        }
    }
    for html in ["<!DOCTYPE html><script>alert(1)</script>", "<html><body>", "  <script>alert(1)</script>"] {
        for name in ["a.pdf", "a.docx", "a.zip", "a.txt", "a.csv", "a.html", "a.htm", "a.svg"] {
            let answer = liaison.upload("/api/v1/attachments", &[(name, html.as_bytes())]);
            assert_eq!(answer.problem(), "415 file.type", "{name} {html}");
        }
    }
}

#[test]
fn a_hostile_name_is_kept_without_its_tricks_or_not_at_all() {
    let app = TestApp::start();
    let liaison = app.by("liaison");
    for (sent, kept) in [
        ("../../../etc/cron.d/报告.pdf", "报告.pdf"),
        ("/etc/passwd.pdf", "passwd.pdf"),
        ("整改\u{202e}报告\u{200b}.pdf", "整改报告.pdf"),
        ("a.exe.pdf", "a.exe.pdf"),
        ("<img src=x>.pdf", "<img src=x>.pdf"),
        ("100%25;x=y.pdf", "100%25;x=y.pdf"),
        ("'; DROP TABLE attachments; --.pdf", "'; DROP TABLE attachments; --.pdf"),
        ("…．．.PDF", "…．．.PDF"),
    ] {
        let made = liaison.upload("/api/v1/attachments", &[(sent, PDF)]).is(201);
        assert_eq!(made.at("/items/0/name"), kept);
        let got = liaison.get(&format!("/api/v1/attachments/{}", made.at("/items/0/id"))).is(200);
        let disposition = got.header("content-disposition").unwrap();
        assert!(disposition.starts_with("attachment; filename=\"") && disposition.is_ascii(), "{disposition}");
        assert_eq!(disposition.matches('"').count(), 2, "{disposition}");
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    }
    let long = format!("{}.pdf", "长".repeat(300));
    for (sent, problem) in [
        ("a.pdf.exe", "415 file.type"),
        ("a.pdf.", "415 file.type"),
        ("a.pdf\u{202e}fdp.exe", "415 file.type"),
        (".pdf", "415 file.type"),
        ("..", "415 file.type"),
        (long.as_str(), "422 request.invalid /file field.too_long"),
    ] {
        assert_eq!(liaison.upload("/api/v1/attachments", &[(sent, PDF)]).problem(), problem, "{sent}");
    }
    // One content under eight names.
    assert_eq!(walk(&app.data.path().join("attachments")).len(), 1);
}

#[test]
fn a_file_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let app = TestApp::start_with(|config| config.files.max_file_mb = 1, |_| {});
    let full = vec![b'a'; 1024 * 1024];
    app.by("liaison").upload("/api/v1/attachments", &[("a.txt", &full)]).is(201);
    let over = app.by("liaison").upload("/api/v1/attachments", &[("a.txt", &[full.as_slice(), b"a"].concat())]);
    assert_eq!(over.problem(), "413 file.too_large");
    assert!(over.at("/detail").contains("1 MB"), "{}", over.text());
}

#[test]
fn an_upload_that_breaks_off_is_refused_and_leaves_nothing() {
    let app = TestApp::start();
    let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhalf a f";
    let kind = Some("multipart/form-data; boundary=x");
    let cut = app.by("liaison").send("POST", "/api/v1/attachments", kind, head.into());
    assert_eq!(cut.problem(), "400 request.malformed");
    // The same from somebody whose line breaks.
    let mut line = TcpStream::connect(app.url.strip_prefix("http://").unwrap()).unwrap();
    let request = format!(
        "POST /api/v1/attachments HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 10000000\r\n\r\n{head}",
        app.token("liaison")
    );
    line.write_all(request.as_bytes()).unwrap();
    line.write_all(&vec![b'a'; 6 * 1024 * 1024]).unwrap();
    let folder = app.data.path().join("attachments");
    until("its first part is on the disk", || !walk(&folder).is_empty());
    drop(line);
    until("what came of it is dropped", || walk(&folder).is_empty());
}

#[test]
fn what_one_person_uploads_in_a_day_has_a_limit_that_is_told_with_what_is_used() {
    let app = TestApp::start_with(|config| config.files.max_user_day_mb = 1, |_| {});
    let part = |letter: u8, size: usize| vec![letter; size];
    let liaison = app.by("liaison");
    let first = part(b'a', 600 * 1024);
    liaison.with("Idempotency-Key", "one").upload("/api/v1/attachments", &[("a.txt", &first)]).is(201);
    let refused = liaison.upload("/api/v1/attachments", &[("b.txt", &part(b'b', 500 * 1024))]);
    assert_eq!(refused.problem(), "429 file.day_limit");
    let detail = refused.at("/detail");
    assert!(detail.contains("1 MB") && detail.contains("600 KB") && detail.contains("500 KB"), "{detail}");
    // 09:00 in the office: fifteen hours are left.
    assert_eq!(refused.header("retry-after"), Some("54000"));
    assert_eq!(walk(&app.data.path().join("attachments")).len(), 1, "nothing of it is kept");
    liaison.upload("/api/v1/attachments", &[("c.txt", &part(b'c', 424 * 1024))]).is(201);
    assert_eq!(liaison.upload("/api/v1/attachments", &[("d.txt", b"d")]).problem(), "429 file.day_limit");
    let again = liaison.with("Idempotency-Key", "one").upload("/api/v1/attachments", &[("a.txt", &first)]).is(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "a repeat takes no room");
    app.by("leader").upload("/api/v1/attachments", &[("d.txt", b"d")]).is(201);
    app.pass(TimeDelta::hours(16));
    liaison.upload("/api/v1/attachments", &[("d.txt", b"d")]).is(201);
}

#[test]
fn the_files_of_a_ticket_have_a_limit_and_those_of_its_letters_count() {
    let app = TestApp::start_with(|config| config.files.max_ticket_mb = 1, |_| {});
    round::acknowledged(&app);
    let liaison = app.by("liaison");
    let upload = |letter: u8, size: usize| {
        liaison.upload("/api/v1/attachments", &[("a.txt", &vec![letter; size])]).is(201).at("/items/0/id")
    };
    let (first, second) = (upload(b'a', 600 * 1024), upload(b'b', 500 * 1024));
    let progress = |ids: &[&String]| {
        let body = json!({"text": "进展", "attachment_ids": ids});
        liaison.post("/api/v1/tickets/2026Q1-F01-01/progress", body)
    };
    progress(&[&first]).is(200);
    let refused = progress(&[&second]);
    assert_eq!(refused.problem(), "422 request.invalid /attachment_ids file.ticket_limit");
    let detail = refused.at("/errors/0/detail");
    for part in ["2026Q1-F01-01", "1 MB", "600 KB", "500 KB"] {
        assert!(detail.contains(part), "{detail}");
    }
    progress(&[&first]).is(200);
    let letter = |id: &String| {
        let mut letter = round::letter();
        letter["attachment_ids"] = json!([id]);
        liaison.post("/api/v1/feedback", letter)
    };
    assert_eq!(letter(&second).problem(), "422 request.invalid /attachment_ids file.ticket_limit");
    letter(&upload(b'c', 424 * 1024)).is(201);
    let body = json!({"decision": "return", "reason": "补充", "due_on": "2026-03-20"});
    app.by("coordinator").post("/api/v1/tickets/2026Q1-F01-01/review", body).is(200);
    assert!(progress(&[&upload(b'd', 1)]).at("/errors/0/detail").contains("1 MB are used"));
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}
