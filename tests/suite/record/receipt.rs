//! A unit's receipt proves itself: at the command line, long after the office's database is gone.

use crate::cli::Room;
use crate::support::app::TestApp;
use crate::support::round::{PDF, acknowledged, letter};
use serde_json::{Value, json};

/// The receipt of a letter with one file, as it is downloaded; nothing of its office is left.
fn downloaded() -> Value {
    let app = TestApp::start();
    acknowledged(&app);
    let unit = app.by("liaison");
    let file = unit.upload("/api/v1/attachments", &[("盖章件.pdf", PDF)]).is(201).at("/items/0/id");
    let mut letter = letter();
    letter["attachment_ids"] = json!([file]);
    let id = unit.post("/api/v1/feedback", letter).is(201).at("/id");
    let receipt = unit.get(&format!("/api/v1/feedback/{id}/receipt")).is(200).json();
    // Whatever is called differently later: it stays as it was filed.
    app.by("admin").patch("/api/v1/units/430502", json!({"name": "双清区"})).is(200);
    assert_eq!(unit.get(&format!("/api/v1/feedback/{id}/receipt")).is(200).json(), receipt);
    receipt
}

/// Every place of a document that holds a plain value.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| leaves(value, &format!("{at}/{index}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(at.to_owned()),
    }
}

/// Another value that could stand there.
fn edited(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_i64().unwrap() + 1),
        Value::String(text) if text.ends_with('Z') => json!(text.replace("01:00:00", "01:00:01")),
        Value::String(text) if text.is_empty() => json!("1"),
        Value::String(text) => {
            let mut letters: Vec<char> = text.chars().collect();
            let last = letters.last_mut().unwrap();
            *last = if *last == '1' { '2' } else { '1' };
            json!(letters.into_iter().collect::<String>())
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => json!("1"),
    }
}

#[test]
fn a_receipt_is_proven_without_the_office_and_every_edit_of_it_is_found() {
    let receipt = downloaded();
    let room = Room::new();
    let path = room.file("receipt.json", receipt.to_string());
    let pdf = room.file("copy.pdf", PDF);
    let other = room.file("other.pdf", b"%PDF-1.7 another");
    let said = room.run(&["audit", "receipt", &path, "--attachment", &pdf, "--lang", "en"]).ok().out;
    let hash = receipt["chain_hash"].as_str().unwrap();
    assert!(
        said.starts_with("The receipt holds: filed at 2026-03-02T01:00:00Z, hash ") && said.contains(hash),
        "{said}"
    );
    assert!(said.contains("copy.pdf = 盖章件.pdf"), "{said}");
    assert!(room.run(&["audit", "receipt", &path]).ok().out.contains("盖章件.pdf：未核对"));
    let done = room.run(&["audit", "receipt", &path, "--attachment", &other, "--lang", "en"]).failed();
    assert!(done.err.contains("other.pdf: no file of this letter"), "{}", done.err);
    let told = room.run(&["audit", "receipt", &path, "--attachment", &pdf, "--json"]).ok().json();
    assert_eq!((&told["whole"], &told["given"][0]["attachment"]), (&json!(true), &json!("盖章件.pdf")));
    assert_eq!(told["receipt"]["unproven"], json!([]));

    let mut places = Vec::new();
    leaves(&receipt, "", &mut places);
    assert!(places.len() > 25, "{places:?}");
    for place in &places {
        let mut changed = receipt.clone();
        let value = changed.pointer_mut(place).unwrap();
        *value = edited(value);
        assert!(rectify::domain::audit::receipt::check(&changed).is_err(), "{place} is not missed");
    }
    for field in ["record", "chain_hash", "attachments", "references", "letter_no", "unit", "notice", "submitted_at"] {
        let mut changed = receipt.clone();
        changed.as_object_mut().unwrap().shift_remove(field);
        assert!(rectify::domain::audit::receipt::check(&changed).is_err(), "{field} may go");
    }
    let mut changed = receipt.clone();
    changed["stamp"] = json!("合格");
    assert!(rectify::domain::audit::receipt::check(&changed).is_err());

    let mut late = receipt;
    late["letter_no"] = json!("双政函〔2026〕4号");
    let path = room.file("edited.json", late.to_string());
    let done = room.run(&["audit", "receipt", &path, "--lang", "en"]).failed();
    assert!(done.err.contains("its field letter_no is not what the record in it says"), "{}", done.err);
    let path = room.file("none.json", "{}");
    assert!(room.run(&["audit", "receipt", &path, "--lang", "en"]).failed().err.contains("This is no receipt"));
    assert!(!room.data().exists());
}
