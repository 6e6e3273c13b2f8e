//! The tree: what may stand at the top, how files begin, and what none of them says.

use super::{files_below, from_root, root, sources};
use std::fs;
use std::path::PathBuf;

const TOP: &[&str] = &["Cargo.toml", "Cargo.lock", "README.md", "src", "migrations", "tests", "config", "benches"];

/// What `.gitignore` leaves out: whole entries of the top, one a line.
fn ignored() -> Vec<String> {
    let text = fs::read_to_string(root().join(".gitignore")).unwrap();
    let names = text.lines().filter(|line| !line.is_empty());
    names.map(|line| line.strip_prefix('/').expect("one entry of the top a line, like /target").to_owned()).collect()
}

/// The entries of the top that belong to the repository.
fn top() -> Vec<(String, PathBuf)> {
    let ignored = ignored();
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let named = entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path));
    named.filter(|(name, _)| name != ".git" && !ignored.contains(name)).collect()
}

#[test]
fn at_the_top_stands_only_what_tools_demand() {
    let stray: Vec<String> = top()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !(TOP.contains(&name.as_str()) || name.starts_with('.') || name.starts_with("LICENSE")))
        .collect();
    assert!(stray.is_empty(), "{stray:?}");
}

#[test]
fn every_file_of_rust_begins_with_what_it_is_for() {
    let all = sources("src").into_iter().chain(sources("tests"));
    let silent: Vec<String> = all.filter(|source| !source.text.starts_with("//! ")).map(|source| source.path).collect();
    assert!(silent.is_empty(), "no //! in the first line of {silent:?}");
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let places: Vec<String> = ["work", "root"].iter().map(|name| format!("/{name}")).collect();
    let mut faults = Vec::new();
    for path in top().into_iter().flat_map(|(_, path)| if path.is_dir() { files_below(&path) } else { vec![path] }) {
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for (line, number) in text.lines().zip(1..) {
            if places.iter().any(|place| stands(line, place)) {
                faults.push(format!("{}:{number}: {}", from_root(&path), line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Does the line name this folder, or something in it? Not where it is a part of a longer word or path.
fn stands(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        let next = rest.chars().nth(folder.len());
        let ends = next.is_none_or(|letter| matches!(letter, '"' | '\'' | '`' | '/' | ' ' | ')'));
        let begins =
            before.chars().next_back().is_none_or(|letter| matches!(letter, '"' | '\'' | '`' | ' ' | '=' | ':' | '('));
        begins && ends
    })
}
