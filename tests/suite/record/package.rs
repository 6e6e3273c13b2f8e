//! The record in one file: proven without a database, and whatever is done to it is found.

use crate::cli::Room;
use rectify::domain::audit::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Name and content, in their order.
type Files = Vec<(String, Vec<u8>)>;

fn unpacked(bytes: &[u8]) -> Files {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.name().unwrap().to_string(), content)
        })
        .collect()
}

fn packed(files: &Files) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The lines of a file, changed.
fn with_lines(files: &Files, name: &str, change: impl FnOnce(&mut Vec<Value>)) -> Files {
    let mut files = files.clone();
    let (_, content) = files.iter_mut().find(|(held, _)| held == name).unwrap();
    let mut lines: Vec<Value> = content
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    change(&mut lines);
    *content = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
    files
}

/// With a manifest that fits.
fn with_manifest(mut files: Files) -> Files {
    let (_, manifest) = files.iter().find(|(name, _)| name == "manifest.json").unwrap();
    let mut manifest: Value = serde_json::from_slice(manifest).unwrap();
    for part in manifest["files"].as_array_mut().unwrap() {
        let (_, content) = files.iter().find(|(name, _)| part["name"] == name.as_str()).unwrap();
        part["sha256"] = json!(hex(&Sha256::digest(content)));
        part["lines"] = json!(content.split_inclusive(|byte| *byte == b'\n').count());
    }
    let (_, held) = files.iter_mut().find(|(name, _)| name == "manifest.json").unwrap();
    *held = manifest.to_string().into_bytes();
    files
}

#[test]
fn a_package_is_proven_anywhere_and_every_change_of_it_is_found() {
    let room = Room::new();
    for login in ["wang", "zhao", "qian"] {
        room.run(&["user", "add", login, "--name", "王芳", "--roles", "admin"]).ok();
    }
    room.run(&["audit", "checkpoint"]).ok();
    room.run(&["user", "disable", "qian"]).ok();
    let path = room.file("record.zip", "");
    // What is there already may be anything.
    room.run(&["audit", "export", &path]).failed();
    assert_eq!(std::fs::read(&path).unwrap(), b"");
    std::fs::remove_file(&path).unwrap();
    let said = room.run(&["audit", "export", &path, "--lang", "en"]).ok().out;
    let bytes = std::fs::read(&path).unwrap();
    assert!(said.contains("7 events written") || said.contains("6 events written"), "{said}");
    assert!(said.contains(&hex(&Sha256::digest(&bytes))), "{said}");
    // Nothing but the file is left.
    if room.is_embedded() {
        std::fs::remove_dir_all(room.data()).unwrap();
    }
    let elsewhere = Room::new();
    let verdict = |bytes: &[u8]| {
        let path = elsewhere.file("package.zip", bytes);
        elsewhere.run(&["audit", "verify", "--package", &path, "--json", "--lang", "en"])
    };
    let whole = verdict(&bytes).ok().json();
    assert_eq!((&whole["whole"], &whole["checkpoints"]), (&json!(true), &json!(2)));
    assert!(
        elsewhere.run(&["audit", "verify", "--package", &path, "--lang", "en"]).ok().out.contains("every link holds")
    );

    for length in [bytes.len() - 1, bytes.len() / 2, 10, 0] {
        let done = verdict(&bytes[..length]);
        assert_eq!(done.code, 1);
        assert!(done.err.contains("This is no whole package of the record"), "{}", done.err);
    }
    let files = unpacked(&bytes);
    let broken = |files: Files| {
        let done = verdict(&packed(&files));
        assert_eq!(done.code, 1, "{}", done.out);
        done.json()["first_broken"].clone()
    };
    assert!(verdict(&packed(&files)).ok().json()["whole"].as_bool().unwrap());
    let events = "events.ndjson";
    let first = serde_json::from_slice::<Value>(
        files.iter().find(|(name, _)| name == events).unwrap().1.split(|b| *b == b'\n').next().unwrap(),
    )
    .unwrap();
    assert_eq!(first["stream"], "office");
    for fits in [false, true] {
        let fitted = |files: Files| if fits { with_manifest(files) } else { files };
        let said = |change: fn(&mut Vec<Value>)| broken(fitted(with_lines(&files, events, change)));
        let office = |seq: i64, reason: &str| json!({"stream": "office", "seq": seq, "reason": reason});
        assert_eq!(said(|lines| lines[0]["payload"] = json!("{}")), office(1, "payload"));
        assert_eq!(said(|lines| lines[0]["actor_name"] = json!("x")), office(1, "name"));
        assert_eq!(said(|lines| lines[0]["id"] = lines[1]["id"].clone()), office(1, "hash"));
        assert_eq!(
            said(|lines| lines[0]["hash"] = json!("zz")),
            json!({"stream": events, "seq": 1, "reason": "unreadable"})
        );
        assert_eq!(said(|lines| lines.swap(0, 1)), office(2, "gap"));
        assert_eq!(said(|lines| drop(lines.remove(0))), office(2, "gap"));
        assert_eq!(said(|lines| lines.truncate(lines.len() - 1))["reason"], "cut_short");
        assert_eq!(said(|lines| lines.rotate_right(1)), office(1, "cut_short"));
        assert_eq!(said(Vec::clear)["reason"], "cut_short");
        let cut = |name: &str| broken(fitted(with_lines(&files, name, |lines| drop(lines.pop()))));
        assert_eq!(cut("heads.ndjson")["reason"], "checkpoint");
        assert_eq!(cut("checkpoints.ndjson")["reason"], "checkpoint");
    }
    let spaced = files.iter().map(|(name, content)| {
        let mut content = content.clone();
        if name == events {
            content.insert(1, b' ');
        }
        (name.clone(), content)
    });
    assert_eq!(broken(spaced.collect()), json!({"stream": events, "seq": 0, "reason": "file"}));
    let done = verdict(&packed(&files[1..].to_vec()));
    assert!(done.code == 1 && done.err.contains("This is no whole package"), "{}", done.err);
    let mut flipped = 0;
    for at in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x20;
        let done = verdict(&bytes);
        // A flag or a time of an entry says nothing of the record.
        flipped += usize::from(done.code == 1);
        assert!(done.code == 1 || done.json()["whole"] == true);
    }
    assert!(flipped > 40, "{flipped}");
}
