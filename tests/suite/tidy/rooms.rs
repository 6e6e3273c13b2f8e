//! Who may import whom, which room alone speaks to which library, and that every "no" is said somewhere.

use super::{Source, lines_with, sources};
use rectify::domain::refusal::Code;
use std::collections::BTreeSet;

/// A room and the rooms it may name.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("config", &["domain"]),
    ("telemetry", &["domain", "config"]),
    ("files", &["domain"]),
    ("store", &["domain"]),
    ("transaction", &["domain", "store", "clock"]),
    ("installation", &["domain", "config", "store", "clock", "transaction"]),
    ("queries", &["domain", "store", "clock", "transaction"]),
    ("actions", &["domain", "store", "files", "clock", "transaction"]),
    // The runner lets the courier deliver what it has planned; mail knows nothing of it.
    ("reminders", &["domain", "store", "actions", "mail", "clock", "transaction"]),
    ("mail", &["domain", "store", "config", "clock", "transaction"]),
    ("installation", &["domain", "store", "config", "clock", "transaction"]),
    ("sandbox", &["domain", "store", "actions", "files", "queries", "reminders", "mail", "clock", "transaction"]),
    ("http", &["domain", "store", "config", "telemetry", "files", "queries", "actions", "clock", "transaction"]),
    ("api", &["domain", "files", "http", "queries", "actions", "clock", "transaction"]),
    ("web", &["domain", "files", "http", "queries", "actions", "clock", "transaction"]),
];

/// The outermost room: it may name all.
const OUTERMOST: &str = "cli";

/// Files that name one room more than theirs may. One that has stopped must not stand here.
const BESIDES: &[(&str, &str)] = &[
    // Who is asking is read by a query; the note of their use is a change.
    ("src/actions/sign_in.rs", "queries"),
];

/// Macros stand at the crate's root, wherever they were written.
const MACROS: &[(&str, &str)] =
    &[("text_enum", "domain"), ("native", "store"), ("locked", "store"), ("insert_all", "store"), ("load_of", "store")];

/// Words of a library or of the system, and the only places of `src` that say them.
const SPOKEN_ONLY_IN: &[(&[&str], &[&str])] = &[
    (&["diesel::", "diesel_migrations::", "libsqlite3_sys::", "pq_sys::"], &["src/store/"]),
    (&["actix_web::", "actix_multipart::", "utoipa_actix_web::"], &["src/http/", "src/api/", "src/web/"]),
    (&["lettre::"], &["src/mail/"]),
    (&["Utc::now", "Local::now", "SystemTime::now"], &["src/clock.rs"]),
    (
        &["std::env", "env::var", "env::vars", "env::var_os", "env::vars_os", "env::args"],
        &["src/config/", "src/main.rs"],
    ),
];

/// The room in which a file stands; `None` for the crate's own files.
fn room_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let room = inside.split_once('/').map_or_else(|| inside.trim_end_matches(".rs"), |(room, _)| room);
    (room != "main" && room != "lib").then_some(room)
}

/// The rooms that a piece of code names: `crate::store::…`, `use crate::{store, domain}`.
fn named(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, prefix) in code.match_indices("crate::") {
        let (before, rest) = code.split_at(at + prefix.len());
        let (line, rest) = (before.lines().count(), rest.trim_start());
        match rest.strip_prefix('{') {
            Some(group) => found.extend(heads(group).into_iter().map(|name| (line, name))),
            None => found.push((line, first_name(rest))),
        }
    }
    found
}

/// The first names of the paths in a group of a `use`, up to its closing brace.
fn heads(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut heads = Vec::new();
    let mut head = String::new();
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(first_name(&std::mem::take(&mut head))),
            _ if depth == 0 => head.push(letter),
            _ => {}
        }
    }
    heads.push(first_name(&head));
    heads.retain(|head| !head.is_empty());
    heads
}

fn first_name(path: &str) -> String {
    path.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// Modules between the crate's root and the one a file is: `src/domain/ticket.rs` is two deep.
fn depth(path: &str) -> usize {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    inside.split('/').count()
}

/// Chains of `super::` that end at the crate's root, from where another room could be named.
fn escapes(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let mut inner = 0;
    for (line, number) in source.code.lines().zip(1..) {
        if holds_module(line) {
            inner = 1;
        } else if line == "}" {
            inner = 0;
        }
        let chain = "super::".repeat(depth(&source.path) + inner);
        if line.contains(&chain) {
            found.push(format!("{}:{number}: {chain}", source.path));
        }
    }
    found
}

fn holds_module(line: &str) -> bool {
    let line = line.trim();
    line.ends_with('{') && (line.starts_with("mod ") || line.starts_with("pub mod "))
}

/// What a file names that its room may not.
fn trespasses(source: &Source) -> Vec<String> {
    let Some(room) = room_of(&source.path) else { return Vec::new() };
    if room == OUTERMOST {
        return Vec::new();
    }
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{}: {room} is no room of the house; give it a line in ROOMS", source.path)];
    };
    let named = named(&source.code).into_iter().map(|(line, name)| {
        let of_macro = MACROS.iter().find(|(word, _)| *word == name);
        (line, of_macro.map_or(name, |(_, room)| (*room).to_owned()))
    });
    let mut faults: Vec<String> = named
        .filter(|(_, name)| name != room && !allowed.contains(&name.as_str()))
        .filter(|(_, name)| !BESIDES.contains(&(source.path.as_str(), name.as_str())))
        .map(|(line, name)| format!("{}:{line}: {room} may not name {name}", source.path))
        .collect();
    faults.extend(escapes(source));
    faults
}

fn source(path: &str, code: &str) -> Source {
    Source { path: path.to_owned(), text: code.to_owned(), code: code.to_owned() }
}

#[test]
fn rooms_name_only_those_they_may() {
    let sources = sources("src");
    let faults: Vec<String> = sources.iter().flat_map(trespasses).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for (path, room) in BESIDES {
        let source = sources.iter().find(|source| source.path == *path);
        let still = source.is_some_and(|source| named(&source.code).iter().any(|(_, name)| name == room));
        assert!(still, "{path} does not name {room} any more; take it out of BESIDES");
    }
}

#[test]
fn every_way_to_name_a_room_is_seen() {
    for (path, code, expected) in [
        ("src/domain/a.rs", "use crate::store::Db;", 1),
        ("src/domain/a.rs", "use crate::{domain::b, store::{Db, tickets}};", 1),
        ("src/domain/a.rs", "fn f() { crate::native!(c => c) }", 1),
        ("src/domain/a/b.rs", "use super::super::super::store;", 1),
        ("src/domain/a/b.rs", "use super::super::a;", 0),
        ("src/domain/a.rs", "mod tests {\n use super::super::b;\n}", 0),
        ("src/domain/a.rs", "mod tests {\n use super::super::super::store;\n}", 1),
        ("src/domain/a.rs", "mod tests {\n}\nuse super::super::store;", 1),
        ("src/api/tickets.rs", "use crate::actions::tickets; use crate::store::Db; use crate::web::page;", 2),
        ("src/store/a.rs", "use crate::domain::id; $crate::store::Conn", 0),
        ("src/cli/serve.rs", "use crate::store::Db;", 0),
        ("src/attic/a.rs", "", 1),
        ("src/main.rs", "use crate::store::Db;", 0),
    ] {
        assert_eq!(trespasses(&source(path, code)).len(), expected, "{path}: {code}");
    }
}

#[test]
fn libraries_and_the_system_are_spoken_to_in_their_rooms_only() {
    let mut faults = Vec::new();
    for source in sources("src") {
        for (words, places) in SPOKEN_ONLY_IN {
            if !places.iter().any(|place| source.path.starts_with(place)) {
                let said = words.iter().flat_map(|word| {
                    lines_with(&source, word)
                        .into_iter()
                        .map(move |line| format!("{line}: {word} belongs in {places:?}"))
                });
                faults.extend(said);
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Refusals of doors that are still being built. One that is said by now must not stand here.
const AWAITED: &[&str] = &["AssetContradicts"];

/// The part of a file that is shipped: tests of its own stand last.
fn shipped(source: Source) -> Source {
    let is_test = source.path.ends_with("tests.rs") || source.path.contains("/tests/");
    let tests = source.code.match_indices("#[cfg(test)]").map(|(at, _)| at).find(|at| {
        let (_, from_here) = source.code.split_at(*at);
        from_here.lines().nth(1).is_some_and(holds_module)
    });
    let end = if is_test { 0 } else { tests.unwrap_or(source.code.len()) };
    let (code, _) = source.code.split_at(end);
    Source { code: code.to_owned(), ..source }
}

#[test]
fn every_refusal_is_said_somewhere() {
    let sources: Vec<Source> = sources("src").into_iter().map(shipped).collect();
    let said = |name: &str| sources.iter().any(|source| !lines_with(source, &format!("Code::{name}")).is_empty());
    let (mut silent, mut told) = (Vec::new(), Vec::new());
    for name in Code::ALL.iter().map(|code| format!("{code:?}")) {
        match (said(&name), AWAITED.contains(&name.as_str())) {
            (false, false) => silent.push(name),
            (true, true) => told.push(name),
            (true, false) | (false, true) => {}
        }
    }
    assert!(silent.is_empty(), "refusals that nobody says: {silent:?}");
    assert!(told.is_empty(), "these are said by now; take them out of AWAITED: {told:?}");
    let known: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{code:?}")).collect();
    assert!(AWAITED.iter().all(|name| known.contains(*name)), "AWAITED names what is no refusal");
}
